"""The cohort: a row per scan, to be sorted and searched, with a link to the scan's picture."""

from collections.abc import Sequence

from marrow.report.page import Section, render
from marrow.report.sections.scanlist import ScanRow


def section(scans: Sequence[ScanRow], split_notes: Sequence[str]) -> Section:
    """The table of all scans, and where a class is short in a split."""
    body = render("cohort.html.j2", scans=scans, split_notes=split_notes)
    return Section("cohort", "Cohort", body, note=str(len(scans)))
