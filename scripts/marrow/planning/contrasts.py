"""The contrasts that the config declares, looked up by what they are for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from marrow.errors import ConfigError, nearest
from marrow.imaging.contrasts import Contrast, Role

# What a name stands for where the config says no more.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "fat": {"roles": ["fat"]},
    "water": {"roles": ["grid", "water"]},
    "b50": {"roles": ["low_b"]},
    "b900": {"roles": ["high_b"]},
    "adc": {"roles": ["adc"]},
}
B_VALUES: Mapping[Role, float] = {"low_b": 50.0, "high_b": 900.0}
# Published whole-body protocols have 0 to 100 and 600 to 1200 s/mm2.
B_RANGES: Mapping[Role, tuple[float, float]] = {"low_b": (0, 150), "high_b": (600, 1200)}
B_TOLERANCE = 0.05  # around the b-value of a contrast that is neither the low nor the high one
ACQUISITIONS: Mapping[Role, str] = {"water": "dixon", "fat": "dixon", "low_b": "diffusion", "high_b": "diffusion"}
ADC_WINDOW = (0.0, 3000.0)  # 1e-6 mm2/s, up to free water
Value = TypeVar("Value")
UNIQUE: tuple[Role, ...] = ("water", "fat", "low_b", "high_b", "adc")
# Names that the sheet or the folder of a scan uses for something else.
TAKEN = frozenset(
    {"scan", "patient", "label", "split", "site", "bones", "lesions", "exclude", "body", "checks", "record"}
)


@dataclass(frozen=True)
class Contrasts:
    """The declared contrasts, in the order of the config."""

    declared: tuple[Contrast, ...]

    @cached_property
    def names(self) -> list[str]:
        """All of them."""
        return [contrast.name for contrast in self.declared]

    @cached_property
    def given(self) -> list[str]:
        """Those that the sheet gives files for: all but the ADC, which is computed."""
        return [contrast.name for contrast in self.declared if not contrast.is_computed]

    @cached_property
    def standardised(self) -> list[str]:
        """Those that are brought onto the standard scale."""
        return [contrast.name for contrast in self.declared if contrast.standardise]

    @cached_property
    def diffusion(self) -> list[str]:
        """Those with a b-value, of which maximum projections are drawn."""
        return [contrast.name for contrast in self.declared if contrast.b_value is not None]

    @cached_property
    def b_columns(self) -> dict[str, str]:
        """Columns of the sheet that tell the b-values of a scan -> the contrast that has it."""
        columns: dict[str, Role] = {"b_low": "low_b", "b_high": "high_b"}
        return {column: name for column, role in columns.items() for name in self.with_role(role)}

    @property
    def grid(self) -> str:
        """The one whose grid all others are brought onto."""
        return self.with_role("grid")[0]

    @property
    def shown(self) -> str:
        """The one that shows disease best: the high b-value, else that of the grid."""
        return (self.with_role("high_b") or [self.grid])[0]

    @property
    def of_bones(self) -> list[str]:
        """Those that show bones: fat and water, else that of the grid."""
        return [*self.with_role("fat"), *self.with_role("water")] or [self.grid]

    def with_role(self, role: Role) -> list[str]:
        """Those with a role."""
        return [contrast.name for contrast in self.declared if role in contrast.roles]

    @cached_property
    def main_roles(self) -> dict[str, str]:
        """Contrast -> what it is for, beside giving the grid."""
        return {
            contrast.name: next((role for role in contrast.roles if role != "grid"), "structural")
            for contrast in self.declared
        }

    def declarations(self) -> list[dict[str, Any]]:
        """All of them as plain values."""
        return [contrast.declaration() for contrast in self.declared]

    def __getitem__(self, name: str) -> Contrast:
        return self.declared[self.names.index(name)]

    def windows(self, given: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
        """Black and white of each contrast that is not standardised; `given` is `qc.own_scale` of the config."""
        self.check_names("qc.own_scale", given)
        windows = {**dict.fromkeys(self.with_role("adc"), ADC_WINDOW), **given}
        lacking = [name for name in self.names if name not in self.standardised and name not in windows]
        if lacking:
            raise ConfigError(
                f"config: {lacking[0]} keeps its units, so its pictures need a black and a white; write for example\n"
                f"  qc:\n    own_scale: {{{lacking[0]}: [0, 1000]}}"
            )
        return windows

    def check_names(self, key: str, names: Iterable[str]) -> None:
        """Raise an error where a key of the config names a contrast that is not declared."""
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ConfigError(
                f"config: {key} names {', '.join(unknown)}, which `contrasts` lacks; "
                f"{nearest(unknown[0], self.names)}, "
                "add it to `contrasts`, or take it out here"
            )


def declared_contrasts(given: Sequence[str] | Mapping[str, Mapping[str, Any] | None]) -> Contrasts:
    """The contrasts of the config: a list of names that are known, or names with what they are for.

    Raises:
        ConfigError: a name is not known and says nothing, or names and roles contradict each other.
    """
    named = given if isinstance(given, Mapping) else dict.fromkeys(given)
    contrasts = Contrasts(tuple(_contrast(name, declaration or {}) for name, declaration in named.items()))
    problems = list(_problems(contrasts))
    if problems:
        raise ConfigError("\n".join(f"config: {problem}" for problem in problems))
    return contrasts


def _contrast(name: str, declaration: Mapping[str, Any]) -> Contrast:
    known = DEFAULTS.get(name, {}) if "roles" not in declaration else {}
    settings = {**known, **declaration}
    if "roles" not in settings:
        raise ConfigError(
            f"config: contrasts names {name}, and of that name nothing is known; say what it is for, as in\n"
            f"  contrasts:\n    {name}: {{roles: [structural]}}\n"
            f"({nearest(name, list(DEFAULTS))}; docs/contrasts.md has the roles)"
        )
    roles: Sequence[Role] = settings["roles"]
    b_value = settings.get("b_value", _of_role(B_VALUES, roles))
    units = {"quantitative", "adc"} & set(roles)
    return Contrast(
        name=name,
        roles=tuple(roles),
        standardise=settings.get("standardise", not units),
        b_value=b_value,
        b_range=_b_range(settings.get("b_range"), b_value, roles),
        acquisition=settings.get("acquisition", _of_role(ACQUISITIONS, roles) or name),
    )


def _of_role(values: Mapping[Role, Value], roles: Sequence[Role]) -> Value | None:
    """The value of the first role that has one."""
    return next((values[role] for role in roles if role in values), None)


def _b_range(given: Sequence[float] | None, b_value: float | None, roles: Sequence[Role]) -> tuple[float, float] | None:
    if b_value is None:
        return None
    if given:
        return given[0], given[1]
    near = (b_value * (1 - B_TOLERANCE), b_value * (1 + B_TOLERANCE))
    return _of_role(B_RANGES, roles) or near


def _problems(contrasts: Contrasts) -> Iterable[str]:
    grids = contrasts.with_role("grid")
    if len(grids) != 1:
        yield (
            f"contrasts: {', '.join(grids) or 'none'} of {', '.join(contrasts.names)} has the role grid; exactly one "
            "gives "
            "the grid and the outline of the body. Water does by default; give the role to the image that shows the "
            "whole body best"
        )
    for role in UNIQUE:
        named = contrasts.with_role(role)
        if len(named) > 1:
            yield f"contrasts: {' and '.join(named)} both have the role {role}; leave it to one of them"
    missing = [role for role in ("low_b", "high_b") if not contrasts.with_role(role)]
    if contrasts.with_role("adc") and missing:
        yield (
            f"contrasts: adc is computed from two b-values, and no contrast has the role {' or '.join(missing)}; add "
            "it, "
            "or take adc out"
        )
    for contrast in contrasts.declared:
        yield from _problems_of(contrast)
    b_values = [contrasts[name].b_value or 0.0 for role in B_RANGES for name in contrasts.with_role(role)]
    if b_values != sorted(b_values):
        listed = " and the high one ".join(f"{b_value:g}" for b_value in b_values)
        yield f"contrasts: the low b-value is {listed} s/mm2; exchange the roles"


def _problems_of(contrast: Contrast) -> Iterable[str]:
    name = contrast.name
    if name in TAKEN:
        yield (
            f"contrasts: {name} cannot be the name of a contrast, since the sheet or a scan's folder uses it; take "
            "another"
        )
    if "adc" in contrast.roles and len(contrast.roles) > 1:
        yield (
            f"contrasts.{name}: the role adc stands alone, since this map is computed; a map from a file is "
            "quantitative"
        )
    if contrast.has_units and contrast.standardise:
        yield f"contrasts.{name}: a map keeps its units; take `standardise: true` out"
    b_value, b_range = contrast.b_value, contrast.b_range
    if b_value is not None and b_range is not None and not b_range[0] <= b_value <= b_range[1]:
        yield (
            f"contrasts.{name}: b_value {b_value:g} lies outside b_range {b_range[0]:g} to {b_range[1]:g}; widen "
            "b_range"
        )
