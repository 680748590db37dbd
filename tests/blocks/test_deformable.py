"""Deformable convolution, without torchvision's compiled operator: held to what it must be where that is known.

Offsets of 0 are a convolution, whole offsets move pixels, offsets that grow with the tap are a dilation; and a loop
over taps with `F.grid_sample`, and one over everything, give the same numbers anywhere.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import gradcheck

from cnnlib.blocks import DeformConv2d, deform_conv2d
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy

x4, w4, o18 = torch.zeros(2, 4, 6, 5), torch.zeros(3, 4, 3, 3), torch.zeros(2, 18, 4, 3)
BAD = [
    (deform_conv2d, (x4[0], o18, w4), {}, r"deform_conv2d: input must have 4 axes, not empty, got shape \(4, 6, 5\)"),
    (deform_conv2d, (x4.numpy(), o18, w4), {}, "input must be a tensor, got ndarray"),
    (deform_conv2d, (x4, None, w4), {}, "offset must be a tensor, got NoneType"),
    (deform_conv2d, (x4, o18.double(), w4), {}, "floats of one dtype, got offset torch.float64 and input"),
    (deform_conv2d, (x4.long(), o18, w4), {}, "floats of one dtype, got input torch.int64"),
    (deform_conv2d, (x4, o18, torch.zeros(3, 3, 3, 3)), {}, "input of 4 channels does not fit weight"),
    (deform_conv2d, (x4, o18, torch.zeros(3, 2, 3, 3)), {}, "input of 4 channels does not fit weight"),
    (deform_conv2d, (x4, o18, w4, torch.zeros(4)), {}, r"bias must have shape \(3,\), got \(4,\)"),
    (deform_conv2d, (x4, o18, w4), {"stride": 0}, "stride must be at least 1, got 0"),
    (deform_conv2d, (x4, o18, w4), {"padding": -1}, "padding must be at least 0, got -1"),
    (deform_conv2d, (x4, o18, w4), {"padding": (1, 2, 3)}, r"padding must be an int or \(H, W\), got \(1, 2, 3\)"),
    (deform_conv2d, (x4, o18, w4), {"dilation": 1.5}, "deform_conv2d: dilation must be an int, got 1.5"),
    (deform_conv2d, (x4, o18, w4), {"dilation": 3}, r"kernel \(3, 3\) with dilation \(3, 3\) is larger than the input"),
    (deform_conv2d, (x4, o18[:, :17], w4), {}, "offset must have D·18 channels, .* got 17"),
    (deform_conv2d, (x4, torch.zeros(2, 54, 4, 3), w4), {}, "where D divides the 4 channels of input, got 54"),
    (deform_conv2d, (x4, o18, w4), {"padding": 1}, r"offset must have shape \(2, 18, 6, 5\), got \(2, 18, 4, 3\)"),
    (deform_conv2d, (x4, o18, w4), {"mask": o18}, r"mask must have shape \(2, 9, 4, 3\), got \(2, 18, 4, 3\)"),
    (DeformConv2d, (0, 4), {}, "DeformConv2d: in_channels must be at least 1, got 0"),
    (DeformConv2d, (4, 4, 0), {}, "DeformConv2d: kernel_size must be at least 1, got 0"),
    (DeformConv2d, (4, 4, "3"), {}, "DeformConv2d: kernel_size must be an int, got '3'"),
    (DeformConv2d, (4, 6), {"groups": 4}, "out_channels must divide by groups, got out_channels 6 and groups 4"),
    (DeformConv2d, (4, 6), {"offset_groups": 3}, "in_channels must divide by offset_groups"),
    (DeformConv2d(4, 4), (torch.zeros(2, 3, 5, 5),), {}, r"DeformConv2d: input must be \(N, 4, H, W\)"),
    (DeformConv2d(4, 4), (torch.zeros(2, 4, 5, 2),), {}, "with H ≥ 3, W ≥ 3, got shape"),
]

# stride, padding, dilation, groups, groups of offsets, kernel
OPTIONS = [
    (1, 0, 1, 1, 1, (3, 3)),
    ((2, 1), (1, 2), (1, 2), 2, 1, (3, 2)),
    ((1, 3), (0, 1), (2, 1), 1, 2, (2, 3)),
    (2, 2, 2, 2, 4, (1, 3)),
]


def draw(stride, padding, dilation, groups, parts, kernel, spread=2.0, dtype=torch.float64):
    """input, offset, weight, bias and mask; half of the places are outside or between pixels."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, 7, 8, dtype=dtype), torch.randn(6, 4 // groups, *kernel, dtype=dtype)
    bias = torch.randn(6, dtype=dtype)
    size = F.conv2d(x, weight, bias, stride, padding, dilation, groups).shape[2:]
    taps = kernel[0] * kernel[1]
    offset = spread * torch.randn(2, 2 * parts * taps, *size, dtype=dtype)
    return x, offset, weight, bias, torch.rand(2, parts * taps, *size, dtype=dtype)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_without_offsets_it_is_a_convolution(options):
    x, offset, weight, bias, mask = draw(*options)
    want = F.conv2d(x, weight, bias, *options[:4])
    assert_close(deform_conv2d(x, 0 * offset, weight, bias, *options[:3]), want)
    half = deform_conv2d(x, 0 * offset, weight, None, *options[:3], mask=0 * mask + 0.5)
    assert_close(half, F.conv2d(x, weight / 2, None, *options[:4]))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_whole_offset_moves_the_image(options):
    x, offset, weight, bias, _ = draw(*options)
    for dy, dx in [(1, 0), (0, -2), (-3, 2)]:
        same = torch.tensor([dy, dx], dtype=x.dtype).repeat(offset.shape[1] // 2)[:, None, None].expand_as(offset)
        far = F.pad(x, (9, 9, 9, 9)).roll((-dy, -dx), (2, 3))            # the image moves the other way, zeros come in
        stride, padding, dilation, groups = options[:4]
        padding = padding if isinstance(padding, tuple) else (padding, padding)
        rows, columns = (slice(9 - p, 9 + n + p) for p, n in zip(padding, x.shape[2:], strict=True))
        want = F.conv2d(far[:, :, rows, columns], weight, bias, stride, 0, dilation, groups)
        assert_close(deform_conv2d(x, same, weight, bias, stride, padding, dilation), want)


def test_offsets_that_grow_with_the_tap_are_a_dilation():
    x, _, weight, bias, _ = draw(*OPTIONS[0])
    u, v = torch.meshgrid(torch.arange(3.0), torch.arange(3.0), indexing="ij")
    for padding, more in [(0, (1, 1)), (2, (1, 2)), (3, (0, 2))]:
        dilation = (1 + more[0], 1 + more[1])
        size = F.conv2d(x, weight, bias, 1, padding, dilation).shape[2:]
        grown = torch.stack([more[0] * u, more[1] * v], -1).flatten().to(x)[None, :, None, None]
        # where the undilated kernel fits at more places than the dilated one, those more are left out
        full = F.conv2d(x, weight, bias, 1, padding).shape[2:]
        got = deform_conv2d(x, grown.expand(2, -1, *full), weight, bias, 1, padding)
        assert_close(got[:, :, :size[0], :size[1]], F.conv2d(x, weight, bias, 1, padding, dilation))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_a_loop_over_taps_with_grid_sample(options):
    x, offset, weight, bias, mask = draw(*options)
    assert_close(deform_conv2d(x, offset, weight, bias, *options[:3]), by_taps(x, offset, weight, bias, *options))
    assert_close(deform_conv2d(x, offset, weight, bias, *options[:3], mask=mask),
                 by_taps(x, offset, weight, bias, *options, mask=mask))


def by_taps(x, offset, weight, bias, stride, padding, dilation, groups, parts, kernel, mask=None):
    """Each tap of each group of channels is one call of grid_sample, and one 1×1 convolution."""
    (sy, sx), (py, px), (dy, dx) = ((n, n) if isinstance(n, int) else n for n in (stride, padding, dilation))
    height, width = x.shape[2:]
    i, j = (torch.arange(n, dtype=x.dtype) for n in offset.shape[2:])
    out = bias[:, None, None]
    for tap in range(kernel[0] * kernel[1]):
        u, v = divmod(tap, kernel[1])
        seen = []
        for part, channels in enumerate(x.chunk(parts, 1)):
            place = part * kernel[0] * kernel[1] + tap
            y = (sy * i - py + dy * u)[:, None] + offset[:, 2 * place]
            z = (sx * j - px + dx * v) + offset[:, 2 * place + 1]
            grid = torch.stack([(2 * z + 1) / width - 1, (2 * y + 1) / height - 1], -1)
            sample = F.grid_sample(channels, grid, align_corners=False)
            seen.append(sample if mask is None else sample * mask[:, place, None])
        out = out + F.conv2d(torch.cat(seen, 1), weight[:, :, u, v, None, None], groups=groups)
    return out


def test_equals_its_definition_read_off_one_number_after_the_other():
    x, offset, weight, bias, mask = draw(*OPTIONS[1])
    (sy, sx), (py, px), (dy, dx) = OPTIONS[1][:3]
    got = deform_conv2d(x, offset, weight, bias, *OPTIONS[1][:3], mask=mask)

    def pixel(n, c, y, z):
        return x[n, c, y, z].item() if 0 <= y < x.shape[2] and 0 <= z < x.shape[3] else 0.0

    def between(n, c, y, z):
        top, left = math.floor(y), math.floor(z)
        return sum((1 - abs(y - a)) * (1 - abs(z - b)) * pixel(n, c, a, b)
                   for a in (top, top + 1) for b in (left, left + 1))

    for n, o, i, j in [(0, 0, 0, 0), (1, 5, 3, 2), (0, 2, 1, 7), (1, 3, 2, 0), (0, 4, 3, 9)]:
        want = bias[o].item()
        for c in range(2):
            for u in range(3):
                for v in range(2):
                    tap = 2 * u + v
                    y = sy * i - py + dy * u + offset[n, 2 * tap, i, j].item()
                    z = sx * j - px + dx * v + offset[n, 2 * tap + 1, i, j].item()
                    m = mask[n, tap, i, j].item()
                    want += weight[o, c, u, v].item() * m * between(n, c + 2 * (o // 3), y, z)
        assert got[n, o, i, j].item() == pytest.approx(want, abs=1e-10)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_all_gradients_agree_with_differences(options):
    arrays = [tensor.requires_grad_() for tensor in draw(*options)]
    # a slope jumps at a pixel: the places must not be near one
    assert ((arrays[1] - arrays[1].round()).abs() > 1e-5).all()
    assert gradcheck(lambda x, o, w, b, m: deform_conv2d(x, o, w, b, *options[:3], mask=m), arrays, fast_mode=True)


def test_at_a_pixel_the_slope_is_that_towards_the_next_one():
    x = torch.tensor([[[[1.0, 4.0, 9.0], [2.0, 3.0, 7.0]]]])
    offset = torch.zeros(1, 2, 2, 3, requires_grad=True)
    deform_conv2d(x, offset, torch.ones(1, 1, 1, 1)).sum().backward()
    below, right = F.pad(x, (0, 0, 0, 1))[:, :, 1:], F.pad(x, (0, 1))[..., 1:]
    assert_close(offset.grad, torch.cat([below - x, right - x], 1))


def test_far_outside_is_zero_and_what_is_no_number_stays_one():
    x, offset, weight, bias, _ = draw(*OPTIONS[0])
    for far in (-1e9, 1e9, -8.0, 8.0):
        assert_close(deform_conv2d(x, offset * 0 + far, weight, bias),
                     bias[:, None, None].expand(2, 6, *offset.shape[2:]))
    offset[1, 3, 2, 4] = math.nan
    wrong = deform_conv2d(x, offset, weight, bias).isnan()
    assert wrong[1, :, 2, 4].all() and wrong.sum() == 6


def test_no_images_give_no_images():
    x, offset, weight, bias, mask = draw(*OPTIONS[1])
    got = deform_conv2d(x[:0], offset[:0], weight, bias, *OPTIONS[1][:3], mask=mask[:0])
    assert got.shape == (0, 6, *offset.shape[2:])


@pytest.mark.parametrize(("modulated", "share"), [(False, 1), (True, 0.5)])
def test_the_layer_begins_as_a_convolution(modulated, share):
    torch.manual_seed(0)
    layer = DeformConv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, True, 2, modulated)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 4, 7, 8)
    plain = F.conv2d(x, layer.weight * share, layer.bias, (2, 1), (1, 2), (1, 2), 2)
    assert_close(layer(x), plain)


@pytest.mark.parametrize("modulated", [False, True])
def test_the_layer_sees_where_its_offsets_say(modulated):
    torch.manual_seed(0)
    layer = DeformConv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, True, 2, modulated)
    nn.init.normal_(layer.offset.weight)
    nn.init.normal_(layer.offset.bias)
    x = torch.randn(2, 4, 7, 8)
    found = F.conv2d(x, layer.offset.weight, layer.offset.bias, (2, 1), (1, 2), (1, 2))
    assert found.shape[1] == (36 if modulated else 24)
    mask = found[:, 24:].sigmoid() if modulated else None
    want = by_taps(x, found[:, :24], layer.weight, layer.bias, (2, 1), (1, 2), (1, 2), 2, 2, (3, 2), mask)
    assert_close(layer(x), want, 1e-4)


def test_the_offsets_learn_where_to_look():
    """The wanted output is the image two columns further on: only the offsets can reach it."""
    torch.manual_seed(0)
    layer = DeformConv2d(1, 1, 1, bias=False)
    layer.weight.data.fill_(1)
    layer.weight.requires_grad_(False)
    i, j = torch.arange(9.0)[:, None], torch.arange(12.0)
    x = torch.exp(-((i - 4) ** 2 + (j - 6) ** 2) / 8)[None, None]
    want = torch.exp(-((i - 4) ** 2 + (j - 4) ** 2) / 8)[None, None]
    optimizer = torch.optim.Adam(layer.offset.parameters(), lr=0.05)
    for _ in range(150):
        loss = F.mse_loss(layer(x)[..., :9], want[..., :9])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    dy, dx = layer.offset(x)[0, :, 2:7, 3:7].mean((1, 2)).tolist()
    assert abs(dy) < 0.3 and abs(dx - 2) < 0.3


def test_torch_fx_writes_it_down_as_one_step():
    layer = DeformConv2d(4, 6, 3, modulated=True)
    nn.init.normal_(layer.offset.weight)
    traced = torch.fx.symbolic_trace(nn.Sequential(layer, nn.ReLU()))
    assert [node.target for node in traced.graph.nodes if node.op == "call_function"].count(deform_conv2d) == 1
    x = torch.randn(2, 4, 7, 6)
    assert_close(traced(x), layer(x).relu())


@pytest.mark.parametrize("modulated", [False, True])
def test_the_twin_in_numpy(modulated):
    torch.manual_seed(0)
    layer = DeformConv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, True, 2, modulated)
    nn.init.normal_(layer.offset.weight)
    assert_same_in_numpy(nn.Sequential(layer, nn.ReLU()), (2, 4, 7, 8))


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_it_is_near_itself(dtype, modulated):
    """x as it comes from data, or from a layer before that autocast ran in half precision."""
    torch.manual_seed(0)
    layer = DeformConv2d(4, 6, 3, padding=1, modulated=modulated)
    nn.init.normal_(layer.offset.weight, std=0.1)
    # smooth, and 300 pixels wide: a place there in bfloat16 would be wrong by a pixel
    x = torch.sin(torch.arange(300) * torch.linspace(0.2, 0.8, 4)[:, None]).expand(2, 5, 4, 300).transpose(1, 2)
    x = x.to(dtype)
    want = layer(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.isfinite().all()
    assert_close(out.float(), want, 0.03)
    out.float().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in layer.parameters())


def test_its_offsets_are_marked_as_starting_at_zero():
    layer = DeformConv2d(4, 6)
    assert [part for part in layer.modules() if getattr(part, "starts_at_zero", False)] == [layer.offset]
