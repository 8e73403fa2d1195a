"""Several runs of a method in one process, each put into the archive under the fingerprint that its own job will have.

So its job `train_model` finds each run finished, and what is stale is decided run by run as ever. A run that is stopped
is not put there: its own job trains it again and says why.
"""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import marrow
from marrow.learning.many_seeds.schedule import ManySeedsTraining
from marrow.learning.training.interrupt import Interrupt
from marrow.planning.kinds import training_modules
from marrow.runs.files import RunFiles
from marrow.runs.training import MethodOnData, Training
from marrow.workflow.archive import Archive
from marrow.workflow.fingerprint.code import job_code
from marrow.workflow.fingerprint.values import job_fingerprint
from marrow.workflow.paths import CHECKPOINTS
from marrow.workflow.record import Source

SCRIPTS = Path(marrow.__file__).parents[1]
RULE = "train_model"

_log = logging.getLogger(__name__)


def run_fingerprint(
    manifest: Path, method: str, seed: int, settings: Mapping[str, Any], augmentation: Mapping[str, Any] | None
) -> str:
    """The fingerprint of the job that trains a run, from its one input and its settings."""
    params = {"method": method, "seed": seed, "settings": settings, "augmentation": augmentation, "attributes": None}
    code = job_code(SCRIPTS, RULE, training_modules(settings, augmentation))
    return job_fingerprint(RULE, code, params, {"manifest": Source.of(manifest).digest})


def train_seeds(
    common: MethodOnData, fingerprints: Mapping[int, str], archive: Archive, folder: Path, asked: Interrupt
) -> dict[int, str]:
    """Train several runs at once, and put those that come to their end into the archive under their fingerprints.

    Files may lie in `folder` for a while, on the archive's file system. Returns what became of each seed, in words.
    """
    interrupt = Interrupt()
    trainings: list[Training] = []
    for seed, fingerprint in fingerprints.items():
        shared = trainings[0].prepared.all if trainings else None
        trainings.append(Training(common, seed, CHECKPOINTS / fingerprint, interrupt, shared))
    seeds = list(fingerprints)
    became = dict.fromkeys(seeds, "trained")

    def finish(number: int) -> None:
        seed = seeds[number]
        files = RunFiles.within(folder / f"seed-{seed}")
        files.model.parent.mkdir(parents=True)
        trainings[number].write(files, trained_with=[other for other in seeds if other != seed])
        archive.keep(fingerprints[seed], list(files))
        shutil.rmtree(CHECKPOINTS / fingerprints[seed], ignore_errors=True)

    together = ManySeedsTraining([each.trainer for each in trainings], interrupt, asked, _precision(trainings))
    for number, stop in together.train(finish).items():
        _log.warning("seed %d: %s", seeds[number], stop)
        became[seeds[number]] = f"stopped: {stop}"
    return became


def _precision(trainings: list[Training]) -> torch.dtype | None:
    """That of all encoders; None where they differ, or where memory ran out before."""
    precisions = {each.prepared.encoder.precision for each in trainings}
    return precisions.pop() if len(precisions) == 1 else None
