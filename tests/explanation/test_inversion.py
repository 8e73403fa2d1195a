"""The steps of network inversion, what they do to a frozen model's bags, and how key instances are scored."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch.nn.functional import softshrink

import learning_sets
from marrow.device.chunks import ChunkedEncoder
from marrow.explanation.inversion.comparison import SplitBags, compare
from marrow.explanation.inversion.marking import scaled, scaled_attentions
from marrow.explanation.inversion.network import Network
from marrow.explanation.inversion.predictions import BagPrediction
from marrow.explanation.inversion.scores import METRICS, choose, marking, scores_of
from marrow.explanation.inversion.space import space_of
from marrow.explanation.inversion.steps import descended, shrunk, sparsely_descended
from marrow.explanation.inversion.variants import PLAIN, PRINTED, SHRINK, TEXTBOOK, variants_of
from marrow.learning.build import build_model
from marrow.learning.pooling.segments import Segments
from marrow.learning.scaling import Scaling

ETA, WEIGHT = 0.1, 0.3
PICTURES = replace(learning_sets.pictures(), tasks=())


def everywhere(units):
    return units


def towards(goal):
    """The gradient of half the squared distance."""
    return lambda units: units - goal


def network(layout=PICTURES, pooling="attention", chunk=None, seed=0):
    torch.manual_seed(seed)
    encoder = {"kind": "mlp" if len(layout.shape) == 1 else "lenet", "dropout": 0.5, "dropout_after": "last"}
    chosen = learning_sets.settings(encoder=encoder, pooling={"kind": pooling}, auxiliary=[])
    shape = (layout.shape[0], *(1,) * (len(layout.shape) - 1))
    model = build_model(chosen, layout, 2, Scaling(torch.full(shape, 33.0), torch.full(shape, 78.0)), {})
    encode = None
    if chunk:
        encode = ChunkedEncoder(model.encoder)
        encode.recompute(chunk)
    return Network(model, space_of(layout, model.scaling), encode)


def bags(lengths=(4, 1, 7), seed=1):
    chance = np.random.default_rng(seed)
    return torch.from_numpy(chance.random((sum(lengths), *PICTURES.shape), np.float32)), Segments.of(lengths)


# Steps


def test_textbook_steps_end_at_the_minimum_of_distance_and_sparseness():
    goal = torch.linspace(-1, 1, 21)
    found = sparsely_descended(
        torch.zeros(21), towards(goal), everywhere, steps=300, step_size=ETA, threshold=ETA * WEIGHT
    )
    torch.testing.assert_close(found, softshrink(goal, WEIGHT), atol=1e-6, rtol=0)


def test_printed_steps_end_where_the_weight_counts_a_step_size_times_more():
    goal = torch.linspace(-9, 9, 21)
    found = sparsely_descended(torch.zeros(21), towards(goal), everywhere, steps=300, step_size=ETA, threshold=WEIGHT)
    torch.testing.assert_close(found, softshrink(goal, WEIGHT / ETA), atol=1e-4, rtol=0)


def test_plain_steps_are_those_of_a_heavy_ball():
    start, goal, momentum = torch.tensor([3.0, -2.0]), torch.tensor([1.0, 1.0]), 0.9
    found = descended(start, towards(goal), everywhere, steps=7, step_size=ETA, momentum=momentum)
    at, speed = start.numpy().astype(float), np.zeros(2)
    for _ in range(7):
        speed = momentum * speed + (at - goal.numpy())
        at = at - ETA * speed
    np.testing.assert_allclose(found, at, rtol=1e-5)
    assert start.tolist() == [3.0, -2.0]


def test_the_control_is_what_sparse_steps_do_without_a_gradient():
    start = torch.linspace(-1, 1, 41)
    for within in (everywhere, lambda units: units.clamp(0, 1)):
        stepped = sparsely_descended(start, torch.zeros_like, within, steps=20, step_size=1.0, threshold=0.02)
        torch.testing.assert_close(shrunk(start, within, steps=20, threshold=0.02), stepped, atol=1e-6, rtol=0)


def test_nothing_leaves_its_bounds():
    start = torch.rand(50)
    far = towards(torch.tensor([5.0, -5.0]).repeat(25))
    for found in (
        descended(start, far, lambda units: units.clamp(0, 1), steps=30, step_size=0.5, momentum=0.9),
        sparsely_descended(start, far, lambda units: units.clamp(0, 1), steps=30, step_size=0.5, threshold=0.01),
    ):
        assert found.min() >= 0
        assert found.max() <= 1


def test_each_variant_has_the_threshold_of_its_name_and_one_way_for_each_lambda():
    sparse = {"steps": 1, "step_size": 0.5, "lambdas": [0.1, 0.2]}
    found = variants_of({"plain": {"steps": 1, "step_size": 0.5, "momentum": 0.0}, "sparse": sparse})
    start = torch.tensor([1.0])

    def moved(quantity):
        return [float(way.move(start, lambda units: 0.4 * units, everywhere)) for way in found[quantity]]

    assert moved(PLAIN) == pytest.approx([0.8])
    assert moved(PRINTED) == pytest.approx([0.7, 0.6])
    assert moved(TEXTBOOK) == pytest.approx([0.75, 0.7])
    assert moved(SHRINK) == pytest.approx([0.9, 0.8])


# Units


def test_bytes_go_from_0_to_1_whatever_the_models_scaling_is():
    space = space_of(PICTURES, Scaling(torch.tensor([[[33.0]]]), torch.tensor([[[78.0]]])))
    patches = torch.arange(0, 256, dtype=torch.uint8).view(1, 1, 16, 16)
    units = space.units(patches)
    assert (float(units.min()), float(units.max()), units.dtype) == (0, 1, torch.float32)
    torch.testing.assert_close(space.patches(units), patches.float())
    assert space.within(torch.tensor([-1.0, 0.5, 2.0])).tolist() == [0, 0.5, 1]


def test_other_numbers_are_in_standard_deviations_from_the_mean_without_bounds():
    layout = learning_sets.volumes()
    space = space_of(layout, Scaling(torch.full((1, 1, 1, 1), 50.0), torch.full((1, 1, 1, 1), 10.0)))
    units = space.units(torch.full((1, 1, 8, 8, 8), 70.0))
    assert set(units.flatten().tolist()) == {2.0}
    assert set(space.patches(units).flatten().tolist()) == {70.0}
    assert space.within(units) is units


# The model


@pytest.mark.parametrize("pooling", ["attention", "gated-attention", "loss-attention"])
def test_a_gradient_is_that_of_the_bag_alone_however_it_is_packed(pooling):
    frozen, (units, segments) = network(pooling=pooling), bags()
    targets = torch.tensor([1, 0, 1])
    together = frozen.gradient(units, segments, targets)
    parts = units.split(segments.lengths.tolist())
    alone = [
        frozen.gradient(part, Segments.of([len(part)]), target[None])
        for part, target in zip(parts, targets, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=1e-4)


def test_a_gradient_is_that_of_the_loss_in_pixels_times_what_a_unit_has_of_them():
    frozen, (units, segments) = network(), bags()
    targets = torch.tensor([1, 0, 1])
    pixels = (255 * units).requires_grad_()
    logits = frozen._model(pixels, segments).pooled.logits[:, 0]
    torch.nn.functional.softplus(torch.where(targets == 1, -logits, logits)).sum().backward()
    torch.testing.assert_close(frozen.gradient(units, segments, targets), 255 * pixels.grad, atol=1e-6, rtol=1e-3)


def test_in_chunks_a_gradient_is_the_same():
    (units, segments), targets = bags(), torch.tensor([1, 1, 0])
    whole, chunked = (network(chunk=chunk).gradient(units, segments, targets) for chunk in (None, 5))
    torch.testing.assert_close(whole, chunked, atol=1e-7, rtol=1e-4)


def test_an_inversion_makes_the_model_surer_and_leaves_it_and_the_bag_as_they_were():
    frozen, (units, segments) = network(), bags()
    start = units.clone()
    before = {name: value.clone() for name, value in frozen._model.state_dict().items()}
    targets = torch.tensor([1, 0, 1])

    def gradient(at):
        return frozen.gradient(at, segments, targets)

    def sure(at):
        return frozen.predict(at, segments)[0][torch.arange(3), targets]

    for moved in (
        descended(units, gradient, frozen.space.within, steps=20, step_size=0.2, momentum=0.9),
        sparsely_descended(units, gradient, frozen.space.within, steps=20, step_size=1.0, threshold=1e-5),
    ):
        assert (sure(moved) > sure(units)).all()
    assert torch.equal(units, start)
    for name, value in frozen._model.state_dict().items():
        assert torch.equal(value, before[name])
        assert not any(parameter.requires_grad for parameter in frozen._model.parameters())


# Marks


def prediction(attention, predicted=1):
    return BagPrediction(predicted, 0.9, np.array(attention, np.float32))


def test_attention_goes_from_0_to_1_within_a_positive_bag_and_is_0_in_others():
    heights = scaled_attentions([prediction([0.1, 0.5, 0.4]), prediction([0.2, 0.8], predicted=0), prediction([1.0])])
    assert [height.tolist() for height in heights] == [[0, 1, 0.75], [0, 0], [1]]
    assert scaled(np.full(4, 0.25, np.float32)).tolist() == [1] * 4


def some_predictions():
    """A bag with clear key instances, one that was missed, a negative one taken for positive, an unlabelled one."""
    predictions = [
        prediction([0.6, 0.3, 0.05, 0.05]),
        prediction([0.5, 0.5], predicted=0),
        prediction([0.7, 0.3]),
        prediction([0.9, 0.1]),
    ]
    key = [np.array([1, 1, 0, 0], bool), np.array([1, 0], bool), np.array([0, 0], bool), None]
    return predictions, key


def test_missed_bags_and_false_ones_count_in_f1():
    predictions, key = some_predictions()
    marks = np.array([1, 1, 0, 0, 0, 0, 1, 0])
    truth = np.array([1, 1, 0, 0, 1, 0, 0, 0])
    found = marking(predictions, key, 0.4)
    assert found["f1"] == pytest.approx(f1_score(truth, marks))
    assert (found["precision"], found["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert marking(predictions, key, 0.5)["recall"] == pytest.approx(1 / 3)


def test_the_way_and_the_threshold_are_those_with_the_highest_f1_and_of_equal_ones_the_first():
    key = [np.array([1, 1, 0, 0], bool)]
    good, bad = [prediction([0.5, 0.25, 0.15, 0.1])], [prediction([0.1, 0.2, 0.3, 0.4])]
    found = choose([bad, good, good], key, [0.1, 0.3, 0.35])
    assert (found.variant, found.threshold) == (1, 0.3)


class Fixed:
    """Says of its bags what it was given, before and after whatever inversion."""

    def __init__(self, predictions):
        self.predictions = predictions

    def predict(self):
        return self.predictions

    def predict_inverted(self, _variant, _predictions):
        return self.predictions


def test_thresholds_are_those_of_validation_bags_where_test_bags_would_choose_others():
    predictions = [prediction([0.5, 0.25, 0.15, 0.1])]
    validation = SplitBags(Fixed(predictions), [np.array([1, 1, 0, 0], bool)])
    test = SplitBags(Fixed(predictions), [np.array([1, 0, 0, 0], bool)])
    sparse = {"steps": 1, "step_size": 0.1, "lambdas": [0.1]}
    plain = {"steps": 1, "step_size": 0.1, "momentum": 0.0}
    settings = {"plain": plain, "sparse": sparse, "thresholds": [0.1, 0.3, 0.5]}
    assert {result.threshold for result in compare(validation, test, settings).values()} == {0.3}
    assert {result.threshold for result in compare(test, validation, settings).values()} == {0.5}
    assert {result.threshold for result in compare(None, test, settings).values()} == {None}


def test_without_key_instances_in_validation_no_threshold_is_chosen_and_f1_stays_undefined():
    predictions, key = some_predictions()
    assert choose([predictions, predictions, predictions], [None, key[2], None, None], [0.1]).threshold is None
    assert choose([[], [], []], [], [0.1]).variant == 1
    rows = {row.metric: row for row in scores_of("attention", predictions, key, None, "")}
    assert rows["f1"].value is None
    assert "no validation bag with key instances" in rows["f1"].note
    assert rows["auroc"].value == 1.0


def test_rankings_are_means_over_bags_that_can_be_ranked():
    key = [np.array([1, 0, 0], bool), np.array([0, 1, 0], bool), np.array([1, 1], bool), np.array([1, 0], bool)]
    predictions = [
        prediction([0.6, 0.3, 0.1]),
        prediction([0.5, 0.3, 0.2]),
        prediction([0.5, 0.5]),
        prediction([0.1, 0.9], predicted=0),
    ]
    rows = {row.metric: row for row in scores_of("attention", predictions, key, 0.1, "")}
    assert rows["auroc"].value == pytest.approx((1 + 0.5) / 2)
    assert rows["average_precision"].value == pytest.approx((1 + 0.5) / 2)
    assert (rows["auroc"].n, rows["f1"].n) == (2, 10)


def test_without_instance_labels_every_score_is_empty_and_says_why():
    predictions, _ = some_predictions()
    rows = list(scores_of("attention", predictions, [None] * 4, 0.1, "told"))
    assert [row.metric for row in rows] == list(METRICS)
    for row in rows:
        known = row.metric in {"probability", "change"}
        assert (row.value is not None) == known
        assert ("no instance labels" in row.note) != known
