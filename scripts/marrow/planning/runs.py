"""Which models are trained: every method on every data set with every seed.

`runs` in the config names entries of `datasets`; each manifest that an entry makes to learn from is trained on by every
method with every seed. A run is known by these three, and depends on its settings alone: another method, another seed,
another title leave it as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from marrow.errors import ConfigError, look_up
from marrow.planning.datasets import BAGS, PREDICT_SUFFIX, SCANS, DataPlan, DataSet
from marrow.planning.kinds import method_modules, training_modules
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import Methods, read_methods
from marrow.planning.methods.resolve import Method

RUNS = "results/runs"
PREDICTED = "results/predicted"
RUN_NAME = "{dataset}/{method}/seed-{seed}"  # of any run, with the wildcards of rules
SEEDS = 3  # ATMIL's repetitions on scans

# What is trained where nobody says what: the tables of two papers, for data with auxiliary tasks and without.
ATMIL = (
    "mil-max", "mil-attention", "uniform", "weighted-loss", "gradnorm", "cosine", "adaloss", "ol-aux", "atmil",
)  # fmt: skip
MIXTURE = ("expert-mixture",)  # on the simulated cohort, too, whose patients have attributes
ATTENTION = ("instance-max", "instance-mean", "embedding-max", "embedding-mean", "attention", "gated-attention")


@dataclass(frozen=True)
class Run:
    """A model to train.

    Attributes:
        dataset: name of the manifest.
        entry: the entry of `runs` that asks for it; its runs are evaluated together.
        method: name of the method.
        seed: of everything random.
        augmentation: how instances are changed while training; None where they are not.
        definition: the method, complete for these data.
        attribute_values: bag -> what the sample sheet says of the attributes that the method learns from, for the bags
            of training; None where bags bring their attributes along, or the method uses none.
        experts: the two runs whose models it starts from, that on pictures first; none where it starts from scratch.
    """

    dataset: str
    entry: str
    method: str
    seed: int
    augmentation: dict[str, Any] | None
    definition: Method
    attribute_values: Mapping[str, Mapping[str, str]] | None = None
    experts: tuple["Run", ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """All of its method that a run depends on."""
        return self.definition.settings

    @property
    def folder(self) -> str:
        """Where its results are."""
        return self.within(RUNS)

    @property
    def predictions_folder(self) -> str:
        """Where what it says of the bags of its data set is."""
        return self.within(PREDICTED)

    @property
    def predict_only_folder(self) -> str:
        """Where what it says of bags that are only predicted is."""
        return run_folder(f"{self.dataset}{PREDICT_SUFFIX}", self.method, self.seed, PREDICTED)

    @property
    def modules(self) -> list[str]:
        """The modules that implement the parts of its method."""
        return method_modules(self.settings)

    @property
    def training_modules(self) -> list[str]:
        """The same, with those of the models that it starts from, and of the augmentation where training augments."""
        experts = [module for expert in self.experts for module in expert.modules]
        return sorted({*training_modules(self.settings, self.augmentation), *experts})

    def within(self, folder: str) -> str:
        """Where the results of one kind, such as `results/maps`, are."""
        return run_folder(self.dataset, self.method, self.seed, folder)


@dataclass(frozen=True)
class RunPlan:
    """All runs, data set after data set, method after method, seed after seed.

    Attributes:
        only_experts: further runs, which others start from and no entry of `runs` names; they are not compared.
        notes: what somebody should know of them.
    """

    runs: tuple[Run, ...]
    seeds_per_process: int = 1
    only_experts: tuple[Run, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def datasets(self) -> list[str]:
        """The data sets that are trained on."""
        return list(self._by_dataset)

    @cached_property
    def entries(self) -> dict[str, tuple[Run, ...]]:
        """Entry of `runs` in the config -> its runs."""
        names = dict.fromkeys(run.entry for run in self.runs)
        return {name: tuple(run for run in self.runs if run.entry == name) for name in names}

    def of_dataset(self, dataset: str) -> tuple[Run, ...]:
        """The runs on a data set; none where none are asked for."""
        return self._by_dataset.get(dataset, ())

    def run(self, dataset: str, method: str, seed: int) -> Run:
        """The run with this name.

        Raises:
            ConfigError: it is not planned.
        """
        of_method = self._of_method(dataset, method)
        for run in of_method:
            if run.seed == seed:
                return run
        seeds = ", ".join(str(run.seed) for run in of_method)
        raise ConfigError(f"there is no run of {method} on {dataset} with seed {seed}; its seeds are {seeds}")

    def in_one_process(self, dataset: str, method: str) -> tuple[Run, ...]:
        """The runs of a method that can train in one process; none where they have to train one by one.

        Raises:
            ConfigError: there are no runs of this method.
        """
        runs = self._of_method(dataset, method)
        return () if self.seeds_per_process < 2 or runs[0].definition.alone else runs

    def _of_method(self, dataset: str, method: str) -> tuple[Run, ...]:
        compared = look_up(self._by_dataset, dataset, f"there is no run on the data set {dataset!r}")
        runs = [*compared, *(run for run in self.only_experts if run.dataset == dataset)]
        by_method = {run.method: tuple(each for each in runs if each.method == run.method) for run in runs}
        return look_up(by_method, method, f"there is no run of {method!r} on {dataset}")

    @cached_property
    def _by_dataset(self) -> dict[str, tuple[Run, ...]]:
        names = dict.fromkeys(run.dataset for run in self.runs)
        return {name: tuple(run for run in self.runs if run.dataset == name) for name in names}


def run_folder(dataset: str, method: str, seed: int | str, within: str = RUNS) -> str:
    """Where the results of a run are."""
    return f"{within}/{RUN_NAME.format(dataset=dataset, method=method, seed=seed)}"


def plan_runs(config: Mapping[str, Any], data: DataPlan, schemas: Path) -> RunPlan:
    """Everything about runs that can be known before any work.

    Raises:
        ConfigError: a method or an entry of `runs` is wrong, or a method does not fit the data it is to learn from.
    """
    methods = read_methods(config["methods"], schemas)
    wanted: Mapping[str, Mapping[str, Any]] | None = config["runs"]
    if wanted is None:
        wanted = {name: {} for name in data.of_kind(SCANS) if _manifests(name, data)}
    runs = [run for name, entry in wanted.items() for run in _of_entry(name, entry, config, data, methods)]
    planned = {run.folder for run in runs}
    others = {expert.folder: expert for run in runs for expert in run.experts if expert.folder not in planned}
    notes = dict.fromkeys(note for run in [*runs, *others.values()] for note in _notes(run, data))
    return RunPlan(tuple(runs), _seeds_per_process(config), tuple(others.values()), tuple(notes))


def _notes(run: Run, data: DataPlan) -> list[str]:
    """What somebody should know of the attributes that a run learns from."""
    rows = data.datasets[run.dataset].training_rows
    return rows.check(run.definition.attributes, run.method) if rows.rows and run.definition.attributes else []


def _seeds_per_process(config: Mapping[str, Any]) -> int:
    """How many seeds train in one process; they come to their jobs by way of the archive."""
    wanted: int = config["seeds_per_process"]
    if wanted > 1 and not config["archive_mb"]:
        raise ConfigError(
            f"config: seeds_per_process is {wanted}, and archive_mb is 0: runs that train together are handed over in "
            "the archive. Give it room, or set seeds_per_process to 1"
        )
    return wanted


def _of_entry(
    name: str, entry: Mapping[str, Any], config: Mapping[str, Any], data: DataPlan, methods: Methods
) -> Iterator[Run]:
    """The runs that an entry of `runs` asks for."""
    bag_set = look_up(data.bag_sets, name, f"config: runs names {name!r}, which is no entry of datasets")
    manifests = _manifests(name, data)
    if not manifests:
        raise ConfigError(
            f"config: runs.{name}: {name} has no training bags; label scans of the split train, or take it out of runs"
        )
    training: Mapping[str, Any] = entry.get("training") or {}
    methods.check_training(training, f"config: runs.{name}.training")
    simulated = bag_set.kind == SCANS and not config["samples"]
    few = simulated or "fold" in manifests[0].selection
    seeds = _seeds(entry.get("seeds"), few)
    names = entry.get("methods") or [
        *(ATMIL if bag_set.instances.tasks else ATTENTION),
        *(MIXTURE if simulated else ()),
    ]

    @cache
    def complete_method(method: str) -> Method:
        return _method(methods, method, bag_set.instances, training, f"runs.{name}")

    def run(dataset: DataSet, method: str, seed: int) -> Run:
        made = complete_method(method)
        _check_validation(made, dataset, f"runs.{name}")
        rows = dataset.training_rows
        return Run(
            dataset.name,
            name,
            method,
            seed,
            _augmentation(made.training["augment"], config["augmentation"]),
            made,
            rows.values(made.attributes) if rows.rows and made.attributes else None,
            tuple(run(dataset, expert, seed) for expert in made.experts),
        )

    yield from (run(dataset, method, seed) for dataset in manifests for method in names for seed in seeds)


def _augmentation(kind: bool | str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The settings of a kind of augmentation; none where nothing is augmented."""
    if kind == "cells":
        return {"kind": kind, "colour": settings["colour"]}
    return {"kind": "patches"} | {key: settings[key] for key in settings if key != "colour"} if kind else None


def _manifests(entry: str, data: DataPlan) -> list[DataSet]:
    """The data sets that an entry makes to learn from, not those that are only predicted."""
    folder = f"{BAGS}/{entry}/"
    return [found for found in data.datasets.values() if found.bags[0].startswith(folder) and _has(found, "train")]


def _has(dataset: DataSet, split: str) -> bool:
    """Whether a data set has bags of a split; of folds, one always trains."""
    if dataset.rows:
        return any(row["split"] == split for row in dataset.rows)
    return bool(dataset.selection.get(split, True))


def _seeds(given: Sequence[int] | int | None, few: bool) -> list[int]:
    if given is None:
        given = 1 if few else SEEDS
    return list(range(given)) if isinstance(given, int) else list(given)


def _method(methods: Methods, name: str, instances: Instances, training: Mapping[str, Any], place: str) -> Method:
    try:
        return methods.method(name, instances, training)
    except ConfigError as error:
        raise ConfigError(f"config: {place}: {error}") from None


def _check_validation(method: Method, dataset: DataSet, place: str) -> None:
    """A choice by validation bags needs some."""
    choice, patience = method.training["choose"], method.training["patience"]
    if (choice != "last" or patience is not None) and not _has(dataset, "validation"):
        told = f"choose is {choice}" if choice != "last" else f"patience is {patience}"
        raise ConfigError(
            f"config: {place}: {method.title} looks at validation bags (training.{told}), and {dataset.name} has none; "
            f"give it some, or set choose: last and patience: null in {place}.training"
        )
