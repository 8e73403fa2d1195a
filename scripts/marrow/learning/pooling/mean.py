"""Mean (Ilse et al., ICML 2018, eq. 6).

    embedding level:   z = (1/N) sum_n h_n
    instance level:    P(c) = (1/N) sum_n p_n(c)

At instance level the mean is of probabilities, not of logits, and taken in log space: log sum_n exp(log p_n). So a bag
of instances that are all far off has a gradient all the same.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.pooling.levels import pooling_at
from marrow.learning.pooling.outputs import log_probabilities, logits_of
from marrow.learning.pooling.pooling import Pooling
from marrow.learning.pooling.segments import Segments, segment_logsumexp, segment_mean


def embedding_mean(embeddings: Tensor, segments: Segments) -> Tensor:
    """Embeddings (instances, width) -> (bags, width)."""
    return segment_mean(embeddings, segments)


def probability_mean(logits: Tensor, segments: Segments) -> Tensor:
    """Logits of instances (instances, outputs) -> of bags (bags, outputs)."""
    pooled = segment_logsumexp(log_probabilities(logits), segments)  # times N, which is common to all classes
    return logits_of(pooled, logits.shape[1])


def make(settings: Mapping[str, Any], width: int, classes: int) -> Pooling:
    """The pooling of a method."""
    return pooling_at(settings["level"], width, classes, embedding_mean, probability_mean)
