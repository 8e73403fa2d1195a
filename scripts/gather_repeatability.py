"""Rule gather_repeatability: the repeatability of all methods of an entry in one table."""

from pathlib import Path

from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.repeatability import repeatability_of
from marrow.tables.frames import write_table


def main(*, tables: list[Path], repeatability: Path, methods: list[str], parts: list[str]) -> None:
    """Gather the tables of an entry's runs.

    Args:
        tables: of each run, CSV; empty where it was stopped.
        repeatability: the table to write: a row for each method and part.
        methods: the method of each run.
        parts: which runs each is averaged with.
    """
    write_table(repeatability_of(zip(methods, parts, tables, strict=True)), COLUMNS["repeatability"], repeatability)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
