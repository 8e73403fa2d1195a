"""Keeps Snakemake from scheduling more often than jobs end.

By default Snakemake starts at most 100 jobs a second, and while there is such a limit, each scheduling round requests
another one a second later. A job that ends requests a round too, and so starts a chain of rounds that goes on until no
job is ready: after 300 short jobs there are 300 rounds a second, each over every ready job and all of its inputs, and
they use a core of their own. No workflow here starts 100 jobs a second. Without the limit there is a round when a job
ends.
"""

from typing import Any

DEFAULT = (100, 1)  # jobs, seconds; neither a profile nor the command line can switch the limit off


def drop_default_limit(workflow: Any) -> None:
    """Remove the default limit on jobs a second from a workflow that is about to run; one that a user set stays."""
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT:
        workflow.scheduler.job_rate_limiter = None
