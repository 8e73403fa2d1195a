"""Several seeds in one process: each run comes out as it would alone, but for rounding, and is known as if it were."""

import json
import math
import shutil
import signal
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

import learning_sets
import train_model
import train_seeds
from marrow.errors import RunStopped
from marrow.learning.feed.feed import Batch, Feed
from marrow.learning.many_seeds.padding import PaddedBatch
from marrow.learning.many_seeds.schedule import ManySeedsTraining
from marrow.learning.many_seeds.stepper import ManySeedsStepper
from marrow.learning.pooling.segments import Segments
from marrow.learning.training.interrupt import EXIT_RETRY
from marrow.learning.training.preparation import prepare
from marrow.learning.training.step import Stepper
from marrow.planning.kinds import training_modules
from marrow.planning.methods.resolve import why_alone
from marrow.runs.files import RunFiles
from marrow.runs.many_seeds import run_fingerprint
from marrow.workflow.accept import accept
from marrow.workflow.archive import Archive
from marrow.workflow.dry_run import PlannedJob
from marrow.workflow.parse import REPOSITORY, parse_workflow
from marrow.workflow.paths import ARCHIVE, CHECKPOINTS
from marrow.workflow.reason import Reason
from marrow.workflow.stage import Job, perform
from method_parts import SECTIONS, complete, variants

CPU = torch.device("cpu")
SEEDS = [0, 1, 2]
LENET3D = {"kind": "lenet3d", "kernel": 3, "dropout": 0.0}
UNIFORM = {"kind": "uniform", "variant": "as-printed", "every": 1}
GRADNORM = {"kind": "gradnorm", "variant": "as-printed", "every": 1, "gramian": "last-layer"}
POOLINGS = {
    "max": {"kind": "max", "level": "embedding"},
    "instance-mean": {"kind": "mean", "level": "instance"},
    "log-mean-exp": {"kind": "log-mean-exp", "level": "instance", "r": 5.0},
    "gated": {"kind": "gated-attention", "attention_width": 8},
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("tables"), learning_sets.tables())


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("volumes"), learning_sets.volumes())


@pytest.fixture(autouse=True)
def in_a_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def method(weighting=None, **changed):
    """A method, its weighting replaced as a whole."""
    chosen = learning_sets.settings(**changed)
    return chosen if weighting is None else {**chosen, "weighting": complete("weighting", **weighting)}


def many_seeds(manifest, chosen, seeds=SEEDS, augmentation=None, seeds_per_process=3, folders=None, name="trained"):
    """The note of a training of many seeds, and the files of each run as the archive has them."""
    arguments = {
        "manifest": manifest.path, "method": "mine", "settings": chosen, "augmentation": augmentation,
    }  # fmt: skip
    note = Path(name) / "trained.json"
    note.parent.mkdir()
    folders = folders or [f"results/runs/small/mine/seed-{seed}" for seed in seeds]
    train_seeds.main(
        **arguments,
        trained=note,
        seeds=seeds,
        folders=folders,
        seeds_per_process=seeds_per_process,
        archive_mb=1000,
        threads=1,
    )
    return json.loads(note.read_text()), {seed: restored(seed, arguments, Path(name)) for seed in seeds}


def restored(seed, arguments, folder):
    files = RunFiles.within(folder / f"seed-{seed}")
    files.model.parent.mkdir(exist_ok=True)
    found = Archive(ARCHIVE, 1000).restore(run_fingerprint(seed=seed, **arguments), list(files))
    return files if found else None


def alone(manifest, chosen, seed, augmentation=None):
    """The files of the same run, trained by itself."""
    files = RunFiles.within(Path("alone") / f"seed-{seed}")
    files.model.parent.mkdir(parents=True, exist_ok=True)
    train_model.main(
        manifest=manifest.path, method="mine", seed=seed, settings=chosen, augmentation=augmentation, threads=1,
        attributes=None, experts=[],
        **vars_of(files), checkpoints=Path("alone") / f"checkpoints-{seed}",
    )  # fmt: skip
    return files


def assert_same_run(one: RunFiles, other: RunFiles, tolerance: float):
    weights, others = load_file(one.model), load_file(other.model)
    assert weights.keys() == others.keys()
    # The bias of a score adds the same to each: its gradient is rounding, of which Adam makes a whole step.
    for name in weights.keys() - {"pooling.score.bias"}:
        torch.testing.assert_close(weights[name], others[name], rtol=tolerance, atol=tolerance, msg=name)
    mine, theirs = (pq.read_table(files.history).to_pydict() for files in (one, other))
    assert mine.keys() == theirs.keys()
    for column in mine.keys() - {"seconds"}:
        np.testing.assert_allclose(mine[column], theirs[column], tolerance, tolerance, err_msg=column)


# As alone


@pytest.mark.parametrize("weighting", [None, GRADNORM, UNIFORM], ids=["atmil", "gradnorm", "uniform"])
def test_each_seed_comes_out_as_it_does_alone(tables, weighting):
    chosen = method(
        weighting, training={"epochs": 3, "bags_per_step": 3, "choose": "loss", "class_weights": "balanced"}
    )
    _, runs = many_seeds(tables, chosen)
    for seed in SEEDS:
        assert_same_run(runs[seed], alone(tables, chosen, seed), 2e-5)
    assert not torch.equal(*(load_file(runs[seed].model)["encoder.layers.0.weight"] for seed in (0, 1)))


SGD = {"optimiser": "sgd", "momentum": 0.9, "nesterov": False, "learning_rate": 0.01}


@pytest.mark.parametrize("optimiser", [SGD, {}], ids=["sgd", "adam"])
def test_each_seed_of_a_network_of_volumes_comes_out_as_it_does_alone_augmented_as_it_is(volumes, optimiser):
    training = {"epochs": 2} | optimiser
    chosen = method(encoder=LENET3D, auxiliary=["stripe", "height"], training=training)
    augmentation = {"kind": "patches", "flip_probability": 0.5}
    _, runs = many_seeds(volumes, chosen, augmentation=augmentation)
    for seed in SEEDS:
        assert_same_run(runs[seed], alone(volumes, chosen, seed, augmentation), 1e-4)


def prepared(manifest, chosen, seed) -> Stepper:
    return prepare(manifest, chosen, None, seed, CPU, 1).stepper


def compared_steps(manifest, chosen, steps=3):
    """Steps of stacked and of separate models on the same bags: what each tells, and the gradients."""
    made_ready = [prepare(manifest, chosen, None, seed, CPU, 1) for seed in SEEDS]
    stacked, bags = [each.stepper for each in made_ready], made_ready[0].bags
    separate = deepcopy(stacked)
    together = ManySeedsStepper(stacked)
    for step in range(steps):
        batches = [bags.batch([(step + seed) % len(bags), (2 * seed + 5) % len(bags)]) for seed in SEEDS]
        made = together(batches, 0, step)
        for stepper, batch, mine, other in zip(separate, batches, made, stacked, strict=True):
            theirs = stepper(batch, 0, step)
            assert mine.history.keys() == theirs.history.keys()
            yield mine.losses, theirs.losses
            yield from ((mine.history[name], theirs.history[name]) for name in theirs.history)
            pairs = zip(other.model.parameters(), stepper.model.parameters(), strict=True)
            for one, two in pairs:
                assert (one.grad is None) == (two.grad is None)
                if one.grad is not None and two.grad is not None:
                    yield one.grad, two.grad


STACKABLE = [each for each in variants("weighting") if "alone" not in SECTIONS["weighting"].kinds[each[0]]]


@pytest.mark.parametrize("rule", [*((*rule, 1) for rule in STACKABLE), ("atmil", "as-printed", 2)], ids=str)
def test_a_step_of_all_is_a_step_of_each_by_every_weighting(tables, rule):
    kind, variant, every = rule
    chosen = method({"kind": kind, "variant": variant, "every": every}, auxiliary=["stripe", "height"])
    for mine, theirs in compared_steps(tables, chosen):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS)
def test_a_step_of_all_is_a_step_of_each_for_every_pooling(tables, pooling):
    for mine, theirs in compared_steps(tables, {**method(), "pooling": pooling}):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=2e-5)


def batch(lengths: list[int], value: float = 1.0) -> Batch:
    count = sum(lengths)
    return Batch(
        patches=torch.full((count, 6), value),
        segments=Segments.of(lengths),
        labels=torch.zeros(len(lengths), dtype=torch.int64),
        auxiliary={"stripe": torch.ones(count, dtype=torch.int64), "height": torch.ones(count)},
        instances=torch.arange(count),
        bags=tuple("ab"[: len(lengths)]),
        attributes=torch.empty(len(lengths), 0),
    )


def test_batches_are_filled_up_by_one_more_bag_that_is_never_empty_and_has_no_labels():
    padded = PaddedBatch.of([batch([2, 3]), batch([4, 4])])
    assert padded.lengths.tolist() == [[2, 3, 4], [4, 4, 1]]
    assert padded.index[0].tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert padded.auxiliary["stripe"][0].tolist() == [1] * 5 + [-1] * 4
    assert torch.isnan(padded.auxiliary["height"][0]).tolist() == [False] * 5 + [True] * 4
    assert torch.equal(padded.patches[:, :, 0].bool(), padded.index < 2)


@pytest.mark.parametrize("pooling", [method()["pooling"], *POOLINGS.values()], ids=["attention", *POOLINGS])
def test_how_long_the_other_bags_are_changes_nothing(tables, pooling):
    chosen = {**method(auxiliary=["stripe", "height"]), "pooling": pooling}
    seen = []
    for other in ([1], [5], [60]):
        steppers = [prepared(tables, chosen, seed) for seed in (0, 1)]
        made = ManySeedsStepper(steppers)([batch([5]), batch(other, value=-3.0)], 0, 0)
        seen.append([made[0].losses, *(parameter.grad for parameter in steppers[0].model.parameters())])
    for later in seen[1:]:
        for one, two in zip(seen[0], later, strict=True):
            assert torch.isfinite(one).all()
            torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-7)


# Each its own end


def test_a_run_that_stops_early_leaves_the_others_and_keeps_its_own_epoch(tables):
    training = {"choose": "loss", "patience": 1, "learning_rate": 0.03, "epochs": 6, "learning_rate_steps": []}
    chosen = method(training=training)
    _, runs = many_seeds(tables, chosen)
    told = {seed: json.loads(files.summary.read_text()) for seed, files in runs.items()}
    assert len({run["epochs"] for run in told.values()}) > 1
    for seed in SEEDS:
        theirs = json.loads(alone(tables, chosen, seed).summary.read_text())
        assert (told[seed]["epochs"], told[seed]["chosen_epoch"]) == (theirs["epochs"], theirs["chosen_epoch"])
        assert told[seed]["trained_with"] == [other for other in SEEDS if other != seed]


def test_a_loss_that_is_no_number_stops_its_run_alone_and_stays_out_of_the_archive(tables, monkeypatch):
    batches = Feed.batches

    def spoilt(self, groups, epoch=None):
        for group, made in batches(self, groups, epoch):
            factor = math.nan if self._seed == 1 and epoch == 1 and "train-05" in made.bags else 1
            yield group, replace(made, patches=made.patches * factor)

    monkeypatch.setattr(Feed, "batches", spoilt)
    chosen = method(training={"epochs": 2})
    note, runs = many_seeds(tables, chosen)
    assert note["seed-1"].startswith("stopped: in epoch 2 the losses of bag train-05 were main nan")
    assert (note["seed-0"], note["seed-2"], runs[1]) == ("trained", "trained", None)
    for seed in (0, 2):
        assert_same_run(runs[seed], alone(tables, chosen, seed), 2e-5)
    with pytest.raises(RunStopped, match="train-05"):
        alone(tables, chosen, 1)


def test_memory_that_runs_out_for_all_is_enough_for_one_after_another(tables, monkeypatch, caplog):
    def scarce(*_given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ManySeedsStepper, "_weigh", scarce)
    chosen = method(training={"epochs": 2})
    _, runs = many_seeds(tables, chosen)
    assert sum("memory ran out with 3 seeds in one process" in record.message for record in caplog.records) == 1
    for seed in SEEDS:
        assert runs[seed].model.read_bytes() == alone(tables, chosen, seed).model.read_bytes()


def test_runs_that_are_asked_to_leave_save_after_the_same_step_and_go_on_together_or_alone(tables, monkeypatch):
    chosen = method(training={"epochs": 3})
    whole = {seed: alone(tables, chosen, seed) for seed in SEEDS}
    steps, call = [], ManySeedsStepper.__call__

    def counted(self, *given):
        steps.append(given[2])
        if len(steps) == 11:
            signal.raise_signal(signal.SIGTERM)
        return call(self, *given)

    monkeypatch.setattr(ManySeedsStepper, "__call__", counted)
    with pytest.raises(SystemExit) as left:
        many_seeds(tables, chosen, name="first")
    assert left.value.code == EXIT_RETRY
    prints = [run_fingerprint(tables.path, "mine", seed, chosen, None) for seed in SEEDS]
    assert all((CHECKPOINTS / each / "last.safetensors").is_file() for each in prints)
    train_model.main(
        **{**vars_of(whole[2]), "checkpoints": CHECKPOINTS / prints[2]},
        manifest=tables.path, method="mine", seed=2, settings=chosen, augmentation=None, threads=1,
        attributes=None, experts=[],
    )  # fmt: skip
    assert json.loads(whole[2].summary.read_text())["epochs"] == 3
    _, runs = many_seeds(tables, chosen, name="second")
    assert steps == list(range(24))
    for seed in SEEDS:
        assert_same_run(runs[seed], whole[seed], 2e-5)
    assert not any((CHECKPOINTS / each).exists() for each in prints)


def vars_of(files: RunFiles):
    return {name: getattr(files, name) for name in ("model", "history", "summary")}


def test_a_run_that_is_behind_catches_up_before_all_go_on_together(tables, monkeypatch):
    chosen = method(training={"epochs": 2})
    whole = {seed: alone(tables, chosen, seed) for seed in SEEDS}
    call, seen = ManySeedsStepper.__call__, []

    def counted(self, batches, epoch, step):
        seen.append((len(batches), step))
        if len(seen) == 5:
            signal.raise_signal(signal.SIGTERM)
        return call(self, batches, epoch, step)

    monkeypatch.setattr(ManySeedsStepper, "__call__", counted)
    with pytest.raises(SystemExit):
        many_seeds(tables, chosen, name="first")
    lost = run_fingerprint(tables.path, "mine", 1, chosen, None)
    (CHECKPOINTS / lost / "last.safetensors").unlink()
    _, runs = many_seeds(tables, chosen, name="second")
    assert [step for count, step in seen if count == 3] == list(range(16))
    assert len(seen) == 16
    for seed in SEEDS:
        assert_same_run(runs[seed], whole[seed], 2e-5)


# Known as if alone


def test_a_run_that_stands_or_lies_in_the_archive_is_not_trained_again(tables, monkeypatch):
    chosen = method(training={"epochs": 1})
    note, _ = many_seeds(tables, chosen, seeds=[0, 1], name="first")
    assert note == {"seed-0": "trained", "seed-1": "trained"}
    trained = []
    train = ManySeedsTraining.train

    def counted(self, finish):
        trained.append(len(self._trainers))
        return train(self, finish)

    monkeypatch.setattr(ManySeedsTraining, "train", counted)
    note, _ = many_seeds(tables, chosen, seeds=[0, 1, 2], name="second")
    assert note == {"seed-0": "was there", "seed-1": "was there", "seed-2": "trained"}
    note, _ = many_seeds(tables, chosen, seeds=[3, 4, 5, 6, 7], seeds_per_process=2, name="third")
    assert trained == [1, 2, 2, 1]


def test_the_job_of_each_run_finds_it_in_the_archive(tables, monkeypatch):
    """With the fingerprint that the job makes of itself, in the order in which its rule declares the outputs."""
    rules = {rule.name: rule for rule in parse_workflow(Path.cwd() / "parsed").rules}
    outputs = [name for name, _ in rules["train_model"].output._get_names() if name != "record"]
    declared = [str(rules["train_model"].output[name]) for name in outputs]
    chosen = method(training={"epochs": 1})
    _, runs = many_seeds(tables, chosen)
    job = job_of(tables, chosen, seed=1)
    files = [Path(path) for path in job.outputs.values()]
    assert [Path(path).name for path in declared] == [path.name for path in files]

    def never(**_given):
        raise AssertionError("it trains")

    monkeypatch.setattr(train_model, "main", never)
    perform(train_model.main, job, scripts=REPOSITORY / "scripts")
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in runs[1]]
    shutil.rmtree(ARCHIVE)  # as where it is full
    note, _ = many_seeds(tables, chosen, seeds=[1], name="again")
    assert note == {"seed-1": "was there"}


def job_of(manifest, chosen, seed) -> Job:
    """The job `train_model` of a run."""
    folder = Path(f"results/runs/small/mine/seed-{seed}")
    folder.mkdir(parents=True)
    return Job(
        rule="train_model",
        wildcards={"dataset": "small", "method": "mine", "seed": str(seed)},
        inputs={"manifest": str(manifest.path), "experts": []},
        outputs={name: str(path) for name, path in vars_of(RunFiles.within(folder)).items()},
        params={"method": "mine", "seed": seed, "settings": chosen, "augmentation": None, "attributes": None},
        record=folder / "record.json",
        threads=1,
        archive_mb=1000,
        modules=tuple(training_modules(chosen, None)),
    )


def test_a_run_whose_edit_was_accepted_is_not_trained_again_when_another_seed_is_due(tables):
    """Nor does anything come from the archive, which is full."""
    chosen = method(training={"epochs": 1})
    before = Path.cwd() / "before" / "scripts"
    before.mkdir(parents=True)
    (before / "train_model.py").write_text("earlier = True\n")
    (before.parent / "requirements.txt").touch()
    job = job_of(tables, chosen, seed=0)
    perform(train_model.main, job, before)
    shutil.rmtree(ARCHIVE)
    edited = (Reason("code_changed", "train_model.py"),)
    named = (("seed", "0"),)
    planned = PlannedJob(job.rule, named, edited, job.record.as_posix(), json.dumps(job.params), job.modules)
    accept([planned], REPOSITORY / "scripts", "renamed a variable")
    note, _ = many_seeds(tables, chosen, seeds=[0, 1])
    assert note == {"seed-0": "was there", "seed-1": "trained"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"encoder": {"dropout": 0.5}}, "dropout"),
        ({"encoder": {"kind": "resnet"}}, "busy"),
        ({"pooling": {"kind": "loss-attention"}}, "loss-attention"),
        ({"weighting": {"kind": "upgrad"}}, "upgrad"),
        ({"training": {"compile": True}}, "compile"),
        ({"training": {"deterministic": True}}, "deterministic"),
    ],
)
def test_what_cannot_be_stacked_is_told_with_the_reason(changed, reason):
    chosen = learning_sets.settings(**changed)
    declared = [SECTIONS[name].of(chosen[name]) for name in ("encoder", "pooling", "weighting")]
    told = why_alone(declared, chosen["encoder"], chosen["training"])
    assert told is None if reason is None else reason in (told or "")
