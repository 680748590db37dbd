"""Week 3: the questions of the notebook `training`."""

import numpy as np

from ...question import Question
from ..cases import numbers

# ---- he_std ----------------------------------------------------------------------------------------------------------


def _weight_case(rng, turn):
    """Linear layers, 1-D and 2-D convolutions in turn, with kernels that are not square; each mode every other time."""
    out, into, high, wide = (int(n) for n in rng.choice(np.arange(2, 9), 4, replace=False))
    kernel = [(), (high,), (high, wide), (1, wide)][turn % 4]
    slope = 0.0 if turn % 5 == 3 else float(rng.choice([0.125, 0.25, 0.5, 0.75]))
    return (out, into, *kernel), slope, ["fan_in", "fan_out"][(turn + turn // 4) % 2]


def _he(shape, slope, mode, fan=None, gain=lambda s: 2 / (1 + s**2)):
    taps = np.prod(shape[2:])
    fan = taps * shape[1 if mode == "fan_in" else 0] if fan is None else fan
    return np.sqrt(gain(slope) / fan)


he = Question(
    "he_std", title="First weights for a leaky ReLU", points=2,
    asks="Write `he_std(shape, slope, mode)`: the standard deviation of the first weights of a layer with a leaky "
         "ReLU, so that it neither enlarges nor shrinks what flows through it.",
    reference=_he, cases=_weight_case,
    minutes=15, level=2, practice=True,
    text=r"""
        `shape` is that of the weight, (out, in) or with a kernel size behind it, as (out, in, k_h, k_w). The activation
        is z for z > 0 and `slope`·z for z < 0, where z is as often positive as negative and as large there. With `mode`
        "fan_in" the mean square of the activations is to stay, with "fan_out" that of the gradients on their way back.
        Return a number.
    """,
    hints={
        "What does the slope change?":
            "Half of the z keep their square, the other half keep slope² of it. For slope 0 that is ReLU's 1/2, for "
            "slope 1 nothing is lost.",
        "It is right for linear layers only":
            "How many products does the sum of one output have? The taps of the kernel count.",
        "The numbers are far too small":
            "Is it the variance? The standard deviation is its root.",
    },
)


@he.solution
def he_std(shape, slope, mode):
    """(out, in, *kernel), a number, "fan_in" or "fan_out"  →  a number"""
    channels = shape[1] if mode == "fan_in" else shape[0]
    fan = channels * np.prod(shape[2:])
    kept = (1 + slope**2) / 2                       # of the mean square
    return np.sqrt(1 / (kept * fan))


@he.mistake("the taps of the kernel are forgotten",
            hint="One output of a convolution sums C_in·k_h·k_w products, not C_in.")
def _(shape, slope, mode):
    return _he(shape[:2], slope, mode)


@he.mistake("fan_in and fan_out are exchanged",
            hint="The weight is (out, in, …): fan_in counts what one output is made of, and takes the second number.")
def _(shape, slope, mode):
    return _he((shape[1], shape[0], *shape[2:]), slope, mode)


@he.mistake("it is fan_in in both modes",
            hint="On the way back each number is a sum over the outputs: fan_out takes the first number of the shape.")
def _(shape, slope, mode):
    return _he(shape, slope, "fan_in")


@he.mistake("it is fan_out in both modes",
            hint="On the way forward each number is a sum over the inputs: fan_in takes the second number.")
def _(shape, slope, mode):
    return _he(shape, slope, "fan_out")


@he.mistake("the gain is 1: that is no activation at all",
            hint="The activation loses a part of the mean square; the weights have to make up for it.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 1.0)


@he.mistake("the gain is that of ReLU, whatever the slope",
            hint="A leaky ReLU keeps slope² of the square of the negative half.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 2.0)


@he.mistake("the slope is not squared",
            hint="A number is multiplied by the slope, so its square by slope².")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 2 / (1 + s))


@he.mistake("the slope is doubled, not squared", hint="A number is multiplied by the slope, its square by slope².")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 2 / (1 + 2 * s))


@he.mistake("the slope stands with the wrong sign",
            hint="The negative half keeps slope² of its square in addition to what the positive half keeps.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 2 / (1 - s**2))


@he.mistake("only the negative half is counted", hint="The positive half keeps all of its square.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 2 / s**2)


@he.mistake("the factor 2 is forgotten", hint="Each half is half of the numbers: (1 + slope²)/2 is what is kept.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 1 / (1 + s**2))


@he.mistake("the factor 2 stands on the wrong side",
            hint="(1 + slope²)/2 of the mean square is kept, and the weights are to make up for that: divide by it.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: 0.5 / (1 + s**2))


@he.mistake("what is lost is lost twice",
            hint="(1 + slope²)/2 of the mean square is kept. The weights have to be larger for that, not smaller.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, gain=lambda s: (1 + s**2) / 2)


@he.mistake("it is the variance", hint="Take the root: the standard deviation was asked for.")
def _(shape, slope, mode):
    return _he(shape, slope, mode)**2


@he.mistake("that is Glorot's",
            hint="Glorot's fan is the mean of both, and its gain is 1. Here one of the two is to stay exactly.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, sum(shape[:2]) * np.prod(shape[2:]), lambda s: 2.0)


@he.mistake("the fan is the mean of both", hint="The mode says which of the two it is.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, sum(shape[:2]) * np.prod(shape[2:]) / 2)


@he.mistake("that is the bound of a uniform draw",
            hint="Uniform numbers from −b to b have the standard deviation b/√3. That one was asked for.")
def _(shape, slope, mode):
    return np.sqrt(3) * _he(shape, slope, mode)


@he.mistake("the fan is that of all weights", hint="One output reads in·k_h·k_w numbers; out does not count there.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, np.prod(shape))


@he.mistake("the sides of the kernel are added", hint="A kernel has k_h·k_w taps.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, shape[mode == "fan_in"] * max(sum(shape[2:]), 1))


@he.mistake("the taps are added to the channels", hint="Each channel has k_h·k_w taps: multiply.")
def _(shape, slope, mode):
    return _he(shape, slope, mode, shape[mode == "fan_in"] + np.prod(shape[2:]))


@he.mistake("only the width of the kernel counts", hint="A kernel has k_h·k_w taps.")
def _(shape, slope, mode):
    return _he((*shape[:2], *shape[3:]), slope, mode)


@he.accepted("by the gain, as PyTorch")
def _(shape, slope, mode):
    fan = {"fan_in": shape[1], "fan_out": shape[0]}[mode]
    for k in shape[2:]:
        fan *= k
    return np.sqrt(2 / (1 + slope**2)) / np.sqrt(fan)


@he.accepted("counted on an array of ones")
def _(shape, slope, mode):
    ones = np.ones(shape)
    products = ones[0].size if mode == "fan_in" else ones[:, 0].size
    return float(products * (0.5 + 0.5 * slope * slope)) ** -0.5


# ---- adam_step -------------------------------------------------------------------------------------------------------

def _adam_case(rng, turn):
    """Every fifth is the first step, of one weight, with averages of zero; every third has the usual, tiny eps."""
    first = turn % 5 == 2
    shape = (1,) if first else [(3,), (2, 3), (5,)][turn % 3]
    x, g, m, v = numbers(rng, shape), numbers(rng, shape), numbers(rng, shape), numbers(rng, shape)**2
    beta1, beta2 = (float(b) for b in rng.choice([0.25, 0.5, 0.75, 0.875], 2, replace=False))
    eps = 1e-8 if turn % 3 == 1 else float(rng.choice([0.125, 0.25, 0.5]))
    t = 1 if first else int(rng.integers(2, 8))
    return x, g, m * (not first), v * (not first), t, float(rng.choice([0.25, 0.5])), beta1, beta2, eps


def _adam(x, g, m, v, t, lr, beta1, beta2, eps, *, first=None, second=None, mean=None, spread=None):
    """Adam's step; each part may be another."""
    m = beta1 * m + (1 - beta1) * g if first is None else first(m)
    v = beta2 * v + (1 - beta2) * g**2 if second is None else second(v)
    step = m / (1 - beta1**t) if mean is None else mean(m)
    size = np.sqrt(v / (1 - beta2**t)) + eps if spread is None else spread(v)
    return np.stack([x - lr * step / size, m, v])


adam = Question(
    "adam_step", title="A step of Adam", points=2,
    asks="Write `adam_step(x, g, m, v, t, lr, beta1, beta2, eps)`: one step of Adam. Return the new `x`, `m` and `v`.",
    reference=_adam, cases=_adam_case,
    minutes=15, level=1, practice=True,
    text=r"""
        $$
        \begin{aligned}
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g , \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 , \\
        x &\leftarrow x - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon}
        \end{aligned}
        $$

        `x` holds the parameters, `g` their gradient, `m` and `v` the two averages, all of one shape, and nothing mixes
        their elements. `t` is the number of this step; the first step has t = 1. `lr` is η. Return the three arrays as
        a tuple. Do not change the arrays that you are given.
    """,
    hints={
        "The first step is right, later ones are not":
            "`beta1**t` is a power with the number of the step. And `m` and `v` are kept as they are, without the "
            "division: the next step begins from them.",
        "The parameters are off, the averages are right":
            "Is eps outside of the root? Is it the new `m` and the new `v`?",
        "It says that it changes its input":
            "`m *= beta1` changes the caller's array. Write `m = beta1 * m + …`.",
    },
)


@adam.solution
def adam_step(x, g, m, v, t, lr, beta1, beta2, eps):
    """four arrays of one shape, int, numbers  →  x, m, v"""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    mean = m / (1 - beta1**t)
    size = np.sqrt(v / (1 - beta2**t))
    return x - lr * mean / (size + eps), m, v


def _changed(name, hint, **parts):
    """A mistake whose parts are functions of the averages and of the other arguments, by name."""
    @adam.mistake(name, hint=hint)
    def _(x, g, m, v, t, lr, beta1, beta2, eps):
        known = {"g": g, "t": t, "beta1": beta1, "beta2": beta2, "eps": eps}
        return _adam(x, g, m, v, t, lr, beta1, beta2, eps, **{
            part: lambda *a, change=change: change(*a, **known) for part, change in parts.items()})


_changed("there is no correction", "The averages begin at 0 and are too small at first: divide them by 1 − βᵗ.",
         mean=lambda m, **_: m, spread=lambda v, eps, **_: np.sqrt(v) + eps)
_changed("m is not corrected", "m begins at 0 too: divide it by 1 − β₁ᵗ.", mean=lambda m, **_: m)
_changed("v is not corrected", "v begins at 0 too: divide it by 1 − β₂ᵗ.", spread=lambda v, eps, **_: np.sqrt(v) + eps)
_changed("the correction is always that of the first step", "It is a power: 1 − βᵗ with t, the number of the step.",
         mean=lambda m, beta1, **_: m / (1 - beta1), spread=lambda v, beta2, eps, **_: np.sqrt(v / (1 - beta2)) + eps)
_changed("the correction of m is always that of the first step", "It is a power: 1 − β₁ᵗ.",
         mean=lambda m, beta1, **_: m / (1 - beta1))
_changed("the correction of v is always that of the first step", "It is a power: 1 − β₂ᵗ.",
         spread=lambda v, beta2, eps, **_: np.sqrt(v / (1 - beta2)) + eps)
_changed("t is one too large", "The first step has t = 1, and `t` is given as that.",
         mean=lambda m, beta1, t, **_: m / (1 - beta1**(t + 1)),
         spread=lambda v, beta2, t, eps, **_: np.sqrt(v / (1 - beta2**(t + 1))) + eps)
_changed("both are corrected with β₁", "v has a β of its own.",
         spread=lambda v, beta1, t, eps, **_: np.sqrt(v / (1 - beta1**t)) + eps)
_changed("both are corrected with β₂", "m has a β of its own.", mean=lambda m, beta2, t, **_: m / (1 - beta2**t))
_changed("m is multiplied by its correction", "The average is too small at first: divide by 1 − β₁ᵗ.",
         mean=lambda m, beta1, t, **_: m * (1 - beta1**t))
_changed("v is multiplied by its correction", "The average is too small at first: divide by 1 − β₂ᵗ.",
         spread=lambda v, beta2, t, eps, **_: np.sqrt(v * (1 - beta2**t)) + eps)
_changed("the sign of the correction of m is wrong", "The correction is 1 − β₁ᵗ.",
         mean=lambda m, beta1, t, **_: m / (1 + beta1**t))
_changed("the sign of the correction of v is wrong", "The correction is 1 − β₂ᵗ.",
         spread=lambda v, beta2, t, eps, **_: np.sqrt(v / (1 + beta2**t)) + eps)
_changed("m is divided by β₁ᵗ", "The correction is 1 − β₁ᵗ.", mean=lambda m, beta1, t, **_: m / beta1**t)
_changed("v is divided by β₂ᵗ", "The correction is 1 − β₂ᵗ.",
         spread=lambda v, beta2, t, eps, **_: np.sqrt(v / beta2**t) + eps)
_changed("eps stands inside of the root", "√v̂ + ε is not √(v̂ + ε).",
         spread=lambda v, beta2, t, eps, **_: np.sqrt(v / (1 - beta2**t) + eps))
_changed("eps is added before the correction",
         "That is TensorFlow's form, whose ε is another one: here it is added to √(v/(1 − β₂ᵗ)).",
         spread=lambda v, beta2, t, eps, **_: (np.sqrt(v) + eps) / np.sqrt(1 - beta2**t))
_changed("eps is left out", "ε is added to the root.", spread=lambda v, beta2, t, **_: np.sqrt(v / (1 - beta2**t)))
_changed("the root is forgotten", "Divide by √v̂ + ε, which is as large as a gradient; v̂ is as large as its square.",
         spread=lambda v, beta2, t, eps, **_: v / (1 - beta2**t) + eps)
_changed("it is not divided by the size", "Divide by √v̂ + ε.", spread=lambda v, **_: 1.0)
_changed("only eps divides", "Divide by √v̂ + ε.", spread=lambda v, eps, **_: eps)
_changed("it is multiplied by the size", "Large gradients are to make no larger steps: divide by √v̂ + ε.",
         spread=lambda v, beta2, t, eps, **_: 1 / (np.sqrt(v / (1 - beta2**t)) + eps))
_changed("the gradient moves x, not its average", "In the numerator stands m̂, the average of the gradients.",
         mean=lambda m, g, **_: g)
_changed("the parts of the averages are exchanged", "β is the part that stays, 1 − β the part that is new.",
         first=lambda m, g, beta1, **_: (1 - beta1) * m + beta1 * g,
         second=lambda v, g, beta2, **_: (1 - beta2) * v + beta2 * g**2)
_changed("m is a sum, not an average", "m ← β₁m + (1 − β₁)g: without 1 − β₁ it is SGD's momentum.",
         first=lambda m, g, beta1, **_: beta1 * m + g)
_changed("v is a sum, not an average", "v ← β₂v + (1 − β₂)g².", second=lambda v, g, beta2, **_: beta2 * v + g**2)
_changed("both are sums, not averages", "The new part is multiplied by 1 − β.",
         first=lambda m, g, beta1, **_: beta1 * m + g, second=lambda v, g, beta2, **_: beta2 * v + g**2)
_changed("m forgets what it was", "m ← β₁m + (1 − β₁)g: a part of the old m stays.",
         first=lambda m, g, beta1, **_: (1 - beta1) * g)
_changed("v forgets what it was", "v ← β₂v + (1 − β₂)g²: a part of the old v stays.",
         second=lambda v, g, beta2, **_: (1 - beta2) * g**2)
_changed("m takes in nothing new", "m ← β₁m + (1 − β₁)g.", first=lambda m, g, beta1, **_: beta1 * m)
_changed("v takes in nothing new", "v ← β₂v + (1 − β₂)g².", second=lambda v, g, beta2, **_: beta2 * v)
_changed("all of the old m stays", "m ← β₁m + (1 − β₁)g.", first=lambda m, g, beta1, **_: m + (1 - beta1) * g)
_changed("all of the old v stays", "v ← β₂v + (1 − β₂)g².", second=lambda v, g, beta2, **_: v + (1 - beta2) * g**2)
_changed("the old m is subtracted", "v and m are sums of an old and a new part.",
         first=lambda m, g, beta1, **_: beta1 * m - (1 - beta1) * g)


@adam.mistake("the betas are exchanged", hint="β₁ belongs to m, β₂ to v.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(x, g, m, v, t, lr, beta2, beta1, eps)


@adam.mistake("the corrected averages are kept",
              hint="The next step begins from m and v as they were before the division by 1 − βᵗ.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    new, m, v = _adam(x, g, m, v, t, lr, beta1, beta2, eps)
    return new, m / (1 - beta1**t), v / (1 - beta2**t)


@adam.mistake("x moves by the old averages", hint="First the averages take in the new gradient, then x moves.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    _, new_m, new_v = _adam(x, g, m, v, t, lr, beta1, beta2, eps)
    return x - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), new_m, new_v


@adam.mistake("it goes uphill", hint="Down is against the gradient: x minus the step.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(x, g, m, v, t, -lr, beta1, beta2, eps)


@adam.mistake("the learning rate is left out", hint="The step is multiplied by lr.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(x, g, m, v, t, 1.0, beta1, beta2, eps)


@adam.mistake("only the step is returned", hint="Subtract the step from x.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(0 * x, g, m, v, t, -lr, beta1, beta2, eps)


@adam.mistake("x does not move", hint="Subtract the step from x.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(x, g, m, v, t, 0.0, beta1, beta2, eps)


@adam.mistake("m and v are exchanged in what is returned", hint="x first, then m, then v.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(x, g, m, v, t, lr, beta1, beta2, eps)[[0, 2, 1]]


@adam.mistake("m stands first in what is returned", hint="x first, then m, then v.")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    return _adam(x, g, m, v, t, lr, beta1, beta2, eps)[[1, 0, 2]]


@adam.accepted("the corrections drawn into the rate and into eps")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
    root = np.sqrt(1 - beta2**t)
    return x - lr * root / (1 - beta1**t) * m / (np.sqrt(v) + eps * root), m, v


@adam.accepted("number by number")
def _(x, g, m, v, t, lr, beta1, beta2, eps):
    new = np.empty((3, *x.shape))
    for i in np.ndindex(*x.shape):
        a, b = m[i] * beta1 + g[i] - beta1 * g[i], v[i] * beta2 + g[i]**2 - beta2 * g[i]**2
        new[(0, *i)] = x[i] - lr * a / (1 - beta1**t) / ((b / (1 - beta2**t))**0.5 + eps)
        new[(1, *i)], new[(2, *i)] = a, b
    return new


# ---- uncorrected_step ------------------------------------------------------------------------------------------------

def _uncorrected_case(rng, turn):
    beta1, beta2 = (float(b) for b in rng.choice([0.25, 0.5, 0.75, 0.875, 0.96875], 2, replace=False))
    t = 1 if turn % 6 == 4 else int(rng.integers(2, 12))
    return float(numbers(rng, ())), t, float(rng.choice([0.25, 0.5, 2.0])), beta1, beta2


def _uncorrected(g, t, lr, beta1, beta2):
    return -lr * np.sign(g) * (1 - beta1**t) / np.sqrt(1 - beta2**t)


uncorrected = Question(
    "uncorrected_step", title="Adam without its correction", points=2, kind="predict",
    asks="Write `uncorrected_step(g, t, lr, beta1, beta2)`: by how much step t changes a weight, when Adam has no "
         "correction and the gradient is the same number `g` in every step.",
    reference=_uncorrected, cases=_uncorrected_case,
    minutes=15, level=2,
    text=r"""
        m and v begin at 0 and are updated as in Adam. Then the weight changes by −η·m/√v: neither is divided by 1 − βᵗ,
        and ε is 0. The first step has t = 1, and g is not 0. Return the change of the weight in step t, a number with
        its sign. A formula for m after t equal gradients makes it one line.
    """,
    hints={
        "What is m after t equal gradients?":
            "How far is m from g? That distance begins as g, and each step multiplies it by the same number.",
        "The sign is right only now and then":
            "v is an average of squares, so its root is positive, whatever the sign of g.",
    },
)


@uncorrected.solution
def uncorrected_step(g, t, lr, beta1, beta2):
    """a number, int, numbers  →  a number"""
    m = (1 - beta1**t) * g
    v = (1 - beta2**t) * g**2
    return -lr * m / np.sqrt(v)


def _wrong_step(name, hint):
    def register(function):
        return uncorrected.mistake(name, hint=hint)(function)
    return register


_wrong_step("that is Adam with its correction", "With the correction each step is as long as the first. Without it, m "
            "and v are too small, and not by the same factor.")(lambda g, t, lr, beta1, beta2: -lr * np.sign(g))
_wrong_step("it is the first step, whatever t", "Each step brings m closer to g: what is left of the distance shrinks "
            "by β in every step.")(lambda g, t, lr, beta1, beta2: _uncorrected(g, 1, lr, beta1, beta2))
_wrong_step("the direction is wrong", "The weight moves against the gradient.")(
    lambda g, t, lr, beta1, beta2: -_uncorrected(g, t, lr, beta1, beta2))
_wrong_step("the sign of g is lost", "The root of v is |g|, so the sign of m stays in the quotient.")(
    lambda g, t, lr, beta1, beta2: -np.abs(_uncorrected(g, t, lr, beta1, beta2)))
_wrong_step("only the length is returned", "The change has a sign: against the gradient.")(
    lambda g, t, lr, beta1, beta2: np.abs(_uncorrected(g, t, lr, beta1, beta2)))
_wrong_step("the root of v is forgotten", "m is divided by √v, not by v.")(
    lambda g, t, lr, beta1, beta2: -lr * (1 - beta1**t) / ((1 - beta2**t) * g))
_wrong_step("the root stands under g only", "√v is the root of the whole: of 1 − β₂ᵗ too.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 - beta1**t) / (1 - beta2**t))
_wrong_step("it depends on the size of g", "v is as large as g²: its root takes the size of g out of the step.")(
    lambda g, t, lr, beta1, beta2: g * _uncorrected(np.abs(g), t, lr, beta1, beta2))
_wrong_step("the betas are exchanged", "β₁ belongs to m, β₂ to v.")(
    lambda g, t, lr, beta1, beta2: _uncorrected(g, t, lr, beta2, beta1))
_wrong_step("the steps are counted from 0", "In step t the averages hold t gradients.")(
    lambda g, t, lr, beta1, beta2: _uncorrected(g, t + 1, lr, beta1, beta2))
_wrong_step("what is left is taken for what is there", "βᵗ is the distance that is left; m has come 1 − βᵗ of the "
            "way.")(lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * beta1**t / np.sqrt(beta2**t))
_wrong_step("m is what is left of it", "β₁ᵗ is the distance that is left; m has come 1 − β₁ᵗ of the way.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * beta1**t / np.sqrt(1 - beta2**t))
_wrong_step("v is what is left of it", "β₂ᵗ is the distance that is left; v has come 1 − β₂ᵗ of the way.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 - beta1**t) / np.sqrt(beta2**t))
_wrong_step("the power is of 1 − β", "What is left of the distance is βᵗ: m has come 1 − βᵗ of the way, not (1 − β)ᵗ.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 - beta1)**t / np.sqrt((1 - beta2)**t))
_wrong_step("m is g at once", "m begins at 0 and has come 1 − β₁ᵗ of the way to g.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) / np.sqrt(1 - beta2**t))
_wrong_step("v is g² at once", "v begins at 0 and has come 1 − β₂ᵗ of the way to g².")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 - beta1**t))
_wrong_step("the averages are corrected once more", "Nothing is divided by 1 − βᵗ here: m itself is (1 − β₁ᵗ)g.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * np.sqrt(1 - beta2**t) / (1 - beta1**t))
_wrong_step("m is corrected in vain", "Nothing is divided by 1 − βᵗ here.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) / (1 - beta1**t) / np.sqrt(1 - beta2**t))
_wrong_step("βᵗ is added to 1", "m has come 1 − βᵗ of the way to g.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 + beta1**t) / np.sqrt(1 + beta2**t))
_wrong_step("β₁ᵗ is added to 1", "m has come 1 − β₁ᵗ of the way to g.")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 + beta1**t) / np.sqrt(1 - beta2**t))
_wrong_step("β₂ᵗ is added to 1", "v has come 1 − β₂ᵗ of the way to g².")(
    lambda g, t, lr, beta1, beta2: -lr * np.sign(g) * (1 - beta1**t) / np.sqrt(1 + beta2**t))
_wrong_step("the learning rate is left out", "The step is multiplied by lr.")(
    lambda g, t, lr, beta1, beta2: _uncorrected(g, t, 1.0, beta1, beta2))
_wrong_step("it is multiplied by √v", "Adam divides by √v.")(
    lambda g, t, lr, beta1, beta2: -lr * g * np.abs(g) * (1 - beta1**t) * np.sqrt(1 - beta2**t))


@_wrong_step("it is the way of all steps together", "Only step t was asked for, not where the weight is after it.")
def _(g, t, lr, beta1, beta2):
    return sum(_uncorrected(g, s, lr, beta1, beta2) for s in range(1, t + 1))


@uncorrected.accepted("step by step")
def _(g, t, lr, beta1, beta2):
    m = v = 0.0
    for _ in range(t):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return -lr * m / v**0.5


@uncorrected.accepted("the sums of the weights of all gradients")
def _(g, t, lr, beta1, beta2):
    ages = np.arange(t)
    return -lr * np.sign(g) * np.sum((1 - beta1) * beta1**ages) / np.sqrt(np.sum((1 - beta2) * beta2**ages))


# ---- adamw -----------------------------------------------------------------------------------------------------------

def _adamw_case(rng, turn):
    steps, n = (int(size) for size in rng.choice(np.arange(2, 7), 2, replace=False))
    beta1, beta2 = (float(b) for b in rng.choice([0.5, 0.75, 0.875], 2, replace=False))
    eps = 1e-8 if turn % 4 == 1 else float(rng.choice([0.125, 0.25]))
    return (numbers(rng, n), numbers(rng, (steps, n)), float(rng.choice([0.125, 0.25, 0.5])),
            float(rng.choice([0.25, 0.5, 0.75])), beta1, beta2, eps)


def _adamw(w, gradients, lr, decay, beta1, beta2, eps, *, before=lambda w, lr, decay: (1 - lr * decay) * w,
           gradient=lambda g, w, decay: g, after=lambda w, old, lr, decay: w, new1=None, kept1=None, rate=lambda lr: lr,
           mean=lambda m, beta1, t: m / (1 - beta1**t),
           size=lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2**t)) + eps):
    """All steps of AdamW; each part may be another."""
    m, v, path = np.zeros_like(w), np.zeros_like(w), []
    kept1, new1 = beta1 if kept1 is None else kept1, 1 - beta1 if new1 is None else new1
    for t, g in enumerate(gradients, start=1):
        old, g = w, gradient(g, w, decay)
        m, v = kept1 * m + new1 * g, beta2 * v + (1 - beta2) * g**2
        w = after(before(w, lr, decay) - rate(lr) * mean(m, beta1, t) / size(v, beta2, t, eps), old, lr, decay)
        path.append(w)
    return np.array(path)


_KEEP = {"before": lambda w, lr, decay: w}
_COUPLED = {**_KEEP, "gradient": lambda g, w, decay: g + decay * w}
_FIRST = {"size": lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2)) + eps}
_INSIDE = {"size": lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2**t) + eps)}
_FIRST_INSIDE = {"size": lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2) + eps)}

mended = Question(
    "adamw", title="AdamW with three faults", points=2, kind="mend",
    asks="Mend `adamw(w, gradients, lr, decay, beta1, beta2, eps)`: the weights after each step of AdamW, as PyTorch's "
         "`torch.optim.AdamW` makes it.",
    reference=_adamw, cases=_adamw_case,
    minutes=20, level=2,
    text=r"""
        It runs, and it has three faults: one in how the weights decay, two in Adam's own step. `w` (n,) holds the first
        weights and `gradients` (T, n) the gradient of each step; the averages begin at 0. In each step AdamW first
        shrinks the weights by a share of them, which is the product of the learning rate and `decay`; then comes Adam's
        step from there, which does not know of the decay. Return an array (T, n), the weights after each step.
    """,
    hints={
        "Where does the decay belong?":
            "What goes into g is averaged, and divided by √v like everything in g. A weight with large gradients then "
            "hardly decays. Keep the decay out of g.",
        "The first step is right, and the second is not":
            "What do the corrections of m and of v depend on?",
        "A small difference is left everywhere":
            "Where does eps stand, and what is the learning rate multiplied with?",
    },
)


@mended.given("as given: all three faults are there",
              hint="Where does the decay go, and what divides it there? On what does each correction depend? Where "
                   "stands eps?")
def _(w, gradients, lr, decay, beta1, beta2, eps):
    """(n,), (T, n), numbers  →  (T, n)"""
    m, v, path = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, start=1):
        g = g + decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        mean = m / (1 - beta1**t)
        w = w - lr * mean / np.sqrt(v / (1 - beta2) + eps)
        path.append(w)
    return np.array(path)


@mended.solution
def adamw(w, gradients, lr, decay, beta1, beta2, eps):
    """(n,), (T, n), numbers  →  (T, n)"""
    m, v, path = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, start=1):
        w = (1 - lr * decay) * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        mean = m / (1 - beta1**t)
        w = w - lr * mean / (np.sqrt(v / (1 - beta2**t)) + eps)
        path.append(w)
    return np.array(path)


def _left(name, hint, **parts):
    @mended.mistake(name, hint=hint)
    def _(*arguments):
        return _adamw(*arguments, **parts)


_left("the decay is still in the gradient, the rest is mended",
      "That is Adam with L2 regularisation: what is in g is divided by √v. Shrink w itself.", **_COUPLED)
_left("the decay is mended, the two others are not",
      "Two faults are left: on what does the correction of v depend, and where stands eps?", **_FIRST_INSIDE)
_left("only the correction of v is mended", "Two faults are left: the decay, and eps.", **_COUPLED, **_INSIDE)
_left("only eps is mended", "Two faults are left: the decay, and the correction of v.", **_COUPLED, **_FIRST)
_left("the correction of v is left", "Two faults are mended. The correction is 1 − β₂ᵗ.", **_FIRST)
_left("eps is left", "Two faults are mended. √v̂ + ε is not √(v̂ + ε).", **_INSIDE)
_left("the decay is not multiplied by the learning rate",
      "The share is the product of the learning rate and `decay`: so a schedule of the rate is one of the decay too.",
      before=lambda w, lr, decay: (1 - decay) * w)
_left("the decay is divided by the learning rate", "The share is the product of the learning rate and `decay`.",
      before=lambda w, lr, decay: (1 - decay / lr) * w)
_left("the weights decay after the step",
      "They are shrunk first. The step itself is not: then it would be smaller by the same share.",
      before=lambda w, lr, decay: w, after=lambda w, old, lr, decay: (1 - lr * decay) * w)
_left("there is no decay", "Before Adam's step the weights shrink by the share lr·decay.", **_KEEP)
_left("the weights grow", "They shrink: by the factor 1 minus the share.",
      before=lambda w, lr, decay: (1 + lr * decay) * w)
_left("only the share is left of the weights", "lr·decay is what is lost, 1 − lr·decay what stays.",
      before=lambda w, lr, decay: lr * decay * w)
_left("the decay is subtracted as a number", "The weights shrink by a share of them: multiply.",
      before=lambda w, lr, decay: w - lr * decay)
_left("the sum of rate and decay is the share", "The share is their product.",
      before=lambda w, lr, decay: (1 - (lr + decay)) * w)
_left("the rate is the share", "The share is lr·decay.", before=lambda w, lr, decay: (1 - lr) * w)
_left("the weights shrink the wrong way round", "The factor is 1 − lr·decay, not lr·decay − 1.",
      before=lambda w, lr, decay: (lr * decay - 1) * w)
_left("the decay is in the gradient and outside of it", "g stays as it is.", gradient=_COUPLED["gradient"])
_left("m is not corrected", "m begins at 0 too: divide it by 1 − β₁ᵗ.", mean=lambda m, beta1, t: m)
_left("v is not corrected", "v begins at 0: divide it by 1 − β₂ᵗ.", size=lambda v, beta2, t, eps: np.sqrt(v) + eps)
_left("nothing is corrected", "Both averages begin at 0: divide them by 1 − βᵗ.", mean=lambda m, beta1, t: m,
      size=lambda v, beta2, t, eps: np.sqrt(v) + eps)
_left("the correction of m is always that of the first step", "That one was right: 1 − β₁ᵗ.",
      mean=lambda m, beta1, t: m / (1 - beta1))
_left("t is one too large in the correction of m", "That one was right: 1 − β₁ᵗ, with t = 1 in the first step.",
      mean=lambda m, beta1, t: m / (1 - beta1**(t + 1)))
_left("t is one too large", "The first step has t = 1.", mean=lambda m, beta1, t: m / (1 - beta1**(t + 1)),
      size=lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2**(t + 1))) + eps)
_left("t is one too large in the correction of v", "The first step has t = 1.",
      size=lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2**(t + 1))) + eps)
_left("eps is left out", "ε is added to the root.", size=lambda v, beta2, t, eps: np.sqrt(v / (1 - beta2**t)))
_left("only eps divides", "Divide by √v̂ + ε.", size=lambda v, beta2, t, eps: eps)
_left("the root is forgotten", "Divide by √v̂ + ε.", size=lambda v, beta2, t, eps: v / (1 - beta2**t) + eps)
_left("v is multiplied by its correction", "v is too small at first: divide by 1 − β₂ᵗ.",
      size=lambda v, beta2, t, eps: np.sqrt(v * (1 - beta2**t)) + eps)
_left("m is multiplied by its correction", "m is too small at first: divide by 1 − β₁ᵗ.",
      mean=lambda m, beta1, t: m * (1 - beta1**t))
_left("the sign of the correction of m is wrong", "It is 1 − β₁ᵗ.", mean=lambda m, beta1, t: m / (1 + beta1**t))
_left("the sign of the correction of v is wrong", "It is 1 − β₂ᵗ.",
      size=lambda v, beta2, t, eps: np.sqrt(v / (1 + beta2**t)) + eps)
_left("m is divided by β₁ᵗ", "It is 1 − β₁ᵗ.", mean=lambda m, beta1, t: m / beta1**t)
_left("v is divided by β₂ᵗ", "It is 1 − β₂ᵗ.", size=lambda v, beta2, t, eps: np.sqrt(v / beta2**t) + eps)
_left("it goes uphill", "Adam's step is subtracted.", rate=lambda lr: -lr)
_left("Adam's step is not multiplied by the learning rate", "It is lr·m̂/(√v̂ + ε).", rate=lambda lr: 1.0)
_left("m is a sum, not an average", "m ← β₁m + (1 − β₁)g: that line was right.", new1=1.0)
_left("m forgets what it was", "m ← β₁m + (1 − β₁)g: that line was right.", kept1=0.0)
_left("all of the old m stays", "m ← β₁m + (1 − β₁)g: that line was right.", kept1=1.0)
_left("it is not divided by the size", "Divide by √v̂ + ε.", size=lambda v, beta2, t, eps: 1.0)
_left("it is multiplied by the size", "Divide by √v̂ + ε.",
      size=lambda v, beta2, t, eps: 1 / (np.sqrt(v / (1 - beta2**t)) + eps))
_left("there is nothing but decay", "After the decay comes Adam's step.", mean=lambda m, beta1, t: 0 * m)


@mended.accepted("both changes from the old weights, in one line")
def _(w, gradients, lr, decay, beta1, beta2, eps):
    m, v, path = 0 * w, 0 * w, np.empty(np.shape(gradients))
    for k in range(len(gradients)):
        m += (1 - beta1) * (gradients[k] - m)
        v += (1 - beta2) * (gradients[k]**2 - v)
        w = w - lr * (m / (1 - beta1**(k + 1)) / (np.sqrt(v / (1 - beta2**(k + 1))) + eps) + decay * w)
        path[k] = w
    return path


@mended.accepted("the averages as sums over all gradients")
def _(w, gradients, lr, decay, beta1, beta2, eps):
    path = []
    for t in range(1, len(gradients) + 1):
        ages = np.arange(t)[::-1, None]
        m = (beta1**ages * gradients[:t]).sum(0) / (beta1**ages).sum()
        v = (beta2**ages * gradients[:t]**2).sum(0) / (beta2**ages).sum()
        w = w * (1 - lr * decay) - lr * m / (v**0.5 + eps)
        path.append(w)
    return path


# ---- warm_cosine -----------------------------------------------------------------------------------------------------

def _schedule_case(rng, turn):
    """Every fifth has no warm-up, every fifth a warm-up of one step."""
    warmup = {1: 0, 2: 1}.get(turn % 5, int(rng.integers(2, 6)))
    low = 0.0 if turn % 4 == 3 else float(rng.choice([0.125, 0.25, 0.375]))
    return warmup + int(rng.integers(3, 12)), warmup, float(rng.choice([0.75, 1.0, 1.5, 2.0])), low


def _half_wave(share):
    return (1 + np.cos(np.pi * share)) / 2


def _warm(steps, warmup, high, low, *, rise=lambda n, high, low: high * np.arange(1, n + 1) / n,
          share=lambda n, w: np.arange(n) / n, fall=lambda share, high, low: low + (high - low) * _half_wave(share)):
    return np.concatenate([rise(warmup, high, low), fall(share(steps - warmup, warmup), high, low)])


cosine = Question(
    "warm_cosine", title="Up in a line, down along a cosine", points=2,
    asks="Write `warm_cosine(steps, warmup, high, low)`: the learning rate of each step, with a warm-up and then a "
         "cosine.",
    reference=_warm, cases=_schedule_case,
    minutes=15, level=1,
    text=r"""
        The steps are 0, …, `steps` − 1. In the first `warmup` of them the rate rises by the same amount from step to
        step, beginning with that amount itself, not with 0, and is `high` in the last of them. Step number `warmup`,
        the next one, has the rate `high` again; from there on the rate falls along half a wave of the cosine, which
        would be at `low` at step `steps`, if there were such a step. `warmup` may be 0, and is less than `steps`.
        Return an array (steps,).
    """,
    hints={
        "The last rate is too small":
            "The wave ends one step after the last one: the last step is still above `low`.",
        "There is a jump where the warm-up ends":
            "The wave begins at step `warmup`, so count its steps from there, and its length as well.",
        "NumPy warns of a division by zero":
            "Without a warm-up there is no first part. `np.arange(1, warmup + 1)` is empty then, and dividing an empty "
            "array is no problem.",
    },
)


@cosine.solution
def warm_cosine(steps, warmup, high, low):
    """int, int, two numbers  →  (steps,)"""
    rise = high * np.arange(1, warmup + 1) / warmup
    share = np.arange(steps - warmup) / (steps - warmup)
    fall = low + (high - low) * (1 + np.cos(np.pi * share)) / 2
    return np.concatenate([rise, fall])


def _other(name, hint, **parts):
    @cosine.mistake(name, hint=hint)
    def _(*arguments):
        return _warm(*arguments, **parts)


def _less(n, w):
    return np.arange(n) / max(n - 1, 1)


_other("the warm-up begins at 0", "A step at rate 0 is wasted: the first one has the first stage, high/warmup.",
       rise=lambda n, high, low: high * np.arange(n) / max(n, 1))
_other("the warm-up runs from 0 to the highest rate", "n steps make n stages of the same height: high/n, 2·high/n, …",
       rise=lambda n, high, low: np.linspace(0, high, n))
_other("the warm-up is late by one step", "The last step of the warm-up has the rate `high`.",
       rise=lambda n, high, low: high * np.arange(1, n + 1) / (n + 1))
_other("the warm-up begins at the lowest rate", "It rises as if from 0; `low` is where the wave ends.",
       rise=lambda n, high, low: low + (high - low) * np.arange(1, n + 1) / max(n, 1))
_other("the warm-up rises by high in each step", "Divide by the number of its steps.",
       rise=lambda n, high, low: high * np.arange(1, n + 1))
_other("the warm-up is multiplied by its length", "Divide by the number of its steps.",
       rise=lambda n, high, low: high * np.arange(1, n + 1) * n)
_other("the warm-up is at the highest rate at once", "It rises in equal stages.",
       rise=lambda n, high, low: np.full(n, high))
_other("the warm-up does not know the highest rate", "Its stages are high/warmup.",
       rise=lambda n, high, low: np.arange(1, n + 1) / max(n, 1))
_other("high is added in the warm-up", "The stages are multiples of high/warmup.",
       rise=lambda n, high, low: high + np.arange(1, n + 1) / max(n, 1))
_other("the warm-up runs backwards", "The rate rises.",
       rise=lambda n, high, low: high * np.arange(n, 0, -1) / max(n, 1))
_other("the last step is at the lowest rate",
       "The wave would reach `low` one step later: divide by the number of its steps, not by one less.", share=_less)
_other("the wave is too long by one step", "It has steps − warmup steps, and would be at `low` right behind them.",
       share=lambda n, w: np.arange(n) / (n + 1))
_other("the wave falls too fast by one step", "Its first step is at `high`, its share 0.",
       share=lambda n, w: np.arange(1, n + 1) / n)
_other("the wave is as long as the whole training", "It has the steps that the warm-up leaves: steps − warmup.",
       share=lambda n, w: np.arange(n) / (n + w))
_other("the wave began with the training", "It begins at step `warmup` and has steps − warmup steps.",
       share=lambda n, w: np.arange(w, n + w) / (n + w))
_other("the wave counts the steps of the warm-up", "Count from the end of the warm-up: its first share is 0.",
       share=lambda n, w: np.arange(w, n + w) / n)
_other("the wave is too long by two warm-ups", "It has steps − warmup steps.",
       share=lambda n, w: np.arange(n) / (n + 2 * w))
_other("the wave is multiplied by its length", "The share goes from 0 to 1: divide.",
       share=lambda n, w: np.arange(n) * n)
_other("the wave is not divided by its length", "The share goes from 0 to 1.", share=lambda n, w: np.arange(n))
_other("it is a whole wave", "Half a wave goes from 1 down to −1: the cosine from 0 to π.",
       fall=lambda share, high, low: low + (high - low) * _half_wave(2 * share))
_other("it is a quarter of a wave", "Half a wave goes from 1 down to −1: 1 + cos(π·share), divided by 2.",
       fall=lambda share, high, low: low + (high - low) * np.cos(np.pi / 2 * share))
_other("π is forgotten", "The cosine takes an angle: share·π.",
       fall=lambda share, high, low: low + (high - low) * _half_wave(share / np.pi))
_other("π is added", "The cosine takes the angle share·π.",
       fall=lambda share, high, low: low + (high - low) * _half_wave(share / np.pi + 1))
_other("the half is forgotten", "1 + cos goes from 2 down to 0.",
       fall=lambda share, high, low: low + (high - low) * 2 * _half_wave(share))
_other("the half is multiplied", "1 + cos goes from 2 down to 0: divide by 2.",
       fall=lambda share, high, low: low + (high - low) * 4 * _half_wave(share))
_other("the wave goes below the lowest rate", "cos goes down to −1, 1 + cos down to 0.",
       fall=lambda share, high, low: low + (high - low) * np.cos(np.pi * share) / 2)
_other("the wave rises", "It falls from `high` to `low`.",
       fall=lambda share, high, low: low + (high - low) * _half_wave(1 - share))
_other("it is a sine", "The wave that begins at its height is the cosine.",
       fall=lambda share, high, low: low + (high - low) * (1 + np.sin(np.pi * share)) / 2)
_other("it falls in a line", "It falls along a cosine: slowly, fast, slowly.",
       fall=lambda share, high, low: high - (high - low) * share)
_other("the lowest rate is added on top",
       "Then the wave begins at high + low. Between `high` and `low` lies high − low.",
       fall=lambda share, high, low: low + high * _half_wave(share))
_other("the lowest rate is forgotten", "The wave ends at `low`, not at 0.",
       fall=lambda share, high, low: high * _half_wave(share))
_other("the wave ends at 0, and begins too low", "Add `low`: the wave goes from `high` to `low`.",
       fall=lambda share, high, low: (high - low) * _half_wave(share))
_other("low is subtracted", "The wave goes from `high` to `low`: low + (high − low)·…",
       fall=lambda share, high, low: low - (high - low) * _half_wave(share))
_other("the range is added", "Between `high` and `low` lies high − low, and the wave multiplies it.",
       fall=lambda share, high, low: low + (high + low) * _half_wave(share))
_other("the rate is cut off at the lowest one", "The wave itself ends at `low`; it is not one that ends at 0, cut off.",
       fall=lambda share, high, low: np.maximum(low, high * _half_wave(share)))
_other("it stays at the highest rate", "From step `warmup` on it falls.",
       fall=lambda share, high, low: np.full(len(share), high))


@cosine.mistake("there is no warm-up", hint="In the first `warmup` steps the rate rises.")
def _(steps, warmup, high, low):
    return _warm(steps, 0, high, low)


@cosine.mistake("the warm-up comes last", hint="First the rate rises, then it falls.")
def _(steps, warmup, high, low):
    rates = _warm(steps, warmup, high, low)
    return np.concatenate([rates[warmup:], rates[:warmup]])


@cosine.accepted("step by step")
def _(steps, warmup, high, low):
    rates = np.empty(steps)
    for t in range(steps):
        if t < warmup:
            rates[t] = high * (t + 1) / warmup
        else:
            rates[t] = low + (high - low) * (1 + np.cos(np.pi * (t - warmup) / (steps - warmup))) / 2
    return rates


@cosine.accepted("by the square of a cosine, in one array")
def _(steps, warmup, high, low):
    t = np.arange(steps)
    wave = np.cos(np.pi / 2 * (t - warmup) / (steps - warmup)) ** 2
    return np.where(t < warmup, high * (t + 1) / max(warmup, 1), high * wave + low * (1 - wave))


# ---- design_momentum -------------------------------------------------------------------------------------------------

def _momentum(low, high, rate=None):
    a, b = np.sqrt(low), np.sqrt(high)
    return np.array([(2 / (a + b))**2, ((b - a) / (b + a))**2])


def _momentum_case(rng):
    """From narrow to very narrow ravines of any steepness. The best rate, and a twentieth of what is left to 1."""
    low = float(rng.choice([0.0625, 0.125, 0.5, 2.0, 3.0]))
    high = low * float(rng.choice([12, 20, 50, 100, 250]))
    best = np.sqrt(_momentum(low, high)[1])
    return low, high, float(best + 0.05 * (1 - best))


def _shrinks(lr, momentum, curvature):
    """By what the error is multiplied in each step, in the long run: the larger root of z² − (1 + β − ηc)z + β."""
    half = (1 + momentum - lr * curvature) / 2
    inside = half**2 - momentum
    return np.where(inside < 0, np.sqrt(np.abs(momentum)), np.abs(half) + np.sqrt(np.maximum(inside, 0)))


def _momentum_properties(answer, low, high, rate):
    if answer.shape != (2,):
        raise ValueError("the answer must be two numbers, the learning rate and the momentum; its shape is "
                         f"{answer.shape}")
    if not np.isfinite(answer).all() or np.abs(answer).max() > 1e6:
        raise ValueError("the learning rate and the momentum must be finite numbers, and not huge")
    share = np.linspace(0, 1, 201)
    curvature = low * (high / low)**share
    shrinks = _shrinks(*answer.astype(float), curvature)
    fast = shrinks <= rate + 1e-6
    return {"the flattest direction shrinks fast enough": float(fast[0]),
            "the middle one does": float(fast[100]),
            "the steepest one does": float(fast[-1]),
            "all between them do": float(fast.all()),
            "in no direction does the error grow": float((shrinks < 1).all())}


design = Question(
    "design_momentum", title="One momentum for a whole ravine", points=3, kind="design",
    asks="Design `design_momentum(low, high, rate)`: a learning rate and a momentum with which the error shrinks at "
         "least by the factor `rate` a step, in all directions of a ravine whose curvatures lie from `low` to `high`.",
    reference=_momentum, cases=_momentum_case, measure=_momentum_properties,
    minutes=30, level=3,
    text=r"""
        Along a direction of curvature $c$ the gradient is $c\,x$, and one step of SGD with momentum is

        $$b \leftarrow \beta b + c\,x, \qquad x \leftarrow x - \eta\, b .$$

        After many steps each one multiplies the error by the modulus of the larger root $z$ of

        $$z^2 - (1 + \beta - \eta c)\, z + \beta = 0 .$$

        It is to be at most `rate` for every $c$ from `low` to `high`, and `rate` is chosen so that no learning rate
        without momentum does it. Return an array of two numbers, η and β.
    """,
    hints={
        "Where to begin":
            "The product of the two roots is β. If they are complex, both have the same modulus. Which, whatever c?",
        "The middle is fast, the flattest and the steepest are not":
            "There the roots are real. They are complex where (1 + β − ηc)² < 4β. Between which two values of ηc is "
            "that, in terms of √β?",
        "It is all a bit too slow":
            "A larger β makes the complex range wider, and every direction in it slower. Take the smallest β whose "
            "range reaches from `low` to `high`.",
    },
)


@design.solution
def design_momentum(low, high, rate):
    """→ (2,): learning rate and momentum"""
    a, b = np.sqrt(low), np.sqrt(high)
    lr = (2 / (a + b))**2
    momentum = ((b - a) / (b + a))**2
    return np.array([lr, momentum])


# of a design only its properties are seen: the names say which are missed, the hints what that usually means
design.mistake("the flattest and the steepest direction are too slow",
               hint="The momentum is too small for this ravine, or there is none: at both ends the roots are real.")(
    lambda low, high, rate: [2 / (low + high), 0.0])
design.mistake("everything is too slow, though nothing grows",
               hint="Where the roots are complex, the error shrinks by √β a step: is the momentum too large? Where "
                    "they are real in all directions, the learning rate is far too small.")(
    lambda low, high, rate: [_momentum(low, high)[0], _momentum(low, high)[1]**0.5])
design.mistake("only the flattest direction is too slow",
               hint="The learning rate is too small: η·low has to be at least (1 − √β)².")(
    lambda low, high, rate: [_momentum(low, high)[0] / 1.5, _momentum(low, high)[1]])
design.mistake("the steepest direction grows",
               hint="The learning rate is too large: beyond η·high = 2(1 + β) the error grows, and from (1 + √β)² on "
                    "the roots are real.")(
    lambda low, high, rate: [2.5 * _momentum(low, high)[0], _momentum(low, high)[1]])
design.mistake("the steepest direction is too slow, and does not grow",
               hint="The learning rate is a little too large: η·high may be at most (1 + √β)².")(
    lambda low, high, rate: [((1 + rate)**2 + 2 * (1 + rate**2)) / 2 / high, rate**2])
design.mistake("no direction is fast enough, and in some the error grows",
               hint="It grows where η·c is above 2(1 + β), and everywhere if β is 1 or more. Keep both below that: the "
                    "learning rate first.")(
    lambda low, high, rate: [_momentum(low, high)[0], 1.5])


@design.accepted("the momentum from the rate, the middle of the learning rates that are left")
def _(low, high, rate):
    least, most = (1 - rate)**2 / low, (1 + rate)**2 / high
    return [np.sqrt(least * most), rate**2]


@design.accepted("tried out")
def _(low, high, rate):
    curvature = np.geomspace(low, high, 60)
    tried = [(np.abs([np.roots([1, -(1 + beta - lr * c), beta]) for c in curvature[[0, -1]]]).max(), lr, beta)
             for beta in np.linspace(rate - 0.02, rate, 5)**2 for lr in np.linspace(1, 4, 150) / high]
    return min(tried)[1:]


QUESTIONS = [he, adam, uncorrected, mended, cosine, design]
