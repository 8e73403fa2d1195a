"""Standardisation against `NyulNormalizer` of the package intensity-normalization, in memory, from array to array."""

from collections.abc import Sequence

import numpy as np
from intensity_normalization.adapters.images import NumpyImageAdapter
from intensity_normalization.normalizers.population.nyul import NyulNormalizer

from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.volumes import FULL, body_mask, made_up_volume
from marrow.errors import MarrowError
from marrow.imaging.standard.fit import fit_scale
from marrow.imaging.standard.landmarks import find_landmarks
from marrow.imaging.standard.standard_scale import ScanLandmarks, StandardScale
from marrow.imaging.standard.standardise import standardise

REPEATS = 7
SCANS = 2


def measure_apply() -> list[Measurement]:
    """One whole-body volume to the standard scale, its landmarks included, with the body mask given.

    Raises:
        MarrowError: the two sides disagree, so that their times do not compare.
    """
    volume, body = made_up_volume(FULL, seed=0), body_mask(FULL)
    image, mask = NumpyImageAdapter(volume), NumpyImageAdapter(body.astype(np.float32))
    normalizer = NyulNormalizer().fit_population([image], [mask])
    standard = StandardScale(
        np.asarray(normalizer.standard_scale), np.asarray(normalizer.percentiles, dtype=np.float64)
    )
    ours = standardise(volume, body, standard)
    theirs = normalizer.transform(image, mask).get_data()
    if not np.allclose(ours[body], theirs[body], rtol=1e-6, atol=1e-5):
        raise MarrowError("nyul_apply: the results differ from those of NyulNormalizer, so the times do not compare")
    seconds, reference = side_by_side(
        lambda: standardise(volume, body, standard), lambda: normalizer.transform(image, mask), REPEATS
    )
    return [Measurement("nyul_apply", seconds, "s", reference, reference / seconds)]


def measure_landmarks() -> list[Measurement]:
    """The standard scale of some whole-body volumes: a landmark step for each and the mean."""
    volumes = [made_up_volume(FULL, seed) for seed in range(SCANS)]
    body = body_mask(FULL)
    images, masks = (
        [NumpyImageAdapter(volume) for volume in volumes],
        [NumpyImageAdapter(body.astype(np.float32))] * SCANS,
    )
    normalizer = NyulNormalizer()
    percentiles = [float(percentile) for percentile in normalizer.percentiles]

    def fit() -> StandardScale:
        return fit_scale(_landmarks(volumes, body, percentiles))

    seconds, reference = side_by_side(fit, lambda: normalizer.fit_population(images, masks), REPEATS)
    expected = np.asarray(normalizer.standard_scale)
    error = float(np.max(np.abs(fit().values / expected - 1)))
    return [
        Measurement("nyul_landmarks", seconds, "s", reference, reference / seconds),
        Measurement("nyul_landmarks_error", error, ""),
    ]


def _landmarks(volumes: Sequence[np.ndarray], body: np.ndarray, percentiles: list[float]) -> list[ScanLandmarks]:
    ends = (1.0, 100.0)
    found = (find_landmarks(volume, body, percentiles) for volume in volumes)
    return [ScanLandmarks(tuple(percentiles), ends, tuple(landmarks.tolist())) for landmarks in found]


APPLY = Benchmark(
    "nyul_apply",
    "One whole-body volume (250 x 180 x 900) to the standard scale, landmarks included, against "
    "`NyulNormalizer.transform` with the same mask. The ratio says how many times faster Marrow is.",
    {"nyul_apply": Goal("ratio", "least", 10, "at least 10 times faster")},
    measure_apply,
)

LANDMARKS = Benchmark(
    "nyul_landmarks",
    f"The standard scale of {SCANS} whole-body volumes, against `NyulNormalizer.fit_population` with the same masks. "
    "The ratio says how many times faster Marrow is, the error by what share a value of the scale differs at most.",
    {
        "nyul_landmarks": Goal("ratio", "least", 3, "at least 3 times faster"),
        "nyul_landmarks_error": Goal("value", "most", 0.001, "at most 0.001"),
    },
    measure_landmarks,
)
