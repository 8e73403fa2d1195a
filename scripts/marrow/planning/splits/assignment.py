"""The split of every scan: what sheet or file give stands, earlier assignments are kept, a rule does the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marrow.errors import ConfigError, nearest
from marrow.planning.sheet import Scan
from marrow.planning.splits.folds import split_at, take_turns
from marrow.planning.splits.groups import Settings
from marrow.planning.splits.notes import notes_on
from marrow.planning.splits.shares import fill_shares


@dataclass(frozen=True)
class Assignment:
    """Where every scan and every patient is.

    Attributes:
        splits: scan -> train, validation, test or predict.
        places: patient -> what is to be remembered: its split, or with folds its turn; patients who are not in the
            sheet any more included.
        notes: what somebody should know: which class is short where, and what was done.
    """

    splits: Mapping[str, str]
    places: Mapping[str, str]
    notes: tuple[str, ...] = ()


def assign(scans: Sequence[Scan], settings: Settings, earlier: Mapping[str, str]) -> Assignment:
    """Give every scan a split; all scans of a patient that are not only predicted have the same.

    Without `earlier`, it depends on the scans and the seed alone, not on the order of rows.

    Args:
        scans: with the splits that the sheet or a frozen file gives.
        settings: the section `splits` of the config.
        earlier: patient -> place, as an earlier assignment with the same settings left them.

    Raises:
        ConfigError: settings contradict each other or name what is not there.
    """
    rows = [scan for scan in scans if scan.label and scan.split != "predict"]
    _check(settings, rows)
    given = {scan.patient: scan.split for scan in rows if scan.split}
    if settings["folds"]:
        ruled = [scan for scan in rows if scan.patient not in given]
        turns = take_turns(ruled, settings, {patient: int(place) for patient, place in earlier.items()})
        placed = given | {patient: split_at(turn, settings) for patient, turn in turns.items()}
        places = {**earlier, **{patient: str(turn) for patient, turn in turns.items()}}
    else:
        placed = fill_shares(rows, settings, {**earlier, **given})
        places = {**earlier, **placed}
    ids = {scan.scan for scan in rows}
    splits = {scan.scan: placed[scan.patient] if scan.scan in ids else "predict" for scan in scans}
    return Assignment(splits, places, tuple(notes_on(rows, placed, given, settings)))


def _check(settings: Settings, rows: Sequence[Scan]) -> None:
    """What the schema cannot see."""
    labels = [label for labels in settings["classes"].values() for label in labels]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    sites = settings["sites"]
    problems = [f"classes lists the label {label} more than once; keep one" for label in twice]
    if settings["validation"] + settings["test"] >= 1:
        problems.append(
            f"validation is {settings['validation']} and test is {settings['test']}, which leaves nothing to train; "
            "their sum must be below 1"
        )
    if settings["folds"] and settings["fold"] > settings["folds"]:
        problems.append(f"fold is {settings['fold']}, but there are {settings['folds']} folds; count from 1")
    if settings["fold"] > 1 and not settings["folds"]:
        problems.append(f"fold is {settings['fold']}, but folds is empty; say how many there are")
    for key, asked in (
        ("sites.use: hold_out", sites["use"] == "hold_out"),
        ("test_per_class", settings["test_per_class"]),
    ):
        if settings["folds"] and asked:
            problems.append(f"folds and {key} both say who is in test; take one out")
    if sites["use"] == "hold_out" and not sites["held_out"]:
        problems.append("sites.use is hold_out, but sites.held_out names no site; list those to be held out")
    known = sorted({scan.site for scan in rows if scan.site})
    if sites["use"] == "hold_out":
        problems += [
            f"sites.held_out names {site!r}, where no labelled scan is from; {nearest(site, known)}"
            for site in sites["held_out"]
            if site not in known
        ]
    if problems:
        raise ConfigError("\n".join(f"config: splits: {problem}" for problem in problems))
