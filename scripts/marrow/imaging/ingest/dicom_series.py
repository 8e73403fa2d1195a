"""Selects the slices of a contrast in a DICOM folder, and groups them by station.

The table of a whole-body examination moves: a contrast consists of several series, or of one series with several
stacks. Stacks that follow each other along the body are stations. If two of them are in the same position, the user has
to say which one to take.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from marrow.errors import ScanStopped
from marrow.imaging.ingest.dicom_tags import Slice

SAME_PLACE = 0.5  # of the shorter of two stacks; stations share less, repeated acquisitions all of it
UNEVEN = 0.1  # of the distance between slices
B_VALUE_TOLERANCE = 0.05  # relative; scanners round

_SERIES = attrgetter("series", "series_id")

Stack = list[Slice]
Box = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Query:
    """What to search for in a DICOM folder.

    Attributes:
        contrast: its name.
        b_value: of a diffusion contrast, s/mm2; None for the others.
        series: the series numbers that the sheet names; empty to decide by tags.
        shares_folder: whether the sheet gives the same folder for another contrast.
    """

    contrast: str
    b_value: float | None = None
    series: tuple[int, ...] = ()
    shares_folder: bool = False


def query_of(contrast: str, b_values: Mapping[str, float], override: Mapping[str, Any], shares_folder: bool) -> Query:
    """The query from the config's b-values and the sheet's overrides (a series number, or several)."""
    series = override.get("series", ())
    numbers = (series,) if isinstance(series, int) else tuple(int(number) for number in series)
    return Query(contrast, b_values.get(contrast), numbers, shares_folder)


def find_stacks(slices: Iterable[Slice], query: Query, where: str) -> list[Stack]:
    """The stations of a contrast, from the feet to the head; the slices of each sorted by position.

    Raises:
        ScanStopped: nothing matches, several series match in the same place, or slices are missing.
    """
    chosen = _matching(_in_named_series(list(slices), query, where), query, where)
    if len({piece.study for piece in chosen}) > 1:
        raise ScanStopped(
            "dicom_ambiguous",
            f"{where}: the folder holds more than one examination; give every scan a folder with its own alone.",
        )
    by_series = groupby(sorted(chosen, key=_SERIES), key=_SERIES)
    stacks = [stack for _, series in by_series for stack in _split_into_stacks(list(series), where)]
    _check_no_rivals(stacks, query, where)
    return sorted(stacks, key=_height)


def _in_named_series(slices: list[Slice], query: Query, where: str) -> list[Slice]:
    if not query.series:
        return slices
    chosen = [piece for piece in slices if piece.series in query.series]
    if not chosen:
        raise ScanStopped(
            "dicom_not_found",
            f"{where}: the sheet asks for series {_listed(query.series)} but the folder holds series "
            f"{_listed(piece.series for piece in slices)}; mend the column {query.contrast}_series.",
        )
    return chosen


def _matching(slices: list[Slice], query: Query, where: str) -> list[Slice]:
    """The slices that show the contrast according to their tags.

    Without such tags, all slices are taken if the sheet names the series, or gives the folder for this contrast only.
    """
    chosen = [piece for piece in slices if _shows(piece, query)]
    if chosen:
        return [piece for piece in chosen if piece.is_trace] or chosen
    has_tags = any(piece.shows or piece.b_value is not None for piece in slices)
    if query.series or not (has_tags or query.shares_folder):
        return slices
    raise ScanStopped(
        "dicom_not_found",
        f"{where}: no tag of series {_listed(piece.series for piece in slices)} says that it shows {query.contrast}; "
        f"give the number of the right one in a column {query.contrast}_series.",
    )


def _shows(piece: Slice, query: Query) -> bool:
    if query.b_value is None:
        return piece.shows == query.contrast
    if piece.b_value is None or piece.shows == "other":
        return False
    return abs(piece.b_value - query.b_value) <= B_VALUE_TOLERANCE * query.b_value


def _split_into_stacks(series: list[Slice], where: str) -> list[Stack]:
    """The stacks of a series: one if its slices are evenly spaced, otherwise evenly spaced runs of instance numbers."""
    by_position = sorted(series, key=_along_normal)
    if _is_even(by_position):
        return [by_position]
    by_number = sorted(series, key=lambda piece: piece.instance)
    runs = _runs(by_number)
    if any(len(run) < 2 for run in runs):
        raise ScanStopped(
            "dicom_slices",
            f"{where}: the slices of series {series[0].series} do not lie evenly and form no stations; some are "
            "missing or it mixes several volumes. Export the series again.",
        )
    return [sorted(run, key=_along_normal) for run in runs]


def _runs(by_number: list[Slice]) -> list[Stack]:
    steps = [_along_normal(after) - _along_normal(before) for before, after in pairwise(by_number)]
    usual = float(np.median(steps))
    runs: list[Stack] = [[by_number[0]]]
    for piece, step in zip(by_number[1:], steps, strict=True):
        if abs(step - usual) > UNEVEN * abs(usual) or piece.orientation != runs[-1][-1].orientation:
            runs.append([])
        runs[-1].append(piece)
    return runs


def _is_even(by_position: Sequence[Slice]) -> bool:
    if len({piece.orientation for piece in by_position}) > 1:
        return False
    steps = np.diff([_along_normal(piece) for piece in by_position])
    return not len(steps) or bool(steps.min() > 0 and np.ptp(steps) <= UNEVEN * np.median(steps))


def _along_normal(piece: Slice) -> float:
    normal = np.cross(piece.orientation[:3], piece.orientation[3:])
    return float(np.dot(normal, piece.position))


def _check_no_rivals(stacks: Sequence[Stack], query: Query, where: str) -> None:
    rivals = [pair for pair in combinations(stacks, 2) if _in_same_place(*pair)]
    if not rivals:
        return
    numbers = sorted({stack[0].series for pair in rivals for stack in pair})
    if len(numbers) == 1:
        raise ScanStopped(
            "dicom_ambiguous",
            f"{where}: series {numbers[0]} holds several volumes in the same place, such as diffusion directions or "
            "averages; export the trace image, or convert them to one NIfTI file.",
        )
    raise ScanStopped(
        "dicom_ambiguous",
        f"{where}: series {_listed(numbers)} all match and lie in the same place; give the number of the right one in "
        f"a column {query.contrast}_series of the sheet.",
    )


def _in_same_place(a: Stack, b: Stack) -> bool:
    """Whether two stacks share most of their length along every axis of the patient."""
    (a_low, a_high), (b_low, b_high) = _box(a), _box(b)
    shared = np.minimum(a_high, b_high) - np.maximum(a_low, b_low)
    return bool((shared >= SAME_PLACE * np.minimum(a_high - a_low, b_high - b_low)).all())


def _height(stack: Stack) -> float:
    """The middle of a stack along the body, mm."""
    low, high = _box(stack)
    return float(low[2] + high[2]) / 2


def _box(stack: Stack) -> Box:
    """The lowest and the highest corner of a stack, mm, `(3,)` each."""
    corners = np.array([corner for piece in (stack[0], stack[-1]) for corner in _corners(piece)])
    return corners.min(axis=0), corners.max(axis=0)


def _corners(piece: Slice) -> list[npt.NDArray[np.float64]]:
    along_row = np.multiply(piece.orientation[:3], piece.extent[0])
    along_column = np.multiply(piece.orientation[3:], piece.extent[1])
    return [np.asarray(piece.position) + i * along_row + j * along_column for i in (0, 1) for j in (0, 1)]


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(set(numbers)))
