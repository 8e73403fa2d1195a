"""In a DICOM folder tags tell which slices make a contrast; what they do not tell is asked for, never guessed."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from bodies import cut, raw_body, retag, write_series
from marrow.errors import ScanStopped
from marrow.imaging.ingest import dicom, dicom_tags
from marrow.imaging.ingest.acquired import read_contrasts
from marrow.imaging.ingest.dicom import read_stack
from marrow.imaging.ingest.dicom_series import Query, find_stacks
from marrow.imaging.ingest.dicom_tags import read_slices
from marrow.imaging.volume import intensities

BODY = raw_body()
B_VALUES = {"b50": 50.0, "b900": 900.0}
PLANTED = "DOE_JANE_1950"


def read(folder, *contrasts, **series):
    overrides = {contrast: {"series": number} for contrast, number in series.items()}
    return read_contrasts([folder] * len(contrasts), dict.fromkeys(contrasts, 1), overrides, B_VALUES)


def stopped(check, call, *args, **kwargs):
    with pytest.raises(ScanStopped) as caught:
        call(*args, **kwargs)
    assert caught.value.check == check
    assert PLANTED not in str(caught.value)
    return str(caught.value)


def files(folder):
    return sorted(Path(folder).rglob("*.dcm"))


def slices(folder):
    return read_slices(files(folder), "fat")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / PLANTED


@pytest.mark.parametrize(
    "name",
    [
        "MR_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_RLE.dcm",
    ],
)
def test_a_real_image_keeps_its_pixels_and_places(name):
    path = Path(get_testdata_file(name))
    (piece,) = read_slices([path], "fat")
    image = read_stack([piece], "fat")
    pixels = pydicom.dcmread(get_testdata_file("MR_small.dcm")).pixel_array
    assert piece.position == pytest.approx((-83.9063, -91.2, 6.6406), abs=1e-3)
    for row, column in ((0, 0), (5, 40), (63, 63)):
        at = np.asarray(piece.position) + (column * np.array([1, 0, 0]) + row * np.array([0, 1, 0])) * 0.3125
        index = image.TransformPhysicalPointToIndex([float(mm) for mm in at])
        assert intensities(image)[tuple(index[::-1])] == pixels[row, column]


def test_a_real_file_that_is_cut_off_stops_the_scan():
    stopped("file_damaged", read_slices, [Path(get_testdata_file("MR_truncated.dcm"))], "fat")


def test_a_real_study_without_telling_tags_asks_for_the_series_number(folder):
    shutil.copytree(Path(get_testdata_file("MR_small.dcm")).parent / "dicomdirtests/98892003", folder)
    message = stopped("dicom_not_found", read, folder, "fat", "water")
    assert "fat_series" in message


def test_water_and_fat_in_one_folder_are_told_apart(folder):
    for contrast in ("fat", "water"):
        write_series(cut(BODY[contrast], 3, 4), contrast, folder)
    stations = read(folder, "fat", "water")
    assert [len(images) for images in stations.values()] == [3, 3]
    for contrast, images in stations.items():
        for image, expected in zip(images, cut(BODY[contrast], 3, 4), strict=True):
            np.testing.assert_allclose(intensities(image), np.rint(intensities(expected)))
            assert image.GetOrigin() == pytest.approx(expected.GetOrigin(), abs=1e-3)


def test_b_values_in_one_series_are_told_apart(folder):
    for contrast in ("b50", "b900"):
        write_series([BODY[contrast]], contrast, folder)
    retag(files(folder), SeriesNumber=3, SeriesInstanceUID="1.2.3")
    stations = read(folder, "b50", "b900")
    for contrast in ("b50", "b900"):
        np.testing.assert_allclose(intensities(stations[contrast][0]), np.rint(intensities(BODY[contrast])))


def test_stations_within_one_series_are_split_where_positions_jump(folder):
    write_series(cut(BODY["fat"], 3, 4), "fat", folder)
    for number, path in enumerate(files(folder)):
        retag([path], SeriesNumber=3, SeriesInstanceUID="1.2.3", InstanceNumber=number + 1)
    assert len(read(folder, "fat")["fat"]) == 3


def tagged(**tags):
    dataset = Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


@pytest.mark.parametrize(
    ("tags", "shows"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "WATER"]}, "water"),
        ({"ImageType": ["DERIVED", "PRIMARY", "W", "W", "DERIVED"]}, "water"),
        ({"ImageType": ["DERIVED", "PRIMARY", "F", "F", "DERIVED"], "SeriesDescription": "mDixon_W"}, "fat"),
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "t1_vibe_dixon_cor_W"}, "water"),
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "t1_vibe_dixon_cor_F"}, "fat"),
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "FatSat_t2"}, ""),
        ({"ImageType": ["DERIVED", "PRIMARY", "FF", "FF"]}, "other"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "IN_PHASE"], "SeriesDescription": "x_W"}, "other"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, "other"),
        ({}, ""),
    ],
)
def test_vendors_ways_to_say_water_and_fat(tags, shows):
    image_type = {str(token) for token in tags.get("ImageType", ())}
    assert dicom_tags.shown_by(image_type, tags.get("SeriesDescription", "")) == shows


@pytest.mark.parametrize(
    ("tag", "vr", "value", "b_value"),
    [
        (0x00189087, "FD", 900.0, 900.0),
        (0x0019100C, "IS", "900", 900.0),
        (0x0019100C, "UN", b"900 ", 900.0),
        (0x00431039, "IS", ["1000000900", "8", "0", "0"], 900.0),
        (0x00431039, "UN", b"1000000900\\8\\0\\0", 900.0),
        (0x20011003, "FL", 900.0, 900.0),
        (0x20011003, "UN", np.float32(900).tobytes(), 900.0),
        (0x00180024, "SH", "*ep_b900t", 900.0),
        (0x00180024, "SH", "*fl3d2", None),
    ],
)
def test_vendors_ways_to_say_the_b_value(tag, vr, value, b_value):
    dataset = Dataset()
    dataset.add_new(tag, vr, value)
    assert dicom_tags.b_value_of(dataset) == b_value


def test_two_series_in_one_place_stop_the_scan_until_the_sheet_names_one(folder):
    write_series([BODY["fat"]], "fat", folder, SeriesNumber=7)
    write_series([BODY["fat"] * 2], "fat", folder / "again", SeriesNumber=9, SeriesInstanceUID="1.2.9")
    retag(files(folder / "again"), SOPInstanceUID=None)
    for number, path in enumerate(files(folder / "again")):
        retag([path], SOPInstanceUID=f"1.2.9.{number}")
    message = stopped("dicom_ambiguous", read, folder, "fat")
    assert "series 7, 9 " in message
    assert "fat_series" in message
    chosen = read(folder, "fat", fat=9)["fat"]
    np.testing.assert_allclose(intensities(chosen[0]), np.rint(intensities(BODY["fat"] * 2)))


def test_a_series_number_that_is_not_there_is_told_with_those_that_are(folder):
    write_series([BODY["fat"]], "fat", folder, SeriesNumber=7)
    assert "holds series 7" in stopped("dicom_not_found", read, folder, "fat", fat=5)


def test_several_series_numbers_are_the_stations(folder):
    write_series(cut(BODY["fat"], 3, 4), "fat", folder)
    assert len(read(folder, "fat", fat=[11, 31])["fat"]) == 2


def test_copies_of_a_file_and_files_that_are_no_dicom_do_not_count(folder):
    write_series([BODY["fat"]], "fat", folder)
    shutil.copytree(folder / "fat", folder / "copy")
    (folder / "DICOMDIR_of_a_kind").write_bytes(b"no DICOM")
    assert len(read(folder, "fat")["fat"]) == 1


def test_a_folder_for_one_contrast_needs_no_tags(folder):
    write_series([BODY["fat"]], "fat", folder, ImageType=["ORIGINAL", "PRIMARY"], SeriesDescription="axial")
    assert len(read(folder, "fat")["fat"]) == 1


def test_a_folder_for_two_contrasts_needs_tags(folder):
    write_series([BODY["fat"]], "fat", folder, ImageType=["ORIGINAL", "PRIMARY"], SeriesDescription="axial")
    stopped("dicom_not_found", read, folder, "fat", "water")


def test_a_folder_that_says_it_shows_something_else_is_refused(folder):
    write_series([BODY["water"]], "water", folder)
    assert "says that it shows fat" in stopped("dicom_not_found", read, folder, "fat")


def test_the_trace_is_taken_where_single_directions_lie_beside_it(folder):
    write_series([BODY["b900"]], "b900", folder, SeriesNumber=3)
    write_series([BODY["b50"]], "b50", folder)
    retag(
        files(folder / "b50"),
        ImageType=["ORIGINAL", "PRIMARY"],
        DiffusionBValue=900.0,
        DiffusionDirectionality="DIRECTIONAL",
        SeriesNumber=4,
    )
    (image,) = read(folder, "b900")["b900"]
    np.testing.assert_allclose(intensities(image), np.rint(intensities(BODY["b900"])))


def test_repeated_volumes_in_one_series_stop_the_scan(folder):
    write_series([BODY["b900"]], "b900", folder)
    write_series([BODY["b50"]], "b50", folder)
    numbered = enumerate(files(folder / "b900") + files(folder / "b50"), start=1)
    for number, path in numbered:
        retag([path], DiffusionBValue=900.0, SeriesNumber=3, SeriesInstanceUID="1.2.3", InstanceNumber=number)
    assert "several volumes" in stopped("dicom_ambiguous", read, folder, "b900")


def test_two_examinations_in_one_folder_stop_the_scan(folder):
    write_series(cut(BODY["fat"], 2, 4), "fat", folder)
    retag(files(folder)[:10], StudyInstanceUID="1.2.3")
    stopped("dicom_ambiguous", read, folder, "fat")


def test_scattered_slices_stop_the_scan(folder):
    write_series([BODY["fat"]], "fat", folder)
    rng = np.random.default_rng(0)
    for path in rng.permutation(files(folder))[:40]:
        path.unlink()
    stopped("dicom_slices", read, folder, "fat")


def test_a_slice_that_is_cut_off_stops_the_scan(folder):
    write_series([BODY["fat"]], "fat", folder)
    last = files(folder)[-1]
    last.write_bytes(last.read_bytes()[:-200])
    assert "cut off" in stopped("file_damaged", read, folder, "fat")


def test_slices_that_dcm2niix_leaves_out_stop_the_scan(folder, monkeypatch):
    write_series([BODY["fat"]], "fat", folder)
    (stack,) = find_stacks(slices(folder), Query("fat"), "fat")
    whole = dicom.read_nifti
    monkeypatch.setattr(dicom, "read_nifti", lambda path, where: whole(path, where)[:, :, 1:])
    assert "92 files" in stopped("dicom_conversion", read_stack, stack, "fat")


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_a_compressed_slice_that_is_cut_off_stops_the_scan(folder, name):
    folder.mkdir()
    for number in range(5):
        shutil.copy(get_testdata_file(name), folder / f"{number}.dcm")
    for number, path in enumerate(files(folder)):
        retag(
            [path], SOPInstanceUID=f"1.2.{number}", InstanceNumber=number + 1, ImagePositionPatient=[0, 0, 2.0 * number]
        )
    stack = slices(folder)
    assert read_stack(stack, "fat").GetSize() == (64, 64, 5)
    content = stack[2].path.read_bytes()
    stack[2].path.write_bytes(content[: len(content) // 2])
    stopped("dicom_conversion", read_stack, stack, "fat")


@settings(max_examples=60)
@given(place=st.integers(132, 1800), value=st.binary(min_size=1, max_size=6))
def test_a_damaged_header_is_read_or_refused_but_never_crashes(place, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / f"{PLANTED}.dcm"
    content = bytearray(Path(get_testdata_file("MR_small.dcm")).read_bytes())
    content[place : place + len(value)] = value
    path.write_bytes(content)
    try:
        read_slices([path], "fat")
    except ScanStopped as error:
        refused = error
    else:
        refused = None
    assert refused is None or PLANTED not in str(refused)


def test_enhanced_dicom_is_refused_with_what_to_do(folder):
    write_series([BODY["fat"]], "fat", folder)
    retag(files(folder)[:1], NumberOfFrames=4, ImagePositionPatient=None)
    assert "dcm2niix" in stopped("dicom_multi_frame", read, folder, "fat")


def test_bad_values_are_neither_told_nor_logged(folder, caplog, recwarn, capfd):
    write_series([BODY["fat"]], "fat", folder)
    path = files(folder)[0]
    content = path.read_bytes().replace(b"\\PRIMARY\\DIXON\\FAT", b"\\DOE_JANE_1950\\F\xff ")
    path.write_bytes(content.replace(b"station", PLANTED[:7].encode()))
    retag(files(folder)[1:2], InstanceNumber=None)
    read(folder, "fat")
    captured = capfd.readouterr()
    told = " ".join([caplog.text, captured.out, captured.err, *(str(warning.message) for warning in recwarn)])
    assert PLANTED not in told


def test_the_order_of_files_does_not_matter(folder):
    write_series(cut(BODY["fat"], 3, 4), "fat", folder)
    wanted = Query("fat")
    forward = find_stacks(slices(folder), wanted, "fat")
    assert find_stacks(slices(folder)[::-1], wanted, "fat") == forward
