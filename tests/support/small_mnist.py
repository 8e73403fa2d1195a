"""Four idx files like MNIST's but small, whose first pixels say which digit of which part they are."""

from pathlib import Path

import numpy as np

TRAIN, TEST = 12_000, 3_000


def write_small_mnist(folder: Path, without: int | None = None, strokes: bool = False) -> Path:
    """12,000 training digits, so that 2,000 are left for training bags, and 3,000 test digits.

    Args:
        folder: where to.
        without: a digit that none of them is.
        strokes: whether each is a single stroke, which can be cut and swollen, instead of noise.
    """
    rng = np.random.default_rng(0)
    kinds = [digit for digit in range(10) if digit != without]
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, part, count in (("train", 1, TRAIN), ("t10k", 2, TEST)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        if strokes:
            images[:] = 0
            images[:, 5:23, 12:16] = 255
        images[:, 0, 0] = part
        images[:, 0, 1], images[:, 0, 2] = np.divmod(np.arange(count), 256)
        labels = rng.choice(kinds, count).astype(np.uint8)
        header = bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes()
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = bytes([0, 0, 8, 1]) + np.array(labels.shape, ">u4").tobytes()
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    return folder


def origin(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part (1 train, 2 test) and number of digits (digits, 1, 28, 28)."""
    first = patches[:, 0, 0, :3].astype(int)
    return first[:, 0], first[:, 1] * 256 + first[:, 2]
