"""The table of what becomes of bags' probabilities when instances are dropped."""

from dataclasses import dataclass

AREA = "perturbation_area"


@dataclass(frozen=True)
class Step:
    """A point of the two curves.

    Attributes:
        quantity: by which instances are ordered.
        dropped: the share of its instances that every bag has lost.
        top: the probability of the class that the whole bag is given, the first instances dropped; mean over bags.
        random: the same with instances dropped in random order; mean over bags and orders.
        bags: how many there are.
        area: between the curves, random over top, divided by the largest share; the same in all rows of a quantity.
        note: why there is no number.
    """

    quantity: str
    dropped: float | None
    top: float | None
    random: float | None
    bags: int
    area: float | None
    note: str = ""
