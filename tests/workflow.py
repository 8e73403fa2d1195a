"""Snakemake's view of the workflow, for tests: its rules, parsed but not run."""

import os
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

ROOT = Path(__file__).parents[1]


def parse(directory: Path, config: dict[str, Any] | None = None) -> Any:
    """The workflow after reading the Snakefile in a working directory of its own."""
    before = Path.cwd()
    try:
        with SnakemakeApi() as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(config=config or {}),
                snakefile=ROOT / "Snakefile",
                workdir=directory,
            )
            return workflow._workflow
    finally:
        os.chdir(before)
