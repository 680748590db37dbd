"""Pools by chance: the numbers of the torch block, the shares that were drawn, and the gradients."""

import numpy as np
import pytest

from cnnlib import blocks
from cnnlib.scratch.ops import pooling
from cnnlib.scratch.ops.pooling import stochastic_pool2d, stochastic_pool2d_backward
from cnnlib.testing import assert_close
from tests.parity import Case

NAME = "stochastic_pool2d"


def positive(*shape):
    def positive(rng, dtype):
        return rng.uniform(0.2, 2, size=shape).astype(dtype)
    return positive


def torch_stochastic_pool2d(input, kernel_size, stride=None, training=False):
    return blocks.StochasticPool2d(kernel_size, stride).train(training)(input)


CASES = [Case(NAME, [(2, 3, 7, 5)], within=pooling, reference=torch_stochastic_pool2d, kernel_size=3, stride=2,
              training=False)]                                           # negative numbers too
SMOOTH = [
    *CASES,
    Case(NAME, [positive(2, 3, 7, 5)], within=pooling, kernel_size=(2, 3), training=False),
    Case(NAME, [positive(3, 8, 7)], within=pooling, kernel_size=(3, 2), stride=(2, 1), training=False),
]
# From the same seed they draw the same elements, unless the step moves a share too far.
DRAWN = [
    Case(NAME, [positive(2, 3, 7, 5)], within=pooling, kernel_size=2, rng=3),
    Case(NAME, [positive(3, 8, 7)], within=pooling, kernel_size=(3, 2), stride=(2, 1), rng=3),
]
x4 = np.zeros((2, 3, 6, 5))
BAD = [
    (stochastic_pool2d, (x4, 0), {}, "stochastic_pool2d: kernel_size must be at least 1, got 0"),
    (stochastic_pool2d, (x4, (2, 6)), {}, r"kernel_size \(2, 6\) does not fit into the input \(6, 5\)"),
    (stochastic_pool2d, (x4[0, 0], 2), {}, "stochastic_pool2d: input needs 4 axes"),
    (stochastic_pool2d, (x4.astype(int), 2), {}, "stochastic_pool2d: input must be float32 or float64, got int64"),
    (stochastic_pool2d, (x4, 2), {"rng": -1}, "stochastic_pool2d: rng must be None"),
]


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
