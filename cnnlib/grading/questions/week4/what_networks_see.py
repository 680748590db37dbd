"""Week 4: the questions of the notebook `what_networks_see`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal


def _relu(x):
    return np.maximum(x, 0)


# ---- cam_map ---------------------------------------------------------------------------------------------------------

def _cam(a, g):
    return _relu(np.tensordot(g.mean((1, 2)), a, 1))


def _cam_cases(rng):
    """Three to five channels of unequal sides; the map has places of both signs before the ReLU, and none are equal."""
    while True:
        shape = int(rng.integers(3, 6)), *unequal(rng, 3, 7)
        a, g = numbers(rng, shape), numbers(rng, shape)
        weighted = np.tensordot(g.mean((1, 2)), a, 1)
        if weighted.min() < -0.3 and weighted.max() > 0.3 and np.abs(g.mean((1, 2))).min() > 0.05:
            return a, g


cam = Question(
    "cam_map", title="Where the evidence is: Grad-CAM", points=2,
    asks="Write `cam_map(a, g)`: the Grad-CAM map of a layer, from what it gives and the gradient that comes back.",
    reference=_cam, cases=_cam_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `a` (K, h, w) is what the layer gives for one image, `g` (K, h, w) the gradient of the logit with respect to it.
        Each channel has one weight, the mean of its gradient over all places. Return the weighted sum of the channels,
        (h, w), where what is negative becomes 0:

        $$\begin{aligned}
        \alpha_k &= \frac{1}{hw} \sum_{i, j} g_{k i j} \\
        L &= \text{ReLU}\Big(\sum_k \alpha_k\, a_k\Big) .
        \end{aligned}$$
    """,
    hints={
        "The shape is (K, h, w)": "The channels are added up: the map has one number for each place.",
        "Small numbers at many places where 0 is expected":
            "The ReLU comes last. Inside of the sum negative channels must be able to cancel positive ones.",
        "Right in some places only":
            "Is each channel multiplied by one number, or each place by its own gradient?",
    },
)


@cam.solution
def cam_map(a, g):
    """(K, h, w), (K, h, w)  →  (h, w)"""
    weights = g.mean(axis=(1, 2))
    total = np.sum(weights[:, None, None] * a, axis=0)
    return np.maximum(total, 0)


_LAST = "What speaks against the class may cancel what speaks for it: add up first, then ReLU."
cam.mistake("no ReLU", hint="Places that speak against the class are negative here. They become 0.")(
    lambda a, g: np.tensordot(g.mean((1, 2)), a, 1))
cam.mistake("the ReLU comes before the sum over channels", hint=_LAST)(
    lambda a, g: _relu(g.mean((1, 2))[:, None, None] * a).sum(0))
cam.mistake("negative weights are left out", hint=_LAST)(lambda a, g: np.tensordot(_relu(g.mean((1, 2))), a, 1))
cam.mistake("the gradient is not averaged: each place has its own weight",
            hint="Gradient times activation, place by place, is another method. Here a channel has one weight: the "
                 "mean of its gradient over all places.")(lambda a, g: _relu((g * a).sum(0)))
cam.mistake("the gradient is added up over the places, not averaged", hint="α is a mean: divide by h·w.")(
    lambda a, g: _cam(a, g) * a[0].size)
cam.mistake("the channels are averaged, not added up", hint="Over the channels it is a sum.")(
    lambda a, g: _cam(a, g) / len(a))
cam.mistake("the weights lost their sign", hint="A channel with a negative gradient speaks against the class: no abs.")(
    lambda a, g: np.tensordot(np.abs(g.mean((1, 2))), a, 1))
cam.mistake("negative gradients were set to 0 before the mean",
            hint="All of the gradient enters the mean. The one ReLU is at the end.")(
    lambda a, g: _cam(a, _relu(g)))
cam.mistake("the activation is averaged, and the gradient is the map",
            hint="The other way round: one weight from the gradient, times the activation.")(lambda a, g: _cam(g, a))
cam.mistake("the mean of all gradients, one weight for all channels",
            hint="A mean for each channel: over the last two axes, not over the first.")(
    lambda a, g: _relu(g.mean() * a.sum(0)))
cam.mistake("the mean goes over the channels, not over the places",
            hint="`axis=0` are the channels. The weights have shape (K,).")(lambda a, g: _relu((g.mean(0) * a).sum(0)))
cam.mistake("the absolute value in place of the ReLU", hint="Negative places become 0, not positive.")(
    lambda a, g: np.abs(np.tensordot(g.mean((1, 2)), a, 1)))
cam.mistake("channels are not added up", hint="Add up over the first axis: the map is (h, w).")(
    lambda a, g: _relu(g.mean((1, 2))[:, None, None] * a))
cam.mistake("the ReLU is turned over", hint="Keep what is positive: `np.maximum`.")(
    lambda a, g: np.minimum(np.tensordot(g.mean((1, 2)), a, 1), 0))
cam.mistake("the map is scaled to 1", hint="Return it as it is: scaling hides how large it is.")(
    lambda a, g: _cam(a, g) / _cam(a, g).max())


cam.mistake("the gradient is not used", hint="Each channel has a weight, the mean of its gradient.")(
    lambda a, g: _relu(a.sum(0)))
cam.mistake("the activation is not used", hint="The weights multiply what the layer gives.")(
    lambda a, g: np.full(a.shape[1:], max(g.mean((1, 2)).sum(), 0)))
cam.mistake("the weight is added to the channel", hint="A weight multiplies its channel.")(
    lambda a, g: _relu((g.mean((1, 2))[:, None, None] + a).sum(0)))
cam.mistake("all places are added up as well", hint="Only over the channels: the map keeps its places.")(
    lambda a, g: max(np.tensordot(g.mean((1, 2)), a, 1).sum(), 0))
_AXIS = "The channels are the first axis: add up over `axis=0`."
cam.mistake("added up over the rows, not over the channels", hint=_AXIS)(
    lambda a, g: _relu((g.mean((1, 2))[:, None, None] * a).sum(1)))
cam.mistake("added up over the columns, not over the channels", hint=_AXIS)(
    lambda a, g: _relu((g.mean((1, 2))[:, None, None] * a).sum(2)))
cam.mistake("nothing falls below 1", hint="ReLU is the larger of the sum and 0.")(
    lambda a, g: np.maximum(np.tensordot(g.mean((1, 2)), a, 1), 1))


@cam.accepted("one Einstein sum")
def _(a, g):
    return np.maximum(np.einsum("kij,kuv->uv", g, a) / g[0].size, 0)


@cam.accepted("a loop over the channels")
def _(a, g):
    total = np.zeros(a.shape[1:])
    for channel, slope in zip(a, g, strict=True):
        total = total + slope.mean() * channel
    total[total < 0] = 0
    return total


# ---- forward_passes --------------------------------------------------------------------------------------------------

def _squares(length, size, stride):
    return -(-(length - size) // stride) + 1


def _passes_cases(rng, turn):
    """Squares that overlap; in three of four cases something is left over at both borders, in one at neither."""
    while True:
        size = int(rng.integers(3, 9))
        stride = int(rng.integers(2, size)) if turn % 7 else 1
        height, width = unequal(rng, size, 60)
        rests = (height - size) % stride, (width - size) % stride
        if stride == 1 or all(rests) == bool(turn % 4) and any(rests) == bool(turn % 4):
            return height, width, size, stride


passes = Question(
    "forward_passes", title="What occlusion costs", points=1,
    asks="Write `forward_passes(height, width, size, stride)`: how often occlusion runs the network for one image.",
    reference=lambda height, width, size, stride: _squares(height, size, stride) * _squares(width, size, stride) + 1,
    cases=_passes_cases,
    kind="predict", minutes=10, level=1, practice=True,
    text=r"""
        The network is asked once with the whole image of `height` × `width`, and once for each place of a square of
        side `size`, which fits into the image. The first square lies in the upper left corner; from one to the next it
        moves by `stride`, at most `size`, to the right and down. Where the last one would leave pixels at the right or
        lower border uncovered, there is one more, cut off at the border: every pixel is covered. Return an int.
    """,
    hints={
        "One too few, or one too many": "The whole image is asked too. And one square covers a side of its own length.",
        "Right where the squares fit, else too small":
            "What is left over at the border needs one more: round up, `-(-n // stride)`.",
    },
)


@passes.solution
def forward_passes(height, width, size, stride):
    """four ints  →  int"""
    squares = 1
    for length in (height, width):
        squares *= -(-(length - size) // stride) + 1       # rounded up
    return squares + 1


def _passes_mistake(name, hint, count, more=1):
    passes.mistake(name, hint=hint)(
        lambda height, width, size, stride: count(height, size, stride) * count(width, size, stride) + more)


_passes_mistake("the whole image is not counted", "The logit without a square is asked for as well: + 1.", _squares, 0)
_passes_mistake("what is left over at the border is not covered",
                "Round up: where (length − size)/stride leaves a rest, one more square is cut off at the border.",
                lambda n, k, s: (n - k) // s + 1)
_passes_mistake("what is left over is not covered, and the whole image is not counted",
                "Round up where something is left over, and add the whole image.", lambda n, k, s: (n - k) // s + 1, 0)
_passes_mistake("a square at every stride, also where all is covered",
                "The last square is the first that reaches the border: after it nothing is left to cover.",
                lambda n, k, s: -(-n // s))
_passes_mistake("a square at every stride, and the whole image is not counted",
                "After the first square that reaches the border none is needed; and the whole image is asked too.",
                lambda n, k, s: -(-n // s), 0)
_passes_mistake("the first square is missing", "Moves are one fewer than places: + 1 on each side.",
                lambda n, k, s: -(-(n - k) // s))
_passes_mistake("one more square on each side", "Of what is left over the border is one square, not two.",
                lambda n, k, s: (n - k) // s + 2)
_passes_mistake("the stride is left out", "From one square to the next it moves by `stride`.",
                lambda n, k, s: n - k + 1)
_passes_mistake("the size is left out", "The first square covers `size` already: (length − size) is left to walk.",
                lambda n, k, s: -(-n // s) + 1)
_passes_mistake("the size is added to the side", "After the first square, length − size is left to walk.",
                lambda n, k, s: -(-(n + k) // s) + 1)
_passes_mistake("not rounded", "A part of a square is a whole one: round up.", lambda n, k, s: (n - k) / s + 1)
_passes_mistake("the first square is taken away, not added", "Places are one more than moves: + 1.",
                lambda n, k, s: -(-(n - k) // s) - 1)
_passes_mistake("the first square is missing, and the whole image too", "Places are one more than moves: + 1.",
                lambda n, k, s: -(-(n - k) // s), 0)
_passes_mistake("the whole image is taken away", "It is asked as well: + 1.", _squares, -1)
_passes_mistake("the whole image is counted twice", "It is asked once.", _squares, 2)
_passes_mistake("squares side by side, by their size", "They move by `stride`, which may be less than `size`.",
                lambda n, k, s: -(-n // k))


@passes.mistake("one row of squares only", hint="Squares lie in rows and in columns: the two counts are multiplied.")
def _(height, width, size, stride):
    return _squares(height, size, stride) + _squares(width, size, stride) + 1


@passes.mistake("the squares of one direction only", hint="Rows and columns: the two counts are multiplied.")
def _(height, width, size, stride):
    return _squares(width, size, stride) + 1


@passes.mistake("the squares of the height only", hint="Rows and columns: the two counts are multiplied.")
def _(height, width, size, stride):
    return _squares(height, size, stride) + 1


@passes.mistake("both sides are taken as the height", hint="The image has a height and a width.")
def _(height, width, size, stride):
    return _squares(height, size, stride) ** 2 + 1


@passes.mistake("both sides are taken as the width", hint="The image has a height and a width.")
def _(height, width, size, stride):
    return _squares(width, size, stride) ** 2 + 1


@passes.mistake("size and stride are exchanged", hint="`size` is the side of the square, `stride` how far it moves.")
def _(height, width, size, stride):
    return _squares(height, stride, size) * _squares(width, stride, size) + 1


@passes.accepted("counted")
def _(height, width, size, stride):
    def starts(length):
        top, found = 0, 1
        while top + size < length:
            top, found = top + stride, found + 1
        return found
    return 1 + starts(height) * starts(width)


@passes.accepted("rounded up by NumPy")
def _(height, width, size, stride):
    sides = np.array([height, width])
    return int(np.prod(np.ceil((sides - size) / stride).astype(int) + 1)) + 1


# ---- probability_slope -----------------------------------------------------------------------------------------------

def _softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def _slope(z, jacobian, c):
    p = _softmax(z)
    return p[c] * (jacobian[c] - p @ jacobian)


def _slope_cases(rng, turn):
    """In one of four the logits are near 1,000, which float32 still holds exactly, and one is 0."""
    classes, pixels = unequal(rng, 3, 8)
    z, c = numbers(rng, (classes,)) / 2, int(rng.integers(classes))
    if turn % 4 == 1:
        z += 1000
        z[c - 1] = 0
    return z, numbers(rng, (classes, pixels)), c


slope = Question(
    "probability_slope", title="The gradient of a probability", points=3,
    asks="Write `probability_slope(z, jacobian, c)`: the gradient of the probability of class c by the pixels.",
    reference=_slope, cases=_slope_cases,
    minutes=20, level=2,
    text=r"""
        `z` (C,) are the logits of one image, $p = \text{softmax}(z)$, and `jacobian` (C, P) holds their gradients: row
        k is $\partial z_k / \partial x$ with respect to the P pixels. Return $\partial p_c / \partial x$, (P,). It is
        not a multiple of row c: a probability rises too where others fall. Logits may be as large as 1,000.
    """,
    hints={
        "Proportional to row c of the jacobian":
            "That is right for two classes that are opposites only. Write p_c as a quotient and differentiate it: the "
            "sum below the line depends on the pixels too.",
        "nan or inf": "Subtract the largest logit before `np.exp`.",
    },
)


@slope.solution
def probability_slope(z, jacobian, c):
    """(C,), (C, P), int  →  (P,)"""
    e = np.exp(z - z.max())
    p = e / e.sum()
    mean = p @ jacobian                   # of all rows, by probability
    return p[c] * (jacobian[c] - mean)


def _slope_mistake(name, hint, answer):
    slope.mistake(name, hint=hint)(lambda z, jacobian, c: answer(_softmax(z), jacobian, c))


_slope_mistake("the gradient of the logit", "Row c belongs to the logit. The probability is a function of all logits.",
               lambda p, j, c: j[c])
_slope_mistake("p (1 − p) times row c", "The other logits depend on the pixels too: each row of the jacobian enters.",
               lambda p, j, c: p[c] * (1 - p[c]) * j[c])
_slope_mistake("p times row c", "The sum below the line is not constant.", lambda p, j, c: p[c] * j[c])
_slope_mistake("the gradient of the logarithm of the probability", "∂ log p = ∂p / p: the factor p_c is missing.",
               lambda p, j, c: j[c] - p @ j)
_slope_mistake("the rows are averaged alike", "Each row counts by its probability, not 1/C.",
               lambda p, j, c: p[c] * (j[c] - j.mean(0)))
_slope_mistake("the sign is turned over", "The probability rises with its own logit.",
               lambda p, j, c: -p[c] * (j[c] - p @ j))
_slope_mistake("the other rows are added, not subtracted", "Where other logits rise, this probability falls.",
               lambda p, j, c: p[c] * (j[c] + p @ j))
_slope_mistake("row c is left out of the mean", "The sum goes over all classes, c among them.",
               lambda p, j, c: p[c] * (j[c] - p @ j + p[c] * j[c]))
_slope_mistake("the gradients of all probabilities", "Only the row of class c.",
               lambda p, j, c: p[:, None] * (j - p @ j))
_slope_mistake("the gradient of the cross-entropy", "p − y is the gradient of the loss, not of the probability.",
               lambda p, j, c: (p - (np.arange(len(p)) == c)) @ j)
_slope_mistake("of class 0, whatever was asked", "`c` says of which class.", lambda p, j, c: p[0] * (j[0] - p @ j))
_slope_mistake("of the most probable class, whatever was asked", "`c` says of which class; it need not be the winner.",
               lambda p, j, c: p[p.argmax()] * (j[p.argmax()] - p @ j))
_slope_mistake("of two classes only", "Every other class takes from p_c by its own row.",
               lambda p, j, c: p[c] * (1 - p[c]) * (j[c] - (j.sum(0) - j[c]) / (len(p) - 1)))


_slope_mistake("row c itself is missing", "p_c times (row c − the mean of all rows).", lambda p, j, c: p[c] * (p @ j))
_slope_mistake("all rows, each times p_c", "Only row c: one gradient is asked for.",
               lambda p, j, c: p[c] * (j - p @ j))
_slope_mistake("p_c alone", "Times the gradients.", lambda p, j, c: p[c])


def _other_softmax(name, hint, share):
    def answer(z, jacobian, c):
        p = share(z)
        return p[c] * (jacobian[c] - p @ jacobian)
    slope.mistake(name, hint=hint)(answer)


_other_softmax("softmax without the exponential", "p = exp(z) / Σ exp(z).",
               lambda z: (z - z.max()) / (z - z.max()).sum())
_other_softmax("small logits are the likely ones", "The largest logit has the largest probability: exp(z − max z).",
               lambda z: _softmax(-z))
_other_softmax("all classes are taken as equally likely", "p is the softmax of z.",
               lambda z: np.full(len(z), 1 / len(z)))
_other_softmax("softmax without its sum below the line", "Divide by the sum of the exponentials.",
               lambda z: np.exp(z - z.max()))
_other_softmax("divided by the mean of the exponentials", "Divide by their sum.",
               lambda z: _softmax(z) * len(z))
_other_softmax("the sum below the line is multiplied", "Divide by the sum of the exponentials.",
               lambda z: np.exp(z - z.max()) * np.exp(z - z.max()).sum())


@slope.accepted("by the matrix of softmax's derivatives")
def _(z, jacobian, c):
    p = np.exp(z - np.logaddexp.reduce(z))
    return ((np.diag(p) - np.outer(p, p)) @ jacobian)[c]


@slope.accepted("class by class")
def _(z, jacobian, c):
    e = np.exp(z - max(z))
    p = e / np.sum(e)
    out = np.zeros(jacobian.shape[1])
    for k, row in enumerate(jacobian):
        out = out + p[c] * p[k] * (jacobian[c] - row)
    return out


# ---- guided ----------------------------------------------------------------------------------------------------------

def _parts(x, w, u, v):
    """z = v·relu(U relu(W x)): → the inputs of both ReLUs, and the shapes to come back."""
    first = w @ x
    return first, u @ _relu(first)


def _guided(x, w, u, v, second=lambda g, f: g * (f > 0) * (g > 0), first=None, last=lambda g: g):
    a, b = _parts(x, w, u, v)
    g = second(v, b)
    g = (first or second)(u.T @ g, a)
    return last(w.T @ g)


def _plain(g, f):
    return g * (f > 0)


def _deconvnet(g, f):
    return _relu(g)


def _open_at_zero(g, f):
    return _relu(g) * (f >= 0)


def _guided_cases(rng, turn):
    """Both masks matter in both layers: a ReLU that is shut, and a gradient that is negative, of one that is open.

    In every third case exactly 0 comes into one ReLU of the first layer, and a positive gradient comes back to it.
    """
    while True:
        n = rng.choice(np.arange(3, 9), 3, replace=False)
        x, v = numbers(rng, (n[0],)), numbers(rng, (n[2],))
        w, u = numbers(rng, (n[1], n[0])), numbers(rng, (n[2], n[1]))
        if turn % 3 == 2:
            w[0] = 0
            w[0, :2] = x[1], -x[0]
        ways = [_guided(x, w, u, v), _guided(x, w, u, v, _plain), _guided(x, w, u, v, _deconvnet),
                _guided(x, w, u, v, first=_plain), _guided(x, w, u, v, first=_deconvnet),
                _guided(x, w, u, v, _plain, _guided_rule), _guided(x, w, u, v, _deconvnet, _guided_rule)]
        if turn % 3 == 2:
            ways.append(_guided(x, w, u, v, _open_at_zero))
        if ways[0].any() and all(np.abs(ways[0] - other).max() > 0.1 for other in ways[1:]):
            return x, w, u, v


def _guided_rule(g, f):
    return g * (f > 0) * (g > 0)


guide = Question(
    "guided", title="One mask too few", points=3,
    asks="Mend `guided(x, w, u, v)`: it is to be guided backpropagation.",
    reference=_guided, cases=_guided_cases,
    kind="mend", minutes=20, level=2,
    text=r"""
        The network is $z = v \cdot \text{relu}(U\, \text{relu}(W x))$, with `x` (n,), `w` (m, n), `u` (l, m), `v`
        (l,). In guided backpropagation a ReLU sends back the gradient $g$ that reaches it only where two things hold:
        what came *into* the ReLU on the way forward was positive, and $g$ itself is. Elsewhere it sends back 0. Both
        layers do this, from the output to the input. Return what reaches `x`, (n,); at `x` itself there is no ReLU.
    """,
    hints={
        "It does not depend on x": "Then no mask of the forward pass is in it. What came into each ReLU?",
        "Some numbers are negative, and 0 is expected, or the other way round":
            "Gradients are masked at the ReLUs, before they go through `u.T` and `w.T`, and not at the end.",
    },
)


@guide.given("the mask of the way forward is missing",
             hint="That is the deconvnet: it keeps positive gradients, of ReLUs too that were shut on the way forward. "
                  "A ReLU sends back g where its input was positive and g is positive.")
def _(x, w, u, v):
    """(n,), (m, n), (l, m), (l,)  →  (n,)"""
    g = np.maximum(v, 0)
    g = np.maximum(u.T @ g, 0)
    return w.T @ g


@guide.solution
def guided(x, w, u, v):
    """(n,), (m, n), (l, m), (l,)  →  (n,)"""
    first = w @ x                         # what comes into each ReLU
    second = u @ np.maximum(first, 0)
    g = v
    for f, weight in ((second, u), (first, w)):
        g = weight.T @ (np.maximum(g, 0) * (f > 0))
    return g


def _guided_mistake(name, hint, **rules):
    guide.mistake(name, hint=hint)(lambda x, w, u, v: _guided(x, w, u, v, **rules))


_guided_mistake("the plain gradient", "Autograd's mask alone: negative gradients must be stopped at each ReLU too.",
                second=_plain)
_guided_mistake("the first layer lets negative gradients pass", "Both ReLUs stop negative gradients.", first=_plain)
_guided_mistake("the second layer lets negative gradients pass", "Both ReLUs stop negative gradients.",
                second=_plain, first=_guided_rule)
_guided_mistake("the first layer has no mask of the way forward", "What came into the first ReLU is w @ x.",
                first=_deconvnet)
_guided_mistake("the second layer has no mask of the way forward",
                "What came into the second ReLU is u @ relu(w @ x).", second=_deconvnet, first=_guided_rule)
_guided_mistake("negative numbers are set to 0 at x as well", "There is no ReLU at x: what reaches it keeps its sign.",
                last=_relu)
_guided_mistake("the plain gradient, without what is negative at x",
                "Negative gradients are stopped at each ReLU, on the way, and not at the end.", second=_plain,
                last=_relu)
_guided_mistake("the size of the gradient, without its sign", "Keep the sign at x.", last=np.abs)
_guided_mistake("only negative gradients pass", "Positive ones pass: g > 0.",
                second=lambda g, f: g * (f > 0) * (g < 0))
_guided_mistake("the masks are those of ReLUs that were shut", "A ReLU passes where its input was positive.",
                second=lambda g, f: _relu(g) * (f <= 0))
_guided_mistake("only the last layer is guided, and the first not masked at all", "The first ReLU masks twice as well.",
                first=lambda g, f: g)
_guided_mistake("the gradient is replaced by 1 where it passes", "What passes keeps its size.",
                second=lambda g, f: 1.0 * (f > 0) * (g > 0))


_guided_mistake("gradients are clamped at 1", "Clamp at 0: what is negative becomes 0.",
                second=lambda g, f: np.maximum(g, 1) * (f > 0))
_guided_mistake("gradients are clamped at −1", "Clamp at 0: what is negative becomes 0.",
                second=lambda g, f: np.maximum(g, -1) * (f > 0))
_guided_mistake("a ReLU counts as open from 1 on", "It passes what is above 0.", second=lambda g, f: _relu(g) * (f > 1))
_guided_mistake("a ReLU counts as open from −1 on", "It passes what is above 0.",
                second=lambda g, f: _relu(g) * (f > -1))
_guided_mistake("a ReLU counts as open at 0 too", "It passes where what came in was above 0.", second=_open_at_zero)
_guided_mistake("the mask is added", "The mask multiplies: 1 where it passes, else 0.",
                second=lambda g, f: _relu(g) + (f > 0))
_guided_mistake("only the masks go back, without the gradient", "What passes keeps its size: mask times gradient.",
                second=lambda g, f: 1.0 * (f > 0))


@guide.mistake("gradient times input", hint="Return what reaches x, not its product with x.")
def _(x, w, u, v):
    return _guided(x, w, u, v) * x


@guide.mistake("the second ReLU's input is taken without the first ReLU",
               hint="On the way forward the first ReLU acts before `u`: u @ relu(w @ x).")
def _(x, w, u, v):
    g = _relu(v) * (u @ (w @ x) > 0)
    return w.T @ (_relu(u.T @ g) * (w @ x > 0))


@guide.accepted("with lists of places")
def _(x, w, u, v):
    first = w @ x
    hidden = np.where(first > 0, first, 0)
    second = u @ hidden
    back = np.zeros(len(v))
    for i in np.flatnonzero((second > 0) & (v > 0)):
        back[i] = v[i]
    back = back @ u
    back[(first <= 0) | (back < 0)] = 0
    return back @ w


@guide.accepted("masks first, in one product")
def _(x, w, u, v):
    a = (w @ x > 0).astype(float)
    b = (u @ (a * (w @ x)) > 0).astype(float)
    back = u.T @ (b * v * (v > 0))
    return w.T @ (a * back.clip(0))


# ---- path_sum --------------------------------------------------------------------------------------------------------

def _path(x, b, w, v, steps, times=None, scale=None):
    times = (np.arange(steps) + 0.5) / steps if times is None else times(steps)
    slopes = [w.T @ (v * (w @ (b + t * (x - b)) > 0)) for t in times]
    return (x - b if scale is None else scale) * np.mean(slopes, 0)


def _path_cases(rng, turn):
    """ReLUs open and shut on the way; no input lies at a kink at a midpoint, or at another point that is tried."""
    while True:
        n, m = unequal(rng, 2, 7)
        x, b, w, v = numbers(rng, (n,)), numbers(rng, (n,)), numbers(rng, (m, n)), numbers(rng, (m,))
        steps = int(rng.integers(2, 7)) if turn % 5 else 1
        tried = [0.0, 1.0, *(np.arange(2 * steps + 1) / (2 * steps))]
        inside = np.array([w @ (b + t * (x - b)) for t in tried])
        origin = np.array([w @ (t * x) for t in tried[3:]])
        ends = (w @ x > 0) != (w @ b > 0)
        if np.abs(inside).min() > 1e-3 and ends.sum() >= 1 and np.abs(origin).min() > 1e-3 and np.abs(
                _path(x, b, w, v, steps)).min() > 1e-3 and (x != b).all():
            return x, b, w, v, steps


path = Question(
    "path_gradient", title="Gradients on the way from black", points=3,
    asks="Write `path_gradient(x, b, w, v, steps)`: integrated gradients of a small network by the midpoint rule.",
    reference=_path, cases=_path_cases,
    minutes=25, level=3,
    text=r"""
        The network is $z(x) = v \cdot \text{relu}(W x)$, with `x` (n,), `w` (m, n), `v` (m,); `b` (n,) is the baseline.
        Cut the straight way from `b` to `x` into `steps` equal pieces, take the gradient of z at the **middle** of each
        piece, average these gradients, and multiply by what was walked, $x - b$, number by number. Return (n,). No ReLU
        has exactly 0 as its input there.
    """,
    hints={
        "With one step already wrong":
            "One piece has its middle at (b + x)/2. Which ReLUs are open there, and what is W's share in the gradient?",
        "Nearly right, better with more steps": "The gradient is taken at the middle of each piece: t = (k + ½)/steps.",
    },
)


@path.solution
def path_gradient(x, b, w, v, steps):
    """(n,), (n,), (m, n), (m,), int  →  (n,)"""
    total = np.zeros(len(x))
    for k in range(steps):
        point = b + (k + 0.5) / steps * (x - b)
        total += w.T @ (v * (w @ point > 0))
    return (x - b) * total / steps


def _path_mistake(name, hint, **options):
    path.mistake(name, hint=hint)(lambda x, b, w, v, steps: _path(x, b, w, v, steps, **options))


_path_mistake("the gradient is taken where each piece begins", "At its middle: t = (k + ½)/steps.",
              times=lambda s: np.arange(s) / s)
_path_mistake("the gradient is taken where each piece ends", "At its middle: t = (k + ½)/steps.",
              times=lambda s: np.arange(1, s + 1) / s)
_path_mistake("points from one end to the other, both included", "`steps` middles of pieces, not `steps` fence posts.",
              times=lambda s: np.linspace(0, 1, s))
_path_mistake("the gradient at x alone", "The gradients along the whole way are averaged.", times=lambda s: np.ones(1))
_path_mistake("the gradient at the baseline alone", "The gradients along the whole way are averaged.",
              times=lambda s: np.zeros(1))
_path_mistake("the gradient in the middle of the way alone", "Each of the `steps` pieces has a middle.",
              times=lambda s: np.full(1, 0.5))
_path_mistake("not multiplied by what was walked", "The mean gradient says how steep the way is: times x − b.", scale=1)


_path_mistake("every point lies one piece too far back", "The middle of piece k is at t = (k + ½)/steps, k from 0 on.",
              times=lambda s: (np.arange(s) - 0.5) / s)
_path_mistake("every point lies one piece too far", "The middle of piece k is at t = (k + ½)/steps, k from 0 on.",
              times=lambda s: (np.arange(s) + 1.5) / s)
_path_mistake("the middle of the first piece alone", "All `steps` middles are averaged.",
              times=lambda s: np.full(1, 0.5 / s))
_path_mistake("pieces as long as the whole way", "Divide by `steps`: t runs from 0 to 1.",
              times=lambda s: np.arange(s) + 0.5)
_path_mistake("walked from the baseline away from x", "b + t (x − b).", times=lambda s: -(np.arange(s) + 0.5) / s)


def _path_other(name, hint, gradient, walked=lambda x, b: x - b):
    def answer(x, b, w, v, steps):
        points = [b + (k + 0.5) / steps * (x - b) for k in range(steps)]
        return walked(x, b) * np.mean([gradient(w, v, w @ point) for point in points], 0)
    path.mistake(name, hint=hint)(answer)


_path_other("v is left out", "The gradient of z goes through v too.", lambda w, v, f: w.T @ (f > 0))
_path_other("v is added to the mask", "v times the mask.", lambda w, v, f: w.T @ (v + (f > 0)))
_path_other("a ReLU counts as open from 1 on", "It is open above 0.", lambda w, v, f: w.T @ (v * (f > 1)))
_path_other("a ReLU counts as open from −1 on", "It is open above 0.", lambda w, v, f: w.T @ (v * (f > -1)))
_path_other("multiplied by the baseline", "What was walked is x − b.", lambda w, v, f: w.T @ (v * (f > 0)),
            lambda x, b: b)
_path_other("multiplied by x + b", "What was walked is x − b.", lambda w, v, f: w.T @ (v * (f > 0)),
            lambda x, b: x + b)


@path.mistake("the baseline is left out of the points", hint="They lie between b and x: b + t (x − b).")
def _(x, b, w, v, steps):
    return (x - b) * np.mean([w.T @ (v * (w @ ((k + 0.5) / steps * (x - b)) > 0)) for k in range(steps)], 0)


@path.mistake("only the last piece counts, divided by `steps`", hint="Add up the gradients of all pieces: `+=`.")
def _(x, b, w, v, steps):
    return _path(x, b, w, v, steps, times=lambda s: np.full(1, 1 - 0.5 / s)) / steps


@path.mistake("multiplied by x, not by x − b", hint="What was walked is x − b.")
def _(x, b, w, v, steps):
    return _path(x, b, w, v, steps, scale=x)


@path.mistake("gradient times input",
              hint="That is this method for a baseline of 0. The way begins at b, and x − b is walked.")
def _(x, b, w, v, steps):
    return _path(x, 0 * b, w, v, steps)


@path.mistake("walked from x to the baseline", hint="x − b, from b to x.")
def _(x, b, w, v, steps):
    return -_path(x, b, w, v, steps)


@path.mistake("added up, not averaged", hint="Divide by `steps`.")
def _(x, b, w, v, steps):
    return _path(x, b, w, v, steps) * steps


@path.mistake("the ReLU is left out of the gradient",
              hint="Only rows of W whose ReLU is open at the point count: v times (W point > 0).")
def _(x, b, w, v, steps):
    return (x - b) * (w.T @ v)


@path.mistake("the ReLU itself in place of its gradient",
              hint="The gradient of relu is 0 or 1: `> 0`, not `np.maximum`.")
def _(x, b, w, v, steps):
    points = [b + (k + 0.5) / steps * (x - b) for k in range(steps)]
    return (x - b) * np.mean([w.T @ (v * _relu(w @ point)) for point in points], 0)


@path.mistake("the sizes of the gradients", hint="Gradients keep their sign: what is for and what is against cancels.")
def _(x, b, w, v, steps):
    return (x - b) * np.mean([np.abs(w.T @ (v * (w @ (b + (k + 0.5) / steps * (x - b)) > 0)))
                              for k in range(steps)], 0)


@path.mistake("one number, the sum", hint="One number for each pixel; their sum is nearly z(x) − z(b).")
def _(x, b, w, v, steps):
    return _path(x, b, w, v, steps).sum()


@path.accepted("all points at once")
def _(x, b, w, v, steps):
    t = (np.arange(steps)[:, None] + 0.5) / steps
    opened = (b + t * (x - b)) @ w.T > 0                                 # (steps, m)
    return (x - b) * ((opened * v) @ w).mean(0)


@path.accepted("how often each ReLU is open")
def _(x, b, w, v, steps):
    share = np.zeros(len(v))
    for t in np.linspace(0.5 / steps, 1 - 0.5 / steps, steps):
        share += (w @ ((1 - t) * b + t * x) > 0) / steps
    return (x - b) * (w.T @ (share * v))


# ---- unmoved ---------------------------------------------------------------------------------------------------------

def _gate(x, a):
    """Σ 1 − relu(1 − a x), of which each term rises to 1 and stays there."""
    return np.sum(1 - _relu(1 - a * x))


def _unmoved_properties(x, a):
    """The gradient by central differences, and by how much the logit falls when one number is covered with 0."""
    if x.shape != a.shape:
        raise ValueError(f"as many numbers as a has, {len(a)}, were asked for; this has shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("all numbers must be finite")
    step = 1e-3
    moves = [abs(_gate(x + step * one, a) - _gate(x - step * one, a)) / (2 * step) for one in np.eye(len(a))]
    falls = [_gate(x, a) - _gate(np.where(one, 0, x), a) for one in np.eye(len(a), dtype=bool)]
    return {"largest gradient": max(moves), "smallest fall": min(falls), "largest fall": max(falls),
            "how far a x goes beyond 2": max(0, float(np.max(a * x)) - 2)}


unmoved_at = Question(
    "unmoved", title="No gradient, and yet it matters", points=2,
    asks="Design `unmoved(a)`: an image whose saliency is 0 everywhere, though every pixel of it matters.",
    reference=lambda a: 2 / a, cases=lambda rng: (numbers(rng, (int(rng.integers(2, 8)),)),),
    measure=_unmoved_properties, kind="design", minutes=15, level=2,
    text=r"""
        The network is $z(x) = \sum_i \big(1 - \text{relu}(1 - a_i x_i)\big)$; `a` (n,) are its weights, of either
        sign and none of them 0. Return an image x, (n,), for which

        - the gradient of z is 0 with respect to each of its n numbers, also if the image is moved by a thousandth;
        - covering any one number with 0 makes z smaller by 1;
        - no product a_i x_i is above 2.

        There are many such images, and each of them passes.
    """,
    hints={
        "Where to begin":
            "Draw $1 - \\text{relu}(1 - a x)$ against x for one a > 0. Where is it flat, and how high is it there?",
        "It fails for some weights": "With a negative weight the flat part lies at negative x.",
        "The gradient is not 0, but nearly everywhere":
            "At the bend itself, a x = 1, a small move shows the slope. Go on.",
    },
)


@unmoved_at.solution
def unmoved(a):
    """(n,)  →  (n,)"""
    return 2 / a                          # a x = 2: relu(1 − 2) = 0


def _unmoved_mistake(name, hint, image):
    unmoved_at.mistake(name, hint=hint)(image)


_unmoved_mistake("exactly at the bend", "At a x = 1 a step back still meets the slope. Go further.", lambda a: 1 / a)
_unmoved_mistake("black", "At 0 every term has its slope. Where is it flat?", lambda a: np.zeros(len(a)))
_unmoved_mistake("the sign of the weight is left out", "Where a is negative, a x must still be above 1: x negative.",
                 lambda a: 2 / np.abs(a))
_unmoved_mistake("on the other side", "There a x is negative, and 1 − a x is large: the slope is a.", lambda a: -2 / a)
_unmoved_mistake("the weights themselves", "a x is a² then, and that is not above 1 for small weights.", lambda a: a)
_unmoved_mistake("far out", "Flat it is, but the products are above 2: go only a little behind the bend.",
                 lambda a: 1000 * np.sign(a))
_unmoved_mistake("one number for all", "Its place and its sign depend on the weight.", lambda a: np.full(len(a), 2.0))
_unmoved_mistake("the sign of the weights", "a x = |a| is above 1 for large weights only: divide by a.", np.sign)
_unmoved_mistake("halfway up the slope", "At a x = ½ the gradient is a. It is flat from a x = 1 on.", lambda a: 0.5 / a)

_unmoved_mistake("multiplied by the weight, not divided", "a x must be above 1: for a small weight x is large.",
                 lambda a: 2 * a)
_unmoved_mistake("half of the weight", "a x must be above 1: divide by the weight.", lambda a: a / 2)

unmoved_at.accepted("just behind the bend")(lambda a: 1.1 / a)
unmoved_at.accepted("weight by weight")(lambda a: np.array([1.5 / abs(one) * (1 if one > 0 else -1) for one in a]))

QUESTIONS = [cam, passes, slope, guide, path, unmoved_at]
