"""The groups that a split is to be fair to: classes of disease and, within them, strata of label and site."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.planning.sheet import Scan

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """A patient as one class sees it.

    Attributes:
        patient: its id.
        scans: how many of its scans are of the class.
        stratum: label and site that it stands for within the class; the site is empty unless sites are balanced.
    """

    patient: str
    scans: int
    stratum: tuple[str, str]


def class_of(label: str, settings: Settings) -> str:
    """The class that a label belongs to; a label that no class lists is a class of its own."""
    return next((name for name, labels in settings["classes"].items() if label in labels), label)


def by_class(scans: Iterable[Scan], settings: Settings) -> dict[str, list[Member]]:
    """The patients with scans of each class, the class with the fewest scans first, patients in the order of service.

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
    return {name: in_order(members[name], settings["seed"]) for name in ordered}


def scan_count(members: Iterable[Member]) -> int:
    """How many scans of the class its patients have."""
    return sum(member.scans for member in members)


def in_order(members: Iterable[Member], seed: int) -> list[Member]:
    """Patients in the order in which they are served: that of a hash, so the order of rows says nothing."""
    return sorted(members, key=lambda member: hashlib.sha256(f"{seed}/{member.patient}".encode()).digest())


def rounded(number: float) -> int:
    """The nearest whole number, halves upwards."""
    return int(number + 0.5)


def _stratum(own: Sequence[Scan], balanced: bool) -> tuple[str, str]:
    """The label and, if sites are to be balanced, the site that most scans of a patient have."""
    found = [(scan.label, scan.site if balanced else "") for scan in own]
    return min(set(found), key=lambda stratum: (-found.count(stratum), stratum))
