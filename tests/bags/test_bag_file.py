"""Bag files and the digests of their content."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marrow.bags import patch_column
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.digest import bag_digest
from marrow.bags.file import read_bags, read_header, write_bags
from marrow.bags.patch_column import read_patches
from marrow.errors import MarrowError

fixed = settings(max_examples=40)

BONE = Task("bone", ("background", "left", "right"), (0, 2, 1))
LAYOUT = Layout(
    (2, 4, 5, 6),
    "float16",
    margin=1,
    channels=("b900", "fat"),
    spacing_mm=2.0,
    tasks=(BONE, Task("height")),
    instance_label="share of lesion",
)
AFFINE = ((-2.0, 0.1, 0.0, 30.25), (0.0, 2.0, 0.0, -7.0), (0.0, 0.0, 2.0, 1e-7), (0.0, 0.0, 0.0, 1.0))


def made_bag(name: str = "scan-1", instances: int = 7, seed: int = 0, layout: Layout = LAYOUT) -> Bag:
    chance = np.random.default_rng(seed)
    tasks: dict[str, Any] = {"bone": chance.integers(0, 3, instances).astype(np.uint8)}
    tasks["height"] = chance.random(instances, np.float32)
    return Bag(
        bag=name,
        patches=(100 * chance.standard_normal((instances, *layout.shape))).astype(layout.dtype),
        patient="P1",
        split="train",
        label="focal",
        affine=AFFINE,
        corners=chance.integers(0, 300, (instances, 3)).astype(np.int16),
        auxiliary=tasks,
        described={"bone_fraction": chance.random(instances, np.float32)},
        instance_label=chance.random(instances, np.float32),
        attributes={"age": 61.0, "ratio": 0.1, "sex": "f"},
    )


def plain_bag(patches: np.ndarray, name: str = "train-00000") -> Bag:
    return Bag(bag=name, patches=patches, split="train", label="yes")


def assert_same(found: Bag, bag: Bag) -> None:
    for name in ("bag", "patient", "split", "label", "affine"):
        assert getattr(found, name) == getattr(bag, name)
    assert dict(found.attributes) == dict(bag.attributes)
    assert [type(value) for value in found.attributes.values()] == [type(value) for value in bag.attributes.values()]
    for pair in ((found.auxiliary, bag.auxiliary), (found.described, bag.described)):
        assert set(pair[0]) == set(pair[1])
        assert all(np.array_equal(pair[0][name], pair[1][name]) for name in pair[1])
        assert all(pair[0][name].dtype == pair[1][name].dtype for name in pair[1])
    for name in ("patches", "corners", "instance_label"):
        one, other = getattr(found, name), getattr(bag, name)
        assert (one is None) == (other is None)
        assert one is None or (np.array_equal(one, other) and one.dtype == other.dtype)


@fixed
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    dtype=st.sampled_from(["float16", "float32", "uint8"]),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_bags_of_any_shape_come_back_as_they_were(tmp_path_factory, shape, dtype, sizes, seed):
    layout = Layout(shape, dtype)
    chance = np.random.default_rng(seed)
    bags = [
        plain_bag((50 * chance.random((size, *shape))).astype(dtype), f"b-{number}")
        for number, size in enumerate(sizes)
    ]
    path = tmp_path_factory.mktemp("bags") / "bags.parquet"
    write_bags(bags, layout, path)
    found_layout, found = read_bags(path)
    assert found_layout == layout
    for one, other in zip(found, bags, strict=True):
        assert_same(one, other)


def test_everything_that_a_bag_says_comes_back(tmp_path):
    bags = [made_bag("a", 7, 1), made_bag("b", 3, 2)]
    write_bags(iter(bags), LAYOUT, tmp_path / "x.parquet")
    layout, found = read_bags(tmp_path / "x.parquet")
    assert layout == LAYOUT
    for one, other in zip(found, bags, strict=True):
        assert_same(one, other)
    header = read_header(tmp_path / "x.parquet")
    assert header.layout == LAYOUT
    assert [(bag.bag, bag.instances, bag.affine) for bag in header.bags] == [("a", 7, AFFINE), ("b", 3, AFFINE)]


def test_the_same_bags_give_the_same_bytes(tmp_path):
    for name in ("one.parquet", "two.parquet"):
        write_bags([made_bag("a"), made_bag("b", 3)], LAYOUT, tmp_path / name)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_order_of_attributes_and_descriptions_changes_no_byte(tmp_path):
    bag = made_bag()
    wide = replace(bag, described={"a": bag.described["bone_fraction"], "b": bag.auxiliary["height"]})
    turned = replace(
        wide,
        described=dict(reversed(wide.described.items())),
        attributes=dict(reversed(bag.attributes.items())),
        auxiliary=dict(reversed(bag.auxiliary.items())),
    )
    write_bags([wide], LAYOUT, tmp_path / "one.parquet")
    write_bags([turned], LAYOUT, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert bag_digest(wide, LAYOUT) == bag_digest(turned, LAYOUT)


def test_patches_lie_plain_in_one_row_group_per_bag(tmp_path):
    bags = [made_bag("a", 7, 1), made_bag("b", 3, 2)]
    path = tmp_path / "x.parquet"
    write_bags(bags, LAYOUT, path)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [7, 3]
    chunk = metadata.row_group(0).column(metadata.schema.names.index("patch"))
    assert chunk.compression == "UNCOMPRESSED"
    assert not chunk.has_dictionary_page
    assert not chunk.is_stats_set
    assert metadata.schema.column(metadata.schema.names.index("patch")).physical_type == "FIXED_LEN_BYTE_ARRAY"
    assert all(bag.patches.tobytes() in path.read_bytes() for bag in bags)


def test_the_header_is_canonical_json(tmp_path):
    write_bags([made_bag()], LAYOUT, tmp_path / "x.parquet")
    text = pq.read_metadata(tmp_path / "x.parquet").metadata[b"marrow"].decode()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert json.loads(text)["schema_version"] == 1


def test_pandas_and_polars_read_patches(tmp_path):
    bag = made_bag()
    write_bags([bag], LAYOUT, tmp_path / "x.parquet")
    for patches in (pd.read_parquet(tmp_path / "x.parquet")["patch"], pl.read_parquet(tmp_path / "x.parquet")["patch"]):
        found = np.stack([np.frombuffer(patch, "<f2").reshape(LAYOUT.shape) for patch in patches])
        assert np.array_equal(found, bag.patches)


def changed(bag: Bag, **values: Any) -> tuple[Bag, Layout]:
    return replace(bag, **values), LAYOUT


def nudged(values: Any) -> np.ndarray:
    other = np.array(values)
    other.flat[-1] += 1
    return other


CONTENT: dict[str, Callable[[Bag], tuple[Bag, Layout]]] = {
    "patch": lambda bag: changed(bag, patches=nudged(bag.patches)),
    "order": lambda bag: changed(bag, patches=bag.patches[::-1]),
    "corner": lambda bag: changed(bag, corners=nudged(bag.corners)),
    "no corners": lambda bag: changed(bag, corners=None),
    "task": lambda bag: changed(bag, auxiliary={**bag.auxiliary, "height": nudged(bag.auxiliary["height"])}),
    "description": lambda bag: changed(bag, described={"bone_fraction": nudged(bag.described["bone_fraction"])}),
    "name": lambda bag: changed(bag, described={"share": bag.described["bone_fraction"]}),
    "instance label": lambda bag: changed(bag, instance_label=nudged(bag.instance_label)),
    "no instance label": lambda bag: changed(bag, instance_label=None),
    "affine": lambda bag: changed(bag, affine=((-2.0, 0.1, 0.0, 30.5), *AFFINE[1:])),
    "margin": lambda bag: (bag, replace(LAYOUT, margin=0)),
    "channels": lambda bag: (bag, replace(LAYOUT, channels=("fat", "b900"))),
    "mirror": lambda bag: (bag, replace(LAYOUT, tasks=(replace(BONE, mirror=(0, 1, 2)), Task("height")))),
    "shape": lambda bag: (
        replace(bag, patches=bag.patches.reshape(-1, 4, 2, 5, 6)),
        replace(LAYOUT, shape=(4, 2, 5, 6)),
    ),
}


@pytest.mark.parametrize("what", CONTENT)
def test_the_digest_changes_with_the_content(what):
    assert bag_digest(*CONTENT[what](made_bag())) != bag_digest(made_bag(), LAYOUT)


def test_the_digest_does_not_change_with_what_the_manifest_holds():
    bag = made_bag()
    other = replace(bag, bag="x", patient="P9", split="test", label="diffuse", attributes={})
    assert bag_digest(other, LAYOUT) == bag_digest(bag, LAYOUT)


def test_the_digest_is_that_of_layout_affine_and_bytes():
    bag = plain_bag(np.arange(6, dtype=np.float32).reshape(3, 2))
    layout = Layout((2,), "float32")
    about = {"layout": asdict(layout), "affine": None, "arrays": [["patch", "<f4", [3, 2]]]}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    assert bag_digest(bag, layout) == hashlib.sha256(text.encode() + bag.patches.tobytes()).hexdigest()


def test_the_digest_survives_a_file_and_another_writer(tmp_path):
    bag = made_bag()
    write_bags([bag], LAYOUT, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    metadata = pq.read_metadata(tmp_path / "x.parquet").metadata
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "y.parquet", compression="zstd", version="1.0")
    for name in ("x.parquet", "y.parquet"):
        layout, (found,) = read_bags(tmp_path / name)
        assert bag_digest(found, layout) == bag_digest(bag, LAYOUT)


@pytest.mark.parametrize("wanted", ["float16", "float32"])
@pytest.mark.parametrize("writer", ["marrow", "compressed", "dictionary", "nullable", "pages"])
def test_patches_are_read_into_place_from_any_writer(tmp_path, monkeypatch, writer, wanted):
    monkeypatch.setattr(patch_column, "BLOCK", 500)  # so that a conversion takes several blocks, the last one cut
    bags = [made_bag("a", 7, 1), made_bag("b", 300, 2)]
    path = tmp_path / "x.parquet"
    write_bags(bags, LAYOUT, path)
    if writer != "marrow":
        table, metadata = pq.read_table(path), pq.read_metadata(path).metadata
        schema = pa.schema([field.with_nullable(writer == "nullable") for field in table.schema], metadata)
        options: dict[str, Any] = {"compression": "none", "use_dictionary": writer == "dictionary"}
        if writer == "compressed":
            options["compression"] = "zstd"
        if writer == "pages":
            options |= {"data_page_size": 1000, "write_batch_size": 2}
        with pq.ParquetWriter(path, schema, **options) as out:
            out.write_table(table.slice(0, 7).cast(schema))
            out.write_table(table.slice(7).cast(schema))
    direct = []
    monkeypatch.setattr(
        patch_column, "_read", lambda *given, read=patch_column._read: direct.append(given) or read(*given)
    )
    with pq.ParquetFile(path) as file, path.open("rb", buffering=0) as stream:
        for group, bag in enumerate(bags):
            into = np.zeros(bag.patches.shape, wanted)
            read_patches(file, stream, group, LAYOUT, into)
            assert np.array_equal(into, bag.patches.astype(wanted))
    assert direct or writer != "marrow"


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The same file with a header that was changed."""
    table = pq.read_table(path)
    entry = json.loads(pq.read_metadata(path).metadata[b"marrow"])
    change(entry)
    pq.write_table(table.replace_schema_metadata({b"marrow": json.dumps(entry).encode()}), path)


def test_another_schema_version_is_refused(tmp_path):
    write_bags([made_bag()], LAYOUT, tmp_path / "x.parquet")
    rewritten(tmp_path / "x.parquet", lambda entry: entry.update(schema_version=7))
    with pytest.raises(MarrowError, match=r"x\.parquet: .*schema version 7.*reads version 1; run the workflow"):
        read_bags(tmp_path / "x.parquet")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99, 0.9999])
def test_a_truncated_file_is_told_by_name(tmp_path, share):
    path = tmp_path / "x.parquet"
    write_bags([made_bag()], LAYOUT, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(MarrowError, match=r"x\.parquet: not a Parquet file of bags, or cut off"):
        read_header(path)


def test_foreign_and_missing_files_are_told_by_name(tmp_path):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "foreign.parquet")
    (tmp_path / "text.parquet").write_text("not at all Parquet, but long enough to look for a footer")
    with pytest.raises(MarrowError, match=r"foreign\.parquet: a Parquet file, but no bag file"):
        read_bags(tmp_path / "foreign.parquet")
    with pytest.raises(MarrowError, match=r"text\.parquet: not a Parquet file"):
        read_bags(tmp_path / "text.parquet")
    with pytest.raises(MarrowError, match=r"gone\.parquet: the file is missing"):
        read_bags(tmp_path / "gone.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry["bags"][0].update(instances=3), "row groups are not the bags"),
        (lambda entry: entry["bags"].append(entry["bags"][0]), "row groups are not the bags"),
        (lambda entry: entry["layout"].update(shape=[1]), "patches of 480 bytes, and the header says 2"),
        (lambda entry: entry.pop("layout"), "not a Parquet file of bags"),
    ],
)
def test_a_header_that_does_not_fit_its_columns_is_refused(tmp_path, change, message):
    write_bags([made_bag()], LAYOUT, tmp_path / "x.parquet")
    rewritten(tmp_path / "x.parquet", change)
    with pytest.raises(MarrowError, match=message):
        read_bags(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bag": "../x"}, "its id must be"),
        ({"patches": np.zeros((0, *LAYOUT.shape), np.float16)}, "no instances"),
        ({"patches": np.zeros((7, 1, 4, 5, 6), np.float16)}, "layout says float16"),
        ({"patches": np.zeros((7, *LAYOUT.shape), np.float32)}, "layout says float16"),
        ({"patches": np.full((7, *LAYOUT.shape), np.inf, np.float16)}, "no finite number in float16"),
        ({"affine": AFFINE[:3]}, "give 4 x 4"),
        ({"auxiliary": {"bone": np.zeros(7, np.uint8)}}, "its auxiliary tasks are"),
        ({"auxiliary": {"bone": np.full(7, 3, np.uint8), "height": np.zeros(7, np.float32)}}, "bone has class 3"),
        ({"auxiliary": {"bone": np.zeros(7, np.int64), "height": np.zeros(7, np.float32)}}, "stored as uint8"),
        ({"described": {"patch": np.zeros(7, np.float32)}}, "column patch has another meaning"),
        ({"described": {"bone": np.zeros(7, np.float32)}}, "column bone has another meaning"),
        ({"described": {"share": np.zeros(6, np.float32)}}, "share has the shape"),
        ({"described": {"share": np.full(7, np.nan, np.float32)}}, "share holds a value"),
        ({"corners": np.zeros((7, 2), np.int16)}, "its corners have the shape"),
        ({"corners": np.full((7, 3), 40000)}, "whole number that int16 holds"),
        ({"label": "x"}, "its label is 'x', and the classes are healthy, focal"),
        ({"instance_label": np.zeros(7, np.int64)}, "its instance labels are int64"),
    ],
)
def test_a_bag_that_does_not_fit_its_layout_is_refused_by_name(tmp_path, values, message):
    bag = replace(made_bag(), **values)
    with pytest.raises(MarrowError, match=message) as refused:
        write_bags([made_bag("first"), bag], replace(LAYOUT, classes=("healthy", "focal")), tmp_path / "x.parquet")
    assert repr(bag.bag) in str(refused.value)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (replace(LAYOUT, dtype="int16"), "stored as int16"),
        (replace(LAYOUT, shape=(2, 0, 5, 6)), "at least one entry"),
        (replace(LAYOUT, tasks=(replace(BONE, mirror=(0, 1, 1)),)), "task bone has 3 classes and mirrors"),
    ],
)
def test_a_layout_that_no_file_can_hold_is_refused(tmp_path, layout, message):
    with pytest.raises(MarrowError, match=message):
        write_bags([made_bag()], layout, tmp_path / "x.parquet")


def test_files_without_bags_with_one_id_twice_or_with_other_columns_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    with pytest.raises(MarrowError, match="no bags to write"):
        write_bags([], LAYOUT, path)
    with pytest.raises(MarrowError, match="two bags are called a"):
        write_bags([made_bag("a"), made_bag("a")], LAYOUT, path)
    with pytest.raises(MarrowError, match="'a': it has instance labels, and the layout does not say"):
        write_bags([made_bag("a")], replace(LAYOUT, instance_label=""), path)
    with pytest.raises(MarrowError, match="bag b has the columns instance"):
        write_bags([made_bag("a"), replace(made_bag("b"), described={})], LAYOUT, path)
