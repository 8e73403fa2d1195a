"""A paper's table with ours beside it: its rows and columns in its order, below them the methods it does not have."""

import pandas as pd

from marrow.evaluation.layout import SPREADS, mark_note, mean_texts, tested_note, text_rows
from marrow.evaluation.published import PublishedTable
from marrow.evaluation.results import KEYS, Results
from marrow.tables.text_table import NOTHING, Footnotes, TextTable

SIMULATED = "Ours are simulated scans: they show that the methods work, and nothing about patients."


def published_cells(table: PublishedTable, results: Results) -> pd.DataFrame:
    """The cells of a published table with ours beside them, row after row.

    Args:
        table: of a paper.
        results: ours.
    """
    rows = {title: method or "" for title, method in table.rows.items()}
    for method, title in results.titles.items():
        if method not in table.rows.values():
            rows[f"{title} ({method})" if title in table.rows else title] = method
    columns = [(column.name, column.metric, column.parts[0]) for column in table.columns]
    cells = pd.DataFrame(rows.items(), columns=["row", "method"])
    cells = cells.merge(pd.DataFrame(columns, columns=["column", "metric", "part"]), how="cross")
    cells = cells.merge(table.numbers, on=["row", "column"], how="left").merge(results.cells, on=KEYS, how="left")
    absent = cells["method"].map({"": "not in Marrow"}).fillna("not run")
    return cells.assign(table=table.title, spread_kind=table.spread, note=cells["note"].fillna(absent))


def published_table(table: PublishedTable, cells: pd.DataFrame, results: Results, simulated: bool) -> TextTable:
    """Lay out a published table with ours beside it.

    Args:
        table: of a paper.
        cells: of the table.
        results: ours.
        simulated: whether ours are of simulated scans.
    """
    footnotes = Footnotes()
    ours, of_ours = mean_texts(cells, table.spread or "std", footnotes)
    value, spread = cells["published"].fillna(NOTHING), cells["published_spread"].fillna("")
    printed = value + (" ± " + spread).where(spread != "", "")
    parts = dict.fromkeys(column.parts[0] for column in table.columns)
    notes = [
        f"Paper: what is after ± is the {SPREADS[table.spread]}." if table.spread else "Paper: no spread is printed.",
        of_ours,
        *tested_note(parts, results),
        *mark_note(results),
    ]
    if simulated:
        notes.append(SIMULATED)
    if table.left_out:
        notes.append(f"Columns of the paper on other data are left out: {', '.join(table.left_out)}.")
    notes += [*footnotes.lines, *(f"Protocol: {line}" for line in table.protocol)]
    return TextTable(
        title=table.title,
        heads=("Method", *(column.name for column in table.columns)),
        subheads=("paper", "ours"),
        rows=text_rows(cells, zip(printed, ours, strict=True), results.reference),
        notes=tuple(notes),
    )
