"""The augmentation of a training: random changes of patches, drawn for each instance and epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from marrow.bags.bag import Layout, Task
from marrow.learning.augment.bag import augment, mirrored
from marrow.learning.augment.parameters import Parameters, draw_parameters
from marrow.learning.augment.settings import Augmentation, margin_note
from marrow.learning.feed.augmenter import Blocks


@dataclass(frozen=True)
class DrawnChanges:
    """The changes of one bag in one epoch."""

    layout: Layout
    parameters: Parameters

    def patches(self, stored: Tensor) -> Tensor:
        """Stored patches (instances, *layout.shape), changed and without their margin, in float32."""
        return augment(stored, self.parameters, self.layout)

    def labels(self, labels: Tensor, task: Task) -> Tensor:
        """Labels (instances,) of an auxiliary task after the flips."""
        return mirrored(labels, self.parameters.flipped, task)


class RandomAugmenter:
    """Draws the random changes of bags; its settings are the section `augmentation` of the config."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = Augmentation(**settings)

    def note(self, layout: Layout) -> str | None:
        """A warning where the margin of the patches is too small for the changes."""
        return margin_note(self._settings, layout)

    def fit(self, blocks: Blocks) -> None:
        """Nothing is learned from the training patches."""

    def draw(self, layout: Layout, instances: int, seed: int, epoch: int, bag: str) -> DrawnChanges:
        """The changes of a bag, from (seed, epoch, bag) alone."""
        return DrawnChanges(layout, draw_parameters(self._settings, layout, instances, seed, epoch, bag))


def make(settings: Mapping[str, Any]) -> RandomAugmenter:
    """The augmentation with the settings of a run."""
    return RandomAugmenter({key: value for key, value in settings.items() if key != "kind"})
