"""The contrasts of a scan: what each one is for, as the config declares it.

Everything beyond ingest asks for a role and never for a name, so that a protocol with other contrasts needs no new code.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["grid", "water", "fat", "low_b", "high_b", "structural", "quantitative", "adc"]


@dataclass(frozen=True)
class Contrast:
    """A contrast as the config declares it.

    Attributes:
        name: its name, a column of the sample sheet and a part of file names.
        roles: what it is for. `grid`: the common grid and the body come from it (one contrast); `water` and `fat`: the
            Dixon images; `low_b` and `high_b`: the two diffusion images that the ADC is computed from; `structural`: any
            other image with arbitrary units; `quantitative`: a map with units, which ingest reads; `adc`: the map that
            ingest computes, without a column.
        standardise: whether it is brought onto the standard intensity scale.
        b_value: of a diffusion image, s/mm2: the intended one. The b-value of a scan may be another within `b_range`.
        b_range: the b-values that count as this contrast, from the least to the largest.
        acquisition: contrasts with the same word here were measured together: they share the gains of their stations and
            their shading.
    """

    name: str
    roles: frozenset[Role]
    standardise: bool
    b_value: float | None
    b_range: tuple[float, float] | None
    acquisition: str
