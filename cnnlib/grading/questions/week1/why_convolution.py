"""Week 1: the questions of the notebook `why_convolution`."""

import numpy as np

from cnnlib.scratch import functional as F
from cnnlib.scratch import signal

from ...question import Question
from ..cases import image, kernel, numbers, unequal

# ---- count_weights ---------------------------------------------------------------------------------------------------

weights = Question(
    "count_weights", title="Dense against convolutional", points=1, kind="predict", practice=True,
    asks="Write `count_weights(height, width, kernel_height, kernel_width)`: the numbers of weights of a dense layer "
         "and of one convolution kernel, as `(dense, kernel)`.",
    reference=lambda height, width, kernel_height, kernel_width: np.array(
        [(height * width) ** 2, kernel_height * kernel_width]),
    cases=lambda rng: (*unequal(rng, 5, 60), *unequal(rng, 1, 8)), tolerance=1e-9,
    minutes=5, level=1,
    text=r"""
        The dense layer leads from a grey image of `height` × `width` pixels to another of the same size: a weight for
        each pair of an input and an output. Leave the biases out of both numbers.
    """,
    hints={
        "The dense layer comes out far too small":
            "Every one of the outputs is connected to every one of the inputs. How many outputs are there?",
        "The kernel comes out far too large":
            "The kernel slides. However many places it visits, its weights are the same ones.",
    },
)


@weights.solution
def count_weights(height, width, kernel_height, kernel_width):
    """→ (weights of the dense layer, weights of the kernel)"""
    pixels = height * width
    return pixels * pixels, kernel_height * kernel_width


@weights.mistake("a bias is counted for each output", hint="Weights only: leave the biases out of both numbers.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) * (height * width + 1), kernel_height * kernel_width + 1


@weights.mistake("a bias is counted for each output of the dense layer",
                 hint="Weights only: leave the biases of the dense layer out, as you did for the kernel.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) * (height * width + 1), kernel_height * kernel_width


@weights.mistake("a bias is counted for the kernel",
                 hint="Weights only: leave the bias of the kernel out, as you did for the dense layer.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) ** 2, kernel_height * kernel_width + 1


@weights.mistake("each output is connected to its own pixel only",
                 hint="In a dense layer every one of the H·W outputs has a weight for every one of the H·W inputs.")
def _(height, width, kernel_height, kernel_width):
    return height * width, kernel_height * kernel_width


@weights.mistake("inputs and outputs are added",
                 hint="A weight for each pair of an input and an output: as many as the product of the two numbers.")
def _(height, width, kernel_height, kernel_width):
    return 2 * height * width, kernel_height * kernel_width


@weights.mistake("the kernel's weights are counted once for each pixel",
                 hint="One kernel slides over all positions: its weights are shared, so they count once.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) ** 2, height * width * kernel_height * kernel_width


@weights.mistake("the sides of the kernel are added", hint="A kernel is an array: count its rows times its columns.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) ** 2, kernel_height + kernel_width


@weights.mistake("the sides of the image are added",
                 hint="An image of H rows of W pixels has H·W pixels; a weight joins each of them to each output.")
def _(height, width, kernel_height, kernel_width):
    return (height + width) ** 2, kernel_height * kernel_width


@weights.mistake("the image is taken to be square", hint="Height and width differ here. Use both.")
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


# ---- correlate2d_valid -----------------------------------------------------------------------------------------------

correlate_valid = Question(
    "correlate2d_valid", title="Slide a kernel over an image", points=2, practice=True,
    asks="Write `correlate2d_valid(x, w)`: lay the kernel `w` on the image `x` at every place where it fits entirely, "
         "multiply, add up.",
    reference=lambda x, w: F.conv2d(x[None, None], w[None, None])[0, 0],
    cases=lambda rng: (image(rng), kernel(rng)),
    minutes=15, level=1,
    text=r"""
        $$y_{ij} = \sum_{u=0}^{k_h-1} \sum_{v=0}^{k_w-1} x_{i+u,\,j+v}\; w_{uv}$$

        `x` is (H, W) and `w` is (k_h, k_w), neither of them square. Return all outputs whose window lies in the image:
        (H − k_h + 1, W − k_w + 1) numbers. Loops are fine.
    """,
    hints={
        "Where do I begin?":
            "Make an empty array of the output's size. For each of its places, cut the window out of `x` by slices.",
        "The shape is right but every number is off":
            "Which tap of the kernel lies on `x[i, j]`? It is `w[0, 0]`, the first one.",
        "The last row and column are missing":
            "A kernel as large as the image fits once, not zero times.",
    },
)


@correlate_valid.solution
def correlate2d_valid(x, w):
    """(H, W), (k_h, k_w)  →  (H − k_h + 1, W − k_w + 1)"""
    k_h, k_w = w.shape
    y = np.empty((x.shape[0] - k_h + 1, x.shape[1] - k_w + 1))
    for i, j in np.ndindex(*y.shape):
        y[i, j] = np.sum(x[i:i + k_h, j:j + k_w] * w)
    return y


@correlate_valid.mistake("the kernel is flipped",
                         hint="This is convolution. Cross-correlation lays the kernel on the image as it stands.")
def _(x, w):
    return correlate_valid.reference(x, w[::-1, ::-1])


@correlate_valid.mistake("the rows of the kernel are flipped",
                         hint="Row u of the kernel meets row i + u of the image: the first row lies on top.")
def _(x, w):
    return correlate_valid.reference(x, w[::-1])


@correlate_valid.mistake("the columns of the kernel are flipped",
                         hint="Column v of the kernel meets column j + v of the image: the first column lies left.")
def _(x, w):
    return correlate_valid.reference(x, w[:, ::-1])


@correlate_valid.mistake("the kernel is transposed", hint="Row u of the kernel meets row i + u of the image: w[u, v].")
def _(x, w):
    return correlate_valid.reference(x, w.T)


@correlate_valid.mistake("the last row and column are missing",
                         hint="A kernel of k fits at n − k + 1 places, not n − k. Count them for n = k.")
def _(x, w):
    return correlate_valid.reference(x, w)[:-1, :-1]


@correlate_valid.mistake("the loops stop one place too early",
                         hint="`range(n)` ends at n − 1: the last place is n − k, so the loop is over n − k + 1.")
def _(x, w):
    y = correlate_valid.reference(x, w)
    y[-1], y[:, -1] = 0, 0
    return y


@correlate_valid.mistake("the output has the size of the image",
                         hint="Where the kernel would stick out there is no output: H − k_h + 1 rows, not H.")
def _(x, w):
    y = np.zeros_like(x)
    right = correlate_valid.reference(x, w)
    y[:right.shape[0], :right.shape[1]] = right
    return y


@correlate_valid.mistake("the image is padded with zeros",
                         hint="No padding here: count only places where the kernel fits, so the output is smaller.")
def _(x, w):
    return signal.correlate(x, w, "same")


@correlate_valid.mistake("the window is averaged", hint="The products are added up; the division is too much.")
def _(x, w):
    return correlate_valid.reference(x, w) / w.size


@correlate_valid.mistake("window and kernel are added, not multiplied",
                         hint="Multiply the two element by element before you add up.")
def _(x, w):
    return correlate_valid.reference(x, np.ones_like(w)) + w.sum()


@correlate_valid.mistake("the kernel is not used", hint="The window is summed as it is: multiply it by w first.")
def _(x, w):
    return correlate_valid.reference(x, np.ones_like(w))


@correlate_valid.mistake("the product of matrices is taken",
                         hint="`@` is a product of matrices. Here each element meets the one at its own place: `*`.")
def _(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.sum(windows @ w.T, axis=(-2, -1))


@correlate_valid.mistake("the windows do not overlap",
                         hint="The kernel moves on by one pixel, not by its own size: the window begins at x[i, j].")
def _(x, w):
    right = correlate_valid.reference(x, w)
    return right[::w.shape[0], ::w.shape[1]]


@correlate_valid.mistake("kernel height and width are exchanged in the output size",
                         hint="The kernel is not square: its height belongs to the rows, its width to the columns.")
def _(x, w):
    out = np.zeros((x.shape[0] - w.shape[1] + 1, x.shape[1] - w.shape[0] + 1))
    right = correlate_valid.reference(x, w)
    height, width = np.minimum(out.shape, right.shape)
    out[:height, :width] = right[:height, :width]
    return out


@correlate_valid.accepted("four loops")
def _(x, w):
    y = np.zeros((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for u in range(w.shape[0]):
                for v in range(w.shape[1]):
                    y[i, j] += x[i + u, j + v] * w[u, v]
    return y


@correlate_valid.accepted("windows and einsum")
def _(x, w):
    return np.einsum("ijuv,uv->ij", np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


@correlate_valid.accepted("a loop over the kernel, in float32")
def _(x, w):
    height, width = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    return sum(np.float32(w[u, v]) * x[u:u + height, v:v + width].astype(np.float32) for u, v in np.ndindex(*w.shape))


# ---- count_local_weights ---------------------------------------------------------------------------------------------

def _pairs(n, k):
    """How many pairs (output, input) of a line of n pixels are at most k // 2 apart."""
    i = np.arange(n)
    return int(np.sum(np.abs(i[:, None] - i) <= k // 2))


def _local_cases(rng):
    """Images and odd kernels with different sides; every other image is so small that a kernel may be larger."""
    sides = unequal(rng, 2, 7) if rng.random() < 0.5 else unequal(rng, 6, 40)
    return (*sides, *(int(k) for k in rng.choice([1, 3, 5, 7, 9, 11], 2, replace=False)))


local = Question(
    "count_local_weights", title="Local, but not shared", points=2, kind="predict",
    asks="Write `count_local_weights(height, width, kernel_height, kernel_width)`: the number of weights of a locally "
         "connected layer.",
    reference=lambda height, width, kernel_height, kernel_width: _pairs(height, kernel_height) * _pairs(
        width, kernel_width),
    cases=_local_cases, tolerance=1e-9,
    minutes=15, level=2,
    text=r"""
        The layer leads from a grey image of `height` × `width` pixels to another of the same size. Each output has a
        window of its own weights, `kernel_height` × `kernel_width` of them, centred on its pixel (both sizes are odd).
        Nothing is shared. What would stick out over the border of the image does not exist: only taps that lie on the
        image have a weight, and only they count. There are no biases. A kernel may be larger than the image. Return
        one whole number.
    """,
    hints={
        "Where do I begin?":
            "With a line of pixels in place of an image: draw which of 5 pixels each output reads, for a kernel of 3.",
        "A little too large":
            "An output in the corner of the image has fewer taps than one in the middle.",
        "Right for small kernels, wrong for kernels larger than the image":
            "An output cannot have more taps in a row than the image has columns.",
    },
)


@local.solution
def count_local_weights(height, width, kernel_height, kernel_width):
    """→ the number of weights"""
    def pairs(n, k):      # (output, input) on a line of n pixels, near enough
        i = np.arange(n)
        return np.sum(np.abs(i[:, None] - i) <= k // 2)

    return pairs(height, kernel_height) * pairs(width, kernel_width)


def _full(n, k):
    return n * k


def _closed(n, k):
    return n * k - (k // 2) * (k // 2 + 1)


@local.mistake("the border is not seen",
               hint="At the border a part of the window would lie outside the image. Those taps have no weight.")
def _(height, width, kernel_height, kernel_width):
    return height * width * kernel_height * kernel_width


@local.mistake("the outputs at the border are left out",
               hint="The output has the size of the image. An output at the border has fewer taps, but it is there.")
def _(height, width, kernel_height, kernel_width):
    return (height - kernel_height + 1) * (width - kernel_width + 1) * kernel_height * kernel_width


@local.mistake("the weights are shared",
               hint="Here each output has weights of its own. Count them for all outputs.")
def _(height, width, kernel_height, kernel_width):
    return kernel_height * kernel_width


@local.mistake("it is a dense layer", hint="Local: an output reads only the pixels of its own window.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) ** 2


@local.mistake("kernel height and width are exchanged",
               hint="The kernel's height belongs to the rows of the image, its width to the columns.")
def _(height, width, kernel_height, kernel_width):
    return _pairs(height, kernel_width) * _pairs(width, kernel_height)


@local.mistake("the image is taken to be square", hint="Height and width differ, in the image and in the kernel.")
def _(height, width, kernel_height, kernel_width):
    return _pairs(height, kernel_height) ** 2


@local.mistake("rows and columns are added",
               hint="Each pair of rows goes with each pair of columns: the two numbers are multiplied.")
def _(height, width, kernel_height, kernel_width):
    return _pairs(height, kernel_height) + _pairs(width, kernel_width)


@local.mistake("taps are missing at one border only",
               hint="A line of pixels has two ends, and windows stick out at both.")
def _(height, width, kernel_height, kernel_width):
    def taps(n, k):
        return sum(min(n - 1, i + k // 2) - (i - k // 2) + 1 for i in range(n))
    return taps(height, kernel_height) * taps(width, kernel_width)


@local.mistake("the corners are subtracted twice",
               hint="The taps that are missing above and those missing at the side overlap in the corners. "
                    "Count the taps that are there: rows times columns.")
def _(height, width, kernel_height, kernel_width):
    rows, columns = _full(height, kernel_height), _full(width, kernel_width)
    return (rows * columns - (rows - _pairs(height, kernel_height)) * columns
            - rows * (columns - _pairs(width, kernel_width)))


@local.mistake("a kernel larger than the image is not thought of",
               hint="Your formula is right while the kernel fits into the image. An output cannot have more taps in a "
                    "row than the image has columns.")
def _(height, width, kernel_height, kernel_width):
    return _closed(height, kernel_height) * _closed(width, kernel_width)


@local.mistake("the kernel is cut to the size of the image",
               hint="Cut how far it reaches, not its size: from the first pixel of a line of n it may still "
                    "reach the last, n − 1 pixels to a side.")
def _(height, width, kernel_height, kernel_width):
    return _closed(height, min(height, kernel_height)) * _closed(width, min(width, kernel_width))


@local.mistake("the window reaches k pixels to each side",
               hint="A window of k pixels that is centred reaches (k − 1)/2 pixels to each side.")
def _(height, width, kernel_height, kernel_width):
    return _pairs(height, 2 * kernel_height) * _pairs(width, 2 * kernel_width)


@local.mistake("the tap in the middle is not counted",
               hint="From the first to the last there are last − first + 1 taps.")
def _(height, width, kernel_height, kernel_width):
    return (_pairs(height, kernel_height) - height) * (_pairs(width, kernel_width) - width)


@local.mistake("the window begins at its pixel",
               hint="The window is centred on its pixel: as many taps lie before it as behind it.")
def _(height, width, kernel_height, kernel_width):
    def taps(n, k):
        return sum(min(n, i + k) - i for i in range(n))
    return taps(height, kernel_height) * taps(width, kernel_width)


@local.mistake("only rows are counted",
               hint="These are the pairs of a row of the output and a row that it reads. Now the columns: each pair of "
                    "rows goes with each pair of columns.")
def _(height, width, kernel_height, kernel_width):
    return _pairs(height, kernel_height)


@local.mistake("only columns are counted",
               hint="These are the pairs of a column of the output and a column that it reads. Now the rows: each pair "
                    "of rows goes with each pair of columns.")
def _(height, width, kernel_height, kernel_width):
    return _pairs(width, kernel_width)


@local.mistake("there is one weight for each pixel",
               hint="An output reads a whole window, not only the pixel at its own place.")
def _(height, width, kernel_height, kernel_width):
    return height * width


@local.mistake("one output is counted, in the corner",
               hint="These are the taps of the first output. Add up those of all outputs.")
def _(height, width, kernel_height, kernel_width):
    return min(height, kernel_height // 2 + 1) * min(width, kernel_width // 2 + 1)


@local.mistake("the window has no end on one side",
               hint="The distance to the output's pixel is bounded on both sides: take its absolute value.")
def _(height, width, kernel_height, kernel_width):
    def pairs(n, k):
        return sum(min(n, i + k // 2 + 1) for i in range(n))
    return pairs(height, kernel_height) * pairs(width, kernel_width)


@local.mistake("the window is too narrow by a pixel on each side",
               hint="A window of k pixels reaches (k − 1)/2 pixels to each side, and the last of them counts.")
def _(height, width, kernel_height, kernel_width):
    def pairs(n, k):
        return _pairs(n, k - 2) if k > 1 else 0
    return pairs(height, kernel_height) * pairs(width, kernel_width)


@local.accepted("a formula")
def _(height, width, kernel_height, kernel_width):
    def taps(n, k):
        reach = min(k // 2, n - 1)
        return n * (2 * reach + 1) - reach * (reach + 1)
    return taps(height, kernel_height) * taps(width, kernel_width)


@local.accepted("the ones of the mask counted, as a float")
def _(height, width, kernel_height, kernel_width):
    i, j = np.divmod(np.arange(height * width), width)
    near = np.abs(i[:, None] - i) <= kernel_height // 2
    return float(np.count_nonzero(near & (np.abs(j[:, None] - j) <= kernel_width // 2)))


@local.accepted("an image of ones, correlated with a kernel of ones")
def _(height, width, kernel_height, kernel_width):
    return np.sum(signal.correlate(np.ones((height, width)), np.ones((kernel_height, kernel_width)), "same"))


# ---- match_template --------------------------------------------------------------------------------------------------

def _template_cases(rng):
    """A template with different sides, at times as high or as wide as the image; both far from a mean of zero."""
    height, width = unequal(rng, 2, 5)
    more = rng.integers(0, 5, 2)
    return numbers(rng, (height + int(more[0]), width + int(more[1]))) + 5, numbers(rng, (height, width)) + 2


template = Question(
    "match_template", title="Find a picture in a picture", points=3,
    asks="Write `match_template(image, template)`: the normalised cross-correlation, at every place where the template "
         "fits.",
    reference=signal.match_template,
    cases=_template_cases,
    minutes=25, level=2,
    text=r"""
        Plain correlation is drawn to bright places. Compare patterns instead: subtract from the window $a$ its mean,
        and from the template $w$ its mean, and divide by both lengths:

        $$r_{ij} = \frac{\sum (a - \bar a)(w - \bar w)}{\sqrt{\,\sum (a - \bar a)^2 \;\sum (w - \bar w)^2}}$$

        All sums run over the window at $(i, j)$. `image` is (H, W), `template` is (h, w): return (H − h + 1, W − w + 1)
        numbers, all of them between −1 and 1. No window and no template will be flat. When it is right, try to replace
        the loops.
    """,
    hints={
        "A bright corner of the image changes the result everywhere":
            "The mean and the length belong to each window, not to the whole image.",
        "The numbers are right but for a factor":
            "The denominator is the root of a product of two sums.",
        "Numbers above 1, or small ones where the match is good":
            "The means are subtracted four times: in both factors above, and in both sums below.",
    },
)


@template.solution
def match_template(image, template):
    """(H, W), (h, w)  →  (H − h + 1, W − w + 1)"""
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    a = windows - windows.mean(axis=(2, 3), keepdims=True)
    w = template - template.mean()
    lengths = np.sqrt(np.sum(a**2, axis=(2, 3)) * np.sum(w**2))
    return np.sum(a * w, axis=(2, 3)) / lengths


def _windows(image, template):
    """→ windows, windows without their means, template without its mean"""
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    return windows, windows - windows.mean(axis=(2, 3), keepdims=True), template - template.mean()


def _ratio(a, w, a_below, w_below):
    """The formula, for what stands above the line and below it."""
    return np.sum(a * w, axis=(2, 3)) / np.sqrt(np.sum(a_below**2, axis=(2, 3)) * np.sum(w_below**2))


@template.mistake("the means are not subtracted",
                  hint="Subtract the mean of the window from the window, and that of the template from the template.")
def _(image, template):
    windows, _, _ = _windows(image, template)
    return _ratio(windows, template, windows, template)


@template.mistake("the means are subtracted above the line only",
                  hint="The lengths below the line are those of the window and the template without their means, too.")
def _(image, template):
    windows, a, w = _windows(image, template)
    return _ratio(a, w, windows, template)


@template.mistake("the mean of the window is not subtracted, or only above the line",
                  hint="Below the line each window still has its mean. Subtract it from the window above and below.")
def _(image, template):
    windows, _, w = _windows(image, template)
    return _ratio(windows, w, windows, w)


@template.mistake("the mean of the template is not subtracted, or only above the line",
                  hint="Below the line the template still has its mean. Subtract it from the template above and below.")
def _(image, template):
    _, a, _ = _windows(image, template)
    return _ratio(a, template, a, template)


@template.mistake("the result is not divided by the lengths",
                  hint="Divide by the square root of both sums of squares, or a bright window always wins.")
def _(image, template):
    _, a, w = _windows(image, template)
    return np.sum(a * w, axis=(2, 3))


@template.mistake("only the window's length divides",
                  hint="Below the line stand two sums of squares: the template's is missing.")
def _(image, template):
    _, a, w = _windows(image, template)
    return _ratio(a, w, a, 1)


@template.mistake("only the template's length divides",
                  hint="Below the line stand two sums of squares: the window's is missing.")
def _(image, template):
    _, a, w = _windows(image, template)
    return np.sum(a * w, axis=(2, 3)) / np.sqrt(np.sum(w**2))


@template.mistake("the mean of the whole image is subtracted",
                  hint="The mean and the length belong to each window: a bright corner must not change the rest.")
def _(image, template):
    windows, _, w = _windows(image - image.mean(), template)
    return _ratio(windows, w, windows, w)


@template.mistake("one mean of all windows is subtracted",
                  hint="Each window has a mean of its own: `windows.mean(axis=(2, 3), keepdims=True)`.")
def _(image, template):
    windows, _, w = _windows(image, template)
    a = windows - windows.mean()
    return _ratio(a, w, a, w)


@template.mistake("the squares of all windows are summed together",
                  hint="Each window has a length of its own: sum its squares over axis=(2, 3).")
def _(image, template):
    _, a, w = _windows(image, template)
    return np.sum(a * w, axis=(2, 3)) / np.sqrt(np.sum(a**2) * np.sum(w**2))


@template.mistake("the mean is taken along one axis only",
                  hint="One mean for each window, over its rows and its columns: axis=(2, 3), with keepdims=True.")
def _(image, template):
    windows, _, w = _windows(image, template)
    a = windows - windows.mean(axis=-1, keepdims=True)
    return _ratio(a, w, a, w)


@template.mistake("the square root is missing",
                  hint="The denominator is the root of the product of the two sums of squares.")
def _(image, template):
    _, a, w = _windows(image, template)
    return np.sum(a * w, axis=(2, 3)) / (np.sum(a**2, axis=(2, 3)) * np.sum(w**2))


@template.mistake("sums and means are mixed",
                  hint="Above the line a sum and below it standard deviations, or the other way round: one of them is "
                       "divided by the number of pixels, the other not.")
def _(image, template):
    _, a, w = _windows(image, template)
    return _ratio(a, w, a, w) * template.size


@template.mistake("the products are averaged, the squares are summed",
                  hint="Above the line a mean, below it sums: one is divided by the number of pixels, the other not.")
def _(image, template):
    _, a, w = _windows(image, template)
    return _ratio(a, w, a, w) / template.size


@template.mistake("the template is flipped",
                  hint="Matching is correlation: lay the template on the image as it stands.")
def _(image, template):
    return signal.match_template(image, template[::-1, ::-1])


@template.mistake("the last row and column are missing",
                  hint="A template of h rows fits at H − h + 1 places. Count them for H = h.")
def _(image, template):
    return signal.match_template(image, template)[:-1, :-1]


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


@template.accepted("plain correlations, no window made")
def _(image, template):
    ones, w = np.ones_like(template), template - template.mean()
    mean = signal.correlate(image, ones) / template.size
    energy = signal.correlate(image**2, ones) - template.size * mean**2
    return signal.correlate(image, w) / np.sqrt(energy * np.sum(w**2))


# ---- step_kernel -----------------------------------------------------------------------------------------------------

def _answers(w, height, width):
    """The properties by which a step kernel is judged."""
    w = w.astype(np.float64)
    if w.shape != (height, width):
        raise ValueError(f"the kernel must have shape {(height, width)}, got {w.shape}")
    down, right = w.sum(1)[::-1].cumsum(), w.sum(0)[::-1].cumsum()       # the last so many rows, or columns, are bright
    strongest = right[:-1][np.abs(right[:-1]).argmax()]
    return {
        "answer to a flat image of ones": np.round(w.sum(), 9) + 0,
        "largest answer to a horizontal edge": np.round(np.abs(down[:-1]).max(), 9),
        "strongest answer to a vertical edge, dark left of bright": np.round(strongest, 9),
        "the sum of squares is small enough": float(np.sum(w**2) <= 4 / (height * (width - 1)) * (1 + 1e-6)),
    }


def _step_kernel(height, width):
    half = width // 2
    side = np.ones((height, half)) / (height * half)
    return np.hstack([-side, np.zeros((height, 1)), side])


step = Question(
    "step_kernel", title="A kernel that sees a step and not the noise", points=2, kind="design",
    asks="Write `step_kernel(height, width)`: a kernel of that size that answers 1 to a step from dark to bright, and "
         "lets little noise through.",
    reference=_step_kernel,
    cases=lambda rng: tuple(int(k) for k in rng.choice([3, 5, 7, 9, 11], 2, replace=False)),
    minutes=20, level=2, measure=_answers,
    text=r"""
        Both sizes are odd and at least 3. Correlated with an image, the kernel $w$ must

        - answer 0 to a flat image: it is blind to brightness;
        - answer 0 to every horizontal edge (some rows of 0, below them rows of 1, or the other way round);
        - answer exactly 1 to a vertical edge, columns of 0 on the left and columns of 1 on the right, at the place
          where it answers most strongly;
        - have a small sum of squares, for $k_h$ rows and $k_w$ columns:

        $$\sum_{u,v} w_{uv}^2 \;\le\; \frac{4}{k_h\,(k_w - 1)}$$

        The last one is about noise: where each pixel is wrong by a random amount of standard deviation σ, the output is
        wrong by $\sigma \sqrt{\sum w_{uv}^2}$. Two pixels, −1 and 1, have the first three properties and let too much
        through. There is more than one right answer, and each of them passes.
    """,
    hints={
        "It answers, but it is not blind to horizontal edges":
            "Lay the kernel over such an edge: the answer is the sum of its lower rows. When is that 0 for every edge?",
        "The sum of squares is too large":
            "A mean of many pixels is less noisy than one pixel. Which pixels may all have the same weight?",
        "The answer to the edge is not 1":
            "When the edge lies in the middle, the answer is the sum of all weights on its bright side.",
    },
)


@step.solution
def step_kernel(height, width):
    """→ (height, width)"""
    side = np.sign(np.arange(width) - width // 2)     # −1 … −1, 0, 1 … 1
    return np.tile(side / (height * (width // 2)), (height, 1))


@step.mistake("it lets too much noise through",
              hint="All else is right. Spread the weights: many small ones have a smaller sum of squares than a few.")
def _(height, width):
    w = np.zeros((height, width))
    w[height // 2, width // 2 - 1:width // 2 + 1] = -1, 1
    return w


@step.mistake("too noisy in kernels wider than 3",
              hint="Columns are unused, or their weights unequal: give all pixels of a side the same weight.")
def _(height, width):
    w = np.zeros((height, width))
    w[:, 0], w[:, -1] = -1 / height, 1 / height
    return w


@step.mistake("the kernel is all zeros",
              hint="An array of whole numbers cuts every fraction to 0. Make one of floats: np.zeros((height, width)).")
def _(height, width):
    return np.zeros((height, width))


@step.mistake("it answers to a step from bright to dark",
              hint="The sign is reversed: with dark on the left and bright on the right the answer must be +1.")
def _(height, width):
    return -_step_kernel(height, width)


@step.mistake("it looks for horizontal edges",
              hint="Rows and columns are exchanged: weights must differ from column to column, not from row to row.")
def _(height, width):
    return np.ascontiguousarray(_step_kernel(width, height).T)


@step.mistake("the weights are −1, 0 and 1",
              hint="Divide, so that the weights on the bright side add up to 1.")
def _(height, width):
    return np.sign(_step_kernel(height, width))


@step.mistake("only the columns are divided",
              hint="The weights on the bright side must add up to 1 over all rows; those of each row do.")
def _(height, width):
    return _step_kernel(height, width) * height


@step.mistake("only the rows are divided",
              hint="The weights on the bright side must add up to 1 over all its columns; those of each column do.")
def _(height, width):
    return _step_kernel(height, width) * (width // 2)


@step.mistake("it answers (width − 1)/(2·width) and not 1",
              hint="The weights on the bright side must add up to 1. Divide them by their sum, and do so last, after "
                   "anything is subtracted.")
def _(height, width):
    return np.sign(_step_kernel(height, width)) / (height * width)


@step.mistake("it answers one half",
              hint="The weights on the bright side add up to 1/2. A step is as high as the difference of the means.")
def _(height, width):
    return _step_kernel(height, width) / 2


@step.mistake("the dark side is missing",
              hint="The weights must add up to 0, or brightness changes the answer: subtract the dark side's mean.")
def _(height, width):
    return np.maximum(_step_kernel(height, width), 0)


@step.mistake("both sides have the same sign",
              hint="It averages, so it sees brightness. The weights of the two sides must have opposite signs.")
def _(height, width):
    return np.abs(_step_kernel(height, width))


@step.mistake("it is a blur", hint="A mean answers to brightness. The weights must add up to 0.")
def _(height, width):
    return np.ones((height, width)) / (height * width)


@step.mistake("all weights are the same", hint="Such a kernel sees brightness alone. The weights must add up to 0.")
def _(height, width):
    return np.ones((height, width)) / (height * (width // 2))


@step.mistake("all weights are negative", hint="The weights on the bright side, the right one, must be positive.")
def _(height, width):
    return -np.ones((height, width)) / (height * (width // 2))


@step.mistake("the weights grow with the distance from the middle",
              hint="They balance, but the bright side adds up to more than 1, and unequal weights let noise through.")
def _(height, width):
    return np.tile((np.arange(width) - width // 2) / (height * (width // 2)), (height, 1))


@step.mistake("the middle column is dark, and the sides do not balance",
              hint="With the middle column the left side is larger: divide each side by its own number of pixels.")
def _(height, width):
    w = _step_kernel(height, width)
    w[:, width // 2] = w[:, 0]
    return w


@step.mistake("the middle column is bright, and the sides do not balance",
              hint="With the middle column the right side is larger: divide each side by its own number of pixels.")
def _(height, width):
    w = _step_kernel(height, width)
    w[:, width // 2] = w[:, -1]
    return w


@step.mistake("half of the width is not a whole number",
              hint="Each side has (width − 1)/2 columns, since the middle one belongs to neither.")
def _(height, width):
    return np.sign(_step_kernel(height, width)) / (height * width / 2)


@step.mistake("it is Sobel's kernel, or one like it, not divided",
              hint="The weights on the bright side must add up to 1. Divide by their sum, then look at the squares.")
def _(height, width):
    rows = np.minimum(np.arange(1, height + 1), np.arange(height, 0, -1))
    return rows[:, None] * np.sign(_step_kernel(height, width))


@step.accepted("the middle column belongs to the bright side")
def _(height, width):
    half = width // 2
    left, right = np.ones((height, half)), np.ones((height, half + 1))
    return np.hstack([-left / left.size, right / right.size])


@step.accepted("weights of the columns, repeated in every row, in float32")
def _(height, width):
    column = np.sign(np.arange(width) - width // 2)
    return np.tile(column / (height * (width // 2)), (height, 1)).astype(np.float32)


QUESTIONS = [weights, correlate_valid, local, template, step]
