"""Tables laid out for readers, all in texts: as data in JSON, from which `markdown` and `latex` make documents."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from marrow.errors import MarrowError

NOTHING = "–"


@dataclass(frozen=True)
class TextTable:
    """A table in texts.

    Attributes:
        title: above it.
        heads: of its columns, that of the rows' titles first.
        subheads: the columns under each head but the first; empty where each head has a single column.
        rows: the title of the row first, then a text for each column.
        notes: below it.
    """

    title: str
    heads: tuple[str, ...]
    subheads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each column, as `50, ours` where the head `50` has the subhead `ours`."""
        if not self.subheads:
            return self.heads
        first, *others = self.heads
        return first, *(f"{head}, {name}" for head in others for name in self.subheads)


def write_text_tables(tables: Sequence[TextTable], path: Path) -> None:
    """Write tables as JSON: a list with an object a table, whose keys are the attributes of `TextTable`."""
    text = json.dumps([asdict(table) for table in tables], ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read_text_tables(path: Path) -> list[TextTable]:
    """The tables in a file that `write_text_tables` wrote.

    Raises:
        MarrowError: the file is damaged.
    """
    try:
        return [
            TextTable(
                title=table["title"],
                heads=tuple(table["heads"]),
                subheads=tuple(table["subheads"]),
                rows=tuple(map(tuple, table["rows"])),
                notes=tuple(table["notes"]),
            )
            for table in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (ValueError, KeyError, TypeError):
        raise MarrowError(f"{path.name} is damaged or holds no tables; delete it and run again") from None


class Footnotes:
    """Reasons under a table, each once, known by a letter."""

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def mark(self, reason: str) -> str:
        """The letter of a reason."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        return _letters(self._reasons.index(reason))

    @property
    def lines(self) -> list[str]:
        """All of them."""
        return [f"[{_letters(index)}] {reason}" for index, reason in enumerate(self._reasons)]


def _letters(index: int) -> str:
    letter = chr(ord("a") + index % 26)
    return letter if index < 26 else f"{_letters(index // 26 - 1)}{letter}"
