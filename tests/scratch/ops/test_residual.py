"""Residual and dense blocks in NumPy, one by hand, all by from_torch: torch's outputs and gradients; the shortcut."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlib import blocks
from cnnlib.scratch import Tensor, from_torch
from cnnlib.scratch.ops import residual
from cnnlib.testing import assert_close
from tests.architectures.same import unsettle

BAD = [
    (residual.BasicBlock, (0, 8), {}, "BasicBlock: in_channels must be at least 1, got 0"),
    (residual.BasicBlock, (8, 0), {}, "BasicBlock: out_channels must be at least 1, got 0"),
    (residual.BasicBlock, (8, 8, 1.5), {}, "BasicBlock: stride must be an int or 1 ints, got 1.5"),
    (residual.BasicBlock(8, 8), (np.zeros((2, 3, 5, 7), np.float32),), {}, "conv2d: input has 3 channels"),
]
SIZES = [(8, 8), (8, 12), (8, 8, 2), (8, 12, 3)]                         # in_channels, out_channels, stride
CASES = [(name, sizes) for name in ("BasicBlock", "Bottleneck", "PreActBlock", "PreActBottleneck") for sizes in SIZES]
CASES += [("DenseLayer", (8, 5)), ("DenseBlock", (8, 3, 3)), ("DenseBlock", (8, 3, 2, 2)), ("Transition", (8, 5))]


def in_torch(name, sizes, training):
    torch.manual_seed(0)
    return unsettle(getattr(blocks, name)(*sizes)).double().train(training)


def assert_same(ours, theirs):
    """Outputs, gradients of the input and all parameters, running statistics; the same keys in the same order."""
    assert list(ours.state_dict()) == list(theirs.state_dict())
    rng = np.random.default_rng(0)
    array = rng.normal(size=(3, 8, 9, 7))
    x, their_x = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    out, want = ours(x), theirs(their_x)
    assert_close(out.data, want)
    g = rng.normal(size=want.shape)
    out.backward(g)
    want.backward(torch.from_numpy(g))
    assert_close(x.grad.data, their_x.grad)
    parameters = dict(theirs.named_parameters())
    assert list(dict(ours.named_parameters())) == list(parameters)
    for key, parameter in ours.named_parameters():
        assert_close(parameter.grad.data, parameters[key].grad)
    for key, buffer in theirs.named_buffers():
        assert_close(ours.state_dict()[key], buffer)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_block_by_hand_equals_torch(sizes, training):
    theirs = in_torch("BasicBlock", sizes, training)
    ours = residual.BasicBlock(*sizes).double().train(training)
    ours.load_state_dict(theirs.state_dict())
    assert_same(ours, theirs)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_a_block_by_from_torch_equals_torch(name, sizes, training):
    theirs = in_torch(name, sizes, training)
    assert_same(from_torch(theirs), theirs)


def test_the_gradient_of_a_block_is_that_of_its_branch_and_the_one_that_came():
    rng = np.random.default_rng(0)
    block = residual.BasicBlock(4, 4).double()
    x, same = (Tensor(array, requires_grad=True) for array in [rng.normal(size=(2, 4, 5, 3))] * 2)
    g = rng.normal(size=(2, 4, 5, 3))
    out, branch = block(x), block.branch(same)
    out.backward(g)
    g = np.where(out.data > 0, g, 0)                                     # behind the ReLU
    branch.backward(g)
    assert_close(x.grad.data, same.grad.data + g)


def test_the_gradient_reaches_the_input_of_forty_blocks():
    """The shortcut's "1 +": with branches of weight 0 the gradient arrives as it started."""
    torch.manual_seed(0)
    stack = from_torch(nn.Sequential(*(blocks.PreActBlock(4, 4).double() for _ in range(40))))
    weights = [parameter for name, parameter in stack.named_parameters() if name.endswith("branch.1.2.weight")]
    assert len(weights) == 40
    for weight in weights:
        weight.data[...] = 0
    x = Tensor(np.random.default_rng(0).normal(size=(2, 4, 3, 5)), requires_grad=True)
    out = stack(x)
    g = np.random.default_rng(1).normal(size=(2, 4, 3, 5))
    out.backward(g)
    assert_close(out.data, x.data)
    assert_close(x.grad.data, g)
