"""The wildcards of a job, as Snakemake gives them to functions."""

from collections.abc import Callable
from typing import Protocol


class Wildcards(Protocol):
    """The values of the wildcards in a job's outputs; a job has those that its rule names."""

    scan: str
    contrast: str
    scale: str
    kind: str
    trained_on: str
    source: str
    block: str
    dataset: str
    method: str
    seed: str
    bag: str
    entry: str
    figure: str


# The paths that a job reads.
Files = Callable[[Wildcards], list[str]]
