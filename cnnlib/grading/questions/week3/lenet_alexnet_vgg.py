"""Week 3: the questions of the notebook `lenet_alexnet_vgg`."""

import numpy as np

from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import numbers, unequal

# ---- count_vgg -------------------------------------------------------------------------------------------------------

def _kernels(out, read):
    return out * (9 * read + 1)


def _vgg(depths, widths, channels, height, width, hidden, classes, *, layer=_kernels, pools=None,
         half=lambda height, width: (height // 2, width // 2), inputs=lambda c, h, w: c * h * w, first=None,
         second=None, third=None):
    """Parameters of the convolutions and of the dense layers.

    layer(out, read): those of a convolution.  pools: how many poolings are counted, from the end.  half: what a pooling
    leaves.  inputs: of the first dense layer.  first, second, third: the parameters of the dense layers, of
    (inputs, hidden, classes).
    """
    convolutions, read = 0, channels
    for stage, (depth, out) in enumerate(zip(depths, widths, strict=True)):
        for _ in range(depth):
            convolutions += layer(out, read)
            read = out
        if pools is None or stage < len(depths) + pools:
            height, width = half(height, width)
    n = inputs(read, height, width)
    parts = [(n + 1) * hidden, (hidden + 1) * hidden, (hidden + 1) * classes]
    parts = [part if other is None else other(n, hidden, classes)
             for part, other in zip(parts, (first, second, third), strict=True)]
    return np.array([convolutions, sum(parts)])


def _vgg_cases(rng):
    """Two to four stages; an odd row or column is lost on the way, and the height is not the width. From 1 to 4 rows
    and columns are left, so that their number is no constant.
    """
    stages = int(rng.integers(2, 5))
    while True:
        sides = unequal(rng, 2 ** stages, 5 * 2 ** stages)
        if sides[0] >> stages != sides[1] >> stages and any(n % 2 ** stages for n in sides):
            break
    depths = tuple(int(n) for n in rng.permutation([1, 2, 3, 4])[:stages])
    widths = tuple(int(n) for n in rng.choice(np.arange(4, 30), stages, replace=False))
    return depths, widths, int(rng.integers(1, 4)), *sides, int(rng.integers(20, 60)), int(rng.integers(3, 12))


vgg = Question(
    "count_vgg", title="The parameters of a VGG", points=2, kind="predict", practice=True,
    asks="Write `count_vgg(depths, widths, channels, height, width, hidden, classes)`: how many parameters the "
         "convolutions of a VGG have, and how many its dense layers.",
    reference=_vgg, cases=_vgg_cases, tolerance=1e-9,
    minutes=15, level=1,
    text=r"""
        The image has `channels` channels of `height` × `width` pixels. Stage i has `depths[i]` convolutions of 3 × 3
        with padding 1, each with `widths[i]` filters, and ends with 2 × 2 max pooling with stride 2, which drops an odd
        last row or column. What is left is flattened (no average in between) and goes through three dense layers, of
        `hidden`, `hidden` and `classes` units. Every filter and every unit has a bias. Return the two integers.
    """,
    hints={
        "The first number is too small or too large":
            "Which convolutions of a stage read its own width, and which one reads that of the stage before?",
        "The second number is far too large":
            "How often has the image been halved when it is flattened?",
        "The second number is wrong for odd sizes only":
            "Pooling drops what does not fill a window: round down, at every pooling.",
    },
)


@vgg.solution
def count_vgg(depths, widths, channels, height, width, hidden, classes):
    """→ (parameters of the convolutions, parameters of the dense layers)"""
    convolutions = 0
    for depth, out in zip(depths, widths, strict=True):
        for _ in range(depth):
            convolutions += out * (9 * channels + 1)
            channels = out
        height, width = height // 2, width // 2
    dense = hidden * (channels * height * width + 1)
    dense += hidden * (hidden + 1) + classes * (hidden + 1)
    return convolutions, dense


def _miscount(name, hint, **how):
    vgg.mistake(name, hint=hint)(lambda *case: _vgg(*case, **how))


_BIAS = "Each filter and each unit has a bias of its own."
_TAPS = "A filter has 3 × 3 taps for each of the channels that it reads, and one bias."
_HALF = "A 2 × 2 window with stride 2 halves both sides; an odd last row or column is dropped."
_FLAT = "Flattening keeps all pixels of all maps: channels · height · width inputs."
_THREE = "Three dense layers: hidden, hidden and classes units, each unit with a weight for each input and a bias."
_miscount("the biases are forgotten", _BIAS, layer=lambda out, read: 9 * out * read, first=lambda n, h, k: n * h,
          second=lambda n, h, k: h * h, third=lambda n, h, k: h * k)
_miscount("the biases of the convolutions are forgotten", _BIAS, layer=lambda out, read: 9 * out * read)
_miscount("the biases of the convolutions are subtracted", _BIAS, layer=lambda out, read: out * (9 * read - 1))
_miscount("the convolutions have two biases for each filter", _BIAS, layer=lambda out, read: out * (9 * read + 2))
_miscount("the convolutions have a single bias", _BIAS, layer=lambda out, read: 9 * out * read + 1)
_miscount("the channels of the input are forgotten", _TAPS, layer=lambda out, read: 10 * out)
_miscount("the filters are forgotten", "Each of the filters has a kernel of its own.",
          layer=lambda out, read: 9 * read + 1)
_miscount("only the biases of the convolutions are counted", _TAPS, layer=lambda out, read: out)
_miscount("one tap for each channel", _TAPS, layer=lambda out, read: out * (read + 1))
_miscount("three taps for each channel", _TAPS, layer=lambda out, read: out * (3 * read + 1))
_miscount("eight taps for each channel", _TAPS, layer=lambda out, read: out * (8 * read + 1))
_miscount("ten taps for each channel", _TAPS, layer=lambda out, read: out * (10 * read + 1))
_miscount("taps and channels are added", _TAPS, layer=lambda out, read: out * (9 + read + 1))
_miscount("filters and weights are added", _TAPS, layer=lambda out, read: out + 9 * read + 1)
_miscount("the last pooling is not counted",
          "The maps are flattened behind the last pooling: a quarter of the inputs is left.", pools=-1)
_miscount("the image is never halved", "Each stage ends by halving height and width.", pools=-9)
_miscount("what does not fill a window is kept", _HALF, half=lambda h, w: (-(-h // 2), -(-w // 2)))
_miscount("sides that are not whole", _HALF, half=lambda h, w: (h / 2, w / 2))
_miscount("a height that is not whole", _HALF, half=lambda h, w: (h / 2, w // 2))
_miscount("a width that is not whole", _HALF, half=lambda h, w: (h // 2, w / 2))
_miscount("a third of the height is left, not a half", _HALF, half=lambda h, w: (h // 3, w // 2))
_miscount("a third of the width is left, not a half", _HALF, half=lambda h, w: (h // 2, w // 3))
_miscount("only the width is halved", _HALF, half=lambda h, w: (h, w // 2))
_miscount("only the height is halved", _HALF, half=lambda h, w: (h // 2, w))
_miscount("the first dense layer reads one number of each map", _FLAT, inputs=lambda c, h, w: c)
_miscount("the height is taken for the width", "The image is not square.", inputs=lambda c, h, w: c * h * h)
_miscount("the width is taken for the height", "The image is not square.", inputs=lambda c, h, w: c * w * w)
_miscount("the first dense layer reads one map", _FLAT, inputs=lambda c, h, w: h * w)
_miscount("the first dense layer reads one row of each map", _FLAT, inputs=lambda c, h, w: c * w)
_miscount("the first dense layer reads one column of each map", _FLAT, inputs=lambda c, h, w: c * h)
_miscount("sides are added, not multiplied", _FLAT, inputs=lambda c, h, w: c * h + w)
_miscount("channels are added, not multiplied", _FLAT, inputs=lambda c, h, w: (c + h) * w)
_miscount("the biases of the dense layers are forgotten", _BIAS, first=lambda n, h, k: n * h,
          second=lambda n, h, k: h * h, third=lambda n, h, k: h * k)
_miscount("the biases of one of the first two dense layers are forgotten", _BIAS, first=lambda n, h, k: n * h)
_miscount("the biases of the last dense layer are forgotten", _BIAS, third=lambda n, h, k: h * k)
_miscount("the biases of the last dense layer are those of the one before", _BIAS, third=lambda n, h, k: h * k + h)
_miscount("the first dense layer has one unit", _THREE, first=lambda n, h, k: n + 1)
_miscount("the first dense layer is left out", _THREE, first=lambda n, h, k: 0)
_miscount("the second dense layer is left out", _THREE, second=lambda n, h, k: 0)
_miscount("the second dense layer has one unit", _THREE, second=lambda n, h, k: h + 1)
_miscount("of the second dense layer only the biases are counted", _THREE, second=lambda n, h, k: h)
_miscount("the last dense layer is left out", _THREE, third=lambda n, h, k: 0)
_miscount("the last dense layer has one unit", _THREE, third=lambda n, h, k: h + 1)
_miscount("of the last dense layer only the biases are counted", _THREE, third=lambda n, h, k: k)
_miscount("only the first dense layer is counted", _THREE, second=lambda n, h, k: 0, third=lambda n, h, k: 0)
_miscount("only the last dense layer is counted", _THREE, first=lambda n, h, k: 0, second=lambda n, h, k: 0)


@vgg.mistake("one convolution for each stage", hint="Stage i has depths[i] convolutions.")
def _(depths, widths, channels, height, width, hidden, classes):
    return _vgg([1] * len(depths), widths, channels, height, width, hidden, classes)


@vgg.mistake("the convolutions of a stage all read what the first one reads",
             hint="Behind the first convolution of a stage the maps have the stage's own width.")
def _(depths, widths, channels, height, width, hidden, classes):
    reads = [channels, *widths[:-1]]
    convolutions = sum(n * c * (9 * read + 1) for n, c, read in zip(depths, widths, reads, strict=True))
    return convolutions, _vgg(depths, widths, channels, height, width, hidden, classes)[1]


@vgg.mistake("all convolutions of a stage read its own width",
             hint="The first convolution of a stage reads the maps of the stage before.")
def _(depths, widths, channels, height, width, hidden, classes):
    convolutions = sum(n * c * (9 * c + 1) for n, c in zip(depths, widths, strict=True))
    return convolutions, _vgg(depths, widths, channels, height, width, hidden, classes)[1]


@vgg.mistake("the second number is the total", hint="Return the two parts: convolutions, then dense layers.")
def _(*case):
    return np.cumsum(_vgg(*case))


@vgg.mistake("the two numbers are exchanged", hint="The convolutions come first.")
def _(*case):
    return _vgg(*case)[::-1]


@vgg.mistake("only the last convolution is counted", hint="Add up the parameters of all convolutions: += in the loop.")
def _(depths, widths, channels, height, width, hidden, classes):
    read = widths[-1] if depths[-1] > 1 else widths[-2]
    return widths[-1] * (9 * read + 1), _vgg(depths, widths, channels, height, width, hidden, classes)[1]


@vgg.accepted("a list of layers, and the sizes at once")
def _(depths, widths, channels, height, width, hidden, classes):
    outs = np.repeat(widths, depths)
    reads = np.append(channels, outs[:-1])
    p = 2 ** len(depths)
    dense = [(outs[-1] * (height // p) * (width // p), hidden), (hidden, hidden), (hidden, classes)]
    return [int(np.sum(9 * outs * reads + outs)), sum((a + 1) * b for a, b in dense)]


@vgg.accepted("stage by stage")
def _(depths, widths, channels, height, width, hidden, classes):
    total = 0
    for i in range(len(depths)):
        before = channels if i == 0 else widths[i - 1]
        total += 9 * before * widths[i] + 9 * (depths[i] - 1) * widths[i] ** 2 + depths[i] * widths[i]
        height, width = (height - height % 2) // 2, (width - width % 2) // 2
    first = widths[-1] * height * width * hidden + hidden
    return total, first + hidden ** 2 + hidden + hidden * classes + classes


# ---- merge_layers ----------------------------------------------------------------------------------------------------

def _merge_cases(rng):
    """As few channels as three, all counts different, kernels not square and of different sizes."""
    c, m, o = (int(n) for n in rng.permutation([1, 2, 3, 4])[:3])
    return numbers(rng, (m, c, *unequal(rng, 1, 5))), numbers(rng, (o, m, *unequal(rng, 2, 5)))


merge = Question(
    "merge_layers", title="Two layers in one", points=2, practice=True,
    asks="Write `merge_layers(first, second)`: the one kernel that does what two convolutional layers do, if nothing "
         "stands between them.",
    reference=lambda first, second: F.conv_transpose2d(second, first), cases=_merge_cases,
    minutes=20, level=2,
    text=r"""
        $$
        \begin{aligned}
        y_o &= \sum_m \text{second}_{om} \star \Bigl( \sum_c \text{first}_{mc} \star x_c \Bigr) \\
            &= \sum_c \text{merged}_{oc} \star x_c
        \end{aligned}
        $$

        for every $x$. Both layers are cross-correlations, as always in PyTorch, with stride 1, no padding and no bias.
        `first` is (M, C, h, w), `second` is (O, M, a, b); the result is (O, C, h + a − 1, w + b − 1).
    """,
    hints={
        "Where do I begin?":
            "Let the second layer have one tap only, of weight 1, at row u and column v. What does it do to the maps "
            "of the first one?",
        "The shape is right, and it fits for symmetric kernels only":
            "Tap (u, v) of the second layer reads its map u rows further down and v columns further right. Where do "
            "the taps of the first layer land? Nothing is flipped.",
        "It is right for one channel in the middle":
            "The middle channels are added up: each output channel reads all of them.",
    },
)


@merge.solution
def merge_layers(first, second):
    """(M, C, h, w), (O, M, a, b)  →  (O, C, h + a − 1, w + b − 1)"""
    (_, c, h, w), (o, _, a, b) = first.shape, second.shape
    merged = np.zeros((o, c, h + a - 1, w + b - 1))
    for u in range(a):
        for v in range(b):
            part = np.einsum("om,mcij->ocij", second[:, :, u, v], first)
            merged[:, :, u:u + h, v:v + w] += part
    return merged


def _merged(first, second):
    return F.conv_transpose2d(second, first)


@merge.mistake("the second kernel is flipped",
               hint="That is the second layer as a true convolution. Both layers lay their kernels as they stand.")
def _(first, second):
    return _merged(first, second[:, :, ::-1, ::-1])


@merge.mistake("the first kernel is flipped",
               hint="That is the first layer as a true convolution. Both layers lay their kernels as they stand.")
def _(first, second):
    return _merged(first[:, :, ::-1, ::-1], second)


@merge.mistake("both kernels are flipped", hint="Cross-correlations flip nothing: the result is turned by 180°.")
def _(first, second):
    return _merged(first, second)[:, :, ::-1, ::-1]


@merge.mistake("the second kernel is flipped upside down", hint="Row u of the second kernel reads u rows further down.")
def _(first, second):
    return _merged(first, second[:, :, ::-1])


@merge.mistake("the second kernel is flipped from left to right",
               hint="Column v of the second kernel reads v columns further right.")
def _(first, second):
    return _merged(first, second[:, :, :, ::-1])


@merge.mistake("only the first middle channel is used", hint="Each output channel reads all M middle channels: add up.")
def _(first, second):
    return _merged(first[:1], second[:, :1])


@merge.mistake("the mean over the middle channels", hint="A layer adds up the channels that it reads.")
def _(first, second):
    return _merged(first, second) / len(first)


@merge.mistake("all taps of the second kernel lie in one place",
               hint="Tap (u, v) moves the first kernel u rows down and v columns to the right.")
def _(first, second):
    out = np.zeros(_merged(first, second).shape)
    out[:, :, :first.shape[2], :first.shape[3]] = np.einsum("omuv,mcij->ocij", second, first)
    return out


@merge.mistake("each tap takes the place of what was there before",
               hint="Where the moved kernels overlap their weights are added: +=.")
def _(first, second):
    out = np.zeros(_merged(first, second).shape)
    for u, v in np.ndindex(second.shape[2:]):
        out[:, :, u:u + first.shape[2], v:v + first.shape[3]] = np.einsum("om,mcij->ocij", second[:, :, u, v], first)
    return out


@merge.mistake("the moved kernels are subtracted", hint="A layer adds up its products.")
def _(first, second):
    return -_merged(first, second)


@merge.mistake("only the rows are moved", hint="Tap (u, v) moves the first kernel v columns to the right, too.")
def _(first, second):
    rows = _merged(first, second.sum(3, keepdims=True))
    return np.pad(rows, [(0, 0)] * 3 + [(0, second.shape[3] - 1)])


@merge.mistake("only the columns are moved", hint="Tap (u, v) moves the first kernel u rows down, too.")
def _(first, second):
    columns = _merged(first, second.sum(2, keepdims=True))
    return np.pad(columns, [(0, 0)] * 2 + [(0, second.shape[2] - 1), (0, 0)])


@merge.mistake("one is added everywhere", hint="Start from zeros.")
def _(first, second):
    return _merged(first, second) + 1


@merge.mistake("channels of input and output are exchanged",
               hint="The kernel of output o and input c stands at [o, c].")
def _(first, second):
    return _merged(first, second).swapaxes(0, 1)


@merge.accepted("an impulse sent through both layers")
def _(first, second):
    c, (h, w), (a, b) = first.shape[1], first.shape[2:], second.shape[2:]
    rows, columns = h + a - 1, w + b - 1
    images = np.zeros((c, c, 2 * rows - 1, 2 * columns - 1), first.dtype)
    for i in range(c):
        images[i, i, rows - 1, columns - 1] = 1
    out = F.conv2d(F.conv2d(images, first), second)
    return out.swapaxes(0, 1)[:, :, ::-1, ::-1]


@merge.accepted("all loops")
def _(first, second):
    (_, c, h, w), (o, m, a, b) = first.shape, second.shape
    out = [[[[0.0] * (w + b - 1) for _ in range(h + a - 1)] for _ in range(c)] for _ in range(o)]
    for k, n, i, j, u, v, q in np.ndindex(o, c, h, w, a, b, m):
        out[k][n][i + u][j + v] += float(second[k, q, u, v]) * float(first[q, n, i, j])
    return out


# ---- sparse_conv2d ---------------------------------------------------------------------------------------------------

def _sparse_cases(rng):
    """Tables whose rows differ in length; each map sees one at least, and not all of the others."""
    c, o = unequal(rng, 3, 6)
    while True:
        table = rng.integers(0, 2, (o, c))
        counts = table.sum(1)
        if counts.min() >= 1 and counts.max() < c and np.ptp(counts) and not table[0, 0] and table.sum(0).min() >= 1:
            break
    k_h, k_w = unequal(rng, 1, 4)
    height, width = unequal(rng, 4, 8)
    seen = tuple(tuple(row) for row in table.tolist())
    return numbers(rng, (c, height, width)), numbers(rng, (int(table.sum()), k_h, k_w)), numbers(rng, o), seen


def _maps(seen):
    """For each output map the numbers of the input maps that it sees."""
    return [[c for c, sees in enumerate(row) if sees] for row in seen]


def _kernel(kernels, seen, c_in, place=lambda first, i, c: first + i):
    """The table as one kernel (C_out, C_in, k_h, k_w), which is 0 where a map is not seen."""
    full, first = np.zeros((len(seen), c_in, *kernels.shape[1:]), kernels.dtype), 0
    for o, maps in enumerate(_maps(seen)):
        for i, c in enumerate(maps):
            full[o, c] += kernels[place(first, i, c) % len(kernels)]
        first += len(maps)
    return full


def _sparse(x, kernels, bias, seen, **how):
    return F.conv2d(x[None], _kernel(kernels, seen, len(x), **how), bias)[0]


sparse = Question(
    "sparse_conv2d", title="The third layer of 1998", points=3,
    asks="Write `sparse_conv2d(x, kernels, bias, seen)`: a convolutional layer each of whose output maps sees only "
         "some of the input maps.",
    reference=_sparse, cases=_sparse_cases,
    minutes=20, level=2,
    text=r"""
        `x` is (C, H, W), `bias` has a number for each output map. `seen` is a table, a tuple of C_out tuples of C
        numbers: `seen[o][c]` is 1 if output map o sees input map c, and else 0. `kernels` (T, k_h, k_w) has one kernel
        for each of the T connections, row by row of the table: first those of output map 0, in the order of its input
        maps, then those of output map 1, and so on. As PyTorch's layers, this one is a cross-correlation, with stride 1
        and without padding. Return (C_out, H − k_h + 1, W − k_w + 1).
    """,
    hints={
        "The first output map is right, the others are not":
            "How many kernels do the output maps before this one have? Its own begin behind them.",
        "It is right only where all maps are seen":
            "Kernels are counted by connections: where the table has a 0, there is none.",
        "Each output map is off by a constant":
            "A map has one bias, however many maps it sees.",
    },
)


@sparse.solution
def sparse_conv2d(x, kernels, bias, seen):
    """(C, H, W), (T, k_h, k_w), (C_out,), table  →  (C_out, H', W')"""
    windows = np.lib.stride_tricks.sliding_window_view(
        x, kernels.shape[1:], axis=(1, 2))
    out, first = [], 0
    for o, row in enumerate(seen):
        maps = [c for c, sees in enumerate(row) if sees]
        own = kernels[first:first + len(maps)]
        out.append(np.einsum("chwij,cij->hw", windows[maps], own) + bias[o])
        first += len(maps)
    return np.array(out)


@sparse.mistake("the kernels are flipped", hint="This is convolution. PyTorch's layers lay the kernel as it stands.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels[:, ::-1, ::-1], bias, seen)


@sparse.mistake("every output map begins with kernel 0",
                hint="Each connection has a kernel of its own: those of an output map begin behind the kernels of all "
                     "output maps before it.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, bias, seen, place=lambda first, i, c: i)


@sparse.mistake("the kernels are taken by the number of the input map",
                hint="Kernels are counted through the table, connection by connection, not by input maps.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, bias, seen, place=lambda first, i, c: c)


@sparse.mistake("each output map sees the first input maps",
                hint="Which maps it sees stands in the table, not only how many.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, bias, [sorted(row)[::-1] for row in seen])


@sparse.mistake("the kernels are counted column by column",
                hint="The table is read row by row: first all kernels of output map 0.")
def _(x, kernels, bias, seen):
    order = {pair: n for n, pair in enumerate((o, c) for c in range(len(x)) for o in range(len(seen)) if seen[o][c])}
    full = np.zeros((len(seen), len(x), *kernels.shape[1:]), kernels.dtype)
    for (o, c), n in order.items():
        full[o, c] = kernels[n]
    return F.conv2d(x[None], full, bias)[0]


@sparse.mistake("an output map sees the maps where the table has a 0",
                hint="1 stands for a connection, 0 for none.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, bias, [[1 - sees for sees in row] for row in seen])


@sparse.mistake("the bias is left out", hint="The bias of the output map is added to each of its pixels.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, 0 * bias, seen)


@sparse.mistake("the bias is added for each connection", hint="An output map has one bias, however many maps it sees.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, bias * np.array([sum(row) for row in seen], bias.dtype), seen)


@sparse.mistake("the bias is subtracted", hint="The bias is added.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, -bias, seen)


@sparse.mistake("the bias multiplies", hint="The bias is added to what the kernels give.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, 0 * bias, seen) * bias[:, None, None]


@sparse.mistake("the mean of the connections, not their sum", hint="A layer adds up what it sees.")
def _(x, kernels, bias, seen):
    counts = np.array([sum(row) for row in seen])[:, None, None]
    return _sparse(x, kernels, 0 * bias, seen) / counts + bias[:, None, None]


@sparse.mistake("only the last connection is left", hint="Add up what the connections of an output map give: +=.")
def _(x, kernels, bias, seen):
    ends = np.cumsum([sum(row) for row in seen]) - 1
    last = [[c == maps[-1] for c in range(len(x))] for maps in _maps(seen)]
    return _sparse(x, kernels[ends], bias, last)


@sparse.mistake("the kernels move on by one for each output map",
                hint="An output map uses as many kernels as it sees maps: move on by so many.")
def _(x, kernels, bias, seen):
    full = np.zeros((len(seen), len(x), *kernels.shape[1:]), kernels.dtype)
    for o, maps in enumerate(_maps(seen)):
        for i, c in enumerate(maps):
            full[o, c] = kernels[o + i]
    return F.conv2d(x[None], full, bias)[0]


@sparse.mistake("the kernels are transposed", hint="Row u of a kernel lies on row i + u of the map.")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels.swapaxes(1, 2), bias, seen)


@sparse.mistake("an output map's kernels begin behind those of the one before it only",
                hint="Add up how many kernels all output maps before it have.")
def _(x, kernels, bias, seen):
    full = np.zeros((len(seen), len(x), *kernels.shape[1:]), kernels.dtype)
    for o, maps in enumerate(_maps(seen)):
        for i, c in enumerate(maps):
            full[o, c] = kernels[(sum(seen[o - 1]) if o else 0) + i]
    return F.conv2d(x[None], full, bias)[0]


def _taken(own, start=0):
    """The solution with other kernels for the map that sees `count` maps, where those before it have `first`."""
    def answer(x, kernels, bias, seen):
        windows = np.lib.stride_tricks.sliding_window_view(x, kernels.shape[1:], axis=(1, 2))
        out, first = [], start
        for o, maps in enumerate(_maps(seen)):
            out.append(np.einsum("chwij,cij->hw", windows[maps], own(kernels, first, len(maps))) + bias[o])
            first += len(maps)
        return out
    return answer


_ROWS = "Kernels first to first + len(maps) belong to an output map, where first counts those of all maps before it."
sparse.mistake("the kernels begin at 1", hint="The first connection has kernel 0.")(
    _taken(lambda kernels, first, count: kernels[first:first + count], 1))
sparse.mistake("the kernels end at the number of maps seen", hint=_ROWS)(
    _taken(lambda kernels, first, count: kernels[first:count]))


@sparse.mistake("nothing but a list of biases", hint="The products of window and kernel are missing.")
def _(x, kernels, bias, seen):
    return bias


@sparse.mistake("the maps before are counted downwards", hint="Each output map moves the first kernel on: +=.")
def _(x, kernels, bias, seen):
    out, first = [], 0
    for o, maps in enumerate(_maps(seen)):
        own = kernels[first:first + len(maps)]
        windows = np.lib.stride_tricks.sliding_window_view(x, kernels.shape[1:], axis=(1, 2))
        out.append(np.einsum("chwij,cij->hw", windows[maps], own) + bias[o])
        first -= len(maps)
    return out


@sparse.mistake("only the biases are left", hint="The products of window and kernel are missing.")
def _(x, kernels, bias, seen):
    return 0 * _sparse(x, kernels, bias, seen) + bias[:, None, None]


@sparse.accepted("zeros where a map is not seen")
def _(x, kernels, bias, seen):
    return _sparse(x, kernels, bias, seen)


@sparse.accepted("loops over outputs, connections and taps")
def _(x, kernels, bias, seen):
    k_h, k_w = kernels.shape[1:]
    h, w = x.shape[1] - k_h + 1, x.shape[2] - k_w + 1
    out, one = np.zeros((len(seen), h, w)), iter(kernels)
    for o, row in enumerate(seen):
        out[o] = bias[o]
        for c in np.flatnonzero(row):
            kernel = next(one)
            for u, v in np.ndindex(k_h, k_w):
                out[o] += kernel[u, v] * x[c, u:u + h, v:v + w]
    return out


# ---- vgg_loss --------------------------------------------------------------------------------------------------------

def _log_softmax(rows):
    rows = rows - rows.max(1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(1, keepdims=True))


def _loss_cases(rng):
    """Maps of either sign whose sides differ, at least one of them odd."""
    n, c, classes = (int(k) for k in rng.permutation([2, 3, 4]))
    while True:
        height, width = unequal(rng, 2, 8)
        if height % 2 or width % 2:
            break
    x = numbers(rng, (n, c, height, width))
    weight = numbers(rng, (classes, c * (height // 2) * (width // 2))) / 8
    return x, weight, numbers(rng, classes), tuple(int(k) for k in rng.integers(0, classes, n))


def _pooled(x, rectify=True, kind=np.max):
    n, c, h, w = x.shape
    h, w = h // 2, w // 2
    squares = x[:, :, :2 * h, :2 * w].reshape(n, c, h, 2, w, 2)
    pooled = kind(squares, axis=(3, 5))
    return np.maximum(pooled, 0) if rectify else pooled


def _rated(rows, weight, bias, target, log=_log_softmax, mean=np.mean):
    logs = log(rows.reshape(len(rows), -1)[:, :weight.shape[1]] @ weight.T + bias)
    return -mean(logs[np.arange(len(rows)), list(target)])


def _twice(rows):
    return _log_softmax(np.exp(_log_softmax(rows)))


def _loss(x, weight, bias, target):
    return _rated(_pooled(x), weight, bias, target)


loss = Question(
    "vgg_loss", title="A VGG for small pictures that hardly learns", points=2, kind="mend",
    asks="Mend `vgg_loss(x, weight, bias, target)`: the mean cross-entropy of a batch, from the last convolution of a "
         "VGG on.",
    reference=_loss, cases=_loss_cases,
    minutes=20, level=2,
    text=r"""
        `x` (N, C, H, W) is what the last convolution gives. Then come a ReLU, max pooling of 2 × 2 with stride 2, which
        drops an odd last row or column, and one dense layer: `weight` is (K, C·⌊H/2⌋·⌊W/2⌋), `bias` (K,). The maps are
        flattened in the order of PyTorch, channel by channel. `target` has the number of the right class of each image.
        The loss is the mean, over the images, of −log of the softmax's probability of the right class. Two things are
        wrong. The sizes had not fitted once, and somebody made them fit.
    """,
    hints={
        "Where to begin":
            "How many numbers has `rows` before it is cut, and how many does the dense layer expect? Which layer has "
            "been lost?",
        "The loss of a sure and right answer is not near 0":
            "Count how often something is exponentiated and divided by its sum.",
    },
)


@loss.given("the last pooling is left out, and the softmax stands there twice",
            hint="Two things. The maps have to be pooled before they are flattened, and not cut. And the "
                 "cross-entropy takes logits: it has a softmax of its own.")
def _(x, weight, bias, target):
    """(N, C, H, W), (K, features), (K,), N classes  →  a number"""
    def softmax(a):
        e = np.exp(a - a.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    rows = np.maximum(x, 0).reshape(len(x), -1)
    rows = rows[:, :weight.shape[1]]
    out = softmax(rows @ weight.T + bias)
    p = softmax(out)
    return -np.mean(np.log(p[np.arange(len(x)), list(target)]))


@loss.solution
def vgg_loss(x, weight, bias, target):
    """(N, C, H, W), (K, features), (K,), N classes  →  a number"""
    def softmax(a):
        e = np.exp(a - a.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    h, w = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = np.maximum(x[:, :, 0:h:2], x[:, :, 1:h:2])
    x = np.maximum(x[:, :, :, 0:w:2], x[:, :, :, 1:w:2])
    rows = np.maximum(x, 0).reshape(len(x), -1)
    p = softmax(rows @ weight.T + bias)
    return -np.mean(np.log(p[np.arange(len(x)), list(target)]))


def _wrong_loss(name, hint, pooled=_pooled, **how):
    loss.mistake(name, hint=hint)(
        lambda x, weight, bias, target: _rated(pooled(x), weight, bias, target, **how))


_wrong_loss("the softmax stands there twice",
            "The pooling is there. But the cross-entropy has a softmax of its own: give it the logits.", log=_twice)
_wrong_loss("the last pooling is left out",
            "One softmax is enough, and there is one. But the maps have to be pooled by 2 × 2 before they are "
            "flattened, not cut.", pooled=lambda x: np.maximum(x, 0))
_wrong_loss("the ReLU is left out", "Negative numbers become 0 before the dense layer.",
            pooled=lambda x: _pooled(x, rectify=False))
_wrong_loss("the mean of each square, not its maximum", "The pooling is by the maximum.",
            pooled=lambda x: _pooled(np.maximum(x, 0), kind=np.mean))
_wrong_loss("the first pixel of each square, not its maximum", "The pooling is by the maximum.",
            pooled=lambda x: _pooled(np.maximum(x, 0), kind=lambda squares, axis: squares[:, :, :, 0, :, 0]))
_wrong_loss("the minimum of each square", "The pooling is by the maximum.",
            pooled=lambda x: _pooled(x, kind=np.min))
_wrong_loss("flattened with the channels last", "In PyTorch's order the pixels of channel 0 come first: (N, C, H, W).",
            pooled=lambda x: _pooled(x).transpose(0, 2, 3, 1))
_wrong_loss("columns before rows", "In PyTorch's order the first row of a map comes first.",
            pooled=lambda x: _pooled(x).swapaxes(2, 3))
_wrong_loss("the sum over the images, not their mean", "Divide by the number of images.", mean=np.sum)
_wrong_loss("the probability, not its logarithm", "The loss is −log of the probability.",
            log=lambda rows: np.exp(_log_softmax(rows)))
_wrong_loss("the logits, without a softmax", "Softmax, then the logarithm, is what makes the loss.", log=lambda r: r)
_wrong_loss("negative numbers are kept, and positive ones are not", "A ReLU keeps what is above 0.",
            pooled=lambda x: np.minimum(_pooled(x, rectify=False), 0))
_wrong_loss("the ReLU bends at 1", "A ReLU is max(x, 0).", pooled=lambda x: np.maximum(_pooled(x, rectify=False), 1))
_wrong_loss("the ReLU bends at −1", "A ReLU is max(x, 0).", pooled=lambda x: np.maximum(_pooled(x, rectify=False), -1))
_wrong_loss("the softmax runs over the images", "The probabilities of the classes of one image add up to 1.",
            log=lambda rows: _log_softmax(rows.T).T)
_wrong_loss("the probabilities of the whole batch add up to 1",
            "The probabilities of the classes of one image add up to 1.",
            log=lambda rows: _log_softmax(rows.reshape(1, -1)).reshape(rows.shape))
_wrong_loss("divided by the mean, not by the sum", "A softmax divides by the sum of the exponentials.",
            log=lambda rows: _log_softmax(rows) + np.log(rows.shape[1]))
_wrong_loss("the exponentials are not divided by their sum", "A softmax divides by the sum of the exponentials.",
            log=lambda rows: rows - rows.max(1, keepdims=True))
_wrong_loss("rows are pooled, columns are not", "The windows are 2 × 2: both sides are halved.",
            pooled=lambda x: _halved(np.maximum(x, 0), 2))
_wrong_loss("columns are pooled, rows are not", "The windows are 2 × 2: both sides are halved.",
            pooled=lambda x: _halved(np.maximum(x, 0), 3))
_wrong_loss("of the rows the upper ones are kept, not the larger", "The pooling is by the maximum, in both directions.",
            pooled=lambda x: _halved(np.maximum(x[:, :, 0:x.shape[2] // 2 * 2:2], 0), 3))
_wrong_loss("of the rows the lower ones are kept, not the larger", "The pooling is by the maximum, in both directions.",
            pooled=lambda x: _halved(np.maximum(x[:, :, 1:x.shape[2] // 2 * 2:2], 0), 3))
_wrong_loss("of the columns the left ones are kept, not the larger",
            "The pooling is by the maximum, in both directions.",
            pooled=lambda x: _halved(np.maximum(x[:, :, :, 0:x.shape[3] // 2 * 2:2], 0), 2))
_wrong_loss("of the columns the right ones are kept, not the larger",
            "The pooling is by the maximum, in both directions.",
            pooled=lambda x: _halved(np.maximum(x[:, :, :, 1:x.shape[3] // 2 * 2:2], 0), 2))


def _halved(x, axis):
    """The larger of two neighbours along an axis."""
    n = x.shape[axis] // 2
    pairs = np.moveaxis(x, axis, 0)[:2 * n]
    return np.moveaxis(np.maximum(pairs[::2], pairs[1::2]), 0, axis)


loss.mistake("the bias of the classes is left out", hint="The bias of each class is added to its logit.")(
    lambda x, weight, bias, target: _loss(x, weight, 0 * bias, target))
loss.mistake("the sign is reversed", hint="A loss is −log of a probability, which is at least 0.")(
    lambda x, weight, bias, target: -_loss(x, weight, bias, target))
loss.mistake("the bias is subtracted", hint="The bias of each class is added to its logit.")(
    lambda x, weight, bias, target: _loss(x, weight, -bias, target))
loss.mistake("the right class is always the first", hint="`target` says which class is right, image by image.")(
    lambda x, weight, bias, target: _loss(x, weight, bias, [0] * len(x)))
loss.mistake("the loss of all classes", hint="Only the probability of the right class counts.")(
    lambda x, weight, bias, target: -_log_softmax(_pooled(x).reshape(len(x), -1) @ weight.T + bias).mean())


loss.mistake("image and class are exchanged",
             hint="Row n holds the probabilities of image n: index with the image first, then its class.")(
    lambda x, weight, bias, target: -np.mean(_log_softmax(
        _pooled(x).reshape(len(x), -1) @ weight.T + bias)[list(target), np.arange(len(x))]))
loss.mistake("the loss of each image, not their mean", hint="Return one number: the mean over the images.")(
    lambda x, weight, bias, target: [_loss(x[i:i + 1], weight, bias, target[i:i + 1]) for i in range(len(x))])


@loss.accepted("the logarithm of a sum of differences")
def _(x, weight, bias, target):
    rows = _pooled(np.maximum(x, 0)).reshape(len(x), -1).astype(np.float64)
    logits = rows @ weight.T.astype(np.float64) + bias
    right = logits[np.arange(len(x)), list(target)]
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - right))


@loss.accepted("image by image")
def _(x, weight, bias, target):
    total = 0.0
    for image, t in zip(x, target, strict=True):
        h, w = (n - n % 2 for n in image.shape[1:])
        image = np.maximum(image[:, :h, :w], 0)
        image = np.maximum(image[:, ::2], image[:, 1::2])
        image = np.maximum(image[:, :, ::2], image[:, :, 1::2])
        logits = [float(np.sum(row * image.ravel()) + b) for row, b in zip(weight, bias, strict=True)]
        top = max(logits)
        total += top + np.log(sum(np.exp(z - top) for z in logits)) - logits[t]
    return total / len(x)


# ---- softmax_twice ---------------------------------------------------------------------------------------------------

def _seen(p, classes):
    return np.log(np.exp(p) + (classes - 1) * np.exp((1 - p) / (classes - 1))) - p


def _twice_cases(rng, turn):
    """Two classes and many, sure answers and wrong ones."""
    classes = 2 if turn % 5 == 0 else int(rng.integers(3, 200))
    return float(rng.integers(1, 16)) / 16, classes


def _seen_floor(p, classes):
    return np.array([_seen(p, classes), _seen(1, classes)])


twice = Question(
    "softmax_twice", title="What a training with two softmaxes shows", points=2, kind="predict",
    asks="Write `softmax_twice(p, classes)`: the loss that is shown if a network's probabilities go into a "
         "cross-entropy that expects logits, and the least that it can be.",
    reference=_seen_floor, cases=_twice_cases, tolerance=1e-6,
    minutes=12, level=2,
    text=r"""
        Somebody ended the network with a softmax, and trains with PyTorch's `F.cross_entropy`, which takes the softmax
        of what it is given and returns −log of the right class. The network gives the right class the probability `p`,
        and shares the rest equally among the other `classes` − 1. Return two numbers: the loss shown for this image,
        and the smallest value that it could have for any `p` from 0 to 1. Logarithms are natural.
    """,
    hints={
        "Where do I begin?":
            "Write down what goes into the cross-entropy: one number p, and classes − 1 equal ones. Take the softmax.",
        "The second number should not be 0":
            "A cross-entropy comes near 0 only if one logit is far above the others. How far apart can two "
            "probabilities be?",
    },
)


@twice.solution
def softmax_twice(p, classes):
    """a probability, int  →  (loss shown, its least value)"""
    rest = (1 - p) / (classes - 1)
    shown = np.log(np.exp(p) + (classes - 1) * np.exp(rest)) - p
    return shown, np.log(np.e + classes - 1) - 1


def _told(shown, least=lambda c: _seen(1, c)):
    return lambda p, classes: (shown(p, classes), least(classes))


twice.mistake("one softmax only", hint="The probabilities are exponentiated once more, as if they were logits.")(
    _told(lambda p, c: -np.log(p), lambda c: 0.0))
twice.mistake("the loss has one softmax only", hint="F.cross_entropy exponentiates the probabilities, as if they were "
                                                   "logits.")(_told(lambda p, c: -np.log(p)))
twice.mistake("the least loss is taken to be 0",
              hint="Probabilities differ by 1 at most, so the second softmax never becomes sure.")(
    _told(_seen, lambda c: 0.0))
twice.mistake("the others have probability 0",
              hint="The rest 1 − p is shared by the other classes; e⁰ = 1 is for p = 1 only.")(
    _told(lambda p, c: np.log(np.exp(p) + c - 1) - p))
twice.mistake("the rest is not shared", hint="Each of the other classes has (1 − p)/(classes − 1).")(
    _told(lambda p, c: np.log(np.exp(p) + (c - 1) * np.exp(1 - p)) - p))
twice.mistake("the others are counted as one", hint="There are classes − 1 others in the sum below the fraction.")(
    _told(lambda p, c: np.log(np.exp(p) + np.exp((1 - p) / (c - 1))) - p, lambda c: np.log(np.e + 1) - 1))
twice.mistake("the others are counted as one in the loss",
              hint="There are classes − 1 others in the sum below the fraction.")(
    _told(lambda p, c: np.log(np.exp(p) + np.exp((1 - p) / (c - 1))) - p))
twice.mistake("classes others, not classes − 1", hint="The right class is one of the classes.")(
    _told(lambda p, c: np.log(np.exp(p) + c * np.exp((1 - p) / c)) - p, lambda c: np.log(np.e + c) - 1))
twice.mistake("the right class is left out of the sum", hint="The sum below the fraction runs over all classes.")(
    _told(lambda p, c: np.log((c - 1) * np.exp((1 - p) / (c - 1))) - p))
twice.mistake("the numerator is forgotten", hint="−log of e^p divided by the sum: log of the sum, minus p.")(
    _told(lambda p, c: _seen(p, c) + p))
twice.mistake("the numerator is forgotten in the least loss", hint="−log of e¹ divided by the sum: minus 1.")(
    _told(_seen, lambda c: _seen(1, c) + 1))
twice.mistake("both numerators are forgotten", hint="−log of e^p divided by the sum: log of the sum, minus p.")(
    _told(lambda p, c: _seen(p, c) + p, lambda c: _seen(1, c) + 1))
twice.mistake("the least loss is that of chance", hint="log(classes) is the loss of a guess. What if p is 1?")(
    _told(_seen, np.log))
twice.mistake("the sign is reversed", hint="A loss is −log of a probability, which is at least 0.")(
    lambda p, classes: -_seen_floor(p, classes))
twice.mistake("the two numbers are exchanged", hint="First the loss for this p, then the least one.")(
    lambda p, classes: _seen_floor(p, classes)[::-1])
twice.mistake("logarithms to base 2", hint="Logarithms are natural.")(
    lambda p, classes: _seen_floor(p, classes) / np.log(2))
twice.mistake("the numerator is added", hint="−log of a fraction: log of what is below, minus log of what is above.")(
    _told(lambda p, c: _seen(p, c) + 2 * p))
twice.mistake("the least loss has all classes among the others", hint="The right class is one of the classes.")(
    _told(_seen, lambda c: np.log(np.e + c) - 1))
twice.mistake("the least loss has one other class too few", hint="There are classes − 1 others.")(
    _told(_seen, lambda c: np.log(np.e + c - 2) - 1))
twice.mistake("the least loss forgets the right class", hint="The sum below the fraction runs over all classes.")(
    _told(_seen, lambda c: np.log(c - 1) - 1))


_REST = "The rest is 1 − p, and classes − 1 share it equally."
_SUM = "Below the fraction: e to the right one, and classes − 1 times e to the share of the others."


def _miscast(name, hint, rest=lambda p, c: (1 - p) / (c - 1),
             total=lambda p, c, rest: np.exp(p) + (c - 1) * np.exp(rest), shown=lambda p, total: np.log(total) - p,
             least=lambda c: _seen(1, c)):
    twice.mistake(name, hint=hint)(lambda p, c: (shown(p, total(p, c, rest(p, c))), least(c)))


_miscast("the share is multiplied, not divided", _REST, rest=lambda p, c: (1 - p) * (c - 1))
_miscast("each of the others has the share of a guess", _REST, rest=lambda p, c: 1 / (c - 1))
_miscast("the others share p", _REST, rest=lambda p, c: p / (c - 1))
_miscast("the others share 1 + p", _REST, rest=lambda p, c: (1 + p) / (c - 1))
_miscast("the others share 2 − p", _REST, rest=lambda p, c: (2 - p) / (c - 1))
_miscast("the share is negative", _REST, rest=lambda p, c: (p - 1) / (c - 1))
_miscast("the others share −p", _REST, rest=lambda p, c: -p / (c - 1))
_miscast("the rest is shared by all classes", _REST, rest=lambda p, c: (1 - p) / c)
_miscast("the rest is shared by one class more than there are", _REST, rest=lambda p, c: (1 - p) / (c + 1))
_miscast("the others are as many as the classes", _SUM, total=lambda p, c, rest: np.exp(p) + c * np.exp(rest))
_miscast("the others are one more than the classes", _SUM, total=lambda p, c, rest: np.exp(p) + (c + 1) * np.exp(rest))
_miscast("the others are classes − 2", _SUM, total=lambda p, c, rest: np.exp(p) + (c - 2) * np.exp(rest))
_miscast("the others are not exponentiated", _SUM, total=lambda p, c, rest: np.exp(p) + (c - 1) * rest)
_miscast("the right class is not exponentiated", _SUM, total=lambda p, c, rest: p + (c - 1) * np.exp(rest))
_miscast("the number of the others is added", _SUM, total=lambda p, c, rest: np.exp(p) + c - 1 + np.exp(rest))
_miscast("the logarithm is left out", "The loss is a logarithm.", shown=lambda p, total: total - p)
_miscast("the sign of the loss is reversed", "−log of a fraction: log of what is below, minus log of what is above.",
         shown=lambda p, total: p - np.log(total))
_miscast("the sign of the least loss is reversed", "A loss is at least 0.", least=lambda c: -_seen(1, c))
_miscast("the least loss has no logarithm", "The loss is a logarithm.", least=lambda c: np.e + c - 2)


@twice.accepted("all probabilities, and a softmax")
def _(p, classes):
    losses = []
    for right in (p, 1.0):
        given = np.full(classes, (1 - right) / (classes - 1))
        given[0] = right
        losses.append(-np.log(np.exp(given)[0] / np.exp(given).sum()))
    return losses


@twice.accepted("the difference of two logits")
def _(p, classes):
    def shown(q):
        return np.log1p((classes - 1) * np.exp((1 - q) / (classes - 1) - q))
    return np.array([shown(p), min(shown(q) for q in np.linspace(0, 1, 101))])


# ---- design_vgg ------------------------------------------------------------------------------------------------------

def _stages(height, width, layers, channels):
    """One layer at full size, the others at half of it, and the wide one at a quarter."""
    return np.array([(1, 8), (layers - 2, 8), (1, channels)])


def _follow(rows, height, width):
    """→ (height, width, receptive field, parameters, multiply-adds) of the stages on one channel."""
    field, jump, read, parameters, macs = 1, 1, 1, 0, 0
    for depth, out in rows.tolist():
        for _ in range(depth):
            parameters += out * (9 * read + 1)
            macs += height * width * out * 9 * read
            field, read = field + 2 * jump, out
        field, jump, height, width = field + jump, 2 * jump, height // 2, width // 2
    return height, width, field, parameters, macs


def _design_case(rng):
    """Budgets a twentieth above a good answer's: layers at full size break one, wide layers the other.

    The larger side is one that the good answer sees, in some cases just so.
    """
    layers, channels = int(rng.integers(6, 10)), int(rng.integers(24, 41))
    height, width = unequal(rng, 24, 4 * layers + 11)
    if rng.integers(3) == 0:
        height = 4 * layers + 10
        width = min(width, height - 1)
    *_, parameters, macs = _follow(_stages(height, width, layers, channels), height, width)
    return height, width, layers, channels, parameters * 21 // 20, macs * 21 // 20


def _design_properties(answer, height, width, layers, channels, parameters, macs):
    if answer.ndim != 2 or answer.shape[1] != 2 or not 1 <= len(answer) <= 8:
        raise ValueError("the answer must have a row of 2 numbers for each stage, and 1 to 8 stages; its shape is "
                         f"{answer.shape}")
    if not np.array_equal(answer, np.round(answer)) or answer.min() < 1 or answer.max() > 200:
        raise ValueError("the numbers must be whole, from 1 to 200")
    rows = answer.astype(np.int64)
    if min(height, width) >> len(rows) < 1:
        raise ValueError(f"{len(rows)} poolings leave nothing of {height} × {width}")
    _, _, field, learned, work = _follow(rows, height, width)
    return {"there are as many convolutions as asked, or more": float(rows[:, 0].sum() >= layers),
            "each has at least 8 channels": float(rows[:, 1].min() >= 8),
            "the last stage has as many channels as asked": float(rows[-1, 1] == channels),
            "an output sees the whole image, at least": float(field >= max(height, width)),
            "the parameters are within the budget": float(learned <= parameters),
            "the multiply-adds are within the budget": float(work <= macs)}


design = Question(
    "design_vgg", title="Deep, wide at the end, and cheap", points=3, kind="design",
    asks="Design `design_vgg(height, width, layers, channels, parameters, multiply_adds)`: the stages of a VGG that is "
         "deep and sees the whole image, within a budget of parameters and of multiply-adds.",
    reference=lambda height, width, layers, channels, parameters, macs: _stages(height, width, layers, channels),
    cases=_design_case, measure=_design_properties,
    minutes=25, level=3,
    text=r"""
        Return an array with a row `(depth, width)` for each stage, the first one first: `depth` convolutions of 3 × 3
        with padding 1, stride 1, a bias and `width` filters each, then 2 × 2 max pooling with stride 2, which drops an
        odd last row or column. The image has one channel and `height` × `width` pixels (24 to 46, different). Wanted:

        - at least `layers` convolutions in all (6 to 9), each with at least 8 filters, and `channels` (24 to 40) of
          them in the last stage;
        - a pixel behind the last pooling has a receptive field of at least the larger side of the image, and there is
          such a pixel;
        - at most `parameters` parameters and `multiply_adds` multiply-adds, without dense layers; biases
          are parameters, and no multiply-adds.

        Any such stages are right.
    """,
    hints={
        "Too many multiply-adds":
            "What does the same layer cost at full size, at half and at a quarter of both sides?",
        "Too many parameters":
            "A layer of 8 filters behind 8 has 584 of them, whatever its size. And one of `channels` behind "
            "`channels`?",
        "It sees too little":
            "A 3 × 3 layer adds 2 · jump to the field, a 2 × 2 pooling 1 · jump, and each pooling doubles the jump.",
    },
)


@design.solution
def design_vgg(height, width, layers, channels, parameters, multiply_adds):
    """→ (number of stages, 2): depth, width"""
    return np.array([(1, 8), (layers - 2, 8), (1, channels)])


def _designed(name, hint):
    def register(make):
        design.mistake(name, hint=hint)(
            lambda height, width, layers, channels, parameters, macs: make(layers, channels))
        return make
    return register


_designed("too few convolutions, the rest is right", "Count the convolutions of all stages, the wide one too.")(
    lambda n, c: [(1, 8), (n - 4, 8), (1, 8), (1, c)])
_designed("too few convolutions, and in some cases too little is seen",
          "Count the convolutions of all stages, the wide one too, and follow the field.")(
    lambda n, c: [(1, 8), (n - 3, 8), (1, c)])
_designed("too few convolutions, and too little is seen",
          "Count the convolutions of all stages, and follow the field.")(
    lambda n, c: [(1, 8), (1, 8), (1, c)])
_designed("all is right but the channels of the last stage", "The last stage must have `channels` filters.")(
    lambda n, c: [(1, 8), (n - 2, 8), (1, 8)])
_designed("too many multiply-adds, and in most cases it sees too little",
          "Each layer at full size costs four times as much as behind a pooling, and adds half as much to the field: "
          "pool early.")(
    lambda n, c: [(n - 2, 8), (1, 8), (1, c)])
_designed("too many multiply-adds, the rest is right",
          "Each layer at full size costs four times as much as behind a pooling: pool early.")(
    lambda n, c: [(4, 8), (1, 8), (n - 6, 8), (1, c)] if n > 6 else [(4, 8), (1, 8), (1, 8), (1, c)])
_designed("too many parameters, the rest is right",
          "A layer between wide maps has channels² · 9 weights: keep the maps narrow until the last layer.")(
    lambda n, c: [(1, 8), (1, 8), (n - 4, 8), (2, c)])
_designed("parameters and multiply-adds are too many",
          "Pool early, and keep the maps narrow until the last layer: where is a layer cheap in both?")(
    lambda n, c: [(1, 8), (n, 9), (2, c)])
_designed("parameters and multiply-adds are too many, and it sees too little",
          "Without poolings a layer adds 2 to the field and costs its full size: pool early and often.")(
    lambda n, c: [(n, c)])
_designed("the last stage is not as wide as asked, and parameters are too many",
          "The last stage must have `channels` filters, and a narrow one behind a wide one reads all of its maps.")(
    lambda n, c: [(1, 8), (1, c), (n - 2, 8)])
_designed("too narrow", "Every convolution must have at least 8 filters.")(
    lambda n, c: [(1, 7), (n - 2, 8), (1, c)])
_designed("too narrow, and the last stage is not as wide as asked",
          "At least 8 filters, and `channels` in the last stage. A row is (depth, width): first how many convolutions, "
          "then their filters.")(
    lambda n, c: [(1, 8), (n - 2, 8), (c, 1)])


@design.accepted("four stages")
def _(height, width, layers, channels, parameters, macs):
    return [[1, 8], [1, 8], [layers - 3, 8], [1, channels]]


@design.accepted("the first that a search finds")
def _(height, width, layers, channels, parameters, macs):
    for early in range(1, layers - 1):
        for narrow in (8, 9, 10):
            rows = np.array([(early, narrow), (1, narrow), (layers - early - 2, 8), (1, channels)])
            wanted = rows.min() >= 1 and all(_design_properties(
                rows, height, width, layers, channels, parameters, macs).values())
            if wanted:
                return rows
    return _stages(height, width, layers, channels)


QUESTIONS = [vgg, merge, sparse, loss, twice, design]
