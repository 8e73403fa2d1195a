"""Of runs: their settings, and which of them train in one process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marrow.planning.inputs.wildcards import Files, Wildcards
from marrow.planning.plan import Plan
from marrow.planning.runs import Run

PACKED = "results/packed/{dataset}/{method}"


@dataclass(frozen=True)
class RunInputs:
    """Of the rules that train models and predict with them."""

    plan: Plan

    def run(self, wildcards: Wildcards) -> Run:
        """The run that a job belongs to."""
        return self.plan.runs.run(wildcards.dataset, wildcards.method, int(wildcards.seed))

    def seed(self, wildcards: Wildcards) -> int:
        """The seed of a run."""
        return int(wildcards.seed)

    def settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """The complete settings of a run's method."""
        return self.run(wildcards).settings

    def augmentation(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """How a run changes instances while training; None where it does not."""
        return self.run(wildcards).augmentation

    def packed_seeds(self, wildcards: Wildcards) -> list[int]:
        """The seeds of a method that train in one process."""
        return [run.seed for run in self._together(wildcards)]

    def packed_folders(self, wildcards: Wildcards) -> list[str]:
        """The folders of the runs that train in one process."""
        return [run.folder for run in self._together(wildcards)]

    def packed_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """The settings that runs in one process share."""
        return self._together(wildcards)[0].settings

    def packed_augmentation(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """The augmentation that runs in one process share."""
        return self._together(wildcards)[0].augmentation

    def packed_first(self, is_due: Callable[[str, Mapping[str, str]], bool]) -> Files:
        """What trains a run along with other seeds of its method, where these are due as well.

        Args:
            is_due: whether the job of a rule with these wildcards has to run.
        """

        def packed(wildcards: Wildcards) -> list[str]:
            seeds = (str(run.seed) for run in self._together(wildcards))
            of_method = {"dataset": wildcards.dataset, "method": wildcards.method}
            due = [seed for seed in seeds if is_due("train_model", {**of_method, "seed": seed})]
            return [f"{PACKED}/trained.json"] if wildcards.seed in due and len(due) > 1 else []

        return packed

    def _together(self, wildcards: Wildcards) -> tuple[Run, ...]:
        return self.plan.runs.together(wildcards.dataset, wildcards.method)
