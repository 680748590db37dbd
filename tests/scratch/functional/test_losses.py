"""Losses give PyTorch's numbers and gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from tests.parity import Case, assert_equals_torch, classes, constants, normal, probabilities

pytestmark = pytest.mark.filterwarnings("error:overflow:RuntimeWarning", "error:divide by zero:RuntimeWarning")

REDUCTIONS = ["none", "mean", "sum"]
NAMES = ["cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
         "binary_cross_entropy_with_logits", "kl_div"]
NUMBERS = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]


def some_ignored(number, ignored, *shape):
    """Class numbers, about half of them the one to be ignored."""
    def some_ignored(rng, dtype):
        return np.where(rng.random(shape) < 0.5, ignored, rng.integers(number, size=shape))
    return some_ignored


def positive(*shape):
    """Weights of which torch gives a gradient."""
    def positive(rng, dtype):
        return rng.uniform(0.5, 1.5, size=shape).astype(dtype)
    return positive


def distributions(*shape):
    """Probabilities along axis 1."""
    def distributions(rng, dtype):
        p = rng.uniform(0.05, 1, size=shape)
        return (p / p.sum(axis=min(1, len(shape) - 1), keepdims=True)).astype(dtype)
    return distributions


SMOOTH = [
    # classes
    *[Case(name, [shape, classes(shape[min(1, len(shape) - 1)], *target)], reduction=reduction)
      for name in ("cross_entropy", "nll_loss") for reduction in REDUCTIONS
      for shape, target in [((5, 3), (5,)), ((2, 4, 3, 5), (2, 3, 5)), ((2, 4, 7), (2, 7)), ((4,), ()),
                            ((2, 3, 2, 1, 3), (2, 2, 1, 3))]],
    *[Case(name, [(5, 3), classes(3, 5), constants(3)], reduction=reduction)
      for name in ("cross_entropy", "nll_loss") for reduction in REDUCTIONS],
    *[Case(name, [(3, 4, 2, 5), some_ignored(4, ignored, 3, 2, 5), constants(4)], ignore_index=ignored,
           reduction=reduction)
      for name in ("cross_entropy", "nll_loss") for reduction in REDUCTIONS for ignored in (-100, 2, 9)],
    Case("cross_entropy", [(4,), classes(4), constants(4)], reduction="none"),
    *[Case("cross_entropy", [(3, 4, 2, 5), some_ignored(4, -7, 3, 2, 5), *weight], ignore_index=-7,
           reduction=reduction, label_smoothing=smoothing)
      for reduction in REDUCTIONS for weight in ([], [constants(4)]) for smoothing in (0.1, 1)],
    Case("cross_entropy", [(4,), classes(4)], label_smoothing=0.3),
    # class probabilities
    *[Case("cross_entropy", [shape, distributions(*shape), *weight], reduction=reduction, label_smoothing=smoothing)
      for shape in [(5, 3), (3,), (2, 3, 4, 2)] for weight in ([], [positive(3)]) for reduction in REDUCTIONS
      for smoothing in (0.0, 0.2)],
    # numbers
    *[Case(name, arrays, reduction=reduction)
      for name in NUMBERS for reduction in REDUCTIONS
      for arrays in ([(3, 4), (3, 4)], [(3, 4), (4,)], [(3, 1), (2, 1, 4)], [(), (2,)])],
    *[Case(name, [shape, (3, 4)], reduction=reduction, weight=positive(*shape))
      for name in ("mse_loss", "l1_loss", "huber_loss") for reduction in REDUCTIONS
      for shape in ((3, 4), (3, 1), (4,))],
    *[Case("smooth_l1_loss", [(3, 4), (3, 4)], beta=beta) for beta in (0, 0.3, 5)],
    *[Case("huber_loss", [(3, 4), (3, 4)], delta=delta) for delta in (0.3, 5)],
    Case("huber_loss", [(3, 4), (3, 4)], reduction="sum", delta=0.7),
    # probabilities
    *[Case("binary_cross_entropy", [probabilities(3, 4), probabilities(3, 4), *weight], reduction=reduction)
      for reduction in REDUCTIONS for weight in ([], [constants(4)], [constants(3, 1)], [constants(3, 4)])],
    *[Case("binary_cross_entropy_with_logits", [(3, 4), probabilities(3, 4), *weight], reduction=reduction, **options)
      for reduction in REDUCTIONS for weight in ([], [constants(3, 1)])
      for options in ({}, {"pos_weight": constants(4)}, {"pos_weight": constants(3, 4)})],
    *[Case("kl_div", [shape, target(*other)], reduction=reduction, log_target=log_target)
      for reduction in [*REDUCTIONS, "batchmean"] for log_target, target in [(False, probabilities), (True, normal)]
      for shape, other in [((3, 4), (3, 4)), ((3, 1), (3, 4)), ((3, 4), (4,)), ((), ())]],
]
CASES = [
    *SMOOTH,
    # nothing to take differences of
    *[Case(name, [shape, classes(3, *target)], reduction=reduction)
      for name in ("cross_entropy", "nll_loss") for reduction in REDUCTIONS
      for shape, target in [((0, 3), (0,)), ((2, 3, 0), (2, 0)), ((0, 3, 2, 4), (0, 2, 4))]],
    *[Case("cross_entropy", [(0, 3), distributions(0, 3)], reduction=reduction) for reduction in REDUCTIONS],
    *[Case("cross_entropy", [(0, 3), classes(3, 0)], reduction=reduction, label_smoothing=0.1)
      for reduction in REDUCTIONS],
    *[Case(name, [(4, 3), some_ignored(1, 0, 4)], ignore_index=0, reduction=reduction)       # all of them
      for name in ("cross_entropy", "nll_loss") for reduction in REDUCTIONS],
    Case("cross_entropy", [(4, 3), some_ignored(1, 0, 4)], ignore_index=0, label_smoothing=0.1),
    Case("cross_entropy", [(2, 0), distributions(2, 0)]),
    *[Case(name, [(0, 3), (0, 3)], reduction=reduction) for name in NUMBERS for reduction in REDUCTIONS],
    *[Case(name, [probabilities(2, 0), probabilities(2, 0)], reduction=reduction) for reduction in REDUCTIONS
      for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div")],
    Case("kl_div", [(0, 3), probabilities(0, 3)], reduction="batchmean"),
]
SAMPLES = [(name, "") for name in NAMES]
REFUSED = {"l1_loss": 2, "huber_loss": 3}
X, CLASSES = np.full((2, 3), 0.5), np.array([0, 2])
SIZE = r"\(2, 3\)"
# function, arguments, keywords, what the message must hold
BAD = [
    (F.cross_entropy, (X, np.array([0, 3])), {}, "cross_entropy: target must hold classes from 0 to 2 or ignore_index "
                                                 "-100, got 3"),
    (F.cross_entropy, (X, np.array([-1, 0])), {"ignore_index": -2}, "or ignore_index -2, got -1"),
    (F.cross_entropy, (X, np.array([0, 1, 2])), {}, rf"target must have shape \(2,\) for an input of shape {SIZE}"),
    (F.cross_entropy, (X, np.array([0.0, 1.0])), {}, "target must hold classes, which are integers, got float64"),
    (F.cross_entropy, (X, np.array([True, False])), {}, "target must hold classes, which are integers, got bool"),
    (F.cross_entropy, (X, np.ones((2, 3), int)), {}, "must hold probabilities of input's dtype float64, got int64"),
    (F.cross_entropy, (X, X), {"ignore_index": 1}, "ignore_index must be negative for a target of probabilities"),
    (F.cross_entropy, (X, CLASSES, np.ones(2)), {}, r"weight must hold one number for each of 3 classes, got shape"),
    (F.cross_entropy, (X, CLASSES, np.ones(3, np.float32)), {}, "cross_entropy: all arrays must have one dtype"),
    (F.cross_entropy, (X, CLASSES), {"reduction": "batchmean"}, "reduction must be one of none, mean, sum; got"),
    (F.cross_entropy, (X, CLASSES), {"label_smoothing": 1.5}, "label_smoothing must be from 0 to 1, got 1.5"),
    (F.cross_entropy, (X, CLASSES), {"ignore_index": None}, "ignore_index must be an int, got None"),
    (F.cross_entropy, (X, [0, 2]), {}, "cross_entropy: target must be a NumPy array, got list"),
    (F.cross_entropy, (np.float64(1), CLASSES), {}, r"input must have an axis of classes, got shape \(\)"),
    (F.cross_entropy, (X, CLASSES, None, 0), {}, "positional argument"),                     # torch's size_average
    (F.nll_loss, (X, np.array([0, 3])), {}, "nll_loss: target must hold classes from 0 to 2"),
    (F.nll_loss, (X, X), {}, "nll_loss: target must hold classes, which are integers, got float64"),
    (F.nll_loss, (X, np.array(1)), {}, r"nll_loss: target must have shape \(2,\) for an input of shape"),
    (F.mse_loss, (X, np.ones(2)), {}, rf"target must broadcast with input, whose shape is {SIZE}, got \(2,\)"),
    (F.mse_loss, (X, X), {"weight": np.ones(3)}, rf"mse_loss: weight must have the shape of input, {SIZE}, got \(3,\)"),
    (F.mse_loss, (X, None), {}, "mse_loss: target must be a NumPy array"),
    (F.l1_loss, (X, X.astype(int)), {}, "l1_loss: target must be float32 or float64, got int64"),
    (F.l1_loss, (X, X), {"weight": np.ones((2, 1))}, "l1_loss: weight must have the shape of input"),
    (F.smooth_l1_loss, (X, X), {"beta": -1}, "smooth_l1_loss: beta must be at least 0, got -1"),
    (F.huber_loss, (X, X), {"delta": 0}, "huber_loss: delta must be above 0, got 0"),
    (F.huber_loss, (X, X), {"weight": np.ones(3)}, "huber_loss: weight must have the shape of input"),
    (F.binary_cross_entropy, (X + 1, X), {}, "input must be from 0 to 1, got numbers from 1.5 to 1.5"),
    (F.binary_cross_entropy, (X * np.nan, X), {}, "input must be from 0 to 1, got numbers from nan"),
    (F.binary_cross_entropy, (X, X - 1), {}, "target must be from 0 to 1, got numbers from -0.5"),
    (F.binary_cross_entropy, (X, X[0]), {}, rf"target must have the shape of input, {SIZE}, got \(3,\)"),
    (F.binary_cross_entropy, (X, X, np.ones((4, 2, 3))), {}, "weight must broadcast to the shape of input"),
    (F.binary_cross_entropy_with_logits, (X, X[0]), {}, "target must have the shape of input"),
    (F.binary_cross_entropy_with_logits, (X, X), {"pos_weight": np.ones(2)}, "pos_weight must broadcast with input"),
    (F.binary_cross_entropy_with_logits, (X, X, np.ones((4, 2, 3))), {}, "weight must broadcast to the shape of input"),
    (F.kl_div, (X, X), {"reduction": "all"}, "kl_div: reduction must be one of none, mean, sum, batchmean; got 'all'"),
    (F.kl_div, (X, np.ones(2)), {}, "kl_div: target must broadcast with input"),
]


@pytest.mark.parametrize("function", [getattr(F, name) for name in NAMES])
def test_the_backward_refuses_what_the_forward_refuses(function):
    backward = getattr(F, f"{function.__name__}_backward")
    for other, args, kwargs, _ in BAD:
        if other is function:
            with pytest.raises((ValueError, TypeError)) as error:
                backward(np.array(1.0), *args, **kwargs)
            assert str(error.value).startswith(f"{function.__name__}_backward")


@given(batch=st.integers(1, 4), number=st.integers(1, 5), size=st.lists(st.integers(1, 3), max_size=3), data=st.data())
@settings(max_examples=60, deadline=None)
def test_cross_entropy_of_any_shape(batch, number, size, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    x, target = rng.normal(size=(batch, number, *size)), rng.integers(number, size=(batch, *size))
    weight = torch.from_numpy(rng.uniform(0.5, 2, size=number)) if data.draw(st.booleans()) else None
    options = {"ignore_index": data.draw(st.integers(-1, number)), "reduction": data.draw(st.sampled_from(REDUCTIONS)),
               "label_smoothing": data.draw(st.sampled_from([0.0, 0.1, 1.0]))}
    assert_equals_torch(f"{x.shape} {options}", F.cross_entropy, F.cross_entropy_backward, T.cross_entropy,
                        (x, target, weight), options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_are_as_in_torch(dtype):
    """Logits of ±1000 and ±∞, probabilities and targets of 0 and 1."""
    x = np.array([[1000, -1000, 0], [-1000, -1001, -1002], [1e4, 1e4, -1e4]], dtype)
    for target in (np.array([0, 2, 1]), np.array([1, 0, 2])):
        assert_equals_torch(f"cross_entropy {target}", F.cross_entropy, F.cross_entropy_backward, T.cross_entropy,
                            (x, target), {})
    one_hot = np.eye(3, dtype=dtype)
    for name in ("cross_entropy", "binary_cross_entropy_with_logits"):
        assert_equals_torch(name, getattr(F, name), getattr(F, f"{name}_backward"), getattr(T, name), (x, one_hot), {})
    zero_one, target = np.array([0, 1, 0, 1, 0.5], dtype), np.array([0, 1, 1, 0, 0.3], dtype)
    for reduction in REDUCTIONS:
        assert_equals_torch("binary_cross_entropy", F.binary_cross_entropy, F.binary_cross_entropy_backward,
                            T.binary_cross_entropy, (zero_one, target), {"reduction": reduction})
    with np.errstate(invalid="ignore"):
        ends = np.array([np.inf, -np.inf, np.nan], dtype)
        got = F.binary_cross_entropy_with_logits(ends, np.full(3, 0.5, dtype), reduction="none")
        np.testing.assert_array_equal(got, [np.inf, np.nan, np.nan])
    for x in (np.array([-1, -2, -0.5], dtype), np.array([-1, -np.inf, -2], dtype)):
        assert_equals_torch("kl_div", F.kl_div, F.kl_div_backward, T.kl_div, (x, np.array([0, 0.5, 0.2], dtype)),
                            {"reduction": "none"})


def test_cross_entropy_is_log_softmax_and_nll_loss():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 5, 3)) * 10, rng.integers(5, size=(4, 3))
    one_hot = np.moveaxis(np.eye(5)[target], 2, 1)
    np.testing.assert_allclose(F.cross_entropy(x, target), F.nll_loss(F.log_softmax(x, 1), target), rtol=1e-14)
    np.testing.assert_allclose(F.cross_entropy(x, one_hot), F.cross_entropy(x, target), rtol=1e-14)
    dx, _, _ = F.cross_entropy_backward(np.array(1.0), x, target, reduction="sum")
    np.testing.assert_allclose(dx, F.softmax(x, 1) - one_hot, atol=1e-14)
    one, number = rng.normal(size=5), np.array([2])                      # torch's backward fails for this one
    assert F.nll_loss(one, number) == F.nll_loss(one, number[0]) == -one[2]


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64])
def test_classes_may_be_any_integers(kind):
    x, target = np.random.default_rng(0).normal(size=(3, 4)), np.array([3, 0, 1])
    assert F.cross_entropy(x, target.astype(kind)) == F.cross_entropy(x, target)
    np.testing.assert_array_equal(F.nll_loss_backward(np.array(1.0), x, target.astype(kind))[0],
                                  F.nll_loss_backward(np.array(1.0), x, target)[0])


@pytest.mark.parametrize(("name", "option"), [("cross_entropy", "label_smoothing"), ("smooth_l1_loss", "beta"),
                                              ("huber_loss", "delta")])
def test_an_option_that_is_a_numpy_number_changes_no_dtype(name, option):
    x, number = np.ones((2, 3), np.float32), {option: np.float64(0.3)}
    loss = getattr(F, name)(x, x, **number)
    assert loss.dtype == np.float32
    assert all(dx.dtype == np.float32 for dx in getattr(F, f"{name}_backward")(np.asarray(loss), x, x, **number)
               if dx is not None)
