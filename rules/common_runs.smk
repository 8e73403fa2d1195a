# What the rules of runs, their evaluation, localisation, inversion and report need to know of the plan.

from types import SimpleNamespace

from marrow.planning.localisation import LOCALISATION, negatives
from marrow.planning.runs import run_folder

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
            *("notes.csv", "curves.csv", "localisation.csv", "tables.json", "tables.tex", "sizes.svg"),
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
