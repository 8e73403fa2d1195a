"""The training loop of all methods. It can stop after any step and resume with the same result to the last bit.

The stepper (model, main loss and weighting of the tasks) and the feeds are arguments. The loop is responsible for the
order of bags, the learning rate, the check of losses, checkpoints and the choice of an epoch. Test bags never enter.

The loop is a generator: it yields a request for each step and is sent the result. This way
`marrow.learning.many_seeds.schedule` can compute the steps of many seeds together.
"""

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from marrow.device.checkpoint import Checkpoint, Checkpoints, parts
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.device.random_state import random_state, restore_random
from marrow.errors import RunStopped
from marrow.learning.feed.feed import Batch, Feed, order
from marrow.learning.inference import predict
from marrow.learning.training.choice import Choice, Validation
from marrow.learning.training.interrupt import Interrupt
from marrow.learning.training.optimiser import learning_rate, optimiser_of
from marrow.learning.training.step import MAIN, Step, Stepper

EXPLODED = 1e6
_STEPS_BETWEEN_CHECKS = {"cpu": 1, "cuda": 32}  # reading a loss waits for the GPU

Row = dict[str, float | int | None]
_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far a training has come; part of a checkpoint.

    Attributes:
        epoch: the current one, counted from 0.
        position: completed steps of this epoch.
        step: completed steps of all epochs.
        best_epoch: the best one so far, counted from 0; -1 before the first.
        best_score: its score; 0 before the first.
        seconds: duration of the current epoch up to the last checkpoint.
    """

    epoch: int = 0
    position: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class StepRequest:
    """A training's request to compute the gradients of a batch, in an epoch and a step of all epochs, both from 0."""

    batch: Batch
    epoch: int
    step: int


Steps = Generator[StepRequest, Step]


class Trainer:
    """Trains a model: its history has a row for each completed epoch, and `progress` says how far it has come.

    The seed is that of the order of bags. The guard calls the stepper, which holds the model, and repeats a step with
    less memory if memory runs out.
    """

    def __init__(
        self,
        stepper: Stepper,
        training: Mapping[str, Any],
        bags: Feed,
        validation: Feed | None,
        *,
        seed: int,
        checkpoints: Checkpoints,
        interrupt: Interrupt,
        guard: OutOfMemoryGuard,
    ) -> None:
        self.history: list[Row] = []
        self.progress = Progress()
        self.stepper = stepper
        self._model = stepper.model
        self._training = training
        self._bags, self._validation = bags, validation
        self._seed = seed
        self._checkpoints = checkpoints
        self._interrupt = interrupt
        self._guard = guard
        self._choice = Choice.of(training)
        self._optimiser = optimiser_of(training, self._model)
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._best: dict[str, Tensor] = {}
        if validation is None and self._choice.needs_validation:
            raise RunStopped(
                "validation_bags",
                f"training.choose is {self._choice.by}, and the data set has no validation bags to choose by; give it "
                "some, mend those that were stopped, or set choose: last and no patience",
            )

    def train(self) -> None:
        """Train to the end; the model then has the weights of the chosen epoch.

        Raises:
            RunStopped: a loss is NaN or exploded.
            SystemExit: the process was asked to leave; a checkpoint was saved.
        """
        self._compute_all(self.steps())

    def run_epoch(self) -> None:
        """Train for one more epoch."""
        self._compute_all(self._steps_of_epoch())

    def compute(self, request: StepRequest) -> Step:
        """Compute a requested step."""
        return self._guard.attempt(lambda: self.stepper(request.batch, request.epoch, request.step))

    def steps(self) -> Steps:
        """Train to the end as `train` does: yields a request for each step and expects to be sent its result."""
        self._resume_from_checkpoint()
        if not self._model.is_trainable:
            self._model.eval()
            self._end_epoch(0.0)
            return
        epochs: int = self._training["epochs"]
        self._model.train()
        with tqdm(total=epochs, initial=self.progress.epoch, unit="epoch", disable=None, leave=False) as bar:
            while self.progress.epoch < epochs and not self._is_stopped_early():
                yield from self._steps_of_epoch()
                bar.update()
        if self._best:
            self._model.load_state_dict(self._best)
        self._model.eval()

    def _compute_all(self, steps: Steps) -> None:
        with closing(steps):
            request = next(steps, None)
            while request is not None:
                request = next_request(steps, self.compute(request))

    def _is_stopped_early(self) -> bool:
        return self._choice.is_over(self.progress.epoch, self.progress.best_epoch)

    def _steps_of_epoch(self) -> Steps:
        started = time.monotonic() - self.progress.seconds
        groups = self._groups()
        steps_between = _STEPS_BETWEEN_CHECKS[next(self._model.parameters()).device.type]
        unchecked: list[tuple[Sequence[int], Tensor]] = []
        for group, batch in self._bags.batches(groups[self.progress.position :], self.progress.epoch):
            rate = learning_rate(self._training, self.progress.epoch, self.progress.step)
            step = yield StepRequest(batch, self.progress.epoch, self.progress.step)
            unchecked.append((group, step.losses))
            if len(unchecked) >= steps_between or self.progress.position + 1 == len(groups):
                self._check_losses(unchecked)
                unchecked.clear()
            self._optimiser.step(rate)
            self._add_to_means(step)
            self.progress.position += 1
            self.progress.step += 1
            if self._interrupt.requested or self._checkpoints.is_due:
                self._check_losses(unchecked)
                unchecked.clear()
                self.progress.seconds = time.monotonic() - started
                self._save()
        self._end_epoch(time.monotonic() - started)

    def _groups(self) -> list[list[int]]:
        """The bags of each step of the epoch."""
        size: int = self._training["bags_per_step"]
        shuffled = order(self._seed, self.progress.epoch, len(self._bags))
        return [list(shuffled[first : first + size]) for first in range(0, len(shuffled), size)]

    def _check_losses(self, steps: Sequence[tuple[Sequence[int], Tensor]]) -> None:
        """Stop the run if a loss is NaN or exploded, before the step reaches a checkpoint."""
        for group, losses in steps:
            if not bool((losses.abs() < EXPLODED).all()):
                names = dict(zip([MAIN, *self._model.tasks], losses.tolist(), strict=True))
                described = ", ".join(f"{name} {loss:g}" for name, loss in names.items())
                before = f"the last good epoch is {len(self.history)}" if self.history else "no epoch was good before"
                raise RunStopped(
                    "loss",
                    f"in epoch {self.progress.epoch + 1} the losses of bag {', '.join(self._bags.ids(group))} were "
                    f"{described}; {before}. Look at the bag, or lower training.learning_rate",
                )

    def _add_to_means(self, step: Step) -> None:
        for name, number in step.history.items():
            self._sums[name] = self._sums[name] + number if name in self._sums else number.to(torch.float64)
            self._counts[name] = self._counts.get(name, 0) + 1

    def _end_epoch(self, seconds: float) -> None:
        self.stepper.main_loss.end_epoch()
        row: Row = {
            "epoch": self.progress.epoch + 1,
            "seconds": seconds,
            "learning_rate": learning_rate(self._training, self.progress.epoch, self.progress.step - 1),
        }
        row |= {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        validation = self._validate()
        if validation:
            row |= {f"validation_{name}": value for name, value in asdict(validation).items()}
        self._choose(validation)
        self.history.append(row)
        self._sums, self._counts = {}, {}
        self.progress.epoch, self.progress.position, self.progress.seconds = self.progress.epoch + 1, 0, 0.0
        _log.info("%s", self._log_line(row))

    def _validate(self) -> Validation | None:
        if self._validation is None:
            return None
        return Validation.of(predict(self._model, self._validation, self.stepper.encode), self._validation.labels)

    def _choose(self, validation: Validation | None) -> None:
        """Keep a copy of the weights if they are better than those of all epochs before."""
        if validation is None or not self._choice.needs_validation:
            return
        score = self._choice.score(validation)
        if self.progress.best_epoch < 0 or score > self.progress.best_score:
            self.progress.best_epoch, self.progress.best_score = self.progress.epoch, score
            if self._choice.by != "last":
                self._best = {name: tensor.clone() for name, tensor in self._model.state_dict().items()}

    @property
    def chosen_epoch(self) -> int:
        """The epoch whose weights the trained model has, counted from 1."""
        return self.progress.best_epoch + 1 if self._choice.by != "last" else self.progress.epoch

    def _log_line(self, row: Row) -> str:
        """The log line of an epoch, with an estimate of the remaining time."""
        recent = [float(row["seconds"] or 0) for row in self.history[-5:]]
        seconds_left = (self._training["epochs"] - self.progress.epoch) * sum(recent) / len(recent)
        values = [f"{name} {value:.4g}" for name, value in row.items() if name not in {"epoch", "seconds"} and value]
        return f"epoch {row['epoch']} of {self._training['epochs']}: {', '.join(values)}; {seconds_left:.0f} s left"

    def _save(self) -> None:
        """Save a checkpoint; exit if the process was asked to leave."""
        tensors = parts(
            model=self._model.state_dict(),
            best=self._best,
            optimiser=self._optimiser.state(),
            weighting=self.stepper.weighting.state(),
            main_loss=self.stepper.main_loss.state(),
            sums=self._sums,
            random=random_state(),
        )
        values = {
            "at": asdict(self.progress),
            "history": self.history,
            "counts": self._counts,
            "chunk": self._guard.chunk,
        }
        self._checkpoints.keep(Checkpoint(tensors, values))
        if self._interrupt.requested:
            epoch, step = self.progress.epoch + 1, self.progress.position
            _log.warning("asked to leave in epoch %d after step %d: saved", epoch, step)
            self._interrupt.leave()

    def _resume_from_checkpoint(self) -> None:
        checkpoint = self._checkpoints.read()
        if checkpoint is None:
            return
        device = next(self._model.parameters()).device
        self.progress, self.history = Progress(**checkpoint.values["at"]), checkpoint.values["history"]
        self._counts = checkpoint.values["counts"]
        self._guard.go_on(checkpoint.values["chunk"])
        self._model.load_state_dict(checkpoint.part("model"))
        self._best = {name: tensor.to(device) for name, tensor in checkpoint.part("best").items()}
        self._sums = {name: tensor.to(device) for name, tensor in checkpoint.part("sums").items()}
        self._optimiser.restore(checkpoint.part("optimiser"))
        self.stepper.weighting.restore(checkpoint.part("weighting"))
        self.stepper.main_loss.restore(checkpoint.part("main_loss"))
        restore_random(checkpoint.part("random"))
        _log.info("going on in epoch %d after step %d", self.progress.epoch + 1, self.progress.position)


def next_request(steps: Steps, computed: Step) -> StepRequest | None:
    """Send a computed step to a training; its next request, or None at the end."""
    try:
        return steps.send(computed)
    except StopIteration:
        return None
