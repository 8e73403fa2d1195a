"""Splits by shares: what is missing to the targets of the present cohort is filled with patients who have no place yet.

A rule that looks at one patient alone never moves anybody, but balances nothing exactly; one that looks at the whole
cohort balances, but moves people as it grows. Here those who have a place keep it, and new patients go where most is
missing.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Member, Settings, by_class, rounded, scan_count


@dataclass(frozen=True)
class Target:
    """How many scans of a class are to be in a split.

    Attributes:
        due: what balance and share ask for.
        reach: what the class can give.
    """

    due: int
    reach: int


def held_out(scans: Sequence[Scan], settings: Settings) -> set[str]:
    """The patients with a scan at a site that is held out for testing."""
    sites = settings["sites"]["held_out"] if settings["sites"]["use"] == "hold_out" else []
    return {scan.patient for scan in scans if scan.site in sites}


def targets(classes: Mapping[str, Sequence[Member]], settings: Settings) -> dict[str, dict[str, Target]]:
    """Class -> split -> how many scans; training takes what is left.

    By default every class gives as many scans to test, which together are the test share of the cohort; one that is too
    small gives as many as it keeps for training. A number in the settings is followed as far as the scans go.
    """
    sizes = {name: scan_count(members) for name, members in classes.items()}
    asked = settings["test_per_class"]
    share = settings["test"] * sum(sizes.values()) / max(1, len(sizes))
    each = 0 if settings["sites"]["use"] == "hold_out" else asked or (max(1, rounded(share)) if share else 0)
    found: dict[str, dict[str, Target]] = {}
    for name, size in sizes.items():
        validation = max(1, rounded(settings["validation"] * size)) if settings["validation"] else 0
        reach = each if asked else min(each, max(1, (size - validation) // 2))
        found[name] = {"test": Target(each, reach), "validation": Target(validation, validation)}
    return found


def fill_shares(scans: Sequence[Scan], settings: Settings, placed: Mapping[str, str]) -> dict[str, str]:
    """Patient -> split, for every patient of labelled scans.

    Args:
        scans: those to be split.
        settings: the section `splits` of the config.
        placed: patients who have a split already; it stays.
    """
    patients = {scan.patient for scan in scans}
    aside = held_out(scans, settings)
    splits = dict.fromkeys(aside, "test") | {patient: placed[patient] for patient in placed if patient in patients}
    classes = by_class((scan for scan in scans if scan.patient not in aside), settings)
    wanted = targets(classes, settings)
    for members in classes.values():
        splits |= _first_to_train(members, splits)
    for name, members in classes.items():
        filling = _Filling(members, splits)
        for split in ("test", "validation"):
            filling.fill(split, wanted[name][split].reach)
        splits |= filling.rest_to_train()
    return splits


def _first_to_train(members: Sequence[Member], splits: Mapping[str, str]) -> dict[str, str]:
    """A patient of a class that nobody trains yet, before anything else is served: of its largest stratum."""
    if any(splits.get(member.patient) == "train" for member in members):
        return {}
    size = Counter(member.stratum for member in members)
    free = [member for member in members if member.patient not in splits]
    free.sort(key=lambda member: (size[member.stratum], member.stratum, member.scans), reverse=True)
    return {member.patient: "train" for member in free[:1]}


class _Filling:
    """One class while its patients are given places.

    Args:
        members: its patients in the order of service.
        splits: those of them who have a place, and others.
    """

    def __init__(self, members: Sequence[Member], splits: Mapping[str, str]) -> None:
        self._total = scan_count(members)
        self._size: Counter[tuple[str, str]] = Counter()
        self._free: dict[tuple[str, str], list[Member]] = defaultdict(list)
        self._have: Counter[tuple[str, tuple[str, str]]] = Counter()
        self._given: dict[str, str] = {}
        for member in members:
            self._size[member.stratum] += member.scans
            if member.patient in splits:
                self._have[splits[member.patient], member.stratum] += member.scans
            else:
                self._free[member.stratum].append(member)

    def fill(self, split: str, target: int) -> None:
        """Take patients until a split has so many scans, as near as whole patients allow."""
        need = target - sum(self._have[split, stratum] for stratum in self._size)
        while need > 0 and (member := self._next(split, target, need)):
            self._free[member.stratum].remove(member)
            self._have[split, member.stratum] += member.scans
            self._given[member.patient] = split
            need -= member.scans

    def rest_to_train(self) -> dict[str, str]:
        """Patient -> split of all who were given a place here."""
        return self._given | {member.patient: "train" for free in self._free.values() for member in free}

    def _next(self, split: str, target: int, need: int) -> Member | None:
        """Who is to be taken: of the stratum that misses most of its part, the first who does not bring too many."""
        free = [members for members in self._free.values() if members]
        first = [next((member for member in members if member.scans <= need), None) for members in free]
        fitting = [member for member in first if member]
        if fitting:
            return max(fitting, key=lambda member: self._claim(split, target, member.stratum))
        nearest = min((member for members in free for member in members), key=lambda member: member.scans, default=None)
        return nearest if nearest and (need == target or nearest.scans < 2 * need) else None

    def _claim(self, split: str, target: int, stratum: tuple[str, str]) -> tuple[bool, float, tuple[str, str]]:
        """Whether a stratum can give a patient and still train, how much it misses, and its name against ties."""
        spares = len(self._free[stratum]) > 1 or self._have["train", stratum] > 0
        return spares, target * self._size[stratum] / self._total - self._have[split, stratum], stratum
