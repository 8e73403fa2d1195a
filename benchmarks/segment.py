"""Inference of the bone network against a bare stack of convolutions, and against small tiles one by one.

The network is the paper's; its weights are chance, since times do not depend on what they are. `python -m
benchmarks.segment` labels a whole scan in a process of its own, whose memory is measured.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.process import run_measured
from benchmarks.volumes import FULL, body_mask
from marrow.bones.segmentation.geometry import FACTORS
from marrow.bones.segmentation.network import BORDER, Architecture, ThreePathways
from marrow.bones.segmentation.prepare import AIR, Body, bounding_box
from marrow.bones.segmentation.tile_memory import MOST_MB
from marrow.bones.segmentation.tiles import Tile, find_bones, logits, tile_size, windows_of
from marrow.workflow.parse import REPOSITORY

PAPER = Architecture(channels=2, classes=19)
SLAB = (60, *FULL[1:])  # a slab of a scan, so that both sides are done in minutes
TILE_MB = 300  # of the one tile that is timed
PREDICTED = 29  # voxels along each edge that a tile of 45 predicts, as DeepMedic infers
THREADS = 2
FORMATS = (torch.contiguous_format, torch.channels_last_3d)


class BareStack(nn.Module):
    """The network's convolutions and nothing else: no norm, activation or residual, and no margins around a tile."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        maps, merged = (architecture.channels, *architecture.maps), architecture.merged
        self.pathways = nn.ModuleList(
            nn.Sequential(*(nn.Conv3d(few, many, 3, padding=1, bias=False) for few, many in pairwise(maps)))
            for _ in FACTORS
        )
        self.after = nn.Sequential(
            nn.Conv3d(len(FACTORS) * maps[-1], merged, 3, padding=1, bias=False),
            nn.Conv3d(merged, merged, 1, bias=False),
            nn.Conv3d(merged, architecture.classes, 1, bias=False),
        )

    def forward(self, seen: list[Tensor], joined: Tensor) -> None:
        """`seen`: the tile at full, third and fifth resolution; `joined`: maps as the pathways would give them."""
        for pathway, x in zip(self.pathways, seen, strict=True):
            pathway(x)
        self.after(joined)


def measure_inference() -> list[Measurement]:
    """Predicted voxels a second of one tile; the bare stack in the memory format that is faster for it."""
    torch.set_num_threads(THREADS)
    network, image = _network(), _noise((PAPER.channels, *FULL[1:], FULL[2])).astype(np.float16)
    tile = Tile((0, 0, 0), tile_size(PAPER, image.shape[1:], TILE_MB))
    everything = np.ones(tile.size, bool)
    measured = [
        side_by_side(lambda: logits(network, image, tile, everything), bare, 3) for bare in _bare_stacks(tile.size)
    ]
    ours, floor = (min(seconds) for seconds in zip(*measured, strict=True))
    voxels = float(np.prod(tile.size))
    return [Measurement("segment_inference", voxels / ours / 1e3, "kvoxel/s", voxels / floor / 1e3, floor / ours)]


def measure_tiles() -> list[Measurement]:
    """A slab in large tiles within the body against 45^3 tiles one by one over the box; the memory of a whole scan."""
    torch.set_num_threads(THREADS)
    network, body = _network(), _body(SLAB)
    plain = _network().to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    size = (PREDICTED, PREDICTED, PREDICTED)

    def one_by_one() -> None:
        for start in product(*(range(0, length, PREDICTED) for length in body.mask.shape)):
            tile = Tile((start[0], start[1], start[2]), size)
            with torch.inference_mode():
                plain(windows_of(body.image, tile, PAPER.margin), size, BORDER)

    seconds, reference = side_by_side(lambda: find_bones(network, body, MOST_MB), one_by_one, 1)
    usage, _ = run_measured([sys.executable, "-m", "benchmarks.segment"], REPOSITORY)
    return [
        Measurement("segment_tiles", seconds, "s", reference, reference / seconds),
        Measurement("segment_tiles_memory", usage.peak_gb, "GB"),
    ]


def _bare_stacks(size: tuple[int, int, int]) -> Iterator[Callable[[], None]]:
    """Runs of the bare stack on a tile, one for each memory format."""
    bare = BareStack(PAPER).eval()
    joined = _noise((1, len(FACTORS) * PAPER.maps[-1], *size))
    seen = [_noise((1, PAPER.channels, *(length // factor for length in size))) for factor in FACTORS]
    for memory in FORMATS:

        def run(memory: torch.memory_format = memory) -> None:
            stack = bare.to(memory_format=memory)  # pyright: ignore[reportCallIssue]
            given = [torch.from_numpy(x).contiguous(memory_format=memory) for x in (*seen, joined)]
            with torch.inference_mode():
                stack(given[:-1], given[-1])

        yield run


def _network() -> ThreePathways:
    torch.manual_seed(0)
    network = ThreePathways(PAPER).eval()
    return network.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _body(shape: tuple[int, int, int], labelled: int | None = None) -> Body:
    """A body of noise; with `labelled`, only so many slices of it, and a voxel at each end of the scan."""
    mask = body_mask(shape)
    if labelled is not None:
        ends = mask[[0, -1]]
        mask[labelled:] = False
        mask[[0, -1]] = ends
    image = _noise((PAPER.channels, *shape)).astype(np.float16)
    image[:, ~mask] = AIR
    box = bounding_box(mask)
    return Body(image[:, *box], mask[box], box, shape, 2.0)


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    find_bones(_network(), _body(FULL, labelled=100), MOST_MB)

INFERENCE = Benchmark(
    id="segment_inference",
    compares="Predicted voxels per second of the paper's bone network in one tile, margins, norms and activations "
    "included, against its bare convolutions without margins in the faster memory format",
    goals={"segment_inference": Goal("ratio", "least", 0.7, "at least 70 % of the bare convolutions")},
    measure=measure_inference,
)
TILES = Benchmark(
    id="segment_tiles",
    compares="A 60-slice slab of a whole-body scan labelled in large tiles within the body, against tiles of 45 voxels "
    "one by one over the box around it in PyTorch's default memory format; and the memory of a whole scan",
    goals={
        "segment_tiles": Goal("ratio", "least", 3, "at least 3 times as fast"),
        "segment_tiles_memory": Goal("value", "most", 4, "at most 4 GB for a whole scan"),
    },
    measure=measure_tiles,
)
