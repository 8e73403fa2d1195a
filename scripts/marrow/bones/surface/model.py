"""A small network of two hidden layers that tells bone from the rest near the atlas's bones; NumPy is enough to use it.

    logit = W3 relu(W2 relu(W1 x + b1) + b2) + b3

Its file is NumPy's `npz` without pickle: the weights, and what they were learned for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from marrow.bones.correction.nearest import Floats
from marrow.bones.surface.features import feature_count
from marrow.bones.table import Bone
from marrow.errors import MarrowError

LAYERS = 3
_AT_ONCE = 1 << 13  # so many places are a few megabytes


@dataclass(frozen=True)
class SurfaceModel:
    """Weights `(outputs, inputs)` and biases `(outputs,)` of the three layers, and what they are for.

    Attributes:
        layers: weights and biases, layer after layer.
        bones: names of the bones.
        contrasts: what it looks at.
        spacing_mm: edge of the voxels.
    """

    layers: tuple[tuple[Floats, Floats], ...]
    bones: tuple[str, ...]
    contrasts: tuple[str, ...]
    spacing_mm: float

    def logits(self, features: Floats) -> Floats:
        """The logit of bone, `(places,)`, from `features: (places, features)`, in parts that fit into a cache."""
        parts = np.array_split(features, max(1, len(features) // _AT_ONCE))
        return np.concatenate([self._logits(part) for part in parts])

    def _logits(self, values: Floats) -> Floats:
        for number, (weight, bias) in enumerate(self.layers, start=1):
            values = values @ weight.T + bias
            if number < LAYERS:
                values = np.maximum(values, 0)
        return values[:, 0]

    def write(self, path: Path) -> None:
        """Write the file."""
        arrays = {f"weight{number}": weight for number, (weight, _) in enumerate(self.layers)}
        arrays |= {f"bias{number}": bias for number, (_, bias) in enumerate(self.layers)}
        with path.open("wb") as file:  # a name would be given another suffix
            np.savez(
                file,
                allow_pickle=False,
                bones=np.array(self.bones),
                contrasts=np.array(self.contrasts),
                spacing_mm=np.array(self.spacing_mm),
                **arrays,
            )


def read_surface_model(
    path: Path, bones: Sequence[Bone], contrasts: Sequence[str], spacing_mm: float
) -> SurfaceModel | None:
    """The model in a file; None for the empty file of one that had nothing to learn from.

    Raises:
        MarrowError: it is not such a file, or was learned for other bones, contrasts or voxels.
    """
    if not path.stat().st_size:
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            layers = tuple((kept[f"weight{number}"], kept[f"bias{number}"]) for number in range(LAYERS))
            names, seen = (tuple(str(name) for name in kept[key]) for key in ("bones", "contrasts"))
            model = SurfaceModel(layers, names, seen, float(kept["spacing_mm"]))
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        raise MarrowError(f"{path.name} is no surface model ({error}); learn it again or take it out") from None
    wanted = (tuple(bone.name for bone in bones), tuple(contrasts))
    if (model.bones, model.contrasts) != wanted or abs(model.spacing_mm - spacing_mm) > 1e-3:
        raise MarrowError(
            f"{path.name} was learned for {len(model.bones)} bones, {', '.join(model.contrasts)} and voxels of "
            f"{model.spacing_mm:g} mm; here are {len(bones)} bones, {', '.join(contrasts)} and {spacing_mm:g} mm. "
            "Learn it again, or take the frozen one out"
        )
    if model.layers[0][0].shape[1] != feature_count(bones, len(contrasts)):
        raise MarrowError(f"{path.name} was learned from other features; learn it again")
    return model
