"""Everything that the checks found, a row per finding."""

from collections.abc import Sequence

from marrow.report.page import Section, render
from marrow.report.reading import Reading
from marrow.report.sections.scanlist import ScanRow

READING = Reading(
    figure="the findings",
    shown="what each check of each stage found in a scan. A check that found nothing leaves no row.",
    good="no row, or only notes: facts worth knowing that change nothing.",
    bad="stopped: the scan was not used. Warned: the scan was used, and somebody should look at its picture first.",
    remedy="read the message, which ends with what to do where there is something to do, and look at the scan's "
    "quality sheet. If one check warns about nearly every scan of a site, the protocol of that site is the cause, not "
    "the scans.",
)


def section(scans: Sequence[ScanRow]) -> Section:
    """The table of findings."""
    rows = [(scan, flag) for scan in scans for flag in scan.flags]
    return Section("findings", "Findings", render("flags.html.j2", rows=rows, how=READING), note=str(len(rows)))
