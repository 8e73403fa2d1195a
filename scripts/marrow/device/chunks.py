"""Runs an encoder over instances, all at once or in chunks, whose activations memory then holds one chunk at a time.

Encoders embed each instance by itself, so chunks change nothing but rounding:

    f(x_1 ... x_N) = f(x_1 ... x_c), f(x_c+1 ... x_2c), ...

Where gradients are wanted, the activations of a chunk are forgotten once its embeddings are known, and computed a
second time when its gradients are (once for each task that asks by itself). Dropout is the same both times; but chunks
draw one after another, so that with dropout a run in chunks drops other units than one without, as another seed would.

A compiled encoder takes chunks of one size, for each size would be compiled anew. A smaller chunk is filled up with its
last instance, and what is said of that is left out.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from marrow.device.precision import autocast
from marrow.errors import MarrowError

LARGEST_COMPILED = 256
_COMPILER = ("torch._dynamo", "torch._inductor")


class ChunkedEncoder:
    """An encoder that can be run in chunks.

    Args:
        encoder: instances (n, *shape) -> embeddings (n, width), each by itself.
        precision: that of its inner values; its weights stay in float32.
        memory_format: of its inputs and weights.
        compiled: the size of chunks that it is compiled for; None to leave it as it is.

    Attributes:
        chunk: how many instances it takes at a time; None for all.
        recomputes: whether activations are forgotten and computed a second time.
        seen: how many instances the last call had.
    """

    def __init__(
        self,
        encoder: nn.Module,
        precision: torch.dtype = torch.float32,
        memory_format: torch.memory_format = torch.contiguous_format,
        compiled: int | None = None,
    ) -> None:
        self.chunk = compiled
        self.recomputes = False
        self.seen = 0
        self.precision, self._format = precision, memory_format
        self._is_compiled = compiled is not None
        self._encoder: Callable[[Tensor], Tensor] = encoder.to(memory_format=memory_format)  # pyright: ignore[reportCallIssue]
        if self._is_compiled:
            self._encoder = torch.compile(encoder, dynamic=False)

    def __call__(self, instances: Tensor) -> Tensor:
        """Embed instances (n, *shape) to (n, width).

        Raises:
            MarrowError: the encoder should be compiled and cannot be.
        """
        self.seen = len(instances)
        with autocast(self.precision, instances.device):
            if self.chunk is None:
                return self._embedded(instances)
            embed = self._recomputed if self.recomputes else self._embedded
            return torch.cat([embed(chunk) for chunk in instances.split(self.chunk)])

    def recompute(self, chunk: int) -> None:
        """From now on take so many instances at a time, and forget their activations."""
        self.chunk = chunk
        self.recomputes = True

    def _recomputed(self, chunk: Tensor) -> Tensor:
        return checkpoint(self._embedded, chunk, use_reentrant=False)  # pyright: ignore[reportReturnType]

    def _embedded(self, chunk: Tensor) -> Tensor:
        laid_out = chunk.contiguous(memory_format=self._format)
        if not self._is_compiled:
            return self._encoder(laid_out)
        missing = (self.chunk or 0) - len(chunk)
        filled = torch.cat([laid_out, laid_out[-1:].expand(missing, *chunk.shape[1:])]) if missing else laid_out
        try:
            return self._encoder(filled)[: len(chunk)]
        except Exception as error:
            if type(error).__module__.startswith(_COMPILER):
                reason = str(error).strip().partition("\n")[0]
                raise MarrowError(
                    f"training.compile is true, and the encoder cannot be compiled here ({reason}); set it to false"
                ) from error
            raise


def compiled_size(instances: int) -> int:
    """The size of chunks for steps of about so many instances: a power of two that wastes little on filling up."""
    return min(LARGEST_COMPILED, 1 << max(0, instances - 1).bit_length())
