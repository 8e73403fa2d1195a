"""The augmentation of cell pictures: flips, quarter turns, and colours along their principal components."""

import numpy as np
import pytest
import torch

from marrow.bags.bag import Layout
from marrow.errors import ConfigError
from marrow.learning.augment.cells import CellAugmenter
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods
from marrow.planning.runs import _augmentation
from marrow.workflow.parse import REPOSITORY

LAYOUT = Layout((3, 4, 4), "uint8", channels=("red", "green", "blue"))
PICTURE = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)


def drawn(colour=0.0, instances=400, epoch=0, blocks=None, bag="b"):
    augmenter = CellAugmenter({"kind": "cells", "colour": colour})
    augmenter.fit(blocks or [PICTURE.float()])
    return augmenter.draw(LAYOUT, instances, 3, epoch, bag)


def test_all_eight_orientations_come_about_as_often_and_none_else():
    changed = drawn().patches(PICTURE.repeat(400, 1, 1, 1))
    expected = {
        tuple(torch.rot90(flipped, turns, (1, 2)).flatten().tolist())
        for flipped in (PICTURE[0].float(), PICTURE[0].float().flip(2))
        for turns in range(4)
    }
    found = [tuple(picture.flatten().tolist()) for picture in changed]
    assert set(found) == expected
    assert min(found.count(each) for each in expected) > 20


def test_colours_move_along_their_principal_components_in_standard_deviations():
    chance = np.random.default_rng(0)
    axis = np.array([0.6, 0.8, 0.0])
    values = 100 + 20 * chance.standard_normal((5000, 1)) * axis
    block = torch.tensor(values, dtype=torch.float32).T.reshape(1, 3, 50, 100)
    shift = drawn(0.1, 2000, blocks=[block]).shift.numpy()
    assert (shift @ axis).std() == pytest.approx(2, rel=0.1)
    assert np.abs(shift - np.outer(shift @ axis, axis)).max() < 0.01


def test_the_unit_of_the_values_makes_no_difference():
    block = torch.rand(2, 3, 8, 8)
    one, other = drawn(0.1, blocks=[block]).shift, drawn(0.1, blocks=[block * 255]).shift
    torch.testing.assert_close(one.abs() * 255, other.abs(), rtol=1e-3, atol=1e-4)


def test_draws_depend_on_seed_epoch_and_bag_alone():
    one, again, other = drawn(0.1), drawn(0.1), drawn(0.1, epoch=1)
    assert torch.equal(one.orientation, again.orientation)
    assert torch.equal(one.shift, again.shift)
    assert not torch.equal(one.orientation, other.orientation)
    assert torch.equal(drawn(0.1, instances=9).orientation, one.orientation[:9])


def test_it_is_for_pictures_in_colours_and_has_a_setting_of_its_own():
    methods = read_methods({"m": {"training": {"augment": "cells"}}}, REPOSITORY / "schemas")
    pictures = Instances((3, 56, 56), (), ("blood",), are_bytes=True)
    assert methods.method("m", pictures, {}).training["augment"] == "cells"
    for shape in ((1, 28, 28), (1, 8, 8, 8)):
        with pytest.raises(ConfigError, match="augment is cells, which is for pictures in three colours"):
            methods.method("m", Instances(shape, (), ("scans",)), {})
    settings = {"colour": 0.2, "gain": 0.3}
    assert _augmentation("cells", settings) == {"kind": "cells", "colour": 0.2}
    assert _augmentation(True, settings) == {"kind": "patches", "gain": 0.3}
    assert _augmentation(False, settings) is None
