"""Provenance: which code, commit, settings and packages made what this report shows, and what may be out of date."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.report.ledger import accepted_of, doubts_of, read_ledger, settings_of
from marrow.report.page import Reading, Section, render
from marrow.workflow.record import Record

READING = Reading(
    figure="the provenance",
    shown="what the records beside the results say. By rule: how many jobs, the commit they ran from, whether files "
    "differed from that commit, how long they took, and one digest of the fingerprints of code, settings and inputs of "
    "all of them. Two runs with the same digests are the same run. Settings are those that the jobs ran with.",
    good="one commit, nothing changed beside it, one version of every package, nothing out of date.",
    bad="'changed' beside a commit: nobody else has that code. Several versions of a package: the results were made in "
    "different environments. That need not change a number, but nobody knows. Something out of date: a figure here may "
    "not follow from what stands beside it.",
    remedy="commit, then run again: only what the difference touches is made anew; `make why` says beforehand what "
    "that is. For the packages, run on the pinned environment.",
)


@dataclass(frozen=True)
class Making:
    """How the results of a rule were made, over all of its jobs."""

    rule: str
    jobs: int
    stopped: int
    commits: tuple[str, ...]
    changed: int
    seconds: float
    digest: str


def section(results: Path, scripts: Path) -> Section:
    """What the records below a folder tell.

    Args:
        results: the folder.
        scripts: the code that builds this page.
    """
    ledger = read_ledger(results)
    records = list(ledger.records.values())
    doubts = doubts_of(ledger, scripts)
    html = render(
        "sections/provenance.html.j2",
        makings=[_making(rule, jobs) for rule, jobs in ledger.by_rule().items()],
        commits=_different(str(record.made.get("commit") or "") for record in records),
        changed=sum(bool(record.made.get("dirty")) for record in records),
        records=len(records),
        unreadable=ledger.unreadable,
        doubts=doubts,
        doubted=sum(len(doubt.jobs) for doubt in doubts),
        accepted=accepted_of(ledger),
        settings=settings_of(ledger),
        machines=_different(str(record.made.get("machine") or "") for record in records),
        versions=_versions(records),
        how=READING,
    )
    return Section("provenance", "Provenance", html)


def _making(rule: str, records: Sequence[Record]) -> Making:
    together = "".join(sorted(record.fingerprint for record in records))
    return Making(
        rule=rule,
        jobs=len(records),
        stopped=sum(record.stopped is not None for record in records),
        commits=tuple(_different(str(record.made.get("commit") or "") for record in records)),
        changed=sum(bool(record.made.get("dirty")) for record in records),
        seconds=sum(_seconds(record) for record in records),
        digest=hashlib.sha256(together.encode()).hexdigest(),
    )


def _seconds(record: Record) -> float:
    seconds = record.made.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _different(texts: Iterable[str]) -> list[str]:
    return sorted({text for text in texts if text})


def _versions(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Package and its version, or its versions where records differ."""
    of_package: dict[str, set[str]] = defaultdict(set)
    for record in records:
        made: dict[str, Any] = record.made
        versions: dict[str, str] = {"python": made.get("python") or "", **(made.get("versions") or {})}
        for package, version in versions.items():
            of_package[package].add(version)
    return [(package, ", ".join(sorted(filter(None, versions)))) for package, versions in sorted(of_package.items())]
