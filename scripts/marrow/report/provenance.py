"""Provenance: which code, commit and packages made the volumes that this report shows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.record import Record, read_record
from marrow.report.page import Section, render
from marrow.report.reading import Reading

READING = Reading(
    figure="the provenance",
    shown="the last record of each scan: the stage, the commit it ran from, whether files differed from that commit, "
    "how long it took, and one fingerprint of its code, settings and inputs.",
    good="one commit, nothing changed beside it, one version of every package.",
    bad="'changed' beside a commit: nobody else has that code. Several versions of a package: the results were made in "
    "different environments. That need not change a number, but nobody knows.",
    remedy="commit, then run again: only what the difference touches is made anew. For the packages, run on the pinned "
    "environment.",
)


@dataclass(frozen=True)
class Making:
    """How one result was made, as the table tells it; what a record does not say is empty."""

    scan: str
    stage: str
    commit: str
    is_changed: bool
    seconds: float | None
    fingerprint: str


def section(scans: Sequence[str], records: Sequence[Path]) -> Section:
    """The records of all scans, `records` in the order of `scans`."""
    read = [read_record(path) for path in records]
    makings = [_making(scan, record) for scan, record in zip(scans, read, strict=True)]
    html = render(
        "provenance.html.j2",
        makings=makings,
        commits=sorted({making.commit for making in makings if making.commit}),
        changed=sum(making.is_changed for making in makings),
        unreadable=sum(record is None for record in read),
        seconds=sum(making.seconds or 0 for making in makings),
        versions=_versions([record for record in read if record]),
        how=READING,
    )
    return Section("provenance", "Provenance", html)


def _making(scan: str, record: Record | None) -> Making:
    if record is None:
        return Making(scan, "", "", False, None, "")
    made: dict[str, Any] = record.made
    return Making(
        scan=scan,
        stage=record.rule,
        commit=str(made.get("commit") or ""),
        is_changed=bool(made.get("dirty")),
        seconds=made.get("seconds"),
        fingerprint=record.fingerprint,
    )


def _versions(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Package and its version, or its versions where records differ."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        made: dict[str, Any] = record.made
        versions: dict[str, str] = {"python": made.get("python") or "", **(made.get("versions") or {})}
        for package, version in versions.items():
            found[package].add(version)
    return [(package, ", ".join(sorted(filter(None, versions)))) for package, versions in sorted(found.items())]
