"""Week 5: the questions of the notebook `progressive_and_style`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- faded -----------------------------------------------------------------------------------------------------------

def _nearest(x):
    return np.repeat(np.repeat(x, 2, 2), 2, 3)


def _faded(old, new, alpha, up=_nearest, weights=lambda a: (1 - a, a)):
    old, new = np.asarray(old, np.float64), np.asarray(new, np.float64)
    first, second = weights(alpha)
    return first * up(old) + second * new


def _faded_cases(rng, turn):
    """α = 0 and α = 1 come too, each in one of four."""
    height, width = unequal(rng, 2, 5)
    n, channels = unequal(rng, 1, 4)
    alpha = (0.0, 1.0, *(int(rng.integers(1, 8)) / 8 for _ in range(2)))[turn % 4]
    if alpha == 0.5:
        alpha = 0.375
    return (numbers(rng, (n, channels, height, width)), numbers(rng, (n, channels, 2 * height, 2 * width)), alpha)


fade = Question(
    "faded", title="A new layer comes in slowly", points=1,
    asks="Write `faded(old, new, alpha)`: the image of a generator that is growing.",
    reference=_faded, cases=_faded_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        `old` (N, C, H, W) are the images that the generator made before it grew, `new` (N, C, 2H, 2W) those of its new
        last layers, and `alpha` from 0 to 1 says how far the change has come: at 0 nothing of `new` is seen, at 1
        nothing of `old`, and between them it is a straight line. Each pixel of `old` is shown as 2 × 2 equal pixels.
        Return (N, C, 2H, 2W).
    """,
    hints={
        "The arrays do not broadcast": "Enlarge `old` first: np.repeat along the rows, then along the columns.",
        "The shape is right, the pixels are mixed up": "np.repeat(x, 2, axis) puts copies side by side; np.tile would "
                                                       "lay whole images side by side.",
    },
)


@fade.solution
def faded(old, new, alpha):
    """(N, C, H, W), (N, C, 2H, 2W), a number  →  (N, C, 2H, 2W)"""
    up = old.repeat(2, axis=2).repeat(2, axis=3)
    return (1 - alpha) * up + alpha * new


def _faded_mistake(name, hint, **options):
    fade.mistake(name, hint=hint)(lambda old, new, alpha: _faded(old, new, alpha, **options))


_WEIGHTS = "(1 − α) belongs to the old image, α to the new one."
_faded_mistake("α is turned over", _WEIGHTS, weights=lambda a: (a, 1 - a))
_faded_mistake("α is an integer", "int(α) is 0 until the end: then the layers come all at once. Keep the fraction.",
               weights=lambda a: (1 - int(a), int(a)))
_faded_mistake("whole images side by side", "np.repeat, not np.tile: each pixel becomes 2 × 2.",
               up=lambda x: np.tile(x, (1, 1, 2, 2)))
_faded_mistake("the sum of both", _WEIGHTS, weights=lambda a: (1, 1))
_faded_mistake("the old image does not fade", _WEIGHTS, weights=lambda a: (1, a))
_faded_mistake("the new image is there at once", _WEIGHTS, weights=lambda a: (1 - a, 1))
_faded_mistake("the old image is subtracted", _WEIGHTS, weights=lambda a: (a - 1, a))
_faded_mistake("the new image is subtracted", _WEIGHTS, weights=lambda a: (1 - a, -a))
_faded_mistake("1 + α in place of 1 − α", _WEIGHTS, weights=lambda a: (1 + a, a))
_faded_mistake("only the new image", _WEIGHTS, weights=lambda a: (0, a))
_faded_mistake("only the old image", _WEIGHTS, weights=lambda a: (1 - a, 0))
_faded_mistake("half and half, whatever α", _WEIGHTS, weights=lambda a: (0.5, 0.5))
_faded_mistake("the 1 of 1 − α is missing", _WEIGHTS, weights=lambda a: (-a, a))
_faded_mistake("2 − α in place of 1 − α", _WEIGHTS, weights=lambda a: (2 - a, a))


def _faded_operations(name, answer):
    fade.mistake(name, hint=_WEIGHTS)(
        lambda old, new, alpha: answer(_nearest(np.asarray(old, np.float64)), np.asarray(new, np.float64), alpha))


_faded_operations("α is added to the new image", lambda old, new, a: (1 - a) * old + a + new)
_faded_operations("1 − α is added to the old image", lambda old, new, a: (1 - a) + old + a * new)
_faded_operations("the two parts are multiplied", lambda old, new, a: (1 - a) * old * a * new)


@fade.accepted("old and a step towards new")
def _(old, new, alpha):
    up = np.kron(old, np.ones((2, 2)))
    return up + alpha * (new - up)


@fade.accepted("pixel by pixel")
def _(old, new, alpha):
    out = np.empty(np.shape(new))
    for n, c, i, j in np.ndindex(*out.shape):
        out[n, c, i, j] = alpha * new[n, c, i, j] + (1 - alpha) * old[n, c, i // 2, j // 2]
    return out


# ---- demodulated_kernels ---------------------------------------------------------------------------------------------

def _kernels(weight, style, modulate=lambda w, s: s[:, None, :, None, None] * w, axes=(2, 3, 4),
             length=lambda w, axes: np.sqrt((w**2).sum(axes, keepdims=True)), of=lambda own, shared: own,
             divide=lambda w, length: w / length):
    shared, style = np.asarray(weight, np.float64), np.asarray(style, np.float64)
    own = modulate(shared, style)
    return divide(own, length(of(own, np.broadcast_to(shared, own.shape)), axes))


def _kernels_cases(rng):
    """All sizes differ, so that no axis can be taken for another."""
    n, out, into = (int(size) for size in rng.choice(np.arange(2, 6), 3, replace=False))
    height, width = unequal(rng, 1, 4)
    return numbers(rng, (out, into, height, width)), numbers(rng, (n, into))


kernels = Question(
    "demodulated_kernels", title="A kernel for each image", points=1,
    asks="Write `demodulated_kernels(weight, style)`: the kernels that a style makes of a shared one.",
    reference=_kernels, cases=_kernels_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `weight` w (C_out, C_in, k_h, k_w) is shared by all images; `style` s (N, C_in) has a number for each input
        channel of each image. First the style scales the input channels, then each output channel of each image is
        divided by its length:

        $$\begin{aligned}
        w'_{n o i a b} &= s_{n i}\, w_{o i a b} \\
        \ell_{n o}^2 &= \textstyle\sum_{i, a, b} (w'_{n o i a b})^2 \\
        w''_{n o i a b} &= w'_{n o i a b} / \ell_{n o}
        \end{aligned}$$

        Return $w''$, (N, C_out, C_in, k_h, k_w). No length is 0.
    """,
    hints={
        "The arrays do not broadcast": "`style[:, None, :, None, None]` has an axis for each of w'.",
        "Some images are right, others not": "The length belongs to one output channel of one image: sum over the "
                                             "input channels and the taps, not over images or output channels.",
    },
)


@kernels.solution
def demodulated_kernels(weight, style):
    """(C_out, C_in, k_h, k_w), (N, C_in)  →  (N, C_out, C_in, k_h, k_w)"""
    own = style[:, None, :, None, None] * weight
    square = np.sum(own**2, axis=(2, 3, 4), keepdims=True)
    return own / np.sqrt(square)


def _kernels_mistake(name, hint, **options):
    kernels.mistake(name, hint=hint)(lambda weight, style: _kernels(weight, style, **options))


_AXES = "For each image and each output channel: sum over input channels and taps."
_LENGTH = "Divide by the square root of the sum of squares of w'."
_kernels_mistake("not demodulated", _LENGTH, divide=lambda w, length: w)
_kernels_mistake("not modulated", "The style scales the input channels first.",
                 modulate=lambda w, s: np.broadcast_to(w, (len(s), *w.shape)))
_kernels_mistake("demodulated before the style", "The length is that of w', with the style in it: else a style three "
                 "times as large makes an output three times as large.", of=lambda own, shared: shared)
_kernels_mistake("the sum goes over output channels too", _AXES, axes=(1, 2, 3, 4))
_kernels_mistake("the sum goes over output channels, not input channels", _AXES, axes=(1, 3, 4))
_kernels_mistake("the sum goes over taps only", _AXES, axes=(3, 4))
_kernels_mistake("the sum goes over input channels only", _AXES, axes=(2,))
_kernels_mistake("the sum goes over rows and input channels only", _AXES, axes=(2, 3))
_kernels_mistake("the sum goes over columns and input channels only", _AXES, axes=(2, 4))
_kernels_mistake("the sum goes over images too", _AXES, axes=(0, 2, 3, 4))
_kernels_mistake("the sum goes over images, not taps or channels", _AXES, axes=(0,))
_kernels_mistake("the root is missing", _LENGTH, length=lambda w, axes: (w**2).sum(axes, keepdims=True))
_kernels_mistake("the mean of the squares", "A sum: the output is to have the variance 1, whatever the number of taps.",
                 length=lambda w, axes: np.sqrt((w**2).mean(axes, keepdims=True)))
_kernels_mistake("the deviation", "No mean is subtracted.", length=lambda w, axes: w.std(axes, keepdims=True))
_kernels_mistake("absolute values in place of squares", _LENGTH,
                 length=lambda w, axes: np.abs(w).sum(axes, keepdims=True))
_kernels_mistake("multiplied by the length", "Divide.", divide=lambda w, length: w * length)
_kernels_mistake("the length divided by w'", "The other way round.", divide=lambda w, length: length / w)
_kernels_mistake("the style is squared", "s itself.", modulate=lambda w, s: (s**2)[:, None, :, None, None] * w)
_kernels_mistake("divided by the style", "The style multiplies.",
                 modulate=lambda w, s: w / s[:, None, :, None, None])
_kernels_mistake("the style is added", "The style multiplies.", modulate=lambda w, s: w + s[:, None, :, None, None])
_kernels_mistake("1 + style", "s itself, its bias has a 1 already.",
                 modulate=lambda w, s: w * (1 + s[:, None, :, None, None]))
_kernels_mistake("the fourth powers", _LENGTH, length=lambda w, axes: np.sqrt((w**4).sum(axes, keepdims=True)))
_kernels_mistake("the third powers", _LENGTH,
                 length=lambda w, axes: np.sqrt(np.abs((w**3).sum(axes, keepdims=True))) + 1e-9)
_kernels_mistake("the style is subtracted", "The style multiplies.",
                 modulate=lambda w, s: s[:, None, :, None, None] - w)


@kernels.accepted("image by image, channel by channel")
def _(weight, style):
    out = np.empty((len(style), *np.shape(weight)))
    for n, o in np.ndindex(len(style), len(weight)):
        own = np.array([s * w for s, w in zip(style[n], weight[o], strict=True)])
        out[n, o] = own / np.linalg.norm(own)
    return out


@kernels.accepted("with einsum, the squares first")
def _(weight, style):
    energy = np.einsum("ni,oiab->no", np.square(style), np.square(weight))
    return np.einsum("ni,oiab,no->noiab", style, weight, energy**-0.5)


# ---- first_step_shares -----------------------------------------------------------------------------------------------

def _shares(c_in, k, lr, m, fan=lambda c_in, k: c_in * k**2, he=lambda fan: np.sqrt(2 / fan), rows=lambda *r: r,
            equalised=lambda lr, fan: lr, slow=lambda lr, m: lr * m):
    return np.array(rows(lr / he(fan(c_in, k)), equalised(lr, fan(c_in, k)), slow(lr, m)))


def _shares_cases(rng):
    """The three numbers are far apart."""
    return (int(rng.integers(5, 40)), int(rng.choice([3, 5, 7])), int(rng.integers(2, 9)) / 1000,
            float(rng.choice([0.125, 0.25, 0.5])))


share = Question(
    "first_step_shares", title="How far does the first step go?", points=2, kind="predict",
    asks="Write `first_step_shares(c_in, k, lr, m)`: by what share of themselves a first step of Adam moves weights.",
    reference=_shares, cases=_shares_cases, tolerance=1e-6,
    minutes=20, level=2,
    text=r"""
        A layer reads `c_in` channels with k × k taps, and there are three ways to write it, all of which compute the
        same before the first step but for a constant:

        - He's: the weights are drawn with variance 2 / fan-in, and used as they are;
        - equalised: they are drawn from N(0, 1), and multiplied by a constant $c$ each time that they are used;
        - equalised, and slow: drawn from N(0, 1/m²), and multiplied by $m \cdot c$ each time.

        Predict, for each of them, the root mean square of the weights' change in the first step of Adam with learning
        rate `lr`, divided by the expected root mean square of the weights before it, (3,). All gradients are far from
        0, so that Adam's ε does not count.
    """,
    hints={
        "Where do I begin?": "After one step Adam's two averages hold one gradient g: it moves a number by "
                             "lr · g / √g². How large is g, then, in the result?",
        "The first number is too small": "Fan-in counts the taps: c_in · k · k.",
        "The third number is too large": "How large are the weights that are stored there, and by how much do they "
                                         "move?",
    },
)


@share.solution
def first_step_shares(c_in, k, lr, m):
    """int, int, two numbers  →  (3,)"""
    fan_in = c_in * k * k
    weights = np.array([np.sqrt(2 / fan_in), 1, 1 / m])   # root mean squares
    return lr / weights                        # Adam: ± lr each, whatever c


def _shares_mistake(name, hint, **options):
    share.mistake(name, hint=hint)(lambda c_in, k, lr, m: _shares(c_in, k, lr, m, **options))


_FAN = "Fan-in counts all that one output reads: c_in · k · k."
_HE = "He's weights have the deviation √(2 / fan-in); the step is lr for each."
_SLOW = "The stored weights have the deviation 1/m, and each moves by lr."
_shares_mistake("fan-in without the taps", _FAN, fan=lambda c_in, k: c_in)
_shares_mistake("fan-in with k, not k²", _FAN, fan=lambda c_in, k: c_in * k)
_shares_mistake("fan-in without the channels", _FAN, fan=lambda c_in, k: k * k)
_shares_mistake("fan-in as a sum", _FAN, fan=lambda c_in, k: c_in + k * k)
_shares_mistake("fan-in with k³", _FAN, fan=lambda c_in, k: c_in * k**3)
_shares_mistake("fan-in is k times c_in plus k", _FAN, fan=lambda c_in, k: (c_in + k) * k)
_shares_mistake("fan-in is c_in k plus k", _FAN, fan=lambda c_in, k: c_in * k + k)
_shares_mistake("variance 1 / fan-in", _HE, he=lambda fan: np.sqrt(1 / fan))
_shares_mistake("variance 3 / fan-in", _HE, he=lambda fan: np.sqrt(3 / fan))
_shares_mistake("variance 2 fan-in", _HE, he=lambda fan: np.sqrt(2 * fan))
_shares_mistake("deviation 2 fan-in", _HE, he=lambda fan: 2 * fan)
_shares_mistake("variance fan-in", _HE, he=lambda fan: np.sqrt(fan))
_shares_mistake("variance fan-in / 2", _HE, he=lambda fan: np.sqrt(fan / 2))
_shares_mistake("2 in place of 2 / fan-in", _HE, he=lambda fan: np.sqrt(2))
_shares_mistake("the variance, not its root", _HE, he=lambda fan: 2 / fan)
_shares_mistake("all three move by lr", "A step of lr is a larger share of smaller weights.", he=lambda fan: 1,
                slow=lambda lr, m: lr)
_shares_mistake("equalised is the same as He's", "Its stored weights have the deviation 1, whatever the fan-in: the "
                "constant is applied afterwards.", equalised=lambda lr, fan: lr / np.sqrt(2 / fan),
                slow=lambda lr, m: lr * m)
_shares_mistake("the slow layer is as fast as the equalised one", _SLOW, slow=lambda lr, m: lr)
_shares_mistake("the slow layer is faster", _SLOW, slow=lambda lr, m: lr / m)
_shares_mistake("the slow layer by m squared", _SLOW, slow=lambda lr, m: lr * m**2)
_shares_mistake("the constant counts twice", "c multiplies the weights and their change alike.",
                equalised=lambda lr, fan: lr / np.sqrt(fan))
_shares_mistake("He's layer moves by lr", _HE, he=lambda fan: 1)
_shares_mistake("the constant of He's layer too often", _HE, he=lambda fan: np.sqrt(2 / fan) ** 3)
_shares_mistake("the first two are exchanged", "He's, equalised, slow.", rows=lambda a, b, c: (b, a, c))
_shares_mistake("the last two are exchanged", "He's, equalised, slow.", rows=lambda a, b, c: (a, c, b))
_shares_mistake("in percent", "Shares: 1 % is .01.", rows=lambda *r: tuple(100 * one for one in r))


@share.mistake("the deviations of the weights, not shares", hint="lr divided by these.")
def _(c_in, k, lr, m):
    return np.array([np.sqrt(2 / (c_in * k * k)), 1, 1 / m])


@share.mistake("the deviations times lr", hint="Divide the change, lr, by them.")
def _(c_in, k, lr, m):
    return lr * np.array([np.sqrt(2 / (c_in * k * k)), 1, 1 / m])


@share.mistake("upside down", hint="The change divided by the weights.")
def _(c_in, k, lr, m):
    return np.array([np.sqrt(2 / (c_in * k * k)), 1, 1 / m]) / lr


@share.accepted("one after the other")
def _(c_in, k, lr, m):
    return [lr * np.sqrt(c_in * k**2 / 2), lr, lr * m]


@share.accepted("as a fraction of variances")
def _(c_in, k, lr, m):
    return np.sqrt(lr**2 / np.array([2 / (c_in * k * k), 1.0, m**-2]))


# ---- truncated_styles ------------------------------------------------------------------------------------------------

def _leaky(h):
    return np.where(h > 0, h, 0.2 * h)


def _map(z, w, normal=True):
    z = z / np.sqrt((z**2).mean(1, keepdims=True)) if normal else z
    return _leaky(z @ w.T)


def _styles(z, probe, raw, average, psi, centre=lambda probe, raw, average: _map(probe, average).mean(0),
            own=lambda z, raw, average: _map(z, average), join=lambda c, w, psi: c + psi * (w - c)):
    z, probe, raw, average = (np.asarray(x, np.float64) for x in (z, probe, raw, average))
    return join(centre(probe, raw, average), own(z, raw, average), psi)


def _styles_cases(rng):
    """ψ is none of 0, ½, 1; the mean style, the style of the mean latent and those of `raw` are far apart."""
    while True:
        latent, features = unequal(rng, 2, 6)
        n, m = unequal(rng, 2, 7)
        average = numbers(rng, (features, latent)) / 2
        z, probe = numbers(rng, (n, latent)), numbers(rng, (m, latent))
        raw, psi = average + numbers(rng, average.shape) / 4, float(rng.choice([0.25, 0.375, 0.625, 0.75]))
        if np.abs(probe.mean(0)).max() > 0.05:
            return z, probe, raw, average, psi


styles = Question(
    "truncated_styles", title="Truncation that is right for ψ = 1 only", points=2, kind="mend",
    asks="Mend `truncated_styles(z, probe, raw, average, psi)`: styles that are drawn towards their mean.",
    reference=_styles, cases=_styles_cases,
    minutes=20, level=2,
    text=r"""
        A mapping network of one layer takes a latent, divides it by the root of its mean square, multiplies it by a
        matrix and applies LeakyReLU of slope .2. There are two of it: the one that the optimizer steps, `raw` (F, L),
        and the running average of its weights, `average` (F, L), which images are made with. Return the styles of `z`
        (N, L), as images are made with them, drawn towards the mean style: $\bar w + \psi\,(w - \bar w)$, (N, F), where
        $\bar w$ is the mean of the styles of the latents `probe` (M, L).
        The function given runs, gives the right result for $\psi = 1$, and has two faults.
    """,
    hints={
        "Where do I begin?": "For ψ = 1 w̄ drops out. So look at how w̄ is found.",
        "It is still off": "Mean of f(z), or f of the mean of z? And which of the two networks makes the images?",
    },
)


@styles.given("as given: two faults are there",
              hint="Both are in the line that finds the centre: whose mean is it, and by which network?")
def _(z, probe, raw, average, psi):
    """(N, L), (M, L), (F, L), (F, L), a number  →  (N, F)"""
    def mapping(z, weight):
        z = z / np.sqrt(np.mean(z**2, axis=1, keepdims=True))
        h = z @ weight.T
        return np.where(h > 0, h, 0.2 * h)

    centre = mapping(probe.mean(0, keepdims=True), raw)
    return centre + psi * (mapping(z, average) - centre)


@styles.solution
def truncated_styles(z, probe, raw, average, psi):
    """(N, L), (M, L), (F, L), (F, L), a number  →  (N, F)"""
    def mapping(z, weight):
        z = z / np.sqrt(np.mean(z**2, axis=1, keepdims=True))
        h = z @ weight.T
        return np.where(h > 0, h, 0.2 * h)

    centre = mapping(probe, average).mean(0)
    return centre + psi * (mapping(z, average) - centre)


def _styles_mistake(name, hint, **options):
    styles.mistake(name, hint=hint)(lambda *arguments: _styles(*arguments, **options))


_MEAN = "The mapping bends: the mean of f(z) is not f of the mean of z."
_NET = "Images are made by the average: its styles lie around its own mean."
_LINE = "w̄ + ψ (w − w̄)."
_styles_mistake("the style of the mean latent", _MEAN,
                centre=lambda probe, raw, average: _map(probe.mean(0, keepdims=True), average))
_styles_mistake("the mean of the other network", _NET, centre=lambda probe, raw, average: _map(probe, raw).mean(0))
_styles_mistake("both by the raw network", _NET, centre=lambda probe, raw, average: _map(probe, raw).mean(0),
                own=lambda z, raw, average: _map(z, raw))
_styles_mistake("the styles by the raw network", _NET, own=lambda z, raw, average: _map(z, raw))
_styles_mistake("towards 0, not towards the mean", _LINE, join=lambda c, w, psi: psi * w)
_styles_mistake("ψ and 1 − ψ exchanged", _LINE, join=lambda c, w, psi: w + psi * (c - w))
_styles_mistake("not truncated", _LINE, join=lambda c, w, psi: w)
_styles_mistake("the centre alone", _LINE, join=lambda c, w, psi: np.broadcast_to(c, w.shape))
_styles_mistake("the centre is subtracted and does not come back", _LINE, join=lambda c, w, psi: psi * (w - c))
_styles_mistake("the centre is subtracted twice", _LINE, join=lambda c, w, psi: psi * (w - c) - c)
_styles_mistake("the centre is added twice", _LINE, join=lambda c, w, psi: c + psi * (w + c))
_styles_mistake("divided by ψ", _LINE, join=lambda c, w, psi: c + (w - c) / psi)
_styles_mistake("away from the mean", _LINE, join=lambda c, w, psi: c - psi * (w - c))
_styles_mistake("ψ is added", _LINE, join=lambda c, w, psi: c + psi + (w - c))
_styles_mistake("the styles of z around their own mean", "w̄ is the mean over `probe`, many other latents.",
                join=lambda c, w, psi: w.mean(0) + psi * (w - w.mean(0)))
_styles_mistake("the sum of the probes' styles", "Their mean.",
                centre=lambda probe, raw, average: _map(probe, average).sum(0))
_styles_mistake("the median", "The mean.", centre=lambda probe, raw, average: np.median(_map(probe, average), 0))
_styles_mistake("the latents of the probes are not divided", "The mapping begins with that.",
                centre=lambda probe, raw, average: _map(probe, average, False).mean(0))
_styles_mistake("the latents are not divided", "The mapping begins with that.",
                centre=lambda probe, raw, average: _map(probe, average, False).mean(0),
                own=lambda z, raw, average: _map(z, average, False))
_styles_mistake("one number as the centre", "A mean over the latents: F numbers.",
                centre=lambda probe, raw, average: _map(probe, average).mean())
_styles_mistake("the first probe alone", "The mean over all of them.",
                centre=lambda probe, raw, average: _map(probe, average)[0])


def _styles_with(name, hint, mapping):
    styles.mistake(name, hint=hint)(lambda *arguments: _styles(
        *arguments, centre=lambda probe, raw, average: mapping(probe, average).mean(0),
        own=lambda z, raw, average: mapping(z, average)))


def _root(z, power=2):
    return np.sqrt(np.abs((z**power).mean(1, keepdims=True)) + 1e-12)


_AS_GIVEN = "The mapping network was right in what was given: leave it as it is."
_styles_with("a slope other than .2", _AS_GIVEN, lambda z, w: np.where(z @ w.T > 0, 1, 0) * (z @ w.T / _root(z)))
_styles_with("no LeakyReLU", _AS_GIVEN, lambda z, w: z @ w.T / _root(z))
_styles_with("multiplied by the root", _AS_GIVEN, lambda z, w: _leaky(z @ w.T) * _root(z))
_styles_with("divided by the length, not by the root of the mean square", _AS_GIVEN,
             lambda z, w: _leaky(z @ w.T) / np.linalg.norm(z, axis=1, keepdims=True))
_styles_with("LeakyReLU turned over", _AS_GIVEN, lambda z, w: -_leaky(-(z @ w.T)) / _root(z))
_styles_with("divided by the root of the mean third power", _AS_GIVEN, lambda z, w: _leaky(z @ w.T) / _root(z, 3))
_styles_with("a slope of 1.2", _AS_GIVEN, lambda z, w: np.where(z @ w.T > 0, 1, 1.2) * (z @ w.T) / _root(z))
_styles_with("a slope of −.2", _AS_GIVEN, lambda z, w: np.where(z @ w.T > 0, 1, -0.2) * (z @ w.T) / _root(z))


_styles_mistake("the centre and ψ, without the styles", _LINE,
                join=lambda c, w, psi: np.broadcast_to(c + psi, w.shape))
_styles_mistake("the whole style is added to the centre", _LINE, join=lambda c, w, psi: c + psi * w)
_styles_mistake("a style for each latent, but the centre twice", _LINE,
                join=lambda c, w, psi: np.broadcast_to(c + psi * c, w.shape))
_styles_with("LeakyReLU adds .2", _AS_GIVEN,
             lambda z, w: np.where(z @ w.T > 0, z @ w.T / _root(z), 0.2 + z @ w.T / _root(z)))
_styles_with("below 0 all is .2", _AS_GIVEN, lambda z, w: np.where(z @ w.T > 0, z @ w.T / _root(z), 0.2))
_styles_with("a slope of −.8", _AS_GIVEN, lambda z, w: np.where(z @ w.T > 0, 1, -0.8) * (z @ w.T) / _root(z))
_styles_with("LeakyReLU bends at 1", _AS_GIVEN,
             lambda z, w: np.where(z @ w.T / _root(z) > 1, 1, 0.2) * (z @ w.T) / _root(z))
_styles_with("LeakyReLU bends at −1", _AS_GIVEN,
             lambda z, w: np.where(z @ w.T / _root(z) > -1, 1, 0.2) * (z @ w.T) / _root(z))


@styles.accepted("one latent after the other")
def _(z, probe, raw, average, psi):
    def f(one):
        h = average @ one / np.sqrt(np.dot(one, one) / len(one))
        return np.maximum(h, 0.2 * h)
    middle = sum(f(one) for one in probe) / len(probe)
    return np.array([psi * f(one) + (1 - psi) * middle for one in z])


@styles.accepted("probe and z in one batch")
def _(z, probe, raw, average, psi):
    both = np.concatenate([probe, z])
    both = both * np.sqrt(both.shape[1]) / np.linalg.norm(both, axis=1, keepdims=True)
    h = np.einsum("nl,fl->nf", both, average)
    h = h * np.where(h < 0, 0.2, 1)
    middle = np.average(h[:len(probe)], axis=0)
    return middle * (1 - psi) + h[len(probe):] * psi


# ---- droplet ---------------------------------------------------------------------------------------------------------

DEVIATION = 10               # of the map, so that a tenth of the scale comes through


def _droplet(texture, scale, place=(0, 0), root=1):
    """The spike that makes the variance DEVIATION²: a quadratic equation, with two roots."""
    out = scale * np.asarray(texture, np.float64)
    n, rest = out.size, np.delete(out.ravel(), np.ravel_multi_index(place, out.shape))
    a, b = (n - 1) / n**2, -2 * rest.sum() / n**2
    c = (rest**2).sum() / n - (rest.sum() / n) ** 2 - DEVIATION**2
    out[place] = (-b + root * np.sqrt(b**2 - 4 * a * c)) / (2 * a)
    return out


def _droplet_properties(out, texture, scale):
    out, texture = np.asarray(out, np.float64), np.asarray(texture, np.float64)
    if out.shape != texture.shape:
        raise ValueError(f"a map of shape {texture.shape} was asked for; this has shape {out.shape}")
    if not np.isfinite(out).all() or np.ptp(out) == 0:
        raise ValueError("all numbers must be finite, and not all the same")
    kept = np.abs(out - scale * texture) < 1e-5
    normal = (out - out.mean()) / out.std()
    where = kept if kept.sum() > 2 and np.ptp(texture[kept]) > 0 else np.full(out.shape, True)
    slope = np.polyfit(texture[where], normal[where], 1)[0]
    return {"pixels that are not scale · texture": float((~kept).sum()),
            "contrast after the norm, in tenths of scale": float(slope * DEVIATION / scale)}


def _droplet_cases(rng):
    return numbers(rng, unequal(rng, 4, 8)), float(rng.choice([0.5, 0.75, 1.25, 1.5, 2.0]))


drop = Question(
    "droplet", title="What a norm erases, smuggled through", points=2, kind="design",
    asks="Design `droplet(texture, scale)`: a map whose scale can still be read after an instance norm.",
    reference=_droplet, cases=_droplet_cases, measure=_droplet_properties,
    minutes=25, level=3,
    text=r"""
        An instance norm subtracts a map's mean and divides by its deviation (of all H · W pixels, divided by H · W;
        nothing is added to it). So `scale * texture` comes out the same for every `scale` above 0, and a generator
        cannot say how strong its texture is to be. `texture` is (H, W). Return a map (H, W) such that

        - all its pixels but one are exactly those of `scale * texture`;
        - after the norm, any two of those pixels differ by `scale / 10` times as much as in `texture`.

        So the scale comes through, at the price of one pixel. Several maps do this, and each of them passes.
    """,
    hints={
        "Where do I begin?": "By what does the norm divide? What must that number be, whatever scale and texture?",
        "Nearly right": "One pixel x decides most of the deviation, but the others add to it. Write the variance with "
                        "the unknown x: it is a quadratic equation.",
    },
)


@drop.solution
def droplet(texture, scale):
    """(H, W), a number  →  (H, W)"""
    out = scale * texture
    rest = out.ravel()[1:]                   # all but the pixel x at (0, 0)
    n = len(rest) + 1
    # n² · variance = n (n − 1) · variance of rest + (n − 1) (x − mean of rest)²
    left = 100 - (n - 1) / n * rest.var()
    out[0, 0] = rest.mean() + n * np.sqrt(left / (n - 1))
    return out


def _spiked(texture, scale, value):
    out = scale * np.asarray(texture, np.float64)
    out[0, 0] = value(out, out.size)
    return out


def _droplet_spike(name, hint, value):
    drop.mistake(name, hint=hint)(lambda texture, scale: _spiked(texture, scale, value))


_TEN = "The deviation of the whole map must be 10, to the digit: solve for the pixel."
drop.mistake("no pixel is changed", hint="The norm divides by scale times the texture's deviation: nothing of the "
             "scale comes through. Let one pixel decide the deviation.")(lambda texture, scale: scale * texture)
_droplet_spike("a spike of 10", _TEN, lambda out, n: 10.0)
_droplet_spike("a spike of 10 √n", "The other pixels add to the deviation, and the mean takes from it. " + _TEN,
               lambda out, n: 10 * np.sqrt(n))
_droplet_spike("the spike of a map that is 0 elsewhere", "The other pixels have a variance too. " + _TEN,
               lambda out, n: 10 * n / np.sqrt(n - 1))
_droplet_spike("a very large spike", "The larger the spike, the less of the texture is left. " + _TEN,
               lambda out, n: 1e3)
_droplet_spike("the mean is forgotten in the variance", "The variance is the mean of squares less the mean's square.",
               lambda out, n: np.sqrt(max(0.0, 100 * n - (out.ravel()[1:]**2).sum())))
_droplet_spike("the largest pixel, made ten times as large", _TEN, lambda out, n: 10 * np.abs(out).max())
_droplet_spike("n − 1 in the variance", "The norm divides by n.",
               lambda out, n: _with_deviation(out, 10 * np.sqrt((n - 1) / n)))
_droplet_spike("a deviation of √10", "10 is the deviation: the variance is 100.",
               lambda out, n: _with_deviation(out, np.sqrt(10)))
_droplet_spike("a deviation of 1", "Then the whole scale would come through; asked is a tenth of it.",
               lambda out, n: _with_deviation(out, 1.0))
drop.mistake("the whole map is changed, and the norm undoes it", hint="All pixels but one "
             "stay scale · texture. Let that one decide the deviation.")(
    lambda texture, scale: scale * texture / np.std(texture))
drop.mistake("texture without its scale", hint="The other pixels are those of scale · texture.")(
    lambda texture, scale: _droplet(texture, 1.0))


drop.mistake("scale + texture", hint="The other pixels are those of scale · texture.")(
    lambda texture, scale: _droplet(np.asarray(texture) + scale, 1.0))
_droplet_spike("the pixel that is to be replaced is counted among the others", "Take it out before the mean and the "
               "variance.", lambda out, n: out.mean() + n * np.sqrt((100 - (n - 1) / n * out.var()) / (n - 1)))
_droplet_spike("one row is missing among the others", "All pixels but one.",
               lambda out, n: out[1:].mean() + n * np.sqrt((100 - (n - 1) / n * out[1:].var()) / (n - 1)))
_droplet_spike("two pixels are missing among the others", "All pixels but one.",
               lambda out, n: out.ravel()[2:].mean() + (n - 1) * np.sqrt(
                   (100 - (n - 2) / (n - 1) * out.ravel()[2:].var()) / (n - 2)))


def _solved(left=lambda rest, n: 100 - (n - 1) / n * rest.var(), spike=lambda left, n: n * np.sqrt(left / (n - 1)),
            join=lambda mean, spike: mean + spike):
    def value(out, n):
        rest = out.ravel()[1:]
        return join(rest.mean(), spike(left(rest, n), n))
    return value


_SHARES = "n² times the variance is n (n − 1) times the variance of the others plus (n − 1) (x − their mean)²."
for _name, _options in {
        "the variance of the others is not shared out": {"left": lambda rest, n: 100 - rest.var()},
        "the others' variance is added": {"left": lambda rest, n: 100 + (n - 1) / n * rest.var()},
        "the others' variance is forgotten": {"left": lambda rest, n: 100.0},
        "the others' share is upside down": {"left": lambda rest, n: 100 - n / (n - 1) * rest.var()},
        "the others' deviation in place of their variance": {"left": lambda rest, n: 100 - (n - 1) / n * rest.std()},
        "100 is missing": {"left": lambda rest, n: (n - 1) / n * rest.var()},
        "the others have a share of n − 1": {"left": lambda rest, n: 100 - (n - 1) * rest.var()},
        "the others have a share of n": {"left": lambda rest, n: 100 - n * rest.var()},
        "the others have a share of 1 / n": {"left": lambda rest, n: 100 - rest.var() / n},
        "the others have a share of (n − 2) / n": {"left": lambda rest, n: 100 - (n - 2) / n * rest.var()},
        "the others' variance is left out of its share": {"left": lambda rest, n: 100 - (n - 1) / n},
        "the share of the others is added to it": {"left": lambda rest, n: 100 - ((n - 1) / n + rest.var())},
        "a number of pixels that is one too small": {"spike": lambda left, n: (n - 1) * np.sqrt(left / (n - 2))},
        "a number of pixels that is one too large": {"spike": lambda left, n: (n + 1) * np.sqrt(left / n)},
        "the others' mean is forgotten": {"join": lambda mean, spike: spike},
        "the others' mean alone": {"join": lambda mean, spike: mean},
        "the others' mean is subtracted": {"join": lambda mean, spike: spike - mean},
        "the two parts are multiplied": {"join": lambda mean, spike: mean * spike},
        "the root is forgotten": {"spike": lambda left, n: n * left / (n - 1)},
        "n − 1 is not under the root": {"spike": lambda left, n: n * np.sqrt(left) / (n - 1)},
        "n is under the root": {"spike": lambda left, n: np.sqrt(n * left / (n - 1))},
        "divided by n": {"spike": lambda left, n: np.sqrt(left / (n - 1)) / n},
        "the factor n is missing": {"spike": lambda left, n: np.sqrt(left / (n - 1))},
        "n in place of n − 1": {"spike": lambda left, n: n * np.sqrt(left / n)},
        "n + 1 in place of n − 1": {"spike": lambda left, n: n * np.sqrt(left / (n + 1))},
        "n − 2 in place of n − 1": {"spike": lambda left, n: n * np.sqrt(left / (n - 2))},
        "multiplied by n − 1": {"spike": lambda left, n: n * np.sqrt(left * (n - 1))},
        "left undivided": {"spike": lambda left, n: n * np.sqrt(left)}}.items():
    _droplet_spike(_name, _SHARES, _solved(**_options))


def _with_deviation(out, deviation):
    """The pixel at (0, 0) that gives the map this deviation, or the least that there is."""
    n, rest = out.size, out.ravel()[1:]
    a, b = (n - 1) / n**2, -2 * rest.sum() / n**2
    c = (rest**2).sum() / n - (rest.sum() / n) ** 2 - deviation**2
    return (-b + np.sqrt(max(0.0, b**2 - 4 * a * c))) / (2 * a)


drop.accepted("in the last corner, and downwards")(
    lambda texture, scale: _droplet(texture, scale, tuple(np.array(np.shape(texture)) - 1), -1))


@drop.accepted("by bisection")
def _(texture, scale):
    out = scale * np.asarray(texture, np.float64)
    low, high = float(np.delete(out.ravel(), 1).mean()), 1e4
    for _ in range(100):
        out[0, 1] = (low + high) / 2
        low, high = (out[0, 1], high) if out.std() < 10 else (low, out[0, 1])
    return out


QUESTIONS = [fade, kernels, share, styles, drop]
