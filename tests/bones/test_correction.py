"""The correction repairs what is planted, leaves good bones alone, and says what it did."""

import copy
import json

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

import correct_bones
from marrow.bones.correction.atlas import apply_atlas
from marrow.bones.correction.balls import ball, closed, dilated, eroded, opened
from marrow.bones.correction.chain import STEPS, Scan, correct
from marrow.bones.correction.dilation import dilate
from marrow.bones.correction.distances import CoarseDistance
from marrow.bones.correction.morphology import clean_shape, has_several
from marrow.bones.correction.restoration import offset_mm
from marrow.bones.table import DEFAULT_TABLE, Bone
from marrow.errors import ScanStopped
from marrow.imaging.volume import read_volume, voxels, with_voxels, write_volume
from posed_body import BONES, PosedBody, posed_body

SETTINGS = {
    "atlas": {
        "enabled": True,
        "farthest_mm": 25.0,
        "margin_mm": 10.0,
        "mostly": 0.7,
        "least_share": 0.25,
        "sure_percent": 70.0,
        "poorest_fit_mm": 8.0,
        "dent_mm": 12.0,
        "most_removed": 0.5,
    },
    "surface": {"enabled": True, "reach_mm": 12.0, "least_overlap": 0.5},
    "midplane": {
        "enabled": True,
        "tolerance_mm": 15.0,
        "mostly": 0.7,
        "working_mm": 10.0,
        "most_turn_degrees": 10.0,
        "slab_mm": 48.0,
        "stiffness": 2.0,
    },
    "morphology": {
        "enabled": True,
        "several": ["spine", "ribs"],
        "least_share": 0.2,
        "least_share_of_several": 0.05,
        "least_ml": 0.5,
        "close_mm": 3.0,
        "fill_ml": 8.0,
    },
    "dilation": {"enabled": True, "mm": 2.0},
}
ID = {bone.name: bone.id for bone in BONES}
MM = 8.0
SPACING = (MM, MM, MM)


def settings_with(step, **changed):
    settings = copy.deepcopy(SETTINGS)
    settings[step] |= changed
    return settings


def only(*steps):
    settings = copy.deepcopy(SETTINGS)
    for step in STEPS:
        settings[step]["enabled"] = step in steps
    return settings


def patient(disease="healthy") -> PosedBody:
    return posed_body(disease)


def near_atlas(disease="healthy"):
    """What registration would give: the same skeleton a few millimetres off, all maps in agreement."""
    labels = posed_body(disease, shift=(3.0, 0.0, -2.0)).labels
    return labels, np.where(labels > 0, 100, 0).astype(np.uint8)


def corrected(raw, who: PosedBody, atlas=None, settings=SETTINGS):
    """The labels before the dilation."""
    labels = raw
    for step, outcome in correct(raw, Scan(who.water, who.body, atlas), BONES, settings):
        labels = labels if step == "dilation" else outcome.labels
    return labels


def dice(a, b):
    """Mean over the bones."""
    shares = [2 * np.sum((a == n) & (b == n)) / (np.sum(a == n) + np.sum(b == n)) for n in ID.values()]
    return float(np.mean(shares))


def swapped(truth, *names):
    raw = truth.copy()
    for name in names:
        for bone in BONES:
            if bone.name in {f"{name}_left", f"{name}_right"}:
                raw[truth == bone.id] = bone.mirror
    return raw


def half_swapped(truth):
    """The lower half of the left femur and of the left humerus are called right."""
    raw = truth.copy()
    for name in ("femur", "humerus"):
        part = truth == ID[f"{name}_left"]
        rows = np.flatnonzero(part.any(axis=(1, 2)))
        part[int(rows.mean()) :] = False
        raw[part] = ID[f"{name}_right"]
    return raw


def both_halves_one_label(truth):
    raw = truth.copy()
    raw[truth == ID["hip_left"]] = ID["hip_right"]
    return raw


def with_islands(truth):
    """Blobs in the belly, called spine, rib, hip and femur."""
    raw = truth.copy()
    middle = np.argwhere(truth == ID["lumbar_spine"]).mean(axis=0).astype(int)
    blobs = (("lumbar_spine", (0, -11, 2)), ("ribs_left", (-3, -10, 7)), ("hip_right", (1, -10, -7)))
    for name, by in (*blobs, ("femur_left", (6, -11, 3))):
        z, y, x = middle + by
        place = raw[z - 2 : z + 2, y - 1 : y + 2, x - 2 : x + 2]
        place[place == 0] = ID[name]
    return raw


def with_holes(truth):
    """Voxels in the depth of bones, and a notch in a thigh bone."""
    raw = truth.copy()
    deep = ndimage.binary_erosion(truth > 0)
    raw[deep] = np.where(np.random.default_rng(0).random(int(deep.sum())) < 0.4, 0, raw[deep])
    return raw


def without_ribs(truth):
    return np.where(np.isin(truth, [ID["ribs_left"], ID["ribs_right"]]), 0, truth).astype(np.uint8)


PLANTED = {
    "all sides swapped": lambda who: swapped(who.labels, "femur", "hip", "humerus", "ribs", "clavicle", "scapula"),
    "one pair swapped": lambda who: swapped(who.labels, "humerus"),
    "parts swapped": lambda who: half_swapped(who.labels),
    "one label for both hips": lambda who: both_halves_one_label(who.labels),
    "islands in the belly": lambda who: with_islands(who.labels),
    "holes": lambda who: with_holes(who.labels),
    "no rib cage": lambda who: without_ribs(who.labels),
}
NEEDS_AN_ATLAS = {"no rib cage"}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_repaired_with_an_atlas(name):
    who = patient()
    raw = PLANTED[name](who)
    mended = corrected(raw, who, near_atlas())
    assert dice(mended, who.labels) > dice(raw, who.labels)
    assert dice(mended, who.labels) > (0.9 if name == "no rib cage" else 0.96)


@pytest.mark.parametrize("name", sorted(PLANTED.keys() - NEEDS_AN_ATLAS))
def test_what_is_planted_is_repaired_without_an_atlas(name):
    who = patient()
    raw = PLANTED[name](who)
    mended = corrected(raw, who)
    assert dice(mended, who.labels) > dice(raw, who.labels)


@pytest.mark.parametrize("with_atlas", [True, False])
def test_good_bones_stay_good(with_atlas):
    who = patient()
    mended = corrected(who.labels, who, near_atlas() if with_atlas else None)
    assert dice(mended, who.labels) > 0.985


def test_an_atlas_of_another_place_neither_restores_nor_removes():
    who = patient()
    atlas = np.roll(who.labels, (14, 4, 5), (0, 1, 2))
    outcome = apply_atlas(
        who.labels, atlas, (atlas > 0) * np.uint8(100), inside(who), BONES, SPACING, SETTINGS["atlas"]
    )
    assert np.array_equal(outcome.labels, who.labels)
    assert len(outcome.messages) == 1
    assert "does not fit" in outcome.messages[0]


def inside(who: PosedBody):
    return sitk.GetArrayFromImage(who.body) != 0


def test_lost_lesions_come_back_as_far_as_the_rest_of_the_bone():
    """A network that misses an edge of all bone and every lesion: the lesions are found as well as the rest."""
    who = patient("focal")
    draw = np.random.default_rng(0)
    edge = (who.labels > 0) & ~ndimage.binary_erosion(who.labels > 0)
    raw = np.where(who.lesions | (edge & (draw.random(edge.shape) < 0.08)), 0, who.labels).astype(np.uint8)
    mended = corrected(raw, who, (who.labels, (who.labels > 0) * np.uint8(90)))
    bone = who.labels > 0
    recall = [(mended == who.labels)[bone & part].mean() for part in (who.lesions, ~who.lesions)]
    assert (raw == who.labels)[bone & who.lesions].mean() == 0
    assert recall[0] >= recall[1] - 0.02
    assert dice(mended, who.labels) > dice(raw, who.labels)


def test_most_of_the_lost_lesions_come_back_with_an_atlas_that_is_a_little_off():
    who = patient("focal")
    raw = np.where(who.lesions, 0, who.labels).astype(np.uint8)
    mended = corrected(raw, who, near_atlas("focal"))
    bone = who.labels > 0
    assert (mended > 0)[bone & who.lesions].mean() > 0.6
    assert dice(mended, who.labels) > dice(raw, who.labels)


# Toys at 2 mm: one bone or two in a box of body.

TOY = (2.0, 2.0, 2.0)
FEMUR, OTHER = ID["femur_left"], ID["femur_right"]


def toy(*parts, shape=(40, 40, 40)):
    """Labels with boxes (id, from, to), corners in voxels (z, y, x)."""
    labels = np.zeros(shape, np.uint8)
    for number, low, high in parts:
        labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = number
    return labels


EVERYWHERE = np.ones((40, 40, 40), bool)
BONE = (FEMUR, (10, 10, 10), (30, 20, 20))


def atlas_step(labels, atlas, support=None, body=EVERYWHERE, **changed):
    agreed = np.where(atlas > 0, 100, 0).astype(np.uint8) if support is None else support
    return apply_atlas(labels, atlas, agreed, body, BONES, TOY, SETTINGS["atlas"] | changed)


def test_bone_far_from_the_atlas_goes_and_bone_near_it_stays():
    labels = toy(BONE, (FEMUR, (33, 36, 36), (37, 39, 39)), (FEMUR, (12, 24, 12), (14, 26, 14)))
    result = atlas_step(labels, toy(BONE)).labels
    assert not result[33:37].any()
    assert result[12:14, 24:26, 12:14].all()


def test_a_lump_that_the_network_lost_comes_back_where_the_atlas_is_sure_of_it():
    atlas = toy(BONE)
    labels = toy(BONE, (0, (16, 10, 10), (24, 17, 20)))
    assert np.array_equal(atlas_step(labels, atlas).labels, atlas)
    doubt = np.where(atlas > 0, 60, 0).astype(np.uint8)
    assert np.array_equal(atlas_step(labels, atlas, doubt).labels, labels)


def test_a_shell_that_registration_leaves_does_not_come_back_but_a_lump_does():
    """The atlas lies 4 mm off; the lump is 16 mm high."""
    labels = toy(BONE)
    atlas = np.roll(labels, 2, axis=2)
    assert np.count_nonzero(atlas_step(labels, atlas).labels != labels) < 0.03 * np.count_nonzero(labels)
    holed = toy(BONE, (0, (15, 10, 13), (24, 20, 20)))
    back = atlas_step(holed, atlas).labels
    lost = (labels > 0) & (holed == 0)
    assert (back > 0)[lost].mean() > 0.8


def test_a_slit_too_thin_for_a_lump_is_filled_where_it_is_a_dent_of_the_bone():
    labels = toy(BONE, (0, (18, 10, 13), (20, 20, 20)))
    lost = (toy(BONE) > 0) & (labels == 0)
    atlas = np.roll(toy(BONE), 1, axis=1)
    assert (atlas_step(labels, atlas).labels > 0)[lost].mean() > 0.6
    assert not atlas_step(labels, atlas, dent_mm=0.0).labels[lost].any()


def test_restored_bone_touches_its_own_bone_and_takes_no_others():
    atlas = toy(BONE, (OTHER, (10, 10, 20), (30, 20, 30)))
    labels = toy(BONE, (OTHER, (10, 10, 20), (30, 20, 30)), (OTHER, (12, 12, 16), (28, 18, 20)))
    result = atlas_step(labels, atlas).labels
    assert np.array_equal(result[labels == OTHER], labels[labels == OTHER])
    apart = toy((FEMUR, (2, 2, 2), (10, 10, 10)), (FEMUR, (30, 30, 30), (38, 38, 38)))
    only_one = np.where(np.arange(40)[:, None, None] < 20, apart, 0).astype(np.uint8)
    assert np.array_equal(atlas_step(only_one, apart).labels, only_one)


def test_a_missing_bone_is_filled_within_the_body_and_off_other_labels():
    atlas = toy(BONE)
    labels = toy((OTHER, (10, 10, 10), (14, 20, 20)))
    body = EVERYWHERE.copy()
    body[28:] = False
    outcome = apply_atlas(
        labels, atlas, np.zeros_like(atlas), body, BONES, TOY, SETTINGS["atlas"] | {"farthest_mm": 500.0}
    )
    assert np.array_equal(outcome.labels == OTHER, labels == OTHER)
    assert np.array_equal(outcome.labels == FEMUR, (atlas > 0) & (labels == 0) & body)
    assert any("missing (0% of the atlas's volume)" in messages for messages in outcome.messages)


def test_nothing_comes_back_outside_of_the_body():
    """The atlas lies 4 mm off and the lump reaches the skin, beyond which bone that came back has a rim."""
    whole = toy(BONE)
    labels = toy(BONE, (0, (15, 10, 13), (24, 20, 20)))
    body = EVERYWHERE.copy()
    body[:, :, 18:] = False
    labels[~body] = 0
    result = atlas_step(labels, np.roll(whole, 2, axis=2), body=body).labels
    assert np.count_nonzero(result) > np.count_nonzero(labels)
    assert not result[~body].any()


def test_the_offset_is_that_of_the_shift():
    mask = toy(BONE) > 0
    for by in (0, 1, 2, 3):
        assert offset_mm(np.roll(mask, by, axis=1), mask, 8, TOY) == 2 * by
    assert offset_mm(np.roll(mask, 9, axis=1), mask, 8, TOY) is None


def tidied(labels, **changed):
    return clean_shape(labels, np.ones(labels.shape, bool), BONES, TOY, SETTINGS["morphology"] | changed)


def test_crumbs_go_and_parts_stay():
    crumb, part = (FEMUR, (35, 35, 35), (37, 37, 37)), (FEMUR, (10, 26, 10), (20, 36, 20))
    result = tidied(toy(BONE, crumb, part)).labels
    assert np.array_equal(result, toy(BONE, part))


def test_ribs_may_have_many_parts():
    ribs = [(ID["ribs_left"], (5 * n, 4, 4), (5 * n + 2, 8, 4 + 3 * (n + 1))) for n in range(7)]
    labels = toy(*ribs)
    assert np.array_equal(tidied(labels, least_ml=0.1).labels, labels)
    assert not np.array_equal(tidied(labels, least_ml=0.1, several=["spine"]).labels, labels)


@pytest.mark.parametrize(
    ("name", "region", "several", "expected"),
    [
        ("ribs_left", "thorax", ["ribs"], True),
        ("ribsy", "thorax", ["ribs"], False),
        ("sternum", "thorax", ["thorax"], True),
        ("sternum", "thorax", ["spine", "ribs"], False),
        ("sternum", "thorax", ["sternum"], True),
    ],
)
def test_several_names_bones_regions_and_beginnings_of_names(name, region, several, expected):
    assert has_several(Bone(1, name, "middle", 1, region), several) is expected


def test_small_cavities_are_filled_and_large_ones_stay():
    labels = toy((FEMUR, (4, 4, 4), (36, 36, 36)), (0, (8, 8, 8), (14, 14, 14)), (0, (16, 16, 16), (30, 30, 30)))
    result = tidied(labels).labels
    assert result[8:14, 8:14, 8:14].all()
    assert not result[17:29, 17:29, 17:29].any()


def test_a_cavity_with_another_bone_in_it_is_filled_around_it():
    labels = toy((FEMUR, (4, 4, 4), (20, 20, 20)), (0, (8, 8, 8), (14, 14, 14)), (OTHER, (10, 10, 10), (12, 12, 12)))
    result = tidied(labels, least_ml=0.0).labels
    assert np.array_equal(result == OTHER, labels == OTHER)
    assert result[4:20, 4:20, 4:20].all()


def test_a_crack_with_another_bone_in_it_is_closed_around_it():
    cracked = toy(BONE, (0, (13, 10, 10), (14, 20, 20)), (OTHER, (13, 10, 13), (14, 20, 17)))
    result = tidied(cracked, least_ml=0.0).labels
    assert np.array_equal(result == OTHER, cracked == OTHER)
    assert np.count_nonzero(result == FEMUR) > np.count_nonzero(cracked == FEMUR)


def test_a_crack_is_closed():
    cracked = toy(BONE, (0, (13, 10, 10), (14, 20, 20)))
    result = tidied(cracked).labels
    assert (result[cracked > 0] == FEMUR).all()
    assert ndimage.label(result)[1] == 1
    assert ndimage.label(tidied(cracked, close_mm=0.0).labels)[1] == 2


@pytest.mark.parametrize(("gap", "stays"), [(1, True), (2, True), (3, False)])
def test_a_fragment_beside_its_bone_stays_and_one_apart_does_not(gap, stays):
    labels = toy(BONE, (FEMUR, (12, 20 + gap, 12), (14, 22 + gap, 14)))
    assert np.array_equal(tidied(labels, close_mm=0.0).labels, labels if stays else toy(BONE))


@pytest.mark.parametrize("mm", [1.0, 2.0, 3.0, 5.0, 9.0])
def test_a_margin_is_what_the_distance_map_says(mm):
    """An independent computation: every voxel of background within the distance takes the label of the nearest bone."""
    labels = toy(BONE, (OTHER, (15, 24, 12), (33, 30, 22)))
    body = EVERYWHERE.copy()
    body[:, :, 22:] = False
    result = dilate(labels, body, TOY, {"mm": mm}).labels
    away = {n: ndimage.distance_transform_edt(labels != n, TOY) for n in (FEMUR, OTHER)}
    nearest = np.minimum(away[FEMUR], away[OTHER])
    near = (nearest <= mm) & (labels == 0) & body
    assert np.array_equal(result != 0, near | (labels != 0))
    assert np.array_equal(result[labels != 0], labels[labels != 0])
    for number, distance in away.items():
        assert (distance[near & (result == number)] == nearest[near & (result == number)]).all()


def test_a_margin_less_than_a_voxel_says_that_it_does_nothing():
    labels = toy(BONE)
    outcome = dilate(labels, EVERYWHERE, (4.0, 4.0, 4.0), {"mm": 2.0})
    assert np.array_equal(outcome.labels, labels)
    assert "less than a voxel (4 mm)" in outcome.messages[0]


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (4.0, 2.0, 3.0)])
@pytest.mark.parametrize("mm", [2.0, 4.0, 5.5])
def test_growing_and_shrinking_are_by_distance(spacing, mm):
    mask = np.random.default_rng(3).random((14, 16, 18)) < 0.02
    bulk = ndimage.binary_dilation(mask, iterations=2)
    assert np.array_equal(dilated(bulk, mm, spacing), ndimage.distance_transform_edt(~bulk, spacing) <= mm)
    assert np.array_equal(eroded(bulk, mm, spacing), ndimage.distance_transform_edt(bulk, spacing) > mm)
    assert not (bulk & ~closed(bulk, mm, spacing)).any()
    assert not (opened(bulk, mm, spacing) & ~bulk).any()
    far = dilated(bulk, 11.0, spacing)
    assert not (far & (ndimage.distance_transform_edt(~bulk, spacing) > 11)).any()
    assert far[ndimage.distance_transform_edt(~bulk, spacing) <= 11 - max(spacing)].all()
    assert np.array_equal(opened(opened(bulk, mm, spacing), mm, spacing), opened(bulk, mm, spacing))


def test_a_ball_is_nearest_first_and_whole():
    steps = ball(4.0, TOY)
    away = np.linalg.norm(steps * 2.0, axis=1)
    assert len(steps) == 32
    assert (np.diff(away) >= 0).all()


def test_coarse_distances_are_right_to_a_thinned_voxel():
    mask = toy(BONE) > 0
    places = np.argwhere(EVERYWHERE)
    exact = ndimage.distance_transform_edt(~mask, TOY).reshape(-1)
    assert np.abs(CoarseDistance.to(mask, TOY).at(places) - exact).max() < 4.0 * np.sqrt(3)


# The stage, from file to file.


@pytest.fixture
def files(tmp_path):
    def image(labels):
        made = sitk.GetImageFromArray(labels)
        made.SetSpacing((8.0, 8.0, 8.0))
        made.SetOrigin((-100.0, 20.0, -300.0))
        return made

    labels = np.zeros((40, 20, 30), np.uint8)
    labels[5:20, 8:12, 20:24] = FEMUR
    labels[5:20, 8:12, 6:10] = OTHER
    labels[25:35, 14:17, 13:17] = ID["lumbar_spine"]
    body = np.zeros((40, 20, 30), np.uint8)
    body[1:39, 3:18, 2:28] = 1
    for name, array in {"raw": labels, "body": body, "water": body * np.float32(300)}.items():
        write_volume(image(array), tmp_path / f"{name}.nii")
    write_volume(image(np.where(labels > 0, 95, 0).astype(np.uint8)), tmp_path / "support.nii")
    return {
        "raw_bones": tmp_path / "raw.nii",
        "water": tmp_path / "water.nii",
        "body_resampled": tmp_path / "body.nii",
        "atlas": [tmp_path / "raw.nii"],
        "support": [tmp_path / "support.nii"],
        "volumes": [],
        "surface": [],
        "bone_table": DEFAULT_TABLE,
        "corrected": tmp_path / "bones.nii",
        "dilated": tmp_path / "dilated.nii",
        "steps": tmp_path / "steps.npz",
        "corrections": tmp_path / "corrections.json",
        "contrasts": [],
        "settings": settings_with("dilation", mm=8.0),
    }


def labels_in(path):
    image = read_volume(path)
    return np.array(voxels(image))


def test_the_stage_writes_labels_pictures_and_what_it_did(files):
    correct_bones.main(**files)
    raw = labels_in(files["raw_bones"])
    assert np.array_equal(labels_in(files["corrected"]), raw)
    dilated = labels_in(files["dilated"])
    assert np.array_equal(dilated[raw > 0], raw[raw > 0])
    assert np.count_nonzero(dilated) > np.count_nonzero(raw)
    with np.load(files["steps"], allow_pickle=False) as pictures:
        assert set(pictures) == {
            f"{name}_{view}"
            for name in ("0_raw", "1_surface", "2_atlas", "3_midplane", "4_morphology", "5_dilation")
            for view in ("front", "side")
        }
        front, side = pictures["0_raw_front"], pictures["0_raw_side"]
    assert front.dtype == np.uint8
    assert front.shape == (40, 30)
    assert side.shape == (40, 20)
    # The patient's right femur is at the left of the picture, below the spine; from the left, it is hidden.
    assert front[39 - 10, 7] == OTHER
    assert front[39 - 10, 21] == FEMUR
    assert front[39 - 30, 15] == ID["lumbar_spine"]
    assert set(np.unique(side)) == {0, FEMUR, ID["lumbar_spine"]}
    assert side[39 - 10, 9] == FEMUR
    told = json.loads(files["corrections"].read_text())
    assert [step["step"] for step in told["steps"]] == list(STEPS)
    femur = told["bones"]["femur_left"]
    assert femur["raw_ml"] == femur["corrected_ml"] == pytest.approx(240 * 0.512)
    assert femur["dilated_ml"] > femur["raw_ml"]
    changed = np.count_nonzero(dilated != raw)
    assert told["steps"][-1]["changed_voxels"] == changed
    assert told["steps"][-1]["changed_ml"] == pytest.approx(changed * 0.512)


@pytest.mark.parametrize("off", STEPS)
def test_each_step_can_be_switched_off(files, off):
    settings = copy.deepcopy(files["settings"])
    settings[off]["enabled"] = False
    correct_bones.main(**files | {"settings": settings})
    told = json.loads(files["corrections"].read_text())
    assert [step["step"] for step in told["steps"]] == [step for step in STEPS if step != off]
    with np.load(files["steps"], allow_pickle=False) as pictures:
        assert not any(off in name for name in pictures)
    if off == "dilation":
        assert np.array_equal(labels_in(files["dilated"]), labels_in(files["corrected"]))


def test_without_an_atlas_the_step_says_so(files):
    correct_bones.main(**files | {"atlas": [], "support": []})
    told = json.loads(files["corrections"].read_text())
    surface, atlas = told["steps"][:2]
    assert surface["changed_voxels"] == atlas["changed_voxels"] == 0
    assert "no model of the surface" in surface["said"][0]
    assert "no atlas" in atlas["said"][0]


def test_pictures_are_upright_whatever_the_directions(files, tmp_path):
    correct_bones.main(**files)
    with np.load(files["steps"], allow_pickle=False) as pictures:
        upright = {name: pictures[name] for name in pictures}
    for name in ("raw", "body", "water", "support"):
        path = tmp_path / f"{name}.nii"
        write_volume(sitk.DICOMOrient(read_volume(path), "PRI"), path)
    correct_bones.main(**files)
    with np.load(files["steps"], allow_pickle=False) as pictures:
        assert all(np.array_equal(pictures[name], upright[name]) for name in upright)


def test_a_scan_without_any_bone_stops_and_says_where_to_look(files):
    image = read_volume(files["raw_bones"])
    write_volume(with_voxels(np.array(voxels(image)) * np.uint8(0), image), files["raw_bones"])
    with pytest.raises(ScanStopped, match=r"bone sheet.*water.*swapped.*scores") as stopped:
        correct_bones.main(**files)
    assert stopped.value.check == "bones_found"
    assert str(files["raw_bones"].parent) not in str(stopped.value)


def test_a_map_on_another_grid_stops_the_scan(files):
    image = read_volume(files["raw_bones"])
    image.SetOrigin((0.0, 0.0, 0.0))
    write_volume(image, files["raw_bones"])
    with pytest.raises(ScanStopped, match="not on the scan's grid"):
        correct_bones.main(**files)
