"""What the checks of ingest find, and how a finding stops a scan."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from marrow.errors import ScanStopped

Severity = Literal["stop", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: its name.
        severity: `stop` ends this scan, `warn` asks somebody to look, `note` only tells.
        contrast: which contrast, empty for the whole scan.
        message: what was found, and what to do.
    """

    check: str
    severity: Severity
    contrast: str
    message: str


def stop_if_asked(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, when none of them stops the scan.

    Raises:
        ScanStopped: named after the first finding that stops, with the messages of all that do: whoever mends a scan
            should not meet its faults one run at a time.
    """
    found = list(findings)
    stops = [finding for finding in found if finding.severity == "stop"]
    if stops:
        raise ScanStopped(stops[0].check, " ".join(dict.fromkeys(finding.message for finding in stops)))
    return found


def write_checks(path: Path, scan: str, findings: Iterable[Finding], facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write `checks.json`: the findings of a scan, and per contrast the facts that a reader asks for."""
    content = {"scan": scan, "findings": [asdict(finding) for finding in findings], "facts": facts}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_findings(path: Path) -> list[Finding]:
    """The findings in a `checks.json`."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Finding(**finding) for finding in content["findings"]]
