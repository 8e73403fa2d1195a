"""A trained network in a file: weights as safetensors, with all that is needed to use them safely.

The header says which classes the network knows, by name, at which voxel size and on which contrasts it was trained. A
file that does not fit is refused before it labels anything; nothing in it is ever executed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from marrow.errors import MarrowError
from marrow.segmentation.network import Architecture, ThreePathways

KIND = "marrow.bones/1"
SPACING_TOLERANCE = 0.02


@dataclass(frozen=True)
class Purpose:
    """What a network was trained for.

    Attributes:
        bones: the names of its classes from 1 up; 0 is the background.
        contrasts: what it reads, in order.
        spacing_mm: edge of the voxels it was trained on.
    """

    bones: tuple[str, ...]
    contrasts: tuple[str, ...]
    spacing_mm: float

    @classmethod
    def read(cls, text: str) -> "Purpose":
        """The purpose in a file's header, JSON."""
        told: dict[str, Any] = json.loads(text)
        return cls(tuple(told["bones"]), tuple(told["contrasts"]), float(told["spacing_mm"]))


def save_network(network: ThreePathways, purpose: Purpose, path: Path) -> None:
    """Write weights and purpose; the same network gives the same bytes."""
    header = {"kind": KIND, "purpose": json.dumps(asdict(purpose)), "network": json.dumps(asdict(network.architecture))}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    path.write_bytes(save(tensors, metadata=header))


def load_network(path: Path, purpose: Purpose) -> ThreePathways:
    """The network in a file, ready for inference.

    Raises:
        MarrowError: the file is damaged, is no bone network, or was trained for something else.
    """
    header, tensors = _read(path)
    _check(Purpose.read(header["purpose"]), purpose)
    network = ThreePathways(Architecture(**json.loads(header["network"])))
    try:
        network.load_state_dict(tensors)
    except RuntimeError:
        raise MarrowError("the bone network's file lacks weights that its header promises; copy it again") from None
    return network.eval()


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        raise MarrowError("the bone network's file is damaged or no safetensors file; copy or train it again") from None
    if header.get("kind") != KIND or not {"purpose", "network"} <= header.keys():
        raise MarrowError(
            f"the bone network's file holds {header.get('kind', 'no description')!r}, {KIND!r} was expected; "
            "give a model.safetensors that train_bones wrote"
        )
    return header, tensors


def _check(found: Purpose, wanted: Purpose) -> None:
    if found.bones != wanted.bones:
        raise MarrowError(
            f"the bone network knows {_difference(found.bones, wanted.bones)}; its classes must be those of the bone "
            "table, in the same order: give the table that it was trained with as bone_table, or train again"
        )
    if found.contrasts != wanted.contrasts:
        raise MarrowError(
            f"the bone network was trained on {', '.join(found.contrasts)}, but bones.contrasts is "
            f"{', '.join(wanted.contrasts)}; make them the same"
        )
    if abs(found.spacing_mm / wanted.spacing_mm - 1) > SPACING_TOLERANCE:
        raise MarrowError(
            f"the bone network was trained on voxels of {found.spacing_mm:g} mm, the scans have "
            f"{wanted.spacing_mm:g} mm; set resample.spacing_mm to {found.spacing_mm:g}, or train again"
        )


def _difference(found: Sequence[str], wanted: Sequence[str]) -> str:
    unknown = [name for name in found if name not in wanted]
    lacking = [name for name in wanted if name not in found]
    parts = [f"{len(found)} bones"]
    parts += [f"among them {', '.join(unknown)}, which the bone table lacks"] if unknown else []
    parts += [f"but not {', '.join(lacking)}"] if lacking else []
    return ", ".join(parts)
