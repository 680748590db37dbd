"""Work through large arrays a chunk at a time, so that each step finds in the cache what the last one wrote.

NumPy computes `dy * s * (1 + x * (1 - s))` in five sweeps over whole arrays. An array that is larger than the cache
comes from memory and goes back there in each of them; a chunk of it stays. The formula is the caller's; how arrays are
cut for it is written here, and the unit is always numbers.
"""

import math

import numpy as np

# Numbers in a chunk: a core's second cache of 1 or 2 MB holds four or five such chunks of float32. silu and its
# backward on 0.8 million numbers take 3.8 ms with chunks of 2¹³, 2.8 with 2¹⁵, 2.7 with 2¹⁶ and 2¹⁷, 3.3 in one piece.
CHUNK = 2**16


def in_chunks(formula, *arrays):
    """formula(*arrays), which for each element is a function of the same element of arrays of one shape.

    arrays: all (*), of any strides  →  (*), in the dtype of the first.
    """
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    for *parts, result in chunks(*arrays, out):
        result[:] = formula(*parts)
    return out


def chunks(*arrays):
    """Arrays of one shape, cut alike.  → lists of parts with one axis, in the order of the elements

    A part is a view of its array if that is contiguous, else of a copy; so what is to be written must be contiguous.
    """
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, CHUNK):
        yield [array[start:start + CHUNK] for array in flat]


def slices(shape, numbers=None):
    """Slices along the first axis of an array of this shape: each of about so many numbers (CHUNK), at least a row."""
    rows = max(1, (numbers or CHUNK) // max(1, math.prod(shape[1:])))
    return [slice(start, start + rows) for start in range(0, shape[0], rows)]


def empty(shape, dtype):
    """np.empty, but beginning where a line of the cache does; np.empty begins at any multiple of 16 bytes.

    What stores 64 bytes at a time, across two lines, takes twice as long where it reads two other arrays:
    np.add(x, y, out=z) 0.33 ms for a million numbers instead of 0.15.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start:start + size].view(dtype).reshape(shape)


class Outer:
    """column times row (M,), for columns (r,) of at most `rows` numbers: as outer(column, out), in out (r, M).

    A product of matrices with a second column and a second row of zeros, since with one NumPy does not leave it to
    BLAS: 0.12 ms for a million numbers. By broadcasting it takes 25 ns more for each row, 0.5 ms for rows of 64.
    """

    def __init__(self, row, rows):
        self.row = row
        self.left, self.right = np.zeros((rows, 2), row.dtype), np.zeros((2, len(row)), row.dtype)
        self.right[0] = row

    def __call__(self, column, out):
        left = self.left[:len(column)]
        left[:, 0] = column
        return np.matmul(left, self.right, out=out)
