"""The simulated blood cells: patients like the published aggregates, and a look that can be seen and switched off."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from marrow.bags.bag import Bag
from marrow.datasets.blood import classes, layout, make_bags
from marrow.datasets.blood_cells.cells import draw_cells
from marrow.datasets.blood_cells.painter import LAMP, draw_stain, paint_cells
from marrow.datasets.blood_cells.patients import Patient, draw_patient, draw_share, patient_label
from marrow.planning.config import complete, find_problems, read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY

SCHEMA = settings_schema("blood", read_schema(REPOSITORY / "schemas/datasets/blood.yaml"))
SIZES = {"train": (142, 44), "validation": (21, 6), "test": (42, 13)}


def settings(**given: Any) -> Mapping[str, Any]:
    return complete({"kind": "blood", **given}, SCHEMA)


def bags(split: str, count: int, first: int = 0, **given: Any) -> list[Bag]:
    return list(make_bags(settings(**given), {}, split, first, count))


@cache
def patients(label: str) -> list[Patient]:
    rng = np.random.default_rng(5)
    return [draw_patient(rng, label) for _ in range(8000)]


def drawn(label: str, name: str) -> np.ndarray:
    return np.array([getattr(patient, name) for patient in patients(label)])


@pytest.mark.parametrize(("label", "mean", "std"), [("reactive", 54.3, 19.6), ("tumoral", 75.2, 12.0)])
def test_ages_have_the_published_mean_and_spread_between_plausible_bounds(label: str, mean: float, std: float) -> None:
    ages = drawn(label, "age")
    assert ages.mean() == pytest.approx(mean, abs=0.8)
    assert ages.std() == pytest.approx(std, rel=0.03)
    assert ages.min() >= 18
    assert ages.max() <= 100


def test_lymphocyte_counts_have_the_published_quantiles() -> None:
    reactive, tumoral = drawn("reactive", "lymphocyte_count"), drawn("tumoral", "lymphocyte_count")
    assert np.quantile(reactive, [0.25, 0.5, 0.75]) == pytest.approx([4.2, 4.5, 5.7], rel=0.03)
    assert np.quantile(tumoral, [0.25, 0.5, 0.75]) == pytest.approx([6.9, 12.4, 31.1], rel=0.06)
    assert np.quantile(tumoral, 0.95) == pytest.approx(153, rel=0.15)
    assert np.log(tumoral).mean() == pytest.approx(2.85, abs=0.05)
    assert np.log(tumoral).std() == pytest.approx(1.12, abs=0.05)
    assert min(reactive.min(), tumoral.min()) > 4  # below is no lymphocytosis


@pytest.mark.parametrize("label", ["reactive", "tumoral"])
def test_age_count_and_images_are_uncorrelated_within_a_class(label: str) -> None:
    table = [drawn(label, "age"), np.log(drawn(label, "lymphocyte_count")), drawn(label, "images")]
    assert np.abs(np.corrcoef(table) - np.eye(3)).max() < 0.05


def test_patients_have_as_many_images_as_published() -> None:
    for label in classes({}):
        images = drawn(label, "images")
        assert images.mean() == pytest.approx(82, abs=1.5)
        assert images.std() == pytest.approx(45, rel=0.03)
        assert images.min() == 16
        assert images.max() <= 198


def test_splits_have_the_published_sizes_and_shares() -> None:
    default = settings()
    assert not list(find_problems(default, SCHEMA))
    assert [default["training_bags"], default["validation_bags"], default["test_bags"]] == [[142], 21, 42]
    for split, (count, reactive) in SIZES.items():
        labels = [patient_label(split, number) for number in range(count)]
        assert labels[:4] == [bag.label for bag in bags(split, 4, pixels=32)]
        assert labels.count("reactive") == reactive
        assert labels.count("tumoral") == count - reactive
        # Evenly spread, so that any number of patients keeps the share.
        for some in (count // 3, count // 2):
            assert abs(labels[:some].count("reactive") - some * reactive / count) < 1


def test_the_share_of_tumoral_looks_is_the_setting_and_varies_between_patients() -> None:
    rng = np.random.default_rng(2)
    for mean in (0.05, 0.5):
        shares = [draw_share(rng, mean) for _ in range(4000)]
        assert np.mean(shares) == pytest.approx(mean, abs=0.01)
        assert np.std(shares) > mean / 5
    found = bags("train", 20, pixels=32, tumoral_looks={"tumoral": 0.3, "reactive": 0})
    tumoral = [bag.instance_label.mean() for bag in found if bag.label == "tumoral"]
    assert np.mean(tumoral) == pytest.approx(0.3, abs=0.12)
    assert not any(bag.instance_label.any() for bag in found if bag.label == "reactive")


def test_every_tumoral_patient_has_a_cell_that_shows_it() -> None:
    for bag in bags("train", 15, pixels=32, tumoral_looks={"tumoral": 0.001, "reactive": 0}):
        assert bag.instance_label.any() == (bag.label == "tumoral")


def test_a_patient_depends_on_the_split_and_the_number_alone() -> None:
    many, alone = bags("train", 5, pixels=32), bags("train", 1, first=3, pixels=32)[0]
    assert alone.bag == "train-00003"
    assert np.array_equal(alone.patches, many[3].patches)
    assert alone.attributes == many[3].attributes
    ages = {bag.attributes["age"] for bag in (*many, *bags("test", 5, pixels=32), *bags("train", 5, pixels=32, seed=1))}
    assert len(ages) > 12


def test_the_size_of_the_picture_changes_no_patient() -> None:
    small, large = bags("test", 1, pixels=32)[0], bags("test", 1, pixels=64)[0]
    assert small.attributes == large.attributes
    assert np.array_equal(small.instance_label, large.instance_label)
    halved = large.patches.reshape(len(large), 3, 32, 2, 32, 2).mean(axis=(3, 5))
    assert np.corrcoef(halved[:, :, 8:24, 8:24].ravel(), small.patches[:, :, 8:24, 8:24].ravel())[0, 1] > 0.75


def test_it_is_named_a_simulation_wherever_it_shows() -> None:
    said, bag = layout(settings()), bags("test", 1)[0]
    assert all("simulated" in channel for channel in said.channels)
    assert "simulated" in said.instance_label
    assert bag.patient.startswith("simulated")
    declared = read_schema(REPOSITORY / "schemas/datasets/blood.yaml")
    assert "Simulated" in declared["title"]
    assert "simulation" in declared["description"]


def test_pictures_are_as_the_layout_says_and_coloured_like_the_published_ones() -> None:
    found = bags("train", 12)
    for bag in found:
        assert bag.patches.shape[1:] == layout(settings()).shape == (3, 56, 56)
        assert bag.patches.dtype == bag.instance_label.dtype == np.uint8
        assert set(bag.attributes) == {"age", "lymphocyte_count"}
    mean = np.concatenate([bag.patches for bag in found]).mean(axis=(0, 2, 3))
    assert mean == pytest.approx([209.15, 178.79, 179.65], abs=10)


def test_slides_are_stained_differently() -> None:
    colours = [bag.patches.mean(axis=(2, 3)) for bag in bags("train", 12, pixels=32)]
    means = np.array([pictures.mean(axis=0) for pictures in colours])
    within = np.array([pictures.std(axis=0) / np.sqrt(len(pictures)) for pictures in colours])
    assert (means.std(axis=0) > 2 * within.mean(axis=0)).all()


@cache
def pictures(tumoral: bool, distinctness: float, count: int = 300) -> np.ndarray:
    """Cells of one look, each on a slide of its own."""
    rng = np.random.default_rng([7, tumoral])
    cells = draw_cells(rng, np.full(count, tumoral), distinctness)
    return np.concatenate(
        [paint_cells(rng, cells[index : index + 1], draw_stain(rng), 56) for index in range(count)]
    ).astype(float)


def measured(found: np.ndarray) -> np.ndarray:
    """What a picture shows: size of the nucleus, its share of the cell, how dark and how even it is: (cells, 4)."""
    absorbed = -np.log(np.clip(found[:, 0], 1, None) / LAMP[0])
    middle = np.hypot(*(np.indices((56, 56)) - 27.5)) < 18
    nucleus, cell = (absorbed > 0.35) & middle, (absorbed > 0.15) & middle
    dark = np.where(nucleus, absorbed, np.nan)
    return np.stack(
        [
            nucleus.sum(axis=(1, 2)),
            nucleus.sum(axis=(1, 2)) / cell.sum(axis=(1, 2)),
            np.nanmean(dark, axis=(1, 2)),
            np.nanstd(dark, axis=(1, 2)),
        ],
        axis=1,
    )


def discriminated(one: np.ndarray, other: np.ndarray) -> float:
    """AUC of the linear discriminant of one half of the pictures, in the other half."""
    learn, judge = slice(0, None, 2), slice(1, None, 2)
    within = np.cov(one[learn].T) + np.cov(other[learn].T)
    axis = np.linalg.solve(within, other[learn].mean(axis=0) - one[learn].mean(axis=0))
    differences = (other[judge] @ axis)[:, np.newaxis] - one[judge] @ axis
    return float(np.mean(differences > 0))


def test_the_tumoral_look_can_be_seen_and_goes_with_distinctness() -> None:
    ordinary = measured(pictures(False, 1))
    seen = {
        distinctness: discriminated(ordinary, measured(pictures(True, distinctness))) for distinctness in (0, 0.5, 1)
    }
    assert seen[1] > 0.9
    assert seen[0] == pytest.approx(0.5, abs=0.08)
    assert seen[0] < seen[0.5] < seen[1]


def test_a_tumoral_nucleus_fills_more_of_the_cell_and_is_paler() -> None:
    ordinary, tumoral = measured(pictures(False, 1)).mean(axis=0), measured(pictures(True, 1)).mean(axis=0)
    assert tumoral[1] > ordinary[1] + 0.06
    assert tumoral[2] < 0.95 * ordinary[2]


def test_a_stronger_stain_is_a_darker_picture_of_the_same_cell() -> None:
    cells = draw_cells(np.random.default_rng(0), np.zeros(20, dtype=bool), 1)
    stain = draw_stain(np.random.default_rng(1))
    weak, strong = (
        paint_cells(np.random.default_rng(2), cells, replace(stain, absorbance=stain.absorbance * factor), 56).astype(
            float
        )
        for factor in (0.8, 1.2)
    )
    lamp = stain.lamp[:, np.newaxis, np.newaxis]
    clear = strong > 15
    ratio = np.log(np.clip(strong, 1, None) / lamp)[clear].sum() / np.log(np.clip(weak, 1, None) / lamp)[clear].sum()
    assert ratio == pytest.approx(1.5, rel=0.02)


def test_pictures_do_not_depend_on_how_many_chunks_they_are_painted_in() -> None:
    """A cell's numbers are its own: those of another chunk touch it through the stream of chance alone."""
    cells = draw_cells(np.random.default_rng(0), np.zeros(40, dtype=bool), 1)
    stain = draw_stain(np.random.default_rng(1))
    whole = paint_cells(np.random.default_rng(2), cells, stain, 40)
    first = paint_cells(np.random.default_rng(2), cells[:16], stain, 40)
    assert whole.shape == (40, 3, 40, 40)
    assert np.array_equal(whole[:16], first)
