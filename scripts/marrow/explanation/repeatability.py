"""Whether a model comes to the same verdict again: on parts of a bag, and on several bags of one patient.

Sahasrabudhe et al. (2020, table 5) predict several sets of pictures of one patient apart, count disagreements and take
the majority's verdict. Here the sets are random parts of a test bag, each of the same share of its instances, and the
bags of a patient that have the same label, such as scans that were repeated. Parts of a bag overlap, so they agree more
than sets of new pictures would.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from marrow.bags.manifest import Entry
from marrow.device.random_state import named_seed
from marrow.tables.frames import Columns

Numbers = npt.NDArray[np.float64]

PARTS, BAGS = "parts", "bags"

# A row is a bag whose parts are compared, or a patient whose bags are: how many `members` were judged; the share of
# their pairs that are given the same class; the share that is given the class of the whole bag (of parts alone); the
# standard deviation of that class's probability (of bags, of the majority's); the mean over pairs of the largest
# difference of any class's probability; the class that most are given, and whether it is right (1) or not (0).
REPEATABILITY: Columns = {
    "compared": str,
    "case": str,
    "label": str,
    "members": int,
    "agreement": float,
    "with_whole": float,
    "deviation": float,
    "difference": float,
    "majority": str,
    "right": int,
}


@dataclass(frozen=True)
class Parts:
    """Random parts of bags.

    Attributes:
        number: of parts of each bag.
        share: of its instances that are in each part; one instance at least.
        seed: of what is drawn.
    """

    number: int
    share: float
    seed: int

    def of(self, bag: str, instances: int) -> list[npt.NDArray[np.int64]]:
        """The instances of each part, in their order in the bag; they depend on the seed and the bag alone."""
        rng = np.random.default_rng(named_seed("part", self.seed, bag))
        size = max(1, round(self.share * instances))
        return [np.sort(rng.permutation(instances)[:size]) for _ in range(self.number)]


def row_of_parts(entry: Entry, classes: Sequence[str], whole: Numbers, parts: Numbers) -> dict[str, object]:
    """The row of a bag.

    Args:
        entry: the bag.
        classes: their names.
        whole: the probabilities that the bag is given, (classes,).
        parts: those that its parts are given, (parts, classes).
    """
    predicted = int(whole.argmax())
    told = {"with_whole": float((parts.argmax(1) == predicted).mean()), "deviation": float(parts[:, predicted].std())}
    return _row(PARTS, entry.bag, entry, classes, parts) | told


def rows_of_patients(
    entries: Sequence[Entry], classes: Sequence[str], given: Mapping[str, Numbers]
) -> Iterator[dict[str, object]]:
    """A row for each patient and label of which there are several bags.

    Args:
        entries: the bags.
        classes: their names.
        given: bag -> the probabilities that it is given, (classes,).
    """

    def case(entry: Entry) -> tuple[str, int]:
        return entry.patient, entry.label

    for (patient, _), group in groupby(sorted(entries, key=case), key=case):
        own = list(group)
        if len(own) > 1:
            yield _row(BAGS, patient, own[0], classes, np.stack([given[entry.bag] for entry in own]))


def majority_of(probabilities: Numbers) -> int:
    """The class that most rows (members, classes) are given; of several, the one with the highest mean probability."""
    votes = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
    return int(np.lexsort((probabilities.mean(0), votes))[-1])


def _row(compared: str, case: str, entry: Entry, classes: Sequence[str], probabilities: Numbers) -> dict[str, object]:
    one, other = np.triu_indices(len(probabilities), 1)
    predicted, majority = probabilities.argmax(1), majority_of(probabilities)
    return {
        "compared": compared,
        "case": case,
        "label": classes[entry.label],
        "members": len(probabilities),
        "agreement": float((predicted[one] == predicted[other]).mean()),
        "with_whole": None,
        "deviation": float(probabilities[:, majority].std()),
        "difference": float(np.abs(probabilities[one] - probabilities[other]).max(1).mean()),
        "majority": classes[majority],
        "right": int(majority == entry.label),
    }
