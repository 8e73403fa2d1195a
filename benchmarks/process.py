"""A command in a process of its own, with the time it took and the memory it needed at most."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from marrow.errors import MarrowError
from marrow.workflow.parse import REPOSITORY

SNAKEMAKE = (sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"))

# Linux starts a child's peak memory at that of its parent, and a benchmark's process may be large. So a small process
# stands in between and asks about its only child.
_BETWEEN = """\
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[2:]).returncode
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(sys.argv[1], "w") as file:
    json.dump({"code": code, "seconds": seconds, "peak_gb": peak / 1e9}, file)
"""


@dataclass(frozen=True)
class Usage:
    """What a command used: seconds by the clock, and the memory of its largest process in GB (10^9 bytes)."""

    seconds: float
    peak_gb: float


def run_measured(command: Sequence[str], folder: Path) -> tuple[Usage, str]:
    """Run a command in a folder; gives what it used and its standard output.

    Raises:
        MarrowError: the command failed.
    """
    with TemporaryDirectory() as place:
        report = Path(place) / "usage.json"
        between = [sys.executable, "-I", "-S", "-c", _BETWEEN, str(report), *command]
        done = subprocess.run(between, cwd=folder, capture_output=True, text=True, check=True)
        usage = json.loads(report.read_text(encoding="utf-8"))
    if usage["code"]:
        raise MarrowError(f"{' '.join(command)} ended with {usage['code']}:\n{done.stderr[-2000:]}")
    return Usage(usage["seconds"], usage["peak_gb"]), done.stdout
