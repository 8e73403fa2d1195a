"""What is said twice is said the same: pins, made pages, shipped files."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks.documentation import config_reference, made_pages
from marrow.planning.config import read_schema
from marrow.planning.declarations import declarations
from marrow.workflow.parse import parse_workflow

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def pip_pins(file: str) -> dict[str, str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return {name.partition("[")[0].lower().replace("_", "-"): version for name, version in pairs}


def conda_pins(file: Path) -> dict[str, str]:
    entries = yaml.safe_load(file.read_text())["dependencies"]
    flat = [part for entry in entries for part in (entry["pip"] if isinstance(entry, dict) else [entry])]
    return dict(re.split("==?", entry) for entry in flat if "=" in entry)


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.name)
def test_an_environment_pins_what_pip_pins(file):
    pinned = conda_pins(file)
    assert pinned.pop("python") == "3.11"
    assert pinned == {name: pip_pins("requirements.txt")[name] for name in pinned}


def test_every_requirement_is_in_an_environment():
    assert set(pip_pins("requirements.txt")) == set().union(*map(conda_pins, ENVIRONMENTS)) - {"python"}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_constraints_hold_the_pins(file):
    constraints = pip_pins("constraints.txt")
    pinned = pip_pins(file)
    assert {name: constraints.get(name) for name in pinned} == pinned


def test_every_package_that_an_environments_rules_import_is_in_it(tmp_path):
    """Without conda here, this is the nearest to running the files in envs/."""
    from marrow.workflow.fingerprint.code import job_code

    packages = {"yaml": "pyyaml", "pil": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    packages["intensity_normalization"] = "intensity-normalization"
    for rule in parse_workflow(tmp_path).rules:
        if rule.script:
            imported = {part for part in job_code(ROOT / "scripts", rule.name) if "." not in part}
            pinned = set(conda_pins(ROOT / "rules" / str(rule.conda_env)))
            assert {packages.get(part, part) for part in imported} <= pinned, rule.name


@pytest.mark.parametrize("page", ["docs/config.md", "README.md"])
def test_a_made_page_is_what_make_docs_would_write(page):
    assert (ROOT / page).read_text(encoding="utf-8") == made_pages(ROOT)[ROOT / page]


def test_the_config_reference_names_every_key():
    schema = read_schema(ROOT / "schemas/config.schema.yaml")
    kinds = declarations("datasets", ROOT / "schemas")
    text = config_reference(schema, kinds)

    def keys(part):
        for key, inner in part.get("properties", {}).items():
            yield key
            yield from keys(inner)

    parts = [schema, *({"properties": kind["settings"]} for kind in kinds.values())]
    assert [key for part in parts for key in keys(part) if key not in text] == []


def test_nothing_bulky_or_local_is_tracked():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not files:
        pytest.skip("not a git checkout")
    sizes = {name: (ROOT / name).stat().st_size for name in files if (ROOT / name).is_file()}
    assert {name: size for name, size in sizes.items() if size > 2**20} == {}
    assert [name for name in files if name.startswith("results/") and name != "results/.gitkeep"] == []


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    """Links, files of the library, and modules; pages on extending name files that a reader is to make."""
    text = page.read_text(encoding="utf-8")
    library = ROOT / "scripts/marrow"
    made = re.findall(r"^`([\w./-]+)`:$", text, re.MULTILINE)
    named = {ROOT / name for name in re.findall(r"scripts/marrow/[\w/]+\.py", text) if name not in made}
    named |= {library / name for name in re.findall(r"(?<!scripts/)marrow/([\w/]+\.py)", text)}
    named |= {page.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)}
    if page.name == "architecture.md":
        named |= {library / name for name in re.findall(r"`(\w+/[\w/]+\.py)`", text)}
    assert [path for path in sorted(named) if not path.exists()] == []
    modules = (library.joinpath(*name.split(".")) for name in re.findall(r"`marrow\.([\w.]+)`", text))
    assert [path for path in modules if not _is_in_the_library(path)] == []


def _is_in_the_library(path: Path) -> bool:
    """Whether a dotted name, as a path, is a package, a module, or what a module holds."""
    module = path.parent.with_suffix(".py")
    inside = module.exists() and re.search(rf"^(def|class) {path.name}\b", module.read_text(), re.MULTILINE)
    return path.is_dir() or path.with_suffix(".py").exists() or bool(inside)
