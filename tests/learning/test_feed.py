"""Feeds: bags packed, augmented and read ahead, with the same bits wherever they lie and however they are batched."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import write_manifest
from marrow.bags.bag import Array, Bag, Layout, Task
from marrow.bags.corpus import read_corpus
from marrow.bags.file import write_bags
from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.errors import MarrowError
from marrow.learning.augment.augmenter import RandomAugmenter
from marrow.learning.feed import bag_store as streamed
from marrow.learning.feed import choice
from marrow.learning.feed import prefetch as prefetching
from marrow.learning.feed.bag_store import read_by_blocks
from marrow.learning.feed.choice import feed_of
from marrow.learning.feed.feed import Batch, Feed, order
from marrow.learning.feed.prefetch import prefetch

CPU = torch.device("cpu")
CLASSES = ("no", "yes")
BONE = Task("bone", ("none", "left femur", "right femur"), mirror=(0, 2, 1))
HEIGHT = Task("height")
SCAN = Layout((2, 9, 8, 7), "float16", margin=2, tasks=(BONE, HEIGHT), classes=CLASSES)
DIGIT = Layout((1, 8, 8), "uint8", tasks=(Task("components", ("one", "several")),), flips=False, classes=CLASSES)
TABLE = Layout((3,), "float32", classes=CLASSES)
LAYOUTS = pytest.mark.parametrize("layout", [SCAN, DIGIT, TABLE], ids=["scan", "digit", "table"])
LENGTHS = (4, 1, 6, 3, 5, 2, 7)
SPLITS = ("train", "train", "validation", "train", "predict", "test", "train")
EPOCH = 3
SMALL = {"shift_voxels": 0.3, "rotation_degrees": 2.0, "elastic_voxels": 0.2}
AUGMENTATION = RandomAugmenter(SMALL)
ALL = list(range(len(LENGTHS)))
ROOMY, NONE = 2**40, 0


def bag(number: int, layout: Layout) -> Bag:
    chance = np.random.default_rng([5, number])
    count = LENGTHS[number]
    labels: dict[str, Array] = {
        task.name: chance.integers(0, len(task.classes), count).astype(np.uint8)
        if task.classes
        else chance.standard_normal(count).astype(np.float32)
        for task in layout.tasks
    }
    return Bag(
        f"bag-{number}",
        chance.uniform(0, 100, (count, *layout.shape)).astype(layout.dtype),
        split=SPLITS[number],
        label="" if SPLITS[number] == "predict" else CLASSES[number % 2],
        auxiliary=labels,
    )


def manifest_of(folder: Path, layout: Layout) -> Manifest:
    """Seven bags in three files."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"{first}.parquet" for first in (0, 3, 6)]
    for first, path in zip((0, 3, 6), files, strict=True):
        write_bags([bag(number, layout) for number in ALL[first : first + 3]], layout, path)
    path = folder / "manifest.parquet"
    write_manifest.main(bags=files, manifest=path, dataset="toy", classes=[], rows=[], selection={})
    return read_manifest(path)


def feed(manifest: Manifest, room: int = ROOMY, entries: Sequence[Entry] | None = None, **settings: Any) -> Feed:
    chosen = manifest.entries if entries is None else entries
    given = {"augmentation": AUGMENTATION, "seed": 11} | settings
    return feed_of(manifest, chosen, manifest.layout.tasks, CPU, threads=1, room=room).part(chosen, **given)


def same(one: Batch, other: Batch) -> bool:
    tensors = [
        [batch.patches, batch.labels, batch.instances, batch.segments.lengths, batch.segments.index]
        + [batch.auxiliary[name] for name in sorted(batch.auxiliary)]
        for batch in (one, other)
    ]
    return (
        one.bags == other.bags
        and one.auxiliary.keys() == other.auxiliary.keys()
        and all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(*tensors, strict=True))
    )


def without_margin(patches: Array, layout: Layout) -> Array:
    ends = (slice(layout.margin, length - layout.margin) for length in layout.shape[1:])
    return patches[(slice(None), slice(None), *ends)].astype(np.float32)


# ---- batches


@LAYOUTS
@pytest.mark.parametrize("room", [ROOMY, NONE], ids=["resident", "streamed"])
def test_a_batch_is_its_bags_one_after_another(tmp_path, layout, room):
    feeding = feed(manifest_of(tmp_path, layout), room)
    batch = feeding.batch([5, 0, 6])
    bags = [bag(number, layout) for number in (5, 0, 6)]
    assert batch.bags == ("bag-5", "bag-0", "bag-6")
    assert batch.patches.dtype == torch.float32
    assert np.array_equal(batch.patches, np.concatenate([without_margin(one.patches, layout) for one in bags]))
    assert batch.segments.lengths.tolist() == [2, 4, 7]
    assert batch.segments.index.tolist() == [0] * 2 + [1] * 4 + [2] * 7
    assert batch.labels.tolist() == [1, 0, 0]
    assert batch.instances.tolist() == [19, 20, 0, 1, 2, 3, *range(21, 28)]
    assert list(batch.auxiliary) == [task.name for task in layout.tasks]
    for task in layout.tasks:
        expected = np.concatenate([one.auxiliary[task.name] for one in bags])
        assert batch.auxiliary[task.name].dtype == (torch.int64 if task.classes else torch.float32)
        assert np.array_equal(batch.auxiliary[task.name], expected)


@LAYOUTS
def test_bags_give_the_same_bits_from_the_device_and_from_their_files(tmp_path, layout):
    manifest = manifest_of(tmp_path, layout)
    resident, streaming = feed(manifest, ROOMY), feed(manifest, NONE)
    for epoch in (None, 0, EPOCH):
        for group in ([2], [0, 1], [6, 3, 3, 1]):
            assert same(resident.batch(group, epoch), streaming.batch(group, epoch))


@pytest.mark.parametrize("room", [ROOMY, NONE], ids=["resident", "streamed"])
def test_batches_in_a_row_are_those_asked_for_one_by_one(tmp_path, room):
    feeding = feed(manifest_of(tmp_path, SCAN), room)
    groups = [[6, 1], [0], [2, 2, 3], [5, 4]]
    for epoch in (None, EPOCH):
        got = list(feeding.batches(iter(groups), epoch))
        assert [group for group, _ in got] == groups
        assert all(same(batch, feeding.batch(group, epoch)) for group, batch in got)


def test_a_feed_knows_its_bags(tmp_path):
    feeding = feed(manifest_of(tmp_path, SCAN))
    assert (len(feeding), feeding.instances, feeding.lengths) == (7, 28, list(LENGTHS))
    assert feeding.labels.tolist() == [0, 1, 0, 1, -1, 1, 0]
    assert feeding.ids([4, 0]) == ["bag-4", "bag-0"]
    assert feeding.batch([4]).labels.tolist() == [-1]


def test_only_the_tasks_that_are_wanted_are_there_and_in_their_order(tmp_path):
    manifest = manifest_of(tmp_path, SCAN)
    for room in (ROOMY, NONE):
        wanted = feed_of(manifest, manifest.entries, (HEIGHT,), CPU, threads=1, room=room)
        assert list(wanted.batch([0]).auxiliary) == ["height"]
        assert list(feed_of(manifest, manifest.entries, (), CPU, threads=1, room=room).batch([0]).auxiliary) == []


# ---- augmentation


@LAYOUTS
def test_augmentation_does_not_depend_on_what_a_bag_is_packed_with(tmp_path, layout):
    feeding = feed(manifest_of(tmp_path, layout))
    alone = {position: feeding.batch([position], EPOCH) for position in ALL}
    for group in ([0, 1, 2, 3, 4, 5, 6], [6, 2, 0], [3, 3]):
        packed = feeding.batch(group, EPOCH)
        assert torch.equal(packed.patches, torch.cat([alone[position].patches for position in group]))
        for task in layout.tasks:
            parts = [alone[position].auxiliary[task.name] for position in group]
            assert torch.equal(packed.auxiliary[task.name], torch.cat(parts))


def test_augmentation_is_drawn_from_seed_epoch_and_bag_alone(tmp_path):
    manifest = manifest_of(tmp_path, SCAN)
    feeding = feed(manifest)
    first = feeding.batch([3], EPOCH).patches
    torch.manual_seed(99)
    np.random.default_rng(99).random()
    other_numbers = feed(manifest, entries=manifest.entries[::-1])
    assert torch.equal(other_numbers.batch([3], EPOCH).patches, first)
    assert torch.equal(other_numbers.batch([0], EPOCH).patches, feeding.batch([6], EPOCH).patches)
    assert torch.equal(feeding.part(manifest.entries[2:4], AUGMENTATION, 11).batch([1], EPOCH).patches, first)
    for changed in (
        feeding.batch([3], EPOCH + 1),
        feeding.batch([3]),
        feed(manifest, seed=12).batch([3], EPOCH),
        feeding.part(manifest.entries[3:4], AUGMENTATION, 12).batch([0], EPOCH),
    ):
        assert not torch.equal(changed.patches, first)


def test_without_augmentation_every_epoch_sees_bags_as_they_are(tmp_path):
    feeding = feed(manifest_of(tmp_path, SCAN), augmentation=None)
    assert same(feeding.batch([3, 2], EPOCH), feeding.batch([3, 2]))


def test_labels_of_classes_follow_the_flip_and_values_do_not(tmp_path):
    feeding = feed(manifest_of(tmp_path, SCAN), augmentation=RandomAugmenter({"elastic_voxels": 0, "shift_voxels": 0}))
    changed = 0
    for position in ALL:
        batch, stored = feeding.batch([position], EPOCH), bag(position, SCAN)
        drawn = AUGMENTATION.draw(SCAN, LENGTHS[position], 11, EPOCH, stored.bag).parameters
        bones = stored.auxiliary["bone"].astype(int)
        expected = np.where(drawn.flipped, np.array([0, 2, 1])[bones], bones)
        assert np.array_equal(batch.auxiliary["bone"], expected)
        assert np.array_equal(batch.auxiliary["height"], stored.auxiliary["height"])
        changed += int((expected != bones).sum())
    assert changed > 3


def test_a_digit_is_never_flipped_and_a_scan_is(tmp_path):
    still = {f"{step}_probability": 0.0 for step in ("shift", "rotation", "elastic", "smoothing", "jitter")}
    flip = RandomAugmenter({"flip_probability": 1, **still})
    for layout in (DIGIT, SCAN):
        feeding = feed(manifest_of(tmp_path / layout.dtype, layout), augmentation=flip)
        plain = feeding.batch(ALL).patches
        expected = plain.flip(-1) if layout.flips else plain
        assert torch.allclose(feeding.batch(ALL, EPOCH).patches, expected, rtol=0, atol=0.06)


def test_rows_of_a_table_are_left_alone(tmp_path):
    feeding = feed(manifest_of(tmp_path, TABLE))
    assert same(feeding.batch(ALL, EPOCH), feeding.batch(ALL))


def test_what_is_done_to_a_batch_does_not_reach_the_stored_patches(tmp_path):
    for layout in (TABLE, replace(DIGIT, dtype="float32")):
        feeding = feed(manifest_of(tmp_path / str(len(layout.shape)), layout), augmentation=None)
        before = feeding.batch([2]).patches.clone()
        feeding.batch([2]).patches.zero_()
        assert torch.equal(feeding.batch([2]).patches, before)


def test_a_reach_beyond_the_margin_is_told_once_for_a_feed(tmp_path, caplog):
    manifest = manifest_of(tmp_path, SCAN)
    feeding = feed(manifest, augmentation=None)
    feeding.part(manifest.entries, AUGMENTATION)
    assert "toy: augmentation reaches" not in caplog.text
    training = feeding.part(manifest.entries, RandomAugmenter({**SMALL, "shift_voxels": 2}))
    training.batch([0], 0)
    assert caplog.text.count("toy: augmentation reaches up to") == 1


# ---- parts


def test_a_part_has_its_own_numbers_and_reads_nothing_anew(tmp_path):
    manifest = manifest_of(tmp_path, SCAN)
    whole = feed(manifest)
    for path in tmp_path.glob("?.parquet"):
        path.unlink()
    train = whole.part(manifest.of_split("train"), AUGMENTATION, 11)
    assert (len(train), train.instances, train.lengths) == (4, 15, [4, 1, 3, 7])
    assert train.labels.tolist() == [0, 1, 1, 0]
    batch, expected = train.batch([2, 1], EPOCH), whole.batch([3, 1], EPOCH)
    assert torch.equal(batch.patches, expected.patches)
    assert batch.bags == expected.bags
    assert batch.instances.tolist() == [5, 6, 7, 4]
    assert same(
        train.part(train.entries[1:3]).batch([1]), whole.part([manifest.entries[1], train.entries[2]]).batch([1])
    )
    assert torch.equal(train.part(train.entries[2:]).batch([1]).patches, whole.batch([6]).patches)


# ---- where bags lie


def test_bags_lie_on_the_device_where_there_is_room(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    manifest = manifest_of(tmp_path, SCAN)
    taken = 28 * (2 * 9 * 8 * 7 * 2 + 2 * 8)
    queried: list[tuple[torch.device, int]] = []

    def free(device: torch.device, threads: int) -> int:
        queried.append((device, threads))
        return 2 * taken

    monkeypatch.setattr(choice, "free_on", free)
    feed(manifest, room=None)
    assert "7 bags of toy take 0.1 MiB of 0.1 MiB available: kept in the memory of cpu" in caplog.text
    assert queried == [(CPU, 1)]
    caplog.clear()
    feed(manifest, taken)
    assert "kept in the memory of cpu" in caplog.text
    caplog.clear()
    feed(manifest, taken - 1)
    assert "read from files while cpu computes" in caplog.text


def test_bags_are_read_when_others_took_the_memory_meanwhile(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    manifest = manifest_of(tmp_path, SCAN)
    expected = feed(manifest).batch([1, 2], EPOCH)

    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(choice, "DeviceBags", refuse)
    assert same(feed(manifest).batch([1, 2], EPOCH), expected)
    assert "other processes took the memory meanwhile: read from files while cpu computes" in caplog.text


def test_another_error_while_bags_are_laid_down_is_not_taken_for_a_lack_of_memory(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(choice, "DeviceBags", fail)
    with pytest.raises(RuntimeError, match="something else"):
        feed(manifest_of(tmp_path, SCAN))


@pytest.mark.parametrize("block_bytes", [1, 5 * 2 * 9 * 8 * 7 * 2, 2**30])
def test_bags_that_come_by_blocks_are_those_that_come_at_once(tmp_path, block_bytes, monkeypatch):
    manifest = manifest_of(tmp_path, SCAN)
    expected = read_corpus(manifest)
    into = torch.zeros((28, *SCAN.shape), dtype=torch.float16)
    columns = read_by_blocks(manifest, manifest.entries, into, 2, block_bytes)
    assert np.array_equal(into, expected.patches)
    assert columns.keys() == expected.columns.keys()
    assert all(np.array_equal(columns[name], expected.columns[name]) for name in columns)


def test_no_more_memory_is_taken_than_for_a_block(tmp_path, monkeypatch):
    manifest = manifest_of(tmp_path, SCAN)
    rooms: list[int] = []

    def note(*arguments: Any, into: Array, **settings: Any) -> Any:
        rooms.append(len(into))
        return read_corpus(*arguments, into=into, **settings)

    monkeypatch.setattr("marrow.learning.feed.bag_store.read_corpus", note)
    into = torch.zeros((28, *SCAN.shape), dtype=torch.float16)
    read_by_blocks(manifest, manifest.entries, into, 1, 7 * SCAN.patch_bytes)
    assert rooms == [5, 6, 3, 7, 7]


# ---- damage


def damage(folder: Path, number: int) -> None:
    """Change one bit of a patch."""
    path = folder / f"{number // 3 * 3}.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(bag(number, SCAN).patches.tobytes()) + 5] ^= 1
    path.write_bytes(data)


def test_a_damaged_bag_is_named_before_anything_is_trained(tmp_path):
    manifest = manifest_of(tmp_path, SCAN)
    damage(tmp_path, 4)
    with pytest.raises(MarrowError, match=r"bag bag-4: 3\.parquet: its content has the digest"):
        feed(manifest)
    with pytest.raises(MarrowError, match="bag bag-4"):
        read_by_blocks(manifest, manifest.entries, torch.zeros((28, *SCAN.shape), dtype=torch.float16), 1)


def test_a_damaged_bag_that_is_read_ahead_is_named_in_its_turn(tmp_path):
    manifest = manifest_of(tmp_path, SCAN)
    damage(tmp_path, 4)
    batches = feed(manifest, NONE).batches([[0], [3], [4], [5]], EPOCH)
    assert [next(batches)[0] for _ in range(2)] == [[0], [3]]
    with pytest.raises(MarrowError, match=r"bag bag-4: 3\.parquet: its content has the digest"):
        next(batches)
    assert not readers()


def test_a_bag_is_compared_with_its_digest_the_first_time_it_is_read(tmp_path, monkeypatch):
    verified: list[tuple[str, bool]] = []

    def note(manifest: Manifest, entries: Sequence[Entry], *, verify: bool, **settings: Any) -> Any:
        verified.append((entries[0].bag, verify))
        return read_corpus(manifest, entries, verify=verify, **settings)

    monkeypatch.setattr(streamed, "read_corpus", note)
    feeding = feed(manifest_of(tmp_path, SCAN), NONE)
    feeding.batch([1, 2, 1])
    feeding.batch([2])
    assert verified == [("bag-1", True), ("bag-2", True), ("bag-1", False), ("bag-2", False)]


# ---- ahead


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("made-ahead")]


def one(_: int) -> int:
    return 1


def test_the_next_things_are_made_while_one_is_in_use():
    begun = [threading.Event() for _ in range(9)]

    def make(key: int) -> int:
        begun[key].set()
        return 10 * key

    things = prefetch(make, range(9), one, 3)
    assert next(things) == 0
    assert all(begun[key].wait(60) for key in (1, 2, 3))
    assert list(things) == [10, 20, 30, 40, 50, 60, 70, 80]


@pytest.mark.parametrize(("sizes", "room", "most"), [([1] * 9, 3, 3), ([4] * 9, 3, 1), ([2, 1] * 5, 4, 3)])
def test_no_more_lies_ready_than_has_room(sizes: list[int], room: int, most: int, monkeypatch):
    used = 0
    ready: list[int] = []

    def make(key: int) -> int:
        ready.append(key + 1 - used)  # what was made before, this one, and not the one that is in use
        return key

    for key in prefetch(make, range(len(sizes)), lambda key: sizes[key], room):
        used = key + 1
    assert max(ready) <= most + 1


def test_no_more_things_lie_ready_than_are_useful(monkeypatch):
    monkeypatch.setattr(prefetching, "MOST_READY", 2)
    test_no_more_lies_ready_than_has_room([1] * 9, 100, 2, monkeypatch)


def test_what_is_begun_waits_for_the_one_in_use_to_be_taken():
    made: list[int] = []
    things = prefetch(lambda key: made.append(key) or key, range(50), one, 3)
    next(things)
    things.close()
    assert len(made) <= 4
    assert not readers()


def test_an_error_is_raised_in_its_turn_and_nothing_goes_on_after_it():
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        if key == 2:
            raise ValueError("two")
        return key

    things = prefetch(make, range(20), one, 2)
    assert [next(things), next(things)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(things)
    assert not readers()
    assert max(made) <= 4


def test_a_feed_that_is_left_early_leaves_no_thread(tmp_path):
    feeding = feed(manifest_of(tmp_path, SCAN), NONE)
    for group, _ in feeding.batches([[0], [1], [2], [3]], EPOCH):
        if group == [1]:
            break
    batches = feeding.batches([[0], [1]], EPOCH)
    next(batches)
    batches.close()
    assert not readers()
    assert same(feeding.batch([1], EPOCH), feed(read_manifest(tmp_path / "manifest.parquet")).batch([1], EPOCH))


def test_nothing_is_made_for_nothing():
    assert list(prefetch(one, [], one, 3)) == []
    assert not readers()


def test_bags_are_read_in_another_thread_in_the_order_of_their_turns(tmp_path, monkeypatch):
    reads: list[tuple[str, bool]] = []

    def note(manifest: Manifest, entries: Sequence[Entry], **settings: Any) -> Any:
        reads.append((entries[0].bag, threading.current_thread() is threading.main_thread()))
        return read_corpus(manifest, entries, **settings)

    monkeypatch.setattr(streamed, "read_corpus", note)
    for _ in feed(manifest_of(tmp_path, SCAN), NONE).batches([[5, 0], [3], [6]], EPOCH):
        pass
    assert reads == [("bag-5", False), ("bag-0", False), ("bag-3", False), ("bag-6", False)]


def test_what_lies_ready_is_counted_in_bytes(tmp_path, monkeypatch):
    seen: list[int] = []

    def note(make: Any, keys: Any, size: Any, room: int) -> Iterator[Any]:
        seen.extend(size(key) for key in keys)
        return prefetch(make, keys, size, room)

    monkeypatch.setattr("marrow.learning.feed.feed.prefetch", note)
    manifest = manifest_of(tmp_path, SCAN)
    whole = feed(manifest, NONE)
    list(whole.part(manifest.entries[2:]).batches([[0], [1]], EPOCH))
    assert seen == [length * (SCAN.patch_bytes + 1024) for length in LENGTHS[2:4]]
    seen.clear()
    list(feed(manifest, ROOMY).batches([[2]], EPOCH))
    assert seen == [6 * 1024]


# ---- order


def test_an_order_has_every_bag_once_and_follows_seed_and_epoch_alone():
    first = order(1, 2, 50)
    assert sorted(first) == list(range(50))
    np.random.seed(0)
    torch.manual_seed(0)
    assert order(1, 2, 50) == first
    assert len({tuple(order(seed, epoch, 50)) for seed in range(3) for epoch in range(3)}) == 9
    assert order(1, 2, 0) == []
    assert order(12, 3, 50) != order(1, 23, 50)


def test_every_bag_comes_at_every_place_about_equally_often():
    places = np.array([order(7, epoch, 5) for epoch in range(1000)])
    counts = np.array([np.bincount(places[:, place], minlength=5) for place in range(5)])
    assert np.abs(counts - 200).max() < 4.5 * np.sqrt(1000 * 0.2 * 0.8)
    chi2 = ((counts - 200) ** 2 / 200).sum() * 4 / 5
    assert chi2 < 16 + 4.5 * np.sqrt(32)
