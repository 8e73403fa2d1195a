"""NRRD and MetaImage files give what the same volume gives as NIfTI, or are refused with words that help."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from marrow.errors import ScanStopped
from marrow.imaging.ingest.itk_files import read_itk
from marrow.imaging.ingest.nifti import read_nifti
from marrow.imaging.ingest.source import find_source
from marrow.imaging.label_map import read_label_map
from marrow.imaging.volume import intensities

PLANTED = "DOE_JANE_1950"
ONE_FILE = ["nrrd", "mha"]
ALL = [*ONE_FILE, "nhdr", "mhd"]


def volume(kind=np.int16, seed=0) -> sitk.Image:
    """An oblique volume of random numbers, with a name in its header."""
    draw = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(draw.integers(0, 3000, (5, 4, 3)).astype(kind))
    image.SetSpacing((1.25, 1.5, 5.0))
    image.SetOrigin((-120.3, 80.7, -613.2))
    image.SetDirection(Rotation.from_euler("xyz", [4, -7, 11], degrees=True).as_matrix().ravel().tolist())
    image.SetMetaData("PatientName", PLANTED)
    return image


@pytest.fixture
def saved(tmp_path):
    """Saves a volume as a file of an ending; `change` edits the bytes of its header."""

    def save(ending, image=None, change=None, compressed=False) -> Path:
        path = tmp_path / f"{PLANTED}.{ending}"
        sitk.WriteImage(volume() if image is None else image, str(path), useCompression=compressed)
        if change:
            before = path.read_bytes()
            path.write_bytes(change(before))
            assert path.read_bytes() != before
        return path

    return save


def stopped(path, check, capfd):
    with pytest.raises(ScanStopped) as caught:
        read_itk(path, "fat")
    assert (caught.value.check, str(caught.value)[:5]) == (check, "fat: ")
    assert PLANTED not in str(caught.value)
    assert "".join(capfd.readouterr()) == "", "what ITK prints may quote the header"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def same(image, other):
    np.testing.assert_array_equal(intensities(image), intensities(other))
    corners = [(0, 0, 0), (2, 3, 4), (2, 0, 0), (0, 3, 0), (0, 0, 4)]
    for corner in corners:
        places = [each.TransformIndexToPhysicalPoint(corner) for each in (image, other)]
        np.testing.assert_allclose(*places, atol=1e-4)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32])
@pytest.mark.parametrize("ending", ALL)
def test_a_volume_is_that_of_the_nifti_file_with_the_same_content(saved, ending, kind, compressed, capfd):
    image = volume(kind)
    nifti = read_nifti(saved("nii.gz", image), "fat")
    read = read_itk(saved(ending, image, compressed=compressed), "fat")
    same(read, nifti)
    assert read.GetPixelID() == sitk.sitkFloat32
    assert not read.GetMetaDataKeys()
    assert PLANTED not in "".join(capfd.readouterr())


def test_directions_that_nrrd_counts_to_the_right_and_the_front_are_turned(tmp_path):
    """The form of programs that follow NIfTI: the axes of a patient are right, anterior, superior."""
    affine = np.array([[2.0, 0, 0, -30], [0, 2.5, 0, -40], [0, 0, 4, 100], [0, 0, 0, 1]])
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    header = (
        "NRRD0005\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 3 4 5\n"
        "space directions: (2,0,0) (0,2.5,0) (0,0,4)\nspace origin: (-30,-40,100)\nendian: little\nencoding: raw\n\n"
    )
    (tmp_path / "ras.nrrd").write_bytes(header.encode() + array.tobytes(order="F"))
    nib.save(nib.Nifti1Image(array, affine), tmp_path / "ras.nii")
    same(read_itk(tmp_path / "ras.nrrd", "fat"), read_nifti(tmp_path / "ras.nii", "fat"))


CUT = [("nrrd", False), ("nrrd", True), ("mha", False), ("mha", True)]


@pytest.mark.parametrize(("ending", "compressed"), CUT)
def test_a_file_that_is_cut_off_stops_the_scan(saved, ending, compressed, capfd):
    path = saved(ending, compressed=compressed, change=lambda content: content[:-20])
    assert "copy or export" in stopped(path, "file_damaged", capfd)


@pytest.mark.parametrize("ending", ALL)
def test_what_is_no_such_file_stops_the_scan(tmp_path, ending, capfd):
    path = tmp_path / f"{PLANTED}.{ending}"
    path.write_bytes(b"\x00\xff" * 300)
    stopped(path, "file_damaged", capfd)


@pytest.mark.parametrize(
    ("ending", "change", "check"),
    [
        ("nrrd", lambda text: text.replace(b"space: left-posterior-superior", b"# space"), "orientation"),
        ("nrrd", lambda text: text.replace(b"left-posterior-superior", b"scanner-xyz"), "orientation"),
        ("mha", lambda text: text.replace(b"TransformMatrix", b"Transform_Other"), "orientation"),
        ("mha", lambda text: text.replace(b"ElementSpacing = 1.25", b"ElementSpacing = 0.00"), "spacing"),
        ("mha", lambda text: text.replace(b"ElementSpacing = 1.25", b"ElementSpacing = -1.2"), "spacing"),
        ("mha", lambda text: text.replace(b"ElementSpacing = 1.25", b"ElementSpacing = DOE_"), "spacing"),
        ("nrrd", lambda text: text.replace(b"sizes: 3 4 5", b"sizes: 3 4 DOE_JANE_1950"), "file_damaged"),
    ],
)
def test_a_header_that_leaves_the_place_open_or_is_wrong_stops_the_scan(saved, ending, change, check, capfd):
    stopped(saved(ending, change=change), check, capfd)


@pytest.mark.parametrize("ending", ONE_FILE)
def test_several_volumes_or_numbers_for_a_voxel_stop_the_scan(saved, ending, capfd):
    stopped(saved(ending, sitk.JoinSeries([volume(), volume()])), "dimensions", capfd)
    vectors = sitk.Compose([volume(), volume()])
    assert stopped(saved(ending, vectors), "file_type" if ending == "mha" else "dimensions", capfd)


@pytest.mark.parametrize(("ending", "field"), [("nhdr", b"data file: "), ("mhd", b"ElementDataFile = ")])
def test_the_data_of_a_header_is_one_file_beside_it(saved, tmp_path, ending, field, capfd):
    path = saved(ending)
    elsewhere = path.read_bytes().replace(field, field + b"../")
    data = next(file for file in tmp_path.iterdir() if ".raw" in file.name)
    content = path.read_bytes()
    path.write_bytes(elsewhere)
    assert "beside it" in stopped(path, "file_missing", capfd)
    path.write_bytes(content)
    data.unlink()
    assert "beside it" in stopped(path, "file_missing", capfd)


def test_a_data_file_whose_name_is_part_of_the_header_is_read(tmp_path):
    """Its name alone is replaced: `3` is also the number of axes."""
    image = volume()
    sitk.WriteImage(image, str(tmp_path / "v.mhd"))
    (tmp_path / "v.raw").rename(tmp_path / "3")
    (tmp_path / "v.mhd").write_bytes((tmp_path / "v.mhd").read_bytes().replace(b"= v.raw", b"= 3"))
    np.testing.assert_array_equal(intensities(read_itk(tmp_path / "v.mhd", "fat")), sitk.GetArrayFromImage(image))


def test_a_folder_may_hold_headers_with_their_data_and_a_header_alone_is_refused(saved, tmp_path):
    path = saved("mhd")
    assert find_source(tmp_path, "fat", tmp_path).files == (path,)
    with pytest.raises(ScanStopped, match="give the folder that holds both"):
        find_source(path, "fat", tmp_path)
    with pytest.raises(ScanStopped, match="save the map as one"):
        read_label_map(path, "bones")


@pytest.mark.parametrize("ending", ONE_FILE)
def test_label_maps_come_as_one_file_of_either_format(saved, ending):
    labels = sitk.Cast(volume() > 1500, sitk.sitkInt16)
    read = read_label_map(saved(ending, labels), "bones")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(labels))
    assert not read.GetMetaDataKeys()
