"""Quantisation: its error bound, torch's numbers and gradients, and layers whose integers are exact."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cnnlib.scratch import Tensor, apply, quantization
from cnnlib.scratch.quantization import (
    Quantized,
    dequantize,
    fake_quantize,
    fake_quantize_backward,
    integer_conv2d,
    integer_linear,
    quantization_scale,
    quantize,
    quantized_conv2d,
    quantized_linear,
)
from cnnlib.testing import assert_close

x34, i34, w24 = np.ones((3, 4)), np.ones((3, 4), np.int8), np.ones((2, 4), np.int8)
i1, w1 = np.ones((1, 4, 5, 6), np.int8), np.ones((2, 4, 3, 2), np.int8)

BAD = [
    (quantization_scale, (x34, 0), {}, "bits must be an int from 1 to 16, got 0"),
    (quantization_scale, (x34, 1), {"symmetric": True}, "bits must be an int from 2 to 16, if symmetric, got 1"),
    (quantization_scale, (x34, 8.0), {}, "bits must be an int from 1 to 16, got 8.0"),
    (quantization_scale, (x34, 8, 2), {}, r"axis must be None or an axis of \(3, 4\), got 2"),
    (quantization_scale, (x34 * np.inf,), {}, "x must be an array of finite numbers"),
    (quantize, ([1.0],), {}, "quantize: x must be a NumPy array, got list"),
    (quantize, (i34,), {}, "quantize: x must be float32 or float64, got int8"),
    (quantize, (x34,), {"scale": 0}, "scale must be above 0 and finite, got 0"),
    (quantize, (x34,), {"zero_point": 1}, "zero_point must come with a scale"),
    (quantize, (x34,), {"scale": 1, "zero_point": 128}, "zero_point must be from -128 to 127, got 128"),
    (quantize, (x34,), {"scale": 1, "zero_point": 0.5}, "zero_point must be an integer, got float64"),
    (quantize, (x34,), {"scale": np.ones(3)}, r"scale and zero_point must broadcast to \(3, 4\), got \(3,\) and \(\)"),
    (quantize, (np.array([np.nan, 1]),), {"scale": 0.1}, "quantize: x must be an array of finite numbers"),
    (fake_quantize, (np.array([np.inf, 1]),), {"scale": 0.1}, "fake_quantize: x must be an array of finite numbers"),
    (fake_quantize_backward, (x34, x34 * np.nan), {"scale": 1}, "x must be an array of finite numbers"),
    (quantize, (x34,), {"scale": "small"}, "quantize: scale must be a number or numbers, got 'small'"),
    (dequantize, (x34, 1), {}, "dequantize: q must hold integers, got float64"),
    (dequantize, (i34, -1), {}, "dequantize: scale must be above 0"),
    (fake_quantize, (x34, 17), {}, "fake_quantize: bits must be an int from 1 to 16, got 17"),
    (integer_linear, (i34, 0, w24[:, :3]), {}, r"x must be \(\*, I\) and weight \(O, I\), got \(3, 4\) and \(2, 3\)"),
    (integer_linear, (i34.astype(int), 0, w24), {}, "integer_linear: x must be an int8 array, got int64"),
    (integer_linear, (i34, 128, w24), {}, "x_zero_point must be one int from −128 to 127, got 128"),
    (integer_linear, (i34, 0, w24, np.zeros(2, int)), {}, r"or such of shape \(2, 1\), got shape \(2,\)"),
    (integer_linear, (np.ones(33026, np.int8), 0, np.ones((1, 33026), np.int8)), {}, "at most 33025 .* got 33026"),
    (integer_conv2d, (i1, 0, w1), {"groups": 2}, r"O a multiple of groups; got \(1, 4, 5, 6\), \(2, 4, 3, 2\)"),
    (integer_conv2d, (i1, 0, w1), {"groups": 0}, "groups must be an int from 1 on, got 0"),
    (integer_conv2d, (i1, 0, w1), {"stride": 0}, "stride must be at least 1, got 0"),
    (integer_conv2d, (i1, 0, w1), {"dilation": 3}, r"the kernel covers \(7, 4\) pixels, the padded input has \(5, 6\)"),
    (quantized_linear, (x34, w24), {}, "quantized_linear: x must be Quantized, as `quantize` gives it, got ndarray"),
    (quantized_linear, (quantize(x34, axis=0), quantize(x34)), {}, "x must have one scale"),
    (quantized_linear, (quantize(x34), quantize(x34, axis=1)), {}, r"each of its 3 rows \(axis=0\)"),
    (quantized_linear, (quantize(x34), quantize(x34), np.ones(4)), {}, r"bias must be \(3,\), got \(4,\)"),
    (quantized_conv2d, (quantize(x34), quantize(x34)), {}, r"integer_conv2d: x must be \(N, C, H, W\)"),
    (quantized_conv2d, (i1, w1), {}, "quantized_conv2d: x must be Quantized"),
]

BITS = st.integers(1, 16)
FINITE = st.floats(-1e307, 1e307)
NUMBERS = st.one_of(
    arrays(np.float64, array_shapes(max_dims=3, max_side=5), elements=FINITE),               # from 5e-324 on, too
    arrays(np.float64, array_shapes(max_dims=3, max_side=5), elements=st.floats(-1, 1)),
    arrays(np.float64, array_shapes(max_dims=3, max_side=5), elements=st.floats(3, 4)),      # 0 is not among them
    arrays(np.float64, array_shapes(max_dims=3, max_side=5), elements=st.floats(-4, -3)),
    st.builds(np.full, array_shapes(max_dims=2, max_side=4), FINITE),                        # constant
    st.builds(np.zeros, array_shapes(max_dims=2, max_side=4)),
)


# ---- the bound -------------------------------------------------------------------------------------------------------

@given(x=NUMBERS, bits=BITS, symmetric=st.booleans(), per_channel=st.booleans(), single=st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_error_is_at_most_half_a_step(x, bits, symmetric, per_channel, single):
    if single:
        x = np.clip(x, -1e38, 1e38).astype(np.float32)
    bits = max(bits, 2) if symmetric else bits
    axis = x.ndim - 1 if per_channel else None
    q, scale, zero_point = quantize(x, bits, axis, symmetric)
    back = dequantize(q, scale, zero_point)
    assert q.shape == back.shape == x.shape and q.dtype == (np.int8 if bits <= 8 else np.int16)
    assert q.min() >= -2 ** (bits - 1) + symmetric and q.max() <= 2 ** (bits - 1) - 1
    assert scale.shape == zero_point.shape == ((*(1,) * axis, x.shape[-1]) if per_channel else ())
    assert np.all(np.abs(x - back) <= scale / 2 * (1 + 1e-9))            # of the 2^16 steps of float64
    assert np.all(back[x == 0] == 0)                                     # zero is exact
    assert not symmetric or not zero_point.any()
    got = fake_quantize(x, bits, axis, symmetric)
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, back.astype(x.dtype))


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_bound_holds_at_the_edges(symmetric):
    least = np.finfo(np.float64).smallest_subnormal
    for x in (np.array([least, 0, -3 * least]), np.array([-5 * least]), np.array([1e307, -1e307])):
        for bits in (2, 8, 16):
            q, scale, zero_point = quantize(x, bits, None, symmetric)
            assert np.all(np.abs(x - dequantize(q, scale, zero_point)) <= scale / 2 * (1 + 1e-9))
    x = np.random.default_rng(0).normal(size=3000).astype(np.float32)    # 2^16 steps are close to what float32 can tell
    q, scale, zero_point = quantize(x, 16, None, symmetric)
    assert np.all(np.abs(x - dequantize(q, scale, zero_point)) <= scale / 2 * (1 + 1e-9))
    rows = np.array([[0.0, 0], [1, 2]])
    assert quantization_scale(rows[0], 8, None, symmetric)[0] == 1       # all zeros
    assert quantization_scale(rows, 8, 0, symmetric)[0][0] == 1 > quantization_scale(rows, 8, 0, symmetric)[0][1]


@given(x=arrays(np.float64, array_shapes(max_dims=2), elements=st.floats(-10, 10)), bits=st.integers(2, 16),
       symmetric=st.booleans())
@settings(max_examples=100, deadline=None)
def test_twice_is_once_and_the_ends_are_met(x, bits, symmetric):
    q, scale, zero_point = quantize(x, bits, None, symmetric)
    again = quantize(dequantize(q, scale, zero_point), bits, None, symmetric, scale=scale, zero_point=zero_point)
    np.testing.assert_array_equal(again.q, q)
    if symmetric and np.abs(x).max() > 1e-300:
        assert np.abs(q).max() == 2 ** (bits - 1) - 1                    # all steps are used
    elif not symmetric and x.max() > 1e-300 and x.min() >= 0:
        assert q.max() == 2 ** (bits - 1) - 1 and zero_point == -2 ** (bits - 1)


def test_more_bits_are_better_and_channels_too():
    """Each bit halves the step: 6 dB less noise, what the theory of uniform noise says."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 500)) * 10.0 ** np.arange(-3, 3)[:, None]    # rows of very different size
    errors = [np.mean((x - fake_quantize(x, bits)) ** 2) for bits in (6, 8, 10)]
    assert 10 < errors[0] / errors[1] < 24 and 10 < errors[1] / errors[2] < 24               # 16 in theory
    for bits in (3, 8):
        assert np.all(np.mean((x - fake_quantize(x, bits, 0)) ** 2, axis=1)[:-1]
                      < 0.5 * np.mean((x - fake_quantize(x, bits)) ** 2, axis=1)[:-1])


def test_a_half_goes_to_the_even_integer():
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    assert quantize(x, 8, scale=1).q.tolist() == [-2, -2, 0, 0, 2, 2, 4]
    assert quantize(x, 8, scale=1, zero_point=1).q.tolist() == [-1, -1, 1, 1, 3, 3, 5]       # as torch: then added


def test_what_is_beyond_the_range_is_clipped():
    x = np.array([-1000.0, -128.4, 127.4, 1000])
    assert quantize(x, 8, scale=1).q.tolist() == [-128, -128, 127, 127]
    assert quantize(x, 8, symmetric=True, scale=1).q.tolist() == [-127, -127, 127, 127]
    assert dequantize(np.int8([-128, 127]), 0.5, -3).tolist() == [-62.5, 65]


# ---- torch -----------------------------------------------------------------------------------------------------------

@given(seed=st.integers(0, 1000), bits=st.integers(2, 16), symmetric=st.booleans(), power=st.integers(-4, 3),
       axis=st.sampled_from([None, 0, 1, 2, -1]))
@settings(max_examples=150, deadline=None)
def test_fake_quantisation_is_torchs(seed, bits, symmetric, power, axis):
    """With scales that are powers of 2 both divide exactly, so ties, which are many here, must go the same way."""
    rng = np.random.default_rng(seed)
    low, high = -2 ** (bits - 1) + symmetric, 2 ** (bits - 1) - 1
    x = (rng.integers(4 * low, 4 * high, size=(3, 4, 5)) / 2 * 2.0**power).astype(np.float32)
    x[0, 0, :2] = 0, 2.0 ** (bits + power + 2)                           # inside every range, and beyond every one
    channels = () if axis is None else tuple(n if i == axis % 3 else 1 for i, n in enumerate(x.shape))
    scale = 2.0 ** (power + rng.integers(-1, 2, size=channels))
    zero_point = rng.integers(low, high + 1, size=channels)
    leaf = torch.tensor(x, requires_grad=True)
    if axis is None:
        want = torch.fake_quantize_per_tensor_affine(leaf, float(scale), int(zero_point), low, high)
    else:
        want = torch.fake_quantize_per_channel_affine(leaf, torch.tensor(scale.ravel(), dtype=torch.float32),
                                                      torch.tensor(zero_point.ravel(), dtype=torch.int32), axis % 3,
                                                      low, high)
    options = {"scale": scale, "zero_point": zero_point}
    np.testing.assert_array_equal(fake_quantize(x, bits, axis, symmetric, **options), want.detach().numpy())
    g = rng.normal(size=x.shape).astype(np.float32)
    want.backward(torch.tensor(g))
    dx, = fake_quantize_backward(g, x, bits, axis, symmetric, **options)
    np.testing.assert_array_equal(dx, leaf.grad.numpy())
    inside = (low <= np.rint(x / scale) + zero_point) & (np.rint(x / scale) + zero_point <= high)
    np.testing.assert_array_equal(dx != 0, inside & (g != 0))            # what is clipped has no gradient, all else has
    assert inside[0, 0, 0] and not inside[0, 0, 1]


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_scales_are_those_of_torchs_observers(axis, symmetric):
    from torch.ao.quantization import observer

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 60)) * np.array([[1], [5], [0.1], [2]]) + 0.3
    scheme = f"per_{'tensor' if axis is None else 'channel'}_{'symmetric' if symmetric else 'affine'}"
    options = {"ch_axis": axis} if axis is not None else {}
    kind = observer.MinMaxObserver if axis is None else observer.PerChannelMinMaxObserver
    watch = kind(dtype=torch.qint8, qscheme=getattr(torch, scheme), quant_min=-127 if symmetric else -128,
                 quant_max=127, **options)
    watch(torch.tensor(x, dtype=torch.float32))
    scale, zero_point = watch.calculate_qparams()
    ours = quantization_scale(x.astype(np.float32), 8, axis, symmetric)
    np.testing.assert_allclose(np.ravel(ours[0]), scale.numpy().ravel(), rtol=1e-5)
    np.testing.assert_array_equal(np.ravel(ours[1]), zero_point.numpy().ravel())


def test_the_gradient_of_fake_quantisation_goes_straight_through():
    x, g = np.array([-9.0, -0.3, 0.2, 0.4, 9.0]), np.array([1.0, 2, 3, 4, 5])
    dx, = fake_quantize_backward(g, x, 4, scale=0.5)                     # from −4 to 3.5
    assert dx.tolist() == [0, 2, 3, 4, 0]
    assert fake_quantize_backward(g, x, 8, symmetric=True)[0].tolist() == [1, 2, 3, 4, 5]    # min–max clips nothing,
    assert fake_quantize_backward(g, x, 8)[0].tolist() == [1, 2, 3, 4, 0]                    # or one end by half a step
    with pytest.raises(ValueError, match="fake_quantize_backward: grad_output must have the output's shape"):
        fake_quantize_backward(np.ones(4), x)
    tensor = Tensor(x, requires_grad=True)
    apply(fake_quantize, tensor, 4, scale=0.5).backward(g)
    np.testing.assert_array_equal(tensor.grad.data, dx)


# ---- integers --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("per_channel", [False, True])
def test_the_sums_of_a_linear_layer_are_exact(per_channel):
    rng = np.random.default_rng(0)
    x, weight = rng.integers(-128, 128, size=(2, 3, 5)).astype(np.int8), rng.integers(-128, 128, (4, 5)).astype(np.int8)
    zeros = rng.integers(-128, 128, size=(4, 1)) if per_channel else -7
    got = integer_linear(x, 100, weight, zeros)
    assert got.dtype == np.int32 and got.shape == (2, 3, 4)
    for a, b, o in np.ndindex(2, 3, 4):
        zero = int(zeros[o, 0]) if per_channel else -7
        assert got[a, b, o] == sum((int(x[a, b, i]) - 100) * (int(weight[o, i]) - zero) for i in range(5))


def test_the_largest_sum_fits():
    n = quantization.MOST_PRODUCTS
    x, weight = np.full(n, 127, np.int8), np.full((1, n), 127, np.int8)
    assert integer_linear(x, -128, weight, -128).tolist() == [n * 255**2]
    assert (n + 1) * 255**2 > 2**31 - 1 >= n * 255**2


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [
    (1, 0, 1, 1), ((2, 1), (1, 2), 1, 1), (1, 1, (1, 2), 2), (2, (0, 1), (2, 1), 4)])
def test_the_sums_of_a_convolution_are_exact(stride, padding, dilation, groups):
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, size=(2, 4, 7, 6)).astype(np.int8)
    weight = rng.integers(-128, 128, size=(8, 4 // groups, 3, 2)).astype(np.int8)
    zeros = rng.integers(-128, 128, size=(8, 1, 1, 1))
    got = integer_conv2d(x, 33, weight, zeros, stride, padding, dilation, groups)
    want = F.conv2d(torch.tensor(x).double() - 33, torch.tensor(weight).double() - torch.tensor(zeros), None, stride,
                    padding, dilation, groups)                           # integers below 2^53 are exact there
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, want.numpy())


@pytest.mark.parametrize(("axis", "symmetric"), list(itertools.product([None, 0], [False, True])))
def test_quantised_layers_are_layers_of_what_the_integers_stand_for(axis, symmetric):
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(3, 5)) + 1, rng.normal(size=(4, 5)), rng.normal(size=4)
    qx, qw = quantize(x), quantize(weight, 8, axis, symmetric)
    assert isinstance(qx, Quantized) and qx.zero_point != 0
    assert_close(quantized_linear(qx, qw, bias), dequantize(*qx) @ dequantize(*qw).T + bias)
    assert_close(quantized_linear(qx, qw), quantized_linear(qx, qw, np.zeros(4)))
    assert np.abs(quantized_linear(qx, qw, bias) - (x @ weight.T + bias)).max() < 0.1        # and close to the real one

    x, weight, bias = rng.normal(size=(2, 4, 7, 6)) + 1, rng.normal(size=(6, 2, 3, 2)), rng.normal(size=6)
    qx, qw = quantize(x), quantize(weight, 8, axis, symmetric)
    want = F.conv2d(*map(torch.tensor, (dequantize(*qx), dequantize(*qw), bias)), (2, 1), (1, 2), 1, 2)
    assert_close(quantized_conv2d(qx, qw, bias, (2, 1), (1, 2), 1, 2), want)
