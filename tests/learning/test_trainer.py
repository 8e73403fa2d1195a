"""The trainer: it goes on to the same bits, chooses by validation alone, and stops where numbers end."""

import copy
import json
import math
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from torch.nn import functional

import learning_sets
import train_model
from marrow.device.checkpoint import Checkpoints
from marrow.errors import MarrowError, RunStopped
from marrow.learning.feed.feed import Feed, order
from marrow.learning.training.choice import Choice, Validation, macro_f1
from marrow.learning.training.interrupt import EXIT_RETRY, Interrupt
from marrow.learning.training.optimiser import learning_rate, optimiser_of
from marrow.learning.training.preparation import prepare
from marrow.learning.training.trainer import Trainer
from marrow.runs.model_file import load_model
from trained_runs import arguments, trained


def history(folder: Path):
    return pq.read_table(folder / "history.parquet").to_pydict()


def killed(given, after: int, number: int) -> int:
    """How a fork ends that trains, saves after every step, and gets a signal after a given number of them."""
    child = os.fork()
    if not child:
        status = 1
        with suppress(BaseException):
            try:
                _train_until(given, after, number)
            except SystemExit as left:
                status = int(left.code or 0)
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _train_until(given, after: int, number: int) -> None:
    tally = Trainer._add_to_means

    def counted(self, step):
        tally(self, step)
        if self.progress.step + 1 == after:
            os.kill(os.getpid(), number)

    Trainer._add_to_means = counted
    Checkpoints.is_due = property(lambda _: True)
    train_model.main(**given)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("tables"), learning_sets.tables())


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("volumes"), learning_sets.volumes())


@pytest.mark.parametrize(
    "changed",
    [
        {"training": {"choose": "loss"}, "encoder": {"dropout": 0.5}},
        {
            "pooling": {
                "kind": "loss-attention",
                "instance_weight": 2.0,
                "instance_reduction": "mean",
                "consistency_weight": 1.0,
                "consistency_ramp": 5,
                "consistency_decay": 0.6,
            },
            "weighting": {"kind": "gradnorm", "beta": None},
            "training": {"optimiser": "sgd", "momentum": 0.9, "nesterov": True, "learning_rate_decay": 0.01},
        },
    ],
    ids=["atmil", "loss-attention"],
)
def test_a_training_that_was_asked_to_leave_and_then_killed_ends_with_the_same_bits(tables, tmp_path, changed):
    chosen = learning_sets.settings(**changed)
    whole = trained(tmp_path / "whole", tables, chosen)
    given = arguments(tmp_path / "parts", tables, chosen)
    assert killed(given, 4 * 8 + 3, signal.SIGTERM) == EXIT_RETRY
    assert killed(given, 6 * 8 + 5, signal.SIGKILL) == -signal.SIGKILL
    assert killed(given, 7 * 8 + 8, signal.SIGUSR1) == EXIT_RETRY
    parts = trained(tmp_path / "parts", tables, chosen)
    for name in ("model.safetensors", "predictions.parquet", "instances.parquet"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    one, other = history(whole), history(parts)
    assert len(one["epoch"]) == 10
    assert {**one, "seconds": None} == {**other, "seconds": None}


@pytest.mark.parametrize("weighting", [{"kind": "uniform", "beta": None}, {"beta": 1e-12}], ids=["uniform", "atmil"])
@pytest.mark.parametrize("kind", ["tables", "pictures", "volumes"])
def test_a_training_is_the_plainest_loop_over_the_same_bags(tmp_path, kind, weighting):
    manifest = learning_sets.written(tmp_path, getattr(learning_sets, kind)())
    encoder = {"kind": {"tables": "mlp", "pictures": "lenet", "volumes": "lenet3d"}[kind], "kernel": 3}
    chosen = learning_sets.settings(encoder=encoder, weighting=weighting, training={"epochs": 2})
    prepared = prepare(manifest, chosen, None, 3, torch.device("cpu"), 1)
    plain = copy.deepcopy(prepared.stepper.model)
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3, weight_decay=1e-4, foreach=False, fused=False)
    for epoch in range(2):
        for position in order(3, epoch, len(prepared.bags)):
            batch = prepared.bags.batch([position])
            answers = plain(batch.patches, batch.segments)
            loss = functional.binary_cross_entropy_with_logits(answers.pooled.logits[:, 0], batch.labels.float())
            adam.zero_grad()
            (loss + functional.cross_entropy(answers.auxiliary["stripe"], batch.auxiliary["stripe"])).backward()
            adam.step()
    ours, _ = load_model(trained(tmp_path / "run", manifest, chosen) / "model.safetensors")
    for (name, found), theirs in zip(ours.named_parameters(), plain.parameters(), strict=True):
        if name != "pooling.score.bias":  # its gradient is zero but for rounding
            torch.testing.assert_close(found, theirs, rtol=1e-3, atol=1e-5, msg=name)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tables, tmp_path):
    chosen = learning_sets.settings(training={"epochs": 2})
    same = [trained(tmp_path / name, tables, chosen) for name in ("one", "two")]
    other = trained(tmp_path / "other", tables, chosen, seed=4)
    models = [(folder / "model.safetensors").read_bytes() for folder in (*same, other)]
    assert models[0] == models[1] != models[2]


def test_streamed_bags_train_to_the_same_bits_as_resident_ones(volumes, tmp_path, monkeypatch):
    chosen = learning_sets.settings(encoder={"kind": "lenet3d", "kernel": 3}, training={"epochs": 2})
    augmentation = {"kind": "patches", "flip_probability": 0.5}
    resident = trained(tmp_path / "resident", volumes, chosen, augmentation=augmentation)
    monkeypatch.setattr("marrow.learning.feed.choice.SHARE_OF_FREE_MEMORY", 0)
    streamed = trained(tmp_path / "streamed", volumes, chosen, augmentation=augmentation)
    plain = trained(tmp_path / "plain", volumes, chosen)
    for name in ("model.safetensors", "instances.parquet"):
        assert (resident / name).read_bytes() == (streamed / name).read_bytes()
        assert (resident / name).read_bytes() != (plain / name).read_bytes()


def test_memory_that_runs_out_once_changes_results_by_rounding_alone(volumes, tmp_path, monkeypatch, caplog):
    chosen = learning_sets.settings(encoder={"kind": "lenet3d", "kernel": 3}, training={"epochs": 2})
    whole = trained(tmp_path / "whole", volumes, chosen)
    encode, failed = torch.nn.functional.linear, []

    def scarce(*given):
        if not failed and torch.is_grad_enabled():
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(*given)

    monkeypatch.setattr(torch.nn.functional, "linear", scarce)
    with caplog.at_level("WARNING"):
        parts = trained(tmp_path / "parts", volumes, chosen)
    assert failed
    assert sum("memory ran out" in record.message for record in caplog.records) == 1
    one, other = (pq.read_table(folder / "predictions.parquet")["p_yes"].to_numpy() for folder in (whole, parts))
    np.testing.assert_allclose(one, other, atol=1e-3)
    assert json.loads((parts / "run.json").read_text())["chunk"]


def test_a_loss_that_is_no_number_stops_the_run_and_names_epoch_and_bag(tables, tmp_path, monkeypatch):
    batches = Feed.batches

    def spoilt(self, groups, epoch=None):
        for group, batch in batches(self, groups, epoch):
            factor = math.nan if "train-05" in batch.bags else 1
            yield group, replace(batch, patches=batch.patches * factor)

    monkeypatch.setattr(Feed, "batches", spoilt)
    with pytest.raises(RunStopped, match=r"in epoch 1 the losses of bag train-05 were main nan.*no epoch was good"):
        trained(tmp_path / "run", tables, learning_sets.settings())
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_loss_that_explodes_stops_the_run_and_names_the_last_good_epoch(tables, tmp_path):
    chosen = learning_sets.settings(training={"optimiser": "sgd", "momentum": 0.0, "nesterov": False})
    chosen["training"]["learning_rate"] = 1e5
    with pytest.raises(
        RunStopped, match=r"in epoch \d+ the losses of bag train-\d+ were main .*epoch.*lower training.learning_rate"
    ):
        trained(tmp_path / "run", tables, chosen)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_macro_f1_is_that_of_scikit_learn_to_the_last_bit(bags):
    """Classes that are only labelled, or only predicted, included."""
    labels, predicted = np.array(bags).T
    assert macro_f1(labels, predicted) == f1_score(labels, predicted, average="macro", zero_division=0)


def test_the_epoch_is_chosen_by_validation_bags_and_the_earliest_of_equal_ones_is_kept():
    choice = Choice("f1", None)
    scores = [choice.score(Validation(loss, f1, 0.5)) for loss, f1 in ((1.0, 0.2), (5.0, 0.8), (0.1, 0.8))]
    assert scores[1] == scores[2] > scores[0]
    assert Choice("loss", None).score(Validation(0.1, 0, 0)) > Choice("loss", None).score(Validation(0.2, 1, 1))


@pytest.mark.parametrize("by", ["loss", "f1"])
def test_the_kept_weights_are_those_of_the_chosen_epoch(tables, tmp_path, by):
    chosen = learning_sets.settings(training={"choose": by, "learning_rate": 0.02, "learning_rate_steps": []})
    folder = trained(tmp_path / "run", tables, chosen)
    rows = history(folder)
    values = rows[f"validation_{by}"]
    best = values.index(min(values) if by == "loss" else max(values)) + 1
    told = json.loads((folder / "run.json").read_text())
    assert told["chosen_epoch"] == best
    shorter = trained(
        tmp_path / "shorter",
        tables,
        learning_sets.settings(training={**chosen["training"], "choose": "last", "epochs": best}),
    )
    one, other = (pq.read_table(path / "predictions.parquet") for path in (folder, shorter))
    assert one["p_yes"].to_pylist() == other["p_yes"].to_pylist()


def test_test_bags_change_neither_weights_nor_choice(tables, tmp_path):
    def altered(made):
        return replace(made, patches=-made.patches) if made.split == "test" else made

    chosen = learning_sets.settings(training={"choose": "loss", "epochs": 3})
    other = learning_sets.written(tmp_path / "altered", learning_sets.tables(), change=altered)
    models = [trained(tmp_path / name, manifest, chosen) for name, manifest in (("one", tables), ("two", other))]
    assert models[0].joinpath("model.safetensors").read_bytes() == models[1].joinpath("model.safetensors").read_bytes()


def test_training_ends_after_so_many_epochs_without_a_better_one(tables, tmp_path):
    chosen = learning_sets.settings(training={"choose": "loss", "patience": 2, "learning_rate": 0.05, "epochs": 60})
    rows = history(trained(tmp_path / "run", tables, chosen))
    losses = rows["validation_loss"]
    best = losses.index(min(losses))
    assert len(losses) == best + 3 < 60


def test_without_validation_bags_there_is_nothing_to_choose_by(tmp_path):
    manifest = learning_sets.written(tmp_path, learning_sets.tables(), {"train": 4, "test": 2})
    with pytest.raises(MarrowError, match="choose is f1, and the data set has no validation bags"):
        trained(tmp_path / "run", manifest, learning_sets.settings(training={"choose": "f1"}))
    trained(tmp_path / "run", manifest, learning_sets.settings(training={"epochs": 1}))


def test_a_data_set_without_training_bags_is_refused(tmp_path):
    manifest = learning_sets.written(tmp_path, learning_sets.tables(), {"test": 2})
    with pytest.raises(MarrowError, match="small has no bags to train on"):
        trained(tmp_path / "run", manifest, learning_sets.settings())


def test_the_learning_rate_falls_after_the_epochs_that_are_named():
    training = learning_sets.settings()["training"]
    assert [learning_rate(training, epoch, 0) for epoch in (0, 5, 6, 9)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])
    assert learning_rate({**training, "learning_rate_decay": 0.5}, 0, 4) == pytest.approx(1e-3 / 3)


def test_weight_decay_leaves_biases_alone_where_that_is_wanted():
    layer = torch.nn.Linear(3, 2)
    training = {**learning_sets.settings()["training"], "weight_decay": 0.1}
    decays = {
        whether: {
            id(weight): group.weight_decay
            for group in optimiser_of({**training, "decay_biases": whether}, layer).groups
            for weight in group.weights
        }
        for whether in (True, False)
    }
    assert decays[True] == {id(layer.weight): 0.1, id(layer.bias): 0.1}
    assert decays[False] == {id(layer.weight): 0.1, id(layer.bias): 0.0}


def test_balanced_classes_count_alike_and_the_mean_weight_of_a_bag_is_one(tmp_path):
    def lonely(made):
        return replace(made, label="no") if made.bag != "train-01" else made

    manifest = learning_sets.written(tmp_path, learning_sets.tables(), change=lonely)
    chosen = learning_sets.settings(training={"class_weights": "balanced"})
    weights = prepare(manifest, chosen, None, 0, torch.device("cpu"), 1).stepper.main_loss.class_weights
    assert weights.tolist() == pytest.approx([8 / (2 * 7), 8 / 2])
    assert (7 * weights[0] + weights[1]) / 8 == pytest.approx(1)


def test_handlers_of_signals_are_as_before_after_a_training(tables, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    trained(tmp_path / "run", tables, learning_sets.settings(training={"epochs": 1}))
    assert signal.getsignal(signal.SIGTERM) is before


def test_bags_are_shuffled_anew_in_every_epoch_and_each_comes_once(tables, tmp_path, monkeypatch):
    seen: list[tuple[int, str]] = []
    original = Trainer._check_losses

    def look(self, steps):
        seen.extend((self.progress.epoch, bag) for group, _ in steps for bag in self._bags.ids(group))
        original(self, steps)

    monkeypatch.setattr(Trainer, "_check_losses", look)
    trained(tmp_path / "run", tables, learning_sets.settings(training={"epochs": 3, "bags_per_step": 3}))
    orders = [[bag for epoch, bag in seen if epoch == wanted] for wanted in range(3)]
    assert all(sorted(order) == sorted(orders[0]) and len(set(order)) == 8 for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_what_is_not_measured_in_every_step_is_the_mean_of_what_was(tables, tmp_path):
    chosen = learning_sets.settings(weighting={"every": 4}, training={"epochs": 2})
    rows = history(trained(tmp_path / "run", tables, chosen))
    every_step = history(trained(tmp_path / "all", tables, learning_sets.settings(training={"epochs": 2})))
    for row in range(2):
        assert 0.1 < rows["norm2_stripe"][row] / every_step["norm2_stripe"][row] < 10
        assert abs(rows["cosine_stripe"][row]) <= 1


def test_a_resumed_training_goes_on_in_chunks_where_memory_ran_out_before(volumes, tmp_path, monkeypatch):
    chosen = learning_sets.settings(encoder={"kind": "lenet3d", "kernel": 3}, training={"epochs": 2})
    given = arguments(tmp_path / "run", volumes, chosen)
    monkeypatch.setattr(Checkpoints, "is_due", property(lambda _: True))
    linear, failed = torch.nn.functional.linear, []

    def scarce(*inputs):
        if not failed and torch.is_grad_enabled():
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return linear(*inputs)

    monkeypatch.setattr(torch.nn.functional, "linear", scarce)
    monkeypatch.setattr(Interrupt, "requested", property(lambda _: True, lambda *_: None), raising=False)
    with pytest.raises(SystemExit):
        train_model.main(**given)
    monkeypatch.undo()
    train_model.main(**given)
    assert failed
    assert json.loads((tmp_path / "run" / "run.json").read_text())["chunk"]
