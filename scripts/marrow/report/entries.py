"""What was evaluated: an entry of `runs` in the config with the tables that the evaluation made of it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from marrow.report.metrics import SUMMARY
from marrow.report.paper_tables import PaperTables, read_paper_tables
from marrow.report.tables import Table, number, read_csv, why_absent

COLUMNS = {
    "runs": ("dataset", "method", "seed", "status", "reason"),
    "summary": SUMMARY,
    "comparisons": ("method", "reference", "metric", "difference", "low", "high", "p_corrected"),
    "confusion": ("method", "label", "predicted", "count", "row_percent"),
    "reliability": ("method", "low", "high", "count", "mean_probability", "observed"),
    "groups": ("method", "grouping", "group", "metric", "mean", "n"),
    "curves": ("dataset", "method", "seed", "epoch", "quantity", "value"),
    "localisation": SUMMARY,
    "notes": ("method", "metric", "note"),
}
SCANS = "scans"
PART = "part"  # the column that says which runs are averaged together


@dataclass(frozen=True)
class Entry:
    """An entry, or a part of one that makes several data sets, with its tables; any may be empty with a reason.

    Attributes:
        name: as in the config; of a part, its own.
        kind: of the bags.
        datasets: those that its runs learn from.
        titles: method -> what tables call it, in the order of the config.
        tables: name of the table -> the table.
        papers: the tables in the papers' layouts.
        latex: the same for a manuscript; empty where there are none.
        sizes: metrics by number of training bags as a `data:` address; empty where there is one number of them.
    """

    name: str
    kind: str
    datasets: tuple[str, ...]
    titles: Mapping[str, str]
    tables: Mapping[str, Table]
    papers: PaperTables
    latex: str
    sizes: str

    @property
    def anchor(self) -> str:
        """An id for its place in the page."""
        return "entry-" + "".join(c if c.isascii() and (c.isalnum() or c == "-") else "_" for c in self.name)

    @property
    def states(self) -> dict[str, int]:
        """How many runs are done, stopped and missing."""
        told = [row["status"] for row in self.tables["runs"].rows]
        return {state: told.count(state) for state in ("done", "stopped", "missing")}

    def title(self, method: str) -> str:
        """What a method is called."""
        return self.titles.get(method, method)

    def methods(self, table: str) -> list[str]:
        """The methods of a table in the order of the config, others after them."""
        found = [name for name in self.tables[table].of("method") if name]
        return [*(name for name in self.titles if name in found), *(name for name in found if name not in self.titles)]

    def undefined(self) -> list[str]:
        """The metrics that no run has a value of."""
        summary = self.tables["summary"]
        metrics = summary.of("metric")
        return [m for m in metrics if all(number(row["mean"]) is None for row in summary.where(metric=m))]


def entries_of(planned: Sequence[Mapping[str, object]], files: Sequence[Path]) -> list[Entry]:
    """The entries that are planned, with what was made of each.

    Args:
        planned: `name`, `kind`, and `titles` (method -> title) of each entry.
        files: `results/evaluation/{entry}/{table}.csv`, and `tables.md`, `tables.tex` and `sizes.svg` beside them.
    """
    found = {(path.parent.name, path.name): path for path in files}
    return [part for one in planned for part in _parts(_entry(one, found))]


def _entry(planned: Mapping[str, object], found: Mapping[tuple[str, str], Path]) -> Entry:
    name = str(planned["name"])
    titles = planned["titles"]
    latex = found.get((name, "tables.tex"))
    tables = {table: read_csv(found.get((name, f"{table}.csv")), columns) for table, columns in COLUMNS.items()}
    return Entry(
        name=name,
        kind=str(planned["kind"]),
        datasets=tuple(tables["runs"].of("dataset")) or (name,),
        titles={str(key): str(value) for key, value in titles.items()} if isinstance(titles, Mapping) else {},
        tables=tables,
        papers=read_paper_tables(found.get((name, "tables.md"))),
        latex=latex.read_text(encoding="utf-8", errors="replace") if latex and latex.is_file() else "",
        sizes=_drawing(found.get((name, "sizes.svg"))),
    )


def _drawing(path: Path | None) -> str:
    if path is None or why_absent(path):
        return ""
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _parts(entry: Entry) -> list[Entry]:
    """An entry as it is averaged: folds together, data sets of different sizes each for itself."""
    names = entry.tables["runs"].of(PART)
    if len(names) < 2:
        return [replace(entry, sizes="")]
    return [_part(entry, name, is_first=name == names[0]) for name in names]


def _part(entry: Entry, name: str, is_first: bool) -> Entry:
    datasets = tuple(dict.fromkeys(row["dataset"] for row in entry.tables["runs"].where(**{PART: name})))
    tables: dict[str, Table] = {}
    for kind, table in entry.tables.items():
        if PART in table.columns:
            rows = tuple(table.where(**{PART: name}))
        elif "dataset" in table.columns:
            rows = tuple(row for row in table.rows if row["dataset"] in datasets)
        else:
            rows = table.rows if is_first else ()
        why = table.why or ("" if rows else f"{kind}.csv says nothing of {name}")
        tables[kind] = Table(table.columns, rows, why)
    own = replace(entry, name=name, datasets=datasets, tables=tables)
    if is_first:
        return own
    papers = PaperTables((), f"those of all sizes stand under {entry.tables['runs'].of(PART)[0]}")
    return replace(own, papers=papers, latex="", sizes="")
