"""Asked to leave: a cluster that wants its machine back sends a signal some time before it kills.

The handler only notes it, for saving inside a handler may meet a half-made step. The trainer looks after every step,
saves, and leaves with a code of its own, so that a scheduler can tell "come again" from "failed".
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
COME_AGAIN = 75  # EX_TEMPFAIL of sysexits.h


class Interrupt:
    """Whether this process was asked to leave."""

    def __init__(self) -> None:
        self.asked = False

    def leave(self) -> None:
        """End the process with the code that says: come again.

        Raises:
            SystemExit: always.
        """
        raise SystemExit(COME_AGAIN)


@contextmanager
def listening() -> Generator[Interrupt]:
    """Note signals that ask to leave, instead of dying from them; as before afterwards."""
    interrupt = Interrupt()

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupt.asked = True

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
