"""Each check finds its own fault, says what to do, and is silent on a sound scan."""

import numpy as np
import pytest
import SimpleITK as sitk

from bodies import SETTINGS, contrasts, cut, raw_body
from marrow.errors import ScanStopped
from marrow.imaging.ingest.acquisitions import acquisitions, sum_of
from marrow.imaging.ingest.body import BodySettings, find_body
from marrow.imaging.ingest.check_body import check_agreement, check_body, check_swap
from marrow.imaging.ingest.check_gains import check_gains
from marrow.imaging.ingest.check_stations import check_gaps, check_geometry, check_stations, check_values
from marrow.imaging.ingest.check_volumes import check_volumes
from marrow.imaging.ingest.findings import Finding, read_findings, stop_on_findings, write_checks
from marrow.imaging.volume import intensities, with_voxels

BODY = raw_body()
OUTLINE = BodySettings(**SETTINGS["body"])
MASK = find_body(sum_of([BODY["water"], BODY["fat"]]), OUTLINE)
GROUPS = acquisitions(contrasts(*BODY))


def found(findings):
    return [(finding.check, finding.severity) for finding in findings]


def volumes(**replaced):
    return check_volumes({**BODY, **replaced}, "water", GROUPS, 120.0, 600.0)


def moved(image, x=0.0, y=0.0, z=0.0):
    image = sitk.Image(image)
    image.SetOrigin([a + b for a, b in zip(image.GetOrigin(), (x, y, z), strict=True)])
    return image


def flipped(image, axis):
    return with_voxels(np.flip(intensities(image), axis).copy(), image)


def changed(image, index, value):
    array = intensities(image)
    array[index] = value
    return with_voxels(array, image)


def test_a_sound_scan_raises_no_finding():
    assert not check_stations({name: cut(image, 3, 4) for name, image in BODY.items()}, 0.002)
    assert not volumes()
    assert not check_body(MASK)
    assert not check_agreement(BODY, MASK, OUTLINE)
    assert not check_swap(BODY["water"], BODY["fat"], MASK)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_voxel_that_is_no_number_stops_the_scan(value):
    assert found(check_values(changed(BODY["fat"], (3, 4, 5), value), "fat", "fat", 0.002)) == [
        ("finite_values", "stop")
    ]


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_a_constant_station_stops_the_scan_and_is_told_once(value):
    stations = [changed(image, ..., value) for image in cut(BODY["fat"], 3, 4)]
    (finding,) = check_stations({"fat": stations}, 0.002)
    assert (finding.check, finding.severity) == ("constant_volume", "stop")
    assert "station 1 of 3" in finding.message


def test_intensities_that_are_cut_off_are_warned_of():
    array = intensities(BODY["fat"])
    top = np.percentile(array, 97)
    clipped = with_voxels(np.minimum(array, top).astype(np.float32), BODY["fat"])
    assert found(check_values(clipped, "fat", "fat", 0.002)) == [("clipped_values", "warn")]
    assert not check_values(clipped, "fat", "fat", 0.9)


@pytest.mark.parametrize(
    ("spacing", "severity"),
    [((0.01, 2, 2), "stop"), ((2, 2, 40), "stop"), ((0.3, 2, 2), "warn"), ((2, 2, 15), "warn")],
)
def test_implausible_spacing_stops_or_warns(spacing, severity):
    image = sitk.Image(BODY["fat"])
    image.SetSpacing(spacing)
    assert found(check_geometry(image, "fat", "fat")) == [("spacing", severity)]


def test_a_single_slice_is_no_scan():
    assert found(check_geometry(BODY["fat"][:, :, :1], "fat", "fat")) == [("dimensions", "stop")]


def test_a_station_missing_in_the_middle_is_told_with_its_place():
    stations = cut(BODY["fat"], 4, 3)
    (finding,) = check_gaps([*stations[:1], *stations[2:]], "fat")
    assert (finding.check, finding.severity) == ("missing_station", "stop")
    assert "between stations 1 and 2 of 3" in finding.message


def test_stations_that_touch_or_overlap_have_no_gap():
    assert not check_gaps(cut(BODY["fat"], 4, 0), "fat")
    assert not check_gaps(cut(BODY["fat"], 4, 6), "fat")


def test_stations_beside_each_other_have_their_axes_exchanged():
    stations = [
        moved(image, y=300.0 * number, z=-image.GetOrigin()[2]) for number, image in enumerate(cut(BODY["fat"], 3, 4))
    ]
    assert ("orientation", "stop") in found(check_stations({"fat": stations}, 0.002))


@pytest.mark.parametrize("shift", [{"x": 900.0}, {"y": -400.0}, {"z": 2000.0}])
def test_contrasts_in_different_places_stop_the_scan(shift):
    assert ("contrasts_overlap", "stop") in found(volumes(b900=moved(BODY["b900"], **shift)))


def test_a_contrast_that_ends_before_its_partner_lacks_a_station():
    findings = volumes(fat=BODY["fat"][:, :, 5:])
    assert ("missing_station", "stop") in found(findings)
    assert any("fat ends 50 mm before water at the feet" in finding.message for finding in findings)


@pytest.mark.parametrize(("rows", "stops"), [(10, False), (13, True)])
def test_an_acquisition_may_end_earlier_than_another_up_to_a_limit(rows, stops):
    shorter = {name: BODY[name][:, :, :-rows] for name in ("b50", "b900")}
    assert (("missing_station", "stop") in found(volumes(**shorter))) == stops


def test_other_grids_are_noted_and_short_scans_warned_of():
    moved_slightly = {name: moved(BODY[name], x=3.0) for name in ("b50", "b900")}
    assert found(volumes(**moved_slightly)) == [("contrast_grids", "note")]
    short = {name: image[:, :, 20:60] for name, image in BODY.items()}
    assert found(volumes(**short)) == [("coverage", "warn")]


def test_an_empty_body_stops_the_scan():
    assert found(check_body(changed(MASK, ..., 0))) == [("body", "stop")]


@pytest.mark.parametrize(("axes", "severity"), [((2, 1, 0), "stop"), ((0, 2, 1), "stop")])
def test_a_body_that_lies_across_stops_the_scan(axes, severity):
    assert found(check_body(sitk.PermuteAxes(MASK, axes))) == [("orientation", severity)]


def test_a_single_station_is_only_warned_of():
    assert found(check_body(MASK[:, :, 50:70])) == [("orientation", "warn")]


def test_a_body_head_down_is_warned_of():
    assert found(check_body(flipped(MASK, 0))) == [("orientation", "warn")]


@pytest.mark.parametrize(("axis", "words"), [(0, "head and feet"), (1, "front and back")])
def test_a_contrast_mirrored_against_the_others_stops_the_scan(axis, words):
    shifted = {name: moved(image, y=0) for name, image in BODY.items()}
    leaning = {name: _leaning(image) for name, image in shifted.items()}
    mask = find_body(sum_of([leaning["water"], leaning["fat"]]), OUTLINE)
    assert not check_agreement(leaning, mask, OUTLINE)
    leaning["b900"] = flipped(leaning["b900"], axis)
    (finding,) = check_agreement(leaning, mask, OUTLINE)
    assert (finding.check, finding.severity, finding.contrast) == ("orientation", "stop", "b900")
    assert words in finding.message


def _leaning(image):
    """Moved to the front within its field of view, as a patient on a table is."""
    return with_voxels(np.roll(np.pad(intensities(image), ((0, 0), (0, 12), (0, 0))), -2, axis=1), _wider(image))


def _wider(image):
    return sitk.ConstantPad(image, [0, 0, 0], [0, 12, 0], 0.0)


def test_swapped_columns_are_warned_of():
    (finding,) = check_swap(BODY["fat"], BODY["water"], MASK)
    assert (finding.check, finding.severity) == ("fat_water_swap", "warn")
    assert "columns" in finding.message


def test_a_swap_in_one_station_is_warned_of_with_its_place():
    water, fat = intensities(BODY["water"]), intensities(BODY["fat"])
    rows = slice(48, 64)
    water[rows], fat[rows] = fat[rows].copy(), water[rows].copy()
    (finding,) = check_swap(with_voxels(water, MASK), with_voxels(fat, MASK), MASK)
    assert "a part of the body" in finding.message
    assert "480-560 mm" in finding.message


def test_gains_that_are_hard_to_believe_are_warned_of():
    assert found(check_gains([1.0, 5.0, 0.1], [], ["fat"])) == [("station_gain", "warn")] * 2
    assert not check_gains([1.0, 2.0, 0.5], [], ["fat"])


def test_a_stop_names_its_first_check_and_tells_all_messages():
    findings = [
        Finding("clipped_values", "warn", "fat", "Warned."),
        Finding("spacing", "stop", "fat", "Spacing."),
        Finding("finite_values", "stop", "fat", "NaN."),
    ]
    with pytest.raises(ScanStopped, match=r"^Spacing\. NaN\.$") as caught:
        stop_on_findings(findings)
    assert caught.value.check == "spacing"
    assert stop_on_findings(findings[:1]) == findings[:1]


def test_findings_survive_their_file(tmp_path):
    findings = [Finding("clipped_values", "warn", "fat", "Ä \t <b>")]
    write_checks(tmp_path / "checks.json", "S1", findings, {})
    assert read_findings(tmp_path / "checks.json") == findings
