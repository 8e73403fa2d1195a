"""The groups that splits are balanced by: classes of disease and, within them, strata of label and site."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.planning.sheet import Scan

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """A patient within a class.

    Attributes:
        scans: number of its scans in the class.
        stratum: its most frequent label and site in the class; the site is empty unless sites are balanced.
    """

    patient: str
    scans: int
    stratum: tuple[str, str]


def class_of(label: str, settings: Settings) -> str:
    """The class that lists a label; a label without a class is a class of its own."""
    return next((name for name, labels in settings["classes"].items() if label in labels), label)


def by_class(scans: Iterable[Scan], settings: Settings) -> dict[str, list[Member]]:
    """The patients with scans of each class, the class with the fewest scans first; patients in a hashed order.

    A patient with scans of several classes is in each of them.
    """
    rows = list(scans)
    name_of = {label: class_of(label, settings) for label in {scan.label for scan in rows}}
    scans_of: dict[str, dict[str, list[Scan]]] = {name: defaultdict(list) for name in name_of.values()}
    for scan in rows:
        scans_of[name_of[scan.label]][scan.patient].append(scan)
    balanced = settings["sites"]["use"] == "balance"
    members = {
        name: [Member(patient, len(own), _stratum(own, balanced)) for patient, own in patients.items()]
        for name, patients in scans_of.items()
    }
    ordered = sorted(members, key=lambda name: (scan_count(members[name]), name))
    return {name: hash_ordered(members[name], settings["seed"]) for name in ordered}


def scan_count(members: Iterable[Member]) -> int:
    """The number of scans of patients in a class."""
    return sum(member.scans for member in members)


def hash_ordered(members: Iterable[Member], seed: int) -> list[Member]:
    """Patients ordered by a hash, so that the order of rows has no effect."""
    return sorted(members, key=lambda member: hashlib.sha256(f"{seed}/{member.patient}".encode()).digest())


def rounded(number: float) -> int:
    """The nearest whole number, halves upwards."""
    return int(number + 0.5)


def _stratum(own: Sequence[Scan], balanced: bool) -> tuple[str, str]:
    """The most frequent label and, if sites are balanced, site of a patient's scans."""
    strata = [(scan.label, scan.site if balanced else "") for scan in own]
    return min(set(strata), key=lambda stratum: (-strata.count(stratum), stratum))
