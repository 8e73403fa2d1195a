"""Settings as one canonical text, in which names count, order does not, and nothing is dropped; a job as one digest.

Snakemake compares parameters as a set of texts without their names and passes over objects that it cannot write; two
values swapped between two keys, or a path object, go unnoticed. Here every value has its name, and a value that has no
canonical text is refused.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import cast

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def plain(value: object, name: str = "value") -> Plain:
    """The same value in plain types: whole floats as integers, tuples as lists, mappings as dictionaries.

    Raises:
        TypeError: the value, or one inside it, has no canonical text.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{name} is {value!r}; a setting must be a finite number")
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        items = cast("list[object] | tuple[object, ...]", value)
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(items)]
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        return {_key(key, name): plain(entry, f"{name}.{key}") for key, entry in entries.items()}
    raise TypeError(
        f"{name} is a {type(value).__name__}; a setting is a number, text, boolean, null, list or dictionary of these"
    )


def words_in(value: Plain) -> set[str]:
    """All texts in a value, keys of dictionaries included."""
    if isinstance(value, dict):
        return {*value, *words_in(list(value.values()))}
    if isinstance(value, list):
        return {word for item in value for word in words_in(item)}
    return {value} if isinstance(value, str) else set()


def canonical(value: object) -> str:
    """One text for a value: equal values give equal texts, different values different ones."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def job_fingerprint(
    rule: str, code: Mapping[str, str], params: Mapping[str, object], contents: Mapping[str, str]
) -> str:
    """One digest of a job: what is made from the same code, settings and contents of inputs (by role) has the same."""
    return hashlib.sha256(canonical([rule, code, params, contents]).encode()).hexdigest()


def _key(key: object, name: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{name} has the key {key!r}; keys are texts")
    return key
