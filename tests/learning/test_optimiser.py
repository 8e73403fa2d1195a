"""The optimisers of methods: PyTorch's own to the last bit, and without the compiler that its classes import."""

import os
import subprocess
import sys

import pytest
import torch

import learning_sets
from marrow.learning.training.optimiser import optimiser_of

SGD = {"optimiser": "sgd", "momentum": 0.9, "nesterov": True}
SETTINGS = {
    "adam": {},
    "biases": {"decay_biases": False},
    "sgd": {**SGD, "nesterov": False},
    "nesterov": SGD,
    "plain": {**SGD, "momentum": 0.0, "nesterov": False},
}


def model():
    """Two layers, of which the second gets a gradient in every other step only."""
    torch.manual_seed(0)
    return torch.nn.ModuleList([torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)])


def gradients(layers, step):
    torch.manual_seed(step)
    for weight in layers.parameters():
        weight.grad = torch.randn_like(weight)
    if step % 2 == 0:
        for weight in layers[1].parameters():
            weight.grad = None


def theirs(training, layers):
    weights, decay = list(layers.parameters()), training["weight_decay"]
    apart = [weight for weight in weights if weight.ndim == 1 and not training["decay_biases"]]
    groups = [{"params": [weight for weight in weights if not any(weight is other for other in apart)]}]
    groups += [{"params": apart, "weight_decay": 0.0}] if apart else []
    if training["optimiser"] == "sgd":
        momentum, nesterov = training["momentum"], training["nesterov"]
        return torch.optim.SGD(groups, lr=1, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    return torch.optim.Adam(groups, lr=1, weight_decay=decay, fused=True)


@pytest.mark.parametrize("changed", SETTINGS.values(), ids=SETTINGS)
def test_a_step_is_that_of_pytorchs_class_to_the_last_bit_also_after_its_memory_was_kept_and_restored(changed):
    training = {**learning_sets.settings()["training"], "weight_decay": 0.1, "decay_biases": True} | changed
    ours, other = model(), model()
    optimiser, expected = optimiser_of(training, ours), theirs(training, other)
    for step in range(1, 7):
        rate = 0.1 / step
        for group in expected.param_groups:
            group["lr"] = rate
        for layers in (ours, other):
            gradients(layers, step)
        optimiser.step(rate)
        expected.step()
        for mine, its in zip(ours.parameters(), other.parameters(), strict=True):
            assert torch.equal(mine, its)
        kept = {name: tensor.clone() for name, tensor in optimiser.state().items()}
        optimiser = optimiser_of(training, ours)
        optimiser.restore(kept)


def test_training_does_not_load_pytorchs_compiler():
    program = """
import sys, torch
from marrow.learning.training.optimiser import optimiser_of
for name in ("adam", "sgd"):
    layer = torch.nn.Linear(2, 1)
    training = {"optimiser": name, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "decay_biases": False}
    optimiser = optimiser_of(training, layer)
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step(0.1)
sys.exit("torch._dynamo" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
