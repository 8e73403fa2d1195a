"""The bones: how well each was found on annotated scans of the split validation, and how the network was trained."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from marrow.bones.scores.per_bone import CORRECTED, NUMBERS, RAW, SCORES, STAGES
from marrow.report.charts.bone_chart import bone_chart
from marrow.report.charts.network_curves import network_plots
from marrow.report.page import Reading, Section, render
from marrow.report.scans import ScanRow
from marrow.report.tables import Row
from marrow.tables.frames import Columns, joined, read_table

HISTORY: Columns = {"epoch": int, "loss": float, "dice": float}
READING = Reading(
    figure="the scores of the bones",
    shown="for each bone the agreement with an annotation, on scans that the network was not trained on: Dice "
    "(2 |A and B| / (|A| + |B|), 1 is perfect), the 95th percentile of the distances between the two surfaces (the "
    "larger of the two directions), and the volume's error as a share of the true volume. A dot is a scan, a bar the "
    "mean. Raw is what the network found, corrected what is left after the corrections, before dilation, which is "
    "inclusive by intention. A bone that is not in view counts nowhere; one that was missed has Dice 0, volume error "
    "-100% and no distance. The grey band is the range that the paper reports for its bones, from the sacrum (0.690) "
    "to the left femur (0.919): other scans, other annotators and other bones, so context and no claim.",
    good="corrected dots to the right of the raw ones or beside them, distances of one or two voxels, volume errors "
    "near 0. Thin bones (ribs, scapulae) have a lower Dice at the same distance: more of them is surface.",
    bad="a bone far to the left in one scan: a label on the wrong side, or a part cut off. In all scans: the bone "
    "itself. Corrected worse than raw: a correction takes away what was right.",
    remedy="open the bone sheet of the scan that lies apart, further below, and look at which step changed it; every "
    "correction can be switched off or set by itself. A bone that is bad everywhere needs more annotated scans, or "
    "longer training: see whether its curve still rises at the end.",
)
TRAINING = Reading(
    figure="a training curve",
    shown="the loss on training segments and the mean Dice on segments of the validation scans, by epoch. The network "
    "called all is trained on the validation scans too, so it has no Dice of its own.",
    good="a loss that falls and flattens, a Dice that rises and flattens, small steps where the learning rate halves.",
    bad="a Dice that falls while the loss still does (overfitting), a curve that still rises at the end (stopped too "
    "early), or jumps (the learning rate is too large).",
    remedy="train longer or shorter, lower the learning rate, or annotate more scans.",
)


def section(
    scans: Sequence[ScanRow], bone_scores: Sequence[Path], bone_sheets: Sequence[Path], bone_histories: Sequence[Path]
) -> Section:
    """Scores and training curves, and for each that is missing the reason.

    Args:
        scans: the cohort.
        bone_scores: the table of scores, if any scan can be scored.
        bone_sheets: the bone sheets; none where bones are switched off.
        bone_histories: of the networks that were trained.
    """
    scores = joined((read_table(path, SCORES) for path in bone_scores), SCORES)
    known = scores[scores.groupby("bone")["dice"].transform("count") > 0]
    scored = set(scores["scan"])
    html = render(
        "sections/bones.html.j2",
        is_off=not bone_sheets,
        why_unscored=_why_unscored(scans, bone_scores, scored),
        why_untrained="" if bone_histories else "the label maps were given (precomputed), so no network was trained",
        figures=_figures(scores) if len(known) else [],
        chart=bone_chart(known) if len(known) else None,
        rows=_rows(scores),
        scored=[scan for scan in scans if scan.scan in scored],
        unscored=[scan for scan in scans if scan.split == "validation" and scan.scan not in scored],
        plots=network_plots({path.parent.name: read_table(path, HISTORY) for path in bone_histories}),
        how=READING,
        how_trained=TRAINING,
    )
    return Section("bones", "Bones", html, note=f"{_mean_dice(scores, CORRECTED):.3f}" if len(known) else "")


def _why_unscored(scans: Sequence[ScanRow], bone_scores: Sequence[Path], scored: set[str]) -> str:
    """Why there is no score; empty where there are some."""
    if scored:
        return ""
    if bone_scores:
        return "every annotated scan of the split validation was stopped; see the stopped scans"
    if not any(scan.split == "validation" for scan in scans):
        return "no scan is in the split validation; write validation into the column split of an annotated scan"
    return "no scan of the split validation has an annotation; name one in the column bones of the sample sheet"


def _figures(scores: pd.DataFrame) -> list[tuple[str, str]]:
    """Name and number of the large figures."""
    missed = (scores["stage"] == CORRECTED) & (scores["volume_error"] == -1)
    return [
        ("mean Dice, corrected", f"{_mean_dice(scores, CORRECTED):.3f}"),
        ("mean Dice, raw", f"{_mean_dice(scores, RAW):.3f}"),
        ("scans scored", str(scores["scan"].nunique())),
        ("bones missed", str(missed.sum())),
    ]


def _mean_dice(scores: pd.DataFrame, stage: str) -> float:
    """The mean over bones of the mean over scans: a bone that is seldom in view counts like any other."""
    of_stage = scores[scores["stage"] == stage].dropna(subset=["dice"])
    return float(of_stage.groupby("bone")["dice"].mean().mean()) if len(of_stage) else 0.0


def _rows(scores: pd.DataFrame) -> Sequence[Row]:
    """A row a bone: in how many scans it is, in how many it was missed, and means over the scans that have a number."""
    corrected = scores["stage"] == CORRECTED
    rows = pd.DataFrame(
        {
            "scans": (corrected & scores["volume_error"].notna()).groupby(scores["bone"]).sum(),
            "missed": (corrected & (scores["volume_error"] == -1)).groupby(scores["bone"]).sum(),
            **{
                f"{name}_{stage}": scores[name].where(scores["stage"] == stage).groupby(scores["bone"]).mean()
                for name in NUMBERS
                for stage in STAGES
            },
        }
    )
    return rows.loc[scores["bone"].unique()].reset_index().to_dict("records")
