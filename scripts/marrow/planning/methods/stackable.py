"""Which methods can train with several seeds at once, and why others cannot; read at parse time.

`marrow.learning.many_seeds.stepper` does it. What it cannot do is trained one run a process, as ever.
"""

from collections.abc import Mapping
from typing import Any


def why_alone(settings: Mapping[str, Any]) -> str | None:
    """Why runs of a method train one by one, in words; None where several can train at once.

    Args:
        settings: encoder, pooling, weighting and training of the method, complete.
    """
    encoder, training = settings["encoder"], settings["training"]
    reasons = {
        "its encoder keeps a GPU busy by itself": encoder["kind"] == "resnet",
        "dropout would leave out other units than in a run by itself": encoder.get("dropout", 0) > 0,
        "loss-attention looks at instances one by one and remembers them": settings["pooling"]["kind"]
        == "loss-attention",
        "upgrad is solved outside of PyTorch": settings["weighting"]["kind"] == "upgrad",
        "training.compile makes chunks of one size": training["compile"],
        "training.deterministic promises the bits of a run by itself": training["deterministic"],
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
