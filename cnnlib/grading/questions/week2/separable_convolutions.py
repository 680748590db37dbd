"""Week 2: the questions of the notebook `separable_convolutions`."""

import numpy as np

from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import kernel, numbers, unequal


def _maps(rng, channels):
    return numbers(rng, (channels, *unequal(rng, 5, 9)))


def _kernels(rng, *before):
    return numbers(rng, (*before, *kernel(rng, 2, 4).shape))


def _conv(x, w, stride=1, groups=1):
    return F.conv2d(x[None], w, None, stride, 0, 1, groups)[0]


# ---- depthwise_conv2d ------------------------------------------------------------------------------------------------

def _depthwise_case(rng, turn):
    channels = int(rng.integers(2, 5))
    return _maps(rng, channels), _kernels(rng, channels), turn % 2 + 1


depthwise = Question(
    "depthwise_conv2d", title="Each channel by itself", points=2, practice=True,
    asks="Write `depthwise_conv2d(x, w, stride)`: each channel is correlated with a kernel of its own.",
    reference=lambda x, w, stride: _conv(x, w[:, None], stride, len(x)),
    cases=_depthwise_case,
    minutes=12, level=1,
    text=r"""
        $$y_{cij} = \sum_{u}\sum_{v} w_{cuv}\; x_{c,\; s i + u,\; s j + v}$$

        `x` is (C, H, W) and `w` is (C, k_h, k_w); channel c of the output reads channel c of the input and no other.
        Only windows that lie in the image; `stride` for rows and columns; no bias.
    """,
    hints={
        "There is a sum too many": "In a full layer the channels are added up. Here they are not: C channels come out.",
        "How do I multiply all channels at once?": "A window of all channels is (C, k_h, k_w), and so is `w`.",
    },
)


@depthwise.solution
def depthwise_conv2d(x, w, stride):
    """(C, H, W), (C, k_h, k_w)  →  (C, H_out, W_out)"""
    k_h, k_w = w.shape[1:]
    tops = range(0, x.shape[1] - k_h + 1, stride)
    lefts = range(0, x.shape[2] - k_w + 1, stride)
    y = np.empty((len(x), len(tops), len(lefts)))
    for i, j in np.ndindex(len(tops), len(lefts)):
        window = x[:, tops[i]:, lefts[j]:][:, :k_h, :k_w]
        y[:, i, j] = np.sum(w * window, axis=(1, 2))
    return y


@depthwise.mistake("the channels are added up", hint="That is a full layer with one filter. Here each channel stays by "
                                                     "itself.")
def _(x, w, stride):
    return depthwise.reference(x, w, stride).sum(0)


@depthwise.mistake("the sum of all channels in every channel", hint="Sum over the rows and columns of the window only.")
def _(x, w, stride):
    y = depthwise.reference(x, w, stride)
    return np.broadcast_to(y.sum(0), y.shape)


@depthwise.mistake("one kernel for all channels", hint="Channel c has the kernel w[c].")
def _(x, w, stride):
    return depthwise.reference(x, np.broadcast_to(w[:1], w.shape), stride)


@depthwise.mistake("one channel is read by all kernels", hint="Channel c of the output reads channel c of the input.")
def _(x, w, stride):
    return depthwise.reference(np.broadcast_to(x[:1], x.shape), w, stride)


@depthwise.mistake("the kernels are flipped", hint="Tap (0, 0) reads the first pixel of the window: correlation.")
def _(x, w, stride):
    return depthwise.reference(x, w[:, ::-1, ::-1], stride)


@depthwise.mistake("the kernels stand in the reverse order", hint="Channel c has the kernel w[c].")
def _(x, w, stride):
    return depthwise.reference(x, w[::-1], stride)


@depthwise.mistake("the stride is forgotten", hint="The window moves by `stride`.")
def _(x, w, stride):
    return depthwise.reference(x, w, 1)


@depthwise.mistake("the window moves by 1, in an output of the right size", hint="Output i begins at row stride · i.")
def _(x, w, stride):
    height, width = depthwise.reference(x, w, stride).shape[1:]
    return depthwise.reference(x, w, 1)[:, :height, :width]


@depthwise.mistake("the mean of the products", hint="The products are added up, not averaged.")
def _(x, w, stride):
    return depthwise.reference(x, w, stride) / w[0].size


@depthwise.mistake("the window does not move down", hint="Output (i, j) begins at row stride · i.")
def _(x, w, stride):
    y = depthwise.reference(x, w, stride)
    return np.broadcast_to(y[:, :1], y.shape)


@depthwise.mistake("the window does not move to the right", hint="Output (i, j) begins at column stride · j.")
def _(x, w, stride):
    y = depthwise.reference(x, w, stride)
    return np.broadcast_to(y[:, :, :1], y.shape)


@depthwise.mistake("window and kernel are added", hint="Multiply, then add up.")
def _(x, w, stride):
    return depthwise.reference(x, np.ones_like(w), stride) + w.sum((1, 2))[:, None, None]


@depthwise.mistake("the sum of the window", hint="Each pixel of the window is multiplied by its tap first.")
def _(x, w, stride):
    return depthwise.reference(x, np.ones_like(w), stride)


@depthwise.mistake("the sum of the kernel", hint="Where is the window read?")
def _(x, w, stride):
    y = depthwise.reference(x, w, stride)
    return np.broadcast_to(w.sum((1, 2))[:, None, None], y.shape)


@depthwise.mistake("only the rows have a stride", hint="The window moves by `stride` along rows and columns.")
def _(x, w, stride):
    return depthwise.reference(x, w, 1)[:, ::stride]


@depthwise.mistake("only the columns have a stride", hint="The window moves by `stride` along rows and columns.")
def _(x, w, stride):
    return depthwise.reference(x, w, 1)[:, :, ::stride]


@depthwise.mistake("every kernel reads all channels", hint="Channel c of the output reads channel c of the input only.")
def _(x, w, stride):
    return _conv(x, np.repeat(w[:, None], len(x), 1), stride)


@depthwise.mistake("only the last tap is left", hint="Each product takes the place of the one before: += and not =.")
def _(x, w, stride):
    last = np.zeros_like(w)
    last[:, -1, -1] = w[:, -1, -1]
    return depthwise.reference(x, last, stride)


@depthwise.mistake("there are zeros around the image", hint="Only windows that lie in the image: no padding.")
def _(x, w, stride):
    return depthwise.reference(np.pad(x, [(0, 0), (w.shape[1] // 2,) * 2, (w.shape[2] // 2,) * 2]), w, stride)


@depthwise.accepted("tap by tap")
def _(x, w, stride):
    _, k_h, k_w = w.shape
    y = 0
    for u, v in np.ndindex(k_h, k_w):
        part = x[:, u:x.shape[1] - k_h + u + 1:stride, v:x.shape[2] - k_w + v + 1:stride]
        y = y + w[:, u, v, None, None] * part
    return y


@depthwise.accepted("windows of NumPy and einsum")
def _(x, w, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[1:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijuv,cuv->cij", windows, w)


# ---- cost_ratio ------------------------------------------------------------------------------------------------------

cost = Question(
    "cost_ratio", title="How much cheaper?", points=1, kind="predict", practice=True,
    asks="Write `cost_ratio(c_in, c_out, k)`: the multiply-adds of a depthwise separable layer, divided by those of "
         "the full layer that it replaces.",
    reference=lambda c_in, c_out, k: 1 / c_out + 1 / k**2,
    cases=lambda rng: (*unequal(rng, 2, 70), int(rng.integers(2, 8))), tolerance=1e-9,
    minutes=8, level=1,
    text=r"""
        The full layer leads from `c_in` to `c_out` channels with kernels of k × k. The other one does so in two steps:
        a depthwise layer with one k × k kernel for each of the `c_in` channels, then a 1 × 1 layer from `c_in` to
        `c_out` channels. All outputs have equally many pixels. Return one number.
    """,
    hints={
        "Where do I begin?":
            "Count the multiply-adds for one pixel: of the full layer, of the depthwise step, of the 1 × 1 step.",
        "It is too small": "Are both steps in it?",
    },
)


@cost.solution
def cost_ratio(c_in, c_out, k):
    """→ a number below 1, if c_out and k are at least 2"""
    depthwise, pointwise = k * k, c_out              # for each input channel
    return (depthwise + pointwise) / (c_out * k * k)


cost.mistake("1/c_in + 1/k²", hint="The depthwise step has c_in kernels, not c_out, so that the input channels drop "
                                       "out of the ratio.")(
    lambda c_in, c_out, k: 1 / c_in + 1 / k**2)
cost.mistake("the 1 × 1 step is forgotten", hint="The channels are mixed in a second step, which costs c_in · c_out.")(
    lambda c_in, c_out, k: 1 / c_out)
cost.mistake("the depthwise step is forgotten", hint="Before the 1 × 1 layer each channel has a kernel of k × k.")(
    lambda c_in, c_out, k: 1 / k**2)
cost.mistake("upside down", hint="The separable layer stands above: a number below 1 where it is cheaper.")(
    lambda c_in, c_out, k: 1 / (1 / c_out + 1 / k**2))
cost.mistake("k for k²", hint="A kernel of k × k has k² taps.")(lambda c_in, c_out, k: 1 / c_out + 1 / k)
cost.mistake("the depthwise step is counted for each output channel",
             hint="The depthwise layer has c_in kernels in all: it does not know of the output channels yet.")(
    lambda c_in, c_out, k: 1 + 1 / k**2)
cost.mistake("the 1 × 1 step is counted with k²", hint="A 1 × 1 kernel has one tap.")(
    lambda c_in, c_out, k: 1 / c_out + 1)
cost.mistake("the steps are multiplied", hint="One step comes after the other: their costs are added.")(
    lambda c_in, c_out, k: c_in / 1.0)
cost.mistake("the difference of both steps", hint="Both steps cost: add them.")(
    lambda c_in, c_out, k: 1 / c_out - 1 / k**2)
cost.mistake("the multiply-adds themselves", hint="A ratio is asked for: divide by those of the full layer.")(
    lambda c_in, c_out, k: c_in * k**2 + c_in * c_out)
cost.mistake("only the depthwise step", hint="Divide by the cost of the full layer, and add the 1 × 1 step.")(
    lambda c_in, c_out, k: k * k / 1.0)
cost.mistake("the kernel's area is forgotten below", hint="The full layer has k² taps for each pair of channels.")(
    lambda c_in, c_out, k: (k * k + c_out) / c_out)
cost.mistake("the output channels are forgotten below", hint="The full layer has c_out filters.")(
    lambda c_in, c_out, k: (k * k + c_out) / k**2)
cost.mistake("k once below", hint="The full layer has k² taps for each pair of channels.")(
    lambda c_in, c_out, k: (k * k + c_out) / (c_out * k))
cost.mistake("k once above", hint="The depthwise kernel has k² taps.")(
    lambda c_in, c_out, k: (k + c_out) / (c_out * k**2))
cost.mistake("what is saved", hint="How much is left is asked for, not how much is saved.")(
    lambda c_in, c_out, k: 1 - 1 / c_out - 1 / k**2)
cost.mistake("1/(c_out·k²)", hint="One step comes after the other: their costs are added, not multiplied.")(
    lambda c_in, c_out, k: 1 / (c_out * k**2))
cost.mistake("1/(c_out + k²)", hint="Write both costs over the full layer's, and divide each by it: a sum of two "
                                    "fractions.")(
    lambda c_in, c_out, k: 1 / (c_out + k**2))
cost.mistake("the 1 × 1 step has one product for each output channel",
             hint="Each output of the 1 × 1 step is a sum over all c_in channels: c_in · c_out products for a pixel.")(
    lambda c_in, c_out, k: (c_in * k**2 + c_out) / (c_in * c_out * k**2))
cost.mistake("the 1 × 1 step leads from c_out to c_out channels", hint="The depthwise step keeps c_in channels, which "
                                                                       "the 1 × 1 step reads.")(
    lambda c_in, c_out, k: (c_in * k**2 + c_out**2) / (c_in * c_out * k**2))
cost.mistake("the biases are counted", hint="A bias is no product: leave it out of the multiply-adds.")(
    lambda c_in, c_out, k: (c_in * (k**2 + 1) + (c_in + 1) * c_out) / (c_out * (c_in * k**2 + 1)))


cost.accepted("the formula of the paper")(lambda c_in, c_out, k: 1 / c_out + 1 / k**2)
cost.accepted("from the counts of weights")(
    lambda c_in, c_out, k: (c_in * k**2 + c_in * c_out) / (c_out * c_in * k**2))


# ---- grouped_conv2d --------------------------------------------------------------------------------------------------

def _grouped_case(rng, turn):
    groups = [2, 3, 1, 2][turn % 4]
    c_in, c_out = unequal(rng, 1, 4)
    return _maps(rng, groups * c_in), _kernels(rng, groups * c_out, c_in), groups


grouped = Question(
    "grouped_conv2d", title="Layers side by side", points=3,
    asks="Write `grouped_conv2d(x, w, groups)`: a convolutional layer whose channels and filters are divided into "
         "groups.",
    reference=lambda x, w, groups: _conv(x, w, 1, groups),
    cases=_grouped_case,
    minutes=20, level=2,
    text=r"""
        `x` is (C_in, H, W); `groups` divides C_in and C_out. `w` is (C_out, C_in/groups, k_h, k_w). The input channels
        are divided into as many parts of neighbours, and the filters too: the filters of part g read the channels of
        part g, as a full layer does. The output channels stand in the order of the filters. Stride 1, no padding, no
        bias.
    """,
    hints={
        "Which channels does filter o read?":
            "It is in part ⌊o / (C_out/groups)⌋, whose channels begin at that number times C_in/groups.",
        "The shapes of window and filter differ":
            "A filter has C_in/groups planes. Cut these channels out of `x` first.",
    },
)


@grouped.solution
def grouped_conv2d(x, w, groups):
    """(C_in, H, W), (C_out, C_in/groups, k_h, k_w)  →  (C_out, H_out, W_out)"""
    c_out, planes, k_h, k_w = w.shape
    y = np.empty((c_out, x.shape[1] - k_h + 1, x.shape[2] - k_w + 1))
    for o in range(c_out):
        first = o // (c_out // groups) * planes
        read = x[first:first + planes]
        for i, j in np.ndindex(*y.shape[1:]):
            y[o, i, j] = np.sum(w[o] * read[:, i:i + k_h, j:j + k_w])
    return y


def _reads(which):
    """Filter o reads the channels which(o, c_in, c_out, groups) → list."""
    def answer(x, w, groups):
        c_in, c_out = len(x), len(w)
        return np.concatenate([_conv(x[which(o, c_in, c_out, groups)], w[o:o + 1]) for o in range(c_out)])
    return answer


grouped.mistake("the channels are dealt out in turn",
                hint="A part is made of neighbours: with 2 groups of 6 channels 0, 1, 2 and 3, 4, 5.")(
    _reads(lambda o, c_in, c_out, g: list(range(o // (c_out // g), c_in, g))))
grouped.mistake("the filters are dealt out in turn",
                hint="The first C_out/groups filters belong to the first part, not every groups-th.")(
    _reads(lambda o, c_in, c_out, g: list(range(o % g * (c_in // g), (o % g + 1) * (c_in // g)))))
grouped.mistake("all filters read the first part", hint="The filters of part g read the channels of part g.")(
    _reads(lambda o, c_in, c_out, g: list(range(c_in // g))))
grouped.mistake("the parts are read in the reverse order", hint="Part 0 of the filters reads part 0 of the channels.")(
    _reads(lambda o, c_in, c_out, g: list(range(c_in - (o // (c_out // g) + 1) * (c_in // g),
                                                c_in - o // (c_out // g) * (c_in // g)))))


@grouped.mistake("the kernels are flipped", hint="Tap (0, 0) reads the first pixel of the window: correlation.")
def _(x, w, groups):
    return _conv(x, w[:, :, ::-1, ::-1], 1, groups)


@grouped.mistake("the output channels are dealt out in turn",
                 hint="They stand in the order of the filters: all of the first part, then all of the second.")
def _(x, w, groups):
    y = _conv(x, w, 1, groups)
    return y.reshape(groups, -1, *y.shape[1:]).swapaxes(0, 1).reshape(y.shape)


@grouped.mistake("the parts are added up", hint="The outputs of the parts are joined, not added.")
def _(x, w, groups):
    y = _conv(x, w, 1, groups)
    return y.reshape(groups, -1, *y.shape[1:]).sum(0)


@grouped.mistake("only the first channel of each part is read", hint="A filter reads all channels of its part.")
def _(x, w, groups):
    first = np.zeros_like(w)
    first[:, 0] = w[:, 0]
    return _conv(x, first, 1, groups)


@grouped.mistake("the window does not move down", hint="Output (i, j) begins at row i.")
def _(x, w, groups):
    y = _conv(x, w, 1, groups)
    return np.broadcast_to(y[:, :1], y.shape)


@grouped.mistake("the window does not move to the right", hint="Output (i, j) begins at column j.")
def _(x, w, groups):
    y = _conv(x, w, 1, groups)
    return np.broadcast_to(y[:, :, :1], y.shape)


@grouped.mistake("the mean of the products", hint="The products are added up, not averaged.")
def _(x, w, groups):
    return _conv(x, w, 1, groups) / w[0].size


@grouped.mistake("all filters are added up", hint="Each filter has an output channel of its own.")
def _(x, w, groups):
    parts = w.reshape(groups, -1, *w.shape[1:]).sum(1, keepdims=True)
    return _conv(x, np.broadcast_to(parts, (groups, len(w) // groups, *w.shape[1:])).reshape(w.shape), 1, groups)


@grouped.mistake("all parts have the filters of the first", hint="The filters are divided too: part g has its own.")
def _(x, w, groups):
    return _conv(x, np.tile(w[:len(w) // groups], (groups, 1, 1, 1)), 1, groups)


@grouped.mistake("every filter reads all parts", hint="A filter reads the channels of its own part only.")
def _(x, w, groups):
    return _conv(x, np.tile(w, (1, groups, 1, 1)))


@grouped.accepted("part by part, then joined")
def _(x, w, groups):
    return np.concatenate([_conv(part, filters) for part, filters in
                           zip(np.split(x, groups), np.split(w, groups), strict=True)])


@grouped.accepted("one full layer whose other weights are zero")
def _(x, w, groups):
    wide = np.zeros((len(w), len(x), *w.shape[2:]))
    for o in range(len(w)):
        first = o // (len(w) // groups) * w.shape[1]
        wide[o, first:first + w.shape[1]] = w[o]
    return _conv(x.astype(np.float64), wide)


# ---- channel_shuffle -------------------------------------------------------------------------------------------------

def _shuffle_case(rng, turn):
    groups, each = [(2, 3), (3, 2), (2, 4), (4, 3), (3, 5)][turn % 5]
    return numbers(rng, (groups * each, *unequal(rng, 2, 4))), groups


shuffle = Question(
    "channel_shuffle", title="Deal the channels out anew", points=2,
    asks="Write `channel_shuffle(x, groups)`: the channels in an order in which every group gets some of each group "
         "before.",
    reference=lambda x, groups: x.reshape(groups, -1, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape),
    cases=_shuffle_case, tolerance=1e-9,
    minutes=10, level=2,
    text=r"""
        `x` is (C, H, W), and `groups` divides C. The channels stand group by group: the first C/groups of them are of
        group 0. In the output come first the first channel of every group, in the order of the groups; then the second
        channel of every group; and so on. For six channels a b c | d e f of two groups: a d | b e | c f.
    """,
    hints={
        "How do I reorder without a loop?":
            "Write the channels as a table, a row for each group. In which direction do you have to read it?",
        "It is right for some numbers of groups only":
            "Rows and columns of the table are exchanged. Which of them is `groups`?",
    },
)


@shuffle.solution
def channel_shuffle(x, groups):
    """(C, H, W)  →  (C, H, W)"""
    table = x.reshape(groups, len(x) // groups, *x.shape[1:])
    return table.transpose(1, 0, 2, 3).reshape(x.shape)


@shuffle.mistake("the shuffle is undone",
                 hint="The table has a row for each group: (groups, C/groups). You have it the other way round, which "
                      "puts shuffled channels back.")
def _(x, groups):
    return x.reshape(-1, groups, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)


@shuffle.mistake("nothing has moved", hint="reshape alone moves no number: transpose in between.")
def _(x, groups):
    return x


@shuffle.mistake("the order of the groups is reversed",
                 hint="The channels are dealt out; the groups do not change places.")
def _(x, groups):
    return x.reshape(groups, -1, *x.shape[1:])[::-1].reshape(x.shape)


@shuffle.mistake("all channels are reversed", hint="First the first channel of every group.")
def _(x, groups):
    return x[::-1]


@shuffle.mistake("rolled by a group", hint="Each new group holds channels of all old groups.")
def _(x, groups):
    return np.roll(x, len(x) // groups, axis=0)


@shuffle.mistake("rows and columns are exchanged too",
                 hint="Exchange the two axes of the table only: transpose(1, 0, 2, 3).")
def _(x, groups):
    return x.reshape(groups, -1, *x.shape[1:]).transpose(1, 0, 3, 2).reshape(x.shape)


@shuffle.mistake("the pixels are mixed as well",
                 hint="Transpose the table of channels, with rows and columns behind it.")
def _(x, groups):
    return x.reshape(groups, -1).T.reshape(x.shape)


@shuffle.mistake("the first channel of each group only", hint="After them come the second ones, and so on.")
def _(x, groups):
    return x[::len(x) // groups]


@shuffle.mistake("the last group is dealt out first", hint="In the order of the groups: group 0 first.")
def _(x, groups):
    return x.reshape(groups, -1, *x.shape[1:])[::-1].swapaxes(0, 1).reshape(x.shape)


@shuffle.mistake("each group is reversed", hint="First the first channel of every group, then the second ones.")
def _(x, groups):
    return x.reshape(groups, -1, *x.shape[1:])[:, ::-1].reshape(x.shape)


@shuffle.mistake("rolled by one channel", hint="Each new group holds channels of all old groups.")
def _(x, groups):
    return np.roll(x, 1, axis=0)


@shuffle.mistake("shuffled twice", hint="Once is enough: is it undone, or done again, before it is returned?")
def _(x, groups):
    return shuffle.reference(shuffle.reference(x, groups), groups)


@shuffle.accepted("slices with a step, joined")
def _(x, groups):
    each = len(x) // groups
    return np.concatenate([x[first::each] for first in range(each)])


@shuffle.accepted("the place of each channel is computed")
def _(x, groups):
    each = len(x) // groups
    return x[[c % groups * each + c // groups for c in range(len(x))]]


# ---- depthwise_multiplier --------------------------------------------------------------------------------------------

def _multiplier_case(rng, turn):
    """The multiplier is 1 in every fourth case, where the order does not matter."""
    channels, m = [(2, 3), (3, 2), (3, 1), (4, 2)][turn % 4]
    return _maps(rng, channels), _kernels(rng, channels * m)


multiplier = Question(
    "depthwise_multiplier", title="Several kernels for each channel", points=2, kind="mend",
    asks="Mend `depthwise_multiplier(x, w)`: a depthwise layer with m kernels for each channel, in PyTorch's order.",
    reference=lambda x, w: _conv(x, w[:, None], 1, len(x)),
    cases=_multiplier_case,
    minutes=10, level=2,
    text=r"""
        `x` is (C, H, W) and `w` is (m·C, k_h, k_w), with a whole number m. The layer is `Conv2d(C, m * C, k,
        groups=C)`: its groups have one input channel and m filters each. Output o is the correlation of kernel `w[o]`
        with one channel of the input, without padding. For m = 1 the function is right.
    """,
    hints={
        "Which channel does output o read?":
            "Write down the groups for C = 2 and m = 3: outputs 0, 1, 2 are one group. Which channel does it read?",
    },
)


@multiplier.solution
def depthwise_multiplier(x, w):
    """(C, H, W), (m·C, k_h, k_w)  →  (m·C, H_out, W_out)"""
    m, (k_h, k_w) = len(w) // len(x), w.shape[1:]
    y = np.empty((len(w), x.shape[1] - k_h + 1, x.shape[2] - k_w + 1))
    for o, i, j in np.ndindex(*y.shape):
        y[o, i, j] = np.sum(w[o] * x[o // m, i:i + k_h, j:j + k_w])
    return y


def _channel(which):
    return lambda x, w: np.concatenate([_conv(x[[which(o, len(x), len(w) // len(x))]], w[o:o + 1, None])
                                        for o in range(len(w))])


@multiplier.given("the channels are dealt out in turn",
                  hint="o mod C gives the outputs 0, 1, 2, … the channels 0, 1, 2, …. In a grouped layer the m outputs "
                       "of one channel stand side by side.")
def _(x, w):
    k_h, k_w = w.shape[1:]
    y = np.empty((len(w), x.shape[1] - k_h + 1, x.shape[2] - k_w + 1))
    for o, i, j in np.ndindex(*y.shape):
        y[o, i, j] = np.sum(w[o] * x[o % len(x), i:i + k_h, j:j + k_w])
    return y


multiplier.mistake("all outputs read the first channel", hint="Each group reads a channel of its own.")(
    _channel(lambda o, c, m: 0))
multiplier.mistake("the last channel is read first", hint="Group 0 reads channel 0.")(
    _channel(lambda o, c, m: c - 1 - o // m))
multiplier.mistake("the channels are counted by o mod m", hint="The number of the group is o // m.")(
    _channel(lambda o, c, m: o % m % c))
multiplier.mistake("the channels are counted by o // C", hint="There are m outputs in a group, not C.")(
    _channel(lambda o, c, m: o // c % c))


@multiplier.mistake("the channels are added up", hint="Each output reads one channel.")
def _(x, w):
    return _conv(x.sum(0, keepdims=True), w[:, None])


@multiplier.mistake("the kernels are flipped", hint="Tap (0, 0) reads the first pixel of the window: correlation.")
def _(x, w):
    return multiplier.reference(x, w[:, ::-1, ::-1])


@multiplier.mistake("the outputs are dealt out in turn", hint="The outputs of one channel stand side by side.")
def _(x, w):
    y = multiplier.reference(x, w)
    return y.reshape(len(x), -1, *y.shape[1:]).swapaxes(0, 1).reshape(y.shape)


@multiplier.mistake("the outputs of a channel are added up", hint="All m·C outputs are asked for.")
def _(x, w):
    y = multiplier.reference(x, w)
    return y.reshape(len(x), -1, *y.shape[1:]).sum(1)


@multiplier.mistake("all outputs of a channel have the same kernel",
                    hint="The channel is right. Output o has the kernel w[o], not w[o // m].")
def _(x, w):
    m = len(w) // len(x)
    return multiplier.reference(x, w[np.arange(len(w)) // m])


@multiplier.mistake("the kernels are dealt out in turn", hint="The channels are right. Output o has the kernel w[o].")
def _(x, w):
    return multiplier.reference(x, w.reshape(-1, len(x), *w.shape[1:]).swapaxes(0, 1).reshape(w.shape))


@multiplier.accepted("the input is repeated")
def _(x, w):
    wide = np.repeat(x, len(w) // len(x), axis=0)
    return np.concatenate([_conv(wide[o:o + 1], w[o:o + 1, None]) for o in range(len(w))])


@multiplier.accepted("channel by channel, kernel by kernel")
def _(x, w):
    m, y = len(w) // len(x), []
    for c in range(len(x)):
        for number in range(m):
            y.append(_conv(x[c:c + 1], w[None, None, m * c + number])[0])
    return y


QUESTIONS = [depthwise, cost, grouped, shuffle, multiplier]
