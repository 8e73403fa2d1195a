"""The head of an auxiliary task."""

from collections.abc import Mapping
from typing import Any

from marrow.bags.bag import Task
from marrow.learning.heads.head import Head
from marrow.planning.kinds import automatic_head, implementation


def head_of(
    task: Task, width: int, settings: Mapping[str, Any] | None = None, mean: float = 0.0, std: float = 1.0
) -> Head:
    """The head of an auxiliary task.

    Args:
        task: what is asked.
        width: of the embedding.
        settings: of the head, complete; None for the one that tasks of this type have by themselves.
        mean: of a task without classes, over the values of its training instances.
        std: the same.
    """
    chosen = settings or {"kind": automatic_head(bool(task.classes))}
    return implementation("heads", chosen["kind"]).make(chosen, task, width, mean, std)
