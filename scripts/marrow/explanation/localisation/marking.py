"""Instances marked as key from a threshold on: precision, recall and F1, with a threshold from validation bags.

The threshold is that with the highest F1 over all instances of the validation bags that count; of equal ones the
highest. Test bags have no say in it.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import precision_recall_curve, precision_recall_fscore_support

from marrow.explanation.localisation.score import Score
from marrow.explanation.localisation.scored_bags import ScoredBags

METRICS = ("precision", "recall", "f1")


def best_threshold(validation: ScoredBags) -> float | None:
    """From which score on instances are marked; None where validation says nothing."""
    if validation.reason:
        return None
    precision, recall, thresholds = precision_recall_curve(validation.keys, validation.scores)
    total = precision[:-1] + recall[:-1]
    f1 = 2 * precision[:-1] * recall[:-1] / np.where(total > 0, total, 1)
    return float(thresholds[np.flatnonzero(f1 == f1.max())[-1]])


def marking_scores(quantity: str, test: ScoredBags, validation: ScoredBags, threshold: float | None) -> Iterator[Score]:
    """Precision, recall and F1 of the marked instances, pooled over the bags that count."""
    if test.reason or threshold is None:
        reason = test.reason or f"no threshold: {validation.reason}"
        yield from (Score(quantity, metric, None, 0, note=reason) for metric in METRICS)
        return
    marked = test.scores >= threshold
    *values, _ = precision_recall_fscore_support(test.keys, marked, average="binary", zero_division=np.nan)  # pyright: ignore[reportArgumentType]
    for metric, value in zip(METRICS, values, strict=True):
        is_defined = not np.isnan(value)
        note = f"pooled; threshold from {len(validation.bags)} validation bags" if is_defined else "nothing is marked"
        yield Score(quantity, metric, float(value) if is_defined else None, len(test.bags), threshold, note)
