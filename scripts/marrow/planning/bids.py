"""Names of scans and files in a BIDS data set of derivatives."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marrow.imaging.contrasts import Contrast
from marrow.planning.sheet import Scan

FOLDER = "results/bids/dataset"
SUFFIXES = {"t1": "T1w", "t2": "T2w", "stir": "T2w", "pd": "PDw"}


@dataclass(frozen=True)
class Session:
    """The labels of a scan: of its subject, and of its session."""

    subject: str
    session: str

    def file(self, kind: str, rest: str) -> str:
        """The path of a file of a kind (`anat`, `dwi`) within the data set."""
        subject, session = f"sub-{self.subject}", f"ses-{self.session}"
        return f"{subject}/{session}/{kind}/{subject}_{session}_{rest}"


def sessions(scans: Iterable[Scan]) -> dict[str, Session]:
    """Scan -> its labels. BIDS allows letters and digits alone; ids that become the same get a number each."""
    listed = sorted(scans, key=lambda scan: scan.scan)
    subjects = _labels(sorted({scan.patient for scan in listed}))
    names = _labels([scan.scan for scan in listed])
    return {scan.scan: Session(subjects[scan.patient], names[scan.scan]) for scan in listed}


def image_name(contrast: Contrast) -> tuple[str, str]:
    """The folder and the end of the name of a contrast's volume.

    BIDS has no suffix for Dixon images; they are T1-weighted, and so is called what no name or role tells.
    """
    described = "standardised" if contrast.standardise else "measured"
    if contrast.is_computed:
        return "dwi", f"desc-{described}_ADC.nii"
    if contrast.b_value is not None:
        return "dwi", f"acq-{contrast.name}_desc-{described}_trace.nii"
    suffix = next((suffix for start, suffix in SUFFIXES.items() if contrast.name.startswith(start)), "T1w")
    return "anat", f"acq-{contrast.name}_desc-{described}_{suffix}.nii"


def _labels(ids: Iterable[str]) -> Mapping[str, str]:
    labels: dict[str, str] = {}
    for name in ids:
        label = re.sub(r"[^A-Za-z0-9]", "", name)
        taken = {other.casefold() for other in labels.values()}
        number = 2
        unique = label
        while unique.casefold() in taken:
            unique, number = f"{label}x{number}", number + 1
        labels[name] = unique
    return labels
