"""From attention to marks (Shin et al. 2020, equation 4): an instance is marked where its attention is high enough.

    a'_n = (a_n - min a) / (max a - min a)      within a bag that looks positive

The paper leaves three things open. Instances of a bag that does not look positive are at 0, where no threshold reaches
them. Where all instances of a positive bag have the same attention, as a single one has, all are at 1: something in the
bag makes it positive, and no instance has less to do with it than another.
"""

from collections.abc import Iterable

import numpy as np

from marrow.explanation.inversion.predictions import Array, BagPrediction


def scaled_attentions(predictions: Iterable[BagPrediction]) -> list[Array]:
    """For each bag what its instances are marked by, (instances,) from 0 to 1."""
    return [
        scaled(prediction.attention) if prediction.is_positive else np.zeros_like(prediction.attention)
        for prediction in predictions
    ]


def scaled(attention: Array) -> Array:
    """Attention (instances,) of a bag that looks positive, from 0 to 1."""
    low, high = attention.min(), attention.max()
    return (attention - low) / (high - low) if high > low else np.ones_like(attention)
