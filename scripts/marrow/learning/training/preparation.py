"""Everything that a training is made of, put together from a method and a manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.bags.manifest import Entry, Manifest
from marrow.device.chunks import ChunkedEncoder, compiled_size
from marrow.device.precision import memory_format_of, precision_of
from marrow.errors import MarrowError
from marrow.learning.augment.settings import Augmentation
from marrow.learning.build import build_model, tasks_of
from marrow.learning.feed.choice import feed_of
from marrow.learning.feed.feed import Feed
from marrow.learning.pooling.main_loss import main_loss_of
from marrow.learning.scaling import scaling_of
from marrow.learning.training.step import Stepper
from marrow.learning.weighting.build import weighting_of


@dataclass(frozen=True)
class Preparation:
    """A training before its first step.

    Attributes:
        stepper: with the model, its weights fresh from the seed.
        encoder: runs the model's encoder.
        bags: to learn from.
        validation: to choose an epoch by; None where there are none.
        all: every bag of the manifest as it is.
    """

    stepper: Stepper
    encoder: ChunkedEncoder
    bags: Feed
    validation: Feed | None
    all: Feed


def prepare(
    manifest: Manifest,
    settings: Mapping[str, Any],
    augmentation: Augmentation | None,
    seed: int,
    device: torch.device,
    threads: int,
    shared: Feed | None = None,
) -> Preparation:
    """Read the bags and make the model.

    Args:
        manifest: of the data set.
        settings: encoder, pooling, auxiliary, weighting and training of a method.
        augmentation: what training does to the bags, if anything.
        seed: of weights, dropout, order and augmentation.
        device: where all of it lies.
        threads: of the job.
        shared: all bags of the manifest with the tasks of the method, where another training has them at hand.

    Raises:
        MarrowError: there is nothing to learn from, a bag is damaged, or the method does not fit the bags.
    """
    tasks = tasks_of(manifest.layout, settings["auxiliary"])
    taught, watched = manifest.of_split("train"), manifest.of_split("validation")
    if not taught:
        raise MarrowError(f"{manifest.dataset} has no bags to train on; see `make splits`, or give it some")
    everything = shared or feed_of(manifest, manifest.entries, tasks, device, threads=threads)
    bags = everything.part(taught, augmentation, seed)
    training = settings["training"]
    scaling = scaling_of(training["input"], manifest, bags)
    torch.manual_seed(seed)
    values = {task.name: _mean_and_std(bags, task.name) for task in tasks if not task.classes}
    model = build_model(settings, manifest.layout, len(manifest.classes), scaling, values).to(device)
    first = bags.batch([0])
    with torch.no_grad():
        instances = model.scaling(first.patches)
    precision = precision_of(training["precision"], model.encoder, instances)
    typical = int(np.median(bags.lengths)) * training["bags_per_step"]
    encoder = ChunkedEncoder(
        model.encoder,
        precision,
        memory_format_of(instances, precision),
        compiled_size(typical) if training["compile"] else None,
    )
    class_weights = _class_weights(taught, len(manifest.classes)) if training["class_weights"] == "balanced" else None
    stepper = Stepper(
        model,
        main_loss_of(settings["pooling"], None if class_weights is None else class_weights.to(device), bags.instances),
        weighting_of(settings["weighting"], tasks),
        last_layer=settings["weighting"].get("gramian") == "last-layer",
        encode=encoder,
    )
    return Preparation(stepper, encoder, bags, everything.part(watched) if watched else None, everything)


def _class_weights(entries: Sequence[Entry], classes: int) -> Tensor:
    """For each class k of K: n / (K n_k); 0 for one that training does not have. Their mean over the bags is 1."""
    counts = np.bincount([entry.label for entry in entries], minlength=classes)
    present = np.count_nonzero(counts)
    return torch.tensor([counts.sum() / (present * count) if count else 0.0 for count in counts], dtype=torch.float32)


def _mean_and_std(bags: Feed, task: str) -> tuple[float, float]:
    """Of the known values of a task over the training instances."""
    values = torch.cat([bags.batch([position]).auxiliary[task] for position in range(len(bags))]).double()
    known = values[~torch.isnan(values)]
    return (float(known.mean()), float(known.std(correction=0))) if len(known) else (0.0, 1.0)
