"""Synthetic lesions for the training of the surface model.

Annotated patients have few lesions. Active disease replaces fat by cells: it has little signal in the fat image, and in
the water image a signal between that of muscle and the brightest of the body. A synthetic lesion is a ball of such
signal, restricted to bone. Because a network misses most of a lesion, the predicted label is removed from most of them.
An annotation of the bones suffices; no lesion mask is needed.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marrow.bones.correction.balls import ball
from marrow.bones.correction.outcome import Labels, Mask
from marrow.bones.segmentation.prepare import Body
from marrow.bones.surface.features import Surroundings

# By role, the signal of synthetic lesions, and limits of diseased voxels, in standard deviations from the body's mean.
SIGNAL = {"fat": (-1.1, -0.3), "water": (-0.5, 3.0)}
DISEASED = {"fat": (-np.inf, 0.0), "water": (0.3, np.inf)}

SHARE = 0.15  # of the bone
RADIUS_MM = (6.0, 20.0)
DENSITY = (0.6, 1.0)  # share of the signal that is the lesion's
MISSED = 0.8


def with_lesions(
    surroundings: Surroundings, annotation: Labels, roles: Sequence[str], draw: np.random.Generator
) -> Surroundings:
    """A scan with lesions added to its bones, `(z, y, x)` on the box of the body.

    The roles of the contrasts are in the order of the image; if it has neither fat nor water, the scan is unchanged.
    """
    if SIGNAL.keys().isdisjoint(roles):
        return surroundings
    image, labels = surroundings.body.image.copy(), surroundings.labels.copy()
    bone = np.argwhere(annotation > 0)
    target, planted_voxels = SHARE * len(bone), 0
    while planted_voxels < target:
        steps = ball(draw.uniform(*RADIUS_MM), surroundings.spacing)
        positions = bone[draw.integers(len(bone))] + np.vstack([np.zeros(3, np.intp), steps])
        positions = positions[((positions >= 0) & (positions < annotation.shape)).all(axis=1)]
        lesion = tuple(positions[annotation[tuple(positions.T)] > 0].T)
        planted_voxels += len(lesion[0])
        density = draw.uniform(*DENSITY)
        for channel, role in zip(image, roles, strict=True):
            if role in SIGNAL:
                channel[lesion] = (1 - density) * channel[lesion] + density * draw.uniform(*SIGNAL[role])
        if draw.random() < MISSED:
            labels[lesion] = 0
    return replace(surroundings, body=replace(surroundings.body, image=image), labels=labels)


def looks_diseased(body: Body, roles: Sequence[str]) -> Mask:
    """The voxels `(z, y, x)` with little fat and much water; none if there is neither contrast."""
    limits = [(channel, *DISEASED[role]) for channel, role in zip(body.image, roles, strict=True) if role in DISEASED]
    if not limits:
        return np.zeros(body.mask.shape, bool)
    return np.logical_and.reduce([(low < channel) & (channel < high) for channel, low, high in limits])
