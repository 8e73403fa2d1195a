"""Between Snakemake and the judge: gives the judge the rules, and makes Snakemake run the jobs that it calls stale.

Snakemake runs a job again when one of its inputs is newer than its outputs and has another content than before, under
any profile and without its own records; Marrow uses that trigger alone. Every rule has an input `freshness`. For a
stale job it is a file written a moment ago, whose content is new in every plan; for any other job it is a file from
1970. Where files that are not stale look older than what they were made from (after a touch, a copy, a run above that
changed no byte), their times are moved forward. `docs/decisions/0001-freshness-by-records.md` gives the reasons.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snakemake.io import apply_wildcards, is_callable  # pyright: ignore[reportUnknownVariableType]

from marrow.files import write_text
from marrow.workflow.fingerprint.code import job_code
from marrow.workflow.fingerprint.content import DigestCache
from marrow.workflow.fingerprint.values import Plain, plain
from marrow.workflow.judge import Judge, Stage, Verdict, Wildcards
from marrow.workflow.paths import DIGESTS, FRESH, MODULES, STALE, TRIGGER_INPUTS, roles

DIRECTORY_TIME = ".snakemake_timestamp"  # Snakemake's note in a folder that is an output; its time is the folder's


class RuleStage:
    """A rule of the workflow, with the values of its parameters and files for given wildcards."""

    def __init__(self, rule: Any, scripts: Path) -> None:
        self.name: str = rule.name
        self._rule = rule
        self._scripts = scripts
        self._code: dict[tuple[str, ...], dict[str, str]] = {}

    def modules(self, wildcards: Wildcards) -> tuple[str, ...]:
        """The modules that one of its jobs imports by name."""
        named = _named(self._rule, self._rule.params, wildcards, only={MODULES})
        return tuple(module for _, modules in named for module in modules)

    def code(self, wildcards: Wildcards) -> dict[str, str]:
        """Project file -> digest, for every file that one of its jobs reaches."""
        modules = self.modules(wildcards)
        if modules not in self._code:
            self._code[modules] = job_code(self._scripts, self.name, modules)
        return self._code[modules]

    def params(self, wildcards: Wildcards) -> dict[str, Plain]:
        """The settings of one of its jobs."""
        named = _named(self._rule, self._rule.params, wildcards, leave_out={MODULES})
        return {name: plain(value, name) for name, value in named}

    def inputs(self, wildcards: Wildcards) -> dict[str, Path]:
        """Role -> path, for one of its jobs, without what is not read."""
        patterns = roles(_named(self._rule, self._rule.input, wildcards, leave_out=TRIGGER_INPUTS))
        return {role: Path(apply_wildcards(str(pattern), wildcards)) for role, pattern in patterns.items()}

    def outputs(self, wildcards: Wildcards) -> list[Path]:
        """The outputs of one of its jobs, without its record."""
        return list(roles(_named(self._rule, self._rule.output, wildcards, leave_out={"record"})).values())

    def record(self, wildcards: Wildcards) -> Path:
        """Where one of its jobs writes its record."""
        return Path(dict(_named(self._rule, self._rule.output, wildcards))["record"])

    def timed(self, wildcards: Wildcards) -> list[Path]:
        """All files of a job whose times Snakemake compares with those of its inputs; the benchmark is one of them."""
        benchmark = [self._rule.benchmark] if self._rule.benchmark else []
        times = [Path(apply_wildcards(str(pattern), wildcards)) for pattern in benchmark]
        return [*times, *self.outputs(wildcards), self.record(wildcards)]


class Freshness:
    """Makes the input functions that pass to Snakemake which jobs are stale; rules may be added later."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._scripts = Path(workflow.basedir) / "scripts"
        self._stages: dict[str, Stage] = {}
        self._judge = Judge(self.stage, DigestCache(DIGESTS), settle=_move_forward)
        self._is_main = bool(workflow.is_main_process)
        self._announced = False
        if self._is_main:
            _write_both()

    def __call__(self, rule: str) -> Callable[[Any], str]:
        """An input function for a rule: which of the two files a job depends on."""
        return lambda wildcards: self._file_for(rule, dict(wildcards.items()))

    def stage(self, name: str) -> Stage | None:
        """The rule of that name; None where the workflow has none."""
        if name not in self._stages and self._workflow.is_rule(name):
            self._stages[name] = RuleStage(self._workflow.get_rule(name), self._scripts)
        return self._stages.get(name)

    def is_due(self, rule: str, wildcards: Wildcards) -> bool:
        """Whether the results of a job are stale or missing; in the processes of single jobs always False."""
        stage = self.stage(rule)
        if not self._is_main or stage is None:
            return False
        verdict = self._judge.verdict(stage, wildcards)
        return verdict.is_stale or verdict.missing

    def _file_for(self, rule: str, wildcards: Wildcards) -> str:
        stage = self.stage(rule)
        if not self._is_main or stage is None:
            return FRESH.as_posix()
        verdict = self._judge.verdict(stage, wildcards)
        if not verdict.is_stale:
            return FRESH.as_posix()
        self._announce(stage, wildcards, verdict)
        return STALE.as_posix()

    def _announce(self, stage: Stage, wildcards: Wildcards, verdict: Verdict) -> None:
        """Add a job to the stale file, whose first line is new in every plan, and keep the file newer than its record.

        A record may come from a machine whose clock is ahead.
        """
        if not self._announced:
            write_text(STALE, json.dumps({"plan": uuid.uuid4().hex}) + "\n")
            self._announced = True
        with STALE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_entry(stage, wildcards, verdict)) + "\n")
        record, now = stage.record(wildcards), STALE.stat().st_mtime
        if record.exists() and record.stat().st_mtime >= now:
            os.utime(record, (now - 1, now - 1))


def _entry(stage: Stage, wildcards: Wildcards, verdict: Verdict) -> dict[str, Any]:
    """A line of the stale file: a stale job, its reasons, and what accepting its edit needs."""
    return {
        "rule": stage.name,
        "wildcards": wildcards,
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "record": stage.record(wildcards).as_posix(),
        "params": stage.params(wildcards),
        "modules": stage.modules(wildcards),
    }


def _named(
    rule: Any,
    directive: Any,
    wildcards: Wildcards,
    leave_out: AbstractSet[str] = frozenset(),
    only: AbstractSet[str] | None = None,
) -> Iterator[tuple[str, Any]]:
    """Name and value of each entry of a directive, functions called and wildcards filled in.

    The functions of entries that are left out are not called: those of `freshness` and `after` would call themselves.
    """
    for name, (start, end) in directive._get_names():
        if name not in leave_out and (only is None or name in only):
            values = [_filled(rule, value, wildcards) for value in directive[start : start + 1 if end is None else end]]
            yield name, (values[0] if end is None else values)


def _filled(rule: Any, value: Any, wildcards: Wildcards) -> Any:
    if is_callable(value):
        return rule.apply_input_function(value, wildcards)[0]
    return apply_wildcards(str(value), wildcards) if isinstance(value, str) else value


def _move_forward(stage: Stage, wildcards: Wildcards) -> None:
    """Make the files of a job that is not stale no older than what they were made from."""
    newest = max((_time(path) for path in stage.inputs(wildcards).values() if path.exists()), default=0)
    for file in stage.timed(wildcards):
        for path in (file, file / DIRECTORY_TIME):
            if path.exists() and _time(path) < newest:
                os.utime(path, ns=(newest, newest))


def _time(path: Path) -> int:
    """When a file changed, as Snakemake reckons: of a link and the file it points to, the later time."""
    return max(path.stat().st_mtime_ns, path.lstat().st_mtime_ns)


def _write_both() -> None:
    """Write both files before planning: Snakemake lists their folder once, and misses a file that is written later."""
    if not STALE.exists():
        write_text(STALE, "")
    if not FRESH.exists():
        write_text(FRESH, "The results that depend on this file stand as they are.\n")
    os.utime(FRESH, (0, 0))
