"""Rule score_instances: the instance scores of a run, measured against the instances that are key."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from marrow.bags.manifest import Manifest, read_manifest
from marrow.errors import MarrowError
from marrow.explanation.localisation.bone_hits import BONE
from marrow.explanation.localisation.explained_bags import ExplainedBag, InstanceTable, explained_bags
from marrow.explanation.localisation.free_response import CURVES
from marrow.explanation.localisation.lesions import pointed_at
from marrow.explanation.localisation.score import BAG_SCORES, SCORES
from marrow.explanation.localisation.scoring import Scans, score_run
from marrow.imaging.volume import read_volume, voxels
from marrow.tables.frames import frame_of, write_table


def main(
    *,
    instances: Path,
    manifest: Path,
    lesions: list[Path],
    scores: Path,
    bag_scores: Path,
    curves: Path,
    lesion_scans: list[str],
    negatives: list[int],
    key_classes: dict[str, list[str]],
    least_lesion: float,
    tops: list[int],
) -> None:
    """Score a run.

    Args:
        instances: the run's table of instances; empty where it was stopped.
        manifest: of its bags.
        lesions: the lesion masks of test scans, on the grid of their patches.
        scores: a row for each quantity and metric, CSV.
        bag_scores: a row for each quantity, metric and bag, CSV.
        curves: the points of the free-response curves, CSV.
        lesion_scans: whose masks these are.
        negatives: the numbers of the classes in which nothing is key.
        key_classes: class of a bag -> the classes of its key instances, where none has the bag's name.
        least_lesion: share of a patch that has to be lesion to be key.
        tops: numbers of first instances among which a key one is looked for.
    """
    bags = read_manifest(manifest)
    table = InstanceTable(instances, bags)
    test, validation = (
        list(explained_bags(table, bags, [split], negatives, least_lesion, key_classes))
        for split in ("test", "validation")
    )
    masks = dict(zip(lesion_scans, lesions, strict=True))
    scored = score_run(test, validation, _scans(test, bags, masks, least_lesion), tops)
    for rows, columns, path in (
        (scored.scores, SCORES, scores),
        (scored.bags, BAG_SCORES, bag_scores),
        (scored.points, CURVES, curves),
    ):
        write_table(frame_of(map(asdict, rows), columns), columns, path)


def _scans(test: list[ExplainedBag], bags: Manifest, masks: dict[str, Path], least_lesion: float) -> Scans:
    """What is known of bags that are scans: nothing of others, which have neither bones nor masks."""
    names = next((task.classes for task in bags.layout.tasks if task.name == BONE), ())
    if not names:
        return Scans()
    edge = bags.layout.shape[-1] - 2 * bags.layout.margin
    return Scans(
        bones={bag.entry.bag: bag.columns[BONE] for bag in test},
        bone_names=names,
        pointed={
            bag.entry.bag: _pointed(bag, masks[bag.entry.bag], edge, least_lesion)
            for bag in test
            if bag.entry.bag in masks and masks[bag.entry.bag].stat().st_size
        },
        edge=edge,
    )


def _pointed(bag: ExplainedBag, path: Path, edge: int, least_lesion: float) -> npt.NDArray[np.bool_]:
    image = read_volume(path)
    mask = np.greater(voxels(image), 0)
    corners = np.stack([bag.columns[axis] for axis in ("i", "j", "k")], axis=1)
    if (corners.max(axis=0) + edge > mask.shape[::-1]).any():
        raise MarrowError(
            f"bag {bag.entry.bag}: patches of {edge} voxels begin at {corners.max(axis=0).tolist()}, beyond the lesion "
            f"mask of {mask.shape[::-1]} voxels; delete results/labels/{bag.entry.bag} and run the workflow again"
        )
    return pointed_at(mask, corners, edge, least_lesion)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
