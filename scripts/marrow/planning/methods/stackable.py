"""Which methods can train several seeds in one process, and why others cannot; used while Snakemake parses.

`marrow.learning.many_seeds.stepper` does it. The runs of all other methods train in a process each.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from marrow.planning.methods.sections import Declaration


def why_alone(declared: Iterable[Declaration], encoder: Mapping[str, Any], training: Mapping[str, Any]) -> str | None:
    """Why each run of a method trains in a process of its own, in words; None where several can share one.

    Args:
        declared: the declarations of its encoder, pooling and weighting.
        encoder: settings, complete.
        training: settings, complete.
    """
    reasons = {
        "dropout would leave out other units than in a run by itself": encoder.get("dropout", 0) > 0,
        "training.compile makes chunks of one size": training["compile"],
        "training.deterministic promises the bits of a run by itself": training["deterministic"],
    }
    general = [reason for reason, holds in reasons.items() if holds]
    return next((each["alone"] for each in declared if "alone" in each), next(iter(general), None))
