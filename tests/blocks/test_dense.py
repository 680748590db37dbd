"""Dense blocks: torchvision's with the same weights, channels that grow as the paper says, NumPy."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

from cnnlib.architectures import load_torchvision_weights
from cnnlib.blocks import DenseBlock, DenseLayer, Transition
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, unsettle

BAD = [
    (DenseLayer, (0, 4), {}, "DenseLayer: in_channels must be at least 1, got 0"),
    (DenseLayer, (8, 4.0), {}, "DenseLayer: growth_rate must be an int, got 4.0"),
    (DenseLayer, (8, 4, 0), {}, "DenseLayer: bottleneck must be at least 1, got 0"),
    (DenseBlock, (8, 4, 0), {}, "DenseBlock: layers must be at least 1, got 0"),
    (DenseBlock, (8, -4, 2), {}, "DenseBlock: growth_rate must be at least 1, got -4"),
    (Transition, (8, 0), {}, "Transition: out_channels must be at least 1, got 0"),
    (Transition, (True, 4), {}, "Transition: in_channels must be an int, got True"),
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["block", "transition"])
def test_equal_to_torchvision(name, training):
    """Outputs, the gradient of the input, and the running statistics that training leaves."""
    torch.manual_seed(0)
    dense = models.densenet
    theirs = dense._DenseBlock(3, 6, 2, 5, 0.0) if name == "block" else dense._Transition(6, 5)
    ours = DenseBlock(6, 5, 3, bottleneck=2) if name == "block" else Transition(6, 5)
    theirs, ours = unsettle(theirs).double().train(training), ours.double().train(training)
    names = load_torchvision_weights(ours, theirs.state_dict())
    x = torch.randn(3, 6, 9, 7, dtype=torch.float64)
    mine, yours = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, want = ours(mine), theirs(yours)
    assert want.shape == ((3, 6 + 3 * 5, 9, 7) if name == "block" else (3, 5, 4, 3))
    assert_close(out, want)
    g = torch.randn_like(want)
    out.backward(g)
    want.backward(g)
    assert_close(mine.grad, yours.grad)
    for here, there in names.items():
        assert_close(ours.state_dict()[here], theirs.state_dict()[there])


def test_every_layer_sees_k0_plus_k_l_channels():
    seen = []
    block = DenseBlock(7, 5, 4)
    for layer in block:
        layer.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].shape[1]))
    x = torch.randn(2, 7, 3, 5)
    out = block(x)
    assert seen == [7 + 5 * l for l in range(4)] and out.shape == (2, 7 + 5 * 4, 3, 5)
    assert torch.equal(out[:, :7], x)                    # the input is still there, at the front
    assert {conv.out_channels for conv in block.modules() if isinstance(conv, nn.Conv2d)} == {4 * 5, 5}


def test_a_layer_without_bottleneck_is_its_formula():
    torch.manual_seed(0)
    layer = unsettle(DenseLayer(4, 3, bottleneck=None)).eval()
    norm, _, conv = layer.branch
    x = torch.randn(2, 4, 9, 7)
    new = F.conv2d(F.relu(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)), conv.weight,
                   padding=1)
    assert_close(layer(x), torch.cat([x, new], 1))


@pytest.mark.parametrize("make", [lambda: DenseLayer(4, 3), lambda: DenseLayer(4, 3, None), lambda: DenseBlock(4, 3, 3),
                                  lambda: Transition(4, 3)])
def test_the_twin_in_numpy(make):
    torch.manual_seed(0)
    assert_same_in_numpy(make(), (2, 4, 9, 7))
