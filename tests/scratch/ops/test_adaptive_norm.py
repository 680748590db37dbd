"""Adaptive instance norm is instance norm with another image's statistics; both gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T

from cnnlib.scratch.ops import normalization as adaptive_norm
from cnnlib.scratch.ops.normalization import adaptive_instance_norm, adaptive_instance_norm_backward
from cnnlib.testing import assert_close
from tests.parity import Case, assert_equals_torch, assert_grad_output_is_checked, assert_gradients


def reference(content, style, eps=1e-5):
    """In torch's own words."""
    shape = (*style.shape[:2], *(1,) * (content.ndim - 2))
    style = style.flatten(2)
    return (T.instance_norm(content, eps=eps) * (style.var(2, correction=0) + eps).sqrt().reshape(shape)
            + style.mean(2).reshape(shape))


CASES = [
    Case("adaptive_instance_norm", shapes, within=adaptive_norm, **options) for shapes, options in [
        ([(2, 3, 5, 4), (2, 3, 7, 2)], {}),
        ([(2, 3, 5, 4), (2, 3, 7, 2)], {"eps": 0.3}),
        ([(1, 4, 9), (1, 4, 1)], {}),
        ([(2, 2, 3, 4, 2), (2, 2, 2, 1, 5)], {}),
    ]
]
x = np.ones((2, 3, 5, 4))
BAD = [
    (adaptive_instance_norm, (x, x[:1]), {}, "content and style must agree in N and C"),
    (adaptive_instance_norm, (x[0, 0], x), {}, r"content must be \(N, C, \*\) and not empty, got shape \(5, 4\)"),
    (adaptive_instance_norm, (x, x[:, :, :0]), {}, r"style must be \(N, C, \*\) and not empty"),
    (adaptive_instance_norm, (x, None), {}, "style must be a NumPy array, got None"),
    (adaptive_instance_norm, (x, x.astype("f")), {}, "all arrays must have one dtype"),
    (adaptive_instance_norm, (x, x), {"eps": None}, "adaptive_instance_norm: eps must be a number, got None"),
    (adaptive_instance_norm, (x, x), {"eps": np.nan}, "eps must be at least 0, got nan"),
    (adaptive_instance_norm, (x, x), {"eps": -1}, "eps must be at least 0, got -1"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch(case, dtype):
    assert_equals_torch(str(case), adaptive_instance_norm, adaptive_instance_norm_backward, reference,
                        case.arrays(dtype), case.options)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backward_agrees_with_finite_differences(case):
    assert_gradients(case)
    assert_grad_output_is_checked(case)


def test_the_output_has_the_statistics_of_the_style():
    rng = np.random.default_rng(0)
    content, style = rng.normal(3, 2, size=(2, 3, 6, 5)), rng.normal(-1, 4, size=(2, 3, 4, 7))
    out = adaptive_instance_norm(content, style, eps=0)
    assert_close(out.mean((2, 3)), style.mean((2, 3)))
    assert_close(out.std((2, 3)), style.std((2, 3)))
    assert_close(adaptive_instance_norm(content, content), content)
    assert_close(adaptive_instance_norm(5 * content - 2, style, eps=0), out)


def test_the_torch_block_is_the_same():
    from cnnlib import blocks

    content, style = (array for array in CASES[0].arrays(np.float64))
    assert_close(adaptive_instance_norm(content, style),
                 blocks.adaptive_instance_norm(torch.from_numpy(content), torch.from_numpy(style)))
