"""CIFAR-10 bags: which of cat, dog and truck is among the images (Shi et al. 2020, Table 3: loss-attention).

A bag is drawn as in the authors' code for digits: of the three targets one is allowed, the images come from it and from
the seven other classes, and the bag is called after the target where it occurs, else `none`. Their code for CIFAR-10
was never released. Drawn like that, `none` has a share of 28% at a mean size of 10 and of 0.3% at 50, so `balance` is
`alternate` by default: the classes take turns, and a bag is drawn, its size included, until it is of its class.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrow.bag_sets.numbered import bag_id, bag_stream
from marrow.bag_sets.sizes import draw_size
from marrow.bags.bag import Bag, Layout
from marrow.errors import ConfigError
from marrow.sources.catalogue import CIFAR_CLASSES
from marrow.sources.cifar import SHAPE, Images, read_cifar

TARGETS = ("cat", "dog", "truck")
NONE = "none"
_NUMBERS = tuple(CIFAR_CLASSES.index(target) for target in TARGETS)


def layout(settings: Mapping[str, Any]) -> Layout:  # noqa: ARG001
    """Three colours, pixels as CIFAR-10 has them."""
    return Layout(
        SHAPE,
        "uint8",
        channels=("red", "green", "blue"),
        instance_label="class",
        instance_classes=CIFAR_CLASSES,
    )


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG001
    """No target, or the one that there is."""
    return (NONE, *TARGETS)


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The bags `first` to `first + count - 1` of a split."""
    images = read_cifar(sources["cifar10"], "test" if split == "test" else "train")
    pools = _pools(images, split)
    drawn = [_draw(settings, images.labels, pools, split, number) for number in range(first, first + count)]
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


def _pools(images: Images, split: str) -> dict[str, NDArray[np.intp]]:
    """For every class of bags the images it may hold: those of its target, if any, and those of no target."""
    usable = images_of(images.labels, split)
    labels = images.labels[usable]
    pools = {NONE: usable[~np.isin(labels, _NUMBERS)]}
    for target, number in zip(TARGETS, _NUMBERS, strict=True):
        if number not in labels:
            raise ConfigError(f"CIFAR-10: no image of a {target} is left for the split {split}; give more images.")
        pools[target] = usable[~np.isin(labels, _NUMBERS) | (labels == number)]
    return pools


def _draw(
    settings: Mapping[str, Any],
    labels: NDArray[np.uint8],
    pools: Mapping[str, NDArray[np.intp]],
    split: str,
    number: int,
) -> tuple[str, NDArray[np.intp]]:
    """The class of a bag and its images."""
    rng = bag_stream(settings["seed"], split, number)
    names = (NONE, *TARGETS)
    wanted = names[number % len(names)] if settings["balance"] == "alternate" else None
    while True:
        allowed = wanted or TARGETS[rng.integers(len(TARGETS))]
        pool, size = pools[allowed], draw_size(rng, settings["size"])
        if size > len(pool) and not settings["replacement"]:
            raise ConfigError(
                f"CIFAR-10: a bag of {size} different images, but the split {split} has {len(pool)} to draw from; make "
                "size.mean smaller, set replacement, or give more images."
            )
        chosen = rng.choice(pool, size, replace=settings["replacement"])
        label = allowed if np.isin(labels[chosen], _NUMBERS).any() else NONE
        if wanted in (None, label):
            return label, chosen
