"""Of evaluation: the runs of an entry of the config, which are evaluated together."""

from dataclasses import dataclass
from typing import Any

from marrow.errors import ConfigError, nearest
from marrow.planning.datasets import SCANS
from marrow.planning.evaluations import EVALUATION, TABLE_FIGURES, Evaluation
from marrow.planning.inputs.wildcards import Files, Wildcards
from marrow.planning.plan import Plan


@dataclass(frozen=True)
class EvaluationInputs:
    """Of the rules that compare the runs of an entry."""

    plan: Plan

    @property
    def settings(self) -> dict[str, Any]:
        """How runs are evaluated; the reference of each entry is planned."""
        return {key: value for key, value in self.plan.config["evaluation"].items() if key != "reference"}

    def of_runs(self, name: str) -> Files:
        """A file of each run."""
        return lambda wildcards: self._evaluation(wildcards).of_runs(name)

    def predictions(self, wildcards: Wildcards) -> list[str]:
        """What each run says of bags."""
        return self._evaluation(wildcards).predictions

    def manifests(self, wildcards: Wildcards) -> list[str]:
        """The manifests of an entry's data sets."""
        return self._evaluation(wildcards).manifests

    def datasets(self, wildcards: Wildcards) -> list[str]:
        """The data sets of the manifests."""
        return list(self._evaluation(wildcards).parts)

    def runs(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """The runs in plain types."""
        return self._evaluation(wildcards).planned

    def trained(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """The data set, method and seed of each run."""
        return self._evaluation(wildcards).trained

    def reference(self, wildcards: Wildcards) -> str:
        """The method that the others are compared with."""
        return self._evaluation(wildcards).reference

    def about(self, wildcards: Wildcards) -> dict[str, Any]:
        """What the data of an entry are."""
        return self._evaluation(wildcards).about

    def bag(self, wildcards: Wildcards) -> str:
        """What a bag is called."""
        return "scan" if self.about(wildcards)["kind"] == SCANS else "bag"

    def drawn_table(self, wildcards: Wildcards) -> str:
        """The table that a figure shows."""
        return f"{EVALUATION}/{wildcards.entry}/{TABLE_FIGURES[wildcards.figure]}.csv"

    def _evaluation(self, wildcards: Wildcards) -> Evaluation:
        evaluations = self.plan.evaluations
        if wildcards.entry not in evaluations:
            hint = nearest(wildcards.entry, list(evaluations)) if evaluations else "there are none"
            raise ConfigError(f"no runs of {wildcards.entry} are planned; {hint}")
        return evaluations[wildcards.entry]
