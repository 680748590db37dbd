"""Week 4: the questions of the notebook `gradient_of_convolution`."""

import numpy as np

from ...question import Question
from ..cases import numbers

# ---- weight_gradient1d -----------------------------------------------------------------------------------------------


def _row_case(rng, turn):
    """Strides of 1, 2, 3 in turn; the windows leave samples behind them in every case but those of stride 1."""
    s = turn % 3 + 1
    k, n_out = (int(size) for size in rng.choice(np.arange(2, 6), 2, replace=False))
    left = int(rng.integers(1, s)) if s > 1 else 0
    return numbers(rng, s * (n_out - 1) + k + left), numbers(rng, n_out), k, s


def _weights(x, dy, k, s, place=lambda i, u, s: s * i + u):
    """dw[u] = Σ_i dy[i] · x[place]; a place outside of x counts as zero."""
    inside = [[(i, place(i, u, s)) for i in range(len(dy)) if 0 <= place(i, u, s) < len(x)] for u in range(k)]
    return np.array([sum(float(dy[i]) * float(x[a]) for i, a in pairs) for pairs in inside], np.float64)


weight = Question(
    "weight_gradient1d", title="What a tap did to the loss", points=1,
    asks="Write `weight_gradient1d(x, dy, k, s)`: the gradient of the k taps of a one-dimensional layer with stride "
         "`s`.",
    reference=lambda x, dy, k, s: _weights(x, dy, k, s),
    cases=_row_case,
    minutes=10, level=1, practice=True,
    text=r"""
        The layer is $y_i = b + \sum_u w_u\, x_{s i + u}$, without padding. `x` has n samples, and `dy` holds the
        gradient of each of its outputs, $\partial \mathcal L / \partial y_i$. Return the k numbers
        $\partial \mathcal L / \partial w_u$. The last samples of `x` may be in no window.
    """,
    hints={
        "Where do I begin?":
            "In which outputs does tap u take part, and what does it multiply there? Change w[u] by a little: by how "
            "much does y[i] change, and by how much the loss?",
        "It is right for stride 1 only":
            "Tap u reads x[u], x[s + u], x[2s + u], …: a slice with a step.",
        "NumPy says that it could not broadcast":
            "The slice must have as many numbers as `dy`. The samples behind the last window do not count.",
    },
)


@weight.solution
def weight_gradient1d(x, dy, k, s):
    """(n,), (n_out,), int, int  →  (k,)"""
    dw = np.zeros(k)
    for u in range(k):
        read = x[u:u + s * len(dy):s]          # what tap u multiplied
        dw[u] = np.sum(dy * read)
    return dw


@weight.mistake("the stride is ignored", hint="Output i reads from sample s·i on: tap u multiplies x[s·i + u].")
def _(x, dy, k, s):
    return _weights(x, dy, k, 1)


@weight.mistake("the stride is on the tap", hint="Outputs are s samples apart; taps are neighbours: s·i + u.")
def _(x, dy, k, s):
    return _weights(x, dy, k, s, lambda i, u, s: i + s * u)


@weight.mistake("the taps run backwards",
                hint="Nothing is flipped here: tap u multiplies x[s·i + u], with a plus. The flip belongs to the "
                     "gradient of the input.")
def _(x, dy, k, s):
    return _weights(x, dy, k, s)[::-1]


@weight.mistake("dy runs backwards", hint="dy[i] belongs to output i. Nothing is turned round: np.convolve does that.")
def _(x, dy, k, s):
    return _weights(x, dy[::-1], k, s)


@weight.mistake("it is a mean over the outputs",
                hint="One tap is used at every place, and each use adds its share: sum. A mean is the loss's business.")
def _(x, dy, k, s):
    return _weights(x, dy, k, s) / len(dy)


@weight.mistake("only the last output counts", hint="Every output has read tap u: add, in place of overwriting.")
def _(x, dy, k, s):
    return _weights(x, dy * (np.arange(len(dy)) == len(dy) - 1), k, s)


@weight.mistake("only the first output counts", hint="Every output has read tap u: sum over i.")
def _(x, dy, k, s):
    return _weights(x, dy * (np.arange(len(dy)) == 0), k, s)


@weight.mistake("dy is left out",
                hint="A change of w[u] changes y[i] by x[s·i + u], and y[i] changes the loss by dy[i].")
def _(x, dy, k, s):
    return _weights(x, np.ones_like(dy), k, s)


@weight.mistake("x is left out", hint="What tap u does to y[i] is to multiply x[s·i + u].")
def _(x, dy, k, s):
    return _weights(np.ones_like(x), dy, k, s)


@weight.mistake("each tap reads one sample too late", hint="u begins at 0: the first tap of output i reads x[s·i].")
def _(x, dy, k, s):
    return _weights(x, dy, k, s, lambda i, u, s: s * i + u + 1)


@weight.mistake("dy and x are added", hint="The chain rule multiplies: dy[i] · x[s·i + u].")
def _(x, dy, k, s):
    return _weights(x, np.ones_like(dy), k, s) + np.sum(dy, dtype=np.float64)


@weight.mistake("every output multiplies the same sample", hint="Output i is s samples further: x[s·i + u].")
def _(x, dy, k, s):
    return _weights(x, dy, k, s, lambda i, u, s: u)


@weight.mistake("all taps are the same", hint="Tap u reads from sample u on.")
def _(x, dy, k, s):
    return np.full(k, _weights(x, dy, k, s)[0])


@weight.accepted("dy with zeros between, and one correlation")
def _(x, dy, k, s):
    apart = np.zeros(s * (len(dy) - 1) + 1)
    apart[::s] = dy
    return np.correlate(x[:len(apart) + k - 1].astype(np.float64), apart, "valid")


@weight.accepted("two loops")
def _(x, dy, k, s):
    dw = [0.0] * k
    for i, share in enumerate(dy):
        for u in range(k):
            dw[u] += share * x[s * i + u]
    return dw


@weight.accepted("each output adds its window")
def _(x, dy, k, s):
    return sum(share * x[s * i:s * i + k] for i, share in enumerate(dy))


@weight.accepted("a matrix of windows, transposed")
def _(x, dy, k, s):
    return np.lib.stride_tricks.sliding_window_view(x, k)[::s].T @ dy


# ---- input_gradient --------------------------------------------------------------------------------------------------

def _image_case(rng, turn):
    """Padding up to 3, none in every fifth; strides 1, 2, 3; rows left over in most; the numbers of channels differ."""
    s, p = (2, 1, 3, 2)[turn % 4], (1, 0, 2, 1, 3)[turn % 5]
    out, into = (int(c) for c in rng.choice(np.arange(1, 4), 2, replace=False))
    k_h, k_w = (int(k) for k in rng.choice(np.arange(2, 5), 2, replace=False))
    while True:
        height, width = (int(size) for size in rng.choice(np.arange(5, 10), 2, replace=False))
        if s == 1 or (height + 2 * p - k_h) % s and (width + 2 * p - k_w) % s or turn % 7 == 0:
            break
    rows, columns = (height + 2 * p - k_h) // s + 1, (width + 2 * p - k_w) // s + 1
    return numbers(rng, (out, rows, columns)), numbers(rng, (out, into, k_h, k_w)), s, p, height, width


def _scatter(dy, w, s, p, height, width, place=lambda i, s: s * i, crop=None):
    """Every dy stamps the kernels of its channel onto a padded image, of which (height, width) are cut out."""
    w, dy = np.asarray(w, np.float64), np.asarray(dy, np.float64)
    k_h, k_w = w.shape[2:]
    dx = np.zeros((w.shape[1], max(height, s * dy.shape[1] + s) + 2 * p + 2 * k_h,
                   max(width, s * dy.shape[2] + s) + 2 * p + 2 * k_w))
    for i, j in np.ndindex(*dy.shape[1:]):
        a, c = place(i, s), place(j, s)
        dx[:, a:a + k_h, c:c + k_w] += np.einsum("o,ocuv->cuv", dy[:, i, j], w)
    top, left = (p, p) if crop is None else crop
    return dx[:, top:top + height, left:left + width]


inputs = Question(
    "input_gradient", title="What goes back to the pixels", points=3,
    asks="Write `input_gradient(dy, w, s, p, height, width)`: the gradient of the image that a layer with stride `s` "
         "and padding `p` has read.",
    reference=lambda dy, w, s, p, height, width: _scatter(dy, w, s, p, height, width),
    cases=_image_case,
    minutes=25, level=2, practice=True,
    text=r"""
        The layer is

        $$y_{oij} = \sum_{c,u,v} w_{ocuv}\; x_{c,\; s i + u - p,\; s j + v - p} .$$

        `dy` is (C_out, H_out, W_out), the gradient of the outputs, and `w` is (C_out, C_in, k_h, k_w). Return the
        gradient of the image, (C_in, height, width). The size is given, because it cannot be told from that of `dy`:
        the last rows or columns of the padded image may be in no window.
    """,
    hints={
        "Where do I begin?":
            "Begin with a padded image of zeros. Output (i, j) has read a window of it; send dy[:, i, j] back to the "
            "same window, with the same weights.",
        "How do the channels go?":
            "Pixel (a, c) of input channel c was read by all output channels: sum over o. `np.tensordot(dy[:, i, j], "
            "w, 1)` is (C_in, k_h, k_w).",
        "It is right without padding only":
            "What was sent to the padding is dropped: cut p rows and columns off in front, and keep `height` and "
            "`width` of the rest.",
        "The last rows are missing, or the arrays do not fit":
            "The padded image has height + 2p rows, whether a window reaches the last ones or not.",
    },
)


@inputs.solution
def input_gradient(dy, w, s, p, height, width):
    """(C_out, H_out, W_out), (C_out, C_in, k_h, k_w), ints  →  (C_in, H, W)"""
    channels, k_h, k_w = w.shape[1:]
    dx = np.zeros((channels, height + 2 * p, width + 2 * p))
    for i, j in np.ndindex(dy.shape[1:]):
        back = np.tensordot(dy[:, i, j], w, axes=1)      # (C_in, k_h, k_w)
        dx[:, s * i:s * i + k_h, s * j:s * j + k_w] += back
    return dx[:, p:p + height, p:p + width]


@inputs.mistake("the kernel is flipped",
                hint="Output (i, j) has read pixel (s·i + u − p, …) with the weight w[u, v], and sends back with the "
                     "same weight. Only who gathers, with a full convolution, flips.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w[:, :, ::-1, ::-1], s, p, height, width)


@inputs.mistake("the stride is ignored", hint="Output (i, j) has read from row s·i − p on, and sends back there.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width, place=lambda i, s: i)


@inputs.mistake("the stride is added, not multiplied", hint="Output i has read from row s·i − p on: a product.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width, place=lambda i, s: s + i)


@inputs.mistake("the padding is not cut off",
                hint="Row 0 of the padded image is padding: cut p rows and columns off in front.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width, crop=(0, 0))


@inputs.mistake("the padding is cut off the rows only", hint="There are p columns of padding as well.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width, crop=(p, 0))


@inputs.mistake("the padding is cut off the columns only", hint="There are p rows of padding as well.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width, crop=(0, p))


@inputs.mistake("the padding is cut off twice", hint="p rows and columns in front, no more.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width, crop=(2 * p, 2 * p))


@inputs.mistake("rows that are missing are filled with zeros",
                hint="Where the stride does not divide, rows at the end are in no window: but the padded image has "
                     "them, and what you cut off as padding behind was a pixel. Begin with height + 2p rows.")
def _(dy, w, s, p, height, width):
    dx = np.zeros((w.shape[1], height, width))
    rows, columns = (s * (out - 1) + k - 2 * p for out, k in zip(dy.shape[1:], w.shape[2:], strict=True))
    dx[:, :max(rows, 0), :max(columns, 0)] = _scatter(dy, w, s, p, max(rows, 0), max(columns, 0))
    return dx


@inputs.mistake("the first output channel only", hint="Every output channel has read the pixel: sum over all of them.")
def _(dy, w, s, p, height, width):
    return _scatter(dy[:1], w[:1], s, p, height, width)


@inputs.mistake("a mean over the output channels", hint="Each output channel adds its share: sum.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, height, width) / len(w)


@inputs.mistake("later windows overwrite earlier ones",
                hint="A pixel under several windows gets something from each: add.")
def _(dy, w, s, p, height, width):
    k_h, k_w = w.shape[2:]
    dx = np.zeros((w.shape[1], height + 2 * p, width + 2 * p))
    for i, j in np.ndindex(*dy.shape[1:]):
        dx[:, s * i:s * i + k_h, s * j:s * j + k_w] = np.tensordot(dy[:, i, j], w, 1)
    return dx[:, p:p + height, p:p + width]


@inputs.mistake("what goes back is subtracted", hint="Each window adds dy · w, with a plus.")
def _(dy, w, s, p, height, width):
    return -_scatter(dy, w, s, p, height, width)


@inputs.mistake("dy is left out", hint="What goes back from (i, j) is the weight times dy[:, i, j].")
def _(dy, w, s, p, height, width):
    return _scatter(np.ones_like(dy), w, s, p, height, width)


@inputs.mistake("each input channel gets the same", hint="Input channel c gets back through the kernels w[:, c].")
def _(dy, w, s, p, height, width):
    return np.repeat(_scatter(dy, w[:, :1], s, p, height, width), w.shape[1], 0)


def _places(rows, columns):
    """Outputs i, j send back to other rows or columns."""
    def wrong(dy, w, s, p, height, width):
        k_h, k_w = w.shape[2:]
        dx = np.zeros((w.shape[1], 99, 99))
        for i, j in np.ndindex(*dy.shape[1:]):
            dx[:, rows(i, s):, columns(j, s):][:, :k_h, :k_w] += np.tensordot(dy[:, i, j], w, 1)
        return dx[:, p:p + height, p:p + width]
    return wrong


for _axis, _other in (("rows", "columns"), ("columns", "rows")):
    for _name, _place in (("ignored", lambda i, s: i), ("added, not multiplied", lambda i, s: s + i)):
        _both = (_place, lambda i, s: s * i)
        inputs.mistake(f"the stride is {_name}, for the {_axis}", hint=f"It is s·i for rows and columns; your {_other} "
                       "are right.")(_places(*(_both if _axis == "rows" else _both[::-1])))


def _crops(name, hint, rows, columns):
    """Another cut out of the padded image."""
    @inputs.mistake(name, hint=hint)
    def _(dy, w, s, p, height, width):
        whole = _scatter(dy, w, s, p, height + 2 * p, width + 2 * p, crop=(0, 0))
        return whole[:, rows(p, height), columns(p, width)]


_CUT = {"right": lambda p, n: slice(p, p + n), "all": lambda p, n: slice(None), "front": lambda p, n: slice(p + n)}
_crops("the padding is still there", "The image is what lies inside of the padding: cut it off.",
       _CUT["all"], _CUT["all"])
_crops("the rows of padding in front are still there", "The first p rows belong to the padding: cut them off.",
       _CUT["front"], _CUT["right"])
_crops("the columns of padding in front are still there", "The first p columns belong to the padding: cut them off.",
       _CUT["right"], _CUT["front"])


@inputs.mistake("rows and columns of dy are exchanged", hint="dy is (C_out, H_out, W_out): i counts rows, j columns.")
def _(dy, w, s, p, height, width):
    dx = np.zeros((w.shape[1], height + 2 * p, width + 2 * p))
    for i, j in np.ndindex(*dy.shape[1:]):
        dx[:, s * i:s * i + w.shape[2], s * j:s * j + w.shape[3]] += np.tensordot(dy[:, j, i], w, 1)
    return dx[:, p:p + height, p:p + width]


@inputs.mistake("height and width are exchanged", hint="The image has `height` rows and `width` columns.")
def _(dy, w, s, p, height, width):
    return _scatter(dy, w, s, p, width, height)


@inputs.accepted("tap by tap")
def _(dy, w, s, p, height, width):
    out, channels, k_h, k_w = w.shape
    rows, columns = dy.shape[1:]
    dx = np.zeros((channels, height + 2 * p, width + 2 * p))
    for u, v in np.ndindex(k_h, k_w):
        dx[:, u:u + s * rows:s, v:v + s * columns:s] += np.einsum("oij,oc->cij", dy, w[:, :, u, v])
    return dx[:, p:p + height, p:p + width]


@inputs.accepted("gathered: zeros where the stride has left outputs out, and the kernel turned round")
def _(dy, w, s, p, height, width):
    k_h, k_w = w.shape[2:]
    apart = np.zeros((len(dy), height + 2 * p - k_h + 1, width + 2 * p - k_w + 1))
    apart[:, ::s, ::s] = dy
    apart = np.pad(apart, [(0, 0), (k_h - 1, k_h - 1), (k_w - 1, k_w - 1)])
    windows = np.lib.stride_tricks.sliding_window_view(apart, (k_h, k_w), axis=(1, 2))
    return np.einsum("oacuv,obuv->bac", windows, w[:, :, ::-1, ::-1])[:, p:p + height, p:p + width]


@inputs.accepted("from each pixel's view")
def _(dy, w, s, p, height, width):
    dx = np.zeros((w.shape[1], height, width))
    for a, c in np.ndindex(height, width):
        for i, j in np.ndindex(*dy.shape[1:]):
            u, v = a + p - s * i, c + p - s * j
            if 0 <= u < w.shape[2] and 0 <= v < w.shape[3]:
                dx[:, a, c] += dy[:, i, j] @ w[:, :, u, v]
    return dx


# ---- grouped_weight_gradient -----------------------------------------------------------------------------------------

def _grouped_case(rng, turn):
    """Two or three groups; stride and dilation differ in most; rows left over; one image in every fourth case."""
    groups = 2 + turn % 2
    s, d = [(2, 1), (1, 2), (3, 2), (2, 3), (1, 1)][turn % 5]
    out, into = (int(c) for c in rng.choice(np.arange(1, 4), 2, replace=False))
    k_h, k_w = (int(k) for k in rng.choice(np.arange(1, 4), 2, replace=False))
    images = 1 if turn % 4 == 3 else int(rng.integers(2, 4))
    rows, columns = (int(size) for size in rng.choice(np.arange(2, 5), 2, replace=False))
    height, width = ((size - 1) * s + d * (k - 1) + 1 + int(rng.integers(0, s))
                     for size, k in ((rows, k_h), (columns, k_w)))
    return (numbers(rng, (images, groups * out, rows, columns)),
            numbers(rng, (images, groups * into, height, width)), groups, k_h, k_w, s, d)


def _place(i, u, s, d):
    return s * i + d * u


def _grouped(dy, x, groups, k_h, k_w, s, d, *, rows=_place, columns=_place, split=None):
    """The gradient of a grouped layer's weight; where a tap reads, and how channels are split, may be another.

    A place beyond the image is none of it, and a negative one counts from its end, as in Python.
    """
    images, out, high, wide = dy.shape
    per, fan = out // groups, x.shape[1] // groups
    split = split or (lambda a, g: a.reshape(len(a), g, -1, *a.shape[2:]))
    dy, x = (split(np.asarray(a, np.float64), groups) for a in (dy, x))
    dw = np.zeros((groups, per, fan, k_h, k_w))
    for u, v in np.ndindex(k_h, k_w):
        a, c = rows(np.arange(high), u, s, d), columns(np.arange(wide), v, s, d)
        dw[..., u, v] = np.einsum("ngoij,ngcij->goc", dy, x[:, :, :, a[:, None], c])
    return dw.reshape(out, fan, k_h, k_w)


grouped = Question(
    "grouped_weight_gradient", title="The gradient of every kernel, with all options", points=3,
    asks="Write `grouped_weight_gradient(dy, x, groups, k_h, k_w, s, d)`: the gradient of the weight of a layer with "
         "groups, stride `s` and dilation `d`, for a batch.",
    reference=lambda dy, x, groups, k_h, k_w, s, d: _grouped(dy, x, groups, k_h, k_w, s, d),
    cases=_grouped_case,
    minutes=30, level=3,
    text=r"""
        `dy` is (N, C_out, H_out, W_out), the gradient of the outputs; `x` is (N, C_in, H, W), what the layer has read,
        without padding. The channels of both are cut into `groups` blocks of neighbours, and output channel o reads
        the block of its own only: for image n, in its block,

        $$y_{noij} = \sum_{c,u,v} w_{ocuv}\; x_{n,\,c,\; s i + d u,\; s j + d v} .$$

        Return (C_out, C_in / groups, k_h, k_w), the gradient of the loss, which has been summed over everything that
        it depends on: nothing more is to be averaged. The last rows or columns of `x` may be in no window.
    """,
    hints={
        "Where do I begin?":
            "Fix one tap (u, v). Which pixels has it multiplied, for all outputs at once? That is a slice of x with a "
            "step, as large as dy.",
        "How do I keep the groups apart?":
            "Reshape the channels into two axes, (groups, channels of a group). An einsum that has the letter of the "
            "group on both sides never mixes them.",
        "It is right without dilation only":
            "Tap u lies d·u rows below the first one, and outputs are s rows apart.",
        "The shapes do not fit by one or two rows":
            "The slice of x must have as many rows as dy, whatever is left over behind the last window.",
    },
)


@grouped.solution
def grouped_weight_gradient(dy, x, groups, k_h, k_w, s, d):
    """→ (C_out, C_in/groups, k_h, k_w)"""
    images, out, height, width = dy.shape
    dy = dy.reshape(images, groups, -1, height, width)
    x = x.reshape(images, groups, -1, *x.shape[2:])
    i, j = np.arange(height)[:, None], np.arange(width)
    taps = []
    for u, v in np.ndindex(k_h, k_w):
        read = x[..., s * i + d * u, s * j + d * v]     # as large as dy
        taps.append(np.einsum("ngoij,ngcij->goc", dy, read))
    return np.stack(taps, axis=-1).reshape(out, -1, k_h, k_w)


def _grouped_mistake(name, hint, **parts):
    grouped.mistake(name, hint=hint)(lambda *arguments: _grouped(*arguments, **parts))


for _name, _hint, _wrong in [
        ("stride and dilation are exchanged", "Outputs are s apart and taps d apart: s·i + d·u.",
         lambda i, u, s, d: d * i + s * u),
        ("the stride is ignored", "Outputs are s rows and columns apart.", lambda i, u, s, d: i + d * u),
        ("the dilation is ignored", "Taps are d rows and columns apart.", lambda i, u, s, d: s * i + u),
        ("stride and dilation are ignored", "Output i has read with tap u row s·i + d·u.",
         lambda i, u, s, d: i + u),
        ("the stride is added, not multiplied", "Output i begins at row s·i.", lambda i, u, s, d: s + i + d * u),
        ("the dilation is added, not multiplied", "Tap u lies d·u further.", lambda i, u, s, d: s * i + d + u),
        ("all taps read the same", "Tap u lies d·u further than the first.", lambda i, u, s, d: s * i),
        ("all taps lie d further", "Tap u lies d·u further than the first, not d.", lambda i, u, s, d: s * i + d),
        ("all outputs read the same", "Output i is s·i further than the first.",
         lambda i, u, s, d: d * u + 0 * i),
        ("all outputs lie s further", "Output i is s·i further than the first, not s.",
         lambda i, u, s, d: s + d * u + 0 * i),
        ("taps are counted backwards, beyond the begin",
         "Tap u lies d·u further, with a plus; in Python a negative place counts from the end.",
         lambda i, u, s, d: s * i - d * u),
        ("outputs are counted backwards, beyond the begin",
         "Output i is s·i further, with a plus; in Python a negative place counts from the end.",
         lambda i, u, s, d: d * u - s * i)]:
    _grouped_mistake(_name, _hint, rows=_wrong, columns=_wrong)
    _grouped_mistake(f"{_name}, for rows", f"{_hint} Your columns are right.", rows=_wrong)
    _grouped_mistake(f"{_name}, for columns", f"{_hint} Your rows are right.", columns=_wrong)
_grouped_mistake("the channels of a group are not neighbours",
                 "Groups are blocks of neighbouring channels: the group's axis comes first in the reshape.",
                 split=lambda a, g: a.reshape(len(a), -1, g, *a.shape[2:]).swapaxes(1, 2))


@grouped.mistake("rows and columns of the kernels are exchanged", hint="The result has k_h rows and k_w columns.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy, x, groups, k_h, k_w, s, d).reshape(dy.shape[1], -1, k_w, k_h)


@grouped.mistake("the taps come before the channels",
                 hint="The result is (C_out, C_in / groups, k_h, k_w): move the axes before you reshape.")
def _(dy, x, groups, k_h, k_w, s, d):
    dw = _grouped(dy, x, groups, k_h, k_w, s, d)
    taps = dw.reshape(groups, -1, *dw.shape[1:]).transpose(3, 4, 0, 1, 2)
    return taps.reshape(dw.shape)


@grouped.mistake("the mean over the batch",
                 hint="The loss has its mean already, if it is to have one. Each image adds its share: sum.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy, x, groups, k_h, k_w, s, d) / len(x)


@grouped.mistake("the mean over the places", hint="One tap is used at every place, and each use adds its share: sum.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy, x, groups, k_h, k_w, s, d) / (dy.shape[2] * dy.shape[3])


@grouped.mistake("only the first image counts", hint="All images of the batch have used the same kernel: sum over n.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy[:1], x[:1], groups, k_h, k_w, s, d)


@grouped.mistake("only the last image counts", hint="Every image adds its share: `+=`, not `=`.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy[-1:], x[-1:], groups, k_h, k_w, s, d)


@grouped.mistake("every image meets every other",
                 hint="Image n of dy belongs to image n of x: the letter of the image must be the same in both.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy.sum(0, keepdims=True), x.sum(0, keepdims=True), groups, k_h, k_w, s, d)


@grouped.mistake("the kernels are flipped",
                 hint="The gradient of the weight is a correlation: tap (u, v) has read s·i + d·u, with a plus.")
def _(dy, x, groups, k_h, k_w, s, d):
    return _grouped(dy, x, groups, k_h, k_w, s, d)[:, :, ::-1, ::-1]


@grouped.mistake("all groups read the first block", hint="Group g of the outputs reads block g of the inputs.")
def _(dy, x, groups, k_h, k_w, s, d):
    fan = x.shape[1] // groups
    return _grouped(dy, np.tile(x[:, :fan], (1, groups, 1, 1)), groups, k_h, k_w, s, d)


@grouped.mistake("every group reads the sum of all blocks",
                 hint="Group g reads block g only. Is the letter of the group the same in both arrays?")
def _(dy, x, groups, k_h, k_w, s, d):
    blocks = x.reshape(len(x), groups, -1, *x.shape[2:]).sum(1)
    return _grouped(dy, np.tile(blocks, (1, groups, 1, 1)), groups, k_h, k_w, s, d)


@grouped.accepted("dy with zeros between is the kernel of a correlation with holes")
def _(dy, x, groups, k_h, k_w, s, d):
    images, out, rows, columns = dy.shape
    fan = x.shape[1] // groups
    apart = np.zeros((images, out, s * (rows - 1) + 1, s * (columns - 1) + 1))
    apart[:, :, ::s, ::s] = dy
    windows = np.lib.stride_tricks.sliding_window_view(x, apart.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::d, ::d][:, :, :k_h, :k_w]
    return np.stack([np.einsum("ncuvab,nab->cuv", windows[:, o // (out // groups) * fan:][:, :fan], apart[:, o])
                     for o in range(out)])


@grouped.accepted("loops, one product at a time")
def _(dy, x, groups, k_h, k_w, s, d):
    images, out, rows, columns = dy.shape
    fan, per = x.shape[1] // groups, out // groups
    dw = np.zeros((out, fan, k_h, k_w))
    for n, o, i, j in np.ndindex(images, out, rows, columns):
        block = x[n, o // per * fan:(o // per + 1) * fan]
        dw[o] += dy[n, o, i, j] * block[:, s * i:s * i + d * k_h:d, s * j:s * j + d * k_w:d][:, :k_h, :k_w]
    return dw


@grouped.accepted("a matrix of windows for each group")
def _(dy, x, groups, k_h, k_w, s, d):
    images, out, rows, columns = dy.shape
    parts = []
    for dys, xs in zip(np.split(dy, groups, 1), np.split(x, groups, 1), strict=True):
        taps = [xs[:, :, d * u:d * u + s * rows:s, d * v:d * v + s * columns:s] for u in range(k_h) for v in range(k_w)]
        windows = np.stack(taps, 2).transpose(0, 3, 4, 1, 2).reshape(images * rows * columns, -1)
        parts.append(dys.transpose(1, 0, 2, 3).reshape(dys.shape[1], -1) @ windows)
    return np.concatenate(parts).reshape(out, -1, k_h, k_w)


# ---- silent_samples --------------------------------------------------------------------------------------------------

def _silent(n, k, s, p, d, outputs=None, place=lambda i, u, s, p, d: s * i + d * u - p):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1 if outputs is None else outputs
    reached = {place(i, u, s, p, d) for i in range(outputs) for u in range(k)}
    return n - len(reached & set(range(n)))


def _silent_case(rng, turn):
    """Strides beyond the kernel, holes of a dilation that the stride does not fill, and rows left over, in turn."""
    while True:
        k, n = int(rng.integers(1, 6)), int(rng.integers(15, 61))
        p = int(rng.integers(2, 8) if turn % 3 == 1 else rng.integers(0, 5))
        s, d = [(int(rng.integers(4, 9)), 1), (int(rng.choice([2, 4, 6])), int(rng.choice([2, 4]))),
                (int(rng.integers(3, 8)), int(rng.integers(2, 5)))][turn % 3]
        if d * (k - 1) + 1 <= n and p <= d * (k - 1) and _silent(n, k, s, p, d):
            return n, k, s, p, d


silent = Question(
    "silent_samples", title="Pixels that hear nothing", points=2, kind="predict",
    asks="Write `silent_samples(n, k, s, p, d)`: of a row of n samples, how many get no gradient from a layer, "
         "whatever its weights and whatever the gradient of its outputs?",
    reference=_silent, cases=_silent_case,
    minutes=15, level=2,
    text="""
        The layer works along one axis. It has `k` taps, stride `s`, `p` zeros of padding on each side and dilation `d`,
        all integers, and at least one output. Count the samples of the row itself; padding is none of them. A stride
        may be larger than the kernel, and taps of a dilated kernel have holes between them. Return a whole number.
    """,
    hints={
        "Where do I begin?":
            "A sample gets a gradient if some output has read it. Which samples does output i read?",
        "It is right for kernels without dilation only":
            "Tap u of output i reads sample s·i + d·u − p. Two ways may lead to one sample: a `set` keeps it once.",
        "It is right without padding only":
            "Some places that are read lie before the row, or behind it. These are no samples.",
    },
)


@silent.solution
def silent_samples(n, k, s, p, d):
    """five ints  →  a whole number"""
    starts = range(-p, n + p - d * (k - 1), s)           # of the windows
    read = {start + d * u for start in starts for u in range(k)}
    return n - len(read & set(range(n)))


@silent.mistake("only the samples behind the last window are counted",
                hint="Samples between two windows, and those in the holes of a dilated kernel, get nothing either.")
def _(n, k, s, p, d):
    left = (n + 2 * p - d * (k - 1) - 1) % s
    return max(0, left - p)


@silent.mistake("the remainder of the stride, whatever the padding",
                hint="What is left over is first of all padding. And there are gaps before the last window as well.")
def _(n, k, s, p, d):
    return (n + 2 * p - d * (k - 1) - 1) % s


@silent.mistake("the dilation has no effect", hint="The taps lie d samples apart, and cover d(k − 1) + 1.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, 1)


@silent.mistake("the windows have no holes",
                hint="Between the taps of a dilated kernel there are d − 1 samples that this output does not read.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return _silent(n, d * (k - 1) + 1, s, p, 1, outputs)


@silent.mistake("there is no padding", hint="The first window begins p samples before the row.")
def _(n, k, s, p, d):
    return _silent(n, k, s, 0, d)


@silent.mistake("the padding is on one side only", hint="p zeros in front and p behind: n + 2p in all.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, (n + p - d * (k - 1) - 1) // s + 1)


@silent.mistake("the padding counts as samples that are read",
                hint="Places before and behind the row are no samples of it.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return n - len({s * i + d * u for i in range(outputs) for u in range(k)})


@silent.mistake("the first window begins at sample 0", hint="It begins p samples before the row: s·i + d·u − p.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, place=lambda i, u, s, p, d: s * i + d * u)


@silent.mistake("windows begin behind the padding, p samples into the row", hint="The padding is in front: minus p.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, place=lambda i, u, s, p, d: s * i + d * u + p)


@silent.mistake("there is one output too few", hint="From the first place ⌊…/s⌋ steps are possible: one output more.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, (n + 2 * p - d * (k - 1) - 1) // s)


@silent.mistake("there is one output too many", hint="The window must fit into the padded row: count for a small case.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, (n + 2 * p - d * (k - 1) - 1) // s + 2)


@silent.mistake("the extent of the kernel is d·k", hint="From the first tap to the last it is d(k − 1) + 1.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, (n + 2 * p - d * k) // s + 1)


@silent.mistake("each use is counted, also of one sample twice",
                hint="A sample that is read by two outputs is one sample. A `set` keeps it once.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return n - sum(0 <= s * i + d * u - p < n for i in range(outputs) for u in range(k))


@silent.mistake("those that do get a gradient", hint="Those that get none were asked for: n minus that.")
def _(n, k, s, p, d):
    return n - _silent(n, k, s, p, d)


@silent.mistake("stride and dilation are exchanged", hint="Outputs are s apart and taps d apart.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return _silent(n, k, s, p, d, outputs, lambda i, u, s, p, d: d * i + s * u - p)


@silent.mistake("the kernel has one tap", hint="An output reads k samples, d apart.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return _silent(n, 1, s, p, d, outputs)


@silent.mistake("only the first window is counted", hint="Windows begin every s samples.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, 1)


@silent.mistake("all samples", hint="Those that some output has read get a gradient: subtract them.")
def _(n, k, s, p, d):
    return n


@silent.mistake("windows may hang over the padding at the end",
                hint="The last window ends inside of the n + 2p places: its last tap lies d(k − 1) after its begin.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, (n + 2 * p - 1) // s + 1)


@silent.mistake("one sample at the end is left out of the windows", hint="The last window may end at the last place.")
def _(n, k, s, p, d):
    return _silent(n, k, s, p, d, (n + 2 * p - d * (k - 1) - 2) // s + 1)


@silent.mistake("the dilation is added, not multiplied", hint="Tap u lies d·u further than the first.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return _silent(n, k, s, p, d, outputs, lambda i, u, s, p, d: s * i + d + u - p)


@silent.mistake("the windows are without holes, and their number is right",
                hint="Tap u lies d·u further than the first, not u.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return _silent(n, k, s, p, d, outputs, lambda i, u, s, p, d: s * i + u - p)


@silent.mistake("the stride is left out", hint="Outputs are s samples apart.")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return _silent(n, k, s, p, d, outputs, lambda i, u, s, p, d: i + d * u - p)


@silent.accepted("from each sample's view")
def _(n, k, s, p, d):
    outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
    taps = [[a + p - d * u for u in range(k)] for a in range(n)]
    return sum(all(place % s or not 0 <= place // s < outputs for place in row) for row in taps)


@silent.accepted("marked in an array of the padded row")
def _(n, k, s, p, d):
    heard = np.zeros(n + 2 * p, int)
    for start in range(0, n + 2 * p - d * (k - 1), s):
        heard[start:start + d * (k - 1) + 1:d] = 1
    return int(np.sum(heard[p:p + n] == 0))


@silent.accepted("ones sent back")
def _(n, k, s, p, d):
    kernel = np.zeros(d * (k - 1) + 1)
    kernel[::d] = 1
    apart = np.zeros(n + 2 * p - len(kernel) + 1)
    apart[::s] = 1
    return np.sum(np.convolve(apart, kernel)[p:p + n] < 0.5)


# ---- input_gradient1d ------------------------------------------------------------------------------------------------

def _gather(dy, w, s, p, d, n):
    full = np.zeros(n + 2 * p)
    for i, share in enumerate(dy):
        full[s * i:s * i + d * (len(w) - 1) + 1:d] += share * w
    return full[p:p + n]


def _gather_case(rng, turn):
    """The stride divides in every fourth case, there is no padding in every fifth; else as many samples are left over
    as can be, or one: fewer than the padding, so that they are no zeros, or more. Stride and dilation differ.
    """
    while True:
        k, p, n = int(rng.integers(2, 5)), int(rng.integers(1, 4)), int(rng.integers(9, 16))
        s, d = [(3, 2), (2, 1), (4, 1), (2, 3), (3, 1)][turn % 5]
        p = 0 if turn % 5 == 4 else p
        left = (n + 2 * p - d * (k - 1) - 1) % s
        wanted = 0 if turn % 4 == 0 else s - 1 if turn % 2 else 1
        if n + 2 * p - d * (k - 1) - 1 >= 2 * s and p <= d * (k - 1) and left == wanted:
            break
    return numbers(rng, (n + 2 * p - d * (k - 1) - 1) // s + 1), numbers(rng, k), s, p, d, n


mend = Question(
    "input_gradient1d", title="A gradient that is right wherever the stride divides", points=2, kind="mend",
    asks="Mend `input_gradient1d(dy, w, s, p, d, n)`: the gradient of the n samples that a layer with stride `s`, "
         "padding `p` and dilation `d` has read, as one convolution.",
    reference=lambda dy, w, s, p, d, n: _gather(dy, w, s, p, d, n),
    cases=_gather_case,
    minutes=20, level=2,
    text=r"""
        The layer is $y_i = \sum_u w_u\, x_{s i + d u - p}$, with zeros where there is no sample. This backward pass
        puts zeros between the numbers of `dy` and between the taps, convolves, and cuts the padding off.

        It passes a test with an average as kernel and a stride that divides. It has two faults, one in a line above
        the convolution and one below. Return the n numbers.
    """,
    hints={
        "Is the kernel to be flipped or not?":
            "`np.convolve` turns its second argument round by itself: (x ∗ w)_a is the sum of x_{a−u} w_u. Which of "
            "the two do you need?",
        "All is right but the last samples":
            "What is cut off behind as padding: is it padding? Count for n = 9, k = 3, s = 3, p = 1: where does the "
            "last window end in the padded row?",
    },
)


@mend.given("the kernel is flipped, and missing samples are zeros",
            hint="Two faults: `np.convolve` flips by itself; and where the last window ends before the padded row "
                 "does, the last p numbers are not all padding.")
def _(dy, w, s, p, d, n):
    apart = np.zeros(s * (len(dy) - 1) + 1)
    apart[::s] = dy
    kernel = np.zeros(d * (len(w) - 1) + 1)
    kernel[::d] = w[::-1]
    full = np.convolve(apart, kernel)
    dx = full[p:len(full) - p]
    return np.pad(dx, (0, n - len(dx)))


@mend.solution
def input_gradient1d(dy, w, s, p, d, n):
    """(n_out,), (k,), four ints  →  (n,)"""
    apart = np.zeros(s * (len(dy) - 1) + 1)
    apart[::s] = dy
    kernel = np.zeros(d * (len(w) - 1) + 1)
    kernel[::d] = w                              # np.convolve flips it
    padded = np.zeros(n + 2 * p)
    full = np.convolve(apart, kernel)
    padded[:len(full)] = full                    # the rest is in no window
    return padded[p:p + n]


def _cut(dy, w, s, p, d, n):
    """The padding cut off behind where the last window ends; then zeros."""
    end = s * (len(dy) - 1) + d * (len(w) - 1) + 1 - 2 * p
    dx = _gather(dy, w, s, p, d, n)
    return np.where(np.arange(n) < end, dx, 0)


@mend.mistake("missing samples are zeros",
              hint="The flip is mended. Where windows leave a rest of the padded row, the last p numbers of `full` are "
                   "not all padding: some belong to samples, and those that you fill with zeros are these.")
def _(dy, w, s, p, d, n):
    return _cut(dy, w, s, p, d, n)


@mend.mistake("the kernel is flipped",
              hint="The end is mended. `np.convolve` turns its second argument round by itself; with w[::-1] it is a "
                   "correlation.")
def _(dy, w, s, p, d, n):
    return _gather(dy, w[::-1], s, p, d, n)


@mend.mistake("the missing samples are filled with zeros in front",
              hint="It is the last samples that no window may have reached, not the first.")
def _(dy, w, s, p, d, n):
    end = min(max(s * (len(dy) - 1) + d * (len(w) - 1) + 1 - 2 * p, 0), n)
    return np.pad(_gather(dy, w, s, p, d, n)[:end], (n - end, 0))


@mend.mistake("stride and dilation are exchanged",
              hint="The numbers of dy move s apart, the taps d apart.")
def _(dy, w, s, p, d, n):
    full = np.zeros(n + 2 * p + d * len(dy) + s * len(w))
    for i, share in enumerate(dy):
        full[d * i:d * i + s * (len(w) - 1) + 1:s] += share * w
    return full[p:p + n]


@mend.mistake("the padding is not cut off in front", hint="The first p numbers of the padded row are padding.")
def _(dy, w, s, p, d, n):
    return _gather(dy, w, s, 0, d, n + 2 * p)[:n]


@mend.mistake("the padding is cut off in front twice", hint="Cut p numbers off in front and keep n of them.")
def _(dy, w, s, p, d, n):
    return _gather(dy, w, s, 2 * p, d, n)[:n]


@mend.mistake("there are no zeros between the numbers of dy",
              hint="Outputs are s samples apart; the outputs between them do not exist and send back nothing.")
def _(dy, w, s, p, d, n):
    return _gather(dy, w, 1, p, d, n)


@mend.mistake("there are no zeros between the taps", hint="The taps lie d samples apart.")
def _(dy, w, s, p, d, n):
    return _gather(dy, w, s, p, 1, n)


@mend.mistake("there is one zero too many between the numbers of dy",
              hint="From one number to the next it is s places.")
def _(dy, w, s, p, d, n):
    full = np.zeros(n + 2 * p + 2 * (s + 1) * len(dy) + d * len(w))
    for i, share in enumerate(dy):
        full[(s + 1) * i:(s + 1) * i + d * (len(w) - 1) + 1:d] += share * w
    return full[p:p + n]


@mend.mistake("between the numbers stand ones", hint="An output that does not exist sends back nothing: zero.")
def _(dy, w, s, p, d, n):
    apart = np.ones(s * (len(dy) - 1) + 1)
    apart[::s] = dy
    return _gather(apart, w, 1, p, d, n)


@mend.mistake("behind the last window stand ones", hint="What no window has read gets no gradient: zeros.")
def _(dy, w, s, p, d, n):
    end = s * (len(dy) - 1) + d * (len(w) - 1) + 1
    return np.where(np.arange(n) + p < end, _gather(dy, w, s, p, d, n), 1)


@mend.mistake("in the holes of the kernel stand ones", hint="A dilated kernel reads nothing between its taps: zeros.")
def _(dy, w, s, p, d, n):
    kernel = np.ones(d * (len(w) - 1) + 1)
    kernel[::d] = w
    return _gather(dy, kernel, s, p, 1, n)


@mend.accepted("each number stamps the kernel")
def _(dy, w, s, p, d, n):
    return _gather(dy, w, s, p, d, n)


@mend.accepted("dy put where its outputs stood among all places of stride 1")
def _(dy, w, s, p, d, n):
    kernel = np.zeros(d * (len(w) - 1) + 1)
    kernel[::d] = w
    apart = np.zeros(n + 2 * p - len(kernel) + 1)
    apart[::s] = dy
    return np.convolve(apart, kernel)[p:p + n]


@mend.accepted("the transposed matrix")
def _(dy, w, s, p, d, n):
    matrix = np.zeros((len(dy), n + 2 * p))
    for i in range(len(dy)):
        matrix[i, s * i:s * i + d * (len(w) - 1) + 1:d] = w
    return (matrix.T @ dy)[p:p + n]


# ---- equal_reading ---------------------------------------------------------------------------------------------------

LARGEST = 200                # of a kernel and of a padding


def _reading(answer, n, s, times):
    """By how many outputs a sample is read, at least and at most; and how many outputs read nothing but padding."""
    answer = np.asarray(answer, np.float64)
    if answer.shape != (2,) or (answer != np.round(answer)).any():
        raise ValueError("two whole numbers were asked for, k and p")
    k, p = (int(number) for number in answer)
    if not (1 <= k <= LARGEST and 0 <= p <= LARGEST):
        raise ValueError(f"k must be from 1 to {LARGEST} and p from 0 to {LARGEST}, got {k} and {p}")
    if k > n + 2 * p:
        raise ValueError(f"a kernel of {k} taps does not fit into {n} samples and 2·{p} zeros")
    place = s * np.arange((n + 2 * p - k) // s + 1)[:, None] + np.arange(k) - p
    inside = (0 <= place) & (place < n)
    reads = np.bincount(place[inside], minlength=n)
    return {"outputs that read the sample which is read least": float(reads.min()),
            "outputs that read the sample which is read most": float(reads.max()),
            "outputs that read nothing but padding": float((~inside.any(1)).sum())}


def _reading_case(rng, turn):
    s = (2, 3, 4, 5)[turn % 4]
    return int(rng.integers(3, 30)), s, (2, 3, 4)[turn % 3]


design = Question(
    "equal_reading", title="A layer that treats all samples alike", points=2, kind="design",
    asks="Choose a layer whose backward pass gives to every sample of a row the same number of summands: write "
         "`equal_reading(n, s, times)`, its kernel size and its padding.",
    reference=lambda n, s, times: np.array([s * times, s * times - 1]),
    cases=_reading_case,
    measure=_reading,
    minutes=20, level=2,
    text=f"""
        The gradient of a sample is a sum with one summand for each output that has read it. With stride `s` some
        samples are read more often than others, in a pattern that repeats itself, and those at the ends are read less.
        Return `(k, p)`, whole numbers, k ≥ 1 and p ≥ 0, none above {LARGEST}, such that in a row of `n` samples

        - each sample is read by exactly `times` outputs, those at the ends too;
        - no output reads nothing but padding.

        There is no dilation, and p zeros stand on each side. `n` need not be a multiple of anything; s and times are
        at least 2. There is more than one right answer, and each of them passes.
    """,
    hints={
        "Inside of the row some samples are read more often":
            "Write down, for s = 2 and k = 3, which outputs read samples 4, 5, 6, 7. Then for k = 4.",
        "The ends are read too rarely":
            "Sample 0 must be read by as many windows as one in the middle, so by windows that begin before the row.",
        "It is right for some n only":
            "The last window need not end where the padding ends. How much padding is enough, whatever is left over?",
    },
)


@design.solution
def equal_reading(n, s, times):
    """three ints  →  (k, p)"""
    k = s * times
    return k, k - 1


for _name, _hint, _choice in [
        ("there is no padding", "The samples at the ends are read by fewer windows: some have to begin before the row.",
         lambda n, s, times: (s * times, 0)),
        ("half a kernel of padding", "Sample 0 must be read by the last tap of a window too.",
         lambda n, s, times: (s * times, s * times // 2)),
        ("half a kernel less one of padding", "Sample 0 must be read by the last tap of a window too.",
         lambda n, s, times: (s * times, (s * times - 1) // 2)),
        ("the padding is one window too wide", "Now the first output reads nothing but padding.",
         lambda n, s, times: (s * times, s * times)),
        ("the padding is more than one window too wide", "Now the first outputs read nothing but padding.",
         lambda n, s, times: (s * times, s * times + 1)),
        ("the padding is right for some lengths only",
         "k − s zeros are enough in front. Behind, the last window may end before the padding does.",
         lambda n, s, times: (s * times, s * (times - 1))),
        ("the padding is one too small for some lengths",
         "Behind the row the last window may end before the padding does: up to s − 1 zeros are in no window.",
         lambda n, s, times: (s * times, s * times - 2)),
        ("as many taps as times", "With stride s only every s-th place begins a window: count for s = 2.",
         lambda n, s, times: (times, times - 1)),
        ("as many taps as the stride", "Then each sample is read once.", lambda n, s, times: (s, s - 1)),
        ("the sum of stride and times", "Each of the times windows is s further than the one before: a product.",
         lambda n, s, times: (s + times, s + times - 1)),
        ("too many taps", "Count for s = 2 and k = 3: the samples are read 1, 2, 1, 2, … times.",
         lambda n, s, times: (s * times + 1, s * times)),
        ("too few taps", "Count for s = 2 and k = 3: the samples are read 1, 2, 1, 2, … times.",
         lambda n, s, times: (s * times - 1, s * times - 2)),
        ("one tap", "Then at most every s-th sample is read.", lambda n, s, times: (1, 0)),
        ("kernel size and padding are exchanged", "The kernel size comes first.",
         lambda n, s, times: (s * times - 1, s * times)),
        ("one zero of padding, whatever the kernel", "Sample 0 must be read by the last tap of a window too.",
         lambda n, s, times: (s * times, 1))]:
    design.mistake(_name, hint=_hint)(_choice)


@design.accepted("as little padding as possible, by trying")
def _(n, s, times):
    k = s * times
    for p in range(k):
        starts = range(-p, n + p - k + 1, s)
        if n + 2 * p >= k and all(sum(a - k < b <= a for b in starts) == times for a in range(n)):
            return k, p
    return None


@design.accepted("as little padding as possible, by a remainder")
def _(n, s, times):
    more = next(q for q in range(s) if (n + 2 * q) % s <= q)
    return [s * times, s * (times - 1) + more]


QUESTIONS = [weight, inputs, grouped, silent, mend, design]
