"""The scans as the report lists them: rows of the sample sheet joined with the findings of the checks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.tables.frames import Columns, read_table
from marrow.workflow.record import read_record

HEADINGS = ("scan", "patient", "class", "split", "site", "status", "findings")
STATUSES = ("stopped", "warned", "ok", "unknown")
COLUMNS: Columns = dict.fromkeys(("scan", "status", "stage", "check", "contrast", "message"), str)


@dataclass(frozen=True)
class Flag:
    """A finding: a row of the checks' table.

    Attributes:
        scan, stage, check: which scan, and which check of which stage.
        status: `stopped`, `warned` or `ok`.
        contrast: which contrast, empty for the whole scan.
        message: what the matter is and what to do.
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
        attributes: clinical attribute, with its unit -> its value, where it is known.
        anchor: the id of its place in the page, made of safe characters.
        status: the gravest of its flags; `unknown` where there is none.
        flags: the findings of the checks, the gravest first.
    """

    scan: str
    patient: str
    label: str
    split: str
    site: str
    attributes: Mapping[str, str]
    anchor: str
    status: str
    flags: tuple[Flag, ...]


def read_flags(table: Path) -> list[Flag]:
    """The rows of the checks' table, in its order."""
    return [Flag(*row) for row in read_table(table, COLUMNS).itertuples(index=False, name=None)]


def later_stops(scans: Sequence[str], records: Sequence[Path], flags: Sequence[Flag]) -> list[Flag]:
    """The stops of stages that come after the checks' table, from each scan's last record.

    Args:
        scans: the scans' ids.
        records: the record of each scan's last stage, in the order of `scans`.
        flags: those of the checks' table; a scan that is stopped there is left out.
    """
    known = {flag.scan for flag in flags if flag.status == "stopped"}
    stops = [(scan, record.stopped) for scan, path in zip(scans, records, strict=True) if (record := read_record(path))]
    return [
        Flag(scan, "stopped", stop.stage, stop.check, "", stop.message)
        for scan, stop in stops
        if stop and scan not in known
    ]


def scan_rows(
    scans: Sequence[Mapping[str, str]],
    attributes: Mapping[str, Mapping[str, str]],
    units: Mapping[str, str],
    flags: Sequence[Flag],
) -> list[ScanRow]:
    """The scans in the order of the sheet, each with its attributes and its flags."""
    by_scan: dict[str, list[Flag]] = defaultdict(list)
    for flag in flags:
        by_scan[flag.scan].append(flag)
    shown = {
        scan: {attribute_heading(name, units): value for name, value in values.items()}
        for scan, values in attributes.items()
    }
    return [_scan_row(scan, shown.get(scan["scan"], {}), by_scan[scan["scan"]]) for scan in scans]


def attribute_heading(name: str, units: Mapping[str, str]) -> str:
    """What an attribute is called, with its unit; one with the name of another column as in the sample sheet."""
    title = f"attr_{name}" if name in HEADINGS else name
    return f"{title} ({units[name]})" if name in units else title


def anchor_of(scan: str) -> str:
    """An id for a scan's place in the page: other characters than letters, digits and `-` become their code."""
    return "scan-" + "".join(c if c.isascii() and (c.isalnum() or c == "-") else f"_{ord(c):x}_" for c in scan)


def _scan_row(scan: Mapping[str, str], attributes: Mapping[str, str], flags: Sequence[Flag]) -> ScanRow:
    flags = sorted(flags, key=lambda flag: STATUSES.index(flag.status))
    return ScanRow(
        **{name: scan.get(name) or "" for name in ("scan", "patient", "label", "split", "site")},
        attributes=attributes,
        anchor=anchor_of(scan["scan"]),
        status=flags[0].status if flags else "unknown",
        flags=tuple(flag for flag in flags if flag.check or flag.message),
    )
