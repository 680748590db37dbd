"""Activations give PyTorch's numbers and gradients; dropout drops what it says."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from cnnlib.scratch.functional import random
from cnnlib.scratch.functional.activation import _BLOCK, _erf
from tests.parity import Case, assert_equals_torch, samples
from tests.parity import probabilities as small

pytestmark = pytest.mark.filterwarnings("error:overflow:RuntimeWarning", "error:divide by zero:RuntimeWarning")
INF, NAN = np.inf, np.nan


def wide(*shape):
    """From −8 to 8: every piece of a function in pieces."""
    def wide(rng, dtype):
        return rng.uniform(-8, 8, size=shape).astype(dtype)
    return wide


def far(*shape):
    """From −1000 to 1000."""
    def far(rng, dtype):
        return rng.uniform(-1000, 1000, size=shape).astype(dtype)
    return far


def corners(rng, dtype):
    """Where the pieces meet."""
    return np.array([-6, -3, -1, -0.5, -0.0, 0, 0.5, 1, 3, 6], dtype)


ELEMENTWISE = ["relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "hardsigmoid",
               "hardswish", "hardtanh", "logsigmoid", "sigmoid", "tanh"]
SMOOTH = [          # where finite differences exist
    *[Case(name, [wide(2, 3, 5)]) for name in ELEMENTWISE],
    Case("leaky_relu", [(2, 3, 5)], negative_slope=0.2),
    Case("leaky_relu", [(2, 3, 5)], negative_slope=2.5),
    Case("leaky_relu", [(2, 3, 5)], negative_slope=-1.5),
    Case("prelu", [(2, 3, 5, 4), (3,)]),
    Case("prelu", [(2, 3, 5), small(1)]),
    Case("prelu", [(2, 3), small()]),
    Case("prelu", [(6,), (1,)]),
    Case("elu", [wide(2, 3, 5)], alpha=0.3),
    Case("elu", [wide(2, 3, 5)], alpha=-1.7),
    Case("gelu", [wide(2, 3, 5)], approximate="tanh"),
    Case("softplus", [wide(2, 3, 5)], beta=2.5),
    Case("softplus", [wide(2, 3, 5)], beta=-0.5, threshold=1),
    Case("hardtanh", [wide(2, 3, 5)], min_val=-2, max_val=0.5),
    *[Case(name, [shape], dim=dim) for name in ("softmax", "log_softmax") for shape, dim in
      [((2, 3, 5), 0), ((2, 3, 5), 1), ((2, 3, 5), -1), ((2, 3, 5), -3), ((7, 130), 1), ((3, 4, 5, 2), 1),
       ((2, 3, 5), None), ((3, 4), None), ((4,), None), ((2, 1, 3, 2), None)]],
    *[Case(name, [wide(3, 4)], dim=1) for name in ("softmax", "log_softmax")],
]
CASES = [
    *SMOOTH,
    *[Case(name, [maker]) for name in ELEMENTWISE for maker in (corners, far(40), (), (0,), (2, 0, 3))],
    Case("leaky_relu", [corners], negative_slope=0),
    Case("prelu", [corners, (1,)]),
    Case("prelu", [(), ()]),
    Case("prelu", [(0, 3, 2), (3,)]),
    Case("prelu", [(2, 3, 0), (3,)]),
    Case("hardtanh", [corners], min_val=1, max_val=1),
    Case("softplus", [corners], threshold=0.3),
    Case("softplus", [corners], beta=0),
    Case("gelu", [far(40)], approximate="tanh"),
    *[Case(name, [shape], dim=dim) for name in ("softmax", "log_softmax") for shape, dim in
      [((), 0), ((), -1), ((), None), ((0, 3), 1), ((0, 3), 0), ((3, 0), 1), ((2, 0, 3), 2)]],
    *[Case(name, [far(3, 4)], dim=1) for name in ("softmax", "log_softmax")],
    *[Case(name, [shape], p=p, training=training) for name, shape in [("dropout", (3, 5)), ("dropout2d", (2, 3, 4, 5))]
      for p, training in [(0, True), (1, True), (0.5, False), (1, False)]],
]
DRAWN = [Case("dropout", [(2, 3, 4, 5)], rng=3), Case("dropout2d", [(2, 3, 4, 5)], p=0.3, rng=3)]
SAMPLES = [*[(name, "") for name in [*ELEMENTWISE, "prelu", "softmax", "log_softmax"]],
           ("softmax", "with_dtype"), ("log_softmax", "with_dtype")]
REFUSED = {"prelu": 3, "gelu": 1, "hardtanh": 1}
X = np.ones((2, 3))
# function, arguments, keywords, what the message must hold
BAD = [
    (F.relu, ([1.0],), {}, "relu: input must be a NumPy array, got list"),
    (F.relu6, (np.ones(3, int),), {}, "relu6: input must be float32 or float64, got int64"),
    (F.leaky_relu, (np.ones(3, int),), {}, "leaky_relu: input must be float32 or float64, got int64"),
    (F.prelu, (X, np.ones(2)), {}, "prelu: weight must hold 1 number or one for each of 3 channels, got 2"),
    (F.prelu, (X, np.ones((1, 3))), {}, r"prelu: weight must have one axis or none, got shape \(1, 3\)"),
    (F.prelu, (X, None), {}, "prelu: weight must be a NumPy array, got None"),
    (F.prelu, (X, np.ones(3, np.float32)), {}, "prelu: all arrays must have one dtype"),
    (F.elu, (np.ones(3, bool),), {}, "elu: input must be float32 or float64, got bool"),
    (F.selu, (None,), {}, "selu: input must be a NumPy array"),
    (F.gelu, (X,), {"approximate": "erf"}, "gelu: approximate must be one of none, tanh; got 'erf'"),
    (F.silu, (np.ones(3, np.float16),), {}, "silu: input must be float32 or float64, got float16"),
    (F.mish, (np.ones(3, int),), {}, "mish: input must be float32"),
    (F.softplus, (np.ones(3, int),), {}, "softplus: input must be float32"),
    (F.hardsigmoid, (np.ones(3, int),), {}, "hardsigmoid: input must be float32"),
    (F.hardswish, (np.ones(3, int),), {}, "hardswish: input must be float32"),
    (F.hardtanh, (X,), {"min_val": 1, "max_val": 0}, "hardtanh: min_val must be at most max_val, got 1 and 0"),
    (F.logsigmoid, (np.ones(3, int),), {}, "logsigmoid: input must be float32"),
    (F.sigmoid, (np.ones(3, int),), {}, "sigmoid: input must be float32 or float64"),
    (F.tanh, (np.ones(3, int),), {}, "tanh: input must be float32 or float64"),
    (F.softmax, (X, 2), {}, "softmax: dim must be from -2 to 1, got 2"),
    (F.softmax, (X, 0.0), {}, "softmax: dim must be None or an int, got 0.0"),
    (F.softmax, (X, 0), {"dtype": np.int32}, "softmax: dtype must be float32 or float64, got int32"),
    (F.log_softmax, (X, -3), {}, "log_softmax: dim must be from -2 to 1, got -3"),
    (F.dropout, (X, 1.5), {}, "dropout: p must be from 0 to 1, got 1.5"),
    (F.dropout, (X, NAN), {}, "dropout: p must be from 0 to 1, got nan"),
    (F.dropout, (X,), {"rng": "seed"}, "dropout: rng must be None, a NumPy generator or an int"),
    (F.dropout, (X,), {"rng": -1}, "dropout: rng must be None, a NumPy generator or an int seed from 0 on, got -1"),
    (F.dropout2d, (X, -0.1), {}, "dropout2d: p must be from 0 to 1, got -0.1"),
    (F.dropout2d, (np.ones(3),), {}, r"dropout2d: input must have at least 2 axes \(N, C, \*\), got shape \(3,\)"),
    (F.dropout_backward, (X, X), {}, "dropout_backward: the mask of the forward is needed: give what"),
    (F.dropout2d_backward, (X, X), {"rng": np.random.default_rng(0)}, "dropout2d_backward: the mask of the forward"),
    (random.manual_seed, (1.5,), {}, "manual_seed: seed must be an int, got 1.5"),
    (random.as_generator, ("dropout", 1.5), {}, "dropout: rng must be None, a NumPy generator or an int"),
    (random.manual_seed, (-1,), {}, "manual_seed: seed must be at least 0, got -1"),
]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), [
    *[(name, {}) for name in ELEMENTWISE], ("gelu", {"approximate": "tanh"}), ("elu", {"alpha": 0.5}),
])
def test_infinity_and_nan_are_as_in_torch(name, options, dtype):
    """The gradient is compared where torch has one: at ±∞ that of gelu, silu and mish is nan there."""
    x = np.array([INF, -INF, NAN], dtype)
    tensor = torch.from_numpy(x).requires_grad_()
    want = getattr(T, name)(tensor, **options)
    gradient, = torch.autograd.grad(want.sum(), tensor)
    if (name, options, dtype) == ("gelu", {}, np.float32):               # for which torch says nan, in float32 only
        want[0] = INF
    np.testing.assert_allclose(getattr(F, name)(x, **options), want.detach(), rtol=1e-6)
    got, = getattr(F, f"{name}_backward")(np.ones(3, dtype), x, **options)
    there = np.isfinite(gradient.numpy())[:2]
    np.testing.assert_allclose(got[:2][there], gradient[:2][there], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("row", [
    [INF, 1, 2], [INF, INF, 0], [-INF, -INF, -INF], [-INF, 1, 2], [NAN, 1, 2], [INF, -INF, 0], [1000, -1000, 0],
    [-1000, -1001, -1002], [32, 32, -32], [33, 0, -90], [95, 0, 1], [-110, -111, -112], [1e30, -1e30, 1e30],
])
def test_softmax_of_extremes_is_as_in_torch(name, row, dtype):
    """Alone, and with ordinary rows beside it; along the last axis and along another."""
    ordinary = np.array([[1, 2, 3], [-1, 0, 1]])
    for rows in (np.array([row]), np.array([*ordinary, row])):
        for x, dim in ((rows, 1), (rows.T, 0), (np.stack([rows.T, rows.T], axis=2), 0)):
            assert_equals_torch(f"{name} {row}", getattr(F, name), getattr(F, f"{name}_backward"), getattr(T, name),
                                (np.ascontiguousarray(x, dtype), dim), {})


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_computes_in_dtype(name):
    for dtype, other in [(np.float32, np.float64), (np.float64, np.float32)]:
        x, dy = np.arange(6, dtype=dtype).reshape(2, 3), np.array([[1, 2, 3], [0, -1, 1]], other)
        tensor = torch.from_numpy(x).requires_grad_()
        want = getattr(T, name)(tensor, 1, dtype=torch.from_numpy(dy).dtype)
        want.backward(torch.from_numpy(dy))
        got, (dx,) = getattr(F, name)(x, 1, dtype=other), getattr(F, f"{name}_backward")(dy, x, 1, dtype=other)
        assert got.dtype == other and dx.dtype == dtype
        np.testing.assert_allclose(got, want.detach(), rtol=1e-6)
        np.testing.assert_allclose(dx, tensor.grad, rtol=1e-5, atol=1e-6)


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
@settings(max_examples=40, deadline=None)
def test_softmax_is_a_distribution_and_knows_no_shift(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    shift = data.draw(st.sampled_from([0, 5, 100, -3000]))
    x = np.random.default_rng(0).normal(size=shape)
    p = F.softmax(x, dim)
    np.testing.assert_allclose(p.sum(axis=dim), 1, rtol=1e-12)
    np.testing.assert_allclose(F.softmax(x + shift, dim), p, rtol=1e-10)
    np.testing.assert_allclose(np.exp(F.log_softmax(x + shift, dim)), p, rtol=1e-10)
    dx, = F.softmax_backward(x, x, dim)
    np.testing.assert_allclose(dx.sum(axis=dim), 0, atol=1e-12)


# ---- large arrays: more than one block, and every way to lay them out -----------------------------------------------

@pytest.mark.parametrize("name", [*ELEMENTWISE, "softmax", "log_softmax"])
def test_large_arrays_are_cut_into_blocks_without_a_trace(name):
    x = np.random.default_rng(0).normal(size=((2 * _BLOCK // 8 + 77) // 37, 37)) * 3
    options = {"dim": 1} if "softmax" in name else {}
    assert_equals_torch(name, getattr(F, name), getattr(F, f"{name}_backward"), getattr(T, name), (x,), options)


@pytest.mark.parametrize(("name", "options"), [
    *[(name, {}) for name in ELEMENTWISE], ("prelu", {"weight": np.array([0.1, 0.2, 0.3])}), ("softmax", {"dim": 2}),
    ("log_softmax", {"dim": 2}), ("softmax", {"dim": 1}), ("log_softmax", {"dim": 0}), ("dropout", {"rng": 0}),
    ("dropout2d", {"rng": 0}),
])
def test_any_layout_of_the_arrays_will_do(name, options):
    """Transposed, strided and reversed arrays, with and without what the forward saved."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 2, 3, 4, 5))
    forward, backward = getattr(F, name), getattr(F, f"{name}_backward")
    want, gradients = forward(x, **options), backward(dy, x, **options)
    for lay in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=2)[:, :, ::2], lambda a: a[::-1].copy()[::-1]):
        np.testing.assert_array_equal(forward(lay(x), **options), want)
        for got, gradient in zip(backward(lay(dy), lay(x), **options), gradients, strict=True):
            np.testing.assert_allclose(got, gradient, rtol=1e-12)
        if "saved" in inspect.signature(forward).parameters:
            saved = {}
            forward(lay(x), **options, saved=saved)
            np.testing.assert_array_equal(backward(dy, x, **options, saved=saved)[0], gradients[0])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(("shape", "dim"), [
    ((3, 40_000), 1),                  # a row larger than a block
    ((2, 3, 90, 190), 1),              # a plane larger than a block, cut along its columns
    ((5000, 3, 5), 1), ((33_000, 2), 0), ((7, 128, 61), -1),
])
def test_softmax_of_large_arrays(name, shape, dim):
    x = np.random.default_rng(0).normal(size=shape) * 20
    assert_equals_torch(name, getattr(F, name), getattr(F, f"{name}_backward"), getattr(T, name), (x, dim), {})


@pytest.mark.parametrize(("name", "options"), [
    ("leaky_relu", {"negative_slope": 0.2}), ("elu", {"alpha": 0.5}), ("hardtanh", {"min_val": -0.5, "max_val": 0.5}),
    ("softplus", {"beta": 2.0, "threshold": 1.0}), ("dropout", {"p": 0.5}),
])
def test_an_option_that_is_a_numpy_number_changes_no_dtype(name, options):
    x = np.linspace(-2, 2, 9, dtype=np.float32)
    numbers = {key: np.float64(value) for key, value in options.items()}
    chance = {"rng": 0} if name == "dropout" else {}
    forward, backward = getattr(F, name), getattr(F, f"{name}_backward")
    assert forward(x, **numbers, **chance).dtype == backward(x, x, **numbers, **chance)[0].dtype == np.float32


# ---- gelu and erf ----------------------------------------------------------------------------------------------------

def test_erf_is_exact_to_float64():
    x = np.concatenate([np.linspace(-7, 7, 20_001), np.linspace(-0.5, 0.5, 2_001), [0.46875, -0.46875, 1e-300, 0]])
    exact = np.array([math.erf(v) for v in x])
    assert np.abs(_erf(x) - exact).max() < 4e-16
    np.testing.assert_array_equal(_erf(np.array([INF, -INF, 30, -30])), [1, -1, 1, -1])
    assert np.isnan(_erf(np.array([NAN]))).all()


def test_gelu_in_float32_is_at_least_as_exact_as_torch():
    """Against float64, on 400,000 numbers: off by 2e-7 · |x| at most."""
    x = np.concatenate([np.linspace(-20, 20, 300_001), np.random.default_rng(0).normal(size=100_000) / 100])
    x = x[x != 0].astype(np.float32)
    exact = x * (1 + _erf(x / np.sqrt(2))) / 2
    assert exact.dtype == np.float64
    ours = np.abs(F.gelu(x) - exact) / np.abs(x)
    theirs = np.abs(T.gelu(torch.from_numpy(x)).numpy() - exact) / np.abs(x)
    assert ours.max() < 2e-7
    assert ours.max() < theirs.max()
    large = np.array([30, 1e10, 1e38], np.float32)
    np.testing.assert_array_equal(F.gelu(large), large)
    np.testing.assert_array_equal(F.gelu(-large), 0)


# ---- dropout ---------------------------------------------------------------------------------------------------------

def mask_of(name, p, shape, **options):
    """What dropout makes of ones, and the mask that it saved, spread over the shape."""
    saved = {}
    out = getattr(F, name)(np.ones(shape), p, **options, saved=saved)
    return out, np.broadcast_to(saved["mask"], shape)


@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_drops_its_share_and_scales_the_rest(name, p):
    shape = (40, 500, 2, 3) if name == "dropout2d" else (120_000,)
    out, mask = mask_of(name, p, shape, rng=0)
    np.testing.assert_allclose(out, mask / (1 - p), rtol=1e-15)
    count = 20_000 if name == "dropout2d" else 120_000                   # draws
    assert abs(mask.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / count)                     # five standard deviations
    if name == "dropout2d":
        assert (mask == mask[:, :, :1, :1]).all(), "a channel is dropped as a whole"


@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
def test_dropout_is_as_torch_says_where_no_chance_is_left(name):
    for number, (label, theirs, args, kwargs) in enumerate(samples(name)):
        if kwargs.get("p", 0.5) in (0, 1) or not kwargs.get("training", True):
            assert_equals_torch(label, getattr(F, name), getattr(F, f"{name}_backward"), theirs, args, kwargs)
        else:
            x, saved = args[0].detach().numpy(), {}
            out = getattr(F, name)(x, **kwargs, rng=number, saved=saved)
            assert out.shape == x.shape and out.dtype == x.dtype
            np.testing.assert_allclose(out, x * saved["mask"] * 2, rtol=1e-15)


@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
def test_dropout_takes_its_mask_from_where_it_is_told(name):
    forward, backward = getattr(F, name), getattr(F, f"{name}_backward")
    shape = (4, 9, 5, 7)
    x, dy = np.random.default_rng(0).normal(size=(2, *shape))
    out, mask = mask_of(name, 0.3, shape, rng=5)
    np.testing.assert_array_equal(forward(x, 0.3, rng=5), x * out)                           # a seed
    np.testing.assert_array_equal(forward(x, 0.3, rng=np.random.default_rng(5)), x * out)    # a generator
    random.manual_seed(5)
    np.testing.assert_array_equal(forward(x, 0.3), x * out)                                  # the course's generator
    assert not np.array_equal(forward(x, 0.3), x * out), "the next draw is another"
    np.testing.assert_array_equal(backward(dy, x, 0.3, rng=5)[0], dy * out)
    np.testing.assert_array_equal(backward(dy, x, 0.3, saved={"mask": mask})[0], dy * out)
    single = x.astype(np.float32)
    np.testing.assert_array_equal(forward(single, 0.3, rng=5) != 0, mask, "one seed, one mask in both dtypes")
    out = forward(x, training=False)
    out += 1
    assert not np.shares_memory(out, x)


def test_manual_seed_starts_the_generator_anew():
    held = random.generator()
    first = random.manual_seed(7).random(3)
    assert random.generator() is held is random.manual_seed(7)
    np.testing.assert_array_equal(held.random(3), first)
    np.testing.assert_array_equal(np.random.default_rng(7).random(3), first)
