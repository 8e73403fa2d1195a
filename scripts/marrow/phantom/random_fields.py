"""Random numbers of the phantom: a stream for each name, and smooth random fields in body space.

A stream depends on the seed and its name alone: another patient, lesion or station does not change the numbers that
existing ones draw. A field can be evaluated at any point, so that a repeated scan has the same pattern. It is a sum of
cosine waves in random directions (random Fourier features): approximately normal, with mean 0 and variance 1.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.phantom.shapes import Coordinates, Field


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random generator with a name under a seed."""
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


@dataclass(frozen=True)
class Waves:
    """Wave vectors `(3, waves)` in radians per mm, and phases `(waves,)`."""

    vectors: npt.NDArray[np.float32]
    phases: npt.NDArray[np.float32]

    def at(self, points: Coordinates) -> Field:
        """The field at points: `(points,)`."""
        total = np.zeros(points[0].shape, np.float32)
        for (kx, ky, kz), phase in zip(self.vectors.T, self.phases, strict=True):
            total += np.cos(kx * points[0] + ky * points[1] + kz * points[2] + phase)
        return total * np.float32(np.sqrt(2 / len(self.phases)))


def waves(draw: np.random.Generator, shortest_mm: float, longest_mm: float, count: int = 32) -> Waves:
    """A field with wavelengths between two bounds."""
    directions = draw.normal(size=(3, count))
    directions /= np.linalg.norm(directions, axis=0)
    lengths = np.exp(draw.uniform(np.log(shortest_mm), np.log(longest_mm), count))
    vectors = directions * (2 * np.pi / lengths)
    return Waves(vectors.astype(np.float32), draw.uniform(0, 2 * np.pi, count).astype(np.float32))
