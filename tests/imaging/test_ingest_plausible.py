"""Images that cannot be what the sheet says are told, and sound ones are not, however sick the patient."""

from datetime import date

import numpy as np
import pytest
import SimpleITK as sitk

from bodies import PLAUSIBLE, SETTINGS, contrasts
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.imaging.ingest.acquisitions import sum_of
from marrow.imaging.ingest.body import BodySettings, find_body
from marrow.imaging.ingest.check_plausible import (
    Limits,
    check_b_values,
    check_days,
    check_plausible,
    mutual_information,
)
from marrow.imaging.volume import intensities, with_voxels
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scan import simulate
from marrow.planning.config import complete, read_schema
from marrow.workflow.parse import REPOSITORY

NAMES = ("fat", "water", "b50", "b900")
LIMITS = Limits(**{key: value for key, value in PLAUSIBLE.items() if key != "voxel_ratio"})
B_VALUES = {"b50": 50.0, "b900": 900.0}


def scan_of(disease):
    schema = read_schema(REPOSITORY / "schemas/config.schema.yaml")
    settings = complete({"simulate": {"single_station": True}}, schema)["simulate"]
    row = SimulatedScan("S", "P", 1, disease, disease, "train", "north", "f", 60, "")
    images = simulate(row, settings, NAMES, read_bones(DEFAULT_TABLE)).stations
    return {
        name: sitk.DICOMOrient(sitk.Cast(stations[0], sitk.sitkFloat32), "LPS") for name, stations in images.items()
    }


@pytest.fixture(scope="module")
def scan():
    return scan_of("diffuse")


def check(volumes, **changed):
    body = find_body(sum_of([volumes["water"], volumes["fat"]]), BodySettings(**SETTINGS["body"]))
    limits = Limits(**{**{name: getattr(LIMITS, name) for name in LIMITS.__dataclass_fields__}, **changed})
    return check_plausible(contrasts(*NAMES), volumes, body, B_VALUES, limits)


def checks(volumes, **changed):
    return [(finding.check, finding.severity, finding.contrast) for finding in check(volumes, **changed)[0]]


def mirrored(image):
    return with_voxels(np.ascontiguousarray(intensities(image)[..., ::-1]), image)


@pytest.mark.parametrize("disease", ["healthy", "focal", "diffuse"])
def test_sound_scans_have_no_finding_and_lie_far_from_every_limit(disease):
    findings, measures = check(scan_of(disease))
    assert findings == []
    assert measures["b900"]["brighter_share"] < LIMITS.brighter_share / 5
    assert 600 < measures["b900"]["adc_median"] < 1800
    assert max(measures[name]["mirrored_gain"] for name in ("fat", "b50", "b900")) < -0.2
    assert max(measures[b].get(f"correlation_with_{a}", 0) for a in NAMES for b in NAMES) < 0.97


def test_exchanged_b_values_stop_the_scan(scan):
    assert checks({**scan, "b50": scan["b900"], "b900": scan["b50"]}) == [("b_values_exchanged", "stop", "b900")]


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize(("one", "other"), [("fat", "water"), ("b50", "b900"), ("water", "b50")])
def test_one_image_for_two_contrasts_stops_the_scan(scan, one, other, scale):
    assert ("same_image", "stop", other) in checks({**scan, other: scan[one] * scale})


def test_a_high_b_value_that_is_partly_brighter_and_an_adc_of_no_tissue_are_told(scan):
    noisy = {**scan, "b900": scan["b900"] * 2.6}
    assert ("adc_range", "warn", "b900") in checks(noisy)
    assert ("brighter_at_high_b", "warn", "b900") in checks(noisy, brighter_share=0.05)


def test_negative_values_stop_the_scan_and_a_few_do_not(scan):
    assert ("negative_values", "stop", "water") in checks({**scan, "water": scan["water"] - 200.0})
    rippled = intensities(scan["water"])
    rippled[::9] = np.where(rippled[::9] < 5, -1, rippled[::9])
    assert not [found for found in checks({**scan, "water": with_voxels(rippled, scan["water"])}) if found[1] == "stop"]


def test_a_contrast_that_is_missing_from_a_fifth_of_the_body_is_told(scan):
    rows = scan["b900"].GetSize()[2]
    short = {**scan, "b900": scan["b900"][:, :, rows // 3 :], "b50": scan["b50"][:, :, rows // 3 :]}
    assert ("partly_missing", "warn", "b900") in checks(short)
    assert ("partly_missing", "warn", "fat") not in checks(short)


@pytest.mark.parametrize("name", ["fat", "b50", "b900"])
def test_a_contrast_with_left_and_right_exchanged_is_told(scan, name):
    assert ("mirrored", "warn", name) in checks({**scan, name: mirrored(scan[name])})


def test_contrasts_of_two_days_are_told_without_the_days():
    days = {"fat": frozenset([date(2020, 1, 1)]), "b900": frozenset([date(2020, 1, 13)]), "water": frozenset()}
    (finding,) = check_days(days, LIMITS)
    assert "12 days apart" in finding.message
    assert "2020" not in finding.message
    assert check_days({"fat": days["fat"], "b900": days["fat"]}, LIMITS) == []


def test_a_b_value_that_only_the_files_tell_asks_for_the_column_of_the_sheet():
    both = contrasts("b50", "b900")
    (finding,) = check_b_values({"b50": 50, "b900": 800}, {}, both)
    assert "write 800 into the column b_high" in finding.message
    assert check_b_values({"b50": 50, "b900": 800}, {"b900": {"b_value": 800.0}}, both) == []
    assert check_b_values({"b50": 52, "b900": 900}, {}, both) == []


def test_mutual_information_is_that_of_a_copy_and_nothing_for_independent_values():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50_000)).astype(np.float32)
    assert mutual_information(a, np.exp(a)) == pytest.approx(np.log(32), abs=1e-3)
    assert mutual_information(a, b) < 0.02
