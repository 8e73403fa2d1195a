"""Weightings: closed forms, what leaves them unmoved, and that a resumed training weighs as one that never stopped."""

import io
import math
import re
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from marrow.bags.bag import Task
from marrow.errors import MarrowError
from marrow.learning.weighting.build import weighting_of
from marrow.learning.weighting.cosine import cosines
from marrow.learning.weighting.divergence import nonnegative_minimum
from marrow.learning.weighting.gradnorm import balanced, printed_step, training_rates
from marrow.learning.weighting.gramian import gramian
from marrow.learning.weighting.pcgrad import projected
from marrow.learning.weighting.weighting import Observation, Weighting, Weights
from method_parts import complete, variants

BONE, HEIGHT = Task("bone", ("left", "right")), Task("height")
WITHOUT_EXTRAS = [(kind, variant) for kind, variant in variants("weighting") if kind != "upgrad"]
EACH_RULE = pytest.mark.parametrize(("kind", "variant"), WITHOUT_EXTRAS)
FIXED = ("none", "uniform", "weighted-loss")
EACH_RULE_AND_PERIOD = pytest.mark.parametrize(
    ("kind", "variant", "every"),
    [(*case, every) for case in WITHOUT_EXTRAS for every in (1, 3) if every == 1 or case[0] not in FIXED],
)
TWO, FOUR = [BONE], [BONE, HEIGHT, Task("rib", ("no", "yes"))]


def rule(kind: str, tasks: Sequence[Task] = TWO, variant: str = "as-printed", **settings: object) -> Weighting:
    return weighting_of(complete("weighting", kind=kind, variant=variant, **settings), tasks)


def seen(losses: Sequence[float] | Tensor, rows: Tensor | None = None, step: int = 0, epoch: int = 0) -> Observation:
    """A step with these losses and gradients (1 + tasks, parameters)."""
    products = None if rows is None else (rows @ rows.T).float()
    return Observation(epoch, step, torch.as_tensor(losses, dtype=torch.float32), products)


def walk(tasks: int, steps: int, seed: int = 0) -> Iterator[Observation]:
    """Steps of noisy losses and gradients, five to an epoch."""
    chance = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randn(1 + tasks, 6, generator=chance) * torch.rand(1 + tasks, 1, generator=chance)
        yield seen(2 * torch.rand(1 + tasks, generator=chance), rows, step, step // 5)


def both(weights: Weights) -> Tensor:
    return torch.cat([weights.shared, weights.heads])


# The Gramian.


def test_the_gramian_is_that_of_all_parameters_in_one_row():
    chance = torch.Generator().manual_seed(0)
    shapes = [(20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (500, 800), (500,)]
    rows = [[torch.randn(shape, generator=chance) for shape in shapes] for _ in range(3)]
    jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]).double()
    found, expected = gramian(rows), jacobian @ jacobian.T
    assert found.dtype == torch.float32
    assert torch.equal(found, found.T)
    # Off the diagonal the sum of 426,070 products is a thousandth of the diagonal, and so is what rounding leaves.
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-6 * float(expected.max()))


def test_a_gradient_that_is_none_counts_as_zero():
    one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([3.0])
    rows = [[one, None], [one, other], [None, None], [None, other]]
    assert gramian(rows).tolist() == [[5, 5, 0, 0], [5, 14, 0, 9], [0, 0, 0, 0], [0, 9, 0, 9]]
    assert gramian([[None], [None]]).tolist() == [[0, 0], [0, 0]]


def test_the_gramian_does_not_depend_on_how_gradients_lie_in_memory():
    chance = torch.Generator().manual_seed(0)
    rows = [[torch.randn(4, 3, 5, 5, generator=chance)] for _ in range(2)]
    moved = [[rows[0][0].to(memory_format=torch.channels_last)], rows[1]]
    assert torch.equal(gramian(moved), gramian(rows))


def test_the_gramian_is_taken_in_float32_and_outside_the_graph():
    row = [torch.full((4096,), 1.0, dtype=torch.bfloat16, requires_grad=True)]
    found = gramian([row, row])
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert found.tolist() == [[4096, 4096], [4096, 4096]]


def test_rows_of_different_parameters_are_refused():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        gramian([[torch.ones(2), torch.ones(3)], [torch.ones(2)]])


# What all rules share.


@pytest.mark.parametrize("tasks", [TWO, FOUR], ids=["two", "four"])
@EACH_RULE_AND_PERIOD
def test_a_resumed_training_weighs_as_one_that_never_stopped(kind: str, variant: str, tasks: list[Task], every: int):
    steps = list(walk(len(tasks), 20))
    whole, first, resumed = (rule(kind, tasks, variant, every=every) for _ in range(3))
    expected = [both(whole(step)) for step in steps]
    found = [both(first(step)) for step in steps[:8]]
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    resumed.restore(torch.load(file, weights_only=True))
    found += [both(resumed(step)) for step in steps[8:]]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert all(torch.equal(tensor, whole.state()[name]) for name, tensor in resumed.state().items())


@EACH_RULE_AND_PERIOD
def test_neither_weights_nor_a_state_change_in_later_steps(kind: str, variant: str, every: int):
    weighting = rule(kind, FOUR, variant, every=every)
    steps = list(walk(3, 12))
    kept = [weighting(step) for step in steps[:6]]
    state = weighting.state()
    before = [both(weights).clone() for weights in kept] + [tensor.clone() for tensor in state.values()]
    for step in steps[6:]:
        weighting(step)
    after = [both(weights) for weights in kept] + list(state.values())
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(("kind", "variant"), [("atmil", "as-printed"), ("gradnorm", "closed-form"), ("pcgrad", None)])
def test_the_memory_of_another_rule_is_refused(kind: str, variant: str):
    weighting = rule(kind, FOUR, variant)
    for other in (rule("uncertainty"), rule(kind, TWO, variant), rule("cosine", every=2)):
        other(next(walk(1, 1)))
        if other.state().keys() | weighting.state().keys():
            with pytest.raises(MarrowError, match="resume with the method that wrote"):
                weighting.restore(other.state())


class Awaited(TorchDispatchMode):
    """Notes what would make the processor wait for a GPU: values read, values checked, sizes that depend on values."""

    WAITS = ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "_linalg_check_errors", "equal")

    def __init__(self) -> None:
        super().__init__()
        self.awaited: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix("aten::")
        if name in self.WAITS:
            self.awaited.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("tasks", [TWO, FOUR], ids=["two", "four"])
@EACH_RULE_AND_PERIOD
def test_no_step_waits_for_the_device(kind: str, variant: str, tasks: list[Task], every: int):
    weighting = rule(kind, tasks, variant, every=every)
    steps = list(walk(len(tasks), 7))
    orders_are_drawn_on_the_processor = ["_local_scalar_dense"] if kind == "pcgrad" else []
    with Awaited() as mode:
        for step in steps:
            weighting(step)
            gramian([[step.losses], [step.losses]])
    assert [name for name in mode.awaited if name not in orders_are_drawn_on_the_processor] == []


@EACH_RULE
def test_equal_observations_give_finite_weights_also_where_gradients_or_losses_are_zero(kind: str, variant: str):
    nothing, one_task = torch.zeros(4, 6), torch.zeros(4, 6)
    one_task[2, 3] = 1.0
    alike = torch.ones(4, 6)
    weighting = rule(kind, FOUR, variant)
    for step, rows in enumerate([nothing, one_task, alike, nothing, alike, one_task] * 3):
        for losses in ([0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1e-7, 3.0]):
            weights = both(weighting(seen(losses, rows, step, step // 6)))
            assert torch.isfinite(weights).all()
            assert (weights >= 0).all()


def test_between_renewals_weights_stand_and_no_gramian_is_asked_for():
    rare, always = rule("atmil", FOUR, every=4), rule("atmil", FOUR)
    steps = list(walk(3, 13))
    assert [rare.asks_gramian(0), always.asks_gramian(0)] == [True, True]
    for step in steps:
        asked = step.step % 4 == 0
        assert rare.asks_gramian(step.step) is asked
        assert always.asks_gramian(step.step)
        if asked:
            expected = both(always(step))
        blind = Observation(step.epoch, step.step, step.losses)
        assert torch.equal(both(rare(step if asked else blind)), expected)
    assert not rule("adaloss", every=4).asks_gramian(0)


def test_a_gramian_that_was_asked_for_and_not_given_is_named():
    with pytest.raises(ValueError, match="step 7 came without a Gramian"):
        rule("atmil")(seen([1, 1], step=7))


# What is asked for in the config.


@pytest.mark.parametrize(
    ("kind", "variant", "settings"),
    [
        ("weighted-loss", None, {"gamma": 0.9}),
        ("weighted-loss", None, {"first_epoch": 1}),
        ("gradnorm", None, {"alpha": 0.1}),
        ("gradnorm", None, {"rate": 0.1}),
        ("gradnorm", None, {"smoothing": 0.5}),
        ("gradnorm", None, {"reference": "first-epoch"}),
        ("gradnorm", "closed-form", {"alpha": 0.1}),
        ("gradnorm", "closed-form", {"smoothing": 0.5}),
        ("gradnorm", "closed-form", {"reference": "first-step"}),
        ("adaloss", None, {"epsilon": 0.1}),
        ("adaloss", "running-average", {"smoothing": 0.5}),
        ("adaloss", "running-average", {"epsilon": 1.0}),
        ("adaloss", "running-average", {"cap": 0.8}),
        ("ol-aux", None, {"beta": 0.01}),
        ("ol-aux", None, {"steps": 2}),
        ("ol-aux", "log-losses", {"epsilon": 0.1}),
        ("ol-aux", "capped", {"cap": 0.9}),
        ("atmil", None, {"beta": 0.01}),
        ("atmil", "capped-step", {"beta": 0.01}),
        ("atmil", "capped-step", {"cap": 0.5}),
        ("atmil", "implicit", {"beta": 0.01}),
        ("atmil", "implicit", {"cap": 0.5}),
        ("atmil", "closed-form", {"smoothing": 0.5}),
        ("atmil", "closed-form", {"cap": 0.01}),
        ("uncertainty", None, {"rate": 0.01}),
        ("uncertainty", "capped-step", {"rate": 0.01}),
    ],
)
def test_every_setting_says_something(kind: str, variant: str, settings: dict[str, object]):
    usual, other = rule(kind, FOUR, variant), rule(kind, FOUR, variant, **settings)
    weights = [(both(usual(step)), both(other(step))) for step in walk(3, 20)]
    assert any(not torch.equal(one, another) for one, another in weights)


def test_the_docs_name_every_rule_and_what_its_settings_are_by_default():
    """A row of the table: | `kind` | `variant` | weights | `setting` value, ... |, the kind in its first row alone."""
    table = (Path(__file__).parents[2] / "docs" / "weighting.md").read_text(encoding="utf-8")
    told, kind = {}, ""
    for line in table.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        if len(cells) == 6 and (cells[1].strip("`") or kind, cells[2].strip("`")) in variants("weighting"):
            kind = cells[1].strip("`") or kind
            told[kind, cells[2].strip("`")] = dict(re.findall(r"`(\w+)` ([\w.-]+)", cells[4]))
    assert told.keys() == set(variants("weighting"))
    shared = {"kind", "variant", "every", "gramian"}
    for (kind, variant), settings in told.items():
        values = {name: None if value == "none" else yaml.safe_load(value) for name, value in settings.items()}
        own = complete("weighting", kind=kind, variant=variant)
        assert values == {name: value for name, value in own.items() if name not in shared}


# None, uniform, weighted loss.


def test_none_learns_the_main_task_alone_and_uniform_all_alike():
    assert both(rule("none", FOUR)(seen([1, 2, 3, 4]))).tolist() == [1, 0, 0, 0] * 2
    assert both(rule("uniform", FOUR)(seen([1, 2, 3, 4]))).tolist() == [1, 1, 1, 1] * 2


@pytest.mark.parametrize("first_epoch", [0, 1])
def test_the_weighted_loss_anneals_by_the_epoch_and_not_by_the_step(first_epoch: int):
    weighting = rule("weighted-loss", gamma=0.5, first_epoch=first_epoch)
    for epoch in range(12):
        power = 0.5 ** (epoch + first_epoch)
        weights = weighting(seen([3, 1], epoch=epoch, step=100 * epoch + 7))
        assert both(weights).tolist() == [1 - power, power] * 2
    assert weighting(seen([1, 1], epoch=7)).shared[1] < 0.01


def test_the_weighted_loss_counted_from_0_learns_the_auxiliary_tasks_alone_at_first():
    assert rule("weighted-loss", FOUR)(seen([1, 1, 1, 1])).shared.tolist() == [0, 1, 1, 1]
    assert rule("weighted-loss", FOUR, first_epoch=1)(seen([1, 1, 1, 1])).shared.tolist() == [0.5] * 4


# GradNorm.


def test_gradnorm_steps_down_the_gradient_of_its_objective_with_targets_held_fixed():
    chance = torch.Generator().manual_seed(1)
    for _ in range(20):
        norms, losses, reference = torch.rand(3, 4, generator=chance) + 0.1
        weights = (4 * functional.normalize(torch.rand(4, generator=chance), p=1, dim=0)).requires_grad_()
        ratio = losses / reference
        rates = (ratio / ratio.mean()) ** 1.5
        lengths = weights * norms
        (lengths - (lengths.mean() * rates).detach()).abs().sum().backward()
        assert weights.grad is not None
        moved = weights.detach() - 0.025 * weights.grad
        torch.testing.assert_close(training_rates(losses, reference) ** 1.5, rates)
        found = printed_step(weights.detach(), norms, rates, 0.025)
        torch.testing.assert_close(found, 4 * moved / moved.sum())


def test_gradnorm_over_main_and_one_auxiliary_task_moves_the_weight():
    """Balancing auxiliary tasks alone, as in ARML's code, leaves the weight of a single one at 1."""
    rows = torch.tensor([[1.0, 0], [0, 3.0]])
    weighting = rule("gradnorm", alpha=0.0)
    # Lengths 1 and 3 with a mean of 2: weights 1 + .025 * 1 and 1 - .025 * 3, scaled to add up to 2.
    raised, lowered = 1.025, 0.925
    found = weighting(seen([1, 1], rows)).shared
    torch.testing.assert_close(found, 2 / (raised + lowered) * torch.tensor([raised, lowered]))


@pytest.mark.parametrize("variant", ["as-printed", "closed-form"])
def test_gradnorm_weights_add_up_to_the_number_of_tasks_and_are_the_same_on_the_heads(variant: str):
    weighting = rule("gradnorm", FOUR, variant)
    for step in walk(3, 30):
        weights = weighting(step)
        assert float(weights.shared.sum()) == pytest.approx(4)
        assert torch.equal(weights.shared, weights.heads)


@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_gradnorm_in_closed_form_makes_lengths_proportional_to_the_training_rates(alpha: float):
    norms, losses = torch.tensor([2.0, 0.1, 5.0]), torch.tensor([1.0, 0.3, 0.6])
    weighting = rule("gradnorm", [BONE, HEIGHT], "closed-form", alpha=alpha)
    rows = torch.diag(norms)
    assert weighting(seen([1, 1, 1], rows)).shared.tolist() == [1, 1, 1]
    for step in range(2000):
        weights = weighting(seen(losses, rows, 1 + step, 1))
    torch.testing.assert_close(
        weights.shared * norms, float((weights.shared * norms)[0]) * losses**alpha, rtol=1e-4, atol=0
    )


def test_gradnorm_makes_up_for_lengths_within_a_thousandfold():
    found = balanced(torch.tensor([4.0, 0.04, 4e-5, 0.0]), torch.ones(4))
    torch.testing.assert_close(found / found[0], torch.tensor([1, 100.0, 1000, 1000]))
    assert balanced(torch.zeros(3), torch.ones(3)).tolist() == [1, 1, 1]


def test_gradnorm_as_printed_walks_to_its_closed_form():
    norms, ones = torch.tensor([0.5, 1.0, 0.25]), torch.ones(3)
    weights = ones
    for _ in range(2000):
        weights = printed_step(weights, norms, ones, 0.001)
    torch.testing.assert_close(weights, balanced(norms, ones), rtol=0, atol=0.005)


def test_gradnorm_gives_the_same_balance_whatever_the_units_of_a_loss():
    chance = torch.Generator().manual_seed(2)
    units = torch.tensor([1.0, 100.0, 0.01, 3.0])
    plain, scaled = (rule("gradnorm", FOUR, "closed-form") for _ in range(2))
    for step in range(12):
        # Lengths within a hundredfold also after the change of units, which is as much as the rule makes up for.
        rows = functional.normalize(torch.randn(4, 6, generator=chance)) * (1 + torch.rand(4, 1, generator=chance))
        losses = torch.rand(4, generator=chance) + 0.5
        one = plain(seen(losses, rows / units.sqrt()[:, None], step, step // 4)).shared / units.sqrt()
        other = scaled(seen(losses * units, rows * units.sqrt()[:, None], step, step // 4)).shared * units.sqrt()
        if step >= 4:
            torch.testing.assert_close(one / one.sum(), other / other.sum(), rtol=1e-4, atol=0)


def test_gradnorm_weighs_a_task_that_lags_behind_more():
    rows = torch.eye(2)
    for variant in ("as-printed", "closed-form"):
        weighting = rule("gradnorm", variant=variant, reference="first-step")
        weighting(seen([1.0, 4.0], rows))
        weights = weighting(seen([0.5, 3.9], rows, 1, 1)).shared
        assert weights[1] > 1 > weights[0]


@pytest.mark.parametrize(("reference", "expected"), [("first-step", [1.0, 8.0]), ("first-epoch", [2.0, 5.0])])
def test_gradnorm_takes_its_reference_from_where_it_is_told(reference: str, expected: list[float]):
    weighting = rule("gradnorm", reference=reference)
    for step, losses in enumerate([[1.0, 8.0], [3.0, 2.0], [100.0, 100.0]]):
        weights = weighting(seen(losses, torch.eye(2), step, step // 2))
        assert step or weights.shared.tolist() == [1, 1]
    assert weighting.state()["reference"].tolist() == expected


def test_gradnorm_as_printed_is_thrown_about_by_long_gradients_and_its_closed_form_is_not():
    long = [torch.diag(torch.tensor(lengths)) for lengths in ([1.0, 100.0], [100.0, 1.0])]
    swings = {}
    for variant in ("as-printed", "closed-form"):
        weighting = rule("gradnorm", variant=variant, alpha=0.0)
        weights = [float(weighting(seen([1, 1], long[step % 2], step, step // 10)).shared[1]) for step in range(200)]
        assert min(weights) > 0
        swings[variant] = max(weights[100:]) - min(weights[100:])
    assert swings["as-printed"] > 1.9
    assert swings["closed-form"] < 0.02


# The cosine gate.


def test_the_cosine_gate_is_open_only_where_gradients_agree():
    rows = torch.tensor([[2.0, 0, 0], [1, 1, 0], [-3, 4, 0], [0, 0, 5]])
    torch.testing.assert_close(cosines(rows @ rows.T), torch.tensor([1, math.sqrt(0.5), -0.6, 0]))
    printed, weighted = (rule("cosine", FOUR, variant)(seen([1] * 4, rows)) for variant in ("as-printed", "weighted"))
    assert printed.shared.tolist() == [1, 1, 0, 0]
    torch.testing.assert_close(weighted.shared, torch.tensor([1, math.sqrt(0.5), 0, 0]))
    assert printed.heads.tolist() == weighted.heads.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("variant", ["as-printed", "weighted"])
def test_the_cosine_gate_does_not_see_how_long_gradients_are(variant: str):
    for step in walk(3, 10):
        assert step.gramian is not None
        scale = torch.tensor([0.25, 8.0, 2.0, 64.0])
        scaled = Observation(0, 0, step.losses, step.gramian * scale * scale[:, None])
        assert torch.equal(rule("cosine", FOUR, variant)(scaled).shared, rule("cosine", FOUR, variant)(step).shared)


def test_both_cosine_gates_are_one_for_parallel_gradients():
    rows = torch.tensor([[3.0, 4.0], [6.0, 8.0]])
    for variant in ("as-printed", "weighted"):
        assert rule("cosine", variant=variant)(seen([1, 1], rows)).shared.tolist() == [1, 1]


# AdaLoss.


def test_adaloss_learns_from_the_logarithm_of_the_auxiliary_loss():
    parameters = torch.tensor([0.3, -1.2], requires_grad=True)
    losses = [(parameters**2).sum(), (parameters[0] - 2) ** 4 + 0.1]
    expected = torch.autograd.grad(losses[0] + torch.log(losses[1] + 1e-6), parameters, retain_graph=True)[0]
    rows = [torch.autograd.grad(loss, parameters, retain_graph=True)[0] for loss in losses]
    weights = rule("adaloss")(seen(torch.stack(losses).detach()))
    torch.testing.assert_close(sum(weight * row for weight, row in zip(weights.shared, rows, strict=True)), expected)
    assert torch.equal(weights.shared, weights.heads)


def test_adaloss_weighs_with_the_ratio_of_running_averages():
    weighting = rule("adaloss", [BONE, HEIGHT], "running-average", smoothing=0.5)
    assert weighting(seen([3.0, 1.0, 6.0])).shared.tolist() == [1, 3, 0.5]
    # Means with the newest step counting two thirds and the one before a third.
    torch.testing.assert_close(weighting(seen([6.0, 4.0, 6.0])).shared, torch.tensor([1, 5 / 3, 5 / 6]))


@pytest.mark.parametrize("variant", ["as-printed", "running-average"])
def test_adaloss_is_blind_to_the_units_of_an_auxiliary_loss(variant: str):
    plain, scaled = (rule("adaloss", FOUR, variant) for _ in range(2))
    units = torch.tensor([1.0, 100.0, 0.01, 3.0])
    for step in walk(3, 10):
        losses = step.losses + 0.5
        one, other = plain(seen(losses)).shared, scaled(seen(losses * units)).shared * units
        torch.testing.assert_close(one, other, rtol=1e-3, atol=0)


def test_adaloss_explodes_as_printed_where_a_task_is_solved_and_not_by_averages():
    printed, average = rule("adaloss"), rule("adaloss", variant="running-average")
    for step in range(300):
        losses = [0.5, 0.0 if step % 2 else 0.2]
        weights = printed(seen(losses)).shared, average(seen(losses)).shared
    assert float(weights[0][1]) == pytest.approx(1e6)
    assert float(weights[1][1]) == pytest.approx(5, rel=0.02)


# OL-AUX.


def test_ol_aux_adds_up_inner_products_and_moves_after_so_many_steps():
    weighting, total = rule("ol-aux", FOUR, beta=0.01, steps=4), torch.zeros(3)
    expected = torch.ones(3)
    for step in walk(3, 14):
        total = total + step.products[1:, 0]
        if step.step % 4 == 3:
            expected, total = (expected + 0.01 * total).clamp(min=0), torch.zeros(3)
        weights = weighting(step)
        torch.testing.assert_close(weights.shared, torch.cat([torch.ones(1), expected]))
        assert torch.equal(weights.shared, weights.heads)


def test_ol_aux_has_no_upper_bound_as_printed_and_one_when_capped():
    agreeing, opposed = torch.tensor([[10.0], [4.0]]), torch.tensor([[10.0], [-4.0]])
    printed, capped = rule("ol-aux", beta=0.05, steps=1), rule("ol-aux", variant="capped", beta=0.05, steps=1, cap=3)
    for step in range(100):
        weights = printed(seen([1, 1], agreeing, step)), capped(seen([1, 1], agreeing, step))
    assert [float(one.shared[1]) for one in weights] == [pytest.approx(201), 3]
    for step in range(101):
        weights = printed(seen([1, 1], opposed, step)), capped(seen([1, 1], opposed, step))
    assert [float(one.shared[1]) for one in weights] == [0, 0]


def test_ol_aux_of_log_losses_is_ol_aux_of_a_model_that_learns_logarithms():
    parameters = torch.tensor([0.3, -1.2], requires_grad=True)
    losses = [(parameters**2).sum(), (parameters[0] - 2) ** 4 + 0.1]
    logarithms = [torch.log(loss + 0.02) for loss in losses]
    plain, logs = (
        torch.stack([torch.autograd.grad(loss, parameters, retain_graph=True)[0] for loss in kind])
        for kind in (losses, logarithms)
    )
    found = rule("ol-aux", variant="log-losses", steps=1)(seen(torch.stack(losses).detach(), plain)).shared
    expected = rule("ol-aux", steps=1)(seen([1, 1], logs)).shared
    torch.testing.assert_close(found @ plain, expected @ logs)


# Uncertainty.


@pytest.mark.parametrize("variant", ["as-printed", "capped-step"])
def test_uncertainty_follows_the_gradient_of_its_loss_in_the_log_variances(variant: str):
    log_variances = torch.zeros(3, requires_grad=True)
    factors = torch.tensor([1.0, 1.0, 0.5])  # classes, classes, values
    weighting = rule("uncertainty", [BONE, HEIGHT], variant, rate=0.1)
    for step in range(30):
        losses = torch.tensor([0.7, 0.3, 0.4]) * (1 + step % 2 / 4)
        torch.testing.assert_close(weighting(seen(losses)).shared, factors * torch.exp(-log_variances.detach()))
        total = (factors * torch.exp(-log_variances) * losses + log_variances / 2).sum()
        (slope,) = torch.autograd.grad(total, log_variances)
        log_variances = (log_variances - 0.1 * slope).detach().requires_grad_()


@pytest.mark.parametrize("variant", ["as-printed", "capped-step"])
def test_uncertainty_comes_to_rest_at_the_ratios_of_adaloss(variant: str):
    losses = [0.8, 0.05, 4.0]
    learnt = rule("uncertainty", [BONE, HEIGHT], variant, rate=0.2)
    average = rule("adaloss", [BONE, HEIGHT], "running-average")
    for _ in range(300):
        weights = learnt(seen(losses)).shared
    torch.testing.assert_close(weights, 0.5 / torch.tensor(losses), rtol=1e-4, atol=0)
    torch.testing.assert_close(weights / weights[0], average(seen(losses)).shared, rtol=1e-4, atol=0)


def test_uncertainty_is_thrown_far_by_one_bag_as_printed_and_not_with_a_capped_step():
    last = {}
    for variant in ("as-printed", "capped-step"):
        weighting = rule("uncertainty", variant=variant, rate=0.05)
        for _ in range(400):
            before = weighting(seen([0.01, 0.5])).shared
        weighting(seen([5.0, 0.5]))
        last[variant] = float(weighting(seen([0.01, 0.5])).shared[0] / before[0])
    assert last["as-printed"] < 1e-4
    assert last["capped-step"] == pytest.approx(math.exp(-0.05 / 2), rel=0.06)


# PCGrad and UPGrad.


def surgery(rows: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """Algorithm 1 of PCGrad on the gradients themselves."""
    total = torch.zeros_like(rows[0])
    for task, order in enumerate(orders):
        projection = rows[task].clone()
        for other in order:
            if other != task and projection @ rows[other] < 0:
                projection -= (projection @ rows[other]) / (rows[other] @ rows[other]) * rows[other]
        total += projection
    return total


def test_pcgrad_from_the_gramian_is_pcgrad_on_the_gradients():
    chance, draws = torch.Generator().manual_seed(3), np.random.default_rng(3)
    for _ in range(60):
        # So many tasks in a plane that a projected gradient may even point against the one it comes from.
        rows = torch.randn(5, 2, generator=chance, dtype=torch.float64)
        orders = [draws.permutation(5).tolist() for _ in range(5)]
        torch.testing.assert_close(projected(rows @ rows.T, orders) @ rows, surgery(rows, orders))


def test_pcgrad_with_one_auxiliary_task_is_its_closed_form_and_hurts_neither():
    conflicts = 0
    for step in walk(1, 40):
        main, product, auxiliary = step.products[0, 0], step.products[0, 1], step.products[1, 1]
        conflict = product.clamp(max=0)
        weights = rule("pcgrad")(step)
        torch.testing.assert_close(weights.shared, torch.stack([1 - conflict / main, 1 - conflict / auxiliary]))
        assert (step.products @ weights.shared > -1e-6).all()
        assert weights.heads.tolist() == [1, 1]
        conflicts += int(product < 0)
    assert 5 < conflicts < 35


def test_pcgrad_is_uniform_where_nothing_conflicts():
    rows = torch.rand(4, 5, generator=torch.Generator().manual_seed(4))
    assert rule("pcgrad", FOUR)(seen([1] * 4, rows)).shared.tolist() == [1, 1, 1, 1]


def test_pcgrad_draws_its_order_from_the_step_and_from_nothing_else():
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    first = [rule("pcgrad", FOUR)(seen([1] * 4, rows, step)).shared for step in range(12)]
    torch.manual_seed(99)
    torch.rand(7)
    before = torch.get_rng_state()
    again = [rule("pcgrad", FOUR)(seen([2] * 4, rows, step, 3)).shared for step in range(12)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert torch.equal(torch.get_rng_state(), before)
    assert len({tuple(weights.tolist()) for weights in first}) > 3


def test_upgrad_without_torchjd_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchjd", None)
    monkeypatch.setitem(sys.modules, "torchjd.aggregation", None)
    with pytest.raises(MarrowError, match=r'pip install "torchjd\[quadprog-projector\]", or choose pcgrad'):
        rule("upgrad")


class ExactUPGrad:
    """What TorchJD's weighting of that name computes, from the same arguments and with our own solver."""

    def __init__(self, pref_vector: Tensor) -> None:
        self.pref_vector = pref_vector

    def __call__(self, gramian: Tensor) -> Tensor:
        # min v^T G v over v >= u, in z = v - u.
        rows = torch.diag(self.pref_vector)
        return torch.stack([u + nonnegative_minimum(gramian, -(gramian * u).sum(1)) for u in rows]).sum(0)


@pytest.fixture(params=["torchjd", "stand-in"])
def torchjd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """TorchJD where it is installed, and something in its place in any case."""
    if request.param == "torchjd":
        pytest.importorskip("torchjd")
    else:
        standing_in = types.SimpleNamespace(UPGradWeighting=ExactUPGrad)
        monkeypatch.setitem(sys.modules, "torchjd", types.SimpleNamespace(aggregation=standing_in))
        monkeypatch.setitem(sys.modules, "torchjd.aggregation", standing_in)


@pytest.mark.usefixtures("torchjd")
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_upgrad_with_one_auxiliary_task_is_pcgrad_also_for_short_and_unequal_gradients(scale: float):
    units = torch.tensor([1e-3, 1.0])
    for step in walk(1, 20):
        for products in (step.products * scale, step.products * units * units[:, None]):
            seen_short = Observation(0, 0, step.losses, products)
            found, expected = rule("upgrad")(seen_short), rule("pcgrad")(seen_short)
            torch.testing.assert_close(found.shared, expected.shared, rtol=5e-3, atol=0)
            assert found.heads.tolist() == [1, 1]


@pytest.mark.usefixtures("torchjd")
def test_upgrad_hurts_no_task_and_lets_them_be_where_there_is_no_conflict():
    for step in walk(3, 20):
        weights = rule("upgrad", FOUR)(step).shared
        assert (weights > 0.999).all()
        lengths = step.products.diagonal().sqrt() * (weights @ step.products @ weights).sqrt()
        assert (step.products @ weights / lengths > -2e-3).all()
    agreeing = seen([1] * 4, torch.rand(4, 6, generator=torch.Generator().manual_seed(6)))
    torch.testing.assert_close(rule("upgrad", FOUR)(agreeing).shared, torch.ones(4), rtol=1e-3, atol=0)


# On a network.


def test_weights_on_gradients_are_weights_on_losses():
    torch.manual_seed(0)
    trunk, heads = nn.Linear(5, 4), [nn.Linear(4, 1), nn.Linear(4, 3)]
    inputs = torch.randn(6, 5)
    features = torch.tanh(trunk(inputs))
    losses = [heads[0](features).square().mean(), functional.cross_entropy(heads[1](features), torch.arange(6) % 3)]
    rows = [torch.autograd.grad(loss, list(trunk.parameters()), retain_graph=True) for loss in losses]
    observation = Observation(0, 0, torch.stack(losses).detach(), gramian(rows))
    weights = rule("atmil", variant="closed-form")(observation).shared
    combined = torch.autograd.grad(losses[0] + weights[1] * losses[1], list(trunk.parameters()))
    for one, other, expected in zip(*rows, combined, strict=True):
        torch.testing.assert_close(weights[0] * one + weights[1] * other, expected)
