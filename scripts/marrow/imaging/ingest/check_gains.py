"""Checks of the gains that stations were matched with."""

import math
from collections.abc import Sequence

from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.gains import Link

# Of intensity. Contrasts of one acquisition show different tissue, which shading dims differently: up to 11% between
# simulated contrasts with the same gains. Scanners that scale each by itself differ by far more.
SEAM = 0.15
PLAUSIBLE_GAIN = 4.0


def judge_gains(gains: Sequence[float], lonely: Sequence[int], contrasts: Sequence[str]) -> list[Finding]:
    """Stations that nothing could be compared with, and gains that are hard to believe.

    Args:
        gains: of the stations, from the feet to the head.
        lonely: the stations without a link to the reference.
        contrasts: that have these gains.
    """
    names = " and ".join(contrasts)
    found = [
        Finding(
            "station_gain",
            "warn",
            contrasts[0],
            f"{names}: station {index + 1} of {len(gains)} (from the feet) shares too little of the body with the "
            "others; its brightness could not be compared and was left as it is. Look for a step in the picture.",
        )
        for index in lonely
    ]
    return found + [
        Finding(
            "station_gain",
            "warn",
            contrasts[0],
            f"{names}: station {index + 1} of {len(gains)} (from the feet) was multiplied by {gain:.2f} to match the "
            "others, an unusual step; check that all stations are of one examination.",
        )
        for index, gain in enumerate(gains)
        if not 1 / PLAUSIBLE_GAIN < gain < PLAUSIBLE_GAIN
    ]


def judge_seams(contrast: str, links: Sequence[Link], gains: Sequence[float]) -> list[Finding]:
    """Whether the gains of the whole acquisition leave a step in one of its contrasts.

    Args:
        contrast: its name.
        links: what its own overlaps say.
        gains: of the acquisition.
    """
    steps = [abs(gains[link.upper] / gains[link.lower] * math.exp(link.log_ratio) - 1) for link in links]
    if max(steps, default=0.0) <= SEAM:
        return []
    message = (
        f"{contrast}: a step of {max(steps):.0%} remains between two stations, since it was not scaled as the other "
        "contrast of its acquisition; set ingest.stations.gains to separate."
    )
    return [Finding("station_gain", "warn", contrast, message)]
