"""A folder of images becomes a sheet that the workflow accepts; what is not recognised is marked, never guessed."""

import csv
import json
import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from bodies import cut, raw_body, retag, write_nifti, write_series
from marrow.errors import MarrowError, SheetError
from marrow.imaging.ingest.acquired import read_contrasts
from marrow.imaging.volume import intensities
from marrow.planning.config import read_schema
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.sheet import read_sheet
from marrow.survey.sheet_file import Places, make_sheet
from marrow.workflow.parse import REPOSITORY

BODY = raw_body()
CONTRASTS = declared_contrasts(["fat", "water", "b50", "b900"])
SCHEMA = read_schema(REPOSITORY / "schemas/samples.schema.yaml")


@pytest.fixture
def places(tmp_path):
    (tmp_path / "study").mkdir()
    return Places(tmp_path / "study/samples.tsv", tmp_path / "study/samples.key.tsv")


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["scan"]: row for row in csv.DictReader(file, delimiter="\t")}


def accepted(places):
    """The scans of the sheet, as the workflow reads it."""
    return {scan.scan: scan for scan in read_sheet(places.sheet, SCHEMA, CONTRASTS).scans}


def export(folder, person="Doe^Jane", study="1", day="20200101", names=("fat", "water", "b50", "b900"), **tags):
    """Write an examination as archives do: all series in one folder, under names that mean nothing."""
    scratch = folder.parents[1] / f"scratch{study}"
    for name in names:
        write_series(cut(BODY[name], 2, 4), name, scratch)
    for number, path in enumerate(sorted(scratch.rglob("*.dcm"))):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID, dataset.StudyDate = person, f"ID-{person[:3]}", day
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = f"1.2.{study}", f"1.2.{study}.{number}"
        dataset.SeriesInstanceUID = f"1.2.{study}.{dataset.SeriesNumber}.9"
        for tag, value in tags.items():
            setattr(dataset, tag, value)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.save_as(folder / f"IM{study}{number:05d}")


def test_an_export_becomes_a_sheet_that_is_accepted_as_it_is(places, tmp_path):
    export(tmp_path / "pacs/1", study="1")
    export(tmp_path / "pacs/2", study="2", day="20200301")
    export(tmp_path / "pacs/3", study="3", person="Roe^Rick")
    lines = make_sheet(tmp_path / "pacs", places, CONTRASTS)
    assert "3 scans, 3 of them new" in lines[0]
    scans = accepted(places)
    patients = {scan.patient for scan in scans.values()}
    assert patients == {"P001", "P002"}
    twice = next(scan.patient for scan in scans.values() if scan.scan.endswith("-2"))
    folders = {scan.images["fat"][0].rpartition("/")[2]: scan.scan for scan in scans.values()}
    assert (folders["1"], folders["2"]) == (f"{twice}-1", f"{twice}-2")
    assert rows(places.sheet)[folders["1"]]["b_high"] == "900"


def test_the_sheet_names_nobody_and_the_key_can_be_read_by_its_owner_alone(places, tmp_path):
    export(tmp_path / "pacs/1")
    make_sheet(tmp_path / "pacs", places, CONTRASTS)
    text = places.sheet.read_text(encoding="utf-8")
    assert not [word for word in ("Doe", "Jane", "ID-Doe", "2020", "1.2.") if word in text]
    assert "ID-Doe" in places.key.read_text(encoding="utf-8")
    for private in (places.key, places.inventory):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_second_run_keeps_the_rows_with_all_edits_and_adds_new_scans_behind(places, tmp_path):
    export(tmp_path / "pacs/1", study="1")
    make_sheet(tmp_path / "pacs", places, CONTRASTS)
    (scan,) = rows(places.sheet)
    edited = places.sheet.read_text(encoding="utf-8").replace(f"{scan}\tP001\t", f"{scan}\tP001\tfocal")
    places.sheet.write_text(edited, encoding="utf-8")
    export(tmp_path / "pacs/0", study="2", person="Abe^A")
    lines = make_sheet(tmp_path / "pacs", places, CONTRASTS)
    assert "2 scans, 1 of them new" in lines[0]
    assert list(rows(places.sheet)) == [scan, "P002-1"]
    assert rows(places.sheet)[scan]["label"] == "focal"
    assert make_sheet(tmp_path / "pacs", places, CONTRASTS)[0].endswith("0 of them new.")


def test_examinations_in_one_folder_are_sorted_apart_by_links(places, tmp_path):
    export(tmp_path / "pacs/all", study="1")
    export(tmp_path / "pacs/all", study="2", person="Roe^Rick")
    lines = make_sheet(tmp_path / "pacs", places, CONTRASTS)
    assert any("2 examinations lie among others" in line for line in lines)
    for scan in accepted(places).values():
        (folder,) = scan.images["fat"]
        acquired = read_contrasts([Path(folder)], {"fat": 1}, {}, [CONTRASTS["fat"]])
        assert len(acquired["fat"].stations) == 2


def test_what_was_not_recognised_is_left_empty_with_a_note_and_the_workflow_asks_for_it(places, tmp_path):
    export(tmp_path / "pacs/1", names=("water", "b50", "b900"))
    lines = make_sheet(tmp_path / "pacs", places, CONTRASTS)
    (row,) = rows(places.sheet).values()
    assert (row["fat"], row["water"], row["fat_series"]) == ("", "../pacs/1", "")
    assert "no tag of series" in row["note"]
    assert "  fat was not recognised in 1" in lines
    with pytest.raises(SheetError, match="fat is empty"):
        accepted(places)


def test_damaged_files_reports_and_localisers_are_passed_over_and_counted(places, tmp_path):
    export(tmp_path / "pacs/1")
    first = next((tmp_path / "pacs/1").iterdir())
    (tmp_path / "pacs/1/cut").write_bytes(first.read_bytes()[:-100])
    (tmp_path / "pacs/report.pdf").write_bytes(b"%PDF")
    (tmp_path / "pacs/letter").write_bytes(b"Dear colleague")
    lines = make_sheet(tmp_path / "pacs", places, CONTRASTS)
    assert any("2 other files and 1 damaged ones" in line for line in lines)
    assert len(accepted(places)) == 1


def test_paths_that_name_a_patient_are_told(places, tmp_path):
    export(tmp_path / "pacs/Roe_Rick", person="Roemer^Rick")
    assert not [
        line for line in make_sheet(tmp_path / "pacs", places, CONTRASTS) if "paths hold" in line and "0 " in line
    ]
    export(tmp_path / "pacs/Roemer", study="2", person="Roemer^Rick")
    assert any("paths hold a patient's name" in line for line in make_sheet(tmp_path / "pacs", places, CONTRASTS))


def test_the_key_may_not_lie_in_results_and_a_foreign_file_is_not_overwritten(places, tmp_path, monkeypatch):
    export(tmp_path / "pacs/1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MarrowError, match="lies in results/"):
        make_sheet(tmp_path / "pacs", Places(places.sheet, Path("results/key.tsv")), CONTRASTS)
    places.key.write_text("something else\n", encoding="utf-8")
    with pytest.raises(MarrowError, match="no key file"):
        make_sheet(tmp_path / "pacs", places, CONTRASTS)
    places.key.unlink()
    places.sheet.write_text("my notes\n", encoding="utf-8")
    with pytest.raises(MarrowError, match="no column scan"):
        make_sheet(tmp_path / "pacs", places, CONTRASTS)
    assert places.sheet.read_text(encoding="utf-8") == "my notes\n"


def test_an_empty_folder_is_an_error(places, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MarrowError, match="holds no examination"):
        make_sheet(tmp_path / "empty", places, CONTRASTS)


def test_nifti_files_are_recognised_by_the_words_in_their_names(places, tmp_path):
    for name in ("fat", "water", "b50", "b900"):
        for number in (1, 2):
            write_nifti(BODY[name], tmp_path / f"in/Doe/{name}_{number}.nii.gz")
    write_nifti(BODY["fat"], tmp_path / "in/Doe/mystery.nii.gz")
    make_sheet(tmp_path / "in", places, CONTRASTS)
    (row,) = rows(places.sheet).values()
    assert row["fat"] == "../in/Doe/fat_1.nii.gz;../in/Doe/fat_2.nii.gz"
    assert (row["scan"], row["note"]) == ("P001-1", "not recognised: mystery.nii.gz")
    assert len(accepted(places)) == 1


def test_a_stray_volume_does_not_hide_an_archive_of_dicom(places, tmp_path):
    export(tmp_path / "pacs/1")
    write_nifti(BODY["fat"], tmp_path / "pacs/fat.nii.gz")
    lines = make_sheet(tmp_path / "pacs", places, CONTRASTS)
    assert any(line.startswith("1 of the others are volumes") for line in lines)
    assert len(accepted(places)) == 1


def bids(root):
    """A data set with two sessions of one subject: Dixon in two chunks, diffusion as one file with b-values."""
    (root / "sub-01").mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}', encoding="utf-8")
    text = "participant_id\tage\tlabel\tsite\tgroup name\nsub-01\t61\tfocal\tnorth\tn/a\n"
    (root / "participants.tsv").write_text(text, encoding="utf-8")
    for session in ("ses-a", "ses-b"):
        place = root / f"sub-01/{session}"
        stem = f"sub-01_{session}"
        for name in ("fat", "water"):
            for number, station in enumerate(cut(BODY[name], 2, 4), start=1):
                write_nifti(station, place / f"anat/{stem}_acq-{name}_chunk-{number}_T1w.nii.gz")
        write_nifti(sitk.JoinSeries([BODY["b50"], BODY["b900"]]), place / f"dwi/{stem}_dwi.nii.gz")
        (place / f"dwi/{stem}_dwi.bval").write_text("50 800\n", encoding="utf-8")
        (place / f"dwi/{stem}_dwi.json").write_text(json.dumps({"MagneticFieldStrength": 3}), encoding="utf-8")


def test_a_bids_data_set_becomes_a_sheet_with_labels_and_attributes(places, tmp_path):
    bids(tmp_path / "bids")
    lines = make_sheet(tmp_path / "bids", places, CONTRASTS)
    assert "Read as BIDS." in lines
    scans = accepted(places)
    assert list(scans) == ["01-a", "01-b"]
    one = scans["01-a"]
    assert (one.patient, one.label, one.site, one.attributes) == ("01", "focal", "north", {"age": "61"})
    assert [Path(path).name for path in one.images["fat"]] == [
        "sub-01_ses-a_acq-fat_chunk-1_T1w.nii.gz",
        "sub-01_ses-a_acq-fat_chunk-2_T1w.nii.gz",
    ]
    assert one.images["b50"] == one.images["b900"]
    assert one.overrides == {"b50": {"b_value": 50.0}, "b900": {"b_value": 800.0}}
    assert not places.key.exists()
    raw, counts = [Path(path) for path in one.raw_images], one.path_counts
    acquired = read_contrasts(raw, counts, one.overrides, CONTRASTS.declared)
    np.testing.assert_allclose(intensities(acquired["b900"].stations[0]), intensities(BODY["b900"]))
    assert len(acquired["fat"].stations) == 2


def test_other_contrasts_of_a_bids_data_set_are_recognised_by_suffix(places, tmp_path):
    (tmp_path / "bids/sub-7/anat").mkdir(parents=True)
    write_nifti(BODY["water"], tmp_path / "bids/sub-7/anat/sub-7_T1w.nii.gz")
    make_sheet(tmp_path / "bids", places, declared_contrasts({"t1": {"roles": ["grid"]}}))
    assert rows(places.sheet)["7"]["t1"] == "../bids/sub-7/anat/sub-7_T1w.nii.gz"


def test_headers_with_impossible_values_do_not_end_the_survey(places, tmp_path):
    export(tmp_path / "pacs/1", AcquisitionTime="", StudyTime="")
    retag(sorted((tmp_path / "pacs/1").iterdir())[:1], SeriesNumber=None)
    assert make_sheet(tmp_path / "pacs", places, CONTRASTS)
