"""What somebody should know of a split: which class is short where, and what was done about it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Member, Settings, by_class, class_of, scan_count
from marrow.planning.splits.shares import Target, held_out, targets

SERVED = "training is served first, then test, then validation"
SHOWN = 5


def some(names: Sequence[str]) -> str:
    """The first few of a list."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def notes_on(
    scans: Sequence[Scan], placed: Mapping[str, str], given: Mapping[str, str], settings: Settings
) -> Iterator[str]:
    """What is to be told, class by class.

    Args:
        scans: those that were split.
        placed: patient -> split.
        given: the patients among them whose split the sheet or a frozen file gives.
        settings: the section `splits` of the config.
    """
    yield from _mixed(scans, settings)
    yield from _sites(scans, placed, settings)
    if settings["folds"] and given:
        yield f"{len(given)} patients are not part of the folds, since the sheet or splits.file gives their split"
    aside = held_out(scans, settings)
    classes = by_class(scans, settings)
    others = by_class((scan for scan in scans if scan.patient not in aside), settings) if aside else classes
    wanted = targets(others, settings)
    for name, members in classes.items():
        view = _View(name, members, placed)
        yield from _empty(view, settings)
        if any(member.patient not in given for member in members):
            yield from _folds(view, settings) if settings["folds"] else _amiss(view, wanted.get(name, {}), settings)


@dataclass(frozen=True)
class _View:
    """One class after the split."""

    name: str
    members: Sequence[Member]
    placed: Mapping[str, str]

    def scans_in(self, split: str) -> int:
        return scan_count(member for member in self.members if self.placed[member.patient] == split)

    @property
    def step(self) -> int:
        """Patients are not divided, so a number of scans is met as near as this."""
        return max(member.scans for member in self.members)

    @property
    def size(self) -> str:
        scans, patients = scan_count(self.members), len(self.members)
        return f"{scans} scan{'s' * (scans != 1)} of {patients} patient{'s' * (patients != 1)}"


def _empty(view: _View, settings: Settings) -> Iterator[str]:
    """Splits without a single scan of a class."""
    wanted = ["train", *(split for split in ("test", "validation") if settings[split])]
    missing = [split for split in wanted if not view.scans_in(split)]
    if missing:
        yield f"class {view.name} has no scan in {' and '.join(missing)}: it has {view.size}; {SERVED}"


def _amiss(view: _View, wanted: Mapping[str, Target], settings: Settings) -> Iterator[str]:
    """Splits that are further from their target than one patient."""
    for split, target in wanted.items():
        have = view.scans_in(split)
        if 0 < have <= target.due - view.step:
            done = (
                "as many stay in training as are tested"
                if target.reach < target.due
                else f"{SERVED}, earlier assignments are kept, and new patients come here first"
            )
            yield f"class {view.name} is short in {split}: {have} of {target.due} scans (it has {view.size}); {done}"
        elif have >= target.due + view.step and target.due:
            yield f"class {view.name} has {have} scans in {split}, where {target.due} are due; nobody is moved"
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
    mixed = sorted(patient for patient, found in classes.items() if len(found) > 1)
    if mixed:
        yield (
            f"{len(mixed)} patients have scans of several classes ({some(mixed)}): all scans of each are together, "
            "placed as its class with the fewest scans needs it"
        )


def _sites(scans: Sequence[Scan], placed: Mapping[str, str], settings: Settings) -> Iterator[str]:
    use, sites = settings["sites"]["use"], Counter(scan.site for scan in scans)
    if use != "ignore" and sites[""]:
        yield f"{sites['']} scans have no site; " + ("they count as one" if use == "balance" else "none is held out")
    aside = held_out(scans, settings)
    seen = sorted(patient for patient in aside if placed[patient] != "test")
    if seen:
        yield (
            f"{len(seen)} patients were scanned at a held-out site but are not in test ({some(seen)}), since the "
            "sheet, splits.file or an earlier assignment has them elsewhere; write predict into the column split of "
            "their scans at that site, or the test of it has seen them"
        )
    elsewhere = sorted(
        {scan.patient for scan in scans if scan.patient in aside}
        & {scan.patient for scan in scans if scan.site not in settings["sites"]["held_out"]}
    )
    if elsewhere:
        yield (
            f"{len(elsewhere)} patients of held-out sites were scanned elsewhere too ({some(elsewhere)}); their "
            "scans are kept together, as those of a held-out site"
        )
