"""Reads the stations of every contrast of a scan from the files that the sample sheet names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from marrow.errors import MarrowError
from marrow.imaging.ingest.dicom import read_stack
from marrow.imaging.ingest.dicom_series import find_stacks, query_of
from marrow.imaging.ingest.dicom_tags import Slice, read_slices
from marrow.imaging.ingest.nifti import read_nifti
from marrow.imaging.ingest.source import Source, find_source
from marrow.imaging.ingest.stations import middle


def read_contrasts(
    raw: Sequence[Path],
    path_counts: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
    b_values: Mapping[str, float],
) -> dict[str, list[sitk.Image]]:
    """Read every contrast.

    Args:
        raw: the paths of all contrasts, grouped by contrast.
        path_counts: contrast -> how many of the paths belong to it, in the same order.
        overrides: contrast -> choices that take precedence over DICOM tags, such as `{"series": 5}`.
        b_values: contrast -> b-value, for the diffusion contrasts.

    Returns:
        contrast -> its stations from the feet to the head, axes reoriented to the closest to LPS.

    Raises:
        ScanStopped: a file or a folder cannot be read.
    """
    if sum(path_counts.values()) != len(raw):
        raise MarrowError(
            f"the contrasts {dict(path_counts)} have {sum(path_counts.values())} raw paths together, not {len(raw)}"
        )
    paths = iter(raw)
    sources = {
        contrast: [find_source(next(paths), _where(contrast, number, count)) for number in range(1, count + 1)]
        for contrast, count in path_counts.items()
    }
    users = Counter(source.files for contrast_sources in sources.values() for source in contrast_sources)
    folders: dict[tuple[Path, ...], list[Slice]] = {}
    stations: dict[str, list[sitk.Image]] = {}
    for contrast, contrast_sources in sources.items():
        images: list[sitk.Image] = []
        for source in contrast_sources:
            if source.kind == "nifti":
                images += _read_volumes(source)
                continue
            if source.files not in folders:
                folders[source.files] = read_slices(source.files, source.where)
            query = query_of(contrast, b_values, overrides.get(contrast, {}), users[source.files] > 1)
            stacks = find_stacks(folders[source.files], query, source.where)
            images += [read_stack(stack, source.where) for stack in stacks]
        stations[contrast] = sorted(
            (sitk.DICOMOrient(image, "LPS") for image in images), key=lambda image: middle(image)[2]
        )
    return stations


def _read_volumes(source: Source) -> list[sitk.Image]:
    count = len(source.files)
    return [
        read_nifti(path, source.where if count == 1 else f"{source.where}, file {number} of {count} in order of names")
        for number, path in enumerate(source.files, start=1)
    ]


def _where(contrast: str, number: int, count: int) -> str:
    return contrast if count == 1 else f"{contrast}, path {number} of {count}"
