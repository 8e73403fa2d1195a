"""Which standard scale each scan's contrasts are brought onto, and which scans each scale is fitted on.

A contrast has one scale. Where the sheet gives scans another b-value than the contrast's own, these have a scale of
that b-value, since the same tissue is darker the higher it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.errors import look_up
from marrow.planning.cohort import Cohort
from marrow.planning.contrasts import Contrasts
from marrow.planning.sheet import Scan


@dataclass(frozen=True)
class Scale:
    """A standard scale: its contrast, and the scans that it is fitted on; none where it is frozen."""

    contrast: str
    scans: tuple[str, ...]


@dataclass(frozen=True)
class Standards:
    """The standard scales of a cohort.

    Attributes:
        scales: name, which is that of the file -> the scale.
        of_scan: scan -> the names of its scales, in the order of the standardised contrasts.
        frozen: the folder of an earlier run's scales, or nothing.
        notes: what somebody should know of them.
    """

    scales: Mapping[str, Scale]
    of_scan: Mapping[str, list[str]]
    frozen: str | None
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Scale:
        return look_up(self.scales, name, f"there is no standard scale {name}")

    def files(self, scan: str) -> list[str]:
        """The files of a scan's scales."""
        return [f"results/standard/{name}.npy" for name in self.of_scan[scan]]

    def frozen_file(self, name: str) -> list[str]:
        """The frozen scale that is taken as it is, if the config names a folder."""
        return [f"{self.frozen}/{name}.npy"] if self.frozen else []


def plan_standards(contrasts: Contrasts, cohort: Cohort, frozen: str | None) -> Standards:
    """The scales of all scans; `frozen` is the folder of scales that are taken as they are."""
    fitted_on = [] if frozen else cohort.standard
    scales: dict[str, Scale] = {}
    of_scan: dict[str, list[str]] = {scan: [] for scan in cohort.ids}
    notes: list[str] = []
    for contrast in contrasts.standardised:
        own = contrasts[contrast].b_value
        b_values = {scan.scan: _b_value(scan, contrast, own) for scan in cohort}
        names = {b: contrast if b == own else f"{contrast}-b{b:g}" for b in sorted(set(b_values.values()), key=str)}
        if frozen:
            usable = [b for b, name in names.items() if Path(frozen, f"{name}.npy").is_file()]
        else:
            usable = [b for b in names if any(b_values[scan] == b for scan in fitted_on)]
        taken = {b: min(usable, key=lambda near: abs((near or 0) - (b or 0)), default=b) for b in names}
        for scan, b in b_values.items():
            of_scan[scan].append(names[taken[b]])
        for b in dict.fromkeys(taken.values()):
            scales[names[b]] = Scale(contrast, tuple(scan for scan in fitted_on if b_values[scan] == b))
        notes += _notes(contrast, b_values, taken)
    return Standards(scales, of_scan, frozen, tuple(notes))


def _b_value(scan: Scan, contrast: str, own: float | None) -> float | None:
    return scan.overrides.get(contrast, {}).get("b_value", own)


def _notes(
    contrast: str, b_values: Mapping[str, float | None], taken: Mapping[float | None, float | None]
) -> Sequence[str]:
    if len(taken) == 1:
        return ()
    counts = {b: sum(other == b for other in b_values.values()) for b in taken}
    listed = ", ".join(f"{count} at b = {b:g}" for b, count in counts.items())
    notes = [f"{contrast} mixes b-values ({listed}); each has a standard scale of its own, and models see one contrast"]
    return notes + [
        f"{contrast}: no training scan has b = {b:g}; the scale of b = {near:g} is used for those {counts[b]}, whose "
        "intensities it does not fit well"
        for b, near in taken.items()
        if near != b
    ]
