"""The bone sheet: colours that can be told apart, slices that show every bone, sides that are right."""

import itertools
import json

import matplotlib as mpl
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageColor

import draw_bones
from marrow.bones.table import DEFAULT_TABLE, Bone, read_bones
from marrow.drawing.bone_colours import bone_colours
from marrow.drawing.bone_sheet.cuts import cuts_of
from marrow.drawing.bone_sheet.slices import box_around, even_slices, informative_slices
from marrow.drawing.bone_sheet.steps import Projection, Step, read_steps, read_volumes, small_changes, volumes_of
from marrow.drawing.bone_sheet.strip import DIM, MOST_LINES, coloured, lookup, message_lines
from marrow.drawing.ink import SEVERITY
from marrow.errors import ScanStopped
from marrow.imaging.volume import write_volume

BONES = read_bones()
COLOURS = bone_colours(BONES)
SMALL = (4, 5, 6)
labels_of = arrays(np.uint8, SMALL, elements=st.integers(0, 4))
masks = arrays(np.bool_, SMALL)

# Bones of the default table that touch, or lie one over the other in a projection.
TOUCHING = [
    ("skull", "cervical_spine"),
    ("cervical_spine", "thoracic_spine"),
    ("thoracic_spine", "lumbar_spine"),
    ("lumbar_spine", "sacrum"),
    *[
        (one.format(side), other.format(side))
        for side in ("left", "right")
        for one, other in [
            ("hip_{}", "sacrum"),
            ("hip_{}", "femur_{}"),
            ("ribs_{}", "thoracic_spine"),
            ("ribs_{}", "sternum"),
            ("ribs_{}", "scapula_{}"),
            ("clavicle_{}", "sternum"),
            ("clavicle_{}", "scapula_{}"),
            ("scapula_{}", "humerus_{}"),
        ]
    ],
    *[(f"{bone}_left", f"{bone}_right") for bone in ("ribs", "clavicle", "scapula", "humerus", "hip", "femur")],
]
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}


def linear(colour):
    """A colour as linear RGB (IEC 61966-2-1)."""
    channels = np.array(ImageColor.getrgb(colour)) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson's OKLab, forward, from linear RGB."""
    cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    lab = [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
    return np.array(lab) @ np.cbrt(np.array(cones) @ np.clip(rgb, 0, 1))


def table_of(pairs, middles):
    """A table of bones with so many pairs and so many bones in the middle."""
    bones = [Bone(i + 1, f"m{i}", "middle", i + 1, "r") for i in range(middles)]
    for pair in range(pairs):
        left = middles + 2 * pair + 1
        bones += [
            Bone(left, f"p{pair}_left", "left", left + 1, "r"),
            Bone(left + 1, f"p{pair}_right", "right", left, "r"),
        ]
    return bones


# Colours


@pytest.mark.parametrize("eyes", EYES)
def test_touching_bones_and_the_two_of_a_pair_are_told_apart_by_any_eyes(eyes):
    seen = {bone.name: oklab(EYES[eyes] @ linear(COLOURS[bone.id])) for bone in BONES}
    for one, other in TOUCHING:
        assert np.linalg.norm(seen[one] - seen[other]) > 0.07, (one, other)


def test_all_bones_of_the_default_table_have_their_own_colour():
    assert len(set(COLOURS.values())) == len(BONES)
    seen = [oklab(linear(colour)) for colour in COLOURS.values()]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.05


@given(st.integers(1, 20), st.integers(0, 20))
@settings(max_examples=15)
def test_of_every_pair_of_every_table_the_left_is_the_lighter_one_of_a_like_hue(pairs, middles):
    bones = table_of(pairs, middles)
    colours = bone_colours(bones)
    assert set(colours) == {bone.id for bone in bones}
    for bone in bones:
        if bone.side == "left":
            left, right = (oklab(linear(colours[i])) for i in (bone.id, bone.mirror))
            assert left[0] > right[0] + 0.2
            angles = [np.arctan2(lab[2], lab[1]) for lab in (left, right)]
            assert abs(np.angle(np.exp(1j * (angles[0] - angles[1])))) < 0.1


def test_every_colour_stands_out_from_black():
    luminances = [linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in COLOURS.values()]
    assert (min(luminances) + 0.05) / 0.05 >= 3  # WCAG 2.2 for graphics


# Slices


def shown(labels, axis, chosen):
    """The sum over bones of the best share of their largest section."""
    others = tuple(i for i in range(3) if i != axis)
    total = 0
    for bone in set(np.unique(labels)) - {0}:
        areas = (labels == bone).sum(axis=others)
        total += max((areas[i] for i in chosen), default=0) / areas.max()
    return total


@given(labels_of, st.sampled_from([1, 2]), st.integers(1, 3))
def test_the_slices_show_at_least_what_greed_promises_of_the_best_choice(labels, axis, count):
    chosen = informative_slices(labels, axis, count)
    best = max(shown(labels, axis, combo) for combo in itertools.combinations(range(labels.shape[axis]), count))
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= count
    assert shown(labels, axis, chosen) >= (1 - 1 / np.e) * best - 1e-9


def test_a_bone_that_lies_apart_gets_its_slice():
    labels = np.zeros((10, 20, 10), np.uint8)
    labels[2:8, 4, 2:8] = 1
    labels[2:8, 4, 8] = 2
    labels[0, 15, 0] = 3
    assert informative_slices(labels, 1, 3) == [4, 15]


@given(masks.filter(np.any), st.sampled_from([1, 2]))
def test_even_slices_have_even_shares_of_the_body_before_them(body, axis):
    others = tuple(i for i in range(3) if i != axis)
    heap = np.cumsum(body.sum(axis=others))
    for index in even_slices(body, axis, 3):
        assert any(
            heap[index] >= share * heap[-1] > heap[index] - body.sum(axis=others)[index] for share in (0.25, 0.5, 0.75)
        )


@given(masks.filter(np.any))
def test_a_box_holds_all_of_a_mask_and_touches_it_on_every_side(mask):
    box = mask[box_around(mask, 0)]
    assert box.sum() == mask.sum()
    for axis in range(3):
        assert box.take(0, axis).any()
        assert box.take(-1, axis).any()


def test_the_head_is_above_the_right_on_the_left_and_the_front_on_the_left():
    labels = np.zeros((9, 8, 7), np.uint8)
    labels[8, 0, 0] = 1  # head, front, patient's right
    water = labels.astype(np.float32)
    cuts = cuts_of(water, np.ones(labels.shape, bool), labels, (1, 2, 3))
    found = {cut.view: cut for cut in cuts}
    assert all(cut.labels[0, 0] == 1 == cut.water[0, 0] for cut in cuts)
    assert found["coronal"].labels.shape == (9, 7)
    assert found["sagittal"].labels.shape == (9, 8)
    assert (found["coronal"].aspect, found["sagittal"].aspect) == (3, 1.5)
    assert found["coronal"].crossings == found["sagittal"].crossings == (0,)


# Corrections


def test_what_changed_is_bright_what_stayed_is_dim_and_what_went_is_white():
    before = np.array([[1, 1, 2, 0, 0]], np.uint8)
    after = np.array([[1, 3, 0, 4, 0]], np.uint8)
    table = lookup(COLOURS)
    stayed, renamed, gone, added, empty = coloured(Projection(before, after), table, is_first=False)[0].tolist()
    assert stayed == (table[1] * DIM).astype(int).tolist()
    assert renamed == table[3].tolist()
    assert gone == [255, 255, 255]
    assert added == table[4].tolist()
    assert empty == [0, 0, 0]
    assert (coloured(Projection(after, after), table, is_first=True)[0] == table[after[0]]).all()


def test_small_changes_are_marked_where_they_are_and_large_ones_are_not():
    changed = np.zeros((300, 120), bool)
    changed[50:53, 20:23] = True
    changed[200, 100] = True
    changed[100:180, 40:60] = True
    assert small_changes(changed) == [(51, 21, 1.5), (200, 100, 0.5)]


def test_changes_everywhere_get_no_marks():
    changed = np.zeros((300, 120), bool)
    changed[::30, ::30] = True
    assert not small_changes(changed)
    assert not small_changes(np.zeros((30, 12), bool))


def step(said):
    return Step("atlas", {}, 1, 1.0, tuple(said))


@given(st.lists(st.text(st.characters(categories=["L", "Zs"]), min_size=1, max_size=200), max_size=12))
def test_what_was_said_fits_and_what_is_left_out_is_counted(said):
    lines = message_lines(step(said), 3.0)
    assert len(lines) <= MOST_LINES
    if lines and lines[-1].startswith("…"):
        left_out = int(lines[-1].split()[2])
        assert 1 <= left_out <= len(said)
    else:
        assert "".join("".join(lines).split()) == "".join("".join(said).split())


def test_a_few_short_sentences_are_all_there():
    assert message_lines(step(["one", "two"]), 3.0) == ["one", "two"]
    assert message_lines(step(str(i) for i in range(MOST_LINES)), 3.0) == [str(i) for i in range(MOST_LINES)]
    last = message_lines(step(str(i) for i in range(20)), 3.0)[-1]
    assert last == f"… and {20 - MOST_LINES + 1} more in corrections.json"


def test_volumes_are_voxels_times_their_size():
    labels = np.zeros(SMALL, np.uint8)
    labels[0, 0, :3] = 4
    volumes = volumes_of(labels, BONES, (2, 3, 4))
    assert volumes["lumbar_spine"].raw == pytest.approx(3 * 0.024)
    assert volumes["skull"].raw == 0


# The stage


def body_labels():
    """A skeleton of rods on a grid `(z, y, x)` of 8 mm: the patient's left has the larger x."""
    labels = np.zeros((60, 24, 40), np.uint8)
    labels[50:58, 8:16, 16:24] = 1
    labels[20:48, 12:15, 19:22] = 3
    labels[2:20, 10:13, 26:29] = 17
    labels[2:20, 10:13, 11:14] = 18
    return labels


def projections(labels):
    """Labels met first from the front and from the patient's left, head first."""

    def first(volume, axis):
        return np.take_along_axis(volume, np.expand_dims((volume > 0).argmax(axis), axis), axis).squeeze(axis)[::-1]

    return first(labels, 1), first(labels[:, :, ::-1], 2)


def image_of(array):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((8.0, 8.0, 8.0))
    image.SetOrigin((-160.0, -96.0, -240.0))
    return image


@pytest.fixture
def files(tmp_path):
    """A scan whose left femur was named right in part; the midplane mended it."""
    labels = body_labels()
    raw = labels.copy()
    raw[2:8, 10:13, 26:29] = 18
    water = np.where(labels > 0, 20, 80).astype(np.float32) + np.arange(40, dtype=np.float32)
    body = np.zeros(labels.shape, np.uint8)
    body[1:59, 4:20, 4:36] = 1
    pictures = {}
    for number, (name, array) in enumerate([("raw", raw), ("midplane", labels)]):
        pictures[f"{number if name == 'raw' else 2}_{name}_front"], pictures[f"{number * 2}_{name}_side"] = projections(
            array
        )
    np.savez(tmp_path / "steps.npz", **pictures)
    told = {
        "steps": [{"step": "midplane", "changed_voxels": 54, "changed_ml": 27.6, "said": ["femur_left: relabelled"]}],
        "bones": {bone.name: {"raw_ml": 5.0, "corrected_ml": 4.0, "dilated_ml": 6.0} for bone in BONES},
    }
    (tmp_path / "corrections.json").write_text(json.dumps(told))
    for name, array in {"water": water, "body": body, "raw": raw, "dilated": labels}.items():
        write_volume(image_of(array), tmp_path / f"{name}.nii")
    return {
        "water": tmp_path / "water.nii",
        "body_resampled": tmp_path / "body.nii",
        "raw_bones": tmp_path / "raw.nii",
        "dilated": tmp_path / "dilated.nii",
        "steps": tmp_path / "steps.npz",
        "corrections": tmp_path / "corrections.json",
        "bone_table": DEFAULT_TABLE,
        "sheet": tmp_path / "sheet.png",
        "scan": "P01-a",
        "settings": {"window_percentiles": [1, 99.5]},
    }


def drawn(arguments):
    draw_bones.main(**arguments)
    with Image.open(arguments["sheet"]) as picture:
        return np.asarray(picture.convert("RGB"))


def places_of(picture, colour):
    """Columns of the pixels of a colour, as near as the palette has it."""
    return np.argwhere(np.abs(picture.astype(int) - ImageColor.getrgb(colour)).max(axis=2) <= 8)[:, 1]


def empty(arguments, *names):
    for name in names:
        arguments[name].write_bytes(b"")


def test_steps_follow_each_other_and_one_that_is_off_is_not_there(files):
    raw, midplane = read_steps(files["steps"], files["corrections"])
    assert (raw.name, midplane.name) == ("raw", "midplane")
    assert not raw.projections["front"].changed.any()
    assert (midplane.projections["side"].before == raw.projections["side"].after).all()
    assert midplane.projections["front"].changed.sum() == 6 * 3
    assert (midplane.changed_voxels, midplane.changed_ml, midplane.messages) == (54, 27.6, ("femur_left: relabelled",))
    assert raw.changed_voxels is None
    assert read_volumes(files["corrections"])["skull"].dilated == 6.0


def test_each_step_is_compared_with_the_one_before_it_in_the_order_of_their_numbers(files, tmp_path):
    names = ["10_dilation", "2_midplane", "0_raw"]
    pictures = {
        f"{name}_{view}": np.full((2, 2), i, np.uint8) for i, name in enumerate(names) for view in ("front", "side")
    }
    np.savez(tmp_path / "three.npz", **pictures)
    steps = read_steps(tmp_path / "three.npz", files["corrections"])
    assert [step.name for step in steps] == ["raw", "midplane", "dilation"]
    pairs = [(step.projections["side"].before[0, 0], step.projections["side"].after[0, 0]) for step in steps]
    assert pairs == [(2, 2), (2, 1), (1, 0)]


def test_the_same_scan_gives_the_same_bytes_whatever_a_users_matplotlib_says(files):
    drawn(files)
    first = files["sheet"].read_bytes()
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 20, "image.cmap": "jet", "lines.linewidth": 9}):
        drawn(files)
    assert files["sheet"].read_bytes() == first


def test_the_left_femur_is_on_the_right_of_the_coronal_slices(files):
    picture = drawn(files)
    coronal = picture[100:700, :390]  # one slice shows all; the sagittal ones follow
    left, right = places_of(coronal, COLOURS[17]), places_of(coronal, COLOURS[18])
    assert left.size > 10 < right.size  # the corners; straight lines are blended with what they cross
    assert left.min() > right.max()


@pytest.mark.parametrize("axes", [(True, False, False), (False, True, False), (False, False, True), (True, True, True)])
def test_a_volume_stored_the_other_way_round_hangs_the_same(files, axes):
    drawn(files)
    first = files["sheet"].read_bytes()
    for name in ("water", "body_resampled", "raw_bones", "dilated"):
        write_volume(sitk.Flip(sitk.ReadImage(str(files[name])), axes), files[name])
    drawn(files)
    assert files["sheet"].read_bytes() == first


def test_outlines_are_those_of_the_dilated_bones(files):
    dilated = body_labels()
    dilated[30:34, 4:8, 4:8] = 6
    write_volume(image_of(dilated), files["dilated"])
    assert places_of(drawn(files)[:, :1000], COLOURS[6]).size > 50


def test_a_bone_that_was_not_found_says_none_in_another_ink(files):
    before = places_of(drawn(files), "#b84a00").size
    told = json.loads(files["corrections"].read_text())
    told["bones"]["sternum"] = {"raw_ml": 0.0, "corrected_ml": 0.0, "dilated_ml": 0.0}
    files["corrections"].write_text(json.dumps(told))
    assert places_of(drawn(files), "#b84a00").size > before + 100


def test_a_stopped_scan_is_drawn_with_its_reason_in_red(files):
    plain = drawn(files)
    empty(files, "dilated", "steps", "corrections")
    write_volume(image_of(np.zeros_like(body_labels())), files["raw_bones"])
    stopped = drawn(files | {"stop": "bones_found: there is no bone in the label map"})
    red = SEVERITY["stop"]
    assert places_of(plain, red).size == 0
    assert places_of(stopped, red).size > 300
    assert places_of(stopped[110:, :1000], COLOURS[17]).size == 0
    assert stopped[150:600, 50:900].std() > 20  # the water image


def test_a_scan_stopped_after_its_prediction_shows_the_prediction(files):
    empty(files, "dilated", "steps", "corrections")
    picture = drawn(files | {"stop": "atlas: registration failed"})
    assert places_of(picture[110:, :1000], COLOURS[17]).size > 20


def test_a_scan_stopped_before_its_prediction_shows_its_water(files):
    empty(files, "raw_bones", "dilated", "steps", "corrections", "body_resampled")
    picture = drawn(files | {"stop": "network: the model is damaged"})
    assert places_of(picture, SEVERITY["stop"]).size > 300


def test_without_a_water_image_there_is_nothing_to_draw_and_the_first_reason_is_told(files):
    empty(files, "water", "body_resampled", "raw_bones", "dilated", "steps", "corrections")
    with pytest.raises(ScanStopped, match="a station is missing") as stopped:
        draw_bones.main(**files | {"stop": "a station is missing"})
    assert stopped.value.check == "nothing_to_draw"
    assert not files["sheet"].exists()


def test_a_map_on_another_grid_stops_the_scan_and_is_named(files):
    write_volume(image_of(body_labels()[:-1]), files["dilated"])
    with pytest.raises(ScanStopped, match="dilated bones") as stopped:
        draw_bones.main(**files)
    assert stopped.value.check == "same_grid"


@pytest.mark.parametrize("scan", ["$\\frac{1}{0}$", "a_b^c", "<b>", "x" * 300])
def test_names_are_drawn_as_they_are_written(files, scan):
    assert drawn(files | {"scan": scan}).size


@pytest.mark.parametrize(("pairs", "middles"), [(1, 1), (30, 5), (120, 15)])
def test_any_table_has_its_sheet(files, tmp_path, pairs, middles):
    lines = ["id\tname\tside\tmirror\tregion"]
    lines += [f"{b.id}\t{b.name}\t{b.side}\t{b.mirror}\t{b.region}" for b in table_of(pairs, middles)]
    table = tmp_path / "bones.tsv"
    table.write_text("\n".join(lines) + "\n")
    assert drawn(files | {"bone_table": table}).size


def test_water_that_is_not_finite_or_constant_is_drawn(files):
    water = np.full(body_labels().shape, np.nan, np.float32)
    write_volume(image_of(water), files["water"])
    assert drawn(files).size
    write_volume(image_of(np.ones_like(water)), files["water"])
    assert drawn(files).size
