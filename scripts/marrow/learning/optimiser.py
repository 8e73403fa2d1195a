"""The optimiser of a method and its learning rate, step by step."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer

Training = Mapping[str, Any]


def optimiser_of(training: Training, model: nn.Module) -> Optimizer:
    """Adam, or SGD with momentum. Weight decay is an L2 term in the gradient, as in the papers.

    Args:
        training: the section `training` of a method.
        model: whose parameters are trained.
    """
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1 or training["decay_biases"]]
    rest = [parameter for parameter in model.parameters() if parameter.ndim <= 1 and not training["decay_biases"]]
    groups = [{"params": matrices}, {"params": rest, "weight_decay": 0.0}] if rest else [{"params": matrices}]
    common = {"lr": training["learning_rate"], "weight_decay": training["weight_decay"]}
    if training["optimiser"] == "sgd":
        return SGD(groups, momentum=training["momentum"], nesterov=training["nesterov"], **common)
    return Adam(groups, fused=True, **common)


def learning_rate(training: Training, epoch: int, step: int) -> float:
    """The learning rate of a step.

    Args:
        training: the section `training` of a method.
        epoch: counted from 0; the rate falls by a factor after each of `learning_rate_steps` epochs.
        step: counted from 0 over all epochs; the rate is divided by 1 + step * `learning_rate_decay`.
    """
    falls = bisect_right(training["learning_rate_steps"], epoch)
    rate: float = training["learning_rate"] * training["learning_rate_factor"] ** falls
    return rate / (1 + step * training["learning_rate_decay"])


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Take this learning rate from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def state_of(optimiser: Optimizer) -> dict[str, torch.Tensor]:
    """What the optimiser remembers, as plain tensors: `{parameter}.{name}`."""
    remembered: Mapping[int, Mapping[str, torch.Tensor | None]] = optimiser.state_dict()["state"]
    return {
        f"{parameter}.{name}": tensor
        for parameter, entries in remembered.items()
        for name, tensor in entries.items()
        if tensor is not None
    }


def restore(optimiser: Optimizer, state: Mapping[str, torch.Tensor]) -> None:
    """Take over what `state_of` gave."""
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in state.items():
        parameter, _, name = key.partition(".")
        entries.setdefault(int(parameter), {})[name] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})
