"""Finds damaged bags of a manifest, before any training starts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from marrow.bags.digest import bag_digest
from marrow.bags.file import open_bags, read_bag
from marrow.bags.header import REMEDY, Header
from marrow.bags.manifest import Entry, Manifest
from marrow.errors import MarrowError


def find_damage(manifest: Manifest, digests: bool = True) -> list[str]:
    """A message for each bag that is missing, truncated, of another version or layout, or differs from the manifest.

    Without `digests` only the files' headers are read, otherwise every bag.
    """
    files: dict[str, list[Entry]] = defaultdict(list)
    for entry in manifest.entries:
        files[entry.path].append(entry)
    return [
        problem
        for entries in files.values()
        for problem in _file_damage(manifest.file_of(entries[0]), entries, manifest, digests)
    ]


def misfit(file: pq.ParquetFile, header: Header, entry: Entry, manifest: Manifest, digests: bool) -> str:
    """How the bag in a file differs from its row of the manifest; empty if it does not."""
    stored = header.bags[entry.row_group] if entry.row_group < len(header.bags) else None
    if stored is None or stored.bag != entry.bag:
        return f"row group {entry.row_group} holds {stored.bag if stored else 'no bag'}"
    if stored.instances != entry.instances:
        return f"it has {stored.instances} instances, and the manifest says {entry.instances}"
    if header.layout != manifest.layout:
        return f"its layout is {header.layout}, and the manifest's {manifest.layout}"
    digest = bag_digest(read_bag(file, header, entry.row_group), header.layout) if digests else entry.digest
    if digest != entry.digest:
        return f"its content has the digest {digest[:12]}..., and the manifest says {entry.digest[:12]}..."
    return ""


def _file_damage(path: Path, entries: Sequence[Entry], manifest: Manifest, digests: bool) -> Iterator[str]:
    checked: set[str] = set()
    try:
        with open_bags(path) as (file, header):
            for entry in entries:
                if problem := misfit(file, header, entry, manifest, digests):
                    yield f"bag {entry.bag} ({path.name}): {problem}; {REMEDY}"
                checked.add(entry.bag)
    except MarrowError as error:
        yield from (f"bag {entry.bag}: {error}" for entry in entries if entry.bag not in checked)
