"""Inference in tiles: what a voxel gets does not depend on where tiles end."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors import safe_open
from safetensors.torch import save
from test_bone_segments import toy_case

import segment_bones
from marrow.bones.segmentation import inference, tile_memory
from marrow.bones.segmentation.model_file import load_network, save_network
from marrow.bones.segmentation.model_header import Purpose
from marrow.bones.segmentation.network import Architecture, ThreePathways
from marrow.bones.segmentation.tiles import (
    STRIDE,
    Tile,
    _work,
    bytes_per_voxel,
    find_bones,
    logits,
    multiply_adds,
    tile_size,
    tiles,
)
from marrow.device import device, free_memory
from marrow.errors import MarrowError

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
    return logits(network, body.image, Tile((0, 0, 0), SHAPE), np.ones(SHAPE, bool)).numpy()


@pytest.mark.parametrize("size", [(15, 15, 15), (30, 15, 45), (60, 45, 45)])
def test_tiles_give_the_logits_of_the_whole_volume(network, body, whole, size):
    for tile in tiles(np.ones(SHAPE, bool), size):
        found = logits(network, body.image, tile, np.ones(tile.size, bool)).numpy()
        np.testing.assert_allclose(found, whole[:, *tile.box], atol=1e-4)


def test_where_nothing_is_wanted_nothing_is_worked_out(network, body, whole, monkeypatch):
    """Parts of eight voxels: those that hold something wanted get the logits of the whole volume, others stay at 0."""
    monkeypatch.setattr(inference, "edge_of_part", lambda *_: 8)
    wanted = np.zeros(SHAPE, bool)
    wanted[9:14, 2:6, 17:30] = True
    found = logits(network, body.image, Tile((0, 0, 0), SHAPE), wanted).numpy()
    np.testing.assert_allclose(found[:, wanted], whole[:, wanted], atol=1e-4)
    assert not found[:, ~wanted].any()


@pytest.mark.parametrize("tile_mb", [1, 3, 1000])
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


@pytest.mark.parametrize("tile_mb", [50, 500, 1000])
def test_tiles_fit_into_memory_and_use_it(tile_mb):
    architecture = Architecture(2, 19)
    size = tile_size(architecture, (600, 130, 220), tile_mb)
    used = np.prod(size) * bytes_per_voxel(architecture)
    assert all(side % STRIDE == 0 for side in size)
    assert 0.3 * tile_mb * 2**20 < used <= tile_mb * 2**20


def test_a_small_scan_is_one_tile():
    assert tile_size(ARCHITECTURE, (40, 30, 20), 1000) == (45, 30, 30)


def test_multiply_adds_are_those_of_the_convolutions():
    architecture = Architecture(2, 19)
    network = ThreePathways(architecture)
    pathway = sum(m.weight.numel() for m in network.pathways[0].modules() if isinstance(m, torch.nn.Conv3d))
    after = sum(layer.convolution.weight.numel() for layer in (network.merge, network.mix, network.classify))
    assert multiply_adds(architecture) == (pathway, after)


def test_a_part_of_the_body_box_that_is_no_body_has_no_bone(network, body, whole):
    mask = body.mask.copy()
    mask[::2] = False
    assert whole.argmax(axis=0)[~mask].any()
    assert not find_bones(network, replace(body, mask=mask), 1000)[~mask].any()


# Memory

GIBIBYTE = 2**30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes what a system tells of memory; one job fits beside no other."""
    monkeypatch.setattr(free_memory.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)

    def write(files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path

    return write


def meminfo(gibibytes):
    return f"MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable:   {int(gibibytes * 2**20)} kB\nBuffers: 5 kB\n"


def second(name, limit, used, cached=0):
    """The files of a control group of version 2, in GiB."""
    folder = f"sys/fs/cgroup/{name}"
    return {
        f"{folder}/memory.max": limit if limit == "max" else f"{int(limit * GIBIBYTE)}\n",
        f"{folder}/memory.current": f"{int(used * GIBIBYTE)}\n",
        f"{folder}/memory.stat": f"anon 77\ninactive_file {int(cached * GIBIBYTE)}\nactive_file 0\n",
    }


def first(name, limit, used, cached=0):
    """The same of version 1, whose own counts leave out those of the groups inside."""
    folder = f"sys/fs/cgroup/memory/{name}"
    stat = f"inactive_file 1\ntotal_inactive_file 0\ntotal_active_file {int(cached * GIBIBYTE)}\n"
    return {
        f"{folder}/memory.limit_in_bytes": f"{int(limit * GIBIBYTE)}\n",
        f"{folder}/memory.usage_in_bytes": f"{int(used * GIBIBYTE)}\n",
        f"{folder}/memory.stat": stat,
    }


SECOND = {"proc/meminfo": meminfo(20), "proc/self/cgroup": "0::/slurm/job_7/step_0\n"}
FIRST = {"proc/meminfo": meminfo(20), "proc/self/cgroup": "5:devices:/x\n4:cpuacct,memory:/docker/abc\n1:cpu:/y\n"}


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"proc/meminfo": meminfo(3)}, 3),
        (SECOND | second("slurm/job_7/step_0", 8, 2), 6),
        (SECOND | second("slurm/job_7/step_0", "max", 2), 20),
        (SECOND | second("slurm/job_7/step_0", "max", 2) | second("slurm/job_7", 4, 3), 1),
        (SECOND | second("slurm/job_7", 4, 3.5, cached=2), 2.5),
        (SECOND | second("slurm/job_7", 4, 5), 0),
        (SECOND | second("", 5, 1), 4),
        (SECOND | {"proc/meminfo": meminfo(0.5)} | second("slurm/job_7", 4, 3), 0.5),
        (FIRST | first("docker/abc", 8, 2), 6),
        (FIRST | first("docker/abc", 8, 7, cached=4), 5),
        (FIRST | first("", 8, 7), 1),
        (FIRST | first("docker/abc", 2**33 - 1, 7), 20),
        (FIRST | second("y", 1, 0), 20),
    ],
)
def test_what_is_free_is_what_the_tightest_limit_leaves(machine, files, free):
    assert free_memory.free_for_job(2, machine(files)) == free * GIBIBYTE


def test_jobs_beside_each_other_share_what_is_free(machine):
    root = machine({"proc/meminfo": meminfo(3)})
    assert [free_memory.free_for_job(threads, root) / GIBIBYTE for threads in (1, 2, 4)] == [1.5, 3, 3]


def test_where_nothing_tells_the_memory_a_tile_is_as_large_as_ever(machine):
    assert tile_memory.tile_mb(free_memory.free_for_job(1, machine({}))) == tile_memory.MOST_MB


@pytest.mark.parametrize(("gibibytes", "mebibytes"), [(0, 200), (0.1, 200), (0.6, 409), (1.5, 1000), (400, 1000)])
def test_a_tile_takes_two_thirds_of_what_is_free_within_bounds(gibibytes, mebibytes):
    assert tile_memory.tile_mb(int(gibibytes * GIBIBYTE)) == mebibytes


def test_beyond_the_largest_tile_memory_saves_less_than_a_twentieth_of_the_work():
    def work(tile_mb):
        return _work(paper, shape, tile_size(paper, shape, tile_mb))

    paper, shape = Architecture(2, 19), (600, 130, 220)
    assert work(tile_memory.MOST_MB) < 1.05 * work(10**6)
    assert work(tile_memory.LEAST_MB) < 1.15 * work(10**6)


def test_on_a_gpu_its_own_free_memory_counts(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (3 * GIBIBYTE, 80 * GIBIBYTE))
    assert device.free_on(torch.device("cuda"), threads=1) == 3 * GIBIBYTE


@pytest.mark.parametrize(("wanted", "budget"), [(None, 682), (300, 300)])
def test_a_scan_is_labelled_within_what_is_free_unless_the_config_says_how_much(
    network, tmp_path, monkeypatch, wanted, budget
):
    image = sitk.GetImageFromArray(np.ones((4, 5, 6), np.float32))
    image.SetSpacing((4.0, 4.0, 4.0))
    for name in ("fat.nii", "water.nii"):
        sitk.WriteImage(image, str(tmp_path / name))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkUInt8), str(tmp_path / "body.nii"))
    (tmp_path / "bones.tsv").write_text(
        "id\tname\tside\tmirror\tregion\n" + "".join(f"{n}\tb{n}\tmiddle\t{n}\tr\n" for n in (1, 2, 3))
    )
    save_network(network, Purpose(("b1", "b2", "b3"), ("fat", "water"), 4.0), tmp_path / "model")
    given = []
    monkeypatch.setattr(segment_bones, "free_on", lambda *_: GIBIBYTE)
    monkeypatch.setattr(segment_bones, "find_bones", lambda *found: given.append(found[2]) or find_bones(*found))
    segment_bones.main(
        volumes=[tmp_path / "fat.nii", tmp_path / "water.nii"],
        body_resampled=tmp_path / "body.nii",
        network=tmp_path / "model",
        bone_table=tmp_path / "bones.tsv",
        found=tmp_path / "found.nii",
        contrasts=["fat", "water"],
        tile_mb=wanted,
        threads=torch.get_num_threads(),
    )
    assert given == [budget]
    assert (tmp_path / "found.nii").stat().st_size > 0


# A network's file


SMALL = Purpose(("a", "b", "c"), ("fat", "water"), 4.0)


def rewritten(file, change):
    """The network's file with other weights under the same description."""
    with safe_open(file, framework="pt") as read:
        told = read.metadata()
        tensors = {name: read.get_tensor(name) for name in read.keys()}  # noqa: SIM118
    change(tensors)
    file.write_bytes(save(tensors, metadata=told))


def without_numbers(tensors):
    tensors["class_bias"][0] = float("nan")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: tensors.pop("class_bias"), "other weights"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "other weights"),
        (lambda tensors: tensors.update(class_bias=torch.zeros(5)), "other weights"),
        (lambda tensors: tensors.update(class_bias=torch.zeros(4, dtype=torch.int32)), "other weights"),
        (without_numbers, "no numbers"),
    ],
)
def test_weights_that_do_not_fit_their_description_are_refused(network, tmp_path, change, told):
    file = tmp_path / "model"
    save_network(network, SMALL, file)
    rewritten(file, change)
    with pytest.raises(MarrowError, match=rf"{told}.* copy or train it again"):
        load_network(file, SMALL)


def test_a_file_with_any_byte_of_its_header_changed_loads_or_is_refused(network, tmp_path):
    file = tmp_path / "model"
    save_network(network, SMALL, file)
    whole = file.read_bytes()
    draw = np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    refused = 0
    for at in draw.integers(header, size=60):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(draw.integers(8))
        file.write_bytes(damaged)
        try:
            load_network(file, SMALL)
        except MarrowError:
            refused += 1
    assert refused > 50
