"""Time and memory: what each rule cost, from the benchmark files that Snakemake writes for every job."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from marrow.report.charts.bars import bars_of
from marrow.report.page import Section, render
from marrow.report.reading import Reading
from marrow.report.tables import number

BUILDING = "build_report"  # its measurement is of the page before
MOST_BARS = 12
SECONDS, MEMORY, LOAD = "s", "max_rss", "mean_load"
READING = Reading(
    figure="time and memory",
    shown="for each rule how many of its jobs left a measurement, their time (wall clock) in all and for one job, the "
    "most memory (resident, MiB) that a job had, and how many processors it kept busy on average (100% is one).",
    good="one or two rules that take most of the time, and those the training of networks and models.",
    bad="a job that takes many times as long as its likes: a scan of another size, or a machine that was busy. Memory "
    "near what the rule asks for (mem_mb): the next larger scan will be killed.",
    remedy="give the rule more memory or time in the profile; look at the log of the job that stands out. A load far "
    "below 100% is waiting for the disk; jobs of about a second end before load and memory are looked at, and read "
    "low.",
)


@dataclass(frozen=True)
class Cost:
    """What the jobs of a rule cost; times in seconds, memory in MiB."""

    rule: str
    jobs: int
    total: float
    shortest: float
    middle: float
    longest: float
    memory: float | None
    load: float | None


def section(benchmarks: Path) -> Section:
    """The costs of every rule that has measurements below a folder."""
    costs = costs_of(benchmarks)
    html = render(
        "costs.html.j2",
        costs=costs,
        total=sum(cost.total for cost in costs),
        bars=bars_of([(c.rule, c.total / 60, f"{c.jobs} jobs", None) for c in costs[:MOST_BARS]], "%.1f"),
        how=READING,
    )
    return Section("costs", "Time and memory", html)


def costs_of(benchmarks: Path) -> list[Cost]:
    """The costs of each rule, the dearest first; a file that cannot be read counts nowhere."""
    measured: dict[str, list[dict[str, float]]] = defaultdict(list)
    for path in sorted(benchmarks.rglob("*.tsv")):
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        if rule != BUILDING:
            measured[rule] += _measurements(path)
    costs = [_cost(rule, jobs) for rule, jobs in measured.items() if jobs]
    return sorted(costs, key=lambda cost: (-cost.total, cost.rule))


def _measurements(path: Path) -> list[dict[str, float]]:
    try:
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []
    rows = [dict(zip(lines[0], cells, strict=False)) for cells in lines[1:]]
    known = [{name: value for name in row if (value := number(row[name])) is not None} for row in rows]
    return [row for row in known if SECONDS in row]


def _cost(rule: str, jobs: Sequence[dict[str, float]]) -> Cost:
    seconds = [job[SECONDS] for job in jobs]
    memory = [job[MEMORY] for job in jobs if MEMORY in job]
    load = [job[LOAD] * job[SECONDS] for job in jobs if LOAD in job]
    return Cost(
        rule=rule,
        jobs=len(jobs),
        total=sum(seconds),
        shortest=min(seconds),
        middle=median(seconds),
        longest=max(seconds),
        memory=max(memory, default=None),
        load=sum(load) / sum(seconds) if load and sum(seconds) else None,
    )
