"""Week 1: the questions of the notebook `convolution_as_a_matrix`."""

import numpy as np

from cnnlib.geometry import conv_output_size
from cnnlib.scratch import functional as F
from cnnlib.scratch import signal

from ...question import Question
from ..cases import kernel, numbers, unequal


def _kernel_and_length(rng):
    """k ≠ n, and as often k > n as k < n; one of them is often 1."""
    k, n = unequal(rng, 2, 7)
    kind = rng.integers(3)
    return numbers(rng, 1 if kind == 0 else k), 1 if kind == 1 else n


# ---- the matrix of a convolution in one dimension --------------------------------------------------------------------

toeplitz = Question(
    "toeplitz_matrix", title="Convolution as a Toeplitz matrix", points=2,
    asks="Write `toeplitz_matrix(w, n)`: the matrix `T` with `T @ x` equal to the full convolution of `x` with `w`, "
         "for every `x` of length `n`.",
    reference=signal.convolution_matrix,
    cases=_kernel_and_length,
    minutes=15, level=1, practice=True,
    text=r"""
        $$T_{ia} = w_{i-a}$$

        with $w_u = 0$ for $u$ outside of $0, \dots, k - 1$. There are $n + k - 1$ rows and $n$ columns; the kernel may
        be longer than the signal. The rule names each entry; a loop over the columns alone is enough.
    """,
    hints={
        "The numbers are right but upside down":
            "Column a is what comes out for a single 1 at place a: the kernel as it stands, from row a on.",
        "The shape is (n, n + k − 1)":
            "Rows are outputs, columns are inputs.",
        "NumPy says that it could not broadcast":
            "A slice of a row is cut off at the edge of the matrix. Fill columns: a column has room for all k numbers.",
        "Some corners hold numbers that should be zero":
            "In NumPy `w[-1]` is the last number of the kernel. Test that the index is at least 0.",
    },
)


@toeplitz.solution
def toeplitz_matrix(w, n):
    """(k,), int  →  (n + k − 1, n)"""
    matrix = np.zeros((n + len(w) - 1, n))
    for a in range(n):
        matrix[a:a + len(w), a] = w
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


@toeplitz.mistake("the rows of np.convolve in mode \"same\"",
                  hint="The full convolution has n + k − 1 outputs, and T a row for each.")
def _(w, n):
    return np.stack([np.convolve(unit, w, "same") for unit in np.eye(n)], axis=1)


@toeplitz.mistake("the rows of np.convolve in mode \"valid\"",
                  hint="That is \"valid\". Full has rows in which the kernel hangs over the edge.")
def _(w, n):
    return np.stack([np.convolve(unit, w, "valid") for unit in np.eye(n)], axis=1)


@toeplitz.mistake("only the first n rows",
                  hint="The last samples reach outputs beyond n: the full convolution has n + k − 1 of them.")
def _(w, n):
    return signal.convolution_matrix(w, n)[:n]


@toeplitz.mistake("only the rows where the kernel fits",
                  hint="That is \"valid\". Full has rows in which the kernel hangs over the edge.")
def _(w, n):
    return signal.convolution_matrix(w, n)[len(w) - 1:n]


@toeplitz.mistake("the corners are filled by wrapping round",
                  hint="That is the circulant matrix of circular convolution. Outside of the band T is zero.")
def _(w, n):
    column = np.zeros(n + len(w) - 1)
    column[:len(w)] = w
    return np.stack([np.roll(column, a + 1) for a in range(n)], axis=1)


@toeplitz.mistake("a circulant matrix of n rows",
                  hint="What hangs over the end comes back at the start in yours. In a full convolution it goes on, "
                       "to row n + k − 2.")
def _(w, n):
    full = signal.convolution_matrix(w, n)
    wrapped = np.zeros((n, n))
    for i, row in enumerate(full):
        wrapped[i % n] += row
    return wrapped


@toeplitz.mistake("the band lies above the diagonal",
                  hint="The entry is w[i − a], output minus input: from the diagonal on the kernel goes down.")
def _(w, n):
    matrix = np.zeros((n + len(w) - 1, n))
    for i, a in np.ndindex(*matrix.shape):
        if 0 <= a - i < len(w):
            matrix[i, a] = w[a - i]
    return matrix


@toeplitz.mistake("negative indices count from the end of the kernel",
                  hint="Above the diagonal the index i − a is negative, and NumPy reads from the end. There T is zero.")
def _(w, n):
    matrix = np.zeros((n + len(w) - 1, n))
    for i, a in np.ndindex(*matrix.shape):
        if -len(w) <= i - a < len(w):
            matrix[i, a] = w[i - a]
    return matrix


@toeplitz.mistake("outside of the band there are ones", hint="Where no number of the kernel stands T is zero.")
def _(w, n):
    matrix = signal.convolution_matrix(w, n)
    return np.where(signal.convolution_matrix(np.ones(len(w)), n) == 0, 1, matrix)


@toeplitz.mistake("every column begins at the top",
                  hint="Column a begins a rows further down: a bright sample at a brightens the outputs from a on.")
def _(w, n):
    matrix = np.zeros((n + len(w) - 1, n))
    matrix[:len(w)] = w[:, None]
    return matrix


@toeplitz.mistake("the kernel is filled up to the last row, or from the first one",
                  hint="A column holds k numbers, rows a to a + k − 1; all others are zero.")
def _(w, n):
    matrix = np.zeros((n + len(w) - 1, n))
    for i, a in np.ndindex(*matrix.shape):
        matrix[i, a] = w[np.clip(i - a, 0, len(w) - 1)]
    return matrix


@toeplitz.accepted("a loop over rows and columns")
def _(w, n):
    matrix = np.zeros((n + len(w) - 1, n))
    for i, a in np.ndindex(*matrix.shape):
        if 0 <= i - a < len(w):
            matrix[i, a] = w[i - a]
    return matrix


@toeplitz.accepted("the convolution of each unit vector")
def _(w, n):
    return np.stack([np.convolve(unit, w) for unit in np.eye(n)], axis=1)


@toeplitz.accepted("a sum of shifted identities")
def _(w, n):
    return sum(w[u] * np.eye(n + len(w) - 1, n, -u) for u in range(len(w)))


@toeplitz.accepted("an array of indices into the kernel with zeros around it")
def _(w, n):
    padded = np.concatenate([np.zeros(n - 1), w, np.zeros(n - 1)])
    return padded[np.arange(n + len(w) - 1)[:, None] - np.arange(n) + n - 1]


# ---- a blur that is repeated -----------------------------------------------------------------------------------------

def _repeated(times, kernel=(0.25, 0.5, 0.25)):
    result = np.ones(1)
    for _ in range(times):
        result = np.convolve(result, kernel)
    return result


binomial = Question(
    "binomial_kernel", title="[1, 2, 1]/4, again and again", points=1,
    asks="Write `binomial_kernel(times)`: the one kernel that does in one convolution what [1, 2, 1]/4 does when it is "
         "applied `times` times.",
    reference=_repeated, cases=lambda rng: (int(rng.integers(2, 12)) if rng.random() < 0.6 else 1,), tolerance=1e-6,
    minutes=10, level=1, practice=True,
    text=r"""
        `times` is at least 1. The convolutions are full ones, so that nothing is lost at the ends. They may be made by
        `np.convolve`.
    """,
    hints={
        "The kernel is one pass too long or too short":
            "Check times = 1: the answer is [1, 2, 1]/4 itself.",
        "The weights do not sum to one":
            "Divide by 4 at each pass, or by 4 to the power of `times` at the end.",
        "It always has three weights":
            "Each pass makes the kernel two longer. Convolve in mode \"full\".",
        "It is close, but not exact":
            "The Gaussian is only the limit. Convolve, or use binomial coefficients.",
    },
)


@binomial.solution
def binomial_kernel(times):
    """int  →  (2·times + 1,)"""
    kernel = np.ones(1)
    for _ in range(times):
        kernel = np.convolve(kernel, [1, 2, 1]) / 4
    return kernel


@binomial.mistake("the kernel is not normalised",
                  hint="[1, 2, 1] makes an image four times brighter at each pass: divide by 4.")
def _(times):
    return _repeated(times) * 4**times


@binomial.mistake("divided by 4 once only",
                  hint="Each pass of [1, 2, 1] brings a factor of 4, so each pass has to be divided.")
def _(times):
    return _repeated(times) * 4 ** (times - 1)


@binomial.mistake("multiplied by 4 at each pass", hint="[1, 2, 1] makes an image brighter by itself: divide by 4.")
def _(times):
    return _repeated(times, (4, 8, 4))


@binomial.mistake("each pass is divided by 3", hint="[1, 2, 1] has three taps, and their sum is 4: divide by the sum.")
def _(times):
    return _repeated(times, (1 / 3, 2 / 3, 1 / 3))


@binomial.mistake("divided by 4·times", hint="The passes multiply: it is 4 to the power of times.")
def _(times):
    return _repeated(times) * 4 ** (times - 1) / times


@binomial.mistake("one pass too many", hint="For times = 1 the answer is [1, 2, 1]/4 itself.")
def _(times):
    return _repeated(times + 1)


@binomial.mistake("one pass too few", hint="For times = 1 the answer is [1, 2, 1]/4 itself.")
def _(times):
    return _repeated(times - 1)


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


@binomial.mistake("each pass convolves the result with itself",
                  hint="Then the number of passes doubles each time. Convolve the result with [1, 2, 1]/4 again.")
def _(times):
    kernel = np.array([0.25, 0.5, 0.25])
    for _ in range(times - 1):
        kernel = np.convolve(kernel, kernel)
    return kernel


@binomial.mistake("each pass convolves the result with itself, and once too often",
                  hint="Then the number of passes doubles each time. Convolve the result with [1, 2, 1]/4 again, and "
                       "for times = 1 return [1, 2, 1]/4 itself.")
def _(times):
    kernel = np.array([0.25, 0.5, 0.25])
    for _ in range(times):
        kernel = np.convolve(kernel, kernel)
    return kernel


@binomial.mistake("the kernel of [1, 1]/2, repeated",
                  hint="One pass of [1, 2, 1]/4 is two of [1, 1]/2: row 2·times of Pascal's triangle, divided by "
                       "4 to the power of times.")
def _(times):
    return _repeated(times, (0.5, 0.5))


@binomial.mistake("the taps are all the same", hint="The middle one of the three taps is 2: [1, 2, 1].")
def _(times):
    return _repeated(times, (0.25, 0.25, 0.25))


@binomial.mistake("the 2 stands in front", hint="The taps of one pass are [1, 2, 1], with the 2 in the middle.")
def _(times):
    return _repeated(times, (0.5, 0.25, 0.25))


@binomial.mistake("the 2 stands at the end", hint="The taps of one pass are [1, 2, 1], with the 2 in the middle.")
def _(times):
    return _repeated(times, (0.25, 0.25, 0.5))


@binomial.mistake("a Gaussian in place of the binomial",
                  hint="The Gaussian of variance times/2 is the limit. The kernel asked for is exact for "
                       "every number of passes.")
def _(times):
    x = np.arange(-times, times + 1)
    return np.exp(-(x**2) / times) / np.sqrt(np.pi * times)


@binomial.mistake("it is one pass only, for every number of passes",
                  hint="Is the loop entered, and does each pass go on from the result of the one before?")
def _(times):
    return np.array([0.25, 0.5, 0.25])


@binomial.mistake("[1, 2, 1] with two axes", hint="The kernel of one line is asked for: an array with one axis.")
def _(times):
    return np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])


@binomial.mistake("a kernel with two axes", hint="The kernel of one line is asked for: an array with one axis.")
def _(times):
    return np.outer(_repeated(times), _repeated(times))


@binomial.accepted("binomial coefficients")
def _(times):
    from math import comb

    return np.array([comb(2 * times, u) for u in range(2 * times + 1)]) / 4**times


@binomial.accepted("the power of a polynomial")
def _(times):
    return (np.polynomial.Polynomial([0.5, 0.5]) ** (2 * times)).coef


@binomial.accepted("Pascal's triangle, by shifted sums")
def _(times):
    row = np.ones(1)
    for _ in range(2 * times):
        row = (np.append(row, 0) + np.append(0, row)) / 2
    return row


# ---- the matrix of a convolution in two dimensions -------------------------------------------------------------------

def _kernel_and_sides(rng):
    """In a third of the cases the kernel is larger than the image in both axes."""
    if rng.random() < 1 / 3:
        return kernel(rng, 4, 7), *unequal(rng, 2, 4)
    return kernel(rng, 1, 5), *unequal(rng, 2, 6)


blocks = Question(
    "doubly_block_toeplitz", title="The matrix of a two-dimensional convolution", points=5,
    asks="Write `doubly_block_toeplitz(w, height, width)`: the matrix `T` with `T @ x.ravel()` equal to the full "
         "convolution of `x` with `w`, read row by row, for every image `x` of that height and width.",
    reference=lambda w, height, width: signal.convolution_matrix_2d(w, (height, width)),
    cases=_kernel_and_sides,
    minutes=45, level=3,
    text=r"""
        The chapter shows the matrix of a layer, a valid correlation. For a full convolution the blocks have another
        size, hold other numbers, and stand on the other side of the diagonal. `w` is a kernel (k_h, k_w), not square,
        and may be larger than the image. T has a row for each of the (height + k_h − 1)·(width + k_w − 1) outputs and
        a column for each of the height·width pixels.
    """,
    hints={
        "Where to begin":
            "What comes out for an image with a single 1 at (a, c)? Its output, read row by row, is one column of T.",
        "It works for square images only":
            "`ravel` goes through a whole row of the image before the next: the width decides the size of a block.",
        "It has the right shape, and the output looks turned by half a turn":
            "The kernel is flipped in both axes. In a convolution row u of the kernel stands u blocks below the "
            "diagonal.",
        "The right numbers, scattered over the matrix":
            "An array with the axes (output row, output column, input row, input column) can be reshaped into T. One "
            "with these axes in another order has to be transposed first.",
    },
)


@blocks.solution
def doubly_block_toeplitz(w, height, width):
    """(k_h, k_w), int, int  →  (outputs, height·width)"""
    columns = []
    for a, c in np.ndindex(height, width):       # a single 1 at (a, c) makes
        out = np.pad(w, [(a, height - 1 - a), (c, width - 1 - c)])
        columns.append(out.ravel())              # the kernel, laid at (a, c)
    return np.stack(columns, axis=1)


def _four_axes(w, height, width):
    """The matrix with the axes (output row, output column, input row, input column)."""
    matrix = blocks.reference(w, height, width)
    return matrix.reshape(height + w.shape[0] - 1, width + w.shape[1] - 1, height, width)


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
                hint="x.ravel() goes through a row of the image before the next row: blocks are for rows, "
                     "their insides for columns.")
def _(w, height, width):
    return blocks.reference(w, width, height)


@blocks.mistake("the image is read by columns", hint="NumPy ravels row by row. Your matrix fits x.T.ravel().")
def _(w, height, width):
    matrix = _four_axes(w, height, width)
    return matrix.transpose(1, 0, 3, 2).reshape(-1, height * width)


@blocks.mistake("the output is written by columns",
                hint="The output, too, is read row by row: row i·(width + k_w − 1) + j of T belongs to output (i, j).")
def _(w, height, width):
    return _four_axes(w, height, width).transpose(1, 0, 2, 3).reshape(-1, height * width)


@blocks.mistake("the blocks are reshaped without a transpose",
                hint="Blocks collected as (block row, block column, row in it, column in it) need their middle axes "
                     "exchanged before the reshape; or use np.block.")
def _(w, height, width):
    return _four_axes(w, height, width).transpose(0, 2, 1, 3).reshape(-1, height * width)


@blocks.mistake("the matrix is not reshaped",
                hint="All entries are right. Reshape: the two axes of the output into one, those of the input into "
                     "one.")
def _(w, height, width):
    return _four_axes(w, height, width)


@blocks.mistake("the matrix is transposed", hint="A row for each output pixel, a column for each input pixel.")
def _(w, height, width):
    return blocks.reference(w, height, width).T


@blocks.mistake("the rows of \"same\"",
                hint="Full means: every output that the image reaches, (height + k_h − 1)·(width + k_w − 1) of them.")
def _(w, height, width):
    return signal.convolution_matrix_2d(w, (height, width), "same")


@blocks.mistake("the rows of \"valid\"",
                hint="That is the size of a layer's output. Full has those outputs, too, where the kernel hangs over.")
def _(w, height, width):
    return signal.convolution_matrix_2d(w, (height, width), "valid")


@blocks.mistake("the matrix of a layer, a valid correlation",
                hint="That is the matrix of the chapter. A full convolution has more outputs, and the kernel stands "
                     "below the diagonals and not above them.")
def _(w, height, width):
    k_h, k_w = w.shape
    matrix = np.zeros((height - k_h + 1, width - k_w + 1, height, width))
    for i, j in np.ndindex(*matrix.shape[:2]):
        matrix[i, j, i:i + k_h, j:j + k_w] = w
    return matrix.reshape(-1, height * width)


@blocks.mistake("the Toeplitz matrix of the kernel read row by row",
                hint="Written as lines, image and kernel lose their rows: what leaves a row on the right goes on in "
                     "the next one. Make a Toeplitz matrix of each row of the kernel.")
def _(w, height, width):
    return signal.convolution_matrix(w.ravel(), height * width)


@blocks.mistake("the blocks are not added in their places: the kernel's rows are summed",
                hint="Each row of the kernel makes a block of its own, one block further down than the row before.")
def _(w, height, width):
    unit = np.zeros(len(w), w.dtype)
    unit[0] = 1
    return np.kron(signal.convolution_matrix(unit, height), signal.convolution_matrix(w.sum(axis=0), width))


@blocks.mistake("the matrix is reshaped where it has to be transposed",
                hint="Columns, collected one after the other, are the rows of an array: .T makes them columns. reshape "
                     "leaves the numbers in the order in which they are.")
def _(w, height, width):
    return blocks.reference(w, height, width).T.reshape(-1, height * width)


@blocks.mistake("columns and rows have the right sizes and the wrong order",
                hint="The matrix is filled along the wrong axis: reshape leaves the numbers in the order in which they "
                     "are. Which index of yours moves fastest?")
def _(w, height, width):
    return blocks.reference(w, height, width).reshape(height * width, -1)


def _larger(matrix, w, height, width, rows, columns):
    """T for outputs with so many rows and columns too many."""
    grown = np.pad(matrix.reshape(height + w.shape[0] - 1, width + w.shape[1] - 1, -1),
                   [(0, rows), (0, columns), (0, 0)])
    return grown.reshape(-1, height * width)


@blocks.mistake("the output has one row and one column too many",
                hint="An image of n rows and a kernel of k reach n + k − 1 outputs. Count for n = k = 1.")
def _(w, height, width):
    return _larger(blocks.reference(w, height, width), w, height, width, 1, 1)


@blocks.mistake("the output has one row too many",
                hint="An image of n rows and a kernel of k rows reach n + k − 1 rows of outputs. Count for n = k = 1.")
def _(w, height, width):
    return _larger(blocks.reference(w, height, width), w, height, width, 1, 0)


@blocks.mistake("the output has one column too many",
                hint="An image of n columns and a kernel of k columns reach n + k − 1 columns of outputs. Count for "
                     "n = k = 1.")
def _(w, height, width):
    return _larger(blocks.reference(w, height, width), w, height, width, 0, 1)


@blocks.mistake("negative indices count from the end of the kernel",
                hint="Where i − a or j − c is negative NumPy reads w from the end. There T is zero: test that both are "
                     "at least 0.")
def _(w, height, width):
    k_h, k_w = w.shape
    matrix = np.zeros((height + k_h - 1, width + k_w - 1, height, width))
    for i, j, a, c in np.ndindex(*matrix.shape):
        if -k_h <= i - a < k_h and -k_w <= j - c < k_w:
            matrix[i, j, a, c] = w[i - a, j - c]
    return matrix.reshape(-1, height * width)


@blocks.mistake("the kernel is laid at (height − 1 − a, width − 1 − c)",
                hint="A bright pixel at (a, c) makes a kernel with a rows above it and c columns on its left. Yours "
                     "goes up when the pixel goes down.")
def _(w, height, width):
    return blocks.reference(w, height, width)[:, ::-1]


@blocks.mistake("the columns of blocks stand in the reverse order",
                hint="A bright pixel in row a makes a kernel with a rows above it. Yours goes up when the pixel goes "
                     "down.")
def _(w, height, width):
    return _four_axes(w, height, width)[:, :, ::-1].reshape(-1, height * width)


@blocks.mistake("the columns inside each block stand in the reverse order",
                hint="A bright pixel in column c makes a kernel with c columns on its left. Yours goes left when the "
                     "pixel goes right.")
def _(w, height, width):
    return _four_axes(w, height, width)[..., ::-1].reshape(-1, height * width)


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
    for i, j, a, c in np.ndindex(*matrix.shape):
        if 0 <= i - a < w.shape[0] and 0 <= j - c < w.shape[1]:
            matrix[i, j, a, c] = w[i - a, j - c]
    return matrix.reshape(out_height * out_width, -1)


@blocks.accepted("Kronecker products of shifted identities")
def _(w, height, width):
    k_h, k_w = w.shape
    return sum(w[u, v] * np.kron(np.eye(height + k_h - 1, height, -u), np.eye(width + k_w - 1, width, -v))
               for u, v in np.ndindex(k_h, k_w))


@blocks.accepted("a Toeplitz matrix for each row, put together by np.block")
def _(w, height, width):
    k_h, k_w = w.shape
    zero = np.zeros((width + k_w - 1, width))
    rows = []
    for row in w:
        block = zero.copy()
        for c in range(width):
            block[c:c + k_w, c] = row
        rows.append(block)
    return np.block([[rows[i - a] if 0 <= i - a < k_h else zero for a in range(height)]
                     for i in range(height + k_h - 1)])


# ---- windows as columns ----------------------------------------------------------------------------------------------

def _image_and_window(rng):
    """At least two windows along each axis, so that there are some when the last is missing."""
    while True:
        sides, k, stride = unequal(rng, 5, 9), unequal(rng, 1, 5), int(rng.integers(1, 4))
        if min(np.subtract(sides, k)) >= stride:
            return numbers(rng, sides), *k, stride


columns = Question(
    "im2col", title="Every window a column", points=3,
    asks="Write `im2col(x, kernel_height, kernel_width, stride)`: the matrix whose columns are the windows of a "
         "one-channel image, row by row.",
    reference=lambda x, kernel_height, kernel_width, stride: F.unfold(
        x[None], (kernel_height, kernel_width), stride=stride),
    cases=_image_and_window,
    minutes=20, level=2,
    text=r"""
        `x` is an image (H, W). Window (i, j) begins at row stride·i and column stride·j and has to lie on the image
        entirely. The stride may be larger than the kernel, and need not divide H − kernel_height or W − kernel_width.
        Windows are ordered row by row, and so are the numbers inside a window. With a kernel of that size,
        `kernel.ravel() @ im2col(…)` is then the layer, written as a line.
    """,
    hints={
        "It works for stride 1 only":
            "The places are 0, stride, 2·stride, … and there are ⌊(n − k)/stride⌋ + 1 of them along an axis of n.",
        "The numbers are all there but in another order":
            "Row by row twice: for the windows, and inside each window. `reshape` does not exchange axes; `transpose` "
            "does.",
        "One row or column of windows is missing":
            "Try n = k: there is one place, not none.",
    },
)


@columns.solution
def im2col(x, kernel_height, kernel_width, stride):
    """(H, W), int, int, int  →  (size of a window, number of windows)"""
    windows = np.lib.stride_tricks.sliding_window_view(
        x, (kernel_height, kernel_width))                # at every place
    windows = windows[::stride, ::stride]
    return windows.reshape(-1, kernel_height * kernel_width).T


def _windows(x, kernel_height, kernel_width, stride):
    """(windows down, windows across, kernel_height, kernel_width)"""
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel_height, kernel_width))
    return view[::stride, ::stride]


@columns.mistake("the stride is ignored", hint="Window (i, j) begins at row stride·i and column stride·j.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_height, kernel_width, 1)


@columns.mistake("the stride is used down the rows only", hint="Columns, too, go on by the stride.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, 1)[::stride].reshape(-1, kernel_height * kernel_width).T


@columns.mistake("the stride is used across the columns only", hint="Rows, too, go on by the stride.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, 1)[:, ::stride].reshape(-1, kernel_height * kernel_width).T


@columns.mistake("as many windows as there should be, but one pixel apart",
                 hint="Window (i, j) begins at row stride·i and column stride·j, not at (i, j).")
def _(x, kernel_height, kernel_width, stride):
    height, width = _windows(x, kernel_height, kernel_width, stride).shape[:2]
    view = _windows(x, kernel_height, kernel_width, 1)[:height, :width]
    return view.reshape(-1, kernel_height * kernel_width).T


@columns.mistake("windows are rows", hint="Each window is a column: the matrix has kernel_height·kernel_width rows.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_height, kernel_width, stride).T


@columns.mistake("reshaped where a transpose is needed",
                 hint="reshape reads the windows one after the other and cuts that line into rows of another length; "
                      "it does not make windows into columns. A row for each window first, then .T.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, stride).reshape(kernel_height * kernel_width, -1)


@columns.mistake("reshaped where a transpose is needed, and then transposed",
                 hint="Begin with a row for each window: reshape(−1, kernel_height·kernel_width). Its transpose is "
                      "what is asked for.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, stride).reshape(kernel_height * kernel_width, -1).T


@columns.mistake("the kernel's height and width are exchanged",
                 hint="A window has kernel_height rows and kernel_width columns.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_width, kernel_height, stride)


@columns.mistake("the windows go down the columns first",
                 hint="The order is row by row: all windows of the first row come first.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, stride).transpose(2, 3, 1, 0).reshape(
        kernel_height * kernel_width, -1)


@columns.mistake("each window is read by columns",
                 hint="Inside a window, too, the order is row by row, as ravel() has it.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, stride).transpose(3, 2, 0, 1).reshape(
        kernel_height * kernel_width, -1)


@columns.mistake("each window is turned by half a turn",
                 hint="A window is read as it stands, from its top left corner; nothing is flipped here.")
def _(x, kernel_height, kernel_width, stride):
    return columns.reference(x, kernel_height, kernel_width, stride)[::-1]


@columns.mistake("the last window of each row and column is missing",
                 hint="There are ⌊(n − k)/stride⌋ + 1 windows along an axis: do not forget the + 1.")
def _(x, kernel_height, kernel_width, stride):
    out = columns.reference(x, kernel_height, kernel_width, stride)
    height = conv_output_size(x.shape[0], kernel_height, stride)
    return out.reshape(len(out), height, -1)[:, :-1, :-1].reshape(len(out), -1)


@columns.mistake("the last places of `range` are missing",
                 hint="range(0, n − k, stride) leaves out the place n − k, where the window touches the edge: + 1.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x[:-1, :-1], kernel_height, kernel_width, stride).reshape(-1, kernel_height * kernel_width).T


@columns.mistake("the last place of `range` is missing down the rows",
                 hint="range(0, H − k_h, stride) leaves out the place H − k_h, where the window touches the edge: + 1.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x[:-1], kernel_height, kernel_width, stride).reshape(-1, kernel_height * kernel_width).T


@columns.mistake("the last place of `range` is missing across the columns",
                 hint="range(0, W − k_w, stride) leaves out the place W − k_w, where the window touches the edge: + 1.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x[:, :-1], kernel_height, kernel_width, stride).reshape(-1, kernel_height * kernel_width).T


@columns.mistake("the windows do not overlap",
                 hint="From one window to the next it is `stride`, which has nothing to do with the size of a window.")
def _(x, kernel_height, kernel_width, stride):
    view = _windows(x, kernel_height, kernel_width, 1)[::kernel_height, ::kernel_width]
    return view.reshape(-1, kernel_height * kernel_width).T


@columns.mistake("the axes are not put together",
                 hint="All windows are there. Two axes are asked for: the numbers in a window, and the windows.")
def _(x, kernel_height, kernel_width, stride):
    return _windows(x, kernel_height, kernel_width, stride)


@columns.accepted("a loop over windows")
def _(x, kernel_height, kernel_width, stride):
    windows = [x[i:i + kernel_height, j:j + kernel_width].ravel()
               for i in range(0, x.shape[0] - kernel_height + 1, stride)
               for j in range(0, x.shape[1] - kernel_width + 1, stride)]
    return np.stack(windows, axis=1)


@columns.accepted("a loop over the taps")
def _(x, kernel_height, kernel_width, stride):
    height = (x.shape[0] - kernel_height) // stride + 1
    width = (x.shape[1] - kernel_width) // stride + 1
    return np.stack([x[u:u + stride * height:stride, v:v + stride * width:stride][:height, :width].ravel()
                     for u, v in np.ndindex(kernel_height, kernel_width)])


@columns.accepted("a strided view")
def _(x, kernel_height, kernel_width, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_height, kernel_width))[::stride, ::stride]
    return windows.reshape(-1, kernel_height * kernel_width).T


@columns.accepted("an array of indices")
def _(x, kernel_height, kernel_width, stride):
    numbered = np.arange(x.size).reshape(x.shape)
    windows = np.lib.stride_tricks.sliding_window_view(numbered, (kernel_height, kernel_width))[::stride, ::stride]
    return x.ravel()[windows.reshape(-1, kernel_height * kernel_width).T]


# ---- the transpose of a layer ----------------------------------------------------------------------------------------

def _layer_case(rng):
    """An output that is not square, of an image that is not, at strides that need not divide or may exceed w's sides.

    The stride is drawn first, so that large ones are as frequent as small ones.
    """
    stride = int(rng.integers(1, 4))
    while True:
        w, (height, width) = kernel(rng, 1, 5), unequal(rng, 7, 14)
        size = [conv_output_size(n, k, stride) for n, k in zip((height, width), w.shape, strict=True)]
        if min(size) > 1 and size[0] != size[1] and tuple(size) != w.shape:
            return numbers(rng, size), w, stride, height, width


def _stamp(y, w, stride, height, width, add=True, place=lambda i, j: (i, j)):
    """Cᵀ y: the kernel is stamped at each place of y, times the number there; what does not fit is cut off."""
    out = np.zeros((height + 40, width + 40))
    for i, j in np.ndindex(*y.shape):
        a, c = place(stride * i, stride * j)
        window = out[a:a + w.shape[0], c:c + w.shape[1]]
        window[...] = add * window + y[i, j] * w
    return out[:height, :width]


adjoint = Question(
    "correlate_adjoint", title="The transpose of a layer, without its matrix", points=3,
    asks="Write `correlate_adjoint(y, w, stride, height, width)`: `C.T @ y.ravel()`, folded into an image of that "
         "height and width, where `C` is the matrix of the valid correlation with `w` at that stride.",
    reference=lambda y, w, stride, height, width: _stamp(y, w, stride, height, width),
    cases=_layer_case,
    minutes=25, level=2,
    text=r"""
        With stride $s$ the layer takes an image $x$ of that height and width to

        $$(Cx)_{ij} = \sum_{u} \sum_{v} w_{uv}\, x_{s i + u,\, s j + v} ,$$

        and `y` has the shape of its output. The transpose is the one map with

        $$\langle Cx, y \rangle = \langle x, C^\top y \rangle \qquad \text{for every } x.$$

        Do not build C. H − k_h and W − k_w need not be multiples of the stride: pixels that no window reaches get 0.
    """,
    hints={
        "Where to begin":
            "Which pixels does output (i, j) read, and with which weights? The transpose sends y[i, j] to the same "
            "pixels with the same weights.",
        "It works for stride 1 only":
            "Output (i, j) reads from row s·i and column s·j on.",
        "The last rows or columns are missing":
            "The size of the image is given, because it cannot be told from that of y: begin with zeros of that size.",
        "Numbers are too small where windows overlap":
            "A pixel under several windows gets something from each of them: add.",
    },
)


@adjoint.solution
def correlate_adjoint(y, w, stride, height, width):
    """(H_out, W_out), (k_h, k_w), int, int, int  →  (height, width)"""
    k_h, k_w = w.shape
    out = np.zeros((height, width))
    for i, j in np.ndindex(*y.shape):
        a, c = stride * i, stride * j
        out[a:a + k_h, c:c + k_w] += y[i, j] * w
    return out


@adjoint.mistake("the kernel is flipped",
                 hint="Output (i, j) reads pixel (s·i + u, s·j + v) with the weight w[u, v]. The transpose sends with "
                      "the same weight: the kernel is stamped as it stands. If you put zeros between the numbers of y, "
                      "a full convolution follows; yours is a full correlation.")
def _(y, w, stride, height, width):
    return _stamp(y, w[::-1, ::-1], stride, height, width)


@adjoint.mistake("the kernel is flipped along the rows",
                 hint="The kernel is stamped as it stands. Yours runs backwards along its first axis.")
def _(y, w, stride, height, width):
    return _stamp(y, w[::-1], stride, height, width)


@adjoint.mistake("the kernel is flipped along the columns",
                 hint="The kernel is stamped as it stands. Yours runs backwards along its last axis.")
def _(y, w, stride, height, width):
    return _stamp(y, w[:, ::-1], stride, height, width)


@adjoint.mistake("the stride is ignored", hint="Output (i, j) reads from pixel (s·i, s·j) on, so it goes back there.")
def _(y, w, stride, height, width):
    return _stamp(y, w, 1, height, width)


@adjoint.mistake("the stride is used down the rows only", hint="Columns, too, are s apart.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, height, width, place=lambda i, j: (i, j // stride))


@adjoint.mistake("the stride is used across the columns only", hint="Rows, too, are s apart.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, height, width, place=lambda i, j: (i // stride, j))


@adjoint.mistake("the stride is added to the row", hint="Output (i, j) reads from row s·i on: a product, not a sum.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, height, width, place=lambda i, j: (i // stride + stride, j))


@adjoint.mistake("the stride is added to the column",
                 hint="Output (i, j) reads from column s·j on: a product, not a sum.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, height, width, place=lambda i, j: (i, j // stride + stride))


@adjoint.mistake("the stride is added to row and column",
                 hint="Output (i, j) reads from pixel (s·i, s·j) on: products, not sums.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, height, width, place=lambda i, j: (i // stride + stride, j // stride + stride))


@adjoint.mistake("y and the kernel are added where they should be multiplied",
                 hint="What goes back from y[i, j] with the weight w[u, v] is their product.")
def _(y, w, stride, height, width):
    return _stamp(y, np.ones_like(w), stride, height, width) + _stamp(np.ones_like(y), w, stride, height, width)


@adjoint.mistake("the windows do not overlap",
                 hint="From one window to the next it is s pixels, whatever the size of the kernel.")
def _(y, w, stride, height, width):
    return _stamp(y, w, 1, height, width, place=lambda i, j: (i * w.shape[0], j * w.shape[1]))


@adjoint.mistake("height and width of the image are exchanged",
                 hint="The result has `height` rows and `width` columns, as the image has.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, width, height)


@adjoint.mistake("where windows overlap only the last one counts",
                 hint="A pixel under several windows gets something from each of them: += in place of =. With arrays "
                      "of indices += adds only once: np.add.at.")
def _(y, w, stride, height, width):
    return _stamp(y, w, stride, height, width, add=False)


@adjoint.mistake("the pixels that no window reaches are left out",
                 hint="(H_out − 1)·s + k_h may be less than the height: what remains at the end is 0, and belongs to "
                      "the image.")
def _(y, w, stride, height, width):
    size = [(n - 1) * stride + k for n, k in zip(y.shape, w.shape, strict=True)]
    return _stamp(y, w, stride, *size)


@adjoint.mistake("what windows add up is averaged",
                 hint="The transpose adds. To divide by the number of windows at a pixel is another map.")
def _(y, w, stride, height, width):
    counts = _stamp(np.ones_like(y), np.ones_like(w), stride, height, width)
    return _stamp(y, w, stride, height, width) / np.maximum(counts, 1)


@adjoint.mistake("the pixels that no window reaches stand in front",
                 hint="The first window begins at pixel (0, 0): the zeros that remain stand behind and below.")
def _(y, w, stride, height, width):
    front = [n - (m - 1) * stride - k for n, m, k in zip((height, width), y.shape, w.shape, strict=True)]
    return _stamp(y, w, stride, height, width, place=lambda i, j: (i + front[0], j + front[1]))


@adjoint.mistake("each output goes back to one pixel only",
                 hint="Output (i, j) has read k_h·k_w pixels, and goes back to all of them.")
def _(y, w, stride, height, width):
    return _stamp(y, w[:1, :1], stride, height, width)


@adjoint.mistake("the weights are left out", hint="What goes back from y[i, j] is multiplied by the weight: w[u, v].")
def _(y, w, stride, height, width):
    return _stamp(y, np.ones_like(w), stride, height, width)


@adjoint.mistake("the numbers of y are left out", hint="Each stamp of the kernel is multiplied by y[i, j].")
def _(y, w, stride, height, width):
    return _stamp(np.ones_like(y), w, stride, height, width)


@adjoint.accepted("zeros in between, and a full convolution")
def _(y, w, stride, height, width):
    spread = np.zeros((height, width))
    spread[:stride * y.shape[0]:stride, :stride * y.shape[1]:stride] = y
    out = np.zeros((height, width))
    for u, v in np.ndindex(*w.shape):
        out[u:, v:] += w[u, v] * spread[:height - u, :width - v]
    return out


@adjoint.accepted("a loop over the taps")
def _(y, w, stride, height, width):
    out = np.zeros((height, width))
    rows, columns = np.array(y.shape) * stride - stride + 1
    for u, v in np.ndindex(*w.shape):
        out[u:u + rows:stride, v:v + columns:stride] += w[u, v] * y
    return out


@adjoint.accepted("the matrix, built after all")
def _(y, w, stride, height, width):
    matrix = []
    for i, j in np.ndindex(*y.shape):
        row = np.zeros((height, width))
        row[stride * i:stride * i + w.shape[0], stride * j:stride * j + w.shape[1]] = w
        matrix.append(row.ravel())
    return (np.array(matrix).T @ y.ravel()).reshape(height, width)


@adjoint.accepted("np.add.at")
def _(y, w, stride, height, width):
    out = np.zeros((height, width))
    i, j, u, v = np.indices((*y.shape, *w.shape))
    np.add.at(out, (stride * i + u, stride * j + v), y[i, j] * w[u, v])
    return out


QUESTIONS = [toeplitz, binomial, blocks, columns, adjoint]
