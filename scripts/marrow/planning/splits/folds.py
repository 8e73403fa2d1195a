"""Splits by folds: one of k parts tests, a share of the others validates, the rest trains.

Every patient has a turn in its class: 0, 1, 2 ... Turn t is in fold 1 + t mod k, so folds are equal in each class up to
one patient, and all folds together test everybody once. A turn says where its patient is whichever fold tests; turns
are what is remembered, so neither growth nor another `fold` moves anybody. New patients take those that nobody has.
"""

from collections.abc import Mapping, Sequence
from itertools import count

from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Settings, by_class, rounded


def take_turns(scans: Sequence[Scan], settings: Settings, earlier: Mapping[str, int]) -> dict[str, int]:
    """Patient -> turn in its class, for every patient; strata follow each other, so each is spread over the folds.

    A patient with scans of several classes takes its turn in the one with the fewest scans.
    """
    turns: dict[str, int] = {}
    for members in by_class(scans, settings).values():
        own = [member for member in members if member.patient not in turns]
        kept = {member.patient: earlier[member.patient] for member in own if member.patient in earlier}
        new = sorted((member for member in own if member.patient not in kept), key=lambda member: member.stratum)
        taken = set(kept.values())
        free = (turn for turn in count() if turn not in taken)
        turns |= kept | {member.patient: turn for member, turn in zip(new, free, strict=False)}
    return turns


def split_at(turn: int, settings: Settings) -> str:
    """The split of a turn when `fold` tests.

    The others are counted in rounds that begin after that fold; the second validates, so that every class with as many
    patients as folds trains and validates, and from there on whoever completes the share.
    """
    folds, tests = settings["folds"], settings["fold"] - 1
    if turn % folds == tests:
        return "test"
    place = turn // folds * (folds - 1) + (turn - tests - 1) % folds
    return "validation" if _validating(place + 1, settings) > _validating(place, settings) else "train"


def _validating(patients: int, settings: Settings) -> int:
    """How many of the first so many patients outside of the tested fold validate."""
    share = settings["validation"]
    return max(1, rounded(share * patients)) if share and patients > 1 else 0
