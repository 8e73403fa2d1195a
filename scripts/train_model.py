"""Rule train_model: one run, which is one method trained on one data set with one seed."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from marrow.augment.settings import Augmentation
from marrow.bags.manifest import read_manifest
from marrow.checkpoint import Checkpoints
from marrow.device import best_device
from marrow.files import write_text
from marrow.gpu_slots import own_gpu
from marrow.learning.deterministic import deterministic
from marrow.learning.inference import judge
from marrow.learning.interrupt import listening
from marrow.learning.out_of_memory import OutOfMemoryGuard
from marrow.learning.preparation import Preparation, prepare
from marrow.learning.trainer import Trainer
from marrow.runs.model_file import About, save_model
from marrow.runs.names import manifest_digest
from marrow.runs.scalars import FOLDER, check_tensorboard, write_scalars
from marrow.runs.tables import write_history, write_instances, write_predictions


def main(
    *,
    manifest: Path,
    model: Path,
    history: Path,
    predictions: Path,
    instances: Path,
    summary: Path,
    method: str,
    seed: int,
    settings: dict[str, Any],
    augmentation: dict[str, Any] | None,
    checkpoints: Path,
    threads: int,
) -> None:
    """Train, choose an epoch, and say what the model makes of every bag.

    Args:
        manifest: of the data set.
        model: the weights of the chosen epoch, with what they are for.
        history: a row for each epoch.
        predictions: a row for each bag.
        instances: a row for each instance.
        summary: of the run, JSON.
        method: its name.
        seed: of weights, dropout, order and augmentation.
        settings: encoder, pooling, auxiliary, weighting and training of the method.
        augmentation: the section `augmentation` of the config; None to see instances as they are.
        checkpoints: where a training that was stopped or killed left off.
        threads: of the processor.
    """
    if board := os.environ.get(FOLDER):
        check_tensorboard()
    bags = read_manifest(manifest)
    augmented = Augmentation(**augmentation) if augmentation else None
    with own_gpu(), deterministic(settings["training"]["deterministic"]), listening() as interrupt:
        prepared = prepare(bags, settings, augmented, seed, best_device(threads), threads)
        guard = OutOfMemoryGuard(prepared.encoder)
        trainer = Trainer(
            prepared.stepper,
            settings["training"],
            prepared.bags,
            prepared.validation,
            seed=seed,
            checkpoints=Checkpoints(checkpoints),
            interrupt=interrupt,
            guard=guard,
        )
        trainer.train()
        verdicts = guard.attempt(lambda: judge(prepared.stepper.model, prepared.all, prepared.encoder))
    about = About(method, settings, seed, bags.dataset, bags.classes, bags.layout)
    save_model(prepared.stepper.model, about, model)
    write_history(trainer.history, history)
    write_predictions(bags, prepared.all.entries, verdicts, predictions)
    write_instances(bags, prepared.all.entries, verdicts, instances)
    told = {
        "dataset": bags.dataset,
        "manifest": manifest_digest(bags),
        "method": method,
        "seed": seed,
        "settings": settings,
        "epochs": trainer.at.epoch,
        "chosen_epoch": trainer.chosen_epoch,
        **_made_with(prepared),
    }
    write_text(summary, json.dumps(told, indent=1) + "\n")
    if board:
        write_scalars(trainer.history, Path(board) / bags.dataset / method / f"seed-{seed}")


def _made_with(prepared: Preparation) -> dict[str, Any]:
    model = prepared.stepper.model
    device = next(model.parameters()).device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": str(prepared.encoder.precision).removeprefix("torch."),
        "chunk": prepared.encoder.chunk,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


if __name__ == "__main__":
    from marrow.stage import run

    run(main)
