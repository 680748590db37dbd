"""Normalisations give PyTorch's numbers, gradients and running statistics."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from cnnlib.scratch import functional as F
from cnnlib.scratch.functional import normalization
from cnnlib.testing import assert_close
from tests.parity import Case, assert_case, given, probabilities

NONE = given(None)


def zeros(*shape):
    def zeros(rng, dtype):
        return np.zeros(shape, dtype)
    return zeros


REGULAR = [
    Case("batch_norm", [(3, 4, 5, 2), NONE, NONE, (4,), (4,)], training=True),
    Case("batch_norm", [(3, 4, 2, 5), (4,), probabilities(4), (4,), (4,)], training=True, momentum=0.3, eps=0.01),
    Case("batch_norm", [(2, 3, 17, 19), (3,), probabilities(3), (3,), NONE], training=True),
    Case("batch_norm", [(7, 4), (4,), probabilities(4), NONE, (4,)], training=True),
    Case("batch_norm", [(1, 3, 2, 3, 2), NONE, NONE, NONE, NONE], training=True),
    Case("batch_norm", [(3, 4, 2, 5), (4,), probabilities(4), (4,), (4,)], training=False, eps=0.01),
    Case("batch_norm", [(3, 2, 17, 19), (2,), probabilities(2), NONE, NONE]),
    Case("batch_norm", [(3, 2, 17), (2,), probabilities(2), NONE, (2,)]),
    Case("batch_norm", [(0, 3, 4), (3,), probabilities(3), (3,), (3,)], training=True),
    Case("batch_norm", [(0, 3, 4), (3,), probabilities(3), (3,), (3,)]),
    Case("instance_norm", [(2, 4, 3, 5)]),
    Case("instance_norm", [(3, 4, 5), (4,), probabilities(4), (4,), (4,)], momentum=0.3, eps=0.01),
    Case("instance_norm", [(2, 3, 13, 11), (3,), probabilities(3), (3,), NONE]),
    Case("instance_norm", [(3, 4, 2, 5), (4,), probabilities(4), (4,), (4,)], use_input_stats=False),
    Case("instance_norm", [(2, 3, 2, 3, 2), NONE, NONE, NONE, (3,)]),
    Case("instance_norm", [(0, 3, 4)]),
    Case("group_norm", [(2, 6, 3, 5), given(3), (6,), (6,)], eps=0.01),
    Case("group_norm", [(3, 4, 5), given(4), (4,), NONE]),
    Case("group_norm", [(3, 6), given(2), (6,), (6,)]),
    Case("group_norm", [(2, 4, 11, 13), given(1)]),
    Case("group_norm", [(0, 4, 3), given(2), (4,), (4,)]),
    Case("layer_norm", [(2, 3, 5), given((5,)), (5,), (5,)], eps=0.01),
    Case("layer_norm", [(2, 3, 5), given([3, 5]), (3, 5), NONE]),
    Case("layer_norm", [(7, 131), given((131,)), NONE, (131,)]),
    Case("layer_norm", [(4,), given((4,))]),
    Case("layer_norm", [(0, 4), given((4,)), (4,), (4,)]),
    Case("rms_norm", [(2, 3, 5), given((5,)), (5,)], eps=0.01),
    Case("rms_norm", [(2, 3, 5), given([3, 5]), (3, 5)]),
    Case("rms_norm", [(7, 131), given((131,))]),
    Case("rms_norm", [(0, 4), given((4,)), (4,)]),
    Case("local_response_norm", [(2, 7, 3, 5)], size=3, alpha=0.5, beta=0.6, k=2.0),
    Case("local_response_norm", [(2, 5, 4)], size=4, alpha=1.0),
    Case("local_response_norm", [(2, 3, 2, 3, 2)], size=9),
    Case("local_response_norm", [(2, 3, 4)], size=1, alpha=0.5),
    Case("normalize", [(3, 4, 5)]),
    Case("normalize", [(3, 4, 5)], p=3.0, dim=-1),
    Case("normalize", [(3, 4, 5)], p=1.0, dim=(0, 2)),
    Case("normalize", [(3, 4, 5)], p=float("inf"), dim=0),
    Case("normalize", [(3, 4, 5)], p=float("-inf"), dim=2),
    Case("normalize", [(3, 4, 5)], p=0.0, dim=2),
    Case("normalize", [(3, 4, 5)], p=-1.5, dim=2),
    Case("normalize", [(3, 4, 5)], p=1.5, dim=()),
    Case("normalize", [(3, 4)], eps=100.0),
    Case("normalize", [()], dim=0),
    Case("normalize", [(0, 4)]),
]
CASES = [
    *REGULAR,
    # where a difference quotient says nothing
    Case("rms_norm", [zeros(2, 4), given((4,)), (4,)]),
    Case("normalize", [zeros(3, 4)]),
    Case("normalize", [zeros(3, 4)], p=1.0),
    Case("normalize", [zeros(3, 4)], p=0.5),
    Case("normalize", [zeros(3, 4)], p=float("inf")),
]
SMOOTH = [
    *REGULAR,
    # what torch itself does not take, by oversight
    Case("group_norm", [(3, 6), given(2), NONE, (6,)]),
    Case("instance_norm", [(0, 3, 4), NONE, NONE, (3,), (3,)]),
]
NAMES = ["batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm", "local_response_norm", "normalize"]
SAMPLES = [*((name, "") for name in NAMES), ("batch_norm", "without_cudnn")]
REFUSED = {"group_norm": 2, "rms_norm": 3}
X = np.ones((2, 4, 3))
C = np.ones(4)
# function, arguments, keywords, what the message must hold
BAD = [
    (F.batch_norm, ([1.0], None, None), {}, "batch_norm: input must be a NumPy array, got list"),
    (F.batch_norm, (np.ones(4), C, C), {}, r"batch_norm: input needs at least 2 axes \(N, C, \*\), got shape \(4,\)"),
    (F.batch_norm, (X, None, None), {}, "batch_norm: running_mean and running_var must be given"),
    (F.batch_norm, (X, C, None), {"training": True}, "batch_norm: running_mean and running_var must both be arrays or"),
    (F.batch_norm, (X, C, np.ones(3)), {}, r"batch_norm: running_var must have shape \(4,\), .*, got \(3,\)"),
    (F.batch_norm, (X, C, C, np.ones(3)), {}, r"batch_norm: weight must have shape \(4,\)"),
    (F.batch_norm, (X, C, C, C.astype("f")), {}, "batch_norm: all arrays must have one dtype"),
    (F.batch_norm, (np.ones((1, 4, 1)), C, C), {"training": True}, "batch_norm: training needs more than 1 value per"),
    (F.batch_norm, (X, C, C), {"training": True, "eps": 0.0}, "batch_norm: eps must be positive, got 0.0"),
    (F.batch_norm, (X, C, C), {"eps": -1.0}, "batch_norm: eps must be at least 0, got -1.0"),
    (F.instance_norm, (np.ones((2, 4, 1)),), {}, "instance_norm: needs more than 1 value per channel of an image"),
    (F.instance_norm, (X,), {"use_input_stats": False}, "instance_norm: running_mean and running_var must be given"),
    (F.instance_norm, (X, C), {}, "instance_norm: running_mean and running_var must both"),
    (F.instance_norm, (X, None, None, C, np.ones(2)), {}, r"instance_norm: bias must have shape \(4,\)"),
    (F.group_norm, (X, 3), {}, "group_norm: num_groups must be positive and divide the 4 channels .*, got 3"),
    (F.group_norm, (X, 0), {}, "group_norm: num_groups must be positive"),
    (F.group_norm, (X, 2.0), {}, "group_norm: num_groups must be an int, got 2.0"),
    (F.group_norm, (np.ones(4), 2), {}, "group_norm: input needs at least 2 axes"),
    (F.group_norm, (np.ones((1, 4)), 4), {}, "group_norm: needs more than 1 value per group"),
    (F.group_norm, (X, 2, np.ones(2)), {}, r"group_norm: weight must have shape \(4,\)"),
    (F.layer_norm, (X, 3), {}, "layer_norm: normalized_shape must be a tuple of ints, got 3"),
    (F.layer_norm, (X, ()), {}, "layer_norm: normalized_shape must be the last axes of input, at least one"),
    (F.layer_norm, (X, (4,)), {}, r"layer_norm: normalized_shape must be the last axes of input, .*, got \(4,\)"),
    (F.layer_norm, (X, (3,), None, C), {}, r"layer_norm: bias must have shape normalized_shape = \(3,\), got \(4,\)"),
    (F.rms_norm, (X, (4,)), {}, "rms_norm: normalized_shape must be the last axes of input"),
    (F.rms_norm, (X, (3,), C), {}, "rms_norm: weight must have shape normalized_shape"),
    (F.local_response_norm, (np.ones((2, 3)), 2), {}, "local_response_norm: input needs at least 3 axes"),
    (F.local_response_norm, (X, 0), {}, "local_response_norm: size must be at least 1, got 0"),
    (F.local_response_norm, (X, 2.0), {}, "local_response_norm: size must be an int, got 2.0"),
    (F.normalize, (X,), {"dim": 3}, "normalize: dim must be from -3 to 2"),
    (F.normalize, (X,), {"p": "fro"}, "normalize: p must be a number, got 'fro'"),
    (F.normalize, (np.ones((0, 3)),), {"dim": 0, "p": float("inf")}, "normalize: no largest or smallest along an"),
]


@pytest.mark.parametrize("case", REGULAR, ids=str)
def test_blocks_and_short_rows_change_nothing(case, monkeypatch):
    """Tiny blocks, so that there are many and the last one is smaller; and rows that do not count as short."""
    monkeypatch.setattr(normalization, "BLOCK", 12)
    monkeypatch.setattr(normalization, "SHORT", 2)
    assert_case(case, np.float64)


@pytest.mark.parametrize(("name", "training"), [("batch_norm", "training"), ("instance_norm", "use_input_stats")])
@pytest.mark.parametrize("shape", [(3, 4, 2, 5), (2, 4, 19, 17), (5, 4, 3)])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, -0.5])
def test_running_statistics(name, training, shape, momentum):
    rng = np.random.default_rng(0)
    mean, var = rng.normal(size=4), rng.uniform(size=4)
    theirs = torch.tensor(mean), torch.tensor(var)
    for _ in range(3):
        x = rng.normal(1, 2, size=shape)
        getattr(F, name)(x, mean, var, momentum=momentum, **{training: True})
        getattr(T, name)(torch.tensor(x), *theirs, momentum=momentum, **{training: True})
        assert_close(mean, theirs[0].numpy())
        assert_close(var, theirs[1].numpy())
    kept = mean.copy(), var.copy()
    for use in (True, False):
        getattr(F, f"{name}_backward")(np.ones(shape), x, mean, var, **{training: use})
    getattr(F, name)(x, mean, var, **{training: False})
    np.testing.assert_array_equal((mean, var), kept)


@pytest.mark.parametrize("case", REGULAR, ids=str)
def test_what_is_saved_is_at_most_as_large_as_the_output(case):
    arguments, saved = case.bound(np.float64), {}
    if "saved" in arguments:
        out = case.forward(**{**arguments, "saved": saved})
        assert sum(kept.size for kept in saved.values()) <= out.size


@pytest.mark.parametrize(("name", "args"), [
    ("batch_norm", (None, None, None, None, True)), ("instance_norm", ()), ("group_norm", (2,)),
    ("layer_norm", ((90,),)),
])
def test_a_large_mean_leaves_the_variance_standing(name, args):
    """float32, mean 1000, spread 1: x itself is rounded by 3e-5, and mean(x²) − mean(x)² is wrong by about 0.1."""
    x = np.random.default_rng(0).normal(1000, 1, size=(6, 4, 90)).astype(np.float32)
    dy = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    exact = getattr(F, name)(x.astype(np.float64), *args)
    assert_close(getattr(F, name)(x, *args), exact.astype(np.float32), 2e-4)
    exact = getattr(F, f"{name}_backward")(dy.astype(np.float64), x.astype(np.float64), *args)[0]
    assert_close(getattr(F, f"{name}_backward")(dy, x, *args)[0], exact.astype(np.float32), 2e-4)


def test_they_are_one_formula():
    """Over the same numbers they are the same: instances are groups of one channel, one group is the whole image."""
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    assert_close(F.instance_norm(x), F.group_norm(x, 4))
    assert_close(F.layer_norm(x, (4, 5, 2)), F.group_norm(x, 1))
    assert_close(F.batch_norm(x, None, None, training=True),
                 F.instance_norm(x.swapaxes(0, 1).reshape(1, 4, -1)).reshape(4, 3, 5, 2).swapaxes(0, 1))


def test_the_gradient_has_no_part_along_the_constant_and_along_the_output():
    """Adding a constant to x, or scaling x, does not move x̂; so dx is orthogonal to both directions (eps → 0)."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 3, 7))
    dx = F.layer_norm_backward(dy, x, (7,), eps=0.0)[0]
    assert_close(dx.sum(axis=-1), np.zeros((2, 3)))
    assert_close((dx * x).sum(axis=-1), np.zeros((2, 3)))


def test_the_buffer_of_numpy_is_as_before():
    before = np.getbufsize()
    F.layer_norm(np.ones((3, 300)), (300,))
    assert np.getbufsize() == before


def test_normalize_writes_to_out():
    x = np.random.default_rng(0).normal(size=(3, 4))
    out = np.empty_like(x)
    assert F.normalize(x, out=out) is out
    assert_close(out, F.normalize(x))


@settings(max_examples=60, deadline=None)
@given_any(batch=st.integers(1, 4), groups=st.integers(1, 3), size=st.integers(1, 3),
           space=st.lists(st.integers(1, 5), max_size=3), seed=st.integers(0, 100), affine=st.booleans())
def test_any_geometry(batch, groups, size, space, seed, affine):
    shape, channels = (batch, groups * size, *space), groups * size
    parameters = [(channels,), (channels,)] if affine else []
    values = np.prod(shape) // channels                                  # per channel
    if values > 1:
        assert_case(Case("batch_norm", [shape, NONE, NONE, *parameters], training=True, eps=0.1), np.float64)
    if np.prod(space) > 1:
        assert_case(Case("instance_norm", [shape, NONE, NONE, *parameters], eps=0.1), np.float64)
    if values * size > 1:
        assert_case(Case("group_norm", [shape, given(groups), *parameters], eps=0.1), np.float64)
    last = shape[1 + seed % (len(shape) - 1):]
    assert_case(Case("layer_norm", [shape, given(last), *[last] * 2 * affine], eps=0.1), np.float64)
    assert_case(Case("rms_norm", [shape, given(last), *[last] * affine], eps=0.1), np.float64)
