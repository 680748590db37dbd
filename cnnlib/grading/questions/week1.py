"""Week 1 · Convolution: the questions of `exercises/week1.ipynb`, in the order of the sheet."""

import numpy as np

from cnnlib.geometry import conv_output_size
from cnnlib.scratch import functional as F
from cnnlib.scratch import groups, signal
from cnnlib.scratch.signal import shift

from ..question import Question


def _unequal(rng, low, high):
    """Two different sizes in [low, high)."""
    first, second = rng.choice(np.arange(low, high), 2, replace=False)
    return int(first), int(second)


def _numbers(rng, shape):
    """Quarters from −3 to 3 without 0, never all the same: short to read, exact in float32, and not only integers."""
    while True:
        numbers = rng.integers(1, 13, shape) * rng.choice([-1, 1], shape) / 4
        if numbers.size == 1 or np.ptp(numbers) > 0:
            return numbers


def _image(rng, low=5, high=9):
    return _numbers(rng, _unequal(rng, low, high))


def _kernel(rng, low=1, high=5):
    return _numbers(rng, _unequal(rng, low, high))


# --- 1 -------------------------------------------------------------------------------------------------------------

weights = Question(
    "count_weights", title="Dense against convolutional", points=1,
    asks="The numbers of weights, without biases, of a dense layer and of one convolution kernel, as (dense, kernel).",
    reference=lambda height, width, kernel_height, kernel_width: np.array(
        [(height * width) ** 2, kernel_height * kernel_width]),
    cases=lambda rng: (*_unequal(rng, 5, 60), *_unequal(rng, 1, 8)),
)


@weights.mistake("a bias is counted for each output", hint="Weights only: leave the biases out of both numbers.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) * (height * width + 1), kernel_height * kernel_width + 1


@weights.mistake("each output is connected to its own pixel only",
                 hint="In a dense layer every one of the H·W outputs has a weight for every one of the H·W inputs.")
def _(height, width, kernel_height, kernel_width):
    return height * width, kernel_height * kernel_width


@weights.mistake("the kernel's weights are counted once for each pixel",
                 hint="One kernel slides over all positions: its weights are shared, so they count once.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) ** 2, height * width * kernel_height * kernel_width


@weights.mistake("the image is taken to be square", hint="H and W differ here. Use both.")
def _(height, width, kernel_height, kernel_width):
    return height**4, kernel_height**2


@weights.mistake("the two numbers are exchanged", hint="The dense layer comes first.")
def _(height, width, kernel_height, kernel_width):
    return kernel_height * kernel_width, (height * width) ** 2


@weights.accepted("the matrix and the kernel made and measured")
def _(height, width, kernel_height, kernel_width):
    return np.array([np.broadcast_to(0.0, (height * width,) * 2).size, np.ones((kernel_height, kernel_width)).size])


@weights.accepted("a list of floats")
def _(height, width, kernel_height, kernel_width):
    return [float(height * height * width * width), float(kernel_width * kernel_height)]


# --- 2 -------------------------------------------------------------------------------------------------------------

correlate_valid = Question(
    "correlate2d_valid", title="Valid cross-correlation", points=2,
    asks="The cross-correlation of an image with a kernel, only where the kernel fits entirely.",
    reference=lambda x, w: F.conv2d(x[None, None], w[None, None])[0, 0],
    cases=lambda rng: (_image(rng), _kernel(rng)),
)


@correlate_valid.mistake("the kernel is flipped",
                         hint="This is convolution. Cross-correlation lays the kernel on the image as it stands.")
def _(x, w):
    return correlate_valid.reference(x, w[::-1, ::-1])


@correlate_valid.mistake("the kernel is transposed", hint="Row u of the kernel meets row i + u of the image: w[u, v].")
def _(x, w):
    return correlate_valid.reference(x, w.T)


@correlate_valid.mistake("the last row and column are missing",
                         hint="A kernel of k fits at n − k + 1 places, not n − k. Count them for n = k.")
def _(x, w):
    return correlate_valid.reference(x, w)[:-1, :-1]


@correlate_valid.mistake("the image is padded with zeros", hint="Valid means: no padding, so the output is smaller.")
def _(x, w):
    return signal.correlate(x, w, "same")


@correlate_valid.mistake("the window is averaged", hint="The products are added up; the division is too much.")
def _(x, w):
    return correlate_valid.reference(x, w) / w.size


@correlate_valid.mistake("kernel height and width are exchanged in the output size",
                         hint="The kernel is not square: its height belongs to the rows, its width to the columns.")
def _(x, w):
    out = np.zeros((x.shape[0] - w.shape[1] + 1, x.shape[1] - w.shape[0] + 1))
    right = correlate_valid.reference(x, w)
    height, width = np.minimum(out.shape, right.shape)
    out[:height, :width] = right[:height, :width]
    return out


@correlate_valid.accepted("two loops and a sum")
def _(x, w):
    out = np.empty((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.sum(x[i:i + w.shape[0], j:j + w.shape[1]] * w)
    return out


@correlate_valid.accepted("windows and einsum")
def _(x, w):
    return np.einsum("ijuv,uv->ij", np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


@correlate_valid.accepted("a loop over the kernel, in float32")
def _(x, w):
    height, width = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    return sum(np.float32(w[u, v]) * x[u:u + height, v:v + width].astype(np.float32) for u, v in np.ndindex(*w.shape))


# --- 3 -------------------------------------------------------------------------------------------------------------

template = Question(
    "match_template", title="Find a picture in a picture", points=3,
    asks="The normalised cross-correlation of an image with a template, wherever the template fits.",
    reference=signal.match_template,
    cases=lambda rng: (_image(rng) + 5, _numbers(rng, _unequal(rng, 2, 5)) + 2),
)


@template.mistake("the means are not subtracted",
                  hint="Subtract the mean of the window from the window, and that of the template from the template.")
def _(image, template):
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    norms = np.sqrt(np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2))
    return np.sum(windows * template, axis=(-2, -1)) / norms


@template.mistake("the result is not divided by the norms",
                  hint="Divide by the square root of both sums of squares, or a bright window always wins.")
def _(image, template):
    return signal.correlate(image, template - template.mean())


@template.mistake("the mean of the whole image is subtracted",
                  hint="The mean and the norm belong to each window: a bright corner must not change the rest.")
def _(image, template):
    image, template = image - image.mean(), template - template.mean()
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    norms = np.sqrt(np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2))
    return np.sum(windows * template, axis=(-2, -1)) / norms


@template.mistake("the square root is missing",
                  hint="The denominator is the root of the product of the two sums of squares.")
def _(image, template):
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    windows = windows - windows.mean(axis=(-2, -1), keepdims=True)
    template = template - template.mean()
    return np.sum(windows * template, axis=(-2, -1)) / (np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2))


@template.mistake("the template is flipped",
                  hint="Matching is correlation: lay the template on the image as it stands.")
def _(image, template):
    return signal.match_template(image, template[::-1, ::-1])


@template.accepted("two loops and np.corrcoef")
def _(image, template):
    height, width = template.shape
    out = np.empty((image.shape[0] - height + 1, image.shape[1] - width + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.corrcoef(image[i:i + height, j:j + width].ravel(), template.ravel())[0, 1]
    return out


@template.accepted("standard scores of every window")
def _(image, template):
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    scores = (windows - windows.mean((-2, -1), keepdims=True)) / windows.std((-2, -1), keepdims=True)
    return np.mean(scores * (template - template.mean()) / template.std(), axis=(-2, -1))


# --- 4 -------------------------------------------------------------------------------------------------------------

convolve1d = Question(
    "convolve1d_full", title="Discrete convolution by its definition", points=2,
    asks="The full convolution of two sequences: every place where they overlap at all.",
    reference=signal.convolve,
    cases=lambda rng: (_numbers(rng, rng.integers(5, 11)), _numbers(rng, rng.integers(2, 5))),
)


@convolve1d.mistake("the kernel is not flipped",
                    hint="This is cross-correlation. The index of x falls while that of w rises: x[n − k]·w[k].")
def _(x, w):
    return signal.correlate(x, w, "full")


@convolve1d.mistake("only the places where the kernel fits entirely",
                    hint="That is \"valid\". Full starts where the first samples meet: n + k − 1 numbers.")
def _(x, w):
    return signal.convolve(x, w, "valid")


@convolve1d.mistake("the output has the length of the input",
                    hint="Full convolution has n + k − 1 numbers, \"same\" has n.")
def _(x, w):
    return signal.convolve(x, w, "same")


@convolve1d.mistake("one number too many at the end",
                    hint="The last overlap is at index n + k − 2, so there are n + k − 1.")
def _(x, w):
    return np.append(signal.convolve(x, w), 0)


@convolve1d.mistake("negative indices wrap round",
                    hint="In Python x[-1] is the last sample. Outside of its range x counts as zero: test the index.")
def _(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for n in range(len(out)):
        out[n] = sum(x[n - k] * w[k] for k in range(len(w)) if n - k < len(x))
    return out


@convolve1d.accepted("a double loop that scatters")
def _(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for i, k in np.ndindex(len(x), len(w)):
        out[i + k] += x[i] * w[k]
    return out


@convolve1d.accepted("np.convolve")
def _(x, w):
    return np.convolve(x, w)


@convolve1d.accepted("polynomials multiplied")
def _(x, w):
    return np.polynomial.polynomial.polymul(x.astype(np.float64), w.astype(np.float64))


# --- 5 -------------------------------------------------------------------------------------------------------------

modes = Question(
    "correlate2d", title="Valid, same and full", points=3,
    asks='The cross-correlation of an image with a kernel in mode "valid", "same" or "full".',
    reference=signal.correlate,
    cases=lambda rng: (_image(rng), _kernel(rng), str(rng.choice(signal.MODES))),
)


def _padded(x, w, mode, before, after):
    """Correlation with before(k) and after(k) zeros around each axis in mode "same", right in the other modes."""
    if mode != "same":
        return signal.correlate(x, w, mode)
    return signal.correlate(np.pad(x, [(before(k), after(k)) for k in w.shape]), w)


@modes.mistake('"same" adds ⌊k/2⌋ on both sides',
               hint="For an even kernel that is one too many: the output grows. Add k − 1 in all, the odd one behind.")
def _(x, w, mode):
    return _padded(x, w, mode, lambda k: k // 2, lambda k: k // 2)


@modes.mistake('"same" puts the odd zero in front',
               hint="k − 1 zeros are shared out: ⌊(k − 1)/2⌋ in front, the rest behind, as PyTorch does.")
def _(x, w, mode):
    return _padded(x, w, mode, lambda k: k // 2, lambda k: (k - 1) // 2)


@modes.mistake("the kernel is flipped", hint="Cross-correlation does not flip, in any of the three modes.")
def _(x, w, mode):
    return signal.correlate(x, w[::-1, ::-1], mode)


@modes.mistake('"full" adds k zeros on each side',
               hint="With k − 1 zeros the kernel still touches one sample; with k, none.")
def _(x, w, mode):
    return signal.correlate(np.pad(x, [(k, k) for k in w.shape]), w) if mode == "full" else signal.correlate(x, w, mode)


@modes.mistake("the mode is ignored",
               hint="The three modes differ in the zeros added around the image before the kernel slides.")
def _(x, w, mode):
    return signal.correlate(x, w, "valid")


@modes.mistake("the padding of rows and columns is exchanged",
               hint="np.pad takes ((top, bottom), (left, right)): the kernel's height decides the first pair.")
def _(x, w, mode):
    swapped = w.shape[::-1]
    before = [{"valid": 0, "same": (k - 1) // 2, "full": k - 1}[mode] for k in swapped]
    after = [{"valid": 0, "same": k // 2, "full": k - 1}[mode] for k in swapped]
    return signal.correlate(np.pad(x, list(zip(before, after, strict=True))), w)


@modes.accepted("the middle of the full result")
def _(x, w, mode):
    full = signal.correlate(x, w, "full")
    (height, width), (kh, kw) = x.shape, w.shape
    if mode == "valid":
        return full[kh - 1:height, kw - 1:width]
    return full if mode == "full" else full[kh // 2:kh // 2 + height, kw // 2:kw // 2 + width]


@modes.accepted("a canvas that the kernel is stamped on")
def _(x, w, mode):
    (height, width), (kh, kw) = x.shape, w.shape
    full = np.zeros((height + kh - 1, width + kw - 1))
    for u, v in np.ndindex(kh, kw):
        full[kh - 1 - u:kh - 1 - u + height, kw - 1 - v:kw - 1 - v + width] += w[u, v] * x
    rows = {"full": (0, full.shape[0]), "same": (kh // 2, height), "valid": (kh - 1, height - kh + 1)}[mode]
    columns = {"full": (0, full.shape[1]), "same": (kw // 2, width), "valid": (kw - 1, width - kw + 1)}[mode]
    return full[rows[0]:sum(rows), columns[0]:sum(columns)]


# --- 6 -------------------------------------------------------------------------------------------------------------

toeplitz = Question(
    "toeplitz_matrix", title="Convolution as a Toeplitz matrix", points=2,
    asks="The matrix T with T @ x equal to the full convolution of x with w, for every x of length n.",
    reference=signal.convolution_matrix,
    cases=lambda rng: (_numbers(rng, rng.integers(2, 5)), int(rng.integers(4, 9))),
)


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


# --- 7 -------------------------------------------------------------------------------------------------------------

blocks = Question(
    "doubly_block_toeplitz", title="The matrix of a two-dimensional convolution", points=5,
    asks="The matrix T with T @ x.ravel() equal to the full convolution of x with w, ravelled, for x (height, width).",
    reference=lambda w, height, width: signal.convolution_matrix_2d(w, (height, width)),
    cases=lambda rng: (_kernel(rng, 1, 4), *_unequal(rng, 2, 6)),
)


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


# --- 8 -------------------------------------------------------------------------------------------------------------

def _binomial(times):
    kernel = np.ones(1)
    for _ in range(times):
        kernel = np.convolve(kernel, [0.25, 0.5, 0.25])
    return kernel


binomial = Question(
    "binomial_kernel", title="[1, 2, 1]/4, again and again", points=1,
    asks="The one kernel that does in one convolution what [1, 2, 1]/4 does when applied that many times.",
    reference=_binomial, cases=lambda rng: (int(rng.integers(1, 12)),), tolerance=1e-6,
)


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


# --- 9 -------------------------------------------------------------------------------------------------------------

columns = Question(
    "im2col", title="Every window a column", points=3,
    asks="The matrix whose columns are the windows of a one-channel image, row by row, at the given stride.",
    reference=lambda x, kernel_height, kernel_width, stride: F.unfold(
        x[None], (kernel_height, kernel_width), stride=stride),
    cases=lambda rng: (_image(rng), *_unequal(rng, 1, 5), int(rng.integers(1, 4))),
)


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


# --- 10 ------------------------------------------------------------------------------------------------------------

circular = Question(
    "circular_correlate2d", title="A layer that commutes with every shift", points=2,
    asks="The cross-correlation of an image with a kernel on a torus: what leaves on one side comes in on the other.",
    reference=lambda x, w: signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape], "wrap"), w),
    cases=lambda rng: (_image(rng), _kernel(rng)),
)


@circular.mistake("the border is filled with zeros",
                  hint="Outside of the image the image begins again: index modulo H and W.")
def _(x, w):
    return signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape]), w)


@circular.mistake("the kernel is flipped", hint="That is circular convolution, x[i − u]. Correlation has x[i + u].")
def _(x, w):
    return circular.reference(x, w[::-1, ::-1])


@circular.mistake("rolled the wrong way",
                  hint="np.roll(x, −u) brings x[i + u] to place i; np.roll(x, u) brings x[i − u].")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (u, v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("only the inside",
                  hint="The output has the size of the input: every pixel has a full window on a torus.")
def _(x, w):
    return signal.correlate(x, w)


@circular.mistake("the kernel is centred on the pixel",
                  hint="The formula puts w[0, 0] on the pixel itself: out[i, j] starts with x[i, j]·w[0, 0].")
def _(x, w):
    return signal.correlate(x, w, "same", "circular")


@circular.mistake("rows and columns wrap at the other's size", hint="Rows are counted modulo H, columns modulo W.")
def _(x, w):
    height, width = x.shape
    out = np.zeros_like(x)
    for i, j, u, v in np.ndindex(*x.shape, *w.shape):
        a, b = (i + u) % width, (j + v) % height
        out[i, j] += x[a % height, b % width] * w[u, v]
    return out


@circular.accepted("a sum of rolled images")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (-u, -v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.accepted("a product of spectra, one of them conjugated")
def _(x, w):
    return np.fft.ifft2(np.fft.fft2(x) * np.conj(np.fft.fft2(w, x.shape))).real


# --- 11 ------------------------------------------------------------------------------------------------------------

def _gap(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    moved_after = shift(signal.correlate(x, w, "same"), dy, dx, "circular")
    return np.abs(moved_first - moved_after).max()


gap = Question(
    "equivariance_gap", title="How much a zero border breaks equivariance", points=2,
    asks='The largest |f(S x) − S f(x)|, where f is "same" correlation with a zero border and S rolls by (dy, dx).',
    reference=_gap,
    cases=lambda rng: (_image(rng), _numbers(rng, [(3, 5), (5, 3), (3, 1)][rng.integers(3)]), *_unequal(rng, -3, 4)),
)


@gap.mistake("the mean difference", hint="The gap is the largest absolute difference, not the average: use max.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same"), dy, dx, "circular")).mean()


@gap.mistake("the absolute value is missing", hint="A negative difference counts as much as a positive one.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return (moved_first - shift(signal.correlate(x, w, "same"), dy, dx, "circular")).max()


@gap.mistake("the two are shifted in opposite directions", hint="Shift the input and the output by the same (dy, dx).")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same"), -dy, -dx, "circular")).max()


@gap.mistake("dy and dx are exchanged in one of the two",
             hint="dy moves rows (axis 0), dx moves columns (axis 1), both times.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same"), dx, dy, "circular")).max()


@gap.mistake("the output is not shifted", hint="Compare f(S x) with S f(x), not with f(x).")
def _(x, w, dy, dx):
    return np.abs(signal.correlate(shift(x, dy, dx, "circular"), w, "same") - signal.correlate(x, w, "same")).max()


@gap.mistake("the border is circular",
             hint="With a circular border the gap is zero up to rounding. Here f pads with zeros.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same", "circular")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same", "circular"), dy, dx, "circular")).max()


@gap.accepted("np.roll and loops")
def _(x, w, dy, dx):
    def layer(image):
        padded = np.pad(image, [(k // 2, k // 2) for k in w.shape])
        return np.array([[np.sum(padded[i:i + w.shape[0], j:j + w.shape[1]] * w) for j in range(x.shape[1])]
                         for i in range(x.shape[0])])
    return float(np.max(np.abs(layer(np.roll(x, (dy, dx), (0, 1))) - np.roll(layer(x), (dy, dx), (0, 1)))))


@gap.accepted("undo the shift, then compare")
def _(x, w, dy, dx):
    undone = np.roll(signal.correlate(np.roll(x, (dy, dx), (0, 1)), w, "same"), (-dy, -dx), (0, 1))
    return np.linalg.norm((undone - signal.correlate(x, w, "same")).ravel(), np.inf)


# --- 12 ------------------------------------------------------------------------------------------------------------

lift = Question(
    "p4_lift", title="A kernel in four orientations", points=3,
    asks="The four valid cross-correlations of an image with a kernel turned counter-clockwise by 0, 1, 2, 3 quarters.",
    reference=lambda x, w: groups.p4_lift(x[None, None], w[None, None])[0, 0],
    cases=lambda rng: (_image(rng), _numbers(rng, (int(rng.integers(2, 5)),) * 2)),
)


@lift.mistake("the kernel turns clockwise",
              hint="np.rot90 turns counter-clockwise; with a negative count it turns the other way.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, -r)) for r in range(4)])


@lift.mistake("the kernel is flipped",
              hint="Each of the four is a cross-correlation: no flip. As it stands, the order starts with "
                   "two quarters.")
def _(x, w):
    return np.stack([signal.convolve(x, np.rot90(w, r), "valid") for r in range(4)])


@lift.mistake("the kernel is mirrored and not turned",
              hint="Four mirror images are another set. A quarter turn is np.rot90.")
def _(x, w):
    return np.stack([signal.correlate(x, k) for k in (w, w[:, ::-1], w[::-1, ::-1], w[::-1])])


@lift.mistake("the result is turned, not the kernel", hint="Turn the kernel and correlate the image as it stands.")
def _(x, w):
    side = min(x.shape) - len(w) + 1
    return np.stack([np.rot90(signal.correlate(x, w)[:side, :side], r) for r in range(4)])


@lift.mistake("the orientations are the last axis", hint="The shape is (4, H', W'): stack along axis 0.")
def _(x, w):
    return np.moveaxis(lift.reference(x, w), 0, -1)


@lift.accepted("the image turned there and back")
def _(x, w):
    return np.stack([np.rot90(signal.correlate(np.rot90(x, -r), w), r) for r in range(4)])


@lift.accepted("quarter turns by transposing and reversing")
def _(x, w):
    turns = [w]
    for _ in range(3):
        turns.append(turns[-1].T[::-1])
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.einsum("ijuv,ruv->rij", windows, np.stack(turns))


# --- 13 ------------------------------------------------------------------------------------------------------------

fft = Question(
    "fft_convolve2d", title="Convolution by way of the spectrum", points=3,
    asks="The full convolution of an image with a kernel, computed as a product of spectra.",
    reference=signal.fft_convolve,
    cases=lambda rng: (_image(rng), _kernel(rng, 2, 6)),
)


@fft.mistake("the ends wrap round",
             hint="That is circular convolution. Pad both with zeros to n + k − 1 before the transform.")
def _(x, w):
    return signal.circular_convolve(x, w)


@fft.mistake("padded by one sample too few",
             hint="n + k − 1 samples are needed. With n + k − 2 the last row falls on the first.")
def _(x, w):
    shape = [n + k - 2 for n, k in zip(x.shape, w.shape, strict=True)]
    return np.fft.irfft2(np.fft.rfft2(x, shape) * np.fft.rfft2(w, shape), shape)


@fft.mistake("the spectrum of the kernel is conjugated",
             hint="The conjugate gives correlation. The convolution theorem has a plain product.")
def _(x, w):
    shape = [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]
    return np.fft.irfft2(np.fft.rfft2(x, shape) * np.conj(np.fft.rfft2(w, shape)), shape)


@fft.mistake("only the part of the size of the image",
             hint="Full convolution is larger than the image: n + k − 1 in each axis.")
def _(x, w):
    return signal.fft_convolve(x, w)[:x.shape[0], :x.shape[1]]


@fft.mistake("the modulus is taken in place of the real part",
             hint="np.abs makes negative results positive. The result is real up to rounding: take .real, "
                  "or use irfft2.")
def _(x, w):
    return np.abs(signal.fft_convolve(x, w))


@fft.mistake("the kernel is flipped first",
             hint="The plain product of spectra is already the convolution: no flip by hand.")
def _(x, w):
    return signal.fft_convolve(x, w[::-1, ::-1])


@fft.accepted("complex transforms of a power of two, cut to size")
def _(x, w):
    shape = [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]
    padded = [2 ** int(np.ceil(np.log2(n))) for n in shape]
    return np.fft.ifft2(np.fft.fft2(x, padded) * np.fft.fft2(w, padded)).real[:shape[0], :shape[1]]


@fft.accepted("the full convolution by its definition")
def _(x, w):
    return signal.convolve(x, w)


QUESTIONS = [weights, correlate_valid, template, convolve1d, modes, toeplitz, blocks, binomial, columns, circular, gap,
             lift, fft]
