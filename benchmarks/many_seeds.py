"""Runs an hour: several seeds in one process, against one process a run, one after another and all at once.

A small network leaves a GPU idle at one bag a step, and a processor at rows of a table. Only the training and what
follows it is timed, not the start of a process, which would favour a single one. `python -m benchmarks.many_seeds
SIDE NAME FOLDER` does the work of one process.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

import train_model
import train_seeds
import write_manifest
from benchmarks.measurement import Benchmark, Goal, Measurement, seconds_of
from benchmarks.training import method_settings
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.file import write_bags
from marrow.errors import MarrowError
from marrow.runs.files import RunFiles
from marrow.workflow.parse import REPOSITORY

BAGS, INSTANCES, SPREAD = 50, 10, 2  # the bags of attention MIL's smallest training set
EPOCHS, THREADS, KINDS = 6, 1, 4
SEEDS, SEEDS_ON_A_GPU = 4, 8
SECONDS_AN_HOUR = 3600
MEBIBYTES = 1000
METHOD = "atmil"


_KIND = Task("kind", tuple(f"kind {number}" for number in range(KINDS)))
DATA: Mapping[str, Layout] = {
    "pictures": Layout((1, 28, 28), "uint8", channels=("ink",), tasks=(_KIND,), classes=("no", "yes")),
    "table": Layout((166,), "float32", tasks=(_KIND,), classes=("no", "yes")),
}


def measure() -> list[Measurement]:
    """Both data sets; the first is the one that counts."""
    return [found for name in DATA for found in _measured(name)]


def _measured(name: str) -> list[Measurement]:
    with TemporaryDirectory() as place:
        folder = Path(place)
        _write(name, folder)
        seeds = _seeds()
        in_one = seeds / max(_at_once([["in_one_process", name, place]]))
        in_turn = seeds / sum(_at_once([["alone", name, place, str(seed)]])[0] for seed in range(seeds))
        at_once = seeds / max(_at_once([["alone", name, place, str(seed)] for seed in range(seeds)]))
    id_ = "many_seeds" if name == "pictures" else f"many_seeds_{name}"
    return [
        Measurement(name, in_one * SECONDS_AN_HOUR, "runs an hour", other * SECONDS_AN_HOUR, in_one / other)
        for name, other in ((id_, in_turn), (f"{id_}_at_once", at_once))
    ]


def _seeds() -> int:
    return SEEDS_ON_A_GPU if torch.cuda.is_available() else SEEDS


def _at_once(jobs: Sequence[Sequence[str]]) -> list[float]:
    """The seconds that each of some processes tells, all running at the same time."""
    command = [sys.executable, "-m", "benchmarks.many_seeds"]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY / 'scripts'}:{REPOSITORY}",
        "OMP_NUM_THREADS": str(THREADS),
    }
    running = [
        subprocess.Popen([*command, *job], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for job in jobs
    ]
    told = [process.communicate() for process in running]
    for process, (_, complaint) in zip(running, told, strict=True):
        if process.returncode:
            raise MarrowError(f"a process of many_seeds ended with {process.returncode}:\n{complaint[-2000:]}")
    return [float(seconds.split()[-1]) for seconds, _ in told]


def _write(name: str, folder: Path) -> None:
    """Bags of noise, of about as many instances as MNIST-bags have."""
    layout, chance = DATA[name], np.random.default_rng(0)
    bags = [
        _bag(layout, chance, f"{split}-{number}", split, number)
        for split, count in (("train", BAGS), ("test", 2))
        for number in range(count)
    ]
    write_bags(bags, layout, folder / "bags.parquet")
    write_manifest.main(
        bags=[folder / "bags.parquet"],
        manifest=folder / "manifest.parquet",
        dataset=name,
        classes=[],
        rows=[],
        selection={},
    )


def _bag(layout: Layout, chance: np.random.Generator, bag: str, split: str, number: int) -> Bag:
    instances = max(2, round(chance.normal(INSTANCES, SPREAD)))
    return Bag(
        bag=bag,
        patches=chance.integers(0, 256, (instances, *layout.shape)).astype(layout.dtype),
        auxiliary={"kind": chance.integers(0, KINDS, instances).astype(np.uint8)},
        split=split,
        label=layout.classes[number % len(layout.classes)],
    )


def _work(side: str, name: str, folder: Path, seed: int) -> None:
    """What one process does: a run, or several."""
    os.chdir(folder)
    settings = method_settings(METHOD, DATA[name], training={"epochs": EPOCHS, "augment": False})
    manifest = folder / "manifest.parquet"
    if side == "in_one_process":
        place, seeds = folder / "in_one_process", list(range(_seeds()))
        place.mkdir()
        train_seeds.main(
            manifest=manifest,
            trained=place / "trained.json",
            method=METHOD,
            seeds=seeds,
            folders=[f"results/runs/{seed}" for seed in seeds],
            settings=settings,
            augmentation=None,
            seeds_per_process=len(seeds),
            archive_mb=MEBIBYTES,
            threads=THREADS,
        )
        return
    place = folder / f"alone-{seed}"
    place.mkdir(exist_ok=True)
    files = RunFiles.within(place)
    train_model.main(
        manifest=manifest,
        model=files.model,
        history=files.history,
        summary=files.summary,
        method=METHOD,
        seed=seed,
        settings=settings,
        augmentation=None,
        attributes=None,
        experts=[],
        checkpoints=place / "checkpoints",
        threads=THREADS,
    )


_MORE = Goal("ratio", "least", 1.0, "more on a GPU")
_TABLE = Goal("ratio", "least", 1.0, "more on a GPU or a processor")
MANY_SEEDS = Benchmark(
    "many_seeds",
    f"Runs an hour of ATMIL on {BAGS} bags of about {INSTANCES} pictures of 28 pixels, then on rows of a table with "
    f"166 features, {EPOCHS} epochs: {SEEDS} seeds in one process ({SEEDS_ON_A_GPU} on a GPU), against a process for "
    "each, one after another; `at_once` against all of these side by side. The start of processes is not timed. The "
    "ratio is ours over theirs.",
    {
        "many_seeds": _MORE,
        "many_seeds_at_once": _MORE,
        "many_seeds_table": _TABLE,
        "many_seeds_table_at_once": _TABLE,
    },
    measure,
    on_request=True,
)

if __name__ == "__main__":
    _side, _name, _place, *_seed = sys.argv[1:]
    if torch.cuda.is_available():
        torch.zeros(1, device="cuda")  # CUDA has started now
    sys.stdout.write(f"{seconds_of(lambda: _work(_side, _name, Path(_place), int(_seed[0]) if _seed else 0))}\n")
