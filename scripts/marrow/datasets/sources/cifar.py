"""CIFAR-10 (Krizhevsky 2009): the authors' binary version, or images by class in folders or zip archives.

The binary version is six files of 10,000 records, a byte for the class and 3 x 32 x 32 bytes for the image, red first.
The version for Python is a pickle: loading one runs whatever is inside, so it is refused. Archives are read member by
member; nothing is unpacked to disk, so no path in them matters. Images that are read one by one may be fewer and are
decoded only when asked for; JPEG copies differ a little from the originals.
"""

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from marrow.datasets.sources.catalogue import CIFAR_BATCHES, CIFAR_CLASSES, how_to_give
from marrow.datasets.sources.location import locate
from marrow.errors import MarrowError

Part = Literal["train", "test"]
SHAPE = (3, 32, 32)
RECORDS = 10_000  # in a file of the binary version
LARGEST = 1_000_000  # bytes of an image file of 32 x 32 pixels, generously
_RECORD = 1 + 3 * 32 * 32
_FILES = {"train": CIFAR_BATCHES[:-1], "test": CIFAR_BATCHES[-1:]}
_PICTURE = re.compile(r"(?:.*/)?(train|test)/([a-z]+)/[^/]+\.(?:jpg|jpeg|png)", re.IGNORECASE)
# What broken archives and images raise; a zip member with a password is a RuntimeError, a broken PNG a SyntaxError.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    SyntaxError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Images:
    """A part of CIFAR-10.

    Attributes:
        labels: (images,), 0 to 9.
        read: numbers of images -> (chosen, 3, 32, 32) uint8.
    """

    labels: NDArray[np.uint8]
    read: Callable[[NDArray[np.intp]], NDArray[np.uint8]]


@dataclass(frozen=True)
class _Picture:
    """An image file: its class, its path in its container, and the folder or zip archive that contains it."""

    label: int
    name: str
    container: Path


def read_cifar(given: Path, part: Part) -> Images:
    """A part of CIFAR-10 from its archive or folder.

    Raises:
        MarrowError: it is not there, or not whole.
    """
    path = locate("cifar10", given)
    if path is None:
        raise MarrowError(f"CIFAR-10: nothing of it where `sources.cifar10` points. {how_to_give('cifar10')}")
    if path.suffix == ".gz":
        return _of_records(_in_archive(path, _FILES[part]))
    if (path / CIFAR_BATCHES[0]).is_file():
        return _of_records({name: (path / name).read_bytes() for name in _FILES[part]})
    return _of_pictures(path, part)


def _in_archive(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                content = archive.extractfile(member) if member.isfile() and name in names else None
                if content is not None:
                    contents[name] = content.read(RECORDS * _RECORD + 1)
    except _DAMAGE as error:
        raise _unreadable(path.name, error) from None
    missing = [name for name in names if name not in contents]
    if missing:
        raise MarrowError(f"{path.name}: it holds no {', '.join(missing)}. {how_to_give('cifar10')}")
    return {name: contents[name] for name in names}


def _of_records(contents: dict[str, bytes]) -> Images:
    for name, content in contents.items():
        if len(content) != RECORDS * _RECORD:
            raise MarrowError(f"{name}: {RECORDS * _RECORD} bytes are expected, it has other; get CIFAR-10 again.")
    records = np.frombuffer(b"".join(contents.values()), dtype=np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].copy()
    if labels.max() > 9:
        raise MarrowError(f"{', '.join(contents)}: a class is {labels.max()}; CIFAR-10 has 0 to 9.")
    return Images(labels, lambda chosen: records[chosen, 1:].reshape(-1, *SHAPE))


def _of_pictures(path: Path, part: Part) -> Images:
    by_name = {picture.name: picture for picture in _pictures(path, part)}
    pictures = sorted(by_name.values(), key=lambda picture: (picture.label, picture.name))
    labels = np.array([picture.label for picture in pictures], dtype=np.uint8)
    lacking = [name for number, name in enumerate(CIFAR_CLASSES) if number not in labels]
    if lacking:
        raise MarrowError(f"{path.name}: no images of {', '.join(lacking)} in {part}/. {how_to_give('cifar10')}")

    def read(chosen: NDArray[np.intp]) -> NDArray[np.uint8]:
        return _decoded([pictures[number] for number in chosen.tolist()])

    return Images(labels, read)


def _pictures(path: Path, part: Part) -> Iterator[_Picture]:
    """The image files of a part, of a folder or of the zip archives in it."""
    if (path / part).is_dir():
        names = ((path, file.relative_to(path).as_posix()) for file in (path / part).glob("*/*"))
    else:
        archives = [path] if path.is_file() else sorted(path.glob("*.zip"))
        names = ((archive, name) for archive in archives for name in _members(archive))
    for container, name in names:
        match = _PICTURE.fullmatch(name)
        if match and match[1].lower() == part and match[2].lower() in CIFAR_CLASSES:
            yield _Picture(CIFAR_CLASSES.index(match[2].lower()), name, container)


def _members(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as members:
            return members.namelist()
    except _DAMAGE as error:
        raise _unreadable(archive.name, error) from None


def _decoded(pictures: list[_Picture]) -> NDArray[np.uint8]:
    images = np.empty((len(pictures), *SHAPE), dtype=np.uint8)
    with ExitStack() as stack:
        archives = {
            container: stack.enter_context(zipfile.ZipFile(container))
            for container in sorted({picture.container for picture in pictures})
            if container.is_file()
        }
        for image, picture in zip(images, pictures, strict=True):
            try:
                image[:] = _pixels(_bytes(picture, archives.get(picture.container)))
            except _DAMAGE as error:
                raise _unreadable(picture.name, error) from None
    return images


def _bytes(picture: _Picture, archive: zipfile.ZipFile | None) -> bytes:
    with archive.open(picture.name) if archive else (picture.container / picture.name).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    return content


def _pixels(content: bytes) -> NDArray[np.uint8]:
    """(3, 32, 32) of an image file."""
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
        if image.size != (SHAPE[2], SHAPE[1]):
            raise ValueError(f"it is {image.size[0]} x {image.size[1]}; 32 x 32 is expected")
        return np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)


def _unreadable(what: str, error: Exception) -> MarrowError:
    return MarrowError(f"{what}: it cannot be read ({type(error).__name__}: {error}); get CIFAR-10 again.")
