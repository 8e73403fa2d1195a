"""All bags of a training in memory, one after another in one array."""

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
    """Bags in memory.

    Attributes:
        patches: (instances of all bags, *layout.shape).
        offsets: (bags + 1,), where each bag starts and the last one ends.
        columns: name -> (instances of all bags,): places, auxiliary labels, and what else bags have; of instance
            labels, which some bags may lack, as float32 with NaN where they are unknown.
    """

    patches: Array
    offsets: npt.NDArray[np.int64]
    columns: Mapping[str, Array]

    def bag(self, position: int) -> slice:
        """Which instances are those of a bag."""
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
        manifest: whose bags they are.
        entries: which ones, in the order wanted; all of the manifest by default.
        dtype: of the patches in memory, one that holds the stored one exactly; the stored one by default.
        threads: how many read at a time.
        verify: whether to compare digests, which takes several times as long.
        into: (instances of all bags, *layout.shape), contiguous, where the patches go instead of a new array.

    Raises:
        MarrowError: a bag is missing, damaged or not what the manifest says; the array or dtype cannot hold them.
    """
    chosen = manifest.entries if entries is None else entries
    offsets = np.cumsum([0, *(entry.instances for entry in chosen)], dtype=np.int64)
    patches = _room(manifest, int(offsets[-1]), dtype, into)
    corpus = Corpus(patches, offsets, _columns(manifest, chosen, int(offsets[-1])))
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
                entry, place = entries[position], corpus.bag(position)
                if problem := misfit(file, header, entry, manifest, verify):
                    raise MarrowError(f"{path.name}: {problem}; {REMEDY}")
                read_patches(file, stream, entry.row_group, manifest.layout, corpus.patches[place])
                _read_columns(file, entry.row_group, corpus.columns, place)
    except MarrowError as error:
        raise MarrowError(f"bag {entry.bag}: {error}") from error


def _read_columns(file: pq.ParquetFile, group: int, columns: Mapping[str, Array], place: slice) -> None:
    present, wanted = set(file.schema_arrow.names) - NOT_COLUMNS, set(columns)
    if present | OPTIONAL != wanted | OPTIONAL:
        raise MarrowError(f"its columns are {sorted(present)}, those of the first bag {sorted(wanted)}; make it anew")
    table = file.read_row_group(group, columns=sorted(present & wanted), use_threads=False)
    for name in table.column_names:
        columns[name][place] = table[name].to_numpy()


def _room(manifest: Manifest, instances: int, dtype: str | None, into: Array | None) -> Array:
    stored = np.dtype(manifest.layout.dtype)
    shape = (instances, *manifest.layout.shape)
    wanted: np.dtype[Any] = np.dtype(dtype or stored) if into is None else into.dtype
    if not np.can_cast(stored, wanted, "safe"):
        raise MarrowError(
            f"{manifest.dataset}: patches are stored as {stored}, which {wanted} cannot hold; ask for one that can"
        )
    if into is None:
        return np.empty(shape, wanted)
    if into.shape != shape or not into.flags.c_contiguous:
        raise MarrowError(f"{manifest.dataset}: the array has the shape {into.shape}; give a contiguous one of {shape}")
    return into


def _columns(manifest: Manifest, entries: Sequence[Entry], instances: int) -> dict[str, Array]:
    """Room for the further columns, which the first bag's file names."""
    if not entries:
        return {}
    try:
        with open_bags(manifest.file_of(entries[0])) as (file, _):
            schema: pa.Schema = file.schema_arrow
    except MarrowError as error:
        raise MarrowError(f"bag {entries[0].bag}: {error}") from error
    wanted = [column for column in schema if column.name not in NOT_COLUMNS | OPTIONAL]
    columns: dict[str, Array] = {column.name: np.empty(instances, column.type.to_pandas_dtype()) for column in wanted}
    if manifest.layout.instance_label:
        columns["instance_label"] = np.full(instances, np.nan, np.float32)
    return columns
