"""Free-response curve: the share of lesions found against false marks in a scan, as the threshold falls.

Patches overlap, so that many patches cover the same lesion. Marks are therefore chosen by non-maximum suppression: the
patch with the highest score is a mark; patches that overlap it (centres closer than the edge of a patch along every
axis) are left out; and so on with the next highest score. A threshold keeps the marks with a score at or above it, so
marks are chosen once for all thresholds. A mark that points at no lesion is false; a lesion is found by the first mark
that points at it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.bags.patches.choice import Corners
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.quantities import Scores
from marrow.tables.frames import Columns

CURVES: Columns = {
    "quantity": str,
    "scans": str,
    "threshold": float,
    "false_marks": float,
    "found": int,
    "lesions": int,
    "sensitivity": float,
}
AT = (1, 2, 4, 8)  # false marks a scan, over which the curve's mean is one number


@dataclass(frozen=True)
class MarkedScan:
    """The marks of a scan, the highest score first.

    Attributes:
        bag: the scan's id.
        patient: whose it is.
        scores: (marks,).
        is_false: (marks,), whether each points at no lesion.
        found: (lesions,), the score of the first mark that points at each; -inf where none does.
        in_reach: how many lesions any patch points at, a mark or not.
    """

    bag: str
    patient: str
    scores: Scores
    is_false: Mask
    found: Scores
    in_reach: int


@dataclass(frozen=True)
class Point:
    """A point of the curve.

    Attributes:
        quantity: which score of instances.
        scans: `positive`, those with lesions, or `all`.
        threshold: from which score on marks count.
        false_marks: in a scan, on average.
        found: of the lesions.
        lesions: how many there are.
        sensitivity: found / lesions.
    """

    quantity: str
    scans: str
    threshold: float
    false_marks: float
    found: int
    lesions: int
    sensitivity: float


def choose_marks(scores: Scores, corners: Corners, edge: int) -> npt.NDArray[np.intp]:
    """The patches that are marks, the highest score first; of equal scores the earlier patch."""
    places = corners.astype(np.int64)
    order = np.argsort(-scores, kind="stable")
    is_free = np.ones(len(scores), np.bool_)
    marks: list[int] = []
    for number in order.tolist():
        if is_free[number]:
            marks.append(number)
            is_free &= (np.abs(places - places[number]) >= edge).any(axis=1)
    return np.array(marks, np.intp)


def marked_scan(
    bag: str, patient: str, scores: Scores, corners: Corners, edge: int, pointed: npt.NDArray[np.bool_]
) -> MarkedScan:
    """The marks of a scan.

    Args:
        bag: the scan's id.
        patient: whose it is.
        scores: (patches,).
        corners: (patches, 3), their first voxels.
        edge: voxels of a patch along each axis.
        pointed: (patches, lesions), which lesions each points at.
    """
    marks = choose_marks(scores, corners, edge)
    of_marks = np.where(pointed[marks], scores[marks, np.newaxis], -np.inf)
    return MarkedScan(
        bag=bag,
        patient=patient,
        scores=scores[marks],
        is_false=np.logical_not(np.any(pointed[marks], axis=1)),
        found=of_marks.max(axis=0, initial=-np.inf),
        in_reach=int(np.count_nonzero(pointed.any(axis=0))),
    )


def curve(quantity: str, kind: str, scans: Sequence[MarkedScan]) -> Iterator[Point]:
    """The curve from the highest threshold to the lowest, a point for each number of false marks or lesions found.

    Args:
        quantity: its name.
        kind: what to call these scans.
        scans: their marks; with one lesion at least in all.
    """
    found = np.sort(np.concatenate([scan.found for scan in scans]))
    false = np.sort(np.concatenate([scan.scores[scan.is_false] for scan in scans]))
    thresholds = np.unique(np.concatenate([found[np.isfinite(found)], false]))[::-1]
    lesions = len(found)
    for threshold in thresholds.tolist():
        hits = lesions - int(np.searchsorted(found, threshold))
        misses = len(false) - int(np.searchsorted(false, threshold))
        yield Point(quantity, kind, threshold, misses / len(scans), hits, lesions, hits / lesions)


def mean_sensitivity(points: Sequence[Point]) -> float:
    """The mean share of lesions found at 1, 2, 4 and 8 false marks a scan; at each, where the curve is by then."""
    return float(
        np.mean([max((point.sensitivity for point in points if point.false_marks <= at), default=0.0) for at in AT])
    )
