"""Signed distances, posture and sampling, against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marrow.phantom.canvas import VoxelGrid
from marrow.phantom.habitus import habitus, lie_down
from marrow.phantom.random_fields import stream, waves
from marrow.phantom.scanner import sample
from marrow.phantom.shapes import Carved, Common, Drum, Ellipsoid, Plate, Rippled, Stack, Tube

SHAPES = {
    "ellipsoid": Ellipsoid((3.0, -2.0, 5.0), (10.0, 20.0, 15.0), (20.0, 30.0, 40.0)),
    "tube": Tube(((0.0, 0.0, 0.0), (10.0, 5.0, 20.0), (0.0, 9.0, 30.0)), (4.0, 6.0, 3.0)),
    "plate": Plate(((0.0, 0.0, 0.0), (20.0, 3.0, 5.0), (4.0, 18.0, 25.0)), 3.0),
    "drum": Drum((1.0, 2.0, 3.0), (14.0, 9.0, 8.0), 0.1, (25.0, 0.0, 0.0)),
    "stack": Stack(((0.0, 10.0, 8.0, 0.0, 1.0), (20.0, 14.0, 9.0, 1.0, 2.0), (40.0, 6.0, 6.0, 0.0, 0.0)), 2.4),
    "carved": Carved(Ellipsoid((0.0, 0.0, 0.0), (15.0,) * 3), (Ellipsoid((5.0, 0.0, 0.0), (8.0,) * 3),)),
    "common": Common((Ellipsoid((0.0, 0.0, 0.0), (15.0,) * 3), Ellipsoid((9.0, 0.0, 0.0), (12.0,) * 3))),
    "rippled": Rippled(Ellipsoid((0.0, 0.0, 0.0), (15.0, 18.0, 12.0)), 3.0, 9.0),
}


def coordinates(points):
    x, y, z = np.asarray(points, np.float32).T
    return x, y, z


@pytest.mark.parametrize("name", SHAPES)
def test_no_point_inside_a_shape_lies_outside_its_box(name):
    shape = SHAPES[name]
    points = np.random.default_rng(0).uniform(-60, 60, (40_000, 3))
    inside = points[shape.distance(coordinates(points)) < 0]
    low, high = shape.box()
    assert len(inside) > 20
    assert (inside >= np.asarray(low) - 1e-3).all()
    assert (inside <= np.asarray(high) + 1e-3).all()


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_distance_to_balls_and_capsules_is_exact(point):
    at = coordinates([point])
    ball = Ellipsoid((1.0, 2.0, 3.0), (10.0, 10.0, 10.0))
    expected = np.linalg.norm(np.subtract(point, (1, 2, 3))) - 10
    if np.linalg.norm(np.subtract(point, (1, 2, 3))) > 1:
        assert ball.distance(at)[0] == pytest.approx(expected, abs=1e-2)
    capsule = Tube(((0.0, 0.0, -10.0), (0.0, 0.0, 10.0)), (5.0, 5.0))
    nearest = np.clip(point[2], -10, 10)
    assert capsule.distance(at)[0] == pytest.approx(np.hypot(np.hypot(*point[:2]), point[2] - nearest) - 5, abs=1e-2)


def test_a_plate_is_its_triangle_thickened():
    plate = Plate(((0.0, 0.0, 0.0), (30.0, 0.0, 0.0), (0.0, 30.0, 0.0)), 2.0)
    found = plate.distance(coordinates([(5, 5, 0), (5, 5, 7), (-4, 5, 0), (40, 0, 0)]))
    np.testing.assert_allclose(found, [-2, 5, 2, 8], atol=1e-4)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), sex=st.sampled_from("fm"))
def test_posture_goes_there_and_back(seed, sex):
    posture = lie_down(habitus(seed, "p", sex, 60), seed, "p-1")
    points = np.random.default_rng(seed).uniform((-200, -100, -400), (200, 100, 800), (50, 3))
    x, y, z = posture.to_scanner(points).T
    np.testing.assert_allclose(np.stack(posture.points_to_body(x, y, z), 1), points, atol=0.01)


def test_sampling_keeps_linear_fields_and_averages_over_thick_slices():
    source = VoxelGrid((-20.0, -20.0, -40.0), (2.0, 2.0, 2.0), (21, 21, 41))
    z, y, x = np.meshgrid(*(source.axis(axis) for axis in (2, 1, 0)), indexing="ij")
    field = (100 + x + 2 * y + 3 * z).astype(np.float32)
    target = VoxelGrid((-9.0, -8.5, -30.0), (1.3, 1.3, 5.0), (10, 10, 12))
    tz, ty, tx = np.meshgrid(*(target.axis(axis) for axis in (2, 1, 0)), indexing="ij")
    jump = np.array([0.4, -0.3, 0.2])
    expected = 100 + (tx + 0.4) + 2 * (ty - 0.3) + 3 * (tz + 0.2)
    np.testing.assert_allclose(sample(field, source, target, jump), expected, atol=1e-3)


def test_streams_with_other_names_do_not_move_each_other():
    first = stream(1, "a", "b").random(3)
    stream(1, "a", "c").random(100)
    np.testing.assert_array_equal(stream(1, "a", "b").random(3), first)
    assert not np.array_equal(stream(1, "a", "c").random(3), first)
    assert not np.array_equal(stream(2, "a", "b").random(3), first)


def test_waves_have_mean_zero_and_variance_one():
    points = coordinates(np.random.default_rng(3).uniform(-2000, 2000, (20_000, 3)))
    values = waves(stream(5, "waves"), 20, 80).at(points)
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1, abs=0.05)
