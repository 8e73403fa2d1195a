"""Rule draw_map: the instance scores of a run on the grid of a scan, and as pictures. See docs/localisation.md."""

import json
from pathlib import Path
from typing import Any

from marrow.device.device import best_device
from marrow.drawing.maps.figure import MapImages, draw_scan_map
from marrow.drawing.maps.top_instances import draw_top_patches
from marrow.explanation.localisation.per_bone import BONE_WEIGHTS
from marrow.explanation.localisation.scan_map import scan_map_of
from marrow.files import write_text
from marrow.imaging.grid import Grid, resample_nearest
from marrow.imaging.volume import read_on_grid, read_volume, write_volume
from marrow.runs.model_file import load_model
from marrow.tables.frames import write_table


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
        instances: the run's table of instances.
        predictions: the run's table of bags.
        other_seeds: predictions of the method's runs with other seeds; empty where they were stopped.
        manifest: of the bags.
        background: the volume to draw the map on.
        bones: the dilated bones, a label map on the same grid.
        lesions: the lesion mask on the same grid, or nothing.
        original: the image of the role grid as it was acquired.
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
    scan_map = scan_map_of(scan, manifest, instances, predictions, other_seeds, negatives, settings["quantity"])
    labels = read_volume(bones)
    image = scan_map.image(labels)
    write_volume(image, weights)
    write_volume(resample_nearest(image, Grid.in_file(original)), weights_original)
    write_table(scan_map.bone_weights(), BONE_WEIGHTS, bone_weights)
    images = MapImages(
        background=read_on_grid(background, labels, contrast),
        background_name=contrast,
        weights=image,
        bones=labels,
        lesions=read_on_grid(lesions[0], labels, "the lesions' mask") if _is_there(lesions) else None,
    )
    heading = f"{scan}  {title}"
    draw_scan_map(scan_map, images, heading, figure)
    trained, source = load_model(model)
    source.check(scan_map.manifest)
    device = best_device(threads)
    batch = source.feed(scan_map.manifest, [scan_map.entry], device, threads).batch([0])
    guided = trained.to(device) if settings["guided"] else None
    draw_top_patches(
        scan_map, batch.patches, batch.attributes, labels.GetDirection(), settings["top"], guided, heading, top
    )
    what = {"scan": scan, "method": source.method, "seed": source.seed, **scan_map.description(image, labels)}
    write_text(about, json.dumps(what, indent=1, ensure_ascii=False) + "\n")


def _is_there(paths: list[Path]) -> bool:
    return bool(paths) and paths[0].stat().st_size > 0


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
