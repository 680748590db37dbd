"""Week 4: the questions of the notebook `gradient_flow`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal


def _relu(x):
    return np.maximum(x, 0)


# ---- chain_gradients -------------------------------------------------------------------------------------------------

def _before(w, x):
    return x * np.cumprod(np.append(1, w[:-1]))


def _after(w):
    return np.cumprod(np.append(1, w[:0:-1]))[::-1]


def _chain_cases(rng, turn):
    """Three to six weights of several sizes; in one of three cases one of them is 0."""
    while True:
        w, x = numbers(rng, (int(rng.integers(3, 7)),)), float(numbers(rng, ())) / 2
        if len(set(np.abs(w))) == len(w) and 1 not in np.abs(w):
            if turn % 3 == 1:
                w[int(rng.integers(len(w)))] = 0
            return w, x


chain = Question(
    "chain_gradients", title="Every weight of a chain", points=1,
    asks="Write `chain_gradients(w, x)`: the gradient of a chain of factors by each of its weights.",
    reference=lambda w, x: _before(w, x) * _after(w), cases=_chain_cases,
    kind="predict", minutes=10, level=1, practice=True,
    text=r"""
        The smallest deep network: one number a layer, and no bias. `x` is a number, `w` (L,) holds the weights in the
        order in which x meets them, and $y = w_L \cdots w_2\, w_1\, x$. Return $\partial y / \partial w_l$ for every
        layer, (L,). One of the weights may be 0.
    """,
    hints={
        "nan or inf": "y / w_l is the gradient only where w_l is not 0. Multiply the others instead.",
        "Where to begin":
            "What reaches layer l is x times the weights before it, and y is that times w_l times the weights behind.",
    },
)


@chain.solution
def chain_gradients(w, x):
    """(L,), a number  →  (L,)"""
    gradients = np.zeros(len(w))
    for l in range(len(w)):
        forward = x * np.prod(w[:l])           # what reaches layer l
        backward = np.prod(w[l + 1:])          # dy / d(its output)
        gradients[l] = forward * backward
    return gradients


_BOTH = "A weight's gradient is what reaches its layer, times what comes back to it."
chain.mistake("only the way back: x and the weights before are missing", _BOTH, lambda w, x: _after(w))
chain.mistake("only the way forward: the weights behind are missing", _BOTH, _before)
chain.mistake("x is missing", "What reaches the first layer is x.", lambda w, x: _before(w, 1) * _after(w))
chain.mistake("the layer's own weight is a factor too", "y is linear in w_l: its slope does not hold w_l.",
              lambda w, x: np.full(len(w), x * np.prod(w)))
chain.mistake("the gradient by the input of each layer", "That is the way back through the layer. By its weight, "
              "it is the input of the layer times the gradient of its output.",
              lambda w, x: np.cumprod(w[::-1])[::-1])
chain.mistake("the output of each layer", "That is what flows forward. Which part of it changes with w_l, and what "
              "comes behind?", lambda w, x: x * np.cumprod(w))
chain.mistake("the order of the weights is turned", "`w[0]` is the first weight that x meets, and its gradient stands "
              "first.", lambda w, x: (_before(w, x) * _after(w))[::-1])
chain.mistake("the ways are added, not multiplied", _BOTH, lambda w, x: _before(w, x) + _after(w))
chain.mistake("the sum of the other weights", "The layers multiply: a product of the other weights.",
              lambda w, x: x * (w.sum() - w))
chain.mistake("the way forward is one layer short", "Layer l has met all the weights before it.",
              lambda w, x: np.array([x * np.prod(w[:max(l - 1, 0)]) * np.prod(w[l + 1:]) for l in range(len(w))]))
chain.mistake("the way back is one layer short", "All weights behind layer l, from the next one on.",
              lambda w, x: np.array([x * np.prod(w[:l]) * np.prod(w[l + 2:]) for l in range(len(w))]))


def _chain_parts(name, hint, ahead=lambda w, x, l: x * np.prod(w[:l]), back=lambda w, l: np.prod(w[l + 1:])):
    chain.mistake(name, hint, lambda w, x: np.array([ahead(w, x, l) * back(w, l) for l in range(len(w))]))


_chain_parts("x is added, not multiplied", "x is a factor of y like all the others.",
             ahead=lambda w, x, l: x + np.prod(w[:l]))
_chain_parts("the weights before are missing", "What reaches layer l has met all the weights before it.",
             ahead=lambda w, x, l: x)
_chain_parts("all weights stand on the way forward", "Only those before layer l.", ahead=lambda w, x, l: x * np.prod(w))
_chain_parts("all weights stand on the way back", "Only those behind layer l.", back=lambda w, l: np.prod(w))
_chain_parts("all weights but the first stand on the way back", "Only those behind layer l.",
             back=lambda w, l: np.prod(w[1:]))
_chain_parts("the way back begins with the weight before", "Only those behind layer l, from `w[l + 1]` on.",
             back=lambda w, l: np.prod(w[l - 1:]))


@chain.accepted("cumulative products")
def _(w, x):
    return x * np.cumprod(np.r_[1, w[:-1]]) * np.cumprod(np.r_[1, w[::-1][:-1]])[::-1]


@chain.accepted("all the others")
def _(w, x):
    return np.array([x * np.prod(np.delete(w, l)) for l in range(len(w))])


@chain.accepted("a difference: y is linear in each weight")
def _(w, x):
    def y(w):
        return x * np.prod(w)
    eye = np.eye(len(w))
    return np.array([y(np.where(one == 1, 1, w)) - y(np.where(one == 1, 0, w)) for one in eye])


# ---- clip_factor -----------------------------------------------------------------------------------------------------

def _length(lengths):
    return float(np.sqrt(np.sum(np.square(lengths, dtype=np.float64))))


def _clip(lengths, limit, length=_length):
    return min(1.0, limit / length(lengths))


def _clip_cases(rng, turn):
    """Two to six tensors, by turns: together shorter than the limit; longer, though none is alone; much longer."""
    low, high = (0.2, 0.7) if turn % 3 else (1.3, 2)
    while True:
        lengths = rng.choice(np.arange(1, 25), int(rng.integers(2, 7)), replace=False) / 4
        lengths = lengths * float(rng.choice([0.25, 1, 4]))
        if turn % 3 != 1:
            return lengths, round(_length(lengths) * float(rng.uniform(low, high)), 2)
        if lengths.max() < 0.9 * _length(lengths):
            return lengths, round((float(lengths.max()) + _length(lengths)) / 2, 3)


clip = Question(
    "clip_factor", title="Shorten a gradient and keep its direction", points=1,
    asks="Write `clip_factor(lengths, limit)`: by what all gradients of a network are multiplied, to be no longer than "
         "`limit` together.",
    reference=_clip, cases=_clip_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        A network has K parameter tensors; `lengths` (K,) holds how long the gradient of each is, the root of the sum
        of its squares. All gradients, one behind the other, are **one** long vector. If it is longer than `limit`,
        return the factor that makes it `limit` long. If not, return 1: gradients are never made longer.
    """,
    hints={
        "Too small": "The parts of a vector are at right angles: their squares add up, not their lengths.",
        "Above 1": "A short gradient is left alone.",
    },
)


@clip.solution
def clip_factor(lengths, limit):
    """(K,), a number  →  a number"""
    total = np.sqrt(np.sum(lengths**2))
    return limit / total if total > limit else 1.0


def _measured(name, hint, length):
    clip.mistake(name, hint, lambda lengths, limit: _clip(lengths, limit, length))


def _if_long(name, hint, answer, short=1.0):
    """answer: of the length and the limit, where it is too long."""
    clip.mistake(name, hint, lambda lengths, limit: answer(_length(lengths), limit)
                  if _length(lengths) > limit else short)


_ONE_VECTOR = "All tensors are one vector: the root of the sum of the squares of their lengths."
clip.mistake("short gradients are made longer", "At or below the limit the factor is 1.",
             lambda lengths, limit: limit / _length(lengths))
clip.mistake("it is clipped only where one tensor alone is too long", "Compare the length of the one long vector.",
             lambda lengths, limit: limit / _length(lengths) if np.max(lengths) > limit else 1.0)
clip.mistake("a factor for each tensor", "One factor for all of them, or the direction changes.",
             lambda lengths, limit: np.minimum(1, limit / np.maximum(lengths, 1e-300)))
_measured("the longest tensor alone is measured", _ONE_VECTOR, np.max)
_measured("the first tensor alone is measured", _ONE_VECTOR, lambda n: n[0])
_measured("the last tensor alone is measured", _ONE_VECTOR, lambda n: n[-1])
_measured("the lengths are added up", "Squares add up, lengths do not.", np.sum)
_measured("the lengths are averaged", _ONE_VECTOR, np.mean)
_measured("the root is missing", _ONE_VECTOR, lambda n: _length(n)**2)
_measured("the squares are averaged, not added up", "A sum of squares, not a mean.",
          lambda n: _length(n) / np.sqrt(len(n)))
_measured("the root of the sum of lengths", "The lengths are squared first.", lambda n: np.sqrt(n.sum()))
_measured("cubes in place of squares", _ONE_VECTOR, lambda n: np.sqrt(np.sum(n.astype(np.float64)**3)))
_measured("the sum of squares does not begin at 0", "A sum begins with 0.",
          lambda n: np.sqrt(1 + _length(n)**2))
_measured("every length is doubled, not squared", _ONE_VECTOR, lambda n: np.sqrt(2 * n.sum()))
_if_long("the factor is turned over", "A long gradient gets shorter: limit / length.", lambda n, limit: n / limit)
_if_long("the length is returned", "Return the factor, limit / length.", lambda n, limit: n)
_if_long("the limit is returned", "Return the factor, limit / length.", lambda n, limit: float(limit))
_if_long("limit times length", "limit / length.", lambda n, limit: n * limit)
_if_long("nothing is ever clipped", "Above the limit, the factor is limit / length.", lambda n, limit: 1.0)
_if_long("what is too long becomes 0", "It is shortened to the limit, not thrown away.", lambda n, limit: 0.0)
_if_long("a short gradient is doubled", "A short gradient is left alone: factor 1.", lambda n, limit: limit / n, 2.0)
_if_long("a short gradient becomes 0", "A short gradient is left alone: factor 1.", lambda n, limit: limit / n, 0.0)
clip.mistake("long gradients are left alone, short ones made longer", "The comparison is turned over.",
             lambda lengths, limit: 1.0 if _length(lengths) > limit else limit / max(_length(lengths), 1e-300))


@clip.accepted("NumPy's norm")
def _(lengths, limit):
    return min(1, limit / max(np.linalg.norm(lengths), 1e-12))


@clip.accepted("as PyTorch has it, with a little added to the length")
def _(lengths, limit):
    return np.minimum(1.0, limit / (np.sqrt(lengths @ lengths) + 1e-6))


# ---- gradient_sizes --------------------------------------------------------------------------------------------------

def _parts(widths, std, forward=0, backward=1, half=0.5, first=0.5):
    """Mean squares of what each layer reads, and of the gradient of its z.

    forward, backward: which of a layer's two widths is its fan, 0 for the one it reads, 1 for the one it writes.
    """
    pairs = np.stack([widths[:-1], widths[1:]])
    ahead, back = (pairs[which] * np.square(std, dtype=np.float64) * half for which in (forward, backward))
    return np.cumprod(np.append(1, ahead[:-1])), first * np.cumprod(np.append(1, back[:0:-1]))[::-1]


def _sizes(widths, std, **options):
    ahead, back = _parts(widths, std, **options)
    return ahead * back


def _sizes_cases(rng):
    """Two to five layers, no two widths in a row the same."""
    while True:
        widths = rng.integers(2, 12, rng.integers(3, 7))
        std = rng.integers(2, 8, len(widths) - 1) / 8
        if np.all(widths[1:] != widths[:-1]) and widths[0] != widths[-1] and np.ptp(std) > 0:
            return [int(n) for n in widths], std


sizes = Question(
    "gradient_sizes", title="The size of every weight's gradient", points=2,
    asks="Predict `gradient_sizes(widths, std)`: the mean square of the gradient of each layer's weights, before any "
         "training.",
    reference=_sizes, cases=_sizes_cases,
    kind="predict", minutes=20, level=2,
    text=r"""
        Layer $l$ of $L$ computes $z_l = W_l\, x_{l-1}$ and $x_l = \text{ReLU}(z_l)$. `widths` lists the lengths of
        $x_0, \dots, x_L$, L + 1 ints; `std` (L,) holds the standard deviation from which the weights of each layer are
        drawn, independently, with mean 0. One image enters; the mean square of $x_0$ is 1, and so is that of the
        gradient that arrives at $x_L$, behind the last ReLU. Suppose that each ReLU halves the mean square of what
        passes, forward and backward, and that what is drawn independently is uncorrelated.

        Return the expected mean square of the gradient of $W_1, \dots, W_L$, (L,).
    """,
    hints={
        "Where to begin":
            "For one image the gradient of W is an outer product. What is the mean square of an outer product?",
        "The last layer is twice as large as it should be":
            "The gradient of W needs the gradient of z, and that is in front of the ReLU.",
        "Right where neighbouring layers are equally wide":
            "Forward each number is a sum over what the layer reads, backward over what it writes.",
    },
)


@sizes.solution
def gradient_sizes(widths, std):
    """L + 1 ints, (L,)  →  (L,)"""
    n, half = np.array(widths), std**2 / 2       # half: for each of the fan
    found = []
    for l in range(len(std)):
        forward = np.prod(n[:l] * half[:l])          # of what layer l reads
        backward = np.prod(n[l + 2:] * half[l + 1:]) / 2     # of dz
        found.append(forward * backward)
    return np.array(found)


def _sizes_mistake(name, hint, function=None, **options):
    sizes.mistake(name, hint=hint)(function or (lambda widths, std: _sizes(widths, std, **options)))


_sizes_mistake("the last ReLU is missing on the way back", "The gradient arrives behind the last ReLU, which halves it "
               "before it reaches z.", first=1)
_sizes_mistake("no ReLU halves anything", "ReLU is 0 for half of the numbers, in both directions.", half=1, first=1)
_sizes_mistake("only the last ReLU halves", "Every ReLU does, forward and backward.", half=1)
_sizes_mistake("the way back counts what a layer reads", "On the way back each number is a sum over what the layer "
               "writes: its fan-out.", backward=0)
_sizes_mistake("the way forward counts what a layer writes", "Each number of z is a sum over what the layer reads: its "
               "fan-in.", forward=1)
_sizes_mistake("fan-in and fan-out are exchanged", "Forward a sum over what the layer reads, backward over what it "
               "writes.", forward=1, backward=0)


_sizes_mistake("only the way forward", "Gradient of a weight: forward times backward.", lambda n, s: _parts(n, s)[0])
_sizes_mistake("only the way back", "Gradient of a weight: forward times backward.", lambda n, s: _parts(n, s)[1])
_sizes_mistake("the two are added", "An outer product: their mean squares multiply.", lambda n, s: sum(_parts(n, s)))
_sizes_mistake("the root mean square", "Asked is the mean square.", lambda n, s: np.sqrt(_sizes(n, s)))
_sizes_mistake("the sum of squares, not their mean", "Divide by how many weights the layer has.",
               lambda n, s: _sizes(n, s) * np.array(n[:-1]) * n[1:])
_sizes_mistake("std is taken for the variance", "The variance is std².", lambda n, s: _sizes(n, np.sqrt(s)))
_sizes_mistake("the layers are in reverse", "The first layer stands first.", lambda n, s: _sizes(n, s)[::-1])
_sizes_mistake("the way forward goes through the layer itself", "The gradient needs the input of the layer, x_{l−1}.",
               lambda n, s: _parts(n, s)[0] * np.array(n[:-1]) * np.square(s) / 2 * _parts(n, s)[1])
_sizes_mistake("the way back goes through the layer itself", "The gradient needs dz_l, at the output of the layer.",
               lambda n, s: _parts(n, s)[0] * np.array(n[1:]) * np.square(s) / 2 * _parts(n, s)[1])


def _sizes_parts(name, hint, ahead=lambda n, v: n * v, back=lambda n, v: n * v, last=0.5, shift=(0, 0),
                 power=lambda std: std**2 / 2):
    """ahead, back: what one layer does to a mean square, of its fan and its variance; shift: of the fan, and of v."""
    def answer(widths, std):
        n, v = np.array(widths), power(np.asarray(std, np.float64))
        return np.array([np.prod(ahead(n[:l], v[:l])) * last
                         * np.prod(back(n[l + 2 + shift[0]:], v[l + 1 + shift[1]:])) for l in range(len(v))])
    _sizes_mistake(name, hint, answer)


_FAN = "Each number is a sum of `fan` products, and their mean squares add up: fan · std²."
_sizes_parts("the way forward leaves out the weights", _FAN, ahead=lambda n, v: n)
_sizes_parts("the way forward leaves out the fan", _FAN, ahead=lambda n, v: v)
_sizes_parts("the way back leaves out the weights", _FAN, back=lambda n, v: n)
_sizes_parts("the way back leaves out the fan", _FAN, back=lambda n, v: v)
_sizes_parts("fan and variance are added on the way forward", _FAN, ahead=lambda n, v: n + v)
_sizes_parts("fan and variance are added on the way back", _FAN, back=lambda n, v: n + v)
_sizes_parts("ReLU divides by 3", "It halves the mean square.", power=lambda s: s**2 / 3)
_sizes_parts("ReLU doubles the mean square", "It halves it.", power=lambda s: 2 * s**2)
_sizes_parts("the variance of the weights is std³", "It is std².", power=lambda s: s**3 / 2)
_sizes_parts("std in place of std²", "The variance is std².", power=lambda s: s)
_sizes_parts("the factor of a layer is turned over", "Large weights make large signals.", power=lambda s: 2 / s**2)
_sizes_parts("only the way forward, and the last ReLU", "Gradient of a weight: forward times backward.",
             back=lambda n, v: np.ones(1))
_sizes_parts("the last ReLU divides by 3", "It halves the mean square.", last=1 / 3)
_sizes_parts("the last ReLU is counted as 2", "It halves the mean square.", last=2)


@sizes.accepted("layer after layer")
def _(widths, std):
    forward, backward = [1.0], [0.5]
    for l in range(len(std) - 1):
        forward.append(forward[-1] * widths[l] * float(std[l])**2 / 2)
    for l in range(len(std) - 1, 0, -1):
        backward.insert(0, backward[0] * widths[l + 1] * float(std[l])**2 / 2)
    return np.multiply(forward, backward)


@sizes.accepted("through logarithms")
def _(widths, std):
    n, v = np.log(widths), 2 * np.log(np.asarray(std, dtype=float)) - np.log(2)
    forward = np.cumsum(n[:-1] + v) - (n[:-1] + v)
    backward = np.cumsum((n[1:] + v)[::-1])[::-1] - (n[1:] + v)
    return np.exp(forward + backward - np.log(2))


# ---- log_mean_exp ----------------------------------------------------------------------------------------------------

def _log_mean_exp(z):
    z = z.astype(np.float64)
    top = z.max(1)
    return top + np.log(np.mean(np.exp(z - top[:, None]), 1))


def _log_cases(rng, turn):
    """Rows near 0, 1,000 and −1,000 by turns, and rows that hold both; another number of rows than of columns."""
    rows, columns = unequal(rng, 2, 8)
    z = numbers(rng, (rows, columns))
    if turn % 4 == 1:
        z += 1000 * rng.choice([-1, 0, 1], (rows, 1))
    if turn % 4 == 2:
        z -= 1000
    if turn % 4 == 3:
        z[:, -(turn // 4 % 2)] -= 1000                   # what is subtracted must be the largest, not the first or last
    return (z,)


mended = Question(
    "log_mean_exp", title="Never infinite, and far off", points=2, kind="mend",
    asks="Mend `log_mean_exp(z)`: the logarithm of the mean of exponentials, for each row.",
    reference=_log_mean_exp, cases=_log_cases,
    minutes=15, level=2,
    text=r"""
        For each row of `z` (N, C) the function is to return $\log\big(\frac1C \sum_c e^{z_c}\big)$, (N,): how a bound
        on the likelihood is averaged over C samples. Numbers are as large as 1,000 in either direction. What it returns
        is never infinite, and yet it has two faults. One shows wherever there are not as many rows as columns. The
        other shows only in some rows, and the 1e-12 hides it: mend the cause, and nothing has to be added.
    """,
    hints={
        "-inf": "Rows near −1,000: every exponential is 0 there. Which number, subtracted, makes the largest 1?",
        "Some rows are about −27.6": "That is log 1e-12: all the exponentials of the row were 0.",
        "All rows are off by the same amount": "By how many numbers is the sum divided?",
    },
)


@mended.given("as given: two faults are there",
              hint="What does it subtract from a row near −1,000? And by what does it divide each sum?")
def _(z):
    """(N, C)  →  (N,)"""
    shift = np.maximum(z.max(axis=1), 0)
    total = np.sum(np.exp(z - shift[:, None]), axis=1)
    return shift + np.log(total / len(z) + 1e-12)


@mended.solution
def log_mean_exp(z):
    """(N, C)  →  (N,)"""
    shift = z.max(axis=1)
    total = np.sum(np.exp(z - shift[:, None]), axis=1)
    return shift + np.log(total / z.shape[1])


def _mended_mistake(name, hint, shift=lambda z: z.max(1), count=lambda z: z.shape[1], back=1, small=1e-12):
    def answer(z):
        by = shift(z) * np.ones(len(z))
        total = np.sum(np.exp(z - by[:, None]), 1)
        return back * by + np.log(total / count(z) + small)
    mended.mistake(name, hint=hint)(answer)


_SHIFT = "Each row has its own largest number. Subtract it, whatever its sign."
_mended_mistake("the shift is still at least 0", _SHIFT, shift=lambda z: np.maximum(z.max(1), 0))
_mended_mistake("it still divides by the number of rows", "A mean over the C numbers of a row.", count=len)
_mended_mistake("the sum, not the mean", "Divide by C before the logarithm.", count=lambda z: 1)
_mended_mistake("one shift for all rows", _SHIFT, shift=lambda z: z.max())
_mended_mistake("one shift for all rows, and it divides by the number of rows", _SHIFT, shift=lambda z: z.max(),
                count=len)
_mended_mistake("divided by all numbers of z", "A mean over the C numbers of a row.", count=lambda z: z.size)
_mended_mistake("the shift is not added again", "log Σ e^z = shift + log Σ e^(z − shift).", back=0)
_mended_mistake("the shift is subtracted again", "log Σ e^z = shift + log Σ e^(z − shift).", back=-1)
_mended_mistake("the largest number of each row is returned", "That is where it begins: add the logarithm of the mean.",
                count=lambda z: np.exp(z - z.max(1, keepdims=True)).sum(1))
_mended_mistake("divided by C twice", "A mean is divided by C once.", count=lambda z: z.shape[1]**2)


@mended.mistake("the largest absolute value is subtracted", hint="With its sign: a row near −1,000 is raised.")
def _(z):
    by = np.abs(z).max(1)
    return by + np.log(np.exp(z - by[:, None]).mean(1) + 1e-12)


@mended.mistake("no logarithm", hint="The logarithm of the mean, then the shift.")
def _(z):
    return z.max(1) + np.mean(np.exp(z - z.max(1, keepdims=True)), 1)


@mended.mistake("the logarithm is subtracted", hint="Shift plus the logarithm of the mean.")
def _(z):
    return 2 * z.max(1) - _log_mean_exp(z)


@mended.mistake("the logarithm of C alone", hint="The logarithm is that of the mean: the sum divided by C.")
def _(z):
    return z.max(1) + np.log(z.shape[1])


@mended.mistake("one sum for all rows", hint="A sum for each row: axis 1.")
def _(z):
    top = z.max(1)
    return top + np.log(np.sum(np.exp(z - top[:, None])) / z.shape[1])


@mended.mistake("the sum is multiplied by C, not divided", hint="A mean is the sum divided by C.")
def _(z):
    return _log_mean_exp(z) + 2 * np.log(z.shape[1])


@mended.mistake("over the columns", hint="One number for each row: axis 1.")
def _(z):
    return _log_mean_exp(z.T)


@mended.mistake("the mean of the numbers", hint="The exponentials are averaged, then the logarithm is taken.")
def _(z):
    return z.mean(1)


@mended.accepted("NumPy's logaddexp")
def _(z):
    return np.logaddexp.reduce(z, axis=1) - np.log(z.shape[1])


@mended.accepted("row by row")
def _(z):
    return np.array([max(row) + np.log(sum(np.exp(v - max(row)) for v in row)) - np.log(len(row)) for row in z])


# ---- jacobian_norm ---------------------------------------------------------------------------------------------------

def _jacobian(w, u, x):
    return np.eye(len(x)) + u @ ((w @ x > 0)[:, None] * w)


def _power(j, v, steps, end=True):
    for _ in range(steps):
        v = j.T @ (j @ v)
    return np.linalg.norm(j @ v) / np.linalg.norm(v) if end else np.linalg.norm(v)


def _power_cases(rng, turn):
    """ReLUs open and shut, none at its kink; the estimate still moves at the last step."""
    while True:
        n, m = unequal(rng, 2, 7)
        w, u, x, v = numbers(rng, (m, n)), numbers(rng, (n, m)) / 2, numbers(rng, (n,)), numbers(rng, (n,))
        steps = int(rng.integers(1, 4)) if turn % 4 else 0
        opened, j = w @ x > 0, _jacobian(w, u, x)
        estimates = [_power(j, v, k) for k in (steps, steps + 1)]
        if 0 < opened.sum() < m and np.abs(w @ x).min() > 0.1 and estimates[1] > 1.002 * estimates[0]:
            return w, u, x, v, steps


power = Question(
    "jacobian_norm", title="How much can a residual block enlarge a gradient", points=3,
    asks="Write `jacobian_norm(w, u, x, v, steps)`: the largest singular value of a block's Jacobian, by power "
         "iteration, without the Jacobian.",
    reference=lambda w, u, x, v, steps: _power(_jacobian(w, u, x), v, steps), cases=_power_cases,
    minutes=25, level=3,
    text=r"""
        The block is $y = x + U\, \text{ReLU}(W x)$, with `w` (m, n), `u` (n, m) and `x` (n,); no number of $W x$ is 0.
        Let $J$ (n, n) be the Jacobian of y by x. A gradient that comes back through the block becomes at most σ times
        as long, and σ is the largest singular value of $J$. Power iteration begins with `v` (n,), not 0, replaces it
        `steps` times by $J^\top J\, v$, which turns it towards the direction that grows most, and returns
        $\lVert J v \rVert / \lVert v \rVert$. With 0 steps that is how much longer the given v becomes.

        Real networks have Jacobians that fit into no memory: multiply vectors by W, U and their transposes only.
    """,
    hints={
        "Right for 0 steps, wrong for more":
            "$J^\\top$ takes the parts in reverse order: first $U^\\top$, then the mask of the ReLU, then $W^\\top$. "
            "And the shortcut is there both ways.",
        "The result grows with the steps": "Divide by the length of v, or make v a unit vector after each step.",
        "A ReLU appears in J": "The Jacobian of ReLU is its mask, 1 where its input W x is above 0, whatever v is.",
    },
)


@power.solution
def jacobian_norm(w, u, x, v, steps):
    """(m, n), (n, m), (n,), (n,), int  →  a number"""
    mask = w @ x > 0
    for _ in range(steps + 1):
        v = v / np.linalg.norm(v)
        y = v + u @ (mask * (w @ v))                 # J v
        v = y + w.T @ (mask * (u.T @ y))             # Jᵀ y
    return np.linalg.norm(y)                         # of a v of length 1


def _power_mistake(name, hint, jacobian=_jacobian, forward=None, **options):
    power.mistake(name, hint=hint)(lambda w, u, x, v, steps: _power(jacobian(w, u, x), v, steps, **options))


_power_mistake("the shortcut is missing", "y = x + …: the Jacobian is 1 + U mask W.",
               lambda w, u, x: u @ ((w @ x > 0)[:, None] * w))
_power_mistake("the ReLU is missing: all rows of W pass", "Rows of W whose product with x is below 0 do not count.",
               lambda w, u, x: np.eye(len(x)) + u @ w)
_power_mistake("the mask is turned over", "A ReLU is open where its input is above 0.",
               lambda w, u, x: np.eye(len(x)) + u @ ((w @ x <= 0)[:, None] * w))
_power_mistake("ReLU's output in place of its mask", "The slope of ReLU is 0 or 1.",
               lambda w, u, x: np.eye(len(x)) + u @ (_relu(w @ x)[:, None] * w))
_power_mistake("the branch is subtracted", "1 + U mask W.", lambda w, u, x: 2 * np.eye(len(x)) - _jacobian(w, u, x))
_power_mistake("the Jacobian is transposed", "Jᵀ J, and at the end J.", lambda w, u, x: _jacobian(w, u, x).T)
_power_mistake("U is missing", "The branch ends with U.",
               lambda w, u, x: np.eye(len(x)) + w.T @ ((w @ x > 0)[:, None] * w))


def _one_more(name, hint, function):
    power.mistake(name, hint=hint)(lambda w, u, x, v, steps: function(_jacobian(w, u, x), v, steps))


def _without_transpose(j, v, steps):
    return _power(np.linalg.matrix_power(j, steps) if steps else j, v, 0) if not steps else (
        np.linalg.norm(np.linalg.matrix_power(j, 2 * steps + 1) @ v)
        / np.linalg.norm(np.linalg.matrix_power(j, 2 * steps) @ v))


def _without_j(j, v, steps):
    for _ in range(steps):
        v = j @ v
    return np.linalg.norm(j @ v) / np.linalg.norm(v)


def _shortcut_lost(j, v, steps):
    for _ in range(steps):
        y = j @ v
        v = (j - np.eye(len(v))).T @ y
    return np.linalg.norm(j @ v) / np.linalg.norm(v)


_one_more("J J in place of Jᵀ J", "On the way back the transposes come in reverse order: Uᵀ, mask, Wᵀ.",
          _without_transpose)
_one_more("J in place of Jᵀ J", "Each step goes forward and back: Jᵀ (J v).", _without_j)
_one_more("the shortcut is missing on the way back", "Jᵀ y = y + Wᵀ (mask · Uᵀ y).", _shortcut_lost)
_one_more("one step more", "`steps` times, then the quotient.", lambda j, v, steps: _power(j, v, steps + 1))
_one_more("one step less", "`steps` times, then the quotient.", lambda j, v, steps: _power(j, v, max(steps - 1, 0)))
_one_more("no step at all", "v is replaced `steps` times by Jᵀ J v.", lambda j, v, steps: _power(j, v, 0))
_one_more("σ² in place of σ", "‖J v‖ / ‖v‖, once J.", lambda j, v, steps: _power(j, v, steps)**2)
_one_more("‖Jᵀ J v‖ / ‖v‖, which tends to σ²", "‖J v‖ / ‖v‖, once J.",
          lambda j, v, steps: np.linalg.norm(j.T @ j @ np.linalg.matrix_power(j.T @ j, steps) @ v)
          / np.linalg.norm(np.linalg.matrix_power(j.T @ j, steps) @ v))
_one_more("the exact singular value", "Power iteration ends after `steps` steps, and returns what it has by then.",
          lambda j, v, steps: np.linalg.norm(j, 2))
_one_more("not divided by the length of v", "By how much longer: ‖J v‖ / ‖v‖.",
          lambda j, v, steps: np.linalg.norm(j @ np.linalg.matrix_power(j.T @ j, steps) @ v))
_one_more("the length is turned over", "‖J v‖ / ‖v‖.", lambda j, v, steps: 1 / _power(j, v, steps))


def _power_parts(name, hint, ahead=lambda w, u, mask, v: v + u @ (mask * (w @ v)),
                 back=lambda w, u, mask, y: y + w.T @ (mask * (u.T @ y)), opened=lambda z: z > 0):
    def answer(w, u, x, v, steps):
        mask = opened(w @ x)
        for _ in range(steps):
            v = back(w, u, mask, ahead(w, u, mask, v / np.linalg.norm(v)))
        v = v / np.linalg.norm(v)
        return np.linalg.norm(ahead(w, u, mask, v))
    power.mistake(name, hint=hint)(answer)


_ONE = "J v = v + U (mask · W v): the mask multiplies."
_BACK = "Jᵀ y = y + Wᵀ (mask · Uᵀ y): the mask multiplies."
_power_parts("a ReLU counts as open from 1 on", "It is open above 0.", opened=lambda z: z > 1)
_power_parts("a ReLU counts as open from −1 on", "It is open above 0.", opened=lambda z: z > -1)
_power_parts("the branch is subtracted on the way forward", _ONE, lambda w, u, m, v: v - u @ (m * (w @ v)))
_power_parts("the branch is missing on the way forward", _ONE, lambda w, u, m, v: v)
_power_parts("the shortcut is missing on the way forward", _ONE, lambda w, u, m, v: u @ (m * (w @ v)))
_power_parts("the mask is added on the way forward", _ONE, lambda w, u, m, v: v + u @ (m + w @ v))
_power_parts("W is missing on the way forward", _ONE, lambda w, u, m, v: v + u @ m)
_power_parts("the mask is missing on the way forward", _ONE, lambda w, u, m, v: v + u @ (w @ v))
_power_parts("the branch is subtracted on the way back", _BACK, back=lambda w, u, m, y: y - w.T @ (m * (u.T @ y)))
_power_parts("the mask is added on the way back", _BACK, back=lambda w, u, m, y: y + w.T @ (m + u.T @ y))
_power_parts("U is missing on the way back", _BACK, back=lambda w, u, m, y: y + w.T @ m)
_power_parts("the mask is missing on the way back", _BACK, back=lambda w, u, m, y: y + w.T @ (u.T @ y))


@power.mistake("the vector J v, not its length", hint="Asked is one number, how much longer v becomes.")
def _(w, u, x, v, steps):
    j = _jacobian(w, u, x)
    for _ in range(steps):
        v = j.T @ (j @ v)
    return j @ v / np.linalg.norm(v)


@power.accepted("with the Jacobian, which is small here")
def _(w, u, x, v, steps):
    j = np.eye(len(x)) + u[:, w @ x > 0] @ w[w @ x > 0]
    v = np.linalg.matrix_power(j.T @ j, steps) @ v
    return np.sqrt(np.sum((j @ v)**2) / np.sum(v**2))


@power.accepted("only the open ReLUs")
def _(w, u, x, v, steps):
    opened = np.flatnonzero(w @ x > 0)
    a, b = w[opened], u[:, opened]
    for _ in range(steps):
        y = v + b @ (a @ v)
        v = y + a.T @ (b.T @ y)
        v = v / np.sqrt(v @ v)
    y = v + b @ (a @ v)
    return np.sqrt(y @ y) / np.sqrt(v @ v)


# ---- gains -----------------------------------------------------------------------------------------------------------

def _walk(gains, w, x, g):
    """The length of the signal behind each layer, forward, and of the gradient in front of each, backward, as shares of
    what they were where they began."""
    a, masks, ahead, back = x, [], [], []
    for c, matrix in zip(gains, w, strict=True):
        z = c * (matrix @ a)
        masks.append(z > 0)
        a = _relu(z)
        ahead.append(np.linalg.norm(a))
    d = g
    for c, matrix, mask in zip(gains[::-1], w[::-1], masks[::-1], strict=True):
        d = c * (matrix.T @ (mask * d))
        back.append(np.linalg.norm(d))
    return np.array(ahead) / np.linalg.norm(x), np.array(back) / np.linalg.norm(g)


def _step_by_step(w, x, g=None):
    gains, a = [], x
    for matrix in w:
        z = _relu(matrix @ a)
        gains.append(np.linalg.norm(a) / np.linalg.norm(z))
        a = gains[-1] * z
    return np.array(gains)


def _ended(gains, w, x, g):
    """The same gains times one number, so that the signal arrives as long as it began."""
    return gains * _walk(gains, w, x, g)[0][-1] ** (-1 / len(w))


def _by_norm(w, x, g):
    return _ended(1 / np.linalg.norm(w, axis=(1, 2)), w, x, g)


def _outside(lengths):
    """By what factor the worst one is beyond 1/2 or 2; 1 where none is."""
    with np.errstate(divide="ignore"):
        return float(np.exp(max(0.0, np.abs(np.log2(lengths)).max() - 1) * np.log(2)))


def _gains_case(rng, turn):
    """Three to six layers whose matrices differ in size by factors up to 30: two plain ways stay well inside."""
    while True:
        depth, n = int(rng.integers(3, 7)), int(rng.integers(7, 11))
        if depth == n:
            continue
        scale = 2.0 ** rng.integers(-3, 3, depth)
        w = np.array([np.round(64 * k * np.linalg.qr(rng.normal(size=(n, n)))[0]) / 64 for k in scale])
        x, g = numbers(rng, (n,)), numbers(rng, (n,))
        a, fine = x, len(set(scale)) > 2
        for matrix in w:
            z = matrix @ a
            fine = fine and np.abs(z).min() > 1e-3 * np.abs(z).max() and (z > 0).any()
            a = _relu(z)
        if fine and all(max(_outside(1.15 * s), _outside(s / 1.15)) == 1
                        for gains in (_step_by_step(w, x), _by_norm(w, x, g)) for s in _walk(gains, w, x, g)):
            return w, x, g


def _gains_properties(gains, w, x, g):
    if gains.shape != (len(w),):
        raise ValueError(f"one number for each of {len(w)} layers was asked for; this has shape {gains.shape}")
    if not (np.isfinite(gains).all() and (gains > 0).all()):
        raise ValueError("all gains must be above 0 and finite")
    ahead, back = _walk(gains, *(np.asarray(array, np.float64) for array in (w, x, g)))
    return {"length at the end, forward": ahead[-1], "beyond 1/2 … 2 forward, factor": _outside(ahead),
            "beyond 1/2 … 2 backward, factor": _outside(back)}


gain = Question(
    "gains", title="Neither way may fade", points=3,
    asks="Design `gains(w, x, g)`: a factor for each layer of a deep network, so that signal and gradient keep their "
         "size.",
    reference=_step_by_step, cases=_gains_case, measure=_gains_properties,
    kind="design", minutes=25, level=2,
    text=r"""
        `w` (L, n, n) holds the matrices of L layers, drawn with very different sizes. Layer l computes
        $x_l = \text{ReLU}(c_l W_l x_{l-1})$ from `x` (n,), and on the way back the gradient `g` (n,) that arrives at
        $x_L$ passes the same layers. Return L factors $c_l > 0$, (L,), for which

        - $x_L$ is exactly as long as `x`;
        - behind every layer $x_l$ has between half and twice the length of `x`;
        - in front of every layer the gradient has between half and twice the length of `g`.

        Many answers pass. The matrices are such that there are some.
    """,
    hints={
        "Where to begin":
            "One layer after the other: by what must it be multiplied, so that its output is as long as its input?",
        "It fades although each matrix is divided by its norm":
            "ReLU shortens too. Measure behind the ReLU.",
        "The signal arrives right, and is far too large or small on its way":
            "Gains that multiply to the right number are not enough: each matrix has its own size.",
    },
)


@gain.solution
def gains(w, x, g):
    """(L, n, n), (n,), (n,)  →  (L,)"""
    found, a = [], x
    for matrix in w:
        z = np.maximum(matrix @ a, 0)
        found.append(np.linalg.norm(a) / np.linalg.norm(z))
        a = z                  # a gain would not change the next quotient
    return np.array(found)


def _largest(w):
    return np.linalg.norm(w, 2, axis=(1, 2))


def _linear(w, x, g):
    found, a = [], x
    for matrix in w:
        z = matrix @ a
        found.append(np.linalg.norm(a) / np.linalg.norm(z))
        a = found[-1] * z
    return np.array(found)


def _behind(w, x, g, before=lambda a: a):
    """Each layer's gain brings its output to length 1."""
    found, a = [], x
    for matrix in w:
        z = _relu(matrix @ a)
        found.append(1 / np.linalg.norm(z))
        a = found[-1] * z
    return np.array(found)


def _unscaled(w, x, g):
    """The signal goes on without its gain."""
    found, a = [], x
    for matrix in w:
        z = _relu(matrix @ a)
        found.append(np.linalg.norm(x) / np.linalg.norm(z))
        a = z
    return np.array(found)


gain.mistake("all matrices as they are", "Each has another size: the gains undo it.", lambda w, x, g: np.ones(len(w)))
gain.mistake("each matrix divided by its largest singular value",
             "Then no vector grows, and behind each ReLU most shrink: the signal fades.",
             lambda w, x, g: 1 / _largest(w))
gain.mistake("√2 divided by the largest singular value",
             "Right on average, for ReLU halves a mean square. Exactly right it is for no single x.",
             lambda w, x, g: np.sqrt(2) / _largest(w))
gain.mistake("He's factor for the deviation of the weights",
             "Right on average over many drawings. Here x_L is to be exactly as long as x: measure it.",
             lambda w, x, g: np.sqrt(2 / w.shape[1]) / w.std((1, 2)))
gain.mistake("Glorot's factor for the deviation of the weights", "It has no regard to ReLU, which shortens.",
             lambda w, x, g: np.sqrt(1 / w.shape[1]) / w.std((1, 2)))
gain.mistake("divided by the Frobenius norm", "That is √n times the size of what a layer does to a typical vector.",
             lambda w, x, g: 1 / np.linalg.norm(w, axis=(1, 2)))
gain.mistake("measured in front of the ReLU", "The next layer reads what is behind the ReLU: measure there.", _linear)
gain.mistake("the outputs get length 1", "As long as x, not 1.", _behind)
gain.mistake("each output is compared with x, without the gains before it",
             "Either the signal goes on with its gain, or it is compared with what entered this layer.", _unscaled)
gain.mistake("the gains are turned over", "Too long an output needs a gain below 1.",
             lambda w, x, g: 1 / _step_by_step(w, x))
gain.mistake("one gain for all layers, so that only the end is right",
             "Between the ends the sizes of the matrices still differ: each layer has a gain of its own.",
             lambda w, x, g: _ended(np.ones(len(w)), w, x, g))
gain.mistake("one layer alone makes up for all of the others",
             "The end is right, the way there is not: each layer has a gain of its own.",
             lambda w, x, g: np.append(np.ones(len(w) - 1), 1 / _walk(np.ones(len(w)), w, x, g)[0][-1]))
gain.mistake("the gains of the first layers come last", "c[0] belongs to w[0].",
             lambda w, x, g: _step_by_step(w, x)[::-1])
gain.mistake("the square of the gains", "A ratio of lengths, not of sums of squares.",
             lambda w, x, g: _step_by_step(w, x)**2)
gain.mistake("the root of the gains", "A ratio of lengths, not its root.", lambda w, x, g: _step_by_step(w, x)**0.5)


def _gain_layer(name, hint, layer=lambda matrix, a: _relu(matrix @ a), factor=lambda a, z: a / z):
    """layer: what is measured of a layer; factor: of the lengths of its input and of that."""
    def answer(w, x, g):
        found, a = [], x
        for matrix in w:
            z = layer(matrix, a)
            found.append(factor(np.linalg.norm(a), np.linalg.norm(z)))
            a = z
        return np.array(found)
    gain.mistake(name, hint=hint)(answer)


_gain_layer("the transposed matrices", "Forward it is `matrix @ a`.", lambda matrix, a: _relu(a @ matrix))
_gain_layer("nothing falls below 1", "ReLU is the larger of the number and 0.",
            lambda matrix, a: np.maximum(matrix @ a, 1))
_gain_layer("nothing falls below −1", "ReLU is the larger of the number and 0.",
            lambda matrix, a: np.maximum(matrix @ a, -1))
_gain_layer("the lengths are multiplied", "As long as before: input's length divided by output's.",
            factor=lambda a, z: a * z)
_gain_layer("the length of each input", "Divide it by the length of the output.", factor=lambda a, z: a)
_gain_layer("the length of each output", "Too long an output needs a small gain: divide by it.", factor=lambda a, z: z)
_gain_layer("the matrices are left out", "A layer multiplies by its matrix first.", lambda matrix, a: _relu(a))
_gain_layer("the matrix itself is measured", "What counts is what it makes of this signal.",
            lambda matrix, a: _relu(matrix))
_gain_layer("a product number by number", "A layer is `matrix @ a`.", lambda matrix, a: _relu(matrix * a))

gain.accepted("sizes by the Frobenius norm, then the end made right")(_by_norm)


@gain.accepted("the same by the largest singular value")
def _(w, x, g):
    c = np.sqrt(2) / np.linalg.svd(w, compute_uv=False)[:, 0]
    a = x
    for factor, matrix in zip(c, w, strict=True):
        a = np.maximum(factor * matrix @ a, 0)
    return c * (np.linalg.norm(x) / np.linalg.norm(a)) ** (1 / len(w))


QUESTIONS = [chain, clip, sizes, mended, power, gain]
