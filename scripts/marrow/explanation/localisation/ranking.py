"""Whether key instances have the highest scores: area under the ROC curve, average precision, hits among the first k.

Pooled: all instances of all bags that count in one ranking. Per bag: one number a bag, and their mean; a bag of key
instances alone has none. How large attention is says something only within a bag, so that its number is that per bag.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.quantities import Scores
from marrow.explanation.localisation.score import BagScore, Score
from marrow.explanation.localisation.scored_bags import ScoredBag, ScoredBags

Measure = Callable[[Mask, Scores], float]

MEASURES: dict[str, Measure] = {"auroc": roc_auc_score, "average_precision": average_precision_score}
POOLED, PER_BAG = "pooled", "per_bag"


def ranking_scores(quantity: str, bags: ScoredBags) -> Iterator[Score]:
    """Area and average precision, pooled and as the mean over bags."""
    instances = _share_of_keys(bags)
    for name, measure in MEASURES.items():
        pooled = None if bags.reason or bags.keys.all() else float(measure(bags.keys, bags.scores))
        reason = bags.reason or "every instance is key"
        yield Score(quantity, f"{name}_{POOLED}", pooled, len(bags.bags), note=reason if pooled is None else instances)
        mixed = [bag for bag in bags.bags if not bag.keys.all()]
        values = [float(measure(bag.keys, bag.scores)) for bag in mixed]
        left_out = len(bags.bags) - len(mixed)
        note = f"without {left_out} bags that have key instances alone" if left_out else ""
        yield Score(
            quantity,
            f"{name}_{PER_BAG}",
            float(np.mean(values)) if values else None,
            len(values),
            note=note if values else reason,
        )


def ranking_of_bags(quantity: str, bags: ScoredBags) -> Iterator[BagScore]:
    """The numbers of single bags."""
    for bag in bags.bags:
        if not bag.keys.all():
            for name, measure in MEASURES.items():
                yield _of_bag(quantity, f"{name}_{PER_BAG}", bag, float(measure(bag.keys, bag.scores)))


def hits_of_bags(quantity: str, bags: ScoredBags, tops: Sequence[int]) -> Iterator[BagScore]:
    """Whether a key instance is among the first k of each bag; of equal scores the chance that it is.

    A bag in which every instance is key, or that has no more than k, is left out: it is hit whatever the scores.
    """
    for top in tops:
        for bag in bags.bags:
            if not bag.keys.all() and len(bag.keys) > top:
                yield _of_bag(quantity, _hit_rate(top), bag, hit_chance(bag.scores, bag.keys, top))


def hit_scores(quantity: str, bags: ScoredBags, tops: Sequence[int]) -> Iterator[Score]:
    """In which share of the bags a key instance is among the first k."""
    hits = list(hits_of_bags(quantity, bags, tops))
    for top in tops:
        values = [hit.value for hit in hits if hit.metric == _hit_rate(top)]
        reason = bags.reason or f"no bag has other than key instances, and more than {top}"
        value = float(np.mean(values)) if values else None
        yield Score(quantity, _hit_rate(top), value, len(values), note="" if values else reason)


def hit_chance(scores: Scores, keys: Mask, top: int) -> float:
    """The chance that a key instance is among the first `top`, equal scores in any order.

    Of the instances that share the last place's score, those that fit are drawn without putting back; the chance that
    all m drawn of t are among the t - s that are not key is prod_{i<m} (t - s - i) / (t - i).
    """
    last = np.sort(scores)[::-1][top - 1]
    if keys[scores > last].any():
        return 1.0
    tied = scores == last
    drawn = top - int(np.count_nonzero(scores > last))
    others, count = int(np.count_nonzero(tied & ~keys)), int(np.count_nonzero(tied))
    steps = np.arange(drawn)
    return float(1 - np.prod(np.clip(others - steps, 0, None) / (count - steps)))


def _hit_rate(top: int) -> str:
    return f"hit_rate_top_{top}"


def _share_of_keys(bags: ScoredBags) -> str:
    if bags.reason:
        return ""
    return f"{np.count_nonzero(bags.keys)} of {len(bags.keys)} instances are key"


def _of_bag(quantity: str, metric: str, bag: ScoredBag, value: float) -> BagScore:
    return BagScore(quantity, metric, bag.entry.bag, bag.entry.patient, value)
