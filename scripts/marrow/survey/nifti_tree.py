"""Examinations in a tree of NIfTI files, a folder each; the names of files and folders say which contrast they show."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from marrow.planning.contrasts import Contrasts
from marrow.survey.examination import Examination


def nifti_examinations(
    root: Path, files: Sequence[Path], contrasts: Contrasts, written_from: Path
) -> list[Examination]:
    """The examinations of a tree: the first folders below `root`, or `root` itself.

    Args:
        root: of the tree.
        files: its NIfTI files.
        contrasts: as declared.
        written_from: the folder that paths count from.
    """
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        inside = file.relative_to(root).parts
        folders[root / inside[0] if len(inside) > 1 else root].append(file)
    return [_examination(folder, of_folder, contrasts, written_from) for folder, of_folder in sorted(folders.items())]


def words_of(name: str) -> set[str]:
    """The words of a file's or folder's name, in small letters."""
    return set(re.findall(r"[a-z0-9]+", re.sub(r"[.]nii([.]gz)?$", "", name.lower())))


def _examination(folder: Path, files: Sequence[Path], contrasts: Contrasts, written_from: Path) -> Examination:
    shown: dict[str, list[Path]] = defaultdict(list)
    unknown: list[str] = []
    for file in sorted(files):
        words = set[str]().union(*(words_of(part) for part in file.relative_to(folder).parts))
        named = [contrast for contrast in contrasts.given if contrast in words]
        if len(named) == 1:
            shown[named[0]].append(file)
        elif not words & {"bones", "lesions"}:
            unknown.append(file.relative_to(folder).as_posix())
    notes = [f"{name}: no file has this word in its name" for name in contrasts.given if name not in shown]
    if unknown:
        notes.append(f"not recognised: {', '.join(unknown)}")
    cells = {name: joined(paths, written_from) for name, paths in shown.items()}
    return Examination(folder.name, folder.name, False, "", cells, tuple(notes))


def joined(paths: Sequence[Path], written_from: Path) -> str:
    """Paths as a cell of the sheet: relative where they lie beside or below it."""
    return ";".join(written(path, written_from) for path in paths)


def written(path: Path, written_from: Path) -> str:
    """A path as the sheet has it."""
    resolved, base = path.resolve(), written_from.resolve()
    for up, parent in enumerate((base, base.parent)):
        if resolved.is_relative_to(parent):
            return "/".join([*[".."] * up, resolved.relative_to(parent).as_posix()])
    return resolved.as_posix()
