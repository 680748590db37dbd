"""Week 1: the questions of the notebook `convolution_as_a_matrix`."""

import numpy as np

from cnnlib.geometry import conv_output_size
from cnnlib.scratch import functional as F
from cnnlib.scratch import signal

from ...question import Question
from ..cases import image, kernel, numbers, unequal

toeplitz = Question(
    "toeplitz_matrix", title="Convolution as a Toeplitz matrix", points=2,
    asks="The matrix T with T @ x equal to the full convolution of x with w, for every x of length n.",
    reference=signal.convolution_matrix,
    cases=lambda rng: (numbers(rng, rng.integers(2, 5)), int(rng.integers(4, 9))),
    minutes=15, level=1,
    text=r"""
        Convolution with a fixed kernel is linear, so it is a matrix. Build the `T` with `T @ x` equal to the full convolution of `x` with `w`,
        for every `x` of length `n`. Each diagonal of `T` holds one number.
    """,
    hints={
        'The numbers are right but upside down':
            'Column j is what comes out for a single 1 at place j: the kernel, as it stands, from row j on.',
        'The shape is (n, n + K − 1)':
            'Rows are outputs, columns are inputs.',
    },
)


@toeplitz.solution
def toeplitz_matrix(w, n):
    """(K,), int  →  (n + K − 1, n)"""
    matrix = np.zeros((n + len(w) - 1, n))
    for j in range(n):
        matrix[j:j + len(w), j] = w
    return matrix


@toeplitz.mistake("the matrix of the correlation",
                  hint="Each column holds the kernel from top to bottom as it stands, not turned round.")
def _(w, n):
    return signal.convolution_matrix(w[::-1], n)


@toeplitz.mistake("the matrix is transposed",
                  hint="T has n + k − 1 rows, one for each output, and n columns, one for each input.")
def _(w, n):
    return signal.convolution_matrix(w, n).T


@toeplitz.mistake("only the n rows of \"same\"",
                  hint="The full convolution has n + k − 1 outputs, and T a row for each.")
def _(w, n):
    return signal.convolution_matrix(w, n, "same")


@toeplitz.mistake("only the rows where the kernel fits",
                  hint="That is \"valid\". Full has rows in which the kernel hangs over the edge.")
def _(w, n):
    return signal.convolution_matrix(w, n, "valid")


@toeplitz.mistake("the corners are filled by wrapping round",
                  hint="That is the circulant matrix of circular convolution. Outside of the band T is zero.")
def _(w, n):
    column = np.zeros(n + len(w) - 1)
    column[:len(w)] = w
    matrix = np.stack([np.roll(column, j + 1) for j in range(n)], axis=1)
    return matrix


@toeplitz.accepted("a loop over rows and columns")
def _(w, n):
    matrix = np.zeros((n + len(w) - 1, n))
    for i, j in np.ndindex(*matrix.shape):
        if 0 <= i - j < len(w):
            matrix[i, j] = w[i - j]
    return matrix


@toeplitz.accepted("the convolution of each unit vector")
def _(w, n):
    return np.stack([np.convolve(unit, w) for unit in np.eye(n)], axis=1)


@toeplitz.accepted("a sum of shifted identities")
def _(w, n):
    return sum(w[u] * np.eye(n + len(w) - 1, n, -u) for u in range(len(w)))


blocks = Question(
    "doubly_block_toeplitz", title="The matrix of a two-dimensional convolution", points=5,
    asks="The matrix T with T @ x.ravel() equal to the full convolution of x with w, ravelled, for x (height, width).",
    reference=lambda w, height, width: signal.convolution_matrix_2d(w, (height, width)),
    cases=lambda rng: (kernel(rng, 1, 4), *unequal(rng, 2, 6)),
    minutes=45, level=3,
    text=r"""
        The same in two dimensions, and the hard one of this week: the matrix `T` with `T @ x.ravel()` equal to the full convolution of `x`
        with `w`, ravelled, for every image `x` of (height, width). It is a Toeplitz arrangement of blocks, each of them a Toeplitz matrix.
    """,
    hints={
        'Where to begin':
            'What comes out for an image with a single 1 at (i, j)? Its ravelled output is a column of T.',
        'It works for square images only':
            '`ravel` goes through a whole row of the image before the next: the width decides the size of a block.',
        'The shape is right but rows of blocks are in the wrong order':
            'Row u of the kernel makes the block u places below the diagonal of blocks.',
    },
)


@blocks.solution
def doubly_block_toeplitz(w, height, width):
    """(k_h, k_w), int, int  →  (number of outputs, number of inputs)"""
    blocks = [toeplitz_matrix(row, width) for row in w]
    rows, columns = blocks[0].shape
    matrix = np.zeros((height + len(w) - 1, rows, height, columns))
    for i in range(height):
        for u, block in enumerate(blocks):
            matrix[i + u, :, i, :] = block
    return matrix.reshape(-1, height * columns)


@blocks.mistake("the kernel is flipped in both axes",
                hint="T of the correlation. The kernel's row u goes to the block on the u-th diagonal "
                     "below the main one.")
def _(w, height, width):
    return blocks.reference(w[::-1, ::-1], height, width)


@blocks.mistake("the blocks are flipped inside",
                hint="The order of the blocks is right; each block is the Toeplitz matrix of a row turned round.")
def _(w, height, width):
    return blocks.reference(w[:, ::-1], height, width)


@blocks.mistake("the order of the blocks is reversed",
                hint="The blocks are right; the kernel's first row belongs on the main diagonal of blocks, "
                     "the next below it.")
def _(w, height, width):
    return blocks.reference(w[::-1], height, width)


@blocks.mistake("height and width are exchanged",
                hint="x.ravel() goes through a row of W numbers before the next row: blocks are for rows, "
                     "their insides for columns.")
def _(w, height, width):
    return blocks.reference(w, width, height)


@blocks.mistake("the image is ravelled by columns", hint="NumPy ravels row by row. Your matrix fits x.T.ravel().")
def _(w, height, width):
    matrix = blocks.reference(w, height, width)
    out_height, out_width = height + w.shape[0] - 1, width + w.shape[1] - 1
    matrix = matrix.reshape(out_height, out_width, height, width).transpose(1, 0, 3, 2)
    return matrix.reshape(out_height * out_width, height * width)


@blocks.mistake("the matrix is transposed", hint="A row for each output pixel, a column for each input pixel.")
def _(w, height, width):
    return blocks.reference(w, height, width).T


@blocks.accepted("the convolution of each unit image")
def _(w, height, width):
    columns = []
    for unit in np.eye(height * width):
        out = np.zeros((height + w.shape[0] - 1, width + w.shape[1] - 1))
        i, j = divmod(int(unit.argmax()), width)
        out[i:i + w.shape[0], j:j + w.shape[1]] = w
        columns.append(out.ravel())
    return np.stack(columns, axis=1)


@blocks.accepted("four indices and a test")
def _(w, height, width):
    out_height, out_width = height + w.shape[0] - 1, width + w.shape[1] - 1
    matrix = np.zeros((out_height, out_width, height, width))
    for i, j, a, b in np.ndindex(*matrix.shape):
        if 0 <= i - a < w.shape[0] and 0 <= j - b < w.shape[1]:
            matrix[i, j, a, b] = w[i - a, j - b]
    return matrix.reshape(out_height * out_width, -1)


def _binomial(times):
    kernel = np.ones(1)
    for _ in range(times):
        kernel = np.convolve(kernel, [0.25, 0.5, 0.25])
    return kernel


binomial = Question(
    "binomial_kernel", title="[1, 2, 1]/4, again and again", points=1,
    asks="The one kernel that does in one convolution what [1, 2, 1]/4 does when applied that many times.",
    reference=_binomial, cases=lambda rng: (int(rng.integers(1, 12)),), tolerance=1e-6,
    minutes=10, level=1,
    text=r"""
        Blurring an image `times` times with [1, 2, 1]/4 along an axis is one convolution with one longer kernel. Return that kernel;
        `times` is at least 1.
    """,
    hints={
        'The kernel is one pass too long or too short':
            'Check times = 1: the answer is [1, 2, 1]/4 itself.',
        'It is close, but not exact':
            'The Gaussian is only the limit. Convolve, or use binomial coefficients.',
    },
)


@binomial.solution
def binomial_kernel(times):
    """int  →  (2·times + 1,)"""
    kernel = np.ones(1)
    for _ in range(times):
        kernel = convolve1d_full(kernel, np.array([1, 2, 1]) / 4)
    return kernel


@binomial.mistake("the kernel is not normalised",
                  hint="[1, 2, 1] makes an image four times brighter at each pass: divide by 4.")
def _(times):
    return _binomial(times) * 4**times


@binomial.mistake("one pass too many", hint="For times = 1 the answer is [1, 2, 1]/4 itself.")
def _(times):
    return _binomial(times + 1)


@binomial.mistake("one pass too few", hint="For times = 1 the answer is [1, 2, 1]/4 itself.")
def _(times):
    return _binomial(times - 1)


@binomial.mistake("the tails are cut off", hint="Each pass makes the kernel two longer: use the full convolution.")
def _(times):
    kernel = np.array([0.25, 0.5, 0.25])
    for _ in range(times - 1):
        kernel = np.convolve(kernel, [0.25, 0.5, 0.25], "same")
    return kernel


@binomial.mistake("the kernel is multiplied, not convolved",
                  hint="Two passes are two convolutions: convolve the kernel with itself.")
def _(times):
    return np.array([0.25, 0.5, 0.25]) ** times


@binomial.mistake("a Gaussian in place of the binomial",
                  hint="The Gaussian of variance times/2 is the limit. The kernel asked for is exact for "
                       "every number of passes.")
def _(times):
    x = np.arange(-times, times + 1)
    return np.exp(-(x**2) / times) / np.sqrt(np.pi * times)


@binomial.accepted("binomial coefficients")
def _(times):
    from math import comb

    return np.array([comb(2 * times, k) for k in range(2 * times + 1)]) / 4**times


@binomial.accepted("the power of a polynomial")
def _(times):
    return (np.polynomial.Polynomial([0.5, 0.5]) ** (2 * times)).coef


columns = Question(
    "im2col", title="Every window a column", points=3,
    asks="The matrix whose columns are the windows of a one-channel image, row by row, at the given stride.",
    reference=lambda x, kernel_height, kernel_width, stride: F.unfold(
        x[None], (kernel_height, kernel_width), stride=stride),
    cases=lambda rng: (image(rng), *unequal(rng, 1, 5), int(rng.integers(1, 4))),
    minutes=20, level=2,
    text=r"""
        Turn a convolution into one matrix product: write the windows of a one-channel image (H, W) as the columns of a matrix. Window (i, j)
        starts at row stride·i and column stride·j. Windows are ordered row by row, and so are the numbers inside a window.
    """,
    hints={
        'It works for stride 1 only':
            'The places are 0, stride, 2·stride, … and there are ⌊(n − k)/stride⌋ + 1 of them.',
        'The numbers are all there but in another order':
            'Row by row twice: for the windows, and inside each window.',
    },
)


@columns.solution
def im2col(x, kernel_height, kernel_width, stride):
    """(H, W), int, int, int  →  (size of a window, number of windows)"""
    columns = []
    for i in range(0, x.shape[0] - kernel_height + 1, stride):
        for j in range(0, x.shape[1] - kernel_width + 1, stride):
            columns.append(x[i:i + kernel_height, j:j + kernel_width].ravel())
    return np.stack(columns, axis=1)


@columns.mistake("the stride is ignored", hint="Window (i, j) starts at row stride·i and column stride·j.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_height, kernel_width, 1)


@columns.mistake("windows are rows", hint="Each window is a column: the matrix has kernel_height·kernel_width rows.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_height, kernel_width, stride).T


@columns.mistake("the kernel's height and width are exchanged",
                 hint="A window has kernel_height rows and kernel_width columns.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_width, kernel_height, stride)


@columns.mistake("the windows go down the columns first",
                 hint="The order is row by row: all windows of the first row come first.")
def _(x, kernel_height, kernel_width, stride):
    out = columns.reference(x, kernel_height, kernel_width, stride)
    height = conv_output_size(x.shape[0], kernel_height, stride)
    return out.reshape(len(out), height, -1).transpose(0, 2, 1).reshape(len(out), -1)


@columns.mistake("each window is ravelled by columns",
                 hint="Inside a window, too, the order is row by row, as ravel() has it.")
def _(x, kernel_height, kernel_width, stride):
    out = columns.reference(x, kernel_height, kernel_width, stride)
    return out.reshape(kernel_height, kernel_width, -1).transpose(1, 0, 2).reshape(out.shape)


@columns.mistake("the last window of each row and column is missing",
                 hint="There are ⌊(n − k)/stride⌋ + 1 windows along an axis: do not forget the + 1.")
def _(x, kernel_height, kernel_width, stride):
    out = columns.reference(x, kernel_height, kernel_width, stride)
    height = conv_output_size(x.shape[0], kernel_height, stride)
    return out.reshape(len(out), height, -1)[:, :-1, :-1].reshape(len(out), -1)


@columns.accepted("a loop over windows")
def _(x, kernel_height, kernel_width, stride):
    windows = [x[i:i + kernel_height, j:j + kernel_width].ravel()
               for i in range(0, x.shape[0] - kernel_height + 1, stride)
               for j in range(0, x.shape[1] - kernel_width + 1, stride)]
    return np.stack(windows, axis=1)


@columns.accepted("a strided view")
def _(x, kernel_height, kernel_width, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_height, kernel_width))[::stride, ::stride]
    return windows.reshape(-1, kernel_height * kernel_width).T


QUESTIONS = [toeplitz, blocks, binomial, columns]
