"""What makes an evaluation stale, after one real run; a training that stopped is in it, and told."""

import pytest

from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

SETTINGS = {
    "bones": {"source": "none"},
    "methods": {
        "wild": {"preset": "attention", "training": {"optimiser": "sgd", "learning_rate": 1e9, "weight_decay": 0}}
    },
    "datasets": {
        "concepts": {"kind": "concepts", "training_bags": [6], "validation_bags": 4, "test_bags": 8, "features": 4}
    },
    "runs": {"concepts": {"methods": ["attention", "wild"], "seeds": 2, "training": {"epochs": 2}}},
}
FOLDER = "results/evaluation/concepts"
FIGURES = ("confusion_matrices", "reliability_curves", "differences", "sizes")
TARGETS = [f"{FOLDER}/tables.md", *(f"{FOLDER}/{figure}.svg" for figure in (*FIGURES, "training", "weights"))]
DRAWN = {f"draw_comparison concepts {figure}" for figure in FIGURES}
TRAINING = {f"draw_curves concepts {figure}" for figure in ("training", "weights")}
NUMBERS = {"evaluate_runs concepts", "write_tables concepts"} | DRAWN
RUNS = {f"{rule} concepts {method}" for rule in ("train_model", "predict_bags") for method in ("attention", "wild")}
CURVES = {"gather_curves concepts"} | TRAINING


class Evaluated(Project):
    """A project of which only the evaluation is asked for."""

    def run(self, *arguments: str) -> str:
        return super().run(*TARGETS, *arguments)

    def plan(self, *arguments: str) -> set[str]:
        return super().plan("--nocolor", *TARGETS, *arguments)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Evaluated:
    root = tmp_path_factory.mktemp("evaluated")
    made = Evaluated(checkout(root, SETTINGS).root)
    made.run()
    return made


def test_a_stopped_training_is_evaluated_around_and_told(project):
    text = (project.root / FOLDER / "tables.md").read_text()
    assert "train\\_model stopped it (loss): in epoch 1" in text
    assert (project.root / FOLDER / "training.svg").stat().st_size > 0


@pytest.mark.parametrize(
    ("place", "value", "planned"),
    [
        ("evaluation.resamples", 200, NUMBERS),
        ("evaluation.reference", "wild", NUMBERS),
        ("methods.attention", {"title": "Attended"}, NUMBERS | TRAINING),
        (
            "runs.concepts.seeds",
            3,
            NUMBERS
            | CURVES
            | {
                f"{rule} concepts {method} 2"
                for rule in ("train_model", "predict_bags")
                for method in ("attention", "wild")
            },
        ),
    ],
)
def test_a_setting_plans_the_evaluation_that_uses_it(project, place, value, planned):
    with project.configured(place, value):
        assert project.plan() == planned
    assert project.plan() == set()


@pytest.mark.parametrize(
    ("file", "before", "planned"),
    [
        ("scripts/marrow/evaluation/weighted.py", "\nfrom ", NUMBERS),
        ("scripts/marrow/drawing/figures/course.py", "\nfrom ", TRAINING),
    ],
)
def test_an_edit_of_the_code_plans_what_reaches_it(project, file, before, planned):
    with project.edited(file, before, "\nSPARE = 1\nfrom "):
        assert project.plan() == planned


def test_a_published_number_plans_the_tables(project):
    with project.edited("schemas/published.csv", "0.778", "0.779"):
        assert project.plan() == {"write_tables concepts"}
