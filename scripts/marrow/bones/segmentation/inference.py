"""Inference of the network on a large window, layer by layer in parts that fit the CPU cache.

Computed as a whole, the maps of a large tile pass through memory four times per layer: norm, activation, convolution,
residual. In parts of a few megabytes only the output of each layer is written to memory. The widest maps, those after
the pathways, exist for one part at a time, and only inside the body. Every voxel is computed once, by the operations of
`ThreePathways.forward`.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from marrow.bones.segmentation.geometry import KERNEL
from marrow.bones.segmentation.network import BORDER, Architecture, Layered, ThreePathways, apply_layer, upsampled
from marrow.bones.segmentation.prepare import Mask, bounding_box

BYTES = 4
PART_BYTES = 4 * 2**20  # a part of the CPU cache; a quarter or four times as much is a tenth slower
GPU_PART_BYTES = 512 * 2**20  # no cache to fit, and every part costs kernel launches


@torch.inference_mode()
def infer_parts(
    network: ThreePathways, windows: Sequence[Tensor], mask: Mask
) -> Iterator[tuple[tuple[slice, ...], Tensor]]:
    """The logits `(1, classes, z, y, x)` of `network(windows, mask.shape, border=BORDER)`, in boxes that cover a mask.

    The network is in evaluation mode, and there is a window `(1, channels, z, y, x)` per factor on its device.
    """
    architecture, largest_bytes = network.architecture, part_bytes(windows[0])
    in_slabs = partial(_in_slabs, largest_bytes=largest_bytes)
    maps = [pathway(window, in_slabs) for pathway, window in zip(network.pathways, windows, strict=True)]
    for part in _parts(mask, edge_of_part(architecture, largest_bytes)):
        box = [slice(side.start, side.stop + 2 * BORDER) for side in part]
        yield part, network.classified(upsampled(maps, box, BORDER))


def part_bytes(window: Tensor) -> int:
    """The memory for the maps of a part on the device of a tensor."""
    return GPU_PART_BYTES if window.is_cuda else PART_BYTES


def edge_of_part(architecture: Architecture, largest_bytes: int) -> int:
    """The edge in voxels of a part whose widest maps take `largest_bytes`."""
    return max(1, round((largest_bytes / (BYTES * architecture.merged)) ** (1 / 3)))


def _in_slabs(layer: Layered, maps: int, x: Tensor, residual: Tensor | None, largest_bytes: int) -> Tensor:
    """The output of a layer, computed in slabs of a few axial slices."""
    margin = KERNEL - 1
    size = [count - margin for count in x.shape[2:]]
    output = torch.empty((1, maps, *size), dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
    slices = max(1, largest_bytes // (BYTES * max(maps, x.shape[1]) * size[1] * size[2]))
    for start in range(0, size[0], slices):
        stop = min(start + slices, size[0])
        residual_part = None if residual is None else residual[:, :, start : stop + 2 * margin]
        output[:, :, start:stop] = apply_layer(layer, maps, x[:, :, start : stop + margin], residual_part)
    return output


def _parts(mask: Mask, edge: int) -> Iterator[tuple[slice, ...]]:
    """Boxes of at most `edge` voxels along each axis that cover a mask, each reduced to the mask in it."""
    for start in itertools.product(*(range(0, length, edge) for length in mask.shape)):
        content = mask[tuple(slice(first, first + edge) for first in start)]
        if content.any():
            box = bounding_box(content)
            yield tuple(slice(first + side.start, first + side.stop) for first, side in zip(start, box, strict=True))
