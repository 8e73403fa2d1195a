"""Prints the accuracy of MI-SVM and MILES on a classical table, for docs/results/classical_mil.md.

    MARROW_DATA=data PYTHONPATH=scripts python -m benchmarks.classical_mil musk1 10

cross-validates in ten stratified folds, ten times. Features are standardised over the training bags of each fold.
Settings stay what they are in all folds: nothing is chosen in a fold, and nothing is chosen at all but the defaults,
which are the first row of each kind.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from marrow.bags.bag import Bag
from marrow.learning.build import pooling_of
from marrow.learning.pooling.fitted_pooling import FittedPooling
from marrow.learning.pooling.segments import Segments
from marrow.planning.kinds import implementation
from marrow.planning.methods.sections import read_method_schema
from marrow.workflow.parse import REPOSITORY

FOLDS = 10
SETTINGS: Sequence[Mapping[str, Any]] = (
    *({"kind": "mi-svm", "penalty": penalty} for penalty in (1, 3, 10, 30, 100)),
    *({"kind": "miles", "penalty": penalty} for penalty in (1, 3, 10, 30, 100)),
)


def read_bags(table: str, folder: Path) -> list[Bag]:
    """The bags of a classical table, whose files a folder of public data has."""
    made = implementation("datasets", "classical").make_bags({"table": table}, {table: folder}, "all", 0, 1000)
    return list(made)


def folds_of(bags: Sequence[Bag], seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The training and test bags of each fold, by their positions."""
    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(bags, [bag.label for bag in bags])


def right_verdicts(
    bags: Sequence[Bag], given: Mapping[str, Any], train: NDArray[np.intp], test: NDArray[np.intp]
) -> list[bool]:
    """Whether each test bag is told right by a pooling with these settings that is fitted to the training bags."""
    section = read_method_schema(REPOSITORY / "schemas").sections["pooling"]
    rows = [torch.from_numpy(bag.patches) for bag in bags]
    labels = torch.tensor([bag.label == "positive" for bag in bags]).long()
    std, mean = torch.std_mean(torch.cat([rows[bag] for bag in train]), 0)

    def packed(chosen: NDArray[np.intp]) -> tuple[Tensor, Segments]:
        scaled = (torch.cat([rows[bag] for bag in chosen]) - mean) / torch.where(std == 0, 1, std)
        return scaled, Segments.of([len(rows[bag]) for bag in chosen])

    pooling = cast("FittedPooling", pooling_of(section.completed(given), rows[0].shape[1], 2))
    pooling.fit(*packed(train), labels[torch.from_numpy(train)], None, 0)
    told = pooling(*packed(test)).logits[:, 0] > 0
    return (told.long() == labels[torch.from_numpy(test)]).tolist()


def main(table: str, repeats: int) -> None:
    """Print a row for each of the settings: mean, least and largest accuracy of the repeats."""
    bags = read_bags(table, Path(os.environ["MARROW_DATA"]) / "mil_classic")
    for given in SETTINGS:
        accuracies = [
            np.mean(list(chain.from_iterable(right_verdicts(bags, given, *fold) for fold in folds_of(bags, seed))))
            for seed in range(repeats)
        ]
        settings = ", ".join(f"{key} {value}" for key, value in given.items())
        spread = f"{min(accuracies):.1%} to {max(accuracies):.1%}"
        sys.stdout.write(f"| {table} | {settings} | {np.mean(accuracies):.1%} | {spread} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
