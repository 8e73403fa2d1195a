"""CIFAR-10 bags: which of cat, dog and truck is among the images (Shi et al. 2020, Table 3: loss-attention).

A bag is drawn as in the authors' code for digits (`draw_instances`). Their code for CIFAR-10 was never released. Drawn
like that, `none` has a share of 28% at a mean size of 10 and of 0.3% at 50, so `balance` is `alternate` by default.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrow.bags.bag import Bag, Layout
from marrow.datasets.shared.generated import bag_id, bag_stream
from marrow.datasets.shared.key_instances import NONE, Pools, draw_instances, pools_by_class
from marrow.datasets.sources.catalogue import CIFAR_CLASSES
from marrow.datasets.sources.cifar import SHAPE, Images, read_cifar
from marrow.errors import ConfigError

TARGETS = ("cat", "dog", "truck")
_KEYS = {target: CIFAR_CLASSES.index(target) for target in TARGETS}


def layout(settings: Mapping[str, Any]) -> Layout:
    """Three colours, pixels as CIFAR-10 has them."""
    return Layout(
        SHAPE,
        "uint8",
        channels=("red", "green", "blue"),
        instance_label="class",
        instance_classes=CIFAR_CLASSES,
    )


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """No target, or the one that there is."""
    return (NONE, *TARGETS)


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The bags `first` to `first + count - 1` of a split."""
    images = read_cifar(sources["cifar10"], "test" if split == "test" else "train")
    pools = _pools(images, split)
    drawn = [_draw(settings, pools, split, number) for number in range(first, first + count)]
    needed, places = np.unique(np.concatenate([chosen for _, chosen in drawn]), return_inverse=True)
    pixels = images.read(needed)  # at once: an archive is opened one time and an image decoded one time
    ends = np.cumsum([len(chosen) for _, chosen in drawn])
    for number, (label, chosen), place in zip(
        range(first, first + count), drawn, np.split(places, ends[:-1]), strict=True
    ):
        yield Bag(
            bag_id(split, number),
            pixels[place],
            split=split,
            label=label,
            instance_label=images.labels[chosen],
        )


def images_of(labels: NDArray[np.uint8], split: str) -> NDArray[np.intp]:
    """The images of a split: validation has the last fifth of each class of training images, train the others."""
    if split == "test":
        return np.arange(len(labels))
    held = np.zeros(len(labels), dtype=bool)
    for label in range(len(CIFAR_CLASSES)):
        members = np.flatnonzero(labels == label)
        held[members[len(members) * 4 // 5 :]] = True
    return np.flatnonzero(held == (split == "validation"))


def _pools(images: Images, split: str) -> Pools:
    """For every class of bags the images it may hold."""
    usable = images_of(images.labels, split)
    missing = [target for target, number in _KEYS.items() if number not in images.labels[usable]]
    if missing:
        raise ConfigError(f"CIFAR-10: no image of a {missing[0]} is left for the split {split}; give more images.")
    return pools_by_class(images.labels, usable, _KEYS)


def _draw(settings: Mapping[str, Any], pools: Pools, split: str, number: int) -> tuple[str, NDArray[np.intp]]:
    """The class of a bag and its images."""
    rng = bag_stream(settings["seed"], split, number)
    return draw_instances(
        rng, pools, number, settings["size"], balance=settings["balance"], replacement=settings["replacement"]
    )
