"""Notes on a split for the user: classes with too few scans, mixed patients, sites."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Member, Settings, by_class, class_of, scan_count
from marrow.planning.splits.shares import Target, held_out, targets

PRIORITY = "training is served first, then test, then validation"
MOST_NAMES = 5


def some(names: Sequence[str]) -> str:
    """The first names of a list, and the number of the others."""
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def notes_on(
    scans: Sequence[Scan], split_of: Mapping[str, str], given: Mapping[str, str], settings: Settings
) -> Iterator[str]:
    """The notes, class by class.

    Args:
        scans: those that were split.
        split_of: patient -> split.
        given: the same, of the patients whose split the sheet or a frozen file gives.
        settings: the section `splits` of the config.
    """
    yield from _mixed(scans, settings)
    yield from _sites(scans, split_of, settings)
    if settings["folds"] and given:
        yield f"{len(given)} patients are not part of the folds, since the sheet or splits.file gives their split"
    held = held_out(scans, settings)
    classes = by_class(scans, settings)
    others = by_class((scan for scan in scans if scan.patient not in held), settings) if held else classes
    goals = targets(others, settings)
    for name, members in classes.items():
        view = _View(name, members, split_of)
        yield from _empty(view, settings)
        if any(member.patient not in given for member in members):
            yield from _folds(view, settings) if settings["folds"] else _off_target(view, goals.get(name, {}), settings)


@dataclass(frozen=True)
class _View:
    """One class after the split."""

    name: str
    members: Sequence[Member]
    split_of: Mapping[str, str]

    def scans_in(self, split: str) -> int:
        return scan_count(member for member in self.members if self.split_of[member.patient] == split)

    @property
    def step(self) -> int:
        """The largest number of scans of a patient: targets are met up to this difference."""
        return max(member.scans for member in self.members)

    @property
    def size(self) -> str:
        scans, patients = scan_count(self.members), len(self.members)
        return f"{scans} scan{'s' * (scans != 1)} of {patients} patient{'s' * (patients != 1)}"


def _empty(view: _View, settings: Settings) -> Iterator[str]:
    """Splits without a single scan of a class."""
    goals = ["train", *(split for split in ("test", "validation") if settings[split])]
    missing = [split for split in goals if not view.scans_in(split)]
    if missing:
        yield f"class {view.name} has no scan in {' and '.join(missing)}: it has {view.size}; {PRIORITY}"


def _off_target(view: _View, goals: Mapping[str, Target], settings: Settings) -> Iterator[str]:
    """Splits whose difference from the target is at least one patient."""
    for split, target in goals.items():
        count = view.scans_in(split)
        if 0 < count <= target.due - view.step:
            done = (
                "as many stay in training as are tested"
                if target.reach < target.due
                else f"{PRIORITY}, earlier assignments are kept, and new patients come here first"
            )
            yield f"class {view.name} is short in {split}: {count} of {target.due} scans (it has {view.size}); {done}"
        elif count >= target.due + view.step and target.due:
            yield f"class {view.name} has {count} scans in {split}, where {target.due} are due; nobody is moved"
    if settings["test_per_class"] and 0 < view.scans_in("train") < view.scans_in("test"):
        yield (
            f"class {view.name} trains on {view.scans_in('train')} scans and tests on {view.scans_in('test')}: "
            f"splits.test_per_class asks for {settings['test_per_class']} of its {view.size}"
        )


def _folds(view: _View, settings: Settings) -> Iterator[str]:
    patients, folds = len(view.members), settings["folds"]
    if patients < folds:
        yield f"class {view.name} has {view.size}, fewer than the {folds} folds: some folds test none of it"


def _mixed(scans: Sequence[Scan], settings: Settings) -> Iterator[str]:
    classes: dict[str, set[str]] = defaultdict(set)
    for scan in scans:
        classes[scan.patient].add(class_of(scan.label, settings))
    mixed = sorted(patient for patient, names in classes.items() if len(names) > 1)
    if mixed:
        yield (
            f"{len(mixed)} patients have scans of several classes ({some(mixed)}): all scans of each are together, "
            "placed as its class with the fewest scans needs it"
        )


def _sites(scans: Sequence[Scan], split_of: Mapping[str, str], settings: Settings) -> Iterator[str]:
    use, sites = settings["sites"]["use"], Counter(scan.site for scan in scans)
    if use != "ignore" and sites[""]:
        yield f"{sites['']} scans have no site; " + ("they count as one" if use == "balance" else "none is held out")
    held = held_out(scans, settings)
    outside = sorted(patient for patient in held if split_of[patient] != "test")
    if outside:
        yield (
            f"{len(outside)} patients were scanned at a held-out site but are not in test ({some(outside)}), since the "
            "sheet, splits.file or an earlier assignment has them elsewhere; write predict into the column split of "
            "their scans at that site, or the test of it has seen them"
        )
    elsewhere = sorted(
        {scan.patient for scan in scans if scan.patient in held}
        & {scan.patient for scan in scans if scan.site not in settings["sites"]["held_out"]}
    )
    if elsewhere:
        yield (
            f"{len(elsewhere)} patients of held-out sites were scanned elsewhere too ({some(elsewhere)}); their "
            "scans are kept together, as those of a held-out site"
        )
