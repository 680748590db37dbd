"""Week 2: the questions of the notebook `pooling`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal


def _pool(x, k, s, p, reduce=np.max, fill=-np.inf, mode="constant", ends=None):
    """Windows of the last two axes, reduced over both.  ends: (before, behind), in place of p on both sides."""
    width = [(0, 0)] * (x.ndim - 2) + [ends or (p, p)] * 2
    padded = np.pad(x.astype(np.float64), width, mode, **({"constant_values": fill} if mode == "constant" else {}))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(-2, -1))
    return reduce(windows[..., ::s, ::s, :, :], axis=(-2, -1))


# ---- max_pool2d ------------------------------------------------------------------------------------------------------

def _max_cases(rng, turn):
    """Padding in three of four, negative images in every third, the stride of the window in every fourth; now and then
    millions below 0, where a number that is only rather small is the larger one.
    """
    k = int(rng.integers(2, 5))
    p = 0 if turn % 4 == 0 else int(rng.integers(1, k // 2 + 1))
    s = k if turn % 4 == 1 else int(rng.choice([s for s in (1, 2, 3) if s != k]))
    height, width = unequal(rng, 4, 9)
    x = numbers(rng, (int(rng.integers(2, 4)), height, width))
    x = -np.abs(x) if turn % 3 == 1 else x
    return x * 2**20 if turn % 9 == 1 else x, k, s, p


max_pool = Question(
    "max_pool2d", title="The largest of each window", points=2,
    asks="Write `max_pool2d(x, k, s, p)`: of each channel, the largest pixel of every k × k window, with stride `s` "
         "and `p` rows and columns of padding on each side.",
    reference=lambda x, k, s, p: _pool(x, k, s, p),
    cases=_max_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        $$y_{cij} = \max_{0 \le u, v < k}\; x_{c,\; s i + u - p,\; s j + v - p}$$

        where only pixels of the image take part: **padding is never the largest**, also where all pixels are negative.
        `x` is (C, H, W) with H ≠ W, numbers of any sign. The padding is at most k/2, so that each window holds a
        pixel. The output is (C, H_out, W_out) with $H_\text{out} = \lfloor (H + 2p - k)/s \rfloor + 1$, and W_out
        likewise: a window that does not fit into the padded image is left out.
    """,
    hints={
        "Only the border is wrong":
            "The padding takes part in the maximum. Which number is never the larger one, whatever the pixel?",
        "There is one row or one column too many":
            "The last window must fit into the H + 2p padded rows. Windows may also leave a few of them unread.",
        "The channels are mixed":
            "Pooling treats each channel alone. Over which axes is the maximum taken?",
    },
)


@max_pool.solution
def max_pool2d(x, k, s, p):
    """(C, H, W), int, int, int  →  (C, H_out, W_out)"""
    around = [(0, 0), (p, p), (p, p)]
    padded = np.pad(x, around, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, (k, k), axis=(1, 2))      # (C, H + 2p − k + 1, …, k, k)
    return windows[:, ::s, ::s].max(axis=(3, 4))


@max_pool.mistake("the padding is zeros",
                  hint="A zero is larger than every negative pixel, so it wins at the border. Pad with a number that "
                       "is smaller than all others.")
def _(x, k, s, p):
    return _pool(x, k, s, p, fill=0)


@max_pool.mistake("the search for the maximum starts at 0",
                  hint="Where all pixels of a window are negative, your maximum is the 0 that it began with.")
def _(x, k, s, p):
    return np.maximum(_pool(x, k, s, p), 0)


@max_pool.mistake("there is no padding",
                  hint="The first window begins p rows above the image and p columns left of it.")
def _(x, k, s, p):
    return _pool(x, k, s, 0)


@max_pool.mistake("the padding is only in front",
                  hint="p rows and columns on each side: above and below, on the left and on the right.")
def _(x, k, s, p):
    return _pool(x, k, s, p, ends=(p, 0))


@max_pool.mistake("the padding is only behind",
                  hint="p rows and columns on each side: above and below, on the left and on the right.")
def _(x, k, s, p):
    return _pool(x, k, s, p, ends=(0, p))


@max_pool.mistake("the padding is half of the window, whatever p is",
                  hint="How wide the padding is, p says; k//2 is the most that is allowed.")
def _(x, k, s, p):
    return _pool(x, k, s, k // 2)


@max_pool.mistake("the stride is the window's size",
                  hint="k is only the usual stride, where windows touch. Here the windows stand s pixels apart, and "
                       "they may overlap.")
def _(x, k, s, p):
    return _pool(x, k, k, p)


@max_pool.mistake("the stride has no effect", hint="Windows are s pixels apart: of all windows keep every s-th.")
def _(x, k, s, p):
    return _pool(x, k, 1, p)


@max_pool.mistake("only the rows have a stride", hint="Windows are s rows apart and s columns apart.")
def _(x, k, s, p):
    return _pool(x, k, 1, p)[:, ::s]


@max_pool.mistake("only the columns have a stride", hint="Windows are s rows apart and s columns apart.")
def _(x, k, s, p):
    return _pool(x, k, 1, p)[:, :, ::s]


@max_pool.mistake("every s-th channel is kept",
                  hint="The stride skips rows and columns of windows, [:, ::s, ::s]; all channels stay.")
def _(x, k, s, p):
    return _pool(x, k, 1, p)[::s, ::s]


@max_pool.mistake("the mean of each window", hint="That is average pooling. The largest pixel was asked for.")
def _(x, k, s, p):
    return _pool(x, k, s, p, np.mean, fill=0)


@max_pool.mistake("the smallest of each window", hint="The largest pixel was asked for: max, and −∞ as padding.")
def _(x, k, s, p):
    return _pool(x, k, s, p, np.min, fill=np.inf)


@max_pool.mistake("the largest modulus", hint="−3 is smaller than 1: compare the pixels with their signs.")
def _(x, k, s, p):
    return _pool(np.abs(x), k, s, p)


@max_pool.mistake("the image goes on at its other side",
                  hint="That is a torus. What is outside of the image does not take part.")
def _(x, k, s, p):
    return _pool(x, k, s, p, mode="wrap")


@max_pool.mistake("the image is mirrored at its border",
                  hint="A mirror brings pixels into the window that do not belong to it.")
def _(x, k, s, p):
    return _pool(x, k, s, p, mode="reflect")


@max_pool.mistake("the maximum goes over the channels as well",
                  hint="Pooling treats each channel alone: C channels come in, C go out.")
def _(x, k, s, p):
    return _pool(x, k, s, p).max(0)


@max_pool.mistake("one maximum for all channels", hint="Pooling treats each channel alone.")
def _(x, k, s, p):
    return np.repeat(_pool(x, k, s, p).max(0, keepdims=True), len(x), 0)


@max_pool.mistake("a last window that does not fit is counted",
                  hint="A window that does not fit into the padded image is left out: ⌊…⌋, not ⌈…⌉.")
def _(x, k, s, p):
    _, height, width = x.shape
    return _pool(np.pad(x, [(0, 0), (p, p + s - 1), (p, p + s - 1)], constant_values=-np.inf), k, 1, 0)[
        :, :height + p:s, :width + p:s]


@max_pool.mistake("only the rows are padded",
                  hint="p rows above and below, and p columns on the left and on the right.")
def _(x, k, s, p):
    return _pool(np.pad(x, [(0, 0), (p, p), (0, 0)], constant_values=-np.inf), k, s, 0)


@max_pool.mistake("only the columns are padded",
                  hint="p rows above and below, and p columns on the left and on the right.")
def _(x, k, s, p):
    return _pool(np.pad(x, [(0, 0), (0, 0), (p, p)], constant_values=-np.inf), k, s, 0)


@max_pool.mistake("one number for all windows", hint="Each window has its own maximum: over its own two axes only.")
def _(x, k, s, p):
    return _pool(x, k, s, p).max()


@max_pool.mistake("places before the image are read at its other end",
                  hint="x[−1] is the last row in Python. Places outside of the image take no part: ask for ≥ 0 too.")
def _(x, k, s, p):
    before = np.pad(x, [(0, 0), (p, 0), (p, 0)], "wrap")
    return _pool(np.pad(before, [(0, 0), (0, p), (0, p)], constant_values=-np.inf), k, s, 0)


@max_pool.mistake("windows at the begin are moved into the image",
                  hint="A window that begins before the image is cut, not moved: it ends at s·i − p + k all the same.")
def _(x, k, s, p):
    _, height, width = x.shape
    rows, columns = (np.maximum(s * np.arange((n + 2 * p - k) // s + 1) - p, 0) for n in (height, width))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x.astype(np.float64), [(0, 0), (0, k), (0, k)], constant_values=-np.inf), (k, k), axis=(1, 2))
    return windows[:, rows][:, :, columns].max((3, 4))


@max_pool.mistake("every window holds one row and one column too many", hint="x[a : a + k] holds k rows already.")
def _(x, k, s, p):
    _, height, width = x.shape
    wide = np.pad(x, [(0, 0), (p, p + 1), (p, p + 1)], constant_values=-np.inf)
    return _pool(wide, k + 1, s, 0)


def _not_small_enough(number):
    max_pool.mistake(f"the padding is {number}".replace("-", "−"),
                     hint="That is larger than some pixel. Which number is smaller than all others, or can you leave "
                          "the padding out of the window?")(lambda x, k, s, p: _pool(x, k, s, p, fill=number))


for _number in (-1, -10, -100, -999, -1000):
    _not_small_enough(_number)


@max_pool.accepted("loops, each window cut at the border of the image")
def _(x, k, s, p):
    channels, height, width = x.shape
    out = np.empty((channels, (height + 2 * p - k) // s + 1, (width + 2 * p - k) // s + 1))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            a, c = s * i - p, s * j - p
            out[:, i, j] = x[:, max(a, 0):a + k, max(c, 0):c + k].max((1, 2))
    return out


@max_pool.accepted("the border repeated: its pixels are in the window anyway")
def _(x, k, s, p):
    return _pool(x, k, s, p, mode="edge")


@max_pool.accepted("rows first, then columns")
def _(x, k, s, p):
    x = np.pad(x, [(0, 0), (p, p), (p, p)], constant_values=-np.inf)
    for axis in (1, 2):
        x = np.moveaxis(x, axis, 0)
        x = np.moveaxis(np.stack([x[a:a + k].max(0) for a in range(0, len(x) - k + 1, s)]), 0, axis)
    return x


@max_pool.accepted("the maximum of k² slices, one for each place in the window")
def _(x, k, s, p):
    x = np.pad(x, [(0, 0), (p, p), (p, p)], constant_values=-np.inf)
    rows, columns = ((n - k) // s + 1 for n in x.shape[1:])
    out = np.full((len(x), rows, columns), -np.inf)
    for u, v in np.ndindex(k, k):
        out = np.maximum(out, x[:, u:u + s * (rows - 1) + 1:s, v:v + s * (columns - 1) + 1:s])
    return out


# ---- adaptive_windows ------------------------------------------------------------------------------------------------

def _windows(n, n_out, start=lambda j, n, m: j * n // m, end=lambda j, n, m: -(-(j + 1) * n // m)):
    return np.array([(start(j, n, n_out), end(j, n, n_out)) for j in range(n_out)])


def _adaptive_cases(rng, turn):
    """Sizes that do not divide; in every fifth they do, and in every fifth there are more windows than pixels."""
    if turn % 5 == 0:
        n_out = int(rng.integers(2, 6))
        return n_out * int(rng.integers(2, 5)), n_out
    if turn % 5 == 1:
        n = int(rng.integers(2, 7))
        return n, n + int(rng.integers(1, 5))
    while True:
        n, n_out = int(rng.integers(7, 41)), int(rng.integers(3, 12))
        if n > n_out and n % n_out > 1:
            return n, n_out


adaptive = Question(
    "adaptive_windows", title="The windows of adaptive pooling", points=1, kind="predict",
    asks="Write `adaptive_windows(n, n_out)`: where each of the `n_out` windows of adaptive pooling over `n` pixels "
         "begins and ends.",
    reference=lambda n, n_out: _windows(n, n_out),
    cases=_adaptive_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        Cut the length $n$ into $n_\text{out}$ equal pieces; a cut may lie inside a pixel. Window $j$ holds every pixel
        that piece $j$ touches, wholly or in part:

        $$
        \begin{aligned}
        \text{from}\;\; & \lfloor j\, n / n_\text{out} \rfloor \\
        \text{up to}\;\; & \lceil (j + 1)\, n / n_\text{out} \rceil ,
        \end{aligned}
        $$

        the end not included, as in a Python slice. Return whole numbers, an array (n_out, 2): a row for each window,
        its begin and its end. Both arguments are integers, at least 1. There may be more windows than pixels: then
        some windows hold the same pixel.
    """,
    hints={
        "The first pixels are right, the last ones are never read":
            "A fixed kernel and a fixed stride do not do it. Compute both ends of each window anew from j.",
        "The begins are right, some ends are one too small":
            "An end is rounded up. In whole numbers: ⌈a/b⌉ is `-(-a // b)`.",
        "The ends are one too large":
            "The end is not included: where the cut lies between two pixels, the window ends there.",
    },
)


@adaptive.solution
def adaptive_windows(n, n_out):
    """int, int  →  (n_out, 2): begin and end of each window"""
    j = np.arange(n_out)
    begin = j * n // n_out
    end = -(-(j + 1) * n // n_out)        # rounded up
    return np.stack([begin, end], axis=1)


@adaptive.mistake("both ends are rounded down",
                  hint="A pixel that a piece touches in part belongs to its window, also at its end: round the end up.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: (j + 1) * n // m)


@adaptive.mistake("both ends are rounded up",
                  hint="A pixel that a piece touches in part belongs to its window, also at its begin: round it down.")
def _(n, n_out):
    return _windows(n, n_out, start=lambda j, n, m: -(-j * n // m))


@adaptive.mistake("the begin is rounded up and the end is rounded down",
                  hint="The other way round: a pixel that a piece touches only in part belongs to the window.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: -(-j * n // m), lambda j, n, m: (j + 1) * n // m)


@adaptive.mistake("both ends are rounded to the nearest",
                  hint="Begins are rounded down and ends up, so that no piece loses a pixel that it touches.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: round(j * n / m), lambda j, n, m: round((j + 1) * n / m))


@adaptive.mistake("a fixed kernel ⌈n/n_out⌉ and stride ⌊n/n_out⌋",
                  hint="For 10 pixels and 4 windows that never reads the last pixels. Compute each begin from j·n.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: j * (n // m), lambda j, n, m: j * (n // m) + -(-n // m))


@adaptive.mistake("a fixed stride ⌊n/n_out⌋, and a kernel that takes the rest",
                  hint="These windows reach the last pixel, but they are all equally wide. PyTorch's are not: each "
                       "begins at ⌊j·n/n_out⌋.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: j * (n // m), lambda j, n, m: j * (n // m) + n - (m - 1) * (n // m))


@adaptive.mistake("a fixed stride and kernel ⌊n/n_out⌋",
                  hint="What a whole number of pixels does not fill is lost at the end. Compute each begin from j·n.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: j * (n // m), lambda j, n, m: (j + 1) * (n // m))


@adaptive.mistake("a fixed stride and kernel ⌈n/n_out⌉",
                  hint="These windows run beyond the last pixel. Compute each begin from j·n.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: j * -(-n // m), lambda j, n, m: (j + 1) * -(-n // m))


@adaptive.mistake("the begins are right, and all windows are ⌈n/n_out⌉ wide",
                  hint="Windows differ in width. Compute each end from (j + 1)·n, rounded up.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: j * n // m + -(-n // m))


@adaptive.mistake("the ends are one too large, for ⌊…⌋ + 1 is not ⌈…⌉",
                  hint="Where (j + 1)·n divides by n_out, rounding up changes nothing.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: (j + 1) * n // m + 1)


@adaptive.mistake("the last window takes what is left over",
                  hint="It reads every pixel, but all windows except the last are ⌊n/n_out⌋ wide. Compute both ends of "
                       "each window from j·n and (j + 1)·n.")
def _(n, n_out):
    windows = _windows(n, n_out, lambda j, n, m: j * (n // m), lambda j, n, m: (j + 1) * (n // m))
    windows[-1, 1] = n
    return windows


@adaptive.mistake("the first windows are one pixel wider, and none overlap",
                  hint="np.array_split deals out whole pixels, each to one window. A pixel through which a cut goes "
                       "belongs to both windows.")
def _(n, n_out):
    cuts = np.array([j * (n // n_out) + min(j, n % n_out) for j in range(n_out + 1)])
    return np.stack([cuts[:-1], cuts[1:]], axis=1)


@adaptive.mistake("the last pixel in place of the end",
                  hint="The end is not included, as in a slice: it is one more than the last pixel.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: -(-(j + 1) * n // m) - 1)


@adaptive.mistake("the windows are counted from 1", hint="j runs from 0 to n_out − 1: the first window begins at 0.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: (j + 1) * n // m, lambda j, n, m: -(-(j + 2) * n // m))


@adaptive.mistake("pixels and windows are exchanged", hint="n pixels are cut into n_out pieces: each is n/n_out long.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: j * m // n, lambda j, n, m: -(-(j + 1) * m // n))


@adaptive.mistake("nothing is rounded", hint="A window holds whole pixels: round the begin down and the end up.")
def _(n, n_out):
    return _windows(n, n_out, lambda j, n, m: j * n / m, lambda j, n, m: (j + 1) * n / m)


@adaptive.mistake("the begin is not rounded", hint="A window holds whole pixels: round the begin down.")
def _(n, n_out):
    return _windows(n, n_out, start=lambda j, n, m: j * n / m)


@adaptive.mistake("the end is not rounded", hint="A window holds whole pixels: round the end up.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: (j + 1) * n / m)


@adaptive.mistake("the begins are in one row and the ends in another",
                  hint="One row for each window: (n_out, 2), not (2, n_out).")
def _(n, n_out):
    return _windows(n, n_out).T


@adaptive.mistake("the width in place of the end",
                  hint="The second number is where the window ends, not how wide it is.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: -(-(j + 1) * n // m) - j * n // m)


@adaptive.mistake("the ends have the wrong sign", hint="⌈a/b⌉ is -(-a // b): there are two minus signs.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: -(j + 1) * n // m)


@adaptive.mistake("the end is rounded down, and its sign is reversed", hint="⌈a/b⌉ is -(-a // b): two minus signs.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: -((j + 1) * n // m))


@adaptive.mistake("the end belongs to the window before",
                  hint="Piece j ends where piece j + 1 begins, at (j + 1)·n/n_out.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: -(-j * n // m))


@adaptive.mistake("the end is that of j − 1", hint="Piece j ends where piece j + 1 begins, at (j + 1)·n/n_out.")
def _(n, n_out):
    return _windows(n, n_out, end=lambda j, n, m: -(-(j - 1) * n // m))


@adaptive.mistake("the begins have a fixed stride, the ends are right",
                  hint="⌊n/n_out⌋ is not the step from begin to begin. Compute each from j: ⌊j·n/n_out⌋.")
def _(n, n_out):
    return _windows(n, n_out, start=lambda j, n, m: j * (n // m))


@adaptive.mistake("a fixed stride and kernel ⌈n/n_out⌉, cut at n",
                  hint="The last windows are short or empty. Compute each begin from j·n and each end from (j + 1)·n.")
def _(n, n_out):
    return np.minimum(_windows(n, n_out, lambda j, n, m: j * -(-n // m), lambda j, n, m: (j + 1) * -(-n // m)), n)


@adaptive.mistake("⌊…⌋ + 1 for ⌈…⌉, cut at n",
                  hint="Where (j + 1)·n divides by n_out, rounding up changes nothing, also in the middle.")
def _(n, n_out):
    return np.minimum(_windows(n, n_out, end=lambda j, n, m: (j + 1) * n // m + 1), n)


@adaptive.mistake("the begins are one too large", hint="Pixels are counted from 0: the first window begins at 0.")
def _(n, n_out):
    return _windows(n, n_out, start=lambda j, n, m: j * n // m + 1)


@adaptive.accepted("floors and ceilings of quotients")
def _(n, n_out):
    j = np.arange(n_out)
    return np.column_stack([np.floor(j * n / n_out), np.ceil((j + 1) * n / n_out)])


@adaptive.accepted("a list of pairs")
def _(n, n_out):
    return [((j * n) // n_out, ((j + 1) * n + n_out - 1) // n_out) for j in range(n_out)]


@adaptive.accepted("which pieces a pixel touches")
def _(n, n_out):
    pairs = []
    for j in range(n_out):
        touched = [a for a in range(n) if a * n_out < (j + 1) * n and (a + 1) * n_out > j * n]
        pairs.append([touched[0], touched[-1] + 1])
    return np.array(pairs)


# ---- lp_pool2d -------------------------------------------------------------------------------------------------------

def _lp_cases(rng, turn):
    """Exponents 1, even, odd and broken in turn; windows that overlap, touch, and leave pixels between them."""
    k = int(rng.integers(2, 4))
    x = numbers(rng, unequal(rng, 4, 9))
    return x, (1, 2, 3, 1.5, 4)[turn % 5], k, (1, 2, 3)[int(rng.integers(3))]


def _lp(x, a, k, s):
    return np.sum(_squares(np.abs(x), k, s) ** a, axis=(2, 3)) ** (1 / a)


def _squares(x, k, s):
    """The windows: (H_out, W_out, k, k), in float64."""
    return np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (k, k))[::s, ::s]


lp = Question(
    "lp_pool2d", title="Between the sum and the maximum", points=2,
    asks="Write `lp_pool2d(x, norm, k, s)`: the norm of every k × k window of an image, with exponent `norm` and "
         "stride `s`.",
    reference=lambda x, norm, k, s: _lp(x, norm, k, s),
    cases=_lp_cases,
    minutes=15, level=2,
    text=r"""
        $$y_{ij} = \Bigl(\;\sum_{0 \le u, v < k} \lvert x_{s i + u,\; s j + v} \rvert^{\alpha} \Bigr)^{1/\alpha}$$

        where $\alpha$ is `norm`, a number of at least 1 and not always whole. `x` is an image (H, W) with numbers of
        any sign, and there is no padding: windows that do not fit are left out. The formula has bars and a **sum**.
        PyTorch's `LPPool2d` has the sum but not the bars, so it is another function of negative numbers.
    """,
    hints={
        "Some numbers are nan":
            "A broken power of a negative number, or the root of a negative sum. What do the bars in the formula do?",
        "Only even exponents are right":
            "An odd power keeps the sign, so that pixels cancel. The modulus comes before the power.",
        "Each case is off by one factor":
            "Is it a mean? The formula adds up the k² powers and does not divide.",
    },
)


@lp.solution
def lp_pool2d(x, norm, k, s):
    """(H, W), number, int, int  →  (H_out, W_out)"""
    powers = np.abs(x) ** norm
    windows = np.lib.stride_tricks.sliding_window_view(powers, (k, k))
    return np.sum(windows[::s, ::s], axis=(2, 3)) ** (1 / norm)


@lp.mistake("negative pixels are set to 0",
            hint="That is a ReLU in front of the pooling. The modulus makes −2 count as much as 2.")
def _(x, norm, k, s):
    return _lp(np.maximum(x, 0), norm, k, s)


@lp.mistake("each power keeps its pixel's sign",
            hint="The powers of moduli are added up, all of them positive.")
def _(x, norm, k, s):
    total = np.sum(np.sign(_squares(x, k, s)) * np.abs(_squares(x, k, s)) ** norm, axis=(2, 3))
    return np.sign(total) * np.abs(total) ** (1 / norm)


@lp.mistake("the mean of the powers in place of their sum",
            hint="The formula does not divide by k². (Some papers do; PyTorch does not.)")
def _(x, norm, k, s):
    return np.mean(np.abs(_squares(x, k, s)) ** norm, axis=(2, 3)) ** (1 / norm)


@lp.mistake("the sum is divided after the root",
            hint="The formula does not divide by k² at all.")
def _(x, norm, k, s):
    return _lp(x, norm, k, s) / k**2


@lp.mistake("the root is missing",
            hint="The exponent 1/α outside of the sum brings the powers back to the pixels' scale.")
def _(x, norm, k, s):
    return _lp(x, norm, k, s) ** norm


@lp.mistake("the power is missing", hint="Each modulus is raised to α before the sum.")
def _(x, norm, k, s):
    return np.sum(np.abs(_squares(x, k, s)), axis=(2, 3)) ** (1 / norm)


@lp.mistake("power and root are missing",
            hint="That is the sum of the moduli, α = 1. Raise each to α, and take the root.")
def _(x, norm, k, s):
    return _lp(x, 1, k, s)


@lp.mistake("the root is always a square root", hint="Power and root belong together: α inside, 1/α outside.")
def _(x, norm, k, s):
    return np.sqrt(_lp(x, norm, k, s) ** norm)


@lp.mistake("the exponent is always 2", hint="The exponent is the argument `norm`.")
def _(x, norm, k, s):
    return _lp(x, 2, k, s)


@lp.mistake("the largest modulus", hint="That is the limit for a very large exponent. Here the exponent is finite.")
def _(x, norm, k, s):
    return np.abs(_squares(x, k, s)).max(axis=(2, 3))


@lp.mistake("1/α is rounded down to a whole number",
            hint="1 // 2 is 0. The root needs the quotient as a fraction, 1 / norm.")
def _(x, norm, k, s):
    return (_lp(x, norm, k, s) ** norm) ** (1 // norm)


@lp.mistake("the stride has no effect", hint="Windows are s rows and s columns apart.")
def _(x, norm, k, s):
    return _lp(x, norm, k, 1)


@lp.mistake("the stride is the window's size", hint="Windows are s rows and s columns apart, not k.")
def _(x, norm, k, s):
    return _lp(x, norm, k, k)


@lp.mistake("only the rows have a stride", hint="Windows are s rows and s columns apart.")
def _(x, norm, k, s):
    return _lp(x, norm, k, 1)[::s]


@lp.mistake("the power is a product", hint="In Python the power is **; * multiplies.")
def _(x, norm, k, s):
    return np.sum(np.abs(_squares(x, k, s)) * norm, axis=(2, 3)) ** (1 / norm)


@lp.mistake("the root is a product", hint="The root is the power 1/α of the sum: ** and not *.")
def _(x, norm, k, s):
    return _lp(x, norm, k, s) ** norm / norm


@lp.mistake("the outer exponent is α and not 1/α", hint="Outside of the sum stands 1/α, the root.")
def _(x, norm, k, s):
    return (_lp(x, norm, k, s) ** norm) ** norm


@lp.mistake("the norm of each row of a window", hint="A window has two axes, and the sum runs over both.")
def _(x, norm, k, s):
    return np.sum(np.abs(_squares(x, k, s)) ** norm, axis=3) ** (1 / norm)


@lp.mistake("the norm of each column of a window", hint="A window has two axes, and the sum runs over both.")
def _(x, norm, k, s):
    return np.sum(np.abs(_squares(x, k, s)) ** norm, axis=2) ** (1 / norm)


@lp.mistake("only the columns have a stride", hint="Windows are s rows and s columns apart.")
def _(x, norm, k, s):
    return _lp(x, norm, k, 1)[:, ::s]


@lp.mistake("the pixels are squared before the power",
            hint="The modulus of a pixel is raised to α; a square first makes it 2α.")
def _(x, norm, k, s):
    return np.sum(np.square(_squares(x, k, s)) ** norm, axis=(2, 3)) ** (1 / norm)


@lp.mistake("base and exponent are exchanged", hint="The modulus is the base, and α is the exponent: abs(x) ** norm.")
def _(x, norm, k, s):
    return np.sum(norm ** np.abs(_squares(x, k, s)), axis=(2, 3)) ** (1 / norm)


@lp.accepted("two loops")
def _(x, norm, k, s):
    height, width = x.shape
    out = np.zeros(((height - k) // s + 1, (width - k) // s + 1))
    for i, j in np.ndindex(*out.shape):
        window = np.abs(x[s * i:s * i + k, s * j:s * j + k])
        out[i, j] = np.sum(window**norm) ** (1 / norm)
    return out


@lp.accepted("NumPy's vector norm")
def _(x, norm, k, s):
    windows = _squares(x, k, s)
    return np.linalg.norm(windows.reshape(*windows.shape[:2], -1), ord=norm, axis=-1)


@lp.accepted("the largest modulus taken out, so that no power overflows")
def _(x, norm, k, s):
    windows = np.abs(_squares(x, k, s))
    largest = windows.max((2, 3), keepdims=True)
    return largest[:, :, 0, 0] * ((windows / largest) ** norm).sum((2, 3)) ** (1 / norm)


# ---- avg_pool2d ------------------------------------------------------------------------------------------------------

def _avg_cases(rng, turn):
    """All four ways of counting in turn, and of each the windows at the end: far beyond in the rows, in the columns,
    one that begins too late, and none that reaches beyond.
    """
    ceil_mode, count_include_pad = bool(turn % 2), turn // 2 % 2 == 0
    while True:
        k, s = int(rng.integers(2, 5)), int(rng.integers(1, 4))
        p = int(rng.integers(1, k // 2 + 1)) if rng.integers(5) else 0
        sizes = unequal(rng, 4, 9)
        rooms = [n + 2 * p - k for n in sizes]
        late = [-(-room // s) * s >= n + p for room, n in zip(rooms, sizes, strict=True)]
        far = [-room % s > 1 and not too_late for room, too_late in zip(rooms, late, strict=True)]
        even = s > 1 and s + p < k and not any(room % s for room in rooms)
        if (far[0], far[1], any(late), even)[turn // 4 % 4] and (count_include_pad or p):
            return numbers(rng, sizes), k, s, p, ceil_mode, count_include_pad


def _begins(n, k, s, p, ceil_mode, drop=True):
    """Where the windows begin; place 0 is the first of the image."""
    room = n + 2 * p - k
    count = (-(-room // s) if ceil_mode else room // s) + 1
    if ceil_mode and drop and (count - 1) * s >= n + p:
        count -= 1
    return [s * i - p for i in range(count)]


def _avg(x, k, s, p, ceil_mode, count_include_pad, *, drop=True, counted=None):
    """counted(begin, n): how many rows, or columns, of the window that begins there divide the sum."""
    def inside(a, n):
        return min(a + k, n) - max(a, 0)

    def padded(a, n):
        return min(a + k, n + p) - a

    counted = counted or (padded if count_include_pad else inside)
    rows, columns = (_begins(n, k, s, p, ceil_mode, drop) for n in x.shape)
    out = np.zeros((len(rows), len(columns)))
    for i, a in enumerate(rows):
        for j, c in enumerate(columns):
            window = x[max(a, 0):a + k, max(c, 0):c + k].astype(np.float64)
            divisor = counted(a, x.shape[0]) * counted(c, x.shape[1])
            with np.errstate(all="ignore"):
                out[i, j] = window.sum() / np.float64(divisor)
    return out


def _strided(x, k, s, p, ceil_mode, count_include_pad, *, more=0, ends=None):
    """The mean of the windows at every place up to the last that one with stride s may begin at, 0 where it has none.

    ends: up to where windows may begin, along both axes.
    """
    beyond = (0, s - 1 + more) if ceil_mode else (0, 0)
    counted = np.pad(np.ones(x.shape), p, constant_values=float(count_include_pad))
    total, count = (np.lib.stride_tricks.sliding_window_view(np.pad(a, beyond), (k, k)).sum((2, 3))
                    for a in (np.pad(x.astype(np.float64), p), counted))
    kept = tuple(map(slice, ends or np.add(x.shape, p)))
    return total[kept] / np.where(count[kept] == 0, 1, count[kept])


avg = Question(
    "avg_pool2d", title="The mean of each window, by all the rules", points=3,
    asks="Write `avg_pool2d(x, k, s, p, ceil_mode, count_include_pad)`: the mean of every k × k window of an image, as "
         "PyTorch counts.",
    reference=lambda x, k, s, p, ceil_mode, count_include_pad: _avg(x, k, s, p, ceil_mode, count_include_pad),
    cases=_avg_cases,
    minutes=30, level=3,
    text=r"""
        `x` is an image (H, W), H ≠ W. Around it lie `p` rows and columns of zeros on each side, at most k/2. Windows
        are `s` apart; the first begins in the corner of the padding.

        *How many windows.* For a side of $n$ pixels let $q = (n + 2p - k)/s$. There are $\lfloor q \rfloor + 1$
        windows; with `ceil_mode` (True or False) there are $\lceil q \rceil + 1$, so that the last may reach beyond
        the padding. But a window that begins behind the last pixel of the image, in the padding or beyond, is left
        out: such a one has $s i \ge n + p$, where $i$ is its number, from 0.

        *By what the sum is divided.* With `count_include_pad` (True or False), by the number of places of the window
        that lie in the image **or its padding**; else by the number of its pixels in the image. What lies beyond the
        padding counts in neither.
    """,
    hints={
        "The last row or the last column is one too many":
            "With `ceil_mode`, look where the last window begins. Does it hold a pixel of the image?",
        "Only the last row and column are wrong":
            "There a window reaches beyond the padding. Its sum is divided by fewer than k² places.",
        "Only the border is wrong, and only without count_include_pad":
            "Cut each window at the border of the image: what is left is what it is divided by.",
    },
)


@avg.solution
def avg_pool2d(x, k, s, p, ceil_mode, count_include_pad):
    """(H, W), int, int, int, bool, bool  →  (H_out, W_out)"""
    beyond = s - 1 if ceil_mode else 0       # how far a window may reach
    weights = []
    for n in x.shape:
        begin = np.arange(-p, min(n, n + p + beyond - k + 1), s)[:, None]
        place = np.arange(n)
        held = (begin <= place) & (place < begin + k)          # (n_out, n)
        count = held.sum(axis=1, keepdims=True)
        if count_include_pad:
            count = np.minimum(k, n + p - begin)
        weights.append(held / count)
    rows, columns = weights
    return rows @ x @ columns.T


@avg.mistake("every sum is divided by k²",
             hint="k² is right where the whole window lies in the image or its padding. What of a window that reaches "
                  "further, and what without count_include_pad?")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad, counted=lambda a, n: k)


@avg.mistake("what lies beyond the padding is counted",
             hint="With ceil_mode the last window may reach beyond the padding. Those places do not exist: they are "
                  "not counted.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad, counted=(lambda a, n: k) if count_include_pad else None)


@avg.mistake("padding is never counted", hint="With count_include_pad a place in the padding counts like a pixel of 0.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, False)


@avg.mistake("padding is always counted", hint="Without count_include_pad only pixels of the image are counted.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, True)


@avg.mistake("count_include_pad is taken for its opposite",
             hint="True means that places in the padding are counted; False, that only pixels are.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, not count_include_pad)


@avg.mistake("without count_include_pad, padding behind the image is counted",
             hint="The window is cut at the image's begin but not at its end.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad,
                counted=None if count_include_pad else lambda a, n: min(a + k, n + p) - max(a, 0))


@avg.mistake("without count_include_pad, padding in front of the image is counted",
             hint="The window is cut at the image's end but not at its begin.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad,
                counted=None if count_include_pad else lambda a, n: min(a + k, n) - a)


@avg.mistake("with count_include_pad, padding behind the image is not counted",
             hint="The padding lies on both sides: a window may also hold places behind the image.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad,
                counted=(lambda a, n: min(a + k, n) - a) if count_include_pad else None)


@avg.mistake("with count_include_pad, padding in front of the image is not counted",
             hint="The padding lies on both sides: a window may also hold places in front of the image.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad,
                counted=(lambda a, n: min(a + k, n + p) - max(a, 0)) if count_include_pad else None)


@avg.mistake("the window that begins behind the image is kept",
             hint="With ceil_mode, a window with s·i ≥ n + p holds no pixel. PyTorch leaves it out.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return np.nan_to_num(_avg(x, k, s, p, ceil_mode, count_include_pad, drop=False), posinf=0, neginf=0)


@avg.mistake("ceil_mode has no effect", hint="With ceil_mode the number of windows is rounded up.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, False, count_include_pad)


@avg.mistake("the number of windows is always rounded up", hint="Only with ceil_mode may a window reach beyond.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, True, count_include_pad)


@avg.mistake("ceil_mode is taken for its opposite", hint="True means that the number of windows is rounded up.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, not ceil_mode, count_include_pad)


@avg.mistake("there is no padding", hint="The first window begins p rows above the image and p columns left of it.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, 0, ceil_mode, count_include_pad)


@avg.mistake("the stride has no effect", hint="Windows are s rows and s columns apart.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, 1, p, ceil_mode, count_include_pad)


@avg.mistake("the sums are not divided", hint="The mean is the sum divided by what is counted.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, s, p, ceil_mode, count_include_pad, counted=lambda a, n: 1)


@avg.mistake("the divisor counts one side of the window only", hint="Rows times columns are counted.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return np.sqrt(1.0) * _avg(x, k, s, p, ceil_mode, count_include_pad, counted=lambda a, n: k ** 0.5)


@avg.mistake("only the rows have a stride", hint="Windows are s rows and s columns apart.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    whole = _strided(x, k, s, p, ceil_mode, count_include_pad)
    return whole[::s]


@avg.mistake("only the columns have a stride", hint="Windows are s rows and s columns apart.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    whole = _strided(x, k, s, p, ceil_mode, count_include_pad)
    return whole[:, ::s]


@avg.mistake("ceil_mode lets windows reach too far",
             hint="⌈q⌉ + 1 windows: s − 1 places beyond the padding are enough for that.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    if not ceil_mode:
        return avg.reference(x, k, s, p, ceil_mode, count_include_pad)
    return _strided(x, k, s, p, ceil_mode, count_include_pad, more=1)[::s, ::s]


@avg.mistake("the row of windows behind the image is kept",
             hint="With ceil_mode, a window with s·i ≥ H + p holds no pixel. PyTorch leaves it out.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _strided(x, k, s, p, ceil_mode, count_include_pad, ends=[None, x.shape[1] + p])[::s, ::s]


@avg.mistake("the column of windows behind the image is kept",
             hint="With ceil_mode, a window with s·j ≥ W + p holds no pixel. PyTorch leaves it out.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _strided(x, k, s, p, ceil_mode, count_include_pad, ends=[x.shape[0] + p, None])[::s, ::s]


@avg.mistake("too many rows of windows are left out",
             hint="Window i begins at s·i − p. It is left out only where that is H or more.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _strided(x, k, s, p, ceil_mode, count_include_pad, ends=[x.shape[0], x.shape[1] + p])[::s, ::s]


@avg.mistake("too many columns of windows are left out",
             hint="Window j begins at s·j − p. It is left out only where that is W or more.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _strided(x, k, s, p, ceil_mode, count_include_pad, ends=[x.shape[0] + p, x.shape[1]])[::s, ::s]


@avg.mistake("too many windows are left out",
             hint="Window i begins at s·i − p. It is left out only where that is n or more.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _strided(x, k, s, p, ceil_mode, count_include_pad, ends=x.shape)[::s, ::s]


@avg.mistake("windows begin at every place, as with stride 1",
             hint="Windows are s rows and s columns apart: of all windows every s-th is kept.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _strided(x, k, s, p, ceil_mode, count_include_pad)


@avg.mistake("the sum is multiplied by what is counted", hint="The mean is the sum divided by what is counted.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    rows, columns = ([min(a + k, n + p) - a if count_include_pad else min(a + k, n) - max(a, 0)
                      for a in _begins(n, k, s, p, ceil_mode)] for n in x.shape)
    return avg.reference(x, k, s, p, ceil_mode, count_include_pad) * np.outer(rows, columns)**2


@avg.mistake("the last window that just fits is left out",
             hint="Where q is a whole number, the last window ends where the padding ends, and it counts.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    kept = [_begins(n, k, s, p, ceil_mode) for n in x.shape]
    kept = [[a for a in begins if a < n + p - k + (s - 1 if ceil_mode else 0)]
            for begins, n in zip(kept, x.shape, strict=True)]
    return avg.reference(x, k, s, p, ceil_mode, count_include_pad)[:len(kept[0]), :len(kept[1])]


@avg.mistake("every window holds one row and one column too many",
             hint="x[a : a + k] holds k rows: the place a + k is the first behind the window.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    def weights(n):
        rows = np.array([[a <= place <= a + k for place in range(n)] for a in _begins(n, k, s, p, ceil_mode)], float)
        count = [min(k, n + p - a) for a in _begins(n, k, s, p, ceil_mode)] if count_include_pad else rows.sum(1)
        return rows / np.array(count)[:, None]
    return weights(x.shape[0]) @ x @ weights(x.shape[1]).T


@avg.mistake("the stride is the window's size", hint="Windows are s rows and s columns apart, not k.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(x, k, k, p, ceil_mode, count_include_pad)


@avg.mistake("the border is repeated", hint="Around the image lie zeros, and not the pixels of its border.")
def _(x, k, s, p, ceil_mode, count_include_pad):
    return _avg(np.pad(x, p, "edge"), k, s, 0, ceil_mode, count_include_pad)


@avg.accepted("padding with zeros and a mask of ones, in a frame large enough for every window")
def _(x, k, s, p, ceil_mode, count_include_pad):
    frame = [(p, p + s + k)] * 2
    inner = np.pad(np.ones_like(x), p, constant_values=float(count_include_pad))
    ones = np.pad(inner, [(0, s + k)] * 2)
    sums, counts = (np.lib.stride_tricks.sliding_window_view(a, (k, k))[::s, ::s].sum((2, 3))
                    for a in (np.pad(x, frame), ones))
    rows, columns = (len(_begins(n, k, s, p, ceil_mode)) for n in x.shape)
    return sums[:rows, :columns] / counts[:rows, :columns]


@avg.accepted("loops, each window cut at the border")
def _(x, k, s, p, ceil_mode, count_include_pad):
    (height, width), beyond = x.shape, s - 1 if ceil_mode else 0
    out = []
    for a in range(-p, min(height, height + p - k + beyond + 1), s):
        out.append([])
        for c in range(-p, min(width, width + p - k + beyond + 1), s):
            window = x[max(a, 0):a + k, max(c, 0):c + k]
            padded = min(k, height + p - a) * min(k, width + p - c)
            out[-1].append(window.sum() / (padded if count_include_pad else window.size))
    return out


# ---- max_pool1d ------------------------------------------------------------------------------------------------------

def _mend_cases(rng, turn):
    """Negative signals in every second case; padding in three of four, so that places before 0 are asked for; twice
    millions below 0, where a number that is only rather small is the larger one.
    """
    k = int(rng.integers(3, 6))
    p = 0 if turn % 4 == 1 else int(rng.integers(1, k // 2 + 1))
    x = numbers(rng, int(rng.integers(6, 12)))
    if turn % 2:
        x = -np.abs(x)
    else:
        x[-1 if turn % 4 else 0] = 4                  # the largest: it shows in a window at the other end
    if turn % 4 == 3:                                 # x[2] is next to the first window, and larger than what is in it
        k, p = 4, 2
        x[:2] -= 1
        x[2] = -0.25
    return x * 2**20 if turn % 8 == 5 else x, k, int(rng.integers(1, 4)), p


def _max1(x, k, s, p, first=-np.inf, place=lambda a, n: a if 0 <= a < n else None, stop=0):
    """The largest of `first` and of the samples of each window; place(a, n): which sample is read at place a."""
    n_out = (len(x) + 2 * p - k) // s + 1
    out = np.full(n_out, first, dtype=np.float64)
    for i in range(n_out):
        for u in range(k - stop):
            a = place(s * i + u - p, len(x))
            if a is not None:
                out[i] = max(out[i], x[a])
    return out


mend = Question(
    "max_pool1d", title="A maximum that photographs do not betray", points=2, kind="mend",
    asks="Mend `max_pool1d(x, k, s, p)`: the largest sample of every window of k samples of a signal, with stride `s` "
         "and padding `p`.",
    reference=lambda x, k, s, p: _max1(x, k, s, p),
    cases=_mend_cases,
    minutes=15, level=2,
    text=r"""
        $$y_i = \max_{0 \le u < k}\; x_{s i + u - p} \qquad \text{over the places that exist}$$

        `x` (n,) holds numbers of any sign. The places that exist are 0 to n − 1. The padding is at most k/2, and there
        are $\lfloor (n + 2p - k)/s \rfloor + 1$ windows. Two things are wrong with the function. Whoever tries it on
        a photograph, or behind a ReLU, and without padding, sees neither.
    """,
    hints={
        "Where to begin":
            "Call it with a signal of negative numbers and p = 0. Then with p = 1, and look at the first window.",
        "A negative signal gives zeros":
            "What is in the output before the first sample is compared with it?",
        "Only the first numbers are wrong":
            "Which sample is x[−1] in Python?",
    },
)


@mend.given("the maximum starts at 0, and places before the signal are read at its end",
            hint="Two things. A window of negative samples is never as large as the 0 it begins with. And in Python "
                 "x[−1] is the last sample.")
def _(x, k, s, p):
    """(n,), int, int, int  →  (n_out,)"""
    n_out = (len(x) + 2 * p - k) // s + 1
    out = np.zeros(n_out)
    for i in range(n_out):
        for u in range(k):
            place = s * i + u - p
            if place < len(x):
                out[i] = max(out[i], x[place])
    return out


@mend.solution
def max_pool1d(x, k, s, p):
    """(n,), int, int, int  →  (n_out,)"""
    n_out = (len(x) + 2 * p - k) // s + 1
    out = np.full(n_out, -np.inf)
    for i in range(n_out):
        for u in range(k):
            place = s * i + u - p
            if 0 <= place < len(x):
                out[i] = max(out[i], x[place])
    return out


@mend.mistake("the maximum still starts at 0",
              hint="The places are mended. But a window of negative samples is never as large as the 0 that the output "
                   "begins with.")
def _(x, k, s, p):
    return _max1(x, k, s, p, first=0)


@mend.mistake("places before the signal are still read at its end",
              hint="The begin of the maximum is mended. But x[−1] is the last sample in Python: ask for place ≥ 0 too.")
def _(x, k, s, p):
    return _max1(x, k, s, p, place=lambda a, n: a if a < n else None)


@mend.mistake("the signal goes on at its other end",
              hint="That is a circle. Places before 0 and from n on do not exist, so they do not take part.")
def _(x, k, s, p):
    return _max1(x, k, s, p, place=lambda a, n: a % n)


@mend.mistake("the modulus of the place", hint="Place −1 does not exist: it does not stand for place 1.")
def _(x, k, s, p):
    return _max1(x, k, s, p, place=lambda a, n: abs(a) if a < n else None)


@mend.mistake("the padding takes part as zeros",
              hint="A 0 outside of the signal is larger than each negative sample. Places that do not exist take no "
                   "part.")
def _(x, k, s, p):
    return np.array([np.pad(x, p)[a:a + k].max() for a in range(0, len(x) + 2 * p - k + 1, s)])


@mend.mistake("the maximum starts at the signal's first sample",
              hint="A window does not always hold x[0]. Start at a number that is smaller than every sample.")
def _(x, k, s, p):
    return _max1(x, k, s, p, first=x[0])


@mend.mistake("the first sample of the signal never counts",
              hint="Place 0 exists: ask for place ≥ 0, not > 0.")
def _(x, k, s, p):
    return _max1(x, k, s, p, place=lambda a, n: a if 0 < a < n else None)


def _starts_at(number):
    mend.mistake(f"the maximum starts at {number}".replace("-", "−"),
                 hint="Samples may be smaller than that. Which number is below all others?")(
        lambda x, k, s, p: _max1(x, k, s, p, first=number))


for _number in (-1, -10, -100, -999, -1000):
    _starts_at(_number)


@mend.mistake("the largest modulus", hint="The samples are compared with their signs: −3 is smaller than −1.")
def _(x, k, s, p):
    return _max1(np.abs(x), k, s, p)


@mend.mistake("the smallest sample", hint="The largest sample was asked for.")
def _(x, k, s, p):
    return -_max1(-x, k, s, p)


@mend.mistake("the windows are one too short", hint="u runs from 0 to k − 1: k samples.")
def _(x, k, s, p):
    return _max1(x, k, s, p, stop=1)


@mend.mistake("the stride has no effect on the places", hint="Window i begins at place s·i − p.")
def _(x, k, s, p):
    return _max1(x, k, 1, p)[:(len(x) + 2 * p - k) // s + 1]


@mend.mistake("the last sample of each window that exists", hint="Compare each sample with the largest so far.")
def _(x, k, s, p):
    n_out = (len(x) + 2 * p - k) // s + 1
    return np.array([x[max(s * i - p, 0):s * i - p + k][-1] for i in range(n_out)])


@mend.mistake("there is no padding",
              hint="Window i begins at place s·i − p, and there are ⌊(n + 2p − k)/s⌋ + 1 of them.")
def _(x, k, s, p):
    return _max1(x, k, s, 0)


@mend.mistake("the padding is not counted in the number of windows",
              hint="There are ⌊(n + 2p − k)/s⌋ + 1 windows: the padding lies on both sides.")
def _(x, k, s, p):
    return mend.reference(x, k, s, p)[:(len(x) - k) // s + 1]


@mend.mistake("the padding is counted on one side only",
              hint="There are ⌊(n + 2p − k)/s⌋ + 1 windows: the padding lies on both sides.")
def _(x, k, s, p):
    return mend.reference(x, k, s, p)[:(len(x) + p - k) // s + 1]


@mend.mistake("there is only one window", hint="There are ⌊(n + 2p − k)/s⌋ + 1 windows.")
def _(x, k, s, p):
    return mend.reference(x, k, s, p)[:1]


@mend.mistake("the last sample of the signal never counts", hint="Place n − 1 exists: ask for place < n.")
def _(x, k, s, p):
    return _max1(x, k, s, p, place=lambda a, n: a if 0 <= a < n - 1 else None)


@mend.accepted("slices, cut at both ends")
def _(x, k, s, p):
    n_out = (len(x) + 2 * p - k) // s + 1
    return np.array([x[max(s * i - p, 0):max(s * i - p + k, 0)].max() for i in range(n_out)])


@mend.accepted("padding with minus infinity")
def _(x, k, s, p):
    padded = np.pad(x, p, constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, k)[::s].max(1)


@mend.accepted("the end samples repeated, for each window holds them anyway")
def _(x, k, s, p):
    padded = np.pad(x, p, mode="edge")
    return [padded[a:a + k].max() for a in range(0, len(padded) - k + 1, s)]


# ---- downsampler -----------------------------------------------------------------------------------------------------

NEAR, LEAK = 0.02, 0.02


def _gain(w, phi):
    """|ŵ(φ)| of each frequency."""
    return np.abs(np.exp(-2j * np.pi * np.outer(phi, np.arange(len(w)))) @ w)


def _downsampler_properties(answer, s):
    if answer.ndim != 1 or answer.size == 0:
        raise ValueError(f"the kernel must have one axis and at least one tap, got shape {answer.shape}")
    w = answer.astype(np.float64)
    if not np.isfinite(w).all():
        raise ValueError("the taps must be finite numbers")
    aliases = np.arange(1, s) / s
    near = np.concatenate([aliases - NEAR, aliases + NEAR])
    return {
        "the number of taps is odd (1 yes, 0 no)": float(len(w) % 2),
        "it has at most 2s + 1 taps (1 yes, 0 no)": float(len(w) <= 2 * s + 1),
        "it is its own mirror image (1 yes, 0 no)": float(np.abs(w - w[::-1]).max() < 1e-5),
        "what a constant 1 becomes": float(np.round(w.sum(), 6)),
        "the most that is left of a wave of frequency m/s": float(np.round(_gain(w, aliases).max(), 5)),
        "of the waves near them at most 2 % are left (1 yes, 0 no)": float(_gain(w, near).max() <= LEAK),
    }


def _triangle(s):
    return np.convolve(np.ones(s), np.ones(s)) / s**2


downsample = Question(
    "downsampler", title="A kernel to blur with before every s-th pixel is kept", points=2, kind="design",
    asks="Write `downsampler(s)`: a short symmetric kernel that keeps constants and removes the waves that would "
         "become constants when every `s`-th pixel is kept.",
    reference=_triangle,
    cases=lambda rng, turn: (2 + (turn + int(rng.integers(2))) % 8,),
    minutes=20, level=2, measure=_downsampler_properties,
    text=rf"""
        `s` is an integer from 2 to 10. A wave of frequency $m/s$ cycles per pixel, with $m = 1, \dots, s - 1$, meets
        every $s$-th pixel at the same height: without a blur it becomes a constant that was never there. For $s = 2$
        that is $+1, -1, +1, -1, \dots$ Return the taps, an array with one axis. The kernel must

        - have an odd number of taps, at most 2s + 1, and be its own mirror image, so that the middle tap lies on the
          pixel that is kept;
        - leave a constant as it is;
        - remove each wave of frequency $m/s$ wholly;
        - leave at most {LEAK:.0%} of a wave whose frequency is {NEAR} above or below one of them.

        The average of s pixels, average pooling, has the second and third property, but not always the first and
        never the last. There is more than one right answer, and each of them passes.
    """,
    hints={
        "All is right but the waves near m/s":
            "The gain of your kernel goes through 0 at m/s, but steeply. What happens to a gain that is applied twice?",
        "The waves m/s are not removed":
            "Add up the taps 0, s, 2s, …, then 1, s + 1, 2s + 1, …: each of these s sums must be 1/s.",
        "The number of taps is even":
            "The convolution of two kernels of a and b taps has a + b − 1 of them.",
    },
)


@downsample.solution
def downsampler(s):
    """int  →  (2s − 1,), the taps"""
    box = np.ones(s) / s
    return np.convolve(box, box)


@downsample.mistake("the average of s pixels",
                    hint="That is average pooling: with an even s it has no middle pixel, and waves next to m/s come "
                         "through. Its gain is 0 at m/s, but steep there.")
def _(s):
    return np.ones(s) / s


@downsample.mistake("[1, 2, 1]/4, whatever s is",
                    hint="It removes +1, −1, +1, …, which is enough for s = 2. For s = 3 the waves 1/3 and 2/3 come "
                         "through: the kernel must grow with s.")
def _(s):
    return np.array([1, 2, 1]) / 4


@downsample.mistake("nothing is blurred", hint="One tap of 1 keeps constants, and every wave as well.")
def _(s):
    return np.ones(1)


@downsample.mistake("zeros", hint="Zeros remove every wave, and constants as well.")
def _(s):
    return np.zeros(2 * s - 1)


@downsample.mistake("the taps do not add up to 1",
                    hint="A constant is multiplied by the sum of the taps. Divide by it.")
def _(s):
    return _triangle(s) * s**2


@downsample.mistake("the taps are divided once and not twice",
                    hint="Both kernels that are convolved must keep constants; yours is s times too large.")
def _(s):
    return _triangle(s) * s


@downsample.mistake("the average of an odd number of pixels",
                    hint="An average of 2s − 1 pixels removes multiples of 1/(2s − 1), and those are other waves.")
def _(s):
    return np.ones(2 * s - 1) / (2 * s - 1)


@downsample.mistake("the average of 2s + 1 pixels",
                    hint="An average of 2s + 1 pixels removes multiples of 1/(2s + 1), and those are other waves.")
def _(s):
    return np.ones(2 * s + 1) / (2 * s + 1)


@downsample.mistake("the average of s or s + 1 pixels, so that there is a middle",
                    hint="It has a middle tap now, but where s is even the waves m/s come through. Give the outermost "
                         "taps less weight.")
def _(s):
    return np.ones(s + 1 - s % 2) / (s + 1 - s % 2)


@downsample.mistake("all is right but the waves near m/s",
                    hint="The gain of your kernel is 0 at m/s, but it goes through 0 steeply. What happens to a gain "
                         "when the kernel is applied twice?")
def _(s):
    return np.ones(s) / s if s % 2 else np.concatenate([[0.5], np.ones(s - 1), [0.5]]) / s


@downsample.mistake("a binomial kernel of 2s − 1 taps",
                    hint="A binomial kernel removes the frequency 1/2 only, and others nearly. Here each m/s must go.")
def _(s):
    w = np.ones(1)
    for _ in range(2 * s - 2):
        w = np.convolve(w, [0.5, 0.5])
    return w


@downsample.mistake("a binomial kernel of s taps",
                    hint="A binomial kernel removes the frequency 1/2 only, and others nearly. Here each m/s must go.")
def _(s):
    w = np.ones(1)
    for _ in range(s - 1):
        w = np.convolve(w, [0.5, 0.5])
    return w


@downsample.mistake("a triangle that is too short",
                    hint="A triangle is the average of s pixels applied twice, which has 2s − 1 taps.")
def _(s):
    w = np.convolve(np.ones(s - 1), np.ones(s - 1))
    return w / w.sum()


@downsample.mistake("a triangle that is too wide",
                    hint="A triangle is the average of s pixels applied twice, which has 2s − 1 taps.")
def _(s):
    w = np.convolve(np.ones(s + 1), np.ones(s + 1))
    return w / w.sum()


@downsample.mistake("more taps than allowed: the average applied more than twice",
                    hint="Twice is enough: 2s − 1 taps.")
def _(s):
    return np.convolve(np.convolve(_triangle(s), np.ones(s) / s), np.ones(s) / s)


@downsample.accepted("a triangle, tap by tap")
def _(s):
    return [(s - abs(u)) / s**2 for u in range(-s + 1, s)]


@downsample.accepted("the average applied twice, then [1, 2, 1]/4")
def _(s):
    return np.convolve(_triangle(s), [0.25, 0.5, 0.25])


@downsample.accepted("straight lines between two pixels, backwards")
def _(s):
    return np.interp(np.arange(-s + 1, s) / s, [-1, 0, 1], [0, 1, 0]) / s


QUESTIONS = [max_pool, adaptive, lp, avg, mend, downsample]
