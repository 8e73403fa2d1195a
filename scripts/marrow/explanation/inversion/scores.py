"""How well key instances are found. Every choice is made on validation bags.

Precision, recall and F1 are over the instances of all bags together: a positive bag that the model missed counts with
its key instances unmarked, a negative one that it took for positive with its marks. AUROC and average precision are of
single bags, and their mean is taken over those that look positive and have both kinds of instances.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from marrow.explanation.inversion.marking import scaled_attentions
from marrow.explanation.inversion.predictions import BagPrediction
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.score import Score

MARKING = ("precision", "recall", "f1")
RANKING = {"auroc": roc_auc_score, "average_precision": average_precision_score}
METRICS = (*MARKING, *RANKING, "probability", "change")


@dataclass(frozen=True)
class Choice:
    """What validation bags chose.

    Attributes:
        variant: number of the way to invert, among those given.
        threshold: of the marks; None where validation bags cannot tell.
    """

    variant: int
    threshold: float | None


def choose(
    predictions: Sequence[Sequence[BagPrediction]], key: Sequence[Mask | None], thresholds: Sequence[float]
) -> Choice:
    """The way to invert and the threshold with the highest F1 on validation bags; of equal ones the first.

    Without a bag that is known to have key instances there is no threshold, and the way in the middle is taken.

    Args:
        predictions: of each way, of every bag.
        key: of every bag.
        thresholds: of the marks.
    """
    if not any(marks is not None and marks.any() for marks in key):
        return Choice(len(predictions) // 2, None)
    ways = [(number, threshold) for number in range(len(predictions)) for threshold in thresholds]
    found = [marking(predictions[number], key, threshold)["f1"] for number, threshold in ways]
    return Choice(*ways[int(np.argmax(found))])


def marking(predictions: Sequence[BagPrediction], key: Sequence[Mask | None], threshold: float) -> dict[str, float]:
    """Precision, recall and F1 of the marks at a threshold; not a number where undefined."""
    known = [
        (height, marks) for height, marks in zip(scaled_attentions(predictions), key, strict=True) if marks is not None
    ]
    if not known:
        return dict.fromkeys(MARKING, float("nan"))
    heights, marks = (np.concatenate(each) for each in zip(*known, strict=True))
    found = precision_recall_fscore_support(marks, heights >= threshold, average="binary", zero_division=np.nan)  # pyright: ignore[reportArgumentType]
    return dict(zip(MARKING, map(float, found[:3]), strict=True))


def scores_of(
    quantity: str,
    predictions: Sequence[BagPrediction],
    key: Sequence[Mask | None],
    threshold: float | None,
    told: str,
) -> Iterator[Score]:
    """All rows of a quantity, from test bags.

    Args:
        quantity: its name.
        predictions: of every bag, by this quantity.
        key: of every bag.
        threshold: as chosen; None where none could be.
        told: the settings of the inversion.
    """
    known = [(prediction, marks) for prediction, marks in zip(predictions, key, strict=True) if marks is not None]
    reason = _lack(known)
    instances = sum(len(marks) for _, marks in known)
    lack = reason or "no validation bag with key instances that a threshold could be chosen by"
    at = {} if reason or threshold is None else marking(predictions, key, threshold)
    for metric in MARKING:
        yield _row(quantity, metric, at.get(metric), instances, threshold, told, lack)
    ranked = [
        (prediction.attention, marks)
        for prediction, marks in known
        if prediction.is_positive and 0 < marks.sum() < len(marks)
    ]
    lack = reason or "no bag that looks positive has key instances and others"
    for metric, function in RANKING.items():
        value = _mean(float(function(marks, attention)) for attention, marks in ranked)
        yield _row(quantity, metric, value, len(ranked), None, told, lack)
    positive = [prediction for prediction in predictions if prediction.is_positive]
    lack = "no bag looks positive"
    for metric, values in {
        "probability": [prediction.probability for prediction in positive],
        "change": [prediction.change for prediction in positive],
    }.items():
        yield _row(quantity, metric, _mean(values), len(positive), None, told, lack)


def _lack(known: Sequence[tuple[BagPrediction, Mask]]) -> str:
    """Why nothing can be scored; empty where it can."""
    if not known:
        return "no instance labels, so nobody knows which instances are key"
    return "" if any(marks.any() for _, marks in known) else "no test bag has key instances"


def _row(
    quantity: str, metric: str, value: float | None, n: int, threshold: float | None, told: str, lack: str
) -> Score:
    defined = value is not None and np.isfinite(value)
    return Score(quantity, metric, value if defined else None, n, threshold, told if defined else lack)


def _mean(values: Iterable[float]) -> float | None:
    held = list(values)
    return float(np.mean(held)) if held else None
