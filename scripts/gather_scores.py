"""Rule gather_scores: the bone scores of all scans in one table."""

from pathlib import Path

import pandas as pd

from marrow.bones.scores.per_bone import SCORES
from marrow.tables.frames import frame_of, read_table, write_table


def main(*, scores: list[Path], scores_table: Path) -> None:
    """Gather the scores.

    Args:
        scores: the scores of each scan, CSV; empty where a scan was stopped.
        scores_table: where all of them go, sorted by scan, the bones of a scan in the order of the bone table.
    """
    of_scans = pd.concat([frame_of([], SCORES), *(read_table(path, SCORES) for path in scores)])
    write_table(of_scans.sort_values("scan", kind="stable"), SCORES, scores_table)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
