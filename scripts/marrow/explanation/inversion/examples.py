"""Which instances of which bags a figure shows, and where.

Bags are test bags that look positive, those with key instances first. A bag whose pictures lie on a plane is shown as
it lies, small bags are shown row below row, and of a large one the instances with the most attention.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from marrow.bags.file import open_bags, read_bag
from marrow.bags.manifest import Entry, Manifest
from marrow.explanation.inversion.marking import scaled
from marrow.explanation.inversion.predictions import BagPrediction
from marrow.explanation.localisation.keys import Mask

SMALL = 20  # instances, in the bags that go row below row
ROWS = 8
MOST = 100

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Example:
    """Instances of a bag that the figure shows.

    Attributes:
        position: of the bag among all.
        instances: (shown,), their numbers in the bag.
        rows, columns: (shown,), where they lie.
    """

    position: int
    instances: Places
    rows: Places
    columns: Places


def example_bags(predictions: Sequence[BagPrediction], key: Sequence[Mask | None]) -> list[int]:
    """The bags to show, at most as many as there are rows; none where no bag looks positive."""
    positive = [position for position, prediction in enumerate(predictions) if prediction.is_positive]
    positive.sort(key=lambda position: not _has_any(key[position]))
    small = [position for position in positive if len(predictions[position].attention) <= SMALL]
    return small[:ROWS] if positive and small[:1] == positive[:1] else positive[:1]


def examples_of(
    manifest: Manifest,
    entries: Sequence[Entry],
    bags: Sequence[int],
    before: Sequence[BagPrediction],
    after: Sequence[BagPrediction],
) -> list[Example]:
    """The instances to show of some bags, and where.

    Args:
        manifest: whose bags they are.
        entries: all bags.
        bags: which of them are shown.
        before: the predictions of all of them.
        after: the same after inversion.
    """
    if len(bags) > 1 or len(before[bags[0]].attention) <= SMALL:
        counts = [len(before[bag].attention) for bag in bags]
        columns = [np.arange(count) for count in counts]
        return [
            Example(bag, at, np.full(len(at), row), at) for row, (bag, at) in enumerate(zip(bags, columns, strict=True))
        ]
    (bag,) = bags
    corners = _corners_on_a_plane(manifest, entries[bag])
    if corners is not None:
        across, down = (np.unique(axis, return_inverse=True)[1] for axis in corners.T)
        return [Example(bag, np.arange(len(corners)), down, across)]
    height = np.maximum(scaled(before[bag].attention), scaled(after[bag].attention))
    instances = np.argsort(-height, kind="stable")[:MOST]
    side = ceil(sqrt(len(instances)))
    rows, columns = np.divmod(np.arange(len(instances)), side)
    return [Example(bag, instances, rows, columns)]


def _has_any(marks: Mask | None) -> bool:
    return marks is not None and bool(marks.any())


def _corners_on_a_plane(manifest: Manifest, entry: Entry) -> Places | None:
    """Where the pictures of a bag lie, (instances, 2) to the right and down; None where they do not lie on a plane."""
    if len(manifest.layout.shape) != 3:
        return None
    with open_bags(manifest.file_of(entry)) as (file, header):
        corners = read_bag(file, header, entry.row_group).corners
    if corners is None or len(np.unique(corners[:, 2])) > 1:
        return None
    return corners[:, :2].astype(np.intp)
