"""Attention MIL on MNIST-bags against torchmil: the same network, bags, optimiser and epochs; how fast, and how good.

torchmil pads bags into batches and trains through its own `Trainer`; the encoder that it is given has LeNet's layers.
Both sides look at the validation bags after each epoch and end with the weights of the lowest loss. The time is that of
all this, from bags in memory to those weights.
"""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.measurement import Benchmark, Goal, Measurement, seconds_of
from benchmarks.public_data import mnist_folder
from benchmarks.training import dataset_settings, manifest_of, method_settings, trainer_of
from marrow.bags.bag import Bag
from marrow.bags.file import read_bags
from marrow.bags.manifest import Manifest
from marrow.datasets import mnist_bags
from marrow.datasets.shared.generated import write_block
from marrow.learning.inference import predict
from marrow.learning.training.preparation import prepare

BAGS = {"train": 200, "validation": 50, "test": 500}
EPOCHS, SEEDS, THREADS = 20, 3, 2
LEARNING_RATE, WEIGHT_DECAY = 5e-4, 1e-4
_ID = "mnist_torchmil"

Splits = Mapping[str, Sequence[Bag]]


def measure() -> list[Measurement]:
    """Median seconds of a training, and mean area under the ROC curve on test bags; one side after the other."""
    torch.set_num_threads(THREADS)
    settings, sources = dataset_settings("mnist_bags"), {"mnist": mnist_folder(_ID)}
    with tempfile.TemporaryDirectory() as folder:
        files = {split: Path(folder) / f"{split}.parquet" for split in BAGS}
        for split, count in BAGS.items():
            write_block(mnist_bags, sources, files[split], settings, split, 0, count)
        manifest = manifest_of(list(files.values()), "mnist")
        bags = {split: read_bags(file)[1] for split, file in files.items()}
        ours, theirs = zip(*((_ours(manifest, seed), _theirs(bags, seed)) for seed in range(SEEDS)), strict=True)
    seconds, other_seconds = (statistics.median(side[0] for side in sides) for sides in (ours, theirs))
    area, other_area = (statistics.fmean(side[1] for side in sides) for sides in (ours, theirs))
    return [
        Measurement(_ID, seconds, "s", other_seconds, other_seconds / seconds),
        Measurement(f"{_ID}_auc", area, "AUC", other_area, area / other_area),
    ]


def _ours(manifest: Manifest, seed: int) -> tuple[float, float]:
    """Seconds of a training, and the area."""
    training = {"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "choose": "loss"}
    settings = method_settings("attention", manifest.layout, "mnist_bags", training)
    prepared = prepare(manifest, settings, None, seed, torch.device("cpu"), THREADS)
    seconds = seconds_of(trainer_of(prepared, settings["training"], seed).train)
    tested = prepared.all.part([entry for entry in prepared.all.entries if entry.split == "test"])
    found = predict(prepared.stepper.model, tested, prepared.encoder).probabilities[:, 1]
    return seconds, float(roc_auc_score(tested.labels, found))


def _theirs(bags: Splits, seed: int) -> tuple[float, float]:
    """The same with torchmil."""
    collate: Any = import_module("torchmil.data").collate_fn
    torch.manual_seed(seed)
    loaders = {split: _loader(made, split == "train", collate) for split, made in bags.items()}
    model: Any = import_module("torchmil.models").ABMIL(in_shape=(1, 28, 28), att_dim=128, feat_ext=_LeNet())
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    trainer: Any = import_module("torchmil.utils").Trainer(
        model, optimiser, obj_metric="loss", obj_metric_mode="min", device="cpu", disable_pbar=True, verbose=False
    )
    seconds = seconds_of(lambda: trainer.train(EPOCHS, loaders["train"], loaders["validation"]))
    best = trainer.get_best_model().eval()
    with torch.inference_mode():
        found = [(float(batch["Y"]), float(best(batch["X"], batch["mask"]))) for batch in loaders["test"]]
    return seconds, float(roc_auc_score(*zip(*found, strict=True)))


def _loader(bags: Sequence[Bag], shuffled: bool, collate: Callable[..., Any]) -> DataLoader[Any]:
    """Bags one at a time, in numbers of mean 0 and standard deviation 1 of MNIST."""
    tensors = [torch.from_numpy(((bag.patches / 255 - 0.1307) / 0.3081).astype(np.float32)) for bag in bags]
    labels = [torch.tensor(int(bag.label != mnist_bags.NONE)) for bag in bags]
    items: Any = [{"X": tensor, "Y": label} for tensor, label in zip(tensors, labels, strict=True)]
    return DataLoader(items, batch_size=1, shuffle=shuffled, collate_fn=collate)


class _LeNet(nn.Module):
    """LeNet's layers on the instances of padded bags."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(800, 500), nn.ReLU(),
        )  # fmt: skip

    def forward(self, instances: Tensor) -> Tensor:
        """(..., 1, 28, 28) to (..., 500)."""
        return self.layers(instances.flatten(end_dim=-4)).unflatten(0, instances.shape[:-3])


MNIST = Benchmark(
    _ID,
    f"Attention MIL on {BAGS['train']} MNIST-bags of about 10 digits, {EPOCHS} epochs, {THREADS} threads, against "
    f"torchmil's ABMIL with the same network, bags and Adam: median seconds of a training, and mean area under the ROC "
    f"curve on {BAGS['test']} test bags, over {SEEDS} seeds.",
    {
        _ID: Goal("ratio", "least", 1, "faster"),
        f"{_ID}_auc": Goal("ratio", "least", 1, "at least as accurate"),
    },
    measure,
)
