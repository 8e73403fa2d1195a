"""Paints simulated blood cells: a lymphocyte in the middle, red cells around it, stained and under a lamp.

What each pixel holds of nucleus, cytoplasm and red cell is mixed as absorbance, and light passes through it by the law
of Beer and Lambert, so that a stronger stain is a darker picture of the same cells. All cells of a chunk are painted at
once, in single precision; the chunk is small, so that its planes stay in the processor's cache.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from marrow.datasets.blood_cells.cells import Cells, Complexes, Floats

ABSORBANCE = np.array(
    [
        [0.80, 1.20, 0.46],  # nucleus: purple
        [0.42, 0.28, 0.08],  # cytoplasm: blue
        [0.12, 0.46, 0.54],  # red cell: salmon
    ]
)
LAMP = np.array([238.0, 228.0, 224.0])
NOISE = 2.0
CHUNK = 16
RED_RADIUS = 0.31


@dataclass(frozen=True)
class Stain:
    """How a slide was stained and lit: `absorbance` (materials, channels) and `lamp` (channels,)."""

    absorbance: NDArray[np.float64]
    lamp: NDArray[np.float64]


def draw_stain(rng: Generator) -> Stain:
    """A slide's stain: the strength of each dye, its hue, and the colour of the lamp."""
    strength = np.exp(rng.normal(0, 0.12, (3, 1)) + rng.normal(0, 0.04, (3, 3)))
    return Stain(ABSORBANCE * strength, LAMP + rng.normal(0, 3, 3))


def paint_cells(rng: Generator, cells: Cells, stain: Stain, pixels: int) -> NDArray[np.uint8]:
    """Pictures of cells in red, green, blue: (cells, 3, pixels, pixels)."""
    chunks = (slice(begin, begin + CHUNK) for begin in range(0, len(cells.radius), CHUNK))
    return np.concatenate([_paint_chunk(rng, cells[chunk], stain, pixels) for chunk in chunks])


def _paint_chunk(rng: Generator, cells: Cells, stain: Stain, pixels: int) -> NDArray[np.uint8]:
    count = len(cells.radius)
    axis = ((np.arange(pixels) + 0.5) * 2 / pixels - 1).astype(np.float32)
    plane = axis + 1j * axis[:, np.newaxis]
    coarse, fine = (_smooth_noise(rng, count, pixels, lattice) for lattice in (9, 26))

    smudge = _column(cells.smudged)
    softness = np.float32(max(2 / pixels, 0.04))
    radius = _column(cells.radius)
    cell = _inside(plane, cells.centre, radius, cells.cell_waves, softness) * (1 - smudge)
    nucleus_radius = radius * _column(cells.nucleus_share) * (1 + 0.15 * smudge)
    nucleus = _inside(plane, cells.nucleus_centre, nucleus_radius, cells.nucleus_waves, softness + 0.15 * smudge)

    density = _column(cells.density) * (1 - 0.35 * smudge)
    density = density + _column(cells.clumping) * coarse + _column(cells.grain) * fine
    density -= _column(cells.nucleoli) * _nucleoli(plane, cells, nucleus_radius)
    granules = _column(cells.granules) * np.clip(fine - 1, 0, 1)
    body = cell * (1 - nucleus)
    covered = 1 - np.maximum(cell, nucleus)
    materials = np.stack(
        [
            nucleus * np.clip(density, 0.15, None) + body * granules,
            body * _column(cells.basophilia) * (1 + 0.15 * coarse),
            covered * _red_cells(rng, plane, cells.radius),
        ],
        axis=1,
    ).reshape(count, 3, -1)

    # Dye does not lie evenly on a slide.
    strength = np.exp(rng.normal(0, 0.04, (count, 3, 1)))
    absorbed = (stain.absorbance.T * strength).astype(np.float32) @ materials
    light = stain.lamp[:, np.newaxis].astype(np.float32) * np.exp(-absorbed)
    light += NOISE * rng.standard_normal(light.shape, np.float32)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8).reshape(count, 3, pixels, pixels)


def _column(values: NDArray[Any]) -> Floats:
    """One value per cell, for arithmetic with (cells, pixels, pixels)."""
    return values.astype(np.float32)[:, np.newaxis, np.newaxis]


def _points(values: Complexes) -> Complexes:
    """One point per cell, likewise."""
    return values.astype(np.complex64)[:, np.newaxis, np.newaxis]


def _smooth_noise(rng: Generator, count: int, pixels: int, lattice: int) -> Floats:
    """Fields of mean 0 and variance 1: white noise on a lattice, spread by a Gaussian; (count, pixels, pixels)."""
    places = (np.arange(pixels)[:, np.newaxis] + 0.5) / pixels * lattice - 0.5
    spread = np.exp(-0.5 * ((places - np.arange(lattice)) / 0.6) ** 2)
    spread = (spread / np.linalg.norm(spread, axis=1, keepdims=True)).astype(np.float32)
    return spread @ rng.standard_normal((count, lattice, lattice), np.float32) @ spread.T


def _inside(
    plane: Complexes,
    centre: Complexes,
    radius: Floats,
    waves: Complexes,
    softness: Floats | np.float32,
) -> Floats:
    """1 inside an outline of this radius and these waves, 0 outside, soft in between: (cells, pixels, pixels)."""
    from_centre = plane - _points(centre)
    distance = np.abs(from_centre) + np.float32(1e-6)
    direction = from_centre / distance
    harmonics = [_points(harmonic) for harmonic in waves.T]
    wave = harmonics.pop() * direction
    while harmonics:
        wave = (wave + harmonics.pop()) * direction
    outline = radius * (1 + (wave * direction).real)
    return np.clip((outline - distance) / softness + np.float32(0.5), 0, 1)


def _nucleoli(plane: Complexes, cells: Cells, nucleus_radius: Floats) -> Floats:
    """Two pale spots in every nucleus."""
    size = 0.28 * nucleus_radius
    spots = np.zeros((len(cells.radius), *plane.shape), np.float32)
    for place in cells.nucleolus_places.T:
        centre = _points(cells.nucleus_centre) + _points(place) * nucleus_radius
        spots = np.maximum(spots, np.clip(1 - _square_distance(plane, centre) / size**2, 0, 1))
    return spots


def _red_cells(rng: Generator, plane: Complexes, keep_off: Floats) -> Floats:
    """Discs with a pale middle on a loose grid around the lymphocyte, which pushes them aside."""
    count = len(keep_off)
    red = np.zeros((count, *plane.shape), np.float32)
    grid = np.array([-0.99, -0.33, 0.33, 0.99])
    for place in (x + 1j * y for x in grid for y in grid if abs(x) > 0.5 or abs(y) > 0.5):
        centre = place + rng.normal(0, 0.09, count) + 1j * rng.normal(0, 0.09, count)
        radius = np.maximum(rng.normal(RED_RADIUS, 0.02, count), 0.2)
        distance = np.abs(centre)
        centre *= np.maximum(distance, keep_off + 0.9 * radius) / distance
        present = rng.random(count) < 0.85
        pallor = rng.uniform(0.2, 0.6, count)
        relative = _square_distance(plane, _points(centre)) / _column(radius**2)
        disc = np.clip((1 - relative) * np.float32(4), 0, 1) * _column(present)
        red = np.maximum(red, disc * (1 - _column(pallor) * np.clip(1 - 2 * relative, 0, 1)))
    return red


def _square_distance(plane: Complexes, centre: Complexes) -> Floats:
    """From every pixel to the centre of each cell, by the axes apart as that is quick: (cells, pixels, pixels)."""
    return (plane.real[:1] - centre.real) ** 2 + (plane.imag[:, :1] - centre.imag) ** 2
