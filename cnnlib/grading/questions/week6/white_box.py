"""Week 6: the questions of the notebook `white_box`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- margins_left ----------------------------------------------------------------------------------------------------

def _margins(w, b, x, y, eps):
    m = y * (x @ w + b)
    return np.stack([m - eps * np.abs(w).sum(), m - eps * np.sqrt((w**2).sum())])


def _margins_cases(rng):
    n, d = unequal(rng, 3, 7)
    return (numbers(rng, (d,)), float(rng.integers(1, 9)) / 4, numbers(rng, (n, d)),
            np.where(np.arange(n) == rng.integers(n), -1.0, 1.0) * int(rng.choice([-1, 1])),
            float(rng.integers(1, 8)) / 16)


margins = Question(
    "margins_left", title="What the worst change leaves", points=1,
    asks="Write `margins_left(w, b, x, y, eps)`: the margin of a linear model after the worst change of each image.",
    reference=_margins, cases=_margins_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        The N images are the rows of `x` (N, D), and `y` (N,) says −1 or +1. The model's margin is
        $m = y\,(w \cdot x + b)$, with `w` (D,) and the number `b`. Any $\delta$ may be added to each image
        (pixels have no limits here). Return (2, N): the smallest margin that can be left, in row 0 for
        $\lvert \delta_i \rvert \le \varepsilon$ in every pixel, in row 1 for $\lVert \delta \rVert_2 \le \varepsilon$.
    """,
    hints={
        "Where do I begin?": "The change of the margin is y w·δ. Which δ with |δᵢ| ≤ ε makes it smallest? Each pixel "
                             "can be chosen by itself.",
        "Row 1": "By the inequality of Cauchy and Schwarz, w·δ is at least −‖w‖₂ ‖δ‖₂.",
    },
)


@margins.solution
def margins_left(w, b, x, y, eps):
    """(D,), a number, (N, D), (N,), a number  →  (2, N)"""
    margin = y * (x @ w + b)
    largest = np.sum(np.abs(w))                     # of w·δ, if |δ_i| ≤ 1
    length = np.sqrt(np.sum(w**2))                  # of w·δ, if ‖δ‖ ≤ 1
    return np.stack([margin - eps * largest, margin - eps * length])


def _margins_mistake(name, hint, answer):
    margins.mistake(name, hint=hint)(lambda w, b, x, y, eps: np.array(answer(
        w, y * (x @ w + b), eps, np.abs(w).sum(), np.sqrt((w**2).sum()))))


_WORST = "The change is ε times a norm of w, and it is subtracted."
_DUAL = "Row 0: the sum of |wᵢ|. Row 1: the length of w."
_margins_mistake("the rows are exchanged", _DUAL, lambda w, m, e, a, l: [m - e * l, m - e * a])
_margins_mistake("the margin grows", _WORST, lambda w, m, e, a, l: [m + e * a, m + e * l])
_margins_mistake("row 0 grows", _WORST, lambda w, m, e, a, l: [m + e * a, m - e * l])
_margins_mistake("row 1 grows", _WORST, lambda w, m, e, a, l: [m - e * a, m + e * l])
_margins_mistake("nothing is subtracted", _WORST, lambda w, m, e, a, l: [m, m])
_margins_mistake("the largest |wᵢ|", "Every pixel may be changed by ε: the sum.",
                 lambda w, m, e, a, l: [m - e * np.abs(w).max(), m - e * l])
_margins_mistake("the mean of |wᵢ|", "Every pixel may be changed by ε: the sum.",
                 lambda w, m, e, a, l: [m - e * a / len(w), m - e * l])
_margins_mistake("the sum of w, without absolute values", "δ takes the sign of each wᵢ.",
                 lambda w, m, e, a, l: [m - e * w.sum(), m - e * l])
_margins_mistake("the square of the length", "‖w‖₂ has a root.", lambda w, m, e, a, l: [m - e * a, m - e * l * l])
_margins_mistake("√D ε ‖w‖₂ in row 0", "That is a bound, but one that is reached only if all |wᵢ| are equal.",
                 lambda w, m, e, a, l: [m - e * l * np.sqrt(len(w)), m - e * l])
_margins_mistake("‖w‖₁ in both rows", _DUAL, lambda w, m, e, a, l: [m - e * a, m - e * a])
_margins_mistake("‖w‖₂ in both rows", _DUAL, lambda w, m, e, a, l: [m - e * l, m - e * l])
_margins_mistake("the norm is multiplied by the margin", _WORST,
                 lambda w, m, e, a, l: [m - e * a * m, m - e * l * m])
_margins_mistake("the margins before the change are left out", _WORST,
                 lambda w, m, e, a, l: [0 * m - e * a, 0 * m - e * l])


_margins_mistake("the sum of the squares in row 0", "|wᵢ|: no squares.",
                 lambda w, m, e, a, l: [m - e * l * l, m - e * l])
_margins_mistake("the root of the mean square in row 1", "A sum under the root.",
                 lambda w, m, e, a, l: [m - e * a, m - e * l / np.sqrt(len(w))])
_margins_mistake("nothing is subtracted in row 0", _WORST, lambda w, m, e, a, l: [m, m - e * l])
_margins_mistake("nothing is subtracted in row 1", _WORST, lambda w, m, e, a, l: [m - e * a, m])
_margins_mistake("the norm itself in row 0, without ε", "ε times the norm.", lambda w, m, e, a, l: [m - a, m - e * l])
_margins_mistake("the norm itself in row 1, without ε", "ε times the norm.", lambda w, m, e, a, l: [m - e * a, m - l])
_margins_mistake("ε alone in row 0", "ε times the norm.", lambda w, m, e, a, l: [m - e, m - e * l])
_margins_mistake("ε alone in row 1", "ε times the norm.", lambda w, m, e, a, l: [m - e * a, m - e])
_margins_mistake("row 0 has the wrong sign", _WORST, lambda w, m, e, a, l: [e * a - m, m - e * l])
_margins_mistake("row 1 has the wrong sign", _WORST, lambda w, m, e, a, l: [m - e * a, e * l - m])


def _margins_other(name, hint, margin):
    margins.mistake(name, hint=hint)(lambda w, b, x, y, eps: np.stack(
        [margin(w, b, x, y) - eps * np.abs(w).sum(), margin(w, b, x, y) - eps * np.sqrt((w**2).sum())]))


_M = "The margin is y (w·x + b)."
_margins_other("b is forgotten", _M, lambda w, b, x, y: y * (x @ w))
_margins_other("b is subtracted", _M, lambda w, b, x, y: y * (x @ w - b))
_margins_other("b is not multiplied by y", _M, lambda w, b, x, y: y * (x @ w) + b)
_margins_other("b is multiplied", _M, lambda w, b, x, y: y * (x @ w * b))
_margins_other("y is forgotten", _M, lambda w, b, x, y: x @ w + b)
_margins_other("y has the wrong sign", _M, lambda w, b, x, y: -y * (x @ w + b))
_margins_other("|w·x + b|", "An image that is wrong already has a negative margin.",
               lambda w, b, x, y: np.abs(x @ w + b))
_margins_other("y is added", _M, lambda w, b, x, y: y + (x @ w + b))


@margins.accepted("the worst δ is made, and tried")
def _(w, b, x, y, eps):
    out = np.empty((2, len(x)))
    for n in range(len(x)):
        for row, delta in enumerate((-eps * y[n] * np.sign(w), -eps * y[n] * w / np.linalg.norm(w))):
            out[row, n] = y[n] * (np.dot(w, x[n] + delta) + b)
    return out


@margins.accepted("by NumPy's norms")
def _(w, b, x, y, eps):
    lost = eps * np.array([np.linalg.norm(w, 1), np.linalg.norm(w, 2)])
    return (y * (x.dot(w) + b))[None] - lost[:, None]


# ---- into_the_ball ---------------------------------------------------------------------------------------------------

def _ball(x, center, eps, norm=lambda d: np.sqrt((d**2).sum((1, 2, 3), keepdims=True)),
          factor=lambda eps, n: np.minimum(1, eps / np.maximum(n, 1e-30)), clip=lambda z: np.clip(z, 0, 1)):
    delta = np.asarray(x, np.float64) - center
    return clip(center + delta * factor(eps, norm(delta)))


def _ball_cases(rng):
    """Some images lie inside already, others far out; ε is so large that the range counts too."""
    while True:
        channels, (height, width) = int(rng.integers(1, 3)), unequal(rng, 2, 5)
        n = int(rng.integers(3, 5))
        center = rng.integers(0, 9, (n, channels, height, width)) / 8
        delta = numbers(rng, center.shape) * np.array([1 / 64, 1, 3, 1 / 2])[:n].reshape(-1, 1, 1, 1)
        eps = float(rng.integers(3, 8)) / 4
        right = _ball(center + delta, center, eps)
        unclipped = _ball(center + delta, center, eps, clip=lambda z: z)
        if np.abs(right - unclipped).max() > 0.05 and (np.abs(delta[0]) > 0.01).all() and \
                np.sqrt((delta[0]**2).sum()) < eps / 2:
            return center + delta, center, eps


ball = Question(
    "into_the_ball", title="Back into the ball", points=1,
    asks="Write `into_the_ball(x, center, eps)`: images brought back to within ε of others, by the length of their "
         "difference.",
    reference=lambda x, center, eps: _ball(x, center, eps), cases=_ball_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `x` and `center` are (N, C, H, W). An image $x_n$ whose distance $\lVert x_n - c_n \rVert_2$ from its center is
        above ε is pulled towards $c_n$, on the straight line, until the distance is ε. One that is nearer stays where
        it is. Then each number is brought into [0, 1]. No image lies exactly on its center.
    """,
    hints={
        "All images move, also those that were inside": "Multiply the difference by the smaller of 1 and ε/length.",
        "The first image is right, the others are not": "Each image has a length of its own: sum over C, H and W, and "
                                                        "keep the axes for the division.",
    },
)


@ball.solution
def into_the_ball(x, center, eps):
    """(N, C, H, W), (N, C, H, W), a number  →  (N, C, H, W)"""
    delta = x - center
    length = np.sqrt(np.sum(delta**2, axis=(1, 2, 3), keepdims=True))
    delta = delta * np.minimum(1, eps / length)
    return np.clip(center + delta, 0, 1)


def _ball_mistake(name, hint, **options):
    ball.mistake(name, hint=hint)(lambda x, center, eps: _ball(x, center, eps, **options))


_EACH = "Each image has one length, over all of its numbers."
_PULL = "The difference times the smaller of 1 and ε/length."
_ball_mistake("one length for the whole batch", _EACH, norm=lambda d: np.sqrt((d**2).sum()))
_ball_mistake("a length for each pixel", _EACH, norm=lambda d: np.sqrt((d**2).sum(1, keepdims=True)) + 0 * d)
_ball_mistake("each number by itself", "That is the ball of the largest number, not of the length.",
              norm=np.abs)
_ball_mistake("a length for each channel", _EACH, norm=lambda d: np.sqrt((d**2).sum((2, 3), keepdims=True)) + 0 * d)
_ball_mistake("the root is missing", "A length has a root.", norm=lambda d: (d**2).sum((1, 2, 3), keepdims=True))
_ball_mistake("the sum of absolute values", "The length: squares, and a root.",
              norm=lambda d: np.abs(d).sum((1, 2, 3), keepdims=True))
_ball_mistake("the root of the mean square", "A sum under the root.",
              norm=lambda d: np.sqrt((d**2).mean((1, 2, 3), keepdims=True)))
_ball_mistake("images inside are pushed out to ε", _PULL, factor=lambda e, n: e / n)
_ball_mistake("no image is pulled", _PULL, factor=lambda e, n: 1)
_ball_mistake("the larger of 1 and ε/length", _PULL, factor=lambda e, n: np.maximum(1, e / n))
_ball_mistake("length/ε for ε/length", _PULL, factor=lambda e, n: np.minimum(1, n / e))
_ball_mistake("multiplied by ε whatever the length", _PULL, factor=lambda e, n: np.minimum(1, e + 0 * n))
_ball_mistake("ε times the length", _PULL, factor=lambda e, n: np.minimum(1, e * n))
_ball_mistake("the range is forgotten", "At the end every number lies in [0, 1].", clip=lambda z: z)
_ball_mistake("numbers above 1 are left", "np.clip(…, 0, 1).", clip=lambda z: np.maximum(z, 0))
_ball_mistake("numbers below 0 are left", "np.clip(…, 0, 1).", clip=lambda z: np.minimum(z, 1))


_ball_mistake("the factor may be up to 2", _PULL, factor=lambda e, n: np.minimum(2, e / n))
_ball_mistake("the factor is at most 0", _PULL, factor=lambda e, n: 0 * n)
_ball_mistake("multiplied by the length", _PULL, factor=lambda e, n: np.minimum(1, n))
_ball_mistake("a length over the images too", _EACH, norm=lambda d: np.sqrt((d**2).sum((0, 2, 3), keepdims=True)))


@ball.mistake("the range first, the ball after it", hint="Asked is the other order: the ball, then the range.")
def _(x, center, eps):
    return _ball(np.clip(x, 0, 1), center, eps, clip=lambda z: z)


@ball.mistake("the difference alone", hint="center + δ.")
def _(x, center, eps):
    return _ball(x, center, eps, clip=lambda z: np.clip(z - center, 0, 1))


@ball.mistake("pulled on the wrong side of the center", hint="center + δ, with δ = x − center.")
def _(x, center, eps):
    return _ball(2 * center - x, center, eps)


@ball.accepted("image by image")
def _(x, center, eps):
    out = []
    for a, c in zip(x, center, strict=True):
        length = np.linalg.norm((a - c).ravel())
        if length > eps:
            a = c + (a - c) * eps / length
        out.append(np.maximum(0, np.minimum(1, a)))
    return np.array(out)


@ball.accepted("by division by the larger of 1 and length/ε")
def _(x, center, eps):
    d = (x - center).reshape(len(x), -1)
    d = d / np.maximum(1, np.linalg.norm(d, axis=1, keepdims=True) / eps)
    return (center + d.reshape(x.shape)).clip(0, 1)


# ---- smallest_eps ----------------------------------------------------------------------------------------------------

def _room(w, b, x):
    m = x @ w + b
    return abs(m), np.abs(w), np.where(np.sign(m) * w > 0, x, 1 - x)


def _solve(m, size, room):
    high, low = 1.0, 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (size * np.minimum(room, middle)).sum() < m else (low, middle)
    return high


def _smallest(w, b, x):
    return _solve(*_room(*(np.asarray(a, np.float64) for a in (w, b, x))))


def _refined(m, size, room, times):
    """An iteration that is not finished: what is used up is fixed, and the rest divided again, so many times."""
    eps = m / size.sum()
    for _ in range(times):
        free = room >= eps
        if not free.any():
            return np.inf
        eps = (m - (size * room)[~free].sum()) / size[free].sum()
    return eps


def _smallest_cases(rng, turn):
    """Some pixels are used up before the answer turns, some stay at ε, and the answer can be turned."""
    while True:
        d = int(rng.integers(5, 9))
        w, x = numbers(rng, (d,)), rng.integers(0, 17, d) / 16
        b = float(rng.integers(-12, 13)) / 4
        m, size, room = _room(w, b, x)
        if not 0.2 < m < 0.9 * (size * room).sum():
            continue
        if turn % 4 == 0 and abs(_refined(m, size, room, 2) - _refined(m, size, room, d)) < 1e-3:
            continue
        eps = _smallest(w, b, x)
        used = room < eps - 0.02
        others = (m / size.sum(), m / np.sqrt((w**2).sum()), m / (w**2).sum(), _smallest(w, 0 * b, x))
        if 2 <= used.sum() <= d - 2 and ((room > 0) & used).any() and all(abs(eps - one) > 0.02 for one in others):
            return w, b, x


smallest = Question(
    "smallest_eps", title="Where pixels end", points=2, kind="predict",
    asks="Write `smallest_eps(w, b, x)`: the ε at which a linear model's answer begins to turn, where pixels stay in "
         "[0, 1].",
    reference=_smallest, cases=_smallest_cases, tolerance=1e-5,
    minutes=25, level=3,
    text=r"""
        The model answers by the sign of $w \cdot x + b$, which is not 0. `w` and `x` are (D,), and all pixels of `x`
        lie in [0, 1], some of them on its ends. Somebody may change every pixel by up to ε, but none may leave [0, 1].
        Predict the smallest ε that can bring $w \cdot x + b$ to 0. For the images given there is one. Right is
        what is exact to five digits.
    """,
    hints={
        "It comes out too small": "A black pixel cannot become darker. How much can pixel i do at most, and how much "
                                  "for a given ε?",
        "How do I solve for ε?": "What can be done grows with ε, in straight pieces. Halve an interval sixty times, or "
                                 "go from corner to corner in the order of the pixels' rooms.",
    },
)


@smallest.solution
def smallest_eps(w, b, x):
    """(D,), a number, (D,)  →  a number"""
    m = np.dot(w, x) + b
    room = np.where(w * m > 0, x, 1 - x)            # which way the pixel goes
    low, high = 0.0, 1.0
    for _ in range(60):
        eps = (low + high) / 2
        if np.sum(np.abs(w) * np.minimum(room, eps)) < abs(m):
            low = eps
        else:
            high = eps
    return high


def _smallest_mistake(name, hint, answer):
    smallest.mistake(name, hint=hint)(lambda w, b, x: answer(
        np.asarray(w, np.float64), float(b), np.asarray(x, np.float64)))


_ROOM = "Which way a pixel goes depends on the sign of w_i and of the answer: down it has x_i, up 1 − x_i."
_smallest_mistake("|m| / ‖w‖₁: the range is forgotten", "Pixels at the end of the range cannot move further.",
                  lambda w, b, x: abs(x @ w + b) / np.abs(w).sum())
_smallest_mistake("|m| / ‖w‖₂", "Each pixel may change by ε: a sum of |w_i|.",
                  lambda w, b, x: abs(x @ w + b) / np.sqrt((w**2).sum()))
_smallest_mistake("pixels with no room are left out, the others have no limit", "A pixel with little room does what it "
                  "can, and no more.",
                  lambda w, b, x: (lambda m, s, r: m / s[r > 0].sum())(*_room(w, b, x)))
_smallest_mistake("all pixels go up", _ROOM, lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), 1 - x))
_smallest_mistake("all pixels go down", _ROOM, lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), x))
_smallest_mistake("the rooms are exchanged", _ROOM,
                  lambda w, b, x: (lambda m, s, r: _solve(m, s, 1 - r))(*_room(w, b, x)))
_smallest_mistake("the answer is taken as positive", _ROOM,
                  lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), np.where(w > 0, x, 1 - x)))
_smallest_mistake("the answer is taken as negative", _ROOM,
                  lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), np.where(w < 0, x, 1 - x)))
_smallest_mistake("b is forgotten", "The answer is the sign of w·x + b.",
                  lambda w, b, x: _smallest(w, 0.0, x))
_smallest_mistake("b is subtracted", "The answer is the sign of w·x + b.", lambda w, b, x: _smallest(w, -b, x))
_smallest_mistake("ε 0", "The answer is not 0 as it is.", lambda w, b, x: 0.0)
_smallest_mistake("ε 1: everything that is possible", "A smaller ε is enough.", lambda w, b, x: 1.0)
_smallest_mistake("twice as much is needed", "w·x + b shall become 0, not change its sign to the same size.",
                  lambda w, b, x: (lambda m, s, r: _solve(2 * m, s, r))(*_room(w, b, x)))
_smallest_mistake("half of it", "The whole of |w·x + b|.",
                  lambda w, b, x: (lambda m, s, r: _solve(m / 2, s, r))(*_room(w, b, x)))
_smallest_mistake("the weights are left out", "Pixel i moves the answer by |w_i| times what it moves.",
                  lambda w, b, x: (lambda m, s, r: _solve(m, 0 * s + 1, r))(*_room(w, b, x)))
_smallest_mistake("pixels that go up have no limit", _ROOM,
                  lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), np.where(w * (x @ w + b) > 0, x, 1)))
_smallest_mistake("a weight above 1, and not above 0, says which way", _ROOM,
                  lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), np.where(w * (x @ w + b) > 1, x, 1 - x)))
_smallest_mistake("a weight above −1, and not above 0, says which way", _ROOM,
                  lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), np.where(w * (x @ w + b) > -1, x, 1 - x)))
_smallest_mistake("all pixels go the way of the answer", _ROOM,
                  lambda w, b, x: _solve(abs(x @ w + b), np.abs(w), x if x @ w + b > 0 else 1 - x))
_smallest_mistake("b alone is the answer", "The answer is the sign of w·x + b.",
                  lambda w, b, x: _solve(abs(b), np.abs(w), np.where(w * b > 0, x, 1 - x)))
_smallest_mistake("squares of w", "|w_i|.", lambda w, b, x: (lambda m, s, r: _solve(m, s**2, r))(*_room(w, b, x)))
_smallest_mistake("without absolute values", "|w_i|: each pixel goes where it helps.",
                  lambda w, b, x: (lambda m, s, r: _solve(m, w, r))(*_room(w, b, x)))


@smallest.accepted("from corner to corner")
def _(w, b, x):
    m = float(np.dot(w, x)) + b
    room = np.where(np.sign(m) * w > 0, x, 1 - x)
    order = np.argsort(room)
    done, slope = 0.0, np.abs(w).sum()
    for i in order:
        if done + slope * room[i] >= abs(m):
            break
        done += abs(w[i]) * room[i]
        slope -= abs(w[i])
    return (abs(m) - done) / slope


@smallest.accepted("by trying the changed image")
def _(w, b, x):
    m = np.sum(w * x) + b
    low, high = 0.0, 1.0
    while high - low > 1e-13:
        eps = 0.5 * (low + high)
        worst = np.clip(x - eps * np.sign(m) * np.sign(w), 0, 1)
        if (np.sum(w * worst) + b) * m > 0:
            low = eps
        else:
            high = eps
    return low


# ---- towards_target --------------------------------------------------------------------------------------------------

def _pull(z, wanted):
    """Softmax minus one-hot."""
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return p - wanted


def _towards(x, wanted, A, B, eps, alpha, steps, sign=-1, project=True, clip=True, anew=False, direction=np.sign,
             to_logits=_pull, slope=lambda h: 1 - h**2, only_end=False, limit=1.0, order="ball", smallest=None):
    x, A, B = (np.asarray(a, np.float64) for a in (x, A, B))
    at = x
    for _ in range(steps):
        h = np.tanh(at @ A)
        g = ((to_logits(h @ B, wanted) @ B.T) * slope(h)) @ A.T
        if smallest is not None:
            smallest.append(np.abs(g).min() / np.abs(g).max())
        at = (x if anew else at) + sign * alpha * direction(g)
        if project and not only_end:
            at = np.clip(at, x - limit * eps, x + limit * eps)
        if clip and not only_end:
            at = np.clip(at, 0, 1)
    if only_end:
        at = np.clip(np.clip(at, x - eps, x + eps), 0, 1)
    return at


def _towards_cases(rng):
    """The signs on the way are sure, and each of the faults shows."""
    while True:
        n, pixels = unequal(rng, 2, 6)
        hidden, classes = unequal(rng, 3, 7)
        x = rng.integers(0, 9, (n, pixels)) / 8
        case = (x, np.eye(classes)[rng.integers(0, classes, n)], numbers(rng, (pixels, hidden)) / 3,
                numbers(rng, (hidden, classes)), float(rng.integers(3, 6)) / 10,
                float(rng.integers(13, 19)) / 100, int(rng.integers(4, 7)))
        least = []
        right = _towards(*case, smallest=least)
        if min(least) > 1e-4 and all(np.abs(right - _towards(*case, **options)).max() > 0.05 for options in (
                {"sign": 1}, {"project": False}, {"clip": False}, {"anew": True}, {"slope": lambda h: 1.0},
                {"only_end": True})):
            return case


towards = Question(
    "towards_target", title="An attack that does four things wrong", points=3, kind="mend",
    asks="Mend `towards_target(x, wanted, A, B, eps, alpha, steps)`: projected gradient descent towards given classes.",
    reference=lambda *case: _towards(*case), cases=_towards_cases,
    minutes=25, level=3,
    text=r"""
        The images are the rows of `x` (N, D), with pixels in [0, 1]; the network's logits are
        `np.tanh(x @ A) @ B`, with `A` (D, H) and `B` (H, K). Row n of `wanted` (N, K) is 1 at the
        class that image n shall be taken for, its target, and 0 elsewhere. From
        the images as they are, `steps` steps are made; each moves every pixel by `alpha` in the direction that lowers
        the cross-entropy of the target, by the sign of the gradient, and is then brought back: first to within `eps` of
        the image at the beginning, pixel by pixel, then into [0, 1]. Return the last images.
        The function given runs. It has four faults, and code in which one meets each of them has been published. The
        gradient itself is right.
    """,
    hints={
        "The attack makes the target less likely": "The gradient points to where the loss grows.",
        "More steps change nothing": "From where does each step begin?",
        "Some pixels have moved by more than ε, or have left [0, 1]":
            "Two lines of np.clip after each step. ε is measured from the image at the beginning.",
    },
)


@towards.given("as given: four faults are there",
               hint="Follow one pixel through two steps: where does it begin, which way does it go, how far may it, "
                    "and what is the largest number that it may be?")
def _(x, wanted, A, B, eps, alpha, steps):
    """(N, D), (N, K), (D, H), (H, K), a number, a number, an int  →  (N, D)"""
    attacked = x
    for _ in range(steps):
        h = np.tanh(attacked @ A)
        e = np.exp(h @ B)
        p = e / e.sum(1, keepdims=True)
        g = ((p - wanted) @ B.T * (1 - h**2)) @ A.T
        attacked = x + alpha * np.sign(g)
    return attacked


@towards.solution
def towards_target(x, wanted, A, B, eps, alpha, steps):
    """(N, D), (N, K), (D, H), (H, K), a number, a number, an int  →  (N, D)"""
    attacked = x
    for _ in range(steps):
        h = np.tanh(attacked @ A)
        e = np.exp(h @ B)
        p = e / e.sum(1, keepdims=True)
        g = ((p - wanted) @ B.T * (1 - h**2)) @ A.T
        attacked = attacked - alpha * np.sign(g)
        attacked = np.clip(attacked, x - eps, x + eps)
        attacked = np.clip(attacked, 0, 1)
    return attacked


def _towards_mistake(name, hint, **options):
    towards.mistake(name, hint=hint)(lambda *case: _towards(*case, **options))


_DOWN = "Towards a class: down the loss of the target."
_AGAIN = "Each step begins where the one before has ended."
_NEAR = "After each step: np.clip(attacked, x − ε, x + ε)."
_RANGE = "After each step: np.clip(attacked, 0, 1)."
_GIVEN = "The gradient was right as given: leave it alone."
_towards_mistake("it still goes up the loss", _DOWN, sign=1)
_towards_mistake("it still begins anew at each step", _AGAIN, anew=True)
_towards_mistake("it still is not kept within ε", _NEAR, project=False)
_towards_mistake("it still leaves [0, 1]", _RANGE, clip=False)
_towards_mistake("it still goes up, and is not kept within ε", _DOWN, sign=1, project=False)
_towards_mistake("it still goes up, and leaves [0, 1]", _DOWN, sign=1, clip=False)
_towards_mistake("neither within ε nor in [0, 1]", _NEAR, project=False, clip=False)
_towards_mistake("it still begins anew, and goes up", _AGAIN, anew=True, sign=1)
_towards_mistake("it still begins anew, and leaves [0, 1]", _AGAIN, anew=True, clip=False)
_towards_mistake("only the end is brought back", "On the way it must stay inside too: the gradients are to be those of "
                 "allowed images.", only_end=True)
_towards_mistake("the gradient itself, not its sign", "Every pixel moves by α.", direction=lambda g: g)
_towards_mistake("the gradient divided by its length", "Every pixel moves by α: the sign.",
                 direction=lambda g: g / np.linalg.norm(g, axis=1, keepdims=True))
_towards_mistake("the slope of tanh is lost", _GIVEN, slope=lambda h: 1.0)
_towards_mistake("the slope of tanh is 1 + h²", _GIVEN, slope=lambda h: 1 + h**2)
_towards_mistake("the slope of tanh is h²", _GIVEN, slope=lambda h: h**2)
_towards_mistake("twice ε is allowed", _NEAR, limit=2.0)
_towards_mistake("the probabilities alone", _GIVEN, to_logits=lambda z, t: _pull(z, t) + t)
_towards_mistake("one is added at the target", _GIVEN, to_logits=lambda z, t: _pull(z, t) + 2 * t)
_towards_mistake("logits in place of probabilities", _GIVEN, to_logits=lambda z, t: z - t)


for _low, _high in ((0, 2), (-1, 1)):
    towards.mistake(f"the range is [{_low}, {_high}]", hint=_RANGE)(
        lambda x, wanted, A, B, eps, alpha, steps, low=_low, high=_high: _towards_range(
            x, wanted, A, B, eps, alpha, steps, low, high))


def _towards_range(x, wanted, A, B, eps, alpha, steps, low, high):
    at = x
    for _ in range(steps):
        at = np.clip(_towards(at, wanted, A, B, 9.0, alpha, 1, clip=False), x - eps, x + eps)
        at = np.clip(at, low, high)
    return at


_towards_mistake("no step is made", _DOWN, sign=0)
_towards_mistake("all pixels go down", "Each goes by the sign of its gradient.", direction=np.ones_like)
_towards_mistake("steps of 1 in place of α", "α times the sign.", direction=lambda g: 9.0 * np.sign(g))
_towards_mistake("the slope of tanh is 1 − h", _GIVEN, slope=lambda h: 1 - h)
_towards_mistake("the slope of tanh is 1 − 2h", _GIVEN, slope=lambda h: 1 - 2 * h)
_towards_mistake("the slope of tanh is 1 − h³", _GIVEN, slope=lambda h: 1 - h**3)
_towards_mistake("the slope of tanh is 2 − h²", _GIVEN, slope=lambda h: 2 - h**2)
_towards_mistake("the slope of tanh is −h²", _GIVEN, slope=lambda h: -h**2)


_towards_mistake("the gradient stops before B", _GIVEN, to_logits=lambda z, t: np.ones_like(z))
_towards_mistake("the gradient of the target's logit alone", _GIVEN, to_logits=lambda z, t: -t)
_towards_mistake("the slope of tanh is −1", _GIVEN, slope=lambda h: -1.0 + 0 * h)
_towards_mistake("softmax over the images", _GIVEN, to_logits=lambda z, t: np.exp(z) / np.exp(z).sum(0, keepdims=True)
                 - t)
_towards_mistake("exponentials that are not divided by their sum", _GIVEN,
                 to_logits=lambda z, t: np.exp(z) - t)
_towards_mistake("exponentials divided by their mean", _GIVEN, to_logits=lambda z, t: np.exp(z) / np.exp(z).mean(
    1, keepdims=True) - t)


def _towards_limits(name, low, high):
    def answer(x, wanted, A, B, eps, alpha, steps):
        at = x
        for _ in range(steps):
            at = np.clip(_towards(at, wanted, A, B, 9.0, alpha, 1, clip=False), low(x, eps), high(x, eps))
            at = np.clip(at, 0, 1)
        return at
    towards.mistake(name, hint="The limits are x − ε and x + ε.")(answer)


_towards_limits("pixels only go up", lambda x, e: x, lambda x, e: x + e)
_towards_limits("pixels only go down", lambda x, e: x - e, lambda x, e: x)
_towards_limits("the lower limit is ε", lambda x, e: e, lambda x, e: x + e)
_towards_limits("the upper limit is ε", lambda x, e: x - e, lambda x, e: e)
_towards_limits("all end at the upper limit", lambda x, e: x + e, lambda x, e: x + e)


@towards.mistake("one step too few", hint="As many steps as are asked for.")
def _(x, wanted, A, B, eps, alpha, steps):
    return _towards(x, wanted, A, B, eps, alpha, steps - 1)


@towards.mistake("the change, not the images", hint="Return the images.")
def _(x, wanted, A, B, eps, alpha, steps):
    return _towards(x, wanted, A, B, eps, alpha, steps) - x


@towards.accepted("by limits that are computed once")
def _(x, wanted, A, B, eps, alpha, steps):
    low, high = np.maximum(x - eps, 0), np.minimum(x + eps, 1)
    at = x.copy()
    for _ in range(steps):
        h = np.tanh(at @ A)
        g = (_pull(h @ B, wanted) @ B.T * (1 - h * h)) @ A.T
        at = np.minimum(np.maximum(at - alpha * np.sign(g), low), high)
    return at


@towards.accepted("by the change δ")
def _(x, wanted, A, B, eps, alpha, steps):
    delta = 0 * x
    for _ in range(steps):
        h = np.tanh((x + delta) @ A)
        g = (_pull(h @ B, wanted) @ B.T * (1 - h * h)) @ A.T
        delta = np.clip(delta - alpha * np.sign(g), -eps, eps)
        delta = np.clip(x + delta, 0, 1) - x
    return x + delta


# ---- best_within -----------------------------------------------------------------------------------------------------

def _within(w, x, eps):
    """The point of ball and box in which w·x is smallest: x − t w, clipped, with the t at which the length is ε."""
    low, high = 0.0, 1e6
    for _ in range(100):
        t = (low + high) / 2
        if np.linalg.norm(np.clip(x - t * w, 0, 1) - x) < eps:
            low = t
        else:
            high = t
    return np.clip(x - low * w, 0, 1)


def _within_properties(found, w, x, eps):
    w, x = np.asarray(w, np.float64), np.asarray(x, np.float64)
    found = np.asarray(found, np.float64)
    if found.shape != x.shape:
        raise ValueError(f"an image of shape {x.shape} was asked for; this has shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError("all numbers must be finite")
    best = w @ x - w @ _within(w, x, eps)
    return {"by how much the length of the change is above ε":
                max(0.0, float(np.linalg.norm(found - x)) - eps - 1e-6),
            "by how much pixels leave [0, 1]": max(0.0, float(-found.min()) - 1e-9, float(found.max()) - 1 - 1e-9),
            "what is missing to 99.5 % of the largest possible fall":
                max(0.0, 0.995 - float(w @ x - w @ found) / best)}


def _within_cases(rng):
    """Many pixels are at an end of the range and on their way out of it, as black ground is."""
    while True:
        d = int(rng.integers(9, 16))
        w, x = numbers(rng, (d,)), rng.choice([0, 0, 0, 1, 1, 4, 6, 7], d) / 8 + 0.0
        x = np.where(rng.random(d) < 0.3, 1.0, x)
        eps = float(rng.integers(10, 17)) / 16
        best = _within(w, x, eps)
        if np.linalg.norm(best - x) < eps - 1e-3:
            continue
        straight = np.clip(x - eps * w / np.linalg.norm(w), 0, 1)
        free = np.where(np.clip(x - 1e-3 * w, 0, 1) == x, 0, w)
        once = np.clip(x - eps * free / np.linalg.norm(free), 0, 1)
        most = w @ x - w @ best
        if w @ x - w @ straight < 0.9 * most and w @ x - w @ once < 0.985 * most:
            return w, x, eps


within = Question(
    "best_within", title="The whole of ε, where it helps", points=2, kind="design",
    asks="Design `best_within(w, x, eps)`: an attack on a linear model that wastes nothing of its ε.",
    reference=_within, cases=_within_cases, measure=_within_properties,
    minutes=25, level=3,
    text=r"""
        `x` (D,) is an image with pixels in [0, 1], many of them at an end of the range, as the ground of a digit is;
        the logit of its class is $w \cdot x$, with `w` (D,). Return an image (D,) of the same range whose distance
        from x, $\lVert \delta \rVert_2$, is at most ε, and whose logit is as low as possible: at least 99.5 % of the
        largest possible fall. A step of length ε down the gradient, clipped, or the sign of the gradient of that
        length, do not get there. Any way that does is right.
    """,
    hints={
        "The change is shorter than ε": "The range has cut some of it off. What is left of ε can go into the pixels "
                                        "that are still free.",
        "The length is ε, and yet too little is won": "By how much should two free pixels change, if one has twice the "
                                                      "weight of the other? Not by the same.",
        "A way that needs no theory": "Of all points with the same length, which is best? Try clip(x − t w, 0, 1), "
                                      "with the t at which the length is ε.",
    },
)


@within.solution
def best_within(w, x, eps):
    """(D,), (D,), a number  →  (D,)"""
    low, high = 0.0, 1e6
    for _ in range(100):
        t = (low + high) / 2
        attacked = np.clip(x - t * w, 0, 1)
        if np.sqrt(np.sum((attacked - x) ** 2)) > eps:
            high = t
        else:
            low = t
    return np.clip(x - low * w, 0, 1)


def _within_mistake(name, hint, answer):
    within.mistake(name, hint=hint)(lambda w, x, eps: answer(np.asarray(w, np.float64), np.asarray(x, np.float64), eps))


_CUT = "The range cuts off what it cannot use, and the change becomes shorter than ε: let the others have it."
_within_mistake("a step of length ε, clipped", _CUT, lambda w, x, e: np.clip(x - e * w / np.linalg.norm(w), 0, 1))
_within_mistake("a step of length ε, not clipped", "Pixels stay in [0, 1].",
                lambda w, x, e: x - e * w / np.linalg.norm(w))
_within_mistake("the sign of the gradient, of length ε", "Where the weight is small, a change wins little. And the "
                "range cuts.", lambda w, x, e: np.clip(x - e * np.sign(w) / np.sqrt(len(w)), 0, 1))
_within_mistake("each pixel by ε", "That is the other norm: the length is far above ε.",
                lambda w, x, e: np.clip(x - e * np.sign(w), 0, 1))
_within_mistake("up in place of down", "The logit shall fall: against w.", lambda w, x, e: _within(-w, x, e))
_within_mistake("no change", "ε is there to be used.", lambda w, x, e: x)
_within_mistake("signs of the free pixels alone, of length ε", "Two free pixels should change in the ratio of their "
                "weights.", lambda w, x, e: (lambda s: np.clip(x - e * s / np.linalg.norm(s), 0, 1))(
                    np.where(np.clip(x - 1e-3 * w, 0, 1) == x, 0, np.sign(w))))
_within_mistake("the free pixels alone, once", "Better. But pixels with some room are cut off too, and what they leave "
                "can go to the others.", lambda w, x, e: (lambda f: np.clip(x - e * f / np.linalg.norm(f), 0, 1))(
                    np.where(np.clip(x - 1e-3 * w, 0, 1) == x, 0, w)))
_within_mistake("the change, not the image", "Return the image.", lambda w, x, e: _within(w, x, e) - x)
_within_mistake("everything that the range allows", "That is much longer than ε.", lambda w, x, e: (w < 0) * 1.0)
_within_mistake("the pixel of the largest weight alone", "Several pixels share the ε, in the ratio of their weights.",
                lambda w, x, e: np.where(np.abs(w) == np.abs(w).max(), np.clip(x - e * np.sign(w), 0, 1), x))
_within_mistake("half of ε", "All of ε.", lambda w, x, e: _within(w, x, e / 2))
_within_mistake("twice ε", "The length is above ε.", lambda w, x, e: _within(w, x, 2 * e))
_within_mistake("the root of ε", "The length itself is compared with ε.", lambda w, x, e: _within(w, x, e**0.5))
_within_mistake("squares compared with ε", "The length has a root: compare its square with ε².",
                lambda w, x, e: _within(w, x, e**2))
_within_mistake("a step down, and the range is [−1, 1]", "Pixels stay in [0, 1].",
                lambda w, x, e: x - e * w / np.linalg.norm(w) * 0.999)


@within.accepted("t by steps that double and halve")
def _(w, x, eps):
    t, step = 0.0, 1.0
    while step > 1e-12:
        if np.linalg.norm(np.minimum(1, np.maximum(0, x - (t + step) * w)) - x) <= eps:
            t += step
            step *= 2
        else:
            step /= 4
    return np.minimum(1, np.maximum(0, x - t * w))


@within.accepted("what is cut off goes to those that are free, until none is cut")
def _(w, x, eps):
    delta, free = 0 * x, np.ones(len(x), bool)
    for _ in range(len(x) + 1):
        left = np.sqrt(max(eps**2 - np.sum(delta[~free] ** 2), 0))
        size = np.linalg.norm(w[free])
        if size == 0:
            break
        delta[free] = -left * w[free] / size
        out = free & ((x + delta < 0) | (x + delta > 1))
        if not out.any():
            break
        delta[out] = np.clip(x + delta, 0, 1)[out] - x[out]
        free &= ~out
    return x + delta


QUESTIONS = [margins, ball, smallest, towards, within]
