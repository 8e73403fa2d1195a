"""All records of a run together: what made each result, with which settings, and whether it still follows.

A result is stale here where its record was made by other code than that which builds this page, or from an input whose
record tells another content by now. Settings are not compared: only Snakemake knows those of today, and `make why` asks
it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.workflow.fingerprint.code import job_code
from marrow.workflow.record import Record, read_record, record_files

MOST_LETTERS = 160  # of a setting
MOST_JOBS = 4  # that are named
BUILDING = "build_report"  # its own record is of the page before


@dataclass(frozen=True)
class Ledger:
    """The records of a run; `unreadable` are files that should be records and are none."""

    records: Mapping[str, Record]
    unreadable: tuple[str, ...]

    def by_rule(self) -> dict[str, list[Record]]:
        """Rule -> its records, rules by name."""
        of_rule: dict[str, list[Record]] = defaultdict(list)
        for record in self.records.values():
            of_rule[record.rule].append(record)
        return dict(sorted(of_rule.items()))


@dataclass(frozen=True)
class Remark:
    """Why results of jobs of a rule may be out of date, or the reason for which an edit was declared neutral."""

    rule: str
    jobs: tuple[str, ...]
    reason: str

    @property
    def job_names(self) -> str:
        """The first of the jobs, and how many more there are."""
        more = len(self.jobs) - MOST_JOBS
        return ", ".join(self.jobs[:MOST_JOBS]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Setting:
    """A setting of a rule: its name, dots between levels, and its value or how many values its jobs have."""

    rule: str
    name: str
    value: str


def read_ledger(results: Path) -> Ledger:
    """The records below a folder of results."""
    records: dict[str, Record] = {}
    unreadable: list[str] = []
    for path in record_files(results):
        inner = path.relative_to(results)
        record = read_record(path)
        if record is None:
            unreadable.append(inner.as_posix())
        elif record.rule != BUILDING:
            records[inner.as_posix()] = record
    return Ledger(records, tuple(unreadable))


def doubts_of(ledger: Ledger, scripts: Path) -> list[Remark]:
    """What does not follow any more, job by job."""
    digests = {path: made.digest for record in ledger.records.values() for path, made in record.outputs.items()}
    jobs = {(record.rule, *record.modules) for record in ledger.records.values()}
    codes = {job: _code(scripts, *job) for job in jobs}
    return _together(
        (record, reason)
        for record in ledger.records.values()
        for reason in _reasons(record, codes[record.rule, *record.modules], digests)
    )


def accepted_of(ledger: Ledger) -> list[Remark]:
    """Edits that somebody declared neutral, with the reason given."""
    return _together(
        (record, f"{note.when}: {note.reason}") for record in ledger.records.values() for note in record.accepted
    )


def settings_of(ledger: Ledger) -> list[Setting]:
    """The settings that each rule ran with."""
    settings: list[Setting] = []
    for rule, records in ledger.by_rule().items():
        values: dict[str, set[str]] = defaultdict(set)
        for record in records:
            for name, value in _flat(record.params):
                values[name].add(value)
        for name, different in values.items():
            text = different.pop() if len(different) == 1 else f"{len(different)} values, by job"
            settings.append(Setting(rule, name, text))
    return settings


def job_of(record: Record) -> str:
    """The name of a job among those of its rule."""
    return " ".join(record.wildcards.values())


def _together(reasons: Iterable[tuple[Record, str]]) -> list[Remark]:
    """A remark for each rule and reason, on all jobs that have it."""
    jobs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record, reason in reasons:
        jobs[record.rule, reason].append(job_of(record))
    return [Remark(rule, tuple(names), reason) for (rule, reason), names in jobs.items()]


def _code(scripts: Path, rule: str, *modules: str) -> dict[str, str] | None:
    try:
        return job_code(scripts, rule, modules)
    except (OSError, SyntaxError):
        return None


def _reasons(record: Record, code: Mapping[str, str] | None, digests: Mapping[str, str]) -> Iterator[str]:
    if code is None:
        yield "its script is gone"
    elif code != record.code:
        changed = sorted(name for name in {*code, *record.code} if code.get(name) != record.code.get(name))
        yield f"made by other code: {', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''}"
    for source in record.inputs.values():
        if source.path and digests.get(source.path, source.digest) != source.digest:
            yield f"{source.path} has other content by now"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of each plain setting; of a list of structures only the length."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        yield name, f"{len(value)} entries"
    else:
        text = ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)
        yield name, text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def _text(value: Any) -> str:
    return "none" if value is None or value == {} else str(value).lower() if isinstance(value, bool) else str(value)
