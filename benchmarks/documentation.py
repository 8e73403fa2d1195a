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
from marrow.planning.declarations import declarations
from marrow.planning.methods.sections import MethodSchema, Section, read_method_schema
from marrow.workflow.parse import REPOSITORY

_GRAPH = re.compile(r"(?<=<!-- rule graph: made by `make docs` -->\n).*?(?=<!-- end of rule graph -->)", re.DOTALL)
_PACKAGES = re.compile(r"(?<=<!-- packages: made by `make docs` -->\n).*?(?=<!-- end of packages -->)", re.DOTALL)


def made_pages(repository: Path) -> dict[Path, str]:
    """Every made page: path -> text."""
    readme, architecture = repository / "README.md", repository / "docs/architecture.md"
    schemas = repository / "schemas"
    kinds = declarations("datasets", schemas)
    methods = method_reference(read_method_schema(schemas), read_schema(schemas / "method.yaml"))
    rules, packages = (f"\n```mermaid\n{graph}```\n\n" for graph in (rule_graph(repository), package_graph()))
    return {
        repository / "docs/config.md": config_reference(read_schema(schemas / "config.schema.yaml"), kinds) + methods,
        readme: _GRAPH.sub(rules, readme.read_text(encoding="utf-8")),
        architecture: _PACKAGES.sub(packages, architecture.read_text(encoding="utf-8")),
    }


def config_reference(schema: Mapping[str, Any], kinds: Mapping[str, Mapping[str, Any]]) -> str:
    """The config reference but for methods: a table for the top level, each section and each kind of data set."""
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
    for kind, declared in kinds.items():
        text = f"{declared['title']}. {declared['description'].strip()}"
        paper = [f"After {declared['paper']}.", ""] if declared["paper"] else []
        lines += ["", f"## `datasets`, kind `{kind}`", "", text, "", *paper, *_table("", declared["settings"])]
    return "\n".join(lines) + "\n"


def method_reference(methods: MethodSchema, shared: Mapping[str, Any]) -> str:
    """The reference of methods: a table of what all kinds share (`shared`), and what each kind has of its own."""
    properties = dict(shared["properties"])
    for name, section in methods.sections.items():
        if "properties" in properties[name]:
            common = {key: part for key, part in section.properties.items() if key in section.shared}
            properties[name] = {**properties[name], "properties": common}
    lines = ["", "## `methods`, each entry", "", shared["description"].strip(), "", *_table("", properties)]
    for section in methods.sections.values():
        for kind, declared in section.kinds.items():
            lines += ["", f"### `{section.name}` of kind `{kind}`", "", *_kind_of_method(section, declared)]
    return "\n".join(lines) + "\n"


def _kind_of_method(section: Section, declared: Mapping[str, Any]) -> Iterator[str]:
    """What a kind declares, in words and a table of its settings."""
    paper = f" ({declared['paper']})" if "paper" in declared else ""
    yield f"{declared['title']}{paper}. {_one_line(declared['description'])}"
    common = [f"`{key}`" for key, part in section.shared.items() if part.get("only_where") in declared]
    if common:
        yield f"It takes {_either(common, 'and')}."
    if "variants" in declared:
        yield f"Variants: {'; '.join(_variant(*each) for each in declared['variants'].items())}."
    if "settings" in declared:
        yield ""
        yield from _table("", declared["settings"])


def _variant(name: str, variant: Mapping[str, Any]) -> str:
    """A variant with the settings that it takes, and their defaults where it has others."""
    defaults: Mapping[str, Any] = variant.get("defaults", {})
    takes = [f"`{key}` {defaults[key]}" if key in defaults else f"`{key}`" for key in variant.get("takes", [])]
    told = [", ".join(takes)] if takes else []
    told += [f"at most {variant['most_tasks']} auxiliary tasks"] if "most_tasks" in variant else []
    return f"`{name}` ({'; '.join(told)})" if told else f"`{name}`"


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
            places = [f"Only with `{other}` {_either(values)}." for other, values in part.get("only_with", {}).items()]
            text = " ".join([part["description"], *places])
            yield f"{place}{key}", _kind(part), f"`{json.dumps(part.get('default'))}`", _one_line(text)


def _either(values: Sequence[str], last: str = "or") -> str:
    return f" {last} ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


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
