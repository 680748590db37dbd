"""Week 6: the questions of the notebook `black_box`."""

import math

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- nes_estimate ----------------------------------------------------------------------------------------------------


def _estimate(above, below, noise, sigma):
    return np.tensordot(np.asarray(above) - below, noise, 1) / (2 * sigma * len(noise))


def _estimate_cases(rng):
    """Values far from 0, as a margin's are; σ is never ½ or 1, and the number of pairs none of the sides."""
    n = int(rng.choice([4, 5, 7]))
    c, (h, w) = int(rng.choice([1, 2])), unequal(rng, 2, 4)
    noise = numbers(rng, (n, c, h, w))
    return (6 + numbers(rng, (n,)), 5 + numbers(rng, (n,)), noise, float(rng.choice([0.125, 0.25, 0.375])))


estimate = Question(
    "nes_estimate", title="A gradient out of answers", points=1,
    asks="Write `nes_estimate(above, below, noise, sigma)`: what n pairs of queries say about a gradient.",
    reference=_estimate, cases=_estimate_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        Around an image x, (C, H, W), a network was asked for its margin f at n pairs of places. `noise` (n, C, H, W)
        holds the $u_i$, `above` (n,) the answers $f(x + \sigma u_i)$, `below` (n,) the answers $f(x - \sigma u_i)$.
        Return (C, H, W),

        $$
        \begin{aligned}
        \hat g = \frac{1}{2 \sigma n} \sum_{i=1}^{n} \big[&f(x + \sigma u_i) \\
        &- f(x - \sigma u_i)\big]\, u_i .
        \end{aligned}
        $$
    """,
    hints={
        "The shapes do not fit": "Each difference multiplies a whole image: `difference[:, None, None, None] * noise`.",
        "Every number is off by one factor": "2 for the two sides, σ for the way, n for the mean.",
    },
)


@estimate.solution
def nes_estimate(above, below, noise, sigma):
    """(n,), (n,), (n, C, H, W), a number  →  (C, H, W)"""
    slope = (above - below) / (2 * sigma)              # along each u
    return np.mean(slope[:, None, None, None] * noise, 0)


def _estimate_mistake(name, hint, answer):
    estimate.mistake(name, hint=hint)(
        lambda above, below, noise, sigma: answer(np.asarray(above, np.float64), np.asarray(below, np.float64),
                                                  np.asarray(noise, np.float64), sigma))


def _along(values, noise, scale):
    return np.tensordot(values, noise, 1) / scale


_MEAN = "A mean over n pairs: divide by n once."
_WAY = "From x − σu to x + σu it is 2σ: divide by it."
_PAIR = "f above minus f below: then what is the same on both sides cancels."
_estimate_mistake("σ is missing", _WAY, lambda a, b, u, s: _along(a - b, u, 2 * len(u)))
_estimate_mistake("the 2 is missing", _WAY, lambda a, b, u, s: _along(a - b, u, s * len(u)))
_estimate_mistake("neither 2 nor σ", _WAY, lambda a, b, u, s: _along(a - b, u, len(u)))
_estimate_mistake("multiplied by 2σ", _WAY, lambda a, b, u, s: _along(a - b, u, len(u)) * 2 * s)
_estimate_mistake("multiplied by σ, divided by 2", _WAY, lambda a, b, u, s: _along(a - b, u, len(u)) * s / 2)
_estimate_mistake("divided by σ, multiplied by 2", _WAY, lambda a, b, u, s: _along(a - b, u, len(u)) * 2 / s)
_estimate_mistake("divided by σ²", _WAY, lambda a, b, u, s: _along(a - b, u, 2 * s**2 * len(u)))
_estimate_mistake("divided by 2 + σ", _WAY, lambda a, b, u, s: _along(a - b, u, (2 + s) * len(u)))
_estimate_mistake("a power of σ", _WAY, lambda a, b, u, s: _along(a - b, u, 2**s * len(u)))
_estimate_mistake("σ to the power 2", _WAY, lambda a, b, u, s: _along(a - b, u, s**2 * len(u)))
_estimate_mistake("divided by 3σ", _WAY, lambda a, b, u, s: _along(a - b, u, 3 * s * len(u)))
_estimate_mistake("one side alone", _PAIR, lambda a, b, u, s: _along(a, u, s * len(u)))
_estimate_mistake("one side alone, over 2σ", _PAIR, lambda a, b, u, s: _along(a, u, 2 * s * len(u)))
_estimate_mistake("the lower side alone", _PAIR, lambda a, b, u, s: _along(-b, u, s * len(u)))
_estimate_mistake("the lower side alone, over 2σ", _PAIR, lambda a, b, u, s: _along(b, u, 2 * s * len(u)))
_estimate_mistake("the two sides are added", _PAIR, lambda a, b, u, s: _along(a + b, u, 2 * s * len(u)))
_estimate_mistake("the sign is turned over", "f above minus f below.",
                  lambda a, b, u, s: _along(b - a, u, 2 * s * len(u)))
_estimate_mistake("a sum, not a mean", _MEAN, lambda a, b, u, s: _along(a - b, u, 2 * s))
_estimate_mistake("divided by n twice", _MEAN, lambda a, b, u, s: _along(a - b, u, 2 * s * len(u)**2))
_estimate_mistake("divided by the number of queries, 2n, and by 2σ", _MEAN,
                  lambda a, b, u, s: _along(a - b, u, 4 * s * len(u)))
_estimate_mistake("divided by n − 1", _MEAN, lambda a, b, u, s: _along(a - b, u, 2 * s * (len(u) - 1)))
_estimate_mistake("the mean of the differences times the mean of the noise",
                  "Each difference belongs to its own u: multiply first, then the mean.",
                  lambda a, b, u, s: (a - b).mean() / (2 * s) * u.mean(0))
_estimate_mistake("only the signs of the differences", "The size of a difference says how steep it is along u.",
                  lambda a, b, u, s: _along(np.sign(a - b), u, 2 * s * len(u)))
_estimate_mistake("the noise without the answers", "Each u is multiplied by the difference of its two answers.",
                  lambda a, b, u, s: u.mean(0))
_estimate_mistake("u is added, not multiplied", "Each u is multiplied by the difference of its two answers.",
                  lambda a, b, u, s: ((a - b)[:, None, None, None] / (2 * s) + u).mean(0))
_estimate_mistake("divided by u", "It is multiplied by u.",
                  lambda a, b, u, s: ((a - b)[:, None, None, None] / (2 * s) / u).mean(0))
_estimate_mistake("not averaged over the pairs", "One image (C, H, W): the mean over the n pairs.",
                  lambda a, b, u, s: (a - b)[:, None, None, None] / (2 * s) * u)
_estimate_mistake("the last pair alone", "The mean over all pairs.", lambda a, b, u, s: (a - b)[-1] / (2 * s) * u[-1])
_estimate_mistake("averaged over the channels", "The mean is over the n pairs, axis 0.",
                  lambda a, b, u, s: ((a - b)[:, None, None, None] / (2 * s) * u).mean(1))
_estimate_mistake("one number", "The mean is over the n pairs only.",
                  lambda a, b, u, s: ((a - b)[:, None, None, None] / (2 * s) * u).mean())


@estimate.accepted("pair by pair")
def _(above, below, noise, sigma):
    total = np.zeros(noise.shape[1:])
    for a, b, u in zip(above, below, noise, strict=True):
        total += (float(a) - float(b)) * u
    return total / (2 * sigma * len(noise))


@estimate.accepted("with einsum, each side by itself")
def _(above, below, noise, sigma):
    up, down = (np.einsum("n,nchw->chw", f, noise) for f in (above, below))
    return (up - down) / sigma / len(above) / 2


# ---- success_within --------------------------------------------------------------------------------------------------

def _within(right, fooled, queries, budgets):
    right = np.asarray(right) > 0
    done = (right & (np.asarray(fooled) > 0))[None] & (np.asarray(queries)[None] <= np.asarray(budgets)[:, None])
    return done.sum(1) / right.sum()


def _within_cases(rng, turn):
    """Flags of 0 and 1; wrong ones after one query, fooled ones within the budget, the others at its end.

    On odd turns one is fooled by the very last query, so that `fooled` must be read.
    """
    while True:
        n, most = int(rng.integers(9, 14)), int(rng.integers(20, 60))
        right = rng.integers(0, 4, n) > 0
        fooled = (rng.integers(0, 3, n) > 0) | ~right
        queries = np.where(right, np.where(fooled, rng.integers(2, most, n), most), 1)
        won = np.flatnonzero(right & fooled)
        if turn % 2 and len(won):
            queries[rng.choice(won)] = most
        done = np.sort(queries[right & fooled])
        if 3 <= right.sum() < n - 1 and 2 <= len(done) < right.sum() and len(set(done)) > 1:
            budgets = rng.permutation([1, int(done[0]), int(done[-2]) + 1, int(done[-1]), most, most + 5])
            return tuple(np.asarray(a, np.float64) for a in (right, fooled, queries, budgets))


within = Question(
    "success_within", title="Success, by budget", points=1,
    asks="Write `success_within(right, fooled, queries, budgets)`: an attack's rate of success for each budget.",
    reference=_within, cases=_within_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        Of N images, `right` (N,) says by 1 or 0 whether the network was right before the attack, `fooled` (N,) whether
        it is wrong after it, and `queries` (N,) how many queries the image has taken. An image that was wrong before
        is wrong after, and took one query; one that is never fooled has taken all there were. Return for each of
        `budgets` (B,) the share of images that are fooled within so many queries, **among those that were right
        before**, (B,). At least one was right.
    """,
    hints={
        "The first number is not 0": "An image that was wrong from the start is no success of the attack.",
        "The last numbers are 1": "An image that was never fooled has used up its budget. That is no success.",
        "Every number is too small": "Which images does the share count? Those that were right before.",
    },
)


@within.solution
def success_within(right, fooled, queries, budgets):
    """(N,), (N,), (N,), (B,)  →  (B,)"""
    won = queries[(right == 1) & (fooled == 1)]        # by the attack itself
    return np.array([np.sum(won <= budget) for budget in budgets]) / sum(right)


def _within_mistake(name, hint, answer):
    def call(right, fooled, queries, budgets):
        right, fooled, queries = np.asarray(right) > 0, np.asarray(fooled) > 0, np.asarray(queries)
        return np.array([answer(right, fooled, queries, int(b)) for b in budgets])
    within.mistake(name, hint=hint)(call)


_DENOMINATOR = "The share is among the images that were right before: divide by their number."
_WON = "A success was right before and is wrong after, within the budget."
_within_mistake("of all images", _DENOMINATOR, lambda r, f, q, b: (r & f & (q <= b)).mean())
_within_mistake("of the images that are fooled at the end", _DENOMINATOR,
                lambda r, f, q, b: (r & f & (q <= b)).sum() / (r & f).sum())
_within_mistake("of the images that are wrong at the end", _DENOMINATOR,
                lambda r, f, q, b: (r & f & (q <= b)).sum() / f.sum())
_within_mistake("images wrong before are successes", _WON, lambda r, f, q, b: (f & (q <= b)).mean())
_within_mistake("images wrong before are successes, of those right before", _WON,
                lambda r, f, q, b: (f & (q <= b)).sum() / r.sum())
_within_mistake("who has used up the budget counts as fooled", "That one was never fooled: look at `fooled` too.",
                lambda r, f, q, b: (r & (q <= b)).sum() / r.sum())
_within_mistake("`fooled` and `right` are both ignored", _WON, lambda r, f, q, b: (q <= b).mean())
_within_mistake("`fooled` and `right` are ignored above the line only", _WON,
                lambda r, f, q, b: (q <= b).sum() / r.sum())
_within_mistake("below the budget, not within it", "Who takes exactly the budget is within it: ≤.",
                lambda r, f, q, b: (r & f & (q < b)).sum() / r.sum())
_within_mistake("robust accuracy among the images right before", "Asked are those that are fooled, not the rest.",
                lambda r, f, q, b: 1 - (r & f & (q <= b)).sum() / r.sum())
_within_mistake("robust accuracy", "Asked are those that are fooled, of those that were right before.",
                lambda r, f, q, b: (r & ~(f & (q <= b))).mean())
_within_mistake("after more queries than the budget", "Within the budget: ≤.",
                lambda r, f, q, b: (r & f & (q > b)).sum() / r.sum())
_within_mistake("after as many queries as the budget, or more", "Within the budget: ≤.",
                lambda r, f, q, b: (r & f & (q >= b)).sum() / r.sum())
_within_mistake("exactly at the budget", "Within the budget: all that took at most so many.",
                lambda r, f, q, b: (r & f & (q == b)).sum() / r.sum())
_within_mistake("everything but exactly at the budget", "Within the budget: ≤.",
                lambda r, f, q, b: (r & f & (q != b)).sum() / r.sum())
_within_mistake("those that are not fooled", "A success is wrong after the attack.",
                lambda r, f, q, b: (r & ~f & (q <= b)).sum() / r.sum())
_within_mistake("those that were wrong before", "A success was right before.",
                lambda r, f, q, b: (~r & f & (q <= b)).sum() / r.sum())
_within_mistake("either right before or fooled", "Both must hold: and.",
                lambda r, f, q, b: ((r ^ f) & (q <= b)).sum() / r.sum())
_within_mistake("counts, not shares", "A share: divide by the number that were right before.",
                lambda r, f, q, b: (r & f & (q <= b)).sum())
_within_mistake("the count times the number of images right before", "Divide by the number.",
                lambda r, f, q, b: (r & f & (q <= b)).sum() * r.sum())
_within_mistake("divided by the number of successes", "Divide by the number of images that were right before.",
                lambda r, f, q, b: (r & f & (q <= b)).mean() / max((r & f & (q <= b)).mean(), 1e-12))


@within.mistake("the sum of the queries", hint="Count the images, not their queries.")
def _(right, fooled, queries, budgets):
    won = queries[(right == 1) & (fooled == 1)]
    return np.array([won[won <= b].sum() for b in budgets]) / right.sum()


@within.accepted("image by image")
def _(right, fooled, queries, budgets):
    out = []
    for budget in budgets:
        before = after = 0
        for r, f, q in zip(right, fooled, queries, strict=True):
            before += int(r)
            after += bool(r) and bool(f) and q <= budget
        out.append(after / before)
    return out


@within.accepted("sorted, and looked up")
def _(right, fooled, queries, budgets):
    won = np.sort(queries[(right * fooled).astype(bool)])
    return np.searchsorted(won, budgets, side="right") / np.count_nonzero(right)


# ---- kept_gain -------------------------------------------------------------------------------------------------------

def _phi(z):
    return np.array([0.5 * (1 + math.erf(one / math.sqrt(2))) for one in np.ravel(z)]).reshape(np.shape(z))


def _kept(g, n, deviation=lambda g, n: np.sqrt((np.sum(g**2) + g**2) / n)):
    g = np.asarray(g, np.float64)
    return np.sum(np.abs(g) * (2 * _phi(np.abs(g) / deviation(g, n)) - 1)) / np.abs(g).sum()


def _kept_cases(rng):
    """Gradients with a few large numbers among small ones, both signs, and few to some pairs."""
    h, w = unequal(rng, 2, 6)
    g = numbers(rng, (h, w)) * rng.choice([0.25, 1, 3], (h, w))
    return g, int(rng.choice([2, 3, 5, 8, 13]))


kept = Question(
    "kept_gain", title="What a sign step keeps", points=2, kind="predict",
    asks="Predict, by `kept_gain(g, n)`, which share of a sign step's gain is left if the gradient is estimated.",
    reference=lambda g, n: _kept(g, n), cases=_kept_cases,
    minutes=25, level=3,
    text=r"""
        A function is linear with the gradient `g` (H, W), which is never 0. Along sign g it rises by
        $\varepsilon \lVert g \rVert_1$, the sum of the absolute values, and no L∞ step of length ε
        gains more. We step along the sign of the estimate from n antithetic pairs instead,

        $$\hat g = \frac1n \sum_{i=1}^{n} \langle g, u_i \rangle\, u_i , \qquad u_i \sim \mathcal N(0, I) .$$

        Take each number $\hat g_j$ for **normally distributed with its exact mean and variance**. Predict the expected
        rise along sign ĝ as a share of that along sign g: one number. `math.erf` gives the normal distribution
        $\Phi(z) = \frac12 (1 + \operatorname{erf}(z/\sqrt2))$.
    """,
    hints={
        "Where do I begin?": "One number at a time: the step gains |g_j| with the probability that ĝ_j has the sign of "
                             "g_j, and loses it otherwise.",
        "What is the variance?": "ĝ_j is the mean of n independent products (g_j u_j + rest) u_j. The variance of u² "
                                 "is 2, that of u times an independent number of variance v is v.",
        "It is nearly right": "The variance is not the same for all j: one of the terms is larger by g_j².",
    },
)


@kept.solution
def kept_gain(g, n):
    """(H, W), int  →  a number"""
    import math
    total = 0.0
    for one in g.ravel():
        variance = (np.sum(g ** 2) + one ** 2) / n
        z = abs(one) / np.sqrt(variance)
        total += abs(one) * math.erf(z / np.sqrt(2))    # P(right) − P(wrong)
    return total / np.sum(np.abs(g))


def _kept_mistake(name, hint, answer):
    kept.mistake(name, hint=hint)(lambda g, n: answer(np.asarray(g, np.float64), n))


def _erf_sum(g, z, weight=np.abs):
    return np.sum(weight(g) * (2 * _phi(z) - 1)) / weight(g).sum()


_VARIANCE = "The variance of ĝ_j is (‖g‖² + g_j²)/n: the pixel itself gives 2 g_j², each other one its square."
_LOSES = "Where the sign is wrong the step loses as much as it would have gained."
_kept_mistake("the same variance for all, ‖g‖²/n", _VARIANCE,
              lambda g, n: _kept(g, n, lambda g, n: np.sqrt((g**2).sum() / n)))
_kept_mistake("only the others' part of the variance", _VARIANCE,
              lambda g, n: _kept(g, n, lambda g, n: np.sqrt(((g**2).sum() - g**2) / n)))
_kept_mistake("only the pixel's own part of the variance", _VARIANCE,
              lambda g, n: _kept(g, n, lambda g, n: np.sqrt(2 * g**2 / n)))
_kept_mistake("the variance g²/n", _VARIANCE, lambda g, n: _kept(g, n, lambda g, n: np.sqrt(g**2 / n)))
_kept_mistake("twice the pixel's own square on top", _VARIANCE,
              lambda g, n: _kept(g, n, lambda g, n: np.sqrt(((g**2).sum() + 2 * g**2) / n)))
_kept_mistake("n is missing", "A mean of n has 1/n of the variance.", lambda g, n: _kept(g, 1))
_kept_mistake("divided by n, not by its root", "The variance falls as 1/n, the deviation as 1/√n.",
              lambda g, n: _kept(g, n**2))
_TWO = "n pairs give n independent products, and Φ(z) = ½ (1 + erf(z/√2)): is a 2 too many, or missing?"
_kept_mistake("z is √2 times too large", _TWO, lambda g, n: _kept(g, 2 * n))
_kept_mistake("z is √2 times too small", _TWO, lambda g, n: _kept(g, n / 2))
_kept_mistake("z is twice too large", _TWO, lambda g, n: _kept(g, 4 * n))
_kept_mistake("the variance multiplied by n", "A mean of n has 1/n of the variance.", lambda g, n: _kept(g, 1 / n))
_kept_mistake("the variance in place of the deviation", "Divide by the root of the variance.",
              lambda g, n: _kept(g, n, lambda g, n: ((g**2).sum() + g**2) / n))
_kept_mistake("the gains alone, without the losses", _LOSES, lambda g, n: np.sum(
    np.abs(g) * _phi(np.abs(g) / np.sqrt(((g**2).sum() + g**2) / n))) / np.abs(g).sum())
_kept_mistake("the share of signs that are right, in excess", "Each sign counts by |g_j|: large numbers matter more.",
              lambda g, n: np.mean(2 * _phi(np.abs(g) / np.sqrt(((g**2).sum() + g**2) / n)) - 1))
_kept_mistake("the share of signs that are right", _LOSES,
              lambda g, n: np.mean(_phi(np.abs(g) / np.sqrt(((g**2).sum() + g**2) / n))))
_kept_mistake("the cosine of the estimate", "The cosine says how much of a step along ĝ itself is kept. Here only "
              "signs count.", lambda g, n: np.sqrt(n / (n + g.size + 1)))
_kept_mistake("√(n/(n + d))", "The cosine says how much of a step along ĝ itself is kept. Here only signs count.",
              lambda g, n: np.sqrt(n / (n + g.size)))
_kept_mistake("weighted by g², not by |g|", "A sign step gains |g_j| from pixel j.",
              lambda g, n: _erf_sum(g, np.abs(g) / np.sqrt(((g**2).sum() + g**2) / n), np.square))
_kept_mistake("the rise, not its share", "Divide by the sum of the absolute values.",
              lambda g, n: _kept(g, n) * np.abs(g).sum())
_kept_mistake("divided by the length of g", "The whole gain is the sum of the absolute values, ‖g‖₁.",
              lambda g, n: _kept(g, n) * np.abs(g).sum() / np.sqrt((g**2).sum()))
_kept_mistake("signs of g cancel in the denominator", "‖g‖₁ is the sum of absolute values.",
              lambda g, n: _kept(g, n) * np.abs(g).sum() / (g.sum() or 1e-9))
_kept_mistake("signs of g cancel in the sum", "Where g_j is negative a right sign gains as well.",
              lambda g, n: np.sum(g * (2 * _phi(np.abs(g) / np.sqrt(((g**2).sum() + g**2) / n)) - 1)) / np.abs(g).sum())
_kept_mistake("the last number alone", "The sum over all numbers of g.", lambda g, n: np.abs(g.flat[-1]) * math.erf(
    abs(g.flat[-1]) / math.sqrt(2 * ((g**2).sum() + g.flat[-1]**2) / n)) / np.abs(g).sum())
_kept_mistake("the last gain is subtracted from nothing", "Add the gains up.", lambda g, n: -_kept(g, n))
_kept_mistake("the gain squared", "The expected gain, once.", lambda g, n: _kept(g, n)**2)


def _kept_z(name, z):
    kept.mistake(name, hint="z is |g_j| divided by the deviation of ĝ_j.")(lambda g, n: _erf_sum(
        np.asarray(g, np.float64), z(np.abs(g).astype(float), np.sqrt(((g.astype(float)**2).sum() + g**2) / n))))


_kept_z("z is turned over", lambda size, deviation: deviation / size)
_kept_z("z is multiplied by the deviation", lambda size, deviation: size * deviation)
_kept_z("z is the size alone", lambda size, deviation: size)
_kept_z("z is the deviation alone", lambda size, deviation: deviation)
_kept_mistake("everything is kept", "Some signs of the estimate are wrong.", lambda g, n: 1.0)
_kept_mistake("the whole gain, not a share", "Asked is the share that is left.", lambda g, n: np.abs(g).sum())
_kept_mistake("the inverse of the share", "What is left, divided by the whole.", lambda g, n: 1 / _kept(g, n))
_kept_mistake("multiplied by the whole gain", "Divide by the whole.", lambda g, n: _kept(g, n) * np.abs(g).sum()**2)
_kept_mistake("divided by the mean size", "Divide by the sum of the sizes.", lambda g, n: _kept(g, n) * g.size)
_kept_mistake("divided by the sum of the squares", "Divide by the sum of the sizes.",
              lambda g, n: _kept(g, n) * np.abs(g).sum() / (g**2).sum())
_kept_mistake("the mean square in place of its sum", _VARIANCE,
              lambda g, n: _kept(g, n, lambda g, n: np.sqrt(((g**2).mean() + g**2) / n)))


@kept.accepted("by Φ, all at once")
def _(g, n):
    size = np.abs(g).ravel().astype(float)
    z = size * np.sqrt(n / (size @ size + size**2))
    return float(size @ (2 * _phi(z) - 1) / size.sum())


@kept.accepted("by probabilities of right and wrong")
def _(g, n):
    right = [0.5 + 0.5 * math.erf(abs(x) / math.sqrt(2 * (float((g.astype(float)**2).sum()) + x * x) / n))
             for x in map(float, g.flat)]
    return np.average(np.array(right) - (1 - np.array(right)), weights=np.abs(g).ravel())


# ---- square_search ---------------------------------------------------------------------------------------------------

def _search(weight, x, label, eps, squares, signs, accept=lambda new, old: new < old, base="x", limits=(0, 1), first=1,
            stop=lambda low: low < 0, count=lambda asked, kept: asked, other=np.max, keep_margin=False, extent=0,
            value=lambda x, sign, eps: x + sign * eps, turned=False, of=lambda own, rival: own - rival):
    """The search; the options break it."""
    weight, x = np.asarray(weight, np.float64), np.asarray(x, np.float64)

    def margin(image):
        logits = np.tensordot(weight, image, 2)
        return of(logits[label], other(np.delete(logits, label)))

    best, asked, kept = x.copy(), first, 0
    lowest = margin(x)
    for (top, left, side), sign in zip(squares, signs, strict=True):
        if stop(lowest):
            break
        proposed = best.copy()
        window = slice(top, top + side + extent), slice(left, left + side + extent)
        window = window[::-1] if turned else window
        proposed[window] = np.clip(value((x if base == "x" else best)[window], sign, eps), *limits)
        asked += 1
        new = margin(proposed)
        if accept(new, lowest):
            best, kept = proposed, kept + 1
            lowest = lowest if keep_margin else new
    return np.append(best.ravel(), count(asked, kept))


_BREAKS = [
    {"accept": lambda new, old: True}, {"accept": lambda new, old: new > old}, {"base": "best"}, {"limits": (-9, 9)},
    {"stop": lambda low: False}, {"first": 0}, {"count": lambda asked, kept: kept + 1}, {"other": np.mean},
    {"keep_margin": True}, {"base": "best", "accept": lambda new, old: True}, {"extent": 1}, {"other": np.min},
]


def _search_cases(rng, turn):
    """One in four ends early, one meets a margin that is equal to the lowest, one a margin of 0; the breaks show."""
    wanted = [{"stop": lambda low: low < -1}, {"accept": lambda new, old: new <= old}, {"stop": lambda low: low <= 0}]
    while True:
        h, w = unequal(rng, 4, 7)
        classes, n = int(rng.integers(3, 5)), int(rng.integers(7, 11))
        weight = rng.integers(1, 4, (classes, h, w)) * rng.choice([-1.0, 1.0], (classes, h, w))
        x = rng.integers(0, 5, (h, w)) / 4
        label = int(np.tensordot(weight, x, 2).argmax())
        sides = rng.integers(1, min(h, w), n)
        squares = tuple((int(rng.integers(h - s + 1)), int(rng.integers(w - s + 1)), int(s)) for s in sides)
        case = (weight, x, label, float(rng.choice([0.125, 0.25])), squares, rng.choice([-1.0, 1.0], n))
        right = _search(*case)
        if right[-1] < 5 or abs(case[-1].sum()) == n or \
                (turn % 4 and np.array_equal(_search(*case, **wanted[turn % 4 - 1]), right)):
            continue
        shown = [np.abs(_search(*case, **options) - right).max() > 0.01 for options in _BREAKS]
        if shown[0] and shown[2] and sum(shown) >= 7:
            return case


search = Question(
    "square_search", title="A search that counts, and stays within ε", points=3, kind="mend",
    asks="Mend `square_search(weight, x, label, eps, squares, signs)`: an attack by random search.",
    reference=lambda weight, x, label, eps, squares, signs: _search(weight, x, label, eps, squares, signs),
    cases=_search_cases,
    minutes=25, level=2,
    text=r"""
        A network gives `x` (H, W), in [0, 1], the logits $z_k = \sum_{ij} w_{kij} x_{ij}$, with `weight` (K, H, W). The
        attack wants its margin, the logit of `label` minus the largest other logit, below 0. It asks for x first. Then
        it takes the n `squares`, each three ints (top, left, side), with their `signs` (n,), ±1, one after the
        other: in this square it sets the image to x ± ε, clipped to [0, 1], and asks for its margin. **If that is lower
        than the lowest so far**, the change is kept, otherwise undone. As soon as the margin of the image that is kept
        is below 0 it stops and asks no more.

        Return the image at the end, row by row, then how many queries were made, **the first included**: (H W + 1,).
        The function given runs. It has three faults.
    """,
    hints={
        "The image is wrong": "Where two squares lie on each other, how far from x can a pixel be? And what becomes of "
                              "a proposal that makes the margin larger?",
        "The image is right, the last number is not": "A query is an image for which the network is asked, kept or "
                                                      "not.",
    },
)


@search.given("as given: three faults are there",
              hint="Where two squares lie on each other, how far from x can a pixel be? What becomes of a proposal "
                   "that is worse? Which queries are counted?")
def _(weight, x, label, eps, squares, signs):
    """(K, H, W), (H, W), int, number, n × (3 ints), (n,)  →  (H W + 1,)"""
    def margin(image):
        logits = np.tensordot(weight, image, 2)
        return logits[label] - np.max(np.delete(logits, label))

    best, lowest, queries = x.copy(), margin(x), 1
    for (top, left, side), sign in zip(squares, signs, strict=True):
        if lowest < 0:
            break
        proposed = best.copy()
        rows, columns = slice(top, top + side), slice(left, left + side)
        proposed[rows, columns] = np.clip(best[rows, columns] + sign * eps, 0, 1)
        new = margin(proposed)
        if new < lowest:
            queries += 1
        best, lowest = proposed, new
    return np.append(best.ravel(), queries)


@search.solution
def square_search(weight, x, label, eps, squares, signs):
    """(K, H, W), (H, W), int, number, n × (3 ints), (n,)  →  (H W + 1,)"""
    def margin(image):
        logits = np.tensordot(weight, image, 2)
        return logits[label] - np.max(np.delete(logits, label))

    best, lowest, queries = x.copy(), margin(x), 1
    for (top, left, side), sign in zip(squares, signs, strict=True):
        if lowest < 0:
            break
        proposed = best.copy()
        rows, columns = slice(top, top + side), slice(left, left + side)
        proposed[rows, columns] = np.clip(x[rows, columns] + sign * eps, 0, 1)
        queries += 1
        new = margin(proposed)
        if new < lowest:
            best, lowest = proposed, new
    return np.append(best.ravel(), queries)


def _search_mistake(name, hint, **options):
    search.mistake(name, hint=hint)(lambda *arguments: _search(*arguments, **options))


_LOWER = "A proposal is kept only if its margin is lower than the lowest so far."
_FROM_X = "Set the square to x ± ε, not to what is there ± ε: else two squares add up beyond ε."
_COUNT = "Every image for which the network is asked is a query: x, and each proposal, kept or not."
_always = {"accept": lambda new, old: True}
_kept_only = {"count": lambda asked, kept: kept + 1}
_search_mistake("worse proposals are kept", _LOWER, **_always)
_search_mistake("changes add up beyond ε", _FROM_X, base="best")
_search_mistake("only kept proposals are counted", _COUNT, **_kept_only)
_search_mistake("worse proposals are kept, and changes add up", _LOWER + " " + _FROM_X, base="best", **_always)
_search_mistake("changes add up, and only kept proposals are counted", _FROM_X + " " + _COUNT, base="best",
                **_kept_only)
_search_mistake("worse proposals are kept, and all that were kept are counted without x", _LOWER, first=0, **_always)
_search_mistake("the first query is not counted", _COUNT, first=0)
_search_mistake("the first query is counted twice", _COUNT, first=2)
_search_mistake("higher margins are kept", _LOWER, accept=lambda new, old: new > old)
_search_mistake("nothing is kept", _LOWER, accept=lambda new, old: False)
_search_mistake("only equal margins are kept", _LOWER, accept=lambda new, old: new == old)
_search_mistake("compared with the margin of x", "Compare with the lowest so far: renew it.", keep_margin=True)
_search_mistake("not clipped to [0, 1]", "An image lies in [0, 1]: clip.", limits=(-9, 9))
_search_mistake("it goes on after it has won", "Below 0 the attack is done: more queries are for nothing.",
                stop=lambda low: False)
_search_mistake("the smallest other logit", "The largest other logit is the nearest rival.", other=np.min)
_search_mistake("the mean of the other logits", "The largest other logit is the nearest rival.", other=np.mean)
_search_mistake("the sum of the other logits", "The largest other logit is the nearest rival.", other=np.sum)
_search_mistake("queries that were not kept alone", _COUNT, count=lambda asked, kept: asked - kept)
_search_mistake("counted down", _COUNT, count=lambda asked, kept: 2 - asked)
_search_mistake("each query counts twice", _COUNT, count=lambda asked, kept: 2 * asked - 1)
_search_mistake("the squares are a pixel too large", "From top to top + side, without its end.", extent=1)
_search_mistake("the proposals are never counted", _COUNT, count=lambda asked, kept: 1)


_LIMITS = "An image lies in [0, 1]: clip to both."
_END = "It ends when the margin is below 0, and only then."
_VALUE = "In the square the image is x + sign · ε."
_search_mistake("not clipped above", _LIMITS, limits=(0, 9))
_search_mistake("not clipped below", _LIMITS, limits=(-9, 1))
_search_mistake("all of the square is 1", _LIMITS, limits=(1, 1))
_search_mistake("all of the square is 0", _LIMITS, limits=(0, 0))
_search_mistake("it ends at a margin of 0 already", _END, stop=lambda low: low <= 0)
_search_mistake("it ends below a margin of 1", _END, stop=lambda low: low < 1)
_search_mistake("it ends at once", _END, stop=lambda low: low > 0)
_search_mistake("equal margins are kept too", "Lower than the lowest so far: <.", accept=lambda new, old: new <= old)
_search_mistake("the square without x", _VALUE, value=lambda x, sign, eps: sign * eps + 0 * x)
_search_mistake("the sign is missing", _VALUE, value=lambda x, sign, eps: x + eps)
_search_mistake("ε is missing", _VALUE, value=lambda x, sign, eps: x + sign)
_search_mistake("sign and ε are added", _VALUE, value=lambda x, sign, eps: x + sign + eps)
_search_mistake("the plus is a times", _VALUE, value=lambda x, sign, eps: x * sign * eps)
_search_mistake("rows and columns are exchanged", "A row of squares: top, left, side; rows come first.", turned=True)
_search_mistake("the largest other logit is added", "The margin: minus the largest other logit.",
                of=lambda own, rival: own + rival)
_search_mistake("the largest other logit alone", "The logit of the label belongs to the margin.",
                of=lambda own, rival: rival)


@search.mistake("the change alone, not the image", hint="Return the image at the end, not what was added.")
def _(weight, x, label, eps, squares, signs):
    return _search(weight, x, label, eps, squares, signs) - np.append(x.ravel(), 0)


@search.mistake("the sign is turned over", hint="x + sign · ε.")
def _(weight, x, label, eps, squares, signs):
    return _search(weight, x, label, -eps, squares, signs)


@search.mistake("the logit of the label alone", hint="The margin: minus the largest other logit.")
def _(weight, x, label, eps, squares, signs):
    return _search(weight, x, label, eps, squares, signs, other=lambda z: 0.0)


@search.accepted("by the change, with a mask")
def _(weight, x, label, eps, squares, signs):
    flat = np.reshape(weight, (len(weight), -1)).astype(float)
    others = np.delete(flat, label, 0)
    rows, columns = np.indices(x.shape)
    delta, queries = np.zeros(x.shape), 1
    lowest = (flat[label] - others) @ x.ravel()
    for (top, left, side), sign in zip(squares, signs, strict=True):
        if lowest.min() < 0:
            break
        inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        trial = np.where(inside, np.clip(x + sign * eps, 0, 1) - x, delta)
        found = (flat[label] - others) @ (x + trial).ravel()
        queries += 1
        if found.min() < lowest.min():
            delta, lowest = trial, found
    return np.append((x + delta).ravel(), queries)


@search.accepted("by recursion")
def _(weight, x, label, eps, squares, signs):
    def margin(image):
        z = (weight * image).sum((1, 2))
        return z[label] - max(z[k] for k in range(len(z)) if k != label)

    def go(image, low, i):
        if low < 0 or i == len(squares):
            return np.append(image.ravel(), i + 1)
        t, l, s = squares[i]
        trial = np.array(image)
        trial[t:t + s, l:l + s] = np.minimum(np.maximum(x[t:t + s, l:l + s] + signs[i] * eps, 0), 1)
        new = margin(trial)
        return go(trial, new, i + 1) if new < low else go(image, low, i + 1)
    return go(np.array(x), margin(x), 0)


# ---- probes ----------------------------------------------------------------------------------------------------------

def _probe_properties(u, h, w):
    u = np.asarray(u, np.float64)
    if u.shape != (h * w, h, w):
        raise ValueError(f"{h * w} images of ({h}, {w}) were asked for; this has shape {u.shape}")
    if not np.isfinite(u).all():
        raise ValueError("all numbers must be finite")
    flat = u.reshape(len(u), -1)
    singular = np.linalg.svd(flat, compute_uv=False)
    if singular[-1] < 1e-9 * max(singular[0], 1e-300):
        raise ValueError("these directions do not span all images: a gradient could lie where none of them looks")
    return {"largest absolute value of a pixel": np.abs(u).max(),
            "largest error of the gradient, for errors of length 1 in the differences": 1 / (2 * singular[-1]),
            "root mean square error of it": np.sqrt(np.mean(1 / (2 * singular)**2))}


def _walsh(h, w):
    n = h * w
    ands = np.arange(n)[:, None] & np.arange(n)
    return (-1.0) ** np.array([[bin(one).count("1") for one in row] for row in ands]).reshape(n, h, w)


probing = Question(
    "probes", title="Questions that waste nothing", points=3, kind="design",
    asks="Design `probes(h, w)`: h·w directions along which pairs of queries find a gradient as exactly as possible.",
    reference=_walsh, measure=_probe_properties,
    cases=lambda rng: tuple(int(side) for side in rng.choice([2, 4, 8, 16], 2, replace=False)),
    minutes=30, level=3,
    text=r"""
        Of a linear function with unknown gradient g, (h, w), we learn the differences
        $d_i = f(x + u_i) - f(x - u_i) = 2 \langle g, u_i \rangle$, each with a small error, because the service rounds
        its answers. With as many directions as pixels g is found by solving these equations. Images must stay images:
        no pixel of a direction may be larger than 1 in absolute value.

        Return the directions, (h w, h, w), such that the error of g is **as small as it can be**, the largest as well
        as its mean square, whatever the errors of the $d_i$ are. h ≠ w are 2, 4, 8 or 16. There are many such
        designs, and each of them passes.
    """,
    hints={
        "How small can the error be?": "Written as rows, the directions are a square matrix U, and the error of g is "
                                       "U⁻¹ times that of d, over 2. The sum of the squares of U's singular values is "
                                       "that of its entries: at most (h w)².",
        "Single pixels find g, but not exactly enough": "A direction of one pixel has length 1. The longer a "
                                                        "direction, the smaller the error: how long can one be?",
        "Long, but nearly parallel": "All singular values must be equal: rows at right angles to each other, with "
                                     "entries ±1. For 2 pixels (1, 1) and (1, −1); how does one double such a matrix?",
    },
)


@probing.solution
def probes(h, w):
    """int, int  →  (h w, h, w)"""
    u = np.array([[1.0]])
    while len(u) < h * w:                              # Sylvester: each doubles
        u = np.block([[u, u], [u, -u]])
    return u.reshape(h * w, h, w)


def _probe_mistake(name, hint, answer):
    probing.mistake(name, hint=hint)(answer)


_LENGTH = "A direction may have ±1 in all of its pixels. The longer it is, the less the errors matter."
_RANGE = "No pixel may be larger than 1 in absolute value."
_ANGLE = "Directions at right angles to each other: then no error is blown up."


def _cosines(n):
    i = np.arange(n)
    m = np.cos(np.pi * (i + 0.5) * i[:, None] / n)
    return m


_probe_mistake("one pixel at a time", _LENGTH, lambda h, w: np.eye(h * w).reshape(-1, h, w))
_probe_mistake("one pixel at a time, times another number", _LENGTH + " " + _RANGE,
               lambda h, w: np.sqrt(h * w) * np.eye(h * w).reshape(-1, h, w))
_probe_mistake("signs of length 1", _LENGTH, lambda h, w: _walsh(h, w) / np.sqrt(h * w))
_probe_mistake("too large by the root of the number of pixels", _RANGE, lambda h, w: _walsh(h, w) * np.sqrt(h * w))
_probe_mistake("twice too large", _RANGE, lambda h, w: 2 * _walsh(h, w))
_probe_mistake("half as large as can be", _LENGTH, lambda h, w: _walsh(h, w) / 2)
_probe_mistake("cosines", "A cosine is 1 only at its tops, and is shorter for that: entries ±1.",
               lambda h, w: _cosines(h * w).reshape(-1, h, w))
_probe_mistake("random signs", _ANGLE, lambda h, w: np.random.default_rng(0).choice([-1.0, 1.0], (h * w, h, w)))
_probe_mistake("normally distributed", _RANGE + " " + _ANGLE,
               lambda h, w: np.random.default_rng(0).normal(size=(h * w, h, w)))
_probe_mistake("growing bars of ones", _ANGLE, lambda h, w: np.tril(np.ones((h * w, h * w))).reshape(-1, h, w))
_probe_mistake("bars of ones, the rest −1", _ANGLE,
               lambda h, w: (2 * np.tril(np.ones((h * w, h * w))) - 1).reshape(-1, h, w))
_probe_mistake("all ones but one", _ANGLE, lambda h, w: (1 - 2 * np.eye(h * w)).reshape(-1, h, w))
_probe_mistake("zeros in place of −1", "A pixel that is 0 adds no length: −1.",
               lambda h, w: (_walsh(h, w) + 1) / 2)


@probing.accepted("products of two small ones, rows in another order and with other signs")
def _(h, w):
    def small(n):
        return np.array([[(-1) ** bin(i & j).count("1") for j in range(n)] for i in range(n)])
    u = np.einsum("ab,cd->acbd", small(h), small(w)).reshape(h * w, h, w)
    sign = np.where(np.arange(h * w) % 3 == 0, -1, 1)
    return (sign[:, None, None] * u)[::-1]


@probing.accepted("by parities")
def _(h, w):
    return _walsh(h, w)


QUESTIONS = [estimate, within, kept, search, probing]
