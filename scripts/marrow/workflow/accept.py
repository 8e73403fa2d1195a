"""Declare an edit neutral: results stay although code or settings differ from those that made them.

The record of each job takes over today's code and settings, and the fingerprint that follows, with a note of what
differed, why that does not matter, and the date. From then on the results count as made by today's code: when another
seed trains, or when they come back from the archive. Records that are inputs of other jobs are known by their
fingerprint, so the records of these jobs follow. Later edits make results stale as ever; a changed input cannot be
accepted.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from marrow.errors import MarrowError
from marrow.workflow.archive import copy_entry
from marrow.workflow.dry_run import PlannedJob
from marrow.workflow.fingerprint.code import job_code
from marrow.workflow.fingerprint.values import job_fingerprint
from marrow.workflow.paths import ARCHIVE, RESULTS
from marrow.workflow.reason import ABOVE, ACCEPTABLE, in_words
from marrow.workflow.record import Note, Record, Source, read_record, record_files, write_record


def accept(jobs: Sequence[PlannedJob], scripts: Path, reason: str) -> None:
    """Declare what differs in stale jobs neutral, and write that into the records below the working directory.

    Args:
        jobs: those of a plan that are stale themselves.
        scripts: the folder of scripts.
        reason: why the results do not depend on the edit.

    Raises:
        MarrowError: a job differs in more than code and settings; nothing is written then.
    """
    _refuse_unacceptable(jobs)
    before = {path: record for path in record_files(RESULTS) if (record := read_record(path))}
    edited = {Path(job.record): _accepted(before[Path(job.record)], job, scripts, reason) for job in jobs}
    for path, record in (edited | _with_new_inputs(before, edited)).items():
        copy_entry(ARCHIVE, before[path].fingerprint, record.fingerprint)
        write_record(record, path)


def _refuse_unacceptable(jobs: Iterable[PlannedJob]) -> None:
    for job in jobs:
        refused = [reason for reason in job.reasons if reason.kind not in ACCEPTABLE | {"below"}]
        if refused:
            raise MarrowError(f"{job.name} cannot be accepted: {'; '.join(in_words(refused))}; run it instead")


def _accepted(record: Record, job: PlannedJob, scripts: Path, reason: str) -> Record:
    what = "; ".join(in_words(each for each in job.reasons if each.kind not in ABOVE))
    note = Note(what, reason, datetime.now(UTC).strftime("%Y-%m-%d"))
    code = job_code(scripts, job.rule, job.modules)
    return _renewed(
        replace(
            record,
            code=code,
            modules=list(job.modules),
            params=json.loads(job.params),
            accepted=[*record.accepted, note],
        )
    )


def _with_new_inputs(before: Mapping[Path, Record], edited: Mapping[Path, Record]) -> dict[Path, Record]:
    """The records of jobs whose inputs are records that got another fingerprint, level by level downwards."""
    now, changed = dict(before), dict(edited)
    below: dict[Path, Record] = {}
    while changed:
        sources = {_source(path, now[path]): _source(path, record) for path, record in changed.items()}
        now |= changed
        changed = {
            path: _renewed(replace(record, inputs={role: sources.get(s, s) for role, s in record.inputs.items()}))
            for path, record in now.items()
            if not sources.keys().isdisjoint(record.inputs.values())
        }
        below |= changed
    return below


def _source(path: Path, record: Record) -> Source:
    """A record as an input of another job."""
    return Source(record.fingerprint, path=path.as_posix())


def _renewed(record: Record) -> Record:
    """The record with the fingerprint of its code, settings and inputs."""
    contents = {role: source.digest for role, source in record.inputs.items()}
    return replace(record, fingerprint=job_fingerprint(record.rule, record.code, record.params, contents))
