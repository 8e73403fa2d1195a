"""Inversions of trained models: which are planned, and what a job makes of any shape of instances and of bad input."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import invert_run
import learning_sets
from marrow.device.chunks import ChunkedEncoder
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.drawing.inversion.cells import cells_of, sheet_of, windowed
from marrow.errors import ConfigError, MarrowError, RunStopped
from marrow.explanation.inversion.examples import MOST, example_bags, examples_of
from marrow.explanation.inversion.network import Network
from marrow.explanation.inversion.predictions import BagPrediction, Predictor
from marrow.explanation.inversion.scores import METRICS
from marrow.explanation.inversion.space import space_of
from marrow.explanation.inversion.variants import QUANTITIES, Variant
from marrow.learning.build import pooling_of
from marrow.learning.feed.choice import feed_of
from marrow.learning.pooling.segments import Segments
from marrow.planning.cohort import load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import plan_datasets
from marrow.planning.inversions import plan_inversions
from marrow.planning.runs import plan_runs
from marrow.runs.model_file import load_model
from marrow.workflow.parse import REPOSITORY
from method_parts import SECTIONS
from trained_runs import trained

SETTINGS = {
    "plain": {"steps": 3, "step_size": 0.001, "momentum": 0.9},
    "sparse": {"steps": 3, "step_size": 1e-4, "lambdas": [0.001, 0.01]},
    "thresholds": [0.1, 0.5],
    "most_bags": 100,
}
LAYOUTS = {
    "pictures": learning_sets.pictures(),
    "tables": learning_sets.tables(),
    "volumes": replace(learning_sets.volumes(), shape=(2, 12, 12, 12), channels=("water", "b900"), spacing_mm=2.0),
    "colours": replace(learning_sets.pictures(), shape=(3, 14, 14), channels=("red", "green", "blue")),
}
ENCODERS = {1: "mlp", 3: "lenet", 4: "lenet3d"}


def data_set(folder, name, labelled=True):
    """Bags whose brighter instances are key, on disk."""
    layout = replace(LAYOUTS[name], instance_label="share" if labelled else "")

    def with_labels(bag):
        bright = (np.arange(len(bag)) < max(1, len(bag) // 3)) & (bag.label == "yes")
        return replace(bag, instance_label=bright.astype(np.float32))

    return learning_sets.written(folder, layout, change=with_labels if labelled else None)


def run_of(folder, manifest, pooling="attention", epochs=1):
    axes = len(manifest.layout.shape)
    encoder = {"kind": ENCODERS[axes], "kernel": 3, "dropout": 0.0}
    level = {"level": "embedding"} if pooling == "max" else {}
    chosen = learning_sets.settings(
        encoder=encoder,
        pooling={
            "kind": pooling,
            "instance_weight": 0.1,
            "instance_reduction": "mean",
            "consistency_weight": 0,
            "consistency_ramp": 0,
            "consistency_decay": 0.6,
            **level,
        },
        auxiliary=[],
        training={"epochs": epochs},
    )
    return trained(folder, manifest, chosen)


def inverted(folder, run, manifest, **changed):
    folder.mkdir(exist_ok=True)
    files = {"scores": folder / "scores.csv", "figure": folder / "figure.png"}
    made = {
        "model": run / "model.safetensors",
        "summary": run / "run.json",
        "training": manifest.path,
        "manifest": manifest.path,
    }
    given = {**made, **files, "title": "Mine", "settings": SETTINGS, "threads": 1}
    given |= {"negatives": [0], "key_classes": {}, "least_lesion": 0.0}
    invert_run.main(**{**given, **changed})
    with files["scores"].open() as lines:
        rows = {(row["quantity"], row["metric"]): row for row in csv.DictReader(lines)}
    return rows, files["figure"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    manifest = data_set(folder, "pictures")
    return manifest, run_of(folder / "run", manifest)


# A job


@pytest.mark.parametrize(
    ("name", "pooling"),
    [("tables", "loss-attention"), ("volumes", "attention"), ("colours", "gated-attention")],
)
def test_any_shape_of_instances_gets_scores_of_every_quantity_and_a_figure(tmp_path, name, pooling):
    manifest = data_set(tmp_path, name)
    rows, figure = inverted(tmp_path / "out", run_of(tmp_path / "run", manifest, pooling), manifest)
    assert list(rows) == [(quantity, metric) for quantity in QUANTITIES for metric in METRICS]
    assert rows["attention", "change"]["value"] == "0"
    assert all(float(rows[quantity, "change"]["value"]) > 0 for quantity in QUANTITIES[1:])
    with Image.open(figure) as picture:
        assert picture.width > 1000


def test_scores_are_of_test_bags_with_what_validation_chose(pictures, tmp_path):
    manifest, run = pictures
    rows, _ = inverted(tmp_path, run, manifest)
    instances = sum(entry.instances for entry in manifest.of_split("test"))
    for quantity in QUANTITIES:
        assert int(rows[quantity, "f1"]["n"]) == instances
        assert float(rows[quantity, "f1"]["threshold"]) in SETTINGS["thresholds"]
    assert float(rows["attention", "auroc"]["value"]) > 0.9
    assert rows["inversion-shrink", "f1"]["note"].endswith("no gradient")
    assert rows["inversion-plain", "f1"]["note"] == "3 steps of 0.001"


def test_an_instance_is_key_from_the_share_on_that_the_config_names(tmp_path):
    made = tmp_path / "made"
    made.mkdir()

    def half_filled(bag):
        bright = (np.arange(len(bag)) < max(1, len(bag) // 3)) & (bag.label == "yes")
        return replace(bag, instance_label=np.where(bright, 0.5, 0).astype(np.float32))

    shares = replace(LAYOUTS["pictures"], instance_label="share")
    manifest = learning_sets.written(made, shares, change=half_filled)
    run = run_of(tmp_path / "run", manifest)
    rows, _ = inverted(tmp_path / "some", run, manifest, least_lesion=0.5)
    assert rows["attention", "auroc"]["value"]
    rows, _ = inverted(tmp_path / "none", run, manifest, least_lesion=0.6)
    assert not rows["attention", "auroc"]["value"]


def test_no_choice_looks_at_test_bags(pictures, tmp_path):
    manifest, run = pictures
    made = tmp_path / "made"
    made.mkdir()

    def wrongly_labelled(bag):
        bright = (np.arange(len(bag)) < max(1, len(bag) // 3)) & (bag.label == "yes")
        return replace(bag, instance_label=np.where(bag.split == "test", ~bright, bright).astype(np.float32))

    other = learning_sets.written(made, replace(LAYOUTS["pictures"], instance_label="share"), change=wrongly_labelled)
    summary = tmp_path / "run.json"
    told = json.loads((run / "run.json").read_text())
    summary.write_text(json.dumps(told | {"manifest": invert_run.manifest_digest(other)}))
    rows, _ = inverted(tmp_path / "one", run, manifest)
    wrong, _ = inverted(tmp_path / "two", run, other, summary=summary)
    for quantity in QUANTITIES:
        for column in ("threshold", "note"):
            assert rows[quantity, "f1"][column] == wrong[quantity, "f1"][column]
        assert rows[quantity, "f1"]["value"] != wrong[quantity, "f1"]["value"]


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_bag_keeps_the_class_that_it_looked_like_whatever_is_made_of_it(pictures, level):
    manifest, run = pictures
    model, _ = load_model(run / "model.safetensors")
    feed = feed_of(manifest, manifest.entries, [], torch.device("cpu"), threads=1)
    predictor = Predictor(
        Network(model, space_of(manifest.layout, model.scaling)), feed, OutOfMemoryGuard(ChunkedEncoder(model.encoder))
    )
    before = predictor.predict()
    after = predictor.predict_inverted(
        Variant(lambda units, _gradient, _within: torch.full_like(units, level), ""), before
    )
    assert {prediction.is_positive for prediction in before} == {True, False}
    assert [prediction.predicted for prediction in after] == [prediction.predicted for prediction in before]
    even = [prediction for prediction in after if prediction.is_positive]
    assert all(
        prediction.attention == pytest.approx(np.full(len(prediction.attention), 1 / len(prediction.attention)))
        for prediction in even
    )
    assert all(prediction is was for prediction, was in zip(after, before, strict=True) if not was.is_positive)


def test_the_same_job_gives_the_same_bytes(pictures, tmp_path):
    manifest, run = pictures
    for folder in ("one", "two"):
        inverted(tmp_path / folder, run, manifest)
    for name in ("scores.csv", "figure.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_instance_labels_there_is_a_figure_and_the_reason_for_no_scores(tmp_path):
    manifest = data_set(tmp_path, "tables", labelled=False)
    rows, figure = inverted(tmp_path / "out", run_of(tmp_path / "run", manifest), manifest)
    assert figure.stat().st_size > 5000
    for quantity in QUANTITIES:
        assert rows[quantity, "f1"]["value"] == ""
        assert "no instance labels" in rows[quantity, "f1"]["note"]


def test_only_the_first_bags_are_looked_at_where_there_are_more(pictures, tmp_path):
    manifest, run = pictures
    rows, _ = inverted(tmp_path, run, manifest, settings=SETTINGS | {"most_bags": 2})
    first = manifest.of_split("test")[:2]
    assert int(rows["attention", "f1"]["n"]) == sum(entry.instances for entry in first)


def test_a_model_that_calls_nothing_positive_leaves_a_figure_that_says_so(tmp_path):
    manifest = learning_sets.written(tmp_path, LAYOUTS["tables"], change=lambda bag: replace(bag, label="no"))
    rows, figure = inverted(tmp_path / "out", run_of(tmp_path / "run", manifest, epochs=3), manifest)
    assert figure.stat().st_size > 0
    assert rows["inversion-plain", "change"]["note"] == "no bag looks positive"


# Bad input


def test_a_stopped_training_has_nothing_to_invert(pictures, tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "run.json").touch()
    with pytest.raises(RunStopped, match="the training of the model was stopped"):
        inverted(tmp_path / "out", tmp_path, pictures[0])


def test_bags_of_another_manifest_are_refused(pictures, tmp_path):
    other = learning_sets.written(tmp_path, pictures[0].layout, {"validation": 1, "test": 2})
    with pytest.raises(MarrowError, match=r"was trained on a manifest of small with the digest .* train again"):
        inverted(tmp_path / "out", pictures[1], other)


def test_a_model_without_attention_is_refused_with_what_to_take(tmp_path):
    manifest = data_set(tmp_path, "tables")
    run = run_of(tmp_path / "run", manifest, "max", epochs=1)
    with pytest.raises(MarrowError, match=r"weighs no instances, .* invert a model whose pooling has attention"):
        inverted(tmp_path / "out", run, manifest)


def test_without_test_bags_nothing_is_scored(tmp_path):
    manifest = learning_sets.written(tmp_path, LAYOUTS["tables"], {"train": 4, "validation": 2})
    with pytest.raises(MarrowError, match="small has no test bags"):
        inverted(tmp_path / "out", run_of(tmp_path / "run", manifest, epochs=1), manifest)


# The plan


SCHEMA = read_schema(REPOSITORY / "schemas/config.schema.yaml")
ENTRIES = {
    "tiles": {"kind": "mosaics"},
    "photos": {"kind": "blood"},
    "fox": {"kind": "classical", "table": "fox", "folds": 2, "repeats": 1},
}


def plan(**inversion):
    runs = {
        "tiles": {"methods": ["embedding-max", "attention", "loss-attention"], "seeds": 2},
        "photos": {"methods": ["attention"], "seeds": 1},
        "fox": {"methods": ["gated-attention", "instance-max"], "seeds": 1},
    }
    config = complete({"datasets": ENTRIES, "runs": runs, "inversion": inversion}, SCHEMA)
    data = plan_datasets(
        config, load_cohort(config, REPOSITORY / "schemas"), REPOSITORY / "schemas", spacing_of(config)
    )
    return plan_inversions(config, data, plan_runs(config, data, REPOSITORY / "schemas"))


def folders(made):
    return [found.folder.removeprefix("results/inversion/") for found in made.inversions]


def test_by_default_methods_with_attention_are_inverted_on_small_pictures():
    methods = ("attention", "loss-attention")
    assert folders(plan()) == [f"tiles/{method}/seed-{seed}" for method in methods for seed in (0, 1)]


def test_other_data_are_inverted_where_asked_and_nothing_where_nothing_is():
    assert folders(plan(runs={"fox": None})) == ["fox-1-01/gated-attention/seed-0", "fox-1-02/gated-attention/seed-0"]
    assert folders(plan(runs={"tiles": ["attention"]})) == ["tiles/attention/seed-0", "tiles/attention/seed-1"]
    assert folders(plan(runs={})) == []


def test_steps_are_those_of_the_paper_for_the_kind_of_data_unless_given():
    made = plan(runs={"tiles": ["attention"], "photos": None}, sparse={"steps": 7})
    digits, tissue = made.inversions[0].settings["sparse"], made.inversions[-1].settings["sparse"]
    assert (digits["step_size"], tissue["step_size"]) == (1e-4, 1e-5)
    assert (digits["lambdas"][0], digits["lambdas"][-1]) == (0.0005, 0.003)
    assert (tissue["lambdas"][0], tissue["lambdas"][-1]) == (0.0004, 0.0024)
    assert digits["steps"] == tissue["steps"] == 7


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({"tile": None}, "inversion.runs names 'tile', which is no entry of runs; did you mean 'tiles'"),
        ({"tiles": ["attentoin"]}, "inversion.runs.tiles names 'attentoin', .* did you mean 'attention'"),
        ({"tiles": ["embedding-max"]}, "pools by max and has no attention to look at; take it out, or name one of att"),
    ],
)
def test_a_wrong_wish_is_told_before_any_work(runs, message):
    with pytest.raises(ConfigError, match=message):
        plan(runs=runs)


def test_the_plan_knows_which_poolings_have_attention():
    settings = {"attention_width": 4, "level": "embedding", "r": 1.0}
    by_gradients = {kind: each for kind, each in SECTIONS["pooling"].kinds.items() if not each.get("fitted")}
    for kind, declared in by_gradients.items():
        pooled = pooling_of(settings | {"kind": kind}, 3, 2)(torch.zeros(2, 3), Segments.of([2]))
        assert (pooled.attention is not None) == declared.get("attention", False)


# The figure


def predictions(counts, predicted):
    return [
        BagPrediction(aim, 0.9, np.linspace(0, 1, count, dtype=np.float32))
        for count, aim in zip(counts, predicted, strict=True)
    ]


def test_bags_with_key_instances_are_shown_before_false_ones_and_negative_ones_never():
    key = [np.zeros(3, bool), np.ones(3, bool), np.ones(3, bool), np.ones(3, bool)]
    assert example_bags(predictions([3, 3, 3, 3], [1, 0, 1, 1]), key) == [2, 3, 0]
    assert example_bags(predictions([3], [0]), key[:1]) == []
    assert example_bags(predictions([50, 60], [1, 1]), [None, None]) == [0]


def test_of_a_large_bag_the_instances_with_the_most_attention_are_shown(tmp_path):
    manifest = learning_sets.written(tmp_path, LAYOUTS["tables"], {"test": 1})
    before = predictions([300], [1])
    (shown,) = examples_of(manifest, manifest.entries, [0], before, before)
    assert shown.instances.tolist() == list(range(299, 299 - MOST, -1))
    assert len(set(zip(shown.rows.tolist(), shown.columns.tolist(), strict=True))) == MOST


def test_a_cell_lies_where_its_instance_is_and_shows_the_first_contrast():
    layout = LAYOUTS["volumes"]
    volumes = np.zeros((2, 2, 4, 4, 4), np.float32)
    volumes[1, 0, 3] = 1.0  # the second instance, on the first contrast, at the head
    cells = cells_of(volumes, layout)
    assert cells.shape == (2, 4, 4, 3)
    assert cells[0].max() == 0
    assert cells[1, 0].min() == 1
    assert cells[1, 1:].max() == 0
    sheet = sheet_of(cells, np.array([0, 1]), np.array([1, 0]))
    assert sheet[:5, :5].min() == 1  # no instance, paper
    assert sheet[6:10, 1:5, 0].max(axis=1).tolist() == [1, 0, 0, 0]


def test_without_bounds_black_and_white_are_those_of_the_instances_as_they_were():
    units = torch.linspace(-3, 3, 1001).view(-1, 1)
    shown = windowed(units * 2, units, is_bounded=False)
    assert (shown[0, 0], shown[-1, 0]) == (0, 1)
    assert shown[500, 0] == pytest.approx(0.5)
    assert windowed(units, units, is_bounded=True)[0, 0] == -3
