"""Paths below the working directory, and the roles under which a job's files are recorded."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path("results")
PRIVATE = RESULTS / ".marrow"
ARCHIVE = PRIVATE / "archive"
CHECKPOINTS = PRIVATE / "checkpoints"
DIGESTS = PRIVATE / "digests.json"
CODE = PRIVATE / "code.json"
FRESH = PRIVATE / "fresh"
STALE = PRIVATE / "stale"

# Inputs of a rule that only decide when a job runs: its script does not read them, and no fingerprint includes them.
TRIGGER_INPUTS = frozenset({"freshness", "after"})

# The parameter of a rule with the dotted names of the project modules that a job imports by name. It is no setting.
MODULES = "modules"


def is_result(path: Path) -> bool:
    """Whether a path is that of a result; all other inputs are raw."""
    return path.parts[:1] == RESULTS.parts


def partial_place(path: Path) -> Path:
    """Where an output is written before it is moved to its final place: beside it, with the same file name."""
    return path.with_name(f".{path.name}.partial") / path.name


def final_place(path: Path) -> Path:
    """The final place of an output that is being written; paths that it contains are relative to that."""
    final = path.parent.parent / path.name
    return final if path == partial_place(final) else path


def roles(named: Iterable[tuple[str, Any]]) -> dict[str, Path]:
    """Role -> path: `name` for a single file, `name[0]`, `name[1]` ... for a list."""
    paths: dict[str, Path] = {}
    for name, value in named:
        if isinstance(value, str | os.PathLike):
            paths[name] = Path(os.fspath(value))  # pyright: ignore[reportUnknownArgumentType]
        else:
            paths |= {f"{name}[{index}]": Path(item) for index, item in enumerate(value)}
    return paths
