"""Rule invert_run: whether a trained model finds key instances better once bags are inverted (Shin et al. 2020)."""

import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.device.chunks import ChunkedEncoder
from marrow.device.deterministic import deterministic
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.drawing.inversion.picture import draw_picture
from marrow.errors import MarrowError, RunStopped
from marrow.explanation.inversion.comparison import SplitBags, compare
from marrow.explanation.inversion.network import Network
from marrow.explanation.inversion.predictions import Predictor
from marrow.explanation.inversion.space import space_of
from marrow.explanation.localisation.explained_bags import instance_columns, keys_of
from marrow.explanation.localisation.score import SCORES
from marrow.runs.columns import manifest_digest
from marrow.runs.model_file import load_model
from marrow.tables.frames import frame_of, write_table


def main(
    *,
    model: Path,
    summary: Path,
    training: Path,
    manifest: Path,
    scores: Path,
    figure: Path,
    title: str,
    settings: dict[str, Any],
    negatives: list[int],
    key_classes: dict[str, list[str]],
    least_lesion: float,
    threads: int,
) -> None:
    """Invert test bags that look positive, and score attention before and after.

    Args:
        model: the file of a trained model; empty where its training was stopped.
        summary: of its run, JSON; likewise.
        training: manifest of its training and validation bags.
        manifest: of all bags of the data set.
        scores: a row for each quantity and metric, CSV.
        figure: test bags before and after, PNG.
        title: of the method.
        settings: `plain`, `sparse`, `thresholds` and `most_bags` of the section `inversion`.
        negatives: the numbers of the classes in which nothing is key.
        key_classes: class of a bag -> the classes of its key instances, where none has the bag's name.
        least_lesion: share of a patch that has to be lesion to be key.
        threads: of the processor.
    """
    if not model.stat().st_size:
        raise RunStopped(
            "above", "the training of the model was stopped, so there is nothing to invert; its record says why"
        )
    trained, about = load_model(model)
    bags = read_manifest(manifest)
    about.check(bags)
    _check_manifest(summary, read_manifest(training))
    validation, tested = (_first(bags, split, settings["most_bags"]) for split in ("validation", "test"))
    if not tested:
        raise RunStopped("test_bags", f"{bags.dataset} has no test bags to score an inversion on; give it some")
    with own_gpu(), deterministic(about.settings["training"].get("deterministic", False)):
        device = best_device(threads)
        feed = about.feed(bags, [*validation, *tested], device, threads)
        encoder = ChunkedEncoder(trained.to(device).encoder)
        network = Network(trained, space_of(bags.layout, trained.scaling), encoder)
        guard = OutOfMemoryGuard(encoder)

        def split_bags(entries: list[Entry]) -> SplitBags:
            return SplitBags(
                Predictor(network, feed.part(entries), guard),
                [
                    keys_of(instance_columns(bags, entry), bags, entry, negatives, least_lesion, key_classes)
                    for entry in entries
                ],
            )

        test = split_bags(tested)
        results = compare(split_bags(validation) if validation else None, test, settings)
        heading = f"{bags.dataset} · {title} · seed {about.seed}"
        draw_picture(bags, tested, test, results, network.space.is_bounded, heading, figure)
    rows = (row for name, result in results.items() for row in result.scores(name, test.key))
    write_table(frame_of(map(asdict, rows), SCORES), SCORES, scores)


def _first(bags: Manifest, split: str, most: int | None) -> list[Entry]:
    return list(islice(bags.of_split(split), most))


def _check_manifest(summary: Path, training: Manifest) -> None:
    """Refuse bags with which the model was not trained.

    Raises:
        MarrowError: the manifest is another one.
    """
    told = json.loads(summary.read_text(encoding="utf-8"))
    if told["manifest"] != (digest := manifest_digest(training)):
        raise MarrowError(
            f"the model was trained on a manifest of {told['dataset']} with the digest {told['manifest'][:12]}, and "
            f"that of {training.dataset} has {digest[:12]}; train again on these bags, or take the manifest "
            "of the run"
        )


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
