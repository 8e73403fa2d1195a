"""Small data sets whose bags have clinical attributes, and methods that learn from these."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import learning_sets
from marrow.bags.attributes import Attribute
from marrow.bags.bag import Bag
from marrow.bags.manifest import Manifest
from method_parts import complete

AGE = Attribute("age", missing="mean")
PROTEIN = Attribute("m_protein", log=True)
STAGE = Attribute("stage", values=("I", "II", "III"))
ATTRIBUTES = (AGE, PROTEIN, STAGE)
SPLITS = {"train": 8, "validation": 4, "test": 4}


def with_values(bag: Bag) -> Bag:
    """A bag with attributes; those of a positive one are higher, and some are unknown."""
    number = int(bag.bag[-2:])
    chance = np.random.default_rng([len(bag.split), number])
    is_positive = number % 2
    values: dict[str, float | str] = {"age": float(chance.normal(60 + 8 * is_positive, 8))}
    if number != 2:
        values["m_protein"] = float(np.exp(chance.normal(1 + is_positive, 0.8)))
    if number != 3:
        values["stage"] = ["I", "II", "III"][int(chance.integers(0, 2)) + is_positive]
    return replace(bag, attributes=values)


def written(folder: Path, splits: Mapping[str, int] | None = None, change: Any = with_values) -> Manifest:
    """Tables with attributes, on disk."""
    return learning_sets.written(folder, learning_sets.tables(), dict(splits or SPLITS), change=change)


def settings(
    kind: str, *, attributes: tuple[Attribute, ...] = ATTRIBUTES, start: str = "scratch", **changed: dict[str, Any]
) -> dict[str, Any]:
    """A complete method that learns from attributes.

    `kind` is `alone` for attributes alone, or a fusion.
    """
    chosen = learning_sets.settings(
        **{"auxiliary": [], "pooling": {"kind": "mean", "level": "embedding"}, **changed}  # pyright: ignore[reportArgumentType]
    )
    expert = changed.get("expert", {"kind": "none" if kind == "concatenation" else "mlp"})
    chosen |= {
        "attributes": [attribute.settings for attribute in attributes],
        "expert": complete("expert", **expert),
        "fusion": complete("fusion", **{"kind": "none" if kind == "alone" else kind, **changed.get("fusion", {})}),
        "start": start,
    }
    if kind == "alone":
        chosen |= {name: complete(name, kind="none") for name in ("encoder", "pooling")}
    return chosen
