"""Tables as Markdown."""

import re
from collections.abc import Sequence

from marrow.tables.text_table import LaidTable

_SIGNS = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown(tables: Sequence[LaidTable], heading: str) -> str:
    """All tables, one after the other; what comes from outside cannot be read as markup."""
    return "\n".join([f"# {_plain(heading)}", "", *("\n".join(_lines(table)) for table in tables)])


def _lines(table: LaidTable) -> list[str]:
    first, *others = table.heads
    heads = [f"{head}, {name}" for head in others for name in table.subheads] if table.group > 1 else others
    return [
        f"## {_plain(table.title)}",
        "",
        _row([first, *heads]),
        _row_of_rules(len(heads)),
        *(_row(row) for row in table.rows),
        "",
        *(f"- {_plain(note)}" for note in table.notes),
        "",
    ]


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, texts))} |"


def _row_of_rules(columns: int) -> str:
    return f"|---|{'---:|' * columns}"


def _plain(text: str) -> str:
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))
