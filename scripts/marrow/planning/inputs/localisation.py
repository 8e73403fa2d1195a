"""Of localisation: the runs whose instance scores are evaluated, maps, and inversions."""

from dataclasses import dataclass
from typing import Any

from marrow.planning.inputs.runs import RunInputs
from marrow.planning.inputs.wildcards import Files, Wildcards
from marrow.planning.inversions import Inversion
from marrow.planning.localisation import LOCALISATION, Map, key_classes, negatives
from marrow.planning.runs import run_folder


@dataclass(frozen=True)
class LocalisationInputs(RunInputs):
    """Of the rules that score instances, draw maps and invert runs."""

    def negative_classes(self, wildcards: Wildcards) -> list[int]:
        """The numbers of a run's classes that need nothing to be there."""
        return negatives(self.run(wildcards), self.plan.data)

    def key_classes(self, wildcards: Wildcards) -> dict[str, list[str]]:
        """Class of a bag -> the classes of its key instances, where none has the bag's name."""
        return key_classes(self.run(wildcards), self.plan.data)

    def lesion_scans(self, wildcards: Wildcards) -> list[str]:
        """The test scans of a run's data set whose lesions somebody marked."""
        return list(self.plan.localisation.lesions[self.run(wildcards).dataset])

    def lesions(self, wildcards: Wildcards) -> list[str]:
        """Their lesion masks."""
        return [f"results/labels/{scan}/lesions.nii" for scan in self.lesion_scans(wildcards)]

    def of_scored_runs(self, name: str) -> Files:
        """A file of each run of an entry whose instance scores are evaluated."""
        return lambda wildcards: [
            f"{run_folder(run.dataset, run.method, run.seed, LOCALISATION)}/{name}"
            for run in self.plan.localisation.of_entry(wildcards.entry)
        ]

    def of_inverted_runs(self, name: str) -> Files:
        """A file of each run of an entry that is inverted."""
        return lambda wildcards: [
            f"{inversion.folder}/{name}"
            for inversion in self.plan.inversions.inversions
            if inversion.run.entry == wildcards.entry
        ]

    def methods(self, wildcards: Wildcards) -> list[str]:
        """The methods of an entry's runs whose instance scores are evaluated, run after run."""
        return [run.method for run in self.plan.localisation.of_entry(wildcards.entry)]

    def map_instances(self, wildcards: Wildcards) -> str:
        """The table of a map's run with the instances of its scan."""
        return f"{self._map(wildcards).source}/instances.parquet"

    def map_predictions(self, wildcards: Wildcards) -> str:
        """The table of a map's run with the prediction for its scan."""
        return f"{self._map(wildcards).source}/predictions.parquet"

    def other_seeds(self, wildcards: Wildcards) -> list[str]:
        """What the method's runs with other seeds predict for the scan of a map."""
        drawn = self._map(wildcards)
        return [
            f"{other.predicted_only if drawn.is_predicted else other.predicted}/predictions.parquet"
            for other in self.plan.runs.of_dataset(drawn.run.dataset)
            if other.method == drawn.run.method and other.seed != drawn.run.seed
        ]

    def map_manifest(self, wildcards: Wildcards) -> str:
        """The manifest that lists the scan of a map."""
        return f"results/manifests/{self._map(wildcards).manifest}.parquet"

    def map_background(self, wildcards: Wildcards) -> str:
        """The volume that a map is drawn on."""
        return f"results/normalised/{wildcards.bag}/{self.map_contrast(wildcards)}.nii"

    def map_contrast(self, wildcards: Wildcards) -> str:
        """What a map is drawn on: the first contrast of the patches, b900 where they have it."""
        contrasts: list[str] = self.plan.data.bag_sets[self._map(wildcards).run.entry].settings["contrasts"]
        return "b900" if "b900" in contrasts else contrasts[0]

    def map_lesions(self, wildcards: Wildcards) -> list[str]:
        """The lesions of the scan of a map, where somebody marked them."""
        marked = "lesions" in self.plan.cohort[wildcards.bag].truths
        return [f"results/labels/{wildcards.bag}/lesions.nii"] if marked else []

    def map_title(self, wildcards: Wildcards) -> str:
        """What the method of a map is called."""
        return self._map(wildcards).run.title

    @property
    def map_settings(self) -> dict[str, Any]:
        """How maps are drawn, without the settings that only say which maps there are."""
        section: dict[str, Any] = self.plan.config["maps"]
        return {key: value for key, value in section.items() if key not in {"methods", "seeds"}}

    def inversion_title(self, wildcards: Wildcards) -> str:
        """What the method of an inverted run is called."""
        return self._inversion(wildcards).run.title

    def inversion_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """How a run is inverted."""
        return self._inversion(wildcards).settings

    def _map(self, wildcards: Wildcards) -> Map:
        return self.plan.localisation.map(wildcards.dataset, wildcards.method, int(wildcards.seed), wildcards.bag)

    def _inversion(self, wildcards: Wildcards) -> Inversion:
        return self.plan.inversions.inversion(wildcards.dataset, wildcards.method, int(wildcards.seed))
