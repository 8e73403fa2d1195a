"""Mapping tables: from the values of another program's label map to our bones.

Tab-separated, with the columns `value`, `class` (the other program's name) and `bone` (ours; empty for all else). If
one class covers several of our bones, the cell lists them from head to feet with their shares of its height, such as
`cervical_spine:0.21,thoracic_spine:0.48,lumbar_spine:0.31`; see `marrow.bones.precomputed.division`.

A bone table can be used as a mapping, for maps that hold its ids. This module needs the standard library alone, so that
a wrong table is reported before any work starts.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.bones.table import Bone, read_bones
from marrow.errors import ConfigError

COLUMNS = ("value", "class", "bone")
LARGEST_VALUE = 65535
SHARES_TOLERANCE = 0.01


@dataclass(frozen=True)
class Part:
    """A bone's share of the height of a class, from 0 to 1; 1 if the class is one bone."""

    bone: int
    share: float


@dataclass(frozen=True)
class LabelMapping:
    """The classes and bones of the values of a label map.

    Attributes:
        name: of the table, for messages.
        classes: value -> name in the other program, for all values that are allowed in the map.
        parts: value -> the bones that it covers from head to feet, for the values that are bones.
    """

    name: str
    classes: dict[int, str]
    parts: dict[int, tuple[Part, ...]]

    @property
    def whole(self) -> dict[int, int]:
        """Value -> id, for the values that are one bone or a piece of it."""
        return {value: parts[0].bone for value, parts in self.parts.items() if len(parts) == 1}

    @property
    def divided(self) -> dict[tuple[Part, ...], list[int]]:
        """Bones from head to feet -> the values that cover them together."""
        values_of: dict[tuple[Part, ...], list[int]] = {}
        for value, parts in self.parts.items():
            if len(parts) > 1:
                values_of.setdefault(parts, []).append(value)
        return values_of

    @property
    def bones(self) -> set[int]:
        """The ids of all bones in the table."""
        return {part.bone for parts in self.parts.values() for part in parts}


def read_mapping(path: Path, bones: Sequence[Bone]) -> LabelMapping:
    """Read a mapping table to our bones, or a bone table, whose ids are then the values.

    Raises:
        ConfigError: it cannot be read, lacks a column, or a row of it is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, delimiter="\t")
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{path.name}: no table that can be read ({type(error).__name__}); save it as text."
        ) from None
    if {"id", "name"} <= set(columns) and "value" not in columns:
        rows = [{"value": str(bone.id), "class": bone.name, "bone": bone.name} for bone in read_bones(path)]
    elif missing := [column for column in COLUMNS if column not in columns]:
        raise ConfigError(
            f"{path.name}: no column {', '.join(missing)}; a mapping has {', '.join(COLUMNS)}, separated by tabs."
        )
    return _mapping(path, rows, {bone.name: bone.id for bone in bones})


def _mapping(path: Path, rows: Sequence[Mapping[str, str | None]], ids: Mapping[str, int]) -> LabelMapping:
    classes: dict[int, str] = {}
    parts: dict[int, tuple[Part, ...]] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path.name}, row {number}"
        value = _value(row["value"] or "", where)
        if value in classes:
            raise ConfigError(f"{where}: value {value} has a row already, {classes[value]!r}; keep one of them.")
        classes[value] = (row["class"] or "").strip()
        cell = (row["bone"] or "").strip()
        if cell and value == 0:
            raise ConfigError(f"{where}: value 0 is the background; leave its bone empty.")
        if cell:
            parts[value] = _parts(cell, ids, where)
    if not parts:
        raise ConfigError(f"{path.name}: no row names a bone; write one into the column bone.")
    return LabelMapping(path.stem, classes, parts)


def _value(cell: str, where: str) -> int:
    try:
        value = int(cell)
    except ValueError:
        value = -1
    if not 0 <= value <= LARGEST_VALUE:
        raise ConfigError(f"{where}: value is {cell!r}; give a whole number from 0 to {LARGEST_VALUE}.")
    return value


def _parts(cell: str, ids: Mapping[str, int], where: str) -> tuple[Part, ...]:
    """The bones in a cell with their shares, which add up to 1 exactly."""
    entries = [[text.strip() for text in entry.partition(":")] for entry in cell.split(",")]
    for name, _, _ in entries:
        if name not in ids:
            raise ConfigError(f"{where}: bone {name!r} is not in the bone table, which has {', '.join(ids)}.")
    if len(entries) == 1 and not entries[0][1]:
        return (Part(ids[entries[0][0]], 1.0),)
    shares = [_share(share) for _, _, share in entries]
    if min(shares) <= 0 or abs(sum(shares) - 1) > SHARES_TOLERANCE:
        raise ConfigError(
            f"{where}: bone is {cell!r}; give every bone a share above 0, and shares that add up to 1, "
            "such as cervical_spine:0.4,thoracic_spine:0.6."
        )
    return tuple(Part(ids[name], share / sum(shares)) for (name, _, _), share in zip(entries, shares, strict=True))


def _share(text: str) -> float:
    """A number, or 0 where the text is none."""
    try:
        share = float(text)
    except ValueError:
        return 0.0
    return share if math.isfinite(share) else 0.0
