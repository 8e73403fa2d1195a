"""MI-SVM and MILES: order does not matter, witnesses decide, solvers agree, a file brings all, MUSK1 as published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC
from torch import Tensor

import method_parts
from benchmarks.classical_mil import folds_of, read_bags, right_verdicts
from marrow.errors import MarrowError
from marrow.learning.build import encoder_of, pooling_of
from marrow.learning.pooling.fitted_pooling import FittedPooling
from marrow.learning.pooling.segments import Segments
from shared_data import shared_data

WIDTH = 4
KINDS: list[Mapping[str, Any]] = [
    {"kind": "mi-svm", "gamma": 0.05},
    {"kind": "miles", "gamma": 0.05},
]
kinds = pytest.mark.parametrize("given", KINDS, ids=lambda given: "-".join(map(str, given.values())))
classes_ = pytest.mark.parametrize("classes", [2, 3])


def built(given: Mapping[str, Any], classes: int = 2, width: int = WIDTH) -> FittedPooling:
    pooling = pooling_of(method_parts.complete("pooling", **given), width, classes)
    assert isinstance(pooling, FittedPooling)
    return pooling


def draw_bags(classes: int = 2, bags: int = 24, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    """Rows around 0; a bag has one or two that lie 6 further along the axis of its class, of two the second alone."""
    rng = np.random.default_rng(seed)
    labels = np.arange(bags) % classes
    made: list[Tensor] = []
    for label in labels:
        rows = rng.normal(size=(rng.integers(2, 7), WIDTH))
        rows[: rng.integers(1, 3), label] += 6 * (label > 0 or classes > 2)
        made.append(torch.from_numpy(rng.permutation(rows)).float())
    return made, torch.from_numpy(labels)


def fitted(
    given: Mapping[str, Any],
    bags: list[Tensor],
    labels: Tensor,
    weights: Tensor | None = None,
    classes: int = 2,
) -> FittedPooling:
    pooling = built(given, classes, bags[0].shape[1])
    pooling.fit(torch.cat(bags), Segments.of([len(bag) for bag in bags]), labels, weights, 0)
    return pooling


def verdicts(pooling: FittedPooling, bags: list[Tensor]) -> Tensor:
    return pooling(torch.cat(bags), Segments.of([len(bag) for bag in bags])).logits


def predicted(logits: Tensor) -> Tensor:
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


@kinds
@classes_
def test_classes_that_witnesses_tell_apart_are_told_apart_in_new_bags(given: Mapping[str, Any], classes: int):
    bags, labels = draw_bags(classes, 36)
    pooling = fitted(given, bags, labels, classes=classes)
    others, their_labels = draw_bags(classes, 60, seed=1)
    logits = verdicts(pooling, others)
    assert logits.shape == (60, 1 if classes == 2 else classes)
    assert logits.dtype == torch.float32
    assert (predicted(verdicts(pooling, bags)) == labels).all()
    assert (predicted(logits) == their_labels).float().mean() > 0.95


@kinds
def test_the_witness_has_the_largest_logit_of_its_bag_and_alone_makes_it_positive(given: Mapping[str, Any]):
    bags, labels = draw_bags()
    pooling, (others, their_labels) = fitted(given, bags, labels), draw_bags(seed=1)
    for bag in [bag for bag, label in zip(others, their_labels, strict=True) if label]:
        of_instances = pooling(bag, Segments.of([len(bag)])).instance_logits
        assert of_instances is not None
        assert bag[of_instances[:, 0].argmax(), 1] > 3
        alone = verdicts(pooling, [bag[of_instances[:, 0].argmax()][None]])
        assert alone[0, 0] == pytest.approx(float(of_instances.max()), abs=1e-5)
        assert alone[0, 0] > 0


@kinds
@classes_
def test_neither_the_order_of_training_bags_nor_that_of_their_instances_matters(given: Mapping[str, Any], classes: int):
    bags, labels = draw_bags(classes)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(bags))
    shuffled = [bags[bag][rng.permutation(len(bags[bag]))] for bag in order]
    one = fitted(given, bags, labels, classes=classes)
    other = fitted(given, shuffled, labels[order], classes=classes)
    tried, _ = draw_bags(classes, seed=1)
    # MILES: where similarities of two instances explain the same, either may be chosen.
    torch.testing.assert_close(verdicts(one, tried), verdicts(other, tried), rtol=0, atol=0.02)


@kinds
@classes_
def test_a_saved_pooling_is_the_loaded_one_to_the_bit(given: Mapping[str, Any], classes: int, tmp_path: Path):
    bags, labels = draw_bags(classes)
    pooling = fitted(given, bags, labels, classes=classes)
    save_file(pooling.state_dict(), tmp_path / "model.safetensors")
    fresh = built(given, classes)
    fresh.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert all(buffer.dtype == torch.float64 for buffer in fresh.buffers())
    assert torch.equal(verdicts(fresh, bags), verdicts(pooling, bags))
    assert not list(fresh.parameters())


@kinds
def test_packed_bags_are_bags_one_at_a_time(given: Mapping[str, Any]):
    bags, labels = draw_bags()
    pooling = fitted(given, bags, labels)
    apart = torch.cat([verdicts(pooling, [bag]) for bag in bags])
    torch.testing.assert_close(verdicts(pooling, bags), apart, rtol=1e-6, atol=1e-6)


@kinds
def test_a_bag_of_weight_two_is_two_bags(given: Mapping[str, Any]):
    """On bags that overlap, so that slacks, and so weights, count."""
    rng = np.random.default_rng(4)
    bags = [torch.from_numpy(rng.normal(0.3 * (bag % 2), 1, (3, WIDTH))).float() for bag in range(30)]
    labels, weights = torch.arange(30) % 2, torch.where(torch.arange(30) < 6, 2.0, 1.0)
    twice = fitted(given, [*bags, *bags[:6]], torch.cat([labels, labels[:6]]))
    weighted, even = fitted(given, bags, labels, weights), fitted(given, bags, labels)
    difference = (verdicts(weighted, bags) - verdicts(twice, bags)).abs().max()
    assert difference < 0.02 < 0.1 < (verdicts(even, bags) - verdicts(twice, bags)).abs().max()


@kinds
def test_fitted_anew_it_takes_other_numbers(given: Mapping[str, Any]):
    bags, labels = draw_bags()
    pooling = fitted(given, bags, labels)
    pooling.fit(torch.cat(bags), Segments.of([len(bag) for bag in bags]), 1 - labels, None, 0)
    torch.testing.assert_close(verdicts(pooling, bags), verdicts(fitted(given, bags, 1 - labels), bags))


@kinds
def test_a_class_without_training_bags_is_named(given: Mapping[str, Any]):
    bags, labels = draw_bags()
    with pytest.raises(MarrowError, match=r"no training bag is of class 2 .*of 3 classes"):
        fitted(given, bags, labels, classes=3)


def test_bags_of_one_instance_leave_mi_svm_scikit_learns_machine():
    rows = np.random.default_rng(5).normal(size=(40, WIDTH)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 1] ** 2 > 0.8).astype(int)
    bags = list(torch.from_numpy(rows)[:, None])
    machine = SVC(C=3, gamma=1 / WIDTH, tol=1e-5).fit(rows, labels)
    logits = verdicts(fitted({"kind": "mi-svm", "penalty": 3}, bags, torch.from_numpy(labels)), bags)[:, 0]
    np.testing.assert_allclose(logits, machine.decision_function(rows), atol=1e-3)


def test_witnesses_of_mi_svm_are_the_instances_that_its_own_machine_puts_highest():
    """So that a machine fitted to these witnesses is the machine itself: the choice came back."""
    bags, labels = draw_bags()
    pooling = fitted({"kind": "mi-svm", "penalty": 10}, bags, labels)
    witnesses = []
    for bag in [bag for bag, label in zip(bags, labels, strict=True) if label]:
        of_instances = pooling(bag, Segments.of([len(bag)])).instance_logits
        assert of_instances is not None
        witnesses.append(bag[of_instances[:, 0].argmax()])
    negative = [bag for bag, label in zip(bags, labels, strict=True) if not label]
    rows = torch.cat([torch.stack(witnesses), *negative]).double().numpy()
    machine = SVC(C=10, gamma=1 / WIDTH, tol=1e-5)
    machine.fit(rows, [1] * len(witnesses) + [0] * (len(rows) - len(witnesses)))
    expected = [machine.decision_function(bag.double().numpy()).max() for bag in bags]
    np.testing.assert_allclose(verdicts(pooling, bags)[:, 0], expected, atol=1e-3)


def objective(logits: np.ndarray, positive: np.ndarray, weights: np.ndarray, penalty: float) -> float:
    """What MILES minimises."""
    return float(np.abs(weights).sum() + penalty * np.maximum(0, 1 - np.where(positive, 1, -1) * logits).sum())


def test_miles_keeps_few_instances_and_nothing_near_its_weights_is_better():
    bags, labels = draw_bags()
    pooling = fitted({"kind": "miles", "penalty": 2}, bags, labels)
    rows, positive = torch.cat(bags).double().numpy(), labels.numpy() > 0
    similar = np.array([rbf_kernel(bag.double().numpy(), rows, gamma=1 / WIDTH).max(0) for bag in bags])
    prototypes, (intercept,) = pooling.get_buffer("prototypes").numpy(), pooling.get_buffer("intercept").numpy()
    assert 0 < len(prototypes) < len(rows) / 4
    weights = np.zeros(len(rows))
    for row, weight in zip(prototypes, pooling.get_buffer("coefficients")[0].numpy(), strict=True):
        weights[np.flatnonzero((rows == row).all(1))] = weight
    logits = similar @ weights + intercept
    np.testing.assert_allclose(verdicts(pooling, bags)[:, 0], logits, atol=1e-5)
    least, rng = objective(logits, positive, weights, 2), np.random.default_rng(6)
    for step in np.repeat([0.3, 0.03, 0.003], 100):
        moved, b = weights + step * rng.normal(size=len(rows)) * (rng.random(len(rows)) < 0.1), step * rng.normal()
        assert objective(similar @ moved + intercept + b, positive, moved, 2) > least - 1e-9


@pytest.mark.parametrize(("kind", "published"), [("mi-svm", 0.779), ("miles", 0.863)])
def test_three_folds_of_musk1_are_near_the_published_accuracy(kind: str, published: float):
    """docs/results/classical_mil.md has all of ten folds."""
    bags = read_bags("musk1", shared_data("mil_classic"))
    some = list(folds_of(bags, seed=0))[:3]
    right = [verdict for fold in some for verdict in right_verdicts(bags, {"kind": kind}, *fold)]
    assert len(right) >= 27
    assert np.mean(right) > published - 0.1


def test_rows_pass_the_identity_as_they_are():
    encoder = encoder_of({"kind": "identity"}, (WIDTH,))
    rows = torch.randn(3, WIDTH)
    assert encoder.width == WIDTH
    assert torch.equal(encoder(rows), rows)
    assert not list(encoder.parameters())
