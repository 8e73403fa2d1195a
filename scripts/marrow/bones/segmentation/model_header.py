"""The header of a bone network's file: its classes, contrasts, voxel size and architecture.

A safetensors file begins with the length of its header (8 bytes, little-endian) and the header as JSON: the position of
each tensor, and free text under `__metadata__`. It is read with the standard library alone, so that a network from
elsewhere that does not fit is refused when the workflow is parsed, and again by the job that uses it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from marrow.errors import MarrowError

KIND = "marrow.bones/1"
SPACING_TOLERANCE = 0.02
LENGTH_BYTES = 8
LONGEST = 2**20  # bytes of a header; the paper's network has 15 kB
MOST_NAMES = 8
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Purpose:
    """What a network was trained for: its classes from 1 up, 0 being background; contrasts; the edge of its voxels."""

    bones: tuple[str, ...]
    contrasts: tuple[str, ...]
    spacing_mm: float


@dataclass(frozen=True)
class Header:
    """The purpose of a network, and the arguments of its `Architecture`."""

    purpose: Purpose
    architecture: dict[str, Any]


def read_header(path: Path) -> Header:
    """The header of a network's file.

    Raises:
        MarrowError: the file is damaged, or is no bone network.
    """
    header = _metadata(path)
    if header.get("kind") != KIND:
        raise MarrowError(
            f"the bone network's file holds {header.get('kind', 'no description')!r}, {KIND!r} was expected; give a "
            "model.safetensors that train_bones wrote"
        )
    try:
        purpose = _purpose(json.loads(header["purpose"]))
        return Header(purpose, _architecture(json.loads(header["network"]), purpose))
    except UNREADABLE:
        raise MarrowError(
            "the bone network's file is damaged: its header does not say which bones, contrasts, voxels and layers it "
            "is for; copy or train it again"
        ) from None


def check_purpose(trained_for: Purpose, bones: Sequence[str], contrasts: Sequence[str], spacing_mm: float) -> None:
    """Check that a network was trained for the bones, contrasts and voxels of a workflow, in this order.

    Raises:
        MarrowError: they differ.
    """
    if trained_for.bones != tuple(bones):
        raise MarrowError(
            f"the bone network knows {_difference(trained_for.bones, bones)}; its classes must be those of the bone "
            "table, in the same order: give the table that it was trained with as bone_table, or train again"
        )
    if trained_for.contrasts != tuple(contrasts):
        raise MarrowError(
            f"the bone network was trained on {', '.join(trained_for.contrasts)}, but bones.contrasts is "
            f"{', '.join(contrasts)}; make them the same"
        )
    if abs(trained_for.spacing_mm / spacing_mm - 1) > SPACING_TOLERANCE:
        raise MarrowError(
            f"the bone network was trained on voxels of {trained_for.spacing_mm:g} mm, the scans have "
            f"{spacing_mm:g} mm; set resample.spacing_mm to {trained_for.spacing_mm:g}, or train again"
        )


def _metadata(path: Path) -> dict[str, str]:
    """The free text of a safetensors file; checks that the file has the length that follows from its header."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            content: dict[str, Any] = json.loads(file.read(min(length, LONGEST)))
        header: dict[str, str] = content.pop("__metadata__", {})
        end = max((tensor["data_offsets"][1] for tensor in content.values()), default=0)
        header.get("kind")
    except OSError as error:
        raise MarrowError(f"the bone network's file cannot be read: {error.strerror}") from None
    except UNREADABLE:
        raise MarrowError("the bone network's file is damaged or no safetensors file; copy or train it again") from None
    if size != (expected := LENGTH_BYTES + length + end):
        raise MarrowError(
            f"the bone network's file is damaged: it has {size:,} bytes, its header says {expected:,}; copy it again"
        )
    return header


def _purpose(header: dict[str, Any]) -> Purpose:
    """The purpose in a header; ValueError if it is incomplete."""
    bones, contrasts, spacing_mm = _names(header["bones"]), _names(header["contrasts"]), float(header["spacing_mm"])
    if not 0 < spacing_mm < math.inf:
        raise ValueError("no voxel has such an edge")
    return Purpose(bones, contrasts, spacing_mm)


def _names(value: object) -> tuple[str, ...]:
    names = cast("list[object]", value)
    if not isinstance(value, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("not a list of names")
    return tuple(str(name) for name in names)


def _architecture(header: dict[str, Any], purpose: Purpose) -> dict[str, Any]:
    """The arguments of `Architecture` in a header, within the limits of the config; otherwise ValueError."""
    is_plausible = (
        header.keys() == {"channels", "classes", "width", "depth", "dropout"}
        and header["channels"] == len(purpose.contrasts)
        and header["classes"] == len(purpose.bones) + 1
        and 0 < header["width"] <= 4
        and header["depth"] in range(1, 9)
        and 0 <= header["dropout"] < 1
    )
    if not is_plausible:
        raise ValueError("no such network can be trained")
    return header


def _difference(trained_for: Sequence[str], expected: Sequence[str]) -> str:
    unknown = [name for name in trained_for if name not in expected]
    lacking = [name for name in expected if name not in trained_for]
    parts = [f"{len(trained_for)} bones"]
    parts += [f"among them {_listed(unknown)}, which the bone table lacks"] if unknown else []
    parts += [f"but not {_listed(lacking)}"] if lacking else []
    return ", ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
