"""What the mean hides: which classes are taken for which, how calibrated, and by patient, site and class."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from marrow.evaluation.cells import Row
from marrow.evaluation.metrics import class_metrics, metrics_of
from marrow.evaluation.predictions import Predictions
from marrow.evaluation.reliability import reliability
from marrow.evaluation.run_status import Part
from marrow.evaluation.summary import mean_of


def confusion_rows(part: Part, method: str, classes: Sequence[str]) -> Iterator[Row]:
    """Counts over all runs of a method (a bag counts once for each run that tests it), and per cent of its row."""
    runs = _tested(part, method)
    labels = np.concatenate([each.labels for each in runs])
    predicted = np.concatenate([each.predicted for each in runs])
    counts = confusion_matrix(labels, predicted, labels=range(len(classes)))
    for name, row in zip(classes, counts, strict=True):
        for other, count in zip(classes, row, strict=True):
            share = 100 * float(count) / float(row.sum()) if row.sum() else None
            yield {"method": method, "label": name, "predicted": other, "count": int(count), "row_percent": share,
                   "part": part.name}  # fmt: skip


def reliability_rows(part: Part, method: str, bins: int) -> Iterator[Row]:
    """The reliability curve of all runs of a method together."""
    runs = _tested(part, method)
    together = Predictions(*(np.concatenate([getattr(each, name) for each in runs]) for name in _FIELDS))
    for index, each in enumerate(reliability(together, bins)):
        yield {
            "method": method,
            "bin": index + 1,
            "low": each.low,
            "high": each.high,
            "count": each.count,
            "mean_probability": each.mean_probability,
            "observed": each.observed,
            "part": part.name,
        }


def group_rows(part: Part, method: str, classes: Sequence[str], bag: str, bins: int) -> Iterator[Row]:
    """Means over runs by bag, by patient, of each site, and of each class against the rest.

    Args:
        part: the runs.
        method: whose runs.
        classes: their names.
        bag: what a bag is called: scan or bag.
        bins: of the calibration error.
    """
    judged = [run for run in part.of_method(method) if run.predictions is not None]
    runs = _tested(part, method)
    patients = [run.by_patient() for run in runs]
    of_bags = [run.metrics for run in judged]
    of_patients = [
        known if len(each) == len(run) else metrics_of(each, bins)
        for run, each, known in zip(runs, patients, of_bags, strict=True)
    ]
    yield from _rows(part, method, bag, "all", of_bags, sum(map(len, runs)))
    yield from _rows(part, method, "patient", "all", of_patients, sum(map(len, patients)))
    for site in sorted({str(site) for run in runs for site in run.sites} - {""}):
        there = [run.of_site(site) for run in runs]
        yield from _rows(part, method, "site", site, [metrics_of(each, bins) for each in there], sum(map(len, there)))
    of_classes = [class_metrics(run) for run in runs]
    for number, name in enumerate(classes):
        found = [{metric: float(values[number]) for metric, values in each.items()} for each in of_classes]
        yield from _rows(part, method, "class", name, found, sum(int((run.labels == number).sum()) for run in runs))


def _rows(
    part: Part, method: str, grouping: str, group: str, found: Sequence[Mapping[str, float]], cases: int
) -> Iterator[Row]:
    for metric in found[0]:
        yield {
            "method": method,
            "grouping": grouping,
            "group": group,
            "metric": metric,
            "mean": mean_of([each[metric] for each in found]),
            "n": cases,
            "part": part.name,
        }


_FIELDS = ("patients", "sites", "labels", "probabilities")


def _tested(part: Part, method: str) -> list[Predictions]:
    return [run.predictions for run in part.of_method(method) if run.predictions is not None]
