"""All tables of numbers of an entry's runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from marrow.evaluation.breakdowns import confusion, groups, reliability_curves
from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.comparison import Permutations, compare, comparison_notes
from marrow.evaluation.evaluated_runs import EvaluatedRun, Part, parts_of, table_of
from marrow.evaluation.summary import bootstrapped, summarise, summary_notes
from marrow.statistics.resampling import patient_draws, patient_swaps
from marrow.tables.frames import frame_of, joined


@dataclass(frozen=True)
class Settings:
    """The section `evaluation` of the config, without the reference.

    Attributes:
        resamples: draws of the bootstrap and of the permutation.
        stratify: whether as many patients of each class are drawn as there are.
        calibration_bins: of the calibration error and the reliability curve.
        significance: level at which a corrected p counts as a difference.
        seed: of chance.
    """

    resamples: int
    stratify: bool
    calibration_bins: int
    significance: float
    seed: int


def evaluate(
    runs: Sequence[EvaluatedRun], reference: str, classes: Sequence[str], bag: str, settings: Settings
) -> dict[str, pd.DataFrame]:
    """The tables by name, with the columns that `COLUMNS` declares.

    Args:
        runs: of an entry, as planned.
        reference: the method that the others are compared with.
        classes: of the bags.
        bag: what a bag is called: scan or bag.
        settings: of the evaluation.
    """
    parts = [_of_part(part, reference, classes, bag, settings) for part in parts_of(runs)]
    names = ("summary", "comparisons", "confusion", "reliability", "groups", "notes")
    together = {name: joined((tables[name] for tables in parts), COLUMNS[name]) for name in names}
    return {"runs": table_of(runs), **together}


def _of_part(
    part: Part, reference: str, classes: Sequence[str], bag: str, settings: Settings
) -> dict[str, pd.DataFrame]:
    bins, complete = settings.calibration_bins, part.complete_methods
    broken_down = complete if len(part.patients) else []
    strata = part.patient_labels if settings.stratify else part.patient_labels * 0
    draws = patient_draws(strata, settings.resamples, settings.seed)
    draws_of = {method: bootstrapped(part, method, draws, bins) for method in complete}
    permutations = Permutations(*patient_swaps(len(part.patients), settings.resamples, settings.seed))
    notes = [*summary_notes(part, draws_of), *comparison_notes(part, reference, draws_of, settings.significance)]
    return {
        "summary": summarise(part, draws_of),
        "comparisons": compare(part, reference, draws_of, permutations, bins),
        "confusion": confusion(part, broken_down, classes),
        "reliability": reliability_curves(part, broken_down, bins),
        "groups": groups(part, broken_down, classes, bag, bins),
        "notes": frame_of([{**note, "part": part.name} for note in notes], COLUMNS["notes"]),
    }
