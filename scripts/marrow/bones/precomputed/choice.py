"""The label maps and mapping tables of the config's `bones.precomputed.maps`; used when Snakemake parses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marrow.errors import ConfigError, nearest

IDS = "ids"
ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def mapping_table(name: str, schemas: Path, bone_table: Path) -> Path:
    """The file of a config's `mapping`: `ids`, the name of a table of Marrow's, or a path.

    Raises:
        ConfigError: there is none.
    """
    if name == IDS:
        return bone_table
    ready = {table.stem: table for table in sorted((schemas / "mappings").glob("*.tsv"))}
    if name in ready:
        return ready[name]
    if Path(name).is_file():
        return Path(name)
    raise ConfigError(
        f"config: bones.precomputed.maps: mapping is {name!r}, which is neither a file nor a ready-made table; "
        f"{nearest(name, [IDS, *ready])}"
    )


def mapping_tables(entries: Sequence[Mapping[str, Any]], schemas: Path, bone_table: Path) -> list[Path]:
    """The tables of all entries of `bones.precomputed.maps`, in their order.

    Raises:
        ConfigError: one does not exist.
    """
    return [mapping_table(str(entry["mapping"]), schemas, bone_table) for entry in entries]


def maps_of(scan: str, column: str | None, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The label maps of a scan, in the order of `bones.precomputed.maps`.

    An entry without a folder takes the scan's cell of the sheet's column `bones`, None if that is empty.

    Raises:
        ConfigError: files are missing; the message has a line for each.
    """
    files = [_in_folder(scan, str(entry["folder"])) if entry.get("folder") else column for entry in entries]
    problems = [_missing(scan, entry.get("folder")) for entry, file in zip(entries, files, strict=True) if not file]
    if problems:
        raise ConfigError("\n".join(problems))
    return [file for file in files if file]


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
