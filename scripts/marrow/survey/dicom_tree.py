"""Examinations in a tree of DICOM, each with what ingest would take for every contrast.

The selection is that of ingest itself, on the headers alone. So a row that is complete is one that ingest can read, and
where ingest would stop, the row says so now.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.errors import ScanStopped
from marrow.imaging.ingest.dicom_series import Query, Selection, select
from marrow.imaging.ingest.dicom_tags import Slice, without_false_zeros
from marrow.planning.contrasts import Contrasts
from marrow.survey.examination import Examination, Series
from marrow.survey.headers import DicomFile, Tree

LEAST_SLICES = 4  # an examination with fewer is a localiser or a screen save


@dataclass(frozen=True)
class Study:
    """The files of an examination."""

    files: Sequence[DicomFile]

    @property
    def slices(self) -> list[Slice]:
        """Its slices; copies of a file count once."""
        copies = {file.slices[0].instance_id: file.slices for file in self.files}
        return without_false_zeros([piece for slices in copies.values() for piece in slices])

    @property
    def paths(self) -> list[Path]:
        """Its files, or the archives that hold them."""
        return list(dict.fromkeys(file.path for file in self.files))


def studies(tree: Tree) -> list[Study]:
    """The examinations of a tree, those with a few slices left out."""
    by_study: dict[str, list[DicomFile]] = defaultdict(list)
    for file in tree.files:
        by_study[file.slices[0].study].append(file)
    found = [Study(files) for files in by_study.values()]
    return [study for study in found if sum(len(file.slices) for file in study.files) >= LEAST_SLICES]


def own_folders(all_studies: Sequence[Study]) -> list[Path | None]:
    """For each examination the folder, or the archive, that holds it and no other; None where there is no such."""
    owners: dict[Path, set[int]] = defaultdict(set)
    for number, study in enumerate(all_studies):
        for path in study.paths:
            for place in (path, *path.parents):
                owners[place].add(number)
    return [_own(study, number, owners) for number, study in enumerate(all_studies)]


def _own(study: Study, number: int, owners: Mapping[Path, set[int]]) -> Path | None:
    paths = study.paths
    if len(paths) == 1:
        return paths[0] if owners[paths[0]] == {number} else None
    shared = [place for place in paths[0].parents if all(place in path.parents for path in paths)]
    return shared[0] if owners[shared[0]] == {number} else None


def examination(study: Study, place: str, contrasts: Contrasts) -> Examination:
    """The row of an examination whose files lie in one place."""
    first = study.files[0]
    slices = study.slices
    cells: dict[str, str] = {}
    notes: list[str] = []
    taken: dict[int, list[str]] = defaultdict(list)
    columns = {contrast: column for column, contrast in contrasts.b_columns.items()}
    for name in contrasts.given:
        try:
            selection = select(slices, Query(contrasts[name], shares_folder=True), name)
        except ScanStopped as stopped:
            notes.append(str(stopped))
            cells[f"{name}_series"] = ""  # a column to fill in
            continue
        cells[name] = place
        if selection.b_value is not None and name in columns:
            cells[columns[name]] = f"{selection.b_value:g}"
        notes += [finding.message for finding in selection.findings if finding.severity == "warn"]
        for number in _numbers(selection):
            taken[number].append(name)
    return Examination(
        person=first.person,
        exam=first.slices[0].study,
        is_public=False,
        when=first.when,
        cells=cells,
        notes=tuple(notes),
        series=tuple(_series(study, slices, taken)),
    )


def _numbers(selection: Selection) -> set[int]:
    return {piece.series for station in selection.stations for repeat in station.repeats for piece in repeat}


def _series(study: Study, slices: Sequence[Slice], taken: Mapping[int, Sequence[str]]) -> Iterable[Series]:
    descriptions = {file.slices[0].series: file.description for file in study.files}
    by_number: dict[int, list[Slice]] = defaultdict(list)
    for piece in slices:
        by_number[piece.series].append(piece)
    for number, of_series in sorted(by_number.items()):
        time = min(piece.acquired[8:12] for piece in of_series)
        b_values = sorted({piece.b_value for piece in of_series if piece.b_value is not None})
        shows = sorted({piece.shows for piece in of_series if piece.shows})
        words = [*shows, *([f"b {', '.join(f'{b:g}' for b in b_values)}"] if b_values else [])]
        yield Series(
            number=number,
            description=descriptions.get(number, ""),
            images=len(of_series),
            shows="; ".join(words),
            time=f"{time[:2]}:{time[2:]}" if len(time) == 4 else "",
            taken_for=tuple(taken.get(number, ())),
        )
