"""Dice per bone as a drawing: a dot per scan and a bar for the mean, raw above corrected.

Behind the dots lies the range of mean Dice that the paper reports for its 18 bones, sacrum to left femur, on its own
validation scans: something to hold a number against, not something that it claims to reach.
"""

import math
from dataclasses import dataclass

import pandas as pd

from marrow.bones.scores.per_bone import STAGES

PAPER = (0.690, 0.919)
WIDTH, ROW, LANE = 560, 30, 6  # in the units of the SVG: the scale, a bone, from a bone's middle to either stage
LEAST_LOW = 0.6  # the scale never begins above this
LETTER = 10.5  # room for a letter of a name, which is larger on phones


@dataclass(frozen=True)
class Dot:
    """A scan's Dice: its place, and what it says when pointed at."""

    x: float
    label: str


@dataclass(frozen=True)
class Lane:
    """A bone at one stage: `y` in the drawing, a dot per scan, and the place of their mean."""

    stage: str
    y: float
    dots: tuple[Dot, ...]
    mean: float


@dataclass(frozen=True)
class BoneLine:
    """A bone's line of the chart, with its name and its lanes, raw first."""

    bone: str
    y: float
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class BoneChart:
    """The drawing.

    Attributes:
        lines: the bones, from the top.
        ticks: places on the scale and their numbers.
        paper: the left and right end of the paper's range.
        margin: room for the names, left of the scale.
        width, height: of the scale and of all lines.
    """

    lines: tuple[BoneLine, ...]
    ticks: tuple[tuple[float, str], ...]
    paper: tuple[float, float]
    margin: int
    width: int
    height: int


def bone_chart(scores: pd.DataFrame) -> BoneChart:
    """The chart of bones that have a Dice in some scan, in the order in which they come."""
    low = math.floor(10 * min(LEAST_LOW, scores["dice"].min())) / 10

    def place(value: float) -> float:
        return round((value - low) / (1 - low) * WIDTH, 1)

    def lane(stage: str, rows: pd.DataFrame, y: float) -> Lane:
        values = zip(rows["scan"], rows["dice"], strict=True)
        dots = tuple(Dot(place(dice), f"{scan}: {stage} {dice:.3f}") for scan, dice in values)
        return Lane(stage, y + (LANE if stage == STAGES[-1] else -LANE), dots, place(rows["dice"].mean()))

    lines: list[BoneLine] = []
    for bone, rows in scores.groupby("bone", sort=False):
        y = (len(lines) + 0.5) * ROW
        known = {stage: rows[rows["stage"] == stage].dropna(subset=["dice"]) for stage in STAGES}
        lanes = tuple(lane(stage, of_stage, y) for stage, of_stage in known.items() if len(of_stage))
        lines.append(BoneLine(str(bone), y, lanes))
    step = 0.1 if low >= 0.4 else 0.2
    ticks = [1 - step * i for i in range(round((1 - low) / step + 0.49)) if 1 - step * i >= low - 1e-9]
    return BoneChart(
        lines=tuple(lines),
        ticks=tuple((place(tick), f"{tick:.1f}") for tick in sorted({*ticks, low})),
        paper=(place(PAPER[0]), place(PAPER[1])),
        margin=round(20 + LETTER * max(len(line.bone) for line in lines)),
        width=WIDTH,
        height=len(lines) * ROW,
    )
