"""Classical tables as bags."""

from pathlib import Path

import jsonschema
import numpy as np
import pytest

from marrow.datasets import classical
from marrow.datasets.sources import catalogue
from marrow.datasets.sources.catalogue import TABLES, Extent
from marrow.errors import ConfigError
from marrow.planning.config import read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY
from shared_data import shared_data

SCHEMA = settings_schema("classical", read_schema(REPOSITORY / "schemas/datasets/classical.yaml"))
FEATURES = np.random.default_rng(1).normal(100, 7, size=(6, 2))
BAG = np.array([0, 1, 0, 2, 1, 1])


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setitem(catalogue.TABLES, "tiger", Extent(bags=3, instances=6, features=2))
    np.savez(tmp_path / "tiger.npz", X=FEATURES, bag=BAG, y=np.array([1, 0, 1]))
    return {"tiger": tmp_path / "tiger.npz"}


def test_every_bag_has_its_own_rows_unscaled_and_in_order(sources: dict[str, Path]) -> None:
    settings = {"table": "tiger"}
    bags = list(classical.make_bags(settings, sources, "all", 0, 1000))
    assert [(bag.bag, bag.label, bag.split) for bag in bags] == [
        ("bag-000", "positive", "all"),
        ("bag-001", "negative", "all"),
        ("bag-002", "positive", "all"),
    ]
    for bag, rows in zip(bags, ([0, 2], [1, 4, 5], [3]), strict=True):
        assert np.array_equal(bag.patches, FEATURES[rows].astype(np.float32))
        assert bag.patches.dtype == classical.layout(settings).dtype
        assert bag.patches.shape[1:] == classical.layout(settings).shape
        assert bag.instance_label is None


def test_a_part_of_the_bags_is_the_same_bags(sources: dict[str, Path]) -> None:
    whole = list(classical.make_bags({"table": "tiger"}, sources, "all", 0, 3))
    part = list(classical.make_bags({"table": "tiger"}, sources, "all", 1, 1))
    assert [bag.bag for bag in part] == ["bag-001"]
    assert np.array_equal(part[0].patches, whole[1].patches)


def test_a_table_has_no_split_but_all(sources: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="split 'train' was asked for"):
        list(classical.make_bags({"table": "tiger"}, sources, "train", 0, 3))


@pytest.mark.parametrize("table", TABLES)
def test_the_published_tables_make_their_bags(table: str) -> None:
    settings = {"table": table}
    bags = list(classical.make_bags(settings, {table: shared_data("mil_classic")}, "all", 0, 1000))
    assert len(bags) == TABLES[table].bags
    assert sum(map(len, bags)) == TABLES[table].instances
    assert {bag.label for bag in bags} == set(classical.classes(settings))


def test_the_schema_offers_the_tables_and_wants_one() -> None:
    assert SCHEMA["properties"]["table"]["enum"] == list(TABLES)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate({"kind": "classical", "table": "musk1"}, SCHEMA)
    for wrong in ({"kind": "classical"}, {"kind": "classical", "table": "musk3"}, {"kind": "x", "table": "musk1"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
