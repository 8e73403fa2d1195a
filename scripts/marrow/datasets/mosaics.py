"""Mosaics of MNIST for key-instance detection (sparse network inversion): does a picture of 400 digits contain a 9.

Digits lie on a square grid, so that maps of attention can be drawn over the mosaic. Half of the mosaics are positive.
In those the share of targets is their natural one in MNIST (the paper reports 10.2%), and negatives have none. How many
mosaics the paper has is not published, nor whether a digit can come twice in one: the counts are ours, and it cannot.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrow.bags.bag import Bag, Layout
from marrow.datasets.shared.digit_pool import DIGIT_LAYOUT, read_pool, require_digits
from marrow.datasets.shared.generated import bag_id, bag_stream
from marrow.datasets.shared.key_instances import NONE
from marrow.datasets.sources.mnist import SIDE


def layout(settings: Mapping[str, Any]) -> Layout:
    """One channel of ink, pixels as MNIST has them."""
    return DIGIT_LAYOUT


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """No target, or the target; an instance is key where its class is that of its mosaic."""
    return (NONE, str(settings["target"]))


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The mosaics `first` to `first + count - 1` of a split, positive and negative in turn."""
    images, labels = read_pool(sources["mnist"], split)
    target, names = settings["target"], classes(settings)
    require_digits(labels, [target], split)
    is_target = labels == target
    share = is_target.mean() if settings["share"] is None else settings["share"]
    targets, others = np.flatnonzero(is_target), np.flatnonzero(~is_target)
    corners = grid_corners(settings["side"])
    for number in range(first, first + count):
        rng = bag_stream(settings["seed"], split, number)
        positive = number % 2 == 0
        here = np.zeros(len(corners), dtype=bool)
        while positive and not here.any():
            here = rng.random(len(corners)) < share
        chosen = np.empty(len(corners), dtype=np.intp)
        chosen[here] = rng.choice(targets, int(here.sum()), replace=False)
        chosen[~here] = rng.choice(others, int((~here).sum()), replace=False)
        yield Bag(
            bag_id(split, number),
            images[chosen][:, np.newaxis],
            split=split,
            label=names[positive],
            corners=corners,
            instance_label=labels[chosen],
        )


def grid_corners(side: int) -> NDArray[np.int16]:
    """The first pixel (i, j, k) of each digit, row by row: i to the right, j down, k is 0; (side * side, 3)."""
    row, column = np.divmod(np.arange(side * side), side)
    return (np.stack([column, row, np.zeros_like(row)], axis=1) * SIDE).astype(np.int16)
