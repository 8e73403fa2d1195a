"""Mosaics of digits: where the digits lie, which mosaics are positive, and how many targets they have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marrow.bags.bag import Bag
from marrow.datasets.mosaics import classes, layout, make_bags
from marrow.datasets.sources.mnist import read_mnist
from marrow.errors import ConfigError
from marrow.planning.config import complete, find_problems, read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY
from small_mnist import origin, write_small_mnist

SCHEMA = settings_schema("mosaics", read_schema(REPOSITORY / "schemas/datasets/mosaics.yaml"))


def settings(**given: Any) -> Mapping[str, Any]:
    return complete({"kind": "mosaics", **given}, SCHEMA)


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return {"mnist": write_small_mnist(tmp_path_factory.mktemp("mnist"))}


def mosaics(mnist: Mapping[str, Path], split: str, count: int, first: int = 0, **given: Any) -> list[Bag]:
    return list(make_bags(settings(**given), mnist, split, first, count))


def test_four_hundred_digits_tile_the_mosaic_once_row_by_row(mnist: Mapping[str, Path]) -> None:
    mosaic = mosaics(mnist, "train", 1)[0]
    assert mosaic.patches.shape == (400, *layout(settings()).shape)
    assert mosaic.corners.dtype == np.int16
    picture = np.zeros((560, 560), np.uint8)
    covered = np.zeros((560, 560), int)
    for (i, j, k), patch in zip(mosaic.corners, mosaic.patches[:, 0], strict=True):
        assert k == 0
        picture[j : j + 28, i : i + 28] = patch
        covered[j : j + 28, i : i + 28] += 1
    assert (covered == 1).all()
    assert np.array_equal(picture.reshape(20, 28, 20, 28).swapaxes(1, 2).reshape(400, 28, 28), mosaic.patches[:, 0])


def test_half_of_the_mosaics_contain_the_target_and_are_called_after_it(mnist: Mapping[str, Path]) -> None:
    for target, side, share in ((9, 20, None), (2, 3, 0.001), (2, 3, None)):
        found = mosaics(mnist, "train", 20, target=target, side=side, share=share)
        for mosaic in found:
            assert mosaic.label == (str(target) if target in mosaic.instance_label else "none")
        assert [mosaic.label for mosaic in found] == [str(target), "none"] * 10
        assert set(classes(settings(target=target))) == {"none", str(target)}


@pytest.mark.parametrize("share", [None, 0.02, 0.5])
def test_targets_have_their_natural_share_or_the_given_one(mnist: Mapping[str, Path], share: float | None) -> None:
    positive = mosaics(mnist, "test", 60, share=share)[::2]
    found = np.mean([mosaic.instance_label == 9 for mosaic in positive])
    expected = np.mean(read_mnist(mnist["mnist"], "test")[1] == 9) if share is None else share
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / (30 * 400)))


def test_negative_mosaics_draw_from_all_other_digits(mnist: Mapping[str, Path]) -> None:
    labels = np.concatenate([mosaic.instance_label for mosaic in mosaics(mnist, "train", 20)[1::2]])
    assert sorted(set(labels.tolist())) == list(range(9))


def test_no_digit_comes_twice_and_none_serves_two_splits(mnist: Mapping[str, Path]) -> None:
    for split, low, high in (("train", 0, 2000), ("validation", 2000, 12000), ("test", 0, 3000)):
        images, labels = read_mnist(mnist["mnist"], "test" if split == "test" else "train")
        for mosaic in mosaics(mnist, split, 3):
            _, number = origin(mosaic.patches)
            assert len(np.unique(number)) == 400
            assert low <= number.min() < low + 100
            assert high - 200 < number.max() < high
            assert np.array_equal(mosaic.patches[:, 0], images[number])
            assert np.array_equal(mosaic.instance_label, labels[number])


def test_a_mosaic_depends_on_its_split_and_number_alone(mnist: Mapping[str, Path]) -> None:
    many = mosaics(mnist, "train", 6)
    alone = mosaics(mnist, "train", 1, first=4)[0]
    assert alone.bag == many[4].bag == "train-00004"
    assert np.array_equal(alone.patches, many[4].patches)
    assert not np.array_equal(many[2].patches, many[4].patches)
    assert not np.array_equal(mosaics(mnist, "train", 1, seed=1)[0].patches, many[0].patches)


def test_a_target_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="split test have no 5"):
        mosaics({"mnist": write_small_mnist(tmp_path, without=5)}, "test", 1, target=5)


def test_the_defaults_are_mosaics_of_four_hundred_digits_about_nines() -> None:
    default = settings()
    assert not list(find_problems(default, SCHEMA))
    assert default["side"] ** 2 == 400
    assert default["target"] == 9
    assert default["share"] is None
