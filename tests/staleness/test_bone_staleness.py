"""What makes bones and bags stale: after one real run with a tiny network, each edit plans exactly what it must."""

import gzip
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from raw_cohort import CONTRASTS, write_raw_cohort, write_sheet
from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

TRAIN, VALIDATION, TEST, PREDICT = ["A1", "B1"], "C1", "D1", "E1"
SCANS = [*TRAIN, VALIDATION, TEST]
SETTINGS = {
    "samples": "samples.tsv",
    "resample": {"spacing_mm": 10},
    "ingest": {"bias": {"enabled": False}},
    "bones": {
        "network": {"width": 0.1, "depth": 2},
        "training": {"epochs": 1, "segments": 4, "batch": 2, "edge": 9, "validation_segments": 2},
        "atlas": {"spacing_mm": 16, "label_mm": 12, "iterations": [2]},
    },
    "datasets": {
        "scans": {"kind": "scans", "patch_mm": 40, "stride_mm": 20, "margin_mm": 10, "bone_share": 0.01},
        "concepts": {"kind": "concepts", "training_bags": [100], "validation_bags": 50, "test_bags": 50},
    },
    "runs": {},  # tests/test_run_staleness.py
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("bones")
    made = checkout(root, SETTINGS)
    write_raw_cohort(root / "raw", nifti=[*SCANS, PREDICT, "F1"], dicom=[])
    rows = [(scan, scan[0], "focal", "train") for scan in TRAIN]
    rows += [(VALIDATION, "C", "focal", "validation"), (TEST, "D", "focal", "test")]
    write_sheet(root / "samples.tsv", rows, annotated=[*TRAIN, VALIDATION, PREDICT], lesions=[TEST])
    made.run()
    return made


def jobs(rule: str, scans=SCANS) -> set[str]:
    return {f"{rule} {scan}" for scan in scans}


TABLES = {"tabulate_checks", "confirm_scans", "build_report"}
SCORES = {f"score_bones {VALIDATION}", "gather_scores"}
BAGS = jobs("sample_bag scans") | {"write_manifest scans"}
CORRECT = jobs("correct_bones") | jobs("draw_bones") | BAGS | SCORES | TABLES
SEGMENT = jobs("segment_bones") | {"learn_surface"} | CORRECT
ATLAS = {"build_atlas", "learn_surface"} | jobs("register_atlas")
CONCEPTS = {"write_manifest concepts", "build_report"} | {
    f"make_bags {block} concepts" for block in ("train-00000", "train-00050", "validation-00000", "test-00000")
}
NETWORKS = {"train_bones all", "train_bones train"}
LABEL = ("segment_bones", "correct_bones", "draw_bones")


def test_nothing_plans_nothing(project):
    assert project.plan() == set()


def test_a_real_run_writes_down_who_is_in_which_split(project):
    memory = (project.root / "results/splits.tsv").read_text()
    assert {"A\ttrain", "B\ttrain", "C\tvalidation", "D\ttest"} <= set(memory.splitlines())


@pytest.mark.parametrize(
    ("place", "value", "planned"),
    [
        ("bones.correction.dilation.mm", 12, CORRECT),
        ("bones.correction.morphology.enabled", False, CORRECT),
        ("bones.correction.surface.enabled", False, CORRECT),
        ("bones.correction.surface.reach_mm", 30, {"learn_surface"} | CORRECT),
        ("bones.training.segments", 6, NETWORKS | SEGMENT),
        ("bones.atlas.iterations", [3], ATLAS | CORRECT),
        ("bones.tile_mb", 1000, SEGMENT),
        ("bones.sheet.window_percentiles", [2, 98], jobs("draw_bones") | {"build_report"}),
        ("bones.gpus", 1, set()),
        ("datasets.scans.stride_mm", 10, BAGS | TABLES),
        (
            "datasets.scans.classes",
            {"focal": ["focal"], "other": ["healthy"]},
            {"write_manifest scans", "build_report"},
        ),
        (
            "datasets.concepts.training_bags",
            [50, 100],
            {"write_manifest concepts-50", "write_manifest concepts-100", "build_report"},
        ),
        (
            "datasets.concepts.training_bags",
            [150],
            {"make_bags train-00100 concepts", "write_manifest concepts", "build_report"},
        ),
        ("title", "Another", {"build_report"}),
    ],
)
def test_a_setting_plans_the_stages_that_use_it_and_what_lies_below(project, place, value, planned):
    with project.configured(place, value):
        assert project.plan() == planned
    assert project.plan() == set()


def test_a_correction_without_atlas_registers_nothing(project):
    with project.configured("bones.correction.atlas.enabled", False):
        assert project.plan() == CORRECT


def test_a_network_trained_on_the_training_scans_alone_labels_the_others_again(project):
    others = [scan for scan in SCANS if scan != VALIDATION]
    with project.configured("bones.training.final", "train"):
        assert project.plan() == jobs("segment_bones", others) | {"learn_surface"} | CORRECT


def edited_annotation(project, scan):
    """One voxel of an annotation given to another bone."""
    file = project.root / f"raw/{scan}/bones.nii.gz"
    image = sitk.ReadImage(str(file))
    labels = sitk.GetArrayFromImage(image)
    places = np.argwhere(labels == 5)
    labels[tuple(places[len(places) // 2])] = 4
    other = sitk.GetImageFromArray(labels)
    other.CopyInformation(image)
    written = project.root / "edited.nii.gz"
    sitk.WriteImage(other, str(written))
    return project.edited(str(file.relative_to(project.root)), file.read_bytes(), written.read_bytes())


def test_an_edited_training_annotation_retrains_and_rebuilds_the_atlas(project):
    with edited_annotation(project, "A1"):
        assert project.plan() == {"resample_labels bones A1"} | ATLAS | NETWORKS | SEGMENT
    assert project.plan() == set()


def test_an_edited_validation_annotation_leaves_the_atlas(project):
    """It is watched in one training and learned from in the other."""
    with edited_annotation(project, VALIDATION):
        assert project.plan() == {f"resample_labels bones {VALIDATION}"} | NETWORKS | SEGMENT


def with_row(project, *row):
    sheet = project.root / "samples.tsv"
    images = [f"raw/{row[0]}/{contrast}" for contrast in CONTRASTS]
    return project.edited(
        "samples.tsv", sheet.read_text(), sheet.read_text() + "\t".join([*row, *images, "", ""]) + "\n"
    )


def bone_chain(scan: str) -> set[str]:
    rules = ("ingest_scan", "resample_scan", "standardise_scan", "draw_qc", "register_atlas")
    return {f"{rule} {scan}" for rule in (*rules, *LABEL, "sample_bag scans")}


def test_adding_a_predict_scan_trains_nothing(project):
    with with_row(project, "F1", "F", "", "predict"):
        assert project.plan() == bone_chain("F1") | {"write_manifest scans-predict"} | TABLES


def test_adding_a_training_scan_without_annotation_leaves_every_other_segmentation(project):
    with with_row(project, "F1", "F", "focal", "train"):
        planned = project.plan()
    assert {job for job in planned if "bones" in job or "atlas" in job} == {
        job for job in bone_chain("F1") if "bones" in job or "atlas" in job
    }


@pytest.mark.parametrize(
    ("file", "planned"),
    [
        ("scripts/marrow/bones/segmentation/training.py", NETWORKS | SEGMENT),
        ("scripts/marrow/bones/segmentation/tiles.py", SEGMENT),
        ("scripts/build_atlas.py", ATLAS | CORRECT),
        ("scripts/marrow/bones/correction/morphology.py", CORRECT),
        ("scripts/marrow/bones/scores/surface_distance.py", SCORES | {"build_report"}),
        ("scripts/marrow/bones/precomputed/division.py", set()),
        ("scripts/marrow/bags/patches/choice.py", BAGS | TABLES),
        ("scripts/marrow/datasets/mosaics.py", set()),
        ("scripts/marrow/datasets/concepts.py", CONCEPTS),
    ],
)
def test_an_edit_of_code_plans_the_stages_that_reach_it(project, file, planned):
    with project.edited(file, "\ndef ", "\n_UNUSED = 1\n\n\ndef "):
        assert project.plan() == planned


def test_an_edited_lesion_mask_plans_its_bag(project):
    file = project.root / f"raw/{TEST}/lesions.nii.gz"
    with project.edited(str(file.relative_to(project.root)), file.read_bytes(), file.read_bytes() + gzip.compress(b"")):
        chain = {f"resample_labels lesions {TEST}", f"sample_bag scans {TEST}", "write_manifest scans"}
        assert project.plan() == chain | TABLES


# ---- these run jobs, so they come last ------------------------------------------------------------------------------


def test_a_change_made_and_reverted_trains_nothing(project):
    with project.configured("bones.training.seed", 1):
        project.run()
    assert project.plan() >= NETWORKS
    project.run()
    assert project.plan() == set()
    for fold in ("train", "all"):
        assert "archive" in (project.root / f"results/logs/train_bones/{fold}.log").read_text()


def test_bags_rebuilt_to_the_same_bytes_leave_what_is_below(project):
    manifest = project.root / "results/manifests/concepts.parquet"
    before = manifest.read_bytes()
    with project.edited("scripts/marrow/datasets/concepts.py", "\ndef ", "\n_UNUSED = 1\n\n\ndef "):
        project.run("results/bags/concepts/test-00000.parquet")
        assert project.plan() == CONCEPTS - {"make_bags test-00000 concepts"}
        project.run()
        assert project.plan() == set()
    assert manifest.read_bytes() == before
    project.run()


def test_precomputed_maps_need_no_training_and_a_swapped_one_plans_its_scan_alone(project):
    folder = project.root / "premade"
    folder.mkdir()
    for scan in SCANS:
        shutil.copy(project.root / f"raw/{scan}/bones.nii.gz", folder / f"{scan}.nii.gz")
    with (
        project.configured("bones.source", "precomputed"),
        project.configured("bones.precomputed", {"maps": [{"folder": "premade", "mapping": "ids"}]}),
    ):
        planned = project.plan()
        assert jobs("map_bones") <= planned
        assert not {job for job in planned if "train" in job or "segment" in job}
        project.run()
        assert project.plan() == set()
        shutil.copy(project.root / "raw/F1/bones.nii.gz", folder / f"{TEST}.nii.gz")
        rules = ("map_bones", "correct_bones", "draw_bones", "sample_bag scans")
        assert project.plan() == {f"{rule} {TEST}" for rule in rules} | {"write_manifest scans"} | TABLES
