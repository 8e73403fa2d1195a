"""Pseudonyms of patients and their examinations, kept in a key file so that the next run gives the same ones.

The key file is the only one that names patients. It can be read by its owner alone, and may not lie in `results/`.
"""

import csv
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from marrow.errors import MarrowError
from marrow.survey.examination import Examination
from marrow.workflow.paths import RESULTS

COLUMNS = ("person", "examination", "patient", "scan")
PREFIX = "P"


@dataclass
class Pseudonyms:
    """Person and examination, as files call them -> patient and scan, as the sheet does."""

    scans: dict[tuple[str, str], tuple[str, str]] = field(default_factory=lambda: {})

    def add(self, examinations: Iterable[Examination]) -> None:
        """Give pseudonyms to examinations that have none; the order of new patients says nothing of them."""
        new = [exam for exam in examinations if (exam.person, exam.exam) not in self.scans]
        for exam in sorted(new, key=lambda exam: (_shuffled(exam.person), exam.when, exam.exam)):
            patient = self._patient(exam)
            number = 1 + sum(other == patient for other, _ in self.scans.values())
            scan = exam.exam if exam.is_public else f"{patient}-{number}"
            self.scans[exam.person, exam.exam] = (patient, scan)

    def of(self, exam: Examination) -> tuple[str, str]:
        """The patient and the scan of an examination."""
        return self.scans[exam.person, exam.exam]

    def _patient(self, exam: Examination) -> str:
        known = {person: patient for (person, _), (patient, _) in self.scans.items()}
        if exam.is_public:
            return exam.person
        return known.get(exam.person) or f"{PREFIX}{1 + len(set(known.values())):03d}"


def _shuffled(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()


def read_pseudonyms(path: Path) -> Pseudonyms:
    """The pseudonyms in a key file; none where there is no such file yet.

    Raises:
        MarrowError: the place is not safe, or the file is no key file.
    """
    if path.resolve().is_relative_to(RESULTS.resolve()):
        raise MarrowError(f"{path} lies in results/, which is passed on; keep the key file elsewhere (--key)")
    if not path.exists():
        return Pseudonyms()
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise MarrowError(f"{path} is no key file: its columns must be {', '.join(COLUMNS)}; name another (--key)")
        return Pseudonyms({(row["person"], row["examination"]): (row["patient"], row["scan"]) for row in reader})


def write_private(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a table that its owner alone can read."""
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    partial.chmod(0o600)
    partial.replace(path)


def write_pseudonyms(pseudonyms: Pseudonyms, path: Path) -> None:
    """Write the key file."""
    write_private(path, COLUMNS, ([*private, *public] for private, public in pseudonyms.scans.items()))
