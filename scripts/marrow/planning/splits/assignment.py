"""Assigns a split to every scan: given splits and earlier assignments are kept, the rest follows a rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marrow.errors import ConfigError, nearest
from marrow.planning.sheet import Scan
from marrow.planning.splits.folds import assign_turns, split_of_turn
from marrow.planning.splits.groups import Settings
from marrow.planning.splits.notes import notes_on
from marrow.planning.splits.shares import fill_shares


@dataclass(frozen=True)
class Assignment:
    """The splits of a cohort.

    Attributes:
        splits: scan -> train, validation, test or predict.
        places: patient -> its split, or with folds its turn, as saved for later runs; includes patients who are no
            longer in the sheet.
        notes: for the user, such as classes with too few scans in a split.
    """

    splits: Mapping[str, str]
    places: Mapping[str, str]
    notes: tuple[str, ...] = ()


def assign(scans: Sequence[Scan], settings: Settings, earlier: Mapping[str, str]) -> Assignment:
    """Give every scan a split; all scans of a patient have the same one, except those that are predict-only.

    Without `earlier`, the result depends on the scans and the seed alone, not on the order of rows.

    Args:
        scans: with the splits that the sheet or a frozen file gives.
        settings: the section `splits` of the config.
        earlier: patient -> place, from an earlier assignment with the same settings.

    Raises:
        ConfigError: settings contradict each other or name unknown sites.
    """
    labelled = [scan for scan in scans if scan.label and scan.split != "predict"]
    _check(settings, labelled)
    given = {scan.patient: scan.split for scan in labelled if scan.split}
    if settings["folds"]:
        unassigned = [scan for scan in labelled if scan.patient not in given]
        turns = assign_turns(unassigned, settings, {patient: int(place) for patient, place in earlier.items()})
        split_of = given | {patient: split_of_turn(turn, settings) for patient, turn in turns.items()}
        places = {**earlier, **{patient: str(turn) for patient, turn in turns.items()}}
    else:
        split_of = fill_shares(labelled, settings, {**earlier, **given})
        places = {**earlier, **split_of}
    ids = {scan.scan for scan in labelled}
    splits = {scan.scan: split_of[scan.patient] if scan.scan in ids else "predict" for scan in scans}
    return Assignment(splits, places, tuple(notes_on(labelled, split_of, given, settings)))


def _check(settings: Settings, labelled: Sequence[Scan]) -> None:
    """Checks of the settings that the schema cannot do."""
    labels = [label for labels in settings["classes"].values() for label in labels]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    sites = settings["sites"]
    problems = [f"classes lists the label {label} more than once; keep one" for label in repeated]
    if settings["validation"] + settings["test"] >= 1:
        problems.append(
            f"validation is {settings['validation']} and test is {settings['test']}, which leaves nothing to train; "
            "their sum must be below 1"
        )
    if settings["folds"] and settings["fold"] > settings["folds"]:
        problems.append(f"fold is {settings['fold']}, but there are {settings['folds']} folds; count from 1")
    if settings["fold"] > 1 and not settings["folds"]:
        problems.append(f"fold is {settings['fold']}, but folds is empty; say how many there are")
    for key, is_set in (
        ("sites.use: hold_out", sites["use"] == "hold_out"),
        ("test_per_class", settings["test_per_class"]),
    ):
        if settings["folds"] and is_set:
            problems.append(f"folds and {key} both say who is in test; take one out")
    if sites["use"] == "hold_out" and not sites["held_out"]:
        problems.append("sites.use is hold_out, but sites.held_out names no site; list those to be held out")
    known = sorted({scan.site for scan in labelled if scan.site})
    if sites["use"] == "hold_out":
        problems += [
            f"sites.held_out names {site!r}, where no labelled scan is from; {nearest(site, known)}"
            for site in sites["held_out"]
            if site not in known
        ]
    if problems:
        raise ConfigError("\n".join(f"config: splits: {problem}" for problem in problems))
