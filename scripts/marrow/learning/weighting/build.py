"""The weighting that a method names."""

from collections.abc import Mapping, Sequence
from typing import Any

from marrow.bags.bag import Task
from marrow.learning.weighting.periodic import RenewedEvery
from marrow.learning.weighting.weighting import Weighting
from marrow.planning.kinds import implementation


def weighting_of(settings: Mapping[str, Any], tasks: Sequence[Task]) -> Weighting:
    """The weighting of a main task and auxiliary ones, these in the order of their losses.

    Raises:
        MarrowError: the kind needs something that is not installed.
    """
    weighting: Weighting = implementation("weightings", settings["kind"]).make(settings, tasks)
    weighting.needs_gramian = "gramian" in settings  # which counts for kinds that declare `gradients` alone
    every: int = settings.get("every", 1)
    return RenewedEvery(weighting, every) if every > 1 else weighting
