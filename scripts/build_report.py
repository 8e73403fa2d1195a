"""Build the report: one HTML file with the cohort, what the checks found, the standard scale, bones and pictures."""

from pathlib import Path
from typing import Any

from marrow.report import bones, cohort, flags, gallery, overview, provenance, standard, stopped
from marrow.report.page import render_page
from marrow.report.pictures import album
from marrow.report.scanlist import read_flags, scan_rows, stops_told_by

MEGABYTE = 1_000_000
BYTES_PER_SCAN = 4_000  # of tables and text; the rest of the budget is for pictures


def main(
    *,
    sheets: list[Path],
    checks_table: Path,
    records: list[Path],
    scans: list[dict[str, str]],
    split_notes: list[str],
    standards: list[Path],
    contrasts: list[str],
    bone_scores: list[Path],
    bone_sheets: list[Path],
    bone_histories: list[Path],
    title: str,
    report: Path,
    settings: dict[str, Any],
) -> None:
    """Write the report.

    Args:
        sheets: the scans' quality sheets, PNG, in the order of `scans`; empty where a scan was stopped.
        checks_table: what the checks found, TSV.
        records: the record of each scan's last stage, in the order of `scans`.
        scans: `scan`, `patient`, `label`, `split` and `site` of each scan.
        split_notes: what somebody should know of the splits.
        standards: the standard scale of each contrast, in the order of `contrasts`.
        contrasts: the contrasts that have a standard scale.
        bone_scores: the bones' scores, CSV; none where no scan can be scored.
        bone_sheets: the scans' bone sheets, PNG, in the order of `scans`; none where bones are switched off.
        bone_histories: the training of each network, CSV in a folder of the network's name; none where bones are given.
        title: the report's heading.
        report: the page to write.
        settings: see `config.yaml`, section `report`.
    """
    ids = [scan["scan"] for scan in scans]
    found = read_flags(checks_table)
    rows = scan_rows(scans, [*found, *stops_told_by(ids, records, found)])
    pictures = album([*sheets, *bone_sheets], int(settings["budget_mb"] * MEGABYTE) - BYTES_PER_SCAN * len(rows))
    sections = [
        overview.section(rows),
        stopped.section(rows),
        cohort.section(rows, split_notes),
        flags.section(rows),
        standard.section(contrasts, standards),
        bones.section(rows, bone_scores, bone_sheets, bone_histories),
        gallery.section(rows, contrasts, pictures),
        provenance.section(ids, records),
    ]
    report.write_text(render_page(title, overview.lead(rows), sections), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    from marrow.stage import run

    run(main)
