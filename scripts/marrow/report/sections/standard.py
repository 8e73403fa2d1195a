"""The standard scale of each contrast: where the percentiles of a training scan lie on it, on average.

The scale is Nyul's: landmarks are percentiles of the body's intensities, and the standard is their mean over training
scans after each was stretched between the scale's two ends (Nyul, Udupa and Zhang 2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrow.report.page import Reading, Section, render
from marrow.report.tables import why_absent

WIDTH, HEIGHT = 240, 150  # of the plot in the units of its SVG
READING = Reading(
    figure="a standard scale",
    shown="for each percentile of a scan's intensities inside the body, the value it is given on the standard scale. "
    "The thin diagonal joins the two ends.",
    good="a curve that rises at every landmark. Bends are the shape of the contrast's histogram: flat where most of "
    "the body has nearly the same intensity, steep in the tails. On diffusion the last step is large: brain, spleen, "
    "kidneys and lesions lie there.",
    bad="a flat step: two landmarks with one value, because the training images are clipped or the body masks hold "
    "much air. On fat or water, a last step as large as on diffusion: a few very bright voxels decide the scale.",
    remedy="look at the quality sheets of the training scans, take out those with faults, and look at the body masks. "
    "Once the standard is good, freeze it, so that a growing cohort does not move it.",
)


@dataclass(frozen=True)
class Curve:
    """A standard scale as it is drawn.

    Attributes:
        contrast: its name.
        landmarks: percentile -> value on the standard scale.
        points: the places of the landmarks in the plot, `x,y` each.
        why: why there is no scale; empty where there is one.
    """

    contrast: str
    landmarks: dict[float, float]
    points: tuple[tuple[float, float], ...]
    why: str = ""


def section(scales: Sequence[str], standards: Sequence[Path], notes: Sequence[str]) -> Section:
    """The standard scales, drawn and as numbers, and what a reader should know of them."""
    curves = [_curve(scale, path) for scale, path in zip(scales, standards, strict=True)]
    percentiles = sorted({percentile for curve in curves for percentile in curve.landmarks})
    html = render(
        "sections/standard.html.j2",
        curves=curves,
        percentiles=percentiles,
        notes=notes,
        how=READING,
        width=WIDTH,
        height=HEIGHT,
    )
    return Section("standard", "Standard scale", html)


def _curve(contrast: str, path: Path) -> Curve:
    if not path.stat().st_size:
        return Curve(contrast, {}, (), why_absent(path))
    values, percentiles = np.load(path, allow_pickle=False)
    span = float(values[-1] - values[0]) or 1.0
    points = zip(percentiles / 100 * WIDTH, HEIGHT - (values - values[0]) / span * HEIGHT, strict=True)
    return Curve(
        contrast,
        {float(percentile): float(value) for percentile, value in zip(percentiles, values, strict=True)},
        tuple((round(float(x), 1), round(float(y), 1)) for x, y in points),
    )
