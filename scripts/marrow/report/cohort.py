"""The cohort: a row per scan, to be sorted and searched, with a link to the scan's picture."""

from collections.abc import Sequence

from marrow.report.page import Section, render
from marrow.report.scanlist import ScanRow


def section(scans: Sequence[ScanRow]) -> Section:
    """The table of all scans."""
    return Section("cohort", "Cohort", render("cohort.html.j2", scans=scans), note=str(len(scans)))
