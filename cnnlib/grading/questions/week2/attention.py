"""Week 2: the questions of the notebook `attention`."""

import numpy as np

from cnnlib.scratch import functional as F
from cnnlib.scratch import ops

from ...question import Question
from ..cases import numbers, unequal


def _sizes(rng, count, low, high):
    """`count` different sizes in [low, high)."""
    return tuple(int(n) for n in rng.choice(np.arange(low, high), count, replace=False))


def _softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# ---- attention -------------------------------------------------------------------------------------------------------

def _attention_cases(rng, turn):
    """L, T, D and E differ; every fifth has scores whose exponentials overflow."""
    length, t, d, e = _sizes(rng, 4, 2, 8)
    v = numbers(rng, (t, e))
    while True:
        q, k = numbers(rng, (length, d)), numbers(rng, (t, d))
        if turn % 5 != 3:
            return q, k, v
        best = _scores(32 * q, 32 * k).max(axis=1)
        if best.min() > 750 and np.ptp(best) > 750:              # float64 overflows at 710, float32 at 89
            return 32 * q, 32 * k, v


def _scores(q, k, by=None):
    return q @ k.T / np.sqrt(q.shape[1] if by is None else by)


attend = Question(
    "attention", title="Attention, for one head", points=2,
    asks="Write `attention(q, k, v)`: for each query, the mean of the values, weighted by how well their keys fit it.",
    reference=lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
    cases=_attention_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        $$O = P\, V, \quad P = \text{softmax}\Big(\tfrac{Q K^\top}{\sqrt D}\Big)$$

        `q` is (L, D), one row for each query; `k` is (T, D) and `v` is (T, E), one row for each place that can be
        looked at. **Each row of P belongs to one query and sums to 1.** Return an array (L, E). L, T, D and E differ,
        and some scores are in the thousands: exp of them overflows, so subtract the largest of each row first.
    """,
    hints={
        "The shape is right but every number is off":
            "Let all rows of v be the same. Then every output must be that row. If yours is not, your weights do not "
            "sum to 1 over the keys.",
        "Some numbers are NaN or infinite":
            "exp(500) overflows. Softmax does not change when the same number is subtracted from a whole row: take "
            "the largest of that row.",
        "The weights are too sharp, or too flat":
            "By which number are the scores divided? D is the length of one query.",
    },
)


@attend.solution
def attention(q, k, v):
    """(L, D), (T, D), (T, E)  →  (L, E)"""
    scores = q @ k.T / np.sqrt(q.shape[1])                       # (L, T)
    scores = scores - scores.max(axis=1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=1, keepdims=True)       # each row: 1
    return weights @ v


@attend.mistake("softmax runs over the queries",
                hint="The weights of one query, a row of P, must sum to 1: over the keys, axis 1. Your columns do.")
def _(q, k, v):
    return _softmax(_scores(q, k), 0) @ v


@attend.mistake("softmax runs over all pairs at once",
                hint="All your weights together sum to 1. Each query has a sum of its own: keep axis 0 apart.")
def _(q, k, v):
    return _softmax(_scores(q, k), (0, 1)) @ v


@attend.mistake("the scores are not divided", hint="Divide the scores by √D before softmax, or it is too sharp.")
def _(q, k, v):
    return _softmax(_scores(q, k, 1), 1) @ v


@attend.mistake("the scores are divided by D", hint="By √D, not by D: that is the standard deviation of q·k.")
def _(q, k, v):
    return _softmax(_scores(q, k, q.shape[1]**2), 1) @ v


@attend.mistake("the scores are multiplied by √D", hint="A larger product must make the weights flatter: divide by √D.")
def _(q, k, v):
    return _softmax(q @ k.T * np.sqrt(q.shape[1]), 1) @ v


@attend.mistake("the scores are divided by the root of the number of queries",
                hint="D is the length of a query, q.shape[1]; q.shape[0] is how many there are.")
def _(q, k, v):
    return _softmax(_scores(q, k, len(q)), 1) @ v


@attend.mistake("the scores are divided by the root of the number of keys",
                hint="D is the length of a key, k.shape[1]; k.shape[0] is how many there are.")
def _(q, k, v):
    return _softmax(_scores(q, k, len(k)), 1) @ v


@attend.mistake("the scores are divided by the root of the values' length",
                hint="D is the length of a query and a key; the values may have another one.")
def _(q, k, v):
    return _softmax(_scores(q, k, v.shape[1]), 1) @ v


@attend.mistake("the weights are divided by √D, after softmax", hint="Divide the scores, before exp.")
def _(q, k, v):
    return _softmax(q @ k.T, 1) / np.sqrt(q.shape[1]) @ v


@attend.mistake("the weights are not divided by their sum",
                hint="exp of the scores is positive, but a row must also sum to 1.")
def _(q, k, v):
    s = _scores(q, k)
    return np.exp(s - s.max(axis=1, keepdims=True)) @ v


@attend.mistake("the weights are divided by their mean",
                hint="Then a row sums to T. Divide by the sum of the row.")
def _(q, k, v):
    return len(k) * _softmax(_scores(q, k), 1) @ v


@attend.mistake("the weights are multiplied by their sum", hint="Divide each row by its sum.")
def _(q, k, v):
    s = _scores(q, k)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e * e.sum(axis=1, keepdims=True) @ v


@attend.mistake("exp is left out",
                hint="Scores may be negative, weights may not: softmax takes exp before it divides by the sum.")
def _(q, k, v):
    s = _scores(q, k)
    return s / s.sum(axis=1, keepdims=True) @ v


@attend.mistake("the scores are the weights", hint="Between scores and weights stands softmax.")
def _(q, k, v):
    return _scores(q, k) @ v


@attend.mistake("the scores less the largest are the weights",
                hint="Softmax is missing: exp, then a division by the sum of the row.")
def _(q, k, v):
    s = _scores(q, k)
    return (s - s.max(axis=1, keepdims=True)) @ v


@attend.mistake("exp is left out, and the shifted scores are divided by their sum",
                hint="It looks like softmax, but exp is missing before the sum.")
def _(q, k, v):
    s = _scores(q, k)
    s = s - s.max(axis=1, keepdims=True)
    return s / s.sum(axis=1, keepdims=True) @ v


@attend.mistake("the largest of each column is subtracted",
                hint="Subtracting changes nothing only if a whole row gets the same number: its own largest.")
def _(q, k, v):
    s = _scores(q, k)
    return _softmax(s - s.max(axis=0), 1) @ v


@attend.mistake("the sign of the scores is reversed", hint="The best key has the largest product, and the most weight.")
def _(q, k, v):
    return _softmax(-_scores(q, k), 1) @ v


@attend.mistake("each query takes the best value only",
                hint="Softmax is not argmax: every value takes part, with its weight.")
def _(q, k, v):
    return v[_scores(q, k).argmax(1)]


@attend.mistake("all values have the same weight", hint="The weights must come from the scores.")
def _(q, k, v):
    return np.repeat(v.mean(0, keepdims=True), len(q), 0)


@attend.mistake("only the weights are returned", hint="The weights then multiply the values: P @ v.")
def _(q, k, v):
    return _softmax(_scores(q, k), 1)


@attend.mistake("the weights are divided by the sum of all pairs",
                hint="Each row has a sum of its own: `sum(axis=1, keepdims=True)`.")
def _(q, k, v):
    s = _scores(q, k)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum() @ v


@attend.mistake("sigmoid takes the place of softmax",
                hint="A sigmoid knows of one pair only. The weights of a query must sum to 1.")
def _(q, k, v):
    return _sigmoid(np.maximum(_scores(q, k), -80)) @ v


@attend.mistake("the scores are cosines", hint="Queries and keys keep their lengths: a long query has sharper weights.")
def _(q, k, v):
    q, k = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (q, k))
    return _softmax(q @ k.T, 1) @ v


@attend.mistake("softmax is taken twice", hint="The weights are there after the first softmax.")
def _(q, k, v):
    return _softmax(_softmax(_scores(q, k), 1), 1) @ v


@attend.mistake("the scores are cut off so that exp does not overflow",
                hint="Cut scores become equal. Subtract the largest of each row instead: this changes no weight.")
def _(q, k, v):
    return _softmax(np.clip(_scores(q, k), -80, 80), 1) @ v


@attend.mistake("the output is divided by √D too", hint="Only the scores are divided.")
def _(q, k, v):
    return _softmax(_scores(q, k), 1) @ v / np.sqrt(q.shape[1])


@attend.accepted("a loop over the queries")
def _(q, k, v):
    out = []
    for row in q:
        s = k @ row / len(row) ** 0.5
        w = np.exp(s - max(s))
        out.append((w[:, None] * v).sum(0) / w.sum())
    return np.array(out)


@attend.accepted("the queries are divided first, and the output by the sums")
def _(q, k, v):
    s = (q / np.sqrt(k.shape[-1])) @ k.T
    e = np.exp(s - s.max(-1)[:, None])
    return e @ v / e.sum(-1)[:, None]


@attend.accepted("by logarithms")
def _(q, k, v):
    s = np.einsum("id,jd->ij", q, k) / np.sqrt(q.shape[1])
    return np.exp(s - np.logaddexp.reduce(s, axis=1, keepdims=True)) @ v


# ---- squeeze_excitation ----------------------------------------------------------------------------------------------

def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _se_cases(rng, turn):
    n, c, h, w = _sizes(rng, 4, 2, 7)
    hidden = int(rng.choice([m for m in (2, 3, 4, 5) if m not in (c, n)]))
    if turn % 4 == 1:
        n = 1
    while True:
        x, w1, b1 = numbers(rng, (n, c, h, w)) + numbers(rng, (n, c, 1, 1)), numbers(rng, (hidden, c)) / 4, numbers(
            rng, hidden) / 4
        between = x.mean((2, 3)) @ w1.T + b1
        if (between > 0.1).any() and (between < -0.1).any():
            return x, w1, b1, numbers(rng, (c, hidden)) / 4, numbers(rng, c) / 4


def _gate(x, w1, b1, w2, b2, pool=lambda x: x.mean((2, 3)), between=lambda a: np.maximum(a, 0), last=_sigmoid):
    return last(between(pool(x) @ w1.T + b1) @ w2.T + b2)


def _se(*args, **how):
    return args[0] * _gate(*args, **how)[:, :, None, None]


squeeze = Question(
    "squeeze_excitation", title="Squeeze and excitation", points=2,
    asks="Write `squeeze_excitation(x, w1, b1, w2, b2)`: each channel of each image, times one number between 0 and 1 "
         "that is computed from all channels of this image.",
    reference=lambda x, w1, b1, w2, b2: ops.squeeze_excitation(x, w1, b1, w2, b2),
    cases=_se_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        **Squeeze**: the mean of each channel of each image over its pixels, $z$, (N, C). **Excite**: two small dense
        layers, the first to `hidden` numbers,

        $$g = \sigma\big(W_2\, \text{relu}(W_1 z + b_1) + b_2\big) ,$$

        for each image's $z$, with $\sigma(a) = 1/(1 + e^{-a})$. Then each channel is multiplied by its own $g$. `x` is
        (N, C, H, W), `w1` is (hidden, C), `b1` (hidden,), `w2` (C, hidden), `b2` (C,). Return an array as large as `x`.
    """,
    hints={
        "NumPy says that shapes do not fit":
            "The weights are stored as (out, in), as in PyTorch. With images in rows, a layer is `z @ w.T + b`.",
        "One image alone is right, a batch is wrong":
            "No image may know of another: the mean runs over rows and columns only.",
        "The shape is right but every number is off":
            "Is there a relu between the layers and a sigmoid at the end? Each gate is a number of its own: they need "
            "not sum to 1.",
    },
)


@squeeze.solution
def squeeze_excitation(x, w1, b1, w2, b2):
    """(N, C, H, W), (hidden, C), (hidden,), (C, hidden), (C,)  →  as x"""
    z = x.mean(axis=(2, 3))                                      # (N, C)
    hidden = np.maximum(z @ w1.T + b1, 0)
    gate = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))               # (N, C)
    return x * gate[:, :, None, None]


@squeeze.mistake("the gate is a softmax",
                 hint="Softmax gates share a sum of 1, so that C channels have 1/C each on average. A sigmoid lets "
                      "each channel decide for itself.")
def _(*args):
    return _se(*args, last=lambda a: _softmax(a, 1))


@squeeze.mistake("the mean runs over the images as well",
                 hint="Each image has gates of its own: the mean runs over rows and columns, axes 2 and 3.")
def _(*args):
    return _se(*args, pool=lambda x: np.repeat(x.mean((0, 2, 3))[None], len(x), 0))


@squeeze.mistake("the largest pixel takes the place of the mean",
                 hint="Squeeze is global average pooling. (CBAM takes maximum and mean.)")
def _(*args):
    return _se(*args, pool=lambda x: x.max((2, 3)))


@squeeze.mistake("the sum takes the place of the mean",
                 hint="A sum grows with the size of the image: divide by H·W.")
def _(*args):
    return _se(*args, pool=lambda x: x.sum((2, 3)))


@squeeze.mistake("there is no relu between the layers",
                 hint="Without relu two layers are one linear function. Negative numbers become 0 between them.")
def _(*args):
    return _se(*args, between=lambda a: a)


@squeeze.mistake("a sigmoid stands between the layers", hint="Between the layers stands relu; sigmoid comes last.")
def _(*args):
    return _se(*args, between=_sigmoid)


@squeeze.mistake("relu is an absolute value", hint="relu(a) is max(a, 0): negative numbers become 0.")
def _(*args):
    return _se(*args, between=np.abs)


@squeeze.mistake("relu keeps the negative numbers", hint="relu(a) is max(a, 0), not min(a, 0).")
def _(*args):
    return _se(*args, between=lambda a: np.minimum(a, 0))


@squeeze.mistake("relu cuts at 1", hint="relu(a) is max(a, 0).")
def _(*args):
    return _se(*args, between=lambda a: np.maximum(a, 1))


@squeeze.mistake("relu cuts at −1", hint="relu(a) is max(a, 0).")
def _(*args):
    return _se(*args, between=lambda a: np.maximum(a, -1))


@squeeze.mistake("there is no sigmoid", hint="A gate is between 0 and 1: put σ around the second layer.")
def _(*args):
    return _se(*args, last=lambda a: a)


@squeeze.mistake("the sign in the sigmoid is lost",
                 hint="σ(a) = 1/(1 + exp(−a)) grows with a. Yours falls: it is 1 − σ(a).")
def _(*args):
    return _se(*args, last=lambda a: _sigmoid(-a))


@squeeze.mistake("a relu takes the place of the sigmoid", hint="A gate is between 0 and 1: σ, not relu.")
def _(*args):
    return _se(*args, last=lambda a: np.maximum(a, 0))


@squeeze.mistake("tanh takes the place of the sigmoid", hint="A gate is between 0 and 1: σ, not tanh.")
def _(*args):
    return _se(*args, last=np.tanh)


@squeeze.mistake("both biases are left out", hint="b1 is added before relu, b2 before the sigmoid.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, 0 * b1, w2, 0 * b2)


@squeeze.mistake("the first bias is left out", hint="b1 is added before relu.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, 0 * b1, w2, b2)


@squeeze.mistake("the second bias is left out", hint="b2 is added before the sigmoid.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, b1, w2, 0 * b2)


@squeeze.mistake("the first bias is subtracted", hint="b1 is added before relu.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, -b1, w2, b2)


@squeeze.mistake("the second bias is subtracted", hint="b2 is added before the sigmoid; mind the brackets after the "
                                                       "minus sign.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, b1, w2, -b2)


@squeeze.mistake("the first layer is left out but for its bias", hint="The first layer is W₁ z + b₁.")
def _(x, w1, b1, w2, b2):
    return _se(x, 0 * w1, b1, w2, b2)


@squeeze.mistake("the second layer is left out but for its bias",
                 hint="The second layer is W₂ of what relu leaves, plus b₂.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, b1, 0 * w2, b2)


@squeeze.mistake("the mean runs over the channels as well",
                 hint="Each channel has a mean of its own: axes 2 and 3 only.")
def _(*args):
    return _se(*args, pool=lambda x: np.repeat(x.mean((1, 2, 3))[:, None], x.shape[1], 1))


@squeeze.mistake("nothing is squeezed: each pixel has a gate of its own",
                 hint="First the mean over rows and columns, then the two layers.")
def _(x, w1, b1, w2, b2):
    a = np.einsum("hc,ncij->nhij", w1, x) + b1[:, None, None]
    return x * _sigmoid(np.einsum("ch,nhij->ncij", w2, np.maximum(a, 0)) + b2[:, None, None])


@squeeze.mistake("the gates of the first image serve all", hint="Each image has gates of its own.")
def _(x, w1, b1, w2, b2):
    return x * _gate(x[:1], w1, b1, w2, b2)[:, :, None, None]


@squeeze.mistake("relu stands after the second layer too",
                 hint="After the second layer stands the sigmoid alone: with relu no gate is below 1/2.")
def _(*args):
    return _se(*args, last=lambda a: _sigmoid(np.maximum(a, 0)))


@squeeze.mistake("relu comes before the first bias", hint="Add b1 first: relu(W₁ z + b₁).")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, 0 * b1, w2, b2, between=lambda a: np.maximum(a, 0) + b1)


@squeeze.mistake("the sigmoid comes before the second bias", hint="Add b2 first: σ(… + b₂).")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, b1, w2, 0 * b2, last=lambda a: _sigmoid(a) + b2)


@squeeze.mistake("relu stands before the first layer too",
                 hint="The means go into the first layer as they are, with their signs.")
def _(*args):
    return _se(*args, pool=lambda x: np.maximum(x.mean((2, 3)), 0))


@squeeze.mistake("the brackets of the sigmoid are missing",
                 hint="`1 / 1 + np.exp(-a)` is 1 + exp(−a): write 1 / (1 + np.exp(-a)).")
def _(*args):
    return _se(*args, last=lambda a: 1 / 1 + np.exp(-a))


@squeeze.mistake("mean and largest pixel are added",
                 hint="That is CBAM's squeeze, and there each goes through the layers by itself. Here: the mean.")
def _(*args):
    return _se(*args, pool=lambda x: x.mean((2, 3)) + x.max((2, 3)))


@squeeze.mistake("the channel's mean is gated", hint="The gate multiplies every pixel of the channel, not the mean.")
def _(x, w1, b1, w2, b2):
    return _se(x, w1, b1, w2, b2) * 0 + _gate(x, w1, b1, w2, b2)[:, :, None, None] * x.mean((2, 3), keepdims=True)


@squeeze.mistake("the gates are added", hint="A gate multiplies its channel.")
def _(*args):
    return args[0] + _gate(*args)[:, :, None, None]


@squeeze.mistake("the input is added once more",
                 hint="That is x + x·g. Some blocks have such a shortcut around them; this layer has none.")
def _(*args):
    return args[0] + _se(*args)


@squeeze.mistake("only the gates are returned", hint="The gates multiply the channels of x.")
def _(*args):
    return _gate(*args)


@squeeze.mistake("nothing is gated", hint="The gates are computed, but x comes back as it was.")
def _(*args):
    return args[0] * 1


@squeeze.accepted("image by image, channel by channel")
def _(x, w1, b1, w2, b2):
    out = np.empty_like(x)
    for n, image in enumerate(x):
        z = image.reshape(len(image), -1).mean(1)
        a = w2 @ np.where(w1 @ z + b1 > 0, w1 @ z + b1, 0) + b2
        for c in range(len(image)):
            out[n, c] = image[c] / (1 + np.exp(-a[c]))
    return out


@squeeze.accepted("with einsum and tanh")
def _(x, w1, b1, w2, b2):
    z = np.einsum("nchw->nc", x) / (x.shape[2] * x.shape[3])
    a = np.einsum("ch,nh->nc", w2, np.clip(np.einsum("hc,nc->nh", w1, z) + b1, 0, None)) + b2
    return np.einsum("nchw,nc->nchw", x, (1 + np.tanh(a / 2)) / 2)


# ---- score_margin ----------------------------------------------------------------------------------------------------

def _margin_cases(rng):
    t = int(rng.choice([2, 3, 5, 9, 16, 49, 196, 1024, 4096]))
    d = int(rng.choice([3, 4, 6, 8, 16, 32, 64]))
    low = np.ceil(100 / t) / 100 + 0.01
    return t, d, float(np.round(rng.uniform(max(low, 0.55), 0.99), 2))


margin = Question(
    "score_margin", title="How well a key must fit to be heard", points=1, kind="predict",
    asks="Write `score_margin(t, d, weight)`: by how much one key's product with the query must exceed all others', "
         "so that it gets this weight.",
    reference=lambda t, d, weight: np.sqrt(d) * np.log((t - 1) * weight / (1 - weight)),
    cases=_margin_cases,
    minutes=15, level=2,
    text=r"""
        A query of length $D$ = `d` meets `t` keys. For one of them $q \cdot k = a + m$, for each of the other t − 1 it
        is $q \cdot k = a$. The scores $q \cdot k / \sqrt D$ go through softmax. Which $m$ gives the one key exactly
        this weight? `t` is an integer of at least 2, `weight` a number above 1/t and below 1. Return one number. See
        how slowly it grows with t, the number of pixels.
    """,
    hints={
        "Where to begin":
            "Write down the weight of the one key with m in it. a cancels. Solve for m.",
        "It is right for some d only":
            "The products are divided by √D before softmax. m is asked for before that.",
        "For two keys it is right, for more it is not":
            "How many others share what the one key leaves?",
    },
)


@margin.solution
def score_margin(t, d, weight):
    """int, int, a number  →  a number"""
    others = (1 - weight) / (t - 1)              # what each of them gets
    return np.sqrt(d) * np.log(weight / others)


@margin.mistake("the scale √D is left out", hint="m is the difference of the products, before they are divided by √D.")
def _(t, d, weight):
    return np.log((t - 1) * weight / (1 - weight))


@margin.mistake("it is divided by √D", hint="The products are divided by √D, so m must be √D times the scores' "
                                            "difference.")
def _(t, d, weight):
    return np.log((t - 1) * weight / (1 - weight)) / np.sqrt(d)


@margin.mistake("D takes the place of √D", hint="The scores are divided by √D.")
def _(t, d, weight):
    return d * np.log((t - 1) * weight / (1 - weight))


@margin.mistake("t others are counted", hint="One of the t keys is the one itself: t − 1 others.")
def _(t, d, weight):
    return np.sqrt(d) * np.log(t * weight / (1 - weight))


@margin.mistake("t + 1 others are counted", hint="One of the t keys is the one itself: t − 1 others.")
def _(t, d, weight):
    return np.sqrt(d) * np.log((t + 1) * weight / (1 - weight))


@margin.mistake("there is only one other key", hint="t − 1 others share what the one key leaves.")
def _(t, d, weight):
    return np.sqrt(d) * np.log(weight / (1 - weight))


@margin.mistake("the others' share is left out", hint="The weight of the one is compared with the weight of another, "
                                                      "(1 − weight)/(t − 1).")
def _(t, d, weight):
    return np.sqrt(d) * np.log((t - 1) * weight)


@margin.mistake("the weight itself is left out", hint="exp of the scores' difference is the ratio of two weights.")
def _(t, d, weight):
    return np.sqrt(d) * np.log((t - 1) / (1 - weight))


@margin.mistake("the ratio is turned over", hint="The one key gets more than the others: m is positive.")
def _(t, d, weight):
    return -np.sqrt(d) * np.log((t - 1) * weight / (1 - weight))


@margin.mistake("the logarithm is left out", hint="Softmax takes exp of the scores; to solve for m, take log.")
def _(t, d, weight):
    return np.sqrt(d) * (t - 1) * weight / (1 - weight)


@margin.mistake("the logarithm has base 10", hint="exp has base e: np.log.")
def _(t, d, weight):
    return np.sqrt(d) * np.log10((t - 1) * weight / (1 - weight))


@margin.mistake("the logarithm has base 2", hint="exp has base e: np.log.")
def _(t, d, weight):
    return np.sqrt(d) * np.log2((t - 1) * weight / (1 - weight))


@margin.mistake("√D is added", hint="The scores are products divided by √D: multiply.")
def _(t, d, weight):
    return np.sqrt(d) + np.log((t - 1) * weight / (1 - weight))


@margin.mistake("only √D is left", hint="How much of it depends on the weight?")
def _(t, d, weight):
    return np.sqrt(d)


@margin.mistake("it is divided by the number of the others",
                hint="Each other gets (1 − weight)/(t − 1): the ratio is multiplied by t − 1.")
def _(t, d, weight):
    return np.sqrt(d) * np.log(weight / (1 - weight) / (t - 1))


@margin.mistake("the number of the others stands outside of the logarithm",
                hint="It multiplies the ratio of the weights, inside of the logarithm.")
def _(t, d, weight):
    return np.sqrt(d) * (t - 1) * np.log(weight / (1 - weight))


@margin.mistake("√D stands inside of the logarithm", hint="log gives the scores' difference; multiply that by √D.")
def _(t, d, weight):
    return np.log(np.sqrt(d) * (t - 1) * weight / (1 - weight))


@margin.mistake("the root is taken of it all", hint="Only D stands under the root.")
def _(t, d, weight):
    return np.sqrt(d * np.log((t - 1) * weight / (1 - weight)))


@margin.mistake("the difference of two weights",
                hint="Weights are no products: solve exp(m/√D) = ratio of the weights for m.")
def _(t, d, weight):
    return np.sqrt(d) * (weight - (1 - weight) / (t - 1))


@margin.mistake("the logarithm of the weight alone",
                hint="Softmax divides by the sum: the one is compared with another one.")
def _(t, d, weight):
    return np.sqrt(d) * np.log(weight)


@margin.mistake("the root of t takes the place of the root of D",
                hint="The scores are divided by √D, D = `d` the length of a query.")
def _(t, d, weight):
    return np.sqrt(t) * np.log((t - 1) * weight / (1 - weight))


@margin.accepted("in three logarithms")
def _(t, d, weight):
    return d ** 0.5 * (np.log(t - 1) + np.log(weight) - np.log1p(-weight))


@margin.accepted("by halving an interval")
def _(t, d, weight):
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        if 1 / (1 + (t - 1) * np.exp(-middle / np.sqrt(d))) < weight:
            low = middle
        else:
            high = middle
    return low


# ---- merge_heads -----------------------------------------------------------------------------------------------------

def _heads_cases(rng):
    return (numbers(rng, _sizes(rng, 3, 2, 7)),)


merge = Question(
    "merge_heads", title="Heads that were joined wrongly", points=1, kind="mend",
    asks="Mend `merge_heads(x)`: the outputs of all heads, beside each other in one row for each token.",
    reference=lambda x: x.transpose(1, 0, 2).reshape(x.shape[1], -1),
    cases=_heads_cases,
    minutes=10, level=1,
    text="""
        `x` is (heads, T, D): each head has one row of D numbers for each of T tokens. The result is (T, heads·D): the
        row of token t begins with the D numbers of head 0 for **this token**, then come those of head 1, and so on. The
        function below returns the right shape, and with one head the right numbers. A network with it still trains, a
        little worse, so that such a mistake lives for years.
    """,
    hints={
        "What does it do to the tokens":
            "Give it an x whose numbers are the token's: 0 for token 0, 1 for token 1. Then each row must be constant.",
        "The shape is right but the numbers are in the wrong places":
            "reshape never moves a number: it reads them in their order, the last axis fastest. Bring the axes into "
            "the right order first.",
    },
)


@merge.given("the heads are joined by reshape alone",
             hint="reshape keeps the order of the numbers, and there all tokens of head 0 come before head 1. "
                  "Exchange heads and tokens first.")
def _(x):
    """(heads, T, D)  →  (T, heads·D)"""
    heads, t, d = x.shape
    return x.reshape(t, heads * d)


@merge.solution
def merge_heads(x):
    """(heads, T, D)  →  (T, heads·D)"""
    heads, t, d = x.shape
    return x.transpose(1, 0, 2).reshape(t, heads * d)


@merge.mistake("the numbers of the heads take turns",
               hint="First all D numbers of head 0, then all of head 1: D must be the fastest axis.")
def _(x):
    return x.transpose(1, 2, 0).reshape(x.shape[1], -1)


@merge.mistake("all axes are reversed before reshape",
               hint="`x.T` reverses all three axes: D comes first. Only heads and tokens change places.")
def _(x):
    return x.T.reshape(x.shape[1], -1)


@merge.mistake("tokens and numbers change places before reshape",
               hint="Heads and tokens must change places; D stays last.")
def _(x):
    return x.transpose(0, 2, 1).reshape(x.shape[1], -1)


@merge.mistake("the numbers come first", hint="The tokens come first, then the heads, then the numbers.")
def _(x):
    return x.transpose(2, 0, 1).reshape(x.shape[1], -1)


@merge.mistake("the columns are right, in reversed order of the heads", hint="Head 0 comes first.")
def _(x):
    return np.concatenate(list(x[::-1]), 1)


@merge.mistake("rows and columns are exchanged", hint="One row for each token: (T, heads·D).")
def _(x):
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1).T


@merge.mistake("the heads are added", hint="They stand beside each other: heads·D numbers for each token.")
def _(x):
    return x.sum(0)


@merge.mistake("the heads are averaged", hint="They stand beside each other: heads·D numbers for each token.")
def _(x):
    return x.mean(0)


@merge.mistake("the heads are below each other", hint="Beside each other: a token has one row for all heads.")
def _(x):
    return x.reshape(-1, x.shape[2])


@merge.mistake("the axes are exchanged and nothing is joined", hint="Join the last two axes: (T, heads·D).")
def _(x):
    return x.transpose(1, 0, 2)


@merge.mistake("there is one row for each head", hint="One row for each token: T rows, x.shape[1].")
def _(x):
    return x.transpose(1, 0, 2).reshape(len(x), -1)


@merge.mistake("all stands in one row", hint="One row for each token: (T, heads·D).")
def _(x):
    return x.transpose(1, 0, 2).ravel()


@merge.mistake("D comes before the heads, and nothing is joined",
               hint="(T, heads, D) is the order, and the last two axes are then joined.")
def _(x):
    return x.transpose(1, 2, 0)


@merge.accepted("the heads concatenated")
def _(x):
    return np.concatenate(list(x), axis=1)


@merge.accepted("a loop over tokens and heads")
def _(x):
    heads, t, d = x.shape
    out = np.zeros((t, heads * d), x.dtype)
    for i, h in np.ndindex(t, heads):
        out[i, h * d:(h + 1) * d] = x[h, i]
    return out


@merge.accepted("swapaxes, and a list of rows")
def _(x):
    return [token.ravel() for token in x.swapaxes(0, 1)]


# ---- window_partition ------------------------------------------------------------------------------------------------

def _window_cases(rng):
    h, w = unequal(rng, 2, 5)
    rows, columns = unequal(rng, 2, 5)
    c = int(rng.choice([c for c in (2, 3, 5, 7) if c not in (h, w)]))
    return numbers(rng, (c, rows * h, columns * w)), h, w


def _windows(x, h, w, order=(1, 3, 2, 4, 0), shape=None):
    c, height, width = x.shape
    grid = x.reshape(c, height // h, h, width // w, w).transpose(order)
    return grid.reshape(shape or (-1, h * w, c))


partition = Question(
    "window_partition", title="An image cut into windows of tokens", points=2,
    asks="Write `window_partition(x, h, w)`: the tokens of each window of h × w pixels, one row for each pixel.",
    reference=lambda x, h, w: _windows(x, h, w),
    cases=_window_cases,
    minutes=20, level=2,
    text="""
        `x` is (C, H, W); `h` divides H, and `w` divides W. Windows touch and do not overlap. Return an array
        (windows, h·w, C), with (H/h)·(W/w) windows: those of the top row first, from left to right, then the next row.
        Within a window the pixels go row by row too, and each pixel is one row of its C channels. Then
        attention runs within each window with one product of arrays.
    """,
    hints={
        "The shape is right, but a window holds pixels from all over the image":
            "A pixel's row a is (which window)·h + (which row in it). Split H into two axes, and W into two.",
        "How to go on after the split":
            "There are five axes now. Which order must they have, so that one reshape joins those that belong "
            "together?",
        "The windows are right but in the wrong order":
            "Of two axes that are joined, the last is the fastest: the windows of a row follow each other.",
    },
)


@partition.solution
def window_partition(x, h, w):
    """(C, H, W), int, int  →  (H/h · W/w, h·w, C)"""
    c, height, width = x.shape
    grid = x.reshape(c, height // h, h, width // w, w)
    grid = grid.transpose(1, 3, 2, 4, 0)         # (H/h, W/w, h, w, C)
    return grid.reshape(-1, h * w, c)


@partition.mistake("the image is reshaped alone",
                   hint="reshape moves no number: the first h·w·C numbers of x belong to channel 0, and lie in whole "
                        "rows. Split the axes, bring them into order, then reshape.")
def _(x, h, w):
    return x.reshape(-1, h * w, len(x))


@partition.mistake("the pixels are tokens, but windows are stretches of rows",
                   hint="Your h·w neighbours lie in one long row of pixels. A window has h rows of w pixels.")
def _(x, h, w):
    return x.transpose(1, 2, 0).reshape(-1, h * w, len(x))


@partition.mistake("the channels stay in front", hint="A token is a pixel with all its channels: C is the last axis.")
def _(x, h, w):
    return _windows(x, h, w, (0, 1, 3, 2, 4))


@partition.mistake("the windows go column by column", hint="The windows of the top row come first.")
def _(x, h, w):
    return _windows(x, h, w, (3, 1, 2, 4, 0))


@partition.mistake("the pixels of a window go column by column", hint="Within a window too, the top row comes first.")
def _(x, h, w):
    return _windows(x, h, w, (1, 3, 4, 2, 0))


@partition.mistake("windows and pixels go column by column", hint="Rows first: both the windows and their pixels.")
def _(x, h, w):
    return _windows(x, h, w, (3, 1, 4, 2, 0))


@partition.mistake("a window takes every pixel that lies a whole number of windows away",
                   hint="That is a dilated grid. Neighbours belong together: split H as (H/h, h), the window's number "
                        "first.")
def _(x, h, w):
    c, height, width = x.shape
    grid = x.reshape(c, h, height // h, w, width // w)
    return grid.transpose(2, 4, 1, 3, 0).reshape(-1, h * w, c)


@partition.mistake("the number of a window and the place in it are exchanged",
                   hint="(windows, h·w, C): the axes that count windows come first.")
def _(x, h, w):
    return _windows(x, h, w, (2, 4, 1, 3, 0))


@partition.mistake("the channels come before the pixels", hint="Each pixel is one row of its C channels: C is last.")
def _(x, h, w):
    return _windows(x, h, w, (1, 3, 0, 2, 4))


@partition.mistake("the channels are the rows", hint="One row for each pixel: (windows, h·w, C).")
def _(x, h, w):
    return _windows(x, h, w).swapaxes(1, 2)


@partition.mistake("h and w are exchanged", hint="A window has h rows and w columns.")
def _(x, h, w):
    c, height, width = x.shape
    grid = x[:, :height // w * w, :width // h * h].reshape(c, height // w, w, width // h, h)
    return grid.transpose(1, 3, 2, 4, 0).reshape(-1, h * w, c)


@partition.mistake("the windows overlap", hint="Windows touch: keep every h-th row and every w-th column of them.")
def _(x, h, w):
    views = np.lib.stride_tricks.sliding_window_view(x, (h, w), axis=(1, 2))
    return views.transpose(1, 2, 3, 4, 0).reshape(-1, h * w, len(x))


@partition.mistake("the windows are not in one axis",
                   hint="Join rows and columns of windows: three axes are asked for.")
def _(x, h, w):
    c, height, width = x.shape
    return _windows(x, h, w, shape=(height // h, width // w, h * w, c))


@partition.mistake("the pixels of a window are not in one axis", hint="Join rows and columns of a window: (…, h·w, C).")
def _(x, h, w):
    return _windows(x, h, w, shape=(-1, h, w, len(x)))


@partition.mistake("all tokens stand in one axis", hint="Three axes are asked for: (windows, h·w, C).")
def _(x, h, w):
    return _windows(x, h, w, shape=(-1, len(x)))


@partition.mistake("a window's pixels come in their order, but h·w and the windows are exchanged in reshape",
                   hint="The first axis counts windows: reshape to (−1, h·w, C).")
def _(x, h, w):
    return _windows(x, h, w, shape=(h * w, -1, len(x)))


@partition.accepted("a loop over the windows")
def _(x, h, w):
    c, height, width = x.shape
    return np.stack([x[:, a:a + h, b:b + w].reshape(c, -1).T for a in range(0, height, h) for b in range(0, width, w)])


@partition.accepted("every h-th row and w-th column of all windows")
def _(x, h, w):
    views = np.lib.stride_tricks.sliding_window_view(x, (h, w), axis=(1, 2))[:, ::h, ::w]
    return np.moveaxis(views, 0, -1).reshape(-1, h * w, len(x))


@partition.accepted("pixel by pixel")
def _(x, h, w):
    c, height, width = x.shape
    out = np.empty((height * width // (h * w), h * w, c), x.dtype)
    for a, b in np.ndindex(height, width):
        out[a // h * (width // w) + b // w, a % h * w + b % w] = x[:, a, b]
    return out


# ---- linear_attention ------------------------------------------------------------------------------------------------

def _phi(a):
    return np.where(a > 0, a + 1, np.exp(np.minimum(a, 0)))


def _linear_cases(rng):
    t, d, e = _sizes(rng, 3, 2, 8)
    before = int(rng.integers(2, 12))
    past = _phi(numbers(rng, (before, d)))
    while True:
        s, z = past.T @ numbers(rng, (before, e)), past.sum(0)
        if np.ptp(s) > 0 and np.ptp(z) > 0:
            return numbers(rng, (t, d)), numbers(rng, (t, d)), numbers(rng, (t, e)), s, z
        past = _phi(numbers(rng, (before, d)))


def _linear(q, k, v, s, z, phi_q=_phi, phi_k=_phi, old=(1, 1), new=(1, 1), divide=True):
    q, k = phi_q(q), phi_k(k)
    s, z = old[0] * s + new[0] * (k.T @ v), old[1] * z + new[1] * k.sum(0)
    return q @ s / (q @ z)[:, None] if divide else q @ s


linear = Question(
    "linear_attention", title="Linear attention on an image that comes in strips", points=3,
    asks="Write `linear_attention(q, k, v, s, z)`: each query of a strip looks at this strip and all earlier ones, of "
         "which only two sums are left.",
    reference=lambda q, k, v, s, z: _linear(q, k, v, s, z),
    cases=_linear_cases,
    minutes=25, level=3,
    text=r"""
        Let $\varphi(a) = a + 1$ for $a > 0$ and $e^a$ otherwise, for each number of a query or key. Linear attention
        has no softmax: pixel $j$ gets from pixel $i$ the weight

        $$P_{ij} = \frac{\varphi(q_i) \cdot \varphi(k_j)}{\sum_l \varphi(q_i) \cdot \varphi(k_l)} ,$$

        and $o_i = \sum_j P_{ij} v_j$. Here an image is too large for the memory and comes in strips. $j$ and $l$ run
        over **all pixels of this strip and of all earlier strips**, but keys and values of the earlier ones are gone.
        What was kept of them is

        $$s = \sum_{j \text{ earlier}} \varphi(k_j)\, v_j^\top ,$$

        $$z = \sum_{j \text{ earlier}} \varphi(k_j) .$$

        `q` and `k` are (T, D), `v` is (T, E): the pixels of this strip. `s` is (D, E), `z` is (D,). Return the T
        outputs of this strip, (T, E). A query sees its whole strip, also the pixels after it. No √D stands here.
    """,
    hints={
        "How to reach the earlier pixels":
            "Take φ(q_i) out of both sums, the one above and the one below the fraction. What is left in the brackets "
            "does not depend on i.",
        "With s = 0 and z = 0 it is right":
            "Then your own strip is right. The brackets run over the earlier pixels too: add s to one, z to the other.",
        "A constant v does not come back":
            "Where all v are the same, also the earlier ones, each output must be that v. Are the weights divided by "
            "their sum, over all strips?",
    },
)


@linear.solution
def linear_attention(q, k, v, s, z):
    """(T, D), (T, D), (T, E), (D, E), (D,)  →  (T, E)"""
    q, k = (np.where(a > 0, a + 1, np.exp(np.minimum(a, 0))) for a in (q, k))
    s = s + k.T @ v                              # (D, E)
    z = z + k.sum(axis=0)                        # (D,)
    return q @ s / (q @ z)[:, None]


@linear.mistake("the earlier strips are forgotten", hint="s and z stand for the earlier pixels: add them to your sums.")
def _(*args):
    return _linear(*args, old=(0, 0))


@linear.mistake("this strip is forgotten", hint="The pixels of this strip are looked at too: add φ(k_j) v_jᵀ to s and "
                                                "φ(k_j) to z.")
def _(*args):
    return _linear(*args, new=(0, 0))


@linear.mistake("the earlier strips are missing in the sum of the weights",
                hint="The earlier pixels are in the values, but not in the denominator: add z.")
def _(*args):
    return _linear(*args, old=(1, 0))


@linear.mistake("the earlier strips are missing in the values",
                hint="The earlier pixels are in the denominator, but not in the values: add s.")
def _(*args):
    return _linear(*args, old=(0, 1))


@linear.mistake("this strip is missing in the sum of the weights",
                hint="The pixels of this strip are in the values, but not in the denominator: add φ(k_j) to z.")
def _(*args):
    return _linear(*args, new=(1, 0))


@linear.mistake("this strip is missing in the values",
                hint="The pixels of this strip are in the denominator, but not in the values: add φ(k_j) v_jᵀ to s.")
def _(*args):
    return _linear(*args, new=(0, 1))


@linear.mistake("the weights are not divided by their sum",
                hint="The weights of one query must sum to 1: divide by φ(q_i)·z, with this strip in z.")
def _(*args):
    return _linear(*args, divide=False)


@linear.mistake("it is multiplied by the sum of the weights", hint="Divide by φ(q_i)·z.")
def _(q, k, v, s, z):
    return _linear(q, k, v, s, z, divide=False) * (_phi(q) @ (z + _phi(k).sum(0)))[:, None]


@linear.mistake("the sum of this strip's keys is their mean", hint="z is a sum, and so is what this strip adds to it.")
def _(q, k, v, s, z):
    return _linear(q, k, v, s, z, new=(1, 1 / len(k)))


@linear.mistake("this strip is subtracted from s", hint="Add the products of this strip to s.")
def _(*args):
    return _linear(*args, new=(-1, 1))


@linear.mistake("this strip is subtracted from z", hint="Add the keys of this strip to z.")
def _(*args):
    return _linear(*args, new=(1, -1))


@linear.mistake("softmax was taken", hint="There is no softmax here: of the earlier pixels, exp(q·k) cannot be had.")
def _(q, k, v, s, z):
    return _softmax(q @ k.T, 1) @ v


@linear.mistake("softmax with the scale √D was taken",
                hint="There is no softmax here: of the earlier pixels, exp(q·k) cannot be had.")
def _(q, k, v, s, z):
    return _softmax(_scores(q, k), 1) @ v


@linear.mistake("a query sees only what came before it",
                hint="A query sees its whole strip, also the pixels after it: one s and one z serve all queries.")
def _(q, k, v, s, z):
    q, k = _phi(q), _phi(k)
    s = s + np.cumsum(k[:, :, None] * v[:, None], 0)
    z = z + np.cumsum(k, 0)
    return np.einsum("td,tde->te", q, s) / np.sum(q * z, 1)[:, None]


@linear.mistake("φ is left out", hint="φ is taken of each number of q and of k.")
def _(*args):
    return _linear(*args, phi_q=lambda a: a, phi_k=lambda a: a)


@linear.mistake("φ is left out at the queries", hint="φ is taken of the queries as well as of the keys.")
def _(*args):
    return _linear(*args, phi_q=lambda a: a)


@linear.mistake("φ is left out at the keys", hint="φ is taken of the keys as well as of the queries.")
def _(*args):
    return _linear(*args, phi_k=lambda a: a)


@linear.mistake("φ is elu, without the 1", hint="Weights must be positive: φ(a) = elu(a) + 1.")
def _(*args):
    return _linear(*args, phi_q=lambda a: _phi(a) - 1, phi_k=lambda a: _phi(a) - 1)


@linear.mistake("φ is relu plus 1", hint="Below 0, φ(a) is exp(a), not 1.")
def _(*args):
    return _linear(*args, phi_q=lambda a: np.maximum(a, 0) + 1, phi_k=lambda a: np.maximum(a, 0) + 1)


@linear.mistake("φ is exp everywhere", hint="Above 0, φ(a) is a + 1.")
def _(*args):
    return _linear(*args, phi_q=np.exp, phi_k=np.exp)


@linear.mistake("φ is a + 1 everywhere", hint="Below 0, φ(a) is exp(a): a weight may not be negative.")
def _(*args):
    return _linear(*args, phi_q=lambda a: a + 1, phi_k=lambda a: a + 1)


@linear.mistake("the 1 of φ is missing above 0", hint="Above 0, φ(a) is a + 1, so that φ has no step at 0.")
def _(*args):
    return _linear(*args, phi_q=lambda a: _phi(a) - (a > 0), phi_k=lambda a: _phi(a) - (a > 0))


@linear.mistake("φ is a + 2 above 0", hint="Above 0, φ(a) is a + 1, so that φ has no step at 0.")
def _(*args):
    return _linear(*args, phi_q=lambda a: _phi(a) + (a > 0), phi_k=lambda a: _phi(a) + (a > 0))


@linear.mistake("φ subtracts 1 above 0", hint="Above 0, φ(a) is a + 1.")
def _(*args):
    return _linear(*args, phi_q=lambda a: _phi(a) - 2 * (a > 0), phi_k=lambda a: _phi(a) - 2 * (a > 0))


@linear.mistake("above 0, φ is 1", hint="Above 0, φ(a) is a + 1.")
def _(*args):
    return _linear(*args, phi_q=lambda a: np.exp(np.minimum(a, 0)), phi_k=lambda a: np.exp(np.minimum(a, 0)))


@linear.mistake("the queries are divided by √D", hint="No √D stands here: φ is taken of q as it is.")
def _(q, *args):
    return _linear(q / np.sqrt(q.shape[1]), *args)


@linear.mistake("the sum of the weights is that of all queries",
                hint="Each query divides by the sum of its own weights, φ(q_i)·z.")
def _(q, k, v, s, z):
    return _linear(q, k, v, s, z, divide=False) / (_phi(q) @ (z + _phi(k).sum(0))).sum()


@linear.mistake("the mean of two means, one of this strip and one of the earlier ones",
                hint="All pixels have weights from one sum: add s and z to yours before you divide.")
def _(q, k, v, s, z):
    return (_linear(q, k, v, s, z, old=(0, 0)) + _linear(q, k, v, s, z, new=(0, 0))) / 2


@linear.mistake("the sum of two means, one of this strip and one of the earlier ones",
                hint="Your weights sum to 2. Add s and z to your sums before you divide.")
def _(q, k, v, s, z):
    return _linear(q, k, v, s, z, old=(0, 0)) + _linear(q, k, v, s, z, new=(0, 0))


@linear.mistake("φ is taken of s and z", hint="They are sums of φ(k) already: add them as they are.")
def _(q, k, v, s, z):
    return _linear(q, k, v, _phi(s), _phi(z))


@linear.mistake("φ is taken of z", hint="It is a sum of φ(k) already: add it as it is.")
def _(q, k, v, s, z):
    return _linear(q, k, v, s, _phi(z))


@linear.mistake("φ is taken of the values too", hint="φ makes weights positive. Values stay as they are.")
def _(q, k, v, s, z):
    return _linear(q, k, _phi(v), s, z)


@linear.mistake("it is divided before the query comes",
                hint="A query divides by its own sum, φ(q_i)·z, one number: not each row of s by its number of z.")
def _(q, k, v, s, z):
    q, k = _phi(q), _phi(k)
    return q @ ((s + k.T @ v) / (z + k.sum(0))[:, None])


@linear.mistake("it is divided by the sum of z", hint="Each query divides by φ(q_i)·z, with its own φ(q_i).")
def _(q, k, v, s, z):
    return _linear(q, k, v, s, z, divide=False) / (z + _phi(k).sum(0)).sum()


@linear.mistake("the two cases of φ are exchanged", hint="φ(a) = a + 1 **above** 0, and exp(a) below.")
def _(*args):
    def phi(a):
        return np.where(a > 0, np.exp(a), a + 1)
    return _linear(*args, phi_q=phi, phi_k=phi)


@linear.mistake("below 0, φ(a) is exp(−a)", hint="Below 0, φ(a) is exp(a), which falls towards 0.")
def _(*args):
    def phi(a):
        return np.where(a > 0, a + 1, np.exp(-a))
    return _linear(*args, phi_q=phi, phi_k=phi)


@linear.mistake("exp of the products in this strip, φ for the earlier ones",
                hint="One weight for all pixels: φ(q_i)·φ(k_j) in this strip too.")
def _(q, k, v, s, z):
    pairs, q = np.exp(q @ k.T), _phi(q)
    return (pairs @ v + q @ s) / (pairs.sum(1) + q @ z)[:, None]


@linear.mistake("queries and keys are exchanged", hint="Keys and values make the sums; queries come last.")
def _(q, k, v, s, z):
    return _linear(k, q, v, s, z)


@linear.accepted("all pairs of the strip, and the memory for the rest")
def _(q, k, v, s, z):
    q, k = _phi(q), _phi(k)
    pairs = q @ k.T
    return (pairs @ v + q @ s) / (pairs.sum(1) + q @ z)[:, None]


@linear.accepted("pixel by pixel")
def _(q, k, v, s, z):
    s, z = s.copy(), z.copy()
    for key, value in zip(k, v, strict=True):
        key = np.maximum(key, 0) + np.minimum(np.exp(key), 1)
        s += np.outer(key, value)
        z += key
    q = np.maximum(q, 0) + np.minimum(np.exp(q), 1)
    return np.array([row @ s / (row @ z) for row in q])


@linear.accepted("the denominator as one more column of the values")
def _(q, k, v, s, z):
    ones = np.concatenate([v, np.ones((len(v), 1), v.dtype)], 1)
    out = _phi(q) @ (np.concatenate([s, z[:, None]], 1) + _phi(k).T @ ones)
    return out[:, :-1] / out[:, -1:]


# ---- attention_as_convolution ----------------------------------------------------------------------------------------

def _right_properties(answer, height, width):
    t = height * width
    if answer.ndim != 3 or answer.shape[:2] != (2, t) or answer.shape[2] == 0:
        raise ValueError(f"the shape must be (2, H·W, D), here (2, {t}, D) with a D of 1 to 4, got {answer.shape}")
    q, k = answer.astype(np.float64)
    if not np.isfinite(answer).all():
        raise ValueError("queries and keys must be finite numbers")
    weights = _softmax(_scores(q, k), 1)
    places = np.arange(t).reshape(height, width)
    near = {name: np.roll(places, step, axis).ravel() for name, step, axis in [
        ("right neighbour", -1, 1), ("left neighbour", 1, 1), ("neighbour below", -1, 0), ("own place", 0, 0)]}
    found = weights[np.arange(t), near["right neighbour"]]
    matrix = np.linalg.lstsq(k, q, rcond=None)[0]
    return {
        "D is at most 4 (1 yes, 0 no)": float(answer.shape[2] <= 4),
        "how many keys have the length 1": float((np.abs(np.linalg.norm(k, axis=1) - 1) < 1e-3).sum()),
        "one matrix makes the queries of the keys (1 yes, 0 no)": float(
            np.abs(k @ matrix - q).max() <= 1e-4 * (np.abs(q).max() + 1e-300)),
        "how many pixels give their right neighbour more than .99": float((found > 0.99).sum()),
        **{f"how many pixels give the most to their {name}": float((weights.argmax(1) == place).sum())
           for name, place in near.items()},
    }


def _places(height, width):
    return np.divmod(np.arange(height * width), width)


def _torus(height, width, scale=300.0, right=1, down=0, turns=(1, 1), waves=(np.cos, np.sin), radii=(0.5, 0.5),
           less=0):
    """Codes on two circles: radii are the squares of their radii, turns how often they go round, less: than W, H."""
    row, column = _places(height, width)

    def codes(row, column):
        a, c = (2 * np.pi * turn * n / size for turn, n, size in zip(
            turns, (row, column), (height, width - less), strict=True))
        return np.stack([radius**0.5 * wave(angle) for radius, angle in zip(radii, (a, c), strict=True)
                         for wave in waves], 1)

    return np.stack([scale * codes(row + down, column + right), codes(row, column)])


neighbour = Question(
    "attention_as_convolution", title="Attention that is a convolution", points=3, kind="design",
    asks="Write `attention_as_convolution(height, width)`: queries and keys of the pixels of an image with which "
         "every pixel gives its right neighbour more than .99 of its attention.",
    reference=lambda height, width: _torus(height, width),
    cases=lambda rng, turn: unequal(rng, 3, 10) if turn else (4, 7),
    minutes=30, level=3, measure=_right_properties,
    text=r"""
        Attention knows no places. So let queries and keys be made of nothing but the place of a pixel: return an array
        (2, H·W, D), first the H·W queries, then the H·W keys, pixels row by row. The weights are those of
        $\text{softmax}(Q K^\top / \sqrt D)$ over the keys. Each row is a ring: right of its last pixel comes the first
        **of the same row**. Both sides have 3 to 9 pixels. It is required that

        - a query has at most 4 numbers, however large the image is;
        - each key has the length 1, $\lVert k_j \rVert = 1$;
        - one D × D matrix M makes all queries of the keys, Q = K M, as in a layer where both are linear functions of
          the same position codes;
        - every pixel gives its right neighbour a weight above .99.

        With V the pixels, such a layer is a convolution with one tap; a head for each tap makes any kernel. There is
        more than one right answer, and each of them passes.
    """,
    hints={
        "Which codes":
            "A row is a ring, so put its pixels on a circle: an angle for the column, another one for the row. Two "
            "numbers each.",
        "Which matrix":
            "To look at the right neighbour, the query must be the code of the next column. On the circle that is a "
            "rotation, the same for all pixels.",
        "The right neighbour gets the most, but not .99":
            "Multiply the queries. A difference of 10 in the scores is enough for every image here; how far apart are "
            "two neighbours' products, and what does √D do?",
    },
)


@neighbour.solution
def attention_as_convolution(height, width):
    """int, int  →  (2, H·W, 4): queries, keys"""
    row, column = np.divmod(np.arange(height * width), width)

    def codes(row, column):
        angles = 2 * np.pi * np.stack([row / height, column / width], 1)
        circles = [np.cos(angles), np.sin(angles)]
        return np.concatenate(circles, axis=1) / np.sqrt(2)

    return np.stack([300 * codes(row, column + 1), codes(row, column)])


@neighbour.mistake("nothing makes the weights sharp",
                   hint="The right neighbour gets the most, but softmax of small scores is flat. Multiply the queries.")
def _(height, width):
    return _torus(height, width, 1)


@neighbour.mistake("the scale is too small",
                   hint="In a long row two neighbours' products differ by little, 1 − cos(2π/W), and that is divided "
                        "by √D. Multiply the queries by more.")
def _(height, width):
    return _torus(height, width, 60)


@neighbour.mistake("every pixel looks at itself", hint="The query must be the code of the next column.")
def _(height, width):
    return _torus(height, width, right=0)


@neighbour.mistake("every pixel looks to the left",
                   hint="The query of column c must fit the key of column c + 1: the rotation has the other sign.")
def _(height, width):
    return _torus(height, width, right=-1)


@neighbour.mistake("every pixel looks down", hint="Right is the next column, not the next row.")
def _(height, width):
    return _torus(height, width, right=0, down=1)


@neighbour.mistake("every pixel looks right, but in another row", hint="Only the column is moved on; the row stays.")
def _(height, width):
    return _torus(height, width, down=1)


@neighbour.mistake("every pixel looks two places to the right", hint="One column further, not two.")
def _(height, width):
    return _torus(height, width, right=2)


@neighbour.mistake("each place has a code of its own, 1 at its number and 0 elsewhere",
                   hint="It works, but D is H·W. At most 4 numbers are allowed: put rows and columns on circles.")
def _(height, width):
    keys = np.eye(height * width)
    right = np.roll(np.arange(height * width).reshape(height, width), -1, 1).ravel()
    return np.stack([1000.0 * keys[right], keys])


@neighbour.mistake("queries and keys are exchanged", hint="First the queries, then the keys; yours look to the left.")
def _(height, width):
    return _torus(height, width)[::-1]


@neighbour.mistake("the row has no code",
                   hint="All pixels of the next column fit equally well, so that each gets 1/H. The row needs a code "
                        "too.")
def _(height, width):
    return _torus(height, width, radii=(0, 1))


@neighbour.mistake("the column has no code",
                   hint="All pixels of a row fit equally well. The column needs a code, and the query takes that of "
                        "the next.")
def _(height, width):
    return _torus(height, width, radii=(1, 0))


@neighbour.mistake("a place is one angle in the flattened image",
                   hint="In the flattened image the last pixel of a row is followed by the next row. Give row and "
                        "column a circle each.")
def _(height, width):
    angle = 2 * np.pi * np.arange(height * width) / (height * width)
    step = 2 * np.pi / (height * width)
    return np.stack([1e5 * np.stack([np.cos(angle + step), np.sin(angle + step)], 1),
                     np.stack([np.cos(angle), np.sin(angle)], 1)])


@neighbour.mistake("the place is coded as column and row, two numbers",
                   hint="A product with these grows with the column, so that all look at the last. A code is needed "
                        "that fits itself best: points on a circle.")
def _(height, width):
    row, column = _places(height, width)
    return np.stack([300.0 * np.stack([(column + 1) % width, row], 1), np.stack([column, row], 1)])


@neighbour.mistake("the first and the last pixel of a row have the same angle",
                   hint="Divide the circle by W, not by W − 1: the first pixel comes after the last.")
def _(height, width):
    return _torus(height, width, less=1)


@neighbour.mistake("the angles lack 2π",
                   hint="n/W is a share of the circle; in radians the whole circle is 2π. The ends of a row must meet.")
def _(height, width):
    return _torus(height, width, turns=(1 / (2 * np.pi),) * 2)


@neighbour.mistake("the angles lack π", hint="n/W is a share of the circle; in radians the whole circle is 2π.")
def _(height, width):
    return _torus(height, width, turns=(1 / np.pi,) * 2)


@neighbour.mistake("the angles go round half of the circle",
                   hint="The whole circle is 2π: with π, the last pixel of a row lies opposite to the first.")
def _(height, width):
    return _torus(height, width, turns=(0.5, 0.5))


@neighbour.mistake("the angles go round one and a half times", hint="The whole circle is 2π, not 3π.")
def _(height, width):
    return _torus(height, width, turns=(1.5, 1.5))


@neighbour.mistake("both numbers of a circle are cosines",
                   hint="cos is the same to the left and to the right of 0. A point on a circle is (cos, sin).")
def _(height, width):
    return _torus(height, width, waves=(np.cos, np.cos))


@neighbour.mistake("both numbers of a circle are sines",
                   hint="sin has each value twice on the circle. A point on a circle is (cos, sin).")
def _(height, width):
    return _torus(height, width, waves=(np.sin, np.sin))


@neighbour.mistake("all is right but the length of the keys",
                   hint="Keys must have the length 1, queries may be long. Two points on circles of radius 1, beside "
                        "each other, have the length √2.")
def _(height, width):
    return _torus(height, width, radii=(1, 1))


@neighbour.mistake("the scale is added",
                   hint="A number that is added to the queries does not make the differences larger: multiply.")
def _(height, width):
    q, k = _torus(height, width, 1)
    return np.stack([300 + q, k])


@neighbour.mistake("row and column are exchanged in the queries", hint="The codes of row and column have their places.")
def _(height, width):
    row, column = _places(height, width)
    a, c = 2 * np.pi * (column + 1) / height, 2 * np.pi * row / width
    return np.stack([300 * np.stack([np.cos(a), np.sin(a), np.cos(c), np.sin(c)], 1) / np.sqrt(2),
                     _torus(height, width)[1]])


@neighbour.mistake("the last pixel of a row looks at the next row",
                   hint="Each row is a ring: right of its last pixel comes the first of the same row. Take the code "
                        "of column + 1.")
def _(height, width):
    keys = _torus(height, width)[1]
    return np.stack([300 * np.roll(keys, -1, 0), keys])


@neighbour.mistake("the last pixel of a row looks at itself",
                   hint="Each row is a ring: right of its last pixel comes the first.")
def _(height, width):
    q, k = _torus(height, width).reshape(2, height, width, 4)
    q[:, -1] = 300 * k[:, -1]
    return np.stack([q, k]).reshape(2, -1, 4)


@neighbour.mistake("height and width are exchanged in the angles",
                   hint="A row's angle is 2π·row/H, a column's 2π·column/W.")
def _(height, width):
    return _torus(height, width, turns=(height / width, width / height))


@neighbour.mistake("the angles are the numbers of row and column",
                   hint="A ring of W pixels needs the angle 2π·column/W, so that its ends meet.")
def _(height, width):
    return _torus(height, width, turns=(height / (2 * np.pi), width / (2 * np.pi)))


@neighbour.mistake("the pixels go column by column", hint="Row by row: pixel number i has row i // W and column i % W.")
def _(height, width):
    return _torus(height, width).reshape(2, height, width, 4).swapaxes(1, 2).reshape(2, -1, 4)


@neighbour.accepted("circles of different radius")
def _(height, width):
    return _torus(height, width, 900, radii=(0.3, 0.7))


@neighbour.accepted("by complex numbers and a rotation matrix")
def _(height, width):
    row, column = np.divmod(np.arange(height * width), width)
    a, c = np.exp(2j * np.pi * row / height), np.exp(2j * np.pi * column / width)
    keys = np.stack([a.imag, a.real, c.imag, c.real], 1) / 2**0.5
    turn = 2 * np.pi / width
    matrix = np.eye(4)
    matrix[2:, 2:] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return np.stack([800 * keys @ matrix, keys])


@neighbour.accepted("queries rounded to the nearest thousandth")
def _(height, width):
    q, k = _torus(height, width)
    return np.stack([np.round(q, 3), k])


QUESTIONS = [attend, squeeze, margin, merge, partition, linear, neighbour]
