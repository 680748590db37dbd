"""Norms with conditions: what they give and begin with. Norms of weights: torch's own, and the singular values."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from cnnlib.blocks import (
    AdaptiveInstanceNorm2d,
    ConditionalBatchNorm2d,
    ConditionalGroupNorm,
    SpectralNorm,
    WeightNorm,
    adaptive_instance_norm,
    spectral_norm,
    weight_norm,
)
from cnnlib.scratch import Tensor, from_torch, ops
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy

x4 = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(0))
w2, y1 = torch.ones(2, 7), torch.tensor([0, 2])
BAD = [
    (adaptive_instance_norm, (x4, x4[:, :3]), {}, "content and style must agree in N and C, got shapes"),
    (adaptive_instance_norm, (x4[0], x4), {}, r"adaptive_instance_norm: input must be \(N, C, H, W\)"),
    (adaptive_instance_norm, (x4, x4[0]), {}, r"adaptive_instance_norm: style: input must be \(N, C, H, W\)"),
    (adaptive_instance_norm, (x4, x4, -1), {}, "adaptive_instance_norm: eps must be a number from 0 on, got -1"),
    (adaptive_instance_norm, (x4, x4, None), {}, "eps must be a number from 0 on, got None"),
    (adaptive_instance_norm, (x4, x4, "1e-5"), {}, "eps must be a number from 0 on, got '1e-5'"),
    (AdaptiveInstanceNorm2d, (4, 0), {}, "AdaptiveInstanceNorm2d: features must be at least 1, got 0"),
    (AdaptiveInstanceNorm2d(4, 7), (x4[:, :3], w2), {}, r"AdaptiveInstanceNorm2d: input must be \(N, 4, H, W\)"),
    (AdaptiveInstanceNorm2d(4, 7), (x4, w2[:1]), {}, r"w must be a tensor \(2, 7\), .* got shape \(1, 7\)"),
    (ConditionalBatchNorm2d, (4, 2.5), {}, "ConditionalBatchNorm2d: num_classes must be an int, got 2.5"),
    (ConditionalBatchNorm2d(4, 3), (x4, w2), {}, r"y must be a tensor of ints \(2,\), .* got torch.float32"),
    (ConditionalBatchNorm2d(4, 3), (x4, y1 + 1), {}, "y must be from 0 to 2, got 1 to 3"),
    (ConditionalGroupNorm, (6, 7, 4), {}, "channels must divide by groups, got channels 6 and groups 4"),
    (ConditionalGroupNorm, (8, 0), {}, "ConditionalGroupNorm: features must be at least 1, got 0"),
    (ConditionalGroupNorm(4, 7, 2), (x4, None), {}, "ConditionalGroupNorm: w must be a tensor .* got NoneType"),
    (weight_norm, (nn.ReLU(),), {}, "weight_norm: layer must be a module with a weight of at least two axes, got ReLU"),
    (weight_norm, (nn.BatchNorm2d(3),), {}, "weight_norm: layer must be a module with a weight of at least two axes"),
    (weight_norm, (nn.Linear(2, 3), 2), {}, "weight_norm: dim must be from 0 to 1, got 2"),
    (weight_norm, (nn.Linear(2, 3), -1), {}, "weight_norm: dim must be at least 0, got -1"),
    (weight_norm, (nn.Linear(2, 3), "a"), {}, "weight_norm: dim must be an int, got 'a'"),
    (WeightNorm(), (torch.ones(4), torch.ones(4, 3)), {}, r"WeightNorm: g must have shape \(4, 1\), got \(4,\)"),
    (spectral_norm, (5,), {}, "spectral_norm: layer must be a module with a weight of at least two axes, got 5"),
    (spectral_norm, (nn.Linear(2, 3), 0), {}, "SpectralNorm: n_power_iterations must be at least 1, got 0"),
    (SpectralNorm, (torch.ones(4, 3),), {"dim": 7}, "SpectralNorm: dim must be from 0 to 1, got 7"),
    (SpectralNorm, (torch.ones(4),), {}, r"weight must be a tensor of at least two axes, got shape \(4,\)"),
]


class With(nn.Module):
    """A block and its second input, to run it by the first alone."""

    def __init__(self, block, condition):
        super().__init__()
        self.block = block
        self.register_buffer("condition", condition)

    def forward(self, x):
        return self.block(x, self.condition)


class Restyle(nn.Module):
    """The function as a block with something to train."""

    def __init__(self):
        super().__init__()
        self.content, self.style = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, 2)

    def forward(self, x):
        return adaptive_instance_norm(self.content(x), self.style(x))


def randomise(block):
    """Away from the zeros at which some begin."""
    torch.manual_seed(1)
    for p in block.parameters():
        nn.init.normal_(p)
    return block


# ---- scale and shift from elsewhere ----------------------------------------------------------------------------------

def test_adaptive_instance_norm_hands_over_mean_and_spread():
    torch.manual_seed(0)
    content, style = torch.randn(2, 3, 6, 5).double() * 3 + 2, torch.rand(2, 3, 4, 7).double() * 5
    out = adaptive_instance_norm(content, style, eps=0)
    assert_close(out.mean((2, 3)), style.mean((2, 3)))
    assert_close(out.std((2, 3), correction=0), style.std((2, 3), correction=0))
    assert_close(adaptive_instance_norm(content, content), content)      # eps is in both spreads
    spread = (style.var((2, 3), correction=0, keepdim=True) + 0.1).sqrt()
    assert_close(adaptive_instance_norm(content, style, 0.1),
                 F.instance_norm(content, eps=0.1) * spread + style.mean((2, 3), keepdim=True))


def conditions():
    torch.manual_seed(0)
    w, y = torch.randn(2, 7), torch.tensor([2, 0])
    return {
        "instance": (AdaptiveInstanceNorm2d(4, 7), w, lambda x: F.instance_norm(x)),
        "batch": (ConditionalBatchNorm2d(4, 3), y, lambda x: F.batch_norm(x, None, None, training=True)),
        "group": (ConditionalGroupNorm(4, 7, 2), w, lambda x: F.group_norm(x, 2)),
    }


@pytest.mark.parametrize("name", conditions())
def test_a_conditional_norm_is_the_norm_with_its_own_scale_and_shift_for_each_image(name):
    block, condition, norm = conditions()[name]
    block = randomise(block).double()
    condition = condition if name == "batch" else condition.double()
    x = torch.randn(2, 4, 6, 5).double() * 2 + 1
    gamma, beta = block.affine(condition).split(4, dim=1)                # (N, C) each
    out = block(x, condition)
    for n in range(2):
        want = (1 + gamma[n])[:, None, None] * norm(x)[n] + beta[n][:, None, None]
        assert_close(out[n], want)
    assert_same_in_numpy(With(block, condition), (2, 4, 6, 5))


def test_a_conditional_batch_norm_in_use_takes_the_running_statistics():
    torch.manual_seed(0)
    block, plain, y = randomise(ConditionalBatchNorm2d(4, 3)), nn.BatchNorm2d(4, affine=False), torch.tensor([2, 0])
    for x in torch.randn(3, 2, 4, 6, 5) + 1:
        block(x, y)
        plain(x)
    block.eval()
    plain.eval()
    gamma, beta = block.affine(y)[:, :, None, None].split(4, dim=1)
    assert_close(block(x, y), (1 + gamma) * plain(x) + beta)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int32])
def test_classes_may_be_ints_of_any_size(dtype):
    block = randomise(ConditionalBatchNorm2d(4, 3)).eval()
    y = torch.tensor([0, 1])
    assert torch.equal(block(x4, y.to(dtype)), block(x4, y))


@pytest.mark.parametrize("name", ["batch", "group"])
def test_a_conditional_norm_begins_as_the_plain_one(name):
    block, condition, norm = conditions()[name]
    x = torch.randn(2, 4, 6, 5)
    assert_close(block(x, condition), norm(x))


def test_the_function_runs_in_numpy_too():
    torch.manual_seed(0)
    assert_same_in_numpy(Restyle(), (2, 3, 7, 6))


# ---- norms of the weights --------------------------------------------------------------------------------------------

LAYERS = {
    "linear": lambda: nn.Linear(7, 4),
    "conv": lambda: nn.Conv2d(3, 5, (2, 3), stride=2),
    "conv1d": lambda: nn.Conv1d(3, 4, 5),
    "transposed": lambda: nn.ConvTranspose2d(3, 4, (2, 3), stride=2),
    "grouped": lambda: nn.Conv2d(4, 6, 3, groups=2),
}
SHAPES = {"linear": (3, 7), "conv": (2, 3, 7, 6), "conv1d": (2, 3, 9), "transposed": (2, 3, 4, 5),
          "grouped": (2, 4, 6, 5)}


def pair_with_copied_state(name, ours, theirs):
    """The same layer normed by us and by torch, the tensors copied in the order of the state."""
    torch.manual_seed(0)
    ours, theirs = ours(LAYERS[name]().double()), theirs(LAYERS[name]().double())
    state = list(theirs.state_dict().values())
    with torch.no_grad():
        for tensor in state:
            tensor.copy_(torch.randn_like(tensor))
    names = list(ours.state_dict())
    assert [tuple(ours.state_dict()[n].shape) for n in names] == [tuple(tensor.shape) for tensor in state]
    ours.load_state_dict(dict(zip(names, state, strict=True)))
    return ours, theirs


def assert_same_step(ours, theirs, shape):
    """The same output and the same gradients, of the parameters and of the input."""
    x = torch.randn(shape, dtype=torch.float64).requires_grad_()
    got, want = ours(x), theirs(x)
    assert_close(got, want)
    g = torch.randn_like(want)
    for a, b in zip(torch.autograd.grad(got, [x, *ours.parameters()], g),
                    torch.autograd.grad(want, [x, *theirs.parameters()], g), strict=True):
        assert_close(a, b)


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("name", LAYERS)
def test_weight_norm_equals_torchs(name, dim):
    ours, theirs = pair_with_copied_state(name, lambda layer: weight_norm(layer, dim),
                                          lambda layer: parametrizations.weight_norm(layer, dim=dim))
    assert_same_step(ours, theirs, SHAPES[name])


def test_weight_norm_begins_with_the_weight_it_found_and_sets_its_lengths():
    layer = nn.Conv2d(3, 5, 2).double()
    before, twin = layer.weight.detach().clone(), nn.Conv2d(3, 5, 2)
    weight_norm(layer)
    assert_close(layer.weight, before)
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    with torch.no_grad():
        g.fill_(2)
        v.mul_(7)
    assert_close(layer.weight.flatten(1).norm(dim=1), torch.full((5,), 2.0).double())
    assert_close(layer.weight.detach().numpy(), ops.weight_norm(g.detach().numpy(), v.detach().numpy()))
    twin.double().load_state_dict({"weight": layer.weight, "bias": layer.bias})
    x = torch.randn(2, 3, 5, 4).double()
    assert_close(layer(x), twin(x))


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_spectral_norm_equals_torchs_over_several_steps(name, steps):
    """Also after training, with the state that it left; and twice before one backward, as a discriminator is used."""
    ours, theirs = pair_with_copied_state(name, lambda layer: spectral_norm(layer, steps),
                                          lambda layer: parametrizations.spectral_norm(layer, n_power_iterations=steps))
    for training in (True, True, False, True):
        ours.train(training)
        theirs.train(training)
        assert_same_step(ours, theirs, SHAPES[name])
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert_close(a, b)
    x = torch.randn(SHAPES[name], dtype=torch.float64)
    grads = []
    for layer in (ours, theirs):
        layer.zero_grad()
        (layer(x) - layer(2 * x)).square().sum().backward()
        grads.append([p.grad for p in layer.parameters()])
    for a, b in zip(*grads, strict=True):
        assert_close(a, b)


@pytest.mark.parametrize("name", LAYERS)
def test_in_the_limit_the_largest_singular_value_is_1(name):
    torch.manual_seed(0)
    layer = LAYERS[name]().double()
    rows = 1 if name == "transposed" else 0
    before = layer.weight.detach().movedim(rows, 0).flatten(1)
    sigma = torch.linalg.svdvals(before)
    spectral_norm(layer)
    for _ in range(800):
        after = layer.weight
    matrix = after.detach().movedim(rows, 0).flatten(1)
    assert_close(matrix, before / sigma[0])
    assert_close(torch.linalg.svdvals(matrix)[0], torch.ones((), dtype=torch.float64))
    state = layer.parametrizations.weight[0]
    u, v = ops.power_iteration(before.numpy(), state.v.numpy())
    assert_close(u, state.u)
    assert_close(ops.spectral_norm(before.numpy(), u, v), matrix)


def test_use_does_not_move_the_singular_vectors_and_training_does():
    torch.manual_seed(0)
    layer = spectral_norm(nn.Linear(9, 8))
    state = layer.parametrizations.weight[0]
    state.v = F.normalize(torch.randn(9), dim=0)
    before = state.v.clone()
    layer.eval()(torch.randn(2, 9))
    assert torch.equal(state.v, before)
    layer.train()(torch.randn(2, 9))
    assert not torch.equal(state.v, before)
    assert "parametrizations.weight.0.v" in layer.state_dict()


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_folded_into_the_weight_the_layer_runs_in_numpy(norm):
    torch.manual_seed(0)
    layer = norm(nn.Conv2d(3, 5, 3, stride=2)).double().eval()
    x = torch.randn(2, 3, 7, 6).double()
    want = layer(x)
    parametrize.remove_parametrizations(layer, "weight")
    assert_close(from_torch(layer)(Tensor(np.asarray(x))).data, want)
