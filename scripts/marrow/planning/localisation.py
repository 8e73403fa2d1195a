"""Which runs are scored by where they look, and which scans get a map.

A run is scored where bags say which of their instances are key, of scans those with a lesion mask. Maps are drawn of
scans, for few methods and seeds, for a reader of the report looks at each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from marrow.errors import ConfigError, look_up
from marrow.planning.cohort import Cohort
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.datasets import PREDICT_SUFFIX, SCANS, DataPlan
from marrow.planning.evaluations import reference_of
from marrow.planning.runs import Run, RunPlan

LOCALISATION = "results/localisation"
MAPS = "results/maps"
NEGATIVE_LABELS = frozenset({"healthy", "inactive"})


@dataclass(frozen=True)
class Map:
    """A map to draw: what a run says of a scan, on one of the contrasts of its patches.

    Attributes:
        is_predicted: whether the scan is only predicted.
    """

    run: Run
    scan: str
    contrast: str
    is_predicted: bool

    @property
    def folder(self) -> str:
        """Where it is."""
        return f"{self.run.within(MAPS)}/{self.scan}"

    @property
    def manifest(self) -> str:
        """The manifest that lists the scan."""
        return f"results/manifests/{self.run.dataset}{PREDICT_SUFFIX if self.is_predicted else ''}.parquet"

    @property
    def background(self) -> str:
        """The volume that it is drawn on."""
        return f"results/normalised/{self.scan}/{self.contrast}.nii"

    @property
    def source(self) -> str:
        """The folder of the tables that say something of the scan."""
        return self.run.predict_only_folder if self.is_predicted else self.run.predictions_folder


@dataclass(frozen=True)
class LocalisationPlan:
    """What is scored and drawn; maps are drawn on the contrast `shown` where patches have it.

    Attributes:
        lesions: data set -> its test scans with a lesion mask.
    """

    scored: tuple[Run, ...]
    maps: tuple[Map, ...]
    lesions: Mapping[str, Sequence[str]]

    def of_entry(self, entry: str) -> tuple[Run, ...]:
        """The runs of an entry that are scored."""
        return tuple(run for run in self.scored if run.entry == entry)

    def map(self, run: Run, scan: str) -> Map:
        """What a run says of a scan.

        Raises:
            ConfigError: it is not planned.
        """
        folder = f"{run.within(MAPS)}/{scan}"
        if folder not in self._by_folder:
            raise ConfigError(
                f"there is no map of {scan} by {run.method} on {run.dataset} with seed {run.seed}; name the method and "
                "the seed in the section maps of the config, and a scan that is tested or only predicted"
            )
        return self._by_folder[folder]

    @cached_property
    def _by_folder(self) -> dict[str, Map]:
        return {drawn.folder: drawn for drawn in self.maps}


def plan_localisation(config: Mapping[str, Any], cohort: Cohort, data: DataPlan, runs: RunPlan) -> LocalisationPlan:
    """What is scored and drawn.

    Raises:
        ConfigError: `maps` in the config names a method or seed that is not planned.
    """
    masked = set(cohort.with_truth("lesions"))
    lesions = {
        dataset: [row["bag"] for row in data.datasets[dataset].rows if row["split"] == "test" and row["bag"] in masked]
        for dataset in runs.datasets
    }
    looking = [run for run in runs.runs if run.definition.looks_at_instances]
    scored = tuple(run for run in looking if data.bag_sets[run.entry].instances.are_labelled)
    shown = declared_contrasts(config["contrasts"]).shown
    maps = tuple(_maps(config["maps"], config["evaluation"]["reference"], shown, data, looking))
    return LocalisationPlan(scored, maps, lesions)


def negatives(run: Run, data: DataPlan) -> list[int]:
    """The numbers of the classes that need nothing to be there.

    Of scans, the classes of healthy and inactive labels alone; of generated bags the first class, by construction.
    """
    if data.bag_sets[run.entry].kind != SCANS:
        return [0]
    classes = data.datasets[run.dataset].classes.values()
    return [number for number, labels in enumerate(classes) if NEGATIVE_LABELS.issuperset(labels)]


def _maps(
    settings: Mapping[str, Any], reference: str | None, shown: str, data: DataPlan, runs: Sequence[Run]
) -> Iterator[Map]:
    of_scans = [run for run in runs if data.bag_sets[run.entry].kind == SCANS]
    _check(settings, of_scans)
    for dataset in dict.fromkeys(run.dataset for run in of_scans):
        of_dataset = [run for run in of_scans if run.dataset == dataset]
        methods = settings["methods"] if settings["methods"] is not None else [reference_of(of_dataset, reference)]
        contrasts: list[str] = data.bag_sets[of_dataset[0].entry].settings["contrasts"]
        contrast = shown if shown in contrasts else contrasts[0]
        for run in of_dataset:
            first = next(other.seed for other in of_dataset if other.method == run.method)
            seeds = settings["seeds"] if settings["seeds"] is not None else [first]
            if run.method in methods and run.seed in seeds:
                for part, split in ((dataset, "test"), (f"{dataset}{PREDICT_SUFFIX}", "predict")):
                    rows = data.datasets[part].rows if part in data.datasets else ()
                    bags = [row["bag"] for row in rows if row["split"] == split]
                    yield from (Map(run, bag, contrast, split == "predict") for bag in bags)


def _check(settings: Mapping[str, Any], runs: Sequence[Run]) -> None:
    methods = dict.fromkeys(run.method for run in runs)
    for method in settings["methods"] or ():
        look_up(methods, method, f"config: maps.methods names {method!r}, of which there is no run on scans")
    seeds = sorted({run.seed for run in runs})
    for seed in settings["seeds"] or ():
        if seed not in seeds:
            told = ", ".join(map(str, seeds)) or "none"
            raise ConfigError(f"config: maps.seeds names {seed}, and the seeds of runs on scans are {told}")
