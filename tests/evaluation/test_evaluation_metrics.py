"""Metrics of a run: as scikit-learn has them, undefined where they are, and the same for many weightings at once."""

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation_runs import probabilities
from marrow.evaluation.columns import METRICS
from marrow.evaluation.metrics import NO_TEST_BAGS, class_metrics, metrics_of, why_undefined
from marrow.evaluation.predictions import Predictions
from marrow.evaluation.reliability import calibration_error, reliability
from marrow.evaluation.weighted import WeightedMetrics

BINS = 10


def predictions(labels, classes=3, skill=1.0, seed=0, patients=None, values=None):
    labels = np.asarray(labels)
    values = probabilities(labels, classes, skill, seed) if values is None else np.asarray(values, float)
    patients = patients or [str(index) for index in range(len(labels))]
    return Predictions(np.array(patients), np.array([""] * len(labels)), labels, values)


def by_sklearn(of: Predictions, weights) -> dict[str, float]:
    """Every metric by scikit-learn with sample weights, an independent way to the same numbers."""
    numbers = range(of.classes)
    labels, predicted, values = of.labels, of.predicted, of.probabilities
    rest = [
        sk.recall_score(labels != number, predicted != number, sample_weight=weights, zero_division=np.nan)
        for number in numbers
    ]
    common = {"labels": list(numbers), "average": "macro", "zero_division": np.nan, "sample_weight": weights}
    area = values[:, 1] if of.classes == 2 else values
    kind = {} if of.classes == 2 else {"multi_class": "ovr", "labels": list(numbers)}
    return {
        "accuracy": sk.accuracy_score(labels, predicted, sample_weight=weights),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted, sample_weight=weights),
        "sensitivity": sk.recall_score(labels, predicted, **common),
        "specificity": np.mean(rest),
        "f1": sk.f1_score(labels, predicted, **common),
        "auc": sk.roc_auc_score(labels, area, sample_weight=weights, **kind),
        "log_loss": sk.log_loss(labels, values, labels=list(numbers), sample_weight=weights),
        "brier": sk.brier_score_loss(labels, values, labels=list(numbers), sample_weight=weights),
    }


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_runs_metrics_are_those_of_scikit_learn(classes):
    of = predictions([index % classes for index in range(60)], classes)
    found = metrics_of(of, BINS)
    for name, value in by_sklearn(of, np.ones(60)).items():
        assert found[name] == pytest.approx(value), name


@pytest.mark.parametrize("classes", [2, 3])
def test_weighted_metrics_are_those_of_scikit_learn_with_sample_weights(classes):
    values = probabilities([index % classes for index in range(50)], classes, 0.7, 3).round(1) + 1e-3  # with ties
    values /= values.sum(1, keepdims=True)
    of = predictions([index % classes for index in range(50)], classes, values=values)
    weights = np.random.default_rng(1).integers(0, 4, (50, 6)).astype(float)
    found = WeightedMetrics(of, BINS)(weights)
    for column in range(6):
        for name, value in by_sklearn(of, weights[:, column]).items():
            assert found[name][column] == pytest.approx(value), name


def test_even_weights_give_the_metrics_of_the_run():
    of = predictions([0, 1, 2] * 15)
    found = WeightedMetrics(of, BINS)(np.full((45, 1), 2.0))
    assert {name: values[0] for name, values in found.items()} == pytest.approx(metrics_of(of, BINS))


def test_weights_in_chunks_are_the_same_as_at_once(monkeypatch):
    of = predictions([0, 1, 2] * 5)
    weights = np.random.default_rng(0).integers(1, 3, (15, 40)).astype(float)
    whole = WeightedMetrics(of, BINS)(weights)
    monkeypatch.setattr("marrow.evaluation.weighted.MOST_NUMBERS", 100)
    for name, values in WeightedMetrics(of, BINS)(weights).items():
        np.testing.assert_allclose(values, whole[name])


def test_a_class_absent_from_a_fold_makes_its_metric_undefined_not_zero():
    of = predictions([0, 1, 1, 0])
    found = metrics_of(of, BINS)
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {"balanced_accuracy", "sensitivity", "f1", "auc"}
    told = why_undefined(of.labels, ("healthy", "focal", "diffuse"), found)
    assert "diffuse" in told
    assert "focal" not in told
    assert {name for name in METRICS if name in told} >= {"auc", "f1"}
    weighted = WeightedMetrics(of, BINS)(np.ones((4, 1)))
    assert {name for name, values in weighted.items() if np.isnan(values[0])} == undefined


def test_one_class_alone_has_no_specificity_and_none_at_all_has_nothing():
    assert np.isnan(metrics_of(predictions([1, 1], 2), BINS)["specificity"])
    nothing = predictions([], values=np.empty((0, 3)))
    assert all(np.isnan(value) for value in metrics_of(nothing, BINS).values())
    assert why_undefined(nothing.labels, ("a", "b", "c"), metrics_of(nothing, BINS)) == NO_TEST_BAGS


def test_macro_sensitivity_of_equal_classes_gives_macro_specificity():
    """1 - (1 - sensitivity) / (classes - 1), by which ATMIL's table 2 is seen to have three classes."""
    found = metrics_of(predictions([0, 1, 2] * 20, skill=0.5), BINS)
    assert found["specificity"] == pytest.approx(1 - (1 - found["sensitivity"]) / 2)


def test_the_metrics_of_two_classes_mirror_each_other():
    of = class_metrics(predictions([0, 1] * 20, 2))
    assert of["sensitivity"][0] == of["specificity"][1]
    assert of["auc"][0] == of["auc"][1]


def test_calibration_counts_each_bag_by_its_bins_distance_from_the_diagonal():
    values = [[0.85, 0.15], [0.85, 0.15], [0.85, 0.15], [0.85, 0.15], [0.3, 0.7]]
    of = predictions([0, 0, 0, 1, 1], 2, values=values)
    assert calibration_error(of, BINS) == pytest.approx((4 * abs(0.25 - 0.15) + 1 * 0.3) / 5)
    curve = reliability(of, BINS)
    assert curve["count"].tolist() == [0, 4, 0, 0, 0, 0, 1, 0, 0, 0]
    assert curve["observed"].notna().tolist() == [False, True, False, False, False, False, True, False, False, False]
    assert WeightedMetrics(of, BINS)(np.ones((5, 1)))["calibration_error"][0] == pytest.approx(
        calibration_error(of, BINS)
    )


def test_probabilities_that_come_true_as_often_as_they_say_have_no_calibration_error():
    said = np.repeat([0.25, 0.75], 40)
    labels = np.r_[np.repeat([1, 0], [10, 30]), np.repeat([1, 0], [30, 10])]
    of = predictions(labels, 2, values=np.stack([1 - said, said], axis=1))
    assert calibration_error(of, BINS) == pytest.approx(0)


def test_by_patient_is_the_mean_of_the_patients_bags_and_keeps_labels_apart():
    of = predictions([0, 0, 1, 0], 2, values=[[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]],
                     patients=["A", "A", "A", "B"]).by_patient()  # fmt: skip
    assert of.patients.tolist() == ["A", "B", "A"]
    assert of.labels.tolist() == [0, 0, 1]
    np.testing.assert_allclose(of.probabilities[:, 1], [0.4, 0.4, 0.8])
