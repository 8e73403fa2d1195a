"""Time and memory: what each rule cost, from the benchmark files that Snakemake writes for every job."""

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from marrow.report.charts.bars import bars_of
from marrow.report.page import Reading, Section, render

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


def section(benchmarks: Path) -> Section:
    """The costs of every rule that has measurements below a folder."""
    costs = costs_of(benchmarks).reset_index().to_dict("records")
    bars = [(cost["rule"], cost["total"] / 60, f"{cost['jobs']} jobs", math.nan) for cost in costs[:MOST_BARS]]
    html = render(
        "sections/costs.html.j2",
        costs=costs,
        total=sum(cost["total"] for cost in costs),
        bars=bars_of(bars, "%.1f"),
        how=READING,
    )
    return Section("costs", "Time and memory", html)


def costs_of(benchmarks: Path) -> pd.DataFrame:
    """What the jobs of each rule cost, the dearest first; a file that cannot be read counts nowhere.

    Times are in seconds, memory in MiB, the load in per cent of a processor.
    """
    columns = ["rule", SECONDS, MEMORY, LOAD]
    measured = pd.concat([pd.DataFrame(columns=columns), *_measurements(benchmarks)])[columns]
    measured[columns[1:]] = measured[columns[1:]].apply(pd.to_numeric, errors="coerce")
    jobs = measured.dropna(subset=[SECONDS])
    costs = jobs.assign(work=jobs[LOAD] * jobs[SECONDS]).groupby("rule").agg(
        jobs=(SECONDS, "size"),
        total=(SECONDS, "sum"),
        shortest=(SECONDS, "min"),
        middle=(SECONDS, "median"),
        longest=(SECONDS, "max"),
        memory=(MEMORY, "max"),
        work=("work", lambda work: work.sum(min_count=1)),
    )  # fmt: skip
    costs["load"] = costs.pop("work") / costs["total"].where(costs["total"] > 0)
    return costs.sort_values("total", ascending=False, kind="stable")


def _measurements(benchmarks: Path) -> Iterator[pd.DataFrame]:
    for path in sorted(benchmarks.rglob("*.tsv")):
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        if rule != BUILDING:
            try:
                yield pd.read_csv(path, sep="\t", dtype="str").assign(rule=rule)
            except (OSError, ValueError):
                continue
