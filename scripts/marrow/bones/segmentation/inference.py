"""Logits of what is wanted of a large window, layer by layer in parts that fit into a processor's cache.

Whole maps of a large tile go through the memory four times a layer: norm, activation, convolution, residual. In parts
of a few megabytes only what a pathway's layer makes is written there, and the widest maps, those after the pathways,
never exist as a whole, and only where there is body. Every voxel is worked out once and as in
`ThreePathways.forward`; only where one convolution of PyTorch's ends and the next begins is different.
"""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from marrow.bones.segmentation.geometry import KERNEL
from marrow.bones.segmentation.network import BORDER, Architecture, Layered, ThreePathways, spread, whole
from marrow.bones.segmentation.prepare import Mask, bounding_box

BYTES = 4
PART_BYTES = 4 * 2**20  # a share of a processor's cache; a quarter and four times as much are a tenth slower
GPU_PART_BYTES = 512 * 2**20  # no cache to fit into, and every part costs a start of each kernel


@torch.inference_mode()
def infer(network: ThreePathways, windows: Sequence[Tensor], wanted: Mask) -> Tensor:
    """Logits `(1, classes, z, y, x)`, what `network(windows, wanted.shape, border=BORDER)` gives without training.

    Args:
        network: in evaluation mode.
        windows: one tensor `(1, channels, z, y, x)` per factor, on the network's device.
        wanted: the voxels to predict `(z, y, x)`; others may be left at 0.
    """
    logits = windows[0].new_zeros((1, network.architecture.classes, *wanted.shape))
    for part, found in infer_parts(network, windows, wanted):
        logits[:, :, *part] = found
    return logits


@torch.inference_mode()
def infer_parts(
    network: ThreePathways, windows: Sequence[Tensor], wanted: Mask
) -> Iterator[tuple[tuple[slice, ...], Tensor]]:
    """The boxes that hold all that is wanted, and the logits `(1, classes, z, y, x)` of each: `infer`, box by box."""
    architecture, most = network.architecture, part_bytes(windows[0])

    def in_slabs(layer: Layered, maps: int, x: Tensor, residual: Tensor | None) -> Tensor:
        return _in_slabs(layer, maps, x, residual, most)

    maps = [pathway(window, in_slabs) for pathway, window in zip(network.pathways, windows, strict=True)]
    for part in _parts(wanted, edge_of_part(architecture, most)):
        around = [slice(side.start, side.stop + 2 * BORDER) for side in part]
        yield part, network.classified(spread(maps, around, BORDER))


def part_bytes(seen: Tensor) -> int:
    """The memory that the maps of a part should take on the device of a tensor."""
    return GPU_PART_BYTES if seen.is_cuda else PART_BYTES


def edge_of_part(architecture: Architecture, most: int) -> int:
    """Voxels along each edge of a part whose widest maps take so many bytes."""
    return max(1, round((most / (BYTES * architecture.merged)) ** (1 / 3)))


def _in_slabs(layer: Layered, maps: int, x: Tensor, residual: Tensor | None, most: int) -> Tensor:
    """A layer's maps, a few axial slices at a time."""
    lost = KERNEL - 1
    size = [count - lost for count in x.shape[2:]]
    made = torch.empty((1, maps, *size), dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
    slices = max(1, most // (BYTES * max(maps, x.shape[1]) * size[1] * size[2]))
    for start in range(0, size[0], slices):
        stop = min(start + slices, size[0])
        older = None if residual is None else residual[:, :, start : stop + 2 * lost]
        made[:, :, start:stop] = whole(layer, maps, x[:, :, start : stop + lost], older)
    return made


def _parts(wanted: Mask, edge: int) -> Iterator[tuple[slice, ...]]:
    """Boxes of at most so many voxels along each edge that hold all that is wanted, each shrunk to what it holds."""
    for start in itertools.product(*(range(0, length, edge) for length in wanted.shape)):
        held = wanted[tuple(slice(at, at + edge) for at in start)]
        if held.any():
            box = bounding_box(held)
            yield tuple(slice(at + side.start, at + side.stop) for at, side in zip(start, box, strict=True))
