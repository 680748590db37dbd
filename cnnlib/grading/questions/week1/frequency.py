"""Week 1: the questions of the notebook `frequency`."""

import numpy as np

from cnnlib.scratch import signal

from ...question import Question
from ..cases import image, kernel, numbers, unequal


def _gain(w, phi):
    """|ŵ(φ)| for each φ of an array."""
    return np.abs(np.exp(-2j * np.pi * np.outer(phi, np.arange(len(w)))) @ w)


def _kernel_and_frequencies(rng):
    """k taps and n ≠ k frequencies, so that exchanged axes break; none of an FFT that somebody would pad to."""
    k, n = unequal(rng, 3, 9)
    return numbers(rng, k), rng.integers(-47, 48, n) / 97


# ---- the gain of a kernel --------------------------------------------------------------------------------------------

response = Question(
    "frequency_response", title="The gain of a kernel", points=2,
    asks="Write `frequency_response(w, phi)`: for each frequency in `phi`, the factor by which the kernel `w` makes a "
         "wave of that frequency stronger or weaker.",
    reference=lambda w, phi: _gain(w, phi),
    cases=lambda rng: _kernel_and_frequencies(rng),
    minutes=15, level=1, practice=True,
    text=r"""
        The kernel multiplies the wave of frequency $\varphi$ by the complex number

        $$\hat w(\varphi) = \sum_{u=0}^{k-1} w_u\, e^{-2\pi \mathrm{i}\, \varphi u}$$

        Return its modulus $|\hat w(\varphi)|$, the gain, for each of the n frequencies: real numbers. The frequencies
        are in cycles per pixel, positive and negative. They need not be multiples of 1/k, so `np.fft` of the kernel
        does not know them.
    """,
    hints={
        "The shapes do not fit":
            "There are n frequencies and k taps, and an exponential for each pair: `np.outer(phi, u)` is (n, k).",
        "The result is complex, or some numbers are negative":
            "The response is complex. The gain is its modulus, `np.abs`, not its real part.",
        "Only the gain at frequency 0 is right":
            "In Python, i is written `1j`; and the exponent holds 2π.",
    },
)


@response.solution
def frequency_response(w, phi):
    """(k,), (n,)  →  (n,), real and at least 0"""
    u = np.arange(len(w))
    waves = np.exp(-2j * np.pi * np.outer(phi, u))       # (n, k)
    return np.abs(waves @ w)


@response.mistake("2π is missing",
                  hint="φ counts cycles, and the exponential counts radians: a cycle is 2π of them.")
def _(w, phi):
    return np.abs(np.exp(-1j * np.outer(phi, np.arange(len(w)))) @ w)


@response.mistake("π in place of 2π", hint="A cycle is 2π radians: the exponent is −2πi·φ·u.")
def _(w, phi):
    return _gain(w, phi / 2)


@response.mistake("the real part is taken in place of the modulus",
                  hint="A wave that comes out shifted has a response that is not real. Its strength is the modulus.")
def _(w, phi):
    return np.cos(2 * np.pi * np.outer(phi, np.arange(len(w)))) @ w


@response.mistake("the modulus of the real part",
                  hint="|Re ŵ| forgets the sines. The modulus is the root of the squares of both parts, added.")
def _(w, phi):
    return np.abs(np.cos(2 * np.pi * np.outer(phi, np.arange(len(w)))) @ w)


@response.mistake("the imaginary part is taken in place of the modulus",
                  hint="How strong the wave is, is the modulus, which needs the real and the imaginary part.")
def _(w, phi):
    return np.sin(2 * np.pi * np.outer(phi, np.arange(len(w)))) @ w


@response.mistake("the exponential is real",
                  hint="The i is missing, 1j in Python: e^(−2πi·φ·u) goes round a circle, e^(−2π·φ·u) dies away.")
def _(w, phi):
    return np.abs(np.exp(-2 * np.pi * np.outer(phi, np.arange(len(w)))) @ w)


@response.mistake("the exponent is φ·u alone",
                  hint="The exponent is −2πi·φ·u: the factors 2π and i, 1j in Python, have no effect in yours.")
def _(w, phi):
    return np.abs(np.exp(np.outer(phi, np.arange(len(w)))) @ w)


@response.mistake("π is missing", hint="φ counts cycles, and the exponential counts radians: a cycle is 2π of them.")
def _(w, phi):
    return _gain(w, phi / np.pi)


@response.mistake("the exponential is missing", hint="−2πi·φ·u is the exponent: the wave is np.exp of it.")
def _(w, phi):
    return np.abs(2 * np.pi * np.outer(phi, np.arange(len(w))) @ w)


@response.mistake("the terms are not added up", hint="For each frequency there is one number, the sum over all taps.")
def _(w, phi):
    return np.abs(np.exp(-2j * np.pi * np.outer(phi, np.arange(len(w)))) * w)


@response.mistake("the modulus is taken of each term",
                  hint="Add the complex numbers first, then take the modulus: waves that are out of step cancel.")
def _(w, phi):
    return np.full(len(phi), np.abs(w).sum())


@response.mistake("the mean is taken over the taps",
                  hint="The response is a sum over the taps, not their mean.")
def _(w, phi):
    return _gain(w, phi) / len(w)


@response.mistake("the gain is squared", hint="The squared modulus is the energy. The gain is its root.")
def _(w, phi):
    return _gain(w, phi) ** 2


@response.mistake("φ is taken for the number of the wave, m",
                  hint="φ is in cycles per pixel already: do not divide it by the number of taps.")
def _(w, phi):
    return _gain(w, phi / len(w))


@response.mistake("the nearest place of a padded FFT: 100 samples",
                  hint="Frequencies lie between the places of an FFT, however many zeros it has. Compute the sum at φ "
                       "itself.")
def _(w, phi):
    return np.abs(np.fft.fft(w, 100))[np.round(phi * 100).astype(int)]


@response.mistake("the nearest place of a padded FFT: 1000 samples",
                  hint="Frequencies lie between the places of an FFT, however many zeros it has. Compute the sum at φ "
                       "itself.")
def _(w, phi):
    return np.abs(np.fft.fft(w, 1000))[np.round(phi * 1000).astype(int)]


@response.accepted("two loops")
def _(w, phi):
    out = np.zeros(len(phi))
    for m in range(len(phi)):
        total = 0
        for u in range(len(w)):
            total += w[u] * np.exp(-2j * np.pi * phi[m] * u)
        out[m] = abs(total)
    return out


@response.accepted("cosines and sines")
def _(w, phi):
    angles = 2 * np.pi * phi[:, None] * np.arange(len(w))
    return np.hypot(np.cos(angles) @ w, np.sin(angles) @ w)


@response.accepted("a polynomial at points of the unit circle")
def _(w, phi):
    return np.abs(np.polyval(w, np.exp(2j * np.pi * phi)))


@response.accepted("a wave sent through the kernel")
def _(w, phi):
    k = len(w)
    return np.array([abs(np.convolve(np.exp(2j * np.pi * f * np.arange(k)), w, "valid")[0]) for f in phi])


# ---- the alias of a wave ---------------------------------------------------------------------------------------------

alias = Question(
    "alias_frequency", title="What becomes of a fast wave", points=1,
    asks="Write `alias_frequency(phi, s)`: of a wave of frequency `phi` every `s`-th pixel is kept; the frequency that "
         "the wave has in the small picture.",
    reference=lambda phi, s: abs(phi * s - np.round(phi * s)),
    cases=lambda rng: _wave_and_stride(rng),
    kind="predict", minutes=10, level=1, practice=True,
    text=r"""
        `phi` is between 0 and 1/2, in cycles per pixel of the large picture, and `s` is an integer, at least 2. Return
        a number in [0, 1/2], in cycles per pixel of the **small** picture.

        For whole $j$ the waves $\cos 2\pi \varphi j$, $\cos 2\pi (\varphi + 1) j$ and $\cos 2\pi (-\varphi) j$ are
        the same numbers. So find first how many cycles pass from one kept pixel to the next, and then the number in
        [0, 1/2] that looks the same.
    """,
    hints={
        "The result is above 1/2":
            "A picture shows nothing above half a cycle per pixel. Which slower wave meets the same pixels?",
        "Slow waves are right, the others are not":
            "Subtract whole cycles first. What is then between 1/2 and 1 stands for a negative frequency: 0.7 is −0.3.",
    },
)


def _wave_and_stride(rng):
    """Slow waves, waves of four cycles and more from one kept pixel to the next, and all between.

    A cycle and a half to two, or three and a half to four, is where a remainder modulo 2 is wrong.
    """
    low, high = [(0, 0.5), (0, 0.5), (0.5, 4), (1.5, 2), (3.5, 4), (4, 6), (4, 6), (4, 6)][rng.integers(8)]
    while True:
        phi, s = float(rng.integers(300, 4950) / 10_000), int(rng.integers(2, 12))
        if low < phi * s < high and abs(2 * phi * s - round(2 * phi * s)) > 0.03:
            return phi, s                                                # no place where rounding decides


@alias.solution
def alias_frequency(phi, s):
    """float, int  →  float in [0, 1/2]"""
    cycles = phi * s                        # from one kept pixel to the next
    return abs(cycles - np.round(cycles))   # without whole cycles or sign


@alias.mistake("not folded back: above half a cycle per pixel",
               hint="φ·s cycles pass from one kept pixel to the next. Whole cycles cannot be seen: subtract them.")
def _(phi, s):
    return phi * s


@alias.mistake("only whole cycles are subtracted",
               hint="That lies in [0, 1). Above 1/2 it stands for a negative frequency, and a cosine does not know the "
                    "sign of its frequency.")
def _(phi, s):
    return phi * s % 1


@alias.mistake("the sign is left in", hint="Asked is a number in [0, 1/2]: the cosine of −a is the cosine of a.")
def _(phi, s):
    return phi * s - np.round(phi * s)


@alias.mistake("in cycles per pixel of the large picture",
               hint="The small picture has a pixel for every s, so the number of cycles per pixel is s times as large.")
def _(phi, s):
    return abs(phi * s - np.round(phi * s)) / s


@alias.mistake("φ is divided by s",
               hint="The pixels that are kept are further apart, "
                    "so more cycles pass from one to the next: φ·s, not φ/s.")
def _(phi, s):
    return phi / s


@alias.mistake("the frequency stays as it was",
               hint="A pixel of the small picture is s old ones wide, so slow waves too have other numbers of cycles "
                    "per pixel.")
def _(phi, s):
    return phi


@alias.mistake("cut off at one half",
               hint="A wave that is too fast does not stop at the fastest one: it comes back as a slower one.")
def _(phi, s):
    return min(phi * s, 0.5)


@alias.mistake("folded only once",
               hint="1 − φ·s is right up to one cycle per pixel; beyond it, subtract whole cycles first.")
def _(phi, s):
    return phi * s if phi * s <= 0.5 else 1 - phi * s


@alias.mistake("whole cycles are subtracted once only",
               hint="With a large s several cycles pass from one kept pixel to the next. Subtract all of them.")
def _(phi, s):
    return _folded(phi * s, 1)


@alias.mistake("whole cycles are subtracted twice only",
               hint="With a large s more than two cycles pass from one kept pixel to the next. Subtract all of them.")
def _(phi, s):
    return _folded(phi * s, 2)


def _folded(cycles, times):
    for _ in range(times):
        if cycles > 1:
            cycles -= 1
    return cycles if cycles <= 0.5 else 1 - cycles


@alias.mistake("always one minus the remainder",
               hint="Only a remainder above one half has to be turned round: 0.7 looks like −0.3, but 0.3 is 0.3.")
def _(phi, s):
    return 1 - phi * s % 1


@alias.mistake("pairs of cycles are subtracted",
               hint="A wave looks the same after one cycle already: take the remainder modulo 1, not modulo 2.")
def _(phi, s):
    rest = phi * s % 2
    return rest if rest <= 0.5 else abs(1 - rest)


@alias.mistake("half cycles are subtracted in place of whole ones",
               hint="A wave looks the same after a whole cycle. After half a cycle, dark and bright are exchanged.")
def _(phi, s):
    return phi * s % 0.5


@alias.accepted("the remainder, or one minus it")
def _(phi, s):
    rest = phi * s % 1
    return rest if rest <= 0.5 else 1 - rest


@alias.mistake("measured: the strongest wave of a hundred samples",
               hint="A hundred samples tell hundredths of a cycle apart, and no frequency between them.")
def _(phi, s):
    return np.argmax(np.abs(np.fft.rfft(np.cos(2 * np.pi * phi * s * np.arange(100))))) / 100


@alias.accepted("one cycle after the other is subtracted")
def _(phi, s):
    f = phi * s
    while f > 0.5:
        f -= 1
    return -f if f < 0 else f


@alias.accepted("the angle of a cosine")
def _(phi, s):
    return np.arccos(np.cos(2 * np.pi * phi * s)) / (2 * np.pi)


# ---- a convolution by transforms -------------------------------------------------------------------------------------

fft = Question(
    "fft_convolve2d", title="Convolution by way of the spectrum", points=3,
    asks="Write `fft_convolve2d(x, w)`: the full convolution of an image with a kernel, computed as a product of "
         "spectra.",
    reference=signal.fft_convolve,
    cases=lambda rng: (image(rng), kernel(rng, 2, 6)),
    minutes=20, level=2,
    needs=("fft", "fft2", "fftn", "rfft", "rfft2", "rfftn", "ifft", "ifft2", "ifftn", "irfft", "irfft2", "irfftn"),
    text=r"""
        Use the transforms of `np.fft` and no sum over the kernel. The product of two spectra is a *circular*
        convolution; asked is the **full** linear one,

        $$y_{ij} = \sum_{u, v} x_{i-u,\, j-v}\; w_{uv}$$

        at every place where the kernel overlaps the image, with zeros outside of it. The result is real.
    """,
    hints={
        "The first rows and columns are wrong, the rest is right":
            "The end of the result has wrapped round onto its beginning: the transforms are too short.",
        "The last column is missing, or the numbers are a little wrong, for odd widths":
            "`irfft2` must be told the shape: half a spectrum does not know whether the width was odd or even.",
        "The numbers look flipped or shifted":
            "The plain product of spectra is already the convolution: no flip by hand, and no conjugate.",
    },
)


@fft.solution
def fft_convolve2d(x, w):
    """(H, W), (k_h, k_w)  →  (H + k_h − 1, W + k_w − 1)"""
    shape = np.add(x.shape, w.shape) - 1
    spectrum = np.fft.rfft2(x, shape) * np.fft.rfft2(w, shape)
    return np.fft.irfft2(spectrum, shape)


def _product(x, w, shape):
    return np.fft.ifft2(np.fft.fft2(x, shape) * np.fft.fft2(w, shape)).real


def _full(x, w):
    return [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]


@fft.mistake("the ends wrap round",
             hint="That is circular convolution. Pad both with zeros to n + k − 1 before the transform.")
def _(x, w):
    return _product(x, w, x.shape)


@fft.mistake("the ends wrap round, and zeros are appended too late",
             hint="The shape is right, but the zeros must be there before the transform, not after it.")
def _(x, w):
    return np.pad(_product(x, w, x.shape), [(0, k - 1) for k in w.shape])


@fft.mistake("padded by one sample too few",
             hint="n + k − 1 samples are needed. With n + k − 2 the last row falls on the first.")
def _(x, w):
    return _product(x, w, [n - 1 for n in _full(x, w)])


@fft.mistake("padded by one sample too many",
             hint="More zeros do no harm in the transform, but the result must be cut to n + k − 1.")
def _(x, w):
    return _product(x, w, [n + 1 for n in _full(x, w)])


@fft.mistake("irfft2 without its shape",
             hint="Half a spectrum does not know whether the width was odd or even, and irfft2 takes it to be even. "
                  "Give it the shape.")
def _(x, w):
    shape = _full(x, w)
    return np.fft.irfft2(np.fft.rfft2(x, shape) * np.fft.rfft2(w, shape))


@fft.mistake("the spectrum of the kernel is conjugated",
             hint="The conjugate gives correlation. The convolution theorem has a plain product.")
def _(x, w):
    shape = _full(x, w)
    return np.fft.irfft2(np.fft.rfft2(x, shape) * np.conj(np.fft.rfft2(w, shape)), shape)


@fft.mistake("only the part of the size of the image",
             hint="Full convolution is larger than the image: n + k − 1 in each axis.")
def _(x, w):
    return signal.fft_convolve(x, w)[:x.shape[0], :x.shape[1]]


@fft.mistake("only the middle, of the size of the image",
             hint='That is "same". Full convolution is larger than the image: n + k − 1 in each axis.')
def _(x, w):
    top, left = (k // 2 for k in w.shape)
    return signal.fft_convolve(x, w)[top:top + x.shape[0], left:left + x.shape[1]]


@fft.mistake("the modulus is taken in place of the real part",
             hint="np.abs makes negative results positive. The result is real up to rounding: take .real, "
                  "or use irfft2.")
def _(x, w):
    return np.abs(signal.fft_convolve(x, w))


@fft.mistake("the kernel is flipped first",
             hint="The plain product of spectra is already the convolution: no flip by hand.")
def _(x, w):
    return signal.fft_convolve(x, w[::-1, ::-1])


@fft.mistake("the spectra are added", hint="Convolution becomes a product of the spectra, frequency by frequency.")
def _(x, w):
    shape = _full(x, w)
    return np.fft.ifft2(np.fft.fft2(x, shape) + np.fft.fft2(w, shape)).real


@fft.mistake("a second forward transform in place of the inverse",
             hint="fft2 in place of ifft2 gives the result flipped, and too large by the number of pixels.")
def _(x, w):
    shape = _full(x, w)
    return np.fft.fft2(np.fft.fft2(x, shape) * np.fft.fft2(w, shape)).real


@fft.mistake("only one axis is transformed",
             hint="np.fft.fft transforms the last axis alone; fft2 transforms both.")
def _(x, w):
    shape = _full(x, w)
    x, w = (np.pad(a, [(0, n - k) for n, k in zip(shape, a.shape, strict=True)]) for a in (x, w))
    return np.fft.ifft(np.fft.fft(x) * np.fft.fft(w)).real


@fft.mistake("the result is all zeros",
             hint="Is the imaginary part taken? It is zero up to rounding; or is nothing stored in what you return?")
def _(x, w):
    return np.zeros(_full(x, w))


@fft.mistake("the result is rolled by half its size",
             hint="`fftshift` puts frequency 0 of a spectrum into the middle, for looking at it. Leave it out here.")
def _(x, w):
    return np.fft.fftshift(signal.fft_convolve(x, w))


@fft.mistake("the kernel is flipped and its spectrum conjugated",
             hint="The two undo each other but for a shift by k − 1. The plain product of spectra needs neither.")
def _(x, w):
    return np.roll(signal.fft_convolve(x, w), [1 - k for k in w.shape], (0, 1))


@fft.accepted("complex transforms of a power of two, cut to size")
def _(x, w):
    shape = [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]
    padded = [2 ** int(np.ceil(np.log2(n))) for n in shape]
    return np.fft.ifft2(np.fft.fft2(x, padded) * np.fft.fft2(w, padded)).real[:shape[0], :shape[1]]


@fft.accepted("zeros by hand, then transforms of columns and of rows")
def _(x, w):
    rows, columns = x.shape[0] + w.shape[0] - 1, x.shape[1] + w.shape[1] - 1
    large = np.zeros((2, rows, columns))
    large[0, :x.shape[0], :x.shape[1]] = x
    large[1, :w.shape[0], :w.shape[1]] = w
    spectra = np.fft.fft(np.fft.fft(large, axis=1), axis=2)
    return np.fft.ifft(np.fft.ifft(spectra[0] * spectra[1], axis=0), axis=1).real


@fft.accepted("fftn with the shapes as lists, in float32")
def _(x, w):
    shape = [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]
    spectra = [np.fft.fftn(a, s=shape, axes=(0, 1)) for a in (x, w)]
    return np.fft.ifftn(spectra[0] * spectra[1], axes=(0, 1)).real.astype(np.float32)


# ---- the nearest separable kernel ------------------------------------------------------------------------------------

def _nearest(w):
    left, values, right = np.linalg.svd(np.asarray(w, np.float64))
    return np.concatenate([left[:, 0] * values[0], right[0]])


def _column_and_row(answer, w):
    """→ the column and the row of an answer, or ValueError."""
    size = sum(w.shape)
    if answer.shape != (size,):
        raise ValueError(f"the answer must be k_h + k_w = {size} numbers in one axis, got shape {answer.shape}")
    answer = answer.astype(np.float64)
    return answer[:w.shape[0]], answer[w.shape[0]:]


def _separability(answer, w):
    product = np.outer(*_column_and_row(answer, w))
    return {"sum of the squared errors of column × row": float(np.round(np.sum((product - w) ** 2), 6))}


def _separable_case(rng):
    """A kernel of rank one, or such a kernel and something small besides, so that the nearest one is unique."""
    while True:
        k_h, k_w = unequal(rng, 2, 6)
        w = np.outer(numbers(rng, k_h), numbers(rng, k_w))
        if rng.random() < 0.6:
            w += numbers(rng, w.shape) / 2
        values = np.linalg.svd(w)[1]
        if values[1] < 0.7 * values[0] and w[0, 0] and abs(w.sum()) > 0.5:
            return (w,)


separable = Question(
    "separate", title="Two passes for one", points=3,
    asks="Write `separate(w)`: a column of k_h and a row of k_w numbers whose product, column × row, is as near to the "
         "kernel `w` as any such product.",
    reference=_nearest, cases=_separable_case, measure=_separability,
    kind="design", minutes=25, level=2,
    text=r"""
        Return the k_h + k_w numbers in one array: the column $a$ first, then the row $b$. They are judged by the sum of
        the squared errors

        $$\sum_{u, v} (a_u b_v - w_{uv})^2$$

        which must be the smallest that is possible: 0 where the kernel is separable, more where it is not. Any pair
        with that sum is right.
    """,
    hints={
        "It works for separable kernels only":
            "A row of the kernel as it stands is not the best for all rows. "
            "Which term of the singular value decomposition is the largest?",
        "The row is wrong although the decomposition is right":
            "`np.linalg.svd` returns the third factor transposed already: the first *row* of it is what you need.",
        "The error is that of a product that is too small":
            "The singular value has to go into the column, into the row, or its root into both.",
    },
)


@separable.solution
def separate(w):
    """(k_h, k_w)  →  (k_h + k_w,): the column, then the row"""
    left, values, right = np.linalg.svd(w)
    return np.concatenate([values[0] * left[:, 0], right[0]])


@separable.mistake("the row through the largest weight is taken as it stands",
                   hint="That is right where all rows are multiples of it. Where they are not, another row is nearer "
                        "to all of them together.")
def _(w):
    u, v = np.unravel_index(np.argmax(np.abs(w)), w.shape)
    return np.concatenate([w[:, v] / w[u, v], w[u]])


@separable.mistake("the first column and the first row",
                   hint="That is right for a kernel of rank one. For others it is not the nearest.")
def _(w):
    return np.concatenate([w[:, 0] / w[0, 0], w[0]])


@separable.mistake("the division by the corner is missing",
                   hint="For a kernel of rank one, first column times first row is w·w[0, 0]: divide by w[0, 0].")
def _(w):
    return np.concatenate([w[:, 0], w[0]])


@separable.mistake("sums of the rows and of the columns",
                   hint="The sums give the product w·Σw for a kernel of rank one, and not the nearest for others.")
def _(w):
    return np.concatenate([w.sum(1), w.sum(0)])


@separable.mistake("sums of the rows and of the columns, divided by the sum of all",
                   hint="That is right for a kernel of rank one. For others the nearest product is the first term of "
                        "the singular value decomposition.")
def _(w):
    return np.concatenate([w.sum(1), w.sum(0) / w.sum()])


@separable.mistake("the singular value is left out",
                   hint="Column and row of the decomposition have length 1: their product lacks the singular value.")
def _(w):
    left, _, right = np.linalg.svd(w)
    return np.concatenate([left[:, 0], right[0]])


@separable.mistake("the singular value goes in twice",
                   hint="Into the column, or into the row, or its root into both.")
def _(w):
    left, values, right = np.linalg.svd(w)
    return np.concatenate([left[:, 0] * values[0], right[0] * values[0]])


@separable.mistake("the third factor is taken for its transpose",
                   hint="np.linalg.svd returns it transposed already: the row is right[0], not right[:, 0].")
def _(w):
    left, values, right = np.linalg.svd(w)
    return np.concatenate([left[:, 0] * values[0], right[:, 0]])


@separable.mistake("a row of the first factor in place of a column",
                   hint="The first singular vector on the left is a column, left[:, 0].")
def _(w):
    left, values, right = np.linalg.svd(w)
    return np.concatenate([left[0] * values[0], right[0]])


@separable.mistake("column and row belong to different singular values",
                   hint="The columns left[:, i] and the rows right[i] come in pairs: take both from the first.")
def _(w):
    left, values, right = np.linalg.svd(w)
    return np.concatenate([left[:, 1] * values[0], right[0]])


@separable.mistake("the second singular value with the first column and row",
                   hint="They come in falling order, and counting starts at 0: the largest is values[0].")
def _(w):
    left, values, right = np.linalg.svd(w)
    return np.concatenate([left[:, 0] * values[1], right[0]])


@separable.mistake("the smallest singular value", hint="They come in falling order: the first is the largest.")
def _(w):
    left, values, right = np.linalg.svd(w, full_matrices=False)
    return np.concatenate([left[:, -1] * values[-1], right[-1]])


@separable.mistake("the row comes first", hint="The column of k_h numbers first, then the row of k_w.")
def _(w):
    answer = _nearest(w)
    return np.concatenate([answer[w.shape[0]:], answer[:w.shape[0]]])


@separable.mistake("zeros", hint="The product of zeros is zero: the error is that of no kernel at all.")
def _(w):
    return np.zeros(sum(w.shape))


@separable.accepted("the root of the singular value in both")
def _(w):
    left, values, right = np.linalg.svd(w)
    return np.concatenate([left[:, 0] * np.sqrt(values[0]), right[0] * np.sqrt(values[0])])


@separable.accepted("column and row in turn, by least squares")
def _(w):
    row = w[np.argmax(np.abs(w).sum(1))].astype(np.float64)
    for _ in range(200):
        column = w @ row / (row @ row)
        row = column @ w / (column @ column)
    return np.concatenate([column, row])


@separable.accepted("the largest eigenvector of the Gram matrix")
def _(w):
    row = np.linalg.eigh(w.T @ w)[1][:, -1]
    return np.concatenate([w @ row, row])


# ---- a kernel that removes waves -------------------------------------------------------------------------------------

def _notch(phi):
    w = np.ones(1)
    for f in np.asarray(phi, np.float64):
        a = 1 / (2 - 2 * np.cos(2 * np.pi * f))
        w = np.convolve(w, [a, 1 - 2 * a, a])
    return w


def _notch_properties(answer, phi):
    if answer.ndim != 1 or answer.size == 0:
        raise ValueError(f"the kernel must have one axis and at least one tap, got shape {answer.shape}")
    w = answer.astype(np.float64)
    return {
        "number of taps": float(len(w)),
        "sum of the taps, the response at frequency 0": float(w.sum()),
        "it is its own mirror image (1 yes, 0 no)": float(np.abs(w - w[::-1]).max() < 1e-3),
        **{f"the wave of frequency {f:.2f} is removed (1 yes, 0 no)": float(_gain(w, [f])[0] < 3e-4) for f in phi},
    }


notch = Question(
    "notch_kernel", title="A kernel that removes waves", points=3,
    asks="Write `notch_kernel(phi)`: the shortest symmetric kernel that keeps the mean and removes the waves of every "
         "frequency in `phi`.",
    reference=_notch,
    # none is twice another, a quarter away from it, or 1/2 minus it: a wrong kernel shall not remove a wave by chance
    cases=lambda rng: (rng.choice([17, 19, 23, 29, 37, 41, 43, 47], rng.integers(1, 4), replace=False) / 100,),
    measure=_notch_properties, kind="design", minutes=25, level=2,
    text=r"""
        A kernel multiplies the wave of frequency $\varphi$ by

        $$\hat w(\varphi) = \sum_{u=0}^{k-1} w_u\, e^{-2\pi \mathrm{i}\, \varphi u}$$

        The n frequencies are different, above 0 and below 1/2. Return the taps $w_0, \dots, w_{k-1}$ with

        - as few taps as possible,
        - $\hat w(0) = \sum_u w_u = 1$,
        - $\hat w(\varphi) = 0$ at every φ that is given,
        - $w_u = w_{k-1-u}$: such a kernel moves no wave to the side.

        The kernel is judged by these properties. Begin with one frequency and three taps $[a,\; 1 - 2a,\; a]$.
    """,
    hints={
        "How to find a":
            "Count u from the middle: the response of [a, 1 − 2a, a] is 1 − 2a + 2a·cos 2πφ. For which a is it zero?",
        "One frequency works, several do not":
            "One kernel after the other removes one wave after the other, and the responses are multiplied. "
            "Which single kernel does the same as two in a row?",
    },
)


@notch.solution
def notch_kernel(phi):
    """(n,)  →  (2n + 1,)"""
    w = np.ones(1)
    for f in phi:
        a = 1 / (2 - 2 * np.cos(2 * np.pi * f))
        w = np.convolve(w, [a, 1 - 2 * a, a])
    return w


@notch.mistake("the taps do not sum to 1",
               hint="[1, −2 cos 2πφ, 1] removes the wave, but changes the mean: divide by the sum of the taps.")
def _(phi):
    w = np.ones(1)
    for f in phi:
        w = np.convolve(w, [1, -2 * np.cos(2 * np.pi * f), 1])
    return w


@notch.mistake("the taps do not sum to 1, and the wave is not removed",
               hint="Count u from the middle: the response of [a, b, a] is b + 2a·cos 2πφ. It must be 1 at φ = 0, and "
                    "0 at the φ that is given.")
def _(phi):
    w = np.ones(1)
    for f in phi:
        w = np.convolve(w, [1, 2 * np.cos(2 * np.pi * f), 1])
    return w


@notch.mistake("size, sum and symmetry are right, but the waves are still there",
               hint="The response of [a, 1 − 2a, a] is 1 − 2a + 2a·cos 2πφ. Solve for the a at which it is 0. Is each "
                    "cycle 2π radians? Are both outer taps counted? Is the sign right?")
def _(phi):
    return _notch(np.asarray(phi) / 2)


@notch.mistake("all taps are 0", hint="That removes every wave, and the mean too: the taps must sum to 1.")
def _(phi):
    return np.zeros(2 * len(phi) + 1)


@notch.mistake("the three taps are in the wrong order",
               hint="The large tap stands in the middle, or the kernel is not symmetric: [a, 1 − 2a, a].")
def _(phi):
    w = np.ones(1)
    for f in phi:
        a = 1 / (2 - 2 * np.cos(2 * np.pi * f))
        w = np.convolve(w, [1 - 2 * a, a, a])
    return w


@notch.mistake("each frequency has two taps",
               hint="Two symmetric taps remove the frequency 1/2 alone. Three are needed for another one.")
def _(phi):
    w = np.ones(1)
    for _ in phi:
        w = np.convolve(w, [0.5, 0.5])
    return w


@notch.mistake("only the first frequency is removed",
               hint="Each frequency needs three taps of its own; in a row they are one kernel, their convolution.")
def _(phi):
    return _notch(phi[:1])


@notch.mistake("only the last frequency is removed",
               hint="The kernel of each frequency overwrites the one before. Let the next one act on it: convolve.")
def _(phi):
    return _notch(phi[-1:])


@notch.mistake("the kernels are averaged",
               hint="The mean of two kernels has the mean of two responses, which is zero at neither frequency.")
def _(phi):
    return np.mean([_notch([f]) for f in phi], axis=0)


@notch.mistake("the kernels are multiplied tap by tap",
               hint="The responses are to be multiplied: then the kernels are convolved.")
def _(phi):
    return np.prod([_notch([f]) for f in phi], axis=0)


@notch.mistake("a box of 1/φ taps",
               hint="A box of k taps has its zeros at multiples of 1/k, and 1/φ is no integer here.")
def _(phi):
    k = int(round(1 / float(phi[0])))
    return np.full(k, 1 / k)


@notch.mistake("more taps than are needed",
               hint="It has the wanted responses, but zeros at its ends: cut them off.")
def _(phi):
    return np.pad(_notch(phi), 1)


@notch.accepted("a polynomial with its roots on the unit circle")
def _(phi):
    roots = np.concatenate([np.exp(2j * np.pi * phi), np.exp(-2j * np.pi * phi)])
    w = np.poly(roots).real
    return w / w.sum()


@notch.accepted("a linear system for the middle and the outer taps")
def _(phi):
    m = len(phi)
    f = np.concatenate([[0], phi])
    system = 2 * np.cos(2 * np.pi * np.outer(f, np.arange(m + 1)))
    system[:, 0] = 1
    half = np.linalg.solve(system, np.eye(m + 1)[0])
    return np.concatenate([half[:0:-1], half])


@notch.accepted("each kernel divided by its sum")
def _(phi):
    w = np.array([1.0])
    for f in phi:
        three = np.array([1, -2 * np.cos(2 * np.pi * f), 1])
        w = np.convolve(w, three / three.sum())
    return w


QUESTIONS = [response, alias, fft, separable, notch]
