"""The table of a cohort's checks holds every scan, and stopped scans are the last word unless they are accepted."""

import csv
import json

import pytest

import confirm_scans
import tabulate_checks
from marrow.errors import MarrowError
from marrow.imaging.ingest.check_cohort import check_cohort
from marrow.imaging.ingest.findings import Finding, write_checks

WARNING = Finding("clipped_values", "warn", "fat", 'Cut off.\tSee "docs"\nand =SUM(A1).')
NOTE = Finding("contrast_grids", "note", "", "Other grids.")
STOP = {"stage": "ingest_scan", "check": "spacing", "message": "Spacing is 0.\nExport again."}


def tabulate(records, checks, rows, folder):
    tables = {"table": folder / "table.tsv", "values": folder / "values.csv"}
    tabulate_checks.main(records=records, checks=checks, scans=rows, **tables, voxel_ratio=3)


def fact(digest="", spacing=(2, 2, 2), **measures):
    return {"spacing_mm": list(spacing), "voxels": digest, "measures": measures}


def row(scan, patient="P", split="train"):
    return {"scan": scan, "patient": patient, "label": "", "split": split, "site": ""}


@pytest.fixture
def table(tmp_path):
    """Tabulates scans, each a list of findings or a stop."""

    def make(**scans):
        records, checks = [], []
        for scan, found in scans.items():
            stopped = found if isinstance(found, dict) else None
            records.append(tmp_path / f"{scan}.record.json")
            records[-1].write_text(json.dumps({"stopped": stopped, "wildcards": {"scan": scan}}))
            checks.append(tmp_path / f"{scan}.checks.json")
            checks[-1].touch()
            if stopped is None:
                write_checks(checks[-1], scan, found, {})
        rows = [{"scan": scan, "patient": "P", "label": "", "split": "train", "site": ""} for scan in scans]
        tabulate(records, checks, rows, tmp_path)
        return tmp_path / "table.tsv"

    return make


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_scan_is_in_the_table_with_its_status(table):
    found = rows(table(sound=[], noted=[NOTE], warned=[NOTE, WARNING], stopped=STOP))
    assert [(row["scan"], row["status"], row["check"]) for row in found] == [
        ("sound", "ok", ""),
        ("noted", "ok", "contrast_grids"),
        ("warned", "ok", "contrast_grids"),
        ("warned", "warned", "clipped_values"),
        ("stopped", "stopped", "spacing"),
    ]


def test_a_stop_that_several_records_pass_on_is_told_once(table, tmp_path):
    path = table(sound=[], stopped=STOP)
    records = [tmp_path / f"{scan}.record.json" for scan in ("sound", "stopped", "stopped")]
    checks = [tmp_path / f"{scan}.checks.json" for scan in ("sound", "stopped")]
    tabulate(records, checks, [{"scan": "sound"}, {"scan": "stopped"}], tmp_path)
    assert [row["status"] for row in rows(path)] == ["ok", "stopped"]


def test_a_scan_that_is_there_twice_is_told_of_both_and_that_it_leaks():
    facts = {"A": {"fat": fact("1"), "water": fact("2")}, "B": {"fat": fact("1"), "water": fact("3")}, "C": {}}
    findings = check_cohort([row("A"), row("B", "Q", "test"), row("C")], facts, 3)
    assert {scan: [finding.check for finding in of_scan] for scan, of_scan in findings.items()} == {
        "A": ["same_scan"],
        "B": ["same_scan"],
    }
    message = findings["B"][0].message
    assert message.startswith("fat voxel for voxel the same as of scan A, which is in train and this one in test")
    assert "different patients" in message


def test_voxels_of_quite_another_size_are_told():
    facts = {scan: {"fat": fact(spacing=(2, 2, 5))} for scan in "ABC"} | {"D": {"fat": fact(spacing=(2, 2, 16))}}
    findings = check_cohort([row(scan) for scan in "ABCD"], facts, 3)
    assert list(findings) == ["D"]
    assert "voxels of 16 mm from feet to head, the cohort's median is 5 mm" in findings["D"][0].message
    assert not check_cohort([row(scan) for scan in "ABCD"], facts, 4)


def test_what_was_measured_is_in_a_table_and_findings_of_the_cohort_in_the_other(tmp_path):
    checks = [tmp_path / f"{scan}.json" for scan in "AB"]
    for scan, path in zip("AB", checks, strict=True):
        write_checks(path, scan, [], {"b900": fact("1", adc_median=1100.5)})
    tabulate([], checks, [row("A"), row("B")], tmp_path)
    assert [found["check"] for found in rows(tmp_path / "table.tsv")] == ["same_scan", "same_scan"]
    assert (tmp_path / "values.csv").read_text().splitlines() == [
        "scan,contrast,measure,value",
        "A,b900,adc_median,1100.5",
        "B,b900,adc_median,1100.5",
    ]


def test_a_message_stays_in_its_cell_word_for_word(table):
    path = table(warned=[WARNING], stopped=STOP)
    assert len(path.read_text().splitlines()) == 3
    assert rows(path)[0]["message"] == 'Cut off. See "docs" and =SUM(A1).'
    assert rows(path)[1]["message"] == "Spacing is 0. Export again."


def test_stopped_scans_fail_at_the_end_and_are_named_with_what_to_do(table, tmp_path):
    path = table(sound=[], stopped=STOP, other=STOP)
    with pytest.raises(MarrowError) as caught:
        confirm_scans.main(table=path, confirmed=tmp_path / "confirmed.txt", on_stopped="fail")
    message = str(caught.value)
    assert "2 of 3 scans were stopped" in message
    assert "stopped, other (spacing): Spacing is 0. Export again." in message
    assert "on_stopped_scan" in message
    assert not (tmp_path / "confirmed.txt").exists()


def test_stopped_scans_are_only_reported_where_the_config_accepts_them(table, tmp_path, caplog):
    confirmed = tmp_path / "confirmed.txt"
    confirm_scans.main(table=table(sound=[], stopped=STOP), confirmed=confirmed, on_stopped="report")
    assert confirmed.read_text() == "1 scans finished, 1 stopped\n"
    assert "stopped (spacing)" in caplog.text


@pytest.mark.parametrize("on_stopped", ["fail", "report"])
def test_a_cohort_without_stopped_scans_is_confirmed(table, tmp_path, caplog, on_stopped):
    confirmed = tmp_path / "confirmed.txt"
    confirm_scans.main(table=table(sound=[], warned=[WARNING]), confirmed=confirmed, on_stopped=on_stopped)
    assert confirmed.read_text() == "2 scans finished, 0 stopped\n"
    assert not caplog.records
