"""The three-pathway network: its size, what each voxel sees, and that a block looks at its middle."""

import numpy as np
import pytest
import torch

from marrow.bones.segmentation import inference
from marrow.bones.segmentation.geometry import FACTORS, offset, window
from marrow.bones.segmentation.network import BORDER, Architecture, Convolution, ThreePathways
from marrow.bones.segmentation.optimiser import NesterovRMSprop

SMALL = Architecture(channels=1, classes=3, width=0.1)


def windows_of(image, predicted, margin, border=0, start=(0, 0, 0)):
    """What the pathways read of `image` (z, y, x), whose voxel (0, 0, 0) is the first predicted one, by brute force."""
    found = []
    for factor in FACTORS:
        seen = window(factor, margin, predicted, border)
        at = [first + seen.start + seen.step * np.arange(seen.count) for first in start]
        found.append(torch.from_numpy(image[np.ix_(*at)][None, None].copy()))
    return found


def linear(architecture, seed=0):
    """A network whose every layer passes something on of everything it sees."""
    torch.manual_seed(seed)
    network = ThreePathways(architecture).double().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.PReLU):
                module.weight.fill_(1.0)
            if isinstance(module, torch.nn.Conv3d):
                module.weight.abs_()
    return network


@pytest.mark.parametrize(("classes", "parameters"), [(19, 2_012_415), (5, 2_008_901)])
def test_the_default_network_has_deepmedics_parameters(classes, parameters):
    network = ThreePathways(Architecture(channels=2, classes=classes))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_one_pathway_has_deepmedics_parameters():
    pathway = ThreePathways(Architecture(channels=2, classes=19)).pathways[0]
    assert sum(parameter.numel() for parameter in pathway.parameters()) == 310_232


def test_segments_of_37_voxels_predict_21_and_read_23_and_21_samples_for_context():
    assert [window(factor, 8, 21).count for factor in FACTORS] == [37, 23, 21]
    network = ThreePathways(SMALL)
    seen = [torch.zeros(2, 1, *[window(factor, 8, 21).count] * 3) for factor in FACTORS]
    assert network(seen, (21, 21, 21)).shape == (2, 3, 21, 21, 21)


def test_segments_of_45_voxels_predict_29_as_deepmedic_infers():
    assert [window(factor, 8, 29).count for factor in FACTORS] == [45, 26, 22]


def receptive_field(depth, factor):
    """Of a pathway in voxels; as in DeepMedic, each sample counts as the f voxels around it."""
    return factor * (2 * depth + 1)


def test_receptive_fields_are_17_51_and_85_voxels():
    assert [receptive_field(8, factor) for factor in FACTORS] == [17, 51, 85]


@pytest.mark.parametrize("which", range(3))
def test_a_voxel_sees_exactly_its_receptive_field_centred_on_it(which):
    """Single voxels are perturbed at and beyond the ends of what the middle voxel of a block should see."""
    factor = FACTORS[which]
    network = linear(SMALL)
    margin, predicted = SMALL.margin, 15
    place, reach = 7, (receptive_field(8, factor) // 2)  # voxel 7 is in the middle of its block for 1, 3 and 5
    size = 140
    centre = size // 2
    start = (centre - place,) * 3

    def maps(image):
        """The middle voxel's maps of this pathway."""
        own = slice(which * SMALL.maps[-1], (which + 1) * SMALL.maps[-1])
        with torch.no_grad():
            joined = network.joined(windows_of(image, predicted, margin, 0, start), (predicted,) * 3, 0)
        return joined[0, own, place, place, place]

    nothing = np.zeros((size, size, size))
    unchanged = maps(nothing)

    def change(shift):
        """How far they change when the voxel at a distance along x does."""
        image = nothing.copy()
        image[centre, centre, centre + shift] = 1.0
        return float((maps(image) - unchanged).abs().max())

    last = 8 * factor  # of the samples, the farthest lies here; it stands for the voxels up to `reach`
    assert last <= reach < last + factor
    assert change(last) > 0
    assert change(-last) > 0
    assert change(last + factor) == 0
    assert change(-last - factor) == 0
    if factor > 1:
        assert change(1) == 0, "samples lie on the middle of the block"


def test_coarse_maps_are_repeated_over_the_block_around_their_sample():
    """The maps of three and five voxels that share a block are equal, and those of the next block are not."""
    network = linear(SMALL)
    image = np.random.default_rng(0).random((120, 120, 120))
    seen = windows_of(image, 15, SMALL.margin, 0, (50, 50, 50))
    with torch.no_grad():
        maps = network.joined(seen, (15, 15, 15), 0)[0]
    count = SMALL.maps[-1]
    for which, factor in ((1, 3), (2, 5)):
        own = maps[which * count : (which + 1) * count, 7, 7]
        blocks = own.reshape(count, 15 // factor, factor)
        assert torch.equal(blocks, blocks[..., :1].expand_as(blocks))
        assert (blocks[:, 1:, 0] != blocks[:, :-1, 0]).any()


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("border", [0, 1, 4, 7])
def test_windows_hold_whole_blocks_that_cover_what_is_predicted(factor, border):
    for predicted in (1, 15, 22):
        seen = window(factor, 0, predicted, border)
        first = seen.start - factor // 2
        assert first % factor == 0
        assert first <= -border < first + factor
        assert offset(factor, border) == -border - first
        assert first + factor * seen.count >= predicted + border > first + factor * (seen.count - 1)


def test_width_and_depth_scale_the_network():
    assert Architecture(2, 19, width=0.5, depth=6).maps == (15, 15, 20, 20, 20, 20)
    shallow = Architecture(1, 3, width=0.1, depth=4)
    assert shallow.margin == 4
    seen = [torch.zeros(1, 1, *[window(factor, 4, 15).count] * 3) for factor in FACTORS]
    assert ThreePathways(shallow)(seen, (15, 15, 15)).shape == (1, 3, 15, 15, 15)


def test_residuals_add_the_input_of_the_layer_before_at_layers_4_6_and_8():
    """With all convolutions but the first three silent, a pathway passes layer 2's output on through the residuals."""
    torch.manual_seed(0)
    pathway = ThreePathways(SMALL).pathways[0].eval()
    with torch.no_grad():
        for layer in pathway.layers[1:]:
            layer.convolution.weight.zero_()
        x = torch.randn(1, 1, 21, 21, 21)
        second = pathway.layers[0](pathway.first(x))
        result = pathway(x)
    # Layer 4 adds the output of layer 2; layers 5 and 7 are silent; layer 6 adds the output of 4, layer 8 that of 6.
    expected = second[:, :, 6:-6, 6:-6, 6:-6]
    shared = expected.shape[1]
    torch.testing.assert_close(result[:, :shared], expected)
    assert not result[:, shared:].any()


def test_the_optimiser_follows_its_equations():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimiser = NesterovRMSprop([weight], rho=0.9, epsilon=1e-4, momentum=0.6)
    w, v, m = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for gradient in ([0.5, -0.001], [-0.25, 0.002], [0.1, 0.0]):
        g = np.array(gradient)
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.step(0.01)
        v = 0.9 * v + 0.1 * g**2
        step = 0.01 * g / np.sqrt(v + 1e-4)
        m = 0.6 * m - step
        w = w + 0.6 * m - step
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-12)


def test_pytorchs_rmsprop_would_take_other_steps():
    """The reason for an optimiser of our own: a gradient of 0.001 moves ten times as far there."""
    ours = torch.nn.Parameter(torch.tensor([1.0]))
    theirs = torch.nn.Parameter(torch.tensor([1.0]))
    ours.grad, theirs.grad = torch.tensor([1e-3]), torch.tensor([1e-3])
    NesterovRMSprop([ours], momentum=0.0).step(0.01)
    torch.optim.RMSprop([theirs], lr=0.01, alpha=0.9, eps=1e-4).step()
    assert (1 - theirs).abs().item() > 5 * (1 - ours).abs().item()


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
@pytest.mark.parametrize("most", [1, 5000, 10**9])
def test_inference_in_parts_gives_what_the_network_gives_at_once(depth, most, monkeypatch):
    """Whatever the parts: a slice and a voxel at a time, several, everything."""
    torch.manual_seed(0)
    network = ThreePathways(Architecture(channels=2, classes=5, width=0.1, depth=depth)).double().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                for values in (module.weight, module.bias, module.running_mean):
                    values.normal_()
                module.running_var.uniform_(0.5, 2)
    size = (7, 4, 6)
    seen = [
        torch.randn(1, 2, *(window(factor, depth, count, BORDER).count for count in size), dtype=torch.float64)
        for factor in FACTORS
    ]
    at_once = network(seen, size, BORDER).detach()
    monkeypatch.setattr(inference, "PART_BYTES", most)
    in_parts = torch.full_like(at_once, torch.nan)
    for part, logits in inference.infer_parts(network, seen, np.ones(size, bool)):
        in_parts[:, :, *part] = logits
    torch.testing.assert_close(in_parts, at_once, rtol=1e-9, atol=1e-9)
    assert at_once.std() > 0


def test_a_convolution_without_gradients_is_that_with_them(monkeypatch):
    """A single small image and a 1^3 kernel, which PyTorch would not hand to oneDNN; and where there is no oneDNN."""
    torch.manual_seed(0)
    for kernel, size in ((3, 7), (1, 4)):
        convolution, x = Convolution(5, 6, kernel), torch.randn(1, 5, size, size, size)
        expected = convolution(x)
        assert expected.requires_grad
        with torch.inference_mode():
            torch.testing.assert_close(convolution(x), expected.detach(), rtol=1e-5, atol=1e-5)
            with monkeypatch.context() as patched:
                patched.setattr(torch.backends.mkldnn, "is_available", lambda: False)
                torch.testing.assert_close(convolution(x), expected.detach(), rtol=1e-5, atol=1e-5)
