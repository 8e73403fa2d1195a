"""The sections of a method that name a kind: encoder, pooling, weighting, and the head of an auxiliary task.

What all kinds of a family share is in `schemas/method.yaml`; what a kind has of its own is in its declaration
(`marrow.planning.declarations`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.errors import ConfigError
from marrow.planning.config import Settings, find_problems, read_schema
from marrow.planning.declarations import Declaration, declarations
from marrow.planning.kinds import FAMILIES
from marrow.planning.methods.instances import names_on_data
from marrow.workflow.fingerprint.values import plain

_OWN_WORDS = {"default", "description", "unused_with", "least_edges"}


@dataclass(frozen=True)
class Section:
    """A section of a method that names a kind.

    Attributes:
        shared: the properties that kinds share: key -> JSON schema. A key with `only_where` counts with kinds that
            declare what it names.
        kinds: kind -> its declaration.
    """

    name: str
    shared: Mapping[str, Settings]
    kinds: Mapping[str, Declaration]

    @property
    def properties(self) -> dict[str, Settings]:
        """All that may be given to the section, whichever kind it names: key -> JSON schema."""
        choices = {"kind": [*self.shared["kind"].get("enum", []), *self.kinds], "variant": self._variants()}
        merged = {key: part | ({"enum": choices[key]} if key in choices else {}) for key, part in self.shared.items()}
        names = dict.fromkeys(name for kind in self.kinds.values() for name in kind.get("settings", {}))
        return merged | {name: self._merged(name) for name in names}

    def of(self, given: Mapping[str, Any]) -> Declaration:
        """The declaration of the kind that settings name."""
        return self.kinds[self._kind(given)]

    def completed(self, given: Mapping[str, Any]) -> Settings:
        """The settings of the section that count for its kind and variant, in plain types, without those of others.

        Raises:
            ConfigError: a value is not one that the kind takes.
        """
        variant = given.get("variant") or self.shared.get("variant", {}).get("default")
        properties = self._counting(self.of(given), variant)
        present = {key: given[key] for key in properties if given.get(key) is not None}
        for problem in find_problems({self.name: present}, {"properties": {self.name: {"properties": properties}}}):
            raise ConfigError(f"{problem} ({self.name}.kind is {self._kind(given)})")
        laid = {key: present.get(key, part.get("default")) for key, part in properties.items()}
        unused = {key for key, part in properties.items() if _is_at(part.get("unused_with"), laid)}
        try:
            return {key: plain(value, f"{self.name}.{key}") for key, value in laid.items() if key not in unused}
        except TypeError as error:
            raise ConfigError(str(error)) from None

    def _counting(self, declared: Declaration, variant: str | None) -> dict[str, Settings]:
        """The properties that count for a kind in a variant, with the defaults that they have there."""
        shared = {key: part for key, part in self.shared.items() if part.get("only_where", "title") in declared}
        shared["kind"] = {"enum": list(self.kinds), "default": shared["kind"].get("default")}
        if "variant" in shared:
            shared["variant"] = shared["variant"] | {"enum": list(declared["variants"])}
        settings: Mapping[str, Settings] = declared.get("settings", {})
        special: Mapping[str, Any] = declared.get("variants", {}).get(variant, {})
        defaults: Mapping[str, Any] = special.get("defaults", {})
        own = {
            name: settings[name] | ({"default": defaults[name]} if name in defaults else {})
            for name in special.get("takes", settings)
        }
        return shared | own

    def _kind(self, given: Mapping[str, Any]) -> str:
        return given.get("kind") or self.shared["kind"]["default"]

    def _variants(self) -> list[str]:
        return list(dict.fromkeys(name for kind in self.kinds.values() for name in kind.get("variants", {})))

    def _merged(self, name: str) -> Settings:
        """What a setting may be with one kind or another, or null."""
        declared = [kind["settings"][name] for kind in self.kinds.values() if name in kind.get("settings", {})]
        limits = [{key: value for key, value in part.items() if key not in _OWN_WORDS} for part in declared]
        each = [part for number, part in enumerate(limits) if part not in limits[:number]]
        if all("enum" in part for part in each):
            return {"enum": [*dict.fromkeys(choice for part in each for choice in part["enum"]), None]}
        return _or_null(each[0]) if len(each) == 1 else {"anyOf": [*each, {"type": "null"}]}


@dataclass(frozen=True)
class MethodSchema:
    """What a method may be: the JSON schema of what can be given, and the sections that name a kind."""

    schema: Settings
    sections: Mapping[str, Section]


def read_method_schema(schemas: Path) -> MethodSchema:
    """The schema of methods, put together from what all share and the declarations of kinds."""
    schema = read_schema(schemas / "method.yaml")
    places: dict[str, Settings] = {name: schema["properties"][name] for name in FAMILIES}
    places["heads"] = places["heads"]["additionalProperties"]
    sections = {
        name: Section(name, places[name]["properties"], declarations(family, schemas))
        for name, family in FAMILIES.items()
    }
    for name, section in sections.items():
        places[name]["properties"] = section.properties
    schema["properties"]["on_data"]["propertyNames"] = {"enum": [*names_on_data(declarations("datasets", schemas))]}
    return MethodSchema(schema, sections)


def _is_at(place: Mapping[str, Any] | None, settings: Settings) -> bool:
    return place is not None and all(settings[key] == value for key, value in place.items())


def _or_null(part: Settings) -> Settings:
    types = part["type"] if isinstance(part["type"], list) else [part["type"]]
    return part | {"type": [*types, "null"]}
