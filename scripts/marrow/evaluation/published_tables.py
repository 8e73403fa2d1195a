"""A paper's table with ours beside it: its rows and columns in its order, below them the methods it does not have."""

from collections.abc import Iterator

from marrow.evaluation.cell_texts import (
    SPREADS,
    mean_text,
    own_numbers,
    row_title,
    shared_n,
    told_marks,
    told_n,
    told_tested,
)
from marrow.evaluation.cells import Cell, Row
from marrow.evaluation.published import Column, Number, PublishedTable
from marrow.evaluation.results import Result, Results
from marrow.tables.text_table import NOTHING, Footnotes, TextTable

SIMULATED = "Ours are simulated scans: they show that the methods work, and nothing about patients."


def published_layout(table: PublishedTable, results: Results, simulated: bool) -> tuple[TextTable, list[Row]]:
    """Lay out a published table with ours beside it.

    Args:
        table: of a paper.
        results: ours.
        simulated: whether ours are of simulated scans.
    """
    footnotes = Footnotes()
    rows = list(_rows(table, results))
    found = {
        (title, column.name): None if method is None else results.result(column.parts[0], method, column.metric)
        for title, method in rows
        for column in table.columns
    }
    n = shared_n(list(found.values()))
    spread = table.spread or "std"
    texts: list[tuple[str, ...]] = []
    for title, method in rows:
        texts.append((row_title(title, method, results),))
        for column in table.columns:
            ours = found[title, column.name]
            own = NOTHING if method is None else mean_text(ours, spread, results, footnotes, show_n=n is None)
            texts[-1] += (_printed(table.numbers.get((title, column.name))), own)
    parts = dict.fromkeys(column.parts[0] for column in table.columns)
    notes = [_told_spread(table), told_n(n, spread), *told_tested(parts, results), *told_marks(results)]
    notes += [*([SIMULATED] if simulated else []), *_told_left_out(table), *footnotes.lines]
    notes += [f"Protocol: {line}" for line in table.protocol]
    cells = [
        _cell(table, title, method, column, found[title, column.name], results)
        for title, method in rows
        for column in table.columns
    ]
    heads = ("Method", *(column.name for column in table.columns))
    return TextTable(table.title, heads, ("paper", "ours"), tuple(texts), tuple(notes)), cells


def _rows(table: PublishedTable, results: Results) -> Iterator[tuple[str, str | None]]:
    """The paper's rows, then the methods of ours that are in none."""
    yield from table.rows.items()
    for method, title in results.titles.items():
        if method not in table.rows.values():
            yield (f"{title} ({method})" if title in table.rows else title), method


def _printed(number: Number | None) -> str:
    if number is None:
        return NOTHING
    return f"{number.value} ± {number.spread}" if number.spread else number.value


def _told_spread(table: PublishedTable) -> str:
    return f"Paper: what is after ± is the {SPREADS[table.spread]}." if table.spread else "Paper: no spread is printed."


def _told_left_out(table: PublishedTable) -> list[str]:
    return [f"Columns of the paper on other data are left out: {', '.join(table.left_out)}."] if table.left_out else []


def _cell(
    table: PublishedTable, title: str, method: str | None, column: Column, result: Result | None, results: Results
) -> Row:
    number = table.numbers.get((title, column.name))
    row: dict[str, Cell] = {
        "table": table.title,
        "row": title,
        "column": column.name,
        "metric": column.metric,
        "method": method,
        "published": number.value if number else None,
        "published_spread": number.spread if number else None,
        "spread_kind": table.spread,
        "part": column.parts[0],
    }
    return row | own_numbers(result, results, "not in Marrow" if method is None else "not run")
