"""The content of raw inputs: one digest for a file or a folder, and a cheap signature that tells when to look again.

A signature is size, times and inode of every file. While it stands, the digest stands; when it differs (a touch, a
copy, an edit), the content is read again, and only a different content makes anything stale.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from marrow.files import write_text


def content_digest(path: Path) -> str:
    """Digest the bytes of a file, or the names and bytes of all files in a folder."""
    if path.is_file():
        return _file_digest(path)
    total = hashlib.sha256()
    for file in _files(path):
        total.update(f"{file.relative_to(path).as_posix()}\0{_file_digest(file)}\n".encode())
    return total.hexdigest()


def signature(path: Path) -> str:
    """Digest size, modification time, change time and inode of a file, or of all files in a folder."""
    total = hashlib.sha256()
    for file in [path] if path.is_file() else _files(path):
        status = file.stat()
        name = "" if file == path else file.relative_to(path).as_posix()
        total.update(f"{name}\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}\n".encode())
    return total.hexdigest()


class DigestCache:
    """Digests of files whose signature moved since they were recorded, kept in one small file.

    Keys are digests of paths, so the file names nobody. Only the main process of a run saves it; a cluster job that
    wrote too could overwrite what another one just learned.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _read(file)

    def digest(self, path: Path) -> str:
        """The content digest of `path`, from the cache while its signature stands, else read and kept."""
        key = hashlib.sha256(os.fspath(path.absolute()).encode()).hexdigest()
        now = signature(path)
        before = self._known.get(key)
        if before is not None and before[0] == now:
            return before[1]
        digest = content_digest(path)
        self._known[key] = (now, digest)
        write_text(self._file, json.dumps(self._known))
        return digest


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """All files in a folder, in the order of their names; hidden ones (left by file browsers) do not count."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path


def _read(file: Path) -> dict[str, tuple[str, str]]:
    try:
        return {key: (entry[0], entry[1]) for key, entry in json.loads(file.read_text()).items()}
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return {}  # lost or damaged: the contents are read again
