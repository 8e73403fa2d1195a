"""The standard scale: where each landmark of an image should lie, as learned from the training scans.

Nyul, Udupa and Zhang (IEEE TMI 2000): the landmarks of each training image are rescaled linearly so that the outer two
fall on the ends of the output range; the standard scale is their mean over the images (`marrow.imaging.standard.fit`).
The file is that of `NyulNormalizer.save_standard_histogram` (intensity-normalization 3.0.1): an array of 2 x landmarks,
the scale above the percentiles. Every job that brings a scan onto the scale reads it, so it is read here with numpy
alone: importing the package takes a second.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from marrow.errors import MarrowError


@dataclass(frozen=True)
class ScanLandmarks:
    """The landmarks of one image of a training scan.

    Attributes:
        percentiles: which percentiles of the body's intensities are landmarks, ascending.
        output_range: where the outer two landmarks lie on the standard scale.
        landmarks: the image's intensity at each percentile.
    """

    percentiles: tuple[float, ...]
    output_range: tuple[float, float]
    landmarks: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> "ScanLandmarks":
        """The landmarks in a file."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: tuple(values) for name, values in content.items()})

    def write(self, path: Path) -> None:
        """Write the landmarks as JSON; numbers come back as they were, to the last bit."""
        path.write_text(json.dumps(asdict(self), indent=1, allow_nan=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class StandardScale:
    """Where (`values`) the landmarks of an image go, and which percentiles of the body these are: both (landmarks,)."""

    values: npt.NDArray[np.float64]
    percentiles: npt.NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> "StandardScale":
        """The standard scale in a file.

        Raises:
            MarrowError: the file holds no standard scale.
        """
        try:
            content = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise MarrowError(f"{path}: this is no array file of numpy; {_EXPECTED}") from error
        if not isinstance(content, np.ndarray) or content.ndim != 2 or content.shape[0] != 2 or content.shape[1] < 2:
            shape = getattr(content, "shape", "no single array")
            raise MarrowError(f"{path}: the content is {shape}, 2 x landmarks were expected; {_EXPECTED}")
        if content.dtype.kind not in "fiu":
            raise MarrowError(f"{path}: the content is of type {content.dtype}, numbers were expected; {_EXPECTED}")
        values, percentiles = content.astype(np.float64)
        _check(values, percentiles, path)
        return cls(values, percentiles)

    def write(self, path: Path) -> None:
        """Write the scale as `NyulNormalizer.load_standard_histogram` reads it."""
        with path.open("wb") as file:
            np.save(file, np.vstack([self.values, self.percentiles]), allow_pickle=False)


_EXPECTED = "give a standard scale as Marrow leaves it in results/standard, or one of NyulNormalizer"


def _check(values: npt.NDArray[np.float64], percentiles: npt.NDArray[np.float64], path: Path) -> None:
    wrong = None
    if not (np.isfinite(values).all() and np.isfinite(percentiles).all()):
        wrong = "it holds numbers that are not finite"
    elif (np.diff(percentiles) <= 0).any() or percentiles[0] < 0 or percentiles[-1] > 100:
        wrong = f"its percentiles {percentiles.tolist()} do not ascend within 0 to 100"
    elif (np.diff(values) < 0).any() or values[0] == values[-1]:
        wrong = f"its values {values.tolist()} do not ascend"
    if wrong:
        raise MarrowError(f"{path}: this is no standard scale, {wrong}; {_EXPECTED}")
