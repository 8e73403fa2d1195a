"""Rule tabulate_checks: a table of the findings of all scans, and of the reasons for which scans were stopped."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from marrow.imaging.ingest.findings import read_findings

COLUMNS = ("scan", "status", "stage", "check", "contrast", "message")
STATUS = {"stop": "stopped", "warn": "warned", "note": "ok"}
Row = tuple[str, str, str, str, str]


def main(*, records: list[Path], checks: list[Path], scans: list[dict[str, str]], table: Path) -> None:
    """Tabulate the findings of all scans.

    Args:
        records: of the last stages of each scan; a stop is passed on to them.
        checks: the findings of each scan, in the order of `scans`; an empty file for a stopped scan.
        scans: `{"scan": ..., "patient": ..., "label": ..., "split": ..., "site": ...}` each.
        table: written, tab-separated; a row for each finding, one without a check for a scan without findings.
    """
    stops = _stops(records)
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for scan, findings in zip((row["scan"] for row in scans), checks, strict=True):
            rows = [*stops.get(scan, ()), *_findings(findings)] or [("ok", "", "", "", "")]
            writer.writerows([scan, *(" ".join(field.split()) for field in row)] for row in rows)


def _stops(records: list[Path]) -> dict[str, list[Row]]:
    """The reasons for which each scan was stopped, without duplicates from several records."""
    stops: dict[str, dict[Row, None]] = {}
    for path in records:
        record = json.loads(path.read_text(encoding="utf-8"))
        if stop := record["stopped"]:
            row = (STATUS["stop"], stop["stage"], stop["check"], "", stop["message"])
            stops.setdefault(record["wildcards"]["scan"], {})[row] = None
    return {scan: list(rows) for scan, rows in stops.items()}


def _findings(checks: Path) -> Iterator[Row]:
    if checks.stat().st_size:
        for finding in read_findings(checks):
            yield STATUS[finding.severity], "ingest_scan", finding.check, finding.contrast, finding.message


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
