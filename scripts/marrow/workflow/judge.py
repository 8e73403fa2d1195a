"""Whether a result still follows from what would make it now, judged from records alone.

For each job the judge compares the record beside its outputs with the code, settings and inputs of today,
and goes up the records of its inputs: a result is stale when it differs itself or when anything above it is stale. A
clock is never asked. In the terms of Mokhov, Mitchell and Peyton Jones ("Build systems a la carte", 2018) these are
verifying traces; the archive adds constructive ones for the stages where they pay.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from marrow.workflow.fingerprint.content import DigestCache, signature
from marrow.workflow.fingerprint.values import Plain, canonical
from marrow.workflow.paths import is_result
from marrow.workflow.record import Record, Source, digest_of, read_record, record_of

Wildcards = Mapping[str, str]


class Stage(Protocol):
    """What the judge asks of a rule; `marrow.workflow.snakemake_rules` answers from Snakemake."""

    name: str

    def modules(self, wildcards: Wildcards) -> tuple[str, ...]:
        """Dotted names of the project modules that one of its jobs imports by name."""
        ...

    def code(self, wildcards: Wildcards) -> dict[str, str]:
        """Project file -> digest and package -> pin, for all that one of its jobs reaches."""
        ...

    def params(self, wildcards: Wildcards) -> dict[str, Plain]:
        """The settings of one of its jobs."""
        ...

    def inputs(self, wildcards: Wildcards) -> dict[str, Path]:
        """Role -> path, for one of its jobs."""
        ...

    def outputs(self, wildcards: Wildcards) -> list[Path]:
        """The outputs of one of its jobs, without its record."""
        ...

    def record(self, wildcards: Wildcards) -> Path:
        """Where one of its jobs writes its record."""
        ...

    def timed(self, wildcards: Wildcards) -> list[Path]:
        """All files of one of its jobs whose times Snakemake compares with those of its inputs."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What the judge says of a job's results.

    Attributes:
        reasons: why they are stale, in words; empty when they are not.
        own: whether a reason lies in the job itself and not above it.
        missing: there is no result to judge; Snakemake makes it if anything needs it.
    """

    reasons: tuple[str, ...] = ()
    own: bool = False
    missing: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether the results must be made again."""
        return bool(self.reasons)


class Judge:
    """Judges jobs, each once, following records upwards.

    Args:
        stage: finds a rule by name.
        digests: content digests of raw inputs.
        settle: called for every job whose results stand, after it was called for those above.
    """

    def __init__(
        self,
        stage: Callable[[str], Stage | None],
        digests: DigestCache,
        settle: Callable[[Stage, Wildcards], None],
    ) -> None:
        self._stage = stage
        self._digests = digests
        self._settle = settle
        self._verdicts: dict[Path, Verdict] = {}

    def verdict(self, stage: Stage, wildcards: Wildcards) -> Verdict:
        """Judge the results of one job."""
        path = stage.record(wildcards)
        if path not in self._verdicts:
            verdict = self._judge(stage, wildcards, read_record(path))
            if not verdict.is_stale and not verdict.missing:
                self._settle(stage, wildcards)
            self._verdicts[path] = verdict
        return self._verdicts[path]

    def _judge(self, stage: Stage, wildcards: Wildcards, record: Record | None) -> Verdict:
        if record is None:
            if any(output.exists() for output in stage.outputs(wildcards)):
                return Verdict(("its record is missing or cannot be read",), own=True)
            return Verdict(missing=True)
        own = [*self.differences(stage, wildcards, record), *_edited_outputs(record)]
        above = list(self._stale_above(stage, wildcards))
        return Verdict(tuple(own + above), own=bool(own))

    def differences(self, stage: Stage, wildcards: Wildcards, record: Record) -> Iterator[str]:
        """What differs in the job itself between its record and today, in words."""
        yield from _code_differences(record.code, stage.code(wildcards))
        yield from _param_differences(record.params, stage.params(wildcards))
        yield from self._input_differences(record.inputs, stage.inputs(wildcards))

    def _input_differences(self, before: Mapping[str, Source], now: Mapping[str, Path]) -> Iterator[str]:
        for role in sorted(before.keys() - now.keys()):
            yield f"input {role} is gone"
        for role in sorted(now.keys() - before.keys()):
            yield f"input {role} is new"
        for role in sorted(now.keys() & before.keys()):
            if self._content_differs(before[role], now[role]):
                yield f"the content of input {role} changed"

    def _content_differs(self, source: Source, path: Path) -> bool:
        if is_result(path):
            known = digest_of(path)
            return known is not None and known != source.digest
        return path.exists() and signature(path) != source.signature and self._digests.digest(path) != source.digest

    def _stale_above(self, stage: Stage, wildcards: Wildcards) -> Iterator[str]:
        """The jobs that make an input of this one and are stale, each once."""
        records = {record_of(path) for path in stage.inputs(wildcards).values() if is_result(path)}
        for path in sorted(records):
            record = read_record(path)
            if record is None:
                yield f"the record above it is missing: {path}"
            else:
                maker = self._stage(record.rule)
                if maker is not None and self.verdict(maker, record.wildcards).is_stale:
                    yield f"it lies below {job_name(record.rule, record.wildcards)}"


def job_name(rule: str, wildcards: Wildcards) -> str:
    """A job in words: its rule and the values of its wildcards."""
    return " ".join([rule, *wildcards.values()])


def _edited_outputs(record: Record) -> Iterator[str]:
    for name, product in record.outputs.items():
        path = Path(name)
        if path.is_file() and path.stat().st_size != product.size:
            yield f"{name} is not the file that it made"


def _code_differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed = sorted(file for file in before.keys() & now.keys() if before[file] != now[file])
    for verb, files in (
        ("changed", changed),
        ("is new", now.keys() - before.keys()),
        ("is gone", before.keys() - now.keys()),
    ):
        yield from (f"code: {file} {verb}" for file in sorted(files))


def _param_differences(before: Mapping[str, Plain], now: Mapping[str, Plain]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        yield from _value_differences(name, before.get(name), now.get(name))


def _value_differences(name: str, before: Plain, now: Plain) -> Iterator[str]:
    if canonical(before) == canonical(now):
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _value_differences(f"{name}.{key}", before.get(key), now.get(key))
    else:
        yield f"setting {name}: {_short(before)} -> {_short(now)}"


def _short(value: Plain, length: int = 60) -> str:
    text = canonical(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
