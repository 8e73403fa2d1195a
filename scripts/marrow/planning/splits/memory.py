"""What was assigned earlier: a small table among the results, so that a growing cohort moves nobody.

`results/splits.tsv` says where every patient is, those included who left the sheet. It holds for the settings whose
digest is in its first line. Tables of other settings are put by, so that a change made and reverted brings everybody
back.
"""

import hashlib
import json
import re
from pathlib import Path

from marrow.errors import ConfigError
from marrow.files import write_text
from marrow.planning.splits.assignment import Assignment
from marrow.planning.splits.groups import Settings
from marrow.workflow.paths import PRIVATE, RESULTS

MEMORY = RESULTS / "splits.tsv"
DECISIVE = ("validation", "test", "test_per_class", "classes", "seed", "sites", "folds")
_FIRST = re.compile(r"# (\d+) patients, settings ([0-9a-f]{64})")
_PLACE = {"split": re.compile("train|validation|test"), "turn": re.compile("[0-9]+")}


def remembered(path: Path, settings: Settings) -> tuple[dict[str, str], list[str]]:
    """Patient -> place as an earlier run with these settings left them, and what is to be noted.

    Raises:
        ConfigError: the table is damaged.
    """
    key = _digest(settings)
    for file in (path, _put_by(path, key)):
        if file.exists() and _key(file) == key:
            return _places(file, _column(settings)), []
    if path.exists():
        return {}, [f"{path} was made with other settings of splits: everybody was assigned anew"]
    return {}, []


def remember(path: Path, assignment: Assignment, settings: Settings) -> None:
    """Write where everybody is, unless it is written already or there is nobody."""
    key, places = _digest(settings), assignment.places
    if not places:
        return
    rows = [f"{patient}\t{places[patient]}" for patient in sorted(places)]
    text = "\n".join([f"# {len(rows)} patients, settings {key}", f"patient\t{_column(settings)}", *rows, ""])
    if path.exists():
        if path.read_text(encoding="utf-8") == text:
            return
        if (other := _key(path)) != key:
            _put_by(path, other).parent.mkdir(parents=True, exist_ok=True)
            path.replace(_put_by(path, other))
    write_text(path, text)


def _digest(settings: Settings) -> str:
    decisive = {name: settings[name] for name in DECISIVE}
    decisive["classes"] = {name: sorted(labels) for name, labels in settings["classes"].items()}
    decisive["sites"] = {**settings["sites"], "held_out": sorted(settings["sites"]["held_out"])}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _column(settings: Settings) -> str:
    return "turn" if settings["folds"] else "split"


def _put_by(path: Path, key: str) -> Path:
    return path.parent / PRIVATE.name / "splits" / f"{key[:16]}.tsv"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, f"cannot be read ({error})") from None


def _key(path: Path) -> str:
    first = _FIRST.fullmatch(_lines(path)[0])
    if first is None:
        raise _damaged(path, "does not begin with the number of patients and the digest of the settings")
    return first[2]


def _places(path: Path, column: str) -> dict[str, str]:
    lines = _lines(path)
    first, header, rows = lines[0], lines[1:2], lines[2:-1]
    if header != [f"patient\t{column}"] or lines[-1]:
        raise _damaged(path, "has another header than it was written with, or an end that is cut off")
    places: dict[str, str] = {}
    for number, row in enumerate(rows, start=3):
        patient, _, place = row.partition("\t")
        if not patient or not _PLACE[column].fullmatch(place):
            raise _damaged(path, f"has {row!r} in row {number}, which is no patient and {column}")
        places[patient] = place
    if len(places) != int(first.split()[1]):
        raise _damaged(path, f"has {len(places)} patients, where its first line says {first.split()[1]}")
    return places


def _damaged(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"{path} {problem}. It says who was assigned where. Bring back a copy; or name a frozen split file as "
        "splits.file in the config and delete this one. Deleted without that, everybody is assigned anew, and "
        "who was in test may come to train"
    )
