"""Settings of a method's parts, complete, as the plan makes them."""

from pathlib import Path
from typing import Any

from marrow.planning.methods.resolve import encoder_settings
from marrow.planning.methods.sections import read_method_schema

METHODS = read_method_schema(Path(__file__).parents[2] / "schemas")
SECTIONS = METHODS.sections


def complete(section: str, **given: Any) -> dict[str, Any]:
    """A section of a method with the defaults of its kind; settings of other kinds are left out."""
    return SECTIONS[section].completed(given)


def encoder(shape: tuple[int, ...], **given: Any) -> dict[str, Any]:
    """An encoder for instances of this shape."""
    return encoder_settings(given, shape, SECTIONS["encoder"])


def variants(section: str) -> list[tuple[str, str]]:
    """Every kind in each of its variants, `as-printed` where it has none."""
    declared = SECTIONS[section].kinds
    return [(kind, variant) for kind in declared for variant in declared[kind].get("variants", ["as-printed"])]
