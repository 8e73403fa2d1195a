"""Checks that the images are what the sheet says: none exchanged, none twice, none mirrored, of one day, and of tissue.

All is measured on voxels of 6 mm inside the body. The measured values are kept whether or not they lead to a finding,
so that limits can be chosen by looking at them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.contrasts import Contrast, Role
from marrow.imaging.ingest.b_values import is_near
from marrow.imaging.ingest.body import at_spacing
from marrow.imaging.ingest.diffusion import UNIT
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.volume import BoolArray, FloatArray, intensities, mask_of, voxels

COARSE_MM = 6.0
SAME_IMAGE = 0.9999  # correlation; water and fat, or two b-values, stay far below
EXCHANGED = 0.6  # of the body brighter at the high b-value; noise alone gives a half
BINS = 32  # of the histograms of the mutual information
MOST_VOXELS = 50_000  # in them

Measures = dict[str, dict[str, float]]  # contrast -> measure -> value


@dataclass(frozen=True)
class Limits:
    """The limits of the checks, from the config.

    Attributes:
        negative_share: of the voxels of an image that is not zero; magnitudes have no negative ones.
        missing_share: of the body that a contrast may lack.
        brighter_share: of the body that may be brighter at the high b-value than at the low one.
        adc_range: of the median of the body, in 1e-6 mm2/s.
        mirrored_by: how much more information a contrast may share with that of the grid when mirrored, as a share.
        days_apart: between the contrasts of a scan.
    """

    negative_share: float
    missing_share: float
    brighter_share: float
    adc_range: Sequence[float]
    mirrored_by: float
    days_apart: int


@dataclass(frozen=True)
class Inspected:
    """The contrasts of a scan on coarse voxels inside the body, with the places where each was acquired."""

    values: dict[str, FloatArray]
    acquired: dict[str, BoolArray]
    body: BoolArray

    def both(self, a: str, b: str) -> tuple[FloatArray, FloatArray]:
        """The values of two contrasts where both were acquired."""
        where = self.body & self.acquired[a] & self.acquired[b]
        return self.values[a][where], self.values[b][where]


def inspect(volumes: Mapping[str, sitk.Image], grid_of: str, body: sitk.Image) -> Inspected:
    """Bring the composed contrasts of a scan onto coarse voxels of the one that gives the grid."""
    frame = at_spacing(volumes[grid_of], COARSE_MM)
    inside = mask_of(sitk.Resample(body, frame, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0))
    values: dict[str, FloatArray] = {}
    acquired: dict[str, BoolArray] = {}
    for name, volume in volumes.items():
        on_frame = sitk.Resample(at_spacing(volume, COARSE_MM), frame, sitk.Transform(), sitk.sitkLinear, float("nan"))
        array = intensities(on_frame)
        acquired[name] = np.isfinite(array)
        values[name] = np.nan_to_num(array)
    return Inspected(values, acquired, inside)


def check_plausible(
    contrasts: Sequence[Contrast],
    volumes: Mapping[str, sitk.Image],
    body: sitk.Image,
    b_values: Mapping[str, float],
    limits: Limits,
) -> tuple[list[Finding], Measures]:
    """All checks of what the images of a scan show, and what was measured.

    Args:
        contrasts: those that files were given for.
        volumes: contrast -> composed volume, without correction of shading.
        body: its mask.
        b_values: contrast -> b-value of this scan, s/mm2.
        limits: of the config.
    """
    grid_of = _named("grid", contrasts)[0]
    scan = inspect(volumes, grid_of, body)
    findings, measures = check_same(scan)
    for low in _named("low_b", contrasts):
        for high in _named("high_b", contrasts):
            findings += check_diffusion(scan, low, high, b_values[high] - b_values[low], limits, measures)
    for contrast in contrasts:
        of_contrast = measures.setdefault(contrast.name, {})
        findings += check_coverage(scan, contrast.name, limits, of_contrast)
        if not contrast.has_units:
            findings += check_sign(volumes[contrast.name], contrast.name, limits, of_contrast)
        if contrast.name != grid_of:
            findings += check_sides(scan, contrast.name, grid_of, limits, of_contrast)
    return findings, measures


def check_same(scan: Inspected) -> tuple[list[Finding], Measures]:
    """Check that no two contrasts are one image, as they are or brighter."""
    findings: list[Finding] = []
    measures: Measures = {}
    for a, b in combinations(scan.values, 2):
        one, other = scan.both(a, b)
        if min(np.ptp(one), np.ptp(other)) if one.size else False:
            alike = float(np.corrcoef(one, other)[0, 1])
            measures.setdefault(b, {})[f"correlation_with_{a}"] = alike
            if alike > SAME_IMAGE:
                message = f"{a} and {b} are the same image (correlation {alike:.5f}); mend one of the two columns."
                findings.append(Finding("same_image", "stop", b, message))
    return findings, measures


def check_diffusion(
    scan: Inspected, low: str, high: str, b_difference: float, limits: Limits, measures: Measures
) -> list[Finding]:
    """Check that the high b-value is darker, and the ADC, `ln(S_low / S_high) / b`, that of tissue."""
    dark, bright = scan.both(high, low)
    measured = (dark > 0) & (bright > 0)
    if not measured.any():
        return []
    adc = UNIT / b_difference * np.log(bright[measured] / dark[measured])
    brighter, median = float((adc < 0).mean()), float(np.median(adc))
    measures.setdefault(high, {}).update(brighter_share=brighter, adc_median=median)
    if brighter > EXCHANGED:
        message = (
            f"{high} is brighter than {low} in {brighter:.0%} of the body: the two are exchanged, or not of one "
            "acquisition. Exchange the columns of the sheet, or mend the series numbers."
        )
        return [Finding("b_values_exchanged", "stop", high, message)]
    findings: list[Finding] = []
    if brighter > limits.brighter_share:
        message = (
            f"{high} is brighter than {low} in {brighter:.0%} of the body; there is little signal, or the two were "
            "scaled apart. Look at the picture; the ADC means nothing there."
        )
        findings.append(Finding("brighter_at_high_b", "warn", high, message))
    least, most = limits.adc_range
    if not least <= median <= most:
        message = (
            f"the ADC from {low} and {high} has a median of {median:.0f} 1e-6 mm2/s in the body, tissue {least:g} to "
            f"{most:g}; check the b-values and whether the two images were scaled apart."
        )
        findings.append(Finding("adc_range", "warn", high, message))
    return findings


def check_coverage(scan: Inspected, name: str, limits: Limits, measures: dict[str, float]) -> list[Finding]:
    """Check that a contrast was acquired in most of the body."""
    missing = 1 - float(np.count_nonzero(scan.acquired[name] & scan.body) / max(1, np.count_nonzero(scan.body)))
    measures["missing_share"] = missing
    if missing <= limits.missing_share:
        return []
    message = (
        f"{name} was not acquired in {missing:.0%} of the body, and all contrasts lose that part; check that all "
        "stations "
        "were given, or raise ingest.checks.missing_share if the protocol leaves it out."
    )
    return [Finding("partly_missing", "warn", name, message)]


def check_sign(volume: sitk.Image, name: str, limits: Limits, measures: dict[str, float]) -> list[Finding]:
    """Check that an image holds magnitudes."""
    array = voxels(volume)
    negative = float(np.count_nonzero(np.less(array, 0)) / max(1, np.count_nonzero(array)))
    measures["negative_share"] = negative
    if negative <= limits.negative_share:
        return []
    message = (
        f"{name}: {negative:.0%} of its voxels are negative, so an offset was subtracted, or it is a phase or a real "
        "part; "
        "the body's outline, the gains and the ADC would be wrong. Export the magnitude images."
    )
    return [Finding("negative_values", "stop", name, message)]


def check_sides(scan: Inspected, name: str, grid_of: str, limits: Limits, measures: dict[str, float]) -> list[Finding]:
    """Check that a contrast does not fit that of the grid better with left and right exchanged.

    Fit is mutual information, so that it does not matter which tissue is bright on which.
    """
    where = scan.body & scan.acquired[name] & scan.acquired[grid_of]
    mirrored_where = where & where[..., ::-1]
    fixed = scan.values[grid_of][mirrored_where]
    direct, mirrored = (
        mutual_information(fixed, values[mirrored_where])
        for values in (scan.values[name], scan.values[name][..., ::-1])
    )
    gain = mirrored / direct - 1 if direct > 0 else 0.0
    measures["mirrored_gain"] = gain
    if gain <= limits.mirrored_by:
        return []
    message = (
        f"{name} fits {grid_of} better with left and right exchanged ({gain:.0%} more shared information); one of the "
        "two "
        "headers is wrong. Look at liver and spleen, and convert the series of the wrong one again."
    )
    return [Finding("mirrored", "warn", name, message)]


def check_days(days: Mapping[str, frozenset[date]], limits: Limits) -> list[Finding]:
    """Check that the contrasts were acquired on one day; the days themselves appear nowhere."""
    known = {name: sorted(of_contrast) for name, of_contrast in days.items() if of_contrast}
    if not known:
        return []
    first = min(known, key=lambda name: known[name][0])
    last = max(known, key=lambda name: known[name][-1])
    apart = (known[last][-1] - known[first][0]).days
    if apart < limits.days_apart:
        return []
    message = (
        f"{first} and {last} were acquired {apart} days apart; give every examination a row of its own, or raise "
        "ingest.checks.days_apart."
    )
    return [Finding("days_apart", "warn", last, message)]


def check_b_values(
    b_values: Mapping[str, float], overrides: Mapping[str, Mapping[str, float]], contrasts: Sequence[Contrast]
) -> list[Finding]:
    """Check that the b-value of the images is the one whose standard scale the scan is brought onto."""
    columns: dict[Role, str] = {"low_b": "b_low", "high_b": "b_high"}
    findings: list[Finding] = []
    for contrast in contrasts:
        planned = overrides.get(contrast.name, {}).get("b_value", contrast.b_value)
        measured = b_values.get(contrast.name)
        column = next((columns[role] for role in contrast.roles if role in columns), None)
        if planned is not None and measured is not None and column and not is_near(planned, measured):
            message = (
                f"{contrast.name} was acquired with b = {measured:g} s/mm2, and its intensities are standardised as "
                "those of "
                f"b = {planned:g}; write {measured:g} into the column {column} of the sheet, which gives it a scale of "
                "its own."
            )
            findings.append(Finding("b_value", "warn", contrast.name, message))
    return findings


def mutual_information(a: FloatArray, b: FloatArray) -> float:
    """The mutual information of paired intensities in nats, from a histogram of their ranks."""
    if a.size == 0:
        return 0.0
    every = max(1, a.size // MOST_VOXELS)
    a, b = a[::every], b[::every]
    joint = np.histogram2d(_ranks(a), _ranks(b), bins=BINS)[0] / a.size
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float(np.sum(joint[filled] * np.log(joint[filled] / product[filled])))


def _ranks(values: FloatArray) -> npt.NDArray[np.intp]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")


def _named(role: Role, contrasts: Sequence[Contrast]) -> list[str]:
    return [contrast.name for contrast in contrasts if role in contrast.roles]
