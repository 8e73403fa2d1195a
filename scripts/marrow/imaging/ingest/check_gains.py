"""Checks of the gains that stations were matched with."""

import math
from collections.abc import Sequence

from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.gains import Link

# Of intensity. Shading affects the contrasts of one acquisition differently, since they show different tissue: up to
# 11% between simulated contrasts with the same gains. Scanners that scale contrasts separately differ by far more.
SEAM = 0.15
PLAUSIBLE_GAIN = 4.0


def check_gains(gains: Sequence[float], unlinked: Sequence[int], contrasts: Sequence[str]) -> list[Finding]:
    """Check for stations without a link to the reference (`unlinked`), and for implausible gains of `contrasts`."""

    def finding(index: int, problem: str) -> Finding:
        message = f"{' and '.join(contrasts)}: station {index + 1} of {len(gains)} (from the feet) {problem}"
        return Finding("station_gain", "warn", contrasts[0], message)

    lone = (
        "shares too little of the body with the others; its brightness could not be compared and was left as it is. "
        "Look for a step in the picture."
    )
    return [finding(index, lone) for index in unlinked] + [
        finding(
            index,
            f"was multiplied by {gain:.2f} to match the others, an unusual step; check that all stations are of one "
            "examination.",
        )
        for index, gain in enumerate(gains)
        if not 1 / PLAUSIBLE_GAIN < gain < PLAUSIBLE_GAIN
    ]


def check_seams(contrast: str, links: Sequence[Link], gains: Sequence[float]) -> list[Finding]:
    """Check that the gains of an acquisition leave no step in one of its contrasts, which has these `links`."""
    steps = [abs(gains[link.upper] / gains[link.lower] * math.exp(link.log_ratio) - 1) for link in links]
    if max(steps, default=0.0) <= SEAM:
        return []
    message = (
        f"{contrast}: a step of {max(steps):.0%} remains between two stations, since it was not scaled as the other "
        "contrast of its acquisition; set ingest.stations.gains to separate."
    )
    return [Finding("station_gain", "warn", contrast, message)]
