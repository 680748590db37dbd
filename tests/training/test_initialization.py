"""First weights of whole networks: torch's distributions, and the variance of activations that they are made for."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn.utils import parametrizations, prune

from cnnlib.blocks import DeformConv2d
from cnnlib.testing import assert_close
from cnnlib.training.initialization import METHODS, activation_statistics, fans, initialize

BAD = [
    (fans, (np.zeros((3, 3)),), {}, "weight must be a tensor, got ndarray"),
    (fans, (torch.zeros(3),), {}, r"weight must be \(out, in, \*kernel\), none of them 0, got shape \(3,\)"),
    (initialize, (5,), {}, "net must be a torch.nn.Module, got int"),
    (initialize, (nn.Linear(2, 2), "xavier"), {}, "method must be one of glorot_uniform.*got 'xavier'"),
    (initialize, (nn.Linear(2, 2),), {"mode": "fan"}, "mode must be \"fan_in\" or \"fan_out\", got 'fan'"),
    (initialize, (nn.Linear(2, 2),), {"negative_slope": "leaky"}, "negative_slope must be a number, got 'leaky'"),
    (initialize, (nn.Linear(2, 2),), {"generator": 0}, "generator must be None or a torch.Generator, got int"),
    (initialize, (nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2))),), {},
     r"the weight of layer '0' is computed .*remove_parametrizations\(layer, 'weight'\) first"),
    (initialize, (parametrizations.spectral_norm(nn.Conv2d(2, 2, 1)),), {}, "the weight of layer '' is computed"),
    (initialize, (nn.Sequential(prune.identity(nn.Linear(2, 2), "weight")),), {}, "weight of layer '0' is computed"),
    (initialize, (nn.ReLU(),), {}, "net has no convolution and no linear layer"),
    (activation_statistics, (None, None), {}, "net must be a torch.nn.Module, got NoneType"),
]

THEIRS = {"glorot_uniform": nn.init.xavier_uniform_, "glorot_normal": nn.init.xavier_normal_,
          "he_uniform": nn.init.kaiming_uniform_, "he_normal": nn.init.kaiming_normal_}


def make_layers():
    return nn.Sequential(nn.Conv2d(8, 30, (3, 2)), nn.BatchNorm2d(30), nn.ReLU(), nn.ConvTranspose2d(30, 12, 2),
                         nn.Sequential(nn.Conv1d(12, 40, 5, groups=2, bias=False), nn.Linear(50, 70)),
                         nn.Conv3d(6, 9, 3))


@pytest.mark.parametrize("shape", [(60, 30), (40, 20, 3, 2), (20, 50, 5), (6, 4, 3, 2, 5)], ids=str)
def test_fans_are_torchs(shape):
    assert fans(torch.empty(shape)) == nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize(("mode", "slope"), [("fan_in", 0.0), ("fan_out", 0.3)])
@pytest.mark.parametrize("method", METHODS)
def test_weights_are_those_of_torch_nn_init(method, mode, slope):
    """From one seed, drawn layer by layer: the very numbers of torch.nn.init, for every kind of layer."""
    net, arguments = make_layers(), {} if method.startswith("glorot") else {"a": slope, "mode": mode}
    before = copy.deepcopy(net.state_dict())
    assert initialize(net, method, mode, slope, torch.Generator().manual_seed(3)) is net
    generator = torch.Generator().manual_seed(3)
    for layer in net.modules():
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
            want = THEIRS[method](torch.empty_like(layer.weight), **arguments, generator=generator)
            assert_close(layer.weight, want)
            assert layer.bias is None or not layer.bias.any()
    for name in ("1.weight", "1.bias", "3.weight", "3.bias"):            # norm and transposed convolution
        assert torch.equal(net.state_dict()[name], before[name])


@pytest.mark.parametrize("method", METHODS)
def test_variance_and_bounds_are_those_of_the_formula(method):
    layer = initialize(nn.Conv2d(40, 60, (3, 5)), method, generator=torch.Generator().manual_seed(0))
    w, (fan_in, fan_out) = layer.weight.detach().double(), (40 * 15, 60 * 15)
    variance = 2 / (fan_in + fan_out) if method.startswith("glorot") else 2 / fan_in
    fourth = 3 if method.endswith("normal") else 9 / 5
    assert abs(w.var() - variance) < 4 * variance * math.sqrt((fourth - 1) / w.numel())
    if method.endswith("uniform"):
        bound = math.sqrt(3 * variance)
        assert 0.999 * bound < w.max() <= bound * (1 + 1e-6) and -0.999 * bound > w.min() >= -bound * (1 + 1e-6)
        assert stats.kstest(w.flatten(), "uniform", (-bound, 2 * bound)).pvalue > 0.001
    else:
        assert stats.kstest(w.flatten(), "norm", (0, math.sqrt(variance))).pvalue > 0.001


def deep(activation, width=256, depth=12):
    return nn.Sequential(*[layer for _ in range(depth) for layer in (nn.Linear(width, width), activation())])


def linear_variances(net, x):
    table = activation_statistics(net, x)
    return table[table.kind == "Linear"].variance.to_numpy()


@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_he_keeps_the_variance_behind_relu_and_glorot_halves_it(draw):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(200, 256, generator=generator)
    net = deep(nn.ReLU)
    he = linear_variances(initialize(net, f"he_{draw}", generator=generator), x)
    assert 0.5 < he[-1] / he[0] < 2
    glorot = linear_variances(initialize(net, f"glorot_{draw}", generator=generator), x)
    ratios = glorot[1:] / glorot[:-1]
    assert abs(np.exp(np.log(ratios).mean()) - 0.5) < 0.06               # half at every layer, 1/2048 in the end
    linear = linear_variances(initialize(deep(nn.Identity), f"glorot_{draw}", generator=generator), x)
    assert 0.5 < linear[-1] / linear[0] < 2


def test_fan_out_keeps_the_variance_of_the_gradients():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(100, 400), nn.ReLU(), nn.Linear(400, 100), nn.ReLU(), nn.Linear(100, 400))
    x = torch.randn(2000, 100, requires_grad=True)
    # Each layer multiplies by out · Var w, each ReLU halves; behind the last layer there is none.
    for mode, wanted in [("fan_out", 2), ("fan_in", 8 / 2 * 0.5 / 2 * 8)]:
        out = initialize(net, "he_normal", mode)(x)
        g = torch.randn_like(out)
        back, = torch.autograd.grad(out, x, g)
        assert 0.7 < back.var() / g.var() / wanted < 1.4


def test_statistics_are_those_of_the_outputs():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(inplace=True), nn.Sequential(nn.BatchNorm2d(3)))
    x = torch.randn(4, 2, 5, 7)
    before = copy.deepcopy(net.state_dict())
    table = activation_statistics(net, x)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), before.values(), strict=True))
    assert net.training and not net[0]._forward_hooks
    assert table.layer.tolist() == ["0", "1", "2.0"] and table.kind.tolist() == ["Conv2d", "ReLU", "BatchNorm2d"]
    conv = net[0](x).detach().double().numpy()
    relu = np.maximum(conv, 0)
    norm = copy.deepcopy(net[2])(torch.as_tensor(relu).float()).detach().double().numpy()
    for row, want in zip(table.itertuples(), (conv, relu, norm), strict=True):
        assert row.shape == (4, 3, 5, 7)
        assert row.mean == pytest.approx(want.mean(), abs=1e-6)
        assert row.variance == pytest.approx(want.var(), rel=1e-5)
        assert row.zeros == (want == 0).mean()
    assert 0.2 < table.zeros[1] < 0.8
    twice = nn.Linear(3, 3)
    assert len(activation_statistics(nn.Sequential(twice, twice), torch.ones(2, 3))) == 2


def test_what_must_start_at_zero_stays_there():
    torch.manual_seed(0)
    net = DeformConv2d(3, 4, 3)
    initialize(nn.Sequential(net, nn.Linear(4, 2)))
    assert not net.offset.weight.any() and not net.offset.bias.any()
    plain = nn.Conv2d(3, 4, 3)
    nn.init.zeros_(plain.weight)
    assert initialize(plain).weight.all()                                # zeros alone are no mark
