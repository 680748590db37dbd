"""Sizes, padding and shifts against PyTorch and NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlib.geometry import conv_macs, conv_output_size, same_padding, shift


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_output_size_is_what_torch_returns(size, kernel_size, stride, padding, dilation):
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
    if dilation * (kernel_size - 1) + 1 > size + 2 * padding:
        with pytest.raises(ValueError, match="the kernel covers"):
            conv_output_size(size, kernel_size, stride, padding, dilation)
    else:
        out = T.conv1d(x, w, stride=stride, padding=padding, dilation=dilation)
        assert conv_output_size(size, kernel_size, stride, padding, dilation) == out.shape[-1]


@pytest.mark.parametrize("kernel_size", range(1, 7))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_padding_is_torchs(kernel_size, dilation):
    x = torch.arange(1.0, 20.0)[None, None]
    w = torch.rand(1, 1, kernel_size)
    theirs = T.conv1d(x, w, padding="same", dilation=dilation)
    ours = T.conv1d(T.pad(x, same_padding(kernel_size, dilation)), w, dilation=dilation)
    torch.testing.assert_close(ours, theirs)


def test_macs_count_one_kernel_at_each_pixel():
    assert conv_macs((5, 7), (3, 2), in_channels=4, out_channels=6) == 5 * 7 * 6 * 4 * 3 * 2


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(-8, 8), st.integers(-8, 8))
def test_shift_moves_each_pixel(height, width, dy, dx):
    image = np.arange(1.0, 2 * height * width + 1).reshape(2, height, width)
    circular, zero = shift(image, dy, dx, "circular"), shift(image, dy, dx)
    for i, j in np.ndindex(height, width):
        inside = 0 <= i - dy < height and 0 <= j - dx < width
        np.testing.assert_array_equal(zero[:, i, j], image[:, i - dy, j - dx] if inside else 0)
        np.testing.assert_array_equal(circular[:, i, j], image[:, (i - dy) % height, (j - dx) % width])
