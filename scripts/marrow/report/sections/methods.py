"""The methods compared on scans: one part for each entry of `runs` that is made of scans."""

from collections.abc import Sequence

from marrow.report.entries import SCANS, Entry
from marrow.report.page import Section, render
from marrow.report.sections.comparison import comparison


def section(entries: Sequence[Entry], significance: float) -> Section:
    """The comparison on scans, or why there is none; a corrected p below `significance` shows a difference."""
    ours = [entry for entry in entries if entry.kind == SCANS]
    parts = [(entry, comparison(entry, significance)) for entry in ours]
    html = render("methods.html.j2", parts=parts)
    return Section("methods", "Methods compared", html, note=counted(ours))


def counted(entries: Sequence[Entry]) -> str:
    """Runs done of those planned, for the contents."""
    done = sum(entry.states["done"] for entry in entries)
    planned = sum(len(entry.tables["runs"].rows) for entry in entries)
    return f"{done}/{planned}" if planned else ""
