"""Gathers the rows of a manifest from bag files and from the sample sheet."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from marrow.bags.bag import Array, Bag, Layout
from marrow.bags.digest import bag_digest
from marrow.bags.file import open_bags, read_bag, read_header
from marrow.bags.header import BagHeader
from marrow.bags.manifest import Entry, FeatureScale
from marrow.bags.splits import SPLITS
from marrow.errors import MarrowError, NoneLeft

NONE_LEFT = "no bag is left: every scan was stopped; mend them, or give other scans their splits"
Classes = Mapping[str, Sequence[str]] | Sequence[str]
_log = logging.getLogger(__name__)


def read_entries(files: Sequence[Path], folder: Path) -> tuple[Layout, list[Entry]]:
    """The entries of all bags in some files, sorted by id, without class numbers and digests.

    An empty file belongs to a stopped scan and is left out; paths are relative to `folder`, that of the manifest.

    Raises:
        MarrowError: there is no bag, two have one id, or layouts differ.
    """
    layout: Layout | None = None
    entries: dict[str, Entry] = {}
    for path in files:
        if path.stat().st_size == 0:
            _log.warning("%s was stopped above and has no bag; the manifest does without it", path.stem)
            continue
        header = read_header(path)
        layout = layout or header.layout
        if header.layout != layout:
            raise MarrowError(
                f"bag {header.bags[0].bag} ({path.name}) has the layout {header.layout}, and bag {next(iter(entries))} "
                f"has {layout}; make all bags of a data set with the same settings"
            )
        for group, bag in enumerate(header.bags):
            if bag.bag in entries:
                raise MarrowError(
                    f"bag {bag.bag} is in {path.name} and in {entries[bag.bag].path}; give each its own id"
                )
            entries[bag.bag] = _entry(bag, Path(os.path.relpath(path, folder)).as_posix(), group)
    if layout is None:
        raise MarrowError(f"{NONE_LEFT}; lower what the checks ask for, or take the data set out of the config")
    return layout, [entries[bag] for bag in sorted(entries)]


def stop_without_bags(files: Sequence[Path], rows: Sequence[Mapping[str, Any]]) -> None:
    """Stop a data set whose scans were all stopped; the report tells why, and the rest of the cohort goes on.

    Raises:
        NoneLeft: there is no bag.
    """
    if rows and not any(path.stat().st_size for path in files):
        raise NoneLeft("bags_left", NONE_LEFT)


def with_sheet_rows(entries: Sequence[Entry], rows: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Entries with patient, split, label, site and attributes from the sheet's rows; unchanged without rows.

    Raises:
        MarrowError: a bag has no row.
    """
    by_bag = {row["bag"]: row for row in rows}
    missing = [entry.bag for entry in entries if rows and entry.bag not in by_bag]
    if missing:
        raise MarrowError(f"bag {missing[0]} has no row in the sheet; add one, or leave its file out")
    return [_with_sheet_row(entry, by_bag[entry.bag]) if rows else entry for entry in entries]


def with_classes(entries: Sequence[Entry], classes: Classes) -> list[Entry]:
    """Entries with number and name of the class that holds the sheet's label; number -1 if none does.

    Raises:
        MarrowError: a bag that is not predict-only has no label, or one that is in no class; a label is in two classes.
    """
    numbers = _numbers(classes)
    names = list(classes)
    for entry in entries:
        if entry.label_name and entry.label_name not in numbers and entry.split != "predict":
            raise MarrowError(
                f"bag {entry.bag}: its label {entry.label_name} is in no class; the classes hold {', '.join(numbers)}"
            )
        if not entry.label_name and entry.split not in {"", "predict"}:
            raise MarrowError(f"bag {entry.bag}: it is in {entry.split} without a label; label it, or only predict it")
    return [
        replace(entry, label=numbers[entry.label_name], label_name=names[numbers[entry.label_name]])
        if entry.label_name in numbers
        else replace(entry, label_name="")
        for entry in entries
    ]


def check_splits(entries: Sequence[Entry]) -> None:
    """Check that every bag has a split, and every patient only one.

    Raises:
        MarrowError: the first such bag.
    """
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.split not in SPLITS:
            raise MarrowError(f"bag {entry.bag}: its split is {entry.split!r}; give one of {', '.join(SPLITS)}")
        other = first.setdefault(entry.patient, entry) if entry.split != "predict" else entry
        if other.split != entry.split:
            raise MarrowError(
                f"bag {entry.bag} of patient {entry.patient} is in {entry.split}, and bag {other.bag} of the same "
                f"patient in {other.split}; keep a patient in one split"
            )


def with_digests(entries: Sequence[Entry], folder: Path) -> list[Entry]:
    """Entries with the digests of their bags."""
    return [replace(entry, digest=bag_digest(bag, layout)) for entry, layout, bag in _each(entries, folder)]


def fit_feature_scale(entries: Sequence[Entry], layout: Layout, folder: Path) -> FeatureScale | None:
    """The scale of each feature over the training bags' instances; None for images, or without training bags."""
    training = [entry for entry in entries if entry.split == "train"]
    if len(layout.shape) != 1 or not training:
        return None
    features: Array = np.concatenate([bag.patches for _, _, bag in _each(training, folder)], dtype=np.float64)
    constant = np.ptp(features, axis=0) == 0  # rounding may give them a tiny deviation instead of 0
    std = np.where(constant, 1.0, features.std(axis=0))
    return FeatureScale(tuple(features.mean(axis=0).tolist()), tuple(std.tolist()))


def _each(entries: Sequence[Entry], folder: Path) -> Iterator[tuple[Entry, Layout, Bag]]:
    for path, of_file in groupby(entries, key=lambda entry: entry.path):
        with open_bags(folder / path) as (file, header):
            for entry in of_file:
                yield entry, header.layout, read_bag(file, header, entry.row_group)


def _entry(bag: BagHeader, path: str, group: int) -> Entry:
    return Entry(
        bag=bag.bag,
        patient=bag.patient or bag.bag,
        split=bag.split,
        label=-1,
        label_name=bag.label,
        site="",
        instances=bag.instances,
        path=path,
        row_group=group,
        digest="",
        attributes=bag.attributes,
    )


def _with_sheet_row(entry: Entry, row: Mapping[str, Any]) -> Entry:
    known = {name: value for name, value in row.get("attributes", {}).items() if value not in ("", None)}
    return replace(
        entry,
        patient=row["patient"] or entry.bag,
        split=row["split"],
        label_name=row["label"] or "",
        site=row.get("site") or "",
        attributes={**entry.attributes, **known},
    )


def _numbers(classes: Classes) -> dict[str, int]:
    """The number of the class of each label."""
    labels_of = classes if isinstance(classes, Mapping) else {name: [name] for name in classes}
    numbers: dict[str, int] = {}
    for number, (name, labels) in enumerate(labels_of.items()):
        for label in labels:
            if label in numbers:
                raise MarrowError(f"label {label} is in two classes, {name} is one of them; keep it in one")
            numbers[label] = number
    return numbers
