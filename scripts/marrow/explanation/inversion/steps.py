"""Sparse network inversion (Shin et al. 2020): instances move to where the model is surer of what it predicts.

    plain (section III-C):  x <- [x - v],   v <- momentum v + gradient of l(x), times the step size
    sparse (equation 9):    x <- [s_t(x - eta gradient of l(x))],   s_t(x) = sign(x) max(|x| - t, 0)

[.] keeps what lies within bounds, l is the cross-entropy of the predicted class. The proximal step of l + lambda |x|_1
has t = eta * lambda (`textbook`); the paper prints t = lambda (`printed`), ten thousand times as much with its eta. Its
200 steps then take 200 lambda off every number, whatever the model says, so a control does that and nothing else:
thresholds add up, s_t after s_t is s_2t, and one step does for all.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softshrink

Gradient = Callable[[Tensor], Tensor]
Within = Callable[[Tensor], Tensor]


def descended(
    units: Tensor, gradient: Gradient, within: Within, *, steps: int, step_size: float, momentum: float
) -> Tensor:
    """Plain inversion of units (instances, *shape), which stay as they are."""
    moved = units.clone()
    optimiser = torch.optim.SGD([moved], lr=step_size, momentum=momentum)
    for _ in range(steps):
        moved.grad = gradient(moved)
        optimiser.step()
        moved.copy_(within(moved))
    return moved


def sparsely_descended(
    units: Tensor, gradient: Gradient, within: Within, *, steps: int, step_size: float, threshold: float
) -> Tensor:
    """Sparse inversion of units (instances, *shape), which stay as they are."""
    for _ in range(steps):
        units = within(softshrink(units - step_size * gradient(units), threshold))
    return units


def shrunk(units: Tensor, within: Within, *, steps: int, threshold: float) -> Tensor:
    """What the thresholds of so many sparse steps do to units (instances, *shape) without any gradient."""
    return within(softshrink(units, steps * threshold))
