"""Raw scans for tests of ingest: a toy body, cut into stations and written as a scanner or a converter would."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk

from marrow.imaging.contrasts import Contrast
from marrow.imaging.volume import voxels, with_voxels
from marrow.phantom.export_dicom import Study, write_dicom
from marrow.planning.contrasts import declared_contrasts
from toy_body import CONTRASTS, toy_body

PLAUSIBLE = {
    "negative_share": 0.05, "missing_share": 0.2, "brighter_share": 0.3, "adc_range": [300, 2500], "mirrored_by": 0.1,
    "days_apart": 1, "voxel_ratio": 3,
}  # fmt: skip
SETTINGS = {
    "average": "geometric",
    "stations": {"gains": "auto"},
    "bias": {"enabled": False, "shrink_mm": 30, "spline_mm": 300, "iterations": [10], "convergence": 0.001},
    "body": {"working_mm": 10, "close_mm": 10, "smallest_part": 0.05},
    "checks": {"shorter_mm": 120, "shortest_mm": 600, "clipped_share": 0.002, **PLAUSIBLE},
}
DECLARED = declared_contrasts(["fat", "water", "b50", "b900", "adc"])
STUDY = Study(patient="P1", scan="S1", site="north")


def contrasts(*names: str) -> list[Contrast]:
    """Contrasts as they are declared where the config says no more."""
    return [DECLARED[name] for name in names]


def raw_body(seed: int = 0) -> dict[str, sitk.Image]:
    """Contrast -> volume as acquired in one station: positive grey levels, 10 mm voxels, 920 mm from feet to head."""
    return {name: image for name, image in toy_body((48, 32, 92), 10.0, seed).resampled.items() if name in CONTRASTS}


def cut(image: sitk.Image, count: int, overlap: int, gains: Sequence[float] | None = None) -> list[sitk.Image]:
    """Stations from the feet to the head that share `overlap` rows with the next, each multiplied by its gain."""
    rows = image.GetSize()[2]
    length = int(np.ceil((rows + (count - 1) * overlap) / count))
    starts = [min(number * (length - overlap), rows - length) for number in range(count)]
    return [
        image[:, :, start : start + length] * float(gain)
        for start, gain in zip(starts, gains or [1.0] * count, strict=True)
    ]


def write_nifti(image: sitk.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


def write_series(stations: Sequence[sitk.Image], contrast: str, folder: Path, **tags: object) -> Path:
    """Write stations as DICOM, each a series of its own, with tags replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.rglob("*"))
    scratch = folder / contrast
    scratch.mkdir()
    grey = [with_voxels(np.rint(voxels(image)).astype(np.int16), image) for image in stations]
    write_dicom(grey, contrast, STUDY, scratch)
    if tags:
        retag([path for path in folder.rglob("*.dcm") if path not in before], **tags)
    return folder


def retag(files: Sequence[Path], **tags: object) -> None:
    """Replace tags in DICOM files; None takes one out."""
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some values are wrong on purpose
            dataset = pydicom.dcmread(path)
            for name, value in tags.items():
                if value is None:
                    delattr(dataset, name)
                else:
                    setattr(dataset, name, value)
            dataset.save_as(path)
