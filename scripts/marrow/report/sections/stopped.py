"""The scans that could not go on, each with the reason and what to do."""

from collections.abc import Sequence

from marrow.report.page import Section, render
from marrow.report.sections.scanlist import ScanRow


def section(scans: Sequence[ScanRow]) -> Section:
    """The stopped scans; the section stays when there are none, and says so."""
    stopped = [scan for scan in scans if scan.status == "stopped"]
    return Section("stopped", "Stopped scans", render("stopped.html.j2", scans=stopped), note=str(len(stopped)))
