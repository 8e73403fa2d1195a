"""A method of learning, complete for a data set. Names and numbers alone; the parts are built where a job runs."""

from dataclasses import dataclass
from typing import Any

Settings = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """A method of learning.

    Attributes:
        title: what tables call it.
        encoder: what embeds an instance; its kind is never auto.
        pooling: what makes one verdict of a bag's instances.
        auxiliary: names of the auxiliary tasks, in the order of the data set.
        heads: auxiliary task -> its head, for those that do not have the automatic one.
        weighting: how much these count.
        training: how it is trained.
        has_attention: whether its pooling weighs instances.
        alone: why each of its runs trains in a process of its own, in words; None where several seeds can share one.
    """

    title: str
    encoder: Settings
    pooling: Settings
    auxiliary: tuple[str, ...]
    heads: dict[str, Settings]
    weighting: Settings
    training: Settings
    has_attention: bool
    alone: str | None

    @property
    def settings(self) -> Settings:
        """All that a run depends on, in plain types; the title is not."""
        return {
            "encoder": self.encoder,
            "pooling": self.pooling,
            "auxiliary": list(self.auxiliary),
            "heads": self.heads,
            "weighting": self.weighting,
            "training": self.training,
        }
