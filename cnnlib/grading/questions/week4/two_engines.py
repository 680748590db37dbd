"""Week 4: the questions of the notebook `two_engines`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- my_conv2d -------------------------------------------------------------------------------------------------------

# Stride, padding, dilation, groups, planes of a group, kernels of a group; in turn, so that each meets others.
LAYERS = [(1, 0, 1, 1, 3, 2), (2, 1, 1, 1, 2, 3), (1, 2, 2, 2, 1, 3), (3, 1, 1, 3, 2, 1), (2, 2, 3, 1, 3, 4),
          (2, 1, 2, 2, 3, 2), (1, 1, 1, 5, 1, 1)]


def _layer_case(rng, turn):
    """Kernels and images that are never square; strides 1 to 3, with groups and without, in every third no bias.

    As networks call it, the last arguments are left out where they have their default.
    """
    s, p, d, groups, planes, each = LAYERS[turn % len(LAYERS)]
    k_h, k_w = unequal(rng, 2, 4)
    while True:
        height, width = unequal(rng, 6, 11)
        rows, columns = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k in ((height, k_h), (width, k_w)))
        if rows > 1 and columns > 1 and rows != columns:
            break
    bias = None if turn % 3 == 2 else numbers(rng, (groups * each,)) if groups * each > 1 else np.array([0.5])
    given = [numbers(rng, (2, groups * planes, height, width)), numbers(rng, (groups * each, planes, k_h, k_w)), bias,
             s, p, d, groups]
    for default in (1, 1, 0, 1, None):
        if given[-1] is not default:
            break
        given.pop()
    return tuple(given)


def _framed(x, p, **how):
    return np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)], **how)


def _layer(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1, *, frame=_framed, reads=None, taps=None):
    """Place by place. frame: pads; reads(o, planes, each, groups): the channels of kernel o; taps: those that count."""
    x, w = frame(np.asarray(x, np.float64), padding), np.asarray(w, np.float64)
    c_out, planes, k_h, k_w = w.shape
    rows, columns = ((n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], (k_h, k_w), strict=True))
    each = c_out // groups
    reads = reads or (lambda o, planes, each, groups: o // each * planes + np.arange(planes))
    y = np.zeros((len(x), c_out, rows, columns))
    for o in range(c_out):
        read = x[:, reads(o, planes, each, groups) % x.shape[1]]
        for u, v in taps(k_h, k_w) if taps else np.ndindex(k_h, k_w):
            a, c = dilation * u, dilation * v
            part = read[:, :, a:a + stride * (rows - 1) + 1:stride, c:c + stride * (columns - 1) + 1:stride]
            y[:, o] += np.tensordot(part, w[o, :, u, v], (1, 0))
    return y if bias is None else y + np.asarray(bias, np.float64)[:, None, None]


conv = Question(
    "my_conv2d", title="A convolution that drives a network", points=2,
    asks="Write `my_conv2d(x, w, bias, stride, padding, dilation, groups)`: the layer that networks call, for a batch.",
    reference=lambda x, w, bias=None, stride=1, padding=0, dilation=1, groups=1: _layer(
        x, w, bias, stride, padding, dilation, groups),
    cases=_layer_case,
    minutes=25, level=2, practice=True,
    text=r"""
        `x` is (N, C_in, H, W), and `w` is (C_out, C_in/groups, k_h, k_w); `bias` is (C_out,) or `None`. Stride s,
        padding p and dilation d are ints, the same for rows and columns. A network leaves out the last arguments where
        they are `None, 1, 0, 1, 1`, so they need these defaults. The input channels fall into as many `groups`
        of neighbours, and so do the kernels; the kernels of a group read the channels of their group only:

        $$\begin{aligned}
        y_{noij} &= b_o + \sum_{c,u,v} w_{ocuv} \\
        &\qquad \cdot\, x_{n,\; g C + c,\; s i + d u - p,\; s j + d v - p}
        \end{aligned}$$

        with $C$ channels a group, $g$ the group of kernel $o$, and 0 outside of the image. A network asks for a
        thousand kernels: loop over the taps (u, v), not over places, and let `@` sum over channels.
    """,
    hints={
        "Where do I begin?":
            "Pad. For one tap (u, v), which pixels does it read? A slice that begins at d·u, with a step of s, and as "
            "many as there are outputs. Multiply with `w[..., u, v]`, and add up over the taps.",
        "How do I do groups without a loop?":
            "Reshape x to (N, groups, C_in/groups, …) and w to (groups, C_out/groups, C_in/groups, k_h, k_w): then `@` "
            "runs over all groups at once.",
        "It fails without a bias": "`None` cannot be added: `if bias is None`.",
    },
)


@conv.solution
def my_conv2d(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """(N, C_in, H, W), (C_out, C_in/groups, k_h, k_w)  →  (N, C_out, H', W')"""
    p, d, (c_out, planes, k_h, k_w) = padding, dilation, w.shape
    x = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
    h, v = [(n - d * (k - 1) - 1) // stride + 1
            for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    w = w.reshape(groups, c_out // groups, planes, k_h, k_w)
    y = 0
    for a, c in np.ndindex(k_h, k_w):           # one tap at all places
        read = x[:, :, d * a::stride, d * c::stride][:, :, :h, :v]
        y = y + w[..., a, c] @ read.reshape(len(x), groups, planes, h * v)
    y = y.reshape(len(x), c_out, h, v)
    return y if bias is None else y + bias[:, None, None]


def _conv_mistake(name, hint, **options):
    conv.mistake(name, hint=hint)(
        lambda x, w, bias=None, stride=1, padding=0, dilation=1, groups=1: _layer(
            x, w, bias, stride, padding, dilation, groups, **options))


@conv.mistake("the kernel is flipped", hint="Networks correlate: tap (0, 0) reads the first pixel of its window.")
def _(x, w, bias=None, *rest):
    return _layer(x, w[:, :, ::-1, ::-1], bias, *rest)


@conv.mistake("the bias is missing", hint="Where there is a bias, channel o gets b[o] at all of its places.")
def _(x, w, bias=None, *rest):
    return _layer(x, w, None, *rest)


@conv.mistake("the bias is added once for each tap", hint="Once, after the sum over the taps.")
def _(x, w, bias=None, *rest):
    return _layer(x, w, None if bias is None else bias * w[0, 0].size, *rest)


@conv.mistake("the bias is subtracted", hint="It is added.")
def _(x, w, bias=None, *rest):
    return _layer(x, w, None if bias is None else -bias, *rest)


@conv.mistake("one bias for all channels", hint="Channel o gets b[o]: `bias[:, None, None]`.")
def _(x, w, bias=None, *rest):
    return _layer(x, w, None if bias is None else np.full_like(bias, bias[0]), *rest)


@conv.mistake("only the first image of the batch", hint="Each image of the batch has its own output.")
def _(x, w, *rest):
    return _layer(np.stack([x[0]] * len(x)), w, *rest)


@conv.mistake("stride and dilation are exchanged", hint="Outputs lie s apart, taps d apart: s·i + d·u − p.")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return _layer(x, w, bias, dilation, padding, stride, groups)


@conv.mistake("the stride is ignored", hint="From one output to the next it is s pixels.")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return _layer(x, w, bias, 1, padding, dilation, groups)


@conv.mistake("the dilation is ignored", hint="Neighbouring taps read pixels d apart.")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return _layer(x, w, bias, stride, padding, 1, groups)


@conv.mistake("the padding is ignored", hint="p zeros on each side of rows and columns.")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return _layer(x, w, bias, stride, 0, dilation, groups)


@conv.mistake("the strided outputs begin one too early or too late",
              hint="Output 0 reads from the first pixel of the padded image on. Compute with stride 1 and keep [::s].")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    full = _layer(x, w, bias, 1, padding, dilation, groups)
    return full[:, :, stride - 1::stride, stride - 1::stride]


_conv_mistake("all zeros stand before the image", "p on either side, not 2p before.",
              frame=lambda x, p: np.pad(x, [(0, 0), (0, 0), (2 * p, 0), (2 * p, 0)]))
_conv_mistake("all zeros stand behind the image", "p on either side, not 2p behind.",
              frame=lambda x, p: np.pad(x, [(0, 0), (0, 0), (0, 2 * p), (0, 2 * p)]))
_conv_mistake("the border is repeated, not zero", "Outside of the image there are zeros.",
              frame=lambda x, p: _framed(x, p, mode="edge"))
_conv_mistake("all kernels read the first group", "The kernels of group g read the channels from g·C on.",
              reads=lambda o, planes, each, groups: np.arange(planes))
_conv_mistake("the channels are dealt out in turn", "A group is made of neighbours, not of every groups-th channel.",
              reads=lambda o, planes, each, groups: o // each + groups * np.arange(planes))
_conv_mistake("the kernels are dealt out in turn", "The first C_out/groups kernels belong to group 0.",
              reads=lambda o, planes, each, groups: o % groups * planes + np.arange(planes))
_conv_mistake("the channels are read from the last to the first", "Plane c of a kernel reads channel c of its group.",
              reads=lambda o, planes, each, groups: (o // each * planes + np.arange(planes))[::-1])
_conv_mistake("only the last tap counts", "Add up over the taps: `y = y + …`.",
              taps=lambda k_h, k_w: [(k_h - 1, k_w - 1)])
_conv_mistake("only the first tap counts", "Add up over the taps, and return behind the loop.",
              taps=lambda k_h, k_w: [(0, 0)])


@conv.mistake("the taps are averaged", hint="A convolution is a sum.")
def _(x, w, bias=None, *rest):
    y = _layer(x, w, None, *rest) / w[0, 0].size
    return y if bias is None else y + bias[:, None, None]


@conv.mistake("the taps are subtracted", hint="Add up over the taps: `y = y + …`.")
def _(x, w, bias=None, *rest):
    return _layer(x, -w, bias, *rest)


def _default(name, hint, **wrong):
    conv.mistake(name, hint=hint)(
        lambda x, w, bias=None, stride=None, padding=None, dilation=None, groups=None: _layer(
            x, w, bias, **{key: wrong.get(key, usual) if value is None else value for key, value, usual in (
                ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1), ("groups", groups, 1))}))


_default("the stride is 2 where none is given", "Its default is 1.", stride=2)
_default("the padding is 1 where none is given", "Its default is 0.", padding=1)
_default("the dilation is 2 where none is given", "Its default is 1.", dilation=2)


@conv.accepted("place by place")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return _layer(x, w, bias, stride, padding, dilation, groups)


@conv.accepted("windows, and one Einstein sum for each group")
def _(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    windows = np.lib.stride_tricks.sliding_window_view(x, size, (2, 3))
    windows = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]
    parts = zip(np.split(windows, groups, axis=1), np.split(w, groups), strict=True)
    y = np.concatenate([np.einsum("ncijuv,ocuv->noij", a, b) for a, b in parts], axis=1)
    return y + (0 if bias is None else bias.reshape(1, -1, 1, 1))


# ---- first_difference ------------------------------------------------------------------------------------------------

def _first(ours, theirs, tolerance, differs=None, order=lambda n: range(n)):
    differs = differs or (lambda a, b, t: np.linalg.norm(a - b) > t * np.linalg.norm(b))
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    with np.errstate(all="ignore"):
        return next((i for i in order(len(ours)) if differs(ours[i], theirs[i], tolerance)), -1)


def _difference_case(rng, turn):
    """Layers of all sizes of numbers, each of which hides one way of comparing wrongly; which comes first takes turns.

    What differs: a little (many of the small ones are below the tolerance in absolute terms); with errors that cancel
    in a sum; by a longer vector; where the reference is zero; in one number only, so that a sum of absolute values is
    still below the tolerance. What agrees and looks otherwise: large numbers; one number near zero; one number alone
    off by twice the tolerance; zeros.
    """
    n, tolerance = 9, (1e-3, 1e-2, 0.5)[turn % 3]

    def plain(scale):
        return scale * rng.choice([-1, 1], n) * rng.uniform(0.8, 1.2, n)

    def agreeing(which):
        b = plain((1e3, 1.0, 1.0, 0.0)[which])
        off = 0.2 * tolerance * b * rng.choice([-1, 1], n)
        if which == 1:
            b[2], off[2] = 1e-6, 1e-4 * tolerance
        if which == 2:
            b = np.sign(b) * 1.0
            off = np.where(np.arange(n) == 4, 1.8 * tolerance * b, 0)
        return b + off, b

    def differing(which):
        b = plain((1e-4 * tolerance, 1.0, 1.0, 0.0, 1.0)[which])
        off = 1.6 * tolerance * b
        if which == 1:
            off = 1.6 * tolerance * np.r_[np.ones(4), -np.ones(4), 0] * 1.2
        if which == 3:
            off = 1e-14 * tolerance * rng.choice([-1, 1], n)       # far below what one adds to a norm, as 1e-8
        if which == 4:
            off = 1.6 * tolerance * np.linalg.norm(b) * (np.arange(n) == 4)
        return b + off, b

    first = (turn * 3) % 7 if turn % 7 != 3 else None
    layers = []
    for i in range(8):
        if first is None or i not in (first, first + 2):
            layers.append(agreeing((turn + i) % 4))
        else:
            layers.append(differing((turn // 2 + i - first) % 5))
    ours, theirs = (np.array(rows) for rows in zip(*layers, strict=True))
    return ours, theirs, tolerance


difference = Question(
    "first_difference", title="Where two engines part", points=1,
    asks="Write `first_difference(ours, theirs, tolerance)`: the first layer at which two engines differ.",
    reference=lambda ours, theirs, tolerance: _first(ours, theirs, tolerance),
    cases=_difference_case,
    minutes=15, level=1, practice=True,
    text=r"""
        `ours[i]` and `theirs[i]` are what layer i gave in either engine, arrays of one shape. They differ at layer i if

        $$\lVert \text{ours}_i - \text{theirs}_i \rVert > \text{tolerance} \cdot \lVert \text{theirs}_i \rVert ,$$

        where $\lVert x \rVert$ is the root of the sum of all squares. Return the smallest such i, counted from 0, and
        −1 if there is none. So where theirs is all zeros, any other number of ours is a difference, and zeros are none.
        Compare one layer after another: in a network they have different shapes.
    """,
    hints={
        "It finds a layer of large numbers too early, or a layer of small ones not at all":
            "Compare relative to theirs: large layers may differ by more.",
        "A layer of zeros is found, or gives a warning":
            "Do not divide: multiply the tolerance by the norm. Then 0 > 0 is False.",
        "One number near zero is found":
            "Not number by number: one norm of the difference for the whole layer.",
    },
)


@difference.solution
def first_difference(ours, theirs, tolerance):
    """two lists of arrays, a number  →  int"""
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if np.linalg.norm(a - b) > tolerance * np.linalg.norm(b):
            return i
    return -1


def _difference_mistake(name, hint, differs=None, **options):
    difference.mistake(name, hint=hint)(
        lambda ours, theirs, tolerance: _first(ours, theirs, tolerance, differs, **options))


_RELATIVE = "Relative to the norm of theirs: large layers may differ by more, small ones by less."
_difference_mistake("the difference is compared with the tolerance itself", _RELATIVE,
                    lambda a, b, t: np.linalg.norm(a - b) > t)
_difference_mistake("compared number by number", "One number near zero may be far off relative to itself: one norm for "
                                                 "the whole layer.",
                    lambda a, b, t: np.any(np.abs(a - b) > t * np.abs(b)))
_difference_mistake("`np.allclose`", "It compares number by number, and adds an absolute allowance of 1e-8.",
                    lambda a, b, t: not np.allclose(a, b, rtol=t))
_difference_mistake("the largest difference against the largest number",
                    "One number may be off by more, if the rest agree: root of the sum of squares.",
                    lambda a, b, t: np.abs(a - b).max() > t * np.abs(b).max())
_difference_mistake("absolute values are added up",
                    "The norm is the root of the sum of all squares: one number that is far off counts for more.",
                    lambda a, b, t: np.sum(np.abs(a - b)) > t * np.sum(np.abs(b)))
_difference_mistake("relative to ours", "Theirs is the reference: its norm counts.",
                    lambda a, b, t: np.linalg.norm(a - b) > t * np.linalg.norm(a))
_difference_mistake("the root is missing", "Of both sums of squares the root is taken, or the tolerance is squared.",
                    lambda a, b, t: np.sum((a - b) ** 2) > t * np.sum(b ** 2))
_difference_mistake("the lengths are compared, not the arrays", "The norm of the difference, not the other way.",
                    lambda a, b, t: abs(np.linalg.norm(a) - np.linalg.norm(b)) > t * np.linalg.norm(b))
_difference_mistake("errors of opposite signs cancel", "Square before you sum.",
                    lambda a, b, t: abs(np.sum(a - b)) > t * np.linalg.norm(b))
_difference_mistake("zeros differ from zeros", "More than the tolerance: `>`, and 0 > 0 is False.",
                    lambda a, b, t: np.linalg.norm(a - b) >= t * np.linalg.norm(b))
_difference_mistake("a layer of zeros is passed over", "Where theirs is zero, any other number is a difference.",
                    lambda a, b, t: np.any(b) and np.linalg.norm(a - b) > t * np.linalg.norm(b))
_difference_mistake("the norm is kept from 0 by a small number",
                    "With + 1e-8 below the line, a small answer where zeros are due is let through.",
                    lambda a, b, t: np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-3) > t)
_difference_mistake("the first layer that agrees", "Look for the first that differs.",
                    lambda a, b, t: np.linalg.norm(a - b) <= t * np.linalg.norm(b))
_difference_mistake("the last layer that differs", "The first: what comes behind it has read what is wrong.",
                    order=lambda n: reversed(range(n)))
_difference_mistake("the first layer is not looked at", "Layer 0 may differ already.", order=lambda n: range(1, n))
_difference_mistake("the last layers are not looked at", "Walk to the end.", order=lambda n: range(n // 2))
_difference_mistake("layers that agree up to rounding are found",
                    "The norm of ours − theirs, and up to the tolerance times the norm of theirs it is no difference.",
                    lambda a, b, t: np.any(a != b))
_difference_mistake("the tolerance is divided by the norm", "tolerance · norm of theirs.",
                    lambda a, b, t: np.linalg.norm(a - b) > t / np.linalg.norm(b))
_difference_mistake("the norm is added to the tolerance", "tolerance · norm of theirs.",
                    lambda a, b, t: np.linalg.norm(a - b) > t + np.linalg.norm(b))
_difference_mistake("the tolerance is left out", "More than the tolerance times the norm.",
                    lambda a, b, t: np.linalg.norm(a - b) > np.linalg.norm(b))


@difference.mistake("counted from 1", hint="The first layer is 0; −1 is for none.")
def _(ours, theirs, tolerance):
    found = _first(ours, theirs, tolerance)
    return found + 1 if found >= 0 else -1


@difference.mistake("where none differs, how many there are", hint="Then return −1.")
def _(ours, theirs, tolerance):
    found = _first(ours, theirs, tolerance)
    return found if found >= 0 else len(ours)


@difference.mistake("where none differs, 0", hint="0 is the first layer. Where none differs, return −1.")
def _(ours, theirs, tolerance):
    return max(_first(ours, theirs, tolerance), 0)


@difference.mistake("where none differs, 1", hint="1 is a layer. Where none differs, return −1.")
def _(ours, theirs, tolerance):
    found = _first(ours, theirs, tolerance)
    return found if found >= 0 else 1


@difference.mistake("where none differs, −2", hint="Where none differs, return −1.")
def _(ours, theirs, tolerance):
    found = _first(ours, theirs, tolerance)
    return found if found >= 0 else -2


@difference.mistake("the layer that differs most", hint="The first one, not the worst: errors grow on their way.")
def _(ours, theirs, tolerance):
    errors = [np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-9) for a, b in zip(
        np.asarray(ours, np.float64), np.asarray(theirs, np.float64), strict=True)]
    return int(np.argmax(errors)) if max(errors) > tolerance else -1


@difference.accepted("all errors, and the first above")
def _(ours, theirs, tolerance):
    pairs = zip(ours, theirs, strict=True)
    wrong = [float(np.sum((a - b) ** 2)) > tolerance**2 * float(np.sum(b**2)) for a, b in pairs]
    return wrong.index(True) if True in wrong else -1


@difference.accepted("with a case for zeros")
def _(ours, theirs, tolerance):
    for i in range(len(theirs)):
        length = np.sqrt(np.sum(np.square(theirs[i])))
        off = np.sqrt(np.sum(np.square(theirs[i] - ours[i])))
        if (length == 0 and off > 0) or (length > 0 and off / length > tolerance):
            return i
    return -1


# ---- eps_error -------------------------------------------------------------------------------------------------------

def _eps(variances, gamma, eps, wrong, gain=lambda v, e: 1 / np.sqrt(v + e), share=lambda v: v):
    v, gamma = np.asarray(variances, np.float64), np.asarray(gamma, np.float64)
    right, other = gamma * gain(v, eps), gamma * gain(v, wrong)
    return np.sqrt(np.sum(share(v) * (other - right) ** 2) / np.sum(share(v) * right**2))


def _eps_case(rng, turn):
    """Variances from far below ε to far above it; ε is too small, or too large, in turn."""
    eps, wrong = [(1e-3, 1e-5), (1e-5, 1e-3), (1e-2, 1e-3), (1e-3, 1e-1)][turn % 4]
    n = int(rng.integers(2, 7))
    return max(eps, wrong) * 10 ** rng.uniform(-1.3, 1.0, n), numbers(rng, (n,)), eps, wrong


eps_ = Question(
    "eps_error", title="What a wrong ε does to a layer", points=2,
    asks="Write `eps_error(variances, gamma, eps, wrong)`: the relative error of a batch norm whose ε is `wrong` in "
         "place of `eps`.",
    reference=lambda variances, gamma, eps, wrong: _eps(variances, gamma, eps, wrong), cases=_eps_case,
    kind="predict", minutes=20, level=2,
    text=r"""
        A batch norm in evaluation mode gives $y = \gamma_c\, (x - \mu_c) / \sqrt{\sigma_c^2 + \varepsilon}$ for each
        number x of channel c; it has no β. Every channel has equally many numbers, and these have just the mean
        $\mu_c$ and the variance $\sigma_c^2$ that the layer remembers: `variances` (C,). `gamma` is (C,).

        With `eps` the layer gives y, with `wrong` it gives y′. Return $\lVert y' - y \rVert / \lVert y \rVert$, the
        norms taken over all numbers of all channels. It does not depend on how many there are.
    """,
    hints={
        "Where do I begin?":
            "With one channel: what is the sum of (x − μ)² over its m numbers? Then ‖y‖² is a sum over channels.",
        "It is right when all channels have one variance only":
            "The norm is taken over everything: a channel counts by γ² and by how large its normalised numbers are.",
        "A channel with a tiny variance counts for too much":
            "Its numbers are tiny too: (x − μ)² adds up to m σ², not to m.",
    },
)


@eps_.solution
def eps_error(variances, gamma, eps, wrong):
    """(C,), (C,), two numbers  →  a number"""
    right = gamma / np.sqrt(variances + eps)               # gain of a channel
    other = gamma / np.sqrt(variances + wrong)
    off = np.sum(variances * (other - right) ** 2)
    return np.sqrt(off / np.sum(variances * right**2))


def _eps_mistake(name, hint, answer):
    def mistake(variances, gamma, eps, wrong):
        return answer(np.asarray(variances, np.float64), np.asarray(gamma, np.float64), eps, wrong)
    eps_.mistake(name, hint=hint)(mistake)


def _ratio(v, eps, wrong):
    return np.sqrt((v + eps) / (v + wrong)) - 1


_eps_mistake("γ is left out", "A channel with a large γ counts for more.",
             lambda v, g, e, w: _eps(v, np.ones_like(g), e, w))
_eps_mistake("every channel counts as much", "The norm is over all numbers: channel c counts by γ²σ²/(σ² + ε).",
             lambda v, g, e, w: np.sqrt(np.mean(_ratio(v, e, w) ** 2)))
_eps_mistake("the mean of the channels' errors", "Norms are roots of sums of squares, over all channels.",
             lambda v, g, e, w: np.mean(np.abs(_ratio(v, e, w))))
_eps_mistake("the worst channel", "The norms are over all channels.",
             lambda v, g, e, w: np.max(np.abs(_ratio(v, e, w))))
_eps_mistake("the channels count by γ² only", "The numbers of a channel have variance σ², before they are divided.",
             lambda v, g, e, w: np.sqrt(np.sum((g * _ratio(v, e, w)) ** 2) / np.sum(g**2)))
_eps_mistake("the variances of the input are left out", "Σ (x − μ)² of a channel is m σ², which differs by channel.",
             lambda v, g, e, w: _eps(v, g, e, w, share=np.ones_like))
_eps_mistake("the standard deviation in place of the variance", "Σ (x − μ)² of a channel is m σ².",
             lambda v, g, e, w: _eps(v, g, e, w, share=np.sqrt))
_eps_mistake("relative to the wrong output", "‖y‖ is that of the right ε.", lambda v, g, e, w: _eps(v, g, w, e))
_eps_mistake("the root at the end is missing", "A norm is the root of the sum of squares.",
             lambda v, g, e, w: _eps(v, g, e, w) ** 2)
_eps_mistake("ε stands outside of the root", "√(σ² + ε): ε is added to the variance.",
             lambda v, g, e, w: _eps(v, g, e, w, gain=lambda v, e: 1 / (np.sqrt(v) + e)))
_eps_mistake("divided by the variance, not by its root", "Batch norm divides by √(σ² + ε).",
             lambda v, g, e, w: _eps(v, g, e, w, gain=lambda v, e: 1 / (v + e)))
_eps_mistake("multiplied, not divided, by the root", "Batch norm divides by √(σ² + ε).",
             lambda v, g, e, w: _eps(v, g, e, w, gain=lambda v, e: np.sqrt(v + e)))
_eps_mistake("the difference of the norms", "The norm of the difference: channel by channel, then the root of the sum.",
             lambda v, g, e, w: np.abs(np.sqrt(np.sum(v * g**2 / (v + w)) / np.sum(v * g**2 / (v + e))) - 1))
_eps_mistake("the first-order estimate", "(ε − ε′)/(2(σ² + ε)) is close for σ² far above both; here it is not.",
             lambda v, g, e, w: np.sqrt(np.sum(v * g**2 / (v + e) * ((e - w) / (2 * (v + e))) ** 2)
                                        / np.sum(v * g**2 / (v + e))))
_eps_mistake("γ is not squared", "γ multiplies y, so γ² multiplies y².",
             lambda v, g, e, w: _eps(v, np.sqrt(np.abs(g)), e, w))
_eps_mistake("means of the gains, not of their squares", "Square, then sum over the channels.",
             lambda v, g, e, w: np.abs(np.sum(v * g * (1 / np.sqrt(v + w) - 1 / np.sqrt(v + e))))
             / np.abs(np.sum(v * g / np.sqrt(v + e))))
_eps_mistake("upside down", "What is off stands above the line.", lambda v, g, e, w: 1 / _eps(v, g, e, w))
_eps_mistake("added, not subtracted", "y′ − y.",
             lambda v, g, e, w: np.sqrt(np.sum(v * g**2 * (1 / np.sqrt(v + w) + 1 / np.sqrt(v + e)) ** 2)
                                        / np.sum(v * g**2 / (v + e))))
_eps_mistake("not divided by ‖y‖", "Relative to ‖y‖.",
             lambda v, g, e, w: np.sqrt(np.sum(v * g**2 * (1 / np.sqrt(v + w) - 1 / np.sqrt(v + e)) ** 2)))


def _parts(v, g, e, w):
    """What y′ − y and y have, squared and added up over the channels."""
    return np.sum(v * g**2 * (1 / np.sqrt(v + w) - 1 / np.sqrt(v + e)) ** 2), np.sum(v * g**2 / (v + e))


_eps_mistake("y′ alone stands above the line", "The norm of y′ − y.",
             lambda v, g, e, w: np.sqrt(np.sum(v * g**2 / (v + w)) / np.sum(v * g**2 / (v + e))))
_eps_mistake("it is 1", "‖y‖/‖y‖ says nothing: y′ − y stands above the line.", lambda v, g, e, w: 1.0)
_eps_mistake("multiplied by ‖y‖, not divided", "Relative to ‖y‖.",
             lambda v, g, e, w: np.sqrt(np.prod(_parts(v, g, e, w))))
_eps_mistake("‖y‖ itself", "What is off stands above the line.", lambda v, g, e, w: np.sqrt(_parts(v, g, e, w)[1]))
_eps_mistake("the variances are left out of ‖y‖", "Σ (x − μ)² of a channel is m σ², below the line too.",
             lambda v, g, e, w: np.sqrt(_parts(v, g, e, w)[0] / np.sum(g**2 / (v + e))))
_eps_mistake("the variances are left out of ‖y′ − y‖", "Σ (x − μ)² of a channel is m σ², above the line too.",
             lambda v, g, e, w: np.sqrt(np.sum(
                 g**2 * (1 / np.sqrt(v + w) - 1 / np.sqrt(v + e)) ** 2) / _parts(v, g, e, w)[1]))
_eps_mistake("a mean above the line, a sum below", "Both are sums, or both are means.",
             lambda v, g, e, w: _eps(v, g, e, w) / np.sqrt(len(v)))
_eps_mistake("a sum above the line, a mean below", "Both are sums, or both are means.",
             lambda v, g, e, w: _eps(v, g, e, w) * np.sqrt(len(v)))


def _eps_gain(name, hint, right, other):
    _eps_mistake(name, hint, lambda v, g, e, w: np.sqrt(
        np.sum(v * (g * other(v, w) - g * right(v, e)) ** 2) / np.sum(v * (g * right(v, e)) ** 2)))


def _gain(v, e):
    return 1 / np.sqrt(v + e)


_eps_gain("the wrong layer has no ε at all", "It has `wrong`.", _gain, lambda v, e: 1 / np.sqrt(v))
_eps_gain("the right layer has no ε at all", "It has `eps`.", lambda v, e: 1 / np.sqrt(v), _gain)
_eps_gain("the wrong layer does not divide by the variance", "√(σ² + ε′).", _gain, lambda v, e: 1 / np.sqrt(e))
_eps_gain("the right layer does not divide by the variance", "√(σ² + ε).", lambda v, e: 1 / np.sqrt(e), _gain)
_eps_gain("the wrong layer divides without a root", "√(σ² + ε′).", _gain, lambda v, e: 1 / (v + e))
_eps_gain("the right layer divides without a root", "√(σ² + ε).", lambda v, e: 1 / (v + e), _gain)
_eps_gain("the wrong layer does not divide", "It divides by √(σ² + ε′).", _gain, lambda v, e: np.ones_like(v))
_eps_gain("the right layer does not divide", "It divides by √(σ² + ε).", lambda v, e: np.ones_like(v), _gain)
_eps_gain("the wrong layer multiplies by the root", "It divides by √(σ² + ε′).", _gain, lambda v, e: np.sqrt(v + e))
_eps_gain("the right layer multiplies by the root", "It divides by √(σ² + ε).", lambda v, e: np.sqrt(v + e), _gain)


@eps_.accepted("numbers that have this mean and variance")
def _(variances, gamma, eps, wrong):
    x = np.array([[-1.0], [1.0]]) * np.sqrt(variances)
    y, other = (gamma * x / np.sqrt(variances + e) for e in (eps, wrong))
    return np.linalg.norm(other - y) / np.linalg.norm(y)


@eps_.accepted("a mean of squared ratios, by weight")
def _(variances, gamma, eps, wrong):
    weights = gamma**2 * variances / (variances + eps)
    return np.sqrt(np.average((np.sqrt((variances + eps) / (variances + wrong)) - 1) ** 2, weights=weights))


# ---- dense_weight ----------------------------------------------------------------------------------------------------

def _dense_case(rng):
    """Channels, rows, columns and outputs are four different numbers above 1."""
    channels, height, width, outputs = (int(n) for n in rng.choice(np.arange(2, 7), 4, replace=False))
    return numbers(rng, (height * width * channels, outputs)), channels, height, width


def _dense(weight, channels, height, width, split="hwc", order="ochw"):
    size = {"h": height, "w": width, "c": channels}
    w = np.asarray(weight).reshape(*(size[a] for a in split), -1)
    return w.transpose([(split + "o").index(a) for a in order])


dense = Question(
    "dense_weight", title="A dense layer behind a map", points=2,
    asks="Mend `dense_weight(weight, channels, height, width)`: it carries the weight of a dense layer from a library "
         "with channels last to PyTorch.",
    reference=lambda weight, channels, height, width: _dense(weight, channels, height, width).reshape(
        weight.shape[1], -1),
    cases=_dense_case,
    kind="mend", minutes=15, level=2,
    text=r"""
        There a feature map is (height, width, channels). It is laid out row by row, so that its number (h, w, c)
        stands at place (h · width + w) · channels + c of a vector, and a dense layer gives `vector @ weight`. In
        PyTorch the same map is (channels, height, width), is laid out in this order, and the layer gives
        `vector @ result.T`. Return `result`, (outputs, channels·height·width), such that both give the same outputs.

        The function below has passed its test, on a network that ends with a mean over all places: there height and
        width are 1.
    """,
    hints={
        "The shape is right": "So it is with any order of the columns. Which number of the map does row 1 of `weight` "
                              "multiply, and which one column 1 of the result?",
        "How do I change the order of places?":
            "Split the long axis as the old library made it, exchange the axes, and join them again.",
    },
)


@dense.solution
def dense_weight(weight, channels, height, width):
    """(height·width·channels, outputs), ints  →  (outputs, the same product)"""
    w = weight.reshape(height, width, channels, -1)
    return w.transpose(3, 2, 0, 1).reshape(weight.shape[1], -1)


@dense.given("the places are split as PyTorch lays them out, so nothing moves",
             hint="The old library made the long axis of (height, width, channels): split it so. Split otherwise, the "
                  "function only transposes, and that is right for maps of one place.")
def _(weight, channels, height, width):
    w = weight.reshape(channels, height, width, -1)
    return w.transpose(3, 0, 1, 2).reshape(weight.shape[1], -1)


def _dense_mistake(name, hint, split, order):
    dense.mistake(name, hint=hint)(lambda weight, channels, height, width: _dense(
        weight, channels, height, width, split, order).reshape(weight.shape[1], -1))


_dense_mistake("the order is changed the wrong way round",
               "Split as (height, width, channels), join as (channels, height, width); not the other way.",
               "chw", "ohwc")
_dense_mistake("columns come before rows in the result", "PyTorch lays out (channels, height, width): rows first.",
               "hwc", "ocwh")
_dense_mistake("the channels still come last", "In PyTorch the channels come first.", "hwc", "owhc")
_dense_mistake("split with the channels in the middle", "The long axis was made of (height, width, channels).",
               "hcw", "ochw")


@dense.mistake("the outputs come last", hint="PyTorch keeps (outputs, inputs).")
def _(weight, channels, height, width):
    return _dense(weight, channels, height, width, order="chwo").reshape(-1, weight.shape[1])


@dense.mistake("joined without bringing the outputs to the front",
               hint="A reshape moves nothing: transpose the outputs to the front, then join.")
def _(weight, channels, height, width):
    return _dense(weight, channels, height, width, order="chwo").reshape(weight.shape[1], -1)


@dense.mistake("reshaped, not transposed", hint="A reshape moves nothing: the outputs must be transposed to the front.")
def _(weight, channels, height, width):
    return weight.reshape(weight.shape[1], -1)


@dense.mistake("the axes are not joined again", hint="The result has two axes.")
def _(weight, channels, height, width):
    return _dense(weight, channels, height, width)


@dense.mistake("nothing is done", hint="The outputs come first in PyTorch, and the channels come before the places.")
def _(weight, channels, height, width):
    return weight


@dense.accepted("the places of the old vector, in the new order")
def _(weight, channels, height, width):
    places = np.arange(channels * height * width).reshape(height, width, channels)
    return weight[np.moveaxis(places, 2, 0).ravel()].T


@dense.accepted("number by number")
def _(weight, channels, height, width):
    result = np.empty(weight.shape[::-1])
    for c, h, w in np.ndindex(channels, height, width):
        result[:, (c * height + h) * width + w] = weight[(h * width + w) * channels + c]
    return result


# ---- depthwise_weight ------------------------------------------------------------------------------------------------

def _depthwise_case(rng):
    """Rows, columns, channels and kernels for each channel are four different numbers above 1."""
    return (numbers(rng, tuple(int(n) for n in rng.choice(np.arange(2, 7), 4, replace=False))),)


def _depthwise(w, order):
    """The axes u, v (taps), c, m in another order, with the two that are neither u nor v joined."""
    w = np.asarray(w)
    moved = w.transpose(["uvcm".index(a) for a in order])
    return moved.reshape(-1, 1, *moved.shape[2:])


depthwise = Question(
    "depthwise_weight", title="Kernels from another library", points=2,
    asks="Write `depthwise_weight(w)`: the weight of a depthwise layer, as PyTorch stores it.",
    reference=lambda w: _depthwise(w, "cmuv"), cases=_depthwise_case,
    minutes=15, level=2,
    text=r"""
        `w` is (k_h, k_w, C, M), as TensorFlow stores it: each of the C channels is read by M kernels of its own, and
        `w[:, :, c, m]` is kernel m of channel c. Output channel c·M + m is channel c under this kernel, in both
        libraries, and both lay kernels on the image as they stand.

        PyTorch takes the layer as a convolution with C groups. Return its weight, (C·M, 1, k_h, k_w).
    """,
    hints={
        "The shape is right and the kernels look torn": "A reshape moves nothing. First bring the axes into the order "
                                                        "in which they are to be joined, then reshape.",
        "Whole kernels stand in the wrong places": "c·M + m: m runs faster. Which of the two must stand right before "
                                                   "the taps?",
    },
)


@depthwise.solution
def depthwise_weight(w):
    """(k_h, k_w, C, M)  →  (C·M, 1, k_h, k_w)"""
    k_h, k_w, channels, each = w.shape
    return w.transpose(2, 3, 0, 1).reshape(channels * each, 1, k_h, k_w)


depthwise.mistake("the kernels of one channel do not lie side by side",
                  "Output c·M + m: all kernels of channel 0 come first, so the channel runs more slowly.",
                  lambda w: _depthwise(w, "mcuv"))
depthwise.mistake("rows and columns of the kernels are exchanged", "The taps keep their order: (k_h, k_w).",
                  lambda w: _depthwise(w, "cmvu"))
depthwise.mistake("the kernels are in another order, and rows and columns are exchanged",
                  "(C, M, k_h, k_w) before the reshape. Reversing all axes is not it.",
                  lambda w: _depthwise(w, "mcvu"))
depthwise.mistake("reshaped, not transposed", "A reshape keeps the numbers in order: it tears the kernels apart.",
                  lambda w: np.reshape(w, (-1, 1, *np.shape(w)[:2])))
depthwise.mistake("taken for a full convolution",
                  "(M, C, k_h, k_w) would be M kernels that each read all channels. Here each reads one.",
                  lambda w: np.transpose(w, (3, 2, 0, 1)))
depthwise.mistake("channels and kernels are not joined", "C·M kernels in one axis, and an axis of length 1.",
                  lambda w: np.transpose(w, (2, 3, 0, 1)))
depthwise.mistake("the axis of length 1 is missing", "A kernel of a group reads one plane: (C·M, 1, k_h, k_w).",
                  lambda w: _depthwise(w, "cmuv")[:, 0])
depthwise.mistake("the axis of length 1 stands in front", "The kernels come first, then the planes that each reads.",
                  lambda w: _depthwise(w, "cmuv").swapaxes(0, 1))
depthwise.mistake("the kernels are flipped", "Both libraries correlate.",
                  lambda w: _depthwise(w, "cmuv")[..., ::-1, ::-1])
depthwise.mistake("the taps come first", "Kernels first, taps last.",
                  lambda w: np.transpose(_depthwise(w, "cmuv"), (2, 3, 1, 0)))


@depthwise.accepted("kernel by kernel")
def _(w):
    return np.stack([w[None, :, :, c, m] for c in range(w.shape[2]) for m in range(w.shape[3])])


@depthwise.accepted("joined, then moved to the front")
def _(w):
    return np.moveaxis(w.reshape(*w.shape[:2], -1), 2, 0)[:, None]


# ---- eps_witness -----------------------------------------------------------------------------------------------------

CLEAR = 0.01                                 # of the largest margin that an input of length 1 can have


def _slopes(a, variances, right, wrong):
    """The gradient of the margin by x under either ε."""
    a, v = np.asarray(a, np.float64), np.asarray(variances, np.float64)
    return a / np.sqrt(v + right), a / np.sqrt(v + wrong)


def _bisector(a, variances, right, wrong):
    p, q = (slope / np.linalg.norm(slope) for slope in _slopes(a, variances, right, wrong))
    return p - q


def _between(a, variances, right, wrong):
    x = _bisector(a, variances, right, wrong)
    return x / np.linalg.norm(x)


def _witness_case(rng, turn):
    """Variances around both ε: the two slopes enclose at least ten degrees, and the first guesses do not serve."""
    right, wrong = [(1e-3, 1e-5), (1e-5, 1e-3), (1e-1, 1e-3), (1e-3, 1e-2)][turn % 4]
    while True:
        n = int(rng.integers(2, 6))
        v, a = max(right, wrong) * 10 ** rng.uniform(-2, 1, n), numbers(rng, (n,))
        p, q = (slope / np.linalg.norm(slope) for slope in _slopes(a, v, right, wrong))
        if p @ q < np.cos(np.radians(10)):
            return a, v, right, wrong


def _witness_properties(x, a, variances, right, wrong):
    """Length, and how clearly either ε speaks: from −1, class B, to 1, class A."""
    if x.shape != a.shape:
        raise ValueError(f"an input of {len(a)} numbers was asked for; this has shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("all numbers must be finite")
    found = {"length of x": np.linalg.norm(x)}
    for name, slope in zip(("right", "wrong"), _slopes(a, variances, right, wrong), strict=True):
        found[f"what the {name} ε says"] = np.clip(slope @ x / np.linalg.norm(slope) / CLEAR, -1, 1)
    return found


witness = Question(
    "eps_witness", title="An input on which ε decides", points=3,
    asks="Design `eps_witness(a, variances, right, wrong)`: an input that one ε calls A, and the other one B.",
    reference=_between, cases=_witness_case, measure=_witness_properties,
    kind="design", minutes=25, level=3,
    text=r"""
        Batch norm in evaluation mode divides each of C numbers by its own root, and a linear layer compares two
        classes: with

        $$m(\varepsilon) = \sum_c a_c\, \frac{x_c}{\sqrt{\sigma_c^2 + \varepsilon}}$$

        the answer is A where $m > 0$ and B where $m < 0$. `a` and `variances` ($\sigma_c^2$) are (C,), C is at least 2;
        `right` and `wrong` are two values of ε. Return x, (C,), for which

        - $\sqrt{\sum_c x_c^2}$ is 1;
        - with `right` the answer is A, with `wrong` it is B;
        - both are clear: $|m|$ is at least a hundredth of the largest $|m|$ that an input of length 1 can have with
          this ε.

        There are many such inputs, and each of them passes.
    """,
    hints={
        "Where to begin": "m is an inner product of x with a vector p for one ε, with q for the other. Draw two arrows "
                          "p and q. Where lies an x that makes an acute angle with one and an obtuse angle with the "
                          "other?",
        "Both say the same": "p and q point nearly the same way, so most x do. What both have in common must be taken "
                             "out of x.",
        "It works for some cases, with p − q": "p and q have different lengths. For p − q to lie across their middle "
                                               "they must be as long as each other.",
    },
)


@witness.solution
def eps_witness(a, variances, right, wrong):
    """(C,), (C,), two numbers  →  (C,)"""
    p, q = a / np.sqrt(variances + right), a / np.sqrt(variances + wrong)
    x = p / np.linalg.norm(p) - q / np.linalg.norm(q)
    return x / np.linalg.norm(x)          # x·p > 0 > x·q, by Cauchy and Schwarz


def _witness_mistake(name, hint, p, q):
    """The bisector of wrong slopes."""
    witness.mistake(name, hint=hint)(lambda a, variances, right, wrong: _unit(
        _unit(p(a, variances, right)) - _unit(q(a, variances, wrong))))


def _slope(a, v, e):
    return a / np.sqrt(v + e)


witness.mistake("both ε say A", hint="The direction in which the right margin grows most is nearly that of the wrong "
                                     "one. Take out what both have in common.")(
    lambda a, variances, right, wrong: _unit(_slopes(a, variances, right, wrong)[0]))
witness.mistake("both ε say B", hint="Take out of x what p and q have in common; what is left tells them apart.")(
    lambda a, variances, right, wrong: -_unit(_slopes(a, variances, right, wrong)[0]))
witness.mistake("the classes are exchanged", hint="A for the right ε, B for the wrong one: the other sign.")(
    lambda a, variances, right, wrong: -_between(a, variances, right, wrong))
witness.mistake("the answers are as wanted, the length is not 1", hint="Divide x by its norm.")(_bisector)
witness.mistake("the wrong ε does not decide: x is at right angles to its slope",
                hint="There m = 0, neither A nor B. Go on a little, to the other side.")(
    lambda a, variances, right, wrong: _across(*_slopes(a, variances, right, wrong)))
witness.mistake("the right ε does not decide: x is at right angles to its slope",
                hint="There m = 0, neither A nor B. Go on a little, to the other side.")(
    lambda a, variances, right, wrong: -_across(*_slopes(a, variances, right, wrong)[::-1]))


def _unit(x):
    return x / np.linalg.norm(x)


def _across(p, q):
    """The part of p that is at right angles to q, of length 1."""
    return _unit(p - (p @ q) / (q @ q) * q)


_ROOT = "What multiplies x is a/√(σ² + ε): not a alone, nor without the root or ε."
_witness_mistake("the slope of the right ε is taken to be a", _ROOT, lambda a, v, e: a, _slope)
_witness_mistake("the slope of the wrong ε is taken to be a", _ROOT, _slope, lambda a, v, e: a)
_witness_mistake("the slope of the right ε lacks the root", _ROOT, lambda a, v, e: a / (v + e), _slope)
_witness_mistake("the slope of the right ε is multiplied", _ROOT, lambda a, v, e: a * np.sqrt(v + e), _slope)
_witness_mistake("the slope of the wrong ε is multiplied", _ROOT, _slope, lambda a, v, e: a * np.sqrt(v + e))
_witness_mistake("the slope of the right ε has no ε", _ROOT, lambda a, v, e: a / np.sqrt(v), _slope)
_witness_mistake("the slope of the wrong ε has no ε", _ROOT, _slope, lambda a, v, e: a / np.sqrt(v))
witness.mistake("p − q, of different lengths", hint="Make both as long as each other first; then their difference lies "
                                                    "across the middle.")(
    lambda a, variances, right, wrong: _unit(np.subtract(*_slopes(a, variances, right, wrong))))


@witness.accepted("the best of many random inputs")
def _(a, variances, right, wrong):
    x = np.random.default_rng(0).normal(size=(20_000, len(a)))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    p, q = a / np.sqrt(variances + right), a / np.sqrt(variances + wrong)
    return x[np.argmax(np.minimum(x @ p / np.linalg.norm(p), -x @ q / np.linalg.norm(q)))]


@witness.accepted("at right angles to the wrong slope, and a little on")
def _(a, variances, right, wrong):
    p, q = a / np.sqrt(variances + right), a / np.sqrt(variances + wrong)
    q = q / np.linalg.norm(q)
    x = p - (p @ q) * q
    x = x / np.linalg.norm(x) - 0.02 * q
    return x / np.linalg.norm(x)


QUESTIONS = [conv, difference, eps_, dense, depthwise, witness]
