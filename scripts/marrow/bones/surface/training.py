"""Trains the surface model on annotated scans, in less than a minute on a CPU.

Voxels are drawn uniformly from those near the atlas's bones. The loss is the cross-entropy of bone against background;
Adam with a cosine schedule of the learning rate; a fixed seed.

Bone with a lesion looks like the tissue around it, is rare, and must not be lost. So a part of the voxels comes from
scans with synthetic lesions (`planted_lesions`), and bone that looks diseased has a larger weight.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.bones.correction.distances import Floats, Positions
from marrow.bones.correction.outcome import Labels, Mask
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.planted_lesions import looks_diseased, with_lesions
from marrow.bones.table import Bone
from marrow.device.adam import Adam

HIDDEN = 128
EPOCHS = 12
BATCH = 1024
RATE = 3e-3
VOXELS_PER_SCAN = 60_000
MOST_VOXELS = 1_000_000
PLANTED = 0.25  # of a scan's voxels
DISEASED_WEIGHT = 4.0
SEED = 0


@dataclass(frozen=True)
class Examples:
    """Training examples: voxels near the atlas's bones.

    Features are `(voxels, features)`; the annotation and the weights in the loss `(voxels,)`.
    """

    features: Floats
    is_bone: Mask
    weights: Floats


def examples(
    surroundings: Surroundings,
    annotation: Labels,
    bones: Sequence[Bone],
    roles: Sequence[str],
    reach_mm: float,
    count: int,
) -> Examples:
    """Draw `count` voxels of a scan; `annotation` has its bones `(z, y, x)` on the box of the body."""
    draw = np.random.default_rng(SEED)
    positions = np.argwhere(surroundings.near(reach_mm))
    chosen = draw.permutation(len(positions))[:count]
    with_planted, without = np.split(chosen, [round(PLANTED * len(chosen))])
    diseased = with_lesions(surroundings, annotation, roles, draw)
    return concatenated(
        [
            _examples_at(scan, positions[np.sort(some)], annotation, bones, roles, reach_mm)
            for scan, some in ((diseased, with_planted), (surroundings, without))
        ]
    )


def concatenated(parts: Sequence[Examples]) -> Examples:
    """The examples of several scans in one object."""
    features, is_bone, weights = (
        np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)
    )
    return Examples(features, is_bone, weights)


def _examples_at(
    scan: Surroundings,
    positions: Positions,
    annotation: Labels,
    bones: Sequence[Bone],
    roles: Sequence[str],
    reach_mm: float,
) -> Examples:
    index = tuple(positions.T)
    is_bone = annotation[index] > 0
    weights = np.where(is_bone & looks_diseased(scan.body, roles)[index], DISEASED_WEIGHT, 1).astype(np.float32)
    return Examples(scan.features(positions, bones, reach_mm), is_bone, weights)


def train(training_set: Examples) -> tuple[tuple[Floats, Floats], ...]:
    """Train the model; returns weights and biases of each layer."""
    torch.manual_seed(SEED)
    inputs, importance = torch.from_numpy(training_set.features), torch.from_numpy(training_set.weights)
    targets = torch.from_numpy(training_set.is_bone.astype(np.float32))
    layers = [nn.Linear(inputs.shape[1], HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)]
    weights = [weight for layer in layers for weight in layer.parameters()]
    optimiser = Adam(weights)
    batches = max(1, len(inputs) // BATCH)
    order = torch.randperm(len(inputs))
    for step in range(EPOCHS * batches):
        if step and step % batches == 0:
            order = torch.randperm(len(inputs))
        batch = order[step % batches :: batches]
        logits = _logits(layers, inputs[batch])
        loss = functional.binary_cross_entropy_with_logits(logits, targets[batch], importance[batch])
        rate = RATE * 0.5 * (1 + math.cos(math.pi * step / (EPOCHS * batches)))
        optimiser.step([gradient.contiguous() for gradient in torch.autograd.grad(loss, weights)], rate)
    return tuple((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers)


def _logits(layers: Sequence[nn.Linear], x: Tensor) -> Tensor:
    first, second, last = layers
    return last(functional.relu(second(functional.relu(first(x)))))[:, 0]
