"""One step of training: its gradients are those of the weighted loss, and its Gramian that of the tasks' gradients."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

import learning_sets
from marrow.bags.bag import Task
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.learning.feed.feed import Batch
from marrow.learning.pooling.segments import Segments
from marrow.learning.training.preparation import Preparation, prepare
from marrow.learning.training.step import attention_entropy
from marrow.learning.weighting.build import weighting_of
from marrow.learning.weighting.weighting import Observation, Weighting, Weights
from method_parts import complete

CPU = torch.device("cpu")


class Fixed(Weighting):
    """Weights that are given, and a look at what the step saw."""

    def __init__(self, shared: Sequence[float], heads: Sequence[float], needs_gramian: bool) -> None:
        self.needs_gramian = needs_gramian
        self._weights = Weights(torch.tensor(shared), torch.tensor(heads))
        self.seen: Observation

    def __call__(self, seen: Observation) -> Weights:
        self.seen = seen
        return self._weights


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("step"), learning_sets.tables())


def prepared(manifest, **changed) -> Preparation:
    chosen = learning_sets.settings(auxiliary=["stripe", "height"], **changed)
    chosen["weighting"] = complete("weighting", kind="uniform")
    return prepare(manifest, chosen, None, 7, CPU, 1)


def losses_of(preparation: Preparation, batch: Batch) -> list[Tensor]:
    model = preparation.stepper.model
    answers = model(batch.patches, batch.segments)
    terms = preparation.stepper.main_loss(answers.pooled, batch.labels, batch.segments, batch.instances, 0)
    rest = [model.head(task).loss(answers.auxiliary[task], batch.auxiliary[task]) for task in model.tasks]
    return [torch.stack(list(terms.values())).sum(), *rest]


def gradients(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    assert all(parameter.grad is not None for parameter in parameters)
    return [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]


def expected(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    return list(torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True))


def flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


@pytest.mark.parametrize("needs_gramian", [False, True])
@pytest.mark.parametrize("last_layer", [False, True])
@pytest.mark.parametrize("bags", [[0], [3, 1, 6]])
def test_the_update_is_the_weighted_sum_of_the_tasks_gradients(manifest, needs_gramian, last_layer, bags):
    preparation = prepared(manifest)
    stepper, model = preparation.stepper, preparation.stepper.model
    stepper.weighting = Fixed([1.0, 0.3, 2.0], [1.0, 0.5, 1.5], needs_gramian)
    stepper.last_layer = last_layer
    batch = preparation.bags.batch(bags)
    stepper(batch, 0, 0)
    losses = losses_of(preparation, batch)
    weighted = losses[0] + 0.3 * losses[1] + 2 * losses[2]
    torch.testing.assert_close(gradients(model.trunk_parameters), expected(weighted, model.trunk_parameters))
    for own, loss, weight in zip(model.task_parameters, losses, [1.0, 0.5, 1.5], strict=True):
        torch.testing.assert_close(gradients(own), expected(weight * loss, own))


@pytest.mark.parametrize("last_layer", [False, True])
def test_the_gramian_is_that_of_the_tasks_gradients_on_the_trunk_or_its_last_layer(manifest, last_layer):
    preparation = prepared(manifest)
    stepper, model = preparation.stepper, preparation.stepper.model
    stepper.weighting = fixed = Fixed([1, 1, 1], [1, 1, 1], needs_gramian=True)
    stepper.last_layer = last_layer
    batch = preparation.bags.batch([2, 5])
    step = stepper(batch, 0, 0)
    over = list(model.encoder.last_layer.parameters()) if last_layer else model.trunk_parameters
    rows = torch.stack([flat(expected(loss, over)) for loss in losses_of(preparation, batch)])
    assert fixed.seen.gramian is not None
    torch.testing.assert_close(fixed.seen.gramian, rows @ rows.T)
    cosine = nn.functional.cosine_similarity(rows[0], rows[2], dim=0)
    torch.testing.assert_close(step.history["cosine_height"], cosine)
    torch.testing.assert_close(step.history["dot_height"], rows[0] @ rows[2])
    torch.testing.assert_close(step.history["norm2_main"], rows[0] @ rows[0])


def test_without_a_gramian_the_trunk_is_passed_once_and_with_one_once_a_task(manifest, monkeypatch):
    preparation = prepared(manifest)
    stepper, backward, passes = preparation.stepper, torch.autograd.grad, []

    def counted(outputs, *rest, **options):
        passes.extend([1] * (outputs.ndim == 2))  # from the embeddings down; losses have no dimension
        return backward(outputs, *rest, **options)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    for needs_gramian, wanted in ((False, 1), (True, 3)):
        passes.clear()
        stepper.weighting = Fixed([1, 1, 1], [1, 1, 1], needs_gramian)
        stepper(preparation.bags.batch([0]), 0, 0)
        assert len(passes) == wanted


@pytest.mark.parametrize("last_layer", [False, True])
@pytest.mark.parametrize(
    "weighting",
    [
        {"kind": "adaloss", "variant": "running-average"},
        {"kind": "uncertainty"},
        {"kind": "atmil", "variant": "as-printed"},
        {"kind": "adaloss", "variant": "running-average", "every": 2},
    ],
    ids=str,
)
def test_a_step_made_again_after_it_failed_moves_the_weighting_once(manifest, monkeypatch, weighting, last_layer):
    """Where memory runs out in the last pass down the trunk, after the weighting was asked."""
    backward = torch.autograd.grad

    def remembered(failing: list[int]):
        def scarce(outputs, *rest, **options):
            if outputs.ndim == 2 and not options["retain_graph"] and failing == [step]:
                failing.clear()
                raise torch.OutOfMemoryError("CUDA out of memory")
            return backward(outputs, *rest, **options)

        preparation = prepared(manifest)
        stepper, guard = preparation.stepper, OutOfMemoryGuard(preparation.encoder)
        tasks = [Task("stripe", ("a", "b"))] * 2
        stepper.weighting, stepper.last_layer = weighting_of(complete("weighting", **weighting), tasks), last_layer
        monkeypatch.setattr(torch.autograd, "grad", scarce)
        for step in range(3):
            batch = preparation.bags.batch([step])
            guard.attempt(lambda batch=batch, step=step: stepper(batch, 0, step))
        assert not failing
        return stepper.weighting.state()

    once, again = remembered([]), remembered([1])
    assert once.keys() == again.keys() != set()
    for name in once:
        torch.testing.assert_close(once[name], again[name])


def test_a_task_whose_answers_are_all_unknown_moves_nothing(manifest):
    preparation = prepared(manifest)
    stepper, model = preparation.stepper, preparation.stepper.model
    batch = preparation.bags.batch([1])
    unknown = {
        "stripe": torch.full_like(batch.auxiliary["stripe"], -1),
        "height": torch.full_like(batch.auxiliary["height"], math.nan),
    }
    step = stepper(Batch(**{**vars(batch), "auxiliary": unknown}), 0, 0)
    assert step.losses[1:].tolist() == [0, 0]
    for own in model.task_parameters[1:]:
        assert all(not gradient.any() for gradient in gradients(own))
    torch.testing.assert_close(
        gradients(model.trunk_parameters), expected(losses_of(preparation, batch)[0], model.trunk_parameters)
    )


def test_answers_that_are_known_count_alike_however_many_are_not(manifest):
    preparation = prepared(manifest)
    head = preparation.stepper.model.head("stripe")
    logits, labels = torch.randn(5, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, -1, 1, -1])
    torch.testing.assert_close(head.loss(logits, labels), head.loss(logits[labels >= 0], labels[labels >= 0]))
    head = preparation.stepper.model.head("height")
    answers, values = logits[:, :1], torch.tensor([0.1, math.nan, 0.7, 0.2, math.nan])
    known = ~torch.isnan(values)
    torch.testing.assert_close(head.loss(answers, values), head.loss(answers[known], values[known]))


def test_a_value_is_read_in_its_own_units(manifest):
    preparation = prepared(manifest)
    head, bags = preparation.stepper.model.head("height"), preparation.bags
    values = torch.cat([bags.batch([position]).auxiliary["height"] for position in range(len(bags))])
    standardised = (values - values.mean()) / values.std(correction=0)
    torch.testing.assert_close(head.read(standardised[:, None]), values)
    assert float(head.loss(standardised[:, None], values)) == pytest.approx(0, abs=1e-10)


def test_entropy_is_one_for_even_attention_and_zero_for_a_single_instance():
    segments = Segments.of([4, 3, 1])
    attention = torch.tensor([0.25, 0.25, 0.25, 0.25, 0, 1, 0, 1])
    torch.testing.assert_close(attention_entropy(attention, segments), torch.tensor([1.0, 0.0, 1.0]))
