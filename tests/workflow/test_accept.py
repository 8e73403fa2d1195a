"""After an edit was accepted, results count as made by today's code: for the judge, the archive and jobs below."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marrow.errors import MarrowError
from marrow.workflow.accept import accept
from marrow.workflow.dry_run import PlannedJob
from marrow.workflow.paths import ARCHIVE
from marrow.workflow.reason import Reason
from marrow.workflow.record import Note, digest_of, read_record
from marrow.workflow.stage import Job, perform

EDITED = Reason("code_changed", "copy_scan.py")


def scripts_of(day: str) -> Path:
    """The folder of scripts; absolute, since parsed files are remembered by their paths."""
    return Path.cwd() / day / "scripts"


def main(*, source: Path, copy: Path, times: int) -> None:
    copy.write_text(source.read_text() * times)


def count(*, records: list[Path], table: Path) -> None:
    table.write_text(str(len(records)))


def never(*, source: Path, copy: Path, times: int) -> None:
    pytest.fail("it is computed again")


@pytest.fixture(autouse=True)
def edited_code(tmp_path, monkeypatch):
    """The scripts of two rules before an edit of the first and today, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    for day in ("before", "today"):
        scripts = scripts_of(day)
        scripts.mkdir(parents=True)
        (scripts / "copy_scan.py").write_text(f"day = '{day}'\n")
        (scripts / "count_scans.py").write_text("x = 1\n")
        (scripts.parent / "requirements.txt").touch()
    Path("raw").write_text("raw")


def copying(scan: str, archive_mb: int = 1) -> Job:
    folder = Path("results/copied")
    folder.mkdir(parents=True, exist_ok=True)
    return Job(
        rule="copy_scan",
        wildcards={"scan": scan},
        inputs={"source": "raw"},
        outputs={"copy": f"{folder}/{scan}.txt"},
        params={"times": 2},
        record=folder / f"{scan}.record.json",
        threads=1,
        archive_mb=archive_mb,
    )


def counting(name: str, records: list[Path]) -> Job:
    folder = Path("results/counted")
    folder.mkdir(parents=True, exist_ok=True)
    return Job(
        rule="count_scans",
        wildcards={},
        inputs={"records": [path.as_posix() for path in records]},
        outputs={"table": f"{folder}/{name}.txt"},
        params={},
        record=folder / f"{name}.record.json",
        threads=1,
        archive_mb=1,
    )


def made(job: Job, main=main, day="before"):
    """Run a job with the code of a day; its record."""
    perform(main, job, scripts_of(day))
    return read_record(job.record)


def planned(job: Job, *reasons: Reason) -> PlannedJob:
    wildcards = tuple(job.wildcards.items())
    return PlannedJob(job.rule, wildcards, reasons or (EDITED,), job.record.as_posix(), json.dumps(job.params))


def test_the_record_is_the_one_that_today_would_write_and_has_a_note_with_the_date():
    job = copying("S1")
    made(job)
    changed = replace(job, params={"times": 3}, archive_mb=0)
    accept([planned(changed, EDITED, Reason("setting_changed", "times", "2 -> 3"))], scripts_of("today"), "no matter")
    accepted = read_record(job.record)
    today = made(changed, main, "today")
    assert (accepted.fingerprint, accepted.code, accepted.params) == (today.fingerprint, today.code, today.params)
    said = "code: copy_scan.py changed; setting times: 2 -> 3"
    assert accepted.accepted == [Note(said, "no matter", datetime.now(UTC).strftime("%Y-%m-%d"))]


@pytest.mark.parametrize("day", ["today", "before"])
def test_accepted_results_come_back_from_the_archive_under_the_fingerprint_of_either_code(day):
    job = copying("S1")
    made(job)
    accept([planned(job)], scripts_of("today"), "renamed")
    made(replace(job, params={"times": 3}), main, day)
    assert made(job, never, day).outputs[job.outputs["copy"]].size == len("rawraw")


def test_nothing_comes_into_the_archive_that_was_not_there():
    job = copying("S1", archive_mb=0)
    made(job)
    accept([planned(job)], scripts_of("today"), "renamed")
    assert not ARCHIVE.exists()


def test_records_of_jobs_below_take_over_the_new_fingerprint_of_a_record_level_by_level():
    copies = [copying("S1"), copying("S2")]
    for job in copies:
        made(job)
    first = counting("first", [job.record for job in copies])
    made(first, count)
    second = counting("second", [first.record])
    other = counting("other", [copies[1].record])
    before = {job.record: made(job, count) for job in (second, other)}
    accept([planned(copies[0])], scripts_of("today"), "renamed")
    for job in (first, second):
        record = read_record(job.record)
        assert {source.path: source.digest for source in record.inputs.values()} == {
            path: digest_of(Path(path)) for path in job.inputs["records"]
        }
        assert record.accepted == []
        assert record.fingerprint == made(job, lambda **_: pytest.fail("counted again"), "today").fingerprint
    assert read_record(other.record) == before[other.record]
    assert read_record(copies[1].record).accepted == []


def test_a_job_that_is_accepted_below_an_accepted_record_follows_both():
    job = copying("S1")
    made(job)
    below = counting("below", [job.record])
    (scripts_of("today") / "count_scans.py").write_text("x = 2\n")
    made(below, count)
    accept([planned(below, Reason("code_changed", "count_scans.py")), planned(job)], scripts_of("today"), "renamed")
    record = read_record(below.record)
    assert len(record.accepted) == 1
    assert record.fingerprint == made(replace(below, archive_mb=0), count, "today").fingerprint


@pytest.mark.parametrize("kind", ["input_changed", "input_new", "input_gone", "record_missing", "output_edited"])
def test_one_job_that_differs_in_more_than_code_and_settings_leaves_all_as_they_were(kind):
    jobs = [copying("S1"), copying("S2")]
    before = [made(job) for job in jobs]
    with pytest.raises(MarrowError, match=r"copy_scan S2 cannot be accepted: .*; run it instead"):
        accept([planned(jobs[0]), planned(jobs[1], EDITED, Reason(kind, "source"))], scripts_of("today"), "who cares")
    assert [read_record(job.record) for job in jobs] == before
