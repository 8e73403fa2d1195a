"""The files that the workflow is asked for when nobody names one."""

from dataclasses import dataclass
from functools import cached_property

from marrow.planning.bids import FOLDER as BIDS
from marrow.planning.datasets import PREDICT_SUFFIX
from marrow.planning.evaluations import CURVE_FIGURES, EVALUATION, TABLE_FIGURES
from marrow.planning.plan import Plan


@dataclass(frozen=True)
class Targets:
    """The last files of each part; the others come with them."""

    plan: Plan

    @property
    def manifests(self) -> list[str]:
        """Of all data sets."""
        return [f"results/manifests/{dataset}.parquet" for dataset in self.plan.data.datasets]

    @property
    def volumes(self) -> list[str]:
        """The standardised volumes of all scans, and their label maps."""
        cohort, contrasts = self.plan.cohort, self.plan.contrasts.names
        return [
            *(f"results/normalised/{scan}/{contrast}.nii" for scan in cohort.ids for contrast in contrasts),
            *(f"results/labels/{scan}/{kind}.nii" for kind in ("bones", "lesions") for scan in cohort.with_truth(kind)),
        ]

    @property
    def exported(self) -> list[str]:
        """The BIDS derivatives, if the config asks for them."""
        return [BIDS] if self.plan.config["bids_derivatives"] else []

    @cached_property
    def trained(self) -> list[str]:
        """What each model predicts, for the bags of its data set and for those that are only predicted."""
        runs, datasets = self.plan.runs.runs, self.plan.data.datasets
        return [
            *(f"{run.predictions_folder}/predictions.parquet" for run in runs),
            *(
                f"{run.predict_only_folder}/predictions.parquet"
                for run in runs
                if f"{run.dataset}{PREDICT_SUFFIX}" in datasets
            ),
        ]

    @property
    def evaluated(self) -> list[str]:
        """The tables and figures of every entry of runs."""
        figures = [f"{figure}.svg" for figure in (*TABLE_FIGURES, *CURVE_FIGURES)]
        repeatability = ["repeatability.csv"] if self.plan.config["repeatability"]["most_bags"] else []
        return [
            f"{evaluation.folder}/{name}"
            for evaluation in self.plan.evaluations.values()
            for name in ("summary.csv", "tables.md", *figures, *repeatability)
        ]

    @property
    def localised(self) -> list[str]:
        """The table of localisation of every entry, and the maps."""
        maps, names = self.plan.localisation.maps, ("map.nii.gz", "figure.png")
        return [
            *(f"{EVALUATION}/{entry}/localisation.csv" for entry in self.plan.evaluations),
            *(f"{drawn.folder}/{name}" for drawn in maps for name in names),
        ]

    @property
    def inverted(self) -> list[str]:
        """The scores of every inversion."""
        return [f"{inversion.folder}/scores.csv" for inversion in self.plan.inversions.inversions]
