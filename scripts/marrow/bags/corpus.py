"""Reads the bags of a data set into one array, concatenated."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.bag import Array
from marrow.bags.damage import misfit
from marrow.bags.file import open_bags
from marrow.bags.header import REMEDY
from marrow.bags.manifest import Entry, Manifest
from marrow.bags.patch_column import read_patches
from marrow.errors import MarrowError

NOT_COLUMNS = {"instance", "patch"}
OPTIONAL = {"instance_label"}


@dataclass(frozen=True)
class Corpus:
    """Concatenated bags.

    Attributes:
        patches: (instances of all bags, *layout.shape).
        offsets: (bags + 1,), the first instance of each bag, and the number of all instances at the end.
        columns: name -> (instances of all bags,), every column but the patches. Instance labels, which some bags may
            lack, are float32 with NaN where they are unknown.
    """

    patches: Array
    offsets: npt.NDArray[np.int64]
    columns: Mapping[str, Array]

    def bag(self, position: int) -> slice:
        """The instances of a bag."""
        return slice(int(self.offsets[position]), int(self.offsets[position + 1]))


def read_corpus(
    manifest: Manifest,
    entries: Sequence[Entry] | None = None,
    *,
    dtype: str | None = None,
    threads: int = 1,
    verify: bool = False,
    into: Array | None = None,
) -> Corpus:
    """Read bags into one array that is allocated once.

    Args:
        manifest: of the data set.
        entries: the manifest's rows of the bags to read, in the order of the result; all by default.
        dtype: of the patches in memory, one that holds the stored values exactly; the stored one by default.
        threads: how many files are read at the same time.
        verify: whether to compare digests, which takes several times as long.
        into: (instances of all bags, *layout.shape), contiguous; filled with the patches instead of a new array.

    Raises:
        MarrowError: a bag is missing or damaged, or differs from its row of the manifest; `into` or `dtype` does not
            fit.
    """
    chosen = manifest.entries if entries is None else entries
    offsets = np.cumsum([0, *(entry.instances for entry in chosen)], dtype=np.int64)
    patches = _allocated(manifest, int(offsets[-1]), dtype, into)
    corpus = Corpus(patches, offsets, _empty_columns(manifest, chosen, int(offsets[-1])))
    files: dict[str, list[int]] = defaultdict(list)
    for position, entry in enumerate(chosen):
        files[entry.path].append(position)

    def read(positions: list[int]) -> None:
        _read_file(manifest, chosen, positions, corpus, verify)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, files.values()))
    return corpus


def _read_file(
    manifest: Manifest, entries: Sequence[Entry], positions: Sequence[int], corpus: Corpus, verify: bool
) -> None:
    """Read the bags of one file."""
    path = manifest.file_of(entries[positions[0]])
    entry = entries[positions[0]]
    try:
        with open_bags(path) as (file, header), path.open("rb", buffering=0) as stream:
            for position in positions:
                entry, rows = entries[position], corpus.bag(position)
                if problem := misfit(file, header, entry, manifest, verify):
                    raise MarrowError(f"{path.name}: {problem}; {REMEDY}")
                read_patches(file, stream, entry.row_group, manifest.layout, corpus.patches[rows])
                _read_columns(file, entry.row_group, corpus.columns, rows)
    except MarrowError as error:
        raise MarrowError(f"bag {entry.bag}: {error}") from error


def _read_columns(file: pq.ParquetFile, group: int, columns: Mapping[str, Array], rows: slice) -> None:
    present, expected = set(file.schema_arrow.names) - NOT_COLUMNS, set(columns)
    if present | OPTIONAL != expected | OPTIONAL:
        raise MarrowError(f"its columns are {sorted(present)}, those of the first bag {sorted(expected)}; make it anew")
    table = file.read_row_group(group, columns=sorted(present & expected), use_threads=False)
    for name in table.column_names:
        columns[name][rows] = table[name].to_numpy()


def _allocated(manifest: Manifest, instances: int, dtype: str | None, into: Array | None) -> Array:
    stored = np.dtype(manifest.layout.dtype)
    shape = (instances, *manifest.layout.shape)
    expected: np.dtype[Any] = np.dtype(dtype or stored) if into is None else into.dtype
    if not np.can_cast(stored, expected, "safe"):
        raise MarrowError(
            f"{manifest.dataset}: patches are stored as {stored}, which {expected} cannot hold; ask for one that can"
        )
    if into is None:
        return np.empty(shape, expected)
    if into.shape != shape or not into.flags.c_contiguous:
        raise MarrowError(f"{manifest.dataset}: the array has the shape {into.shape}; give a contiguous one of {shape}")
    return into


def _empty_columns(manifest: Manifest, entries: Sequence[Entry], instances: int) -> dict[str, Array]:
    """Empty arrays for the columns besides the patches; the file of the first bag says which there are."""
    if not entries:
        return {}
    try:
        with open_bags(manifest.file_of(entries[0])) as (file, _):
            schema: pa.Schema = file.schema_arrow
    except MarrowError as error:
        raise MarrowError(f"bag {entries[0].bag}: {error}") from error
    expected = [column for column in schema if column.name not in NOT_COLUMNS | OPTIONAL]
    columns: dict[str, Array] = {column.name: np.empty(instances, column.type.to_pandas_dtype()) for column in expected}
    if manifest.layout.instance_label:
        columns["instance_label"] = np.full(instances, np.nan, np.float32)
    return columns
