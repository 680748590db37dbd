"""Week 5: the questions of the notebook `upsampling`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- transposed_row --------------------------------------------------------------------------------------------------


def _row_case(rng, turn):
    """Strides 2, 3, 1, 2 in turn; dilation 2 in every third case; output_padding wherever the stride allows it."""
    s, d = (2, 3, 1, 2)[turn % 4], 2 if turn % 3 == 2 else 1
    while True:
        n, k = unequal(rng, 2, 6)
        p, extra = int(rng.integers(0, 3)), (turn + 1) % s if turn % 5 else 0
        if (n - 1) * s - 2 * p + d * (k - 1) + extra + 1 >= 4 and p < d * (k - 1) + 1:
            return numbers(rng, n), numbers(rng, k), s, p, d, extra


def _length(x, w, s, p, d, extra):
    return (len(x) - 1) * s - 2 * p + d * (len(w) - 1) + extra + 1


def _stamped(x, w, s, p, d, length):
    """x[a] · w stamped from place s·a − p on, taps d apart; `length` places are kept."""
    long = np.zeros(length + p + s * len(x) + d * len(w))
    for a, value in enumerate(np.asarray(x, np.float64)):
        long[s * a:s * a + d * (len(w) - 1) + 1:d] += value * w
    return long[p:p + length]


transposed = Question(
    "transposed_row", title="A transposed convolution, output by output", points=2,
    asks="Write `transposed_row(x, w, s, p, d, extra)`: the transposed convolution of a row, with stride `s`, padding "
         "`p`, dilation `d` and output_padding `extra`.",
    reference=lambda x, w, s, p, d, extra: _stamped(x, w, s, p, d, _length(x, w, s, p, d, extra)),
    cases=_row_case,
    minutes=20, level=2, practice=True,
    text=r"""
        Input $x_a$ adds $x_a w_u$ to output $s a + d u - p$, for every tap $u$. Output $i$ therefore is

        $$y_i = \sum_{u\,:\; s \,\mid\, i + p - d u} x_{(i + p - d u)/s}\; w_u ,$$

        where inputs outside of the row count as zero. `x` has n numbers, `w` has k. Return
        (n − 1)·s − 2p + d·(k − 1) + extra + 1 of them, from i = 0 on.
    """,
    hints={
        "Every second number is wrong":
            "Tap u takes part in output i only where i + p − d·u is a multiple of s. `divmod` gives quotient and rest.",
        "The first numbers are wrong":
            "A quotient below 0 is no place of x, but Python takes x[-1] for the last one.",
        "It is right without padding only":
            "The padding of the forward layer cuts p outputs off in front: output 0 is what was stamped at place p.",
        "What stands in the `extra` last places?":
            "The same sum as everywhere. `output_padding` shows more of it; it appends no zeros.",
    },
)


@transposed.solution
def transposed_row(x, w, s, p, d, extra):
    """(n,), (k,), four ints  →  ((n − 1)·s − 2p + d·(k − 1) + extra + 1,)"""
    length = (len(x) - 1) * s - 2 * p + d * (len(w) - 1) + extra + 1
    y = np.zeros(length)
    for i in range(length):
        for u in range(len(w)):
            a, rest = divmod(i + p - d * u, s)
            if rest == 0 and 0 <= a < len(x):
                y[i] += x[a] * w[u]
    return y


def _row(name, hint):
    return transposed.mistake(name, hint=hint)


def _floor(x, w, s, p, d, extra, inside=True):
    """x[⌊(i + p)/s⌋ − u] · w[u], the rule that circulates."""
    y = np.zeros(_length(x, w, s, p, d, extra))
    for i in range(len(y)):
        for u in range(len(w)):
            a = (i + p - d * u) // s if inside else (i + p) // s - d * u
            if 0 <= a < len(x):
                y[i] += x[a] * w[u]
    return y


_row("the quotient is rounded down: every tap takes part in every output",
     "Tap u reaches output i only where i + p − d·u is a multiple of s; elsewhere there is no such input.")(_floor)
_row("the output is divided by the stride first, and then the tap is subtracted",
     "x[⌊(i + p)/s⌋ − u] is not the transpose: subtract the tap first, and let only multiples of s pass.")(
    lambda x, w, s, p, d, extra: _floor(x, w, s, p, d, extra, inside=False))


@_row("the last numbers are zeros", "output_padding uncovers more of the same sum; it appends no zeros.")
def _(x, w, s, p, d, extra):
    return np.pad(_stamped(x, w, s, p, d, _length(x, w, s, p, d, 0)), (0, extra))


@_row("the extra numbers are in front", "output_padding adds at the end only.")
def _(x, w, s, p, d, extra):
    return np.pad(_stamped(x, w, s, p, d, _length(x, w, s, p, d, 0)), (extra, 0))


@_row("output_padding is left out", "It is longer by `extra`.")
def _(x, w, s, p, d, extra):
    return _stamped(x, w, s, p, d, _length(x, w, s, p, d, 0))


@_row("the padding makes the output longer", "It is the padding of the layer whose transpose this is: −2p.")
def _(x, w, s, p, d, extra):
    return np.pad(_stamped(x, w, s, 0, d, _length(x, w, s, 0, d, extra)), p)


@_row("nothing is cut off in front", "Output 0 is what was stamped at place p: i + p, not i.")
def _(x, w, s, p, d, extra):
    return _stamped(x, w, s, 0, d, _length(x, w, s, p, d, extra))


@_row("the padding is subtracted from the place", "From s·a + d·u − p = i follows s·a = i + p − d·u, with +p.")
def _(x, w, s, p, d, extra):
    return np.pad(_stamped(x, w, s, 0, d, 99), (p, 0))[:_length(x, w, s, p, d, extra)]


@_row("the kernel is flipped", "Input a adds x[a]·w[u] to output s·a + d·u − p: the kernel is stamped as it stands.")
def _(x, w, s, p, d, extra):
    return _stamped(x, w[::-1], s, p, d, _length(x, w, s, p, d, extra))


@_row("the dilation is ignored", "The taps lie d places apart.")
def _(x, w, s, p, d, extra):
    return _stamped(x, w, s, p, 1, _length(x, w, s, p, d, extra))


@_row("the stride is ignored", "From one input's stamp to the next it is s places.")
def _(x, w, s, p, d, extra):
    return _stamped(x, w, 1, p, d, _length(x, w, s, p, d, extra))


@_row("the length is n·s", "That holds for some k and p only: (n − 1)·s − 2p + d·(k − 1) + extra + 1.")
def _(x, w, s, p, d, extra):
    return _stamped(x, w, s, p, d, len(x) * s)


@_row("where stamps overlap, the last one counts", "A place under several stamps gets the sum.")
def _(x, w, s, p, d, extra):
    long = np.zeros(200)
    for a, value in enumerate(x):
        long[s * a:s * a + d * (len(w) - 1) + 1:d] = value * w
    return long[p:p + _length(x, w, s, p, d, extra)]


@_row("inputs in front of the row are those at its end", "A place below 0 is outside: it counts as zero.")
def _(x, w, s, p, d, extra):
    y = np.zeros(_length(x, w, s, p, d, extra))
    for i in range(len(y)):
        for u in range(len(w)):
            a, rest = divmod(i + p - d * u, s)
            if rest == 0 and -len(x) <= a < len(x):
                y[i] += x[a] * w[u]
    return y


@_row("input 0 is left out", "Places count from 0: 0 ≤ a.")
def _(x, w, s, p, d, extra):
    return _stamped(x * (np.arange(len(x)) > 0), w, s, p, d, _length(x, w, s, p, d, extra))


@_row("only the last tap counts", "Output i is a sum over the taps: add.")
def _(x, w, s, p, d, extra):
    y = np.zeros(_length(x, w, s, p, d, extra))
    for i in range(len(y)):
        for u in range(len(w)):
            a, rest = divmod(i + p - d * u, s)
            if rest == 0 and 0 <= a < len(x):
                y[i] = x[a] * w[u]
    return y


@_row("the taps between are the ones that take part", "A rest of 0 means that there is an input: let those pass.")
def _(x, w, s, p, d, extra):
    return _floor(x, w, s, p, d, extra) - _stamped(x, w, s, p, d, _length(x, w, s, p, d, extra))


@transposed.accepted("stamps on a long row, of which a piece is cut out")
def _(x, w, s, p, d, extra):
    long = np.zeros((len(x) - 1) * s + d * (len(w) - 1) + 1 + extra)
    for a in range(len(x)):
        for u in range(len(w)):
            long[s * a + d * u] += x[a] * w[u]
    return long[p:len(long) - p]


@transposed.accepted("zeros between the inputs, and a full convolution")
def _(x, w, s, p, d, extra):
    apart, kernel = np.zeros(s * (len(x) - 1) + 1), np.zeros(d * (len(w) - 1) + 1)
    apart[::s], kernel[::d] = x, w
    full = np.pad(np.convolve(apart, kernel), (0, extra))
    return full[p:len(full) - p]


# ---- taps_per_pixel --------------------------------------------------------------------------------------------------

def _taps_case(rng, turn):
    """Rows long enough that some outputs have all their inputs, and padding in two of three cases."""
    while True:
        n, s, k = int(rng.integers(4, 8)), (2, 3, 4)[turn % 3], int(rng.integers(2, 10))
        p = int(rng.integers(0, min(k, 4)))
        if (n - 1) * s - 2 * p + k >= 8 and k != s and (p > 0 or turn % 3 == 2):
            return n, k, s, p


def _taps(n, k, s, p, length=None, least=0, start=lambda s, a: s * a):
    length = (n - 1) * s - 2 * p + k if length is None else length
    return np.array([sum(least <= i + p - start(s, a) < k for a in range(n)) for i in range(length)], np.float64)


def _middle(n, k, s, p):
    return np.array([-(-(k - (i + p) % s) // s) for i in range((n - 1) * s - 2 * p + k)], np.float64)


taps = Question(
    "taps_per_pixel", title="How many inputs have a share in each pixel?", points=1, kind="predict",
    asks="Predict `taps_per_pixel(n, k, s, p)`: for each output of a transposed convolution, how many inputs add "
         "something to it.",
    reference=_taps, cases=_taps_case, minutes=15, level=1, practice=True,
    text=r"""
        A row of n inputs goes through a transposed convolution with k taps, none of them 0, stride `s` and padding
        `p`, in one dimension. At the ends of the row some inputs that would have a share do not exist. Return the
        (n − 1)·s − 2p + k counts.
    """,
    hints={
        "It is right in the middle, and too large at the ends":
            "An input a has a share in output i if i = s·a + u − p for one of the taps u. Which a are there, and which "
            "of these are from 0 to n − 1?",
        "All counts are the same":
            "Draw it for k = 3 and s = 2: the middle of the row has 1, 2, 1, 2, …",
    },
)


@taps.solution
def taps_per_pixel(n, k, s, p):
    """four ints  →  ((n − 1)·s − 2p + k,)"""
    counts = np.zeros((n - 1) * s + k)
    for a in range(n):
        counts[s * a:s * a + k] += 1         # where input a is stamped
    return counts[p:len(counts) - p]


for _name, _hint, _wrong in [
        ("the ends of the row are forgotten", "In the middle that is right. Near an end some of these inputs do not "
         "exist: a must be from 0 to n − 1.", _middle),
        ("the ends are forgotten, and every count is k/s", "That is the mean over the middle. One output has a whole "
         "number of inputs.", lambda n, k, s, p: np.full((n - 1) * s - 2 * p + k, k / s)),
        ("every count is k/s, rounded down", "So many it is where it is few. Which taps does output i take?",
         lambda n, k, s, p: np.full((n - 1) * s - 2 * p + k, k // s)),
        ("every count is k/s, rounded up", "So many it is where it is most. Which taps does output i take?",
         lambda n, k, s, p: np.full((n - 1) * s - 2 * p + k, -(-k // s))),
        ("nothing is cut off in front", "Output 0 is place p of what was stamped.",
         lambda n, k, s, p: _taps(n, k, s, 0)[:(n - 1) * s - 2 * p + k]),
        ("the padding is not cut off", "The padding cuts p outputs off at each end.",
         lambda n, k, s, p: _taps(n, k, s, 0)),
        ("the padding makes the output longer", "It is the padding of the layer whose transpose this is: −2p.",
         lambda n, k, s, p: np.pad(_taps(n, k, s, 0), p)),
        ("the stride is ignored", "Input a is stamped from place s·a on.",
         lambda n, k, s, p: _taps(n, k, 1, p, (n - 1) * s - 2 * p + k)),
        ("stride and input are added", "Input a is stamped from place s·a on: a product.",
         lambda n, k, s, p: _taps(n, k, s, p, start=lambda s, a: s + a)),
        ("there is one tap too many", "Tap u goes from 0 to k − 1.",
         lambda n, k, s, p: _taps(n, k + 1, s, p, (n - 1) * s - 2 * p + k)),
        ("the first tap is forgotten", "Tap 0 counts too.", lambda n, k, s, p: _taps(n, k, s, p, least=1)),
        ("a stamp never ends", "A stamp ends too: its last tap is k − 1.",
         lambda n, k, s, p: np.array([sum(0 <= i + p - s * a for a in range(n))
                                      for i in range((n - 1) * s - 2 * p + k)])),
        ("a stamp has no beginning", "A stamp begins too, with tap 0.",
         lambda n, k, s, p: _taps(n, k, s, p, least=-10**6)),
        ("each output is reached, or it is not", "Count the inputs: where stamps overlap it is more than one.",
         lambda n, k, s, p: np.minimum(_taps(n, k, s, p), 1)),
        ("the counts are shares of the largest", "Whole numbers were asked for.",
         lambda n, k, s, p: _taps(n, k, s, p) / _taps(n, k, s, p).max()),
        ("each count is one too large", "Begin to count at 0.", lambda n, k, s, p: _taps(n, k, s, p) + 1)]:
    taps.mistake(_name, hint=_hint)(_wrong)


@taps.accepted("ones convolved with ones, with zeros between")
def _(n, k, s, p):
    apart = np.zeros(s * (n - 1) + 1)
    apart[::s] = 1
    full = np.convolve(apart, np.ones(k))
    return full[p:len(full) - p]


@taps.accepted("from the first input to the last")
def _(n, k, s, p):
    place = np.arange((n - 1) * s - 2 * p + k) + p
    return np.minimum(place // s, n - 1) - np.maximum(-((k - 1 - place) // s), 0) + 1


# ---- one_kernel ------------------------------------------------------------------------------------------------------

def _kernel_case(rng, turn):
    return numbers(rng, unequal(rng, 2, 5)), (2, 3)[turn % 2]


def _boxed(w, rows, columns):
    """w convolved with rows × columns ones, in full."""
    k_h, k_w = w.shape
    out = np.zeros((k_h + rows - 1, k_w + columns - 1))
    for a, c in np.ndindex(rows, columns):
        out[a:a + k_h, c:c + k_w] += w
    return out


one = Question(
    "one_kernel", title="Two layers in one kernel", points=2,
    asks="Write `one_kernel(w, s)`: the kernel of the one transposed convolution of stride `s` that does what two "
         "layers do: enlarge to the nearest neighbour, then convolve.",
    reference=lambda w, s: _boxed(np.asarray(w, np.float64)[::-1, ::-1], s, s),
    cases=_kernel_case,
    minutes=25, level=2,
    text=r"""
        The first layer makes of each pixel a square of s × s equal pixels. The second is a layer as PyTorch's `Conv2d`
        has it, with the kernel `w` (k_h, k_w) laid on as it stands,

        $$y_{ij} = \sum_{u, v} w_{uv}\, x_{i + u,\, j + v} ,$$

        at stride 1, with so much padding of zeros that nothing is lost. Return the kernel that is stamped, at stride
        s, for each pixel of the small picture. It is (k_h + s − 1, k_w + s − 1).
    """,
    hints={
        "Where do I begin?":
            "A transposed convolution stamps its kernel once for each pixel. So what is the stamp of one white pixel "
            "after the two layers?",
        "The size is right, the numbers stand in another order":
            "Which outputs read pixel (a, c), and with which weights? The first output that reads it does so with "
            "the last tap.",
    },
)


@one.solution
def one_kernel(w, s):
    """(k_h, k_w), int  →  (k_h + s − 1, k_w + s − 1)"""
    k_h, k_w = w.shape
    stamp = np.zeros((k_h + s - 1, k_w + s - 1))
    for a, c in np.ndindex(s, s):              # each of a pixel's s² copies
        stamp[a:a + k_h, c:c + k_w] += w[::-1, ::-1]     # leaves the kernel
    return stamp


for _name, _hint, _wrong in [
        ("the kernel is not turned", "Output i reads pixel i + u with tap u: seen from the pixel, the taps run "
         "backwards.", lambda w, s: _boxed(w, s, s)),
        ("the kernel is turned along the rows only", "Both axes run backwards.", lambda w, s: _boxed(w[::-1], s, s)),
        ("the kernel is turned along the columns only", "Both axes run backwards.",
         lambda w, s: _boxed(w[:, ::-1], s, s)),
        ("it is a mean over the copies", "Enlarging copies a pixel, it does not divide it: a sum.",
         lambda w, s: _boxed(w[::-1, ::-1], s, s) / s**2),
        ("only one of the copies leaves a stamp", "A pixel becomes s × s equal pixels, and each leaves the kernel.",
         lambda w, s: np.pad(w[::-1, ::-1], (0, s - 1))),
        ("only copies one below the other are added", "There are s copies in each direction.",
         lambda w, s: np.pad(_boxed(w[::-1, ::-1], s, 1), ((0, 0), (0, s - 1)))),
        ("only copies beside each other are added", "There are s copies in each direction.",
         lambda w, s: np.pad(_boxed(w[::-1, ::-1], 1, s), ((0, s - 1), (0, 0)))),
        ("only the copies on the diagonal are added", "The square has s² pixels: s in each direction, independently.",
         lambda w, s: sum(np.pad(w[::-1, ::-1], (a, s - 1 - a)) for a in range(s))),
        ("the last copy overwrites the others", "Where the copies' stamps overlap, they add up.",
         lambda w, s: _over(w[::-1, ::-1], s)),
        ("each weight is repeated s times, as the pixels are",
         "The picture is enlarged, the kernel is not: each copy leaves the kernel as large as it was.",
         lambda w, s: w[::-1, ::-1].repeat(s, 0).repeat(s, 1))]:
    one.mistake(_name, hint=_hint)(_wrong)


def _over(w, s):
    out = np.zeros((w.shape[0] + s - 1, w.shape[1] + s - 1))
    for a, c in np.ndindex(s, s):
        out[a:a + w.shape[0], c:c + w.shape[1]] = w
    return out


@one.accepted("the stamp of one white pixel, by the two layers themselves")
def _(w, s):
    k_h, k_w = w.shape
    x = np.zeros((2 * k_h + s - 2, 2 * k_w + s - 2))
    x[k_h - 1:k_h - 1 + s, k_w - 1:k_w - 1 + s] = 1
    return np.array([[np.sum(w * x[i:i + k_h, j:j + k_w]) for j in range(k_w + s - 1)] for i in range(k_h + s - 1)])


@one.accepted("two convolutions with ones, one along each axis")
def _(w, s):
    rows = np.apply_along_axis(np.convolve, 0, w[::-1, ::-1].astype(np.float64), np.ones(s))
    return np.apply_along_axis(np.convolve, 1, rows, np.ones(s))


# ---- start_without_board ---------------------------------------------------------------------------------------------

def _start_case(rng, turn):
    """More than one channel, and never as many in as out."""
    out, into = unequal(rng, 2, 5)
    return numbers(rng, (out, into, *unequal(rng, 1, 4))), (2, 3)[turn % 2]


def _start(noise, r, fan=None, place=np.repeat):
    noise = np.asarray(noise, np.float64)
    kernels = noise * np.sqrt(2 / (noise[0].size if fan is None else fan))
    return np.repeat(kernels, r * r, 0) if place is np.repeat else np.tile(kernels, (r * r, 1, 1, 1))


def _wrong_fan(noise):
    return noise[:, 0].size


start = Question(
    "start_without_board", title="A start without a board, for one channel only", points=2, kind="mend",
    asks="Mend `start_without_board(noise, r)`: the first weights of a sub-pixel convolution, such that it begins as a "
         "convolution that is enlarged to the nearest neighbour.",
    reference=lambda noise, r: _start(noise, r), cases=_start_case,
    minutes=20, level=2,
    text=r"""
        `noise` (C, C_in, k_h, k_w) is drawn from a standard normal distribution: a kernel for each of the C channels
        that the layer is to give. They are scaled as He's method asks, to the variance 2 over the **fan-in**, which is
        how many numbers one output reads. Then each of them must stand at every place of its r × r square of pixels.

        The layer has C·r² channels, which `pixel_shuffle` of PyTorch deals out:

        $$y_{c,\; r a + i,\; r b + j} = z_{c r^2 + i r + j,\; a,\; b} .$$

        Return its weights (C·r², C_in, k_h, k_w). The function was tested with a layer from one channel to one, and
        passed. It has two faults.
    """,
    hints={
        "With several channels there are coloured dots":
            "Write down for C = 2 and r = 2 which of the eight channels make the square of channel 0.",
        "The numbers are all too large or too small by one factor":
            "How many numbers does one output of the layer read? The number of channels that it gives is not among "
            "them.",
    },
)


@start.given("the kernels stand in the wrong order, and the variance asks for the wrong channels",
             hint="Two faults. The r² channels that share a square are neighbours: c·r², …, c·r² + r² − 1. And the "
                  "fan-in counts the channels that are read.")
def _(noise, r):
    channels, k_h, k_w = noise.shape[0], *noise.shape[2:]
    kernels = noise * np.sqrt(2 / (channels * k_h * k_w))
    return np.tile(kernels, (r * r, 1, 1, 1))


@start.solution
def start_without_board(noise, r):
    """(C, C_in, k_h, k_w), int  →  (C·r², C_in, k_h, k_w)"""
    channels, k_h, k_w = noise.shape[1:]
    kernels = noise * np.sqrt(2 / (channels * k_h * k_w))
    return np.repeat(kernels, r * r, axis=0)


for _name, _hint, _wrong in [
        ("the kernels stand in the wrong order",
         "The variance is mended. `np.tile` puts the channels one after the other, r² times; a square is made of r² "
         "neighbours, c·r², …, c·r² + r² − 1.", lambda noise, r: _start(noise, r, place=np.tile)),
        ("the variance asks for the wrong channels",
         "The order is mended. The fan-in is what one output reads: the channels of the input times the taps.",
         lambda noise, r: _start(noise, r, _wrong_fan(noise))),
        ("the fan counts the channels of all squares",
         "The fan-in is what one output reads. How many channels the layer gives is not in it.",
         lambda noise, r: _start(noise, r, _wrong_fan(noise) * r * r)),
        ("the fan-in is multiplied by r²", "One output of the layer reads C_in·k_h·k_w numbers, whatever r is.",
         lambda noise, r: _start(noise, r, noise[0].size * r * r)),
        ("the fan-in is divided by r²", "One output of the layer reads C_in·k_h·k_w numbers, whatever r is.",
         lambda noise, r: _start(noise, r, noise[0].size / (r * r))),
        ("the fan counts all weights", "The fan-in is what one output reads: one kernel's numbers.",
         lambda noise, r: _start(noise, r, noise.size)),
        ("the fan counts the taps only", "One output reads k_h·k_w numbers of every channel of the input.",
         lambda noise, r: _start(noise, r, noise[0, 0].size)),
        ("the fan counts the channels only", "One output reads k_h·k_w numbers of every channel of the input.",
         lambda noise, r: _start(noise, r, noise.shape[1])),
        ("the variance is taken for the standard deviation", "Noise of variance 1 is multiplied by the standard "
         "deviation: a square root.", lambda noise, r: _start(noise, r) * np.sqrt(2 / noise[0].size)),
        ("the variance is 1 over the fan-in", "He's method has a 2, for the half that ReLU sets to 0.",
         lambda noise, r: _start(noise, r) / np.sqrt(2)),
        ("the noise is not scaled", "Multiply by the square root of 2 over the fan-in.",
         lambda noise, r: np.repeat(noise, r * r, 0)),
        ("each kernel stands r times, not r²", "A square has r² pixels.",
         lambda noise, r: np.repeat(_start(noise, 1), r, 0)),
        ("the channels of the input are repeated", "Repeat along axis 0, the channels that the layer gives.",
         lambda noise, r: np.repeat(_start(noise, 1), r * r, 1))]:
    start.mistake(_name, hint=_hint)(_wrong)


@start.accepted("two loops")
def _(noise, r):
    weights = np.zeros((len(noise) * r * r, *noise.shape[1:]))
    for channel in range(len(weights)):
        weights[channel] = noise[channel // (r * r)] * np.sqrt(2 / np.prod(noise.shape[1:]))
    return weights


@start.accepted("a new axis behind the channels")
def _(noise, r):
    kernels = noise * (2 / noise[0].size) ** 0.5
    return (kernels[:, None] * np.ones((1, r * r, 1, 1, 1))).reshape(-1, *noise.shape[1:])


# ---- even_kernel -----------------------------------------------------------------------------------------------------

def _constant(answer, corner):
    """What a constant 1 becomes, at most and at least, away from the border; and whether the given taps are there."""
    s_h, s_w = corner.shape
    kernel = np.asarray(answer, np.float64)
    if kernel.shape != (2 * s_h, 2 * s_w):
        raise ValueError(f"a kernel of {2 * s_h} × {2 * s_w} taps was asked for, got shape {kernel.shape}")
    y = np.zeros((6 * s_h, 6 * s_w))
    for a, c in np.ndindex(5, 5):
        y[s_h * a:s_h * (a + 2), s_w * c:s_w * (c + 2)] += kernel
    inside = y[2 * s_h:4 * s_h, 2 * s_w:4 * s_w]
    return {"the brightest pixel": float(inside.max()), "the darkest pixel": float(inside.min()),
            "the largest difference from the taps that were given": float(np.abs(kernel[:s_h, :s_w] - corner).max())}


def _fill(corner, rest=None):
    """The corner, and behind it one block that makes the sum 1 at every phase."""
    s_h, s_w = corner.shape
    kernel = np.zeros((2 * s_h, 2 * s_w))
    kernel[:s_h, :s_w] = corner
    kernel[s_h:, s_w:] = 1 - corner if rest is None else rest
    return kernel


even = Question(
    "even_kernel", title="A kernel that leaves a wall white", points=2, kind="design",
    asks="Design `even_kernel(corner)`: a kernel of a transposed convolution that keeps a constant picture constant, "
         "with some of its taps given.",
    reference=_fill, cases=lambda rng: (numbers(rng, unequal(rng, 2, 5)),), measure=_constant,
    minutes=20, level=2,
    text=r"""
        `corner` is (s_h, s_w): the stride is s_h down the rows and s_w across the columns, and these numbers are to
        stand in the first s_h rows and s_w columns of your kernel. Return the whole kernel, (2 s_h, 2 s_w), such that a
        large picture of ones becomes a picture of ones, but for its border. No taps but those of the corner are given,
        and there are many right answers.
    """,
    hints={
        "The brightest and the darkest pixel differ":
            "Which taps meet in one pixel? With stride 2 and four taps along an axis these are taps 0 and 2, or 1 and "
            "3.",
        "All pixels are alike, and all are too bright or too dark":
            "What is the sum of the taps that meet in one pixel, and what should it be?",
    },
)


@even.solution
def even_kernel(corner):
    """(s_h, s_w)  →  (2·s_h, 2·s_w)"""
    s_h, s_w = corner.shape
    kernel = np.zeros((2 * s_h, 2 * s_w))
    kernel[:s_h, :s_w] = corner
    kernel[s_h:, s_w:] = 1 - corner         # the same phases, one stride on
    return kernel


for _name, _hint, _wrong in [
        ("the whole kernel sums to 1", "Then the mean output is 1/(s_h·s_w). And a right mean leaves a board: each "
         "pixel has its own sum.", lambda corner: _fill(corner, (1 - corner.sum()) / corner.size)),
        ("the whole kernel has the right sum, and the pixels differ",
         "The mean is right now. But each of the s_h·s_w phases has taps of its own, and each must sum to 1.",
         lambda corner: _fill(corner, (corner.size - corner.sum()) / corner.size)),
        ("the four blocks are equal", "The sums at the phases are 4 times the corner, which is not constant.",
         lambda corner: np.tile(corner, (2, 2))),
        ("the other blocks cancel the corner", "Now every pixel is 0. Each phase is to sum to 1.",
         lambda corner: _fill(corner, -corner)),
        ("the kernel is mirrored", "Symmetry does not make the sums of the phases equal.",
         lambda corner: np.block([[corner, corner[:, ::-1]], [corner[::-1], corner[::-1, ::-1]]])),
        ("the rest is mirrored", "The taps that meet in one pixel are one stride apart: a shift, not a mirror.",
         lambda corner: _fill(corner, (1 - corner)[::-1, ::-1])),
        ("every other block makes up for the corner", "Once is enough: three blocks together must give 1 − corner.",
         lambda corner: np.block([[corner, 1 - corner], [1 - corner, 1 - corner]])),
        ("each pixel sums to 0 beside the corner", "A constant 1 is to stay 1: the rest is 1 − corner.",
         lambda corner: _fill(corner, 0 * corner)),
        ("each phase sums to the number of phases", "Each pixel is to be 1.",
         lambda corner: _fill(corner, corner.size - corner)),
        ("the rest is all ones", "Then each pixel is 1 too bright by its tap of the corner.",
         lambda corner: _fill(corner, np.ones(corner.shape))),
        ("each pixel is twice what the corner gives, plus 1", "The corner must be subtracted: 1 − corner.",
         lambda corner: _fill(corner, 1 + corner)),
        ("each pixel is −1", "1 − corner, not corner + 1 with the sign reversed.",
         lambda corner: _fill(corner, -1 - corner)),
        ("all taps are alike, those of the corner too",
         "The taps of the corner are given. Choose the others.", lambda corner: np.full(
             (2 * corner.shape[0], 2 * corner.shape[1]), 0.25)),
        ("the corner is there twice", "Each phase sums to 2 times its tap. What is missing to 1?",
         lambda corner: _fill(corner, corner)),
        ("the rest has the sign reversed", "corner + rest = 1: the rest is 1 − corner.",
         lambda corner: _fill(corner, corner - 1)),
        ("each pixel is 2", "A constant 1 is to stay 1: the rest is 1 − corner.",
         lambda corner: _fill(corner, 2 - corner)),
        ("the taps that are not needed are 1, not 0", "Each phase has four taps here, and all of them count.",
         lambda corner: _fill(corner) + np.kron([[0, 1], [1, 0]], np.ones(corner.shape)))]:
    even.mistake(_name, hint=_hint)(_wrong)


@even.accepted("the rest beside the corner")
def _(corner):
    return np.block([[corner, 1 - corner], [0 * corner, 0 * corner]])


@even.accepted("the rest shared by the three other blocks")
def _(corner):
    rest = (1 - corner.astype(np.float64)) / 3
    return np.block([[corner, rest], [rest, rest]])


@even.accepted("any blocks, and the last one makes up for them")
def _(corner):
    return np.block([[corner, 2 * corner[::-1]], [corner[:, ::-1], 1 - corner - 2 * corner[::-1] - corner[:, ::-1]]])


# ---- decibels_for_nothing --------------------------------------------------------------------------------------------

def _range_case(rng, turn):
    low, high = int(rng.integers(3, 40)), int(rng.integers(150, 250))
    peak = (255, 1, 219, int(rng.integers(100, 300)))[turn % 4]
    return (low, high, peak) if turn else (16, 235, 255)


decibels = Question(
    "decibels_for_nothing", title="Decibels for nothing", points=1, kind="predict",
    asks="Predict `decibels_for_nothing(low, high, peak)`: how many decibels the peak signal-to-noise ratio rises when "
         "nothing but the scale of the pictures changes.",
    reference=lambda low, high, peak: 20 * np.log10(peak / (high - low)), cases=_range_case,
    minutes=10, level=1,
    text=r"""
        Two pictures with numbers in [0, 1] are compared, and the range is given as 1. Then somebody maps both of them
        by $x \mapsto \text{low} + (\text{high} - \text{low})\, x$, as video does with brightness, and gives the range
        as `peak`. Return the new ratio minus the old one, in decibels. It may be negative.
    """,
    hints={
        "Where do I begin?":
            "The ratio is 10 times the logarithm, to base 10, of range² over mean squared error. What happens to the "
            "mean squared error when both pictures are stretched?",
        "It is half, or twice, of what is expected": "An error is stretched once, its square twice.",
    },
)


@decibels.solution
def decibels_for_nothing(low, high, peak):
    """three numbers  →  float"""
    stretch = high - low         # the squared error grows by stretch²
    return 10 * np.log10(peak**2 / stretch**2)


for _name, _hint, _wrong in [
        ("the square is forgotten", "Range and error enter as squares: 10·log₁₀ of a square is 20·log₁₀.",
         lambda low, high, peak: 10 * np.log10(peak / (high - low))),
        ("the ratio is upside down", "A larger range raises the ratio, a larger error lowers it.",
         lambda low, high, peak: 20 * np.log10((high - low) / peak)),
        ("the error is divided by `high`", "What is added to both pictures leaves their difference: it is stretched by "
         "high − low.", lambda low, high, peak: 20 * np.log10(peak / high)),
        ("the range has not changed", "The ratio is computed with the range `peak` after the change.",
         lambda low, high, peak: -20 * np.log10(high - low)),
        ("the error has not changed", "Both pictures are stretched by high − low, and so is their difference.",
         lambda low, high, peak: 20 * np.log10(peak)),
        ("the logarithm has another base", "Decibels are tens of logarithms to base 10.",
         lambda low, high, peak: 20 * np.log(peak / (high - low))),
        ("the pictures are stretched by `low`", "From 0 and 1 they come to low and high: high − low.",
         lambda low, high, peak: 20 * np.log10(peak / low)),
        ("the range has not changed, and the sign is reversed",
         "The ratio is computed with the range `peak` after the change, and a larger error lowers it.",
         lambda low, high, peak: 20 * np.log10(high - low)),
        ("range and error are multiplied", "The error stands below the fraction line.",
         lambda low, high, peak: 20 * np.log10(peak * (high - low))),
        ("there is no logarithm", "Decibels are 10 times the logarithm to base 10 of the ratio.",
         lambda low, high, peak: 10 * (peak / (high - low)) ** 2),
        ("the range is doubled, not squared", "The squared error is compared with the square of the range.",
         lambda low, high, peak: 10 * np.log10(2 * peak / (high - low) ** 2)),
        ("the stretch is doubled, not squared", "Errors are stretched by high − low, squared errors by its square.",
         lambda low, high, peak: 10 * np.log10(peak**2 / (2 * (high - low)))),
        ("low is added", "The pictures are stretched by high − low.",
         lambda low, high, peak: 20 * np.log10(peak / (high + low))),
        ("it is a ratio, not in decibels", "Decibels are 10 times the logarithm to base 10 of the ratio.",
         lambda low, high, peak: (peak / (high - low)) ** 2),
        ("it is a logarithm, not ten of them", "Decibels are 10 times the logarithm to base 10.",
         lambda low, high, peak: 2 * np.log10(peak / (high - low))),
        ("the square of the range is forgotten", "Range and error both enter as squares.",
         lambda low, high, peak: 10 * np.log10(peak / (high - low) ** 2)),
        ("the square of the error is forgotten", "Range and error both enter as squares.",
         lambda low, high, peak: 10 * np.log10(peak**2 / (high - low)))]:
    decibels.mistake(_name, hint=_hint)(_wrong)


@decibels.accepted("two ratios, of two pictures that differ by one number")
def _(low, high, peak):
    a, b = np.array([0.25, 0.5]), np.array([0.25, 0.75])
    before = 10 * np.log10(1 / np.mean((a - b) ** 2))
    a, b = (low + (high - low) * x for x in (a, b))
    return 10 * np.log10(peak**2 / np.mean((a - b) ** 2)) - before


@decibels.accepted("a difference of logarithms")
def _(low, high, peak):
    return 20 * (np.log10(peak) - np.log10(high - low))


QUESTIONS = [transposed, taps, one, start, even, decibels]
