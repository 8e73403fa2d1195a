"""What makes models, their predictions, scores of instances, maps and inversions stale, after one real run on scans."""

import shutil

import pytest

from raw_cohort import write_raw_cohort, write_sheet
from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

METHODS = ("mil-attention", "mil-max", "gradnorm")
SCANS = [("A1", "A", "focal", "train"), ("B1", "B", "healthy", "train"), ("C1", "C", "focal", "test")]
PREDICTED, ADDED = ("D1", "D", "", "predict"), ("E1", "E", "", "predict")
SETTINGS = {
    "samples": "samples.tsv",
    "contrasts": ["fat", "water", "b50", "b900"],
    "resample": {"spacing_mm": 10},
    "ingest": {"bias": {"enabled": False}},
    "bones": {"source": "precomputed", "correction": {"atlas": {"enabled": False}}},
    "datasets": {
        "scans": {
            "kind": "scans",
            "classes": {"healthy": ["healthy"], "diseased": ["focal"]},
            "patch_mm": 80,
            "stride_mm": 40,
            "margin_mm": 10,
            "bone_share": 0.01,
        }
    },
    "runs": {"scans": {"methods": list(METHODS), "seeds": 1, "training": {"epochs": 1}}},
    "evaluation": {"resamples": 100},
    "localisation": {"drop_orders": 1},
    "inversion": {"runs": {"scans": ["mil-attention"]}, "plain": {"steps": 1}, "sparse": {"steps": 1}},
    "report": {"viewer": {"package": "viewer.tgz"}},
}
REPORT = {"build_report"}
SCORES = {f"score_instances scans {method} 0" for method in METHODS}
PERTURBED = {f"perturb_bags scans {method} 0" for method in METHODS}
REPEATED = {f"measure_repeatability scans {method} 0" for method in METHODS}
REPEATABILITY = {"gather_repeatability scans"} | REPORT
INVERTED = {"invert_run scans mil-attention 0"}
GATHERED = {"gather_localisation scans"} | REPORT
FIGURES = ("confusion_matrices", "reliability_curves", "differences", "sizes")
EVALUATED = {"evaluate_runs scans", "write_tables scans", *(f"draw_comparison scans {figure}" for figure in FIGURES)}
CURVES = {"gather_curves scans", "draw_curves scans training", "draw_curves scans weights"}


def trainings(*methods: str) -> set[str]:
    return {f"train_model scans {method} 0" for method in methods}


def predictions(*methods: str) -> set[str]:
    """What models say of the bags of their data set, and all that is made of it."""
    rules = ("predict_bags scans", "score_instances scans", "perturb_bags scans", "measure_repeatability scans")
    jobs = {f"{rule} {method} 0" for rule in rules for method in methods}
    of_reference = INVERTED | maps(scans=["C1"]) if "mil-attention" in methods else set()
    return jobs | of_reference | EVALUATED | GATHERED | REPEATABILITY


def runs(*methods: str) -> set[str]:
    """All jobs of some methods, and what lies below them."""
    only = {f"predict_bags scans-predict {method} 0" for method in methods}
    of_reference = maps(scans=["D1"]) if "mil-attention" in methods else set()
    return trainings(*methods) | predictions(*methods) | only | of_reference | CURVES


def maps(method: str = "mil-attention", scans=("C1", "D1")) -> set[str]:
    return {f"draw_map {scan} scans {method} 0" for scan in scans}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("localised")
    made = checkout(root, SETTINGS)
    write_raw_cohort(root / "raw", nifti=SHEET["annotated"], dicom=[])
    write_sheet(root / "samples.tsv", [*SCANS, PREDICTED], **SHEET)
    (root / "viewer.tgz").write_bytes(b"no package")
    made.run()
    return made


def test_a_run_leaves_maps_of_tested_and_predicted_scans_and_nothing_to_do(project):
    for scan in ("C1", "D1"):
        folder = project.root / "results/maps/scans/mil-attention/seed-0" / scan
        assert all((folder / name).stat().st_size for name in ("map.nii.gz", "original.nii.gz", "figure.png"))
    assert project.plan() == set()


@pytest.mark.parametrize(
    ("place", "value", "planned"),
    [
        ("localisation.tops", [2], SCORES | GATHERED),
        ("localisation.least_lesion", 0.5, SCORES | INVERTED | GATHERED),
        ("localisation.drop_orders", 2, PERTURBED | GATHERED),
        ("repeatability.parts", 5, REPEATED | REPEATABILITY),
        ("repeatability.most_bags", 0, REPORT),
        ("maps.quantity", "attention", maps() | REPORT),
        ("maps.methods", list(METHODS), maps("mil-max") | maps("gradnorm") | REPORT),
        ("maps.methods", ["mil-max"], maps("mil-max") | REPORT),
        ("maps.methods", [], REPORT),
        ("inversion.thresholds", [0.5], INVERTED | GATHERED),
        ("inversion.runs", {}, GATHERED),
        ("report.viewer.spacing_mm", 12, {"shrink_scan C1", "shrink_scan D1"} | REPORT),
        ("report.viewer.enabled", False, REPORT),
    ],
)
def test_a_setting_plans_the_stages_that_use_it_and_what_lies_below(project, place, value, planned):
    with project.configured(place, value):
        assert project.plan() == planned
    assert project.plan() == set()


@pytest.mark.parametrize(
    ("module", "planned"),
    [
        ("learning/weighting/gradnorm.py", runs("gradnorm")),
        ("learning/weighting/upgrad.py", set()),
        ("learning/pooling/max.py", runs("mil-max")),
        ("learning/pooling/log_mean_exp.py", set()),
        ("learning/encoders/lenet3d.py", runs(*METHODS)),
        ("learning/encoders/resnet.py", set()),
        ("learning/heads/classes.py", runs("gradnorm")),
        ("learning/augment/intensity.py", runs(*METHODS)),
        ("drawing/maps/figure.py", maps() | REPORT),
        ("explanation/localisation/ranking.py", SCORES | GATHERED),
        ("explanation/repeatability.py", REPEATED | REPEATABILITY),
        ("evaluation/repeatability.py", REPEATABILITY),
        ("explanation/inversion/steps.py", INVERTED | GATHERED),
        ("report/viewer/volumes.py", {"shrink_scan C1", "shrink_scan D1"} | REPORT),
    ],
)
def test_an_edit_of_the_code_plans_the_stages_that_reach_it(project, module, planned):
    with project.edited(f"scripts/marrow/{module}", "\nfrom ", "\nSPARE = 1\nfrom "):
        assert project.plan() == planned


@pytest.mark.parametrize(
    ("declaration", "module"),
    [
        ("weightings/uniform.yaml", "learning/weighting/uniform.py"),
        ("poolings/mean.yaml", "learning/pooling/mean.py"),
        ("encoders/mlp.yaml", "learning/encoders/mlp.py"),
        ("datasets/concepts.yaml", "datasets/concepts.py"),
    ],
)
def test_a_new_kind_plans_nothing(project, declaration, module):
    """A copy of a kind under a new name is a new kind: two new files, and nothing that names them."""
    schemas, marrow = project.root / "schemas", project.root / "scripts/marrow"
    new = [path.with_stem("brand_new") for path in (schemas / declaration, marrow / module)]
    for path, old in zip(new, (schemas / declaration, marrow / module), strict=True):
        shutil.copy(old, path)
    try:
        assert project.plan() == set()
    finally:
        for path in new:
            path.unlink()


def test_another_viewer_plans_its_program_and_the_page(project):
    with project.edited("viewer.tgz", "no package", "one more"):
        assert project.plan() == {"fetch_viewer"} | REPORT


SHEET = {"annotated": [row[0] for row in (*SCANS, PREDICTED, ADDED)], "lesions": ["C1"]}


@pytest.fixture
def sheet(project):
    """The sample sheet, as it was again afterwards."""
    path = project.root / "samples.tsv"
    before = path.read_text()
    yield path
    path.write_text(before)


def test_a_mended_test_scan_trains_nothing(project):
    image = sorted(path for path in (project.root / "raw/C1/b900").rglob("*") if path.is_file())[0]
    content = image.read_bytes()
    image.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1]]))
    planned = project.plan()
    image.write_bytes(content)
    assert {"ingest_scan C1", "sample_bag scans C1", "write_manifest scans"} | predictions(*METHODS) <= planned
    assert not {job for job in planned if job.startswith(("train_model", "write_manifest scans-training"))}
    assert not {job for job in planned if " scans-predict " in job}


def test_a_corrected_test_label_trains_nothing(project, sheet):
    write_sheet(sheet, [*SCANS[:2], ("C1", "C", "healthy", "test"), PREDICTED], **SHEET)
    planned = project.plan()
    assert {"write_manifest scans"} | predictions(*METHODS) <= planned
    assert not {job for job in planned if job.startswith(("train_model", "write_manifest scans-training"))}


def test_a_corrected_training_label_trains_every_model(project, sheet):
    write_sheet(sheet, [("A1", "A", "healthy", "train"), *SCANS[1:], PREDICTED], **SHEET)
    assert {"write_manifest scans-training"} | runs(*METHODS) <= project.plan()


@pytest.mark.parametrize("column", ["site", "attr_age"])
def test_a_column_that_no_method_uses_trains_nothing(project, sheet, column):
    head, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{head}\t{column}", *(f"{row}\t7" for row in rows)]) + "\n")
    planned = project.plan()
    assert "write_manifest scans" in planned
    assert not {job for job in planned if job.startswith(("train_model", "write_manifest scans-training"))}


def test_a_test_scan_added_trains_nothing(project, sheet):
    write_sheet(sheet, [*SCANS, ("E1", "E", "focal", "test"), PREDICTED], **SHEET)
    planned = project.plan()
    assert {"sample_bag scans E1", "write_manifest scans"} | predictions(*METHODS) <= planned
    assert not {job for job in planned if job.startswith(("train_model", "write_manifest scans-training"))}


def test_a_predicted_scan_added_trains_scores_and_inverts_nothing(project, sheet):
    write_sheet(sheet, [*SCANS, PREDICTED, ADDED], **SHEET)
    planned = project.plan()
    assert {f"predict_bags scans-predict {method} 0" for method in METHODS} | maps(scans=["D1", "E1"]) <= planned
    assert not {f"predict_bags scans {method} 0" for method in METHODS} & planned
    none = {"train_model", "invert_run", "score_instances", "measure_repeatability"}
    assert not [job for job in planned if job.split()[0] in none]
    assert not maps(scans=["C1"]) & planned
