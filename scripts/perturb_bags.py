"""Rule perturb_bags: predictions of bags after the instances with the highest scores of a run are dropped."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.device.chunks import ChunkedEncoder
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.errors import RunStopped
from marrow.explanation.localisation.explained_bags import InstanceTable
from marrow.explanation.localisation.perturbation import (
    PERTURBATION,
    Drops,
    Fall,
    empty_perturbation,
    fall_of,
    perturbation_table,
)
from marrow.explanation.localisation.quantities import Scores, instance_outputs, quantities_of
from marrow.learning.feed.feed import Feed
from marrow.learning.model import Model
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.runs.model_file import load_model
from marrow.runs.run_table import read_run_table
from marrow.tables.frames import write_table


def main(
    *,
    model: Path,
    instances: Path,
    predictions: Path,
    manifest: Path,
    perturbation: Path,
    negatives: list[int],
    shares: list[float],
    orders: int,
    most_bags: int,
    threads: int,
) -> None:
    """Drop instances, and predict again.

    Args:
        model: the file of a trained model; empty where its training was stopped.
        instances: the run's table of instances.
        predictions: the run's table of bags.
        manifest: of the bags.
        perturbation: a row for each quantity and share dropped, CSV.
        negatives: the numbers of the classes that need nothing to be there; bags given one of them are left out.
        shares: of a bag's instances that are dropped.
        orders: random orders for each bag.
        most_bags: how many test bags are looked at, the first by id.
        threads: of the processor.
    """
    bags = read_manifest(manifest)
    table = InstanceTable(instances, bags)
    if not model.stat().st_size:
        raise RunStopped("above", "the training of the model was stopped; its record says why")
    given = read_run_table(predictions, bags)
    predicted = dict(zip(given["bag"].to_pylist(), given["predicted"].to_pylist(), strict=True))
    test = bags.of_split("test")
    chosen = [entry for entry in test if predicted[entry.bag] not in negatives][:most_bags]
    if not chosen:
        reason = "every test bag is given a negative class" if test else "there are no test bags"
        write_table(empty_perturbation(reason), PERTURBATION, perturbation)
        return
    scores = {entry.bag: _scores(table, entry, bags, negatives, predicted[entry.bag]) for entry in chosen}
    drops = Drops(shares, orders, seed=0)
    with own_gpu():
        trained, about = load_model(model)
        about.check(bags)
        device = best_device(threads)
        trained.to(device)
        feed = about.feed(bags, chosen, device, threads)
        encoder = ChunkedEncoder(trained.encoder)
        guard = OutOfMemoryGuard(encoder)
        falls = guard.attempt(lambda: list(_falls(trained, encoder, feed, scores, predicted, drops)))
    write_table(perturbation_table(falls, drops), PERTURBATION, perturbation)


def _scores(
    table: InstanceTable, entry: Entry, bags: Manifest, negatives: list[int], predicted: int
) -> dict[str, Scores]:
    """Of a quantity that looks for one class, only where the bag is given that class."""
    outputs = instance_outputs(table.of(entry), bags.classes, negatives)
    return {
        name: quantity.values
        for name, quantity in quantities_of(outputs).items()
        if quantity.label in (None, bags.classes[predicted])
    }


def _falls(
    model: Model,
    encoder: ChunkedEncoder,
    feed: Feed,
    scores: dict[str, dict[str, Scores]],
    predicted: dict[str, int],
    drops: Drops,
) -> Iterator[Fall]:
    for positions, batch in feed.batches([position] for position in range(len(feed))):
        bag = feed.entries[positions[0]].bag
        with torch.inference_mode():
            embeddings = model.embed(batch.patches, encoder)

        def judge(parts: Tensor, segments: Segments, attributes: Tensor = batch.attributes) -> Pooled:
            return model.judge(parts, segments, attributes.expand(segments.bags, -1))

        yield fall_of(judge, embeddings, scores[bag], bag, predicted[bag], drops)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
