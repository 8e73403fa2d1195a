"""Things made in a thread of their own while the ones before are in use."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MOST = 32

Key = TypeVar("Key")
Made = TypeVar("Made")


def made_ahead(
    make: Callable[[Key], Made], keys: Iterable[Key], size: Callable[[Key], int], room: int
) -> Generator[Made]:
    """What `make` gives for each key, in their order.

    Besides what is in use, so much lies ready as has room, but at least one and at most `MOST`. What `make` raises is
    raised here in its place. Nothing goes on after the generator is closed.

    Args:
        make: called in the other thread.
        keys: of what is wanted.
        size: of what `make` gives for a key.
        room: for what lies ready, in the same unit.
    """
    upcoming = deque(keys)
    begun: deque[tuple[int, Future[Made]]] = deque()
    pool = ThreadPoolExecutor(1, "made-ahead")

    def begin() -> None:
        taken = sum(held for held, _ in begun)
        while upcoming and len(begun) < MOST and (not begun or taken + size(upcoming[0]) <= room):
            key = upcoming.popleft()
            begun.append((size(key), pool.submit(make, key)))
            taken += begun[-1][0]

    try:
        begin()
        while begun:
            _, future = begun.popleft()
            begin()
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
