"""Modules that a solver fits all at once, instead of by gradients: their numbers are buffers.

Before it is fitted a module has empty buffers; how large they become depends on the training bags. So a saved model has
to bring the sizes along, and loading takes them over.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Fitted(nn.Module):
    """A module whose buffers take the shape and the type of what is loaded into them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_take_sizes)


def _take_sizes(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    for name, buffer in module.named_buffers(recurse=False):
        if prefix + name in state:
            saved = state[prefix + name]
            setattr(module, name, saved.new_empty(saved.shape, device=buffer.device))
