"""A step of several trainings at once: one network with several sets of weights.

The models of one method with several seeds differ in their numbers alone. Each parameter is stacked, (models, ...), and
`torch.vmap` runs the network over the stack, so that a GPU is asked once for what it would be asked for by each. In the
sum of the losses of all models,

    d / d theta_r  sum_s L_s = d L_r / d theta_r,

so one pass gives each model r its own gradient. The rest is as in `marrow.learning.training.step`: the graph is cut at
the embeddings, and each model has its Gramian, its weights and its memory of them.

Each model draws and trains as it would alone; results differ by rounding, for a sum is taken in another order. What
cannot be stacked is told by `marrow.planning.methods.stackable`.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.func import functional_call

from marrow.device.precision import autocast
from marrow.learning.feed.batch import Batch
from marrow.learning.many_seeds.modules import Stack
from marrow.learning.many_seeds.padding import Padded
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.learning.training.gradients import gradients_of, or_zeros, trunk_rows, weighted_sum
from marrow.learning.training.step import MAIN, Step, Stepper, attention_entropy, numbers_of
from marrow.learning.weighting.gramian import gramian
from marrow.learning.weighting.weighting import Observation, Weights

Memory = Mapping[str, Tensor]
Told = dict[str, Tensor]


class StackedStepper:
    """Fills in the gradients of several models, for one packed batch each.

    Args:
        steppers: of one method, each with a model of its own, whose parameters become parts of the stack.
        precision: that of the encoders' inner values.
    """

    def __init__(self, steppers: Sequence[Stepper], precision: torch.dtype = torch.float32) -> None:
        self._steppers = steppers
        self._first = steppers[0]
        self._precision = precision
        self._rule = deepcopy(self._first.weighting)  # what remembers inside `vmap` is of no use outside
        models = [stepper.model for stepper in steppers]
        self._trunk = Stack.of([model.encoder for model in models])
        parts = zip(*([model.pooling, *model.heads.values()] for model in models), strict=True)
        self._own = [Stack.of(of_models) for of_models in parts]

    def __call__(self, batches: Sequence[Batch], epoch: int, step: int) -> list[Step]:
        """Set the gradient of every parameter of every model; the optimisers' steps are the caller's."""
        padded = Padded.of(batches)
        embeddings = self._first.model.embed(padded.patches, self._embed)
        cut = embeddings.detach().requires_grad_()
        losses, told = torch.vmap(partial(self._answer, epoch), randomness="different")(
            [own.tensors for own in self._own], cut, padded.labels, padded.lengths, padded.index, padded.auxiliary
        )
        above = [gradients_of(loss.sum(), [cut, *own.all]) for loss, own in zip(losses, self._own, strict=True)]
        into = [or_zeros(gradients[0], cut) for gradients in above]
        seen = Observation(epoch, step, torch.stack(losses, 1).detach())
        seen, weights, memory = self._descend(seen, embeddings, into)
        for own, gradients, weight in zip(self._own, above, weights.heads.unbind(1), strict=True):
            own.set_gradients([each if each is None else _beside(weight, each) * each for each in gradients[1:]])
        for number, stepper in enumerate(self._steppers):
            stepper.weighting.restore({name: remembered[number] for name, remembered in memory.items()})
        return self._steps(seen, weights, told)

    def _embed(self, instances: Tensor) -> Tensor:
        """Scaled instances (models, n, *shape) to (models, n, width)."""
        with autocast(self._precision, instances.device):
            embed = torch.vmap(partial(functional_call, self._first.model.encoder), randomness="different")
            return embed(self._trunk.tensors, (instances,))

    def _answer(
        self,
        epoch: int,
        own: Sequence[dict[str, Tensor]],
        embeddings: Tensor,
        labels: Tensor,
        lengths: Tensor,
        index: Tensor,
        auxiliary: Mapping[str, Tensor],
    ) -> tuple[list[Tensor], Told]:
        """The losses of one model, the main one first, and what else its history tells of them."""
        model, segments = self._first.model, Segments(lengths, index)
        pooled: Pooled = functional_call(model.pooling, own[0], (embeddings, segments))
        terms = self._first.main_loss(replace(pooled, logits=pooled.logits[:-1]), labels, segments, None, epoch)
        losses = [torch.stack(list(terms.values())).sum()]
        for task, parameters in zip(model.tasks, own[1:], strict=True):
            answer = functional_call(model.head(task), parameters, (embeddings,))
            losses.append(model.head(task).loss(answer, auxiliary[task]))
        told = {f"loss_{MAIN}_{name}": term.detach() for name, term in terms.items() if len(terms) > 1}
        if pooled.attention is not None:
            told["attention_entropy"] = attention_entropy(pooled.attention.detach(), segments)[:-1].mean()
        return losses, told

    def _descend(
        self, seen: Observation, embeddings: Tensor, into: Sequence[Tensor]
    ) -> tuple[Observation, Weights, Memory]:
        """Weigh each model's tasks, (models, 1 + tasks), and set the gradients of the trunks."""
        trunk, asks = self._trunk.all, self._first.weighting.asks_gramian(seen.step)
        if asks and not self._first.last_layer:
            rows = [list(row) for row in trunk_rows(embeddings, trunk, into)]
            seen = replace(seen, gramian=torch.vmap(gramian)(rows))
            weights, memory = self._weigh(seen)
            self._trunk.set_gradients([_sum(weights.shared, tensors) for tensors in zip(*rows, strict=True)])
            return seen, weights, memory
        if asks:
            last = self._trunk.part(self._first.model.encoder.last_layer.parameters())
            rows = [list(row) for row in trunk_rows(embeddings, last, into, keep=True)]
            seen = replace(seen, gramian=torch.vmap(gramian)(rows))
        weights, memory = self._weigh(seen)
        self._trunk.set_gradients(next(trunk_rows(embeddings, trunk, [_sum(weights.shared, into)])))
        return seen, weights, memory

    def _weigh(self, seen: Observation) -> tuple[Weights, Memory]:
        """The weights of each model, and what each of the weightings shall remember then."""
        states = [stepper.weighting.state() for stepper in self._steppers]
        memory = {name: torch.stack([state[name] for state in states]) for name in states[0]}
        looked = {"losses": seen.losses} | ({} if seen.gramian is None else {"gramian": seen.gramian})

        def weigh(memory: Memory, looked: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
            self._rule.restore(memory)
            weights = self._rule(replace(seen, **looked))
            return weights.shared, weights.heads, dict(self._rule.state())

        shared, heads, moved = torch.vmap(weigh, randomness="same")(memory, looked)
        return Weights(shared, heads), moved

    def _steps(self, seen: Observation, weights: Weights, told: Told) -> list[Step]:
        """What the step was like for each model."""
        products = None if seen.gramian is None else seen.gramian.movedim(0, -1)
        tasks_first = replace(seen, losses=seen.losses.mT, gramian=products)
        numbers = dict(numbers_of(tasks_first, Weights(weights.shared.mT, weights.heads.mT), self._first.model.tasks))
        parts = {name: of_models.unbind() for name, of_models in (numbers | told).items()}
        return [
            Step(losses, {name: of_models[number] for name, of_models in parts.items()})
            for number, losses in enumerate(seen.losses)
        ]


def _beside(weights: Tensor, tensor: Tensor) -> Tensor:
    """Weights (models,) shaped so that they multiply a tensor (models, ...)."""
    return weights.view(-1, *(1,) * (tensor.ndim - 1))


def _sum(weights: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """sum_t w_t x_t for each model: weights (models, tasks) and a tensor (models, ...) for each task."""
    return weighted_sum([_beside(weight, tensors[0]) for weight in weights.unbind(1)], tensors)
