"""How the judge and Snakemake work together, on a toy workflow of three stages that copy text."""

import os
import shutil
from pathlib import Path

import pytest

from forked_snakemake import forked_snakemake
from marrow.workflow.dry_run import planned_jobs
from marrow.workflow.parse import REPOSITORY as ROOT

SNAKEFILE = """
import sys
sys.path.insert(0, f"{workflow.basedir}/scripts")
from marrow.workflow.snakemake_rules import Freshness

freshness = Freshness(workflow)
bulky = temp if config.get("temporary") else (lambda file: file)

rule all:
    input: expand("results/join/{scan}.txt", scan=["S1", "S2"])
"""
RULE = """
rule {name}:
    input:
        freshness=freshness("{name}"),
        source={source},
    output:
        {name}_made={made},
        record="results/{name}/{{scan}}.record.json",
    params:
        word=config.get("{name}", "{name}"),
    log: "results/logs/{name}/{{scan}}.log"
    benchmark: "results/benchmarks/{name}/{{scan}}.tsv"
    conda: "env.yaml"
    resources: archive_mb={archive}
    script: "scripts/{name}.py"
"""
SCRIPT = """
from pathlib import Path


def main(*, source: list[Path], {name}_made: Path, word: str) -> None:
    {name}_made.write_text(source[0].read_text()[:4] + word[0])


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
"""
STAGES = {
    "read": ("lambda wildcards: ['raw/{scan}']", 'bulky("results/read/{scan}.txt")', 0),
    "turn": ('["results/read/{scan}.txt"]', 'bulky("results/turn/{scan}.txt")', 0),
    "join": ('["results/turn/{scan}.txt"]', '"results/join/{scan}.txt"', 1),
}


class Toy:
    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *arguments: str) -> str:
        options = ["--cores", "2", "--rerun-triggers", "mtime", "--rerun-incomplete"]
        done = forked_snakemake([*options, *arguments], self.root)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def plan(self, *arguments: str) -> set[str]:
        arguments = arguments or ("--rerun-triggers", "mtime")
        arguments = (*arguments, "--rerun-incomplete")
        return {job.name for job in planned_jobs(self.root / "Snakefile", self.root, arguments, forked_snakemake)}

    def edit(self, stage: str, before: str, after: str) -> None:
        script = self.root / f"scripts/{stage}.py"
        script.write_text(script.read_text().replace(before, after))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("finished")
    for folder in ("scripts", "raw"):
        (root / folder).mkdir()
    shutil.copytree(
        ROOT / "scripts/marrow", root / "scripts/marrow", ignore=shutil.ignore_patterns("phantom", "qc", "report")
    )
    (root / "requirements.txt").touch()
    (root / "env.yaml").touch()
    rules = [RULE.format(name=name, source=of, made=to, archive=mb) for name, (of, to, mb) in STAGES.items()]
    (root / "Snakefile").write_text(SNAKEFILE + "".join(rules))
    for name in STAGES:
        (root / f"scripts/{name}.py").write_text(SCRIPT.format(name=name))
    for scan in ("S1", "S2"):
        (root / "raw" / scan).write_text(f"raw of {scan}")
    Toy(root).run()
    return root


@pytest.fixture
def toy(finished, tmp_path):
    """A copy of the finished project with times in no order."""
    shutil.copytree(finished, tmp_path / "toy", copy_function=shutil.copyfile)
    return Toy(tmp_path / "toy")


S1 = {"read S1", "turn S1", "join S1"}
ALL = S1 | {"read S2", "turn S2", "join S2"}


def test_a_finished_copy_plans_nothing_even_without_snakemakes_records(toy):
    shutil.rmtree(toy.root / ".snakemake")
    assert toy.plan() == set()


@pytest.mark.parametrize("where", ["raw/S1", "results/read/S1.txt", "results/read/S1.record.json"])
def test_a_touch_plans_nothing(toy, where):
    os.utime(toy.root / where)
    assert toy.plan() == set()


def test_new_content_plans_what_lies_below(toy):
    (toy.root / "raw/S1").write_text("war")
    assert toy.plan() == S1


def test_an_edit_in_the_middle_leaves_what_lies_above(toy):
    toy.edit("turn", "[:4]", "[:3]")
    assert toy.plan() == {"turn S1", "join S1", "turn S2", "join S2"}


@pytest.mark.parametrize("arguments", [("--rerun-triggers", "mtime"), ("--rerun-triggers", "code"), ("--cores", "1")])
def test_edits_at_both_ends_are_both_noticed_under_any_triggers(toy, arguments):
    toy.edit("join", "[:4]", "[:3]")
    (toy.root / "raw/S1").write_text("war")
    assert toy.plan(*arguments) >= S1 | {"join S2"}


def test_a_record_from_a_clock_that_runs_ahead_hides_nothing(toy):
    for file in (toy.root / "results").rglob("*"):
        os.utime(file, (4e9, 4e9))
    toy.edit("turn", "[:4]", "[:3]")
    assert toy.plan() == {"turn S1", "join S1", "turn S2", "join S2"}


def test_half_a_run_is_taken_up_where_it_stopped(toy):
    toy.edit("read", "[:4]", "[:3]")
    toy.run("--until", "read")
    assert toy.plan() == ALL - {"read S1", "read S2"}
    toy.run()
    assert toy.plan() == set()


def test_a_stage_that_ran_to_the_same_bytes_stops_there(toy):
    toy.edit("read", "[:4]", "[0:4]")
    toy.run("--until", "turn")
    assert toy.plan() == set()


def test_in_one_pass_an_archived_stage_does_not_compute_again(toy):
    toy.edit("read", "[:4]", "[0:4]")
    toy.run()
    assert "from the archive" in (toy.root / "results/logs/join/S1.log").read_text()
    assert toy.plan() == set()


def test_a_change_made_and_reverted_comes_back_from_the_archive(toy):
    before = (toy.root / "results/join/S1.txt").read_bytes()
    toy.run("--config", "join=other")
    assert (toy.root / "results/join/S1.txt").read_bytes() != before
    toy.run()
    assert (toy.root / "results/join/S1.txt").read_bytes() == before
    assert "from the archive" in (toy.root / "results/logs/join/S1.log").read_text()


def test_temporary_files_that_are_gone_are_not_missed_but_their_staleness_is(toy):
    toy.run("--config", "temporary=yes", "--forceall")
    assert not (toy.root / "results/read/S1.txt").exists()
    assert toy.plan("--config", "temporary=yes") == set()
    for path in (toy.root / "raw/S1", toy.root / "results/read/S1.record.json"):
        os.utime(path)
    assert toy.plan("--config", "temporary=yes") == set()
    toy.edit("read", "[:4]", "[:3]")
    assert toy.plan("--config", "temporary=yes") == ALL


def test_a_job_killed_between_its_files_is_run_again(toy):
    (toy.root / "results/turn/S1.record.json").unlink()
    assert toy.plan() == {"turn S1", "join S1"}


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"schema": 0}'])
def test_a_damaged_record_counts_as_none(toy, damage):
    (toy.root / "results/turn/S1.record.json").write_text(damage)
    assert toy.plan() == {"turn S1", "join S1"}
