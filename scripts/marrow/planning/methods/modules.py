"""Which modules implement the parts that a method names; the code digest of a run's jobs follows them."""

from collections.abc import Mapping
from typing import Any

from marrow.planning.kinds import module_of

# Section of a method -> the family of the kinds that it can name.
FAMILIES = {"encoder": "encoders", "pooling": "poolings", "heads": "heads", "weighting": "weightings"}


def automatic_head(has_classes: bool) -> str:
    """The kind of head that an auxiliary task has where its method names none."""
    return "classes" if has_classes else "values"


def method_modules(settings: Mapping[str, Any]) -> list[str]:
    """The modules that implement the encoder, the pooling, the weighting and the heads of a method, sorted.

    Whether a task without a head of its own has classes is known from the bags alone, so that both of the automatic
    heads count for it.

    Args:
        settings: of a complete method (`Method.settings`).
    """
    heads: Mapping[str, Mapping[str, Any]] = settings["heads"]
    modules = {module_of("heads", head["kind"]) for head in heads.values()}
    modules |= {module_of(family, settings[name]["kind"]) for name, family in FAMILIES.items() if name != "heads"}
    if set(settings["auxiliary"]) - set(heads):
        modules |= {module_of("heads", automatic_head(has_classes)) for has_classes in (True, False)}
    return sorted(modules)
