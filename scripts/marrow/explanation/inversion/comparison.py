"""Attention before and after each inversion, on the same bags: what validation chose, and what the test says."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.explanation.inversion.predictions import BagPrediction, Predictor
from marrow.explanation.inversion.scores import Choice, choose, scores_of
from marrow.explanation.inversion.variants import AS_IT_IS, ATTENTION, Variant, variants_of
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.score import Score

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitBags:
    """Some bags of a split.

    Attributes:
        predictor: what the model predicts of them, before and after an inversion.
        key: which instances of each bag are key; None where nobody knows.
    """

    predictor: Predictor
    key: Sequence[Mask | None]


@dataclass(frozen=True)
class Result:
    """The outcome of one quantity.

    Attributes:
        predictions: of every test bag.
        threshold: of the marks; None where validation bags could not choose one.
        variant: how bags were inverted.
    """

    predictions: list[BagPrediction]
    threshold: float | None
    variant: Variant

    def scores(self, quantity: str, key: Sequence[Mask | None]) -> Iterator[Score]:
        """The rows of the table."""
        return scores_of(quantity, self.predictions, key, self.threshold, self.variant.told)


def compare(validation: SplitBags | None, test: SplitBags, settings: Mapping[str, Any]) -> dict[str, Result]:
    """Quantity -> its outcome, attention first.

    Args:
        validation: the bags by which variant and threshold are chosen; None where there are none.
        test: the bags that are scored, once all is chosen.
        settings: `plain`, `sparse` and `thresholds`.
    """
    thresholds: Sequence[float] = settings["thresholds"]
    uninverted = validation.predictor.predict() if validation else []
    before = test.predictor.predict()
    chosen = _chosen(validation, [uninverted], thresholds)
    found = {ATTENTION: Result(before, chosen.threshold, AS_IT_IS)}
    for quantity, variants in variants_of(settings).items():
        predictions = (
            [validation.predictor.predict_inverted(variant, uninverted) for variant in variants] if validation else []
        )
        chosen = _chosen(validation, predictions or [[] for _ in variants], thresholds)
        variant = variants[chosen.variant]
        _log.info("%s: %s, marks from %s", quantity, variant.told, chosen.threshold)
        found[quantity] = Result(test.predictor.predict_inverted(variant, before), chosen.threshold, variant)
    return found


def _chosen(
    validation: SplitBags | None, predictions: Sequence[Sequence[BagPrediction]], thresholds: Sequence[float]
) -> Choice:
    return choose(predictions, validation.key if validation else [], thresholds)
