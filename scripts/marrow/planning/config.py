"""The configuration: checked against its schema, completed with the schema's defaults.

The schema in `schemas/config.schema.yaml` is the one source of names, types, limits, defaults and descriptions; the
reference in `docs/config.md` is made from it.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from marrow.errors import ConfigError, nearest

Settings = dict[str, Any]


def _ascending(_validator: Any, wanted: bool, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """The schema's own word `ascending`: each number of a list must be larger than the one before."""
    # Where these are no numbers, their type is what is told.
    are_numbers = isinstance(value, list) and all(isinstance(item, int | float) for item in cast("list[Any]", value))
    if wanted and are_numbers and any(later <= earlier for earlier, later in pairwise(value)):
        yield ValidationError("the numbers must ascend, each larger than the one before")


_SIMULATED_MM = {"mini": 4, "half": 3, "full": 2}
_Validator = extend(Draft202012Validator, {"ascending": _ascending})


def read_schema(path: Path) -> Settings:
    """A JSON schema, or another description of what can be given, written as YAML."""
    # The loader in C: every process that reads the Snakefile reads the schemas, and in Python this took half its time.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def complete(given: Mapping[str, Any], schema: Mapping[str, Any], place: str = "config") -> Settings:
    """Check a configuration, or a part at a place of its own, and fill in what it leaves out.

    Raises:
        ConfigError: keys that do not exist (with the nearest that does), values of the wrong type or out of bounds.
    """
    check(given, schema, place)
    return _with_defaults(given, schema)


def check(given: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> None:
    """Raise an error that names the place and all problems, where there are any."""
    problems = list(find_problems(given, schema))
    if problems:
        raise ConfigError("\n".join(f"{place}: {problem}" for problem in problems))


def spacing_of(config: Mapping[str, Any]) -> float:
    """The edge of the voxels of the scans' common grid, in mm: as told, or what the scans are made with."""
    usual = 2 if config["samples"] else _SIMULATED_MM[config["simulate"]["size"]]
    return config["resample"]["spacing_mm"] or usual


def find_problems(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """What a schema finds wrong, in words, in the order of the places."""
    errors: Iterable[ValidationError] = _Validator(schema).iter_errors(value)
    for error in sorted(errors, key=lambda error: [str(step) for step in error.absolute_path]):
        yield from _in_words(error)


def _in_words(error: ValidationError) -> Iterator[str]:
    place = ".".join(str(step) for step in error.absolute_path)
    schema: Mapping[str, Any] = error.schema  # pyright: ignore[reportAssignmentType]
    value: Any = error.instance
    if error.validator == "additionalProperties":
        valid = list(schema.get("properties", {}))
        for key in value.keys() - set(valid):
            yield f"unknown key {_join(place, key)!r}; {nearest(key, valid)}"
    elif error.validator == "enum":
        valid = [str(choice) for choice in schema["enum"]]
        yield f"{place} is {value!r}; {nearest(str(value), valid)}"
    elif error.validator == "required":
        missing = sorted(set(schema["required"]) - set(value))
        yield f"{_join(place, missing[0])} is missing; give it a value"
    elif error.validator == "type":
        yield f"{place} is {value!r}, of type {type(value).__name__}; it must be {_type_in_words(schema['type'])}"
    elif error.validator == "pattern":
        yield f"{place} is {value!r}; it must be {schema['expects']}"
    else:
        yield f"{place} is {value!r}: {error.message}"


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else str(key)


def _type_in_words(name: str | list[str]) -> str:
    words = {
        "object": "a section with keys of its own",
        "array": "a list",
        "string": "a text",
        "number": "a number",
        "integer": "a whole number",
        "boolean": "true or false",
        "null": "empty (null)",
    }
    return " or ".join(words[each] for each in ([name] if isinstance(name, str) else name))


def _with_defaults(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Settings:
    completed = dict(value)
    for key, part in schema.get("properties", {}).items():
        if isinstance(completed.get(key), Mapping) or (key not in completed and "properties" in part):
            completed[key] = _with_defaults(completed.get(key, {}), part)
        elif key not in completed and "default" in part:
            completed[key] = deepcopy(part["default"])
    return completed
