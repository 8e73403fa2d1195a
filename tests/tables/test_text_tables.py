"""Tables in texts: as data they read back as they were, whatever stands in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrow.errors import MarrowError
from marrow.tables.text_table import TextTable, read_text_tables, write_text_tables

TEXTS = st.lists(st.text(), max_size=3).map(tuple)
TABLES = st.builds(TextTable, st.text(), TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), TEXTS)


@given(tables=st.lists(TABLES, max_size=3))
def test_tables_read_back_as_they_were_written(tables, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "tables.json"
    write_text_tables(tables, path)
    assert read_text_tables(path) == tables


@pytest.mark.parametrize("text", ["", "[{", '[{"title": "a"}]', '["a"]', "3", "null"])
def test_a_damaged_file_of_tables_is_named(text, tmp_path):
    (tmp_path / "tables.json").write_text(text)
    with pytest.raises(MarrowError, match=r"tables.json is damaged or holds no tables; delete it and run again"):
        read_text_tables(tmp_path / "tables.json")


def test_each_column_has_a_name_of_its_own_where_heads_span_several():
    table = TextTable("t", ("Method", "50", "100"), ("paper", "ours"), (), ())
    assert table.columns == ("Method", "50, paper", "50, ours", "100, paper", "100, ours")
    assert TextTable("t", ("Method", "F1"), (), (), ()).columns == ("Method", "F1")
