"""One step of training: losses, their gradients, and the weights with which these become the update.

The graph is cut at the embeddings h. Above the cut each task t gives d_t = dL_t/dh and the gradients of what it has for
itself; that is cheap. Below it, a weighting that asks for no Gramian needs a single pass through the trunk,

    g = (dh/dtheta)^T sum_t w_t d_t,

and one that asks for it takes g_t = (dh/dtheta)^T d_t for each task, G[s, t] = <g_s, g_t> and g = sum_t w_t g_t: no
pass is made twice, and no derivative is of second order. With `last_layer`, an approximation, G is taken over the last
shared layer alone, and g from a single pass again.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from marrow.learning.feed.batch import Batch
from marrow.learning.model import Answers, Model
from marrow.learning.pooling.main_loss import MainLoss
from marrow.learning.pooling.segments import Segments, segment_sum
from marrow.learning.training.gradients import Gradients, gradients_of, lying_as, or_zeros, trunk_rows, weighted_sum
from marrow.learning.weighting.gramian import gramian
from marrow.learning.weighting.weighting import Observation, Weighting, Weights

Parameters = Sequence[nn.Parameter]
MAIN = "main"
_TINY = 1e-30


@dataclass(frozen=True)
class Step:
    """What a step was like; all tensors are detached and lie on the device.

    Attributes:
        losses: (1 + tasks,), the main one first.
        numbers: name -> a single number, for the history.
    """

    losses: Tensor
    numbers: Mapping[str, Tensor]


class Stepper:
    """Fills in the gradients of a model's parameters, one packed batch after another.

    Args:
        model: to be trained.
        main_loss: of the bags.
        weighting: of the tasks.
        last_layer: whether to take the Gramian over the last shared layer instead of the whole trunk.
        encode: what runs the encoder, where that is not the encoder itself.
    """

    def __init__(
        self,
        model: Model,
        main_loss: MainLoss,
        weighting: Weighting,
        last_layer: bool = False,
        encode: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.model = model
        self.main_loss = main_loss
        self.weighting = weighting
        self.last_layer = last_layer
        self.encode = encode
        self._trunk, self._own = model.trunk, model.own

    def __call__(self, batch: Batch, epoch: int, step: int) -> Step:
        """Set every parameter's gradient; the optimiser's step is the caller's."""
        embeddings = self.model.embed(batch.patches, self.encode)
        cut = embeddings.detach().requires_grad_()
        answers = self.model.answer(cut, batch.segments)
        terms = self.main_loss(answers.pooled, batch.labels, batch.segments, batch.instances, epoch)
        losses = [torch.stack(list(terms.values())).sum(), *self._auxiliary_losses(answers, batch)]
        above = [gradients_of(loss, [cut, *own]) for loss, own in zip(losses, self._own, strict=True)]
        into = [or_zeros(gradients[0], cut) for gradients in above]
        seen = Observation(epoch, step, torch.stack([loss.detach() for loss in losses]))
        with unmoved_on_failure(self.weighting):
            seen, weights = self._descend(seen, embeddings, into)
        for own, gradients, weight in zip(self._own, above, weights.heads, strict=True):
            _set(own, [gradient if gradient is None else weight * gradient for gradient in gradients[1:]])
        numbers = dict(numbers_of(seen, weights, self.model.tasks))
        numbers |= {f"loss_{MAIN}_{name}": term.detach() for name, term in terms.items() if len(terms) > 1}
        if answers.pooled.attention is not None:
            numbers["attention_entropy"] = attention_entropy(answers.pooled.attention.detach(), batch.segments).mean()
        return Step(seen.losses, numbers)

    def _auxiliary_losses(self, answers: Answers, batch: Batch) -> Iterator[Tensor]:
        for task, answer in answers.auxiliary.items():
            yield self.model.head(task).loss(answer, batch.auxiliary[task])

    def _descend(self, seen: Observation, embeddings: Tensor, into: Sequence[Tensor]) -> tuple[Observation, Weights]:
        """Weigh the tasks, and set the gradients of the trunk."""
        trunk, asks = self._trunk, self.weighting.asks_gramian(seen.step)
        if asks and not self.last_layer:
            rows = list(trunk_rows(embeddings, trunk, into))
            seen = replace(seen, gramian=gramian(rows))
            weights = self.weighting(seen)
            _set(trunk, [weighted_sum(weights.shared, tensors) for tensors in zip(*rows, strict=True)])
            return seen, weights
        if asks:
            last = list(self.model.encoder.last_layer.parameters())
            seen = replace(seen, gramian=gramian(list(trunk_rows(embeddings, last, into, keep=True))))
        weights = self.weighting(seen)
        _set(trunk, next(trunk_rows(embeddings, trunk, [weighted_sum(weights.shared, into)])))
        return seen, weights


@contextmanager
def unmoved_on_failure(weighting: Weighting) -> Generator[None]:
    """Give a weighting back what it remembered where the block fails: the step may be made again."""
    before = weighting.state()
    try:
        yield
    except BaseException:
        weighting.restore(before)
        raise


def attention_entropy(attention: Tensor, segments: Segments) -> Tensor:
    """Entropy of each bag's attention (instances,) over that of an even one: 1 is even, 0 one instance; (bags,)."""
    entropy = segment_sum(torch.special.entr(attention), segments)
    return torch.where(segments.lengths > 1, entropy / segments.lengths.clamp(min=2).log(), 1.0)


def _set(parameters: Parameters, gradients: Gradients) -> None:
    """Hand gradients to the optimiser."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = lying_as(parameter, gradient)


def numbers_of(seen: Observation, weights: Weights, tasks: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """Losses, weights and, where there is one, the Gramian against the main task, under names for the history.

    The tasks are the first axes of all tensors; what lies behind them stays.
    """
    for position, task in enumerate([MAIN, *tasks]):
        yield f"loss_{task}", seen.losses[position]
        yield f"weight_{task}", weights.shared[position]
    if seen.gramian is None:
        return
    own = seen.gramian[0, 0]
    yield f"norm2_{MAIN}", own
    for position, task in enumerate(tasks, start=1):
        other, dot = seen.gramian[position, position], seen.gramian[0, position]
        yield f"norm2_{task}", other
        yield f"dot_{task}", dot
        yield f"cosine_{task}", dot / (own * other).sqrt().clamp(min=_TINY)
