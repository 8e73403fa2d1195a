"""Published tables, their numbers, and which of their cells an entry of runs fills."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml


@dataclass(frozen=True)
class Number:
    """A published number: as printed, with what stands after the plus-minus sign, empty where nothing does."""

    value: str
    spread: str


@dataclass(frozen=True)
class Column:
    """A column of a published table.

    Attributes:
        name: as printed.
        metric: what its numbers are.
        parts: of the entry, those that fill it; none where the entry has other data.
    """

    name: str
    metric: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper as far as an entry of runs has its data.

    Attributes:
        paper, table, title: which.
        columns: those that the entry fills.
        left_out: the names of the others.
        rows: row -> preset; None for a method that is not here.
        numbers: (row, column) -> what is printed there.
        spread: std or sem, what the plus-minus sign means; empty where there is none.
        protocol: where the paper's experiment is another.
    """

    paper: str
    table: str
    title: str
    columns: tuple[Column, ...]
    left_out: tuple[str, ...]
    rows: Mapping[str, str | None]
    numbers: Mapping[tuple[str, str], Number]
    spread: str
    protocol: tuple[str, ...]


def published_tables(
    tables: Path, numbers: Path, about: Mapping[str, Any], parts: Sequence[str]
) -> list[PublishedTable]:
    """The published tables that have a column for an entry's data.

    Args:
        tables: `schemas/published.yaml`.
        numbers: `schemas/published.csv`.
        about: what the entry's data are, as `marrow.planning.evaluations.Evaluation` has it.
        parts: of the entry.
    """
    found: list[PublishedTable] = []
    for each in yaml.safe_load(tables.read_text(encoding="utf-8")):
        if each["data"]["kind"] != about["kind"] or not _holds(each["data"]["settings"], about["settings"]):
            continue
        columns = [_column(name, column, about, parts) for name, column in each["columns"].items()]
        filled = tuple(column for column in columns if column.parts)
        if filled:
            printed = _numbers(numbers, each["paper"], each["table"])
            found.append(
                PublishedTable(
                    each["paper"],
                    each["table"],
                    each["title"],
                    filled,
                    tuple(column.name for column in columns if not column.parts),
                    each["rows"],
                    printed,
                    each["spread"] or "",
                    tuple(text.strip() for text in each["protocol"]),
                )
            )
    return found


def _column(name: str, column: Mapping[str, Any], about: Mapping[str, Any], parts: Sequence[str]) -> Column:
    fitting = [part for part in parts if _fits(column, part, about)]
    return Column(name, column["metric"], tuple(fitting))


def _fits(column: Mapping[str, Any], part: str, about: Mapping[str, Any]) -> bool:
    bags = column.get("training_bags")
    return (bags is None or about["training_bags"].get(part) == bags) and _holds(
        column.get("settings", {}), about["settings"]
    )


def _holds(wanted: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether settings are as wanted, where something is wanted."""
    for key, value in wanted.items():
        given = settings.get(key)
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
            if not _holds(cast("Mapping[str, Any]", value), inner):
                return False
        elif given != value:
            return False
    return True


def _numbers(path: Path, paper: str, table: str) -> dict[tuple[str, str], Number]:
    with path.open(newline="", encoding="utf-8") as lines:
        return {
            (row["row"], row["column"]): Number(row["value"], row["spread"])
            for row in csv.DictReader(lines)
            if row["paper"] == paper and row["table"] == table
        }
