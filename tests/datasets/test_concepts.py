"""Algorithmic unit tests of MIL models: training offers a shortcut, and the test punishes whoever took it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from marrow.bags.bag import Bag
from marrow.datasets.concepts import classes, layout, make_bags
from marrow.planning.config import complete, find_problems, read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY

SCHEMA = settings_schema("concepts", read_schema(REPOSITORY / "schemas/datasets/concepts.yaml"))
TESTS = ("single", "multi", "frequency")


def settings(**given: Any) -> Mapping[str, Any]:
    return complete({"kind": "concepts", **given}, SCHEMA)


def bags(test: str, split: str, count: int = 400, first: int = 0, **given: Any) -> list[Bag]:
    return list(make_bags(settings(test=test, **given), {}, split, first, count))


def auc(rule: Callable[[np.ndarray], float], found: list[Bag]) -> float:
    """The share of pairs of a positive and a negative bag that a rule orders rightly."""
    scores = {name: np.array([rule(bag.patches) for bag in found if bag.label == name]) for name in classes({})}
    differences = scores["positive"][:, np.newaxis] - scores["negative"]
    return float(np.mean((np.sign(differences) + 1) / 2))


def presence_of_one(values: np.ndarray) -> float:
    """How much likelier the best instance is of the concept than of the background."""

    def logarithm(mean: float, std: float) -> np.ndarray:
        return (-0.5 * ((values - mean) / std) ** 2 - np.log(std)).sum(axis=1)

    # Poison lies where the wide kind is likelier than background, but far likelier still to be poison.
    concept = np.logaddexp(logarithm(0, 3), logarithm(1, 1))
    return float((concept - np.logaddexp(logarithm(0, 1), logarithm(-10, 0.1))).max())


def presence_of_both(values: np.ndarray) -> float:
    """How near the nearest instances come to the two concepts; the farther one counts."""
    return min(-np.abs(values - mean).max(axis=1).min() for mean in (2, 3))


def absence_of_poison(values: np.ndarray) -> float:
    return -float(np.sum(values.mean(axis=1) < -5))


def count_of_concepts(values: np.ndarray) -> float:
    return float(np.sum(values.mean(axis=1) > 1.5))


PRESENCE = {"single": presence_of_one, "multi": presence_of_both, "frequency": presence_of_both}
SHORTCUT = {"single": absence_of_poison, "multi": absence_of_poison, "frequency": count_of_concepts}


@pytest.mark.parametrize("test", TESTS)
def test_the_rule_of_presence_solves_training_and_test(test: str) -> None:
    for split in ("train", "validation", "test"):
        assert auc(PRESENCE[test], bags(test, split)) > 0.9995


@pytest.mark.parametrize("test", TESTS)
def test_the_shortcut_solves_training_and_is_worse_than_chance_in_the_test(test: str) -> None:
    for split in ("train", "validation"):
        assert auc(SHORTCUT[test], bags(test, split)) > 0.9
    assert auc(SHORTCUT[test], bags(test, "test")) < 0.1


@pytest.mark.parametrize("test", ["single", "multi"])
def test_poison_is_in_negative_training_bags_and_in_positive_test_bags(test: str) -> None:
    for split in ("train", "validation", "test"):
        for bag in bags(test, split, 40):
            poisoned = (bag.label == "positive") == (split == "test")
            assert np.sum(bag.instance_label == 3) == poisoned
            assert np.sum(bag.patches.mean(axis=1) < -9) == poisoned


def counts(found: list[Bag], label: str) -> np.ndarray:
    """How many instances of the kinds 0 to 3 the bags of a class have: (bags, 4)."""
    return np.array([np.bincount(bag.instance_label, minlength=4) for bag in found if bag.label == label])


def test_a_single_concept_comes_one_to_four_times_in_positive_bags_only() -> None:
    found = bags("single", "train")
    positive, negative = counts(found, "positive"), counts(found, "negative")
    assert set(positive[:, 1:3].sum(axis=1)) == {1, 2, 3, 4}
    assert (positive[:, 1:3].sum(axis=0) > 150).all()
    assert not negative[:, 1:3].any()
    assert set(positive[:, 0]) == set(negative[:, 0]) == {10}


def test_one_of_two_concepts_does_not_make_a_bag_positive() -> None:
    found = bags("multi", "train")
    positive, negative = counts(found, "positive"), counts(found, "negative")
    assert set(positive[:, 1]) == {1, 2, 3, 4}
    assert np.array_equal(positive[:, 1], positive[:, 2])
    assert set(map(tuple, negative[:, 1:3])) == {(0, 1), (1, 0)}
    assert set(positive[:, 0]) == set(negative[:, 0]) == set(range(1, 11))


def test_a_negative_test_bag_has_many_instances_of_one_concept() -> None:
    for split, often in (("train", {1, 2}), ("test", set(range(35, 46)))):
        found = bags("frequency", split)
        positive, negative = counts(found, "positive")[:, 1:3], counts(found, "negative")[:, 1:3]
        assert set(positive.ravel()) == {1, 2}
        assert (np.sort(negative, axis=1)[:, 0] == 0).all()
        assert set(negative.max(axis=1)) == often
        assert 0.3 < np.mean(negative[:, 0] > 0) < 0.7


@pytest.mark.parametrize("test", TESTS)
def test_features_are_of_the_distribution_of_their_kind(test: str) -> None:
    found = bags(test, "train", 300) + bags(test, "test", 300)
    values = np.concatenate([bag.patches for bag in found])
    kinds = np.concatenate([bag.instance_label for bag in found])
    said = {"single": [(0, 1), (0, 3), (1, 1), (-10, 0.1)]}.get(test, [(0, 1), (2, 0.1), (3, 0.1), (-10, 0.1)])
    for kind in set(kinds.tolist()):
        mean, std = said[kind]
        here = values[kinds == kind]
        assert here.mean() == pytest.approx(mean, abs=5 * std / np.sqrt(here.size))
        assert here.std(axis=1).mean() == pytest.approx(std, rel=0.05)
        assert np.abs(np.corrcoef(here.T) - np.eye(here.shape[1])).max() < 6 / np.sqrt(len(here))


def test_the_place_of_an_instance_says_nothing() -> None:
    found = bags("single", "train", 400)
    place = [np.argmax(bag.instance_label == 3) / (len(bag) - 1) for bag in found if bag.label == "negative"]
    assert np.mean(place) == pytest.approx(0.5, abs=0.08)


def test_a_bag_depends_on_its_split_and_number_alone() -> None:
    many, alone = bags("multi", "train", 9), bags("multi", "train", 1, first=7)[0]
    assert alone.bag == "train-00007"
    assert np.array_equal(alone.patches, many[7].patches)
    assert [bag.label for bag in many[:3]] == ["positive", "negative", "positive"]
    assert not np.array_equal(bags("multi", "train", 1, seed=1)[0].patches, many[0].patches)
    assert not np.array_equal(bags("multi", "validation", 1)[0].patches, many[0].patches)


def test_bags_are_as_the_layout_says() -> None:
    for test in TESTS:
        bag = bags(test, "train", 1, features=5)[0]
        assert bag.patches.shape[1:] == layout(settings(features=5)).shape == (5,)
        assert bag.patches.dtype == layout(settings()).dtype
        assert bag.instance_label.dtype == np.uint8
    assert not list(find_problems(settings(), SCHEMA))
