"""The pooling that a method names."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from marrow.errors import ConfigError
from marrow.learning.pooling.attention import Attention
from marrow.learning.pooling.gated_attention import GatedAttention
from marrow.learning.pooling.levels import EmbeddingPooling, InstancePooling, PoolingFunction
from marrow.learning.pooling.log_mean_exp import embedding_log_mean_exp, probability_log_mean_exp
from marrow.learning.pooling.loss_attention import LossAttention
from marrow.learning.pooling.maximum import embedding_maximum, probability_maximum
from marrow.learning.pooling.mean import embedding_mean, probability_mean
from marrow.learning.pooling.outputs import outputs_of
from marrow.learning.pooling.pooling import Pooling

LEVELS = ("embedding", "instance")

_FIXED: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "max": (embedding_maximum, probability_maximum),
    "mean": (embedding_mean, probability_mean),
    "log-mean-exp": (embedding_log_mean_exp, probability_log_mean_exp),
}
_ATTENTION = {"attention": Attention, "gated-attention": GatedAttention}

KINDS = (*_FIXED, *_ATTENTION, "loss-attention")


def pooling_of(settings: Mapping[str, Any], width: int, classes: int) -> Pooling:
    """The pooling of a method.

    Args:
        settings: its pooling.
        width: of the embeddings.
        classes: of the bags.
    """
    kind = settings["kind"]
    _check(settings)
    if kind in _FIXED:
        of_level = EmbeddingPooling if settings["level"] == "embedding" else InstancePooling
        return of_level(width, outputs_of(classes), _function(settings))
    if kind == "loss-attention":
        return LossAttention(width, classes)
    return _ATTENTION[kind](width, outputs_of(classes), settings["attention_width"])


def _function(settings: Mapping[str, Any]) -> PoolingFunction:
    function = _FIXED[settings["kind"]][LEVELS.index(settings["level"])]
    return partial(function, r=float(settings["r"])) if settings["kind"] == "log-mean-exp" else function


def _check(settings: Mapping[str, Any]) -> None:
    kind, level = settings["kind"], settings.get("level", "embedding")
    if kind not in KINDS:
        raise ConfigError(f"config: pooling.kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    if level not in LEVELS:
        raise ConfigError(f"config: pooling.level is {level!r}; it must be one of {', '.join(LEVELS)}")
    if level != "embedding" and kind not in _FIXED:
        raise ConfigError(f"config: pooling.level is {level!r}, but {kind} pools embeddings; leave the level out")
    if kind == "log-mean-exp" and not 0 < settings["r"] < math.inf:
        raise ConfigError(f"config: pooling.r is {settings['r']}; it must be larger than 0")
    if kind in _ATTENTION and settings["attention_width"] < 1:
        raise ConfigError(f"config: pooling.attention_width is {settings['attention_width']}; it must be 1 or larger")
