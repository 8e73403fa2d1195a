"""Rule tabulate_checks: a table of the findings of all scans, and of the reasons for which scans were stopped."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from marrow.imaging.ingest.check_cohort import Facts, check_cohort
from marrow.imaging.ingest.findings import Finding, read_facts, read_findings
from marrow.tables.frames import frame_of, write_table

COLUMNS = ("scan", "status", "stage", "check", "contrast", "message")
STATUS = {"stop": "stopped", "warn": "warned", "note": "ok"}
Row = tuple[str, str, str, str, str]


VALUES = {"scan": str, "contrast": str, "measure": str, "value": float}


def main(
    *,
    records: list[Path],
    checks: list[Path],
    scans: list[dict[str, str]],
    table: Path,
    values: Path,
    voxel_ratio: float,
) -> None:
    """Tabulate the findings of all scans, with those that appear only beside the other scans.

    Args:
        records: of the last stages of each scan; a stop is passed on to them.
        checks: the findings of each scan, in the order of `scans`; an empty file for a stopped scan.
        scans: `{"scan": ..., "patient": ..., "label": ..., "split": ..., "site": ...}` each.
        table: written, tab-separated; a row for each finding, one without a check for a scan without findings.
        values: written, CSV: what the checks measured, whether or not it led to a finding.
        voxel_ratio: how much longer or shorter than the cohort's median voxels may be.
    """
    stops = _stops(records)
    made = {row["scan"]: path for row, path in zip(scans, checks, strict=True) if path.stat().st_size}
    facts = {scan: read_facts(path) for scan, path in made.items()}
    of_cohort = check_cohort(scans, facts, voxel_ratio)
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for scan in (row["scan"] for row in scans):
            findings = read_findings(made[scan]) if scan in made else []
            rows = [
                *stops.get(scan, ()),
                *_rows("ingest_scan", findings),
                *_rows("tabulate_checks", of_cohort.get(scan, ())),
            ] or [("ok", "", "", "", "")]
            writer.writerows([scan, *(" ".join(field.split()) for field in row)] for row in rows)
    write_table(frame_of(_measured(facts), VALUES), VALUES, values)


def _measured(facts: Mapping[str, Facts]) -> Iterator[dict[str, Any]]:
    for scan, of_scan in facts.items():
        for contrast, fact in of_scan.items():
            for measure, value in fact["measures"].items():
                yield {"scan": scan, "contrast": contrast, "measure": measure, "value": value}


def _stops(records: list[Path]) -> dict[str, list[Row]]:
    """The reasons for which each scan was stopped, without duplicates from several records."""
    stops: dict[str, dict[Row, None]] = {}
    for path in records:
        record = json.loads(path.read_text(encoding="utf-8"))
        if stop := record["stopped"]:
            row = (STATUS["stop"], stop["stage"], stop["check"], "", stop["message"])
            stops.setdefault(record["wildcards"]["scan"], {})[row] = None
    return {scan: list(rows) for scan, rows in stops.items()}


def _rows(stage: str, findings: Iterable[Finding]) -> Iterator[Row]:
    for finding in findings:
        yield STATUS[finding.severity], stage, finding.check, finding.contrast, finding.message


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
