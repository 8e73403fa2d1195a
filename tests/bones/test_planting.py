"""Lesions planted in annotated scans."""

from dataclasses import replace

import numpy as np
import pytest

from marrow.bones.segmentation.prepare import Body
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.planted_lesions import looks_diseased, with_lesions

SHAPE = (40, 30, 20)
CONTRASTS = ["fat", "water", "b50"]
MM = (4.0, 4.0, 4.0)


@pytest.fixture
def bone():
    """Two bones of 12 voxels across: their ids, (z, y, x)."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:36, 2:14, 4:16], labels[4:36, 16:28, 4:16] = 1, 2
    return labels


@pytest.fixture
def around(bone):
    """Fatty marrow in muscle, and a network that found all of it."""
    marrow = (bone > 0).astype(np.float16)
    image = np.stack([2 * marrow - 1, -marrow, 0 * marrow])
    body = Body(image, np.ones(SHAPE, bool), (slice(None),) * 3, SHAPE, MM[0])
    return Surroundings(body, bone.copy(), bone, np.full(SHAPE, 90, np.uint8), MM)


def planted(around, bone, seed=0):
    return with_lesions(around, bone, CONTRASTS, np.random.default_rng(seed))


def test_lesions_take_their_share_of_the_bone_and_nothing_else(around, bone):
    image = planted(around, bone).body.image
    changed = (image != around.body.image).any(axis=0)
    assert not changed[bone == 0].any()
    assert 0.1 < changed[bone > 0].mean() < 0.25
    assert np.array_equal(image[2], around.body.image[2])


def test_a_lesion_has_less_fat_and_more_water_than_marrow(around, bone):
    image = planted(around, bone).body.image.astype(float)
    changed = (image != around.body.image).any(axis=0)
    assert (image[0] < around.body.image[0])[changed].all()
    assert (image[1] > around.body.image[1])[changed].all()


def test_the_network_has_missed_most_of_them_and_nothing_else(around, bone):
    shares = []
    for seed in range(20):
        found = planted(around, bone, seed)
        changed = (found.body.image != around.body.image).any(axis=0)
        lost = found.labels != around.labels
        assert (found.labels[lost] == 0).all()
        assert not lost[~changed].any()
        shares.append(lost[changed].mean())
    assert 0.5 < np.mean(shares) < 0.9


def test_the_scan_itself_stays_and_chance_comes_from_its_seed(around, bone):
    before = around.body.image.copy()
    first, again, other = planted(around, bone), planted(around, bone), planted(around, bone, seed=1)
    assert np.array_equal(around.body.image, before)
    assert np.array_equal(around.labels, bone)
    assert np.array_equal(first.body.image, again.body.image)
    assert not np.array_equal(first.body.image, other.body.image)


def test_without_bone_or_contrasts_that_tell_of_lesions_nothing_is_planted(around, bone):
    assert np.array_equal(planted(around, 0 * bone).body.image, around.body.image)
    assert with_lesions(around, bone, ["low_b", "high_b", "adc"], np.random.default_rng(0)) is around


def test_what_looks_diseased_is_dark_in_fat_and_bright_in_water(around):
    image = np.zeros((2, 1, 2, 2), np.float16)
    image[0, 0] = [[-0.5, -0.5], [0.5, 0.5]]
    image[1, 0] = [[-1, 1], [-1, 1]]
    body = replace(around.body, image=image, mask=np.ones((1, 2, 2), bool))
    assert looks_diseased(body, ["fat", "water"]).tolist() == [[[False, True], [False, False]]]
    assert looks_diseased(body, ["b50", "water"]).tolist() == [[[False, True], [False, True]]]
    assert not looks_diseased(body, ["b50", "b900"]).any()
