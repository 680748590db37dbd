"""Pools by chance: torch's numbers with torch's samples, the shares that were drawn, and the gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T

from cnnlib.scratch import functional as F
from cnnlib.scratch import manual_seed
from cnnlib.scratch.ops import pooling as random_pooling
from cnnlib.scratch.ops.pooling import stochastic_pool2d, stochastic_pool2d_backward
from cnnlib.testing import assert_close
from tests.parity import (
    Case,
    assert_case,
    assert_equals_torch,
    assert_grad_output_is_checked,
    assert_gradients,
    samples,
)

FRACTIONAL, STOCHASTIC = "fractional_max_pool2d", "stochastic_pool2d"


def uniform(*shape):
    """Numbers in [0, 1) of which torch cannot give a gradient; see `constants` of parity.py."""
    def uniform(rng, dtype):
        array = rng.random(shape, dtype=dtype)
        array.flags.writeable = False
        return array
    return uniform


def positive(*shape):
    def positive(rng, dtype):
        return rng.uniform(0.2, 2, size=shape).astype(dtype)
    return positive


def ties(*shape):
    """Few different numbers, so that most windows hold their maximum more than once."""
    def ties(rng, dtype):
        return rng.integers(0, 3, size=shape).astype(dtype)
    return ties


SMOOTH = [
    Case(FRACTIONAL, [(2, 3, 11, 8)], kernel_size=2, output_size=(7, 5), _random_samples=uniform(2, 3, 2)),
    Case(FRACTIONAL, [(2, 3, 11, 8)], kernel_size=(3, 2), output_size=4, _random_samples=uniform(2, 3, 2)),
    Case(FRACTIONAL, [(3, 9, 14)], kernel_size=(2, 4), output_size=(8, 3), _random_samples=uniform(1, 3, 2)),
    Case(FRACTIONAL, [(2, 3, 11, 8)], kernel_size=2, output_ratio=(0.7, 0.55), return_indices=True,
         _random_samples=uniform(2, 3, 2)),
    Case(FRACTIONAL, [(1, 2, 5, 7)], kernel_size=(3, 1), output_size=1, _random_samples=uniform(1, 2, 2)),
    Case(FRACTIONAL, [(1, 2, 5, 7)], kernel_size=1, output_size=(5, 7), _random_samples=uniform(1, 2, 2)),
]
CASES = [*SMOOTH, Case(FRACTIONAL, [ties(2, 3, 11, 8)], kernel_size=3, output_size=(5, 4), return_indices=True,
                       _random_samples=uniform(2, 3, 2))]
DRAWN = [
    Case(STOCHASTIC, [positive(2, 3, 7, 5)], within=random_pooling, kernel_size=2, rng=3),
    Case(STOCHASTIC, [positive(3, 8, 7)], within=random_pooling, kernel_size=(3, 2), stride=(2, 1), rng=3),
    Case(STOCHASTIC, [positive(2, 3, 7, 5)], within=random_pooling, kernel_size=(2, 3), training=False),
    Case(STOCHASTIC, [positive(3, 8, 7)], within=random_pooling, kernel_size=(3, 2), stride=(2, 1), training=False),
    Case(STOCHASTIC, [(2, 3, 7, 5)], within=random_pooling, kernel_size=3, stride=2, training=False),    # negatives too
]
x4 = np.zeros((2, 3, 6, 5))
BAD = [
    (F.fractional_max_pool2d, (x4, 2), {}, "fractional_max_pool2d: give output_size or output_ratio"),
    (F.fractional_max_pool2d, (x4, 0, 2), {}, "fractional_max_pool2d: kernel_size must be at least 1, got 0"),
    (F.fractional_max_pool2d, (x4, 2, 6), {}, "6 windows of kernel_size 2 do not fit into 6 pixels; .* from 1 to 5"),
    (F.fractional_max_pool2d, (x4, 2, (5, 5)), {}, "5 windows of kernel_size 2 do not fit into 5 pixels"),
    (F.fractional_max_pool2d, (x4, 2, None, 1.5), {}, "output_ratio must be a number or two between 0 and 1, got 1.5"),
    (F.fractional_max_pool2d, (x4, 2, None, (0.5, 0.1)), {}, "0 windows of kernel_size 2 do not fit into 5 pixels"),
    (F.fractional_max_pool2d, (x4[0, 0], 2, 2), {}, "fractional_max_pool2d: input needs 4 axes"),
    (F.fractional_max_pool2d, (x4, 2, 2), {"_random_samples": np.zeros((3, 2))}, r"must be \(2, 3, 2\), got shape"),
    (F.fractional_max_pool2d, (x4, 2, 2), {"rng": "seed"}, "rng must be None, a NumPy generator or an int seed"),
    (stochastic_pool2d, (x4, 0), {}, "stochastic_pool2d: kernel_size must be at least 1, got 0"),
    (stochastic_pool2d, (x4, (2, 6)), {}, r"kernel_size \(2, 6\) does not fit into the input \(6, 5\)"),
    (stochastic_pool2d, (x4[0, 0], 2), {}, "stochastic_pool2d: input needs 4 axes"),
    (stochastic_pool2d, (x4.astype(int), 2), {}, "stochastic_pool2d: input must be float32 or float64, got int64"),
    (stochastic_pool2d, (x4, 2), {"rng": -1}, "stochastic_pool2d: rng must be None"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch(case, dtype):
    assert_case(case, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_torch_on_its_own_samples(dtype):
    """Most of them leave the samples to chance: those get the same ones here and there."""
    count = 0
    for label, theirs, args, kwargs in samples(FRACTIONAL, dtype=dtype):
        if "_random_samples" not in kwargs:
            kwargs = {**kwargs, "_random_samples": torch.rand(*args[0].shape[:2], 2, dtype=dtype).numpy()}
            kwargs["_random_samples"].flags.writeable = False
        assert_equals_torch(label, F.fractional_max_pool2d, F.fractional_max_pool2d_backward, theirs, args, kwargs)
        count += 1
    assert count >= 37


def test_equals_torch_for_many_geometries():
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


@pytest.mark.parametrize("case", SMOOTH + DRAWN, ids=str)
def test_backward_agrees_with_finite_differences(case):
    """Of those that draw too: from the same seed they draw the same elements, unless the step moves a share too far."""
    assert_gradients(case)
    assert_grad_output_is_checked(case)


def test_without_samples_they_are_drawn_from_the_generator():
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


def test_an_element_is_drawn_as_often_as_its_share_says():
    window = np.array([[0.0, 1.0, 4.0], [2.0, 0.0, 3.0]])
    x = np.tile(window, (30, 40))[None, None]                            # 1,200 windows of 2 × 3
    count = dict.fromkeys(range(5), 0)
    for seed in range(5):
        values, times = np.unique(stochastic_pool2d(x, (2, 3), rng=seed), return_counts=True)
        for value, n in zip(values, times, strict=True):
            count[int(value)] += int(n) / 6000
    assert count[0] == 0
    for value in (1, 2, 3, 4):                                           # the spread of such a share is at most 0.0064
        assert abs(count[value] - value / 10) < 0.025
    mean = stochastic_pool2d(x, (2, 3), training=False)
    assert_close(mean, np.full((1, 1, 30, 40), (1 + 16 + 4 + 9) / 10))


def test_the_mean_of_many_draws_is_what_use_gives():
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(1, 2, 7, 5)), 0)
    x[0, 0, :4, :3] = 0
    draws = np.broadcast_to(x, (20000, 2, 7, 5)).copy()
    mean = stochastic_pool2d(draws, 3, (2, 1), rng=0).mean(axis=0)
    assert_close(mean, stochastic_pool2d(x, 3, (2, 1), training=False)[0], 0.02)


def test_where_nothing_is_positive_all_are_drawn_alike():
    zeros = np.zeros((1, 1, 60, 60))
    assert not stochastic_pool2d(zeros, 2, rng=0).any() and not stochastic_pool2d(zeros, 2, training=False).any()
    dy = np.ones((1, 1, 30, 30))
    drawn, = stochastic_pool2d_backward(dy, zeros, 2, rng=0)
    assert drawn.sum() == 900
    for u, v in np.ndindex(2, 2):
        assert abs(drawn[0, 0, u::2, v::2].mean() - 0.25) < 0.07         # the spread is 0.014
    np.testing.assert_array_equal(stochastic_pool2d_backward(dy, zeros, 2, training=False)[0],
                                  np.full((1, 1, 60, 60), 0.25))
    below = np.array([[[0.0, -1.0], [-2.0, 0.0]]])                       # here too the shares do not move
    np.testing.assert_array_equal(stochastic_pool2d_backward(np.ones((1, 1, 1)), below, 2, training=False)[0],
                                  np.full((1, 2, 2), 0.25))
    negative = np.array([[[-1.0, -3.0], [-2.0, 2.0]]])
    for seed in range(20):
        assert stochastic_pool2d(negative, 2, rng=seed) == 2


def test_backward_of_a_draw_needs_what_was_drawn():
    x, saved = np.random.default_rng(0).uniform(size=(2, 3, 8, 7)), {}
    out = stochastic_pool2d(x, 3, 2, rng=7, saved=saved)
    by_saved, = stochastic_pool2d_backward(out, x, 3, 2, saved=saved)
    by_seed, = stochastic_pool2d_backward(out, x, 3, 2, rng=7)
    np.testing.assert_array_equal(by_saved, by_seed)
    with pytest.raises(ValueError, match="stochastic_pool2d_backward: what the forward drew is needed"):
        stochastic_pool2d_backward(out, x, 3, 2)
