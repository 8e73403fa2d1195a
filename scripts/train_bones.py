"""Rule train_bones: trains the network that segments bones on the annotated scans."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from marrow.bones.segmentation.model_file import Purpose, save_network
from marrow.bones.segmentation.network import Architecture, ThreePathways
from marrow.bones.segmentation.prepare import read_body
from marrow.bones.segmentation.segments import Case
from marrow.bones.segmentation.training import Recipe, Trainer, write_history
from marrow.bones.table import mirrored_ids, read_bones
from marrow.device.checkpoint import Checkpoints
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.errors import NoneLeft
from marrow.imaging.volume import read_volume, voxels

_log = logging.getLogger(__name__)


def main(
    *,
    volumes: list[Path],
    bodies: list[Path],
    annotations: list[Path],
    bone_table: Path,
    network: Path,
    history: Path,
    training: list[str],
    validation: list[str],
    contrasts: list[str],
    architecture: dict[str, Any],
    settings: dict[str, Any],
    checkpoints: Path,
    threads: int,
) -> None:
    """Train.

    Args:
        volumes: the contrasts of the annotated scans, grouped by scan.
        bodies: the body mask of each scan, on the grid of its volumes.
        annotations: the bones of each scan, on that grid.
        bone_table: the classes.
        network: the model file to write, with the weights after the last epoch.
        history: a row for each epoch.
        training: ids of the training scans, in the order of the files.
        validation: ids of the validation scans, after them in the files.
        contrasts: names of the input contrasts.
        architecture: `width` and `depth`.
        settings: the section `bones.training` of the config.
        checkpoints: the folder of the last checkpoint of a training that was killed.
        threads: of the CPU, if there is no GPU.

    Raises:
        NoneLeft: all training scans were stopped.
    """
    bones = read_bones(bone_table)
    cases = _read_cases([*training, *validation], volumes, bodies, annotations, len(bones) + 1)
    training_cases = [cases[scan] for scan in training if scan in cases]
    if not training_cases:
        raise NoneLeft(
            "annotated_scans",
            f"each of the {len(training)} annotated scans that the network of bones learns from was stopped, so no "
            "bones can be found; mend them, annotate more, or name a trained network as bones.network.frozen",
        )
    recipe = Recipe(**settings)
    torch.manual_seed(recipe.seed)
    model = ThreePathways(Architecture(len(contrasts), len(bones) + 1, **architecture))
    with own_gpu():
        model = model.to(best_device(threads), memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]
        trainer = Trainer(model, recipe, mirrored_ids(bones))
        trainer.train(training_cases, [cases[scan] for scan in validation if scan in cases], Checkpoints(checkpoints))
    purpose = Purpose(tuple(bone.name for bone in bones), tuple(contrasts), training_cases[0].body.spacing_mm)
    save_network(model, purpose, network)
    write_history(trainer.history, history)


def _read_cases(
    scans: Sequence[str], volumes: Sequence[Path], bodies: Sequence[Path], annotations: Sequence[Path], classes: int
) -> dict[str, Case]:
    """The scans that were not stopped, by id."""
    cases: dict[str, Case] = {}
    channels = len(volumes) // len(scans)
    for index, (scan, body, annotation) in enumerate(zip(scans, bodies, annotations, strict=True)):
        contrasts = volumes[index * channels : (index + 1) * channels]
        if not all(path.stat().st_size for path in (*contrasts, body, annotation)):
            _log.warning("%s is left out: it was stopped", scan)
            continue
        network_input = read_body(contrasts, body)
        labels = read_volume(annotation)
        cases[scan] = Case.of(network_input, np.array(voxels(labels)[network_input.box], np.uint8), classes)
    return cases


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
