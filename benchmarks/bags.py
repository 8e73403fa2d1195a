"""Bags from disk to memory, and the manifest of many."""

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq

from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.training import manifest_of
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.corpus import read_corpus
from marrow.bags.file import write_bags
from marrow.bags.manifest import Entry, Manifest, read_manifest, write_manifest
from marrow.errors import MarrowError

REPEATS = 5
BAGS, INSTANCES = 304, 755
ROWS = 10_000
THREADS = 4
LAYOUT = Layout(
    (1, 16, 16, 16),
    "float16",
    spacing_mm=2.0,
    tasks=(Task("bone", ("background", "femur")),),
    classes=("non-active", "focal"),
)


def measure_read() -> list[Measurement]:
    """All bags of a cohort into one array that is there already, from a warm cache.

    Raises:
        MarrowError: what was read is not what was written.
    """
    threads = min(THREADS, os.cpu_count() or 1)
    with TemporaryDirectory() as name:
        manifest = _cohort(Path(name))
        files = [manifest.file_of(entry) for entry in manifest.entries]
        room = np.ones((BAGS * INSTANCES, *LAYOUT.shape), np.float16)
        by_bag = room.reshape(BAGS, -1)

        def read_bare() -> None:
            for position, path in enumerate(files):
                by_bag[position] = np.fromfile(path, np.float16, by_bag.shape[1])

        def read() -> None:
            read_corpus(manifest, threads=threads, into=room)

        seconds, reference = side_by_side(read, read_bare, REPEATS)
        read()
        if not all(np.array_equal(bag, _patches(0).ravel()) for bag in by_bag[:: BAGS - 1]):
            raise MarrowError("bag_read: the patches read are not those written")
        size = room.nbytes / 1e9
    return [Measurement("bag_read", size / seconds, "GB/s", size / reference, reference / seconds)]


def measure_open() -> list[Measurement]:
    """A manifest of 10,000 bags, against the bare Parquet table."""
    with TemporaryDirectory() as name:
        path = Path(name) / "manifest.parquet"
        entries = tuple(_entry(number) for number in range(ROWS))
        write_manifest(Manifest(path, "cohort", LAYOUT.classes, LAYOUT, None, entries), path)
        seconds, reference = side_by_side(lambda: read_manifest(path), lambda: pq.read_table(path), REPEATS)
    return [Measurement("manifest_open", seconds, "s", reference, reference / seconds)]


def _cohort(folder: Path) -> Manifest:
    """One bag per file; all hold the same noise, each on pages of its own."""
    bag = Bag(
        bag="bag",
        patches=_patches(0),
        split="train",
        label="focal",
        corners=np.zeros((INSTANCES, 3), np.int16),
        auxiliary={"bone": np.ones(INSTANCES, np.uint8)},
        described={"bone_fraction": np.ones(INSTANCES, np.float32)},
    )
    files = [folder / f"{number:03d}.parquet" for number in range(BAGS)]
    for path in files:
        write_bags([replace(bag, bag=path.stem)], LAYOUT, path)
    return manifest_of(files, "cohort")


def _patches(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((INSTANCES, *LAYOUT.shape), np.float32).astype(np.float16)


def _entry(number: int) -> Entry:
    return Entry(
        bag=f"scan-{number:05d}",
        patient=f"patient-{number // 2:05d}",
        split="train",
        label=number % 2,
        label_name=LAYOUT.classes[number % 2],
        site="north",
        instances=INSTANCES,
        path=f"../bags/cohort/scan-{number:05d}.parquet",
        row_group=0,
        digest=f"{number:064x}",
        attributes={"age": float(number % 90), "sex": "f" if number % 3 else "m"},
    )


READ = Benchmark(
    "bag_read",
    f"{BAGS} bags of {INSTANCES} patches of 16^3 float16 (1.9 GB), one file each, from the page cache into one array, "
    "with headers checked and labels read, against as many bytes of the same files by `np.fromfile`. The ratio says "
    "how many times faster Marrow is.",
    {"bag_read": Goal("value", "least", 1, "at least 1 GB/s")},
    measure_read,
)

OPEN = Benchmark(
    "manifest_open",
    f"A manifest of {ROWS:,} bags with two attributes, against the bare table by `pyarrow.parquet.read_table`.",
    {"manifest_open": Goal("value", "most", 1, "at most 1 s")},
    measure_open,
)
