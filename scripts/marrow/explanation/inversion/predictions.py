"""Predictions of a model for bags as they are, and for bags predicted positive after their inversion.

The first class is the negative one. As in the paper, bags that are predicted to be of any other class are inverted,
towards the predicted class: the true one is unknown when a model is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.explanation.inversion.network import Network
from marrow.explanation.inversion.variants import Variant
from marrow.learning.feed.feed import Batch, Feed
from marrow.learning.feed.grouping import grouped

AT_A_TIME = 2**22  # numbers of the instances that are changed together; memory holds many times as many

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BagPrediction:
    """The prediction of a model for a bag.

    Attributes:
        predicted: the likeliest class of the bag as it is.
        probability: of that class, after any inversion.
        attention: (instances,), likewise.
        change: mean distance between the values of the bag and of the inverted bag; in units.
    """

    predicted: int
    probability: float
    attention: Array
    change: float = 0.0

    @property
    def is_positive(self) -> bool:
        """Whether the model predicts another class than the negative one for the bag as it is."""
        return self.predicted > 0


class Predictor:
    """Predicts bags as they are and after an inversion.

    Args:
        network: the model.
        feed: the bags.
        guard: of the model's encoder.
    """

    def __init__(self, network: Network, feed: Feed, guard: OutOfMemoryGuard) -> None:
        self._network = network
        self._feed = feed
        self._guard = guard

    def predict(self) -> list[BagPrediction]:
        """The predictions of all bags as they are."""
        return [
            prediction for predictions in self._each(range(len(self._feed)), None, []) for prediction in predictions
        ]

    def predict_inverted(self, variant: Variant, predictions: Sequence[BagPrediction]) -> list[BagPrediction]:
        """The predictions of all bags, after an inversion of those that are predicted positive.

        Args:
            variant: how they are inverted.
            predictions: of every bag as it is.
        """
        positions = [position for position, prediction in enumerate(predictions) if prediction.is_positive]
        found = self._each(positions, variant, [predictions[position].predicted for position in positions])
        changed = dict(zip(positions, (prediction for group in found for prediction in group), strict=True))
        return [changed.get(position, prediction) for position, prediction in enumerate(predictions)]

    def patches(self, variant: Variant, position: int, predicted: int) -> tuple[Tensor, Tensor]:
        """The instances of a bag in units before and after, (instances, *shape) each, on the processor."""
        batch = self._feed.batch([position])
        units = self._network.space.units(batch.patches)
        moved = self._guard.attempt(partial(self._moved, batch, units, variant, [predicted]))
        return units.cpu(), moved.cpu()

    def _each(
        self, positions: Sequence[int], variant: Variant | None, targets: Sequence[int]
    ) -> Iterator[list[BagPrediction]]:
        """The predictions of some bags, a group of them at a time."""
        lengths = [self._feed.lengths[position] for position in positions]
        if not lengths:
            return
        numbers = self._feed.batch([positions[0]]).patches[0].numel()
        groups = list(grouped(lengths, AT_A_TIME // numbers))
        batches = self._feed.batches([[positions[place] for place in group] for group in groups])
        for group, (_, batch) in zip(groups, batches, strict=True):
            aims = [targets[place] for place in group] if variant else []
            yield self._guard.attempt(partial(self._predictions, batch, variant, aims))

    def _predictions(self, batch: Batch, variant: Variant | None, targets: Sequence[int]) -> list[BagPrediction]:
        units = self._network.space.units(batch.patches)
        moved = self._moved(batch, units, variant, targets) if variant else units
        probabilities, attention = (each.cpu().numpy() for each in self._network.predict(moved, batch.segments))
        changes = (moved - units).abs().flatten(1).mean(1).cpu().numpy()
        ends = np.cumsum(batch.segments.lengths.cpu().numpy())[:-1]
        predicted = targets or probabilities.argmax(1).tolist()
        return [
            BagPrediction(aim, float(of_classes[aim]), of_instances, float(change.mean()))
            for aim, of_classes, of_instances, change in zip(
                predicted, probabilities, np.split(attention, ends), np.split(changes, ends), strict=True
            )
        ]

    def _moved(self, batch: Batch, units: Tensor, variant: Variant, targets: Sequence[int]) -> Tensor:
        aims = torch.tensor(targets, device=units.device)
        network = self._network
        return variant.move(units, lambda at: network.gradient(at, batch.segments, aims), network.space.within)
