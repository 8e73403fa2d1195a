"""Dice per bone as a drawing: a dot per scan and a bar for the mean, raw above corrected.

Behind the dots lies the range of mean Dice that the paper reports for its 18 bones, sacrum to left femur, on its own
validation scans: something to hold a number against, not something that it claims to reach.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from marrow.bones.scores.per_bone import STAGES, Score

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
class Chart:
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


def chart_of(scores: Sequence[Score]) -> Chart:
    """The chart of scores, of which at least one has a Dice; bones in the order in which they come."""
    values = [score.dice for score in scores if score.dice is not None]
    low = math.floor(10 * min(LEAST_LOW, *values)) / 10

    def place(value: float) -> float:
        return round((value - low) / (1 - low) * WIDTH, 1)

    def lane(bone: str, stage: str, y: float) -> Lane | None:
        known = [(s, s.dice) for s in scores if s.bone == bone and s.stage == stage and s.dice is not None]
        if not known:
            return None
        dots = tuple(Dot(place(value), f"{score.scan}: {stage} {value:.3f}") for score, value in known)
        return Lane(stage, y + (LANE if stage == STAGES[-1] else -LANE), dots, place(fmean(v for _, v in known)))

    bones = list(dict.fromkeys(score.bone for score in scores))
    lines: list[BoneLine] = []
    for row, bone in enumerate(bones):
        y = (row + 0.5) * ROW
        lanes = (lane(bone, stage, y) for stage in STAGES)
        lines.append(BoneLine(bone, y, tuple(one for one in lanes if one)))
    step = 0.1 if low >= 0.4 else 0.2
    ticks = [1 - step * i for i in range(round((1 - low) / step + 0.49)) if 1 - step * i >= low - 1e-9]
    return Chart(
        lines=tuple(lines),
        ticks=tuple((place(tick), f"{tick:.1f}") for tick in sorted({*ticks, low})),
        paper=(place(PAPER[0]), place(PAPER[1])),
        margin=round(20 + LETTER * max(map(len, bones))),
        width=WIDTH,
        height=len(bones) * ROW,
    )
