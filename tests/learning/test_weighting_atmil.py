"""ATMIL: its step is the gradient of the divergence; where it diverges as printed, and that other variants do not."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor, nn
from torch.nn import functional

from marrow.bags.bag import Task
from marrow.learning.weighting.atmil import STEPS, capped_step, implicit_step, printed_step
from marrow.learning.weighting.build import weighting_of
from marrow.learning.weighting.divergence import nearest_weights, quadratic_terms
from marrow.learning.weighting.gramian import gramian
from marrow.learning.weighting.weighting import Observation, Weighting
from method_parts import complete

BONE = Task("bone", ("left", "right"))
STABLE = ("capped-step", "implicit", "closed-form")


def atmil(variant: str = "as-printed", tasks: int = 1, **settings: object) -> Weighting:
    return weighting_of(complete("weighting", kind="atmil", variant=variant, **settings), [BONE] * tasks)


def gramian_of(square: float, product: float, main: float | None = None) -> Tensor:
    """That of one auxiliary task with |g_a|^2 and <g_m, g_a>."""
    main = 1 + product**2 / square if main is None else main
    return torch.tensor([[main, product], [product, square]])


def follow(weighting: Weighting, gramians: list[Tensor]) -> Tensor:
    """The auxiliary weights (steps, tasks) through these Gramians."""
    steps = [Observation(0, step, torch.ones(len(seen)), seen) for step, seen in enumerate(gramians)]
    return torch.stack([weighting(step).shared[1:] for step in steps])


def noisy(steps: int, seed: int = 0, tasks: int = 1) -> list[Tensor]:
    """Gramians of gradients whose squared length is spread over four decades, about 5 in the middle."""
    chance = torch.Generator().manual_seed(seed)
    lengths = torch.exp(0.8 + 1.2 * torch.randn(steps, 1 + tasks, 1, generator=chance))
    rows = functional.normalize(torch.randn(steps, 1 + tasks, 8, generator=chance), dim=2) * lengths
    return list(rows @ rows.mT)


# The step.


@pytest.mark.parametrize("tasks", [1, 2, 5])
def test_the_step_goes_down_the_gradient_that_autograd_finds(tasks: int):
    chance = torch.Generator().manual_seed(tasks)
    for _ in range(10):
        rows = torch.randn(1 + tasks, 30, generator=chance, dtype=torch.float64)
        weights = torch.rand(tasks, generator=chance, dtype=torch.float64).requires_grad_()
        divergence = (rows[0] - weights @ rows[1:]).square().sum()
        (slope,) = torch.autograd.grad(divergence, weights)
        torch.testing.assert_close(printed_step(weights.detach(), rows @ rows.T, 0.05), weights.detach() - 0.05 * slope)


def test_the_step_on_a_network_is_that_of_second_derivatives_without_taking_any():
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 6), nn.Tanh())
    heads = [nn.Linear(6, 1), nn.Linear(6, 3)]
    features = trunk(torch.randn(7, 1, 8, 8))
    losses = [
        functional.softplus(heads[0](features.mean(0))).sum(),
        functional.cross_entropy(heads[1](features), torch.arange(7) % 3),
    ]
    weight = torch.ones(1, requires_grad=True)
    parameters = list(trunk.parameters())
    gap = torch.autograd.grad(losses[0] - weight[0] * losses[1], parameters, create_graph=True)
    (slope,) = torch.autograd.grad(torch.stack([part.square().sum() for part in gap]).sum(), weight)

    rows = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    seen = Observation(0, 0, torch.stack(losses).detach(), gramian(rows))
    expected = torch.cat([torch.ones(1), 1 - 0.05 * slope])
    torch.testing.assert_close(atmil()(seen).shared, expected)


def test_with_one_auxiliary_task_the_weight_moves():
    """Weights that must add up to the number of tasks, as in ARML's code, would stay at 1."""
    weights = follow(atmil(), [gramian_of(square=4.0, product=1.0)] * 60)[:, 0]
    assert weights[:2].tolist() == pytest.approx([1 - 0.1 * (4 - 1), 0.7 - 0.1 * (0.7 * 4 - 1)])
    assert float(weights[-1]) == pytest.approx(0.25)


@pytest.mark.parametrize("variant", [*STEPS, "closed-form"])
@pytest.mark.parametrize(("product", "rest"), [(1.0, 0.25), (6.0, 1.5), (-1.0, 0.0)])
def test_every_variant_comes_to_rest_at_the_projection_on_the_auxiliary_gradient(
    variant: str, product: float, rest: float
):
    weights = follow(atmil(variant), [gramian_of(4.0, product)] * 80)
    assert float(weights[-1, 0]) == pytest.approx(rest, abs=1e-5)


@pytest.mark.parametrize("variant", [*STEPS, "closed-form"])
def test_heads_have_the_weight_of_the_trunk_as_printed_and_their_full_gradient_in_other_variants(variant: str):
    for step in noisy(5, tasks=2):
        weights = atmil(variant, tasks=2)(Observation(0, 0, torch.ones(3), step))
        heads = weights.shared if variant == "as-printed" else torch.ones(3)
        assert torch.equal(weights.heads, heads)
        assert float(weights.shared[0]) == 1


# Where it diverges.


@pytest.mark.parametrize(("square", "grows"), [(9.0, False), (19.0, False), (21.0, True), (30.0, True)])
def test_without_the_clip_the_printed_step_grows_in_alternation_once_beta_times_the_square_is_above_1(
    square: float, grows: bool
):
    seen = gramian_of(square, square / 10).double()
    rest = seen[0, 1] / seen[1, 1]
    distance = [1 - rest.view(1)]
    for _ in range(12):
        distance.append(printed_step(rest + distance[-1], seen, 0.05) - rest)
    factor = 1 - 2 * 0.05 * square
    found = torch.cat(distance[1:]) / torch.cat(distance[:-1])
    torch.testing.assert_close(found, torch.full((12,), factor, dtype=torch.float64), rtol=1e-3, atol=1e-3)
    assert (abs(distance[-1]) > abs(distance[0])).item() is grows


@pytest.mark.parametrize(("square", "high"), [(30.0, 0.3), (100.0, 1.0), (800.0, 8.0)])
def test_with_the_clip_the_printed_step_jumps_between_zero_and_far_too_much(square: float, high: float):
    """What the projection asks for is 0.1 throughout."""
    weights = follow(atmil(), [gramian_of(square, square / 10)] * 41)[:, 0]
    torch.testing.assert_close(weights[20::2], torch.zeros(11), rtol=0, atol=1e-4)
    torch.testing.assert_close(weights[21::2], torch.full((10,), high), rtol=1e-3, atol=0)


def test_two_opposed_auxiliary_tasks_drive_the_printed_step_beyond_all_bounds_in_spite_of_the_clip():
    rows = torch.tensor([[1.0, 1.0], [4.0, 0.0], [-4.0, 0.0]])
    weights = follow(atmil(tasks=2), [rows @ rows.T] * 60)
    assert weights.max() > 1e8
    for variant in STABLE:
        assert follow(atmil(variant, tasks=2), [rows @ rows.T] * 60).max() <= 1.3


@pytest.mark.parametrize("variant", ["capped-step", "implicit"])
@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("scale", [0.01, 1.0, 1e2, 1e4])
def test_a_stabilised_step_never_leads_away_from_the_minimum(variant: str, tasks: int, scale: float):
    for index, seen in enumerate(noisy(10, seed=3, tasks=tasks)):
        seen = scale * seen
        rest = nearest_weights(seen)
        weights = torch.cat([torch.ones(1, tasks), follow(atmil(variant, tasks), [seen] * 30)])
        a, b = quadratic_terms(seen)
        heights = ((a @ weights.mT).mT * weights - 2 * b * weights).sum(1)
        lowest = float((a @ rest * rest - 2 * b * rest).sum())
        assert (heights.diff() <= 1e-4 * (float(heights[0]) - lowest) + 1e-6 * float(seen[0, 0])).all(), index
        distances = torch.linalg.vector_norm(weights - rest, dim=1)
        assert (distances.diff() <= 1e-4 * (1 + float(distances[0]))).all(), index


@pytest.mark.parametrize("variant", ["capped-step", "implicit"])
def test_with_one_task_a_stabilised_weight_stays_between_what_it_was_and_what_the_bag_asks_for(variant: str):
    gramians, weighting, last = noisy(400), atmil(variant), 1.0
    for seen, weight in zip(gramians, follow(weighting, gramians)[:, 0].tolist(), strict=True):
        asked = max(0.0, float(seen[0, 1] / seen[1, 1]))
        assert min(last, asked) - 1e-5 <= weight <= max(last, asked) * (1 + 1e-5) + 1e-5
        last = weight


def test_on_noisy_gradients_the_printed_weight_spikes_and_stabilised_ones_do_not():
    gramians = noisy(2000)
    squares = torch.stack([seen[1, 1] for seen in gramians])
    assert 0.1 < float((squares > 20).float().mean()) < 0.3  # as often as measured on bags of digits
    mean = torch.stack(gramians).mean(0)
    rest = max(0.0, float(mean[0, 1] / mean[1, 1]))
    off = {}
    for variant in [*STEPS, "closed-form"]:
        weights = follow(atmil(variant), gramians)[500:, 0]
        off[variant] = float((weights - rest).square().mean().sqrt())
    assert off["as-printed"] > 4 * off["capped-step"]
    assert off["as-printed"] > 4 * off["implicit"]
    assert off["closed-form"] < min(off["capped-step"], off["implicit"])


# The variants against each other and against other solvers.


def test_the_capped_step_is_the_printed_one_where_that_cannot_overshoot():
    for square in (0.1, 5.0, 9.9):
        seen, weights = gramian_of(square, 1.0), torch.tensor([0.7])
        assert torch.equal(capped_step(weights, seen, 0.05), printed_step(weights, seen, 0.05))
    for square in (10.1, 100.0):
        seen = gramian_of(square, 1.0)
        assert float(capped_step(torch.tensor([0.7]), seen, 0.05)) == pytest.approx(1 / square, abs=1e-5)


def test_the_implicit_step_has_its_closed_form_and_is_the_printed_one_for_a_small_beta():
    seen, weights = gramian_of(30.0, 5.0), torch.tensor([0.7])
    assert float(implicit_step(weights, seen, 0.05)) == pytest.approx((0.7 + 0.1 * 5) / (1 + 0.1 * 30))
    weights, seen = weights.double(), seen.double()
    printed, implicit = printed_step(weights, seen, 1e-6) - weights, implicit_step(weights, seen, 1e-6) - weights
    torch.testing.assert_close(implicit, printed, rtol=1e-3, atol=0)


def test_the_implicit_step_of_several_tasks_is_a_nonnegative_least_squares_fit():
    chance = torch.Generator().manual_seed(4)
    zeros = 0
    for _ in range(20):
        rows, weights = torch.randn(4, 6, generator=chance), torch.rand(3, generator=chance)
        found = implicit_step(weights, rows @ rows.T, 0.5)
        # beta |g_m - sum_i v_i g_i|^2 + |v - w|^2 / 2 as one sum of squares.
        stacked = torch.cat([rows[1:].T, torch.eye(3)]).double().numpy()
        expected = nnls(stacked, torch.cat([rows[0], weights]).double().numpy())[0]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)
        zeros += int((found == 0).sum())
    assert zeros


@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 8])
def test_the_minimum_over_weights_that_are_not_negative_is_scipys(tasks: int):
    chance = torch.Generator().manual_seed(tasks)
    for _ in range(15):
        rows = torch.randn(1 + tasks, 12, generator=chance)
        found = nearest_weights(rows @ rows.T)
        expected = nnls(rows[1:].T.double().numpy(), rows[0].double().numpy())[0]
        np.testing.assert_allclose(found.numpy(), expected, atol=2e-4)
        assert (found >= 0).all()


def test_the_minimum_is_one_also_where_gradients_are_parallel_or_zero():
    rows = torch.tensor([[3.0, 1.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    found = nearest_weights(rows @ rows.T)
    assert (found >= 0).all()
    torch.testing.assert_close(found @ rows[1:], torch.tensor([3.0, 0.0]), rtol=1e-4, atol=1e-4)
    assert float(found[2]) == 0
    assert nearest_weights(torch.zeros(3, 3)).tolist() == [0, 0]


@pytest.mark.parametrize("tasks", [1, 3])
def test_the_closed_form_is_a_fit_to_all_steps_with_older_ones_counting_less(tasks: int):
    chance = torch.Generator().manual_seed(5)
    rows = torch.randn(12, 1 + tasks, 9, generator=chance)
    rows[:, 0] += rows[:, 1:].sum(1) / 2
    found = follow(atmil("closed-form", tasks, smoothing=0.8), list(rows @ rows.mT))
    share = 0.8 ** (np.arange(12)[::-1, None, None] / 2)
    for steps in (1, 2, 12):
        stacked = (share[-steps:] * rows[:steps].double().numpy()).transpose(1, 0, 2).reshape(1 + tasks, -1)
        np.testing.assert_allclose(found[steps - 1].numpy(), nnls(stacked[1:].T, stacked[0])[0], atol=2e-4)


def test_the_closed_form_gives_a_loss_in_larger_units_the_smaller_weight():
    plain = follow(atmil("closed-form", 2), noisy(30, tasks=2))
    units = torch.tensor([1.0, 100.0, 0.1])
    scaled = follow(atmil("closed-form", 2), [seen * units * units[:, None] for seen in noisy(30, tasks=2)])
    torch.testing.assert_close(scaled * units[1:], plain, rtol=1e-3, atol=1e-4)


def test_a_cap_holds_the_weight_and_what_is_remembered_of_it():
    agreeing, opposed = gramian_of(1.0, 5.0, main=26.0), gramian_of(1.0, -5.0, main=26.0)
    for variant in STABLE:
        capped = follow(atmil(variant, cap=0.5), [agreeing] * 50)
        free = follow(atmil(variant), [agreeing] * 50)
        assert float(capped[-1, 0]) == 0.5
        assert float(free[-1, 0]) > 3
    weighting = atmil("implicit", cap=0.5)
    after = follow(weighting, [agreeing] * 50 + [opposed] * 2)[-1]
    assert float(after) == 0


@pytest.mark.parametrize("variant", STEPS)
def test_a_bag_without_gradients_leaves_the_weight_as_it_is(variant: str):
    weighting = atmil(variant)
    before = follow(weighting, [gramian_of(4.0, 2.0)] * 3)[-1]
    assert torch.equal(follow(weighting, [torch.zeros(2, 2)] * 100)[-1], before)


def test_without_its_damping_the_step_is_ol_aux():
    """Where the auxiliary gradient is short, |g_a|^2 is nothing beside <g_m, g_a>."""
    seen = gramian_of(1e-8, 1.0, main=2e8)
    ol_aux = weighting_of(complete("weighting", kind="ol-aux", beta=0.1, steps=1), [BONE])
    torch.testing.assert_close(follow(atmil(beta=0.05), [seen] * 10), follow(ol_aux, [seen] * 10))
