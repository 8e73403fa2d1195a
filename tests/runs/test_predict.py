"""Predictions of a trained model, its file, and the tables of a run."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

import learning_sets
import predict_bags
import train_model
from marrow.bags.manifest import write_manifest
from marrow.errors import MarrowError, RunStopped
from marrow.learning.inference import predict
from marrow.learning.training.interrupt import Interrupt
from marrow.runs.files import RunFiles
from marrow.runs.model_file import load_model
from marrow.runs.tables import write_history
from marrow.runs.training import MethodOnData, Training
from trained_runs import arguments, trained


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("tables"), learning_sets.tables())


@pytest.fixture(scope="module")
def run(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return trained(folder, tables, learning_sets.settings(auxiliary=["stripe", "height"], training={"epochs": 3}))


def predicted(folder, model, manifest):
    files = {name: folder / f"{name}.parquet" for name in ("predictions", "instances")}
    predict_bags.main(model=model, manifest=manifest, threads=1, **files)
    return {name: pq.read_table(file) for name, file in files.items()}


def test_a_saved_model_says_of_bags_what_the_trained_one_does(tables, tmp_path):
    chosen = learning_sets.settings(auxiliary=["stripe", "height"], training={"epochs": 3})
    training = Training(MethodOnData(tables, "mine", chosen, None, torch.device("cpu"), 1), 3, tmp_path, Interrupt())
    training.trainer.train()
    expected = predict(training.prepared.stepper.model, training.prepared.all)
    training.write(RunFiles.within(tmp_path))
    tables_of = predicted(tmp_path, tmp_path / "model.safetensors", tables.path)
    assert tables_of["predictions"]["p_yes"].to_pylist() == expected.probabilities[:, 1].tolist()
    assert tables_of["instances"]["attention"].to_pylist() == expected.attention.tolist()


def test_bags_that_teach_nothing_change_no_model(tables, run, tmp_path):
    learned = [entry for entry in tables.entries if entry.split in {"train", "validation"}]
    part = replace(tables, path=tables.path.with_name("part.parquet"), entries=tuple(learned))
    write_manifest(part, part.path)
    chosen = learning_sets.settings(auxiliary=["stripe", "height"], training={"epochs": 3})
    again = trained(tmp_path, part, chosen)
    assert (again / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()


def test_bags_without_a_label_are_predicted_and_their_label_stays_unknown(run, tmp_path):
    def unlabelled(made):
        return replace(made, label="", split="predict")

    manifest = learning_sets.written(tmp_path, learning_sets.tables(), {"predict": 3}, unlabelled)
    rows = predicted(tmp_path, run / "model.safetensors", manifest.path)["predictions"].to_pylist()
    assert [row["bag"] for row in rows] == ["predict-00", "predict-01", "predict-02"]
    assert all(row["label"] == -1 and row["p_no"] + row["p_yes"] == pytest.approx(1) for row in rows)


def test_the_tables_hold_every_bag_and_instance_once_and_in_order(tables, run):
    bags = pq.read_table(run / "predictions.parquet").to_pylist()
    assert [(row["bag"], row["split"], row["label"]) for row in bags] == [
        (entry.bag, entry.split, entry.label) for entry in tables.entries
    ]
    assert all(row["predicted"] == int(row["p_yes"] > row["p_no"]) for row in bags)
    instances = pq.read_table(run / "instances.parquet").to_pylist()
    for entry in tables.entries:
        rows = [row for row in instances if row["bag"] == entry.bag]
        assert [row["instance"] for row in rows] == list(range(entry.instances))
        assert sum(row["attention"] for row in rows) == pytest.approx(1, abs=1e-5)
        assert {row["predicted_stripe"] for row in rows} <= {0, 1}
        assert all(np.isfinite(row["predicted_height"]) for row in rows)


def test_a_table_names_its_manifest_and_another_manifest_has_another_name(tables, run, tmp_path):
    def told(file):
        return json.loads(pq.read_schema(file).metadata[b"marrow"])

    assert told(run / "predictions.parquet") == told(run / "instances.parquet")
    assert told(run / "predictions.parquet")["manifest"] == json.loads((run / "run.json").read_text())["manifest"]
    other = learning_sets.written(tmp_path, learning_sets.tables(), {"test": 3})
    predicted(tmp_path, run / "model.safetensors", other.path)
    assert told(tmp_path / "predictions.parquet")["manifest"] != told(run / "predictions.parquet")["manifest"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda layout: replace(layout, classes=("yes", "no")),
            "was trained to tell no, yes, and small has",
        ),
        (lambda layout: replace(layout, shape=(7,)), "was trained on bags of small with the layout"),
    ],
)
def test_bags_that_do_not_fit_the_model_are_refused(run, tmp_path, change, message):
    manifest = learning_sets.written(tmp_path, change(learning_sets.tables()), {"test": 2})
    with pytest.raises(MarrowError, match=message):
        predicted(tmp_path, run / "model.safetensors", manifest.path)


@pytest.mark.parametrize("change", [{"margin": 2}, {"channels": ("fat",)}, {"spacing_mm": 3.0}], ids=list)
def test_bags_of_the_same_shape_that_were_made_otherwise_are_refused(run, tables, change):
    _, about = load_model(run / "model.safetensors")
    about.check(tables)
    with pytest.raises(MarrowError, match="with the layout"):
        about.check(replace(tables, layout=replace(tables.layout, **change)))


def test_a_model_whose_training_was_stopped_predicts_nothing_and_says_why(tables, tmp_path):
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(RunStopped, match="the training of the model was stopped"):
        predicted(tmp_path, tmp_path / "model.safetensors", tables.path)


def test_a_damaged_or_foreign_model_file_is_refused(run, tmp_path):
    content = (run / "model.safetensors").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-8])
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign")
    (tmp_path / "edited").write_bytes(content.replace(b'\\"attention_width\\":16', b'\\"attention_width\\":17'))
    assert (tmp_path / "edited").read_bytes() != content
    for name, message in {
        "cut": "damaged or no safetensors file",
        "foreign": "holds no classifier of bags",
        "edited": "other weights than its header tells of",
        "missing": "is missing; train the model first",
    }.items():
        with pytest.raises(MarrowError, match=message):
            load_model(tmp_path / name)


@pytest.mark.parametrize("wanted", [False, True])
def test_a_method_that_asks_for_deterministic_algorithms_predicts_with_them(tables, tmp_path, monkeypatch, wanted):
    given = arguments(tmp_path, tables, learning_sets.settings(training={"epochs": 1, "deterministic": wanted}))
    train_model.main(**given)
    modes = []

    def noted(*inputs):
        modes.append(torch.are_deterministic_algorithms_enabled())
        return predict(*inputs)

    monkeypatch.setattr(predict_bags, "predict", noted)
    predicted(tmp_path, given["model"], tables.path)
    assert modes == [wanted]
    assert not torch.are_deterministic_algorithms_enabled()


def test_memory_that_runs_out_while_predicting_changes_nothing(tables, run, tmp_path, monkeypatch):
    linear, failed = torch.nn.functional.linear, []

    def scarce(*inputs):
        if not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return linear(*inputs)

    monkeypatch.setattr(torch.nn.functional, "linear", scarce)
    found = predicted(tmp_path, run / "model.safetensors", tables.path)["predictions"]
    assert failed
    np.testing.assert_allclose(found["p_yes"], pq.read_table(run / "predictions.parquet")["p_yes"], atol=1e-5)


def test_a_number_that_some_epochs_lack_is_empty_there(tmp_path):
    write_history([{"epoch": 1, "loss_main": 0.5}, {"epoch": 2, "loss_main": 0.4, "dot_bone": -1.0}], tmp_path / "h")
    assert pq.read_table(tmp_path / "h").to_pydict() == {
        "epoch": [1, 2],
        "loss_main": [0.5, 0.4],
        "dot_bone": [None, -1.0],
    }


def test_history_for_tensorboard_is_written_where_asked_or_the_lack_of_it_told(tables, tmp_path, monkeypatch):
    monkeypatch.setenv("MARROW_TENSORBOARD", str(tmp_path / "board"))
    given = arguments(tmp_path / "run", tables, learning_sets.settings(training={"epochs": 1}))
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MarrowError, match="tensorboard is not installed; `pip install tensorboard`"):
            train_model.main(**given)
        assert not given["checkpoints"].exists()  # before anything was trained
    else:
        train_model.main(**given)
        assert list((tmp_path / "board" / "small" / "mine" / "seed-3").iterdir())
