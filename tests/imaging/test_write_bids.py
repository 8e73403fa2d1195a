"""The BIDS derivatives are a data set that BIDS's own validator accepts, without faces and without stopped scans."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import write_bids
from bodies import contrasts
from marrow.bones.table import DEFAULT_TABLE
from marrow.imaging.face import face_of
from marrow.imaging.volume import read_volume, write_volume
from toy_body import toy_body

NAMES = ("fat", "water", "b50", "b900", "adc")
VALIDATOR = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))


def row(scan):
    return {"scan": scan, "patient": scan[:2], "label": "focal", "split": "train", "site": ""}


@pytest.fixture
def export(tmp_path):
    """Writes three scans of two patients, the last stopped, and gives the folder of the data set."""
    toy = toy_body()
    scans = ["P1-1", "P1-2", "P2-1"]
    files = {"normalised": [], "bodies": [], "bones": []}
    for scan in scans:
        place = tmp_path / scan
        place.mkdir()
        paths = {name: place / f"{name}.nii" for name in (*NAMES, "body", "bones")}
        for name, path in paths.items():
            image = toy.normalised.get(name, toy.body)
            write_volume(image, path) if scan != "P2-1" else path.touch()
        files["normalised"] += [paths[name] for name in NAMES]
        files["bodies"].append(paths["body"])
        files["bones"].append(paths["bones"])

    def run(remove_face=False):
        write_bids.main(
            **files,
            bone_table=DEFAULT_TABLE,
            folder=tmp_path / "dataset",
            scans=[row(scan) for scan in scans],
            sessions={scan: [scan[:2], scan.replace("-", "")] for scan in scans},
            contrasts=[contrast.declaration() for contrast in contrasts(*NAMES)],
            remove_face=remove_face,
        )
        return tmp_path / "dataset"

    return run


def test_every_scan_that_was_not_stopped_is_there_with_sidecars(export):
    dataset = export()
    volumes = sorted(path.name for path in dataset.rglob("*.nii") if "P11" in path.name)
    assert volumes == [
        "sub-P1_ses-P11_acq-b50_desc-standardised_trace.nii",
        "sub-P1_ses-P11_acq-b900_desc-standardised_trace.nii",
        "sub-P1_ses-P11_acq-fat_desc-standardised_T1w.nii",
        "sub-P1_ses-P11_acq-water_desc-standardised_T1w.nii",
        "sub-P1_ses-P11_desc-body_mask.nii",
        "sub-P1_ses-P11_desc-bones_dseg.nii",
        "sub-P1_ses-P11_desc-measured_ADC.nii",
    ]
    assert all(path.with_suffix(".json").exists() for path in dataset.rglob("*.nii"))
    sidecar = json.loads(next(dataset.rglob("*b900*.json")).read_text(encoding="utf-8"))
    assert sidecar["DiffusionBValue"] == 900
    with (dataset / "participants.tsv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file, delimiter="\t")) == [["participant_id", "label"], ["sub-P1", "focal"]]


def test_whole_heads_are_links_and_faceless_ones_are_written_anew(export, tmp_path):
    source = tmp_path / "P1-1/water.nii"
    dataset = export()
    (linked,) = dataset.rglob("*P11_acq-water*.nii")
    assert linked.samefile(source)
    shutil.rmtree(dataset)
    before = source.read_bytes()
    (faceless,) = export(remove_face=True).rglob("*P11_acq-water*.nii")
    face = face_of(read_volume(tmp_path / "P1-1/body.nii"))
    assert not sitk.GetArrayFromImage(read_volume(faceless))[face].any()
    kept = ~face
    assert np.array_equal(
        sitk.GetArrayFromImage(read_volume(faceless))[kept], sitk.GetArrayFromImage(read_volume(source))[kept]
    )
    assert source.read_bytes() == before


@pytest.mark.skipif(VALIDATOR is None, reason="the BIDS validator is not installed")
def test_the_validator_of_bids_finds_no_error(export):
    run = subprocess.run(
        [str(VALIDATOR), "--format", "json", str(export())], capture_output=True, text=True, check=False
    )
    issues = json.loads(run.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
