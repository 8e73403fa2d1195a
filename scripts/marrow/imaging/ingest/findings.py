"""Findings of the checks of ingest, and how one stops a scan."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from marrow.errors import ScanStopped

Severity = Literal["stop", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """The result of a check that did not pass.

    Attributes:
        check: its name.
        severity: `stop` ends the scan, `warn` asks a person to look at it, `note` is information.
        contrast: its name; empty for the whole scan.
        message: the problem, and what to do.
    """

    check: str
    severity: Severity
    contrast: str
    message: str


def stop_on_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Stop the scan if a finding has the severity `stop`; otherwise return the findings.

    Raises:
        ScanStopped: named after the first such finding, with the messages of all of them, so that they can be fixed at
            once.
    """
    listed = list(findings)
    stops = [finding for finding in listed if finding.severity == "stop"]
    if stops:
        raise ScanStopped(stops[0].check, " ".join(dict.fromkeys(finding.message for finding in stops)))
    return listed


def write_checks(path: Path, scan: str, findings: Iterable[Finding], facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write `checks.json`: the findings of a scan, and facts on each contrast."""
    content = {"scan": scan, "findings": [asdict(finding) for finding in findings], "facts": facts}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_findings(path: Path) -> list[Finding]:
    """The findings in a `checks.json`."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Finding(**finding) for finding in content["findings"]]


def read_facts(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The facts in a `checks.json`: contrast -> fact -> value."""
    return json.loads(path.read_text(encoding="utf-8"))["facts"]
