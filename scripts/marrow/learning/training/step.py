"""One training step: the losses of all tasks, their gradients, and the weights that combine these into an update.

The graph is cut at the embeddings h = trunk(x; theta). Each task t has a head of its own (for the main task that is the
pooling), which gives d_t = dL_t/dh and the gradients of the head's parameters; that is cheap. For the trunk, a
weighting that needs no Gramian takes a single backward pass,

    g = (dh/dtheta)^T sum_t w_t d_t,

and one that needs it takes one pass for each task, g_t = (dh/dtheta)^T d_t, with G[s, t] = <g_s, g_t> and
g = sum_t w_t g_t: no pass is repeated, and there are no second derivatives. With `last_layer`, an approximation, G is
computed from the last shared layer alone, and g from a single pass again.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from marrow.learning.feed.feed import Batch
from marrow.learning.model import Answers, Model
from marrow.learning.pooling.main_loss import MainLoss
from marrow.learning.pooling.segments import Segments, segment_sum
from marrow.learning.training.gradients import (
    Gradients,
    gradients_of,
    trunk_rows,
    weighted_sum,
    with_strides_of,
    zeros_if_none,
)
from marrow.learning.weighting.gramian import gramian
from marrow.learning.weighting.weighting import Observation, Weighting, Weights

Parameters = Sequence[nn.Parameter]
MAIN = "main"
_TINY = 1e-30


@dataclass(frozen=True)
class Step:
    """The result of a training step: losses (1 + tasks,), the main one first, and scalars for the history.

    All tensors are detached and on the device.
    """

    losses: Tensor
    history: Mapping[str, Tensor]


class Stepper:
    """Computes the gradients of a model's parameters for a batch.

    With `last_layer` the Gramian is that of the last shared layer instead of the whole trunk. `encode` runs the
    encoder, for example in chunks; None to call the encoder itself.
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
        self._trunk, self._heads = model.trunk_parameters, model.task_parameters

    def __call__(self, batch: Batch, epoch: int, step: int) -> Step:
        """Set the gradients of all parameters. The caller lets the optimiser step."""
        embeddings = self.model.embed(batch.patches, self.encode)
        cut = embeddings.detach().requires_grad_()
        answers = self.model.answer(cut, batch.segments, batch.attributes)
        terms = self.main_loss(answers.pooled, batch.labels, batch.segments, batch.instances, epoch)
        losses = [torch.stack(list(terms.values())).sum(), *self._auxiliary_losses(answers, batch)]
        head_gradients = [gradients_of(loss, [cut, *head]) for loss, head in zip(losses, self._heads, strict=True)]
        at_cut = [zeros_if_none(gradients[0], cut) for gradients in head_gradients]
        observation = Observation(epoch, step, torch.stack([loss.detach() for loss in losses]))
        with restored_on_failure(self.weighting):
            observation, weights = self._set_trunk_gradients(observation, embeddings, at_cut)
        for head, gradients, weight in zip(self._heads, head_gradients, weights.heads, strict=True):
            _set_gradients(head, [gradient if gradient is None else weight * gradient for gradient in gradients[1:]])
        history = dict(history_of(observation, weights, self.model.tasks))
        history |= {f"loss_{MAIN}_{name}": term.detach() for name, term in terms.items() if len(terms) > 1}
        if answers.pooled.experts is not None:
            history["share_pictures"] = answers.pooled.experts.share.detach().mean()
        if answers.pooled.attention is not None:
            history["attention_entropy"] = attention_entropy(answers.pooled.attention.detach(), batch.segments).mean()
        return Step(observation.losses, history)

    def _auxiliary_losses(self, answers: Answers, batch: Batch) -> Iterator[Tensor]:
        for task, answer in answers.auxiliary.items():
            yield self.model.head(task).loss(answer, batch.auxiliary[task])

    def _set_trunk_gradients(
        self, observation: Observation, embeddings: Tensor, at_cut: Sequence[Tensor]
    ) -> tuple[Observation, Weights]:
        """Compute the task weights, and set the gradients of the trunk."""
        trunk, needs_gramian = self._trunk, self.weighting.asks_gramian(observation.step)
        if not trunk:
            return observation, self.weighting(observation)
        if needs_gramian and not self.last_layer:
            rows = list(trunk_rows(embeddings, trunk, at_cut))
            observation = replace(observation, gramian=gramian(rows))
            weights = self.weighting(observation)
            _set_gradients(trunk, [weighted_sum(weights.shared, tensors) for tensors in zip(*rows, strict=True)])
            return observation, weights
        if needs_gramian:
            last = list(self.model.encoder.last_layer.parameters())
            observation = replace(observation, gramian=gramian(list(trunk_rows(embeddings, last, at_cut, keep=True))))
        weights = self.weighting(observation)
        _set_gradients(trunk, next(trunk_rows(embeddings, trunk, [weighted_sum(weights.shared, at_cut)])))
        return observation, weights


@contextmanager
def restored_on_failure(weighting: Weighting) -> Generator[None]:
    """Restore the state of a weighting if the block fails, so that the step can be repeated."""
    before = weighting.state()
    try:
        yield
    except BaseException:
        weighting.restore(before)
        raise


def attention_entropy(attention: Tensor, segments: Segments) -> Tensor:
    """Entropy of each bag's attention (instances,) over its maximum: 1 is uniform, 0 a single instance; (bags,)."""
    entropy = segment_sum(torch.special.entr(attention), segments)
    return torch.where(segments.lengths > 1, entropy / segments.lengths.clamp(min=2).log(), 1.0)


def _set_gradients(parameters: Parameters, gradients: Gradients) -> None:
    """Set the gradients that the optimiser reads."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = with_strides_of(parameter, gradient)


def history_of(observation: Observation, weights: Weights, tasks: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """Named values for the history: losses, weights and, if it was computed, the Gramian relative to the main task.

    The first axis of all tensors is the task (of the Gramian the first two); further axes are kept.
    """
    for position, task in enumerate([MAIN, *tasks]):
        yield f"loss_{task}", observation.losses[position]
        yield f"weight_{task}", weights.shared[position]
    if observation.gramian is None:
        return
    main = observation.gramian[0, 0]
    yield f"norm2_{MAIN}", main
    for position, task in enumerate(tasks, start=1):
        other, dot = observation.gramian[position, position], observation.gramian[0, position]
        yield f"norm2_{task}", other
        yield f"dot_{task}", dot
        yield f"cosine_{task}", dot / (main * other).sqrt().clamp(min=_TINY)
