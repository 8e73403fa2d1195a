"""What an attribute makes stale: the models that learn from it, and those that start from these, and no others."""

import pytest

from raw_cohort import write_raw_cohort, write_sheet
from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

SCANS = [("A1", "A", "focal", "train"), ("B1", "B", "healthy", "train"), ("C1", "C", "focal", "test")]
VALUES = {"attr_age": ["50", "60", "70"], "attr_stage": ["I", "II", "II"], "attr_note": ["x", "y", "z"]}
ALL = ("picture-expert", "attribute-expert", "of-age", "expert-mixture", "expert-mixture-frozen")
SETTINGS = {
    "samples": "samples.tsv",
    "contrasts": ["fat", "water", "b50", "b900"],
    "attributes": {"age": {"unit": "years"}, "stage": {"values": ["I", "II", "III"]}},
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
    "methods": {"of-age": {"preset": "attribute-logistic", "attributes": "age"}},
    "runs": {"scans": {"methods": list(ALL[2:]), "seeds": 1, "training": {"epochs": 1}}},
}


class Runs(Project):
    """A project of which only the models are asked for."""

    def run(self, *arguments: str) -> str:
        return super().run("runs", *arguments)

    def trainings(self) -> set[str]:
        """The methods that would be trained."""
        jobs = self.plan("--nocolor", "runs")
        return {job.split()[2] for job in jobs if job.startswith("train_model")}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Runs:
    root = tmp_path_factory.mktemp("attributes")
    made = Runs(checkout(root, SETTINGS).root)
    names = [scan[0] for scan in SCANS]
    write_raw_cohort(root / "raw", nifti=names, dicom=[])
    write_sheet(root / "samples.tsv", SCANS, annotated=names)
    head, *rows = (root / "samples.tsv").read_text().splitlines()
    added = ["\t".join(row) for row in zip(*VALUES.values(), strict=True)]
    lines = ["\t".join([head, *VALUES]), *("\t".join(pair) for pair in zip(rows, added, strict=True))]
    (root / "samples.tsv").write_text("\n".join(lines) + "\n")
    made.run()
    return made


def test_experts_are_runs_of_their_own_and_nothing_is_left_to_do(project):
    for method in ALL:
        assert (project.root / f"results/runs/scans/{method}/seed-0/model.safetensors").stat().st_size, method
    assert not (project.root / "results/predicted/scans/picture-expert").exists()  # nobody compares it
    assert project.plan("--nocolor", "runs") == set()


@pytest.mark.parametrize(
    ("before", "after", "trained"),
    [
        ("50\tI\tx", "51\tI\tx", {"attribute-expert", "of-age", "expert-mixture", "expert-mixture-frozen"}),
        ("50\tI\tx", "50\tIII\tx", {"attribute-expert", "expert-mixture", "expert-mixture-frozen"}),
        ("50\tI\tx", "50\tI\tw", set()),
        ("70\tII\tz", "71\tI\tw", set()),
        ("attr_note", "attr_other", set()),
    ],
    ids=["age of a training scan", "stage of a training scan", "unused", "of a test scan", "unused renamed"],
)
def test_an_edited_attribute_trains_what_learns_from_it(project, before, after, trained):
    with project.edited("samples.tsv", before, after):
        assert project.trainings() == trained
    assert project.trainings() == set()


def test_an_attribute_added_that_no_method_uses_trains_nothing(project):
    note = {"values": ["x", "y", "z"]}
    with project.configured("attributes", {**SETTINGS["attributes"], "note": note}):
        assert project.trainings() == {"attribute-expert", "expert-mixture", "expert-mixture-frozen"}  # which take all
    with project.edited("samples.tsv", "attr_note", "attr_more"):
        assert project.trainings() == set()


@pytest.mark.parametrize(
    ("place", "value", "trained"),
    [
        ("methods.attribute-expert", {"expert": {"hidden": 3}}, {"attribute-expert", "expert-mixture-frozen"}),
        ("methods.picture-expert", {"pooling": {"kind": "max"}}, {"picture-expert", "expert-mixture-frozen"}),
        ("methods.expert-mixture-frozen", {"fusion": {"gate": "as-released"}}, {"expert-mixture-frozen"}),
        ("methods.expert-mixture", {"expert": {"hidden": 3}}, {"expert-mixture"}),
        ("methods.of-age", {"preset": "attribute-logistic", "attributes": "age", "expert": {"c": 2}}, {"of-age"}),
        ("attributes.age", {"unit": "a"}, set()),
        ("attributes.age", {"log": True}, {"attribute-expert", "of-age", "expert-mixture", "expert-mixture-frozen"}),
    ],
)
def test_a_setting_of_an_expert_trains_it_and_what_starts_from_it(project, place, value, trained):
    with project.configured(place, value):
        assert project.trainings() == trained
    assert project.trainings() == set()


@pytest.mark.parametrize(
    ("module", "trained"),
    [
        ("learning/fusion/mixture.py", {"expert-mixture", "expert-mixture-frozen"}),
        ("learning/experts/logistic.py", {"of-age"}),
        ("learning/experts/mlp.py", {"attribute-expert", "expert-mixture", "expert-mixture-frozen"}),
        ("learning/experts/svm.py", set()),
    ],
)
def test_code_of_a_kind_counts_for_what_uses_it(project, module, trained):
    with project.edited(f"scripts/marrow/{module}", "from typing import Any", "from typing import Any\n\nSURPLUS = 1"):
        assert project.trainings() == trained
