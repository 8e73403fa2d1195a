"""The face goes out of a head wherever it lies, the skull and the neck stay, and without a head nothing changes."""

import numpy as np
import pytest
import SimpleITK as sitk

from bodies import SETTINGS
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.imaging.face import face_of, without_face
from marrow.imaging.ingest.acquisitions import sum_of
from marrow.imaging.ingest.body import BodySettings, find_body
from marrow.imaging.volume import mask_of, with_voxels
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scan import simulate
from marrow.planning.config import complete, read_schema
from marrow.workflow.parse import REPOSITORY

SKULL, CERVICAL = 1, 2
BONES = read_bones(DEFAULT_TABLE)


def scan_of(seed, site, sex):
    """Body mask, water image and true bones of a simulated scan, on one grid."""
    schema = read_schema(REPOSITORY / "schemas/config.schema.yaml")
    settings = complete({"simulate": {"single_station": True, "seed": seed}}, schema)["simulate"]
    row = SimulatedScan("S", "P", 1, "healthy", "healthy", "train", site, sex, 60, "")
    scanned = simulate(row, settings, ("fat", "water"), BONES)
    fat, water = (
        sitk.DICOMOrient(sitk.Cast(scanned.stations[name][0], sitk.sitkFloat32), "LPS") for name in ("fat", "water")
    )
    body = find_body(sum_of([water, fat]), BodySettings(**{**SETTINGS["body"], "working_mm": 4}))
    labels = scanned.anatomy.grid.image(scanned.anatomy.labels)
    return body, water, sitk.Resample(labels, water, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


@pytest.fixture(scope="module")
def scan():
    return scan_of(3, "north", "f")


def surface_in_front(body, face):
    """The share of the head's front surface, from brow to chin, that is gone."""
    inside = mask_of(body)
    rows = np.flatnonzero(face.any(axis=(1, 2)))
    first = inside[rows].argmax(axis=1)  # the first voxel of the body from the front, (rows, x)
    x = np.flatnonzero(inside[rows].any(axis=(0, 1)))
    middle = slice(int(np.percentile(x, 35)), int(np.percentile(x, 65)))
    gone = np.take_along_axis(face[rows], first[:, np.newaxis], axis=1)[:, 0]
    shown = inside[rows].any(axis=1)
    return gone[:, middle][shown[:, middle]].mean()


@pytest.mark.parametrize(("seed", "site", "sex"), [(1, "north", "m"), (2, "south", "f"), (3, "south", "m")])
def test_the_face_is_gone_and_brain_case_neck_and_all_below_stay(seed, site, sex):
    body, _, labels = scan_of(seed, site, sex)
    face, bones = face_of(body), sitk.GetArrayFromImage(labels)
    height = np.flatnonzero(face.any(axis=(1, 2)))[[0, -1]]
    assert 100 < np.ptp(height) * body.GetSpacing()[2] < 220
    assert surface_in_front(body, face) > 0.98
    assert (face & (bones == CERVICAL)).sum() == 0
    assert (face & (bones > CERVICAL)).sum() == 0
    assert (face & (bones == SKULL)).sum() < 0.4 * (bones == SKULL).sum()


def test_a_scan_that_ends_below_the_head_stays_as_it_is(scan):
    body, _, labels = scan
    bones = sitk.GetArrayFromImage(labels)
    neck = int(np.median(np.flatnonzero((bones == CERVICAL).any(axis=(1, 2)))))
    for end in (neck, neck - 10, neck // 2):
        assert not face_of(body[:, :, :end]).any()


def test_raised_arms_beside_the_head_do_not_hide_it(scan):
    body, _, _ = scan
    raised = mask_of(body).astype(np.uint8)
    z, _, x = raised.shape
    middle = int(np.average(np.arange(x), weights=raised.sum(axis=(0, 1))))
    depth = slice(20, 45)
    for arm in (slice(middle - 48, middle - 34), slice(middle + 34, middle + 48)):
        raised[z // 2 :, depth, arm] = 1
    alone, with_arms = face_of(body), face_of(with_voxels(raised, body))
    overlap = 2 * (alone & with_arms).sum() / (alone.sum() + with_arms.sum())
    assert overlap > 0.9


def test_an_empty_mask_has_no_face():
    empty = sitk.Image([20, 20, 60], sitk.sitkUInt8)
    empty.SetSpacing([10.0, 10.0, 30.0])
    assert not face_of(empty).any()


def test_an_image_on_another_grid_loses_the_same_place(scan):
    body, water, _ = scan
    coarse = sitk.BinShrink(water, [2, 2, 2])
    faceless = without_face(coarse, body)
    gone = (sitk.GetArrayFromImage(coarse) != 0) & (sitk.GetArrayFromImage(faceless) == 0)
    where = sitk.Resample(
        with_voxels(face_of(body).astype(np.uint8), body), coarse, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0
    )
    assert np.array_equal(gone, mask_of(where) & (sitk.GetArrayFromImage(coarse) != 0))
    assert faceless.GetOrigin() == coarse.GetOrigin()
