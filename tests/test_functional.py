"""cnnlib.scratch.functional gives PyTorch's numbers, for awkward shapes and for shapes that hypothesis finds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st
from parity import Case, assert_equals_torch

from cnnlib.scratch import functional as F
from cnnlib.testing import assert_close

CASES = [
    Case("conv1d", [(2, 3, 11), (4, 3, 4)]),
    Case("conv1d", [(3, 11), (4, 3, 4), (4,)], stride=3, padding=2, dilation=2),
    Case("conv1d", [(2, 6, 9), (4, 3, 2)], groups=2, padding="same"),
    Case("conv2d", [(2, 3, 9, 7), (4, 3, 3, 2), (4,)]),
    Case("conv2d", [(2, 6, 9, 7), (8, 3, 3, 2), (8,)], stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    Case("conv2d", [(6, 9, 7), (6, 1, 3, 5)], groups=6, padding=2, stride=2),
    Case("conv2d", [(1, 1, 5, 8), (1, 1, 4, 2)], padding="same"),
    Case("conv2d", [(1, 2, 5, 8), (3, 2, 2, 3)], padding="same", dilation=(3, 1)),
    Case("conv2d", [(1, 2, 5, 8), (3, 2, 5, 8)], padding="valid"),
    Case("conv2d", [(0, 2, 5, 8), (3, 2, 2, 3)]),
    Case("conv2d", [(2, 3, 5, 4), (7, 3, 1, 1), (7,)], stride=(3, 2)),
    Case("unfold", [(2, 3, 7, 5)], kernel_size=(3, 2)),
    Case("unfold", [(3, 7, 5)], kernel_size=2, dilation=(2, 1), padding=(1, 2), stride=(2, 3)),
    Case("max_pool2d", [(2, 3, 7, 5)], kernel_size=2),
    Case("max_pool2d", [(3, 7, 5)], kernel_size=(3, 2), stride=(2, 1), padding=(1, 1)),
    Case("avg_pool2d", [(2, 3, 7, 5)], kernel_size=(2, 3)),
    Case("avg_pool2d", [(3, 7, 5)], kernel_size=3, stride=(1, 2), padding=1),
    Case("pad", [(2, 3, 4, 5)], pad=(1, 2)),
    Case("pad", [(2, 3, 4, 5)], pad=(1, 2, 0, 3), value=1.5),
    Case("pad", [(2, 3, 4, 5)], pad=(-1, 2, 3, -2)),
    Case("pad", [(2, 3, 4, 5)], pad=(3, 2, 1, 3), mode="reflect"),
    Case("pad", [(2, 3, 4, 5)], pad=(3, 6, 1, 0), mode="replicate"),
    Case("pad", [(2, 3, 4, 5)], pad=(5, 2, 0, 4), mode="circular"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch(case, dtype):
    assert_equals_torch(case, getattr(F, case.name), getattr(T, case.name), dtype)


@settings(max_examples=120, deadline=None)
@given(
    batch=st.integers(0, 3), groups=st.integers(1, 3), in_channels=st.integers(1, 2), out_channels=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)), stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)), dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    extra=st.tuples(st.integers(0, 5), st.integers(0, 5)), bias=st.booleans(),
)
def test_conv2d_equals_torch_for_any_geometry(batch, groups, in_channels, out_channels, kernel, stride, padding,
                                              dilation, extra, bias):
    size = [max(1, d * (k - 1) + 1 - 2 * p + e) for k, d, p, e in zip(kernel, dilation, padding, extra, strict=True)]
    shapes = [(batch, groups * in_channels, *size), (groups * out_channels, in_channels, *kernel)]
    shapes += [(groups * out_channels,)] * bias
    case = Case("conv2d", shapes, stride=stride, padding=padding, dilation=dilation, groups=groups)
    assert_equals_torch(case, F.conv2d, T.conv2d, np.float64)


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(4, 9), st.integers(4, 9)),
       kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)), stride=st.integers(1, 3), data=st.data())
def test_pools_equal_torch_for_any_geometry(shape, kernel, stride, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    for name in ("max_pool2d", "avg_pool2d"):
        case = Case(name, [shape], kernel_size=kernel, stride=stride, padding=padding)
        assert_equals_torch(case, getattr(F, name), getattr(T, name), np.float64)


def test_unfold_times_the_kernel_is_the_convolution():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 8, 6)), rng.normal(size=(5, 3, 3, 2))
    columns = F.unfold(x, (3, 2), stride=(2, 1))
    assert_close((w.reshape(5, -1) @ columns).reshape(2, 5, 3, 5), F.conv2d(x, w, stride=(2, 1)))


def test_nan_passes_through_max_pool_as_in_torch():
    x = np.array([[[1.0, np.nan, 2.0, 3.0], [0.0, 1.0, 5.0, 4.0]]])
    np.testing.assert_array_equal(F.max_pool2d(x, 2), T.max_pool2d(torch.from_numpy(x), 2).numpy())


def test_the_numpy_engine_loads_numpy_only():
    import subprocess
    import sys

    code = ("import sys, cnnlib.scratch; "
            "sys.exit(' '.join({'torch', 'scipy', 'matplotlib', 'skimage'} & set(sys.modules)) or None)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, f"import cnnlib.scratch also loads {result.stderr}"
