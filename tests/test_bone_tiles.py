"""Inference in tiles: what a voxel gets does not depend on where tiles end."""

import numpy as np
import pytest
import torch
from test_bone_segments import toy_case

from marrow.segmentation.network import Architecture, ThreePathways
from marrow.segmentation.tiles import (
    STRIDE,
    Tile,
    bytes_per_voxel,
    find_bones,
    logits,
    multiply_adds,
    tile_size,
    tiles,
)

ARCHITECTURE = Architecture(channels=2, classes=4, width=0.1)
SHAPE = (50, 37, 44)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = ThreePathways(ARCHITECTURE)
    with torch.no_grad():  # other statistics than those of an untrained network, so that logits differ between voxels
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return made.eval()


@pytest.fixture(scope="module")
def body():
    return toy_case(shape=SHAPE).body


@pytest.fixture(scope="module")
def whole(network, body):
    return logits(network, body.image, Tile((0, 0, 0), SHAPE)).numpy()


@pytest.mark.parametrize("size", [(15, 15, 15), (30, 15, 45), (60, 45, 45)])
def test_tiles_give_the_logits_of_the_whole_volume(network, body, whole, size):
    for tile in tiles(np.ones(SHAPE, bool), size):
        np.testing.assert_allclose(logits(network, body.image, tile).numpy(), whole[:, *tile.box], atol=1e-4)


@pytest.mark.parametrize("tile_mb", [1, 3, 2000])
def test_labels_do_not_depend_on_the_memory(network, body, whole, tile_mb):
    expected = np.where(body.mask, whole.argmax(axis=0), 0)
    np.testing.assert_array_equal(find_bones(network, body, tile_mb), expected)
    assert len(np.unique(expected)) > 1


def test_tiles_cover_the_mask_and_skip_what_is_empty():
    mask = np.zeros((100, 60, 80), bool)
    mask[40:70, 20:50, 30:60] = True
    covered = np.zeros(mask.shape, int)
    for tile in tiles(mask, (45, 30, 45)):
        assert all(at % STRIDE == 0 for at in tile.start)
        covered[tile.box] += 1
    assert (covered[mask] == 1).all()
    assert covered.sum() < 0.2 * covered.size


def test_a_tile_never_reaches_beyond_the_volume(body):
    for tile in tiles(body.mask, (30, 30, 30)):
        assert all(side.stop <= length for side, length in zip(tile.box, SHAPE, strict=True))


@pytest.mark.parametrize("tile_mb", [50, 500, 2000])
def test_tiles_fit_into_memory_and_use_it(tile_mb):
    architecture = Architecture(2, 19)
    size = tile_size(architecture, (600, 130, 220), tile_mb)
    used = np.prod(size) * bytes_per_voxel(architecture)
    assert all(side % STRIDE == 0 for side in size)
    assert 0.3 * tile_mb * 2**20 < used <= tile_mb * 2**20


def test_a_small_scan_is_one_tile():
    assert tile_size(ARCHITECTURE, (40, 30, 20), 2000) == (45, 30, 30)


def test_multiply_adds_are_those_of_the_convolutions():
    architecture = Architecture(2, 19)
    network = ThreePathways(architecture)
    pathway = sum(m.weight.numel() for m in network.pathways[0].modules() if isinstance(m, torch.nn.Conv3d))
    after = sum(layer.convolution.weight.numel() for layer in (network.merge, network.mix, network.classify))
    assert multiply_adds(architecture) == (pathway, after)


def test_a_part_of_the_body_box_that_is_no_body_has_no_bone(network, body):
    assert not find_bones(network, body, 2000)[~body.mask].any()
