"""Bags and splits: for each data set how many bags, instances, patients and classes each split has."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from marrow.bags.splits import SPLITS
from marrow.report.page import Reading, Section, render
from marrow.report.tables import Row, load_table

COLUMNS = {"patient": str, "split": str, "label": int, "label_name": str, "instances": int}
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
class SetCount:
    """The counts of a data set.

    Attributes:
        name: of the data set.
        classes: its classes, in the order of their numbers.
        splits: a row a split: `bags`, `patients`, the `sum`, `min`, `median` and `max` of the instances of its bags,
            and how many bags of each class by its number.
        why: why nothing is known of it; empty where there are counts.
        folds: of how many more data sets like it this one is the first.
    """

    name: str
    classes: tuple[str, ...]
    splits: Sequence[Row]
    why: str
    folds: int = 0

    @property
    def thin(self) -> list[str]:
        """Classes that a split has few bags of, in words."""
        return [
            f"{row['split']} has {row[number]} of {name}"
            for row in self.splits
            if row["split"] != "predict"
            for number, name in enumerate(self.classes)
            if row[number] < FEW
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
    html = render("sections/bag_counts.html.j2", sets=sets, how=READING)
    return Section("bags", "Bags and splits", html, note=str(len(manifests)))


def _are_folds(names: Sequence[str]) -> bool:
    """Whether data sets are folds of the same bags, `musk1-1-01` and so on, not sets of different sizes."""
    return len(names) > 1 and all(re.fullmatch(r".+-\d+-\d\d+", name) for name in names)


def _set_count(path: Path, folds: int) -> SetCount:
    table = load_table(path, COLUMNS)
    bags = table.frame
    labelled = bags[bags["label_name"] != ""].sort_values(["label", "label_name"])
    classes = labelled["label_name"].unique().tolist()
    of_split = bags.groupby("split")
    instances = of_split["instances"].agg(["sum", "min", "median", "max"])
    counts = pd.DataFrame({"bags": of_split.size(), "patients": of_split["patient"].nunique()}).join(instances)
    by_class = pd.crosstab(labelled["split"], labelled["label_name"].map(classes.index))
    by_class = by_class.reindex(counts.index, columns=range(len(classes)), fill_value=0)
    rows = counts.join(by_class).reindex([split for split in SPLITS if split in counts.index])
    return SetCount(path.stem, tuple(classes), rows.reset_index().to_dict("records"), table.why, folds)
