"""Encoders: the plain network whatever way it is computed, each instance by itself; and the scaling before them."""

from itertools import pairwise
from math import prod

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from learning_sets import pictures, tables, volumes, written
from marrow.bags.bag import Layout
from marrow.bags.corpus import read_corpus
from marrow.errors import ConfigError, MarrowError
from marrow.learning.build import encoder_of
from marrow.learning.encoders import products
from marrow.learning.encoders.lenet import LeNet
from marrow.learning.encoders.mlp import Mlp
from marrow.learning.encoders.resnet import ResNet
from marrow.learning.encoders.stage import Stage, maxima
from marrow.learning.feed.choice import feed_of
from marrow.learning.scaling import Scaling, scaling_of
from method_parts import encoder as encoder_settings

CPU = torch.device("cpu")
KINDS = {
    "lenet": ({"kind": "lenet"}, (1, 28, 28)),
    "lenet3d": ({"kind": "lenet3d"}, (1, 16, 16, 16)),
    "lenet3d, kernel 3": ({"kind": "lenet3d", "kernel": 3}, (2, 16, 16, 16)),
    "lenet3d, small": ({"kind": "lenet3d", "kernel": None}, (1, 8, 8, 8)),
    "mlp": ({"kind": "mlp"}, (166,)),
    "resnet": ({"kind": "resnet", "width": 8}, (3, 56, 56)),
    "resnet, flattened": ({"kind": "resnet", "width": 8, "flatten": True}, (3, 40, 56)),
}
ALL = pytest.mark.parametrize("kind", KINDS)
# Shapes and kernels of every way that a stage is computed; (9, 12, 8) leaves voxels over at the end of axes.
LENETS = [
    ((1, 28, 28), 5, 0, True),
    ((3, 32, 32), 5, 0, True),
    ((1, 16, 16, 16), 5, 0, True),
    ((1, 16, 16, 16), 3, 0, True),
    ((3, 16, 16, 16), 5, 0, True),
    ((2, 18, 20, 16), 5, 0, True),
    ((1, 14, 14, 14), 5, 0, False),
    ((2, 9, 12, 8), 3, 0, False),
    ((1, 8, 8, 8), 3, 0, False),
    ((1, 6, 6, 6), 3, 1, True),
]


def made(kind, seed=0, **more):
    settings, shape = KINDS[kind]
    torch.manual_seed(seed)
    return encoder_of(encoder_settings(shape, **settings, **more), shape).eval(), shape


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def plain(lenet, shape, padding=0, is_pooled=True):
    """The network as one writes it first, of the same weights; `padding` is the second convolution's."""
    convolution, pool = {3: (nn.Conv2d, nn.MaxPool2d), 4: (nn.Conv3d, nn.MaxPool3d)}[len(shape)]
    weights = [lenet.first.convolution, lenet.second.convolution]
    layers = [
        convolution(*each.weight.shape[1::-1], each.kernel_size[0], padding=pad)
        for each, pad in zip(weights, (0, padding), strict=True)
    ]
    for layer, each in zip(layers, weights, strict=True):
        layer.weight, layer.bias = each.weight, each.bias
    last = pool(2) if is_pooled else nn.Identity()
    return nn.Sequential(
        layers[0], nn.ReLU(), pool(2), layers[1], nn.ReLU(), last, nn.Flatten(), lenet.embed, nn.ReLU()
    )


def gradients(encoder, parameters, instances, seed=1):
    embeddings = encoder(instances)
    torch.manual_seed(seed)
    return torch.autograd.grad(embeddings, parameters, torch.randn_like(embeddings))


def assert_same_network(one, other, instances, parameters, **tolerance):
    torch.testing.assert_close(one(instances), other(instances), **tolerance)
    for mine, theirs in zip(*(gradients(each, parameters, instances) for each in (one, other)), strict=True):
        torch.testing.assert_close(mine, theirs, **tolerance)


# How many weights


def test_lenet_has_the_parameters_of_attention_mil():
    lenet, _ = made("lenet")
    attention, gate, classifier = 500 * 128 + 128 + 128 + 1, 500 * 128 + 128, 500 + 1
    assert count(lenet) == 426_070
    assert count(lenet) + attention + classifier == 490_828
    assert count(lenet) + attention + gate + classifier == 554_956


@pytest.mark.parametrize(("kernel", "features"), [(5, 50), (3, 400)])
def test_volumes_of_16_voxels_leave_50_or_400_features(kernel, features):
    lenet = LeNet((2, 16, 16, 16), kernel)
    assert lenet.embed.in_features == features
    assert count(lenet) == 20 * (2 * kernel**3 + 1) + 50 * (20 * kernel**3 + 1) + 500 * (features + 1)


def test_the_perceptron_has_the_parameters_of_mi_net():
    assert count(made("mlp")[0]) + 64 + 1 == 83_969


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_the_residual_network_has_four_blocks_of_growing_width(width):
    expected = 3 * 49 * width + 2 * width
    for few, many in pairwise([width, width, 2 * width, 4 * width, 8 * width]):
        expected += 9 * few * many + 9 * many * many + 4 * many + (few != many) * (few * many + 2 * many)
    assert count(ResNet((3, 224, 224), width)) == expected


@ALL
def test_embeddings_have_the_width_that_is_told(kind):
    encoder, shape = made(kind)
    assert encoder(torch.randn(3, *shape)).shape == (3, encoder.width)


def test_widths_are_those_of_the_papers():
    assert [made(kind)[0].width for kind in ("lenet", "lenet3d", "mlp", "resnet")] == [500, 500, 64, 64]
    assert ResNet((3, 224, 224), 64, flatten=True).width == 7 * 7 * 8 * 64
    assert made("resnet, flattened")[0].width == 2 * 2 * 8 * 8


# The same network, whichever way


@pytest.mark.parametrize(("shape", "kernel", "padding", "is_pooled"), LENETS, ids=str)
def test_lenet_is_the_plain_network(shape, kernel, padding, is_pooled):
    torch.manual_seed(0)
    lenet = LeNet(shape, kernel).double()
    instances = torch.randn(5, *shape, dtype=torch.float64)
    assert_same_network(lenet, plain(lenet, shape, padding, is_pooled), instances, list(lenet.parameters()))


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_change_nothing_whatever_is_left_for_the_last(monkeypatch, threads):
    monkeypatch.setattr(products, "_PART", 2 * 250_000 // threads)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    lenet = LeNet((1, 16, 16, 16), 5).double()
    instances = torch.randn(5, 1, 16, 16, 16, dtype=torch.float64)
    network = plain(lenet, (1, 16, 16, 16))
    assert_same_network(lenet, network, instances, list(lenet.parameters()))
    assert products._Sizes.of(instances, lenet.first.convolution.weight).parts(5) == [
        slice(0, 2), slice(2, 4), slice(4, 6)
    ]  # fmt: skip


def test_backward_does_not_depend_on_threads_that_were_added_meanwhile(monkeypatch):
    monkeypatch.setattr(products, "_PART", 250_000)
    lenet = LeNet((1, 16, 16, 16), 5).double()
    instances = torch.randn(5, 1, 16, 16, 16, dtype=torch.float64)
    parameters = list(lenet.parameters())
    expected = gradients(lenet, parameters, instances)
    embeddings = lenet(instances)
    torch.manual_seed(1)
    outer = torch.randn_like(embeddings)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    for mine, theirs in zip(torch.autograd.grad(embeddings, parameters, outer), expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_equal_maxima_teach_what_they_do_in_the_plain_network():
    instances = torch.zeros(3, 1, 16, 16, 16, dtype=torch.float64)
    instances[0, 0, 5:9, 4:9, 6:12] = torch.randn(4, 5, 6, dtype=torch.float64)
    instances[1] = 1.0
    torch.manual_seed(0)
    lenet = LeNet((1, 16, 16, 16), 5).double()
    assert_same_network(lenet, plain(lenet, (1, 16, 16, 16)), instances, list(lenet.parameters()))


def test_each_task_has_gradients_of_its_own():
    lenet = LeNet((1, 16, 16, 16), 5).double()
    instances = torch.randn(4, 1, 16, 16, 16, dtype=torch.float64)
    parameters = list(lenet.parameters())
    embeddings = lenet(instances)
    tasks = torch.randn(2, *embeddings.shape, dtype=torch.float64)
    found = [torch.autograd.grad(embeddings, parameters, task, retain_graph=True) for task in tasks]
    reference = plain(lenet, (1, 16, 16, 16))(instances)
    for mine, task in zip(found, tasks, strict=True):
        theirs = torch.autograd.grad(reference, parameters, task, retain_graph=True)
        for one, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(one, other)


def test_instances_can_be_asked_for_their_gradient():
    torch.manual_seed(0)
    lenet = LeNet((1, 16, 16, 16), 5).double()
    found = []
    for network in (lenet, plain(lenet, (1, 16, 16, 16))):
        instances = torch.linspace(-1, 1, 2 * 16**3, dtype=torch.float64).sin().view(2, 1, 16, 16, 16).requires_grad_()
        found += torch.autograd.grad(network(instances).square().sum(), instances)
    torch.testing.assert_close(*found)


def test_activations_can_be_forgotten_and_made_again():
    lenet = LeNet((1, 16, 16, 16), 5).double()
    instances = torch.randn(3, 1, 16, 16, 16, dtype=torch.float64)

    def again(instances):
        return checkpoint(lenet, instances, use_reentrant=False)

    assert_same_network(again, lenet, instances, list(lenet.parameters()), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 16, 16, 16), (1, 8, 8, 8)], ids=str)
def test_stacked_networks_are_the_single_ones(shape):
    networks = [LeNet(shape, 3).double() for _ in range(2)]
    instances = torch.randn(3, *shape, dtype=torch.float64)
    stacked, buffers = stack_module_state(networks)
    together = vmap(lambda weights: functional_call(networks[0], (weights, buffers), instances))(stacked)
    torch.testing.assert_close(together, torch.stack([network(instances) for network in networks]))
    together.square().sum().backward()
    alone = gradients_of_squares(networks[1], instances)
    for name, gradient in alone.items():
        torch.testing.assert_close(stacked[name].grad[1], gradient)


def gradients_of_squares(network, instances):
    named = dict(network.named_parameters())
    return dict(zip(named, torch.autograd.grad(network(instances).square().sum(), list(named.values())), strict=True))


@ALL
def test_lower_precision_gives_nearly_the_same(kind):
    encoder, shape = made(kind)
    instances = torch.randn(4, *shape)
    parameters = list(encoder.parameters())
    exact = [encoder(instances), *gradients(encoder, parameters, instances)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = [encoder(instances), *gradients(encoder, parameters, instances)]
    assert 0 < (rounded[0].float() - exact[0]).norm() < 0.03 * exact[0].norm()
    for one, other in zip(rounded, exact, strict=True):
        assert (one.float() - other).norm() < 0.4 * other.norm()


@ALL
def test_no_bit_depends_on_whether_gradients_are_wanted(kind):
    encoder, shape = made(kind)
    instances = torch.randn(3, *shape)
    with torch.no_grad():
        alone = encoder(instances)
    assert torch.equal(encoder(instances), alone)


def test_maxima_over_axes_are_max_pooling():
    maps = torch.randn(2, 3, 4, 6, 8, dtype=torch.float64, requires_grad=True)
    ours, library = maxima(maps, 2), functional.max_pool3d(maps, 2)
    assert torch.equal(ours, library)
    weights = torch.randn_like(ours)
    assert torch.equal(*(torch.autograd.grad((each * weights).sum(), maps)[0] for each in (ours, library)))


def test_the_residual_network_is_what_its_equations_say():
    encoder, shape = made("resnet")
    encoder = encoder.double()
    instances = torch.randn(3, *shape, dtype=torch.float64)

    def normed(x, norm):
        groups = x.view(len(x), -1, 8 * x[0, 0].numel())
        mean, variance = groups.mean(2, keepdim=True), groups.var(2, keepdim=True, correction=0)
        whitened = ((groups - mean) / (variance + 1e-5).sqrt()).view_as(x)
        return whitened * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)

    for parameter in encoder.parameters():  # scales and shifts that tell themselves from those at the start
        parameter.data += 0.1 * torch.rand_like(parameter)
    maps = normed(functional.conv2d(instances, encoder.first.weight, stride=2, padding=3), encoder.norm).clamp(min=0)
    maps = functional.max_pool2d(functional.pad(maps, (1, 1, 1, 1), value=-torch.inf), 3, 2)
    for number, block in enumerate(encoder.blocks):
        stride = 2 if number else 1
        inner = normed(functional.conv2d(maps, block.first.weight, stride=stride, padding=1), block.first_norm).clamp(0)
        inner = normed(functional.conv2d(inner, block.second.weight, padding=1), block.second_norm)
        beside = maps
        if number:
            convolution, norm = block.beside
            beside = normed(functional.conv2d(maps, convolution.weight, stride=2), norm)
        maps = (inner + beside).clamp(0)
    torch.testing.assert_close(encoder(instances), maps.mean((2, 3)))


def test_flattened_maps_are_what_is_averaged():
    shape = (3, 64, 96)
    averaging, flattening = (ResNet(shape, 8, flatten) for flatten in (False, True))
    flattening.load_state_dict(averaging.state_dict())
    instances = torch.randn(2, *shape)
    torch.testing.assert_close(flattening(instances).view(2, 64, 2, 3).mean((2, 3)), averaging(instances))


# Each instance by itself


@ALL
def test_no_embedding_depends_on_the_other_instances(kind):
    encoder, shape = made(kind)
    instances = torch.randn(5, *shape)
    embeddings = encoder(instances)
    torch.testing.assert_close(encoder(instances[2:3])[0], embeddings[2])
    poisoned = torch.full_like(instances, torch.nan)
    poisoned[2] = instances[2]
    torch.testing.assert_close(encoder(poisoned)[2], embeddings[2])
    torch.testing.assert_close(encoder(instances.flip(0)), embeddings.flip(0))


@ALL
def test_embeddings_tell_instances_apart_and_all_weights_count(kind):
    encoder, shape = made(kind)
    embeddings = encoder(torch.randn(6, *shape))
    assert len({tuple(row.tolist()) for row in embeddings.round(decimals=4)}) == 6
    found = torch.autograd.grad(embeddings.square().sum(), list(encoder.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in found)


@ALL
def test_the_last_layer_is_a_part_of_the_encoder(kind):
    encoder, _ = made(kind)
    own = {id(parameter) for parameter in encoder.parameters()}
    last = list(encoder.last_layer.parameters())
    assert last
    assert all(id(parameter) in own for parameter in last)


def test_the_last_layer_is_the_last_one():
    lenet, mlp, resnet = (made(kind)[0] for kind in ("lenet", "mlp", "resnet"))
    assert lenet.last_layer.weight.shape == (500, 800)
    assert mlp.last_layer.weight.shape == (64, 128)
    assert resnet.last_layer is resnet.blocks[-1].second


# What starts as what


@ALL
def test_the_same_seed_gives_the_same_weights(kind):
    one, again, other = (made(kind, seed)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["lenet", "lenet3d", "mlp"])
def test_weights_start_uniform_within_one_over_the_root_of_fan_in(kind):
    for name, parameter in made(kind)[0].named_parameters():
        if name.endswith("weight"):
            bound = prod(parameter.shape[1:]) ** -0.5
            assert 0.95 * bound < parameter.abs().max() <= bound


def test_convolutions_of_the_residual_network_start_by_fan_out():
    for name, parameter in ResNet((3, 224, 224), 32).named_parameters():
        if parameter.ndim == 4:
            expected = (2 / (parameter.shape[0] * parameter.shape[2] ** 2)) ** 0.5
            assert float(parameter.detach().std()) == pytest.approx(expected, rel=0.1), name


# Dropout


@pytest.mark.parametrize("kind", ["lenet", "lenet3d", "mlp"])
def test_dropout_takes_units_of_the_embedding_while_training_alone(kind):
    encoder, shape = made(kind, dropout=0.5)
    instances = torch.randn(20, *shape)
    whole = encoder(instances)
    assert torch.equal(whole, encoder(instances))
    dropped = encoder.train()(instances)
    active = whole > 0
    kept = dropped[active] > 0
    assert 0.4 < kept.float().mean() < 0.6
    torch.testing.assert_close(dropped[active][kept], 2 * whole[active][kept])


def test_dropout_after_each_layer_takes_inner_units_too():
    torch.manual_seed(0)
    encoder = encoder_of(encoder_settings((30,), dropout=0.5, dropout_after="each"), (30,)).train()
    inner = []
    encoder.layers[1].register_forward_pre_hook(lambda _, given: inner.append(given[0]))
    instances = torch.randn(50, 30)
    encoder(instances)
    encoder.eval()(instances)
    lost = (inner[0] == 0) & (inner[1] > 0)
    assert 0.4 < lost.sum() / (inner[1] > 0).sum() < 0.6


# What fits what


@pytest.mark.parametrize("edge", range(2, 34, 2))
@pytest.mark.parametrize("kernel", [None, 3])
def test_every_even_edge_can_be_embedded(edge, kernel):
    shape = (2, edge, edge, edge)
    torch.manual_seed(0)
    lenet = encoder_of(encoder_settings(shape, kernel=kernel), shape)
    one, other = lenet(torch.randn(2, *shape))
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("edge", "kernel"), [(12, 3), (13, 3), (14, 5), (16, 5), (32, 5), (8, 3), (4, 3)])
@pytest.mark.parametrize("axes", [2, 3])
def test_an_open_kernel_is_5_where_it_fits_twice(edge, kernel, axes):
    shape = (1, *(edge,) * axes)
    lenet = encoder_of(encoder_settings(shape), shape)
    assert lenet.first.convolution.kernel_size == (kernel,) * axes


def test_padding_keeps_the_size_of_maps_smaller_than_the_kernel():
    torch.manual_seed(0)
    stage = Stage(2, 3, 3, (2, 2, 2)).double()
    x = torch.randn(4, 2, 2, 2, 2, dtype=torch.float64)
    maps = functional.conv3d(x, stage.convolution.weight, stage.convolution.bias, padding=1)
    torch.testing.assert_close(stage(x), functional.max_pool3d(maps, 2).relu())


def test_the_smallest_volumes_of_a_kernel_of_5_leave_one_voxel():
    assert LeNet((1, 14, 14, 14), 5).embed.in_features == 50


@pytest.mark.parametrize(("kind", "encoder"), [("lenet", LeNet), ("lenet3d", LeNet), ("mlp", Mlp), ("resnet", ResNet)])
def test_a_name_gives_its_network(kind, encoder):
    assert isinstance(made(kind)[0], encoder)


# Scaling


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
def test_scaling_has_mean_and_deviation_in_double_precision(dtype):
    drawn = np.random.default_rng(0).uniform(100, 250, (40, 2, 5, 6, 7)) * np.array([1, 0.3]).reshape(2, 1, 1, 1)
    values = drawn.astype(dtype)
    layout = Layout((2, 5, 6, 7), dtype)
    exact = values.astype(np.float64).swapaxes(0, 1).reshape(2, -1)
    for sizes in ([40], [1, 20, 19], [8] * 5):
        scaling = Scaling.standardising(torch.from_numpy(values).split(sizes), layout)
        assert scaling.mean.shape == scaling.std.shape == (2, 1, 1, 1)
        np.testing.assert_array_equal(scaling.mean.flatten(), exact.mean(1).astype(np.float32))
        np.testing.assert_allclose(scaling.std.flatten(), exact.std(1), rtol=1e-7)


def test_large_blocks_are_read_by_parts(monkeypatch):
    values = torch.randn(50, 1, 4, 4)
    layout = Layout((1, 4, 4), "float32")
    whole = Scaling.standardising([values], layout)
    monkeypatch.setattr("marrow.learning.scaling._PART", 48)
    parts = Scaling.standardising([values], layout)
    assert torch.equal(whole.std, parts.std)
    assert torch.equal(whole.mean, parts.mean)


def test_a_small_deviation_far_from_zero_is_not_lost():
    values = 1e6 + torch.tensor([-0.25, 0.25]).repeat(500).view(10, 1, 10, 10)
    scaling = Scaling.standardising([values], Layout((1, 10, 10), "float32"))
    assert float(scaling.std) == 0.25
    assert float(scaling(values).std(correction=0)) == pytest.approx(1)


def test_a_constant_channel_is_centred_and_no_more():
    values = torch.rand(7, 3, 6, 6)
    values[:, 1] = 0.1
    scaling = Scaling.standardising([values], Layout((3, 6, 6), "float32"))
    assert float(scaling.std[1]) == 1
    assert torch.equal(scaling(values)[:, 1], torch.zeros(7, 6, 6))


def test_scaled_instances_have_mean_0_and_deviation_1_and_the_given_ones_stay():
    values = torch.rand(30, 2, 6, 6) * torch.tensor([3.0, 700.0]).view(2, 1, 1)
    before = values.clone()
    scaled = Scaling.standardising([values], Layout((2, 6, 6), "float32"))(values)
    assert torch.equal(values, before)
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std((0, 2, 3), correction=0), torch.ones(2))


def test_numbers_that_are_not_finite_are_refused():
    values = torch.rand(4, 1, 6, 6)
    values[2, 0, 3, 3] = torch.inf
    with pytest.raises(MarrowError, match="not finite; mend"):
        Scaling.standardising([values], Layout((1, 6, 6), "float32"))


def test_unit_takes_bytes_to_0_and_1_and_refuses_what_has_no_range():
    scaling = Scaling.unit(pictures())
    values = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 28, 28)
    torch.testing.assert_close(scaling(values.float())[:, 0, 0, 0], torch.tensor([0, 0.2, 1]))
    assert scaling(values).dtype == torch.float32
    for layout in (volumes(), tables()):
        with pytest.raises(ConfigError, match=rf"training.input is unit, .* {layout.dtype} .* take standardised"):
            Scaling.unit(layout)


def test_a_loaded_scaling_has_the_saved_numbers():
    saved = Scaling.standardising([torch.rand(5, 2, 4, 4)], Layout((2, 4, 4), "float32"))
    weights = {f"scaling.{name}": tensor for name, tensor in saved.state_dict().items()}
    loaded = Scaling.like(weights)
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.std, saved.std)
    assert torch.equal(loaded.mean, saved.mean)


def test_a_data_set_is_scaled_by_its_training_bags_without_margins(tmp_path):
    manifest = written(tmp_path, volumes(edge=8, margin=2))
    training = manifest.of_split("train")
    feed = feed_of(manifest, manifest.entries, [], CPU, threads=1).part(training)
    scaling = scaling_of("standardised", manifest, feed)
    inner = read_corpus(manifest, training, dtype="float64").patches[..., 2:-2, 2:-2, 2:-2]
    assert float(scaling.mean) == pytest.approx(inner.mean(), rel=1e-7)
    assert float(scaling.std) == pytest.approx(inner.std(), rel=1e-7)
    with pytest.raises(ConfigError, match="float16"):
        scaling_of("unit", manifest, feed)


def test_a_table_is_scaled_by_its_manifest_and_pictures_by_bytes(tmp_path):
    table = written(tmp_path / "table", tables())
    scaling = scaling_of("standardised", table, feed_of(table, table.entries, [], CPU, threads=1))
    np.testing.assert_array_equal(scaling.mean, np.float32(table.feature_scale.mean))
    np.testing.assert_array_equal(scaling.std, np.float32(table.feature_scale.std))
    digits = written(tmp_path / "digits", pictures())
    assert float(scaling_of("unit", digits, feed_of(digits, digits.entries, [], CPU, threads=1)).std) == 255
