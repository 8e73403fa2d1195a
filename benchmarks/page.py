"""docs/benchmarks.md, rendered from the history and the registry alone."""

from collections.abc import Mapping, Sequence

from benchmarks.history import Entry
from benchmarks.measurement import Benchmark, Goal

_HEAD = """\
# Benchmarks

Rendered by `make bench` from `docs/benchmarks.json`; do not edit. Both sides of a comparison run in turns in one
process or one after the other in one run, and the numbers are medians. `make bench ONLY=id` runs one benchmark.
"""


def render(entries: Sequence[Entry], benchmarks: Sequence[Benchmark]) -> str:
    """The page: per benchmark its latest run with goals, then all earlier runs, folded."""
    latest = {entry.id: entry for entry in entries}
    sections = [_section(benchmark, latest) for benchmark in benchmarks]
    return "\n".join([_HEAD, *sections, _earlier(entries, latest)]).rstrip() + "\n"


def _section(benchmark: Benchmark, latest: Mapping[str, Entry]) -> str:
    rows = [_row(name, goal, latest.get(name)) for name, goal in benchmark.goals.items()]
    table = _table(["measured", "value", "reference", "ratio", "goal", "met", "machine", "commit", "date"], rows)
    return f"## {benchmark.id}\n\n{benchmark.compares}\n\n{table}"


def _row(name: str, goal: Goal, entry: Entry | None) -> list[str]:
    if entry is None:
        return [f"`{name}`", "not yet measured", "", "", goal.means, "", "", "", ""]
    met = "yes" if goal.is_met(entry.value if goal.of == "value" else entry.ratio) else "**no**"
    return [*_numbers(entry), goal.means, met, entry.machine, entry.commit, entry.date]


def _earlier(entries: Sequence[Entry], latest: Mapping[str, Entry]) -> str:
    rows = [
        [*_numbers(entry), entry.machine, entry.commit, entry.date]
        for entry in reversed(entries)
        if entry is not latest[entry.id]
    ]
    if not rows:
        return ""
    table = _table(["measured", "value", "reference", "ratio", "machine", "commit", "date"], rows)
    return f"<details>\n<summary>Earlier runs ({len(rows)})</summary>\n\n{table}\n</details>\n"


def _numbers(entry: Entry) -> list[str]:
    return [
        f"`{entry.id}`",
        _number(entry.value, entry.unit),
        _number(entry.reference, entry.unit),
        _number(entry.ratio),
    ]


def _number(number: float | None, unit: str = "") -> str:
    return "" if number is None else f"{number:.3g} {unit}".strip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
