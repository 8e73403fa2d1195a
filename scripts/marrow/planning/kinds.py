"""Kinds of a thing that a config can choose from: each is a file of code and a YAML file that declares it.

A weighting, a pooling, an encoder, a head, a data set: the kind `gated-attention` of a pooling is
`schemas/poolings/gated-attention.yaml` and `marrow/learning/pooling/gated_attention.py`. Nothing else names it. Its
module is imported by name when a job needs it; a rule says so in its parameter `modules`, so that the code of a kind
counts for the jobs that use it and for no others.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

# Family -> the package of its modules; its declarations are in the folder of schemas with the same name as the family.
PACKAGES: Mapping[str, str] = {
    "datasets": "marrow.datasets",
    "encoders": "marrow.learning.encoders",
    "experts": "marrow.learning.experts",
    "fusions": "marrow.learning.fusion",
    "heads": "marrow.learning.heads",
    "poolings": "marrow.learning.pooling",
    "weightings": "marrow.learning.weighting",
}

# Section of a method -> the family of the kinds that it can name.
FAMILIES = {
    "encoder": "encoders",
    "pooling": "poolings",
    "expert": "experts",
    "fusion": "fusions",
    "heads": "heads",
    "weighting": "weightings",
}

# Kind of augmentation -> the module that does it; only a training that augments imports one.
AUGMENTERS = {"patches": "marrow.learning.augment.augmenter", "cells": "marrow.learning.augment.cells"}


def module_of(family: str, kind: str) -> str:
    """The dotted name of the module that implements a kind."""
    return f"{PACKAGES[family]}.{kind.replace('-', '_')}"


def implementation(family: str, kind: str) -> ModuleType:
    """The module that implements a kind, imported."""
    return import_module(module_of(family, kind))


def augmentation(kind: str) -> ModuleType:
    """The module of a kind of augmentation, imported."""
    return import_module(AUGMENTERS[kind])


def automatic_head(has_classes: bool) -> str:
    """The kind of head that an auxiliary task has where its method names none."""
    return "classes" if has_classes else "values"


def method_modules(settings: Mapping[str, Any]) -> list[str]:
    """The modules that implement the parts of a method, sorted; expert and fusion where it learns from attributes.

    Whether a task without a head of its own has classes is known from the bags alone, so that both of the automatic
    heads count for it.
    """
    heads: Mapping[str, Mapping[str, Any]] = settings["heads"]
    modules = {module_of("heads", head["kind"]) for head in heads.values()}
    named = {name: family for name, family in FAMILIES.items() if name != "heads" and name in settings}
    modules |= {module_of(family, settings[name]["kind"]) for name, family in named.items()}
    if set(settings["auxiliary"]) - set(heads):
        modules |= {module_of("heads", automatic_head(has_classes)) for has_classes in (True, False)}
    return sorted(modules)


def training_modules(settings: Mapping[str, Any], augmentation: Mapping[str, Any] | None) -> list[str]:
    """The modules that a training imports by name: the parts of its method, and the augmentation where it augments."""
    return sorted([*method_modules(settings), *([AUGMENTERS[augmentation["kind"]]] if augmentation else [])])
