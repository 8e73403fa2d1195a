"""Manifests: their rows, selections, folds and scales; damage, summary, and bags read into one array."""

import itertools
import json
import logging
import os
import shutil
from collections import Counter
from dataclasses import replace
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

import write_manifest
from marrow.__main__ import main as marrow
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.corpus import read_corpus
from marrow.bags.damage import find_damage
from marrow.bags.digest import bag_digest
from marrow.bags.file import read_bags, write_bags
from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.bags.selection import select
from marrow.bags.summary import main_lines, summary
from marrow.errors import MarrowError, Stopped

fixed = settings(max_examples=40)

LAYOUT = Layout(
    (1, 2, 3),
    "float16",
    spacing_mm=2.0,
    channels=("b900",),
    tasks=(Task("bone", ("none", "femur")),),
    instance_label="share of lesion",
)
TABLE = Layout((3,), "float32", classes=("no", "yes"))
CLASSES = {"non-active": ["healthy", "inactive"], "focal": ["focal"], "diffuse": ["diffuse"]}
LABELS = ("healthy", "inactive", "focal", "diffuse")


def scan_bag(number: int, instances: int = 4) -> Bag:
    chance = np.random.default_rng([1, number])
    return Bag(
        bag=f"scan-{number}",
        patches=chance.standard_normal((instances, *LAYOUT.shape)).astype(np.float16),
        corners=chance.integers(0, 99, (instances, 3)).astype(np.int16),
        auxiliary={"bone": chance.integers(0, 2, instances).astype(np.uint8)},
        described={"bone_fraction": chance.random(instances, np.float32)},
        instance_label=chance.random(instances, np.float32),
    )


def row(number: int, **values: Any) -> dict[str, Any]:
    given = {
        "bag": f"scan-{number}",
        "patient": f"P{number}",
        "split": ("train", "validation", "test")[number % 3],
        "label": LABELS[number % 4],
        "site": "north",
        "attributes": {"age": f"{50 + number}", "sex": "f"},
    }
    return given | values


def scans(folder: Path, count: int = 6) -> list[Path]:
    files = [folder / "bags" / "cohort" / f"scan-{number}.parquet" for number in range(count)]
    files[0].parent.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(files):
        write_bags([scan_bag(number, 4 + number)], LAYOUT, path)
    return files


def written(folder: Path, files: list[Path], **values: Any) -> Manifest:
    path = folder / "manifests" / "cohort.parquet"
    path.parent.mkdir(exist_ok=True)
    given: dict[str, Any] = {
        "dataset": "cohort",
        "classes": CLASSES,
        "rows": [row(number) for number in range(len(files))],
        "selection": {},
    }
    write_manifest.main(bags=files, manifest=path, **(given | values))
    return read_manifest(path)


def generated(folder: Path, counts: dict[str, int], block: int = 3, layout: Layout = TABLE) -> list[Path]:
    """Blocks of bags that say themselves what they are."""
    files: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in counts.items():
        for first in range(0, count, block):
            path = folder / f"{split}-{first:04d}.parquet"
            write_bags((table_bag(split, n, layout) for n in range(first, min(first + block, count))), layout, path)
            files.append(path)
    return files


def table_bag(split: str, number: int, layout: Layout = TABLE) -> Bag:
    chance = np.random.default_rng([2, number])
    features = chance.standard_normal((int(chance.integers(1, 6)), *layout.shape)).astype(np.float32)
    features[:, 0] = 0.1
    return Bag(f"{split}-{number:05d}", features, split=split, label=("no", "yes")[number % 3 == 0])


def entries(labels: list[int], patients: list[int] | None = None) -> list[Entry]:
    owners = patients or list(range(len(labels)))
    return [
        Entry(f"bag-{n:03d}", f"P{owner:03d}", "", label, "x" if label >= 0 else "", "", 1, "x", n, "")
        for n, (label, owner) in enumerate(zip(labels, owners, strict=True))
    ]


# ---- rows


def test_a_manifest_holds_what_sheet_and_files_say(tmp_path):
    manifest = written(tmp_path, scans(tmp_path))
    assert (manifest.dataset, manifest.classes, manifest.layout) == ("cohort", tuple(CLASSES), LAYOUT)
    assert manifest.feature_scale is None
    assert [entry.bag for entry in manifest.entries] == [f"scan-{number}" for number in range(6)]
    assert [entry.label for entry in manifest.entries] == [0, 0, 1, 2, 0, 0]
    assert [entry.label_name for entry in manifest.entries[:4]] == ["non-active", "non-active", "focal", "diffuse"]
    assert [entry.instances for entry in manifest.entries] == [4, 5, 6, 7, 8, 9]
    last = manifest.entries[-1]
    assert (last.patient, last.split, last.site) == ("P5", "test", "north")
    assert last.attributes == {"age": 55.0, "sex": "f"}
    assert (last.path, last.row_group) == ("../bags/cohort/scan-5.parquet", 0)
    assert last.digest == bag_digest(scan_bag(5, 9), LAYOUT)
    assert [entry.bag for entry in manifest.of_split("test")] == ["scan-2", "scan-5"]


def test_numbers_of_the_sheet_become_numbers_and_unknown_ones_are_left_out(tmp_path):
    attributes = [{"age": "61", "stage": "II", "code": "7"}, {"age": "", "stage": "", "code": "x"}]
    rows = [row(number, attributes=known) for number, known in enumerate(attributes)]
    manifest = written(tmp_path, scans(tmp_path, 2), rows=rows)
    assert [dict(entry.attributes) for entry in manifest.entries] == [
        {"age": 61.0, "stage": "II", "code": "7"},
        {"code": "x"},
    ]
    assert manifest.attributes == ["age", "code", "stage"]


def test_pandas_and_polars_read_a_manifest(tmp_path):
    manifest = written(tmp_path, scans(tmp_path))
    frames = pd.read_parquet(manifest.path), pl.read_parquet(manifest.path)
    for frame in frames:
        assert list(frame["bag"]) == [entry.bag for entry in manifest.entries]
        assert list(frame["label"]) == [entry.label for entry in manifest.entries]
        assert list(frame["attr_age"]) == [50.0, 51.0, 52.0, 53.0, 54.0, 55.0]
        assert (manifest.path.parent / frame["path"][0]).exists()
    assert list(frames[0].columns) == list(frames[1].columns)
    assert frames[0].groupby("split")["instances"].sum().to_dict() == {"test": 15, "train": 11, "validation": 13}


def test_the_manifest_says_the_same_whatever_the_order_of_files_and_rows(tmp_path):
    files = scans(tmp_path)
    rows = [row(number) for number in range(6)]
    one = written(tmp_path, files, rows=rows).path.read_bytes()
    assert written(tmp_path, files[::-1], rows=rows[::-1]).path.read_bytes() == one
    assert written(tmp_path, scans(tmp_path), rows=rows).path.read_bytes() == one


def test_the_manifest_changes_with_one_value_of_a_bag(tmp_path):
    files = scans(tmp_path)
    before = written(tmp_path, files)
    patches = scan_bag(3, 7).patches.copy()
    patches[0, 0, 0, 0] += 1
    write_bags([replace(scan_bag(3, 7), patches=patches)], LAYOUT, files[3])
    after = written(tmp_path, files)
    assert [one == other for one, other in zip(before.entries, after.entries, strict=True)] == [True] * 3 + [False] + [
        True
    ] * 2


def test_a_manifest_written_at_a_temporary_place_is_that_of_its_own(tmp_path):
    files = scans(tmp_path)
    manifest = written(tmp_path, files)
    partial = tmp_path / "manifests" / ".cohort.parquet.partial" / "cohort.parquet"
    partial.parent.mkdir()
    rows = [row(number) for number in range(6)]
    write_manifest.main(bags=files, manifest=partial, dataset="cohort", classes=CLASSES, rows=rows, selection={})
    assert partial.read_bytes() == manifest.path.read_bytes()


def test_a_folder_of_results_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(Path(), scans(Path()))
    (tmp_path / "elsewhere").mkdir()
    for name in ("bags", "manifests"):
        shutil.move(name, "elsewhere")
    assert find_damage(read_manifest(tmp_path / "elsewhere" / "manifests" / "cohort.parquet")) == []


def test_a_stopped_scan_is_left_out_and_logged(tmp_path, caplog):
    files = scans(tmp_path)
    files[2].write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        manifest = written(tmp_path, files)
    assert [entry.bag for entry in manifest.entries] == ["scan-0", "scan-1", "scan-3", "scan-4", "scan-5"]
    assert "scan-2" in caplog.text


def test_a_scan_without_a_label_is_there_to_predict(tmp_path):
    manifest = written(tmp_path, scans(tmp_path, 2), rows=[row(0), row(1, label="", split="predict")])
    assert [(entry.label, entry.label_name, entry.split) for entry in manifest.entries][1] == (-1, "", "predict")


def test_a_label_in_no_class_is_unknown_where_a_scan_is_only_predicted(tmp_path):
    rows = [row(0), row(1, label="focal", split="predict")]
    manifest = written(tmp_path, scans(tmp_path, 2), rows=rows, classes={"non-active": ["healthy"]})
    assert [(entry.label, entry.label_name) for entry in manifest.entries] == [(0, "non-active"), (-1, "")]


@pytest.mark.parametrize("split", ["predict", "train"])
def test_scans_that_were_all_stopped_stop_their_manifest_alone(tmp_path, split):
    files = scans(tmp_path, 2)
    for path in files:
        path.write_bytes(b"")
    with pytest.raises(Stopped, match="no bag is left"):
        written(tmp_path, files, rows=[row(number, split=split) for number in range(2)])
    with pytest.raises(Stopped, match="all its scans were stopped"):
        read_manifest(files[0])


def test_a_bag_without_a_patient_is_its_own(tmp_path):
    manifest = written(tmp_path, generated(tmp_path / "bags", {"train": 4}), classes={}, rows=[])
    assert [entry.patient for entry in manifest.entries] == [entry.bag for entry in manifest.entries]
    assert [entry.row_group for entry in manifest.entries] == [0, 1, 2, 0]
    assert [entry.label for entry in manifest.entries] == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": [row(0)]}, "bag scan-1 has no row"),
        ({"classes": {"focal": ["focal"]}}, "bag scan-0: its label healthy is in no class"),
        ({"classes": {"a": ["healthy"], "b": ["healthy", "inactive"]}}, "label healthy is in two classes"),
        ({"rows": [row(0), row(1, label="")]}, "bag scan-1: it is in validation without a label"),
        ({"rows": [row(0), row(1, split="")]}, "bag scan-1: its split is ''"),
        ({"rows": [row(0), row(1, split="all")]}, "bag scan-1: its split is 'all'"),
        ({"rows": [row(0), row(1, patient="P0")]}, "bag scan-1 of patient P0 is in validation, and bag scan-0"),
        ({"selection": {"train": 2}}, "2 bags of the split train are asked for, and there are 1"),
        ({"selection": {"training": 1}}, "names the split 'training'"),
        ({"selection": {"folds": 2, "fold": 2}}, "numbered from 0 to 1"),
        ({"selection": {"folds": 3, "fold": 0}}, "3 folds of 2 patients"),
        ({"selection": {"folds": 2, "fold": 0, "validation": 0.9}}, "leaves nothing to train"),
    ],
)
def test_what_does_not_fit_is_told_with_the_bag(tmp_path, values, message):
    with pytest.raises(MarrowError, match=message):
        written(tmp_path, scans(tmp_path, 2), **values)


def test_bags_that_do_not_go_together_are_told(tmp_path):
    files = scans(tmp_path, 2)
    twice = tmp_path / "bags" / "twice.parquet"
    shutil.copy(files[0], twice)
    with pytest.raises(MarrowError, match=r"bag scan-0 is in twice\.parquet and in \.\./bags/cohort/scan-0\.parquet"):
        written(tmp_path, [*files, twice])
    write_bags([replace(scan_bag(9))], replace(LAYOUT, spacing_mm=1.5), twice)
    with pytest.raises(MarrowError, match=r"bag scan-9 .* has the layout .*, and bag scan-0 has"):
        written(tmp_path, [*files, twice])


def test_a_patient_may_be_predicted_beside_a_split(tmp_path):
    manifest = written(tmp_path, scans(tmp_path, 2), rows=[row(0), row(1, patient="P0", split="predict")])
    assert [entry.split for entry in manifest.entries] == ["train", "predict"]


# ---- selections


def test_nested_counts_take_the_first_of_each_split_and_contain_each_other(tmp_path):
    files = generated(tmp_path / "bags", {"train": 8, "validation": 4, "test": 5, "predict": 2})
    chosen: dict[int, list[Entry]] = {}
    for count in (3, 5, 8):
        selection = {"train": count, "validation": 4, "test": 2}
        manifest = written(tmp_path, files, classes={}, rows=[], selection=selection)
        assert Counter(entry.split for entry in manifest.entries) == selection
        chosen[count] = list(manifest.of_split("train"))
        assert [entry.bag for entry in chosen[count]] == [f"train-{number:05d}" for number in range(count)]
    assert chosen[5][:3] == chosen[3]
    assert chosen[8][:5] == chosen[5]


def test_extending_a_set_leaves_the_earlier_manifest_as_it_was(tmp_path):
    folder = tmp_path / "bags"
    few = generated(folder, {"train": 6, "test": 3})
    given: dict[str, Any] = {"classes": {}, "rows": [], "selection": {"train": 5, "test": 3}}
    before = written(tmp_path, few, **given).path.read_bytes()
    assert written(tmp_path, generated(folder, {"train": 9, "test": 3}), **given).path.read_bytes() == before


def folds_of(bags: list[Entry], folds: int, **values: Any) -> list[list[Entry]]:
    return [select(bags, {"folds": folds, "fold": fold, **values}) for fold in range(folds)]


def of(bags: list[Entry], split: str) -> set[str]:
    return {entry.bag for entry in bags if entry.split == split}


cohorts = st.integers(2, 6).flatmap(
    lambda folds: st.tuples(st.just(folds), st.lists(st.integers(0, 2), min_size=folds, max_size=60))
)


@fixed
@given(cohort=cohorts, repeat=st.integers(0, 9), validation=st.sampled_from([0.0, 0.1, 0.3]))
def test_every_bag_is_tested_once_and_folds_differ_by_one_at_most(cohort, repeat, validation):
    folds, labels = cohort
    bags = entries(labels)
    rounds = folds_of(bags, folds, repeat=repeat, validation=validation)
    tests = [of(chosen, "test") for chosen in rounds]
    assert Counter(itertools.chain.from_iterable(tests)) == Counter(entry.bag for entry in bags)
    for chosen in [bags, *([entry for entry in bags if entry.label == label] for label in range(3))]:
        sizes = [len(test & {entry.bag for entry in chosen}) for test in tests]
        assert max(sizes) - min(sizes) <= 1
    for chosen, test in zip(rounds, tests, strict=True):
        assert [replace(entry, split="") for entry in chosen] == bags
        rest = len(bags) - len(test)
        assert abs(len(of(chosen, "validation")) - validation * rest) <= 0.5 + 1e-9
        assert len(of(chosen, "train")) + len(of(chosen, "validation")) == rest


def test_the_validation_share_is_stratified_too():
    bags = entries([0] * 60 + [1] * 40)
    for chosen in folds_of(bags, 10, validation=0.1):
        held = [entry.label for entry in chosen if entry.split == "validation"]
        assert len(held) == 9
        assert abs(held.count(0) - 5.4) < 1
        assert abs(held.count(1) - 3.6) < 1


def test_folds_follow_repeat_and_seed_and_nothing_else():
    bags = entries([0, 1] * 20)
    one = folds_of(bags, 5, repeat=1, seed=3, validation=0.2)
    assert folds_of(bags, 5, repeat=1, seed=3, validation=0.2) == one
    other = [of(chosen, "test") for chosen in folds_of(bags, 5, repeat=2, seed=3)]
    third = [of(chosen, "test") for chosen in folds_of(bags, 5, repeat=1, seed=4)]
    tests = [of(chosen, "test") for chosen in one]
    assert len({tuple(map(frozenset, each)) for each in (tests, other, third)}) == 3
    assert [of(chosen, "test") for chosen in folds_of(bags, 5, repeat=1, seed=3)] == tests
    turned = select(bags[::-1], {"folds": 5, "fold": 0, "repeat": 1, "seed": 3, "validation": 0.2})
    assert turned[::-1] == one[0]
    validations = {frozenset(of(chosen, "validation")) for chosen in one}
    assert len(validations) == 5


def test_the_folds_of_a_seed_stay_what_they_are():
    """Results of earlier versions were tested and validated on them."""
    selection = {"folds": 5, "fold": 1, "repeat": 1, "seed": 3, "validation": 0.25}
    splits = [entry.split for entry in select(entries([0, 1] * 5), selection)]
    numbers = {split: [n for n, found in enumerate(splits) if found == split] for split in ("validation", "test")}
    assert numbers == {"validation": [4, 7], "test": [8, 9]}


def test_bags_of_a_patient_stay_together():
    labels = np.random.default_rng(0).integers(0, 3, 60).tolist()
    bags = entries(labels, [number // 3 for number in range(60)])
    for chosen, turned in zip(
        folds_of(bags, 4, validation=0.25), folds_of(bags[::-1], 4, validation=0.25), strict=True
    ):
        assert turned[::-1] == chosen
        splits = {(entry.patient, entry.split) for entry in chosen}
        assert len(splits) == 20
        assert {split for _, split in splits} == {"train", "validation", "test"}


def test_bags_without_a_label_are_predicted_in_every_fold_and_move_no_other():
    bags = entries([0, 1] * 6)
    more = [*bags, *entries([-1] * 15)[12:]]
    for chosen, without in zip(folds_of(more, 3), folds_of(bags, 3), strict=True):
        assert chosen[:12] == without
        assert [entry.split for entry in chosen[12:]] == ["predict"] * 3


def test_the_feature_scale_is_that_of_the_training_instances_of_the_fold(tmp_path):
    files = generated(tmp_path / "bags", {"all": 12})
    scales = set()
    for fold in range(3):
        selection = {"folds": 3, "fold": fold, "validation": 0.25}
        manifest = written(tmp_path, files, classes={}, rows=[], selection=selection)
        by_id = {bag.bag: bag for path in files for bag in read_bags(path)[1]}
        training = np.vstack([by_id[entry.bag].patches for entry in manifest.of_split("train")]).astype(np.float64)
        assert manifest.feature_scale is not None
        assert np.allclose(manifest.feature_scale.mean, training.sum(axis=0) / len(training), rtol=1e-12)
        assert np.allclose(manifest.feature_scale.std[1:], np.sqrt(training.var(axis=0))[1:], rtol=1e-12)
        assert manifest.feature_scale.std[0] == 1.0
        scales.add(manifest.feature_scale)
    assert len(scales) == 3


# ---- reading


def test_a_manifest_that_cannot_be_read_is_told_by_name(tmp_path):
    path = written(tmp_path, scans(tmp_path)).path
    data = path.read_bytes()
    metadata = json.loads(pq.read_metadata(path).metadata[b"marrow"])
    path.write_bytes(data[:-20])
    with pytest.raises(MarrowError, match=r"cohort\.parquet: not a manifest, or cut off"):
        read_manifest(path)
    path.write_bytes(data)
    newer = pq.read_table(path).replace_schema_metadata({b"marrow": json.dumps(metadata | {"schema_version": 2})})
    pq.write_table(newer, path)
    with pytest.raises(MarrowError, match=r"cohort\.parquet: a manifest of schema version 2, .* reads version 1"):
        read_manifest(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(MarrowError, match="no manifest of Marrow"):
        read_manifest(path)
    path.write_bytes(b"")
    with pytest.raises(MarrowError, match=r"cohort\.parquet: the manifest is empty"):
        read_manifest(path)
    path.unlink()
    with pytest.raises(MarrowError, match=r"cohort\.parquet: the manifest is missing"):
        read_manifest(path)


# ---- damage


def broken(tmp_path: Path) -> tuple[Manifest, list[Path]]:
    files = scans(tmp_path)
    return written(tmp_path, files), files


def test_no_damage_is_found_in_whole_bags(tmp_path):
    manifest, _ = broken(tmp_path)
    assert find_damage(manifest) == []
    assert find_damage(manifest, digests=False) == []


def flip_a_patch(path: Path, bag: Bag) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(bag.patches.tobytes()) + 5] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_is_found_by_its_digest_alone(tmp_path):
    manifest, files = broken(tmp_path)
    flip_a_patch(files[3], scan_bag(3, 7))
    (problem,) = find_damage(manifest)
    assert problem.startswith("bag scan-3 (scan-3.parquet): its content has the digest")
    assert find_damage(manifest, digests=False) == []


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "the file is missing"),
        ("cut off", "not a Parquet file of bags, or cut off"),
        ("version", "schema version 9"),
        ("another bag", "row group 0 holds scan-9"),
        ("instances", "it has 2 instances, and the manifest says 7"),
        ("layout", "its layout is"),
    ],
)
def test_damage_names_the_bag_and_spares_the_others(tmp_path, what, message, digests):
    manifest, files = broken(tmp_path)
    path = files[3]
    if what == "missing":
        path.unlink()
    elif what == "cut off":
        os.truncate(path, path.stat().st_size - 100)
    elif what == "version":
        header = json.loads(pq.read_metadata(path).metadata[b"marrow"]) | {"schema_version": 9}
        pq.write_table(pq.read_table(path).replace_schema_metadata({b"marrow": json.dumps(header)}), path)
    elif what == "another bag":
        write_bags([scan_bag(9, 7)], LAYOUT, path)
    elif what == "instances":
        write_bags([scan_bag(3, 2)], LAYOUT, path)
    else:
        write_bags([scan_bag(3, 7)], replace(LAYOUT, margin=1), path)
    (problem,) = find_damage(manifest, digests=digests)
    assert "bag scan-3" in problem
    assert message in problem


def test_all_bags_of_a_missing_file_are_named(tmp_path):
    files = generated(tmp_path / "bags", {"train": 5})
    manifest = written(tmp_path, files, classes={}, rows=[])
    files[0].unlink()
    write_bags([table_bag("train", 3)], TABLE, files[1])
    problems = find_damage(manifest)
    assert [problem.split(":")[0].split(" (")[0] for problem in problems] == [
        f"bag train-{n:05d}" for n in (0, 1, 2, 4)
    ]
    assert "row group 1 holds no bag" in problems[-1]


def test_bags_before_a_broken_place_in_their_file_are_not_named(tmp_path):
    (path,) = generated(tmp_path / "bags", {"train": 3})
    manifest = written(tmp_path, [path], classes={}, rows=[])
    start = pq.read_metadata(path).row_group(1).column(1).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 12] = b"\xff" * 12
    path.write_bytes(data)
    problems = find_damage(manifest)
    assert [problem.split(":")[0] for problem in problems] == ["bag train-00001", "bag train-00002"]


# ---- summary


def test_the_summary_counts_bags_patients_and_instances(tmp_path):
    rows = [row(number, site=("north", "")[number % 2]) for number in range(6)]
    rows[3] |= {"patient": "P0"}
    text = summary(written(tmp_path, scans(tmp_path), rows=rows))
    lines = [line.split() for line in text.splitlines()]
    assert ["train", "non-active", "1", "1", "4"] in lines
    assert ["train", "diffuse", "1", "1", "7"] in lines
    assert ["train", "all", "2", "1", "11"] in lines
    assert ["test", "focal", "1", "1", "6"] in lines
    for words in (
        "cohort: 6 bags",
        "4 to 9, mean 6.5",
        "1 x 2 x 3 float16, 2 mm, channels b900",
        "2 classes (none, femur)",
        "share of lesion",
        "north (3 bags)",
        "50 to 55, mean 52.5",
        "1 different values (f)",
    ):
        assert words in text


def test_the_command_says_whether_bags_are_sound(tmp_path):
    manifest, files = broken(tmp_path)
    assert main_lines(manifest.path, check=True)[-1].startswith("No damage found (content and digest")
    flip_a_patch(files[3], scan_bag(3, 7))
    assert main_lines(manifest.path, check=False)[-1].startswith("No damage found (headers checked")
    with pytest.raises(MarrowError, match=r"(?s)cohort: 6 bags.*Damaged: 1\nbag scan-3"):
        main_lines(manifest.path, check=True)


# ---- corpus


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), slice(1, None, 2)])
def test_a_corpus_is_the_bags_one_after_another_in_the_order_given(tmp_path, order, threads):
    manifest = written(tmp_path, generated(tmp_path / "bags", {"train": 8}), classes={}, rows=[])
    chosen = manifest.entries[order]
    corpus = read_corpus(manifest, chosen, threads=threads, verify=True)
    bags = [table_bag("train", int(entry.bag[-5:])) for entry in chosen]
    assert np.array_equal(corpus.patches, np.concatenate([bag.patches for bag in bags]))
    for position, bag in enumerate(bags):
        assert np.array_equal(corpus.patches[corpus.bag(position)], bag.patches)
    assert corpus.offsets[-1] == len(corpus.patches)


def test_a_corpus_has_all_further_columns(tmp_path):
    manifest = written(tmp_path, scans(tmp_path))
    corpus = read_corpus(manifest)
    bags = [scan_bag(number, 4 + number) for number in range(6)]
    assert set(corpus.columns) == {"i", "j", "k", "bone", "bone_fraction", "instance_label"}
    assert np.array_equal(corpus.columns["bone"], np.concatenate([bag.auxiliary["bone"] for bag in bags]))
    assert corpus.columns["bone"].dtype == np.uint8
    place = np.stack([corpus.columns[axis] for axis in "ijk"], axis=1)
    assert np.array_equal(place, np.concatenate([bag.corners for bag in bags if bag.corners is not None]))


@pytest.mark.parametrize(("stored", "wanted"), [("float16", "float32"), ("uint8", "uint8"), ("uint8", "float32")])
def test_a_corpus_converts_numbers_exactly(tmp_path, stored, wanted):
    layout = Layout((2, 2), stored)
    patches = np.random.default_rng(0).integers(0, 255, (9, 2, 2)).astype(stored)
    write_bags([Bag("a", patches, split="train", label="no")], layout, tmp_path / "a.parquet")
    manifest = written(tmp_path, [tmp_path / "a.parquet"], classes=["no"], rows=[])
    corpus = read_corpus(manifest, dtype=wanted)
    assert corpus.patches.dtype == wanted
    assert np.array_equal(corpus.patches, patches.astype(wanted))


def test_a_corpus_fills_the_array_that_it_is_given(tmp_path):
    manifest = written(tmp_path, scans(tmp_path))
    room = np.zeros((39, *LAYOUT.shape), np.float32)
    corpus = read_corpus(manifest, into=room)
    assert corpus.patches is room
    assert np.array_equal(room, read_corpus(manifest, dtype="float32").patches)
    for wrong in (room[1:], np.zeros((39, 3, 2, 1), np.float32).transpose(0, 3, 2, 1)):
        with pytest.raises(MarrowError, match="give a contiguous one of"):
            read_corpus(manifest, into=wrong)
    for lossy in ({"into": room.astype(np.uint8)}, {"dtype": "uint8"}):
        with pytest.raises(MarrowError, match="stored as float16, which uint8 cannot hold"):
            read_corpus(manifest, **lossy)


def test_instance_labels_that_a_bag_lacks_are_not_a_number(tmp_path):
    files = scans(tmp_path, 3)
    for number in (0, 2):
        write_bags([replace(scan_bag(number, 4 + number), instance_label=None)], LAYOUT, files[number])
    for threads in (1, 2):
        labels = read_corpus(written(tmp_path, files), threads=threads).columns["instance_label"]
        assert np.isnan(labels[:4]).all()
        assert np.array_equal(labels[4:9], scan_bag(1, 5).instance_label)
        assert np.isnan(labels[9:]).all()


def test_a_corpus_of_no_bags_is_empty(tmp_path):
    corpus = read_corpus(written(tmp_path, scans(tmp_path)), [])
    assert (len(corpus.patches), list(corpus.offsets)) == (0, [0])


def test_a_corpus_refuses_a_damaged_bag_by_name(tmp_path):
    manifest, files = broken(tmp_path)
    flip_a_patch(files[3], scan_bag(3, 7))
    read_corpus(manifest)
    with pytest.raises(MarrowError, match=r"bag scan-3: scan-3\.parquet: its content has the digest"):
        read_corpus(manifest, verify=True)
    write_bags([replace(scan_bag(3, 7), corners=None)], LAYOUT, files[3])
    with pytest.raises(MarrowError, match="bag scan-3: its columns are"):
        read_corpus(manifest)
    files[0].unlink()
    with pytest.raises(MarrowError, match=r"bag scan-0: scan-0\.parquet: the file is missing"):
        read_corpus(manifest)


def test_words_that_no_command_knows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        marrow(["bags", "manifest.parquet", "--chekc"])
    assert "unknown words: --chekc" in capsys.readouterr().err
