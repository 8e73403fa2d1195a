"""Reasons of staleness stay data from the judge to the stale file and back, and become words for a person alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from marrow.__main__ import MISSING, explain
from marrow.workflow.dry_run import PlannedJob, _with_reasons
from marrow.workflow.fingerprint.content import DigestCache
from marrow.workflow.judge import Judge, Verdict
from marrow.workflow.reason import Kind, Reason, in_words
from marrow.workflow.record import Product, Record, Source, write_record
from marrow.workflow.snakemake_rules import _entry

SCAN = {"scan": "S1"}
MADE = Record(
    rule="fit",
    wildcards=SCAN,
    fingerprint="f",
    code={"fit.py": "1", "old.py": "1", "same.py": "1"},
    params={"spacing": {"mm": 2, "unit": "mm"}, "title": "a"},
    inputs={"volume": Source("v", path="results/read/S1.nii"), "gone": Source("g"), "same": Source("s")},
    outputs={"results/fit/S1.txt": Product("o", size=4)},
)


class Stage:
    """A rule as its records say that it was, but for what is given."""

    def __init__(self, made: Record, **changed) -> None:
        self.name, self._changed, self._made = made.rule, changed, made

    def code(self, _):
        return self._changed.get("code", self._made.code)

    def modules(self, _):
        return ()

    def params(self, _):
        return self._changed.get("params", self._made.params)

    def inputs(self, _):
        inputs = {role: Path(source.path or role) for role, source in self._made.inputs.items()}
        return self._changed.get("inputs", inputs)

    def outputs(self, _):
        return [Path(path) for path in self._made.outputs]

    def record(self, _):
        return Path(f"results/{self.name}/S1.record.json")

    def timed(self, _):
        return []


READ = Record("read", SCAN, "r", {"read.py": "1"}, {}, {}, {"results/read/S1.nii": Product("v", size=1)})


@pytest.fixture(autouse=True)
def finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_record(MADE, Path("results/fit/S1.record.json"))
    write_record(READ, Path("results/read/S1.record.json"))
    Path("results/fit/S1.txt").write_text("made")


def verdict(stage: Stage, above: Stage | None = None) -> Verdict:
    stages = {"fit": stage, "read": above or Stage(READ)}
    return Judge(stages.get, DigestCache(Path("digests.json")), settle=lambda *_: None).verdict(stage, SCAN)


def test_what_differs_is_told_by_kind_subject_and_detail():
    stage = Stage(
        MADE,
        code={"fit.py": "2", "new.py": "1", "same.py": "1"},
        params={"spacing": {"mm": 3, "unit": "mm"}, "title": "a", "more": None},
        inputs={"volume": Path("results/read/S1.nii"), "new": Path("x"), "same": Path("same")},
    )
    other = replace(READ, outputs={"results/read/S1.nii": Product("w", size=1)})
    write_record(other, Path("results/read/S1.record.json"))
    Path("results/fit/S1.txt").write_text("edited")
    assert verdict(stage, above=Stage(READ, code={"read.py": "2"})).reasons == (
        Reason("code_changed", "fit.py"),
        Reason("code_new", "new.py"),
        Reason("code_gone", "old.py"),
        Reason("setting_changed", "spacing.mm", "2 -> 3"),
        Reason("input_gone", "gone"),
        Reason("input_new", "new"),
        Reason("input_changed", "volume"),
        Reason("output_edited", "results/fit/S1.txt"),
        Reason("below", "read", "S1"),
    )


def test_a_record_that_is_missing_is_a_reason_of_the_job_itself_or_of_one_above():
    Path("results/read/S1.record.json").unlink()
    assert verdict(Stage(MADE)).reasons == (Reason("input_record_missing", "results/read/record.json"),)
    Path("results/fit/S1.record.json").unlink()
    assert verdict(Stage(MADE)).reasons == (Reason("record_missing"),)


def test_reasons_come_back_from_the_stale_file_as_they_were():
    stage = Stage(MADE, code={"fit.py": "2", "new{.py": "1", "same.py": "1"}, params={"title": 'say "why" -> {now}'})
    found = verdict(stage)
    entry = json.loads(json.dumps(_entry(stage, SCAN, found)))
    job = _with_reasons(PlannedJob("fit", (("scan", "S1"),)), entry)
    assert job.reasons == found.reasons
    assert job.is_stale_itself
    assert json.loads(job.params) == stage.params(SCAN)


def test_a_job_that_only_lies_below_others_is_not_stale_itself():
    job = PlannedJob("fit", (), (Reason("below", "read", "S1"), Reason("input_record_missing", "results/x")))
    assert not job.is_stale_itself


def test_every_kind_has_its_words():
    words = {in_words([Reason(kind, "subject", "before -> now")]) for kind in get_args(Kind)}
    assert len(words) == len(get_args(Kind))
    assert in_words([Reason("setting_changed", "spacing_mm", "2 -> 3"), Reason("code_gone", "a.py")]) == (
        "setting spacing_mm: 2 -> 3",
        "code: a.py is gone",
    )


def test_jobs_of_one_rule_and_the_same_reasons_are_listed_together_and_stale_jobs_above_by_rule():
    jobs = [
        PlannedJob("draw", (("scan", scan),), (Reason("below", "read", scan), Reason("below", "fit", "x")))
        for scan in ("S1", "S2", "S3", "S4")
    ]
    assert explain([*jobs, PlannedJob("report", ())]) == [
        "5 jobs would run.",
        "draw, 4 of them (S1, S2, S3 and 1 more):",
        "  - below fit, read",
        "report, 1 of them (report):",
        f"  - {MISSING}",
    ]
