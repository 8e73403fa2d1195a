"""Resolving a method for the instances that it learns from.

What is left open (`auto`, null) gets its value, and settings that make no difference are left out. So two ways to write
the same method train the same runs, and a key that a method does not use makes none of its runs stale.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.bags.attributes import Attribute
from marrow.errors import ConfigError, nearest
from marrow.planning.config import Settings, complete
from marrow.planning.datasets import SCANS
from marrow.planning.declarations import Declaration
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.joining import NOTHING, Joined
from marrow.planning.methods.sections import MethodSchema, Section
from marrow.workflow.fingerprint.values import plain

IDENTITY = "identity"  # the encoder that passes rows as they are
_CALLED = {1: "rows of a table", 3: "pictures", 4: "volumes"}  # by the axes of an instance, channels included


@dataclass(frozen=True)
class Method:
    """A method of learning, complete for a data set.

    Attributes:
        title: what tables call it.
        encoder: what embeds an instance; its kind is never auto.
        attributes: those that it learns from, in the order of the data set.
        expert: what judges a bag by its attributes.
        fusion: how the verdicts on pictures and attributes become one.
        start: what it is trained from: `from` and, where it starts from two trained models, their methods.
        auxiliary: names of the auxiliary tasks, in the order of the data set.
        heads: auxiliary task -> its head, for those that do not have the automatic one.
        has_attention: whether its pooling weighs instances.
        looks_at_instances: whether it learns from more than attributes.
        alone: why each of its runs trains in a process of its own, in words; None where several seeds can share one.
    """

    title: str
    encoder: Settings
    pooling: Settings
    attributes: tuple[Attribute, ...]
    expert: Settings
    fusion: Settings
    start: Settings
    auxiliary: tuple[str, ...]
    heads: dict[str, Settings]
    weighting: Settings
    training: Settings
    has_attention: bool
    looks_at_instances: bool
    alone: str | None

    @property
    def settings(self) -> Settings:
        """All that a run depends on, in plain types: no title, and no name of a method that it starts from."""
        settings: Settings = {
            "encoder": self.encoder,
            "pooling": self.pooling,
            "auxiliary": list(self.auxiliary),
            "heads": self.heads,
            "weighting": self.weighting,
            "training": self.training,
        }
        if not self.attributes:
            return settings
        declared = [attribute.settings for attribute in self.attributes]
        more: Settings = {"attributes": declared, "expert": self.expert, "fusion": self.fusion}
        return settings | more | {"start": self.start["from"]}

    @property
    def experts(self) -> list[str]:
        """The methods of the two trained models that it starts from, that on pictures first; none where it does not."""
        return [] if self.start["from"] == "scratch" else [self.start["pictures"], self.start["attributes"]]


def resolved(title: str, given: Settings, instances: Instances, methods: MethodSchema) -> Method:
    """A method for these instances.

    Raises:
        ConfigError: a value is not one that its kind takes, the encoder or the scaling does not fit the instances, or
            the data have no such auxiliary tasks.
    """
    sections = methods.sections
    is_fitted = sections["pooling"].of(given.get("pooling", {})).get("fitted", False)
    asked = _for_solver(given) if is_fitted else given.get("encoder", {})
    encoder = encoder_settings(asked, instances.shape, sections["encoder"])
    pooling = {"kind": NOTHING} if encoder["kind"] == NOTHING else given.get("pooling", {})
    parts = {
        "encoder": encoder,
        "pooling": sections["pooling"].completed(pooling),
        **{name: sections[name].completed(given.get(name, {})) for name in ("expert", "fusion", "weighting")},
    }
    declared = {name: sections[name].of(part) for name, part in parts.items()}
    start = complete(given.get("start", {}), methods.schema["properties"]["start"])
    joined = Joined(parts, declared, start["from"])
    for problem in joined.problems():
        raise ConfigError(problem)
    attributes = _attributes(given.get("attributes"), instances.attributes) if joined.takes_attributes else ()
    auxiliary = _auxiliary(given.get("auxiliary"), parts["weighting"]["kind"], instances.tasks)
    if auxiliary and not joined.looks_at_instances:
        raise ConfigError(
            f"encoder.kind is none, and the auxiliary tasks {', '.join(auxiliary)} ask something of instances; set "
            "weighting.kind to none"
        )
    _check_number_of_tasks(parts["weighting"], declared["weighting"], len(auxiliary))
    heads = _heads(given.get("heads", {}), auxiliary, instances.tasks, sections["heads"])
    training = _training(given.get("training", {}), instances, methods.schema["properties"]["training"])
    return Method(
        title=title,
        **parts,
        attributes=attributes,
        start=start,
        auxiliary=auxiliary,
        heads=heads,
        training=training,
        has_attention=declared["pooling"].get("attention", False),
        looks_at_instances=joined.looks_at_instances,
        alone="it learns from attributes" if attributes else why_alone(declared.values(), encoder, training),
    )


def _for_solver(given: Settings) -> Settings:
    """The encoder of a pooling that a solver fits, which leaves nothing to train by gradients.

    Raises:
        ConfigError: the method names another.
    """
    kind = given.get("encoder", {}).get("kind", "auto")
    if kind not in {"auto", IDENTITY}:
        raise ConfigError(
            f"pooling.kind is {given['pooling']['kind']}, which a solver fits to the rows of a table as they are, and "
            f"encoder.kind is {kind}; take {IDENTITY}, or leave it out"
        )
    return {"kind": IDENTITY}


def why_alone(declared: Iterable[Declaration], encoder: Mapping[str, Any], training: Mapping[str, Any]) -> str | None:
    """Why each run of a method trains in a process of its own, in words; None where several can share one.

    Those that share one are trained by `marrow.learning.many_seeds.stepper`.
    """
    reasons = {
        "dropout would leave out other units than in a run by itself": encoder.get("dropout", 0) > 0,
        "training.compile makes chunks of one size": training["compile"],
        "training.deterministic promises the bits of a run by itself": training["deterministic"],
    }
    general = [reason for reason, holds in reasons.items() if holds]
    return next((each["alone"] for each in declared if "alone" in each), next(iter(general), None))


def encoder_for(shape: tuple[int, ...], encoders: Mapping[str, Declaration]) -> str:
    """The encoder that `auto` stands for: of those that read such instances, the first that is meant for their size.

    Raises:
        ConfigError: none is.
    """
    limits = {
        kind: declared["automatic"].get("largest_edge", float("inf"))
        for kind, declared in encoders.items()
        if declared["reads"] == _CALLED[len(shape)] and "automatic" in declared
    }
    fitting = [kind for kind, largest in limits.items() if max(shape[1:], default=0) <= largest]
    if not fitting:
        raise ConfigError(f"encoder.kind is auto, and no encoder is meant for instances of {shape}; name one")
    return min(fitting, key=lambda kind: limits[kind])


def encoder_settings(given: Settings, shape: tuple[int, ...], section: Section) -> Settings:
    """The encoder of a method, its kind and what goes by the size of the instances chosen.

    Raises:
        ConfigError: the encoder does not read such instances, or a value is not one that it takes.
    """
    kind: str = given.get("kind", "auto")
    kind = encoder_for(shape, section.kinds) if kind == "auto" else kind
    called = _CALLED[len(shape)]
    if section.kinds[kind]["reads"] not in {called, "nothing"}:
        readers = [reader for reader, declared in section.kinds.items() if declared["reads"] == called]
        raise ConfigError(
            f"encoder.kind is {kind}, which does not read {called}, and an instance is {shape}; "
            f"take {' or '.join(readers)}, or auto"
        )
    encoder = section.completed(given | {"kind": kind})
    for key, part in section.kinds[kind].get("settings", {}).items():
        if "least_edges" in part:
            encoder[key] = _by_edge(key, encoder[key], part["least_edges"], shape)
    return encoder


def _attributes(named: list[str] | str | None, declared: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    """The attributes, in the order of the data set."""
    if not declared:
        raise ConfigError(
            "it learns from attributes, and these data have none; declare those of the sample sheet in the section "
            "attributes of the config, such as attributes: {age: {unit: years}}"
        )
    by_name = {attribute.name: attribute for attribute in declared}
    names = list(by_name) if named is None else [named] if isinstance(named, str) else named
    for name in names:
        if name not in by_name:
            raise ConfigError(
                f"attributes names {name!r}, which these data do not have; {nearest(name, list(by_name))}"
            )
    if not names:
        raise ConfigError("it learns from attributes, and attributes is empty; name some, or leave it out for all")
    return tuple(attribute for name, attribute in by_name.items() if name in names)


def _by_edge(key: str, value: Any, least_edges: Mapping[Any, int], shape: tuple[int, ...]) -> Any:
    """A setting whose values each need instances of a least edge; None stands for the first value that fits."""
    fitting = [choice for choice, edge in least_edges.items() if min(shape[1:]) >= edge]
    if value is not None and value not in fitting:
        raise ConfigError(
            f"encoder.{key} is {value}, which is too large for instances of {shape}; leave it empty, which is "
            f"{fitting[0]} here, or cut larger patches (patch_mm)"
        )
    return fitting[0] if value is None else value


def _auxiliary(requested: list[str] | str | None, weighting: str, tasks: tuple[str, ...]) -> tuple[str, ...]:
    """The tasks, in the order of the data set."""
    if requested is None:
        requested = [] if weighting == "none" else "all"
    chosen = list(tasks) if requested == "all" else [requested] if isinstance(requested, str) else requested
    _check_tasks("auxiliary", chosen, tasks)
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


def _check_tasks(section: str, named: Iterable[str], tasks: Sequence[str]) -> None:
    for task in named:
        if task not in tasks:
            hint = nearest(task, tasks) if tasks else "there are none; leave it out"
            raise ConfigError(f"{section} names {task!r}, which is no auxiliary task of these data; {hint}")


def _check_number_of_tasks(weighting: Settings, declared: Declaration, tasks: int) -> None:
    """Some variants weigh a few tasks alone."""
    variants: Mapping[str, Mapping[str, Any]] = declared.get("variants", {})
    most = {name: variant.get("most_tasks") for name, variant in variants.items()}
    limit = most.get(weighting.get("variant", ""))
    if limit is not None and tasks > limit:
        others = [name for name, number in most.items() if number is None]
        raise ConfigError(
            f"weighting.kind is {weighting['kind']} ({weighting['variant']}) with {tasks} auxiliary tasks; it weighs "
            f"at most {limit}: name fewer, or choose the variant {' or '.join(others)}"
        )


def _heads(
    given: Mapping[str, Settings], auxiliary: tuple[str, ...], tasks: tuple[str, ...], section: Section
) -> dict[str, Settings]:
    """The heads of those tasks that do not have the automatic one."""
    _check_tasks("heads", given, tasks)
    return {task: section.completed(given[task]) for task in auxiliary if task in given}


def _training(given: Settings, instances: Instances, schema: Settings) -> Settings:
    """The section `training`, complete."""
    training = complete(given, schema)
    if training["input"] == "unit" and not instances.are_bytes:
        raise ConfigError(
            "training.input is unit, which takes bytes to 0 .. 1, and these instances are "
            f"{_CALLED[len(instances.shape)]}, whose numbers have no such range; take standardised"
        )
    augment = instances.kinds[0] == SCANS if training["augment"] is None else training["augment"]
    if augment == "cells" and (len(instances.shape) != 3 or instances.shape[0] != 3):
        raise ConfigError(
            f"training.augment is cells, which is for pictures in three colours, and an instance is {instances.shape}; "
            "take true or false"
        )
    training |= {
        "augment": augment if len(instances.shape) > 1 else False,
        "nesterov": training["nesterov"] and training["momentum"] > 0,
        "learning_rate_factor": training["learning_rate_factor"] if training["learning_rate_steps"] else 1,
    }
    return {
        key: plain(training[key], key)
        for key, part in schema["properties"].items()
        if all(training[other] in values for other, values in part.get("only_with", {}).items())
    }
