"""The benchmark data sets: entries of `runs` that are not scans, with the same tables and scores."""

from collections.abc import Sequence
from pathlib import Path

from marrow.report.entries import SCANS, Entry
from marrow.report.page import Section, render
from marrow.report.pictures import Picture
from marrow.report.sections.comparison import comparison
from marrow.report.sections.localisation import located
from marrow.report.sections.methods import counted


def section(
    entries: Sequence[Entry], curves: Sequence[Path], inversions: Sequence[tuple[str, Picture]], significance: float
) -> Section:
    """The comparison on each benchmark data set.

    Args:
        entries: all that were evaluated; those of scans are shown elsewhere.
        curves: the files of perturbation curves.
        inversions: name of the run and figure of each inversion; those of an entry's data sets begin with its name.
        significance: a corrected p below it shows a difference.
    """
    ours = [entry for entry in entries if entry.kind != SCANS]
    parts = [(entry, comparison(entry, significance), located(entry, curves, inversions)) for entry in ours]
    html = render("benchmark_sets.html.j2", parts=parts)
    return Section("benchmarks", "Benchmark data sets", html, note=counted(ours))
