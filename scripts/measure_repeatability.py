"""Rule measure_repeatability: whether a model says the same of parts of a bag, and of several bags of a patient."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.device.chunks import ChunkedEncoder
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.errors import RunStopped
from marrow.explanation.localisation.perturbation import probabilities_of
from marrow.explanation.repeatability import REPEATABILITY, Numbers, Parts, row_of_parts, rows_of_patients
from marrow.learning.build import looks_at_instances
from marrow.learning.feed.feed import Feed
from marrow.learning.model import Model
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.runs.columns import probability_of
from marrow.runs.model_file import About, load_model
from marrow.runs.run_table import read_run_table
from marrow.tables.frames import frame_of, write_table


def main(
    *,
    model: Path,
    predictions: Path,
    manifest: Path,
    repeatability: Path,
    parts: int,
    share: float,
    most_bags: int,
    seed: int,
    threads: int,
) -> None:
    """Judge random parts of test bags, and compare the verdicts with one another.

    Args:
        model: the file of a trained model; empty where its training was stopped.
        predictions: the run's table of bags.
        manifest: of the bags.
        repeatability: a row for each bag whose parts are judged, and for each patient with several bags, CSV.
        parts: how many of each bag.
        share: of a bag's instances that are in each part.
        most_bags: of how many test bags parts are judged, the first by id.
        seed: of the parts.
        threads: of the processor.
    """
    if not model.stat().st_size:
        raise RunStopped("above", "the training of the model was stopped; its record says why")
    bags = read_manifest(manifest)
    given = _given(predictions, bags)
    tested = [entry for entry in bags.of_split("test") if entry.label >= 0]
    drawn = Parts(parts, share, seed)
    trained, about = load_model(model)
    about.check(bags)
    chosen = tested[:most_bags]
    if looks_at_instances(about.settings):
        judged = _judged(trained, about, bags, chosen, drawn, threads)
    else:  # parts of a bag have the same attributes
        judged = {entry.bag: np.tile(given[entry.bag], (parts, 1)) for entry in chosen}
    rows = [row_of_parts(entry, bags.classes, given[entry.bag], judged[entry.bag]) for entry in chosen]
    rows += rows_of_patients(tested, bags.classes, given)
    write_table(frame_of(rows, REPEATABILITY), REPEATABILITY, repeatability)


def _given(predictions: Path, bags: Manifest) -> dict[str, Numbers]:
    """Bag -> the probabilities that it is given."""
    columns = [probability_of(name) for name in bags.classes]
    table = read_run_table(predictions, bags, ["bag", *columns])
    values = np.stack([table[column].to_numpy() for column in columns], axis=1).astype(np.float64)
    return dict(zip(table["bag"].to_pylist(), values, strict=True))


def _judged(
    model: Model, about: About, bags: Manifest, chosen: Sequence[Entry], drawn: Parts, threads: int
) -> dict[str, Numbers]:
    """Bag -> the probabilities that its parts are given."""
    if not chosen:
        return {}
    with own_gpu():
        device = best_device(threads)
        encoder = ChunkedEncoder(model.to(device).encoder)
        feed = about.feed(bags, chosen, device, threads)
        return OutOfMemoryGuard(encoder).attempt(lambda: dict(_bag_by_bag(model, encoder, feed, drawn)))


@torch.inference_mode()
def _bag_by_bag(model: Model, encoder: ChunkedEncoder, feed: Feed, drawn: Parts) -> Iterator[tuple[str, Numbers]]:
    """Each instance is embedded once."""
    for positions, batch in feed.batches([position] for position in range(len(feed))):
        bag = feed.entries[positions[0]].bag
        embeddings = model.embed(batch.patches, encoder)

        def judge(chosen: Tensor, segments: Segments, attributes: Tensor = batch.attributes) -> Pooled:
            return model.judge(chosen, segments, attributes.expand(segments.bags, -1))

        yield bag, probabilities_of(judge, embeddings, drawn.of(bag, len(embeddings)))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
