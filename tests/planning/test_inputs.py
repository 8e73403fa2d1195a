"""What rules ask of the plan: the files and parameters of a job, by its wildcards."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from marrow.errors import ConfigError
from marrow.planning.inputs import Inputs
from marrow.planning.inputs.resources import each_attempt, mebibytes, minutes
from marrow.planning.plan import make_plan
from marrow.workflow.parse import REPOSITORY

PATIENTS = {"healthy": 1, "inactive": 0, "focal": 3, "diffuse": 0, "predict": 1}
CONFIG = {
    "simulate": {"patients": PATIENTS, "repeat_every": 0, "faults": {}},
    "datasets": {"scans": {"kind": "scans"}, "digits": {"kind": "mnist_bags", "training_bags": [50]}},
    "runs": {
        "scans": {"methods": ["atmil", "uniform"], "seeds": 2},
        "digits": {"methods": ["attention"], "seeds": 2, "training": {"epochs": 3}},
    },
    "seeds_per_process": 2,
}
DIGITS = {"dataset": "digits", "method": "attention", "seed": "1"}


def inputs_of(**settings):
    return Inputs(make_plan(CONFIG | settings, REPOSITORY / "schemas"))


@pytest.fixture(scope="module")
def inputs():
    return inputs_of()


def of(**wildcards):
    return SimpleNamespace(**wildcards)


def test_a_scan_is_made_of_its_raw_files_contrast_after_contrast(inputs):
    scan = of(scan="focal-01-1")
    contrasts = ["fat", "water", "b50", "b900"]
    row = inputs.scan(scan)
    assert row.raw_images == [f"results/cohort/focal-01-1/{contrast}" for contrast in contrasts]
    assert row.path_counts == dict.fromkeys(contrasts, 1)
    assert row.truths["lesions"] == "results/cohort/focal-01-1/lesions.nii.gz"
    assert inputs.simulated["focal-01-1"]["patient"] == row.patient == "focal-01"


def test_the_b_values_beside_a_file_are_read_with_it(tmp_path):
    for name in ("dwi.nii.gz", "dwi.bval", "fat.nii", "fat.json", "water.nii", "other.bval"):
        (tmp_path / name).touch()
    columns = {"scan": "S", "patient": "P", "split": "train", "label": "focal", "fat": "fat.nii", "water": "water.nii"}
    columns |= {"b50": "dwi.nii.gz", "b900": "dwi.nii.gz"}
    text = "\t".join(columns) + "\n" + "\t".join(columns.values()) + "\n"
    (tmp_path / "s.tsv").write_text(text, encoding="utf-8")
    raw = inputs_of(samples=str(tmp_path / "s.tsv"), bones={"source": "none"}, datasets={}, runs={}).raw_images(
        of(scan="S")
    )
    assert [Path(path).name for path in raw] == [
        *("fat.nii", "water.nii", "dwi.nii.gz", "dwi.nii.gz"),
        *("fat.json", "dwi.bval"),
    ]


def test_a_frozen_standard_is_fitted_on_nobody(tmp_path):
    assert inputs_of().plan.standards.frozen_file("fat") == []
    for contrast in ("fat", "water", "b50", "b900"):
        (tmp_path / f"{contrast}.npy").touch()
    frozen = inputs_of(standard={"frozen": str(tmp_path)}).plan
    assert frozen.standards["fat"].scans == ()
    assert frozen.standards.frozen_file("fat") == [f"{tmp_path}/fat.npy"]


def test_bags_are_cut_from_the_contrasts_and_lesions_of_their_scan(inputs):
    bag = of(dataset="scans", scan="predict-01-1")
    contrasts = inputs.bag_set(bag).settings["contrasts"]
    assert inputs.channels(bag) == [f"results/normalised/predict-01-1/{contrast}.nii" for contrast in contrasts]
    assert inputs.scan(bag).lesions == ["results/labels/predict-01-1/lesions.nii"]


def test_a_file_of_generated_bags_is_known_by_its_name(inputs):
    wildcards = of(dataset="digits", block="train-00000")
    block = inputs.block(wildcards)
    assert (block.split, block.first, block.count) == ("train", 0, 50)
    assert inputs.bag_set(wildcards).modules == ["marrow.datasets.mnist_bags"]
    assert (inputs.sampled_sets, inputs.generated_sets) == ("scans", "digits")
    assert inputs_of(datasets={}, runs={}).generated_sets == "(?!)"


def test_a_model_learns_from_training_and_validation_bags_alone(inputs):
    learning = inputs.dataset(of(dataset="digits-training"))
    assert {name.split("/")[-1].split("-")[0] for name in learning.bags} == {"train", "validation"}
    assert learning.selection.keys() == {"train", "validation"}
    assert learning.name == "digits"
    of_scans = inputs.dataset(of(dataset="scans-training"))
    rows = of_scans.rows
    assert {row["split"] for row in rows} == {"train", "validation"}
    assert [f"results/bags/scans/{row['bag']}.parquet" for row in rows] == list(of_scans.bags)
    assert not {"site", "attributes"} & rows[0].keys()


def test_the_modules_of_a_run_are_those_of_its_method_and_of_its_augmentation(inputs):
    run = inputs.run(of(dataset="scans", method="atmil", seed="0"))
    modules = run.modules
    assert {"marrow.learning.weighting.atmil", "marrow.learning.pooling.attention"} <= set(modules)
    assert set(run.training_modules) - set(modules) == {"marrow.learning.augment.augmenter"}
    assert inputs.run(of(dataset="scans-predict", method="atmil", seed="0")).modules == modules
    assert "marrow.learning.augment.augmenter" not in inputs.run(of(**DIGITS)).training_modules


def test_the_network_for_all_scans_is_trained_on_the_validation_scans_too(inputs):
    training, validation = inputs.plan.bones.scans_of("train")
    assert inputs.plan.bones.scans_of("all") == (training + validation, [])
    assert list(inputs.plan.bones.annotated) == training + validation


def test_seeds_train_in_one_process_only_where_several_are_due(inputs):
    due = {"0", "1"}
    before = inputs.trained_before(lambda _, wildcards: wildcards["seed"] in due)
    assert before(of(**DIGITS)) == ["results/seeds/{dataset}/{method}/trained.json"]
    assert [run.seed for run in inputs.process(of(**DIGITS))] == [0, 1]
    assert inputs.process(of(**DIGITS))[0].folder == "results/runs/digits/attention/seed-0"
    due.remove("0")
    assert before(of(**DIGITS)) == []


def test_an_evaluation_reads_all_runs_of_its_entry_and_no_other(inputs):
    evaluation = inputs.evaluation(of(entry="digits"))
    assert evaluation.of_runs("record.json") == [
        f"results/runs/digits/attention/seed-{seed}/record.json" for seed in (0, 1)
    ]
    assert evaluation.table_of("sizes") == "results/evaluation/digits/summary.csv"
    assert (evaluation.bag, inputs.evaluation(of(entry="scans")).bag) == ("bag", "scan")


def test_a_section_is_passed_on_without_what_only_says_which_jobs_there_are(inputs):
    section = inputs.plan.config["evaluation"]
    assert inputs.plan.settings("evaluation", without=["reference"]).keys() == section.keys() - {"reference"}


def test_a_map_of_a_predicted_scan_reads_what_the_runs_predict_for_it(inputs):
    drawn = of(dataset="scans", method="atmil", seed="0", bag="predict-01-1")
    assert inputs.map(drawn).source == "results/predicted/scans-predict/atmil/seed-0"
    assert inputs.map(drawn).manifest == "results/manifests/scans-predict.parquet"
    assert inputs.other_seeds(drawn) == ["results/predicted/scans-predict/atmil/seed-1/predictions.parquet"]
    assert inputs.map(drawn).background == "results/normalised/predict-01-1/b900.nii"


def test_localisation_gathers_scored_and_inverted_runs_of_an_entry(inputs):
    folder = "digits/attention/seed-"
    scored = inputs.of_scored_runs("bags.csv")(of(entry="digits"))
    inverted = inputs.inversion_scores(of(entry="digits"))
    assert scored == [f"results/localisation/{folder}{seed}/bags.csv" for seed in (0, 1)]
    assert inverted == [f"results/inversion/{folder}{seed}/scores.csv" for seed in (0, 1)]
    assert inputs.inversion_scores(of(entry="scans")) == []


def test_targets_name_what_the_runs_predict_for_scans_that_are_only_predicted(inputs):
    predicted = [file for file in inputs.targets.trained if file.startswith("results/predicted/scans-predict/")]
    assert len(predicted) == 4
    assert set(predicted) < set(inputs.report.predictions)
    assert not any("/digits/" in file for file in inputs.report.predictions)


def test_the_last_record_of_a_scan_is_that_of_the_last_stage_planned_for_it(inputs):
    assert inputs.report.last_records[0] == "results/bags/scans/focal-01-1.record.json"
    twice = {"scans": {"kind": "scans"}, "again": {"kind": "scans"}}
    assert inputs_of(datasets=twice, runs={}).report.last_records == inputs.report.last_records
    without = inputs_of(bones={"source": "none"}, datasets={}, runs={}).report
    assert without.last_records[0] == "results/normalised/focal-01-1/record.json"
    unsampled = inputs_of(datasets={}, runs={}).report
    assert unsampled.last_records[0] == "results/bones/focal-01-1/corrected/record.json"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda inputs: inputs.scan(of(scan="focal-1-1")), "no scan focal-1-1; did you mean"),
        (lambda inputs: inputs.dataset(of(dataset="scan")), "no data set scan; did you mean 'scans'"),
        (
            lambda inputs: inputs.block(of(dataset="digits", block="train-1")),
            "digits have no file train-1; did you",
        ),
        (lambda inputs: inputs.process(of(**DIGITS | {"method": "atention"})), "did you mean 'attention'"),
        (lambda inputs: inputs.evaluation(of(entry="digit")), "no runs of digit are planned; did you mean"),
        (lambda inputs: inputs.lesions(of(**DIGITS | {"dataset": "digit"})), "did you mean 'digits'"),
        (lambda _: inputs_of(runs={}).evaluation(of(entry="digit")), "there are none"),
    ],
)
def test_a_name_that_is_not_planned_is_answered_with_the_nearest_that_is(inputs, ask, message):
    with pytest.raises(ConfigError, match=message):
        ask(inputs)


def test_memory_and_time_grow_with_the_inputs_and_each_attempt():
    files = SimpleNamespace(size_mb=512.0)
    assert mebibytes(base=100, per_input=2)(of(), input=files, attempt=2) == 2 * (100 + 2 * 512)
    assert minutes(base=5, per_gigabyte=10)(of(), input=files, attempt=1) == 10
    assert each_attempt(30)(of(), attempt=3) == 90
