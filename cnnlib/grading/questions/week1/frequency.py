"""Week 1: the questions of the notebook `frequency`."""

import numpy as np

from cnnlib.scratch import signal

from ...question import Question
from ..cases import image, kernel

fft = Question(
    "fft_convolve2d", title="Convolution by way of the spectrum", points=3,
    asks="The full convolution of an image with a kernel, computed as a product of spectra.",
    reference=signal.fft_convolve,
    cases=lambda rng: (image(rng), kernel(rng, 2, 6)),
    minutes=20, level=2,
    text=r"""
        The convolution theorem says that convolution is a product of spectra, but for finite signals it is the *circular* convolution that is meant.
        Return the **full** linear convolution of `x` with `w`, by way of `np.fft`.
    """,
    hints={
        'The first rows and columns are wrong':
            'The end of the result has wrapped round onto its beginning: the transforms are too short.',
        'Shape errors for odd sizes':
            '`irfft2` must be told the shape: half a spectrum does not know whether the signal was even or odd.',
    },
)


@fft.solution
def fft_convolve2d(x, w):
    """(H, W), (k_h, k_w)  →  (H + k_h − 1, W + k_w − 1)"""
    shape = np.add(x.shape, w.shape) - 1
    spectrum = np.fft.rfft2(x, shape) * np.fft.rfft2(w, shape)
    return np.fft.irfft2(spectrum, shape)


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


QUESTIONS = [fft]
