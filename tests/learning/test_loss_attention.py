"""Loss-attention: its equation, its three losses, the theorems of its paper, and the memory that goes with it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from marrow.learning.build import pooling_of
from marrow.learning.pooling.attention_memory import AttentionMemory
from marrow.learning.pooling.loss_attention import LossAttention
from marrow.learning.pooling.loss_attention_loss import REDUCTIONS, consistency_losses, instance_losses, ramp_up
from marrow.learning.pooling.main_loss import MainLoss, main_loss_of
from marrow.learning.pooling.outputs import class_loss
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments, segment_sum, spread

SETTINGS: Mapping[str, Any] = {
    "kind": "loss-attention",
    "level": "embedding",
    "instance_weight": 2.0,
    "instance_reduction": "sum",
    "consistency_weight": 3.0,
    "consistency_ramp": 40,
    "consistency_decay": 0.6,
}
LENGTHS = (3, 1, 5, 2)
LABELS = torch.tensor([0, 2, 1, 2])
BAGS = 4000


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pooled_bags(lengths: tuple[int, ...] = LENGTHS, scale: float = 1.0, seed: int = 0) -> Pooled:
    torch.manual_seed(5)
    return LossAttention(6, 3)(draw(sum(lengths), 6, scale=scale, seed=seed), Segments.of(lengths))


def given_logits(logits: Tensor, segments: Segments) -> Pooled:
    """What loss-attention makes of instances whose logits are these, (instances, classes)."""
    pooling = LossAttention(logits.shape[1], logits.shape[1]).to(logits.dtype)
    with torch.no_grad():
        pooling.classifier.weight.copy_(torch.eye(logits.shape[1]))
        pooling.classifier.bias.zero_()
    return pooling(logits, segments)


def detached(pooled: Pooled) -> tuple[Tensor, Tensor]:
    assert pooled.attention is not None
    assert pooled.instance_logits is not None
    return pooled.attention.detach(), pooled.instance_logits.detach()


# The equation


def test_attention_is_each_instance_s_share_of_all_exponentials():
    torch.manual_seed(5)
    pooling, embeddings = LossAttention(6, 3), draw(sum(LENGTHS), 6)
    weight, bias = (parameter.detach().double().numpy() for parameter in pooling.classifier.parameters())
    pooled = pooling(embeddings, Segments.of(LENGTHS))
    attention, logits, instance_logits = [], [], []
    for bag in embeddings.double().split(LENGTHS):
        h = bag.numpy()
        instance_logits.extend(h @ weight.T + bias)
        shares = np.exp(h @ weight.T + bias).sum(1)
        attention.extend(shares / shares.sum())
        logits.append(weight @ (shares / shares.sum() @ h) + bias)
    np.testing.assert_allclose(pooled.attention.detach(), attention, rtol=1e-5)
    np.testing.assert_allclose(pooled.logits.detach(), logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pooled.instance_logits.detach(), instance_logits, rtol=1e-5, atol=1e-6)


def test_the_bag_s_logits_are_the_attention_weighted_ones_of_its_instances():
    pooled = pooled_bags()
    attention, instance_logits = detached(pooled)
    torch.testing.assert_close(
        pooled.logits.detach(), segment_sum(attention[:, None] * instance_logits, Segments.of(LENGTHS))
    )


def test_there_are_no_parameters_but_the_classifier_s():
    assert sum(parameter.numel() for parameter in LossAttention(500, 2).parameters()) == 500 * 2 + 2
    assert pooling_of(SETTINGS, 500, 2).classifier.out_features == 2


# Theorems of the paper, on random bags with random labels


def random_bags(classes: int) -> tuple[Pooled, Tensor, Segments, Tensor]:
    """Pooled bags, their labels and, of each, the theorems' q: (instances, classes), all in float64."""
    generator = np.random.default_rng(classes)
    segments = Segments.of(generator.integers(1, 13, BAGS).tolist())
    labels = torch.from_numpy(generator.integers(0, classes, BAGS))
    spreads = torch.from_numpy(10 ** generator.uniform(-1, 1.2, BAGS))
    logits = draw(len(segments.index), classes, seed=classes).double() * spread(spreads, segments)[:, None]
    logits[:, 0] += spread(torch.from_numpy(generator.normal(0, 3, BAGS)), segments)
    return given_logits(logits, segments), labels, segments, torch.softmax(logits, 1)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_theorem_1_a_bag_with_one_heavy_instance_is_judged_as_that_instance(classes: int):
    pooled, _, segments, q = random_bags(classes)
    attention, _ = detached(pooled)
    heavy = attention > 1 - 1e-6
    assert 100 < heavy.sum() < BAGS
    torch.testing.assert_close(
        torch.softmax(pooled.logits, 1)[segments.index[heavy]].detach(), q[heavy], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_theorem_2_the_bag_loss_is_bounded_by_the_weighted_odds_of_other_classes(classes: int):
    pooled, labels, segments, q = random_bags(classes)
    attention, _ = detached(pooled)
    of_label = q.gather(1, spread(labels, segments)[:, None])
    odds = torch.exp(segment_sum(attention[:, None] * (q / of_label).log(), segments))
    r = odds.sum(1) - 1  # the label's own odds are one
    losses = class_loss(pooled.logits, labels).detach()
    assert (losses >= r / (1 + r) - 1e-9).all()
    torch.testing.assert_close(losses, torch.log1p(r))  # the equality behind the bound


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_theorem_3_the_instance_loss_is_bounded_by_the_share_of_other_classes(classes: int):
    pooled, labels, segments, _ = random_bags(classes)
    _, z = detached(pooled)
    losses = instance_losses(pooled, labels, segments, "sum").detach()
    bags = [bag.numpy() for bag in z.split(segments.lengths.tolist())]
    total = np.logaddexp.reduce
    shares = [1 - np.exp(total(bag[:, k]) - total(bag.ravel())) for bag, k in zip(bags, labels.tolist(), strict=True)]
    assert (losses >= torch.tensor(shares) - 1e-9).all()


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_theorem_4_an_instance_heavier_than_twice_the_loss_is_given_the_bag_s_class(classes: int, reduction: str):
    pooled, labels, segments, q = random_bags(classes)
    attention, _ = detached(pooled)
    losses = instance_losses(pooled, labels, segments, reduction).detach()
    if reduction == "mean":  # the theorem is of the sum: a mean stands for lambda / N
        losses = losses * segments.lengths
    heavier = attention > 2 * spread(losses, segments)
    assert heavier.sum() > 200
    assert torch.equal(q.argmax(1)[heavier], spread(labels, segments)[heavier])


# Losses


def expected_terms(pooled: Pooled, reduction: str, class_weights: list[float]) -> tuple[float, float]:
    """Bag and instance term, bag by bag in numpy, lambda 2."""
    attention, instance_logits = (tensor.double().numpy() for tensor in detached(pooled))
    bag_losses, instance_terms, start = [], [], 0
    for logits, k, length in zip(pooled.logits.detach().double().numpy(), LABELS.tolist(), LENGTHS, strict=True):
        rows = slice(start, start + length)
        start += length
        bag_losses.append(-class_weights[k] * log_softmax(logits)[k])
        weighted = -attention[rows] * log_softmax(instance_logits[rows], 1)[:, k]
        instance_terms.append(2 * class_weights[k] * (weighted.sum() if reduction == "sum" else weighted.mean()))
    return float(np.mean(bag_losses)), float(np.mean(instance_terms))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("class_weights", [None, [0.5, 2.0, 3.0]])
def test_bag_and_instance_terms_are_their_equations(reduction: str, class_weights: list[float] | None):
    weights = None if class_weights is None else torch.tensor(class_weights)
    loss = main_loss_of({**SETTINGS, "instance_reduction": reduction}, weights)
    terms = loss(pooled_bags(), LABELS, Segments.of(LENGTHS), torch.arange(sum(LENGTHS)), 0)
    assert list(terms) == ["bag", "instance", "consistency"]
    expected = expected_terms(pooled_bags(), reduction, class_weights or [1.0] * 3)
    np.testing.assert_allclose([terms["bag"].item(), terms["instance"].item()], expected, rtol=1e-5)
    assert terms["consistency"] == 0
    assert all(term.shape == () for term in terms.values())


def test_the_two_reductions_differ_by_the_size_of_the_bag():
    pooled, segments = pooled_bags(), Segments.of(LENGTHS)
    summed, meant = (instance_losses(pooled, LABELS, segments, name) for name in ("sum", "mean"))
    torch.testing.assert_close(summed, meant * segments.lengths)


def test_gradients_flow_through_attention():
    pooled = pooled_bags()
    attention = pooled.attention
    assert attention is not None
    through = replace(pooled, attention=attention.detach().requires_grad_())
    loss = instance_losses(through, LABELS, Segments.of(LENGTHS), "sum").sum()
    (gradient,) = torch.autograd.grad(loss, through.attention)
    _, instance_logits = detached(pooled)
    expected = cross_entropy(instance_logits, spread(LABELS, Segments.of(LENGTHS)), reduction="none")
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_terms_of_packed_bags_are_the_mean_of_one_bag_at_a_time(reduction: str):
    torch.manual_seed(5)
    settings = {**SETTINGS, "instance_reduction": reduction, "consistency_ramp": 0}
    pooling, positions = LossAttention(6, 3), torch.arange(sum(LENGTHS)).split(LENGTHS)
    packed, apart = main_loss_of(settings), main_loss_of(settings)
    for epoch in range(2):
        embeddings = draw(sum(LENGTHS), 6, seed=epoch).requires_grad_()
        together = packed(
            pooling(embeddings, Segments.of(LENGTHS)), LABELS, Segments.of(LENGTHS), torch.cat(positions), epoch
        )
        single = [
            apart(pooling(bag, Segments.of([len(bag)])), label[None], Segments.of([len(bag)]), rows, epoch)
            for bag, label, rows in zip(embeddings.split(LENGTHS), LABELS, positions, strict=True)
        ]
        means = {name: torch.stack([terms[name] for terms in single]).mean() for name in together}
        torch.testing.assert_close(together, means)
        slopes = [torch.autograd.grad(sum(terms.values()), embeddings)[0] for terms in (together, means)]
        torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-6)
        packed.end_epoch()
        apart.end_epoch()
    assert together["consistency"] > 0


def test_extreme_logits_give_finite_terms_and_gradients():
    segments = Segments.of([7, 1] * 30)
    embeddings = (1e4 * draw(240, 6)).requires_grad_()
    torch.manual_seed(5)
    pooling, loss = LossAttention(6, 3), main_loss_of({**SETTINGS, "consistency_ramp": 0})
    for epoch in range(2):
        terms = loss(pooling(embeddings, segments), torch.arange(60) % 3, segments, torch.arange(240), epoch)
        gradients = torch.autograd.grad(sum(terms.values()), [embeddings, *pooling.parameters()])
        assert all(tensor.isfinite().all() for tensor in (*terms.values(), *gradients))
        loss.end_epoch()
    assert terms["instance"] > 1e3


def test_the_main_loss_of_other_poolings_is_the_bags_alone():
    loss = main_loss_of({"kind": "attention"}, torch.tensor([1.0, 3.0]))
    pooled, labels = Pooled(draw(4, 1)), torch.tensor([0, 1, 1, 0])
    terms = loss(pooled, labels, Segments.of([1, 1, 1, 1]), torch.arange(4), 3)
    assert list(terms) == ["bag"]
    torch.testing.assert_close(terms["bag"], class_loss(pooled.logits, labels, torch.tensor([1.0, 3.0])).mean())
    loss.end_epoch()
    loss.restore(loss.state())
    assert loss.state() == {}


def test_a_pooling_without_attention_has_no_such_loss():
    with pytest.raises(TypeError, match="attention"):
        main_loss_of(SETTINGS)(Pooled(draw(1, 2)), torch.tensor([0]), Segments.of([1]), torch.arange(1), 0)


# Consistency and its memory


def test_the_ramp_is_gaussian_and_zero_in_epoch_0():
    assert ramp_up(0, 40) == 0
    assert ramp_up(0, 0) == 0
    assert ramp_up(1, 0) == 1
    assert ramp_up(10, 40) == pytest.approx(math.exp(-5 * 0.75**2))
    assert ramp_up(39, 40) < ramp_up(40, 40) == ramp_up(400, 40) == 1
    assert all(ramp_up(epoch, 40) < ramp_up(epoch + 1, 40) for epoch in range(40))


def test_consistency_is_the_mean_squared_distance_in_each_bag():
    attention, targets = draw(5), draw(5, seed=1)
    found = consistency_losses(attention, targets, Segments.of([2, 3]))
    squares = (attention - targets).square()
    torch.testing.assert_close(found, torch.stack([squares[:2].mean(), squares[2:].mean()]))


def test_consistency_pulls_attention_towards_its_target():
    loss, segments = main_loss_of({**SETTINGS, "consistency_ramp": 0}), Segments.of([3])
    past, now = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.6, 0.3, 0.1]).requires_grad_()
    pooled, rows = replace(pooled_bags((3,)), attention=past), torch.arange(3)
    loss(pooled, LABELS[:1], segments, rows, 0)
    loss.end_epoch()
    term = loss(replace(pooled, attention=now), LABELS[:1], segments, rows, 1)["consistency"]
    (gradient,) = torch.autograd.grad(term, now)
    torch.testing.assert_close(gradient, 3 * 2 / 3 * (now.detach() - past))


@pytest.mark.parametrize("decay", [0.0, 0.6, 0.99])
def test_targets_are_the_weighted_mean_of_all_earlier_epochs(decay: float):
    memory, instances, epochs = AttentionMemory(decay), torch.tensor([4, 0, 7]), draw(6, 3).abs()
    for past, attention in enumerate(epochs):
        if past:
            weights = decay ** np.arange(past - 1, -1, -1.0)
            expected = weights @ epochs[:past].double().numpy() / weights.sum()
            np.testing.assert_allclose(memory.targets(instances, attention), expected, rtol=1e-5)
        memory.note(instances, attention)
        memory.end_epoch()


def test_targets_do_not_move_within_an_epoch():
    memory, instances = AttentionMemory(0.6), torch.arange(3)
    memory.note(instances, torch.tensor([0.1, 0.2, 0.7]))
    memory.end_epoch()
    memory.note(instances, torch.tensor([0.8, 0.1, 0.1]))
    torch.testing.assert_close(memory.targets(instances, torch.zeros(3)), torch.tensor([0.1, 0.2, 0.7]))
    memory.note(instances, torch.tensor([0.1, 0.2, 0.7]))  # the last one of an epoch counts
    memory.end_epoch()
    torch.testing.assert_close(memory.targets(instances, torch.zeros(3)), torch.tensor([0.1, 0.2, 0.7]))


def test_an_instance_without_a_past_is_its_own_target():
    memory = AttentionMemory(0.6)
    memory.note(torch.tensor([1]), torch.tensor([0.25]))
    memory.end_epoch()
    found = memory.targets(torch.tensor([0, 1, 9]), torch.tensor([0.5, 0.5, 0.5]))
    torch.testing.assert_close(found, torch.tensor([0.5, 0.25, 0.5]))


def test_an_instance_that_an_epoch_leaves_out_keeps_its_target():
    memory, both = AttentionMemory(0.6), torch.tensor([0, 1])
    for attention in ([0.25, 0.75], [0.5, 0.5]):
        memory.note(both, torch.tensor(attention))
        memory.end_epoch()
    memory.note(both[:1], torch.tensor([1.0]))
    memory.end_epoch()
    expected = torch.tensor([(0.36 * 0.25 + 0.6 * 0.5 + 1.0) / 1.96, (0.6 * 0.75 + 0.5) / 1.6])
    torch.testing.assert_close(memory.targets(both, torch.zeros(2)), expected)


def test_a_memory_of_given_size_is_one_that_grows():
    given, growing = AttentionMemory(0.6, 20), AttentionMemory(0.6)
    for epoch, instances in enumerate([torch.tensor([2, 5]), torch.tensor([19, 5, 0])]):
        attention = draw(len(instances), seed=epoch).abs()
        for memory in (given, growing):
            memory.note(instances, attention)
            memory.end_epoch()
        if epoch == 0:
            assert [len(memory.state()["average"]) for memory in (given, growing)] == [20, 6]
    everyone = torch.arange(20)
    assert torch.equal(given.targets(everyone, torch.ones(20)), growing.targets(everyone, torch.ones(20)))
    assert all(torch.equal(tensor, growing.state()[name]) for name, tensor in given.state().items())


def test_targets_pass_no_gradient():
    memory, attention = AttentionMemory(0.6), torch.tensor([0.5, 0.5]).requires_grad_()
    memory.note(torch.tensor([0]), attention[:1])
    memory.end_epoch()
    assert not memory.targets(torch.tensor([0, 1]), attention).requires_grad


def run(loss: MainLoss, epochs: range, first_bag: int = 0, last_bag: int | None = None) -> list[dict[str, float]]:
    """Losses of epochs whose bags come one at a time; the first and last epoch may be cut."""
    starts = np.cumsum([0, *LENGTHS])
    seen = []
    for epoch in epochs:
        for bag in range(first_bag if epoch == epochs[0] else 0, len(LENGTHS)):
            if epoch == epochs[-1] and bag == last_bag:
                return seen
            size = LENGTHS[bag]
            pooled = pooled_bags((size,), seed=100 * epoch + bag, scale=3)
            rows = torch.arange(starts[bag], starts[bag + 1])
            terms = loss(pooled, LABELS[bag : bag + 1], Segments.of([size]), rows, epoch)
            seen.append({name: term.item() for name, term in terms.items()})
        loss.end_epoch()
    return seen


def test_the_consistency_term_is_its_equation_over_epochs():
    terms = run(main_loss_of(SETTINGS), range(6))
    average = [np.zeros(size) for size in LENGTHS]
    for epoch in range(6):
        for bag, size in enumerate(LENGTHS):
            attention = detached(pooled_bags((size,), seed=100 * epoch + bag, scale=3))[0].double().numpy()
            found = terms[epoch * len(LENGTHS) + bag]["consistency"]
            if epoch == 0:
                assert found == 0
            else:
                weight = 3 * math.exp(-5 * (1 - epoch / 40) ** 2)
                target = average[bag] / (1 - 0.6**epoch)
                assert found == pytest.approx(weight * ((attention - target) ** 2).mean(), rel=1e-4, abs=1e-9)
            average[bag] = 0.6 * average[bag] + 0.4 * attention


def test_a_loss_restored_in_the_middle_of_an_epoch_goes_on_with_the_same_bits():
    whole = run(main_loss_of(SETTINGS, instances=sum(LENGTHS)), range(4))
    before = main_loss_of(SETTINGS, instances=sum(LENGTHS))
    first = run(before, range(3), last_bag=2)
    state = before.state()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    run(before, range(2, 4), first_bag=2)
    after = main_loss_of(SETTINGS, instances=sum(LENGTHS))
    after.restore(state)
    rest = run(after, range(2, 4), first_bag=2)
    assert first + rest == whole
    assert all(torch.equal(tensor, kept[name]) for name, tensor in state.items())  # it is a copy both ways
    assert all(isinstance(tensor, Tensor) and not tensor.requires_grad for tensor in state.values())


def test_bags_that_are_not_of_training_are_not_remembered():
    loss = main_loss_of({**SETTINGS, "consistency_ramp": 0}, instances=100)
    run(loss, range(2))
    state = loss.state()
    assert len(state["average"]) == 100
    terms = loss(pooled_bags(), LABELS, Segments.of(LENGTHS), None, 2)
    assert terms["consistency"] == 0
    assert all(torch.equal(tensor, state[name]) for name, tensor in loss.state().items())


def test_without_a_consistency_weight_nothing_is_remembered():
    loss = main_loss_of({**SETTINGS, "consistency_weight": 0}, instances=1000)
    assert all(terms["consistency"] == 0 for terms in run(loss, range(3)))
    assert all(len(tensor) == 0 for tensor in loss.state().values())
