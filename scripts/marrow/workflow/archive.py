"""Finished results kept by fingerprint, so that what was once made from the same things need not be made again.

It serves two cases: a change that was made and reverted, and a stage above that ran again to identical bytes. In both
the job has the fingerprint (of code, settings and the content of its inputs) of an earlier one, and the outputs of that
one come back bit for bit, whatever they were called. The archive links files where it can, so a result and its copy
take the space of one.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

from marrow.workflow.fingerprint.content import content_digest

MEBIBYTE = 2**20


class Archive:
    """A bounded store of outputs, one folder a fingerprint; the entry unused for longest goes first.

    A limit of 0 keeps nothing.
    """

    def __init__(self, folder: Path, limit_mb: int) -> None:
        self._folder = folder
        self._limit = limit_mb * MEBIBYTE

    def restore(self, fingerprint: str, outputs: Sequence[Path]) -> bool:
        """Put the outputs kept under a fingerprint in their places; False where there are none."""
        entry = self._folder / fingerprint
        try:
            return self._limit > 0 and _restore(entry, outputs)
        except OSError:  # another job has trimmed the entry meanwhile
            return False

    def holds(self, fingerprint: str) -> bool:
        """Whether there is something under a fingerprint."""
        return self._limit > 0 and (self._folder / fingerprint).is_dir()

    def keep(self, fingerprint: str, outputs: Sequence[Path]) -> None:
        """Keep outputs under a fingerprint, then drop the oldest entries beyond the limit."""
        entry = self._folder / fingerprint
        if self._limit == 0 or entry.exists():
            return
        _add(entry, {f"{index:03d}-{content_digest(output)}": output for index, output in enumerate(outputs)})
        self._trim()

    def _trim(self) -> None:
        held = 0
        counted: set[int] = set()
        for entry in sorted(self._folder.glob("[!.]*"), key=_last_used, reverse=True):
            sizes = _sizes(entry)
            held += sum(sizes[inode] for inode in sizes.keys() - counted)
            counted |= sizes.keys()
            if held > self._limit:
                shutil.rmtree(entry, ignore_errors=True)


def copy_entry(folder: Path, fingerprint: str, other: str) -> None:
    """Keep the outputs that an archive holds under a fingerprint under another one too; the next `keep` trims."""
    entry = folder / fingerprint
    if entry.is_dir():
        _add(folder / other, {file.name: file for file in entry.glob("*")})


def _add(entry: Path, files: Mapping[str, Path]) -> None:
    """Add an entry, whole or not at all, with files under the names given."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=".partial-", dir=entry.parent))
    for name, file in files.items():
        _link(file, partial / name)
    try:
        partial.replace(entry)
    except OSError:  # there is one: a job with the same fingerprint was quicker
        shutil.rmtree(partial)


def _restore(entry: Path, outputs: Sequence[Path]) -> bool:
    kept = sorted(entry.glob("*"))
    if len(kept) != len(outputs):
        return False
    if any(content_digest(file) != _digest_in_name(file) for file in kept):
        shutil.rmtree(entry)  # somebody wrote into a result that the archive holds a link to
        return False
    for file, output in zip(kept, outputs, strict=True):
        _link(file, output)
    os.utime(entry)
    return True


def _last_used(entry: Path) -> float:
    """When an entry was last kept or restored; 0 for one that another job has just dropped."""
    return entry.stat().st_mtime if entry.exists() else 0


def _sizes(entry: Path) -> dict[int, int]:
    """Inode -> size of each file; a file that two entries link takes its space once."""
    statuses = (file.stat() for file in entry.glob("*") if file.exists())
    return {status.st_ino: status.st_size for status in statuses}


def _digest_in_name(file: Path) -> str:
    return file.name.partition("-")[2]


def _link(source: Path, target: Path) -> None:
    """Link a file to a new place, or copy it where the file system cannot; never write into what lies there."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
