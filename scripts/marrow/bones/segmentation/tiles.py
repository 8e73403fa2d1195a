"""Labels a scan with the network: fully convolutional, inside the body, in the largest tiles that fit memory.

Tiles start at multiples of 15 voxels, so that the blocks of three and five voxels are aligned in all tiles, and each is
read with the context that it needs. The result therefore does not depend on the tiles. Logits stay on the device, for
one part of a tile at a time; only the most likely class of each voxel is copied, one byte.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from marrow.bones.segmentation.geometry import FACTORS, window
from marrow.bones.segmentation.inference import BYTES, infer_parts
from marrow.bones.segmentation.network import BORDER, Architecture, ThreePathways
from marrow.bones.segmentation.prepare import Body, Image, Labels, Mask, bounding_box
from marrow.bones.segmentation.segments import read_box

STRIDE = math.lcm(*FACTORS)
MEBIBYTE = 2**20
MOST_CUTS = 40


@dataclass(frozen=True)
class Tile:
    """A box of voxels to predict: first voxel and size along z, y, x."""

    start: tuple[int, int, int]
    size: tuple[int, int, int]

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The voxels as slices."""
        z, y, x = (slice(first, first + count) for first, count in zip(self.start, self.size, strict=True))
        return z, y, x


def find_bones(network: ThreePathways, body: Body, tile_mb: int) -> Labels:
    """The bones of a scan on its whole grid `(z, y, x)`, on the network's device; background outside the body."""
    inside = np.zeros(body.mask.shape, np.uint8)
    size = tile_size(network.architecture, body.mask.shape, tile_mb)
    for tile in tiles(body.mask, size):
        tile_labels = inside[tile.box]
        for part, part_logits in infer_parts(network, _windows(network, body.image, tile), body.mask[tile.box]):
            tile_labels[part] = part_logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    inside[~body.mask] = 0
    labels = np.zeros(body.shape, np.uint8)
    labels[body.box] = inside
    return labels


@torch.inference_mode()
def logits(network: ThreePathways, image: Image, tile: Tile, mask: Mask) -> Tensor:
    """The logits of a tile `(classes, z, y, x)` of an image `(channels, z, y, x)`; it starts at a multiple of 15.

    Those outside the mask of voxels to predict may be 0.
    """
    windows = _windows(network, image, tile)
    result = windows[0].new_zeros((network.architecture.classes, *mask.shape))
    for part, part_logits in infer_parts(network, windows, mask):
        result[:, *part] = part_logits[0]
    return result


def _windows(network: ThreePathways, image: Image, tile: Tile) -> list[Tensor]:
    """The input windows of a tile, on the network's device."""
    device = next(network.parameters()).device
    return [
        window.to(device).contiguous(memory_format=torch.channels_last_3d)
        for window in windows_of(image, tile, network.architecture.margin)
    ]


def windows_of(image: Image, tile: Tile, margin: int) -> list[Tensor]:
    """The input windows of a tile and the border around it: `(1, channels, z, y, x)` per factor."""
    return [
        torch.from_numpy(
            read_box(image, tile.start, [window(factor, margin, count, BORDER) for count in tile.size])
        ).unsqueeze(0)
        for factor in FACTORS
    ]


def tiles(mask: Mask, size: Sequence[int]) -> Iterator[Tile]:
    """Tiles of at most `size` that cover a mask `(z, y, x)`, each reduced to the mask's bounding box in it."""
    for start in itertools.product(*(range(0, length, step) for length, step in zip(mask.shape, size, strict=True))):
        part = tuple(slice(first_voxel, first_voxel + step) for first_voxel, step in zip(start, size, strict=True))
        content = mask[part]
        if content.any():
            box = bounding_box(content)
            first = [first_voxel + side.start // STRIDE * STRIDE for first_voxel, side in zip(start, box, strict=True)]
            count = [first_voxel + side.stop - low for first_voxel, side, low in zip(start, box, first, strict=True)]
            yield Tile((first[0], first[1], first[2]), (count[0], count[1], count[2]))


def tile_size(architecture: Architecture, shape: Sequence[int], tile_mb: int) -> tuple[int, int, int]:
    """The tile size, in multiples of 15 voxels, that needs the fewest multiplications and fits memory."""
    most_voxels = tile_mb * MEBIBYTE / bytes_per_voxel(architecture)
    sides = [sorted({_rounded_up(math.ceil(length / cuts)) for cuts in range(1, MOST_CUTS)}) for length in shape]
    fitting = [size for size in itertools.product(*sides) if math.prod(size) <= most_voxels] or [(STRIDE,) * 3]
    z, y, x = min(fitting, key=lambda size: (_work(architecture, shape, size), size))
    return z, y, x


def bytes_per_voxel(architecture: Architecture) -> int:
    """Memory of a tile for each predicted voxel: three layers of the finest pathway."""
    return BYTES * 3 * max(architecture.maps)


def multiply_adds(architecture: Architecture) -> tuple[int, int]:
    """Multiplications per voxel: of a pathway at its resolution, and of the layers after the pathways."""
    maps = (architecture.channels, *architecture.maps)
    pathway = 27 * sum(few * many for few, many in itertools.pairwise(maps))
    merged, joined = architecture.merged, len(FACTORS) * maps[-1]
    return pathway, 27 * joined * merged + merged * merged + merged * architecture.classes


def _work(architecture: Architecture, shape: Sequence[int], size: Sequence[int]) -> float:
    """Multiplications for a volume, with the margins that the pathways read around each tile."""
    pathway, after = multiply_adds(architecture)
    count = math.prod(math.ceil(length / side) for length, side in zip(shape, size, strict=True))
    read = sum(math.prod(side / factor + 2 * BORDER + architecture.margin for side in size) for factor in FACTORS)
    return count * (pathway * read + after * math.prod(size))


def _rounded_up(length: int) -> int:
    return math.ceil(length / STRIDE) * STRIDE
