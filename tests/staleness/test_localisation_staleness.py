"""What makes scores of instances, maps, inversions and the viewer's layers stale, after one real run on scans."""

import pytest

from raw_cohort import write_raw_cohort, write_sheet
from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

METHODS = ("mil-attention", "mil-max")
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
INVERTED = {"invert_run scans mil-attention 0"}
GATHERED = {"gather_localisation scans"} | REPORT


def maps(method: str = "mil-attention", scans=("C1", "D1")) -> set[str]:
    return {f"draw_map {scan} scans {method} 0" for scan in scans}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("localised")
    made = checkout(root, SETTINGS)
    names = [row[0] for row in (*SCANS, PREDICTED, ADDED)]
    write_raw_cohort(root / "raw", nifti=names, dicom=[])
    write_sheet(root / "samples.tsv", [*SCANS, PREDICTED], annotated=names, lesions=["C1"])
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
        ("maps.quantity", "attention", maps() | REPORT),
        ("maps.methods", list(METHODS), maps("mil-max") | REPORT),
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
        ("drawing/maps/figure.py", maps() | REPORT),
        ("explanation/localisation/ranking.py", SCORES | GATHERED),
        ("explanation/inversion/steps.py", INVERTED | GATHERED),
        ("report/viewer/volumes.py", {"shrink_scan C1", "shrink_scan D1"} | REPORT),
    ],
)
def test_an_edit_of_the_code_plans_the_stages_that_reach_it(project, module, planned):
    with project.edited(f"scripts/marrow/{module}", "\nfrom ", "\nSPARE = 1\nfrom "):
        assert project.plan() == planned


def test_another_viewer_plans_its_program_and_the_page(project):
    with project.edited("viewer.tgz", "no package", "one more"):
        assert project.plan() == {"fetch_viewer"} | REPORT


def test_a_predicted_scan_added_trains_scores_and_inverts_nothing(project):
    sheet = project.root / "samples.tsv"
    before = sheet.read_text()
    names = [row[0] for row in (*SCANS, PREDICTED, ADDED)]
    write_sheet(sheet, [*SCANS, PREDICTED, ADDED], annotated=names, lesions=["C1"])
    planned = project.plan()
    sheet.write_text(before)
    assert {f"predict_bags scans {method} 0" for method in METHODS} | maps(scans=["D1", "E1"]) <= planned
    assert not [job for job in planned if job.split()[0] in {"train_model", "invert_run", "score_instances"}]
    assert not maps(scans=["C1"]) & planned
