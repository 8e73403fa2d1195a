"""The table of a cohort's checks holds every scan, and stopped scans are the last word unless they are accepted."""

import csv
import json

import pytest

import confirm_scans
import tabulate_checks
from marrow.errors import MarrowError
from marrow.imaging.ingest.findings import Finding, write_checks

WARNING = Finding("clipped_values", "warn", "fat", 'Cut off.\tSee "docs"\nand =SUM(A1).')
NOTE = Finding("contrast_grids", "note", "", "Other grids.")
STOP = {"stage": "ingest_scan", "check": "spacing", "message": "Spacing is 0.\nExport again."}


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
        tabulate_checks.main(records=records, checks=checks, scans=rows, table=tmp_path / "table.tsv")
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
    tabulate_checks.main(records=records, checks=checks, scans=[{"scan": "sound"}, {"scan": "stopped"}], table=path)
    assert [row["status"] for row in rows(path)] == ["ok", "stopped"]


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
