"""The benchmarks' harness; what the benchmarks find is no matter of tests."""

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import __main__ as bench
from benchmarks import chain, correct, torchmil
from benchmarks.bones import lesion_gap, read_off
from benchmarks.history import Entry, append, read_history
from benchmarks.machine import Circumstances, commit, machine
from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.page import render
from benchmarks.plan import write_cohort
from benchmarks.process import run_measured
from benchmarks.registry import BENCHMARKS, chosen
from benchmarks.report import COPIES, SEEDS, _copies
from benchmarks.volumes import body_mask, made_up_volume
from marrow.bones.atlas.registration import RegistrationSettings
from marrow.errors import MarrowError
from marrow.imaging.nifti import map_voxels
from marrow.imaging.volume import write_volume
from marrow.planning.bones import SHEET
from shared_data import shared_data

HERE = Circumstances("a machine, 2 cores, 8 GB", "abc1234", "2026-01-31")
FASTER = Goal("ratio", "least", 10, "at least 10 times faster")


def benchmark_of(name: str, *found: Measurement) -> Benchmark:
    return Benchmark(name, f"What {name} compares.", {item.id: FASTER for item in found}, lambda: list(found))


FAST = benchmark_of("fast", Measurement("fast", 0.5, "s", 6.0, 12.0))
SLOW = benchmark_of("slow", Measurement("slow", 2.0, "s", 6.0, 3.0))


@pytest.fixture
def two_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BENCHMARKS", (FAST, SLOW))
    monkeypatch.setattr(bench, "chosen", lambda only: chosen(only, (FAST, SLOW)))


def test_an_entry_has_the_agreed_fields() -> None:
    agreed = ["id", "value", "unit", "reference", "ratio", "machine", "commit", "date"]
    assert [field.name for field in fields(Entry)] == agreed


@settings(max_examples=30)
@given(st.lists(st.lists(st.floats(0, 1e6), max_size=3), max_size=4))
def test_a_history_only_grows_and_reads_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("history") / "benchmarks.json"
    written: list[Entry] = []
    for values in runs:
        entries = append(path, [Measurement("x", value, "s") for value in values], HERE)
        assert entries[: len(written)] == written
        written = entries
    assert read_history(path) == written
    assert [entry.value for entry in written] == [value for values in runs for value in values]


def test_a_history_is_plain_json_with_a_line_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    append(path, [Measurement("x", 1.5, "s"), Measurement("y", 2, "GB", 4, 0.5)], HERE)
    assert [entry["id"] for entry in json.loads(path.read_text())] == ["x", "y"]
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize("content", ["{", "[1]", '[{"id": "x"}]'])
def test_a_damaged_history_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "benchmarks.json"
    path.write_text(content)
    with pytest.raises(MarrowError, match="no list of measurements"):
        append(path, [Measurement("x", 1, "s")], HERE)
    assert path.read_text() == content


def test_the_page_shows_the_latest_run_and_folds_the_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    append(path, [Measurement("fast", 1.0, "s", 5.0, 5.0)], HERE)
    entries = append(path, [Measurement("fast", 0.5, "s", 6.0, 12.0)], HERE)
    shown, _, folded = render(entries, (FAST, SLOW)).partition("<details>")
    assert "| `fast` | 0.5 s | 6 s | 12 | at least 10 times faster | yes |" in shown
    assert "| `fast` | 1 s | 5 s | 5 |" not in shown
    assert "| `fast` | 1 s | 5 s | 5 |" in folded
    assert "Earlier runs (1)" in folded
    assert "| `slow` | not yet measured |" in shown


def test_the_page_says_when_a_goal_is_not_met(tmp_path: Path) -> None:
    entries = append(tmp_path / "benchmarks.json", SLOW.measure(), HERE)
    assert "| at least 10 times faster | **no** |" in render(entries, (SLOW,))


@pytest.mark.parametrize(
    ("at", "number", "met"),
    [("least", 10, True), ("least", 9.9, False), ("most", 10, True), ("most", 10.1, False), ("most", None, False)],
)
def test_a_bound_is_met_from_its_own_side(at: str, number: float | None, met: bool) -> None:
    assert Goal("value", "least" if at == "least" else "most", 10, "").is_met(number) == met


@pytest.mark.usefixtures("two_benchmarks")
def test_all_benchmarks_run_without_a_choice_and_one_with(tmp_path: Path) -> None:
    assert bench.main(["--only", "slow"], tmp_path) == 0
    assert [entry.id for entry in read_history(tmp_path / "benchmarks.json")] == ["slow"]
    assert bench.main([], tmp_path) == 0
    assert [entry.id for entry in read_history(tmp_path / "benchmarks.json")] == ["slow", "fast", "slow"]
    page = (tmp_path / "benchmarks.md").read_text()
    assert page == render(read_history(tmp_path / "benchmarks.json"), (FAST, SLOW))


def test_what_takes_hours_runs_only_when_it_is_asked_for() -> None:
    long = replace(SLOW, on_request=True)
    assert chosen(None, (FAST, long)) == [FAST]
    assert chosen("slow", (FAST, long)) == [long]


def test_the_dice_of_bones_are_read_off_the_scores(tmp_path: Path) -> None:
    rows = ["a,skull,raw,0.5,,", "a,skull,corrected,0.8,,", "b,skull,corrected,0.6,,", "a,hip,raw,0.7,,"]
    rows += ["a,hip,corrected,0.9,,", "b,hip,corrected,,,", "b,skull,raw,0.5,,"]
    (tmp_path / "scores.csv").write_text("\n".join(["scan,bone,stage,dice,hd95_mm,volume_error", *rows]) + "\n")
    mean, worst = read_off("bones", tmp_path / "scores.csv")
    assert (mean.value, mean.reference) == (pytest.approx(0.8), pytest.approx(0.6))
    assert (worst.value, worst.reference) == (pytest.approx(0.7), pytest.approx(0.5))


def test_the_gap_is_between_bone_in_lesions_and_bone_elsewhere(tmp_path: Path) -> None:
    bone = np.zeros((10, 10, 10), np.uint8)
    bone[:8] = 3
    lesions = np.zeros_like(bone)
    lesions[:2] = 1
    found = bone.copy()
    found[0, :5] = 0  # a quarter of what is diseased
    found[7, :6] = 0  # a tenth of the rest
    for place, array in (("labels/a/bones.nii", bone), ("bones/a/corrected/bones.nii", found)):
        (tmp_path / place).parent.mkdir(parents=True)
        write_volume(sitk.GetImageFromArray(array), tmp_path / place)
    (tmp_path / "cohort/a").mkdir(parents=True)
    write_volume(sitk.GetImageFromArray(lesions), tmp_path / "cohort/a/lesions.nii.gz")
    assert lesion_gap(tmp_path, "a") == pytest.approx(15)
    write_volume(sitk.GetImageFromArray(0 * lesions), tmp_path / "cohort/a/lesions.nii.gz")
    assert lesion_gap(tmp_path, "a") is None


def test_a_file_of_the_demo_is_there_for_each_copy_of_its_scan_and_for_each_seed() -> None:
    scans = ["a-1", "a-10"]
    sheets = _copies(Path("results/qc/a-1/sheet.png"), scans)
    assert len(set(sheets)) == COPIES
    assert all(path.match("results/qc/a-1-*/sheet.png") for path in sheets)
    records = _copies(Path("results/bags/scans/a-10.record.json"), scans)
    assert all(path.match("results/bags/scans/a-10-*.record.json") for path in records)
    assert len(set(_copies(Path("results/runs/scans/m/seed-0/model.safetensors"), scans))) == SEEDS
    assert len(set(_copies(Path("results/maps/scans/m/seed-0/a-1/figure.png"), scans))) == COPIES
    assert _copies(Path("results/standard/fat.npy"), scans) == [Path("results/standard/fat.npy")]


@pytest.mark.usefixtures("two_benchmarks")
def test_an_unknown_id_fails_names_the_known_ones_and_writes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert bench.main(["--only", "fats"], tmp_path) == 1
    assert "there is no benchmark fats; choose one of fast, slow" in caplog.text
    assert not list(tmp_path.iterdir())


def test_every_benchmark_has_an_id_of_its_own_and_measures_it_first() -> None:
    ids = [name for benchmark in BENCHMARKS for name in benchmark.goals]
    assert len(set(ids)) == len(ids)
    assert all(benchmark.id in benchmark.goals for benchmark in BENCHMARKS)


def test_the_page_in_the_repository_is_the_one_that_its_history_renders() -> None:
    docs = bench.REPOSITORY / "docs"
    assert (docs / "benchmarks.md").read_text() == render(read_history(docs / "benchmarks.json"), BENCHMARKS)


def test_the_two_sides_take_turns() -> None:
    calls: list[str] = []
    side_by_side(lambda: calls.append("ours"), lambda: calls.append("theirs"), repeats=3)
    assert calls == ["ours", "theirs"] * 3


def test_a_commit_is_marked_when_the_working_tree_differs(tmp_path: Path) -> None:
    identity = {f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def git(*arguments: str) -> None:
        command = ["git", "-C", str(tmp_path), *arguments]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | identity)

    assert commit(tmp_path) == "unknown"
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--message", "one")
    clean = commit(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "benchmarks.json").write_text("[]")
    assert commit(tmp_path) == clean
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{clean}+"


def test_the_machine_is_described_without_its_name() -> None:
    assert os.uname().nodename not in machine().split(", ")
    assert f"{os.cpu_count()} cores" in machine()


def test_the_peak_of_a_command_is_its_own_and_not_that_of_this_process(tmp_path: Path) -> None:
    held = bytearray(300_000_000)
    small, printed = run_measured([sys.executable, "-c", "print('done')"], tmp_path)
    large, _ = run_measured([sys.executable, "-c", "x = b'1' * 150_000_000"], tmp_path)
    assert printed == "done\n"
    assert len(held) / 1e9 > large.peak_gb > 0.15 > small.peak_gb


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(MarrowError, match=r"(?s)ended with 3.*last words"):
        run_measured([sys.executable, "-c", "import sys; print('last words', file=sys.stderr); sys.exit(3)"], tmp_path)


def test_made_up_volumes_are_the_same_each_time_and_brighter_inside_the_body() -> None:
    shape = (30, 20, 24)
    volume, body = made_up_volume(shape, seed=1), body_mask(shape)
    assert (volume == made_up_volume(shape, seed=1)).all()
    assert 0.2 < body.mean() < 0.35
    assert volume[body].mean() > 5 * volume[~body].mean()


def test_both_sides_of_the_chain_resample_to_the_same_voxels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the floor would be the floor of something else."""
    monkeypatch.setattr(chain, "COVERED_MM", (50.0, 36.0, 60.0))
    files = chain.Files(tmp_path)
    chain.prepare(files)
    chain.run_chain(files)
    chain.run_floor(files)
    for ours, floor in zip(files.of("resampled"), files.of("floor"), strict=True):
        assert (map_voxels(ours) == map_voxels(floor)).all()
    assert all(map_voxels(path).any() for path in files.of("normalised"))


def test_a_generated_sheet_names_files_that_exist(tmp_path: Path) -> None:
    sheet = write_cohort(tmp_path, scans=7)
    head, *rows = [line.split("\t") for line in sheet.read_text().splitlines()]
    assert len(rows) == 7
    assert all((tmp_path / row[head.index("b900")]).exists() for row in rows)
    assert {row[head.index("split")] for row in rows} == {"train", "validation", "test", "predict"}


def test_both_sides_of_the_benchmark_against_torchmil_learn_and_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchmil")
    monkeypatch.setenv("MARROW_DATA", str(shared_data("mnist").parent))
    for name, value in {"BAGS": {"train": 4, "validation": 4, "test": 12}, "EPOCHS": 1, "SEEDS": 1}.items():
        monkeypatch.setattr(torchmil, name, value)
    seconds, area = torchmil.measure()
    assert {seconds.id, area.id} == set(torchmil.MNIST.goals)
    assert min(seconds.value, seconds.reference or 0) > 0
    assert 0 <= min(area.value, area.reference or 0) <= max(area.value, area.reference or 1) <= 1


def test_the_benchmark_of_the_correction_has_an_atlas_as_of_a_sample_sheet():
    """No key is left empty: the benchmark is run on request alone, so nobody sees it fail."""
    assert RegistrationSettings.of(correct.atlas_settings(), 1).spacing_mm == SHEET["spacing_mm"]
    assert {name for name, value in correct.atlas_settings().items() if value is None} <= {"frozen"}
