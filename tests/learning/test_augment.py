"""Augmentation: what it does to patches, what it leaves alone, and that chance comes from seed, epoch and bag alone."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from marrow.bags.bag import Layout, Task
from marrow.bones.table import mirrored_ids, read_bones
from marrow.errors import ConfigError
from marrow.learning.augment import bag as augment_bag
from marrow.learning.augment.bag import augment, mirrored
from marrow.learning.augment.intensity import jitter, smooth
from marrow.learning.augment.parameters import Parameters, draw_parameters, unchanged
from marrow.learning.augment.resample import positions
from marrow.learning.augment.settings import Augmentation, margin_note, reach
from marrow.learning.feed.augmenter import cropped

SCAN = Layout((2, 20, 22, 24), "float16", margin=4)
PICTURE = Layout((3, 28, 26), "uint8", margin=3)
TABLE = Layout((7,), "float32")
LAYOUTS = pytest.mark.parametrize("layout", [SCAN, PICTURE], ids=["scan", "picture"])
ALWAYS = Augmentation(
    flip_probability=0.5,
    shift_probability=1,
    rotation_probability=1,
    elastic_probability=1,
    smoothing_probability=1,
    jitter_probability=1,
)
NEVER = replace(ALWAYS, **{field.name: 0.0 for field in fields(ALWAYS) if field.name.endswith("probability")})


def stored(layout: Layout, instances: int = 5, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).uniform(0, 100, (instances, *layout.shape))
    return torch.from_numpy(values.astype(layout.dtype))


def inner(layout: Layout, shift: tuple[int, ...] = (0, 0, 0)) -> tuple[slice | type(...), ...]:
    """The index of patches without their margin, moved by a shift along (x, y, z)."""
    ends = layout.shape[1:]
    moved = reversed(shift[: len(ends)])
    starts = [layout.margin + step for step in moved]
    return (
        ...,
        *(slice(start, start + end - 2 * layout.margin) for start, end in zip(starts, ends, strict=True)),
    )


def same(left: Parameters, right: Parameters) -> bool:
    return all(torch.equal(getattr(left, field.name), getattr(right, field.name)) for field in fields(left))


@LAYOUTS
def test_with_every_step_off_the_patch_without_its_margin_is_copied_exactly(layout: Layout):
    patches = stored(layout)
    drawn = draw_parameters(NEVER, layout, len(patches), 1, 2, "b")
    expected = patches[inner(layout)].to(torch.float32)
    assert torch.equal(augment(patches, drawn, layout), expected)
    assert torch.equal(augment(patches, unchanged(layout, len(patches)), layout), expected)
    assert torch.equal(cropped(patches, layout), expected)


@pytest.mark.parametrize("margin", [0, 2])
def test_neither_augmenting_nor_cropping_touches_the_stored_patches(margin: int):
    layout = Layout((1, 9, 9, 9), "float32", margin)
    patches = stored(layout)
    before = patches.clone()
    augment(patches, draw_parameters(ALWAYS, layout, len(patches), 1, 2, "b"), layout).zero_()
    cropped(patches, layout).zero_()
    assert torch.equal(patches, before)


@LAYOUTS
def test_an_instance_that_is_not_moved_is_not_resampled_when_others_are(layout: Layout):
    patches = stored(layout)
    drawn = draw_parameters(replace(NEVER, shift_probability=0.5), layout, len(patches), 1, 2, "b")
    still = ~drawn.moved
    assert 0 < still.sum() < len(patches)
    augmented, expected = augment(patches, drawn, layout), cropped(patches, layout)
    assert torch.equal(augmented[still], expected[still])
    assert all(not torch.equal(augmented[i], expected[i]) for i in drawn.moved.nonzero())


@LAYOUTS
@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -2, 3), (2, -1, -3)])
def test_a_shift_by_whole_voxels_is_a_slice(layout: Layout, shift: tuple[int, ...]):
    patches, axes = stored(layout), len(layout.shape) - 1
    parameters = replace(unchanged(layout, 5), shift=torch.tensor([shift[:axes]] * 5, dtype=torch.float32))
    torch.testing.assert_close(
        augment(patches, parameters, layout), patches[inner(layout, shift)].float(), rtol=0, atol=2e-3
    )


@pytest.mark.parametrize(
    ("layout", "matrix", "turned"),
    [
        (Layout((1, 12, 12, 12), "float32", 2), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], (-2, -1)),
        (Layout((1, 12, 12, 12), "float32", 2), [[1, 0, 0], [0, 0, -1], [0, 1, 0]], (-3, -2)),
        (Layout((1, 12, 12, 12), "float32", 2), [[0, 0, -1], [0, 1, 0], [1, 0, 0]], (-3, -1)),
        (Layout((1, 12, 12), "float32", 2), [[0, -1], [1, 0]], (-2, -1)),
    ],
)
def test_a_quarter_turn_is_rot90(layout: Layout, matrix: list[list[float]], turned: tuple[int, int]):
    patches = stored(layout)
    rotation = torch.tensor([matrix] * 5, dtype=torch.float32)
    expected = torch.rot90(cropped(patches, layout), 1, turned)
    found = augment(patches, replace(unchanged(layout, 5), rotation=rotation), layout)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@LAYOUTS
def test_a_flip_reverses_x_alone(layout: Layout):
    patches = stored(layout)
    flipped = torch.tensor([True, False, True, True, False])
    found = augment(patches, replace(unchanged(layout, 5), flipped=flipped), layout)
    expected = cropped(patches, layout)
    expected[flipped] = expected[flipped].flip(-1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_labels_go_to_the_other_side_with_the_flip_and_back_with_another():
    bones = read_bones()
    task = Task("bone", ("background", *(bone.name for bone in bones)), tuple(mirrored_ids(bones)))
    labels = torch.arange(len(bones) + 1, dtype=torch.uint8)
    once = mirrored(labels, torch.ones(len(labels), dtype=torch.bool), task)
    sides = {"left": "right", "right": "left"}
    for bone in bones:
        other = bones[int(once[bone.id]) - 1]
        assert other.side == sides.get(bone.side, bone.side)
        assert other.name.removesuffix(other.side) == bone.name.removesuffix(bone.side)
    assert once.dtype == labels.dtype
    assert torch.equal(mirrored(once, torch.ones(len(labels), dtype=torch.bool), task), labels)
    some = labels % 2 == 0
    assert torch.equal(mirrored(labels, some, task), torch.where(some, once, labels))


def test_labels_without_a_mirror_stay():
    labels = torch.tensor([0.5, 2.0])
    assert torch.equal(mirrored(labels, torch.tensor([True, True]), Task("thickness")), labels)


@LAYOUTS
def test_the_whole_deformation_agrees_with_spline_interpolation_of_each_instance(layout: Layout):
    """Order, axes, centre and control points, against scipy on positions worked out voxel by voxel."""
    patches, size = stored(layout, 3), tuple(length - 2 * layout.margin for length in layout.shape[1:])
    drawn = draw_parameters(replace(ALWAYS, smoothing_probability=0, jitter_probability=0), layout, 3, 5, 0, "b")
    drawn = replace(drawn, flipped=torch.tensor([True, False, True]))
    found, axes, points = augment(patches, drawn, layout).numpy(), len(size), ALWAYS.elastic_points
    for i, patch in enumerate(patches.numpy().astype(float)):
        voxels = np.indices(size).reshape(axes, -1)
        centred = (voxels - (np.array(size)[:, None] - 1) / 2)[::-1]
        centred[0] *= -1 if drawn.flipped[i] else 1
        lattice = drawn.displacement[i].numpy().astype(float).reshape(*(points,) * axes, axes)
        place = voxels * (points - 1) / (np.array(size)[:, None] - 1)
        bent = np.stack([map_coordinates(lattice[..., axis], place, order=1) for axis in range(axes)])
        read = drawn.rotation[i].numpy().astype(float) @ centred + drawn.shift[i].numpy()[:, None] + bent
        read = read[::-1] + (np.array(layout.shape[1:])[:, None] - 1) / 2
        for channel, values in enumerate(patch):
            expected = map_coordinates(values, read, order=1, mode="nearest").reshape(size)
            np.testing.assert_allclose(found[i, channel], expected, atol=5e-3)


@LAYOUTS
def test_elastic_deformation_moves_no_voxel_further_than_it_may_and_uses_most_of_it(layout: Layout):
    size = tuple(length - 2 * layout.margin for length in layout.shape[1:])
    settings = replace(NEVER, elastic_probability=1, elastic_voxels=1.25)
    drawn = draw_parameters(settings, layout, 50, 1, 2, "b")
    scale = torch.tensor([length / 2 for length in reversed(layout.shape[1:])])
    still = positions(unchanged(layout, 50), size, layout.shape[1:])
    moved = (positions(drawn, size, layout.shape[1:]) - still) * scale
    assert 1.2 < moved.abs().max() <= 1.25 + 1e-4
    assert moved.flatten(0, -2).mean(0).abs().max() < 0.1


@LAYOUTS
def test_no_voxel_is_read_beyond_the_reach_and_some_are_read_near_it(layout: Layout):
    size = tuple(length - 2 * layout.margin for length in layout.shape[1:])
    settings = replace(ALWAYS, rotation_degrees=30.0, elastic_probability=0, shift_probability=0)
    drawn = draw_parameters(settings, layout, 2000, 1, 2, "b")
    voxels = positions(drawn, size, layout.shape[1:])
    voxels *= torch.tensor([length / 2 for length in reversed(layout.shape[1:])])
    ends = torch.tensor([(length - 1) / 2 for length in reversed(size)])
    beyond = float((voxels.abs() - ends).max())
    limit = reach(settings, layout)
    assert 0.95 * limit < beyond <= limit + 1e-4
    assert reach(replace(settings, shift_probability=0.1), layout) == pytest.approx(limit + settings.shift_voxels)


def test_the_defaults_stay_within_the_margin_of_stored_patches_and_larger_ones_are_told():
    layout = Layout((1, 24, 24, 24), "float16", margin=4)
    assert margin_note(Augmentation(), layout) is None
    assert reach(Augmentation(), layout) > 3.5
    note = margin_note(Augmentation(shift_voxels=3), layout)
    assert note is not None
    assert "5.5 voxels" in note
    assert "margin of 6" in note
    assert margin_note(Augmentation(), TABLE) is None


def test_a_turn_by_any_angle_reaches_no_further_than_the_corner():
    layout = Layout((1, 17, 17), "uint8")
    turned = replace(NEVER, rotation_probability=1, rotation_degrees=180.0)
    assert reach(turned, layout) == pytest.approx(8 * np.sqrt(2) - 8)


def test_beyond_the_margin_the_border_goes_on():
    layout = Layout((1, 8, 8), "float32", margin=1)
    patches = stored(layout, 1)
    parameters = replace(unchanged(layout, 1), shift=torch.tensor([[4.0, 0.0]]))
    found = augment(patches, parameters, layout)
    torch.testing.assert_close(found[..., 3:], patches[:, :, 1:-1, -1:].expand(-1, -1, -1, 3), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(4, 2, 11, 12, 13), (4, 3, 14, 15)])
def test_smoothing_is_that_of_scipy(shape: tuple[int, ...]):
    patches = torch.from_numpy(np.random.default_rng(3).uniform(0, 100, shape).astype(np.float32))
    sigma = torch.tensor([1e-3, 0.4, 0.75, 1.0])
    found = smooth(patches, sigma).numpy()
    for i, width in enumerate(sigma.tolist()):
        for channel in range(shape[1]):
            values = patches[i, channel].numpy().astype(float)
            expected = gaussian_filter(values, width, mode="nearest", radius=4)
            np.testing.assert_allclose(found[i, channel], expected, atol=1e-3)


@LAYOUTS
def test_only_the_chosen_instances_are_smoothed(layout: Layout):
    patches = stored(layout)
    sigma = torch.tensor([0.0, 0.8, 0.0, 0.3, 0.0])
    found = augment(patches, replace(unchanged(layout, 5), sigma=sigma), layout)
    expected = cropped(patches, layout)
    expected[[1, 3]] = smooth(expected[[1, 3]], sigma[[1, 3]])
    assert torch.equal(found, expected)
    assert not torch.equal(found[1], cropped(patches, layout)[1])


def test_jitter_means_the_same_on_any_scale_of_intensity():
    patches = stored(Layout((2, 9, 9, 9), "float32"))
    gain, offset = torch.rand(5, 2) + 0.5, torch.randn(5, 2)
    found = jitter(patches, gain, offset)
    spread = patches.double().std(dim=(2, 3, 4), correction=0, keepdim=True)
    expected = patches * gain[..., None, None, None] + offset[..., None, None, None] * spread
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(jitter(1000 * patches, gain, offset), 1000 * found, rtol=1e-5, atol=1)


def test_a_patch_of_one_intensity_gets_no_offset():
    patches = torch.full((1, 1, 8, 8, 8), 64.0)
    assert torch.equal(jitter(patches, torch.ones(1, 1), torch.ones(1, 1)), patches)


def test_steps_come_in_order_resampling_smoothing_jitter():
    patches = stored(SCAN)
    drawn = draw_parameters(ALWAYS, SCAN, 5, 1, 2, "b")
    still = replace(drawn, sigma=torch.zeros(5), gain=torch.ones(5, 2), offset=torch.zeros(5, 2))
    expected = jitter(smooth(augment(patches, still, SCAN), drawn.sigma), drawn.gain, drawn.offset)
    torch.testing.assert_close(augment(patches, drawn, SCAN), expected, rtol=1e-5, atol=1e-4)


@LAYOUTS
def test_the_same_seed_epoch_and_bag_draw_the_same_whatever_was_drawn_before(layout: Layout):
    first = draw_parameters(ALWAYS, layout, 6, 7, 3, "focal-01-1")
    np.random.default_rng(0).random()
    torch.manual_seed(5)
    for other in ["healthy-01-1", "focal-02-1"]:
        draw_parameters(ALWAYS, layout, 9, 7, 3, other)
    assert same(first, draw_parameters(ALWAYS, layout, 6, 7, 3, "focal-01-1"))


@pytest.mark.parametrize("other", [(8, 3, "b"), (7, 4, "b"), (7, 3, "c"), (3, 7, "b")])
def test_another_seed_epoch_or_bag_draws_other_parameters(other: tuple[int, int, str]):
    first, second = draw_parameters(ALWAYS, SCAN, 40, 7, 3, "b"), draw_parameters(ALWAYS, SCAN, 40, *other)
    for field in fields(first):
        assert not torch.equal(getattr(first, field.name), getattr(second, field.name)), field.name


@LAYOUTS
def test_parameters_of_an_instance_do_not_depend_on_those_after_it(layout: Layout):
    whole = draw_parameters(Augmentation(), layout, 60, 7, 3, "b")
    assert same(whole[:11], draw_parameters(Augmentation(), layout, 11, 7, 3, "b"))


def test_switching_a_step_off_leaves_the_others():
    whole = draw_parameters(ALWAYS, SCAN, 20, 7, 3, "b")
    without = draw_parameters(replace(ALWAYS, rotation_probability=0, flip_probability=0), SCAN, 20, 7, 3, "b")
    assert not without.flipped.any()
    assert torch.equal(without.rotation, torch.eye(3).repeat(20, 1, 1))
    assert same(replace(without, flipped=whole.flipped, rotation=whole.rotation), whole)


@LAYOUTS
def test_parts_of_a_bag_give_what_the_whole_bag_gives(layout: Layout, monkeypatch: pytest.MonkeyPatch):
    patches = stored(layout, 12)
    drawn = draw_parameters(Augmentation(), layout, 12, 7, 3, "b")
    whole = augment(patches, drawn, layout)
    parts = torch.cat([augment(patches[rows], drawn[rows], layout) for rows in (slice(5), slice(5, 6), slice(6, None))])
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-3)
    monkeypatch.setattr(augment_bag, "_VOXELS", 3 * patches[0].numel())
    torch.testing.assert_close(augment(patches, drawn, layout), whole, rtol=1e-5, atol=1e-3)


def test_rotations_are_rotations_by_up_to_the_angle_about_axes_of_every_direction():
    drawn = draw_parameters(replace(NEVER, rotation_probability=1), SCAN, 3000, 1, 2, "b").rotation.double()
    torch.testing.assert_close(drawn @ drawn.mT, torch.eye(3).double().expand(3000, 3, 3), rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.linalg.det(drawn), torch.ones(3000).double())
    angle = torch.rad2deg(torch.arccos(((drawn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1)))
    assert 9.9 < angle.max() <= 10 + 1e-3
    odd = drawn - drawn.mT
    axes = torch.stack([odd[:, 2, 1], odd[:, 0, 2], odd[:, 1, 0]], dim=1)
    axes = axes / axes.norm(dim=1, keepdim=True)
    torch.testing.assert_close(axes.T @ axes / 3000, torch.eye(3).double() / 3, rtol=0, atol=0.03)


def test_steps_come_as_often_and_as_large_as_set():
    drawn = draw_parameters(Augmentation(jitter_probability=1), SCAN, 4000, 1, 2, "b")
    assert drawn.flipped.float().mean() == pytest.approx(0.5, abs=0.03)
    for chosen, share in [(drawn.shift, 0.5), (drawn.displacement, 0.5), (drawn.sigma, 0.2)]:
        assert chosen.reshape(4000, -1).any(1).float().mean() == pytest.approx(share, abs=0.03)
    assert drawn.shift.abs().max() == pytest.approx(1.5, abs=0.01)
    smoothed = drawn.sigma[drawn.sigma > 0]
    assert smoothed.min() < 0.02
    assert 0.98 < smoothed.max() <= 1
    assert drawn.gain.std() == pytest.approx(0.05, rel=0.05)
    assert drawn.offset.std() == pytest.approx(0.1, rel=0.05)
    assert drawn.gain.mean() == pytest.approx(1, abs=0.005)


def test_tables_stay_as_they_are():
    rows = stored(TABLE)
    drawn = draw_parameters(ALWAYS, TABLE, 5, 1, 2, "b")
    assert not drawn.flipped.any()
    assert torch.equal(augment(rows, drawn, TABLE), rows)


def test_a_bag_without_instances_stays_empty():
    drawn = draw_parameters(ALWAYS, SCAN, 0, 1, 2, "b")
    assert augment(stored(SCAN, 0), drawn, SCAN).shape == (0, 2, 12, 14, 16)


def test_a_sigma_beyond_the_kernel_is_refused():
    with pytest.raises(ConfigError, match=r"smoothing_sigma is 1.5; give it above 0 and at most 1.0"):
        Augmentation(smoothing_sigma=1.5)


def test_what_has_no_mirror_image_is_never_flipped():
    digits = replace(PICTURE, flips=False)
    drawn = draw_parameters(ALWAYS, digits, 50, 7, 3, "b")
    assert not drawn.flipped.any()
    assert same(
        replace(drawn, flipped=draw_parameters(ALWAYS, PICTURE, 50, 7, 3, "b").flipped),
        draw_parameters(ALWAYS, PICTURE, 50, 7, 3, "b"),
    )
