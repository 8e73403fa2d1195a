"""Splits by folds: one of k folds is the test split, a share of the others the validation split, the rest is training.

Every patient has a number in its class, its turn: 0, 1, 2 ... Turn t is in fold 1 + t mod k, so that folds have equally
many patients of each class up to one, and every patient is tested once. Turns are saved: neither new patients nor
another `fold` change the turns of others. New patients get unused turns.
"""

from collections.abc import Mapping, Sequence
from itertools import count

from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Settings, by_class, rounded


def assign_turns(scans: Sequence[Scan], settings: Settings, earlier: Mapping[str, int]) -> dict[str, int]:
    """Patient -> turn in its class; patients of a stratum get consecutive turns, which spreads them over the folds.

    A patient with scans of several classes gets its turn in the class with the fewest scans.
    """
    turns: dict[str, int] = {}
    for members in by_class(scans, settings).values():
        of_class = [member for member in members if member.patient not in turns]
        kept = {member.patient: earlier[member.patient] for member in of_class if member.patient in earlier}
        new = sorted((member for member in of_class if member.patient not in kept), key=lambda member: member.stratum)
        used = set(kept.values())
        free = (turn for turn in count() if turn not in used)
        turns |= kept | {member.patient: turn for member, turn in zip(new, free, strict=False)}
    return turns


def split_of_turn(turn: int, settings: Settings) -> str:
    """The split of a turn if `fold` is the test fold.

    Turns of the other folds are counted in order, beginning after the test fold. The second one is in validation, so
    that every class with as many patients as folds has patients in training and validation; later ones are, whenever
    the share of validation is complete.
    """
    folds, tests = settings["folds"], settings["fold"] - 1
    if turn % folds == tests:
        return "test"
    place = turn // folds * (folds - 1) + (turn - tests - 1) % folds
    return "validation" if _validating(place + 1, settings) > _validating(place, settings) else "train"


def _validating(patients: int, settings: Settings) -> int:
    """The number of validation patients among the first `patients` outside the test fold."""
    share = settings["validation"]
    return max(1, rounded(share * patients)) if share and patients > 1 else 0
