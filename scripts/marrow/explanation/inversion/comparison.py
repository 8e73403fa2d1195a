"""Attention before and after each inversion, on the same bags: what validation chose, and what the test says."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.explanation.inversion.predictions import Look, Looker
from marrow.explanation.inversion.scores import Choice, choose, scores_of
from marrow.explanation.inversion.variants import AS_IT_IS, ATTENTION, Variant, variants_of
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.score import Score

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Side:
    """Some bags of a split.

    Attributes:
        looker: looks at them.
        key: which instances of each bag are key; None where nobody knows.
    """

    looker: Looker
    key: Sequence[Mask | None]


@dataclass(frozen=True)
class Result:
    """What came out for one quantity.

    Attributes:
        looks: of every test bag.
        threshold: of the marks; None where validation bags could not choose one.
        variant: how bags were inverted.
    """

    looks: list[Look]
    threshold: float | None
    variant: Variant

    def scores(self, quantity: str, key: Sequence[Mask | None]) -> Iterator[Score]:
        """The rows of the table."""
        return scores_of(quantity, self.looks, key, self.threshold, self.variant.told)


def compare(validation: Side | None, test: Side, settings: Mapping[str, Any]) -> dict[str, Result]:
    """Quantity -> what came out, attention first.

    Args:
        validation: chooses; None where there are no validation bags.
        test: is looked at once all is chosen.
        settings: `plain`, `sparse` and `thresholds`.
    """
    thresholds: Sequence[float] = settings["thresholds"]
    watched = validation.looker.before() if validation else []
    before = test.looker.before()
    chosen = _chosen(validation, [watched], thresholds)
    found = {ATTENTION: Result(before, chosen.threshold, AS_IT_IS)}
    for quantity, variants in variants_of(settings).items():
        looks = [validation.looker.after(variant, watched) for variant in variants] if validation else []
        chosen = _chosen(validation, looks or [[] for _ in variants], thresholds)
        variant = variants[chosen.variant]
        _log.info("%s: %s, marks from %s", quantity, variant.told, chosen.threshold)
        found[quantity] = Result(test.looker.after(variant, before), chosen.threshold, variant)
    return found


def _chosen(validation: Side | None, looks: Sequence[Sequence[Look]], thresholds: Sequence[float]) -> Choice:
    return choose(looks, validation.key if validation else [], thresholds)
