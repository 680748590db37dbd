"""Deformable convolution on arrays: the numbers and gradients of the torch block, and central differences."""

import numpy as np
import pytest
import torch

from cnnlib import blocks
from cnnlib.scratch import Tensor, apply
from cnnlib.scratch.functional import conv2d
from cnnlib.scratch.ops.deformable import deform_conv2d, deform_conv2d_backward
from cnnlib.testing import assert_close

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
CASES = [
    ((1, 0, 1), 1, 1, (3, 3)),
    (((2, 1), (1, 2), (1, 2)), 2, 1, (3, 2)),
    (((1, 3), (0, 1), (2, 1)), 1, 2, (2, 3)),
    ((2, 2, 2), 2, 4, (1, 3)),
    ((1, 1, 1), 4, 2, (2, 1)),
]
NAMES = ["input", "offset", "weight", "bias", "mask"]


def draw(options, groups, parts, kernel, whole=False):
    """input, offset, weight, bias, mask; whole: at pixels, where slopes jump."""
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(2, 4, 7, 8)), rng.normal(size=(8, 4 // groups, *kernel)), rng.normal(size=8)
    size = conv2d(x, weight, bias, *options, groups).shape[2:]
    taps = kernel[0] * kernel[1]
    offset = 2 * rng.normal(size=(2, 2 * parts * taps, *size))
    return [x, offset.round() if whole else offset, weight, bias, rng.uniform(size=(2, parts * taps, *size))]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("given", ["bias and mask", "bias", "mask"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_backward_equal_the_torch_block(case, given, whole):
    options, arrays = case[0], draw(*case, whole)
    named = [*NAMES[:3], *given.split(" and ")]
    arrays = [array if name in named else None for name, array in zip(NAMES, arrays, strict=True)]
    before = [None if array is None else array.copy() for array in arrays]
    tensors = [None if array is None else torch.from_numpy(array.copy()).requires_grad_() for array in arrays]
    want = blocks.deform_conv2d(*tensors[:4], *options, mask=tensors[4])
    assert_close(deform_conv2d(*arrays[:4], *options, mask=arrays[4]), want)

    grad_output = np.random.default_rng(1).normal(size=want.shape)
    want.backward(torch.from_numpy(grad_output))
    grads = deform_conv2d_backward(grad_output, *arrays[:4], *options, mask=arrays[4])
    assert len(grads) == 5
    for name, grad, tensor, array, old in zip(NAMES, grads, tensors, arrays, before, strict=True):
        assert (grad is None) == (tensor is None), name
        if tensor is not None:
            assert_close(grad, tensor.grad)
            np.testing.assert_array_equal(array, old, err_msg=f"{name} was changed")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backward_agrees_with_central_differences(case):
    """Σ g·f(a + h·d) − Σ g·f(a − h·d) ≈ 2h Σ da·d        for each array a in a random direction d"""
    options, arrays = case[0], draw(*case)
    rng, step = np.random.default_rng(2), 1e-6

    def value(*arrays):
        return deform_conv2d(*arrays[:4], *options, mask=arrays[4])

    grad_output = rng.normal(size=value(*arrays).shape)
    grads = deform_conv2d_backward(grad_output, *arrays[:4], *options, mask=arrays[4])
    for i, grad in enumerate(grads):
        direction = rng.normal(size=arrays[i].shape)
        ends = [value(*arrays[:i], arrays[i] + move * direction, *arrays[i + 1:]) for move in (step, -step)]
        numeric = np.sum(grad_output * (ends[0] - ends[1])) / (2 * step)
        assert_close(np.sum(grad * direction), numeric, tolerance=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_without_offsets_it_is_a_convolution(case):
    x, offset, weight, bias, _ = draw(*case)
    assert_close(deform_conv2d(x, 0 * offset, weight, bias, *case[0]), conv2d(x, weight, bias, *case[0], case[1]))


def test_it_keeps_the_dtype_and_takes_no_images():
    arrays = [array.astype(np.float32) for array in draw(*CASES[1])]
    out = deform_conv2d(*arrays[:4], *CASES[1][0], mask=arrays[4])
    assert out.dtype == np.float32
    grads = deform_conv2d_backward(out, *arrays[:4], *CASES[1][0], mask=arrays[4])
    assert [grad.dtype for grad in grads] == [np.float32] * 5
    none = deform_conv2d(arrays[0][:0], arrays[1][:0], *arrays[2:4], *CASES[1][0])
    assert none.shape == (0, *out.shape[1:])
    grads = deform_conv2d_backward(none, arrays[0][:0], arrays[1][:0], *arrays[2:4], *CASES[1][0])
    assert not any(np.any(grad) for grad in grads)


def test_what_is_no_number_stays_one_and_far_outside_is_zero():
    x, offset, weight, bias, _ = draw(*CASES[0])
    assert_close(deform_conv2d(x, 0 * offset - 1e9, weight), np.zeros((2, 8, *offset.shape[2:])))
    offset[1, 3, 2, 4] = np.nan
    wrong = np.isnan(deform_conv2d(x, offset, weight, bias))
    assert wrong[1, :, 2, 4].all() and wrong.sum() == 8


def test_the_engine_takes_it_as_an_operation():
    x, offset, weight, bias, _ = draw(*CASES[1])
    tensors = [Tensor(array, requires_grad=True) for array in (x, offset, weight, bias)]
    out = apply(deform_conv2d, *tensors, *CASES[1][0])
    out.backward(np.ones_like(out.data))
    grads = deform_conv2d_backward(np.ones_like(out.data), x, offset, weight, bias, *CASES[1][0])
    for tensor, grad in zip(tensors, grads[:4], strict=True):
        assert_close(tensor.grad.data, grad)
