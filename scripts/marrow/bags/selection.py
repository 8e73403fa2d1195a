"""Selects bags of a data set for a manifest: all, the first n of each split, or the folds of a cross-validation.

Folds are for data sets without splits. They are stratified: the patients of each class are shuffled and dealt to the
folds in turn, so that folds differ by at most one patient in total and in each class; the bags of a patient stay
together. Each `repeat` is another shuffle.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor
from typing import Any

import numpy as np

from marrow.bags.manifest import Entry
from marrow.bags.splits import SPLITS
from marrow.errors import MarrowError

TEST, VALIDATION = 0, 1  # random streams


def select(entries: Sequence[Entry], selection: Mapping[str, Any]) -> list[Entry]:
    """The bags that a selection names.

    Args:
        entries: bags, sorted by id.
        selection: {} for all; {"train": 100, "test": 1000} for the first 100 and 1000 of two splits; or {"folds": 10,
            "fold": 3, "repeat": 1, "seed": 0, "validation": 0.1}, where fold 3, counted from 0, is the test split. With
            folds may come "splits", those that are kept.

    Raises:
        MarrowError: there are fewer bags than asked for, or no such fold.
    """
    if not selection:
        return list(entries)
    if "folds" in selection:
        return _in_folds(entries, **selection)
    chosen = {entry.bag for split, count in selection.items() for entry in _first(entries, split, count)}
    return [entry for entry in entries if entry.bag in chosen]


def _first(entries: Sequence[Entry], split: str, count: int) -> list[Entry]:
    if split not in SPLITS:
        raise MarrowError(f"the selection names the split {split!r}; choose from {', '.join(SPLITS)}")
    of_split = [entry for entry in entries if entry.split == split]
    if len(of_split) < count:
        raise MarrowError(f"{count} bags of the split {split} are asked for, and there are {len(of_split)}; make more")
    return of_split[:count]


def _in_folds(
    entries: Sequence[Entry],
    *,
    folds: int,
    fold: int,
    repeat: int = 0,
    seed: int = 0,
    validation: float = 0.0,
    splits: Sequence[str] = SPLITS,
) -> list[Entry]:
    """Bags with the splits of one fold; bags without a label get the split predict."""
    patients = _patients(entries)
    if not 0 <= fold < folds:
        raise MarrowError(f"fold {fold} is asked for; {folds} folds are numbered from 0 to {folds - 1}")
    if len(patients) < folds:
        raise MarrowError(f"{folds} folds of {len(patients)} patients would leave some empty; ask for fewer folds")
    shuffled = _shuffled(patients, [seed, repeat, TEST])
    rest = {patient: patients[patient] for position, patient in enumerate(shuffled) if position % folds != fold}
    held_out = {
        patient
        for position, patient in enumerate(_shuffled(rest, [seed, repeat, VALIDATION, fold]))
        if floor((position + 1) * validation + 0.5) > floor(position * validation + 0.5)
    }
    if len(held_out) == len(rest):
        raise MarrowError(f"a share of {validation} for validation leaves nothing to train with; ask for less")

    def split_of(entry: Entry) -> str:
        if entry.label < 0:
            return "predict"
        if entry.patient not in rest:
            return "test"
        return "validation" if entry.patient in held_out else "train"

    return [replace(entry, split=split) for entry in entries if (split := split_of(entry)) in splits]


def _patients(entries: Sequence[Entry]) -> dict[str, int]:
    """The labelled patients, each with the highest class of its bags."""
    classes: dict[str, int] = {}
    for entry in entries:
        if entry.label >= 0:
            classes[entry.patient] = max(entry.label, classes.get(entry.patient, 0))
    return classes


def _shuffled(patients: Mapping[str, int], stream: Sequence[int]) -> list[str]:
    """The patients, class by class, shuffled within each class."""
    by_class: dict[int, list[str]] = defaultdict(list)
    for patient in sorted(patients):
        by_class[patients[patient]].append(patient)
    draw = np.random.default_rng(stream)
    return [by_class[label][index] for label in sorted(by_class) for index in draw.permutation(len(by_class[label]))]
