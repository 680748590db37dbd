"""Convolution as signal processing has it: the flip, the three sizes, the matrix, the spectrum, the shift.

Functions take real arrays of any number of axes unless they say otherwise, and return floating-point arrays.
"""

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..checks import Int, Positive, check_choice, checked

MODES = ("full", "same", "valid")


def correlate(x, w, mode="valid", boundary="zero"):
    """Cross-correlation: lay the kernel on the signal as it stands, multiply, add up.

    out[i] = Σ_u x[i + u − before] · w[u]       in each axis, u = 0 … k − 1

    x: (*n), w: (*k), the same number of axes  →  with before = 0, ⌊(k − 1)/2⌋, k − 1 samples added in front
    "valid": n − k + 1    "same": n (an even kernel gets the odd sample behind)    "full": n + k − 1
    boundary: what is added, "zero" or "circular" (the signal goes round).
    Raises ValueError for another mode or boundary, for ranks that differ, and for a kernel that does not fit.
    Source: `torch.nn.functional.conv2d` for "same"; `scipy.signal.correlate` puts an even kernel's odd zero in front.
    """
    x, w = _check_arrays("correlate", x=x, w=w)
    check_choice("correlate", "mode", mode, MODES)
    check_choice("correlate", "boundary", boundary, ("zero", "circular"))
    added = [{"valid": (0, 0), "same": ((k - 1) // 2, k - 1 - (k - 1) // 2), "full": (k - 1, k - 1)}[mode]
             for k in w.shape]
    x = np.pad(x, added, "wrap" if boundary == "circular" else "constant")
    size = [n - k + 1 for n, k in zip(x.shape, w.shape, strict=True)]
    if min(size) < 1:
        raise ValueError(f'correlate: w of shape {w.shape} does not fit into x of shape {x.shape} in mode "valid"')
    out = np.zeros(size, np.result_type(x, w))
    for u in np.ndindex(*w.shape):                                       # one shifted copy of x for each entry of w
        out += w[u] * x[tuple(slice(i, i + n) for i, n in zip(u, size, strict=True))]
    return out


def convolve(x, w, mode="full", boundary="zero"):
    """Convolution: correlation with the kernel turned round in every axis.

    (x ∗ w)[i] = Σ_u x[i − u] · w[u]       in each axis

    x: (*n), w: (*k)  →  the sizes of `correlate`.  "full" is the definition, "same" and "valid" are its middle.
    Raises what `correlate` raises.  Source: the definition; `scipy.signal.convolve` for odd kernels.
    """
    x, w = _check_arrays("convolve", x=x, w=w)
    return correlate(x, np.flip(w), mode, boundary)


def match_template(image, template):
    """Normalised cross-correlation: how alike is each window to the template, whatever its brightness and contrast.

    out[i, j] = Σ (I − Ī)(T − T̄) / √(Σ (I − Ī)² · Σ (T − T̄)²)       over the window I of the image at (i, j)

    image: (H, W), template: (h, w)  →  (H − h + 1, W − w + 1) in [−1, 1]; 0 where the window or the template is flat.
    Raises ValueError for ranks other than 2 and a template larger than the image.
    Source: `skimage.feature.match_template`.
    """
    image, template = _check_arrays("match_template", image=image, template=template)
    if image.ndim != 2:
        raise ValueError(f"match_template: image and template must have 2 axes, got shape {image.shape}")
    if any(t > n for t, n in zip(template.shape, image.shape, strict=True)):
        raise ValueError(f"match_template: template {template.shape} is larger than image {image.shape}")
    windows = sliding_window_view(image, template.shape)                 # (H', W', h, w)
    centred = template - template.mean()
    means = windows.mean(axis=(-2, -1))
    # Σ (I − Ī)(T − T̄) = Σ I·(T − T̄), because Σ (T − T̄) = 0: a plain correlation
    covariance = correlate(image, centred)
    energy = np.einsum("ijuv,ijuv->ij", windows, windows) - means**2 * template.size
    energy = np.maximum(energy, 0) * np.sum(centred**2)
    flat = energy <= (np.finfo(image.dtype).eps * np.abs(image).max() * template.size) ** 2
    out = np.zeros_like(covariance)
    np.divide(covariance, np.sqrt(energy), out=out, where=~flat)
    return out


@checked
def convolution_matrix(w, n: Positive, mode="full"):
    """The Toeplitz matrix T with T @ x = convolve(x, w, mode) for every x of length n.

    T[i, j] = w[i − j + start]: each diagonal holds one number.

    w: (k,), n: int ≥ 1 (≥ k in mode "valid")  →  (n + k − 1, n), (n, n) or (n − k + 1, n)
    Raises ValueError for another mode or rank, or a kernel longer than n in mode "valid".
    Source: `scipy.linalg.convolution_matrix`.
    """
    w, = _check_arrays("convolution_matrix", w=w)
    if w.ndim != 1:
        raise ValueError(f"convolution_matrix: w must have one axis, got shape {w.shape}")
    check_choice("convolution_matrix", "mode", mode, MODES)
    k = len(w)
    if mode == "valid" and k > n:
        raise ValueError(f'convolution_matrix: mode "valid" needs n ≥ {k}, the length of w; got {n}')
    full = np.zeros((n + k - 1, n), w.dtype)
    for j in range(n):
        full[j:j + k, j] = w                                             # column j: the kernel, j places down
    start, size = {"full": (0, n + k - 1), "same": (k // 2, n), "valid": (k - 1, n - k + 1)}[mode]
    return full[start:start + size]


def convolution_matrix_2d(w, shape, mode="full"):
    """The doubly block Toeplitz matrix T with T @ x.ravel() = convolve(x, w, mode).ravel() for every x of that shape.

    Block (I, J) is the Toeplitz matrix of the kernel's row I − J: Toeplitz blocks in a Toeplitz arrangement.

    w: (k_h, k_w), shape: (H, W)  →  (H_out·W_out, H·W)
    Raises ValueError for another mode or rank, or a kernel larger than the shape in mode "valid".
    Source: Jain, Fundamentals of Digital Image Processing (1989), §2.8.
    """
    w, = _check_arrays("convolution_matrix_2d", w=w)
    if w.ndim != 2:
        raise ValueError(f"convolution_matrix_2d: w must have two axes, got shape {w.shape}")
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise ValueError(f"convolution_matrix_2d: shape must be (H, W), got {shape!r}")
    height, width = shape
    # The rows of x are shifted as the Toeplitz matrix of a kernel of blocks says: row u of w in place of w[u].
    blocks = np.stack([convolution_matrix(row, width, mode) for row in w])           # (k_h, W_out, W)
    out = 0
    for u in range(len(w)):
        unit = np.zeros(len(w), w.dtype)
        unit[u] = 1
        out = out + np.kron(convolution_matrix(unit, height, mode), blocks[u])
    return out


def fft_convolve(x, w):
    """Linear ("full") convolution by way of the spectrum.

    x ∗ w = F⁻¹(F(x) · F(w)), both padded with zeros to n + k − 1 so that the ends do not wrap round

    x: (*n), w: (*k)  →  (*n + k − 1).  Raises ValueError for ranks that differ or empty arrays.
    Source: `scipy.signal.fftconvolve`.
    """
    x, w = _check_arrays("fft_convolve", x=x, w=w)
    shape = [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]
    axes = tuple(range(x.ndim))
    spectrum = np.fft.rfftn(x, shape, axes) * np.fft.rfftn(w, shape, axes)
    return np.fft.irfftn(spectrum, shape, axes).astype(np.result_type(x, w))


def circular_convolve(x, w):
    """Convolution on a circle: what comes out on one side goes in on the other.

    out[i] = Σ_u x[(i − u) mod n] · w[u]       in each axis;      F(out) = F(x) · F(w), w padded with zeros to n

    x: (*n), w: (*k) with k ≤ n  →  (*n).  Raises ValueError for ranks that differ or a kernel larger than x.
    Source: the convolution theorem of the discrete Fourier transform.
    """
    x, w = _check_arrays("circular_convolve", x=x, w=w)
    if any(k > n for k, n in zip(w.shape, x.shape, strict=True)):
        raise ValueError(f"circular_convolve: w of shape {w.shape} is larger than x of shape {x.shape}")
    axes = tuple(range(x.ndim))
    spectrum = np.fft.rfftn(x, x.shape, axes) * np.fft.rfftn(w, x.shape, axes)
    return np.fft.irfftn(spectrum, x.shape, axes).astype(np.result_type(x, w))


@checked
def frequency_response(w, size: Positive = 64):
    """What a kernel does to each frequency: the modulus of its Fourier transform, zero frequency in the middle.

    |Σ_u w[u] · exp(−2πi f·u)|       f from −1/2 to 1/2 cycles per pixel in each axis

    w: (*k), size: samples per axis, int ≥ the kernel's sides  →  (size, …), as many axes as w
    Raises ValueError for a size smaller than the kernel.  Source: `scipy.signal.freqz` in one dimension.
    """
    w, = _check_arrays("frequency_response", w=w)
    if size < max(w.shape):
        raise ValueError(f"frequency_response: size must be at least {max(w.shape)}, the kernel's side; got {size}")
    return np.abs(np.fft.fftshift(np.fft.fftn(w, [size] * w.ndim, axes=tuple(range(w.ndim)))))


@checked
def shift(image, dy: Int, dx: Int, mode: Literal["zero", "circular"] = "zero"):
    """Move an image down by dy and right by dx pixels; negative numbers move it up and left.

    out[..., i, j] = image[..., i − dy, j − dx]

    image: (*, H, W).  mode: "zero" fills what comes in with zeros, "circular" brings in what went out.
    Returns an array of the same shape and dtype. Raises ValueError for another mode or fewer than two axes.
    """
    image = np.asarray(image)
    if image.ndim < 2:
        raise ValueError(f"shift: image needs at least two axes (*, H, W), got shape {image.shape}")
    if mode == "circular":
        return np.roll(image, (dy, dx), axis=(-2, -1))
    out = np.zeros_like(image)
    height, width = image.shape[-2:]
    if abs(dy) < height and abs(dx) < width:
        source = image[..., max(0, -dy):height - max(0, dy), max(0, -dx):width - max(0, dx)]
        out[..., max(0, dy):height - max(0, -dy), max(0, dx):width - max(0, -dx)] = source
    return out


def _check_arrays(function, **arrays):
    """Real, non-empty arrays of one rank ≥ 1, as floats."""
    checked = []
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{function}: {name} must be real numbers, got dtype {array.dtype}")
        if array.ndim == 0 or array.size == 0:
            raise ValueError(f"{function}: {name} must have at least one axis and one element, got shape {array.shape}")
        checked.append(array if array.dtype.kind == "f" else array.astype(np.float64))
    if len({array.ndim for array in checked}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(arrays, checked, strict=True))
        raise ValueError(f"{function}: all arrays must have the same number of axes, got {shapes}")
    return tuple(checked)
