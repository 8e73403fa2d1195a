# What the other files here share: the checked config, the cohort, and how a job says what it depends on.

import re
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

from snakemake.logging import logger

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from marrow.bone_plan import plan_bones
from marrow.cohort import load_cohort
from marrow.config import complete, nearest, read_schema, spacing_of
from marrow.dataset_plan import GENERATED, plan_datasets
from marrow.errors import MarrowError
from marrow.evaluation_plan import plan_evaluations
from marrow.localisation_plan import LOCALISATION, negatives, plan_localisation
from marrow.inversion_plan import plan_inversions
from marrow.phantom.roster import roster
from marrow.rules import Freshness
from marrow.run_plan import plan_runs, run_folder
from marrow.sources.catalogue import SOURCES
from marrow.splits.memory import MEMORY, remember
from marrow.viewer.package import ADDRESSES

SCHEMAS = Path(workflow.basedir) / "schemas"

try:
    config = complete(config, read_schema(SCHEMAS / "config.schema.yaml"))
    cohort = load_cohort(config, SCHEMAS)
    bones = plan_bones(config, cohort, SCHEMAS)
    data = plan_datasets(config, cohort, SCHEMAS, spacing_of(config))
    planned = plan_runs(config, data, SCHEMAS)
    evaluations = plan_evaluations(config, data, planned)
    where = plan_localisation(config, cohort, data, planned)
    inverted = plan_inversions(config, data, planned)
except MarrowError as error:
    raise WorkflowError(str(error)) from None

# The input `freshness` stands for everything that a clock cannot tell.
freshness = Freshness(workflow)

# Bulky volumes go once nothing needs them any more, if the config says so; their records stay.
bulky = (lambda files: files) if config["keep_intermediates"] else temp


wildcard_constraints:
    scan="[A-Za-z0-9][A-Za-z0-9_.-]*",
    bag="[A-Za-z0-9][A-Za-z0-9_.-]*",
    contrast="[a-z0-9]+",
    kind="bones|lesions",
    trained_on="train|all",
    method="[a-z0-9][a-z0-9-]*",
    seed="[0-9]+",


BONE_TABLE = config["bone_table"] or str(SCHEMAS / "bones.tsv")

# ADC is derived from the two b-values; all other contrasts are acquired. A quantitative map keeps its own scale.
ACQUIRED = [contrast for contrast in config["contrasts"] if contrast != "adc"]
QUANTITATIVE = [contrast for contrast in config["contrasts"] if contrast == "adc"]
STANDARDISED = ACQUIRED

# How a simulated scan is made, without the settings that only say which scans there are.
PHANTOM = {key: value for key, value in config["simulate"].items() if key not in {"patients", "faults", "repeat_every"}}

# The quality sheet marks the ends of the standard scale and the percentiles that they stand for.
QC = config["qc"] | {
    "scale_ends": config["standard"]["output_range"],
    "end_percentiles": [config["standard"]["percentiles"][index] for index in (0, -1)],
}

# The scans whose bones are wanted.
with_bones = [] if bones.source == "none" else cohort.ids

# A file of each model, and of what each says of scans that are only predicted.
trained = [
    *(f"{run.folder}/predictions.parquet" for run in planned.runs),
    *(f"{run.predicted}/predictions.parquet" for run in planned.runs if f"{run.dataset}-predict" in data.datasets),
]

# The tables and figures of every entry of runs; the others come with them.
evaluated = [
    f"{evaluation.folder}/{name}"
    for evaluation in evaluations.values()
    for name in (
        "summary.csv",
        "tables.md",
        *(
            f"{figure}.svg"
            for figure in ("confusion_matrices", "reliability_curves", "differences", "sizes", "training", "weights")
        ),
    )
]

# How well each run finds what is key, a table an entry, and the maps.
localised = [
    *(f"results/evaluation/{entry}/localisation.csv" for entry in dict.fromkeys(run.entry for run in planned.runs)),
    *(f"{drawn.folder}/{name}" for drawn in where.maps for name in ("map.nii.gz", "figure.png")),
]

simulated = {row.scan: asdict(row) for row in roster(config["simulate"])}
summaries = [scan.summary() for scan in cohort]


def kind_of(run):
    """The kind of the bags that a run learns from."""
    return data.bag_sets[run.entry].kind


def said_of_scans(files):
    """The predictions among files of runs that are of scans."""
    names = {run.dataset for run in planned.runs if kind_of(run) == "scans"}
    return [file for file in files if Path(file).name == "predictions.parquet" and Path(file).parts[2] in names]


def reported_entries():
    """The entries of `runs`, with what their methods are called."""
    entries = {}
    for run in planned.runs:
        entry = entries.setdefault(run.entry, {"name": run.entry, "kind": kind_of(run), "titles": {}})
        entry["titles"][run.method] = run.title
    return list(entries.values())


# What the report shows of runs: files that the rules of other parts make, none where a part makes none.
reported = SimpleNamespace(
    entries=reported_entries(),
    predictions=said_of_scans(trained),
    evaluation=[
        f"{evaluation.folder}/{table}"
        for evaluation in evaluations.values()
        for table in (
            *(f"{name}.csv" for name in ("runs", "summary", "comparisons", "confusion", "reliability", "groups")),
            *("curves.csv", "localisation.csv", "tables.md", "tables.tex", "sizes.svg"),
        )
    ],
    localisation_curves=[
        f"{run_folder(run.dataset, run.method, run.seed, LOCALISATION)}/{curve}.csv"
        for run in where.scored
        for curve in ("froc", *(["perturbation"] if config["localisation"]["drop_bags"] else []))
    ],
    maps=[
        f"{drawn.folder}/{name}"
        for drawn in where.maps
        for name in ("map.nii.gz", "figure.png", "top.png", "bones.csv", "about.json")
    ],
    inversions=[f"{inversion.folder}/figure.png" for inversion in inverted.inversions],
)

# The scans that have a map to look at can be opened in the viewer of the report.
viewed = sorted({Path(file).parts[-2] for file in reported.maps}) if config["report"]["viewer"]["enabled"] else []
VIEWED = "b900" if "b900" in config["contrasts"] else "water"


def settle_splits():
    """Write down where the rule put every patient, so that a growing cohort moves nobody; tell who is short."""
    if cohort.assignment:
        remember(MEMORY, cohort.assignment, config["splits"])
    for note in cohort.notes:
        logger.warning(f"Splits: {note}.")


def simulated_scan(wildcards):
    """The row of a simulated scan."""
    return simulated[wildcards.scan]


def raw_images(wildcards):
    """All raw files and folders of a scan, contrast after contrast."""
    return [path for paths in cohort[wildcards.scan].images.values() for path in paths]


def raw_labels(wildcards):
    """The label map of a kind that the sheet gives for a scan."""
    return [cohort[wildcards.scan].truths[wildcards.kind]]


def last_record(scan):
    """The record that tells how far a scan came."""
    sampled = [bag_set for bag_set in data.of_kind("scans") if scan in data.bag_sets[bag_set].scans]
    if sampled:
        return f"results/bags/{sampled[0]}/{scan}.record.json"
    return f"results/bones/{scan}/corrected/record.json" if with_bones else f"results/normalised/{scan}/record.json"


def last_records(wildcards):
    """The records of all ends that a scan comes to: a stop is passed on down to the last of its stages."""
    labels = [(kind, scan) for kind in ("bones", "lesions") for scan in cohort.with_truth(kind)]
    return [
        *(f"results/normalised/{scan}/record.json" for scan in cohort.ids),
        *(f"results/labels/{scan}/{kind}.record.json" for kind, scan in labels),
        *(f"results/bones/{scan}/corrected/record.json" for scan in with_bones),
        *(f"results/bags/{bag.name}/{scan}.record.json" for bag in data.bag_sets.values() for scan in bag.scans),
    ]


def layout(wildcards):
    """How many of a scan's raw paths belong to each contrast, in the same order."""
    return {contrast: len(paths) for contrast, paths in cohort[wildcards.scan].images.items()}


def training_scans(wildcards):
    """The scans that the standard is fitted on; none when a frozen one is given."""
    return [] if config["standard"]["frozen"] else cohort.training


def training_landmarks(wildcards):
    """The landmarks that one contrast's standard is fitted on."""
    return expand("results/landmarks/{scan}/{{contrast}}.json", scan=training_scans(wildcards))


def frozen_standard(wildcards):
    """The frozen standard of a contrast, if the config names a folder of them."""
    folder = config["standard"]["frozen"]
    return [f"{folder}/{wildcards.contrast}.npy"] if folder else []


def taught_bones(wildcards):
    """The annotated scans that a network is trained on, then those that it is validated on."""
    training, validation = bones.scans_of(wildcards.trained_on)
    return training + validation


def taught_volumes(wildcards):
    """What the network reads of them, scan after scan."""
    scans = taught_bones(wildcards)
    return [f"results/resampled/{scan}/{contrast}.nii" for scan in scans for contrast in bones.contrasts]


def taught(pattern):
    """A file of each of them."""
    return lambda wildcards: expand(pattern, scan=taught_bones(wildcards))


def registered(name):
    """A file of the atlas that was registered to a scan, if there is one."""
    return [f"results/bones/{{scan}}/atlas/{name}"] if bones.atlas else []


def data_set(name):
    """What the plan says of the data set that a job belongs to."""

    def found(wildcards):
        if wildcards.dataset not in data.datasets:
            raise WorkflowError(
                f"there is no data set {wildcards.dataset}; {nearest(wildcards.dataset, list(data.datasets))}"
            )
        return getattr(data.datasets[wildcards.dataset], name)

    return found


def bag_sets_of(kind):
    """The bag sets of a kind, as a pattern; one that nothing matches where there is none."""
    return "|".join(map(re.escape, data.of_kind(kind))) or "(?!)"


def bag_setting(name):
    """A setting of the bag set that a job belongs to."""
    return lambda wildcards: data.bag_sets[wildcards.dataset].settings[name]


def bag_channels(wildcards):
    """The volumes that a scan's patches are cut from."""
    contrasts = bag_setting("contrasts")(wildcards)
    return [f"results/normalised/{wildcards.scan}/{contrast}.nii" for contrast in contrasts]


def lesion_mask(wildcards):
    """The lesions of a scan, where somebody marked them."""
    marked = wildcards.scan in cohort.with_truth("lesions")
    return [f"results/labels/{wildcards.scan}/lesions.nii"] if marked else []


def block(name):
    """What a block of generated bags is: its split, its first bag, how many it has."""
    return lambda wildcards: getattr(data.bag_sets[wildcards.dataset].blocks[wildcards.block], name)


def planned_run(name):
    """What the plan says of the run that a job trains."""

    def found(wildcards):
        try:
            return getattr(planned.run(wildcards.dataset, wildcards.method, int(wildcards.seed)), name)
        except MarrowError as error:
            raise WorkflowError(str(error)) from None

    return found


def entry_of_runs(name):
    """What the plan says of the runs that are evaluated together."""

    def found(wildcards):
        if wildcards.entry not in evaluations:
            raise WorkflowError(
                f"no runs of {wildcards.entry} are planned; {nearest(wildcards.entry, list(evaluations))}"
            )
        return getattr(evaluations[wildcards.entry], name)

    return found


def planned_map(name):
    """What the plan says of the map that a job draws."""

    def found(wildcards):
        try:
            return getattr(where.map(wildcards.dataset, wildcards.method, int(wildcards.seed), wildcards.bag), name)
        except MarrowError as error:
            raise WorkflowError(str(error)) from None

    return found


def files_of_runs(name):
    """A file of each run that is evaluated together."""
    return lambda wildcards: entry_of_runs("of_runs")(wildcards)(name)


def map_contrast(wildcards):
    """What a map is drawn on: the first contrast of the patches, b900 where they have it."""
    contrasts = data.bag_sets[planned_map("run")(wildcards).entry].settings["contrasts"]
    return "b900" if "b900" in contrasts else contrasts[0]


def other_seeds(wildcards):
    """What the method's runs with other seeds say of the scan of a map."""
    drawn = planned_map("run")(wildcards)
    is_predicted = planned_map("is_predicted")(wildcards)
    return [
        f"{other.predicted if is_predicted else other.folder}/predictions.parquet"
        for other in planned.of_dataset(drawn.dataset)
        if other.method == drawn.method and other.seed != drawn.seed
    ]


def negative_classes(wildcards):
    """The numbers of a run's classes that need nothing to be there."""
    return negatives(planned.run(wildcards.dataset, wildcards.method, int(wildcards.seed)), data)


def tested_lesions(wildcards):
    """The test scans of a data set whose lesions somebody marked."""
    return where.lesions[wildcards.dataset]


def scored_runs(pattern):
    """A file of each run of an entry that is scored by where it looks."""
    return lambda wildcards: [
        pattern.format(folder=run_folder(run.dataset, run.method, run.seed, LOCALISATION))
        for run in where.of_entry(wildcards.entry)
    ]


def inverted_runs(pattern):
    """A file of each run of an entry that is inverted."""
    return lambda wildcards: [
        pattern.format(folder=inversion.folder)
        for inversion in inverted.inversions
        if inversion.run.entry == wildcards.entry
    ]


def planned_inversion(wildcards):
    """What the plan says of the inversion of a run."""
    try:
        return inverted.inversion(wildcards.dataset, wildcards.method, int(wildcards.seed))
    except MarrowError as error:
        raise WorkflowError(str(error)) from None


def together(wildcards):
    """The runs of a method on a data set, of which several train in one process."""
    return planned.together(wildcards.dataset, wildcards.method)


def trained_before(wildcards):
    """What trains a run that is due along with other seeds of its method, if these are due as well."""
    seeds = (str(run.seed) for run in together(wildcards))
    of_method = {"dataset": wildcards.dataset, "method": wildcards.method}
    due = [seed for seed in seeds if freshness.is_due("train_model", {**of_method, "seed": seed})]
    return ["results/packed/{dataset}/{method}/trained.json"] if wildcards.seed in due and len(due) > 1 else []


def mebibytes(base, per_input):
    """Memory of a job: a base and a multiple of its inputs' size, more with each attempt."""
    return lambda wildcards, input, attempt: int(attempt * (base + per_input * input.size_mb))


def ingest_mem_mb(wildcards, attempt):
    """Memory to ingest a scan; the size of a folder of raw images is that of its files."""
    folders = [Path(path) for path in raw_images(wildcards)]
    files = (file for folder in folders for file in [folder, *folder.rglob("*")] if file.is_file())
    return attempt * (2500 + 6 * sum(file.stat().st_size for file in files) // 2**20)


def minutes(base, per_gigabyte):
    """Run time of a job: a base and a share for each gigabyte of input, more with each attempt."""
    return lambda wildcards, input, attempt: int(attempt * (base + per_gigabyte * input.size_mb / 1024))
