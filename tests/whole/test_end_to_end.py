"""A real run over a cohort in which much is wrong: sound scans are finished, the others told, and nobody is named."""

import csv
import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import yaml

from forked_snakemake import forked_snakemake
from marrow.workflow.parse import REPOSITORY
from marrow.workflow.paths import CODE
from raw_cohort import CONTRASTS, write_raw_cohort, write_sheet

pytestmark = pytest.mark.slow

NAME, BIRTH, NUMBER = "DOEPLANTED", "19620304", "MRN7734911"
SECRETS = [NAME, BIRTH, NUMBER]
PIXDIM_OFFSET = 76
WORKFLOW = ["--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "2"]


def truncate(raw: Path) -> None:
    file = raw / "water/station_2.nii.gz"
    file.write_bytes(file.read_bytes()[:-2000])


def zero_spacing(raw: Path) -> None:
    file = raw / "b900/station_1.nii.gz"
    content = bytearray(gzip.decompress(file.read_bytes()))
    struct.pack_into("<f", content, PIXDIM_OFFSET + 4, 0.0)
    file.write_bytes(gzip.compress(bytes(content)))


def plant_nan(raw: Path) -> None:
    file = raw / "water/station_2.nii.gz"
    image = nibabel.load(file)
    values = image.get_fdata(dtype=np.float32)
    values[tuple(size // 2 for size in values.shape)] = np.nan
    nibabel.save(nibabel.Nifti1Image(values, image.affine), file)


def lose_a_station(raw: Path) -> None:
    (raw / "b900/station_1.nii.gz").unlink()


FAULTS = {"truncated": truncate, "zero": zero_spacing, "nan": plant_nan, "missing": lose_a_station}


def plant_names(folder: Path) -> None:
    for file in folder.rglob("*.dcm"):
        slice_ = pydicom.dcmread(file)
        slice_.PatientName, slice_.PatientBirthDate, slice_.PatientID = f"{NAME}^JANE", BIRTH, NUMBER
        slice_.StudyDescription = slice_.SeriesDescription = f"{NAME} {NUMBER}"
        slice_.OtherPatientIDs = NUMBER
        slice_.save_as(file)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("cohort")
    raw = root / "raw"
    write_raw_cohort(raw, nifti=["sound", *FAULTS], dicom=["dicom"])
    for scan, spoil in FAULTS.items():
        spoil(raw / scan)
    plant_names(raw / "dicom")
    (raw / "dicom").rename(raw / f"{NAME}_{BIRTH}")
    (raw / "truncated").rename(raw / f"{NAME}_{NUMBER}")
    rows = [(scan, f"P{scan}", "focal", "train") for scan in ("sound", *FAULTS)]
    write_sheet(root / "samples.tsv", [*rows, ("dicom", "Pdicom", "", "predict")])
    sheet = (root / "samples.tsv").read_text()
    sheet = sheet.replace("raw/dicom", f"raw/{NAME}_{BIRTH}").replace("raw/truncated", f"raw/{NAME}_{NUMBER}")
    (root / "samples.tsv").write_text(sheet)
    settings = {"samples": "samples.tsv", "resample": {"spacing_mm": 8}, "ingest": {"bias": {"enabled": False}}}
    settings |= {"bones": {"source": "none"}}
    (root / "my.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "snakemake", *WORKFLOW, "--configfile", "my.yaml"]
    return root, subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def snakemake(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What another run would say; the first one is started as a user does."""
    return forked_snakemake([*WORKFLOW, *arguments, "--configfile", "my.yaml"], root)


def test_the_run_ends_with_an_error_that_lists_every_stopped_scan(run):
    _, done = run
    assert done.returncode != 0
    assert f"{len(FAULTS)} of {len(FAULTS) + 2} scans were stopped" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("scan", "told"), [("truncated", "water"), ("zero", "spacing"), ("nan", "NaN"), ("missing", "b900")]
)
def test_the_table_says_what_is_wrong_with_a_scan(run, scan, told):
    root, _ = run
    with (root / "results/checks/table.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["scan"] == scan]
    assert [row["status"] for row in rows] == ["stopped"]
    assert told in rows[0]["message"]


@pytest.mark.parametrize("scan", ["sound", "dicom"])
def test_the_other_scans_are_finished(run, scan):
    root, _ = run
    for contrast in CONTRASTS:
        values = nibabel.load(root / f"results/normalised/{scan}/{contrast}.nii").get_fdata()
        assert np.isfinite(values).all()
        assert values.max() > 50
    assert (root / f"results/qc/{scan}/sheet.png").stat().st_size > 0


def test_the_report_tells_of_the_stopped_scans(run):
    root, _ = run
    page = (root / "results/report/index.html").read_text()
    assert all(scan in page for scan in FAULTS)


def test_the_report_tells_what_made_the_results_and_what_they_cost(run):
    root, _ = run
    page = (root / "results/report/index.html").read_text()
    assert "No records" not in page
    assert "No measurements" not in page


def test_a_run_leaves_its_jobs_what_counts_of_its_code(run):
    root, _ = run
    files = {file.read_bytes() for file in (REPOSITORY / "scripts").rglob("*.py")}
    assert len(json.loads((root / CODE).read_text())) == len(files)


def test_nothing_that_names_a_patient_is_in_any_result(run):
    root, _ = run
    files = [file for file in (root / "results").rglob("*") if file.is_file()]
    assert len(files) > 50
    contents = {file: file.read_bytes() for file in files}
    found = [
        (file.name, secret) for file, content in contents.items() for secret in SECRETS if secret.encode() in content
    ]
    assert found == []
    assert [file for file in files for secret in SECRETS if secret in str(file.relative_to(root))] == []


def test_stopped_scans_can_be_accepted_and_then_nothing_is_left_to_do(run):
    root, _ = run
    settings = yaml.safe_load((root / "my.yaml").read_text())
    (root / "my.yaml").write_text(yaml.safe_dump(settings | {"on_stopped_scan": "report"}))
    assert snakemake(root).returncode == 0
    again = snakemake(root, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda text: text.replace("focal\ttrain", "focl\ttrain", 1), "did you mean 'focal'"),
        (lambda text: text.replace("sound\tPsound", "nan\tPsound"), "give every scan its own"),
        (lambda text: text.replace("raw/sound/fat", "raw/sound/gone"), "does not exist"),
        (lambda text: text.replace("Pnan\tfocal\ttrain", "Psound\tfocal\ttest"), "one split"),
        (lambda text: text.splitlines()[0] + "\n", "has no scans"),
        (lambda text: text.replace("sound\tPsound", "a;rm -rf x\tPsound"), "column scan"),
    ],
)
def test_a_wrong_sheet_ends_the_run_before_any_work_and_leaves_results_alone(run, edit, told):
    root, _ = run
    before = {file: file.stat().st_mtime_ns for file in (root / "results/normalised").rglob("*")}
    sheet = (root / "samples.tsv").read_text()
    (root / "samples.tsv").write_text(edit(sheet))
    try:
        done = snakemake(root)
    finally:
        (root / "samples.tsv").write_text(sheet)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert {file: file.stat().st_mtime_ns for file in (root / "results/normalised").rglob("*")} == before


def test_a_wrong_config_ends_the_run_with_a_hint(run):
    root, _ = run
    done = snakemake(root, "--config", "smaples=x")
    assert done.returncode != 0
    assert "did you mean 'samples'" in done.stdout + done.stderr
