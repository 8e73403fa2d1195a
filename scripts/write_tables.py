"""Rule write_tables: the papers' tables with ours beside them, and tables of all metrics; to read and to publish."""

from itertools import chain
from pathlib import Path
from typing import Any

from marrow.evaluation.cells import write_rows
from marrow.evaluation.overview_tables import own_layouts
from marrow.evaluation.published import published_tables
from marrow.evaluation.published_tables import published_layout
from marrow.evaluation.results import Results
from marrow.files import write_text
from marrow.tables.latex import latex
from marrow.tables.markdown import markdown
from marrow.tables.text_table import write_text_tables


def main(
    *,
    runs_table: Path,
    summary: Path,
    comparisons: Path,
    notes: Path,
    published: Path,
    published_numbers: Path,
    tables_csv: Path,
    tables_json: Path,
    tables_markdown: Path,
    tables_latex: Path,
    entry: str,
    about: dict[str, Any],
    reference: str,
    significance: float,
) -> None:
    """Lay out the tables.

    Args:
        runs_table: a row for each run.
        summary: means over runs.
        comparisons: every method against the reference.
        notes: why numbers are empty.
        published: which published tables there are.
        published_numbers: what is printed in them.
        tables_csv: all cells as numbers.
        tables_json: the tables in texts, for programs.
        tables_markdown: the tables for reading.
        tables_latex: the same for a paper.
        entry: name of the entry of `runs`.
        about: what its data are, which decides the published tables that it is compared with.
        reference: the method that the others are compared with.
        significance: below which a corrected p marks a difference.
    """
    results = Results.read(runs_table, summary, comparisons, notes, reference, significance)
    beside = published_tables(published, published_numbers, about, results.parts)
    layouts = [*(published_layout(table, results, about["simulated"]) for table in beside), *own_layouts(results)]
    write_rows(chain.from_iterable(cells for _, cells in layouts), "tables", tables_csv)
    tables = [table for table, _ in layouts]
    write_text_tables(tables, tables_json)
    heading = f"Results on {entry}{' (simulated scans)' if about['simulated'] else ''}"
    write_text(tables_markdown, markdown(tables, heading))
    write_text(tables_latex, latex(tables, heading))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
