"""Prints how a mixture of experts does with signal in pictures, in attributes, or in both, for docs/results/mixture.md.

    PYTHONPATH=scripts python -m benchmarks.mixture 5

Bags are simulated: 4 to 8 rows of 6 normal numbers. In a positive bag a third of the rows have their first number
shifted by `in_rows`, and both attributes, normal, by `in_attributes`, in standard deviations. Three methods see them:
the expert on rows, the expert on attributes, and the mixture of both trained from scratch. The epoch is chosen on
validation bags.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ttest_rel
from sklearn.metrics import roc_auc_score

from benchmarks.training import SCHEMAS, manifest_of
from marrow.bags.attributes import Attribute
from marrow.bags.bag import Bag, Layout
from marrow.bags.file import write_bags
from marrow.bags.manifest import Manifest
from marrow.device.device import best_device
from marrow.learning.inference import predict
from marrow.learning.training.interrupt import Interrupt
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods
from marrow.runs.training import MethodOnData, Training

SPLITS = {"train": 1000, "validation": 300, "test": 1000}
LAYOUT = Layout((6,), "float32", classes=("negative", "positive"))
ATTRIBUTES = (Attribute("age"), Attribute("protein"))
TRAINING = {"epochs": 25, "bags_per_step": 32, "learning_rate": 0.001, "weight_decay": 0.001, "choose": "loss"}
METHODS = {"rows": "picture-expert", "attributes": "attribute-expert", "mixture": "expert-mixture"}
SIGNALS = {"both": (2.5, 1.0), "rows alone": (2.5, 0.0), "attributes alone": (0.0, 1.0)}


def bags(split: str, count: int, in_rows: float, in_attributes: float) -> Iterator[Bag]:
    """The bags of a split, every other one positive."""
    for number in range(count):
        chance = np.random.default_rng([7, len(split), number])
        positive = number % 2
        rows = chance.normal(size=(int(chance.integers(4, 9)), LAYOUT.shape[0]))
        rows[: max(1, len(rows) // 3), 0] += in_rows * positive
        values = {each.name: float(chance.normal(in_attributes * positive)) for each in ATTRIBUTES}
        yield Bag(
            f"{split}-{number:04d}",
            rows.astype(np.float32),
            split=split,
            label=LAYOUT.classes[positive],
            attributes=values,
        )


def auc_and_share(manifest: Manifest, settings: Mapping[str, Any], seed: int) -> tuple[float, float]:
    """The AUC of a run on the test bags, and the mean share of the rows in its verdicts; NaN where there is none."""
    common = MethodOnData(manifest, "method", settings, None, best_device(1), 1)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(common, seed, Path(folder), Interrupt())
        training.trainer.train()
    feed = training.prepared.all.part(manifest.of_split("test"))
    output = predict(training.prepared.stepper.model, feed)
    share = float(output.experts.share.mean()) if output.experts else float("nan")
    return float(roc_auc_score(feed.labels, output.probabilities[:, 1])), share


def main(seeds: int) -> None:
    """Print a row for each place of the signal."""
    methods = read_methods({}, SCHEMAS)
    instances = Instances(LAYOUT.shape, (), ("concepts",), attributes=ATTRIBUTES)
    settings = {name: methods.method(method, instances, TRAINING).settings for name, method in METHODS.items()}
    for signal, (in_rows, in_attributes) in SIGNALS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bags.parquet"
            made = [bag for split, count in SPLITS.items() for bag in bags(split, count, in_rows, in_attributes)]
            write_bags(made, LAYOUT, path)
            manifest = manifest_of([path], "simulated")
            runs = {
                name: [auc_and_share(manifest, each, seed) for seed in range(seeds)] for name, each in settings.items()
            }
        auc = {name: np.array([area for area, _ in values]) for name, values in runs.items()}
        best = max(("rows", "attributes"), key=lambda name: auc[name].mean())
        difference = auc["mixture"] - auc[best]
        told = [f"{name} {values.mean():.4f} ± {values.std(ddof=1):.4f}" for name, values in auc.items()]
        share = float(np.mean([share for _, share in runs["mixture"]]))
        p = float(ttest_rel(auc["mixture"], auc[best]).pvalue)
        print(f"{signal}: {', '.join(told)}; over {best} {difference.mean():+.4f}, p {p:.2g}; share {share:.2f}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
