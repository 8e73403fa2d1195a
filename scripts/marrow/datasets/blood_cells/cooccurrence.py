"""23 statistics of a grey-level co-occurrence matrix, after Haralick et al. (IEEE SMC 1973) and its successors.

With p(i, j) symmetric and of sum 1, levels counted from 1 to L, marginal q(i) with mean mu and variance s^2, the
distribution of sums S = i + j and of differences D = |i - j|, and entropies H in nats. Two pairs of the paper's list
are the same number: both correlations (it is written in two ways), homogeneity 1 and inverse difference. They are kept,
so that there are as many as printed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

COOCCURRENCE = (
    "autocorrelation",
    "contrast",
    "correlation 1",
    "correlation 2",
    "cluster prominence",
    "cluster shade",
    "dissimilarity",
    "energy",
    "entropy",
    "homogeneity 1",
    "homogeneity 2",
    "maximum probability",
    "sum of squares",
    "sum average",
    "sum variance",
    "sum entropy",
    "difference variance",
    "difference entropy",
    "information measure of correlation 1",
    "information measure of correlation 2",
    "inverse difference",
    "normalised inverse difference",
    "moment normalised inverse difference",
)

Floats = NDArray[np.floating[Any]]


def cooccurrence_features(p: Floats) -> Floats:
    """What COOCCURRENCE names of a symmetric matrix (levels, levels) of sum 1; a single level counts as correlated."""
    count = len(p)
    i, j = np.indices(p.shape) + 1.0
    difference = np.abs(i - j)
    marginal = p.sum(axis=0)
    mean = float((i * p).sum())
    variance = float(((i - mean) ** 2 * p).sum())
    from_mean = i + j - 2 * mean
    sums = np.bincount((i + j).astype(int).ravel(), p.ravel())
    differences = np.bincount(difference.astype(int).ravel(), p.ravel())
    autocorrelation, contrast, dissimilarity = ((by * p).sum() for by in (i * j, difference**2, difference))
    correlation = (autocorrelation - mean**2) / variance if variance > 0 else 1.0
    inverse_difference = (p / (1 + difference)).sum()
    entropy, marginal_entropy = entr(p).sum(), entr(marginal).sum()
    independent_entropy = 2 * marginal_entropy  # of q(i) q(j)
    return np.array(
        [
            autocorrelation,
            contrast,
            correlation,
            correlation,
            (from_mean**4 * p).sum(),
            (from_mean**3 * p).sum(),
            dissimilarity,
            (p**2).sum(),
            entropy,
            inverse_difference,
            (p / (1 + difference**2)).sum(),
            p.max(),
            variance,
            2 * mean,
            (from_mean**2 * p).sum(),
            entr(sums).sum(),
            contrast - dissimilarity**2,
            entr(differences).sum(),
            (entropy - independent_entropy) / marginal_entropy if marginal_entropy > 0 else 0.0,
            np.sqrt(max(0.0, 1 - np.exp(-2 * (independent_entropy - entropy)))),
            inverse_difference,
            (p / (1 + difference / count)).sum(),
            (p / (1 + difference**2 / count**2)).sum(),
        ]
    )
