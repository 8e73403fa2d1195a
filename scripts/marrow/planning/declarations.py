"""The declarations of kinds: one YAML file a kind, in the folder of schemas that is called after its family."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from marrow.planning.config import complete, read_schema

Declaration = Mapping[str, Any]


@cache
def declarations(family: str, schemas: Path) -> Mapping[str, Declaration]:
    """Kind -> its declaration, checked and complete, in the order of the names.

    Raises:
        ConfigError: a declaration is not as `kinds.yaml` in the folder of schemas says.
    """
    words = read_schema(schemas / "kinds.yaml")[family]
    files = sorted((schemas / family).glob("*.yaml"))
    return {file.stem: complete(read_schema(file), words, f"schemas/{family}/{file.name}") for file in files}
