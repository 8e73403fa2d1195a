"""The surface model: a small network with two hidden layers that classifies voxels near the atlas's bones as bone.

    logit = W3 relu(W2 relu(W1 x + b1) + b2) + b3

NumPy suffices for inference. The file is NumPy's `npz` without pickle: the weights, and what they were trained for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from marrow.bones.correction.distances import Floats
from marrow.bones.surface.features import feature_count
from marrow.bones.table import Bone
from marrow.errors import MarrowError

LAYERS = 3
_POSITIONS_PER_BLOCK = 1 << 13  # a few megabytes


@dataclass(frozen=True)
class SurfaceModel:
    """Weights `(outputs, inputs)` and biases `(outputs,)` of the three layers, and what they were trained for.

    That is the names of bones and contrasts, and the edge of the voxels.
    """

    layers: tuple[tuple[Floats, Floats], ...]
    bones: tuple[str, ...]
    contrasts: tuple[str, ...]
    spacing_mm: float

    def logits(self, features: Floats) -> Floats:
        """The logit of bone, `(voxels,)`, from `features: (voxels, features)`, in blocks that fit the CPU cache."""
        parts = np.array_split(features, max(1, len(features) // _POSITIONS_PER_BLOCK))
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
        with path.open("wb") as file:  # `savez` would add a suffix to a file name
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
    """The model in a file; None for the empty file that is written if there was no training data.

    Raises:
        MarrowError: it is not a surface model, or was trained for other bones, contrasts or voxels.
    """
    if not path.stat().st_size:
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays_read:
            layers = tuple((arrays_read[f"weight{number}"], arrays_read[f"bias{number}"]) for number in range(LAYERS))
            names, trained_contrasts = (tuple(str(name) for name in arrays_read[key]) for key in ("bones", "contrasts"))
            model = SurfaceModel(layers, names, trained_contrasts, float(arrays_read["spacing_mm"]))
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        raise MarrowError(f"{path.name} is no surface model ({error}); learn it again or take it out") from None
    expected = (tuple(bone.name for bone in bones), tuple(contrasts))
    if (model.bones, model.contrasts) != expected or abs(model.spacing_mm - spacing_mm) > 1e-3:
        raise MarrowError(
            f"{path.name} was learned for {len(model.bones)} bones, {', '.join(model.contrasts)} and voxels of "
            f"{model.spacing_mm:g} mm; here are {len(bones)} bones, {', '.join(contrasts)} and {spacing_mm:g} mm. "
            "Learn it again, or take the frozen one out"
        )
    if model.layers[0][0].shape[1] != feature_count(bones, len(contrasts)):
        raise MarrowError(f"{path.name} was learned from other features; learn it again")
    return model
