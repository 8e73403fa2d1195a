"""What simulated lymphocytes look like, as numbers: sizes, outlines, chromatin.

Against an ordinary small lymphocyte a tumoral-looking one has a nucleus that fills more of the cell, an irregular
outline, looser and finer chromatin with nucleoli, fewer granules in the cytoplasm, and is smudged more often. Every
number varies from cell to cell, and the two looks overlap. This caricatures textbook descriptions; it is no model of a
disease, and nothing learned on it says anything about people.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Complexes = NDArray[np.complexfloating[Any, Any]]

LOOKS = {
    # name: mean of ordinary cells, mean of tumoral ones, standard deviation of either
    "radius": (0.49, 0.53, 0.05),
    "nucleus_share": (0.76, 0.88, 0.05),
    "cell_waviness": (0.025, 0.045, 0.008),
    "nucleus_waviness": (0.03, 0.085, 0.015),
    "density": (1.0, 0.8, 0.07),
    "clumping": (0.22, 0.10, 0.03),
    "grain": (0.03, 0.09, 0.02),
    "nucleoli": (0.0, 0.45, 0.1),
    "basophilia": (0.55, 0.7, 0.12),
    "granules": (0.25, 0.0, 0.15),
}
SMUDGED = (0.02, 0.12)
HARMONICS = 4


@dataclass(frozen=True)
class Cells:
    """Cells in pictures whose half width is 1, one row a cell.

    Attributes:
        radius: of the cell.
        nucleus_share: radius of the nucleus, as a share of the cell's.
        centre: (cells,) complex, x + iy.
        nucleus_centre: (cells,) complex.
        cell_waves: (cells, harmonics) complex, what the outline adds to the radius at 2, 3, ... waves around the cell.
        nucleus_waves: the same of the nucleus.
        density: how dark the nucleus is.
        clumping: contrast of coarse chromatin.
        grain: contrast of fine chromatin.
        nucleoli: how pale they are; 0 shows none.
        nucleolus_places: (cells, 2) complex, relative to the nucleus' centre and radius.
        basophilia: how blue the cytoplasm is.
        granules: how much of them there is in the cytoplasm.
        smudged: true where the cell has burst, with a blurred nucleus and no cytoplasm.
    """

    radius: Floats
    nucleus_share: Floats
    centre: Complexes
    nucleus_centre: Complexes
    cell_waves: Complexes
    nucleus_waves: Complexes
    density: Floats
    clumping: Floats
    grain: Floats
    nucleoli: Floats
    nucleolus_places: Complexes
    basophilia: Floats
    granules: Floats
    smudged: NDArray[np.bool_]

    def __getitem__(self, part: slice) -> "Cells":
        """Some of the cells."""
        return Cells(**{name: values[part] for name, values in vars(self).items()})


def draw_cells(rng: Generator, tumoral: NDArray[np.bool_], distinctness: float) -> Cells:
    """Cells, of which those of `tumoral` (cells,) look tumoral.

    A `distinctness` of 1 puts these all the way from ordinary ones, 0 leaves no difference.
    """
    count = len(tumoral)
    toward = distinctness * tumoral
    drawn: dict[str, Any] = {
        name: np.maximum(rng.normal(ordinary + toward * (other - ordinary), std), 0).astype(np.float32)
        for name, (ordinary, other, std) in LOOKS.items()
    }
    drawn["nucleus_share"] = np.clip(drawn["nucleus_share"], 0.55, 0.95)
    centre = 0.04 * _complex_normal(rng, (count,))
    # The nucleus lies off the middle, within the cell.
    room = drawn["radius"] * (1 - drawn["nucleus_share"])
    nucleus_centre = centre + 0.6 * room * np.exp(2j * np.pi * rng.random(count))
    places = 0.55 * np.sqrt(rng.random((count, 2))) * np.exp(2j * np.pi * rng.random((count, 2)))
    return Cells(
        **{name: values for name, values in drawn.items() if not name.endswith("waviness")},
        centre=centre.astype(np.complex64),
        nucleus_centre=nucleus_centre.astype(np.complex64),
        cell_waves=_waves(rng, drawn["cell_waviness"]),
        nucleus_waves=_waves(rng, drawn["nucleus_waviness"]),
        nucleolus_places=places.astype(np.complex64),
        smudged=rng.random(count) < SMUDGED[0] + toward * (SMUDGED[1] - SMUDGED[0]),
    )


def _waves(rng: Generator, waviness: Floats) -> Complexes:
    """Harmonics whose sum has the standard deviation `waviness` around the outline."""
    waves = _complex_normal(rng, (len(waviness), HARMONICS)) / np.sqrt(HARMONICS)
    return (waviness[:, np.newaxis] * waves).astype(np.complex64)


def _complex_normal(rng: Generator, shape: tuple[int, ...]) -> Complexes:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
