"""How much memory a job may take on the processor.

That is what the machine has left, and what the control groups have left that a cluster's scheduler or a container put
the job in; by as many jobs as the processors can run beside each other.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

UNKNOWN = 4000 * 2**20  # bytes that are taken to be free where nothing tells
ROOT = Path("/")

# Of the control groups' versions 2 and 1: the folder, the files of limit and use, and what `memory.stat` calls the
# cached files, which count as used but are given up when memory is short.
GROUPS = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current", ("inactive_file", "active_file")),
    "memory": (
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
}


def free_for_job(threads: int, root: Path = ROOT) -> int:
    """Bytes that a job may take which uses so many of the processors; enough for most where nothing tells.

    `proc` and `sys` lie below `root`.
    """
    known = [*_free_on_machine(root), *_free_in_groups(root)]
    if not known:
        return UNKNOWN
    return max(0, min(known)) // max(1, _processors() // threads)


def _processors() -> int:
    """Those that this process may run on; where the system does not tell, those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_on_machine(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _free_in_groups(root: Path) -> Iterator[int]:
    """What is left in each group that this process is in and that has a limit, up to the outermost."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, name = line.split(":", 2)
        for kind in GROUPS.keys() & set(controllers.split(",")):
            folder, limit, used, cached = GROUPS[kind]
            path = PurePosixPath(name)
            for group in (path, *path.parents):
                yield from _free_in_group(root / folder / str(group).lstrip("/"), limit, used, cached)


def _free_in_group(group: Path, limit: str, used: str, cached: tuple[str, ...]) -> Iterator[int]:
    most, taken = ("".join(_lines(group / name)) for name in (limit, used))
    if most.isdigit() and taken.isdigit():
        told = dict(line.split(maxsplit=1) for line in _lines(group / "memory.stat"))
        yield int(most) - int(taken) + sum(int(told.get(name, 0)) for name in cached)


def _lines(file: Path) -> list[str]:
    """The lines of a file; none where there is none to read."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
