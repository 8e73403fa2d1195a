"""Several trainings in one process: each says which step it wants, and those that want the same one get it at once.

Each keeps what it has alone: its order of bags, its optimiser, its choice of an epoch, its checkpoints, its end. One
that ends leaves the others. Where they were killed at different steps, those behind catch up first, so that all want
the same step again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from marrow.device.out_of_memory import is_out_of_memory
from marrow.errors import RunStopped
from marrow.learning.many_seeds.stepper import StackedStepper
from marrow.learning.training.interrupt import Interrupt
from marrow.learning.training.step import Step
from marrow.learning.training.trainer import Steps, Trainer, Wanted, following

_log = logging.getLogger(__name__)


@dataclass
class _Course:
    """A training on its way.

    Attributes:
        number: among all.
        wanted: its next step; None at its end.
    """

    number: int
    trainer: Trainer
    steps: Steps
    wanted: Wanted | None = None

    @property
    def place(self) -> int:
        """How many steps it has behind it."""
        return self.wanted.step if self.wanted else 0


class Together:
    """Trains several models of one method on one data set, which differ in their seeds.

    Args:
        trainers: the trainings. They hear of `interrupt` and of no other.
        interrupt: whether they shall leave.
        asked: whether the process was asked to leave.
        precision: that of all encoders' inner values; None where they differ, or take instances in chunks: then each
            step is made by itself.
    """

    def __init__(
        self, trainers: Sequence[Trainer], interrupt: Interrupt, asked: Interrupt, precision: torch.dtype | None
    ) -> None:
        self._trainers = trainers
        self._interrupt, self._asked = interrupt, asked
        self._precision = precision
        self._stacked: tuple[list[int], StackedStepper] | None = None

    def train(self, finish: Callable[[int], None]) -> dict[int, RunStopped]:
        """Train all to their ends.

        Args:
            finish: told the number of each training that has ended, when it has.

        Returns:
            Why some were stopped, by their numbers.

        Raises:
            SystemExit: the process was asked to leave, and all have kept a checkpoint.
        """
        stopped: dict[int, RunStopped] = {}
        going = [_Course(number, trainer, trainer.steps()) for number, trainer in enumerate(self._trainers)]
        turn: list[_Course] = going
        made: list[Step | None] = [None] * len(going)
        try:
            while going:
                self._interrupt.asked = self._asked.asked  # all hear of it after the same step
                left = [_sent(course, step, stopped) for course, step in zip(turn, made, strict=True)]
                if any(left):
                    self._interrupt.leave()
                for course in (course for course in turn if course.wanted is None and course.number not in stopped):
                    finish(course.number)
                going = [course for course in going if course.wanted is not None]
                first = min((course.place for course in going), default=0)
                turn = [course for course in going if course.place == first]
                made = list(self._made(turn))
        finally:
            for course in going:
                course.steps.close()
        return stopped

    def _made(self, turn: Sequence[_Course]) -> list[Step]:
        """The next step of each of some trainings that are at the same one."""
        wanted = [course.wanted for course in turn if course.wanted is not None]
        if len(turn) > 1 and self._precision is not None:
            try:
                return self._stack_of(turn)([each.batch for each in wanted], wanted[0].epoch, wanted[0].step)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._go_one_by_one(len(turn))
        if self._precision is None and torch.cuda.is_available():
            torch.cuda.empty_cache()
        return [course.trainer.make(each) for course, each in zip(turn, wanted, strict=True)]

    def _stack_of(self, turn: Sequence[_Course]) -> StackedStepper:
        numbers = [course.number for course in turn]
        if self._stacked is None or self._stacked[0] != numbers:
            steppers = [course.trainer.stepper for course in turn]
            self._stacked = numbers, StackedStepper(steppers, self._precision or torch.float32)
        return self._stacked[1]

    def _go_one_by_one(self, count: int) -> None:
        self._precision = self._stacked = None
        _log.warning(
            "memory ran out with %d runs at once: from here on each makes its steps by itself; set seeds_per_process "
            "lower to train fewer at once",
            count,
        )


def _sent(course: _Course, made: Step | None, stopped: dict[int, RunStopped]) -> bool:
    """Send a training the step that it wanted; whether it leaves."""
    try:
        course.wanted = next(course.steps, None) if made is None else following(course.steps, made)
    except RunStopped as stop:
        course.wanted, stopped[course.number] = None, stop
    except SystemExit:
        return True
    return False
