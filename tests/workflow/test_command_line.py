"""The command line looks at the folder that `--directory` names, as Snakemake does."""

from pathlib import Path

import pytest
import yaml

import marrow.__main__ as command_line
from marrow.workflow.dry_run import PlannedJob
from marrow.workflow.reason import Reason


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with a sheet and a config, which is not the current one."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "image.nii").touch()
    contrasts = ["fat", "water", "b50", "b900"]
    rows = [["scan", "patient", "label", "split", *contrasts], ["S1", "P1", "focal", "train", *["image.nii"] * 4]]
    (folder / "samples.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({"samples": "samples.tsv"}))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("option", ["--directory", "-d"])
def test_why_and_accept_plan_in_the_folder_and_records_are_written_there(elsewhere, monkeypatch, capsys, option):
    places: list[Path] = []

    def planned(snakefile, directory, arguments):
        places.append(directory)
        assert list(arguments) == ["--configfile", "my.yaml"]
        return [PlannedJob("copy_scan", (), (Reason("code_changed", "copy_scan.py"),))]

    monkeypatch.setattr(command_line, "planned_jobs", planned)
    monkeypatch.setattr(command_line, "accept", lambda *_: places.append(Path.cwd()))
    assert command_line.main(["why", option, "study", "--configfile", "my.yaml"]) == 0
    assert command_line.main(["accept", "neutral", option, "study", "--configfile", "my.yaml"]) == 0
    assert places == [elsewhere] * 3
    assert "accepted copy_scan" in capsys.readouterr().out


def test_splits_are_those_of_the_folder_and_frozen_where_the_user_is(elsewhere, capsys):
    words = ["splits", "--directory", "study", "--configfile", "my.yaml", "--freeze", "frozen.tsv"]
    assert command_line.main(words) == 0
    assert "focal" in capsys.readouterr().out
    assert Path("frozen.tsv").read_text() == "scan\tpatient\tsplit\nS1\tP1\ttrain\n"


def test_a_folder_that_is_none_is_refused(elsewhere, capsys):
    with pytest.raises(SystemExit):
        command_line.main(["why", "--directory", "stduy"])
    assert "stduy is no folder" in capsys.readouterr().err
