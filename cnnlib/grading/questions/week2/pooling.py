"""Week 2: the questions of the notebook `pooling`."""

import numpy as np

from cnnlib import geometry
from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import numbers, unequal

# ---- max_pool2d ------------------------------------------------------------------------------------------------------

def _max_cases(rng, turn):
    """Every second image holds only negative numbers; padding and strides that differ from the kernel take turns."""
    k = int(rng.integers(2, 5))
    stride, padding = int(rng.integers(1, 4)), turn % (k // 2 + 1)
    x = numbers(rng, unequal(rng, 5, 10))
    return (-np.abs(x) if turn % 2 else x), k, stride, padding


largest = Question(
    "max_pool2d", title="The largest of each window", points=2, practice=True,
    asks="Write `max_pool2d(x, kernel_size, stride, padding)`: the largest number of each window of an image.",
    reference=lambda x, kernel_size, stride, padding: F.max_pool2d(x[None], kernel_size, stride, padding)[0],
    cases=_max_cases,
    minutes=15, level=1,
    text=r"""
        The windows are squares of `kernel_size` pixels and move by `stride` in both directions. `padding` pixels stand
        on each side of `x`, (H, W), and must never win: they do not count. Only windows that lie in the padded image
        entirely give an output. Padding is at most half of the kernel, so each window holds a real pixel.
    """,
    hints={
        "Which number stands in the padding?":
            "Zeros win against negative numbers. What loses against every number?",
        "The output has too many rows":
            "Its size is that of a convolution: ⌊(H + 2p − k)/s⌋ + 1.",
    },
)


@largest.solution
def max_pool2d(x, kernel_size, stride, padding):
    """(H, W)  →  (H_out, W_out)"""
    x = np.pad(x, padding, constant_values=-np.inf)
    tops, lefts = [range(0, n - kernel_size + 1, stride) for n in x.shape]
    y = np.empty((len(tops), len(lefts)))
    for i, j in np.ndindex(*y.shape):
        window = x[tops[i]:, lefts[j]:][:kernel_size, :kernel_size]
        y[i, j] = window.max()
    return y


def _pooled(x, k, s, p, value=-np.inf, reduce=np.max):
    x = np.pad(x, p, constant_values=value)
    return reduce(np.lib.stride_tricks.sliding_window_view(x, (k, k))[::s, ::s], axis=(2, 3))


@largest.mistake("the padding is filled with zeros",
                 hint="A zero is larger than a negative number and wins at the border. What loses against "
                      "every number?")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, stride, padding, 0)


@largest.mistake("the maximum begins at zero",
                 hint="Where all numbers of a window are negative, the largest is negative too. Begin with −∞, or with "
                      "the first number of the window.")
def _(x, kernel_size, stride, padding):
    return np.maximum(_pooled(x, kernel_size, stride, padding), 0)


@largest.mistake("the padding is forgotten", hint="Padding gives more windows, which begin before the image.")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, stride, 0)


@largest.mistake("the stride is the kernel's size", hint="Windows may overlap or leave gaps: they move by `stride`.")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, kernel_size, padding)


@largest.mistake("the stride is 1", hint="Windows move by `stride`, not by one pixel.")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, 1, padding)


@largest.mistake("the windows move by 1, in an output of the right size",
                 hint="Window (i, j) begins at row stride · i.")
def _(x, kernel_size, stride, padding):
    rows, columns = largest.reference(x, kernel_size, stride, padding).shape
    return _pooled(x, kernel_size, 1, padding)[:rows, :columns]


@largest.mistake("the mean of each window", hint="The largest number is asked for.")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, stride, padding, 0, np.mean)


@largest.mistake("the smallest of each window", hint="The largest number is asked for, max and not min.")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, stride, padding, np.inf, np.min)


@largest.mistake("the largest of absolute value", hint="Compare the numbers as they are; −3 is smaller than 1.")
def _(x, kernel_size, stride, padding):
    return _pooled(np.abs(x), kernel_size, stride, padding)


@largest.mistake("windows that stick out are kept",
                 hint="A window must lie in the padded image entirely: the size is rounded down.")
def _(x, kernel_size, stride, padding):
    return F.max_pool2d(x[None], kernel_size, stride, padding, ceil_mode=True)[0]


@largest.mistake("the window does not move down", hint="Window (i, j) begins at row stride · i.")
def _(x, kernel_size, stride, padding):
    y = largest.reference(x, kernel_size, stride, padding)
    return np.broadcast_to(y[:1], y.shape)


@largest.mistake("the window does not move to the right", hint="Window (i, j) begins at column stride · j.")
def _(x, kernel_size, stride, padding):
    y = largest.reference(x, kernel_size, stride, padding)
    return np.broadcast_to(y[:, :1], y.shape)


@largest.accepted("sliding windows of NumPy")
def _(x, kernel_size, stride, padding):
    return _pooled(x, kernel_size, stride, padding)


@largest.accepted("windows cut off at the image's border")
def _(x, kernel_size, stride, padding):
    (height, width), k = x.shape, kernel_size
    y = []
    for top in range(-padding, height + padding - k + 1, stride):
        y.append([max(float(x[a, c]) for a in range(max(top, 0), min(top + k, height))
                      for c in range(max(left, 0), min(left + k, width)))
                  for left in range(-padding, width + padding - k + 1, stride)])
    return y


# ---- adaptive_windows ------------------------------------------------------------------------------------------------

def _adaptive_cases(rng, turn):
    """The output does not divide the input, but in every fifth case; every seventh has more outputs than inputs."""
    while True:
        size, output_size = int(rng.integers(4, 25)), int(rng.integers(2, 9))
        if turn % 7 == 3:
            size, output_size = output_size, size
        if (size % output_size == 0) == (turn % 5 == 0) and size != output_size:
            return size, output_size


adaptive = Question(
    "adaptive_windows", title="Windows that fit any size", points=1, kind="predict", practice=True,
    asks="Write `adaptive_windows(size, output_size)`: where each window of adaptive pooling begins and ends along one "
         "axis.",
    reference=lambda size, output_size: np.array(geometry.adaptive_windows(size, output_size)),
    cases=_adaptive_cases, tolerance=1e-9,
    minutes=8, level=1,
    text=r"""
        Output $j$ covers the part of the axis from $j \cdot \text{size}/\text{output}$ to
        $(j + 1) \cdot \text{size}/\text{output}$, real numbers both, and its window holds every pixel that this part
        touches. Return `output_size` pairs `(begin, end)` of integers, the end not included, as in a slice.
    """,
    hints={
        "How do I round?":
            "Pixel a covers the axis from a to a + 1. Which is the first pixel that is touched, and which the last?",
        "The last pixel is in no window":
            "A fixed window and a fixed step do not fit: each window is computed from its own j.",
    },
)


@adaptive.solution
def adaptive_windows(size, output_size):
    """→ a list of output_size pairs (begin, end)"""
    windows = []
    for j in range(output_size):
        begin = j * size // output_size
        end = -(-(j + 1) * size // output_size)
        windows.append((begin, end))
    return windows


@adaptive.mistake("a fixed window and a fixed step",
                  hint="Kernel ⌈size/output⌉ with stride ⌊size/output⌋ leaves the end of the axis unread. "
                       "Each window is "
                       "computed from its own j.")
def _(size, output_size):
    step = size // output_size
    return [(j * step, j * step - (-size // output_size)) for j in range(output_size)]


@adaptive.mistake("a fixed window that reaches the end",
                  hint="Stride ⌊size/output⌋ and kernel size − (output − 1)·stride cover the axis, but the "
                       "last windows "
                       "are longer than the part that belongs to them. Round each end by itself.")
def _(size, output_size):
    step = size // output_size
    return [(j * step, j * step + size - (output_size - 1) * step) for j in range(output_size)]


@adaptive.mistake("both ends are rounded down",
                  hint="A pixel that is touched in part belongs to the window too: the end is rounded up.")
def _(size, output_size):
    return [(j * size // output_size, (j + 1) * size // output_size) for j in range(output_size)]


@adaptive.mistake("both ends are rounded up",
                  hint="A pixel that is touched in part belongs to the window too: the beginning is rounded down.")
def _(size, output_size):
    return [(-(-j * size // output_size), -(-(j + 1) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("both ends are rounded to the nearest", hint="Beginnings are rounded down and ends are rounded up.")
def _(size, output_size):
    return [(round(j * size / output_size), round((j + 1) * size / output_size)) for j in range(output_size)]


@adaptive.mistake("the end is the last pixel", hint="As in a slice, the end is one behind the last pixel.")
def _(size, output_size):
    return [(begin, end - 1) for begin, end in geometry.adaptive_windows(size, output_size)]


@adaptive.mistake("the ends are not rounded", hint="Pixels are whole: the window holds every pixel that is touched.")
def _(size, output_size):
    return [(j * size / output_size, (j + 1) * size / output_size) for j in range(output_size)]


@adaptive.mistake("the rest goes to the first windows",
                  hint="np.array_split shares the pixels without overlap. Here a pixel on the border of two "
                       "parts is in "
                       "both windows.")
def _(size, output_size):
    ends = np.cumsum([0, *map(len, np.array_split(np.arange(size), output_size))])
    return [(ends[j], ends[j + 1]) for j in range(output_size)]


@adaptive.mistake("begin and end are exchanged", hint="The first of each pair is where the window begins.")
def _(size, output_size):
    return [(end, begin) for begin, end in geometry.adaptive_windows(size, output_size)]


@adaptive.mistake("the end lies one part too far", hint="Part j ends where part j + 1 begins, at (j + 1)·size/output.")
def _(size, output_size):
    return [(j * size // output_size, -(-(j + 2) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("the beginning lies one part too early", hint="Part j begins at j·size/output; count from j = 0.")
def _(size, output_size):
    return [((j - 1) * size // output_size, -(-(j + 1) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("only the beginning is not rounded", hint="Pixels are whole: the beginning is rounded down.")
def _(size, output_size):
    return [(j * size / output_size, -(-(j + 1) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("only the end is not rounded", hint="Pixels are whole: the end is rounded up.")
def _(size, output_size):
    return [(j * size // output_size, (j + 1) * size / output_size) for j in range(output_size)]


@adaptive.mistake("the beginning is not divided", hint="Part j begins at j·size/output.")
def _(size, output_size):
    return [(j * size, -(-(j + 1) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("the end is not divided", hint="Part j ends at (j + 1)·size/output.")
def _(size, output_size):
    return [(j * size // output_size, (j + 1) * size) for j in range(output_size)]


@adaptive.mistake("the window ends where its part begins", hint="Part j ends where part j + 1 begins.")
def _(size, output_size):
    return [(j * size // output_size, -(-j * size // output_size)) for j in range(output_size)]


@adaptive.mistake("the end is negative",
                  hint="-(-a // b) rounds a/b up: there are two signs, one inside and one outside of the division.")
def _(size, output_size):
    return [(j * size // output_size, -(j + 1) * size // output_size) for j in range(output_size)]


@adaptive.mistake("the end is negative, and rounded the other way",
                  hint="-(-a // b) rounds a/b up: there are two signs, one inside and one outside of the division.")
def _(size, output_size):
    return [(j * size // output_size, -((j + 1) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("all windows begin at the same place", hint="The beginning depends on j.")
def _(size, output_size):
    return [(size // output_size, -(-(j + 1) * size // output_size)) for j in range(output_size)]


@adaptive.mistake("all windows end at the same place", hint="The end depends on j.")
def _(size, output_size):
    return [(j * size // output_size, -(-size // output_size)) for j in range(output_size)]


@adaptive.accepted("the pixels that are touched are looked for")
def _(size, output_size):
    windows = []
    for j in range(output_size):
        touched = [a for a in range(size) if a * output_size < (j + 1) * size and (a + 1) * output_size > j * size]
        windows.append([touched[0], touched[-1] + 1])
    return windows


@adaptive.accepted("floor and ceil of NumPy")
def _(size, output_size):
    j = np.arange(output_size)
    return np.stack([np.floor(j * size / output_size), np.ceil((j + 1) * size / output_size)], axis=1)


# ---- lp_pool2d -------------------------------------------------------------------------------------------------------

def _lp(x, p, k, s):
    windows = np.lib.stride_tricks.sliding_window_view(np.abs(x.astype(np.float64)), (k, k))[::s, ::s]
    return np.sum(windows**p, axis=(2, 3)) ** (1 / p)


norm = Question(
    "lp_pool2d", title="Between the sum and the maximum", points=2,
    asks="Write `lp_pool2d(x, p, kernel_size, stride)`: the p-norm of each window.",
    reference=_lp,
    cases=lambda rng, turn: (numbers(rng, unequal(rng, 5, 9)), [1, 3, 2, 4, 5][turn % 5], int(rng.integers(2, 4)),
                             int(rng.integers(1, 4))),
    minutes=12, level=1,
    text=r"""
        $$y_{ij} = \Big(\sum_{u, v} |x_{s i + u,\; s j + v}|^p\Big)^{1/p}$$

        over the windows of `kernel_size` × `kernel_size` pixels that lie in `x`, (H, W), entirely, without padding. The
        power p is an integer of at least 1. For p = 1 it is the sum of absolute values; for large p it nears the
        largest of them.
    """,
    hints={
        "It is right for even p only":
            "For odd p a negative number keeps its sign. What does the formula say before it takes the power?",
        "Every number is a little too small, less so for large p":
            "Is it a mean that you take? The formula has a sum.",
    },
)


@norm.solution
def lp_pool2d(x, p, kernel_size, stride):
    """(H, W)  →  (H_out, W_out)"""
    tops, lefts = [range(0, n - kernel_size + 1, stride) for n in x.shape]
    y = np.empty((len(tops), len(lefts)))
    for i, j in np.ndindex(*y.shape):
        window = x[tops[i]:, lefts[j]:][:kernel_size, :kernel_size]
        y[i, j] = np.sum(np.abs(window) ** p) ** (1 / p)
    return y


@norm.mistake("the sign is kept",
              hint="The formula has |x|. PyTorch's LPPool2d leaves the absolute value out, so for odd p it is not the "
                   "norm.")
def _(x, p, kernel_size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size))[::stride, ::stride]
    total = np.sum(windows.astype(np.float64)**p, axis=(2, 3))
    return np.sign(total) * np.abs(total) ** (1 / p)


@norm.mistake("the mean in place of the sum", hint="A norm adds up the powers; it does not divide by their number.")
def _(x, p, kernel_size, stride):
    return _lp(x, p, kernel_size, stride) * (kernel_size**2) ** (-1 / p)


@norm.mistake("the root is missing", hint="After the sum comes the p-th root, so that y has the unit of x.")
def _(x, p, kernel_size, stride):
    return _lp(x, p, kernel_size, stride) ** p


@norm.mistake("always the square root", hint="The root has the same p as the power: ** (1 / p).")
def _(x, p, kernel_size, stride):
    return _lp(x, p, kernel_size, stride) ** (p / 2)


@norm.mistake("always the 2-norm", hint="The power is p, not 2.")
def _(x, p, kernel_size, stride):
    return _lp(x, 2, kernel_size, stride)


@norm.mistake("the largest absolute value", hint="That is the limit for large p.")
def _(x, p, kernel_size, stride):
    return F.max_pool2d(np.abs(x)[None], kernel_size, stride)[0]


@norm.mistake("the sum of absolute values", hint="That is p = 1. Where does p come in?")
def _(x, p, kernel_size, stride):
    return _lp(x, 1, kernel_size, stride)


@norm.mistake("the windows do not overlap", hint="They move by `stride`, not by the kernel's size.")
def _(x, p, kernel_size, stride):
    return _lp(x, p, kernel_size, kernel_size)


@norm.mistake("the stride is 1", hint="Windows move by `stride`, not by one pixel.")
def _(x, p, kernel_size, stride):
    return _lp(x, p, kernel_size, 1)


@norm.mistake("the window does not move down", hint="Window (i, j) begins at row stride · i.")
def _(x, p, kernel_size, stride):
    y = _lp(x, p, kernel_size, stride)
    return np.broadcast_to(y[:1], y.shape)


@norm.mistake("the window does not move to the right", hint="Window (i, j) begins at column stride · j.")
def _(x, p, kernel_size, stride):
    y = _lp(x, p, kernel_size, stride)
    return np.broadcast_to(y[:, :1], y.shape)


@norm.accepted("sliding windows of NumPy")
def _(x, p, kernel_size, stride):
    return _lp(x, p, kernel_size, stride)


@norm.accepted("the norm of each window as one vector")
def _(x, p, kernel_size, stride):
    k = kernel_size
    return [[np.linalg.norm(x[i:i + k, j:j + k].ravel(), p) for j in range(0, x.shape[1] - k + 1, stride)]
            for i in range(0, x.shape[0] - k + 1, stride)]


# ---- avg_pool1d ------------------------------------------------------------------------------------------------------

def _average_cases(rng, turn):
    """All settings take turns. With ceil_mode the last window ends with the padding, lies behind it, or sticks out."""
    kind = turn % 8
    ceil_mode, include = kind >= 3, bool(turn % 2)
    while True:
        size, k, s = int(rng.integers(5, 12)), int(rng.integers(2, 6)), int(rng.integers(1, 5))
        padding = int(rng.integers(1, k // 2 + 1))
        steps, rest = divmod(size + 2 * padding - k, s)
        dropped = (steps + 1) * s - size - padding
        if kind in (0, 3) and rest == 0 and dropped < 0 or kind == 4 and rest and dropped == 0 or \
                kind in (1, 2, 5, 6, 7) and rest and dropped < 0:
            return numbers(rng, size), k, s, padding, ceil_mode, include


def _average(x, k, s, padding, ceil_mode, count_include_pad):
    return F.avg_pool1d(x[None, None], k, s, padding, ceil_mode, count_include_pad)[0, 0]


def _average_by(divisor, ceil=geometry.pool_output_size):
    """The averages with another divisor, divisor(begin, k, n, p), and another size."""
    def answer(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
        n, y = len(x), []
        for i in range(ceil(n, kernel_size, stride, padding, 1, ceil_mode)):
            begin = stride * i - padding
            part = x[max(begin, 0):max(begin + kernel_size, 0)]
            y.append(part.sum() / divisor(begin, kernel_size, n, padding, count_include_pad))
        return np.array(y)
    return answer


def _right_divisor(begin, k, n, p, count_include_pad):
    if count_include_pad:
        return min(begin + k, n + p) - begin
    return min(begin + k, n) - max(begin, 0)


average = Question(
    "avg_pool1d", title="By how many is it divided?", points=3,
    asks="Write `avg_pool1d(x, kernel_size, stride, padding, ceil_mode, count_include_pad)`: the mean of each window "
         "of a signal, with PyTorch's two options.",
    reference=_average, cases=_average_cases,
    minutes=25, level=3,
    text=r"""
        `x` has n numbers; `padding` zeros stand before it and behind it, at most half of the kernel. Window i begins at
        `stride` · i, counted from the first zero.

        - `ceil_mode` False: only windows that end within the padding give an output. True: where the last of them ends
          before the padding does, one more window gives an output. It sticks out of the padding; if it begins behind
          the last number of the signal, it is dropped.
        - `count_include_pad` True: the sum of a window is divided by the number of its places that lie in the padded
          signal, zeros included. False: by the number of those that lie in the signal itself.

        What sticks out of the padding is never counted. The last two arguments are True or False.
    """,
    hints={
        "Only the first and the last numbers are wrong":
            "For each window write down where it begins, where it ends, and which of its places exist. "
            "Divide by those.",
        "There is one output too many with ceil_mode":
            "A window that begins in the padding behind the signal, or later, is dropped: it would hold zeros only.",
        "The last number is too small with both options":
            "The window sticks out of the padding there. It has fewer places than the kernel has taps.",
    },
)


@average.solution
def avg_pool1d(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """(n,)  →  (n_out,)"""
    n, p, y = len(x), padding, []
    steps, rest = divmod(n + 2 * p - kernel_size, stride)
    if ceil_mode and rest > 0 and (steps + 1) * stride < n + p:
        steps += 1
    for i in range(steps + 1):
        begin = stride * i - p
        end = min(begin + kernel_size, n + p)
        signal = x[max(begin, 0):end]
        count = end - begin if count_include_pad else len(signal)
        y.append(np.sum(signal) / count)
    return np.array(y)


average.mistake("always divided by the kernel's size",
                hint="That is right where a window lies in the padded signal and zeros count. What sticks out never "
                     "counts, and without count_include_pad nor do the zeros.")(
    _average_by(lambda begin, k, n, p, include: k))
average.mistake("the part that sticks out of the padding is counted",
                hint="With ceil_mode the last window can end behind the padding. Those places do not exist: "
                     "they are no "
                     "zeros that could count.")(
    _average_by(lambda begin, k, n, p, include: k if include else _right_divisor(begin, k, n, p, include)))
average.mistake("the zeros always count",
                hint="With count_include_pad False divide by the places that lie in the signal.")(
    _average_by(lambda begin, k, n, p, include: _right_divisor(begin, k, n, p, True)))
average.mistake("the zeros never count",
                hint="With count_include_pad True the zeros of the padding are places as well.")(
    _average_by(lambda begin, k, n, p, include: _right_divisor(begin, k, n, p, False)))
average.mistake("count_include_pad the wrong way round",
                hint="True means that the zeros are counted.")(
    _average_by(lambda begin, k, n, p, include: _right_divisor(begin, k, n, p, not include)))


@average.mistake("the sum of each window", hint="A mean divides the sum by a number of places.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average_by(lambda begin, k, n, p, include: 1)(x, kernel_size, stride, padding, ceil_mode, True)


@average.mistake("ceil_mode is ignored", hint="With ceil_mode a last window that sticks out gives an output too.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average(x, kernel_size, stride, padding, False, count_include_pad)


@average.mistake("always as with ceil_mode",
                 hint="Without ceil_mode a window that sticks out of the padding is dropped.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average(x, kernel_size, stride, padding, True, count_include_pad)


@average.mistake("ceil_mode the wrong way round", hint="True means that the size is rounded up.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average(x, kernel_size, stride, padding, not ceil_mode, count_include_pad)


@average.mistake("a window that begins behind the signal is kept",
                 hint="With ceil_mode the last window must begin before the padding behind the signal does.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    def size(n, k, s, p, d, ceil):
        return (-(-(n + 2 * p - k) // s) if ceil else (n + 2 * p - k) // s) + 1
    with np.errstate(all="ignore"):
        return np.nan_to_num(_average_by(lambda begin, k, n, p, include: max(
            _right_divisor(begin, k, n, p, include), 1), size)(
                x, kernel_size, stride, padding, ceil_mode, count_include_pad))


@average.mistake("the padding is forgotten", hint="The first window begins `padding` places before the signal.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average(x, kernel_size, stride, 0, ceil_mode, count_include_pad)


@average.mistake("the stride is forgotten", hint="Window i begins at stride · i.")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average(x, kernel_size, 1, padding, ceil_mode, count_include_pad)


@average.accepted("marks for the places that count")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    n, p = len(x), padding
    room = n + 2 * p - kernel_size
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= n + p:
        count -= 1
    tail = np.zeros(kernel_size + stride)
    values = np.concatenate([np.zeros(p), x, np.zeros(p), tail])
    zeros = np.full(p, float(count_include_pad))
    marks = np.concatenate([zeros, np.ones(n), zeros, tail])
    places = stride * np.arange(count)[:, None] + np.arange(kernel_size)
    return values[places].sum(1) / marks[places].sum(1)


@average.accepted("PyTorch's rule in other words")
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return _average_by(_right_divisor)(x, kernel_size, stride, padding, ceil_mode, count_include_pad)


# ---- max_pool1d ------------------------------------------------------------------------------------------------------

def _max1d_cases(rng, turn):
    """Half of the signals are negative throughout, a third of them mixed; the others have no negative number."""
    k = int(rng.integers(2, 5))
    x = numbers(rng, int(rng.integers(k + 3, 13)))
    x = [-np.abs(x), x, np.abs(x), -np.abs(x)][turn % 4]
    return x, k, int(rng.integers(1, 4))


def _max1d(x, k, s):
    windows = np.lib.stride_tricks.sliding_window_view(x, k)[::s]
    return np.stack([windows.max(1), s * np.arange(len(windows)) + windows.argmax(1)], axis=1)


first = Question(
    "max_pool1d", title="The largest, and where it stood", points=2, kind="mend",
    asks="Mend `max_pool1d(x, kernel_size, stride)`: of each window of a signal the largest number and its place in "
         "the signal, of equal ones the first.",
    reference=_max1d, cases=_max1d_cases,
    minutes=12, level=2,
    text=r"""
        `x` has n numbers; the windows lie in it entirely, without padding. Return an array (n_out, 2): in row i the
        largest number of window i, and the index that it has in `x`. The places are what the backward pass will need.
        On photographs, and on whatever has gone through ReLU, the function is nearly always right.
    """,
    hints={
        "It is wrong for some signals only":
            "Try a signal of negative numbers. What does the comparison begin with?",
        "The place is wrong where numbers are equal":
            "Of equal numbers the first counts: replace the largest so far only by a larger one.",
    },
)


@first.solution
def max_pool1d(x, kernel_size, stride):
    """(n,)  →  (n_out, 2): largest number, its place"""
    rows = []
    for begin in range(0, len(x) - kernel_size + 1, stride):
        window = x[begin:begin + kernel_size]
        best = np.argmax(window)
        rows.append((window[best], begin + best))
    return np.array(rows)


@first.given("the comparison begins with zero",
             hint="Where all numbers of a window are negative, none of them is larger than 0, and the answer "
                  "is a 0 that "
                  "stands nowhere in the signal. Begin with a number of the window, or with −∞.")
def _(x, kernel_size, stride):
    rows = []
    for begin in range(0, len(x) - kernel_size + 1, stride):
        largest, place = 0, begin
        for a in range(begin, begin + kernel_size):
            if x[a] > largest:
                largest, place = x[a], a
        rows.append((largest, place))
    return np.array(rows)


@first.mistake("of equal numbers the last",
               hint="A number replaces the largest so far only if it is larger: > and not ≥.")
def _(x, kernel_size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size)[::stride]
    last = kernel_size - 1 - windows[:, ::-1].argmax(1)
    return np.stack([windows.max(1), stride * np.arange(len(windows)) + last], axis=1)


@first.mistake("the place within the window", hint="The place is asked for in the signal: add where the window begins.")
def _(x, kernel_size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size)[::stride]
    return np.stack([windows.max(1), windows.argmax(1)], axis=1)


@first.mistake("the place of the window", hint="Which of its numbers was the largest?")
def _(x, kernel_size, stride):
    y = _max1d(x, kernel_size, stride)
    return np.stack([y[:, 0], stride * np.arange(len(y))], axis=1)


@first.mistake("the place is counted in windows", hint="Window i begins at stride · i, not at i.")
def _(x, kernel_size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size)[::stride]
    return np.stack([windows.max(1), np.arange(len(windows)) + windows.argmax(1)], axis=1)


@first.mistake("the largest of absolute value", hint="Compare the numbers as they are; −3 is smaller than 1.")
def _(x, kernel_size, stride):
    places = _max1d(np.abs(x), kernel_size, stride)[:, 1].astype(int)
    return np.stack([x[places], places], axis=1)


@first.mistake("the smallest number", hint="The largest is asked for.")
def _(x, kernel_size, stride):
    y = _max1d(-x, kernel_size, stride)
    return y * [-1, 1]


@first.mistake("place and number are exchanged", hint="First the number, then the place.")
def _(x, kernel_size, stride):
    return _max1d(x, kernel_size, stride)[:, ::-1]


@first.mistake("the windows do not overlap", hint="They move by `stride`.")
def _(x, kernel_size, stride):
    return _max1d(x, kernel_size, kernel_size)


@first.accepted("sliding windows of NumPy")
def _(x, kernel_size, stride):
    return _max1d(x, kernel_size, stride)


@first.accepted("the same loops, begun with the window's first number")
def _(x, kernel_size, stride):
    rows = []
    for begin in range(0, len(x) - kernel_size + 1, stride):
        place = begin
        for a in range(begin, begin + kernel_size):
            if x[a] > x[place]:
                place = a
        rows.append([float(x[place]), place])
    return rows


# ---- downsampler -----------------------------------------------------------------------------------------------------

def _binomial(order):
    taps = np.ones(1)
    for _ in range(order):
        taps = np.convolve(taps, [0.5, 0.5])
    return taps


def _down_properties(taps, k, flat):
    if taps.shape != (k,):
        raise ValueError(f"the kernel must have {k} taps; its shape is {taps.shape}")
    u, signs = np.arange(k), (-1.0) ** np.arange(k)
    def zero(number):
        return float(np.abs(number) < 1e-4)

    found = {"the taps sum to 1": zero(taps.sum() - 1), "its own mirror image": zero(np.abs(taps - taps[::-1]).max()),
             "no tap is negative": float(taps.min() >= -1e-6)}
    for m in range(flat):
        name = f"the sum of (−1)^u · u^{m} · taps is 0" if m else "+1, −1, +1, … disappears"
        found[name] = zero(np.sum(signs * u**m * taps) / k**m)
    return found


down = Question(
    "downsampler", title="A blur that leaves no alias", points=3, kind="design",
    asks="Design `downsampler(k, flat)`: k taps of a blur that goes before every second sample is dropped.",
    # as many taps as needed, or more: then something is left to choose
    reference=lambda k, flat: np.convolve(_binomial(flat), np.ones(k - flat) / (k - flat)),
    cases=lambda rng, turn: ((2 * int(rng.integers(2, 6)) + 1, 2 + 2 * (turn % 2)) if turn % 3 else (3, 2)),
    measure=_down_properties,
    minutes=25, level=3,
    text=r"""
        Return an array of k taps $w_u$, k odd, such that

        - constants stay as they are: $\sum_u w_u = 1$,
        - the kernel is its own mirror image,
        - no tap is negative,
        - the wave +1, −1, +1, … disappears, and its response is flat there: $\sum_u (-1)^u\, u^m\, w_u = 0$ for every
          power m from 0 to flat − 1 ($u^0 = 1$ for all u). `flat` is 2 or 4, and k is at least flat + 1.

        Any such kernel is right. The box of k taps is not: with k odd, +1, −1, … leaves something in it.
    """,
    hints={
        "Where do I begin?":
            "With [1, 1]/2: it makes 0 of +1, −1, +1, …. What does it do when it is applied twice?",
        "How do I get more taps than I need?":
            "What has a zero keeps it, whatever it is convolved with. Convolve with a box.",
    },
)


@down.solution
def downsampler(k, flat):
    """→ (k,)"""
    taps = np.ones(k - flat) / (k - flat)
    for _ in range(flat):
        taps = np.convolve(taps, [0.5, 0.5])
    return taps


@down.mistake("something is left of +1, −1, +1, …",
              hint="A box or a triangle with an odd number of taps, and a single tap, let a part of that wave through. "
                   "[1, 1]/2 does not, nor what it is convolved with.")
def _(k, flat):
    return np.full(k, 1 / k)


@down.mistake("the taps do not sum to one", hint="Each [1, 1] doubles the sum: divide by two each time.")
def _(k, flat):
    return down.reference(k, flat) * 2**flat


@down.mistake("all taps are negative", hint="Constants are to stay as they are: the sum is +1, and no tap is negative.")
def _(k, flat):
    return -down.reference(k, flat)


@down.mistake("the taps have both signs, and do not sum to one",
              hint="[−1, 1] measures a difference and removes constants. The blur has [1, 1]/2.")
def _(k, flat):
    return np.convolve(down.reference(k - 1, flat), [-0.5, 0.5])


@down.mistake("it is zero there, but not flat enough",
              hint="Each [1, 1]/2 makes the response flatter by one power. How many of them does `flat` ask for?")
def _(k, flat):
    return np.pad([0.5, 0.5], (0, k - 2)) if flat == 2 else np.pad([0.25, 0.5, 0.25], (k - 3) // 2)


@down.mistake("not its own mirror image",
              hint="Put what you add on both sides, or convolve with something symmetric.")
def _(k, flat):
    taps = np.convolve(_binomial(flat), np.arange(1.0, k - flat + 1))
    taps /= taps.sum()
    return taps if k > flat + 1 else taps[::-1]


@down.accepted("binomial, with zeros on both sides")
def _(k, flat):
    return np.pad(_binomial(flat), (k - 1 - flat) // 2)


@down.accepted("binomial of the full length")
def _(k, flat):
    return _binomial(k - 1)


QUESTIONS = [largest, adaptive, norm, average, first, down]
