"""The circumstances of a run: the machine as far as it matters for speed, the commit and the day."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Circumstances:
    """Where and when benchmarks ran.

    Attributes:
        machine: processor, cores and memory; no name of a host.
        commit: abbreviated, with a `+` if the working tree differed from it.
        date: ISO 8601, UTC.
    """

    machine: str
    commit: str
    date: str

    @classmethod
    def now(cls, repository: Path) -> "Circumstances":
        """The circumstances of this moment, for code in the working tree of `repository`."""
        return cls(machine(), commit(repository), datetime.now(UTC).date().isoformat())


def machine() -> str:
    """This machine, such as `AMD EPYC, 2 cores, 23 GB`."""
    return f"{_processor()}, {os.cpu_count()} cores, {_memory_gb()} GB"


def commit(repository: Path) -> str:
    """The commit checked out in a working tree, with a `+` if files there differ from it; `unknown` without git."""
    try:
        revision = _git(repository, "rev-parse", "--short", "HEAD")
        # what a run itself writes does not make it a run of other code
        changed = _git(repository, "status", "--porcelain", "--", ".", ":!docs/benchmarks.json", ":!docs/benchmarks.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return revision + ("+" if changed else "")


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
