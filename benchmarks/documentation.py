"""The pages that are made and not written: the config reference from the schema, the rule graph from the workflow.

`make docs` writes them; a test fails when one of them is not what it would write.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grimp

from marrow.planning.config import read_schema
from marrow.workflow.parse import REPOSITORY

_GRAPH = re.compile(r"(?<=<!-- rule graph: made by `make docs` -->\n).*?(?=<!-- end of rule graph -->)", re.DOTALL)
_PACKAGES = re.compile(r"(?<=<!-- packages: made by `make docs` -->\n).*?(?=<!-- end of packages -->)", re.DOTALL)


def made_pages(repository: Path) -> dict[Path, str]:
    """Every made page: path -> text."""
    readme, architecture = repository / "README.md", repository / "docs/architecture.md"
    schemas = repository / "schemas"
    kinds = [read_schema(file) for file in sorted((schemas / "datasets").glob("*.yaml"))]
    method = read_schema(schemas / "method.yaml")
    rules, packages = (f"\n```mermaid\n{graph}```\n\n" for graph in (rule_graph(repository), package_graph()))
    return {
        repository / "docs/config.md": config_reference(read_schema(schemas / "config.schema.yaml"), kinds, method),
        readme: _GRAPH.sub(rules, readme.read_text(encoding="utf-8")),
        architecture: _PACKAGES.sub(packages, architecture.read_text(encoding="utf-8")),
    }


def config_reference(
    schema: Mapping[str, Any], kinds: Sequence[Mapping[str, Any]], method: Mapping[str, Any] | None = None
) -> str:
    """The config reference: a table for the top level, for each section, each kind of data set, and for a method."""
    top = {key: part for key, part in schema["properties"].items() if "properties" not in part}
    lines = [
        "# Config reference",
        "",
        "Made from `schemas/` by `make docs`. Give only what differs from the default.",
        "",
        *_table("", top),
    ]
    for key, part in schema["properties"].items():
        if "properties" in part:
            lines += ["", f"## `{key}`", "", part["description"], "", *_table("", part["properties"])]
    for kind in kinds:
        settings = {key: part for key, part in kind["properties"].items() if key != "kind"}
        told = kind["properties"]["kind"]
        lines += [
            "",
            f"## `datasets`, kind `{told['const']}`",
            "",
            told["description"].strip(),
            "",
            *_table("", settings),
        ]
    if method:
        lines += ["", "## `methods`, each entry", "", method["description"].strip(), ""]
        lines += _table("", method["properties"])
    return "\n".join(lines) + "\n"


def rule_graph(repository: Path) -> str:
    """The graph of the rules that the demo runs, as Mermaid text with rules in alphabetic order.

    The plan is made in an empty folder, where every rule is needed.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile"), "--quiet", "all"]
    with TemporaryDirectory() as empty:
        words = [*command, "--directory", empty, "--rulegraph", "mermaid-js"]
        run = subprocess.run(words, capture_output=True, text=True, check=True)
    names = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]", run.stdout, flags=re.MULTILINE))
    edges = re.findall(r"^\s*(id\d+) --> (id\d+)", run.stdout, flags=re.MULTILINE)
    arrows = sorted(f"    {names[above]} --> {names[below]}" for above, below in edges if names[below] != "all")
    return "\n".join(["flowchart TD", *arrows]) + "\n"


def package_graph() -> str:
    """The packages of the library and who imports whom, as Mermaid text; an import that others imply is left out."""
    imports = grimp.build_graph("marrow")
    packages = sorted(name for name in imports.find_children("marrow") if imports.find_children(name))
    for package in packages:
        imports.squash_module(package)
    direct = {package: imports.find_modules_directly_imported_by(package) & set(packages) for package in packages}
    arrows = [
        f"    {package.removeprefix('marrow.')} --> {imported.removeprefix('marrow.')}"
        for package in packages
        for imported in sorted(direct[package])
        if not any(imported in imports.find_upstream_modules(other) for other in direct[package] - {imported})
    ]
    return "\n".join(["flowchart TD", *arrows]) + "\n"


def _table(place: str, properties: Mapping[str, Any]) -> list[str]:
    rows = [f"| `{key}` | {kind} | {default} | {text} |" for key, kind, default, text in _rows(place, properties)]
    return ["| key | type | default | meaning |", "|---|---|---|---|", *rows]


def _rows(place: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for key, part in properties.items():
        if "properties" in part:
            yield f"{place}{key}", "section", "", _one_line(part["description"])
            yield from _rows(f"{place}{key}.", part["properties"])
        else:
            text = " ".join([part["description"], *_places(part.get("only_with", []))])
            yield f"{place}{key}", _kind(part), f"`{json.dumps(part.get('default'))}`", _one_line(text)


def _places(only_with: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where a key counts, in words."""
    for number, place in enumerate(only_with):
        others = [f"`{key}` {_either(values)}" for key, values in place.items() if key not in {"default", "choices"}]
        told = [f"empty is {place['default']}"] if "default" in place else []
        told += [f"one of {', '.join(place['choices'])}"] if "choices" in place else []
        end = "." if number == len(only_with) - 1 else ";"
        yield f"{'with' if number else 'Only with'} {' and '.join(others)}{': ' if told else ''}{', '.join(told)}{end}"


def _either(values: Sequence[str]) -> str:
    return " or ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _kind(part: Mapping[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(f"`{choice}`" for choice in part["enum"])
    names = part.get("type", "anything")
    kind = " or ".join(names if isinstance(names, list) else [names])
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    limits = [f"{sign} {part[word]}" for word, sign in bounds.items() if word in part]
    return f"{kind} {', '.join(limits)}".replace("null", "empty").strip()


if __name__ == "__main__":
    for page, text in made_pages(REPOSITORY).items():
        page.write_text(text, encoding="utf-8")
