"""Unpacks raw files that are compressed one by one (`.dcm.gz`) or together (`.zip`), as archives hand them out.

The unpacked files get numbers for names: names inside an archive may be those of patients, or lead out of the folder.
"""

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from marrow.errors import ScanStopped

GZIP, ZIP, NIFTI_GZ = ".gz", ".zip", ".nii.gz"


def is_packed(path: Path) -> bool:
    """Whether a file is an archive; NIfTI files stay compressed."""
    name = path.name.lower()
    return name.endswith(ZIP) or (name.endswith(GZIP) and not name.endswith(NIFTI_GZ))


def unpacked(files: list[Path], scratch: Path, where: str) -> list[Path]:
    """The files with each archive replaced by what it holds, written to the folder `scratch`.

    Raises:
        ScanStopped: an archive is damaged or has a password.
    """
    return [part for file in files for part in (_parts(file, scratch, where) if is_packed(file) else [file])]


def _parts(file: Path, scratch: Path, where: str) -> list[Path]:
    try:
        return list(_unzipped(file, scratch) if zipfile.is_zipfile(file) else _gunzipped(file, scratch))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        problem = "is protected by a password" if "password" in str(error) else "is cut off or damaged"
        raise ScanStopped(
            "file_damaged", f"{where}: a compressed file {problem}; unpack it by hand, or copy or export it again."
        ) from None


def _unzipped(file: Path, scratch: Path) -> Iterator[Path]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield _written(lambda member=member: archive.open(member), member.filename, scratch)


def _gunzipped(file: Path, scratch: Path) -> Iterator[Path]:
    yield _written(lambda: gzip.GzipFile(file), file.name.removesuffix(GZIP), scratch)


def _written(opened: Callable[[], IO[bytes] | gzip.GzipFile], name: str, scratch: Path) -> Path:
    suffixes = "".join(Path(name.lower()).suffixes[-2:])
    target = (
        scratch / f"{sum(1 for _ in scratch.iterdir()):06d}{suffixes if suffixes.endswith(('.nii', NIFTI_GZ)) else ''}"
    )
    with opened() as source, target.open("wb") as written:
        shutil.copyfileobj(source, written)
    return target
