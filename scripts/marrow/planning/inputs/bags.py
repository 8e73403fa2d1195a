"""Of bags: what they are made from, and which of them a manifest lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from marrow.errors import ConfigError, nearest
from marrow.planning.datasets import SCANS, BagSet, Block, DataSet
from marrow.planning.inputs.wildcards import Wildcards
from marrow.planning.kinds import module_of
from marrow.planning.plan import Plan
from marrow.planning.training_data import TRAINING, training_part


@dataclass(frozen=True)
class BagInputs:
    """Of the rules that make bags and manifests."""

    plan: Plan

    @property
    def of_scans(self) -> str:
        """The bag sets of scans, as a pattern; one that nothing matches where there is none."""
        return _pattern(self.plan.data.of_kind(SCANS))

    @property
    def generated(self) -> str:
        """The bag sets that are generated, as a pattern."""
        return _pattern(self.plan.data.generated)

    def modules(self, wildcards: Wildcards) -> list[str]:
        """The module that generates the bags of a set."""
        return [module_of("datasets", self._bag_set(wildcards).kind)]

    def settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """What the bags of a set depend on."""
        return self._bag_set(wildcards).settings

    def sources(self, wildcards: Wildcards) -> list[str]:
        """The files of the public data that bags are generated from, source after source."""
        return [file for files in self._bag_set(wildcards).sources.values() for file in files]

    def source_files(self, wildcards: Wildcards) -> dict[str, int]:
        """Source -> how many of these files are its own."""
        return {source: len(files) for source, files in self._bag_set(wildcards).sources.items()}

    def contrasts(self, wildcards: Wildcards) -> list[str]:
        """The contrasts that patches are cut from."""
        return self.settings(wildcards)["contrasts"]

    def channels(self, wildcards: Wildcards) -> list[str]:
        """The volumes that a scan's patches are cut from."""
        return [f"results/normalised/{wildcards.scan}/{contrast}.nii" for contrast in self.contrasts(wildcards)]

    def lesions(self, wildcards: Wildcards) -> list[str]:
        """The lesions of a scan, where somebody marked them."""
        marked = "lesions" in self.plan.cohort[wildcards.scan].truths
        return [f"results/labels/{wildcards.scan}/lesions.nii"] if marked else []

    def patient(self, wildcards: Wildcards) -> str:
        """The patient of a scan."""
        return self.plan.cohort[wildcards.scan].patient

    def split(self, wildcards: Wildcards) -> str:
        """The split of a file of generated bags."""
        return self._block(wildcards).split

    def first(self, wildcards: Wildcards) -> int:
        """The number of the first bag in a file of generated bags."""
        return self._block(wildcards).first

    def bag_count(self, wildcards: Wildcards) -> int:
        """How many bags a file of generated bags holds."""
        return self._block(wildcards).count

    def name(self, wildcards: Wildcards) -> str:
        """The data set that a manifest belongs to."""
        return self._dataset(wildcards).name

    def files(self, wildcards: Wildcards) -> tuple[str, ...]:
        """The bag files of a data set."""
        return self._dataset(wildcards).bags

    def classes(self, wildcards: Wildcards) -> dict[str, list[str]]:
        """The classes of a data set with the labels in each."""
        return self._dataset(wildcards).classes

    def rows(self, wildcards: Wildcards) -> tuple[dict[str, Any], ...]:
        """What the sheet says of each scan of a data set."""
        return self._dataset(wildcards).rows

    def selection(self, wildcards: Wildcards) -> dict[str, Any]:
        """Which bags of the files are in a data set."""
        return self._dataset(wildcards).selection

    def _bag_set(self, wildcards: Wildcards) -> BagSet:
        return self.plan.data.bag_sets[wildcards.dataset]

    def _block(self, wildcards: Wildcards) -> Block:
        blocks = self._bag_set(wildcards).blocks
        if wildcards.block not in blocks:
            hint = nearest(wildcards.block, list(blocks))
            raise ConfigError(f"the bags of {wildcards.dataset} have no file {wildcards.block}; {hint}")
        return blocks[wildcards.block]

    def _dataset(self, wildcards: Wildcards) -> DataSet:
        datasets = self.plan.data.datasets
        name = wildcards.dataset.removesuffix(TRAINING)
        if name in datasets and name != wildcards.dataset:
            return training_part(datasets[name])
        if wildcards.dataset not in datasets:
            hint = nearest(wildcards.dataset, list(datasets)) if datasets else "there are none"
            raise ConfigError(f"there is no data set {wildcards.dataset}; {hint}")
        return datasets[wildcards.dataset]


def _pattern(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names)) or "(?!)"
