"""The precision of an encoder's inner values: float32, or bfloat16 where the device gains by it.

Weights, gradients, poolings, losses and Gramians are float32 in any case. bfloat16 keeps 8 bits of a number, so the
embeddings of one bag are compared before training: where they differ by more than a few of these bits' roundings, the
network is one that bfloat16 does not suit.
"""

import logging
import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from marrow.errors import MarrowError

LIMIT = 0.05  # fresh encoders of each kind are off by 0.003 to 0.016
COMPARED = 256  # instances
AMPERE = (8, 0)  # the first GPUs that compute in bfloat16

_log = logging.getLogger(__name__)


def autocast(precision: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Compute in a precision while the block runs."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision is torch.bfloat16)


def precision_of(wanted: str, encoder: nn.Module, instances: Tensor) -> torch.dtype:
    """The precision for an encoder: what is wanted, if the device has it and the embeddings agree with float32.

    Args:
        wanted: `float32`, `bfloat16`, or `auto`: bfloat16 on GPUs that compute in it, and float32 elsewhere.
        encoder: on its device; its mode is as before afterwards.
        instances: (instances, *shape) of one bag, scaled, on the same device.

    Raises:
        MarrowError: bfloat16 is wanted, and the device does not have it or the embeddings do not agree.
    """
    able = computes_in_bfloat16(instances.device)
    if wanted == "float32" or (wanted == "auto" and (instances.device.type == "cpu" or not able)):
        return torch.float32
    if not able:
        raise MarrowError(
            f"training.precision is bfloat16, which {_name(instances.device)} does not compute in; set auto or float32"
        )
    error = disagreement(encoder, instances[:COMPARED])
    told = f"in bfloat16 the embeddings of a bag are off by {error:.2%} of float32's, and {LIMIT:.0%} are accepted"
    if error <= LIMIT:
        _log.info("the encoder computes in bfloat16: %s", told)
        return torch.bfloat16
    if wanted == "bfloat16":
        raise MarrowError(f"training.precision is bfloat16, but {told}; set auto or float32")
    _log.warning("the encoder computes in float32: %s", told)
    return torch.float32


@torch.no_grad()
def disagreement(encoder: nn.Module, instances: Tensor) -> float:
    """||f_bfloat16(x) - f_float32(x)|| / ||f_float32(x)|| over all instances; infinite where one is no number."""
    training = encoder.training
    encoder.eval()
    try:
        exact = encoder(instances).double()
        with autocast(torch.bfloat16, instances.device):
            rounded = encoder(instances).double()
    finally:
        encoder.train(training)
    error = float((rounded - exact).norm() / exact.norm().clamp(min=torch.finfo(torch.float64).tiny))
    return error if math.isfinite(error) else math.inf


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether a device does, and not by imitation. All processors do, most of them slowly."""
    if device.type != "cuda":
        return device.type == "cpu"
    return torch.cuda.get_device_capability(device) >= AMPERE


def memory_format_of(instances: Tensor, precision: torch.dtype) -> torch.memory_format:
    """How instances (n, channels, ...) and weights lie in memory: channels last where GPUs convolve in bfloat16."""
    if instances.device.type != "cuda" or precision is not torch.bfloat16:
        return torch.contiguous_format
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return formats.get(instances.ndim, torch.contiguous_format)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"the device {device}"
