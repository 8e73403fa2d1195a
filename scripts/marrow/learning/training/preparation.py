"""Builds the parts of a training (model, losses, weighting, feeds) from a method and a manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.bags.attributes import training_problems
from marrow.bags.manifest import Entry, Manifest
from marrow.device.chunks import ChunkedEncoder, compiled_size
from marrow.device.precision import memory_format_of, precision_of
from marrow.errors import MarrowError, RunStopped
from marrow.learning.build import attributes_of, build_model, looks_at_instances, tasks_of
from marrow.learning.feed.augmenter import Augmenter
from marrow.learning.feed.choice import feed_of
from marrow.learning.feed.feed import Feed
from marrow.learning.model import Model
from marrow.learning.pooling.main_loss import main_loss_of
from marrow.learning.scaling import Scaling, scaling_of
from marrow.learning.training.start import fit_parts, take_over
from marrow.learning.training.step import Stepper
from marrow.learning.weighting.build import weighting_of

LARGEST_PASS = 2048  # instances that the encoder takes at a time where a step has many bags


@dataclass(frozen=True)
class Preparation:
    """The parts of a training, before its first step.

    Attributes:
        stepper: with the model, whose weights are initialised from the seed.
        encoder: runs the model's encoder, if memory is scarce in chunks.
        bags: the training bags.
        validation: the validation bags; None if there are none.
        all: every bag of the manifest, without augmentation.
    """

    stepper: Stepper
    encoder: ChunkedEncoder
    bags: Feed
    validation: Feed | None
    all: Feed


def prepare(
    manifest: Manifest,
    settings: Mapping[str, Any],
    augmentation: Augmenter | None,
    seed: int,
    device: torch.device,
    threads: int,
    shared: Feed | None = None,
    experts: Sequence[Model] = (),
) -> Preparation:
    """Read the bags and make the model; initial weights, dropout, order of bags and augmentation follow the seed.

    `experts` are two trained models that it starts from, if its settings say so.
    `shared` is a feed of all bags of the manifest with the method's tasks, if another training has read it.

    Raises:
        RunStopped: there are no training bags.
        MarrowError: a bag is damaged, or the method does not fit the bags.
    """
    tasks = tasks_of(manifest.layout, settings["auxiliary"])
    trained_on, held_out = manifest.of_split("train"), manifest.of_split("validation")
    if not trained_on:
        raise RunStopped(
            "training_bags",
            f"{manifest.dataset} has no bags to train on: give it some (`make splits` shows who trains), or mend the "
            "training scans that were stopped",
        )
    attributes, looks = attributes_of(settings), looks_at_instances(settings)
    everything = shared or feed_of(
        manifest, manifest.entries, tasks, device, threads=threads, attributes=attributes, is_read=looks
    )
    bags = everything.part(trained_on, augmentation, seed)
    labels = [entry.label_name for entry in trained_on]
    if problems := list(training_problems(attributes, bags.attributes.tolist(), labels)):
        raise MarrowError(f"{manifest.dataset}: {problems[0]}")
    training = settings["training"]
    scaling = scaling_of(training["input"], manifest, bags) if looks else Scaling.nothing()
    torch.manual_seed(seed)
    scales = {task.name: _mean_and_std(bags, task.name) for task in tasks if not task.classes}
    if augmentation:
        augmentation.fit(batch.patches for _, batch in bags.batches([position] for position in range(len(bags))))
    model = build_model(settings, manifest.layout, len(manifest.classes), scaling, scales).to(device)
    if model.clinical is not None:
        model.clinical.scaling.fit(bags.attributes)
    take_over(model, experts, settings.get("start", ""))
    first = bags.batch([0])
    with torch.no_grad():
        instances = model.scaling(first.patches)
    precision = precision_of(training["precision"], model.encoder, instances)
    typical = int(np.median(bags.lengths)) * min(training["bags_per_step"], len(bags))
    encoder = ChunkedEncoder(
        model.encoder,
        precision,
        memory_format_of(instances, precision),
        compiled_size(typical) if training["compile"] else None,
    )
    if training["bags_per_step"] > 1 and encoder.chunk is None and typical > LARGEST_PASS:
        encoder.recompute(LARGEST_PASS)
    class_weights = (
        _class_weights(trained_on, len(manifest.classes)) if training["class_weights"] == "balanced" else None
    )
    if not experts:
        fit_parts(model, bags, class_weights, seed)
    stepper = Stepper(
        model,
        main_loss_of(settings["pooling"], None if class_weights is None else class_weights.to(device), bags.instances),
        weighting_of(settings["weighting"], tasks),
        last_layer=settings["weighting"].get("gramian") == "last-layer",
        encode=encoder,
    )
    return Preparation(stepper, encoder, bags, everything.part(held_out) if held_out else None, everything)


def _class_weights(entries: Sequence[Entry], classes: int) -> Tensor:
    """For each class k of K: n / (K n_k), or 0 for a class without training bags. The mean over the bags is 1."""
    counts = np.bincount([entry.label for entry in entries], minlength=classes)
    present = np.count_nonzero(counts)
    return torch.tensor([counts.sum() / (present * count) if count else 0.0 for count in counts], dtype=torch.float32)


def _mean_and_std(bags: Feed, task: str) -> tuple[float, float]:
    """Mean and standard deviation of a regression task's known values over the training instances."""
    scales = torch.cat([bags.batch([position]).auxiliary[task] for position in range(len(bags))]).double()
    known = scales[~torch.isnan(scales)]
    return (float(known.mean()), float(known.std(correction=0))) if len(known) else (0.0, 1.0)
