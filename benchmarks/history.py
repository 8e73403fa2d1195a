"""Every run of every benchmark, oldest first, in one JSON file that is only ever added to."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import Circumstances
from benchmarks.measurement import Measurement
from marrow.errors import MarrowError
from marrow.files import write_text


@dataclass(frozen=True)
class Entry:
    """A measurement, and where and when it was made."""

    id: str
    value: float
    unit: str
    reference: float | None
    ratio: float | None
    machine: str
    commit: str
    date: str


def read_history(path: Path) -> list[Entry]:
    """All entries in a file, oldest first; none if there is no file yet.

    Raises:
        MarrowError: the file is not such a list.
    """
    if not path.exists():
        return []
    try:
        return [Entry(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise MarrowError(f"{path} is no list of measurements ({error}); take it back from version control") from error


def append(path: Path, measurements: Sequence[Measurement], circumstances: Circumstances) -> list[Entry]:
    """Add measurements to a file; gives all entries, old and new."""
    new = [Entry(**asdict(measurement), **asdict(circumstances)) for measurement in measurements]
    entries = read_history(path) + new
    lines = ",\n".join(" " + json.dumps(asdict(entry), allow_nan=False) for entry in entries)
    write_text(path, f"[\n{lines}\n]\n")
    return entries
