"""Week 1: the questions of the notebook `spectral_bias`."""

import numpy as np

from ...question import Question
from ..cases import image, numbers, unequal

# ---- which waves of the target a fit has -----------------------------------------------------------------------------


def _fit_and_target(rng):
    """A fit, a target and cycles at which the target's spectrum is far from zero, in any order."""
    while True:
        n = int(rng.integers(7, 14))
        fit, target = numbers(rng, n), numbers(rng, n)
        cycles = [int(m) for m in rng.permutation(np.arange(1, (n + 1) // 2))[:rng.integers(2, 5)]]
        spectrum = np.fft.fft(target)[cycles]
        if np.abs(np.fft.fft(target)).min() > 1 and np.abs(spectrum.real).min() > 0.5 and cycles != sorted(cycles):
            return fit, target, cycles


learned = Question(
    "learned_amplitude", title="How much of a wave is learned", points=1,
    asks="Write `learned_amplitude(fit, target, cycles)`: for each m in `cycles`, how much of the target's wave of m "
         "cycles the fit holds.",
    reference=lambda fit, target, cycles: np.real(np.fft.fft(fit)[cycles] / np.fft.fft(target)[cycles]),
    cases=_fit_and_target,
    minutes=10, level=1, practice=True,
    text=r"""
        With $\hat Y$ the discrete Fourier transform of the fit and $Y$ that of the target, the number is

        $$\operatorname{Re} \frac{\hat Y_m}{Y_m}$$

        It is 0 where the fit has nothing of the wave, 1 where the wave is there in full and with the right phase, and
        negative where it goes up as the target goes down. `fit` and `target` are (n,), `cycles` is a list of whole
        numbers from 1 to less than n / 2 in any order, and $Y_m$ is not zero there. Return one number for each.
    """,
    hints={
        "No number is negative":
            "The modulus of a complex number does not know its sign. Divide first, then take the real part.",
        "The numbers are those of other waves":
            "`np.fft.fft` puts the wave of m cycles at place m, and the mean at place 0. An array takes a list as its "
            "index.",
    },
)


@learned.solution
def learned_amplitude(fit, target, cycles):
    """(n,), (n,), whole numbers  →  as many numbers as cycles"""
    ratio = np.fft.fft(fit)[cycles] / np.fft.fft(target)[cycles]
    return ratio.real


@learned.mistake("the modulus of the ratio is taken",
                 hint="A wave of the right strength that goes up as the target goes down is not learned. The real part "
                      "sees the phase, the modulus does not.")
def _(fit, target, cycles):
    return np.abs(np.fft.fft(fit)[cycles] / np.fft.fft(target)[cycles])


@learned.mistake("the energy is compared",
                 hint="The square of the modulus is an energy, and has no phase. Take the real part of the ratio "
                      "itself.")
def _(fit, target, cycles):
    return np.abs(np.fft.fft(fit)[cycles] / np.fft.fft(target)[cycles]) ** 2


@learned.mistake("the ratio is upside down", hint="Divide by the target: 1 means that the fit holds all of its wave.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(target)[cycles] / np.fft.fft(fit)[cycles])


@learned.mistake("fit and target are multiplied",
                 hint="Divide the fit's number by the target's: the product is large where both are strong, not where "
                      "they "
                      "agree.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit)[cycles] * np.fft.fft(target)[cycles])


@learned.mistake("the real parts are taken before the division",
                 hint="Re(a / b) is not Re(a) / Re(b): divide the complex numbers, then take the real part.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit)[cycles]) / np.real(np.fft.fft(target)[cycles])


@learned.mistake("the imaginary part is taken",
                 hint="A wave with the phase of the target gives a ratio that is real: the imaginary part is what is "
                      "off.")
def _(fit, target, cycles):
    return np.imag(np.fft.fft(fit)[cycles] / np.fft.fft(target)[cycles])


@learned.mistake("the cycles are counted from one",
                 hint="Place 0 of the transform is the mean, place m the wave of m cycles: no 1 is subtracted.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit) / np.fft.fft(target))[[m - 1 for m in cycles]]


@learned.mistake("the samples are compared, not the waves",
                 hint="`fit[m]` is the value at place m. The strength of wave m is in the Fourier transform.")
def _(fit, target, cycles):
    return fit[cycles] / target[cycles]


@learned.mistake("only the fit is transformed", hint="Both have a spectrum: transform the target as well.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit)[cycles] / target[cycles])


@learned.mistake("only the target is transformed", hint="Both have a spectrum: transform the fit as well.")
def _(fit, target, cycles):
    return np.real(fit[cycles] / np.fft.fft(target)[cycles])


@learned.mistake("as many waves as asked for are returned, but the first ones",
                 hint="`cycles` names the waves: take the places m in it, not the first places.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit) / np.fft.fft(target))[:len(cycles)]


@learned.mistake("all waves are returned", hint="Only the waves in `cycles` are asked for, in their order.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit) / np.fft.fft(target))


@learned.mistake("the numbers stand in the order of the waves",
                 hint="`cycles` is in any order, and the numbers must be in the same: do not sort them.")
def _(fit, target, cycles):
    return np.real(np.fft.fft(fit) / np.fft.fft(target))[sorted(cycles)]


@learned.accepted("half spectra")
def _(fit, target, cycles):
    return (np.fft.rfft(fit) / np.fft.rfft(target))[np.array(cycles)].real


@learned.accepted("the sum of each wave by its definition")
def _(fit, target, cycles):
    t, out = np.arange(len(fit)), []
    for m in cycles:
        wave = np.exp(-2j * np.pi * m * t / len(fit))
        out.append((np.sum(fit * wave) / np.sum(target * wave)).real)
    return out


@learned.accepted("the fit projected on the wave of the target")
def _(fit, target, cycles):
    out = np.zeros(len(cycles))
    for i, m in enumerate(cycles):
        spectrum = np.fft.rfft(target)
        spectrum[np.arange(len(spectrum)) != m] = 0
        wave = np.fft.irfft(spectrum, len(target))
        out[i] = fit @ wave / (wave @ wave)
    return out


# ---- Fourier features ------------------------------------------------------------------------------------------------


def _positions_and_frequencies(rng):
    points, count = unequal(rng, 3, 7)
    return numbers(rng, (points, 2)) / 4, numbers(rng, (2, count))


features = Question(
    "fourier_features", title="Fourier features", points=2,
    asks="Write `fourier_features(q, b)`: the sines and cosines of the positions `q` at the frequencies `b`.",
    reference=lambda q, b: np.hstack([np.sin(np.pi * (q @ b)), np.cos(np.pi * (q @ b))]),
    cases=_positions_and_frequencies,
    minutes=15, level=1, practice=True,
    text=r"""
        Each row of `q` is a position, each column $b_j$ of `b` a frequency vector. The features of the position $q$ are

        $$
        \begin{aligned}
        \gamma(q) = \big[&\sin \pi q \cdot b_1, \dots, \sin \pi q \cdot b_d, \\
                         &\cos \pi q \cdot b_1, \dots, \cos \pi q \cdot b_d\big]
        \end{aligned}
        $$

        `q` is (M, 2) and `b` is (2, d). Return (M, 2d) numbers, one row for each position: all the sines, then all the
        cosines.
    """,
    hints={
        "The shape is (2M, d)":
            "The cosines stand beside the sines, in the same row: join along the last axis.",
        "All numbers are there, in another order":
            "First all d sines, then all d cosines; not sine and cosine of each frequency in turn.",
        "NumPy says that the shapes do not fit":
            "The inner products of M positions with d frequencies are one matrix product, (M, 2) times (2, d).",
    },
)


@features.solution
def fourier_features(q, b):
    """(M, 2), (2, d)  →  (M, 2d): sines, then cosines"""
    angles = np.pi * q @ b                                  # (M, d)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def _encoded(angles):
    return np.hstack([np.sin(angles), np.cos(angles)])


@features.mistake("the cosines come first", hint="First the sines, then the cosines.")
def _(q, b):
    return np.hstack([np.cos(np.pi * q @ b), np.sin(np.pi * q @ b)])


@features.mistake("sine and cosine take turns",
                  hint="The order is sin, sin, …, cos, cos, …: all d sines, then all d cosines.")
def _(q, b):
    angles = np.pi * q @ b
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(q), -1)


@features.mistake("π is missing", hint="The angle is π q·b. Without π, b does not count whole cycles.")
def _(q, b):
    return _encoded(q @ b)


@features.mistake("the angle is 2π q·b",
                  hint="Here the angle is π q·b: positions run from −1 to 1, which is 2 long, so π b is b cycles "
                       "already.")
def _(q, b):
    return _encoded(2 * np.pi * q @ b)


@features.mistake("the angle is divided by π", hint="The angle is π times q·b.")
def _(q, b):
    return _encoded(q @ b / np.pi)


@features.mistake("π is added to the angle", hint="The angle is π times q·b, not π more than it.")
def _(q, b):
    return _encoded(np.pi + q @ b)


@features.mistake("the cosines stand below the sines",
                  hint="Each position has one row of 2d numbers: join along the last axis, not along the first.")
def _(q, b):
    return np.concatenate([np.sin(np.pi * q @ b), np.cos(np.pi * q @ b)])


@features.mistake("sines and cosines lie in an axis of their own",
                  hint="Each position has one row of 2d numbers: concatenate along the last axis, do not stack.")
def _(q, b):
    return np.stack([np.sin(np.pi * q @ b), np.cos(np.pi * q @ b)], axis=1)


@features.mistake("b is reshaped where its columns are meant",
                  hint="The frequency vector b_j is the column `b[:, j]`. `b.reshape(-1, 2)` mixes the two rows; its "
                       "transpose does not.")
def _(q, b):
    return _encoded(np.pi * q @ b.reshape(-1, 2).T)


@features.mistake("only the first coordinate is used",
                  hint="q·b_j is the sum of two products, one for each coordinate.")
def _(q, b):
    return _encoded(np.pi * q[:, :1] * b[:1])


@features.mistake("sine of the first coordinate's angle, cosine of the second's",
                  hint="q·b_j is one number, the sum of two products. Both functions are taken of it.")
def _(q, b):
    return np.hstack([np.sin(np.pi * q[:, :1] * b[:1]), np.cos(np.pi * q[:, 1:] * b[1:])])


@features.mistake("the angles themselves are returned", hint="Take the sine and the cosine of the angles.")
def _(q, b):
    return np.hstack([np.pi * q @ b, np.pi * q @ b])


@features.mistake("the sines are missing: there are cosines twice", hint="The first d numbers of each row are sines.")
def _(q, b):
    return np.hstack([np.cos(np.pi * q @ b), np.cos(np.pi * q @ b)])


@features.mistake("the cosines are missing: there are sines twice", hint="The last d numbers of each row are cosines.")
def _(q, b):
    return np.hstack([np.sin(np.pi * q @ b), np.sin(np.pi * q @ b)])


@features.mistake("only the sines are returned",
                  hint="Each position has 2d numbers: behind the d sines stand d cosines.")
def _(q, b):
    return np.sin(np.pi * q @ b)


@features.mistake("a sine or a cosine is missing: the bare angle stands in its place",
                  hint="Take the sine of the angles for the first half of each row, the cosine for the second.")
def _(q, b):
    return np.hstack([np.pi * q @ b, np.cos(np.pi * q @ b)])


@features.accepted("two loops")
def _(q, b):
    out = np.empty((len(q), 2 * b.shape[1]))
    for i, j in np.ndindex(len(q), b.shape[1]):
        angle = np.pi * (q[i, 0] * b[0, j] + q[i, 1] * b[1, j])
        out[i, j], out[i, b.shape[1] + j] = np.sin(angle), np.cos(angle)
    return out


@features.accepted("the imaginary and the real part of a complex wave")
def _(q, b):
    waves = np.exp(1j * np.pi * np.einsum("mi,ij->mj", q, b))
    return np.hstack([waves.imag, waves.real])


@features.accepted("cosines as sines a quarter of a turn on, by broadcasting")
def _(q, b):
    angles = np.pi * np.sum(q[:, :, None] * b[None], axis=1)
    return np.sin(np.concatenate([angles, angles + np.pi / 2], axis=-1))


# ---- steps of gradient descent ---------------------------------------------------------------------------------------


def _rates(rng):
    """A share, a learning rate and eigenvalues on both sides of 1 / rate.

    In two cases of three, one step or two leave exactly the share, in any precision; in the others a component needs
    hundreds of steps. No other number of steps is on the edge.
    """
    rate = 2.0 ** -int(rng.integers(1, 6))
    tie = rng.integers(3) > 0
    while True:
        share = float(rng.choice([0.5, 0.25] if tie else [0.2, 0.1, 0.05, 0.02, 0.01]))
        kept = np.append(rng.integers(2, 31, rng.integers(2, 5)) / 32, 1 / 2 if tie else 127 / 128)
        count = np.log(share) / np.log(kept)
        other = count[kept != 1 / 2]
        if np.ptp(np.ceil(count)) > 2 and np.abs(other - np.round(other)).min() > 0.02 and \
                np.abs(1 / other - np.round(1 / other)).min() > 0.002:
            kept = rng.permutation(kept * rng.permutation(np.resize([1, -1], len(kept))))
            return share, rate, (1 - kept) / rate


steps = Question(
    "steps_until", title="How many steps until a wave is learned", points=2,
    asks="Write `steps_until(share, rate, eigenvalues)`: for each eigenvalue, the smallest number of steps of gradient "
         "descent after which at most `share` of that component of the error is left, in modulus.",
    reference=lambda share, rate, eigenvalues: np.ceil(
        np.log(share) / np.log(np.abs(1 - rate * eigenvalues.astype(np.float64)))),
    cases=_rates,
    kind="predict", minutes=15, level=2,
    text=r"""
        In a linear model a step with the learning rate $\eta$ multiplies the component of the error that belongs to the
        eigenvalue $\lambda$ by $1 - \eta \lambda$. What is left of it is measured against the start, without its sign.

        `share` is a number between 0 and 1, `rate` is $\eta$ and `eigenvalues` is (c,), with
        $0 < \eta \lambda < 2$ and $\eta \lambda \ne 1$ for each. Return (c,) whole numbers, as ints or as floats.
    """,
    hints={
        "Some numbers are not numbers":
            "Above λ = 1/η a step goes too far: the component changes its sign. Only its modulus has a logarithm.",
        "Most numbers are too large by one, or too small by one":
            "Round up: after a whole number of steps at most the share is left. Try η λ = 1/2 and a share of 0.3 on "
            "paper.",
        "The numbers are right for small η λ only":
            "(1 − ηλ)^ℓ is near to exp(−ηλℓ) for small ηλ, and is not the same.",
    },
)


@steps.solution
def steps_until(share, rate, eigenvalues):
    """share, learning rate, (c,)  →  (c,) whole numbers of steps"""
    kept = np.abs(1 - rate * eigenvalues)                   # by one step
    return np.ceil(np.log(share) / np.log(kept))


def _kept(rate, eigenvalues):
    return np.abs(1 - rate * eigenvalues.astype(np.float64))


@steps.mistake("the number of steps is rounded down",
               hint="One step earlier more than the share is left. Round up.")
def _(share, rate, eigenvalues):
    return np.floor(np.log(share) / np.log(_kept(rate, eigenvalues)))


def _more_than_needed(share, rate, eigenvalues):
    return np.floor(np.log(share) / np.log(np.abs(1 - rate * eigenvalues))) + 1


_TIE = ("less than the share is left, where at most the share is asked",
        "Where exactly the share is left it is enough: stop at `left <= share`, round up with `ceil`.")


@steps.mistake(*_TIE)
def _(share, rate, eigenvalues):
    return _more_than_needed(share, rate, eigenvalues)


@steps.mistake(*_TIE)
def _(share, rate, eigenvalues):
    return _more_than_needed(share, rate, eigenvalues.astype(np.float64))


@steps.mistake("a loop ends after a hundred steps",
               hint="A component that keeps nearly all needs hundreds of steps: go on until at most the share is left.")
def _(share, rate, eigenvalues):
    return np.minimum(steps.reference(share, rate, eigenvalues), 100)


@steps.mistake("the number of steps is rounded to the nearest",
               hint="Where it was rounded down, more than the share is left. Round up.")
def _(share, rate, eigenvalues):
    return np.round(np.log(share) / np.log(_kept(rate, eigenvalues)))


@steps.mistake("the number of steps is not rounded", hint="Steps are whole numbers: round up.")
def _(share, rate, eigenvalues):
    return np.log(share) / np.log(_kept(rate, eigenvalues))


@steps.mistake("the decay is taken to be exponential",
               hint="A step multiplies by 1 − ηλ. That is near to exp(−ηλ) only where ηλ is small.")
def _(share, rate, eigenvalues):
    return np.ceil(-np.log(share) / (rate * eigenvalues.astype(np.float64)))


@steps.mistake("the exponential decay, with the sign forgotten",
               hint="A step multiplies by 1 − ηλ, whose logarithm is not ηλ; and the logarithm of a share is negative.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(share) / (rate * eigenvalues.astype(np.float64)))


@steps.mistake("the share of what is learned is taken",
               hint="`share` is what is left of the error. What is learned is 1 − share.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(1 - share) / np.log(_kept(rate, eigenvalues)))


@steps.mistake("the energy is counted", hint="The share is one of the component itself, not of its square.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(share) / np.log(_kept(rate, eigenvalues) ** 2))


@steps.mistake("the steps of the slowest component are returned for all",
               hint="Each component has a number of its own. Do not take a largest one.")
def _(share, rate, eigenvalues):
    slowest = np.ceil(np.log(share) / np.log(_kept(rate, eigenvalues))).max()
    return np.full(len(eigenvalues), slowest)


@steps.mistake("a step is taken to divide by 1 + ηλ",
               hint="The new error is the old one minus ηλ times the old one: a factor of 1 − ηλ.")
def _(share, rate, eigenvalues):
    return np.ceil(-np.log(share) / np.log(1 + rate * eigenvalues.astype(np.float64)))


@steps.mistake("a component is taken to grow by 1 + ηλ",
               hint="The gradient is subtracted: a step multiplies by 1 − ηλ. The answer cannot be negative.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(share) / np.log(1 + rate * eigenvalues.astype(np.float64)))


@steps.mistake("what a step removes is taken for what it keeps",
               hint="A step removes the share ηλ of a component, and keeps 1 − ηλ.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(share) / np.log(rate * eigenvalues.astype(np.float64)))


@steps.mistake("the fraction is upside down", hint="(1 − ηλ)^ℓ ≤ share. Take logarithms, then divide by that of 1 − "
                                                   "ηλ.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(_kept(rate, eigenvalues)) / np.log(share))


@steps.mistake("the logarithms are multiplied", hint="ℓ · log|1 − ηλ| ≤ log share. Solve this for ℓ: divide.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(share) * np.log(_kept(rate, eigenvalues)))


@steps.mistake("the logarithm of the share is missing",
               hint="Take the logarithm on both sides: of |1 − ηλ|^ℓ, and of the share.")
def _(share, rate, eigenvalues):
    return np.ceil(share / np.log(_kept(rate, eigenvalues)))


@steps.mistake("a logarithm is missing: the steps are divided by what is kept",
               hint="Take the logarithm on both sides: of |1 − ηλ|^ℓ, and of the share.")
def _(share, rate, eigenvalues):
    return np.ceil(np.log(share) / _kept(rate, eigenvalues))


@steps.mistake("a component that has changed its sign is taken to be gone",
               hint="Above λ = 1/η the component changes its sign at each step. What is left is its modulus.")
def _(share, rate, eigenvalues):
    out = []
    for eigenvalue in eigenvalues:
        left, count = 1.0, 0
        while left > share:
            left, count = left * (1 - rate * eigenvalue), count + 1
        out.append(count)
    return np.array(out)


@steps.accepted("steps done one after another")
def _(share, rate, eigenvalues):
    out = []
    for eigenvalue in eigenvalues:
        left, count = 1.0, 0
        while abs(left) > share:
            left, count = left * (1 - rate * eigenvalue), count + 1
        out.append(count)
    return np.array(out)


@steps.accepted("all of a table's steps, counted")
def _(share, rate, eigenvalues):
    left = (1 - rate * eigenvalues.astype(float)) ** np.arange(1000)[:, None]
    return np.sum(np.abs(left) > share, axis=0)


@steps.accepted("logarithms to the base 2, of the square")
def _(share, rate, eigenvalues):
    return np.ceil(2 * np.log2(share) / np.log2((1 - rate * eigenvalues) ** 2)).astype(int)


# ---- a band of a spectrum --------------------------------------------------------------------------------------------


def _image_and_edges(rng):
    edges = [int(e) / 16 for e in np.sort(rng.choice(np.arange(1, 10), rng.integers(2, 4), replace=False))]
    return image(rng, 4, 9), [0.0, *edges] if rng.integers(2) else edges


def _shares(energy, largest, edges):
    return np.array([energy[(low <= largest) & (largest < high)].sum()
                     for low, high in zip(edges, edges[1:], strict=False)]) / energy.sum()


def _largest(picture):
    rows, columns = map(np.fft.fftfreq, picture.shape)
    return np.maximum(np.abs(rows)[:, None], np.abs(columns)[None])


bands = Question(
    "band_shares", title="The energy in each band", points=2,
    asks="Mend `band_shares(image, edges)`: the share of an image's energy that lies in each band of frequencies.",
    reference=lambda image, edges: _shares(np.abs(np.fft.fft2(image)) ** 2, _largest(image), edges),
    cases=_image_and_edges,
    kind="mend", minutes=20, level=2,
    text=r"""
        The energy of a wave is the squared modulus of its number in the spectrum. The share is the energy of the waves
        in the band, divided by the energy of all waves, the mean among them. A wave belongs to the band from `low`
        (included) to `high` (not included) by the larger of $|\varphi_\text{rows}|$ and
        $|\varphi_\text{columns}|$, in cycles per pixel.

        `image` is (H, W), `edges` a growing list of frequencies, which need not begin at 0 or reach 1/2; the bands lie
        between neighbours in it. Return one number less than there are edges. The function is wrong in two places, and
        in both it forgets the negative frequencies.
    """,
    hints={
        "A fast wave is found among the slow ones":
            "Try it with a picture whose rows are +1 and −1 in turn, `(-1) ** np.arange(8)` as a column. Which "
            "frequencies does `np.fft.fftfreq` give, and which is the larger of −1/2 and 0?",
        "The shares are a little off":
            "`rfft2` leaves out the negative frequencies of the columns, as their energy is known. Is it counted?",
    },
)


@bands.solution
def band_shares(image, edges):
    """(H, W), edges  →  one share less than edges"""
    energy = np.abs(np.fft.fft2(image)) ** 2
    energy = energy / energy.sum()
    rows = np.abs(np.fft.fftfreq(image.shape[0]))[:, None]
    columns = np.abs(np.fft.fftfreq(image.shape[1]))
    largest = np.maximum(rows, columns)
    return np.array([
        energy[(low <= largest) & (largest < high)].sum()
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ])


@bands.given("the numbers are still those of the given function",
             hint="Which waves stand at negative frequencies, and which are left out by `rfft2`? A modulus that is "
                  "taken after the maximum comes too late: max(−0.4, 0) is 0.")
def _(image, edges):
    """(H, W), edges  →  one share less than edges"""
    energy = np.abs(np.fft.rfft2(image)) ** 2
    energy = energy / energy.sum()
    rows = np.fft.fftfreq(image.shape[0])[:, None]
    columns = np.fft.rfftfreq(image.shape[1])
    largest = np.maximum(rows, columns)
    return np.array([
        energy[(low <= largest) & (largest < high)].sum()
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ])


@bands.mistake("the energy of pixels is taken for that of waves",
               hint="The image has to be transformed first: a band is a set of waves, not of pixels.")
def _(image, edges):
    return _shares(image**2, _largest(image), edges)


@bands.mistake("the half spectrum is counted as if it were the whole",
               hint="`rfft2` gives each pair of a wave and its negative once, and the columns 0 and 1/2 alone. In the "
                    "whole "
                    "spectrum the pairs count twice: use `fft2`, or weights.")
def _(image, edges):
    energy = np.abs(np.fft.rfft2(image)) ** 2
    return _shares(energy, _largest(image)[:, :energy.shape[1]], edges)


@bands.mistake("negative frequencies are taken for slow ones",
               hint="−0.4 is below 0.1, and is a fast wave: compare moduli.")
def _(image, edges):
    rows, columns = map(np.fft.fftfreq, image.shape)
    return _shares(np.abs(np.fft.fft2(image)) ** 2, np.maximum(rows[:, None], columns), edges)


@bands.mistake("the modulus is taken after the larger one",
               hint="max(−0.4, 0) is 0, whose modulus is 0. Take the modulus of each frequency, then the larger one.")
def _(image, edges):
    rows, columns = map(np.fft.fftfreq, image.shape)
    return _shares(np.abs(np.fft.fft2(image)) ** 2, np.abs(np.maximum(rows[:, None], columns)), edges)


@bands.mistake("only the rows' negative frequencies are mended",
               hint="The columns have negative frequencies too, once the whole spectrum is there.")
def _(image, edges):
    rows, columns = map(np.fft.fftfreq, image.shape)
    return _shares(np.abs(np.fft.fft2(image)) ** 2, np.maximum(np.abs(rows)[:, None], columns), edges)


@bands.mistake("only the columns' negative frequencies are mended",
               hint="The rows have negative frequencies as well: −0.4 is a fast wave.")
def _(image, edges):
    rows, columns = map(np.fft.fftfreq, image.shape)
    return _shares(np.abs(np.fft.fft2(image)) ** 2, np.maximum(rows[:, None], np.abs(columns)), edges)


@bands.mistake("the last column of the half spectrum counts twice",
               hint="Where the width is even, the last column stands at 1/2, and has no partner: it counts once, as "
                    "column 0.")
def _(image, edges):
    energy = np.abs(np.fft.rfft2(image)) ** 2
    energy[:, 1:] *= 2
    return _shares(energy, _largest(image)[:, :energy.shape[1]], edges)


@bands.mistake("the last column of the half spectrum counts once where the width is odd",
               hint="Where the width is odd, the last column is no wave of frequency 1/2: it has a partner, and counts "
                    "twice.")
def _(image, edges):
    energy = np.abs(np.fft.rfft2(image)) ** 2
    energy[:, 1:-1] *= 2
    return _shares(energy, _largest(image)[:, :energy.shape[1]], edges)


@bands.mistake("the larger frequency has become the smaller one",
               hint="A wave is fast if it is fast along one of the axes: the larger of the two frequencies counts.")
def _(image, edges):
    rows, columns = map(np.fft.fftfreq, image.shape)
    return _shares(np.abs(np.fft.fft2(image)) ** 2, np.minimum(np.abs(rows)[:, None], np.abs(columns)), edges)


@bands.mistake("the length of the frequency vector is taken",
               hint="The larger of the two frequencies counts here, not the root of the sum of their squares.")
def _(image, edges):
    rows, columns = map(np.fft.fftfreq, image.shape)
    return _shares(np.abs(np.fft.fft2(image)) ** 2, np.hypot(rows[:, None], columns), edges)


@bands.mistake("moduli are added up, not energies", hint="An energy is a square: |X|², as in Parseval's equation.")
def _(image, edges):
    return _shares(np.abs(np.fft.fft2(image)), _largest(image), edges)


@bands.mistake("the mean is left out", hint="All waves count, frequency zero among them.")
def _(image, edges):
    return band_shares(image - image.mean(), edges)


@bands.mistake("the lower edge is not counted to its band",
               hint="A band runs from `low`, included, to `high`, not included.")
def _(image, edges):
    energy, largest = np.abs(np.fft.fft2(image)) ** 2, _largest(image)
    return [energy[(low < largest) & (largest < high)].sum() / energy.sum()
            for low, high in zip(edges, edges[1:], strict=False)]


@bands.mistake("the upper edge is counted to its band",
               hint="A band runs from `low`, included, to `high`, not included.")
def _(image, edges):
    energy, largest = np.abs(np.fft.fft2(image)) ** 2, _largest(image)
    return [energy[(low <= largest) & (largest <= high)].sum() / energy.sum()
            for low, high in zip(edges, edges[1:], strict=False)]


@bands.mistake("the last band includes its upper edge",
               hint="`np.histogram` closes its last bin on both sides. Here every band ends before its upper edge.")
def _(image, edges):
    energy = np.abs(np.fft.fft2(image)) ** 2
    return np.histogram(_largest(image), edges, weights=energy)[0] / energy.sum()


@bands.mistake("everything below the upper edge is counted", hint="A band has a lower edge too.")
def _(image, edges):
    energy, largest = np.abs(np.fft.fft2(image)) ** 2, _largest(image)
    return [energy[largest < high].sum() / energy.sum() for high in edges[1:]]


@bands.mistake("everything above the lower edge is counted", hint="A band has an upper edge too.")
def _(image, edges):
    energy, largest = np.abs(np.fft.fft2(image)) ** 2, _largest(image)
    return [energy[largest >= low].sum() / energy.sum() for low in edges[:-1]]


@bands.mistake("energies are returned, not shares", hint="Divide by the energy of all waves.")
def _(image, edges):
    energy = np.abs(np.fft.fft2(image)) ** 2
    return _shares(energy, _largest(image), edges) * energy.sum()


@bands.mistake("the mean energy of a band is compared with the total",
               hint="Add up the energy in the band: a band with many waves holds more.")
def _(image, edges):
    energy, largest = np.abs(np.fft.fft2(image)) ** 2, _largest(image)
    counts = _shares(np.ones_like(energy), largest, edges) * energy.size
    return _shares(energy, largest, edges) / np.maximum(counts, 1)


@bands.mistake("the bands are compared with each other only",
               hint="Divide by the energy of all waves, also of those in no band.")
def _(image, edges):
    shares = band_shares(image, edges)
    return shares / max(shares.sum(), 1e-12)


@bands.accepted("the half spectrum with weights")
def _(image, edges):
    energy = np.abs(np.fft.rfft2(image)) ** 2
    columns = np.fft.rfftfreq(image.shape[1])
    energy = energy * np.where((columns == 0) | (columns == 0.5), 1, 2)
    largest = np.maximum(np.abs(np.fft.fftfreq(image.shape[0]))[:, None], columns)
    return [energy[(largest >= low) & (largest < high)].sum() / energy.sum()
            for low, high in zip(edges[:-1], edges[1:], strict=True)]


@bands.accepted("loops over the waves, their cycles counted from both ends")
def _(image, edges):
    height, width = image.shape
    out, total = [0.0] * (len(edges) - 1), 0.0
    spectrum = np.fft.fft2(image)
    for i, j in np.ndindex(height, width):
        energy = abs(spectrum[i, j]) ** 2
        total += energy
        fastest = max(min(i, height - i) / height, min(j, width - j) / width)
        for number in range(len(out)):
            if edges[number] <= fastest < edges[number + 1]:
                out[number] += energy
    return np.array(out) / total


@bands.accepted("Parseval: the energy of the filtered image")
def _(image, edges):
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in image.shape)
    largest, out = np.maximum(rows[:, None], columns), []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        part = np.fft.ifft2(np.where((largest >= low) & (largest < high), np.fft.fft2(image), 0)).real
        out.append(np.sum(part**2) / np.sum(image**2))
    return out


# ---- frequencies that tell all places apart --------------------------------------------------------------------------


def _inner_products(frequencies, n):
    """What the encodings of two places have in common, by their distance.  → (n − 1,)"""
    wanted = (n - 1) // 2
    if frequencies.shape != (wanted,):
        raise ValueError(f"the answer must be {wanted} frequencies, an array of shape ({wanted},)")
    angles = 2 * np.pi * np.multiply.outer(np.arange(1, n) / n, frequencies.astype(np.float64))
    return np.cos(angles).sum(axis=1)


def _differences(frequencies, n):
    products = _inner_products(frequencies, n)
    return {
        "the largest inner product of two different places": products.max(),
        "the smallest inner product of two different places": products.min(),
        "all frequencies are whole numbers": float(np.allclose(frequencies, np.round(frequencies), atol=1e-6)),
    }


places = Question(
    "place_frequencies", title="An encoding that knows every place", points=2,
    asks="Write `place_frequencies(n)`: frequencies such that the encodings of any two different places on a ring of "
         "n places "
         "have the same inner product.",
    reference=lambda n: np.arange(1, (n + 1) // 2),
    cases=lambda rng: (int(2 * rng.integers(4, 16) + 1),),
    kind="design", minutes=20, level=3,
    measure=_differences,
    text=r"""
        On a ring of n places, n odd, a place $t$ is encoded by the sines and the cosines of $2 \pi b_j t / n$. The
        inner product of the encodings of two places at the distance $\Delta$ is

        $$\sum_{j} \cos(2 \pi\, b_j \Delta / n), \qquad \Delta = 1, \dots, n - 1$$

        Choose (n − 1) / 2 frequencies $b_j$, whole numbers of cycles round the ring, for which this number is the same
        at every distance, and smaller than at $\Delta = 0$, so that places differ. Return an array of shape
        ((n − 1) / 2,). Any such frequencies are right.

        A linear model on these features, with a constant beside them, treats all places alike: no neighbour is nearer
        than another, and it learns nothing about a place from the places beside it.
    """,
    hints={
        "The inner products are large for some distances and small for others":
            "All n waves of the ring, 0 to n − 1, add up to 0 at each distance but 0: that is a geometric sum. Which "
            "of them "
            "have the same cosine?",
        "It is right for some n only":
            "Powers of two, modulo n, run through all the waves for some n. Test with n = 9 and n = 17.",
    },
)


@places.solution
def place_frequencies(n):
    """n odd  →  ((n − 1) / 2,) frequencies"""
    return np.arange(1, (n + 1) // 2)


@places.mistake("one frequency is 0 or a multiple of n",
                hint="Its cosine is 1 at every place: it tells none from another, and one that is needed is left out.")
def _(n):
    return np.arange((n - 1) // 2)


@places.mistake("the first frequency is left out", hint="Begin with one cycle round the ring.")
def _(n):
    return np.arange(2, (n + 3) // 2)


@places.mistake("powers of two", hint="Powers of two, modulo n, are all the waves for some n only. Try n = 9.")
def _(n):
    return 2 ** np.arange((n - 1) // 2)


@places.mistake("all frequencies are the same",
                hint="One frequency has an inner product that goes up and down with the distance. Use different ones.")
def _(n):
    return np.ones((n - 1) // 2, dtype=int)


@places.mistake("all frequencies are 0 or multiples of n",
                hint="Their cosines are 1 at every place: they tell none from another.")
def _(n):
    return np.zeros((n - 1) // 2, dtype=int)


@places.mistake("the frequencies are given in cycles per place",
                hint="b counts whole cycles round the ring; the formula divides by n.")
def _(n):
    return np.arange(1, (n + 1) // 2) / n


@places.mistake("b and n − b are both there",
                hint="The waves b and n − b have the same cosine: together they count twice, and others are missing.")
def _(n):
    return np.arange((n - 1) // 2) + (n + 3) // 4


@places.accepted("the other half of the spectrum")
def _(n):
    return np.arange(n - 1, n // 2, -1)


@places.accepted("odd numbers")
def _(n):
    return np.arange(1, n - 1, 2)


@places.accepted("some turned round, and some more than once round the ring")
def _(n):
    b = np.arange(1, (n + 1) // 2)
    return np.where(b % 2 == 0, -b, b + n)


QUESTIONS = [learned, features, steps, bands, places]
