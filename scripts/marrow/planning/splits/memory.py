"""Saves and reads earlier assignments, so that the splits of patients do not change when a cohort grows.

`results/splits.tsv` has the place (split or turn) of every patient, including those who are no longer in the sheet. It
is valid for the settings whose digest is in its first line. Tables of other settings are archived, so that a change of
settings that is reverted restores the earlier assignment.
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
    """Patient -> place from an earlier run with these settings, and notes.

    Raises:
        ConfigError: the table is damaged.
    """
    digest = _digest(settings)
    for file in (path, _archived(path, digest)):
        if file.exists() and _digest_in(file) == digest:
            return _places(file, _column(settings)), []
    if path.exists():
        return {}, [f"{path} was made with other settings of splits: everybody was assigned anew"]
    return {}, []


def remember(path: Path, assignment: Assignment, settings: Settings) -> None:
    """Write the places of all patients, unless there are none or the table has them already."""
    digest, places = _digest(settings), assignment.places
    if not places:
        return
    rows = [f"{patient}\t{places[patient]}" for patient in sorted(places)]
    text = "\n".join([f"# {len(rows)} patients, settings {digest}", f"patient\t{_column(settings)}", *rows, ""])
    if path.exists():
        if path.read_text(encoding="utf-8") == text:
            return
        if (other_digest := _digest_in(path)) != digest:
            _archived(path, other_digest).parent.mkdir(parents=True, exist_ok=True)
            path.replace(_archived(path, other_digest))
    write_text(path, text)


def _digest(settings: Settings) -> str:
    decisive = {name: settings[name] for name in DECISIVE}
    decisive["classes"] = {name: sorted(labels) for name, labels in settings["classes"].items()}
    decisive["sites"] = {**settings["sites"], "held_out": sorted(settings["sites"]["held_out"])}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _column(settings: Settings) -> str:
    return "turn" if settings["folds"] else "split"


def _archived(path: Path, digest: str) -> Path:
    return path.parent / PRIVATE.name / "splits" / f"{digest[:16]}.tsv"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, f"cannot be read ({error})") from None


def _digest_in(path: Path) -> str:
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
