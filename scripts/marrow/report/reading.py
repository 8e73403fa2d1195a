"""How to read a figure: folded away beside every kind of figure, after the habit of the NiPreps reports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """What a reader needs to judge a kind of figure.

    Attributes:
        figure: what kind it is.
        shown: what is shown.
        good: what a good one looks like.
        bad: what a bad one looks like.
        remedy: what to do about a bad one.
    """

    figure: str
    shown: str
    good: str
    bad: str
    remedy: str
