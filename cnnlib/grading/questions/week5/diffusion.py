"""Week 5: the questions of the notebook `diffusion`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- noisy_image -----------------------------------------------------------------------------------------------------


def _noisy_case(rng, turn):
    """Every sixth case takes no step at all, every sixth all of them; T is larger than t in the others."""
    last = int(rng.integers(4, 9))
    t = {0: 0, 3: last}.get(turn % 6, int(rng.integers(2, last - 1)))
    shape = unequal(rng, 2, 5)
    return numbers(rng, shape), t, rng.permutation(np.arange(1, 11))[:last] / 32, numbers(rng, shape)


def _noisy(x, t, beta, noise, signal=lambda beta, t: np.prod(1 - beta[:t], dtype=np.float64), power=(0.5, 0.5)):
    a = signal(beta.astype(np.float64), t)
    return np.asarray(a ** power[0] * x + (1 - a) ** power[1] * noise, np.float64)


noisy = Question(
    "noisy_image", title="All the steps in one", points=1,
    asks="Write `noisy_image(x, t, beta, noise)`: the image after t steps of the forward process, made in one step.",
    reference=_noisy, cases=_noisy_case, minutes=10, level=1, practice=True,
    text=r"""
        Step i of the forward process is $x_i = \sqrt{1 - \beta_i}\, x_{i-1} + \sqrt{\beta_i}\, \varepsilon_i$ with
        standard normal noise $\varepsilon_i$, drawn anew each time. After t steps $x_t$ has the same distribution as
        $\sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \varepsilon$ with one $\varepsilon$, where
        $\bar\alpha_t = (1 - \beta_1)(1 - \beta_2) \cdots (1 - \beta_t)$.

        `x` and `noise` are (H, W), `beta` is (T,) and holds $\beta_1$ in its place 0. `t` is from 0 to T; after 0
        steps the image is what it was.
    """,
    hints={
        "Where do I begin?": "Compute the product first: one number. `np.prod` of an empty array is 1.",
        "The spread of the noise is wrong":
            "Variances add, not deviations: the noise has variance 1 − ᾱ_t, so it is multiplied by the root.",
        "It is right for some t only": "β_1 stands at place 0, so the first t steps are beta[:t].",
    },
)


@noisy.solution
def noisy_image(x, t, beta, noise):
    """(H, W), int, (T,), (H, W)  →  (H, W)"""
    signal = np.prod(1 - beta[:t])
    return np.sqrt(signal) * x + np.sqrt(1 - signal) * noise


def _same_noise(x, t, beta, noise):
    for b in beta[:t]:
        x = np.sqrt(1 - b) * x + np.sqrt(b) * noise
    return x


for _name, _hint, _function in [
        ("the noise is multiplied by its variance", "1 − ᾱ is the variance of the noise; multiply by its root.",
         lambda *case: _noisy(*case, power=(0.5, 1))),
        ("the image is multiplied by ᾱ", "Of the image √ᾱ is left: each step multiplies it by √(1 − β).",
         lambda *case: _noisy(*case, power=(1, 0.5))),
        ("both roots are missing", "√ᾱ for the image, √(1 − ᾱ) for the noise: then the variances add up to 1.",
         lambda *case: _noisy(*case, power=(1, 1))),
        ("the roots are squares", "√ᾱ and √(1 − ᾱ): roots, not squares.",
         lambda *case: _noisy(*case, power=(2, 2))),
        ("only the last step counts", "1 − β_t is what one step keeps; ᾱ is the product over all steps up to t.",
         lambda *case: _noisy(*case, signal=lambda beta, t: 1 - beta[t - 1] if t else 1.0)),
        ("one step too many", "β_1 stands at place 0: the first t numbers are beta[:t].",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(1 - beta[:t + 1]))),
        ("one step too few", "β_1 stands at place 0: the first t numbers are beta[:t].",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(1 - beta[:t - 1]))),
        ("at t = 0 all steps are taken", "np.cumprod(1 − beta)[t − 1] is the last number when t is 0, where ᾱ is 1.",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.cumprod(1 - beta)[t - 1])),
        ("the first step is left out", "β_1 stands at place 0: the first t numbers are beta[:t].",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(1 - beta[1:t]))),
        ("all T steps are taken", "Stop after t: beta[:t].",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(1 - beta))),
        ("the steps after t are taken", "beta[:t] are the first t, beta[t:] the others.",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(1 - beta[t:]))),
        ("the last t steps are taken", "beta[:t] are the first t.",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(1 - beta[len(beta) - t:]))),
        ("it is the product of the β", "What is left is multiplied by 1 − β in each step.",
         lambda *case: _noisy(*case, signal=lambda beta, t: np.prod(beta[:t]))),
        ("the β are added up", "What is left is multiplied in each step: a product of 1 − β, not 1 minus their sum.",
         lambda *case: _noisy(*case, signal=lambda beta, t: max(1 - np.sum(beta[:t]), 0))),
        ("image and noise are exchanged", "√ᾱ belongs to the image, which is whole at t = 0.",
         lambda x, t, beta, noise: _noisy(noise, t, beta, x)),
        ("the noise is missing", "Add √(1 − ᾱ) · noise.",
         lambda x, t, beta, noise: _noisy(x, t, beta, 0 * noise)),
        ("the image is missing", "Of the image √ᾱ is left.",
         lambda x, t, beta, noise: _noisy(0 * x, t, beta, noise)),
        ("the noise is subtracted", "The noise is added.", lambda x, t, beta, noise: _noisy(x, t, beta, -noise)),
        ("the image keeps its size", "The image shrinks by √ᾱ, so that the variance stays what it was.",
         lambda x, t, beta, noise: _noisy(x, t, beta, noise) + (1 - np.sqrt(np.prod(1 - beta[:t]))) * x),
        ("the noise is added whole", "After few steps there is little noise: √(1 − ᾱ) of it.",
         lambda x, t, beta, noise: _noisy(x, t, beta, 0 * noise) + noise),
        ("every step adds the same noise",
         "In the process each step draws its own noise, and independent noises add by their variances. The one noise "
         "that you are given stands for all of them together.", _same_noise)]:
    noisy.mistake(_name, hint=_hint)(_function)


@noisy.accepted("step by step, for the two factors")
def _(x, t, beta, noise):
    signal, variance = 1.0, 0.0
    for b in beta[:t]:
        signal, variance = signal * np.sqrt(1 - b), (1 - b) * variance + b
    return signal * x + variance ** 0.5 * noise


@noisy.accepted("by logarithms")
def _(x, t, beta, noise):
    log = np.log1p(-beta[:t].astype(float)).sum()
    return np.exp(log / 2) * x + np.sqrt(-np.expm1(log)) * noise


@noisy.accepted("by the whole schedule")
def _(x, t, beta, noise):
    a = np.concatenate([[1], np.cumprod(1 - beta)])[t]
    return a ** 0.5 * x + (1 - a) ** 0.5 * noise


# ---- deterministic_step ----------------------------------------------------------------------------------------------

def _step_case(rng, turn):
    """In about half of the pixels the image is clipped; every fourth step ends at the image, where ᾱ is 1."""
    shape = unequal(rng, 3, 6)
    a = int(rng.integers(4, 15)) / 32
    b = 1.0 if turn % 4 == 3 else int(rng.integers(18, 31)) / 32
    return numbers(rng, shape) / 2, numbers(rng, shape) / 2, a, b


def _image(x, noise, a):
    return (x - np.sqrt(1 - a) * noise) / np.sqrt(a)


def _noise(x, image, a):
    return (x - np.sqrt(a) * image) / np.sqrt(1 - a)


def _join(image, noise, b):
    return np.sqrt(b) * image + np.sqrt(1 - b) * noise


def _step(x, noise, a, b, image=_image, low=-1, high=1, again=_noise, last=_join):
    clean = np.clip(image(np.asarray(x, np.float64), noise, a), low, high)
    return last(clean, again(x, clean, a), b)


# Wrong lines of the step, in the words of both questions that ask for it: name, hint, what is wrong.
FORMULAS = [
    ("nothing is clipped", "A clean image lies in [−1, 1]: clip it before it is used.",
     {"low": -np.inf, "high": np.inf}),
    ("the image is clipped to [0, 1]", "A clean image lies in [−1, 1] here: half of its numbers are negative.",
     {"low": 0}),
    ("the image is clipped to [−1, 0]", "Clip to [−1, 1].", {"high": 0}),
    ("the image is clipped above only", "Clip on both sides, to [−1, 1].", {"low": -np.inf}),
    ("the image is clipped below only", "Clip on both sides, to [−1, 1].", {"high": np.inf}),
    ("the image is not divided by √a", "Solve for the image: it is divided by √a.",
     {"image": lambda x, noise, a: x - np.sqrt(1 - a) * noise}),
    ("the image is multiplied by √a", "Solve for the image: it is divided by √a.",
     {"image": lambda x, noise, a: (x - np.sqrt(1 - a) * noise) * np.sqrt(a)}),
    ("the image is divided by a", "x holds √a of the image: divide by the root.",
     {"image": lambda x, noise, a: (x - np.sqrt(1 - a) * noise) / a}),
    ("the noise in x is taken as large as it is drawn", "x holds √(1 − a) of the noise.",
     {"image": lambda x, noise, a: (x - noise) / np.sqrt(a)}),
    ("the noise in x has no root", "x holds √(1 − a) of the noise: variances add, so take the root.",
     {"image": lambda x, noise, a: (x - (1 - a) * noise) / np.sqrt(a)}),
    ("the noise in x is taken as √a of it", "√a belongs to the image; x holds √(1 − a) of the noise.",
     {"image": lambda x, noise, a: (x - np.sqrt(a) * noise) / np.sqrt(a)}),
    ("the noise is added to find the image", "Solve for the image: the noise is subtracted.",
     {"image": lambda x, noise, a: (x + np.sqrt(1 - a) * noise) / np.sqrt(a)}),
    ("the noise is not removed to find the image", "x holds √(1 − a) of the noise: subtract it.",
     {"image": lambda x, noise, a: x / np.sqrt(a)}),
    ("x is not used to find the image", "Solve x = √a · image + √(1 − a) · noise for the image.",
     {"image": lambda x, noise, a: np.sqrt(1 - a) * noise / np.sqrt(a)}),
    ("the image has the wrong sign", "It is x minus the noise in it, not the other way round.",
     {"image": lambda x, noise, a: -_image(x, noise, a)}),
    ("what was predicted is taken for the image", "What is predicted is the noise, not the image.",
     {"image": lambda x, noise, a: noise}),
    ("the new noise is not divided", "Solve for the noise: divide by √(1 − a).",
     {"again": lambda x, image, a: x - np.sqrt(a) * image}),
    ("the new noise is multiplied", "Solve for the noise: divide by √(1 − a).",
     {"again": lambda x, image, a: (x - np.sqrt(a) * image) * np.sqrt(1 - a)}),
    ("the new noise is divided by 1 − a", "x holds √(1 − a) of it: divide by the root.",
     {"again": lambda x, image, a: (x - np.sqrt(a) * image) / (1 - a)}),
    ("the new noise is divided by √a", "x holds √(1 − a) of the noise.",
     {"again": lambda x, image, a: (x - np.sqrt(a) * image) / np.sqrt(a)}),
    ("the whole image is subtracted to find the new noise", "x holds √a of the image.",
     {"again": lambda x, image, a: (x - image) / np.sqrt(1 - a)}),
    ("the image has no root where the new noise is found", "x holds √a of the image, not a.",
     {"again": lambda x, image, a: (x - a * image) / np.sqrt(1 - a)}),
    ("the image is added to find the new noise", "Solve for the noise: the image is subtracted.",
     {"again": lambda x, image, a: (x + np.sqrt(a) * image) / np.sqrt(1 - a)}),
    ("the image is not removed to find the new noise", "x holds √a of the image: subtract it.",
     {"again": lambda x, image, a: x / np.sqrt(1 - a)}),
    ("the noise has the wrong sign at the end",
     "The new noise is x minus the image in it, and it is added: √b · image + √(1 − b) · noise.",
     {"last": lambda image, noise, b: np.sqrt(b) * image - np.sqrt(1 - b) * noise}),
    ("the image keeps its size", "At the earlier time there is √b of the image.",
     {"last": lambda image, noise, b: image + np.sqrt(1 - b) * noise}),
    ("the noise keeps its size", "At the earlier time there is √(1 − b) of the noise.",
     {"last": lambda image, noise, b: np.sqrt(b) * image + noise}),
    ("the root of b is missing", "√b of the image, for variances add.",
     {"last": lambda image, noise, b: b * image + np.sqrt(1 - b) * noise}),
    ("the root of 1 − b is missing", "√(1 − b) of the noise, for variances add.",
     {"last": lambda image, noise, b: np.sqrt(b) * image + (1 - b) * noise}),
    ("both roots are missing at the end", "√b and √(1 − b), for variances add.",
     {"last": lambda image, noise, b: b * image + (1 - b) * noise}),
    ("the noise has √b at the end", "√b belongs to the image; of the noise there is √(1 − b).",
     {"last": lambda image, noise, b: np.sqrt(b) * (image + noise)}),
    ("no noise comes back", "At the earlier time there is still √(1 − b) of the noise.",
     {"last": lambda image, noise, b: np.sqrt(b) * image}),
]


deterministic = Question(
    "deterministic_step", title="A step back, without chance", points=2,
    asks="Write `deterministic_step(x, noise, a, b)`: the step of DDIM from a time with ᾱ = `a` to an earlier one with "
         "ᾱ = `b`.",
    reference=_step, cases=_step_case, minutes=15, level=2, practice=True,
    text=r"""
        `x` is the image with noise, and `noise` is what a network takes for the noise in it; both have one shape,
        whatever it is. Numbers of a clean image lie in [−1, 1]. Do three things, and return the third:

        1. the image: solve $x = \sqrt a\, \hat x_0 + \sqrt{1 - a}\, \hat\varepsilon$ for $\hat x_0$, and clip it to
           [−1, 1];
        2. the noise that goes with the clipped image: the one with which the same equation holds again;
        3. the same image with the same noise at the earlier time:
           $\sqrt b\, \hat x_0 + \sqrt{1 - b}\, \hat\varepsilon$.
    """,
    hints={
        "It is right for a few pixels only":
            "Where the image was clipped, the noise of the network no longer fits to it. Solve the equation for "
            "the noise, with the clipped image.",
        "Numbers are far too large": "Clip the image before you use it.",
        "Which ᾱ belongs where?":
            "a to what you have, b to where you go. Both solutions use a, the last line uses b only.",
    },
)


@deterministic.solution
def deterministic_step(x, noise, a, b):
    """(*), (*), two numbers  →  (*)"""
    image = (x - np.sqrt(1 - a) * noise) / np.sqrt(a)
    image = np.clip(image, -1, 1)
    noise = (x - np.sqrt(a) * image) / np.sqrt(1 - a)
    return np.sqrt(b) * image + np.sqrt(1 - b) * noise


for _name, _hint, _function in [
        ("the noise is not found again after clipping",
         "Where the image was clipped, image and noise no longer give x. Solve for the noise again.",
         lambda x, noise, a, b: _step(x, noise, a, b, again=lambda *_: noise)),
        ("the result is clipped, not the image", "Clip the image, before noise comes to it again.",
         lambda x, noise, a, b: np.clip(_step(x, noise, a, b, low=-np.inf, high=np.inf), -1, 1)),
        ("it stays where it is", "The last line uses b in place of a.", lambda x, noise, a, b: x),
        ("the image alone is returned", "Put noise back, as much as the earlier time has.",
         lambda x, noise, a, b: np.clip(_image(x, noise, a), -1, 1)),
        ("the noise alone is returned", "Add the image.",
         lambda x, noise, a, b: _step(x, noise, a, b, last=lambda image, noise, b: noise)),
        ("no image is left", "At the earlier time there is √b of the image.",
         lambda x, noise, a, b: _step(x, noise, a, b, last=lambda image, noise, b: np.sqrt(1 - b) * noise))]:
    deterministic.mistake(_name, hint=_hint)(_function)


def _stepping(how):
    return lambda x, noise, a, b: _step(x, noise, a, b, **how)


for _name, _hint, _how in FORMULAS:
    deterministic.mistake(_name, hint=_hint)(_stepping(_how))


@deterministic.accepted("x shrunk, and the difference made up with the image")
def _(x, noise, a, b):
    image = np.minimum(np.maximum((x - (1 - a) ** 0.5 * noise) / a ** 0.5, -1), 1)
    ratio = ((1 - b) / (1 - a)) ** 0.5
    return ratio * x + (b ** 0.5 - a ** 0.5 * ratio) * image


@deterministic.accepted("pixel by pixel")
def _(x, noise, a, b):
    out = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        image = min(1, max(-1, (x[place] - np.sqrt(1 - a) * noise[place]) / np.sqrt(a)))
        rest = (x[place] - np.sqrt(a) * image) / np.sqrt(1 - a)
        out[place] = np.sqrt(b) * image + np.sqrt(1 - b) * rest
    return out


# ---- end_of_the_chain ------------------------------------------------------------------------------------------------

def _end_case(rng, turn):
    """So many steps that the noise wins, and so few that something is left."""
    steps, total = int(rng.integers(30, 400)), float(rng.uniform(1.2, 5))
    share = float(rng.uniform(0.02, 0.4))
    last = round(2 * total / steps / (1 + share), 5)
    return steps, round(last * share, 5), last


def _end(steps, first, last, beta=None):
    signal = np.cumprod(1 - (np.linspace(first, last, steps) if beta is None else beta))
    return [np.sqrt(signal[-1]), 1 + np.argmax(signal <= 0.5), np.sqrt((1 - signal[-1]) / signal[-1])]


end = Question(
    "end_of_the_chain", title="What is left at the end", points=2, kind="predict",
    asks="Predict three numbers of a schedule: write `end_of_the_chain(steps, first, last)`.",
    reference=_end, cases=_end_case, minutes=15, level=2,
    text=r"""
        The forward process takes T = `steps` steps, $x_i = \sqrt{1 - \beta_i}\, x_{i-1} + \sqrt{\beta_i}\,
        \varepsilon_i$, and $\beta_1, \dots, \beta_T$ grow from `first` to `last` by equal amounts. The numbers of an
        image have variance 1. Return three numbers:

        - the factor, below 1, by which the mean of a pixel over many noises has been multiplied at the end;
        - the first time t, counted from 1, at which the noise in $x_t$ has a variance at least as large as what is
          left of the image;
        - by what factor an error of the network's noise at time T is multiplied in the image
          $\hat x_0$ that is computed from it, without clipping.

        No case ends before the noise has won.
    """,
    hints={
        "Where do I begin?": "Write x_T as a factor times x_0 plus a factor times noise.",
        "The first number is too small": "The noise has mean 0. The image is multiplied by a root in each step.",
        "The third number is almost right": "Solve for the image: what stands in front of the noise, after dividing?",
    },
)


@end.solution
def end_of_the_chain(steps, first, last):
    """an int, two numbers  →  three numbers"""
    beta = np.linspace(first, last, steps)
    signal = np.cumprod(1 - beta)                    # ᾱ_1 … ᾱ_T
    even = 1 + np.argmax(signal <= 1 - signal)
    left = np.sqrt(signal[-1])
    return [left, even, np.sqrt(1 - signal[-1]) / left]


def _ends(change):
    return lambda *case: change(*_end(*case))


for _name, _hint, _function in [
        ("the first number is a variance", "The mean is multiplied by √(1 − β) in each step, not by 1 − β.",
         _ends(lambda a, t, c: [a**2, t, c])),
        ("the first number is that of the noise", "√(1 − ᾱ) stands in front of the noise, whose mean is 0.",
         _ends(lambda a, t, c: [a * c, t, c])),
        ("the first number is what was lost", "What factor stands in front of the image?",
         _ends(lambda a, t, c: [1 - a, t, c])),
        ("the first number is turned over", "The image shrinks: it is multiplied by √ᾱ, below 1.",
         _ends(lambda a, t, c: [1 / a, t, c])),
        ("the time is counted from 0", "The first step leads to time 1.", _ends(lambda a, t, c: [a, t - 1, c])),
        ("the time is one too late", "The first step leads to time 1.", _ends(lambda a, t, c: [a, t + 1, c])),
        ("deviations are compared with a half", "Compare the variances: ᾱ with 1 − ᾱ.",
         lambda *case: [_end(*case)[0], _later(*case, 0.25), _end(*case)[2]]),
        ("the root of the image is compared with the variance of the noise",
         "Compare two variances: ᾱ is left of that of the image.",
         lambda *case: [_end(*case)[0], _later(*case, (3 - 5**0.5) / 2), _end(*case)[2]]),
        ("the roots are missing", "√ᾱ of the image is left: the root of the product.",
         _ends(lambda a, t, c: [a**2, t, c / a])),
        ("the time is the first one", "At time 1 there is little noise.", _ends(lambda a, t, c: [a, 1, c])),
        ("the third number is multiplied, not divided", "Solve for the image: everything is divided by √ᾱ.",
         _ends(lambda a, t, c: [a, t, c * a**2])),
        ("the root is missing in front of the noise", "An error of the noise stands with √(1 − ᾱ).",
         _ends(lambda a, t, c: [a, t, c**2 * a])),
        ("the third number is that of the image", "1/√ᾱ is how an error of x_T grows; the noise stands with √(1 − ᾱ).",
         _ends(lambda a, t, c: [a, t, 1 / a])),
        ("the third number is a variance", "An error, not its square: √(1 − ᾱ)/√ᾱ.",
         _ends(lambda a, t, c: [a, t, c**2])),
        ("the third number is turned over", "Solve for the image, not for the noise.",
         _ends(lambda a, t, c: [a, t, 1 / c])),
        ("the third number is not divided", "Solve for the image: everything is divided by √ᾱ.",
         _ends(lambda a, t, c: [a, t, a * c])),
        ("every step has the last β", "β grows from first to last.",
         lambda steps, first, last: _end(steps, first, last, np.full(steps, last))),
        ("every step has the mean β", "A product of 1 − β is not a power of 1 minus their mean.",
         lambda steps, first, last: _end(steps, first, last, np.full(steps, (first + last) / 2))),
        ("β grows by equal factors", "By equal amounts.",
         lambda steps, first, last: _end(steps, first, last, np.geomspace(first, last, steps))),
        ("there is one step too many", "T numbers β, the first is `first` and the T-th is `last`.",
         lambda steps, first, last: _end(steps, first, last, np.linspace(first, last, steps + 1))),
        ("there is one step too few", "T numbers β, the first is `first` and the T-th is `last`.",
         lambda steps, first, last: _end(steps, first, last, np.linspace(first, last, steps - 1))),
        ("the last β is never reached", "The T-th β is `last`: np.linspace with T numbers.",
         lambda steps, first, last: _end(steps, first, last, np.linspace(first, last, steps, endpoint=False))),
        ("β falls", "β_1 is `first`.",
         lambda steps, first, last: _end(steps, first, last, np.linspace(last, first, steps)))]:
    end.mistake(_name, hint=_hint)(_function)


def _later(steps, first, last, level):
    below = np.cumprod(1 - np.linspace(first, last, steps)) <= level
    return 1 + np.argmax(below) if below.any() else steps + 1


@end.accepted("a loop")
def _(steps, first, last):
    signal, even = 1.0, None
    for i in range(steps):
        signal *= 1 - (first + (last - first) * i / (steps - 1))
        if even is None and 2 * signal <= 1:
            even = i + 1
    return signal ** 0.5, even, (1 / signal - 1) ** 0.5


@end.accepted("logarithms, and a search in an array that falls")
def _(steps, first, last):
    log = np.cumsum(np.log1p(-np.linspace(first, last, steps)))
    left = np.exp(log[-1] / 2)
    return np.array([left, np.sum(log > np.log(0.5)) + 1, np.sqrt(np.expm1(-log[-1]))])


# ---- few_steps -------------------------------------------------------------------------------------------------------

def _few_case(rng, turn):
    """Three to five of 12 to 20 times, far from each other and from 0; some pixels are clipped on the way."""
    last, shape = int(rng.integers(12, 20)), unequal(rng, 2, 5)
    signal = np.concatenate([[1], np.cumprod(1 - rng.permutation(np.arange(3, 23))[:last] / 64)])
    times = last - np.concatenate([[0], np.sort(rng.permutation(np.arange(1, last // 2 - 1))[:2 + turn % 3] * 2)])
    image = rng.integers(1, 11, (last + 1, *shape)) / 8                  # of x, at each time
    gain = (1 - image * np.sqrt(signal)[:, None, None]) / np.sqrt(np.maximum(1 - signal, 1 / 64))[:, None, None]
    return numbers(rng, shape), signal, [int(t) for t in times], gain


def _few(x, signal, times, gain, until=None, **how):
    x, signal = np.asarray(x, np.float64), np.asarray(signal, np.float64)
    times = [int(t) for t in times]
    for t, s in until(times) if until else zip(times, [*times[1:], 0], strict=True):
        noise = gain[t] * x
        again = {"again": lambda *_, noise=noise: noise} if how.get("again") == "no" else {}
        x = _step(x, noise, signal[t], signal[s], **{**how, **again})
    return x


few = Question(
    "few_steps", title="Few steps, and the picture stays grey", points=3, kind="mend",
    asks="Mend `few_steps(x, signal, times, gain)`: it goes from noise to an image without chance, by the few "
         "times that are given.",
    reference=_few, cases=_few_case, minutes=25, level=2,
    text=r"""
        `x` is (H, W), the noise that sampling begins with. `signal` is (T + 1,) and holds $\bar\alpha_t$ at place t,
        with 1 at place 0. `times` are some of the numbers from T down to 1, in falling order; after the last of them
        sampling ends at time 0. In place of a network there is a linear filter: `gain` is (T + 1, H, W), and
        `gain[t] * x` is its guess of the noise at time t.

        The image is clipped to [−1, 1] in each step, and the noise that is carried on is the one which together with
        the clipped image gives x. With all T times and nothing to clip the function is right. Two things are wrong: one
        shows when times are left out, one when numbers are clipped.
    """,
    hints={
        "Where do I begin?":
            "Let `times` be 12, 8, 3. At which times is x after each round of the loop, and at which does it begin "
            "the next round?",
        "Some numbers are right": "Where was the image clipped? Does √a · image + √(1 − a) · noise still give x there?",
        "It ends with noise": "The last of `times` need not be 1, yet the last step ends at 0.",
    },
)


@few.given("two times: it goes to t − 1, and carries the wrong noise on",
           hint="Two faults. After a step x must be at the next of the given times, not at t − 1. And clipping "
                "the image changes the noise that goes with it.")
def _(x, signal, times, gain):
    for t in times:
        a, b = signal[t], signal[t - 1]
        noise = gain[t] * x
        image = np.clip((x - np.sqrt(1 - a) * noise) / np.sqrt(a), -1, 1)
        x = np.sqrt(b) * image + np.sqrt(1 - b) * noise
    return x


@few.solution
def few_steps(x, signal, times, gain):
    """(H, W), (T + 1,), (n,), (T + 1, H, W)  →  (H, W)"""
    following = [*times[1:], 0]
    for t, s in zip(times, following, strict=True):
        a, b = signal[t], signal[s]
        noise = gain[t] * x
        image = np.clip((x - np.sqrt(1 - a) * noise) / np.sqrt(a), -1, 1)
        noise = (x - np.sqrt(a) * image) / np.sqrt(1 - a)
        x = np.sqrt(b) * image + np.sqrt(1 - b) * noise
    return x


def _fews(**how):
    return lambda *case: _few(*case, **how)


for _name, _hint, _function in [
        ("it goes to t − 1", "The noise is mended. After the step x must be at the next of the given times, for there "
         "the next round begins.", _fews(until=lambda times: [(t, t - 1) for t in times])),
        ("the wrong noise is carried on", "The times are mended. Where the image was clipped, the noise that goes with "
         "it is another: (x − √a · image) / √(1 − a).", _fews(again="no")),
        ("the last step is missing", "After the last of the times comes 0, where ᾱ is 1.",
         _fews(until=lambda times: list(zip(times, times[1:], strict=False)))),
        ("the last step ends at 1", "The image is x at time 0, with signal[0] = 1.",
         _fews(until=lambda times: list(zip(times, [*times[1:], 1], strict=True)))),
        ("the last step goes to t − 1", "After the last of the times comes 0, however far.",
         _fews(until=lambda times: list(zip(times, [*times[1:], times[-1] - 1], strict=True)))),
        ("every step ends at 0", "Only the last one does. In between noise stays, for there is more to correct.",
         _fews(until=lambda times: [(t, 0) for t in times])),
        ("only the first step is taken", "Take one for each of the times.",
         _fews(until=lambda times: [(times[0], times[1])])),
        ("the first time is left out", "x begins at the first of the times.",
         _fews(until=lambda times: list(zip(times[1:], [*times[2:], 0], strict=True)))),
        ("all times are visited", "Only the times that are given: that is what makes it fast.",
         _fews(until=lambda times: [(t, t - 1) for t in range(times[0], 0, -1)])),
        ("each step goes to one before the next time", "The step ends where the next round begins.",
         _fews(until=lambda times: list(zip(times, [*(t - 1 for t in times[1:]), 0], strict=True)))),
        ("the 0 stands in front of the next times", "Times t and s: the 0 follows the last of the times.",
         _fews(until=lambda times: list(zip(times, [0, *times[1:]], strict=True)))),
        ("x stays where it is", "Each round goes to the time where the next one begins: times[1:], then 0.",
         _fews(until=lambda times: list(zip(times, times, strict=True)))),
        ("nothing is clipped, and it goes to t − 1", "Clipping stays. And after a step x must be at the next time.",
         _fews(low=-np.inf, high=np.inf, until=lambda times: [(t, t - 1) for t in times]))]:
    few.mistake(_name, hint=_hint)(_function)
for _name, _hint, _how in FORMULAS:
    if _name != "the noise is not removed to find the image":           # here the same as with the noise added: ±1
        few.mistake(_name, hint=_hint)(_fews(**_how))


@few.accepted("the next time by its number")
def _(x, signal, times, gain):
    for i in range(len(times)):
        a = signal[times[i]]
        b = signal[times[i + 1]] if i + 1 < len(times) else 1.0
        image = np.clip((x - np.sqrt(1 - a) * gain[times[i]] * x) / np.sqrt(a), -1, 1)
        ratio = np.sqrt((1 - b) / (1 - a))
        x = ratio * x + (np.sqrt(b) - np.sqrt(a) * ratio) * image
    return x


@few.accepted("the known ᾱ in a row, and the last image returned")
def _(x, signal, times, gain):
    known = [signal[t] for t in times] + [signal[0]]
    for a, b, g in zip(known[:-1], known[1:], gain[times], strict=True):
        image = np.clip(x * (1 - np.sqrt(1 - a) * g) / np.sqrt(a), -1, 1)
        x = np.sqrt(b) * image + np.sqrt((1 - b) / (1 - a)) * (x - np.sqrt(a) * image)
    return image


# ---- guided_velocity -------------------------------------------------------------------------------------------------

def _velocity_case(rng, turn):
    shape = unequal(rng, 2, 6)
    scale = (2.5, 0.0, 4.0, 1.0, 7.5)[turn % 5]
    return numbers(rng, shape), numbers(rng, shape), numbers(rng, shape), int(rng.integers(3, 30)) / 32, scale


def _velocity(with_class, without, x, a, scale, image=lambda v, x, a: np.sqrt(a) * x - np.sqrt(1 - a) * v):
    without = np.asarray(without, np.float64)
    return image(without + scale * (with_class - without), x, a)


velocity = Question(
    "guided_velocity", title="Neither the noise nor the image", points=2,
    asks="Write `guided_velocity(with_class, without, x, a, scale)`: the image that a network means, which predicts "
         "neither the noise nor the image.",
    reference=_velocity, cases=_velocity_case, minutes=20, level=2,
    text=r"""
        With $x = \sqrt a\, x_0 + \sqrt{1 - a}\, \varepsilon$, Stable Diffusion 2 and video models predict

        $$v = \sqrt a\, \varepsilon - \sqrt{1 - a}\, x_0 .$$

        `with_class` and `without` are the network's v for `x` with the class and without one; all three are (H, W).
        Guide: go from what the network says without the class towards what it says with it, `scale` times as far. So
        scale 0 is without, scale 1 is with the class. Then return the image $x_0$ that x and the guided v
        belong to, as it is, without clipping.
    """,
    hints={
        "Where do I begin?": "Two equations with two unknowns, x_0 and ε. Which combination of them removes ε?",
        "It is right for scale 1 only": "Begin at `without`, and go `scale` times the difference.",
        "Signs": "Put x_0 = 1, ε = 0 into both equations: x = √a and v = −√(1 − a), and the image must be 1.",
    },
)


@velocity.solution
def guided_velocity(with_class, without, x, a, scale):
    """three (H, W), two numbers  →  (H, W)"""
    v = without + scale * (with_class - without)
    return np.sqrt(a) * x - np.sqrt(1 - a) * v


def _guided(mix):
    return lambda with_class, without, x, a, scale: np.sqrt(a) * x - np.sqrt(1 - a) * mix(with_class, without, scale)


def _images(image):
    return lambda *case: _velocity(*case, image=image)


for _name, _hint, _function in [
        ("guidance begins at the class", "Scale 1 is the class itself: begin at `without`; papers write 1 + w for it.",
         _guided(lambda c, u, s: c + s * (c - u))),
        ("with and without are exchanged", "Scale 0 is without the class, scale 1 with it.",
         _guided(lambda c, u, s: c + s * (u - c))),
        ("guidance goes away from the class", "Go from without to with: with − without.",
         _guided(lambda c, u, s: u - s * (c - u))),
        ("without is not added", "Begin at `without`.", _guided(lambda c, u, s: s * (c - u))),
        ("without is not subtracted", "Go `scale` times the difference.", _guided(lambda c, u, s: u + s * c)),
        ("there is no guidance", "The network was asked twice: use both.", _guided(lambda c, u, s: c)),
        ("the class is ignored", "The network was asked twice: use both.", _guided(lambda c, u, s: u)),
        ("the scale does nothing", "`scale` times the difference.", _guided(lambda c, u, s: (c + u) / 2)),
        ("v is taken for the noise", "Solve both equations for x_0. The noise would be √a · v + √(1 − a) · x.",
         _images(lambda v, x, a: (x - np.sqrt(1 - a) * v) / np.sqrt(a))),
        ("v is taken for the image", "Solve both equations for x_0.", _images(lambda v, x, a: v)),
        ("the noise is returned", "That is ε; the image is asked for.",
         _images(lambda v, x, a: np.sqrt(a) * v + np.sqrt(1 - a) * x)),
        ("the sign of v", "Put x_0 = 1, ε = 0 into both equations and see which sign gives 1.",
         _images(lambda v, x, a: np.sqrt(a) * x + np.sqrt(1 - a) * v)),
        ("the sign of the image", "Put x_0 = 1, ε = 0 into both equations and see which sign gives 1.",
         _images(lambda v, x, a: np.sqrt(1 - a) * v - np.sqrt(a) * x)),
        ("the roots are missing", "√a and √(1 − a): their squares add up to 1.",
         _images(lambda v, x, a: a * x - (1 - a) * v)),
        ("the root is missing for x", "√a · x.", _images(lambda v, x, a: a * x - np.sqrt(1 - a) * v)),
        ("the root is missing for v", "√(1 − a) · v.", _images(lambda v, x, a: np.sqrt(a) * x - (1 - a) * v)),
        ("x is taken whole", "√a · x.", _images(lambda v, x, a: x - np.sqrt(1 - a) * v)),
        ("v is taken whole", "√(1 − a) · v.", _images(lambda v, x, a: np.sqrt(a) * x - v)),
        ("v has the factor of x", "√a belongs to x, √(1 − a) to v.", _images(lambda v, x, a: np.sqrt(a) * (x - v))),
        ("with and without are added", "The difference of the two, `scale` times.",
         _guided(lambda c, u, s: u + s * (c + u))),
        ("the two factors are exchanged", "Multiply the first equation by √a, the second by √(1 − a), and subtract.",
         _images(lambda v, x, a: np.sqrt(1 - a) * x - np.sqrt(a) * v)),
        ("x is forgotten", "The image depends on x too.", _images(lambda v, x, a: -np.sqrt(1 - a) * v)),
        ("v is forgotten", "The image depends on v too.", _images(lambda v, x, a: np.sqrt(a) * x)),
        ("the image is clipped", "Return it as it is.",
         _images(lambda v, x, a: np.clip(np.sqrt(a) * x - np.sqrt(1 - a) * v, -1, 1)))]:
    velocity.mistake(_name, hint=_hint)(_function)


@velocity.accepted("by the noise")
def _(with_class, without, x, a, scale):
    noise = [np.sqrt(a) * v + np.sqrt(1 - a) * x for v in (with_class, without)]
    guided = scale * noise[0] + (1 - scale) * noise[1]
    return (x - np.sqrt(1 - a) * guided) / np.sqrt(a)


@velocity.accepted("two images, and then guidance")
def _(with_class, without, x, a, scale):
    first, second = (a ** 0.5 * x - (1 - a) ** 0.5 * v for v in (with_class, without))
    return (1 - scale) * second + scale * first


@velocity.accepted("a rotation undone")
def _(with_class, without, x, a, scale):
    v = (1 - scale) * without + scale * with_class
    c, s = np.sqrt(a), np.sqrt(1 - a)
    return np.linalg.solve([[c, s], [-s, c]], np.stack([x.ravel(), v.ravel()]).astype(float))[0].reshape(x.shape)


# ---- smooth_schedule -------------------------------------------------------------------------------------------------

SLACK = 1.3                  # how much larger than the mean one the largest step may be


def _logit(a):
    return np.log(a) - np.log1p(-a)


def _schedule_reference(steps, first, last):
    return 1 / (1 + np.exp(-np.linspace(_logit(first) + 0.1, _logit(last) - 0.1, steps)))


def _schedule_properties(answer, steps, first, last):
    signal = answer.astype(np.float64)
    if signal.shape != (steps,):
        raise ValueError(f"{steps} numbers were asked for, ᾱ_1 … ᾱ_T, the shape is {signal.shape}")
    if not ((signal > 0) & (signal < 1)).all():
        raise ValueError("each ᾱ must lie between 0 and 1, without these two")
    moves = -np.diff(_logit(signal))
    mean = (_logit(first) - _logit(last)) / (steps - 1)
    near, far = np.abs(moves[:len(moves) // 2]).max(), np.abs(moves[len(moves) // 2:]).max()
    return {"ᾱ falls in every step (1 yes, 0 no)": float((moves > 0).all()),
            "the first step keeps enough of the image (1 yes, 0 no)": float(signal[0] >= first - 1e-9),
            "the last one keeps little enough (1 yes, 0 no)": float(signal[-1] <= last + 1e-9),
            "no step of the first half is too large (1 yes, 0 no)": float(near <= SLACK * mean),
            "no step of the second half is too large (1 yes, 0 no)": float(far <= SLACK * mean)}


def _schedule_case(rng, turn):
    return int(rng.integers(20, 60)), int(rng.integers(980, 996)) / 1000, int(rng.integers(5, 40)) / 10000


schedule = Question(
    "smooth_schedule", title="A schedule without a jump", points=3, kind="design",
    asks="Design `smooth_schedule(steps, first, last)`: the numbers ᾱ of a schedule of few steps, none of which does "
         "too much.",
    reference=_schedule_reference, cases=_schedule_case, measure=_schedule_properties, minutes=30, level=3,
    text=rf"""
        Return T = `steps` numbers, $\bar\alpha_1, \dots, \bar\alpha_T$, each between 0 and 1, such that

        - they fall from each to the next;
        - $\bar\alpha_1 \ge$ `first`, for example 0.99: the last step back has little left to do;
        - $\bar\alpha_T \le$ `last`, for example 0.001: at the end almost nothing of the image is left, so that
          sampling may begin with pure noise;
        - no step is too large. What a step does is measured by the logarithm of the ratio of signal to noise,
          $\ell_t = \log \bar\alpha_t - \log(1 - \bar\alpha_t)$. From `first` to `last` it must fall by
          $D = \ell(\text{{first}}) - \ell(\text{{last}})$. No step from t to t + 1 may change it by more than
          {SLACK} times $D / (T - 1)$.

        The linear schedule and the cosine, made for a thousand steps, both fail when they are used with fifty. There
        is more than one right answer, and each of them passes.
    """,
    hints={
        "Which step is too large?": "Print ℓ_t and its differences: at the beginning, at the end, or in the middle?",
        "How do I get equal steps?": "Choose the numbers ℓ first, then solve for ᾱ.",
        "ᾱ is 0 or 1 in some place": "ᾱ = 1/(1 + exp(−ℓ)) is never 0 or 1 for ℓ of moderate size.",
    },
)


@schedule.solution
def smooth_schedule(steps, first, last):
    """an int, two numbers  →  (steps,)"""
    def ratio(a):
        return np.log(a) - np.log(1 - a)
    log = np.linspace(ratio(first) + 0.1, ratio(last) - 0.1, steps)
    return 1 / (1 + np.exp(-log))


for _name, _hint, _function in [
        ("too much of the image is left, and the first steps are too large",
         "The linear schedule of 1,000 steps? Its β are far too small for T steps; and from the first to the second, "
         "ℓ jumps.", lambda steps, first, last: np.cumprod(1 - np.linspace(1e-4, 0.02, steps))),
        ("steps of both halves are too large",
         "Print the differences of ℓ. The cosine, and a straight line, jump at both ends; a schedule that goes far "
         "beyond `first` and `last` is too fast everywhere.",
         lambda steps, first, last: np.linspace(first, last, steps)),
        ("steps of the first half are too large", "Near 1 what counts is 1 − ᾱ: equal factors of ᾱ make it jump there.",
         lambda steps, first, last: np.geomspace(first, last, steps)),
        ("steps of the second half are too large", "Near 0 what counts is ᾱ; equal factors of 1 − ᾱ make it jump.",
         lambda steps, first, last: 1 - np.geomspace(1 - first, 1 - last, steps)),
        ("it does not fall, nor begin and end where it should",
         "ᾱ is what is left of the image: it begins near 1 and falls. Is it turned round, or 1 − ᾱ?",
         lambda steps, first, last: _schedule_reference(steps, first, last)[::-1]),
        ("the beginning is too low", "ℓ_1 must be that of `first` at least.",
         lambda steps, first, last: _sigmoid(np.linspace(_logit(first) - 0.4, _logit(last), steps))),
        ("the end is too high", "ℓ_T must be that of `last` at most. Is it √ᾱ?",
         lambda steps, first, last: _sigmoid(np.linspace(_logit(first), _logit(last) + 0.4, steps))),
        ("it does not fall to the end", "It must fall in every step, down to `last`.",
         lambda steps, first, last: np.full(steps, first))]:
    schedule.mistake(_name, hint=_hint)(_function)


def _sigmoid(log):
    return 1 / (1 + np.exp(-log))


@schedule.accepted("from exactly first to exactly last")
def _(steps, first, last):
    ratio = np.geomspace(first / (1 - first), last / (1 - last), steps)
    return ratio / (1 + ratio)


@schedule.accepted("a little slower in the middle")
def _(steps, first, last):
    u = np.linspace(-1, 1, steps)
    u = 0.9 * u + 0.1 * u**3
    high, low = _logit(first) + 1e-6, _logit(last) - 1e-6
    return _sigmoid((high + low) / 2 - (high - low) / 2 * u)


QUESTIONS = [noisy, deterministic, end, few, velocity, schedule]
