"""Localisation: how well instance scores find what is marked in phantoms, digits and mosaics, or by hand in a scan."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from marrow.report.charts.interval_chart import IntervalChart, interval_chart
from marrow.report.charts.localisation_curves import localisation_curves
from marrow.report.charts.scale import SHARE
from marrow.report.entries import SCANS, Entry
from marrow.report.metrics import by_method_and_metric, intervals_of
from marrow.report.page import Reading, Section, render
from marrow.report.pictures import Picture

SCORES = Reading(
    figure="the localisation scores",
    shown="how well an instance score finds the instances that are known to be key, those that make a bag what it is: "
    "in scans, patches with active disease. The share of pairs of a key and another instance that are in the right "
    "order (AUROC), average precision, whether one of the k highest is key (hit rate top k), and precision, recall "
    "and F1 at a threshold chosen on validation bags. The score is named: attention, an instance's probability of a "
    "class (non-active: healthy or inactive), their product (contribution), or attention after inversion. Bone hit "
    "rate and precision are the same for the bones that the highest instances lie in. Lesions in reach: the share of "
    "lesions that a patch holds enough of. Perturbation area: how much faster the model's probability falls than when "
    "any instances are taken out. Means over runs with a 95% bootstrap interval by patient. No method was trained on "
    "such marks.",
    good="an AUROC of 0.8 or more: the map is worth looking at.",
    bad="an AUROC near 0.5: the score points anywhere. Below 0.5: it points away, as attention does that has learned "
    "what is healthy. High AUROC with low average precision: a few false marks among many instances outweigh the true. "
    "An F1 with a recall near 1 and a low precision: nearly everything is marked.",
    remedy="do not show maps of such a method. Look at its course of attention entropy, train longer, or take the "
    "instance probability where the method has one.",
)
CURVE = Reading(
    figure="a free-response or perturbation curve",
    shown="free response: the share of lesions that are found, by the number of false marks per scan that is put up "
    "with. Perturbation: the probability of the bag's class after its highest instances are taken out.",
    good="a free-response curve that rises steeply and early; a perturbation curve that falls with the first instances "
    "and much faster than when instances are taken out at random.",
    bad="a free-response curve far below the lesions in reach (in the table), which none can pass; a perturbation "
    "curve that stays level: what the map marks is not what the model decides by.",
    remedy="trust neither map nor explanation of such a method; compare its attention with that after inversion.",
)
INVERSION = Reading(
    figure="an inversion",
    shown="instances before and after sparse network inversion, which moves each instance a little towards what the "
    "model takes for positive; their attention before and after, and what is marked at the threshold chosen before.",
    good="marks after inversion that are those of the key instances; an F1 that rises; a control that only shrinks and "
    "does worse.",
    bad="marks everywhere or nowhere, or a control that does as well: then shrinking alone explains the gain.",
    remedy="change the step or the weight of sparsity, and judge by F1 on validation bags, never by how it looks.",
)
OF_ONE_BONE = "bone_hit_rate_"
DRAWN = (
    ("auroc_per_bag", "AUROC within a bag"),
    ("average_precision_per_bag", "average precision within a bag"),
    ("f1", "F1"),
)


def section(entries: Sequence[Entry], curves: Sequence[Path], inversions: Sequence[tuple[str, Picture]]) -> Section:
    """Localisation on scans.

    Args:
        entries: all that were evaluated.
        curves: the files of free-response and perturbation curves.
        inversions: name of the run and figure of each inversion.
    """
    parts = [(entry, localisation(entry, curves, inversions)) for entry in entries if entry.kind == SCANS]
    html = render("sections/localisation.html.j2", parts=parts)
    return Section("localisation", "Localisation", html)


def localisation(entry: Entry, curves: Sequence[Path], inversions: Sequence[tuple[str, Picture]]) -> Markup:
    """Scores, curves and inversions of an entry, or why there are none."""
    table = entry.tables["localisation"]
    parts = table.frame["metric"].str.extract("(?P<score>[^:]*):?(?P<measure>.*)")
    parts["measure"] = parts["measure"].where(parts["measure"] != "", parts["score"])
    rows = table.frame.join(parts)
    measures = [name for name in rows["measure"].unique() if not name.startswith(OF_ONE_BONE)]
    row_of = by_method_and_metric(rows)
    pairs = [
        (entry.title(method), score, [row_of.get((method, f"{score}:{name}")) for name in measures])
        for method in entry.methods("localisation")
        for score in rows.loc[rows["method"] == method, "score"].unique()
    ]
    return render(
        "sections/located.html.j2",
        entry=entry,
        why=table.why,
        rows=rows.to_dict("records"),
        measures=measures,
        pairs=pairs,
        charts=_charts(entry, rows),
        curves=localisation_curves(entry, curves),
        inversions=[(name, picture) for name, picture in inversions if name.split("/")[0] in entry.datasets],
        how=SCORES,
        how_curved=CURVE,
        how_inverted=INVERSION,
    )


def _charts(entry: Entry, rows: pd.DataFrame) -> list[IntervalChart]:
    """For each measure that is drawn and each instance score, all methods."""
    charts = (
        interval_chart(f"{title}, {score}", intervals_of(of_score, entry.titles), SHARE)
        for measure, title in DRAWN
        for score, of_score in rows[rows["measure"] == measure].groupby("score", sort=False)
    )
    return list(filter(None, charts))
