"""What a trained run says of instances: read, scored, dropped from bags, and explained voxel by voxel."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import gather_localisation
import learning_sets
import perturb_bags
import score_instances
from marrow.errors import RunStopped
from marrow.explanation.localisation.explained_bags import InstanceTable, explained_bags
from marrow.explanation.localisation.guided import GuidedRelus, class_logit, guided_saliency
from marrow.explanation.localisation.perturbation import Drops, fall_of, perturbation_table, probabilities_of
from marrow.learning.build import encoder_of, pooling_of
from marrow.learning.model import Model
from marrow.learning.pooling.outputs import probabilities
from marrow.learning.pooling.segments import Segments
from marrow.learning.scaling import Scaling
from method_parts import encoder as encoder_settings
from trained_runs import trained

DROPPED = {"shares": [0.3, 0.6], "orders": 3, "most_bags": 100}


def labelled(made):
    """In a positive bag the brighter third is key."""
    bright = np.arange(len(made)) < max(1, len(made) // 3)
    labels = (bright & (made.label == "yes")).astype(np.uint8)
    return replace(made, instance_label=labels, patient=made.bag[:-1])


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    layout = replace(learning_sets.tables(), instance_label="class", instance_classes=("no", "yes"))
    counts = {"train": 12, "validation": 4, "test": 8}
    return learning_sets.written(tmp_path_factory.mktemp("bags"), layout, counts, labelled)


@pytest.fixture(scope="module")
def run(bags, tmp_path_factory):
    return trained(
        tmp_path_factory.mktemp("run"), bags, learning_sets.settings(training={"epochs": 10, "learning_rate": 0.003})
    )


def scored(folder, bags, instances, **changed):
    files = {name: folder / f"{name}.csv" for name in ("scores", "bag_scores", "curves")}
    given = {
        "lesions": [],
        "lesion_scans": [],
        "negatives": [0],
        "key_classes": {},
        "least_lesion": 0.05,
        "tops": [1, 2],
    }
    score_instances.main(instances=instances, manifest=bags.path, **files, **given, **changed)
    return files


def perturbed(folder, bags, run, **changed):
    given = {"negatives": [0], **DROPPED, **changed}
    files = {name: run / f"{name}.parquet" for name in ("instances", "predictions")}
    path = folder / "perturbation.csv"
    perturb_bags.main(
        model=run / "model.safetensors", manifest=bags.path, perturbation=path, threads=1, **files, **given
    )
    return path


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


# Reading


def test_every_bag_has_its_own_scores_and_labels(bags, run):
    table = InstanceTable(run / "instances.parquet", bags)
    found = list(explained_bags(table, bags, ["test"], [0], 0.05, {}))
    assert [one.entry.bag for one in found] == [f"test-{number:02d}" for number in range(8)]
    for one in found:
        assert {len(quantity.values) for quantity in one.quantities.values()} == {one.entry.instances}
        assert one.quantities["attention"].values.mean() == pytest.approx(1)
        assert one.keys.sum() == (0 if one.is_negative else max(1, one.entry.instances // 3))


def test_a_stopped_run_is_told_and_not_read(bags, tmp_path):
    (tmp_path / "instances.parquet").touch()
    with pytest.raises(RunStopped, match="the run was stopped; its record says why"):
        scored(tmp_path, bags, tmp_path / "instances.parquet")


def test_a_table_of_other_bags_other_classes_or_no_table_is_refused(bags, run, tmp_path):
    path = run / "instances.parquet"
    other = learning_sets.written(tmp_path / "other", bags.layout, {"train": 2, "test": 2}, labelled)
    with pytest.raises(RunStopped, match=r"was made of other bags than small.parquet holds now"):
        InstanceTable(path, other)
    with pytest.raises(RunStopped, match=r"tells no, yes apart, and small has the classes yes, no"):
        InstanceTable(path, replace(bags, classes=("yes", "no")))
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RunStopped, match=r"cut.parquet is damaged or no table of a run"):
        InstanceTable(tmp_path / "cut.parquet", bags)
    with pytest.raises(RunStopped, match=r"missing.parquet is missing"):
        InstanceTable(tmp_path / "missing.parquet", bags)


def test_a_bag_of_which_the_table_says_too_little_is_refused(bags, run):
    table = InstanceTable(run / "instances.parquet", bags)
    longer = replace(bags.entries[0], instances=bags.entries[0].instances + 1)
    with pytest.raises(RunStopped, match=r"has \d+ instances, and the run's table has"):
        table.of(longer)
    with pytest.raises(RunStopped, match="the run's table has 0"):
        table.of(replace(bags.entries[0], bag="unheard-of"))


# Scoring


def test_a_run_that_learnt_what_is_key_scores_well_and_all_runs_gather_in_one_table(bags, run, tmp_path):
    files = scored(tmp_path, bags, run / "instances.parquet")
    found = {(row["quantity"], row["metric"]): row for row in rows(files["scores"])}
    assert float(found["instance-probability", "auroc_pooled"]["value"]) > 0.9
    assert found["attention", "auroc_per_bag"]["n"] == "4"
    assert rows(files["curves"]) == []
    assert {row["patient"] for row in rows(files["bag_scores"])} == {"test-0"}
    perturbation = perturbed(tmp_path, bags, run)
    empty = tmp_path / "empty"
    empty.touch()
    table = tmp_path / "localisation.csv"
    gather_localisation.main(
        scores=[files["scores"], empty, files["scores"]],
        bag_scores=[files["bag_scores"], empty, files["bag_scores"]],
        perturbations=[perturbation, empty, perturbation],
        inversions=[],
        localisation=table,
        methods=["one", "two", "two"],
    )
    assert table.read_text().splitlines()[0] == "method,metric,mean,std,sem,n,low,high"
    gathered = {(row["method"], row["metric"]): row for row in rows(table)}
    whole = gathered["one", "instance-probability:auroc_pooled"]
    assert (whole["mean"], whole["n"]) == (found["instance-probability", "auroc_pooled"]["value"], "1")
    assert gathered["two", "instance-probability:auroc_pooled"]["mean"] == ""
    assert float(gathered["one", "contribution:perturbation_area"]["mean"]) > 0


def test_an_entry_without_runs_to_score_has_an_empty_table(tmp_path):
    nothing = {"scores": [], "bag_scores": [], "perturbations": [], "inversions": [], "methods": []}
    gather_localisation.main(localisation=tmp_path / "table.csv", **nothing)
    assert (tmp_path / "table.csv").read_text() == "method,metric,mean,std,sem,n,low,high\n"


def test_bags_without_instance_labels_give_reasons_and_no_numbers(tmp_path):
    plain = learning_sets.written(tmp_path, learning_sets.tables())
    path = trained(tmp_path / "run", plain, learning_sets.settings(training={"epochs": 1})) / "instances.parquet"
    found = rows(scored(tmp_path, plain, path)["scores"])
    assert {row["value"] for row in found} == {""}
    assert {row["note"] for row in found} == {"no test bag says which of its instances are key"}


# Dropping instances


def model_of(kind, width=6, classes=3, **settings):
    torch.manual_seed(0)
    chosen = {"kind": kind, "level": "embedding", "attention_width": 8, "r": 2.0, **settings}
    return pooling_of(chosen, width, classes).eval()


@pytest.mark.parametrize("kind", ["attention", "gated-attention", "loss-attention", "max", "mean", "log-mean-exp"])
def test_parts_of_a_bag_are_judged_as_bags_of_their_own(kind, monkeypatch):
    monkeypatch.setattr("marrow.explanation.localisation.perturbation.AT_A_TIME", 12)
    pooling, embeddings = model_of(kind), torch.randn(9, 6)
    chance = np.random.default_rng(0)
    subsets = [chance.permutation(9)[: chance.integers(1, 10)] for _ in range(12)]
    with torch.inference_mode():
        found = probabilities_of(pooling, embeddings, subsets)
        alone = [probabilities(pooling(embeddings[part], Segments.of([len(part)])).logits)[0] for part in subsets]
    np.testing.assert_allclose(found, torch.stack(alone).numpy(), atol=1e-6)


def test_dropping_what_a_verdict_rests_on_makes_it_fall_sooner_than_by_chance():
    """The mean of instance probabilities: the area is positive for the probabilities, negative for their opposite."""
    pooling, embeddings = model_of("mean", classes=2, level="instance"), torch.randn(40, 6) * 3
    with torch.inference_mode():
        said = probabilities(pooling.classifier(embeddings))[:, 1].double().numpy()
    drops = Drops([0.25, 0.5, 0.75], 30, 0)
    falls = [fall_of(pooling, embeddings, {"right": said, "wrong": -said}, "bag", 1, drops)]
    table = perturbation_table(falls, drops)
    right, wrong = (table[table["quantity"] == quantity] for quantity in ("right", "wrong"))
    expected = [np.sort(said)[: 40 - dropped].mean() for dropped in (0, 10, 20, 30)]
    np.testing.assert_allclose(right["top"], expected, atol=1e-6)
    assert right["random"].iloc[0] == pytest.approx(right["top"].iloc[0])
    area = np.trapezoid(right["random"] - right["top"], [0, 0.25, 0.5, 0.75]) / 0.75
    assert right["area"].tolist() == pytest.approx([area] * 4)
    assert area > 0.05
    assert (wrong["area"] < -0.05).all()


def test_an_instance_is_always_left_and_random_orders_depend_on_seed_and_bag():
    drops = Drops([0.5, 0.99], 2, 7)
    assert [len(part) for part in drops.kept(np.arange(3))] == [3, 1, 1]
    assert [len(part) for part in drops.kept(np.arange(1))] == [1, 1, 1]
    one, same, other = (np.stack(drops.random_orders(bag, 50)) for bag in ("a", "a", "b"))
    assert (one == same).all()
    assert (one != other).any()
    assert (one[0] != one[1]).any()


def test_bags_given_a_negative_class_rest_on_nothing_and_are_left_out(bags, run, tmp_path):
    found = rows(perturbed(tmp_path, bags, run))
    assert {row["bags"] for row in found} == {"4"}
    assert [row["dropped"] for row in found[:3]] == ["0", "0.3", "0.6"]
    (only,) = rows(perturbed(tmp_path, bags, run, negatives=[0, 1]))
    assert (only["area"], only["note"]) == ("", "every test bag is given a negative class")


# Guided backpropagation


def test_guided_gradients_are_those_worked_out_by_hand():
    """With h = relu(W x), y = v . relu(U h): gradients pass where input and gradient are positive."""
    w = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    u = torch.tensor([[1.0, -1.0, 1.0], [1.0, 0.0, -2.0]])
    v = torch.tensor([2.0, 3.0])
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with GuidedRelus():
        y = v @ (u @ (w @ x).relu()).relu()
    # h = (1, 2, 3), U h = (2, -5): only the first unit is on. Its gradient 2 gives h (2, -2, 2); -2 is held back.
    (gradient,) = torch.autograd.grad(y, x)
    assert gradient.tolist() == [2 + 2, 2]
    (plain,) = torch.autograd.grad(v @ (u @ (w @ x).relu()).relu(), x)
    assert plain.tolist() == [4, 0]


@pytest.mark.parametrize(
    "relu",
    [
        torch.relu,
        functional.relu,
        nn.ReLU(),
        nn.ReLU(inplace=True),
        lambda x: x.relu(),
        lambda x: (x * 1).relu_(),
        lambda x: functional.relu(x * 1, inplace=True),
        lambda x: functional.relu(input=x),
    ],
)
def test_a_relu_is_caught_by_any_name(relu):
    x = torch.tensor([1.0, -1.0, 2.0], requires_grad=True)
    with GuidedRelus():
        y = relu(x * 1) @ torch.tensor([1.0, 1.0, -1.0])
    assert torch.autograd.grad(y, x)[0].tolist() == [1, 0, 0]


ENCODERS = {
    "mlp": (6,),
    "lenet": (1, 28, 28),
    "lenet3d": (1, 16, 16, 16),
    "resnet": (3, 64, 64),
}


def encoder_model(kind, shape):
    torch.manual_seed(1)
    encoder = encoder_of(encoder_settings(shape, kind=kind, width=8), shape)
    scaling = Scaling(torch.full((shape[0], *[1] * (len(shape) - 1)), 0.5), torch.ones(1))
    return Model(scaling, encoder, pooling_of({"kind": "attention", "attention_width": 8}, encoder.width, 2), {}).eval()


@pytest.mark.parametrize(("kind", "shape"), ENCODERS.items())
def test_every_encoder_is_guided_and_each_instance_by_itself(kind, shape):
    model, patches = encoder_model(kind, shape), torch.randn(3, *shape)
    both = guided_saliency(model, patches, 1)
    assert both.shape == patches.shape
    for number in range(3):
        alone = guided_saliency(model, patches[number : number + 1], 1)
        torch.testing.assert_close(both[number : number + 1], alone, atol=1e-5, rtol=1e-3)
    assert all(parameter.grad is None for parameter in model.parameters())
    seen = model.scaling(patches).requires_grad_()
    logits = model.pooling(model.encoder(seen), Segments.of([1] * 3)).logits
    (plain,) = torch.autograd.grad(class_logit(logits, 1).sum(), seen)
    assert not torch.allclose(both, plain * seen)


def test_a_guided_mlp_agrees_with_a_backward_pass_written_out():
    model, patches = encoder_model("mlp", (6,)), torch.randn(5, 6)
    seen = model.scaling(patches)
    inputs, states = seen, []
    for layer in model.encoder.layers:
        states.append(layer(inputs))
        inputs = states[-1].clamp(min=0)
    gradient = model.pooling.classifier.weight[0].expand(5, -1)
    for layer, state in zip(reversed(model.encoder.layers), reversed(states), strict=True):
        gradient = (gradient.clamp(min=0) * (state > 0)) @ layer.weight
    torch.testing.assert_close(guided_saliency(model, patches, 1), (gradient * seen).detach())


def test_of_two_classes_the_first_has_the_logit_of_the_second_with_the_sign_turned():
    logits = torch.tensor([[2.0], [-1.0]])
    assert class_logit(logits, 1).tolist() == [2, -1]
    assert class_logit(logits, 0).tolist() == [-2, 1]
    assert class_logit(torch.tensor([[1.0, 2.0, 3.0]]), 2).tolist() == [3]


def test_saliency_is_the_same_inside_inference_mode(bags):
    model, patches = encoder_model("mlp", (6,)), torch.randn(2, 6)
    expected = guided_saliency(model, patches, 1)
    with torch.no_grad():
        torch.testing.assert_close(guided_saliency(model, patches, 1), expected)
