"""Reads the headers of many DICOM files in several processes: whose examination each is, and what it shows."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from marrow.errors import ScanStopped
from marrow.imaging.ingest.dicom_tags import PERSON, Slice, read_file_and_texts, silent_pydicom
from marrow.imaging.ingest.source import COMPANIONS
from marrow.imaging.ingest.unpack import is_packed, unpacked

CHUNK = 500  # files of a task


@dataclass(frozen=True)
class DicomFile:
    """A file of a tree, with the slices in it.

    Attributes:
        path: its own, or that of the archive that holds it.
        slices: at least one.
        person: the patient's number, else the name.
        name: the patient's name.
        when: day and time of the examination.
        description: of the series.
    """

    path: Path
    slices: tuple[Slice, ...]
    person: str
    name: str
    when: str
    description: str


@dataclass(frozen=True)
class Tree:
    """What was read of a tree: its DICOM images, and how many files were damaged or no images."""

    files: list[DicomFile]
    damaged: int
    others: int


def read_tree(paths: Sequence[Path]) -> Tree:
    """Read the headers of all files, with as many processes as there are processors."""
    images = [path for path in paths if not path.name.lower().endswith(COMPANIONS)]
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    workers = min(len(chunks), os.cpu_count() or 1)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            trees = list(pool.map(_read, chunks))
    else:
        trees = [_read(chunk) for chunk in chunks]
    return Tree(
        files=list(chain.from_iterable(tree.files for tree in trees)),
        damaged=sum(tree.damaged for tree in trees),
        others=sum(tree.others for tree in trees) + len(paths) - len(images),
    )


def _read(paths: Sequence[Path]) -> Tree:
    files: list[DicomFile] = []
    damaged = others = 0
    with silent_pydicom():
        for path in paths:
            try:
                parts = list(_parts(path))
            except ScanStopped:
                damaged += 1
                continue
            files += parts
            others += not parts
    return Tree(files, damaged, others)


def _parts(path: Path) -> Iterator[DicomFile]:
    """The images in a file, or in an archive."""
    if not is_packed(path):
        yield from _of_file(path, path)
        return
    with TemporaryDirectory(prefix="marrow-sheet-") as scratch:
        for part in unpacked([path], Path(scratch), "archive"):
            yield from _of_file(part, path)


def _of_file(file: Path, path: Path) -> Iterator[DicomFile]:
    slices, texts = read_file_and_texts(file, "file", PERSON)
    if slices:
        yield DicomFile(
            path=path,
            slices=tuple(slices),
            person=texts["PatientID"] or texts["PatientName"],
            name=texts["PatientName"],
            when=texts["StudyDate"] + texts["StudyTime"],
            description=texts["SeriesDescription"],
        )
