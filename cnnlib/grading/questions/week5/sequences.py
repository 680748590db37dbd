"""Week 5: the questions of the notebook `sequences`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- mu_law ----------------------------------------------------------------------------------------------------------


def _bent(x, mu):
    return np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)


def _rounded(bent, mu):
    return np.floor((bent + 1) / 2 * mu + 0.5).astype(int)


def _mu_law(x, classes):
    return _rounded(_bent(x, classes - 1), classes - 1)


def _mu_law_cases(rng):
    """Loud and quiet samples of both signs, none near the border of two classes, and one of silence."""
    while True:
        shape, classes = unequal(rng, 2, 7), 4 * int(rng.integers(4, 40))
        x = np.clip(numbers(rng, shape) / 4 * 10.0 ** -rng.integers(0, 3, shape), -1, 1)
        place = (_bent(x, classes - 1) + 1) / 2 * (classes - 1) + 0.5
        if np.abs(place - np.round(place)).min() > 1e-3 and len(np.unique(_mu_law(x, classes))) > 3:
            x[0, 0] = 0
            return x, classes


mu_law_of = Question(
    "mu_law", title="A sample becomes a class", points=1,
    asks="Write `mu_law(x, classes)`: the μ-law class of each sample.",
    reference=_mu_law, cases=_mu_law_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        `x` holds samples in [−1, 1] and has any shape; `classes` is a multiple of 4. With $\mu = \text{classes} - 1$,
        first bend the sample, then round it to a class from 0 to μ, halves upwards:

        $$\begin{aligned}
        f(x) &= \text{sign}(x)\, \frac{\ln(1 + \mu |x|)}{\ln(1 + \mu)} \\
        y &= \Big\lfloor \frac{f(x) + 1}{2}\, \mu + \frac12 \Big\rfloor .
        \end{aligned}$$
    """,
    hints={
        "Silence is class 0": "f(0) = 0 lies in the middle of −1 and 1, so its class lies in the middle too.",
        "Negative samples are nan": "The logarithm is taken of |x|; the sign is put back after it.",
        "Loud samples have one class too much": "With 64 classes the largest is 63: μ is one less than `classes`.",
    },
)


@mu_law_of.solution
def mu_law(x, classes):
    """samples in [−1, 1], an int  →  ints of the same shape"""
    mu = classes - 1
    f = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
    return np.floor((f + 1) / 2 * mu + 0.5).astype(int)


mu_law_of.mistake("silence is class 0: the sign is kept, nothing is shifted",
                  "From [−1, 1] to [0, μ]: add 1, halve, multiply by μ.",
                  lambda x, classes: np.floor(_bent(x, classes - 1) * (classes - 1) + 0.5).astype(int))
mu_law_of.mistake("not bent: the classes are equally far apart", "Quiet samples need finer classes: bend x first.",
                  lambda x, classes: _rounded(x, classes - 1))
mu_law_of.mistake("μ is the number of classes", "Classes 0 to μ are μ + 1 of them: μ = classes − 1.",
                  lambda x, classes: _rounded(_bent(x, classes), classes))
mu_law_of.mistake("μ is 255 whatever the number of classes", "μ = classes − 1.",
                  lambda x, classes: _rounded(_bent(x, 255), classes - 1))
mu_law_of.mistake("the sign is lost", "ln(1 + μ|x|) is never negative: multiply by the sign of x.",
                  lambda x, classes: _rounded(np.abs(_bent(x, classes - 1)), classes - 1))
mu_law_of.mistake("rounded down", "Add ½ before the floor.",
                  lambda x, classes: np.floor((_bent(x, classes - 1) + 1) / 2 * (classes - 1)).astype(int))
mu_law_of.mistake("rounded up", "Round to the nearest: add ½ and take the floor.",
                  lambda x, classes: np.ceil((_bent(x, classes - 1) + 1) / 2 * (classes - 1)).astype(int))
mu_law_of.mistake("not rounded", "A class is a whole number.",
                  lambda x, classes: (_bent(x, classes - 1) + 1) / 2 * (classes - 1))
mu_law_of.mistake("not rounded, and ½ is added", "The floor is missing.",
                  lambda x, classes: (_bent(x, classes - 1) + 1) / 2 * (classes - 1) + 0.5)
mu_law_of.mistake("one class too high", "Add ½ and take the floor; or round up without the ½, not both.",
                  lambda x, classes: np.ceil((_bent(x, classes - 1) + 1) / 2 * (classes - 1) + 0.5).astype(int))
mu_law_of.mistake("not divided by ln(1 + μ)", "f(1) must be 1: divide by ln(1 + μ).",
                  lambda x, classes: _rounded(np.sign(x) * np.log1p((classes - 1) * np.abs(x)), classes - 1))
mu_law_of.mistake("multiplied by ln(1 + μ)", "f(1) must be 1: divide by ln(1 + μ).",
                  lambda x, classes: _rounded(np.sign(x) * np.log1p((classes - 1) * np.abs(x)) * np.log1p(classes - 1),
                                              classes - 1))
mu_law_of.mistake("1 is subtracted, not added", "f lies in [−1, 1]: add 1 to begin at 0.",
                  lambda x, classes: _rounded(_bent(x, classes - 1) - 2, classes - 1))
mu_law_of.mistake("multiplied by 2, not halved", "f + 1 lies in [0, 2]: halve it.",
                  lambda x, classes: np.floor((_bent(x, classes - 1) + 1) * 2 * (classes - 1) + 0.5).astype(int))
mu_law_of.mistake("not halved", "f + 1 lies in [0, 2]: halve it.",
                  lambda x, classes: np.floor((_bent(x, classes - 1) + 1) * (classes - 1) + 0.5).astype(int))
mu_law_of.mistake("x itself is multiplied, not its sign", "The size of x is in the logarithm already: take its sign.",
                  lambda x, classes: _rounded(x * np.log1p((classes - 1) * np.abs(x)) / np.log1p(classes - 1),
                                              classes - 1))




def _mu_law_mistake(name, hint, bent=None, place=None):
    """f, or what is rounded, made in another way."""
    bent = bent or _bent
    place = place or (lambda f, mu: (f + 1) / 2 * mu)

    def answer(x, classes):
        return np.floor(place(bent(x, classes - 1), classes - 1) + 0.5).astype(int)
    mu_law_of.mistake(name, hint, answer)


_BENT = "f(x) = sign(x) · ln(1 + μ|x|) / ln(1 + μ), so that f(1) = 1."
_mu_law_mistake("divided by μ, not by ln(1 + μ)", _BENT, lambda x, mu: np.sign(x) * np.log1p(mu * np.abs(x)) / mu)
_mu_law_mistake("no logarithm above the line", _BENT, lambda x, mu: mu * x / np.log1p(mu))
_mu_law_mistake("μ is missing in the logarithm above the line", _BENT,
                lambda x, mu: np.sign(x) * np.log1p(np.abs(x)) / np.log1p(mu))
_mu_law_mistake("μ is added to |x|, not multiplied", _BENT,
                lambda x, mu: np.sign(x) * np.log1p(mu + np.abs(x)) / np.log1p(mu))
_mu_law_mistake("the square of x in place of its absolute value", _BENT,
                lambda x, mu: np.sign(x) * np.log1p(mu * x**2) / np.log1p(mu))
_mu_law_mistake("the sign is added, not multiplied", _BENT,
                lambda x, mu: (np.sign(x) + np.log1p(mu * np.abs(x))) / np.log1p(mu))
_mu_law_mistake("only the sign is left of x", _BENT, lambda x, mu: np.sign(x) / np.log1p(mu))
_mu_law_mistake("1 is not added", "f lies in [−1, 1]: add 1 to begin at 0.", place=lambda f, mu: f / 2 * mu)
_mu_law_mistake("not multiplied by μ", "(f + 1)/2 lies in [0, 1]: times μ.", place=lambda f, mu: (f + 1) / 2)
_mu_law_mistake("μ is added, not multiplied", "(f + 1)/2 lies in [0, 1]: times μ.",
                place=lambda f, mu: (f + 1) / 2 + mu)
mu_law_of.mistake("μ is the number of classes plus 1", "μ = classes − 1.",
                  lambda x, classes: _mu_law(x, classes + 2))
mu_law_of.mistake("μ is the number of classes minus 2", "μ = classes − 1.",
                  lambda x, classes: _mu_law(x, classes - 1))


@mu_law_of.accepted("rounded by NumPy")
def _(x, classes):
    mu = classes - 1
    f = np.where(x < 0, -1, 1) * np.log(1 + mu * np.abs(x)) / np.log(classes)
    return np.round((f + 1) * mu / 2)


@mu_law_of.accepted("sample by sample")
def _(x, classes):
    mu, out = classes - 1, np.zeros(x.shape, int)
    for place, value in np.ndenumerate(x):
        size = np.log1p(mu * abs(float(value))) / np.log1p(mu)
        out[place] = int((1 + (size if value > 0 else -size)) * mu / 2 + 0.5)
    return out


# ---- causal_layer ----------------------------------------------------------------------------------------------------

def _layer(x, w, dilation, before=None):
    """Taps w on x with `before` zeros in front, and as many behind as keep the length."""
    length, past = x.shape[1], dilation * (w.shape[2] - 1)
    before = past if before is None else before
    padded = np.pad(x, ((0, 0), (before, past - before)))
    return sum(w[:, :, u] @ padded[:, u * dilation:u * dilation + length] for u in range(w.shape[2]))


def _layer_cases(rng):
    channels, out_channels = unequal(rng, 2, 6)
    k, dilation = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    length = dilation * (k - 1) + int(rng.integers(2, 9))
    return numbers(rng, (channels, length)), numbers(rng, (out_channels, channels, k)), dilation


layer = Question(
    "causal_layer", title="A layer that does not see the future", points=2,
    asks="Write `causal_layer(x, w, dilation)`: a causal dilated convolution without a bias.",
    reference=_layer, cases=_layer_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `x` (C, T) is a sound, `w` (O, C, k) a kernel as PyTorch lays it: its last tap belongs to the present. Return
        (O, T), as long as the sound, where what lies before its beginning is 0:

        $$y_{o, t} = \sum_{c} \sum_{u=0}^{k-1} w_{o, c, u}\; x_{c,\, t - d (k - 1 - u)} .$$
    """,
    hints={
        "The output is shorter than the sound": "Put zeros in front: as many as the kernel looks back, d (k − 1).",
        "The right numbers at the wrong times": "All zeros go in front of the sound, none behind it.",
        "Right for d = 1 only": "Two taps that are neighbours in the kernel lie d samples apart in the sound.",
    },
)


@layer.solution
def causal_layer(x, w, dilation):
    """(C, T), (O, C, k), int  →  (O, T)"""
    (channels, length), k = x.shape, w.shape[2]
    past = dilation * (k - 1)
    padded = np.concatenate([np.zeros((channels, past)), x], axis=1)
    y = np.zeros((len(w), length))
    for u in range(k):
        start = u * dilation
        y += w[:, :, u] @ padded[:, start:start + length]
    return y


def _layer_mistake(name, hint, answer):
    layer.mistake(name, hint, answer)


_layer_mistake("zeros on both sides: it sees the future",
               "So output t reads samples after t. All zeros go in front.",
               lambda x, w, d: _layer(x, w, d, d * (w.shape[2] - 1) // 2))
_layer_mistake("zeros on both sides, one more in front: it sees the future", "All zeros go in front.",
               lambda x, w, d: _layer(x, w, d, -(-d * (w.shape[2] - 1) // 2)))
_layer_mistake("zeros behind: it sees nothing but the future", "The zeros stand for the time before the beginning.",
               lambda x, w, d: _layer(x, w, d, 0))
_layer_mistake("the kernel is flipped", "Its last tap belongs to the present, its first to d (k − 1) samples before.",
               lambda x, w, d: _layer(x, w[:, :, ::-1], d))
_layer_mistake("the dilation is left out", "Neighbouring taps lie d samples apart.", lambda x, w, d: _layer(x, w, 1))
_layer_mistake("nothing is put in front", "The output is as long as the sound: d (k − 1) zeros in front.",
               lambda x, w, d: sum(w[:, :, u] @ x[:, u * d:x.shape[1] - d * (w.shape[2] - 1) + u * d]
                                   for u in range(w.shape[2])))
_layer_mistake("only the last tap", "All k taps count: add them up.", lambda x, w, d: w[:, :, -1] @ x)
_layer_mistake("only the first tap", "All k taps count: add them up.",
               lambda x, w, d: _layer(x, w * (np.arange(w.shape[2]) == 0), d))
_layer_mistake("the present is not seen: all is one sample late",
               "The last tap lies on sample t itself. (That the target is the next sample is the loss's affair.)",
               lambda x, w, d: _layer(np.pad(x, ((0, 0), (1, 0)))[:, :-1], w, d))
_layer_mistake("taps are subtracted", "It is a sum.", lambda x, w, d: -_layer(x, w, d))
_layer_mistake("ones in front of the sound", "What lies before the beginning is 0.",
               lambda x, w, d: _layer(np.pad(x, ((0, 0), (d * (w.shape[2] - 1), 0)), constant_values=1), w, d)[
                   :, d * (w.shape[2] - 1):])
_layer_mistake("the sum begins at 1", "Begin with zeros.", lambda x, w, d: _layer(x, w, d) + 1)
_layer_mistake("the past goes on as it begins: the first sample is repeated",
               "What lies before the beginning is 0.",
               lambda x, w, d: _layer(np.pad(x, ((0, 0), (d * (w.shape[2] - 1), 0)), mode="edge"), w, d)[
                   :, d * (w.shape[2] - 1):])


_LATE = "Exactly d (k − 1) zeros go in front: with more of them every sample comes too late."
_layer_mistake("one dilation too many zeros in front", _LATE,
               lambda x, w, d: _layer(np.pad(x, ((0, 0), (d, 0)))[:, :-d], w, d))
_layer_mistake("two dilations too many zeros in front", _LATE,
               lambda x, w, d: _layer(np.pad(x, ((0, 0), (2 * d, 0)))[:, :x.shape[1]], w, d))


def _taps_at(x, w, d, place):
    padded = np.pad(x, ((0, 0), (d * (w.shape[2] - 1), 2 * d)))
    return sum(w[:, :, u] @ padded[:, place(u, d):place(u, d) + x.shape[1]] for u in range(w.shape[2]))


_layer_mistake("the taps are neighbours behind d (k − 1) zeros", "Neighbouring taps lie d samples apart: u · d.",
               lambda x, w, d: _taps_at(x, w, d, lambda u, d: u))
_layer_mistake("all taps lie on one sample", "Tap u lies d u samples behind the first.",
               lambda x, w, d: _taps_at(x, w, d, lambda u, d: d))
_layer_mistake("the dilation is added to the tap's number", "Multiply: tap u lies d u samples behind the first.",
               lambda x, w, d: _taps_at(x, w, d, lambda u, d: u + d))


@layer.accepted("index by index")
def _(x, w, dilation):
    out_channels, channels, k = w.shape
    y = np.zeros((out_channels, x.shape[1]))
    for o, t, c, u in np.ndindex(out_channels, x.shape[1], channels, k):
        past = t - dilation * (k - 1 - u)
        if past >= 0:
            y[o, t] += w[o, c, u] * x[c, past]
    return y


@layer.accepted("zeros on both sides, and the end cut off")
def _(x, w, dilation):
    past = dilation * (w.shape[2] - 1)
    padded = np.pad(x, ((0, 0), (past, past)))
    whole = sum(np.einsum("oc,ct->ot", w[:, :, u], padded[:, u * dilation:u * dilation + x.shape[1] + past])
                for u in range(w.shape[2]))
    return whole[:, :x.shape[1]]


# ---- samples_seen ----------------------------------------------------------------------------------------------------

def _seen(kernel_size, levels, stacks, convolutions, entry):
    return entry + stacks * convolutions * (kernel_size - 1) * (2**levels - 1)


def _seen_cases(rng, turn):
    """All five unequal, so that none can stand for another."""
    while True:
        case = (int(rng.integers(2, 6)), int(rng.integers(3, 9)), int(rng.integers(1, 5)), int(rng.integers(1, 4)),
                int(rng.integers(1, 9)))
        if len(set(case)) == 5 and (turn % 4 == 0 or min(case[2:]) > 1):
            return case


seen = Question(
    "samples_seen", title="How far back?", points=2,
    asks="Predict `samples_seen(kernel_size, levels, stacks, convolutions, entry)`: how many samples one output of a "
         "causal network depends on.",
    reference=_seen, cases=_seen_cases,
    kind="predict", minutes=12, level=2,
    text=r"""
        Write the function. First comes one causal convolution of `entry` taps without dilation. Then come `stacks`
        equal stacks, one behind the other. Each has `levels` levels with the dilations 1, 2, 4, …, beginning with 1
        again in every stack; each level has `convolutions` causal convolutions of `kernel_size` ≥ 2 taps, one behind
        the other, all with the dilation of the level. Shortcuts go round levels. Count all samples from the oldest one
        to the present one, both included. Return an int.
    """,
    hints={
        "One too few or too many": "A network without any layer depends on one sample, the present one.",
        "Right with one stack only": "What a layer adds does not depend on what comes before it: stacks add up.",
        "Right for two taps only": "A layer of k taps and dilation d looks d (k − 1) samples further back.",
    },
)


@seen.solution
def samples_seen(kernel_size, levels, stacks, convolutions, entry):
    """five ints  →  int"""
    seen = 1 + (entry - 1)
    for level in range(levels):
        seen += stacks * convolutions * (kernel_size - 1) * 2**level
    return seen


def _seen_mistake(name, hint, answer):
    seen.mistake(name, hint, answer)


_seen_mistake("the present sample is not counted", "Without a layer it is one sample: begin with 1.",
              lambda k, n, s, c, e: _seen(k, n, s, c, e) - 1)
_seen_mistake("all taps of the first layer are added to the present sample", "It looks entry − 1 samples back.",
              lambda k, n, s, c, e: _seen(k, n, s, c, e) + 1)
_seen_mistake("the first layer is left out", "It has `entry` taps, and looks entry − 1 samples back.",
              lambda k, n, s, c, e: _seen(k, n, s, c, 1))
_seen_mistake("the first layer is left out, and the present sample too", "Begin with 1, and add entry − 1.",
              lambda k, n, s, c, e: _seen(k, n, s, c, 0))
_seen_mistake("each layer adds its dilation only", "A layer of k taps adds d (k − 1).",
              lambda k, n, s, c, e: _seen(2, n, s, c, e))
_seen_mistake("each layer adds d k", "Between k taps there are k − 1 steps.",
              lambda k, n, s, c, e: _seen(k + 1, n, s, c, e))
_seen_mistake("each layer adds d (k + 1)", "Between k taps there are k − 1 steps.",
              lambda k, n, s, c, e: _seen(k + 2, n, s, c, e))
_seen_mistake("one convolution a level", "Each of the `convolutions` of a level looks further back.",
              lambda k, n, s, c, e: _seen(k, n, s, 1, e))
_seen_mistake("one stack", "Each stack looks further back.", lambda k, n, s, c, e: _seen(k, n, 1, c, e))
_seen_mistake("the dilations go on growing over the stacks", "Every stack begins with 1 again.",
              lambda k, n, s, c, e: _seen(k, n * s, 1, c, e))
_seen_mistake("each stack doubles again", "Stacks add up: what a layer adds depends on its dilation only.",
              lambda k, n, s, c, e: e + (1 + c * (k - 1) * (2**n - 1))**s - 1)
_seen_mistake("the dilations are 1, 2, 3, …", "They double from level to level.",
              lambda k, n, s, c, e: e + s * c * (k - 1) * n * (n + 1) // 2)
_seen_mistake("without dilation", "Level l has the dilation 2^l.", lambda k, n, s, c, e: e + s * c * (k - 1) * n)
_seen_mistake("the dilations begin with 2", "1, 2, 4, …: the first level has none.",
              lambda k, n, s, c, e: e + 2 * (_seen(k, n, s, c, e) - e))
_seen_mistake("one level too many", "Levels 0 to levels − 1.", lambda k, n, s, c, e: _seen(k, n + 1, s, c, e))
_seen_mistake("one level too few", "Levels 0 to levels − 1.", lambda k, n, s, c, e: _seen(k, n - 1, s, c, e))
_seen_mistake("only the last level", "Every level adds its own.",
              lambda k, n, s, c, e: e + s * c * (k - 1) * 2**(n - 1))
_seen_mistake("2 to the levels for each stack", "1 + 2 + 4 + … is 2^levels − 1.",
              lambda k, n, s, c, e: e + s * c * (k - 1) * 2**n)
_seen_mistake("the dilation is the level squared", "`2**level`, not `level**2`.",
              lambda k, n, s, c, e: e + s * c * (k - 1) * sum(i**2 for i in range(n)))
_seen_mistake("the dilation is twice the level", "`2**level`: it doubles.",
              lambda k, n, s, c, e: e + s * c * (k - 1) * sum(2 * i for i in range(n)))
_seen_mistake("stacks and convolutions are added", "Each stack has all these convolutions: multiply.",
              lambda k, n, s, c, e: e + (s + c) * (k - 1) * (2**n - 1))
_seen_mistake("the levels look forward", "What a layer sees is added.",
              lambda k, n, s, c, e: 2 * e - _seen(k, n, s, c, e))


@seen.accepted("layer by layer")
def _(kernel_size, levels, stacks, convolutions, entry):
    back = entry - 1
    for _ in range(stacks):
        for level in range(levels):
            for _ in range(convolutions):
                back += (kernel_size - 1) << level
    return back + 1


@seen.accepted("in closed form")
def _(kernel_size, levels, stacks, convolutions, entry):
    return entry + stacks * convolutions * (kernel_size - 1) * (2**levels - 1)


# ---- one_by_one ------------------------------------------------------------------------------------------------------

def _one_by_one(x, w, dilations, past_of=None, bend=np.tanh):
    """All samples at once, layer by layer: what the cache must not change."""
    h = np.asarray(x, float)
    for (old, new), d in zip(w, dilations, strict=True):
        past = np.concatenate([np.zeros(d), h])[:len(h)] if past_of is None else past_of(h, d)
        h = bend(old * past + new * h)
    return h


def _one_by_one_cases(rng):
    layers, length = unequal(rng, 2, 6)
    dilations = tuple(int(d) for d in rng.choice(np.arange(2, 7), layers, replace=False))
    return numbers(rng, (length + max(dilations) + 5,)) / 2, numbers(rng, (layers, 2)) / 2, dilations


cached = Question(
    "one_by_one", title="A cache that forgets", points=2,
    asks="Mend `one_by_one(x, w, dilations)`: it runs a causal network sample by sample, and must give what the whole "
         "network gives at once.",
    reference=_one_by_one, cases=_one_by_one_cases,
    kind="mend", minutes=15, level=2,
    text=r"""
        Layer $l$ has one channel, two taps and the dilation $d_l$ = `dilations[l]`; `w` (L, 2) holds the tap of the
        past and the tap of the present. With $h^0 = x$, (T,), and 0 before the beginning,

        $$h^{l+1}_t = \tanh\big(w_{l, 0}\, h^l_{t - d_l} + w_{l, 1}\, h^l_t\big) .$$

        Each layer keeps its last $d_l$ inputs in a ring, `rings[l]`. Return the outputs of the last layer, (T,). The
        function below gives something else.
    """,
    hints={
        "Where to look first": "Follow the first layer with d = 2 by hand: which number is `past` at t = 0, 1, 2?",
        "It works like a network that sees the present only":
            "What is in the ring at the place that is read, at the moment it is read?",
        "Everything is one sample off": "A ring of d places forgets after d samples, when its place comes round again.",
    },
)


@cached.solution
def one_by_one(x, w, dilations):
    """(T,), (L, 2), L ints  →  (T,)"""
    rings = [np.zeros(d) for d in dilations]
    y = np.zeros(len(x))
    for t in range(len(x)):
        h = x[t]
        for ring, (old, new) in zip(rings, w, strict=True):
            place = t % len(ring)
            past = ring[place]                # of d samples ago
            ring[place] = h
            h = np.tanh(old * past + new * h)
        y[t] = h
    return y


@cached.given("the present is written over the past before it is read",
              hint="The place holds what came d samples ago. Read it first, then write.")
def _(x, w, dilations):
    """(T,), (L, 2), L ints  →  (T,)"""
    rings = [np.zeros(d) for d in dilations]
    y = np.zeros(len(x))
    for t in range(len(x)):
        h = x[t]
        for ring, (old, new) in zip(rings, w, strict=True):
            place = t % len(ring)
            ring[place] = h
            past = ring[place]
            h = np.tanh(old * past + new * h)
        y[t] = h
    return y


def _shifted(by):
    """past_of: the sample `by(d)` before; later ones where that is negative, and 0 outside."""
    def past_of(h, d):
        places = np.arange(len(h)) - by(d)
        inside = (places >= 0) & (places < len(h))
        return np.where(inside, h[np.clip(places, 0, len(h) - 1)], 0)
    return past_of


def _cached_mistake(name, hint, **options):
    cached.mistake(name, hint, lambda x, w, dilations: _one_by_one(x, w, dilations, **options))


_cached_mistake("the dilation is forgotten: each layer reads the sample before",
                "Layer l looks d_l samples back; a ring has d_l places.", past_of=_shifted(lambda d: 1))
_cached_mistake("the ring is one place too short", "A ring of d places is read before it is written.",
                past_of=_shifted(lambda d: d - 1))
_cached_mistake("the ring is one place too long", "A ring of d places: t % d.", past_of=_shifted(lambda d: d + 1))
_cached_mistake("nothing is remembered", "What is written into a ring is read again d samples later.",
                past_of=lambda h, d: 0 * h)
_cached_mistake("the last value of the ring stays there", "Write into the place that was read, at every sample.",
                past_of=lambda h, d: np.where(np.arange(len(h)) < d, 0, h[np.arange(len(h)) % d]))
_cached_mistake("no tanh", "Every layer ends with tanh.", bend=lambda z: z)


def _cached_other(name, hint, taps):
    def answer(x, w, dilations):
        h = np.asarray(x, float)
        for (old, new), d in zip(w, dilations, strict=True):
            h = np.tanh(taps(old, np.concatenate([np.zeros(d), h])[:len(h)], new, h))
        return h
    cached.mistake(name, hint, answer)


_cached_other("the present is not read", "Two taps: one for the past, one for the present.",
              lambda old, past, new, h: old * past)
_cached_other("the past has no tap", "Multiply the past by `w[l, 0]`.", lambda old, past, new, h: past + new * h)
_cached_other("the present has no tap", "Multiply the present by `w[l, 1]`.", lambda old, past, new, h: old * past + h)
_cached_other("the tap of the past is added without the past", "Multiply the past by `w[l, 0]`.",
              lambda old, past, new, h: old + new * h)
_cached_other("the tap of the present is added without the present", "Multiply the present by `w[l, 1]`.",
              lambda old, past, new, h: old * past + new)
_cached_other("the tap of the present is added to it", "Multiply the present by `w[l, 1]`.",
              lambda old, past, new, h: old * past + new + h)
_cached_other("the tap of the past is added to it", "Multiply the past by `w[l, 0]`.",
              lambda old, past, new, h: old + past + new * h)


@cached.mistake("the output of the layer is kept, not its input",
                "The taps lie on the layer's input: write h as it came.")
def _(x, w, dilations):
    y = np.zeros(len(x))
    rings = [np.zeros(d) for d in dilations]
    for t, h in enumerate(x):
        for ring, (old, new) in zip(rings, w, strict=True):
            h = np.tanh(old * ring[t % len(ring)] + new * h)
            ring[t % len(ring)] = h
        y[t] = h
    return y


@cached.mistake("every ring keeps the sample, not what the layer reads",
                "Each layer keeps its own input: the output of the layer before it.")
def _(x, w, dilations):
    h = np.asarray(x, float)
    for (old, new), d in zip(w, dilations, strict=True):
        h = np.tanh(old * np.concatenate([np.zeros(d), x])[:len(x)] + new * h)
    return h


@cached.mistake("the two taps are exchanged", "w[l, 0] belongs to the past, w[l, 1] to the present.")
def _(x, w, dilations):
    return _one_by_one(x, w[:, ::-1], dilations)


@cached.mistake("only the last layer", "The output of a layer is the input of the next.")
def _(x, w, dilations):
    return _one_by_one(x, w[-1:], dilations[-1:])


@cached.mistake("the past is subtracted", "Both taps are added.")
def _(x, w, dilations):
    return _one_by_one(x, w * [-1, 1], dilations)


@cached.mistake("the present is subtracted", "Both taps are added.")
def _(x, w, dilations):
    return _one_by_one(x, w * [1, -1], dilations)


@cached.mistake("the rings are full of ones at the beginning", "Before the beginning all is 0.")
def _(x, w, dilations):
    return _one_by_one(x, w, dilations, past_of=lambda h, d: np.concatenate([np.ones(d), h])[:len(h)])


@cached.accepted("with lists that are appended to")
def _(x, w, dilations):
    kept = [[0.0] * d for d in dilations]
    out = []
    for h in x:
        for l, (old, new) in enumerate(w):
            kept[l].append(h)
            h = np.tanh(old * kept[l].pop(0) + new * h)
        out.append(h)
    return np.array(out)


@cached.accepted("all samples at once")
def _(x, w, dilations):
    for (old, new), d in zip(w, dilations, strict=True):
        past = np.zeros(len(x))
        past[d:] = x[:-d]
        x = np.tanh(old * past + new * x)
    return x


# ---- drawn_class -----------------------------------------------------------------------------------------------------

def _probabilities(logits, temperature):
    z = np.asarray(logits, float) / temperature
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _first_above(p, u):
    return (np.cumsum(p, 1) <= u[:, None]).sum(1)


def _drawn(logits, temperature, u):
    return _first_above(_probabilities(logits, temperature), u)


def _drawn_cases(rng, turn):
    """No u is near a border; the classes drawn differ, also from those that the popular wrong ways draw."""
    while True:
        n, classes = unequal(rng, 6, 11)
        logits, temperature = numbers(rng, (n, classes)), float(rng.choice([0.25, 0.5, 2, 4]))
        if turn % 4 == 1:
            logits += rng.permutation(np.arange(n) % 2)[:, None] * 1000.0
            logits[np.arange(n), logits.argmin(1)] -= 4000
        u = rng.integers(1, 256, n) / 256
        borders = np.cumsum(_probabilities(logits, temperature), 1)[:, :-1]
        right = _drawn(logits, temperature, u)
        others = [logits.argmax(1), _drawn(logits, 1, u), _drawn(logits, 1 / temperature, u),
                  _drawn(logits, temperature, 1 - u)]
        if np.abs(borders - u[:, None]).min() > 1e-3 and all((right != other).any() for other in others):
            return logits, temperature, u


draw = Question(
    "drawn_class", title="From logits to a sample", points=2,
    asks="Write `drawn_class(logits, temperature, u)`: the classes that are drawn, given the random numbers.",
    reference=_drawn, cases=_drawn_cases,
    minutes=15, level=2,
    text=r"""
        Row n of `logits` (N, C) belongs to one sound: its probabilities are
        $p = \text{softmax}(\text{logits}_n / \text{temperature})$. The unit interval is laid out with pieces of the
        lengths $p_0, p_1, \dots, p_{C-1}$ from left to right, and `u` (N,) holds one number in (0, 1) for each sound.
        Return, for each, in the piece of which class u lies: (N,) ints. Logits may be as low as −4,010 and as high as
        1,010.
    """,
    hints={
        "Always the same class": "The most likely class is not the one that is drawn: u decides.",
        "nan": "Subtract the largest logit of the row before `np.exp`.",
        "One class off": "Class c is drawn if u lies behind the end of piece c − 1: count the ends that u has passed.",
    },
)


@draw.solution
def drawn_class(logits, temperature, u):
    """(N, C), number, (N,)  →  (N,) ints"""
    z = logits / temperature
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    ends = np.cumsum(p, axis=1)
    return np.sum(ends <= u[:, None], axis=1)


def _drawn_mistake(name, hint, answer):
    draw.mistake(name, hint, answer)


_drawn_mistake("the most likely class", "That is what a temperature near 0 gives. Here u decides.",
               lambda z, temperature, u: z.argmax(1))
_drawn_mistake("the temperature is left out", "Divide the logits by it.", lambda z, temperature, u: _drawn(z, 1, u))
_drawn_mistake("multiplied by the temperature", "A low temperature makes likely classes likelier: divide.",
               lambda z, temperature, u: _drawn(z, 1 / temperature, u))
_drawn_mistake("the probabilities are divided by the temperature, not the logits",
               "Their sum is no longer 1. The temperature divides the logits, before softmax.",
               lambda z, temperature, u: _first_above(_probabilities(z, 1) / temperature, u))
_drawn_mistake("one class too high", "Class 0 has the first piece: no end is passed there.",
               lambda z, temperature, u: _drawn(z, temperature, u) + 1)
_drawn_mistake("counted from the other end", "Count the ends that u has passed: those at most u.",
               lambda z, temperature, u: z.shape[1] - _drawn(z, temperature, u))
_drawn_mistake("pieces laid from right to left", "Class 0 lies at 0.",
               lambda z, temperature, u: z.shape[1] - 1 - _first_above(_probabilities(z, temperature)[:, ::-1], u))
_drawn_mistake("compared with each probability, not with the ends of the pieces", "Add up from the left: `np.cumsum`.",
               lambda z, temperature, u: (_probabilities(z, temperature) <= u[:, None]).sum(1))
_drawn_mistake("not divided by the sum of the row", "The pieces fill the unit interval: their lengths sum to 1.",
               lambda z, temperature, u: _first_above(np.exp(z / temperature - (z / temperature).max(1, keepdims=True)),
                                                      u))
_drawn_mistake("normalised over the sounds, not over the classes", "Each row is a distribution of its own: `axis=1`.",
               lambda z, temperature, u: _first_above(_probabilities(z.T, temperature).T, u))
_drawn_mistake("pieces laid out over the sounds, not over the classes", "Each row has its own interval: `axis=1`.",
               lambda z, temperature, u: (np.cumsum(_probabilities(z, temperature), 0) <= u[:, None]).sum(1))
_drawn_mistake("counted over the sounds, not over the classes", "One class for each row: sum over `axis=1`.",
               lambda z, temperature, u: (np.cumsum(_probabilities(z, temperature), 1) <= u[:, None]).sum(0))
_drawn_mistake("the mean class", "u decides, not the mean.",
               lambda z, temperature, u: _probabilities(z, temperature) @ np.arange(z.shape[1]))
_drawn_mistake("the share of the ends that are passed, not their number",
               "A class is a number of pieces: sum, not mean.",
               lambda z, temperature, u: _drawn(z, temperature, u) / z.shape[1])
_drawn_mistake("one number for all sounds together", "One class for each row.",
               lambda z, temperature, u: _drawn(z, temperature, u).sum())
_drawn_mistake("the lengths themselves are counted without softmax", "Turn logits into probabilities first.",
               lambda z, temperature, u: (np.cumsum(z / temperature, 1) <= u[:, None]).sum(1))


_drawn_mistake("divided by the mean of the row, not by its sum", "The lengths sum to 1: divide by their sum.",
               lambda z, temperature, u: _first_above(_probabilities(z, temperature) * z.shape[1], u))
_drawn_mistake("divided by the sum of all rows", "Each row is a distribution of its own: `axis=1`.",
               lambda z, temperature, u: _first_above(_probabilities(z, temperature) / len(z), u))


@draw.accepted("row by row, searched")
def _(logits, temperature, u):
    out = []
    for row, number in zip(logits, u, strict=True):
        p = np.exp((row - row.max()) / temperature)
        out.append(int(np.searchsorted(np.cumsum(p / p.sum()), number, side="right")))
    return np.array(out)


@draw.accepted("the first end behind u")
def _(logits, temperature, u):
    p = np.exp((logits - logits.max(1)[:, None]) / temperature)
    return np.argmax(np.cumsum(p, 1) > u[:, None] * p.sum(1, keepdims=True), 1)


# ---- tone_predictor --------------------------------------------------------------------------------------------------

def _waves(omega, length):
    """Rows: cosine and sine of each tone at the times 0, −1, −2, …, and what they are at time 1."""
    back, omega = np.arange(length), np.asarray(omega, float)
    past = np.concatenate([np.cos(omega[:, None] * back), -np.sin(omega[:, None] * back)])
    return past, np.concatenate([np.cos(omega), np.sin(omega)])


def _smallest(omega, length):
    past, following = _waves(omega, length)
    return np.linalg.lstsq(past, following, rcond=None)[0]


def _exact(omega):
    """The 2 taps for each tone that suffice: the product of the polynomials 1 − 2 cos ω z + z²."""
    product = np.ones(1)
    for one in omega:
        product = np.convolve(product, [1, -2 * np.cos(one), 1])
    return -product[1:]


def _predictor_cases(rng):
    while True:
        tones = int(rng.integers(2, 4))
        omega = np.sort(rng.integers(20, 280, tones) / 100)
        length = 2 * tones + int(rng.integers(6, 15))
        gain = np.sum(_smallest(omega, length)**2)
        if np.diff(omega).min() > 0.4 and gain < 0.75 and np.sum(_exact(omega)**2) > 1.2:
            return omega, length


def _predictor_properties(w, omega, length):
    if w.shape != (length,):
        raise ValueError(f"{length} taps were asked for; this has shape {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError("all taps must be finite")
    past, following = _waves(omega, length)
    wrong = np.abs(past @ w - following)
    half = len(omega)
    return {**{f"error for the cosine of tone {i}": wrong[i] for i in range(half)},
            **{f"error for the sine of tone {i}": wrong[half + i] for i in range(half)},
            "how far the sum of the squares goes beyond 1": max(0.0, float(np.sum(w**2)) - 1)}


predictor = Question(
    "tone_predictor", title="Predict several tones, and do not amplify the noise", points=3,
    asks="Design `tone_predictor(omega, length)`: one causal kernel that predicts the next sample of several tones.",
    reference=_smallest, cases=_predictor_cases, measure=_predictor_properties,
    kind="design", minutes=25, level=3,
    text=r"""
        `omega` (H,) holds the angular frequencies of H tones, in radians a sample, none alike. Return `length` taps w,
        more than 2H, for which

        - $x_{t+1} = \sum_{u=0}^{\text{length}-1} w_u\, x_{t-u}$ holds for **each** tone
          $x_t = \cos(\omega_i t + \varphi)$ of any phase φ: `w[0]` lies on the present sample;
        - $\sum_u w_u^2 \le 1$, so that white noise on the samples comes out no stronger than it went in.

        There are many such kernels, and each of them passes.
    """,
    hints={
        "Where to begin":
            "A phase is a mixture of a cosine and a sine. If the rule holds for both at one time, it holds at all "
            "times: two linear equations for each tone.",
        "All tones are predicted, and the noise is too strong":
            "With 2H taps there is one solution. With more there are many: which of them has the smallest squares? "
            "`np.linalg.lstsq` or `np.linalg.pinv` give that one.",
        "The tones are shifted": "Tap u lies on the sample u before the present. What is asked for is one after it.",
    },
)


@predictor.solution
def tone_predictor(omega, length):
    """(H,), int  →  (length,)"""
    back = np.arange(length)
    equations, wanted = [], []
    for one in omega:
        equations += [np.cos(one * back), np.sin(-one * back)]       # at t = 0
        wanted += [np.cos(one), np.sin(one)]                         # at t = 1
    return np.linalg.pinv(np.array(equations)) @ np.array(wanted)


def _padded(w, length):
    return np.concatenate([w, np.zeros(length)])[:length]


def _predictor_mistake(name, hint, answer):
    predictor.mistake(name, hint, answer)


_predictor_mistake("two taps for each tone and zeros: exact, but the noise is amplified",
                   "With more taps than equations choose the solution with the smallest sum of squares.",
                   lambda omega, length: _padded(_exact(omega), length))
_predictor_mistake("it gives the present sample", "Wanted is the tone one sample later: at time 1, not at 0.",
                   lambda omega, length: _padded(np.ones(1), length))
_predictor_mistake("in a straight line, 2 x_t − x_{t−1}", "That predicts lines. A tone bends back: 2 cos ω.",
                   lambda omega, length: _padded(np.array([2.0, -1]), length))
_predictor_mistake("only the first tone", "Two equations for each tone, all in one system.",
                   lambda omega, length: _smallest(omega[:1], length))
_predictor_mistake("only the last tone", "Two equations for each tone, all in one system.",
                   lambda omega, length: _smallest(omega[-1:], length))
_predictor_mistake("the predictors of the tones, added",
                   "Each tone is then predicted by its own part and disturbed by the others. One system for all.",
                   lambda omega, length: sum(_smallest(omega[i:i + 1], length) for i in range(len(omega))))
_predictor_mistake("the mean of the tones' predictors",
                   "Each part predicts one tone and disturbs the others. One system for all.",
                   lambda omega, length: sum(_smallest(omega[i:i + 1], length) for i in range(len(omega))) / len(omega))
_predictor_mistake("the kernel lies the wrong way round",
                   "`w[0]` lies on the present sample, the last tap on the oldest.",
                   lambda omega, length: _smallest(omega, length)[::-1])
_predictor_mistake("nothing", "Zeros predict silence.", lambda omega, length: np.zeros(length))


def _equations(name, hint, rows, wanted):
    """rows(ω, u) and wanted(ω): the equations of one tone, of which at least one is wrong or missing."""
    def answer(omega, length):
        back = np.arange(length)
        left = np.concatenate([np.reshape(rows(one, back), (-1, length)) for one in omega])
        return np.linalg.lstsq(left, np.ravel([wanted(one) for one in omega]), rcond=None)[0]
    predictor.mistake(name, hint, answer)


_TWO = "A tone of another phase needs both: Σ w_u cos(−ω u) = cos ω, and Σ w_u sin(−ω u) = sin ω."
_equations("cosines only: right for one phase", _TWO, lambda o, u: [np.cos(o * u)], lambda o: [np.cos(o)])
_equations("sines only: right for one phase", _TWO, lambda o, u: [np.sin(-o * u)], lambda o: [np.sin(o)])
_equations("time runs forwards in the taps", "Tap u lies at the time −u: the sine is sin(−ω u).",
           lambda o, u: [np.cos(o * u), np.sin(o * u)], lambda o: [np.cos(o), np.sin(o)])
_equations("sine and cosine are exchanged on one side", "The row of cosines belongs to cos ω.",
           lambda o, u: [np.cos(o * u), np.sin(-o * u)], lambda o: [np.sin(o), np.cos(o)])
_equations("the cosine row twice", _TWO, lambda o, u: [np.cos(o * u)] * 2, lambda o: [np.cos(o), np.sin(o)])
_equations("two rows of sines", _TWO, lambda o, u: [np.sin(o * u), np.sin(-o * u)], lambda o: [np.cos(o), np.sin(o)])
_equations("both are to give the sine", _TWO, lambda o, u: [np.cos(o * u), np.sin(-o * u)], lambda o: [np.sin(o)] * 2)
_equations("both are to give the cosine", _TWO, lambda o, u: [np.cos(o * u), np.sin(-o * u)],
           lambda o: [np.cos(o)] * 2)
_equations("a ramp in place of the cosine", _TWO, lambda o, u: [o * u, np.sin(-o * u)],
           lambda o: [np.cos(o), np.sin(o)])
_equations("a ramp in place of the sine", _TWO, lambda o, u: [np.cos(o * u), -o * u], lambda o: [np.cos(o), np.sin(o)])
_equations("the cosine does not know the frequency", "At tap u the tone is cos(−ω u).",
           lambda o, u: [np.cos(u), np.sin(-o * u)], lambda o: [np.cos(o), np.sin(o)])
_equations("the sine does not know the frequency", "At tap u the tone is sin(−ω u).",
           lambda o, u: [np.cos(o * u), np.sin(u)], lambda o: [np.cos(o), np.sin(o)])
_equations("the frequency is added to the time in the cosine", "Multiply: cos(−ω u).",
           lambda o, u: [np.cos(o + u), np.sin(-o * u)], lambda o: [np.cos(o), np.sin(o)])
_equations("the frequency is added to the time in the sine", "Multiply: sin(−ω u).",
           lambda o, u: [np.cos(o * u), np.sin(u - o)], lambda o: [np.cos(o), np.sin(o)])
_equations("the frequency is wanted in place of its cosine", "At time 1 the tone is cos ω.",
           lambda o, u: [np.cos(o * u), np.sin(-o * u)], lambda o: [o, np.sin(o)])
_equations("the frequency is wanted in place of its sine", "At time 1 the tone is sin ω.",
           lambda o, u: [np.cos(o * u), np.sin(-o * u)], lambda o: [np.cos(o), o])


@predictor.accepted("by least squares, with complex waves")
def _(omega, length):
    waves = np.exp(-1j * np.outer(omega, np.arange(length)))
    equations, wanted = np.concatenate([waves.real, waves.imag]), np.exp(1j * np.asarray(omega))
    return np.linalg.lstsq(equations, np.concatenate([wanted.real, wanted.imag]), rcond=None)[0]


@predictor.accepted("exact taps, made smaller along what the tones do not see")
def _(omega, length):
    past, _ = _waves(omega, length)
    w = _padded(_exact(omega), length)
    free = np.eye(length) - np.linalg.pinv(past) @ past
    return w - 0.98 * (free @ w)


QUESTIONS = [mu_law_of, layer, seen, cached, draw, predictor]
