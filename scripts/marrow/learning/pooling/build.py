"""The pooling that a method names."""

from collections.abc import Mapping
from typing import Any

from marrow.learning.pooling.pooling import Pooling
from marrow.planning.kinds import implementation


def pooling_of(settings: Mapping[str, Any], width: int, classes: int) -> Pooling:
    """The pooling of a method, its weights drawn from PyTorch's generator.

    Args:
        settings: pooling of a method, complete.
        width: of the embeddings.
        classes: of the bags.
    """
    return implementation("poolings", settings["kind"]).make(settings, width, classes)
