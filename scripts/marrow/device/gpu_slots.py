"""A GPU for each job of a machine that has several.

Snakemake counts GPUs and assigns none, so that local jobs would all run on the first one. Here a job takes the GPU with
the fewest other jobs of this user on it. Where all are taken it shares one: nobody ever waits, so nothing locks up.

What is taken is a locked file, which the system unlocks when the process ends, however it ends. The files lie where the
machine keeps temporary ones: working directories share a machine's GPUs, and machines share working directories.

Slurm or the user may have said in CUDA_VISIBLE_DEVICES which GPUs there are. Then one of those is taken, and a single
one as it is. Jobs within one allocation of Slurm count each other alone, for its numbers are its own.
"""

import fcntl
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count, takewhile
from pathlib import Path

from marrow.errors import MarrowError

VISIBLE = "CUDA_VISIBLE_DEVICES"
NO_GPU = {"", "-1", "NoDevFiles"}
SECONDS_TO_LIST = 60

_log = logging.getLogger(__name__)


@contextmanager
def own_gpu() -> Generator[None]:
    """Show this process one GPU alone while the block runs, where it could see several.

    Raises:
        RuntimeError: CUDA has started already and would not notice.
        MarrowError: there is no place for the locks.
    """
    gpus = visible_gpus(os.environ)
    if len(gpus) < 2:
        yield
        return
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
        raise RuntimeError("a GPU is chosen before CUDA starts, not after")
    before = os.environ.get(VISIBLE)
    with ExitStack() as held:
        os.environ[VISIBLE] = _take(gpus, _folder(os.environ), held)
        try:
            yield
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that a process may see, by CUDA's names; as in CUDA, the list ends before the first that is none."""
    listed = environment.get(VISIBLE)
    if listed is not None:
        return list(takewhile(lambda name: name not in NO_GPU, (name.strip() for name in listed.split(","))))
    try:
        command = ["nvidia-smi", "-L"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS_TO_LIST)
    except (OSError, subprocess.SubprocessError):
        return []
    return named_gpus(done.stdout)


def named_gpus(listing: str) -> list[str]:
    """The GPUs in what `nvidia-smi -L` prints; of one that is divided (MIG), the parts."""
    names: list[str] = []
    for name in re.findall(r"\(UUID: ([^)]+)\)", listing):
        if name.startswith("MIG") and names and names[-1].startswith("GPU"):
            names.pop()
        names.append(name)
    return names


def _folder(environment: Mapping[str, str]) -> Path:
    """Where the locks of this user lie, made when needed and closed to others."""
    allocation = re.sub(r"\W", "_", environment.get("SLURM_JOB_ID", ""))
    name = "-".join(["marrow-gpus", str(os.getuid()), *filter(None, [allocation])])
    folder = Path(tempfile.gettempdir()) / name
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        is_ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
    except OSError as error:
        raise MarrowError(f"{folder}: no place for the locks of GPUs ({error}); set TMPDIR or {VISIBLE}") from error
    if not is_ours:
        raise MarrowError(f"{folder}: belongs to somebody else; set TMPDIR to a folder of your own, or {VISIBLE}")
    return folder


def _take(gpus: Sequence[str], folder: Path, held: ExitStack) -> str:
    """Lock a place on the GPU with the fewest jobs, the first of equals, for as long as `held` lasts."""
    with (folder / "choosing").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # by one job at a time, for a moment
        jobs = {gpu: _jobs(folder, gpu) for gpu in gpus}
        chosen = min(gpus, key=lambda gpu: len(jobs[gpu]))
        free = next(place for place in count() if place not in jobs[chosen])
        lock = held.enter_context(_place(folder, chosen, free).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    others = len(jobs[chosen])
    _log.info("this job takes GPU %s, one of %d, with %d other jobs on it", chosen, len(gpus), others)
    return chosen


def _jobs(folder: Path, gpu: str) -> set[int]:
    """The places on a GPU that are taken."""
    taken: set[int] = set()
    for place in count():
        path = _place(folder, gpu, place)
        if not path.exists():
            return taken
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                taken.add(place)
    return taken


def _place(folder: Path, gpu: str, place: int) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.{place}"
