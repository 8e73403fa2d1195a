"""A log names no raw path and no name in one, and keeps every other word."""

import logging
import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marrow.log import configure_log


def told(folder, text, hide, show=()):
    """What the log says of a message."""
    with configure_log(folder / "log", hide=hide, show=show):
        logging.getLogger("test").info("%s", text)
    return (folder / "log").read_text(encoding="utf-8").rstrip("\n").partition(" INFO ")[2]


NAMES = st.text(string.ascii_letters + string.digits + "_- ^ÄÖäö.", min_size=3, max_size=12).filter(
    lambda name: name.strip(" .") == name and any(letter in string.ascii_uppercase + string.digits for letter in name)
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=3))
def test_no_spelling_of_a_path_and_no_name_in_it_is_told(tmp_path, names):
    path = Path("/archive", *names)
    text = f"cannot read {path}: '{path.name}' / {quote(str(path))} / {str(path).replace('/', chr(92))} / ({names[0]})"
    line = told(tmp_path, text, [path])
    assert not [name for name in names if name in line]
    assert line.startswith("cannot read <raw input 1>:")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(string.ascii_letters + string.digits + " .,:;_-()", max_size=60), name=NAMES)
def test_a_name_inside_another_word_is_no_name(tmp_path, text, name):
    inside = f"x{name}y {text}".replace(f" {name}", "")
    if name not in text:
        assert told(tmp_path, inside, [Path("/archive", name)]) == inside.rstrip("\n")


def test_an_ordinary_word_stays_in_a_sentence_and_goes_beside_a_separator(tmp_path):
    line = told(
        tmp_path, "stopped at ingest_scan, in the folder 'mueller' or in/mueller/1: ingest", [Path("in/mueller")]
    )
    assert line == "stopped at ingest_scan, in the folder '<raw input 1>' or <raw input 1>/1: ingest"


@pytest.mark.parametrize("show", [["P001-1"], []])
def test_ids_of_scans_are_told_though_a_folder_has_that_name(tmp_path, show):
    line = told(tmp_path, "P001-1: read b900", [Path("/raw/P001-1/b900")], [*show, "b900"])
    assert line == ("P001-1: read b900" if show else "<raw input 1>: read b900")


def test_the_working_folder_and_the_program_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert told(tmp_path, f"in {tmp_path}/x", [tmp_path / "Doe_Jane"]) == f"in {tmp_path}/x"
