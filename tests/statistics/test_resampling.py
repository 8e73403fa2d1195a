"""Chance over patients: draws, intervals, permutations, and the correction for several tests."""

import numpy as np
import pytest
from scipy import stats

from marrow.statistics.resampling import (
    holm,
    mean_interval,
    patient_draws,
    patient_swaps,
    percentile_interval,
    permutation_p,
)


def test_a_draw_has_as_many_patients_as_there_are_and_a_stratified_one_of_each_class():
    strata = np.array([0, 0, 0, 1, 2, 2])
    plain = patient_draws(strata * 0, 500, 0)
    assert (plain.sum(0) == 6).all()
    assert (plain[:3].sum(0) != 3).any()
    within = patient_draws(strata, 500, 0)
    assert (within[:3].sum(0) == 3).all()
    assert (within[3] == 1).all()
    assert plain.mean() == pytest.approx(1)


def test_an_interval_of_which_most_draws_are_undefined_is_none():
    assert np.isnan(percentile_interval(np.array([0.5, np.nan, np.nan]))).all()
    assert percentile_interval(np.array([0.0, 1.0, np.nan])) == pytest.approx((0.025, 0.975))


def test_the_chance_of_a_false_alarm_is_what_it_says():
    chance = np.random.default_rng(0)
    p_values = []
    ways, complete = patient_swaps(20, 200, 0)
    for _ in range(300):
        differences = chance.normal(size=20)
        permuted = (differences @ (1 - 2 * ways)) / 20
        p_values.append(permutation_p(differences.mean(), permuted, complete))
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.05)
    assert min(p_values) > 0


def test_holm_multiplies_the_least_p_by_all_and_never_changes_the_order():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
    assert holm([]).size == 0


def test_the_interval_of_a_mean_is_that_of_scipys_percentile_bootstrap():
    values = np.random.default_rng(3).normal(size=11)
    by_scipy = stats.bootstrap(
        (values,), np.mean, n_resamples=500, method="percentile", rng=np.random.default_rng(7)
    ).confidence_interval
    assert mean_interval(values, 500, 7) == pytest.approx((by_scipy.low, by_scipy.high), abs=1e-12)


def test_one_patient_has_no_interval_and_equal_ones_have_a_narrow_one():
    assert np.isnan(mean_interval(np.array([0.5]), 100, 0)).all()
    assert mean_interval(np.full(4, 0.25), 100, 0) == (0.25, 0.25)
