"""Body mask, shading and ADC: what is known by construction comes back."""

import numpy as np
import pytest
import scipy.ndimage as ndi
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from bodies import SETTINGS, contrasts, raw_body
from marrow.errors import MarrowError
from marrow.imaging.ingest.acquisitions import acquisitions, correct_acquisition, sum_of
from marrow.imaging.ingest.bias import BiasSettings, estimate_log_field, remove_shading, shrink_factors
from marrow.imaging.ingest.body import BodySettings, air_threshold, filled_slices, find_body
from marrow.imaging.ingest.diffusion import apparent_diffusion
from marrow.imaging.volume import intensities, mask_of, same_grid, with_voxels
from toy_body import toy_body

BODY = raw_body()
SIGNAL = sum_of([BODY["water"], BODY["fat"]])
OUTLINE = BodySettings(**SETTINGS["body"])
TRUTH = mask_of(toy_body((48, 32, 92), 10.0).body)
SEEN = np.min([intensities(image) for image in BODY.values()], axis=0) > 10
BIAS = BiasSettings(enabled=True, shrink_mm=20.0, spline_mm=300.0, iterations=[20, 10], convergence=0.001)


def shade(image, strength=0.3):
    """A smooth field, brighter to the left and at the middle of the body."""
    z, _, x = intensities(image).shape
    log = strength * (np.linspace(-1, 1, x) + np.cos(np.linspace(-np.pi, np.pi, z))[:, None, None])
    return np.broadcast_to(log, intensities(image).shape).astype(np.float32)


@settings(max_examples=15)
@given(gain=st.floats(0.01, 100), noise=st.floats(0, 15), tilt=st.floats(0, 0.8))
def test_the_body_is_found_whatever_gain_noise_and_shading(gain, noise, tilt):
    rng = np.random.default_rng(0)
    array = np.hypot(
        intensities(SIGNAL) * np.exp(shade(SIGNAL, tilt)) + rng.normal(0, noise, TRUTH.shape),
        rng.normal(0, noise, TRUTH.shape),
    )
    found = mask_of(find_body(with_voxels((gain * array).astype(np.float32), SIGNAL), OUTLINE))
    assert 2 * (found & TRUTH).sum() / (found.sum() + TRUTH.sum()) > 0.95


def test_lungs_and_a_swap_do_not_change_the_mask_and_a_tube_beside_the_body_is_left_out():
    array = intensities(SIGNAL)
    array[50:62, 12:20, 20:28] = 0
    array[40:60, 2:4, 2:4] = 500
    found = mask_of(find_body(with_voxels(array, SIGNAL), OUTLINE))
    assert found[56, 16, 24]
    assert not found[50, 2, 2]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.1, 0.9))
def test_holes_are_filled_in_each_slice_as_if_it_were_alone(seed, share):
    inside = np.random.default_rng(seed).random((3, 9, 11)) < share
    np.testing.assert_array_equal(filled_slices(inside), [ndi.binary_fill_holes(plane) for plane in inside])


def test_both_legs_count_where_nothing_joins_them():
    legs = SIGNAL[:, :, :20]
    found = mask_of(find_body(legs, OUTLINE))
    assert found[10, :, :24].any()
    assert found[10, :, 24:].any()


def test_the_mask_lies_on_the_grid_of_the_image():
    fine = sitk.Resample(SIGNAL, [96, 64, 184], sitk.Transform(), sitk.sitkLinear, SIGNAL.GetOrigin(), (5, 5, 5))
    found = find_body(fine, OUTLINE)
    assert same_grid(found, fine)
    assert found.GetPixelID() == sitk.sitkUInt8


def test_the_threshold_scales_with_the_image_and_is_zero_for_none():
    values = intensities(SIGNAL)
    assert air_threshold(values * 7) == pytest.approx(7 * air_threshold(values), rel=1e-3)
    assert air_threshold(np.zeros((3, 3, 3), np.float32)) == 0.0


def spread(image):
    """Of the intensities of fat alone, relative."""
    fat = TRUTH & (intensities(BODY["fat"]) > 3 * intensities(BODY["water"]))
    logs = np.log(np.maximum(intensities(image), 1))[fat]
    return float(np.subtract(*np.percentile(logs, [84, 16])) / 2)


def test_correction_removes_most_of_a_shading_and_keeps_the_overall_brightness():
    shaded = with_voxels(intensities(SIGNAL) * np.exp(shade(SIGNAL)), SIGNAL)
    body = find_body(shaded, OUTLINE)
    field = estimate_log_field(shaded, body, BIAS)
    assert spread(remove_shading(shaded, field)) < 0.5 * spread(shaded)
    assert intensities(field)[mask_of(body)].mean() == pytest.approx(0, abs=1e-4)


def test_correction_gives_the_same_bytes_twice():
    body = find_body(SIGNAL, OUTLINE)
    first, second = (intensities(estimate_log_field(SIGNAL, body, BIAS)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("pair", [("water", "fat"), ("b50", "b900")])
def test_correction_keeps_the_ratio_of_contrasts_acquired_together(pair):
    (group,) = acquisitions(contrasts(*pair))
    shaded = {name: with_voxels(intensities(BODY[name]) * np.exp(shade(BODY[name])), BODY[name]) for name in pair}
    corrected = correct_acquisition(group, shaded, find_body(SIGNAL, OUTLINE), BIAS)
    before, after = (
        intensities(images[pair[1]])[SEEN] / intensities(images[pair[0]])[SEEN] for images in (shaded, corrected)
    )
    np.testing.assert_allclose(after, before, rtol=1e-4)
    changes = intensities(corrected[pair[0]])[SEEN] / intensities(shaded[pair[0]])[SEEN]
    assert np.ptp(changes) > 0.1


def test_thinning_follows_millimetres_not_voxels():
    coarse, fine = sitk.Image([100, 100, 100], sitk.sitkFloat32), sitk.Image([200, 200, 400], sitk.sitkFloat32)
    coarse.SetSpacing((4, 4, 8))
    fine.SetSpacing((2, 2, 2))
    assert shrink_factors(coarse, 16) == [4, 4, 2]
    assert shrink_factors(fine, 16) == [8, 8, 8]


@settings(max_examples=20)
@given(adc=st.floats(50, 3500), signal=st.floats(10, 5000), b_low=st.floats(0, 200), b_high=st.floats(400, 1500))
def test_adc_is_the_rate_that_the_signal_decays_with(adc, signal, b_low, b_high):
    low, high = (constant(signal * np.exp(-b * adc * 1e-6)) for b in (b_low, b_high))
    found = intensities(apparent_diffusion(low, high, b_low, b_high, constant(1)))
    np.testing.assert_allclose(found, adc, rtol=1e-3)


def test_adc_is_zero_outside_the_body_and_without_signal_and_never_absurd():
    low, high = constant(100), constant(1e-30)
    assert not intensities(apparent_diffusion(low, high, 50, 900, constant(0))).any()
    assert not intensities(apparent_diffusion(low, constant(0), 50, 900, constant(1))).any()
    assert intensities(apparent_diffusion(low, high, 50, 900, constant(1))).max() == 4000


def test_b_values_out_of_order_are_an_error():
    with pytest.raises(MarrowError, match="b_value"):
        apparent_diffusion(constant(1), constant(1), 900, 50, constant(1))


def constant(value):
    return sitk.Cast(sitk.Image([3, 3, 3], sitk.sitkFloat32) + float(value), sitk.sitkFloat32)
