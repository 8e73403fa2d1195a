"""Tables with declared columns: what is written is what is read."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrow.errors import MarrowError
from marrow.tables.frames import frame_of, read_table, write_table

COLUMNS = {"method": str, "n": int, "mean": float}
ROWS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["", "NA", "nan", "None", "a,b", 'say "x"', "line\nbreak", "attention", "1.0", "é"]),
        "n": st.integers(-(2**40), 2**40),
        "mean": st.none() | st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}")),
    }
)


@given(rows=st.lists(ROWS, max_size=5))
def test_a_table_reads_back_as_it_was_written(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    frame = frame_of(rows, COLUMNS)
    write_table(frame, COLUMNS, path)
    pd.testing.assert_frame_equal(read_table(path, COLUMNS), frame)


@given(rows=st.lists(ROWS, max_size=5), ending=st.sampled_from(["parquet", "tsv"]))
def test_a_table_of_another_format_reads_as_its_declared_columns(rows, ending, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / f"table.{ending}"
    frame = frame_of(rows, COLUMNS)
    frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, sep="\t", index=False)
    pd.testing.assert_frame_equal(read_table(path, COLUMNS), frame)


def test_a_name_with_an_asterisk_stands_for_all_columns_that_begin_with_it(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("p_b,bag,p_a\n0.25,x,0.75\n")
    assert read_table(path, {"bag": str, "p_*": float}).to_dict("list") == {"bag": ["x"], "p_b": [0.25], "p_a": [0.75]}
    assert list(read_table(path, {"bag": str, "q_*": float})) == ["bag"]
    path.write_text("")
    assert list(read_table(path, {"bag": str, "p_*": float})) == ["bag"]


def test_a_text_that_parquet_lacks_is_the_empty_text(tmp_path):
    pd.DataFrame({"site": ["north", None]}).to_parquet(tmp_path / "table.parquet")
    assert read_table(tmp_path / "table.parquet", {"site": str})["site"].tolist() == ["north", ""]


def test_an_empty_file_is_a_table_without_rows(tmp_path):
    (tmp_path / "stopped.csv").touch()
    found = read_table(tmp_path / "stopped.csv", COLUMNS)
    assert found.empty
    assert [str(dtype) for dtype in found.dtypes] == ["str", "int64", "float64"]


def test_a_number_that_does_not_exist_is_an_empty_cell(tmp_path):
    path = tmp_path / "table.csv"
    write_table(frame_of([{"method": "mean", "n": 1, "mean": math.nan}], COLUMNS), COLUMNS, path)
    assert path.read_text() == "method,n,mean\nmean,1,\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("method,n\nmean,1\n", "column mean is missing"),
        ("method,n,mean\nmean,many,1\n", "column n a cell is no number"),
        ("method,n,mean\nmean,,1\n", "column n a cell is no number"),
        ("method,n,mean\nmean,1,high\n", "column mean a cell is no number"),
        ("method,n,mean\nmean,1,2,3\n", "cannot be read"),
        ("method,n,mean\nmean,1,2\nmean,1,2,3\n", "cannot be read"),
    ],
)
def test_a_damaged_table_is_named_with_its_column(text, told, tmp_path):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(MarrowError, match=told):
        read_table(tmp_path / "table.csv", COLUMNS)
