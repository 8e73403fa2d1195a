"""Bags and splits: for each data set how many bags, instances, patients and classes each split has."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from marrow.report.page import Section, render
from marrow.report.reading import Reading
from marrow.report.tables import Row, number, read_parquet, why_absent

COLUMNS = ("bag", "patient", "split", "label_name", "instances")
SPLITS = ("train", "validation", "test", "predict")
FEW = 3  # bags of a class in a split, below which a metric of it is a matter of luck
READING = Reading(
    figure="the bags",
    shown="for each data set and split: bags, the patients that they are of, instances in all and per bag, and bags of "
    "each class. A bag is a scan, or a picture, and has one label; an instance is one of its patches, and has none.",
    good="every class in every split, and no split with few bags of a class.",
    bad="a class that a split lacks: metrics of it are undefined there. One or two bags of a class in test: a single "
    "bag moves its sensitivity by half or the whole. Bags with very few instances: scans with few bones.",
    remedy="give more labelled patients, or other shares in splits; for bags with few instances look at the bone "
    "sheets of these scans.",
)


@dataclass(frozen=True)
class SplitCount:
    """A split of a data set: counts, and bags of each class in the order of the data set's classes."""

    split: str
    bags: int
    patients: int
    instances: int
    per_bag: str
    classes: tuple[int, ...]


@dataclass(frozen=True)
class SetCount:
    """A data set; `why` says why nothing is known of it, `folds` of how many more like it this one is the first."""

    name: str
    classes: tuple[str, ...]
    splits: tuple[SplitCount, ...]
    why: str
    folds: int = 0

    @property
    def thin(self) -> list[str]:
        """Classes that a split has few bags of, in words."""
        return [
            f"{split.split} has {count} of {name}"
            for split in self.splits
            if split.split != "predict"
            for name, count in zip(self.classes, split.classes, strict=True)
            if count < FEW
        ]


def section(manifests: Sequence[Path], entry_datasets: Sequence[Sequence[str]]) -> Section:
    """The table of data sets.

    Args:
        manifests: all of them.
        entry_datasets: the data sets of each entry; of many folds the first stands for all.
    """
    folded = {names[0]: len(names) - 1 for names in entry_datasets if _are_folds(names)}
    dropped = {name for names in entry_datasets if _are_folds(names) for name in names[1:]}
    sets = [_set_count(path, folded.get(path.stem, 0)) for path in manifests if path.stem not in dropped]
    html = render("bag_counts.html.j2", sets=sets, how=READING)
    return Section("bags", "Bags and splits", html, note=str(len(manifests)))


def _are_folds(names: Sequence[str]) -> bool:
    """Whether data sets are folds of the same bags, `musk1-1-01` and so on, not sets of different sizes."""
    return len(names) > 1 and all(re.fullmatch(r".+-\d+-\d\d+", name) for name in names)


def _set_count(path: Path, others: int) -> SetCount:
    table = read_parquet(path, COLUMNS)
    if table.why:
        return SetCount(path.stem, (), (), why_absent(path) or table.why)
    numbers = {row["label_name"]: number(row.get("label")) or 0.0 for row in table.rows if row["label_name"]}
    classes = tuple(sorted(numbers, key=lambda name: (numbers[name], name)))
    rows = {split: table.where(split=split) for split in SPLITS}
    splits = tuple(_split_count(split, found, classes) for split, found in rows.items() if found)
    return SetCount(path.stem, classes, splits, "", others)


def _split_count(split: str, rows: Sequence[Row], classes: Sequence[str]) -> SplitCount:
    counts = [int(number(row["instances"]) or 0) for row in rows]
    return SplitCount(
        split=split,
        bags=len(rows),
        patients=len({row["patient"] for row in rows}),
        instances=sum(counts),
        per_bag=f"{min(counts)} / {median(counts):g} / {max(counts)}",
        classes=tuple(sum(row["label_name"] == name for row in rows) for name in classes),
    )
