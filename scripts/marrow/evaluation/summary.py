"""The mean of a method over its runs, how far they spread, and how sure the mean is.

The standard deviation and the standard error are over runs (repeats, folds, seeds), the error being the deviation over
the root of their number. The interval is over patients: a bootstrap that draws the tested patients anew, the models as
they are. Where a run of a method is missing there is no mean, for one over fewer runs does not compare.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from marrow.evaluation.columns import METRICS
from marrow.evaluation.evaluated_runs import EvaluatedRun, Part, not_done
from marrow.evaluation.predictions import Numbers
from marrow.evaluation.weighted import WeightedMetrics
from marrow.statistics.means import means_over_runs
from marrow.statistics.resampling import percentile_interval

Draws = Mapping[str, Mapping[str, Numbers]]  # method -> metric -> its mean over runs in each draw of patients
SHOWN = 3  # missing runs that a note names


def bootstrapped(part: Part, method: str, draws: Numbers, bins: int) -> dict[str, Numbers]:
    """The mean of each metric over runs, for each draw of patients, (draws,).

    A run without a value in a draw, as where the draw has no patient of a class, is left out of that draw's mean.

    Args:
        part: of the runs.
        method: whose runs.
        draws: how often each patient of the part is drawn, (patients, draws).
        bins: of the calibration error.
    """
    sums = {name: np.zeros(draws.shape[1]) for name in METRICS}
    counts = {name: np.zeros(draws.shape[1]) for name in METRICS}
    for run in filter(len, part.predictions_of(method)):
        metrics = WeightedMetrics(run, bins)(draws[part.rows(run)])
        for name, values in metrics.items():
            defined = np.isfinite(values)
            sums[name] += np.where(defined, values, 0)
            counts[name] += defined
    with np.errstate(invalid="ignore"):
        return {name: sums[name] / counts[name] for name in METRICS}


def summarise(part: Part, draws_of: Draws) -> pd.DataFrame:
    """A row for each method and metric.

    Args:
        part: runs to average over.
        draws_of: of the methods that are complete.
    """
    table = means_over_runs(part.scores, draws_of.keys())
    ends = [
        percentile_interval(draws_of[method][metric]) if method in draws_of else (np.nan, np.nan)
        for method, metric in zip(table["method"], table["metric"], strict=True)
    ]
    return table.assign(low=[low for low, _ in ends], high=[high for _, high in ends], part=part.name)


def summary_notes(part: Part, draws_of: Draws) -> Iterator[dict[str, str]]:
    """Why a number of the summary is empty, or is of fewer runs than planned."""
    for method in part.methods:
        runs = part.of_method(method)
        lacking = not_done(runs)
        if lacking:
            shown = "; ".join(f"{run.planned.name}: {run.reason}" for run in lacking[:SHOWN])
            more = f"; and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
            note = f"{len(lacking)} of {len(runs)} runs are missing, so there is no mean. {shown}{more}"
            yield {"method": method, "metric": "", "note": note}
    for method, draws in list(draws_of.items())[:1]:  # what is undefined is so for all methods: the bags are the same
        for metric in METRICS:
            for note in (_undefined_runs(part.of_method(method), metric), _undefined_draws(draws[metric])):
                if note:
                    yield {"method": "", "metric": metric, "note": note}


def _undefined_runs(runs: Sequence[EvaluatedRun], metric: str) -> str:
    undefined = [run for run in runs if np.isnan(run.metrics[metric])]
    if not undefined:
        return ""
    scope = (
        "" if len(undefined) == len(runs) else f" in {len(undefined)} of {len(runs)} runs; the mean is of the others"
    )
    return f"undefined{scope}: {undefined[0].reason}"


def _undefined_draws(values: Numbers) -> str:
    share = float(np.isnan(values).mean())
    if share in {0, 1}:
        return ""
    rest = "the interval is of the others" if np.isfinite(percentile_interval(values)).all() else "there is no interval"
    return f"undefined in {share:.0%} of the draws of patients, which lack a class; {rest}"
