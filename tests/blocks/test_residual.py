"""Residual blocks: torchvision's where it has them, else the formula written out; shortcuts, zero starts, NumPy."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.architectures import load_torchvision_weights
from cnnlib.blocks import (
    BasicBlock,
    Bottleneck,
    NormActConv,
    PadShortcut,
    PreActBlock,
    PreActBottleneck,
    SqueezeExcitation,
    zero_branch,
)
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters, models, unsettle

BAD = [
    (BasicBlock, (0, 8), {}, "BasicBlock: in_channels must be at least 1, got 0"),
    (BasicBlock, (8, 8, 2.0), {}, "BasicBlock: stride must be an int, got 2.0"),
    (BasicBlock, (8, 8), {"reduction_ratio": 0}, "BasicBlock: reduction_ratio must be at least 1, got 0"),
    (BasicBlock, (8, 8), {"shortcut": "identity"}, 'BasicBlock: shortcut must be "projection", "pad" or None, got'),
    (BasicBlock, (8, 4), {"shortcut": "pad"}, "PadShortcut: out_channels must be at least in_channels = 8, got 4"),
    (BasicBlock, (8, 8), {"norm": "batch"}, "BasicBlock: norm must be None or a .* that makes a layer, got 'batch'"),
    (Bottleneck, (8, 8), {"norm": nn.BatchNorm2d(2)}, "Bottleneck: norm must be None or .* got BatchNorm2d"),
    (PreActBlock, (8, 8), {"norm": 5}, "PreActBlock: norm must be None or .* got 5"),
    (PreActBottleneck, (8, 8), {"norm": 5}, "PreActBottleneck: norm must be None or .* got 5"),
    (NormActConv, (8, 8), {"norm": 5}, "NormActConv: norm must be None or .* got 5"),
    (NormActConv, (8, 8, 2), {}, "NormActConv: kernel_size must be odd, got 2"),
    (Bottleneck, (8, 10), {}, "Bottleneck: out_channels must divide by 4, got 10"),
    (Bottleneck, (8, -4), {}, "Bottleneck: out_channels must be at least 1, got -4"),
    (Bottleneck, (8, 8), {"shortcut": True}, "Bottleneck: shortcut must be"),
    (PreActBlock, (8, "8"), {}, "PreActBlock: out_channels must be an int, got '8'"),
    (PreActBlock, (8, 8), {"shortcut": "A"}, "PreActBlock: shortcut must be .* got 'A'"),
    (PreActBottleneck, (8, 6), {}, "PreActBottleneck: out_channels must divide by 4, got 6"),
    (PreActBottleneck, (8, 8, 0), {}, "PreActBottleneck: stride must be at least 1, got 0"),
    (NormActConv, (8, 8, 0), {}, "NormActConv: kernel_size must be at least 1, got 0"),
    (PadShortcut, (8, 4), {}, "PadShortcut: out_channels must be at least in_channels = 8, got 4"),
    (PadShortcut, (4, 8, 0), {}, "PadShortcut: stride must be at least 1, got 0"),
    (zero_branch, (nn.Conv2d(3, 3, 1),), {}, "zero_branch: block must be a residual block, got Conv2d"),
    (zero_branch, (BasicBlock(4, 4, shortcut=None),), {}, "zero_branch: block must have a shortcut"),
]

FOUR = [BasicBlock, Bottleneck, PreActBlock, PreActBottleneck]
SIZES = [(8, 8, 1), (8, 12, 1), (8, 8, 2), (8, 12, 2), (8, 12, 3)]       # in_channels, out_channels, stride
SHAPE = (3, 8, 9, 7)


def group_norm(channels):
    return nn.GroupNorm(2, channels)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_equal_to_torchvision(block, sizes, training):
    """Outputs, the gradient of the input, and the running statistics that training leaves."""
    in_channels, out_channels, stride = sizes
    torch.manual_seed(0)
    downsample = None if sizes[:2] == (8, 8) and stride == 1 else nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))
    reference = models.resnet.BasicBlock if block is BasicBlock else models.resnet.Bottleneck
    planes = out_channels if block is BasicBlock else out_channels // 4
    theirs = unsettle(reference(in_channels, planes, stride, downsample)).double().train(training)
    ours = block(*sizes).double().train(training)
    names = load_torchvision_weights(ours, theirs.state_dict())
    x = torch.randn(SHAPE, dtype=torch.float64)
    mine, yours = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, want = ours(mine), theirs(yours)
    assert want.shape == (3, out_channels, -(-9 // stride), -(-7 // stride))
    assert_close(out, want)
    g = torch.randn_like(want)
    out.backward(g)
    want.backward(g)
    assert_close(mine.grad, yours.grad)
    for here, there in names.items():
        assert_close(ours.state_dict()[here], theirs.state_dict()[there])


def norm_act_conv(x, norm, conv):
    x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    return F.conv2d(F.relu(x), conv.weight, None, conv.stride, conv.padding)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("block", [PreActBlock, PreActBottleneck])
def test_pre_activation_is_its_formula(block, sizes):
    torch.manual_seed(0)
    net = unsettle(block(*sizes)).double().eval()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    convs = [m for m in net.branch.modules() if isinstance(m, nn.Conv2d)]
    strides = [m.stride[0] for m in convs]
    assert [m.kernel_size for m in convs] == [(3, 3)] * 2 if block is PreActBlock else [(1, 1), (3, 3), (1, 1)]
    assert strides == ([sizes[2], 1] if block is PreActBlock else [1, sizes[2], 1])
    assert [m.out_channels for m in convs[:-1]] == [sizes[1] // (1 if block is PreActBlock else 4)] * (len(convs) - 1)
    x = torch.randn(SHAPE, dtype=torch.float64)
    branch = x
    for norm, conv in zip(norms, convs, strict=True):
        branch = norm_act_conv(branch, norm, conv)
    shortcut = x if sizes == (8, 8, 1) else norm_act_conv(x, norms[0], net.shortcut)
    assert_close(net(x), shortcut + branch)


@pytest.mark.parametrize("sizes", [(8, 8, 1), (8, 12, 2)])
@pytest.mark.parametrize("block", [PreActBlock, PreActBottleneck])
def test_a_block_behind_a_stem_does_not_activate_again(block, sizes):
    net, first = block(*sizes).eval(), block(*sizes, activate=False).eval()
    first.load_state_dict({name: p for name, p in net.state_dict().items() if not name.startswith("activate")})
    x = torch.randn(SHAPE)
    shortcut = x if sizes == (8, 8, 1) else net.shortcut(x)
    assert_close(first(x), shortcut + net.branch(x))


@pytest.mark.parametrize(("in_channels", "out_channels", "stride"), [(3, 3, 1), (3, 5, 1), (3, 3, 2), (3, 8, 3)])
def test_the_padded_shortcut_is_its_loop(in_channels, out_channels, stride):
    x = torch.randn(2, in_channels, 9, 7)
    want = torch.zeros(2, out_channels, -(-9 // stride), -(-7 // stride))
    for c in range(in_channels):
        for i in range(want.shape[2]):
            for j in range(want.shape[3]):
                want[:, c, i, j] = x[:, c, i * stride, j * stride]
    shortcut = PadShortcut(in_channels, out_channels, stride)
    assert torch.equal(shortcut(x), want)
    assert count_parameters(shortcut) == 0


@pytest.mark.parametrize("sizes", [(8, 8, 1), (8, 12, 2)])
@pytest.mark.parametrize("block", FOUR)
def test_what_is_added_is_the_shortcut(block, sizes):
    """With the same branch: a plain block, a projection, and padding differ by their shortcuts alone."""
    torch.manual_seed(0)
    plain = unsettle(block(*sizes, shortcut=None)).eval()
    x = torch.randn(SHAPE)
    preact = hasattr(plain, "activate")
    branch = plain.branch(plain.activate(x) if preact else x)
    after = nn.Identity() if preact else F.relu
    assert_close(plain(x), after(branch))
    for shortcut in ("projection", "pad"):
        net = block(*sizes, shortcut=shortcut).eval()
        net.load_state_dict(plain.state_dict(), strict=False)
        into = net.activate(x) if preact and sizes != (8, 8, 1) else x
        assert_close(net(x), after(branch + net.shortcut(into)))
        if sizes == (8, 8, 1) or shortcut == "pad":
            assert count_parameters(net) == count_parameters(plain)
        expected = nn.Identity if sizes == (8, 8, 1) else PadShortcut if shortcut == "pad" else nn.Module
        assert isinstance(net.shortcut, expected)
        assert not torch.allclose(net(x), plain(x))


@pytest.mark.parametrize("sizes", [(8, 8, 1), (8, 12, 2)])
@pytest.mark.parametrize("block", FOUR)
def test_squeeze_and_excitation_ends_the_branch(block, sizes):
    torch.manual_seed(0)
    net = unsettle(block(*sizes, reduction_ratio=3)).eval()
    squeeze = net.branch[-1]
    assert isinstance(squeeze, SqueezeExcitation) and squeeze.excite[0].out_channels == sizes[1] // 3
    bare = block(*sizes).eval()
    bare.load_state_dict({name: value for name, value in net.state_dict().items()
                          if not name.startswith(f"branch.{len(net.branch) - 1}.")})
    x = torch.randn(SHAPE)
    into = net.activate(x) if hasattr(net, "activate") else x
    total = squeeze(bare.branch(into)) + net.shortcut(x if sizes == (8, 8, 1) else into)
    assert_close(net(x), total if hasattr(net, "activate") else F.relu(total))
    tiny = block(4, 4, reduction_ratio=16).branch[-1]
    assert tiny.excite[0].out_channels == 1


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, group_norm, None])
@pytest.mark.parametrize("reduction_ratio", [None, 4])
@pytest.mark.parametrize("block", FOUR)
def test_a_zero_branch_starts_as_the_shortcut_and_can_learn(block, norm, reduction_ratio):
    torch.manual_seed(0)
    net = block(8, 8, norm=norm, reduction_ratio=reduction_ratio)
    x = torch.randn(SHAPE)
    preact = hasattr(net, "activate")
    assert not torch.equal(net(x), x if preact else F.relu(x))
    assert zero_branch(net) is net
    assert torch.equal(net(x), x if preact else F.relu(x))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    zeros = [name for name, p in before.items() if p.ndim in (1, 4) and "weight" in name and not p.any()]
    assert len(zeros) == 1                               # one layer, and that one learns
    (torch.randn(SHAPE) * net(x)).sum().backward()
    assert dict(net.named_parameters())[zeros[0]].grad.abs().min() > 0


@pytest.mark.parametrize("block", FOUR)
def test_without_a_norm_there_are_biases(block):
    net = block(8, 12, 2, norm=None)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    assert all(m.bias is not None for m in net.modules() if isinstance(m, nn.Conv2d))
    assert all(m.bias is None for m in block(8, 12, 2).modules() if isinstance(m, nn.Conv2d))


def test_parameters_of_a_bottleneck_are_few():
    """256 channels: 1·64·256 + 9·64² + 1·64·256 weights, against 2 · 9 · 256² of the basic block."""
    weights = [sum(m.weight.numel() for m in block(256, 256).modules() if isinstance(m, nn.Conv2d))
               for block in (Bottleneck, BasicBlock)]
    assert weights == [2 * 64 * 256 + 9 * 64**2, 2 * 9 * 256**2]


@pytest.mark.parametrize("options", [{}, {"shortcut": "pad", "reduction_ratio": 4}, {"norm": None}, {"shortcut": None}],
                         ids=str)
@pytest.mark.parametrize("sizes", [(8, 8, 1), (8, 12, 2)])
@pytest.mark.parametrize("block", FOUR)
def test_the_twin_in_numpy(block, sizes, options):
    torch.manual_seed(0)
    assert_same_in_numpy(block(*sizes, **options), SHAPE)


def test_norm_act_conv_in_its_order():
    torch.manual_seed(0)
    net = unsettle(NormActConv(4, 6, 5, 2)).eval()
    x = torch.randn(2, 4, 9, 7)
    out = norm_act_conv(x, net[0], net[2])
    assert out.shape == (2, 6, 5, 4)
    assert_close(net(x), out)
    assert_same_in_numpy(NormActConv(4, 6, 3, 2, norm=None), (2, 4, 9, 7))
