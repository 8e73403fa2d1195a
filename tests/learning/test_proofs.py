"""That the methods learn: public data, from the config to the predictions of test bags, as users run it."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from shared_data import shared_data
from staleness_project import checkout

pytestmark = pytest.mark.slow


def verdicts(root, source, dataset, runs) -> list[dict[str, list]]:
    """What the runs on a data set say of test bags; a table for each of its folds."""
    made = {"datasets": {"proof": dataset}, "runs": {"proof": runs | {"seeds": 1}}, "bones": {"source": "none"}}
    checkout(root, made | {"sources": source}).run("runs")
    files = sorted(root.glob("results/predicted/*/*/seed-0/predictions.parquet"))
    return [pq.read_table(file, filters=[("split", "==", "test")]).to_pydict() for file in files]


def accuracy(table) -> float:
    return float(accuracy_score(table["label"], table["predicted"]))


def test_attention_finds_a_nine_among_fifty_digits_from_fifty_bags(tmp_path):
    mnist = {"mnist": str(shared_data("mnist"))}
    sizes = {"size": {"mean": 50, "std": 10}, "training_bags": [50], "validation_bags": 50, "test_bags": 300}
    runs = {"methods": ["attention"], "training": {"epochs": 10}}
    [table] = verdicts(tmp_path, mnist, {"kind": "mnist_bags"} | sizes, runs)
    assert roc_auc_score(table["label"], table["p_9"]) >= 0.85


def test_atmil_tells_active_bags_of_morphed_digits_from_a_hundred(tmp_path):
    mnist = {"mnist": str(shared_data("mnist"))}
    sizes = {"training_bags": [100], "validation_bags": 30, "test_bags": 200}
    runs = {"methods": ["atmil"], "training": {"epochs": 10, "learning_rate_steps": [8]}}
    [table] = verdicts(tmp_path, mnist, {"kind": "morpho"} | sizes, runs)
    assert accuracy(table) >= 0.85


def test_attention_tells_musks_in_ten_folds(tmp_path):
    source = {"musk1": str(shared_data("mil_classic"))}
    dataset = {"kind": "classical", "table": "musk1", "repeats": 1}
    tables = verdicts(tmp_path, source, dataset, {"methods": ["attention"], "training": {"epochs": 50}})
    assert len(tables) == 10
    assert np.mean([accuracy(table) for table in tables]) >= 0.8
