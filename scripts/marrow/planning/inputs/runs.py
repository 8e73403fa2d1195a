"""Of runs: their settings, and which of them train in one process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marrow.planning.inputs.wildcards import Files, Wildcards
from marrow.planning.methods.modules import method_modules
from marrow.planning.plan import Plan
from marrow.planning.runs import ONLY, Run
from marrow.planning.training_data import training_modules

SEEDS = "results/seeds/{dataset}/{method}"  # of the seeds of a method that train in one process


@dataclass(frozen=True)
class RunInputs:
    """Of the rules that train models and predict with them."""

    plan: Plan

    def run(self, wildcards: Wildcards) -> Run:
        """The run that a job belongs to; its data set may be the part that is only predicted."""
        return self.plan.runs.run(wildcards.dataset.removesuffix(ONLY), wildcards.method, int(wildcards.seed))

    def model(self, wildcards: Wildcards) -> str:
        """The trained model of a run."""
        return f"{self.run(wildcards).folder}/model.safetensors"

    def modules(self, wildcards: Wildcards) -> list[str]:
        """The modules that implement the parts of a run's method."""
        return method_modules(self.settings(wildcards))

    def training_modules(self, wildcards: Wildcards) -> list[str]:
        """The same, with that of the augmentation where training augments."""
        return training_modules(self.settings(wildcards), self.augmentation(wildcards))

    def seed(self, wildcards: Wildcards) -> int:
        """The seed of a run."""
        return int(wildcards.seed)

    def settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """The complete settings of a run's method."""
        return self.run(wildcards).settings

    def augmentation(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """How a run changes instances while training; None where it does not."""
        return self.run(wildcards).augmentation

    def process_seeds(self, wildcards: Wildcards) -> list[int]:
        """The seeds of a method that train in one process."""
        return [run.seed for run in self._in_one_process(wildcards)]

    def process_folders(self, wildcards: Wildcards) -> list[str]:
        """The folders of these runs."""
        return [run.folder for run in self._in_one_process(wildcards)]

    def process_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """The settings that these runs share."""
        return self._in_one_process(wildcards)[0].settings

    def process_augmentation(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """The augmentation that these runs share."""
        return self._in_one_process(wildcards)[0].augmentation

    def process_modules(self, wildcards: Wildcards) -> list[str]:
        """The modules that implement the parts of their method, and the augmentation."""
        return training_modules(self.process_settings(wildcards), self.process_augmentation(wildcards))

    def trained_before(self, is_due: Callable[[str, Mapping[str, str]], bool]) -> Files:
        """What trains a run along with other seeds of its method, where these are due as well.

        Args:
            is_due: whether the job of a rule with these wildcards has to run.
        """

        def process(wildcards: Wildcards) -> list[str]:
            seeds = (str(run.seed) for run in self._in_one_process(wildcards))
            of_method = {"dataset": wildcards.dataset, "method": wildcards.method}
            due = [seed for seed in seeds if is_due("train_model", {**of_method, "seed": seed})]
            return [f"{SEEDS}/trained.json"] if wildcards.seed in due and len(due) > 1 else []

        return process

    def _in_one_process(self, wildcards: Wildcards) -> tuple[Run, ...]:
        return self.plan.runs.in_one_process(wildcards.dataset, wildcards.method)
