"""A method made to fit the instances that it is to learn from: nothing is open, and what counts for nothing is gone.

So two ways to say the same train the same runs, and a key that a method does not use makes none of its runs stale.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from marrow.errors import ConfigError, nearest
from marrow.planning.datasets import SCANS
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.method import Method, Settings
from marrow.workflow.fingerprint.values import plain

_KERNEL, _SMALL_KERNEL = 5, 3
SMALL = 32  # pixels, up to which a LeNet reads a picture
# By the number of axes of an instance, channels included: what they are, and which encoders read them.
_READS = {1: ("rows of a table", ("mlp",)), 3: ("pictures", ("lenet", "resnet")), 4: ("volumes", ("lenet3d",))}


def fitted(title: str, settings: Settings, instances: Instances, sections: Mapping[str, Any]) -> Method:
    """A method for these instances.

    Args:
        title: of the method.
        settings: its sections, complete.
        instances: what it learns from.
        sections: their schemas.

    Raises:
        ConfigError: its encoder or its scaling cannot take the instances, or its auxiliary tasks are not there.
    """
    auxiliary = _auxiliary(settings["auxiliary"], settings["weighting"]["kind"], instances.tasks)
    resolved = settings | {
        "encoder": settings["encoder"] | _encoder(settings["encoder"], instances.shape),
        "pooling": settings["pooling"] | _pooling(settings["pooling"]),
        "training": settings["training"] | _training(settings["training"], instances),
    }
    counting = {
        name: _counting(name, resolved[name], sections[name]["properties"])
        for name in ("encoder", "pooling", "weighting", "training")
    }
    return Method(title=title, auxiliary=auxiliary, **counting)


def encoder_for(shape: tuple[int, ...]) -> str:
    """What `auto` stands for."""
    readers = _READS[len(shape)][1]
    return readers[-1] if max(shape[1:], default=0) > SMALL else readers[0]


def _encoder(encoder: Settings, shape: tuple[int, ...]) -> Settings:
    """What is left open."""
    name, readers = _READS[len(shape)]
    kind = encoder_for(shape) if encoder["kind"] == "auto" else encoder["kind"]
    if kind not in readers:
        raise ConfigError(
            f"encoder.kind is {kind}, which does not read {name}, and an instance is {shape}; "
            f"take {' or '.join(readers)}, or auto"
        )
    return {"kind": kind, "kernel": _kernel(encoder["kernel"], shape) if kind == "lenet3d" else None}


def _kernel(wanted: int | None, shape: tuple[int, ...]) -> int:
    """The edge of the convolutions; two of `_KERNEL` and a pooling by 2 in between have to leave something."""
    fits = (min(shape[1:]) - _KERNEL + 1) // 2 >= _KERNEL
    if wanted == _KERNEL and not fits:
        raise ConfigError(
            f"encoder.kernel is {wanted}, which is too large for instances of {shape}; leave it empty, which is "
            f"{_SMALL_KERNEL} here, or cut larger patches (patch_mm)"
        )
    return wanted or (_KERNEL if fits else _SMALL_KERNEL)


def _auxiliary(wanted: list[str] | str | None, weighting: str, tasks: tuple[str, ...]) -> tuple[str, ...]:
    """The tasks, in the order of the data set."""
    if wanted is None:
        wanted = [] if weighting == "none" else "all"
    chosen = list(tasks) if wanted == "all" else [wanted] if isinstance(wanted, str) else wanted
    for task in chosen:
        if task not in tasks:
            hint = nearest(task, tasks) if tasks else "there are none; leave it out"
            raise ConfigError(f"auxiliary names {task!r}, which is no auxiliary task of these data; {hint}")
    if weighting == "none" and chosen:
        raise ConfigError(
            f"auxiliary names {', '.join(chosen)}, and weighting.kind is none; choose how they count, such as uniform, "
            "or take them out"
        )
    if weighting != "none" and not chosen:
        reason = "auxiliary is empty" if tasks else "these data have none"
        raise ConfigError(
            f"weighting.kind is {weighting}, which weighs auxiliary tasks, and {reason}; set it to none, or take a "
            "method without auxiliary tasks, such as attention"
        )
    return tuple(task for task in tasks if task in chosen)


def _pooling(pooling: Settings) -> Settings:
    """What is nothing, where there is no consistency loss."""
    return {} if pooling["consistency_weight"] else {"consistency_ramp": 0, "consistency_decay": 0}


def _training(training: Settings, instances: Instances) -> Settings:
    """What is left empty, what cannot be, and what is nothing."""
    if training["input"] == "unit" and not instances.are_bytes:
        raise ConfigError(
            "training.input is unit, which takes bytes to 0 .. 1, and these instances are "
            f"{_READS[len(instances.shape)][0]}, whose numbers have no such range; take standardised"
        )
    augment = instances.kinds[0] == SCANS if training["augment"] is None else training["augment"]
    return {
        "augment": augment and len(instances.shape) > 1,
        "nesterov": training["nesterov"] and training["momentum"] > 0,
        "learning_rate_factor": training["learning_rate_factor"] if training["learning_rate_steps"] else 1,
    }


def _counting(name: str, section: Settings, properties: Mapping[str, Any]) -> Settings:
    """The keys of a section that count where the others are what they are, in plain types."""
    counting: Settings = {}
    for key in properties:
        value = section[key]
        places: Sequence[Mapping[str, Any]] = properties[key].get("only_with", [{}])
        place = next((place for place in places if _is_at(place, section)), None)
        if place is None:
            continue
        if value not in place.get("choices", [value]):
            hint = nearest(value, place["choices"])
            raise ConfigError(f"{name}.{key} is {value!r}, and {name}.kind is {section['kind']}; {hint}")
        counting[key] = plain(place.get("default") if value is None else value, key)
    return counting


def _is_at(place: Mapping[str, Any], section: Settings) -> bool:
    return all(section[key] in allowed for key, allowed in place.items() if key not in {"default", "choices"})
