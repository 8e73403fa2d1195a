"""Made-up volumes with the size, the share of body and the noise of whole-body MRI, and bodies of the phantom.

All are quick to make and always the same.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from marrow.bones.table import read_bones
from marrow.phantom.anatomy import Anatomy, person, render
from marrow.phantom.habitus import lie_down
from marrow.phantom.lesions import Difficulty
from marrow.phantom.protocol import truth_grid
from marrow.phantom.roster import SimulatedScan

# A whole-body scan at 2 mm, (z, y, x).
FULL = (900, 180, 250)


def body_mask(shape: Sequence[int]) -> npt.NDArray[np.bool_]:
    """A body, wider at some heights than at others, that fills a good quarter of the box: (z, y, x)."""
    z, y, x = (np.linspace(-1, 1, count, dtype=np.float32) for count in shape)
    width = 0.58 + 0.12 * np.cos(7 * z)
    return y[:, None] ** 2 + x**2 < (width**2)[:, None, None]


def made_up_volume(shape: Sequence[int], seed: int) -> npt.NDArray[np.float32]:
    """Three tissues in clumps inside `body_mask`, nothing outside, Rician noise everywhere: (z, y, x)."""
    generator = np.random.default_rng(seed)
    z, y, x = (np.arange(count, dtype=np.float32) for count in shape)
    clumps = np.sin(z / 13)[:, None, None] * np.cos(y / 7)[:, None] * np.sin(x / 9 + seed)
    tissues = np.select([clumps > 0.3, clumps < -0.3], [np.float32(700), np.float32(150)], np.float32(350))
    signal = np.where(body_mask(shape), tissues, np.float32(0))
    real, imaginary = (generator.standard_normal(shape, dtype=np.float32) * np.float32(25) for _ in range(2))
    return np.hypot(signal + real, imaginary)


def phantom_anatomy(patient: str, seed: int, size: str, contrasts: Sequence[str]) -> Anatomy:
    """The body of a man of 60, free of noise; the patient's name, such as `focal-01`, begins with the disease."""
    disease, bones = patient.split("-")[0], read_bones()
    row = SimulatedScan(f"{patient}-1", patient, 1, disease, disease, "train", "north", "m", 60, "")
    who = person(seed, row, bones, Difficulty(1.0, 0.05, 0.4, 0.0))
    posture = lie_down(who.build, seed, row.scan)
    return render(who, posture, truth_grid(posture, size), contrasts, bones)
