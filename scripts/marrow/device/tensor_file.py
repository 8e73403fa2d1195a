"""Tensors and texts in safetensors files: one way to write them and one to read them.

The same tensors give the same bytes. The library writes a file's header in random order, so that a model trained again
to the same weights would look like another one. Nothing in such a file is ever executed.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from marrow.errors import MarrowError

_ALIGNED = 8


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A file with these tensors, on any device and in any order of memory, and these texts, both by name."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    written = save(plain, metadata=dict(metadata))
    start = _ALIGNED + int.from_bytes(written[:_ALIGNED], "little")
    header = json.dumps(json.loads(written[_ALIGNED:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNED)
    return len(header).to_bytes(_ALIGNED, "little") + header + written[start:]


def read_tensors(path: Path, name: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, on the processor, and its texts, both by name.

    Messages call it by `name`, or by its file name where there is no better one.

    Raises:
        MarrowError: the file is missing or damaged.
    """
    name = name or path.name
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except FileNotFoundError:
        raise MarrowError(f"{name} is missing; train the model first") from None
    except (SafetensorError, OSError):
        raise MarrowError(f"{name} is damaged or no safetensors file; copy it again, or train it again") from None
