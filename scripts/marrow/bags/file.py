"""Bag files: Parquet, one row group per bag, one row per instance.

A patch is a fixed-size binary value (C order, little endian), which reads several times faster than a list of numbers.
Patches are stored without compression (noise does not compress), dictionary and statistics. All patches of a bag are
one page, so that `patch_column` can read them with one system call. The same bags give the same bytes.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.bag import Array, Bag, Layout
from marrow.bags.check import RESERVED, check_bag, check_layout
from marrow.bags.header import KEY, REMEDY, BagHeader, Header
from marrow.errors import MarrowError

PLACE = ("i", "j", "k")
ONE_PAGE = 1 << 30


def write_bags(bags: Iterable[Bag], layout: Layout, path: Path) -> None:
    """Write bags of one layout to a file; only one bag is in memory at a time.

    Raises:
        MarrowError: there are no bags, or one does not fit the layout or has other columns than the first.
    """
    check_layout(layout)
    headers: dict[str, BagHeader] = {}
    writer: Any = None
    schema: Any = None
    try:
        for bag in bags:
            check_bag(bag, layout)
            if bag.bag in headers:
                raise MarrowError(f"{path.name}: two bags are called {bag.bag}; give every bag its own id")
            table = _table(bag, layout)
            if writer is None:
                schema = table.schema
                writer = _writer(path, schema)
            elif schema != table.schema:
                raise MarrowError(
                    f"{path.name}: bag {bag.bag} has the columns {_columns(table.schema)}, the first one "
                    f"{_columns(schema)}; describe all bags by the same columns"
                )
            writer.write_table(table, row_group_size=len(bag))
            headers[bag.bag] = BagHeader.of(bag)
        if writer is None:
            raise MarrowError(f"{path.name}: there are no bags to write; ask for at least one")
        writer.add_key_value_metadata({KEY: Header(layout, tuple(headers.values())).encode()})
    finally:
        if writer is not None:
            writer.close()


def read_header(path: Path) -> Header:
    """The layout and the bags of a file without their arrays.

    Raises:
        MarrowError: the file is missing, truncated, not a bag file, or of another version.
    """
    with open_bags(path) as (_, header):
        return header


def read_bags(path: Path) -> tuple[Layout, list[Bag]]:
    """The layout and all bags of a file; the arrays are read-only.

    Raises:
        MarrowError: as for `read_header`.
    """
    with open_bags(path) as (file, header):
        return header.layout, [read_bag(file, header, group) for group in range(len(header.bags))]


@contextmanager
def open_bags(path: Path) -> Generator[tuple[pq.ParquetFile, Header]]:
    """Open a bag file and read its header; errors while it is open name the file."""
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            header = Header.decode(file.metadata.metadata, path.name)
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            if rows != [bag.instances for bag in header.bags]:
                raise MarrowError(f"{path.name}: its row groups are not the bags of its header; make the file anew")
            yield file, header
    except FileNotFoundError:
        raise MarrowError(f"{path.name}: the file is missing; {REMEDY}") from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise MarrowError(f"{path.name}: not a Parquet file of bags, or cut off ({error}); {REMEDY}") from error


def read_bag(file: pq.ParquetFile, header: Header, group: int) -> Bag:
    """The bag of a row group."""
    table = file.read_row_group(group)
    columns = {name: table[name].to_numpy() for name in table.column_names if name != "patch"}
    tasks = [task.name for task in header.layout.tasks]
    place = [columns[axis] for axis in PLACE if axis in columns]
    about = header.bags[group]
    return Bag(
        bag=about.bag,
        patches=patches_of(table["patch"], header.layout),
        patient=about.patient,
        split=about.split,
        label=about.label,
        affine=about.affine,
        corners=np.stack(place, axis=1) if place else None,
        auxiliary={name: columns[name] for name in tasks},
        described={name: values for name, values in columns.items() if name not in {*RESERVED, *tasks}},
        instance_label=columns.get("instance_label"),
        attributes=about.attributes,
    )


def patches_of(column: pa.ChunkedArray, layout: Layout) -> Array:
    """A column of patches as an array (instances, *layout.shape); a view if the column is one chunk."""
    width = column.type.byte_width
    if width != layout.patch_bytes:
        raise ValueError(f"patches of {width} bytes, and the header says {layout.patch_bytes}")
    chunks = [
        np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * width, chunk.offset * width) for chunk in column.chunks
    ]
    data = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    return data.view(layout.stored).reshape(-1, *layout.shape)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path, schema, compression="none", use_dictionary=False, write_statistics=False, data_page_size=ONE_PAGE
    )


def _table(bag: Bag, layout: Layout) -> pa.Table:
    patches = np.ascontiguousarray(bag.patches, dtype=layout.stored).reshape(-1)
    columns: dict[str, Any] = {"instance": np.arange(len(bag), dtype=np.int32)}
    if bag.corners is not None:
        columns |= {axis: bag.corners[:, number].astype(np.int16) for number, axis in enumerate(PLACE)}
    columns["patch"] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(layout.patch_bytes), len(bag), [None, pa.py_buffer(patches)]
    )
    columns |= {task.name: bag.auxiliary[task.name] for task in layout.tasks}
    columns |= {name: bag.described[name].astype(np.float32) for name in sorted(bag.described)}
    if bag.instance_label is not None:
        columns["instance_label"] = bag.instance_label
    arrays = {name: pa.array(values) for name, values in columns.items()}
    schema = pa.schema([pa.field(name, array.type, nullable=False) for name, array in arrays.items()])
    return pa.Table.from_arrays(list(arrays.values()), schema=schema)


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{column.name} ({column.type})" for column in schema)
