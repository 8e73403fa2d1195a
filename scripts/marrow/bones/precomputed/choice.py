"""Which label maps and which tables the config means by `bones.precomputed.maps`: read when Snakemake parses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marrow.errors import ConfigError, nearest

IDS = "ids"
ENDINGS = (".nii.gz", ".nii")


def mapping_table(chosen: str, schemas: Path, bone_table: Path) -> Path:
    """The table behind the config's `mapping`: `ids`, the name of a ready-made one, or a path.

    Raises:
        ConfigError: there is none.
    """
    if chosen == IDS:
        return bone_table
    ready = {table.stem: table for table in sorted((schemas / "mappings").glob("*.tsv"))}
    if chosen in ready:
        return ready[chosen]
    if Path(chosen).is_file():
        return Path(chosen)
    raise ConfigError(
        f"config: bones.precomputed.maps: mapping is {chosen!r}, which is neither a file nor a ready-made table; "
        f"{nearest(chosen, [IDS, *ready])}"
    )


def mapping_tables(chosen: Sequence[Mapping[str, Any]], schemas: Path, bone_table: Path) -> list[Path]:
    """The tables of all entries of `bones.precomputed.maps`, in their order.

    Raises:
        ConfigError: one does not exist.
    """
    return [mapping_table(str(entry["mapping"]), schemas, bone_table) for entry in chosen]


def maps_of(scan: str, column: str | None, chosen: Sequence[Mapping[str, Any]]) -> list[str]:
    """The label maps of a scan, in the order of `bones.precomputed.maps`.

    Args:
        scan: its id.
        column: its cell of the sheet's column `bones`, if it is filled.
        chosen: the entries; one without a folder means the sheet's column.

    Raises:
        ConfigError: a file is missing; the message tells all that this scan lacks, a line each.
    """
    found = [_in_folder(scan, str(entry["folder"])) if entry.get("folder") else column for entry in chosen]
    problems = [_missing(scan, entry.get("folder")) for entry, file in zip(chosen, found, strict=True) if not file]
    if problems:
        raise ConfigError("\n".join(problems))
    return [file for file in found if file]


def _in_folder(scan: str, folder: str) -> str | None:
    places = [f"{folder.rstrip('/')}/{scan}{ending}" for ending in ENDINGS]
    return next((place for place in places if Path(place).is_file()), None)


def _missing(scan: str, folder: str | None) -> str:
    if folder:
        names = " or ".join(f"{scan}{ending}" for ending in ENDINGS)
        return f"config: bones.precomputed.maps: {folder} has no {names}; add it, or take the scan out of the sheet"
    return (
        f"config: bones.precomputed.maps takes the sheet's column bones, which scan {scan} leaves empty; "
        "fill it in, or name a folder"
    )
