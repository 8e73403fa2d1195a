"""The workflow under a real Slurm controller: the profile works, logs and records land where they belong.

`tests/support/slurm_cluster.sh` starts a cluster of one node; without one the tests skip.
"""

import shutil
import subprocess
import sys

import pytest
import yaml

from marrow.workflow.dry_run import planned_jobs
from marrow.workflow.parse import REPOSITORY as ROOT
from raw_cohort import write_raw_cohort, write_sheet

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def controller_answers() -> bool:
    return (
        shutil.which("sinfo") is not None
        and subprocess.run(["sinfo"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(
    not controller_answers(), reason="no Slurm controller answers; tests/support/slurm_cluster.sh starts one"
)
def test_a_cohort_runs_on_the_cluster_and_then_nothing_is_stale(tmp_path):
    write_raw_cohort(tmp_path / "raw", nifti=["A1", "B1"], dicom=[])
    write_sheet(tmp_path / "samples.tsv", [("A1", "A", "focal", "train"), ("B1", "B", "", "predict")])
    settings = {"samples": "samples.tsv", "resample": {"spacing_mm": 8}, "ingest": {"bias": {"enabled": False}}}
    settings |= {"bones": {"source": "none"}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(settings))
    arguments = ["--configfile", str(tmp_path / "my.yaml")]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    quick = [
        "--slurm-no-account",
        "--slurm-init-seconds-before-status-checks",
        "2",
        "--latency-wait",
        "5",
        "--retries",
        "0",
    ]
    done = subprocess.run(
        [*command, *arguments, "--profile", str(ROOT / "profiles/slurm"), *quick],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Submitted batch job" in done.stdout + done.stderr or "SLURM" in done.stdout + done.stderr
    assert (tmp_path / "results/report/index.html").stat().st_size > 0
    assert "INFO" in (tmp_path / "results/logs/ingest_scan/A1.log").read_text()
    assert planned_jobs(ROOT / "Snakefile", tmp_path, arguments) == []
