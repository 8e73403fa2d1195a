"""Runs evaluated together: spread, intervals, paired comparisons, and the reasons given where runs are missing."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score

import evaluate_runs
from evaluation_runs import CLASSES, manifest, planned, probabilities, rewrite, save_predictions
from marrow.errors import MarrowError
from marrow.evaluation import comparison
from marrow.evaluation.columns import COLUMNS, METRICS
from marrow.evaluation.comparison import Permutations
from marrow.evaluation.evaluate import Settings, evaluate
from marrow.evaluation.evaluated_runs import DONE, MISSING, STOPPED, EvaluatedRun, Part
from marrow.evaluation.metrics import NO_TEST_BAGS, metrics_of, why_undefined
from marrow.evaluation.predictions import Predictions
from marrow.evaluation.run_reader import read_run
from marrow.evaluation.summary import bootstrapped
from marrow.statistics.resampling import holm, patient_draws, patient_swaps
from marrow.tables.frames import read_table
from marrow.workflow.record import Record, Stop, write_record

SETTINGS = Settings(resamples=300, stratify=False, calibration_bins=10, significance=0.05, seed=0)
LABELS = [index % 3 for index in range(30)]


def run_of(method="atmil", seed=0, *, labels=LABELS, skill=1.0, patients=None, dataset="scans", part="scans", like=0):
    values = probabilities(labels, 3, skill, 100 * like + seed)
    names = np.array(patients or [f"P{index:03d}" for index in range(len(labels))])
    of = Predictions(names, np.array([""] * len(labels)), np.array(labels), values)
    return EvaluatedRun(planned(method, seed, dataset, part), DONE, "", of, metrics_of(of, 10))


def lost(method="atmil", seed=0, status=MISSING) -> EvaluatedRun:
    return EvaluatedRun(planned(method, seed), status, "the disk was full", None, {})


def tables(*runs, reference="atmil", settings=SETTINGS):
    return evaluate(runs, reference, CLASSES, "scan", settings)


def row(table, **values):
    (found,) = [each for each in records(table) if all(each[key] == value for key, value in values.items())]
    return found


def records(table):
    return table.to_dict("records")


# Spread and intervals


def test_mean_deviation_and_error_are_over_runs_and_labelled_by_n():
    runs = [run_of(seed=seed) for seed in range(4)]
    values = [run.metrics["accuracy"] for run in runs]
    found = row(tables(*runs)["summary"], method="atmil", metric="accuracy")
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["std"] == pytest.approx(stats.tstd(values))
    assert found["sem"] == pytest.approx(stats.sem(values))
    assert found["n"] == 4


def test_one_run_has_no_spread():
    found = row(tables(run_of())["summary"], metric="accuracy")
    assert np.isnan([found["std"], found["sem"]]).all()
    assert found["n"] == 1


def test_a_missing_run_leaves_no_mean_over_fewer_and_the_reason():
    made = tables(run_of(seed=0), run_of(seed=1), lost(seed=2), *(run_of("mil-max", seed, like=1) for seed in range(3)))
    for metric in METRICS:
        found = row(made["summary"], method="atmil", metric=metric)
        assert np.isnan([found[name] for name in ("mean", "std", "sem", "low", "high")]).all()
    assert "the disk was full" in row(made["notes"], method="atmil")["note"]
    assert row(made["summary"], method="mil-max", metric="accuracy")["mean"] > 0
    assert set(made["confusion"]["method"]) == {"mil-max"}
    compared = row(made["comparisons"], method="mil-max", metric="accuracy")
    assert np.isnan(compared["difference"])
    assert compared["runs"] == 2
    assert made["notes"]["note"].str.contains("nothing is compared").any()


def test_all_runs_failed_and_the_tables_still_tell_why():
    made = tables(lost(status=STOPPED), lost("mil-max"))
    assert made["runs"]["status"].tolist() == [STOPPED, MISSING]
    assert set(made["runs"]["reason"]) == {"the disk was full"}
    assert made["summary"]["mean"].isna().all()
    assert (made["summary"]["n"] == 0).all()
    assert all(made[name].empty for name in ("confusion", "groups", "reliability"))


def test_the_bootstrap_spreads_as_the_mean_of_patients_does():
    run = run_of(labels=[index % 3 for index in range(300)])
    part = Part("scans", (run,))
    found = bootstrapped(part, "atmil", patient_draws(part.patient_labels * 0, 4000, 0), 10)["accuracy"]
    accuracy = run.metrics["accuracy"]
    assert found.std() == pytest.approx(math.sqrt(accuracy * (1 - accuracy) / 300), rel=0.05)


def test_patients_are_drawn_whole_with_all_their_scans_and_seeds():
    """Two scans a patient that agree, and two seeds that agree, are no more evidence than one."""
    once = run_of(labels=LABELS)
    assert once.predictions is not None
    of = once.predictions
    doubled = Predictions(
        *(np.concatenate([each, each]) for each in (of.patients, of.sites, of.labels, of.probabilities))
    )
    twice = [EvaluatedRun(planned(seed=seed), DONE, "", doubled, metrics_of(doubled, 10)) for seed in (0, 1)]
    one = row(tables(once)["summary"], metric="accuracy")
    many = row(tables(*twice)["summary"], metric="accuracy")
    assert (one["low"], one["high"]) == (many["low"], many["high"])


def test_folds_in_which_a_metric_is_undefined_do_not_count_for_its_mean_and_are_told():
    folds = [
        run_of(dataset=f"musk-1-{fold}", part="musk", labels=labels)
        for fold, labels in enumerate([[0, 1, 2, 0, 1, 2], [0, 1, 0, 1], [2, 1, 0, 1]])
    ]
    made = tables(*folds)
    auc = row(made["summary"], metric="auc")
    assert auc["n"] == 2
    assert auc["mean"] == pytest.approx(np.mean([folds[0].metrics["auc"], folds[2].metrics["auc"]]))
    assert row(made["summary"], metric="accuracy")["n"] == 3
    assert made["notes"].query("metric == 'auc'")["note"].str.contains("undefined in 1 of 3 runs").any()


def test_data_sets_that_are_no_folds_are_not_averaged():
    made = tables(run_of(dataset="a", part="a"), run_of(dataset="b", part="b", like=3))
    assert made["summary"].query("metric == 'auc'")["part"].tolist() == ["a", "b"]


# Comparisons


def compare(*runs, resamples=300):
    part = Part("scans", runs)
    draws = patient_draws(part.patient_labels * 0, 200, 0)
    draws_of = {method: bootstrapped(part, method, draws, 10) for method in part.methods}
    permutations = Permutations(*patient_swaps(len(part.patients), resamples, 0))
    return comparison.compare(part, "atmil", draws_of, permutations, 10)


def test_a_method_does_not_differ_from_its_double():
    for found in records(compare(run_of("atmil"), run_of("twin"))):
        assert (found["difference"], found["p"], found["p_corrected"]) == (0, 1, 1)
        assert (found["low"], found["high"]) == (0, 0)


def test_the_permutation_test_is_the_exact_sign_flip_test_where_it_can_be():
    """Against all sign flips, written out, of the patients' differences in accuracy."""
    a, b = run_of("atmil", labels=[0, 1, 2] * 3), run_of("other", labels=[0, 1, 2] * 3, skill=0, like=5)
    assert a.predictions is not None
    assert b.predictions is not None
    right = [(each.predictions.predicted == each.predictions.labels).astype(float) for each in (a, b)]
    differences = right[1] - right[0]
    flips = np.array([np.mean(differences * signs) for signs in itertools.product([1, -1], repeat=9)])
    found = row(compare(a, b, resamples=512), metric="accuracy")
    assert found["p"] == pytest.approx(np.mean(np.abs(flips) >= abs(differences.mean()) - 1e-12))


def test_drawn_permutations_agree_with_all_of_them():
    runs = (run_of("atmil", labels=[0, 1, 2] * 4), run_of("other", labels=[0, 1, 2] * 4, skill=0.2, like=5))
    exact = row(compare(*runs, resamples=4096), metric="log_loss")["p"]
    assert row(compare(*runs, resamples=4095), metric="log_loss")["p"] == pytest.approx(exact, abs=0.03)


def test_a_patients_scans_are_swapped_together():
    """Against all sign flips of whole patients, who have three scans each."""
    labels, patients = [0, 1, 2] * 6, [f"P{index // 3}" for index in range(18)]
    a = run_of("atmil", labels=labels, skill=2, patients=patients)
    b = run_of("other", labels=labels, skill=0.5, patients=patients, like=2)
    assert a.predictions is not None
    assert b.predictions is not None
    right = [(each.predictions.predicted == each.predictions.labels).astype(float) for each in (a, b)]
    differences = (right[1] - right[0]).reshape(6, 3).sum(1)
    flips = np.array([np.sum(differences * signs) for signs in itertools.product([1, -1], repeat=6)])
    found = row(compare(a, b), metric="accuracy")
    assert found["p"] == pytest.approx(np.mean(np.abs(flips) >= abs(differences.sum()) - 1e-12))


def test_for_each_metric_p_is_corrected_over_the_methods():
    found = compare(run_of(), run_of("weak", skill=0, like=1), run_of("weaker", skill=-1, like=2), run_of("twin"))
    for _, of_metric in found.groupby("metric"):
        assert len(of_metric) == 3
        assert of_metric["p_corrected"].tolist() == pytest.approx(holm(of_metric["p"]).tolist())
    assert (found["p_corrected"] > found["p"]).any()


def test_a_real_difference_is_found_and_its_interval_leaves_out_nothing():
    labels = [index % 3 for index in range(120)]
    found = row(compare(run_of(labels=labels, skill=4), run_of("weak", labels=labels, skill=0, like=1)), metric="auc")
    assert found["high"] < 0
    assert found["p"] < 0.01


def test_only_the_same_bags_and_seeds_are_paired():
    found = compare(run_of(seed=0), run_of(seed=1), run_of("other", seed=1, like=1))
    ours, theirs = run_of("other", seed=1, like=1), run_of(seed=1)
    accuracy = row(found, metric="accuracy")
    assert accuracy["runs"] == 1
    assert accuracy["difference"] == pytest.approx(ours.metrics["accuracy"] - theirs.metrics["accuracy"])


def test_few_patients_are_told_to_prove_nothing():
    made = tables(run_of(labels=[0, 1, 2]), run_of("weak", labels=[0, 1, 2], like=1))
    assert made["notes"]["note"].str.contains("no p is below 0.25").any()
    assert (made["comparisons"]["p"] >= 0.25).all()


# Breakdowns


def test_confusion_counts_every_run_and_rows_are_of_the_label():
    runs = [run_of(seed=seed) for seed in range(2)]
    made = tables(*runs)["confusion"]
    assert made["count"].sum() == 60
    assert made.groupby("label")["row_percent"].sum().to_dict() == pytest.approx(dict.fromkeys(CLASSES, 100))
    right = made.query("label == predicted")["count"].sum()
    predicted = [(run.predictions.labels, run.predictions.predicted) for run in runs if run.predictions]
    assert right == sum(accuracy_score(*each, normalize=False) for each in predicted)


def test_groups_have_scans_patients_sites_and_classes():
    base = run_of(patients=[f"P{index // 2}" for index in range(30)], labels=sorted(LABELS))
    assert base.predictions is not None
    sites = np.array(["north", "south"] * 15)
    of = Predictions(base.predictions.patients, sites, base.predictions.labels, base.predictions.probabilities)
    made = tables(EvaluatedRun(base.planned, DONE, "", of, metrics_of(of, 10)))["groups"]
    assert row(made, grouping="scan", group="all", metric="accuracy")["mean"] == base.metrics["accuracy"]
    assert row(made, grouping="patient", group="all", metric="accuracy")["n"] == 15
    assert row(made, grouping="site", group="north", metric="accuracy")["n"] == 15
    assert row(made, grouping="class", group="focal", metric="sensitivity")["n"] == 10


# Bad input


@pytest.fixture
def scans(tmp_path):
    return manifest(tmp_path / "manifests/scans.parquet", LABELS)


@pytest.fixture
def saved(tmp_path, scans):
    return save_predictions(scans, probabilities(LABELS, 3, 1.0, 0), tmp_path / "run/predictions.parquet")


def told(saved, scans) -> EvaluatedRun:
    return read_run(planned(), saved, saved.with_name("record.json"), scans, 10)


def test_predictions_are_read_for_the_bags_of_the_manifest(saved, scans):
    found = told(saved, scans)
    assert found.status == DONE
    assert found.predictions is not None
    assert found.predictions.labels.tolist() == LABELS
    np.testing.assert_allclose(found.predictions.probabilities, probabilities(LABELS, 3, 1.0, 0), atol=1e-6)


def untested(method="atmil"):
    """A run that is done and has no test bag to be measured on."""
    none = np.array([], np.str_)
    of = Predictions(none, none, np.array([], np.int64), np.zeros((0, 3)))
    metrics = metrics_of(of, 10)
    return EvaluatedRun(planned(method), DONE, why_undefined(of.labels, CLASSES, metrics), of, metrics)


@pytest.mark.parametrize("run", [untested, lost])
def test_without_a_test_bag_or_a_run_that_is_done_tables_have_their_columns_and_say_why(run):
    found = tables(run("atmil"), run("mil-max"))
    assert {name: list(table.columns) for name, table in found.items()} == {name: list(COLUMNS[name]) for name in found}
    assert {name: len(found[name]) for name in ("confusion", "reliability", "groups")} == dict.fromkeys(
        ("confusion", "reliability", "groups"), 0
    )
    assert found["summary"]["mean"].isna().all()
    assert found["comparisons"]["p"].isna().all()
    assert found["notes"]["note"].str.contains(run().reason, regex=False).any()


def test_only_labelled_test_bags_are_evaluated(tmp_path, saved):
    training = manifest(tmp_path / "m.parquet", LABELS, split="train")
    save_predictions(training, probabilities(LABELS, 3, 1.0, 0), saved)
    found = told(saved, training)
    assert found.status == DONE
    assert found.reason == NO_TEST_BAGS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"manifest": "f" * 64}, ["another manifest", "ffffffff", "train again"]),
        ({"classes": ["non-active", "diffuse", "focal"]}, ["the classes", "non-active, focal, diffuse"]),
        ({"dataset": "musk"}, ["musk", "not of scans"]),
    ],
)
def test_predictions_of_other_data_are_refused(saved, scans, changes, words):
    rewrite(saved, **changes)
    found = told(saved, scans)
    assert found.status == MISSING
    assert all(word in found.reason for word in words), found.reason


@pytest.mark.parametrize("left", [0, 1, 200, 1500])
def test_a_cut_file_is_a_missing_run(saved, scans, left):
    saved.write_bytes(saved.read_bytes()[:left])
    found = told(saved, scans)
    assert found.status == MISSING
    assert "run the workflow again" in found.reason


def test_a_missing_file_is_a_missing_run(saved, scans):
    saved.unlink()
    assert "is missing" in told(saved, scans).reason


def test_a_probability_that_is_no_number_is_a_missing_run(tmp_path, saved, scans):
    values = probabilities(LABELS, 3, 1.0, 0)
    values[4] = np.nan
    save_predictions(scans, values, saved)
    assert "bag-0004" in told(saved, scans).reason


def test_a_manifest_that_cannot_be_read_is_told_of_its_runs(saved):
    assert told(saved, MarrowError("the manifest is cut")).reason == "the manifest is cut"


def test_a_stopped_training_is_told_with_its_reason(saved, scans):
    saved.write_bytes(b"")
    stop = Stop("train_model", "loss", "in epoch 3 the losses were nan")
    write_record(Record("train_model", {}, "", {}, {}, {}, {}, stopped=stop), saved.with_name("record.json"))
    found = told(saved, scans)
    assert found.status == STOPPED
    assert "in epoch 3" in found.reason


# The stage


def stage(tmp_path, runs, predictions, manifests, datasets):
    kinds = ("summary", "comparisons", "confusion", "reliability", "groups", "experts", "notes")
    places = {kind: tmp_path / f"{kind}.csv" for kind in kinds}
    evaluate_runs.main(
        predictions=predictions,
        run_records=[path.with_name("record.json") for path in predictions],
        manifests=manifests,
        runs_table=tmp_path / "runs.csv",
        **places,
        runs=[vars(run) for run in runs],
        datasets=datasets,
        reference="atmil",
        bag="scan",
        settings={"resamples": 100, "stratify": True, "calibration_bins": 10, "significance": 0.05, "seed": 0},
    )
    return {kind: read_table(path, COLUMNS[kind]) for kind, path in {"runs": tmp_path / "runs.csv", **places}.items()}


def test_the_stage_writes_every_table_with_its_columns(tmp_path, saved, scans):
    made = stage(tmp_path, [planned(), planned("mil-max")], [saved, tmp_path / "no"], [scans.path], ["scans"])
    for kind, table in made.items():
        assert (tmp_path / f"{kind}.csv").read_text().splitlines()[0] == ",".join(COLUMNS[kind])
        assert len(table) or kind == "experts", kind
    assert made["runs"]["status"].tolist() == [DONE, MISSING]
    assert made["runs"]["accuracy"].isna().tolist() == [False, True]


def test_the_stage_gives_the_same_bytes_again(tmp_path, saved, scans):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    for folder in "ab":
        stage(tmp_path / folder, [planned()], [saved], [scans.path], ["scans"])
    for kind in ("summary", "comparisons", "groups"):
        assert (tmp_path / f"a/{kind}.csv").read_bytes() == (tmp_path / f"b/{kind}.csv").read_bytes()


def test_the_stage_survives_a_manifest_that_is_cut(tmp_path, saved, scans):
    scans.path.write_bytes(scans.path.read_bytes()[:100])
    made = stage(tmp_path, [planned()], [saved], [scans.path], ["scans"])
    assert made["runs"]["status"].tolist() == [MISSING]
    assert len(made["notes"])
