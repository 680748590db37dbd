"""Week 4: the questions of the notebook `feature_visualization`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- largest_logits --------------------------------------------------------------------------------------------------


def _largest_case(rng):
    """Weights of both signs, so that the three answers differ."""
    while True:
        w = numbers(rng, unequal(rng, 2, 6))
        if (w > 0).any() and (w < 0).any():
            return w, float(numbers(rng, ())), float(rng.integers(5, 13)) / 4


def _lengths(w):
    return np.array([np.sqrt((w * w).sum()), np.abs(w).sum(), np.maximum(w, 0).sum()], np.float64)


largest = Question(
    "largest_logits", title="The most that a linear layer can answer", points=1,
    asks="Predict `largest_logits(w, b, r)`: the largest logit that a linear layer gives, for images of three kinds.",
    reference=lambda w, b, r: b + r * _lengths(w), cases=_largest_case,
    kind="predict", minutes=10, level=1, practice=True,
    text=r"""
        The layer has one logit, $z = b + \sum_{ij} w_{ij} x_{ij}$, with weights `w` (H, W) and bias `b`. Return three
        numbers: the largest z of all images x with

        - length $\lVert x \rVert \le r$;
        - every number between −r and r;
        - every number between 0 and r.
    """,
    hints={
        "The first number is off": "By Cauchy and Schwarz the best x points along w. How long is it, and what is w·x?",
        "The second or the third is off":
            "Each number of x chooses for itself: what is best for it where w is positive, and where it is negative?",
    },
)


@largest.solution
def largest_logits(w, b, r):
    """(H, W), two floats  →  (3,)"""
    length = np.sqrt(np.sum(w * w))
    size = np.sum(np.abs(w))
    positive = np.sum(np.maximum(w, 0))
    return b + r * np.array([length, size, positive])


def _largest_mistake(name, hint, answer):
    largest.mistake(name, hint=hint)(lambda w, b, r: answer(w.astype(float), b, r))


_largest_mistake("the bias is left out", "The logit is w·x + b.", lambda w, b, r: r * _lengths(w))
_largest_mistake("the bias is multiplied by r", "The bias does not depend on x.", lambda w, b, r: r * (b + _lengths(w)))
_largest_mistake("r is left out", "The logit grows with x, so with r.", lambda w, b, r: b + _lengths(w))
_largest_mistake("the squared length", "x = r w/‖w‖ gives r ‖w‖²/‖w‖.",
                 lambda w, b, r: b + r * _lengths(w) ** [2, 1, 1])
_largest_mistake("the weights are added up with their signs", "Where w is negative, x is −r, or 0 if it must.",
                 lambda w, b, r: b + r * np.array([_lengths(w)[0], w.sum(), w.sum()]))
_largest_mistake("numbers from 0 to r are taken as from −r to r", "A negative weight gets a 0 in the third case.",
                 lambda w, b, r: b + r * _lengths(w)[[0, 1, 1]])
_largest_mistake("numbers from −r to r are taken as from 0 to r", "A negative weight gets −r in the second case.",
                 lambda w, b, r: b + r * _lengths(w)[[0, 2, 2]])
_largest_mistake("one pixel only", "Every pixel adds to the logit, not the one with the largest weight alone.",
                 lambda w, b, r: b + r * np.array([np.abs(w).max(), np.abs(w).max(), w.max()]))
_largest_mistake("means in place of sums", "A linear layer adds up.",
                 lambda w, b, r: b + r * _lengths(w) / [w.size**0.5, w.size, w.size])
_largest_mistake("the smallest logits", "The largest is asked for: x has the sign of w.",
                 lambda w, b, r: b - r * (_lengths(w) + [0, 0, -w.sum()]))
_largest_mistake("the largest singular value of w", "An image is a vector here: all numbers of w, squared and added.",
                 lambda w, b, r: b + r * np.array([np.linalg.norm(w, 2), *_lengths(w)[1:]]))
_largest_mistake("the bias is subtracted", "The logit is w·x + b.", lambda w, b, r: r * _lengths(w) - b)
_largest_mistake("r is added, not multiplied by", "x is r times an image of size 1: so is w·x.",
                 lambda w, b, r: b + r + _lengths(w))
_largest_mistake("divided by r", "The larger r, the larger the logit.", lambda w, b, r: b + _lengths(w) / r)
_largest_mistake("all is below 0 in the third case", "Where w is positive, x is r; else 0.",
                 lambda w, b, r: b + r * (_lengths(w) - [0, 0, np.abs(w).sum()]))
_largest_mistake("squared in place of added up by size", "x = r sign(w) gives r times the sum of |w|.",
                 lambda w, b, r: b + r * np.array([_lengths(w)[0], (w * w).sum(), _lengths(w)[2]]))


_largest_mistake("nothing but the bias", "The best image gives more than the bias.",
                 lambda w, b, r: b + 0 * _lengths(w))
_largest_mistake("the smallest, of three lengths", "The largest is asked for: add.",
                 lambda w, b, r: b - r * _lengths(w))
_largest_mistake("a mean in place of a sum, for the length", "The length is the root of the sum of squares.",
                 lambda w, b, r: b + r * _lengths(w) / [w.size**0.5, 1, 1])


@largest.accepted("the images themselves")
def _(w, b, r):
    images = [r * w / np.linalg.norm(w), r * np.sign(w), r * (w > 0)]
    return np.array([np.vdot(w, x) + b for x in images])


@largest.accepted("norms of the flattened weights")
def _(w, b, r):
    v = w.ravel()
    return r * np.array([np.linalg.norm(v), np.linalg.norm(v, 1), v[v > 0].sum()]) + b


# ---- irfft2_backward -------------------------------------------------------------------------------------------------

def _parts(g):
    return np.stack([g.real, g.imag], axis=-1)


def _twice(g, first, last):
    g = g.copy()
    g[:, first:last] *= 2
    return g


def _doubled(g, width):
    return _twice(g, 1, (width + 1) // 2)


def _wave_case(rng, turn):
    """Odd and even widths take turns."""
    while True:
        height, width = unequal(rng, 3, 9)
        if width % 2 == turn // 2 % 2:
            return (numbers(rng, (height, width)),)


waves = Question(
    "irfft2_backward", title="Back through an image made of waves", points=2,
    asks="Write `irfft2_backward(grad_output)`: the gradient of the half spectrum, from that of the pixels.",
    reference=lambda dy: _parts(_doubled(np.fft.rfft2(dy) / dy.size, dy.shape[1])), cases=_wave_case,
    minutes=20, level=3, practice=True,
    text=r"""
        `np.fft.irfft2` makes an image (H, W) from half a spectrum, (H, W//2 + 1) complex numbers: the columns that are
        missing are mirror images of those that are there. `grad_output` (H, W) is the gradient of the pixels. Return
        the gradient of the real and of the imaginary part of each number, shape (H, W//2 + 1, 2).

        A column m of the half spectrum stands for itself and, unless it is its own mirror image, for the missing column
        W − m. In one dimension, with W pixels and $c_m$ = 1 or 2 for the number of columns that m stands for,

        $$
        x_j = \frac1W \sum_m c_m\, \text{Re}\big(X_m\, e^{2 \pi i\, m j / W}\big) .
        $$
    """,
    hints={
        "Half of what it should be, in most columns": "They stand for two columns each.",
        "The last column is off, for even widths": "The column W/2 is its own mirror image: it counts once.",
        "The imaginary parts have the wrong sign":
            "Re((a + ib)(cos + i sin)) = a cos − b sin: the gradient by b has a minus, as `np.fft.rfft2` has.",
    },
)


@waves.solution
def irfft2_backward(grad_output):
    """(H, W)  →  (H, W // 2 + 1, 2)"""
    width = grad_output.shape[1]
    g = np.fft.rfft2(grad_output) / grad_output.size
    g[:, 1:(width + 1) // 2] *= 2              # these stand for two columns
    return np.stack([g.real, g.imag], axis=-1)


def _waves_mistake(name, hint, answer):
    waves.mistake(name, hint=hint)(
        lambda dy: _parts(answer(np.fft.rfft2(dy) / dy.size, dy.shape[1], dy.size)))


_TWICE = "All columns but those that are their own mirror image stand for two."
_waves_mistake("no column counts twice", _TWICE, lambda g, width, size: g)
_waves_mistake("every column counts twice", "Column 0 is its own mirror image; so is W/2, for an even width.",
               lambda g, width, size: 2 * g)
_waves_mistake("the last column of an even width counts twice", "Column W/2 is its own mirror image.",
               lambda g, width, size: _twice(g, 1, None))
_waves_mistake("the last column of an odd width counts once", "For an odd width no column but the first is its own "
               "mirror image.", lambda g, width, size: _twice(g, 1, -1))
_waves_mistake("column 0 counts twice", "Column 0 is its own mirror image.",
               lambda g, width, size: _twice(g, 0, (width + 1) // 2))
_waves_mistake("the sign of the imaginary parts", "The derivative of Re(X e^{iθ}) by the imaginary part is −sin θ.",
               lambda g, width, size: _doubled(g, width).conj())
_waves_mistake("not divided by the number of pixels", "`irfft2` divides by H·W, so its gradient does.",
               lambda g, width, size: _doubled(g, width) * size)
_waves_mistake("divided by the square root of the number of pixels", "By NumPy's default `irfft2` divides by H·W.",
               lambda g, width, size: _doubled(g, width) * size**0.5)
_waves_mistake("neither divided nor doubled", "`irfft2` divides by H·W. And " + _TWICE[0].lower() + _TWICE[1:],
               lambda g, width, size: g * size)
_waves_mistake("divided by the width only", "`irfft2` divides by H·W.",
               lambda g, width, size: _doubled(g, width) * (size / width))
_waves_mistake("the whole gradient is doubled as well", "Columns count once or twice, no more.",
               lambda g, width, size: 2 * _doubled(g, width))
_waves_mistake("multiplied by the number of pixels", "`irfft2` divides by H·W, so its gradient does.",
               lambda g, width, size: _doubled(g, width) * size**2)
_waves_mistake("columns that count twice are squared", "Twice is times 2.", lambda g, width, size: np.concatenate(
    [g[:, :1], g[:, 1:(width + 1) // 2] ** 2, g[:, (width + 1) // 2:]], 1))
_waves_mistake("columns that count twice get 2 added", "Twice is times 2.", lambda g, width, size: np.concatenate(
    [g[:, :1], g[:, 1:(width + 1) // 2] + 2, g[:, (width + 1) // 2:]], 1))
_waves_mistake("the inverse transform", "The adjoint of `irfft2` is a forward transform, up to factors.",
               lambda g, width, size: _doubled(g.conj(), width) / size)


@waves.mistake("real and imaginary parts are exchanged", hint="The real part comes first.")
def _(dy):
    return _parts(_doubled(np.fft.rfft2(dy) / dy.size, dy.shape[1]))[..., ::-1]


@waves.mistake("the imaginary parts come twice", hint="The first is the real part.")
def _(dy):
    g = _doubled(np.fft.rfft2(dy) / dy.size, dy.shape[1])
    return np.stack([g.imag, g.imag], -1)


@waves.mistake("the real parts come twice", hint="The second is the imaginary part.")
def _(dy):
    g = _doubled(np.fft.rfft2(dy) / dy.size, dy.shape[1])
    return np.stack([g.real, g.real], -1)


@waves.mistake("the parts are the first axis", hint="The two parts are the last axis: `axis=-1`.")
def _(dy):
    return np.moveaxis(_parts(_doubled(np.fft.rfft2(dy) / dy.size, dy.shape[1])), -1, 0)


@waves.mistake("the height decides which columns count twice",
               hint="It is the columns that are cut in half: count them by the width.")
def _(dy):
    g = np.fft.rfft2(dy) / dy.size
    g[:, 1:(dy.shape[0] + 1) // 2] *= 2
    return _parts(g)


@waves.mistake("rows count twice, not columns", hint="Rows are all there. Columns are missing.")
def _(dy):
    g = np.fft.rfft2(dy) / dy.size
    g[1:(dy.shape[0] + 1) // 2] *= 2
    return _parts(g)


@waves.mistake("the whole spectrum", hint="Half a spectrum: W//2 + 1 columns, and so has its gradient.")
def _(dy):
    return _parts(np.fft.fft2(dy) / dy.size)


@waves.accepted("each number by itself")
def _(dy):
    height, width = dy.shape
    out = np.zeros((height, width // 2 + 1, 2))
    for place in np.ndindex(*out.shape):
        unit = np.zeros(out.shape)
        unit[place] = 1
        out[place] = np.sum(dy * np.fft.irfft2(unit[..., 0] + 1j * unit[..., 1], s=dy.shape))
    return out


@waves.accepted("how often each column counts")
def _(dy):
    width = dy.shape[1]
    times = np.array([1 if m in (0, width / 2) else 2 for m in range(width // 2 + 1)])
    g = times * np.fft.fft2(dy)[:, :width // 2 + 1] / dy.size
    return np.stack([g.real, g.imag], -1)


# ---- variation_gradient ----------------------------------------------------------------------------------------------

def _steps(x):
    right, down = np.zeros(x.shape), np.zeros(x.shape)
    right[:, :-1], down[:-1] = np.diff(x, axis=1), np.diff(x, axis=0)
    return right, down


def _spread(x, a, b):
    """The gradient by x of what has the gradients a and b by the differences to the right and down."""
    g = -a - b
    g[:, 1:] += a[:, :-1]
    g[1:] += b[:-1]
    return g


def _slope_of(size, beta):
    return np.where(size > 0, beta * np.where(size > 0, size, 1) ** (beta / 2 - 1), 0)


def _variation(x, beta):
    right, down = _steps(x)
    factor = _slope_of(right**2 + down**2, beta)
    return _spread(x, factor * right, factor * down)


def _variation_case(rng, turn):
    """Images with a flat part; powers below 2, at which an inner term of 0 is a trap, and above it."""
    x = numbers(rng, unequal(rng, 4, 8))
    x[1:3, 1:3] = x[1, 1]
    x[1, 2], x[2, 1] = x[1, 1], x[1, 1]
    return x, [1.0, 1.5, 3.0, 2.5][turn % 4]


variation = Question(
    "variation_gradient", title="A price for roughness", points=3,
    asks="Write `variation_gradient(x, beta)`: the gradient of the total variation of an image.",
    reference=_variation, cases=_variation_case,
    minutes=25, level=3,
    text=r"""
        Mahendran and Vedaldi keep noise out of their images by a price on differences of neighbours. For an image `x`
        (H, W) and a power `beta` of at least 1 it is

        $$
        V = \sum_{i, j} \big( (x_{i, j+1} - x_{i j})^2 + (x_{i+1, j} - x_{i j})^2 \big)^{\beta / 2} ,
        $$

        where a difference to a pixel outside of the image is 0. Return $\partial V / \partial x$, (H, W). A term with
        both differences 0 has no part in the gradient, whatever beta is.
    """,
    hints={
        "nan or inf": "0 to a negative power. In the last corner both differences are always 0: leave such terms out.",
        "Every pixel is off a little":
            "A pixel stands in three terms: in its own with both differences, in the one of its left neighbour, and in "
            "the one of its upper neighbour.",
        "Right for beta = 2 only": "The outer power has a derivative too: (β/2) D^(β/2 − 1), times that of D.",
    },
)


@variation.solution
def variation_gradient(x, beta):
    """(H, W), float  →  (H, W)"""
    right = np.diff(x, axis=1, append=x[:, -1:])       # (H, W), the last is 0
    down = np.diff(x, axis=0, append=x[-1:])
    size = np.hypot(right, down)
    factor = beta * np.maximum(size, 1e-9) ** (beta - 2)   # if size is 0: × 0
    a, b = factor * right, factor * down
    return -np.diff(a, axis=1, prepend=0) - np.diff(b, axis=0, prepend=0)


def _variation_mistake(name, hint, answer):
    variation.mistake(name, hint=hint)(lambda x, beta: answer(x, *_steps(x), beta))


def _with(factor):
    def answer(x, right, down, beta):
        f = factor(right**2 + down**2, beta)
        return _spread(x, f * right, f * down)
    return answer


def _own(x, right, down, beta):
    return -_slope_of(right**2 + down**2, beta) * (right + down)


def _neighbours(left, upper):
    def answer(x, right, down, beta):
        f, g = _slope_of(right**2 + down**2, beta), _own(x, right, down, beta)
        g[:, 1:] += left * (f * right)[:, :-1]
        g[1:] += upper * (f * down)[:-1]
        return g
    return answer


def _crossed(x, right, down, beta):
    factor = _slope_of(right**2 + down**2, beta)
    return _spread(x, factor * down, factor * right)


def _factored(x, right, down, beta, length):
    factor = beta * np.maximum(length, 1e-9) ** (beta - 2)
    return _spread(x, factor * right, factor * down)


def _wrapped(x, right, down, beta):
    right, down = np.roll(x, -1, 1) - x, np.roll(x, -1, 0) - x
    factor = _slope_of(right**2 + down**2, beta)
    return np.roll(factor * right, 1, 1) + np.roll(factor * down, 1, 0) - factor * (right + down)


_THREE = "A pixel stands in its own term, in that of its left and in that of its upper neighbour."
_variation_mistake("a pixel's own term only", _THREE, _own)
_variation_mistake("the left neighbour's term is missing", _THREE, _neighbours(0, 1))
_variation_mistake("the upper neighbour's term is missing", _THREE, _neighbours(1, 0))
_variation_mistake("the neighbours' terms have the wrong sign", "x is subtracted in its own term, and added in theirs.",
                   _neighbours(-1, -1))
_variation_mistake("the left neighbour's term has the wrong sign", "x is added in the term of its left neighbour.",
                   _neighbours(-1, 1))
_variation_mistake("the upper neighbour's term has the wrong sign", "x is added in the term of its upper neighbour.",
                   _neighbours(1, -1))
_variation_mistake("the neighbours' terms only", _THREE,
                   lambda x, r, d, beta: _neighbours(1, 1)(x, r, d, beta) - _own(x, r, d, beta))
_variation_mistake("a pixel's own term has the wrong sign", "In its own differences x is subtracted.",
                   lambda x, r, d, beta: _neighbours(1, 1)(x, r, d, beta) - 2 * _own(x, r, d, beta))
_variation_mistake("the sign is turned over", "This is the direction in which V falls.",
                   lambda x, r, d, beta: -_variation(x, beta))
_variation_mistake("half of the gradient", "The square gives a 2 that the ½ of β/2 takes away again: β is left.",
                   lambda x, r, d, beta: _variation(x, beta) / 2)
_variation_mistake("twice the gradient", "The square gives a 2 that the ½ of β/2 takes away again: β is left.",
                   lambda x, r, d, beta: _variation(x, beta) * 2)
_variation_mistake("beta as a factor is left out", "The outer power gives β/2, the square inside 2.",
                   lambda x, r, d, beta: _variation(x, beta) / beta)
_variation_mistake("the gradient for beta = 2", "The outer power depends on beta.",
                   lambda x, r, d, beta: _variation(x, 2))
_variation_mistake("the power is not lowered by 1", "The derivative of D^(β/2) has the power β/2 − 1.",
                   _with(lambda size, beta: beta * size ** (beta / 2)))
_variation_mistake("the power is beta − 1", "D is a square already: its power is β/2 − 1.",
                   _with(lambda size, beta: np.where(size > 0, beta * size ** (beta - 1), 0)))
_variation_mistake("the differences do not share a power",
                   "Both squares stand under one power: the sum of the two decides the factor.",
                   lambda x, r, d, beta: _spread(x, _slope_of(r**2, beta) * r, _slope_of(d**2, beta) * d))
_variation_mistake("the power is raised by 1", "The derivative of D^(β/2) has the power β/2 − 1.",
                   _with(lambda size, beta: beta * size ** (beta / 2 + 1)))
_variation_mistake("the power is 1 − β/2", "The derivative of D^(β/2) has the power β/2 − 1.",
                   _with(lambda size, beta: beta * np.maximum(size, 1e-18) ** (1 - beta / 2)))
_variation_mistake("beta is added to the factor", "The derivative of a power: the power as a factor.",
                   _with(lambda size, beta: np.where(size > 0, beta + _slope_of(size, beta) / beta, 0)))
_variation_mistake("divided by the factor", "A chain of derivatives is a product.",
                   lambda x, r, d, beta: _spread(x, *(np.where(r**2 + d**2 > 0, one / np.where(
                       r**2 + d**2 > 0, _slope_of(r**2 + d**2, beta), 1), 0) for one in (r, d))))
_variation_mistake("only differences to the right", "Differences down belong to the sum as well.",
                   lambda x, r, d, beta: _spread(x, _slope_of(r**2, beta) * r, 0 * d))
_variation_mistake("only differences down", "Differences to the right belong to the sum as well.",
                   lambda x, r, d, beta: _spread(x, 0 * r, _slope_of(d**2, beta) * d))
_variation_mistake("rows and columns are exchanged in the last step",
                   "Differences to the right are spread to the right, differences down downwards.",
                   _crossed)
_variation_mistake("only differences to the right decide the factor", "Both squares stand under the power.",
                   lambda x, r, d, beta: _factored(x, r, d, beta, np.abs(r)))
_variation_mistake("only differences down decide the factor", "Both squares stand under the power.",
                   lambda x, r, d, beta: _factored(x, r, d, beta, np.abs(d)))
_variation_mistake("the factor is left out of differences to the right", "It multiplies both.",
                   lambda x, r, d, beta: _spread(x, r, _slope_of(r**2 + d**2, beta) * d))
_variation_mistake("the factor is left out of differences down", "It multiplies both.",
                   lambda x, r, d, beta: _spread(x, _slope_of(r**2 + d**2, beta) * r, d))
_variation_mistake("the factor alone, without its differences", "The inner square has a derivative too.",
                   lambda x, r, d, beta: _spread(x, *2 * [_slope_of(np.maximum(r**2 + d**2, 1e-18), beta)]))
_variation_mistake("the part of differences to the right has the wrong sign", "Both parts have the same sign.",
                   lambda x, r, d, beta: _spread(x, -_slope_of(r**2 + d**2, beta) * r,
                                                 _slope_of(r**2 + d**2, beta) * d))
_variation_mistake("the part of differences down has the wrong sign", "Both parts have the same sign.",
                   lambda x, r, d, beta: _spread(x, _slope_of(r**2 + d**2, beta) * r,
                                                 -_slope_of(r**2 + d**2, beta) * d))
_variation_mistake("the differences themselves, not spread over the pixels", _THREE,
                   lambda x, r, d, beta: -_slope_of(r**2 + d**2, beta) * (r - d))
_variation_mistake("the power is β − 1, of the length", "Of the length of both differences the power is β − 2.",
                   _with(lambda size, beta: beta * size ** ((beta - 1) / 2)))
_variation_mistake("the power is β − 3, of the length", "Of the length of both differences the power is β − 2.",
                   _with(lambda size, beta: beta * np.maximum(size, 1e-18) ** ((beta - 3) / 2)))
_variation_mistake("the power is −2, of the length", "beta belongs to the power too.",
                   _with(lambda size, beta: np.where(size > 0, beta / np.where(size > 0, size, 1), 0)))
_variation_mistake("the power is a factor", "D^p is a power, not a product.",
                   _with(lambda size, beta: beta * np.maximum(size, 1e-18) ** 0.5 * (beta - 2)))
_variation_mistake("the power is left out", "The derivative of D^(β/2) has the power β/2 − 1.",
                   _with(lambda size, beta: np.where(size > 0, beta, 0)))
_variation_mistake("the power is 1, of the length", "Of the length of both differences the power is β − 2.",
                   _with(lambda size, beta: beta * size**0.5))
_variation_mistake("the power is 2, of the length", "Of the length of both differences the power is β − 2.",
                   _with(lambda size, beta: beta * size))
_variation_mistake("the part of differences down is missing", _THREE,
                   lambda x, r, d, beta: _spread(x, _slope_of(r**2 + d**2, beta) * r, 0 * d))
_variation_mistake("the part of differences to the right is missing", _THREE,
                   lambda x, r, d, beta: _spread(x, 0 * r, _slope_of(r**2 + d**2, beta) * d))
_variation_mistake("the pixels in place of differences to the right", "The price is on differences, not on pixels.",
                   lambda x, r, d, beta: _factored(x, x, d, beta, np.hypot(x, d)))
_variation_mistake("the pixels in place of differences down", "The price is on differences, not on pixels.",
                   lambda x, r, d, beta: _factored(x, r, x, beta, np.hypot(r, x)))
_variation_mistake("the image wraps around", "Beyond the border there is no difference: 0.",
                   _wrapped)


@variation.accepted("pixel by pixel")
def _(x, beta):
    height, width = x.shape
    g = np.zeros(x.shape)
    for i, j in np.ndindex(height, width):
        right = x[i, j + 1] - x[i, j] if j + 1 < width else 0
        down = x[i + 1, j] - x[i, j] if i + 1 < height else 0
        if right or down:
            factor = beta * (right**2 + down**2) ** (beta / 2 - 1)
            g[i, j] -= factor * (right + down)
            if j + 1 < width:
                g[i, j + 1] += factor * right
            if i + 1 < height:
                g[i + 1, j] += factor * down
    return g


@variation.accepted("the last row and column repeated")
def _(x, beta):
    a, b = np.diff(np.pad(x, ((0, 0), (0, 1)), "edge"), axis=1), np.diff(np.pad(x, ((0, 1), (0, 0)), "edge"), axis=0)
    length = np.hypot(a, b)
    factor = np.zeros_like(length)
    np.power(length, beta - 2, out=factor, where=length > 0)
    a, b = beta * factor * a, beta * factor * b
    return -np.diff(np.pad(a, ((0, 0), (1, 0))), axis=1) - np.diff(np.pad(b, ((1, 0), (0, 0))), axis=0)


# ---- moved_gradient --------------------------------------------------------------------------------------------------

def _shifted(x, down, right):
    """x moved down and right: zeros come in, what leaves is lost."""
    height, width = x.shape
    wide = np.pad(x, ((height, height), (width, width)))
    return wide[height - down:2 * height - down, width - right:2 * width - right]


def _mean_over(x, w, shifts, back, forth=_shifted):
    total = np.zeros(x.shape)
    for down, right in shifts:
        total += back(w * (1 - np.tanh(forth(x, down, right)) ** 2), down, right)
    return total / len(shifts)


def _moved_case(rng):
    """Two or three moves that do not cancel, each of them down or up, and right or left."""
    height, width = unequal(rng, 4, 8)
    while True:
        shifts = [tuple(int(s) for s in rng.choice([-2, -1, 1, 2], 2)) for _ in range(int(rng.integers(2, 4)))]
        if len(set(shifts)) == len(shifts) and all(sum(s[i] for s in shifts) for i in (0, 1)):
            return numbers(rng, (height, width)) / 2, numbers(rng, (height, width)), shifts


jitter = Question(
    "moved_gradient", title="A gradient that is not moved back", points=2,
    asks="Mend `moved_gradient(x, w, shifts)`: the gradient of the mean answer to an image that is moved by chance.",
    reference=lambda x, w, shifts: _mean_over(x, w, shifts, lambda g, d, r: _shifted(g, -d, -r)), cases=_moved_case,
    kind="mend", minutes=20, level=2,
    text=r"""
        The network is $z(x) = \sum_{ij} w_{ij} \tanh x_{ij}$. Before it looks, the image `x` (H, W) is moved: by each
        of the `shifts`, pairs (down, right) of ints that may be negative, once. Zeros come in at the border, and what
        leaves the image is lost. Return the gradient with respect to x, (H, W), of the mean of these answers.

        What is given moves the image rightly, and it passes a test in which nothing moves. Both of its faults are in
        one line.
    """,
    hints={
        "Where to begin":
            "Pixel (i, j) of x is looked at as pixel (i + down, j + right). From which place comes its gradient?",
        "Right in the middle, wrong at the border":
            "A pixel that left the image was not seen. Its gradient is 0, not that of another place.",
    },
)


@jitter.given("the gradient is moved in the direction of the image, and around the border",
              hint="Two faults: the gradient has to go back where the pixel came from; and what leaves the image on "
                   "one side does not come in on the other.")
def _(x, w, shifts):
    n, m = x.shape
    total = np.zeros((n, m))
    for down, right in shifts:
        wide = np.pad(x, ((n, n), (m, m)))
        seen = wide[n - down:2 * n - down, m - right:2 * m - right]
        g = w * (1 - np.tanh(seen) ** 2)
        total += np.roll(g, (down, right), axis=(0, 1))
    return total / len(shifts)


@jitter.solution
def moved_gradient(x, w, shifts):
    """(H, W), (H, W), list of pairs of ints  →  (H, W)"""
    n, m = x.shape
    total = np.zeros((n, m))
    for down, right in shifts:
        wide = np.pad(x, ((n, n), (m, m)))
        seen = wide[n - down:2 * n - down, m - right:2 * m - right]
        g = w * (1 - np.tanh(seen) ** 2)
        wide = np.pad(g, ((n, n), (m, m)))
        total += wide[n + down:2 * n + down, m + right:2 * m + right]
    return total / len(shifts)


def _moved_mistake(name, hint, back):
    jitter.mistake(name, hint=hint)(lambda x, w, shifts: _mean_over(x, w, shifts, back))


_BORDER = "What leaves on one side does not come in on the other: zeros do, as where the image is moved."
_moved_mistake("around the border", _BORDER, lambda g, d, r: np.roll(g, (-d, -r), (0, 1)))
_moved_mistake("the gradient is moved in the direction of the image",
               "The border is right now. A pixel that went down gets its gradient from below: move it up.", _shifted)
_moved_mistake("the gradient is not moved", "Each pixel was seen at another place: its gradient lies there.",
               lambda g, d, r: g)
_moved_mistake("moved back up and down only", "The second number of a pair moves columns.",
               lambda g, d, r: _shifted(g, -d, 0))
_moved_mistake("moved back to the left and right only", "The first number of a pair moves rows.",
               lambda g, d, r: _shifted(g, 0, -r))
_moved_mistake("down and right are exchanged", "`down` belongs to axis 0.", lambda g, d, r: _shifted(g, -r, -d))
_moved_mistake("up and down in the direction of the image", "Rows go back too: up if the image went down.",
               lambda g, d, r: _shifted(g, d, -r))
_moved_mistake("left and right in the direction of the image", "Columns go back too.",
               lambda g, d, r: _shifted(g, -d, r))


@jitter.mistake("added up, not averaged", hint="The mean of the answers: divide by how many there are.")
def _(x, w, shifts):
    return _mean_over(x, w, shifts, lambda g, d, r: _shifted(g, -d, -r)) * len(shifts)


@jitter.mistake("the image is not moved", hint="The slope of tanh depends on the pixel that is seen there.")
def _(x, w, shifts):
    return _mean_over(x, w, shifts, lambda g, d, r: _shifted(g, -d, -r), lambda x, d, r: x)


@jitter.mistake("the image is moved the other way", hint="The image was moved rightly. It is the gradient that is not.")
def _(x, w, shifts):
    return _mean_over(x, w, shifts, _shifted, lambda x, d, r: _shifted(x, -d, -r))


@jitter.mistake("the last move only", hint="Add up over all moves.")
def _(x, w, shifts):
    return _mean_over(x, w, shifts[-1:], lambda g, d, r: _shifted(g, -d, -r)) / len(shifts)


def _sloped(x, w, shifts, slope):
    total = np.zeros(x.shape)
    for down, right in shifts:
        total += _shifted(slope(_shifted(x, down, right), w), -down, -right)
    return total / len(shifts)


def _slope_mistake(name, slope):
    jitter.mistake(name, hint="The slope was right: of tanh it is 1 − tanh², times the weight.")(
        lambda x, w, shifts: _sloped(x, w, shifts, slope))


_slope_mistake("tanh is left out of the gradient", lambda x, w: w)
_slope_mistake("the slope is tanh²", lambda x, w: w * np.tanh(x) ** 2)
_slope_mistake("the slope is 1 + tanh²", lambda x, w: w * (1 + np.tanh(x) ** 2))
_slope_mistake("the slope is 1 − tanh", lambda x, w: w * (1 - np.tanh(x)))
_slope_mistake("the slope is 1 − 2 tanh", lambda x, w: w * (1 - 2 * np.tanh(x)))
_slope_mistake("the slope is 1 − tanh³", lambda x, w: w * (1 - np.tanh(x) ** 3))
_slope_mistake("the slope is 1 − x²", lambda x, w: w * (1 - x**2))
_slope_mistake("the weight is left out of the gradient", lambda x, w: 1 - np.tanh(x) ** 2)
_slope_mistake("the weight is added, not multiplied by", lambda x, w: w + 1 - np.tanh(x) ** 2)


@jitter.accepted("the weights move back, the image stays")
def _(x, w, shifts):
    moved = [_shifted(w, -down, -right) for down, right in shifts]
    return np.mean(moved, axis=0) / np.cosh(x) ** 2


@jitter.accepted("the image around the border: what comes in there gets a gradient that is lost on the way back")
def _(x, w, shifts):
    return _mean_over(x, w, shifts, lambda g, d, r: _shifted(g, -d, -r), lambda x, d, r: np.roll(x, (d, r), (0, 1)))


@jitter.accepted("pixel by pixel")
def _(x, w, shifts):
    g = np.zeros(x.shape)
    for i, j in np.ndindex(*x.shape):
        for down, right in shifts:
            if 0 <= i + down < len(x) and 0 <= j + right < x.shape[1]:
                g[i, j] += w[i + down, j + right] * (1 - np.tanh(x[i, j]) ** 2) / len(shifts)
    return g


# ---- pixel_steps -----------------------------------------------------------------------------------------------------

def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _steps_case(rng):
    """No gradient by w near 0, where its sign would be chance; pixels neither black nor white."""
    while True:
        n, m = unequal(rng, 3, 7)
        basis, w, g = numbers(rng, (n, m)) / 2, numbers(rng, (m,)) / 4, numbers(rng, (n,))
        x = _sigmoid(basis @ w)
        if np.abs(_of_w(basis, w, g)).min() > 0.05 and x.min() > 0.05 and x.max() < 0.95:
            return basis, w, g, float(rng.integers(1, 8)) / 16


def _slope(x):
    return x * (1 - x)


def _one(x):
    return np.ones(x.shape)


def _of_w(basis, w, g, slope=_slope):
    return basis.T @ (slope(_sigmoid(basis @ w)) * g)


def _two_steps(basis, w, g, lr, there=_slope, back=_slope):
    """there, back: what stands for the slope of the sigmoid on the way to w, and on that to the pixels."""
    u, slope = _of_w(basis, w, g, there), back(_sigmoid(basis @ w))
    return lr * np.stack([slope * (basis @ u), slope * (basis @ np.sign(u))])


pixel = Question(
    "pixel_steps", title="How pixels move when their coordinates do", points=2,
    asks="Predict `pixel_steps(M, w, g, lr)`: how the pixels change in one step of gradient ascent in other "
         "coordinates, and in Adam's first.",
    reference=lambda basis, w, g, lr: _two_steps(basis, w, g, lr), cases=_steps_case,
    kind="predict", minutes=20, level=2,
    text=r"""
        An image of n pixels is $x = \text{sigmoid}(M w)$, with `M` (n, m) and parameters `w` (m,). `g` (n,) is the
        gradient of a logit with respect to the pixels x. Return two rows, (2, n): how much x changes, to first order in
        the learning rate `lr`,

        - in a step of gradient ascent in w;
        - in the first step of Adam in w, upwards. It moves each parameter by `lr`, in the direction of its gradient.

        To first order: by the derivative of x, not by the new x minus the old one.
    """,
    hints={
        "Both rows are too large": "The slope of the sigmoid, x (1 − x), is missing, or enters once only: it is "
                                   "met on the way to w and again on the way back.",
        "The second row is off": "The sign is that of the gradient by w, not of the gradient by x.",
    },
)


@pixel.solution
def pixel_steps(M, w, g, lr):
    """(n, m), (m,), (n,), float  →  (2, n)"""
    x = 1 / (1 + np.exp(-M @ w))
    jacobian = (x * (1 - x))[:, None] * M      # of x by w
    u = jacobian.T @ g                         # the gradient by w
    return lr * np.stack([jacobian @ u, jacobian @ np.sign(u)])


def _differences(basis, w, g, lr):
    u = _of_w(basis, w, g)
    before, *after = (_sigmoid(basis @ one) for one in (w, w + lr * u, w + lr * np.sign(u)))
    return np.stack(after) - before


pixel.mistake("the sigmoid is left out", "x is the sigmoid of M w: its slope x (1 − x) enters twice.",
              lambda M, w, g, lr: _two_steps(M, w, g, lr, _one, _one))
pixel.mistake("the slope of the sigmoid is missing in the gradient by w", "Chain rule: ∂z/∂w = Mᵀ (x (1 − x) g).",
              lambda M, w, g, lr: _two_steps(M, w, g, lr, _one))
pixel.mistake("the slope of the sigmoid is missing on the way back to pixels",
              "A change of w moves M w, and the sigmoid passes on x (1 − x) of it.",
              lambda M, w, g, lr: _two_steps(M, w, g, lr, back=_one))
pixel.mistake("the step is taken in pixels", "The parameters move, by their own gradient.",
              lambda M, w, g, lr: lr * np.stack([g, np.sign(g)]))
pixel.mistake("the sign is taken in pixels", "Adam's parameters are w: the sign is that of their gradient.",
              lambda M, w, g, lr: np.stack([_two_steps(M, w, g, lr)[0], lr * np.sign(g)]))
pixel.mistake("the sign of the change of pixels", "The sign comes before M, which then mixes the signs.",
              lambda M, w, g, lr: np.stack([_two_steps(M, w, g, lr)[0], lr * np.sign(_two_steps(M, w, g, lr)[0])]))
pixel.mistake("downwards", "Ascent: the logit is to grow.", lambda M, w, g, lr: -_two_steps(M, w, g, lr))
pixel.mistake("the learning rate is left out", "Each step is `lr` long.", lambda M, w, g, lr: _two_steps(M, w, g, 1))
pixel.mistake("the learning rate enters twice", "Once: in the step of w.",
              lambda M, w, g, lr: _two_steps(M, w, g, lr * lr))
pixel.mistake("the rows are exchanged", "Gradient ascent first, then Adam.",
              lambda M, w, g, lr: _two_steps(M, w, g, lr)[::-1])
pixel.mistake("the first row twice", "Adam moves each parameter by lr, whatever the size of its gradient.",
              lambda M, w, g, lr: _two_steps(M, w, g, lr)[[0, 0]])
pixel.mistake("the second row twice", "Gradient ascent moves each parameter by lr times its gradient.",
              lambda M, w, g, lr: _two_steps(M, w, g, lr)[[1, 1]])
pixel.mistake("the new image minus the old one", "To first order: by the derivative, not by the difference.",
              _differences)
pixel.mistake("a step of the parameters", "The change of the pixels was asked for: M brings it there.",
              lambda M, w, g, lr: lr * np.stack([_of_w(M, w, g), np.sign(_of_w(M, w, g))]))
pixel.mistake("divided by the learning rate", "A step is lr times its direction.",
              lambda M, w, g, lr: _two_steps(M, w, g, 1 / lr))


def _sigmoid_mistake(name, slope):
    pixel.mistake(name, hint="The slope of the sigmoid is x (1 − x), where x is the sigmoid of M w.")(
        lambda M, w, g, lr: _two_steps(M, w, g, lr, slope, slope))


_sigmoid_mistake("the slope of the sigmoid is taken as x", lambda x: x)
_sigmoid_mistake("the slope of the sigmoid is taken as 1 − x", lambda x: 1 - x)
_sigmoid_mistake("the slope of the sigmoid is taken as x²", lambda x: x * x)
_sigmoid_mistake("the slope of the sigmoid is taken as x (1 + x)", lambda x: x * (1 + x))
_sigmoid_mistake("the slope of the sigmoid is taken as x (2 − x)", lambda x: x * (2 - x))
_sigmoid_mistake("the slope of the sigmoid is taken as 1 − x²", lambda x: 1 - x * x)
_sigmoid_mistake("1 + exp(−M w) is taken for the sigmoid", lambda x: (1 - 1 / x) / x)
_sigmoid_mistake("exp(M w) is taken for the sigmoid", lambda x: x * (1 - 2 * x) / (1 - x) ** 2)
_sigmoid_mistake("the sigmoid is taken twice as high", lambda x: 2 * x * (1 - 2 * x))
_sigmoid_mistake("the sigmoid has a 2 for its 1", lambda x: (lambda e: (1 + e) / (2 + e) ** 2)(1 / x - 1))
_sigmoid_mistake("the sigmoid has 1 − exp for 1 + exp", lambda x: (lambda e: -e / (1 - e) ** 2)(1 / x - 1))
pixel.mistake("no gradient: the parameters all rise", "g says how the logit depends on each pixel.",
              lambda M, w, g, lr: _two_steps(M, w, np.ones(len(g)), lr))
pixel.mistake("the sign of the gradient of the pixels enters",
              "First the gradient by w, then its sign. In gradient ascent there is no sign.",
              lambda M, w, g, lr: _two_steps(M, w, np.sign(g), lr))
pixel.mistake("the learning rate is added", "A step is lr times its direction.",
              lambda M, w, g, lr: _two_steps(M, w, g, 1) + lr)


@pixel.accepted("the slope on both ways")
def _(M, w, g, lr):
    e = np.exp(-M @ w)
    slope = e / (1 + e) ** 2
    u = (slope * g) @ M
    return np.array([slope * (M @ (lr * u)), slope * (M @ np.where(u > 0, lr, -lr))])


@pixel.accepted("by a matrix from pixels to pixels")
def _(M, w, g, lr):
    x = 1 / (1 + np.exp(-(M @ w)))
    D = np.diag(x * (1 - x))
    return np.array([lr * D @ M @ M.T @ D @ g, lr * D @ M @ np.sign(M.T @ D @ g)])


# ---- drive_one -------------------------------------------------------------------------------------------------------

def _alone(kernels, k):
    """The part of kernel k that no combination of the others has."""
    flat = kernels.reshape(len(kernels), -1).astype(np.float64)
    others = np.delete(flat, k, 0).T
    return (flat[k] - others @ np.linalg.lstsq(others, flat[k], rcond=None)[0]).reshape(kernels.shape[1:])


def _drive_case(rng):
    """Two to four kernels; the one to be driven has much in common with the others, and enough of its own."""
    while True:
        kernels = numbers(rng, (int(rng.integers(2, 5)), *unequal(rng, 2, 5)))
        kernels += 2 * numbers(rng, kernels.shape[1:])
        k = int(rng.integers(len(kernels)))
        left = np.linalg.norm(_alone(kernels, k)) / np.linalg.norm(kernels[k])
        if 0.3 < left < 0.8 and kernels[0].size > len(kernels) + 1:
            return kernels, k, float(rng.integers(5, 13)) / 4


def _drive_properties(x, kernels, k, r):
    if x.shape != kernels.shape[1:]:
        raise ValueError(f"an image of shape {kernels.shape[1:]} was asked for; this has shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("all numbers must be finite")
    answers = np.tensordot(kernels.astype(np.float64), x, 2)
    best = r * np.linalg.norm(_alone(kernels, k))
    return {"what the answer lacks of nine tenths of the best": max(0, 0.9 * best - answers[k]),
            "largest answer of another channel": np.abs(np.delete(answers, k)).max(),
            "how far the length is above r": max(0, np.linalg.norm(x) - r)}


drive = Question(
    "drive_one", title="An image for one channel alone", points=3,
    asks="Design `drive_one(kernels, k, r)`: an image that one channel answers to and the others do not.",
    reference=lambda kernels, k, r: r * _alone(kernels, k) / np.linalg.norm(_alone(kernels, k)),
    cases=_drive_case, measure=_drive_properties, kind="design", minutes=25, level=3,
    text=r"""
        Channel c answers $\langle w_c, x \rangle$ to an image x (H, W), with `kernels` w (K, H, W) that have much in
        common; none is a combination of the others. Return an image for which

        - each channel but `k` answers 0;
        - the length $\lVert x \rVert$ is at most r;
        - channel k answers at least nine tenths of the most that such an image can reach.
    """,
    hints={
        "The other channels answer": "x = w_k pleases all that resemble it. Which part of w_k do the others not have?",
        "It works for two kernels only":
            "The others are not at right angles: subtract all at once, by least squares or with a QR decomposition.",
        "The answer is too small": "Use the whole length r, and spend none of it on what only one kernel in k sees.",
    },
)


@drive.solution
def drive_one(kernels, k, r):
    """(K, H, W), int, float  →  (H, W)"""
    flat = kernels.reshape(len(kernels), -1)
    others = np.delete(flat, k, axis=0).T      # (H W, K − 1)
    q, _ = np.linalg.qr(others)                # the same span, at right angles
    alone = flat[k] - q @ (q.T @ flat[k])
    return (r * alone / np.linalg.norm(alone)).reshape(kernels.shape[1:])


def _drive_mistake(name, hint, image):
    drive.mistake(name, hint=hint)(
        lambda kernels, k, r: (lambda x: r * x / np.linalg.norm(x))(image(kernels.astype(np.float64), k)))


def _one_by_one(kernels, k):
    x = kernels[k]
    for other in np.delete(kernels, k, 0):
        x = x - np.vdot(kernels[k], other) / np.vdot(other, other) * other
    return x


_drive_mistake("the kernel itself", "The best image for channel k; but the others resemble it and answer too.",
               lambda kernels, k: kernels[k])
_drive_mistake("the kernel minus the mean of the others", "That makes them answer less, not 0: subtract projections.",
               lambda kernels, k: kernels[k] - np.delete(kernels, k, 0).mean(0))
_drive_mistake("the mean of the kernel is subtracted", "The others need not be constant: project on them.",
               lambda kernels, k: kernels[k] - kernels[k].mean())
_drive_mistake("the other kernels are subtracted one by one",
               "They are not at right angles: what you subtract for one, another misses. Project on all at once.",
               _one_by_one)
_drive_mistake("the part that the others have too", "That is what you must subtract.",
               lambda kernels, k: kernels[k] - _alone(kernels, k))
_drive_mistake("the sign is turned over", "Channel k answers as little as it can.",
               lambda kernels, k: -_alone(kernels, k))
_drive_mistake("for another channel", "`k` counts from 0.", lambda kernels, k: _alone(kernels, k - 1))
_drive_mistake("the others' part is added, not subtracted", "Subtract what the others have in common with it.",
               lambda kernels, k: 2 * kernels[k] - _alone(kernels, k))
drive.mistake("multiplied by its length, not divided", hint="Divide by its length, then it has length r.")(
    lambda kernels, k, r: r * _alone(kernels, k) * np.linalg.norm(_alone(kernels, k)))
drive.mistake("r is added, not multiplied by", hint="A constant image is not silent for the others: multiply.")(
    lambda kernels, k, r: (r + _alone(kernels, k)) / np.linalg.norm(_alone(kernels, k)))
drive.mistake("black", hint="No channel answers to it, channel k neither.")(
    lambda kernels, k, r: np.zeros(kernels.shape[1:]))
drive.mistake("the length is not r", hint="Scale it to the length r: divide by its own.")(
    lambda kernels, k, r: _alone(kernels, k))
drive.mistake("r times the part of its own", hint="Divide by its length before you multiply by r.")(
    lambda kernels, k, r: r * _alone(kernels, k))
drive.mistake("length 1", hint="Up to the length r.")(
    lambda kernels, k, r: _alone(kernels, k) / np.linalg.norm(_alone(kernels, k)))
drive.mistake("signs: each number is r", hint="The bound is on the length, not on each number.")(
    lambda kernels, k, r: r * np.sign(_alone(kernels, k)))
drive.mistake("an answer of 1", hint="It is to be large: as large as the length r allows, nearly.")(
    lambda kernels, k, r: _alone(kernels, k) / np.linalg.norm(_alone(kernels, k)) ** 2)


@drive.accepted("least squares")
def _(kernels, k, r):
    x = _alone(kernels, k)
    return 0.95 * r * x / np.linalg.norm(x)


@drive.accepted("a column of the pseudoinverse")
def _(kernels, k, r):
    x = np.linalg.pinv(kernels.reshape(len(kernels), -1).astype(np.float64))[:, k]
    return (r * x / np.linalg.norm(x)).reshape(kernels.shape[1:])


QUESTIONS = [largest, waves, variation, jitter, pixel, drive]
