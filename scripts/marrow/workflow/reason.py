"""Why a result is stale, as data; words are made of it at the very end, for a person to read."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal[
    "code_changed", "code_new", "code_gone", "setting_changed", "input_changed", "input_new", "input_gone",
    "record_missing", "output_edited", "input_record_missing", "below",
]  # fmt: skip

ABOVE: frozenset[Kind] = frozenset({"input_record_missing", "below"})
ACCEPTABLE: frozenset[Kind] = frozenset({"code_changed", "code_new", "code_gone", "setting_changed"})

_WORDS: dict[Kind, str] = {
    "code_changed": "code: {subject} changed",
    "code_new": "code: {subject} is new",
    "code_gone": "code: {subject} is gone",
    "setting_changed": "setting {subject}: {detail}",
    "input_changed": "the content of input {subject} changed",
    "input_new": "input {subject} is new",
    "input_gone": "input {subject} is gone",
    "record_missing": "its record is missing or cannot be read",
    "output_edited": "{subject} is not the file that it made",
    "input_record_missing": "the record above it is missing: {subject}",
}


@dataclass(frozen=True)
class Reason:
    """One reason why the results of a job are stale.

    Attributes:
        kind: what differs; a kind in `ABOVE` lies in a job above, not in the job itself, and one in `ACCEPTABLE` may be
            declared neutral.
        subject: the file of the code, the setting, the role of the input, the path of the output or record, or the rule
            of the stale job above.
        detail: the setting before and now, or the wildcards of the job above.
    """

    kind: Kind
    subject: str = ""
    detail: str = ""


def in_words(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Reasons for a person to read: each in words, but the stale jobs above together, by their rules."""
    reasons = list(reasons)
    words = [_WORDS[each.kind].format(**asdict(each)) for each in reasons if each.kind != "below"]
    rules = sorted({each.subject for each in reasons if each.kind == "below"})
    return (*words, *([f"below {', '.join(rules)}"] if rules else []))
