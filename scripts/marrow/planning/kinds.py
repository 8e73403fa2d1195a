"""Kinds of a thing that a config can choose from: each is a file of code and a YAML file that declares it.

A weighting, a pooling, an encoder, a head, a data set: the kind `gated-attention` of a pooling is
`schemas/poolings/gated-attention.yaml` and `marrow/learning/pooling/gated_attention.py`. Nothing else names it. Its
module is imported by name when a job needs it; a rule says so in its parameter `modules`, so that the code of a kind
counts for the jobs that use it and for no others.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from marrow.planning.schemas import read_schema

# Family -> the package of its modules; its declarations are in the folder of schemas with the same name as the family.
PACKAGES: Mapping[str, str] = {
    "datasets": "marrow.datasets",
    "encoders": "marrow.learning.encoders",
    "heads": "marrow.learning.heads",
    "poolings": "marrow.learning.pooling",
    "weightings": "marrow.learning.weighting",
}

# The module that augments instances; only a training that augments them imports it.
AUGMENTER = "marrow.learning.augment.augmenter"


def declarations(family: str, schemas: Path) -> dict[str, dict[str, Any]]:
    """Kind -> its declaration, in the order of the names."""
    return {file.stem: read_schema(file) for file in sorted((schemas / family).glob("*.yaml"))}


def module_of(family: str, kind: str) -> str:
    """The dotted name of the module that implements a kind."""
    return f"{PACKAGES[family]}.{kind.replace('-', '_')}"


def implementation(family: str, kind: str) -> ModuleType:
    """The module that implements a kind, imported."""
    return import_module(module_of(family, kind))


def augmentation() -> ModuleType:
    """The module that augments instances, imported."""
    return import_module(AUGMENTER)
