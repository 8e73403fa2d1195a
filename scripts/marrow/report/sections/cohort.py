"""The cohort: the stopped scans, a row per scan with a link to its picture, and a row per finding of the checks."""

import math
from collections.abc import Sequence

from marrow.report.page import Reading, Section, render
from marrow.report.scans import HEADINGS, ScanRow

FINDINGS = Reading(
    figure="the findings",
    shown="what each check of each stage found in a scan. A check that found nothing leaves no row.",
    good="no row, or only notes: facts worth knowing that change nothing.",
    bad="stopped: the scan was not used. Warned: the scan was used, and somebody should look at its picture first.",
    remedy="read the message, which ends with what to do where there is something to do, and look at the scan's "
    "quality sheet. If one check warns about nearly every scan of a site, the protocol of that site is the cause, not "
    "the scans.",
)


def stopped_section(scans: Sequence[ScanRow]) -> Section:
    """The scans that could not go on, each with the reason and what to do; where there are none, it says so."""
    stopped = [scan for scan in scans if scan.status == "stopped"]
    html = render("sections/stopped.html.j2", scans=stopped)
    return Section("stopped", "Stopped scans", html, note=str(len(stopped)))


def cohort_section(
    scans: Sequence[ScanRow], sheet_notes: Sequence[str], split_notes: Sequence[str], categories: Sequence[str] = ()
) -> Section:
    """The table of all scans, what of the sheet is left out, and where a class is short in a split.

    `categories` are the attributes that are no numbers, whatever their values look like.
    """
    attributes = list(dict.fromkeys(name for scan in scans for name in scan.attributes))
    values = {name: {scan.attributes[name] for scan in scans if name in scan.attributes} for name in attributes}
    html = render(
        "sections/cohort.html.j2",
        scans=scans,
        attributes=attributes,
        headings=HEADINGS,
        numbers=[name for name in attributes if name not in categories and all(map(_is_number, values[name]))],
        sheet_notes=sheet_notes,
        split_notes=split_notes,
    )
    return Section("cohort", "Cohort", html, note=str(len(scans)))


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def findings_section(scans: Sequence[ScanRow]) -> Section:
    """The table of findings."""
    rows = [(scan, flag) for scan in scans for flag in scan.flags]
    html = render("sections/findings.html.j2", rows=rows, how=FINDINGS)
    return Section("findings", "Findings", html, note=str(len(rows)))
