"""A text summary of the splits for the command line: classes, labels and sites by split."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from marrow.bags.splits import SPLITS
from marrow.planning.sheet import Scan
from marrow.planning.splits.assignment import Assignment
from marrow.planning.splits.groups import Settings, class_of


def split_lines(assignment: Assignment, scans: Sequence[Scan], settings: Settings) -> list[str]:
    """Tables of scans and patients by class, label and site, and the notes."""
    classes = [class_of(scan.label, settings) if scan.label else "no label" for scan in scans]
    labels = [scan.label or "no label" for scan in scans]
    sites = [scan.site or "no site" for scan in scans]
    tables = {"class": classes} | ({"label": labels} if labels != classes else {})
    tables |= {"site": sites} if any(scan.site for scan in scans) else {}
    fold = f", fold {settings['fold']} of {settings['folds']} tests" if settings["folds"] else ""
    lines = [f"Scans (patients) by split{fold}:"]
    for grouping, values in tables.items():
        lines += ["", *_table(grouping, values, scans, assignment)]
    return [*lines, *(["", *(f"Note: {note}." for note in assignment.notes)] if assignment.notes else [])]


def _table(grouping: str, values: Sequence[str], scans: Sequence[Scan], assignment: Assignment) -> Iterator[str]:
    cells: dict[tuple[str, str], list[str]] = defaultdict(list)
    for value, scan in zip(values, scans, strict=True):
        split = assignment.splits[scan.scan]
        for row, column in ((value, split), (value, "all"), ("all", split), ("all", "all")):
            cells[row, column].append(scan.patient)
    width = max(len(grouping), *map(len, values), 3) if values else 3
    columns = (*SPLITS, "all")
    yield f"{grouping:<{width}}" + "".join(f"{column:>14}" for column in columns)
    for row in (*sorted(set(values)), "all"):
        yield f"{row:<{width}}" + "".join(f"{_cell(cells.get((row, column), [])):>14}" for column in columns)


def _cell(patients: Sequence[Any]) -> str:
    return f"{len(patients)} ({len(set(patients))})"
