"""The methods compared: a part for each entry of `runs` made of scans, and in a section below for each benchmark."""

from collections.abc import Sequence
from pathlib import Path

from marrow.report.entries import SCANS, Entry
from marrow.report.page import Section, render
from marrow.report.pictures import Picture
from marrow.report.sections.comparison import comparison
from marrow.report.sections.localisation import localisation


def methods_section(entries: Sequence[Entry], significance: float) -> Section:
    """The comparison on scans, or why there is none; a corrected p below `significance` shows a difference."""
    of_scans = [entry for entry in entries if entry.kind == SCANS]
    html = render("sections/methods.html.j2", parts=[(entry, comparison(entry, significance)) for entry in of_scans])
    return Section("methods", "Methods compared", html, note=_done_of_planned(of_scans))


def benchmarks_section(
    entries: Sequence[Entry], curves: Sequence[Path], inversions: Sequence[tuple[str, Picture]], significance: float
) -> Section:
    """The comparison and localisation on each data set that is not scans.

    Args:
        entries: all that were evaluated.
        curves: the files of free-response and perturbation curves.
        inversions: name of the run and figure of each inversion; those of an entry's data sets begin with its name.
        significance: a corrected p below it shows a difference.
    """
    others = [entry for entry in entries if entry.kind != SCANS]
    parts = [(entry, comparison(entry, significance), localisation(entry, curves, inversions)) for entry in others]
    html = render("sections/benchmarks.html.j2", parts=parts)
    return Section("benchmarks", "Benchmark data sets", html, note=_done_of_planned(others))


def _done_of_planned(entries: Sequence[Entry]) -> str:
    """Runs done of those planned, for the contents."""
    done = sum(entry.states["done"] for entry in entries)
    planned = sum(len(entry.tables["runs"].frame) for entry in entries)
    return f"{done}/{planned}" if planned else ""
