"""Calibration: how often what a model says with a probability comes true.

Bins of equal width. Of two classes, the probability is that of the second class, and it comes true where that is the
label; of more, it is that of the predicted class, and comes true where the prediction is right. The calibration error
is the mean over bags of |share that came true - mean probability| of their bins.
"""

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve

from marrow.evaluation.predictions import Labels, Numbers, Predictions


def bins_of(confidence: Numbers, bins: int) -> Labels:
    """Which bin each probability (bags,) lies in, as scikit-learn cuts them: an edge belongs to the bin below it."""
    edges = np.linspace(0, 1, bins + 1)
    return np.searchsorted(edges[1:-1], confidence).astype(np.int64)


def reliability(predictions: Predictions, bins: int) -> pd.DataFrame:
    """The reliability curve, a row a bin.

    Returns:
        `bin`, its ends `low` and `high`, the `count` of the bags in it, their `mean_probability`, and `observed`, the
        share that came true; these two are NaN in an empty bin.
    """
    edges = np.linspace(0, 1, bins + 1)
    counts = np.bincount(bins_of(predictions.confidence, bins), minlength=bins)
    curve = pd.DataFrame({"bin": range(1, bins + 1), "low": edges[:-1], "high": edges[1:], "count": counts})
    curve[["observed", "mean_probability"]] = np.nan
    if len(predictions):
        points = calibration_curve(predictions.confirmed, predictions.confidence, pos_label=True, n_bins=bins)
        curve.loc[counts > 0, ["observed", "mean_probability"]] = np.transpose(points)
    return curve


def calibration_error(predictions: Predictions, bins: int) -> float:
    """The mean over bags of their bin's distance from the diagonal."""
    curve = reliability(predictions, bins)
    return float((curve["count"] * (curve["observed"] - curve["mean_probability"]).abs()).sum() / len(predictions))
