"""Whether the right bones are marked: of those with key instances, how many have one of them marked.

    hit rate  = bones with a marked key instance / bones with a key instance
    precision = bones with a marked key instance / bones with a marked instance

A bone counts once in each scan, and the bone of an instance is the one that most of it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marrow.bags.bag import Array
from marrow.explanation.localisation.score import Score
from marrow.explanation.localisation.scored_bags import ScoredBags

BONE = "bone"  # the auxiliary task that names bones


@dataclass(frozen=True)
class BoneCounts:
    """How many scans have a bone with key instances, one marked of these, any marked."""

    diseased: Mapping[int, int]
    hit: Mapping[int, int]
    marked: Mapping[int, int]


def bone_counts(test: ScoredBags, bones: Mapping[str, Array], threshold: float) -> BoneCounts:
    """Count bones.

    Args:
        test: the bags that count.
        bones: bag -> (instances,), the number of each instance's bone.
        threshold: from which score on instances are marked.
    """
    diseased: Counter[int] = Counter()
    hit: Counter[int] = Counter()
    marked: Counter[int] = Counter()
    for bag in test.bags:
        names = bones[bag.entry.bag]
        chosen = bag.scores >= threshold
        for counter, instances in ((diseased, bag.keys), (hit, bag.keys & chosen), (marked, chosen)):
            counter.update(np.unique(names[instances]).tolist())
    return BoneCounts(diseased, hit, marked)


def bone_scores(
    quantity: str, test: ScoredBags, bones: Mapping[str, Array], names: Sequence[str], threshold: float | None
) -> Iterator[Score]:
    """Hit rate over all bones, precision over all bones, and the hit rate of each bone that is diseased in a scan.

    Args:
        quantity: its name.
        test: the bags that count.
        bones: bag -> (instances,), the number of each instance's bone.
        names: of the bones.
        threshold: from which score on instances are marked; None where there is none.
    """
    if test.reason or threshold is None:
        reason = test.reason or "no threshold: validation bags say nothing"
        yield from (Score(quantity, metric, None, 0, note=reason) for metric in ("bone_hit_rate", "bone_precision"))
        return
    counts = bone_counts(test, bones, threshold)
    diseased, hit, marked = (sum(count.values()) for count in (counts.diseased, counts.hit, counts.marked))
    of_scans = f"bones with key instances in {len(test.bags)} scans, each counted in each"
    yield Score(quantity, "bone_hit_rate", hit / diseased, diseased, threshold, of_scans)
    precision = hit / marked if marked else None
    note = f"marked bones in {len(test.bags)} scans" if marked else "nothing is marked"
    yield Score(quantity, "bone_precision", precision, marked, threshold, note)
    for number, name in enumerate(names):
        if count := counts.diseased.get(number):
            rate = counts.hit.get(number, 0) / count
            yield Score(quantity, f"bone_hit_rate_{name}", rate, count, threshold, "scans with key instances in it")
