"""Week 5: the questions of the notebook `video`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- conv3d_valid ----------------------------------------------------------------------------------------------------


def _conv3d(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (1, 2, 3))
    return np.einsum("cthwabd,ocabd->othw", windows, w)


def _conv3d_cases(rng):
    """Three different kernel sizes, three different sides, and channels that differ."""
    into, out = unequal(rng, 2, 5)
    k = rng.choice([1, 2, 3, 4], 3, replace=False)
    extra = rng.choice([1, 2, 3, 4], 3, replace=False)
    return numbers(rng, (into, *(k + extra))), numbers(rng, (out, into, *k))


conv3d = Question(
    "conv3d_valid", title="A kernel that spans time", points=1,
    asks="Write `conv3d_valid(x, w)`: a 3-D convolution of stride 1, without padding or bias.",
    reference=_conv3d, cases=_conv3d_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        `x` (C, T, H, W) is a clip, `w` (O, C, k_t, k_h, k_w) a kernel. As PyTorch's, the layer is a
        cross-correlation: the kernel lies as it stands, in time too. Return (O, T − k_t + 1, H − k_h + 1, W − k_w + 1):

        $$\begin{aligned}
        y_{o,t,i,j} = \sum_{c} \sum_{\tau, u, v} &w_{o,c,\tau,u,v} \\
        &\cdot x_{c,\; t+\tau,\; i+u,\; j+v} .
        \end{aligned}$$
    """,
    hints={
        "Where do I begin?": "Loop over the taps, not over the places: each tap (τ, u, v) meets a box of the clip that "
                             "is as large as the output, and a matrix (O, C) mixes the channels.",
        "The shape is wrong": "How many places has a kernel of k taps on n frames? n − k + 1.",
        "Every number is off": "Nothing is flipped: tap τ = 0 lies on the earliest frame.",
    },
)


@conv3d.solution
def conv3d_valid(x, w):
    """(C, T, H, W), (O, C, k_t, k_h, k_w)  →  (O, T', H', W')"""
    (_, T, H, W), (out, _, k_t, k_h, k_w) = x.shape, w.shape
    T, H, W = T - k_t + 1, H - k_h + 1, W - k_w + 1
    y = np.zeros((out, T, H, W))
    for t, u, v in np.ndindex(k_t, k_h, k_w):
        box = x[:, t:t + T, u:u + H, v:v + W]
        y += np.tensordot(w[:, :, t, u, v], box, 1)
    return y


def _conv3d_mistake(name, hint, answer):
    conv3d.mistake(name, hint=hint)(answer)


_FLIP = "PyTorch's layer is a cross-correlation: no axis of the kernel is flipped."
_conv3d_mistake("the kernel is flipped in time", _FLIP, lambda x, w: _conv3d(x, w[:, :, ::-1]))
_conv3d_mistake("the kernel is flipped in space", _FLIP, lambda x, w: _conv3d(x, w[..., ::-1, ::-1]))
_conv3d_mistake("the kernel is flipped in all axes", _FLIP, lambda x, w: _conv3d(x, w[..., ::-1, ::-1, ::-1]))
_conv3d_mistake("a mean over the channels", "The sum over the input channels is a sum.",
                lambda x, w: _conv3d(x, w) / len(x))
_conv3d_mistake("only the first input channel", "Sum over all input channels.",
                lambda x, w: _conv3d(x[:1], w[:, :1]))
_conv3d_mistake("only one frame is seen", "A frame of the output is a sum over k_t frames of the input.",
                lambda x, w: _conv3d(x[:, :x.shape[1] - w.shape[2] + 1], w[:, :, :1]))
_conv3d_mistake("the kernel is averaged over time", "Each frame under the kernel has taps of its own.",
                lambda x, w: _conv3d(x, np.broadcast_to(w.mean(2, keepdims=True), w.shape)))
_conv3d_mistake("the kernel is averaged over space", "Each pixel under the kernel has a tap of its own.",
                lambda x, w: _conv3d(x, np.broadcast_to(w.mean((3, 4), keepdims=True), w.shape)))
_conv3d_mistake("the clip is padded: the output is as long as the input", "Asked is the convolution without padding.",
                lambda x, w: _conv3d(np.pad(x, [(0, 0)] + [((k - 1) // 2, k // 2) for k in w.shape[2:]]), w))
_conv3d_mistake("only the last tap counts", "Add up what all taps give: += in the loop.",
                lambda x, w: np.einsum("oc,cthw->othw", w[:, :, -1, -1, -1],
                                       x[:, w.shape[2] - 1:, w.shape[3] - 1:, w.shape[4] - 1:]))
_conv3d_mistake("the taps of an input channel are summed with the wrong sign", "All products are added.",
                lambda x, w: -_conv3d(x, w))
_conv3d_mistake("1 is added everywhere", "The sum begins at 0.", lambda x, w: 1 + _conv3d(x, w))


@conv3d.mistake("the output channels are added up", hint="Each output channel has a kernel of its own.")
def _(x, w):
    return _conv3d(x, w).sum(0)


@conv3d.mistake("the input channels are not added up", hint="The sum runs over input channels too.")
def _(x, w):
    return np.stack([_conv3d(x[c:c + 1], w[:, c:c + 1]) for c in range(len(x))], 1)


@conv3d.accepted("a 2-D convolution of each frame, and a sum over frames")
def _(x, w):
    T = x.shape[1] - w.shape[2] + 1
    frames = np.lib.stride_tricks.sliding_window_view(x, w.shape[3:], (2, 3))           # (C, T, H', W', k_h, k_w)
    return np.stack([sum(np.tensordot(w[:, :, a], frames[:, t + a], [(1, 2, 3), (0, 3, 4)])
                         for a in range(w.shape[2])) for t in range(T)], 1)


@conv3d.accepted("window by window")
def _(x, w):
    shape = [n - k + 1 for n, k in zip(x.shape[1:], w.shape[2:], strict=True)]
    y = np.empty((len(w), *shape))
    for t, i, j in np.ndindex(*shape):
        window = x[:, t:t + w.shape[2], i:i + w.shape[3], j:j + w.shape[4]]
        y[:, t, i, j] = (w * window).sum((1, 2, 3, 4))
    return y


# ---- closest_block ---------------------------------------------------------------------------------------------------

def _matrix(w):
    out, into, k_t, k_h, k_w = w.shape
    return w.transpose(0, 2, 1, 3, 4).reshape(out * k_t, into * k_h * k_w)


def _kernel(matrix, shape):
    out, into, k_t, k_h, k_w = shape
    return matrix.reshape(out, k_t, into, k_h, k_w).transpose(0, 2, 1, 3, 4)


def _truncated(matrix, M, s_of=lambda s, M: s[:M], part=lambda M: slice(None, M)):
    U, s, V = np.linalg.svd(np.asarray(matrix, np.float64), full_matrices=False)
    return (U[:, part(M)] * s_of(s, M)) @ V[part(M)]


def _closest(w, M):
    return _kernel(_truncated(_matrix(w), M), w.shape)


def _closest_cases(rng):
    """The M-th singular value is well above the next, so that what is closest is unique; no two sizes are equal."""
    while True:
        out, into = unequal(rng, 2, 5)
        k_t, k_h, k_w = (int(k) for k in rng.choice([1, 2, 3, 4], 3, replace=False))
        k_t = max(k_t, 2)
        w = numbers(rng, (out, into, k_t, k_h, k_w))
        s = np.linalg.svd(_matrix(w), compute_uv=False)
        if len(s) < 3 or len({out * k_t, into * k_h * k_w}) < 2:
            continue
        M = int(rng.integers(1, len(s) - 1))
        if s[M - 1] > 1.15 * s[M] and s[M] > 0.5:
            return w, M


closest = Question(
    "closest_block", title="What a block of M channels can do", points=2,
    asks="Write `closest_block(w, M)`: of all 3-D kernels that a linear (2+1)-D block of M middle channels can be, the "
         "one closest to w.",
    reference=_closest, cases=_closest_cases, tolerance=1e-3,
    minutes=20, level=2, practice=True,
    text=r"""
        `w` is (O, C, k_t, k_h, k_w). A linear block has kernels $b$ (M, C, k_h, k_w) for space and $a$ (O, M, k_t) for
        time, and is the 3-D kernel

        $$w'_{o,c,\tau,u,v} = \sum_{m=1}^{M} a_{o,m,\tau}\; b_{m,c,u,v} .$$

        Return the $w'$ of the shape of w with the least $\sum (w' - w)^2$. The cases are such that it is unique.
    """,
    hints={
        "Where do I begin?": "Write w as a matrix, such that the formula becomes a product of two matrices with M in "
                             "the middle. Which indices does a carry, which b?",
        "Which matrix of rank M is closest to a matrix?": "Its singular value decomposition, cut off after M terms "
                                                          "(Eckart and Young).",
        "The shape is right, the numbers are not": "A reshape joins neighbours only. o and τ must stand side by side "
                                                   "before it, and be put back after it.",
    },
)


@closest.solution
def closest_block(w, M):
    """(O, C, k_t, k_h, k_w), int  →  the same shape"""
    out, into, k_t, k_h, k_w = w.shape
    matrix = w.transpose(0, 2, 1, 3, 4).reshape(out * k_t, into * k_h * k_w)
    U, s, V = np.linalg.svd(matrix, full_matrices=False)
    near = (U[:, :M] * s[:M]) @ V[:M]
    return near.reshape(out, k_t, into, k_h, k_w).transpose(0, 2, 1, 3, 4)


def _closest_mistake(name, hint, answer):
    closest.mistake(name, hint=hint)(lambda w, M: answer(np.asarray(w, np.float64), M))


_SIDE = "a carries (o, τ), b carries (c, u, v): these are the rows and the columns."
_closest_mistake("rows (o, c, τ), columns (u, v): each kernel is cut by itself, but all share M pictures",
                 _SIDE, lambda w, M: _truncated(w.reshape(-1, w.shape[3] * w.shape[4]), M).reshape(w.shape))
_closest_mistake("each pair of channels by itself",
                 "The M channels are shared by all pairs: one matrix holds the whole layer.",
                 lambda w, M: np.array([[_truncated(one.reshape(len(one), -1), M).reshape(one.shape) for one in row]
                                        for row in w]))
_closest_mistake("rows o, columns (c, τ, u, v)", _SIDE,
                 lambda w, M: _truncated(w.reshape(len(w), -1), M).reshape(w.shape))
_closest_mistake("o and τ are not put side by side before the reshape",
                 "w is (O, C, k_t, …): transpose first, so that k_t follows O.",
                 lambda w, M: _truncated(w.reshape(w.shape[0] * w.shape[2], -1), M).reshape(w.shape))
_closest_mistake("the axes are not put back in order",
                 "Reshape to (O, k_t, C, k_h, k_w), then transpose.",
                 lambda w, M: _truncated(_matrix(w), M).reshape(w.shape))
_closest_mistake("the axes are reshaped back to (O, k_t, C, …) and left there", "Return the shape of w.",
                 lambda w, M: _closest(w, M).transpose(0, 2, 1, 3, 4))
_closest_mistake("one term too many", "M terms.", lambda w, M: _closest(w, M + 1))
_closest_mistake("one term too few", "M terms.", lambda w, M: _closest(w, M - 1))
_closest_mistake("w itself: no term is cut off", "Only M terms can be kept.", lambda w, M: w)
_closest_mistake("what is cut off, not what is kept", "Keep the M largest terms.", lambda w, M: w - _closest(w, M))
_closest_mistake("the singular values are missing", "U, s and V: the middle factor counts.",
                 lambda w, M: _kernel(_truncated(_matrix(w), M, s_of=lambda s, M: 1), w.shape))
_closest_mistake("the square roots of the singular values only",
                 "√s on either side is s in all.",
                 lambda w, M: _kernel(_truncated(_matrix(w), M, s_of=lambda s, M: np.sqrt(s[:M])), w.shape))
_closest_mistake("the singular values are used twice", "They count once: either with U or with V.",
                 lambda w, M: _kernel(_truncated(_matrix(w), M, s_of=lambda s, M: s[:M]**2), w.shape))
_closest_mistake("divided by the singular values", "Multiply by s.",
                 lambda w, M: _kernel(_truncated(_matrix(w), M, s_of=lambda s, M: 1 / s[:M]), w.shape))
_closest_mistake("only term M", "All terms up to M: a slice, not one index.",
                 lambda w, M: _kernel(_truncated(_matrix(w), M, lambda s, M: s[M - 1:M],
                                                 lambda M: slice(M - 1, M)), w.shape))
_closest_mistake("the smallest terms", "NumPy gives the singular values from the largest down: keep the first M.",
                 lambda w, M: _kernel(_truncated(_matrix(w), M, lambda s, M: s[-M:], lambda M: slice(-M, None)),
                                      w.shape))


@closest.mistake("V is taken for its transpose", hint="np.linalg.svd returns V already transposed: its rows belong to "
                                                      "the singular values.")
def _(w, M):
    U, s, V = np.linalg.svd(_matrix(np.asarray(w, np.float64)))
    return _kernel((U[:, :M] * s[:M]) @ V[:, :M].T, w.shape)


@closest.accepted("by the eigenvectors of the smaller square")
def _(w, M):
    m = _matrix(np.asarray(w, np.float64))
    _, vectors = np.linalg.eigh(m @ m.T)
    top = vectors[:, -M:]
    return _kernel(top @ (top.T @ m), w.shape)


@closest.accepted("rows for space, columns for time, term by term")
def _(w, M):
    out, into, k_t, k_h, k_w = w.shape
    m = np.moveaxis(np.asarray(w, np.float64), (0, 2), (3, 4)).reshape(into * k_h * k_w, out * k_t)
    U, s, V = np.linalg.svd(m)
    near = sum(s[n] * np.outer(U[:, n], V[n]) for n in range(M))
    return np.moveaxis(near.reshape(into, k_h, k_w, out, k_t), (3, 4), (0, 2))


# ---- two_costs -------------------------------------------------------------------------------------------------------

def _up(n, s):
    return -(-n // s)


def _costs(into, out, size, t, d, stride, width=lambda i, o, t, d: t * d * d * i * o // (d * d * i + t * o),
           middle=lambda T, s: T, down=_up, first=True, second=True,
           layer=lambda i, o, t, d, T, H, W: o * i * t * d * d * T * H * W,
           space=lambda M, i, d, T, H, W: M * i * d * d * T * H * W,
           time=lambda M, o, t, T, H, W: o * M * t * T * H * W):
    T, H, W = (int(n) for n in size)
    T_, H_, W_ = (down(n, stride) for n in (T, H, W))
    M = width(into, out, t, d)
    half = first * space(M, into, d, middle(T, stride), H_, W_), second * time(M, out, t, T_, H_, W_)
    return np.array([layer(into, out, t, d, T_, H_, W_), sum(half)])


def _costs_cases(rng, turn):
    """Strides 1, 2 and 3 take turns; t ≠ d; the sides differ, and not all are multiples of the stride.

    In every sixth case the block has exactly as many weights as the layer: "no more" is not "fewer".
    """
    stride = turn % 3 + 1
    while True:
        t, d = (int(k) for k in rng.choice([1, 3, 5, 7], 2, replace=False))
        into, out = unequal(rng, 2, 10)
        size = rng.choice(np.arange(4, 12), 3, replace=False)
        rest = t * d * d * into * out % (d * d * into + t * out)
        if (rest == 0) == (turn % 6 == 0) and (stride == 1 or (size % stride).all()):
            return into, out, tuple(int(n) for n in size), t, d, stride


costs = Question(
    "two_costs", title="What a stride saves", points=2, kind="predict",
    asks="Predict the multiply-adds of a 3-D convolution and of a (2+1)-D block that takes its place: write "
         "`two_costs(c_in, c_out, size, t, d, stride)`.",
    reference=lambda *args: _costs(*args), cases=_costs_cases,
    minutes=20, level=2,
    text=r"""
        A clip has `c_in` channels and the `size` (T, H, W). The 3-D layer has kernels of t × d × d, both odd, pads
        every axis by half a kernel, (t − 1)/2 or (d − 1)/2, and has the same stride along time, rows and columns. The
        block is torchvision's: first 1 × d × d kernels to M channels, which stride in space, then t × 1 × 1 kernels to
        `c_out` channels, which stride in time. M is the largest number of channels with which the block has no more
        weights than the 3-D layer (there is always room for one). Biases and norms cost nothing here, and products
        with padded zeros count.

        Predict the multiply-adds for one clip, (2,): first those of the 3-D layer, then those of the block.
    """,
    hints={
        "Where do I begin?": "Multiply-adds are the numbers of the output times the taps that each of them needs.",
        "The first number is right, and the second for stride 1 only":
            "How many frames does the first half of the block put out, when its stride along time is 1?",
        "The sizes are off by one": "n places, padded by half an odd kernel, with stride s: ⌈n / s⌉ outputs.",
        "What is M?": "M channels cost M (d² c_in + t c_out) weights. A channel cannot be divided.",
    },
)


@costs.solution
def two_costs(c_in, c_out, size, t, d, stride):
    """int, int, three ints, int, int, int  →  (2,)"""
    T, H, W = size
    T_out, H_out, W_out = [(n + stride - 1) // stride for n in (T, H, W)]
    full = c_out * c_in * t * d * d * T_out * H_out * W_out
    M = t * d * d * c_in * c_out // (d * d * c_in + t * c_out)
    space = M * c_in * d * d * T * H_out * W_out
    time = c_out * M * t * T_out * H_out * W_out
    return np.array([full, space + time])


def _costs_mistake(name, hint, **options):
    costs.mistake(name, hint=hint)(lambda *args: _costs(*args, **options))


_FRAMES = "The first half of the block strides in space only: it puts out all T frames."
_CEIL = "With a padding of half a kernel ⌈n / s⌉ places are left, the last one too where s does not divide n."
_WIDTH = "M = ⌊t d² c_in c_out / (d² c_in + t c_out)⌋: the 3-D layer's weights over what one middle channel costs."
_costs_mistake("the first half of the block has fewer frames", _FRAMES, middle=_up)
_costs_mistake("sizes rounded down", _CEIL, down=lambda n, s: n // s)
_costs_mistake("the stride is forgotten", "Each axis of the output is 1/stride as long, rounded up.",
               down=lambda n, s: n)
_costs_mistake("sizes (n − 1) // s", "⌈n / s⌉ = ⌊(n − 1) / s⌋ + 1.", down=lambda n, s: (n - 1) // s)
_costs_mistake("sizes one too large", _CEIL, down=lambda n, s: n // s + 1)
_costs_mistake("sizes multiplied by the stride", "Divide.", down=lambda n, s: (n + s - 1) * s)
_costs_mistake("the first half only", "A block has two convolutions.", second=False)
_costs_mistake("the second half only", "A block has two convolutions.", first=False)
_costs_mistake("c_out channels in the middle", _WIDTH, width=lambda i, o, t, d: o)
_costs_mistake("c_in channels in the middle", _WIDTH, width=lambda i, o, t, d: i)
_costs_mistake("t and d exchanged in M", _WIDTH, width=lambda i, o, t, d: t * d * d * i * o // (t * i + d * d * o))
_costs_mistake("M rounded up", "With one channel more the block would have more weights than the layer.",
               width=lambda i, o, t, d: -(-t * d * d * i * o // (d * d * i + t * o)))
_costs_mistake("one channel too few where M needs no rounding",
               "As many weights as the layer has are no more than it has.",
               width=lambda i, o, t, d: (t * d * d * i * o - 1) // (d * d * i + t * o))
_costs_mistake("M not rounded", "A channel cannot be divided: round down.",
               width=lambda i, o, t, d: t * d * d * i * o / (d * d * i + t * o))
costs.mistake("the block costs as much as the layer", hint="So it is for stride 1, nearly. M is rounded, and with a "
              "stride the two halves have different sizes.")(lambda *args: _costs(*args)[[0, 0]])
_costs_mistake("d in place of d² in M", _WIDTH, width=lambda i, o, t, d: t * d * i * o // (d * i + t * o))
_HALVES = {
    "space": ("first half of the block", "M T H' W' numbers come out of the first half, and each needs c_in d² taps.",
              ["M", "c_in", "d", "T", "H'", "W'"], lambda M, i, d, T, H, W: [M, i, d, d, T, H, W]),
    "time": ("second half of the block", "c_out T' H' W' numbers come out of the second half, and each needs M t taps.",
             ["c_out", "M", "t", "T'", "H'", "W'"], lambda M, o, t, T, H, W: [o, M, t, T, H, W]),
    "layer": ("3-D layer", "c_out T' H' W' numbers come out of the layer, and each needs c_in t d² taps.",
              ["c_out", "c_in", "t", "d", "T'", "H'", "W'"],
              lambda i, o, t, d, T, H, W: [o, i, t, d, d, T, H, W]),
}


def _factor_mistakes(slot):
    """Each factor of a product left out, and a sum in place of each product."""
    words, hint, names, factors = _HALVES[slot]
    for n, letter in enumerate(names):
        at = n + ("d" in names[:n])                                      # d stands twice
        _costs_mistake(f"a factor {letter} is missing in the {words}", hint, **{
            slot: lambda *sizes, at=at: np.prod(np.delete(factors(*sizes), at))})
        if letter == "d":
            _costs_mistake(f"d² is missing in the {words}", hint, **{
                slot: lambda *sizes, at=at: np.prod(np.delete(factors(*sizes), [at, at + 1]))})
    for at in range(1, len(names) + ("d" in names)):
        _costs_mistake(f"a sum stands where a product belongs, in the {words}", hint, **{
            slot: lambda *sizes, at=at: (np.prod(factors(*sizes)[:at]) + factors(*sizes)[at])
            * np.prod(factors(*sizes)[at + 1:])})


for _slot in _HALVES:
    _factor_mistakes(_slot)
for _text, _width in (("c_out is forgotten", lambda i, o, t, d: t * d * d * i * o // (d * d * i + t)),
                      ("c_in is forgotten", lambda i, o, t, d: t * d * d * i * o // (d * d + t * o)),
                      ("d² is forgotten", lambda i, o, t, d: t * d * d * i * o // (i + t * o)),
                      ("t is forgotten", lambda i, o, t, d: t * d * d * i * o // (d * d * i + o)),
                      ("2d stands for d²", lambda i, o, t, d: t * d * d * i * o // (2 * d * i + t * o)),
                      ("the halves are multiplied", lambda i, o, t, d: t * d * d * i * o // (d * d * i * t * o)),
                      ("a middle channel costs d² c_in only", lambda i, o, t, d: t * d * d * i * o // (d * d * i)),
                      ("a middle channel costs t c_out only", lambda i, o, t, d: t * d * d * i * o // (t * o))):
    _costs_mistake(f"M: {_text}", _WIDTH, width=_width)
_costs_mistake("the second half is subtracted", "The costs of the two halves are added.", second=-1)
costs.mistake("weights, not multiply-adds", hint="Each weight works at every place of the output.")(
    lambda i, o, size, t, d, s: _costs(i, o, (1, 1, 1), t, d, 1))
costs.mistake("products and sums counted apart", hint="One product and one sum are one multiply-add.")(
    lambda *args: 2 * _costs(*args))
costs.mistake("the block comes first", hint="First the 3-D layer, then the block.")(lambda *args: _costs(*args)[::-1])


@costs.accepted("output size of the usual formula")
def _(c_in, c_out, size, t, d, stride):
    after = [(n + 2 * (k // 2) - k) // stride + 1 for n, k in zip(size, (t, d, d), strict=True)]
    width = np.floor(c_in * c_out * t * d**2 / (c_in * d**2 + c_out * t) + 1e-9)
    pixels = after[1] * after[2]
    return [c_in * c_out * t * d**2 * after[0] * pixels,
            width * pixels * (c_in * d**2 * size[0] + c_out * t * after[0])]


@costs.accepted("M by trying, places by counting")
def _(c_in, c_out, size, t, d, stride):
    M = 1
    while (M + 1) * (d * d * c_in + t * c_out) <= t * d * d * c_in * c_out:
        M += 1
    T, H, W = (len(range(0, n, stride)) for n in size)
    return (c_out * c_in * t * d * d * T * H * W,
            M * c_in * d * d * size[0] * H * W + c_out * M * t * T * H * W)


# ---- video_layer -----------------------------------------------------------------------------------------------------

def _frames(x, w):
    """Each frame by a 2-D kernel: (N, C, T, H, W), (O, C, k_h, k_w) → (N, O, T, H', W')."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (3, 4))
    return np.einsum("ncthwuv,ocuv->nothw", windows, w)


def _in_time(y, a, before=None, order=1, pad=None):
    k = a.shape[1]
    before = k - 1 if before is None else before
    padded = np.pad(y, [(0, 0), (0, 0), (before, k - 1 - before), (0, 0), (0, 0)], **(pad or {}))
    T = y.shape[2]
    return sum(a[:, ::order][:, s, None, None, None] * padded[:, :, s:s + T] for s in range(k))


def _scrambled(x, w, back=True):
    """The frames folded into the batch by a reshape alone; back: unfolded so as well."""
    N, C, T, H, W = x.shape
    y = _frames(x.reshape(N * T, C, 1, H, W), w)[:, :, 0]
    shape = y.shape[2:]
    if back:
        return y.reshape(N, len(w), T, *shape)
    return y.reshape(N, T, len(w), *shape).transpose(0, 2, 1, 3, 4)


def _half(x, w):
    """Folded rightly, unfolded by a reshape alone."""
    y = _frames(x, w)
    return y.transpose(0, 2, 1, 3, 4).reshape(y.shape)


def _layer_cases(rng):
    """At least two clips, frames and channels, all different; kernels of three or more taps in time."""
    while True:
        N, C, O, T = (int(n) for n in rng.choice(np.arange(2, 7), 4, replace=False))
        k_h, k_w = unequal(rng, 1, 4)
        H, W = unequal(rng, 1, 4)
        k = int(rng.integers(3, 5))
        if N * C * T < 70:
            return (numbers(rng, (N, C, T, H + k_h, W + k_w)), numbers(rng, (O, C, k_h, k_w)), numbers(rng, (O, k)))


layer = Question(
    "video_layer", title="A video through a network for images", points=2, kind="mend",
    asks="Mend `video_layer(x, w, a)`: a 2-D convolution of every frame, then a causal convolution along time.",
    reference=lambda x, w, a: _in_time(_frames(x, w), a), cases=_layer_cases,
    minutes=20, level=2,
    text=r"""
        `x` (N, C, T, H, W) are N clips, `w` (O, C, k_h, k_w) the kernel of an image layer (stride 1, no padding), and
        row o of `a` (O, k) the kernel along time of channel o. With $z$ the frames after the image layer, return

        $$y_{n,o,t,i,j} = \sum_{s=0}^{k-1} a_{o,s}\; z_{n,\,o,\;t - (k-1) + s,\;i,\,j} ,$$

        (N, O, T, H − k_h + 1, W − k_w + 1), where $z$ is 0 before the first frame: no frame of the output depends on
        a later frame of the clip. The function given runs, and its shapes are right. One of its two ideas that are
        wrong concerns frames and channels (and stands in two lines), the other time.
    """,
    hints={
        "How do I find the first fault?": "Give it a clip whose frames differ and whose kernel is one tap, and look at "
                                          "where each frame comes out.",
        "How do I find the second?": "Change the last frame of the clip. Which frames of the output change?",
        "Fold and unfold": "A reshape never changes the order of numbers in memory. N and T must stand side by side "
                           "before they are joined.",
    },
)


@layer.given("as given: two faults are there",
             hint="(N, C, T, H, W) reshaped to (N·T, C, H, W) has the right shape, but whose frames are these? And "
                  "does the first frame of the output know the second one of the clip?")
def _(x, w, a):
    """(N, C, T, H, W), (O, C, k_h, k_w), (O, k)  →  (N, O, T, H', W')"""
    (N, C, T, H, W), (O, _, k_h, k_w), k = x.shape, w.shape, a.shape[1]
    H_out, W_out = H - k_h + 1, W - k_w + 1

    frames = x.reshape(N * T, C, H, W)
    z = np.zeros((N * T, O, H_out, W_out))
    for u in range(k_h):
        for v in range(k_w):
            box = frames[:, :, u:u + H_out, v:v + W_out]
            z += np.einsum("oc,ncij->noij", w[:, :, u, v], box)
    z = z.reshape(N, O, T, H_out, W_out)

    before = (k - 1) // 2
    padded = np.zeros((N, O, T + k - 1, H_out, W_out))
    padded[:, :, before:before + T] = z
    y = np.zeros((N, O, T, H_out, W_out))
    for s in range(k):
        y += a[:, s, None, None, None] * padded[:, :, s:s + T]
    return y


@layer.solution
def video_layer(x, w, a):
    """(N, C, T, H, W), (O, C, k_h, k_w), (O, k)  →  (N, O, T, H', W')"""
    (N, C, T, H, W), (O, _, k_h, k_w), k = x.shape, w.shape, a.shape[1]
    H_out, W_out = H - k_h + 1, W - k_w + 1

    frames = x.transpose(0, 2, 1, 3, 4).reshape(N * T, C, H, W)
    z = np.zeros((N * T, O, H_out, W_out))
    for u in range(k_h):
        for v in range(k_w):
            box = frames[:, :, u:u + H_out, v:v + W_out]
            z += np.einsum("oc,ncij->noij", w[:, :, u, v], box)
    z = z.reshape(N, T, O, H_out, W_out).transpose(0, 2, 1, 3, 4)

    padded = np.zeros((N, O, T + k - 1, H_out, W_out))
    padded[:, :, k - 1:] = z
    y = np.zeros((N, O, T, H_out, W_out))
    for s in range(k):
        y += a[:, s, None, None, None] * padded[:, :, s:s + T]
    return y


def _layer_mistake(name, hint, answer):
    layer.mistake(name, hint=hint)(lambda x, w, a: answer(np.asarray(x, np.float64), w, a))


_FOLD = "Transpose to (N, T, C, H, W) before frames are folded into the batch."
_UNFOLD = "What was folded as (N, T) unfolds as (N, T, O, …); then O goes in front of T."
_PAST = "All k − 1 zeros stand before the first frame."
_half_k = lambda a: (a.shape[1] - 1) // 2                                  # noqa: E731
_layer_mistake("time is mended, frames and channels are still scrambled", _FOLD,
               lambda x, w, a: _in_time(_scrambled(x, w), a))
_layer_mistake("the way in is still scrambled", _FOLD, lambda x, w, a: _in_time(_scrambled(x, w, False), a))
_layer_mistake("the way out is still scrambled", _UNFOLD, lambda x, w, a: _in_time(_half(x, w), a))
_layer_mistake("the future is still seen", _PAST, lambda x, w, a: _in_time(_frames(x, w), a, _half_k(a)))
_layer_mistake("the way in and time are still wrong", _FOLD,
               lambda x, w, a: _in_time(_scrambled(x, w, False), a, _half_k(a)))
_layer_mistake("the way out and time are still wrong", _UNFOLD, lambda x, w, a: _in_time(_half(x, w), a, _half_k(a)))
_layer_mistake("all zeros stand behind the last frame", _PAST, lambda x, w, a: _in_time(_frames(x, w), a, 0))
_layer_mistake("one zero too few before the first frame", _PAST,
               lambda x, w, a: _in_time(_frames(x, w), a, a.shape[1] - 2))
_layer_mistake("the kernel is flipped in time", "The last tap lies on the present frame, as in PyTorch.",
               lambda x, w, a: _in_time(_frames(x, w), a, order=-1))
_layer_mistake("the first frame is repeated, no zeros", "Before the first frame all is 0.",
               lambda x, w, a: _in_time(_frames(x, w), a, pad={"mode": "edge"}))
_layer_mistake("the end of the clip stands before its beginning", "Before the first frame all is 0.",
               lambda x, w, a: _in_time(_frames(x, w), a, pad={"mode": "wrap"})
               if a.shape[1] - 1 <= x.shape[2] else np.roll(_in_time(_frames(x, w), a), 1, 2))
_layer_mistake("the kernel is flipped in space", "The image layer is a cross-correlation.",
               lambda x, w, a: _in_time(_frames(x, w[..., ::-1, ::-1]), a))
_layer_mistake("nothing is convolved along time", "Two convolutions: in space, then along time.",
               lambda x, w, a: _frames(x, w))
_layer_mistake("only the present frame counts", "All k taps count.", lambda x, w, a: a[:, -1, None, None, None]
               * _frames(x, w))
for _name, _y in (("1 is added to every number", lambda y, a: y + 1),
                  ("the sign is turned over", lambda y, a: -y)):
    _layer_mistake(_name, "Begin with zeros, and add every product.",
                   lambda x, w, a, y=_y: y(_in_time(_frames(x, w), a), a))
_layer_mistake("the image layer begins with ones", "Begin with zeros.", lambda x, w, a: _in_time(1 + _frames(x, w), a))
_layer_mistake("ones stand before the first frame", "Before the first frame all is 0.",
               lambda x, w, a: _in_time(_frames(x, w), a, pad={"constant_values": 1}))
_layer_mistake("only the last tap of the image layer counts", "Add up what all its taps give.",
               lambda x, w, a: _in_time(_frames(x[..., w.shape[2] - 1:, w.shape[3] - 1:], w[..., -1:, -1:]), a))
_layer_mistake("all taps along time are 1", "Each frame has a tap of its own: a.",
               lambda x, w, a: _in_time(_frames(x, w), np.ones(a.shape)))
_layer_mistake("taps and frames are added, not multiplied", "Products, then their sum.",
               lambda x, w, a: _in_time(_frames(x, w), np.ones(a.shape)) + a.sum(1)[:, None, None, None])
_layer_mistake("the taps alone are added up", "Each tap multiplies a frame.",
               lambda x, w, a: 0 * _frames(x, w) + a.sum(1)[:, None, None, None])
_layer_mistake("one tap too few along time: the earliest is left out", "All k taps count.",
               lambda x, w, a: _in_time(_frames(x, w), a * (np.arange(a.shape[1]) > 0)))
_layer_mistake("one tap too few along time: that of the present is left out", "All k taps count.",
               lambda x, w, a: _in_time(_frames(x, w), a * (np.arange(a.shape[1]) < a.shape[1] - 1)))
for _u, _v in ((1, 0), (0, 1), (1, 1)):
    _layer_mistake("the image layer's first row or column of taps is left out", "All taps count: from 0.",
                   lambda x, w, a, u=_u, v=_v: _in_time(_frames(x, np.where(
                       (np.arange(w.shape[2]) >= u)[:, None] & (np.arange(w.shape[3]) >= v), w, 0)), a))


@layer.mistake("T stands in front of N when the frames are folded",
               hint="Folded as (T, N), but unfolded as (N, T): the same order both times.")
def _(x, w, a):
    y = _frames(x, w)                                                    # (N, O, T, H, W)
    N, O, T, H, W = y.shape                                              # noqa: E741
    return _in_time(y.transpose(2, 0, 1, 3, 4).reshape(N, T, O, H, W).transpose(0, 2, 1, 3, 4), a)


_layer_mistake("one kernel along time for all channels", "Row o of a belongs to channel o.",
               lambda x, w, a: _in_time(_frames(x, w), np.broadcast_to(a[:1], a.shape)))


@layer.accepted("clip by clip and frame by frame")
def _(x, w, a):
    (N, _, T, H, W), (O, _, k_h, k_w), k = x.shape, w.shape, a.shape[1]
    z = np.zeros((N, O, T, H - k_h + 1, W - k_w + 1))
    for i, j in np.ndindex(*z.shape[3:]):
        z[..., i, j] = np.einsum("nctuv,ocuv->not", x[..., i:i + k_h, j:j + k_w], w)
    y = np.zeros_like(z)
    for t in range(T):
        for s in range(k):
            if t - (k - 1) + s >= 0:
                y[:, :, t] += a[:, s, None, None] * z[:, :, t - (k - 1) + s]
    return y


@layer.accepted("padded on both sides, the end cut off")
def _(x, w, a):
    z, k, T = _frames(x, w), a.shape[1], x.shape[2]
    wide = np.pad(z, [(0, 0), (0, 0), (k - 1, k - 1), (0, 0), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(wide, k, 2)
    return np.einsum("nothwk,ok->nothw", windows, a)[:, :, :T]


# ---- direction_kernel ------------------------------------------------------------------------------------------------

RATIO = 0.125                # of the energies that are unwanted to the one that is wanted


def _energy(w, velocity):
    """Of what the kernel gives, on the mean, for white noise that moves: squared sums along slanted lines."""
    t, n = w.shape
    sums = np.zeros(n + 2 * t)
    for frame in range(t):
        start = t - velocity * frame
        sums[start:start + n] += w[frame]
    return np.sum(sums**2)


def _direction_properties(w, t, n, velocity):
    w = np.asarray(w, np.float64)
    if w.shape != (t, n):
        raise ValueError(f"a kernel of shape ({t}, {n}) was asked for; this has shape {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError("all numbers must be finite")
    wanted = _energy(w, velocity)
    if wanted < 1e-9:
        raise ValueError("the kernel gives nothing for what moves with the velocity asked for")
    s = np.linalg.svd(w, compute_uv=False)
    return {"sum of squares": np.sum(w**2),
            "how far the energy for the opposite velocity is above an eighth":
                max(0.0, _energy(w, -velocity) / wanted - RATIO),
            "how far the energy for what stands still is above an eighth":
                max(0.0, _energy(w, 0) / wanted - RATIO),
            "pairs of kernels more than two": max(0, int(np.sum(s > 1e-4 * s[0])) - 2)}


def _wave(t, n, velocity, phase=0.0, frequency=0.25):
    w = np.cos(2 * np.pi * frequency * (np.arange(n) - velocity * np.arange(t)[:, None]) + phase)
    return w / np.linalg.norm(w)


def _direction_cases(rng, turn):
    t, n = unequal(rng, 5, 10)
    return t, n, 1 if turn % 2 else -1


direction = Question(
    "direction_kernel", title="A kernel that knows where it goes", points=3, kind="design",
    asks="Design `direction_kernel(t, n, velocity)`: a kernel of t frames and n pixels that answers to motion in one "
         "direction, out of two pairs of kernels.",
    reference=_wave, cases=_direction_cases, measure=_direction_properties,
    minutes=30, level=3,
    text=r"""
        A film of one row of pixels shows a texture, white noise, that moves by `velocity` pixels a frame, 1 (to the
        right) or −1: frame τ is frame 0 moved by velocity · τ. The layer is a cross-correlation over time and space;
        its energy is the mean of the squares of its output. Return the kernel, (t, n), t frames of n pixels, both from
        5 to 9, such that

        - the sum of its squares is 1;
        - its energy for the opposite velocity is at most an eighth of that for the velocity asked for;
        - so is its energy for a texture that stands still;
        - it is a sum of at most two pairs, (a kernel in time) times (a kernel in space): two channels of a (2+1)-D
          block suffice.

        There are many such kernels, and each of them passes.
    """,
    hints={
        "One pair does not suffice": "Of one pair the energies for v and −v are equal, whatever it is. Two are needed.",
        "How does a slanted kernel become two pairs?": "A line of ones along the diagonal has as many pairs as frames. "
                                                       "But cos(α − β) = cos α cos β + sin α sin β.",
        "It answers to what stands still": "What stands still is the same in all frames: each pixel's taps must nearly "
                                           "cancel over time. How long is a period of the wave?",
        "It answers to the wrong direction": "A crest must move to larger places, from frame to frame, for velocity 1.",
    },
)


@direction.solution
def direction_kernel(t, n, velocity):
    """int, int, 1 or −1  →  (t, n)"""
    frames, places = np.arange(t)[:, None], np.arange(n)[None, :]
    wave = np.cos(np.pi / 2 * (places - velocity * frames))      # period 4
    return wave / np.linalg.norm(wave)


def _unit(w):
    return w / np.linalg.norm(w)


def _raw(t, n, velocity):
    return np.cos(np.pi / 2 * (np.arange(n) - velocity * np.arange(t)[:, None]))


def _line(t, n, velocity):
    """Ones on a slanted line through the middle."""
    frames, places = np.arange(t)[:, None], np.arange(n)[None, :]
    return 1.0 * (places - n // 2 == velocity * (frames - t // 2))


def _direction_mistake(name, hint, kernel):
    direction.mistake(name, hint=hint)(kernel)


_direction_mistake("the wrong direction", "Frame τ shows the texture velocity · τ further on: the crest is at places "
                   "that grow with velocity · τ.", lambda t, n, v: _wave(t, n, -v))
_direction_mistake("a slanted line of ones", "It answers to the right direction, but it needs as many pairs as it has "
                   "frames in it. And grey is not suppressed.", lambda t, n, v: _unit(_line(t, n, v)))
_direction_mistake("a slanted line of changing signs", "It needs as many pairs as it has frames in it.",
                   lambda t, n, v: _unit(_line(t, n, v) - np.roll(_line(t, n, v), 1, 1)))
for _alike in (lambda t, n, v: np.outer(np.eye(t)[0] - np.eye(t)[1], np.eye(n)[n // 2]),
               lambda t, n, v: np.outer(np.eye(t)[0] - np.eye(t)[1], np.hanning(n + 2)[1:-1]),
               lambda t, n, v: (-1.0)**np.add.outer(np.arange(t), np.arange(n))):
    _direction_mistake("motion in either direction gives the same energy",
                       "So it does for every single pair of kernels, as the difference of two frames, and for the "
                       "fastest wave. Two pairs are needed, a quarter of a period apart.",
                       lambda t, n, v, kernel=_alike: _unit(kernel(t, n, v)))
_direction_mistake("a wave in space that stands still", "It must move from frame to frame.",
                   lambda t, n, v: _unit(np.ones((t, 1)) * np.cos(np.pi / 2 * np.arange(n))))
_direction_mistake("not of length 1", "Divide by the root of the sum of squares.",
                   _raw)
_direction_mistake("absolute values that sum to 1", "Squares: divide by the root of their sum.",
                   lambda t, n, v: _wave(t, n, v) / np.abs(_wave(t, n, v)).sum())
_direction_mistake("both directions added", "cos(α − β) + cos(α + β) = 2 cos α cos β: one pair.",
                   lambda t, n, v: _unit(_wave(t, n, v) + _wave(t, n, -v)))
_direction_mistake("a wave so long that it is nearly flat", "What stands still must cancel over the frames: a period "
                   "has to fit into them.", lambda t, n, v: _wave(t, n, v, frequency=1 / 40))
_direction_mistake("all taps alike", "That answers to grey, whatever moves.", lambda t, n, v: _unit(np.ones((t, n))))
_direction_mistake("all taps are 1", "The squares must sum to 1, and the taps must change.",
                   lambda t, n, v: np.ones((t, n)))
_direction_mistake("multiplied by its length", "Divide.", lambda t, n, v: _raw(t, n, v) * np.linalg.norm(_raw(t, n, v)))
_direction_mistake("always to the right", "For velocity −1 to the left.", lambda t, n, v: _wave(t, n, 1))
_direction_mistake("always to the right", "For velocity −1 to the left.",
                   lambda t, n, v: _wave(t, n, 1, -v * np.pi / 2))
_direction_mistake("always to the left", "For velocity 1 to the right.", lambda t, n, v: _wave(t, n, -1))
_direction_mistake("the phase itself, not its cosine", "A kernel without a wave answers to what is grey or still.",
                   lambda t, n, v: _unit(np.arange(n) - v * np.arange(t)[:, None]))
_direction_mistake("the wave does not move", "Its phase must move by velocity from frame to frame.",
                   lambda t, n, v: _unit(np.ones((t, 1)) * np.cos(np.pi / 2 * (np.arange(n) - v))))
_direction_mistake("the wave does not depend on the place", "It must be a wave in space too.",
                   lambda t, n, v: _unit(np.cos(np.pi / 2 * np.arange(t))[:, None] * np.ones(n)))
_direction_mistake("twice the velocity", "The crest moves by velocity pixels a frame.",
                   lambda t, n, v: _wave(t, n, 2 * v))

direction.accepted("a sine")(lambda t, n, v: _wave(t, n, v, -np.pi / 2))
direction.accepted("a quarter turn later, in two pairs")(
    lambda t, n, v: -_unit(np.outer(np.cos(np.pi / 2 * np.arange(t)), np.cos(np.pi / 2 * np.arange(n)))
                           + v * np.outer(np.sin(np.pi / 2 * np.arange(t)), np.sin(np.pi / 2 * np.arange(n)))))


@direction.accepted("a wave under a bell")
def _(t, n, velocity):
    bell = np.outer(np.sin(np.pi * np.arange(1, t + 1) / (t + 1)), np.sin(np.pi * np.arange(1, n + 1) / (n + 1)))**2
    return _unit(bell * _wave(t, n, velocity))


QUESTIONS = [conv3d, closest, costs, layer, direction]
