"""What a trained model says of bags as they are: nothing is augmented, dropped out or learned from."""

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

AT_A_TIME = 4096  # instances

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Verdicts:
    """What a model says of bags, in their order.

    Attributes:
        probabilities: (bags, classes).
        offsets: (bags + 1,), where the instances of each bag start and the last ones end.
        attention: (instances,); None where the pooling weighs no instances.
        instances: (instances, classes), probabilities of single instances; None where it says nothing of them.
        auxiliary: name of a task -> (instances,), the likeliest class or the value.
    """

    probabilities: Array
    offsets: npt.NDArray[np.int64]
    attention: Array | None
    instances: Array | None
    auxiliary: Mapping[str, npt.NDArray[np.generic]]


@torch.inference_mode()
def judge(model: Model, feed: Feed, encode: Callable[[Tensor], Tensor] | None = None) -> Verdicts:
    """The verdicts of a model on all bags of a feed; the model's mode is as before afterwards.

    Args:
        model: on the feed's device.
        feed: of the bags.
        encode: what runs the encoder, where that is not the encoder itself.
    """
    training = model.training
    model.eval()
    try:
        parts = [
            model.answer(model.embed(batch.patches, encode), batch.segments)
            for _, batch in feed.batches(grouped(feed.lengths, AT_A_TIME))
        ]
    finally:
        model.train(training)
    answers = [part.pooled for part in parts]
    return Verdicts(
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
    )


def _joined(parts: Sequence[Tensor | None]) -> Array | None:
    present = [_numpy(part) for part in parts if part is not None]
    return np.concatenate(present) if present else None


def _numpy(tensor: Tensor) -> Array:
    return tensor.to(torch.float32).cpu().numpy()
