"""What the network is trained on: segments, classes, flips, and a training that can be interrupted."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_bone_network import windows_of

from marrow.bones.segmentation.model_file import Purpose, load_network, save_network
from marrow.bones.segmentation.network import Architecture, ThreePathways
from marrow.bones.segmentation.prepare import AIR, Body, bounding_box, read_body, standard_score
from marrow.bones.segmentation.segments import Case, Place, balanced_places, read_labels, read_windows, uniform_places
from marrow.bones.segmentation.training import BALANCE, EVEN_EDGE, Recipe, Trainer
from marrow.device.checkpoint import Checkpoints
from marrow.errors import MarrowError, ScanStopped
from marrow.imaging.volume import with_voxels, write_volume
from toy_body import toy_body

RECIPE = Recipe(
    seed=3, epochs=4, segments=6, batch=2, edge=13, learning_rate=1e-2, halve_at=(0.5,), momentum=0.6, l1=1e-6, l2=1e-4,
    dice=0.0,
    shift=0.05, scale=0.01, mirror=0.5, validation_segments=6,
)  # fmt: skip
ARCHITECTURE = Architecture(channels=2, classes=4, width=0.1, depth=3)
MIRROR = [0, 1, 3, 2]
FEW = 10  # segments that the background's bias is set on; the product takes more, which proves the same


@pytest.fixture(autouse=True)
def _balanced_on_few(monkeypatch):
    monkeypatch.setattr("marrow.bones.segmentation.training.BALANCED_ON", FEW)


def toy_case(seed=0, shape=(26, 22, 30)) -> Case:
    """A body of noise with a bone in the middle and one on each side."""
    draw = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    labels[8:18, 8:14, 13:17] = 1
    labels[8:18, 8:14, 2:6] = 3
    labels[8:18, 8:14, 24:28] = 2
    image = draw.normal(0, 0.3, (2, *shape)) + np.stack([labels == 1, labels > 1])
    mask = np.ones(shape, bool)
    mask[:2], mask[:, :2] = False, False
    image[:, ~mask] = AIR
    body = Body(
        image.astype(np.float16), mask, (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])), shape, 4.0
    )
    return Case.of(body, labels, classes=4)


def trained(checkpoints, recipe=RECIPE, cases=None):
    torch.manual_seed(recipe.seed)
    trainer = Trainer(ThreePathways(ARCHITECTURE), recipe, MIRROR)
    trainer.train(cases or [toy_case()], [toy_case(1)], Checkpoints(checkpoints))
    return trainer


def test_every_class_gets_an_equal_share_of_the_segments():
    cases = [toy_case(0), toy_case(1)]
    places = balanced_places(cases, 400, 11, 0.0, np.random.default_rng(0))
    middles = [cases[p.case].labels[tuple(at + 5 for at in p.start)] for p in places]
    assert np.bincount(middles, minlength=4).tolist() == [100, 100, 100, 100]


def test_a_class_that_no_case_has_leaves_its_share_to_the_others():
    case = toy_case()
    without = Case.of(case.body, np.where(case.labels == 2, 0, case.labels).astype(np.uint8), 4)
    middles = [
        without.labels[tuple(at + 5 for at in p.start)]
        for p in balanced_places([without], 300, 11, 0.0, np.random.default_rng(0))
    ]
    assert np.bincount(middles, minlength=4).tolist() == [100, 100, 0, 100]


def test_a_class_is_drawn_only_from_cases_that_have_it():
    case = toy_case()
    without = Case.of(case.body, np.where(case.labels == 2, 0, case.labels).astype(np.uint8), 4)
    places = balanced_places([without, case], 400, 11, 0.0, np.random.default_rng(0))
    of_two = [p.case for p in places if (case, without)[p.case == 0].labels[tuple(at + 5 for at in p.start)] == 2]
    assert set(of_two) == {1}


def test_background_is_drawn_inside_the_body_alone():
    case = toy_case()
    for place in balanced_places([case], 200, 11, 0.0, np.random.default_rng(0)):
        assert case.body.mask[tuple(at + 5 for at in place.start)]


def test_windows_hold_what_the_geometry_says_and_air_beyond_the_image():
    case = toy_case()
    pad = 60
    around = np.pad(case.body.image[0].astype(np.float64), pad, constant_values=AIR)
    place = Place(0, (5, -3, 20))
    read = read_windows([case], [place], margin=8, predicted=11)
    expected = windows_of(around, 11, 8, 0, tuple(at + pad for at in place.start))
    for mine, theirs in zip(read, expected, strict=True):
        np.testing.assert_allclose(mine[0, 0], theirs[0, 0].numpy())


def test_a_mirrored_segment_is_the_segment_of_the_mirrored_scan_with_ids_swapped():
    case = toy_case()
    flipped = replace(case.body, image=case.body.image[..., ::-1], mask=case.body.mask[..., ::-1])
    other = Case.of(flipped, np.asarray(MIRROR, np.uint8)[case.labels[..., ::-1]], 4)
    place = Place(0, (4, 5, 17), is_mirrored=True)
    for mine, theirs in zip(
        read_windows([case], [place], 8, 11), read_windows([other], [Place(0, place.start)], 8, 11), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    ids = np.asarray(MIRROR, np.uint8)
    mine = read_labels([case], [place], 11, ids)
    np.testing.assert_array_equal(mine, read_labels([other], [Place(0, place.start)], 11, ids))
    assert 2 in mine or 3 in mine


def test_a_mirrored_place_keeps_its_class_in_the_middle():
    case = toy_case()
    ids = np.asarray(MIRROR, np.uint8)
    places = balanced_places([case], 200, 11, 1.0, np.random.default_rng(0))
    middles = read_labels([case], places, 11, ids)[:, 5, 5, 5]
    assert np.bincount(middles, minlength=4).tolist() == [50, 50, 50, 50]


def test_training_lowers_the_loss_and_finds_the_bones(tmp_path):
    history = trained(tmp_path, replace(RECIPE, epochs=10, segments=24, dice=1.0)).history
    assert history[-1].loss < 0.5 * history[0].loss
    assert history[-1].dice > 0.5


def test_in_the_end_as_many_voxels_of_bodies_are_called_bone_as_are_bone(tmp_path):
    """Segments around bones hold more bone than a body does, and the network must not expect as much of it."""
    cases = [toy_case(0), toy_case(2)]
    network = trained(tmp_path, cases=cases).network
    places = uniform_places(cases, FEW, EVEN_EDGE, np.random.default_rng([RECIPE.seed, BALANCE]))
    windows = [torch.from_numpy(window) for window in read_windows(cases, places, 3, EVEN_EDGE)]
    with torch.inference_mode():
        called = int((network(windows, (EVEN_EDGE,) * 3).argmax(dim=1) > 0).sum())
    bone = int((read_labels(cases, places, EVEN_EDGE, np.arange(4, dtype=np.uint8)) > 0).sum())
    assert called == pytest.approx(bone, abs=3)


def test_training_that_was_interrupted_goes_on_to_the_same_bits(tmp_path):
    whole = trained(tmp_path / "whole")
    first = Trainer(ThreePathways(ARCHITECTURE), RECIPE, MIRROR)
    torch.manual_seed(RECIPE.seed)
    first.network.load_state_dict(ThreePathways(ARCHITECTURE).state_dict())

    class Killed(Exception):
        pass

    class UntilTwo(Checkpoints):
        def keep(self, checkpoint):
            super().keep(checkpoint)
            if len(checkpoint.values["history"]) == 2:
                raise Killed

    with pytest.raises(Killed):
        first.train([toy_case()], [toy_case(1)], UntilTwo(tmp_path / "parts"))
    second = trained(tmp_path / "parts")
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name
    without_time = [[replace(row, seconds=0) for row in run.history] for run in (whole, second)]
    assert without_time[0] == without_time[1]


def test_a_checkpoint_of_another_run_cannot_be_half_read(tmp_path):
    trained(tmp_path)
    file = tmp_path / "last.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert len(trained(tmp_path).history) == RECIPE.epochs


def test_the_learning_rate_halves_after_each_share_of_the_epochs():
    recipe = replace(RECIPE, epochs=35, learning_rate=1.0, halve_at=(0.486, 0.629, 0.772, 0.858, 0.943))
    rates = [recipe.rate(epoch) for epoch in range(1, 36)]
    changes = [epoch for epoch in range(1, 35) if rates[epoch] != rates[epoch - 1]]
    assert changes == [17, 22, 27, 30, 33]
    assert rates[-1] == 0.5**5


def test_l1_and_l2_pull_convolutions_alone_towards_zero():
    torch.manual_seed(0)
    network = ThreePathways(ARCHITECTURE)
    recipe = replace(RECIPE, l1=0.01, l2=0.1)
    trainer = Trainer(network, recipe, MIRROR)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    trainer._add_regularisation()
    held = {id(weight) for weight in network.convolution_weights()}
    for parameter in network.parameters():
        expected = 0.01 * parameter.sign() + 0.2 * parameter if id(parameter) in held else torch.zeros_like(parameter)
        torch.testing.assert_close(parameter.grad, expected)


def test_a_loss_that_is_no_number_ends_the_training_with_the_epoch(tmp_path):
    case = toy_case()
    case.body.image[...] = np.nan
    with pytest.raises(MarrowError, match=r"nan in epoch 1; lower bones.training.learning_rate"):
        trained(tmp_path, cases=[case])


def test_an_edge_too_small_for_the_depth_is_told():
    with pytest.raises(MarrowError, match="edge is 6; 3 layers need at least 7"):
        Trainer(ThreePathways(ARCHITECTURE), replace(RECIPE, edge=6), MIRROR)


def test_validation_segments_are_the_same_in_every_epoch():
    cases = [toy_case(1), toy_case(2)]
    first, second = (uniform_places(cases, 6, 11, np.random.default_rng([3, 2])) for _ in range(2))
    assert first == second
    assert [place.case for place in first] == [0, 1, 0, 1, 0, 1]


def test_inside_the_body_every_contrast_has_mean_0_and_deviation_1_whatever_its_scale():
    draw = np.random.default_rng(0)
    volume = draw.normal(300, 40, (20, 20, 20)).astype(np.float32)
    mask = np.zeros(volume.shape, bool)
    mask[3:17, 3:17, 3:17] = True
    score = standard_score(volume, mask)
    assert abs(score[mask].mean()) < 0.05
    assert (score[~mask] == AIR).all()
    np.testing.assert_allclose(standard_score(volume * 7 + 5, mask), score, atol=1e-3)


def test_a_few_very_bright_voxels_do_not_dim_the_rest():
    draw = np.random.default_rng(0)
    volume = draw.normal(300, 40, (20, 20, 20)).astype(np.float32)
    bright = volume.copy()
    bright[0, 0, :8] = 1e5
    mask = np.ones(volume.shape, bool)
    np.testing.assert_allclose(standard_score(bright, mask)[1:], standard_score(volume, mask)[1:], atol=0.02)


def test_a_scan_is_cut_to_its_body(tmp_path):
    toy = toy_body()
    write_volume(toy.body, tmp_path / "body.nii")
    write_volume(toy.resampled["water"], tmp_path / "water.nii")
    body = read_body([tmp_path / "water.nii"], tmp_path / "body.nii")
    assert body.image.shape[1:] == body.mask.shape < body.shape
    for axes in ((1, 2), (0, 2), (0, 1)):
        ends = body.mask.any(axis=axes)
        assert ends[0]
        assert ends[-1]


def test_an_empty_body_stops_the_scan(tmp_path):
    toy = toy_body()
    write_volume(with_voxels(np.zeros(toy.body.GetSize()[::-1], np.uint8), toy.body), tmp_path / "body.nii")
    with pytest.raises(ScanStopped, match="body mask is empty"):
        read_body([], tmp_path / "body.nii")


def test_a_bounding_box_is_tight():
    mask = np.zeros((5, 6, 7), bool)
    mask[1, 2, 3] = mask[3, 2, 5] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 3), slice(3, 6))


PURPOSE = Purpose(("a", "b_left", "b_right"), ("fat", "water"), 4.0)


def test_a_network_comes_back_from_its_file(tmp_path):
    network = ThreePathways(ARCHITECTURE).eval()
    save_network(network, PURPOSE, tmp_path / "m")
    loaded = load_network(tmp_path / "m", PURPOSE)
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (replace(PURPOSE, bones=("a", "b_left", "c")), r"knows 3 bones, among them b_right, which .* but not c;"),
        (replace(PURPOSE, bones=("b_left", "a", "b_right")), "in the same order"),
        (replace(PURPOSE, contrasts=("water", "fat")), r"trained on fat, water, but bones.contrasts is water, fat"),
        (replace(PURPOSE, spacing_mm=2.0), "voxels of 4 mm, the scans have 2 mm"),
    ],
)
def test_a_network_for_another_purpose_is_refused(tmp_path, wanted, told):
    save_network(ThreePathways(ARCHITECTURE), PURPOSE, tmp_path / "m")
    with pytest.raises(MarrowError, match=told):
        load_network(tmp_path / "m", wanted)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:50], lambda b: b[: len(b) // 2], lambda _: b"no network", lambda _: b""]
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    save_network(ThreePathways(ARCHITECTURE), PURPOSE, tmp_path / "m")
    (tmp_path / "m").write_bytes(damage((tmp_path / "m").read_bytes()))
    with pytest.raises(MarrowError, match="damaged"):
        load_network(tmp_path / "m", PURPOSE)


def test_a_file_of_other_tensors_is_refused(tmp_path):
    from safetensors.torch import save

    (tmp_path / "m").write_bytes(save({"x": torch.zeros(1)}))
    with pytest.raises(MarrowError, match="no description"):
        load_network(tmp_path / "m", PURPOSE)
