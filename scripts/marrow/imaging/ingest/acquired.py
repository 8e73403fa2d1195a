"""The stations of every contrast of a scan, from whatever files the sheet names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from marrow.errors import MarrowError
from marrow.imaging.ingest.dicom import read_stack
from marrow.imaging.ingest.dicom_series import find_stacks, wanted
from marrow.imaging.ingest.dicom_tags import Slice, read_slices
from marrow.imaging.ingest.nifti import read_nifti
from marrow.imaging.ingest.source import Source, find_source
from marrow.imaging.ingest.stations import middle


def read_contrasts(
    raw: Sequence[Path],
    layout: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
    b_values: Mapping[str, float],
) -> dict[str, list[sitk.Image]]:
    """Read every contrast.

    Args:
        raw: the paths of all contrasts, one contrast after the other.
        layout: contrast -> how many of the paths are its own, in the same order.
        overrides: contrast -> what its tags shall not decide, such as `{"series": 5}`.
        b_values: contrast -> b-value, for the diffusion contrasts.

    Returns:
        contrast -> its stations from the feet to the head, axes turned to the closest of left, posterior, superior.

    Raises:
        ScanStopped: a file or a folder cannot be read.
    """
    if sum(layout.values()) != len(raw):
        raise MarrowError(
            f"the layout {dict(layout)} speaks of {sum(layout.values())} raw paths but there are {len(raw)}"
        )
    paths = iter(raw)
    sources = {
        contrast: [find_source(next(paths), _where(contrast, number, count)) for number in range(1, count + 1)]
        for contrast, count in layout.items()
    }
    users = Counter(source.files for listed in sources.values() for source in listed)
    folders: dict[tuple[Path, ...], list[Slice]] = {}
    stations: dict[str, list[sitk.Image]] = {}
    for contrast, listed in sources.items():
        images: list[sitk.Image] = []
        for source in listed:
            if source.kind == "nifti":
                images += _read_volumes(source)
                continue
            if source.files not in folders:
                folders[source.files] = read_slices(source.files, source.where)
            search = wanted(contrast, b_values, overrides.get(contrast, {}), users[source.files] > 1)
            stacks = find_stacks(folders[source.files], search, source.where)
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
