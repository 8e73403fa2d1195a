"""Rule write_tables: the papers' tables with ours beside them, and tables of all metrics; to read and to publish."""

from itertools import chain
from pathlib import Path
from typing import Any

from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.layout import table_of_cells
from marrow.evaluation.overview_tables import overview_cells, overview_tables
from marrow.evaluation.published import published_tables
from marrow.evaluation.published_tables import published_cells, published_table
from marrow.evaluation.results import Results
from marrow.files import write_text
from marrow.tables.frames import write_table
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
    results = Results(runs_table, summary, comparisons, notes, reference, significance)
    papers = published_tables(published, published_numbers, about, results.parts)
    of_papers = [(table, published_cells(table, results)) for table in papers]
    of_parts = [(part, overview_cells(part, results)) for part in results.parts]
    write_table(table_of_cells(cells for _, cells in [*of_papers, *of_parts]), COLUMNS["tables"], tables_csv)
    tables = [
        *(published_table(table, cells, results, about["simulated"]) for table, cells in of_papers),
        *chain.from_iterable(overview_tables(part, cells, results) for part, cells in of_parts),
    ]
    write_text_tables(tables, tables_json)
    heading = f"Results on {entry}{' (simulated scans)' if about['simulated'] else ''}"
    write_text(tables_markdown, markdown(tables, heading))
    write_text(tables_latex, latex(tables, heading))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
