"""All scores of a run: what it says of instances against which of them are key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from marrow.bags.bag import Array
from marrow.explanation.localisation.bone_hits import bone_scores
from marrow.explanation.localisation.explained_bags import ExplainedBag
from marrow.explanation.localisation.free_response import MarkedScan, Point, curve, marked_scan, mean_sensitivity
from marrow.explanation.localisation.marking import best_threshold, marking_scores
from marrow.explanation.localisation.ranking import hit_scores, hits_of_bags, ranking_of_bags, ranking_scores
from marrow.explanation.localisation.score import BagScore, Score
from marrow.explanation.localisation.scored_bags import scored_bags

POSITIVE, ALL = "positive", "all"
IN_REACH = "lesions_in_reach"


@dataclass(frozen=True)
class Scans:
    """What is known of bags that are scans, and of no others.

    Attributes:
        bones: bag -> (instances,), the number of each instance's bone; empty where no bones are told apart.
        bone_names: their names.
        pointed: bag -> (instances, lesions), which lesions each points at; of scans with a lesion mask.
        edge: voxels of a patch along each axis.
    """

    bones: Mapping[str, Array] = field(default_factory=lambda: {})
    bone_names: Sequence[str] = ()
    pointed: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=lambda: {})
    edge: int = 0


@dataclass(frozen=True)
class Scored:
    """The scores of a run, those of single bags, and the points of its free-response curves."""

    scores: Sequence[Score]
    bags: Sequence[BagScore]
    points: Sequence[Point]


def score_run(
    test: Sequence[ExplainedBag], validation: Sequence[ExplainedBag], scans: Scans, tops: Sequence[int]
) -> Scored:
    """Score every quantity that a run has.

    Args:
        test: its test bags.
        validation: its validation bags, by which thresholds are chosen.
        scans: what is known of bags that are scans.
        tops: numbers of first instances among which a key one is looked for.
    """
    scores: list[Score] = []
    bags: list[BagScore] = []
    points: list[Point] = []
    for quantity in dict.fromkeys(name for bag in [*test, *validation] for name in bag.quantities):
        tested, validated = (
            scored_bags(quantity, part, name) for part, name in ((test, "test"), (validation, "validation"))
        )
        threshold = best_threshold(validated)
        scores += ranking_scores(quantity, tested)
        scores += hit_scores(quantity, tested, tops)
        scores += marking_scores(quantity, tested, validated, threshold)
        bags += ranking_of_bags(quantity, tested)
        bags += hits_of_bags(quantity, tested, tops)
        if scans.bones:
            scores += bone_scores(quantity, tested, scans.bones, scans.bone_names, threshold)
            of_curves, on_curves = _free_response(quantity, test, scans)
            scores += of_curves
            points += on_curves
    return Scored(scores, bags, points)


def _free_response(quantity: str, test: Sequence[ExplainedBag], scans: Scans) -> tuple[list[Score], list[Point]]:
    """The curve over positive scans and that over all, each with its mean as a score."""
    positive = [_marked(bag, quantity, scans) for bag in test if _has_lesions(bag, quantity, scans)]
    negative = [
        _marked(bag, quantity, scans)
        for bag in test
        if bag.is_negative and quantity in bag.quantities and bag.entry.bag in scans.pointed
    ]
    metrics = {f"froc_sensitivity_{POSITIVE}": positive, f"froc_sensitivity_{ALL}": positive + negative}
    if not positive:
        reason = "no test scan of a positive class has a mask with lesions"
        return [Score(quantity, metric, None, 0, note=reason) for metric in [*metrics, IN_REACH]], []
    lesions, reached = sum(len(scan.found) for scan in positive), sum(scan.in_reach for scan in positive)
    scores: list[Score] = []
    points: list[Point] = []
    for (metric, marked), kind in zip(metrics.items(), (POSITIVE, ALL), strict=True):
        of_kind = list(curve(quantity, kind, marked))
        note = f"mean at 1, 2, 4, 8 false marks a scan; {lesions} lesions in {len(marked)} scans"
        scores.append(Score(quantity, metric, mean_sensitivity(of_kind), len(marked), note=note))
        points += of_kind
    scores.append(Score(quantity, IN_REACH, reached / lesions, lesions, note="lesions that any patch points at"))
    return scores, points


def _has_lesions(bag: ExplainedBag, quantity: str, scans: Scans) -> bool:
    said = bag.quantities.get(quantity)
    return (
        said is not None
        and not bag.is_negative
        and said.label in (None, bag.entry.label_name)
        and scans.pointed.get(bag.entry.bag, np.zeros((0, 0))).shape[1] > 0
    )


def _marked(bag: ExplainedBag, quantity: str, scans: Scans) -> MarkedScan:
    corners = np.stack([bag.columns[axis] for axis in ("i", "j", "k")], axis=1)
    name, patient = bag.entry.bag, bag.entry.patient
    return marked_scan(name, patient, bag.quantities[quantity].values, corners, scans.edge, scans.pointed[name])
