"""Rule gather_scores: the bone scores of all scans in one table."""

from pathlib import Path

from marrow.bones.scores.table import read_scores, write_scores


def main(*, scores: list[Path], scores_table: Path) -> None:
    """Gather the scores.

    Args:
        scores: the scores of each scan, CSV; empty where a scan was stopped.
        scores_table: where all of them go, sorted by scan, the bones of a scan in the order of the bone table.
    """
    rows = [row for path in scores for row in read_scores(path)]
    write_scores(sorted(rows, key=lambda row: row.scan), scores_table)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
