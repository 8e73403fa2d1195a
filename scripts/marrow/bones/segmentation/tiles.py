"""Labels a scan with the network: fully convolutional, in the largest tiles that memory allows, inside the body alone.

Tiles start at multiples of 15 voxels, so that the blocks of three and of five lie the same in every tile; each reads as
much around it as it needs. What a voxel gets therefore does not depend on the tiles. The classes' logits stay on the
device, those of one small part of a tile at a time: only the winning class leaves it, a byte a voxel.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from marrow.bones.segmentation.geometry import FACTORS, window
from marrow.bones.segmentation.inference import BYTES, infer, infer_parts
from marrow.bones.segmentation.network import BORDER, Architecture, ThreePathways
from marrow.bones.segmentation.prepare import Body, Image, Labels, Mask, bounding_box
from marrow.bones.segmentation.segments import read_box

STRIDE = math.lcm(*FACTORS)
MEBIBYTE = 2**20
MOST_CUTS = 40


@dataclass(frozen=True)
class Tile:
    """A box of voxels to predict: the first along z, y, x, and how many."""

    start: tuple[int, int, int]
    size: tuple[int, int, int]

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The voxels as slices."""
        z, y, x = (slice(at, at + count) for at, count in zip(self.start, self.size, strict=True))
        return z, y, x


def find_bones(network: ThreePathways, body: Body, tile_mb: int) -> Labels:
    """The bones of a scan on its whole grid `(z, y, x)`; nothing outside of the body.

    Args:
        network: on the device that is to be used.
        body: what the network sees.
        tile_mb: memory for the maps of a tile, in MiB.
    """
    inside = np.zeros(body.mask.shape, np.uint8)
    size = tile_size(network.architecture, body.mask.shape, tile_mb)
    for tile in tiles(body.mask, size):
        won = inside[tile.box]
        for part, found in infer_parts(network, _seen(network, body.image, tile), body.mask[tile.box]):
            won[part] = found[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    inside[~body.mask] = 0
    labels = np.zeros(body.shape, np.uint8)
    labels[body.box] = inside
    return labels


def logits(network: ThreePathways, image: Image, tile: Tile, wanted: Mask) -> Tensor:
    """The logits of a tile `(classes, z, y, x)`, whose start must be a multiple of 15.

    Args:
        network: on the device that is to be used.
        image: `(channels, z, y, x)`.
        tile: a part of it.
        wanted: the voxels of the tile that count; the logits of others may be 0.
    """
    return infer(network, _seen(network, image, tile), wanted)[0]


def _seen(network: ThreePathways, image: Image, tile: Tile) -> list[Tensor]:
    """What each pathway reads of a tile, on the network's device."""
    device = next(network.parameters()).device
    return [
        window.to(device).contiguous(memory_format=torch.channels_last_3d)
        for window in windows_of(image, tile, network.architecture.margin)
    ]


def windows_of(image: Image, tile: Tile, margin: int) -> list[Tensor]:
    """What each pathway reads of a tile and the border around it: `(1, channels, z, y, x)` per factor."""
    return [
        torch.from_numpy(
            read_box(image, tile.start, [window(factor, margin, count, BORDER) for count in tile.size])
        ).unsqueeze(0)
        for factor in FACTORS
    ]


def tiles(mask: Mask, size: Sequence[int]) -> Iterator[Tile]:
    """Tiles of at most `size` that cover a mask `(z, y, x)`, each shrunk to what it holds of it."""
    for start in itertools.product(*(range(0, length, step) for length, step in zip(mask.shape, size, strict=True))):
        part = tuple(slice(at, at + step) for at, step in zip(start, size, strict=True))
        held = mask[part]
        if held.any():
            box = bounding_box(held)
            first = [at + side.start // STRIDE * STRIDE for at, side in zip(start, box, strict=True)]
            count = [at + side.stop - low for at, side, low in zip(start, box, first, strict=True)]
            yield Tile((first[0], first[1], first[2]), (count[0], count[1], count[2]))


def tile_size(architecture: Architecture, shape: Sequence[int], tile_mb: int) -> tuple[int, int, int]:
    """The tile, in multiples of 15 voxels, that labels a volume with the least work and fits into memory."""
    most = tile_mb * MEBIBYTE / bytes_per_voxel(architecture)
    sides = [sorted({_up(math.ceil(length / cuts)) for cuts in range(1, MOST_CUTS)}) for length in shape]
    fitting = [size for size in itertools.product(*sides) if math.prod(size) <= most] or [(STRIDE,) * 3]
    z, y, x = min(fitting, key=lambda size: (_work(architecture, shape, size), size))
    return z, y, x


def bytes_per_voxel(architecture: Architecture) -> int:
    """Memory that a tile takes for each voxel that it predicts: three layers of the finest pathway."""
    return BYTES * 3 * max(architecture.maps)


def multiply_adds(architecture: Architecture) -> tuple[int, int]:
    """Multiplications for one voxel: of a pathway at its own resolution, and of the layers after the pathways."""
    maps = (architecture.channels, *architecture.maps)
    pathway = 27 * sum(few * many for few, many in itertools.pairwise(maps))
    merged, joined = architecture.merged, len(FACTORS) * maps[-1]
    return pathway, 27 * joined * merged + merged * merged + merged * architecture.classes


def _work(architecture: Architecture, shape: Sequence[int], size: Sequence[int]) -> float:
    """Multiplications for a volume: every tile's pathways read a margin, which shrinks from layer to layer."""
    pathway, after = multiply_adds(architecture)
    count = math.prod(math.ceil(length / side) for length, side in zip(shape, size, strict=True))
    read = sum(math.prod(side / factor + 2 * BORDER + architecture.margin for side in size) for factor in FACTORS)
    return count * (pathway * read + after * math.prod(size))


def _up(length: int) -> int:
    return math.ceil(length / STRIDE) * STRIDE
