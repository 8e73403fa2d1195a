"""Rule segment_bones: segments the bones of a scan with a trained network."""

import logging
from pathlib import Path

import numpy as np
import torch

from marrow.bones.segmentation.model_file import load_network
from marrow.bones.segmentation.model_header import Purpose
from marrow.bones.segmentation.prepare import read_body
from marrow.bones.segmentation.tile_memory import tile_mb as affordable_mb
from marrow.bones.segmentation.tiles import find_bones
from marrow.bones.table import read_bones
from marrow.device.device import best_device, free_on
from marrow.device.gpu_slots import own_gpu
from marrow.imaging.volume import read_volume, with_voxels, write_volume

_log = logging.getLogger(__name__)


def main(
    *,
    volumes: list[Path],
    body_resampled: Path,
    network: Path,
    bone_table: Path,
    found: Path,
    contrasts: list[str],
    tile_mb: int | None,
    threads: int,
) -> None:
    """Label every voxel of the body.

    Args:
        volumes: the contrasts that the network reads, in the order of `contrasts`.
        body_resampled: the body mask on their grid.
        network: the weights, as `train_bones` writes them.
        bone_table: the bones; the network must know the same.
        found: the label map.
        contrasts: the volumes' names.
        tile_mb: memory for the maps of a tile, in MiB; None for a share of the free memory. Labels do not depend on it.
        threads: of the CPU, if there is no GPU.
    """
    bones = read_bones(bone_table)
    body = read_body(volumes, body_resampled)
    purpose = Purpose(tuple(bone.name for bone in bones), tuple(contrasts), body.spacing_mm)
    model = load_network(network, purpose)
    with own_gpu():
        device = best_device(threads)
        model = model.to(device, memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]
        budget_mb = tile_mb or affordable_mb(free_on(device, threads))
        _log.info("tiles take up to %d MiB", budget_mb)
        labels = find_bones(model, body, budget_mb)
    missing = [bone.name for bone in bones if not np.any(labels == bone.id)]
    if missing:
        _log.warning("not found: %s", ", ".join(missing))
    write_volume(with_voxels(labels, read_volume(body_resampled)), found)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
