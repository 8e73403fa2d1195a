"""What the benchmarks of training share: settings of methods and data sets, manifests of bag files, trainers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marrow.bags.bag import Layout
from marrow.bags.gather import fit_feature_scale, read_entries, with_classes, with_digests
from marrow.bags.manifest import Manifest
from marrow.device.checkpoint import Checkpoints
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.learning.training.interrupt import Interrupt
from marrow.learning.training.preparation import Preparation
from marrow.learning.training.trainer import Trainer
from marrow.planning.config import complete, read_schema
from marrow.planning.datasets import settings_schema
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods
from marrow.workflow.parse import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"


def dataset_settings(kind: str) -> dict[str, Any]:
    """The default settings of a kind of data set."""
    return complete({"kind": kind}, settings_schema(kind, read_schema(SCHEMAS / "datasets" / f"{kind}.yaml")))


def method_settings(
    method: str,
    layout: Layout,
    kind: str = "scans",
    training: Mapping[str, Any] | None = None,
    entries: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The settings of a preset, or of one of `entries`, for bags of a layout and kind; `training` overrides them."""
    instances = Instances(layout.shape, tuple(task.name for task in layout.tasks), (kind,))
    return read_methods(entries or {}, SCHEMAS).method(method, instances, training or {}).settings


def manifest_of(files: Sequence[Path], dataset: str, classes: Sequence[str] = ()) -> Manifest:
    """The manifest of generated bags, beside the first of their files; their classes are the layout's by default."""
    folder = files[0].parent
    layout, found = read_entries(files, folder)
    names = tuple(classes or layout.classes)
    entries = with_digests(with_classes(found, names), folder)
    scale = fit_feature_scale(entries, layout, folder)
    return Manifest(folder / "manifest.parquet", dataset, names, layout, scale, tuple(entries))


def trainer_of(
    prepared: Preparation, training: Mapping[str, Any], seed: int, checkpoints: Path | None = None
) -> Trainer:
    """A trainer; without a folder for checkpoints it writes none."""
    return Trainer(
        prepared.stepper,
        training,
        prepared.bags,
        prepared.validation,
        seed=seed,
        checkpoints=Checkpoints(checkpoints) if checkpoints else Checkpoints(Path("unused"), float("inf")),
        interrupt=Interrupt(),
        guard=OutOfMemoryGuard(prepared.encoder),
    )
