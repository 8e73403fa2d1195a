"""A file of generated bags, of whatever kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from marrow.bags.bag import Bag, Layout
from marrow.bags.file import write_bags


class Kind(Protocol):
    """What the module of a kind of bag set offers."""

    def layout(self, settings: Mapping[str, Any]) -> Layout:
        """What its bags share."""
        ...

    def classes(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The classes of its bags."""
        ...

    def make_bags(
        self, settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
    ) -> Iterator[Bag]:
        """Bags by their numbers; each depends on the settings, its split and its number alone."""
        ...


def write_block(
    kind: Kind,
    sources: Mapping[str, Path],
    path: Path,
    settings: Mapping[str, Any],
    split: str,
    first: int,
    count: int,
) -> None:
    """Write the bags number `first` to `first + count - 1` of a split."""
    layout = replace(kind.layout(settings), classes=kind.classes(settings))
    write_bags(kind.make_bags(settings, sources, split, first, count), layout, path)


def folder_of(files: Sequence[Path]) -> Path:
    """Where a source lies: the one file or folder that was given, or the folder of the files that were downloaded."""
    return files[0] if len(files) == 1 else files[0].parent
