"""The code behind a job: the syntax trees of every project module that its script reaches by import.

What a job imports by name, because its settings choose it (a pooling, a weighting), its rule names in the parameter
`modules`; so the code of a choice counts for the jobs that made it and for no others.

Packages from outside count with the version that the requirements pin, and only those that a reached module names.

Comments, docstrings and formatting are not in a syntax tree, so editing them changes nothing. Neither does the block
under `if __name__ == "__main__"`: it binds a script to its rule and computes nothing. Files of a package that are not
Python (templates, tables) count with their bytes as soon as a module of that package is reached.

Every job begins with the files that its script reaches. A run has them all parsed once (`remember_code`); its jobs look
up by a file's bytes what counts of it, and parse what was edited since.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

from marrow.files import write_text
from marrow.workflow.paths import CODE

Digests = dict[str, str]
_IMPORTED_AS = {"pyyaml": "yaml", "pillow": "pil", "scikit-image": "skimage", "scikit-learn": "sklearn"}
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def job_code(scripts: Path, stage: str, modules: Iterable[str] = ()) -> Digests:
    """Digests of the code behind a job: what its script and these modules reach, and the pins of the packages named."""
    return code_closure(scripts / f"{stage}.py", scripts, pins(scripts.parent / "requirements.txt"), modules)


def code_closure(script: Path, root: Path, pinned: Mapping[str, str], modules: Iterable[str] = ()) -> Digests:
    """Digest every project file that a script reaches by import.

    Args:
        script: the entry file, below `root`.
        root: the folder that project imports are resolved in.
        pinned: package -> version.
        modules: dotted names of project modules that it imports by name while it runs.

    Returns:
        Path relative to `root` -> digest, the script's own among them; package -> version.
    """
    reached: set[Path] = set()
    waiting = [script, *(file for module in modules for file in _resolve(module, root))]
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += _imports(file, root).files
    packages = {package for file in reached for package in _imports(file, root).packages}
    companions = {data for file in reached if file.parent != root for data in _companions(file.parent)}
    digests = {file: tree_digest(file) for file in reached}
    digests |= {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in companions}
    code = {file.relative_to(root).as_posix(): digests[file] for file in sorted(digests)}
    return code | {package: pinned[package] for package in sorted(packages) if package in pinned}


@cache
def pins(requirements: Path) -> Digests:
    """Package -> version of a requirements file; packages under the names that they are imported by."""
    lines = (line.split("#")[0].split(";")[0].strip() for line in requirements.read_text().splitlines())
    pairs = (line.split("==", 1) for line in lines if "==" in line)
    return {_IMPORTED_AS.get(name.lower(), name.lower().replace("-", "_")): version for name, version in pairs}


def tree_digest(file: Path) -> str:
    """Digest the syntax tree of a Python file, without docstrings and the `__main__` block."""
    return _parse(file).digest


class _Import(NamedTuple):
    """`import a, b` names `a` and `b`; `from base import a, b` has a base or, where it is relative, a level."""

    base: str | None
    level: int
    names: tuple[str, ...]


class _Parsed(NamedTuple):
    """What counts of a file."""

    digest: str
    imports: tuple[_Import, ...]


def remember_code(scripts: Path, place: Path) -> None:
    """Write down what counts of every file of the project, by its bytes."""
    kept = {_key(file.read_bytes()): _parse(file) for file in sorted(scripts.rglob("*.py"))}
    write_text(place, json.dumps(kept))


@cache
def _remembered() -> dict[str, _Parsed]:
    try:
        entries = json.loads(CODE.read_text(encoding="utf-8")).items()
        return {key: _Parsed(digest, tuple(_Import(*each) for each in imports)) for key, (digest, imports) in entries}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # lost or damaged: files are parsed again


def _key(content: bytes) -> str:
    return hashlib.sha256(_parser() + content).hexdigest()


@cache
def _parser() -> bytes:
    """Who parses: this file, and the Python that runs."""
    return hashlib.sha256(f"{sys.version_info[:2]}".encode() + Path(__file__).read_bytes()).digest()


@cache
def _parse(file: Path) -> _Parsed:
    content = file.read_bytes()
    return _remembered().get(_key(content)) or _parsed(content, file.name)


def _parsed(content: bytes, name: str) -> _Parsed:
    tree = ast.parse(content, filename=name)
    tree.body = [statement for statement in tree.body if not _is_main_block(statement)]
    imports: list[_Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.append(_Import(None, 0, tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.ImportFrom):
            imports.append(_Import(node.module, node.level, tuple(alias.name for alias in node.names)))
        elif isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    outline = json.dumps(_outline(tree))
    return _Parsed(hashlib.sha256(outline.encode()).hexdigest(), tuple(imports))


def _is_main_block(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"


def _outline(node: object) -> object:
    """A nested list of a syntax tree; empty fields are left out, since Python versions differ in which exist."""
    if isinstance(node, ast.AST):
        fields = [[name, _outline(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [_outline(item) for item in cast("list[object]", node)]
    return repr(node)


@dataclass(frozen=True)
class _Imports:
    files: tuple[Path, ...]
    packages: frozenset[str]


@cache
def _imports(file: Path, root: Path) -> _Imports:
    names = {name for node in _parse(file).imports for name in _imported_names(node, file, root)}
    found = {name: _resolve(name, root) for name in names}
    files = sorted({path for paths in found.values() for path in paths})
    return _Imports(tuple(files), frozenset(name.split(".")[0].lower() for name in names if not found[name]))


def _imported_names(found: _Import, file: Path, root: Path) -> Iterator[str]:
    """Dotted names that an import statement may load; of `from a import b`, both `a` and `a.b`."""
    if found.base is None and not found.level:
        yield from found.names
    else:
        package = file.relative_to(root).parent.parts
        above = package[: len(package) + 1 - found.level] if found.level else ()
        base = ".".join([*above, *([found.base] if found.base else [])])
        yield base
        yield from (f"{base}.{name}" for name in found.names)


@cache
def _resolve(name: str, root: Path) -> tuple[Path, ...]:
    """The project files that importing `name` runs: every package on the way, and the module."""
    parts = name.split(".")
    places = [root.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = (file for place in places for file in (place / "__init__.py", place.with_suffix(".py")))
    return tuple(file for file in candidates if file.is_file())


@cache
def _companions(package: Path) -> tuple[Path, ...]:
    return tuple(sorted(file for file in package.glob("[!.]*") if file.is_file() and file.suffix != ".py"))
