"""Jobs of one machine take a GPU each, share where there are too few, and never wait: shown with real processes."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from marrow.device import gpu_slots
from marrow.device.gpu_slots import named_gpus, own_gpu, visible_gpus
from marrow.errors import MarrowError
from marrow.workflow.parse import REPOSITORY

JOB = """
import os, sys
from marrow.device.gpu_slots import own_gpu
with own_gpu():
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.read()
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
"""
Start = Callable[..., "Job"]


class Job:
    """A process that takes a GPU, says which, and keeps it until it is told to end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-S", "-c", JOB]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environment)
        )

    @property
    def gpu(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        """What it sees after it has given its GPU back."""
        return self.process.communicate()[0].strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Generator[Start]:
    jobs: list[Job] = []

    def start(gpus: str | None, **more: str) -> Job:
        usual = {"PYTHONPATH": str(REPOSITORY / "scripts"), "TMPDIR": str(tmp_path), "PATH": str(tmp_path)}
        given = {} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus}
        jobs.append(Job(usual | given | more))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()


def pretend_driver(folder: Path, listing: str, status: int = 0) -> None:
    """A program that lists GPUs."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = -L ] && printf '%s' '{listing}'\nexit {status}\n")
    program.chmod(0o700)


# ---- jobs


def test_every_job_takes_a_gpu_of_its_own(start):
    jobs = [start("0,1,2") for _ in range(3)]
    assert sorted(job.gpu for job in jobs) == ["0", "1", "2"]


def test_more_jobs_than_gpus_share_evenly_and_none_waits(start):
    jobs = [start("0,1,2") for _ in range(8)]
    assert sorted(job.gpu for job in jobs) == ["0"] * 3 + ["1"] * 3 + ["2"] * 2


def test_the_gpu_of_a_job_that_ended_is_taken_next(start):
    jobs = {job.gpu: job for job in [start("0,1,2") for _ in range(3)]}
    assert jobs["1"].end() == "0,1,2"
    assert start("0,1,2").gpu == "1"


def test_the_gpu_of_a_job_that_was_killed_is_taken_next(start):
    jobs = {job.gpu: job for job in [start("0,1,2") for _ in range(3)]}
    jobs["2"].kill()
    assert start("0,1,2").gpu == "2"


def test_the_gpu_with_the_fewest_jobs_is_taken_whichever_of_its_jobs_went(start):
    """Also where its first job has gone and its second runs on."""
    first = [start("0,1") for _ in range(2)]
    on = {job.gpu: [job] for job in first}
    for _ in range(4):
        job = start("0,1")
        on[job.gpu].append(job)
    assert {gpu: len(jobs) for gpu, jobs in on.items()} == {"0": 3, "1": 3}
    on["0"][0].kill()
    on["0"][1].kill()
    assert [start("0,1").gpu, start("0,1").gpu] == ["0", "0"]
    on["1"][0].kill()
    assert start("0,1").gpu == "1"


def test_jobs_choose_among_those_they_may_see_alone(start):
    assert start("2,5").gpu == "2"
    assert start("2,5").gpu == "5"
    assert start("5,7").gpu == "7"
    assert start("GPU-a/1,MIG-b/2").gpu == "GPU-a/1"


@pytest.mark.parametrize("given", ["3", "", "-1", "NoDevFiles", "4,-1,5"])
def test_a_job_that_sees_one_gpu_or_none_is_left_alone(start, tmp_path, given):
    assert [start(given).gpu, start(given).gpu] == [given, given]
    assert list(tmp_path.glob("marrow-gpus*")) == []


def test_jobs_of_one_allocation_of_slurm_count_each_other_alone(start):
    assert start("0,1").gpu == "0"
    assert [start("0,1", SLURM_JOB_ID="77").gpu for _ in range(2)] == ["0", "1"]
    assert start("0,1", SLURM_JOB_ID="78").gpu == "0"
    assert start("0,1", SLURM_JOB_ID="../78").gpu == "0"
    assert start("0,1").gpu == "1"


def test_a_job_of_slurm_keeps_what_it_was_given(start, tmp_path):
    assert [start("0", SLURM_JOB_ID="77").gpu for _ in range(2)] == ["0", "0"]


def test_without_a_word_from_anybody_the_driver_is_asked(start, tmp_path):
    pretend_driver(tmp_path, "GPU 0: Toy (UUID: GPU-aa)\nGPU 1: Toy (UUID: GPU-bb)\n")
    first = start(None)
    assert first.gpu == "GPU-aa"
    assert start(None).gpu == "GPU-bb"
    assert first.end() == "None"


def test_where_no_driver_answers_nothing_is_set(start, tmp_path):
    assert start(None).gpu == "None"
    pretend_driver(tmp_path, "GPU 0: Toy (UUID: GPU-aa)\nGPU 1: Toy (UUID: GPU-bb)\n", status=9)
    assert start(None).gpu == "None"


# ---- within a process


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], str | None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return lambda: os.environ.get("CUDA_VISIBLE_DEVICES")


def test_a_gpu_is_given_back_after_an_error(seen, caplog):
    caplog.set_level("INFO")

    def fail() -> None:
        with own_gpu():
            assert seen() == "4"
            raise ValueError("inside")

    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            fail()
        assert seen() == "4,6"
    assert caplog.messages == ["this job takes GPU 4, one of 2, with 0 other jobs on it"] * 2


def test_what_runs_within_a_job_stays_on_its_gpu(seen):
    with own_gpu(), own_gpu():
        assert seen() == "4"


def test_jobs_that_start_at_once_choose_one_after_another(seen, monkeypatch, tmp_path):
    """Whenever a job looks at a place or takes it, others are kept out."""
    place, looked = gpu_slots._place, []

    def watched(folder: Path, gpu: str, number: int) -> Path:
        with (folder / "choosing").open() as door, pytest.raises(BlockingIOError):
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        looked.append((gpu, number))
        return place(folder, gpu, number)

    monkeypatch.setattr(gpu_slots, "_place", watched)
    with own_gpu():
        assert looked == [("4", 0), ("6", 0), ("4", 0)]
        (door,) = tmp_path.glob("marrow-gpus-*/choosing")
        with door.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_gpu_is_not_chosen_after_cuda_has_started(seen, monkeypatch):
    for started in (True, False):
        pretended = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda answer=started: answer))
        monkeypatch.setitem(sys.modules, "torch", pretended)
        if started:
            with pytest.raises(RuntimeError, match="before CUDA starts"), own_gpu():
                pass
        else:
            with own_gpu():
                assert seen() == "4"


def test_a_folder_of_somebody_else_is_not_trusted(seen, monkeypatch, tmp_path):
    with own_gpu():
        pass
    (folder,) = tmp_path.glob("marrow-gpus-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    with pytest.raises(MarrowError, match="belongs to somebody else; set TMPDIR"), own_gpu():
        pass
    folder.unlink()
    folder.touch()
    with pytest.raises(MarrowError, match="no place for the locks of GPUs"), own_gpu():
        pass
    folder.unlink()
    elsewhere.rename(folder)
    owner = os.getuid()
    monkeypatch.setattr(gpu_slots.os, "getuid", lambda: owner + 1)
    elsewhere = tmp_path / f"marrow-gpus-{owner + 1}"
    elsewhere.mkdir()
    with pytest.raises(MarrowError, match="belongs to somebody else"), own_gpu():
        pass


def test_locks_are_not_left_to_programs_that_a_job_starts(seen, tmp_path):
    with own_gpu():
        started = [sys.executable, "-S", "-c", "print(flush=True); input()"]
        child = subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        assert child.stdout is not None
        child.stdout.readline()  # only the program itself is without the lock, not what becomes it
    (lock,) = tmp_path.glob("marrow-gpus-*/4.0")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    child.kill()
    child.communicate()


# ---- names


def test_the_list_of_gpus_ends_before_the_first_that_is_none():
    given = {"0, 1,2": ["0", "1", "2"], "": [], "-1": [], "1,-1,2": ["1"], "NoDevFiles": [], "0,,1": ["0"]}
    assert {listed: visible_gpus({"CUDA_VISIBLE_DEVICES": listed}) for listed in given} == given


def test_the_parts_of_a_divided_gpu_stand_for_it():
    listing = """\
GPU 0: NVIDIA A100 (UUID: GPU-5d5b)
  MIG 3g.20gb     Device  0: (UUID: MIG-c0)
  MIG 3g.20gb     Device  1: (UUID: MIG-c1)
GPU 1: NVIDIA A100 (UUID: GPU-7e7e)
GPU 2: NVIDIA A100 (UUID: GPU-9f9f)
  MIG 7g.40gb     Device  0: (UUID: MIG-GPU-9f9f/7/0)
"""
    assert named_gpus(listing) == ["MIG-c0", "MIG-c1", "GPU-7e7e", "MIG-GPU-9f9f/7/0"]
    assert named_gpus("NVIDIA-SMI has failed") == []
