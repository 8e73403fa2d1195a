"""The contrasts of a scan, and what each is for, as the config declares them.

Everything beyond the config asks for a role and never for a name, so that other contrasts need no code.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

Role = Literal["grid", "water", "fat", "low_b", "high_b", "structural", "quantitative", "adc"]


@dataclass(frozen=True)
class Contrast:
    """A contrast as the config declares it.

    Attributes:
        name: a column of the sample sheet, and a part of file names.
        roles: what it is for. `grid`: the common grid and the body come from it; `water` and `fat`: the Dixon images;
            `low_b` and `high_b`: the diffusion images that the ADC is computed from; `structural`: any other image with
            arbitrary units; `quantitative`: a map with units, which is read; `adc`: the map that ingest computes.
        standardise: whether it is brought onto the standard intensity scale.
        b_value: of a diffusion image, s/mm2; that of a scan may be another in `b_range`.
        b_range: the least and the largest b-value that count as this contrast.
        acquisition: contrasts with the same word were measured together: they share gains of stations and shading.
    """

    name: str
    roles: tuple[Role, ...]
    standardise: bool
    b_value: float | None
    b_range: tuple[float, float] | None
    acquisition: str

    @classmethod
    def of(cls, declaration: Mapping[str, Any]) -> "Contrast":
        """The contrast of a declaration, as `declaration` gives it and JSON keeps it."""
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in declaration.items()}
        return cls(**cast("dict[str, Any]", values))

    def declaration(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def is_computed(self) -> bool:
        """Whether ingest computes it, so that no file is given for it."""
        return "adc" in self.roles

    @property
    def has_units(self) -> bool:
        """Whether its numbers mean something as they are."""
        return "adc" in self.roles or "quantitative" in self.roles
