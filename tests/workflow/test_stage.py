"""What every stage owes, whatever its `main()` does."""

import importlib
import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import marrow
from marrow.errors import MarrowError, NoneLeft, ScanStopped
from marrow.log import configure_log
from marrow.workflow import stage
from marrow.workflow.archive import Archive, copy_entry
from marrow.workflow.fingerprint.content import DigestCache
from marrow.workflow.judge import Judge
from marrow.workflow.parse import REPOSITORY
from marrow.workflow.reason import Reason
from marrow.workflow.record import digest_of, read_record, record_of
from marrow.workflow.stage import Job, perform


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job with a raw input, a result above it, two outputs and a setting, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    scripts = tmp_path / "repository/scripts"
    scripts.mkdir(parents=True)
    (scripts / "copy_scan.py").write_text("def main(): pass\n")
    (scripts.parent / "requirements.txt").write_text("")
    Path("DOE_JANE.nii").write_text("raw")
    for folder in ("above", "copied"):
        Path("results", folder, "S1").mkdir(parents=True)
    Path("results/above/S1/body.nii").write_text("body")
    return Job(
        rule="copy_scan",
        wildcards={"scan": "S1"},
        inputs={"raw": ["DOE_JANE.nii"], "body": "results/above/S1/body.nii"},
        outputs={"copies": ["results/copied/S1/a.nii", "results/copied/S1/b.nii"]},
        params={"times": 2},
        record=Path("results/copied/S1/record.json"),
        threads=1,
        archive_mb=0,
    )


def main(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
    for number, copy in enumerate(copies):
        copy.write_text(raw[0].read_text() * times + body.read_text() + str(number))


def main_of_one(*, raw: list[Path], body: Path, copy: Path, times: int) -> None:
    copy.write_text("one")


def run(job, main=main):
    perform(main, job, scripts=Path("repository/scripts"))
    return read_record(job.record)


def test_outputs_and_a_record_that_describes_them_are_written(job):
    record = run(job)
    assert Path("results/copied/S1/b.nii").read_text() == "rawrawbody1"
    assert record.params == {"times": 2}
    assert record.code.keys() == {"copy_scan.py"}
    assert record.inputs.keys() == {"raw[0]", "body"}
    assert digest_of(Path("results/copied/S1/b.nii")) == record.outputs["results/copied/S1/b.nii"].digest


def by_name(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
    importlib.import_module("marrow.chosen_by_settings")
    main(raw=raw, body=body, copies=copies, times=times)


@pytest.fixture
def choice(job, monkeypatch):
    """A module that a job imports by name, in the scripts of the job."""
    package = Path("repository/scripts/marrow")
    package.mkdir()
    (package / "chosen_by_settings.py").write_text("")
    monkeypatch.setattr("marrow.__path__", [*marrow.__path__, str(package)])
    yield "marrow.chosen_by_settings"
    sys.modules.pop("marrow.chosen_by_settings", None)


def test_a_module_imported_by_name_is_in_the_record(job, choice):
    record = run(replace(job, modules=(choice,)), by_name)
    assert record.modules == [choice]
    assert record.code.keys() == {"copy_scan.py", "marrow/chosen_by_settings.py"}
    assert record.fingerprint != run(job).fingerprint


@pytest.mark.usefixtures("choice")
def test_a_module_imported_by_name_that_no_rule_names_is_refused(job):
    with pytest.raises(ImportError, match=r"copy_scan imported marrow\.chosen_by_settings by name; give it in"):
        run(job, by_name)
    assert not job.record.exists()


def test_a_record_of_an_earlier_job_for_one_of_the_files_gives_way(job):
    """As when a rule that had a job for each contrast gets one for the whole scan."""
    copy = Path(job.outputs["copies"][1])
    perform(
        main_of_one,
        replace(job, outputs={"copy": str(copy)}, record=copy.with_name("b.record.json")),
        Path("repository/scripts"),
    )
    assert record_of(copy).name == "b.record.json"
    record = run(job)
    assert record_of(copy) == job.record
    assert digest_of(copy) == record.outputs[copy.as_posix()].digest


def test_a_machine_without_git_still_writes_a_record(job, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert run(job).made["commit"] == ""


def test_a_result_given_as_raw_is_compared_by_its_content(job):
    """The simulated cohort may be replaced by a sheet whose scans have the same ids."""
    record = run(replace(job, inputs={"raw": [job.inputs["body"]], "body": job.inputs["body"]}))
    judge = Judge(lambda _: None, DigestCache(Path("digests.json")), settle=lambda *_: None)
    inputs = {"raw[0]": Path("DOE_JANE.nii"), "body": Path(job.inputs["body"])}
    assert [*judge._input_differences(record.inputs, inputs)] == [Reason("input_changed", "raw[0]")]


def test_no_record_names_a_raw_file(job):
    run(job)
    assert "DOE" not in job.record.read_text()


def test_the_fingerprint_follows_settings_code_and_contents_and_nothing_else(job):
    first = run(job).fingerprint
    assert run(job).fingerprint == first
    assert run(replace(job, threads=4)).fingerprint == first
    assert run(replace(job, params={"times": 3})).fingerprint != first
    Path("DOE_JANE.nii").write_text("wra")
    assert run(job).fingerprint != first


def test_a_job_that_fails_leaves_no_output_no_record_and_no_rubbish(job):
    def fails(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
        copies[0].write_text("half")
        raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        run(job, fails)
    assert list(Path("results/copied/S1").iterdir()) == []


def test_what_a_killed_job_left_does_not_reach_the_next(job):
    rubbish = Path("results/copied/S1/.a.nii.partial/a.nii")
    rubbish.parent.mkdir()
    rubbish.write_text("half")

    def appends(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
        for copy in copies:
            with copy.open("a") as file:
                file.write("whole")

    run(job, appends)
    assert Path("results/copied/S1/a.nii").read_text() == "whole"
    assert not rubbish.parent.exists()


def stops(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
    raise ScanStopped("nan", "water holds NaN; export it again")


def test_a_stopped_scan_leaves_empty_outputs_and_its_reason(job):
    record = run(job, stops)
    assert (record.stopped.stage, record.stopped.check) == ("copy_scan", "nan")
    assert [Path(output).stat().st_size for output in job.outputs["copies"]] == [0, 0]


def below(job):
    """A job of the same scan that builds on the first one's outputs."""
    Path("results/below/S1").mkdir(parents=True, exist_ok=True)
    return replace(
        job,
        rule="copy_scan",
        inputs={"raw": job.outputs["copies"], "body": job.inputs["body"]},
        outputs={"copies": ["results/below/S1/a.nii"]},
        record=Path("results/below/S1/record.json"),
    )


def test_a_stop_is_passed_on_without_calling_main(job):
    run(job, stops)
    assert run(below(job), main=lambda: None).stopped == run(job, stops).stopped
    assert Path("results/below/S1/a.nii").read_bytes() == b""


def test_a_stop_of_what_scans_share_reaches_their_jobs_and_the_own_one_of_a_scan_comes_first(job):
    def lacks_all(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
        raise NoneLeft("training_scans", "no scan is left")

    Path("results/a_scale").mkdir(parents=True)
    scale = {"outputs": {"copies": ["results/a_scale/fat.npy"]}, "record": Path("results/a_scale/fat.record.json")}
    run(replace(job, wildcards={"contrast": "fat"}, **scale), lacks_all)
    Path("results/copied/S1").mkdir(exist_ok=True)
    run(job)
    with_scale = replace(
        below(job), inputs={"raw": [*job.outputs["copies"], "results/a_scale/fat.npy"], "body": job.inputs["body"]}
    )
    assert run(with_scale, main=lambda: None).stopped.check == "training_scans"
    run(job, stops)
    assert run(with_scale, main=lambda: None).stopped.check == "nan"


def test_a_main_that_takes_the_stop_is_called_with_its_reason_and_passes_it_on(job):
    """So a scan that was stopped can still be pictured."""

    def pictures(*, raw: list[Path], body: Path, copies: list[Path], times: int, stop: str | None) -> None:
        copies[0].write_text(str(stop))

    assert run(below(job), pictures).stopped is None
    assert Path("results/below/S1/a.nii").read_text() == "None"
    first = run(job, stops)
    assert run(below(job), pictures).stopped == first.stopped
    assert Path("results/below/S1/a.nii").read_text() == "water holds NaN; export it again"


def test_a_main_that_takes_the_stop_and_stops_too_keeps_the_first_reason(job):
    def gives_up(*, raw: list[Path], body: Path, copies: list[Path], times: int, stop: str | None) -> None:
        raise ScanStopped("nothing_to_draw", "no water")

    first = run(job, stops)
    assert run(below(job), gives_up).stopped == first.stopped
    assert Path("results/below/S1/a.nii").read_bytes() == b""


def test_a_job_that_was_killed_finds_its_checkpoints_and_one_that_is_done_leaves_none(job):
    def counts(*, raw: list[Path], body: Path, copies: list[Path], times: int, checkpoints: Path) -> None:
        checkpoints.mkdir(parents=True, exist_ok=True)
        steps = checkpoints / "steps"
        steps.write_text((steps.read_text() if steps.exists() else "") + "1")
        if len(steps.read_text()) < 3:
            raise ValueError("killed")
        for copy in copies:
            copy.write_text(steps.read_text())

    for _ in range(2):
        with pytest.raises(ValueError, match="killed"):
            run(job, counts)
    with pytest.raises(ValueError, match="killed"):
        run(replace(job, params={"times": 3}), counts)  # another fingerprint starts anew
    run(job, counts)
    assert Path("results/copied/S1/a.nii").read_text() == "111"
    assert len(list(stage.CHECKPOINTS.iterdir())) == 1, "of the other fingerprint, which is not done"


def test_a_job_over_many_scans_sees_the_empty_files_itself(job):
    run(job, stops)
    Path("results/table").mkdir()
    table = replace(
        job,
        wildcards={},
        inputs={"raw": job.outputs["copies"], "body": job.inputs["body"]},
        outputs={"copies": ["results/table/t.tsv"]},
        record=Path("results/table/t.record.json"),
    )
    assert run(table).stopped is None


def test_what_was_made_from_the_same_things_comes_back_without_main(job):
    kept = replace(job, archive_mb=1)
    run(kept)
    Path("results/copied/S1/a.nii").unlink()
    Path("results/copied/S1/b.nii").unlink()
    record = run(kept, main=lambda: pytest.fail("main() was called"))
    assert Path("results/copied/S1/b.nii").read_text() == "rawrawbody1"
    assert record.outputs["results/copied/S1/b.nii"].size == 11


def test_nothing_of_a_stopped_scan_comes_into_the_archive(job):
    kept = replace(job, archive_mb=1)
    assert run(kept, stops).stopped.check == "nan"
    assert not Archive(stage.ARCHIVE, 1).holds(read_record(job.record).fingerprint)
    assert run(kept).stopped is None, "main() is called again"
    assert Path("results/copied/S1/b.nii").read_text() == "rawrawbody1"


def test_names_that_differ_between_rule_and_script_are_an_error(job):
    with pytest.raises(TypeError, match="disagree on factor, times"):
        run(replace(job, params={"factor": 2}))


def test_the_archive_drops_what_was_unused_for_longest(tmp_path):
    archive = Archive(tmp_path / "archive", limit_mb=2)
    output = tmp_path / "output"
    for name in ("first", "second", "third"):
        output.write_bytes(name.encode() * (2**20 // len(name)))
        archive.keep(name, [output])
        output.unlink()
        if name == "second":
            assert archive.restore("first", [output])
            output.unlink()
    assert [archive.restore(name, [output]) for name in ("first", "second", "third")] == [True, False, True]


def test_an_entry_under_two_fingerprints_takes_its_space_once(tmp_path):
    archive = Archive(tmp_path / "archive", limit_mb=2)
    for name in ("first", "second"):
        (tmp_path / name).write_bytes(name.encode() * (2**20 // len(name)))
        archive.keep(name, [tmp_path / name])
        copy_entry(tmp_path / "archive", name, f"{name}-accepted")
    assert all(archive.holds(name) for name in ("first", "first-accepted", "second", "second-accepted"))
    assert archive.restore("first-accepted", [tmp_path / "back"])
    assert (tmp_path / "back").read_bytes() == (tmp_path / "first").read_bytes()
    copy_entry(tmp_path / "archive", "third", "third-accepted")
    assert not archive.holds("third-accepted")


def test_a_result_written_into_by_hand_does_not_come_back(tmp_path):
    archive = Archive(tmp_path / "archive", limit_mb=1)
    (tmp_path / "result").write_text("made")
    archive.keep("fingerprint", [tmp_path / "result"])
    with (tmp_path / "result").open("r+") as file:
        file.write("MADE")
    assert not archive.restore("fingerprint", [tmp_path / "other"])
    archive.keep("fingerprint", [tmp_path / "result"])
    assert archive.restore("fingerprint", [tmp_path / "other"])


def test_a_result_comes_back_under_another_name(tmp_path):
    archive = Archive(tmp_path / "archive", limit_mb=1)
    (tmp_path / "S1.txt").write_text("same")
    archive.keep("fingerprint", [tmp_path / "S1.txt"])
    assert archive.restore("fingerprint", [tmp_path / "S2.txt"])
    assert (tmp_path / "S2.txt").read_text() == "same"


def test_a_change_of_an_output_does_not_reach_the_archive(job):
    """Outputs are replaced, never written into, so a link to the old content keeps it."""
    kept = replace(job, archive_mb=1)
    run(kept)
    run(replace(kept, params={"times": 3}))
    for output in job.outputs["copies"]:
        Path(output).unlink()
    run(kept, main=lambda: pytest.fail("main() was called"))
    assert Path("results/copied/S1/a.nii").read_text() == "rawrawbody0"


@pytest.mark.parametrize("spelling", ["DOE_JANE.nii", "./DOE_JANE.nii", "absolute"])
def test_no_log_names_a_raw_file_even_in_a_traceback(tmp_path, monkeypatch, capsys, spelling):
    monkeypatch.chdir(tmp_path)
    raw = Path("DOE_JANE.nii")
    with configure_log(Path("log"), hide=[raw]):
        try:
            Path(raw.absolute() if spelling == "absolute" else spelling).read_text()
        except FileNotFoundError:
            logging.getLogger("test").exception("cannot read")
    told = Path("log").read_text()
    assert "FileNotFoundError" in told
    assert "DOE" not in told + capsys.readouterr().err


class _Named(dict):
    def get(self, key, default=None):
        return dict.get(self, key, default)


def test_an_error_for_the_user_is_told_without_a_traceback(job, monkeypatch):
    class Snakemake:
        rule, threads, scriptdir = "copy_scan", 1, "repository/scripts"
        wildcards, params, resources = {"scan": "S1"}, {"times": 2}, _Named()
        input = job.inputs | {"freshness": "results/.marrow/fresh"}
        output = job.outputs | {"record": str(job.record)}
        log = ("results/logs/copy_scan.log",)

    def refuses(*, raw: list[Path], body: Path, copies: list[Path], times: int) -> None:
        raise MarrowError("water has no voxels; export it again")

    monkeypatch.setitem(globals(), "snakemake", Snakemake())
    with pytest.raises(SystemExit, match="1"):
        stage.run(refuses)
    told = Path("results/logs/copy_scan.log").read_text()
    assert "export it again" in told
    assert "Traceback" not in told
    stage.run(main)
    assert json.loads(job.record.read_text())["stopped"] is None


def test_the_record_of_a_file_is_its_own_or_that_of_its_folder(tmp_path):
    (tmp_path / "water.record.json").touch()
    assert record_of(tmp_path / "water.json").name == "water.record.json"
    assert record_of(tmp_path / "fat.json").name == "record.json"
    assert record_of(tmp_path / "water.record.json").name == "water.record.json"


@pytest.mark.parametrize(("is_job", "is_enabled"), [(True, "False"), (False, "True")])
def test_garbage_is_left_while_the_script_of_a_job_imports_and_nowhere_else(is_job, is_enabled):
    code = f"{'snakemake = None; ' if is_job else ''}import gc, marrow; print(gc.isenabled())"
    scripts = REPOSITORY / "scripts"
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == is_enabled
