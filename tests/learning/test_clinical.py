"""Learning from attributes: their scaling, experts and what joins them, and trainings from scratch and from experts."""

import json
import math
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import clinical_sets
import learning_sets
import train_model
from clinical_sets import AGE, ATTRIBUTES, PROTEIN, STAGE
from marrow.bags.attributes import Attribute
from marrow.device.checkpoint import Checkpoints
from marrow.errors import MarrowError
from marrow.learning.attributes import AttributeScaling
from marrow.learning.build import build_model
from marrow.learning.fusion.mixture import Gate, Mixture, ReleasedGate
from marrow.learning.pooling.outputs import class_loss, probabilities
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.learning.scaling import Scaling
from marrow.learning.training.interrupt import EXIT_RETRY
from marrow.learning.training.trainer import Trainer
from marrow.runs.model_file import load_model
from method_parts import complete
from trained_runs import arguments, trained

FUSIONS = ("average", "mixture", "concatenation")


@pytest.fixture(scope="module")
def clinical(tmp_path_factory):
    return clinical_sets.written(tmp_path_factory.mktemp("clinical"))


@pytest.fixture(scope="module")
def experts(clinical, tmp_path_factory):
    """The folders of two trained runs, on pictures and on attributes."""
    folder = tmp_path_factory.mktemp("experts")
    pictures = learning_sets.settings(auxiliary=[], pooling={"kind": "mean", "level": "embedding"})
    return [
        trained(folder / "pictures", clinical, pictures),
        trained(folder / "attributes", clinical, clinical_sets.settings("alone")),
    ]


def models(folders: list[Path]) -> list[Path]:
    return [folder / "model.safetensors" for folder in folders]


def predictions(folder: Path):
    return pq.read_table(folder / "predictions.parquet").to_pandas()


# Scaling


def test_numbers_are_standardised_over_the_training_bags_and_unknown_ones_are_their_mean():
    scaling = AttributeScaling([AGE])
    scaling.fit(torch.tensor([[50.0], [70.0], [math.nan]]))
    assert scaling(torch.tensor([[50.0], [60.0], [math.nan]])).tolist() == [[-1.0], [0.0], [0.0]]


def test_a_logarithm_is_taken_before_and_an_indicator_is_added_behind():
    scaling = AttributeScaling([PROTEIN])
    scaling.fit(torch.tensor([[0.0], [math.e**2 - 1]]))
    found = scaling(torch.tensor([[math.e - 1], [0.0], [math.nan]]))
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]))


def test_a_category_is_a_column_for_each_of_its_values():
    scaling = AttributeScaling([STAGE])
    values = torch.tensor([[0.0], [0.0], [1.0], [math.nan]])
    scaling.fit(values)
    found = scaling(values)
    assert found.shape == (4, 4)
    torch.testing.assert_close(found[:3, :3].mean(0), torch.zeros(3))
    assert found[3].tolist() == [0, 0, 0, 1]
    assert not found[:, 2].any()  # a category that no training bag has is only centred


@given(st.integers(0, 100), st.integers(2, 30))
def test_columns_of_training_bags_have_mean_zero_whatever_is_unknown(seed, bags):
    draw = torch.Generator().manual_seed(seed)
    values = torch.rand(bags, 2, generator=draw) * 50
    values[torch.rand(bags, 2, generator=draw) < 0.3] = math.nan
    scaling = AttributeScaling([AGE, Attribute("other", log=True, missing="mean")])
    scaling.fit(values)
    found = scaling(values)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.sum(0), torch.zeros(2), atol=1e-3, rtol=0)


# What joins two experts


def pooled(logits: Tensor, width: int = 3) -> Pooled:
    return Pooled(logits, embedding=torch.linspace(-1, 1, len(logits) * width).view(-1, width))


def mixed(gate: torch.nn.Module, pictures: Tensor, attributes: Tensor) -> Pooled:
    segments = Segments.of([1] * len(pictures))
    columns = torch.linspace(-2, 2, len(pictures) * 2).view(-1, 2)
    return Mixture(gate)(
        lambda *_: pooled(pictures), lambda _: attributes, torch.zeros(len(pictures), 3), segments, columns
    )


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("gate", [Gate, ReleasedGate])
def test_a_mixture_is_the_weighted_mean_of_both_experts_probabilities(gate, outputs):
    torch.manual_seed(0)
    pictures, attributes = torch.randn(5, outputs), torch.randn(5, outputs)
    found = mixed(gate(3, 2), pictures, attributes)
    assert found.experts is not None
    share = found.experts.share[:, None]
    expected = share * probabilities(pictures) + (1 - share) * probabilities(attributes)
    torch.testing.assert_close(probabilities(found.logits), expected)
    assert ((share > 0) & (share < 1)).all()


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("size", [50.0, 1e3, 1e4])
def test_loss_and_gradient_of_a_mixture_are_finite_where_both_experts_are_sure_and_wrong(outputs, size):
    pictures = torch.full((2, outputs), -size).requires_grad_()
    attributes = torch.full((2, outputs), -size).requires_grad_()
    if outputs > 1:
        with torch.no_grad():
            pictures[:, 0] = attributes[:, 0] = size
    loss = class_loss(mixed(Gate(3, 2), pictures, attributes).logits, torch.ones(2, dtype=torch.int64)).mean()
    assert torch.isfinite(loss)
    loss.backward()
    assert pictures.grad is not None
    assert torch.isfinite(pictures.grad).all()
    assert pictures.grad.abs().sum() > 0


def test_the_printed_gate_is_one_sigmoid_without_biases_and_the_released_one_a_softmax_of_two():
    printed, released = Gate(3, 2), ReleasedGate(3, 2)
    assert {name: tuple(each.shape) for name, each in printed.named_parameters()} == {
        "projection.weight": (1, 3), "output.weight": (1, 3),
    }  # fmt: skip
    p, a = torch.randn(4, 3), torch.randn(4, 2)
    theta_a, theta_g = printed.projection.weight[0], printed.output.weight[0]
    expected = theta_g[0] * (p @ theta_a) + a @ theta_g[1:]
    torch.testing.assert_close(printed(p, a), expected)
    both = torch.softmax(released.output(torch.cat([released.projection(p).tanh(), a], 1)), 1)
    torch.testing.assert_close(torch.sigmoid(released(p, a)), both[:, 0])


# Trainings


@pytest.mark.parametrize("kind", ["alone", *FUSIONS])
def test_every_way_to_learn_from_attributes_trains_and_predicts_again_from_its_file(clinical, tmp_path, kind):
    chosen = clinical_sets.settings(kind)
    folder = trained(tmp_path / "one", clinical, chosen)
    found = predictions(folder)
    assert len(found) == 16
    assert ("share_pictures" in found) == (kind in {"average", "mixture"})
    if "share_pictures" in found:
        for name in ("pictures", "attributes"):
            torch.testing.assert_close(
                torch.tensor((found[f"{name}_no"] + found[f"{name}_yes"]).to_numpy()), torch.ones(16)
            )
    again = trained(tmp_path / "again", clinical, chosen)
    assert (folder / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["alone", *FUSIONS])
def test_a_verdict_depends_on_the_attributes_of_its_own_bag_alone(clinical, tmp_path, kind):
    model, about = load_model(trained(tmp_path, clinical, clinical_sets.settings(kind)) / "model.safetensors")
    feed = about.feed(clinical, clinical.entries[:3], torch.device("cpu"), 1)
    batch = feed.batch([0, 1, 2])
    before = model(batch.patches, batch.segments, batch.attributes).pooled.logits
    changed = batch.attributes.clone()
    changed[1, 0] += 30
    after = model(batch.patches, batch.segments, changed).pooled.logits
    assert (after[1] - before[1]).abs().item() > 1e-4
    torch.testing.assert_close(after[[0, 2]], before[[0, 2]], rtol=0, atol=0)
    assert (batch.patches.shape[1] == 0) == (kind == "alone")


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["alone", *FUSIONS])
def test_models_of_attributes_tell_several_classes_apart(classes, kind):
    torch.manual_seed(0)
    scaling = Scaling(torch.zeros(6), torch.ones(6))
    model = build_model(clinical_sets.settings(kind), learning_sets.tables(), classes, scaling, {})
    answers = model(
        torch.randn(5, 6), Segments.of([2, 3]), torch.tensor([[60.0, 1.0, 2.0], [50.0, math.nan, math.nan]])
    )
    torch.testing.assert_close(probabilities(answers.pooled.logits).sum(1), torch.ones(2))
    assert probabilities(answers.pooled.logits).shape == (2, classes)


@pytest.mark.parametrize("fusion", ["average", "mixture"])
def test_frozen_experts_stay_as_they_are_to_the_bit(clinical, experts, tmp_path, fusion):
    folder = trained(tmp_path, clinical, clinical_sets.settings(fusion, start="frozen"), experts=models(experts))
    found, pictures, attributes = (predictions(each) for each in (folder, *experts))
    assert (found["pictures_yes"] == pictures["p_yes"]).all()
    assert (found["attributes_yes"] == attributes["p_yes"]).all()
    if fusion == "average":
        logit = lambda p: torch.logit(torch.tensor(p.to_numpy(), dtype=torch.float64))  # noqa: E731
        expected = torch.sigmoid((logit(pictures["p_yes"]) + logit(attributes["p_yes"])) / 2)
        torch.testing.assert_close(
            torch.tensor(found["p_yes"].to_numpy()), expected, check_dtype=False, rtol=1e-4, atol=1e-6
        )
        assert pq.read_table(folder / "history.parquet").num_rows == 1
    else:
        assert pq.read_table(folder / "history.parquet").num_rows == 10
        assert found["share_pictures"].nunique() > 1


def test_a_frozen_expert_that_a_solver_fitted_is_not_fitted_anew(clinical, experts, tmp_path):
    forest = {"expert": {"kind": "random-forest", "trees": 5}}
    alone = trained(tmp_path / "forest", clinical, clinical_sets.settings("alone", **forest))
    chosen = clinical_sets.settings("mixture", start="frozen", training={"epochs": 1}, **forest)
    folder = trained(tmp_path / "mixture", clinical, chosen, experts=models([experts[0], alone]), seed=8)
    assert predictions(folder)["attributes_yes"].tolist() == predictions(alone)["p_yes"].tolist()


def test_a_warm_start_begins_at_the_experts_and_leaves_them(clinical, experts, tmp_path):
    chosen = clinical_sets.settings("mixture", start="warm", training={"epochs": 1, "learning_rate": 1e-12})
    still = predictions(trained(tmp_path / "still", clinical, chosen, experts=models(experts)))
    assert still["pictures_yes"].to_numpy() == pytest.approx(predictions(experts[0])["p_yes"].to_numpy())
    chosen = clinical_sets.settings("mixture", start="warm", training={"epochs": 1, "learning_rate": 1e-2})
    moved = predictions(trained(tmp_path / "moved", clinical, chosen, experts=models(experts)))
    assert (moved["pictures_yes"] - still["pictures_yes"]).abs().max() > 1e-3
    assert (moved["attributes_yes"] - still["attributes_yes"]).abs().max() > 1e-3


def killed(given, after: int) -> int:
    """How a fork ends that trains, saves after every step, and is asked to leave after so many."""
    child = os.fork()
    if not child:
        status = 1
        with suppress(BaseException):
            tally = Trainer._add_to_means

            def counted(self, step):
                tally(self, step)
                if self.progress.step + 1 == after:
                    os.kill(os.getpid(), signal.SIGTERM)

            Trainer._add_to_means = counted
            Checkpoints.is_due = property(lambda _: True)
            try:
                train_model.main(**given)
            except SystemExit as left:
                status = int(left.code or 0)
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(("kind", "start"), [("alone", "scratch"), ("mixture", "scratch"), ("mixture", "frozen")])
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(clinical, experts, tmp_path, kind, start):
    chosen = clinical_sets.settings(kind, start=start)
    more = {"experts": models(experts)} if start != "scratch" else {}
    whole = trained(tmp_path / "whole", clinical, chosen, **more)
    assert killed(arguments(tmp_path / "parts", clinical, chosen, **more), 4 * 8 + 3) == EXIT_RETRY
    parts = trained(tmp_path / "parts", clinical, chosen, **more)
    for name in ("model.safetensors", "predictions.parquet"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_step_of_all_bags_is_taken_in_chunks_that_change_rounding_alone(clinical, tmp_path, monkeypatch):
    chosen = clinical_sets.settings("mixture", training={"bags_per_step": 4096})
    whole = pq.read_table(trained(tmp_path / "whole", clinical, chosen) / "history.parquet").to_pydict()
    monkeypatch.setattr("marrow.learning.training.preparation.LARGEST_PASS", 7)
    folder = trained(tmp_path / "parts", clinical, chosen)
    assert json.loads((folder / "run.json").read_text())["chunk"] == 7
    parts = pq.read_table(folder / "history.parquet").to_pydict()
    assert parts["loss_main"] == pytest.approx(whole["loss_main"], rel=1e-5)
    assert whole["loss_main"][-1] < whole["loss_main"][0]


def test_auxiliary_tasks_and_weightings_go_along_with_a_mixture(clinical, tmp_path):
    chosen = clinical_sets.settings("mixture", auxiliary=["stripe"])
    chosen["weighting"] = learning_sets.settings()["weighting"]
    history = pq.read_table(trained(tmp_path, clinical, chosen) / "history.parquet").to_pydict()
    assert {"loss_stripe", "weight_stripe", "share_pictures"} <= history.keys()


def test_values_from_the_sheet_stand_for_those_of_the_bags(clinical, tmp_path):
    chosen = clinical_sets.settings("alone", attributes=(AGE,))
    values = {entry.bag: {"age": str(40 + number)} for number, entry in enumerate(clinical.entries)}
    told = trained(tmp_path / "told", clinical, chosen, attributes=values)
    own = trained(tmp_path / "own", clinical, chosen)
    assert (told / "model.safetensors").read_bytes() != (own / "model.safetensors").read_bytes()


def test_what_nothing_can_be_learned_from_is_refused(tmp_path):
    constant = clinical_sets.written(
        tmp_path / "constant", change=lambda bag: replace(clinical_sets.with_values(bag), attributes={"age": 60.0})
    )
    with pytest.raises(MarrowError, match="attribute age is the same in every training bag"):
        trained(tmp_path / "run", constant, clinical_sets.settings("alone", attributes=(AGE,)))


def test_an_unknown_category_in_a_prediction_is_named_with_its_bag(clinical, tmp_path):
    folder = trained(tmp_path / "run", clinical, clinical_sets.settings("alone"))
    _, about = load_model(folder / "model.safetensors")
    strange = replace(clinical.entries[0], attributes={"stage": "IV"})
    with pytest.raises(MarrowError, match="attribute stage is 'IV', which is none of I, II, III"):
        about.feed(clinical, [strange], torch.device("cpu"), 1)


def test_the_file_of_a_model_holds_all_that_a_prediction_needs(clinical, tmp_path):
    _, about = load_model(trained(tmp_path, clinical, clinical_sets.settings("mixture")) / "model.safetensors")
    assert [each["name"] for each in about.settings["attributes"]] == [each.name for each in ATTRIBUTES]


@pytest.mark.parametrize("kind", ["mi-svm", "miles"])
def test_classical_poolings_take_attributes_joined_to_every_row(clinical, tmp_path, kind):
    chosen = clinical_sets.settings("concatenation")
    chosen |= {"encoder": {"kind": "identity"}, "pooling": complete("pooling", kind=kind)}
    folder = trained(tmp_path / "joined", clinical, chosen)
    model, about = load_model(folder / "model.safetensors")
    feed = about.feed(clinical, clinical.entries[:2], torch.device("cpu"), 1)
    batch = feed.batch([0, 1])
    changed = batch.attributes.clone()
    changed[0, 0] += 20
    before, after = (
        model(batch.patches, batch.segments, values).pooled.logits for values in (batch.attributes, changed)
    )
    assert (after[0] != before[0]).all()
    assert torch.equal(after[1], before[1])
    assert pq.read_table(folder / "history.parquet").num_rows == 1
