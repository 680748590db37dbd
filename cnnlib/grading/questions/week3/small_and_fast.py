"""Week 3: the questions of the notebook `small_and_fast`."""

import numpy as np

from ...question import Question
from ..cases import numbers

# ---- round_trip ------------------------------------------------------------------------------------------------------


def _clear(values):
    """Whether no number lies so near to a half that another way to compute it could round it the other way."""
    return np.all(np.abs(values % 1 - 0.5) > 0.04)


def _trip_case(rng, turn):
    """A range on both sides of 0, above it, below it, in turn; some of the numbers lie far beyond the range. Where 0 is
    inside, the zero point is rounded up and down in turn.
    """
    shape = [(9,), (3, 4), (2, 5)][turn % 3]
    while True:
        bits = int(rng.integers(2, 7))
        low, high = [(-0.75, 1.5), (0.25, 1.75), (-2.0, -0.5), (-1.75, 0.5)][turn % 4] * rng.uniform(0.7, 1.5, 2)
        scale = (max(high, 0) - min(low, 0)) / (2**bits - 1)
        x = rng.uniform(low, high, shape)
        x.flat[:2] = high + rng.uniform(1, 4), low - rng.uniform(1, 4)
        up = turn % 4 in (1, 2) or (-low / scale % 1 > 0.5) == (turn % 8 < 4)
        if up and _clear(x.astype(np.float32) / scale) and _clear(-min(low, 0) / scale):
            return rng.permutation(x.ravel()).reshape(shape), float(low), float(high), bits


def _trip(x, low, high, bits, *, widen=lambda low, high: (min(low, 0), max(high, 0)), top=lambda b: 2**b - 1,
          steps=None, zero=lambda low, scale: np.round(-low / scale), whole=np.round,
          clip=lambda q, z, top: np.clip(q + z, 0, top), back=lambda q, z, scale: scale * (q - z)):
    """Down to integers and back; each part may be another."""
    low, high = widen(low, high)
    scale = (high - low) / (steps or top)(bits)
    z = zero(low, scale)
    return back(clip(whole(x / scale), z, top(bits)), z, scale)


trip = Question(
    "round_trip", title="Down to integers and back", points=2,
    asks="Write `round_trip(x, low, high, bits)`: what is left of the numbers of an array when each of them has to be "
         "stored as an integer of `bits` bits.",
    reference=_trip, cases=_trip_case,
    minutes=15, level=1, practice=True,
    text=r"""
        The integers are 0, 1, …, $2^b - 1$. One that is stored as $q$ stands for the number $\Delta\,(q - z)$. The step
        $\Delta$ is such that the first and the last integer are as far apart as the ends of the range from `low` to
        `high`, which first has to be widened so that it holds 0, if it does not. The zero point $z$ is the integer that
        is nearest to where 0 would lie, so that 0 itself is met exactly. Each number is rounded to the nearest
        multiple of Δ; numbers beyond the range get the first or the last integer. Return the numbers that the integers
        stand for, an array of the shape of `x`.
    """,
    hints={
        "Where do I begin?":
            "Widen the range. Then count the gaps between $2^b$ integers: that gives Δ. Then z = round(−low/Δ).",
        "All is right but one end of the range is missing":
            "In which order? Round x/Δ, add z, and only then clip to 0 … $2^b - 1$.",
        "It is right only where the range holds 0":
            "`low = min(low, 0)` and `high = max(high, 0)`.",
    },
)


@trip.solution
def round_trip(x, low, high, bits):
    """an array, two numbers, int  →  an array of the same shape"""
    low, high = min(low, 0), max(high, 0)
    top = 2**bits - 1
    scale = (high - low) / top
    zero = round(-low / scale)
    q = np.clip(np.round(x / scale) + zero, 0, top)
    return scale * (q - zero)


def _other_trip(name, hint, **parts):
    @trip.mistake(name, hint=hint)
    def _(x, low, high, bits):
        return _trip(x, low, high, bits, **parts)


_other_trip("there is no zero point, or it is added after the clipping",
            "round(x/Δ) may be negative. Add z first, then clip to the integers that there are.",
            clip=lambda q, z, top: np.clip(q, 0, top) + z)
_other_trip("the range does not hold 0", "Padding and ReLU make zeros, and they have to be met exactly: widen it.",
            widen=lambda low, high: (low, high))
_other_trip("only the lower end is widened", "A range below 0 has to be widened at its upper end.",
            widen=lambda low, high: (min(low, 0), high))
_other_trip("only the upper end is widened", "A range above 0 has to be widened at its lower end.",
            widen=lambda low, high: (low, max(high, 0)))
_other_trip("the range is narrowed", "min(low, 0) is the lower end: the smaller of the two.",
            widen=lambda low, high: (max(low, 0), min(high, 0)))
_other_trip("the lower end becomes 0", "A range below 0 keeps its lower end.",
            widen=lambda low, high: (0, max(high, 0)))
_other_trip("the upper end becomes 0", "A range above 0 keeps its upper end.",
            widen=lambda low, high: (min(low, 0), 0))
_other_trip("the lower end is the larger one", "min(low, 0): the lower end may only go down.",
            widen=lambda low, high: (max(low, 0), max(high, 0)))
_other_trip("the upper end is the smaller one", "max(high, 0): the upper end may only go up.",
            widen=lambda low, high: (min(low, 0), min(high, 0)))
_other_trip("it is cut off, not rounded", "To the nearest integer: the error is to be half a step at most.",
            whole=np.trunc)
_other_trip("it is rounded down", "To the nearest integer: the error is to be half a step at most.", whole=np.floor)
_other_trip("it is rounded up", "To the nearest integer: the error is to be half a step at most.", whole=np.ceil)
_other_trip("nothing is rounded", "Only the ends are clipped here. Integers have to be whole.", whole=lambda q: q)
_other_trip("there are 2ᵇ steps", "Between 2ᵇ integers there are 2ᵇ − 1 gaps.", steps=lambda b: 2**b)
_other_trip("there is one integer too many", "With b bits the largest integer is 2ᵇ − 1.", top=lambda b: 2**b)
_other_trip("there is one integer too few", "With b bits the largest integer is 2ᵇ − 1.", top=lambda b: 2**b - 2)
_other_trip("there are two integers too many", "With b bits the largest integer is 2ᵇ − 1.", top=lambda b: 2**b + 1)
_other_trip("there are only two integers", "b bits have 2ᵇ patterns.", top=lambda b: 1)
_other_trip("the number of integers is the number of bits", "b bits have 2ᵇ patterns.", top=lambda b: b - 1)
_other_trip("base and exponent are exchanged", "b bits have 2ᵇ patterns, not b².", top=lambda b: b**2 - 1)
_other_trip("the step is the whole range", "Divide the range by the number of its gaps, 2ᵇ − 1.", steps=lambda b: 1)
_other_trip("a bit is lost to a sign", "The integers are 0 … 2ᵇ − 1.", top=lambda b: 2**(b - 1) - 1)
_other_trip("the number of integers is twice the bits", "b bits have 2ᵇ patterns, not 2·b.", top=lambda b: 2 * b - 1)
_other_trip("the zero point is added on the way back", "An integer q stands for Δ·(q − z).",
            back=lambda q, z, scale: scale * (q + z))
_other_trip("the zero point is not multiplied by the step", "An integer q stands for Δ·(q − z): z is an integer too.",
            back=lambda q, z, scale: scale * q - z)
_other_trip("the zero point is added, and not multiplied by the step", "An integer q stands for Δ·(q − z).",
            back=lambda q, z, scale: scale * q + z)
_other_trip("the zero point is not taken back", "An integer q stands for Δ·(q − z).",
            back=lambda q, z, scale: scale * q)
_other_trip("these are the integers", "On the way back an integer q becomes the number Δ·(q − z).",
            back=lambda q, z, scale: q)
_other_trip("these are the integers without their zero point", "On the way back multiply by Δ.",
            back=lambda q, z, scale: q - z)
_other_trip("the zero point is negative", "z = −low/Δ, rounded: low is at most 0, so z is at least 0.",
            zero=lambda low, scale: np.round(low / scale))
_other_trip("the zero point is no integer", "Round −low/Δ.", zero=lambda low, scale: -low / scale)
_other_trip("the zero point is rounded down", "To the nearest integer: int(…) and // cut off.",
            zero=lambda low, scale: np.floor(-low / scale + 1e-9))
_other_trip("the zero point is rounded up", "To the nearest integer.",
            zero=lambda low, scale: np.ceil(-low / scale - 1e-9))
_other_trip("the zero point is the end of the range", "Count it in steps: −low/Δ, rounded.",
            zero=lambda low, scale: np.round(-low))
_other_trip("the zero point is multiplied by the step", "How many steps is 0 away from `low`? Divide.",
            zero=lambda low, scale: np.round(-low * scale))
_other_trip("the first integer is not used", "The integers are 0 … 2ᵇ − 1.",
            clip=lambda q, z, top: np.clip(q + z, 1, top))
_other_trip("there is an integer below 0", "The integers are 0 … 2ᵇ − 1.",
            clip=lambda q, z, top: np.clip(q + z, -1, top))
_other_trip("every number is stored as 0", "q = round(x/Δ) + z: x is missing.",
            clip=lambda q, z, top: 0 * q + z)
_other_trip("nothing is clipped", "Numbers beyond the range have no integer of their own.",
            clip=lambda q, z, top: q + z)
_other_trip("only the upper end is clipped", "Below 0 there is no integer.",
            clip=lambda q, z, top: np.minimum(q + z, top))
_other_trip("only the lower end is clipped", "Above 2ᵇ − 1 there is no integer.",
            clip=lambda q, z, top: np.maximum(q + z, 0))
_other_trip("what is beyond wraps around", "That is what an overflow does. Clip instead.",
            clip=lambda q, z, top: (q + z) % (top + 1))
_other_trip("it is clipped without the zero point", "Add z before clipping: the integers are 0 … 2ᵇ − 1.",
            clip=lambda q, z, top: np.clip(q, 0, top))
_other_trip("the zero point is subtracted on the way down", "0 becomes z: q = round(x/Δ) + z.",
            clip=lambda q, z, top: np.clip(q - z, 0, top))
_other_trip("it is clipped to signed integers", "The integers are 0 … 2ᵇ − 1.",
            clip=lambda q, z, top: np.clip(q + z, -(top + 1) // 2, top // 2))


def _scaled_trip(name, hint):
    def register(scale):
        @trip.mistake(name, hint=hint)
        def _(x, low, high, bits):
            low, high, top = min(low, 0), max(high, 0), 2**bits - 1
            step = scale(low, high, top)
            zero = np.round(-low / step)
            return step * (np.clip(np.round(x / step) + zero, 0, top) - zero)
    return register


_scaled_trip("the ends are added", "How far are they apart? high − low.")(lambda low, high, top: (high + low) / top)
_scaled_trip("the lower end is left out of the step", "The range is high − low.")(lambda low, high, top: high / top)
_scaled_trip("the upper end is left out of the step", "The range is high − low.")(lambda low, high, top: low / top)
_scaled_trip("the step is negative", "The range is high − low.")(lambda low, high, top: (low - high) / top)
_scaled_trip("the step is upside down", "Divide the range by the number of gaps.")(
    lambda low, high, top: top / (high - low))


@trip.mistake("x is not divided by the step", hint="How many steps is x? Divide by Δ, and then round.")
def _(x, low, high, bits):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / (2**bits - 1)
    return _trip(x * scale, low, high, bits)


@trip.mistake("it is multiplied by the step on the way down", hint="How many steps is x? Divide by Δ.")
def _(x, low, high, bits):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / (2**bits - 1)
    return _trip(x * scale**2, low, high, bits)


@trip.mistake("the lower end is met exactly, and 0 is not",
              hint="x − low is rounded here, so the levels begin at low. Round x/Δ: then 0 is one of them.")
def _(x, low, high, bits):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / (2**bits - 1)
    return low + scale * np.clip(np.round((x - low) / scale), 0, 2**bits - 1)


@trip.mistake("that is the symmetric rule", hint="Here the range is used as it is, with a zero point.")
def _(x, low, high, bits):
    top = 2**(bits - 1) - 1
    scale = max(abs(low), abs(high)) / top
    return scale * np.clip(np.round(x / scale), -top, top)


@trip.mistake("the range is that of the numbers", hint="The range is given: it was found on other numbers.")
def _(x, low, high, bits):
    return _trip(x, x.min(), x.max(), bits)


@trip.accepted("the levels first, and for each number the nearest")
def _(x, low, high, bits):
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1)
    levels = scale * (np.arange(2**bits) - np.rint(-low / scale))
    return levels[np.abs(x[..., None] - levels).argmin(-1)]


@trip.accepted("the ends are clipped as numbers")
def _(x, low, high, bits):
    scale = (max(high, 0) - min(low, 0)) / (2**bits - 1)
    first = -np.floor(-min(low, 0) / scale + 0.5)
    return np.floor(np.minimum(np.maximum(x, scale * first), scale * (first + 2**bits - 1)) / scale + 0.5) * scale


# ---- soft_loss -------------------------------------------------------------------------------------------------------

def _logit_case(rng, turn):
    n, classes = [(3, 5), (4, 3), (2, 6)][turn % 3]
    return numbers(rng, (n, classes)), numbers(rng, (n, classes)), float(rng.choice([0.75, 1.5, 2.0, 3.0, 4.0]))


def _log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def _soft(student, teacher, temperature, *, above=None, below=None, mean=lambda kl: kl.sum(1).mean(),
          factor=lambda t: t**2, kl=lambda q, p: np.exp(q) * (q - p)):
    """The loss of distillation; above and below: the temperature of the teacher and of the student."""
    log_q = _log_softmax(teacher / (temperature if above is None else above))
    log_p = _log_softmax(student / (temperature if below is None else below))
    return factor(temperature) * mean(kl(log_q, log_p))


def _reverse(q, p):
    return np.exp(p) * (p - q)


soft = Question(
    "soft_loss", title="A loss of distillation with three faults", points=2, kind="mend",
    asks="Mend `soft_loss(student, teacher, temperature)`: the soft part of the loss with which a student learns from "
         "a teacher.",
    reference=_soft, cases=_logit_case,
    minutes=15, level=2, practice=True,
    text=r"""
        It runs, and it has three faults. `student` and `teacher` are logits (N, C). With $q$ and $p$ the softmax of the
        teacher's and of the student's logits, each divided by the temperature τ, the loss of one image is

        $$\begin{aligned}
        &\tau^2\, \mathrm{KL}(q \,\|\, p) \\
        &\quad = \tau^2 \sum_c q_c\, (\log q_c - \log p_c) ,
        \end{aligned}$$

        and that of a batch is the mean over its images. Return a number.
    """,
    hints={
        "It is about C times too small":
            "Which axis is summed, and over which is the mean?",
        "It is 0 where it should be, and wrong elsewhere":
            "Which of the two distributions weighs the differences of the logarithms?",
        "It is right for τ = 1 only":
            "τ divides the logits of both, and its square stands in front.",
    },
)


@soft.given("as given: all three faults are there",
            hint="Over what is the mean? Which way round is the KL divergence? And what happens to τ at the end?")
def _(student, teacher, temperature):
    """(N, C), (N, C), a number  →  a number"""
    def softmax(z):
        z = np.exp(z - z.max(1, keepdims=True))
        return z / z.sum(1, keepdims=True)

    p = softmax(student / temperature)
    q = softmax(teacher / temperature)
    return np.mean(p * (np.log(p) - np.log(q)))


@soft.solution
def soft_loss(student, teacher, temperature):
    """(N, C), (N, C), a number  →  a number"""
    def softmax(z):
        z = np.exp(z - z.max(1, keepdims=True))
        return z / z.sum(1, keepdims=True)

    p = softmax(student / temperature)
    q = softmax(teacher / temperature)
    kl = np.sum(q * (np.log(q) - np.log(p)), axis=1)           # (N,)
    return temperature**2 * np.mean(kl)


def _other_soft(name, hint, **parts):
    @soft.mistake(name, hint=hint)
    def _(student, teacher, temperature):
        return _soft(student, teacher, temperature, **parts)


def _no_factor(t):
    return 1.0


_other_soft("the mean is over all numbers", "Sum over the classes, and take the mean over the images only: else it is "
            "C times too small. In PyTorch that is \"batchmean\".", mean=np.mean)
_other_soft("the square of the temperature is missing", "The gradient falls as 1/τ²: multiply by τ².",
            factor=_no_factor)
_other_soft("the KL divergence is the wrong way round", "The teacher's q is the weight: Σ q·(log q − log p).",
            kl=_reverse)
_other_soft("the mean is over all numbers, and τ² is missing", "The divergence is the right way round now. Sum over "
            "the classes, and multiply by τ².", mean=np.mean, factor=_no_factor)
_other_soft("the mean is over all numbers, and the divergence the wrong way round",
            "τ² is there now. Sum over the classes, and weigh by the teacher.", mean=np.mean, kl=_reverse)
_other_soft("the divergence is the wrong way round, and τ² is missing", "The mean is right now. Weigh by the teacher, "
            "and multiply by τ².", factor=_no_factor, kl=_reverse)
_other_soft("it is a sum, not a mean", "Take the mean over the images.", mean=np.sum)
_other_soft("the sum is over the images, the mean over the classes", "Sum along axis 1, the classes.",
            mean=lambda kl: kl.sum(0).mean())
_other_soft("it is multiplied by τ, not by its square", "The gradient falls as 1/τ².", factor=lambda t: t)
_other_soft("it is divided by the square of the temperature", "The gradient falls as 1/τ²: multiply to make up for it.",
            factor=lambda t: t**-2)
_other_soft("τ is doubled, not squared", "The gradient falls as 1/τ²: multiply by τ².", factor=lambda t: 2 * t)
_other_soft("it is the cube of the temperature", "The gradient falls as 1/τ²: multiply by τ².", factor=lambda t: t**3)
_other_soft("base and exponent are exchanged", "τ², not 2 to the power of τ.", factor=lambda t: 2**t)
_other_soft("it is doubled, whatever the temperature", "Multiply by τ².", factor=lambda t: 2)
_other_soft("the teacher is not softened", "Both logits are divided by τ.", above=1.0)
_other_soft("the student is not softened", "Both logits are divided by τ.", below=1.0)
_other_soft("neither is softened", "Both logits are divided by τ.", above=1.0, below=1.0)
_other_soft("the entropy of the teacher is left out",
            "That is the cross-entropy. Its gradient is the same, but it is not 0 when the student agrees.",
            kl=lambda q, p: -np.exp(q) * p)
_other_soft("only the teacher's entropy is there", "Subtract log p: it is the difference that counts.",
            kl=lambda q, p: np.exp(q) * q)
_other_soft("that is the cross-entropy with the wrong sign", "Σ q·(log q − log p): the entropy is missing as well.",
            kl=lambda q, p: np.exp(q) * p)
_other_soft("the probabilities are added to the logarithms", "q is a weight: multiply.",
            kl=lambda q, p: np.exp(q) + q - p)
_other_soft("the sign is wrong", "A divergence is at least 0: log q − log p.", kl=lambda q, p: np.exp(q) * (p - q))
_other_soft("the logarithms are not weighed", "Each difference is multiplied by q.", kl=lambda q, p: q - p)
_other_soft("the logarithms are added", "log q − log p.", kl=lambda q, p: np.exp(q) * (q + p))
_other_soft("the logarithm is missing", "log q − log p, not q − p.",
            kl=lambda q, p: np.exp(q) * (np.exp(q) - np.exp(p)))
_other_soft("the logarithm of q is missing", "log q − log p.", kl=lambda q, p: np.exp(q) * (np.exp(q) - p))
_other_soft("the logarithm of p is missing", "log q − log p.", kl=lambda q, p: np.exp(q) * (q - np.exp(p)))


@soft.mistake("the logits are multiplied by the temperature", hint="A high temperature softens: divide by τ.")
def _(student, teacher, temperature):
    return _soft(student, teacher, temperature, above=1 / temperature, below=1 / temperature)


@soft.mistake("the teacher is sharpened, not softened", hint="A high temperature softens: divide by τ.")
def _(student, teacher, temperature):
    return _soft(student, teacher, temperature, above=1 / temperature)


@soft.mistake("the student is sharpened, not softened", hint="A high temperature softens: divide by τ.")
def _(student, teacher, temperature):
    return _soft(student, teacher, temperature, below=1 / temperature)


@soft.mistake("τ² is added", hint="Multiply by τ².")
def _(student, teacher, temperature):
    return temperature**2 + _soft(student, teacher, temperature, factor=_no_factor)


@soft.mistake("that is one number for each image", hint="Take the mean over the images.")
def _(student, teacher, temperature):
    return _soft(student, teacher, temperature, mean=lambda kl: kl.sum(1))


def _divided(name, hint):
    """A mistake in how a softmax is made of exp(z)."""
    def register(function):
        @soft.mistake(name, hint=hint)
        def _(student, teacher, temperature):
            q, p = (function(np.exp(z / temperature - (z / temperature).max(1, keepdims=True)))
                    for z in (teacher, student))
            return temperature**2 * (q * (np.log(q) - np.log(p))).sum(1).mean()
    return register


_divided("the probabilities do not sum to 1", "Divide the exponentials by their sum.")(lambda z: z)
_divided("the probabilities have the mean 1", "Divide the exponentials by their sum, not by their mean.")(
    lambda z: z / z.mean(1, keepdims=True))
_divided("softmax divides by the sum over the images", "Sum along axis 1, the classes.")(
    lambda z: z / z.sum(0, keepdims=True))
_divided("softmax multiplies by the sum", "Divide the exponentials by their sum.")(
    lambda z: z * z.sum(1, keepdims=True))
_divided("softmax is upside down", "exp(z) stands above, the sum below.")(lambda z: z.sum(1, keepdims=True) / z)


@soft.mistake("softmax runs over the images", hint="The classes are axis 1: there the probabilities sum to 1.")
def _(student, teacher, temperature):
    log_q, log_p = (_log_softmax(z.T / temperature).T for z in (teacher, student))
    return temperature**2 * (np.exp(log_q) * (log_q - log_p)).sum(1).mean()


@soft.accepted("by log-softmax")
def _(student, teacher, temperature):
    def log_softmax(z):
        return z - z.max(1, keepdims=True) - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True))

    log_q, log_p = log_softmax(teacher / temperature), log_softmax(student / temperature)
    return temperature**2 / len(student) * np.vdot(np.exp(log_q), log_q - log_p)


@soft.accepted("cross-entropy less entropy, image by image")
def _(student, teacher, temperature):
    total = 0.0
    for s, t in zip(student / temperature, teacher / temperature, strict=True):
        q, p = np.exp(t) / np.exp(t).sum(), np.exp(s) / np.exp(s).sum()
        total += -(q * np.log(p)).sum() + (q * np.log(q)).sum()
    return temperature * temperature * total / len(student)


# ---- fold_norm_before ------------------------------------------------------------------------------------------------

def _fold_case(rng, turn):
    """One, two or three groups; kernels that are not square; more channels out than in, and fewer."""
    groups = [2, 3, 1][turn % 3]
    per_in, per_out = [(2, 3), (3, 2), (1, 2), (2, 1)][turn % 4]
    high, wide = [(2, 3), (1, 2), (3, 1)][turn % 3]
    channels = groups * per_in
    return (numbers(rng, (groups * per_out, per_in, high, wide)), numbers(rng, groups * per_out),
            numbers(rng, channels), numbers(rng, channels), numbers(rng, channels),
            numbers(rng, channels)**2 + 0.25, float(rng.choice([0.125, 0.25, 0.5])))


def _channels_read(out, per_in, groups):
    """Of each output channel, which channels its kernel reads: (O, C/groups)"""
    first = np.arange(out) // (out // groups) * per_in
    return first[:, None] + np.arange(per_in)


def _fold(w, b, gamma, beta, mean, var, eps, *, read=_channels_read, scale=lambda g, v, e: g / np.sqrt(v + e),
          shift=lambda beta, m, s: beta - m * s, bias=lambda b, w, s, t: b + (w * t).sum((1, 2, 3)),
          weight=lambda w, s: w * s):
    """What norm and convolution do together, a row for each channel; each part may be another."""
    s = scale(gamma, var, eps)
    t = shift(beta, mean, s)
    places = read(len(w), w.shape[1], len(gamma) // w.shape[1])
    s, t = s[places][..., None, None], t[places][..., None, None]
    return np.concatenate([weight(w, s).reshape(len(w), -1), bias(b, w, s, t)[:, None]], axis=1)


fold = Question(
    "fold_norm_before", title="A batch norm that stands in front", points=3,
    asks="Write `fold_norm_before(w, b, gamma, beta, mean, var, eps)`: the one convolution that does what a batch norm "
         "in evaluation mode and the convolution behind it do together.",
    reference=_fold, cases=_fold_case,
    minutes=25, level=3,
    text=r"""
        First each channel $c$ of the input goes through the norm, $\gamma_c\, (x_c - \mu_c) / \sqrt{\sigma^2_c +
        \varepsilon} + \beta_c$; then comes the convolution with the weight `w` (C_out, C_in/groups, k_h, k_w) and the
        bias `b` (C_out,), without padding. `gamma`, `beta`, `mean` and `var` have the length C_in, and the number of
        groups follows from the shapes. As in PyTorch the output channels of a group stand together, and so do the
        input channels that they read. Return a matrix with one row for each output channel: its new weights, in the
        order of `w`, and behind them its new bias.
    """,
    hints={
        "Where do I begin?":
            "The norm is s·x + t with a number s and a number t for each channel. Put that in the place of x in the "
            "sum of the convolution, and multiply out.",
        "The weights are right, the biases are not":
            "What a channel adds, t, is multiplied by every tap of the old kernel that lies on it.",
        "It is right for one group only":
            "The kernels of the second group read the second lot of channels. Which s and t belong to these?",
    },
)


@fold.solution
def fold_norm_before(w, b, gamma, beta, mean, var, eps):
    """(C_out, C_in/groups, k_h, k_w), (C_out,), five of the norm
    →  (C_out, C_in/groups·k_h·k_w + 1)"""
    scale = gamma / np.sqrt(var + eps)
    shift = beta - mean * scale
    groups = len(gamma) // w.shape[1]
    rows = []
    for o, kernel in enumerate(w):                   # (C_in/groups, k_h, k_w)
        group = o * groups // len(w)
        s = np.split(scale, groups)[group][:, None, None]
        t = np.split(shift, groups)[group][:, None, None]
        rows.append(np.append(kernel * s, b[o] + np.sum(kernel * t)))
    return np.array(rows)


def _other_fold(name, hint, **parts):
    @fold.mistake(name, hint=hint)
    def _(w, b, gamma, beta, mean, var, eps):
        return _fold(w, b, gamma, beta, mean, var, eps, **parts)


_other_fold("all groups read the first channels", "The second group reads the second lot of channels.",
            read=lambda out, per_in, groups: np.tile(np.arange(per_in), (out, 1)))
_other_fold("the groups take turns", "The output channels of a group stand together: o // (C_out/groups) is the group.",
            read=lambda out, per_in, groups: (np.arange(out) % groups * per_in)[:, None] + np.arange(per_in))
_other_fold("the groups are in the wrong order", "The first group reads the first channels.",
            read=lambda out, per_in, groups: _channels_read(out, per_in, groups)[::-1])
_other_fold("the channels of a group are in the wrong order", "w[o, i] reads channel number i of its group.",
            read=lambda out, per_in, groups: _channels_read(out, per_in, groups)[:, ::-1])
_other_fold("the shift is multiplied by the new weights", "The new weights hold s already. The shift β − μ·s meets the "
            "old ones.", bias=lambda b, w, s, t: b + (w * s * t).sum((1, 2, 3)))
_other_fold("the bias stays", "The norm adds β − μ·s to its channel, and the kernel carries that into the bias.",
            bias=lambda b, w, s, t: b)
_other_fold("the old bias is lost", "The bias of the convolution is added to what the norm brings.",
            bias=lambda b, w, s, t: (w * t).sum((1, 2, 3)))
_other_fold("what the norm adds is subtracted", "The bias grows by the sum of w·(β − μ·s).",
            bias=lambda b, w, s, t: b - (w * t).sum((1, 2, 3)))
_other_fold("only one tap is counted in the bias", "The shift lies under every tap of the kernel: sum over all.",
            bias=lambda b, w, s, t: b + (w * t)[..., 0, 0].sum(1))
_other_fold("the taps are averaged in the bias", "The shift lies under every tap of the kernel: sum over all.",
            bias=lambda b, w, s, t: b + (w * t).mean((2, 3)).sum(1))
_other_fold("only one channel is counted in the bias", "All channels of the group bring something.",
            bias=lambda b, w, s, t: b + (w * t)[:, 0].sum((1, 2)))
_other_fold("the shift is added without the kernel", "What a channel adds is multiplied by the taps that lie on it.",
            bias=lambda b, w, s, t: b + t.sum((1, 2, 3)))
_other_fold("the norm's scale is on the old bias", "The norm stands in front: it does not touch b.",
            bias=lambda b, w, s, t: b * s[:, 0, 0, 0] + (w * t).sum((1, 2, 3)))
_other_fold("only the norm's part of the bias is averaged", "The convolution sums over its taps.",
            bias=lambda b, w, s, t: b + (w * t).mean((1, 2, 3)))
_other_fold("the sum of the kernel is added to the bias", "Each tap is multiplied by the t of its channel.",
            bias=lambda b, w, s, t: b + w.sum((1, 2, 3)))
_other_fold("the kernel and the shift are added in the bias", "Each tap is multiplied by the t of its channel.",
            bias=lambda b, w, s, t: b + (w + t).sum((1, 2, 3)))
_other_fold("only the scales are left", "Each weight is multiplied by the s of its channel.",
            weight=lambda w, s: 0 * w + s)
_other_fold("the weights stay", "Each weight is multiplied by the s of the channel that it reads.",
            weight=lambda w, s: w)
_other_fold("the weights are divided by the scale", "w·(s·x + t) = (w·s)·x + w·t.", weight=lambda w, s: w / s)
_other_fold("the scale is added to the weights", "w·(s·x + t) = (w·s)·x + w·t.", weight=lambda w, s: w + s)
_other_fold("β is missing", "The norm is s·x + t with t = β − μ·s.", shift=lambda beta, m, s: -m * s)
_other_fold("the mean is missing", "The norm is s·x + t with t = β − μ·s.", shift=lambda beta, m, s: beta)
_other_fold("the mean is added", "t = β − μ·s.", shift=lambda beta, m, s: beta + m * s)
_other_fold("β is missing, and the sign is wrong", "t = β − μ·s.", shift=lambda beta, m, s: m * s)
_other_fold("the scale takes the place of the mean", "t = β − μ·s.", shift=lambda beta, m, s: beta - s)
_other_fold("mean and scale are added", "t = β − μ·s.", shift=lambda beta, m, s: beta - (m + s))
_other_fold("the mean of all channels is subtracted", "Each channel has its own: t = β − μ·s, number by number.",
            shift=lambda beta, m, s: beta - m @ s)
_other_fold("the variance is missing", "s = γ / √(σ² + ε).", scale=lambda g, v, e: g / np.sqrt(e))
_other_fold("the mean is not scaled", "The norm subtracts the mean first and scales then: t = β − μ·s.",
            shift=lambda beta, m, s: beta - m)
_other_fold("the mean is divided by the scale", "t = β − μ·s.", shift=lambda beta, m, s: beta - m / s)
_other_fold("β and the mean are exchanged", "t = β − μ·s.", shift=lambda beta, m, s: m - beta * s)
_other_fold("β is scaled too", "β is added after the scaling.", shift=lambda beta, m, s: (beta - m) * s)
_other_fold("the variance is taken for the deviation", "Divide by the root of σ² + ε.",
            scale=lambda g, v, e: g / (v + e))
_other_fold("ε is forgotten", "σ² + ε stands under the root.", scale=lambda g, v, e: g / np.sqrt(v))
_other_fold("ε stands outside of the root", "σ² + ε stands under the root.",
            scale=lambda g, v, e: g / (np.sqrt(v) + e))
_other_fold("ε is subtracted", "σ² + ε stands under the root.",
            scale=lambda g, v, e: g / np.sqrt(np.maximum(v - e, 1e-9)))
_other_fold("γ is forgotten", "s = γ / √(σ² + ε).", scale=lambda g, v, e: 1 / np.sqrt(v + e))
_other_fold("it is not divided by the deviation", "s = γ / √(σ² + ε).", scale=lambda g, v, e: g)
_other_fold("it is multiplied by the deviation", "s = γ / √(σ² + ε).", scale=lambda g, v, e: g * np.sqrt(v + e))
_other_fold("the scale is upside down", "s = γ / √(σ² + ε).", scale=lambda g, v, e: np.sqrt(v + e) / g)
_other_fold("the scale is only the deviation", "s = γ / √(σ² + ε).", scale=lambda g, v, e: np.sqrt(v + e))
_other_fold("the scale is only what is under the root", "s = γ / √(σ² + ε).", scale=lambda g, v, e: v + e)


@fold.mistake("the bias stands first", hint="First the weights of the row, behind them its bias.")
def _(w, b, gamma, beta, mean, var, eps):
    return np.roll(_fold(w, b, gamma, beta, mean, var, eps), 1, axis=1)


@fold.accepted("with a convolution of ones and zeros")
def _(w, b, gamma, beta, mean, var, eps):
    out, channels, *kernel = w.shape
    scale, groups = gamma / (var + eps)**0.5, len(gamma) // channels

    def together(x):
        """The norm and then the kernel, on one window (C_in, k_h, k_w)  →  (C_out,)"""
        x = (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]
        lots = x.reshape(groups, channels, *kernel)
        return np.einsum("gochw,gchw->go", w.reshape(groups, -1, channels, *kernel), lots).ravel() + b

    nothing = together(np.zeros((len(gamma), *kernel)))
    rows = np.empty((out, w[0].size + 1))
    for o in range(out):
        for place in np.ndindex(channels, *kernel):
            x = np.zeros((len(gamma), *kernel))
            x[(o // (out // groups) * channels + place[0], *place[1:])] = 1
            rows[o, np.ravel_multi_index(place, w.shape[1:])] = together(x)[o] - nothing[o]
    rows[:, -1] = nothing
    return rows


@fold.accepted("all groups at once")
def _(w, b, gamma, beta, mean, var, eps):
    groups = len(gamma) // w.shape[1]
    scale = (gamma / np.sqrt(var + eps)).reshape(groups, 1, -1, 1, 1)
    shift = beta.reshape(groups, 1, -1, 1, 1) - mean.reshape(groups, 1, -1, 1, 1) * scale
    lots = w.reshape(groups, len(w) // groups, *w.shape[1:])
    bias = b + (lots * shift).sum((2, 3, 4)).ravel()
    return np.hstack([(lots * scale).reshape(len(w), -1), bias[:, None]])


# ---- grouped_bytes ---------------------------------------------------------------------------------------------------

def _bytes_case(rng, turn):
    """The last group is shorter, but in every fourth case; in every fifth one group is longer than a row."""
    group = int(rng.choice([3, 5, 6, 7, 9, 12]))
    columns = group * int(rng.integers(2, 6)) + (0 if turn % 4 == 3 else int(rng.integers(1, group)))
    if turn % 5 == 4:
        group = columns + int(rng.integers(1, 9))
    return int(rng.integers(3, 9)), columns, int(rng.choice([2, 3, 4, 5, 6])), group


def _up(number, to):
    return -(-number // to)


def _packed(rows, columns, bits, group, *, groups=lambda r, c, g: r * _up(c, g), row=None,
            each=lambda bits: 16 + bits, whole=None, weights=lambda r, c, g: r * c, of=lambda r, c: r * c):
    """Bytes and bits for each weight; each part may be another. row: bits of all → bytes"""
    count = groups(rows, columns, group)
    total = weights(rows, columns, group) * bits + count * each(bits)
    size = rows * _up(total / rows, 8) if row is None else row(total, rows)
    return np.array([size, 8 * size / of(rows, columns)], np.float64)


packed = Question(
    "grouped_bytes", title="What four bits really cost", points=2, kind="predict",
    asks="Write `grouped_bytes(rows, columns, bits, group)`: the bytes that a matrix takes whose weights are quantised "
         "in groups, and how many bits that is for each weight.",
    reference=_packed, cases=_bytes_case,
    minutes=15, level=2,
    text=r"""
        Each row is cut into groups of `group` weights; the last group of a row may be shorter, and no group reaches
        into the next row. A weight takes `bits` bits. Each group has a scale of its own, of 16 bits, and a zero point,
        which takes as many bits as a weight. All bits of a row are packed without gaps, and then the row is filled up
        to whole bytes. Return two numbers: the bytes of the matrix, and 8 times these, divided by the number of
        weights.
    """,
    hints={
        "Where do I begin?": "With one row: how many groups has it, and how many bits?",
        "It is right where the group divides the row":
            "A shorter group at the end needs a scale and a zero point as well.",
        "It is a few bytes too small": "Each row is filled up by itself.",
    },
)


@packed.solution
def grouped_bytes(rows, columns, bits, group):
    """four ints  →  two numbers"""
    groups = -(-columns // group)                    # rounded up
    row_bits = columns * bits + groups * (16 + bits)
    size = rows * -(-row_bits // 8)
    return size, 8 * size / (rows * columns)


def _other_bytes(name, hint, **parts):
    @packed.mistake(name, hint=hint)
    def _(rows, columns, bits, group):
        return _packed(rows, columns, bits, group, **parts)


_other_bytes("the last, shorter group is forgotten", "It needs a scale and a zero point as well: round up.",
             groups=lambda r, c, g: r * (c // g))
_other_bytes("there is always one more group", "A group that is just full needs no other behind it: round up.",
             groups=lambda r, c, g: r * (c // g + 1))
_other_bytes("the number of groups is not whole", "A shorter group needs a whole scale: round up.",
             groups=lambda r, c, g: r * c / g)
_other_bytes("groups reach into the next row", "Each row begins a new group.", groups=lambda r, c, g: _up(r * c, g))
_other_bytes("the groups are counted for one row only", "Each row has its own groups.",
             groups=lambda r, c, g: _up(c, g))
_other_bytes("there is one group for each row", "A row has ⌈columns/group⌉ groups.", groups=lambda r, c, g: r)
_other_bytes("every weight has a scale of its own", "A group shares one.", groups=lambda r, c, g: r * c)
_other_bytes("there are as many groups as a group has weights", "A row has ⌈columns/group⌉ groups.",
             groups=lambda r, c, g: r * g)
_other_bytes("the columns are cut the wrong way", "A row has ⌈columns/group⌉ groups.",
             groups=lambda r, c, g: r * _up(g, c))
_other_bytes("the last group is filled up", "A shorter group has only the weights that are there.",
             weights=lambda r, c, g: r * g * _up(c, g))
_other_bytes("the zero points are forgotten", "Each group has a zero point too, with the bits of a weight.",
             each=lambda bits: 16)
_other_bytes("the scales are forgotten", "Each group has a scale of 16 bits.", each=lambda bits: bits)
_other_bytes("scales and zero points are forgotten", "Each group has a scale of 16 bits and a zero point.",
             each=lambda bits: 0)
_other_bytes("the scales have 32 bits", "They have 16 bits here.", each=lambda bits: 32 + bits)
_other_bytes("the zero points have 16 bits too", "A zero point is an integer like the weights: `bits` bits.",
             each=lambda bits: 32)
_other_bytes("a scale has 17 bits", "It has 16.", each=lambda bits: 17 + bits)
_other_bytes("a scale has 15 bits", "It has 16.", each=lambda bits: 15 + bits)
_other_bytes("the zero point is subtracted from the scale", "Each group takes 16 bits and a zero point's.",
             each=lambda bits: 16 - bits)
_other_bytes("the scale's bits are multiplied by the zero point's", "Each group takes 16 bits and a zero point's: add.",
             each=lambda bits: 16 * bits)
_other_bytes("only the last byte of the matrix is filled up", "Each row is filled up by itself.",
             row=lambda total, rows: _up(total, 8))
_other_bytes("a started byte is not counted", "Fill up: round to the next whole byte.",
             row=lambda total, rows: rows * (total // rows // 8))
_other_bytes("one byte too many for a row that is full", "Round up: a row that is full needs no other byte.",
             row=lambda total, rows: rows * (total // rows // 8 + 1))
_other_bytes("the bytes are not whole", "Each row is filled up to whole bytes.", row=lambda total, rows: total / 8)
_other_bytes("these are bits", "Divide by 8.", row=lambda total, rows: total)
_other_bytes("that is one row", "There are `rows` of them.", row=lambda total, rows: _up(total / rows, 8))
_other_bytes("it is divided by the rows only", "The matrix has rows·columns weights.", of=lambda r, c: r)
_other_bytes("it is divided by the columns only", "The matrix has rows·columns weights.", of=lambda r, c: c)
_other_bytes("it is not divided by the number of weights", "The second number is for one weight.",
             of=lambda r, c: 1)
_other_bytes("it is multiplied by the number of weights", "Divide by it.", of=lambda r, c: 1 / (r * c))
_other_bytes("the weights themselves are forgotten", "Each takes `bits` bits.", weights=lambda r, c, g: 0)
_other_bytes("there is one weight in a row", "Each of the columns takes `bits` bits.", weights=lambda r, c, g: r)
_other_bytes("a byte has nine bits", "It has eight.", row=lambda total, rows: rows * _up(total / rows, 9))
_other_bytes("a byte has seven bits", "It has eight.", row=lambda total, rows: rows * _up(total / rows, 7))
_other_bytes("the rows are added to the bytes", "Each row takes so many bytes: multiply.",
             row=lambda total, rows: rows + _up(total / rows, 8))
_other_bytes("rows and columns are added", "The matrix has rows·columns weights.", of=lambda r, c: r + c)


@packed.mistake("the second number is in bytes", hint="Eight bits are a byte: multiply by 8.")
def _(rows, columns, bits, group):
    return _packed(rows, columns, bits, group) / [1, 8]


@packed.mistake("the second number is upside down", hint="Bits for each weight: bits above, weights below.")
def _(rows, columns, bits, group):
    return _packed(rows, columns, bits, group)**[1, -1]


@packed.mistake("what a group adds is subtracted", hint="The scale and the zero point take room.")
def _(rows, columns, bits, group):
    return _packed(rows, columns, bits, group, each=lambda bits: -16 - bits)


@packed.mistake("the numbers are exchanged", hint="First the bytes of the matrix, then the bits for each weight.")
def _(rows, columns, bits, group):
    return _packed(rows, columns, bits, group)[::-1]


@packed.mistake("rows and columns are exchanged", hint="The groups lie along a row, which has `columns` weights.")
def _(rows, columns, bits, group):
    return _packed(columns, rows, bits, group)


@packed.mistake("each weight is filled up to a byte", hint="The bits of a row are packed without gaps.")
def _(rows, columns, bits, group):
    size = rows * (columns + 3 * _up(columns, group))
    return size, 8 * size / (rows * columns)


@packed.accepted("bit by bit")
def _(rows, columns, bits, group):
    total = 0
    for _row in range(rows):
        used = 0
        for column in range(columns):
            used += bits
            if column % group == 0:                                      # a group begins
                used += 16 + bits
        total += (used + 7) // 8
    return [total, total * 8 / rows / columns]


@packed.accepted("with NumPy's ceil")
def _(rows, columns, bits, group):
    size = np.ceil((columns * bits + np.ceil(columns / group) * (bits + 16)) / 8) * rows
    return np.array([size, size / (rows * columns) * 8])


# ---- integer_layer ---------------------------------------------------------------------------------------------------

def _integer_case(rng, turn):
    """Some outputs end at the zero point, some at 255, and some between; the scales of the rows differ much."""
    n, into, out = [(3, 5, 4), (2, 4, 6), (4, 6, 3)][turn % 3]
    while True:
        x = rng.integers(0, 256, (n, into)).astype(float)
        w = rng.integers(-127, 128, (out, into)).astype(float)
        x_zero, y_zero = (int(z) for z in rng.integers(20, 120, 2))
        x_scale, y_scale = (float(s) for s in rng.uniform(0.01, 0.05, 2))
        w_scale = rng.uniform(0.5, 4, out) * 0.8 * 255 * y_scale / (x_scale * 127 * 128 * into)
        b = rng.uniform(-60, 60, out) * y_scale
        w_scale, b = w_scale.astype(np.float32).astype(float), b.astype(np.float32).astype(float)
        real = (x_scale * w_scale * ((x - x_zero) @ w.T) + b) / y_scale
        y = np.round(real) + y_zero
        if _clear(real) and (y < y_zero).any() and (y > 255).any() and ((y > y_zero) & (y < 255)).sum() >= 3:
            return x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero


def _integer(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero, *, without=lambda x, z: x - z,
             real=lambda sums, xs, ws, b, ys: (xs * ws * sums + b) / ys, whole=np.round,
             end=lambda q, z: np.clip(q + z, z, 255)):
    """A layer of integers; each part may be another."""
    sums = without(x, x_zero) @ w.T
    return end(whole(real(sums, x_scale, w_scale, b, y_scale)), y_zero)


def _end_late(q, z):
    return np.clip(q, 0, 255) + z


def _bias_early(sums, xs, ws, b, ys):
    return xs * ws * (sums + b) / ys


integer = Question(
    "integer_layer", title="A layer that never leaves the integers", points=2, kind="mend",
    asks="Mend `integer_layer(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero)`: a linear layer with ReLU whose "
         "input, weights and output are integers.",
    reference=_integer, cases=_integer_case,
    minutes=20, level=2,
    text=r"""
        It runs, and it has three faults. `x` (N, I) and the result (N, O) hold whole numbers from 0 to 255: one that is
        stored as $q$ stands for $\Delta\,(q - z)$, with the scale and the zero point of x or of y. `w` (O, I) holds
        whole numbers from −127 to 127, without a zero point, and each of its rows has a scale of its own, `w_scale`
        (O,). The bias `b` (O,) holds real numbers. Return the integers of y: the nearest to what the layer computes,
        after ReLU, and within 0 … 255. (A number that stands for 0 or less is stored as y's zero point.)
    """,
    hints={
        "Where do I look?":
            "Write down what x, w and the bias stand for, as real numbers, and compute the layer with these. Then "
            "compare step by step.",
        "Outputs near 255 are wrong":
            "In which order come the zero point and the clipping?",
        "The biases seem to do nothing":
            "What is the sum of products of integers multiplied by, and what is the bias in?",
    },
)


@integer.given("as given: all three faults are there",
               hint="What does an x of 0 stand for? In which units is b? And which numbers does the last line leave?")
def _(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero):
    """(N, I), (O, I), (O,), two numbers, (O,), two numbers  →  (N, O)"""
    sums = x @ w.T                                   # (N, O)
    real = x_scale * w_scale * (sums + b)
    q = np.round(real / y_scale)
    return np.clip(q, 0, 255) + y_zero


@integer.solution
def integer_layer(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero):
    """(N, I), (O, I), (O,), two numbers, (O,), two numbers  →  (N, O)"""
    sums = (x - x_zero) @ w.T                        # (N, O)
    real = x_scale * w_scale * sums + b
    q = np.round(real / y_scale) + y_zero
    return np.clip(q, y_zero, 255)


def _other_integer(name, hint, **parts):
    @integer.mistake(name, hint=hint)
    def _(*arguments):
        return _integer(*arguments, **parts)


def _as_it_is(x, z):
    return x


_other_integer("the zero point of x is not subtracted", "An x of q stands for Δ·(q − z).", without=_as_it_is)
_other_integer("the bias is added to the sums of integers", "The bias is a real number: add it after the scales.",
               real=_bias_early)
_other_integer("the zero point of y is added after the clipping", "Then outputs reach 255 + z. Add z, then clip.",
               end=_end_late)
_other_integer("x and the bias are still wrong", "The last line is right now. Subtract the zero point of x, and add "
               "the bias after the scales.", without=_as_it_is, real=_bias_early)
_other_integer("x and the last line are still wrong", "The bias is right now. Subtract the zero point of x; add "
               "that of y before the clipping.", without=_as_it_is, end=_end_late)
_other_integer("the bias and the last line are still wrong", "x is right now. Add the bias after the scales; add the "
               "zero point of y before the clipping.", real=_bias_early, end=_end_late)
_other_integer("there is no ReLU", "What stands for a number below 0 is stored as the zero point.",
               end=lambda q, z: np.clip(q + z, 0, 255))
_other_integer("nothing is clipped at 255", "There are 8 bits.", end=lambda q, z: np.maximum(q + z, z))
_other_integer("nothing is clipped", "There are 8 bits, and ReLU.", end=lambda q, z: q + z)
_other_integer("it is clipped at 256", "The largest integer of 8 bits is 255.",
               end=lambda q, z: np.clip(q + z, z, 256))
_other_integer("it is clipped at 254", "The largest integer of 8 bits is 255.",
               end=lambda q, z: np.clip(q + z, z, 254))
_other_integer("it is clipped at 127", "The integers of y are 0 … 255.", end=lambda q, z: np.clip(q + z, z, 127))
_other_integer("the zero point of y is not added", "A y of 0 is stored as its zero point.",
               end=lambda q, z: np.clip(q, z, 255))
_other_integer("the zero point of y is nowhere", "A y of 0 is stored as its zero point.",
               end=lambda q, z: np.clip(q, 0, 255))
_other_integer("the zero point of y is subtracted", "A real r is stored as round(r/Δ) + z.",
               end=lambda q, z: np.clip(q - z, z, 255))
_other_integer("it wraps around", "That is what an overflow does: clip.", end=lambda q, z: np.maximum(q + z, z) % 256)
_other_integer("the zero point of x is added", "An x of q stands for Δ·(q − z).", without=lambda x, z: x + z)
_other_integer("the sign of x is wrong", "An x of q stands for Δ·(q − z).", without=lambda x, z: z - x)
_other_integer("the bias is not divided by y's scale", "The sum of both is divided by the scale of y.",
               real=lambda s, xs, ws, b, ys: xs * ws * s / ys + b)
_other_integer("the bias is subtracted", "It is added.", real=lambda s, xs, ws, b, ys: (xs * ws * s - b) / ys)
_other_integer("the scale of y multiplies", "How many steps of y is it? Divide.",
               real=lambda s, xs, ws, b, ys: (xs * ws * s + b) * ys)
_other_integer("the scale of y is left out", "How many steps of y is it? Divide.",
               real=lambda s, xs, ws, b, ys: xs * ws * s + b)
_other_integer("the scale of x is left out", "An x stands for x_scale·(q − z).",
               real=lambda s, xs, ws, b, ys: (ws * s + b) / ys)
_other_integer("the scales of w are left out", "Each row of w has its scale.",
               real=lambda s, xs, ws, b, ys: (xs * s + b) / ys)
_other_integer("all rows have the first scale", "w_scale has one number for each output.",
               real=lambda s, xs, ws, b, ys: (xs * ws[0] * s + b) / ys)
_other_integer("only the bias is left", "The sums of products are missing.",
               real=lambda s, xs, ws, b, ys: (0 * s + b) / ys)
_other_integer("nothing is rounded", "The result is integers.", whole=lambda q: q)
_other_integer("it is cut off, not rounded", "To the nearest integer.", whole=np.trunc)
_other_integer("it is rounded up", "To the nearest integer.", whole=np.ceil)


@integer.mistake("these are the real numbers", hint="Store them: divide by y's scale, round, add its zero point.")
def _(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero):
    return np.maximum(x_scale * w_scale * ((x - x_zero) @ w.T) + b, 0)


@integer.accepted("as real numbers, and then stored")
def _(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero):
    real = (x_scale * (x - x_zero)) @ (w_scale[:, None] * w).T + b
    return np.minimum(np.rint(np.maximum(real, 0) / y_scale) + y_zero, 255)


@integer.accepted("number by number, with whole numbers")
def _(x, w, b, x_scale, x_zero, w_scale, y_scale, y_zero):
    y = np.empty((len(x), len(w)), int)
    for n, o in np.ndindex(*y.shape):
        total = sum((int(a) - x_zero) * int(v) for a, v in zip(x[n], w[o], strict=True))
        q = y_zero + round(float(total * x_scale * w_scale[o] / y_scale + b[o] / y_scale))
        y[n, o] = min(max(q, y_zero), 255)
    return y


# ---- design_scale ----------------------------------------------------------------------------------------------------

def _losses(x, bits, scale, zero):
    """Mean squared error of what is rounded and of what is clipped, for one scale and some zero points: (Z, 2)"""
    zero, top = np.atleast_1d(zero)[:, None].astype(float), 2**bits - 1
    whole = np.round(x / scale) + zero                                   # (Z, n)
    q = np.clip(whole, 0, top)
    square = (scale * (q - zero) - x)**2
    beyond = whole != q
    return np.stack([(square * ~beyond).mean(1), (square * beyond).mean(1)], axis=1)


def _search(x, bits, count=48):
    """All pairs on a grid: scales (S,), errors (S, Z, 2)"""
    widest = (max(x.max(), 0) - min(x.min(), 0)) / (2**bits - 1)
    scales = widest * np.linspace(0.06, 1, count)
    return scales, np.stack([_losses(x, bits, scale, np.arange(2**bits)) for scale in scales])


def _scale_pair(x, bits, error):
    scales, errors = _search(x.astype(np.float64), bits)
    s, z = np.unravel_index(errors.sum(2).argmin(), errors.shape[:2])
    return np.array([scales[s], z])


def _scale_case(rng, turn):
    """More on one side of 0 than on the other, in turn, and a few numbers far out. A tenth above the least error."""
    bits = [3, 4][turn % 2]
    x = rng.exponential(size=60) * np.where(rng.random(60) < 0.75, 1, -0.5)
    x[:2] = rng.uniform(7, 10), -rng.uniform(2, 3)
    x = (x * [1, -1][turn // 2 % 2]).astype(np.float32).astype(float)
    _, errors = _search(x, bits)
    return x, bits, float(1.1 * errors.sum(2).min())


def _scale_properties(answer, x, bits, error):
    if answer.shape != (2,):
        raise ValueError(f"the answer must be two numbers, the scale and the zero point; its shape is {answer.shape}")
    scale, zero = answer.astype(float)
    if not (np.isfinite(answer).all() and 1e-9 < scale < 1e9 and abs(zero) < 1e9):
        raise ValueError(f"the scale must be a number above 0 and the zero point finite, got {scale:g} and {zero:g}")
    rounded, clipped = _losses(x.astype(float), bits, scale, zero)[0]
    return {"the zero point is one of the integers": float(zero == np.round(zero) and 0 <= zero <= 2**bits - 1),
            "rounding alone costs no more than error": float(rounded <= error),
            "clipping alone costs no more than error": float(clipped <= error),
            "both together cost no more than error": float(rounded + clipped <= error)}


scale = Question(
    "design_scale", title="Clip some to round the others better", points=3, kind="design",
    asks="Design `design_scale(x, bits, error)`: a scale and a zero point with which the numbers of `x` lose no more "
         "than `error`, a mean squared error.",
    reference=_scale_pair, cases=_scale_case, measure=_scale_properties,
    minutes=25, level=2,
    text=r"""
        `x` (n,) holds numbers of both signs, most of them near 0 and a few far out. Each is stored as
        q = clip(round(x/Δ) + z) with 0 ≤ q ≤ $2^b - 1$ and comes back as Δ·(q − z). The rule that just covers all of
        `x` has a wide step because of the few, and misses `error`. A smaller step clips the few and rounds the many
        better. The zero point has to be one of the integers. `error` is a tenth above the least that is possible.
        Return an array of two numbers, Δ and z.
    """,
    hints={
        "Where to begin":
            "Write a function that gives the mean squared error of one pair. There are only 2ᵇ zero points; for each "
            "try some scales.",
        "Which scales are worth a try?":
            "None above the one that covers everything. Some dozens between a twentieth and all of it are enough.",
    },
)


@scale.solution
def design_scale(x, bits, error):
    """(n,), int, a number  →  (2,): scale and zero point"""
    top = 2**bits - 1
    widest = (x.max() - x.min()) / top
    best = None
    for scale in np.linspace(0.05, 1, 40) * widest:
        for zero in range(top + 1):
            q = np.clip(np.round(x / scale) + zero, 0, top)
            lost = np.mean((scale * (q - zero) - x) ** 2)
            if best is None or lost < best[0]:
                best = lost, scale, zero
    return np.array(best[1:])


def _some_pair(x, bits, wanted):
    """The first pair of the grid whose errors (rounding, clipping) are as wanted; else the best."""
    scales, errors = _search(x, bits)
    found = np.argwhere(wanted(errors[..., 0], errors[..., 1]))
    s, z = found[len(found) // 2] if len(found) else np.unravel_index(errors.sum(2).argmin(), errors.shape[:2])
    return np.array([scales[s], z], float)


# of a design only its properties are seen: the names say which are missed, the hints what that usually means
@scale.mistake("the step is too wide", hint="Nothing much is clipped, and rounding costs too much: that happens "
               "when the range covers the few numbers far out.")
def _(x, bits, error):
    widest = (x.max() - x.min()) / (2**bits - 1)
    return widest, np.round(-x.min() / widest)


@scale.mistake("too much is clipped", hint="The step is too small, or the zero point leaves too few integers to the "
               "side that needs them.")
def _(x, bits, error):
    pair = _scale_pair(x, bits, error)
    return pair * [0.3, 1]


@scale.mistake("each part is small enough, their sum is not", hint="It is close. Weigh one against the other: try more "
               "scales and all zero points.")
def _(x, bits, error):
    return _some_pair(x, bits, lambda r, c: (r <= error) & (c <= error) & (r + c > 1.02 * error))


@scale.mistake("the zero point is no integer", hint="It has to be a whole number from 0 to 2ᵇ − 1: else 0 is not met "
               "exactly.")
def _(x, bits, error):
    pair = _scale_pair(x, bits, error)
    return pair + [0, 1e-4 if pair[1] == 0 else -1e-4]


@scale.mistake("the step is too wide, and too much is clipped", hint="The zero point is far off: it belongs where 0 "
               "lies between the smallest and the largest number.")
def _(x, bits, error):
    return 1.5 * (x.max() - x.min()) / (2**bits - 1), 0 if x.mean() < 0 else 2**bits - 1


@scale.mistake("the zero point lies beyond the integers", hint="It is one of the integers 0 … 2ᵇ − 1.")
def _(x, bits, error):
    return 0.3 * (x.max() - x.min()) / (2**bits - 1), -1.0 if x.mean() < 0 else float(2**bits)


def _searched(x, bits, *, top=lambda b: 2**b - 1, back=lambda q, z, s: s * (q - z),
              down=lambda x, s, z: np.round(x / s) + z, lost=lambda e: (e**2).mean(-1), zeros=lambda top: top + 1):
    """The search of the solution; each part may be another."""
    end, found = top(bits), []
    z = np.arange(zeros(end))[:, None]
    for scale in np.linspace(0.05, 1, 40) * (x.max() - x.min()) / end:
        errors = lost(back(np.clip(down(x, scale, z), 0, end), z, scale) - x)
        found.append((errors.min(), scale, errors.argmin()))
    return min(found)[1:]


def _wrong_search(name, hint, **parts):
    @scale.mistake(name, hint=hint)
    def _(x, bits, error):
        return _searched(x, bits, **parts)


_wrong_search("too much is clipped in some cases, the sum of both is too large in others",
              "How many integers does your search have? With b bits the largest is 2ᵇ − 1.",
              top=lambda b: 2**b + 1)
_wrong_search("rounding costs too much, in a few cases clipping as well",
              "How many integers does your search have? With b bits the largest is 2ᵇ − 1.",
              top=lambda b: 2**(b - 1) - 1)
_wrong_search("rounding costs too much, in most cases clipping as well",
              "How many integers does your search have? With b bits the largest is 2ᵇ − 1.", top=lambda b: 1)
_wrong_search("rounding costs too much, in half of the cases clipping as well",
              "How many integers does your search have? With b bits the largest is 2ᵇ − 1.",
              top=lambda b: b - 1)
_wrong_search("rounding costs too much in nearly all cases, clipping in none",
              "How many integers does your search have? With b bits the largest is 2ᵇ − 1.",
              top=lambda b: 2 * b - 1)
_wrong_search("the sum of both is too large in most cases, one of them in the others",
              "Is x divided by the step before it is rounded? q = clip(round(x/Δ) + z).",
              down=lambda x, s, z: np.round(x) + z)
_wrong_search("too much is clipped, but in a few cases it is only the sum",
              "The zero point is too small or has no effect. Search all 2ᵇ; z is added before the clipping, and an "
              "integer stands for Δ·(q − z).",
              zeros=lambda top: 1)
_wrong_search("the errors are too large in most cases, in one way or another",
              "The error to be searched for is that of Δ·(q − z), squared.", back=lambda q, z, s: q - z)


@scale.accepted("a range between two quantiles, the best of many")
def _(x, bits, error):
    top, found = 2**bits - 1, []
    for low in np.linspace(x.min(), 0, 24):
        for high in np.linspace(0, x.max(), 40)[1:]:
            scale = (high - low) / top
            zero = np.clip(np.round(-low / scale), 0, top)
            q = np.clip(np.round(x / scale) + zero, 0, top)
            found.append((np.square(scale * (q - zero) - x).mean(), scale, zero))
    return min(found)[1:]


@scale.accepted("from the given error: the first pair that is good enough")
def _(x, bits, error):
    top = 2**bits - 1
    for scale in (x.max() - x.min()) / top * 0.98 ** np.arange(150):
        zero = np.arange(top + 1)[:, None]
        lost = np.square(scale * (np.clip(np.round(x / scale) + zero, 0, top) - zero) - x).mean(1)
        if lost.min() <= 0.999 * error:
            return scale, lost.argmin()
    raise ValueError("none found")


QUESTIONS = [trip, soft, fold, packed, integer, scale]
