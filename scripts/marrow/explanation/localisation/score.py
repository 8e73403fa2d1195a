"""Rows and columns of the tables of localisation scores; a number without a value is empty, and its note says why."""

from dataclasses import dataclass

from marrow.tables.frames import Columns

SCORES: Columns = {"quantity": str, "metric": str, "value": float, "n": int, "threshold": float, "note": str}
BAG_SCORES: Columns = {"quantity": str, "metric": str, "bag": str, "patient": str, "value": float}


@dataclass(frozen=True)
class Score:
    """One number of a run.

    Attributes:
        quantity: which instance score is measured.
        metric: by which measure.
        value: None where it is undefined.
        n: how many bags (or lesions, or bones; the note says so) it is made of.
        threshold: from which score on an instance is marked, where the metric needs one; chosen on validation bags.
        note: what n counts, or why there is no value.
    """

    quantity: str
    metric: str
    value: float | None
    n: int
    threshold: float | None = None
    note: str = ""


@dataclass(frozen=True)
class BagScore:
    """One number of a bag, from which intervals by patient are made."""

    quantity: str
    metric: str
    bag: str
    patient: str
    value: float
