"""A checkout with a finished run in it, and edits that undo themselves: for tests of what an edit makes stale."""

import shutil
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from forked_snakemake import forked_snakemake
from marrow.workflow.dry_run import planned_jobs
from marrow.workflow.parse import REPOSITORY as ROOT

PARTS = ("Snakefile", "config.yaml", "requirements.txt", "rules", "scripts", "schemas", "envs", "profiles")


class Project:
    """A checkout, its runs and its plans."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "my.yaml"

    def run(self, *arguments: str) -> str:
        done = forked_snakemake(["--cores", "2", *arguments, "--configfile", "my.yaml"], self.root)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def plan(self, *arguments: str) -> set[str]:
        arguments = ("--configfile", str(self.config), *arguments)
        jobs = planned_jobs(self.root / "Snakefile", self.root, arguments, forked_snakemake)
        return {job.name for job in jobs}

    @contextmanager
    def edited(self, name: str, before: str | bytes, after: str | bytes):
        """A file with one text or run of bytes replaced; the rest of its life as it was."""
        file = self.root / name
        content = file.read_bytes()
        old, new = (part.encode() if isinstance(part, str) else part for part in (before, after))
        assert old in content, f"{name} has no {before!r}"
        file.write_bytes(content.replace(old, new, 1))
        try:
            yield
        finally:
            file.write_bytes(content)

    @contextmanager
    def configured(self, place: str, value: object):
        settings = yaml.safe_load(self.config.read_text())
        section = settings
        *path, last = place.split(".")
        for key in path:
            section = section.setdefault(key, {})
        section[last] = value
        with self.edited("my.yaml", self.config.read_text(), yaml.safe_dump(settings)):
            yield


def checkout(root: Path, settings: Mapping[str, object]) -> Project:
    """A copy of the project without results, with `my.yaml` as its config."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, root / part)
    (root / "my.yaml").write_text(yaml.safe_dump(dict(settings)))
    return Project(root)
