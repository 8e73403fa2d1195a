"""Bags that hold at most one of some key classes: an allowed one is drawn, the others are kept out.

The bag is called after the allowed class where it occurs, and `none` elsewhere. With one key class that is the question
of attention MIL (is there a 9?), with three that of loss-attention (which of 3, 5 and 9?).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrow.datasets.sizes import draw_size
from marrow.errors import ConfigError

NONE = "none"
Pools = dict[str, NDArray[np.intp]]


def keyed_pools(labels: NDArray[np.uint8], usable: NDArray[np.intp], keys: Mapping[str, int]) -> Pools:
    """For every class of bags the instances it may hold: those of its key, if any, and those of no key.

    Args:
        labels: (instances,), the class of each.
        usable: indices of those that the split has.
        keys: name of a bag's class -> the class of its key instances.
    """
    classes = labels[usable]
    plain = ~np.isin(classes, list(keys.values()))
    return {NONE: usable[plain]} | {name: usable[plain | (classes == key)] for name, key in keys.items()}


def draw_keyed(
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
    class; so positive bags are slightly larger than negative ones, as they are in the published loader.

    Args:
        rng: the bag's random numbers.
        pools: from `keyed_pools`.
        number: of the bag.
        size: see `draw_size`.
        balance: `alternate` or `natural`.
        replacement: whether an instance can come twice.
    """
    names: Sequence[str] = list(pools)
    wanted = names[(number + 1) % len(names)] if balance == "alternate" else None
    while True:
        allowed = wanted or names[rng.integers(1, len(names))]
        pool, count = pools[allowed], draw_size(rng, size)
        if count > len(pool) and not replacement:
            raise ConfigError(
                f"a bag of {count} different instances is asked for, and there are {len(pool)} to draw from; make "
                "size.mean smaller, set replacement, or give more data"
            )
        chosen = rng.choice(pool, count, replace=replacement)
        label = NONE if np.isin(chosen, pools[NONE]).all() else allowed
        if wanted in (None, label):
            return label, chosen
