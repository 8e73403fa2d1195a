"""The bags that count when a quantity is scored: test bags of a positive class with a key instance at least."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marrow.bags.manifest import Entry
from marrow.explanation.localisation.explained_bags import ExplainedBag
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.quantities import Scores


@dataclass(frozen=True)
class ScoredBag:
    """A bag with one score of its instances, and which of these are key: one at least."""

    entry: Entry
    scores: Scores
    keys: Mask


@dataclass(frozen=True)
class ScoredBags:
    """The bags that count for a quantity; where there are none, why."""

    bags: Sequence[ScoredBag]
    reason: str = ""

    @cached_property
    def scores(self) -> Scores:
        """Of all instances, bag after bag."""
        return np.concatenate([bag.scores for bag in self.bags])

    @cached_property
    def keys(self) -> Mask:
        """Which of all instances are key."""
        return np.concatenate([bag.keys for bag in self.bags])


def scored_bags(quantity: str, bags: Iterable[ExplainedBag], split: str) -> ScoredBags:
    """The bags of a split that count for a quantity.

    Args:
        quantity: its name.
        bags: all of the split.
        split: its name, for the reason.
    """
    judged = list(bags)
    found = [
        ScoredBag(bag.entry, bag.quantities[quantity].values, bag.keys)
        for bag in judged
        if quantity in bag.quantities and bag.keys is not None and bag.counts(bag.quantities[quantity].label)
    ]
    return ScoredBags(found, "" if found else _why_none(quantity, judged, split))


def _why_none(quantity: str, bags: Sequence[ExplainedBag], split: str) -> str:
    if not bags:
        return f"there are no {split} bags"
    known = [bag for bag in bags if bag.keys is not None]
    if not known:
        return f"no {split} bag says which of its instances are key"
    sought = {said.label for bag in known if (said := bag.quantities.get(quantity)) and said.label}
    kind = f"of the class {sought.pop()} " if sought else ""
    return f"no {split} bag {kind}has a key instance"
