"""The overview: how many scans there are, of which class, split and site, and how many need somebody to look."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marrow.bags.splits import SPLITS
from marrow.report.page import Section, render
from marrow.report.scans import ScanRow

CLASSES = ("healthy", "inactive", "focal", "diffuse")
UNLABELLED = "no label"
NO_SITE = "no site"


@dataclass(frozen=True)
class CountTable:
    """Counts of scans by two of their properties.

    Attributes:
        of: what the rows are.
        columns: the splits.
        rows: a name, a count per split, and their sum; the last row is the sum of all.
    """

    of: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...], int], ...]


def section(scans: Sequence[ScanRow]) -> Section:
    """The overview of all scans."""
    statuses = Counter(scan.status for scan in scans)
    tables = [
        _count_table("class", scans, [scan.label or UNLABELLED for scan in scans], CLASSES),
        _count_table("site", scans, [scan.site or NO_SITE for scan in scans], ()),
    ]
    html = render("sections/overview.html.j2", figures=_figures(scans, statuses), tables=tables)
    return Section("overview", "Overview", html)


def lead(scans: Sequence[ScanRow]) -> str:
    """The sentence under the report's heading."""
    patients = len({scan.patient for scan in scans})
    stopped = sum(scan.status == "stopped" for scan in scans)
    warned = sum(scan.status == "warned" for scan in scans)
    flagged = [f"{stopped} stopped" * bool(stopped), f"{warned} to look at" * bool(warned)]
    tail = ", ".join(filter(None, flagged)) or "none stopped, none to look at"
    return f"{_with_noun(len(scans), 'scan')} of {_with_noun(patients, 'patient')}; {tail}."


def _figures(scans: Sequence[ScanRow], statuses: Counter[str]) -> list[tuple[str, int, str]]:
    """Name, number and status of the overview's large figures."""
    figures = [
        ("scans", len(scans), ""),
        ("patients", len({scan.patient for scan in scans}), ""),
        ("nothing to look at", statuses["ok"], "ok"),
        ("to look at", statuses["warned"], "warned"),
        ("stopped", statuses["stopped"], "stopped"),
    ]
    return figures + [("not checked", statuses["unknown"], "unknown")] * bool(statuses["unknown"])


def _count_table(of: str, scans: Sequence[ScanRow], values: Sequence[str], order: Sequence[str]) -> CountTable:
    columns = _ordered((scan.split or "none" for scan in scans), SPLITS)
    counts = Counter((value, scan.split or "none") for scan, value in zip(scans, values, strict=True))
    rows = [(value, tuple(counts[value, split] for split in columns)) for value in _ordered(values, order)]
    rows.append(("all", tuple(sum(row[1][i] for row in rows) for i in range(len(columns)))))
    return CountTable(of, columns, tuple((name, cells, sum(cells)) for name, cells in rows))


def _ordered(values: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    """The different values: those in `order` first, in that order, the others by name."""
    return tuple(sorted(set(values), key=lambda value: (order.index(value) if value in order else len(order), value)))


def _with_noun(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
