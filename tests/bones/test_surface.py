"""The surface of bones, as a model learned on annotated scans sees it."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

import learn_surface
from marrow.bones.correction.distances import depth, nearest
from marrow.bones.segmentation.prepare import Body, bounding_box, standard_score
from marrow.bones.surface import training as surface_training
from marrow.bones.surface.features import Surroundings, feature_count, kinds_of
from marrow.bones.surface.model import SurfaceModel, read_surface_model
from marrow.bones.surface.step import correct_surface
from marrow.bones.surface.training import examples, train
from marrow.bones.table import DEFAULT_TABLE
from marrow.errors import MarrowError
from marrow.imaging.volume import voxels, with_voxels, write_volume
from posed_body import BONES, PosedBody, posed_body

MM = 8.0
SPACING = (MM, MM, MM)
SETTINGS = {"enabled": True, "reach_mm": 24.0, "least_overlap": 0.3}
NAMES = tuple(bone.name for bone in BONES)


def seen(who: PosedBody) -> Body:
    mask = np.array(voxels(who.body)) != 0
    box = bounding_box(mask)
    water = np.array(voxels(who.water), np.float32)[box]
    return Body(standard_score(water, mask[box])[None].astype(np.float16), mask[box], box, mask.shape, MM)


def frayed(labels, seed):
    """Labels whose surface is wrong in every fourth voxel, as if bones were a little too large and too small."""
    draw = np.random.default_rng(seed)
    wide = ndimage.grey_dilation(labels, size=3)
    edge = ~ndimage.binary_erosion(labels > 0) & (wide > 0)
    return np.where(edge & (draw.random(labels.shape) < 0.25), np.where(labels > 0, 0, wide), labels).astype(np.uint8)


def scan(disease, seed):
    """A patient with an atlas a few millimetres off and frayed labels: who it is, its surroundings, the labels."""
    who = posed_body(disease)
    atlas = posed_body(disease, shift=(3.0, 2.0, -3.0)).labels
    body, raw = seen(who), frayed(who.labels, seed)
    agreement = np.where(atlas > 0, 100, 0).astype(np.uint8)[body.box]
    return who, Surroundings(body, raw[body.box], atlas[body.box], agreement, SPACING), raw


@pytest.fixture(scope="module")
def model():
    who, around, _ = scan("diffuse", 0)
    taught = examples(around, who.labels[around.body.box], BONES, ["water"], 24.0, 40_000)
    return SurfaceModel(train(taught), NAMES, ("water",), MM)


def dice(a, b):
    both = [2 * np.sum((a == n.id) & (b == n.id)) / (np.sum(a == n.id) + np.sum(b == n.id)) for n in BONES]
    return float(np.mean(both))


@pytest.mark.parametrize("disease", ["healthy", "focal"])
def test_what_was_learned_on_one_patient_mends_the_surface_of_another(model, disease):
    who, around, raw = scan(disease, 1)
    mended = correct_surface(raw, around, model, BONES, SETTINGS).labels
    atlas = np.zeros_like(raw)
    atlas[around.body.box] = around.atlas
    assert dice(mended, who.labels) > max(dice(raw, who.labels), dice(atlas, who.labels)) + 0.02


def test_bone_in_lesions_is_found_though_no_taught_patient_has_any(monkeypatch):
    """The network missed every lesion; without planted lesions and their weight nearly all of that stays lost."""
    healthy, taught, _ = scan("healthy", 0)
    who, around, _ = scan("focal", 1)
    raw = np.where(who.lesions, 0, frayed(who.labels, 1)).astype(np.uint8)
    around = replace(around, labels=raw[around.body.box])

    def found_in_lesions():
        known = examples(taught, healthy.labels[taught.body.box], BONES, ["water"], 24.0, 40_000)
        model = SurfaceModel(train(known), NAMES, ("water",), MM)
        found = correct_surface(raw, around, model, BONES, SETTINGS).labels > 0
        return found[(who.labels > 0) & who.lesions].mean()

    assert found_in_lesions() > 0.6
    monkeypatch.setattr(surface_training, "PLANTED", 0.0)
    monkeypatch.setattr(surface_training, "DISEASED_WEIGHT", 1.0)
    assert found_in_lesions() < 0.1


def test_nothing_changes_beyond_its_reach_or_outside_of_the_body(model):
    _, around, raw = scan("healthy", 1)
    raw = np.where(raw > 0, raw, 1).astype(np.uint8)
    inside = around.near(24.0)
    mended = correct_surface(raw, around, model, BONES, SETTINGS | {"least_overlap": 0.0}).labels
    far = np.ones(raw.shape, bool)
    far[around.body.box] = ~inside
    assert np.array_equal(mended[far], raw[far])
    assert not np.array_equal(mended, raw)


def test_labels_that_do_not_fit_the_atlas_stay(model):
    _, around, raw = scan("healthy", 1)
    moved = Surroundings(around.body, np.roll(around.labels, 8, 1), around.atlas, around.agreement, SPACING)
    outcome = correct_surface(raw, moved, model, BONES, SETTINGS)
    assert np.array_equal(outcome.labels, raw)
    assert "nothing changed" in outcome.messages[0]


def test_the_same_scans_give_the_same_model(model):
    who, around, _ = scan("diffuse", 0)
    again = train(examples(around, who.labels[around.body.box], BONES, ["water"], 24.0, 40_000))
    for (weight, bias), (known_weight, known_bias) in zip(again, model.layers, strict=True):
        assert np.array_equal(weight, known_weight)
        assert np.array_equal(bias, known_bias)


def test_the_nearest_label_is_what_the_distance_map_says():
    labels = np.random.default_rng(0).integers(1, 5, (12, 14, 16)).astype(np.uint8)
    labels[np.random.default_rng(1).random(labels.shape) < 0.97] = 0
    spacing = (3.0, 2.0, 2.0)
    places = np.argwhere(np.ones(labels.shape, bool))
    away, found = nearest(labels, places, 9.0, spacing)
    true, at = ndimage.distance_transform_edt(labels == 0, spacing, return_indices=True)
    true = true.reshape(-1)
    near = true <= 9
    assert np.allclose(away[near], true[near], atol=1e-4)
    assert np.isinf(away[~near]).all()
    alone = near & (labels[tuple(at)].reshape(-1) == found)
    assert alone.sum() > 0.9 * near.sum()  # the others have two labels equally near
    assert (found[~near] == 0).all()


def test_depth_changes_sign_between_two_voxels_and_ends_at_the_reach():
    mask = np.zeros((1, 1, 20), bool)
    mask[..., 8:] = True
    places = np.argwhere(np.ones(mask.shape, bool))
    expected = np.clip(2.0 * (np.arange(20) - 7.5), -8, 8)
    assert np.array_equal(depth(mask, places, 8.0, (2.0, 2.0, 2.0)), expected)


def test_a_bone_and_its_mirror_image_are_one_kind():
    kinds = kinds_of(BONES)
    assert kinds[0] == 0
    assert all(kinds[bone.id] == kinds[bone.mirror] > 0 for bone in BONES)
    assert len(set(kinds)) == 1 + len({min(bone.id, bone.mirror) for bone in BONES})


def test_features_are_as_many_as_told():
    _, around, _ = scan("healthy", 1)
    assert around.features(np.argwhere(around.near(MM))[:5], BONES, MM).shape == (5, feature_count(BONES, 1))


def test_a_model_is_read_as_it_was_written_and_only_for_what_it_was_learned_for(model, tmp_path):
    file = tmp_path / "surface.npz"
    model.write(file)
    again = read_surface_model(file, BONES, ["water"], MM)
    assert again is not None
    assert np.array_equal(again.layers[0][0], model.layers[0][0])
    for bones, contrasts, spacing_mm in ((BONES[:-1], ["water"], MM), (BONES, ["fat"], MM), (BONES, ["water"], 2.0)):
        with pytest.raises(MarrowError, match="was learned for"):
            read_surface_model(file, bones, contrasts, spacing_mm)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(MarrowError, match="is no surface model"):
        read_surface_model(file, BONES, ["water"], MM)


def test_a_stopped_scan_teaches_nothing_and_without_any_there_is_no_model(tmp_path):
    who, _, raw = scan("healthy", 1)
    whole = {
        "raw_bones": raw,
        "atlases": posed_body("healthy", shift=(3.0, 2.0, -3.0)).labels,
        "annotations": who.labels,
    }
    files = {name: [tmp_path / f"{name}.nii", tmp_path / "empty.nii"] for name in (*whole, "volumes", "bodies")}
    for name, labels in whole.items():
        write_volume(with_voxels(labels, who.body), files[name][0])
    write_volume(sitk.Cast(who.water, sitk.sitkFloat32), files["volumes"][0])
    write_volume(who.body, files["bodies"][0])
    (tmp_path / "empty.nii").touch()
    rest = {
        "bone_table": DEFAULT_TABLE,
        "surface": tmp_path / "surface.npz",
        "contrasts": ["water"],
        "roles": ["water"],
        "settings": SETTINGS,
        "threads": 1,
    }
    learn_surface.main(**files, supports=files["atlases"], **rest)
    assert read_surface_model(tmp_path / "surface.npz", BONES, ["water"], MM) is not None
    none = {name: [tmp_path / "empty.nii"] for name in files}
    (tmp_path / "surface.npz").unlink()
    learn_surface.main(**none, supports=none["atlases"], **rest)
    assert read_surface_model(tmp_path / "surface.npz", BONES, ["water"], MM) is None
