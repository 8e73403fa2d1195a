"""Locates a source in the folder or file that the configuration names.

Imported at parse time: the standard library alone.
"""

from collections.abc import Callable
from pathlib import Path

from marrow.datasets.sources.catalogue import CIFAR_ARCHIVE, CIFAR_BATCHES, MAT_FILES, SOURCES, TABLES

PARTS = ("train", "test")


def locate(source: str, given: Path) -> Path | None:
    """The file or folder that holds a source whole; None where nothing of the kind lies there.

    `given` is a file, the folder of the source, or a folder that holds several sources.
    """
    return _FINDERS[source](given, source)


def _mnist(given: Path, _: str) -> Path | None:
    names = [file.name.removesuffix(".gz") for file in SOURCES["mnist"].files]
    whole = all((given / name).is_file() or (given / f"{name}.gz").is_file() for name in names)
    return given if whole else None


def _table(given: Path, name: str) -> Path | None:
    if given.is_file():
        return given if given.suffix == ".npz" else None
    if (given / f"{name}.npz").is_file():
        return given / f"{name}.npz"
    folders = (given / name, given)
    return next((folder for folder in folders if all((folder / file).is_file() for file in MAT_FILES)), None)


def _cifar(given: Path, _: str) -> Path | None:
    if given.is_file():
        return given if given.name == CIFAR_ARCHIVE or given.suffix == ".zip" else None
    for folder in (given, given / "cifar-10-batches-bin"):
        if all((folder / name).is_file() for name in CIFAR_BATCHES):
            return folder
    if (given / CIFAR_ARCHIVE).is_file():
        return given / CIFAR_ARCHIVE
    images = all((given / part).is_dir() for part in PARTS)
    return given if images or any(given.glob("*.zip")) else None


_FINDERS: dict[str, Callable[[Path, str], Path | None]] = {
    "mnist": _mnist,
    **dict.fromkeys(TABLES, _table),
    "cifar10": _cifar,
}
