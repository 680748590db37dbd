"""U-Net: the paper's sizes and its count by another way, what padding and skips do, and which sizes are refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib import data, training
from cnnlib.architectures import UNet, small_unet
from cnnlib.architectures.unet import DoubleConv
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters

tiny = {"in_channels": 2, "num_classes": 3, "widths": (4, 6, 10)}

BAD = [
    (UNet, (), {"num_classes": 0}, "UNet: num_classes must be at least 1, got 0"),
    (UNet, (), {"widths": (64, 12.5)}, r"UNet: widths\[1\] must be an int, got 12.5"),
    (UNet, (1, 2, 64), {}, "UNet: widths must be a tuple or list of ints, got 64"),
    (UNet, (), {"widths": (64,)}, r"widths must be at least two numbers of channels, got \(64,\)"),
    (UNet(**tiny), (torch.zeros(1, 2, 43, 48),), {}, "H ≥ 44, W ≥ 44"),
    (UNet(**tiny), (torch.zeros(1, 2, 44, 50),), {}, "UNet: H and W of the input must be multiples of 4"),
    (UNet(**tiny, padded=True), (torch.zeros(1, 2, 12, 18),), {}, "multiples of 4, got shape"),
    (UNet(**tiny, padded=True), (torch.zeros(1, 2, 0, 4),), {}, "H ≥ 4, W ≥ 4"),
    (UNet(**{**tiny, "widths": (4, 6, 8, 10)}), (torch.zeros(1, 2, 96, 100),), {}, "multiples of 8, plus 4"),
    (UNet(**tiny), (torch.zeros(1, 1, 48, 48),), {}, r"input must be \(N, 2, H, W\)"),
    (small_unet, (), {"in_channels": -1}, "UNet: in_channels must be at least 1, got -1"),
    (small_unet(), (torch.zeros(1, 1, 41, 64),), {}, "multiples of 8"),
    (DoubleConv, (0, 8, True), {}, "DoubleConv: in_channels must be at least 1, got 0"),
]


def test_the_network_of_2015_has_the_count_of_its_figure():
    """Figure 1 of the paper: 23 convolutions; the concatenation halves on the way up, as do the up-convolutions."""
    def conv(i, o, k):
        return (i * k * k + 1) * o
    down = sum(conv(2**(n - 1) if n > 6 else 1, 2**n, 3) + conv(2**n, 2**n, 3) for n in range(6, 11))
    up = sum(conv(2 * w, w, 2) + conv(2 * w, w, 3) + conv(w, w, 3) for w in (512, 256, 128, 64))
    with torch.device("meta"):
        net = UNet()
        assert count_parameters(net) == down + up + conv(64, 2, 1) == 31_030_658
        assert sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in net.modules()) == 23
        assert net(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
        assert net(torch.zeros(1, 1, 188, 204)).shape == (1, 2, 4, 20)


def by_hand(net, x):
    """The same with the paper's words: crop the middle of what a skip carries to the size of what comes from below."""
    kept = []
    for i, down in enumerate(net.down):
        x = down(x if i == 0 else F.max_pool2d(x, 2))
        kept.append(x)
    kept.pop()
    for enlarge, up in zip(net.enlarge, net.up, strict=True):
        x, skip = enlarge(x), kept.pop()
        top, left = ((a - b) // 2 for a, b in zip(skip.shape[2:], x.shape[2:], strict=True))
        skip = skip[:, :, top:top + x.shape[2], left:left + x.shape[3]]
        x = up(torch.cat([skip, x], 1) if net.skips else x)
    return net.classify(x)


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_forward_is_the_figure(padded, skips):
    torch.manual_seed(0)
    net = UNet(2, 3, (3, 4, 5, 7), padded, skips)
    x = torch.randn(2, 2, 100, 116) if not padded else torch.randn(2, 2, 24, 40)
    want = by_hand(net, x)
    assert want.shape == (2, 3, *((100 - 88, 116 - 88) if not padded else (24, 40)))
    assert_close(net(x), want)


def test_unpadded_output_belongs_to_the_middle_of_the_input():
    """With one pooling, where both forms pool the same pairs of rows, the padded one has the same numbers there."""
    torch.manual_seed(0)
    valid, same = UNet(1, 2, (3, 4)), UNet(1, 2, (3, 4), padded=True)
    same.load_state_dict(valid.state_dict())
    x = torch.randn(1, 1, 30, 38)
    assert_close(valid(x), same(x)[:, :, 8:-8, 8:-8])


def test_skips_carry_detail():
    """Behind a pooling of two a picture and its shuffle look alike only to a net without skips."""
    torch.manual_seed(0)
    x = torch.rand(1, 2, 16, 24)
    swapped = x.clone()
    swapped[..., 0::2], swapped[..., 1::2] = x[..., 1::2], x[..., 0::2]
    for skips in (True, False):
        net = UNet(2, 3, (4, 6), padded=True, skips=skips)
        net.down[0] = nn.Conv2d(2, 4, 1)                                 # sees single pixels, so pooling hides the swap
        assert torch.allclose(net(x), net(swapped), atol=1e-6) is not skips


@pytest.mark.parametrize("net", [lambda: UNet(**tiny), lambda: UNet(**tiny, skips=False),
                                 lambda: UNet(**tiny, padded=True, norm=nn.BatchNorm2d)], ids=["2015", "bare", "norm"])
def test_the_twin_in_numpy(net):
    torch.manual_seed(0)
    net = net()
    assert_same_in_numpy(net, (2, 2, 8, 12) if net.padded else (1, 2, 44, 48))


def test_a_norm_follows_every_3x3_convolution_and_takes_its_bias():
    layers = [m for m in small_unet().modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    assert len(layers) == 2 * 14 + 1                                     # 4 down, 3 up, two convolutions each
    for conv, norm in zip(layers[:-1:2], layers[1::2], strict=True):
        assert conv.kernel_size == (3, 3) and conv.bias is None
        assert isinstance(norm, nn.BatchNorm2d) and norm.num_features == conv.out_channels


def test_small_unet_learns_where_digits_are():
    torch.manual_seed(0)
    x, masks, _, _ = data.scenes(8, (24, 32), (1, 1), seed=0, gray=True, binary=True)
    net = small_unet()
    history = training.fit(net, x, masks, epochs=40, lr=1e-2, batch_size=8)
    with torch.no_grad():
        out = net(torch.as_tensor(x))
    assert out.shape == (8, 2, 24, 32)
    found = out.argmax(1).bool().numpy()
    iou = (found & (masks > 0)).sum() / (found | (masks > 0)).sum()
    assert history.loss.iloc[-1] < 0.3 * history.loss.iloc[0] and iou > 0.5
