"""What all forms need: how many windows there are, where they lie, and the padding around the image.

Sizes, kernels, strides and dilations are tuples with one int for each axis; padding is ((before, after), …), negative
where something is cut off.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def output_size(size, kernel, stride, padding, dilation):
    """⌊(n + before + after − d(k − 1) − 1)/s⌋ + 1 for each axis; below 1 where the kernel does not fit."""
    return tuple((n + before + after - d * (k - 1) - 1) // s + 1
                 for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True))


def input_size(size, kernel, stride, padding, dilation):
    """(n − 1)s + d(k − 1) + 1 − before − after: the smallest of the s sizes that `output_size` maps to n."""
    return tuple((n - 1) * s + d * (k - 1) + 1 - before - after
                 for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True))


def all_windows(x, kernel, stride, dilation):
    """x (N, C, *size) → a view (N, C, *out, *kernel) of all windows."""
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    every = sliding_window_view(x, span, axis=tuple(range(2, x.ndim)))
    return every[(slice(None), slice(None), *[slice(None, None, s) for s in (*stride, *dilation)])]


def under_tap(x, tap, size, stride, dilation):
    """The pixels of x (N, C, H, W) on which this tap (u, v) of the kernel lies: a view (N, C, *size)."""
    rows, columns = (slice(u * d, u * d + s * (n - 1) + 1, s)
                     for u, n, s, d in zip(tap, size, stride, dilation, strict=True))
    return x[:, :, rows, columns]


def pad_rows(x, first, count, sides):
    """Rows first … first + count of images (N, C, H, W), with `sides` columns added; zero where there is no pixel."""
    if first >= 0 and first + count <= x.shape[2] and sides == (0, 0):
        return x[:, :, first:first + count]
    padded = np.zeros((*x.shape[:2], count, x.shape[3] + sum(sides)), x.dtype)
    low = min(max(0, first), x.shape[2])
    high = max(low, min(first + count, x.shape[2]))
    padded[:, :, low - first:high - first, sides[0]:sides[0] + x.shape[3]] = x[:, :, low:high]
    return padded


def cut(x, padding):
    """Padding may be negative: → the image without what it cuts off, and the padding that is left."""
    (top, bottom), (left, right) = padding
    height, width = x.shape[2:]
    x = x[:, :, max(0, -top):height - max(0, -bottom), max(0, -left):width - max(0, -right)]
    return x, tuple((max(0, before), max(0, after)) for before, after in padding)


def useful_taps(size, kernel, stride, padding, dilation):
    """Which part of the kernels ever lies on an image of this size, and the padding that goes with it.

    At the end of a deep network images are as small as the kernels: of a 3 × 3 kernel on one pixel, with a padding of
    1, eight of nine taps see nothing but padding.  → (rows, columns) of the kernel as slices, padding
    """
    taps, left = [], []
    for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True):
        last_start = (n + before + after - d * (k - 1) - 1) // s * s     # where the last window begins
        first = min(k - 1, max(0, (before - last_start) // d))           # earlier taps lie before the image
        end = min(k, max(first + 1, (n - 1 + before) // d + 1, k - max(0, after) // d))      # later ones behind it
        taps.append(slice(first, end))
        left.append((before - d * first, after - d * (k - end)))
    return tuple(taps), tuple(left)


def equal_slices(length, count):
    """Slices of about `count`, at least 1, as equal as may be: a block then fits into the memory of the one before."""
    count = -(-length // -(-length // max(1, min(length, count))))
    return [slice(first, min(first + count, length)) for first in range(0, length, count)]
