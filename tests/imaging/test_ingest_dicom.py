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

from bodies import contrasts as declared
from bodies import cut, raw_body, retag, write_series
from marrow.errors import ScanStopped
from marrow.imaging.ingest import dicom, dicom_tags
from marrow.imaging.ingest.acquired import read_contrasts
from marrow.imaging.ingest.dicom import read_stack
from marrow.imaging.ingest.dicom_series import Query, select
from marrow.imaging.ingest.dicom_tags import read_slices
from marrow.imaging.volume import intensities

BODY = raw_body()
PLANTED = "DOE_JANE_1950"


def read_all(folder, *contrasts, average="geometric", **series):
    overrides = {contrast: {"series": numbers} for contrast, numbers in series.items()}
    counts = dict.fromkeys(contrasts, 1)
    return read_contrasts([folder] * len(contrasts), counts, overrides, declared(*contrasts), average)


def read(folder, *contrasts, **series):
    return {name: acquired.stations for name, acquired in read_all(folder, *contrasts, **series).items()}


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
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "SAG T1W"}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "T2W"}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "HEAD F"}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY"], "SeriesDescription": "cor dixon WATER"}, "water"),
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
        (0x00651009, "FD", 900.0, 900.0),
        (0x00651009, "UN", np.float64(900).tobytes(), 900.0),
        (0x00180024, "SH", "*ep_b900t", 900.0),
        (0x00180024, "SH", "*fl3d2", None),
    ],
)
def test_vendors_ways_to_say_the_b_value(tag, vr, value, b_value):
    dataset = Dataset()
    dataset.add_new(tag, vr, value)
    assert dicom_tags.b_value_of([dataset]) == b_value


def again(folder, series, *stations, time="130000"):
    """Write stations of fat once more, as another series of the same examination, an hour later."""
    place = folder / f"again{series}"
    for number, image in enumerate(stations):
        write_series([image], "fat", place / str(number))
    tags = {"SeriesInstanceUID": f"1.2.{series}", "AcquisitionTime": time, "SeriesNumber": series}
    for number, path in enumerate(files(place)):
        retag([path], **tags, SOPInstanceUID=f"1.2.{series}.{number}", InstanceNumber=number + 1)


def test_of_a_station_that_was_acquired_again_the_later_one_is_taken_and_all_others_stay(folder):
    first = cut(BODY["fat"], 3, 4)
    write_series(first, "fat", folder)
    again(folder, 90, first[1] * 2)
    acquired = read_all(folder, "fat")["fat"]
    assert [finding.check for finding in acquired.findings] == ["dicom_repeated"]
    assert "series 21 lie where" in acquired.findings[0].message
    for image, expected in zip(acquired.stations, (first[0], first[1] * 2, first[2]), strict=True):
        np.testing.assert_allclose(intensities(image), np.rint(intensities(expected)), atol=1)


def test_of_a_station_that_was_broken_off_the_complete_one_is_taken(folder):
    first = cut(BODY["fat"], 3, 4)
    write_series(first, "fat", folder)
    again(folder, 90, first[1][:, :, 2:] * 2)
    acquired = read_all(folder, "fat")["fat"]
    np.testing.assert_allclose(intensities(acquired.stations[1]), np.rint(intensities(first[1])))


def test_the_series_that_the_sheet_names_first_is_preferred(folder):
    first = cut(BODY["fat"], 3, 4)
    write_series(first, "fat", folder)
    again(folder, 90, first[1] * 2)
    acquired = read_all(folder, "fat", fat=[11, 21, 31, 90])["fat"]
    np.testing.assert_allclose(intensities(acquired.stations[1]), np.rint(intensities(first[1])))
    assert [finding.severity for finding in acquired.findings] == ["note"]


def test_a_composition_by_the_scanner_beside_the_stations_stops_the_scan_until_the_sheet_names_series(folder):
    write_series(cut(BODY["fat"], 3, 4), "fat", folder)
    again(folder, 90, BODY["fat"])
    message = stopped("dicom_ambiguous", read, folder, "fat")
    assert "such as 11;21;31." in message
    assert len(read(folder, "fat", fat=[11, 21, 31])["fat"]) == 3
    assert len(read(folder, "fat", fat=[90])["fat"]) == 1


def test_a_series_number_that_is_not_there_is_told_with_those_that_are(folder):
    write_series([BODY["fat"]], "fat", folder, SeriesNumber=7)
    assert "holds series 7" in stopped("dicom_not_found", read, folder, "fat", fat=[5])


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


def test_a_folder_for_one_contrast_is_taken_as_it_is_and_a_contradiction_is_told(folder):
    write_series([BODY["water"]], "water", folder)
    acquired = read_all(folder, "fat")["fat"]
    assert len(acquired.stations) == 1
    assert [(finding.check, finding.severity) for finding in acquired.findings] == [("dicom_tags", "warn")]
    assert "their tags say water" in acquired.findings[0].message


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


def directions(folder, *images, by_position=False, **tags):
    """Write images of b900 as directions in one series, direction after direction or slice after slice."""
    for number, image in enumerate(images):
        write_series([image], "b900", folder / str(number))
    slices = len(files(folder)) // len(images)
    for number, path in enumerate(files(folder)):
        direction, row = divmod(number, slices)
        order = row * len(images) + direction if by_position else number
        told = {"ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"], "DiffusionDirectionality": "DIRECTIONAL"}
        ids = {"SeriesInstanceUID": "1.2.3", "SOPInstanceUID": f"1.2.3.{number}", "InstanceNumber": order + 1}
        retag([path], **told, **ids, **tags)


@pytest.mark.parametrize("by_position", [False, True])
def test_directions_are_averaged_and_counted(folder, by_position):
    directions(folder, BODY["b900"], BODY["b900"] * 2, BODY["b900"] * 4, by_position=by_position)
    acquired = read_all(folder, "b900")["b900"]
    assert acquired.b_value == 900
    assert "the mean of 3 images" in acquired.findings[0].message
    (image,) = acquired.stations
    inside = intensities(BODY["b900"]) > 20
    np.testing.assert_allclose(intensities(image)[inside], 2 * intensities(BODY["b900"])[inside], rtol=0.05)
    (image,) = read_all(folder, "b900", average="arithmetic")["b900"].stations
    np.testing.assert_allclose(intensities(image)[inside], 7 / 3 * intensities(BODY["b900"])[inside], rtol=0.05)


def test_several_volumes_without_diffusion_in_one_series_stop_the_scan(folder):
    directions(folder, BODY["b900"], BODY["b900"], DiffusionBValue=None, SequenceName="*fl3d2")
    assert "several volumes" in stopped("dicom_ambiguous", read, folder, "fat")


@pytest.mark.parametrize(("b_value", "taken"), [(800, 800), (1000, 1000)])
def test_the_b_value_of_the_scan_is_its_own(folder, b_value, taken):
    write_series([BODY["b900"]], "b900", folder, DiffusionBValue=float(b_value))
    assert read_all(folder, "b900")["b900"].b_value == taken


@pytest.mark.parametrize("b_value", [400, 2000])
def test_a_b_value_beyond_the_range_of_a_contrast_is_not_taken_for_it(folder, b_value):
    write_series([BODY["b900"]], "b900", folder, DiffusionBValue=float(b_value))
    assert f"b = {b_value} s/mm2" in stopped("b_value", read, folder, "b900")


def test_of_several_b_values_the_nearest_is_taken_unless_the_sheet_gives_one(folder):
    for number, b_value in enumerate((600, 800)):
        write_series([BODY["b900"] * (number + 1)], "b900", folder / str(number))
        retag(files(folder / str(number)), DiffusionBValue=float(b_value), SeriesInstanceUID=f"1.2.{number}")
        for row, path in enumerate(files(folder / str(number))):
            retag([path], SOPInstanceUID=f"1.2.{number}.{row}")
    assert read_all(folder, "b900")["b900"].b_value == 800
    overrides = {"b900": {"b_value": 600.0}}
    acquired = read_contrasts([folder], {"b900": 1}, overrides, declared("b900"))["b900"]
    assert acquired.b_value == 600
    np.testing.assert_allclose(intensities(acquired.stations[0]), np.rint(intensities(BODY["b900"])))
    overrides = {"b900": {"b_value": 1000.0}}
    message = stopped("b_value", read_contrasts, [folder], {"b900": 1}, overrides, declared("b900"))
    assert "600, 800" in message


def test_a_named_series_with_another_b_value_stops_the_scan(folder):
    write_series([BODY["b50"]], "b50", folder, SeriesNumber=4)
    message = stopped("b_value", read, folder, "b900", b900=[4])
    assert "b = 50 s/mm2, and b900 takes 600 to 1200" in message


@pytest.mark.parametrize(
    ("tag", "vr", "filler", "b_value"),
    [
        (0x00431039, "IS", ["0", "1073741824", "0", "0"], ["1000000800", "8", "0", "0"]),  # GE
        (0x20011003, "FL", 0.0, 800.0),  # Philips
        (0x00189087, "FD", 0.0, 800.0),
    ],
)
def test_a_zero_without_diffusion_is_no_b_value(folder, tag, vr, filler, b_value):
    write_series([BODY["fat"]], "fat", folder, ImageType=["ORIGINAL", "PRIMARY"], SeriesDescription="axial")

    def write(path, value, **tags):
        dataset = pydicom.dcmread(path)
        dataset.add_new(tag, vr, value)
        for name, of_tag in tags.items():
            setattr(dataset, name, of_tag)
        dataset.save_as(path)

    for path in files(folder):
        write(path, filler)
    assert {piece.b_value for piece in slices(folder)} == {None}
    write(files(folder)[0], b_value)
    assert {piece.b_value for piece in slices(folder)} == {0.0, 800.0}
    for path in files(folder):
        write(path, filler, ScanningSequence="EP")
    assert {piece.b_value for piece in slices(folder)} == {0.0}


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
    (station,) = select(slices(folder), Query(*declared("fat")), "fat").stations
    (stack,) = station.repeats
    whole = dicom.read_nifti
    monkeypatch.setattr(dicom, "read_nifti", lambda path, where: whole(path, where)[:, :, 1:])
    assert "92 slices" in stopped("dicom_conversion", read_stack, stack, "fat")


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
    fat = Query(*declared("fat"))
    forward = select(slices(folder), fat, "fat")
    assert select(slices(folder)[::-1], fat, "fat") == forward
