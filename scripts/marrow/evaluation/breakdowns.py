"""What the mean hides: which classes are taken for which, how calibrated, and by patient, site and class."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.evaluated_runs import Part
from marrow.evaluation.metrics import class_metrics, metrics_of
from marrow.evaluation.predictions import Predictions
from marrow.evaluation.reliability import reliability
from marrow.tables.frames import frame_of, joined

Score = tuple[str, str, str, float, int]  # grouping, group, metric, value in a run, and of how many cases


def confusion(part: Part, methods: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Counts over all runs of each method (a bag counts once for each run that tests it), and per cent of its label."""
    if not methods:
        return frame_of([], COLUMNS["confusion"])
    bags = [
        (method, classes[label], classes[predicted])
        for method in methods
        for run in part.predictions_of(method)
        for label, predicted in zip(run.labels, run.predicted, strict=True)
    ]
    names = {"method": methods, "label": classes, "predicted": classes}
    table = pd.DataFrame(bags, columns=list(names))
    table = table.astype({column: pd.CategoricalDtype(list(values)) for column, values in names.items()})
    counts = table.groupby(list(names), observed=False).size().reset_index(name="count")
    of_label = counts.groupby(["method", "label"], observed=False)["count"].transform("sum")
    return counts.assign(row_percent=100 * counts["count"] / of_label, part=part.name)


def reliability_curves(part: Part, methods: Sequence[str], bins: int) -> pd.DataFrame:
    """The reliability curve of all runs of each method together."""
    curves = {method: reliability(Predictions.joined(part.predictions_of(method)), bins) for method in methods}
    tables = (curve.assign(method=method, part=part.name) for method, curve in curves.items())
    return joined(tables, COLUMNS["reliability"])


def groups(part: Part, methods: Sequence[str], classes: Sequence[str], bag: str, bins: int) -> pd.DataFrame:
    """Means over runs by bag, by patient, of each site, and of each class against the rest.

    Args:
        part: the runs.
        methods: whose runs, all of them done.
        classes: their names.
        bag: what a bag is called: scan or bag.
        bins: of the calibration error.
    """
    if not methods:
        return frame_of([], COLUMNS["groups"])
    scores = [(method, *score) for method in methods for score in _scores(part, method, classes, bag, bins)]
    keys = ["method", "grouping", "group", "metric"]
    values = pd.DataFrame(scores, columns=[*keys, "value", "cases"]).groupby(keys, sort=False)
    return values.agg(mean=("value", "mean"), n=("cases", "sum")).reset_index().assign(part=part.name)


def _scores(part: Part, method: str, classes: Sequence[str], bag: str, bins: int) -> Iterator[Score]:
    """The scores of every run in every group."""
    metrics = [run.metrics for run in part.of_method(method)]
    runs = part.predictions_of(method)
    for run, of_bags in zip(runs, metrics, strict=True):
        yield from _of_group(bag, "all", of_bags, len(run))
    for run, of_bags in zip(runs, metrics, strict=True):
        patients = run.by_patient()
        yield from _of_group(
            "patient", "all", of_bags if len(patients) == len(run) else metrics_of(patients, bins), len(patients)
        )
    for site in sorted({str(site) for run in runs for site in run.sites} - {""}):
        for there in (run.of_site(site) for run in runs):
            yield from _of_group("site", site, metrics_of(there, bins), len(there))
    for run in runs:
        of_classes = class_metrics(run)
        for number, name in enumerate(classes):
            of_class = {metric: float(values[number]) for metric, values in of_classes.items()}
            yield from _of_group("class", name, of_class, int((run.labels == number).sum()))


def _of_group(grouping: str, group: str, metrics: Mapping[str, float], cases: int) -> Iterator[Score]:
    for metric, value in metrics.items():
        yield grouping, group, metric, value, cases
