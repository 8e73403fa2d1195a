"""Maximum (Ilse et al., ICML 2018, eq. 5).

    embedding level:   z_m = max_n h_nm
    instance level:    P(c) = max_n p_n(c), divided by their sum over c

At instance level with two classes and one output, P = max_n p_n is that of the second class; the first has the rest.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.pooling.levels import pooling_at
from marrow.learning.pooling.outputs import log_probabilities
from marrow.learning.pooling.pooling import Pooling
from marrow.learning.pooling.segments import Segments, segment_max


def embedding_maximum(embeddings: Tensor, segments: Segments) -> Tensor:
    """Embeddings (instances, width) -> (bags, width)."""
    return segment_max(embeddings, segments)


def probability_maximum(logits: Tensor, segments: Segments) -> Tensor:
    """Logits of instances (instances, outputs) -> of bags (bags, outputs)."""
    # The logit rises with the probability: its maximum is the maximum's logit.
    return segment_max(logits if logits.shape[1] == 1 else log_probabilities(logits), segments)


def make(settings: Mapping[str, Any], width: int, classes: int) -> Pooling:
    """The pooling of a method."""
    return pooling_at(settings["level"], width, classes, embedding_maximum, probability_maximum)
