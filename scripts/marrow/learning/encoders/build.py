"""The encoder that a method names."""

from collections.abc import Mapping
from typing import Any

from marrow.errors import ConfigError
from marrow.learning.encoders.encoder import Encoder
from marrow.learning.encoders.lenet import LeNet
from marrow.learning.encoders.mlp import Mlp
from marrow.learning.encoders.resnet import ResNet

_READS = {
    "lenet": (3, "pictures, (channels, y, x)"),
    "lenet3d": (4, "volumes, (channels, z, y, x)"),
    "mlp": (1, "rows of a table, (features,)"),
    "resnet": (3, "pictures, (channels, y, x)"),
}


def encoder_of(settings: Mapping[str, Any], shape: tuple[int, ...]) -> Encoder:
    """The encoder of a method, its weights drawn from PyTorch's generator.

    Args:
        settings: `kind`, and what counts for that kind: `kernel`, `width`, `flatten`, `dropout`, `dropout_after`.
        shape: of an instance without margin.

    Raises:
        ConfigError: there is no such kind, or it does not read such instances.
    """
    kind: str = settings["kind"]
    if kind not in _READS:
        raise ConfigError(f"config: encoder.kind is {kind!r}; it must be one of {', '.join(_READS)}")
    axes, read = _READS[kind]
    if len(shape) != axes:
        raise ConfigError(
            f"config: encoder.kind is {kind}, which reads {read}, and an instance is {shape}; take another, or auto"
        )
    dropout: float = settings.get("dropout", 0.0)
    if kind == "mlp":
        return Mlp(shape[0], dropout, settings.get("dropout_after") == "each")
    if kind == "resnet":
        return ResNet(shape, settings["width"], settings.get("flatten", False))
    return LeNet(shape, settings.get("kernel"), dropout)
