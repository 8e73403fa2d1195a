"""Decides from the records beside results whether they are stale: whether a run today could make other ones.

The judge compares the record of a job with the code, settings and inputs of today and follows the records of its inputs
upwards: a result is stale when one of these differs, or when a job above it is stale. Times of files do not count. In
the terms of Mokhov, Mitchell and Peyton Jones ("Build systems a la carte", 2018) records are verifying traces; the
archive adds constructive traces for the stages whose outputs are worth keeping.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from marrow.workflow.fingerprint.content import DigestCache, signature
from marrow.workflow.fingerprint.values import Plain, canonical
from marrow.workflow.paths import is_result
from marrow.workflow.reason import Kind, Reason
from marrow.workflow.record import Record, Source, digest_of, read_record, record_of

Wildcards = Mapping[str, str]


class Stage(Protocol):
    """What the judge needs to know of a rule; `marrow.workflow.snakemake_rules` reads it from Snakemake."""

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
    """Whether the results of a job are stale.

    Attributes:
        reasons: why they are; empty when they are not.
        missing: there is no result; Snakemake makes it if anything needs it.
    """

    reasons: tuple[Reason, ...] = ()
    missing: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether the results must be made again."""
        return bool(self.reasons)


class Judge:
    """Judges jobs, each once, after those that make its inputs.

    Args:
        stage: gives the rule of a name; None where the workflow has none.
        digests: content digests of raw inputs.
        settle: called for every job whose results are not stale, after it was called for the jobs above.
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
                return Verdict((Reason("record_missing"),))
            return Verdict(missing=True)
        return Verdict(tuple(self._reasons(stage, wildcards, record)))

    def _reasons(self, stage: Stage, wildcards: Wildcards, record: Record) -> Iterator[Reason]:
        yield from _code_differences(record.code, stage.code(wildcards))
        yield from _value_differences("", record.params, stage.params(wildcards))
        named = _named_images(record.params)
        for reason in self._input_differences(record.inputs, stage.inputs(wildcards)):
            yield replace(reason, subject=named.get(reason.subject, reason.subject))
        yield from _edited_outputs(record)
        yield from self._stale_above(stage, wildcards)

    def _input_differences(self, before: Mapping[str, Source], now: Mapping[str, Path]) -> Iterator[Reason]:
        yield from (Reason("input_gone", role) for role in sorted(before.keys() - now.keys()))
        yield from (Reason("input_new", role) for role in sorted(now.keys() - before.keys()))
        for role in sorted(now.keys() & before.keys()):
            if self._content_differs(before[role], now[role]):
                yield Reason("input_changed", role)

    def _content_differs(self, source: Source, path: Path) -> bool:
        if is_result(path):
            known = digest_of(path)
            return known is not None and known != source.digest
        return path.exists() and signature(path) != source.signature and self._digests.digest(path) != source.digest

    def _stale_above(self, stage: Stage, wildcards: Wildcards) -> Iterator[Reason]:
        """A reason for each stale job that makes an input of this one."""
        records = {record_of(path) for path in stage.inputs(wildcards).values() if is_result(path)}
        for path in sorted(records):
            record = read_record(path)
            if record is None:
                yield Reason("input_record_missing", path.as_posix())
            else:
                maker = self._stage(record.rule)
                if maker is not None and self.verdict(maker, record.wildcards).is_stale:
                    yield Reason("below", record.rule, " ".join(record.wildcards.values()))


def _edited_outputs(record: Record) -> Iterator[Reason]:
    for name, product in record.outputs.items():
        path = Path(name)
        if path.is_file() and path.stat().st_size != product.size:
            yield Reason("output_edited", name)


def _named_images(params: Mapping[str, Plain]) -> dict[str, str]:
    """Role of a raw image -> its contrast, and which of the contrast's paths it is, where a setting `layout` tells."""
    layout = params.get("layout")
    counts = {str(name): int(str(count)) for name, count in layout.items()} if isinstance(layout, dict) else {}
    names = [
        f"{contrast}, path {number} of {count}" if count > 1 else contrast
        for contrast, count in counts.items()
        for number in range(1, count + 1)
    ]
    return {f"raw[{index}]": name for index, name in enumerate(names)}


def _code_differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Reason]:
    files: dict[Kind, Iterable[str]] = {
        "code_changed": (file for file in before.keys() & now.keys() if before[file] != now[file]),
        "code_new": now.keys() - before.keys(),
        "code_gone": before.keys() - now.keys(),
    }
    yield from (Reason(kind, file) for kind, differing in files.items() for file in sorted(differing))


def _value_differences(name: str, before: Plain, now: Plain) -> Iterator[Reason]:
    if canonical(before) == canonical(now):
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _value_differences(f"{name}.{key}" if name else key, before.get(key), now.get(key))
    else:
        yield Reason("setting_changed", name, f"{_short(before)} -> {_short(now)}")


def _short(value: Plain, length: int = 60) -> str:
    text = canonical(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
