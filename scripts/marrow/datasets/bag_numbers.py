"""The number of a generated bag gives its id and all its chance.

A bag depends on its settings, its split and its number alone: bag 7 of 100 is bag 7 of 150, whatever file it is in.
"""

import numpy as np

SPLITS = ("train", "validation", "test")


def bag_id(split: str, number: int) -> str:
    """The id of a bag, such as `train-00007`."""
    return f"{split}-{number:05d}"


def bag_stream(seed: int, split: str, number: int) -> np.random.Generator:
    """The random numbers of a bag."""
    return np.random.default_rng([seed, SPLITS.index(split), number])
