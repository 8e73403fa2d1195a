# Marrow: whole-body MRI cohorts to trained multiple-instance classifiers of multiple myeloma.
#
# Data flows through the rule files in the order in which they are included:
#   cohort -> volumes -> resampled -> normalised -> bones -> bags -> runs -> localisation, inversion ->
#   repeatability -> evaluation -> checks -> report
# Whether a result is stale is decided by the records beside the results (docs/staleness.md), not by clocks.

from snakemake.utils import min_version

min_version("9.21.1")


configfile: f"{workflow.basedir}/config.yaml"


# The front page of `snakemake --report`; which results it shows, the rules say.
report: "docs/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/cohort.smk"
include: "rules/volumes.smk"
include: "rules/resampled.smk"
include: "rules/normalised.smk"
include: "rules/bones.smk"
include: "rules/bags.smk"
include: "rules/runs.smk"
include: "rules/localisation.smk"
include: "rules/inversion.smk"
include: "rules/repeatability.smk"
include: "rules/evaluation.smk"
include: "rules/checks.smk"
include: "rules/bids.smk"
include: "rules/report.smk"


# The nodes of a cluster may have no way out to download anything.
localrules:
    all,
    volumes,
    runs,
    fetch_source,
    fetch_viewer,


# A real run writes down what its jobs look up, and who is in which split; a dry run and the jobs of a run do not.
onstart:
    remember_code(Path(workflow.basedir) / "scripts", CODE)
    remember_splits(plan.cohort, config)
    for note in plan.cohort.sheet_notes:
        logger.warning(f"Sample sheet: {note}.")
    for note in plan.cohort.notes:
        logger.warning(f"Splits: {note}.")
    for note in plan.standards.notes:
        logger.warning(f"Standard scales: {note}.")
    for note in plan.runs.notes:
        logger.warning(f"Attributes: {note}.")
    drop_default_limit(workflow)


# Everything; last, it fails when a scan was stopped, unless the config says that a report of it is enough.
rule all:
    input:
        "results/report/index.html",
        "results/checks/confirmed.txt",
        inputs.targets.manifests,
        inputs.targets.trained,
        inputs.targets.evaluated,
        inputs.targets.localised,
        inputs.targets.inverted,
        inputs.targets.exported,


# The boundary after which the expensive stages begin; `snakemake volumes` stops here.
rule volumes:
    input:
        inputs.targets.volumes,


# All models, and what they say of scans that are only predicted; `snakemake runs` stops here.
rule runs:
    input:
        inputs.targets.trained,
