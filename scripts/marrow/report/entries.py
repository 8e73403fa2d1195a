"""What was evaluated: an entry of `runs` in the config with the tables that the evaluation made of it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from marrow.errors import MarrowError
from marrow.evaluation import columns as evaluation
from marrow.report.tables import Table, in_order, load_table, why_absent
from marrow.tables.frames import Columns
from marrow.tables.text_table import TextTable, read_text_tables

PART = "part"  # the column that says which runs are averaged together
COLUMNS: dict[str, Columns] = {
    **{name: columns for name, columns in evaluation.COLUMNS.items() if name != "tables"},
    "localisation": {name: kind for name, kind in evaluation.COLUMNS["summary"].items() if name != PART},
}
SCANS = "scans"


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
        why_no_papers: why there are none of these.
        latex: the same for a manuscript; empty where there are none.
        sizes: metrics by number of training bags as a `data:` address; empty where there is one number of them.
    """

    name: str
    kind: str
    datasets: tuple[str, ...]
    titles: Mapping[str, str]
    tables: Mapping[str, Table]
    papers: Sequence[TextTable]
    why_no_papers: str
    latex: str
    sizes: str

    @property
    def anchor(self) -> str:
        """An id for its place in the page."""
        return "entry-" + "".join(c if c.isascii() and (c.isalnum() or c == "-") else "_" for c in self.name)

    @property
    def states(self) -> dict[str, int]:
        """How many runs are done, stopped and missing."""
        counts = self.tables["runs"].frame["status"].value_counts()
        return {state: int(counts.get(state, 0)) for state in ("done", "stopped", "missing")}

    def title(self, method: str) -> str:
        """What a method is called."""
        return self.titles.get(method, method)

    def methods(self, table: str) -> list[str]:
        """The methods of a table in the order of the config, others after them."""
        return in_order([name for name in self.tables[table].distinct("method") if name], list(self.titles))

    def undefined(self) -> list[str]:
        """The metrics that no run has a value of."""
        values = self.tables["summary"].frame.groupby("metric", sort=False)["mean"].count()
        return values[values == 0].index.tolist()


def entries_of(planned: Sequence[Mapping[str, object]], files: Sequence[Path]) -> list[Entry]:
    """The entries that are planned, with what was made of each.

    Args:
        planned: `name`, `kind`, and `titles` (method -> title) of each entry.
        files: `results/evaluation/{entry}/{table}.csv`, and `tables.json`, `tables.tex` and `sizes.svg` beside them.
    """
    by_name = {(path.parent.name, path.name): path for path in files}
    return [part for one in planned for part in _parts(_entry(one, by_name))]


def _entry(planned: Mapping[str, object], files: Mapping[tuple[str, str], Path]) -> Entry:
    name = str(planned["name"])
    titles = planned["titles"]
    latex = files.get((name, "tables.tex"))
    tables = {table: load_table(files.get((name, f"{table}.csv")), columns) for table, columns in COLUMNS.items()}
    papers, why_no_papers = _papers(files.get((name, "tables.json")))
    return Entry(
        name=name,
        kind=str(planned["kind"]),
        datasets=tuple(tables["runs"].distinct("dataset")) or (name,),
        titles={str(key): str(value) for key, value in titles.items()} if isinstance(titles, Mapping) else {},
        tables=tables,
        papers=papers,
        why_no_papers=why_no_papers,
        latex=latex.read_text(encoding="utf-8", errors="replace") if latex and latex.is_file() else "",
        sizes=_drawing(files.get((name, "sizes.svg"))),
    )


def _papers(path: Path | None) -> tuple[list[TextTable], str]:
    """The tables in the papers' layouts, and why there are none."""
    why = why_absent(path)
    if why or path is None:
        return [], why
    try:
        tables = read_text_tables(path)
    except MarrowError as error:
        return [], str(error)
    return tables, "" if tables else f"{path.name} holds no table"


def _drawing(path: Path | None) -> str:
    if path is None or why_absent(path):
        return ""
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _parts(entry: Entry) -> list[Entry]:
    """An entry as it is averaged: folds together, data sets of different sizes each for itself."""
    names = entry.tables["runs"].distinct(PART)
    if len(names) < 2:
        return [replace(entry, sizes="")]
    return [_part(entry, name, names[0]) for name in names]


def _part(entry: Entry, name: str, first: str) -> Entry:
    runs = entry.tables["runs"].frame
    datasets = runs.loc[runs[PART] == name, "dataset"].unique().tolist()
    tables: dict[str, Table] = {}
    for kind, table in entry.tables.items():
        frame = table.frame
        if PART in frame:
            frame = frame[frame[PART] == name]
        elif "dataset" in frame:
            frame = frame[frame["dataset"].isin(datasets)]
        elif name != first:
            frame = frame[:0]
        tables[kind] = Table(frame, table.why or ("" if len(frame) else f"{kind}.csv says nothing of {name}"))
    part = replace(entry, name=name, datasets=tuple(datasets), tables=tables)
    if name == first:
        return part
    return replace(part, papers=[], why_no_papers=f"those of all sizes stand under {first}", latex="", sizes="")
