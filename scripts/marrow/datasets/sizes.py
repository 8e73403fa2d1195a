"""How many instances a bag has: the normal distribution of attention-based MIL (Ilse et al. 2018).

What the paper calls a variance of 2, 10 or 20 is the standard deviation in its code, and where the paper rounds to the
closest integer the code truncates (mean sizes 9.5, 49.5 and 99.5). Here both are settings; `truncate` is the default,
as the code made the published numbers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np


def draw_size(rng: np.random.Generator, size: Mapping[str, Any]) -> int:
    """A bag size, at least 1.

    Args:
        rng: where the chance comes from.
        size: `mean`, `std` and `rounding`, which is `truncate` or `nearest`.
    """
    drawn = rng.normal(size["mean"], size["std"])
    return max(1, int(drawn) if size["rounding"] == "truncate" else int(np.rint(drawn)))
