"""First weights: torch's names and arguments, the bounds exact, the variances within their spread."""

import inspect
import math

import numpy as np
import pytest
import torch
from scipy import stats

from cnnlib.scratch import Tensor, manual_seed, nn
from cnnlib.scratch.nn import initialization as init

weight = np.zeros((4, 3, 5, 2))

BAD = [
    (init.calculate_gain, ("gelu",), {}, "nonlinearity must be one of .*got 'gelu'"),
    (init.calculate_gain, ("leaky_relu", "steep"), {}, "param must be a number, the slope of leaky_relu, got 'steep'"),
    (init.uniform_, ([1.0],), {}, "uniform_: tensor must be a Tensor or array of floats, got list"),
    (init.uniform_, (weight, 2, 1), {}, "a must be at most b, got 2 and 1"),
    (init.normal_, (weight.astype(int),), {}, "tensor must be a Tensor or array of floats, got int64"),
    (init.normal_, (weight, 0, -1), {}, "std must be at least 0, got -1"),
    (init.normal_, (weight, 0, 1, 5), {}, "generator must be None or a NumPy generator, got 5"),
    (init.uniform_, (weight, None), {}, "uniform_: a must be a number, got None"),
    (init.normal_, (weight, "zero"), {}, "normal_: mean must be a number, got 'zero'"),
    (init.normal_, (weight, 0, None), {}, "normal_: std must be a number, got None"),
    (init.xavier_uniform_, (weight, "relu"), {}, "xavier_uniform_: gain must be a number, got 'relu'"),
    (init.xavier_normal_, (weight, None), {}, "xavier_normal_: gain must be a number, got None"),
    (init.kaiming_uniform_, (weight, None), {}, "kaiming_uniform_: a must be a number, got None"),
    (init.kaiming_normal_, (weight, "fan_out"), {}, "kaiming_normal_: a must be a number, got 'fan_out'"),
    (init.xavier_uniform_, (weight[0, 0, 0],), {}, r"xavier_uniform_: tensor must be \(out, in, \*kernel\)"),
    (init.xavier_normal_, (weight[:0],), {}, r"none of them 0, got shape \(0, 3, 5, 2\)"),
    (init.kaiming_uniform_, (weight, 0, "fan_all"), {}, "mode must be one of fan_in, fan_out; got 'fan_all'"),
    (init.kaiming_normal_, (weight,), {"nonlinearity": "swish"}, "nonlinearity must be one of .*got 'swish'"),
]

CALLS = [        # name, arguments
    ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 2.5}),
    ("xavier_normal_", {}), ("xavier_normal_", {"gain": 0.5}),
    *[(name, arguments) for name in ("kaiming_uniform_", "kaiming_normal_") for arguments in (
        {}, {"a": math.sqrt(5)}, {"mode": "fan_out"}, {"nonlinearity": "relu", "mode": "fan_out"},
        {"nonlinearity": "tanh"}, {"a": 0.2, "nonlinearity": "leaky_relu"})],
    ("uniform_", {"a": -1, "b": 3}), ("normal_", {"mean": 0.0, "std": 3}),
]


@pytest.mark.parametrize("name", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu",
                                  "leaky_relu"])
@pytest.mark.parametrize("param", [None, 0.3])
def test_gains_are_torchs(name, param):
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-15)


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=str)
@pytest.mark.parametrize("shape", [(60, 30), (40, 20, 3, 2), (20, 50, 5)], ids=str)
def test_distribution_is_torchs(name, arguments, shape, monkeypatch):
    """torch's own bound or spread is read where it asks for its random numbers; ours are from that distribution."""
    asked = {}
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, a=0, b=1, generator=None: asked.update(a=a, b=b))
    monkeypatch.setattr(torch.Tensor, "normal_", lambda self, m=0, s=1, generator=None: asked.update(mean=m, std=s))
    getattr(torch.nn.init, name)(torch.empty(shape), **arguments)
    array = np.empty(shape)
    got = getattr(init, name)(array, **arguments, generator=np.random.default_rng(0))
    assert got is array
    if "a" in asked:
        law = ("uniform", (asked["a"], asked["b"] - asked["a"]))
        assert asked["a"] <= array.min() < asked["a"] + 0.02 * (asked["b"] - asked["a"])
        assert asked["b"] >= array.max() > asked["b"] - 0.02 * (asked["b"] - asked["a"])
        variance, fourth = (asked["b"] - asked["a"]) ** 2 / 12, 9 / 5
    else:
        law, variance, fourth = ("norm", (asked["mean"], asked["std"])), asked["std"] ** 2, 3
    spread = variance * math.sqrt((fourth - 1) / array.size)             # of the variance of so many numbers
    assert abs(array.var() - variance) < 4 * spread
    assert stats.kstest(array.ravel(), *law).pvalue > 0.001


def test_signatures_are_torchs():
    for name in ("uniform_", "normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_",
                 "calculate_gain"):
        ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (init, torch.nn.init))
        assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


def test_it_fills_parameters_in_place_from_the_courses_generator():
    layer = nn.Conv2d(3, 4, (3, 2))
    before = layer.weight.data
    manual_seed(1)
    assert init.kaiming_normal_(layer.weight) is layer.weight and layer.weight.data is before
    first = layer.weight.data.copy()
    assert first.dtype == np.float32 and np.unique(first).size == first.size
    manual_seed(1)
    assert np.array_equal(init.kaiming_normal_(Tensor(np.zeros_like(first))).data, first)


def test_layers_of_the_engine_begin_as_torchs_do():
    """nn.Conv2d's default is kaiming_uniform_ with a = √5, which is ±1/√fan_in; attention's is xavier_uniform_."""
    manual_seed(2)
    layer, attention = nn.Conv2d(3, 50, (3, 2)), nn.MultiheadAttention(12, 2)
    manual_seed(2)
    same = init.kaiming_uniform_(np.empty((50, 3, 3, 2), np.float32), math.sqrt(5))
    np.testing.assert_allclose(layer.weight.data, same, rtol=1e-6)
    init.uniform_(np.empty(50))                                           # the bias
    np.testing.assert_array_equal(attention.in_proj_weight.data, init.xavier_uniform_(np.empty((36, 12), np.float32)))


def test_numpys_numbers_are_numbers():
    assert init.calculate_gain("leaky_relu", np.float32(0.5)) == init.calculate_gain("leaky_relu", 0.5)
    assert init.calculate_gain("leaky_relu", np.int64(1)) == 1
