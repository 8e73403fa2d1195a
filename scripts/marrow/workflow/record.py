"""Provenance: a record beside every result that says what made it, enough to tell later whether it is stale.

A job writes one record, last of all. It holds digests of the code, the settings, the inputs and
the outputs; what Snakemake keeps for itself is not needed to judge a result. No path of a raw input is written: such a
path may hold a name. A raw input is known by its role, such as `raw[2]`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from marrow.files import write_text
from marrow.workflow.fingerprint.content import content_digest, signature
from marrow.workflow.fingerprint.values import Plain
from marrow.workflow.paths import is_result

SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """An input of a job.

    Attributes:
        digest: of the content.
        path: where in `results/` it lies; empty for a raw input.
        signature: of a raw input, so that unchanged content need not be read again; empty for a result.
    """

    digest: str
    path: str = ""
    signature: str = ""

    @classmethod
    def of(cls, path: Path) -> "Source":
        """An input as it lies there; the digest of a result is what its record says."""
        if is_result(path):
            return cls(digest_of(path) or content_digest(path), path=path.as_posix())
        before = signature(path)  # first: a change while the content is read must show later
        return cls(content_digest(path), signature=before)


@dataclass(frozen=True)
class Product:
    """An output of a job: the digest and the size in bytes of its content."""

    digest: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "Product":
        """An output as it lies there."""
        return cls(content_digest(path), path.stat().st_size)


@dataclass(frozen=True)
class Stop:
    """Why a scan could not go on: the stage and the check that stopped it, and the message for its owner."""

    stage: str
    check: str
    message: str


@dataclass(frozen=True)
class Note:
    """An edit that somebody declared neutral: what differed, the reason why that does not matter, and the date."""

    what: str
    reason: str
    when: str


@dataclass(frozen=True)
class Record:
    """What made a result.

    Attributes:
        fingerprint: one digest of code, settings and inputs.
        code: project file -> digest of its syntax tree, and package -> pinned version.
        modules: dotted names of the project modules that the job imported by name.
        params: the settings that `main()` was called with.
        inputs: role, such as `volumes[0]` -> source.
        stopped: set when the scan could not go on; the outputs are then empty.
        made: versions, commit, machine and time: for reading, never compared.
        accepted: the edits that somebody declared neutral.
    """

    rule: str
    wildcards: dict[str, str]
    fingerprint: str
    code: dict[str, str]
    params: dict[str, Plain]
    inputs: dict[str, Source]
    outputs: dict[str, Product]
    stopped: Stop | None = None
    made: dict[str, Plain] = field(default_factory=lambda: {})
    accepted: list[Note] = field(default_factory=lambda: [])
    modules: list[str] = field(default_factory=lambda: [])


def record_of(result: Path) -> Path:
    """Where the record of a result lies: `c.record.json` beside `c.nii`, or `record.json` for its whole folder.

    A record that serves as an input is its own.
    """
    if is_record(result):
        return result
    own = result.with_name(f"{result.stem}.record.json")
    return own if own.exists() else result.with_name("record.json")


def is_record(path: Path) -> bool:
    """Whether a path is that of a record, by its name."""
    return path.name == "record.json" or path.name.endswith(".record.json")


def record_files(results: Path) -> list[Path]:
    """The records below a folder, without those of the archive and of jobs at work."""
    files = (path for path in sorted(results.rglob("*record.json")) if is_record(path))
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(results).parts)]


def write_record(record: Record, path: Path) -> None:
    """Write a record; the last thing that a job does."""
    write_text(path, json.dumps({"schema": SCHEMA, **asdict(record)}, indent=1) + "\n")


def read_record(path: Path) -> Record | None:
    """The record in a file; None where there is none that can be read, so its results count as unknown."""
    try:
        return _decode(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _decode(content: Mapping[str, Any]) -> Record:
    if content["schema"] != SCHEMA:
        raise ValueError(f"record schema {content['schema']} is not {SCHEMA}")
    parts = {name: value for name, value in content.items() if name != "schema"}
    parts["inputs"] = {role: Source(**source) for role, source in parts["inputs"].items()}
    parts["outputs"] = {path: Product(**product) for path, product in parts["outputs"].items()}
    parts["stopped"] = Stop(**parts["stopped"]) if parts["stopped"] else None
    parts["accepted"] = [Note(**note) for note in parts["accepted"]]
    return Record(**parts)


def digest_of(result: Path) -> str | None:
    """The digest of a result as its record tells it; of a record, its own fingerprint."""
    if is_record(result):
        record = read_record(result)
        return record.fingerprint if record else None
    record = read_record(record_of(result))
    product = record.outputs.get(result.as_posix()) if record else None
    return product.digest if product else None
