"""The jobs that a run would execute, from Snakemake's dry run, each with the reasons why its results are stale."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marrow.errors import MarrowError
from marrow.workflow.paths import STALE
from marrow.workflow.reason import ABOVE, Reason

Command = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_FIELD = re.compile(r"^    (\w+): (.*)$")


@dataclass(frozen=True)
class PlannedJob:
    """A job that would run.

    Attributes:
        reasons: why its results are stale; empty when they are only missing.
        record: where its record lies, and
        params: the settings it would run with, JSON, and
        modules: the modules that it would import by name; all only for a stale job.
    """

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    reasons: tuple[Reason, ...] = ()
    record: str = ""
    params: str = ""
    modules: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its rule and the values of its wildcards."""
        return " ".join([self.rule, *(value for _, value in self.wildcards)])

    @property
    def is_stale_itself(self) -> bool:
        """Whether a reason lies in the job itself and not above it."""
        return any(reason.kind not in ABOVE for reason in self.reasons)


def run_snakemake(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run Snakemake's command line in a process of its own."""
    return subprocess.run([sys.executable, "-m", "snakemake", *arguments], capture_output=True, text=True, check=False)


def planned_jobs(
    snakefile: Path, directory: Path, arguments: Sequence[str] = (), snakemake: Command = run_snakemake
) -> list[PlannedJob]:
    """Plan a run in the directory that holds `results/`; jobs that only name targets are left out.

    More arguments for Snakemake's command line are targets, or options such as `--config`.

    Raises:
        MarrowError: Snakemake cannot plan; its message is passed on.
    """
    stale = directory / STALE
    earlier = _plan_of(stale)
    options = ["--dry-run", "--nocolor", "--snakefile", str(snakefile), "--directory", str(directory)]
    run = snakemake([*options, *arguments])
    if run.returncode != 0:
        raise MarrowError(f"Snakemake cannot plan:\n{run.stdout}{run.stderr}")
    entries = _stale_jobs(stale) if _plan_of(stale) != earlier else []
    stale_jobs = {(entry["rule"], _frozen(entry["wildcards"])): entry for entry in entries}
    return [_with_reasons(job, stale_jobs.get((job.rule, job.wildcards))) for job in _jobs(run.stdout)]


def _plan_of(stale: Path) -> str:
    """The first line of the stale file, which every plan with a stale job writes anew."""
    return stale.read_text().partition("\n")[0] if stale.exists() else ""


def _stale_jobs(stale: Path) -> list[dict[str, Any]]:
    """The jobs that the stale file lists."""
    return [json.loads(line) for line in stale.read_text().splitlines()[1:]]


def _frozen(wildcards: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(wildcards.items()))


def _with_reasons(job: PlannedJob, entry: dict[str, Any] | None) -> PlannedJob:
    if entry is None:
        return job
    reasons = tuple(Reason(**reason) for reason in entry["reasons"])
    params, modules = json.dumps(entry["params"]), tuple(entry["modules"])
    return replace(job, reasons=reasons, record=entry["record"], params=params, modules=modules)


def _jobs(text: str) -> Iterator[PlannedJob]:
    """The jobs in the text of a dry run; targets have no outputs and are left out."""
    for block in re.split(r"\n\s*\n|\n(?=\[)", text):
        lines = block.splitlines()
        heads = [match for line in lines if (match := _JOB.match(line))]
        fields = {match[1]: match[2] for line in lines if (match := _FIELD.match(line))}
        if heads and "output" in fields:
            pairs = (pair.partition("=") for pair in fields.get("wildcards", "").split(", ") if pair)
            yield PlannedJob(heads[0][1], _frozen({name: value for name, _, value in pairs}))
