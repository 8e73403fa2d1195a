"""Model files of trained networks: weights as safetensors, with a header that says what they are for.

The header has the names of the network's classes, the contrasts and the voxel size that it was trained on
(`model_header`). A file that does not fit is refused before it is used. No code in it is ever executed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from marrow.bones.segmentation.model_header import KIND, Purpose, check_purpose, read_header
from marrow.bones.segmentation.network import Architecture, ThreePathways
from marrow.device.tensor_file import read_tensors, tensor_bytes
from marrow.errors import MarrowError


def save_network(network: ThreePathways, purpose: Purpose, path: Path) -> None:
    """Write weights and header; the same network gives the same bytes."""
    header = {"kind": KIND, "purpose": json.dumps(asdict(purpose)), "network": json.dumps(asdict(network.architecture))}
    path.write_bytes(tensor_bytes(network.state_dict(), header))


def load_network(path: Path, purpose: Purpose) -> ThreePathways:
    """The network in a file, ready for inference.

    Raises:
        MarrowError: the file is damaged, is no bone network, or was trained for something else.
    """
    header = read_header(path)
    check_purpose(header.purpose, purpose.bones, purpose.contrasts, purpose.spacing_mm)
    network = ThreePathways(Architecture(**header.architecture))
    weights = _tensors(path)
    if _shapes(weights) != _shapes(network.state_dict()):
        raise MarrowError("the bone network's file has other weights than its header tells of; copy or train it again")
    network.load_state_dict(weights)
    return network.eval()


def _tensors(path: Path) -> dict[str, Tensor]:
    tensors, _ = read_tensors(path, "the bone network's file")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise MarrowError("the bone network's file is damaged: weights in it are no numbers; copy or train it again")
    return tensors


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
