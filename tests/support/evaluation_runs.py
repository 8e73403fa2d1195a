"""Runs on disk without any training: manifests, predictions and histories as a run leaves them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.bag import Layout
from marrow.bags.header import KEY
from marrow.bags.manifest import Entry, Manifest, read_manifest, write_manifest
from marrow.evaluation.evaluated_runs import PlannedRun
from marrow.learning.inference import ModelOutput
from marrow.runs.tables import write_history, write_predictions
from marrow.workflow.fingerprint.values import canonical

CLASSES = ("non-active", "focal", "diffuse")


def manifest(path: Path, labels, *, dataset="scans", classes=CLASSES, patients=None, sites=None, split="test"):
    """A manifest of bags with these labels; a patient a bag unless told otherwise."""
    patients = patients or [f"P{index:04d}" for index in range(len(labels))]
    sites = sites or [""] * len(labels)
    entries = tuple(
        Entry(
            f"bag-{index:04d}", patient, split, int(label), classes[label], site, 1, "bags.parquet", index, f"{index}"
        )
        for index, (label, patient, site) in enumerate(zip(labels, patients, sites, strict=True))
    )
    layout = Layout(
        shape=(2,), dtype="float32", margin=0, channels=(), spacing_mm=None, tasks=(), instance_label="",
        instance_classes=(), flips=False, classes=(),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_manifest(Manifest(path, dataset, tuple(classes), layout, None, entries), path)
    return read_manifest(path)


def probabilities(labels, classes: int, skill: float, seed: int):
    """Class probabilities that know the label more or less."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=(len(labels), classes)) + skill * np.eye(classes)[np.asarray(labels)]
    raised = np.exp(scores)
    return raised / raised.sum(1, keepdims=True)


def save_predictions(of: Manifest, values, path: Path) -> Path:
    """The predictions of a run, as the trainer writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    verdicts = ModelOutput(np.asarray(values, np.float32), np.zeros(len(of.entries) + 1, np.int64), None, None, {})
    write_predictions(of, of.entries, verdicts, path)
    return path


def save_history(path: Path, epochs: int, tasks=("bone",), seed=0) -> Path:
    """The history of a run."""
    chance = np.random.default_rng(seed)
    rows = []
    for epoch in range(1, epochs + 1):
        row = {
            "epoch": epoch,
            "learning_rate": 5e-4,
            "loss_main": 1 / epoch + 0.1 * chance.random(),
            "weight_main": 1.0,
        }
        for task in tasks:
            row |= {f"loss_{task}": 2 / epoch, f"weight_{task}": 1 / epoch, f"norm2_{task}": 10.0 / epoch}
            row |= {f"dot_{task}": chance.normal(), f"cosine_{task}": chance.uniform(-1, 1), "norm2_main": 1.0}
        row |= {"attention_entropy": 0.9, "validation_loss": 1.1 / epoch + 0.2, "validation_f1": 0.5}
        rows.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_history(rows, path)
    return path


def planned(method="atmil", seed=0, dataset="scans", part="scans", title="") -> PlannedRun:
    return PlannedRun(dataset, method, title or method.upper(), seed, part)


def rewrite(path: Path, **changes) -> None:
    """Change what a table of predictions says of itself."""
    table = pq.read_table(path)
    about = {"dataset": "scans", "classes": list(CLASSES), "manifest": "0" * 64} | changes
    pq.write_table(pa.table(table).replace_schema_metadata({KEY: canonical(about)}), path)
