"""The parts that a body is painted from: layers of soft tissue and solids of bone."""

from dataclasses import dataclass

from marrow.phantom.shapes import Shape


@dataclass(frozen=True)
class Layer:
    """A tissue that fills a shape and covers what was painted there before, or, with a share below 1, mixes with it."""

    tissue: str
    shape: Shape
    share: float = 1.0


@dataclass(frozen=True)
class BonePart:
    """A solid of one bone: `cortex` is the thickness of its dark shell in mm, `red` the share of red marrow, 0 to 1.

    A bone whose name is not in the bone table gets no label.
    """

    bone: str
    shape: Shape
    cortex: float
    red: float
