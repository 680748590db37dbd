"""cnnlib.scratch.signal against SciPy, scikit-image, PyTorch and the algebra it teaches."""

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import torch
import torch.nn.functional as T
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.feature import match_template as skimage_match_template

from cnnlib import data
from cnnlib.scratch import signal
from cnnlib.testing import assert_close

numbers = st.floats(-10, 10, width=32)


@st.composite
def signal_and_kernel(draw, dims=(1, 3)):
    n = draw(st.integers(*dims))
    kernel = draw(array_shapes(min_dims=n, max_dims=n, max_side=4))
    shape = tuple(k + draw(st.integers(0, 4)) for k in kernel)
    return draw(arrays(np.float64, shape, elements=numbers)), draw(arrays(np.float64, kernel, elements=numbers))


@settings(max_examples=80, deadline=None)
@given(signal_and_kernel())
def test_full_and_valid_equal_scipy_in_any_number_of_dimensions(pair):
    x, w = pair
    for mode in ("full", "valid"):
        assert_close(signal.convolve(x, w, mode), scipy.signal.convolve(x, w, mode, method="direct"), 1e-9)
        assert_close(signal.correlate(x, w, mode), scipy.signal.correlate(x, w, mode, method="direct"), 1e-9)


@settings(max_examples=60, deadline=None)
@given(signal_and_kernel(dims=(2, 2)))
def test_same_equals_torch_for_even_and_odd_kernels(pair):
    x, w = pair
    theirs = T.conv2d(torch.from_numpy(x)[None, None], torch.from_numpy(w)[None, None], padding="same")[0, 0]
    assert_close(signal.correlate(x, w, "same"), theirs, 1e-9)


def test_circular_boundary_equals_scipy_for_odd_kernels():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(6, 9)), rng.normal(size=(3, 5))
    assert_close(signal.correlate(x, w, "same", "circular"),
                 scipy.signal.correlate2d(x, w, mode="same", boundary="wrap"))
    assert_close(signal.convolve(x, w, "same", "circular"),
                 scipy.signal.convolve2d(x, w, mode="same", boundary="wrap"))


@settings(max_examples=80, deadline=None)
@given(signal_and_kernel(), st.data())
def test_convolution_commutes_associates_and_distributes(pair, data):
    x, w = pair
    v = data.draw(arrays(np.float64, w.shape, elements=numbers))
    assert_close(signal.convolve(x, w), signal.convolve(w, x), 1e-9)
    assert_close(signal.convolve(signal.convolve(x, w), v), signal.convolve(x, signal.convolve(w, v)), 1e-8)
    assert_close(signal.convolve(x, w + v), signal.convolve(x, w) + signal.convolve(x, v), 1e-9)


@settings(max_examples=80, deadline=None)
@given(signal_and_kernel())
def test_the_spectrum_gives_the_same_convolution(pair):
    x, w = pair
    scale = 1e-9 * (1 + np.abs(x).max() * np.abs(w).sum())
    np.testing.assert_allclose(signal.fft_convolve(x, w), signal.convolve(x, w), atol=scale)
    circular = sum(w[u] * np.roll(x, u, tuple(range(x.ndim))) for u in np.ndindex(*w.shape))
    np.testing.assert_allclose(signal.circular_convolve(x, w), circular, atol=scale)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(1, 5), elements=numbers), st.integers(0, 6), st.sampled_from(signal.MODES))
def test_the_toeplitz_matrix_is_the_convolution(w, extra, mode):
    n = len(w) + extra
    x = np.random.default_rng(0).normal(size=n)
    matrix = signal.convolution_matrix(w, n, mode)
    assert_close(matrix @ x, signal.convolve(x, w, mode), 1e-9)
    if mode != "same":                                           # SciPy's "same" differs for even kernels
        assert_close(matrix, scipy.linalg.convolution_matrix(w, n, mode))


@settings(max_examples=60, deadline=None)
@given(signal_and_kernel(dims=(2, 2)), st.sampled_from(signal.MODES))
def test_the_doubly_block_toeplitz_matrix_is_the_convolution(pair, mode):
    x, w = pair
    matrix = signal.convolution_matrix_2d(w, x.shape, mode)
    assert_close(matrix @ x.ravel(), signal.convolve(x, w, mode).ravel(), 1e-8)


def test_match_template_equals_scikit_image_and_finds_the_template():
    coins = data.photo("coins").astype(np.float64)
    template = coins[20:55, 30:71]
    ours = signal.match_template(coins, template)
    assert_close(ours, skimage_match_template(coins, template), 1e-8)
    assert np.unravel_index(ours.argmax(), ours.shape) == (20, 30)
    assert np.abs(ours).max() <= 1 + 1e-9


def test_match_template_is_zero_where_nothing_varies():
    image = np.zeros((6, 8))
    image[4:, 5:] = [[1, 2, 3], [4, 5, 6]]
    template = np.array([[1.0, 2.0], [2.0, 5.0]])
    assert_close(signal.match_template(image, template)[:2, :3], np.zeros((2, 3)))
    assert_close(signal.match_template(image, np.ones((2, 2))), np.zeros((5, 7)))


def test_frequency_response_equals_scipy():
    w = np.array([1.0, 2.0, -0.5])
    frequencies = np.fft.fftshift(np.fft.fftfreq(32))
    _, theirs = scipy.signal.freqz(w, worN=2 * np.pi * frequencies)
    assert_close(signal.frequency_response(w, 32), np.abs(theirs))
    assert signal.frequency_response(np.ones((3, 2)), 16).shape == (16, 16)


@pytest.mark.parametrize("function", [signal.correlate, signal.convolve, signal.fft_convolve, signal.circular_convolve])
def test_float32_stays_float32_and_inputs_stay_as_they_are(function):
    x, w = np.ones((5, 7), np.float32), np.ones((2, 3), np.float32)
    assert function(x, w).dtype == np.float32
    assert (x == 1).all() and (w == 1).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(-8, 8), st.integers(-8, 8))
def test_shift_moves_each_pixel(height, width, dy, dx):
    image = np.arange(1.0, 2 * height * width + 1).reshape(2, height, width)
    circular, zero = signal.shift(image, dy, dx, "circular"), signal.shift(image, dy, dx)
    for i, j in np.ndindex(height, width):
        inside = 0 <= i - dy < height and 0 <= j - dx < width
        np.testing.assert_array_equal(zero[:, i, j], image[:, i - dy, j - dx] if inside else 0)
        np.testing.assert_array_equal(circular[:, i, j], image[:, (i - dy) % height, (j - dx) % width])
