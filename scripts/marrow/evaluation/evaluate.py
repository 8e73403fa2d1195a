"""All tables of numbers of an entry's runs."""

from collections.abc import Sequence
from itertools import chain

from marrow.evaluation.breakdowns import confusion_rows, group_rows, reliability_rows
from marrow.evaluation.cells import Row
from marrow.evaluation.comparison import Permutations, comparison_notes, comparison_rows
from marrow.evaluation.metrics import METRICS
from marrow.evaluation.resampling import drawn, swapped
from marrow.evaluation.run_status import JudgedRun, Part, not_done, parts_of
from marrow.evaluation.summary import Settings, bootstrapped, summary_notes, summary_rows

Tables = dict[str, list[Row]]


def evaluate(runs: Sequence[JudgedRun], reference: str, classes: Sequence[str], bag: str, settings: Settings) -> Tables:
    """Kind of table -> its rows.

    Args:
        runs: of an entry, as planned.
        reference: the method that the others are compared with.
        classes: of the bags.
        bag: what a bag is called: scan or bag.
        settings: of the evaluation.
    """
    made = [_of_part(part, reference, classes, bag, settings) for part in parts_of(runs)]
    kinds = ("summary", "comparisons", "confusion", "reliability", "groups", "notes")
    together: Tables = {kind: list(chain.from_iterable(tables[kind] for tables in made)) for kind in kinds}
    return {"runs": [_run_row(run) for run in runs], **together}


def _of_part(part: Part, reference: str, classes: Sequence[str], bag: str, settings: Settings) -> Tables:
    bins = settings.calibration_bins
    complete = [method for method in part.methods if not not_done(part.of_method(method))]
    strata = part.patient_labels if settings.stratify else part.patient_labels * 0
    draws = drawn(strata, settings.resamples, settings.seed)
    draws_of = {method: bootstrapped(part.of_method(method), part, draws, bins) for method in complete}
    permutations = Permutations(*swapped(len(part.patients), settings.resamples, settings.seed))
    return {
        "summary": list(summary_rows(part, draws_of)),
        "comparisons": list(comparison_rows(part, reference, draws_of, permutations, bins)),
        "confusion": [row for method in complete for row in confusion_rows(part, method, classes)],
        "reliability": [row for method in complete for row in reliability_rows(part, method, bins)],
        "groups": [row for method in complete for row in group_rows(part, method, classes, bag, bins)],
        "notes": [
            *summary_notes(part, draws_of),
            *comparison_notes(part, reference, draws_of, settings.significance),
        ],
    }


def _run_row(run: JudgedRun) -> Row:
    planned, tested = run.planned, run.predictions
    about: dict[str, str | float | None] = {"dataset": planned.dataset, "method": planned.method, "seed": planned.seed}
    about |= {"title": planned.title, "status": run.status, "reason": run.reason, "part": planned.part}
    about |= {
        "bags": None if tested is None else len(tested),
        "patients": None if tested is None else len(set(tested.patients.tolist())),
    }
    return dict.fromkeys(METRICS) | about | dict(run.metrics)
