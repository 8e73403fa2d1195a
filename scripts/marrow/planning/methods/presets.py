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

SECTIONS = (
    "encoder", "pooling", "attributes", "expert", "fusion", "start", "auxiliary", "heads", "weighting", "training",
)  # fmt: skip


class Methods:
    """All methods by their names; an entry of the config may have that of a preset, which it then is built on."""

    def __init__(self, presets: Mapping[str, Settings], entries: Mapping[str, Settings], schema: MethodSchema) -> None:
        self._presets = presets
        self._entries = entries
        self._schema = schema

    def method(
        self, name: str, instances: Instances, training: Mapping[str, Any], starting: tuple[str, ...] = ()
    ) -> Method:
        """A method for some data, complete; `training` is what its runs on these data set in that section.

        `starting` are the methods that start from this one.

        Raises:
            ConfigError: there is no such method, or it cannot learn from these data.
        """
        pile: list[Mapping[str, Any]] = []
        for layer in [*self._pile(name), {"training": training}]:
            pile += [layer, *(layer.get("on_data", {}).get(kind, {}) for kind in instances.kinds)]
        laid = overlaid({key: each[key] for key in SECTIONS if key in each} for each in pile)
        try:
            if (laid.get("start") or {}).get("from", "scratch") != "scratch":
                laid |= self._of_experts(laid["start"], instances, training, (*starting, name))
            return resolved(self._title(name), laid, instances, self._schema)
        except ConfigError as error:
            raise ConfigError(f"the method {name} does not fit these data: {error}") from None

    def _of_experts(
        self, start: Mapping[str, Any], instances: Instances, training: Mapping[str, Any], starting: tuple[str, ...]
    ) -> Settings:
        """What a method that starts from two trained models takes over from their methods."""
        missing = [role for role in ("pictures", "attributes") if not start.get(role)]
        if missing:
            raise ConfigError(f"start.from is {start['from']}, and start.{missing[0]} names no method to start from")
        if start["pictures"] in starting or start["attributes"] in starting:
            raise ConfigError(f"{' starts from '.join(starting)}, which starts from one of these again; name others")
        pictures, attributes = (
            self.method(start[role], instances, training, starting) for role in ("pictures", "attributes")
        )
        if pictures.attributes or not attributes.attributes or attributes.looks_at_instances:
            raise ConfigError(
                f"start.pictures is {start['pictures']} and start.attributes {start['attributes']}; name a method "
                "without attributes and one of attributes alone, whose encoder.kind is none"
            )
        taken: Settings = {
            "encoder": pictures.encoder,
            "pooling": pictures.pooling,
            "attributes": [attribute.name for attribute in attributes.attributes],
            "expert": attributes.expert,
        }
        if start["from"] == "frozen":
            return taken | {"auxiliary": [], "heads": {}, "weighting": {}}
        return taken | {
            "auxiliary": list(pictures.auxiliary), "heads": pictures.heads, "weighting": pictures.weighting
        }  # fmt: skip

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
