"""Week 5: the questions of the notebook `perceptual_and_style`."""

import numpy as np

from ...question import Question
from ..cases import numbers

# ---- gram_matrices ---------------------------------------------------------------------------------------------------

def _maps(rng, count=None):
    """Features (N, C, H, W), all sizes different."""
    n, c, h, w = (int(size) for size in rng.permutation([2, 3, 4, 5]))
    return numbers(rng, (count or n, c, h, w))


def _gram(f, divide=lambda n, c, h, w: c * h * w):
    n, c, h, w = f.shape
    return np.einsum("nchw,ndhw->ncd", f, f) / divide(n, c, h, w)


gram = Question(
    "gram_matrices", title="What is left when places are forgotten", points=1,
    asks="Write `gram_matrices(f)`: the Gram matrix of each image's feature map.",
    reference=lambda f: _gram(np.asarray(f)), cases=lambda rng: (_maps(rng),),
    minutes=10, level=1, practice=True,
    text=r"""
        `f` (N, C, H, W). Return G, (N, C, C), with

        $$G_{n c d} = \frac{1}{C H W} \sum_{i, j} f_{n c i j}\, f_{n d i j} .$$
    """,
    hints={
        "Where do I begin?": "Make (N, C, H W) of it: one row for each channel. The sum over places is then a product "
                             "of this matrix and its transpose.",
        "The shape is (C, C) or (N C, N C)": "Images of a batch have nothing to do with each other: `@` multiplies the "
                                             "last two axes and keeps N.",
    },
)


@gram.solution
def gram_matrices(f):
    """(N, C, H, W)  →  (N, C, C)"""
    N, C, H, W = f.shape
    rows = f.reshape(N, C, H * W)
    return rows @ rows.transpose(0, 2, 1) / (C * H * W)


def _gram_mistake(name, hint, answer):
    gram.mistake(name, hint=hint)(lambda f: answer(np.asarray(f)))


_DIVIDE = "Divide by C · H · W."
_CENTRE = "The Gram matrix keeps the means: nothing is subtracted."
for _name, _by in (("not divided", lambda n, c, h, w: 1), ("divided by H W only", lambda n, c, h, w: h * w),
                   ("divided by N C H W", lambda n, c, h, w: n * c * h * w), ("divided by C", lambda n, c, h, w: c),
                   ("divided by the square of C H W", lambda n, c, h, w: (c * h * w)**2),
                   ("multiplied by C H W", lambda n, c, h, w: 1 / (c * h * w)),
                   ("divided by N", lambda n, c, h, w: n), ("divided by C H", lambda n, c, h, w: c * h),
                   ("divided by C W", lambda n, c, h, w: c * w), ("divided by H W / C", lambda n, c, h, w: h * w / c),
                   ("divided by C H / W", lambda n, c, h, w: c * h / w),
                   ("divided by C W / H", lambda n, c, h, w: c * w / h),
                   ("divided by C + H W", lambda n, c, h, w: c + h * w),
                   ("divided by C (H + W)", lambda n, c, h, w: c * (h + w)),
                   ("divided by C H + W", lambda n, c, h, w: c * h + w)):
    _gram_mistake(_name, _DIVIDE, lambda f, by=_by: _gram(f, by))
_gram_mistake("images of the batch are multiplied with each other", "One C × C matrix for each image.",
              lambda f: np.einsum("nchw,mdhw->ncmd", f, f).reshape(f.shape[0] * f.shape[1], -1) / f[0].size)
_gram_mistake("one matrix for the whole batch", "One C × C matrix for each image.",
              lambda f: np.einsum("nchw,ndhw->cd", f, f) / f[0].size)
_gram_mistake("the mean over the batch", "One C × C matrix for each image.", lambda f: _gram(f).mean(0))
_gram_mistake("the mean of each channel is subtracted", _CENTRE,
              lambda f: _gram(f - f.mean((2, 3), keepdims=True)))
_gram_mistake("the mean over channels is subtracted", _CENTRE, lambda f: _gram(f - f.mean(1, keepdims=True)))
_gram_mistake("places with places, in place of channels with channels", "Sum over the places; the channels remain.",
              lambda f: np.einsum("nca,ncb->nab", *[f.reshape(*f.shape[:2], -1)] * 2) / f[0].size)
_gram_mistake("the reshape mixes channels and places", "After reshape(N, C, H W) a row is a channel. A reshape to "
              "(N, H W, C) does not transpose.",
              lambda f: np.einsum("npc,npd->ncd", *[f.reshape(len(f), -1, f.shape[1])] * 2) / f[0].size)
_gram_mistake("cosines of the channels", "Channels keep their lengths.", lambda f: _cosines(_gram(f)))
_gram_mistake("only the diagonal", "All pairs of channels.", lambda f: np.einsum("ncc->nc", _gram(f)))
_gram_mistake("squares only: nothing off the diagonal", "All pairs of channels.",
              lambda f: _gram(f) * np.eye(f.shape[1]))


def _cosines(g):
    length = np.sqrt(np.einsum("ncc->nc", g))
    return g / length[:, :, None] / length[:, None]


@gram.accepted("by einsum")
def _(f):
    return np.einsum("ncij,ndij->ncd", f, f) / f[0].size


@gram.accepted("pair by pair")
def _(f):
    n, c, h, w = f.shape
    out = np.zeros((n, c, c))
    for k, a, b in np.ndindex(*out.shape):
        out[k, a, b] = np.vdot(f[k, a], f[k, b]) / c / h / w
    return out


# ---- frechet ---------------------------------------------------------------------------------------------------------

def _overlap(a, b):
    """tr (a b)^½"""
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()


def _frechet(m1, c1, m2, c2, means=lambda d: d @ d, overlap=_overlap, factor=2.0,
             rest=lambda a, b: np.trace(a) + np.trace(b)):
    m1, c1, m2, c2 = (np.asarray(x, np.float64) for x in (m1, c1, m2, c2))
    return means(m1 - m2) + rest(c1, c2) - factor * overlap(c1, c2)


def _frechet_cases(rng, turn):
    """Covariances that do not commute; in one of three both have a rank of 2 only."""
    d = int(rng.integers(3, 6))
    rank = 2 if turn % 3 == 2 else d + 1
    covariances = []
    for _ in range(2):
        rows = numbers(rng, (rank, d)) / 2
        covariances.append(rows.T @ rows / (1 if rank == 2 else 2))
    return numbers(rng, (d,)) / 2, covariances[0], numbers(rng, (d,)) / 2, covariances[1]


frechet = Question(
    "gaussian_distance", title="How far is one Gaussian from another?", points=2,
    asks="Write `gaussian_distance(m1, c1, m2, c2)`: the squared Fréchet distance of two Gaussians, without a complex "
         "number.",
    reference=lambda m1, c1, m2, c2: _frechet(m1, c1, m2, c2), cases=_frechet_cases, tolerance=1e-3,
    minutes=20, level=2, practice=True,
    text=r"""
        `m1`, `m2` (D,) are means, `c1`, `c2` (D, D) covariances: symmetric, eigenvalues ≥ 0, some of which may be 0.
        Return the number

        $$\lVert m_1 - m_2 \rVert^2 + \operatorname{tr} C_1 + \operatorname{tr} C_2 - 2 \sum_k \sqrt{\lambda_k} ,$$

        where $\lambda_k$ are the eigenvalues of $C_1^{1/2} C_2\, C_1^{1/2}$. Rounding may turn an eigenvalue 0 into a
        negative one: it counts as 0.
    """,
    hints={
        "Where do I begin?": "C₁ = V diag(μ) Vᵀ by `np.linalg.eigh`. Its root is V diag(√μ) Vᵀ: multiply the columns "
                             "of V by √μ.",
        "nan": "np.maximum(…, 0) before each root.",
        "Nearly right, yet off": "√ of a matrix is not √ of its numbers, and (C₁C₂)^½ is not C₁^½ C₂^½.",
    },
)


@frechet.solution
def gaussian_distance(m1, c1, m2, c2):
    """(D,), (D, D), (D,), (D, D)  →  a number"""
    values, V = np.linalg.eigh(c1)
    root = V * np.sqrt(np.maximum(values, 0)) @ V.T
    values = np.linalg.eigvalsh(root @ c2 @ root)
    overlap = np.sqrt(np.maximum(values, 0)).sum()
    return np.sum((m1 - m2) ** 2) + np.trace(c1) + np.trace(c2) - 2 * overlap


def _frechet_mistake(name, hint, **options):
    frechet.mistake(name, hint=hint)(lambda m1, c1, m2, c2: _frechet(m1, c1, m2, c2, **options))


def _psd_root(c):
    values, vectors = np.linalg.eigh(c)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


_MATRIX = "The root of a matrix is a matrix whose square it is: by its eigenvalues, not number by number."
_frechet_mistake("a root of each matrix, then the product", "tr (C₁C₂)^½ is not tr C₁^½ C₂^½, unless they commute.",
                 overlap=lambda a, b: np.trace(_psd_root(a) @ _psd_root(b)))
_frechet_mistake("the root of each number of the product", _MATRIX,
                 overlap=lambda a, b: np.sqrt(np.maximum(np.diag(a @ b), 0)).sum())
_frechet_mistake("deviations only", "Covariances count, not only the diagonals.",
                 overlap=lambda a, b: np.sqrt(np.diag(a) * np.diag(b)).sum())
_frechet_mistake("the 2 is missing", "It is like (a − b)² = a² + b² − 2 a b.", factor=1.0)
_frechet_mistake("the overlap is added", "It is like (a − b)² = a² + b² − 2 a b.", factor=-2.0)
_frechet_mistake("the overlap is missing", "It is like (a − b)² = a² + b² − 2 a b.", factor=0.0)
_frechet_mistake("4 in place of 2", "It is like (a − b)² = a² + b² − 2 a b.", factor=4.0)
_frechet_mistake("the length of the difference of means, not squared", "‖m₁ − m₂‖².", means=lambda d: np.sqrt(d @ d))
_frechet_mistake("the mean square of the difference of means", "A sum over the D numbers.",
                 means=lambda d: np.mean(d**2))
_frechet_mistake("the difference of means is missing", "‖m₁ − m₂‖².", means=lambda d: 0.0)
_frechet_mistake("the difference of means, summed with its signs", "Squared.", means=np.sum)
_frechet_mistake("the difference of means, summed and then squared", "Each number squared, then the sum.",
                 means=lambda d: d.sum()**2)
_frechet_mistake("the difference of means is subtracted", "It is added.", means=lambda d: -d @ d)
_frechet_mistake("twice the difference of means", "Squared.", means=lambda d: 2 * d.sum())
_frechet_mistake("the difference of means to the third power", "Squared.", means=lambda d: (d**3).sum())
_frechet_mistake("the eigenvalues without their root", "Σ √λ.",
                 overlap=lambda a, b: np.trace(a @ b))
_frechet_mistake("only the largest eigenvalue", "The sum over all.",
                 overlap=lambda a, b: np.sqrt(np.linalg.norm(_psd_root(a) @ _psd_root(b), 2)**2))
_frechet_mistake("the root of the sum of the eigenvalues", "Each root, then the sum.",
                 overlap=lambda a, b: np.sqrt(np.trace(a @ b)))
_frechet_mistake("C₁ itself where its root belongs", "C₁^½ C₂ C₁^½.",
                 overlap=lambda a, b: np.sqrt(np.maximum(np.linalg.eigvalsh(a @ b @ a), 0)).sum())
_frechet_mistake("the distance of the two covariances, number by number", "tr C₁ + tr C₂ − 2 Σ √λ.",
                 overlap=lambda a, b: (np.trace(a) + np.trace(b) - np.sum((a - b)**2)) / 2)
_frechet_mistake("the mean of the roots, not their sum", "The sum over all.",
                 overlap=lambda a, b: _overlap(a, b) / len(a))
_frechet_mistake("eigenvalues below 1 count as 1", "Only what is below 0 is rounding.",
                 overlap=lambda a, b: np.sqrt(np.maximum(np.linalg.eigvalsh(_psd_root(a) @ b @ _psd_root(a)), 1)).sum())
_frechet_mistake("3 in place of 2", "It is like (a − b)² = a² + b² − 2 a b.", factor=3.0)
for _name, _mean in (("the means are added", lambda p, q: p + q), ("the second mean is left out", lambda p, q: p),
                     ("the first mean is left out", lambda p, q: q)):
    frechet.mistake(_name, hint="Their difference, squared.")(
        lambda m1, c1, m2, c2, of=_mean: _frechet(of(m1, m2), c1, 0 * m1, c2))
for _name, _rest in (("the trace of C₁ is missing", lambda a, b: np.trace(b)),
                     ("the trace of C₂ is missing", lambda a, b: np.trace(a)),
                     ("the traces are missing", lambda a, b: 0.0),
                     ("the trace of C₁ is subtracted", lambda a, b: np.trace(b) - np.trace(a)),
                     ("the trace of C₂ is subtracted", lambda a, b: np.trace(a) - np.trace(b)),
                     ("the sums of all covariances, not the traces", lambda a, b: a.sum() + b.sum()),
                     ("the determinants, not the traces", lambda a, b: np.linalg.det(a) + np.linalg.det(b)),
                     ("all of C₁, number by number, not its trace", lambda a, b: a + np.trace(b)),
                     ("all of C₂, number by number, not its trace", lambda a, b: np.trace(a) + b),
                     ("the trace of C₁ twice", lambda a, b: 2 * np.trace(a)),
                     ("the trace of C₂ twice", lambda a, b: 2 * np.trace(b))):
    _frechet_mistake(_name, "tr C₁ + tr C₂.", rest=_rest)


def _frechet_root(name, hint, root, middle=lambda r, b: r @ b @ r):
    """Another matrix where the root belongs."""
    _frechet_mistake(name, hint, overlap=lambda a, b: np.sqrt(np.maximum(
        np.linalg.eigvalsh(middle(root(*np.linalg.eigh(a)), b)), 0)).sum())


_ROOT = "V diag(√μ) Vᵀ, where the columns of V are the eigenvectors."
_frechet_root("the root is V diag(√μ) V", _ROOT, lambda v, e: e * np.sqrt(np.maximum(v, 0)) @ e)
_frechet_root("the rows of V are multiplied", _ROOT, lambda v, e: e.T * np.sqrt(np.maximum(v, 0)) @ e)
_frechet_root("the root is 1", _ROOT, lambda v, e: e @ e.T)
_frechet_root("eigenvalues of C₁ below 1 count as 1", "Only what is below 0 is rounding.",
              lambda v, e: e * np.sqrt(np.maximum(v, 1)) @ e.T)
_frechet_root("the root is multiplied number by number", _ROOT, lambda v, e: e * np.sqrt(np.maximum(v, 0)) * e.T)
_frechet_root("V diag(√μ) alone", _ROOT, lambda v, e: e * np.sqrt(np.maximum(v, 0)))
_frechet_root("C₁^½ C₂, with the root on one side only", "It stands on both sides.",
              lambda v, e: e * np.sqrt(np.maximum(v, 0)) @ e.T, lambda r, b: r @ b)
_frechet_root("C₂ C₁^½, with the root on one side only", "It stands on both sides.",
              lambda v, e: e * np.sqrt(np.maximum(v, 0)) @ e.T, lambda r, b: b @ r)
_frechet_root("C₂ is left out", "C₁^½ C₂ C₁^½.", lambda v, e: e * np.sqrt(np.maximum(v, 0)) @ e.T,
              lambda r, b: r @ r)


@frechet.accepted("by the eigenvalues of the product")
def _(m1, c1, m2, c2):
    values = np.linalg.eigvals(np.asarray(c1, np.float64) @ np.asarray(c2, np.float64))
    d = m1 - m2
    return d @ d + np.trace(c1 + c2) - 2 * np.sqrt(np.maximum(values.real, 0)).sum()


@frechet.accepted("by singular values of the product of two roots")
def _(m1, c1, m2, c2):
    roots = []
    for c in (c1, c2):
        values, vectors = np.linalg.eigh(np.asarray(c, np.float64))
        roots.append(vectors * np.sqrt(np.clip(values, 0, None)))
    overlap = np.linalg.svd(roots[0].T @ roots[1], compute_uv=False).sum()
    return np.sum((m1 - m2)**2) + sum((root**2).sum() for root in roots) - 2 * overlap


# ---- shift_or_blur ---------------------------------------------------------------------------------------------------

def _costs(amplitudes, n, t, kernel, shift=lambda a, p, t: a**2 * (1 - np.cos(p * t)),
           blur=lambda a, h: a**2 / 2 * (1 - h)**2, gain=None, total=np.sum,
           wave=lambda m, n: 2 * np.pi * m / n):
    a, w = np.asarray(amplitudes, np.float64), np.asarray(kernel, np.float64)
    phase = wave(np.arange(1, len(a) + 1), n)
    far = np.arange(len(w)) - len(w) // 2
    h = (np.cos(np.outer(phase, far)) @ w) if gain is None else gain(phase, far, w)
    return np.array([total(shift(a, phase, t)), total(blur(a, h))])


def _costs_cases(rng):
    """Waves below the highest, a shift of at least one pixel, a kernel of sum 1 whose taps are not all alike."""
    count = int(rng.integers(2, 5))
    n = int(rng.integers(2 * count + 2, 4 * count + 5))
    half = numbers(rng, (int(rng.integers(1, 3)),))
    half = np.abs(half) / 16
    side = np.concatenate([half[::-1], [1 - 2 * half.sum()], half])
    return numbers(rng, (count,)), n, int(rng.integers(1, max(2, n // 3))), side


waves = Question(
    "shift_or_blur", title="What a mean square charges for a shift, and for a blur", points=2, kind="predict",
    asks="Predict with `shift_or_blur(amplitudes, n, t, kernel)` two mean squared errors: of a row of pixels that was "
         "shifted, and of one that was blurred.",
    reference=lambda a, n, t, k: _costs(a, n, t, k), cases=_costs_cases,
    minutes=25, level=2,
    text=r"""
        A row of `n` pixels is a sum of waves, $x_i = \sum_{m=1}^{M} A_m \cos(2\pi m i / n + \psi_m)$, with
        $M < n/2$ `amplitudes` $A_m$ and phases that you are not told. The border is circular. Return (2,): the mean
        over i of the squared error of $x_{i - t}$, the row shifted by the whole number `t`; and that of the row
        convolved with `kernel`, which is symmetric, has an odd length, its middle over pixel i, and the sum 1.
    """,
    hints={
        "Where do I begin?": "Different waves are orthogonal over n pixels: each costs what it costs alone. What does "
                             "a wave become when it is shifted, and when it is blurred?",
        "The phases are missing": "You need none: the mean over whole periods does not depend on where a wave begins.",
        "The first number is half of what it should be":
            "A wave that is shifted by half its length is −x: the error is (2x)², of mean 2A².",
    },
)


@waves.solution
def shift_or_blur(amplitudes, n, t, kernel):
    """(M,), int, int, (k,)  →  (2,)"""
    phase = 2 * np.pi * np.arange(1, len(amplitudes) + 1) / n
    far = np.arange(len(kernel)) - len(kernel) // 2
    gain = np.cos(np.outer(phase, far)) @ kernel
    shifted = np.sum(amplitudes**2 * (1 - np.cos(phase * t)))
    blurred = np.sum(amplitudes**2 / 2 * (1 - gain) ** 2)
    return np.array([shifted, blurred])


def _waves_mistake(name, hint, **options):
    waves.mistake(name, hint=hint)(lambda a, n, t, k: _costs(a, n, t, k, **options))


_HALF = "cos a − cos (a − b) squared has the mean 1 − cos b."
_GAIN = "A wave comes out of a symmetric kernel multiplied by Σ w_u cos(phase · distance from the middle)."
_waves_mistake("the cost of a shift is half of it", _HALF, shift=lambda a, p, t: a**2 / 2 * (1 - np.cos(p * t)))
_waves_mistake("the cost of a shift is twice of it", _HALF, shift=lambda a, p, t: 2 * a**2 * (1 - np.cos(p * t)))
_waves_mistake("a shift multiplies a wave by its cosine", "The shifted wave has a sine part too.",
               shift=lambda a, p, t: a**2 / 2 * (1 - np.cos(p * t))**2)
_waves_mistake("1 + cos for the shift", _HALF, shift=lambda a, p, t: a**2 * (1 + np.cos(p * t)))
_waves_mistake("amplitudes are not squared in the shift", "A squared error grows with A².",
               shift=lambda a, p, t: np.abs(a) * (1 - np.cos(p * t)))
_waves_mistake("amplitudes count with their signs in the shift", "A squared error grows with A².",
               shift=lambda a, p, t: a * (1 - np.cos(p * t)))
_waves_mistake("shifted by one pixel, whatever t", "The phase grows with t.",
               shift=lambda a, p, t: a**2 * (1 - np.cos(p)))
_waves_mistake("the slope only: for small shifts", "That is the first term of 1 − cos.",
               shift=lambda a, p, t: a**2 * (p * t)**2 / 2)
_waves_mistake("the shift costs its sine", _HALF, shift=lambda a, p, t: a**2 * np.sin(p * t)**2)
_waves_mistake("a shift costs nothing", "Pixels are compared place by place.", shift=lambda a, p, t: 0 * a)
_waves_mistake("a shift turns every wave into another, unrelated one", "Slow waves hardly change.",
               shift=lambda a, p, t: a**2)
_waves_mistake("the cost of the blur is twice of it", "The mean of cos² is ½.", blur=lambda a, h: a**2 * (1 - h)**2)
_waves_mistake("the cost of the blur is half of it", "The mean of cos² is ½.", blur=lambda a, h: a**2 / 4 * (1 - h)**2)
_waves_mistake("the loss of energy, not of the difference", "Subtract first: (A − hA)², not A² − (hA)².",
               blur=lambda a, h: a**2 / 2 * (1 - h**2))
_waves_mistake("the blurred wave itself", "Its difference from the wave that it was: 1 − h.",
               blur=lambda a, h: a**2 / 2 * h**2)
_waves_mistake("1 − h is not squared", "A squared error.", blur=lambda a, h: a**2 / 2 * (1 - h))
_waves_mistake("1 + h in place of 1 − h", "The difference of a wave from itself times h.",
               blur=lambda a, h: a**2 / 2 * (1 + h)**2)
_waves_mistake("the blur takes all waves away", _GAIN, blur=lambda a, h: a**2 / 2)
_waves_mistake("amplitudes are not squared in the blur", "A squared error grows with A².",
               blur=lambda a, h: np.abs(a) / 2 * (1 - h)**2)
_waves_mistake("amplitudes count with their signs in the blur", "A squared error grows with A².",
               blur=lambda a, h: a / 2 * (1 - h)**2)
_waves_mistake("the kernel's middle is taken for its first tap", _GAIN,
               gain=lambda p, far, w: np.cos(np.outer(p, far - far[0])) @ w)
_waves_mistake("only the middle tap", _GAIN, gain=lambda p, far, w: 0 * p + w[len(w) // 2])
_waves_mistake("one side of the kernel counts once, not twice", "Both sides have taps.",
               gain=lambda p, far, w: np.cos(np.outer(p, far[len(w) // 2:])) @ w[len(w) // 2:])
_waves_mistake("the sum of the taps, which is 1", _GAIN, gain=lambda p, far, w: 0 * p + w.sum())
_waves_mistake("the cosine has lost its 1", _HALF, shift=lambda a, p, t: -a**2 * np.cos(p * t))
_waves_mistake("the cosine alone", _HALF, shift=lambda a, p, t: a**2 * np.cos(p * t))
_waves_mistake("the cost of a shift has the wrong sign", "A squared error is not negative.",
               shift=lambda a, p, t: a**2 * (np.cos(p * t) - 1))
_waves_mistake("the amplitudes are left out of the shift", "A squared error grows with A².",
               shift=lambda a, p, t: 1 - np.cos(p * t))
_waves_mistake("the amplitudes are left out of the blur", "A squared error grows with A².",
               blur=lambda a, h: (1 - h)**2)
_waves_mistake("a sine in place of the cosine", _HALF, shift=lambda a, p, t: a**2 * (1 - np.sin(p * t)))
_waves_mistake("the cost of the blur is 4 times too large", "The mean of cos² is ½.",
               blur=lambda a, h: a**2 * 2 * (1 - h)**2)
for _name, _wave in (("the phase has no 2π", lambda m, n: m / n), ("the phase has no π", lambda m, n: 2 * m / n),
                     ("all waves have the phase of the first", lambda m, n: 2 * np.pi / n + 0 * m),
                     ("the phase is turned over: n / (2π m)", lambda m, n: n / (2 * np.pi * m)),
                     ("m is added to 2π", lambda m, n: (2 * np.pi + m) / n),
                     ("the phase is 3π m / n", lambda m, n: 3 * np.pi * m / n)):
    _waves_mistake(_name, "2π m / n from pixel to pixel.", wave=_wave)
_MIDDLE = "Distances are counted from the middle tap, which is number (k − 1)/2."
for _name, _move in (("the middle of the kernel is half a pixel off", lambda k: k // 2 - k / 2),
                     ("distances are counted from behind the last tap", lambda k: k // 2 - k),
                     ("the middle is added, not subtracted", lambda k: 2 * (k // 2)),
                     ("the middle is tap 2, whatever the length", lambda k: k // 2 - 2),
                     ("the middle is at a third of the length", lambda k: k // 2 - k // 3)):
    _waves_mistake(_name, _MIDDLE, gain=lambda p, far, w, of=_move: np.cos(np.outer(p, far + of(len(w)))) @ w)
for _name, _of in (("the third power of the amplitudes", lambda a: a**3), ("twice the amplitudes", lambda a: 2 * a),
                   ("powers of 2 of the amplitudes", lambda a: 2.0**a)):
    _waves_mistake(f"{_name} in the shift", "A squared error grows with A².",
                   shift=lambda a, p, t, of=_of: of(a) * (1 - np.cos(p * t)))
    _waves_mistake(f"{_name} in the blur", "A squared error grows with A².",
                   blur=lambda a, h, of=_of: of(a) / 2 * (1 - h)**2)
_waves_mistake("the shift is added to the phase", "The phase of a shifted wave changes by phase · t.",
               shift=lambda a, p, t: a**2 * (1 - np.cos(p + t)))
_waves_mistake("the mean over the waves in the shift", "The costs of different waves add up.",
               shift=lambda a, p, t: a**2 * (1 - np.cos(p * t)) / len(a))
_waves_mistake("the mean over the waves in the blur", "The costs of different waves add up.",
               blur=lambda a, h: a**2 / 2 * (1 - h)**2 / len(a))
_waves_mistake("1 − h to the third power", "A squared error.", blur=lambda a, h: a**2 / 2 * (1 - h)**3)
_waves_mistake("the mean over the waves", "The costs of different waves add up.", total=np.mean)
_waves_mistake("the root of the mean square", "No root.", total=lambda x: np.sqrt(np.sum(x)))
_waves_mistake("only the last wave", "The costs of different waves add up.", total=lambda x: x[-1])
_waves_mistake("the amplitudes are added before they are squared", "Different waves are orthogonal.",
               total=lambda x: np.sqrt(np.abs(x)).sum()**2)


def _waves_phase(name, hint, wave):
    waves.mistake(name, hint=hint)(lambda a, n, t, k: _costs(
        np.concatenate([np.zeros(wave), a]) if wave > 0 else a, n if wave >= 0 else 2 * n, t, k))


_waves_phase("the waves are counted one too high", "The first amplitude belongs to m = 1.", 1)
_waves_phase("half of the phase: π m / n", "A wave goes up and down m times: 2π m / n.", -1)
waves.mistake("the waves are counted from 0", hint="The first amplitude belongs to m = 1.")(
    lambda a, n, t, k: _costs(np.asarray(a)[1:], n, t, k))
waves.mistake("twice the phase", hint="2π m / n from pixel to pixel.")(lambda a, n, t, k: _costs(a, n / 2, t, k))
waves.mistake("the sums over pixels, not the means", hint="The mean over i.")(
    lambda a, n, t, k: n * _costs(a, n, t, k))
waves.mistake("blur first, then shift", hint="First the shift.")(lambda a, n, t, k: _costs(a, n, t, k)[::-1])


@waves.accepted("with an image of any phases")
def _(amplitudes, n, t, kernel):
    i = np.arange(n)
    x = sum(a * np.cos(2 * np.pi * m * i / n + 0.7 * m) for m, a in enumerate(amplitudes, 1))
    middle = len(kernel) // 2
    blurred = sum(w * np.roll(x, u - middle) for u, w in enumerate(kernel))
    return [np.mean((np.roll(x, t) - x)**2), np.mean((blurred - x)**2)]


@waves.accepted("from the discrete Fourier transform of the kernel")
def _(amplitudes, n, t, kernel):
    row = np.zeros(n)
    for u, w in enumerate(kernel):
        row[(u - len(kernel) // 2) % n] += w
    m = np.arange(1, len(amplitudes) + 1)
    power = amplitudes**2 / 2
    return np.array([np.sum(power * np.abs(1 - np.exp(-2j * np.pi * m * t / n))**2),
                     np.sum(power * np.abs(1 - np.fft.fft(row)[m])**2)])


# ---- texture_loss ----------------------------------------------------------------------------------------------------

def _flat(f):
    """(N, C, H, W) → one row for each channel of each image."""
    return f.reshape(f.shape[0] * f.shape[1], -1)


def _texture(f, t, ours=lambda n, c, p, q: c * p, theirs=lambda n, c, p, q: c * q, mixed=False,
             reduce=lambda d: np.mean((d**2).sum((1, 2)))):
    f, t = np.asarray(f, np.float64), np.asarray(t, np.float64)
    n, c = f.shape[:2]
    sizes = n, c, f[0, 0].size, t[0, 0].size
    if mixed:
        d = (_flat(f) @ _flat(f).T / ours(*sizes) - _flat(t) @ _flat(t).T / theirs(*sizes))[None]
    else:
        d = (np.einsum("nchw,ndhw->ncd", f, f) / ours(*sizes) - np.einsum("nchw,ndhw->ncd", t, t) / theirs(*sizes))
    return reduce(d)


def _texture_cases(rng):
    n, c, h, w = (int(size) for size in rng.permutation([2, 3, 4, 5]))
    return numbers(rng, (n, c, h, w)), numbers(rng, (n, c, w + 1, h + 2))


texture = Question(
    "texture_loss", title="A style loss that compares strangers", points=2, kind="mend",
    asks="Mend `texture_loss(f, target)`: how different the textures of N pairs of feature maps are.",
    reference=lambda f, target: _texture(f, target), cases=_texture_cases,
    minutes=20, level=2,
    text=r"""
        `f` (N, C, H, W) and `target` (N, C, H', W') hold the feature maps of N made pictures and of the N pictures
        whose textures they are to have; sizes may differ. Asked is the mean over the N pairs of
        $\sum_{c, d} (G_{c d} - G'_{c d})^2$, where G is a picture's Gram matrix, divided by its own number of features,
        C · H · W. The function given has the form of a much copied tutorial. It is right for
        a batch of one and sizes that are equal, and it has two faults.
    """,
    hints={
        "Where do I begin?": "Take two pictures, print the shape of what `gram` returns, and say what each of its "
                             "numbers is.",
        "Right for one picture, wrong for two":
            "Which channels may be multiplied with which? And what must be the mean?",
        "Right for equal sizes only": "A larger picture has more places to sum over. By what is each Gram matrix to be "
                                      "divided?",
    },
)


@texture.given("as given: two faults are there",
               hint="With two pictures `gram` returns 2C × 2C numbers. Whose channels does it multiply? And both Gram "
                    "matrices are divided by the same number, though the pictures may differ in size.")
def _(f, target):
    """(N, C, H, W), (N, C, H', W')  →  a number"""
    N, C, H, W = f.shape

    def gram(x):
        rows = x.reshape(N * C, -1)
        return rows @ rows.T / (C * H * W)

    difference = gram(f) - gram(target)
    return np.sum(difference**2) / N


@texture.solution
def texture_loss(f, target):
    """(N, C, H, W), (N, C, H', W')  →  a number"""
    def gram(x):
        rows = x.reshape(len(x), x.shape[1], -1)
        return rows @ rows.transpose(0, 2, 1) / (rows.shape[1] * rows.shape[2])

    difference = gram(f) - gram(target)
    return np.sum(difference**2) / len(f)


def _texture_mistake(name, hint, **options):
    texture.mistake(name, hint=hint)(lambda f, t: _texture(f, t, **options))


_OWN = "Each Gram matrix is divided by its own C · H · W."
_MEAN = "The sum over all pairs of channels, the mean over pictures."
_texture_mistake("pictures are still multiplied with each other", "One C × C matrix for each picture.", mixed=True,
                 reduce=lambda d: (d**2).sum())
texture.mistake("pictures are still multiplied with each other, though the mean is taken",
                hint="One C × C matrix for each picture.")(
    lambda f, t: _texture(f, t, mixed=True, reduce=lambda d: (d**2).sum()) / len(f))
_texture_mistake("both are still divided by the size of the made pictures", _OWN, theirs=lambda n, c, p, q: c * p)
_texture_mistake("both are divided by the size of the targets", _OWN, ours=lambda n, c, p, q: c * q)
for _name, _ours in (("divided by the number of channels only", lambda c, p, n: c),
                     ("divided by H · W only", lambda c, p, n: p), ("not divided", lambda c, p, n: 1),
                     ("divided by N · C · H · W", lambda c, p, n: n * c * p),
                     ("multiplied by C · H · W", lambda c, p, n: 1 / (c * p)),
                     ("divided by H · W / C", lambda c, p, n: p / c), ("divided by C + H · W", lambda c, p, n: c + p),
                     ("divided by the number of pictures", lambda c, p, n: n),
                     ("divided by N · H · W", lambda c, p, n: n * p),
                     ("divided by N · C", lambda c, p, n: n * c),
                     ("divided by C², not by C · H · W", lambda c, p, n: c * c),
                     ("divided by (H · W)²", lambda c, p, n: p * p)):
    _texture_mistake(_name, _OWN, ours=lambda n, c, p, q, of=_ours: of(c, p, n),
                     theirs=lambda n, c, p, q, of=_ours: of(c, q, n))
for _name, _reduce in (("the sum over pictures", lambda d: (d**2).sum()),
                       ("the mean over all", lambda d: (d**2).mean()),
                       ("one number for each picture", lambda d: (d**2).sum((1, 2))),
                       ("not squared: absolute values", lambda d: np.abs(d).sum() / len(d)),
                       ("not squared", lambda d: d.sum() / len(d)),
                       ("a root is taken", lambda d: np.mean(np.sqrt((d**2).sum((1, 2))))),
                       ("twice the difference, not its square", lambda d: 2 * d.sum() / len(d)),
                       ("to the third power", lambda d: (d**3).sum() / len(d)),
                       ("divided by N twice", lambda d: (d**2).sum() / len(d)**2),
                       ("multiplied by N", lambda d: (d**2).sum() * len(d)),
                       ("divided by C", lambda d: (d**2).sum() / d.shape[1]),
                       ("divided by N · C", lambda d: (d**2).sum() / len(d) / d.shape[1]),
                       ("the Gram matrices are averaged before they are compared", lambda d: (d.mean(0)**2).sum()),
                       ("the sign is turned over", lambda d: -(d**2).sum() / len(d)),
                       ("only the diagonal", lambda d: (np.einsum("ncc->nc", d)**2).sum() / len(d)),
                       ("each pair of channels once", lambda d: (np.triu(d)**2).sum() / len(d))):
    _texture_mistake(_name, _MEAN, reduce=_reduce)


def _added(f, t):
    g, h = (np.einsum("nchw,ndhw->ncd", x, x) / x[0].size for x in (np.asarray(f), np.asarray(t)))
    return g, h


texture.mistake("the Gram matrices are added", hint="Their difference.")(
    lambda f, t: np.sum((_added(f, t)[0] + _added(f, t)[1])**2) / len(f))
texture.mistake("the target is left out", hint="The difference of the two.")(
    lambda f, t: np.sum(_added(f, t)[0]**2) / len(f))
texture.mistake("the made picture is left out", hint="The difference of the two.")(
    lambda f, t: np.sum(_added(f, t)[1]**2) / len(f))


@texture.accepted("picture by picture")
def _(f, target):
    total = 0.0
    for a, b in zip(f, target, strict=True):
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        total += np.linalg.norm(a @ a.T / a.size - b @ b.T / b.size)**2
    return total / len(f)


@texture.accepted("by the kernel (x · y)² of places")
def _(f, target):
    """‖G − G'‖² = mean k(x, x') − 2 mean k(x, y) + mean k(y, y'), over C²."""
    losses = []
    for a, b in zip(f, target, strict=True):
        c = len(a)
        x, y = a.reshape(c, -1).T, b.reshape(c, -1).T
        losses.append((np.mean((x @ x.T)**2) - 2 * np.mean((x @ y.T)**2) + np.mean((y @ y.T)**2)) / c**2)
    return np.mean(losses)


# ---- style_slope -----------------------------------------------------------------------------------------------------

def _slope(f, target, factor=4.0, divide=lambda n, c, p: n * c * p, gram=lambda n, c, p: c * p,
           apply=lambda d, rows: d @ rows, difference=lambda g, t: g - t):
    f, target = np.asarray(f, np.float64), np.asarray(target, np.float64)
    n, c = f.shape[:2]
    rows = f.reshape(n, c, -1)
    p = rows.shape[2]
    g = rows @ rows.transpose(0, 2, 1) / gram(n, c, p)
    return (factor * apply(difference(g, target), rows) / divide(n, c, p)).reshape(f.shape)


def _slope_cases(rng):
    f = _maps(rng)
    rows = numbers(rng, (f.shape[1], 6))
    return f, rows @ rows.T / 8


slope = Question(
    "style_slope", title="Which way to the texture?", points=3,
    asks="Write `style_slope(f, target)`: the gradient of the style loss with respect to every feature.",
    reference=lambda f, target: _slope(f, target), cases=_slope_cases,
    minutes=25, level=3,
    text=r"""
        `f` (N, C, H, W) are features of N pictures, with the Gram matrices
        $G_{n c d} = \frac{1}{C H W} \sum_{i, j} f_{n c i j} f_{n d i j}$, and `target` (C, C) is the Gram matrix of one
        style for all, symmetric. The loss is $\mathcal L = \frac1N \sum_n \sum_{c, d} (G_{n c d} - T_{c d})^2$. Return
        $\partial \mathcal L / \partial f$, (N, C, H, W), by a formula: no differences.
    """,
    hints={
        "Where do I begin?": "One picture, F of shape (C, H W), G = F Fᵀ / (C H W). Change F by dF: what are dG, and "
                             "d ‖G − T‖²?",
        "Half of what it should be": "Each feature stands in G twice, as a factor on the left and on the right.",
        "How do I check it?": "Add 10⁻⁶ to one feature and look at the change of the loss.",
    },
)


@slope.solution
def style_slope(f, target):
    """(N, C, H, W), (C, C)  →  (N, C, H, W)"""
    N, C, H, W = f.shape
    rows = f.reshape(N, C, H * W)
    G = rows @ rows.transpose(0, 2, 1) / (C * H * W)
    return (4 / (N * C * H * W) * (G - target) @ rows).reshape(f.shape)


def _slope_mistake(name, hint, **options):
    slope.mistake(name, hint=hint)(lambda f, t: _slope(f, t, **options))


_FOUR = "A square gives 2, and each feature stands in G twice: 4."
for _factor, _name in ((2.0, "2 in place of 4"), (1.0, "1 in place of 4"), (-4.0, "the way down, not the gradient"),
                       (8.0, "8 in place of 4"), (3.0, "3 in place of 4"), (5.0, "5 in place of 4"), (0.0, "zero")):
    _slope_mistake(_name, _FOUR if _factor >= 0 else "The gradient points uphill: (G − T) F.", factor=_factor)
_BY = "The N of the mean, and the C H W of the Gram matrix: both once."
for _name, _by in (("the sum over pictures", lambda n, c, p: c * p), ("the C H W of G is forgotten", lambda n, c, p: n),
                   ("divided by H W, not C H W", lambda n, c, p: n * p), ("divided by C only", lambda n, c, p: n * c),
                   ("not divided", lambda n, c, p: 1), ("multiplied by N", lambda n, c, p: c * p / n),
                   ("divided by the square of C H W", lambda n, c, p: n * (c * p)**2),
                   ("multiplied by C", lambda n, c, p: n * p / c),
                   ("multiplied by H W", lambda n, c, p: n * c / p),
                   ("multiplied by C H W", lambda n, c, p: n / (c * p))):
    _slope_mistake(_name, _BY, divide=_by)
for _name, _by in (("the Gram matrix is not divided", lambda n, c, p: 1),
                   ("the Gram matrix is divided by H W", lambda n, c, p: p),
                   ("the Gram matrix is divided by N C H W", lambda n, c, p: n * c * p),
                   ("the Gram matrix is divided by C", lambda n, c, p: c),
                   ("the Gram matrix is multiplied by C H W", lambda n, c, p: 1 / (c * p))):
    _slope_mistake(_name, "G is divided by C H W.", gram=_by)
_slope_mistake("G + T in place of G − T", "The difference from the target.", difference=lambda g, t: g + t)
_slope_mistake("the target is left out", "G − T.", difference=lambda g, t: g + 0 * t)
_slope_mistake("G is left out", "G − T.", difference=lambda g, t: 0 * g - t)
_slope_mistake("the sign of each difference only", "That belongs to absolute values.",
               difference=lambda g, t: np.sign(g - t))
_slope_mistake("only the diagonal of G − T", "A channel is pulled by all others.",
               difference=lambda g, t: (g - t) * np.eye(len(t)))
_slope_mistake("the mean Gram matrix of the batch", "Each picture has its own.",
               difference=lambda g, t: np.broadcast_to(g.mean(0) - t, g.shape))
_slope_mistake("(G − T)² in place of G − T", "The slope of a square is linear.", difference=lambda g, t: (g - t)**2)


@slope.mistake("the gradient by G, not by f", hint="One more step back: G = F Fᵀ / (C H W).")
def _(f, target):
    rows = np.asarray(f, np.float64).reshape(*f.shape[:2], -1)
    return 2 * (rows @ rows.transpose(0, 2, 1) / f[0].size - target) / len(f)


@slope.mistake("the features are reshaped to (N, H W, C) and not transposed",
               hint="A reshape keeps the order in memory: (N, C, H W), so that a row is a channel.")
def _(f, target):
    rows = np.asarray(f, np.float64).reshape(len(f), -1, f.shape[1])
    g = rows.transpose(0, 2, 1) @ rows / f[0].size
    return (4 * rows @ (g - target) / f.size).reshape(f.shape)


@slope.accepted("by einsum, both factors written out")
def _(f, target):
    g = np.einsum("ncij,ndij->ncd", f, f) / f[0].size
    d = 2 * (g - target) / len(f)
    return (np.einsum("ncd,ndij->ncij", d, f) + np.einsum("ncd,ncij->ndij", d, f)) / f[0].size


@slope.accepted("picture by picture")
def _(f, target):
    out = []
    for one in f:
        rows = one.reshape(len(one), -1)
        out.append(4 * ((rows @ rows.T / rows.size - target) @ rows / rows.size / len(f)).reshape(one.shape))
    return np.stack(out)


# ---- fewest ----------------------------------------------------------------------------------------------------------

def _fewest_properties(points, mean, cov):
    points, mean, cov = (np.asarray(x, np.float64) for x in (points, mean, cov))
    d = len(mean)
    if points.ndim != 2 or points.shape[1] != d or len(points) < 2:
        raise ValueError(f"(M, {d}) with M ≥ 2 was asked for; this has shape {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("all numbers must be finite")
    centred = points - points.mean(0)
    found = centred.T @ centred / (len(points) - 1)
    return {"number of points": float(len(points)), "error of the mean": float(np.abs(points.mean(0) - mean).max()),
            "error of the covariance": float(np.abs(found - cov).max())}


def _corners(d):
    """(D + 1, D): columns of length 1, orthogonal to each other and to a column of ones."""
    columns = np.eye(d + 1)[:, 1:] - 1 / (d + 1)
    return np.linalg.qr(columns)[0]


def _fewest(mean, cov, scale=None, root=None):
    d = len(mean)
    root = np.linalg.cholesky(np.asarray(cov, np.float64)) if root is None else root
    return np.asarray(mean) + np.sqrt(d if scale is None else scale) * _corners(d) @ root.T


def _fewest_cases(rng):
    d = int(rng.integers(2, 6))
    rows = numbers(rng, (d + 2, d)) / 2
    return numbers(rng, (d,)), rows.T @ rows / 2 + np.eye(d) / 2


fewest = Question(
    "fewest_images", title="A perfect distance, with a handful of images", points=3, kind="design",
    asks="Design `fewest_images(mean, cov)`: as few points as possible whose Fréchet distance from a Gaussian is 0.",
    reference=lambda mean, cov: _fewest(mean, cov), cases=_fewest_cases, measure=_fewest_properties,
    minutes=30, level=3,
    text=r"""
        A Fréchet distance sees of samples only their mean and their covariance, with division by M − 1. The real
        features have the given `mean` (D,) and `cov` (D, D), all of whose eigenvalues are above 0. Return (M, D): the
        features of M made images at distance 0, with M as small as it can be.

        There are infinitely many such sets, and each of them passes.
    """,
    hints={
        "How few can it be?": "Subtract their mean from M points: how large can the rank of what remains be? The "
                              "covariance must have the rank D.",
        "Where do I begin?": "First for mean 0 and covariance 1: you need a matrix with D columns that are orthogonal "
                             "to each other, equally long, and each of sum 0. Then multiply by a root of `cov`.",
        "Right but for one factor": "The division is by M − 1.",
    },
)


@fewest.solution
def fewest_images(mean, cov):
    """(D,), (D, D)  →  (D + 1, D)"""
    D = len(mean)
    corners = np.eye(D + 1)[:, 1:] - 1 / (D + 1)        # columns of sum 0
    Q = np.linalg.qr(corners)[0]                        # … and orthonormal
    root = np.linalg.cholesky(cov)
    return mean + np.sqrt(D) * Q @ root.T


def _fewest_mistake(name, hint, answer):
    fewest.mistake(name, hint=hint)(lambda mean, cov: answer(
        np.asarray(mean, np.float64), np.asarray(cov, np.float64), len(mean)))


def _pairs(mean, cov, d):
    steps = np.sqrt((2 * d - 1) / 2) * np.linalg.cholesky(cov).T
    return np.concatenate([mean + steps, mean - steps])


def _drawn(mean, cov, d):
    return np.random.default_rng(0).multivariate_normal(mean, cov, d + 1)


_RANK = "D + 1 points: without their mean a rank of D is left."
_SCALE = "Columns of length 1 give a covariance of 1/(M − 1)."
_fewest_mistake("pairs on both sides of the mean: 2 D points", _RANK, _pairs)
_fewest_mistake("drawn by chance", "Mean and covariance of a few drawn points are far off. Construct them.", _drawn)
_fewest_mistake("D points", _RANK, lambda m, c, d: m + np.sqrt(d) * np.linalg.cholesky(c).T)
_fewest_mistake("the division is by M", "It is by M − 1 = D.", lambda m, c, d: _fewest(m, c, d + 1))
_fewest_mistake("the points are not spread by √D", _SCALE, lambda m, c, d: _fewest(m, c, 1))
_fewest_mistake("spread by D, not by its root", _SCALE, lambda m, c, d: _fewest(m, c, d * d))
_fewest_mistake("the mean is missing", "Add it at the end.", lambda m, c, d: _fewest(0 * m, c))
_fewest_mistake("the mean is subtracted", "Add it.", lambda m, c, d: _fewest(-m, c))
_fewest_mistake("cov in place of its root", "A covariance is a square: multiply by a root R, with R Rᵀ = cov.",
                lambda m, c, d: _fewest(m, c, root=c))
_fewest_mistake("the root is not transposed", "The covariance of Q A is AᵀA: it is to be R Rᵀ, so A = Rᵀ.",
                lambda m, c, d: _fewest(m, c, root=np.linalg.cholesky(c).T))
_fewest_mistake("deviations only", "The features are correlated.",
                lambda m, c, d: _fewest(m, c, root=np.diag(np.sqrt(np.diag(c)))))
_fewest_mistake("the root of each number", "R Rᵀ = cov: by Cholesky or by eigenvalues.",
                lambda m, c, d: _fewest(m, c, root=np.sqrt(np.abs(c))))
_fewest_mistake("covariance 1", "Multiply by a root of cov.", lambda m, c, d: _fewest(m, np.eye(d)))
_fewest_mistake("the columns are orthogonal, but their sums are not 0", "The mean is off: make them orthogonal to a "
                "column of ones.", lambda m, c, d: m + np.sqrt(d) * np.eye(d + 1, d) @ np.linalg.cholesky(c).T)
for _shift in (lambda d: -1 / (d + 1), lambda d: 1 / (d - 1), lambda d: 1 / d, lambda d: 1.0, lambda d: 1 / (d + 2),
               lambda d: d + 1.0):
    _fewest_mistake("the columns are orthogonal, but their sums are not 0",
                    "The mean is off: subtract from each column its mean, 1/(D + 1), before they are made orthogonal.",
                    lambda m, c, d, of=_shift: m + np.sqrt(d) * np.linalg.qr(np.eye(d + 1)[:, 1:] - of(d))[0]
                    @ np.linalg.cholesky(c).T)
_fewest_mistake("D points", _RANK, lambda m, c, d: m + np.linalg.cholesky(c).T)
_fewest_mistake("the columns have sum 0, but are not orthogonal", "The columns must be orthogonal too, of length 1: "
                "QR, for example.",
                lambda m, c, d: m + np.sqrt(d) * (np.eye(d + 1)[:, 1:] - 1 / (d + 1)) @ np.linalg.cholesky(c).T)
_fewest_mistake("the mean itself, many times", "Its covariance is 0.", lambda m, c, d: np.tile(m, (d + 1, 1)))


@fewest.accepted("by a symmetric root and a turned simplex")
def _(mean, cov):
    d = len(mean)
    noise = np.random.default_rng(3).normal(size=(d + 1, d))
    q = np.linalg.qr(noise - noise.mean(0))[0]
    values, vectors = np.linalg.eigh(np.asarray(cov, np.float64))
    return mean + np.sqrt(d) * q @ (vectors * np.sqrt(values) @ vectors.T)


@fewest.accepted("whitened noise")
def _(mean, cov):
    d = len(mean)
    noise = np.random.default_rng(5).normal(size=(d + 1, d))
    noise = noise - noise.mean(0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / d)).T
    return mean + white @ np.linalg.cholesky(np.asarray(cov, np.float64)).T


@fewest.accepted("cosines for the simplex")
def _(mean, cov):
    d = len(mean)
    i = np.arange(d + 1)[:, None] + 0.5
    q = np.sqrt(2 / (d + 1)) * np.cos(np.pi * i * np.arange(1, d + 1) / (d + 1))
    return mean + np.sqrt(d) * q @ np.linalg.cholesky(np.asarray(cov, np.float64)).T


QUESTIONS = [gram, frechet, waves, texture, slope, fewest]
