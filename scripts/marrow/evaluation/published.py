"""Published tables, their numbers, and which of their cells an entry of runs fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import yaml

from marrow.tables.frames import Columns, read_table

NUMBERS: Columns = dict.fromkeys(("paper", "table", "row", "column", "value", "spread"), str)


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
        numbers: what is printed in each `row` and `column`: `published`, and `published_spread`, which stands after its
            plus-minus sign, empty where there is none.
        spread: std or sem, what the plus-minus sign means; empty where there is none.
        protocol: where the paper's experiment is another.
    """

    paper: str
    table: str
    title: str
    columns: tuple[Column, ...]
    left_out: tuple[str, ...]
    rows: Mapping[str, str | None]
    numbers: pd.DataFrame
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
    printed = read_table(numbers, NUMBERS).rename(columns={"value": "published", "spread": "published_spread"})
    filled = [
        _filled(table, printed, about, parts)
        for table in yaml.safe_load(tables.read_text(encoding="utf-8"))
        if table["data"]["kind"] == about["kind"] and _holds(table["data"]["settings"], about["settings"])
    ]
    return [table for table in filled if table.columns]


def _filled(
    table: Mapping[str, Any], printed: pd.DataFrame, about: Mapping[str, Any], parts: Sequence[str]
) -> PublishedTable:
    columns = [
        Column(name, column["metric"], tuple(part for part in parts if _fits(column, part, about)))
        for name, column in table["columns"].items()
    ]
    is_here = (printed["paper"] == table["paper"]) & (printed["table"] == table["table"])
    return PublishedTable(
        paper=table["paper"],
        table=table["table"],
        title=table["title"],
        columns=tuple(column for column in columns if column.parts),
        left_out=tuple(column.name for column in columns if not column.parts),
        rows=table["rows"],
        numbers=printed.loc[is_here, ["row", "column", "published", "published_spread"]],
        spread=table["spread"] or "",
        protocol=tuple(text.strip() for text in table["protocol"]),
    )


def _fits(column: Mapping[str, Any], part: str, about: Mapping[str, Any]) -> bool:
    bags = column.get("training_bags")
    return (bags is None or about["training_bags"].get(part) == bags) and _holds(
        column.get("settings", {}), about["settings"]
    )


def _holds(required: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether settings have the required values; others may stand beside them."""
    for key, value in required.items():
        given = settings.get(key)
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
            if not _holds(cast("Mapping[str, Any]", value), inner):
                return False
        elif given != value:
            return False
    return True
