"""The map of a scan: the instance scores of a run on the voxels of the scan, and the prediction that they explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from marrow.bags.bag import Array
from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.bags.patches.choice import Corners
from marrow.errors import RunStopped
from marrow.explanation.localisation.bone_hits import BONE
from marrow.explanation.localisation.explained_bags import InstanceTable, instance_columns
from marrow.explanation.localisation.per_bone import weights_of_bones
from marrow.explanation.localisation.prediction import Prediction, prediction_of
from marrow.explanation.localisation.quantities import (
    ATTENTION,
    CONTRIBUTION,
    PROBABILITY,
    InstanceOutputs,
    Quantity,
    instance_outputs,
    quantities_of,
)
from marrow.explanation.localisation.volume_map import COMBINED, EMPTY, mean_of_patches
from marrow.imaging.volume import voxels, with_voxels
from marrow.runs.run_table import read_run_table

AUTO = "auto"
PREFERRED = (CONTRIBUTION, PROBABILITY, ATTENTION)  # the first that there is, where the quantity is `auto`


@dataclass(frozen=True)
class ScanMap:
    """A scan with the instance scores that its map shows.

    Attributes:
        manifest: of the data set.
        entry: the row of the scan's bag in it.
        quantity: the instance scores, (patches,).
        prediction: of the scan, with its range over seeds.
        columns: the bag's columns: places, bones, labels of patches.
        negatives: the numbers of the classes in which nothing is key.
    """

    manifest: Manifest
    entry: Entry
    quantity: Quantity
    prediction: Prediction
    columns: Mapping[str, Array]
    negatives: Sequence[int]

    @cached_property
    def corners(self) -> Corners:
        """The first voxels of the patches, (patches, 3), x first."""
        return np.stack([self.columns[axis] for axis in ("i", "j", "k")], axis=1)

    @property
    def bone_names(self) -> tuple[str, ...]:
        """The bones that patches are labelled with."""
        return next(task.classes for task in self.manifest.layout.tasks if task.name == BONE)

    @property
    def caption(self) -> str:
        """The prediction and, where it is known, the label, in words."""
        label = f" · labelled {self.entry.label_name}" if self.entry.label_name else ""
        return f"predicted {self.prediction.words()}{label}"

    def image(self, bones: sitk.Image) -> sitk.Image:
        """The scores on the grid of a label map of bones, 0 outside of bone."""
        layout = self.manifest.layout
        edge = layout.shape[-1] - 2 * layout.margin
        is_bone = np.greater(voxels(bones), 0)
        return with_voxels(mean_of_patches(self.quantity.values, self.corners, edge, is_bone), bones)

    def bone_weights(self) -> pd.DataFrame:
        """The share of the scores in each bone."""
        return weights_of_bones(self.quantity.values, self.columns[BONE], self.bone_names)

    def description(self, image: sitk.Image, bones: sitk.Image) -> dict[str, Any]:
        """What the map shows, for its JSON file.

        Args:
            image: the map on the grid of the scan.
            bones: label map on the same grid.
        """
        covered = np.greater(voxels(image), 0)[np.greater(voxels(bones), 0)]
        prediction = self.prediction
        return {
            "quantity": self.quantity.name,
            "class": self._sought,
            "scaling": self.quantity.scaling,
            "combined": COMBINED,
            "empty": EMPTY,
            "on_original_grid": "nearest neighbour",
            "instances": len(self.corners),
            "covered_share_of_bone": round(float(np.mean(covered)), 4),
            "label": self.entry.label_name or None,
            "predicted": prediction.predicted,
            "probabilities": {
                name: {part: round(getattr(prediction, part)[name], 6) for part in ("own", "mean", "low", "high")}
                for name in self.manifest.classes
            },
            "seeds": prediction.seeds,
        }

    @property
    def _sought(self) -> str:
        """The class that the scores speak for."""
        if self.quantity.name == ATTENTION:
            return "none: attention is for the verdict as a whole"
        return self.quantity.label or InstanceOutputs(self.manifest.classes, self.negatives, None, None).sought


def scan_map_of(
    scan: str,
    manifest: Path,
    instances: Path,
    predictions: Path,
    other_seeds: Sequence[Path],
    negatives: Sequence[int],
    quantity: str,
) -> ScanMap:
    """The scores and the prediction of a scan.

    Args:
        scan: its id.
        manifest: of the data set; empty where all of its scans were stopped.
        instances: the run's table of instances.
        predictions: the run's table of bags.
        other_seeds: tables of bags of the method's runs with other seeds; empty where they were stopped.
        negatives: the numbers of the classes in which nothing is key.
        quantity: the name of the scores to show, or `auto`.

    Raises:
        RunStopped: the scan has no bag, the run was stopped, or it has no such scores.
    """
    bags = read_manifest(manifest) if manifest.stat().st_size else None
    entry = next((entry for entry in bags.entries if entry.bag == scan), None) if bags else None
    if bags is None or entry is None:
        raise RunStopped("above", f"{scan} has no bag, so there is nothing to draw; the scan was stopped")
    outputs = instance_outputs(InstanceTable(instances, bags).of(entry), bags.classes, negatives)
    others = [read_run_table(path, bags) for path in other_seeds if path.stat().st_size]
    return ScanMap(
        manifest=bags,
        entry=entry,
        quantity=_chosen(quantities_of(outputs), quantity),
        prediction=prediction_of(scan, read_run_table(predictions, bags), others, bags.classes),
        columns=instance_columns(bags, entry),
        negatives=negatives,
    )


def _chosen(quantities: Mapping[str, Quantity], name: str) -> Quantity:
    for candidate in PREFERRED if name == AUTO else (name,):
        if candidate in quantities:
            return quantities[candidate]
    raise RunStopped(
        "quantity_there",
        f"the map is to show {name}, and the run says {', '.join(quantities) or 'nothing'} of instances; set "
        "maps.quantity to one of these, or take the method out of maps.methods",
    )
