"""Week 1: the questions of the notebook `convolution_and_correlation`."""

import numpy as np

from cnnlib.scratch import signal

from ...question import Question
from ..cases import numbers, unequal

# ---- convolve1d_full -------------------------------------------------------------------------------------------------

def _two_sequences(rng, turn):
    """Either may be the longer one; at times one of them has one number only."""
    n, k = rng.integers(1, 9), rng.integers(1, 6)
    return numbers(rng, 1 if turn % 5 == 1 else n), numbers(rng, 1 if turn % 5 == 3 else k)


convolve1d = Question(
    "convolve1d_full", title="Convolution by its definition", points=2,
    asks="Write `convolve1d_full(x, w)`: the convolution of two sequences, at every place where they overlap at all.",
    reference=signal.convolve,
    cases=_two_sequences,
    minutes=15, level=1, practice=True, forbids=("convolve", "correlate", "cnnlib"),
    text=r"""
        $$(x * w)_i = \sum_{u} x_{i-u}\, w_u$$

        `x` has n numbers and `w` has k, and either may be the longer one. Return the n + k − 1 numbers for
        i = 0, …, n + k − 2. Where i − u is no place of `x`, the product counts as zero. `np.convolve`, `np.correlate`
        and what `cnnlib` has are not allowed: they are what you are writing.
    """,
    hints={
        "The first numbers are wrong, the rest are right":
            "In Python `x[-1]` is the last sample. A place outside of the sequence has to count as zero.",
        "The shape is right, every number is wrong":
            "The index of `x` falls while that of `w` rises: `x[i - u] * w[u]`. With a plus it is a correlation.",
        "It is right, but it has two loops and a condition":
            "Look at one tap: what does `w[u]` alone put into the output? A copy of `x`, times `w[u]`, `u` places on.",
    },
)


@convolve1d.solution
def convolve1d_full(x, w):
    """(n,), (k,)  →  (n + k − 1,)"""
    out = np.zeros(len(x) + len(w) - 1)
    for u in range(len(w)):
        out[u:u + len(x)] += w[u] * x                  # tap u adds a copy of x
    return out


@convolve1d.mistake("the kernel is not flipped",
                    hint="This is cross-correlation. The index of x falls while that of w rises: x[i − u]·w[u].")
def _(x, w):
    return signal.convolve(x, w[::-1])


@convolve1d.mistake("both sequences are flipped",
                    hint="One flip is enough: with two the result comes out backwards.")
def _(x, w):
    return signal.convolve(x[::-1], w[::-1])


@convolve1d.mistake("only the places where the kernel lies wholly on the signal",
                    hint='That is "valid". Full begins where the first samples meet, and has n + k − 1 numbers.')
def _(x, w):
    return signal.convolve(x, w)[len(w) - 1:len(x)]


@convolve1d.mistake("the output has the length of the signal, cut from the middle",
                    hint='That is "same". Full has n + k − 1 numbers.')
def _(x, w):
    return signal.convolve(x, w)[len(w) // 2:len(w) // 2 + len(x)]


@convolve1d.mistake("the output stops at the end of the signal",
                    hint="i goes on to n + k − 2: there the last sample of x meets the last of w.")
def _(x, w):
    return signal.convolve(x, w)[:len(x)]


@convolve1d.mistake("one number too many at the end",
                    hint="The last overlap is at i = n + k − 2, and i begins at 0: n + k − 1 numbers.")
def _(x, w):
    return np.append(signal.convolve(x, w), 0)


@convolve1d.mistake("negative indices wrap round",
                    hint="In Python x[-1] is the last sample. Outside of its range x counts as zero: test the index.")
def _(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for i in range(len(out)):
        out[i] = sum(x[i - u] * w[u] for u in range(len(w)) if -len(x) <= i - u < len(x))
    return out


@convolve1d.mistake("the first sample never meets the kernel", hint="x[0] counts too, also when i − u is 0.")
def _(x, w):
    return signal.convolve(np.append(0, x[1:]), w)


@convolve1d.mistake("each tap writes over the one before",
                    hint="The taps' copies are added up: += in place of =.")
def _(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for u in range(len(w)):
        out[u:u + len(x)] = w[u] * x
    return out


@convolve1d.mistake("signal and kernel are added where they should be multiplied",
                    hint="Each term of the sum is a product, x[i − u] times w[u].")
def _(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for u in range(len(w)):
        out[u:u + len(x)] += w[u] + x
    return out


@convolve1d.mistake("the kernel's numbers play no part",
                    hint="A running sum of x alone: the factor w[u] is missing.")
def _(x, w):
    return signal.convolve(x, np.ones(len(w)))


@convolve1d.mistake("the signal's numbers play no part",
                    hint="A running sum of w alone: the factor x[i − u] is missing.")
def _(x, w):
    return signal.convolve(np.ones(len(x)), w)


@convolve1d.accepted("the definition, with two loops and a condition")
def _(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for i in range(len(out)):
        for u in range(len(w)):
            if 0 <= i - u < len(x):
                out[i] += x[i - u] * w[u]
    return out


@convolve1d.accepted("the turned kernel on a padded signal")
def _(x, w):
    padded = np.pad(x, len(w) - 1)
    return [np.sum(padded[i:i + len(w)] * w[::-1]) for i in range(len(x) + len(w) - 1)]


@convolve1d.accepted("the sums along the diagonals of all products")
def _(x, w):
    products = np.outer(x, w)[:, ::-1]
    return np.array([np.trace(products, len(w) - 1 - i) for i in range(len(x) + len(w) - 1)])


@convolve1d.accepted("polynomials multiplied")
def _(x, w):
    return np.polynomial.polynomial.polymul(x.astype(np.float64), w.astype(np.float64))


# ---- output_sizes ----------------------------------------------------------------------------------------------------

def _signal_and_kernel(rng, turn):
    """In turn a kernel as long as the signal, a longer one, one of one tap, and two that are shorter.

    The first of these have every remainder modulo 4: code may go wrong at every second even kernel.
    """
    short, long = sorted(unequal(rng, 1, 14))
    equal = 2 + turn // 5 % 4 + 4 * int(rng.integers(3))
    return [(equal, equal), (short, long), (long, 1), (long, short), (long, short)][turn % 5]


sizes = Question(
    "output_sizes", title="How many outputs", points=1,
    asks="Write `output_sizes(n, k)`: the numbers of outputs (valid, same, full), and the zeros (in front, behind) "
         'of "same", when a kernel of k slides along n samples.',
    reference=lambda n, k: np.array([max(n - k + 1, 0), n, n + k - 1, (k - 1) // 2, k // 2]),
    cases=_signal_and_kernel, tolerance=1e-9,
    kind="predict", minutes=10, level=1, practice=True,
    text=r"""
        - *valid*: the kernel lies wholly on the samples. A kernel that is longer than the signal fits nowhere.
        - *same*: as many outputs as samples. The zeros that this needs are shared out between front and behind; if
          their number is odd, the odd one goes behind, as in PyTorch.
        - *full*: the kernel touches at least one sample.

        Return the five whole numbers `(valid, same, full, front, behind)`. No arrays are needed: count.
    """,
    hints={
        "Valid is one too small":
            "A kernel as long as the signal fits once, not zero times.",
        "Valid is negative":
            "There are no fewer places than none: `max`.",
        "The zeros are right for odd k only":
            "Valid loses k − 1 outputs, so k − 1 zeros bring them back. For an even k that is odd: halves are unequal.",
    },
)


@sizes.solution
def output_sizes(n, k):
    """int, int  →  (valid, same, full, front, behind)"""
    valid, full = max(n - k + 1, 0), n + k - 1
    return valid, n, full, (k - 1) // 2, k // 2


def _sizes(n, k, **changed):
    """The right numbers but for those that are given."""
    right = {"valid": max(n - k + 1, 0), "same": n, "full": n + k - 1, "front": (k - 1) // 2, "behind": k // 2}
    return np.array(list((right | changed).values()))


@sizes.mistake("valid is one too small", hint="A kernel as long as the signal fits once. Try n = k.")
def _(n, k):
    return _sizes(n, k, valid=max(n - k, 0))


@sizes.mistake("valid is one too large", hint="A kernel as long as the signal fits once. Try n = k.")
def _(n, k):
    return _sizes(n, k, valid=max(n - k + 2, 0))


@sizes.mistake("a kernel as long as the signal fits nowhere",
               hint="For n = k it fits once: only a kernel that is longer than the signal fits nowhere.")
def _(n, k):
    return _sizes(n, k, valid=n - k + 1 if k < n else 0)


@sizes.mistake("valid counts fewer than no places",
               hint="A kernel that is longer than the signal lies nowhere wholly on it: 0, not a negative number.")
def _(n, k):
    return _sizes(n, k, valid=n - k + 1)


@sizes.mistake("valid is never less than one",
               hint="A kernel that is longer than the signal lies nowhere wholly on it: 0 places.")
def _(n, k):
    return _sizes(n, k, valid=max(n - k + 1, 1))


@sizes.mistake("in valid the longer of the two may be the kernel",
               hint="np.correlate exchanges the two when the kernel is longer. Here that kernel fits nowhere: 0.")
def _(n, k):
    return _sizes(n, k, valid=abs(n - k) + 1)


@sizes.mistake("valid is as long as the signal", hint="A kernel of k ends on the last sample before it begins there.")
def _(n, k):
    return _sizes(n, k, valid=n)


@sizes.mistake("full is one too large",
               hint="The last place of the kernel is the one where its first tap lies on the last sample. Try k = 1.")
def _(n, k):
    return _sizes(n, k, full=n + k)


@sizes.mistake("full is two too large", hint="Try k = 1: one tap lies on each of the n samples in turn.")
def _(n, k):
    return _sizes(n, k, full=n + k + 1)


@sizes.mistake("full is one too small", hint="Try k = 1: one tap lies on each of the n samples in turn.")
def _(n, k):
    return _sizes(n, k, full=n + k - 2)


@sizes.mistake("full is the length of the padded signal",
               hint="k − 1 zeros at each end make n + 2(k − 1) places for a sample, but fewer for a kernel of k.")
def _(n, k):
    return _sizes(n, k, full=n + 2 * (k - 1))


@sizes.mistake("⌊k/2⌋ zeros on both sides",
               hint="For an even k that is one zero too many: n + 1 outputs. k − 1 zeros are needed in all.")
def _(n, k):
    return _sizes(n, k, front=k // 2)


@sizes.mistake("⌊(k − 1)/2⌋ zeros on both sides",
               hint="For an even k that is one zero too few: n − 1 outputs. k − 1 zeros are needed in all.")
def _(n, k):
    return _sizes(n, k, behind=(k - 1) // 2)


@sizes.mistake("the odd zero is in front", hint="Of the k − 1 zeros ⌊(k − 1)/2⌋ are in front: the odd one is behind.")
def _(n, k):
    return _sizes(n, k, front=k // 2, behind=(k - 1) // 2)


@sizes.mistake("all zeros are on one side", hint="The k − 1 zeros are shared out between front and behind.")
def _(n, k):
    return _sizes(n, k, front=0, behind=k - 1)


@sizes.mistake("one zero too few behind", hint="k − 1 zeros are needed in all. Try k = 2: one zero, behind.")
def _(n, k):
    return _sizes(n, k, behind=k // 2 - 1)


@sizes.mistake("one zero too many behind", hint="k − 1 zeros are needed in all. Try k = 1, which needs none.")
def _(n, k):
    return _sizes(n, k, behind=k // 2 + 1)


@sizes.mistake("k zeros behind", hint="k − 1 zeros are needed in all: the larger half comes behind.")
def _(n, k):
    return _sizes(n, k, behind=k)


@sizes.mistake("no zeros behind", hint="The k − 1 zeros are shared out between front and behind.")
def _(n, k):
    return _sizes(n, k, behind=0)


@sizes.mistake("one zero too few in front", hint="k − 1 zeros are needed in all. Try k = 3: one on each side.")
def _(n, k):
    return _sizes(n, k, front=(k - 1) // 2 - 1)


@sizes.mistake("one zero too many in front", hint="k − 1 zeros are needed in all. Try k = 1, which needs none.")
def _(n, k):
    return _sizes(n, k, front=(k - 1) // 2 + 1)


@sizes.mistake("k − 1 zeros in front", hint="k − 1 zeros are needed in all: the smaller half comes in front.")
def _(n, k):
    return _sizes(n, k, front=k - 1)


@sizes.mistake("no zeros in front", hint="The k − 1 zeros are shared out between front and behind.")
def _(n, k):
    return _sizes(n, k, front=0)


@sizes.mistake("both numbers of zeros come out as halves",
               hint="There are no half zeros: divide with //, which rounds down.")
def _(n, k):
    return _sizes(n, k, front=(k - 1) / 2, behind=(k - 1) / 2)


@sizes.mistake("the zeros in front come out as halves",
               hint="There are no half zeros: divide with //, which rounds down.")
def _(n, k):
    return _sizes(n, k, front=(k - 1) / 2)


@sizes.mistake("the zeros behind come out as halves",
               hint="There are no half zeros: divide with //, which rounds down.")
def _(n, k):
    return _sizes(n, k, behind=k / 2)


@sizes.mistake("full comes first", hint="The order is valid, same, full.")
def _(n, k):
    return _sizes(n, k, valid=n + k - 1, full=max(n - k + 1, 0))


@sizes.mistake("same comes first", hint="The order is valid, same, full.")
def _(n, k):
    return _sizes(n, k, valid=n, same=max(n - k + 1, 0))


@sizes.accepted("the positions counted one by one")
def _(n, k):
    starts = range(-k, n + k)
    valid = [start for start in starts if start >= 0 and start + k <= n]
    full = [start for start in starts if start < n and start + k > 0]
    zeros = k - 1
    return [len(valid), n, len(full), zeros // 2, zeros - zeros // 2]


@sizes.accepted("floats, rounded")
def _(n, k):
    return np.maximum([n - k + 1, n, n + k - 1, np.floor((k - 1) / 2), np.ceil((k - 1) / 2)], 0.0)


# ---- correlate2d -----------------------------------------------------------------------------------------------------

def _image_kernel_mode(rng, turn):
    """The modes in turn; in "same" and "full" every third kernel is larger than the image in both axes."""
    mode, large = signal.MODES[turn % 3], turn // 3 % 3 == 0
    height, width = unequal(rng, 3, 7)
    k_h, k_w = unequal(rng, 1, 6)
    if large and mode != "valid":
        height, width, k_h, k_w = *unequal(rng, 2, 5), *unequal(rng, 5, 8)
    if mode == "valid":
        height, width = height + k_h - 1, width + k_w - 1 + (height + k_h == width + k_w)
    return numbers(rng, (height, width)), numbers(rng, (k_h, k_w)), mode


modes = Question(
    "correlate2d", title="Valid, same and full", points=3,
    asks='Write `correlate2d(x, w, mode)`: the cross-correlation of an image with a kernel in mode "valid", "same" or '
         '"full".',
    reference=signal.correlate, cases=_image_kernel_mode,
    minutes=25, level=2,
    text=r"""
        Zeros are added before and behind each axis, as many as the mode and the kernel's size k along this axis ask
        for:

        | mode | before | behind | output |
        |---|---|---|---|
        | `"valid"` | 0 | 0 | n − k + 1 |
        | `"same"` | ⌊(k − 1)/2⌋ | the rest of k − 1 | n |
        | `"full"` | k − 1 | k − 1 | n + k − 1 |

        Then the kernel, as it stands, is laid on every window of the padded image:

        $$y_{ij} = \sum_u \sum_v x_{i+u,\,j+v}\, w_{uv}$$

        `x` is (H, W), `w` is (k_h, k_w); sides are even and odd, and in modes `"same"` and `"full"` the kernel may be
        larger than the image.
    """,
    hints={
        'Only "same" fails, and only for some kernels':
            "Look at an even k: how many zeros are needed in all, and on which side is the odd one?",
        "The shape is wrong when the kernel is not square":
            "`np.pad` takes one pair for the rows and one for the columns.",
        "The shape is right but every number is off":
            "`w[0, 0]` lies on the first pixel of the window: nothing is flipped. Each product is of two numbers: use "
            "`*`, not `@`.",
    },
)


@modes.solution
def correlate2d(x, w, mode):
    """(H, W), (k_h, k_w), a mode  →  the size in the table"""
    zeros = []
    for k in w.shape:
        total = {"valid": 0, "same": k - 1, "full": 2 * (k - 1)}[mode]
        zeros.append((total // 2, total - total // 2))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, zeros), w.shape)                     # (…, …, k_h, k_w)
    return np.sum(windows * w, axis=(2, 3))


def _with_zeros(x, w, mode, **changed):
    """Correlation with (before, behind) = changed[mode](k) zeros around each axis, or the right ones."""
    rules = {"valid": lambda k: (0, 0), "same": lambda k: ((k - 1) // 2, k // 2), "full": lambda k: (k - 1, k - 1)}
    return signal.correlate(np.pad(x, [(rules | changed)[mode](k) for k in w.shape]), w)


@modes.mistake('"same" adds ⌊k/2⌋ on both sides',
               hint="For an even kernel that is one too many: the output grows. Add k − 1 in all, the odd one behind.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (k // 2, k // 2))


@modes.mistake('"same" adds ⌊(k − 1)/2⌋ on both sides',
               hint="For an even kernel that is one too few: the output shrinks. Add k − 1 in all, the odd one behind.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: ((k - 1) // 2, (k - 1) // 2))


@modes.mistake('"same" puts the odd zero in front',
               hint="k − 1 zeros are shared out: ⌊(k − 1)/2⌋ in front, the rest behind, as PyTorch does.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (k // 2, (k - 1) // 2))


@modes.mistake('"same" is cut from the top left corner of "full"',
               hint='The zeros of "same" are on both sides. Its output is the middle of "full", not a corner.')
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (k - 1, 0))


@modes.mistake('all zeros of "same" are behind',
               hint="The k − 1 zeros are shared out between both sides, or the output is moved by half a kernel.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (0, k - 1))


@modes.mistake('"same" adds k zeros in all', hint="k − 1 zeros bring back what valid loses. Try k = 1.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (k // 2, k - k // 2))


@modes.mistake('"same" adds k + 1 zeros in all', hint="k − 1 zeros bring back what valid loses. Try k = 1.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: ((k + 1) // 2, k + 1 - (k + 1) // 2))


@modes.mistake('"same" adds k − 2 zeros in all', hint="k − 1 zeros bring back what valid loses. Try k = 2.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: ((k - 2) // 2, k - 2 - (k - 2) // 2))


@modes.mistake("the zeros come before the image only", hint="Zeros are added behind each axis too: see the table.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: ((k - 1) // 2, 0), full=lambda k: (k - 1, 0))


@modes.mistake("the zeros come behind the image only", hint="Zeros are added before each axis too: see the table.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (0, k // 2), full=lambda k: (0, k - 1))


@modes.mistake("twice as many zeros before the image as there should be",
               hint="Count the zeros before the first row for k = 3, in each mode.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: (k - 1, k // 2), full=lambda k: (2 * (k - 1), k - 1))


@modes.mistake("twice as many zeros behind the image as there should be",
               hint="Count the zeros behind the last row for k = 3, in each mode.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, same=lambda k: ((k - 1) // 2, k - 1), full=lambda k: (k - 1, 2 * (k - 1)))


@modes.mistake('"full" pads with k instead of k − 1',
               hint="With k − 1 zeros the kernel still touches one pixel. With k it first touches none.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, full=lambda k: (k, k))


@modes.mistake('"full" pads with k + 1 instead of k − 1',
               hint="With k − 1 zeros the kernel still touches one pixel. With k + 1 it first touches none.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, full=lambda k: (k + 1, k + 1))


@modes.mistake('"full" pads with k − 2 instead of k − 1',
               hint="In the first place of \"full\" the kernel touches one pixel with its last tap: k − 1 zeros.")
def _(x, w, mode):
    return _with_zeros(x, w, mode, full=lambda k: (k - 2, k - 2))


@modes.mistake('"full" adds the zeros of "same"', hint='"full" adds k − 1 zeros on each side, "same" k − 1 in all.')
def _(x, w, mode):
    return _with_zeros(x, w, mode, full=lambda k: ((k - 1) // 2, k // 2))


@modes.mistake('"valid" adds a zero', hint='"valid" adds nothing: the kernel lies wholly on the image.')
def _(x, w, mode):
    return _with_zeros(x, w, mode, valid=lambda k: (0, 1))


@modes.mistake("everything is added up to one number",
               hint="Each place has a sum of its own, over the k_h · k_w products of its window.")
def _(x, w, mode):
    return np.sum(signal.correlate(x, w, mode))


@modes.mistake("the products are not added up", hint="Each place gives one number: the sum over u and v.")
def _(x, w, mode):
    added = [{"valid": (0, 0), "same": ((k - 1) // 2, k // 2), "full": (k - 1, k - 1)}[mode] for k in w.shape]
    return np.lib.stride_tricks.sliding_window_view(np.pad(x, added), w.shape) * w


@modes.mistake("the kernel is flipped", hint="Cross-correlation lays the kernel on the image as it stands.")
def _(x, w, mode):
    return signal.correlate(x, np.flip(w), mode)


@modes.mistake("the kernel's rows are flipped", hint="Nothing is flipped here; w[::-1] turns the first axis round.")
def _(x, w, mode):
    return signal.correlate(x, w[::-1], mode)


@modes.mistake("the kernel's columns are flipped",
               hint="Nothing is flipped here; w[:, ::-1] turns the second axis round.")
def _(x, w, mode):
    return signal.correlate(x, w[:, ::-1], mode)


@modes.mistake("the mode is ignored",
               hint="The three modes differ in the zeros added around the image before the kernel slides.")
def _(x, w, mode):
    return signal.correlate(x, w, "valid")


@modes.mistake("the padding of rows and columns is exchanged",
               hint="np.pad takes ((top, bottom), (left, right)): the kernel's height decides the first pair.")
def _(x, w, mode):
    swapped = w.shape[::-1]
    before = [{"valid": 0, "same": (k - 1) // 2, "full": k - 1}[mode] for k in swapped]
    behind = [{"valid": 0, "same": k // 2, "full": k - 1}[mode] for k in swapped]
    return signal.correlate(np.pad(x, list(zip(before, behind, strict=True))), w)


@modes.mistake("the border is filled with the nearest pixel",
               hint="np.pad adds zeros unless it is told another mode; here zeros are asked for.")
def _(x, w, mode):
    added = [{"valid": (0, 0), "same": ((k - 1) // 2, k // 2), "full": (k - 1, k - 1)}[mode] for k in w.shape]
    return signal.correlate(np.pad(x, added, "edge"), w)


@modes.mistake("the last row and column are missing",
               hint="A kernel of k fits at n − k + 1 places, not n − k. Count them for n = k.")
def _(x, w, mode):
    return signal.correlate(x, w, mode)[:-1, :-1]


@modes.mistake("the window is averaged", hint="The products are added up; the division is too much.")
def _(x, w, mode):
    return signal.correlate(x, w, mode) / w.size


@modes.mistake("image and kernel are added where they should be multiplied",
               hint="Each term of the sum is a product, x[i + u, j + v] times w[u, v].")
def _(x, w, mode):
    return signal.correlate(x, np.ones(w.shape), mode) + w.sum()


@modes.mistake("the kernel's numbers play no part",
               hint="The windows of x are added up as they are: the factor w[u, v] is missing.")
def _(x, w, mode):
    return signal.correlate(x, np.ones(w.shape), mode)


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


@modes.accepted("two loops over the places")
def _(x, w, mode):
    k_h, k_w = w.shape
    if mode == "same":
        x = np.pad(x, (((k_h - 1) // 2, k_h // 2), ((k_w - 1) // 2, k_w // 2)))
    elif mode == "full":
        x = np.pad(x, ((k_h - 1, k_h - 1), (k_w - 1, k_w - 1)))
    out = np.zeros((x.shape[0] - k_h + 1, x.shape[1] - k_w + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.sum(x[i:i + k_h, j:j + k_w] * w)
    return out


# ---- convolve2d_same -------------------------------------------------------------------------------------------------

def _image_and_odd_kernel(rng):
    sides = [int(side) for side in rng.choice([1, 3, 5], 2, replace=False)]
    return numbers(rng, unequal(rng, 3, 8)), numbers(rng, sides)


same = Question(
    "convolve2d_same", title='A "same" convolution with two faults', points=2,
    asks="Mend `convolve2d_same(x, w)`: it should return the true convolution of an image with an odd kernel, as large "
         "as the image and not moved.",
    reference=lambda x, w: signal.convolve(x, w, "same"),
    cases=_image_and_odd_kernel,
    kind="mend", minutes=15, level=2,
    text=r"""
        Both sides of the kernel are odd, so it has a middle tap, and that tap belongs on the pixel that is computed:

        $$y_{ij} = \sum_u \sum_v x_{i+a-u,\,j+b-v}\, w_{uv}$$

        where $w_{ab}$ is the middle tap, $a = (k_h - 1)/2$ and $b = (k_w - 1)/2$.
        Outside of the image `x` counts as zero. The kernel may be larger than the image, and a side may be 1. The code
        has two faults that do not depend on each other. Try it on one white pixel: where should the kernel appear, and
        which way up?
    """,
    hints={
        "I do not know where to look":
            "Call it with one white pixel and nine different weights, and compare the output with the kernel.",
        "The kernel appears mirrored":
            "A true convolution turns the kernel round in both axes. Count the flips.",
        "The picture is moved down and to the right":
            "`full` is larger than the image by k − 1 in each axis. Which part of it belongs to the image's pixels?",
    },
)


@same.solution
def convolve2d_same(x, w):
    """(H, W), (k_h, k_w)  →  (H, W)"""
    height, width = x.shape
    zeros = [(k - 1, k - 1) for k in w.shape]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, zeros), w.shape)                     # (…, …, k_h, k_w)
    full = np.sum(windows * w[::-1, ::-1], axis=(2, 3))
    middle = full[w.shape[0] // 2:, w.shape[1] // 2:]
    return middle[:height, :width]


@same.given("as given: both faults are there",
            hint="Nothing has changed yet. One fault is in how the kernel is turned, the other in what is returned.")
def _(x, w):
    """(H, W), (k_h, k_w)  →  (H, W)"""
    height, width = x.shape
    zeros = [(k - 1, k - 1) for k in w.shape]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, zeros), w.shape)                     # (…, …, k_h, k_w)
    full = np.sum(windows * w[::-1], axis=(2, 3))
    return full[:height, :width]


def _cut(x, w, top, left):
    """The part of the full convolution that begins at (top, left), as large as the image if there is so much."""
    return signal.convolve(x, w)[top:top + x.shape[0], left:left + x.shape[1]]


@same.mistake("only the flip is mended",
              hint='The kernel is right now. The output is still cut from a corner of "full", where it should be the '
                   "middle.")
def _(x, w):
    return _cut(x, w, 0, 0)


@same.mistake("only the cut is mended",
              hint="The place is right now. The kernel is still turned round in one axis only.")
def _(x, w):
    return signal.convolve(x, w[:, ::-1], "same")


@same.mistake("the other axis is flipped, and the cut is mended",
              hint="w[::-1] turns the rows round and w[:, ::-1] the columns. Both are needed.")
def _(x, w):
    return signal.convolve(x, w[::-1], "same")


@same.mistake("nothing is flipped, and the cut is mended",
              hint="This is cross-correlation. For a convolution the kernel is turned round in both axes.")
def _(x, w):
    return signal.correlate(x, w, "same")


@same.mistake("nothing is flipped, and the cut is a corner",
              hint='This is cross-correlation, and it is moved. Turn both axes of w round; take the middle of "full".')
def _(x, w):
    return _cut(x, np.flip(w), 0, 0)


@same.mistake("the columns are flipped instead of the rows, and the cut is a corner",
              hint='w[:, ::-1] turns the columns round; the rows, too, should be. Take the middle of "full".')
def _(x, w):
    return _cut(x, w[::-1], 0, 0)


@same.mistake("the kernel is transposed",
              hint="w.T exchanges rows and columns. Turned round in both axes is w[::-1, ::-1].")
def _(x, w):
    return signal.convolve(x, w.T, "same")


@same.mistake("the border wraps round", hint="Outside of the image x counts as zero; np.pad adds zeros by itself.")
def _(x, w):
    return signal.convolve(x, w, "same", "circular")


@same.mistake("a slice that should end at the end is empty",
              hint="For k = 1 nothing is cut away, but a slice [0:−0] is empty. Count its end from its start.")
def _(x, w):
    top, left = w.shape[0] // 2, w.shape[1] // 2
    return signal.convolve(x, w)[top:-top, left:-left]


@same.mistake("cut one row and one column too late",
              hint="The middle tap has the index ⌊k/2⌋. For k = 1 nothing may be cut away.")
def _(x, w):
    return _cut(x, w, w.shape[0] // 2 + 1, w.shape[1] // 2 + 1)


@same.mistake("cut one row and one column too early",
              hint="The middle tap has the index ⌊k/2⌋; for k = 3 that is 1.")
def _(x, w):
    return np.pad(signal.convolve(x, w), 1)[w.shape[0] // 2:, w.shape[1] // 2:][:x.shape[0], :x.shape[1]]


@same.mistake('cut from the bottom right corner of "full"',
              hint="That moves the picture up and to the left. Cut as many rows at the top as at the bottom.")
def _(x, w):
    return _cut(x, w, w.shape[0] - 1, w.shape[1] - 1)


@same.mistake("the rows are cut at the end only", hint="Columns are right. Cut ⌊k_h/2⌋ rows away at the top, too.")
def _(x, w):
    return _cut(x, w, 0, w.shape[1] // 2)


@same.mistake("the columns are cut at the end only", hint="Rows are right. Cut ⌊k_w/2⌋ columns away on the left, too.")
def _(x, w):
    return _cut(x, w, w.shape[0] // 2, 0)


@same.mistake("the rows are cut at the top only", hint="Columns are right. H rows should be left.")
def _(x, w):
    return signal.convolve(x, w)[w.shape[0] // 2:, w.shape[1] // 2:][:, :x.shape[1]]


@same.mistake("the columns are cut on the left only", hint="Rows are right. W columns should be left.")
def _(x, w):
    return signal.convolve(x, w)[w.shape[0] // 2:, w.shape[1] // 2:][:x.shape[0]]


@same.mistake("nothing is cut at the end", hint="As many rows and columns should be left as the image has.")
def _(x, w):
    return signal.convolve(x, w)[w.shape[0] // 2:, w.shape[1] // 2:]


@same.mistake("the cuts of rows and columns are exchanged",
              hint="The kernel's height decides how many rows are cut away, its width how many columns.")
def _(x, w):
    return _cut(x, w, w.shape[1] // 2, w.shape[0] // 2)


@same.mistake("the kernel's height decides both cuts", hint="Its width decides how many columns are cut away.")
def _(x, w):
    return _cut(x, w, w.shape[0] // 2, w.shape[0] // 2)


@same.mistake("the kernel's width decides both cuts", hint="Its height decides how many rows are cut away.")
def _(x, w):
    return _cut(x, w, w.shape[1] // 2, w.shape[1] // 2)


@same.mistake("the slice ends H rows and W columns from the start of \"full\"",
              hint="A slice that begins at ⌊k/2⌋ has to end as much later, or it is too short.")
def _(x, w):
    return signal.convolve(x, w)[w.shape[0] // 2:x.shape[0], w.shape[1] // 2:x.shape[1]]


@same.mistake("image and kernel are added where they should be multiplied",
              hint="The lines that lay the kernel on the windows were right: a product, and a sum over u and v.")
def _(x, w):
    return signal.convolve(x, np.ones(w.shape), "same") + w.sum()


@same.mistake("the kernel's numbers play no part",
              hint="The windows of x are added up as they are: the kernel is missing.")
def _(x, w):
    return signal.convolve(x, np.ones(w.shape), "same")


@same.mistake("the window is averaged", hint="The products are added up; the division is too much.")
def _(x, w):
    return signal.convolve(x, w, "same") / w.size


@same.mistake('all of "full" is returned', hint="The output should be as large as the image.")
def _(x, w):
    return signal.convolve(x, w)


@same.accepted("every tap adds a moved copy of the image")
def _(x, w):
    (height, width), (k_h, k_w) = x.shape, w.shape
    full = np.zeros((height + k_h - 1, width + k_w - 1))
    for u, v in np.ndindex(k_h, k_w):
        full[u:u + height, v:v + width] += w[u, v] * x
    return full[k_h // 2:k_h // 2 + height, k_w // 2:k_w // 2 + width]


@same.accepted("padded by half a kernel, and no more")
def _(x, w):
    padded = np.pad(x, [(k // 2, k // 2) for k in w.shape])
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape)
    return np.sum(windows * np.flip(w), axis=(2, 3))


QUESTIONS = [convolve1d, sizes, modes, same]
