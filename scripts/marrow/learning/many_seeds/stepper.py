"""The training step of many seeds: one network with one set of parameters for each seed.

The models of one method with several seeds have the same architecture. Each parameter is stacked, (models, ...), and
`torch.vmap` runs the network over the stack: a GPU gets one kernel launch where separate models would launch one each.
In the sum of the losses of all models,

    d / d theta_r  sum_s L_s = d L_r / d theta_r,

so one backward pass gives the gradient of each model r. The rest is as in `marrow.learning.training.step`: the graph is
cut at the embeddings, and each model has its own Gramian, task weights and state of the weighting.

Random numbers are those of a separate training; results differ by rounding, because sums are taken in another order.
`marrow.planning.methods.resolve` says which methods cannot be stacked, and why.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.func import functional_call

from marrow.device.precision import autocast
from marrow.learning.feed.feed import Batch
from marrow.learning.many_seeds.modules import StackedParameters
from marrow.learning.many_seeds.padding import PaddedBatch
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.learning.training.gradients import gradients_of, trunk_rows, weighted_sum, zeros_if_none
from marrow.learning.training.step import MAIN, Step, Stepper, attention_entropy, history_of
from marrow.learning.weighting.gramian import gramian
from marrow.learning.weighting.weighting import Observation, Weights

States = Mapping[str, Tensor]
History = dict[str, Tensor]


class ManySeedsStepper:
    """Computes the gradients of several models of one method, each for a batch of its own.

    Their parameters become views of the stack. `precision` is that of the values inside the encoders.
    """

    def __init__(self, steppers: Sequence[Stepper], precision: torch.dtype = torch.float32) -> None:
        self._steppers = steppers
        self._first = steppers[0]
        self._precision = precision
        self._weighting = deepcopy(self._first.weighting)  # state that is set inside `vmap` cannot be used outside
        models = [stepper.model for stepper in steppers]
        self._trunk = StackedParameters.of([model.encoder for model in models])
        parts = zip(*([model.pooling, *model.heads.values()] for model in models), strict=True)
        self._heads = [StackedParameters.of(of_models) for of_models in parts]

    def __call__(self, batches: Sequence[Batch], epoch: int, step: int) -> list[Step]:
        """Set the gradients of all parameters of all models. The caller lets the optimisers step."""
        padded = PaddedBatch.of(batches)
        embeddings = self._first.model.embed(padded.patches, self._embed)
        cut = embeddings.detach().requires_grad_()
        losses, history = torch.vmap(partial(self._losses, epoch), randomness="different")(
            [heads.tensors for heads in self._heads], cut, padded.labels, padded.lengths, padded.index, padded.auxiliary
        )
        pairs = zip(losses, self._heads, strict=True)
        of_heads = [gradients_of(loss.sum(), [cut, *heads.all]) for loss, heads in pairs]
        at_cut = [zeros_if_none(gradients[0], cut) for gradients in of_heads]
        observation = Observation(epoch, step, torch.stack(losses, 1).detach())
        observation, weights, states = self._set_trunk_gradients(observation, embeddings, at_cut)
        for heads, gradients, weight in zip(self._heads, of_heads, weights.heads.unbind(1), strict=True):
            heads.set_gradients([each if each is None else _broadcast(weight, each) * each for each in gradients[1:]])
        for number, stepper in enumerate(self._steppers):
            stepper.weighting.restore({name: values[number] for name, values in states.items()})
        return self._steps(observation, weights, history)

    def _embed(self, instances: Tensor) -> Tensor:
        """Scaled instances (models, n, *shape) to (models, n, width)."""
        with autocast(self._precision, instances.device):
            embed = torch.vmap(partial(functional_call, self._first.model.encoder), randomness="different")
            return embed(self._trunk.tensors, (instances,))

    def _losses(
        self,
        epoch: int,
        heads: Sequence[dict[str, Tensor]],
        embeddings: Tensor,
        labels: Tensor,
        lengths: Tensor,
        index: Tensor,
        auxiliary: Mapping[str, Tensor],
    ) -> tuple[list[Tensor], History]:
        """The losses of one model, the main one first, and further values for its history."""
        model, segments = self._first.model, Segments(lengths, index)
        pooled: Pooled = functional_call(model.pooling, heads[0], (embeddings, segments))
        terms = self._first.main_loss(replace(pooled, logits=pooled.logits[:-1]), labels, segments, None, epoch)
        losses = [torch.stack(list(terms.values())).sum()]
        for task, parameters in zip(model.tasks, heads[1:], strict=True):
            answer = functional_call(model.head(task), parameters, (embeddings,))
            losses.append(model.head(task).loss(answer, auxiliary[task]))
        history = {f"loss_{MAIN}_{name}": term.detach() for name, term in terms.items() if len(terms) > 1}
        if pooled.attention is not None:
            history["attention_entropy"] = attention_entropy(pooled.attention.detach(), segments)[:-1].mean()
        return losses, history

    def _set_trunk_gradients(
        self, observation: Observation, embeddings: Tensor, at_cut: Sequence[Tensor]
    ) -> tuple[Observation, Weights, States]:
        """Compute the task weights of each model, (models, 1 + tasks), and set the gradients of the trunks."""
        trunk, needs_gramian = self._trunk.all, self._first.weighting.asks_gramian(observation.step)
        if needs_gramian and not self._first.last_layer:
            rows = [list(row) for row in trunk_rows(embeddings, trunk, at_cut)]
            observation = replace(observation, gramian=torch.vmap(gramian)(rows))
            weights, states = self._weigh(observation)
            self._trunk.set_gradients([_sum(weights.shared, tensors) for tensors in zip(*rows, strict=True)])
            return observation, weights, states
        if needs_gramian:
            last = self._trunk.part(self._first.model.encoder.last_layer.parameters())
            rows = [list(row) for row in trunk_rows(embeddings, last, at_cut, keep=True)]
            observation = replace(observation, gramian=torch.vmap(gramian)(rows))
        weights, states = self._weigh(observation)
        self._trunk.set_gradients(next(trunk_rows(embeddings, trunk, [_sum(weights.shared, at_cut)])))
        return observation, weights, states

    def _weigh(self, observation: Observation) -> tuple[Weights, States]:
        """The task weights of each model, and the new states of the weightings."""
        per_model = [stepper.weighting.state() for stepper in self._steppers]
        states = {name: torch.stack([state[name] for state in per_model]) for name in per_model[0]}
        inputs = {"losses": observation.losses}
        if observation.gramian is not None:
            inputs["gramian"] = observation.gramian

        def weigh(states: States, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
            self._weighting.restore(states)
            weights = self._weighting(replace(observation, **inputs))
            return weights.shared, weights.heads, dict(self._weighting.state())

        shared, heads, updated = torch.vmap(weigh, randomness="same")(states, inputs)
        return Weights(shared, heads), updated

    def _steps(self, observation: Observation, weights: Weights, history: History) -> list[Step]:
        """The step's losses and history, parted by model."""
        products = None if observation.gramian is None else observation.gramian.movedim(0, -1)
        task_major = replace(observation, losses=observation.losses.mT, gramian=products)
        weights = Weights(weights.shared.mT, weights.heads.mT)
        history = dict(history_of(task_major, weights, self._first.model.tasks)) | history
        parts = {name: of_models.unbind() for name, of_models in history.items()}
        return [
            Step(losses, {name: of_models[number] for name, of_models in parts.items()})
            for number, losses in enumerate(observation.losses)
        ]


def _broadcast(weights: Tensor, tensor: Tensor) -> Tensor:
    """Weights (models,) with trailing axes of length 1, so that they multiply a tensor (models, ...)."""
    return weights.view(-1, *(1,) * (tensor.ndim - 1))


def _sum(weights: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """sum_t w_t x_t for each model: weights (models, tasks) and a tensor (models, ...) for each task."""
    return weighted_sum([_broadcast(weight, tensors[0]) for weight in weights.unbind(1)], tensors)
