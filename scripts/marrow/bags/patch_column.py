"""Reads the patches of a bag file directly into a given array.

Arrow would decode the column into memory of its own, and a second copy would follow. If the patches of a bag are one
plain page, as `marrow.bags.file` writes them, they are the last bytes of their column chunk and can be read into the
array. Files that another program rewrote (several pages, compression, dictionary) are read through Arrow.
"""

import os
from typing import Any, BinaryIO

import numpy as np
import pyarrow.parquet as pq

from marrow.bags.bag import Array, Layout
from marrow.bags.file import patches_of

# In Thrift's compact encoding the header of one page takes at most 29 bytes, the headers of two at least 34.
ONE_PAGE_HEADER = 29
BLOCK = 1 << 20


def read_patches(file: pq.ParquetFile, stream: BinaryIO, group: int, layout: Layout, into: Array) -> None:
    """Read the patches of a row group.

    `stream` is the same file as `file`, open for reading without a buffer; `into` (instances, *layout.shape) is
    contiguous and of the layout's dtype or one that holds it.
    """
    start = _plain_start(file.metadata, group, layout)
    if start is None:
        column = file.read_row_group(group, columns=["patch"], use_threads=False)["patch"]
        np.copyto(into, patches_of(column, layout))
    elif into.dtype == layout.stored:
        _read(stream, start, into.reshape(-1).view(np.uint8))
    else:
        _read_converted(stream, start, layout.stored, into.reshape(-1))


def _plain_start(metadata: pq.FileMetaData, group: int, layout: Layout) -> int | None:
    """Offset of the patches in the file; None if they are not one plain page."""
    rows = metadata.row_group(group)
    names = metadata.schema.to_arrow_schema().names
    position = names.index("patch")
    chunk, leaf = rows.column(position), metadata.schema.column(position)
    plain = (
        chunk.compression == "UNCOMPRESSED"
        and not chunk.has_dictionary_page
        and leaf.length == layout.patch_bytes
        and len(names) == rows.num_columns
    )
    header = chunk.total_compressed_size - rows.num_rows * layout.patch_bytes
    return chunk.data_page_offset + header if plain and 0 < header <= ONE_PAGE_HEADER else None


def _read_converted(stream: BinaryIO, start: int, stored: np.dtype[Any], into: Array) -> None:
    """Read and convert the dtype in blocks that fit the CPU cache."""
    block = np.empty(BLOCK // stored.itemsize, stored)
    for first in range(0, len(into), len(block)):
        part = into[first : first + len(block)]
        _read(stream, start + first * stored.itemsize, block[: len(part)].view(np.uint8))
        np.copyto(part, block[: len(part)])


def _read(stream: BinaryIO, start: int, into: Array) -> None:
    done = 0
    while done < len(into):
        count = os.preadv(stream.fileno(), [into.data[done:]], start + done)
        if count == 0:
            raise ValueError(f"the file ends {len(into) - done} bytes before its patches do")
        done += count
