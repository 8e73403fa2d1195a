"""Selects the images of a contrast in a DICOM folder, and groups them by station.

The table of a whole-body examination moves: a contrast consists of several series, or of one series with several
stacks. Stacks that follow each other along the body are stations. Diffusion has several volumes in one place, for
directions and averages; they are repeats of one station. Of a station that was acquired again the later one is taken.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from marrow.errors import ScanStopped
from marrow.imaging.contrasts import Contrast
from marrow.imaging.ingest.b_values import choose_b_value, is_near
from marrow.imaging.ingest.dicom_tags import Slice
from marrow.imaging.ingest.findings import Finding

SAME_PLACE = 0.5  # of the shorter of two stacks; stations share less, repeated acquisitions all of it
SAME_EXTENT = 0.8  # of the longer one; a scanner's own composition is far longer than a station
UNEVEN = 0.1  # of the distance between slices

_SERIES = attrgetter("series", "series_id")

Stack = list[Slice]
Box = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Query:
    """What to search for in a DICOM folder.

    Attributes:
        contrast: as declared.
        b_value: the one that the sheet gives for this scan, s/mm2.
        series: the series numbers that the sheet names, the preferred one first; empty to decide by tags.
        shares_folder: whether the sheet gives the same folder for another contrast.
    """

    contrast: Contrast
    b_value: float | None = None
    series: tuple[int, ...] = ()
    shares_folder: bool = False

    @property
    def name(self) -> str:
        """Of the contrast."""
        return self.contrast.name


@dataclass(frozen=True)
class Station:
    """The volumes in one place: one, or several of diffusion, which are averaged. Slices are sorted by position."""

    repeats: list[Stack]

    @property
    def first(self) -> Slice:
        """A slice, for the tags that all share."""
        return self.repeats[0][0]


@dataclass(frozen=True)
class Selection:
    """The stations of a contrast, their b-value as far as known, and what a person should know of the choice."""

    stations: list[Station]
    b_value: float | None
    findings: list[Finding]


def query_of(contrast: Contrast, override: Mapping[str, Any], shares_folder: bool) -> Query:
    """The query for a contrast with what the sheet says of it."""
    return Query(contrast, override.get("b_value"), tuple(override.get("series", ())), shares_folder)


def select(slices: Sequence[Slice], query: Query, where: str) -> Selection:
    """The stations of a contrast.

    Raises:
        ScanStopped: nothing matches, series contradict each other, or slices are missing.
    """
    chosen, b_value, findings = _matching(_in_named_series(slices, query, where), query, where)
    if len({piece.study for piece in chosen}) > 1:
        raise ScanStopped(
            "dicom_ambiguous",
            f"{where}: the folder holds more than one examination; give every scan a folder with its own alone.",
        )
    by_series = groupby(sorted(chosen, key=_SERIES), key=_SERIES)
    stations = [station for _, series in by_series for station in _stations(list(series), query, where)]
    kept = _without_earlier(stations, query, where)
    findings += _on_repeats(kept, query, where) + _on_earlier(stations, kept, query, where)
    return Selection(kept, b_value, findings)


def _in_named_series(slices: Sequence[Slice], query: Query, where: str) -> Sequence[Slice]:
    if not query.series:
        return slices
    missing = set(query.series) - {piece.series for piece in slices}
    if missing:
        raise ScanStopped(
            "dicom_not_found",
            f"{where}: the sheet asks for series {_listed(query.series)} but the folder holds series "
            f"{_listed(piece.series for piece in slices)}; mend the column {query.name}_series.",
        )
    return [piece for piece in slices if piece.series in query.series]


def _matching(slices: Sequence[Slice], query: Query, where: str) -> tuple[Sequence[Slice], float | None, list[Finding]]:
    """The slices that show the contrast according to their tags, and their b-value.

    What the tags do not tell is taken from the sheet: it names the series, or gives the folder for this contrast only.
    """
    is_given = bool(query.series) or not query.shares_folder
    if query.contrast.b_value is not None:
        images = [piece for piece in slices if piece.shows != "other"]
        measured = [piece.b_value for piece in images if piece.b_value is not None]
        if measured:
            b_value = choose_b_value(measured, query.contrast, query.b_value, where)
            near = [piece for piece in images if piece.b_value is not None and is_near(piece.b_value, b_value)]
            return [piece for piece in near if piece.is_trace] or near, b_value, []
        if is_given:
            return slices, query.b_value or query.contrast.b_value, []
    else:
        shows = next((role for role in query.contrast.roles if role in {"water", "fat"}), "")
        chosen = [piece for piece in slices if shows and piece.shows == shows]
        if chosen:
            return chosen, None, []
        if is_given:
            images = slices if query.contrast.has_units else [p for p in slices if p.shows != "other"] or slices
            return images, None, _on_contradiction(images, shows, query)
    raise ScanStopped(
        "dicom_not_found",
        f"{where}: no tag of series {_listed(piece.series for piece in slices)} says that it shows {query.name}; "
        f"give the number of the right one in a column {query.name}_series, several with semicolons between.",
    )


def _on_contradiction(slices: Sequence[Slice], shows: str, query: Query) -> list[Finding]:
    others = Counter(piece.shows for piece in slices if piece.shows and shows)
    if not others:
        return []
    (other, _), *_ = others.most_common(1)
    message = (
        f"{query.name}: the images are taken as the sheet gives them, and their tags say {other}; compare the "
        "pictures, "
        f"and mend the column {query.name} if it names the wrong series."
    )
    return [Finding("dicom_tags", "warn", query.name, message)]


def _stations(series: list[Slice], query: Query, where: str) -> list[Station]:
    """The stations of a series, each with its repeats."""
    if series[0].is_volume:  # a file each
        return [Station([[piece] for piece in sorted(series, key=attrgetter("instance"))])]
    volumes = _split_into_stacks(series, where)
    places: list[list[Stack]] = []
    for stack in volumes:
        place = next((place for place in places if _in_same_place(place[0], stack)), None)
        if place is None:
            places.append([stack])
        else:
            place.append(stack)
    if query.contrast.b_value is None and any(len(place) > 1 for place in places):
        raise ScanStopped(
            "dicom_ambiguous",
            f"{where}: series {series[0].series} holds several volumes in the same place, such as echoes or phases; "
            "export one of them as a series of its own.",
        )
    return [Station(place) for place in places]


def _split_into_stacks(series: list[Slice], where: str) -> list[Stack]:
    """The stacks of a series: evenly spaced slices, as often as each position occurs; or runs of instance numbers."""
    by_number = sorted(series, key=attrgetter("instance"))
    positions: dict[tuple[float, ...], Stack] = {}
    for piece in by_number:
        positions.setdefault((round(_along_normal(piece), 2), *piece.orientation), []).append(piece)
    counts = {len(pieces) for pieces in positions.values()}
    if len(counts) == 1:
        repeats = [sorted(repeat, key=_along_normal) for repeat in zip(*positions.values(), strict=True)]
        if _is_even(repeats[0]):
            return repeats
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


def _without_earlier(stations: Sequence[Station], query: Query, where: str) -> list[Station]:
    """The stations without those acquired again: the sheet's first one is kept, or the later complete one."""
    kept: list[Station] = []
    for station in sorted(stations, key=lambda station: _rank(station, query), reverse=True):
        rival = next((other for other in kept if _in_same_place(other.repeats[0], station.repeats[0])), None)
        if rival is None:
            kept.append(station)
        elif not query.series and not _has_same_extent(rival.repeats[0], station.repeats[0]):
            numbers = _listed([station.first.series, rival.first.series])
            raise ScanStopped(
                "dicom_ambiguous",
                f"{where}: series {numbers} lie in the same place, and one is far longer, as if composed of stations; "
                "give "
                f"the numbers of those to take in a column {query.name}_series of the sheet, such as "
                f"{';'.join(str(n) for n in sorted({s.first.series for s in stations} - {rival.first.series}))}.",
            )
    return sorted(kept, key=lambda station: _height(station.repeats[0]))


def _rank(station: Station, query: Query) -> tuple[float | str, ...]:
    """What is larger for the station to take of several in one place."""
    named = -query.series.index(station.first.series) if query.series else 0
    slices = sum(len(repeat) for repeat in station.repeats)
    return named, slices, max(piece.acquired for repeat in station.repeats for piece in repeat), station.first.series


def _on_earlier(stations: Sequence[Station], kept: Sequence[Station], query: Query, where: str) -> list[Finding]:
    left = sorted({station.first.series for station in stations if station not in kept})
    if not left:
        return []
    message = (
        f"{where}: series {_listed(left)} lie where series {_listed(station.first.series for station in kept)} do, of "
        "the "
        "same part of the body, and were left out; "
    )
    if query.series:
        message += "the order of the column decided."
        return [Finding("dicom_repeated", "note", query.name, message)]
    message += (
        "the later complete acquisition is taken. Look at the picture; to take another, write the numbers of all "
        "series of "
        f"{query.name} into the column {query.name}_series, the preferred one first."
    )
    return [Finding("dicom_repeated", "warn", query.name, message)]


def _on_repeats(stations: Sequence[Station], query: Query, where: str) -> list[Finding]:
    counts = sorted({len(station.repeats) for station in stations})
    if counts == [1]:
        return []
    listed = " or ".join(str(count) for count in counts)
    return [Finding("averaged", "note", query.name, averaged_message(where, listed))]


def averaged_message(where: str, count: str) -> str:
    """What is said of an image that is a mean of several."""
    return f"{where}: the mean of {count} images with the same b-value, which are directions or averages."


def _has_same_extent(a: Stack, b: Stack) -> bool:
    lengths = [high[2] - low[2] for low, high in (_box(a), _box(b))]
    return bool(min(lengths) >= SAME_EXTENT * max(lengths))


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
