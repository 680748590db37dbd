"""Week 5: the questions of the notebook `autoencoders`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- kl_to_prior -----------------------------------------------------------------------------------------------------


def _kl(mean, log_variance, axis=1):
    return 0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1, axis=axis)


kl = Question(
    "kl_to_prior", title="How much a code says", points=2,
    asks="Write `kl_to_prior(mean, log_variance)`: the divergence of each code's Gaussian from the prior, in nats.",
    reference=_kl, cases=lambda rng: tuple(numbers(rng, shape) for shape in [unequal(rng, 2, 7)] * 2),
    minutes=15, level=2, practice=True,
    text=r"""
        Row n of `mean` and of `log_variance`, both (N, D), describes a Gaussian whose D coordinates are independent:
        coordinate d has mean $\mu_d$ and variance $\sigma_d^2$, of which the second array holds $\log \sigma_d^2$. The
        prior is $\mathcal N(0, I)$. Return, for each row, (N,),

        $$\begin{aligned}
        \mathrm{KL} = \frac12 \sum_d \big(&\mu_d^2 + \sigma_d^2 \\
        &- \log \sigma_d^2 - 1\big) .
        \end{aligned}$$
    """,
    hints={
        "A mean of 0 and a log-variance of 0 do not give 0": "That is the prior. Is the − 1 there, in each term?",
        "Right for a log-variance of 0 only": "The array holds log σ². Then σ² is its exponential, without a square.",
        "One number": "One for each row: the sum goes over the coordinates, `axis=1`.",
    },
)


@kl.solution
def kl_to_prior(mean, log_variance):
    """(N, D), (N, D)  →  (N,)"""
    variance = np.exp(log_variance)
    terms = mean**2 + variance - log_variance - 1
    return 0.5 * terms.sum(axis=1)


def _kl_mistake(name, hint, answer):
    kl.mistake(name, hint=hint)(answer)


_kl_mistake("the log-variance is read as log σ", "The array holds log σ²: σ² is `np.exp(log_variance)`.",
            lambda m, v: 0.5 * (m**2 + np.exp(2 * v) - 2 * v - 1).sum(1))
_kl_mistake("the exponential of twice the log-variance", "`np.exp(log_variance)` is σ² already.",
            lambda m, v: 0.5 * (m**2 + np.exp(2 * v) - v - 1).sum(1))
_kl_mistake("σ in place of σ²", "The exponential of half the log-variance is σ. Here σ² is needed.",
            lambda m, v: 0.5 * (m**2 + np.exp(v / 2) - v - 1).sum(1))
_kl_mistake("the sign is turned over", "A divergence is never negative.", lambda m, v: -_kl(m, v))
_kl_mistake("the half is missing", "½ stands in front of the sum.", lambda m, v: 2 * _kl(m, v))
_kl_mistake("averaged over the coordinates", "The nats of independent coordinates add up: a sum.",
            lambda m, v: _kl(m, v) / m.shape[1])
_kl_mistake("the mean is not squared", "μ enters by its square.",
            lambda m, v: 0.5 * (m + np.exp(v) - v - 1).sum(1))
_kl_mistake("the − 1 is missing", "Each term has its − 1; without it the prior is not at distance 0 from itself.",
            lambda m, v: 0.5 * (m**2 + np.exp(v) - v).sum(1))
_kl_mistake("1 is subtracted once, not for each coordinate", "The − 1 stands inside of the sum.",
            lambda m, v: 0.5 * ((m**2 + np.exp(v) - v).sum(1) - 1))
_kl_mistake("log σ² is added, not subtracted", "− log σ²: a narrow Gaussian is far from the prior.",
            lambda m, v: 0.5 * (m**2 + np.exp(v) + v - 1).sum(1))
_kl_mistake("the mean is left out", "A Gaussian that lies elsewhere is another one: μ².",
            lambda m, v: 0.5 * (np.exp(v) - v - 1).sum(1))
_kl_mistake("the variance is left out", "σ² − log σ² belongs to it.", lambda m, v: 0.5 * (m**2 - v - 1).sum(1))
_kl_mistake("the logarithm is left out", "− log σ² is what forbids a variance of 0.",
            lambda m, v: 0.5 * (m**2 + np.exp(v) - 1).sum(1))
_kl_mistake("the log-variance is taken for the variance", "It holds log σ²: take the exponential.",
            lambda m, v: 0.5 * (m**2 + v - np.log(np.abs(v)) - 1).sum(1))
_kl_mistake("the divergence of the prior from the code", "KL(q‖p) and KL(p‖q) differ. q is the code's Gaussian.",
            lambda m, v: 0.5 * ((1 + m**2) / np.exp(v) + v - 1).sum(1))
_kl_mistake("added up over the rows", "One number for each row: `axis=1`.", lambda m, v: _kl(m, v, 0))
_kl_mistake("added up over everything", "One number for each row: `axis=1`.", lambda m, v: _kl(m, v, None))
_kl_mistake("not added up", "The nats of the coordinates add up: one number for each row.",
            lambda m, v: 0.5 * (m**2 + np.exp(v) - v - 1))
_kl_mistake("the mean over the rows of the sums", "Each row for itself.", lambda m, v: _kl(m, v).mean())
_kl_mistake("the mean is doubled, not squared", "μ².", lambda m, v: 0.5 * (2 * m + np.exp(v) - v - 1).sum(1))
_kl_mistake("1 is added, not subtracted", "− 1.", lambda m, v: 0.5 * (m**2 + np.exp(v) - v + 1).sum(1))
_kl_mistake("the variance is subtracted", "+ σ².", lambda m, v: 0.5 * (m**2 - np.exp(v) - v - 1).sum(1))
_kl_mistake("a half is added, not multiplied", "½ times the sum.", lambda m, v: 0.5 + 2 * _kl(m, v))


@kl.accepted("two Gaussians' divergence, coordinate by coordinate")
def _(mean, log_variance):
    out = np.zeros(len(mean))
    for n in range(len(mean)):
        for m, v in zip(mean[n], log_variance[n], strict=True):
            out[n] += -v / 2 + (np.exp(v) + m**2) / 2 - 0.5
    return out


@kl.accepted("by inner products and the determinant")
def _(mean, log_variance):
    quadratic = np.einsum("nd,nd->n", mean, mean) + np.exp(log_variance).sum(1)
    return (quadratic - log_variance.sum(1) - mean.shape[1]) / 2


# ---- least_bce -------------------------------------------------------------------------------------------------------

def _entropy(x):
    p = np.clip(np.asarray(x, np.float64), 1e-300, 1)
    return -x * np.log(p)


def _floor(x, axis=(1, 2)):
    return np.sum(_entropy(x) + _entropy(1 - x), axis=axis)


def _floor_cases(rng):
    """Grey pixels in eighths, and some of each image exactly black or white."""
    n, height, width = (int(size) for size in rng.choice(np.arange(2, 7), 3, replace=False))
    x = rng.integers(1, 8, (n, height, width)) / 8
    x[:, 0, 0], x[:, -1, -1] = 0.0, 1.0
    x[0, -1, 0] = 0.0
    return (x,)


floor = Question(
    "least_bce", title="What no decoder can win", points=1,
    asks="Predict `least_bce(x)`: the least binary cross-entropy that any decoder can reach on each grey image.",
    reference=_floor, cases=_floor_cases, kind="predict", minutes=10, level=1, practice=True,
    text=r"""
        `x` (N, H, W) holds images with pixels in [0, 1]; 0 and 1 occur. A decoder gives each pixel a probability p of
        its own and pays $-x \log p - (1 - x) \log(1 - p)$, added up over the pixels of an image. For which p is that
        least, and how much is paid then? Return (N,), in nats; a pixel of 0 or 1 costs nothing.
    """,
    hints={
        "nan": "0 · log 0 counts as 0. `np.where` computes both sides first: put 1 where the logarithm would meet 0.",
        "0 everywhere": "Even p = x costs something where x is grey.",
        "Too small": "Both terms count: the ink, and what is not ink.",
    },
)


@floor.solution
def least_bce(x):
    """(N, H, W)  →  (N,)"""
    total = np.zeros(len(x))
    for p in (x, 1 - x):                  # the derivative is 0 where p = x
        total += (-p * np.log(np.where(p > 0, p, 1))).sum(axis=(1, 2))
    return total


def _floor_mistake(name, hint, answer):
    floor.mistake(name, hint=hint)(answer)


_floor_mistake("the ink alone", "What is not ink costs −(1 − x) log(1 − x).", lambda x: _entropy(x).sum((1, 2)))
_floor_mistake("the paper alone", "The ink costs −x log x.", lambda x: _entropy(1 - x).sum((1, 2)))
_floor_mistake("nothing at all", "p = x is best, and costs the entropy of x, which is 0 for black and white only.",
               lambda x: np.zeros(len(x)))
_floor_mistake("averaged over the pixels", "Added up over the pixels of an image.", lambda x: _floor(x) / x[0].size)
_floor_mistake("in bits", "In nats: the natural logarithm.", lambda x: _floor(x) / np.log(2))
_floor_mistake("the sign is turned over", "A cost, and so not negative: −x log x.", lambda x: -_floor(x))
_floor_mistake("added up over all images", "One number for each image.", lambda x: _floor(x, None))
_floor_mistake("for each pixel, not added up", "Add up over the pixels.", lambda x: _entropy(x) + _entropy(1 - x))
_floor_mistake("one p for all pixels of an image", "Each pixel has a p of its own.", lambda x: x[0].size * (
    _entropy(x.mean((1, 2))) + _entropy(1 - x.mean((1, 2)))))
_floor_mistake("how far each pixel is from black or white", "That is no cost in nats. Find the best p, and put it into "
               "the two terms.", lambda x: np.abs(x - np.round(x)).sum((1, 2)))
_floor_mistake("log 2 for each pixel", "That is what p = ½ costs. p may follow x.",
               lambda x: np.full(len(x), np.log(2) * x[0].size))
_floor_mistake("the variance of the pixels", "x (1 − x) is the variance of a coin. Put p = x into the cost.",
               lambda x: (x * (1 - x)).sum((1, 2)))
_floor_mistake("the two costs are subtracted", "Both are paid: add.",
               lambda x: (_entropy(x) - _entropy(1 - x)).sum((1, 2)))
_floor_mistake("added up over images, not over pixels", "`axis=(1, 2)`.", lambda x: _floor(x, 0))
_floor_mistake("added up over the rows only", "`axis=(1, 2)`.", lambda x: _floor(x, 1))
_floor_mistake("added up over the columns only", "`axis=(1, 2)`.", lambda x: _floor(x, 2))
_floor_mistake("the logarithms alone", "Each is weighted, by x and by 1 − x.",
               lambda x: -sum(np.log(np.where(p > 0, p, 1)).sum((1, 2)) for p in (x, 1 - x)))
_floor_mistake("averaged over the images", "One number for each image.", lambda x: _floor(x).mean())


@floor.accepted("by logaddexp of the logit")
def _(x):
    inside = (x > 0) & (x < 1)
    p = np.where(inside, x, 0.5).astype(np.float64)
    z = np.log(p / (1 - p))
    return np.where(inside, np.logaddexp(0, z) - p * z, 0).sum((1, 2))


@floor.accepted("pixel by pixel")
def _(x):
    out = np.zeros(len(x))
    for (n, _, _), p in np.ndenumerate(x):
        if 0 < p < 1:
            out[n] -= p * np.log(p) + (1 - p) * np.log(1 - p)
    return out


# ---- bottleneck_gradients --------------------------------------------------------------------------------------------

def _back(mean, log_variance, noise, g):
    sigma = np.exp(log_variance / 2)
    return np.stack([g + mean, 0.5 * g * sigma * noise + 0.5 * (sigma**2 - 1)])


back = Question(
    "bottleneck_gradients", title="Backwards through a draw", points=3,
    asks="Write `bottleneck_gradients(mean, log_variance, noise, g)`: what comes back to the encoder's two outputs.",
    reference=_back, cases=lambda rng: tuple(numbers(rng, shape) for shape in [unequal(rng, 2, 6)] * 4),
    minutes=25, level=3,
    text=r"""
        The decoder was given $z = \mu + \sigma \varepsilon$, with `mean` μ, `log_variance` $\log \sigma^2$ and `noise`
        ε, all (N, D). It sends back `g` (N, D), the gradient of the reconstruction loss by z. The whole loss is that
        loss plus the divergence of $\mathcal N(\mu, \sigma^2)$ from $\mathcal N(0, 1)$, added up over all N · D codes
        and coordinates. Return its gradient with respect to `mean` and to `log_variance`, in this order: (2, N, D).
    """,
    hints={
        "The first half is right, the second not": "z depends on log σ² through σ = exp(½ log σ²): a chain of two.",
        "Both are off by what does not depend on g": "The divergence has a gradient of its own, for each output.",
        "Right but for a factor": "∂σ/∂log σ² = σ/2. And the divergence has a ½ in front.",
    },
)


@back.solution
def bottleneck_gradients(mean, log_variance, noise, g):
    """four (N, D)  →  (2, N, D)"""
    sigma = np.exp(0.5 * log_variance)
    to_mean = g + mean
    to_log_variance = 0.5 * sigma * noise * g + 0.5 * (sigma**2 - 1)
    return np.stack([to_mean, to_log_variance])


def _back_mistake(name, hint, to_mean=lambda m, s, e, g: g + m,
                  to_log=lambda m, s, e, g: 0.5 * (g * s * e + s**2 - 1)):
    def answer(mean, log_variance, noise, g):
        all_four = mean, np.exp(log_variance / 2), noise, g
        return np.stack([to_mean(*all_four), to_log(*all_four)])
    back.mistake(name, hint=hint)(answer)


_back_mistake("no gradient goes through the draw to log σ²",
              "z = μ + σ ε depends on σ: g ε comes back to σ, and from there to log σ².",
              to_log=lambda m, s, e, g: 0.5 * (s**2 - 1))
_back_mistake("the gradient by σ, not by log σ²", "One link of the chain is missing: ∂σ/∂log σ² = σ/2.",
              to_log=lambda m, s, e, g: g * e + s - 1 / s)
_back_mistake("the draw's gradient is that by σ", "One link of the chain is missing: ∂σ/∂log σ² = σ/2.",
              to_log=lambda m, s, e, g: g * e + 0.5 * (s**2 - 1))
_back_mistake("the half of σ's exponent is lost", "σ = exp(½ log σ²): its derivative is σ/2.",
              to_log=lambda m, s, e, g: g * s * e + 0.5 * (s**2 - 1))
_back_mistake("log σ² is read as log σ", "σ is the exponential of half of it.",
              to_log=lambda m, s, e, g: g * s**2 * e + s**4 - 1)
_back_mistake("the half of the divergence is lost", "KL = ½ (μ² + σ² − log σ² − 1).",
              to_mean=lambda m, s, e, g: g + 2 * m, to_log=lambda m, s, e, g: 0.5 * g * s * e + s**2 - 1)
_back_mistake("the mean's part of the divergence counts twice", "½ μ² has the derivative μ.",
              to_mean=lambda m, s, e, g: g + 2 * m)
_back_mistake("the variance's part of the divergence counts twice", "½ (σ² − log σ²) has the derivative ½ (σ² − 1).",
              to_log=lambda m, s, e, g: 0.5 * g * s * e + s**2 - 1)
_back_mistake("without the divergence", "It has gradients too: of μ² and of σ² − log σ².",
              to_mean=lambda m, s, e, g: g, to_log=lambda m, s, e, g: 0.5 * g * s * e)
_back_mistake("without the divergence's part of the mean", "½ μ² has the derivative μ.",
              to_mean=lambda m, s, e, g: g)
_back_mistake("without the divergence's part of the variance", "½ (σ² − log σ²) has a derivative.",
              to_log=lambda m, s, e, g: 0.5 * g * s * e)
_back_mistake("the divergence alone", "The decoder's g comes back through z.",
              to_mean=lambda m, s, e, g: m, to_log=lambda m, s, e, g: 0.5 * (s**2 - 1))
_back_mistake("nothing comes back to the mean from the decoder", "∂z/∂μ = 1: g arrives unchanged.",
              to_mean=lambda m, s, e, g: m)
_back_mistake("the noise is left out", "∂z/∂σ = ε.", to_log=lambda m, s, e, g: 0.5 * (g * s + s**2 - 1))
_back_mistake("the variance in place of σ", "∂z/∂log σ² = ½ σ ε.",
              to_log=lambda m, s, e, g: 0.5 * (g * s**2 * e + s**2 - 1))
_back_mistake("σ in place of the variance", "The divergence holds σ² = exp(log σ²): ½ (σ² − 1).",
              to_log=lambda m, s, e, g: 0.5 * (g * s * e + s - 1))
_back_mistake("the logarithm's part is lost", "−½ log σ² has the derivative −½.",
              to_log=lambda m, s, e, g: 0.5 * (g * s * e + s**2))
_back_mistake("the variance's part is lost", "½ σ² has the derivative ½ σ², by log σ².",
              to_log=lambda m, s, e, g: 0.5 * (g * s * e - 1))
_back_mistake("the divergence is subtracted", "It is a part of the loss: +.",
              to_mean=lambda m, s, e, g: g - m, to_log=lambda m, s, e, g: 0.5 * (g * s * e - s**2 + 1))
_back_mistake("the mean is subtracted", "½ μ² has the derivative + μ.", to_mean=lambda m, s, e, g: g - m)
_back_mistake("the divergence's part of the variance is subtracted", "½ (σ² − 1), added.",
              to_log=lambda m, s, e, g: 0.5 * (g * s * e - s**2 + 1))
_back_mistake("1 is added", "The derivative of −log σ², by log σ², is −1.",
              to_log=lambda m, s, e, g: 0.5 * (g * s * e + s**2 + 1))
_back_mistake("z in place of the mean", "The divergence is a formula of μ and σ; the draw does not enter it.",
              to_mean=lambda m, s, e, g: g + m + s * e)
_back_mistake("the draw's gradient to log σ² is subtracted", "z = μ + σ ε: plus.",
              to_log=lambda m, s, e, g: 0.5 * (-g * s * e + s**2 - 1))
_back_mistake("the gradient's share of σ is lost", "∂σ/∂log σ² = σ/2.",
              to_log=lambda m, s, e, g: 0.5 * (g * e + s**2 - 1))
_back_mistake("g is left out of the second", "g times ∂z/∂log σ².",
              to_log=lambda m, s, e, g: 0.5 * (s * e + s**2 - 1))


def _back_sigma(name, hint, sigma):
    def answer(mean, log_variance, noise, g):
        return _back(mean, 2 * np.log(np.abs(sigma(log_variance))), noise, g)
    back.mistake(name, hint=hint)(answer)


_back_sigma("the variance is taken for σ", "σ is the exponential of half of the log-variance.", np.exp)
_back_sigma("σ = exp(½ + log σ²)", "Half of the log-variance: ½ times.", lambda v: np.exp(0.5 + v))
_back_sigma("σ = exp(−½ log σ²)", "σ grows with log σ².", lambda v: np.exp(-0.5 * v))


@back.mistake("in the other order", hint="First of the mean, then of the log-variance.")
def _(mean, log_variance, noise, g):
    return _back(mean, log_variance, noise, g)[::-1]


@back.mistake("averaged over the batch", hint="The loss is added up here, so nothing is divided.")
def _(mean, log_variance, noise, g):
    return _back(mean, log_variance, noise, g) / len(mean)


@back.accepted("by the draw itself: σ ε = z − μ")
def _(mean, log_variance, noise, g):
    z = mean + np.exp(log_variance / 2) * noise
    return np.array([mean + g, (g * (z - mean) + np.expm1(log_variance)) / 2])


@back.accepted("central differences")
def _(mean, log_variance, noise, g):
    mean, log_variance, noise, g = (a.astype(np.float64) for a in (mean, log_variance, noise, g))

    def loss(m, v):
        return g * (m + np.exp(v / 2) * noise) + 0.5 * (m**2 + np.exp(v) - v - 1)
    h = 1e-5
    return np.stack([loss(mean + h, log_variance) - loss(mean - h, log_variance),
                     loss(mean, log_variance + h) - loss(mean, log_variance - h)]) / (2 * h)


# ---- vae_objective ---------------------------------------------------------------------------------------------------

def _code(mean, log_variance):
    return mean**2 + np.exp(log_variance) - log_variance - 1


def _objective(x, output, mean, log_variance, variance, pixels=np.sum, error=lambda x, y: (x - y) ** 2,
               noise=lambda v: 2 * v, code=_code, kl=np.sum, half=0.5, rows=np.mean):
    errors = pixels(error(x, output), axis=(1, 2)) / noise(variance)
    return rows(errors + half * kl(code(mean, log_variance), axis=1))


def _objective_cases(rng):
    """Images of unequal sides whose errors are far from alike, and a variance that is not near 1."""
    n, height, width, d = (int(size) for size in rng.choice(np.arange(2, 8), 4, replace=False))
    shape = n, height, width
    return (rng.integers(0, 9, shape) / 8, rng.integers(0, 9, shape) / 8, numbers(rng, (n, d)), numbers(rng, (n, d)),
            float(rng.choice([0.125, 0.25, 0.375, 0.75, 1.5])))


objective = Question(
    "vae_objective", title="A loss that collapses", points=2,
    asks="Mend `vae_objective(x, output, mean, log_variance, variance)`: the loss of a decoder with Gaussian noise.",
    reference=_objective, cases=_objective_cases, kind="mend", minutes=20, level=2,
    text=r"""
        `output` is what the decoder gives for the images `x`, both (N, H, W). It is the mean of a Gaussian, in which
        each pixel has the number `variance`, σ², as its variance, independent of the others. The code of image n is
        drawn from a Gaussian with row n of `mean` and of `log_variance`, both (N, D). Return one number:
        $-\log p(x|z)$, without its constant $\tfrac{HW}{2} \log 2 \pi \sigma^2$, plus the divergence of the code from
        $\mathcal N(0, I)$, in nats, for an image on the mean. The function below has been copied from project to
        project. With it every output is the same blur.
    """,
    hints={
        "Where does the blur come from?":
            "Of how many pixels is −log p(x|z) the sum? By what is the error divided, and the divergence not?",
        "Right only where log_variance is 0": "Compare the exponential with the name of the argument.",
    },
)


@objective.given("the error is averaged over the pixels, and the log-variance is read as log σ",
                 hint="−log p(x|z) is a sum over the pixels. And exp(log_variance) is a variance already.")
def _(x, output, mean, log_variance, variance):
    error = np.mean((x - output) ** 2, axis=(1, 2)) / (2 * variance)
    terms = mean**2 + np.exp(2 * log_variance) - 2 * log_variance - 1
    return np.mean(error + np.sum(terms, axis=1) / 2)


@objective.solution
def vae_objective(x, output, mean, log_variance, variance):
    """(N, H, W), (N, H, W), (N, D), (N, D), number  →  number"""
    error = np.sum((x - output) ** 2, axis=(1, 2)) / (2 * variance)
    terms = mean**2 + np.exp(log_variance) - log_variance - 1
    return np.mean(error + np.sum(terms, axis=1) / 2)


def _objective_mistake(name, hint, **options):
    objective.mistake(name, hint=hint)(lambda *arguments: _objective(*arguments, **options))


def _as_log_deviation(mean, log_variance):
    return _code(mean, 2 * log_variance)


_KL = "KL = ½ Σ (μ² + σ² − log σ² − 1)."
_ERROR = "−log p(x|z) is Σ (x − output)² / (2 · variance), and a constant."
_objective_mistake("the error is averaged over the pixels", "−log p(x|z) is a sum over the pixels.", pixels=np.mean)
_objective_mistake("the log-variance is read as log σ", "exp(log_variance) is a variance already.",
                   code=_as_log_deviation)
_objective_mistake("the logarithm is still that of log σ",
                   "The exponential is mended. The other term is − log_variance.",
                   code=lambda m, v: _code(m, v) - v)
_objective_mistake("the exponential is still that of log σ", "The logarithm is mended. σ² is np.exp(log_variance).",
                   code=lambda m, v: m**2 + np.exp(2 * v) - v - 1)
_objective_mistake("both are averaged: the divergence over the coordinates too",
                   "Then the balance is wrong by D/(H·W): both are sums.", pixels=np.mean, kl=np.mean)
_objective_mistake("the divergence is averaged over the coordinates", "Nats add up: a sum over the coordinates.",
                   kl=np.mean)
_objective_mistake("the half of the error is lost", _ERROR, noise=lambda v: v)
_objective_mistake("the 2 of the error is lost, or `variance` is", _ERROR, noise=lambda v: 2)
_objective_mistake("the error is not divided by anything", _ERROR, noise=lambda v: 1)
_objective_mistake("the error is multiplied, not divided", _ERROR, noise=lambda v: 1 / (2 * v))
_objective_mistake("`variance` is added to 2", _ERROR, noise=lambda v: 2 + v)
_objective_mistake("`variance` is squared", "It is σ² already.", noise=lambda v: 2 * v**2)
_objective_mistake("the deviation in place of the variance", "The square of the error stands over σ².",
                   noise=lambda v: 2 * np.sqrt(v))
_objective_mistake("the error is not squared", _ERROR, error=lambda x, y: x - y)
_objective_mistake("the absolute error", "That is a decoder with Laplace noise. A Gaussian has squares.",
                   error=lambda x, y: np.abs(x - y))
_objective_mistake("the error is doubled, not squared", _ERROR, error=lambda x, y: 2 * (x - y))
_objective_mistake("image and output are added", _ERROR, error=lambda x, y: (x + y) ** 2)
_objective_mistake("the output is not used", _ERROR, error=lambda x, y: x**2)
_objective_mistake("the image is not used", _ERROR, error=lambda x, y: y**2)
_objective_mistake("the error is left out", "−ELBO = −log p(x|z) + KL.", error=lambda x, y: 0 * x)
_objective_mistake("the divergence is left out", "−ELBO = −log p(x|z) + KL.", half=0)
_objective_mistake("the divergence is subtracted", "−ELBO = −log p(x|z) + KL.", half=-0.5)
_objective_mistake("the half of the divergence is lost", _KL, half=1)
_objective_mistake("the divergence is multiplied by 2, not divided", _KL, half=2)
_objective_mistake("added up over the images", "For an image on the mean.", rows=np.sum)
_objective_mistake("the images one by one, not their mean", "One number: the mean over the images.", rows=lambda v: v)
_objective_mistake("the mean of the codes is left out", _KL, code=lambda m, v: _code(0 * m, v))
_objective_mistake("the − 1 of the divergence is lost", _KL, code=lambda m, v: _code(m, v) + 1)
_objective_mistake("1 is added in the divergence", _KL, code=lambda m, v: _code(m, v) + 2)
_objective_mistake("the divergence's variance is lost", _KL, code=lambda m, v: m**2 - v - 1)
_objective_mistake("the divergence's variance is subtracted", _KL, code=lambda m, v: m**2 - np.exp(v) - v - 1)
_objective_mistake("the divergence's logarithm is lost", _KL, code=lambda m, v: m**2 + np.exp(v) - 1)
_objective_mistake("the divergence's logarithm is added", _KL, code=lambda m, v: m**2 + np.exp(v) + v - 1)
_objective_mistake("the mean is not squared in the divergence", _KL, code=lambda m, v: m + np.exp(v) - v - 1)
_objective_mistake("the mean is doubled in the divergence", _KL, code=lambda m, v: 2 * m + np.exp(v) - v - 1)


@objective.mistake("with the constant", hint="The constant ½ HW log 2πσ² was to be left out.")
def _(x, output, mean, log_variance, variance):
    constant = 0.5 * x[0].size * np.log(2 * np.pi * variance)
    return _objective(x, output, mean, log_variance, variance) + constant


@objective.mistake("the pixels of all images are added up", hint="For an image on the mean: divide by N.")
def _(x, output, mean, log_variance, variance):
    return np.sum((x - output) ** 2) / (2 * variance) + 0.5 * np.mean(_code(mean, log_variance).sum(1))


@objective.mistake("the divergences of all codes are added up", hint="For an image on the mean: divide by N.")
def _(x, output, mean, log_variance, variance):
    return np.sum((x - output) ** 2) / len(x) / (2 * variance) + 0.5 * _code(mean, log_variance).sum()


@objective.accepted("image by image, by the density itself")
def _(x, output, mean, log_variance, variance):
    total, sigma = 0.0, np.sqrt(variance)
    for n in range(len(x)):
        density = -0.5 * ((x[n] - output[n]) / sigma) ** 2
        code = np.square(mean[n]) + np.exp(log_variance[n]) - 1 - log_variance[n]
        total += code.sum() / 2 - density.sum()
    return total / len(x)


@objective.accepted("the mean times the number of pixels")
def _(x, output, mean, log_variance, variance):
    pixel = 0.5 * np.mean((x - output) ** 2) / variance
    return x.shape[1] * x.shape[2] * pixel + _kl(mean, log_variance).mean()


# ---- linear_rate -----------------------------------------------------------------------------------------------------

def _rate(eigenvalues, variance, beta):
    return 0.5 * np.maximum(0, np.log(eigenvalues / (beta * variance)))


def _rate_cases(rng):
    """Some directions stay, some collapse, some would collapse for another beta; none lies at the edge."""
    while True:
        variance, beta = float(rng.choice([0.25, 0.5, 0.75])), float(rng.choice([0.5, 2.0, 3.0, 4.0]))
        found = np.sort(rng.integers(1, 41, int(rng.integers(4, 8))) / 8)[::-1]
        ratios = [found / (beta * variance), found / variance, found * beta / variance, found / (beta * variance**2)]
        kept = [int((ratio > 1).sum()) for ratio in ratios]
        if 0 < kept[0] < len(found) and kept[0] != kept[1] and min(np.abs(r - 1).min() for r in ratios) > 0.05:
            return found, variance, beta


rate = Question(
    "linear_rate", title="Which coordinates collapse", points=2,
    asks="Predict `linear_rate(eigenvalues, variance, beta)`: the nats that each coordinate of a linear VAE carries.",
    reference=_rate, cases=_rate_cases, kind="predict", minutes=25, level=3,
    text=r"""
        Images have mean 0, and along their principal directions the variances `eigenvalues` (d,). A VAE with a linear
        encoder and decoder, one coordinate for each direction, is trained to the end with

        $$
        \frac{1}{2 \sigma^2} \lVert x - \hat x \rVert^2 + \beta\, \mathrm{KL}
        $$

        on the mean over the images, `variance` = σ², `beta` = β. Return the divergence KL of each coordinate from the
        prior, on the mean over the images: (d,), in nats. The chapter finds for β = 1 what the best decoder is, and
        when it is 0; the encoder that belongs to it is the exact posterior. No eigenvalue lies at the edge.
    """,
    hints={
        "What does β change?": "Divide the whole loss by β. Which variance has the decoder's noise then?",
        "Numbers below 0": "A direction in which the decoder is 0 tells nothing: its code is the prior.",
        "How many nats are left": "Work out the posterior of one coordinate, its mean over the images and its "
                                  "variance, and put both into the formula of the divergence: much cancels.",
    },
)


@rate.solution
def linear_rate(eigenvalues, variance, beta):
    """(d,), number, number  →  (d,)"""
    noise = beta * variance               # the loss divided by β
    signal = np.maximum(eigenvalues, noise)
    return 0.5 * np.log(signal / noise)


def _rate_mistake(name, hint, answer):
    rate.mistake(name, hint=hint)(answer)


_rate_mistake("β is left out", "Divide the loss by β: the noise has the variance β σ².",
              lambda e, v, b: _rate(e, v, 1))
_rate_mistake("β makes the noise smaller", "Divided by β, the error stands over 2 β σ².",
              lambda e, v, b: _rate(e, v / b, 1))
_rate_mistake("β multiplies the nats", "The KL itself is asked for, not what the loss counts.",
              lambda e, v, b: b * _rate(e, v, b))
_rate_mistake("β multiplies the nats of β = 1", "β changes which code is best, and the KL itself is asked for.",
              lambda e, v, b: b * _rate(e, v, 1))
_rate_mistake("negative nats for what collapses", "A collapsed coordinate is the prior: 0 nats.",
              lambda e, v, b: 0.5 * np.log(e / (b * v)))
_rate_mistake("β decides what collapses, but not how many nats stay", "The noise is β σ² in both places.",
              lambda e, v, b: np.where(e > b * v, 0.5 * np.log(e / v), 0))
_rate_mistake("the half is lost", "½ log(signal/noise) for each coordinate.", lambda e, v, b: 2 * _rate(e, v, b))
_rate_mistake("signal and noise added up, as over a channel", "The eigenvalue is the variance of signal and noise "
              "together: log(λ/noise), not log(1 + λ/noise).", lambda e, v, b: 0.5 * np.log1p(e / (b * v)))
_rate_mistake("in bits", "In nats: the natural logarithm.", lambda e, v, b: _rate(e, v, b) / np.log(2))
_rate_mistake("`variance` is squared", "It is σ² already.", lambda e, v, b: _rate(e, v**2, b))
_rate_mistake("the eigenvalue is squared", "An eigenvalue is a variance already.",
              lambda e, v, b: np.where(e > b * v, 0.5 * np.log(e**2 / (b * v)), 0))
_rate_mistake("β is squared", "Divided by β once.", lambda e, v, b: _rate(e, v, b**2))
_rate_mistake("one number", "One for each coordinate.", lambda e, v, b: _rate(e, v, b).sum())
_rate_mistake("how many times the noise the signal is, without the logarithm", "Nats are logarithms.",
              lambda e, v, b: 0.5 * np.maximum(0, e / (b * v) - 1))
_rate_mistake("1 for what stays, 0 for what collapses", "How many nats are left?",
              lambda e, v, b: np.where(e > b * v, 1.0, 0.0))
_rate_mistake("β is added to the variance", "β times σ².", lambda e, v, b: _rate(e, v + b, 1))
_rate_mistake("the logarithm of the decoder's weight squared", "w² = λ − noise; the posterior's variance is noise/λ.",
              lambda e, v, b: np.where(e > b * v, 0.5 * np.log(np.where(e > b * v, e - b * v, 1) / (b * v)), 0))
_rate_mistake("the sign is turned over", "A divergence is never negative.", lambda e, v, b: -_rate(e, v, b))
_rate_mistake("what collapses has the nats, and what stays has none", "The larger eigenvalues stay.",
              lambda e, v, b: 0.5 * np.minimum(0, np.log(e / (b * v))))
_rate_mistake("never below the noise is right, but the noise is not divided by",
              "½ log(λ/noise): how many times the noise.", lambda e, v, b: 0.5 * np.log(np.maximum(e, b * v)))
_rate_mistake("multiplied by the noise", "The logarithm of a quotient: λ/noise.",
              lambda e, v, b: 0.5 * np.log(np.maximum(e, b * v) * b * v))
_rate_mistake("a half is added", "½ times the logarithm.", lambda e, v, b: 0.5 + 2 * _rate(e, v, b))


@rate.accepted("from the posterior, by the formula of the divergence")
def _(eigenvalues, variance, beta):
    out = np.zeros(len(eigenvalues))
    for i, total in enumerate(eigenvalues):
        w = np.sqrt(max(0.0, float(total) - beta * variance))
        s = beta * variance / (w**2 + beta * variance)                   # of the posterior
        slope = w / (w**2 + beta * variance)
        out[i] = 0.5 * (slope**2 * float(total) + s - np.log(s) - 1)
    return out


@rate.accepted("logarithms first")
def _(eigenvalues, variance, beta):
    nats = np.log(eigenvalues) - np.log(variance) - np.log(beta)
    return np.where(nats > 0, nats, 0) / 2


# ---- turned ----------------------------------------------------------------------------------------------------------

def _turned(W):
    u, s, _ = np.linalg.svd(W, full_matrices=False)
    return u * s


def _lost(W):
    """Nats that the best diagonal Gaussian lacks to a posterior of precision I + WᵀW, at noise of variance 1."""
    precision = np.eye(W.shape[1]) + W.T @ W
    return 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])


def _turned_properties(answer, W):
    if answer.shape != W.shape:
        raise ValueError(f"a decoder of the shape of W, {W.shape}, was asked for; this has shape {answer.shape}")
    if not np.isfinite(answer).all():
        raise ValueError("all numbers must be finite")
    answer, W = answer.astype(np.float64), W.astype(np.float64)
    return {"largest change of the images' covariance": np.abs(answer @ answer.T - W @ W.T).max(),
            "nats that a diagonal encoder loses": _lost(answer)}


def _turned_cases(rng):
    """More pixels than coordinates; a diagonal encoder loses something, and the columns are of unlike length."""
    while True:
        d = int(rng.integers(2, 5))
        W = numbers(rng, (int(rng.integers(d + 1, 9)), d))
        s = np.linalg.svd(W, compute_uv=False)
        if _lost(W) > 0.1 and np.diff(s).max() < -0.3 and abs(s - 1).min() > 0.1:
            return (W,)


turned_decoder = Question(
    "turned", title="A decoder whose posterior is diagonal", points=2,
    asks="Design `turned(W)`: a linear decoder that makes the same images, and for which a diagonal encoder is exact.",
    reference=_turned, cases=_turned_cases, measure=_turned_properties, kind="design", minutes=25, level=3,
    text=r"""
        A linear decoder makes images $x = W z + \varepsilon$ of P pixels, with `W` (P, D), D < P,
        $z \sim \mathcal N(0, I)$ and noise $\varepsilon \sim \mathcal N(0, I)$. The posterior of z is a Gaussian with
        precision $I + W^\top W$, whatever x is. An encoder as ours has independent coordinates, and its bound stays
        below log p(x) unless that matrix is diagonal. Return another decoder, (P, D), for which

        - the images have the same distribution: their covariance $W W^\top + I$ does not change;
        - the best encoder with independent coordinates has the bound log p(x): it loses 0 nats.

        There are many such decoders, and each of them passes.
    """,
    hints={
        "Where to begin": "z and R z have the same distribution for every orthogonal R. What may stand right of W?",
        "No nats are lost, but the images changed": "W R only, with R orthogonal: columns are turned into each other, "
                                                    "not stretched.",
        "Which R?": "$(W R)^\\top W R = R^\\top (W^\\top W) R$ is to be diagonal. Eigenvectors do that.",
    },
)


@turned_decoder.solution
def turned(W):
    """(P, D)  →  (P, D)"""
    _, R = np.linalg.eigh(W.T @ W)        # the columns of R are eigenvectors
    return W @ R


def _turned_mistake(name, hint, answer):
    turned_decoder.mistake(name, hint=hint)(answer)


_turned_mistake("the decoder as it was", "Its WᵀW is not diagonal. Turn the codes.", lambda W: W)
_turned_mistake("orthogonal columns that have lost their lengths",
                "Columns of length 1, as of U, of Q or whitened, make images of another covariance. Only turn W.",
                lambda W: np.linalg.svd(W, full_matrices=False)[0])
_turned_mistake("R is transposed", "`eigh` gives eigenvectors as columns, `svd` gives Vᵀ: W @ R, not W @ R.T.",
                lambda W: W @ np.linalg.eigh(W.T @ W)[1].T)
_turned_mistake("Vᵀ of the singular value decomposition, not V", "W = U S Vᵀ, so it is W V that is U S.",
                lambda W: W @ np.linalg.svd(W, full_matrices=False)[2])
_turned_mistake("nothing at all", "No nats are lost, but the images are noise: their covariance changed.",
                np.zeros_like)
_turned_mistake("the columns made orthogonal one after the other",
                "Gram and Schmidt subtract from a column, and the images change. Turn all columns together.",
                lambda W: np.linalg.qr(W)[0] * np.diag(np.linalg.qr(W)[1]))
_turned_mistake("multiplied by WᵀW", "Only an orthogonal matrix may stand on the right.", lambda W: W @ (W.T @ W))
_turned_mistake("the eigenvectors of W Wᵀ on the left", "Turning pixels makes other images. Turn the codes.",
                lambda W: np.linalg.eigh(W @ W.T)[1].T @ W)
_turned_mistake("columns scaled by the eigenvalues, not by their roots",
                "Singular values are the roots of the eigenvalues of WᵀW.",
                lambda W: np.linalg.svd(W, full_matrices=False)[0] * np.linalg.svd(W, compute_uv=False) ** 2)
_turned_mistake("one column keeps all, the others 0", "The images lose what the other columns made.",
                lambda W: np.where(np.arange(W.shape[1]) == 0, _turned(W), 0))


@turned_decoder.mistake("eigenvectors of WWᵀ scaled, smallest first",
                        hint="`eigh` sorts from small to large, and W Wᵀ has P eigenvalues of which P − D are 0: "
                             "take the last D.")
def _(W):
    values, vectors = np.linalg.eigh(W @ W.T)
    return (vectors * np.sqrt(values.clip(0)))[:, :W.shape[1]]


@turned_decoder.accepted("U S of the singular value decomposition")
def _(W):
    u, s, _ = np.linalg.svd(W, full_matrices=False)
    return u @ np.diag(s)


@turned_decoder.accepted("by eigenvectors of the covariance, other signs and order")
def _(W):
    values, vectors = np.linalg.eigh(W @ W.T)
    return -(vectors * np.sqrt(values.clip(0)))[:, -W.shape[1]:]


@turned_decoder.accepted("Jacobi's turns of two columns at a time")
def _(W):
    W = W.astype(np.float64)
    for _ in range(30):
        for i in range(W.shape[1]):
            for j in range(i):
                a, b = W[:, i].copy(), W[:, j].copy()
                angle = 0.5 * np.arctan2(2 * a @ b, a @ a - b @ b)
                W[:, i], W[:, j] = np.cos(angle) * a + np.sin(angle) * b, np.cos(angle) * b - np.sin(angle) * a
    return W


QUESTIONS = [kl, floor, back, objective, rate, turned_decoder]
