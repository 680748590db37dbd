"""Week 6: the questions of the notebook `defenses`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal


def _sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def _thirty_seconds(rng, shape):
    """Odd thirty-seconds in (0, 1): never halfway between two grey levels, if there are at most 16."""
    return (2 * rng.integers(0, 16, shape) + 1) / 32


# What students take for −y σ(−y z) / N, the derivative of the mean loss by each logit; y: −1 or 1, m = y z.
WRONG_SLOPES = [
    lambda y, m: _sigmoid(-m) / len(y), lambda y, m: -y * _sigmoid(-m) * len(y), lambda y, m: -_sigmoid(-m) / len(y),
    lambda y, m: (-y / 2 + 2 * _sigmoid(-m)) / len(y),
    lambda y, m: -y / 2 / len(y), lambda y, m: 2 * _sigmoid(-m) / len(y), lambda y, m: -y / len(y),
    lambda y, m: (-y + 0.5) * 2 * _sigmoid(-m) / len(y), lambda y, m: -3 * y * _sigmoid(-m) / len(y),
    lambda y, m: -y * 2 * _sigmoid(-m) / len(y), lambda y, m: -y * _sigmoid(m) / len(y),
    lambda y, m: -y / 2 * np.tanh(m / 2) / len(y),
    lambda y, m: y / 2 * np.tanh(m / 2) / len(y), lambda y, m: -y / 2 * (2 - np.tanh(m / 2)) / len(y),
    lambda y, m: -y / 2 * (1 - m / 2) / len(y), lambda y, m: -y * _sigmoid(-4 * m) / len(y),
    lambda y, m: -y * _sigmoid(-2 * m) / len(y), lambda y, m: -y / 2 * (1 - np.tanh(2)) / len(y),
    lambda y, m: -y / 2 * (1 - np.tanh(m / 3)) / len(y), lambda y, m: -y * _sigmoid(-m) / y,
    lambda y, m: -y * _sigmoid(-y) / len(y), lambda y, m: -y * _sigmoid(-m * y) / len(y),
    lambda y, m: -y * _sigmoid(-m.sum()) / len(y), lambda y, m: -y * _sigmoid(-y - y * m) / len(y),
    lambda y, m: -y * _sigmoid(-m), lambda y, m: -y * np.log1p(np.exp(-m)) / len(y),
]
SLOPE = "The derivative of log(1 + e^(−y z)) by z is −y σ(−y z), and the mean over N images divides it by N."


# ---- robust_step -----------------------------------------------------------------------------------------------------

def _robust(w, b, x, y, eps, lr, attack=lambda x, y, w, eps: np.clip(x - eps * y * np.sign(w), 0, 1),
            slope=lambda y, m: -y * _sigmoid(-m) / len(y), seen=lambda x, bad: bad, move=lambda w, lr, g: w - lr * g,
            move_b=lambda b, lr, g: b - lr * g.sum()):
    w, x, y = (np.asarray(one, np.float64) for one in (w, x, y))
    bad = attack(x, y[:, None, None], w, eps)
    g = slope(y, y * (np.sum(bad * w, (1, 2)) + b))
    return np.append(move(w, lr, np.tensordot(g, seen(x, bad), 1)).ravel(), move_b(b, lr, g))


def _robust_cases(rng):
    """Some pixels lie within ε of 0 or 1, and the attack changes the step."""
    while True:
        height, width = unequal(rng, 2, 5)
        n = int(rng.integers(3, 6))
        y = rng.choice([-1.0, 1.0], n)
        x = _thirty_seconds(rng, (n, height, width))
        case = (numbers(rng, (height, width)) / 2, float(rng.integers(1, 5)) / 4, x, y,
                float(rng.integers(3, 7)) / 16, float(rng.integers(2, 8)) / 4)
        ways = [{"attack": lambda x, y, w, eps: x - eps * y * np.sign(w)}, {"seen": lambda x, bad: x},
                {"attack": lambda x, y, w, eps: x}, {"move_b": lambda b, lr, g: b}]
        if abs(y.sum()) < n and all(np.abs(_robust(*case, **one) - _robust(*case)).max() > 0.01 for one in ways):
            return case


robust = Question(
    "robust_step", title="One step of adversarial training, exactly", points=2,
    asks="Write `robust_step(w, b, x, y, eps, lr)`: one step of gradient descent on the worst images there are.",
    reference=lambda w, b, x, y, eps, lr: _robust(w, b, x, y, eps, lr), cases=_robust_cases,
    minutes=20, level=2, practice=True,
    text=r"""
        The model is linear: an image x (H, W) has the logit $z = \langle w, x \rangle + b$, with `w` (H, W) and a
        number `b`. `x` (N, H, W) are images in [0, 1], `y` (N,) their classes, −1 or 1, and the loss is the mean of
        $\log(1 + e^{-y z})$. First replace each image by the one in [0, 1], at most `eps` away in every pixel, for
        which the loss is greatest: for a linear model you can say which. Then make one step of gradient descent of size
        `lr` on w and b. Return the numbers of the new w, row by row, and then the new b: (H W + 1,).
    """,
    hints={
        "Which image is the worst?": "The loss falls as y z rises. Each pixel by itself can lower y z: in which "
                                     "direction must it go, and how far can it?",
        "The weights are off, b is right": "The gradient of the weights is a sum over images: over the changed ones.",
        "Nearly right": "An image beyond [0, 1] is none. And the loss is a mean.",
    },
)


@robust.solution
def robust_step(w, b, x, y, eps, lr):
    """(H, W), a number, (N, H, W), (N,), two numbers  →  (H W + 1,)"""
    sign = y[:, None, None]
    worst = np.clip(x - eps * sign * np.sign(w), 0, 1)
    margin = y * (np.sum(worst * w, axis=(1, 2)) + b)
    slope = -y * 0.5 * (1 - np.tanh(margin / 2)) / len(y)       # ∂loss/∂z
    new_w = w - lr * np.tensordot(slope, worst, 1)
    return np.append(new_w.ravel(), b - lr * slope.sum())


def _robust_mistake(name, hint, **options):
    robust.mistake(name, hint=hint)(lambda w, b, x, y, eps, lr: _robust(w, b, x, y, eps, lr, **options))


_WORST = "y z is to fall: each pixel goes by ε against y times the sign of its weight."
_robust_mistake("the images are not attacked", _WORST, attack=lambda x, y, w, eps: x)
_robust_mistake("the attack helps", _WORST, attack=lambda x, y, w, eps: np.clip(x + eps * y * np.sign(w), 0, 1))
_robust_mistake("all images are pushed alike", "The label decides the direction.",
                attack=lambda x, y, w, eps: np.clip(x - eps * np.sign(w), 0, 1))
_robust_mistake("all images are pushed alike, upwards", "The label decides the direction.",
                attack=lambda x, y, w, eps: np.clip(x + eps * np.sign(w), 0, 1))
_robust_mistake("images leave [0, 1]", "Clip.", attack=lambda x, y, w, eps: x - eps * y * np.sign(w))
_robust_mistake("the gradient itself, without its sign", "Each pixel may go by ε, however small its weight.",
                attack=lambda x, y, w, eps: np.clip(x - eps * y * w, 0, 1))
_robust_mistake("the gradient divided by its length", "ε bounds each pixel, not the length of the change.",
                attack=lambda x, y, w, eps: np.clip(x - eps * y * w / np.linalg.norm(w), 0, 1))
_robust_mistake("the sign of the label is the whole direction", "The sign of each weight counts too.",
                attack=lambda x, y, w, eps: np.clip(x - eps * y, 0, 1))
_robust_mistake("clipped at 0 only", "Both ends of [0, 1].",
                attack=lambda x, y, w, eps: np.maximum(x - eps * y * np.sign(w), 0))
_robust_mistake("clipped at 1 only", "Both ends of [0, 1].",
                attack=lambda x, y, w, eps: np.minimum(x - eps * y * np.sign(w), 1))
_robust_mistake("the attack is computed, and the gradient taken at the clean images",
                "∂loss/∂w is a sum of the changed images.", seen=lambda x, bad: x)
_robust_mistake("a step up the loss", "Descend.", move=lambda w, lr, g: w + lr * g,
                move_b=lambda b, lr, g: b + lr * g.sum())
_robust_mistake("b stays as it was", "b is a parameter too.", move_b=lambda b, lr, g: b)
_robust_mistake("w stays as it was", "w makes a step.", move=lambda w, lr, g: w)
for _move in (lambda w, lr, g: w + lr * g, lambda w, lr, g: lr * g, lambda w, lr, g: lr * g - w,
              lambda w, lr, g: w - lr - g, lambda w, lr, g: w - lr + 0 * g, lambda w, lr, g: w - g,
              lambda w, lr, g: -lr * g):
    _robust_mistake("w makes another step than w − lr · gradient", "w − lr · ∂loss/∂w.", move=_move)
for _move in (lambda b, lr, g: b + lr * g.sum(), lambda b, lr, g: lr * g.sum(), lambda b, lr, g: lr * g.sum() - b,
              lambda b, lr, g: b - lr - g.sum(), lambda b, lr, g: b - lr, lambda b, lr, g: b - g.sum(),
              lambda b, lr, g: b - lr * g.mean(), lambda b, lr, g: b - lr * g):
    _robust_mistake("b makes another step than b − lr · gradient",
                    "b − lr · ∂loss/∂b, and that is the sum of the slopes of all images.", move_b=_move)
for _attack in (lambda x, y, w, eps: np.clip(eps * y * np.sign(w), 0, 1),
                lambda x, y, w, eps: np.clip(eps * y * np.sign(w) - x, 0, 1), lambda x, y, w, eps: 0 * x,
                lambda x, y, w, eps: 0 * x + 1, lambda x, y, w, eps: np.clip(x - np.sign(w), 0, 1),
                lambda x, y, w, eps: np.clip(x - y * np.sign(w), 0, 1),
                lambda x, y, w, eps: np.clip(x - eps * y - np.sign(w), 0, 1)):
    _robust_mistake("the images are farther away than ε", _WORST, attack=_attack)
for _slope in WRONG_SLOPES:
    _robust_mistake("the slope of the loss is another", SLOPE, slope=_slope)


@robust.mistake("the margin without b", hint="z = ⟨w, x⟩ + b.")
def _(w, b, x, y, eps, lr):
    return _robust(w, b, x, y, eps, lr, slope=lambda y, m: -y * _sigmoid(-(m - y * b)) / len(y))


@robust.accepted("image by image and pixel by pixel")
def _(w, b, x, y, eps, lr):
    grad_w, grad_b = np.zeros(w.shape), 0.0
    for image, label in zip(x, y, strict=True):
        worst = np.array(image, dtype=np.float64)
        for i, j in np.ndindex(*w.shape):
            to = image[i, j] + eps if (w[i, j] < 0) == (label > 0) else image[i, j] - eps
            worst[i, j] = min(1.0, max(0.0, to))
        g = -label / (1 + np.exp(label * ((worst * w).sum() + b)))
        grad_w += g * worst
        grad_b += g
    return [*(w - lr * grad_w / len(y)).ravel(), b - lr * grad_b / len(y)]


@robust.accepted("the better of both ends of every pixel")
def _(w, b, x, y, eps, lr):
    low, high = np.maximum(x - eps, 0), np.minimum(x + eps, 1)
    worst = np.where(y[:, None, None] * w > 0, low, high).reshape(len(y), -1)
    g = -y / (1 + np.exp(y * (worst @ w.ravel() + b)))
    return np.append(w.ravel() - lr * g @ worst / len(y), b - lr * g.mean())


# ---- silent_margins --------------------------------------------------------------------------------------------------

silent = Question(
    "silent_margins", title="When a gradient falls silent", points=1, kind="predict",
    asks="Predict, as `silent_margins(bits, lowest, scale)`, from which margins on a loss has no gradient any more.",
    reference=lambda bits, lowest, scale: np.log(2) * np.array([bits + 1, lowest + 1]) / scale,
    cases=lambda rng: (int(rng.integers(7, 53)), int(rng.integers(60, 150)), float(rng.integers(3, 40)) / 2),
    minutes=15, level=2, practice=True,
    text=r"""
        There are two classes, and the label's logit lies by $m > 0$ above the other. Both are multiplied by `scale`,
        so that the difference is $d$ = scale · m, and softmax is computed as usual, with the largest logit subtracted:
        $p_\text{other} = e^{-d} / s$ and $p_\text{label} = 1 / s$, with $s = 1 + e^{-d}$. Cross-entropy has the
        derivatives $p_\text{label} - 1$ and $p_\text{other}$ by the scaled logits. The computer's numbers next to 1
        from above lie $2^{-\text{bits}}$ apart, and its smallest number above 0 is $2^{-\text{lowest}}$. Every result
        is rounded to the nearest number; halfway between two, 1 wins over its neighbour and 0 over its. Return two
        numbers: the smallest m with which the first derivative is exactly 0, and the smallest with which both are.
    """,
    hints={
        "Where does the first become 0?": "1 + e^(−d) must be rounded to 1: e^(−d) at most half the distance to the "
                                          "next number.",
        "Where does the second become 0?": "When e^(−d) itself is rounded to 0: at most half the smallest number.",
        "Both are too small by a little": "Half of 2^(−bits) is 2^(−bits − 1).",
    },
)


@silent.solution
def silent_margins(bits, lowest, scale):
    """int, int, a number  →  (2,)"""
    first = (bits + 1) * np.log(2)                  # e^(-d) = 2^(-bits - 1)
    both = (lowest + 1) * np.log(2)
    return np.array([first, both]) / scale


def _silent_mistake(name, hint, answer):
    silent.mistake(name, hint=hint)(lambda bits, lowest, scale: np.array(answer(bits, lowest, scale, np.log(2))))


_HALF = "Rounded to the nearest: half of the gap decides, which is one more power of 2."
_silent_mistake("the whole gap, not half of it", _HALF, lambda b, l, s, two: [b * two / s, l * two / s])
_silent_mistake("twice the gap", _HALF, lambda b, l, s, two: [(b - 1) * two / s, (l - 1) * two / s])
_silent_mistake("the whole gap at 1", _HALF, lambda b, l, s, two: [b * two / s, (l + 1) * two / s])
_silent_mistake("the whole of the smallest number", _HALF, lambda b, l, s, two: [(b + 1) * two / s, l * two / s])
_silent_mistake("twice the gap at 1", _HALF, lambda b, l, s, two: [(b - 1) * two / s, (l + 1) * two / s])
_silent_mistake("twice the smallest number", _HALF, lambda b, l, s, two: [(b + 1) * two / s, (l - 1) * two / s])
_silent_mistake("powers of 2, not of e", "Softmax has e^(−d): multiply by ln 2.",
                lambda b, l, s, two: [(b + 1) / s, (l + 1) / s])
_silent_mistake("powers of 2 for the first", "Softmax has e^(−d): multiply by ln 2.",
                lambda b, l, s, two: [(b + 1) / s, (l + 1) * two / s])
_silent_mistake("powers of 2 for the second", "Softmax has e^(−d): multiply by ln 2.",
                lambda b, l, s, two: [(b + 1) * two / s, (l + 1) / s])
_silent_mistake("powers of 10", "The gaps are powers of 2.",
                lambda b, l, s, two: [(b + 1) * np.log(10) / s, (l + 1) * np.log(10) / s])
_silent_mistake("the scale is left out", "m is the margin before the scaling.",
                lambda b, l, s, two: [(b + 1) * two, (l + 1) * two])
_silent_mistake("multiplied by the scale", "A larger scale silences smaller margins: divide.",
                lambda b, l, s, two: [(b + 1) * two * s, (l + 1) * two * s])
_silent_mistake("the two exchanged", "The label's derivative falls silent first.",
                lambda b, l, s, two: [(l + 1) * two / s, (b + 1) * two / s])
_silent_mistake("divided by ln 2", "2^(−k) = e^(−k ln 2).",
                lambda b, l, s, two: [(b + 1) / two / s, (l + 1) / two / s])
for _first, _both in [(2, 1), (1, 2), (2, 2)]:
    _silent_mistake("another power of 2", _HALF,
                    lambda b, l, s, two, f=_first, g=_both: [(b + f) * two / s, (l + g) * two / s])
for _log in (3, 10):
    _silent_mistake("a logarithm of another number", "The gaps are powers of 2: ln 2.",
                    lambda b, l, s, two, o=_log: [(b + 1) * np.log(o) / s, (l + 1) * two / s])
    _silent_mistake("a logarithm of another number", "The gaps are powers of 2: ln 2.",
                    lambda b, l, s, two, o=_log: [(b + 1) * two / s, (l + 1) * np.log(o) / s])
_silent_mistake("2 in place of its logarithm", "Softmax has e^(−d): multiply by ln 2.",
                lambda b, l, s, two: [(b + 1) * 2 / s, (l + 1) * two / s])
_silent_mistake("2 in place of its logarithm", "Softmax has e^(−d): multiply by ln 2.",
                lambda b, l, s, two: [(b + 1) * two / s, (l + 1) * 2 / s])
_silent_mistake("with the sign of the exponent", "Margins above 0.",
                lambda b, l, s, two: [-(b + 1) * two / s, -(l + 1) * two / s])


@silent.accepted("by the numbers themselves")
def _(bits, lowest, scale):
    return -np.log([0.5 * 2.0**-bits, 0.5 * 2.0**-lowest]) / scale


@silent.accepted("with logaddexp2's base")
def _(bits, lowest, scale):
    return [(bits + 1) / np.log2(np.e) / scale, (lowest + 1) / (scale * np.log2(np.e))]


# ---- train_robust ----------------------------------------------------------------------------------------------------

def _ramp(eps, t, warmup):
    return eps * min(1, t / warmup)


def _trained(w, x, y, eps, lr, warmup, steps, kept=0.0, drift=False, ramp=_ramp,
             attack=lambda x, step, now: np.clip(x + now * step, 0, 1), both=False, clean=False,
             slopes=lambda y, m: -y * _sigmoid(-m) / len(y), grow=False, move=lambda w, lr, g: w - lr * g,
             times=lambda steps: range(1, steps + 1)):
    w, x, y = (np.asarray(one, np.float64) for one in (w, x, y))
    last = 0.0
    for t in times(steps):
        slope = slopes(y, y * (x @ w))
        first = x.T @ slope
        bad = attack(x, np.sign(np.outer(slope, w)), ramp(eps, t, warmup))
        slope = slopes(y, y * (bad @ w))
        grad = bad.T @ slope + kept * first + (last if grow else 0)
        if both:
            grad = (grad + first) / 2
        last = grad
        w = move(w, lr, first if clean else grad)
        if drift:
            x = bad
    return w


def _trained_cases(rng):
    """The attack's ε still grows in the second step, and each break is asked to show."""
    while True:
        n, pixels = unequal(rng, 3, 7)
        warmup = int(rng.integers(2, 4))
        case = (numbers(rng, (pixels,)) / 2, _thirty_seconds(rng, (n, pixels)), rng.choice([-1.0, 1.0], n),
                float(rng.integers(3, 7)) / 16, float(rng.integers(3, 7)) / 4, warmup, warmup + int(rng.integers(1, 3)))
        ways = [{"kept": 1.0}, {"drift": True}, {"clean": True}, {"ramp": lambda eps, t, warmup: eps},
                {"attack": lambda x, step, now: x + now * step}, {"both": True}]
        right = _trained(*case)
        if abs(case[2].sum()) < n and all(np.abs(right - _trained(*case, **one)).max() > 0.01 for one in ways):
            return case


mend = Question(
    "train_robust", title="A training that attacks itself", points=3, kind="mend",
    asks="Mend `train_robust(w, x, y, eps, lr, warmup, steps)`: adversarial training of a linear model.",
    reference=lambda w, x, y, eps, lr, warmup, steps: _trained(w, x, y, eps, lr, warmup, steps), cases=_trained_cases,
    minutes=25, level=3,
    text=r"""
        `x` (N, P) are images in [0, 1], `y` (N,) their classes, −1 or 1, and an image has the logit
        $z = \langle w, x \rangle$; the loss is the mean of $\log(1 + e^{-y z})$. In step t = 1, 2 … `steps`, with
        $\varepsilon_t = \varepsilon \min(1, t/\text{warmup})$,

        - every image is attacked by one step, $x + \varepsilon_t \operatorname{sign} \partial \mathcal L / \partial x$,
          clipped to [0, 1];
        - w, (P,), makes one step of gradient descent of size `lr` on the loss of the attacked images, and on nothing
          else.

        Return w after the last step. `backward` gives the gradient of the images and adds that of w to `grad_w`, as
        PyTorch does. The function given runs, its loss falls, and it holds two faults. No error is raised, and each has
        been in published code.
    """,
    hints={
        "The first step is wrong already": "What is in `grad_w` when the step of w is made? Which losses have sent "
                                           "something there?",
        "The first step is right, the second is not": "ε bounds the distance from which image?",
    },
)


@mend.given("as given: two faults are there",
            hint="Print `grad_w` before and after the attack. And print, after the last step, how far the images are "
                 "from those with which the training began.")
def _(w, x, y, eps, lr, warmup, steps):
    """(P,), (N, P), (N,), three numbers, int  →  (P,)"""
    def backward(images):
        slope = -y * 0.5 * (1 - np.tanh(y * (images @ w) / 2)) / len(y)
        grad_w[:] += images.T @ slope
        return np.outer(slope, w)

    for t in range(1, steps + 1):
        grad_w = np.zeros(w.shape)
        now = eps * min(1, t / warmup)
        x = np.clip(x + now * np.sign(backward(x)), 0, 1)     # the attack
        backward(x)                                           # the loss
        w = w - lr * grad_w
    return w


@mend.solution
def train_robust(w, x, y, eps, lr, warmup, steps):
    """(P,), (N, P), (N,), three numbers, int  →  (P,)"""
    def backward(images):
        slope = -y * 0.5 * (1 - np.tanh(y * (images @ w) / 2)) / len(y)
        return np.outer(slope, w), images.T @ slope

    for t in range(1, steps + 1):
        now = eps * min(1, t / warmup)
        slope_x, _ = backward(x)
        attacked = np.clip(x + now * np.sign(slope_x), 0, 1)  # x itself stays
        _, grad_w = backward(attacked)                    # of this loss alone
        w = w - lr * grad_w
    return w


def _mend_mistake(name, hint, **options):
    mend.mistake(name, hint=hint)(lambda w, x, y, eps, lr, warmup, steps: _trained(w, x, y, eps, lr, warmup, steps,
                                                                                   **options))


_KEPT = "Working out the attack has sent a gradient to w as well. Set grad_w to zero after the attack."
_DRIFT = "The attacked images are written over x: the next attack starts from them, and they drift farther than ε."
_mend_mistake("the attack's gradient is still in that of w", _KEPT, kept=1.0)
_mend_mistake("images drift from step to step", _DRIFT, drift=True)
_mend_mistake("the attack's gradient is subtracted from that of w", _KEPT, kept=-1.0)
_mend_mistake("w learns from the clean images", "Its loss is that of the attacked ones.", clean=True)
_mend_mistake("the mean of clean and attacked loss", "Another method: here w learns from attacked images alone.",
              both=True)
_mend_mistake("no warm-up", "ε_t grows on a line over the first steps.", ramp=lambda eps, t, warmup: eps)
_mend_mistake("steps count from 0", "t = 1, 2 …", ramp=lambda eps, t, warmup: eps * min(1, (t - 1) / warmup))
_mend_mistake("ε is 0 until the warm-up is over", "t / warmup, not t // warmup.",
              ramp=lambda eps, t, warmup: eps * min(1, t // warmup))
_mend_mistake("ε grows for ever", "At most ε: min(1, t / warmup).", ramp=lambda eps, t, warmup: eps * t / warmup)
_mend_mistake("never less than ε, and more", "At most ε: min, not max.",
              ramp=lambda eps, t, warmup: eps * max(1, t / warmup))
_mend_mistake("warmup over t", "t divided by warmup.", ramp=lambda eps, t, warmup: eps * min(1, warmup / t))
_mend_mistake("the attack helps", "It goes up the loss.", attack=lambda x, step, now: np.clip(x - now * step, 0, 1))
_mend_mistake("images leave [0, 1]", "Clip to [0, 1].", attack=lambda x, step, now: x + now * step)
_mend_mistake("images gone: only the change is left", "x plus the change.",
              attack=lambda x, step, now: np.clip(now * step, 0, 1))
_mend_mistake("a whole step of the sign, without ε", "ε times the sign.",
              attack=lambda x, step, now: np.clip(x + step, 0, 1))
_mend_mistake("a step up the loss", "Descend.", move=lambda w, lr, g: w + lr * g)
for _move in (lambda w, lr, g: w, lambda w, lr, g: lr * g, lambda w, lr, g: lr * g - w, lambda w, lr, g: w - lr - g,
              lambda w, lr, g: w - lr, lambda w, lr, g: w - g, lambda w, lr, g: -lr * g):
    _mend_mistake("w makes another step than w − lr · gradient", "w − lr · ∂loss/∂w.", move=_move)
for _times in (lambda steps: range(1, steps), lambda steps: range(1, steps - 1), lambda steps: range(1, steps + 2),
               lambda steps: range(2, steps + 1), lambda steps: range(0, steps + 1), lambda steps: range(1)):
    _mend_mistake("another number of steps, or another count of them", "t = 1, 2 … steps.", times=_times)
for _slope in WRONG_SLOPES:
    _mend_mistake("the slope of the loss is another", SLOPE, slopes=_slope)
_mend_mistake("gradients of all steps pile up", "grad_w begins at zero in every step.", grow=True)


@mend.mistake("the gradient is used without its sign", hint="ε_t times the sign of the gradient.")
def _(w, x, y, eps, lr, warmup, steps):
    for t in range(1, steps + 1):
        g = np.outer(-y * _sigmoid(-y * (x @ w)) / len(y), w)
        bad = np.clip(x + eps * min(1, t / warmup) * g, 0, 1)
        w = w + lr * bad.T @ (y * _sigmoid(-y * (bad @ w)) / len(y))
    return w


@mend.accepted("the worst images written down, without a gradient")
def _(w, x, y, eps, lr, warmup, steps):
    for t in range(1, steps + 1):
        bad = np.clip(x - eps * min(1.0, t / warmup) * np.outer(y, np.sign(w)), 0, 1)
        w = w + lr * (y / (1 + np.exp(y * (bad @ w)))) @ bad / len(y)
    return w


@mend.accepted("zero again after the attack")
def _(w, x, y, eps, lr, warmup, steps):
    clean = np.array(x, np.float64)

    def backward(images, grad_w):
        slope = -y / (1 + np.exp(y * (images @ w))) / len(y)
        grad_w += images.T @ slope
        return np.outer(slope, w)

    for t in range(1, steps + 1):
        now = eps * min(1, t / warmup)
        bad = np.clip(clean + now * np.sign(backward(clean, np.zeros(len(w)))), 0, 1)
        grad_w = np.zeros(len(w))
        backward(bad, grad_w)
        w = w - lr * grad_w
    return w


# ---- defended_gradient -----------------------------------------------------------------------------------------------

def _softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def _pair(value):
    return np.broadcast_to(value, 2)


def _round(x, levels):
    return np.round(x * (levels - 1)) / (levels - 1)


def _defended(x, y, w, shifts, levels, look=_round, forth=1, back=-1, prob=lambda p: p, one=1.0,
              mean=lambda g: np.mean(g, 0), scale=1.0, axes=(0, 1), axes_back=(0, 1),
              logits=lambda w, seen: np.tensordot(w, seen, 2), soft=_softmax):
    """The options break it; axes None: rolled as one long row."""
    x, w, slopes = np.asarray(x, np.float64), np.asarray(w, np.float64), []
    for shift in np.asarray(shifts):
        seen = np.roll(look(x, levels), _pair(forth) * shift, axes)
        g = prob(soft(scale * logits(w, seen))) - one * (np.arange(len(w)) == y)
        slopes.append(np.roll(np.tensordot(g, w, 1), _pair(back) * shift, axes_back))
    return mean(np.array(slopes))


def _mean_logits(x, y, w, shifts, levels):
    q = np.round(np.asarray(x, np.float64) * (levels - 1)) / (levels - 1)
    rolled = np.mean([np.roll(w, (-a, -c), (1, 2)) for a, c in shifts], 0)
    p = _softmax(np.tensordot(rolled, q, 2))
    return np.tensordot(p - (np.arange(len(w)) == y), rolled, 1)


def _defended_cases(rng):
    """Rounding changes the probabilities, shifts are different and not their own opposites, and both ways of averaging
    differ."""
    while True:
        height, width = unequal(rng, 4, 8)
        classes, count = int(rng.integers(3, 6)), int(rng.integers(2, 4))
        shifts = rng.integers(-1, 2, (count, 2)) + np.array([1, -1]) * rng.integers(0, 2, (count, 1))
        case = (_thirty_seconds(rng, (height, width)), int(rng.integers(classes)),
                numbers(rng, (classes, height, width)) / 8, shifts.tolist(), int(rng.integers(3, 6)))
        others = [_mean_logits(*case), _defended(*case, look=lambda x, levels: x), _defended(*case, back=0),
                  _defended(*case, back=1), _defended(*case, forth=0), _defended(*case, forth=-1),
                  _defended(*case, look=lambda x, levels: np.round(x * levels) / levels)]
        if all(np.abs(one - _defended(*case)).max() > 0.01 for one in others):
            return case


gradient = Question(
    "defended_gradient", title="A gradient through rounding and chance", points=3,
    asks="Write `defended_gradient(x, y, w, shifts, levels)`: the gradient with which to attack a network that rounds "
         "its image and shifts it at random.",
    reference=lambda x, y, w, shifts, levels: _defended(x, y, w, shifts, levels), cases=_defended_cases,
    minutes=25, level=3,
    text=r"""
        `x` (H, W) is an image in [0, 1], `y` the number of its class. The network first rounds every pixel to the
        nearest of `levels` grey levels, which are equally far apart from 0 to 1. Then it shifts the image by one of the
        S pairs (a, c) in the list `shifts`, each as likely as the others, as `np.roll` does: by a rows and c columns.
        At last, the logit of class k is the sum of the products of `w[k]` (H, W) with what came of the image.

        Return the gradient, (H, W), of the expected cross-entropy by x: the mean over all shifts of the loss, whose
        backward pass takes the rounding for the identity. Its forward pass does round. The logits are small.
    """,
    hints={
        "The shape is right, and every number is off": "A gradient goes back the way by which the image came: what is "
                                                       "the backward pass of a shift?",
        "It is nearly right": "The mean of the losses is not the loss of the mean logits. And the probabilities are "
                              "those of the rounded image.",
        "How many gaps are between `levels` levels?": "One less than levels.",
    },
)


@gradient.solution
def defended_gradient(x, y, w, shifts, levels):
    """(H, W), int, (K, H, W), S pairs, int  →  (H, W)"""
    rounded = np.round(x * (levels - 1)) / (levels - 1)
    total = np.zeros(x.shape)
    for a, c in shifts:
        seen = np.roll(rounded, (a, c), axis=(0, 1))
        logits = np.array([np.sum(kernel * seen) for kernel in w])
        p = np.exp(logits - logits.max())
        p = p / p.sum()
        p[y] = p[y] - 1
        slope = np.tensordot(p, w, 1)
        total += np.roll(slope, (-a, -c), axis=(0, 1))      # the way back
    return total / len(shifts)


def _gradient_mistake(name, hint, **options):
    gradient.mistake(name, hint=hint)(
        lambda x, y, w, shifts, levels: _defended(x, y, w, shifts, levels, **options))


_BACK = "The backward pass of a shift is the shift back."
_gradient_mistake("the gradient is not shifted back", _BACK, back=0)
_gradient_mistake("the gradient is shifted forth once more", _BACK, back=1)
_gradient_mistake("the image is shifted the other way, and so is the gradient",
                  "np.roll by (a, c) forth, by (−a, −c) back.", forth=-1, back=1)
_gradient_mistake("the image is shifted the other way", "np.roll by (a, c).", forth=-1)
_gradient_mistake("the image is not shifted", "Each shift gives other logits.", forth=0)
_gradient_mistake("no shift at all", "Average over the shifts.", forth=0, back=0)
_gradient_mistake("the image is not rounded", "The backward pass takes the rounding for the identity, the forward pass "
                  "rounds.", look=lambda x, levels: x)
_gradient_mistake("one gap too many", "Levels from 0 to 1 leave levels − 1 gaps.",
                  look=lambda x, levels: np.round(x * levels) / levels)
_gradient_mistake("one gap too many before the rounding", "Levels from 0 to 1 leave levels − 1 gaps.",
                  look=lambda x, levels: np.round(x * levels) / (levels - 1))
_gradient_mistake("two gaps too many", "Levels from 0 to 1 leave levels − 1 gaps.",
                  look=lambda x, levels: np.round(x * (levels + 1)) / (levels + 1))
_gradient_mistake("rounded down", "To the nearest level.",
                  look=lambda x, levels: np.floor(x * (levels - 1)) / (levels - 1))
_gradient_mistake("rounded up", "To the nearest level.",
                  look=lambda x, levels: np.ceil(x * (levels - 1)) / (levels - 1))
_gradient_mistake("grey levels as whole numbers", "After the rounding divide by levels − 1: images lie in [0, 1].",
                  look=lambda x, levels: np.round(x * (levels - 1)))
_gradient_mistake("rounded to 0 and 1", "Multiply by levels − 1 before the rounding.",
                  look=lambda x, levels: np.round(x))
for _look in (lambda x, levels: np.round(x * (levels - 1)) * (levels - 1),
              lambda x, levels: np.round(x + levels - 1) / (levels - 1),
              lambda x, levels: np.round(x) / (levels - 1), lambda x, levels: np.round(x * (levels + 1)) / (levels - 1),
              lambda x, levels: np.round(x * (levels - 2)) / (levels - 1),
              lambda x, levels: np.round(x * (levels - 1)) / (levels + 1),
              lambda x, levels: np.round(x * (levels - 1)) / levels,
              lambda x, levels: np.round(x * (levels - 1)) / (levels - 2)):
    _gradient_mistake("rounded to other levels", "round(x · (levels − 1)) / (levels − 1).", look=_look)
for _axes in ((1, 0), (1, 1), (-1, 1), (0, 0), None):
    for _where in ("forth", "back", "both"):
        _gradient_mistake("rolled along other axes", "a rows and c columns: the axes (0, 1), forth and back.",
                          **{one: _axes for one in ("axes", "axes_back") if _where in ("both", {"axes": "forth",
                             "axes_back": "back"}[one])})
for _signs in ((1, -1), (-1, 1)):
    _gradient_mistake("one of the two ways back has the wrong sign", _BACK, back=_signs)
_gradient_mistake("softmax is taken of something else than the sums of products", "z_k = Σ w_k · image.",
                  logits=lambda w, seen: np.tensordot(w, seen, 2) / seen.size)
_gradient_mistake("softmax is taken of something else than the sums of products", "z_k = Σ w_k · image.",
                  logits=lambda w, seen: w.sum((1, 2)))
_gradient_mistake("all logits are alike", "z_k = Σ w_k · image.", logits=lambda w, seen: 0 * w[:, 0, 0])
for _soft in (lambda z: z - z.max(), lambda z: np.exp(z - z.max()) * np.exp(z - z.max()).sum(),
              lambda z: np.exp(z - z.max()), lambda z: 1 / _softmax(z), lambda z: np.ones(len(z)),
              lambda z: _softmax(z) * len(z)):
    _gradient_mistake("probabilities that do not sum to 1", "Softmax: e to the logits, divided by their sum.",
                      soft=_soft)
_gradient_mistake("2 is subtracted for the label", "p − 1 for the label.", one=2.0)
_gradient_mistake("a sum over shifts", "The expected loss is a mean.", mean=lambda g: g.sum(0))
_gradient_mistake("the first shift only", "The mean over all shifts.", mean=lambda g: g[0])
_gradient_mistake("the last shift only", "The mean over all shifts.", mean=lambda g: g[-1])
_gradient_mistake("the last shift, divided by their number", "Add up: `+=`.", mean=lambda g: g[-1] / len(g))
_gradient_mistake("divided by the number of shifts twice", "Once.", mean=lambda g: g.mean(0) / len(g))
_gradient_mistake("multiplied by the number of shifts", "A mean divides.", mean=lambda g: g.sum(0) * len(g))
_gradient_mistake("the sign is turned over", "The derivative of cross-entropy by a logit is p − 1 for the label.",
                  mean=lambda g: -np.mean(g, 0))
_gradient_mistake("the sign of the gradient", "The gradient itself was asked.", mean=lambda g: np.sign(np.mean(g, 0)))
_gradient_mistake("nothing: the gradient of the rounding is 0", "Take the rounding for the identity on the way back.",
                  mean=lambda g: 0 * g[0])
_gradient_mistake("the label's 1 is not subtracted", "p − 1 for the label.", one=0.0)
_gradient_mistake("1 is added for the label", "p − 1 for the label.", one=-1.0)
_gradient_mistake("only the label's logit counts", "The other classes have the derivative p.",
                  prob=lambda p: 0 * p)
_gradient_mistake("logits turned over in softmax", "e to the logit, not to its opposite.", scale=-1.0)
gradient.mistake("the loss of the mean logits", hint="The loss is averaged over the shifts, not the logits.")(
    lambda x, y, w, shifts, levels: _mean_logits(x, y, w, shifts, levels))


@gradient.mistake("the square of each difference, as if the loss were squared", hint="Cross-entropy after a softmax.")
def _(x, y, w, shifts, levels):
    return _defended(x, y, w, shifts, levels, prob=lambda p: p**2)


@gradient.accepted("with the weights shifted instead of the image")
def _(x, y, w, shifts, levels):
    rounded = np.rint(x * (levels - 1)) / (levels - 1)
    out = []
    for shift in shifts:
        back = np.stack([np.roll(np.roll(k, -int(shift[0]), 0), -int(shift[1]), 1) for k in w])
        z = (back * rounded).sum((1, 2))
        p = np.exp(z - np.logaddexp.reduce(z))
        out.append(np.einsum("k,khw->hw", p, back) - back[y])
    return sum(out) / len(out)


@gradient.accepted("by indices")
def _(x, y, w, shifts, levels):
    rows, columns = x.shape
    rounded = np.floor(x * (levels - 1) + 0.5) / (levels - 1)
    total = np.zeros((rows, columns))
    for a, c in shifts:
        i, j = (np.arange(rows) + a) % rows, (np.arange(columns) + c) % columns
        back = w[:, i][:, :, j]
        z = np.tensordot(back, rounded, 2)
        e = np.exp(z - z.max())
        total += np.tensordot(e / e.sum() - np.eye(len(w))[y], back, 1)
    return total / len(shifts)


# ---- break_it --------------------------------------------------------------------------------------------------------

EPS, LEVELS = 0.2, 6


def _right(images, y, w, shifts):
    """(N, S): is the image right when it is rounded and shifted so?"""
    q = np.round(np.asarray(images, np.float64) * (LEVELS - 1)) / (LEVELS - 1)
    z = np.array([np.tensordot(np.roll(q, tuple(s), (1, 2)), w, ((1, 2), (1, 2))) for s in shifts])
    return (z.argmax(2) == np.asarray(y)).T


def _toward(w, shifts, y, mean=True):
    """(N, K, H, W): what raises each class above the label, on average over shifts or for the first of them."""
    back = np.array([np.roll(np.asarray(w, np.float64), (-a, -c), (1, 2)) for a, c in shifts])
    back = back.mean(0) if mean else back[0]
    return back[None] - back[y][:, None]


def _best(x, y, w, shifts, mean=True, eps=EPS, clip=True, best=np.argmin):
    x, y = np.asarray(x, np.float64), np.asarray(y)
    toward = _toward(w, shifts, y, mean)
    trials = x[:, None] + eps * np.sign(toward)
    if clip:
        trials = trials.clip(0, 1)
    left = np.array([-np.einsum("nkhw,nhw->nk", toward, trials[:, k]).max(1) for k in range(len(w))])
    left[y, np.arange(len(x))] = np.inf if best is np.argmin else -np.inf
    return trials[np.arange(len(x)), best(left, 0)]


def _break_cases(rng):
    """Right under all shifts; broken under all by the mean over shifts, and not by any one."""
    while True:
        height, width = unequal(rng, 5, 9)
        w = numbers(rng, (3, height, width)) / 2
        shifts = np.array([[0, 0], [1, -1], [-1, 2]])[rng.permutation(3)]
        x = _thirty_seconds(rng, (400, height, width))
        z = np.tensordot(x, w, ((1, 2), (1, 2)))
        y = z.argmax(1)
        good = _right(x, y, w, shifts).all(1)
        good &= ~_right(_best(x, y, w, shifts), y, w, shifts).any(1)
        good &= _right(_best(x, y, w, shifts, mean=False), y, w, shifts).any(1)
        good &= _right(_best(x, y, w, shifts, eps=0.1), y, w, shifts).any(1)
        rows = np.flatnonzero(good)[:5]
        if len(rows) == 5 and len(set(y[rows])) > 1:
            return x[rows], y[rows].tolist(), w, shifts.tolist()


def _break_properties(answer, x, y, w, shifts):
    images = np.asarray(answer, np.float64)
    if images.shape != x.shape:
        raise ValueError(f"images of shape {x.shape} were asked for; these have shape {images.shape}")
    if not np.isfinite(images).all():
        raise ValueError("all numbers must be finite")
    return {"accuracy above 0.05": max(0.0, float(_right(images, y, w, shifts).mean()) - 0.05),
            "largest change above 0.2": max(0.0, float(np.abs(images - x).max()) - EPS - 1e-5),
            "how far outside [0, 1]": max(0.0, -float(images.min()) - 1e-6, float(images.max()) - 1 - 1e-6)}


breaking = Question(
    "break_it", title="Three defences, and one way through", points=3, kind="design",
    asks="Design `break_it(x, y, w, shifts)`: images that a defended network gets wrong.",
    reference=lambda x, y, w, shifts: _best(x, y, w, shifts), cases=_break_cases, measure=_break_properties,
    minutes=30, level=3,
    text=r"""
        `x` (N, H, W) are images in [0, 1], `y` a list of their N classes. The network has a kernel `w[k]` (H, W) for
        each of three classes, and three defences: it rounds every pixel to the nearest of the levels 0, 0.2, 0.4 … 1,
        whose derivative is 0; it shifts the image by one pair of the list `shifts`, drawn at random, as `np.roll` by
        rows and columns; and it multiplies its logits $\langle w_k, \text{image} \rangle$ by 1,000, so that the
        gradient of cross-entropy is 0 for all of the images. Return images (N, H, W)

        - in [0, 1], and in no pixel farther than 0.2 from those given,
        - that the network gets right in at most 5 of 100 cases, counted over all images and all shifts.

        Such images exist: the network has learned nothing that would stand an attack. Whatever meets this passes.
    """,
    hints={
        "Every gradient is 0": "Take the rounding for the identity, and in place of the cross-entropy the difference "
                               "of two logits. Of a network this simple you can write the gradient down.",
        "A third of the cases, or more, stays right": "You have attacked one shift. A direction that helps on average "
                                                      "over all of them is the mean of their gradients.",
        "Some images stay right": "There are two wrong classes. Try both, and keep what fools more shifts, or gains "
                                   "more on average.",
    },
)


@breaking.solution
def break_it(x, y, w, shifts):
    """(N, H, W), N ints, (3, H, W), S pairs  →  (N, H, W)"""
    back = np.mean([np.roll(w, (-a, -c), axis=(1, 2)) for a, c in shifts],
                   axis=0)
    out = []
    for n, label in enumerate(y):
        toward = back - back[label]                 # as if nothing were rounded
        trials = np.clip(x[n] + 0.2 * np.sign(toward), 0, 1)
        gain = [np.sum(toward[k] * trials[k]) for k in range(len(w))]
        gain[label] = -np.inf
        out.append(trials[np.argmax(gain)])
    return np.array(out)


def _break_mistake(name, hint, answer):
    breaking.mistake(name, hint=hint)(lambda x, y, w, shifts: answer(x, np.asarray(y), w, shifts))


_BALL = "Each pixel may change by 0.2 at most, and must stay in [0, 1]."
_break_mistake("the images as they were: a gradient of 0 was followed",
               "Rounding and saturation give no gradient. The network has one all the same: go round what hides it.",
               lambda x, y, w, shifts: x)
_break_mistake("one shift is attacked, not all", "Average the gradient over the shifts.",
               lambda x, y, w, shifts: _best(x, y, w, shifts, mean=False))


def _break_step(name, hint, back=None, toward=lambda back, y: back[None] - back[y][:, None], low=0, high=1, gain=None):
    """The solution, broken by the options."""
    def answer(x, y, w, shifts):
        w = np.asarray(w, np.float64)
        means = np.mean([np.roll(w, (-a, -c), (1, 2)) if back is None else back(w, a, c) for a, c in shifts], 0)
        to = toward(means, y)
        trials = np.clip(np.asarray(x, np.float64)[:, None] + EPS * np.sign(to), low, high)
        left = (to * trials).sum((2, 3)) if gain is None else gain(to, trials)
        left[np.arange(len(x)), y] = -np.inf
        return trials[np.arange(len(x)), left.argmax(1)]
    _break_mistake(name, hint, answer)


for _back in (lambda w, a, c: np.roll(w, (a, c), (1, 2)), lambda w, a, c: np.roll(w, (a, -c), (1, 2)),
              lambda w, a, c: np.roll(w, (-a, c), (1, 2)), lambda w, a, c: np.roll(w, (-c, -a), (1, 2)),
              lambda w, a, c: np.roll(w, (-a, -c), (2, 2)), lambda w, a, c: np.roll(w, (-a, -c), (1, 1)),
              lambda w, a, c: np.roll(w, (-a, -c), (0, 2)), lambda w, a, c: np.roll(w, -a - c), lambda w, a, c: w):
    _break_step("the gradient goes back by another shift", "The backward pass of a shift by (a, c) is one by (−a, −c).",
                back=_back)
for _toward_ in (lambda back, y: back[y][:, None] - back[None], lambda back, y: back[None] + back[y][:, None],
                 lambda back, y: np.repeat(back[None], len(y), 0)):
    _break_step("a direction that is not from the label to another class", "The gradient of z_k − z_label.",
                toward=_toward_)
_break_step("images fall below 0", _BALL, low=-1)
_break_step("images rise above 1", _BALL, high=2)
for _gain in (lambda to, trials: (to + trials).sum((2, 3)), lambda to, trials: to.sum((2, 3)),
              lambda to, trials: trials.sum((2, 3)), lambda to, trials: np.einsum("nkhw,nlhw->nl", to, trials),
              lambda to, trials: np.einsum("nkhw,nlhw->nk", to, trials)):
    _break_step("the wrong class is not chosen by what it gains", "Of two wrong classes take the one that the label "
                "loses most to: z_k − z_label at the changed image.", gain=_gain)
_break_mistake("half of the change that is allowed", "A linear network is attacked best by whole steps of ε.",
               lambda x, y, w, shifts: _best(x, y, w, shifts, eps=0.1))
_break_mistake("twice the change that is allowed", _BALL, lambda x, y, w, shifts: _best(x, y, w, shifts, eps=0.4))
_break_mistake("images leave [0, 1]", _BALL, lambda x, y, w, shifts: _best(x, y, w, shifts, clip=False))
_break_mistake("random signs", "A random direction does next to nothing: follow a gradient.",
               lambda x, y, w, shifts: np.clip(x + EPS * np.sign(np.random.default_rng(0).normal(size=x.shape)), 0, 1))
_break_mistake("all grey", _BALL, lambda x, y, w, shifts: 0 * x + 0.5)
_break_mistake("the change, without the image", "Return images, not changes.",
               lambda x, y, w, shifts: _best(x, y, w, shifts) - x)
_break_mistake("a whole step of the sign", _BALL, lambda x, y, w, shifts: _best(x, y, w, shifts, eps=1.0))
_break_mistake("the wrong class that is harder to reach", "Of the two wrong classes take the one that gains more.",
               lambda x, y, w, shifts: _best(x, y, w, shifts, best=np.argmax))
_break_mistake("black images", _BALL, lambda x, y, w, shifts: 0 * x)
_break_mistake("white images", _BALL, lambda x, y, w, shifts: 0 * x + 1)
_break_mistake("a gradient without its sign", "Each pixel may change by ε, however small its gradient.",
               lambda x, y, w, shifts: np.clip(x + EPS * _toward(w, shifts, y).sum(1), 0, 1))
_break_mistake("other images: one for another", "Image n stands in place n.",
               lambda x, y, w, shifts: _best(x, y, w, shifts)[::-1])


@breaking.accepted("step by step, through the mean gradient of the class that is nearest")
def _(x, y, w, shifts):
    out = np.array(x, np.float64)
    back = np.array([np.roll(w, (-a, -c), (1, 2)) for a, c in shifts])
    for n, label in enumerate(y):
        best = None
        for k in range(len(w)):
            if k == label:
                continue
            d = back[:, k] - back[:, label]
            image = np.array(x[n], np.float64)
            for _ in range(30):
                image = np.clip(np.clip(image + 0.02 * np.sign(d.mean(0)), x[n] - 0.2, x[n] + 0.2), 0, 1)
            left = _right(image[None], [label], np.asarray(w), shifts).sum()
            if best is None or left < best:
                best, out[n] = left, image
    return out


@breaking.accepted("all that one has, in float32")
def _(x, y, w, shifts):
    return _best(x, y, w, shifts).astype(np.float32)


QUESTIONS = [robust, silent, gradient, mend, breaking]
