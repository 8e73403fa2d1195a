"""Seeds that train in one process: planned only where two or more are due, and stale run by run as ever."""

import json

import pytest
from test_run_staleness import SETTINGS, Runs

from staleness_project import checkout

pytestmark = pytest.mark.slow

METHODS = ["attention", "dropped"]
DROPPED = {"preset": "attention", "title": "With dropout", "encoder": {"dropout": 0.5}}
MANY_SEEDS = {"train_seeds concepts attention"}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Runs:
    root = tmp_path_factory.mktemp("many_seeds")
    trained = {"concepts": {"methods": METHODS, "seeds": [0, 1], "training": {"epochs": 2}}}
    settings = {**SETTINGS, "methods": {"dropped": DROPPED}, "runs": trained, "seeds_per_process": 4}
    made = Runs(checkout(root, settings).root)
    told = made.run()
    assert told.count("outputs come back from the archive") == 2
    return made


def runs(seeds, methods=("attention", "dropped")) -> set[str]:
    """The jobs that train and those that predict."""
    rules = ("train_model", "predict_bags")
    return {f"{rule} concepts {method} {seed}" for rule in rules for method in methods for seed in seeds}


def test_runs_of_one_process_stand_and_say_so(project):
    assert project.plan() == set()
    folder = project.root / "results/runs/concepts/attention/seed-1"
    assert json.loads((folder / "run.json").read_text())["trained_with"] == [0]
    assert "trained_with" not in json.loads((folder.parents[1] / "dropped/seed-1/run.json").read_text())


@pytest.mark.parametrize(
    ("place", "value", "planned"),
    [
        ("seeds_per_process", 1, set()),
        ("seeds_per_process", 2, set()),
        ("archive_mb", 100, set()),
        ("runs.concepts.seeds", [0], set()),
        ("runs.concepts.seeds", [0, 1, 2], runs([2])),
        ("runs.concepts.seeds", [0, 1, 2, 3], runs([2, 3]) | MANY_SEEDS),
        ("runs.concepts.training.epochs", 3, runs([0, 1]) | MANY_SEEDS),
    ],
)
def test_a_setting_plans_the_trainings_that_use_it_and_one_process_for_several(project, place, value, planned):
    with project.configured(place, value):
        assert project.plan() == planned
    assert project.plan() == set()


@pytest.mark.parametrize(
    ("module", "planned"),
    [("learning/training/trainer.py", runs([0, 1]) | MANY_SEEDS), ("learning/many_seeds/stepper.py", set())],
)
def test_code_that_only_stacks_makes_no_run_stale(project, module, planned):
    with project.edited(f"scripts/marrow/{module}", "\nfrom ", "\nSPARE = 1\nfrom "):
        assert project.plan() == planned


def test_a_seed_more_trains_by_itself_and_two_more_together_without_the_others(project):
    with project.configured("runs.concepts.seeds", [0, 1, 2, 3]):
        project.run()
        note = json.loads((project.root / "results/seeds/concepts/attention/trained.json").read_text())
        assert note == {"seed-0": "was there", "seed-1": "was there", "seed-2": "trained", "seed-3": "trained"}
        assert project.plan() == set()
    assert project.plan() == set()
