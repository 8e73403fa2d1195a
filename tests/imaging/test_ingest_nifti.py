"""A NIfTI file is read with every voxel in its place in the patient, or refused with words that help."""

import gzip
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.testing import data_path
from scipy.spatial.transform import Rotation

from marrow.errors import ScanStopped
from marrow.imaging.ingest.nifti import read_nifti
from marrow.imaging.volume import intensities

PLANTED = "DOE_JANE_1950"
REAL = ["anatomical.nii", "example_nifti2.nii.gz", "standard.nii.gz", "reoriented_anat_moved.nii"]


@pytest.fixture
def saved(tmp_path):
    """Saves a small image under a name that must not be told; `change` edits its header."""

    def save(array=None, affine=None, change=None, name=f"{PLANTED}.nii.gz"):
        array = np.arange(60, dtype=np.int16).reshape(3, 4, 5) if array is None else array
        image = nib.Nifti1Image(array, np.diag([2, 2, 3, 1]) if affine is None else affine)
        plain = bytearray(image.to_bytes())
        if change:
            header = nib.Nifti1Header.from_fileobj(__import__("io").BytesIO(plain), check=False)
            change(header)
            plain[:348] = header.binaryblock
        path = tmp_path / name
        path.write_bytes(gzip.compress(bytes(plain)) if name.endswith(".gz") else bytes(plain))
        return path

    return save


def stopped(path, check):
    with pytest.raises(ScanStopped) as caught:
        read_nifti(path, "fat")
    assert caught.value.check == check
    assert str(caught.value).startswith("fat: ")
    assert PLANTED not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def same_places(image, reference):
    """Whether voxels have the values and the places that nibabel gives them."""
    data, affine = np.asanyarray(reference.dataobj), reference.affine
    rng = np.random.default_rng(0)
    for _ in range(20):
        index = [int(rng.integers(n)) for n in data.shape[:3]]
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((-x, -y, z), (affine @ [*index, 1])[:3], atol=1e-3)
        assert intensities(image)[tuple(index[::-1])] == pytest.approx(float(data[tuple(index)]))


@pytest.mark.parametrize("name", REAL)
def test_real_files_keep_every_voxel_in_its_place(name, tmp_path):
    path = Path(data_path, name)
    reference = nib.load(path)
    if len(reference.shape) > 3:
        reference = reference.slicer[..., 0]
        path = tmp_path / "first.nii"
        nib.save(reference, path)
    same_places(read_nifti(path, "fat"), reference)


@settings(max_examples=25)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 9)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    mirrored=st.booleans(),
)
def test_any_rotation_and_reflection_is_kept(angles, spacing, origin, mirrored, tmp_path_factory):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(spacing)
    affine[:3, 3] = origin
    if mirrored:
        affine[:, 0] *= -1
    path = tmp_path_factory.mktemp("rotated") / "a.nii"
    reference = nib.Nifti1Image(np.arange(60, dtype=np.float32).reshape(3, 4, 5), affine)
    nib.save(reference, path)
    same_places(read_nifti(path, "fat"), nib.load(path))


@pytest.mark.parametrize("name", ["functional.nii", "example4d.nii.gz"])
def test_several_volumes_in_one_file_are_refused_with_what_to_do(name):
    assert "split the file" in stopped(Path(data_path, name), "dimensions")


def test_a_fourth_axis_of_one_is_no_fourth_axis(saved):
    assert read_nifti(saved(np.ones((3, 4, 5, 1), np.float32)), "fat").GetSize() == (3, 4, 5)


def test_scaled_integers_are_read_in_their_unit(saved):
    def scale(header):
        header["scl_slope"], header["scl_inter"] = 0.5, 10

    image = read_nifti(saved(change=scale), "fat")
    assert intensities(image)[4, 3, 2] == pytest.approx(10 + 0.5 * 59)


@pytest.mark.parametrize("spacing", [0.0, -2.0, np.nan, np.inf])
def test_spacing_that_is_not_above_zero_stops_the_scan_and_is_told(saved, spacing):
    def change(header):
        header["pixdim"][2] = spacing

    assert f"{spacing:g}" in stopped(saved(change=change), "spacing")


def test_a_header_without_orientation_stops_the_scan(saved):
    def change(header):
        header["sform_code"] = header["qform_code"] = 0

    stopped(saved(change=change), "orientation")


@pytest.mark.parametrize("entry", [np.nan, 0.0])
def test_an_empty_affine_stops_the_scan(saved, entry):
    def change(header):
        header["srow_x"][0] = header["srow_y"][0] = header["srow_z"][0] = entry

    stopped(saved(change=change), "orientation")


def test_rounded_cosines_are_mended_and_sheared_axes_refused(saved):
    rounded, sheared = np.diag([2.0, 2.0, 3.0, 1.0]), np.diag([2.0, 2.0, 3.0, 1.0])
    rounded[0, 1], sheared[0, 1] = 1e-3, 0.2
    cosines = np.reshape(read_nifti(saved(affine=rounded), "fat").GetDirection(), (3, 3))
    np.testing.assert_allclose(cosines @ cosines.T, np.eye(3), atol=1e-12)
    stopped(saved(affine=sheared), "orientation")


@pytest.mark.parametrize("name", [f"{PLANTED}.nii", f"{PLANTED}.nii.gz"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_a_file_that_is_cut_off_stops_the_scan_wherever_it_is_cut(saved, name, share):
    path = saved(np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32), name=name)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = stopped(path, "file_damaged")
    assert share < 0.5 or "cut off" in message


def test_a_flipped_bit_in_a_compressed_file_stops_the_scan(saved):
    path = saved(np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the checksum at the end
    path.write_bytes(content)
    stopped(path, "file_damaged")


def test_what_is_no_nifti_stops_the_scan(tmp_path):
    path = tmp_path / f"{PLANTED}.nii"
    path.write_bytes(b"Jane Doe" * 100)
    stopped(path, "file_damaged")


@pytest.mark.parametrize(
    ("array", "check"),
    [
        (np.ones((4, 5), np.float32), "dimensions"),
        (np.ones((3, 4, 5), np.complex64), "file_type"),
        (np.ones((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "file_type"),
    ],
)
def test_what_is_no_single_volume_of_numbers_stops_the_scan(saved, array, check):
    stopped(saved(array), check)


@settings(max_examples=150)
@given(place=st.integers(0, 351), value=st.binary(min_size=1, max_size=8))
def test_a_damaged_header_is_read_or_refused_but_never_crashes(place, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / f"{PLANTED}.nii"
    content = bytearray(nib.Nifti1Image(np.ones((3, 4, 5), np.int16), np.eye(4)).to_bytes())
    content[place : place + len(value)] = value
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused = _refusal(path)
    assert refused is None or PLANTED not in str(refused)
    assert refused is None or refused.__suppress_context__ or refused.__context__ is None


def _refusal(path):
    try:
        read_nifti(path, "fat")
    except ScanStopped as error:
        return error
    return None


def test_nothing_of_the_header_but_geometry_is_kept(saved):
    def change(header):
        header["descrip"], header["aux_file"], header["db_name"] = b"DOE^JANE", b"19500101", b"PAT-4711"

    assert not read_nifti(saved(change=change), "fat").GetMetaDataKeys()
