"""Reading of schemas."""

from pathlib import Path
from typing import Any

import yaml


def read_schema(path: Path) -> dict[str, Any]:
    """A JSON schema, or the declaration of a kind, written as YAML."""
    # The loader in C: every process that reads the Snakefile reads the schemas, and in Python this took half its time.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
