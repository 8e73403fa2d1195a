"""How often Snakemake looks for jobs to start, under the workflow as it is."""

from types import SimpleNamespace

import pytest
from snakemake.scheduling.job_scheduler import JobRateLimiter
from snakemake.settings.types import MaxJobsPerTimespan

from marrow.workflow.job_rate import drop_default_limit
from staleness_project import checkout

# Takes longer than the second after which the limit would have Snakemake look again.
SLOW = """
import time
from pathlib import Path
time.sleep(1.3)
for name in snakemake.output:
    path = Path(name)
    path.touch() if path.suffix else path.mkdir()
"""
SCANS = ("healthy-01-1", "inactive-01-1", "focal-01-1")


@pytest.mark.slow
def test_snakemake_looks_for_jobs_when_one_has_ended_and_never_else(tmp_path):
    project = checkout(tmp_path, {})
    (tmp_path / "scripts/simulate_scan.py").write_text(SLOW)
    records = [f"results/cohort/{scan}/record.json" for scan in SCANS]
    told = project.run("--cores", "1", "--verbose", *records)
    assert told.count("Ready jobs: ") == len(SCANS)


def test_a_limit_that_somebody_chose_stands():
    limiter = JobRateLimiter(MaxJobsPerTimespan.parse_choice("5/1m"))
    workflow = SimpleNamespace(scheduler=SimpleNamespace(job_rate_limiter=limiter))
    drop_default_limit(workflow)
    assert workflow.scheduler.job_rate_limiter is limiter
