"""An examination as a tree of files shows it: a row of the sample sheet in the making."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Series:
    """A series of an examination, for the inventory.

    Attributes:
        number, description: as in its tags.
        images: how many slices.
        shows: what its tags say, such as `water`, `b 50 and 900`, or `other`.
        time: when it was acquired, `hh:mm`.
        taken_for: the contrasts that take images of it.
    """

    number: int
    description: str
    images: int
    shows: str
    time: str
    taken_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examination:
    """One examination of one person.

    Attributes:
        person, exam: what the files call them; names and numbers of patients, which stay in the key file.
        is_public: whether these are pseudonyms already, as in BIDS.
        when: day and time, for the order of a patient's examinations.
        cells: column of the sheet -> its value; a contrast that was not recognised has none.
        notes: what was not recognised, and what to do.
        series: for the inventory.
    """

    person: str
    exam: str
    is_public: bool
    when: str
    cells: Mapping[str, str]
    notes: tuple[str, ...]
    series: tuple[Series, ...] = field(default=())
