"""The contract between each rule and its script, and what every rule must say."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path
from typing import get_type_hints

import pytest

from marrow.workflow.fingerprint.code import code_closure
from marrow.workflow.parse import REPOSITORY as ROOT
from marrow.workflow.parse import parse_workflow
from marrow.workflow.paths import MODULES, TRIGGER_INPUTS
from marrow.workflow.stage import OFFERED

SCRIPTS = ROOT / "scripts"
# What imports by name: kinds, and a package that users install when they want it.
BY_NAME = {SCRIPTS / "marrow" / name for name in ("planning/kinds.py", "learning/weighting/upgrad.py")}
PLAIN_HINTS = re.compile(r"^(int|float|str|bool|list\[.+\]|dict\[str, .+\]|.+ \| None|Any)$")


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """All rules that do work, by name."""
    workflow = parse_workflow(tmp_path_factory.mktemp("parsed"))
    return {rule.name: rule for rule in workflow.rules if rule.script}


def named(directive) -> set[str]:
    return set(dict(directive._get_names()))


def main_of(name: str):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def rule_names() -> list[str]:
    text = "\n".join(file.read_text() for file in sorted((ROOT / "rules").glob("*.smk")))
    return re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", rule_names())
def test_rule_and_main_agree_on_every_name(rules, name):
    rule, main = rules[name], main_of(name)
    given = (named(rule.input) - TRIGGER_INPUTS) | (named(rule.output) - {"record"}) | (named(rule.params) - {MODULES})
    assert set(inspect.signature(main).parameters) - OFFERED == given


@pytest.mark.parametrize("name", rule_names())
def test_main_takes_files_as_paths_and_settings_as_plain_types(rules, name):
    hints = get_type_hints(main_of(name))
    files = (named(rules[name].input) | named(rules[name].output)) - TRIGGER_INPUTS - {"record"}
    assert hints["return"] is type(None)
    for parameter, hint in hints.items():
        if parameter in files:
            assert hint in (Path, list[Path]), parameter
        elif parameter not in OFFERED | {"return"}:
            assert PLAIN_HINTS.match(str(hint).removeprefix("<class '").removesuffix("'>")), (parameter, hint)


@pytest.mark.parametrize("name", rule_names())
def test_no_name_stands_for_two_things(rules, name):
    rule = rules[name]
    sides = [*named(rule.input), *named(rule.output), *named(rule.params)]
    assert len(sides) == len(set(sides))
    assert len(rule.input._names) == len(named(rule.input))


@pytest.mark.parametrize("name", rule_names())
def test_every_rule_asks_whether_it_is_fresh_and_leaves_a_record(rules, name):
    """An `ancient()` input would cut the path by which Snakemake carries staleness downwards."""
    rule = rules[name]
    assert "freshness" in named(rule.input)
    assert "record" in named(rule.output)
    assert not [item for item in rule.input if getattr(item, "flags", {}).get("ancient")]


@pytest.mark.parametrize("name", rule_names())
def test_every_rule_says_what_it_costs_and_where_it_logs(rules, name):
    rule = rules[name]
    assert rule.log, "log"
    assert rule.benchmark, "benchmark"
    assert rule.conda_env, "conda"
    assert {"mem_mb", "runtime", "_cores"} <= set(rule.resources), "mem_mb, runtime, threads"
    assert Path(rule.script).name == f"{name}.py"


@pytest.mark.parametrize("file", [*sorted(SCRIPTS.glob("*.py")), *sorted((SCRIPTS / "marrow").rglob("*.py"))], ids=str)
def test_no_stage_reads_the_config_or_imports_in_hiding(file):
    """What a stage reads must be in its params, and what it imports must be visible to the fingerprint.

    One module imports by name, and a job refuses what it imported so and its rule does not name.
    """
    names = {ast.unparse(node) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
    hidden = {"snakemake.config", "importlib.import_module", "import_module", "__import__", "exec", "eval"}
    assert names & hidden == ({"import_module"} if file in BY_NAME else set())


def test_every_script_of_a_rule_ends_in_the_same_binding():
    for name in rule_names():
        last = ast.parse((SCRIPTS / f"{name}.py").read_text()).body[-1]
        assert ast.unparse(last).replace("\n", " ").split() == (
            ["if", "__name__", "==", "'__main__':", "from", "marrow.workflow.stage", "import", "run", "run(main)"]
        ), name


def test_parsing_imports_no_heavy_library():
    """Every cluster job parses the Snakefile on its node."""
    heavy = {"numpy", "scipy", "SimpleITK", "nibabel", "pandas", "matplotlib", "torch"}
    text = "\n".join(file.read_text() for file in (ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))))
    modules = re.findall(r"^from (marrow\.[\w.]+) import", text, flags=re.MULTILINE)
    assert modules
    for module in modules:
        pinned = {name.lower(): "1" for name in heavy}
        place = SCRIPTS / module.replace(".", "/")
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        code = code_closure(file, SCRIPTS, pinned)
        assert set(code) & set(pinned) == set(), module
