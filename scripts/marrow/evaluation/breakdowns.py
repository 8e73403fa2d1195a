"""What the mean hides: which classes are taken for which, how calibrated, and by patient, site and class."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from marrow.evaluation.cells import Row
from marrow.evaluation.judged import Part
from marrow.evaluation.metrics import METRICS, class_metrics, metrics_of
from marrow.evaluation.predictions import Predictions
from marrow.evaluation.reliability import reliability
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
    runs = _tested(part, method)

    def rows(grouping: str, group: str, of: Callable[[Predictions], Predictions]) -> Iterator[Row]:
        chosen = [of(run) for run in runs]
        found = [metrics_of(each, bins) for each in chosen]
        cases = sum(len(each) for each in chosen)
        for metric in METRICS:
            mean = mean_of([each[metric] for each in found])
            yield _row(part, method, grouping, group, metric, mean, cases)

    yield from rows(bag, "all", lambda run: run)
    yield from rows("patient", "all", Predictions.by_patient)
    for site in sorted({str(site) for run in runs for site in run.sites} - {""}):
        yield from rows("site", site, lambda run, site=site: run.of_site(site))
    for number, name in enumerate(classes):
        found = [class_metrics(run, number) for run in runs]
        cases = sum(int((run.labels == number).sum()) for run in runs)
        for metric in found[0]:
            yield _row(part, method, "class", name, metric, mean_of([each[metric] for each in found]), cases)


def _row(part: Part, method: str, grouping: str, group: str, metric: str, mean: float, cases: int) -> Row:
    return {"method": method, "grouping": grouping, "group": group, "metric": metric, "mean": mean, "n": cases,
            "part": part.name}  # fmt: skip


_FIELDS = ("patients", "sites", "labels", "probabilities")


def _tested(part: Part, method: str) -> list[Predictions]:
    return [run.predictions for run in part.of_method(method) if run.predictions is not None]
