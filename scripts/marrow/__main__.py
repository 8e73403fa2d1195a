"""Marrow on the command line: `python -m marrow why`, `accept` and `docs`."""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from marrow.accept import accept, refuse_unacceptable
from marrow.documentation import made_pages
from marrow.errors import MarrowError
from marrow.plan import PlannedJob, planned_jobs

REPOSITORY = Path(__file__).parents[2]
SHOWN = 3


def main(words: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    chosen, for_snakemake = _parser().parse_known_args(words)
    try:
        if chosen.command == "docs":
            return _write_docs()
        jobs = planned_jobs(REPOSITORY / "Snakefile", Path.cwd(), for_snakemake)
        lines = _accept(jobs, chosen.rule, chosen.reason) if chosen.command == "accept" else explain(jobs)
    except MarrowError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def explain(jobs: list[PlannedJob]) -> list[str]:
    """What would run and why, jobs with the same rule and reasons together."""
    if not jobs:
        return ["Nothing is stale and nothing is missing."]
    groups: dict[tuple[str, tuple[str, ...]], list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        groups[job.rule, _own_reasons(job)].append(job)
    lines = [f"{len(jobs)} jobs would run."]
    for (rule, reasons), members in groups.items():
        lines.append(f"{rule}, {len(members)} of them ({_some(members)}):")
        lines += [f"  - {reason}" for reason in reasons]
    return lines


def _own_reasons(job: PlannedJob) -> tuple[str, ...]:
    """A job's reasons, those that lie above it as one."""
    if not job.reasons:
        return ("not made yet, or a temporary file that is needed again",)
    own = tuple(reason for reason in job.reasons if not reason.startswith("it lies below"))
    above = sorted({reason.split()[3] for reason in job.reasons if reason.startswith("it lies below")})
    return (*own, *([f"below {', '.join(above)}"] if above else []))


def _some(jobs: list[PlannedJob]) -> str:
    names = [" ".join(value for _, value in job.wildcards) or job.rule for job in jobs]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _accept(jobs: list[PlannedJob], rule: str | None, reason: str) -> list[str]:
    stale = [job for job in jobs if job.own and rule in (None, job.rule)]
    if not stale:
        raise MarrowError("nothing to accept: no job is stale by an edit of its own")
    refuse_unacceptable(stale)
    for job in stale:
        accept(job, Path(job.record), REPOSITORY / "scripts", reason)
    return [f"accepted {job.name}" for job in stale]


def _write_docs() -> int:
    for page, text in made_pages(REPOSITORY).items():
        page.write_text(text, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m marrow", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("why", help="list what is stale or missing, and why; more words go to Snakemake")
    accepting = commands.add_parser("accept", help="declare an edit of code or settings neutral to the results")
    accepting.add_argument("reason", help="why the results do not depend on it; kept in the records")
    accepting.add_argument("--rule", help="only the jobs of this rule")
    commands.add_parser("docs", help="write the pages that are made from the schema and the workflow")
    return parser


if __name__ == "__main__":
    sys.exit(main())
