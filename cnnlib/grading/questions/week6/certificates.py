"""Week 6: the questions of the notebook `certificates`."""

from statistics import NormalDist

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

NORMAL = NormalDist()
ALPHAS = (0.001, 0.005, 0.01, 0.05)


# ---- farthest --------------------------------------------------------------------------------------------------------

def _farthest(n, alpha, sigma, bound=lambda n, alpha: alpha ** (1 / n), radius=lambda z, sigma: sigma * z,
              low=0.5):
    p = np.clip(bound(np.asarray(n, np.float64), alpha), 1e-300, 1 - 1e-16)
    return np.array([radius(NORMAL.inv_cdf(one), sigma) if one > low else 0.0 for one in p])


def _farthest_cases(rng):
    few = rng.choice(np.arange(1, 5), 1)
    many = rng.choice(np.arange(20, 5000), int(rng.integers(2, 5)), replace=False)
    n = rng.permutation(np.concatenate([few, many])) * 1.0
    return n, float(rng.choice(ALPHAS)), float(rng.integers(1, 8)) / 4 + 0.1


reach = Question(
    "farthest", title="All votes agree", points=1, kind="predict",
    asks="Predict `farthest(n, alpha, sigma)`: the largest radius that n votes can certify.",
    reference=_farthest, cases=_farthest_cases, minutes=10, level=1, practice=True,
    text=r"""
        `n` (K,) are K numbers of votes. For each, let all n votes be for one class. Return (K,): the radius
        $\sigma\, \Phi^{-1}(p)$, where $p$ is the lower bound of Clopper and Pearson for n of n at the level `alpha`, or
        0 where $p$ is not above ½. $\Phi^{-1}$ is `statistics.NormalDist().inv_cdf`, which takes one number.
    """,
    hints={
        "Where do I begin?": "For which p do n votes of n have just the probability α? n of n: no sum is needed.",
        "A negative radius": "Where p is at most ½, nothing is certified: 0.",
    },
)


@reach.solution
def farthest(n, alpha, sigma):
    """(K,), number, number  →  (K,)"""
    from statistics import NormalDist
    radii = np.zeros(len(n))
    for i in range(len(n)):
        p = alpha ** (1 / n[i])
        if p > 0.5:
            radii[i] = sigma * NormalDist().inv_cdf(p)
    return radii


def _reach_mistake(name, hint, **options):
    reach.mistake(name, hint=hint)(lambda n, alpha, sigma: _farthest(n, alpha, sigma, **options))


_BOUND = "p with pⁿ = α: the n-th root of α."
_reach_mistake("two-sided: α/2", "Only a lower bound is asked for: α stands on one side.",
               bound=lambda n, a: (a / 2) ** (1 / n))
_reach_mistake("1 − α in place of α", "The chance that all n agree by luck is pⁿ = α, a small number.",
               bound=lambda n, a: (1 - a) ** (1 / n))
_reach_mistake("the share of votes itself, 1, less α", "All votes agree, and still p may be smaller than 1: " + _BOUND,
               bound=lambda n, a: 1 - a + 0 * n)
_reach_mistake("1 − α/n", _BOUND, bound=lambda n, a: 1 - a / n)
_reach_mistake("Hoeffding's bound", "That is looser. Asked is Clopper's and Pearson's.",
               bound=lambda n, a: 1 - np.sqrt(np.log(1 / a) / (2 * n)))
_reach_mistake("no p above ½", _BOUND, bound=lambda n, a: a**n)
_reach_mistake("no p above ½", _BOUND, bound=lambda n, a: a / n)
_reach_mistake("1/n without α", _BOUND, bound=lambda n, a: 1 - 1 / n)
_reach_mistake("σ² in place of σ", "The radius is σ Φ⁻¹(p).", radius=lambda z, s: s**2 * z)
_reach_mistake("without σ", "The radius is σ Φ⁻¹(p).", radius=lambda z, s: z)
_reach_mistake("divided by σ", "The radius is σ Φ⁻¹(p).", radius=lambda z, s: z / s)
_reach_mistake("σ is added", "The radius is σ Φ⁻¹(p).", radius=lambda z, s: z + s)
_reach_mistake("negative radii", "Where p is at most ½, nothing is certified: 0.", low=-1)
_reach_mistake("the other side of the normal", "Φ⁻¹(p) of a p above ½ is positive.", radius=lambda z, s: -s * z)
_reach_mistake("half of it", "The bound here is of one class against all others: σ Φ⁻¹(p).",
               radius=lambda z, s: s * z / 2)


@reach.mistake("p in place of Φ⁻¹(p)", hint="How many σ away? Φ⁻¹ turns a probability into a distance.")
def _(n, alpha, sigma):
    p = alpha ** (1 / np.asarray(n, np.float64))
    return np.where(p > 0.5, sigma * p, 0.0)


reach.accepted("by the logarithm, and the maximum with 0")(
    lambda n, alpha, sigma: np.array([max(0.0, sigma * NORMAL.inv_cdf(float(np.exp(np.log(alpha) / m)))) for m in n]))
reach.accepted("by the other side of the normal")(
    lambda n, alpha, sigma: [max(0.0, -sigma * NORMAL.inv_cdf(1 - alpha ** (1 / m))) for m in n])


# ---- lower_bound -----------------------------------------------------------------------------------------------------

def _log_choose(n):
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    return log_factorial[n] - log_factorial - log_factorial[::-1]


def _bisect(k, n, wanted, counted):
    """The p at which the counted numbers of successes have the probability wanted, where it grows with p."""
    j, low, high, choose = np.arange(n + 1)[counted], 0.0, 1.0, _log_choose(n)[counted]
    for _ in range(50):
        p = (low + high) / 2
        tail = np.exp(choose + j * np.log(p) + (n - j) * np.log1p(-p)).sum()
        low, high = (low, p) if tail > wanted else (p, high)
    return low


def _lower(k, n, alpha):
    return _bisect(k, n, alpha, slice(k, None)) if k else 0.0


def _upper(k, n, alpha):
    return 1 - _lower(n - k, n, alpha)


def _lower_cases(rng, turn):
    """None, all, few and many; one of four has so many trials that no float holds their binomial coefficients."""
    n = int(rng.integers(1500, 2500)) if turn % 4 == 3 else int(rng.integers(12, 90))
    k = {0: n, 1: 0 if turn % 8 == 1 else 1}.get(turn % 4, int(n * rng.uniform(0.3, 0.95)))
    return k, n, float(rng.choice(ALPHAS))


lower = Question(
    "lower_bound", title="How small can it be, after these votes?", points=2,
    asks="Write `lower_bound(k, n, alpha)`: the lower bound of Clopper and Pearson for a probability.",
    reference=_lower, cases=_lower_cases, tolerance=1e-5, minutes=20, level=2, practice=True,
    text=r"""
        Of `n` independent trials `k` had success. Return the $p$ at which $k$ **or more** successes have just the
        probability `alpha`,

        $$
        \sum_{j=k}^{n} \binom{n}{j}\, p^j (1 - p)^{n-j} = \alpha ,
        $$

        to five digits, and 0 for $k = 0$. The sum grows with $p$: halve an interval. n may be 2,500, and no float holds
        its binomial coefficients; their logarithms are sums of logarithms.
    """,
    hints={
        "inf, nan or an overflow": "The logarithms of the factorials are `np.cumsum(np.log(np.arange(1, n + 1)))`. "
                                   "Add the logarithms of a term, and take the exponential last.",
        "How do I halve?": "Begin with 0 and 1. Is the sum at the middle above α? Then the middle is too large.",
        "A little too large, at every k": "k or more: j = k counts.",
    },
)


@lower.solution
def lower_bound(k, n, alpha):
    """int, int, number  →  number"""
    if k == 0:
        return 0.0
    logs = np.log(np.arange(1, n + 1))
    log_factorial = np.concatenate([[0], np.cumsum(logs)])
    j = np.arange(k, n + 1)
    choose = log_factorial[n] - log_factorial[j] - log_factorial[n - j]
    low, high = 0.0, 1.0
    for _ in range(40):
        p = (low + high) / 2
        tail = np.sum(np.exp(choose + j * np.log(p) + (n - j) * np.log(1 - p)))
        if tail > alpha:
            high = p
        else:
            low = p
    return low


def _lower_mistake(name, hint, answer):
    lower.mistake(name, hint=hint)(answer)


def _wald(k, n, alpha):
    p = k / n
    return p + NORMAL.inv_cdf(alpha) * np.sqrt(p * (1 - p) / n)


def _wilson(k, n, alpha):
    z, p = NORMAL.inv_cdf(1 - alpha), k / n
    return (p + z**2 / (2 * n) - z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)


_MORE = "k or more successes: the sum from j = k to n."
_lower_mistake("the share k/n", "That is the most likely p, and half of the time the true one is smaller.",
               lambda k, n, alpha: k / n)
_lower_mistake("two-sided: α/2", "α is all on one side here.", lambda k, n, alpha: _lower(k, n, alpha / 2))
_lower_mistake("Wald's interval", "The normal approximation has the width 0 where all votes agree.", _wald)
_lower_mistake("Wald's interval, cut off at 0", "The normal approximation has the width 0 where all votes agree.",
               lambda k, n, alpha: max(0.0, _wald(k, n, alpha)))
_lower_mistake("Wilson's bound", "An approximation. The exact bound solves the equation of the sum.", _wilson)
_lower_mistake("Hoeffding's bound", "True, but looser: solve the equation of the sum.",
               lambda k, n, alpha: max(0.0, k / n - np.sqrt(np.log(1 / alpha) / (2 * n))))
_lower_mistake("the upper bound", "k or fewer successes belong to the upper bound; " + _MORE, _upper)
_lower_mistake("1 − α in place of α", "The sum is to be α, a small number.",
               lambda k, n, alpha: _lower(k, n, 1 - alpha))
_lower_mistake("more than k", _MORE, lambda k, n, alpha: _lower(k + 1, n, alpha) if 0 < k < n else float(k == n))
_lower_mistake("k − 1 or more", _MORE, lambda k, n, alpha: _lower(k - 1, n, alpha) if k else 0.0)
_lower_mistake("all of n, whatever k", "k or more, not all n.", lambda k, n, alpha: _lower(n, n, alpha) if k else 0.0)
_lower_mistake("1 is the answer always", "Look at which half is kept.", lambda k, n, alpha: 1.0 if k else 0.0)
_lower_mistake("0 is the answer always", "Look at which half is kept.", lambda k, n, alpha: 0.0)
_lower_mistake("1 is the answer always, for k = 0 too", "Look at which half is kept.", lambda k, n, alpha: 1.0)


def _lower_terms(name, hint, log_term, total=np.sum, low=0.0, high=1.0, middle=lambda low, high: (low + high) / 2):
    """A bisection in which one thing is wrong: log_term(choose, j, n − j, p)."""
    def answer(k, n, alpha):
        if k == 0:
            return 0.0
        j, choose, least, most = np.arange(k, n + 1), _log_choose(n)[k:], low, high
        with np.errstate(all="ignore"):
            for _ in range(50):
                p = middle(least, most)
                least, most = (least, p) if total(np.exp(log_term(choose, j, n - j, p))) > alpha else (p, most)
        return least
    _lower_mistake(name, hint, answer)


def _log_term(choose, j, rest, p):
    return choose + j * np.log(p) + rest * np.log1p(-p)


_TERM = "A term is C(n, j) pʲ (1 − p)ⁿ⁻ʲ, with all three factors; their logarithms are added."
_lower_terms("the binomial coefficients are missing", _TERM, lambda c, j, r, p: j * np.log(p) + r * np.log1p(-p))
_lower_terms("the failures are missing", _TERM, lambda c, j, r, p: c + j * np.log(p))
_lower_terms("(1 − p) to the first power", _TERM, lambda c, j, r, p: c + j * np.log(p) + np.log1p(-p))
_lower_terms("p to the first power", _TERM, lambda c, j, r, p: c + np.log(p) + r * np.log1p(-p))
_lower_terms("(1 − p) to the power j", _TERM, lambda c, j, r, p: c + j * (np.log(p) + np.log1p(-p)))
_lower_terms("divided by the failures", _TERM, lambda c, j, r, p: c + j * np.log(p) - r * np.log1p(-p))
_lower_terms("p for the failures too", _TERM, lambda c, j, r, p: c + (j + r) * np.log(p))
_lower_terms("1 + p for 1 − p", _TERM, lambda c, j, r, p: c + j * np.log(p) + r * np.log1p(p))
_lower_terms("2 − p for 1 − p", _TERM, lambda c, j, r, p: c + j * np.log(p) + r * np.log(2 - p))
_lower_terms("1 − p, not its logarithm", _TERM, lambda c, j, r, p: c + j * np.log(p) + r * (1 - p))
_lower_terms("the mean of the terms", "The probabilities of all j from k on are added.", _log_term, np.mean)
_lower_terms("the most likely term only", "The probabilities of all j from k on are added.", _log_term, np.max)
_lower_terms("just k successes", _MORE, _log_term, lambda terms: terms[0])
for _middle in (lambda low, high: low + high, lambda low, high: (low + high) / 3, lambda low, high: high / 2,
                lambda low, high: (low + high) * 2, lambda low, high: (low - high) / 2):
    _lower_terms("the middle of the interval is not its middle", "The middle is (low + high) / 2.", _log_term,
                 middle=_middle)


@lower.accepted("the binomial tail by a recursion from term to term, in logarithms")
def _(k, n, alpha):
    if not k:
        return 0
    low, high = 1e-12, 1 - 1e-12
    while high - low > 1e-9:
        p = (low + high) / 2
        odds = np.log(p) - np.log1p(-p)
        steps = np.log(np.arange(n, 0, -1) / np.arange(1, n + 1)) + odds
        logs = n * np.log1p(-p) + np.concatenate([[0.0], np.cumsum(steps)])
        low, high = (p, high) if np.exp(logs[k:]).sum() < alpha else (low, p)
    return high


@lower.accepted("one minus the lower tail, by lgamma")
def _(k, n, alpha):
    from math import lgamma
    choose = np.array([lgamma(n + 1) - lgamma(j + 1) - lgamma(n - j + 1) for j in range(k)])
    if k == 0:
        return 0.0
    j, low, high = np.arange(k), 0.0, 1.0
    for _ in range(45):
        p = low / 2 + high / 2
        rest = np.exp(choose + j * np.log(p) + (n - j) * np.log(1 - p)).sum()
        if 1 - rest >= alpha:
            high = p
        else:
            low = p
    return (low + high) / 2


# ---- votes_needed ----------------------------------------------------------------------------------------------------

def _needed(eps, height, width, sigma, alpha, radius=lambda eps, h, w: eps * np.sqrt(h * w), z=lambda r, s: r / s,
            count=np.ceil, log_alpha=np.log):
    p = min(NORMAL.cdf(z(radius(eps, height, width), sigma)), 1 - 1e-12)
    return float(count(log_alpha(alpha) / np.log(p)))


def _needed_cases(rng):
    """Not near a whole number, and such that neighbours differ."""
    while True:
        height, width = unequal(rng, 3, 20)
        eps = float(rng.integers(2, 30)) / 100
        sigma = round(float(eps * np.sqrt(height * width) / rng.uniform(0.2, 2.2)), 2)
        alpha = float(rng.choice(ALPHAS))
        p = NORMAL.cdf(eps * np.sqrt(height * width) / sigma)
        exact = np.log(alpha) / np.log(p)
        if 0.05 < exact % 1 < 0.95 and 0.3 < sigma < 3 and abs(sigma - 1) > 0.1:
            return eps, height, width, sigma, alpha


needed = Question(
    "votes_needed", title="A box in a ball", points=2, kind="predict",
    asks="Predict `votes_needed(eps, height, width, sigma, alpha)`: how many votes a certificate for a box takes.",
    reference=_needed, cases=_needed_cases, minutes=20, level=2,
    text=r"""
        Each pixel of a grey image of `height` × `width` pixels may change by up to `eps`, all at once. A certificate of
        noise `sigma` is to hold for all of these images, and so for the one farthest away in L2. Return the smallest
        number n of votes with which that is possible at all: with all n votes for one class, the radius by the
        bound of Clopper and Pearson at the level `alpha` is at least as large as needed. $\Phi$ is
        `statistics.NormalDist().cdf`.
    """,
    hints={
        "How far is the farthest?": "Every pixel changes by ε. What is the root of the sum of the squares?",
        "From radius to n": "σ Φ⁻¹(p) ≥ R is p ≥ Φ(R/σ), and for n of n the bound is known in closed form.",
        "Off by one": "n is a whole number, and a smaller n does not suffice: round up.",
    },
)


@needed.solution
def votes_needed(eps, height, width, sigma, alpha):
    """number, int, int, number, number  →  a whole number"""
    from statistics import NormalDist
    radius = eps * np.sqrt(height * width)
    p = NormalDist().cdf(radius / sigma)
    return np.ceil(np.log(alpha) / np.log(p))                 # pⁿ ≤ α


def _needed_mistake(name, hint, **options):
    needed.mistake(name, hint=hint)(lambda *arguments: _needed(*arguments, **options))


_FAR = "The farthest image differs by ε in each of height · width pixels: the root of the sum of their squares."
_needed_mistake("ε itself as the radius", _FAR, radius=lambda e, h, w: e)
_needed_mistake("ε times the number of pixels", _FAR, radius=lambda e, h, w: e * h * w)
_needed_mistake("ε times the diagonal", _FAR, radius=lambda e, h, w: e * np.hypot(h, w))
_needed_mistake("ε times the root of the height", _FAR, radius=lambda e, h, w: e * np.sqrt(h))
_needed_mistake("ε times the root of the width", _FAR, radius=lambda e, h, w: e * np.sqrt(w))
_needed_mistake("the root is taken of ε too", _FAR, radius=lambda e, h, w: np.sqrt(e * h * w))
_needed_mistake("the largest ball in the box, not the ball around it", _FAR + " Not divided.",
                radius=lambda e, h, w: e / np.sqrt(h * w))
_needed_mistake("the root of height / width", _FAR, radius=lambda e, h, w: e * np.sqrt(h / w))
_needed_mistake("without ε", _FAR, radius=lambda e, h, w: np.sqrt(h * w))
_needed_mistake("σ is left out", "R = σ Φ⁻¹(p), so p = Φ(R/σ).", z=lambda r, s: r)
_needed_mistake("multiplied by σ", "R = σ Φ⁻¹(p), so p = Φ(R/σ).", z=lambda r, s: r * s)
_needed_mistake("divided by σ²", "R = σ Φ⁻¹(p), so p = Φ(R/σ).", z=lambda r, s: r / s**2)
_needed_mistake("rounded down", "With one vote fewer than needed the radius is too small: round up.", count=np.floor)
_needed_mistake("rounded to the nearest", "Round up: a smaller n does not suffice.", count=np.rint)
_needed_mistake("not rounded", "A number of votes is a whole number.", count=float)
_needed_mistake("one too many", "Round up, and no more.", count=lambda n: np.ceil(n) + 1)
_needed_mistake("two-sided: α/2", "A lower bound is one-sided.", log_alpha=lambda a: np.log(a / 2))
_needed_mistake("1 − α in place of α", "pⁿ ≤ α.", log_alpha=lambda a: np.log(1 - a))
_needed_mistake("the wrong side of the normal", "Φ(R/σ) is above ½.", z=lambda r, s: -r / s)
_needed_mistake("the sign is lost", "Both logarithms are negative: their ratio is not.", count=lambda n: np.floor(-n))


_needed_mistake("ε times the root of height + width", _FAR, radius=lambda e, h, w: e * np.sqrt(h + w))
_needed_mistake("σ / R", "R = σ Φ⁻¹(p), so p = Φ(R/σ).", z=lambda r, s: s / r)


@needed.accepted("by trying n = 1, 2, …")
def _(eps, height, width, sigma, alpha):
    p, n, luck = NORMAL.cdf(eps * (height * width) ** 0.5 / sigma), 0, 1.0
    while luck > alpha:
        n, luck = n + 1, luck * p
    return n


@needed.accepted("with an image of ε, and log1p of the other side")
def _(eps, height, width, sigma, alpha):
    far = np.linalg.norm(np.full((height, width), eps))
    return int(np.log(1 / alpha) / -np.log1p(-NORMAL.cdf(-far / sigma))) + 1


# ---- certified_share -------------------------------------------------------------------------------------------------

def _share(first, votes, labels, radius, sigma, alpha, choose=lambda first, votes: first.argmax(),
           bound=lambda p, n, alpha: p - np.sqrt(np.log(1 / alpha) / (2 * n)),
           z=lambda p, sigma: sigma * NORMAL.inv_cdf(p), of=lambda right, sure: right.mean(), abstain=False,
           any_label=False, enough=lambda r, radius: r >= radius, count=lambda first, votes: votes):
    right, sure = [], []
    for one, new, label in zip(np.asarray(first), np.asarray(votes), labels, strict=True):
        chosen, counted = choose(one, new), count(one, new)
        n = counted.sum()
        p = bound(counted[chosen] / n, n, alpha)
        sure.append(p > 0.5)
        right.append(abstain if p <= 0.5 else (any_label or chosen == label)
                     and bool(enough(z(min(p, 1 - 1e-12), sigma), radius)))
    right, sure = np.array(right), np.array(sure)
    return float(of(right, sure))


_SHARE_WAYS = {
    "new": dict(choose=lambda first, votes: votes.argmax()),
    "all": dict(choose=lambda first, votes: (first + votes).argmax()),
    "point": dict(bound=lambda p, n, alpha: p),
    "added": dict(count=lambda first, votes: first + votes),
    "kept": dict(of=lambda right, sure: right[sure].mean() if sure.any() else 0.0),
}


def _share_cases(rng):
    """Images that abstain, of which too small a radius is certified, whose first votes err, with a wrong label."""
    while True:
        count, classes = int(rng.integers(9, 14)), int(rng.integers(3, 6))
        sigma, alpha = float(rng.integers(1, 8)) / 4 + 0.1, float(rng.choice(ALPHAS))
        n, few = int(rng.integers(120, 400)), int(rng.integers(11, 30))
        top = rng.uniform(0.45, 0.97, count)
        labels = rng.integers(0, classes, count)
        first, votes = np.zeros((2, count, classes), np.int64)
        for i in range(count):
            best = labels[i] if rng.random() < 0.75 else rng.integers(classes)
            p = np.full(classes, (1 - top[i]) / (classes - 1))
            p[best] = top[i]
            votes[i] = rng.multinomial(n, p)
            first[i] = rng.multinomial(few, np.roll(p, 1) if rng.random() < 0.25 else p)
        radius = round(float(sigma * rng.uniform(0.2, 0.8)), 2)
        case = first * 1.0, votes * 1.0, labels * 1.0, radius, sigma, alpha
        bounds = votes / n - np.sqrt(np.log(1 / alpha) / (2 * n))
        near = np.abs(bounds[..., None] - [0.5, NORMAL.cdf(radius / sigma)]).min() < 1e-4
        right = _share(*case)
        ranked = np.sort(np.concatenate([first, votes]), 1)
        wrong = [_share(*case, **way) for way in _SHARE_WAYS.values()]
        wrong += [_share(*case, abstain=True), _share(*case, any_label=True)]
        differ = min(abs(right - one) for one in wrong) > 0.01
        if not near and 0 < right < 1 and differ and (ranked[:, -1] > ranked[:, -2]).all():
            return case


share = Question(
    "certified_share", title="A certificate that is too good", points=2, kind="mend",
    asks="Mend `certified_share(first, votes, labels, radius, sigma, alpha)`: the share of certified images.",
    reference=_share, cases=_share_cases, minutes=25, level=2,
    text=r"""
        Of each of N images a few noisy copies were classified: `first` (N, C) counts the votes for each class, and
        after that n new ones, `votes` (N, C). The class is to be chosen by the first votes, and its probability is to
        be bounded from below by the new ones, at the level `alpha`. The bound here is Hoeffding's, which is simple and
        a little loose: $k/n - \sqrt{\ln(1/\alpha) / (2n)}$. Where it is above ½, the image has the radius
        $\sigma\, \Phi^{-1}$ of the bound; else the classifier abstains. Return the share of all N images whose class is
        chosen rightly with a radius of at least `radius`. No votes are tied for the first place. The function below
        claims too much, in three ways.
    """,
    hints={
        "What may choose the class?": "If the new votes choose the class and then count for it, the largest of several "
                                      "counts is taken for a count fixed beforehand: that is biased.",
        "Which probability gives the radius?": "The one that is surely not above the true one.",
        "Of which images is it the share?": "An image on which nothing is said is not certified, and it is an image.",
    },
)


@share.given("the new votes choose the class, the radius is that of k/n, and abstentions are left out",
             hint="Three things: who chooses, which probability gives the radius, and of how many images the share is "
                  "taken.")
def _(first, votes, labels, radius, sigma, alpha):
    from statistics import NormalDist
    right, answered = 0, 0
    for i in range(len(labels)):
        chosen, n = np.argmax(votes[i]), np.sum(votes[i])
        share = votes[i][chosen] / n
        if share - np.sqrt(np.log(1 / alpha) / (2 * n)) > 0.5:
            answered += 1
            certified = sigma * NormalDist().inv_cdf(min(share, 1 - 1e-12))
            if chosen == labels[i] and certified >= radius:
                right += 1
    return right / max(answered, 1)


@share.solution
def certified_share(first, votes, labels, radius, sigma, alpha):
    """(N, C), (N, C), (N,), number, number, number  →  number"""
    from statistics import NormalDist
    right = 0
    for i in range(len(labels)):
        chosen, n = np.argmax(first[i]), np.sum(votes[i])
        bound = votes[i][chosen] / n - np.sqrt(np.log(1 / alpha) / (2 * n))
        if bound > 0.5:
            certified = sigma * NormalDist().inv_cdf(bound)
            if chosen == labels[i] and certified >= radius:
                right += 1
    return right / len(labels)


def _share_mistake(name, hint, *ways, **options):
    for way in ways:
        options = options | _SHARE_WAYS[way]
    share.mistake(name, hint=hint)(lambda *arguments: _share(*arguments, **options))


_NEW = "The class must be fixed before the votes are drawn that count for it: the first votes choose."
_POINT = "k/n is above the true probability half of the time. Φ⁻¹ of the bound."
_KEPT = "An image on which the classifier abstains counts among the N, and is not right."
_share_mistake("the votes that are counted also choose the class", _NEW, "new")
_share_mistake("the votes that are counted also choose the class", _NEW, "all")
_share_mistake("the first votes are counted too", _NEW, "added")
_share_mistake("the radius is that of k/n", _POINT, "point")
_share_mistake("the share is of those images that are answered", _KEPT, "kept")
_share_mistake("the new votes choose, and the radius is that of k/n", _NEW, "new", "point")
_share_mistake("the new votes choose, and abstentions are left out", _NEW, "new", "kept")
_share_mistake("the radius is that of k/n, and abstentions are left out", _POINT, "point", "kept")
_share_mistake("abstentions count as right", _KEPT, abstain=True)
_share_mistake("the label is not looked at", "Certified is not right: compare the class with the label.",
               any_label=True)
_share_mistake("all that are sure, whatever the radius", "The radius must be at least `radius`.",
               enough=lambda r, radius: True)
_share_mistake("the radius must be below the given one", "At least `radius`.", enough=lambda r, radius: r < radius)
_share_mistake("σ is left out", "The radius is σ Φ⁻¹(bound).", z=lambda p, sigma: NORMAL.inv_cdf(p))
_share_mistake("a count in place of a share", "Divide by N.", of=lambda right, sure: right.sum())
_share_mistake("the share that is not certified", "Those that are.", of=lambda right, sure: 1 - right.mean())


def _share_bound(name, width):
    _share_mistake(name, "The bound is k/n − √(ln(1/α) / (2n)).", bound=lambda p, n, a: p - width(n, a))


_share_bound("two-sided: α/2", lambda n, a: np.sqrt(np.log(2 / a) / (2 * n)))
_share_bound("the 2 under the root is missing", lambda n, a: np.sqrt(np.log(1 / a) / n))
_share_bound("no root", lambda n, a: np.log(1 / a) / (2 * n))


@share.accepted("the probability that is needed, in place of the radius")
def _(first, votes, labels, radius, sigma, alpha):
    chosen, n = np.argmax(first, 1), np.sum(votes, 1)
    bound = votes[np.arange(len(n)), chosen] / n - np.sqrt(-np.log(alpha) / 2 / n)
    return np.mean((chosen == labels) & (bound >= NORMAL.cdf(radius / sigma)))


@share.accepted("image by image, with a list")
def _(first, votes, labels, radius, sigma, alpha):
    found = []
    for early, late, label in zip(first, votes, labels, strict=True):
        bound = late[early.argmax()] / late.sum() - (np.log(1 / alpha) / late.sum() / 2) ** 0.5
        found.append(early.argmax() == label and NORMAL.inv_cdf(max(float(bound), 0.5)) * sigma >= radius)
    return sum(found) / len(found)


# ---- worst_classifier ------------------------------------------------------------------------------------------------

def _worst_properties(answer, x, p, sigma):
    x, answer = np.asarray(x, np.float64), np.asarray(answer, np.float64)
    if answer.shape != (x.size + 1,):
        raise ValueError(f"{x.size + 1} numbers were asked for, w and then b; this has shape {answer.shape}")
    if not np.isfinite(answer).all() or not np.any(answer[:-1]):
        raise ValueError("all numbers must be finite, and w not 0")
    w, b = answer[:-1], answer[-1]
    return {"length of w": np.linalg.norm(w),
            "share of noisy images in class A": NORMAL.cdf(float(x.ravel() @ w + b) / (sigma * np.linalg.norm(w))),
            "sum of w": w.sum()}


def _worst(x, p, sigma):
    w = np.zeros(x.size)
    w[[0, -1]] = np.array([1, -1]) / np.sqrt(2)
    return np.append(w, sigma * NORMAL.inv_cdf(p) - w @ x.ravel())


worst = Question(
    "worst_classifier", title="As bad as the theorem allows", points=3, kind="design",
    asks="Design `worst_classifier(x, p, sigma)`: a classifier for which the certified radius cannot be made larger.",
    reference=_worst, measure=_worst_properties, minutes=25, level=3,
    cases=lambda rng: (numbers(rng, unequal(rng, 2, 6)), float(rng.integers(56, 99)) / 100,
                       float(rng.integers(1, 8)) / 4 + 0.1),
    text=r"""
        The classifier says A where $w \cdot z + b > 0$, for an image z taken as one long vector, row after row. Return
        w and after it b, in one array of H · W + 1 numbers, such that

        - of `x` (H, W) with noise $\mathcal N(0, \sigma^2 I)$, the share `p`, above ½, is in class A;
        - the nearest image that the smoothed classifier no longer calls A has just the distance
          $\sigma\, \Phi^{-1}(p)$ from x;
        - on the way there the mean brightness of the image does not change;
        - w has the length 1.

        Many classifiers have these properties, and each passes. $\Phi^{-1}$ is `statistics.NormalDist().inv_cdf`.
    """,
    hints={
        "Where do I begin?": "Of the noise only its part along w counts, w · e: of what distribution is it, if w has "
                             "the length 1?",
        "Which way is the nearest other image?": "Straight to the plane, along −w. The mean brightness stays if the "
                                                 "numbers of w have the sum 0.",
        "The share is wrong": "It depends on where x is: w · x stands in the sum.",
    },
)


@worst.solution
def worst_classifier(x, p, sigma):
    """(H, W), number, number  →  (H·W + 1,)"""
    from statistics import NormalDist
    z = x.ravel()
    w = np.zeros(len(z))
    w[0], w[-1] = 1, -1                             # one pixel against another
    w = w / np.sqrt(2)
    return np.append(w, sigma * NormalDist().inv_cdf(p) - np.sum(w * z))


def _ends(x, first, last):
    """First and last pixel."""
    w = np.zeros(len(x))
    w[[0, -1]] = first, last
    return w


def _worst_mistake(name, hint, b=lambda x, w, p, sigma: sigma * NORMAL.inv_cdf(p) - w @ x, w=None):
    def answer(x, p, sigma):
        x = np.asarray(x, np.float64).ravel()
        direction = _worst(x, p, sigma)[:-1] if w is None else w(x)
        return np.append(direction, b(x, direction, p, sigma))
    worst.mistake(name, hint=hint)(answer)


_PLACE = "w · x + b is the distance of x from the plane, and is to be σ Φ⁻¹(p)."
_worst_mistake("x is forgotten", _PLACE, b=lambda x, w, p, s: s * NORMAL.inv_cdf(p))
_worst_mistake("w · x is added", _PLACE, b=lambda x, w, p, s: s * NORMAL.inv_cdf(p) + w @ x)
_worst_mistake("σ is forgotten", _PLACE, b=lambda x, w, p, s: NORMAL.inv_cdf(p) - w @ x)
_worst_mistake("σ² for σ", _PLACE, b=lambda x, w, p, s: s**2 * NORMAL.inv_cdf(p) - w @ x)
_worst_mistake("divided by σ", _PLACE, b=lambda x, w, p, s: NORMAL.inv_cdf(p) / s - w @ x)
_worst_mistake("σ is added", _PLACE, b=lambda x, w, p, s: NORMAL.inv_cdf(p) + s - w @ x)
_worst_mistake("x lies in class B", "The share p is above ½: x itself is in class A.",
               b=lambda x, w, p, s: -s * NORMAL.inv_cdf(p) - w @ x)
_worst_mistake("p in place of Φ⁻¹(p)", _PLACE, b=lambda x, w, p, s: s * p - w @ x)
_worst_mistake("the plane goes through x", "Then the share is ½.", b=lambda x, w, p, s: -w @ x)
_worst_mistake("b is 0", _PLACE, b=lambda x, w, p, s: 0.0)
_worst_mistake("all numbers of w alike", "The way along w then makes the whole image darker: the sum of w is to be 0.",
               w=lambda x: np.full(len(x), len(x) ** -0.5))
_worst_mistake("one pixel only", "One pixel changes the mean: another must go the other way.",
               w=lambda x: np.eye(len(x))[0])
_worst_mistake("w along x", "That changes the mean brightness: subtract the mean from it.",
               w=lambda x: x / np.linalg.norm(x))
_worst_mistake("w is not divided by its length", "w is to have the length 1.", w=lambda x: _ends(x, 1, -1))
_worst_mistake("w is divided by the sum of its absolute values", "The length: the root of the sum of squares.",
               w=lambda x: _ends(x, 0.5, -0.5))
_worst_mistake("w is multiplied by its length", "w is to have the length 1: divide.",
               w=lambda x: _ends(x, 2**0.5, -2**0.5))
_worst_mistake("w is a little too short: divided by √3", "w is to have the length 1.",
               w=lambda x: _ends(x, 3**-0.5, -3**-0.5))


def _uneven(first, last):
    _worst_mistake("the numbers of w do not cancel", "The mean brightness stays if the numbers of w have the sum 0.",
                   w=lambda x: _ends(x, first / 2**0.5, last / 2**0.5))


for _first, _last in ((1, 1), (2, -1), (1, -2), (0, -1), (1, 0)):
    _uneven(_first, _last)
_worst_mistake("the mean of w x in place of its sum", _PLACE,
               b=lambda x, w, p, s: s * NORMAL.inv_cdf(p) - np.mean(w * x))
_worst_mistake("x is not multiplied by w", _PLACE, b=lambda x, w, p, s: s * NORMAL.inv_cdf(p) - np.sum(x))
_worst_mistake("the sign of b is turned over", _PLACE, b=lambda x, w, p, s: w @ x - s * NORMAL.inv_cdf(p))
_worst_mistake("b holds no noise", _PLACE, b=lambda x, w, p, s: w @ x)
_worst_mistake("σ alone", _PLACE, b=lambda x, w, p, s: s - w @ x)


@worst.mistake("b stands in front", hint="w first, and b after it.")
def _(x, p, sigma):
    return np.roll(_worst(np.asarray(x, np.float64), p, sigma), 1)


def _random_direction(x, p, sigma):
    w = np.cos(np.arange(x.size) * 1.7)
    w = (w - w.mean()) / np.linalg.norm(w - w.mean())
    return np.append(w, sigma * NORMAL.inv_cdf(p) - w @ x.ravel())


worst.accepted("any direction whose mean is subtracted")(_random_direction)


@worst.accepted("along x without its mean")
def _(x, p, sigma):
    w = (x - x.mean()).ravel().astype(np.float64)
    w /= np.sqrt(w @ w)
    return [*w, sigma * NORMAL.inv_cdf(p) - (w * x.ravel()).sum()]


QUESTIONS = [reach, lower, needed, share, worst]
