"""Perturbed digits: what each perturbation does to a known stroke, and the shapes that Morpho-MNIST has on average."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import dilation, disk, erosion
from skimage.transform import pyramid_expand, pyramid_reduce

from benchmarks import digits as bench
from marrow.datasets.morphology.perturbations import fracture, swell, thicken, thin
from marrow.datasets.morphology.resolution import FACTOR, enlarge, reduce
from marrow.datasets.morphology.stroke import Stroke, components
from marrow.datasets.sources.mnist import read_mnist
from marrow.errors import MarrowError
from shared_data import shared_data

SIDE = 28
FINE = FACTOR * SIDE
Chance = np.random.Generator
# Measured on the published library: share of digits in several parts, mean parts where known, thickness, mass.
PUBLISHED = {
    "original": (0.030, None, 2.68, 104),
    "plain": (0.030, None, 2.75, 104),
    "thin": (0.737, None, 1.40, 44),
    "thicken": (0.011, None, 5.45, 199),
    "swell": (0.035, None, 3.35, 131),
    "fracture": (0.981, 3.15, 2.50, 92),
    "thicken, swell": (0.010, None, 6.77, 247),
}
PERTURBED: dict[str, Callable[[np.ndarray, Chance], np.ndarray]] = {
    "original": lambda image, _: image,
    "plain": lambda image, _: reduce(enlarge(image)),
    "thin": lambda image, _: reduce(thin(Stroke.of(image))),
    "thicken": lambda image, _: reduce(thicken(Stroke.of(image))),
    "swell": lambda image, rng: reduce(swell(Stroke.of(image), rng)),
    "fracture": lambda image, rng: reduce(fracture(Stroke.of(image), rng)),
    "thicken, swell": lambda image, rng: reduce(swell(Stroke.of(reduce(thicken(Stroke.of(image)))), rng)),
}


def bar(width: int = 12, top: int = 16, bottom: int = 96, left: int = 50) -> np.ndarray:
    """The mask of an upright stroke on the fine grid."""
    mask = np.zeros((FINE, FINE), dtype=bool)
    mask[top:bottom, left : left + width] = True
    return mask


def scribble(seed: int) -> np.ndarray:
    """A random smooth digit-like image."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 2.5)
    noise[[0, -1]] = noise[:, [0, -1]] = noise.min()
    return np.rint(255 * np.clip((noise - noise.mean()) / np.ptp(noise) * 3, 0, 1)).astype(np.uint8)


def parts(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, np.ones((3, 3)))[1])


@pytest.mark.parametrize("seed", range(6))
def test_a_digit_is_enlarged_and_reduced_as_by_scikit_image(seed: int) -> None:
    image = scribble(seed)
    fine = pyramid_expand(image / 255, FACTOR, order=3)
    low, high = fine.min(), fine.max()
    sure = np.abs(fine - (low + high) / 2) > 1e-6
    assert np.array_equal(enlarge(image)[sure], (fine > (low + high) / 2)[sure])
    expected = 255 * pyramid_reduce(enlarge(image).astype(float), FACTOR, order=3)
    assert np.abs(reduce(enlarge(image)) - expected).max() < 0.51


def test_contrast_and_brightness_do_not_change_the_stroke() -> None:
    image = scribble(0).astype(float)
    assert np.array_equal(enlarge(0.3 * image + 40), enlarge(image))


def test_redrawing_keeps_the_mass_of_a_stroke() -> None:
    mask = bar(width=12)
    assert reduce(mask).sum() / 255 == pytest.approx(mask.sum() / FACTOR**2, rel=0.01)


@pytest.mark.parametrize("width", [8, 9, 12, 15])
def test_the_thickness_of_a_bar_is_its_width(width: int) -> None:
    """Distances run to the middle of the next pixel outside, which adds half a fine pixel to each side at most."""
    assert Stroke(bar(width)).thickness * FACTOR == pytest.approx(width, abs=1.6)


@pytest.mark.parametrize("amount", [0.3, 0.7, 1.0, 1.6])
@pytest.mark.parametrize("seed", range(3))
def test_thinning_and_thickening_are_erosion_and_dilation_by_a_disk(amount: float, seed: int) -> None:
    stroke = Stroke.of(scribble(seed))
    radius = int(amount * FACTOR * stroke.thickness / 2)
    assert np.array_equal(thin(stroke, amount), erosion(np.pad(stroke.mask, 1), disk(radius))[1:-1, 1:-1])
    assert np.array_equal(thicken(stroke, amount), dilation(stroke.mask, disk(radius)))


def test_thickening_by_one_doubles_a_bar() -> None:
    thick = thicken(Stroke(bar(width=12)))
    assert np.ptp(np.flatnonzero(thick.any(axis=0))) + 1 == pytest.approx(24, abs=2)


def test_swelling_follows_its_formula_at_every_pixel() -> None:
    """Against a loop over pixels with nearest neighbours, which differ from linear ones along edges alone."""
    stroke, strength, radius = Stroke(bar(width=10, left=46)), 3.0, 7.0
    swollen = swell(stroke, np.random.default_rng(1), strength, radius)
    centre = stroke.points[np.random.default_rng(1).integers(len(stroke.points))]
    reach = radius * np.sqrt(stroke.thickness) / 2 * FACTOR
    expected = stroke.mask.copy()
    for pixel in np.ndindex(stroke.mask.shape):
        distance = np.hypot(*(pixel - centre))
        if distance < reach:
            source = centre + (pixel - centre) * (distance / reach) ** (strength - 1)
            expected[pixel] = stroke.mask[tuple(np.rint(source).astype(int))]
    assert (swollen != expected).mean() < 0.01
    far = np.hypot(*(np.indices(swollen.shape) - centre[:, np.newaxis, np.newaxis])) >= reach
    assert np.array_equal(swollen[far], stroke.mask[far])
    assert swollen.sum() > 1.3 * stroke.mask.sum()


def test_swelling_near_the_border_stays_inside() -> None:
    corner = np.zeros((FINE, FINE), dtype=bool)
    corner[:12, :4] = True
    assert swell(Stroke(corner), np.random.default_rng(0)).sum() > corner.sum()


def test_a_swelling_of_strength_one_changes_nothing() -> None:
    stroke = Stroke.of(scribble(2))
    assert np.array_equal(swell(stroke, np.random.default_rng(0), strength=1.0), stroke.mask)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("turned", [False, True])
def test_a_cut_parts_a_bar_square_to_it_and_away_from_its_tips(seed: int, turned: bool) -> None:
    mask = bar().T if turned else bar()
    broken = fracture(Stroke(mask), np.random.default_rng(seed), cuts=1, width=2.0)
    lost = mask & ~broken
    lost = lost.T if turned else lost
    rows = np.flatnonzero(lost.any(axis=1))
    assert parts(broken) == 2
    assert not (broken & ~mask).any()
    assert (lost.sum(axis=1)[rows[1:-1]] >= 12 - 2).all()
    assert len(rows) == pytest.approx(2.0 * FACTOR, abs=1)
    assert rows.min() > 16 + 2 * FACTOR
    assert rows.max() < 95 - 2 * FACTOR


@pytest.mark.parametrize(("gap", "also_cut"), [(3, True), (8, False)])
@pytest.mark.parametrize("seed", range(4))
def test_a_cut_ends_half_a_pixel_and_the_round_of_the_disk_beyond_the_stroke(
    gap: int, also_cut: bool, seed: int
) -> None:
    """That is 2 + 3 fine pixels: it reaches a stroke that runs beside at 3, and spares one at 8."""
    beside = bar(left=40) | bar(left=52 + gap)
    lost = beside & ~fracture(Stroke(beside), np.random.default_rng(seed), cuts=1)
    assert (lost[:, :52].any() and lost[:, 52:].any()) == also_cut


def test_a_cut_follows_a_slanted_stroke() -> None:
    y, x = np.indices((FINE, FINE))
    slant = (np.abs((x - y) / np.sqrt(2)) <= 6) & (np.abs(x + y - FINE) < 80)
    lost = slant & ~fracture(Stroke(slant), np.random.default_rng(0), cuts=1)
    axes = np.linalg.eigh(np.cov(np.argwhere(lost).T))[1]
    assert abs(axes[:, -1] @ [1, -1]) / np.sqrt(2) > 0.99


@pytest.mark.parametrize("seed", range(8))
def test_cuts_stay_clear_of_forks(seed: int) -> None:
    cross = bar() | bar().T
    lost = cross & ~fracture(Stroke(cross), np.random.default_rng(seed), cuts=1)
    middle = np.array([55.5, 55.5])
    assert np.abs(np.argwhere(lost) - middle).max(axis=1).min() > 2 * FACTOR - 3


def test_a_dot_too_short_for_a_clear_cut_is_cut_all_the_same() -> None:
    dot = bar(width=10, top=50, bottom=62)
    assert fracture(Stroke(dot), np.random.default_rng(0)).sum() < dot.sum()


def test_more_cuts_make_more_parts() -> None:
    stroke = Stroke(bar(top=4, bottom=108))
    counts = [
        np.mean([parts(fracture(stroke, np.random.default_rng(seed), cuts)) for seed in range(20)])
        for cuts in (1, 2, 4)
    ]
    assert counts == sorted(counts)
    assert counts[0] == 2


@pytest.mark.parametrize("perturb", [swell, fracture])
def test_chance_comes_from_the_given_stream_alone(perturb: Callable[..., np.ndarray]) -> None:
    stroke = Stroke.of(scribble(4))
    one, again, other = (perturb(stroke, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_parts_touch_by_their_corners_and_are_as_bright_as_128() -> None:
    image = np.zeros((SIDE, SIDE), dtype=np.uint8)
    image[3, 3] = image[4, 4] = 200
    image[10, 10] = 128
    image[20, 20] = 127
    assert components(image) == 2


@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_digit_is_refused(value: int) -> None:
    with pytest.raises(MarrowError, match="same value everywhere"):
        Stroke.of(np.full((SIDE, SIDE), value, dtype=np.uint8))


@pytest.mark.parametrize("kind", PUBLISHED)
def test_digits_measure_as_those_of_the_published_library(kind: str) -> None:
    """On 200 of the 1,000 digits that the published numbers were measured on, so the draw adds a few per cent."""
    images = read_mnist(shared_data("mnist"), "train")[0]
    images = images[np.random.RandomState(0).permutation(len(images))[:200]]
    rng = np.random.default_rng(0)
    perturbed = [PERTURBED[kind](image, rng) for image in images]
    found = np.array([components(image) for image in perturbed])
    several, mean_parts, thickness, mass = PUBLISHED[kind]
    spread = 3 * np.sqrt(several * (1 - several) / len(images))
    assert (found > 1).mean() == pytest.approx(several, abs=spread)
    assert mean_parts is None or found.mean() == pytest.approx(mean_parts, rel=0.06)
    assert np.mean([Stroke.of(image).thickness for image in perturbed]) == pytest.approx(thickness, rel=0.07)
    assert np.mean([image.sum() / 255 for image in perturbed]) == pytest.approx(mass, rel=0.06)


def test_the_benchmark_says_where_it_looked_for_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("MARROW_DATA", str(tmp_path))
    with pytest.raises(MarrowError, match="MARROW_DATA"):
        bench.measure()


def test_the_benchmark_measures_what_it_has_a_goal_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARROW_DATA", str(shared_data("mnist").parent))
    monkeypatch.setattr(bench, "DIGITS", 2)
    monkeypatch.setattr(bench, "REPEATS", 1)
    (measured,) = bench.measure()
    assert {measured.id} == set(bench.DIGIT.goals)
    assert measured.value > 0
