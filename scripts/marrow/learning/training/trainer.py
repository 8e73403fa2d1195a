"""The training loop: written once for all methods, able to leave at any step and to go on to the same bits.

What a training is made of comes from outside: the model, its main loss and the weighting of its tasks in the stepper,
and the feeds. The loop owns the order of bags, the learning rate, the watch over losses, the checkpoints and the choice
of an epoch. Test bags never enter here.

The loop says which step it wants and is given it, so that somebody else may make the steps of several trainings at once
(`marrow.learning.many_seeds.schedule`).
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
from marrow.errors import MarrowError, RunStopped
from marrow.learning.feed.batch import Batch
from marrow.learning.feed.feed import Feed, order
from marrow.learning.inference import judge
from marrow.learning.training.choice import Choice, Validation
from marrow.learning.training.interrupt import Interrupt
from marrow.learning.training.optimiser import learning_rate, optimiser_of
from marrow.learning.training.step import MAIN, Step, Stepper

EXPLODED = 1e6
_STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 32}  # to look at a number is to wait for the GPU

Row = dict[str, float | int | None]
_log = logging.getLogger(__name__)


@dataclass
class Standing:
    """How far a training has come.

    Attributes:
        epoch: the one that runs, counted from 0.
        position: its steps so far.
        step: all steps so far.
        best_epoch: the chosen one so far, counted from 0; -1 before the first.
        best_score: its score; 0 before the first.
        seconds: of the epoch that runs, up to the last checkpoint.
    """

    epoch: int = 0
    position: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """A step that a training wants made: the gradients of a batch.

    Attributes:
        batch: of bags.
        epoch: counted from 0.
        step: counted from 0, over all epochs.
    """

    batch: Batch
    epoch: int
    step: int


Steps = Generator[Wanted, Step]


class Trainer:
    """Trains a model.

    Args:
        stepper: makes the gradients of a batch; the model in it is trained.
        training: the section `training` of a method.
        bags: to learn from.
        validation: bags to choose an epoch by, if there are any.
        seed: of the order of bags.
        checkpoints: where the training stands.
        interrupt: whether the process was asked to leave.
        guard: calls the steps, and knows what to do where memory runs out.

    Attributes:
        stepper: as given.
        history: a row for each epoch so far.
        at: how far it is.
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
        self.at = Standing()
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
            raise MarrowError(
                f"training.choose is {self._choice.by}, and the data set has no validation bags to choose by; give it "
                "some, or set choose: last and no patience"
            )

    def train(self) -> None:
        """Train to the end; then the model has the weights of the chosen epoch.

        Raises:
            RunStopped: a loss is no number or exploded.
            SystemExit: the process was asked to leave; a checkpoint was kept.
        """
        self._make_all(self.steps())

    def run_epoch(self) -> None:
        """Train for another epoch."""
        self._make_all(self._epoch())

    def make(self, wanted: Wanted) -> Step:
        """A step that this training wants."""
        return self._guard.attempt(lambda: self.stepper(wanted.batch, wanted.epoch, wanted.step))

    def steps(self) -> Steps:
        """All steps that it wants to train to the end; it goes on once it is sent what it wanted. As `train`."""
        self._resume()
        epochs: int = self._training["epochs"]
        self._model.train()
        with tqdm(total=epochs, initial=self.at.epoch, unit="epoch", disable=None, leave=False) as bar:
            while self.at.epoch < epochs and not self._is_over():
                yield from self._epoch()
                bar.update()
        if self._best:
            self._model.load_state_dict(self._best)
        self._model.eval()

    def _make_all(self, steps: Steps) -> None:
        with closing(steps):
            wanted = next(steps, None)
            while wanted is not None:
                wanted = following(steps, self.make(wanted))

    def _is_over(self) -> bool:
        return self._choice.is_over(self.at.epoch, self.at.best_epoch)

    def _epoch(self) -> Steps:
        began = time.monotonic() - self.at.seconds
        groups = self._groups()
        looks = _STEPS_BETWEEN_LOOKS[next(self._model.parameters()).device.type]
        unseen: list[tuple[Sequence[int], Tensor]] = []
        for group, batch in self._bags.batches(groups[self.at.position :], self.at.epoch):
            rate = learning_rate(self._training, self.at.epoch, self.at.step)
            step = yield Wanted(batch, self.at.epoch, self.at.step)
            unseen.append((group, step.losses))
            if len(unseen) >= looks or self.at.position + 1 == len(groups):
                self._look_at(unseen)
                unseen.clear()
            self._optimiser.step(rate)
            self._tally(step)
            self.at.position += 1
            self.at.step += 1
            if self._interrupt.asked or self._checkpoints.is_due:
                self._look_at(unseen)
                unseen.clear()
                self.at.seconds = time.monotonic() - began
                self._keep()
        self._end_epoch(time.monotonic() - began)

    def _groups(self) -> list[list[int]]:
        """The bags of each step of the epoch."""
        size: int = self._training["bags_per_step"]
        shuffled = order(self._seed, self.at.epoch, len(self._bags))
        return [list(shuffled[first : first + size]) for first in range(0, len(shuffled), size)]

    def _look_at(self, steps: Sequence[tuple[Sequence[int], Tensor]]) -> None:
        """Stop where a loss is no number or exploded, before that reaches a checkpoint."""
        for group, losses in steps:
            if not bool((losses.abs() < EXPLODED).all()):
                names = dict(zip([MAIN, *self._model.tasks], losses.tolist(), strict=True))
                told = ", ".join(f"{name} {loss:g}" for name, loss in names.items())
                before = f"the last good epoch is {len(self.history)}" if self.history else "no epoch was good before"
                raise RunStopped(
                    "loss",
                    f"in epoch {self.at.epoch + 1} the losses of bag {', '.join(self._bags.ids(group))} were {told}; "
                    f"{before}. Look at the bag, or lower training.learning_rate",
                )

    def _tally(self, step: Step) -> None:
        for name, number in step.numbers.items():
            self._sums[name] = self._sums[name] + number if name in self._sums else number.to(torch.float64)
            self._counts[name] = self._counts.get(name, 0) + 1

    def _end_epoch(self, seconds: float) -> None:
        self.stepper.main_loss.end_epoch()
        row: Row = {
            "epoch": self.at.epoch + 1,
            "seconds": seconds,
            "learning_rate": learning_rate(self._training, self.at.epoch, self.at.step - 1),
        }
        row |= {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        validation = self._validate()
        if validation:
            row |= {f"validation_{name}": value for name, value in asdict(validation).items()}
        self._choose(validation)
        self.history.append(row)
        self._sums, self._counts = {}, {}
        self.at.epoch, self.at.position, self.at.seconds = self.at.epoch + 1, 0, 0.0
        _log.info("%s", self._line(row))

    def _validate(self) -> Validation | None:
        if self._validation is None:
            return None
        return Validation.of(judge(self._model, self._validation, self.stepper.encode), self._validation.labels)

    def _choose(self, validation: Validation | None) -> None:
        """Remember the weights where they are better than any before."""
        if validation is None or not self._choice.needs_validation:
            return
        score = self._choice.score(validation)
        if self.at.best_epoch < 0 or score > self.at.best_score:
            self.at.best_epoch, self.at.best_score = self.at.epoch, score
            if self._choice.by != "last":
                self._best = {name: tensor.clone() for name, tensor in self._model.state_dict().items()}

    @property
    def chosen_epoch(self) -> int:
        """Whose weights the trained model has, counted from 1."""
        return self.at.best_epoch + 1 if self._choice.by != "last" else self.at.epoch

    def _line(self, row: Row) -> str:
        """One epoch in words, with what is left."""
        left = (self._training["epochs"] - self.at.epoch) * sum(float(row["seconds"] or 0) for row in self.history[-5:])
        left /= min(5, len(self.history))
        told = [f"{name} {value:.4g}" for name, value in row.items() if name not in {"epoch", "seconds"} and value]
        return f"epoch {row['epoch']} of {self._training['epochs']}: {', '.join(told)}; {left:.0f} s left"

    def _keep(self) -> None:
        """Keep a checkpoint; leave where that was asked."""
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
            "at": asdict(self.at),
            "history": self.history,
            "counts": self._counts,
            "chunk": self._guard.chunk,
        }
        self._checkpoints.keep(Checkpoint(tensors, values))
        if self._interrupt.asked:
            _log.warning("asked to leave in epoch %d after step %d: saved", self.at.epoch + 1, self.at.position)
            self._interrupt.leave()

    def _resume(self) -> None:
        kept = self._checkpoints.read()
        if kept is None:
            return
        device = next(self._model.parameters()).device
        self.at, self.history = Standing(**kept.values["at"]), kept.values["history"]
        self._counts = kept.values["counts"]
        self._guard.go_on(kept.values["chunk"])
        self._model.load_state_dict(kept.part("model"))
        self._best = {name: tensor.to(device) for name, tensor in kept.part("best").items()}
        self._sums = {name: tensor.to(device) for name, tensor in kept.part("sums").items()}
        self._optimiser.restore(kept.part("optimiser"))
        self.stepper.weighting.restore(kept.part("weighting"))
        self.stepper.main_loss.restore(kept.part("main_loss"))
        restore_random(kept.part("random"))
        _log.info("going on in epoch %d after step %d", self.at.epoch + 1, self.at.position)


def following(steps: Steps, made: Step) -> Wanted | None:
    """The step that is wanted after one that was made; None at the end."""
    try:
        return steps.send(made)
    except StopIteration:
        return None
