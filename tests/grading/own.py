"""Questions of our own for the tests of the grader: with rules, a design, and one to be mended."""

import numpy as np

from cnnlib.grading import Question, marking
from cnnlib.grading.questions import WEEKS
from cnnlib.grading.questions.cases import numbers

FORBIDS = ("convolve", "correlate", "polymul", "Polynomial", "fftconvolve")
NEEDS = ("fft", "fft2", "rfft", "rfft2")


def ask(monkeypatch, *questions):
    """Put questions into week 1 for the time of a test."""
    monkeypatch.setitem(WEEKS, 1, [*WEEKS[1], *questions])
    marking._cases.cache_clear()


def _sequences(rng):
    return numbers(rng, rng.integers(6, 11)), numbers(rng, rng.integers(2, 6))


by_hand = Question(
    "by_hand", title="Convolution by hand", points=2, asks="Write the full convolution of two sequences.",
    reference=np.convolve, cases=_sequences, forbids=FORBIDS)
by_hand.mistake("the kernel is not flipped", "Flip it.")(lambda x, w: np.correlate(x, w, "full"))

by_spectrum = Question(
    "by_spectrum", title="Convolution by way of the spectrum", points=3, needs=NEEDS,
    asks="Write the full convolution of two sequences as a product of spectra.",
    reference=np.convolve, cases=_sequences)


def _binomial(n):
    kernel = np.ones(1)
    for _ in range(n - 1):
        kernel = np.convolve(kernel, [0.5, 0.5])
    return kernel


low_pass = Question(
    "low_pass", title="A kernel that blurs", points=2, kind="design", level=2, reference=_binomial,
    asks="Choose a kernel of at least n numbers that keeps a constant and removes the fastest oscillation.",
    cases=lambda rng: (int(rng.integers(3, 9)),))


def measure(kernel, n):
    """The mean that is kept, what is left of the fastest oscillation, and whether there are numbers enough."""
    if kernel.ndim != 1:
        raise ValueError(f"a kernel has 1 axis, this has shape {kernel.shape}")
    return {"sum": kernel.sum(), "fastest oscillation": abs(kernel @ (-1.0) ** np.arange(len(kernel))),
            "numbers": min(len(kernel), n)}


low_pass.measure = measure
low_pass.mistake("the sum is not 1", "Divide by the sum.")(lambda n: 2.0 ** (n - 1) * _binomial(n))
