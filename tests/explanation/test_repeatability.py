"""Repeatability: verdicts on parts of a bag and on several bags of a patient, compared with one another."""

from dataclasses import replace

import numpy as np
import pytest

import clinical_sets
import gather_repeatability
import learning_sets
import measure_repeatability
from marrow.bags.manifest import read_manifest
from marrow.errors import RunStopped
from marrow.evaluation.columns import COLUMNS
from marrow.explanation.repeatability import REPEATABILITY, Parts, majority_of, row_of_parts, rows_of_patients
from marrow.runs.model_file import load_model, save_model
from marrow.tables.frames import frame_of, read_table, write_table
from trained_runs import trained

COUNTS = {"train": 12, "validation": 4, "test": 8}
DRAWN = {"parts": 4, "share": 0.5, "most_bags": 100, "seed": 0}


def two_bags_a_patient(made):
    """Bags 0 and 2, 1 and 3, ... of a split are of one patient and have one label."""
    number = int(made.bag[-2:])
    return replace(made, patient=f"{made.split}-{number // 4}-{number % 2}")


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    return learning_sets.written(tmp_path_factory.mktemp("bags"), learning_sets.tables(), COUNTS, two_bags_a_patient)


@pytest.fixture(scope="module")
def run(bags, tmp_path_factory):
    settings = learning_sets.settings(auxiliary=[], pooling={"kind": "mean", "level": "embedding"})
    return trained(tmp_path_factory.mktemp("run"), bags, settings)


def measured(folder, manifest, run, **changed):
    path = folder / "repeatability.csv"
    measure_repeatability.main(
        model=run / "model.safetensors", predictions=run / "predictions.parquet", manifest=manifest.path,
        repeatability=path, threads=1, **{**DRAWN, **changed},
    )  # fmt: skip
    return path


def table(path):
    return read_table(path, REPEATABILITY)


@pytest.fixture
def entries(bags):
    """Four bags of class 1, each of a patient of its own."""
    return [replace(each, bag=f"b{i}", patient=f"p{i}", label=1) for i, each in enumerate(bags.entries[:4])]


# Votes


def test_agreement_majority_and_spread_are_those_worked_out_by_hand(entries):
    parts = np.array([[0.1, 0.9], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    row = row_of_parts(entries[0], ("no", "yes"), np.array([0.3, 0.7]), parts)
    assert (row["majority"], row["right"], row["label"]) == ("yes", 1, "yes")
    assert row["agreement"] == pytest.approx(3 / 6)
    assert row["with_whole"] == pytest.approx(3 / 4)
    assert row["deviation"] == pytest.approx(np.std([0.9, 0.6, 0.2, 0.7]))
    assert row["difference"] == pytest.approx((0.3 + 0.7 + 0.2 + 0.4 + 0.1 + 0.5) / 6)


@pytest.mark.parametrize(
    ("probabilities", "majority"),
    [
        ([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.0, 0.1, 0.9]], 0),
        ([[0.6, 0.4, 0.0], [0.1, 0.9, 0.0]], 1),
        ([[0.9, 0.1, 0.0], [0.4, 0.6, 0.0]], 0),
        ([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0]], 0),
    ],
)
def test_the_majority_counts_votes_and_the_mean_probability_decides_a_tie(probabilities, majority):
    assert majority_of(np.array(probabilities)) == majority


def test_bags_of_a_patient_are_compared_where_their_label_is_the_same(entries):
    one, two, three, four = entries
    two, three = replace(two, patient="p0"), replace(three, patient="p0", label=0)
    given = {f"b{i}": np.array(p) for i, p in enumerate([[0.2, 0.8], [0.7, 0.3], [1, 0], [1, 0]])}
    (row,) = rows_of_patients([one, two, three, four], ("no", "yes"), given)
    assert (row["case"], row["label"], row["members"], row["agreement"]) == ("p0", "yes", 2, 0)
    assert row["difference"] == pytest.approx(0.5)
    assert (row["majority"], row["right"]) == ("yes", 1)


# Parts


def test_parts_depend_on_seed_and_bag_alone_and_repeat_no_instance():
    first, again = (Parts(4, 0.5, 0).of("a", 9) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    for changed in (Parts(4, 0.5, 1).of("a", 9), Parts(4, 0.5, 0).of("b", 9)):
        assert any(not np.array_equal(one, other) for one, other in zip(first, changed, strict=True))
    assert [len(set(part)) for part in first] == [4] * 4
    assert [len(part) for part in Parts(2, 0.1, 0).of("a", 1)] == [1, 1]


# Runs


def with_verdict(run, folder, weight):
    """A copy of a run whose verdict is that on the mean embedding times a weight."""
    model, about = load_model(run / "model.safetensors")
    model.pooling.classifier.weight.data *= weight
    folder.mkdir()
    save_model(model, about, folder / "model.safetensors")
    (folder / "predictions.parquet").write_bytes((run / "predictions.parquet").read_bytes())
    return folder


def test_a_model_that_ignores_instances_agrees_always(bags, run, tmp_path):
    rows = table(measured(tmp_path, bags, with_verdict(run, tmp_path / "deaf", 0)))
    parts = rows[rows["compared"] == "parts"]
    assert len(parts) == COUNTS["test"]
    assert (parts["agreement"] == 1).all()
    assert (parts["deviation"] == 0).all()


def test_a_verdict_that_is_a_coin_of_the_instances_does_not_repeat(bags, run, tmp_path):
    model, about = load_model(run / "model.safetensors")
    layer = model.pooling.classifier
    coin = with_verdict(run, tmp_path / "coin", 1)
    embedded = [
        model.embed(batch.patches)
        for _, batch in about.feed(bags, bags.of_split("test"), layer.weight.device, 1).batches([[i] for i in range(8)])
    ]
    middle = np.median([float((each.mean(0) @ layer.weight[0]).detach()) for each in embedded])
    layer.bias.data[:] = -middle * 1000
    layer.weight.data *= 1000
    save_model(model, about, coin / "model.safetensors")
    parts = table(measured(tmp_path, bags, coin, parts=20, share=0.2)).query("compared == 'parts'")
    assert parts["agreement"].mean() < 0.9
    assert parts["deviation"].max() > 0.3


def test_equal_seeds_give_equal_bytes_and_another_seed_others(bags, run, tmp_path):
    one = measured(tmp_path, bags, run).read_bytes()
    assert measured(tmp_path, bags, run).read_bytes() == one
    assert measured(tmp_path, bags, run, seed=1).read_bytes() != one


def test_bags_are_the_first_by_id_and_every_patient_with_two_is_compared(bags, run, tmp_path):
    rows = table(measured(tmp_path, bags, run, most_bags=3))
    assert rows.query("compared == 'parts'")["case"].tolist() == ["test-00", "test-01", "test-02"]
    assert rows.query("compared == 'bags'")["case"].tolist() == ["test-0-0", "test-0-1", "test-1-0", "test-1-1"]


def test_attributes_alone_agree_without_a_bag_being_read(tmp_path):
    manifest = clinical_sets.written(tmp_path)
    run = trained(tmp_path / "run", manifest, clinical_sets.settings("alone"))
    for path in (tmp_path / "bags").iterdir():
        path.unlink()
    rows = table(measured(tmp_path, read_manifest(manifest.path), run))
    assert len(rows) == clinical_sets.SPLITS["test"]
    assert (rows[["agreement", "with_whole"]] == 1).all(axis=None)
    assert (rows[["deviation", "difference"]] == 0).all(axis=None)


@pytest.mark.parametrize("fusion", ["mixture", "concatenation"])
def test_parts_of_a_bag_have_its_attributes(fusion, tmp_path):
    manifest = clinical_sets.written(tmp_path)
    run = trained(tmp_path / "run", manifest, clinical_sets.settings(fusion))
    rows = table(measured(tmp_path, manifest, run, share=0.999))
    assert (rows["with_whole"] == 1).all()
    assert (rows["deviation"] < 1e-6).all()


def test_a_stopped_training_is_told(bags, run, tmp_path):
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(RunStopped, match="the training of the model was stopped; its record says why"):
        measured(tmp_path, bags, tmp_path)


# An entry


def row(compared, agreement, right):
    given = {"compared": compared, "case": "a", "label": "yes", "members": 2, "majority": "yes"}
    return given | {"agreement": agreement, "with_whole": 1, "deviation": 0, "difference": 0, "right": right}


def test_means_are_over_bags_then_runs_and_a_method_with_a_missing_run_has_none(tmp_path):
    rows = {
        "one": [row("parts", 1, 1), row("parts", 0, 1), row("bags", 0.5, 0)],
        "two": [row("parts", 0, 0)],
        "none": [],
    }
    for name, given in rows.items():
        write_table(frame_of(given, REPEATABILITY), REPEATABILITY, tmp_path / f"{name}.csv")
    (tmp_path / "stopped.csv").touch()
    tables = [tmp_path / f"{name}.csv" for name in ("one", "two", "one", "stopped", "none")]
    path = tmp_path / "all.csv"
    gather_repeatability.main(tables=tables, repeatability=path, methods=["b", "b", "a", "a", "c"], parts=["part"] * 5)
    found = read_table(path, COLUMNS["repeatability"]).set_index("method")
    assert found.index.tolist() == ["b", "a", "c"]
    assert found.loc["b", ["runs", "bags", "patients"]].tolist() == [2, 3, 1]
    assert found.loc["b", ["agreement", "majority_right", "bags_agreement"]].tolist() == [0.25, 0.5, 0.5]
    assert found.loc["a", "runs"] == 1
    assert np.isnan(found.loc["a", ["agreement", "bags_agreement"]].astype(float)).all()
    assert np.isnan(found.loc["c", "agreement"])
    gather_repeatability.main(tables=[], repeatability=path, methods=[], parts=[])
    assert read_table(path, COLUMNS["repeatability"]).empty
