"""Bags that hold instances of at most one of some key classes: an allowed one is drawn, the others are kept out.

The bag is called after the allowed class where it occurs, and `none` elsewhere. With one key class that is the question
of attention MIL (is there a 9?), with three that of loss-attention (which of 3, 5 and 9?).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrow.errors import ConfigError

NONE = "none"
Pools = dict[str, NDArray[np.intp]]


def pools_by_class(labels: NDArray[np.uint8], usable: NDArray[np.intp], keys: Mapping[str, int]) -> Pools:
    """For every class of bags the instances it may hold: those of its key class, if any, and those of no key class.

    `labels` (instances,) are of all instances, `usable` the indices of those that the split has, and `keys` is name of
    a bag's class -> the class of its key instances.
    """
    classes = labels[usable]
    plain = ~np.isin(classes, list(keys.values()))
    return {NONE: usable[plain]} | {name: usable[plain | (classes == key)] for name, key in keys.items()}


def draw_instances(
    rng: np.random.Generator,
    pools: Pools,
    number: int,
    size: Mapping[str, Any],
    *,
    balance: str,
    replacement: bool,
) -> tuple[str, NDArray[np.intp]]:
    """The class of a bag and its instances.

    `alternate` gives the classes in turn, a positive one first, and draws a bag, its size included, until it is of its
    class; so positive bags are slightly larger than negative ones, as they are in the published loader. `natural` does
    neither. With `replacement` an instance can come twice.
    """
    names: Sequence[str] = list(pools)
    required = names[(number + 1) % len(names)] if balance == "alternate" else None
    while True:
        allowed = required or names[rng.integers(1, len(names))]
        pool, count = pools[allowed], draw_size(rng, size)
        if count > len(pool) and not replacement:
            raise ConfigError(
                f"a bag of {count} different instances is asked for, and there are {len(pool)} to draw from; make "
                "size.mean smaller, set replacement, or give more data"
            )
        chosen = rng.choice(pool, count, replace=replacement)
        label = NONE if np.isin(chosen, pools[NONE]).all() else allowed
        if required in (None, label):
            return label, chosen


def draw_size(rng: np.random.Generator, size: Mapping[str, Any]) -> int:
    """How many instances a bag has, at least 1: the normal distribution of attention-based MIL (Ilse et al. 2018).

    What the paper calls a variance of 2, 10 or 20 is the standard deviation in its code, and where the paper rounds to
    the closest integer the code truncates (mean sizes 9.5, 49.5 and 99.5). Here both are settings; `truncate` is the
    default, as the code made the published numbers; the other is `nearest`.
    """
    drawn = rng.normal(size["mean"], size["std"])
    return max(1, int(drawn) if size["rounding"] == "truncate" else int(np.rint(drawn)))
