"""Which data sets there are, and which bag files each is made of.

An entry of `datasets` in the config names a kind and its settings. Of scans, it makes one bag file a scan, and a
manifest of the labelled ones; scans that are only predicted have a manifest of their own, so that one more of them
retrains nothing. Any other kind is generated in files of 50 bags; it makes a manifest for each number of training bags,
the larger containing the smaller, or one for each fold of each repeat.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any

from marrow.datasets.sources.catalogue import SOURCES, how_to_give
from marrow.datasets.sources.location import locate
from marrow.errors import ConfigError, look_up
from marrow.phantom.clinical import DECLARED
from marrow.planning.attributes import TrainingRows, attributes_of, attributes_of_sheet
from marrow.planning.cohort import Cohort
from marrow.planning.config import complete
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.declarations import declarations
from marrow.planning.kinds import module_of
from marrow.planning.methods.instances import SIMULATED, Instances, instances_of
from marrow.planning.sheet import Scan

BAGS = "results/bags"
FETCHED = "results/sources"
SCANS = "scans"
PATCH_MM = 32  # 16 voxels of 2 mm
TOLERANCE = 1e-6
BAGS_PER_BLOCK = 50
ALL_BAGS = 100_000  # more bags than any table has

LEARNING = ("train", "validation")
# Behind the name of a data set: the manifest of what models learn from, and its bags that are only predicted.
TRAINING_SUFFIX, PREDICT_SUFFIX = "-training", "-predict"
# What the sheet says and a training does not read in its manifest: a method is told the attributes that it learns from.
_UNUSED = frozenset({"site", "attributes"})

# Settings that choose among bags and leave the bags themselves as they are.
SELECTING = {"training_bags", "validation_bags", "test_bags", "folds", "repeats", "validation"}


@dataclass(frozen=True)
class Block:
    """A file of generated bags: those number `first` to `first + count - 1` of a split."""

    split: str
    first: int
    count: int

    @property
    def name(self) -> str:
        """Of the file, without its suffix."""
        return f"{self.split}-{self.first:05d}"


@dataclass(frozen=True)
class BagSet:
    """An entry of `datasets`.

    Attributes:
        settings: what its bags depend on.
        is_inverted: whether models are inverted on it where the config does not say on what.
        scans: whose bags it has; none where bags are generated.
        sources: name of a source of public data -> the files or folders of it that the bags are made of.
        blocks: name of a file -> the generated bags in it.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    instances: Instances
    is_inverted: bool
    scans: tuple[str, ...] = ()
    sources: Mapping[str, Sequence[str]] = field(default_factory=lambda: {})
    blocks: Mapping[str, Block] = field(default_factory=lambda: {})

    @property
    def modules(self) -> list[str]:
        """The module that generates the bags."""
        return [module_of("datasets", self.kind)]

    @property
    def source_files(self) -> list[str]:
        """The files of the public data, source after source."""
        return [file for files in self.sources.values() for file in files]

    @property
    def file_counts(self) -> dict[str, int]:
        """Source -> how many of these files are its own."""
        return {source: len(files) for source, files in self.sources.items()}


@dataclass(frozen=True)
class DataSet:
    """What a model is trained and tested on: a manifest.

    Attributes:
        classes: class -> labels of the sheet; none where the bag files name their classes.
        rows: what the sheet says of each scan.
        selection: which of the bags, see `marrow.bags.selection`.
    """

    name: str
    bags: tuple[str, ...]
    classes: dict[str, list[str]]
    rows: tuple[dict[str, Any], ...]
    selection: dict[str, Any]

    @property
    def training_rows(self) -> TrainingRows:
        """What the sheet says of the scans that models learn from; nothing where bags are generated."""
        return TrainingRows([row for row in self.rows if row["split"] in LEARNING], self.classes)

    @property
    def training_part(self) -> "DataSet":
        """What a model learns from: the training and validation bags, and what counts of them.

        A training reads this part and nothing else. So a test scan that comes, goes or is mended, and a column of the
        sheet that no method uses, leave every model as it is.
        """
        if self.rows:
            kept = [(bag, row) for bag, row in zip(self.bags, self.rows, strict=True) if row["split"] in LEARNING]
            rows = tuple({key: value for key, value in row.items() if key not in _UNUSED} for _, row in kept)
            return replace(self, bags=tuple(bag for bag, _ in kept), rows=rows)
        if "folds" in self.selection:
            return replace(self, selection={**self.selection, "splits": list(LEARNING)})
        bags = tuple(bag for bag in self.bags if Path(bag).name.rpartition("-")[0] in LEARNING)
        return replace(self, bags=bags, selection={split: self.selection[split] for split in LEARNING})


@dataclass(frozen=True)
class DataPlan:
    """All bag sets and data sets by name."""

    bag_sets: dict[str, BagSet]
    datasets: dict[str, DataSet]

    def of_kind(self, kind: str) -> list[str]:
        """The names of the bag sets of a kind."""
        return [name for name, bag_set in self.bag_sets.items() if bag_set.kind == kind]

    @property
    def generated(self) -> list[str]:
        """The names of the bag sets whose bags are generated."""
        return [name for name, bag_set in self.bag_sets.items() if bag_set.blocks]


def plan_datasets(config: Mapping[str, Any], cohort: Cohort, schemas: Path, spacing_mm: float) -> DataPlan:
    """Everything about data sets that can be known before any work.

    Raises:
        ConfigError: an entry or its name is wrong, two make data sets of one name, or a source is named that is not
            there.
    """
    bag_sets: dict[str, BagSet] = {}
    datasets: dict[str, DataSet] = {}
    entries = config["datasets"]
    if entries is None:
        entries = {} if config["bones"]["source"] == "none" else {SCANS: {"kind": SCANS}}
    kinds = declarations("datasets", schemas)
    for name, entry in entries.items():
        if name.endswith((TRAINING_SUFFIX, PREDICT_SUFFIX)):
            raise ConfigError(
                f"config: datasets.{name}: names that end in {TRAINING_SUFFIX} or {PREDICT_SUFFIX} are those of parts "
                "of a data set; choose another"
            )
        kind = entry["kind"]
        declaration = look_up(kinds, kind, f"config: datasets.{name}.kind is {kind!r}")
        settings = complete(entry, settings_schema(kind, declaration), f"config: datasets.{name}")
        if kind == SCANS:
            settings |= _sizes(name, settings, spacing_mm)
            bag_set, made = _of_scans(name, settings, declaration, config, cohort, spacing_mm)
        else:
            bag_set, made = _generated(name, settings, declaration, config)
        bag_sets[name] = bag_set
        for dataset in made:
            if dataset.name in datasets:
                raise ConfigError(f"config: datasets.{name} makes a second data set {dataset.name}; rename one of them")
            datasets[dataset.name] = dataset
    known = dict.fromkeys([*SOURCES, *(source for bag_set in bag_sets.values() for source in bag_set.sources)])
    for source in config["sources"]:
        look_up(known, source, f"config: unknown key 'sources.{source}'")
    return DataPlan(bag_sets, datasets)


def settings_schema(kind: str, declaration: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of an entry of `datasets`; a setting that declares no default has to be given."""
    settings: Mapping[str, Mapping[str, Any]] = declaration["settings"]
    required = [name for name, setting in settings.items() if not {"default", "properties"} & setting.keys()]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", *required],
        "properties": {"kind": {"const": kind}, **settings},
    }


def _sizes(name: str, settings: Mapping[str, Any], spacing_mm: float) -> dict[str, float]:
    """Edge, stride and margin of patches in millimetres; what is left empty follows from the voxels."""
    edge = settings["patch_mm"] or 2 * max(1, round(PATCH_MM / 2 / spacing_mm)) * spacing_mm
    usual = {"patch_mm": edge, "stride_mm": edge / 2, "margin_mm": ceil(edge / 4 / spacing_mm) * spacing_mm}
    sizes = {key: default if settings[key] is None else settings[key] for key, default in usual.items()}
    for key, size in sizes.items():
        step = 2 * spacing_mm if key == "patch_mm" else spacing_mm
        if abs(size / step - round(size / step)) > TOLERANCE:
            raise ConfigError(
                f"config: datasets.{name}.{key} is {size:g} mm, which is no {'even' if key == 'patch_mm' else 'whole'} "
                f"number of voxels of {spacing_mm:g} mm; take a multiple of {step:g} mm"
            )
    return sizes


def _of_scans(
    name: str,
    settings: Mapping[str, Any],
    declaration: Mapping[str, Any],
    config: Mapping[str, Any],
    cohort: Cohort,
    spacing_mm: float,
) -> tuple[BagSet, list[DataSet]]:
    contrasts = declared_contrasts(config["contrasts"])
    settings = {**settings, "contrasts": settings["contrasts"] or [contrasts.shown]}
    contrasts.check_names(f"datasets.{name}.contrasts", settings["contrasts"])
    if config["bones"]["source"] == "none":
        raise ConfigError(
            f"config: datasets.{name} takes patches from bones, and bones.source is none; choose network or "
            "precomputed, or take the data set out"
        )
    classes: dict[str, list[str]] = settings["classes"]
    labels_of_classes = {label for labels in classes.values() for label in labels}
    labelled = [scan for scan in cohort if scan.label in labels_of_classes and scan.split != "predict"]
    predicted = [scan for scan in cohort if scan.split == "predict"]
    parts = {name: labelled, f"{name}{PREDICT_SUFFIX}": predicted}
    datasets = [
        DataSet(
            name=part,
            bags=tuple(f"{BAGS}/{name}/{scan.scan}.parquet" for scan in scans),
            classes=classes,
            rows=tuple(_row(scan) for scan in scans),
            selection={},
        )
        for part, scans in parts.items()
        if scans
    ]
    sampling = {key: value for key, value in settings.items() if key not in {"kind", "classes"}}
    instances = instances_of(SCANS, declaration, {**settings, "voxels": round(settings["patch_mm"] / spacing_mm)})
    if config["samples"]:
        instances = replace(instances, attributes=attributes_of_sheet(config["attributes"], cohort))
    else:
        attributes = attributes_of(config["attributes"], DECLARED)
        instances = replace(instances, kinds=(*instances.kinds, SIMULATED), attributes=attributes)
    scans = tuple(scan.scan for scan in [*labelled, *predicted])
    return BagSet(name, SCANS, sampling, instances, declaration["inverted"], scans=scans), datasets


def _row(scan: Scan) -> dict[str, Any]:
    """What a manifest says of a scan, beside its bag."""
    row = {key: value for key, value in scan.summary().items() if key != "scan"}
    return {"bag": scan.scan, **row, "attributes": scan.attributes}


def _generated(
    name: str, settings: Mapping[str, Any], declaration: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[BagSet, list[DataSet]]:
    selections = dict(_selections(name, settings))
    selecting = SELECTING | ({"seed"} if "folds" in settings else set[str]())
    required = [source.format_map(settings) for source in declaration["sources"]]
    sources: Mapping[str, str | None] = config["sources"]
    instances = instances_of(settings["kind"], declaration, settings)
    bag_set = BagSet(
        name,
        settings["kind"],
        {key: value for key, value in settings.items() if key not in selecting},
        replace(instances, attributes=attributes_of(config["attributes"], declaration["attributes"])),
        declaration["inverted"],
        sources={source: _files_of_source(source, sources.get(source), name) for source in required},
        blocks={block.name: block for selection in selections.values() for block in _blocks(selection)},
    )
    datasets = [
        DataSet(part, tuple(f"{BAGS}/{name}/{block.name}.parquet" for block in _blocks(selection)), {}, (), selection)
        for part, selection in selections.items()
    ]
    return bag_set, datasets


def _selections(name: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each data set of an entry, with what it takes of the bags."""
    if "folds" in settings:
        shared = {key: settings[key] for key in ("folds", "seed", "validation")}
        for repeat in range(settings["repeats"]):
            for fold in range(settings["folds"]):
                yield f"{name}-{repeat + 1}-{fold + 1:02d}", {**shared, "repeat": repeat, "fold": fold}
        return
    counts = settings["training_bags"]
    for count in counts:
        selection = {"train": count, "validation": settings["validation_bags"], "test": settings["test_bags"]}
        yield name if len(counts) == 1 else f"{name}-{count}", selection


def _blocks(selection: Mapping[str, Any]) -> list[Block]:
    if "folds" in selection:
        return [Block("all", 0, ALL_BAGS)]
    return [
        Block(split, first, BAGS_PER_BLOCK)
        for split, count in selection.items()
        for first in range(0, count, BAGS_PER_BLOCK)
    ]


def _files_of_source(source: str, given: str | None, dataset: str) -> list[str]:
    """Where a source is: the path that the config gives, or the files that are downloaded."""
    is_public = source in SOURCES
    if given is None and is_public:
        return [f"{FETCHED}/{source}/{file.name}" for file in SOURCES[source].files]
    if given is None:
        raise ConfigError(
            f"config: sources.{source} is missing; datasets.{dataset} is made of it, name its file or folder"
        )
    remedy = how_to_give(source) if is_public else "Give the file or folder that has it."
    if not Path(given).exists():
        raise ConfigError(f"config: sources.{source} is {given}, which does not exist. {remedy}")
    place = locate(source, Path(given)) if is_public else Path(given)
    if place is None:
        raise ConfigError(f"config: sources.{source} is {given}, which does not hold {source}. {remedy}")
    return [place.as_posix()]
