"""What makes trained models stale: after one real run, each edit plans exactly the trainings that it must."""

import json
import shutil

import pytest

from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

METHODS, SEEDS = ("embedding-max", "attention"), (0, 1)
SETTINGS = {
    "bones": {"source": "none"},
    "methods": {"mine": {"preset": "attention", "title": "Mine", "training": {"learning_rate": 0.002}}},
    "datasets": {
        "concepts": {"kind": "concepts", "training_bags": [6], "validation_bags": 4, "test_bags": 4, "features": 4}
    },
    "runs": {"concepts": {"methods": list(METHODS), "seeds": list(SEEDS), "training": {"epochs": 2}}},
}
RUN = "results/runs/concepts/attention/seed-1"


class Runs(Project):
    """A project of which only the models are asked for."""

    def run(self, *arguments: str) -> str:
        return super().run("runs", *arguments)

    def plan(self, *arguments: str) -> set[str]:
        return super().plan("--nocolor", "runs", *arguments)  # an option, for --configfile takes all names after it


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Runs:
    root = tmp_path_factory.mktemp("runs")
    made = Runs(checkout(root, SETTINGS).root)
    made.run()
    return made


def runs(methods=METHODS, seeds=SEEDS) -> set[str]:
    """The jobs that train and those that predict."""
    rules = ("train_model", "predict_bags")
    return {f"{rule} concepts {method} {seed}" for rule in rules for method in methods for seed in seeds}


def digests(project) -> dict[str, str]:
    record = json.loads((project.root / RUN / "record.json").read_text())
    return {path: product["digest"] for path, product in record["outputs"].items()}


def test_nothing_plans_nothing(project):
    assert project.plan() == set()


@pytest.mark.parametrize(
    ("place", "value", "planned"),
    [
        ("runs.concepts.methods", [*METHODS, "gated-attention"], runs(["gated-attention"])),
        ("runs.concepts.methods", ["attention"], set()),
        ("runs.concepts.methods", [*METHODS, "mine"], runs(["mine"])),
        ("runs.concepts.seeds", [0, 1, 2], runs(seeds=[2])),
        ("runs.concepts.seeds", 2, set()),
        ("runs.concepts.training.epochs", 3, runs()),
        ("runs.concepts.training.bags_per_step", 1, set()),
        ("methods.attention", {"title": "Attended"}, set()),
        ("methods.attention", {"pooling": {"attention_width": 32}}, runs(["attention"])),
        ("methods.attention", {"pooling": {"r": 3}}, set()),
        ("augmentation.gain", 0.1, set()),
        ("gpus_per_run", 1, set()),
        ("archive_mb", 100, set()),
        ("title", "Another", set()),
    ],
)
def test_a_setting_plans_the_trainings_that_use_it(project, place, value, planned):
    with project.configured(place, value):
        assert project.plan() == planned
    assert project.plan() == set()


def test_other_bags_plan_every_training_on_them(project):
    blocks = {f"make_bags {split}-00000 concepts" for split in ("train", "validation", "test")}
    manifests = {"write_manifest concepts", "write_manifest concepts-training"}
    with project.configured("datasets.concepts.seed", 5):
        assert project.plan() == blocks | manifests | runs()


def test_more_test_bags_are_predicted_and_train_nothing(project):
    with project.configured("datasets.concepts.test_bags", 60):
        planned = project.plan()
    predictions = {job for job in runs() if job.startswith("predict_bags")}
    assert planned == {"make_bags test-00050 concepts", "write_manifest concepts"} | predictions


@pytest.mark.parametrize(
    ("module", "planned"),
    [
        ("learning/training/trainer.py", runs()),
        ("learning/weighting/atmil.py", set()),
        ("learning/pooling/attention.py", runs(["attention"])),
        ("learning/augment/intensity.py", set()),
        ("learning/inference.py", runs()),
        ("runs/tables.py", runs()),
        ("planning/runs.py", set()),
        ("planning/methods/presets.py", set()),
    ],
)
def test_an_edit_of_the_code_plans_the_trainings_that_reach_it(project, module, planned):
    with project.edited(f"scripts/marrow/{module}", "\nfrom ", "\nSPARE = 1\nfrom "):
        assert project.plan() == planned


def test_a_new_kind_of_data_set_plans_nothing(project):
    kind, copy = "scripts/marrow/datasets/concepts.py", "scripts/marrow/datasets/notions.py"
    declaration, declared = "schemas/datasets/concepts.yaml", "schemas/datasets/notions.yaml"
    for file, new in ((kind, copy), (declaration, declared)):
        shutil.copy(project.root / file, project.root / new)
    assert project.plan() == set()
    with project.configured("datasets.more", {"kind": "notions"}):
        assert project.plan() == set()  # models alone are asked for
        assert "make_bags train-00000 more" in project.plan("results/manifests/more.parquet")
    for new in (copy, declared):
        (project.root / new).unlink()


def test_an_edit_of_another_kind_of_data_set_plans_nothing(project):
    with project.edited("scripts/marrow/datasets/mosaics.py", "\nfrom ", "\nSPARE = 1\nfrom "):
        assert project.plan() == set()


def test_bags_made_again_to_the_same_bytes_train_nothing(project):
    for suffix in (".parquet", ".record.json"):
        (project.root / f"results/bags/concepts/train-00000{suffix}").unlink()
    (project.root / "results/manifests/concepts-training.record.json").unlink()
    told = project.run()
    assert "write_manifest" in told
    assert told.count("outputs come back from the archive") == len(METHODS) * len(SEEDS)
    assert "epoch 1 of" not in told
    assert project.plan() == set()


def test_a_change_made_and_reverted_trains_nothing_and_gives_the_same_bits(project):
    before = digests(project)
    with project.configured("runs.concepts.training.epochs", 3):
        project.run()
        assert digests(project) != before
    told = project.run()
    assert digests(project) == before
    assert told.count("outputs come back from the archive") == len(METHODS) * len(SEEDS)
    assert "epoch 1 of 2" not in told


def test_a_deleted_run_comes_back_from_the_archive(project):
    before = digests(project)
    shutil.rmtree(project.root / RUN)
    assert project.plan() == runs(["attention"], [1])
    assert "outputs come back from the archive" in project.run()
    assert digests(project) == before


def test_a_training_that_explodes_leaves_the_others_and_says_why(project):
    with (
        project.configured("runs.concepts.methods", [*METHODS, "wild"]),
        project.configured(
            "methods.wild",
            {"preset": "attention", "training": {"optimiser": "sgd", "learning_rate": 1e9, "weight_decay": 0}},
        ),
    ):
        project.run()
        record = json.loads((project.root / "results/runs/concepts/wild/seed-0/record.json").read_text())
        assert record["stopped"]["check"] == "loss"
        assert "in epoch" in record["stopped"]["message"]
        assert project.plan() == set()
