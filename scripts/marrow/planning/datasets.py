"""Which data sets there are, and which bag files each is made of; read at parse time.

An entry of `datasets` in the config names a kind and its settings. Of scans, it makes one bag file a scan, and a
manifest of the labelled ones; scans that are only predicted have a manifest of their own, so that one more of them
retrains nothing. Any other kind is generated in files of 50 bags; it makes a manifest for each number of training bags,
the larger containing the smaller, or one for each fold of each repeat.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from marrow.datasets.sources.catalogue import SOURCES, how_to_give
from marrow.datasets.sources.located import located
from marrow.errors import ConfigError
from marrow.planning.cohort import Cohort
from marrow.planning.config import complete, read_schema
from marrow.planning.sheet import Scan

BAGS = "results/bags"
FETCHED = "results/sources"
SCANS = "scans"
PATCH_MM = 32  # 16 voxels of 2 mm
WHOLE_TO = 1e-6
BLOCK = 50
WHOLE = 100_000  # more bags than any table has

# What the bags of each generated kind are made of; the tables of `classical` have the names of their sources.
NEEDS = {
    "blood": (),
    "cifar": ("cifar10",),
    "classical": (),
    "concepts": (),
    "mnist_bags": ("mnist",),
    "morpho": ("mnist",),
    "mosaics": ("mnist",),
}
GENERATED = tuple(NEEDS)

# Settings that choose among bags and leave the bags themselves as they are.
CHOOSING = {"training_bags", "validation_bags", "test_bags", "folds", "repeats", "validation"}


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
        name, kind: as in the config.
        settings: what its bags depend on.
        scans: whose bags it has; none where bags are generated.
        sources: the files or folders of public data that it reads.
        blocks: name of a file -> the generated bags in it.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    scans: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    blocks: Mapping[str, Block] = field(default_factory=lambda: {})


@dataclass(frozen=True)
class DataSet:
    """What a model is trained and tested on: a manifest.

    Attributes:
        name: of the manifest.
        bags: the bag files.
        classes: class -> labels of the sheet; none where the bag files name their classes.
        rows: what the sheet says of each scan.
        selection: which of the bags, see `marrow.bags.selection`.
    """

    name: str
    bags: tuple[str, ...]
    classes: dict[str, list[str]]
    rows: tuple[dict[str, Any], ...]
    selection: dict[str, Any]


@dataclass(frozen=True)
class DataPlan:
    """All bag sets and data sets by name."""

    bag_sets: dict[str, BagSet]
    datasets: dict[str, DataSet]

    def of_kind(self, kind: str) -> list[str]:
        """The names of the bag sets of a kind."""
        return [name for name, bag_set in self.bag_sets.items() if bag_set.kind == kind]


def plan_datasets(config: Mapping[str, Any], cohort: Cohort, schemas: Path, spacing_mm: float) -> DataPlan:
    """Everything about data sets that can be known before any work.

    Args:
        config: complete.
        cohort: the scans.
        schemas: the folder of schemas; `datasets` in it has one for each kind.
        spacing_mm: edge of the scans' voxels.

    Raises:
        ConfigError: an entry is wrong, two make data sets of one name, or a source is named that is not there.
    """
    bag_sets: dict[str, BagSet] = {}
    datasets: dict[str, DataSet] = {}
    entries = config["datasets"]
    if entries is None:
        entries = {} if config["bones"]["source"] == "none" else {SCANS: {"kind": SCANS}}
    for name, entry in entries.items():
        settings = _completed(name, entry, schemas)
        if entry["kind"] == SCANS:
            bag_set, found = _of_scans(name, settings | _sizes(name, settings, spacing_mm), config, cohort)
        else:
            bag_set, found = _generated(name, settings, config["sources"])
        bag_sets[name] = bag_set
        for dataset in found:
            if dataset.name in datasets:
                raise ConfigError(f"config: datasets.{name} makes a second data set {dataset.name}; rename one of them")
            datasets[dataset.name] = dataset
    return DataPlan(bag_sets, datasets)


def _completed(name: str, entry: Mapping[str, Any], schemas: Path) -> dict[str, Any]:
    try:
        return complete(entry, read_schema(schemas / "datasets" / f"{entry['kind']}.yaml"))
    except ConfigError as error:
        raise ConfigError(str(error).replace("config: ", f"config: datasets.{name}: ")) from None


def _sizes(name: str, settings: Mapping[str, Any], spacing_mm: float) -> dict[str, float]:
    """Edge, stride and margin of patches in millimetres; what is left empty follows from the voxels."""
    edge = settings["patch_mm"] or 2 * max(1, round(PATCH_MM / 2 / spacing_mm)) * spacing_mm
    usual = {"patch_mm": edge, "stride_mm": edge / 2, "margin_mm": ceil(edge / 4 / spacing_mm) * spacing_mm}
    sizes = {key: default if settings[key] is None else settings[key] for key, default in usual.items()}
    for key, size in sizes.items():
        step = 2 * spacing_mm if key == "patch_mm" else spacing_mm
        if abs(size / step - round(size / step)) > WHOLE_TO:
            raise ConfigError(
                f"config: datasets.{name}.{key} is {size:g} mm, which is no {'even' if key == 'patch_mm' else 'whole'} "
                f"number of voxels of {spacing_mm:g} mm; take a multiple of {step:g} mm"
            )
    return sizes


def _of_scans(
    name: str, settings: Mapping[str, Any], config: Mapping[str, Any], cohort: Cohort
) -> tuple[BagSet, list[DataSet]]:
    lacking = [contrast for contrast in settings["contrasts"] if contrast not in config["contrasts"]]
    if lacking:
        raise ConfigError(
            f"config: datasets.{name}.contrasts names {', '.join(lacking)}, which `contrasts` lacks; add it there, or "
            "take it out here"
        )
    if config["bones"]["source"] == "none":
        raise ConfigError(
            f"config: datasets.{name} takes patches from bones, and bones.source is none; choose network or "
            "precomputed, or take the data set out"
        )
    classes: dict[str, list[str]] = settings["classes"]
    held = {label for labels in classes.values() for label in labels}
    labelled = [scan for scan in cohort if scan.label in held and scan.split != "predict"]
    predicted = [scan for scan in cohort if scan.split == "predict"]
    parts = {name: labelled, f"{name}-predict": predicted}
    datasets = [
        DataSet(part, _files(name, rows), classes, tuple(_rows(rows)), {}) for part, rows in parts.items() if rows
    ]
    sampling = {key: value for key, value in settings.items() if key not in {"kind", "classes"}}
    return BagSet(name, SCANS, sampling, scans=tuple(scan.scan for scan in [*labelled, *predicted])), datasets


def _files(name: str, scans: Sequence[Scan]) -> tuple[str, ...]:
    return tuple(f"{BAGS}/{name}/{scan.scan}.parquet" for scan in scans)


def _rows(scans: Iterable[Scan]) -> Iterator[dict[str, Any]]:
    for scan in scans:
        row = {key: value for key, value in scan.summary().items() if key != "scan"}
        yield {"bag": scan.scan, **row, "attributes": scan.attributes}


def _generated(
    name: str, settings: Mapping[str, Any], sources: Mapping[str, str | None]
) -> tuple[BagSet, list[DataSet]]:
    kind = settings["kind"]
    chosen = dict(_selections(name, settings))
    blocks = {block.name: block for selection in chosen.values() for block in _blocks(selection)}
    needed = (settings["table"],) if kind == "classical" else NEEDS[kind]
    choosing = CHOOSING | ({"seed"} if "folds" in settings else set[str]())
    bag_set = BagSet(
        name,
        kind,
        {key: value for key, value in settings.items() if key not in choosing},
        sources=tuple(path for source in needed for path in _source(source, sources)),
        blocks=blocks,
    )
    datasets = [
        DataSet(part, tuple(f"{BAGS}/{name}/{block.name}.parquet" for block in _blocks(selection)), {}, (), selection)
        for part, selection in chosen.items()
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
        return [Block("all", 0, WHOLE)]
    return [Block(split, first, BLOCK) for split, count in selection.items() for first in range(0, count, BLOCK)]


def _source(source: str, given: Mapping[str, str | None]) -> list[str]:
    """The path of a source: where the config says, or the files that are downloaded."""
    named = given[source]
    if named is None:
        return [f"{FETCHED}/{source}/{file.name}" for file in SOURCES[source].files]
    found = located(source, Path(named))
    if not Path(named).exists():
        raise ConfigError(f"config: sources.{source} is {named}, which does not exist. {how_to_give(source)}")
    if found is None:
        raise ConfigError(f"config: sources.{source} is {named}, which does not hold {source}. {how_to_give(source)}")
    return [found.as_posix()]
