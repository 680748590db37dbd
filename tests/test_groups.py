"""The p4 layers commute with quarter turns, exactly; NumPy and PyTorch agree."""

import numpy as np
import pytest
import torch

from cnnlib.blocks import P4Conv2d, P4Lift
from cnnlib.scratch import groups
from cnnlib.scratch.functional import conv2d
from cnnlib.testing import assert_close


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
