"""What a record says of the making of a result besides what went into it: versions, commit, time."""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from marrow.workflow.fingerprint.values import Plain


def made(seconds: float, repository: Path) -> dict[str, Plain]:
    """Versions, commit and seconds: for people to read, never compared."""
    commit, is_dirty = _commit(repository)
    return {
        "python": platform.python_version(),
        "versions": _versions(),
        "commit": commit,
        "dirty": is_dirty,
        "machine": platform.machine(),
        "seconds": round(seconds, 3),
    }


def _versions() -> dict[str, Plain]:
    """Versions of the packages that the process has loaded."""
    loaded = {name for name in list(sys.modules) if "." not in name} - sys.stdlib_module_names
    return {name: found for name in sorted(loaded) if (found := _version(name))}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _commit(repository: Path) -> tuple[str, bool]:
    """The commit of the code and whether files differ from it; empty where it is no checkout, or git is not there."""

    def git(*words: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(repository), *words]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        except OSError:
            return ""

    return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
