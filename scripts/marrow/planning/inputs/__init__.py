"""What the rules ask of the plan by the wildcards of a job: what is planned for it, and the files that it reads.

Rules take the rest from the planned object itself, as `inputs.run(wildcards).settings`. An error that is raised here
reaches the user through Snakemake, which names the rule and the wildcards beside the message.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from marrow.errors import look_up
from marrow.phantom.roster import roster
from marrow.planning.bids import sessions
from marrow.planning.datasets import PREDICT_SUFFIX, SCANS, TRAINING_SUFFIX, BagSet, Block, DataSet
from marrow.planning.evaluations import Evaluation
from marrow.planning.inputs.report import ReportInputs
from marrow.planning.inputs.targets import Targets
from marrow.planning.inputs.wildcards import Files, Wildcards
from marrow.planning.inversions import Inversion
from marrow.planning.localisation import LOCALISATION, Map, negatives
from marrow.planning.plan import Plan
from marrow.planning.runs import Run
from marrow.planning.sheet import Scan

SEEDS = "results/seeds/{dataset}/{method}"  # of the seeds of a method that train in one process


@dataclass(frozen=True)
class Inputs:
    """What is planned for a job, and the files that it reads."""

    plan: Plan

    @cached_property
    def targets(self) -> Targets:
        """The files that the workflow is asked for when nobody names one."""
        return Targets(self.plan)

    @cached_property
    def report(self) -> ReportInputs:
        """What the checks and the report read."""
        return ReportInputs(self.plan, self.targets)

    @property
    def sampled_sets(self) -> str:
        """The bag sets of scans, as a pattern; one that nothing matches where there is none."""
        return _pattern(self.plan.data.of_kind(SCANS))

    @property
    def generated_sets(self) -> str:
        """The bag sets that are generated, as a pattern."""
        return _pattern(self.plan.data.generated)

    @cached_property
    def simulated(self) -> dict[str, dict[str, Any]]:
        """Simulated scan -> its row in the roster."""
        return {row.scan: asdict(row) for row in roster(self.plan.config["simulate"])}

    def scan(self, wildcards: Wildcards) -> Scan:
        """The scan of a job."""
        return self.plan.cohort[wildcards.scan]

    def bag_set(self, wildcards: Wildcards) -> BagSet:
        """The bag set that a job makes bags of."""
        return self.plan.data.bag_sets[wildcards.dataset]

    def block(self, wildcards: Wildcards) -> Block:
        """The generated bags in a file."""
        problem = f"the bags of {wildcards.dataset} have no file {wildcards.block}"
        return look_up(self.bag_set(wildcards).blocks, wildcards.block, problem)

    def dataset(self, wildcards: Wildcards) -> DataSet:
        """The data set of a manifest, or its training part."""
        datasets, name = self.plan.data.datasets, wildcards.dataset.removesuffix(TRAINING_SUFFIX)
        if name in datasets and name != wildcards.dataset:
            return datasets[name].training_part
        return look_up(datasets, wildcards.dataset, f"there is no data set {wildcards.dataset}")

    def run(self, wildcards: Wildcards) -> Run:
        """The run that a job belongs to; its data set may be the part that is only predicted."""
        return self.plan.runs.run(wildcards.dataset.removesuffix(PREDICT_SUFFIX), wildcards.method, int(wildcards.seed))

    def experts(self, wildcards: Wildcards) -> list[str]:
        """The models that a run starts from, that on pictures first; none where it starts from scratch."""
        return [f"{expert.folder}/model.safetensors" for expert in self.run(wildcards).experts]

    def process(self, wildcards: Wildcards) -> tuple[Run, ...]:
        """The runs of a method that train in one process."""
        return self.plan.runs.in_one_process(wildcards.dataset, wildcards.method)

    def evaluation(self, wildcards: Wildcards) -> Evaluation:
        """The runs that are evaluated together."""
        return look_up(self.plan.evaluations, wildcards.entry, f"no runs of {wildcards.entry} are planned")

    def map(self, wildcards: Wildcards) -> Map:
        """The map that a job draws."""
        return self.plan.localisation.map(self.run(wildcards), wildcards.bag)

    def inversion(self, wildcards: Wildcards) -> Inversion:
        """How the run of a job is inverted."""
        return self.plan.inversions.inversion(self.run(wildcards))

    def raw_images(self, wildcards: Wildcards) -> list[str]:
        """The raw files and folders of a scan, and behind them the files beside single ones that tell b-values."""
        images = self.scan(wildcards).raw_images
        stems = [path.removesuffix(".gz").removesuffix(".nii") for path in dict.fromkeys(images) if ".nii" in path]
        beside = [f"{stem}{ending}" for stem in stems for ending in (".bval", ".json")]
        return images + [path for path in beside if Path(path).is_file()]

    @cached_property
    def bids_sessions(self) -> dict[str, list[str]]:
        """Scan -> the labels of its subject and session in BIDS."""
        return {scan: [labels.subject, labels.session] for scan, labels in sessions(self.plan.cohort).items()}

    def ingest_mem_mb(self, wildcards: Wildcards, attempt: int) -> int:
        """Memory to ingest a scan; the size of a folder of raw images is that of its files."""
        folders = [Path(path) for path in self.scan(wildcards).raw_images]
        files = (file for folder in folders for file in [folder, *folder.rglob("*")] if file.is_file())
        return attempt * (2500 + 6 * sum(file.stat().st_size for file in files) // 2**20)

    def standard_landmarks(self, wildcards: Wildcards) -> list[str]:
        """The landmarks that a standard scale is fitted on."""
        scale = self.plan.standards[wildcards.scale]
        return [f"results/landmarks/{scan}/{scale.contrast}.json" for scan in scale.scans]

    def channels(self, wildcards: Wildcards) -> list[str]:
        """The volumes that a scan's patches are cut from."""
        contrasts: list[str] = self.bag_set(wildcards).settings["contrasts"]
        return [f"results/normalised/{wildcards.scan}/{contrast}.nii" for contrast in contrasts]

    def trained_before(self, is_due: Callable[[str, Mapping[str, str]], bool]) -> Files:
        """What trains a run along with other seeds of its method, where these are due as well.

        Args:
            is_due: whether the job of a rule with these wildcards has to run.
        """

        def process(wildcards: Wildcards) -> list[str]:
            seeds = (str(run.seed) for run in self.process(wildcards))
            of_method = {"dataset": wildcards.dataset, "method": wildcards.method}
            due = [seed for seed in seeds if is_due("train_model", {**of_method, "seed": seed})]
            return [f"{SEEDS}/trained.json"] if wildcards.seed in due and len(due) > 1 else []

        return process

    def negatives(self, wildcards: Wildcards) -> list[int]:
        """The numbers of a run's classes that need nothing to be there."""
        return negatives(self.run(wildcards), self.plan.data)

    def key_classes(self, wildcards: Wildcards) -> Mapping[str, Sequence[str]]:
        """Class of a bag -> the classes of its key instances, where none has the bag's name."""
        return self.plan.data.bag_sets[self.run(wildcards).entry].instances.key_classes

    def lesion_scans(self, wildcards: Wildcards) -> list[str]:
        """The test scans of a run's data set whose lesions somebody marked."""
        return list(self.plan.localisation.lesions[self.run(wildcards).dataset])

    def lesions(self, wildcards: Wildcards) -> list[str]:
        """Their lesion masks."""
        return [f"results/labels/{scan}/lesions.nii" for scan in self.lesion_scans(wildcards)]

    def of_scored_runs(self, name: str) -> Files:
        """A file of each run of an entry whose instance scores are evaluated."""
        scored = self.plan.localisation
        return lambda wildcards: [f"{run.within(LOCALISATION)}/{name}" for run in scored.of_entry(wildcards.entry)]

    def inversion_scores(self, wildcards: Wildcards) -> list[str]:
        """The scores of each run of an entry that is inverted."""
        inversions = self.plan.inversions.inversions
        return [f"{each.folder}/scores.csv" for each in inversions if each.run.entry == wildcards.entry]

    def other_seeds(self, wildcards: Wildcards) -> list[str]:
        """What the method's runs with other seeds predict for the scan of a map."""
        drawn = self.map(wildcards)
        return [
            f"{other.predict_only_folder if drawn.is_predicted else other.predictions_folder}/predictions.parquet"
            for other in self.plan.runs.of_dataset(drawn.run.dataset)
            if other.method == drawn.run.method and other.seed != drawn.run.seed
        ]


def _pattern(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names)) or "(?!)"
