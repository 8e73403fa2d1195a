"""Random streams by name: what one part of the phantom draws never shifts what another draws.

Adding a patient, a lesion or a station leaves every other stream as it was.
"""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random numbers that belong to `names` under `seed`."""
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))
