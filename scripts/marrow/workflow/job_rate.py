"""How often Snakemake looks for jobs to start.

Snakemake starts at most 100 jobs a second unless told otherwise, and to see when it may go on, every look at the ready
jobs calls for another one a second later. A job that ends calls for one, too, and so begins a chain of looks that ends
only when no job is ready: after 300 short jobs it looks 300 times a second, at every ready job and every input, and
takes a core for itself. Nothing here starts 100 jobs a second. Without the limit Snakemake looks when a job has ended.
"""

from typing import Any

DEFAULT = (100, 1)  # jobs, seconds; no word of a profile or the command line says "none"


def drop_default_limit(workflow: Any) -> None:
    """Drop the limit on jobs a second of a workflow that is about to run; one that somebody chose stands."""
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT:
        workflow.scheduler.job_rate_limiter = None
