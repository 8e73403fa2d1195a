"""Stations compose to the body that they were cut from, whatever gains the scanner gave them."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from bodies import contrasts, cut, raw_body
from marrow.imaging.grid import Grid
from marrow.imaging.ingest.acquisitions import acquisitions, compose_acquisition
from marrow.imaging.ingest.gains import Link, solve_gains, station_gains, unlinked
from marrow.imaging.ingest.stations import Slab, compose, composed_grid, feather, place_stations, reference_station
from marrow.imaging.volume import intensities, same_grid, with_voxels

WATER = raw_body()["water"]


def composed(stations, gains=None):
    reference = reference_station(stations)
    grid = composed_grid(stations, reference)
    slabs = place_stations(stations, grid)
    return compose(slabs, gains or station_gains(slabs, reference)[0], grid)


@settings(max_examples=15)
@given(count=st.integers(1, 6), overlap=st.integers(0, 8))
def test_stations_compose_to_the_volume_they_were_cut_from(count, overlap):
    whole = composed(cut(WATER, count, overlap), [1.0] * count)
    assert same_grid(whole, WATER)
    np.testing.assert_allclose(intensities(whole), intensities(WATER), rtol=1e-4, atol=1e-2)


@settings(max_examples=15)
@given(gains=st.lists(st.floats(0.3, 3), min_size=2, max_size=5), overlap=st.integers(2, 8))
def test_unequal_gains_leave_no_seam(gains, overlap):
    stations = cut(WATER, len(gains), overlap, gains)
    whole = intensities(composed(stations))
    expected = intensities(WATER) * gains[reference_station(stations)]
    np.testing.assert_allclose(whole, expected, rtol=1e-3, atol=1e-2)


def test_noise_of_a_tenth_moves_no_gain_by_two_per_cent():
    rng = np.random.default_rng(1)
    gains = [0.7, 1.0, 1.6]
    stations = [
        with_voxels(
            np.abs(gain * intensities(image) + rng.normal(0, 70, image.GetSize()[::-1])).astype(np.float32), image
        )
        for image, gain in zip(cut(WATER, 3, 5), gains, strict=True)
    ]
    found, _ = station_gains(place_stations(stations, composed_grid(stations, 1)), 1)
    np.testing.assert_allclose(found, 1 / np.array(gains), rtol=0.02)


def test_stations_that_only_touch_are_matched_at_the_touching_rows():
    stations = cut(WATER, 2, 0, [1.0, 2.0])
    slabs = place_stations(stations, composed_grid(stations, 0))
    gains, _ = station_gains(slabs, 0)
    assert gains == pytest.approx([1.0, 0.5], rel=0.03)


def test_the_reference_station_is_the_middle_one():
    assert [reference_station(cut(WATER, count, 3)) for count in (1, 3, 5)] == [0, 1, 2]


def test_weights_fall_to_the_end_of_a_station_and_add_up_to_one():
    slabs = [Slab(start, np.zeros((10, 2, 2), np.float32)) for start in (0, 7, 15)]
    weights = feather(slabs)
    total = np.zeros(25)
    for slab, rows in zip(slabs, weights, strict=True):
        total[slab.start : slab.stop] += rows
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)
    assert list(np.diff(weights[0][7:]) < 0) == [True, True]


@settings(max_examples=50)
@given(gains=st.lists(st.floats(0.1, 10), min_size=1, max_size=6), data=st.data())
def test_links_that_agree_are_solved_exactly(gains, data):
    reference = data.draw(st.integers(0, len(gains) - 1))
    links = [Link(a, a + 1, np.log(gains[a] / gains[a + 1]), 100 + a) for a in range(len(gains) - 1)]
    solved = solve_gains(links, len(gains), reference)
    np.testing.assert_allclose(solved, np.array(gains) / gains[reference], rtol=1e-9)


def test_a_direct_link_to_the_reference_outweighs_a_chain_of_small_ones():
    chain = [Link(0, 1, 0.0, 10), Link(1, 2, 0.0, 10)]
    direct = Link(0, 2, float(np.log(2)), 10_000)
    assert solve_gains([*chain, direct], 3, 2)[0] == pytest.approx(2.0, rel=0.01)


def test_a_station_without_a_link_keeps_its_brightness_and_is_named():
    links = [Link(0, 1, 1.0, 100)]
    assert solve_gains(links, 3, 1)[2] == 1.0
    assert unlinked(links, 3, 1) == [2]


def test_stations_with_other_voxels_are_brought_to_the_grid_of_the_reference():
    smooth = sitk.SmoothingRecursiveGaussian(WATER, 25.0)
    lower, middle, upper = cut(smooth, 3, 6)
    finer = sitk.Resample(
        upper, [60, 40, 70], sitk.Transform(), sitk.sitkLinear, upper.GetOrigin(), (7.9, 7.9, 5.0), upper.GetDirection()
    )
    whole = composed([lower, middle, finer])
    assert whole.GetSpacing() == WATER.GetSpacing()
    inner = (slice(5, -5), slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(intensities(whole)[inner], intensities(smooth)[inner], rtol=0.05, atol=8)


def test_stations_keep_an_oblique_direction():
    turned = sitk.Image(WATER)
    c, s = np.cos(0.1), np.sin(0.1)
    turned.SetDirection([1, 0, 0, 0, c, -s, 0, s, c])
    whole = composed(cut(turned, 3, 4, [1.0, 1.0, 1.0]))
    assert whole.GetDirection() == pytest.approx(turned.GetDirection())
    assert whole.GetSize() == turned.GetSize()
    np.testing.assert_allclose(intensities(whole), intensities(turned), rtol=1e-3, atol=0.5)


def test_one_missing_row_between_stations_is_filled_from_its_neighbours():
    lower, upper = WATER[:, :, :40], WATER[:, :, 41:]
    whole = intensities(composed([lower, upper], [1.0, 1.0]))
    expected = (intensities(WATER)[39] + intensities(WATER)[41]) / 2
    np.testing.assert_allclose(whole[40], expected, rtol=1e-4, atol=1e-2)


def test_contrasts_of_one_acquisition_get_the_gains_of_their_guide_and_keep_their_ratio():
    body = raw_body()
    gains = [0.8, 1.0, 1.3]
    stations = {name: cut(body[name], 3, 5, gains) for name in ("b50", "b900")}
    (group,) = acquisitions(contrasts("b900", "b50"))
    assert group.guide == ("b50",)
    result = compose_acquisition(group, stations, "auto")
    assert result.gains["b50"] == result.gains["b900"]
    ratio = intensities(result.volumes["b900"]) / np.maximum(intensities(result.volumes["b50"]), 1)
    np.testing.assert_allclose(
        ratio, intensities(body["b900"]) / np.maximum(intensities(body["b50"]), 1), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(("policy", "has_seam"), [("shared", True), ("auto", False), ("separate", False)])
def test_a_contrast_that_was_scaled_by_itself_is_told_or_gets_its_own_gains(policy, has_seam):
    body = raw_body()
    stations = {"b50": cut(body["b50"], 3, 5), "b900": cut(body["b900"], 3, 5, [1.0, 1.0, 1.5])}
    result = compose_acquisition(acquisitions(contrasts(*stations))[0], stations, policy)
    assert [finding.check for finding in result.findings] == ["station_gain"] * has_seam
    expected = [1.0, 1.0, 1.0 if has_seam else 1 / 1.5]
    np.testing.assert_allclose(result.gains["b900"], expected, rtol=1e-3)


def test_what_stations_show_differently_fades_from_one_to_the_other():
    slabs = [Slab(0, np.full((10, 2, 2), 1.0, np.float32)), Slab(7, np.full((10, 2, 2), 2.0, np.float32))]
    grid = Grid((2, 2, 17), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    column = intensities(compose(slabs, [1.0, 1.0], grid))[:, 0, 0]
    np.testing.assert_allclose(column, [1] * 7 + [1.25, 1.5, 1.75] + [2] * 7, rtol=1e-6)


def test_bright_voxels_outvote_many_dim_ones():
    lower = np.concatenate([np.full(600, 10.0), np.full(400, 100.0)]).astype(np.float32).reshape(1, 20, 50)
    upper = lower * np.where(lower > 50, 2.0, 1.3).astype(np.float32)
    lower[0, 0], upper[0, 0] = 0.0, 0.0  # some air
    lower[0, 1], upper[0, 1] = 0.0, 0.0
    gains, _ = station_gains([Slab(0, lower), Slab(0, upper)], 0)
    assert gains[1] == pytest.approx(0.5)


def test_a_station_between_the_voxels_of_the_others_is_interpolated():
    lower, upper = cut(WATER, 2, 8)
    x, y, z = upper.GetOrigin()
    shifted = sitk.Image(upper)
    shifted.SetOrigin((x, y, z + WATER.GetSpacing()[2] / 2))
    grid = composed_grid([lower, shifted], 0)
    on_lattice, between = (place_stations([lower, station], grid)[1] for station in (upper, shifted))
    assert np.array_equal(on_lattice.array, intensities(upper))
    raw = intensities(upper)
    for number, row in enumerate(between.array):
        below = between.start + number - on_lattice.start - 1  # the voxel half a step lower
        if 0 <= below < len(raw) - 1:
            np.testing.assert_allclose(row, (raw[below] + raw[below + 1]) / 2, rtol=1e-4, atol=1e-2)
