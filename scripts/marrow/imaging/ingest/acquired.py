"""Reads the stations of every contrast of a scan from the files that the sample sheet names."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import SimpleITK as sitk

from marrow.imaging.contrasts import Contrast
from marrow.imaging.ingest.averaging import Average, average_of
from marrow.imaging.ingest.dicom import read_stack
from marrow.imaging.ingest.dicom_series import Selection, query_of, select
from marrow.imaging.ingest.dicom_tags import Slice, read_slices, silent_pydicom
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.source import Source, find_source
from marrow.imaging.ingest.stations import middle
from marrow.imaging.ingest.volume_files import read_volumes


@dataclass(frozen=True)
class Acquired:
    """A contrast of a scan as it was read.

    Attributes:
        stations: from the feet to the head, axes reoriented to the closest to LPS.
        b_value: of this scan, in s/mm2; None for other images.
        days: on which it was acquired, where the files say so; they go into no output.
        findings: what a person should know of how it was read.
    """

    stations: list[sitk.Image]
    b_value: float | None
    days: frozenset[date]
    findings: list[Finding]


def read_contrasts(
    raw: Sequence[Path],
    path_counts: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
    contrasts: Sequence[Contrast],
    average: Average = "geometric",
    threads: int = 1,
) -> dict[str, Acquired]:
    """Read every contrast.

    Args:
        raw: the paths of all contrasts, grouped by contrast; files beside them that tell b-values may follow.
        path_counts: contrast -> how many of the paths belong to it, in the same order.
        overrides: contrast -> what the sheet says of its images, such as `{"series": [5], "b_value": 800.0}`.
        contrasts: as declared, without those that are computed.
        average: how volumes with the same b-value in one place are averaged.
        threads: series that are converted side by side, while the headers of the next are read.

    Raises:
        ScanStopped: a file or a folder cannot be read.
    """
    paths = iter(raw)
    declared = {contrast.name: contrast for contrast in contrasts}
    with (
        TemporaryDirectory(prefix="marrow-raw-") as scratch,
        silent_pydicom(),  # in all threads
        ThreadPoolExecutor(threads) as pool,
    ):
        unpacked: dict[Path, Source] = {}
        sources: dict[str, list[Source]] = {}
        for name, count in path_counts.items():
            for number in range(1, count + 1):
                sources.setdefault(name, []).append(
                    _source(next(paths), _where(name, number, count), unpacked, scratch)
                )
        users = Counter(source.files for of_contrast in sources.values() for source in of_contrast)
        folders: dict[tuple[Path, ...], list[Slice]] = {}
        begun = {
            name: [
                _begin(source, declared[name], overrides.get(name, {}), users[source.files] > 1, folders, average, pool)
                for source in of_contrast
            ]
            for name, of_contrast in sources.items()
        }
        return {name: _merged([finish() for finish in of_contrast]) for name, of_contrast in begun.items()}


def _source(path: Path, where: str, known: dict[Path, Source], scratch: str) -> Source:
    """The source behind a path, which is unpacked once, however many contrasts it is given for."""
    if path not in known:
        folder = Path(scratch, str(len(known)))
        folder.mkdir()
        known[path] = find_source(path, where, folder)
    return Source(known[path].kind, known[path].files, where)


def _begin(
    source: Source,
    contrast: Contrast,
    override: Mapping[str, Any],
    shares_folder: bool,
    folders: dict[tuple[Path, ...], list[Slice]],
    average: Average,
    pool: Executor,
) -> Callable[[], Acquired]:
    """Begin to read a contrast in one source; what is returned waits for it.

    `folders` remembers the headers of those that several contrasts lie in.
    """
    if source.kind == "volume":
        volumes = read_volumes(source, contrast, override.get("b_value"), average)
        return lambda: Acquired(volumes.images, volumes.b_value, frozenset(), volumes.findings)
    if source.files not in folders:
        folders[source.files] = read_slices(source.files, source.where)
    selection = select(folders[source.files], query_of(contrast, override, shares_folder), source.where)
    stations = [
        [pool.submit(read_stack, repeat, source.where) for repeat in station.repeats] for station in selection.stations
    ]

    def finish() -> Acquired:
        images = [average_of((repeat.result() for repeat in station), average) for station in stations]
        return Acquired(images, selection.b_value, _days(selection), selection.findings)

    return finish


def _days(selection: Selection) -> frozenset[date]:
    slices = (piece for station in selection.stations for repeat in station.repeats for piece in repeat)
    return frozenset(day for piece in slices if (day := piece.day))


def _merged(parts: Sequence[Acquired]) -> Acquired:
    """The stations of several sources in one object, in their order along the body."""
    images = [sitk.DICOMOrient(image, "LPS") for part in parts for image in part.stations]
    return Acquired(
        stations=sorted(images, key=lambda image: middle(image)[2]),
        b_value=parts[0].b_value,
        days=frozenset(day for part in parts for day in part.days),
        findings=[finding for part in parts for finding in part.findings],
    )


def _where(contrast: str, number: int, count: int) -> str:
    return contrast if count == 1 else f"{contrast}, path {number} of {count}"
