# What the other files here share: the checked config, the cohort, and how a job says what it depends on.

import re
import sys
from dataclasses import asdict
from pathlib import Path

from snakemake.logging import logger

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from marrow.planning.bones import plan_bones
from marrow.planning.cohort import load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import plan_datasets
from marrow.errors import MarrowError, nearest
from marrow.planning.evaluations import plan_evaluations
from marrow.workflow.fingerprint.code import remember_code
from marrow.planning.inversions import plan_inversions
from marrow.workflow.paths import CODE
from marrow.planning.localisation import plan_localisation
from marrow.workflow.job_rate import drop_default_limit
from marrow.phantom.roster import roster
from marrow.workflow.snakemake_rules import Freshness
from marrow.planning.runs import plan_runs
from marrow.datasets.sources.catalogue import SOURCES
from marrow.planning.splits.memory import MEMORY, remember
from marrow.report.viewer.package import ADDRESSES

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

simulated = {row.scan: asdict(row) for row in roster(config["simulate"])}
summaries = [scan.summary() for scan in cohort]


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


def several(threads):
    """Threads of a job that can use several; one for the simulated cohort, whose small jobs gain more side by side."""
    return threads if config["samples"] else 1


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
