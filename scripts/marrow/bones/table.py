"""The table of bones: the classes of the segmentation.

The default table, `schemas/bones.tsv`, has the 18 bones between vertex and knees; id 0 is the background. The number of
classes, the label maps, the phantom and the mirrored labels are all derived from the table. Further columns are for
people: a bone's classes in TotalSegmentator's `total_mr` and `vertebrae_mr`, and in VIBESegmentator.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.errors import ConfigError

DEFAULT_TABLE = Path(__file__).parents[3] / "schemas" / "bones.tsv"
SIDES = ("left", "right", "middle")
REQUIRED = ("id", "name", "side", "mirror", "region")


@dataclass(frozen=True)
class Bone:
    """One class of the skeleton; left is the patient's left.

    Attributes:
        id: the value in a label map, from 1.
        mirror: id of the bone on the other side; its own id for a bone in the middle.
        region: the part of the body under which it is reported.
    """

    id: int
    name: str
    side: str
    mirror: int
    region: str


def read_bones(path: Path = DEFAULT_TABLE) -> list[Bone]:
    """The bones in a tab-separated table, in the order of their ids."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines, delimiter="\t")
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(f"{path.name}: no column {', '.join(missing)}; a bone table has {', '.join(REQUIRED)}.")
        bones = [_bone(row, f"{path.name}, row {number}") for number, row in enumerate(reader, start=2)]
    _check(bones, path.name)
    return sorted(bones, key=lambda bone: bone.id)


def mirrored_ids(bones: Sequence[Bone]) -> list[int]:
    """For every id from 0 (background), the id after a left-right flip."""
    swapped = list(range(max(bone.id for bone in bones) + 1))
    for bone in bones:
        swapped[bone.id] = bone.mirror
    return swapped


def _bone(row: dict[str, str], where: str) -> Bone:
    try:
        number, mirror = int(row["id"]), int(row["mirror"])
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: id {row['id']!r}, mirror {row['mirror']!r}; give two whole numbers.") from None
    if row["side"] not in SIDES:
        raise ConfigError(f"{where}: side is {row['side']!r}; give one of {', '.join(SIDES)}.")
    return Bone(number, row["name"], row["side"], mirror, row["region"])


def _check(bones: Sequence[Bone], table: str) -> None:
    """Ids are 1 to the number of bones, names differ, and mirrors come in pairs."""
    by_id = {bone.id: bone for bone in bones}
    if sorted(by_id) != list(range(1, len(bones) + 1)):
        raise ConfigError(f"{table}: ids are {sorted(bone.id for bone in bones)}; number {len(bones)} bones from 1 up.")
    if len(bones) > 255:
        raise ConfigError(f"{table}: {len(bones)} bones; a label map has room for 255.")
    if len({bone.name for bone in bones}) != len(bones):
        raise ConfigError(f"{table}: two bones have one name; give every bone its own.")
    for bone in bones:
        other = by_id.get(bone.mirror)
        if other is None or other.mirror != bone.id:
            raise ConfigError(f"{table}: {bone.name} mirrors id {bone.mirror}, which does not mirror it; pair them.")
