"""Sizes, padding and receptive fields against PyTorch, NumPy and gradients."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlib.geometry import (
    Field,
    adaptive_windows,
    conv_macs,
    conv_output_size,
    interpolate_output_size,
    next_field,
    pool_output_size,
    receptive_field,
    same_padding,
    transposed_conv_output_size,
    transposed_conv_padding,
)
from cnnlib.torchvision_compat import import_torchvision

BAD = [
    (pool_output_size, (5, 3, 2, 2), {}, "padding must be at most half of kernel_size 3, got 2"),
    (pool_output_size, (5, 7), {}, "the kernel covers 7 samples, the padded input has only 5"),
    (pool_output_size, (5, 2, 0), {}, "stride must be at least 1, got 0"),
    (transposed_conv_output_size, (5, 3, 2, 1, 2), {}, "output_padding must be below stride or dilation, 2, got 2"),
    (transposed_conv_output_size, (1, 3, 2, 2), {}, "padding 2 cuts all of the output away, its length would be -1"),
    (transposed_conv_output_size, (1, 3, 2.0), {}, "stride must be an int, got 2.0"),
    (transposed_conv_padding, (2, 1), {}, "no padding makes size·1 with kernel_size 2"),
    (transposed_conv_padding, (0, 1), {}, "kernel_size must be at least 1, got 0"),
    (interpolate_output_size, (5, 0.1), {}, "nothing is left of size 5 times 0.1"),
    (interpolate_output_size, (5, -1), {}, "scale_factor must be positive, got -1"),
    (interpolate_output_size, (5, "2"), {}, "scale_factor must be a number, got '2'"),
    (adaptive_windows, (5, 0), {}, "output_size must be at least 1, got 0"),
    (same_padding, (3, 1, 2), {}, "with stride 2 the padding depends on size"),
    (Field, (1, 2, 3, 4), {}, "positional arguments"),
    (next_field, (3, 3), {}, "field must be a Field, got 3"),
    (next_field, (Field(), 3, 0), {}, "stride must be at least 1, got 0"),
    (receptive_field, (5,), {}, "got int"),
    (receptive_field, ([3],), {}, "got int"),
    (receptive_field, ([()],), {}, r"a layer must be \(kernel_size, stride, padding, dilation\), got \(\)"),
    (receptive_field, ([(3,), (3, 0)],), {}, "layer 2.*stride must be at least 1, got 0"),
    (receptive_field, ([((3, 3),), ((3, 3, 3),)],), {}, r"one number of axes, got \[2, 3\]"),
    (receptive_field, ([(3,), (3,)], 4), {}, "layer 2.*the kernel covers 3 samples, the padded input has only 2"),
    (receptive_field, ([(3,)], 0), {}, r"size\[0\] must be at least 1"),
    (receptive_field, (nn.Sequential(nn.ConvTranspose2d(1, 1, 2)),), {}, "got ConvTranspose2d"),
    (receptive_field, (nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)),), {}, "got AdaptiveAvgPool2d"),
    (receptive_field, ([nn.MultiheadAttention(4, 2)],), {}, "got MultiheadAttention"),
]


# ---- sizes: all of a grid of arguments, legal or not, against torch's functions --------------------------------------

def size_or_none(function, *args):
    """What a function of ours, or a layer of torch's, makes of its arguments; None where it refuses them."""
    try:
        return function(*args)
    except (ValueError, RuntimeError):
        return None


def assert_equal_on_grid(ours, theirs, grid, least):
    """Both give the same int, or both refuse, everywhere on the grid; so many of its points must be legal."""
    legal = 0
    for args in grid:
        got, want = size_or_none(ours, *args), size_or_none(theirs, *args)
        assert got == want, f"{ours.__name__}{args} is {got}, torch makes {want}"
        legal += want is not None
    assert legal >= least


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_output_size_is_what_torch_returns(size, kernel_size, stride, padding, dilation):
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
    if dilation * (kernel_size - 1) + 1 > size + 2 * padding:
        with pytest.raises(ValueError, match="the kernel covers"):
            conv_output_size(size, kernel_size, stride, padding, dilation)
    else:
        out = T.conv1d(x, w, stride=stride, padding=padding, dilation=dilation)
        assert conv_output_size(size, kernel_size, stride, padding, dilation) == out.shape[-1]


def test_convolution_on_a_grid():
    def theirs(size, k, s, p, d):
        return T.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, k), None, s, p, d).shape[-1]
    grid = itertools.product((1, 2, 3, 5, 8, 13), (1, 2, 3, 5), (1, 2, 3, 5), (0, 1, 2, 4), (1, 2, 3))
    assert_equal_on_grid(conv_output_size, theirs, grid, 800)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooling_on_a_grid(ceil_mode):
    def theirs(size, k, s, p, d, ceil_mode):
        return T.max_pool1d(torch.zeros(1, 1, size), k, s, p, d, ceil_mode).shape[-1]
    grid = itertools.product((1, 2, 3, 4, 5, 7, 12), (1, 2, 3, 4, 5), (None, 1, 2, 3, 6), (0, 1, 2), (1, 2, 3),
                             [ceil_mode])
    assert_equal_on_grid(pool_output_size, theirs, grid, 500)


def test_transposed_convolution_on_a_grid():
    def theirs(size, k, s, p, o, d):
        return T.conv_transpose1d(torch.zeros(1, 1, size), torch.zeros(1, 1, k), None, s, p, o, 1, d).shape[-1]
    grid = itertools.product((1, 2, 3, 5, 8), (1, 2, 3, 4, 5), (1, 2, 3, 4), (0, 1, 2, 3), (0, 1, 2, 3), (1, 2, 3))
    assert_equal_on_grid(transposed_conv_output_size, theirs, grid, 2000)


@pytest.mark.parametrize("size", [1, 5, 8])
def test_a_transposed_convolution_undoes_the_size_of_a_convolution(size):
    for k, s, p, d in itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
        lengths = [size_or_none(transposed_conv_output_size, size, k, s, p, o, d) for o in range(s)]
        for length in filter(None, lengths):
            if length + 2 * p >= d * (k - 1) + 1:
                assert conv_output_size(length, k, s, p, d) == size
        if None not in lengths:                          # these are all of them
            others = [n for n in range(1, 60) if size_or_none(conv_output_size, n, k, s, p, d) == size]
            assert others == lengths


def test_the_padding_of_a_transposed_convolution_that_multiplies_the_size():
    solved = 0
    for k, s, d in itertools.product(range(1, 8), range(1, 6), (1, 2, 3)):
        works = [(p, o) for o in range(max(s, d)) for p in range(12)
                 if all(size_or_none(transposed_conv_output_size, n, k, s, p, o, d) == n * s for n in (7, 20, 33))]
        if works:
            assert transposed_conv_padding(k, s, d) == works[0]
            solved += 1
        else:
            with pytest.raises(ValueError, match="no padding"):
                transposed_conv_padding(k, s, d)
    assert solved >= 95
    assert [transposed_conv_padding(k, 2) for k in (2, 3, 4)] == [(0, 0), (1, 1), (1, 0)]


def test_interpolation_on_a_grid():
    def theirs(size, factor):
        return T.interpolate(torch.zeros(1, 1, size), scale_factor=factor).shape[-1]
    factors = (0.1, 0.25, 1 / 3, 0.5, 0.7, 1, 1.1, 1.5, 2, 2.3, 3)
    assert_equal_on_grid(interpolate_output_size, theirs, itertools.product(range(1, 30), factors), 250)


def test_adaptive_windows_hold_what_torch_averages():
    for size, out in itertools.product(range(1, 14), range(1, 14)):
        weights = torch.eye(size)[None]                                  # row i: which outputs sample i goes into
        theirs = T.adaptive_avg_pool1d(weights, out)[0].T
        windows = adaptive_windows(size, out)
        assert [torch.nonzero(row).flatten().tolist() for row in theirs] == [list(range(*w)) for w in windows]


# ---- padding ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kernel_size", range(1, 7))
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch copies then, which costs time only
def test_same_padding_is_torchs(kernel_size, dilation):
    x = torch.arange(1.0, 20.0)[None, None]
    w = torch.rand(1, 1, kernel_size)
    theirs = T.conv1d(x, w, padding="same", dilation=dilation)
    ours = T.conv1d(T.pad(x, same_padding(kernel_size, dilation)), w, dilation=dilation)
    torch.testing.assert_close(ours, theirs)


def test_same_padding_with_a_stride_is_the_least_that_gives_its_share():
    for size, k, s, d in itertools.product(range(1, 12), range(1, 6), range(1, 5), (1, 2)):
        before, after = same_padding(k, d, s, size)
        assert 0 <= after - before <= 1
        works = [n for n in range(20) if size_or_none(conv_output_size, size + n, k, s, 0, d) == -(-size // s)]
        assert before + after == works[0]


# ---- what an output sees ---------------------------------------------------------------------------------------------

def seen(net, length):
    """(first, last) sample of the input that each output depends on, by the gradients of a net of positive weights."""
    x = torch.ones(1, 1, length, dtype=torch.float64, requires_grad=True)
    out = net(x)[0, 0]
    places = [torch.nonzero(torch.autograd.grad(value, x, retain_graph=True)[0][0, 0]).flatten() for value in out]
    return [(int(p[0]), int(p[-1])) if len(p) else None for p in places]


def ones_net(stack):
    """A convolution of ones for each (kernel_size, stride, padding, dilation)."""
    net = nn.Sequential(*[nn.Conv1d(1, 1, k, s, p, d, bias=False) for k, s, p, d in stack]).double()
    for p in net.parameters():
        nn.init.ones_(p)
    return net


def test_receptive_field_jump_and_start_are_those_of_the_gradients():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(60):
        stack = [(int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(0, 3)), int(rng.integers(1, 4)))
                 for _ in range(rng.integers(1, 5))]
        field = receptive_field(stack).iloc[-1]
        net, length = ones_net(stack), int(field.receptive_field + 4 * field.jump)
        places = seen(net, length)
        assert receptive_field(stack, length).output_size.iloc[-1] == len(places)
        for j, place in enumerate(places):
            centre, reach = field.start + j * field.jump, (field.receptive_field - 1) / 2
            if centre - reach >= 0 and centre + reach <= length - 1:     # nothing of it lies in the padding
                assert place == (centre - reach, centre + reach), stack
                inside += 1
            elif place is not None:                                      # what is seen lies within what is said
                assert place[0] >= centre - reach and place[1] <= centre + reach
    assert inside > 100


def test_even_kernels_have_their_centre_between_two_samples():
    assert next_field(Field(), 2, 2) == Field(2, 2, 0.5)
    assert next_field(next_field(Field(), 2, 2), 3, 1, 1) == Field(6, 2, 0.5)


def test_vgg16_is_as_published():
    """Simonyan & Zisserman 2015; the numbers are those of Araujo et al. 2019 and of many since."""
    with torch.device("meta"):
        net = import_torchvision().models.vgg16().features
    table = receptive_field(net, (224, 320))
    assert len(table) == 1 + 13 + 5
    assert table.receptive_field.iloc[[-1, -2]].tolist() == [(212, 212), (196, 196)]
    assert table.jump.iloc[-1] == (32, 32)
    assert table.output_size.iloc[-1] == (7, 10)
    square = receptive_field(net, 224)
    assert square.receptive_field.iloc[[-1, -2]].tolist() == [212, 196]
    assert square.iloc[-1][["jump", "start", "output_size"]].tolist() == [32, 15.5, 7]


def test_receptive_field_reads_layers_as_it_reads_tuples():
    layers = [nn.Conv2d(3, 4, (3, 5), (1, 2), (1, 2)), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1, (1, 2)),
              nn.Sequential(nn.Conv2d(4, 4, 3, dilation=(2, 1)), nn.Dropout2d()), nn.AvgPool2d((2, 3)),
              nn.LPPool2d(2, 2)]
    stack = [((3, 5), (1, 2), (1, 2)), (3, 2, 1, (1, 2)), (3, 1, 0, (2, 1)), ((2, 3), (2, 3)), (2, 2)]
    theirs, ours = receptive_field(stack, (40, 90)), receptive_field(nn.Sequential(*layers), (40, 90))
    assert ours.drop(columns="layer").equals(theirs.drop(columns="layer"))
    assert ours.layer.tolist() == ["input", "Conv2d", "MaxPool2d", "Conv2d", "AvgPool2d", "LPPool2d"]
    out = nn.Sequential(*layers)(torch.zeros(1, 3, 40, 90))
    assert ours.output_size.iloc[-1] == tuple(out.shape[2:])
    rows = receptive_field([(3, 1, 1), (3, 2, 1), (3, 1, 0, 2), (2, 2), (2, 2)])
    columns = receptive_field([(5, 2, 2), (3, 2, 1, 2), (3, 1, 0, 1), (3, 3), (2, 2)])
    for name in ("receptive_field", "jump", "start"):
        assert ours[name].tolist() == list(zip(rows[name], columns[name], strict=True))


@pytest.mark.parametrize("layer", [nn.Conv2d(1, 1, 4, padding="same"), nn.Conv2d(1, 1, 4, padding="valid"),
                                   nn.MaxPool2d(2, 2, ceil_mode=True), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
                                   nn.Conv2d(1, 1, (2, 5), padding="same", dilation=(3, 1))], ids=str)
def test_output_sizes_of_layers_are_torchs(layer):
    table = receptive_field([layer, nn.ReLU()], (9, 12))
    size = table.output_size.iloc[-1]
    assert (size if isinstance(size, tuple) else (size, size)) == tuple(layer(torch.zeros(1, 1, 9, 12)).shape[2:])


def test_same_padding_of_an_even_kernel_moves_the_start():
    net = nn.Sequential(nn.Conv1d(1, 1, 4, padding="same", bias=False)).double()
    nn.init.ones_(net[0].weight)
    field = receptive_field(net).iloc[-1]
    first, last = seen(net, 11)[5]
    assert (first, last) == (field.start + 5 - 1.5, field.start + 5 + 1.5)


# ---- cost and position -----------------------------------------------------------------------------------------------

def test_macs_count_one_kernel_at_each_pixel():
    assert conv_macs((5, 7), (3, 2), in_channels=4, out_channels=6) == 5 * 7 * 6 * 4 * 3 * 2
