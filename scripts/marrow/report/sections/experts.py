"""Which expert spoke: for a method of two, how much it listens to pictures in each class, and who is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from marrow.report.charts.interval_chart import Interval, IntervalChart, interval_chart
from marrow.report.charts.scale import SHARE
from marrow.report.entries import Entry
from marrow.report.page import Reading
from marrow.report.tables import Row

MOST_CASES = 30
READING = Reading(
    figure="which expert spoke",
    shown="for each class of test bags the median share of the pictures in the verdict, with its quartiles; below how "
    "often each expert is right, and the bags that the two call differently.",
    good="shares that differ between patients; where the experts disagree, the fusion mostly goes with the one that is "
    "right.",
    bad="a share near 0 or 1 in every bag: one expert does all the work, and the other need not be measured. A fusion "
    "that is right less often than one of its experts.",
    remedy="compare it with each expert by itself and with their average; leave out one that learned nothing.",
)


@dataclass(frozen=True)
class ExpertView:
    """A method of two experts.

    Attributes:
        title: of the method.
        chart: shares by class.
        rights: for each class and all: bags, how many each expert and both together call right, mean share.
        disagreements: how many bags the experts call differently, and of these how many each is right on.
        cases: these bags, the first few.
    """

    title: str
    chart: IntervalChart | None
    rights: Sequence[Row]
    disagreements: Row
    cases: Sequence[Row]


def expert_views(entry: Entry) -> list[ExpertView]:
    """The methods of an entry that have two experts, in the order of the config."""
    frame = entry.tables["experts"].frame
    return [_view(entry.title(method), frame[frame["method"] == method]) for method in entry.methods("experts")]


def _view(title: str, bags: pd.DataFrame) -> ExpertView:
    classes = list(dict.fromkeys(bags["label"]))
    groups = [(name, bags[bags["label"] == name]) for name in classes]
    intervals = [
        Interval(name, *(float(of_class["share"].quantile(q)) for q in (0.5, 0.25, 0.75)), note=f"{len(of_class)} bags")
        for name, of_class in groups
    ]
    apart = bags[bags["pictures"] != bags["attributes"]]
    return ExpertView(
        title=title,
        chart=interval_chart(f"{title}: share of the pictures by class", intervals, SHARE),
        rights=[_rights(name, rows) for name, rows in [*groups, ("all", bags)]],
        disagreements=_rights("", apart),
        cases=apart.head(MOST_CASES).to_dict("records"),
    )


def _rights(name: str, bags: pd.DataFrame) -> Row:
    right = {speaker: int((bags[speaker] == bags["label"]).sum()) for speaker in ("pictures", "attributes", "both")}
    return {"name": name, "bags": len(bags), **right, "share": float(bags["share"].mean())}
