"""Clinical attributes of the simulated patients: their age, and three numbers that follow the burden of disease.

Each number x of a patient is drawn from a bell curve of its class, of x itself or of log(1 + x), and every scan of the
patient varies a little around it. The classes overlap on purpose, so that no number decides alone. Their centres keep
to what clinicians go by: M-protein is hardly there without myeloma and often beyond 10 g/l with it, haemoglobin falls
below 12 g/dl with anaemia, and 10% plasma cells in the bone marrow is the border of active disease. The age is that of
the simulated body and says nothing of the class, as in a cohort matched by age.

Nothing here is used by the drawing of bodies and scans, and the standard library alone is: Snakemake reads it while it
parses.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1
from typing import Any

from marrow.phantom.roster import SimulatedScan

# As in the section `attributes` of a config.
DECLARED: Mapping[str, Mapping[str, Any]] = {
    "age": {"unit": "years", "minimum": 0, "maximum": 120},
    "m_protein": {"unit": "g/l", "log": True, "minimum": 0},
    "haemoglobin": {"unit": "g/dl", "minimum": 0},
    "plasma_cells": {"unit": "% of marrow cells", "log": True, "minimum": 0, "maximum": 100},
}
SHARE_UNKNOWN = 0.06
BETWEEN_SCANS = 0.1  # of the spread between patients


@dataclass(frozen=True)
class Spread:
    """How a number is spread over the patients of each class: centre and standard deviation, of log(1 + x) if `log`."""

    by_class: Mapping[str, tuple[float, float]]
    log: bool
    decimals: int
    most: float


SPREADS = {
    "m_protein": Spread(
        {"healthy": (0.5, 0.5), "inactive": (1.5, 0.8), "focal": (2.4, 0.9), "diffuse": (2.9, 0.9)}, True, 1, 100
    ),
    "haemoglobin": Spread(
        {"healthy": (14.0, 1.2), "inactive": (13.2, 1.3), "focal": (12.3, 1.6), "diffuse": (11.2, 1.8)}, False, 1, 18
    ),
    "plasma_cells": Spread(
        {"healthy": (0.9, 0.4), "inactive": (1.6, 0.6), "focal": (2.3, 0.75), "diffuse": (3.0, 0.75)}, True, 0, 95
    ),
}


def clinical_values(scan: SimulatedScan, seed: int) -> dict[str, str]:
    """The attributes of a simulated scan as a sample sheet has them, an unknown one empty; they depend on the seed."""
    values = {"age": str(scan.age)}
    for name, spread in SPREADS.items():
        of_patient = random.Random(f"{seed}/{scan.patient}/{name}")  # noqa: S311  (numbers, not secrets)
        of_scan = random.Random(f"{seed}/{scan.scan}/{name}")  # noqa: S311
        centre, deviation = spread.by_class[scan.disease]
        x = of_patient.gauss(centre, deviation) + of_scan.gauss(0, BETWEEN_SCANS * deviation)
        x = min(max(expm1(x) if spread.log else x, 0.0), spread.most)
        values[name] = "" if of_scan.random() < SHARE_UNKNOWN else f"{x:.{spread.decimals}f}"
    return values
