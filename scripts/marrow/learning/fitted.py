"""Modules that a solver fits all at once, instead of by gradients: their numbers are buffers.

Before it is fitted a module has empty buffers; how large they become depends on the training bags. So a saved model has
to bring the sizes along, and loading takes them over.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Fitted(nn.Module):
    """A module whose buffers take the shape and the type of what is loaded into them."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name, buffer in self.named_buffers(recurse=False):
            saved: Tensor | None = state_dict.get(prefix + name)
            if saved is not None:
                setattr(self, name, saved.new_empty(saved.shape, device=buffer.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
