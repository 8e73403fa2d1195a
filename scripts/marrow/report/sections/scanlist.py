"""What the report knows of the scans: rows of the sample sheet joined with what the checks said."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.errors import MarrowError
from marrow.workflow.record import read_record

STATUSES = ("stopped", "warned", "ok", "unknown")
COLUMNS = ("scan", "status", "stage", "check", "contrast", "message")


@dataclass(frozen=True)
class Flag:
    """A row of the checks' table that says something.

    Attributes:
        scan, stage, check: where it was found.
        status: `stopped`, `warned` or `ok`.
        contrast: which contrast, empty for the whole scan.
        message: what was found and what to do.
    """

    scan: str
    status: str
    stage: str
    check: str
    contrast: str
    message: str


@dataclass(frozen=True)
class ScanRow:
    """A scan as the report lists it.

    Attributes:
        scan, patient, label, split, site: as in the sample sheet.
        anchor: the id of its place in the page, made of safe characters.
        status: the gravest of its flags; `unknown` where the checks said nothing.
        flags: what the checks said, the gravest first.
    """

    scan: str
    patient: str
    label: str
    split: str
    site: str
    anchor: str
    status: str
    flags: tuple[Flag, ...]


def read_flags(table: Path) -> list[Flag]:
    """The rows of the checks' table, in its order."""
    with table.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t")
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise MarrowError(
                f"{table.name}: column {', '.join(missing)} is missing; delete the file and run again to make it anew"
            )
        return [Flag(**{name: row[name] or "" for name in COLUMNS}) for row in reader]


def stops_told_by(scans: Sequence[str], records: Sequence[Path], known: Sequence[Flag]) -> list[Flag]:
    """Stops that only a scan's last record tells: those of stages that come after the checks' table.

    Args:
        scans: the scans' ids.
        records: the record of each scan's last stage, in the order of `scans`.
        known: what the table says; a scan that it calls stopped is not told twice.
    """
    told = {flag.scan for flag in known if flag.status == "stopped"}
    stops = [(scan, record.stopped) for scan, path in zip(scans, records, strict=True) if (record := read_record(path))]
    return [
        Flag(scan, "stopped", stop.stage, stop.check, "", stop.message)
        for scan, stop in stops
        if stop and scan not in told
    ]


def scan_rows(scans: Sequence[Mapping[str, str]], flags: Sequence[Flag]) -> list[ScanRow]:
    """The scans in the order of the sheet, each with its flags."""
    by_scan: dict[str, list[Flag]] = defaultdict(list)
    for flag in flags:
        by_scan[flag.scan].append(flag)
    return [_scan_row(scan, by_scan[scan["scan"]]) for scan in scans]


def anchor_of(scan: str) -> str:
    """An id for a scan's place in the page: other characters than letters, digits and `-` become their code."""
    return "scan-" + "".join(c if c.isascii() and (c.isalnum() or c == "-") else f"_{ord(c):x}_" for c in scan)


def _scan_row(scan: Mapping[str, str], flags: Sequence[Flag]) -> ScanRow:
    flags = sorted(flags, key=lambda flag: STATUSES.index(flag.status))
    return ScanRow(
        **{name: scan.get(name) or "" for name in ("scan", "patient", "label", "split", "site")},
        anchor=anchor_of(scan["scan"]),
        status=flags[0].status if flags else "unknown",
        flags=tuple(flag for flag in flags if flag.check or flag.message),
    )
