"""What a bone network's file says of itself: the classes it knows, what it reads, and how large it is.

A safetensors file begins with the length of its header (8 bytes, little-endian) and the header, JSON: where each tensor
lies, and free text under `__metadata__`. That much is read with the standard library, so a network from elsewhere that
does not fit is refused when the workflow is parsed, and again by the job that uses it. Nothing in it is ever executed.
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
MOST_TOLD = 8
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Purpose:
    """What a network was trained for.

    Attributes:
        bones: the names of its classes from 1 up; 0 is the background.
        contrasts: what it reads, in order.
        spacing_mm: edge of the voxels it was trained on.
    """

    bones: tuple[str, ...]
    contrasts: tuple[str, ...]
    spacing_mm: float


@dataclass(frozen=True)
class Header:
    """A network's purpose, and the arguments of its `Architecture`."""

    purpose: Purpose
    architecture: dict[str, Any]


def read_header(path: Path) -> Header:
    """The header of a network's file.

    Raises:
        MarrowError: the file is damaged, or is no bone network.
    """
    told = _metadata(path)
    if told.get("kind") != KIND:
        raise MarrowError(
            f"the bone network's file holds {told.get('kind', 'no description')!r}, {KIND!r} was expected; give a "
            "model.safetensors that train_bones wrote"
        )
    try:
        purpose = _purpose(json.loads(told["purpose"]))
        return Header(purpose, _architecture(json.loads(told["network"]), purpose))
    except UNREADABLE:
        raise MarrowError(
            "the bone network's file is damaged: its header does not say which bones, contrasts, voxels and layers it "
            "is for; copy or train it again"
        ) from None


def check_purpose(found: Purpose, bones: Sequence[str], contrasts: Sequence[str], spacing_mm: float) -> None:
    """Compare what a network was trained for with what is wanted of it.

    Args:
        found: as its file says.
        bones: the names in the bone table, in order.
        contrasts: what it shall read.
        spacing_mm: edge of the scans' voxels.

    Raises:
        MarrowError: they differ.
    """
    if found.bones != tuple(bones):
        raise MarrowError(
            f"the bone network knows {_difference(found.bones, bones)}; its classes must be those of the bone "
            "table, in the same order: give the table that it was trained with as bone_table, or train again"
        )
    if found.contrasts != tuple(contrasts):
        raise MarrowError(
            f"the bone network was trained on {', '.join(found.contrasts)}, but bones.contrasts is "
            f"{', '.join(contrasts)}; make them the same"
        )
    if abs(found.spacing_mm / spacing_mm - 1) > SPACING_TOLERANCE:
        raise MarrowError(
            f"the bone network was trained on voxels of {found.spacing_mm:g} mm, the scans have "
            f"{spacing_mm:g} mm; set resample.spacing_mm to {found.spacing_mm:g}, or train again"
        )


def _metadata(path: Path) -> dict[str, str]:
    """The free text of a safetensors file that is as long as its header says."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            content: dict[str, Any] = json.loads(file.read(min(length, LONGEST)))
        told: dict[str, str] = content.pop("__metadata__", {})
        whole = LENGTH_BYTES + length + max((tensor["data_offsets"][1] for tensor in content.values()), default=0)
        told.get("kind")
    except OSError as error:
        raise MarrowError(f"the bone network's file cannot be read: {error.strerror}") from None
    except UNREADABLE:
        raise MarrowError("the bone network's file is damaged or no safetensors file; copy or train it again") from None
    if size != whole:
        raise MarrowError(
            f"the bone network's file is damaged: it has {size:,} bytes, its header tells of {whole:,}; copy it again"
        )
    return told


def _purpose(told: dict[str, Any]) -> Purpose:
    """The purpose that a header tells; ValueError where it tells none."""
    bones, contrasts, spacing_mm = _names(told["bones"]), _names(told["contrasts"]), float(told["spacing_mm"])
    if not 0 < spacing_mm < math.inf:
        raise ValueError("no voxel has such an edge")
    return Purpose(bones, contrasts, spacing_mm)


def _names(told: object) -> tuple[str, ...]:
    names = cast("list[object]", told)
    if not isinstance(told, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("not a list of names")
    return tuple(str(name) for name in names)


def _architecture(told: dict[str, Any], purpose: Purpose) -> dict[str, Any]:
    """The arguments that a header tells, within what the config allows; ValueError for any other network."""
    is_plausible = (
        told.keys() == {"channels", "classes", "width", "depth", "dropout"}
        and told["channels"] == len(purpose.contrasts)
        and told["classes"] == len(purpose.bones) + 1
        and 0 < told["width"] <= 4
        and told["depth"] in range(1, 9)
        and 0 <= told["dropout"] < 1
    )
    if not is_plausible:
        raise ValueError("no such network can be trained")
    return told


def _difference(found: Sequence[str], wanted: Sequence[str]) -> str:
    unknown = [name for name in found if name not in wanted]
    lacking = [name for name in wanted if name not in found]
    parts = [f"{len(found)} bones"]
    parts += [f"among them {_listed(unknown)}, which the bone table lacks"] if unknown else []
    parts += [f"but not {_listed(lacking)}"] if lacking else []
    return ", ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_TOLD]) + (", ..." if len(names) > MOST_TOLD else "")
