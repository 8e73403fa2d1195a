"""N4 on arrays: the field of ITK's filter, and splines that are what their equations say."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.interpolate import BSpline

from bodies import SETTINGS, raw_body
from marrow.imaging.ingest.acquisitions import sum_of
from marrow.imaging.ingest.bias import BiasSettings, estimate_log_field, shrink_factors
from marrow.imaging.ingest.body import BodySettings, find_body
from marrow.imaging.ingest.n4 import log_field_lattice, sharpened
from marrow.imaging.ingest.spline_field import SplineFit, field_on_grid, refined, spline_weights
from marrow.imaging.volume import intensities, mask_of, with_voxels

BODY = raw_body()
SIGNAL = sum_of([BODY["water"], BODY["fat"]])
OUTLINE = find_body(SIGNAL, BodySettings(**SETTINGS["body"]))
TOLERANCE = 1e-3  # of the logarithm: a thousandth of an intensity


def shaded(image, seed=0):
    """With a smooth field and the noise of a scanner."""
    array, rng = intensities(image), np.random.default_rng(seed)
    z, y, x = (np.linspace(-1, 1, size) for size in array.shape)
    log = 0.3 * x + 0.2 * y[:, None] ** 2 + 0.3 * np.cos(3 * z)[:, None, None]
    return with_voxels(np.hypot(array * np.exp(log), rng.normal(0, 5, array.shape)).astype(np.float32), image)


def field_of_itk(signal, body, settings, points):
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)
    n4.SetMaximumNumberOfIterations(settings.iterations)
    n4.SetConvergenceThreshold(settings.convergence)
    n4.SetNumberOfControlPoints(points)
    factors = shrink_factors(signal, settings.shrink_mm)
    n4.Execute(sitk.Shrink(sitk.Maximum(signal, 1e-3), factors), sitk.Shrink(body, factors))
    field = intensities(n4.GetLogBiasFieldAsImage(signal))
    return field - field[mask_of(body)].mean()


@pytest.mark.parametrize("iterations", [[15], [50, 50], [20, 10, 10]])
@pytest.mark.parametrize("contrasts", [("water", "fat"), ("b50",)])
def test_the_field_is_that_of_itks_filter_to_a_thousandth_inside_the_body(iterations, contrasts):
    signal = shaded(sum_of([BODY[name] for name in contrasts]))
    settings = BiasSettings(enabled=True, shrink_mm=20.0, spline_mm=300.0, iterations=iterations, convergence=0.001)
    field = intensities(estimate_log_field(signal, OUTLINE, settings))
    expected = field_of_itk(signal, OUTLINE, settings, [5, 4, 6])
    inside = mask_of(OUTLINE)
    assert np.ptp(field[inside]) > 0.1
    np.testing.assert_allclose(field[inside], expected[inside], rtol=0, atol=TOLERANCE)


def test_the_field_does_not_change_with_the_gain():
    settings = BiasSettings(enabled=True, shrink_mm=20.0, spline_mm=300.0, iterations=[20, 10], convergence=0.001)
    signal = shaded(SIGNAL)
    field, louder = (intensities(estimate_log_field(signal * gain, OUTLINE, settings)) for gain in (1.0, 37.0))
    inside = mask_of(OUTLINE)
    np.testing.assert_allclose(louder[inside], field[inside], rtol=0, atol=1e-5)


def test_an_image_of_one_value_or_without_a_body_has_no_field():
    signal, nowhere = np.full((8, 8, 8), 7.0), np.zeros((8, 8, 8), bool)
    for inside in (~nowhere, nowhere):
        assert not log_field_lattice(signal, inside, (4, 4, 4), [5, 5], 0.001).any()


def test_sharpening_draws_a_blurred_tissue_together_and_leaves_its_middle():
    rng = np.random.default_rng(0)
    tissue, other = 5 + 0.06 * rng.standard_normal(20000), 7 + 0.06 * rng.standard_normal(10000)
    sharp = sharpened(np.concatenate([tissue, other]))
    for before, after in ((tissue, sharp[:20000]), (other, sharp[20000:])):
        assert after.std() < 0.5 * before.std()
        assert after.mean() == pytest.approx(before.mean(), abs=0.01)


def test_the_brightest_voxel_counts_whatever_its_rounding():
    """Single precision puts it past the last bin for some of these, and would leave its intensity without a mapping."""
    rng = np.random.default_rng(0)
    for brightest in rng.uniform(8, 9, 50):
        sharp = sharpened(np.append(rng.normal(5, 0.3, 500), brightest))
        assert abs(sharp[-1] - brightest) < 0.15


def test_weights_are_those_of_cubic_b_splines():
    voxels, points = 23, 7
    weights = spline_weights(voxels, points)
    at = np.linspace(0, points - 3, voxels)[:-1]
    knots = np.arange(-3, points + 1, dtype=float)
    np.testing.assert_allclose(weights[:-1], BSpline.design_matrix(at, knots, 3).toarray(), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)


def test_a_refined_lattice_has_the_same_field_on_half_the_spacing():
    lattice = np.random.default_rng(0).normal(size=(4, 5, 7))
    finer = refined(lattice)
    assert finer.shape == (5, 7, 11)
    np.testing.assert_allclose(field_on_grid(finer, (9, 12, 30)), field_on_grid(lattice, (9, 12, 30)), atol=1e-5)


def test_a_fit_follows_its_equations_point_by_point():
    rng = np.random.default_rng(0)
    inside, values = rng.random((5, 6, 7)) > 0.3, rng.normal(size=(5, 6, 7))
    spline = SplineFit.of(inside, (4, 5, 4))
    above, below = np.zeros((4, 5, 4)), np.zeros((4, 5, 4))
    for z, y, x in np.argwhere(inside):
        weight = np.einsum("a,b,c", *(axis[i] for axis, i in zip(spline.weights, (z, y, x), strict=True)))
        above += weight**3 / (weight**2).sum() * values[z, y, x]
        below += weight**2
    expected = np.divide(above, below, out=np.zeros_like(above), where=below > 1e-8)
    found = spline.fit(np.where(inside, values, 0), spline.totals())
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
