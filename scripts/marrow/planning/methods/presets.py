"""The methods that a config can name: published ones, the presets, and its own entries.

The settings of a method are laid over one another: those of the preset that another preset builds on, then of that
preset, then of the config's entry, then of the section `training` of its runs. Each layer may have other settings for
some data (`on_data`), and a later layer overrides an earlier one. What no layer gives has the default of
`schemas/method.yaml` or of the kind's declaration.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from marrow.errors import ConfigError, look_up
from marrow.planning.config import Settings, check, read_schema
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.resolve import Method, resolved
from marrow.planning.methods.sections import MethodSchema, read_method_schema

SECTIONS = ("encoder", "pooling", "auxiliary", "heads", "weighting", "training")


class Methods:
    """All methods by their names; an entry of the config may have that of a preset, which it then is built on."""

    def __init__(self, presets: Mapping[str, Settings], entries: Mapping[str, Settings], schema: MethodSchema) -> None:
        self._presets = presets
        self._entries = entries
        self._schema = schema

    def method(self, name: str, instances: Instances, training: Mapping[str, Any]) -> Method:
        """A method for some data, complete; `training` is what its runs on these data set in that section.

        Raises:
            ConfigError: there is no such method, or it cannot learn from these data.
        """
        pile: list[Mapping[str, Any]] = []
        for layer in [*self._pile(name), {"training": training}]:
            pile += [layer, *(layer.get("on_data", {}).get(kind, {}) for kind in instances.kinds)]
        laid = overlaid({key: each[key] for key in SECTIONS if key in each} for each in pile)
        try:
            return resolved(self._title(name), laid, instances, self._schema)
        except ConfigError as error:
            raise ConfigError(f"the method {name} does not fit these data: {error}") from None

    def check_training(self, training: Mapping[str, Any], place: str) -> None:
        """Raise a `ConfigError` where a section `training` that stands by itself is wrong."""
        check(training, self._schema.schema["properties"]["training"], place)

    def _title(self, name: str) -> str:
        own = self._entries.get(name, {}).get("title")
        return own or self._presets.get(name, {}).get("title") or name

    def _pile(self, name: str) -> list[Settings]:
        """What a method is made of, the most general first."""
        look_up({**self._entries, **self._presets}, name, f"there is no method {name}")
        if name not in self._entries:
            return self._preset(name)
        entry = self._entries[name]
        base = entry.get("preset") or (name if name in self._presets else None)
        return [*self._preset(base), entry] if base else [entry]

    def _preset(self, name: str) -> list[Settings]:
        preset = self._presets[name]
        return [*self._preset(preset["preset"]), preset] if preset.get("preset") else [preset]


def read_methods(entries: Mapping[str, Settings], schemas: Path) -> Methods:
    """The presets and the entries of a config, checked.

    Raises:
        ConfigError: a key does not exist, a value is wrong, or a preset is named that is not there.
    """
    schema = read_method_schema(schemas)
    presets = read_schema(schemas / "presets.yaml")
    for name, entry in entries.items():
        check(entry, schema.schema, f"config: methods.{name}")
        base = entry.get("preset")
        if base is not None:
            look_up(presets, base, f"config: methods.{name}.preset is {base!r}")
    return Methods(presets, entries, schema)


def overlaid(layers: Iterable[Mapping[str, Any]]) -> Settings:
    """Settings laid over one another, the later the stronger: mappings are merged, all else is replaced."""
    laid: Settings = {}
    for layer in layers:
        for key, value in layer.items():
            below = laid.get(key)
            if isinstance(value, Mapping):
                under = cast("Mapping[str, Any]", below) if isinstance(below, Mapping) else {}
                laid[key] = overlaid([under, cast("Mapping[str, Any]", value)])
            else:
                laid[key] = value
    return laid
