"""Pools give PyTorch's numbers, indices and gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from cnnlib.scratch import manual_seed
from cnnlib.scratch.functional.pooling import avg_pool2d_textbook, max_pool2d_textbook
from cnnlib.testing import assert_close
from tests.parity import Case, assert_case, assert_equals_torch, samples

FRACTIONAL = "fractional_max_pool2d"


def ties(*shape):
    """Few different numbers, so that most windows hold their maximum more than once."""
    def ties(rng, dtype):
        return rng.integers(0, 3, size=shape).astype(dtype)
    return ties


def positive(*shape):
    def positive(rng, dtype):
        return rng.uniform(0.2, 2, size=shape).astype(dtype)
    return positive


def half_zero(*shape):
    """The first image is 0 everywhere."""
    def half_zero(rng, dtype):
        x = rng.uniform(0.2, 2, size=shape).astype(dtype)
        x[0] = 0
        return x
    return half_zero


def uniform(*shape):
    """Numbers in [0, 1) of which torch cannot give a gradient; see `constants` of parity.py."""
    def uniform(rng, dtype):
        array = rng.random(shape, dtype=dtype)
        array.flags.writeable = False
        return array
    return uniform


SMOOTH = [          # where no two elements of a window are equal, so that differences exist
    Case("max_pool1d", [(2, 3, 11)], kernel_size=3),
    Case("max_pool1d", [(3, 11)], kernel_size=4, stride=3, padding=2, dilation=2),
    Case("max_pool1d", [(2, 3, 11)], kernel_size=2, stride=3, ceil_mode=True),
    Case("max_pool2d", [(2, 3, 7, 5)], kernel_size=2),
    Case("max_pool2d", [(3, 7, 5)], kernel_size=(3, 2), stride=(2, 1), padding=(1, 1)),
    Case("max_pool2d", [(2, 3, 9, 8)], kernel_size=(2, 3), stride=(2, 1), padding=(0, 1), dilation=(3, 2)),
    Case("max_pool2d", [(2, 3, 9, 8)], kernel_size=3, stride=(4, 3), padding=1, ceil_mode=True, return_indices=True),
    Case("max_pool2d", [(2, 3, 9, 8)], kernel_size=(4, 5), stride=(1, 2), padding=(2, 1), return_indices=True),
    Case("max_pool2d", [(2, 1, 20, 19)], kernel_size=(17, 16), stride=(1, 2), return_indices=True),   # codes of 2 bytes
    Case("max_pool3d", [(2, 3, 5, 7, 6)], kernel_size=2),
    Case("max_pool3d", [(3, 5, 7, 6)], kernel_size=(3, 2, 4), stride=(1, 2, 1), padding=(1, 0, 2), return_indices=True),
    Case("avg_pool1d", [(2, 3, 11)], kernel_size=3),
    Case("avg_pool1d", [(3, 11)], kernel_size=4, stride=3, padding=2, ceil_mode=True, count_include_pad=False),
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(2, 3)),
    Case("avg_pool2d", [(3, 7, 5)], kernel_size=3, stride=(1, 2), padding=1),
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True),
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(3, 2), stride=2, padding=1, count_include_pad=False),
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(3, 2), divisor_override=-5),
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(7, 5)),                            # one window, the whole image
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(7, 5), padding=(1, 0), divisor_override=3),
    Case("avg_pool3d", [(2, 3, 5, 7, 6)], kernel_size=(2, 3, 1), stride=(1, 2, 3)),
    Case("avg_pool3d", [(3, 5, 7, 6)], kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    Case("adaptive_avg_pool1d", [(2, 3, 11)], output_size=4),
    Case("adaptive_avg_pool1d", [(3, 4)], output_size=7),                              # more windows than elements
    Case("adaptive_avg_pool2d", [(2, 3, 7, 5)], output_size=1),
    Case("adaptive_avg_pool2d", [(3, 8, 6)], output_size=(4, 3)),
    Case("adaptive_avg_pool2d", [(2, 3, 10, 9)], output_size=(4, 6)),
    Case("adaptive_avg_pool2d", [(2, 3, 7, 5)], output_size=(None, 2)),
    Case("adaptive_avg_pool3d", [(2, 3, 5, 7, 6)], output_size=(2, None, 4)),
    Case("adaptive_avg_pool3d", [(2, 3, 5, 7, 6)], output_size=1),
    Case("adaptive_max_pool1d", [(2, 3, 11)], output_size=4, return_indices=True),
    Case("adaptive_max_pool1d", [(3, 4)], output_size=7),
    Case("adaptive_max_pool2d", [(2, 3, 7, 5)], output_size=1, return_indices=True),
    Case("adaptive_max_pool2d", [(3, 8, 6)], output_size=(4, 3)),
    Case("adaptive_max_pool2d", [(2, 3, 10, 9)], output_size=(4, 6), return_indices=True),
    Case("adaptive_max_pool2d", [(2, 3, 7, 5)], output_size=(2, None)),
    Case("adaptive_max_pool3d", [(2, 3, 5, 7, 6)], output_size=(2, None, 4), return_indices=True),
    Case("lp_pool2d", [(2, 3, 7, 5)], norm_type=1, kernel_size=2),
    Case("lp_pool2d", [(2, 3, 7, 5)], norm_type=2, kernel_size=(2, 3)),
    Case("lp_pool2d", [positive(3, 7, 5)], norm_type=3.5, kernel_size=3, stride=(1, 2)),
    Case("lp_pool2d", [positive(2, 3, 7, 5)], norm_type=2.0, kernel_size=(3, 2), stride=2, ceil_mode=True),
    Case("lp_pool2d", [positive(2, 3, 7, 5)], norm_type=-1, kernel_size=2),
    Case("lp_pool2d", [(2, 3, 7, 5)], norm_type=float("inf"), kernel_size=(3, 2), stride=2),
    Case("lp_pool2d", [(2, 3, 7, 5)], norm_type=-float("inf"), kernel_size=2, ceil_mode=True),
    Case(FRACTIONAL, [(2, 3, 11, 8)], kernel_size=2, output_size=(7, 5), _random_samples=uniform(2, 3, 2)),
    Case(FRACTIONAL, [(2, 3, 11, 8)], kernel_size=(3, 2), output_size=4, _random_samples=uniform(2, 3, 2)),
    Case(FRACTIONAL, [(3, 9, 14)], kernel_size=(2, 4), output_size=(8, 3), _random_samples=uniform(1, 3, 2)),
    Case(FRACTIONAL, [(2, 3, 11, 8)], kernel_size=2, output_ratio=(0.7, 0.55), return_indices=True,
         _random_samples=uniform(2, 3, 2)),
    Case(FRACTIONAL, [(1, 2, 5, 7)], kernel_size=(3, 1), output_size=1, _random_samples=uniform(1, 2, 2)),
    Case(FRACTIONAL, [(1, 2, 5, 7)], kernel_size=1, output_size=(5, 7), _random_samples=uniform(1, 2, 2)),
]
CASES = SMOOTH + [
    Case("max_pool1d", [ties(2, 3, 12)], kernel_size=5, stride=1, padding=2, return_indices=True),
    Case("max_pool2d", [ties(2, 3, 8, 9)], kernel_size=3, stride=(2, 1), padding=1, return_indices=True),
    Case("max_pool2d", [ties(2, 3, 8, 9)], kernel_size=2, return_indices=True),
    Case("max_pool3d", [ties(2, 1, 5, 6, 7)], kernel_size=(2, 3, 3), stride=1, return_indices=True),
    Case("adaptive_max_pool2d", [ties(2, 3, 10, 9)], output_size=(4, 2), return_indices=True),
    Case("adaptive_max_pool3d", [ties(2, 1, 5, 6, 7)], output_size=3, return_indices=True),
    Case(FRACTIONAL, [ties(2, 3, 11, 8)], kernel_size=3, output_size=(5, 4), return_indices=True,
         _random_samples=uniform(2, 3, 2)),
    Case("lp_pool2d", [half_zero(2, 3, 4, 5)], norm_type=2, kernel_size=2),
    Case("max_pool2d", [(0, 3, 8, 9)], kernel_size=2, return_indices=True),
    Case("avg_pool2d", [(0, 3, 8, 9)], kernel_size=2),
    Case("adaptive_avg_pool2d", [(0, 3, 8, 9)], output_size=1),
    Case("adaptive_max_pool2d", [(0, 3, 8, 9)], output_size=(3, 2), return_indices=True),
    Case("max_pool2d", [(600, 1, 30, 31)], kernel_size=3, stride=2, padding=1, return_indices=True),   # many blocks
    Case("avg_pool2d", [(600, 1, 30, 31)], kernel_size=3, stride=2, padding=1),
]
SAMPLES = [(f"{adaptive}{kind}_pool{n}d", "") for adaptive in ("", "adaptive_") for kind in ("max", "avg")
           for n in (1, 2, 3)]
REFUSED = {
    "max_pool1d": 24, "max_pool2d": 7, "max_pool3d": 7, "avg_pool1d": 2, "avg_pool2d": 5, "avg_pool3d": 6,
    "adaptive_avg_pool1d": 2, "adaptive_avg_pool2d": 3, "adaptive_avg_pool3d": 3,
    "adaptive_max_pool1d": 2, "adaptive_max_pool2d": 3, "adaptive_max_pool3d": 3,
}
x2, x4, x5 = np.zeros((6, 5)), np.zeros((2, 3, 6, 5)), np.zeros((2, 3, 4, 6, 5))
# function, arguments, keywords, what the message must hold
BAD = [
    (F.max_pool1d, (x4, 2), {}, r"max_pool1d: input needs 3 axes .*got shape \(2, 3, 6, 5\)"),
    (F.max_pool1d, (x2, 2), {"dilation": 0}, "max_pool1d: dilation must be at least 1, got 0"),
    (F.max_pool1d, (np.zeros((2, 3, 0)), 1), {}, "max_pool1d: of input only the batch may be empty"),
    (F.max_pool2d, (x4, 2), {"padding": 2}, r"max_pool2d: padding must be at most half of kernel_size \(2, 2\)"),
    (F.max_pool2d, (x2, 2), {}, "max_pool2d: input needs 4 axes"),
    (F.max_pool2d, (x4.tolist(), 2), {}, "max_pool2d: input must be a NumPy array, got list"),
    (F.max_pool2d, (x4.astype(int), 2), {}, "max_pool2d: input must be float32 or float64, got int64"),
    (F.max_pool2d, (x4, (2, 7)), {}, r"kernel_size \(2, 7\) with dilation \(1, 1\) does not fit into .* \(6, 5\)"),
    (F.max_pool2d, (x4, 2), {"stride": 0}, "max_pool2d: stride must be at least 1, got 0"),
    (F.max_pool2d, (x4, 2), {"padding": (1, -1)}, r"max_pool2d: padding must be at least 0, got \(1, -1\)"),
    (F.max_pool2d, (x4, 2), {"padding": 1, "dilation": 6}, r"dilation must be at most the input's size \(6, 5\)"),
    (F.max_pool3d, (x5, (2, 2)), {}, "max_pool3d: kernel_size must be an int or 3 ints"),
    (F.avg_pool1d, (x2, 0), {}, "avg_pool1d: kernel_size must be at least 1, got 0"),
    (F.avg_pool2d, (x4, 0), {}, "avg_pool2d: kernel_size must be at least 1, got 0"),
    (F.avg_pool2d, (x4, 2), {"divisor_override": 0}, "avg_pool2d: divisor_override must be an int other than 0, got 0"),
    (F.avg_pool2d, (x4, 2), {"divisor_override": 1.5}, "avg_pool2d: divisor_override must be an int .* got 1.5"),
    (F.avg_pool3d, (x5, 2), {"padding": 3}, "avg_pool3d: padding must be at most half of kernel_size"),
    (F.adaptive_avg_pool1d, (x2, (2, 2)), {}, "adaptive_avg_pool1d: output_size must be an int or 1 ints"),
    (F.adaptive_avg_pool2d, (x4, -1), {}, "adaptive_avg_pool2d: output_size must be at least 0, got -1"),
    (F.adaptive_avg_pool2d, (x4, None), {}, "adaptive_avg_pool2d: output_size must be an int or 2 ints, got None"),
    (F.adaptive_avg_pool2d, (x4[:, :, :0], 1), {}, "must have at least one element along each of its last 2 axes"),
    (F.adaptive_avg_pool3d, (x2, 1), {}, "adaptive_avg_pool3d: input needs 5 axes"),
    (F.adaptive_max_pool1d, (x2, 2.5), {}, "adaptive_max_pool1d: output_size must be an int or 1 ints, got 2.5"),
    (F.adaptive_max_pool2d, (x4, (1, None, 2)), {}, "adaptive_max_pool2d: output_size must be an int or 2 ints"),
    (F.adaptive_max_pool3d, (x5.astype(int), 1), {}, "adaptive_max_pool3d: input must be float32 or float64"),
    (F.lp_pool2d, (x4, 0, 2), {}, "lp_pool2d: norm_type must be a number other than 0, got 0"),
    (F.lp_pool2d, (x4, "inf", 2), {}, "lp_pool2d: norm_type must be a number other than 0, got 'inf'"),
    (F.lp_pool2d, (x4, 2, 7), {}, "lp_pool2d: kernel_size .* does not fit"),
    (F.fractional_max_pool2d, (x4, 2), {}, "fractional_max_pool2d: give output_size or output_ratio"),
    (F.fractional_max_pool2d, (x4, 0, 2), {}, "fractional_max_pool2d: kernel_size must be at least 1, got 0"),
    (F.fractional_max_pool2d, (x4, 2, 6), {}, "6 windows of kernel_size 2 do not fit into 6 pixels; .* from 1 to 5"),
    (F.fractional_max_pool2d, (x4, 2, (5, 5)), {}, "5 windows of kernel_size 2 do not fit into 5 pixels"),
    (F.fractional_max_pool2d, (x4, 2, None, 1.5), {}, "output_ratio must be a number or two between 0 and 1, got 1.5"),
    (F.fractional_max_pool2d, (x4, 2, None, (0.5, 0.1)), {}, "0 windows of kernel_size 2 do not fit into 5 pixels"),
    (F.fractional_max_pool2d, (x4[0, 0], 2, 2), {}, "fractional_max_pool2d: input needs 4 axes"),
    (F.fractional_max_pool2d, (x4, 2, 2), {"_random_samples": np.zeros((3, 2))}, r"must be \(2, 3, 2\), got shape"),
    (F.fractional_max_pool2d, (x4, 2, 2), {"rng": "seed"}, "rng must be None, a NumPy generator or an int seed"),
    (max_pool2d_textbook, (x4, 7), {}, "max_pool2d_textbook: kernel_size .* does not fit"),
    (avg_pool2d_textbook, (x2, 2), {}, "avg_pool2d_textbook: input needs 4 axes"),
]


@settings(max_examples=200, deadline=None)
@given(n=st.integers(1, 3), batch=st.integers(0, 2), ceil_mode=st.booleans(), inside=st.booleans(), data=st.data())
def test_pools_equal_torch_for_any_geometry(n, batch, ceil_mode, inside, data):
    def draw(low, high):
        return [data.draw(st.integers(low, high)) for _ in range(n)]

    size, kernel, stride, dilation = draw(3, 8), draw(1, 4), draw(1, 4), draw(1, 3)
    padding = [data.draw(st.integers(0, k // 2)) for k in kernel]
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    common = {"kernel_size": tuple(kernel), "stride": tuple(stride), "padding": tuple(padding), "ceil_mode": ceil_mode}
    if all(s <= length + 2 * p for s, length, p in zip(span, size, padding, strict=True)):
        assert_case(Case(f"max_pool{n}d", [ties(batch, 2, *size)], **common, dilation=tuple(dilation),
                         return_indices=data.draw(st.booleans())), np.float64)
    if all(k <= length for k, length in zip(kernel, size, strict=True)):
        assert_case(Case(f"avg_pool{n}d", [(batch, 2, *size)], **common, count_include_pad=inside), np.float64)


@settings(max_examples=120, deadline=None)
@given(n=st.integers(1, 3), kind=st.sampled_from(["avg", "max"]), data=st.data())
def test_adaptive_pools_equal_torch_for_any_geometry(n, kind, data):
    size, out = ([data.draw(st.integers(1, 9)) for _ in range(n)] for _ in range(2))
    options = {"return_indices": True} if kind == "max" else {}
    assert_case(Case(f"adaptive_{kind}_pool{n}d", [ties(2, 2, *size)], output_size=tuple(out), **options), np.float64)


@settings(max_examples=60, deadline=None)
@given(size=st.tuples(st.integers(4, 9), st.integers(4, 9)), kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
       stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), data=st.data())
def test_the_fast_forms_equal_the_textbook(size, kernel, stride, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    x = np.random.default_rng(0).normal(size=(2, 3, *size))
    np.testing.assert_array_equal(F.max_pool2d(x, kernel, stride, padding),
                                  max_pool2d_textbook(x, kernel, stride, padding))
    assert_close(F.avg_pool2d(x, kernel, stride, padding), avg_pool2d_textbook(x, kernel, stride, padding))


@pytest.mark.parametrize("size", [(7, 9), (12, 8)])
@pytest.mark.parametrize(("name", "options"), [
    ("max_pool2d", (3, 2, 1)), ("max_pool2d", (3, 1)), ("adaptive_max_pool2d", (4,)), ("adaptive_max_pool2d", (1,)),
])
def test_nan_is_the_maximum_and_of_several_the_last_as_in_torch(name, options, size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, *size))
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.15] = -np.inf
    forward, backward = getattr(F, name), getattr(F, f"{name}_backward")
    for keywords in ({}, {"return_indices": True}):
        assert_equals_torch(f"{name} {options}", forward, backward, getattr(T, name), (x, *options), keywords)


def test_a_window_of_minus_infinity_has_its_first_element():
    x = np.full((1, 1, 4, 6), -np.inf)
    assert_equals_torch("−∞", F.max_pool2d, F.max_pool2d_backward, T.max_pool2d, (x, 2), {"return_indices": True})


@pytest.mark.parametrize(("shape", "output_size"), [((2, 3, 8, 9), (0, 2)), ((2, 3, 8, 9), (2, 0)), ((0, 8, 9), 3)])
@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_without_windows_the_output_is_empty_and_the_gradient_0(name, shape, output_size):
    x = np.ones(shape)                                                   # torch has no gradient of these
    out = getattr(F, name)(x, output_size)
    assert out.shape == tuple(getattr(T, name)(torch.from_numpy(x), output_size).shape)
    grad, = getattr(F, f"{name}_backward")(out, x, output_size)
    np.testing.assert_array_equal(grad, np.zeros(shape))


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_the_layout_of_the_input_does_not_matter(name):
    x = np.random.default_rng(0).normal(size=(9, 8, 3, 2)).transpose(3, 2, 1, 0)[..., ::-1]
    forward, backward = getattr(F, name), getattr(F, f"{name}_backward")
    out = forward(x, (2, 3), (2, 1))
    np.testing.assert_array_equal(out, forward(x.copy(), (2, 3), (2, 1)))
    grad_output = np.broadcast_to(np.float64(1), out.shape)
    np.testing.assert_array_equal(backward(grad_output, x, (2, 3), (2, 1))[0],
                                  backward(grad_output.copy(), x.copy(), (2, 3), (2, 1))[0])


def test_an_adaptive_pool_that_divides_evenly_is_a_plain_pool():
    x = np.random.default_rng(0).normal(size=(2, 3, 12, 10))
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, (4, 5)), F.avg_pool2d(x, (3, 2)))
    np.testing.assert_array_equal(F.adaptive_max_pool2d(x, (4, 5)), F.max_pool2d(x, (3, 2)))


def test_the_norm_grows_from_the_sum_to_the_maximum():
    x = np.abs(np.random.default_rng(0).normal(size=(2, 3, 6, 4)))
    assert_close(F.lp_pool2d(x, 1, 2), 4 * F.avg_pool2d(x, 2))
    assert_close(F.lp_pool2d(x, 500, 2), F.max_pool2d(x, 2), 1e-2)


# ---- fractional max pool: torch's numbers with torch's samples ----

@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fractional_pool_equals_torch_on_its_own_samples(dtype):
    """Most of them leave the samples to chance: those get the same ones here and there."""
    count = 0
    for label, theirs, args, kwargs in samples(FRACTIONAL, dtype=dtype):
        if "_random_samples" not in kwargs:
            kwargs = {**kwargs, "_random_samples": torch.rand(*args[0].shape[:2], 2, dtype=dtype).numpy()}
            kwargs["_random_samples"].flags.writeable = False
        assert_equals_torch(label, F.fractional_max_pool2d, F.fractional_max_pool2d_backward, theirs, args, kwargs)
        count += 1
    assert count >= 37


def test_fractional_pool_equals_torch_for_many_geometries():
    rng = np.random.default_rng(0)
    for _ in range(150):
        kernel, out = rng.integers(1, 5, 2), rng.integers(1, 7, 2)
        size = kernel + out - 1 + rng.integers(0, 9, 2)
        for dtype in (np.float32, np.float64):
            assert_case(Case(FRACTIONAL, [ties(2, 2, *size)], kernel_size=tuple(map(int, kernel)), return_indices=True,
                             output_size=tuple(map(int, out)), _random_samples=uniform(2, 2, 2)), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_that_is_nearly_an_int_is_rounded_as_torch_rounds_it(dtype):
    """α = (40 − 2)/(27 − 1) = 19/13, so (i + r)·α is an int for some i where r is a multiple of 13/19, less its int."""
    r = (13 * np.arange(19) / 19 % 1).astype(dtype)
    r = np.stack([r, r[::-1]], axis=-1)[None]                            # (1, 19, 2)
    x = np.random.default_rng(1).normal(size=(1, 19, 40, 40)).astype(dtype)
    want = T.fractional_max_pool2d(torch.from_numpy(x), 2, 27, _random_samples=torch.from_numpy(r.copy()))
    np.testing.assert_array_equal(F.fractional_max_pool2d(x, 2, 27, _random_samples=r), want.numpy())


def test_without_samples_the_windows_are_drawn_from_the_generator():
    x, saved = np.random.default_rng(0).normal(size=(2, 3, 12, 9)), {}
    out, indices = F.fractional_max_pool2d(x, 2, output_ratio=0.6, return_indices=True, rng=5, saved=saved)
    theirs, places = T.fractional_max_pool2d(
        torch.from_numpy(x), 2, output_size=(7, 5), return_indices=True,
        _random_samples=torch.from_numpy(np.random.default_rng(5).random((2, 3, 2))))
    np.testing.assert_array_equal(out, theirs.numpy())
    np.testing.assert_array_equal(indices, places.numpy())
    results = []
    for _ in range(2):
        manual_seed(1)
        results.append(F.fractional_max_pool2d(x, 2, output_ratio=0.6))
    np.testing.assert_array_equal(*results)
    for kept in ({"saved": saved}, {"rng": 5}):
        grad, = F.fractional_max_pool2d_backward(out, x, 2, output_ratio=0.6, **kept)
        assert_close(grad.sum(), out.sum())
    with pytest.raises(ValueError, match="fractional_max_pool2d_backward: where the windows were is needed"):
        F.fractional_max_pool2d_backward(out, x, 2, output_ratio=0.6)
