"""Splits by shares: patients without a split are assigned to the splits with the largest shortage.

A rule that depends on each patient alone never changes an assignment but does not balance exactly; one that depends on
the whole cohort balances, but changes assignments as the cohort grows. Here assigned patients keep their split, and new
patients are assigned to where most scans are missing.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Member, Settings, by_class, rounded, scan_count


@dataclass(frozen=True)
class Target:
    """The number of scans of a class that should be in a split.

    Attributes:
        due: the number from the settings.
        reach: the number that the class allows.
    """

    due: int
    reach: int


def held_out(scans: Sequence[Scan], settings: Settings) -> set[str]:
    """The patients with a scan at a site that is held out for the test split."""
    sites = settings["sites"]["held_out"] if settings["sites"]["use"] == "hold_out" else []
    return {scan.patient for scan in scans if scan.site in sites}


def targets(classes: Mapping[str, Sequence[Member]], settings: Settings) -> dict[str, dict[str, Target]]:
    """Class -> split -> target number of scans; the rest is for training.

    By default every class has the same number of test scans, together the test share of the cohort; a class that is too
    small has as many test scans as training scans. A number in the settings is met if there are enough scans.
    """
    sizes = {name: scan_count(members) for name, members in classes.items()}
    test_per_class = settings["test_per_class"]
    share = settings["test"] * sum(sizes.values()) / max(1, len(sizes))
    due = 0 if settings["sites"]["use"] == "hold_out" else test_per_class or (max(1, rounded(share)) if share else 0)
    goals: dict[str, dict[str, Target]] = {}
    for name, size in sizes.items():
        validation = max(1, rounded(settings["validation"] * size)) if settings["validation"] else 0
        reach = due if test_per_class else min(due, max(1, (size - validation) // 2))
        goals[name] = {"test": Target(due, reach), "validation": Target(validation, validation)}
    return goals


def fill_shares(scans: Sequence[Scan], settings: Settings, earlier: Mapping[str, str]) -> dict[str, str]:
    """Patient -> split, for every patient of the labelled scans; an earlier split of a patient is kept."""
    patients = {scan.patient for scan in scans}
    held = held_out(scans, settings)
    splits = dict.fromkeys(held, "test") | {patient: earlier[patient] for patient in earlier if patient in patients}
    classes = by_class((scan for scan in scans if scan.patient not in held), settings)
    goals = targets(classes, settings)
    for members in classes.values():
        splits |= _first_for_training(members, splits)
    for name, members in classes.items():
        filling = _ClassFilling(members, splits)
        for split in ("test", "validation"):
            filling.fill(split, goals[name][split].reach)
        splits |= filling.rest_to_train()
    return splits


def _first_for_training(members: Sequence[Member], splits: Mapping[str, str]) -> dict[str, str]:
    """A training patient for a class without any, of its largest stratum: assigned before all other splits."""
    if any(splits.get(member.patient) == "train" for member in members):
        return {}
    size = Counter(member.stratum for member in members)
    unassigned = [member for member in members if member.patient not in splits]
    unassigned.sort(key=lambda member: (size[member.stratum], member.stratum, member.scans), reverse=True)
    return {member.patient: "train" for member in unassigned[:1]}


class _ClassFilling:
    """Assigns the patients of one class, given in hashed order; `splits` has those who are assigned already."""

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
        """Assign patients to a split until it has about `target` scans."""
        need = target - sum(self._have[split, stratum] for stratum in self._size)
        while need > 0 and (member := self._next(split, target, need)):
            self._free[member.stratum].remove(member)
            self._have[split, member.stratum] += member.scans
            self._given[member.patient] = split
            need -= member.scans

    def rest_to_train(self) -> dict[str, str]:
        """Assign the remaining patients to training; patient -> split of all who were assigned here."""
        return self._given | {member.patient: "train" for unassigned in self._free.values() for member in unassigned}

    def _next(self, split: str, target: int, need: int) -> Member | None:
        """The next patient: of the stratum with the largest shortage, the first one without too many scans."""
        unassigned = [members for members in self._free.values() if members]
        first = [next((member for member in members if member.scans <= need), None) for members in unassigned]
        fitting = [member for member in first if member]
        if fitting:
            return max(fitting, key=lambda member: self._claim(split, target, member.stratum))
        nearest = min((one for members in unassigned for one in members), key=lambda one: one.scans, default=None)
        return nearest if nearest and (need == target or nearest.scans < 2 * need) else None

    def _claim(self, split: str, target: int, stratum: tuple[str, str]) -> tuple[bool, float, tuple[str, str]]:
        """The priority of a stratum: whether it keeps a training patient, its shortage, and its name to break ties."""
        can_spare = len(self._free[stratum]) > 1 or self._have["train", stratum] > 0
        return can_spare, target * self._size[stratum] / self._total - self._have[split, stratum], stratum
