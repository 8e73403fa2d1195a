"""The papers' tables as the evaluation lays them out: its Markdown, read back as tables and notes.

The CSV beside it has the same numbers, a cell a row, for programs; what is made for readers is this.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from marrow.report.tables import why_absent

_ESCAPED = re.compile(r"\\([^\w\s])")
_SPLIT = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[-:|\s]+")


@dataclass(frozen=True)
class PaperTable:
    """A table with its title, the heads of its columns, its rows and what is noted below it."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PaperTables:
    """All tables of a file; `why` says why there are none."""

    tables: tuple[PaperTable, ...]
    why: str


def read_paper_tables(path: Path | None) -> PaperTables:
    """The tables in a Markdown file."""
    why = why_absent(path)
    if why or path is None:
        return PaperTables((), why)
    parts = re.split(r"^## ", path.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)[1:]
    tables = tuple(_table(part.splitlines()) for part in parts)
    return PaperTables(tables, "" if tables else f"{path.name} holds no table")


def _table(lines: list[str]) -> PaperTable:
    title, *others = lines
    rows = [_cells(line) for line in others if line.startswith("|") and not _RULE.fullmatch(line)]
    width = max(map(len, rows), default=0)
    whole = [(*row, *[""] * (width - len(row))) for row in rows]
    notes = tuple(_plain(line[2:]) for line in others if line.startswith("- "))
    return PaperTable(_plain(title), whole[0] if whole else (), tuple(whole[1:]), notes)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(map(_plain, _SPLIT.split(line.strip())[1:-1]))


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text.strip())
