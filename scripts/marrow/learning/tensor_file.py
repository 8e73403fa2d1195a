"""Tensors as the bytes of a safetensors file, the same for the same tensors.

The library writes what a file says of itself in an order of chance, so that a model trained again to the same weights
would look like another one.
"""

import json
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor

_ALIGNED = 8


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A file with these tensors and texts.

    Args:
        tensors: by name; they may lie on any device, in any order of memory.
        metadata: texts by name.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    written = save(plain, metadata=dict(metadata))
    start = _ALIGNED + int.from_bytes(written[:_ALIGNED], "little")
    header = json.dumps(json.loads(written[_ALIGNED:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNED)
    return len(header).to_bytes(_ALIGNED, "little") + header + written[start:]
