"""The promise of docs/staleness.md: after one real run, each edit plans exactly the jobs it must, and no other.

The cohort is a user's: three scans as NIfTI and one as DICOM, written by the phantom on a coarse grid. Edits are made
in a copy of the project and undone afterwards, so undoing is tested with every row.
"""

import os
import shutil
from pathlib import Path

import pytest

from marrow.__main__ import main as marrow
from raw_cohort import CONTRASTS, write_raw_cohort, write_sheet
from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

TRAIN, TEST, PREDICT = ["A1", "B1"], "C1", "D1"
SCANS = [*TRAIN, TEST, PREDICT]
SETTINGS = {
    "samples": "samples.tsv",
    "resample": {"spacing_mm": 8},
    "ingest": {"bias": {"enabled": False}},
    "bones": {"source": "none"},  # tests/test_bone_staleness.py
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    finished = checkout(root, SETTINGS)
    write_raw_cohort(root / "raw", nifti=[*TRAIN, TEST, "E1", "F1"], dicom=[PREDICT])
    rows = [("A1", "A", "focal", "train"), ("B1", "B", "healthy", "train"), ("C1", "C", "diffuse", "test")]
    write_sheet(root / "samples.tsv", [*rows, ("D1", "D", "", "predict")])
    finished.run()
    return finished


def jobs(rule: str, scans=SCANS) -> set[str]:
    return {f"{rule} {scan}" for scan in scans}


def landmarks(scans) -> set[str]:
    return jobs("find_landmarks", scans)


STANDARD = {f"fit_standard {contrast}" for contrast in CONTRASTS}
TABLES = {"tabulate_checks", "confirm_scans"}
QC = jobs("draw_qc") | {"build_report"}
NORMALISE = jobs("standardise_scan") | QC | TABLES
RESAMPLE = jobs("resample_scan") | landmarks(TRAIN) | STANDARD | NORMALISE
EVERYTHING = jobs("ingest_scan") | RESAMPLE


def chain(scan: str) -> set[str]:
    return {f"{rule} {scan}" for rule in ("ingest_scan", "resample_scan", "standardise_scan", "draw_qc")}


def first_image(project: Project, scan: str, contrast: str) -> Path:
    return sorted(path for path in (project.root / "raw" / scan / contrast).rglob("*") if path.is_file())[0]


# ---- nothing changes ------------------------------------------------------------------------------------------------


def test_nothing_plans_nothing(project):
    assert project.plan() == set()


@pytest.mark.parametrize("what", ["raw", "results", "scripts", "rules", "samples.tsv", "my.yaml", "Snakefile"])
def test_new_times_plan_nothing(project, what):
    for path in [project.root / what, *(project.root / what).rglob("*")]:
        os.utime(path)
    assert project.plan() == set()


def test_a_copy_with_new_times_plans_nothing(project, tmp_path):
    shutil.copytree(project.root, tmp_path / "copy", copy_function=shutil.copyfile)
    assert Project(tmp_path / "copy").plan() == set()


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("scripts/marrow/imaging/grid.py", '"""', '"""Now said in other words. '),
        ("scripts/resample_scan.py", "def main(", "# A comment.\ndef main("),
        ("scripts/marrow/imaging/standard/standard_scale.py", "\ndef ", "\n\n\ndef "),
        ("scripts/marrow/workflow/stage.py", "began = time.monotonic()", "began = time.monotonic() + 0"),
        ("rules/resampled.smk", "threads: 1", "threads: 1 + 0"),
        ("Snakefile", "# Everything", "# All"),
    ],
    ids=["docstring", "comment", "formatting", "harness", "threads", "Snakefile"],
)
def test_an_edit_that_computes_nothing_plans_nothing(project, file, before, after):
    with project.edited(file, before, after):
        assert project.plan() == set()


@pytest.mark.parametrize(
    ("key", "value"),
    [("archive_mb", 5), ("keep_intermediates", False), ("on_stopped_scan", "report"), ("simulate.seed", 99)],
)
def test_a_setting_that_no_result_holds_plans_nothing_but_its_own(project, key, value):
    with project.configured(key, value):
        assert project.plan() == ({"confirm_scans"} if key == "on_stopped_scan" else set())


def test_a_sheet_in_another_order_plans_nothing(project):
    lines = (project.root / "samples.tsv").read_text().splitlines()
    with project.edited("samples.tsv", "\n".join(lines), "\n".join([lines[0], *reversed(lines[1:])])):
        assert project.plan() == set()


def test_snakemakes_records_lost_plans_nothing(project, tmp_path):
    (project.root / ".snakemake").rename(tmp_path / "away")
    assert project.plan() == set()


# ---- code and settings ----------------------------------------------------------------------------------------------

NEUTRAL_CODE = ("\ndef ", "\n_UNUSED = 1\n\n\ndef ")


@pytest.mark.parametrize(
    ("file", "planned"),
    [
        ("scripts/marrow/imaging/ingest/stations.py", EVERYTHING),
        ("scripts/marrow/imaging/grid.py", EVERYTHING),
        ("scripts/resample_scan.py", RESAMPLE),
        ("scripts/find_landmarks.py", landmarks(TRAIN) | STANDARD | NORMALISE),
        ("scripts/fit_standard.py", STANDARD | NORMALISE),
        ("scripts/standardise_scan.py", NORMALISE),
        ("scripts/draw_qc.py", QC),
        ("scripts/build_report.py", {"build_report"}),
        ("scripts/tabulate_checks.py", TABLES | {"build_report"}),
        ("scripts/confirm_scans.py", {"confirm_scans"}),
        ("scripts/simulate_scan.py", set()),
    ],
)
def test_an_edit_of_code_plans_the_stages_that_reach_it_and_what_lies_below(project, file, planned):
    with project.edited(file, *NEUTRAL_CODE):
        assert project.plan() == planned
    assert project.plan() == set()


def test_an_edit_of_code_is_noticed_without_snakemakes_records(project, tmp_path):
    (project.root / ".snakemake").rename(tmp_path / "away")
    with project.edited("scripts/marrow/imaging/grid.py", *NEUTRAL_CODE):
        assert project.plan() == EVERYTHING


@pytest.mark.parametrize("triggers", [["mtime"], ["code", "input", "mtime", "params", "software-env"], ["code"]])
def test_no_choice_of_triggers_hides_an_edit(project, triggers):
    with project.edited("scripts/marrow/imaging/grid.py", *NEUTRAL_CODE):
        assert project.plan("--rerun-triggers", *triggers) >= RESAMPLE


def test_no_profile_at_all_hides_an_edit(project):
    with project.edited("scripts/marrow/imaging/grid.py", *NEUTRAL_CODE):
        assert project.plan("--workflow-profile", "none") >= RESAMPLE


def test_a_new_template_of_the_report_plans_the_report(project):
    with project.edited("scripts/marrow/report/page.css", "{", "{ "):
        assert project.plan() == {"build_report"}


def test_a_new_pin_plans_the_stages_that_import_the_package(project):
    with project.edited("requirements.txt", "matplotlib==", "matplotlib==9"):
        assert project.plan() == QC


@pytest.mark.parametrize(
    ("key", "value", "planned"),
    [
        ("ingest.bias.enabled", True, EVERYTHING),
        ("resample.spacing_mm", 9, RESAMPLE),
        ("standard.output_range", [0, 100], landmarks(TRAIN) | STANDARD | NORMALISE),
        ("title", "Another", {"build_report"}),
    ],
)
def test_an_edit_of_a_setting_plans_the_stages_that_use_it_and_what_lies_below(project, key, value, planned):
    with project.configured(key, value):
        assert project.plan() == planned
    assert project.plan() == set()


# ---- data -----------------------------------------------------------------------------------------------------------

FROM_TRAINING = landmarks(["A1"]) | STANDARD | NORMALISE


def test_a_voxel_edited_in_a_training_scan_plans_its_chain_and_what_was_fitted_on_it(project):
    image = first_image(project, "A1", "b900")
    content = image.read_bytes()
    with project.edited(str(image.relative_to(project.root)), content, content[:-9] + b"!" + content[-8:]):
        assert project.plan() == chain("A1") | FROM_TRAINING


def test_a_slice_edited_in_place_plans_the_chain_of_its_scan(project):
    image = first_image(project, "D1", "water")
    content = image.read_bytes()
    with project.edited(str(image.relative_to(project.root)), content, content[:-9] + b"!" + content[-8:]):
        assert project.plan() == chain("D1") | TABLES | {"build_report"}


def test_a_file_swapped_for_an_older_one_is_noticed(project, tmp_path):
    image = first_image(project, "C1", "fat")
    kept = shutil.copy(image, tmp_path / "kept")
    image.write_bytes(first_image(project, "B1", "fat").read_bytes())
    os.utime(image, (1e9, 1e9))
    try:
        assert project.plan() == chain("C1") | TABLES | {"build_report"}
    finally:
        shutil.copy(kept, image)


def with_row(project, *row):
    sheet = project.root / "samples.tsv"
    images = [f"raw/{row[0]}/{contrast}" for contrast in CONTRASTS]
    return project.edited("samples.tsv", sheet.read_text(), sheet.read_text() + "\t".join([*row, *images]) + "\n")


def test_adding_a_predict_scan_refits_nothing(project):
    with with_row(project, "E1", "E", "", "predict"):
        assert project.plan() == chain("E1") | TABLES | {"build_report"}


def test_adding_a_training_scan_leaves_the_other_volumes_until_the_standard(project):
    with with_row(project, "E1", "E", "focal", "train"):
        assert project.plan() == chain("E1") | landmarks(["E1"]) | STANDARD | NORMALISE


def test_removing_a_predict_scan_rebuilds_the_tables_alone(project):
    sheet = (project.root / "samples.tsv").read_text()
    with project.edited("samples.tsv", sheet, "".join(sheet.splitlines(keepends=True)[:-1])):
        assert project.plan() == TABLES | {"build_report"}


def test_a_new_label_rebuilds_the_tables_alone(project):
    with project.edited("samples.tsv", "C1\tC\tdiffuse", "C1\tC\tinactive"):
        assert project.plan() == TABLES | {"build_report"}


def test_a_scan_moved_to_another_folder_plans_nothing(project):
    raw = project.root / "raw"
    (raw / "C1").rename(raw / "moved")
    try:
        sheet = (project.root / "samples.tsv").read_text()
        with project.edited("samples.tsv", sheet, sheet.replace("raw/C1", "raw/moved")):
            assert project.plan() == set()
    finally:
        (raw / "moved").rename(raw / "C1")


# ---- results --------------------------------------------------------------------------------------------------------


def test_a_result_changed_by_hand_is_made_again(project):
    file = project.root / "results/normalised/C1/fat.nii"
    with project.edited(str(file.relative_to(project.root)), file.read_bytes(), file.read_bytes()[:-4]):
        assert project.plan() == {"standardise_scan C1", "draw_qc C1", "build_report"} | TABLES


def test_a_result_without_a_record_is_made_again(project, tmp_path):
    record = project.root / "results/resampled/C1/record.json"
    kept = record.rename(tmp_path / "kept")
    try:
        assert project.plan() == {"resample_scan C1", "standardise_scan C1", "draw_qc C1", "build_report"} | TABLES
    finally:
        kept.rename(record)


def test_volumes_that_nothing_needs_are_not_missed(project, tmp_path):
    image = project.root / "results/volumes/C1/water.nii"
    kept = image.rename(tmp_path / "kept")
    try:
        assert project.plan() == set()
    finally:
        kept.rename(image)


# ---- early cut-off, why, accept: these run jobs, so they come last ---------------------------------------------------


def test_what_ran_again_to_the_same_bytes_stops_at_the_boundary(project):
    """In two passes only the tables are planned, which show the new records; in one, the archive gives the rest."""
    with project.edited("scripts/marrow/imaging/grid.py", *NEUTRAL_CODE):
        project.run("volumes")
        assert project.plan() == TABLES | {"build_report"}
    project.run()
    assert project.plan() == set()
    for scan in SCANS:
        assert "archive" in (project.root / f"results/logs/draw_qc/{scan}.log").read_text()


def test_why_tells_in_words_what_is_stale(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    with project.edited("scripts/marrow/imaging/grid.py", *NEUTRAL_CODE), project.configured("title", "Another"):
        monkeypatch.setattr("marrow.__main__.REPOSITORY", project.root)
        assert marrow(["why", "--configfile", "my.yaml"]) == 0
    told = capsys.readouterr().out
    assert "code: marrow/imaging/grid.py changed" in told
    assert 'setting title: "Marrow" -> "Another"' in told
    assert "below resample_scan" in told


def test_an_accepted_edit_plans_nothing_and_the_next_edit_does(project, monkeypatch):
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("marrow.__main__.REPOSITORY", project.root)
    grid = (project.root / "scripts/marrow/imaging/grid.py").read_text()
    (project.root / "scripts/marrow/imaging/grid.py").write_text(grid.replace(*NEUTRAL_CODE, 1))
    assert marrow(["accept", "the constant is not used", "--configfile", "my.yaml"]) == 0
    assert project.plan() == set()
    assert "the constant is not used" in (project.root / "results/resampled/A1/record.json").read_text()
    with project.edited("scripts/marrow/imaging/grid.py", "_UNUSED = 1", "_UNUSED = 2"):
        assert project.plan() == EVERYTHING
    with project.configured("resample.spacing_mm", 9):
        assert project.plan() == RESAMPLE


def test_a_changed_input_cannot_be_accepted(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("marrow.__main__.REPOSITORY", project.root)
    image = first_image(project, "D1", "water")
    content = image.read_bytes()
    with project.edited(str(image.relative_to(project.root)), content, content[:-9] + b"!" + content[-8:]):
        assert marrow(["accept", "who cares", "--configfile", "my.yaml"]) == 1
    assert "cannot be accepted" in capsys.readouterr().err
