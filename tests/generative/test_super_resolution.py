"""Super-resolution: sizes, the start near bicubic, pairs that belong together, and that a few steps already help."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from cnnlib.generative import ESPCN, bicubic_downsample, bicubic_upsample, super_resolution_pairs
from cnnlib.testing import assert_close
from cnnlib.training import train

PICTURE = torch.rand(1, 20, 26, generator=torch.Generator().manual_seed(0))

BAD = [
    (ESPCN, (0,), {}, "ESPCN: channels must be at least 1, got 0"),
    (ESPCN, (), {"layers": 1}, "ESPCN: layers must be at least 2, got 1"),
    (ESPCN, (1, 2.0), {}, "ESPCN: scale must be an int, got 2.0"),
    (ESPCN, (), {"slope": -0.1}, "ESPCN: slope must be at least 0, got -0.1"),
    (ESPCN(), (torch.zeros(2, 3, 5, 7),), {}, r"ESPCN: input must be \(N, 1, H, W\), got shape \(2, 3, 5, 7\)"),
    (bicubic_downsample, (torch.zeros(1, 1, 4, 7),), {}, "bicubic_downsample: H and W of images must be multiples of "
                                                          r"scale 2, got shape \(1, 1, 4, 7\)"),
    (bicubic_downsample, (torch.zeros(4, 6),), {}, r"bicubic_downsample: input must be \(N, C, H, W\)"),
    (bicubic_upsample, (torch.zeros(4, 6),), {}, r"bicubic_upsample: input must be \(N, C, H, W\)"),
    (bicubic_upsample, (torch.zeros(1, 1, 4, 6), 0), {}, "bicubic_upsample: scale must be at least 1, got 0"),
    (super_resolution_pairs, (PICTURE, 3, 8), {}, "super_resolution_pairs: pictures must be a list of tensors, got"),
    (super_resolution_pairs, ([], 3, 8), {}, "super_resolution_pairs: pictures must hold at least one"),
    (super_resolution_pairs, ([PICTURE], 3, 22), {}, "super_resolution_pairs: pictures must be .* size 22, got shape"),
    (super_resolution_pairs, ([PICTURE], 3, 9), {}, "super_resolution_pairs: size must be a multiple of scale 2"),
    (super_resolution_pairs, ([PICTURE.byte()], 3, 8), {}, "super_resolution_pairs: pictures must be a list of tensors "
                                                           "of floats, got torch.uint8"),
]


@pytest.mark.parametrize(("channels", "scale", "layers"), [(1, 2, 4), (3, 3, 2)])
def test_sizes_parameters_and_the_start_near_bicubic(channels, scale, layers):
    torch.manual_seed(0)
    net, x = ESPCN(channels, scale, 6, layers), torch.rand(2, channels, 7, 9)
    counts = [6 * (channels * 25 + 1), (layers - 2) * 6 * (6 * 9 + 1), channels * scale**2 * (6 * 9 + 1)]
    assert sum(p.numel() for p in net.parameters()) == sum(counts)
    out = net(x)
    assert out.shape == (2, channels, 7 * scale, 9 * scale)
    residual = out - F.interpolate(x, scale_factor=scale, mode="bicubic")
    assert 0 < residual.std() < 0.2
    squares = residual[..., ::scale, ::scale].repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert_close(residual, squares, 1e-5)                                # ICNR: no board at the start
    with torch.no_grad():
        net.head[0].weight.zero_()
    assert_close(net(x), bicubic_upsample(x, scale))


@pytest.mark.parametrize("scale", [2, 3])
def test_smaller_pictures_are_pillows(scale):
    """Pillow's bicubic is antialiased and has torch's coefficients, −1/2 (Keys)."""
    x = torch.rand(1, 1, 5 * scale, 7 * scale, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
    theirs = Image.fromarray(x[0, 0].numpy()).resize((7, 5), Image.Resampling.BICUBIC)
    assert_close(bicubic_downsample(x, scale)[0, 0], np.asarray(theirs), 1e-5)
    edge = (torch.arange(12 * scale) >= 6 * scale).float().expand(1, 1, 2 * scale, -1)
    assert bicubic_downsample(edge, scale).min() == 0 and bicubic_downsample(edge, scale).max() == 1


def test_pairs_are_squares_of_the_pictures_and_what_they_shrink_to():
    other = 2 + PICTURE[:, :15, :12]
    small, large = super_resolution_pairs([PICTURE, other], 40, size=8, seed=3)
    assert small.shape == (40, 1, 4, 4) and large.shape == (40, 1, 8, 8)
    assert_close(small, bicubic_downsample(large))
    again = super_resolution_pairs([PICTURE, other], 40, size=8, seed=3)
    assert torch.equal(large, again[1]) and not torch.equal(large, super_resolution_pairs([PICTURE], 40, 8, seed=4)[1])

    windows = {window.numpy().tobytes() for picture in (PICTURE, other)
               for window in picture[0].unfold(0, 8, 1).unfold(1, 8, 1).reshape(-1, 8, 8)}
    seen = set()
    for square in large[:, 0]:
        ways = {(turned, flipped): (square.mT if turned else square).flip(-1) if flipped else
                (square.mT if turned else square) for turned in (0, 1) for flipped in (0, 1)}
        seen |= {way for way, window in ways.items() if window.contiguous().numpy().tobytes() in windows}
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert 10 <= (large.amax((1, 2, 3)) > 1).sum() <= 30                 # both pictures


def test_a_few_steps_help():
    stripes = (torch.sin(torch.arange(48) * 0.9) > 0).float().expand(1, 40, -1)
    small, large = super_resolution_pairs([stripes], 64, size=16)
    torch.manual_seed(0)
    net = ESPCN(width=8, layers=3)
    before = F.mse_loss(net(small), large).item()
    train(lambda batch: F.mse_loss(net(batch[0]), batch[1]), (small, large), torch.optim.Adam(net.parameters(), 5e-3),
          steps=60, batch_size=16, progress=False)
    assert F.mse_loss(net(small), large).item() < 0.6 * before
