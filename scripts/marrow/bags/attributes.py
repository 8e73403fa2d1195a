"""Clinical attributes of bags as a config declares them: numbers with a unit, or categories."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from marrow.errors import MarrowError

UNKNOWN = math.nan
LEAST_BAGS = 5
Values = Mapping[str, float | str]  # of one bag: name of an attribute -> its value; unknown ones are left out


@dataclass(frozen=True)
class Attribute:
    """An attribute that methods can learn from.

    Attributes:
        name: as in the sample sheet, without `attr_`.
        unit: of a number, such as g/l; empty where it has none.
        values: the categories; none for a number.
        log: whether log(1 + x) is learned from, not x.
        missing: what stands for an unknown value: the mean of the training bags, or that and a column of its own that
            says so.
        minimum: the least number allowed; None for no limit.
        maximum: the largest number allowed; None for no limit.
    """

    name: str
    unit: str = ""
    values: tuple[str, ...] = ()
    log: bool = False
    missing: Literal["mean", "indicator"] = "indicator"
    minimum: float | None = None
    maximum: float | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Attribute":
        """One with these settings, as a config or the file of a model has them."""
        given = dict(settings)
        values = tuple(given.pop("values", None) or ())
        return cls(values=values, **given)

    @property
    def settings(self) -> dict[str, Any]:
        """All that a model depends on, in plain types: not the unit."""
        return {key: value for key, value in asdict(self).items() if key != "unit"} | {"values": list(self.values)}

    def number(self, value: float | str) -> float:
        """The number that stands for a value: itself, or the position of a category.

        Raises:
            MarrowError: the value is not one that is allowed.
        """
        if problem := self.problem(value):
            raise MarrowError(problem)
        return float(self.values.index(str(value))) if self.values else float(value)

    def problem(self, value: float | str) -> str | None:
        """What is wrong with a value, in words; None where it is allowed."""
        if self.values:
            known = ", ".join(self.values)
            return None if str(value) in self.values else f"{self.name} is {value!r}, which is none of {known}"
        try:
            number = float(value)
        except ValueError:
            return f"{self.name} is {value!r}, which is no number; mend it, or declare its categories (values)"
        if not math.isfinite(number):
            return f"{self.name} is {value!r}; leave an unknown value empty"
        least = 0.0 if self.log and self.minimum is None else self.minimum
        if least is not None and number < least:
            return f"{self.name} is {number:g}, and the least that is allowed is {least:g}"
        if self.maximum is not None and number > self.maximum:
            return f"{self.name} is {number:g}, and the most that is allowed is {self.maximum:g}"
        return None


def numbers_of(attributes: Sequence[Attribute], values: Values, bag: str) -> list[float]:
    """The numbers that stand for the attributes of a bag, NaN for an unknown one.

    Raises:
        MarrowError: a value is not one that is allowed.
    """
    try:
        return [each.number(values[each.name]) if each.name in values else UNKNOWN for each in attributes]
    except MarrowError as error:
        raise MarrowError(f"bag {bag}: attribute {error}") from None


def training_problems(
    attributes: Sequence[Attribute], rows: Sequence[Sequence[float]], labels: Sequence[str]
) -> Iterator[str]:
    """Why nothing can be learned from the attributes of the training bags, in words.

    Args:
        attributes: those of a method.
        rows: of each training bag the numbers that stand for them.
        labels: the class of each.
    """
    for position, attribute in enumerate(attributes):
        known = {row[position] for row in rows if not math.isnan(row[position])}
        if len(known) < 2:
            said = "the same" if known else "unknown"
            yield f"attribute {attribute.name} is {said} in every training bag; take it out of the method's attributes"
    for label in dict.fromkeys(labels if attributes else ()):
        if all(math.isnan(value) for row, own in zip(rows, labels, strict=True) if own == label for value in row):
            yield (
                f"no training bag of the class {label} has any of the attributes "
                f"{', '.join(attribute.name for attribute in attributes)}; give some, or take the attributes out"
            )


def separating(attributes: Sequence[Attribute], rows: Sequence[Sequence[float]], labels: Sequence[str]) -> list[str]:
    """The attributes that tell the classes of all training bags apart by themselves: a leak, by the look of it.

    A number does where the ranges of the classes do not overlap, or one is known in one class alone; a category where
    no two classes share one. It takes `LEAST_BAGS` of each class to say so.
    """
    by_class = [[row for row, own in zip(rows, labels, strict=True) if own == each] for each in dict.fromkeys(labels)]
    if len(by_class) == 1 or min(map(len, by_class)) < LEAST_BAGS:
        return []
    return [
        attribute.name
        for position, attribute in enumerate(attributes)
        if _separates(attribute, [[row[position] for row in of_class] for of_class in by_class])
    ]


def _separates(attribute: Attribute, by_class: Sequence[Sequence[float]]) -> bool:
    known = [[value for value in values if not math.isnan(value)] for values in by_class]
    if any(not values for values in known):
        return all(len(values) in (0, len(every)) for values, every in zip(known, by_class, strict=True))
    if attribute.values:
        return sum(len(set(values)) for values in known) == len(set().union(*known))
    ranges = sorted((min(values), max(values)) for values in known)
    return all(below[1] < above[0] for below, above in pairwise(ranges))
