"""Memory and run time of a job; both grow with each attempt.

Snakemake passes `input` and `attempt` by these names.
"""

from collections.abc import Callable
from typing import Protocol

from marrow.planning.inputs.wildcards import Wildcards


class InputFiles(Protocol):
    """The input files of a job, as Snakemake gives them to functions."""

    @property
    def size_mb(self) -> float:
        """Their total size."""
        ...


def mebibytes(base: float, per_input: float) -> Callable[[Wildcards, InputFiles, int], int]:
    """Memory of a job: a base and a multiple of its inputs' size."""

    def memory(_: Wildcards, input: InputFiles, attempt: int) -> int:  # noqa: A002
        return int(attempt * (base + per_input * input.size_mb))

    return memory


def minutes(base: float, per_gigabyte: float) -> Callable[[Wildcards, InputFiles, int], int]:
    """Run time of a job: a base and a share for each gigabyte of input."""

    def runtime(_: Wildcards, input: InputFiles, attempt: int) -> int:  # noqa: A002
        return int(attempt * (base + per_gigabyte * input.size_mb / 1024))

    return runtime


def each_attempt(amount: int) -> Callable[[Wildcards, int], int]:
    """An amount that does not depend on the inputs."""

    def needed(_: Wildcards, attempt: int) -> int:
        return attempt * amount

    return needed
