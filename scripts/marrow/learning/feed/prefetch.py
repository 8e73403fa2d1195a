"""Computes values in a second thread while earlier ones are in use."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MOST_READY = 32

Key = TypeVar("Key")
Value = TypeVar("Value")


def prefetch(
    make: Callable[[Key], Value], keys: Iterable[Key], size: Callable[[Key], int], room: int
) -> Generator[Value]:
    """The values `make(key)`, made in a second thread, in the order of the keys.

    Values that are not yet used take `room` at most, each its `size`, but one is always computed ahead and never more
    than `MOST_READY`. An exception of `make` is raised where its value is due. Closing the generator ends the work in
    the thread.
    """
    upcoming = deque(keys)
    begun: deque[tuple[int, Future[Value]]] = deque()
    pool = ThreadPoolExecutor(1, "prefetch")

    def begin() -> None:
        ready = sum(value_size for value_size, _ in begun)
        while upcoming and len(begun) < MOST_READY and (not begun or ready + size(upcoming[0]) <= room):
            key = upcoming.popleft()
            begun.append((size(key), pool.submit(make, key)))
            ready += begun[-1][0]

    try:
        begin()
        while begun:
            _, future = begun.popleft()
            begin()
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
