"""Lesions planted in annotated scans: what bone looks like where disease has taken the place of its marrow.

Annotated patients have few lesions, and the next patient has others. Active disease is cells instead of fat: little
signal in the fat image, and in the water image anything from that of muscle to the brightest of the body. So is a
planted lesion, a ball that is cut to the bones it lies in, and as a network misses most of a lesion, so the predicted
label is taken from most of them. No lesion mask is needed; an annotation of the bones is enough.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marrow.bones.correction.balls import ball
from marrow.bones.correction.outcome import Labels, Mask
from marrow.bones.segmentation.prepare import Body
from marrow.bones.surface.features import Surroundings

# What lesions look like, and what looks like one, in deviations from the body's mean. Other contrasts tell nothing.
SIGNAL = {"fat": (-1.1, -0.3), "water": (-0.5, 3.0)}
DISEASED = {"fat": (-np.inf, 0.0), "water": (0.3, np.inf)}

SHARE = 0.15  # of the bone
RADIUS_MM = (6.0, 20.0)
DENSITY = (0.6, 1.0)  # what part of the signal is the lesion's
MISSED = 0.8


def with_lesions(
    around: Surroundings, annotation: Labels, contrasts: Sequence[str], draw: np.random.Generator
) -> Surroundings:
    """A scan with lesions in its bones; the scan as it is where its contrasts tell nothing of them.

    Args:
        around: the scan.
        annotation: its bones `(z, y, x)` on the box of the body.
        contrasts: their names, in the order of the image.
        draw: chance.
    """
    if SIGNAL.keys().isdisjoint(contrasts):
        return around
    image, labels = around.body.image.copy(), around.labels.copy()
    bone = np.argwhere(annotation > 0)
    wanted, planted = SHARE * len(bone), 0
    while planted < wanted:
        steps = ball(draw.uniform(*RADIUS_MM), around.spacing)
        places = bone[draw.integers(len(bone))] + np.vstack([np.zeros(3, np.intp), steps])
        places = places[((places >= 0) & (places < annotation.shape)).all(axis=1)]
        lesion = tuple(places[annotation[tuple(places.T)] > 0].T)
        planted += len(lesion[0])
        density = draw.uniform(*DENSITY)
        for channel, contrast in zip(image, contrasts, strict=True):
            if contrast in SIGNAL:
                channel[lesion] = (1 - density) * channel[lesion] + density * draw.uniform(*SIGNAL[contrast])
        if draw.random() < MISSED:
            labels[lesion] = 0
    return replace(around, body=replace(around.body, image=image), labels=labels)


def looks_diseased(body: Body, contrasts: Sequence[str]) -> Mask:
    """The voxels `(z, y, x)` with little fat and much water; none where the contrasts tell of neither."""
    limits = [
        (channel, *DISEASED[name]) for channel, name in zip(body.image, contrasts, strict=True) if name in DISEASED
    ]
    if not limits:
        return np.zeros(body.mask.shape, bool)
    return np.logical_and.reduce([(low < channel) & (channel < high) for channel, low, high in limits])
