"""Simulates a cohort without the workflow: `python -m marrow.phantom FOLDER --size mini --format dicom`.

Writes the raw files of every scan, and the sample sheet `samples.tsv`.
"""

import argparse
from pathlib import Path

import pandas as pd

from marrow.bones.table import read_bones
from marrow.phantom.export import write_scan, write_truth
from marrow.phantom.protocol import SIZES
from marrow.phantom.roster import CLASSES, PREDICT, SimulatedScan, roster
from marrow.phantom.scan import simulate
from marrow.phantom.tissue import CONTRASTS


def main(arguments: list[str] | None = None) -> None:
    """Write a cohort into a folder."""
    options = _parser().parse_args(arguments)
    settings: dict[str, object] = {
        "seed": options.seed,
        "size": options.size,
        "format": options.format,
        "patients": {**dict.fromkeys(CLASSES, options.patients), PREDICT: options.predict},
        "single_station": options.single_station,
        "repeat_every": 6,
        "lesion_contrast": options.lesion_contrast,
        "lesion_fraction": options.lesion_fraction,
        "diffuse_fraction": 0.4,
        "diffuse_with_focal": 0.5,
    }
    bones = read_bones()
    scans = roster(settings)
    for scan in scans:
        scanned = simulate(scan, settings, CONTRASTS, bones)
        folder: Path = options.folder / scan.scan
        write_scan(scanned, scan, options.format, [folder / name for name in CONTRASTS])
        write_truth(scanned, folder / "bones.nii.gz", folder / "lesions.nii.gz")
    pd.DataFrame(map(_row, scans)).to_csv(options.folder / "samples.tsv", sep="\t", index=False)


def _row(scan: SimulatedScan) -> dict[str, str]:
    paths = {name: f"{scan.scan}/{name}" for name in CONTRASTS}
    truths = {name: f"{scan.scan}/{name}.nii.gz" for name in ("bones", "lesions")}
    known = {name: str(getattr(scan, name)) for name in ("scan", "patient", "label", "split", "site")}
    return known | paths | truths


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m marrow.phantom", description="Write a simulated cohort.")
    parser.add_argument("folder", type=Path, help="where the scans and samples.tsv go")
    parser.add_argument("--size", choices=SIZES, default="mini")
    parser.add_argument("--format", choices=("nifti", "dicom", "mixed"), default="nifti")
    parser.add_argument("--single-station", action="store_true", help="one volume a contrast, as after composing")
    parser.add_argument("--patients", type=int, default=1, help="of each class")
    parser.add_argument("--predict", type=int, default=0, help="patients without a label")
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--lesion-contrast", type=float, default=1.0)
    parser.add_argument("--lesion-fraction", type=float, default=0.05)
    return parser


if __name__ == "__main__":
    main()
