"""Which poolings pass the algorithmic unit tests: `python -m benchmarks.concepts FOLDER` prints the table in docs.

Each pooling is trained on each of the three sets with each seed, as its preset says but in fewer epochs and with more
bags a step. A run that stands in FOLDER is not trained again, so a call that was ended goes on where it was.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.training import SCHEMAS, manifest_of, method_settings, trainer_of
from marrow.bags.manifest import Manifest
from marrow.datasets import concepts
from marrow.datasets.shared.generated import write_block
from marrow.learning.inference import predict
from marrow.learning.training.preparation import prepare
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods

TESTS = ("single", "multi", "frequency")


def _log_mean_exp(level: str) -> dict[str, Any]:
    title = f"{level.capitalize()}+log-mean-exp"
    return {"preset": "attention", "title": title, "pooling": {"kind": "log-mean-exp", "level": level, "r": 1}}


# What has no preset.
ENTRIES = {f"{level}-log-mean-exp": _log_mean_exp(level) for level in ("instance", "embedding")}
METHODS = (
    "instance-max", "instance-log-mean-exp", "instance-mean", "embedding-max", "embedding-log-mean-exp",
    "embedding-mean", "attention", "gated-attention", "loss-attention",
)  # fmt: skip
SEEDS, FEATURES = 3, 32
BAGS = {"train": 1000, "validation": 200, "test": 400}
TRAINING = {"epochs": 20, "bags_per_step": 8, "learning_rate": 0.001}
PASSED, SHORTCUT = 0.9, 0.5
TABLE = "areas.csv"


@dataclass(frozen=True)
class Area:
    """How well a trained pooling tells positive bags from negative ones, as areas under the ROC curve.

    Those of `validation` are like those of training, the shortcut included; in those that are `tested` it is punished.
    """

    test: str
    method: str
    seed: int
    validation: float
    tested: float


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description="Run the algorithmic unit tests of every pooling.")
    parser.add_argument("folder", type=Path, help="where finished runs are noted")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds")
    given = parser.parse_args(words)
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    noted = given.folder / TABLE
    done = {(area.test, area.method, area.seed) for area in read_areas(noted)}
    for seed in range(given.seeds):
        for test in TESTS:
            missing = [method for method in METHODS if (test, method, seed) not in done]
            for area in areas(test, missing, seed, given.folder):
                append_area(area, noted)
    sys.stdout.writelines(f"{line}\n" for line in table(read_areas(noted)))


def areas(
    test: str,
    methods: Iterable[str],
    seed: int,
    folder: Path,
    bags: Mapping[str, int] = BAGS,
    training: Mapping[str, Any] = TRAINING,
) -> Iterator[Area]:
    """Train poolings on one set, one after another; of what lies in `folder` the checkpoints stay."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        manifest = data_set(test, seed, Path(made), bags)
        for method in methods:
            yield Area(test, method, seed, *_trained(manifest, method, seed, folder, training))


def data_set(test: str, seed: int, folder: Path, bags: Mapping[str, int]) -> Manifest:
    """The bags of a set, written to a folder."""
    settings = {"test": test, "seed": seed, "features": FEATURES}
    files = [folder / f"{split}.parquet" for split in bags]
    for file, (split, count) in zip(files, bags.items(), strict=True):
        write_block(concepts, {}, file, settings, split, 0, count)
    return manifest_of(files, test)


def verdict(found: Sequence[Area]) -> str:
    """What the areas of all seeds say of a pooling on one set."""
    if min(area.tested for area in found) >= PASSED:
        return "passes"
    if mean(area.validation for area in found) < PASSED:
        return "does not learn it"
    return "takes the shortcut" if mean(area.tested for area in found) < SHORTCUT else "fails"


def table(found: Sequence[Area]) -> list[str]:
    """Markdown: a row a pooling; for each set the areas of validation and test, means over seeds, and the verdict."""
    titles = read_methods(ENTRIES, SCHEMAS)
    instances = Instances((FEATURES,), (), ("concepts",))
    lines = ["| pooling | " + " | ".join(f"`{test}`" for test in TESTS) + " |", "|---|" + "---|" * len(TESTS)]
    for method in METHODS:
        cells = [_cell([area for area in found if (area.method, area.test) == (method, test)]) for test in TESTS]
        lines.append(f"| {titles.method(method, instances, {}).title} | {' | '.join(cells)} |")
    return lines


def read_areas(path: Path) -> list[Area]:
    """The runs that were noted; none where there is no file."""
    return [Area(*row) for row in pd.read_csv(path).itertuples(index=False)] if path.exists() else []


def append_area(area: Area, path: Path) -> None:
    """Note a run."""
    pd.DataFrame([asdict(area)]).to_csv(path, mode="a", header=not path.exists(), index=False)


def _cell(found: Sequence[Area]) -> str:
    if not found:
        return "not run"
    return f"{mean(area.validation for area in found):.2f}, {mean(area.tested for area in found):.2f}: {verdict(found)}"


def _trained(
    manifest: Manifest, method: str, seed: int, folder: Path, training: Mapping[str, Any]
) -> tuple[float, float]:
    """Train a pooling; its areas on validation and test bags."""
    settings = method_settings(method, manifest.layout, "concepts", training, ENTRIES)
    prepared = prepare(manifest, settings, None, seed, torch.device("cpu"), 1)
    trainer_of(prepared, settings["training"], seed, folder / f"{manifest.dataset}-{method}-{seed}").train()
    positive = predict(prepared.stepper.model, prepared.all, prepared.encoder).probabilities[:, 1]
    return _area(manifest, positive, "validation"), _area(manifest, positive, "test")


def _area(manifest: Manifest, positive: np.ndarray, split: str) -> float:
    inside = np.array([entry.split == split for entry in manifest.entries])
    labels = np.array([entry.label for entry in manifest.entries])
    return float(roc_auc_score(labels[inside], positive[inside]))


if __name__ == "__main__":
    main()
