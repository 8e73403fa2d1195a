"""Morpho-MNIST bags: what each class of bags holds, whose digits they are, and what stays when there are more."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

from marrow.bags.bag import Bag
from marrow.datasets.morpho import (
    DIFFUSE,
    FOCAL,
    HEALTHY,
    INACTIVE,
    INSTANCE_CLASSES,
    classes,
    draw_digit,
    draw_kinds,
    layout,
    make_bags,
)
from marrow.datasets.morphology.resolution import enlarge, reduce
from marrow.datasets.morphology.stroke import components
from marrow.errors import ConfigError
from marrow.planning.config import complete, read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY

SCHEMA = settings_schema("morpho", read_schema(REPOSITORY / "schemas/datasets/morpho.yaml"))
SPLITS = ("train", "validation", "test")
TRAINING, VALIDATION, TEST = 120, 10_000, 90
OF_TASK = {"binary": ("negative", "positive"), "four": INSTANCE_CLASSES}


def settings(**given: Any) -> Mapping[str, Any]:
    return complete({"kind": "morpho", **given}, SCHEMA)


def strokes(count: int, length: int) -> np.ndarray:
    """Upright strokes, all different: (count, 28, 28). The length tells the split."""
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    for number, image in enumerate(images):
        width, rest = 3 + number % 3, number // 3
        left, top = 3 + rest % 10, 2 + rest // 10
        image[top : top + length, left : left + width] = 255
    return images


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    return {split: strokes(90, length) for split, length in zip(SPLITS, (18, 15, 12), strict=True)}


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, np.ndarray]) -> Mapping[str, Path]:
    """Idx files whose digits are strokes; validation is the last 10,000 of the training file."""
    folder = tmp_path_factory.mktemp("mnist")
    validation = np.resize(drawn["validation"], (VALIDATION, 28, 28))
    for prefix, images in (("train", np.concatenate([drawn["train"], validation])), ("t10k", drawn["test"])):
        header = bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes()
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = np.ones(len(images), dtype=np.uint8)
        header = bytes([0, 0, 8, 1]) + np.array(labels.shape, ">u4").tobytes()
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    return {"mnist": folder}


def bags(mnist: Mapping[str, Path], split: str, count: int, first: int = 0, **given: Any) -> list[Bag]:
    return list(make_bags(settings(**{"size": 20, **given}), mnist, split, first, count))


def same(one: Bag, other: Bag) -> bool:
    return (one.bag, one.split, one.label) == (other.bag, other.split, other.label) and all(
        np.array_equal(mine, others)
        for mine, others in (
            (one.patches, other.patches),
            (one.instance_label, other.instance_label),
            (one.auxiliary["components"], other.auxiliary["components"]),
        )
    )


@pytest.mark.parametrize("task", OF_TASK)
def test_a_bag_depends_on_its_split_and_number_alone(mnist: Mapping[str, Path], task: str) -> None:
    many = bags(mnist, "train", 8, task=task)
    assert all(same(one, other) for one, other in zip(many[5:], bags(mnist, "train", 3, 5, task=task), strict=True))
    assert [bag.bag for bag in many[6:]] == ["train-00006", "train-00007"]
    for one, other in pairwise(many):
        assert not np.array_equal(one.patches, other.patches)
    assert not np.array_equal(bags(mnist, "train", 1, task=task, seed=1)[0].patches, many[0].patches)


def test_settings_that_choose_among_bags_change_none(mnist: Mapping[str, Path]) -> None:
    fewer = bags(mnist, "train", 2, training_bags=[7], validation_bags=1, test_bags=2)
    assert all(same(one, other) for one, other in zip(bags(mnist, "train", 2), fewer, strict=True))


@pytest.mark.parametrize("task", OF_TASK)
def test_any_beginning_holds_as_many_bags_of_each_class(mnist: Mapping[str, Path], task: str) -> None:
    names = classes(settings(task=task))
    assert names == OF_TASK[task]
    labels = [bag.label for bag in bags(mnist, "test", 9, task=task, size=2)]
    for count in range(1, 10):
        held = [labels[:count].count(name) for name in names]
        assert max(held) - min(held) <= 1


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_class_of_a_bag_follows_from_what_it_holds(share: float, size: int) -> None:
    given = {"size": size, "active_share": share, "inactive_share": share}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        for label in OF_TASK["binary"]:
            kinds = draw_kinds(settings(task="binary", **given), label, rng)
            assert (kinds.max() >= FOCAL) == (label == "positive")
            assert (len(kinds), kinds.dtype) == (size, np.uint8)
        for label in OF_TASK["four"]:
            kinds = draw_kinds(settings(task="four", **given), label, rng)
            assert INSTANCE_CLASSES[kinds.max()] == label


def kinds_of(label: str, bag_count: int = 400, **given: Any) -> np.ndarray:
    task = "binary" if label in OF_TASK["binary"] else "four"
    rng = np.random.default_rng(7)
    return np.stack([draw_kinds(settings(task=task, **given), label, rng) for _ in range(bag_count)])


def test_the_shares_of_the_four_types_are_those_of_the_settings() -> None:
    given = {"active_share": 0.2, "inactive_share": 0.3}
    expected = {
        "negative": (0.7, 0.3, 0, 0),
        "positive": (0.8 * 0.7, 0.8 * 0.3, 0.1, 0.1),
        "healthy": (1, 0, 0, 0),
        "inactive": (0.7, 0.3, 0, 0),
        "focal": (0.8 * 0.7, 0.8 * 0.3, 0.2, 0),
        "diffuse": (0.8 * 0.7, 0.8 * 0.3, 0.1, 0.1),
    }
    for label, shares in expected.items():
        found = np.bincount(kinds_of(label, **given).ravel(), minlength=4) / 400 / 100
        assert np.allclose(found, shares, atol=0.01), label


def test_active_digits_are_a_tenth_of_a_positive_bag_and_their_number_varies_as_by_lot() -> None:
    counts = (kinds_of("positive") >= FOCAL).sum(axis=1)
    assert counts.mean() == pytest.approx(10, abs=0.5)
    assert counts.var() == pytest.approx(100 * 0.1 * 0.9, rel=0.25)


def test_the_place_in_a_bag_tells_nothing() -> None:
    at = np.nonzero(kinds_of("diffuse") >= FOCAL)[1]
    assert stats.chisquare(np.bincount(at, minlength=100)).pvalue > 1e-3
    alone = np.nonzero(kinds_of("inactive", inactive_share=0) == INACTIVE)[1]
    assert stats.chisquare(np.bincount(alone, minlength=100)).pvalue > 1e-3


def test_the_auxiliary_label_says_whether_the_final_digit_is_in_several_parts(mnist: Mapping[str, Path]) -> None:
    (bag,) = bags(mnist, "train", 1, first=1, size=60)
    found = [ndimage.label(patch[0] >= 128, np.ones((3, 3)))[1] for patch in bag.patches]
    assert np.array_equal(bag.auxiliary["components"], np.greater(found, 1))
    assert bag.auxiliary["components"].dtype == np.uint8
    assert layout(settings()).tasks[0].classes == ("one", "several")
    broken = bag.instance_label == INACTIVE
    assert bag.auxiliary["components"][broken].mean() > 0.9
    assert bag.auxiliary["components"][~broken].mean() < 0.1


def test_no_split_has_digits_of_another_and_no_bag_one_twice(
    mnist: Mapping[str, Path], drawn: dict[str, np.ndarray]
) -> None:
    plain = {split: {reduce(enlarge(image)).tobytes() for image in images} for split, images in drawn.items()}
    for split in SPLITS:
        healthy = bags(mnist, split, 1, task="four", size=30)[0]
        found = [patch.tobytes() for patch in healthy.patches]
        assert set(found) <= plain[split]
        assert split == "validation" or len(set(found)) == 30  # which repeats its few strokes in this file


def test_a_bag_of_more_digits_than_there_are_is_refused(mnist: Mapping[str, Path]) -> None:
    with pytest.raises(ConfigError, match="split test has 90 digits, but bags of 91"):
        bags(mnist, "test", 1, size=91)


def test_bags_are_as_their_layout_says(mnist: Mapping[str, Path]) -> None:
    expected, (bag,) = layout(settings()), bags(mnist, "train", 1)
    assert bag.patches.shape == (20, *expected.shape)
    assert bag.patches.dtype == expected.dtype
    assert set(bag.auxiliary) == {task.name for task in expected.tasks}
    assert expected.instance_classes == INSTANCE_CLASSES


def test_each_type_is_drawn_as_its_name_says() -> None:
    given, rng = settings(), np.random.default_rng(0)
    by_kind = [[draw_digit(image, kind, given, rng) for image in strokes(30, 20)] for kind in range(4)]
    mass = [np.mean([image.sum() / 255 for image in images]) for images in by_kind]
    assert mass[INACTIVE] < mass[HEALTHY] < mass[FOCAL] < mass[DIFFUSE]
    whole = [[components(image) for image in images] for images in by_kind]
    assert min(whole[INACTIVE]) > 1
    assert {*whole[HEALTHY], *whole[FOCAL], *whole[DIFFUSE]} == {1}


@pytest.mark.parametrize(
    ("kind", "name", "little", "much"),
    [
        (INACTIVE, "fractures", [1, 1], [6, 6]),
        (DIFFUSE, "thickening", [0.2, 0.2], [2, 2]),
        (FOCAL, "swelling_strength", [1, 1], [6, 6]),
        (FOCAL, "swelling_radius", [3, 3], [10, 10]),
        (DIFFUSE, "swelling_radius", [3, 3], [10, 10]),
    ],
)
def test_every_magnitude_is_drawn_from_the_range_in_the_settings(
    kind: int, name: str, little: list[float], much: list[float]
) -> None:
    image = strokes(1, 20)[0]
    plain = reduce(enlarge(image)).astype(float)

    def change(ends: list[float]) -> list[float]:
        rng = np.random.default_rng(0)
        given = settings(**{name: ends})
        return [np.abs(draw_digit(image, kind, given, rng) - plain).sum() for _ in range(20)]

    between = [little[0], much[0]]
    assert np.mean(change(little)) < np.mean(change(between)) < np.mean(change(much))
    assert change(between) == change(between[::-1])
