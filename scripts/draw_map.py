"""Rule draw_map: where a run looks in a scan, on the scan's grid and as pictures. docs/localisation.md tells more."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.device.device import best_device
from marrow.drawing.maps.hanging import Drawing, draw
from marrow.drawing.maps.top_figure import draw_top
from marrow.drawing.maps.top_instances import GUIDED, SHOWN, Patches, top_instances
from marrow.errors import RunStopped
from marrow.explanation.localisation.bone_hits import BONE
from marrow.explanation.localisation.per_bone import BoneWeight, weights_of_bones
from marrow.explanation.localisation.prediction import prediction_of
from marrow.explanation.localisation.quantities import (
    ATTENTION,
    CONTRIBUTION,
    PROBABILITY,
    Quantity,
    Said,
    quantities_of,
    said_of,
)
from marrow.explanation.localisation.run_tables import InstanceTable, instance_columns, read_run_table
from marrow.explanation.localisation.score import write_rows
from marrow.explanation.localisation.volume_map import COMBINED, EMPTY, mean_of_patches
from marrow.files import write_text
from marrow.imaging.grid import Grid, resample_nearest
from marrow.imaging.volume import read_on_grid, read_volume, voxels, with_voxels, write_volume
from marrow.learning.feed.choice import feed_of
from marrow.runs.model_file import load_model


def main(
    *,
    model: Path,
    instances: Path,
    predictions: Path,
    other_seeds: list[Path],
    manifest: Path,
    background: Path,
    bones: Path,
    lesions: list[Path],
    original: Path,
    weights: Path,
    weights_original: Path,
    figure: Path,
    bone_weights: Path,
    top: Path,
    about: Path,
    scan: str,
    title: str,
    contrast: str,
    negatives: list[int],
    settings: dict[str, Any],
    threads: int,
) -> None:
    """Draw the map of a scan.

    Args:
        model: the file of the trained model; empty where its training was stopped.
        instances: what it says of instances.
        predictions: what it says of bags.
        other_seeds: predictions of the method's runs with other seeds; empty where they were stopped.
        manifest: of the bags.
        background: the volume to draw the map on.
        bones: the dilated bones, a label map on the same grid.
        lesions: the lesion mask on the same grid, or nothing.
        original: the water image as it was acquired, whose grid is taken.
        weights: the map on the scan's grid, NIfTI.
        weights_original: the map on the grid of `original`, NIfTI.
        figure: the map as a picture, PNG.
        bone_weights: the weight of each bone, CSV.
        top: the instances with the highest scores, PNG.
        about: what the map shows, JSON.
        scan: its id.
        title: what tables call the method.
        contrast: the name of the background.
        negatives: the numbers of the classes in which nothing is key.
        settings: the section `maps` of the config.
        threads: of the processor.
    """
    bags = read_manifest(manifest) if manifest.stat().st_size else None
    entry = next((entry for entry in bags.entries if entry.bag == scan), None) if bags else None
    if bags is None or entry is None:
        raise RunStopped("above", f"{scan} has no bag, so there is nothing to draw; the scan was stopped")
    quantity = _quantity(InstanceTable(instances, bags), entry, bags, negatives, settings["quantity"])
    others = [read_run_table(path, bags) for path in other_seeds if path.stat().st_size]
    prediction = prediction_of(scan, read_run_table(predictions, bags), others, bags.classes)
    columns = instance_columns(bags, entry)
    corners = np.stack([columns[axis] for axis in ("i", "j", "k")], axis=1)
    edge = bags.layout.shape[-1] - 2 * bags.layout.margin
    labels = read_volume(bones)
    is_bone = np.greater(voxels(labels), 0)
    image = with_voxels(mean_of_patches(quantity.values, corners, edge, is_bone), labels)
    write_volume(image, weights)
    write_volume(resample_nearest(image, Grid.in_file(original)), weights_original)
    names = next(task.classes for task in bags.layout.tasks if task.name == BONE)
    table = weights_of_bones(quantity.values, columns[BONE], names)
    write_rows(table, BoneWeight, bone_weights)
    heading = f"{scan}  {title}"
    seen_as = f"predicted {prediction.words()}"
    if entry.label_name:
        seen_as += f" · labelled {entry.label_name}"
    draw(
        Drawing(
            heading=heading,
            told=f"{seen_as} · {quantity.name} · {len(corners)} patches",
            background=read_on_grid(background, labels, contrast),
            background_name=contrast,
            weights=image,
            bones=labels,
            lesions=read_on_grid(lesions[0], labels, "the lesions' mask") if _is_there(lesions) else None,
            quantity=quantity,
            table=table,
        ),
        figure,
    )
    trained, told = load_model(model)
    told.check(bags)
    device = best_device(threads)
    inside = feed_of(bags, [entry], [], device, threads=threads).batch([0]).patches
    patches = Patches(inside, corners, columns, names, labels.GetDirection())
    asked = trained.to(device) if settings["guided"] else None
    number = bags.classes.index(prediction.predicted)
    shown = top_instances(patches, quantity.values, settings["top"], asked, number)
    below = "\n" + GUIDED.format(name=prediction.predicted) if asked else ""
    draw_top(f"{heading}: top patches", f"{seen_as} · {quantity.name} · {SHOWN}{below}", shown, patches.window, top)
    what = {
        "scan": scan,
        "method": told.method,
        "seed": told.seed,
        "quantity": quantity.name,
        "class": _class_told(quantity, bags, negatives),
        "scaling": quantity.scaling,
        "combined": COMBINED,
        "empty": EMPTY,
        "on_original_grid": "nearest neighbour",
        "instances": len(corners),
        "covered_share_of_bone": round(float(np.mean(np.greater(voxels(image), 0)[is_bone])), 4),
        "label": entry.label_name or None,
        "predicted": prediction.predicted,
        "probabilities": {
            name: {
                "own": round(prediction.own[name], 6),
                "mean": round(prediction.mean[name], 6),
                "low": round(prediction.low[name], 6),
                "high": round(prediction.high[name], 6),
            }
            for name in bags.classes
        },
        "seeds": prediction.seeds,
    }
    write_text(about, json.dumps(what, indent=1, ensure_ascii=False) + "\n")


def _quantity(table: InstanceTable, entry: Entry, bags: Manifest, negatives: list[int], wanted: str) -> Quantity:
    found = quantities_of(said_of(table.of(entry), bags.classes, negatives))
    names = (CONTRIBUTION, PROBABILITY, ATTENTION) if wanted == "auto" else (wanted,)
    for name in names:
        if name in found:
            return found[name]
    raise RunStopped(
        "quantity_there",
        f"the map is to show {wanted}, and the run says {', '.join(found) or 'nothing'} of instances; set "
        "maps.quantity to one of these, or take the method out of maps.methods",
    )


def _class_told(quantity: Quantity, bags: Manifest, negatives: list[int]) -> str:
    if quantity.name == ATTENTION:
        return "none: attention is for the verdict as a whole"
    return quantity.label or Said(bags.classes, negatives, None, None).sought


def _is_there(paths: list[Path]) -> bool:
    return bool(paths) and paths[0].stat().st_size > 0


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
