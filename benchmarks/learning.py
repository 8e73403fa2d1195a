"""Steps of training: against the bare passes of the same network, against a plain loop, and method against method.

The bag is one of ATMIL's: 755 patches of 16 voxels along each edge. Ours is timed as the trainer runs it, with order,
rates, watch over losses, weights and history, but without augmentation.
"""

import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.process import run_measured
from benchmarks.training import manifest_of, method_settings, trainer_of
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.file import write_bags
from marrow.bags.manifest import Manifest
from marrow.learning.training.preparation import prepare
from marrow.workflow.parse import REPOSITORY

INSTANCES, EDGE, BAGS, BONES = 755, 16, 4, 18
LAYOUT = Layout(
    (1, EDGE, EDGE, EDGE),
    "float16",
    channels=("b900",),
    tasks=(Task("bone", tuple(f"bone {number}" for number in range(BONES))),),
    classes=("non-active", "focal", "diffuse"),
)
METHODS = (
    "mil-max", "mil-attention", "uniform", "weighted-loss", "gradnorm", "cosine", "adaloss", "ol-aux", "atmil",
)  # fmt: skip
THREADS, REPEATS, EPOCHS = 2, 5, 10_000
CPU = torch.device("cpu")


def measure_overhead() -> list[Measurement]:
    """A step of the trainer with one auxiliary task, against forward, backward and Adam of the same model."""
    with _data_set() as manifest:
        trainer = _Epochs(manifest, "uniform")
        bare = _bare(_Epochs(manifest, "uniform"))
        ours, theirs = _per_step(trainer, bare)
    return [Measurement("trainer_overhead", ours, "s", theirs, ours / theirs)]


def measure_methods() -> list[Measurement]:
    """A step of each method against one of uniform, and the memory of a process that trains by it."""
    found: list[Measurement] = []
    with _data_set() as manifest:
        for method in METHODS:
            ours, uniform = _per_step(_Epochs(manifest, method), _Epochs(manifest, "uniform"))
            found.append(Measurement(f"step_{method}", ours, "s", uniform, ours / uniform))
    atmil = found[-1]
    memory = [Measurement(f"memory_{method}", _peak(method), "GB") for method in METHODS]
    return [Measurement("gramian_step", atmil.value, "s", atmil.reference, atmil.ratio), *found, *memory]


def measure_plain_loop() -> list[Measurement]:
    """A step of ATMIL's attention model, against a loop as one writes it first."""
    with _data_set() as manifest:
        ours, theirs = _per_step(_Epochs(manifest, "mil-attention"), _plain_loop(manifest))
    return [Measurement("step_plain_loop", ours, "s", theirs, theirs / ours)]


Epoch = Callable[[], object]


def _peak(method: str) -> float:
    """Memory that a process needs at most which trains an epoch, in GB."""
    return run_measured([sys.executable, "-m", "benchmarks.learning", method], REPOSITORY)[0].peak_gb


def _per_step(ours: Epoch, theirs: Epoch) -> tuple[float, float]:
    """Median seconds of a step of each, an epoch of one after an epoch of the other."""
    ours()
    theirs()  # what is slow only the first time is over now
    seconds = side_by_side(ours, theirs, REPEATS)
    return seconds[0] / BAGS, seconds[1] / BAGS


@contextmanager
def _data_set() -> Generator[Manifest]:
    """Bags of noise in files of their own, with a manifest."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        yield manifest_of([_written(Path(folder), number) for number in range(BAGS)], "noise")


def _written(folder: Path, number: int) -> Path:
    chance = np.random.default_rng(number)
    bag = Bag(
        bag=f"bag-{number}",
        patches=chance.normal(10, 5, (INSTANCES, *LAYOUT.shape)).astype(np.float16),
        auxiliary={"bone": chance.integers(0, BONES, INSTANCES).astype(np.uint8)},
        split="train",
        label=LAYOUT.classes[number % len(LAYOUT.classes)],
    )
    path = folder / f"{bag.bag}.parquet"
    write_bags([bag], LAYOUT, path)
    return path


class _Epochs:
    """A training by a method, epoch after epoch."""

    def __init__(self, manifest: Manifest, method: str) -> None:
        settings = method_settings(method, LAYOUT)
        prepared = prepare(manifest, settings, None, 0, CPU, THREADS)
        training = {**settings["training"], "epochs": EPOCHS, "choose": "last", "patience": None}
        self.stepper, self.bags = prepared.stepper, prepared.bags
        self._trainer = trainer_of(prepared, training, 0)

    def __call__(self) -> None:
        """Train for another epoch."""
        self._trainer.run_epoch()


def _bare(like: _Epochs) -> Epoch:
    """Forward, backward and Adam on the same packed bags, which lie there ready."""
    model = like.stepper.model
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-4, fused=True)
    batches = [like.bags.batch([position]) for position in range(BAGS)]

    def epoch() -> None:
        for batch in batches:
            optimiser.zero_grad()
            answers = model(batch.patches, batch.segments)
            loss = nn.functional.cross_entropy(answers.pooled.logits, batch.labels)
            loss = loss + nn.functional.cross_entropy(answers.auxiliary["bone"], batch.auxiliary["bone"])
            loss.backward()
            optimiser.step()

    return epoch


class _Bags(Dataset[tuple[Tensor, int]]):
    """Bags read from Parquet one by one, as a first script does."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def __len__(self) -> int:
        return len(self._manifest.entries)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        entry = self._manifest.entries[index]
        column = pq.read_table(self._manifest.file_of(entry), columns=["patch"])["patch"].to_pylist()
        values = np.frombuffer(b"".join(column), "<f2").reshape(-1, *LAYOUT.shape)
        return torch.from_numpy(values.astype(np.float32)), entry.label


class _PlainModel(nn.Module):
    """The same layers, as the paper's readers would write them down."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv3d(1, 20, 5), nn.ReLU(), nn.MaxPool3d(2), nn.Conv3d(20, 50, 5), nn.ReLU(), nn.MaxPool3d(2),
            nn.Flatten(), nn.Linear(50, 500), nn.ReLU(),
        )  # fmt: skip
        self.attention = nn.Sequential(nn.Linear(500, 128), nn.Tanh(), nn.Linear(128, 1))
        self.classifier = nn.Linear(500, len(LAYOUT.classes))

    def forward(self, patches: Tensor) -> Tensor:
        embeddings = self.encoder(patches)
        weights = torch.softmax(self.attention(embeddings), 0)
        return self.classifier((weights * embeddings).sum(0, keepdim=True))


def _plain_loop(manifest: Manifest) -> Epoch:
    loader = DataLoader(_Bags(manifest), batch_size=None, shuffle=True)
    model = _PlainModel()
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-4)

    def epoch() -> None:
        for patches, label in loader:
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model((patches - 10) / 5), torch.tensor([int(label)]))
            loss.backward()
            optimiser.step()

    return epoch


_BAG = f"a bag of {INSTANCES} patches of {EDGE} voxels along each edge, on {THREADS} threads of the processor"
OVERHEAD = Benchmark(
    "trainer_overhead",
    f"A step of the trainer, uniform weighting of one auxiliary task, {_BAG}; against forward, backward and Adam of "
    "the same model on the same packed bag. The ratio is ours over theirs.",
    {"trainer_overhead": Goal("ratio", "most", 1.10, "at most 10 % more")},
    measure_overhead,
)
METHOD_STEPS = Benchmark(
    "gramian_step",
    f"A step of each of ATMIL's nine methods against one of uniform: {_BAG}. `gramian_step` is that of ATMIL. "
    "`memory` is that of a process that trains an epoch of four such bags.",
    {
        "gramian_step": Goal("ratio", "most", 1.75, "at most 1.75 times uniform"),
        **{f"step_{method}": Goal("ratio", "most", float("inf"), "none") for method in METHODS},
        **{f"memory_{method}": Goal("value", "most", float("inf"), "none") for method in METHODS},
    },
    measure_methods,
)
PLAIN_LOOP = Benchmark(
    "step_plain_loop",
    f"A step of attention MIL, {_BAG}; against a plain loop: bags from Parquet through a DataLoader, one at a time, "
    "contiguous convolutions, ReLU, max pooling. The ratio says how many times faster Marrow is.",
    {"step_plain_loop": Goal("ratio", "least", 2, "at least 2 times faster")},
    measure_plain_loop,
)

if __name__ == "__main__":
    with _data_set() as noise:
        _Epochs(noise, sys.argv[1])()
