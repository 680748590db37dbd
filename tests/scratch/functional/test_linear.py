"""Dense layers and lookups give PyTorch's numbers and gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from cnnlib.testing import assert_close
from tests.parity import Case, assert_case, assert_equals_torch, classes, op_db

SMOOTH = [
    Case("linear", [(2, 3), (5, 3), (5,)]),
    Case("linear", [(2, 4, 3), (5, 3), (5,)]),
    Case("linear", [(2, 4, 3), (5, 3)]),
    Case("linear", [(3,), (5, 3), (5,)]),
    Case("linear", [(2, 4, 3), (3,)]),
    Case("linear", [(2, 4, 3), (3,), ()]),                               # torch refuses the same with (2, 3)
    Case("linear", [(3,), (3,)]),
    Case("linear", [(0, 3), (5, 3), (5,)]),
    Case("linear", [(2, 0), (5, 0), (5,)]),
    Case("linear", [(2, 3), (0, 3), (0,)]),
    Case("embedding", [classes(7), (7, 3)]),
    Case("embedding", [classes(7, 20), (7, 3)]),
]
CASES = [
    *SMOOTH,
    Case("embedding", [classes(4, 2, 5, 3), (7, 2)], padding_idx=2),     # its gradient is not that of the output
    Case("embedding", [classes(4, 9), (4, 2)], padding_idx=-1),
    Case("embedding", [classes(4, 9), (4, 2)], scale_grad_by_freq=True),
    Case("embedding", [classes(4, 9), (4, 2)], scale_grad_by_freq=True, padding_idx=0),
    Case("embedding", [classes(4, 0, 3), (4, 2)], scale_grad_by_freq=True),
]
SAMPLES = [("linear", "")]
REFUSED = {"embedding": 2}
X, W = np.ones((2, 3)), np.ones((5, 3))
# function, arguments, keywords, what the message must hold
BAD = [
    (F.linear, ([1.0], W), {}, "linear: input must be a NumPy array, got list"),
    (F.linear, (X, W.astype("f")), {}, "linear: all arrays must have one dtype, got input float64, weight float32"),
    (F.linear, (X, np.ones((3, 5))), {}, r"linear: input must be \(\*, in\) and weight \(out, in\) or \(in,\)"),
    (F.linear, (X, np.ones((1, 5, 3))), {}, "linear: input must be"),
    (F.linear, (np.ones(()), W), {}, "linear: input must be"),
    (F.linear, (X, W, np.ones(3)), {}, r"linear: bias must have shape \(5,\), .*, got \(3,\)"),
    (F.embedding, (np.ones(2), W), {}, "embedding: input must be a NumPy array of integers, got float64"),
    (F.embedding, (np.ones(2, bool), W), {}, "embedding: input must be a NumPy array of integers, got bool"),
    (F.embedding, ([1], W), {}, "embedding: input must be a NumPy array of integers, got list"),
    (F.embedding, (np.array([1, 5]), W), {}, "embedding: input must be from 0 to 4, .*, got numbers from 1 to 5"),
    (F.embedding, (np.array([-1]), W), {}, "embedding: input must be from 0 to 4"),
    (F.embedding, (np.array([1]), np.ones(3)), {}, r"embedding: weight must be 2-D \(V, D\), got shape \(3,\)"),
    (F.embedding, (np.array([1]), W), {"padding_idx": 5}, "embedding: padding_idx must be from -5 to 4, got 5"),
    (F.embedding, (np.array([1]), W), {"padding_idx": 1.0}, "embedding: padding_idx must be None or an int"),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_embedding_equals_torch_on_its_own_samples(dtype):
    """The weight comes first there. More samples come when no gradient is asked; max_norm and sparse we do not have."""
    op, = (op for op in op_db if op.name == "nn.functional.embedding")
    compared = 0
    for sample in op.sample_inputs("cpu", dtype, requires_grad=False):
        if "max_norm" in sample.kwargs or "sparse" in sample.kwargs:
            continue
        weight, (indices,) = sample.input.requires_grad_(), sample.args
        assert_equals_torch("embedding", F.embedding, F.embedding_backward, T.embedding, (indices, weight),
                            sample.kwargs)
        compared += 1
    assert compared == 6


def test_only_the_gradients_that_are_needed():
    x, w, b, dy = (np.random.default_rng(0).normal(size=s) for s in [(2, 3), (5, 3), (5,), (2, 5)])
    every = F.linear_backward(dy, x, w, b)
    for needed in np.ndindex(2, 2, 2):
        grads = F.linear_backward(dy, x, w, b, needs_input_grad=tuple(map(bool, needed)))
        for grad, full, need in zip(grads, every, needed, strict=True):
            assert (grad is not None) == bool(need)
            if need:
                assert_close(grad, full)


def test_embedding_is_linear_of_one_hot_vectors():
    rng = np.random.default_rng(0)
    indices, weight = rng.integers(5, size=(4, 3)), rng.normal(size=(5, 2))
    one_hot, dy = np.eye(5)[indices], rng.normal(size=(4, 3, 2))
    assert_close(F.embedding(indices, weight), F.linear(one_hot, weight.T))
    assert_close(F.embedding_backward(dy, indices, weight)[1], F.linear_backward(dy, one_hot, weight.T)[1].T)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_indices_of_any_integer_type(dtype):
    weight = np.arange(600.0).reshape(200, 3)
    indices = np.array([[199, 7], [7, 0]], dtype)                        # 199·3 does not fit uint8
    assert_close(F.embedding(indices, weight), weight[[[199, 7], [7, 0]]])
    expected = np.zeros_like(weight)
    expected[[0, 7, 199]] = [[1], [2], [1]]
    assert_close(F.embedding_backward(np.ones((2, 2, 3)), indices, weight)[1], expected)


@settings(max_examples=40, deadline=None)
@given_any(batch=st.lists(st.integers(0, 3), max_size=3), features=st.integers(1, 5), out=st.integers(1, 5),
           bias=st.booleans())
def test_any_geometry(batch, features, out, bias):
    assert_case(Case("linear", [(*batch, features), (out, features), *[(out,)] * bias]), np.float64)
    assert_case(Case("embedding", [classes(out, *batch), (out, features)]), np.float64)
