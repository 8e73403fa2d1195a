"""Which files of bones each scan has: annotations to learn from and to score by, and maps that other programs made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from marrow.bones.precomputed.choice import ENDINGS, maps_of
from marrow.errors import ConfigError, nearest
from marrow.planning.sheet import Scan


def with_bone_files(scans: Sequence[Scan], bones: Mapping[str, Any]) -> list[Scan]:
    """The scans with their annotations from the folder `bones.annotations`, and with their precomputed maps.

    Where the sheet's column `bones` holds precomputed maps, it holds no annotations.

    Raises:
        ConfigError: a folder or file that the section `bones` of the config names is not there, or fits no scan.
    """
    if bones["annotations"]:
        scans = _with_annotations(scans, Path(bones["annotations"]))
    if bones["source"] != "precomputed":
        return list(scans)
    chosen = bones["precomputed"]["maps"]
    takes_column = any(not entry.get("folder") for entry in chosen)
    folders = {entry["folder"] for entry in chosen if entry.get("folder")}
    problems = [
        f"config: bones.precomputed.maps: {folder} is no folder (counted from {Path.cwd()}); correct the path"
        for folder in sorted(folders)
        if not Path(folder).is_dir()
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    found: list[Scan] = []
    for scan in scans:
        try:
            premade = maps_of(scan.scan, scan.truths.get("bones"), chosen)
        except ConfigError as error:
            problems.append(str(error))
            continue
        truths = {kind: path for kind, path in scan.truths.items() if kind != "bones" or not takes_column}
        found.append(replace(scan, premade=tuple(premade), truths=truths))
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def _with_annotations(scans: Sequence[Scan], folder: Path) -> list[Scan]:
    """Give scans the label maps of a folder that are named after them."""
    if not folder.is_dir():
        raise ConfigError(f"config: bones.annotations: {folder} is no folder; correct the path, or take the key out")
    named = {_stem(file): file for file in sorted(folder.iterdir()) if file.name.endswith(ENDINGS)}
    ids = [scan.scan for scan in scans]
    problems = [
        f"config: bones.annotations: {file.name} is of no scan in the sheet; {nearest(name, ids)}"
        for name, file in named.items()
        if name not in ids
    ]
    problems += [
        f"config: bones.annotations: {named[scan.scan].name} and the sheet's column bones (row {scan.row}) both "
        f"annotate scan {scan.scan}; take one away"
        for scan in scans
        if scan.scan in named and "bones" in scan.truths
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return [
        replace(scan, truths=scan.truths | {"bones": named[scan.scan].as_posix()}) if scan.scan in named else scan
        for scan in scans
    ]


def _stem(file: Path) -> str:
    """The name of a file without its ending."""
    return next(file.name.removesuffix(ending) for ending in ENDINGS if file.name.endswith(ending))
