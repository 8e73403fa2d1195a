"""What scanners and archives really export comes in: same voxels, same millimetres, and the right part of it."""

import gzip
import warnings
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from bodies import contrasts as declared
from bodies import raw_body, retag, write_nifti, write_series
from enhanced_dicom import Part, item, write_enhanced
from marrow.errors import ScanStopped
from marrow.imaging.ingest.acquired import read_contrasts
from marrow.imaging.ingest.dicom import read_stack
from marrow.imaging.ingest.dicom_tags import read_slices
from marrow.imaging.volume import intensities

BODY = raw_body()
REAL = Path(nib.__file__).parent / "nicom/tests/data"
DIXON = ("DERIVED", "PRIMARY", "DIXON")


def unzipped(name, folder):
    target = folder / "1.dcm"
    target.write_bytes(gzip.decompress((REAL / name).read_bytes()))
    return target


def read(path, *names, overrides=None, average="geometric"):
    return read_contrasts([path] * len(names), dict.fromkeys(names, 1), overrides or {}, declared(*names), average)


def assert_shows(acquired, image):
    (station,) = acquired.stations
    np.testing.assert_allclose(intensities(station), np.rint(intensities(image)), atol=1e-3)
    assert station.GetOrigin() == pytest.approx(image.GetOrigin(), abs=1e-3)
    assert station.GetSpacing() == pytest.approx(image.GetSpacing(), abs=1e-3)


def test_real_siemens_mosaics_in_gzip_are_told_apart_by_their_b_values(tmp_path):
    for name in ("siemens_dwi_0.dcm.gz", "siemens_dwi_1000.dcm.gz"):
        (tmp_path / name).write_bytes((REAL / name).read_bytes())
    acquired = read(tmp_path, "b50", "b900")
    assert (acquired["b50"].b_value, acquired["b900"].b_value) == (0, 1000)
    (image,) = acquired["b900"].stations
    assert image.GetSize() == (128, 128, 48)
    assert image.GetSpacing() == pytest.approx((1.796875, 1.796875, 3.0), abs=1e-4)
    with warnings.catch_warnings(action="ignore"):  # nibabel calls its readers experimental
        from nibabel.nicom.dicomwrappers import wrapper_from_file
    reference = wrapper_from_file(unzipped("siemens_dwi_1000.dcm.gz", tmp_path))
    for index in ((0, 0, 0), (127, 127, 0), (60, 70, 47)):
        place = image.TransformPhysicalPointToContinuousIndex(
            [float(mm) for mm in (reference.affine @ (*index, 1))[:3]]
        )
        assert place == pytest.approx(np.rint(place), abs=0.02)
        assert intensities(image)[tuple(round(i) for i in place[::-1])] == reference.get_data()[index]


def test_a_real_philips_enhanced_file_keeps_its_voxels_and_places(tmp_path):
    path = unzipped("philips_mprage.dcm.gz", tmp_path)
    slices = read_slices([path], "water")
    image = read_stack(slices, "water")
    truth = pydicom.dcmread(path)
    stored = truth.pixel_array
    for frame in (0, 80, 175):
        assert slices[frame].position == pytest.approx(
            truth.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence[0].ImagePositionPatient, abs=1e-3
        )
        index = image.TransformPhysicalPointToIndex([float(mm) for mm in slices[frame].position])
        assert intensities(image)[tuple(index[::-1])] == stored[frame, 0, 0]
    assert image.GetSize() == (256, 256, 176)


@pytest.mark.parametrize("maker", ["Philips", "SIEMENS", "GE MEDICAL SYSTEMS"])
def test_water_and_fat_in_one_enhanced_file_are_told_apart_by_their_frames(tmp_path, maker):
    parts = [Part(BODY["fat"], (*DIXON, "FAT")), Part(BODY["water"], (*DIXON, "WATER"))]
    path = write_enhanced([*parts, Part(BODY["b50"], (*DIXON, "IN_PHASE"))], tmp_path / "a", Manufacturer=maker)
    acquired = read(path, "fat", "water")
    assert_shows(acquired["fat"], BODY["fat"])
    assert_shows(acquired["water"], BODY["water"])


def test_b_values_and_directions_in_one_enhanced_file_are_told_apart_and_averaged(tmp_path):
    kind = ("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE")
    doubled = [Part(BODY["b900"] * factor, kind, 800.0) for factor in (1, 2, 4)]
    path = write_enhanced([Part(BODY["b50"], kind, 50.0, "NONE"), *doubled], tmp_path / "a")
    acquired = read(path, "b50", "b900")
    assert_shows(acquired["b50"], BODY["b50"])
    assert acquired["b900"].b_value == 800
    assert "the mean of 3 images" in acquired["b900"].findings[0].message
    trace = Part(BODY["b900"] * 3, kind, 800.0, "ISOTROPIC")
    path = write_enhanced([*doubled, trace], tmp_path / "b")
    assert_shows(read(path, "b900")["b900"], BODY["b900"] * 3)


def test_a_scale_for_each_frame_is_applied(tmp_path):
    path = write_enhanced([Part(BODY["fat"], (*DIXON, "FAT"), slope=0.5)], tmp_path / "a", Manufacturer="SIEMENS")
    (station,) = read(path, "fat")["fat"].stations
    np.testing.assert_allclose(intensities(station), intensities(BODY["fat"]), atol=0.3)


def test_philips_own_scale_is_applied_as_to_classic_files(tmp_path):
    path = write_enhanced([Part(BODY["fat"], (*DIXON, "FAT"), slope=0.5)], tmp_path / "a")
    file = pydicom.dcmread(path)
    for frame in file.PerFrameFunctionalGroupsSequence:
        private = item()
        private.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(0x0E, "FL", 0.25)
        frame.add_new(0x2005140F, "SQ", [private])
    file.save_as(path)
    (station,) = read(path, "fat")["fat"].stations
    stored = np.rint(intensities(BODY["fat"]) / 0.5)
    np.testing.assert_allclose(intensities(station), stored / 0.25, rtol=1e-4)


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_compressed_frames_of_an_enhanced_file_keep_their_pixels(tmp_path, name):
    one = pydicom.dcmread(get_testdata_file(name))
    frame = next(generate_frames(one.PixelData, number_of_frames=1))
    grid = sitk.Image([64, 64, 5], sitk.sitkFloat32)
    path = write_enhanced(
        [Part(grid, (*DIXON, "FAT"))], tmp_path / "a", one.file_meta.TransferSyntaxUID, [frame] * 5,
        PixelRepresentation=one.PixelRepresentation, BitsStored=one.BitsStored, HighBit=one.HighBit,
    )  # fmt: skip
    (station,) = read(path, "fat")["fat"].stations
    expected = pydicom.dcmread(get_testdata_file("MR_small.dcm")).pixel_array
    np.testing.assert_array_equal(intensities(station), np.broadcast_to(expected, (5, 64, 64)))


def test_zipped_dicom_is_read_and_the_names_in_the_archive_go_nowhere(tmp_path):
    write_series([BODY["fat"]], "fat", tmp_path / "raw")
    with zipfile.ZipFile(tmp_path / "exam.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, path in enumerate(sorted((tmp_path / "raw").rglob("*.dcm"))):
            archive.write(path, f"../../Doe_Jane/{number}.dcm")
    assert_shows(read(tmp_path / "exam.zip", "fat")["fat"], BODY["fat"])
    assert not list(tmp_path.rglob("*Doe*"))


@pytest.mark.parametrize("name", ["exam.zip", "image.dcm.gz"])
def test_a_damaged_archive_stops_the_scan(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ScanStopped, match="cut off or damaged") as caught:
        read(tmp_path / name, "fat")
    assert caught.value.check == "file_damaged"


def test_screen_saves_colour_maps_and_phase_images_are_no_contrast(tmp_path):
    write_series([BODY["fat"]], "fat", tmp_path)
    write_series(
        [BODY["fat"]], "fat", tmp_path / "phase", ImageType=["ORIGINAL", "PRIMARY", "P", "ND"], SeriesNumber=70
    )
    retag(sorted((tmp_path / "phase").rglob("*.dcm")), SeriesInstanceUID="1.2.7")
    for number, path in enumerate(sorted((tmp_path / "phase").rglob("*.dcm"))):
        retag([path], SOPInstanceUID=f"1.2.7.{number}")
    screen = pydicom.dcmread(next((tmp_path / "fat").rglob("*.dcm")))
    del screen.ImagePositionPatient
    screen.SOPInstanceUID = "1.2.8"
    screen.save_as(tmp_path / "screen.dcm")
    colours = pydicom.dcmread(next((tmp_path / "fat").rglob("*.dcm")))
    colours.SamplesPerPixel, colours.PhotometricInterpretation, colours.PlanarConfiguration = 3, "RGB", 0
    colours.PixelData, colours.SOPInstanceUID = colours.PixelData * 3, "1.2.9"
    colours.save_as(tmp_path / "colours.dcm")
    assert_shows(read(tmp_path, "fat")["fat"], BODY["fat"])


def four_dimensional(folder, volumes, b_values=None):
    image = sitk.JoinSeries(volumes)
    path = write_nifti(image, folder / "dwi.nii.gz")
    if b_values is not None:
        (folder / "dwi.bval").write_text(" ".join(map(str, b_values)) + "\n", encoding="utf-8")
    return path


def test_volumes_of_a_nifti_file_are_chosen_by_the_b_values_beside_it(tmp_path):
    volumes = [BODY["b50"], BODY["b900"], BODY["b50"] * 7, BODY["b900"] * 4]
    path = four_dimensional(tmp_path, volumes, [50, 800, 400, 800])
    acquired = read(path, "b50", "b900")
    assert (acquired["b50"].b_value, acquired["b900"].b_value) == (50, 800)
    (low,), (high,) = acquired["b50"].stations, acquired["b900"].stations
    np.testing.assert_allclose(intensities(low), intensities(BODY["b50"]))
    np.testing.assert_allclose(intensities(high), 2 * intensities(BODY["b900"]), rtol=1e-4)
    assert "the mean of 2 images" in acquired["b900"].findings[0].message
    (high,) = read(path, "b900", average="arithmetic")["b900"].stations
    np.testing.assert_allclose(intensities(high), 2.5 * intensities(BODY["b900"]), rtol=1e-4)


@pytest.mark.parametrize(
    ("b_values", "check", "words"),
    [
        (None, "dimensions", "ending .bval"),
        ([50, 800, 400], "b_value", "2 volumes, and 3 b-values"),
        ([0, 50], "b_value", "b900 takes 600 to 1200"),
        (["x", 50], "b_value", "cannot be read"),
    ],
)
def test_volumes_without_usable_b_values_stop_the_scan(tmp_path, b_values, check, words):
    path = four_dimensional(tmp_path, [BODY["b50"], BODY["b900"]], b_values)
    with pytest.raises(ScanStopped, match=words) as caught:
        read(path, "b900")
    assert caught.value.check == check


def test_the_b_value_of_one_volume_is_the_sheets_or_the_one_beside_it_or_the_declared_one(tmp_path):
    path = write_nifti(BODY["b900"], tmp_path / "dwi.nii")
    assert read(path, "b900")["b900"].b_value == 900
    assert read(path, "b900", overrides={"b900": {"b_value": 1000.0}})["b900"].b_value == 1000
    (tmp_path / "dwi.json").write_text('{"DiffusionBValue": 800, "PatientName": "Doe"}', encoding="utf-8")
    assert read(path, "b900")["b900"].b_value == 800
    (tmp_path / "dwi.bval").write_text("1000\n", encoding="utf-8")
    assert read(path, "b900")["b900"].b_value == 1000


def test_days_of_acquisition_are_known(tmp_path):
    write_series([BODY["fat"]], "fat", tmp_path)
    assert [day.isoformat() for day in read(tmp_path, "fat")["fat"].days] == ["2000-01-01"]
