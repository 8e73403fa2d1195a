"""The inversions that are compared, by the names under which their scores are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from marrow.explanation.inversion.steps import Gradient, Within, descended, shrunk, sparsely_descended

ATTENTION = "attention"
PLAIN = "inversion-plain"
PRINTED = "inversion-sparse-printed"
TEXTBOOK = "inversion-sparse-textbook"
SHRINK = "inversion-shrink"
QUANTITIES = (ATTENTION, PLAIN, PRINTED, TEXTBOOK, SHRINK)


@dataclass(frozen=True)
class Variant:
    """One way to change instances.

    Attributes:
        move: (units, gradient, within) -> changed units, all of (instances, *shape).
        told: what it was done with, for the table.
    """

    move: Callable[[Tensor, Gradient, Within], Tensor]
    told: str


AS_IT_IS = Variant(lambda units, _gradient, _within: units, "")


def variants_of(settings: Mapping[str, Any]) -> dict[str, list[Variant]]:
    """Quantity -> the ways among which validation bags choose: one for each lambda, where there is a threshold.

    Args:
        settings: `plain` with `steps`, `step_size` and `momentum`; `sparse` with `steps`, `step_size` and `lambdas`.
    """
    plain, sparse = settings["plain"], settings["sparse"]
    steps, eta = sparse["steps"], sparse["step_size"]
    found: dict[str, list[Variant]] = {
        PLAIN: [Variant(partial(descended, **plain), f"{plain['steps']} steps of {plain['step_size']:g}")],
        PRINTED: [],
        TEXTBOOK: [],
        SHRINK: [],
    }
    for weight in sparse["lambdas"]:
        told = f"lambda {weight:g}, {steps} steps"
        descent = partial(sparsely_descended, steps=steps, step_size=eta)
        found[PRINTED].append(Variant(partial(descent, threshold=weight), f"{told} of {eta:g}"))
        found[TEXTBOOK].append(Variant(partial(descent, threshold=eta * weight), f"{told} of {eta:g}"))
        found[SHRINK].append(Variant(_without_gradient(steps, weight), f"{told}, no gradient"))
    return found


def _without_gradient(steps: int, threshold: float) -> Callable[[Tensor, Gradient, Within], Tensor]:
    return lambda units, _, within: shrunk(units, within, steps=steps, threshold=threshold)
