"""The data that a sheet shows of one contrast; small, so that the volumes need not stay in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.drawing.coronal import Mask, Picture, Volume, coronal_projection, coronal_shadow, coronal_slice
from marrow.drawing.quality_sheet.histogram import Histogram, body_values, histogram, percentile_ends

Window = tuple[float, float]


@dataclass(frozen=True)
class DisplaySettings:
    """Grey windows and histograms; the same for every scan, so that scans can be compared by eye.

    Attributes:
        scale_ends: the two ends of the standard scale.
        end_percentiles: the percentiles of a scan that are mapped to those ends.
        slice_window: black and white of slices and mean projections, on the standard scale.
        diffusion_window: black and white of the slices of the contrasts in `maximum_of`.
        maximum_window: white and black of the maximum projections, on the standard scale.
        maximum_of: the contrasts with a maximum projection, dark on white; the others have a mean projection.
        own_scale: contrast -> black and white, for those that are not standardised.
        roles: contrast -> what it is for, which decides what the sheet says of it.
        bins: bars in a histogram.
    """

    scale_ends: Window
    end_percentiles: Window
    slice_window: Window
    diffusion_window: Window
    maximum_window: Window
    maximum_of: frozenset[str]
    own_scale: Mapping[str, Window]
    roles: Mapping[str, str]
    bins: int


@dataclass(frozen=True)
class View:
    """One picture `(z, x)`, head first, with the intensities of its darkest and its lightest grey."""

    picture: Picture
    window: Window


@dataclass(frozen=True)
class Panel:
    """One contrast of one scan.

    Attributes:
        contrast: its name.
        role: what it is for.
        middle: the coronal mid-slice.
        projection: the coronal projection.
        is_maximum: whether the projection is a maximum, drawn dark on white.
        before: the histogram inside the body before standardisation; None for a quantitative map.
        after: the histogram after it.
    """

    contrast: str
    role: str
    middle: View
    projection: View
    is_maximum: bool
    before: Histogram | None
    after: Histogram


@dataclass(frozen=True)
class Outline:
    """The body's outline in the two views, `(z, x)`, head first."""

    middle: npt.NDArray[np.bool_]
    projection: npt.NDArray[np.bool_]


def outline_of(body: Mask, y: int) -> Outline:
    """The body in coronal slice `y` and in projection; `body: (z, y, x)`."""
    return Outline(middle=body[::-1, y, :], projection=coronal_shadow(body))


def panel_of(contrast: str, before: Volume, after: Volume, body: Mask, y: int, settings: DisplaySettings) -> Panel:
    """The panel of a contrast; volumes and mask are `(z, y, x)` on one grid."""
    own = settings.own_scale.get(contrast)
    is_maximum = contrast in settings.maximum_of
    projection = coronal_projection(after, body, "maximum" if is_maximum else "mean")
    return Panel(
        contrast=contrast,
        role=settings.roles[contrast],
        middle=View(
            coronal_slice(after, y), own or (settings.diffusion_window if is_maximum else settings.slice_window)
        ),
        projection=View(projection, own or (settings.maximum_window if is_maximum else settings.slice_window)),
        is_maximum=is_maximum,
        before=None if own else _histogram_before(body_values(before, body), settings),
        after=histogram(body_values(after, body), own or settings.scale_ends, settings.bins),
    )


def _histogram_before(values: Volume, settings: DisplaySettings) -> Histogram:
    return histogram(values, percentile_ends(values, settings.end_percentiles), settings.bins)
