"""A trained model in a file: weights as safetensors, with all that is needed to use them.

The header holds the method, the layout of the bags it was trained on and their classes, so that a model is refused
where bags do not fit. Nothing in it is ever executed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from marrow.bags.bag import Layout
from marrow.bags.header import layout_of
from marrow.bags.manifest import Entry, Manifest
from marrow.device.tensor_file import read_tensors, tensor_bytes
from marrow.errors import MarrowError
from marrow.learning.build import attributes_of, build_model, looks_at_instances
from marrow.learning.feed.choice import feed_of
from marrow.learning.feed.feed import Feed
from marrow.learning.model import Model
from marrow.learning.scaling import Scaling
from marrow.workflow.fingerprint.values import canonical

KIND = "marrow classifier"
_REMEDY = "copy it again, or train it again"


@dataclass(frozen=True)
class About:
    """What a model was trained as and on; its classes are in the order of their numbers."""

    method: str
    settings: Mapping[str, Any]
    seed: int
    dataset: str
    classes: tuple[str, ...]
    layout: Layout

    def feed(self, manifest: Manifest, entries: Sequence[Entry], device: torch.device, threads: int) -> Feed:
        """Bags for the model to judge, with the attributes that it learned from."""
        return feed_of(
            manifest,
            entries,
            [],
            device,
            threads=threads,
            attributes=attributes_of(self.settings),
            is_read=looks_at_instances(self.settings),
        )

    def check(self, manifest: Manifest) -> None:
        """Refuse bags that the model does not fit.

        Raises:
            MarrowError: the bags have other classes or another layout.
        """
        if manifest.classes != self.classes:
            raise MarrowError(
                f"the model {self.method} was trained to tell {', '.join(self.classes)}, and {manifest.dataset} has "
                f"the classes {', '.join(manifest.classes)}; give both the same, or train again"
            )
        if manifest.layout != self.layout:
            raise MarrowError(
                f"the model {self.method} was trained on bags of {self.dataset} with the layout {self.layout}, and "
                f"those of {manifest.dataset} have {manifest.layout}; make them with the same settings"
            )


def save_model(model: Model, about: About, path: Path) -> None:
    """Write the weights, and in the header all that is needed to use them; the same model gives the same bytes."""
    header = {
        "kind": KIND,
        "method": about.method,
        "settings": canonical(about.settings),
        "seed": str(about.seed),
        "dataset": about.dataset,
        "classes": canonical(list(about.classes)),
        "layout": canonical(asdict(about.layout)),
    }
    path.write_bytes(tensor_bytes(model.state_dict(), header))


def load_model(path: Path) -> tuple[Model, About]:
    """The model in a file, on the processor and ready to judge.

    Raises:
        MarrowError: the file is damaged or no model of ours.
    """
    weights, told = read_tensors(path)
    if told.get("kind") != KIND:
        raise MarrowError(f"{path.name} holds no classifier of bags; {_REMEDY}")
    about = About(
        method=told["method"],
        settings=json.loads(told["settings"]),
        seed=int(told["seed"]),
        dataset=told["dataset"],
        classes=tuple(json.loads(told["classes"])),
        layout=layout_of(json.loads(told["layout"])),
    )
    model = build_model(about.settings, about.layout, len(about.classes), Scaling.like(weights), {})
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        raise MarrowError(f"{path.name} has other weights than its header tells of; {_REMEDY}") from None
    return model.eval(), about
