"""LeNet-5: counts of the paper, the twin in `cnnlib.scratch.lenet`, and the parts of 1998 against loops."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cnnlib.architectures import (
    LeNet5,
    LeNet5Of1998,
    RadialBasis,
    ScaledTanh,
    SparseC3,
    SubSampling,
    lenet5,
    lenet5_1998,
    small_lenet,
)
from cnnlib.data import digits
from cnnlib.scratch import Tensor
from cnnlib.scratch.lenet import LeNet
from cnnlib.testing import assert_close
from cnnlib.training import accuracy, fit
from tests.architectures.same import assert_same_in_numpy, count_parameters, unsettle

BAD = [
    (LeNet5, (0,), {}, "LeNet5: num_classes must be at least 1, got 0"),
    (LeNet5, (10, 1, 1), {}, "LeNet5: padding must be 2, for images of 28×28, or 0, for 32×32; got 1"),
    (lenet5, (), {"in_channels": 1.0}, "LeNet5: in_channels must be an int, got 1.0"),
    (small_lenet, ("ten",), {}, "LeNet5: num_classes must be an int, got 'ten'"),
    (lenet5(), (torch.zeros(2, 1, 32, 32),), {}, r"input must be \(N, 1, 28, 28\), got shape \(2, 1, 32, 32\)"),
    (lenet5(), (torch.zeros(2, 1, 28, 29),), {}, r"input must be \(N, 1, 28, 28\), got shape \(2, 1, 28, 29\)"),
    (lenet5(padding=0), (torch.zeros(2, 1, 28, 28),), {}, r"input must be \(N, 1, 32, 32\), got shape"),
    (lenet5(), (torch.zeros(1, 28, 28),), {}, r"input must be \(N, 1, 28, 28\), got shape \(1, 28, 28\)"),
    (lenet5(), (np.zeros((1, 1, 28, 28)),), {}, "LeNet5: input must be a tensor .*got ndarray"),
    (LeNet5Of1998, (10, 0), {}, "LeNet5Of1998: in_channels must be at least 1, got 0"),
    (LeNet5Of1998, (), {"padding": 5}, "LeNet5Of1998: padding must be 2.*got 5"),
    (lenet5_1998, (128,), {}, "RadialBasis: num_classes must be at most 127 with 84 features, got 128"),
    (lenet5_1998(), (torch.zeros(2, 3, 28, 28),), {}, r"LeNet5Of1998: input must be \(N, 1, 28, 28\), got shape"),
    (RadialBasis, (8, 0), {}, "RadialBasis: num_classes must be at least 1, got 0"),
    (RadialBasis, (8, 8), {}, "RadialBasis: num_classes must be at most 7 with 8 features, got 8"),
    (RadialBasis(8, 3), (torch.zeros(2, 7),), {}, r"RadialBasis: input must be \(N, 8\), got shape \(2, 7\)"),
    (SubSampling, (0,), {}, "SubSampling: channels must be at least 1, got 0"),
    (SubSampling(3), (torch.zeros(2, 3, 1, 5),), {}, r"input must be \(N, 3, H, W\) with H ≥ 2, W ≥ 2, got shape"),
    (SparseC3(), (torch.zeros(2, 5, 9, 7),), {}, r"SparseC3: input must be \(N, 6, H, W\), got shape \(2, 5, 9, 7\)"),
    (SparseC3(), (torch.zeros(2, 6, 9, 4),), {}, "with H ≥ 5, W ≥ 5, got shape"),
    (ScaledTanh(), ("x",), {}, "ScaledTanh: input must be a tensor .*got str"),
]

# Table I of the paper as it is printed: a row for each map of S2, a column for each map of C3.
TABLE_I = """
    X...XXX..XXXX.XX
    XX...XXX..XXXX.X
    XXX...XXX..X.XXX
    .XXX..XXXX..X.XX
    ..XXX..XXXX.XX.X
    ...XXX..XXXX.XXX
""".split()


def test_the_counts_are_the_papers():
    net = lenet5_1998()
    assert count_parameters(net) == 60_000 == sum(p.numel() for p in net.parameters() if p.requires_grad)
    layers = {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "F6": 10_164, "output": 0}
    assert {name: count_parameters(part) for name, part in net.layers.named_children() if name in layers} == layers
    assert {count_parameters(net) for net in (lenet5(), small_lenet(), lenet5(padding=0))} == {61_706}


def test_layer_by_layer_the_sizes_of_the_paper():
    net, x, sizes = lenet5_1998(padding=0), torch.rand(2, 1, 32, 32), {}
    for name, part in net.layers.named_children():
        x = part(x)
        sizes[name] = tuple(x.shape[1:])
    assert {name: sizes[name] for name in ("C1", "S2", "C3", "S4", "C5", "F6", "output")} == {
        "C1": (6, 28, 28), "S2": (6, 14, 14), "C3": (16, 10, 10), "S4": (16, 5, 5), "C5": (120, 1, 1), "F6": (84,),
        "output": (10,)}
    assert sum("squash" in name for name in sizes) == 6


def test_weights_go_to_the_network_in_numpy_and_back():
    torch.manual_seed(0)
    ours, theirs = unsettle(lenet5()), LeNet()
    x = torch.randn(3, 1, 28, 28)
    theirs.load_state_dict(ours.state_dict())
    assert_close(ours(x), theirs(Tensor(x.numpy())).data, 1e-5)
    other = LeNet()
    ours.load_state_dict({name: torch.as_tensor(value) for name, value in other.state_dict().items()})
    assert_close(ours(x), other(Tensor(x.numpy())).data, 1e-5)


@pytest.mark.parametrize("make", [lenet5, lenet5_1998])
def test_padding_28_to_32_is_the_32_of_the_paper(make):
    torch.manual_seed(0)
    padded, unpadded = unsettle(make(7, 2)), make(7, 2, padding=0)
    unpadded.load_state_dict(padded.state_dict())
    x = torch.randn(3, 2, 28, 28)
    assert padded(x).shape == (3, 7)
    assert_close(padded(x), unpadded(F.pad(x, (2, 2, 2, 2))), 1e-5)


@pytest.mark.parametrize("make", [lenet5, lenet5_1998])
def test_the_twin_in_numpy(make):
    torch.manual_seed(0)
    assert_same_in_numpy(make(7, 2), (2, 2, 28, 28))


def test_c3_is_a_convolution_with_holes_where_the_table_has_dots():
    torch.manual_seed(0)
    sparse = unsettle(SparseC3()).double()
    kernels = [kernel for part in (sparse.three, sparse.four, sparse.six) for kernel in part.weight]
    dense = torch.zeros(16, 6, 5, 5, dtype=torch.float64)
    for out, kernel in enumerate(kernels):
        dense[out, [row[out] == "X" for row in TABLE_I]] = kernel
    bias = torch.cat([sparse.three.bias, sparse.four.bias, sparse.six.bias])
    x = torch.randn(2, 6, 9, 7, dtype=torch.float64)
    assert_close(sparse(x), F.conv2d(x, dense, bias), 1e-12)
    assert count_parameters(sparse) == 25 * "".join(TABLE_I).count("X") + 16


def test_sub_sampling_is_its_formula():
    layer, x = unsettle(SubSampling(3)).double(), torch.randn(2, 3, 7, 10, dtype=torch.float64)
    out = layer(x)
    assert out.shape == (2, 3, 3, 5)
    for n, c, i, j in np.ndindex(*out.shape):
        four = sum(x[n, c, 2 * i + di, 2 * j + dj] for di in (0, 1) for dj in (0, 1))
        assert_close(out[n, c, i, j], layer.coefficient[c, 0, 0] * four + layer.bias[c, 0, 0], 1e-12)


def test_the_scaled_tanh_keeps_one_and_bends_most_there():
    x = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    f = ScaledTanh()(x)
    assert_close(f, 1.7159 * np.tanh(2 * x.numpy() / 3), 1e-12)
    assert_close(ScaledTanh()(torch.tensor([-1.0, 1])), torch.tensor([-1.0, 1]), 1e-4)
    bends = f[2:] - 2 * f[1:-1] + f[:-2]
    assert abs(x[1:-1][bends.abs().argmax()].abs() - 1) < 0.02


def test_radial_basis_is_minus_the_squared_distance_to_its_codes():
    torch.manual_seed(0)
    layer, x = RadialBasis(84, 10).double(), torch.randn(3, 84, dtype=torch.float64)
    for (n, row), (k, code) in itertools.product(enumerate(x), enumerate(layer.codes)):
        assert_close(layer(x)[n, k], -sum((a - b) ** 2 for a, b in zip(row, code, strict=True)), 1e-10)
    for k, j in np.ndindex(10, 84):
        bits = zip(f"{k + 1:07b}", f"{j:07b}", strict=True)
        assert layer.codes[k, j] == math.prod(-1 for a, b in bits if a == b == "1")
    assert torch.equal(layer(layer.codes).argmax(1), torch.arange(10)) and layer(layer.codes).max() == 0
    places = (layer.codes[:, None] != layer.codes).sum(2)
    assert set(places[~torch.eye(10, dtype=torch.bool)].tolist()) == {40, 42}
    assert not list(layer.parameters())


def test_all_codes_differ():
    for features, most in [(84, 127), (2, 1), (5, 7)]:
        assert len(RadialBasis(features, most).codes.unique(dim=0)) == most


def test_the_net_of_1998_starts_as_it_says_and_learns_from_the_cross_entropy():
    torch.manual_seed(0)
    net = lenet5_1998()
    for layer, inputs in [(net.layers.C1, 25), (net.layers.C3.four, 100), (net.layers.C5, 400), (net.layers.F6, 120)]:
        assert layer.weight.std().item() * inputs ** 0.5 == pytest.approx(1, abs=0.1)
        assert not layer.bias.any()
    assert set(net.layers.S4.coefficient.flatten().tolist()) == {1.0}
    (x, y), _ = digits()
    assert accuracy(net, x[:64], y[:64]) < 0.4
    losses = fit(net, x[:64], y[:64], epochs=25, lr=2e-3, batch_size=32)["loss"]
    assert accuracy(net, x[:64], y[:64]) == 1 and losses.iloc[-1] < 0.1 < losses[0]
    assert torch.equal(net.layers.output.codes, RadialBasis(84, 10).codes)                   # these did not move
