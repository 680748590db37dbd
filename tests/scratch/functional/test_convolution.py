"""Convolution, transposed convolution, unfold and fold give PyTorch's numbers and gradients."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from cnnlib.testing import assert_close
from tests.parity import Case, assert_case

CASES = [
    Case("conv1d", [(2, 3, 11), (4, 3, 4)]),
    Case("conv1d", [(3, 11), (4, 3, 4), (4,)], stride=3, padding=2, dilation=2),
    Case("conv1d", [(2, 6, 9), (4, 3, 2)], groups=2, padding="same"),
    Case("conv1d", [(2, 4, 9), (4, 1, 3)], groups=4, padding=(2,), stride=(2,)),
    Case("conv2d", [(2, 3, 9, 7), (4, 3, 3, 2), (4,)]),
    Case("conv2d", [(2, 6, 9, 7), (8, 3, 3, 2), (8,)], stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    Case("conv2d", [(6, 9, 7), (6, 1, 3, 5)], groups=6, padding=2, stride=2),
    Case("conv2d", [(2, 6, 9, 7), (6, 1, 3, 5), (6,)], groups=6, padding=(4, 1), stride=(3, 1)),
    Case("conv2d", [(2, 6, 9, 8), (6, 1, 3, 3)], groups=6, dilation=(2, 3)),
    Case("conv2d", [(2, 6, 9, 8), (6, 1, 2, 3)], groups=6, dilation=2, stride=2, padding=1),
    Case("conv2d", [(2, 4, 9, 8), (8, 1, 2, 3)], groups=4, padding=1),
    Case("conv2d", [(1, 1, 5, 8), (1, 1, 4, 2)], padding="same"),
    Case("conv2d", [(1, 2, 5, 8), (3, 2, 2, 3)], padding="same", dilation=(3, 1)),
    Case("conv2d", [(1, 2, 5, 8), (3, 2, 5, 8)], padding="valid"),
    Case("conv2d", [(1, 2, 5, 4), (3, 2, 2, 2)], padding=(5, 3)),
    Case("conv2d", [(0, 2, 5, 8), (3, 2, 2, 3), (3,)]),
    Case("conv2d", [(2, 3, 5, 4), (7, 3, 1, 1), (7,)], stride=(3, 2)),
    Case("conv2d", [(2, 3, 5, 4), (7, 3, 1, 1), (7,)], padding=(1, 2)),
    Case("conv2d", [(2, 4, 5, 4), (6, 2, 1, 1)], groups=2),
    Case("conv2d", [(2, 5, 11, 9), (40, 5, 3, 2), (40,)], stride=(2, 3), padding=(1, 2)),
    Case("conv2d", [(3, 40, 40, 37), (36, 40, 2, 3), (36,)], padding=1),
    Case("conv2d", [(1, 33, 19, 38), (34, 33, 3, 3), (34,)], padding=(2, 1)),
    Case("conv2d", [(9, 64, 11, 10), (96, 32, 3, 3)], padding=(0, 3), groups=2),
    Case("conv2d", [(1, 33, 20, 40), (34, 33, 3, 3)], padding=(45, 3)),
    Case("conv2d", [(1, 3, 20, 90), (40, 3, 5, 4)], padding=(60, 40), stride=(2, 1)),
    Case("conv2d", [(2, 5, 40, 60), (7, 5, 3, 4)], padding=(50, 40)),
    Case("conv2d", [(2, 5, 20, 30), (5, 1, 3, 4)], padding=(25, 40), groups=5),
    Case("conv2d_textbook", [(2, 3, 9, 7), (4, 3, 3, 2), (4,)], reference=T.conv2d),
    Case("conv2d_textbook", [(2, 6, 9, 7), (8, 3, 3, 2), (8,)], reference=T.conv2d, stride=(2, 1), padding=(1, 0),
         dilation=(1, 2), groups=2),
    Case("conv3d", [(2, 3, 5, 6, 7), (4, 3, 2, 3, 2), (4,)], padding=(1, 0, 1)),
    Case("conv3d", [(4, 5, 6, 7), (6, 2, 3, 2, 3)], stride=(2, 1, 3), padding=(2, 1, 0), dilation=(1, 2, 1), groups=2),
    Case("conv3d", [(1, 2, 4, 5, 3), (3, 2, 2, 2, 3)], padding="same"),
    Case("conv_transpose1d", [(2, 3, 5), (3, 4, 3), (4,)], stride=2, padding=1, output_padding=1),
    Case("conv_transpose1d", [(4, 5), (4, 2, 3)], groups=2, dilation=3, output_padding=2, stride=1),
    Case("conv_transpose2d", [(2, 3, 5, 4), (3, 4, 3, 2), (4,)]),
    Case("conv_transpose2d", [(4, 5, 3), (4, 3, 4, 3), (6,)], stride=(3, 2), padding=(2, 1), output_padding=(1, 0),
         groups=2),
    Case("conv_transpose2d", [(2, 3, 5, 4), (3, 4, 3, 2)], dilation=(2, 3), output_padding=(1, 2)),
    Case("conv_transpose2d", [(2, 6, 5, 4), (6, 1, 4, 3)], groups=6, stride=2, padding=1),
    Case("conv_transpose2d", [(2, 3, 4, 1), (3, 2, 1, 1)], stride=(2, 1), dilation=(1, 3), output_padding=(1, 2)),
    Case("conv_transpose2d", [(1, 1, 1, 3), (1, 1, 1, 2)], padding=(1, 0), output_padding=(2, 0), dilation=(3, 1)),
    Case("conv_transpose2d", [(2, 2, 1, 3), (2, 1, 1, 2)], padding=(1, 0), output_padding=(2, 0), dilation=(3, 1),
         groups=2),                                                      # all rows are of output_padding
    Case("conv_transpose2d", [(0, 3, 5, 4), (3, 4, 3, 2), (4,)]),
    Case("conv_transpose2d", [(2, 40, 7, 6), (40, 36, 4, 4)], stride=2, padding=1),
    Case("conv_transpose3d", [(2, 3, 2, 3, 4), (3, 2, 2, 3, 2), (2,)], stride=(2, 1, 2), padding=(1, 0, 1),
         output_padding=(1, 0, 0)),
    Case("unfold", [(2, 3, 7, 5)], kernel_size=(3, 2)),
    Case("unfold", [(3, 7, 5)], kernel_size=2, dilation=(2, 1), padding=(1, 2), stride=(2, 3)),
    Case("fold", [(2, 18, 20)], output_size=(7, 5), kernel_size=(3, 2)),
    Case("fold", [(12, 12)], output_size=(7, 5), kernel_size=2, dilation=(2, 1), padding=(1, 2), stride=(2, 3)),
]
SMOOTH = [case for case in CASES if sum(np.prod(shape) for shape in case.makers) < 2000]      # all are, these are small
SAMPLES = [(name, "") for name in ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
                                   "conv_transpose3d", "unfold")]
REFUSED = {"conv1d": 10, "conv2d": 10, "conv3d": 10}
x4, w4 = np.zeros((2, 3, 6, 5)), np.zeros((4, 3, 3, 2))
# function, arguments, keywords, what the message must hold
BAD = [
    (F.conv1d, (np.zeros((3, 8)), np.zeros((4, 2, 3))), {}, "input has 3 channels"),
    (F.conv1d, (np.zeros(8), np.zeros((1, 1, 3))), {}, r"input needs 3 axes.*\(8,\)"),
    (F.conv2d, (x4, np.zeros((4, 3, 3))), {}, r"weight needs 4 axes.*\(4, 3, 3\)"),
    (F.conv2d, (x4.tolist(), w4), {}, "input must be a NumPy array, got list"),
    (F.conv2d, (torch.zeros(1, 3, 6, 5), w4), {}, "input must be a NumPy array, got Tensor"),
    (F.conv2d, (x4.astype(int), w4), {}, "input must be float32 or float64, got int64"),
    (F.conv2d, (x4.astype(np.float32), w4), {}, "one dtype, got input float32, weight float64"),
    (F.conv2d, (x4, w4, np.zeros(3)), {}, r"bias must have shape \(4,\), got \(3,\)"),
    (F.conv2d, (x4, w4), {"stride": 0}, "stride must be at least 1, got 0"),
    (F.conv2d, (x4, w4), {"stride": (1, 2, 3)}, "stride must be an int or 2 ints"),
    (F.conv2d, (x4, w4), {"padding": -1}, "padding must be at least 0, got -1"),
    (F.conv2d, (x4, w4), {"padding": "full"}, "padding must be ints, \"valid\" or \"same\", got 'full'"),
    (F.conv2d, (x4, w4), {"padding": "same", "stride": 2}, "needs stride 1"),
    (F.conv2d, (x4, w4), {"dilation": 1.5}, "dilation must be an int"),
    (F.conv2d, (x4, w4), {"dilation": 3}, r"covers \(7, 4\).*only \(6, 5\)"),
    (F.conv2d, (x4, w4), {"groups": 2}, "takes 6"),
    (F.conv2d, (np.zeros((1, 2, 5, 5)), np.zeros((3, 1, 2, 2))), {"groups": 2}, "do not divide by groups = 2"),
    (F.conv2d, (x4, np.zeros((4, 3, 0, 2))), {}, "kernel that is not empty"),
    (F.conv2d_textbook, (x4, np.zeros((4, 3, 3))), {}, "weight needs 4 axes"),
    (F.conv3d, (x4, w4), {}, "conv3d: weight needs 5 axes"),
    (F.conv_transpose1d, (np.zeros((3, 8)), np.zeros((2, 4, 3))), {}, "input has 3 channels.*takes 2"),
    (F.conv_transpose2d, (x4, np.zeros((3, 2, 2, 2))), {"output_padding": 1}, "output_padding must be smaller than"),
    (F.conv_transpose2d, (x4, np.zeros((3, 2, 2, 2)), np.zeros(3)), {}, r"bias must have shape \(2,\)"),
    (F.conv_transpose2d, (x4, np.zeros((3, 2, 2, 2))), {"padding": 4}, r"gives an output of size \(-1, -2\)"),
    (F.conv_transpose3d, (x4, np.zeros((3, 2, 2, 2))), {}, "weight needs 5 axes"),
    (F.unfold, (x4, 7), {}, "only"),
    (F.unfold, (x4, (2, 2, 2)), {}, "kernel_size must be an int or 2 ints"),
    (F.fold, (np.zeros((2, 7, 4)), (3, 3), 2), {}, "not a multiple of the kernel's 2·2 = 4"),
    (F.fold, (np.zeros((2, 8, 5)), (3, 3), 2), {}, "has 2·2 = 4 windows, input has 5 columns"),
    (F.fold, (np.zeros(8), (3, 3), 2), {}, "fold: input needs 3 axes"),
]


@pytest.mark.parametrize("case", [case for case in CASES if case.name == "conv2d"], ids=str)
def test_the_textbook_form_and_the_fast_form_are_equal(case):
    arrays = case.arrays(np.float64)
    out = F.conv2d(*arrays, **case.options)
    assert_close(F.conv2d_textbook(*arrays, **case.options), out)
    grad_output = np.random.default_rng(1).normal(size=out.shape)
    fast = F.conv2d_backward(grad_output, *arrays, **case.options)
    for ours, theirs in zip(F.conv2d_textbook_backward(grad_output, *arrays, **case.options), fast, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_close(ours, theirs)


@settings(max_examples=150, deadline=None)
@given(
    batch=st.integers(0, 3), groups=st.integers(1, 3), in_channels=st.integers(1, 2),
    out_channels=st.sampled_from([1, 2, 3, 35]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)), stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 5), st.integers(0, 5)), dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    extra=st.tuples(st.integers(0, 5), st.integers(0, 5)), bias=st.booleans(),
)
def test_conv2d_equals_torch_for_any_geometry(batch, groups, in_channels, out_channels, kernel, stride, padding,
                                              dilation, extra, bias):
    size = [max(1, d * (k - 1) + 1 - 2 * p + e) for k, d, p, e in zip(kernel, dilation, padding, extra, strict=True)]
    shapes = [(batch, groups * in_channels, *size), (groups * out_channels, in_channels, *kernel)]
    shapes += [(groups * out_channels,)] * bias
    assert_case(Case("conv2d", shapes, stride=stride, padding=padding, dilation=dilation, groups=groups), np.float64)


@settings(max_examples=80, deadline=None)
@given(
    batch=st.integers(0, 3), groups=st.integers(1, 3), in_channels=st.integers(1, 2), out_channels=st.integers(1, 3),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)), kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    data=st.data(),
)
def test_conv_transpose2d_equals_torch_for_any_geometry(batch, groups, in_channels, out_channels, size, kernel, stride,
                                                        dilation, data):
    output_padding = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    full = [(n - 1) * s + d * (k - 1) + o for n, s, d, k, o in zip(size, stride, dilation, kernel, output_padding,
                                                                  strict=True)]
    padding = tuple(data.draw(st.integers(0, n // 2)) for n in full)
    shapes = [(batch, groups * in_channels, *size), (groups * in_channels, out_channels, *kernel)]
    assert_case(Case("conv_transpose2d", shapes, stride=stride, padding=padding, output_padding=output_padding,
                     groups=groups, dilation=dilation), np.float64)


SHAPES = [
    [(2, 64, 30, 27), (96, 64, 3, 3), (96,)], [(4, 128, 15, 14), (64, 128, 3, 3), (64,)],
    [(2, 3, 41, 38), (16, 3, 7, 5), (16,)], [(2, 48, 17, 19), (48, 1, 3, 3), (48,)],
    [(2, 40, 9, 11), (24, 40, 1, 1), (24,)],
]
STEM = [(1, 3, 47, 43), (40, 3, 11, 11), (40,)], {"stride": 4, "padding": 2}
OPTIONS = [{"padding": 1}, {"padding": 2, "dilation": 2}, {"stride": 2, "padding": 1}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_float32_is_as_precise_as_torchs(shapes, options):
    options = {**options, "groups": shapes[0][1] // shapes[1][1]}
    arrays = Case("conv2d", shapes).arrays(np.float64)
    exact, small = F.conv2d(*arrays, **options), [a.astype(np.float32) for a in arrays]
    theirs = T.conv2d(*map(torch.from_numpy, small), **options).numpy()
    errors = [np.sqrt(np.mean((result - exact) ** 2)) for result in (F.conv2d(*small, **options), theirs)]
    assert errors[0] < 2 * errors[1]


@pytest.mark.parametrize("value", [1e6, 1e30, np.nan])
@pytest.mark.parametrize(("shapes", "options"), [*itertools.product(SHAPES, OPTIONS), STEM], ids=str)
def test_a_pixel_reaches_only_the_outputs_whose_window_holds_it(shapes, options, value):
    """All others stay the same to the last bit, forward and back, whatever the pixel is."""
    options = {**options, "groups": shapes[0][1] // shapes[1][1]}
    x, w, b = Case("conv2d", shapes).arrays(np.float32)
    place = (0, 1, x.shape[2] // 2 | 1, x.shape[3] // 2 | 1)             # odd: no kernel steps over it
    mark, ones = np.zeros_like(x), np.ones_like(w)
    mark[place] = 1
    before, seen = F.conv2d(x, w, b, **options), F.conv2d(mark, ones, **options) > 0.5
    x[place] = value
    with np.errstate(all="ignore"):
        after = F.conv2d(x, w, b, **options)
    assert 0 < seen.sum() < seen.size
    np.testing.assert_array_equal(after[~seen], before[~seen])

    dy = np.random.default_rng(0).normal(size=before.shape).astype(np.float32)
    place = (0, 1, dy.shape[2] // 2, dy.shape[3] // 2)
    mark = np.zeros_like(dy)
    mark[place] = 1
    seen = F.conv2d_backward(mark, x, ones, b, **options)[0] > 0.5
    before = F.conv2d_backward(dy, x, w, b, **options)[0]
    dy[place] = value
    with np.errstate(all="ignore"):
        after = F.conv2d_backward(dy, x, w, b, **options)[0]
    assert 0 < seen.sum() < seen.size
    np.testing.assert_array_equal(after[~seen], before[~seen])


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
@pytest.mark.parametrize("needs", [(False, True, True), (True, False, False), (False, False, True)])
def test_gradients_that_are_not_needed_are_left_out(name, needs):
    arrays = Case(name, [(2, 4, 6, 5), (4, 4, 3, 2), (4,)]).arrays(np.float64)
    dy = np.ones_like(getattr(F, name)(*arrays, stride=2))
    backward = getattr(F, f"{name}_backward")
    some, all_ = backward(dy, *arrays, stride=2, needs_input_grad=needs), backward(dy, *arrays, stride=2)
    for need, part, whole in zip(needs, some, all_, strict=True):
        if need:
            assert_close(part, whole)
        else:
            assert part is None


def test_unfold_times_the_kernel_is_the_convolution():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 8, 6)), rng.normal(size=(5, 3, 3, 2))
    columns = F.unfold(x, (3, 2), stride=(2, 1))
    assert_close((w.reshape(5, -1) @ columns).reshape(2, 5, 3, 5), F.conv2d(x, w, stride=(2, 1)))


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d"])
def test_the_transpose_is_the_transpose(name):
    """⟨y, conv(x)⟩ = ⟨conv_transpose(y), x⟩ for all x and y."""
    n = int(name[4])
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, *(7, 6, 5)[:n])), rng.normal(size=(4, 3, *(3, 2, 3)[:n]))
    out = getattr(F, name)(x, w, stride=2, padding=1)
    y = rng.normal(size=out.shape)
    output_padding = [(size + 2 - k) % 2 for size, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    transpose = getattr(F, name.replace("conv", "conv_transpose"))
    back = transpose(y, w, stride=2, padding=1, output_padding=tuple(output_padding))
    assert_close(np.sum(y * out), np.sum(back * x))
