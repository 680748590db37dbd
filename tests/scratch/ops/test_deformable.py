"""Deformable convolution on arrays: the numbers and gradients of the torch block, and central differences."""

import numpy as np
import pytest

from cnnlib import blocks
from cnnlib.scratch import Tensor, apply
from cnnlib.scratch.functional import conv2d
from cnnlib.scratch.ops import deformable
from cnnlib.scratch.ops.deformable import deform_conv2d, deform_conv2d_backward
from cnnlib.testing import assert_close
from tests.parity import Case, given

x4, w4, o18 = np.zeros((2, 4, 6, 5)), np.zeros((3, 4, 3, 3)), np.zeros((2, 18, 4, 3))
BAD = [
    (deform_conv2d, (x4[0], o18, w4), {}, r"deform_conv2d: input must have 4 axes, not empty, got shape \(4, 6, 5\)"),
    (deform_conv2d, (None, o18, w4), {}, "input must be a NumPy array, got NoneType"),
    (deform_conv2d, (x4, None, w4), {}, "offset must be a NumPy array, got None"),
    (deform_conv2d, (x4, o18, w4.astype(np.float32)), {}, "all arrays must have one dtype"),
    (deform_conv2d, (x4, o18, np.zeros((3, 3, 3, 3))), {}, "input of 4 channels does not fit weight"),
    (deform_conv2d, (x4, o18, np.zeros((3, 2, 3, 3))), {}, "input of 4 channels does not fit weight"),
    (deform_conv2d, (x4, o18, w4, np.zeros(4)), {}, r"bias must have shape \(3,\), got \(4,\)"),
    (deform_conv2d, (x4, o18, w4), {"stride": 0}, "stride must be at least 1, got 0"),
    (deform_conv2d, (x4, o18, w4), {"padding": -1}, "padding must be at least 0, got -1"),
    (deform_conv2d, (x4, o18, w4), {"dilation": 3}, r"kernel \(3, 3\) with dilation \(3, 3\) is larger than the input"),
    (deform_conv2d, (x4, o18[:, :17], w4), {}, "offset must have D·18 channels, .* got 17"),
    (deform_conv2d, (x4, np.zeros((2, 54, 4, 3)), w4), {}, "where D divides the 4 channels of input, got 54"),
    (deform_conv2d, (x4, o18, w4), {"padding": 1}, r"offset must have shape \(2, 18, 6, 5\), got \(2, 18, 4, 3\)"),
    (deform_conv2d, (x4, o18, w4), {"mask": o18}, r"mask must have shape \(2, 9, 4, 3\), got \(2, 18, 4, 3\)"),
    (deform_conv2d_backward, (np.zeros((2, 3, 4, 4)), x4, o18, w4), {}, "deform_conv2d_backward: grad_output must"),
    (deform_conv2d_backward, (np.zeros((2, 3, 4, 3), np.float32), x4, o18, w4), {}, "grad_output must be"),
]

# stride, padding, dilation, then: groups, groups of offsets, kernel
GEOMETRIES = [
    ((1, 0, 1), 1, 1, (3, 3)),
    (((2, 1), (1, 2), (1, 2)), 2, 1, (3, 2)),
    (((1, 3), (0, 1), (2, 1)), 1, 2, (2, 3)),
    ((2, 2, 2), 2, 4, (1, 3)),
    ((1, 1, 1), 4, 2, (2, 1)),
]


def offsets(*shape):
    def offsets(rng, dtype):
        return (2 * rng.normal(size=shape)).astype(dtype)
    return offsets


def whole(*shape):
    """To pixels, where slopes jump."""
    def whole(rng, dtype):
        return (2 * rng.normal(size=shape)).round().astype(dtype)
    return whole


def case(options, groups, parts, kernel, *, offset=offsets, bias=True, mask=True):
    x, weight, taps = (2, 4, 7, 8), (8, 4 // groups, *kernel), kernel[0] * kernel[1]
    size = conv2d(np.ones(x), np.ones(weight), None, *options, groups).shape[2:]
    arrays = [x, offset(2, 2 * parts * taps, *size), weight, (8,) if bias else given(None)]
    return Case("deform_conv2d", arrays, within=deformable, reference=blocks.deform_conv2d,
                **dict(zip(("stride", "padding", "dilation"), options, strict=True)),
                **{"mask": shares(2, parts * taps, *size)} if mask else {})


def shares(*shape):
    """A mask."""
    def shares(rng, dtype):
        return rng.uniform(size=shape).astype(dtype)
    return shares


SMOOTH = [case(*geometry) for geometry in GEOMETRIES]
CASES = [case(*geometry, offset=offset, bias=bias, mask=mask) for geometry in GEOMETRIES for offset in (offsets, whole)
         for bias, mask in ((True, True), (True, False), (False, True))]


def draw(*geometry):
    """input, offset, weight, bias, mask"""
    return [case(*geometry).bound(np.float64)[name] for name in ("input", "offset", "weight", "bias", "mask")]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_without_offsets_it_is_a_convolution(geometry):
    options, groups, *_ = geometry
    x, offset, weight, bias, _ = draw(*geometry)
    assert_close(deform_conv2d(x, 0 * offset, weight, bias, *options), conv2d(x, weight, bias, *options, groups))


def test_it_keeps_the_dtype_and_takes_no_images():
    arrays = [array.astype(np.float32) for array in draw(*GEOMETRIES[1])]
    out = deform_conv2d(*arrays[:4], *GEOMETRIES[1][0], mask=arrays[4])
    assert out.dtype == np.float32
    grads = deform_conv2d_backward(out, *arrays[:4], *GEOMETRIES[1][0], mask=arrays[4])
    assert [grad.dtype for grad in grads] == [np.float32] * 5
    none = deform_conv2d(arrays[0][:0], arrays[1][:0], *arrays[2:4], *GEOMETRIES[1][0])
    assert none.shape == (0, *out.shape[1:])
    grads = deform_conv2d_backward(none, arrays[0][:0], arrays[1][:0], *arrays[2:4], *GEOMETRIES[1][0])
    assert not any(np.any(grad) for grad in grads)


def test_what_is_no_number_stays_one_and_far_outside_is_zero():
    x, offset, weight, bias, _ = draw(*GEOMETRIES[0])
    assert_close(deform_conv2d(x, 0 * offset - 1e9, weight), np.zeros((2, 8, *offset.shape[2:])))
    offset[1, 3, 2, 4] = np.nan
    wrong = np.isnan(deform_conv2d(x, offset, weight, bias))
    assert wrong[1, :, 2, 4].all() and wrong.sum() == 8


def test_the_engine_takes_it_as_an_operation():
    x, offset, weight, bias, _ = draw(*GEOMETRIES[1])
    tensors = [Tensor(array, requires_grad=True) for array in (x, offset, weight, bias)]
    out = apply(deform_conv2d, *tensors, *GEOMETRIES[1][0])
    out.backward(np.ones_like(out.data))
    grads = deform_conv2d_backward(np.ones_like(out.data), x, offset, weight, bias, *GEOMETRIES[1][0])
    for tensor, grad in zip(tensors, grads[:4], strict=True):
        assert_close(tensor.grad.data, grad)
