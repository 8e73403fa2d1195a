"""The last word on a cohort in which scans were stopped: fail and name them, or go on with the others."""

import csv
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from marrow.errors import MarrowError

SHOWN = 5  # scans that are named where many have one reason
_log = logging.getLogger(__name__)


def main(*, table: Path, confirmed: Path, on_stopped: str) -> None:
    """Confirm that no scan was stopped, or that stopped scans are accepted.

    Args:
        table: the findings of all scans, from `tabulate_checks`.
        confirmed: written, one line.
        on_stopped: `fail` to end with an error when a scan was stopped, `report` to go on.

    Raises:
        MarrowError: scans were stopped, and they are not accepted.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    scans = {row["scan"] for row in rows}
    reasons = [row for row in rows if row["status"] == "stopped"]
    stopped = {row["scan"] for row in reasons}
    if stopped:
        listed = "\n".join(f"  {line}" for line in _listed(reasons))
        summary = f"{len(stopped)} of {len(scans)} scans were stopped:\n{listed}"
        if on_stopped == "fail":
            raise MarrowError(
                f"{summary}\nThe report, results/report/index.html, has what was made of the others. Mend the files of "
                "these and run again, or give them a reason in the column `exclude` of the sample sheet, or set "
                "`on_stopped_scan: report` in the config to go on without them."
            )
        _log.warning("%s", summary)
    confirmed.write_text(f"{len(scans) - len(stopped)} scans finished, {len(stopped)} stopped\n", encoding="utf-8")


def _listed(reasons: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each reason; scans that lack the same thing, such as the standard scale, share one."""
    scans: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in reasons:
        scans[row["check"], row["message"]].append(row["scan"])
    for (check, message), ids in scans.items():
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        yield f"{', '.join(ids[:SHOWN])}{more} ({check}): {message}"


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
