"""Log-mean-exp, a smooth way from the mean (r -> 0) to the maximum (r -> infinity) (Ramon & De Raedt, 2000).

    embedding level:   z_m = (1/r) log (1/N) sum_n exp(r h_nm)
    instance level:    P(c) = (1/r) log (1/N) sum_n exp(r p_n(c)), divided by their sum over c

At instance level with two classes and one output, P is that of the second class, and the first has the rest, which is
the same formula once more: with q = 1 - p,

    1 - (1/r) log (1/N) sum_n exp(r p_n) = -(1/r) log (1/N) sum_n exp(-r q_n)

The logarithm of P is needed where p is far too small for a number. With the largest p = exp(m), a_n = p_n / exp(m) and
s = r exp(m), it is

    log P = m + log( (1/s) log (1/N) sum_n exp(s a_n) )

All of it is worked out in float64: what a small r or s adds to 1 is soon lost in float32.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from marrow.learning.pooling.levels import pooling_at
from marrow.learning.pooling.outputs import log_probabilities
from marrow.learning.pooling.pooling import Pooling
from marrow.learning.pooling.segments import Segments, at_least_float32, segment_max, segment_mean, spread

_SMALLEST = 1e-12  # of s; there log-mean-exp is the mean, up to a share of this size


def embedding_log_mean_exp(embeddings: Tensor, segments: Segments, r: float) -> Tensor:
    """Embeddings (instances, width) -> (bags, width)."""
    embeddings = at_least_float32(embeddings)
    return (_log_mean(r * embeddings.double(), segments) / r).to(embeddings.dtype)


def probability_log_mean_exp(logits: Tensor, segments: Segments, r: float) -> Tensor:
    """Logits of instances (instances, outputs) -> of bags (bags, outputs)."""
    log_p = log_probabilities(logits)
    if logits.shape[1] > 1:
        pooled = _log_pooled(log_p.double(), segments, r)
    else:
        first, second = log_p.double().split(1, 1)
        pooled = _log_pooled(second, segments, r) - _log_pooled(first, segments, -r)
    return pooled.to(log_p.dtype)


def _log_pooled(log_p: Tensor, segments: Segments, r: float) -> Tensor:
    """Logarithm of the log-mean-exp of probabilities given by their logarithms, (instances, n) -> (bags, n)."""
    largest = segment_max(log_p.detach(), segments)  # no gradient: the result does not depend on it
    share = torch.exp(log_p - spread(largest, segments))
    s = math.copysign(1, r) * (abs(r) * largest.exp()).clamp(min=_SMALLEST)
    return largest + torch.log(_log_mean(spread(s, segments) * share, segments) / s)


def _log_mean(exponents: Tensor, segments: Segments) -> Tensor:
    """Give log (1/N) sum_n exp(x_n), exact to its last digits near 0 too: (instances, n) -> (bags, n)."""
    largest = segment_max(exponents.detach(), segments)
    return largest + torch.log1p(segment_mean(torch.expm1(exponents - spread(largest, segments)), segments))


def make(settings: Mapping[str, Any], width: int, classes: int) -> Pooling:
    """The pooling of a method."""
    r = float(settings["r"])
    embedding, probability = (partial(each, r=r) for each in (embedding_log_mean_exp, probability_log_mean_exp))
    return pooling_at(settings["level"], width, classes, embedding, probability)
