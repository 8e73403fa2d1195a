"""What can go wrong, as the user is told about it.

A message names the thing, the value, the expectation and the remedy.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


NEAR = 0.65  # the least likeness (difflib) of a name that is suggested; that of `notes` and `bones` is 0.6


def nearest(name: str, valid: Sequence[str]) -> str:
    """A hint at what was meant: the nearest valid name, or all of them where none is near."""
    if not valid:
        return "there are none"
    close = get_close_matches(name, valid, n=1, cutoff=NEAR)
    return f"did you mean {close[0]!r}?" if close else f"valid are: {', '.join(valid)}"


class MarrowError(Exception):
    """Something the user can mend; shown without a traceback."""


class ConfigError(MarrowError):
    """The configuration says something Marrow cannot do."""


def look_up(table: Mapping[str, T], name: str, problem: str) -> T:
    """The entry of this name; where there is none, the error says the problem and the nearest name that has one."""
    if name not in table:
        raise ConfigError(f"{problem}; {nearest(name, list(table))}")
    return table[name]


class SheetError(MarrowError):
    """The sample sheet says something Marrow cannot do."""


class Stopped(MarrowError):
    """One scan, one training, or what some of them share cannot go on; the rest can.

    A stage that raises this leaves empty outputs and a record with the reason, the stages below pass it on,
    and the report lists it.

    Attributes:
        check: the name of the check that stopped it, such as `contrasts_overlap`.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


class ScanStopped(Stopped):
    """One scan cannot go on."""


class RunStopped(Stopped):
    """One training cannot go on."""


class NoneLeft(Stopped):
    """What several scans share cannot be made, since each scan that it is made of was stopped; nor what needs it."""
