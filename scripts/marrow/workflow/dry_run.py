"""What Snakemake would do now, as data: the jobs of a dry run and the reasons for them in plain words."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.errors import MarrowError
from marrow.workflow.judge import job_name
from marrow.workflow.paths import STALE

_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_FIELD = re.compile(r"^    (\w+): (.*)$")


@dataclass(frozen=True)
class PlannedJob:
    """A job that would run.

    Attributes:
        reasons: Marrow's own, in words; empty when the result is just not there yet.
        own: whether a reason lies in the job itself and not above it.
        record: where its record lies, and
        params: the settings it would run with, and
        modules: those that it would import by name; all only for a stale job.
    """

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...] = ()
    own: bool = False
    record: str = ""
    params: str = ""
    modules: str = "[]"

    @property
    def name(self) -> str:
        """The job in words: its rule and the values of its wildcards."""
        return job_name(self.rule, dict(self.wildcards))


def planned_jobs(snakefile: Path, directory: Path, arguments: Sequence[str] = ()) -> list[PlannedJob]:
    """The jobs that a run would execute, without those that only name targets.

    Args:
        snakefile: the workflow.
        directory: the working directory, which holds `results/`.
        arguments: more for Snakemake's command line, such as targets or `--config`.

    Raises:
        MarrowError: Snakemake cannot plan; its message is passed on.
    """
    stale = directory / STALE
    earlier = _plan_of(stale)
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--snakefile", str(snakefile)]
    run = subprocess.run(
        [*command, "--directory", str(directory), *arguments], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise MarrowError(f"Snakemake cannot plan:\n{run.stdout}{run.stderr}")
    entries = _stale_jobs(stale) if _plan_of(stale) != earlier else []
    verdicts = {(entry["rule"], _frozen(entry["wildcards"])): entry for entry in entries}
    return [_with_verdict(job, verdicts.get((job.rule, job.wildcards))) for job in _jobs(run.stdout)]


def _plan_of(stale: Path) -> str:
    """The first line of the stale file, which is another in every plan that finds a stale job."""
    return stale.read_text().partition("\n")[0] if stale.exists() else ""


def _stale_jobs(stale: Path) -> list[dict[str, Any]]:
    """The entries of the stale file."""
    return [json.loads(line) for line in stale.read_text().splitlines()[1:]]


def _frozen(wildcards: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(wildcards.items()))


def _with_verdict(job: PlannedJob, entry: dict[str, Any] | None) -> PlannedJob:
    if entry is None:
        return job
    return PlannedJob(
        rule=job.rule,
        wildcards=job.wildcards,
        reasons=tuple(entry["reasons"]),
        own=entry["own"],
        record=entry["record"],
        params=json.dumps(entry["params"]),
        modules=json.dumps(entry["modules"]),
    )


def _jobs(text: str) -> Iterator[PlannedJob]:
    """The jobs in the text of a dry run; targets have no outputs and are left out."""
    for block in re.split(r"\n\s*\n|\n(?=\[)", text):
        lines = block.splitlines()
        heads = [match for line in lines if (match := _JOB.match(line))]
        fields = {match[1]: match[2] for line in lines if (match := _FIELD.match(line))}
        if heads and "output" in fields:
            pairs = (pair.partition("=") for pair in fields.get("wildcards", "").split(", ") if pair)
            yield PlannedJob(heads[0][1], _frozen({name: value for name, _, value in pairs}))
