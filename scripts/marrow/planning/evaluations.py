"""What is evaluated together: the runs of each entry of `runs`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.errors import ConfigError, nearest
from marrow.planning.datasets import SCANS, DataPlan
from marrow.planning.runs import Run, RunPlan

EVALUATION = "results/evaluation"
REPEATABILITY = "results/repeatability"
PREFERRED = "atmil"
# What of a bag set's settings tells which published table it can be compared with.
TELLING = ("task", "table", "target", "size", "classes")
# Figure -> the table that it shows. None has the name of a table: the record beside a table would not be its own.
TABLE_FIGURES = {
    "confusion_matrices": "confusion",
    "reliability_curves": "reliability",
    "differences": "comparisons",
    "sizes": "summary",
}
CURVE_FIGURES = ("training", "weights")


@dataclass(frozen=True)
class Evaluation:
    """The runs of an entry.

    Attributes:
        reference: the method that the others are compared with.
        about: what its data are, in plain types: kind, settings, whether the scans are simulated, and for each part
            how many training bags it has, where that is a setting.
        parts: data set -> what its runs are averaged as: itself, or the entry where it is a fold of a cross-validation.
    """

    entry: str
    runs: tuple[Run, ...]
    reference: str
    about: dict[str, Any]
    parts: dict[str, str]

    @property
    def folder(self) -> str:
        """Where its results are."""
        return f"{EVALUATION}/{self.entry}"

    @property
    def manifests(self) -> list[str]:
        """Of its data sets."""
        return [f"results/manifests/{dataset}.parquet" for dataset in self.parts]

    @property
    def planned(self) -> list[dict[str, Any]]:
        """The runs in plain types."""
        runs = zip(self.trained, self.runs, strict=True)
        return [known | {"title": run.definition.title, "part": self.parts[run.dataset]} for known, run in runs]

    @property
    def trained(self) -> list[dict[str, Any]]:
        """What the runs are known by; a title is nothing to a curve."""
        return [{"dataset": run.dataset, "method": run.method, "seed": run.seed} for run in self.runs]

    def table_of(self, figure: str) -> str:
        """The table that a figure shows."""
        return f"{self.folder}/{TABLE_FIGURES[figure]}.csv"

    @property
    def bag(self) -> str:
        """What a bag is called."""
        return "scan" if self.about["kind"] == SCANS else "bag"

    def of_runs(self, name: str) -> list[str]:
        """A file of each run."""
        return [f"{run.folder}/{name}" for run in self.runs]

    @property
    def predictions(self) -> list[str]:
        """What each run says of bags."""
        return [f"{run.predictions_folder}/predictions.parquet" for run in self.runs]

    @property
    def repeatability(self) -> list[str]:
        """Whether each run says the same again."""
        return [f"{run.within(REPEATABILITY)}/repeatability.csv" for run in self.runs]

    @property
    def part_of_runs(self) -> list[str]:
        """What each run is averaged as."""
        return [self.parts[run.dataset] for run in self.runs]


def plan_evaluations(config: Mapping[str, Any], data: DataPlan, planned: RunPlan) -> dict[str, Evaluation]:
    """Entry -> its evaluation.

    Raises:
        ConfigError: the reference is a method that is trained nowhere.
    """
    wanted: str | None = config["evaluation"]["reference"]
    methods = list(dict.fromkeys(run.method for run in planned.runs))
    if wanted is not None and methods and wanted not in methods:
        raise ConfigError(
            f"config: evaluation.reference is {wanted!r}, which no entry of runs trains; {nearest(wanted, methods)}, "
            "or name it under runs, too"
        )
    return {entry: _of_entry(entry, runs, wanted, config, data) for entry, runs in planned.entries.items()}


def reference_of(runs: Sequence[Run], wanted: str | None) -> str:
    """The method that others are compared with: the wanted one, ATMIL, the first with attention, the first."""
    methods = {run.method: run for run in runs}
    attentive = [name for name, run in methods.items() if run.definition.has_attention]
    ranked = [name for name in (wanted, PREFERRED) if name in methods]
    return [*ranked, *attentive, *methods][0]


def _of_entry(
    entry: str, runs: tuple[Run, ...], wanted: str | None, config: Mapping[str, Any], data: DataPlan
) -> Evaluation:
    bag_set = data.bag_sets[entry]
    selections = {name: data.datasets[name].selection for name in dict.fromkeys(run.dataset for run in runs)}
    parts = {name: entry if "fold" in selection else name for name, selection in selections.items()}
    about: dict[str, Any] = {
        "kind": bag_set.kind,
        "settings": {key: bag_set.settings[key] for key in TELLING if key in bag_set.settings},
        "simulated": bag_set.kind == SCANS and not config["samples"],
        "training_bags": {name: each["train"] for name, each in selections.items() if "train" in each},
    }
    return Evaluation(entry, runs, reference_of(runs, wanted), about, parts)
