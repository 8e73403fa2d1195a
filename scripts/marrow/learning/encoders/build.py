"""The encoder that a method names."""

from collections.abc import Mapping
from typing import Any

from marrow.learning.encoders.encoder import Encoder
from marrow.planning.kinds import implementation


def encoder_of(settings: Mapping[str, Any], shape: tuple[int, ...]) -> Encoder:
    """The encoder of a method, its weights drawn from PyTorch's generator.

    Args:
        settings: encoder of a method, complete.
        shape: of an instance without margin.
    """
    return implementation("encoders", settings["kind"]).make(settings, shape)
