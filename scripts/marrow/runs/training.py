"""One run: a method trained on a data set with one seed, from the bags to the files."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from marrow.bags.manifest import Manifest
from marrow.device.checkpoint import Checkpoints
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.files import write_text
from marrow.learning.feed.augmenter import Augmenter
from marrow.learning.feed.feed import Feed
from marrow.learning.model import Model
from marrow.learning.training.interrupt import Interrupt
from marrow.learning.training.preparation import Preparation, prepare
from marrow.learning.training.trainer import Trainer
from marrow.runs.columns import manifest_digest
from marrow.runs.files import RunFiles
from marrow.runs.model_file import About, save_model
from marrow.runs.tables import write_history
from marrow.runs.tensorboard import FOLDER, write_scalars


@dataclass(frozen=True)
class MethodOnData:
    """What all runs of a method on the training and validation bags of a data set have in common."""

    bags: Manifest
    method: str
    settings: Mapping[str, Any]
    augmentation: Augmenter | None
    device: torch.device
    threads: int


class Training:
    """A run: its model and data are prepared, and `trainer` trains, from where one that was stopped or killed left off.

    `shared` are all bags, where another run has them at hand; `experts` the two models that the run starts from.
    """

    def __init__(
        self,
        common: MethodOnData,
        seed: int,
        checkpoints: Path,
        interrupt: Interrupt,
        shared: Feed | None = None,
        experts: Sequence[Model] = (),
    ) -> None:
        self._common, self._seed = common, seed
        self.prepared = prepare(
            common.bags,
            common.settings,
            common.augmentation,
            seed,
            common.device,
            common.threads,
            shared=shared,
            experts=experts,
        )
        self.guard = OutOfMemoryGuard(self.prepared.encoder)
        self.trainer = Trainer(
            self.prepared.stepper,
            common.settings["training"],
            self.prepared.bags,
            self.prepared.validation,
            seed=seed,
            checkpoints=Checkpoints(checkpoints),
            interrupt=interrupt,
            guard=self.guard,
        )

    def write(self, files: RunFiles, **more: Any) -> None:
        """Write the trained model and how it was trained; `more` are further entries of the summary."""
        common, prepared, trainer = self._common, self.prepared, self.trainer
        about = About(
            common.method, common.settings, self._seed, common.bags.dataset, common.bags.classes, common.bags.layout
        )
        save_model(prepared.stepper.model, about, files.model)
        write_history(trainer.history, files.history)
        summary = {
            "dataset": common.bags.dataset,
            "manifest": manifest_digest(common.bags),
            "method": common.method,
            "seed": self._seed,
            "settings": common.settings,
            "epochs": trainer.progress.epoch,
            "chosen_epoch": trainer.chosen_epoch,
            **_made_with(prepared),
            **more,
        }
        write_text(files.summary, json.dumps(summary, indent=1) + "\n")
        if board := os.environ.get(FOLDER):
            write_scalars(trainer.history, Path(board) / common.bags.dataset / common.method / f"seed-{self._seed}")


def _made_with(prepared: Preparation) -> dict[str, Any]:
    model = prepared.stepper.model
    device = next(iter(model.state_dict().values())).device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": str(prepared.encoder.precision).removeprefix("torch."),
        "chunk": prepared.encoder.chunk,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
