"""Week 1: the questions of the notebook `convolution_and_correlation`."""

import numpy as np

from cnnlib.scratch import signal

from ...question import Question
from ..cases import image, kernel, numbers

convolve1d = Question(
    "convolve1d_full", title="Discrete convolution by its definition", points=2,
    asks="The full convolution of two sequences: every place where they overlap at all.",
    reference=signal.convolve,
    cases=lambda rng: (numbers(rng, rng.integers(5, 11)), numbers(rng, rng.integers(2, 5))),
    minutes=15, level=1,
    text=r"""
        Take every place where the two sequences overlap at all:

        $$(x * w)[n] = \sum_k x[n - k]\, w[k], \qquad n = 0, \dots, N + K - 2$$

        Outside of its range `x` counts as zero. `x` has N numbers and `w` has K; return N + K − 1 numbers. Do it without
        `np.convolve`: that is what you are writing.
    """,
    hints={
        'The first numbers are wrong, the rest are right':
            '`x[n - k]` with n < k is not zero in Python: it counts from the end.',
        'The result comes out reversed in places':
            'Convolution flips: while the index of `w` rises, that of `x` falls.',
    },
)


@convolve1d.solution
def convolve1d_full(x, w):
    """(N,), (K,)  →  (N + K − 1,)"""
    out = np.zeros(len(x) + len(w) - 1)
    for k, weight in enumerate(w):
        out[k:k + len(x)] += weight * x
    return out


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


modes = Question(
    "correlate2d", title="Valid, same and full", points=3,
    asks='The cross-correlation of an image with a kernel in mode "valid", "same" or "full".',
    reference=signal.correlate,
    cases=lambda rng: (image(rng), kernel(rng), str(rng.choice(signal.MODES))),
    minutes=25, level=2,
    text=r"""
        One function for three sizes. With a kernel of k entries along an axis, zeros are added before and behind:

        | mode | before | behind | output |
        |---|---|---|---|
        | `"valid"` | 0 | 0 | n − k + 1 |
        | `"same"` | ⌊(k − 1)/2⌋ | the rest of k − 1 | n |
        | `"full"` | k − 1 | k − 1 | n + k − 1 |

        Return the cross-correlation of the padded image with the kernel. Kernels have even and odd sides, and k_h ≠ k_w.
    """,
    hints={
        'Only "same" fails, and only for some kernels':
            'Look at an even k: how many zeros are needed in all, and on which side is the odd one?',
        'The shape is wrong when the kernel is not square':
            '`np.pad` takes one pair for the rows and one for the columns.',
    },
)


@modes.solution
def correlate2d(x, w, mode):
    """(H, W), (k_h, k_w), a mode  →  the size in the table"""
    widths = []
    for k in w.shape:
        before, behind = {
            "valid": (0, 0),
            "same": ((k - 1) // 2, k // 2),
            "full": (k - 1, k - 1),
        }[mode]
        widths.append((before, behind))
    return correlate2d_valid(np.pad(x, widths), w)


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


QUESTIONS = [convolve1d, modes]
