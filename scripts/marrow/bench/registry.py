"""All benchmarks, in the order of the page."""

from collections.abc import Sequence

from marrow.bench import augment, bags, chain, correct, digits, nyul, plan, sample, segment
from marrow.bench.measurement import Benchmark
from marrow.errors import MarrowError

BENCHMARKS = (
    nyul.APPLY,
    nyul.LANDMARKS,
    chain.CHAIN,
    segment.INFERENCE,
    segment.TILES,
    correct.CORRECT,
    sample.SAMPLE,
    bags.READ,
    bags.OPEN,
    digits.DIGIT,
    augment.TORCHIO,
    augment.MONAI,
    plan.NOOP_300,
    plan.FRESH_5000,
)


def chosen(only: str | None, benchmarks: Sequence[Benchmark] = BENCHMARKS) -> list[Benchmark]:
    """All benchmarks, or the one of the given id.

    Raises:
        MarrowError: there is no such benchmark.
    """
    found = [benchmark for benchmark in benchmarks if only in {None, benchmark.id}]
    if not found:
        known = ", ".join(benchmark.id for benchmark in benchmarks)
        raise MarrowError(f"there is no benchmark {only}; choose one of {known}")
    return found
