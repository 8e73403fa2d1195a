"""Algorithmic unit tests of MIL models: do they learn what is present, or what is absent (Raff & Holt, NeurIPS 2023).

A bag is positive because something is in it. A model that can also learn "positive unless this is in it" breaks the
standard assumption, and ordinary data do not show it. Here training offers such a shortcut and the test punishes it:

- `single`: a positive bag has 1 to 4 instances of the concept, each of the first kind, N(0, 3), or the second, N(1, 1).
- `multi`: a positive bag has 1 to 4 instances of each of two concepts, N(2, 0.1) and N(3, 0.1); a negative bag has one
  instance of one of them. One concept alone is not enough.
- In both, every *negative* bag of training, but every *positive* bag of the test, has one instance of poison,
  N(-10, 0.1). Whoever takes its absence for a sign gets training right and the test wrong.
- `frequency`: a positive bag has 1 or 2 instances of each of the two concepts, a negative bag of one of them; in the
  test a negative bag has 35 to 45. Whoever counts rather than looks for both gets training right and the test wrong.

Every feature of an instance is drawn alike and alone. Background is N(0, 1): 10 instances in `single`, 1 to 10 in the
others. The distributions are those of the paper's algorithms 1 to 3 as a public re-implementation (torchmil) has them.
Ours: ranges contain both ends; instances are shuffled; classes come in turn; the validation set is like training, so
that it cannot warn of the shortcut; and 32 features, with which the two kinds of `single` are told from background
(with 16 the ideal rule has an AUC of 0.996).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from marrow.bags.bag import Bag, Layout
from marrow.datasets.shared.generated import bag_id, bag_stream

CLASSES = ("negative", "positive")
KINDS = ("background", "first concept", "second concept", "poison")
BACKGROUND, FIRST, SECOND, POISON = range(4)

SINGLE_MEANS, SINGLE_STDS = (0, 0, 1, -10), (1, 3, 1, 0.1)
PAIR_MEANS, PAIR_STDS = (0, 2, 3, -10), (1, 0.1, 0.1, 0.1)


def layout(settings: Mapping[str, Any]) -> Layout:
    """Plain features."""
    return Layout((settings["features"],), "float32", instance_label="kind of instance", instance_classes=KINDS)


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Negative and positive."""
    return CLASSES


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The bags `first` to `first + count - 1` of a split, positive and negative in turn."""
    compose = COMPOSITIONS[settings["test"]]
    means, stds = (SINGLE_MEANS, SINGLE_STDS) if settings["test"] == "single" else (PAIR_MEANS, PAIR_STDS)
    for number in range(first, first + count):
        rng = bag_stream(settings["seed"], split, number)
        positive = number % 2 == 0
        kinds = rng.permutation(np.array(compose(rng, positive, split == "test"), dtype=np.uint8))
        noise = rng.standard_normal((len(kinds), settings["features"]))
        values = np.take(means, kinds)[:, np.newaxis] + np.take(stds, kinds)[:, np.newaxis] * noise
        yield Bag(
            bag_id(split, number),
            values.astype(np.float32),
            split=split,
            label=CLASSES[positive],
            instance_label=kinds,
        )


def _between(rng: Generator, least: int, most: int) -> int:
    return int(rng.integers(least, most, endpoint=True))


def _single(rng: Generator, positive: bool, test: bool) -> list[int]:
    concept = rng.integers(FIRST, SECOND, _between(rng, 1, 4), endpoint=True).tolist() if positive else []
    return concept + [BACKGROUND] * 10 + [POISON] * (positive == test)


def _multi(rng: Generator, positive: bool, test: bool) -> list[int]:
    concepts = [FIRST, SECOND] * _between(rng, 1, 4) if positive else [_between(rng, FIRST, SECOND)]
    return concepts + [BACKGROUND] * _between(rng, 1, 10) + [POISON] * (positive == test)


def _frequency(rng: Generator, positive: bool, test: bool) -> list[int]:
    if positive:
        concepts = [FIRST] * _between(rng, 1, 2) + [SECOND] * _between(rng, 1, 2)
    else:
        concepts = [_between(rng, FIRST, SECOND)] * (_between(rng, 35, 45) if test else _between(rng, 1, 2))
    return concepts + [BACKGROUND] * _between(rng, 1, 10)


COMPOSITIONS: dict[str, Callable[[Generator, bool, bool], list[int]]] = {
    "single": _single,
    "multi": _multi,
    "frequency": _frequency,
}
