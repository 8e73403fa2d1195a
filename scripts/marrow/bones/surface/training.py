"""Learns the surface model from annotated scans: less than a minute on a processor, since it looks at single voxels.

Voxels are drawn evenly from those near the atlas's bones; cross-entropy of bone against the rest, Adam, the rate
falling like a cosine. All chance comes from a fixed seed.

Bone whose marrow a lesion took looks like the tissue about it, is rare, and must not be lost. So a part of the voxels
comes from scans with lesions planted in them (`planting`), and bone that looks diseased weighs more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.bones.correction.nearest import Floats, Places
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
    """Voxels near the atlas's bones.

    Attributes:
        features: `(voxels, features)`.
        is_bone: which are bone in truth.
        weights: how much each counts.
    """

    features: Floats
    is_bone: Mask
    weights: Floats


def examples(
    around: Surroundings,
    annotation: Labels,
    bones: Sequence[Bone],
    contrasts: Sequence[str],
    reach_mm: float,
    count: int,
) -> Examples:
    """So many voxels of a scan, of which the true bones `(z, y, x)` on the box of the body are known."""
    draw = np.random.default_rng(SEED)
    places = np.argwhere(around.near(reach_mm))
    drawn = draw.permutation(len(places))[:count]
    planted, plain = np.split(drawn, [round(PLANTED * len(drawn))])
    diseased = with_lesions(around, annotation, contrasts, draw)
    return joined(
        [
            _seen(scan, places[np.sort(some)], annotation, bones, contrasts, reach_mm)
            for scan, some in ((diseased, planted), (around, plain))
        ]
    )


def joined(parts: Sequence[Examples]) -> Examples:
    """Examples of several scans."""
    features, is_bone, weights = (
        np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)
    )
    return Examples(features, is_bone, weights)


def _seen(
    scan: Surroundings,
    places: Places,
    annotation: Labels,
    bones: Sequence[Bone],
    contrasts: Sequence[str],
    reach_mm: float,
) -> Examples:
    at = tuple(places.T)
    is_bone = annotation[at] > 0
    weights = np.where(is_bone & looks_diseased(scan.body, contrasts)[at], DISEASED_WEIGHT, 1).astype(np.float32)
    return Examples(scan.features(places, bones, reach_mm), is_bone, weights)


def learned(taught: Examples) -> tuple[tuple[Floats, Floats], ...]:
    """Weights and biases, layer after layer."""
    torch.manual_seed(SEED)
    seen, weigh = torch.from_numpy(taught.features), torch.from_numpy(taught.weights)
    wanted = torch.from_numpy(taught.is_bone.astype(np.float32))
    layers = [nn.Linear(seen.shape[1], HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)]
    weights = [weight for layer in layers for weight in layer.parameters()]
    optimiser = Adam(weights)
    batches = max(1, len(seen) // BATCH)
    order = torch.randperm(len(seen))
    for step in range(EPOCHS * batches):
        if step and step % batches == 0:
            order = torch.randperm(len(seen))
        drawn = order[step % batches :: batches]
        loss = functional.binary_cross_entropy_with_logits(_logits(layers, seen[drawn]), wanted[drawn], weigh[drawn])
        rate = RATE * 0.5 * (1 + math.cos(math.pi * step / (EPOCHS * batches)))
        optimiser.step([gradient.contiguous() for gradient in torch.autograd.grad(loss, weights)], rate)
    return tuple((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers)


def _logits(layers: Sequence[nn.Linear], x: Tensor) -> Tensor:
    first, second, last = layers
    return last(functional.relu(second(functional.relu(first(x)))))[:, 0]
