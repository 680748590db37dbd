"""Causal convolution sees its past and nothing else; (2+1)-D has the weights of 3-D and is torchvision's."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from cnnlib.blocks import CausalConv1d, Conv2Plus1d, Conv3dNormAct, WaveNetBlock, WaveNetStack
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters

BAD = [
    (CausalConv1d, (3, 4, 0), {}, "CausalConv1d: kernel_size must be at least 1, got 0"),
    (CausalConv1d(3, 4), (torch.zeros(2, 4, 9),), {}, r"CausalConv1d: input must be \(N, 3, L\), got .*\(2, 4, 9\)"),
    (CausalConv1d(3, 4), (torch.zeros(3, 9),), {}, r"CausalConv1d: input must be \(N, 3, L\), got shape \(3, 9\)"),
    (WaveNetBlock, (3, 0), {}, "WaveNetBlock: skip_channels must be at least 1, got 0"),
    (WaveNetStack, (3, 4, 0), {}, "WaveNetStack: layers must be at least 1, got 0"),
    (WaveNetStack(3, 4, 2), (torch.zeros(2, 4, 9),), {}, r"input must be \(N, 3, L\), got shape \(2, 4, 9\)"),
    (Conv3dNormAct, (3, 4, 3, 0), {}, "Conv3dNormAct: stride must be at least 1, got 0"),
    (Conv3dNormAct, (3, 4, 2), {}, "Conv3dNormAct: kernel_size must be odd, got 2"),
    (Conv3dNormAct, (3, 4), {"norm": "batch"}, "Conv3dNormAct: norm must be None or .* makes a layer, got 'batch'"),
    (Conv2Plus1d, (3, 4, 4), {}, "Conv2Plus1d: kernel_size must be odd, got 4"),
    (Conv2Plus1d, (3, 4), {"activation": nn.ReLU()}, r"Conv2Plus1d: activation must be None or .* got ReLU\(\)"),
    (Conv2Plus1d, (3.0, 4), {}, "Conv2Plus1d: in_channels must be an int, got 3.0"),
]


class Skip(nn.Module):
    """The second output of a WaveNet block."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x)[1]


BLOCKS = {
    "causal": (lambda: CausalConv1d(3, 5, 3, 2), (2, 3, 11), (2, 5, 11)),
    "WaveNet, skip": (lambda: Skip(WaveNetBlock(3, 5, 2, 4)), (2, 3, 11), (2, 5, 11)),
    "WaveNet stack": (lambda: WaveNetStack(3, 5, 3), (2, 3, 11), (2, 5, 11)),
    "3-D": (lambda: Conv3dNormAct(3, 5), (2, 3, 4, 6, 5), (2, 5, 4, 6, 5)),
    "3-D, stride": (lambda: Conv3dNormAct(3, 5, 5, 2, None, None), (2, 3, 5, 9, 7), (2, 5, 3, 5, 4)),
    "(2+1)-D": (lambda: Conv2Plus1d(3, 5), (2, 3, 4, 6, 5), (2, 5, 4, 6, 5)),
    "(2+1)-D, stride": (lambda: Conv2Plus1d(3, 5, 5, 2, activation=nn.SiLU), (2, 3, 5, 9, 7), (2, 5, 3, 5, 4)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_shapes_and_the_twin_in_numpy(name):
    make, shape, out = BLOCKS[name]
    torch.manual_seed(0)
    block = make()
    assert block(torch.randn(shape)).shape == out
    assert_same_in_numpy(block, shape)


def seen(net, channels, length, t):
    """The inputs on which output t depends, by its gradient."""
    x = torch.randn(1, channels, length, dtype=torch.float64, requires_grad=True)
    grad, = torch.autograd.grad(net.double()(x)[:, :, t].sum(), x)
    return grad.abs().sum((0, 1)).nonzero().ravel().tolist()


@pytest.mark.parametrize(("kernel_size", "dilation"), [(2, 1), (3, 2), (4, 3), (1, 1)])
def test_a_causal_convolution_sees_its_taps_and_none_of_the_future(kernel_size, dilation):
    torch.manual_seed(0)
    net = CausalConv1d(3, 5, kernel_size, dilation)
    for t in (0, 7, 19):
        assert seen(net, 3, 20, t) == [i for i in range(t % dilation, t + 1, dilation) if t - i <= net.past]


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_a_stack_sees_two_to_the_layers_inputs_and_none_of_the_future(layers):
    torch.manual_seed(0)
    net = WaveNetStack(3, 5, layers)
    field = 2**layers
    assert net.receptive_field == field
    for t in (0, field - 1, 2 * field, 2 * field + 5):
        assert seen(net, 3, 2 * field + 6, t) == list(range(max(0, t - field + 1), t + 1))


def test_outputs_do_not_change_when_the_future_does():
    torch.manual_seed(0)
    net, x = WaveNetStack(3, 5, 4), torch.randn(2, 3, 40)
    other = x.clone()
    other[:, :, 25:] = 9
    before, after = net(x), net(other)
    assert torch.equal(before[:, :, :25], after[:, :, :25]) and not torch.equal(before[:, :, 25], after[:, :, 25])
    assert_close(net(x[:, :, 7:])[:, :, 15:], before[:, :, 22:])         # and what is older than the field is nothing


def test_a_causal_convolution_is_its_formula():
    torch.manual_seed(0)
    net, x = CausalConv1d(3, 5, 3, 2).double(), torch.randn(2, 3, 9, dtype=torch.float64)
    out = net(x)
    for t in range(9):
        want = net.conv.bias.expand(2, 5).clone()
        for u in range(3):
            if (past := t - 2 * (2 - u)) >= 0:
                want += x[:, :, past] @ net.conv.weight[:, :, u].T
        assert_close(out[:, :, t], want)


def test_a_wavenet_block_is_its_formula():
    torch.manual_seed(0)
    block, x = WaveNetBlock(3, 5, 2, 4), torch.randn(2, 3, 11)
    weight, bias = block.filter_and_gate.conv.weight, block.filter_and_gate.conv.bias
    padded = F.pad(x, (4, 0))
    z = (F.conv1d(padded, weight[:3], bias[:3], dilation=4).tanh()
         * F.conv1d(padded, weight[3:], bias[3:], dilation=4).sigmoid())
    residual, skip = block(x)
    assert_close(residual, x + block.residual(z))
    assert_close(skip, block.skip(z))


def test_a_stack_adds_the_skips_and_doubles_the_dilation():
    torch.manual_seed(0)
    net, x = WaveNetStack(3, 5, 3), torch.randn(2, 3, 11)
    total = torch.zeros(2, 5, 11)
    want = x
    for block in net.blocks:
        want, skip = block(want)
        total += skip
    assert_close(net(x), total)
    assert [block.filter_and_gate.conv.dilation for block in net.blocks] == [(1,), (2,), (4,)]


def test_2_plus_1_d_has_the_weights_of_3_d():
    """M is the largest number of channels with which it has no more."""
    for in_channels, out_channels, k in [(3, 64, 3), (64, 64, 3), (5, 7, 5), (16, 32, 3)]:
        full = nn.Conv3d(in_channels, out_channels, k, bias=False).weight.numel()
        block = Conv2Plus1d(in_channels, out_channels, k)
        ours = sum(conv.weight.numel() for conv in block if isinstance(conv, nn.Conv3d))
        one = k**2 * in_channels + k * out_channels                      # weights of one channel in the middle
        assert full - one < ours <= full and ours == one * block[0].out_channels


@pytest.mark.parametrize("stride", [1, 2])
def test_2_plus_1_d_is_torchvisions(stride):
    module = torchvision.models.video.resnet.Conv2Plus1D
    torch.manual_seed(0)
    middle = Conv2Plus1d(5, 7, 3, stride)[0].out_channels
    theirs = module(5, 7, midplanes=(5 * 7 * 3 * 3 * 3) // (5 * 3 * 3 + 3 * 7), stride=stride)
    assert theirs[0].out_channels == middle
    assert_same_as_torchvision(Conv2Plus1d(5, 7, 3, stride), theirs, (2, 5, 4, 7, 6))


def test_a_convolution_has_a_bias_only_without_a_norm():
    assert count_parameters(Conv3dNormAct(3, 8)) == 3 * 8 * 27 + 2 * 8
    assert count_parameters(Conv3dNormAct(3, 8, norm=None)) == 3 * 8 * 27 + 8


def test_every_weight_of_a_stack_gets_a_gradient():
    torch.manual_seed(0)
    net = WaveNetStack(3, 5, 3)
    net(torch.randn(2, 3, 11)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    assert [block.residual is None for block in net.blocks] == [False, False, True]
    x = torch.randn(2, 3, 11)
    assert torch.equal(net.blocks[-1](x)[0], x)


def test_two_plus_one_without_norm_is_its_two_convolutions_with_biases():
    torch.manual_seed(0)
    block, x = Conv2Plus1d(3, 4, stride=2, norm=None, activation=None), torch.randn(2, 3, 5, 7, 9)
    space, time = block
    assert space.bias is not None and time.bias is not None
    want = F.conv3d(x, space.weight, space.bias, (1, 2, 2), (0, 1, 1))
    assert_close(block(x), F.conv3d(want, time.weight, time.bias, (2, 1, 1), (1, 0, 0)))
    assert [type(part) for part in Conv2Plus1d(3, 4, norm=None)] == [nn.Conv3d, nn.ReLU, nn.Conv3d]
    assert [part.bias is None for part in Conv2Plus1d(3, 4) if isinstance(part, nn.Conv3d)] == [True, True]


def test_two_plus_one_has_a_channel_between():
    assert Conv2Plus1d(1, 1, 1)(torch.randn(2, 1, 3, 5, 4)).shape == (2, 1, 3, 5, 4)       # ⌊1/2⌋ would be none
