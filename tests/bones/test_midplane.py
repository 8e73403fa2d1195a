"""The midsagittal sheet against the phantom's own, however the body lies and whatever the directions of the scan."""

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from marrow.bones.correction.midplane import Coarse, Sheet, estimate_sheet, rotated
from marrow.bones.correction.sides import correct_sides
from marrow.imaging.grid import Grid
from posed_body import BONES, PosedBody, posed_body

SETTINGS = {
    "enabled": True,
    "tolerance_mm": 15.0,
    "mostly": 0.7,
    "working_mm": 8.0,
    "most_turn_degrees": 25.0,
    "slab_mm": 48.0,
    "stiffness": 2.0,
}
POSTURES = {
    "as it lies": {},
    "turned -12 and shifted": {"turn": -12, "shift": (30, -20, 0)},
    "turned 20": {"turn": 20},
    "scoliotic and slanted": {"slant": -4, "scoliosis_mm": 35},
    "turned and scoliotic": {"turn": 12, "scoliosis_mm": -30},
    "head turned": {"head_turn": 20},
}
UPRIGHT = Sheet(np.array([0.0]), np.array([0.0]), np.array([0.0]))


def posed(name: str) -> PosedBody:
    return posed_body(**POSTURES[name])


@cache
def sheet_of(name: str) -> Sheet:
    return estimate_sheet(posed(name).water, posed(name).body, SETTINGS)


@pytest.mark.parametrize("name", POSTURES)
def test_the_sheet_lies_within_a_voxel_of_the_true_midplane(name):
    body = posed(name)
    sheet = sheet_of(name)
    away = np.abs(sheet.distance(body.midplane_points()))
    assert np.median(away) < 1
    assert away.max() < 8


def test_a_rigid_plane_would_not_follow_a_scoliotic_spine():
    """The sheet is needed: the best plane is farther from the truth than any point of the sheet may be."""
    points = posed("scoliotic and slanted").midplane_points()
    columns = np.column_stack([points[:, 1:], np.ones(len(points))])
    plane, *_ = np.linalg.lstsq(columns, points[:, 0], rcond=None)
    assert np.abs(columns @ plane - points[:, 0]).max() > 15


@pytest.mark.parametrize("orientation", ["RAI", "PLS"])
def test_the_sheet_does_not_depend_on_the_directions_of_the_axes(orientation):
    body = posed("turned and scoliotic")
    water, mask = (sitk.DICOMOrient(image, orientation) for image in (body.water, body.body))
    points = body.midplane_points()
    expected = sheet_of("turned and scoliotic").distance(points)
    assert np.allclose(estimate_sheet(water, mask, SETTINGS).distance(points), expected, atol=0.5)


def test_the_sheet_turns_with_an_oblique_scan():
    """The scan's axes turned by 10 degrees: the body is the same, and so is its sheet."""
    body = posed("as it lies")
    turn = sitk.Euler3DTransform((0, 0, 0), 0, 0, np.deg2rad(10))
    matrix = np.reshape(turn.GetMatrix(), (3, 3))
    grid = sitk.Image(body.water)
    grid.SetDirection(matrix.ravel().tolist())
    grid.SetOrigin((matrix @ np.array(body.water.GetOrigin())).tolist())
    water = sitk.Resample(body.water, grid, sitk.Transform(), sitk.sitkLinear)
    mask = sitk.Resample(body.body, grid, sitk.Transform(), sitk.sitkNearestNeighbor)
    away = np.abs(estimate_sheet(water, mask, SETTINGS).distance(body.midplane_points()))
    assert away.max() < 10


def test_gains_of_the_stations_do_not_move_the_sheet():
    body = posed("scoliotic and slanted")
    array = sitk.GetArrayFromImage(body.water)
    gains = np.repeat([0.6, 1.5, 0.8, 1.3], -(-len(array) // 4))[: len(array)]
    water = sitk.GetImageFromArray(array * gains[:, None, None])
    water.CopyInformation(body.water)
    away = np.abs(estimate_sheet(water, body.body, SETTINGS).distance(body.midplane_points()))
    assert away.max() < 8


def test_a_scan_without_body_or_of_one_slice_still_gives_a_sheet():
    body = posed("as it lies")
    nothing = body.body * 0
    assert np.isfinite(estimate_sheet(body.water, nothing, SETTINGS).across).all()
    one = body.water[:, :, 60:61], body.body[:, :, 60:61]
    assert np.isfinite(estimate_sheet(*one, SETTINGS).across).all()


@pytest.mark.parametrize("degrees", [-20, 0, 7])
def test_a_turned_image_is_that_of_a_general_affine_map(degrees):
    """About a centre between the voxels, in a frame that reaches beyond the image."""
    signal = np.random.default_rng(0).random((3, 14, 22)).astype(np.float32)
    coarse = Coarse(signal, 8.0 * np.arange(22) - 90, 8.0 * np.arange(14) - 40, 8.0 * np.arange(3), 8.0)
    centre, along = (-1.5, 12.0), 8.0 * np.arange(-15, 16)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # of (v, u) to (y, x)
    offset = (np.array(centre[::-1]) + turn @ np.full(2, along[0]) - (-40, -90)) / 8
    expected = [ndimage.affine_transform(part, turn, offset, (31, 31), order=1) for part in signal]
    found = rotated(coarse, centre, angle, along)
    assert np.count_nonzero(found) > signal.size / 2
    assert np.allclose(found, expected, atol=1e-6)


def test_distance_is_measured_across_the_sheet_and_grows_to_the_left():
    sheet = Sheet(np.array([0.0, 100.0]), np.array([0.0, 50.0]), np.array([1.0, 1.0]))
    points = np.array([[10.0, 0, 0], [25, 0, 50], [0, 10, 0], [60, 10, 300]])
    assert np.allclose(sheet.distance(points), np.array([10, 0, -10, 0]) / np.sqrt(2))


def test_a_turned_sheet_passes_its_centre_at_the_given_distance():
    """The line is u = across in a frame turned about the centre: its points are centre + across * u + t * v."""
    turn, across, centre = np.deg2rad(20), 35.0, (7.0, -60.0)
    sheet = Sheet.rotated(np.array([0.0]), np.array([turn]), np.array([across]), centre)
    u, v = np.array([np.cos(turn), np.sin(turn), 0]), np.array([-np.sin(turn), np.cos(turn), 0])
    points = np.array([*centre, 0.0]) + across * u + np.array([[-80.0], [0.0], [50.0]]) * v
    assert np.allclose(sheet.distance(points), 0)
    assert np.allclose(sheet.distance(points + 12 * u), 12)


def sides_settled(labels, sheet, grid, **changed):
    spacing = tuple(grid.spacing[::-1])
    return correct_sides(labels, sheet, grid, BONES, spacing, SETTINGS | changed)


@pytest.mark.parametrize("name", ["turned 20", "turned and scoliotic"])
def test_swapped_bones_come_back_without_an_atlas(name):
    body = posed(name)
    sheet = sheet_of(name)
    femur, other = 17, 18
    raw = body.labels.copy()
    raw[body.labels == femur] = other
    raw[body.labels == 13] = 14  # the left humerus
    outcome = sides_settled(raw, sheet, Grid.of(body.body))
    assert np.mean(outcome.labels[body.labels > 0] == body.labels[body.labels > 0]) > 0.999
    assert any(said.startswith("femur_right: ") and said.endswith("relabelled femur_left") for said in outcome.messages)


@pytest.mark.parametrize("name", list(POSTURES))
def test_true_labels_stay_as_they_are(name):
    body = posed(name)
    sheet = sheet_of(name)
    outcome = sides_settled(body.labels, sheet, Grid.of(body.body))
    assert np.mean(outcome.labels != body.labels) < 1e-6


def blocks(*parts):
    """Labels on a 2 mm grid, x from -60 mm on, painted as (x from, x to, id) in mm."""
    labels = np.zeros((6, 6, 61), np.uint8)
    grid = Grid((61, 6, 6), (2.0, 2.0, 2.0), (-60.0, 0.0, 0.0), (1.0, 0, 0, 0, 1, 0, 0, 0, 1))
    x = -60 + 2.0 * np.arange(61)
    for low, high, number in parts:
        labels[1:4, 1:4, (x >= low) & (x <= high)] = number
    return labels, grid, x


def test_half_a_bone_over_the_sheet_changes_only_beyond_the_tolerance():
    labels, grid, x = blocks((-40, 50, 17))
    settled = sides_settled(labels, UPRIGHT, grid).labels[2, 2]
    assert set(settled[(x < -15) & (x >= -40)]) == {18}
    assert set(settled[(x >= -15) & (x <= 50)]) == {17}


def test_a_component_on_the_wrong_side_changes_up_to_the_sheet_and_one_within_the_tolerance_stays():
    labels, grid, x = blocks((-50, -4, 17), (4, 10, 18))
    settled = sides_settled(labels, UPRIGHT, grid).labels[2, 2]
    assert set(settled[(x <= -4) & (x >= -50)]) == {18}
    assert set(settled[(x >= 4) & (x <= 10)]) == {18}


def test_middle_bones_and_the_input_are_left_alone():
    labels, grid, _ = blocks((-50, -20, 4), (20, 50, 18))
    before = labels.copy()
    outcome = sides_settled(labels, UPRIGHT, grid)
    assert np.array_equal(labels, before)
    assert np.array_equal(outcome.labels == 4, before == 4)
    assert outcome.messages == ("femur_right: 1 component, 1.2 ml on the left side, relabelled femur_left",)


def test_a_flipped_x_axis_does_not_swap_sides():
    labels, grid, _ = blocks((-50, -20, 18), (20, 50, 17))
    flipped = Grid(grid.size, grid.spacing, (60.0, 0.0, 0.0), (-1.0, 0, 0, 0, 1, 0, 0, 0, 1))
    assert not sides_settled(labels[:, :, ::-1].copy(), UPRIGHT, flipped).messages
    assert len(sides_settled(labels, UPRIGHT, flipped).messages) == 2


def test_swaps_of_both_sides_do_not_meet():
    """Both femora swapped: each takes the other's id once, not twice."""
    labels, grid, x = blocks((-50, -20, 17), (20, 50, 18))
    settled = sides_settled(labels, UPRIGHT, grid).labels[2, 2]
    assert set(settled[(x <= -20) & (x >= -50)]) == {18}
    assert set(settled[(x >= 20) & (x <= 50)]) == {17}
