"""The clinical attributes that a config declares, and what the sample sheet says of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.bags.attributes import Attribute, numbers_of, separating, training_problems
from marrow.errors import ConfigError, SheetError, look_up
from marrow.planning.cohort import Cohort
from marrow.planning.splits.notes import some

COLUMN = "attr_"


def attributes_of(
    declared: Mapping[str, Mapping[str, Any] | None], own: Mapping[str, Mapping[str, Any]]
) -> tuple[Attribute, ...]:
    """The attributes of a data set whose kind has some of its own; what the config declares of these comes on top."""
    laid = {name: {**settings, **(declared.get(name) or {})} for name, settings in own.items()}
    return tuple(Attribute.of({"name": name, **settings}) for name, settings in laid.items())


def attributes_of_sheet(declared: Mapping[str, Mapping[str, Any] | None], cohort: Cohort) -> tuple[Attribute, ...]:
    """The attributes that a config declares of a sample sheet's scans, in its order, checked against the sheet.

    Raises:
        ConfigError: the sheet has no such column.
        SheetError: a value is not one that is declared.
    """
    columns = dict.fromkeys(name for scan in cohort for name in scan.attributes)
    for name in declared:
        look_up(columns, name, f"config: attributes.{name} is declared, and the sheet has no column {COLUMN}{name}")
    attributes = attributes_of({}, {name: settings or {} for name, settings in declared.items()})
    if problems := list(_wrong_values(attributes, cohort)):
        raise SheetError("\n".join([*problems, "correct the sheet, or the section attributes of the config"]))
    return attributes


def _wrong_values(attributes: Iterable[Attribute], cohort: Cohort) -> Iterator[str]:
    for attribute in attributes:
        for scan in cohort:
            value = scan.attributes.get(attribute.name, "")
            if value and (problem := attribute.problem(value)):
                yield f"row {scan.row} (scan {scan.scan}): {COLUMN}{problem}"


@dataclass(frozen=True)
class TrainingRows:
    """What the sample sheet says of the scans that models learn from.

    Attributes:
        rows: those of the splits train and validation, as in a data set.
        classes: class -> labels of the sheet.
    """

    rows: Sequence[Mapping[str, Any]]
    classes: Mapping[str, Sequence[str]]

    def values(self, attributes: Sequence[Attribute]) -> dict[str, dict[str, str]]:
        """Bag -> the values of some attributes, those that are known: what a model learns from beside its bag."""
        names = [attribute.name for attribute in attributes]
        return {
            row["bag"]: {name: row["attributes"][name] for name in names if row["attributes"].get(name)}
            for row in self.rows
        }

    def check(self, attributes: Sequence[Attribute], method: str) -> list[str]:
        """Notes on attributes from which a method is to learn.

        Raises:
            ConfigError: nothing can be learned from one.
        """
        trained_on = [row for row in self.rows if row["split"] == "train"]
        class_of = {label: name for name, labels in self.classes.items() for label in labels}
        values = self.values(attributes)
        numbers = [numbers_of(attributes, values[row["bag"]], row["bag"]) for row in trained_on]
        labels = [class_of[row["label"]] for row in trained_on]
        if problems := list(training_problems(attributes, numbers, labels)):
            raise ConfigError("\n".join(f"config: the method {method}: {problem}" for problem in problems))
        leaks = separating(attributes, numbers, labels)
        if not leaks:
            return []
        return [
            f"{some(leaks)} alone {'tells' if len(leaks) == 1 else 'each tell'} the classes of all training scans "
            f"apart; look whether that is known before the diagnosis, or take it out of the attributes of {method}"
        ]
