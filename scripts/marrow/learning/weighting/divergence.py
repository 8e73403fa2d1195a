"""How far the main task's gradient lies from a weighted sum of the auxiliary ones: a parabola that the Gramian gives.

|g_m - sum_i w_i g_i|^2 = w^T A w - 2 b^T w + |g_m|^2,   A = G[1:, 1:],   b = G[1:, 0]
"""

import torch
from torch import Tensor

_RIDGE = 1e-6  # of each task's own square: gradients of two tasks may be parallel


def quadratic_terms(gramian: Tensor) -> tuple[Tensor, Tensor]:
    """A (tasks, tasks) and b (tasks,) of a Gramian (1 + tasks, 1 + tasks)."""
    return gramian[1:, 1:], gramian[1:, 0]


def slope(weights: Tensor, gramian: Tensor) -> Tensor:
    """The gradient of the squared distance in the weights, 2 (A w - b), (tasks,)."""
    a, b = quadratic_terms(gramian)
    return 2 * ((a * weights).sum(1) - b)


def nearest_weights(gramian: Tensor) -> Tensor:
    """The weights (tasks,), none negative, of the sum that is nearest to the main task's gradient.

    A task without a gradient has 0, and of parallel gradients either may be taken.
    """
    a, b = quadratic_terms(gramian)
    return nonnegative_minimum(a + torch.diag(_RIDGE * a.diagonal() + torch.finfo(a.dtype).tiny), b)


def nonnegative_minimum(a: Tensor, b: Tensor) -> Tensor:
    """The w >= 0 of least w^T A w - 2 b^T w, for a positive definite A (tasks, tasks) and b (tasks,).

    It is the least of those minima over a subset of the tasks, the others at 0, that are not negative. All 2^tasks
    subsets are solved at once, which is exact and waits for nothing on a GPU. With the 8 tasks that its rules allow at
    most, 2^8 systems of 8 equations are still less work than a layer.
    """
    tasks = len(b)
    chosen = (torch.arange(2**tasks, device=b.device)[:, None] >> torch.arange(tasks, device=b.device) & 1).to(b.dtype)
    systems = chosen[:, :, None] * a * chosen[:, None, :] + torch.diag_embed(1 - chosen)
    solutions: Tensor = torch.linalg.solve_ex(systems, chosen * b)[0]
    heights = (((a * solutions[:, None, :]).sum(2) - 2 * b) * solutions).sum(1)
    heights = heights.masked_fill((solutions < 0).any(1), torch.inf)
    return solutions.index_select(0, heights.argmin().view(1))[0]
