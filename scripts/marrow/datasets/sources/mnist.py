"""MNIST in its canonical form: four files of the idx format, plain or compressed by gzip.

An idx file starts with a big-endian magic number (two zero bytes, 8 for bytes without sign, the number of axes), then
the length of every axis, then the values (LeCun, Cortes, Burges, "The MNIST database of handwritten digits").
"""

import gzip
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from marrow.errors import MarrowError

PREFIXES = {"train": "train", "test": "t10k"}
SIDE = 28
_BYTES = 8  # the idx code of values that are bytes without sign


def read_mnist(folder: Path, part: Literal["train", "test"]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The digits of a part, (digits, 28, 28), ink is bright; and what they are, (digits,), 0 to 9.

    Raises:
        MarrowError: a file is missing, is not what it should be, ends early, or the two disagree.
    """
    prefix = PREFIXES[part]
    image_file = _find(folder, f"{prefix}-images-idx3-ubyte")
    label_file = _find(folder, f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(image_file, axes=3), read_idx(label_file, axes=1)
    if images.shape[1:] != (SIDE, SIDE):
        raise MarrowError(f"{image_file.name}: images are {images.shape[1]} x {images.shape[2]}; MNIST has 28 x 28.")
    if len(images) != len(labels):
        raise MarrowError(
            f"{image_file.name} has {len(images)} digits but {label_file.name} has {len(labels)} labels; "
            "take both from the same place."
        )
    if labels.size and labels.max() > 9:
        raise MarrowError(f"{label_file.name}: a label is {labels.max()}; the labels of MNIST are 0 to 9.")
    return images, labels


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The bytes of an idx file, in its own shape.

    Raises:
        MarrowError: it is not an idx file of bytes with so many axes, or not whole.
    """
    content = _content(path)
    magic = bytes([0, 0, _BYTES, axes])
    if content[:4] != magic:
        number = int.from_bytes(content[:4], "big")
        expected = int.from_bytes(magic, "big")
        raise MarrowError(
            f"{path.name}: the magic number is {number} but {expected} is expected; this is another file: get it again."
        )
    begin = 4 + 4 * axes
    lengths = [int.from_bytes(content[at : at + 4], "big") for at in range(4, begin, 4)]
    expected = begin + int(np.prod(lengths, dtype=object))
    if len(content) != expected:
        raise MarrowError(
            f"{path.name}: {len(content)} bytes (uncompressed), but its header asks for {expected}; it was cut off or "
            "changed: get it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=begin).reshape(lengths)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise MarrowError(
        f"MNIST: no {name} or {name}.gz in the folder that `sources.mnist` names; put the four files of MNIST "
        "there, or leave the setting empty to have them downloaded (docs/sources.md)."
    )


def _content(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MarrowError(f"{path.name}: it cannot be uncompressed ({error}); get it again.") from None
