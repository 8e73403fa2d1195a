"""MNIST-bags: is one digit among many (Ilse et al. 2018), or which of three (Shi et al. 2020).

The task `binary` asks whether a bag contains the target, a 9. The task `four` lets at most one of 3, 5 and 9 occur and
asks which, or none. Both are one generator (`draw_instances`) with one key digit or three.

The published loaders differ in what they balance and whether a digit can come twice (docs/digit_bags.md); left empty,
`balance` and `replacement` are those of the loader behind the published numbers.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marrow.bags.bag import Bag, Layout
from marrow.datasets.shared.digit_pool import DIGIT_LAYOUT, read_pool, require_digits
from marrow.datasets.shared.generated import bag_id, bag_stream
from marrow.datasets.shared.key_instances import NONE, draw_instances, pools_by_class

FOUR_KEYS = (3, 5, 9)


def layout(settings: Mapping[str, Any]) -> Layout:
    """One channel of ink, pixels as MNIST has them."""
    return DIGIT_LAYOUT


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """No key digit, or the one that there is; an instance is key where its class is that of its bag."""
    return (NONE, *map(str, key_digits(settings)))


def key_digits(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """The digits that decide on the class of a bag."""
    return FOUR_KEYS if settings["task"] == "four" else (settings["target"],)


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The bags `first` to `first + count - 1` of a split."""
    images, labels = read_pool(sources["mnist"], split)
    keys = key_digits(settings)
    require_digits(labels, keys, split)
    pools = pools_by_class(labels, np.arange(len(labels)), {str(key): key for key in keys})
    balance, replacement = as_published(settings)
    for number in range(first, first + count):
        rng = bag_stream(settings["seed"], split, number)
        label, chosen = draw_instances(rng, pools, number, settings["size"], balance=balance, replacement=replacement)
        yield Bag(
            bag_id(split, number),
            images[chosen][:, np.newaxis],
            split=split,
            label=label,
            instance_label=labels[chosen],
        )


def as_published(settings: Mapping[str, Any]) -> tuple[str, bool]:
    """Balance and replacement; those of the task's published loader where they are left empty."""
    binary = settings["task"] == "binary"
    balance, replacement = settings["balance"], settings["replacement"]
    return (
        ("alternate" if binary else "natural") if balance is None else balance,
        binary if replacement is None else replacement,
    )
