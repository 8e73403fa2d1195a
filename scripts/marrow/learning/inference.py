"""Inference: the output of a model for bags, without augmentation and dropout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from marrow.learning.feed.feed import Feed
from marrow.learning.feed.grouping import grouped
from marrow.learning.model import Model
from marrow.learning.pooling.outputs import probabilities
from marrow.learning.pooling.pooling import Experts

INSTANCES_PER_BATCH = 4096

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ModelOutput:
    """The output of a model for bags, in the order of a feed.

    Attributes:
        probabilities: (bags, classes).
        offsets: (bags + 1,), the first instance of each bag, and the number of all instances at the end.
        attention: (instances,); None if the pooling has no attention weights.
        instances: (instances, classes), probabilities of single instances; None if the pooling gives none.
        auxiliary: name of a task -> (instances,), the likeliest class or the value.
        experts: what each of two experts says; None where there is one.
    """

    probabilities: Array
    offsets: npt.NDArray[np.int64]
    attention: Array | None
    instances: Array | None
    auxiliary: Mapping[str, npt.NDArray[np.generic]]
    experts: "ExpertOutput | None" = None


@dataclass(frozen=True)
class ExpertOutput:
    """What two experts say of bags.

    Attributes:
        pictures: (bags, classes), probabilities that the expert on pictures gives.
        attributes: (bags, classes), those of the expert on attributes.
        share: (bags,), how much the pictures count, from 0 to 1.
    """

    pictures: Array
    attributes: Array
    share: Array

    @classmethod
    def of(cls, parts: Sequence[Experts]) -> "ExpertOutput":
        """That of packed bags, part after part."""
        pictures, attributes = (
            np.concatenate([_numpy(probabilities(logits)) for logits in each])
            for each in ([part.pictures for part in parts], [part.attributes for part in parts])
        )
        return cls(pictures, attributes, np.concatenate([_numpy(part.share) for part in parts]))


@torch.inference_mode()
def predict(model: Model, feed: Feed, encode: Callable[[Tensor], Tensor] | None = None) -> ModelOutput:
    """The output of a model for all bags of a feed. Restores the model's mode (training or evaluation).

    `encode` runs the encoder, for example in chunks; None to call the encoder itself.
    """
    training = model.training
    model.eval()
    try:
        parts = [
            model.answer(model.embed(batch.patches, encode), batch.segments, batch.attributes)
            for _, batch in feed.batches(grouped(feed.lengths, INSTANCES_PER_BATCH))
        ]
    finally:
        model.train(training)
    answers = [part.pooled for part in parts]
    experts = [pooled.experts for pooled in answers if pooled.experts is not None]
    return ModelOutput(
        probabilities=np.concatenate([_numpy(probabilities(pooled.logits)) for pooled in answers]),
        offsets=np.cumsum([0, *feed.lengths], dtype=np.int64),
        attention=_joined([pooled.attention for pooled in answers]),
        instances=_joined(
            [None if pooled.instance_logits is None else probabilities(pooled.instance_logits) for pooled in answers]
        ),
        auxiliary={
            task: np.concatenate([model.head(task).read(part.auxiliary[task]).cpu().numpy() for part in parts])
            for task in model.tasks
        },
        experts=ExpertOutput.of(experts) if experts else None,
    )


def _joined(parts: Sequence[Tensor | None]) -> Array | None:
    present = [_numpy(part) for part in parts if part is not None]
    return np.concatenate(present) if present else None


def _numpy(tensor: Tensor) -> Array:
    return tensor.to(torch.float32).cpu().numpy()
