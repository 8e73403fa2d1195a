"""What lies on disk after a scan: NIfTI or DICOM, and the faults that were asked for."""

import warnings
from dataclasses import asdict
from functools import cache

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

import raw_cohort
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.phantom.__main__ import main as write_cohort
from marrow.phantom.faults import with_fault
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scan import simulate
from simulate_scan import main

CONTRASTS = ["fat", "water", "b50", "b900"]
SETTINGS = raw_cohort.SETTINGS | {"seed": 11, "diffuse_with_focal": 0.0}


def row(fault=""):
    return SimulatedScan("focal-01-1", "focal-01", 1, "focal", "focal", "train", "south", "f", 50, fault)


def write(folder, fault="", contrasts=CONTRASTS, file_format="nifti"):
    folder.mkdir(exist_ok=True)
    main(
        bone_table=DEFAULT_TABLE,
        stations=[folder / contrast for contrast in contrasts],
        bones=folder / "bones.nii.gz",
        lesions=folder / "lesions.nii.gz",
        contrasts=contrasts,
        scan=asdict(row(fault)),
        settings=SETTINGS | {"format": file_format},
    )
    return folder


@pytest.fixture(scope="module", autouse=True)
def simulated():
    """One simulation for each choice of contrasts: faults and formats come after it."""
    once = cache(lambda contrasts: simulate(row(), SETTINGS, contrasts, read_bones()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulate_scan.simulate", lambda _row, _settings, contrasts, _bones: once(tuple(contrasts)))
        yield once


@pytest.fixture(scope="module")
def sound(simulated):
    return simulated(tuple(CONTRASTS)).stations


@pytest.fixture(scope="module")
def dicom(tmp_path_factory):
    return write(tmp_path_factory.mktemp("dicom"), file_format="dicom")


def arrays(images):
    return [sitk.GetArrayFromImage(image) for image in images]


def same(first, second):
    return len(first) == len(second) and all(map(np.array_equal, arrays(first), arrays(second)))


def test_no_fault_changes_nothing(sound):
    assert all(same(with_fault("", sound)[contrast], sound[contrast]) for contrast in CONTRASTS)


def test_swapped_fat_water_swaps_the_contents(sound):
    faulty = with_fault("swapped_fat_water", sound)
    assert same(faulty["fat"], sound["water"])
    assert same(faulty["water"], sound["fat"])
    assert same(faulty["b900"], sound["b900"])


def test_missing_station_takes_one_from_the_middle_of_one_contrast(sound):
    faulty = with_fault("missing_station", sound)
    assert len(faulty["b900"]) == len(sound["b900"]) - 1
    assert same(faulty["b900"][:1], sound["b900"][:1])
    assert same(faulty["b900"][-1:], sound["b900"][-1:])
    assert len(faulty["water"]) == len(sound["water"])


def test_wrong_orientation_lays_the_long_axis_front_to_back(sound):
    def extent(images):
        corners = []
        for image in images:
            last = [n - 1 for n in image.GetSize()]
            corners += [image.GetOrigin(), image.TransformIndexToPhysicalPoint(last)]
        return np.ptp(corners, axis=0)

    faulty = with_fault("wrong_orientation", sound)
    for contrast in CONTRASTS:
        assert int(extent(sound[contrast]).argmax()) == 2
        assert int(extent(faulty[contrast]).argmax()) == 1
        assert same(faulty[contrast], sound[contrast])


def test_nan_is_in_one_station_of_water_alone(sound):
    faulty = with_fault("nan", sound)
    assert [bool(np.isnan(values).any()) for values in arrays(faulty["water"])] == [True, False, False, False]
    assert same(faulty["fat"], sound["fat"])


def test_constant_leaves_one_value(sound):
    faulty = with_fault("constant", sound)
    assert {values for station in arrays(faulty["b900"]) for values in np.unique(station)} == {100}
    assert same(faulty["b50"], sound["b50"])


def test_faults_leave_the_sound_stations_as_they_were(sound):
    before = arrays(sound["water"])
    with_fault("nan", sound)
    with_fault("wrong_orientation", sound)
    assert all(map(np.array_equal, before, arrays(sound["water"])))


@pytest.mark.parametrize("file_format", ["nifti", "dicom"])
def test_a_truncated_file_is_shorter_and_the_others_whole(tmp_path, file_format):
    whole = write(tmp_path / "whole", contrasts=["b900"], file_format=file_format)
    cut = write(tmp_path / "cut", "truncated_file", ["b900"], file_format)
    sizes = [[path.stat().st_size for path in sorted((folder / "b900").iterdir())] for folder in (whole, cut)]
    assert sizes[1][-1] < 0.7 * sizes[0][-1]
    assert sizes[0][:-1] == sizes[1][:-1]


def test_nifti_stations_are_named_from_the_head_down(tmp_path):
    folder = write(tmp_path / "scan", contrasts=["water"]) / "water"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"station_{number}.nii.gz" for number in range(1, len(names) + 1)]
    heights = [sitk.ReadImage(str(folder / name)).GetOrigin()[2] for name in names]
    assert heights == sorted(heights, reverse=True)


def test_dicom_gives_back_voxels_and_places(dicom, sound):
    for contrast in ("water", "b900"):
        for number, image in enumerate(sound[contrast], start=1):
            files = sorted((dicom / contrast).glob(f"station_{number}_*.dcm"))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                slices = [pydicom.dcmread(path) for path in files]
            np.testing.assert_array_equal(
                np.stack([item.pixel_array for item in slices]), sitk.GetArrayViewFromImage(image)
            )
            for index, item in enumerate(slices):
                expected = image.TransformIndexToPhysicalPoint((0, 0, index))
                np.testing.assert_allclose(item.ImagePositionPatient, expected, atol=1e-3)
            assert [float(v) for v in slices[0].PixelSpacing] == pytest.approx(image.GetSpacing()[:2])


def test_a_dicom_file_is_what_pydicom_makes_of_its_tags(dicom, tmp_path):
    for path in sorted((dicom / "b900").iterdir())[::40]:
        slice_ = pydicom.dcmread(path)
        fresh = pydicom.Dataset({item.tag: pydicom.DataElement(item.tag, item.VR, item.value) for item in slice_})
        fresh.file_meta = slice_.file_meta
        fresh.save_as(tmp_path / "again.dcm", enforce_file_format=True)
        assert (tmp_path / "again.dcm").read_bytes() == path.read_bytes()


def test_dicom_tags_tell_contrasts_apart_and_stations_are_series(dicom):
    heads = {c: [pydicom.dcmread(p, stop_before_pixels=True) for p in (dicom / c).iterdir()] for c in CONTRASTS}
    assert {h.ImageType[-1] for h in heads["fat"]} == {"FAT"}
    assert {h.ImageType[-1] for h in heads["water"]} == {"WATER"}
    assert {h.DiffusionBValue for h in heads["b50"]} == {50.0}
    assert {h.DiffusionBValue for h in heads["b900"]} == {900.0}
    assert {h.SequenceName for h in heads["b900"]} == {"*ep_b900t"}
    every = [head for group in heads.values() for head in group]
    assert len({h.SeriesInstanceUID for h in every}) == len(CONTRASTS) * 4
    assert len({h.SOPInstanceUID for h in every}) == len(every)
    assert len({h.StudyInstanceUID for h in every}) == 1


def test_dicom_identifiers_are_plainly_made_up(dicom):
    head = pydicom.dcmread(next((dicom / "fat").iterdir()), stop_before_pixels=True)
    assert str(head.PatientName) == "Phantom^focal-01"
    assert head.PatientID == "SIM-focal-01"
    assert head.PatientBirthDate == "19000101"


def test_the_command_writes_a_sheet_whose_paths_exist(tmp_path):
    write_cohort([str(tmp_path), "--patients", "0", "--predict", "1"])
    header, *lines = (tmp_path / "samples.tsv").read_text().splitlines()
    assert header.split("\t")[:5] == ["scan", "patient", "label", "split", "site"]
    cells = dict(zip(header.split("\t"), lines[0].split("\t"), strict=True))
    assert (cells["label"], cells["split"]) == ("", "predict")
    assert all((tmp_path / cells[name]).exists() for name in (*CONTRASTS, "bones", "lesions"))


def test_a_single_station_covers_what_the_stations_cover(sound):
    whole = simulate(row(), SETTINGS | {"single_station": True}, ["water"], read_bones()).stations["water"]
    assert len(whole) == 1
    lowest = min(image.GetOrigin()[2] for image in sound["water"])
    assert whole[0].GetOrigin()[2] == pytest.approx(lowest)
    top = max(image.GetOrigin()[2] + image.GetSize()[2] * image.GetSpacing()[2] for image in sound["water"])
    height = whole[0].GetSize()[2] * whole[0].GetSpacing()[2]
    assert lowest + height == pytest.approx(top, abs=5 * whole[0].GetSpacing()[2])
