"""Parses the workflow with Snakemake and runs nothing: for tests, benchmarks and the docs."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

REPOSITORY = Path(__file__).parents[3]


def parse_workflow(directory: Path, config: Mapping[str, Any] | None = None, configfiles: Sequence[Path] = ()) -> Any:
    """Snakemake's workflow object with all of its rules, under settings that replace those of `config.yaml`."""
    before = Path.cwd()
    try:
        with SnakemakeApi() as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(config=dict(config or {}), configfiles=list(configfiles)),
                snakefile=REPOSITORY / "Snakefile",
                workdir=directory,
            )
            return workflow._workflow  # pyright: ignore[reportPrivateUsage]
    finally:
        os.chdir(before)
