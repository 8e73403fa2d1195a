"""Neighbours grouped so that each group fits into memory."""

from collections.abc import Iterator, Sequence


def grouped(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Positions of neighbouring bags of at most so many instances together; a larger bag is a group of its own."""
    group: list[int] = []
    held = 0
    for position, length in enumerate(lengths):
        if group and held + length > most:
            yield group
            group, held = [], 0
        group.append(position)
        held += length
    if group:
        yield group
