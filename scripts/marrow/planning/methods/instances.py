"""What instances a data set has, as far as a method must know it before there is any.

The declaration of the kind says it (`schemas/datasets/`); a test compares it with what the kind's module makes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from marrow.bags.attributes import Attribute

SIMULATED = "simulated"


@dataclass(frozen=True)
class Instances:
    """The instances of a data set.

    Attributes:
        shape: of an instance without its margin: (channels, z, y, x), (channels, y, x) or (features,).
        tasks: the auxiliary ones, in the order of the bag files.
        kinds: what settings for some data alone may call it, the general before the special.
        are_bytes: whether they are stored as bytes from 0 to 255, and not as numbers without a range.
        are_labelled: whether bags hold instance labels, for evaluation alone.
        key_classes: class of a bag -> the classes of its key instances, where none has the bag's name.
        attributes: the clinical ones of the bags.
    """

    shape: tuple[int, ...]
    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    are_bytes: bool = False
    are_labelled: bool = False
    key_classes: Mapping[str, Sequence[str]] = field(default_factory=lambda: {})
    attributes: tuple[Attribute, ...] = ()


def instances_of(kind: str, declaration: Mapping[str, Any], settings: Mapping[str, Any]) -> Instances:
    """The instances that a data set of a kind has with these settings."""
    declared = declaration["instances"]
    special: Mapping[str, str] = declaration["special_names"]
    return Instances(
        shape=tuple(_length(axis, settings) for axis in declared["shape"]),
        tasks=tuple(task for task in declared["tasks"] if settings.get(task, True)),
        kinds=(kind, *(name.format(settings[setting]) for setting, name in special.items())),
        are_bytes=declared["values"] == "bytes",
        are_labelled=declared["labelled"],
        key_classes=declared["key_classes"],
    )


def names_on_data(declarations: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Everything that `on_data` of a method can name."""
    yield SIMULATED
    for kind, declaration in declarations.items():
        yield kind
        for setting, name in declaration["special_names"].items():
            yield from (name.format(value) for value in declaration["settings"][setting]["enum"])


def _length(axis: int | str | Mapping[str, Mapping[Any, int]], settings: Mapping[str, Any]) -> int:
    """The length of an axis of `shape`: a number, the value of a setting or its length, or one by a setting's value."""
    if isinstance(axis, int):
        return axis
    if isinstance(axis, str):
        value: Any = settings[axis]
        return len(cast("list[Any]", value)) if isinstance(value, list) else value
    ((setting, lengths),) = axis.items()
    return lengths[settings[setting]]
