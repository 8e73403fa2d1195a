"""Rule fit_standard: the standard scale of one contrast, from the landmarks of the training scans or a frozen file."""

import logging
from pathlib import Path

from marrow.errors import NoneLeft
from marrow.imaging.standard.fit import fit_scale
from marrow.imaging.standard.standard_scale import ScanLandmarks, StandardScale

_log = logging.getLogger(__name__)


def main(*, landmarks: list[Path], frozen: list[Path], standard: Path, scale: str, scans: list[str]) -> None:
    """Fit, or take over, a standard scale.

    Args:
        landmarks: of the training scans; the file of a scan that was stopped is empty.
        frozen: nothing, or the one standard scale to use as it is.
        standard: where the scale goes, readable by `NyulNormalizer.load_standard_histogram`.
        scale: its name, which is that of its contrast, with the b-value where that is another.
        scans: the training scans, in the order of `landmarks`.

    Raises:
        NoneLeft: all of them were stopped.
    """
    fitted = StandardScale.read(frozen[0]) if frozen else _fit(landmarks, scale, scans)
    fitted.write(standard)


def _fit(landmarks: list[Path], scale: str, scans: list[str]) -> StandardScale:
    usable: list[ScanLandmarks] = []
    for scan, path in zip(scans, landmarks, strict=True):
        if path.stat().st_size:
            usable.append(ScanLandmarks.read(path))
        else:
            _log.warning("%s: scan %s was stopped and does not count for the standard scale", scale, scan)
    if not usable:
        raise NoneLeft(
            "training_scans",
            f"{scale}: each of the {len(scans)} scans that define the standard scale was stopped, so no scan can be "
            "put on it; mend them, give more scans the split train or reference, or name the folder of an earlier "
            "standard as standard.frozen",
        )
    return fit_scale(usable)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
