"""Adaptive instance norm has another image's statistics; norms of weights equal torch's parametrizations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from torch import nn
from torch.nn.utils import parametrizations

from cnnlib import blocks
from cnnlib.scratch.ops import normalization
from cnnlib.scratch.ops.normalization import (
    adaptive_instance_norm,
    power_iteration,
    spectral_norm,
    spectral_norm_backward,
    weight_norm,
    weight_norm_backward,
)
from cnnlib.testing import assert_close
from tests.parity import Case


def unit(size):
    """A vector of length 1 of which torch cannot give a gradient; see `constants` of parity.py."""
    def unit(rng, dtype):
        vector = rng.normal(size=size)
        vector = (vector / np.linalg.norm(vector)).astype(dtype)
        vector.flags.writeable = False
        return vector
    return unit


def torch_adaptive_instance_norm(content, style, eps=1e-5):
    """In torch's own words."""
    shape = (*style.shape[:2], *(1,) * (content.ndim - 2))
    style = style.flatten(2)
    return (T.instance_norm(content, eps=eps) * (style.var(2, correction=0) + eps).sqrt().reshape(shape)
            + style.mean(2).reshape(shape))


def torch_spectral_norm(weight, u, v, dim=0):
    matrix = weight.movedim(dim, 0).flatten(1)
    return weight / torch.dot(u, torch.mv(matrix, v))


def torch_weight_norm(g, v, dim=0):
    return torch._weight_norm(v, g, -1 if dim is None else dim)          # so torch's own parametrization writes it


def case(name, arrays, **options):
    reference = {"adaptive_instance_norm": torch_adaptive_instance_norm, "spectral_norm": torch_spectral_norm,
                 "weight_norm": torch_weight_norm}[name]
    return Case(name, arrays, within=normalization, reference=reference, **options)


ADAPTIVE = [
    case("adaptive_instance_norm", [(2, 3, 5, 4), (2, 3, 7, 2)]),
    case("adaptive_instance_norm", [(2, 3, 5, 4), (2, 3, 7, 2)], eps=0.3),
    case("adaptive_instance_norm", [(1, 4, 9), (1, 4, 1)]),
    case("adaptive_instance_norm", [(2, 2, 3, 4, 2), (2, 2, 2, 1, 5)]),
]
SPECTRAL = [
    case("spectral_norm", [(4, 3, 2, 5), unit(4), unit(30)]),
    case("spectral_norm", [(4, 3, 2, 5), unit(3), unit(40)], dim=1),
    case("spectral_norm", [(4, 7), unit(4), unit(7)]),
]
ONE = case("weight_norm", [(), (4, 3, 2)], dim=None)
CASES = SMOOTH = [
    *ADAPTIVE,
    *SPECTRAL,
    case("weight_norm", [(4, 1, 1, 1), (4, 3, 2, 5)]),
    case("weight_norm", [(1, 3), (4, 3)], dim=1),
    ONE,
]
x = np.ones((2, 3, 5, 4))
w = np.ones((4, 3, 2))
BAD = [
    (adaptive_instance_norm, (x, x[:1]), {}, "content and style must agree in N and C"),
    (adaptive_instance_norm, (x[0, 0], x), {}, r"content must be \(N, C, \*\) and not empty, got shape \(5, 4\)"),
    (adaptive_instance_norm, (x, x[:, :, :0]), {}, r"style must be \(N, C, \*\) and not empty"),
    (adaptive_instance_norm, (x, None), {}, "style must be a NumPy array, got None"),
    (adaptive_instance_norm, (x, x.astype("f")), {}, "all arrays must have one dtype"),
    (adaptive_instance_norm, (x, x), {"eps": None}, "adaptive_instance_norm: eps must be a number, got None"),
    (adaptive_instance_norm, (x, x), {"eps": np.nan}, "eps must be at least 0, got nan"),
    (adaptive_instance_norm, (x, x), {"eps": -1}, "eps must be at least 0, got -1"),
    (power_iteration, (w, np.ones(5)), {}, r"power_iteration: v must have shape \(6,\), got \(5,\)"),
    (power_iteration, (w, np.ones(6), 0), {}, "power_iteration: n must be an int of at least 1, got 0"),
    (power_iteration, (np.ones(4), np.ones(4)), {}, "power_iteration: weight must have at least two axes"),
    (power_iteration, (w, np.ones(6), 1, 3), {}, "power_iteration: dim must be from 0 to 2, got 3"),
    (spectral_norm, (w, np.ones(3), np.ones(6)), {}, r"spectral_norm: u must have shape \(4,\), got \(3,\)"),
    (spectral_norm, (w, np.ones(4), None), {}, r"spectral_norm: v must have shape \(6,\), got None"),
    (spectral_norm, (w, np.ones(4, "f"), np.ones(6)), {}, "spectral_norm: all arrays must have one dtype"),
    (weight_norm, (np.ones((4, 1)), w), {}, r"weight_norm: g must have shape \(4, 1, 1\), got \(4, 1\)"),
    (weight_norm, (np.ones((4, 1, 1)), w, 5), {}, "weight_norm: dim must be None or from 0 to 2, got 5"),
    (weight_norm, (None, w), {}, "weight_norm: g and v must be NumPy arrays, got None"),
]


def test_the_output_of_adaptive_instance_norm_has_the_statistics_of_the_style():
    rng = np.random.default_rng(0)
    content, style = rng.normal(3, 2, size=(2, 3, 6, 5)), rng.normal(-1, 4, size=(2, 3, 4, 7))
    out = adaptive_instance_norm(content, style, eps=0)
    assert_close(out.mean((2, 3)), style.mean((2, 3)))
    assert_close(out.std((2, 3)), style.std((2, 3)))
    assert_close(adaptive_instance_norm(content, content), content)
    assert_close(adaptive_instance_norm(5 * content - 2, style, eps=0), out)


def test_the_torch_block_of_adaptive_instance_norm_is_the_same():
    content, style = (array for array in ADAPTIVE[0].arrays(np.float64))
    assert_close(adaptive_instance_norm(content, style),
                 blocks.adaptive_instance_norm(torch.from_numpy(content), torch.from_numpy(style)))


@pytest.mark.parametrize("case", SPECTRAL, ids=str)
def test_the_singular_vectors_have_no_gradient(case):
    arguments = case.bound(np.float64)
    assert spectral_norm_backward(np.ones_like(arguments["weight"]), **arguments)[1:] == (None, None)


def test_the_gradient_of_one_norm_for_all():
    g, v = ONE.arrays(np.float64)
    dg, dv = weight_norm_backward(np.ones_like(v), np.asarray(g), v, None)
    assert dg.shape == () and dv.shape == v.shape
    assert_close((dv * v).sum(), 0.0)                                    # what goes along v does not turn it


@pytest.mark.parametrize(("layer", "dim"), [(nn.Linear(7, 4), 0), (nn.Conv2d(3, 5, (2, 3)), 0),
                                            (nn.ConvTranspose2d(3, 5, (2, 3)), 1)], ids=str)
def test_power_iteration_equals_torchs_step_by_step(layer, dim):
    torch.manual_seed(0)
    weight = layer.double().weight.detach().numpy().copy()
    theirs = parametrizations.spectral_norm(layer, n_power_iterations=2)
    state = theirs.parametrizations.weight[0]
    u, v = state._u.numpy().copy(), state._v.numpy().copy()
    state._v[:] = torch.from_numpy(v := np.roll(v, 1))                   # far from where it would stay
    for _ in range(3):
        out = theirs.weight
        u, v = power_iteration(weight, v, 2, dim)
        assert_close(u, state._u)
        assert_close(v, state._v)
        assert_close(spectral_norm(weight, u, v, dim), out)


@pytest.mark.parametrize(("shape", "dim"), [((4, 3, 2, 5), 0), ((4, 3, 2, 5), 1), ((9, 4), 0)])
def test_in_the_limit_it_is_the_singular_value_decomposition(shape, dim):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=shape)
    matrix = np.moveaxis(weight, dim, 0).reshape(shape[dim], -1)
    left, sigma, right = np.linalg.svd(matrix)
    u, v = power_iteration(weight, rng.normal(size=matrix.shape[1]), 500, dim)
    assert_close(u @ matrix @ v, sigma[0])
    assert_close(np.abs(u @ left[:, 0]), 1.0)
    assert_close(np.abs(v @ right[0]), 1.0)
    out = np.moveaxis(spectral_norm(weight, u, v, dim), dim, 0).reshape(matrix.shape)
    assert_close(np.linalg.svd(out)[1][0], 1.0)


def test_each_step_shrinks_what_is_not_the_first_by_the_square_of_the_ratio():
    """A diagonal matrix shows the coefficients: 3 and 2 along its singular vectors."""
    weight, v = np.diag([3.0, 2.0]), np.array([1.0, 1.0])
    for n in range(1, 6):
        _, v = power_iteration(weight, v)
        assert_close(v[1] / v[0], (2 / 3) ** (2 * n))


def test_what_is_given_stays():
    weight, v = np.random.default_rng(0).normal(size=(4, 3)), np.ones(3)
    before = weight.copy()
    power_iteration(weight, v, 3)
    np.testing.assert_array_equal(weight, before)
    np.testing.assert_array_equal(v, np.ones(3))


def test_weight_norm_sets_the_lengths():
    rng = np.random.default_rng(0)
    g, v = rng.uniform(1, 2, size=(4, 1, 1)), rng.normal(size=(4, 3, 2))
    assert_close(np.linalg.norm(weight_norm(g, v).reshape(4, -1), axis=1), g.ravel())
    assert_close(weight_norm(g, 7 * v), weight_norm(g, v))
