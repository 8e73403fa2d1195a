"""The header of a bag file: canonical JSON under the key `marrow` of its Parquet metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from marrow.bags.bag import Affine, Bag, Layout, Task
from marrow.errors import MarrowError
from marrow.workflow.fingerprint.values import canonical

SCHEMA_VERSION = 1
KEY = b"marrow"
# Snakemake makes a bag file again only if its record is missing too.
REMEDY = "delete it and the .record.json beside it, and run the workflow again"


@dataclass(frozen=True)
class BagHeader:
    """A bag without its arrays; `instances` is the number of rows of its row group, the rest as in `Bag`."""

    bag: str
    instances: int
    patient: str = ""
    split: str = ""
    label: str = ""
    affine: Affine | None = None
    attributes: Mapping[str, float | str] = field(default_factory=lambda: {})

    @classmethod
    def of(cls, bag: Bag) -> "BagHeader":
        """The header of a bag."""
        return cls(bag.bag, len(bag), bag.patient, bag.split, bag.label, bag.affine, dict(bag.attributes))


@dataclass(frozen=True)
class Header:
    """The header; `bags` are in the order of the row groups."""

    layout: Layout
    bags: tuple[BagHeader, ...]

    def encode(self) -> bytes:
        """The header as canonical JSON."""
        bags = [asdict(bag) for bag in self.bags]
        return canonical({"schema_version": SCHEMA_VERSION, "layout": asdict(self.layout), "bags": bags}).encode()

    @classmethod
    def decode(cls, metadata: Mapping[bytes, bytes] | None, where: str) -> "Header":
        """The header in the metadata of a Parquet file.

        Raises:
            MarrowError: there is none, or it is of another version.
        """
        entry = decode_entry(metadata, where, "bag file")
        return cls(layout_of(entry["layout"]), tuple(_bag_header(bag) for bag in entry["bags"]))


def decode_entry(metadata: Mapping[bytes, bytes] | None, where: str, what: str) -> dict[str, Any]:
    """The JSON under the key `marrow`, its version checked.

    Raises:
        MarrowError: there is none, or it is of another version.
    """
    text = (metadata or {}).get(KEY)
    if text is None:
        raise MarrowError(f"{where}: a Parquet file, but no {what} of Marrow; {REMEDY}")
    entry = json.loads(text)
    version = entry.get("schema_version")
    if version != SCHEMA_VERSION:
        raise MarrowError(
            f"{where}: a {what} of schema version {version}, and this Marrow reads version {SCHEMA_VERSION}; run the "
            "workflow to make it anew, or use the Marrow that made it"
        )
    return entry


def layout_of(entry: Mapping[str, Any]) -> Layout:
    """The layout from the plain types of JSON."""
    known = _known(Layout, entry)
    known["tasks"] = tuple(Task(task["name"], tuple(task["classes"]), tuple(task["mirror"])) for task in entry["tasks"])
    known["spacing_mm"] = None if entry["spacing_mm"] is None else float(entry["spacing_mm"])
    return Layout(**known)


def _bag_header(entry: Mapping[str, Any]) -> BagHeader:
    known = _known(BagHeader, entry)
    if known["affine"] is not None:
        known["affine"] = tuple(tuple(float(value) for value in row) for row in known["affine"])
    known["attributes"] = {
        name: value if isinstance(value, str) else float(value) for name, value in known["attributes"].items()
    }
    return BagHeader(**known)


def _known(kind: type[Layout] | type[BagHeader], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a class's fields, lists as tuples; each has to be there."""
    values = {each.name: entry[each.name] for each in fields(kind)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
