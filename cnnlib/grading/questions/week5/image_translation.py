"""Week 5: the questions of the notebook `image_translation`."""

from collections import Counter

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- window_logits ---------------------------------------------------------------------------------------------------


def _leaky(h, slope=0.2):
    return np.where(h > 0, h, slope * h)


def _correlate(x, w, stride, flip=False):
    """(C, H, W), (K, C, k_h, k_w)  →  (K, H', W')"""
    if flip:
        w = w[..., ::-1, ::-1]
    k_h, k_w = w.shape[2:]
    rows, columns = (x.shape[1] - k_h) // stride + 1, (x.shape[2] - k_w) // stride + 1
    out = np.zeros((len(w), rows, columns))
    for u, v in np.ndindex(k_h, k_w):
        part = x[:, u:u + stride * (rows - 1) + 1:stride, v:v + stride * (columns - 1) + 1:stride]
        out += np.einsum("kc,cij->kij", w[:, :, u, v], part)
    return out


def _logits(x, w, v, stride, bend=_leaky, second=1, flip=False):
    x, w, v = (np.asarray(each, np.float64) for each in (x, w, v))
    return _correlate(bend(_correlate(x, w, stride, flip)), v[None], second, flip)[0]


def _logits_cases(rng):
    """The last rows and columns are in no window in some cases; the map is never square."""
    while True:
        channels, widths = int(rng.integers(1, 4)), int(rng.integers(2, 4))
        k_h, k_w = unequal(rng, 2, 5)
        m_h, m_w = unequal(rng, 2, 4)
        stride = int(rng.integers(2, 4))
        rows, columns = unequal(rng, 2, 5)
        height = (m_h - 1 + rows - 1) * stride + k_h + int(rng.integers(0, stride))
        width = (m_w - 1 + columns - 1) * stride + k_w + int(rng.integers(0, stride))
        case = (numbers(rng, (channels, height, width)), numbers(rng, (widths, channels, k_h, k_w)) / 4,
                numbers(rng, (widths, m_h, m_w)) / 4, stride)
        if np.abs(_logits(*case) - _logits(*case, bend=lambda h: h)).min() > 1e-3:
            return case


logits = Question(
    "window_logits", title="One judge for every window", points=2,
    asks="Write `window_logits(x, w, v, stride)`: cut an image into windows, and give each to one small judge.",
    reference=lambda x, w, v, stride: _logits(x, w, v, stride), cases=_logits_cases,
    minutes=20, level=2, practice=True,
    text=r"""
        `x` is an image (C, H, W). The judge reads a window of $f_h \times f_w$ pixels and gives one number. It
        correlates the window with `w` (K, C, k_h, k_w), with the stride `stride` and without padding; then comes a
        leaky ReLU (slope 0.2 below 0); of the K maps, which have now exactly the size of `v`
        (K, m_h, m_w), it takes the inner product with `v`. So $f_h = (m_h - 1)\,\text{stride} + k_h$, and $f_w$
        likewise. The first window lies at the top left, and the next one begins `stride` pixels further. Return the
        logits of all windows that lie wholly in the image, (H', W').
    """,
    hints={
        "Where do I begin?": "Two loops over the places of the window; inside of them two over the places of `w` in "
                             "it. Make the judge of one window first, as a function.",
        "One row or column too many, or too few": "H' = ⌊(H − f_h)/stride⌋ + 1.",
        "The first logit is right, the others are not": "Window (i, j) begins at row i · stride, column j · stride.",
    },
)


@logits.solution
def window_logits(x, w, v, stride):
    """(C, H, W), (K, C, k_h, k_w), (K, m_h, m_w), int  →  (H', W')"""
    (k_h, k_w), (m_h, m_w) = w.shape[2:], v.shape[1:]
    f_h, f_w = (m_h - 1) * stride + k_h, (m_w - 1) * stride + k_w

    def judge(window):
        total = 0.0
        for a, c in np.ndindex(m_h, m_w):
            top, left = a * stride, c * stride
            part = window[:, top:top + k_h, left:left + k_w]
            h = np.tensordot(w, part, 3)                        # (K,)
            total += v[:, a, c] @ np.where(h > 0, h, 0.2 * h)
        return total

    return np.array([[judge(x[:, top:top + f_h, left:left + f_w])
                      for left in range(0, x.shape[2] - f_w + 1, stride)]
                     for top in range(0, x.shape[1] - f_h + 1, stride)])


def _logits_mistake(name, hint, **options):
    logits.mistake(name, hint=hint)(lambda x, w, v, stride: _logits(x, w, v, stride, **options))


_BEND = "Leaky ReLU: h where h > 0, and 0.2 h below."
_logits_mistake("no leaky ReLU", "Two correlations without a bend between are one. " + _BEND, bend=lambda h: h)
_logits_mistake("a ReLU without its leak", _BEND, bend=lambda h: np.maximum(h, 0))
_logits_mistake("a leak of 0.01", _BEND, bend=lambda h: _leaky(h, 0.01))
_logits_mistake("the leak where h is positive", _BEND, bend=lambda h: np.where(h < 0, h, 0.2 * h))
_logits_mistake("the leak has the wrong sign", _BEND, bend=lambda h: _leaky(h, -0.2))
_logits_mistake("a leak of 1/0.2", _BEND, bend=lambda h: _leaky(h, 5.0))
_logits_mistake("a leak of 1.2", _BEND, bend=lambda h: _leaky(h, 1.2))
_logits_mistake("0.2 is added below 0", _BEND, bend=lambda h: np.where(h > 0, h, h + 0.2))
_logits_mistake("both kernels are flipped", "Correlate: the kernel lies on the window as it stands.", flip=True)


@logits.mistake("a sigmoid at the end", hint="Logits are asked; a loss applies its sigmoid itself.")
def _(x, w, v, stride):
    return 1 / (1 + np.exp(-_logits(x, w, v, stride)))


@logits.mistake("the mean of the map", hint="A logit for each window, (H', W').")
def _(x, w, v, stride):
    return _logits(x, w, v, stride).mean()


@logits.mistake("the windows do not overlap", hint="The next window begins `stride` pixels further, not a whole one.")
def _(x, w, v, stride):
    rows, columns = (-(-((m - 1) * stride + k) // stride) for m, k in zip(v.shape[1:], w.shape[2:], strict=True))
    return _logits(x, w, v, stride)[::rows, ::columns]


@logits.mistake("a window at every pixel", hint="The next window begins `stride` pixels further.")
def _(x, w, v, stride):
    f_h, f_w = ((m - 1) * stride + k for m, k in zip(v.shape[1:], w.shape[2:], strict=True))
    return np.array([[_logits(x[:, i:i + f_h, j:j + f_w], w, v, stride)[0, 0] for j in range(x.shape[2] - f_w + 1)]
                     for i in range(x.shape[1] - f_h + 1)])


@logits.mistake("the last row or column of windows is missing", hint="H' = ⌊(H − f_h)/stride⌋ + 1.")
def _(x, w, v, stride):
    return _logits(x, w, v, stride)[:-1, :-1]


@logits.mistake("the map has zeros around it", hint="Without padding: only windows that lie wholly in the image.")
def _(x, w, v, stride):
    return np.pad(_logits(x, w, v, stride), 1)


logits.accepted("two correlations of the whole image")(lambda x, w, v, stride: _logits(x, w, v, stride))


@logits.accepted("with sliding windows")
def _(x, w, v, stride):
    view = np.lib.stride_tricks.sliding_window_view
    h = np.einsum("cijuv,kcuv->kij", view(x, w.shape[2:], (1, 2))[:, ::stride, ::stride], w)
    h = np.maximum(h, 0.2 * h)
    return np.einsum("kijuv,kuv->ij", view(h, v.shape[1:], (1, 2)), v)


# ---- best_pictures ---------------------------------------------------------------------------------------------------

def _mean(targets, weights):
    return np.tensordot(weights, targets, 1)


def _median(targets, weights, share=0.5, lower=True, axis=0):
    order = np.argsort(targets, 0)
    summed = np.cumsum(np.asarray(weights, np.float64)[order], axis)
    place = np.argmax(summed > share, 0) if lower else len(targets) - 1 - np.argmax(summed[::-1] < share, 0)
    return np.take_along_axis(np.take_along_axis(targets, order, 0), place[None], 0)[0]


def _best(targets, weights, first=_mean, second=_median):
    targets, weights = np.asarray(targets, np.float64), np.asarray(weights, np.float64)
    return np.stack([first(targets, weights), second(targets, weights)])


def _plain_median(targets, weights):
    return np.median(targets, 0)


def _heaviest(targets, weights):
    return targets[np.argmax(weights)]


def _best_cases(rng):
    """No part of the answers has exactly half of the weight; no weight alone has more than half."""
    while True:
        count = int(rng.integers(4, 8))
        parts = rng.integers(1, 12, count)
        targets, total = numbers(rng, (count, *unequal(rng, 2, 5))), parts.sum()
        if total % 2 == 0 or 2 * parts.max() > total or len(set(parts)) < 3:
            continue
        case = targets, parts / total
        right = _best(*case)[1]
        if all(np.abs(right - other(*case)).max() > 0.2 for other in (_plain_median, _heaviest, _mean)):
            return case


best = Question(
    "best_pictures", title="What a loss asks for when several answers are right", points=1,
    asks="Write `best_pictures(targets, weights)`: the one picture that is best for several right answers.",
    reference=_best, cases=_best_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        An input has M right answers, `targets` (M, H, W); answer m comes with the probability `weights[m]`, all
        positive with sum 1. A network without noise gives one picture $y$ for all of them. Return (2, H, W): first the
        $y$ that makes the expected squared error $\sum_m w_m\, (t_m - y)^2$ smallest at each pixel, then the one that
        does so for the expected absolute error $\sum_m w_m\, |t_m - y|$. No group of answers has exactly half of the
        probability, so each is unique.
    """,
    hints={
        "Where do I begin?": "Take one pixel. Where is the derivative by y zero? That of |t − y| is −1 for y < t and "
                             "+1 for y > t.",
        "The second picture is nearly right":
            "Answers count by their weights: sort the values, add the weights up in that order, and take the value "
            "with which the sum passes ½.",
    },
)


@best.solution
def best_pictures(targets, weights):
    """(M, H, W), (M,)  →  (2, H, W)"""
    mean = np.tensordot(weights, targets, 1)
    order = np.argsort(targets, axis=0)                  # at each pixel
    summed = np.cumsum(weights[order], axis=0)
    place = np.argmax(summed > 0.5, axis=0)              # the first
    ordered = np.take_along_axis(targets, order, axis=0)
    median = np.take_along_axis(ordered, place[None], axis=0)[0]
    return np.stack([mean, median])


def _best_mistake(name, hint, **options):
    best.mistake(name, hint=hint)(lambda targets, weights: _best(targets, weights, **options))


_PASSES = "Sort the values, add up their weights, and take the value with which the sum passes ½."
_best_mistake("the median without weights", "An answer that comes more often counts more. " + _PASSES,
              second=_plain_median)
_best_mistake("the mean without weights", "Σ w t: an answer that comes more often counts more.",
              first=lambda t, w: t.mean(0))
_best_mistake("neither has weights", "An answer that comes more often counts more.", first=lambda t, w: t.mean(0),
              second=_plain_median)
_best_mistake("the mean twice", "The absolute error is smallest at a median. " + _PASSES, second=_mean)
_best_mistake("the median twice", "The squared error is smallest at the mean Σ w t.", first=_median)
_best_mistake("the answer that comes most often", "That need not be best at any pixel. " + _PASSES, second=_heaviest)
_best_mistake("the value before ½ is passed", _PASSES, second=lambda t, w: _median(t, w, lower=False))
_best_mistake("the weights are not sorted with their values", "weights[order], at each pixel.",
              second=lambda t, w: np.sort(t, 0)[np.argmax(np.cumsum(w) > 0.5)])
_best_mistake("values are not sorted", _PASSES, second=lambda t, w: t[np.argmax(np.cumsum(w) > 0.5)])
_best_mistake("the smallest value", _PASSES, second=lambda t, w: t.min(0))
_best_mistake("the largest value", _PASSES, second=lambda t, w: t.max(0))
for _axis in (1, 2):
    _best_mistake("the weights are added up along rows or columns", "Axis 0 holds the answers: add up over it.",
                  second=lambda t, w, axis=_axis: _median(t, w, axis=axis))
for _share in (1.0, 0.25, 0.75):
    _best_mistake("not where the sum passes ½", _PASSES, second=lambda t, w, s=_share: _median(t, w, s))
best.mistake("the two are exchanged", hint="First the squared error.")(lambda t, w: _best(t, w)[::-1])
best.mistake("one picture only", hint="Two pictures, (2, H, W).")(_median)
best.mistake("one picture only", hint="Two pictures, (2, H, W).")(_mean)


@best.accepted("the value with the smallest expected error, tried out")
def _(targets, weights):
    cost = np.einsum("m,mnij->nij", weights, np.abs(targets[:, None] - targets[None]))
    return np.stack([(weights[:, None, None] * targets).sum(0),
                     np.take_along_axis(targets, cost.argmin(0)[None], 0)[0]])


@best.accepted("pixel by pixel")
def _(targets, weights):
    out = np.zeros((2, *targets.shape[1:]))
    for i, j in np.ndindex(*targets.shape[1:]):
        pairs, total = sorted(zip(targets[:, i, j].tolist(), weights.tolist(), strict=True)), 0.0
        out[0, i, j] = sum(t * w for t, w in pairs)
        for t, w in pairs:
            total += w
            if total > 0.5:
                out[1, i, j] = t
                break
    return out


# ---- times_judged ----------------------------------------------------------------------------------------------------

def _sizes(strided, size, padding=1):
    sizes = [size]
    for number in range(strided + 2):
        sizes.append((sizes[-1] + 2 * padding - 4) // (2 if number < strided else 1) + 1)
    return sizes


def _along(strided, size, padding=1, shown=None):
    """How many logits see each of `size` pixels in a row: forwards through the layers, an interval of units each."""
    counts = []
    for pixel in range(size):
        low = high = pixel
        for number, length in enumerate(_sizes(strided, size, padding)[1:]):
            stride = 2 if number < strided else 1
            low, high = max(0, -((3 - padding - low) // stride)), min(length - 1, (high + padding) // stride)
        counts.append(max(0, high - low + 1))
    return np.array(counts)


def _judged(strided, height, width, padding=1):
    return np.multiply.outer(_along(strided, height, padding), _along(strided, width, padding))


def _judged_cases(rng, turn):
    strided = turn % 3
    height, width = unequal(rng, 4 * 2**strided, 7 * 2**strided + 3)
    return strided, height, width


def _field(strided, height, width):
    field = 9 * 2**strided - 2
    return field, [_sizes(strided, size)[-1] for size in (height, width)]


judged = Question(
    "times_judged", title="Who is judged most often", points=2, kind="predict",
    asks="Write `times_judged(strided, height, width)`: by how many logits of a PatchGAN each pixel is seen.",
    reference=_judged, cases=_judged_cases,
    minutes=25, level=3,
    text=r"""
        The discriminator is the PatchGAN of the papers: `strided` convolutions of stride 2 (0, 1 or 2 of them), then
        two of stride 1, the last of which gives the map of logits. All kernels are 4 × 4, all layers have padding 1,
        and no weight is 0. Predict for every pixel of an image of `height` × `width` pixels how many logits of the map
        depend on it: ints, (height, width). What bends between the layers does not matter, and there is
        no norm.
    """,
    hints={
        "Where do I begin?": "Rows and columns are independent, so count along one axis. Output t of a layer reads the "
                             "inputs from s t − 1 to s t + 2. Which outputs read input a?",
        "Right in the middle, wrong at the border": "Only outputs that are there count: 0 ≤ t < length of the layer's "
                                                    "output, in every layer.",
        "Too large by far": "Two dimensions: the count of a pixel is the count of its row times that of its column.",
    },
)


@judged.solution
def times_judged(strided, height, width):
    """int, int, int  →  (height, width)"""
    def along(size):
        sees = np.eye(size, dtype=int)          # which unit sees which pixel
        for number in range(strided + 2):
            stride = 2 if number < strided else 1
            length = (len(sees) + 2 - 4) // stride + 1
            after = np.zeros((length, size), int)
            for t in range(length):
                first, last = stride * t - 1, stride * t + 2
                after[t] = sees[max(first, 0):last + 1].any(0)
            sees = after
        return sees.sum(0)

    return np.outer(along(height), along(width))


def _judged_mistake(name, hint, answer):
    judged.mistake(name, hint=hint)(answer)


_judged_mistake("the same for all pixels: (field/jump)²", "At the border fewer windows hold a pixel.",
                lambda strided, height, width: np.full((height, width), (-(-(9 * 2**strided - 2) // 2**strided))**2))
_judged_mistake("all logits see every pixel", "A logit sees 9 · 2^strided − 2 pixels along each axis.",
                lambda strided, height, width: np.full((height, width), np.prod(_field(strided, height, width)[1])))
_judged_mistake("without padding", "Every layer has padding 1: there are more logits, and they hang over the border.",
                lambda strided, height, width: _judged(strided, height, width, 0))
_judged_mistake("height and width are exchanged", "(height, width).",
                lambda strided, height, width: _judged(strided, width, height))
_judged_mistake("rows and columns are added", "A logit sees a pixel if it sees its row and its column: multiply.",
                lambda s, h, w: np.add.outer(_along(s, h), _along(s, w)))
_judged_mistake("one axis alone", "The count of the row times the count of the column.",
                lambda s, h, w: _along(s, h)[:, None] + np.zeros(w, int))
_judged_mistake("one axis alone", "The count of the row times the count of the column.",
                lambda s, h, w: _along(s, w) + np.zeros((h, 1), int))
_judged_mistake("one layer of stride 2 too many", "`strided` of them have stride 2.",
                lambda s, h, w: _judged(s + 1, h, w))
_judged_mistake("only one layer of stride 1", "Two convolutions of stride 1 come last.",
                lambda s, h, w: _chain(s, h, w, plain=1))
_judged_mistake("three layers of stride 1", "Two convolutions of stride 1 come last.",
                lambda s, h, w: _chain(s, h, w, plain=3))
_judged_mistake("kernels of 3", "All kernels are 4 × 4.", lambda s, h, w: _chain(s, h, w, kernel=3))
_judged_mistake("kernels of 5", "All kernels are 4 × 4: output t reads s t − 1 to s t + 2.",
                lambda s, h, w: _chain(s, h, w, kernel=5))
_judged_mistake("the layers of stride 1 come first", "First `strided` of stride 2, then two of stride 1.",
                lambda s, h, w: _chain(s, h, w, first=True))
_judged_mistake("ways from pixel to logit, not logits", "A logit counts once, however many ways lead to it: any, not "
                                                        "sum.", lambda s, h, w: _chain(s, h, w, ways=True))
_judged_mistake("no stride", "`strided` layers have stride 2.", lambda s, h, w: _chain(s, h, w, stride=1))
_judged_mistake("stride 3", "`strided` layers have stride 2.", lambda s, h, w: _chain(s, h, w, stride=3))
_judged_mistake("windows begin at the pixel s · t", "Padding 1: output t reads from s t − 1 on.",
                lambda s, h, w: _chain(s, h, w, shift=1))
_judged_mistake("windows begin at the pixel s · t − 2", "Padding 1: output t reads from s t − 1 on.",
                lambda s, h, w: _chain(s, h, w, shift=-1))
_judged_mistake("a layer's output is one too short", "(length + 2 − 4) // stride + 1.",
                lambda s, h, w: _chain(s, h, w, more=-1))
_judged_mistake("a layer's output is one too long", "(length + 2 − 4) // stride + 1.",
                lambda s, h, w: _chain(s, h, w, more=1))


def _chain(strided, height, width, kernel=4, plain=2, stride=2, first=False, ways=False, shift=0, more=0, sizes=-2,
           whole=None, jump=None):
    strides = [1] * plain + [stride] * strided if first else [stride] * strided + [1] * plain

    def along(size):
        sees = np.eye(size, dtype=int)
        for s in strides:
            length = max(0, (len(sees) + sizes) // s + 1 + more)
            after = np.zeros((length, size), int)
            for t in range(length):
                begin = (jump or s) * t - 1 + shift
                part = sees[0 if whole == "left" else max(begin, 0):
                            None if whole == "right" else max(begin + kernel, 0)]
                after[t] = part.sum(0) if ways else part.any(0)
            sees = after
        return sees.sum(0)
    return np.outer(along(height), along(width))


_CHAIN = "(length + 2 − 4) // stride + 1 outputs, and output t reads stride · t − 1 to stride · t + 2."
_judged_mistake("the two layers of stride 1 are left out", "Two convolutions of stride 1 come last.",
                lambda s, h, w: _chain(s, h, w, plain=0))
_judged_mistake("the layers are too long: the kernel is left out of the sizes", _CHAIN,
                lambda s, h, w: _chain(s, h, w, sizes=2))
for _sizes_off in (-1, -3):
    _judged_mistake("the layers have wrong sizes", _CHAIN, lambda s, h, w, by=_sizes_off: _chain(s, h, w, sizes=by))
for _begin, _end in ((1, 2), (0, 2), (-2, 2), (-1, 0)):
    _judged_mistake("a unit reads too much or too little", _CHAIN,
                    lambda s, h, w, b=_begin, e=_end: _chain(s, h, w, shift=b + 1, kernel=e - b + 1))
_judged_mistake("a unit reads all from the left edge on", "Output t reads 4 inputs: from stride · t − 1 on.",
                lambda s, h, w: _chain(s, h, w, whole="left"))
_judged_mistake("a unit reads all up to the right edge", "Output t reads 4 inputs: up to stride · t + 2.",
                lambda s, h, w: _chain(s, h, w, whole="right"))
_judged_mistake("the jump is left out: windows begin at t − 1 in every layer", "They begin at stride · t − 1.",
                lambda s, h, w: _chain(s, h, w, jump=1))
_judged_mistake("the last of the strided layers is left out", "`strided` of stride 2, and two of stride 1.",
                lambda s, h, w: _judged(max(0, s - 1), h, w))
_judged_mistake("one of the layers of stride 1 has stride 2", "Two convolutions of stride 1 come last.",
                lambda s, h, w: _chain(s + 1, h, w, plain=1))
_judged_mistake("all layers have stride 2", "Two convolutions of stride 1 come last.",
                lambda s, h, w: _chain(s + 2, h, w, plain=0))


judged.accepted("intervals, pixel by pixel")(_judged)


@judged.accepted("by a correlation with ones, and what it spreads")
def _(strided, height, width):
    seen = np.zeros((height, width), int)
    for i, j in np.ndindex(height, width):
        x = np.zeros((1, height, width))
        x[0, i, j] = 1
        for number in range(strided + 2):
            x = np.sign(_correlate(np.pad(x, ((0, 0), (1, 1), (1, 1))), np.ones((1, 1, 4, 4)),
                                   2 if number < strided else 1))
        seen[i, j] = x.sum()
    return seen


# ---- cycle_terms -----------------------------------------------------------------------------------------------------

def _relu(x):
    return np.maximum(x, 0)


def _terms(a, b, p, q, u_a, u_b, same=lambda forth, back, a, b: (forth(b) - b, back(a) - a),
           around=lambda forth, back, a, b: (back(forth(a)) - a, forth(back(b)) - b), wish=1.0,
           judged=lambda made_a, made_b, u_a, u_b: (made_b @ u_b, made_a @ u_a), cost=np.abs, take=np.mean,
           fool=np.square, parts=(True, True), give=lambda x: x):
    a, b, p, q, u_a, u_b = (np.asarray(x, np.float64) for x in (a, b, p, q, u_a, u_b))

    def forth(x):
        return _relu(x @ p)

    def back(x):
        return _relu(x @ q)

    def both(errors):
        return sum(take(error) for error, keep in zip(errors, parts, strict=True) if keep)

    seen = judged(back(b), forth(a), u_a, u_b)
    return give(np.array([both([fool(s - wish) for s in seen]),
                          both([cost(e) for e in around(forth, back, a, b)]),
                          both([cost(e) for e in same(forth, back, a, b)])]))


def _swapped(forth, back, a, b):
    return forth(a) - a, back(b) - b


def _terms_cases(rng):
    """Different numbers of images of the two kinds; the given faults change each number they touch."""
    while True:
        n, m = unequal(rng, 2, 6)
        pixels = int(rng.integers(3, 6))
        case = (np.abs(numbers(rng, (n, pixels))), np.abs(numbers(rng, (m, pixels))),
                numbers(rng, (pixels, pixels)) / 4, numbers(rng, (pixels, pixels)) / 4,
                numbers(rng, (pixels,)) / 4, numbers(rng, (pixels,)) / 4)
        right = _terms(*case)
        others = [_terms(*case, same=_swapped)[2] - right[2], _terms(*case, wish=0.0)[0] - right[0],
                  _terms(*case, cost=np.square)[1] - right[1]]
        if min(np.abs(others)) > 0.05:
            return case


terms = Question(
    "cycle_terms", title="Three wishes, two of them confused", points=2, kind="mend",
    asks="Mend `cycle_terms(a, b, p, q, u_a, u_b)`: the three terms of what the generators of a CycleGAN minimise.",
    reference=lambda a, b, p, q, u_a, u_b: _terms(a, b, p, q, u_a, u_b), cases=_terms_cases,
    minutes=20, level=2,
    text=r"""
        The rows of `a` (N, P) are images of one kind, those of `b` (M, P) of the other; no row belongs to another.
        $G(x) = \text{relu}(x\, p)$ makes images of kind b from those of kind a, $F(x) = \text{relu}(x\, q)$ the other
        way, with `p` and `q` (P, P). The discriminator of kind b gives $x \cdot u_b$, that of kind a $x \cdot u_a$.
        Return three numbers, each the sum of one part for each direction, and each part a mean over all numbers that
        it compares:

        - the adversarial term of least squares, $(D - 1)^2$ of the images made: the generators want a 1;
        - the cycle term, the absolute error of the way there and back;
        - the identity term: the absolute error of a generator that is shown what it makes already.

        The function given runs, and one meets both of its faults in real code.
    """,
    hints={
        "The first number is wrong": "Whose wish is it? A discriminator wants 0 for what is made. The generators want "
                                     "to be taken for real.",
        "The third number is wrong":
            "G makes images of kind b. Which images should it leave as they are? To leave those of kind a would be not "
            "to translate.",
    },
)


@terms.given("as given: two faults are there", hint="Which number should the discriminator give to a made image, if "
             "the generator has its way? And which images should G leave alone?")
def _(a, b, p, q, u_a, u_b):
    """(N, P), (M, P), (P, P), (P, P), (P,), (P,)  →  (3,)"""
    def to_b(x):
        return np.maximum(x @ p, 0)

    def to_a(x):
        return np.maximum(x @ q, 0)

    made_b, made_a = to_b(a), to_a(b)
    adversarial = np.mean((made_b @ u_b) ** 2) + np.mean((made_a @ u_a) ** 2)
    cycle = (np.mean(np.abs(to_a(made_b) - a))
             + np.mean(np.abs(to_b(made_a) - b)))
    identity = np.mean(np.abs(to_b(a) - a)) + np.mean(np.abs(to_a(b) - b))
    return np.array([adversarial, cycle, identity])


@terms.solution
def cycle_terms(a, b, p, q, u_a, u_b):
    """(N, P), (M, P), (P, P), (P, P), (P,), (P,)  →  (3,)"""
    def to_b(x):
        return np.maximum(x @ p, 0)

    def to_a(x):
        return np.maximum(x @ q, 0)

    made_b, made_a = to_b(a), to_a(b)
    adversarial = (np.mean((made_b @ u_b - 1) ** 2)
                   + np.mean((made_a @ u_a - 1) ** 2))
    cycle = (np.mean(np.abs(to_a(made_b) - a))
             + np.mean(np.abs(to_b(made_a) - b)))
    identity = np.mean(np.abs(to_b(b) - b)) + np.mean(np.abs(to_a(a) - a))
    return np.array([adversarial, cycle, identity])


def _terms_mistake(name, hint, **options):
    terms.mistake(name, hint=hint)(lambda *case: _terms(*case, **options))


_FOOL = "The generators want their images to be taken for real: (D − 1)²."
_LEAVE = "G, which makes kind b, should leave b as it is, and F should leave a."
_terms_mistake("the identity term still asks for no translation", _LEAVE, same=_swapped)
_terms_mistake("the generators still want a 0", _FOOL, wish=0.0)
_terms_mistake("the generators want a −1", _FOOL, wish=-1.0)
_terms_mistake("the generators want a 2", _FOOL, wish=2.0)
_terms_mistake("the discriminators are exchanged", "What G makes is of kind b: u_b judges it.",
               judged=lambda made_a, made_b, u_a, u_b: (made_b @ u_a, made_a @ u_b))
_terms_mistake("the cycle term is squared", "The absolute error.", cost=np.square)
_terms_mistake("sums in place of means", "Each part is a mean.", take=np.sum)
_terms_mistake("one direction only, a → b", "Each term is a sum over both directions.", parts=(True, False))
_terms_mistake("one direction only, b → a", "Each term is a sum over both directions.", parts=(False, True))
_terms_mistake("half of each", "The sum of both directions, not their mean.", give=lambda x: x / 2)
_terms_mistake("one sum of all three", "Three numbers.", give=np.sum)
_terms_mistake("the adversarial term is not squared", "(D − 1)².", fool=lambda s: s)
_terms_mistake("the adversarial term is an absolute error", "(D − 1)².", fool=np.abs)
_terms_mistake("the adversarial term is a third power", "(D − 1)².", fool=lambda s: s**3)
_terms_mistake("the adversarial term is doubled, not squared", "(D − 1)².", fool=lambda s: 2 * s)
_terms_mistake("errors cancel: no absolute value", "|…|: errors above and below do not cancel.", cost=lambda e: e)
_terms_mistake("the cycle goes the same way twice", "There with one generator, back with the other.",
               around=lambda forth, back, a, b: (forth(forth(a)) - a, back(back(b)) - b))
_terms_mistake("the cycle begins with the wrong generator", "An image of kind a goes through G first.",
               around=lambda forth, back, a, b: (forth(back(a)) - a, back(forth(b)) - b))


def _terms_term(place, sign):
    def answer(*case):
        parts = [_terms(*case, parts=only)[place] for only in ((True, False), (False, True))]
        out = _terms(*case)
        out[place] = parts[0] - parts[1] if sign == "-" else parts[sign]
        return out
    name, hint = ("the two directions are subtracted", "A sum over both directions.") if sign == "-" else (
        "a direction is missing", "Each term is a sum over both directions.")
    terms.mistake(name, hint=hint)(answer)


for _place in range(3):
    for _sign in ("-", 0, 1):
        _terms_term(_place, _sign)


def _terms_half(place, change, hint, name):
    """One direction of one term is wrong, the other is right."""
    for wrong in (0, 1):
        def answer(*case, wrong=wrong):
            keep = (wrong == 0, wrong == 1)
            out = _terms(*case)
            out[place] += (_terms(*case, parts=keep, **change) - _terms(*case, parts=keep))[place]
            return out
        terms.mistake(name, hint=hint)(answer)


for _wish in (0.0, -1.0, 2.0):
    _terms_half(0, {"wish": _wish}, _FOOL, "one direction does not want a 1")
for _fool in (lambda s: s, lambda s: s**3, lambda s: 2 * s):
    _terms_half(0, {"fool": _fool}, "(D − 1)² in both directions.", "one direction's adversarial term is not squared")
_terms_half(2, {"same": _swapped}, _LEAVE, "one direction's identity term asks for no translation")
for _place in (1, 2):
    _terms_half(_place, {"cost": lambda e: e}, "|…| in both directions.", "one direction without an absolute value")
for _place in (1, 2):
    _terms_half(_place, {"cost": np.square}, "The absolute error, in both directions.",
                "one direction is squared where the absolute error is asked")
_SAME = "|G(x) − x|: the difference from the image that went in."
for _place, _key in ((1, "around"), (2, "same")):
    for _change, _name in (((lambda e, x: e + 2 * x), "one direction adds the image, where it is to be subtracted"),
                           ((lambda e, x: e + x), "one direction does not subtract the image that went in"),
                           ((lambda e, x: x), "one direction leaves the generators out")):
        def _other(forth, back, a, b, place=_place, change=_change):
            if place == 1:
                return change(back(forth(a)) - a, a), change(forth(back(b)) - b, b)
            return change(forth(b) - b, b), change(back(a) - a, a)
        _terms_half(_place, {_key: _other}, _SAME, _name)
_terms_half(1, {"around": lambda forth, back, a, b: (forth(a) - a, back(b) - b)}, "There and back.",
            "one direction goes there, but not back")
for _place in range(3):
    _terms_half(_place, {"take": np.sum}, "Each part is a mean.", "one direction is a sum, not a mean")


@terms.accepted("with a sum over the two directions")
def _(a, b, p, q, u_a, u_b):
    total = np.zeros(3)
    for x, y, there, home, judge in ((a, b, p, q, u_b), (b, a, q, p, u_a)):
        made = (x @ there).clip(0)
        total += [((made @ judge - 1)**2).mean(), abs((made @ home).clip(0) - x).mean(),
                  abs((y @ there).clip(0) - y).mean()]
    return total


@terms.accepted("sums divided by sizes")
def _(a, b, p, q, u_a, u_b):
    g, f = (lambda x: np.where(x @ p > 0, x @ p, 0)), (lambda x: np.where(x @ q > 0, x @ q, 0))
    return [np.sum((g(a) @ u_b - 1)**2) / len(a) + np.sum((f(b) @ u_a - 1)**2) / len(b),
            np.sum(np.abs(f(g(a)) - a)) / a.size + np.sum(np.abs(g(f(b)) - b)) / b.size,
            np.sum(np.abs(g(b) - b)) / b.size + np.sum(np.abs(f(a) - a)) / a.size]


# ---- shown_images ----------------------------------------------------------------------------------------------------

def _shown(images, size, coins, places, swap=True, keep=True, wanted=lambda coin: coin > 0.5, fill=True,
           replace_always=False):
    pool, out = [], []
    for image, coin, place in zip(np.asarray(images, np.float64), coins, places, strict=True):
        if len(pool) < size and fill:
            pool.append(image)
            out.append(image)
        elif wanted(coin):
            if place >= len(pool):
                pool += [image] * (place + 1 - len(pool))
            old = pool[place]
            if keep:
                pool[place] = image
            out.append(old if swap else image)
        else:
            if replace_always:
                pool[place] = image
            out.append(image)
    return np.array(out)


def _shown_cases(rng):
    """Long enough that images which came out of the pool are followed by others from the same place."""
    while True:
        size, count = int(rng.integers(2, 5)), int(rng.integers(11, 16))
        case = (numbers(rng, (count, *unequal(rng, 1, 4))), size, rng.integers(1, 32, count) / 32 + 1 / 128,
                tuple(int(place) for place in rng.integers(0, size, count)))
        right = _shown(*case)
        others = [_shown(*case, keep=False), _shown(*case, replace_always=True), _shown(*case, swap=False),
                  _shown(*case, wanted=lambda coin: coin < 0.5), _shown(*case, wanted=lambda coin: True),
                  _shown(case[0], size + 1, *case[2:]), _shown(case[0], size - 1, case[2], np.mod(case[3], size - 1))]
        if min(np.abs(right - other).max() for other in others) > 0.1:
            return case


shown = Question(
    "shown_images", title="A discriminator that is shown the past", points=1,
    asks="Write `shown_images(images, size, coins, places)`: what a discriminator with a pool of old images is shown.",
    reference=lambda images, size, coins, places: _shown(images, size, coins, places), cases=_shown_cases,
    minutes=15, level=2,
    text=r"""
        CycleGAN does not always show its discriminators the newest image: a pool keeps `size` of the made ones, so that
        a discriminator does not forget what the generators did before. `images` (T, H, W) are made one after the
        other. As long as the pool is not full, an image is put into it, and is shown itself. When it is full, look at
        `coins[t]`, between 0 and 1: above ½ the image is put into the pool at place `places[t]`, and the one that lay
        there is shown in its stead; else the image is shown, and the pool stays as it is. Places are filled in order,
        from 0 on; coins and places of the time before the pool is full are not used. Return what is shown, (T, H, W).
    """,
    hints={
        "The first images are right, later ones are not": "The image that is swapped in stays in the pool, and may be "
                                                          "shown later.",
        "An image appears twice although it was made once": "Store it only when it is swapped in, or while the pool "
                                                            "fills.",
    },
)


@shown.solution
def shown_images(images, size, coins, places):
    """(T, H, W), int, (T,), (T,)  →  (T, H, W)"""
    pool, out = [], []
    for image, coin, place in zip(images, coins, places, strict=True):
        if len(pool) < size:
            pool.append(image)
        elif coin > 0.5:
            image, pool[place] = pool[place], image
        out.append(image)
    return np.array(out)


def _shown_mistake(name, hint, **options):
    shown.mistake(name, hint=hint)(lambda images, size, coins, places: _shown(images, size, coins, places, **options))


_shown_mistake("the newest image is always shown", "When the coin is above ½, the old image of that place is shown.",
               swap=False)
_shown_mistake("the pool never changes once it is full", "The new image takes the place of the one that is shown.",
               keep=False)
_shown_mistake("the coin is read the wrong way round", "Above ½: an old image.", wanted=lambda coin: coin <= 0.5)
_shown_mistake("always an old image", "Only when the coin is above ½.", wanted=lambda coin: True)
_shown_mistake("the new image is stored at every time", "If the new image is shown, the pool stays as it is.",
               replace_always=True)
_shown_mistake("an old image from ¼ on", "Above ½.", wanted=lambda coin: coin > 0.25)
shown.mistake("the pool holds one image more", hint="It is full with `size` images.")(
    lambda images, size, coins, places: _shown(images, size + 1, coins, places))
shown.mistake("the pool holds one image fewer", hint="It is full with `size` images.")(
    lambda images, size, coins, places: _shown(images, size - 1, coins, np.minimum(places, size - 2)))
shown.mistake("only the pool is given back", hint="All T images that are shown, (T, H, W).")(
    lambda images, size, coins, places: np.asarray(images)[:size])


@shown.mistake("coins and places are counted from when the pool is full", hint="coins[t] and places[t] belong to "
                                                                                "image t.")
def _(images, size, coins, places):
    return _shown(images, size, np.roll(coins, size), np.roll(places, size))


@shown.accepted("with indices alone")
def _(images, size, coins, places):
    held, order = list(range(size)), list(range(size))
    for t in range(size, len(images)):
        if coins[t] > 0.5:
            order.append(held[places[t]])
            held[places[t]] = t
        else:
            order.append(t)
    return images[order]


@shown.accepted("an array as the pool")
def _(images, size, coins, places):
    pool, out = np.array(images[:size]), np.array(images)
    for t in range(size, len(images)):
        if not coins[t] <= 0.5:
            out[t] = pool[places[t]]
            pool[places[t]] = images[t]
    return out


# ---- same_windows ----------------------------------------------------------------------------------------------------

def _windows(image, k):
    wide = np.pad(image, ((0, k - 1), (0, k - 1)), mode="wrap")
    view = np.lib.stride_tricks.sliding_window_view(wide, (k, k))
    return Counter(view.reshape(-1, k * k).astype(np.uint8).tobytes()[i:i + k * k]
                   for i in range(0, image.size * k * k, k * k))


def _same_properties(pictures, height, width, k):
    pictures = np.asarray(pictures, np.float64)
    if pictures.shape != (2, height, width):
        raise ValueError(f"pictures of shape (2, {height}, {width}) were asked for; these have shape {pictures.shape}")
    if not np.isfinite(pictures).all():
        raise ValueError("all numbers must be finite")
    one, two = (pictures > 0.5).astype(np.uint8)
    first, second = _windows(one, k), _windows(two, k)
    shifts = sum(np.array_equal(np.roll(one, (i, j), (0, 1)), two) for i, j in np.ndindex(height, width))
    return {"numbers other than 0 and 1": float(np.sum((pictures != 0) & (pictures != 1))),
            "windows of the first that the second has not": float((first - second).total()),
            "shifts that carry one into the other": float(shifts)}


def _same(height, width, k):
    out = np.zeros((2, height, width))
    out[0, 0, 0] = out[0, 0, k] = 1
    out[1, 0, 0] = out[1, k, 0] = 1
    return out


def _same_cases(rng):
    k = int(rng.integers(2, 4))
    return *unequal(rng, 2 * k + 1, 2 * k + 5), k


same = Question(
    "same_windows", title="Two pictures, one verdict", points=3, kind="design",
    asks="Design `same_windows(height, width, k)`: two pictures that no judge of windows can tell apart.",
    reference=_same, cases=_same_cases, measure=_same_properties,
    minutes=25, level=3,
    text=r"""
        A discriminator looks at all windows of k × k pixels, at stride 1 and on a circular border, and averages what it
        finds: so its verdict depends only on which windows there are, and how often. Return two pictures of zeros and
        ones, (2, height, width), both sides larger than 2k, with k = 2 or 3, such that

        - every k × k window occurs equally often in both;
        - they are different pictures: no circular shift carries one into the other.

        There are many such pairs, and each of them passes.
    """,
    hints={
        "Where do I begin?": "With few ones. What can a window see of a picture that has two?",
        "The windows differ": "Two ones that lie in one window betray how they lie to each other. On a circular border "
                              "count the distance both ways round.",
        "A shift carries one into the other": "One dot will not do: a picture with one dot is a shift of any other.",
    },
)


@same.solution
def same_windows(height, width, k):
    """int, int, int  →  (2, height, width)"""
    pictures = np.zeros((2, height, width))
    pictures[:, 0, 0] = 1                       # a dot in both, and a second
    pictures[0, 0, k] = 1                       # that no window sees with it:
    pictures[1, k, 0] = 1                       # beside it, or below
    return pictures


def _dots(height, width, first, second):
    out = np.zeros((2, height, width))
    for picture, places in zip(out, (first, second), strict=True):
        for row, column in places:
            picture[row % height, column % width] = 1
    return out


def _same_mistake(name, hint, answer):
    same.mistake(name, hint=hint)(answer)


_SHIFT = "A picture that is only shifted is the same picture here. Let two things lie differently to each other."
_NEAR = ("Two ones that fit into one window show it how they lie. They must be k apart, in rows or in columns, counted "
         "both ways round the border.")
_same_mistake("one picture is the other, shifted or not", _SHIFT, lambda h, w, k: _dots(h, w, [(0, 0)], [(k, k)]))
_same_mistake("two pictures without a one", _SHIFT, lambda h, w, k: np.zeros((2, h, w)))
_same_mistake("two dots that touch", _NEAR, lambda h, w, k: _dots(h, w, [(0, 0), (0, 1)], [(0, 0), (1, 0)]))
_same_mistake("the dots are k − 1 apart", _NEAR,
              lambda h, w, k: _dots(h, w, [(0, 0), (0, k - 1)], [(0, 0), (k - 1, 0)]))
_same_mistake("one of the two pictures has its dots too near", _NEAR,
              lambda h, w, k: _dots(h, w, [(0, 0), (0, k)], [(0, 0), (1, 0)]))
_same_mistake("one of the two pictures has its dots too near", _NEAR,
              lambda h, w, k: _dots(h, w, [(0, 0), (0, 1)], [(0, 0), (k, 0)]))
_same_mistake("different numbers of ones", "Each one is seen by k² windows: their number must be the same.",
              lambda h, w, k: _dots(h, w, [(0, 0)], [(0, 0), (k, 0)]))
_same_mistake("different numbers of ones", "Each one is seen by k² windows: their number must be the same.",
              lambda h, w, k: _dots(h, w, [(0, 0), (0, k)], [(0, 0)]))
_same_mistake("a picture and its negative", "A window of zeros must occur as often in the other.",
              lambda h, w, k: np.stack([_same(h, w, k)[0], 1 - _same(h, w, k)[0]]))
_same_mistake("stripes across and along", "A window sees which way a stripe runs.",
              lambda h, w, k: np.stack([np.indices((h, w))[0] == 0, np.indices((h, w))[1] == 0]).astype(float))
_same_mistake("a corner and its mirror image", "A mirrored window is another window, if it sees the whole shape.",
              lambda h, w, k: _dots(h, w, [(0, 0), (1, 0), (1, 1)], [(0, 0), (1, 0), (0, 1)]))
_same_mistake("a third dot beside one of the two", "A third dot is seen together with one of them in one picture, and "
              "must be so in the other.", lambda h, w, k: _dots(h, w, [(0, 0), (0, k)], [(0, 0), (k, 0), (0, 1)]))
_same_mistake("all dots in one picture", "Each one is seen by k² windows: their number must be the same.",
              lambda h, w, k: _dots(h, w, [(0, 0), (0, k), (k, 0)], [(0, 0)]))
_same_mistake("numbers other than 0 and 1", "Zeros and ones.", lambda h, w, k: 2 * _same(h, w, k))
_same_mistake("numbers other than 0 and 1", "Zeros and ones.", lambda h, w, k: -_same(h, w, k))
for _at in ((slice(None), 0, 0), (0, 0, None), (1, None, 0)):
    def _double(h, w, k, at=_at):
        out = _same(h, w, k)
        out[tuple(k if i is None else i for i in at)] = 2
        return out
    _same_mistake("numbers other than 0 and 1", "Zeros and ones.", _double)
_same_mistake("numbers other than 0 and 1", "Zeros and ones.", lambda h, w, k: _same(h, w, k) / 2)

same.accepted("holes in a white picture")(lambda h, w, k: 1 - _same(h, w, k))
same.accepted("beside, and askew")(lambda h, w, k: _dots(h, w, [(2, 1), (2, 1 + k)], [(1, 0), (1 + k, 1)]))
same.accepted("as integers")(lambda h, w, k: _same(h, w, k).astype(int).tolist())

QUESTIONS = [logits, best, judged, terms, shown, same]
