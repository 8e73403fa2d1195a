"""Clinical attributes of bags as a config declares them: numbers with a unit, or categories."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Attribute:
    """An attribute that methods can learn from.

    Attributes:
        name: as in the sample sheet, without `attr_`.
        unit: of a number, such as g/l; empty where it has none.
        values: the categories; none for a number.
        log: whether its logarithm is learned from.
        missing: what stands for an unknown value: the mean of the training bags, or the mean with a column of its own
            that tells so.
        minimum: the least number allowed; None for no limit.
        maximum: the largest number allowed.
    """

    name: str
    unit: str = ""
    values: tuple[str, ...] = ()
    log: bool = False
    missing: Literal["mean", "indicator"] = "indicator"
    minimum: float | None = None
    maximum: float | None = None
