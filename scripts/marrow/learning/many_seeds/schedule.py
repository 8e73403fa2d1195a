"""The schedule of many seeds in one process: computes a training step of all seeds with one call of the network.

A trainer yields requests for its steps (`marrow.learning.training.trainer`). Seeds that request the step of the same
number get it from one `ManySeedsStepper`. Everything else is separate for each seed: the order of bags, optimiser,
choice of an epoch, checkpoints and end. When seeds resume from checkpoints of different steps, those behind catch up
first, so that afterwards all request the same step again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from marrow.device.out_of_memory import is_out_of_memory
from marrow.errors import RunStopped
from marrow.learning.many_seeds.stepper import ManySeedsStepper
from marrow.learning.training.interrupt import Interrupt
from marrow.learning.training.step import Step
from marrow.learning.training.trainer import StepRequest, Steps, Trainer, next_request

_log = logging.getLogger(__name__)


@dataclass
class _Seed:
    """The training of one seed, by its number, with its next request: None before the first and after the last one."""

    number: int
    trainer: Trainer
    steps: Steps
    request: StepRequest | None = None

    @property
    def steps_done(self) -> int:
        """How many steps it has completed."""
        return self.request.step if self.request else 0


class ManySeedsTraining:
    """Trains models of one method on one data set that differ in their seeds.

    Args:
        trainers: one for each seed; all of them save and leave when `interrupt` is set.
        interrupt: set here, after the same step for all seeds.
        process_interrupt: set by a signal to the process.
        precision: of the values inside the encoders; None where encoders differ in it or split instances into chunks:
            each seed then computes its steps by itself.
    """

    def __init__(
        self,
        trainers: Sequence[Trainer],
        interrupt: Interrupt,
        process_interrupt: Interrupt,
        precision: torch.dtype | None,
    ) -> None:
        self._trainers = trainers
        self._interrupt, self._process_interrupt = interrupt, process_interrupt
        self._precision = precision
        self._stepper: tuple[list[int], ManySeedsStepper] | None = None

    def train(self, finish: Callable[[int], None]) -> dict[int, RunStopped]:
        """Train all seeds to their ends, and call `finish` with the number of each that gets there.

        Returns, for the numbers of seeds that were stopped, why.

        Raises:
            SystemExit: the process was asked to leave, and all seeds have saved a checkpoint.
        """
        stopped: dict[int, RunStopped] = {}
        running = [_Seed(number, trainer, trainer.steps()) for number, trainer in enumerate(self._trainers)]
        due: list[_Seed] = running
        computed: list[Step | None] = [None] * len(running)
        try:
            while running:
                self._interrupt.requested = self._process_interrupt.requested
                leaving = [_advance(seed, step, stopped) for seed, step in zip(due, computed, strict=True)]
                if any(leaving):
                    self._interrupt.leave()
                for seed in (seed for seed in due if seed.request is None and seed.number not in stopped):
                    finish(seed.number)
                running = [seed for seed in running if seed.request is not None]
                fewest = min((seed.steps_done for seed in running), default=0)
                due = [seed for seed in running if seed.steps_done == fewest]
                computed = list(self._compute(due))
        finally:
            for seed in running:
                seed.steps.close()
        return stopped

    def _compute(self, due: Sequence[_Seed]) -> list[Step]:
        """The next step of each of some seeds, all at the same step number."""
        requests = [seed.request for seed in due if seed.request is not None]
        if len(due) > 1 and self._precision is not None:
            try:
                stepper = self._stepper_of(due, self._precision)
                return stepper([request.batch for request in requests], requests[0].epoch, requests[0].step)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._separate(len(due))
        if self._precision is None and torch.cuda.is_available():
            torch.cuda.empty_cache()
        return [seed.trainer.compute(request) for seed, request in zip(due, requests, strict=True)]

    def _stepper_of(self, due: Sequence[_Seed], precision: torch.dtype) -> ManySeedsStepper:
        """The stepper of some seeds; built again only when the set of seeds has changed."""
        numbers = [seed.number for seed in due]
        if self._stepper is None or self._stepper[0] != numbers:
            self._stepper = numbers, ManySeedsStepper([seed.trainer.stepper for seed in due], precision)
        return self._stepper[1]

    def _separate(self, count: int) -> None:
        """Let each seed compute its steps by itself from now on."""
        self._precision = self._stepper = None
        _log.warning(
            "memory ran out with %d seeds in one process: from here on each computes its steps by itself; lower "
            "seeds_per_process",
            count,
        )


def _advance(seed: _Seed, computed: Step | None, stopped: dict[int, RunStopped]) -> bool:
    """Give a training the step that it requested, and note its next request; True if it leaves on an interrupt."""
    try:
        seed.request = next(seed.steps, None) if computed is None else next_request(seed.steps, computed)
    except RunStopped as reason:
        seed.request, stopped[seed.number] = None, reason
    except SystemExit:
        return True
    return False
