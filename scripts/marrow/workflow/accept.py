"""Accepting an edit as neutral: results stand although code or settings differ from those that made them.

The record takes over today's code and settings and keeps a note of what differed, why that does not matter and when
that was said. Later edits are tracked as ever; a changed input cannot be accepted.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from marrow.errors import MarrowError
from marrow.workflow.dry_run import PlannedJob
from marrow.workflow.fingerprint.code import job_code
from marrow.workflow.record import Record, read_record, write_record

_ACCEPTABLE = ("code: ", "setting ")


def refuse_unacceptable(jobs: Iterable[PlannedJob]) -> None:
    """Refuse before anything is written.

    Raises:
        MarrowError: a job differs in more than code and settings.
    """
    for job in jobs:
        refused = [each for each in job.reasons if not each.startswith((*_ACCEPTABLE, "it lies below"))]
        if refused:
            raise MarrowError(f"{job.name} cannot be accepted: {'; '.join(refused)}; run it instead")


def accept(job: PlannedJob, record_file: Path, scripts: Path, reason: str) -> Record:
    """Declare a stale job's own differences neutral, and write that into its record.

    Args:
        job: a stale job of a plan.
        record_file: where its record lies.
        scripts: the folder of scripts.
        reason: why the results do not depend on the edit.

    Raises:
        MarrowError: the job has no record.
    """
    record = read_record(record_file)
    if record is None:
        raise MarrowError(f"{job.name} cannot be accepted: it has no record; run it instead")
    own = [each for each in job.reasons if each.startswith(_ACCEPTABLE)]
    note = {"what": "; ".join(own), "reason": reason, "when": datetime.now(UTC).strftime("%Y-%m-%d")}
    accepted = replace(
        record,
        code=job_code(scripts, job.rule, json.loads(job.modules)),
        params=json.loads(job.params),
        accepted=[*record.accepted, note],
    )
    write_record(accepted, record_file)
    return accepted
