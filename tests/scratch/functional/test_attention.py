"""Attention gives PyTorch's numbers and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from cnnlib.scratch.functional.random import manual_seed
from cnnlib.testing import assert_close
from tests.parity import Case, assert_case, assert_equals_torch, given, samples

NAME = "scaled_dot_product_attention"


def allowed(*shape):
    """A mask of bool; its first row allows nothing."""
    def allowed(rng, dtype):
        mask = rng.random(shape) < 0.6
        mask[..., 0, :] = False
        return mask
    return allowed


def forbidding(*shape):
    """A mask of floats with some −∞; its first row is −∞ throughout."""
    def forbidding(rng, dtype):
        mask = np.where(rng.random(shape) < 0.6, rng.normal(size=shape), -np.inf)
        mask[..., 0, :] = -np.inf
        return mask.astype(dtype)
    return forbidding


def large(*shape):
    """Scores of these are so far apart that exp overflows without the shift."""
    def large(rng, dtype):
        return (100 * rng.normal(size=shape)).astype(dtype)
    return large


Q, K, V = (2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)
SMOOTH = [
    Case(NAME, [Q, K, V]),
    Case(NAME, [(4, 3), (5, 3), (5, 2)]),
    Case(NAME, [(2, 4, 3), (2, 5, 3), (2, 5, 2)], scale=0.3),
    Case(NAME, [Q, K, V], scale=-0.7),
    Case(NAME, [Q, K, V], scale=0.0),
    Case(NAME, [Q, K, V], is_causal=True),
    Case(NAME, [(2, 7, 3), (2, 4, 3), (2, 4, 2)], is_causal=True),
    Case(NAME, [Q, K, V, allowed(4, 5)]),
    Case(NAME, [Q, K, V, allowed(2, 1, 4, 5)]),
    Case(NAME, [Q, K, V, (4, 5)]),
    Case(NAME, [Q, K, V, (1, 5)]),
    Case(NAME, [Q, K, V, (3, 4, 1)]),
    Case(NAME, [(1, 3, 4, 8), (2, 1, 5, 8), (2, 3, 5, 6)]),
    Case(NAME, [(4, 8), (3, 5, 8), (2, 3, 5, 6)]),
    Case(NAME, [(3, 4, 8), (3, 5, 8), (2, 3, 5, 6), (4, 5)]),
    Case(NAME, [Q, K, (1, 1, 5, 6)]),
    Case(NAME, [(2, 6, 4, 8), K, V], enable_gqa=True),
    Case(NAME, [(6, 4, 8), (2, 5, 8), (3, 5, 6), allowed(4, 5)], enable_gqa=True),
    Case(NAME, [(2, 6, 4, 8), (1, 2, 5, 8), (2, 3, 5, 6)], enable_gqa=True),
    Case(NAME, [Q, K, V], dropout_p=1.0),
    Case(NAME, [(0, 3, 4, 8), (0, 3, 5, 8), (0, 3, 5, 6)]),
    Case(NAME, [(2, 0, 8), (2, 5, 8), (2, 5, 6)]),
    Case(NAME, [(2, 4, 8), (2, 0, 8), (2, 0, 6)]),
    Case(NAME, [(2, 4, 0), (2, 5, 0), (2, 5, 6)]),
]
CASES = [
    *SMOOTH,
    Case(NAME, [(3, 4, 8), (3, 5, 8), (3, 5, 6), forbidding(3, 4, 5)]),              # no steps lead away from −∞
    Case(NAME, [Q, K, V, forbidding(2, 1, 4, 5)], scale=0.5),
    Case(NAME, [large(2, 4, 8), large(2, 5, 8), (2, 5, 6)]),
]
DRAWN = [
    Case(NAME, [Q, K, V], dropout_p=0.4, rng=3),
    Case(NAME, [(1, 3, 4, 8), (2, 1, 5, 8), (2, 3, 5, 6), (4, 5)], dropout_p=0.4, rng=3),
    Case(NAME, [(6, 4, 8), (2, 5, 8), (2, 3, 5, 6)[1:], allowed(4, 5)], dropout_p=0.4, rng=3, enable_gqa=True),
]
A = [np.ones(shape) for shape in (Q, K, V)]
# function, arguments, keywords, what the message must hold
BAD = [(F.scaled_dot_product_attention, args, kwargs, f"^{NAME}: {message}") for args, kwargs, message in [
    (([1.0], *A[1:]), {}, "query must be a NumPy array, got list"),
    ((A[0].astype("f"), *A[1:]), {}, "all arrays must have one dtype, got query float32, key float64, value float64"),
    ((np.ones(8), *A[1:]), {}, r"query needs at least 2 axes, got shape \(8,\)"),
    ((A[0], A[1][..., :3], A[2]), {}, r"query \(\*, L, E\) and key \(\*, S, E\) must agree in E"),
    ((A[0], A[1], A[2][:, :, :3]), {}, r"key \(\*, S, E\) and value \(\*, S, D\) must agree in S"),
    ((np.ones((2, 6, 4, 8)), *A[1:]), {}, "the axes in front must broadcast"),
    ((np.ones((2, 5, 4, 8)), *A[1:]), {"enable_gqa": True}, "with enable_gqa the heads .*, got 3 and 3 for 5"),
    (([a[0, 0] for a in A]), {"enable_gqa": True}, "query needs at least 3 axes"),
    ((*A, np.ones((4, 5), bool)), {"is_causal": True}, "attn_mask must be None when is_causal is set"),
    ((*A, np.ones((4, 5), int)), {}, "attn_mask must be a NumPy array of bool or of float64, got int64"),
    ((*A, np.ones((4, 5), np.float32)), {}, "attn_mask must be a NumPy array of bool or of float64, got float32"),
    ((*A, np.ones((4, 3), bool)), {}, r"attn_mask needs .* broadcast to \(\*, L, S\) = \(2, 3, 4, 5\), got \(4, 3\)"),
    ((*A, np.ones(5, bool)), {}, "attn_mask needs at least 2 axes"),
    ((*A, np.ones((7, 2, 3, 4, 5), bool)), {}, "attn_mask needs at least 2 axes and must broadcast"),
    ((*A,), {"dropout_p": 1.5}, "dropout_p must be from 0 to 1, got 1.5"),
    ((*A,), {"dropout_p": 0.5, "rng": "seed"}, "rng must be None, a NumPy generator or an int seed"),
]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_torch_on_its_own_samples(dtype):
    """With dropout the numbers are random: there the shape is compared."""
    compared = dropped = 0
    for label, theirs, args, kwargs in samples(NAME, dtype=dtype):
        ours, backward = F.scaled_dot_product_attention, F.scaled_dot_product_attention_backward
        if kwargs.get("dropout_p"):
            arrays = [tensor.detach().numpy() for tensor in args]
            assert ours(*arrays, **kwargs).shape == tuple(theirs(*args, **kwargs).shape)
            dropped += 1
        else:
            assert_equals_torch(label, ours, backward, theirs, args, kwargs)
            compared += 1
    assert compared >= 13 and dropped >= 12


def test_dropout_in_numbers():
    """Values that are the identity show the weights: a share p is 0, the others are divided by 1 − p."""
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(40, 8)), rng.normal(size=(50, 8)), np.eye(50)
    weights = F.scaled_dot_product_attention(query, key, value)
    dropped = F.scaled_dot_product_attention(query, key, value, dropout_p=0.3, rng=np.random.default_rng(1))
    kept = dropped != 0
    assert abs(kept.mean() - 0.7) < 0.03
    assert_close(dropped[kept], weights[kept] / 0.7)
    results = []
    for _ in range(2):
        manual_seed(5)
        results.append(F.scaled_dot_product_attention(query, key, value, dropout_p=0.3))
    np.testing.assert_array_equal(*results)


def test_backward_of_dropout_needs_what_was_kept():
    arrays, saved = CASES[0].arrays(np.float64), {}
    out = F.scaled_dot_product_attention(*arrays, dropout_p=0.4, saved=saved, rng=7)
    by_saved = F.scaled_dot_product_attention_backward(out, *arrays, dropout_p=0.4, saved=saved)
    by_seed = F.scaled_dot_product_attention_backward(out, *arrays, dropout_p=0.4, rng=7)
    for a, b in zip(by_saved[:3], by_seed[:3], strict=True):
        assert_close(a, b)
    with pytest.raises(ValueError, match="scaled_dot_product_attention_backward: what dropout kept is needed"):
        F.scaled_dot_product_attention_backward(out, *arrays, dropout_p=0.4)


def test_permuting_the_keys_permutes_nothing():
    """Attention is a mean over a set: the order of keys and values is nothing, that of the queries goes through."""
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(4, 3)), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    order, out = rng.permutation(6), F.scaled_dot_product_attention(query, key, value)
    assert_close(F.scaled_dot_product_attention(query, key[order], value[order]), out)
    assert_close(F.scaled_dot_product_attention(query[::-1], key, value), out[::-1])


def test_a_causal_query_does_not_see_what_comes_after():
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    out = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    key[4:], value[4:] = 0, 9
    assert_close(F.scaled_dot_product_attention(query, key, value, is_causal=True)[:4], out[:4])


@settings(max_examples=40, deadline=None)
@given_any(batch=st.integers(1, 2), heads=st.integers(1, 3), repeats=st.integers(1, 3), queries=st.integers(1, 5),
           keys=st.integers(1, 5), features=st.integers(1, 4), values=st.integers(1, 4), mask=st.integers(0, 3))
def test_any_geometry(batch, heads, repeats, queries, keys, features, values, mask):
    masks = [given(None), allowed(queries, keys), forbidding(batch, 1, queries, keys), (queries, 1)]
    arrays = [(batch, heads * repeats, queries, features), (batch, heads, keys, features), (1, heads, keys, values)]
    assert_case(Case(NAME, [*arrays, masks[mask]], enable_gqa=True), np.float64)
    assert_case(Case(NAME, [(batch, 1, queries, features), *arrays[1:], masks[min(mask, 1)]]), np.float64)
