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
        weighting: how much these count.
        training: how it is trained.
    """

    title: str
    encoder: Settings
    pooling: Settings
    auxiliary: tuple[str, ...]
    weighting: Settings
    training: Settings

    @property
    def settings(self) -> Settings:
        """All that a run depends on, in plain types; the title is not."""
        return {
            "encoder": self.encoder,
            "pooling": self.pooling,
            "auxiliary": list(self.auxiliary),
            "weighting": self.weighting,
            "training": self.training,
        }
