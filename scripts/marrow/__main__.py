"""Marrow on the command line: `python -m marrow why`, `accept`, `sheet`, `splits` and `bags`."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from marrow.bags.summary import main_lines
from marrow.errors import MarrowError
from marrow.planning.cohort import ask_for_samples, load_cohort
from marrow.planning.config import complete, read_schema
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.splits.assignment import Assignment
from marrow.planning.splits.frozen import freeze
from marrow.planning.splits.memory import MEMORY
from marrow.planning.splits.summary import split_lines
from marrow.workflow.accept import accept
from marrow.workflow.dry_run import PlannedJob, planned_jobs
from marrow.workflow.reason import in_words

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = REPOSITORY / "schemas"
SHOWN = 3
MISSING = "not made yet, or a temporary file that is needed again"


def main(words: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = _parser()
    chosen, for_snakemake = parser.parse_known_args(words)
    if for_snakemake and chosen.command not in {"why", "accept"}:
        parser.error(f"unknown words: {' '.join(for_snakemake)}")
    try:
        lines = _COMMANDS[chosen.command](chosen, for_snakemake)
    except (MarrowError, WorkflowError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def explain(jobs: list[PlannedJob]) -> list[str]:
    """What would run and why, jobs with the same rule and reasons together."""
    if not jobs:
        return ["Nothing is stale and nothing is missing."]
    groups: dict[tuple[str, tuple[str, ...]], list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        groups[job.rule, in_words(job.reasons) or (MISSING,)].append(job)
    lines = [f"{len(jobs)} jobs would run."]
    for (rule, reasons), members in groups.items():
        lines.append(f"{rule}, {len(members)} of them ({_some(members)}):")
        lines += [f"  - {reason}" for reason in reasons]
    return lines


def _some(jobs: list[PlannedJob]) -> str:
    names = [" ".join(value for _, value in job.wildcards) or job.rule for job in jobs]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _planned(chosen: argparse.Namespace, for_snakemake: list[str]) -> list[PlannedJob]:
    return planned_jobs(REPOSITORY / "Snakefile", chosen.directory, for_snakemake)


def _why(chosen: argparse.Namespace, for_snakemake: list[str]) -> list[str]:
    return explain(_planned(chosen, for_snakemake))


def _accept(chosen: argparse.Namespace, for_snakemake: list[str]) -> list[str]:
    stale = [job for job in _planned(chosen, for_snakemake) if job.is_stale_itself and chosen.rule in (None, job.rule)]
    if not stale:
        raise MarrowError("nothing to accept: no job is stale by an edit of its own")
    with chdir(chosen.directory):
        accept(stale, REPOSITORY / "scripts", chosen.reason)
    return [f"accepted {job.name}" for job in stale]


def _config(chosen: argparse.Namespace) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for file in (REPOSITORY / "config.yaml", *chosen.configfile):
        update_config(config, load_configfile(file))
    complete_config = complete(config, read_schema(SCHEMAS / "config.schema.yaml"))
    ask_for_samples(config)
    return complete_config


def _sheet(chosen: argparse.Namespace, _: list[str]) -> list[str]:
    from marrow.survey.sheet_file import Places, make_sheet  # imports SimpleITK, which no other command needs

    key = chosen.key or chosen.to.with_name(f"{chosen.to.stem}.key.tsv")
    return make_sheet(chosen.root, Places(chosen.to, key), declared_contrasts(_config(chosen)["contrasts"]))


def _splits(chosen: argparse.Namespace, _: list[str]) -> list[str]:
    config = _config(chosen)
    frozen = chosen.freeze and chosen.freeze.absolute()
    with chdir(chosen.directory):
        cohort = load_cohort(config, SCHEMAS)
        splits = {scan.scan: scan.split for scan in cohort}
        if frozen:
            freeze(frozen, list(cohort), splits)
        lines = split_lines(cohort.assignment or Assignment(splits, {}), list(cohort), config["splits"])
        lines += [f"Note: {note}." for note in cohort.sheet_notes]
        if cohort.assignment and not MEMORY.exists():
            lines += ["", f"Not written down yet: the next run that has work to do writes {MEMORY}."]
    return lines


def _bags(chosen: argparse.Namespace, _: list[str]) -> list[str]:
    return [line for manifest in chosen.manifest for line in main_lines(manifest, chosen.check)]


_COMMANDS: dict[str, Callable[[argparse.Namespace, list[str]], list[str]]] = {
    "why": _why, "accept": _accept, "sheet": _sheet, "splits": _splits, "bags": _bags,
}  # fmt: skip


def _folder(word: str) -> Path:
    path = Path(word)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{word} is no folder")
    return path.absolute()


def _existing(word: str) -> Path:
    path = Path(word)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{word} does not exist")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m marrow", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    why = commands.add_parser("why", help="list what is stale or missing, and why; more words go to Snakemake")
    accepting = commands.add_parser("accept", help="declare an edit of code or settings neutral to the results")
    accepting.add_argument("reason", help="why the results do not depend on it; kept in the records")
    accepting.add_argument("--rule", help="only the jobs of this rule")
    sheet = commands.add_parser("sheet", help="write a sample sheet from a folder of DICOM, NIfTI or BIDS")
    sheet.add_argument("root", type=_folder, metavar="FROM", help="the folder")
    sheet.add_argument(
        "--to", type=Path, default=Path("samples.tsv"), help="the sheet; a sheet that is there is extended"
    )
    sheet.add_argument("--key", type=Path, help="the key file, which says who is who; beside the sheet by default")
    splits = commands.add_parser("splits", help="show which scans train, validate and test, and who is short")
    for command in (sheet, splits):
        command.add_argument("--configfile", type=_existing, nargs="+", default=[], help="your config")
    splits.add_argument(
        "--freeze", type=Path, metavar="FILE", help="write them to a file for splits.file in the config"
    )
    for command in (why, accepting, splits):
        command.add_argument(
            "--directory", "-d", type=_folder, default=Path.cwd(), help="the folder that holds results/, as Snakemake's"
        )
    bags = commands.add_parser("bags", help="show what a data set is, and look for damage")
    bags.add_argument("manifest", type=Path, nargs="+", help="such as results/manifests/scans.parquet")
    bags.add_argument("--check", action="store_true", help="read every bag and compare digests")
    return parser


if __name__ == "__main__":
    sys.exit(main())
