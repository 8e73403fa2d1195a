"""Which digits of MNIST the bags of a split are made of; no digit serves two splits."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrow.bags.bag import Layout
from marrow.datasets.sources.mnist import SIDE, read_mnist
from marrow.errors import ConfigError

DIGIT_CLASSES = tuple(str(digit) for digit in range(10))
DIGIT_LAYOUT = Layout(
    (1, SIDE, SIDE), "uint8", channels=("ink",), instance_label="digit", instance_classes=DIGIT_CLASSES, flips=False
)
VALIDATION_DIGITS = 10_000


def read_pool(folder: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The digits (digits, 28, 28) of a split and their labels (digits,).

    Test has the test digits, validation the last 10,000 of the others, train what is left.
    """
    if split == "test":
        return read_mnist(folder, "test")
    images, labels = read_mnist(folder, "train")
    part = slice(-VALIDATION_DIGITS, None) if split == "validation" else slice(None, -VALIDATION_DIGITS)
    return images[part], labels[part]


def require_digits(labels: NDArray[np.uint8], required: Iterable[int], split: str) -> None:
    """A bag that must contain a digit which is not there would be drawn for ever.

    Raises:
        ConfigError: one of the required digits is not among those of the split.
    """
    missing = sorted(set(required) - set(labels.tolist()))
    if missing:
        raise ConfigError(
            f"MNIST: the {len(labels)} digits of the split {split} have no {missing[0]}, which the bags are about; "
            "take the four canonical files of MNIST."
        )
