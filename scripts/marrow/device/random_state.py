"""What is random: the state of PyTorch's generators, from which weights and dropout are drawn, and seeds by name."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def random_state() -> dict[str, Tensor]:
    """Where PyTorch's generators stand; augmentation and the order of bags have no state of their own."""
    state = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def restore_random(state: Mapping[str, Tensor]) -> None:
    """Set PyTorch's generators to where they stood."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def named_seed(*names: str | int) -> int:
    """The seed of a random stream that depends on these names alone."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, names)).encode()).digest()[:16])
