"""Winograd's minimal filtering F(4×4, 3×3): a 3 × 3 correlation with a quarter of the multiplications.

A tile of 4 × 4 outputs depends on 6 × 6 inputs. Directly it costs 16·9 = 144 multiplications for a pair of channels;
Lavin & Gray (2016) do it with 36, one for each entry of a transformed tile:

    Y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ d B) ] A            d: 6 × 6 inputs, w: 3 × 3, Y: 4 × 4

Summed over input channels, the product ⊙ is a matrix product for each of the 36 entries. The transformations are
matrix products too, of the flattened tiles: vec(Bᵀ d B) = (Bᵀ ⊗ Bᵀ) vec(d).

The price is rounding: the numbers in B and A are as large as 5 and 8, and the float32 error is several times that of
the plain sum. So it is used for float32 only, and `winograd.enabled = False` turns it off.
The gradient of the input is a correlation too: `choose.py` asks for it.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .windows import pad_rows

enabled = True

TILE, SIZE = 4, 6                                                        # outputs and inputs of a tile, per axis
CHANNELS = 64                                                            # transformed at a time; measured
BLOCK = 112                                                              # tiles in one matrix product

_B_T = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
                 [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]])
_G = np.array([[1/4, 0, 0], [-1/6, -1/6, -1/6], [-1/6, 1/6, -1/6], [1/24, 1/12, 1/6], [1/24, -1/12, 1/6], [0, 0, 1]])
_A_T = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])

INPUT = np.kron(_B_T, _B_T).astype(np.float32)                           # (36, 36)
KERNEL = np.kron(_G, _G).astype(np.float32)                              # (36, 9)
OUTPUT = np.kron(_A_T, _A_T).astype(np.float32)                          # (16, 36)


def suits(x, out_channels, kernel, stride, dilation, groups):
    """Whether it applies, and pays: enough channels and tiles for products of some size."""
    return (enabled and kernel == (3, 3) and stride == (1, 1) and dilation == (1, 1) and x.dtype == np.float32
            and min(out_channels, x.shape[1]) // groups >= 32 and len(x) * x.shape[2] * x.shape[3] >= 16 * 32)


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, 3, 3) + bias (O,) → (N, O, H_out, W_out)."""
    batch, _, height, width = x.shape
    kernels = (KERNEL @ w.reshape(-1, 9).T).reshape(36, groups, len(w) // groups, -1)        # (36, G, O/G, C/G)
    out = np.empty((batch, len(w), height + sum(padding[0]) - 2, width + sum(padding[1]) - 2), x.dtype)
    for images, top, tiles in _blocks(out.shape):
        inputs = _input_tiles(x, images, top, tiles, padding, groups)    # (36, G, C/G, T)
        products = kernels @ inputs                                      # (36, G, O/G, T): a product for each entry
        products = products.reshape(36, len(w), -1)
        for first in range(0, len(w), CHANNELS):
            some = slice(first, first + CHANNELS)
            results = OUTPUT @ _rows(products, some)                     # (16, O·T)
            _scatter(results, out[images, some], top, tiles, None if bias is None else bias[some])
    return out


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight, by the transposed steps: each matrix becomes its transpose.  → (O, C/G, 3, 3)"""
    channels, out_channels = x.shape[1] // groups, grad_output.shape[1] // groups
    grad_kernels = np.zeros((36, groups, out_channels, channels), x.dtype)
    for images, top, tiles in _blocks(grad_output.shape):
        inputs = _input_tiles(x, images, top, tiles, padding, groups)    # (36, G, C/G, T)
        results = _gather(grad_output, images, top, tiles)               # (16, O·T)
        products = (OUTPUT.T @ results).reshape(36, groups, out_channels, -1)
        for entry in range(36):                                          # one at a time: the sum stays in the cache
            grad_kernels[entry] += products[entry] @ inputs[entry].swapaxes(1, 2)
    return (KERNEL.T @ grad_kernels.reshape(36, -1)).T.reshape(-1, channels, 3, 3)


def _blocks(out_shape):
    """Slices of images, and rows of tiles within them: about BLOCK tiles at a time.

    → images (a slice), the first row of outputs, (rows, columns) of tiles
    """
    batch, _, height, width = out_shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    if rows * columns >= BLOCK:
        step = max(1, BLOCK // columns)
        for n in range(batch):
            for row in range(0, rows, step):
                yield slice(n, n + 1), row * TILE, (min(step, rows - row), columns)
    else:
        step = max(1, BLOCK // max(1, rows * columns))
        for n in range(0, batch, step):
            yield slice(n, min(n + step, batch)), 0, (rows, columns)


def _input_tiles(x, images, top, tiles, padding, groups):
    """Bᵀ d B of overlapping 6 × 6 tiles, 4 apart.  → (36, G, C/G, T), T = images · rows · columns"""
    (pad_top, _), (pad_left, _) = padding
    x = x[images]
    count, channels, _, width = x.shape
    pad_right = TILE * tiles[1] + 2 - pad_left - width                   # up to the last tile's end
    padded = pad_rows(x, top - pad_top, TILE * tiles[0] + 2, (pad_left, pad_right))
    n, c, h, w = padded.strides
    windows = as_strided(padded, (SIZE, SIZE, channels, count, *tiles), (h, w, c, n, TILE * h, TILE * w))
    size = count * tiles[0] * tiles[1]
    inputs = np.empty((36, channels * size), x.dtype)
    for first in range(0, channels, CHANNELS):                           # as many as stay in the cache
        some = windows[:, :, first:first + CHANNELS].reshape(36, -1)
        np.matmul(INPUT, some, out=inputs[:, first * size:(first + CHANNELS) * size])
    return inputs.reshape(36, groups, channels // groups, size)


def _rows(products, channels):
    """products (36, O, T) of some channels as a matrix (36, O·T), without a copy."""
    size = products.shape[2]
    return products.reshape(36, -1)[:, channels.start * size:channels.stop * size]


def _scatter(results, out, top, tiles, bias):
    """(16, O·T) → out[:, :, top:…], cropped to its size; entry (i, j) of the tiles is every fourth pixel."""
    out = out[:, :, top:top + TILE * tiles[0]].transpose(1, 0, 2, 3)                         # (O, N, H, W)
    bias = 0 if bias is None else bias.reshape(-1, 1, 1, 1)
    results = results.reshape(TILE, TILE, out.shape[0], out.shape[1], *tiles)
    for i, j in np.ndindex(TILE, TILE):
        pixels = out[:, :, i::TILE, j::TILE]
        np.add(results[i, j, :, :, :pixels.shape[2], :pixels.shape[3]], bias, out=pixels)


def _gather(grad_output, images, top, tiles):
    """The transpose of `_scatter`: → (16, O·T), zero beyond the image."""
    grad = grad_output[images, :, top:top + TILE * tiles[0]].transpose(1, 0, 2, 3)           # (O, N, H, W)
    results = np.zeros((TILE, TILE, *grad.shape[:2], *tiles), grad.dtype)
    for i, j in np.ndindex(TILE, TILE):
        pixels = grad[:, :, i::TILE, j::TILE]
        results[i, j, :, :, :pixels.shape[2], :pixels.shape[3]] = pixels
    return results.reshape(16, -1)
