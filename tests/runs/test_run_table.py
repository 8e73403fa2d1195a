"""The reader of a run's tables: a table of other bags, of other classes or damaged is refused, and why is said."""

from dataclasses import replace

import pytest

from evaluation_runs import CLASSES, manifest, probabilities, rewrite, save_predictions
from marrow.errors import RunStopped
from marrow.runs.columns import probability_of
from marrow.runs.run_table import read_run_table

LABELS = [0, 1, 2, 1]


@pytest.fixture
def bags(tmp_path):
    return manifest(tmp_path / "scans.parquet", LABELS)


@pytest.fixture
def table(bags, tmp_path):
    return save_predictions(bags, probabilities(LABELS, 3, 1.0, 0), tmp_path / "run" / "predictions.parquet")


def refused(path, bags, needed=("bag",)) -> tuple[str, str]:
    with pytest.raises(RunStopped) as error:
        read_run_table(path, bags, needed)
    return error.value.check, str(error.value)


def test_a_table_of_these_bags_is_read(table, bags):
    needed = ["bag", *map(probability_of, CLASSES)]
    assert read_run_table(table, bags, needed)["bag"].to_pylist() == [entry.bag for entry in bags.entries]


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"dataset": "musk"}, "same_dataset", "is of musk, not of scans"),
        (
            {"classes": ["no", "yes"]},
            "same_classes",
            "tells no, yes apart, and scans has the classes non-active, focal",
        ),
        ({"manifest": "f" * 64}, "same_manifest", "of another manifest (digest ffffffff, now "),
    ],
)
def test_a_table_of_other_data_is_refused(table, bags, changes, check, words):
    rewrite(table, **changes)
    found, message = refused(table, bags)
    assert found == check
    assert words in message


@pytest.mark.parametrize(
    "change", [{"label": 1, "label_name": "focal"}, {"split": "train"}, {"digest": "f"}, {"bag": "bag-0009"}], ids=list
)
def test_a_manifest_whose_labels_splits_contents_or_bags_changed_since_is_another(table, bags, change):
    entries = (replace(bags.entries[0], **change), *bags.entries[1:])
    assert refused(table, replace(bags, entries=entries))[0] == "same_manifest"


def test_a_table_without_a_needed_column_is_refused(table, bags):
    assert refused(table, bags, ["bag", "attention"])[1].startswith("predictions.parquet lacks the column attention")


@pytest.mark.parametrize("left", [1, 200, 1500])
def test_a_cut_table_is_damaged(table, bags, left):
    table.write_bytes(table.read_bytes()[:left])
    check, message = refused(table, bags)
    assert check == "readable"
    assert "is damaged or no table of a run; delete it" in message


def test_a_run_that_stopped_or_is_not_there_has_no_table(table, bags, tmp_path):
    table.write_bytes(b"")
    assert "the run was stopped; its record says why" in refused(table, bags)[1]
    assert refused(tmp_path / "none.parquet", bags) == ("above", "none.parquet is missing; run the workflow to make it")
