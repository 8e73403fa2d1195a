"""Poolings: packed bags are bags one at a time, order does not matter, nothing overflows, and the equations hold."""

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp, softmax
from torch import Tensor

from marrow.learning.build import pooling_of
from marrow.learning.pooling.attention import Attention
from marrow.learning.pooling.gated_attention import GatedAttention
from marrow.learning.pooling.levels import EmbeddingPooling, InstancePooling
from marrow.learning.pooling.log_mean_exp import embedding_log_mean_exp, probability_log_mean_exp
from marrow.learning.pooling.loss_attention import LossAttention
from marrow.learning.pooling.max import embedding_maximum, probability_maximum
from marrow.learning.pooling.mean import embedding_mean, probability_mean
from marrow.learning.pooling.outputs import class_loss, log_probabilities, logits_of, outputs_of, probabilities
from marrow.learning.pooling.pooling import Pooled, Pooling
from marrow.learning.pooling.segments import (
    Segments,
    segment_logsumexp,
    segment_max,
    segment_mean,
    segment_softmax,
    segment_sum,
    spread,
)
from method_parts import SECTIONS

# What learns by gradients; test_fitted_poolings.py has the others.
DECLARED = SECTIONS["pooling"].kinds
KINDS = {kind: DECLARED[kind] for kind in DECLARED if kind != "none" and not DECLARED[kind].get("fitted")}
ATTENTION = [kind for kind, declared in KINDS.items() if declared.get("attention")]
LEVELS = ("embedding", "instance")
WIDTH = 6
LENGTHS = (3, 1, 5, 2, 1, 4)
DEFAULTS: Mapping[str, Any] = {"level": "embedding", "r": 1.0, "attention_width": 4}
SETTINGS = [
    {**DEFAULTS, "kind": kind, "level": level}
    for kind, declared in KINDS.items()
    for level in declared["settings"]["level"]["enum"]
]
REDUCTIONS = (segment_sum, segment_mean, segment_max, segment_softmax, segment_logsumexp)

poolings = pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: f"{settings['kind']}-{settings['level']}")
both_outputs = pytest.mark.parametrize("classes", [2, 4])
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def built(settings: Mapping[str, Any], classes: int) -> Pooling:
    torch.manual_seed(1)
    return pooling_of(settings, WIDTH, classes)


def parts(pooled: Pooled) -> list[Tensor]:
    return [part for part in (pooled.logits, pooled.attention, pooled.instance_logits) if part is not None]


def one_at_a_time(function: Callable[[Tensor, Segments], Tensor], values: Tensor, lengths: tuple[int, ...]) -> Tensor:
    return torch.cat([function(bag, Segments.of([len(bag)])) for bag in values.split(lengths)])


def gradients(results: list[Tensor], wanted: list[Tensor]) -> tuple[Tensor, ...]:
    """Of a random mixture of all results."""
    mixed = torch.stack([(draw(*result.shape, seed=7) * result).sum() for result in results]).sum()
    return torch.autograd.grad(mixed, wanted, materialize_grads=True)


# Packed reductions


def test_segments_know_their_bags():
    segments = Segments.of([2, 1, 3])
    assert segments.bags == 3
    assert segments.index.tolist() == [0, 0, 1, 2, 2, 2]
    assert spread(torch.tensor([5, 6, 7]), segments).tolist() == [5, 5, 6, 7, 7, 7]


@pytest.mark.parametrize("lengths", [[], [3, 0]])
def test_an_empty_bag_is_refused(lengths: list[int]):
    with pytest.raises(ValueError, match="at least one"):
        Segments.of(lengths)


@pytest.mark.parametrize("lengths", [LENGTHS, (16,), (1,)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_reductions_equal_those_of_numpy_and_scipy(lengths: tuple[int, ...], shape: tuple[int, ...]):
    values = draw(sum(lengths), *shape, scale=3)
    segments = Segments.of(lengths)
    bags = [bag.double().numpy() for bag in values.split(lengths)]
    expected = {
        segment_sum: [bag.sum(0, keepdims=True) for bag in bags],
        segment_mean: [bag.mean(0, keepdims=True) for bag in bags],
        segment_max: [bag.max(0, keepdims=True) for bag in bags],
        segment_softmax: [softmax(bag, 0) for bag in bags],
        segment_logsumexp: [logsumexp(bag, 0, keepdims=True) for bag in bags],
    }
    for reduction, of_bags in expected.items():
        np.testing.assert_allclose(reduction(values, segments), np.concatenate(of_bags), rtol=1e-5, atol=1e-6)


@reductions
def test_gradients_of_packed_bags_are_those_of_one_bag_at_a_time(reduction: Callable[[Tensor, Segments], Tensor]):
    values = draw(sum(LENGTHS), 3, scale=3).requires_grad_()
    packed = gradients([reduction(values, Segments.of(LENGTHS))], [values])
    apart = gradients([one_at_a_time(reduction, values, LENGTHS)], [values])
    torch.testing.assert_close(packed, apart)


@reductions
@pytest.mark.parametrize("lengths", [LENGTHS, (16,)])
def test_gradients_are_finite_differences(reduction: Callable[[Tensor, Segments], Tensor], lengths: tuple[int, ...]):
    values = draw(sum(lengths), 2, scale=3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: reduction(x, Segments.of(lengths)), values)


@pytest.mark.parametrize("others", [(), (1,)])
def test_instances_that_share_a_maximum_share_its_gradient(others: tuple[int, ...]):
    values = torch.tensor([1.0, 3.0, 3.0, 2.0, *others]).requires_grad_()
    (gradient,) = torch.autograd.grad(segment_max(values, Segments.of([4, *others])).sum(), values)
    assert gradient[:4].tolist() == [0, 0.5, 0.5, 0]


@reductions
@pytest.mark.parametrize("lengths", [LENGTHS, (16,)])
def test_reductions_of_extreme_values_are_finite(
    reduction: Callable[[Tensor, Segments], Tensor], lengths: tuple[int, ...]
):
    values = (draw(sum(lengths), 2).sign() * 1e4).requires_grad_()
    result = reduction(values, Segments.of(lengths))
    assert result.isfinite().all()
    assert gradients([result], [values])[0].isfinite().all()


@reductions
@pytest.mark.parametrize("broken", [torch.inf, torch.nan])
def test_what_is_not_finite_stays_in_its_bag(reduction: Callable[[Tensor, Segments], Tensor], broken: float):
    values = draw(sum(LENGTHS), 2)
    expected = reduction(values, Segments.of(LENGTHS))
    values[4:9] = broken  # the third bag
    found = reduction(values, Segments.of(LENGTHS))
    keep = torch.arange(6) != 2 if len(found) == 6 else Segments.of(LENGTHS).index != 2
    assert torch.equal(found[keep], expected[keep])


@reductions
@pytest.mark.parametrize("lengths", [LENGTHS, (16,)])
def test_reductions_of_half_precision_are_done_in_float32(
    reduction: Callable[[Tensor, Segments], Tensor], lengths: tuple[int, ...]
):
    values, segments = draw(sum(lengths), 3).bfloat16(), Segments.of(lengths)
    with torch.autocast("cpu", torch.bfloat16):
        found = reduction(values, segments)
    assert found.dtype == torch.float32
    assert torch.equal(found, reduction(values.float(), segments))


@reductions
def test_the_same_bits_come_out_every_time(reduction: Callable[[Tensor, Segments], Tensor]):
    segments = Segments.of([700, 300, 1, 500])
    values = draw(1501, 40).requires_grad_()
    runs = [reduction(values, segments) for _ in range(3)]
    slopes = [gradients([run], [values])[0] for run in runs]
    assert all(torch.equal(run, runs[0]) for run in runs)
    assert all(torch.equal(slope, slopes[0]) for slope in slopes)


# What holds for every pooling


@poolings
@both_outputs
@pytest.mark.parametrize("lengths", [LENGTHS, (755, 1, 40)])
def test_packed_bags_are_bags_one_at_a_time(settings: Mapping[str, Any], classes: int, lengths: tuple[int, ...]):
    pooling = built(settings, classes)
    embeddings = draw(sum(lengths), WIDTH).requires_grad_()
    packed = pooling(embeddings, Segments.of(lengths))
    bags = [pooling(bag, Segments.of([len(bag)])) for bag in embeddings.split(lengths)]
    apart = [torch.cat(tensors) for tensors in zip(*map(parts, bags), strict=True)]
    torch.testing.assert_close(parts(packed), apart)
    wanted = [embeddings, *pooling.parameters()]
    torch.testing.assert_close(
        gradients(parts(packed), wanted), gradients(apart, wanted), rtol=1e-4, atol=1e-5 * max(lengths) ** 0.5
    )


@poolings
@both_outputs
def test_permuting_instances_changes_nothing(settings: Mapping[str, Any], classes: int):
    pooling, segments = built(settings, classes), Segments.of(LENGTHS)
    embeddings = draw(sum(LENGTHS), WIDTH).relu().requires_grad_()  # many zeros: many ties
    order = torch.cat([group[torch.randperm(len(group))] for group in torch.arange(sum(LENGTHS)).split(LENGTHS)])
    plain, permuted = pooling(embeddings, segments), pooling(embeddings[order], segments)
    torch.testing.assert_close(permuted.logits, plain.logits)
    for found, expected in zip(parts(permuted)[1:], parts(plain)[1:], strict=True):
        torch.testing.assert_close(found, expected[order])
    torch.testing.assert_close(gradients([permuted.logits], [embeddings]), gradients([plain.logits], [embeddings]))


@poolings
@both_outputs
def test_a_bag_twice_over_is_the_same_bag(settings: Mapping[str, Any], classes: int):
    pooling, embeddings = built(settings, classes), draw(9, WIDTH)
    twice = pooling(torch.cat([embeddings, embeddings, embeddings[:2]]), Segments.of([18, 2]))
    once = pooling(embeddings, Segments.of([9]))
    torch.testing.assert_close(probabilities(twice.logits[:1]), probabilities(once.logits))


@poolings
@both_outputs
def test_an_instance_is_judged_as_a_bag_of_itself(settings: Mapping[str, Any], classes: int):
    pooling, embeddings = built(settings, classes), draw(8, WIDTH)
    alone, together = pooling(embeddings, Segments.of([1] * 8)), pooling(embeddings, Segments.of([8]))
    assert alone.instance_logits is not None
    torch.testing.assert_close(probabilities(alone.logits), probabilities(alone.instance_logits))
    torch.testing.assert_close(alone.instance_logits, together.instance_logits)
    assert alone.attention is None or torch.equal(alone.attention, torch.ones(8))


@poolings
@both_outputs
def test_equal_instances_are_judged_as_one_of_them(settings: Mapping[str, Any], classes: int):
    pooling, one = built(settings, classes), draw(1, WIDTH)
    alike = pooling(one.repeat(9, 1), Segments.of([4, 5]))
    assert alike.instance_logits is not None
    torch.testing.assert_close(probabilities(alike.logits), probabilities(alike.instance_logits[:2]))
    if alike.attention is not None:
        torch.testing.assert_close(alike.attention, torch.tensor([1 / 4] * 4 + [1 / 5] * 5))


@poolings
@both_outputs
@pytest.mark.parametrize("lengths", [(3, 1, 5), (5,)])
def test_gradients_of_verdicts_are_finite_differences(
    settings: Mapping[str, Any], classes: int, lengths: tuple[int, ...]
):
    pooling, segments = built(settings, classes).double(), Segments.of(lengths)
    embeddings = draw(sum(lengths), WIDTH).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda h: pooling(h, segments).logits, embeddings)


@poolings
@both_outputs
@pytest.mark.parametrize("size", [1, 7])
def test_extreme_logits_give_finite_losses_and_gradients(settings: Mapping[str, Any], classes: int, size: int):
    pooling = built(settings, classes)
    alike = draw(60, WIDTH).repeat_interleave(size, 0) * (1 + 0.1 * draw(60 * size, 1, seed=1))
    embeddings = 1e4 * torch.cat([alike, draw(60 * size, WIDTH, seed=2)])
    embeddings.requires_grad_()
    segments = Segments.of([size] * 120)
    pooled = pooling(embeddings, segments)
    assert all(part.isfinite().all() for part in parts(pooled))
    wanted = [embeddings, *pooling.parameters()]
    for label in range(classes):
        losses = class_loss(pooled.logits, torch.full((120,), label))
        slopes = torch.autograd.grad(losses.sum(), wanted, retain_graph=True, materialize_grads=True)
        assert all(tensor.isfinite().all() for tensor in (losses, *slopes))
        wrong = losses > 1e3  # a verdict that is far off can be mended
        assert wrong.sum() > 5
        assert (segment_sum(slopes[0].abs().sum(1), segments)[wrong] > 0).all()


@poolings
@both_outputs
def test_autocast_changes_no_bit(settings: Mapping[str, Any], classes: int):
    pooling, embeddings = built(settings, classes), draw(sum(LENGTHS), WIDTH).bfloat16()
    expected = parts(pooling(embeddings.float(), Segments.of(LENGTHS)))
    with torch.autocast("cpu", torch.bfloat16):
        found = parts(pooling(embeddings, Segments.of(LENGTHS)))
    assert all(part.dtype == torch.float32 for part in found)
    assert all(torch.equal(part, wanted) for part, wanted in zip(found, expected, strict=True))


@poolings
@both_outputs
def test_stacked_poolings_are_poolings_apart(settings: Mapping[str, Any], classes: int):
    models = [pooling_of(settings, WIDTH, classes) for _ in range(3)]
    embeddings, segments = draw(3, sum(LENGTHS), WIDTH), Segments.of(LENGTHS)
    parameters, buffers = torch.func.stack_module_state(models)

    def logits(state: Mapping[str, Tensor], instances: Tensor) -> Tensor:
        return torch.func.functional_call(models[0], (state, buffers), (instances, segments)).logits

    apart = [model(instances, segments).logits for model, instances in zip(models, embeddings, strict=True)]
    torch.testing.assert_close(torch.vmap(logits)(parameters, embeddings), torch.stack(apart))


@poolings
def test_embeddings_that_do_not_fit_the_bags_are_refused(settings: Mapping[str, Any]):
    with pytest.raises(ValueError, match="5 embeddings, but the bags have 4 instances"):
        built(settings, 2)(draw(5, WIDTH), Segments.of([4]))


# Attention


@pytest.mark.parametrize("kind", ATTENTION)
def test_attention_is_a_distribution_over_each_bag_with_one_majority_at_most(kind: str):
    pooling, segments = built({**DEFAULTS, "kind": kind}, 3), Segments.of([1, 2, 3, 40, 5] * 20)
    attention = pooling(draw(51 * 20, WIDTH, scale=9), segments).attention
    assert attention is not None
    assert (attention >= 0).all()
    torch.testing.assert_close(segment_sum(attention, segments), torch.ones(100))
    majorities = segment_sum((attention > 0.5).float(), segments)
    assert 30 < majorities.sum() < 100
    assert majorities.max() == 1


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - set(ATTENTION)))
@pytest.mark.parametrize("level", LEVELS)
def test_fixed_poolings_weigh_no_instances(kind: str, level: str):
    assert built({**DEFAULTS, "kind": kind, "level": level}, 2)(draw(4, WIDTH), Segments.of([4])).attention is None


@pytest.mark.parametrize("gated", [False, True])
def test_attention_is_its_equation(gated: bool):
    pooling = built({**DEFAULTS, "kind": "gated-attention" if gated else "attention"}, 3)
    weights = {name: value.detach().double().numpy() for name, value in pooling.named_parameters()}
    embeddings = draw(sum(LENGTHS), WIDTH)
    pooled = pooling(embeddings, Segments.of(LENGTHS))
    expected_attention, expected_logits = [], []
    for bag in embeddings.double().split(LENGTHS):
        h = bag.numpy()
        hidden = np.tanh(h @ weights["hidden.weight"].T + weights["hidden.bias"])
        if gated:
            hidden *= expit(h @ weights["gate.weight"].T + weights["gate.bias"])
        attention = softmax(hidden @ weights["score.weight"][0] + weights["score.bias"])
        expected_attention.extend(attention)
        expected_logits.append(weights["classifier.weight"] @ (attention @ h) + weights["classifier.bias"])
    np.testing.assert_allclose(pooled.attention.detach(), expected_attention, rtol=1e-5)
    np.testing.assert_allclose(pooled.logits.detach(), expected_logits, rtol=1e-5, atol=1e-6)


def test_attention_has_the_published_number_of_parameters():
    trunk = 426_070  # LeNet with 20 and 50 maps and 500 features
    attention, gated = Attention(500, 1, 128), GatedAttention(500, 1, 128)
    counts = [sum(parameter.numel() for parameter in pooling.parameters()) for pooling in (attention, gated)]
    assert counts == [490_828 - trunk, 554_956 - trunk]


# Equations of the fixed poolings


def bags_of_probabilities(logits: Tensor, lengths: tuple[int, ...]) -> list[np.ndarray]:
    """In float64, (instances, classes) of each bag."""
    wide = logits.double()
    if logits.shape[1] == 1:
        wide = torch.cat([torch.zeros_like(wide), wide], 1)
    return [softmax(bag.numpy(), 1) for bag in wide.split(lengths)]


@both_outputs
def test_the_mean_at_instance_level_is_the_mean_probability(classes: int):
    logits = draw(sum(LENGTHS), outputs_of(classes), scale=3)
    expected = [bag.mean(0) for bag in bags_of_probabilities(logits, LENGTHS)]
    found = probabilities(probability_mean(logits, Segments.of(LENGTHS)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_maximum_at_instance_level_is_the_largest_probability():
    logits = draw(sum(LENGTHS), 1, scale=3)
    expected = [bag[:, 1].max() for bag in bags_of_probabilities(logits, LENGTHS)]
    np.testing.assert_allclose(
        probabilities(probability_maximum(logits, Segments.of(LENGTHS)))[:, 1], expected, rtol=1e-5
    )


def test_the_maximum_at_instance_level_shares_out_what_several_classes_reach():
    logits = draw(sum(LENGTHS), 4, scale=3)
    largest = np.stack([bag.max(0) for bag in bags_of_probabilities(logits, LENGTHS)])
    found = probabilities(probability_maximum(logits, Segments.of(LENGTHS)))
    np.testing.assert_allclose(found, largest / largest.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("r", [1e-3, 0.5, 1.0, 8.0, 300.0])
def test_log_mean_exp_of_embeddings_is_its_equation(r: float):
    embeddings = draw(sum(LENGTHS), 3, scale=3)
    expected = [logsumexp(r * bag.double(), 0, b=1 / len(bag)) / r for bag in embeddings.split(LENGTHS)]
    found = embedding_log_mean_exp(embeddings, Segments.of(LENGTHS), r)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("r", [1e-3, 0.5, 1.0, 8.0, 300.0])
def test_log_mean_exp_of_probabilities_is_its_equation(r: float):
    one, four = draw(sum(LENGTHS), 1, scale=3), draw(sum(LENGTHS), 4, scale=3)
    pooled = np.stack(
        [logsumexp(r * bag, 0, b=1 / len(bag)) / r for bag in bags_of_probabilities(four, LENGTHS)],
    )
    positive = [logsumexp(r * bag[:, 1], b=1 / len(bag)) / r for bag in bags_of_probabilities(one, LENGTHS)]
    segments = Segments.of(LENGTHS)
    found = probabilities(probability_log_mean_exp(one, segments, r))
    np.testing.assert_allclose(found[:, 1], positive, rtol=1e-5)
    np.testing.assert_allclose(
        probabilities(probability_log_mean_exp(four, segments, r)), pooled / pooled.sum(1, keepdims=True), rtol=1e-5
    )


def exact_logit(logits: list[float], r: float) -> Decimal:
    """Of the log-mean-exp of the probabilities, with as many digits as the context has."""
    positive = [1 / (1 + (-Decimal(logit)).exp()) for logit in logits]
    mean = sum((Decimal(r) * p).exp() for p in positive) / len(positive)
    pooled = mean.ln() / Decimal(r)
    return (pooled / (1 - pooled)).ln()


@pytest.mark.parametrize("r", [1e-3, 1.0, 40.0, 3000.0])
@pytest.mark.parametrize("scale", [1, 30, 200])
def test_log_mean_exp_of_probabilities_too_small_or_large_for_a_number_is_exact(r: float, scale: int):
    lengths = (3, 1, 9, 4)
    logits = draw(sum(lengths), 1, seed=3, scale=scale)
    logits[:3] -= 3 * scale  # a bag that is sure of the first class
    logits[-4:] += 3 * scale  # and one of the second
    found = probability_log_mean_exp(logits, Segments.of(lengths), r)[:, 0]
    with localcontext(prec=60 + 3 * scale):  # e^-1000 is not 0
        expected = [float(exact_logit(bag.tolist(), r)) for bag in logits[:, 0].split(lengths)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rest", "one"), [(-50.0, -45.0), (-9.0, 4.0), (50.0, 45.0)])
@pytest.mark.parametrize("r", [0.01, 1.0, 30.0])
def test_one_instance_of_thousands_counts_to_the_last_digit_in_log_mean_exp(rest: float, one: float, r: float):
    values, segments = torch.full((5000, 1), rest), Segments.of([5000])
    values[77] = one
    embedding = logsumexp(r * values.double().numpy(), b=1 / 5000) / r
    np.testing.assert_allclose(embedding_log_mean_exp(values, segments, r)[0, 0], embedding, rtol=1e-6)
    with localcontext(prec=80):
        pooled, others = (
            (((Decimal(r) * p).exp() + 4999 * (Decimal(r) * q).exp()) / 5000).ln() / Decimal(r)
            for p, q in ([1 / (1 + (sign * Decimal(logit)).exp()) for logit in (one, rest)] for sign in (-1, 1))
        )
        one_output, two_outputs = float((pooled / (1 - pooled)).ln()), float((pooled / others).ln())
    found = probability_log_mean_exp(values, segments, r)[0, 0]
    np.testing.assert_allclose(found, one_output, rtol=1e-6, atol=1e-6)
    two = torch.cat([torch.zeros_like(values), values], 1)
    found = probability_log_mean_exp(two, segments, r)[0].diff()[0]
    np.testing.assert_allclose(found, two_outputs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("r", [1e-3, 1.0, 40.0])
@both_outputs
def test_gradients_of_log_mean_exp_are_finite_differences(r: float, classes: int):
    logits = draw(sum(LENGTHS), outputs_of(classes), scale=3).double().requires_grad_()
    segments = Segments.of(LENGTHS)
    assert torch.autograd.gradcheck(lambda z: probability_log_mean_exp(z, segments, r), logits)
    assert torch.autograd.gradcheck(lambda h: embedding_log_mean_exp(h, segments, r), logits)


@pytest.mark.parametrize("level", LEVELS)
@both_outputs
def test_log_mean_exp_goes_from_the_mean_to_the_maximum(level: str, classes: int):
    embeddings, segments = draw(sum(LENGTHS), WIDTH), Segments.of(LENGTHS)

    def verdicts(kind: str, r: float) -> Tensor:
        return probabilities(
            built({**DEFAULTS, "kind": kind, "level": level, "r": r}, classes)(embeddings, segments).logits
        )

    torch.testing.assert_close(verdicts("log-mean-exp", 1e-7), verdicts("mean", 1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(verdicts("log-mean-exp", 1e7), verdicts("max", 1), rtol=1e-5, atol=1e-6)


def test_log_mean_exp_rises_with_r():
    segments = Segments.of(LENGTHS)
    embeddings, logits = draw(sum(LENGTHS), WIDTH), draw(sum(LENGTHS), 1, scale=3)
    steps = [0.01, 0.1, 1, 10, 100]
    for pooled in (
        torch.stack([embedding_log_mean_exp(embeddings, segments, r) for r in steps]),
        torch.stack([probability_log_mean_exp(logits, segments, r) for r in steps]),
    ):
        rising = pooled.diff(dim=0)
        assert (rising[:, segments.lengths > 1] > 0).all()
        torch.testing.assert_close(rising[:, segments.lengths == 1], torch.zeros_like(rising[:, segments.lengths == 1]))


# Outputs


def test_two_classes_with_one_output_are_two_with_the_first_at_zero():
    logits, labels = draw(40, 1, scale=4), torch.arange(40) % 2
    two = torch.cat([torch.zeros(40, 1), logits], 1)
    torch.testing.assert_close(probabilities(logits), torch.softmax(two, 1))
    torch.testing.assert_close(log_probabilities(logits), torch.log_softmax(two, 1))
    torch.testing.assert_close(
        class_loss(logits, labels), torch.nn.functional.cross_entropy(two, labels, reduction="none")
    )


@both_outputs
def test_logits_come_back_from_their_probabilities(classes: int):
    logits = draw(40, outputs_of(classes), scale=4)
    back = logits_of(log_probabilities(logits) + 5, logits.shape[1])
    torch.testing.assert_close(probabilities(back), probabilities(logits))
    torch.testing.assert_close(log_probabilities(logits).exp(), probabilities(logits))
    torch.testing.assert_close(probabilities(logits).sum(1), torch.ones(40))


@both_outputs
def test_the_loss_is_minus_the_logarithm_of_the_label_s_probability(classes: int):
    logits, labels = draw(40, outputs_of(classes), scale=4), torch.arange(40) % classes
    expected = -probabilities(logits).log()[torch.arange(40), labels]
    torch.testing.assert_close(class_loss(logits, labels), expected, rtol=1e-4, atol=1e-5)


@both_outputs
def test_class_weights_count_with_one_bag_a_step(classes: int):
    weights = torch.arange(1.0, classes + 1)
    for label in range(classes):
        logits, labels = draw(1, outputs_of(classes)), torch.tensor([label])
        torch.testing.assert_close(class_loss(logits, labels, weights), (label + 1) * class_loss(logits, labels))


@both_outputs
def test_losses_and_probabilities_of_half_precision_are_float32(classes: int):
    logits, labels = draw(9, outputs_of(classes)).bfloat16(), torch.arange(9) % classes
    with torch.autocast("cpu", torch.bfloat16):
        found = [class_loss(logits, labels), probabilities(logits), log_probabilities(logits)]
    wide = logits.float()
    assert torch.equal(class_loss(logits, labels), class_loss(wide, labels))
    assert torch.equal(found[0], class_loss(wide, labels))
    assert torch.equal(found[1], probabilities(wide))
    assert torch.equal(found[2], log_probabilities(wide))


# From the config


@pytest.mark.parametrize(
    ("settings", "expected", "outputs"),
    [
        ({"kind": "max"}, EmbeddingPooling, 1),
        ({"kind": "mean", "level": "instance"}, InstancePooling, 1),
        ({"kind": "log-mean-exp", "level": "instance"}, InstancePooling, 1),
        ({"kind": "attention"}, Attention, 1),
        ({"kind": "gated-attention"}, GatedAttention, 1),
        ({"kind": "loss-attention"}, LossAttention, 2),
    ],
)
def test_a_pooling_is_what_its_kind_says(settings: dict[str, str], expected: type[Pooling], outputs: int):
    pooling = pooling_of({**DEFAULTS, **settings}, WIDTH, 2)
    assert type(pooling) is expected
    assert pooling.classifier.out_features == outputs
    assert pooling_of({**DEFAULTS, **settings}, WIDTH, 3).classifier.out_features == 3


@both_outputs
def test_functions_reach_the_level_they_are_for(classes: int):
    functions = {
        "max": (embedding_maximum, probability_maximum),
        "mean": (embedding_mean, probability_mean),
        "log-mean-exp": (partial(embedding_log_mean_exp, r=1), partial(probability_log_mean_exp, r=1)),
    }
    embeddings, segments = draw(sum(LENGTHS), WIDTH), Segments.of(LENGTHS)
    for kind, (of_embeddings, of_logits) in functions.items():
        first = built({**DEFAULTS, "kind": kind, "level": "embedding"}, classes)
        second = built({**DEFAULTS, "kind": kind, "level": "instance"}, classes)
        assert torch.equal(first(embeddings, segments).logits, first.classifier(of_embeddings(embeddings, segments)))
        assert torch.equal(second(embeddings, segments).logits, of_logits(second.classifier(embeddings), segments))


def test_settings_reach_their_pooling():
    pooling = pooling_of({**DEFAULTS, "kind": "gated-attention", "attention_width": 9}, WIDTH, 2)
    assert isinstance(pooling, GatedAttention)
    assert (pooling.hidden.out_features, pooling.gate.out_features) == (9, 9)
    embeddings, segments = draw(4, WIDTH), Segments.of([4])
    shape = {**DEFAULTS, "kind": "log-mean-exp", "r": 5}
    sharp = built(shape, 2)(embeddings, segments).logits
    torch.testing.assert_close(sharp, built(shape, 2).classifier(embedding_log_mean_exp(embeddings, segments, 5)))
    flat = built({**shape, "r": 0.1}, 2)(embeddings, segments).logits
    assert not torch.allclose(sharp, flat)
