"""Chance over patients: the bootstrap draws them with replacement, the permutation swaps the answers of two methods.

A patient is drawn or swapped as a whole, with all bags, all folds that test them and all seeds: they are no independent
observations.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
COVERED = 0.95
LEAST_DEFINED = 0.5  # share of the draws with a value below which there is no interval


def patient_draws(strata: Labels, resamples: int, seed: int) -> Numbers:
    """How often each patient is drawn, (patients, resamples); as many of each stratum as there are.

    Args:
        strata: of each patient, (patients,); one and the same for a plain bootstrap.
        resamples: how many draws.
        seed: of chance.
    """
    chance = np.random.default_rng([seed, 0])
    counts = np.zeros((len(strata), resamples))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[members] = chance.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples).T
    return counts


def patient_swaps(patients: int, resamples: int, seed: int) -> tuple[Numbers, bool]:
    """Whether each patient's answers are swapped, (patients, ways), 0 or 1; and whether that is every way there is."""
    if patients < 60 and 2**patients <= resamples:
        ways = np.arange(2**patients)
        return (ways >> np.arange(patients)[:, None] & 1).astype(np.float64), True
    chance = np.random.default_rng([seed, 1])
    return chance.integers(0, 2, (patients, resamples)).astype(np.float64), False


def percentile_interval(values: Numbers) -> tuple[float, float]:
    """The percentile interval of a bootstrap; NaN where too few draws have a value, as where a class is often away."""
    defined = values[np.isfinite(values)]
    if len(defined) == 0 or len(defined) < LEAST_DEFINED * len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return float(low), float(high)


def mean_interval(values: Numbers, resamples: int, seed: int) -> tuple[float, float]:
    """The percentile interval of the mean of one number a patient, (patients,); NaN for fewer than two patients."""
    if len(values) < 2:
        return float("nan"), float("nan")
    rows = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    return percentile_interval(values[rows].mean(1))


def permutation_p(observed: float, permuted: Numbers, is_complete: bool) -> float:
    """The two-sided p of a difference: how often chance alone gives one as large.

    Of drawn permutations the one that was observed counts with them, so p is never 0.
    """
    as_large = np.abs(permuted) >= abs(observed) - 1e-12
    if is_complete:
        return float(as_large.mean())
    return float((as_large.sum() + 1) / (len(permuted) + 1))


def holm(p_values: npt.ArrayLike) -> Numbers:
    """Holm's correction for several tests; NaN stays and does not count."""
    given: Numbers = np.asarray(p_values, np.float64)
    corrected = np.full(given.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(order) else steps
    return corrected
