"""The p4 layers commute with quarter turns, exactly; NumPy and PyTorch agree."""

import numpy as np
import pytest
import torch

from cnnlib.blocks import P4Conv2d, P4Lift, P4Pool
from cnnlib.scratch import groups
from cnnlib.scratch.functional import conv2d
from cnnlib.testing import assert_close

x4, x5 = torch.zeros(2, 3, 9, 7), torch.zeros(2, 4, 4, 9, 7)
BAD = [
    (P4Lift, (3, 0, 3), {}, "P4Lift: out_channels must be at least 1, got 0"),
    (P4Lift(4, 2, 3), (x4,), {}, r"P4Lift: input must be \(N, 4, H, W\), got shape \(2, 3, 9, 7\)"),
    (P4Lift(3, 2, 8), (x4,), {}, r"P4Lift: input must be \(N, 3, H, W\) with H ≥ 8, W ≥ 8, got shape \(2, 3, 9, 7\)"),
    (P4Conv2d, (3, 2, 2.0), {}, "P4Conv2d: kernel_size must be an int, got 2.0"),
    (P4Conv2d(4, 2, 3), (x4,), {}, r"P4Conv2d: input must be \(N, 4, 4, H, W\), got shape \(2, 3, 9, 7\)"),
    (P4Conv2d(3, 2, 3), (x5,), {}, r"P4Conv2d: input must be \(N, 3, 4, H, W\), got shape \(2, 4, 4, 9, 7\)"),
    (P4Conv2d(4, 2, 3), (x5[:, :, :3],), {}, r"P4Conv2d: input must be \(N, 4, 4, H, W\), got shape \(2, 4, 3, 9, 7\)"),
    (P4Conv2d(4, 2, 8), (x5,), {}, "P4Conv2d: input must be .* with H ≥ 8, W ≥ 8"),
    (P4Pool(), (x4,), {}, r"P4Pool: input must be \(N, C, 4, H, W\), got shape \(2, 3, 9, 7\)"),
]


def network(x, first, second):
    return groups.p4_conv2d(np.maximum(groups.p4_lift(x, first), 0), second)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 3, 9, 7)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(2, 4, 4, 2, 2))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_image_turns_the_feature_map(arrays, turns):
    x, first, second = arrays
    turned = np.rot90(x, turns, axes=(2, 3)).copy()
    assert_close(groups.p4_lift(turned, first), groups.p4_rotate(groups.p4_lift(x, first), turns))
    assert_close(network(turned, first, second), groups.p4_rotate(network(x, first, second), turns))


def test_a_plain_convolution_does_not_commute_with_a_turn(arrays):
    x, first, _ = arrays
    turned = np.rot90(x, 1, axes=(2, 3)).copy()
    assert np.abs(conv2d(turned, first) - np.rot90(conv2d(x, first), 1, axes=(2, 3))).max() > 1


def test_four_quarter_turns_are_none(arrays):
    x, first, _ = arrays
    f = groups.p4_lift(x, first)
    assert_close(groups.p4_rotate(f, 4), f)
    assert_close(groups.p4_rotate(groups.p4_rotate(f, 1), 2), groups.p4_rotate(f, 3))


def test_the_torch_modules_are_the_same_layers(arrays):
    x, _, _ = arrays
    torch.manual_seed(0)
    lift, conv = P4Lift(3, 4, 3).double(), P4Conv2d(4, 5, 2).double()
    theirs = conv(torch.relu(lift(torch.from_numpy(x))))
    assert theirs.shape == (2, 5, 4, 6, 4)
    assert_close(network(x, lift.weight.detach().numpy(), conv.weight.detach().numpy()), theirs)
    theirs.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in [lift.weight, conv.weight])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_behind_the_pool_a_turn_only_turns_and_behind_the_mean_it_does_nothing(arrays, turns):
    x = torch.from_numpy(arrays[0])
    torch.manual_seed(0)
    net = torch.nn.Sequential(P4Lift(3, 4, 3), torch.nn.ReLU(), P4Conv2d(4, 5, 2), P4Pool()).double()
    out, turned = net(x), net(x.rot90(turns, (2, 3)))
    assert out.shape == (2, 5, 6, 4)
    assert_close(turned, out.rot90(turns, (2, 3)))
    assert_close(turned.mean((2, 3)), out.mean((2, 3)))
    assert (out - net(x + 1)).abs().max() > 0.1
