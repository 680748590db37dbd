"""Week 5: the questions of the notebook `gans`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal


def _sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


# ---- generator_slopes ------------------------------------------------------------------------------------------------

def _slopes(z):
    return np.stack([-_sigmoid(z), -_sigmoid(-z)]) / len(z)


def _slopes_cases(rng, turn):
    """In one of three some logits are as far out as ±1,000, where a careless exponential is infinite."""
    z = numbers(rng, (int(rng.integers(3, 8)),)) * 2
    if turn % 3 == 1:
        z[:2] = 1000, -1000
    return (z,)


slopes = Question(
    "generator_slopes", title="Two losses for one wish", points=1,
    asks="Write `generator_slopes(z)`: by how much two losses of a generator change with each logit.",
    reference=_slopes, cases=_slopes_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        `z` (N,) are the discriminator's logits for N made images, and $p_n = \sigma(z_n) = 1/(1 + e^{-z_n})$. The
        saturating loss is $\frac1N \sum_n \log(1 - p_n)$, the non-saturating one $-\frac1N \sum_n \log p_n$. Return
        (2, N): in row 0 the derivative of the saturating loss with respect to each logit, in row 1 that of the other.
        Logits may be as far out as ±1,000.
    """,
    hints={
        "Where do I begin?": "The derivative of σ is σ (1 − σ). Much cancels.",
        "Every number is N times too large": "Both losses are means over the batch.",
        "nan, inf or a warning": "np.exp of a large number. Of −|z| it cannot overflow: write σ for either sign, or by "
                                 "np.tanh.",
    },
)


@slopes.solution
def generator_slopes(z):
    """(N,)  →  (2, N)"""
    p = 0.5 * (1 + np.tanh(z / 2))                  # σ, for any z
    return -np.stack([p, 1 - p]) / len(z)


def _slopes_mistake(name, hint, answer):
    slopes.mistake(name, hint=hint)(lambda z: np.array(answer(_sigmoid(z), _sigmoid(-z), len(z))))


_DOWN = "Both losses fall when a logit rises: the generator wants high logits. All slopes are negative."
_slopes_mistake("the two rows are exchanged", "Row 0 belongs to log(1 − p).", lambda p, q, n: [-q / n, -p / n])
_slopes_mistake("the signs are turned over", _DOWN, lambda p, q, n: [p / n, q / n])
_slopes_mistake("the saturating loss has the wrong sign", _DOWN, lambda p, q, n: [p / n, -q / n])
_slopes_mistake("the non-saturating loss has the wrong sign", _DOWN, lambda p, q, n: [-p / n, q / n])
_slopes_mistake("sums, not means", "Both losses are means over N logits.", lambda p, q, n: [-p, -q])
_slopes_mistake("the slope of σ alone", "The derivative of the logarithm is missing.",
                lambda p, q, n: [-p * q / n, -p * q / n])
_slopes_mistake("the saturating loss twice", "Row 1: −log p, whose slope is −(1 − p).",
                lambda p, q, n: [-p / n, -p / n])
_slopes_mistake("the non-saturating loss twice", "Row 0: log(1 − p), whose slope is −p.",
                lambda p, q, n: [-q / n, -q / n])
slopes.mistake("the losses, not their slopes", hint="Asked are derivatives, one for each logit.")(
    lambda z: np.stack([-np.logaddexp(0, z), np.logaddexp(0, -z)]) / len(z))
_slopes_mistake("divided by N twice", "Each loss is a mean: divide once.", lambda p, q, n: [-p / n**2, -q / n**2])
_slopes_mistake("multiplied by N", "A mean divides by N.", lambda p, q, n: [-p * n, -q * n])


def _slopes_sigmoid(name, hint, sigmoid, rest=lambda p: 1 - p):
    slopes.mistake(name, hint=hint)(lambda z: -np.stack([sigmoid(z), rest(sigmoid(z))]) / len(z))


_SIGMA = "σ(z) = 1/(1 + e^(−z)) = ½ (1 + tanh(z/2))."
_REST = "The slope of −log p is −(1 − p)."
_slopes_sigmoid("σ of twice the logit", _SIGMA, lambda z: _sigmoid(2 * z))
_slopes_sigmoid("σ of four times the logit", _SIGMA, lambda z: _sigmoid(4 * z))
_slopes_sigmoid("tanh without the ½", _SIGMA, lambda z: 2 * _sigmoid(z))
_slopes_sigmoid("½ tanh without the 1", _SIGMA, lambda z: np.tanh(z / 2) / 2)
_slopes_sigmoid("1 + p in place of 1 − p", _REST, _sigmoid, lambda p: 1 + p)
_slopes_sigmoid("the 1 of 1 − p is missing", _REST, _sigmoid, lambda p: -p)
_slopes_sigmoid("row 1 is −1 for all logits", _REST, _sigmoid, lambda p: 1 + 0 * p)


@slopes.accepted("by logaddexp")
def _(z):
    return -np.exp([-np.logaddexp(0, -z), -np.logaddexp(0, z)]) / len(z)


@slopes.accepted("logit by logit")
def _(z):
    out = np.empty((2, len(z)))
    for n, one in enumerate(z):
        e = np.exp(-abs(float(one)))
        large, small = 1 / (1 + e), e / (1 + e)
        p, q = (large, small) if one > 0 else (small, large)
        out[:, n] = -p / len(z), -q / len(z)
    return out


# ---- tracked_norms ---------------------------------------------------------------------------------------------------

def _unit(x):
    return x / np.linalg.norm(x)


def _tracked(weights, u, matrix=lambda w: w.reshape(len(w), -1), keep=True, estimate=lambda u, m, v: u @ m @ v,
             before=_unit, after=lambda m, v, old: _unit(m @ v)):
    first, u, found = np.asarray(u, np.float64), np.asarray(u, np.float64), []
    for w in np.asarray(weights, np.float64):
        m = matrix(w)
        v = before(m.T @ u)
        u = after(m, v, u)
        found.append(estimate(u, m, v))
        if not keep:
            u = first
    return np.array(found)


def _tracked_cases(rng):
    """A few steps of weights that move; no two of the ways below give nearly the same, and k_h ≠ k_w."""
    while True:
        out, into = unequal(rng, 2, 5)
        k_h, k_w = unequal(rng, 1, 4)
        steps = int(rng.integers(2, 5))
        weights = numbers(rng, (out, into, k_h, k_w)) + numbers(rng, (steps, out, into, k_h, k_w)) / 4
        u = numbers(rng, (out,))
        right = _tracked(weights, u)
        exact = np.array([np.linalg.norm(w.reshape(out, -1), 2) for w in weights])
        first = weights[0].reshape(out, -1)
        if np.abs(first.T @ u).min() > 0.01 and (right < 0.98 * exact).any() and \
                np.abs(right - _tracked(weights, u, keep=False)).max() > 0.1:
            return weights, u


tracked = Question(
    "tracked_norms", title="A norm that keeps up with its weights", points=2,
    asks="Write `tracked_norms(weights, u)`: what spectral norm divides by in each step of a training.",
    reference=_tracked, cases=_tracked_cases,
    minutes=20, level=2, practice=True,
    text=r"""
        `weights` (T, C_out, C_in, k_h, k_w) are the weights of one layer at T steps, one after the other, and `u`
        (C_out,), not 0, is where the iteration begins. At each step the weight is taken as a matrix $M$ of C_out rows,
        and iterated **once**, from the u that the step before has left:

        $$\begin{aligned}
        v &= M^\top u \,/\, \lVert M^\top u \rVert \\
        u &= M v \,/\, \lVert M v \rVert \\
        \hat\sigma &= u^\top M v .
        \end{aligned}$$

        Return the T numbers $\hat\sigma$. No length to divide by is 0.
    """,
    hints={
        "The first number is right, the others are too small":
            "u is kept: the next step begins where this one has ended.",
        "Every number is off":
            "`w.reshape(len(w), -1)`: a row holds all taps of one output channel. And v comes before u.",
    },
)


@tracked.solution
def tracked_norms(weights, u):
    """(T, C_out, C_in, k_h, k_w), (C_out,)  →  (T,)"""
    found = []
    for weight in weights:
        M = weight.reshape(len(weight), -1)
        v = M.T @ u
        v = v / np.linalg.norm(v)
        u = M @ v
        u = u / np.linalg.norm(u)
        found.append(u @ M @ v)
    return np.array(found)


def _tracked_mistake(name, hint, **options):
    tracked.mistake(name, hint=hint)(lambda weights, u: _tracked(weights, u, **options))


_ROWS = "A row of M holds all taps of one output channel: reshape(C_out, −1)."
_tracked_mistake("u begins anew at each step", "Weights move little: keep the u of the step before.", keep=False)
_tracked_mistake("σ² in place of σ", "uᵀ M v, with a u that was divided by its length.",
                 estimate=lambda u, m, v: (u @ m @ v)**2)
_tracked_mistake("1/σ in place of σ", "uᵀ M v itself.", estimate=lambda u, m, v: 1 / (u @ m @ v))
_tracked_mistake("Frobenius' norm", "The square root of the sum of squares is larger: it counts all singular values.",
                 estimate=lambda u, m, v: np.linalg.norm(m))
_tracked_mistake("the exact norm", "One iteration is an estimate from below. The exact value costs a decomposition at "
                 "each step.", estimate=lambda u, m, v: np.linalg.norm(m, 2))
_tracked_mistake("u is only divided by its length, and never renewed", "After v comes u = M v / ‖M v‖, and then σ̂.",
                 after=lambda m, v, old: old, estimate=lambda u, m, v: _unit(u) @ m @ v)
_tracked_mistake("u is never renewed", "After v comes u = M v / ‖M v‖.", after=lambda m, v, old: old)
_tracked_mistake("u is multiplied by its length", "Divide.",
                 after=lambda m, v, old: (m @ v) * np.linalg.norm(m @ v))
_tracked_mistake("u has twice its length", "Length 1: divide by the norm.", after=lambda m, v, old: 2 * _unit(m @ v))


def _tracked_matrix(name, hint, matrix):
    def answer(weights, u):
        weights = np.asarray(weights, np.float64)
        begin = np.resize(np.asarray(u, np.float64), len(matrix(weights[0])))
        return _tracked(weights, begin, matrix=matrix)
    tracked.mistake(name, hint=hint)(answer)


_tracked_matrix("the rows are the taps, (C_out k_h k_w) × C_in", _ROWS,
                lambda w: w.transpose(0, 2, 3, 1).reshape(-1, w.shape[1]))
_tracked_matrix("the rows are C_out and C_in, (C_out C_in) × (k_h k_w)", _ROWS,
                lambda w: w.reshape(w.shape[0] * w.shape[1], -1))


_tracked_mistake("v is not divided by its length", "v = Mᵀ u / ‖Mᵀ u‖.", before=lambda x: x)


@tracked.mistake("the old u stands in uᵀ M v", hint="u is renewed before σ̂ is taken.")
def _(weights, u):
    found, u = [], np.asarray(u, np.float64)
    for w in weights:
        m = w.reshape(len(w), -1)
        v = _unit(m.T @ u)
        found.append(u @ m @ v)
        u = _unit(m @ v)
    return np.array(found)


_tracked_mistake("v is multiplied by its length", "Divide.", before=lambda x: x * np.linalg.norm(x))


@tracked.mistake("two iterations at each step", hint="Once at each step.")
def _(weights, u):
    return _tracked(np.repeat(weights, 2, 0), u)[1::2]


@tracked.mistake("only the last estimate", hint="T numbers, one for each step.")
def _(weights, u):
    return _tracked(weights, u)[-1]


@tracked.mistake("all steps iterate on the first weight", hint="The weights move: take those of the step.")
def _(weights, u):
    return _tracked(np.repeat(np.asarray(weights)[:1], len(weights), 0), u)


@tracked.mistake("the weights divided by their norm", hint="Asked are the T numbers σ̂, not the weights.")
def _(weights, u):
    return weights / _tracked(weights, u)[:, None, None, None, None]


def _tracked_vector(estimate):
    tracked.mistake("a row of numbers for each step", hint="uᵀ M v is one number: two products of matrix and vector.")(
        lambda weights, u: _tracked(weights, u, estimate=estimate))


_tracked_vector(lambda u, m, v: (u @ m) * v)
_tracked_vector(lambda u, m, v: u @ m)
_tracked_vector(lambda u, m, v: m @ v)
_tracked_vector(lambda u, m, v: u * m @ v if u.shape == m.shape[1:] else u * (m @ v))
_tracked_vector(lambda u, m, v: v)

_tracked_mistake("the length of u is divided by u", "u divided by its length.",
                 after=lambda m, v, old: np.linalg.norm(m @ v) / (m @ v))
_tracked_mistake("u is a vector of ones", "u = M v / ‖M v‖.", after=lambda m, v, old: np.ones(len(m)))
_tracked_mistake("the length of v is divided by v", "v divided by its length.", before=lambda x: np.linalg.norm(x) / x)
_tracked_mistake("v is a vector of ones", "v = Mᵀ u / ‖Mᵀ u‖.", before=np.ones_like)


@tracked.accepted("σ̂ as the length of M v")
def _(weights, u):
    found = []
    for w in weights:
        m = np.concatenate([channel.reshape(1, -1) for channel in w])
        v = u @ m
        v = v / np.sqrt(np.sum(v * v))
        u = m @ v
        found.append(np.sqrt(np.sum(u * u)))
        u = u / found[-1]
    return found


@tracked.accepted("with tensordot, without a reshape")
def _(weights, u):
    found = []
    for w in weights:
        v = np.tensordot(u, w, 1)
        v = v / np.sqrt((v**2).sum())
        u = np.tensordot(w, v, 3)
        found.append(np.linalg.norm(u))
        u = u / found[-1]
    return np.array(found)


# ---- lowest_loss -----------------------------------------------------------------------------------------------------

def _part(p, q):
    """−Σ p ln(p / (p + q)), where 0 ln 0 = 0."""
    there = p > 0
    return -np.sum(p[there] * np.log(p[there] / (p + q)[there]))


def _lowest(p, q):
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return _part(p, q) + _part(q, p)


def _lowest_cases(rng, turn):
    """Shares in sixty-fourths; in three of four some places have none of p, of q, or of both."""
    size = int(rng.integers(4, 8))
    pair = []
    for _ in range(2):
        cuts = np.sort(rng.choice(np.arange(1, 64), size - 1, replace=False))
        pair.append(np.diff(np.concatenate([[0], cuts, [64]])) / 64)
    p, q = pair
    if turn % 4:
        for share, gone, to in ((p, 0, 1), (q, 1, 2)) if turn % 4 < 3 else ((p, 0, 1), (q, 0, 2), (q, 3, 2)):
            share[to] += share[gone]
            share[gone] = 0
    return p, q


lowest = Question(
    "lowest_loss", title="How far a discriminator can get", points=2, kind="predict",
    asks="Write `lowest_loss(p, q)`: the lowest loss that any discriminator can reach, if it trains for ever.",
    reference=_lowest, cases=_lowest_cases,
    minutes=20, level=2,
    text=r"""
        There are K different images. Of the real ones the share `p[k]` is image k, of the made ones `q[k]`; both (K,)
        have the sum 1, and shares may be 0. A discriminator may give each image any logit, also infinite ones. Its loss
        is the usual mean cross-entropy of the real images as real plus that of the made images as made, so that who
        always says ½ has $2 \ln 2$. Predict its minimum, one number. A term of the kind 0 · log 0 counts as 0.
    """,
    hints={
        "Where do I begin?": "Each image has a logit of its own, so each is a problem of its own: which probability d "
                             "minimises −p log d − q log(1 − d)?",
        "nan": "An image that is never real adds nothing to the first sum: leave it out before the logarithm.",
        "Where p = q the result must be 2 ln 2": "And where they never meet, 0.",
    },
)


@lowest.solution
def lowest_loss(p, q):
    """(K,), (K,)  →  a number"""
    total = 0.0
    for k in range(len(p)):
        both = p[k] + q[k]
        if p[k] > 0:
            total -= p[k] * np.log(p[k] / both)
        if q[k] > 0:
            total -= q[k] * np.log(q[k] / both)
    return total


def _lowest_mistake(name, hint, answer):
    lowest.mistake(name, hint=hint)(lambda p, q: answer(np.asarray(p, np.float64), np.asarray(q, np.float64)))


_BOTH = "Two sums: over the real images −log d, over the made ones −log(1 − d), with d = p/(p + q)."
_lowest_mistake("the sign is turned over", "A cross-entropy is not negative.", lambda p, q: -_lowest(p, q))
_lowest_mistake("half of it", "The sum of the two means, as 2 ln 2 for ½ says, not their mean.",
                lambda p, q: _lowest(p, q) / 2)
_lowest_mistake("the real images alone", _BOTH, _part)
_lowest_mistake("the made images alone", _BOTH, lambda p, q: _part(q, p))
_lowest_mistake("in bits", "2 ln 2 for ½: the natural logarithm.", lambda p, q: _lowest(p, q) / np.log(2))
_lowest_mistake("twice the Jensen–Shannon divergence", "That is by how much the loss lies below 2 ln 2.",
                lambda p, q: 2 * np.log(2) - _lowest(p, q))
_lowest_mistake("the Jensen–Shannon divergence", "The loss is 2 ln 2 − 2 JSD.",
                lambda p, q: np.log(2) - _lowest(p, q) / 2)
_lowest_mistake("the loss of ½ everywhere", "A discriminator that trains tells the images apart where it can.",
                lambda p, q: 2 * np.log(2))
_lowest_mistake("0: all are told apart", "Where an image is both real and made, no answer is always right.",
                lambda p, q: 0.0)
_lowest_mistake("the smaller of the two shares, summed", "Asked is the cross-entropy, not how often it errs.",
                lambda p, q: np.minimum(p, q).sum())
_lowest_mistake("half the sum of all differences of the shares", "That belongs to errors. Asked is the cross-entropy.",
                lambda p, q: np.abs(p - q).sum() / 2)
_lowest_mistake("sum of the two entropies", "The discriminator does not guess which image, but whether it is real.",
                lambda p, q: _part(p, 1 - p) + _part(q, 1 - q))
_lowest_mistake("images that are only real or only made are counted as ½", "There the best logit is infinite, and "
                "nothing is lost.",
                lambda p, q: _lowest(p, q) + np.log(2) * (p[q == 0].sum() + q[p == 0].sum()))


def _lowest_parts(name, hint, real, made):
    def answer(p, q):
        pairs = list(zip(p, q, strict=True))
        return sum(real(a, b) for a, b in pairs if a > 0) + sum(made(a, b) for a, b in pairs if b > 0)
    lowest.mistake(name, hint=hint)(answer)


def _real(a, b):
    return -a * np.log(a / (a + b))


def _made(a, b):
    return -b * np.log(b / (a + b))


_lowest_parts("the sum over made images has the wrong sign", "Both parts are costs.", _real, lambda a, b: -_made(a, b))
_lowest_parts("the sum over real images has the wrong sign", "Both parts are costs.", lambda a, b: -_real(a, b), _made)
_lowest_parts("the real images are not weighted by their share", "Each image counts as often as it comes: times p.",
              lambda a, b: -np.log(a / (a + b)), _made)
_lowest_parts("the made images are not weighted by their share", "Each image counts as often as it comes: times q.",
              _real, lambda a, b: -np.log(b / (a + b)))
_lowest_parts("the logarithm of the real images is missing", "A cross-entropy has a logarithm.",
              lambda a, b: -a * a / (a + b), _made)
_lowest_parts("the logarithm of the made images is missing", "A cross-entropy has a logarithm.",
              _real, lambda a, b: -b * b / (a + b))
_lowest_parts("neither is weighted by its share", "Each image counts as often as it comes.",
              lambda a, b: -np.log(a / (a + b)), lambda a, b: -np.log(b / (a + b)))


@lowest.accepted("from the divergence")
def _(p, q):
    m = (p + q) / 2

    def kl(a):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(a > 0, a * np.log(a / m), 0).sum()
    return 2 * np.log(2) - kl(p) - kl(q)


@lowest.accepted("the best probability, clipped by what it cannot be")
def _(p, q):
    both = np.maximum(p + q, 1e-30)
    d = p / both
    return -np.sum(p * np.log(np.where(p > 0, d, 1)) + q * np.log(np.where(q > 0, q / both, 1)))


# ---- gan_step --------------------------------------------------------------------------------------------------------

def _down(x, lr, grad):
    return x - lr * grad


def _step(a, w, real, z, lr, real_slope=lambda s: _sigmoid(s) - 1, fake_slope=_sigmoid, wish=lambda s: _sigmoid(s) - 1,
          kept=0.0, stale=False, shares=lambda n: 1 / n, g_share=lambda n: 1 / n, move_w=_down, move_a=_down,
          gather=lambda on_real, on_fake: on_real + on_fake):
    """One step of D, then one of G, in a linear GAN; the options break it."""
    a, w, real, z = (np.asarray(x, np.float64) for x in (a, w, real, z))
    fake = z @ a
    g_real, g_fake = real_slope(real @ w) * shares(len(real)), fake_slope(fake @ w) * shares(len(fake))
    new = move_w(w, lr, gather(real.T @ g_real, fake.T @ g_fake))
    seen = w if stale else new
    grad = kept * (z.T @ np.outer(g_fake, w)) + z.T @ np.outer(wish(fake @ seen) * g_share(len(fake)), seen)
    return np.concatenate([move_a(a, lr, grad).ravel(), new])


def _step_cases(rng):
    """Different numbers of real and made images; latent and pixels differ; some breaks are asked to show."""
    while True:
        latent, pixels = unequal(rng, 2, 5)
        n, m = unequal(rng, 3, 7)
        case = (numbers(rng, (latent, pixels)) / 2, numbers(rng, (pixels,)) / 2, numbers(rng, (n, pixels)) / 2,
                numbers(rng, (m, latent)) / 2, float(rng.integers(2, 8)) / 8)
        right = _step(*case)
        if all(np.abs(right - _step(*case, **options)).max() > 0.01 for options in (
                {"kept": 1.0}, {"stale": True}, {"wish": _sigmoid}, {"wish": lambda s: -_sigmoid(s)})):
            return case


step = Question(
    "gan_step", title="A step that undoes itself", points=3, kind="mend",
    asks="Mend `gan_step(a, w, real, z, lr)`: one step of a discriminator, then one of a generator.",
    reference=lambda a, w, real, z, lr: _step(a, w, real, z, lr), cases=_step_cases,
    minutes=25, level=3,
    text=r"""
        Both networks are linear, so that all can be written out. The generator makes the rows of `z @ a` from `z`
        (M, L) and `a` (L, P). The discriminator gives an image x (P,) the logit $x \cdot w$. First it makes one step of
        gradient descent of size `lr` on w, (P,), on its loss

        $$\begin{aligned}
        &\frac1N \sum_n \log\big(1 + e^{-s_n}\big) \\
        &+ \frac1M \sum_m \log\big(1 + e^{\tilde s_m}\big) ,
        \end{aligned}$$

        with the logits $s_n$ of the N rows of `real` and $\tilde s_m$ of the M made images. Then the generator makes
        one such step on a, against the discriminator that has just been changed, on the non-saturating loss
        $\frac1M \sum_m \log(1 + e^{-\tilde s_m})$. Return all numbers one after the other: a row by row, then w.
        The function given runs, and one meets both of its two faults in real code. One is in what `grad_a` gathers, the
        other in the logits.
    """,
    hints={
        "w is wrong already": "The loss applies the sigmoid. What must the discriminator give, then?",
        "w is right, a is not":
            "What does `grad_a` hold when the generator's turn comes? Whose loss is that the gradient of, and in which "
            "direction does it lead?",
    },
)


@step.given("as given: two faults are there",
            hint="Where is the sigmoid applied, and how often? And which gradient does the generator's step find in "
                 "`grad_a` before it has computed anything?")
def _(a, w, real, z, lr):
    """(L, P), (P,), (N, P), (M, L), a number  →  (L P + P,)"""
    def sigmoid(s):
        return 0.5 * (1 + np.tanh(s / 2))

    def discriminator(x):
        return sigmoid(x @ w)

    grad_a, grad_w = np.zeros(a.shape), np.zeros(w.shape)

    fake = z @ a                                   # the discriminator's turn
    for x, is_real in ((real, 1), (fake, 0)):
        g = (sigmoid(discriminator(x)) - is_real) / len(x)
        grad_w += x.T @ g
        if not is_real:
            grad_a += z.T @ np.outer(g, w)
    w = w - lr * grad_w

    g = (sigmoid(discriminator(fake)) - 1) / len(fake)     # the generator's
    grad_a += z.T @ np.outer(g, w)
    a = a - lr * grad_a
    return np.concatenate([a.ravel(), w])


@step.solution
def gan_step(a, w, real, z, lr):
    """(L, P), (P,), (N, P), (M, L), a number  →  (L P + P,)"""
    def sigmoid(s):
        return 0.5 * (1 + np.tanh(s / 2))

    fake = z @ a                                   # the discriminator's turn
    on_real = (sigmoid(real @ w) - 1) / len(real)
    on_fake = sigmoid(fake @ w) / len(fake)
    w = w - lr * (real.T @ on_real + fake.T @ on_fake)

    wish = (sigmoid(fake @ w) - 1) / len(fake)     # the generator's
    a = a - lr * (z.T @ np.outer(wish, w))
    return np.concatenate([a.ravel(), w])


def _step_mistake(name, hint, **options):
    step.mistake(name, hint=hint)(lambda a, w, real, z, lr: _step(a, w, real, z, lr, **options))


def _twice(shift):
    return lambda s: _sigmoid(_sigmoid(s)) - shift


_KEPT = "The discriminator's loss has sent a gradient to `a` as well. Nobody's step needs it: detach, or set to zero."
_RAW = "The discriminator gives logits; the sigmoid belongs to the loss, once."
_step_mistake("the generator still finds the discriminator's gradient", _KEPT, kept=1.0)
_step_mistake("the sigmoid is still applied twice", _RAW, real_slope=_twice(1), fake_slope=_twice(0), wish=_twice(1))
_step_mistake("the sigmoid is still applied twice in the discriminator's turn", _RAW, real_slope=_twice(1),
              fake_slope=_twice(0))
_step_mistake("the sigmoid is still applied twice in the generator's turn", _RAW, wish=_twice(1))
_step_mistake("the discriminator's gradient is subtracted", _KEPT, kept=-1.0)
_step_mistake("the generator meets the old discriminator", "It has just been changed: use the new w.", stale=True)
_step_mistake("the saturating loss", "The non-saturating loss was asked: its slope is σ − 1.",
              wish=lambda s: -_sigmoid(s))
_step_mistake("the generator helps the discriminator", "It wants its images to be taken for real: σ − 1.",
              wish=_sigmoid)
_step_mistake("the generator climbs", "a − lr times the gradient, of which the slope is σ − 1.",
              wish=lambda s: 1 - _sigmoid(s))
_step_mistake("real and made are exchanged for the discriminator", "Real images: σ − 1. Made ones: σ.",
              real_slope=_sigmoid, fake_slope=lambda s: _sigmoid(s) - 1)
_step_mistake("the discriminator climbs", "w − lr times the gradient.", real_slope=lambda s: 1 - _sigmoid(s),
              fake_slope=lambda s: -_sigmoid(s))
_step_mistake("only real images teach the discriminator", "Both sums count.", fake_slope=lambda s: 0 * s)
_step_mistake("only made images teach the discriminator", "Both sums count.", real_slope=lambda s: 0 * s)
_step_mistake("the part of the made images has the wrong sign", "Both parts are costs: their gradients are added.",
              fake_slope=lambda s: -_sigmoid(s))
_step_mistake("the part of the real images has the wrong sign", "Real images: σ − 1.",
              real_slope=lambda s: 1 - _sigmoid(s))
_step_mistake("sums, not means", "Divide by the number of images, real and made each by its own.",
              shares=lambda n: 1, g_share=lambda n: 1)
_step_mistake("the generator's loss is a sum, not a mean", "Divide by the number of made images.",
              g_share=lambda n: 1)
_step_mistake("the generator's loss is multiplied by M", "Divide by the number of made images.",
              g_share=lambda n: n)
_step_mistake("real images are to have the probability 0 too", "Real images: σ − 1.", real_slope=_sigmoid)
_step_mistake("made images are to have the probability 1 too", "For the discriminator made images: σ.",
              fake_slope=lambda s: _sigmoid(s) - 1)
_step_mistake("real images are to have the probability 2", "Real images: σ − 1.", real_slope=lambda s: _sigmoid(s) - 2)
_step_mistake("the generator wants the probability 2", "σ − 1.", wish=lambda s: _sigmoid(s) - 2)
_step_mistake("1 is added in the generator's slope", "σ − 1.", wish=lambda s: _sigmoid(s) + 1)
_step_mistake("1 is added in the slope of real images", "σ − 1.", real_slope=lambda s: _sigmoid(s) + 1)
for _name, _of in (("no sigmoid: logits in its place", lambda s: s),
                   ("σ of twice the logit", lambda s: _sigmoid(2 * s)),
                   ("σ of four times the logit", lambda s: _sigmoid(4 * s)),
                   ("a sigmoid that goes up to 2", lambda s: 2 * _sigmoid(s)),
                   ("a sigmoid that falls", lambda s: _sigmoid(-s)),
                   ("a sigmoid without its 1", lambda s: np.tanh(s / 2) / 2)):
    _step_mistake(_name, "σ(s) = ½ (1 + tanh(s/2)).", real_slope=lambda s, f=_of: f(s) - 1, fake_slope=_of,
                  wish=lambda s, f=_of: f(s) - 1)
for _slot, _hint in (("real_slope", "The slope of log(1 + e^(−s)) is σ(s) − 1."),
                     ("fake_slope", "The slope of log(1 + e^s) is σ(s)."),
                     ("wish", "The slope of log(1 + e^(−s)) is σ(s) − 1.")):
    _step_mistake("the logit itself where its sigmoid belongs", _hint,
                  **{_slot: (lambda s: s) if _slot == "fake_slope" else lambda s: s - 1})
for _slot, _which in (("move_w", "w"), ("move_a", "a")):
    for _name, _move in ((f"{_which} does not move", lambda x, lr, g: x),
                         (f"the old {_which} is lost", lambda x, lr, g: lr * g),
                         (f"the old {_which} is lost, and the sign too", lambda x, lr, g: -lr * g),
                         (f"{_which} has the other sign", lambda x, lr, g: lr * g - x),
                         (f"`lr` is added to the gradient of {_which}", lambda x, lr, g: x - (lr + g)),
                         (f"{_which} moves by `lr`, without a gradient", lambda x, lr, g: x - lr),
                         (f"{_which} moves without `lr`", lambda x, lr, g: x - g)):
        _step_mistake(_name, f"{_which} − lr · gradient.", **{_slot: _move})


@step.mistake("the discriminator comes after the generator", hint="First w, then a.")
def _(a, w, real, z, lr):
    a, w, z = (np.asarray(x, np.float64) for x in (a, w, z))
    new = a - lr * (z.T @ np.outer((_sigmoid(z @ a @ w) - 1) / len(z), w))
    return np.concatenate([new.ravel(), _step(new, w, real, z, lr)[a.size:]])


@step.accepted("column by column")
def _(a, w, real, z, lr):
    made = z @ a
    for_real, for_made = -1 / (1 + np.exp(real @ w)), 1 / (1 + np.exp(-(made @ w)))
    w = np.array([w[i] - lr * (np.mean(for_real * real[:, i]) + np.mean(for_made * made[:, i]))
                  for i in range(len(w))])
    g = -1 / (1 + np.exp(made @ w))
    a = np.array([[a[j, i] - lr * np.mean(g * z[:, j]) * w[i] for i in range(len(w))] for j in range(len(a))])
    return np.hstack([a.reshape(-1), w])


@step.accepted("targets in one array")
def _(a, w, real, z, lr):
    made = z @ a
    x = np.concatenate([real, made])
    target = np.r_[np.ones(len(real)), np.zeros(len(made))]
    share = np.r_[np.full(len(real), 1 / len(real)), np.full(len(made), 1 / len(made))]
    w = w - lr * (share * (np.exp(-np.logaddexp(0, -(x @ w))) - target)) @ x
    g = -np.exp(-np.logaddexp(0, made @ w)) / len(made)
    return np.r_[(a - lr * np.outer(g @ z, w)).ravel(), w]


# ---- critic_penalty --------------------------------------------------------------------------------------------------

def _critic(real, fake, t, w, v, mix=lambda real, fake, t: t * real + (1 - t) * fake, mask=lambda h: h > 0,
            norm=lambda g: np.sqrt((g**2).sum((1, 2, 3))), cost=lambda n: np.mean((n - 1)**2)):
    real, fake, w, v = (np.asarray(x, np.float64) for x in (real, fake, w, v))
    x = mix(real, fake, np.asarray(t, np.float64)[:, None, None, None])
    hidden = np.einsum("kcij,ncij->nk", w, x)
    return cost(norm(np.einsum("nk,kcij->ncij", mask(hidden) * v, w)))


def _critic_cases(rng):
    """No ReLU has nearly 0 as its input, and those of real, of made and of mixed images are not open alike."""
    while True:
        n, channels = unequal(rng, 2, 5)
        height, width = unequal(rng, 2, 5)
        real, fake = numbers(rng, (n, channels, height, width)), numbers(rng, (n, channels, height, width))
        t, hidden = rng.integers(1, 16, n) / 16, int(rng.integers(3, 6))
        w, v = numbers(rng, (hidden, channels, height, width)) / 4, numbers(rng, (hidden,)) / 2
        case = real, fake, t, w, v
        ways = [t, 1 - t, t**0, 0 * t]
        inputs = [np.einsum("kcij,ncij->nk", w, s[:, None, None, None] * real + (1 - s)[:, None, None, None] * fake)
                  for s in ways]
        found = [_critic(real, fake, s, w, v) for s in ways]
        if min(np.abs(one).min() for one in inputs) > 0.02 and min(abs(found[0] - o) for o in found[1:]) > 0.02:
            return case


critic = Question(
    "critic_penalty", title="A slope of 1, for each image", points=2,
    asks="Write `critic_penalty(real, fake, t, w, v)`: the gradient penalty of a small critic.",
    reference=_critic, cases=_critic_cases,
    minutes=20, level=3,
    text=r"""
        The critic is $f(x) = \sum_k v_k\, \text{relu}\Big(\sum_{c, i, j} w_{k c i j}\, x_{c i j}\Big)$, with `w`
        (K, C, H, W) and `v` (K,). `real` and `fake` are N images each, (N, C, H, W), and `t` (N,) has one number for
        each pair: $x_n = t_n\, \text{real}_n + (1 - t_n)\, \text{fake}_n$. Return
        $\frac1N \sum_n \big(\lVert \nabla f(x_n) \rVert - 1\big)^2$. The norm is over all numbers of an image. No ReLU
        has exactly 0 as its input there.
    """,
    hints={
        "Where do I begin?": "Which ReLUs are open at x_n? The gradient is the sum of their v_k w_k, an array "
                             "(C, H, W).",
        "The arrays do not broadcast": "`t[:, None, None, None]` has one number for each image.",
        "Right for images of one number only":
            "A norm over axis 1 alone is one for each pixel. Flatten each image first.",
    },
)


@critic.solution
def critic_penalty(real, fake, t, w, v):
    """(N, C, H, W) twice, (N,), (K, C, H, W), (K,)  →  a number"""
    total = 0.0
    for n in range(len(t)):
        x = t[n] * real[n] + (1 - t[n]) * fake[n]
        slope = np.zeros(x.shape)
        for k in range(len(v)):
            if np.sum(w[k] * x) > 0:
                slope += v[k] * w[k]
        total += (np.sqrt(np.sum(slope**2)) - 1) ** 2
    return total / len(t)


def _critic_mistake(name, hint, **options):
    critic.mistake(name, hint=hint)(lambda real, fake, t, w, v: _critic(real, fake, t, w, v, **options))


_ALL = "All numbers of an image make one vector, and that has one length."
_MIX = "x = t · real + (1 − t) · fake."
_critic_mistake("the norm over channels only", _ALL, norm=lambda g: np.sqrt((g**2).sum(1)))
_critic_mistake("the norm over the whole batch", "A norm for each image.", norm=lambda g: np.sqrt((g**2).sum()))
_critic_mistake("the norm over rows and columns only", _ALL, norm=lambda g: np.sqrt((g**2).sum((2, 3))))
_critic_mistake("the length squared, not the length", "A square root first.", norm=lambda g: (g**2).sum((1, 2, 3)))
_critic_mistake("the sum of absolute values", "The Euclidean length.", norm=lambda g: np.abs(g).sum((1, 2, 3)))
_critic_mistake("the root of the mean square", "The length: a sum, not a mean, under the root.",
                norm=lambda g: np.sqrt((g**2).mean((1, 2, 3))))
_critic_mistake("the mean length is compared with 1", "Each length, then the mean: too long and too "
                "short do not cancel.",
                cost=lambda n: (n.mean() - 1)**2)
_critic_mistake("only lengths above 1 cost", "Both sides cost here.", cost=lambda n: np.mean(np.maximum(n - 1, 0)**2))
_critic_mistake("the mean square of the lengths", "The distance from 1 is squared.", cost=lambda n: np.mean(n**2))
_critic_mistake("not squared", "(‖·‖ − 1)².", cost=lambda n: np.mean(np.abs(n - 1)))
_critic_mistake("a sum over images", "The mean over the N images.", cost=lambda n: np.sum((n - 1)**2))
_critic_mistake("one is added, not subtracted", "(‖·‖ − 1)².", cost=lambda n: np.mean((n + 1)**2))
_critic_mistake("half of it", "The mean of the squares.", cost=lambda n: np.mean((n - 1)**2) / 2)
_critic_mistake("the distance from 1, with its sign", "(‖·‖ − 1)².", cost=lambda n: np.mean(n - 1))
_critic_mistake("twice the distance from 1", "(‖·‖ − 1)²: squared.", cost=lambda n: np.mean(2 * (n - 1)))
_critic_mistake("the distance from 2", "The wanted length is 1.", cost=lambda n: np.mean((n - 2)**2))
_critic_mistake("to the third power", "Squared.", cost=lambda n: np.mean((n - 1)**3))
_critic_mistake("divided by N twice", "The mean: divide once.", cost=lambda n: np.mean((n - 1)**2) / len(n))
_critic_mistake("multiplied by N squared", "Divide by N.", cost=lambda n: np.sum((n - 1)**2) * len(n))
_critic_mistake("only the last image", "All images count: `+=`.", cost=lambda n: (n[-1] - 1)**2 / len(n))
_critic_mistake("subtracted from 0", "It is a cost: not negative.", cost=lambda n: -np.mean((n - 1)**2))
_critic_mistake("real and made are exchanged", _MIX, mix=lambda r, f, t: (1 - t) * r + t * f)
_critic_mistake("at the real images", _MIX, mix=lambda r, f, t: r)
_critic_mistake("at the made images", _MIX, mix=lambda r, f, t: f)
_critic_mistake("halfway between, for all", "Each pair has its own t.", mix=lambda r, f, t: (r + f) / 2)
_critic_mistake("one t for all", "Each pair has its own t.", mix=lambda r, f, t: t[0] * r + (1 - t[0]) * f)
_critic_mistake("the made part is subtracted", _MIX, mix=lambda r, f, t: t * r - (1 - t) * f)
_critic_mistake("1 + t for 1 − t", _MIX, mix=lambda r, f, t: t * r + (1 + t) * f)
_critic_mistake("the real image whole", _MIX, mix=lambda r, f, t: r + (1 - t) * f)
_critic_mistake("the made image whole", _MIX, mix=lambda r, f, t: t * r + f)
_critic_mistake("the ReLU is left out", "Rows of w whose ReLU is shut do not count.", mask=lambda h: 1.0 + 0 * h)
_critic_mistake("ReLU's output in place of its slope", "Its slope is 0 or 1.", mask=lambda h: np.maximum(h, 0))
_critic_mistake("shut ones count, open ones do not", "A ReLU is open above 0.", mask=lambda h: h < 0)
_critic_mistake("a ReLU counts as open from 1 on", "It is open above 0.", mask=lambda h: h > 1)
_critic_mistake("a ReLU counts as open from −1 on", "It is open above 0.", mask=lambda h: h > -1)


def _critic_other(name, hint, slope):
    def answer(real, fake, t, w, v):
        t = np.asarray(t, np.float64)[:, None, None, None]
        x = t * real + (1 - t) * fake
        open_ = np.einsum("kcij,ncij->nk", w, x) > 0
        g = slope(open_, np.asarray(w, np.float64), np.asarray(v, np.float64))
        return np.mean((np.sqrt((g**2).sum((1, 2, 3))) - 1)**2)
    critic.mistake(name, hint=hint)(answer)


_critic_other("v is left out", "The gradient goes through v too.",
              lambda o, w, v: np.einsum("nk,kcij->ncij", o * 1.0, w))
_critic_other("only the last open unit", "Add up all open ones.", lambda o, w, v: np.stack(
    [w[np.flatnonzero(one)[-1]] * v[np.flatnonzero(one)[-1]] if one.any() else 0 * w[0] for one in o]))
_critic_other("v is added", "v_k times w_k.", lambda o, w, v: np.einsum("nk,kcij->ncij", o * 1.0, w)
              + (o * v).sum(1)[:, None, None, None])


@critic.mistake("the ReLU's input takes the sum over some axes only",
                hint="One number for each k: the sum over c, i, j.")
def _(real, fake, t, w, v):
    t = np.asarray(t, np.float64)[:, None, None, None]
    x = t * real + (1 - t) * fake
    open_ = np.einsum("kcij,ncij->nkij", w, x) > 0
    g = np.einsum("nkij,k,kcij->ncij", open_, v, w)
    return np.mean((np.sqrt((g**2).sum((1, 2, 3))) - 1)**2)


@critic.accepted("all images flat")
def _(real, fake, t, w, v):
    n = len(t)
    x = fake.reshape(n, -1) + t[:, None] * (real - fake).reshape(n, -1)
    flat = w.reshape(len(v), -1)
    slope = ((x @ flat.T > 0) * v) @ flat
    return np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)


@critic.accepted("by the matrix of inner products of the weights")
def _(real, fake, t, w, v):
    flat = w.reshape(len(v), -1) * v[:, None]
    gram = flat @ flat.T
    lengths = []
    for one, r, f in zip(t, real, fake, strict=True):
        x = one * r + (1 - one) * f
        is_open = np.array([float(np.vdot(k, x) > 0) for k in w])
        lengths.append(np.sqrt(max(is_open @ gram @ is_open, 0.0)))
    return sum((length - 1) ** 2 for length in lengths) / len(lengths)


# ---- loud_kernel -----------------------------------------------------------------------------------------------------

SIDE = 24                    # of the images, with a circular border


def _loud_properties(w, k_h, k_w):
    w = np.asarray(w, np.float64)
    if w.shape != (k_h, k_w):
        raise ValueError(f"a kernel of shape ({k_h}, {k_w}) was asked for; this has shape {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError("all numbers must be finite")
    gain = np.abs(np.fft.fft2(w, (SIDE, SIDE)))
    return {"norm of the reshaped kernel": np.linalg.norm(w), "largest gain": float(gain.max()),
            "how far the gain of a grey image is above ½": max(0.0, float(gain[0, 0]) - 0.5)}


def _loud(k_h, k_w):
    u, v = np.indices((k_h, k_w))
    return (-1.0) ** (u + v) / np.sqrt(k_h * k_w)


loud = Question(
    "loud_kernel", title="Norm 1, and yet loud", points=3, kind="design",
    asks="Design `loud_kernel(k_h, k_w)`: a kernel of spectral norm 1 whose layer makes an image as much longer as "
         "possible.",
    reference=_loud, cases=lambda rng: unequal(rng, 2, 6), measure=_loud_properties,
    minutes=25, level=3,
    text=r"""
        The layer has one channel in and one out; its border is circular, its stride 1, and its images have 24 × 24
        pixels. Return the kernel, (k_h, k_w), both from 2 to 5, such that

        - as a matrix of one row, as spectral norm takes it, it has the norm 1;
        - there is an image which comes out of the layer as many times longer as is possible for any such kernel, where
          the length of an image is the root of the sum of its squares;
        - this is not a uniformly grey image: such a one comes out at most half as long as it went in.

        There are several such kernels, and each of them passes.
    """,
    hints={
        "How long can it become?": "On a circular border the layer multiplies each wave by a number, the kernel's "
                                   "discrete Fourier transform at its frequency. How large can |Σ w e^…| be, if "
                                   "Σ w² = 1? By the inequality of Cauchy and Schwarz.",
        "It is loud, but for grey":
            "Equal taps add up for a constant image. For which other image can all taps add up? Let it change from "
            "pixel to pixel.",
        "It is not loud enough": "All taps must have the same size, and the wave must meet each with the right sign.",
    },
)


@loud.solution
def loud_kernel(k_h, k_w):
    """int, int  →  (k_h, k_w)"""
    rows, columns = np.indices((k_h, k_w))
    board = (-1.0) ** (rows + columns)            # the fastest wave there is
    return board / np.sqrt(k_h * k_w)


def _loud_mistake(name, hint, kernel):
    loud.mistake(name, hint=hint)(kernel)


_SIZE = "Σ w² = 1: divide by the root of the number of taps."
_loud_mistake("all taps alike", "It is loud for a grey image. Let the signs change.",
              lambda h, w: np.full((h, w), 1 / np.sqrt(h * w)))
_loud_mistake("a board of ±1", _SIZE, lambda h, w: _loud(h, w) * np.sqrt(h * w))
_loud_mistake("a board whose absolute values sum to 1", _SIZE, lambda h, w: _loud(h, w) / np.sqrt(h * w))
_loud_mistake("one tap", "An impulse leaves every image as long as it was.",
              lambda h, w: np.eye(h, w) * (np.arange(w) < 1))
_loud_mistake("a difference of two neighbours", "All taps must help: this has a gain of √2 only.",
              lambda h, w: np.pad([[1, -1]], ((0, h - 1), (0, w - 2))) / np.sqrt(2))
_loud_mistake("a cosine of a slow wave", "A wave meets its taps with values smaller than 1, and much is lost. All "
              "taps of one size.",
              lambda h, w: _norm1(np.cos(2 * np.pi * np.add.outer(np.arange(h), np.arange(w)) / 3)))
_loud_mistake("a grey difference: the mean subtracted from an impulse", "Most of the square is in one tap.",
              lambda h, w: _norm1(np.pad([[1.0]], ((0, h - 1), (0, w - 1))) - 1 / (h * w)))
_loud_mistake("divided by the number of rows", _SIZE, lambda h, w: _loud(h, w) * np.sqrt(w / h))
_loud_mistake("divided by the number of columns", _SIZE, lambda h, w: _loud(h, w) * np.sqrt(h / w))
_loud_mistake("divided by k_h + k_w under the root", _SIZE, lambda h, w: _loud(h, w) * np.sqrt(h * w / (h + w)))
_loud_mistake("signs that change every two taps", "No wave on the grid meets all of these with the right sign.",
              lambda h, w: np.where(np.add.outer(np.arange(h), np.arange(w)) % 4 < 2, 1, -1) / np.sqrt(h * w))
_loud_mistake("powers of 2 in place of signs", "The base is −1: signs only.",
              lambda h, w: (-2.0) ** np.add.outer(np.arange(h), np.arange(w)) / np.sqrt(h * w))
_loud_mistake("divided by the root of the number of rows only", _SIZE, lambda h, w: _loud(h, w) * np.sqrt(w))
_loud_mistake("divided by the root of the number of columns only", _SIZE, lambda h, w: _loud(h, w) * np.sqrt(h))
_loud_mistake("multiplied by the root of the number of taps", _SIZE, lambda h, w: _loud(h, w) * h * w)
_loud_mistake("numbers that grow from tap to tap", "All taps must have the same size.",
              lambda h, w: -np.add.outer(np.arange(h), np.arange(w)) / np.sqrt(h * w))
_loud_mistake("numbers that grow from tap to tap", "All taps must have the same size.",
              lambda h, w: np.add.outer(np.arange(h), np.arange(w)) / np.sqrt(h * w))


def _norm1(w):
    return w / np.linalg.norm(w)


loud.accepted("the same with the other sign")(lambda h, w: -_loud(h, w))
loud.accepted("cosines of half a turn for each tap")(
    lambda h, w: np.cos(np.pi * np.add.outer(np.arange(h), np.arange(w))) / np.sqrt(h * w))
loud.accepted("stripes along the side that is even, else a board")(
    lambda h, w: np.outer(np.ones(h), (-1.0) ** np.arange(w)) / np.sqrt(h * w) if w % 2 == 0 else _loud(h, w))

QUESTIONS = [slopes, tracked, lowest, step, critic, loud]
