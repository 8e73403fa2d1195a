"""The encoder in chunks, compiled, in lower precision; what happens when memory runs out; deterministic algorithms."""

import logging
import os
import weakref
from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from marrow.device import precision
from marrow.device.chunks import ChunkedEncoder, compiled_size
from marrow.device.deterministic import WORKSPACE, deterministic
from marrow.device.out_of_memory import OutOfMemoryGuard, is_out_of_memory
from marrow.device.precision import LIMIT, autocast, disagreement, memory_format_of, precision_of
from marrow.errors import MarrowError
from marrow.learning.build import encoder_of
from method_parts import encoder as encoder_settings

INSTANCES = 23
CHUNKS = [1, 4, 22, 23, 99]
CPU = torch.device("cpu")


class Counted(nn.Module):
    """Two convolutions, a normalisation of each instance by itself and dropout; it notes how many instances it got.

    `holds` instances are all that its pretended memory has room for.
    """

    def __init__(self, dropout: float = 0.0, holds: int = 10**9) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Dropout(dropout), nn.Conv3d(4, 5, 2), nn.Flatten()
        )
        self.calls: list[int] = []
        self.holds = holds

    def forward(self, instances: Tensor) -> Tensor:
        self.calls.append(len(instances))
        if len(instances) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nMore.")
        return self.layers(instances)


def network(dropout: float = 0.0, holds: int = 10**9) -> Counted:
    torch.manual_seed(3)
    return Counted(dropout, holds)


def instances(count: int = INSTANCES) -> Tensor:
    return torch.randn(count, 1, 5, 5, 5, generator=torch.Generator().manual_seed(5))


def target(embeddings: Tensor) -> Tensor:
    """A number for each embedding, so that no two have the same gradient."""
    return torch.linspace(-1, 2, embeddings.numel()).view_as(embeddings)


def gradients(network: nn.Module, embeddings: Tensor, **settings: Any) -> list[Tensor]:
    wanted = target(embeddings).to(embeddings.dtype)
    return list(torch.autograd.grad(embeddings, list(network.parameters()), wanted, **settings))


def close(one: list[Tensor], other: list[Tensor], rtol: float = 1e-4) -> bool:
    return all(torch.allclose(a, b, rtol=rtol, atol=1e-5) for a, b in zip(one, other, strict=True))


def in_chunks(network: nn.Module, chunk: int, **settings: Any) -> ChunkedEncoder:
    encoder = ChunkedEncoder(network, **settings)
    encoder.recompute(chunk)
    return encoder


# ---- chunks


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """A compiler that leaves everything as it is; the shapes that it was called with."""
    shapes: list[tuple[int, ...]] = []

    def leave(encoder: nn.Module, *, dynamic: bool) -> Callable[[Tensor], Tensor]:
        assert not dynamic

        def call(given: Tensor) -> Tensor:
            shapes.append(tuple(given.shape))
            return encoder(given)

        return call

    monkeypatch.setattr(torch, "compile", leave)
    return shapes


@pytest.mark.parametrize("chunk", CHUNKS)
def test_embeddings_and_gradients_are_the_same_in_chunks(chunk: int):
    whole = network()
    embeddings = whole(instances())
    expected = gradients(whole, embeddings)
    encoder = in_chunks(whole, chunk)
    found = encoder(instances())
    assert torch.allclose(found, embeddings, rtol=1e-5, atol=1e-6)
    assert close(gradients(whole, found), expected)


ENCODERS = pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"kind": "lenet"}, (1, 28, 28)),
        ({"kind": "lenet3d", "kernel": 5}, (1, 16, 16, 16)),
        ({"kind": "lenet3d", "kernel": 3}, (2, 16, 16, 16)),
        ({"kind": "mlp", "dropout": 0.0}, (30,)),
        ({"kind": "resnet", "width": 8}, (3, 32, 32)),
    ],
    ids=["lenet", "lenet3d-5", "lenet3d-3", "mlp", "resnet"],
)


@ENCODERS
def test_the_encoders_give_the_same_in_chunks_and_filled_up(compiler, settings: dict[str, Any], shape: tuple[int, ...]):
    torch.manual_seed(1)
    encoder = encoder_of(encoder_settings(shape, **settings), shape)
    given = torch.randn(7, *shape)
    embeddings = encoder(given)
    expected = gradients(encoder, embeddings)
    for filled in (None, 4):
        run = ChunkedEncoder(encoder, compiled=filled)
        run.recompute(4)
        found = run(given)
        assert torch.allclose(found, embeddings, rtol=1e-4, atol=1e-5)
        for gradient, wanted in zip(gradients(encoder, found), expected, strict=True):
            assert (gradient - wanted).norm() < 1e-4 * wanted.norm()


@ENCODERS
def test_the_encoders_bear_bfloat16(settings: dict[str, Any], shape: tuple[int, ...]):
    torch.manual_seed(1)
    assert 0 < disagreement(encoder_of(encoder_settings(shape, **settings), shape), torch.randn(4, *shape)) < LIMIT / 2


def test_an_encoder_that_was_told_nothing_takes_all_at_once():
    whole = network()
    encoder = ChunkedEncoder(whole)
    assert torch.equal(encoder(instances()), whole.layers(instances()))
    assert (whole.calls, encoder.seen, encoder.chunk, encoder.recomputes) == ([INSTANCES], INSTANCES, None, False)


def test_activations_are_forgotten_and_computed_again_for_gradients():
    whole = network()
    kept = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        whole(instances())
        all_at_once, kept = kept, 0
        assert all_at_once > 3 * instances().numel()
        whole.calls.clear()
        embeddings = in_chunks(whole, 10)(instances())
    assert kept == instances().numel()  # what goes in, and nothing from inside
    assert whole.calls == [10, 10, 3]
    gradients(whole, embeddings)
    assert sorted(whole.calls[3:]) == [3, 10, 10]


def test_no_two_chunks_have_activations_at_a_time():
    """However large the bag, memory holds those of one chunk."""
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most: list[int] = []

    class Noted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(4, 6), nn.Linear(6, 3)

        def forward(self, chunk: Tensor) -> Tensor:
            hidden = self.inner(chunk).tanh()
            alive.add(hidden)
            most.append(sum(len(tensor) for tensor in alive))
            return self.outer(hidden)

    noted = Noted()
    gradients(noted, in_chunks(noted, 4)(torch.randn(INSTANCES, 4)))
    assert len(most) == 12
    assert max(most) == 4


def test_several_tasks_may_ask_for_their_gradients_in_turn():
    whole = network()
    embeddings = whole(instances())
    expected = [gradients(whole, embeddings, retain_graph=True), gradients(whole, embeddings**2)]
    found = in_chunks(whole, 5)(instances())
    assert close(gradients(whole, found, retain_graph=True), expected[0])
    assert close(gradients(whole, found**2), expected[1])


def test_without_gradients_nothing_is_computed_twice():
    whole = network()
    expected = whole.layers(instances())
    for off in (torch.no_grad, torch.inference_mode):
        whole.calls.clear()
        with off():
            found = in_chunks(whole, 9)(instances())
        assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert whole.calls == [9, 9, 5]


def test_dropout_is_the_same_when_activations_are_computed_again():
    whole = network(dropout=0.5)
    torch.manual_seed(7)
    embeddings = torch.cat([whole(chunk) for chunk in instances().split(6)])
    expected, after = gradients(whole, embeddings), torch.rand(3)
    torch.manual_seed(7)
    found = in_chunks(whole, 6)(instances())
    assert torch.equal(found, embeddings)
    torch.manual_seed(99)  # whatever is drawn between the passes
    assert close(gradients(whole, found), expected)
    torch.manual_seed(7)
    gradients(whole, in_chunks(whole, 6)(instances()))
    assert torch.equal(torch.rand(3), after)


def test_chunks_in_bfloat16_are_computed_again_in_bfloat16():
    whole = network()
    encoder = ChunkedEncoder(whole, torch.bfloat16)
    embeddings = encoder(instances())
    assert embeddings.dtype == torch.bfloat16
    expected = gradients(whole, embeddings)
    assert all(gradient.dtype == torch.float32 for gradient in expected)
    assert not close(expected, gradients(whole, whole(instances())), rtol=1e-6)
    encoder.recompute(7)
    found = encoder(instances())
    assert torch.equal(found, embeddings)
    for gradient, wanted in zip(gradients(whole, found), expected, strict=True):
        assert (gradient - wanted).norm() < 0.01 * wanted.norm()


def test_the_memory_format_changes_nothing_but_rounding():
    whole = network()
    embeddings = whole(instances())
    expected = gradients(whole, embeddings)
    encoder = ChunkedEncoder(whole, memory_format=torch.channels_last_3d)
    assert whole.layers[4].weight.is_contiguous(memory_format=torch.channels_last_3d)
    seen: list[bool] = []
    whole.layers[4].register_forward_pre_hook(
        lambda _, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last_3d))
    )
    found = encoder(instances())
    assert seen == [True]
    assert torch.allclose(found, embeddings, rtol=1e-5, atol=1e-6)
    assert close(gradients(whole, found), expected)


@pytest.mark.parametrize("wanted", [torch.channels_last_3d, torch.contiguous_format])
def test_an_encoder_gets_its_instances_in_its_memory_format(wanted: torch.memory_format):
    layer = nn.Conv3d(3, 2, 2)
    seen: list[bool] = []
    layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].is_contiguous(memory_format=wanted)))
    encoder = ChunkedEncoder(layer, memory_format=wanted)
    for given in (torch.rand(7, 3, 4, 4, 4), torch.rand(7, 3, 4, 4, 4).to(memory_format=torch.channels_last_3d)):
        encoder(given)
    assert seen == [True, True]


# ---- compiled


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 23])
@pytest.mark.parametrize("recomputes", [False, True])
def test_filling_chunks_up_changes_no_result(compiler, count: int, recomputes: bool):
    whole = network()
    expected = whole(instances(count))
    wanted = gradients(whole, expected)
    encoder = ChunkedEncoder(whole, compiled=8)
    if recomputes:
        encoder.recompute(8)
    found = encoder(instances(count))
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert close(gradients(whole, found), wanted)
    assert set(compiler) == {(8, 1, 5, 5, 5)}
    assert len(compiler) == -(-count // 8) * (1 + recomputes)


def test_a_chunk_is_filled_up_with_what_is_no_stranger_to_the_network(compiler):
    """Not with zeros: what a network makes of them may be no number, and such a gradient would spoil all."""

    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, given: Tensor) -> Tensor:
            return (given * self.weight).sqrt()

    root = Root()
    found = ChunkedEncoder(root, compiled=4)(torch.ones(5, 2))
    assert torch.isfinite(gradients(root, found)[0]).all()


def test_nothing_is_compiled_unless_it_is_wanted(compiler):
    ChunkedEncoder(network())(instances())
    assert compiler == []


def test_an_encoder_that_cannot_be_compiled_is_told_with_what_to_do(monkeypatch):
    def refuse(_: Tensor) -> Tensor:
        raise torch._dynamo.exc.Unsupported("no compiler\nand more")

    monkeypatch.setattr(torch, "compile", lambda _, **__: refuse)
    with pytest.raises(MarrowError, match=r"training\.compile is true, .* \(no compiler\); set it to false"):
        ChunkedEncoder(network(), compiled=4)(instances())
    monkeypatch.setattr(torch, "compile", lambda encoder, **_: encoder)
    with pytest.raises(torch.OutOfMemoryError):
        ChunkedEncoder(network(holds=2), compiled=4)(instances())


def test_compiled_chunks_waste_little():
    assert [compiled_size(count) for count in (0, 1, 2, 3, 10, 16, 17, 256, 257, 5000)] == [
        1,
        1,
        2,
        4,
        16,
        16,
        32,
        256,
        256,
        256,
    ]


# ---- out of memory


def test_memory_that_runs_out_is_known_by_its_errors():
    with pytest.raises(RuntimeError, match="can't allocate memory") as told:
        torch.empty(10**15)
    assert is_out_of_memory(told.value)
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("x"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not is_out_of_memory(ValueError("out of memory"))


def trained(holds: int, dropout: float = 0.0) -> tuple[list[Tensor], Counted, ChunkedEncoder]:
    """Gradients of two steps under guard."""
    whole = network(dropout, holds)
    encoder = ChunkedEncoder(whole)
    guard = OutOfMemoryGuard(encoder)
    torch.manual_seed(1)
    found = guard.attempt(lambda: gradients(whole, encoder(instances())))
    return [*found, *guard.attempt(lambda: gradients(whole, encoder(instances(40))))], whole, encoder


def test_memory_that_runs_out_once_changes_no_result(caplog):
    expected, *_ = trained(holds=99)
    found, whole, encoder = trained(holds=3)
    assert close(found, expected)
    assert encoder.chunk == 2
    assert whole.calls == [23, *[2] * 11, 1, 1, *[2] * 11, *[2] * 40]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "memory ran out with 23 instances at once: from here on the encoder takes 2 at a time" in caplog.text


def test_a_step_that_has_room_is_called_once_and_says_nothing(caplog):
    caplog.set_level(logging.INFO)
    _, whole, encoder = trained(holds=99)
    assert whole.calls == [23, 40]
    assert not encoder.recomputes
    assert caplog.text == ""


def test_memory_that_runs_out_in_the_backward_pass_counts_too():
    whole = network()
    encoder = ChunkedEncoder(whole)
    calls = 0

    def step() -> list[Tensor]:
        nonlocal calls
        calls += 1
        embeddings = encoder(instances())
        if calls == 1:
            torch.empty(10**15)
        return gradients(whole, embeddings)

    assert close(OutOfMemoryGuard(encoder).attempt(step), gradients(whole, whole(instances())))
    assert (calls, encoder.chunk) == (2, 2)


def test_the_second_attempt_draws_the_same_numbers():
    whole = network(holds=3)
    encoder = ChunkedEncoder(whole)

    def step() -> Tensor:
        drawn = torch.rand(4)
        encoder(instances())
        return drawn

    torch.manual_seed(8)
    expected = torch.rand(4)
    torch.manual_seed(8)
    assert torch.equal(OutOfMemoryGuard(encoder).attempt(step), expected)


def test_a_failed_attempt_has_let_go_of_its_memory_before_the_next():
    whole = network(holds=3)
    encoder = ChunkedEncoder(whole)
    held: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []

    def step() -> None:
        alive.extend(tensor() is not None for tensor in held)
        large = torch.zeros(10)
        held.append(weakref.ref(large))
        encoder(instances())
        assert large is not None

    OutOfMemoryGuard(encoder).attempt(step)
    assert alive == [False]


def test_memory_that_runs_out_in_chunks_ends_the_run_with_what_to_do():
    whole = network(holds=1)
    encoder = ChunkedEncoder(whole)
    words = r"memory ran out in a step, though the encoder takes 2 instances at a time \(CUDA out of memory. Tried to "
    words += r"allocate 9 GiB\.\); lower training\.bags_per_step"
    with pytest.raises(MarrowError, match=words):
        OutOfMemoryGuard(encoder).attempt(lambda: encoder(instances()))
    assert whole.calls == [23, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_memory_that_chunks_cannot_save_ends_the_run_at_once(count: int):
    encoder = ChunkedEncoder(network())
    calls = 0
    encoder(instances())  # of an earlier step

    def step() -> None:
        nonlocal calls
        calls += 1
        if count:
            encoder(instances(count))
        torch.empty(10**15)

    with pytest.raises(MarrowError, match=r"memory ran out in a step \(.*can't allocate memory.*\); lower"):
        OutOfMemoryGuard(encoder).attempt(step)
    assert (calls, encoder.recomputes) == (1, False)


def test_other_errors_are_passed_on():
    encoder = ChunkedEncoder(network())

    def step() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        OutOfMemoryGuard(encoder).attempt(step)
    assert not encoder.recomputes


# ---- precision


class Scaled(nn.Module):
    """Halves what it gets in float32, and is wrong by a share in bfloat16."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.modes: list[bool] = []

    def forward(self, given: Tensor) -> Tensor:
        self.modes.append(self.training)
        return given / 2 * (1 + self.share * torch.is_autocast_enabled("cpu"))


def test_the_disagreement_is_the_relative_error_over_all_instances():
    assert disagreement(Scaled(0.25), instances()) == pytest.approx(0.25)
    assert disagreement(Scaled(-0.25), 1e-9 * instances()) == pytest.approx(0.25)
    assert disagreement(Scaled(float("nan")), instances()) == float("inf")
    assert disagreement(Scaled(1.0), torch.zeros(2, 3)) == 0
    found = disagreement(network(), instances())
    assert 2**-11 < found < LIMIT


def test_the_comparison_leaves_mode_gradients_and_chance_as_they_were():
    whole = network(dropout=0.5)
    torch.manual_seed(4)
    expected = torch.rand(2)
    torch.manual_seed(4)
    disagreement(whole.train(), instances())
    assert whole.training
    assert torch.equal(torch.rand(2), expected)
    assert all(parameter.grad is None for parameter in whole.parameters())
    scaled = Scaled(0.0).train()
    disagreement(scaled, instances())
    assert scaled.modes == [False, False]
    disagreement(scaled.eval(), instances())
    assert not scaled.training


def test_bfloat16_is_taken_when_it_is_wanted_and_agrees(caplog):
    caplog.set_level(logging.INFO)
    assert precision_of("bfloat16", Scaled(LIMIT * 0.9), instances()) is torch.bfloat16
    assert "computes in bfloat16: in bfloat16 the embeddings of a bag are off by 4.50%" in caplog.text


def test_bfloat16_that_is_wanted_and_disagrees_ends_the_run():
    with pytest.raises(MarrowError, match=r"training\.precision is bfloat16, but .* off by 6\.00% .*; set auto or"):
        precision_of("bfloat16", Scaled(0.06), instances())


def test_the_processor_computes_in_float32_unless_told_otherwise():
    scaled = Scaled(0.0)
    assert precision_of("auto", scaled, instances()) is torch.float32
    assert precision_of("float32", scaled, instances()) is torch.float32
    assert scaled.modes == []


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> Tensor:
    """Instances that say they lie on a GPU."""

    class OnGpu(Tensor):
        @property
        def device(self) -> torch.device:
            return torch.device("cuda")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Toy GPU")
    return instances().as_subclass(OnGpu)


def test_a_gpu_computes_in_bfloat16_where_it_can_and_the_network_bears_it(monkeypatch, caplog):
    errors = iter([0.01, 0.2, 0.2])
    monkeypatch.setattr(precision, "disagreement", lambda *_: next(errors))
    given = pretend_gpu(monkeypatch, (8, 0))
    assert precision_of("auto", network(), given) is torch.bfloat16
    assert precision_of("auto", network(), given) is torch.float32
    assert "computes in float32: in bfloat16 the embeddings of a bag are off by 20.00% of float32's" in caplog.text
    with pytest.raises(MarrowError, match="off by 20"):
        precision_of("bfloat16", network(), given)
    assert precision_of("float32", network(), given) is torch.float32


def test_a_gpu_without_bfloat16_computes_in_float32(monkeypatch):
    given = pretend_gpu(monkeypatch, (7, 5))
    monkeypatch.delattr(precision, "disagreement")
    assert precision_of("auto", network(), given) is torch.float32
    with pytest.raises(MarrowError, match="bfloat16, which Toy GPU does not compute in; set auto or float32"):
        precision_of("bfloat16", network(), given)


def test_some_instances_of_a_bag_are_enough_to_compare(monkeypatch):
    monkeypatch.setattr(precision, "COMPARED", 6)
    whole = network()
    assert precision_of("bfloat16", whole, instances()) is torch.bfloat16
    assert whole.calls == [6, 6]


def test_autocast_is_on_for_bfloat16_alone():
    for kind in (torch.float32, torch.bfloat16):
        with autocast(kind, CPU):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_channels_come_last_on_gpus_in_bfloat16(monkeypatch):
    given = pretend_gpu(monkeypatch, (8, 0))
    assert memory_format_of(given, torch.bfloat16) is torch.channels_last_3d
    assert memory_format_of(given[:, 0], torch.bfloat16) is torch.channels_last
    assert memory_format_of(given[:, 0, 0, 0], torch.bfloat16) is torch.contiguous_format
    assert memory_format_of(given, torch.float32) is torch.contiguous_format
    assert memory_format_of(instances(), torch.bfloat16) is torch.contiguous_format


# ---- deterministic


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """PyTorch as it starts."""
    monkeypatch.delenv(WORKSPACE, raising=False)
    yield
    torch.use_deterministic_algorithms(False)


def test_deterministic_algorithms_are_on_while_they_are_wanted(usual, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with deterministic(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert os.environ[WORKSPACE] == ":4096:8"
        assert not torch.backends.cudnn.benchmark
    assert not torch.are_deterministic_algorithms_enabled()
    assert WORKSPACE not in os.environ
    assert torch.backends.cudnn.benchmark
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()
        assert WORKSPACE not in os.environ


def test_deterministic_algorithms_are_off_after_an_error(usual):
    def fail() -> None:
        with deterministic(True):
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert not torch.are_deterministic_algorithms_enabled()
    assert WORKSPACE not in os.environ


def test_what_was_deterministic_before_stays_so(usual, monkeypatch):
    monkeypatch.setenv(WORKSPACE, ":16:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    with deterministic(True):
        assert os.environ[WORKSPACE] == ":16:8"
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert os.environ[WORKSPACE] == ":16:8"
