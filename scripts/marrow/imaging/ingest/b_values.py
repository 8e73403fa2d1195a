"""Chooses the b-value of a contrast among those that were measured."""

from collections.abc import Iterable

from marrow.errors import ScanStopped
from marrow.imaging.contrasts import Contrast

TOLERANCE = 0.05  # relative; scanners round
SMALLEST_TOLERANCE = 5.0  # s/mm2


def is_near(a: float, b: float) -> bool:
    """Whether two b-values are the same up to rounding."""
    return abs(a - b) <= max(SMALLEST_TOLERANCE, TOLERANCE * max(a, b))


def choose_b_value(measured: Iterable[float], contrast: Contrast, of_scan: float | None, where: str) -> float:
    """The b-value to take: that of the sheet (`of_scan`), else the one in the contrast's range nearest to its own.

    Raises:
        ScanStopped: none fits, or two fit equally well.
    """
    values = sorted(set(measured))
    listed = ", ".join(f"{value:g}" for value in values)
    if of_scan is not None:
        near = [value for value in values if is_near(value, of_scan)]
        if near:
            return min(near, key=lambda value: abs(value - of_scan))
        raise ScanStopped(
            "b_value", f"{where}: the sheet gives b = {of_scan:g} s/mm2, and the images have {listed}; mend the sheet."
        )
    low, high = contrast.b_range or (0.0, 0.0)
    own = contrast.b_value or 0.0
    fitting = sorted((value for value in values if low <= value <= high), key=lambda value: abs(value - own))
    if not fitting:
        raise ScanStopped(
            "b_value",
            f"{where}: the images have b = {listed} s/mm2, and {contrast.name} takes {low:g} to {high:g}; give other "
            f"images, or widen b_range of {contrast.name} in `contrasts` of the config.",
        )
    rivals = [value for value in fitting[1:] if abs(value - own) == abs(fitting[0] - own)]
    if rivals:
        raise ScanStopped(
            "b_value",
            f"{where}: b = {fitting[0]:g} and {rivals[0]:g} s/mm2 are equally near to {own:g}; write the one to take "
            "into the column b_low or b_high of the sheet.",
        )
    return fitting[0]
