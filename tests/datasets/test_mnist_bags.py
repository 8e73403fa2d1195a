"""MNIST-bags: what makes a bag positive, which digits it has, and the shares that the published loaders give."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from marrow.bags.bag import Bag
from marrow.datasets.mnist_bags import classes, layout, make_bags
from marrow.datasets.shared.digit_pool import read_pool
from marrow.datasets.shared.key_instances import draw_size
from marrow.datasets.sources.mnist import read_mnist
from marrow.errors import ConfigError
from marrow.planning.config import complete, find_problems, read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY
from shared_data import shared_data
from small_mnist import TEST, origin, write_small_mnist

SCHEMA = settings_schema("mnist_bags", read_schema(REPOSITORY / "schemas/datasets/mnist_bags.yaml"))
SPLITS = ("train", "validation", "test")


def settings(**given: Any) -> Mapping[str, Any]:
    return complete({"kind": "mnist_bags", **given}, SCHEMA)


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return {"mnist": write_small_mnist(tmp_path_factory.mktemp("mnist"))}


def bags(mnist: Mapping[str, Path], split: str, count: int, first: int = 0, **given: Any) -> list[Bag]:
    return list(make_bags(settings(**given), mnist, split, first, count))


def same(one: Bag, other: Bag) -> bool:
    return one.bag == other.bag and one.label == other.label and np.array_equal(one.patches, other.patches)


@pytest.mark.parametrize("task", ["binary", "four"])
def test_a_bag_depends_on_its_split_and_number_alone(mnist: Mapping[str, Path], task: str) -> None:
    many = bags(mnist, "train", 30, task=task)
    assert all(same(one, other) for one, other in zip(many[7:], bags(mnist, "train", 23, 7, task=task), strict=True))
    assert [bag.bag for bag in many[7:9]] == ["train-00007", "train-00008"]
    for one, other in pairwise(many):
        assert not np.array_equal(one.patches, other.patches)
    assert not np.array_equal(bags(mnist, "train", 1, task=task, seed=1)[0].patches, many[0].patches)


@pytest.mark.parametrize("target", [9, 4])
@pytest.mark.parametrize("balance", ["alternate", "natural"])
def test_a_bag_is_called_after_the_target_where_it_contains_it(
    mnist: Mapping[str, Path], target: int, balance: str
) -> None:
    found = bags(mnist, "train", 60, target=target, balance=balance)
    for bag in found:
        assert bag.label == (str(target) if target in bag.instance_label else "none")
    labels = [bag.label for bag in found]
    assert set(labels) == set(classes(settings(target=target)))
    assert (labels == [str(target), "none"] * 30) == (balance == "alternate")


@pytest.mark.parametrize("balance", ["alternate", "natural"])
def test_of_three_five_and_nine_at_most_one_occurs_and_names_the_bag(mnist: Mapping[str, Path], balance: str) -> None:
    found = bags(mnist, "train", 80, task="four", balance=balance)
    for bag in found:
        present = {str(digit) for digit in {3, 5, 9} & set(bag.instance_label.tolist())}
        assert present == ({bag.label} - {"none"})
    labels = [bag.label for bag in found]
    assert set(labels) == {"none", "3", "5", "9"}
    assert (labels == ["3", "5", "9", "none"] * 20) == (balance == "alternate")


def test_pixels_are_untouched_and_no_digit_serves_two_splits(mnist: Mapping[str, Path]) -> None:
    for split in SPLITS:
        images, labels = read_mnist(mnist["mnist"], "test" if split == "test" else "train")
        taken = set()
        for bag in bags(mnist, split, 100, size={"mean": 30}):
            part, number = origin(bag.patches)
            assert np.array_equal(bag.patches, images[number][:, np.newaxis])
            assert np.array_equal(bag.instance_label, labels[number])
            assert (part == (2 if split == "test" else 1)).all()
            taken |= set(number.tolist())
        low, high = {"train": (0, 2000), "validation": (2000, 12000), "test": (0, TEST)}[split]
        assert low <= min(taken) < low + 100
        assert high - 100 < max(taken) < high


def test_a_digit_comes_twice_only_with_replacement(mnist: Mapping[str, Path]) -> None:
    for task, replacement, twice in (
        ("binary", None, True),
        ("binary", False, False),
        ("four", None, False),
        ("four", True, True),
    ):
        bag = bags(mnist, "train", 1, task=task, replacement=replacement, size={"mean": 500, "std": 0})[0]
        assert len(bag) == 500
        assert (len(np.unique(origin(bag.patches)[1])) < 500) == twice


def test_a_size_is_cut_or_rounded_and_never_nothing() -> None:
    drawn = np.random.default_rng(3).normal(4, 3, 400)
    rng = {rounding: np.random.default_rng(3) for rounding in ("truncate", "nearest")}
    sizes = {
        rounding: np.array([draw_size(rng[rounding], {"mean": 4, "std": 3, "rounding": rounding}) for _ in drawn])
        for rounding in rng
    }
    assert np.array_equal(sizes["truncate"], np.maximum(np.trunc(drawn), 1))
    assert np.array_equal(sizes["nearest"], np.maximum(np.round(drawn), 1))
    assert sizes["truncate"].min() == 1


def test_a_digit_that_is_not_there_is_named(tmp_path: Path) -> None:
    small = {"mnist": write_small_mnist(tmp_path, without=9)}
    with pytest.raises(ConfigError, match="split train have no 9"):
        bags(small, "train", 1)
    assert bags(small, "train", 1, target=3)[0].label == "3"


def test_bags_are_as_the_layout_says(mnist: Mapping[str, Path]) -> None:
    said = layout(settings())
    for bag in bags(mnist, "test", 4):
        assert bag.patches.shape[1:] == said.shape
        assert bag.patches.dtype == bag.instance_label.dtype == np.uint8
        assert said.instance_classes[bag.instance_label[0]] == str(bag.instance_label[0])
        assert bag.split == "test"


def test_the_defaults_are_the_published_experiment() -> None:
    default = settings()
    assert not list(find_problems(default, SCHEMA))
    assert default["training_bags"] == [50, 100, 150, 200, 300, 400, 500]
    assert default["test_bags"] == 1000
    assert default["size"] == {"mean": 10, "std": 2, "rounding": "truncate"}
    assert default["balance"] is default["replacement"] is None


def share_with_target(share: float, mean: float, std: float) -> float:
    """Of natural bags, exactly: the sum over sizes of what a bag without the target leaves."""
    sizes = np.arange(1, int(mean + 8 * std))
    chance = np.diff(stats.norm.cdf([-np.inf, *sizes[1:], np.inf], mean, std))
    return float((chance * (1 - (1 - share) ** sizes)).sum())


@pytest.mark.parametrize(("mean", "std", "published"), [(10, 2, 0.62), (50, 10, 0.990), (100, 20, 0.9997)])
def test_natural_bags_are_positive_as_often_as_measured_on_the_simple_loader(
    mean: int, std: int, published: float
) -> None:
    source = {"mnist": shared_data("mnist")}
    found = bags(source, "train", 2500, balance="natural", size={"mean": mean, "std": std})
    positive = np.mean([bag.label == "9" for bag in found])
    _, labels = read_pool(source["mnist"], "train")
    expected = share_with_target(np.mean(labels == 9), mean, std)
    assert expected == pytest.approx(published, abs=0.008)
    assert positive == pytest.approx(expected, abs=3 * np.sqrt(expected * (1 - expected) / len(found)) + 0.001)
    assert np.mean([len(bag) for bag in found]) == pytest.approx(mean - 0.5, abs=4 * std / np.sqrt(len(found)))


def test_alternate_bags_are_half_positive_with_the_witnesses_of_the_original_loader() -> None:
    found = bags({"mnist": shared_data("mnist")}, "test", 4000)
    positive = [bag for bag in found if bag.label == "9"]
    nines = np.array([np.sum(bag.instance_label == 9) for bag in positive])
    sizes = np.array([len(bag) for bag in positive])
    assert len(positive) == 2000
    assert sizes.mean() == pytest.approx(9.75, abs=0.15)
    assert nines.mean() == pytest.approx(1.52, abs=0.06)
    assert nines.sum() / sizes.sum() == pytest.approx(0.16, abs=0.006)


def test_four_classes_have_the_shares_of_the_published_generator() -> None:
    found = bags({"mnist": shared_data("mnist")}, "train", 4000, task="four")
    shares = [np.mean([bag.label == name for bag in found]) for name in ("none", "3", "5", "9")]
    assert shares == pytest.approx([0.305, 0.237, 0.224, 0.234], abs=0.025)
