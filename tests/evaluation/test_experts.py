"""Which expert spoke: the table of what two experts say, over seeds, and what the report makes of it."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import clinical_sets
from marrow.errors import MarrowError
from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.evaluated_runs import PlannedRun
from marrow.evaluation.experts import expert_table
from marrow.report.sections.experts import _view
from trained_runs import trained


def _planned(method, seed):
    return PlannedRun("small", method, method, seed, "small")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of a mixture and one of attributes alone, with their manifest."""
    folder = tmp_path_factory.mktemp("experts")
    manifest = clinical_sets.written(folder / "data")
    mixture, alone = clinical_sets.settings("mixture"), clinical_sets.settings("alone")
    found = [(_planned("mixture", seed), trained(folder / str(seed), manifest, mixture, seed=seed)) for seed in (0, 1)]
    found.append((_planned("alone", 0), trained(folder / "alone", manifest, alone)))
    return [(run, place / "predictions.parquet", manifest) for run, place in found]


def test_the_table_has_a_row_for_each_test_bag_of_methods_with_two_experts(runs):
    table = expert_table(runs)
    assert list(table) == list(COLUMNS["experts"])
    assert table["method"].unique().tolist() == ["mixture"]
    assert table["bag"].tolist() == [entry.bag for entry in runs[0][2].of_split("test")]


def test_seeds_say_together_what_their_mean_probability_says(runs):
    table = expert_table(runs).set_index("bag")
    one, other = (pd.read_parquet(path).set_index("bag").loc[table.index] for _, path, _ in runs[:2])
    assert table["share"].to_numpy() == pytest.approx(((one.share_pictures + other.share_pictures) / 2).to_numpy())
    for speaker, column in (("pictures", "pictures_yes"), ("attributes", "attributes_yes"), ("both", "p_yes")):
        expected = ((one[column] + other[column]) / 2 > 0.5).map({True: "yes", False: "no"})
        assert table[speaker].tolist() == expected.tolist()


def test_runs_that_cannot_be_read_are_left_out(runs, tmp_path):
    run, path, manifest = runs[0]
    (tmp_path / "empty.parquet").touch()
    assert expert_table([(run, tmp_path / "empty.parquet", manifest), (run, path, MarrowError("damaged"))]).empty
    assert not expert_table([(run, tmp_path / "empty.parquet", manifest), runs[1]]).empty


def test_the_report_counts_who_is_right_where_they_disagree():
    bags = pd.DataFrame(
        {
            "method": "m", "part": "p", "bag": list("abcd"), "label": ["ill", "ill", "well", "well"],
            "pictures": ["ill", "well", "well", "ill"], "attributes": ["ill", "ill", "ill", "ill"],
            "both": ["ill", "ill", "well", "ill"], "share": [0.9, 0.1, 0.7, 0.3],
        }
    )  # fmt: skip
    view = _view("Mixture", bags)
    assert [(row["name"], row["bags"], row["pictures"], row["attributes"], row["both"]) for row in view.rights] == [
        ("ill", 2, 1, 2, 2), ("well", 2, 1, 0, 1), ("all", 4, 2, 2, 3),
    ]  # fmt: skip
    assert [case["bag"] for case in view.cases] == ["b", "c"]
    assert view.disagreements["bags"] == 2
    assert (view.disagreements["pictures"], view.disagreements["attributes"]) == (1, 1)
    assert view.rights[0]["share"] == pytest.approx(0.5)
    assert view.chart is not None


def test_a_table_without_a_column_and_a_bag_without_numbers_are_left_out(runs, tmp_path):
    run, path, manifest = runs[0]
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["pictures_yes"]), tmp_path / "lacking.parquet")
    assert expert_table([(run, tmp_path / "lacking.parquet", manifest)]).empty
    number = table.column_names.index("attributes_yes")
    values = table["attributes_yes"].to_pylist()
    last = table["bag"].to_pylist().index(manifest.of_split("test")[-1].bag)
    values[last] = float("nan")
    holed = table.set_column(number, "attributes_yes", pa.array(values, pa.float32()))
    pq.write_table(holed, tmp_path / "holed.parquet")
    left = expert_table([(run, tmp_path / "holed.parquet", manifest)])["bag"].tolist()
    assert left == [entry.bag for entry in manifest.of_split("test")[:-1]]
