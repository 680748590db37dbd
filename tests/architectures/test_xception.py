"""Xception: the published count, its flows, the small form, NumPy."""

import pytest
import torch
from torch import nn

from cnnlib.architectures import Xception, small_xception, xception
from cnnlib.architectures.xception import XceptionBlock
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters, unsettle

BAD = [
    (xception, (0,), {}, "Xception: num_classes must be at least 1, got 0"),
    (Xception, (), {"middle": 0}, "Xception: middle must be at least 1, got 0"),
    (Xception, (), {"stem_stride": 0}, "Xception: stem_stride must be at least 1, got 0"),
    (Xception, (), {"stem": (8,)}, r"Xception: stem must be 2 numbers of channels, got \(8,\)"),
    (Xception, (), {"exit": (8, 8)}, r"Xception: exit must be 4 numbers of channels, got \(8, 8\)"),
    (small_xception, (10, 1.0), {}, "in_channels must be an int, got 1.0"),
    (XceptionBlock, (8, (8,), 0), {}, "XceptionBlock: stride must be at least 1, got 0"),
    (XceptionBlock, (8, ()), {}, "XceptionBlock: widths must hold at least one int"),
    (XceptionBlock, (8, 4), {}, "XceptionBlock: widths must be a tuple or list of ints, got 4"),
    (Xception, (), {"exit": 8}, "Xception: exit must be a tuple or list of ints, got 8"),
    (Xception, (), {"entry": 8}, "Xception: entry must be a tuple or list of ints, got 8"),
    (Xception, (), {"stem": (8, 0)}, r"Xception: stem\[1\] must be at least 1, got 0"),
    (small_xception(), (torch.zeros(2, 3, 28, 28),), {}, r"Xception: input must be \(N, 1, H, W\), got shape"),
    (small_xception(), (torch.zeros(2, 1, 6, 9),), {}, "with H ≥ 7, W ≥ 7, got shape"),
]


def test_it_has_the_published_parameters():
    """Table 3 of Chollet 2017, and the trainable parameters of keras.applications.Xception."""
    with torch.device("meta"):
        net = xception()
        assert count_parameters(net) == 22_855_952
        # Keras says 22,910,480 with the running statistics, which are two numbers a channel
        running = sum(b.numel() for name, b in net.named_buffers() if "running" in name)
    assert count_parameters(net) + running == 22_910_480


def test_sizes_and_channels_along_the_flows_are_those_of_the_figure():
    with torch.device("meta"):
        net, seen = xception().eval(), []
        for block in [*net.entry, *net.middle, *net.exit]:
            if isinstance(block, XceptionBlock):
                block.register_forward_hook(lambda layer, inputs, output: seen.append(tuple(output.shape[1:])))
        net.exit.register_forward_hook(lambda layer, inputs, output: seen.append(tuple(output.shape[1:])))
        assert net(torch.zeros(1, 3, 299, 299)).shape == (1, 1000)
    # 19×19×728 enters the middle flow; 10×10×2048 leaves the exit flow
    assert seen == [(128, 74, 74), (256, 37, 37), (728, 19, 19), *[(728, 19, 19)] * 8, (1024, 10, 10), (2048, 10, 10)]
    convs = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    # 36 convolutional layers as the paper counts: a separable one is one, the shortcuts are none
    depthwise = [layer for layer in convs if layer.groups > 1]
    assert len(depthwise) + 2 == 36
    assert all(layer.bias is None for layer in convs)


def test_what_stands_around_the_blocks():
    net = small_xception()
    assert [type(layer) for layer in net.entry[:6]] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2
    assert [type(layer) for layer in net.exit[1:]] == [nn.Conv2d, nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2


@pytest.mark.parametrize(("widths", "stride", "first_relu"), [((4, 4), 1, True), ((6, 5), 2, True), ((6, 6), 2, False),
                                                             ((6, 6), 1, True)])
def test_a_block_is_what_the_figure_shows(widths, stride, first_relu):
    torch.manual_seed(0)
    block = unsettle(XceptionBlock(4, widths, stride, first_relu)).eval()
    x = torch.randn(2, 4, 9, 6)
    layers = [layer for layer in block.branch if not isinstance(layer, (nn.ReLU, nn.MaxPool2d))]
    y = x
    for i, (depthwise, pointwise, norm) in enumerate(zip(*[iter(layers)] * 3, strict=True)):
        y = torch.relu(y) if i or first_relu else y
        y = norm(pointwise(depthwise(y)))
    if stride > 1:
        y = nn.functional.max_pool2d(y, 3, stride, 1)
    changes = stride > 1 or widths[-1] != 4
    assert isinstance(block.around, nn.Identity) != changes
    assert_close(block(x), y + (block.around[1](block.around[0](x)) if changes else x))


def test_the_first_block_begins_without_a_relu():
    net = small_xception()
    blocks = [block for flow in (net.entry, net.middle, net.exit) for block in flow if isinstance(block, XceptionBlock)]
    assert [isinstance(block.branch[0], nn.ReLU) for block in blocks] == [False] + [True] * (len(blocks) - 1)


def test_the_small_form():
    torch.manual_seed(0)
    assert small_xception(7, 2)(torch.randn(3, 2, 28, 28)).shape == (3, 7)
    assert small_xception()(torch.randn(2, 1, 7, 11)).shape == (2, 10)
    assert count_parameters(small_xception()) < 60_000
    assert_same_in_numpy(small_xception(5, 3), (2, 3, 17, 22))


def test_the_full_depth_in_numpy():
    torch.manual_seed(0)
    assert_same_in_numpy(Xception(3, 2, (4, 6), (8, 9, 10), 8, (10, 12, 13, 14)), (2, 2, 33, 40))
