"""Handcrafted features of cells: known answers, equal for turned copies; segmentation near the paint."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from marrow.datasets.blood import make_bags as make_pictures
from marrow.datasets.blood_cells.cells import Cells, draw_cells
from marrow.datasets.blood_cells.cooccurrence import COOCCURRENCE, cooccurrence_features
from marrow.datasets.blood_cells.features import (
    CHANNELS,
    FEATURES,
    INTENSITY,
    LEVELS,
    SHAPE,
    TEXTURE,
    cooccurrence,
    features_of,
    fractal_dimension,
    intensity_features,
    shape_features,
)
from marrow.datasets.blood_cells.painter import draw_stain, paint_cells
from marrow.datasets.blood_cells.segmentation import averaged_superpixels, lymphocytes
from marrow.datasets.blood_features import layout, make_bags
from marrow.planning.config import complete, read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY

PIXELS = 56
ALL = np.ones((40, 40), dtype=bool)


def disc(radius: float, side: int = 101) -> np.ndarray:
    return np.hypot(*(np.indices((side, side)) - side // 2)) <= radius


def shape(cell: np.ndarray) -> dict[str, float]:
    return dict(zip(SHAPE, shape_features(cell), strict=True))


def statistics(p: np.ndarray) -> dict[str, float]:
    return dict(zip(COOCCURRENCE, cooccurrence_features(p), strict=True))


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 40), np.uint8)


def settings(kind: str, **given: Any) -> Mapping[str, Any]:
    return complete(
        {"kind": kind, **given}, settings_schema(kind, read_schema(REPOSITORY / f"schemas/datasets/{kind}.yaml"))
    )


@cache
def painted(count: int = 48) -> tuple[Cells, np.ndarray]:
    """Cells, half of them tumoral, eight on each slide, and their pictures."""
    rng = np.random.default_rng(3)
    cells = draw_cells(rng, np.arange(count) % 2 == 1, 1)
    slides = [slice(first, first + 8) for first in range(0, count, 8)]
    return cells, np.concatenate([paint_cells(rng, cells[slide], draw_stain(rng), PIXELS) for slide in slides])


def outline(cells: Cells, cell: int) -> np.ndarray:
    """The pixels of a cell by the equation of its outline, or those of the nucleus where it is smudged."""
    axis = (np.arange(PIXELS) + 0.5) * 2 / PIXELS - 1
    inside = np.zeros((PIXELS, PIXELS), dtype=bool)
    smudged = bool(cells.smudged[cell])
    nucleus = cells.radius[cell] * cells.nucleus_share[cell] * (1.15 if smudged else 1)
    parts = [(cells.nucleus_centre[cell], nucleus, cells.nucleus_waves[cell])]
    if not smudged:
        parts.append((cells.centre[cell], cells.radius[cell], cells.cell_waves[cell]))
    for centre, radius, waves in parts:
        place = axis + 1j * axis[:, np.newaxis] - centre
        angle = np.angle(place)
        wave = sum((wave * np.exp(1j * (number + 1) * angle)).real for number, wave in enumerate(waves))
        inside |= np.abs(place) < radius * (1 + wave)
    return inside


def test_there_are_as_many_features_as_published():
    assert (len(SHAPE), len(INTENSITY) * len(CHANNELS), len(TEXTURE)) == (12, 9, 24)
    assert len(FEATURES) == len(set(FEATURES)) == 94 == layout({}).shape[0]


def test_a_disc_has_the_shape_of_a_disc():
    radius = 40
    found = shape(disc(radius))
    assert found["area"] == disc(radius).sum() == found["filled area"]
    assert found["area"] == pytest.approx(np.pi * radius**2, rel=0.01)
    for name in ("major axis length", "minor axis length", "equivalent diameter"):
        assert found[name] == pytest.approx(2 * radius, rel=0.01)
    for name in ("perimeter", "perimeter by Crofton's formula"):
        assert found[name] == pytest.approx(2 * np.pi * radius, rel=0.06)
    assert found["eccentricity"] == pytest.approx(0, abs=0.01)
    assert found["solidity"] == pytest.approx(1, abs=0.02)
    assert found["extent"] == pytest.approx(np.pi / 4, abs=0.02)
    assert found["Euler number"] == 1


def test_a_square_and_a_bar_have_their_shapes():
    square, bar = shape(np.ones((30, 30), dtype=bool)), shape(np.ones((10, 40), dtype=bool))
    assert (square["area"], square["convex area"], square["extent"], square["solidity"]) == (900, 900, 1, 1)
    assert square["perimeter"] == 4 * 29
    assert square["major axis length"] == pytest.approx(4 * np.sqrt(30**2 / 12), rel=0.01)
    assert bar["major axis length"] / bar["minor axis length"] == pytest.approx(4, rel=0.01)
    assert bar["eccentricity"] == pytest.approx(np.sqrt(1 - 1 / 16), rel=0.01)


def test_a_ring_is_told_from_a_disc_by_its_hole():
    ring = shape(disc(40) & ~disc(15))
    assert ring["Euler number"] == 0
    assert ring["filled area"] == disc(40).sum() == ring["area"] + disc(15).sum()
    assert ring["solidity"] < 0.9


def test_a_cell_larger_by_two_has_twice_the_lengths_and_four_times_the_areas():
    small, large = shape(disc(20)), shape(disc(40))
    for name in ("area", "convex area", "filled area"):
        assert large[name] / small[name] == pytest.approx(4, rel=0.03)
    for name in ("perimeter", "perimeter by Crofton's formula", "major axis length", "equivalent diameter"):
        assert large[name] / small[name] == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_copies_have_the_same_features(turns: int):
    cell, channel = outline(painted()[0], 5), painted()[1][5, 0]
    turned, of_turned = np.rot90(cell, turns), np.rot90(channel, turns)
    assert shape_features(turned) == pytest.approx(shape_features(cell))
    assert intensity_features(of_turned, turned) == pytest.approx(intensity_features(channel, cell))
    assert cooccurrence(of_turned, turned) == pytest.approx(cooccurrence(channel, cell))
    assert fractal_dimension(of_turned, turned) == pytest.approx(fractal_dimension(channel, cell))


def test_intensity_and_texture_are_of_the_cell_alone():
    channel, cell = noise(), disc(15, 40)
    other = np.where(cell, channel, 255 - channel)
    assert intensity_features(channel, cell).tolist() == [
        channel[cell].min(),
        channel[cell].max(),
        channel[cell].mean(),
    ]
    assert intensity_features(other, cell) == pytest.approx(intensity_features(channel, cell))
    assert np.array_equal(cooccurrence(other, cell), cooccurrence(channel, cell))
    assert fractal_dimension(other, cell) == fractal_dimension(channel, cell)


def test_neighbours_are_counted_in_all_four_directions():
    """By hand: a 2 x 2 cell has two pairs along each side and one along each diagonal, counted both ways."""
    channel = np.array([[0, 8], [16, 8]], np.uint8)
    counts = 12 * cooccurrence(channel, np.ones((2, 2), dtype=bool))
    expected = np.zeros((LEVELS, LEVELS))
    for one, other in ((0, 1), (2, 1), (0, 2), (1, 1), (0, 1), (1, 2)):
        expected[one, other] += 1
        expected[other, one] += 1
    assert counts == pytest.approx(expected)


def test_statistics_of_cooccurrence_by_hand():
    """Levels 1 and 2, equal neighbours twice as often as unequal ones."""
    found = statistics(np.array([[1, 0.5], [0.5, 1]]) / 3)
    third, sixth = 1 / 3, 1 / 6
    assert found["autocorrelation"] == pytest.approx(third + 4 * third + 2 * 2 * sixth)
    assert found["contrast"] == found["dissimilarity"] == pytest.approx(third)
    assert found["correlation 1"] == found["correlation 2"] == pytest.approx(third)
    assert found["cluster prominence"] == found["sum variance"] == pytest.approx(2 * third)
    assert found["cluster shade"] == pytest.approx(0)
    assert found["energy"] == pytest.approx(2 * third**2 + 2 * sixth**2)
    assert found["entropy"] == pytest.approx(entropy([third, third, sixth, sixth]))
    assert found["homogeneity 1"] == found["homogeneity 2"] == found["inverse difference"] == pytest.approx(5 / 6)
    assert found["maximum probability"] == pytest.approx(third)
    assert found["sum of squares"] == pytest.approx(1 / 4)
    assert found["sum average"] == pytest.approx(3)
    assert found["sum entropy"] == pytest.approx(entropy([third, third, third]))
    assert found["difference variance"] == pytest.approx(third - third**2)
    assert found["difference entropy"] == pytest.approx(entropy([2 * third, third]))
    mutual = 2 * np.log(2) - entropy([third, third, sixth, sixth])
    assert found["information measure of correlation 1"] == pytest.approx(-mutual / np.log(2))
    assert found["information measure of correlation 2"] == pytest.approx(np.sqrt(1 - np.exp(-2 * mutual)))
    assert found["normalised inverse difference"] == pytest.approx(2 * third + third / 1.5)
    assert found["moment normalised inverse difference"] == pytest.approx(2 * third + third / 1.25)


def test_noise_is_uncorrelated_and_an_even_cell_is_correlated():
    found, even = statistics(cooccurrence(noise(), ALL)), statistics(cooccurrence(np.full((40, 40), 77, np.uint8), ALL))
    assert found["correlation 1"] == pytest.approx(0, abs=0.05)
    assert found["contrast"] == pytest.approx((LEVELS**2 - 1) / 6, rel=0.05)
    assert (even["contrast"], even["entropy"], even["correlation 1"]) == (0, 0, 1)
    assert (even["energy"], even["homogeneity 1"], even["information measure of correlation 1"]) == (1, 1, 0)


def test_the_fractal_dimension_is_2_of_slopes_and_3_of_noise():
    rows, columns = np.indices((40, 40))
    assert fractal_dimension((2 * rows + 3 * columns).astype(np.uint8), ALL) == pytest.approx(2)
    assert fractal_dimension(noise(), ALL) == pytest.approx(3, abs=0.03)
    assert fractal_dimension(np.full((40, 40), 5, np.uint8), ALL) == 2


@pytest.mark.parametrize("size", [(1, 1), (3, 10), (10, 3), (2, 2)])
def test_a_cell_narrower_than_the_distances_of_the_fractal_dimension_has_one(size: tuple[int, int]):
    rows, columns = np.indices(size)
    assert fractal_dimension((9 * rows + 3 * columns).astype(np.uint8), np.ones(size, dtype=bool)) == pytest.approx(2)


def test_segmented_cells_are_mostly_those_that_were_painted():
    cells, pictures = painted()
    overlaps = []
    for cell, picture in enumerate(pictures):
        one, other = lymphocytes(picture) == 1, outline(cells, cell)
        overlaps.append((one & other).sum() / (one | other).sum())
    assert np.median(overlaps) > 0.88
    assert np.quantile(overlaps, 0.1) > 0.75


def test_superpixels_keep_the_mean_colour_and_smooth_within_cells():
    picture = painted()[1][0]
    found = averaged_superpixels(picture)
    assert found.shape == (PIXELS, PIXELS, 3)
    assert found.mean(axis=(0, 1)) == pytest.approx(picture.mean(axis=(1, 2)) / 255, abs=0.01)
    middle = slice(PIXELS // 2 - 4, PIXELS // 2 + 4)
    assert found[middle, middle].std() < (picture[:, middle, middle] / 255).std()


def test_the_largest_lymphocyte_is_the_first_and_specks_are_none():
    picture = np.empty((3, 60, 60), np.uint8)
    picture[:] = np.array([238, 228, 224])[:, None, None]  # what the lamp gives
    picture[:, 2:14, 2:58] = np.array([225, 140, 120])[:, None, None]  # a red cell
    for rows, columns in ((slice(20, 32), slice(5, 17)), (slice(25, 50), slice(28, 53)), (slice(55, 57), slice(5, 7))):
        picture[:, rows, columns] = np.array([90, 60, 140])[:, None, None]
    found = lymphocytes(picture)
    assert found.max() == 2
    assert found[37, 40] == 1
    assert found[26, 11] == 2
    assert found[56, 6] == 0
    assert features_of(picture[None])[0, FEATURES.index("number of lymphocytes")] == 2
    assert 25**2 <= features_of(picture[None])[0, FEATURES.index("area")] <= 27**2


def test_a_picture_without_a_lymphocyte_has_zeros(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("marrow.datasets.blood_cells.segmentation.LEAST_AREA", 1.1)
    assert not features_of(painted()[1][:2]).any()


def test_patients_are_those_of_the_pictures_and_rows_are_their_features():
    given = {"seed": 4, "pixels": 32, "distinctness": 0.5}
    tables = list(make_bags(settings("blood_features", **given), {}, "test", 3, 1))
    for table, pictures in zip(tables, make_pictures(settings("blood", **given), {}, "test", 3, 1), strict=True):
        assert (table.bag, table.patient, table.label, table.split) == (
            pictures.bag, pictures.patient, pictures.label, "test",
        )  # fmt: skip
        assert table.attributes == pictures.attributes
        assert np.array_equal(table.instance_label, pictures.instance_label)
        assert table.patches.shape == (len(pictures), 94)
        assert table.patches.dtype == layout({}).dtype
        assert np.isfinite(table.patches).all()
        assert np.array_equal(table.patches[:3], features_of(pictures.patches[:3]))


def test_settings_are_those_of_the_pictures():
    assert {**settings("blood"), "kind": ""} == {**settings("blood_features"), "kind": ""}
