"""A paper's table with ours beside it: its rows and columns, in its order, and below them the methods it does not have."""

import math
from collections.abc import Iterator

from marrow.evaluation.cells import Row
from marrow.evaluation.laid_table import (
    MARK,
    NOTHING,
    SPREADS,
    Footnotes,
    LaidTable,
    mean_text,
    shared_n,
    told_marks,
    told_n,
)
from marrow.evaluation.published import Column, Number, PublishedTable
from marrow.evaluation.results import Result, Results


def published_layout(table: PublishedTable, results: Results) -> LaidTable:
    """Lay out a published table with ours beside it."""
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
        texts.append((_named(title, method, results),))
        for column in table.columns:
            ours = found[title, column.name]
            own = NOTHING if method is None else mean_text(ours, spread, results, footnotes, show_n=n is None)
            texts[-1] += (_printed(table.numbers.get((title, column.name))), own)
    paper = (
        f"Paper: what is after ± is the {SPREADS[table.spread]}." if table.spread else "Paper: no spread is printed."
    )
    notes = [paper, told_n(n, spread), *_one_bag_set(table), *told_marks(results), *footnotes.lines]
    notes += [f"Protocol: {line}" for line in table.protocol]
    cells = [
        _cell(table, title, method, column, found[title, column.name], results)
        for title, method in rows
        for column in table.columns
    ]
    heads = ("Method", *(column.name for column in table.columns))
    return LaidTable(table.title, heads, 2, ("paper", "ours"), tuple(texts), tuple(notes), tuple(cells))


def _rows(table: PublishedTable, results: Results) -> Iterator[tuple[str, str | None]]:
    """The paper's rows, then the methods of ours that are in none."""
    yield from table.rows.items()
    others = (method for method in results.titles if method not in table.rows.values())
    for method in others:
        title = results.titles[method]
        yield (f"{title} ({method})" if title in table.rows else title), method


def _named(title: str, method: str | None, results: Results) -> str:
    return f"{title} (reference)" if method is not None and method == results.reference else title


def _printed(number: Number | None) -> str:
    if number is None:
        return NOTHING
    return f"{number.value} ± {number.spread}" if number.spread else number.value


def _one_bag_set(table: PublishedTable) -> list[str]:
    columns = ", ".join(column.name for column in table.columns)
    return [f"Columns of the paper that these data fill: {columns}."]


def _cell(
    table: PublishedTable, title: str, method: str | None, column: Column, result: Result | None, results: Results
) -> Row:
    number = table.numbers.get((title, column.name))
    row: dict[str, str | float | None] = {
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


def own_numbers(result: Result | None, results: Results, absent: str) -> Row:
    """The columns of a cell that are ours."""
    if result is None:
        empty = dict.fromkeys(("ours", "ours_std", "ours_sem", "ours_n", "low", "high", "p_corrected", "mark"))
        return {**empty, "note": absent}
    return {
        "ours": result.mean,
        "ours_std": result.std,
        "ours_sem": result.sem,
        "ours_n": result.n,
        "low": result.low,
        "high": result.high,
        "p_corrected": result.p_corrected,
        "mark": MARK if results.differs(result) else "",
        "note": result.note if math.isnan(result.mean) else "",
    }
