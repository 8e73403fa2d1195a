"""A scan goes from raw files to volumes that hold the body and nothing of the person."""

import gzip
import json
import logging
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

import ingest_scan
from bodies import SETTINGS, cut, raw_body, retag, write_nifti, write_series
from bodies import contrasts as declared
from marrow.errors import ScanStopped
from marrow.imaging.ingest.source import find_source
from marrow.imaging.volume import intensities, mask_of, same_grid
from toy_body import CONTRASTS

BODY = raw_body()
GAINS = [0.8, 1.0, 1.3]
PLANTED = ["Doe", "Jane", "19500613", "PAT-4711", "ACC-0815", "Dr. Who", "St. Elsewhere"]


def stations(name):
    return cut(BODY[name], 3, 5, GAINS)


@pytest.fixture
def ingest(tmp_path):
    """Runs the stage on raw paths, `contrast -> list`, and returns the folder of its outputs."""

    def run(raw, contrasts=CONTRASTS, overrides=None, folder="out", **settings):
        out = tmp_path / folder
        out.mkdir()
        ingest_scan.main(
            raw=[path for paths in raw.values() for path in paths],
            layout={name: len(paths) for name, paths in raw.items()},
            contrasts=[contrast.declaration() for contrast in declared(*contrasts)],
            volumes=[out / f"{name}.nii" for name in contrasts],
            body=out / "body.nii",
            checks=out / "checks.json",
            scan="S1",
            overrides=overrides or {},
            settings={**SETTINGS, **settings},
        )
        return out

    return run


@pytest.fixture
def raw(tmp_path):
    """One compressed NIfTI file for each station of each contrast."""
    return {
        name: [write_nifti(image, tmp_path / f"raw/{name}_{i}.nii.gz") for i, image in enumerate(stations(name))]
        for name in CONTRASTS
    }


def same_as_body(out, gain=1.0):
    for name in CONTRASTS:
        image = sitk.ReadImage(str(out / f"{name}.nii"))
        assert same_grid(image, BODY[name], 1e-2)
        assert image.GetPixelID() == sitk.sitkFloat32
        np.testing.assert_allclose(intensities(image), gain * intensities(BODY[name]), rtol=0.02, atol=3)


def test_files_of_stations_become_the_body(ingest, raw):
    out = ingest(raw)
    same_as_body(out)
    body = sitk.ReadImage(str(out / "body.nii"))
    assert body.GetPixelID() == sitk.sitkUInt8
    assert same_grid(body, BODY["water"], 1e-2)
    checks = json.loads((out / "checks.json").read_text())
    assert checks["scan"] == "S1"
    assert checks["findings"] == []
    assert checks["facts"]["b900"]["stations"] == 3
    assert checks["facts"]["b900"]["gains"] == pytest.approx(1 / np.array(GAINS), rel=0.02)


def test_a_folder_of_stations_equals_their_list(ingest, raw, tmp_path):
    for name, paths in raw.items():
        for path in paths:
            (tmp_path / "folders" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "folders" / name)
    first = ingest(raw)
    second = ingest({name: [tmp_path / "folders" / name] for name in raw}, folder="again")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_the_order_of_stations_and_of_contrasts_does_not_matter(ingest, raw):
    first = ingest(raw)
    second = ingest({name: paths[::-1] for name, paths in reversed(raw.items())}, folder="again")
    for path in first.glob("*.nii"):
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_one_dicom_folder_for_all_contrasts_becomes_the_body(ingest, tmp_path):
    for name in CONTRASTS:
        write_series(stations(name), name, tmp_path / "study")
    same_as_body(ingest({name: [tmp_path / "study"] for name in CONTRASTS}))


def test_turned_axes_are_brought_back(ingest, tmp_path):
    raw = {
        name: [write_nifti(sitk.PermuteAxes(image, [2, 0, 1])[::-1], tmp_path / f"{name}.nii")]
        for name, image in BODY.items()
    }
    same_as_body(ingest(raw))


def test_adc_is_derived_when_it_is_asked_for(ingest, raw):
    out = ingest(raw, [*CONTRASTS, "adc"])
    low, high, adc, body = (sitk.ReadImage(str(out / f"{name}.nii")) for name in ("b50", "b900", "adc", "body"))
    seen = mask_of(body) & (intensities(low) > 0) & (intensities(high) > 0)
    expected = np.clip(np.log(intensities(low)[seen] / intensities(high)[seen]) / 850 * 1e6, 0, 4000)
    np.testing.assert_allclose(intensities(adc)[seen], expected, rtol=1e-3, atol=0.1)
    assert not intensities(adc)[~mask_of(body)].any()


def test_shading_is_corrected_when_the_config_says_so(ingest, raw):
    plain = ingest(raw)
    corrected = ingest(raw, folder="again", bias={**SETTINGS["bias"], "enabled": True})
    assert (plain / "body.nii").read_bytes() == (corrected / "body.nii").read_bytes()
    assert (plain / "water.nii").read_bytes() != (corrected / "water.nii").read_bytes()


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-400])


def with_nan(path):
    image = sitk.ReadImage(str(path))
    image[3, 3, 3] = float("nan")
    sitk.WriteImage(image, str(path))


def of_another_person(path):
    image = sitk.ReadImage(str(path))
    image.SetOrigin((5000, 0, image.GetOrigin()[2]))
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (cut_off, "file_damaged"),
        (Path.unlink, "file_missing"),
        (with_nan, "finite_values"),
        (of_another_person, "orientation"),
    ],
)
def test_a_fault_in_one_file_stops_the_scan_before_anything_is_written(ingest, raw, tmp_path, change, check):
    change(raw["b900"][1])
    with pytest.raises(ScanStopped) as caught:
        ingest(raw)
    assert caught.value.check == check
    assert "b900" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


def test_what_is_no_image_or_gone_is_refused(tmp_path):
    for name, check in (("a.doc", "file_type"), ("gone.nii", "file_missing")):
        (tmp_path / "a.doc").touch()
        with pytest.raises(ScanStopped) as caught:
            find_source(tmp_path / name, "fat", tmp_path)
        assert caught.value.check == check


def test_a_folder_without_images_or_with_both_kinds_is_refused_and_other_files_do_not_count(tmp_path):
    folder, scratch = tmp_path / "in", tmp_path / "scratch"
    folder.mkdir()
    for name in ("a.json", "b.bval", ".hidden", "Thumbs.db", "desktop.ini"):
        (folder / name).touch()
    with pytest.raises(ScanStopped, match="holds no image"):
        find_source(folder, "fat", scratch)
    for name in ("station_1.nii", "notes", "report.doc"):
        (folder / name).touch()
    assert find_source(folder, "fat", scratch).files == (folder / "station_1.nii",)
    (folder / "IM0001").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(ScanStopped, match="1 volumes"):
        find_source(folder, "fat", scratch)


def planted_nifti(image, path):
    """With names in every field of the header that holds text, and in an extension."""
    write_nifti(image, path)
    content = nib.load(path)
    content.header["descrip"], content.header["aux_file"] = b"Doe Jane 19500613", b"PAT-4711"
    content.header["db_name"], content.header["intent_name"] = b"Dr. Who", b"Doe^Jane"
    content.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Doe^Jane born 19500613 at St. Elsewhere"))
    nib.save(content, path)
    assert b"PAT-4711" in gzip.decompress(path.read_bytes())
    return path


def planted_dicom(name, folder):
    write_series(
        stations(name),
        name,
        folder,
        PatientName="Doe^Jane",
        PatientID="PAT-4711",
        PatientBirthDate="19500613",
        AccessionNumber="ACC-0815",
        ReferringPhysicianName="Dr. Who",
        InstitutionName="St. Elsewhere",
        StudyDescription="Doe Jane",
        SeriesDescription=f"Doe Jane {name[0].upper()}",
        ProtocolName="Doe Jane",
        PatientComments="Doe^Jane 19500613",
        ImageComments="Doe^Jane PAT-4711",
        StudyID="ACC-0815",
    )
    return folder


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_that_names_the_patient_reaches_outputs_logs_or_messages(
    ingest, tmp_path, caplog, capfd, recwarn, broken
):
    caplog.set_level(logging.DEBUG)
    person = tmp_path / "Doe_Jane_19500613"
    diffusion = person / "PAT-4711"
    raw = {name: [planted_nifti(BODY[name], person / f"Jane_{name}.nii.gz")] for name in ("fat", "water")}
    for name in ("b50", "b900"):
        raw[name] = [planted_dicom(name, diffusion)]
    files = sorted(diffusion.rglob("*.dcm"))
    for number, path in enumerate(files):
        renamed = path.with_name(f"Doe_Jane_{number:04d}")
        path.rename(renamed)
    for number, path in enumerate((diffusion / "b50").iterdir()):  # pydicom quotes values that break the standard
        retag([path], PatientBirthDate="born 19500613", SOPInstanceUID=f"PAT-4711.{number}")
    caplog.clear()
    recwarn.clear()
    capfd.readouterr()
    told = ""
    if broken:
        victim = next((diffusion / "b900").iterdir())
        os.truncate(victim, victim.stat().st_size - 99)
        with pytest.raises(ScanStopped) as caught:
            ingest(raw)
        told = "".join([str(caught.value), repr(caught.value.__cause__)])
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    else:
        ingest(raw, [*CONTRASTS, "adc"])
    captured = capfd.readouterr()
    told += caplog.text + captured.out + captured.err + "".join(str(warning.message) for warning in recwarn)
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    for secret in PLANTED:
        assert secret not in told
        assert secret.encode() not in written


def test_the_adc_is_computed_with_the_b_values_of_the_scan(ingest, raw):
    declared_values = ingest(raw, [*CONTRASTS, "adc"], folder="declared")
    of_sheet = ingest(raw, [*CONTRASTS, "adc"], {"b50": {"b_value": 0.0}, "b900": {"b_value": 800.0}}, folder="sheet")
    usual, own = (sitk.GetArrayFromImage(sitk.ReadImage(str(out / "adc.nii"))) for out in (declared_values, of_sheet))
    inside = (usual > 0) & (usual < 3000)
    np.testing.assert_allclose(own[inside], usual[inside] * 850 / 800, rtol=1e-4)
    assert json.loads((of_sheet / "checks.json").read_text())["facts"]["b900"]["b_value"] == 800


def test_contrasts_of_two_days_are_told(ingest, tmp_path):
    raw = {name: [write_series(stations(name), name, tmp_path / name)] for name in CONTRASTS}
    retag(sorted((tmp_path / "b900").rglob("*.dcm")), AcquisitionDate="20000108")
    findings = json.loads((ingest(raw) / "checks.json").read_text())["findings"]
    assert [finding["check"] for finding in findings] == ["days_apart"]
    assert "7 days apart" in findings[0]["message"]
