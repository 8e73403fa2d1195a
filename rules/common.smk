# What the other files here share: the plan, made of the checked config, and how a job says what it depends on.

import re
import sys
from pathlib import Path

from snakemake.logging import logger

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from marrow.errors import MarrowError
from marrow.planning.cohort import remember_splits
from marrow.planning.inputs import Inputs
from marrow.planning.inputs.resources import each_attempt, mebibytes, minutes
from marrow.planning.plan import make_plan
from marrow.planning.runs import PREDICTED, RUN_NAME, RUNS
from marrow.workflow.fingerprint.code import remember_code
from marrow.workflow.job_rate import drop_default_limit
from marrow.workflow.paths import CODE
from marrow.workflow.snakemake_rules import Freshness

try:
    plan = make_plan(config, Path(workflow.basedir) / "schemas")
except MarrowError as error:
    raise WorkflowError(str(error)) from None

config = plan.config

# What depends on wildcards; functions of them, and patterns of files.
inputs = Inputs(plan)

# The folder of a run, and that of what it says of bags.
RUN = f"{RUNS}/{RUN_NAME}"
PREDICTED_RUN = f"{PREDICTED}/{RUN_NAME}"

# The input `freshness` stands for everything that a clock cannot tell.
freshness = Freshness(workflow)

# Bulky volumes go once nothing needs them any more, if the config says so; their records stay.
bulky = (lambda files: files) if config["keep_intermediates"] else temp


wildcard_constraints:
    scan="[A-Za-z0-9][A-Za-z0-9_.-]*",
    bag="[A-Za-z0-9][A-Za-z0-9_.-]*",
    contrast="[a-z0-9]+",
    scale="[a-z0-9]+(?:-b[0-9.]+)?",
    kind="bones|lesions",
    trained_on="train|all",
    method="[a-z0-9][a-z0-9-]*",
    seed="[0-9]+",
