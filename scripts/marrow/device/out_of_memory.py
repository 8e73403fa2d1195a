"""What to do when memory runs out in a step: run the encoder in chunks from then on, once."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from marrow.device.chunks import ChunkedEncoder
from marrow.device.random_state import random_state, restore_random
from marrow.errors import MarrowError

CHUNKS = 16
WORDS = ("out of memory", "can't allocate memory", "_ALLOC_FAILED")

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


def is_out_of_memory(error: Exception) -> bool:
    """Whether this is how PyTorch, its allocators and CUDA's libraries say that there is no memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)


class OutOfMemoryGuard:
    """Calls steps; after the first that runs out of memory it tells the encoder to run in chunks, and calls it again.

    Chance stands where it stood at the first call. A step must set gradients and not add to them, and give back what
    else it has moved when it fails.
    """

    def __init__(self, encoder: ChunkedEncoder) -> None:
        self._encoder = encoder

    @property
    def chunk(self) -> int | None:
        """How many instances the encoder takes at a time since memory ran out; None where it did not."""
        return self._encoder.chunk if self._encoder.recomputes else None

    def go_on(self, chunk: int | None) -> None:
        """Take up where another process was, that may have run out of memory before."""
        if chunk is not None:
            self._encoder.recompute(chunk)

    def attempt(self, step: Callable[[], Result]) -> Result:
        """What a step gives.

        Raises:
            MarrowError: memory runs out and the encoder runs in chunks already, or is not what takes it.
        """
        chance = random_state()
        self._encoder.seen = 0
        try:
            return step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._chunk(error)
        # Only here has the failed step let go of its tensors: an error that is being handled holds on to them.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        restore_random(chance)
        return self.attempt(step)

    def _chunk(self, error: Exception) -> None:
        """Have the encoder run in chunks, unless that is done or does not help."""
        encoder, seen = self._encoder, self._encoder.seen
        if encoder.recomputes or seen <= 1:
            tried = f", though the encoder takes {encoder.chunk} instances at a time" if encoder.recomputes else ""
            reason = str(error).strip().partition("\n")[0]
            raise MarrowError(
                f"memory ran out in a step{tried} ({reason}); lower training.bags_per_step, take a smaller encoder, or "
                "a device with more memory left"
            ) from error
        encoder.recompute(-(-seen // CHUNKS))
        _log.warning(
            "memory ran out with %d instances at once: from here on the encoder takes %d at a time and computes twice "
            "what gradients need; that is slower, and changes results by no more than rounding",
            seen,
            encoder.chunk,
        )
