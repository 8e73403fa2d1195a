"""The five classical tables of multiple-instance learning: MUSK1, MUSK2, FOX, TIGER, ELEPHANT.

A table comes as `<name>.npz` (X, bag counted from 0, y) or as the three MATLAB files of the MILpy collection (X, Bag2
counted from 1, bagI). MUSK: Dietterich, Lathrop, Lozano-Perez 1997; the animals: Andrews, Tsochantaridis, Hofmann 2003.
The features are given as they are in the files; standardising belongs to the folds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from marrow.datasets.sources.catalogue import MAT_FILES, TABLES, how_to_give
from marrow.datasets.sources.location import locate
from marrow.errors import MarrowError

_KEYS = {"X.mat": "X", "Bag2.mat": "Bag2", "BagI.mat": "bagI"}


@dataclass(frozen=True)
class Table:
    """Instances in bags.

    Attributes:
        features: (instances, features), as stored.
        bag: (instances,), the bag of each instance, from 0.
        positive: (bags,), whether a bag is positive.
    """

    features: NDArray[Any]
    bag: NDArray[np.int64]
    positive: NDArray[np.bool_]


def read_table(name: str, given: Path) -> Table:
    """A classical table from its file or folder, or from a folder that holds it.

    Raises:
        MarrowError: it is not there, cannot be read, or is not the table of this name.
    """
    path = locate(name, given)
    if path is None:
        raise MarrowError(f"{name}: nothing of it where `sources.{name}` points. {how_to_give(name)}")
    table = _from_arrays(path) if path.suffix == ".npz" else _from_matlab(path)
    _check(table, name, path.name)
    return table


def _from_arrays(path: Path) -> Table:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            features, bag, positive = (stored[key] for key in ("X", "bag", "y"))
    except Exception as error:  # the parsers raise whatever damage leads them to
        raise _unreadable(path.name, error) from None
    return _table(features, bag, positive, 0, path.name)


def _from_matlab(folder: Path) -> Table:
    features, bag, positive = (_matlab(folder / name, _KEYS[name]) for name in MAT_FILES)
    return _table(features, bag.ravel(), positive.ravel(), 1, folder.name)


def _matlab(path: Path, key: str) -> NDArray[Any]:
    try:
        return np.asarray(scipy.io.loadmat(path)[key])
    except Exception as error:  # the parsers raise whatever damage leads them to
        raise _unreadable(f"{path.parent.name}/{path.name}", error) from None


def _unreadable(what: str, error: Exception) -> MarrowError:
    return MarrowError(f"{what}: it cannot be read ({type(error).__name__}: {error}); get it again (docs/sources.md).")


def _table(features: NDArray[Any], bag: NDArray[Any], positive: NDArray[Any], first: int, what: str) -> Table:
    """Check that the parts are what a table is made of, with the number of the first bag as it is stored."""
    if any(part.dtype.kind not in "iuf" for part in (features, bag, positive)):
        raise MarrowError(f"{what}: it holds other things than numbers; get it again.")
    if features.ndim != 2 or not np.isfinite(features).all():
        raise MarrowError(f"{what}: X is not a table of finite numbers, a row for each instance; get it again.")
    if bag.shape != features.shape[:1]:
        raise MarrowError(f"{what}: {len(features)} instances but {bag.size} bag numbers; take all from one place.")
    if not np.array_equal(np.unique(bag), np.arange(first, first + positive.size)):
        raise MarrowError(
            f"{what}: there are {positive.size} labels, so bags are {first} to {first + positive.size - 1} and none is "
            f"empty; the bag numbers are others. Take all from one place."
        )
    if not np.isin(positive, (0, 1)).all():
        raise MarrowError(f"{what}: the labels of bags are {np.unique(positive).tolist()}; 0 and 1 are expected.")
    return Table(features, bag.astype(np.int64) - first, positive.astype(bool))


def _check(table: Table, name: str, what: str) -> None:
    bags, (instances, features) = len(table.positive), table.features.shape
    known = TABLES[name]
    if (bags, instances, features) != (known.bags, known.instances, known.features):
        raise MarrowError(
            f"{what}: {bags} bags, {instances} instances and {features} features; {name} has {known.bags}, "
            f"{known.instances} and {known.features}. This is another table: check `sources.{name}`."
        )
