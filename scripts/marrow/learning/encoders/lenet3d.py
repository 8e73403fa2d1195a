"""LeNet for volumes: the layers of `lenet` in three dimensions, with the kernel that a method names."""

from collections.abc import Mapping
from typing import Any

from marrow.learning.encoders.lenet import LeNet


def make(settings: Mapping[str, Any], shape: tuple[int, ...]) -> LeNet:
    """The LeNet for volumes of this shape."""
    return LeNet(shape, settings["kernel"], settings["dropout"])
