"""All benchmarks, in the order of the page."""

from collections.abc import Sequence

from benchmarks import (
    archive,
    augment,
    bags,
    bones,
    chain,
    clinical,
    correct,
    digits,
    learning,
    many_seeds,
    nyul,
    plan,
    report,
    sample,
    segment,
    torchmil,
)
from benchmarks.measurement import Benchmark
from marrow.errors import MarrowError

BENCHMARKS = (
    archive.INGEST,
    archive.SHEET,
    nyul.APPLY,
    nyul.LANDMARKS,
    chain.CHAIN,
    segment.INFERENCE,
    segment.TILES,
    correct.CORRECT,
    bones.DEMO,
    bones.HALF_SIZE,
    sample.SAMPLE,
    bags.READ,
    bags.OPEN,
    digits.DIGIT,
    augment.TORCHIO,
    augment.MONAI,
    learning.OVERHEAD,
    learning.METHOD_STEPS,
    learning.PLAIN_LOOP,
    torchmil.MNIST,
    clinical.STEP,
    clinical.PREDICTION,
    many_seeds.MANY_SEEDS,
    plan.NOOP_300,
    plan.FRESH_5000,
    report.REPORT_300,
)


def chosen(only: str | None, benchmarks: Sequence[Benchmark] = BENCHMARKS) -> list[Benchmark]:
    """All benchmarks but those that run on request, or the one of the given id.

    Raises:
        MarrowError: there is no such benchmark.
    """
    found = [each for each in benchmarks if only == each.id or (only is None and not each.on_request)]
    if not found:
        known = ", ".join(benchmark.id for benchmark in benchmarks)
        raise MarrowError(f"there is no benchmark {only}; choose one of {known}")
    return found
