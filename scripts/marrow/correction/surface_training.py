"""Learns the surface model from annotated scans: less than a minute on a processor, since it looks at single voxels.

Voxels are drawn evenly from those near the atlas's bones; cross-entropy of bone against the rest, Adam, the rate
falling like a cosine. All chance comes from a fixed seed.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.adam import Adam
from marrow.bones import Bone
from marrow.correction.nearest import Floats
from marrow.correction.outcome import Labels, Mask
from marrow.correction.surface_features import Surroundings

HIDDEN = 128
EPOCHS = 16
BATCH = 1024
RATE = 3e-3
VOXELS_PER_SCAN = 60_000
MOST_VOXELS = 1_000_000
SEED = 0


def examples(
    around: Surroundings, annotation: Labels, bones: Sequence[Bone], reach_mm: float, count: int
) -> tuple[Floats, Mask]:
    """Features of voxels near the atlas's bones, and which are bone in truth `(z, y, x)` on the box of the body."""
    places = np.argwhere(around.near(reach_mm))
    draw = np.random.default_rng(SEED)
    drawn = places[np.sort(draw.permutation(len(places))[:count])]
    return around.features(drawn, bones, reach_mm), annotation[tuple(drawn.T)] > 0


def learned(features: Floats, is_bone: Mask) -> tuple[tuple[Floats, Floats], ...]:
    """Weights and biases, layer after layer, from `features: (voxels, features)`."""
    torch.manual_seed(SEED)
    layers = [nn.Linear(features.shape[1], HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)]
    weights = [weight for layer in layers for weight in layer.parameters()]
    optimiser = Adam(weights)
    seen, wanted = torch.from_numpy(features), torch.from_numpy(is_bone.astype(np.float32))
    batches = max(1, len(seen) // BATCH)
    order = torch.randperm(len(seen))
    for step in range(EPOCHS * batches):
        if step and step % batches == 0:
            order = torch.randperm(len(seen))
        drawn = order[step % batches :: batches]
        loss = functional.binary_cross_entropy_with_logits(_logits(layers, seen[drawn]), wanted[drawn])
        rate = RATE * 0.5 * (1 + math.cos(math.pi * step / (EPOCHS * batches)))
        optimiser.step([gradient.contiguous() for gradient in torch.autograd.grad(loss, weights)], rate)
    return tuple((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers)


def _logits(layers: Sequence[nn.Linear], x: Tensor) -> Tensor:
    first, second, last = layers
    return last(functional.relu(second(functional.relu(first(x)))))[:, 0]
