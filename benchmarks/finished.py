"""A cohort that looks finished: records as a run would leave them, and a few bytes in place of every volume.

What a plan costs depends on records and on how many files there are, not on what they hold; to compute 300 scans for it
would take hours.
"""

import os
from itertools import product
from pathlib import Path
from typing import Any

from marrow.bags.splits import SPLITS
from marrow.workflow.judge import Stage
from marrow.workflow.parse import REPOSITORY, parse_workflow
from marrow.workflow.record import Product, Record, Source, write_record
from marrow.workflow.snakemake_rules import RuleStage


def finish(folder: Path, sheet: Path, scans: dict[str, str], contrasts: tuple[str, ...]) -> None:
    """Write results and records of a cohort into a working directory; `scans` is scan -> split."""
    workflow = parse_workflow(folder, {"samples": str(sheet), "bones": {"source": "none"}})
    before = Path.cwd()
    os.chdir(folder)
    try:
        for rule in workflow.rules:
            if rule.script and not _is_left_out(rule):
                chosen = [scan for scan, split in scans.items() if rule.name != "find_landmarks" or split == SPLITS[0]]
                domains = {"scan": chosen, "contrast": contrasts}
                names = sorted(rule.wildcard_names)
                for values in product(*(domains[name] for name in names)):
                    wildcards = dict(zip(names, values, strict=True))
                    _finish_job(RuleStage(rule, REPOSITORY / "scripts"), wildcards)
    finally:
        os.chdir(before)


def _is_left_out(rule: Any) -> bool:
    """Whether no file of a rule belongs to a cohort without bones and annotations."""
    return rule.name in {"simulate_scan", "resample_labels"} or str(rule.output[0]).startswith("results/bone")


def _finish_job(stage: Stage, wildcards: dict[str, str]) -> None:
    outputs = stage.outputs(wildcards)
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(output.as_posix(), encoding="utf-8")
    record = Record(
        rule=stage.name,
        wildcards=wildcards,
        fingerprint=stage.record(wildcards).as_posix(),
        code=stage.code(wildcards),
        params=stage.params(wildcards),
        inputs={role: Source.of(path) for role, path in stage.inputs(wildcards).items()},
        outputs={path.as_posix(): Product.of(path) for path in outputs},
    )
    write_record(record, stage.record(wildcards))
