"""What moves a fingerprint and what does not."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrow.workflow.fingerprint import code, content
from marrow.workflow.fingerprint.code import pins
from marrow.workflow.fingerprint.content import DigestCache, content_digest, signature
from marrow.workflow.fingerprint.values import canonical, plain
from marrow.workflow.paths import CODE

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture
def project(tmp_path):
    """A script that reaches `lib.used` and, through it, `lib.deep`; `lib.other` is reached by nobody."""
    files = {
        "stage.py": "from lib.used import f\nimport numpy as np\n\n\ndef main():\n    return f()\n",
        "lib/__init__.py": "",
        "lib/used.py": "from . import deep\n\n\ndef f():\n    return deep.g()\n",
        "lib/deep.py": "import json\n\n\ndef g():\n    return json.dumps(1)\n",
        "lib/other.py": "def h():\n    return 2\n",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def closure(project: Path, modules: tuple[str, ...] = (), **pinned: str) -> dict[str, str]:
    for remembered in (code._remembered, code._parse, code._imports, code._resolve, code._companions):
        remembered.cache_clear()
    return code.code_closure(project / "stage.py", project, pinned, modules)


def test_closure_holds_what_is_reached_and_nothing_else(project):
    assert set(closure(project)) == {"stage.py", "lib/__init__.py", "lib/used.py", "lib/deep.py"}


def test_a_module_that_is_imported_by_name_counts_with_what_it_reaches(project):
    (project / "lib/chosen.py").write_text("import pandas\nfrom lib.other import h\n")
    found = closure(project, modules=("lib.chosen",), pandas="3.1.1")
    assert found.keys() - closure(project).keys() == {"lib/chosen.py", "lib/other.py", "pandas"}


@pytest.mark.parametrize(
    "edited",
    [
        "# a comment\nimport json\n\n\ndef g():\n    return json.dumps(1)\n",
        '"""A docstring."""\nimport json\n\n\ndef g():\n    """Another."""\n    return json.dumps(1)\n',
        "import json\ndef g(): return (json.dumps(\n    1))\n",
        "import json\n\n\ndef g():\n    return json.dumps(1)\n\n\nif __name__ == '__main__':\n    g()\n",
    ],
    ids=["comment", "docstring", "formatting", "main block"],
)
def test_words_and_spaces_move_no_code_digest(project, edited):
    before = closure(project)
    (project / "lib/deep.py").write_text(edited)
    assert closure(project) == before


def test_an_edit_moves_the_digest_of_its_file_alone(project):
    before = closure(project)
    (project / "lib/deep.py").write_text("import json\n\n\ndef g():\n    return json.dumps(2)\n")
    after = closure(project)
    assert {file for file in before if before[file] != after[file]} == {"lib/deep.py"}


def test_an_edit_of_a_module_nobody_reaches_moves_nothing(project):
    before = closure(project)
    (project / "lib/other.py").write_text("def h():\n    return 3\n")
    assert closure(project) == before


def test_a_template_of_a_reached_package_counts(project):
    before = closure(project)
    (project / "lib/page.html").write_text("<p>")
    assert set(closure(project)) - set(before) == {"lib/page.html"}


def test_remembered_code_is_not_parsed_again_and_edited_code_is(project, monkeypatch):
    monkeypatch.chdir(project)
    before = closure(project)
    code.remember_code(project, CODE)
    parsed, parse = [], code._parsed
    monkeypatch.setattr(code, "_parsed", lambda content, name: parsed.append(name) or parse(content, name))
    assert closure(project) == before
    assert not parsed
    (project / "lib/deep.py").write_text("import json\n\n\ndef g():\n    return json.dumps(2)\n")
    after = closure(project)
    assert {file for file in before if before[file] != after[file]} == {"lib/deep.py"}
    assert parsed == ["deep.py"]


def test_remembered_code_that_is_damaged_is_parsed_again(project, monkeypatch):
    monkeypatch.chdir(project)
    before = closure(project)
    code.remember_code(project, CODE)
    for damaged in ("", "[]", '{"a": 1}', CODE.read_text()[:-9]):
        CODE.write_text(damaged)
        assert closure(project) == before


def test_only_the_pins_of_imported_packages_count(project):
    assert closure(project, numpy="2", scipy="1") | {"numpy": "2"} == closure(project, numpy="2", scipy="9")
    assert closure(project, numpy="2") != closure(project, numpy="3")


def test_pins_are_known_by_the_name_that_is_imported(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# why\nPyYAML==6.0.3\nscikit-image==0.26  # why\n-r other.txt\n")
    assert pins(file) == {"yaml": "6.0.3", "skimage": "0.26"}


@given(PLAIN, PLAIN)
def test_equal_values_and_only_these_have_one_text(a, b):
    def typed(value):
        """Values as they must differ: True is not 1, though Python holds them equal."""
        match value:
            case bool() | None | str():
                return (type(value).__name__, value)
            case int() | float():
                return ("number", value)
            case list():
                return ("list", tuple(typed(item) for item in value))
            case dict():
                return ("dict", frozenset((key, typed(item)) for key, item in value.items()))

    assert (canonical(a) == canonical(b)) == (typed(a) == typed(b))


@given(st.dictionaries(st.text(), PLAIN))
def test_the_order_of_keys_does_not_matter(value):
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_swapping_two_values_between_names_moves_the_text():
    assert canonical({"a": 1, "b": 2}) != canonical({"a": 2, "b": 1})


@pytest.mark.parametrize(
    "value", [Path("x"), {1, 2}, object(), float("nan"), {1: 2}, b"x"], ids=lambda value: type(value).__name__
)
def test_a_value_without_a_text_is_refused_by_its_name(value):
    with pytest.raises(TypeError, match=r"section\.key"):
        plain({"key": value}, "section")


def test_content_is_the_same_wherever_and_whenever_it_lies(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.dcm").write_bytes(b"one")
    before = content_digest(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    os.utime(tmp_path / "b/1.dcm", (5, 5))
    assert content_digest(tmp_path / "b") == before


@pytest.mark.parametrize("edit", ["inside", "added", "removed", "renamed"])
def test_every_edit_of_a_folder_moves_its_digest(tmp_path, edit):
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).write_bytes(name.encode())
    before = content_digest(tmp_path)
    match edit:
        case "inside":
            (tmp_path / "1.dcm").write_bytes(b"9.dcm")
        case "added":
            (tmp_path / "3.dcm").write_bytes(b"")
        case "removed":
            (tmp_path / "2.dcm").unlink()
        case "renamed":
            (tmp_path / "2.dcm").rename(tmp_path / "4.dcm")
    assert content_digest(tmp_path) != before


def test_an_edit_that_keeps_size_and_time_is_still_noticed(tmp_path):
    file = tmp_path / "scan.nii"
    file.write_bytes(b"aaaa")
    before, times = signature(file), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_bytes(b"bbbb")
    os.utime(file, ns=times)
    assert signature(file) != before


def test_unchanged_content_is_read_once(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(content, "content_digest", lambda path: read.append(path) or "digest")
    (tmp_path / "raw").write_bytes(b"x")
    for _ in range(2):
        assert DigestCache(tmp_path / "digests.json").digest(tmp_path / "raw") == "digest"
    assert len(read) == 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}'])
def test_a_damaged_cache_is_an_empty_one(tmp_path, damage):
    (tmp_path / "digests.json").write_text(damage)
    (tmp_path / "raw").write_bytes(b"x")
    assert DigestCache(tmp_path / "digests.json").digest(tmp_path / "raw") == content_digest(tmp_path / "raw")


def test_the_cache_names_no_path(tmp_path):
    raw = tmp_path / "DOE_JANE"
    raw.write_bytes(b"x")
    DigestCache(tmp_path / "digests.json").digest(raw)
    assert "DOE" not in (tmp_path / "digests.json").read_text()
