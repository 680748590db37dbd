"""Residual and dense blocks in NumPy: with the weights of torch's blocks the same outputs and gradients."""

import numpy as np
import pytest
import torch

from cnnlib import blocks
from cnnlib.scratch import Tensor, manual_seed
from cnnlib.scratch.ops import residual
from cnnlib.testing import assert_close
from tests.architectures.same import unsettle

BAD = [
    (residual.BasicBlock, (0, 8), {}, "BasicBlock: in_channels must be at least 1, got 0"),
    (residual.BasicBlock, (8, 8, 1.5), {}, "BasicBlock: stride must be an int or 1 ints, got 1.5"),
    (residual.Bottleneck, (8, 10), {}, "Bottleneck: out_channels must divide by 4, got 10"),
    (residual.Bottleneck, (8, 8, 0), {}, "Bottleneck: stride must be at least 1, got 0"),
    (residual.PreActBlock, (8, 0), {}, "PreActBlock: out_channels must be at least 1, got 0"),
    (residual.PreActBottleneck, (8, 10), {}, "PreActBottleneck: out_channels must divide by 4, got 10"),
    (residual.PreActBottleneck, (8, 8, 0), {}, "PreActBottleneck: stride must be at least 1, got 0"),
    (residual.DenseLayer, (8, 4, 0), {}, "DenseLayer: bottleneck must be at least 1, got 0"),
    (residual.DenseBlock, (8, 4, 0), {}, "DenseBlock: layers must be at least 1, got 0"),
    (residual.Transition, (8, 2.5), {}, "Transition: out_channels must be an int or 1 ints, got 2.5"),
    (residual.BasicBlock(8, 8), (np.zeros((2, 3, 5, 7), np.float32),), {}, "conv2d: input has 3 channels"),
]
CASES = [(name, sizes) for name in ("BasicBlock", "Bottleneck", "PreActBlock", "PreActBottleneck")
         for sizes in ((8, 8), (8, 12), (8, 8, 2), (8, 12, 3))]
CASES += [("DenseLayer", (8, 5)), ("DenseBlock", (8, 3, 3)), ("DenseBlock", (8, 3, 2, 2)), ("Transition", (8, 5))]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_equal_to_torch(name, sizes, training):
    """Outputs, gradients of the input and all parameters, running statistics; the same keys in the same order."""
    torch.manual_seed(0)
    theirs = unsettle(getattr(blocks, name)(*sizes)).double().train(training)
    ours = getattr(residual, name)(*sizes).double().train(training)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
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


def test_the_gradient_reaches_the_input_of_forty_blocks():
    """The shortcut's "1 +": with branches of weight 0 the gradient arrives as it started."""
    manual_seed(0)
    stack = [residual.PreActBlock(4, 4).double() for _ in range(40)]
    for block in stack:
        block.branch[1][2].weight.data[...] = 0
    x = Tensor(np.random.default_rng(0).normal(size=(2, 4, 3, 5)), requires_grad=True)
    out = x
    for block in stack:
        out = block(out)
    g = np.random.default_rng(1).normal(size=(2, 4, 3, 5))
    out.backward(g)
    assert_close(out.data, x.data)
    assert_close(x.grad.data, g)
