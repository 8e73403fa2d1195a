"""Signals that ask a training to save and leave: a cluster sends one some time before it kills the process.

The signal handler only sets a flag, because a save inside the handler could meet a half-finished step. The trainer
checks the flag after every step, saves, and exits with a code of its own, by which a scheduler knows that the job is
to be started again and has not failed.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
EXIT_RETRY = 75  # EX_TEMPFAIL of sysexits.h


class Interrupt:
    """Whether this process was asked to leave."""

    def __init__(self) -> None:
        self.requested = False

    def leave(self) -> None:
        """Exit with the code that means: start this job again."""
        raise SystemExit(EXIT_RETRY)


@contextmanager
def listening() -> Generator[Interrupt]:
    """Within the block, signals set the flag instead of ending the process; the handlers are restored afterwards."""
    interrupt = Interrupt()

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupt.requested = True

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
