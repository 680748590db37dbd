"""Week 4: the questions of the notebook `gradients_of_layers`."""

import numpy as np

from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import numbers, unequal

# ---- max_pool2d_backward ---------------------------------------------------------------------------------------------


def _first(window):
    return [np.unravel_index(window.argmax(), window.shape)]


def _last(window):
    u, v = _first(window[::-1, ::-1])[0]
    return [(window.shape[0] - 1 - u, window.shape[1] - 1 - v)]


def _all(window):
    return list(zip(*np.nonzero(window == window.max()), strict=True))


def _every(window):
    return list(np.ndindex(window.shape))


def _scatter(dy, x, k, s, winners=_first, share=False, add=True, place=lambda s, i, u: s * i + u):
    """Give each window's dy to its winners.  share: they divide it.  add: else the last window overwrites."""
    dx = np.zeros(x.shape)
    for c, i, j in np.ndindex(dy.shape):
        found = winners(x[c, s * i:s * i + k, s * j:s * j + k])
        for u, v in found:
            a, b = place(s, i, u), place(s, j, v)
            given = dy[c, i, j] / (len(found) if share else 1)
            dx[c, a, b] = dx[c, a, b] + given if add else given
    return dx


def _pool_cases(rng, turn):
    """Overlapping windows in three of four, ties in most; in every third many pixels are 0, as behind a ReLU."""
    k = int(rng.integers(2, 5))
    s = k if turn % 4 == 3 else int(rng.integers(1, k))
    height, width = unequal(rng, k + 2, k + 7)
    x = numbers(rng, (int(rng.integers(2, 4)), height, width))
    x = np.maximum(x, 0) if turn % 3 == 0 else x
    x[0, 0, 0], x[0, 0, 1] = 1, 2
    out = [len(x), *((n - k) // s + 1 for n in (height, width))]
    return numbers(rng, out) + np.arange(np.prod(out)).reshape(out) % 3 / 8, x, k, s


max_pool = Question(
    "max_pool2d_backward", title="Who gets the gradient of a maximum", points=2,
    asks="Write `max_pool2d_backward(dy, x, k, s)`: the gradient of the input of max pooling with k × k windows and "
         "stride `s`, without padding.",
    reference=lambda dy, x, k, s: F.max_pool2d_backward(dy, x, k, s)[0],
    cases=_pool_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        `x` is (C, H, W), `dy` (C, H_out, W_out) holds a number for each window. Window $(i, j)$ begins at pixel
        $(s i, s j)$ and gives its $dy_{cij}$ to **one** pixel, its largest. If several are equally large, it is the
        first of them, row by row, as in PyTorch. A pixel that is the largest of several windows gets the **sum** of
        what they give. Return an array as large as `x`. Loops are fine.
    """,
    hints={
        "It is right for s = k, and too small for s < k":
            "Where windows overlap, one pixel may win in several. Does the second overwrite what the first gave?",
        "It is right for random numbers, and too large behind a ReLU":
            "There several pixels of a window are equal, often all 0. Only the first of them gets the gradient: "
            "`argmax` finds it, `x == x.max()` finds all.",
        "All numbers are there, in the wrong places":
            "`argmax` counts within the window, row by row. `divmod(place, k)` makes row and column of it; then add "
            "where the window begins. Or write into a view of the window, `dx[c, …, …].flat[place]`.",
    },
)


@max_pool.solution
def max_pool2d_backward(dy, x, k, s):
    """(C, H_out, W_out), (C, H, W), int, int  →  (C, H, W)"""
    dx = np.zeros(x.shape)
    for c, i, j in np.ndindex(dy.shape):
        here = (c, slice(s * i, s * i + k), slice(s * j, s * j + k))
        first = x[here].argmax()               # of the largest, row by row
        dx[here].flat[first] += dy[c, i, j]    # dx[here] is a view
    return dx


@max_pool.mistake("where windows overlap, the last one overwrites",
                  hint="A pixel that wins in two windows gets the sum of both gradients: += in place of =.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, add=False)


@max_pool.mistake("all that are equally large get the whole gradient",
                  hint="x == x.max() finds every one of the largest. Each window gives its gradient once, to the "
                       "first of them.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, _all)


@max_pool.mistake("those that are equally large share the gradient",
                  hint="That is what torch.amax does. Max pooling gives all of it to the first.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, _all, share=True)


@max_pool.mistake("the last of those that are equally large gets the gradient",
                  hint="The first gets it, row by row. Do you compare with ≥ where > is meant?")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, _last)


@max_pool.mistake("every pixel of the window gets the gradient",
                  hint="Only the largest pixel of a window has an effect on its maximum. The others get nothing.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, _every)


@max_pool.mistake("the gradient is divided among the pixels of the window",
                  hint="That is the gradient of average pooling. Here the largest pixel gets all.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, _every, share=True)


@max_pool.mistake("the smallest pixel gets the gradient", hint="argmax, not argmin.")
def _(dy, x, k, s):
    return _scatter(dy, -x, k, s)


@max_pool.mistake("row and column in the window are exchanged",
                  hint="argmax counts row by row: the row is the place // k, the column the place % k.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, lambda window: [_first(window)[0][::-1]])


@max_pool.mistake("the gradient is written where windows with stride 1 would begin",
                  hint="Window (i, j) begins at (s·i, s·j), also when you write.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, place=lambda s, i, u: i + u)


@max_pool.mistake("the windows are read with stride 1",
                  hint="Window (i, j) begins at (s·i, s·j), also when you read.")
def _(dy, x, k, s):
    dx = np.zeros(x.shape)
    for c, i, j in np.ndindex(dy.shape):
        u, v = _first(x[c, i:i + k, j:j + k])[0]
        dx[c, s * i + u, s * j + v] += dy[c, i, j]
    return dx


@max_pool.mistake("stride 1 instead of s", hint="Window (i, j) begins at (s·i, s·j).")
def _(dy, x, k, s):
    return _scatter(dy, x, k, 1)


@max_pool.mistake("the place within the window is taken for a place in the image",
                  hint="Add the row s·i and the column s·j where the window begins.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, place=lambda s, i, u: u)


@max_pool.mistake("the first pixel of each window gets the gradient",
                  hint="(s·i, s·j) is where the window begins. Add the place of its largest pixel.")
def _(dy, x, k, s):
    return _scatter(dy, x, k, s, lambda window: [(0, 0)])


@max_pool.mistake("it counts the windows that a pixel wins",
                  hint="Add dy of the window, not 1.")
def _(dy, x, k, s):
    return _scatter(np.ones_like(dy), x, k, s)


@max_pool.mistake("the gradient is multiplied by the maximum",
                  hint="The slope of the maximum in its largest pixel is 1, whatever the pixel.")
def _(dy, x, k, s):
    return _scatter(dy * F.max_pool2d(x, k, s), x, k, s)


def _begins(name, start, hint):
    """Register windows that begin elsewhere: their rows, their columns."""
    for axis, word in enumerate(["rows", "columns"]):
        def moved(dy, x, k, s, axis=axis):
            dx = np.zeros(x.shape)
            for c, *where in np.ndindex(dy.shape):
                here = [slice(s * i, s * i + k) for i in where]
                here[axis] = start(s, where[axis], k)
                dx[(c, *here)].flat[x[(c, *here)].argmax()] += dy[(c, *where)]
            return dx
        max_pool.mistake(f"the {word} of a window {name}", hint)(moved)


_begins("go from the edge of the image", lambda s, i, k: slice(0, s * i + k),
        "Window (i, j) holds the rows s·i to s·i + k − 1 and the columns s·j to s·j + k − 1.")
_begins("go on to the edge of the image", lambda s, i, k: slice(s * i, None),
        "Window (i, j) holds the rows s·i to s·i + k − 1 and the columns s·j to s·j + k − 1.")
_begins("begin at i, not at s·i", lambda s, i, k: slice(i, s * i + k),
        "Window (i, j) begins at (s·i, s·j).")
_begins("begin one stride late", lambda s, i, k: slice(s * i + s, s * i + s + k),
        "The first window begins at the first pixel: (s·i, s·j), counting from 0.")
_begins("are not moved with the stride", lambda s, i, k: slice(i, i + k),
        "Window (i, j) begins at (s·i, s·j).")
_begins("begin at s, whatever the window", lambda s, i, k: slice(s, s * i + k),
        "Window (i, j) begins at (s·i, s·j).")
_begins("begin at s + i", lambda s, i, k: slice(s + i, s * i + k),
        "Window (i, j) begins at (s·i, s·j): times, not plus.")
_begins("end at s + i + k", lambda s, i, k: slice(s * i, s + i + k),
        "Window (i, j) begins at (s·i, s·j), and ends k later.")


@max_pool.mistake("the window is one row and one column too large", hint="x[a:a + k] holds k rows already.")
def _(dy, x, k, s):
    wide = np.pad(x, [(0, 0), (0, 1), (0, 1)], constant_values=-np.inf)
    return _scatter(dy, wide, k + 1, s)[:, :-1, :-1]


@max_pool.mistake("each window ends with the image",
                  hint="A window is k rows high and k columns wide: x[c, s*i:s*i + k, s*j:s*j + k].")
def _(dy, x, k, s):
    dx = np.zeros(x.shape)
    for c, i, j in np.ndindex(dy.shape):
        u, v = _first(x[c, s * i:, s * j:])[0]
        dx[c, s * i + u, s * j + v] += dy[c, i, j]
    return dx


@max_pool.accepted("offset by offset: who is the first to equal the maximum")
def _(dy, x, k, s):
    y = F.max_pool2d(x, k, s)
    rows, columns = y.shape[1:]
    dx, free = np.zeros(x.shape), np.ones(y.shape, bool)
    for u, v in np.ndindex(k, k):
        part = (slice(None), slice(u, u + s * (rows - 1) + 1, s), slice(v, v + s * (columns - 1) + 1, s))
        wins = free & (x[part] == y)
        dx[part] += dy * wins
        free &= ~wins
    return dx


@max_pool.accepted("np.add.at on flat places")
def _(dy, x, k, s):
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))[:, ::s, ::s]
    place = windows.reshape(*dy.shape, -1).argmax(-1)
    c, i, j = np.indices(dy.shape)
    dx = np.zeros(x.shape, dtype=dy.dtype)
    np.add.at(dx, (c, s * i + place // k, s * j + place % k), dy)
    return dx


# ---- gradient_error --------------------------------------------------------------------------------------------------

def _error_cases(rng, turn):
    """Gradients that are wrong in one place, nearly right, or 0; in every fifth case all are small."""
    h = float(rng.choice([0.5, 0.125, 0.0625]))
    if turn % 6 >= 4:                                                    # one 0, right or not
        middle, slope = numbers(rng, 1), np.abs(numbers(rng, 1)) * (turn % 6 == 4)
        return np.zeros(1), middle + h * slope, middle - h * slope, h
    shape = unequal(rng, 2, 6)
    numeric = numbers(rng, shape)
    numeric[0, :2] = 0, 1
    if turn % 2 == 0:
        numeric = -2 * np.abs(numeric)                                   # the largest modulus is that of a negative one
        numeric[0, 1] = 0.25
    middle, scale = numbers(rng, shape), 2.0 ** -20 if turn % 5 == 3 else 1.0
    grad = numeric.copy()
    grad[0, 0] = [0, 0.25, -0.5][turn % 3]
    grad[1, 1] += [2, -1.5, 0.5][turn % 3]
    if turn % 4 == 1:
        grad = grad * 3
    if turn % 4 == 2:
        grad = grad / 4
    return scale * grad, scale * (middle + h * numeric), scale * (middle - h * numeric), h


def _numeric(plus, minus, h):
    return (plus - minus) / (2 * h)


def _error(grad, numeric):
    largest = max(np.abs(grad).max(), np.abs(numeric).max())
    return np.abs(grad - numeric).max() / largest if largest else 0.0


error = Question(
    "gradient_error", title="How far a gradient is off", points=1,
    asks="Write `gradient_error(grad, plus, minus, h)`: how far a gradient lies from central differences, relative to "
         "the larger of the two.",
    reference=lambda grad, plus, minus, h: _error(*(np.asarray(a, np.float64) for a in (
        grad, _numeric(plus, minus, h)))),
    cases=_error_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        `grad` holds a derivative of a loss for each number of x. `plus` holds, in the same places, the loss after this
        one number was raised by `h`, and `minus` the loss after it was lowered by `h`. So the central differences are
        $n = (\text{plus} - \text{minus}) / (2h)$. Return one number,

        $$\frac{\max_i |g_i - n_i|}{\max\bigl(\max_i |g_i|,\; \max_i |n_i|\bigr)} ,$$

        the largest error divided by the largest number of either; and 0 where all numbers of both are 0.
    """,
    hints={
        "Half of what it should be, or twice":
            "From minus to plus, x moves by 2h.",
        "The error is 1, or not a number, where a derivative is 0":
            "Do not divide element by element. Take the largest error and the largest number first, then divide once.",
        "One case gives nan":
            "A gradient of zeros and a loss that does not move: 0/0. They agree, so return 0.",
    },
)


@error.solution
def gradient_error(grad, plus, minus, h):
    """(*), (*), (*), a number  →  a number"""
    numeric = (plus - minus) / (2 * h)
    largest = max(np.abs(grad).max(), np.abs(numeric).max())
    if largest == 0:
        return 0.0
    return np.abs(grad - numeric).max() / largest


@error.mistake("the difference is divided by h, not by 2h", hint="From minus to plus, x moves by 2h.")
def _(grad, plus, minus, h):
    return _error(grad, 2 * _numeric(plus, minus, h))


@error.mistake("the difference is multiplied by h", hint="(plus − minus) / (2 * h): mind the brackets.")
def _(grad, plus, minus, h):
    return _error(grad, (plus - minus) / 2 * h)


@error.mistake("the difference is not divided by 2h", hint="A slope is a difference of losses divided by that of x.")
def _(grad, plus, minus, h):
    return _error(grad, plus - minus)


@error.mistake("the difference is taken the wrong way round", hint="plus − minus, in this order.")
def _(grad, plus, minus, h):
    return _error(grad, _numeric(minus, plus, h))


@error.mistake("plus and minus are added", hint="The slope is made of the difference of the two losses.")
def _(grad, plus, minus, h):
    return _error(grad, (plus + minus) / (2 * h))


@error.mistake("each error is divided by its own number",
               hint="Where a derivative is near 0 such an error is 1, however small both are, or 0/0. Divide the "
                    "largest error by the largest number.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    scale = np.maximum(np.maximum(np.abs(grad), np.abs(numeric)), 1e-12)
    return (np.abs(grad - numeric) / scale).max()


@error.mistake("the error is divided by the sum of both",
               hint="The largest number of either stands below, not the sum of the two.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    scale = np.abs(grad).max() + np.abs(numeric).max()
    return np.abs(grad - numeric).max() / scale if scale else 0.0


@error.mistake("the error is divided by the gradient alone",
               hint="If the gradient is 0 by mistake, that divides by 0. Take the larger of the two.")
def _(grad, plus, minus, h):
    scale = np.abs(grad).max()
    return np.abs(grad - _numeric(plus, minus, h)).max() / scale if scale else 0.0


@error.mistake("the error is divided by the central differences alone", hint="Take the larger of the two.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    scale = np.abs(numeric).max()
    return np.abs(grad - numeric).max() / scale if scale else 0.0


@error.mistake("a gradient of zeros counts as right",
               hint="Only where both are 0 is the error 0. A gradient of zeros beside differences that are none is off "
                    "by 1.")
def _(grad, plus, minus, h):
    return _error(grad, _numeric(plus, minus, h)) if grad.any() else 0.0


@error.mistake("numbers below 1 are not divided by",
               hint="A lower limit below the line hides every error of a small gradient. Divide by the largest number, "
                    "however small; only 0 is apart.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    return np.abs(grad - numeric).max() / max(1, np.abs(grad).max(), np.abs(numeric).max())


@error.mistake("the smaller of the two stands below", hint="Divide by the larger of the two: max, not min.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    scale = min(np.abs(numeric).max(), np.abs(grad).max())
    return np.abs(grad - numeric).max() / scale if scale else 0.0


@error.mistake("the error is not divided", hint="An error of 0.01 is large for a gradient of 0.02. Divide.")
def _(grad, plus, minus, h):
    return np.abs(grad - _numeric(plus, minus, h)).max()


@error.mistake("the mean of the errors, not the largest",
               hint="One wrong number among thousands has a small mean. Take the largest error.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    return _error(grad, numeric) and np.abs(grad - numeric).mean() / max(np.abs(grad).max(), np.abs(numeric).max())


@error.mistake("errors below 0 do not count", hint="Take the modulus of the error before its maximum.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    return _error(grad, numeric) and (grad - numeric).max() / max(np.abs(grad).max(), np.abs(numeric).max())


@error.mistake("only positive derivatives count below",
               hint="The largest number is the largest modulus: −3 is larger than 2.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    return _error(grad, numeric) and np.abs(grad - numeric).max() / max(grad.max(), numeric.max())


@error.mistake("lengths take the place of the largest numbers",
               hint="np.linalg.norm is another fair measure. Here the largest error and the largest number were asked.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    scale = max(np.linalg.norm(grad), np.linalg.norm(numeric))
    return np.linalg.norm(grad - numeric) / scale if scale else 0.0


@error.mistake("plus alone, without minus", hint="The slope is made of the difference of the two losses.")
def _(grad, plus, minus, h):
    return _error(grad, plus / (2 * h))


@error.mistake("minus alone, without plus", hint="The slope is made of the difference of the two losses.")
def _(grad, plus, minus, h):
    return _error(grad, minus / (2 * h))


@error.mistake("h is added to 2, not multiplied", hint="From minus to plus, x moves by 2 · h.")
def _(grad, plus, minus, h):
    return _error(grad, (plus - minus) / (2 + h))


@error.mistake("the difference is divided by 2, not by 2h", hint="From minus to plus, x moves by 2h.")
def _(grad, plus, minus, h):
    return _error(grad, (plus - minus) / 2)


@error.mistake("the error is multiplied by the largest number", hint="Divide by it: the error is relative.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    return np.abs(grad - numeric).max() * max(np.abs(numeric).max(), np.abs(grad).max())


@error.mistake("the smallest error, not the largest", hint="One wrong number is enough: max.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    return _error(grad, numeric) and np.abs(grad - numeric).min() / max(np.abs(grad).max(), np.abs(numeric).max())


@error.mistake("an error for each number", hint="Return one number: the largest error.")
def _(grad, plus, minus, h):
    numeric = _numeric(plus, minus, h)
    if not _error(grad, numeric):
        return 0.0
    return np.abs(grad - numeric) / max(np.abs(grad).max(), np.abs(numeric).max())


@error.accepted("both in one array")
def _(grad, plus, minus, h):
    both = np.stack([grad, (plus - minus) / h / 2])
    top = np.abs(both).max()
    return np.ptp(both, axis=0).max() / (top if top > 0 else 1)


@error.accepted("a loop in plain Python")
def _(grad, plus, minus, h):
    worst = top = 0.0
    for g, a, b in zip(grad.ravel(), plus.ravel(), minus.ravel(), strict=True):
        n = float(a - b) / (2 * h)
        worst, top = max(worst, abs(float(g) - n)), max(top, abs(float(g)), abs(n))
    return worst / top if top else 0


# ---- batch_norm_backward ---------------------------------------------------------------------------------------------

def _mean_of(x, axes):
    return x.mean(axis=axes, keepdims=True)


def _parts(x, axes, eps, ddof=0):
    """x̂ and the spread that x was divided by."""
    spread = np.sqrt(x.var(axis=axes, ddof=ddof, keepdims=True) + eps)
    return (x - _mean_of(x, axes)) / spread, spread


def _norm_backward(dy, x, axes, eps, mean=1, var=1, pool=_mean_of, ddof=0):
    """γ = 1.  mean, var: how much of the path through the mean, and of that through the variance."""
    x, dy = np.asarray(x, np.float64), np.asarray(dy, np.float64)
    hat, spread = _parts(x, axes, eps, ddof)
    return (dy - mean * pool(dy, axes) - var * hat * pool(dy * hat, axes)) / spread


def _sum_of(x, axes):
    return x.sum(axis=axes, keepdims=True)


BATCH, IMAGE = (0, 2, 3), (1, 2, 3)


def _norm_cases(rng, turn):
    """Batches whose sizes all differ; every fifth has maps of one pixel, every fifth small numbers and a small eps."""
    while True:
        n, c, h, w = (int(size) for size in rng.choice(np.arange(2, 6), 4, replace=False))
        n, c = max(n, 3), max(c, 3)
        if n != c:
            break
    eps = float(rng.choice([0.0625, 0.25, 0.5]))
    if turn % 5 == 1:
        h = w = 1
    scale = 1 / 64 if turn % 5 == 3 else 1
    x = scale * (numbers(rng, (n, c, h, w)) + numbers(rng, (n, c, 1, 1)) / 2)
    dy = numbers(rng, (n, c, h, w)) + numbers(rng, (1, c, 1, 1)) / 2
    return dy, x, numbers(rng, c), eps if scale == 1 else 1 / 4096


def _batch(dy, x, gamma, eps, axes=BATCH, **how):
    return gamma[:, None, None] * _norm_backward(dy, x, axes, eps, **how)


batch = Question(
    "batch_norm_backward", title="Three ways through batch norm", points=2,
    asks="Write `batch_norm_backward(dy, x, gamma, eps)`: the gradient of the input of batch norm in training mode.",
    reference=lambda dy, x, gamma, eps: F.batch_norm_backward(
        *(np.asarray(a, np.float64) for a in (dy, x)), None, None, gamma.astype(np.float64),
        np.zeros(len(gamma)), True, eps=eps)[0],
    cases=_norm_cases,
    minutes=20, level=2, practice=True,
    text=r"""
        Forward, each channel became $y = \gamma\, \hat x + \beta$ with $\hat x = (x - \mu)/s$ and
        $s = \sqrt{\sigma^2 + \varepsilon}$, with the mean and the variance of its $m = N H W$ numbers (divided by $m$).
        Backward,

        $$dx = \frac{\gamma}{s} \Bigl( dy - \overline{dy} - \hat x\; \overline{dy\, \hat x} \Bigr) ,$$

        where a bar is the mean over the same $m$ numbers. `dy` and `x` are (N, C, H, W), `gamma` is (C,), `eps` a
        number. Return an array as large as `x`.
    """,
    hints={
        "NumPy says that shapes cannot be broadcast":
            "Keep the axes of every mean with `keepdims=True`, and give `gamma` the shape (C, 1, 1).",
        "The numbers are far too large":
            "A bar is a mean, not a sum.",
        "The shape is right but every number is off a little":
            "Where is eps? Under the root, with σ². And σ² is divided by m.",
    },
)


@batch.solution
def batch_norm_backward(dy, x, gamma, eps):
    """(N, C, H, W) twice, (C,), a number  →  (N, C, H, W)"""
    axes = (0, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)                     # (1, C, 1, 1)
    spread = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    hat = (x - mean) / spread
    centred = dy - dy.mean(axis=axes, keepdims=True)
    along = hat * (dy * hat).mean(axis=axes, keepdims=True)
    return gamma[:, None, None] / spread * (centred - along)


_FORGOTTEN = "μ and σ² are made of x too, so dy has three ways back: directly, through the mean, through the variance."


@batch.mistake("mean and variance are taken for constants", hint=_FORGOTTEN)
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, mean=0, var=0)


@batch.mistake("the way through the mean is missing", hint=_FORGOTTEN + " Subtract the mean of dy.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, mean=0)


@batch.mistake("the way through the variance is missing",
               hint=_FORGOTTEN + " Subtract x̂ times the mean of dy·x̂.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, var=0)


@batch.mistake("sums take the place of the means", hint="A bar is a mean: divide by m = N·H·W.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, pool=_sum_of)


@batch.mistake("the mean of dy is added", hint="Both means are subtracted.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, mean=-1)


@batch.mistake("the way through the variance is added", hint="Both ways are subtracted.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, var=-1)


@batch.mistake("γ is left out", hint="What arrives at x̂ is γ·dy. Multiply by the γ of the channel.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, np.ones_like(gamma), eps)


@batch.mistake("it is not divided by the spread", hint="x̂ = (x − μ)/s, so every way back is divided by s.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps) * _parts(x, BATCH, eps)[1]


@batch.mistake("it is multiplied by the spread", hint="γ / s, not γ·s.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps) * _parts(x, BATCH, eps)[1]**2


@batch.mistake("each image has statistics of its own",
               hint="That is instance norm. In batch norm all images share the means of a channel: axes 0, 2, 3.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, (2, 3))


@batch.mistake("each pixel has statistics of its own", hint="The means run over rows and columns too: axes 0, 2, 3.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, 0)


@batch.mistake("the means run over the channels of one image",
               hint="That is layer norm. In batch norm each channel has its own means: axes 0, 2, 3.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, IMAGE)


@batch.mistake("all channels share their statistics", hint="Each channel has its own means: axes 0, 2, 3.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, (0, 1, 2, 3))


@batch.mistake("the variance is divided by m − 1", hint="The forward divides by m, so the backward does too.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps, ddof=1)


@batch.mistake("eps is left out", hint="s = √(σ² + ε), with the eps that is given.")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, 1e-12)


@batch.mistake("the variance stands without its root", hint="s is the root of σ² + ε.")
def _(dy, x, gamma, eps):
    hat = _parts(x, BATCH, eps)[0] / _parts(x, BATCH, eps)[1]
    way = dy - _mean_of(dy, BATCH) - hat * _mean_of(dy * hat, BATCH)
    return gamma[:, None, None] * way / _parts(x, BATCH, eps)[1]**2


@batch.mistake("x is centred, but not divided, in the way through the variance",
               hint="x̂ is (x − μ)/s, in both places.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    hat = hat * spread
    return gamma[:, None, None] * (dy - _mean_of(dy, BATCH) - hat * _mean_of(dy * hat, BATCH)) / spread


@batch.mistake("dy is not multiplied by x̂ under the second bar", hint="The second bar is the mean of dy·x̂.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return gamma[:, None, None] * (dy - _mean_of(dy, BATCH) - hat * _mean_of(dy, BATCH)) / spread


@batch.mistake("the mean of dy·x̂ is not multiplied by x̂",
               hint="The way through the variance is x̂ times the mean of dy·x̂.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return gamma[:, None, None] * (dy - _mean_of(dy, BATCH) - _mean_of(dy * hat, BATCH)) / spread


@batch.mistake("x is not centred", hint="x̂ = (x − μ)/s: subtract the mean.")
def _(dy, x, gamma, eps):
    spread = _parts(x, BATCH, eps)[1]
    hat = x / spread
    return gamma[:, None, None] * (dy - _mean_of(dy, BATCH) - hat * _mean_of(dy * hat, BATCH)) / spread


@batch.mistake("no mean is taken of dy·x̂", hint="A bar stands over dy·x̂: it is one number for each channel.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return gamma[:, None, None] * (dy - _mean_of(dy, BATCH) - hat * dy * hat) / spread


@batch.mistake("only the two means are left", hint="dy itself is the direct way: dy − its mean − …")
def _(dy, x, gamma, eps):
    return _batch(dy, x, gamma, eps) - _batch(dy, x, gamma, eps, mean=0, var=0)


@batch.accepted("the three ways, one after the other")
def _(dy, x, gamma, eps):
    m = x.size / x.shape[1]
    mean, var = (np.asarray(a)[None, :, None, None] for a in (x.mean(BATCH), x.var(BATCH)))
    g = dy * gamma[None, :, None, None]
    dvar = (g * (x - mean)).sum(BATCH, keepdims=True) * -0.5 * (var + eps) ** -1.5
    dmean = -g.sum(BATCH, keepdims=True) / np.sqrt(var + eps)
    return g / np.sqrt(var + eps) + dvar * 2 * (x - mean) / m + dmean / m


@batch.accepted("a row for each channel, and the projections written out")
def _(dy, x, gamma, eps):
    rows, g = (np.moveaxis(a, 1, 0).reshape(len(gamma), -1).astype(np.float64) for a in (x, dy))
    hat = rows - rows.mean(1, keepdims=True)
    spread = np.sqrt((hat**2).mean(1, keepdims=True) + eps)
    hat /= spread
    g = g - g.mean(1, keepdims=True) - hat * np.einsum("cm,cm->c", g, hat)[:, None] / rows.shape[1]
    dx = gamma[:, None] * g / spread
    return np.moveaxis(dx.reshape(len(gamma), len(x), *x.shape[2:]), 0, 1)


def _with(dy, x, eps, axes, spread=None, hat=None):
    """γ = 1.  spread(x), hat(x, spread): what stands in their place."""
    x = np.asarray(x, np.float64)
    spread = np.sqrt(x.var(axis=axes, keepdims=True) + eps) if spread is None else spread(x)
    hat = (x - _mean_of(x, axes)) / spread if hat is None else hat(x, spread)
    return (dy - _mean_of(dy, axes) - hat * _mean_of(dy * hat, axes)) / spread


def _wrong_parts(question, axes, gamma_in, numbers_of):
    """Register mistakes in x̂ and s, which batch norm and layer norm have in common.  gamma_in: what becomes of dy."""
    def add(name, hint, **how):
        @question.mistake(name, hint)
        def _(dy, x, gamma, eps):
            changed = {key: (lambda *a, f=f: f(*a, axes, eps)) for key, f in how.items()}
            g = _by_channel(gamma) * dy if gamma_in else dy
            return (1 if gamma_in else _by_channel(gamma)) * _with(g, x, eps, axes, **changed)

    add("the spread stands under the root, not the variance", "s is the root of σ² + ε: np.var, not np.std.",
        spread=lambda x, axes, eps: np.sqrt(x.std(axis=axes, keepdims=True) + eps))
    add("only eps stands under the root", "s is the root of σ² + ε.",
        spread=lambda x, axes, eps: np.sqrt(eps) + 0 * x.var(axis=axes, keepdims=True))
    add("x̂ is multiplied by the spread", "x̂ = (x − μ)/s.", hat=lambda x, s, axes, eps: (x - _mean_of(x, axes)) * s)
    add("the mean is added to x", "x̂ = (x − μ)/s.", hat=lambda x, s, axes, eps: (x + _mean_of(x, axes)) / s)
    add("the sum is subtracted from x, not the mean", f"μ is the mean: the sum of {numbers_of} divided by m.",
        hat=lambda x, s, axes, eps: (x - _sum_of(x, axes)) / s)
    add("only the mean is left of x̂", "x̂ = (x − μ)/s.", hat=lambda x, s, axes, eps: _mean_of(x, axes) / s)
    add("the spread takes the place of x̂", "x̂ = (x − μ)/s.", hat=lambda x, s, axes, eps: s)
    add("the mean is that of all numbers", "μ and σ² are made of the same numbers.",
        hat=lambda x, s, axes, eps: (x - x.mean()) / s)
    add("the variance is that of all numbers", "μ and σ² are made of the same numbers.",
        spread=lambda x, axes, eps: np.sqrt(x.var() + eps) + 0 * x.var(axis=axes, keepdims=True))


def _by_channel(gamma):
    return gamma[:, None, None]


_wrong_parts(batch, BATCH, False, "a channel")


@batch.mistake("sums take the place of the mean of dy", hint="Both bars are means: divide by m = N·H·W.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return _by_channel(gamma) * (dy - _sum_of(dy, BATCH) - hat * _mean_of(dy * hat, BATCH)) / spread


@batch.mistake("a sum takes the place of the mean of dy·x̂", hint="Both bars are means: divide by m = N·H·W.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return _by_channel(gamma) * (dy - _mean_of(dy, BATCH) - hat * _sum_of(dy * hat, BATCH)) / spread


@batch.mistake("dy is missing, only its mean is left", hint="dy itself is the direct way: dy − its mean − …")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return _by_channel(gamma) * (_mean_of(dy, BATCH) - hat * _mean_of(dy * hat, BATCH)) / spread


@batch.mistake("the mean of dy minus dy", hint="dy − its mean, not the other way round.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, BATCH, eps)
    return _by_channel(gamma) * (_mean_of(dy, BATCH) - dy - hat * _mean_of(dy * hat, BATCH)) / spread


@batch.mistake("the gradient is divided by γ", hint="γ multiplied forward, so it multiplies backward.")
def _(dy, x, gamma, eps):
    return _norm_backward(dy, x, BATCH, eps) / _by_channel(gamma) * _parts(x, BATCH, eps)[1]**2


# ---- layer_norm_backward ---------------------------------------------------------------------------------------------

def _layer(dy, x, gamma, eps, axes=IMAGE, **how):
    return _norm_backward(_by_channel(gamma) * dy, x, axes, eps, **how)


layer = Question(
    "layer_norm_backward", title="A backward that was copied from batch norm", points=2, kind="mend",
    asks="Mend `layer_norm_backward(dy, x, gamma, eps)`: the gradient of the input of layer norm over the channels, "
         "rows and columns of each image.",
    reference=lambda dy, x, gamma, eps: _layer(dy, x, gamma, eps),
    cases=_norm_cases,
    minutes=20, level=2,
    text=r"""
        Forward, $y = \gamma_c\, \hat x + \beta_c$ with $\hat x = (x - \mu)/s$ and $s = \sqrt{\sigma^2 + \varepsilon}$.
        Each **image** has one μ and one σ², over its C·H·W numbers, but each **channel** has its own γ and β. `dy` and
        `x` are (N, C, H, W), `gamma` is (C,), `eps` a number.

        The function was made from batch norm's by changing the axes. Two things are wrong with it. One of them cannot
        be seen as long as all γ are equal, and so not in a layer that has just been made.
    """,
    hints={
        "Where to begin":
            "Take γ = 1 first. The gradient of an image should add up to 0, for a constant added to the whole image "
            "has no effect. Does it?",
        "It is right for γ = 1":
            "What arrives at x̂ is γ·dy. In batch norm γ is one number in all that is averaged, so it may be taken out "
            "of a mean. May it here?",
        "Some of the terms are right":
            "Give γ·dy a name and put it wherever dy stands. Then nothing is left to multiply at the end.",
    },
)


@layer.given("the way through the mean is missing, and γ stands outside of the mean",
             hint="Two things. The gradient of each image has to add up to 0. And within an image γ differs from "
                  "channel to channel, so it cannot be taken out of a mean.")
def _(dy, x, gamma, eps):
    """(N, C, H, W) twice, (C,), a number  →  (N, C, H, W)"""
    axes = (1, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    spread = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    hat = (x - mean) / spread
    along = hat * (dy * hat).mean(axis=axes, keepdims=True)
    return gamma[:, None, None] / spread * (dy - along)


@layer.solution
def layer_norm_backward(dy, x, gamma, eps):
    """(N, C, H, W) twice, (C,), a number  →  (N, C, H, W)"""
    axes = (1, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    spread = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    hat = (x - mean) / spread
    g = gamma[:, None, None] * dy
    along = hat * (g * hat).mean(axis=axes, keepdims=True)
    return (g - g.mean(axis=axes, keepdims=True) - along) / spread


@layer.mistake("γ still stands outside of the means",
               hint="The way through the mean is mended. But γ differs between the channels of an image: what is "
                    "averaged is γ·dy, not dy.")
def _(dy, x, gamma, eps):
    return _by_channel(gamma) * _norm_backward(dy, x, IMAGE, eps)


@layer.mistake("the way through the mean is still missing",
               hint="γ is mended. But a constant added to an image has no effect, so its gradient adds up to 0: "
                    "subtract the mean of γ·dy.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, mean=0)


@layer.mistake("the mean of dy, not that of γ·dy, is subtracted",
               hint="γ belongs under both bars: what arrives at x̂ is γ·dy.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(dy, IMAGE) - hat * _mean_of(g * hat, IMAGE)) / spread


@layer.mistake("γ times the mean of dy is subtracted", hint="The mean of γ·dy is not γ times the mean of dy here.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _by_channel(gamma) * _mean_of(dy, IMAGE) - hat * _mean_of(g * hat, IMAGE)) / spread


@layer.mistake("γ is missing in the way through the variance", hint="There too it is the mean of γ·dy·x̂.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - hat * _mean_of(dy * hat, IMAGE)) / spread


@layer.mistake("γ stands outside of the mean in the way through the variance",
               hint="The mean of γ·dy·x̂ is not γ times the mean of dy·x̂ here.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - _by_channel(gamma) * hat * _mean_of(dy * hat, IMAGE)) / spread


@layer.mistake("γ is applied twice", hint="Once: g = γ·dy, and nothing is multiplied at the end.")
def _(dy, x, gamma, eps):
    return _by_channel(gamma) * _layer(dy, x, gamma, eps)


@layer.mistake("γ is left out", hint="What arrives at x̂ is γ·dy.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, np.ones_like(gamma), eps)


@layer.mistake("γ is added, not multiplied", hint="Forward γ multiplies x̂, so backward it multiplies dy.")
def _(dy, x, gamma, eps):
    return _norm_backward(_by_channel(gamma) + dy, x, IMAGE, eps)


@layer.mistake("the way through the variance is missing", hint="x̂ times the mean of γ·dy·x̂ is to be subtracted too.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, var=0)


@layer.mistake("mean and variance are taken for constants", hint="Both are made of x: dy has three ways back.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, mean=0, var=0)


@layer.mistake("sums take the place of the means", hint="Divide by the C·H·W numbers of an image.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, pool=_sum_of)


@layer.mistake("the mean of γ·dy is added", hint="Both ways are subtracted.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, mean=-1)


@layer.mistake("the way through the variance is added", hint="Both ways are subtracted.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, var=-1)


@layer.mistake("this is batch norm's: the means run over the images",
               hint="Layer norm averages over the channels, rows and columns of one image: axes 1, 2, 3.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, BATCH)


@layer.mistake("this is instance norm's: each channel has means of its own",
               hint="The means run over the channels too: axes 1, 2, 3.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, (2, 3))


@layer.mistake("each pixel has means of its own", hint="The means run over rows and columns too: axes 1, 2, 3.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps, 1)


@layer.mistake("it is not divided by the spread", hint="Every way back is divided by s.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps) * _parts(x, IMAGE, eps)[1]


@layer.mistake("it is multiplied by the spread", hint="Divide by s.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, eps) * _parts(x, IMAGE, eps)[1]**2


@layer.mistake("x is not centred", hint="x̂ = (x − μ)/s: subtract the mean.")
def _(dy, x, gamma, eps):
    spread, g = _parts(x, IMAGE, eps)[1], _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - x / spread * _mean_of(g * x / spread, IMAGE)) / spread


@layer.mistake("x is centred, but not divided", hint="x̂ is (x − μ)/s, in both places.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    hat, g = hat * spread, _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - hat * _mean_of(g * hat, IMAGE)) / spread


@layer.mistake("no mean is taken of γ·dy·x̂", hint="It is one number for each image.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - hat * g * hat) / spread


@layer.mistake("the mean of γ·dy·x̂ is not multiplied by x̂", hint="The way through the variance is x̂ times this mean.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - _mean_of(g * hat, IMAGE)) / spread


_wrong_parts(layer, IMAGE, True, "an image")


@layer.mistake("the variance stands without its root", hint="s is the root of σ² + ε.")
def _(dy, x, gamma, eps):
    return _with(_by_channel(gamma) * dy, x, eps, IMAGE, lambda x: x.var(axis=IMAGE, keepdims=True) + eps)


@layer.mistake("eps is left out", hint="s = √(σ² + ε), with the eps that is given.")
def _(dy, x, gamma, eps):
    return _layer(dy, x, gamma, 0.0)


@layer.mistake("a sum takes the place of the mean of γ·dy", hint="Divide by the C·H·W numbers of an image.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _sum_of(g, IMAGE) - hat * _mean_of(g * hat, IMAGE)) / spread


@layer.mistake("a sum takes the place of the mean of γ·dy·x̂", hint="Divide by the C·H·W numbers of an image.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - hat * _sum_of(g * hat, IMAGE)) / spread


@layer.mistake("x̂ is missing under the second bar", hint="The mean of γ·dy·x̂ was meant, not that of γ·dy.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (g - _mean_of(g, IMAGE) - hat * _mean_of(g, IMAGE)) / spread


@layer.mistake("the direct way is missing", hint="γ·dy itself is the direct way; two means are subtracted from it.")
def _(dy, x, gamma, eps):
    hat, spread = _parts(x, IMAGE, eps)
    g = _by_channel(gamma) * dy
    return (_mean_of(g, IMAGE) - hat * _mean_of(g * hat, IMAGE)) / spread


@layer.accepted("an image at a time")
def _(dy, x, gamma, eps):
    out = []
    for one, d in zip(x, dy, strict=True):
        g, s = d * gamma[:, None, None], np.sqrt(one.var() + eps)
        hat = (one - one.mean()) / s
        out.append((g - g.mean() - hat * np.mean(g * hat)) / s)
    return np.array(out)


@layer.accepted("the Jacobian of each image, as a matrix")
def _(dy, x, gamma, eps):
    rows, g = x.reshape(len(x), -1).astype(np.float64), (dy * gamma[:, None, None]).reshape(len(x), -1)
    m, out = rows.shape[1], []
    for row, d in zip(rows, g, strict=True):
        s = np.sqrt(row.var() + eps)
        hat = (row - row.mean()) / s
        out.append((np.eye(m) - 1 / m - np.outer(hat, hat) / m) @ d / s)
    return np.reshape(out, x.shape)


# ---- smooth_cross_entropy_backward -----------------------------------------------------------------------------------

def _loss_cases(rng, turn):
    """A row or two that do not count in three of four; far logits in every third; the first row always counts."""
    n, c = unequal(rng, 3, 7)
    z = numbers(rng, (n, c))
    if turn % 3 == 1:
        z = z + np.where(np.arange(n) % 2, -2000, 1000)[:, None]
    if turn % 3 == 2:
        z[0, 0], z[1, 1] = 1500, -1500
    target = [int(t) for t in rng.integers(0, c, n)]
    target[0] = int(rng.integers(0, c - 1))
    for row in rng.choice(np.arange(1, n), 0 if turn % 4 == 3 else 1 + turn % 2, replace=False):
        target[row] = -1
    return z, tuple(target), float(rng.choice([0.125, 0.25, 0.5]))


def _probabilities(z):
    z = np.asarray(z, np.float64)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _wanted(z, target, right, others):
    """One probability for the class that is right, one for all others."""
    q = np.full(z.shape, float(others))
    q[np.arange(len(z)), target] = right
    return q


def _loss_backward(z, target, smoothing, p=None, q=None, count=None):
    target, classes = np.array(target), z.shape[1]
    kept = target >= 0
    q = _wanted(z, target, 1 - smoothing + smoothing / classes, smoothing / classes) if q is None else q
    p = _probabilities(z) if p is None else p
    return (p - q) * kept[:, None] / (kept.sum() if count is None else count)


smooth = Question(
    "smooth_cross_entropy_backward", title="A loss that is never quite sure", points=3,
    asks="Write `smooth_cross_entropy_backward(z, target, smoothing)`: the gradient of the logits of the mean "
         "cross-entropy with label smoothing, over the rows that have a label.",
    reference=lambda z, target, smoothing: _loss_backward(z, target, smoothing),
    cases=_loss_cases,
    minutes=25, level=2,
    text=r"""
        `z` (N, C) holds logits, `target` a tuple of N classes; **−1 says that the row has no label**. With $p$ the
        softmax of a row, its loss is $-\sum_c q_c \log p_c$. The wanted probabilities $q$ are a mixture: the share
        `smoothing`, between 0 and 1, is spread over all C classes equally, the right one among them, and the rest goes
        to the right class. The loss of the batch is the mean over the rows **that have a label**; the others count
        nothing, neither above nor below. At least one row has a label.

        Return (N, C). The logits may be thousands, of either sign, and differ much from row to row.
    """,
    hints={
        "Where to begin":
            "Take no smoothing and labels for all rows: that case stands in the chapter. Nothing in its derivation "
            "asks for a q that is 0 or 1, only that q adds up to 1.",
        "Rows without a label have a gradient":
            "Index −1 is the last class in Python. And multiply these rows by 0.",
        "Some numbers are not numbers":
            "exp(1000) is infinite. Subtract from each row its own largest logit: one for all rows is not enough.",
    },
)


@smooth.solution
def smooth_cross_entropy_backward(z, target, smoothing):
    """(N, C), N ints, a number  →  (N, C)"""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    q = np.full(z.shape, smoothing / z.shape[1])
    labelled = np.zeros((len(z), 1))
    for row, label in enumerate(target):
        if label >= 0:
            q[row, label] += 1 - smoothing
            labelled[row] = 1
    return labelled * (p - q) / labelled.sum()


@smooth.mistake("rows without a label are counted in the mean",
                hint="The mean is over the rows that have a label: divide by their number, not by N.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, count=len(z))


@smooth.mistake("the sum over the rows, not their mean", hint="Divide by the number of rows that have a label.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, count=1)


@smooth.mistake("the mean runs over the classes too", hint="Divide by the number of rows, not by that of all logits.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing) / z.shape[1]


@smooth.mistake("rows without a label pull towards the last class",
                hint="Index −1 is the last class in Python. A row without a label has the gradient 0.")
def _(z, target, smoothing):
    kept = (np.array(target) >= 0).sum()
    q = _wanted(z, np.array(target), 1 - smoothing + smoothing / z.shape[1], smoothing / z.shape[1])
    return (_probabilities(z) - q) / kept


@smooth.mistake("rows without a label pull towards the last class, and count",
                hint="Index −1 is the last class in Python. A row without a label has the gradient 0, and is not "
                     "counted.")
def _(z, target, smoothing):
    q = _wanted(z, np.array(target), 1 - smoothing + smoothing / z.shape[1], smoothing / z.shape[1])
    return (_probabilities(z) - q) / len(z)


@smooth.mistake("in rows without a label the probabilities are left over",
                hint="A row without a label has the gradient 0: p is not subtracted from anything there.")
def _(z, target, smoothing):
    kept = np.array(target) >= 0
    wrong = _probabilities(z) - smoothing / z.shape[1]
    return np.where(kept[:, None], _loss_backward(z, target, smoothing), wrong / kept.sum())


@smooth.mistake("the smoothing is left out", hint="The wanted probabilities are a mixture, not 0 and 1.")
def _(z, target, smoothing):
    return _loss_backward(z, target, 0)


@smooth.mistake("the share is spread over the wrong classes only",
                hint="It is spread over all C classes, so the right one gets a C-th of it as well.")
def _(z, target, smoothing):
    q = _wanted(z, np.array(target), 1 - smoothing, smoothing / (z.shape[1] - 1))
    return _loss_backward(z, target, smoothing, q=q)


@smooth.mistake("the right class has 1 − smoothing, the others smoothing / C",
                hint="Then the wanted probabilities do not add up to 1: the right class has its C-th of the share too.")
def _(z, target, smoothing):
    q = _wanted(z, np.array(target), 1 - smoothing, smoothing / z.shape[1])
    return _loss_backward(z, target, smoothing, q=q)


@smooth.mistake("the right class has 1 and its part of the share",
                hint="The right class loses the share: 1 − smoothing.")
def _(z, target, smoothing):
    q = _wanted(z, np.array(target), 1 + smoothing / z.shape[1], smoothing / z.shape[1])
    return _loss_backward(z, target, smoothing, q=q)


@smooth.mistake("each class gets the whole share", hint="The share is divided by the C classes.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, q=_wanted(z, np.array(target), 1, smoothing))


@smooth.mistake("the roles of the two shares are exchanged",
                hint="The share `smoothing` is spread, 1 − smoothing goes to the right class.")
def _(z, target, smoothing):
    return _loss_backward(z, target, 1 - smoothing)


@smooth.mistake("the share is added to the right class", hint="The right class gets 1 − smoothing of its own.")
def _(z, target, smoothing):
    q = _wanted(z, np.array(target), 1 + smoothing + smoothing / z.shape[1], smoothing / z.shape[1])
    return _loss_backward(z, target, smoothing, q=q)


@smooth.mistake("only the share of the right class is wanted", hint="The other classes have smoothing / C, not 0.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, q=_wanted(z, np.array(target), 1 - smoothing, 0))


@smooth.mistake("probabilities minus wanted ones, the wrong way round", hint="A logit that is too high has a positive "
                                                                            "gradient: p − q.")
def _(z, target, smoothing):
    return -_loss_backward(z, target, smoothing)


@smooth.mistake("the wanted probabilities are added", hint="Subtract them: p − q.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing) + 2 * (_loss_backward(z, target, smoothing, p=0) * -1)


@smooth.mistake("the softmax runs over the rows", hint="Each row has its own softmax, over its classes: axis 1.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, p=_probabilities(z.T).T)


@smooth.mistake("the softmax is divided by the sum of all", hint="Each row of p adds up to 1: keep its axis.")
def _(z, target, smoothing):
    e = np.exp(np.asarray(z, np.float64) - z.max(1, keepdims=True))
    return _loss_backward(z, target, smoothing, p=e / e.sum())


@smooth.mistake("the exponentials are not divided by their sum", hint="p adds up to 1 in each row.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, p=np.exp(np.asarray(z, np.float64) - z.max(1, keepdims=True)))


@smooth.mistake("only the probabilities are left", hint="Subtract the wanted probabilities.")
def _(z, target, smoothing):
    return _loss_backward(z, target, smoothing, q=0)


@smooth.mistake("only the wanted probabilities are left", hint="The gradient is a difference: p − q.")
def _(z, target, smoothing):
    return -_loss_backward(z, target, smoothing, p=0)


@smooth.accepted("log-softmax, and the rows with a label picked out")
def _(z, target, smoothing):
    z = np.asarray(z, np.float64)
    top = z.max(1)
    log_p = z - (top + np.log(np.exp(z - top[:, None]).sum(1)))[:, None]
    rows = [i for i, t in enumerate(target) if t != -1]
    out = np.zeros_like(z)
    for i in rows:
        for c in range(z.shape[1]):
            q = smoothing / z.shape[1] + (1 - smoothing) * (c == target[i])
            out[i, c] = (np.exp(log_p[i, c]) - q) / len(rows)
    return out


@smooth.accepted("one-hot rows from the identity")
def _(z, target, smoothing):
    target = np.array(target)
    hot = np.eye(z.shape[1])[target]
    q = (1 - smoothing) * hot + smoothing * np.full_like(hot, 1 / z.shape[1])
    grad = _probabilities(z) - q
    grad[target < 0] = 0
    return grad / np.count_nonzero(target >= 0)


@smooth.accepted("cnnlib's own")
def _(z, target, smoothing):
    return F.cross_entropy_backward(np.float64(1), np.asarray(z, np.float64), np.array(target, np.int64),
                                    ignore_index=-1, label_smoothing=smoothing)[0]


# ---- five_point_step -------------------------------------------------------------------------------------------------

def _step_cases(rng):
    return (float(rng.integers(1, 41)) / 4, float(rng.integers(1, 200)) / 4, 2.0 ** -int(rng.integers(10, 54)))


def _best(size, fifth, eps, power=4, truncation=1 / 30, rounding=1.5):
    """The h with the smallest truncation·fifth·h^power + rounding·eps·size/h, and this smallest sum."""
    h = (rounding * eps * size / (power * truncation * fifth)) ** (1 / (power + 1))
    return h, truncation * fifth * h**power + rounding * eps * size / h


step = Question(
    "five_point_step", title="The best step for four losses", points=2, kind="predict",
    asks="Write `five_point_step(size, fifth, eps)`: the step h at which a difference of four losses has the smallest "
         "bound on its error, and that bound.",
    reference=lambda size, fifth, eps: np.log10(_best(size, fifth, eps)),
    cases=_step_cases,
    minutes=20, level=2,
    text=r"""
        Four losses give a derivative more accurately than two:

        $$
        \begin{aligned}
        n = \tfrac{1}{12 h} \bigl( &-f(x + 2h) + 8 f(x + h) \\
        &- 8 f(x - h) + f(x - 2h) \bigr) .
        \end{aligned}
        $$

        Without rounding, n is off by at most $h^4 M_5 / 30$, if the fifth derivative is nowhere larger than $M_5$,
        `fifth`. Each of the four values of f carries a rounding error of at most `eps` times `size`, of either sign,
        before it is multiplied. Nothing else is rounded.

        Add the bound on the truncation and the bound on the rounding. Return
        $[\log_{10} h, \log_{10} E]$ for the h that makes this sum smallest and the sum E that it then has. All
        arguments are positive numbers.
    """,
    hints={
        "What rounding can do":
            "In the worst case the four errors all push the same way. Add the moduli of the four factors.",
        "Where the sum is smallest":
            "Its derivative by h is 0 there. The two bounds are not equal at that point.",
        "h is right, E is not":
            "E is the sum of both bounds. And both results are logarithms to base 10.",
    },
)


@step.solution
def five_point_step(size, fifth, eps):
    """three numbers  →  (2,): log10 of the best step, and of its bound"""
    rounding = 1.5 * eps * size      # (1 + 8 + 8 + 1)/12, divided by h
    h = (7.5 * rounding / fifth) ** 0.2            # 4 h³ M/30 = rounding/h²
    return np.log10([h, fifth / 30 * h**4 + rounding / h])


@step.mistake("this is the best step of a central difference",
              hint="There the truncation grows as h², here as h⁴. Make the new sum smallest.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, power=2, truncation=1 / 6, rounding=1))


@step.mistake("the two bounds are made equal",
              hint="The sum is smallest where its derivative is 0, and there the two are not equal: h⁴ is steeper "
                   "than 1/h.")
def _(size, fifth, eps):
    h = (45 * eps * size / fifth) ** (1 / 5)
    return np.log10([h, fifth * h**4 / 30 + 1.5 * eps * size / h])


@step.mistake("the rounding of one loss only", hint="Four losses are rounded, and two of them count eight times.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, rounding=1 / 12))


@step.mistake("the rounding of four losses without their factors",
              hint="Two of the losses are multiplied by 8, and with them their rounding.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, rounding=4 / 12))


@step.mistake("the rounding errors cancel in part",
              hint="A bound is for the worst case: the errors may have any sign, so add the moduli, 1 + 8 + 8 + 1.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, rounding=np.sqrt(130) / 12))


@step.mistake("the factors of the losses are not divided by 12", hint="The whole difference is divided by 12 h.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, rounding=18))


@step.mistake("the bound on the rounding is that of a central difference", hint="There it is ε·size/h; here there are "
                                                                             "four losses with their factors.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, rounding=1))


@step.mistake("the truncation is not divided by 30", hint="The truncation is at most h⁴·fifth/30.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps, truncation=1))


@step.mistake("the 4 of the derivative is missing", hint="The derivative of h⁴ is 4h³.")
def _(size, fifth, eps):
    h = (1.5 * eps * size / (fifth / 30)) ** (1 / 5)
    return np.log10([h, 1.5 * eps * size / h])


@step.mistake("the bound holds the truncation only", hint="E is the sum of truncation and rounding.")
def _(size, fifth, eps):
    h, _ = _best(size, fifth, eps)
    return np.log10([h, fifth * h**4 / 30])


@step.mistake("the bound holds the rounding only", hint="E is the sum of truncation and rounding.")
def _(size, fifth, eps):
    h, _ = _best(size, fifth, eps)
    return np.log10([h, 1.5 * eps * size / h])


@step.mistake("the logarithms are natural ones", hint="np.log10, not np.log.")
def _(size, fifth, eps):
    return np.log(_best(size, fifth, eps))


@step.mistake("no logarithm is taken", hint="Return log10 of both numbers.")
def _(size, fifth, eps):
    return np.array(_best(size, fifth, eps))


@step.mistake("the bound and the step are exchanged", hint="First the step, then the bound.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, eps))[::-1]


@step.mistake("the fourth root is taken, not the fifth",
              hint="From 4h³·M/30 = 1.5·ε·size/h² follows a power of h: which one?")
def _(size, fifth, eps):
    h = (11.25 * eps * size / fifth) ** (1 / 4)
    return np.log10([h, fifth * h**4 / 30 + 1.5 * eps * size / h])


@step.mistake("no root is taken", hint="The condition gives h⁵, not h.")
def _(size, fifth, eps):
    h = 11.25 * eps * size / fifth
    return np.log10([h, fifth * h**4 / 30 + 1.5 * eps * size / h])


@step.mistake("size and fifth are exchanged", hint="A large loss means more rounding, a large fifth derivative more "
                                                   "truncation.")
def _(size, fifth, eps):
    return np.log10(_best(fifth, size, eps))


@step.mistake("size is left out", hint="The rounding of a loss is eps times its size.")
def _(size, fifth, eps):
    return np.log10(_best(1, fifth, eps))


@step.mistake("eps is left out", hint="The rounding of a loss is eps times its size.")
def _(size, fifth, eps):
    return np.log10(_best(size, fifth, 1))


@step.mistake("fifth is left out", hint="The truncation is h⁴·fifth/30.")
def _(size, fifth, eps):
    return np.log10(_best(size, 1, eps))


@step.mistake("the rounding is multiplied by h in the bound", hint="The rounding is divided by h.")
def _(size, fifth, eps):
    h, _ = _best(size, fifth, eps)
    return np.log10([h, fifth * h**4 / 30 + 1.5 * eps * size * h])


@step.mistake("the truncation has h, not its fourth power", hint="The truncation is h⁴·fifth/30.")
def _(size, fifth, eps):
    h, _ = _best(size, fifth, eps)
    return np.log10([h, fifth * h / 30 + 1.5 * eps * size / h])


def _with_step(name, hint, step_of, bound_of=lambda h, r, m: m / 30 * h**4 + r / h):
    """Register another step, or another bound, of r, the rounding times h, and of m, the fifth derivative."""
    @step.mistake(name, hint)
    def _(size, fifth, eps):
        h = step_of(1.5 * eps * size, fifth)
        return np.log10([h, bound_of(h, 1.5 * eps * size, fifth)])


_with_step("the quotient under the root is upside down", "More rounding asks for a larger step, not for a smaller one.",
           lambda r, m: (m / (7.5 * r)) ** 0.2)
_with_step("fifth multiplies under the root", "A larger fifth derivative asks for a smaller step.",
           lambda r, m: (7.5 * r * m) ** 0.2)
_with_step("the 30 and the 4 are missing in the step", "Set the derivative of h⁴·fifth/30 + 1.5·ε·size/h to 0.",
           lambda r, m: (r / m) ** 0.2)
_with_step("it is a fifth of the quotient, not its fifth root", "The condition gives h⁵: raise to the power 1/5.",
           lambda r, m: 7.5 * r / m * 0.2)
_with_step("the bound has h³", "The truncation is h⁴·fifth/30.", lambda r, m: (7.5 * r / m) ** 0.2,
           lambda h, r, m: m / 30 * h**3 + r / h)
_with_step("the bound has h⁵", "The truncation is h⁴·fifth/30.", lambda r, m: (7.5 * r / m) ** 0.2,
           lambda h, r, m: m / 30 * h**5 + r / h)
_with_step("the bound has 4h, not h⁴", "The truncation is h⁴·fifth/30.", lambda r, m: (7.5 * r / m) ** 0.2,
           lambda h, r, m: m / 30 * (4 * h) + r / h)
_with_step("the 30 is missing in the bound", "The truncation is h⁴·fifth/30.", lambda r, m: (7.5 * r / m) ** 0.2,
           lambda h, r, m: m * h**4 + r / h)
_with_step("the truncation is multiplied by 30 in the bound", "The truncation is h⁴·fifth/30.",
           lambda r, m: (7.5 * r / m) ** 0.2, lambda h, r, m: m * 30 * h**4 + r / h)
_with_step("the rounding is not divided by h in the bound", "The rounding is 1.5·ε·size/h.",
           lambda r, m: (7.5 * r / m) ** 0.2, lambda h, r, m: m / 30 * h**4 + r)
_with_step("the rounding is subtracted in the bound", "Bounds are added.", lambda r, m: (7.5 * r / m) ** 0.2,
           lambda h, r, m: np.maximum(m / 30 * h**4 - r / h, 1e-300) + 0 * r)


@step.accepted("in one formula")
def _(size, fifth, eps):
    h = (45 * eps * size / (4 * fifth)) ** 0.2
    return np.log10([h, fifth * h**4 / 6])


@step.accepted("by trying: a fine grid, then finer")
def _(size, fifth, eps):
    def bound(log_h):
        return fifth * 10 ** (4 * log_h) / 30 + 1.5 * eps * size / 10**log_h

    low, high = -12.0, 6.0
    for _ in range(12):
        grid = np.linspace(low, high, 401)
        best, gap = grid[np.argmin(bound(grid))], grid[1] - grid[0]
        if gap < 1e-7:
            break
        low, high = best - 2 * gap, best + 2 * gap
    return [best, np.log10(bound(best))]


# ---- pool_probe ------------------------------------------------------------------------------------------------------

def _probe_cases(rng, turn):
    """Overlapping windows, and images so large that no pixel is in all of them; some rows may be left unread.

    With k = 4 and s = 3, one side of 9 has two windows only, so that the overlap must be seen along the other.
    """
    k, s = [(3, 2), (2, 1), (3, 1), (4, 3), (4, 2), (5, 3)][turn % 6]
    height, width = unequal(rng, 2 * k + 1, 2 * k + 6)
    if (k, s) == (4, 3):
        height, width = (9, max(height, width)) if turn % 12 == 3 else (max(height, width), 9)
    return height, width, k, s, float(rng.choice([0.5, 0.625, 0.75, 0.875]))


def _windows(x, k, s):
    return np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(-2, -1))[..., ::s, ::s, :, :]


def _far(wrong, right):
    return float(np.abs(wrong - right).max() > 0.1 * np.abs(right).max())


def _probe_properties(answer, height, width, k, s, h):
    if answer.shape != (height, width):
        raise ValueError(f"the image must have the shape {(height, width)}, got {answer.shape}")
    x = answer.astype(np.float64)
    if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        raise ValueError("the image must hold numbers from 0 to 1")
    y = _windows(x, k, s).max((-2, -1))
    dy = 1.0 + np.arange(y.size).reshape(y.shape)
    moved = np.eye(x.size).reshape(-1, height, width) * h
    raised, lowered = ((_windows(x + sign * moved, k, s).max((-2, -1)) * dy).sum((-2, -1)) for sign in (1, -1))
    numeric = ((raised - lowered) / (2 * h)).reshape(x.shape)

    def gradient(winners=_first, **how):
        return _scatter(dy[None], x[None], k, s, winners, **how)[0]

    right = gradient()
    return {
        "the check confirms the right gradient (1 yes, 0 no)":
            float(np.abs(numeric - right).max() < 1e-3 * np.abs(right).max()),
        "the last window overwrites: refused (1 yes, 0 no)": _far(gradient(add=False), right),
        "the first pixel of each window: refused (1 yes, 0 no)": _far(gradient(lambda w: [(0, 0)]), right),
        "the last pixel of each window: refused (1 yes, 0 no)": _far(gradient(lambda w: [(k - 1, k - 1)]), right),
        "row and column exchanged: refused (1 yes, 0 no)": _far(gradient(lambda w: [_first(w)[0][::-1]]), right),
    }


def _peaks(height, width, down, right, row=0, column=0, value=1.0):
    x = np.zeros((height, width))
    x[row::down, column::right] = value
    return x


probe = Question(
    "pool_probe", title="An image that tells right from wrong", points=3, kind="design",
    asks="Write `pool_probe(height, width, k, s, h)`: an image on which a check with the step `h` confirms the right "
         "gradient of max pooling and refuses four wrong ones.",
    reference=lambda height, width, k, s, h: _peaks(height, width, k, k, k // 2, k // 2),
    cases=_probe_cases, measure=_probe_properties,
    minutes=30, level=3,
    text=r"""
        Return an image (height, width) of numbers from 0 to 1. It is pooled by the maxima of k × k windows with stride
        `s` < `k`, without padding, and the loss is $\sum dy \cdot y$ with $dy = 1, 2, 3, \dots$ along the windows.
        Wanted:

        - central differences with the step `h`, which is **at least 0.5**, give the right gradient, to a thousandth of
          its largest number;
        - four wrong gradients are off by more than a tenth of the largest right number: one in which the last window
          overwrites what earlier ones gave; one in which each window gives to its first pixel (top left); one in which
          it gives to its last pixel (bottom right); one in which row and column within the window are exchanged.

        The image is larger than two windows either way. It is judged by these properties: any other one that has them
        is right too.
    """,
    hints={
        "Where to begin":
            "When does the step change which pixel is the largest of a window? How far must the largest be above all "
            "others, so that it does not?",
        "Random numbers do not do it":
            "Between 0 and 1 there is room for one pixel of each window to stand out by 0.5 or more, and not for many "
            "levels. Where can you put the bright pixels so that every window holds exactly one?",
        "It confirms the right one, and does not refuse the first":
            "Some pixel must be the largest of two windows. Bright pixels that are further apart do that.",
    },
)


@probe.solution
def pool_probe(height, width, k, s, h):
    """int, int, int, int, a number  →  (height, width)"""
    image = np.zeros((height, width))
    every = slice(k // 2, None, k)
    image[every, every] = 1      # one in every k × k window
    return image


def _ramp(height, width):
    return np.linspace(0, 1, height * width).reshape(height, width)


@probe.mistake("the image grows from pixel to pixel",
               hint="The largest is always the last of a window, no pixel wins twice, and a step of h changes "
                    "which it is.")
def _(height, width, k, s, h):
    return _ramp(height, width)


@probe.mistake("all pixels are equal, or fall from one to the next",
               hint="The largest is always the first of a window, no pixel wins twice, and a step of h changes which "
                    "it is.")
def _(height, width, k, s, h):
    return 1 - _ramp(height, width)


@probe.mistake("in some window the largest pixel does not stand out by h",
               hint="The step changes which pixel is the largest there, or two are equal. In every window one pixel "
                    "must be at least h above all others.")
def _(height, width, k, s, h):
    return np.random.default_rng(0).random((height, width))


@probe.mistake("in some images no pixel wins in two windows",
               hint="The check confirms the right gradient, but = and += give the same where each window has a winner "
                    "of its own. Move the bright pixels so that one of them lies where windows overlap.")
def _(height, width, k, s, h):
    return _peaks(height, width, k, k)


@probe.mistake("the bright pixels stand out by 0.5, whatever h is",
               hint="The step h may be larger than 0.5. How far can a pixel stand out at most?")
def _(height, width, k, s, h):
    return 0.25 + _peaks(height, width, k, k, k // 2, k // 2, 0.5)


@probe.mistake("the first windows hold no bright pixel",
               hint="The bright pixels begin too late: the first lies at k, and the first window ends at k − 1.")
def _(height, width, k, s, h):
    return _peaks(height, width, k, k, k, k)


@probe.accepted("peaks that begin where the first window ends")
def _(height, width, k, s, h):
    return _peaks(height, width, k, k, k - 1, k - 1)


@probe.accepted("not quite black, not quite white")
def _(height, width, k, s, h):
    rng = np.random.default_rng(1)
    x = (1 - h) * rng.random((height, width)) * 0.999
    x[k - 1::k, k // 2::k] = 1
    return x


QUESTIONS = [error, max_pool, batch, layer, smooth, step, probe]
