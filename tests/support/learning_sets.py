"""Small data sets to learn from: written as bag files with a manifest, as the workflow does."""

from pathlib import Path
from typing import Any

import numpy as np

import write_manifest
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.file import write_bags
from marrow.bags.manifest import Manifest, read_manifest
from method_parts import complete

TASKS = (Task("stripe", ("none", "one")), Task("height"))
SPLITS = {"train": 8, "validation": 4, "test": 4}


def volumes(edge: int = 8, margin: int = 2) -> Layout:
    """Patches of volumes, as scans have them."""
    return Layout(
        (1, *(edge + 2 * margin,) * 3), "float16", margin=margin, channels=("b900",), tasks=TASKS, classes=("no", "yes")
    )


def pictures() -> Layout:
    """Digits-like pictures."""
    return Layout((1, 28, 28), "uint8", channels=("ink",), tasks=TASKS[:1], flips=False, classes=("no", "yes"))


def tables(features: int = 6) -> Layout:
    """Rows of a table."""
    return Layout((features,), "float32", tasks=TASKS, classes=("no", "yes"))


def bag(layout: Layout, split: str, number: int) -> Bag:
    """A bag; in a positive one (an odd number) a third of the instances are brighter."""
    chance = np.random.default_rng([len(layout.shape), len(split), number])
    instances = int(chance.integers(3, 9))
    patches = chance.normal(50, 10, (instances, *layout.shape))
    bright = np.arange(instances) < max(1, instances // 3)
    patches[bright & bool(number % 2)] += 60
    stripe = chance.integers(0, 2, instances)
    patches[stripe == 1, ..., 0] += 40
    given: dict[str, Any] = {
        "stripe": stripe.astype(np.uint8),
        "height": chance.random(instances).astype(np.float32),
    }
    return Bag(
        bag=f"{split}-{number:02d}",
        patches=patches.astype(layout.dtype),
        split=split,
        label=layout.classes[number % 2],
        auxiliary={task.name: given[task.name] for task in layout.tasks},
    )


def written(folder: Path, layout: Layout, splits: dict[str, int] | None = None, change: Any = None) -> Manifest:
    """A data set on disk; `change` may alter each bag before it is written."""
    bags = [bag(layout, split, number) for split, count in (splits or SPLITS).items() for number in range(count)]
    path = folder / "bags" / "small.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bags([change(made) if change else made for made in bags], layout, path)
    manifest = folder / "manifests" / "small.parquet"
    manifest.parent.mkdir(exist_ok=True)
    write_manifest.main(bags=[path], manifest=manifest, dataset="small", classes=[], rows=[], selection={})
    return read_manifest(manifest)


def settings(**changed: dict[str, Any]) -> dict[str, Any]:
    """A complete method: attention over a small network for tables, one auxiliary task."""
    usual: dict[str, Any] = {
        "encoder": {"kind": "mlp", "dropout": 0.0, "dropout_after": "last"},
        "pooling": {"kind": "attention", "attention_width": 16},
        "auxiliary": ["stripe"],
        "heads": {},
        "weighting": {"kind": "atmil", "variant": "as-printed", "gramian": "trunk", "every": 1, "beta": 0.05},
        "training": {
            "epochs": 10,
            "optimiser": "adam",
            "learning_rate": 1e-3,
            "learning_rate_steps": [6],
            "learning_rate_factor": 0.1,
            "learning_rate_decay": 0.0,
            "weight_decay": 1e-4,
            "decay_biases": True,
            "bags_per_step": 1,
            "class_weights": "none",
            "choose": "last",
            "patience": None,
            "input": "standardised",
            "precision": "auto",
            "deterministic": False,
            "compile": False,
        },
    }
    chosen = {
        name: {**part, **changed.get(name, {})} if isinstance(part, dict) else changed.get(name, part)
        for name, part in usual.items()
    }
    parts = {name: complete(name, **chosen[name]) for name in ("encoder", "pooling", "weighting")}
    return chosen | parts | ({} if chosen["auxiliary"] else {"weighting": complete("weighting", kind="none")})
