"""Tables as Markdown."""

import re
from collections.abc import Sequence

from marrow.tables.text_table import TextTable

_SIGNS = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown(tables: Sequence[TextTable], heading: str) -> str:
    """All tables, one after the other; what comes from outside cannot be read as markup."""
    return "\n".join([f"# {_plain(heading)}", "", *("\n".join(_lines(table)) for table in tables)])


def _lines(table: TextTable) -> list[str]:
    return [
        f"## {_plain(table.title)}",
        "",
        _row(table.columns),
        f"|---|{'---:|' * (len(table.columns) - 1)}",
        *(_row(row) for row in table.rows),
        "",
        *(f"- {_plain(note)}" for note in table.notes),
        "",
    ]


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, texts))} |"


def _plain(text: str) -> str:
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))
