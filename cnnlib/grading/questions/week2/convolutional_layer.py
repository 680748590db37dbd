"""Week 2: the questions of the notebook `convolutional_layer`."""

import numpy as np

from cnnlib import geometry
from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import numbers, unequal


def _fitting(rng, sizes, kernels, strides=4, paddings=4, dilations=4):
    """size, kernel size, stride, padding, dilation of a layer whose window fits."""
    while True:
        size, k = int(rng.integers(*sizes)), int(rng.integers(*kernels))
        s, p, d = (int(rng.integers(low, high)) for low, high in [(1, strides), (0, paddings), (1, dilations)])
        if d * (k - 1) + 1 <= size + 2 * p:
            return size, k, s, p, d


# ---- conv_output_size ------------------------------------------------------------------------------------------------

size_ = Question(
    "conv_output_size", title="Count the places", points=1, kind="predict", practice=True,
    asks="Write `conv_output_size(size, kernel_size, stride, padding, dilation)`: along one axis, how many outputs a "
         "convolution gives.",
    reference=geometry.conv_output_size,
    cases=lambda rng: _fitting(rng, (5, 30), (1, 7)), tolerance=1e-9,
    minutes=8, level=1,
    text=r"""
        `padding` zeros stand on each side. Neighbouring taps of the kernel read inputs that are `dilation` apart, and
        the window moves by `stride` from one output to the next. It must lie in the padded input entirely; all cases
        leave room for one. All arguments are integers, and so is the answer.
    """,
    hints={
        "Where do I begin?":
            "With how many inputs the window covers, from its first tap to its last. Then: how many places are left to "
            "which it can move on?",
        "It is right without dilation only":
            "k taps have k − 1 gaps between them. How long is the window when each gap is d?",
        "It is one too small":
            "The window stands at its first place without any step. Count that place too.",
    },
)


@size_.solution
def conv_output_size(size, kernel_size, stride, padding, dilation):
    """→ the number of outputs along this axis, an int"""
    window = dilation * (kernel_size - 1) + 1
    return (size + 2 * padding - window) // stride + 1


@size_.mistake("the window is dilation · kernel_size long",
               hint="Three taps at distance 2 lie on places 0, 2, 4: five inputs, not six. Count the gaps.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * kernel_size) // stride + 1


@size_.mistake("one gap too many",
               hint="The inputs that are skipped stand between two taps, and k taps have k − 1 gaps.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - kernel_size - kernel_size * (dilation - 1) - 1) // stride + 1


@size_.mistake("the dilation is forgotten", hint="The window covers d·(k − 1) + 1 inputs.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - kernel_size) // stride + 1


@size_.mistake("the padding is counted once", hint="Zeros stand before the input and behind it.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + padding - dilation * (kernel_size - 1) - 1) // stride + 1


@size_.mistake("the padding is forgotten", hint="The window moves over the padded input, which is longer.")
def _(size, kernel_size, stride, padding, dilation):
    return (size - dilation * (kernel_size - 1) - 1) // stride + 1


@size_.mistake("rounded up",
               hint="If the last step would bring the window beyond the padded input, there is no output for it.")
def _(size, kernel_size, stride, padding, dilation):
    return -(-(size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride) + 1


@size_.mistake("not rounded",
               hint="What is left after the last whole step is too short for another one: divide by // .")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1


@size_.mistake("the first place is counted before the division",
               hint="The stride divides the room that is left for moving; the first place is added to the steps.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel_size - 1)) // stride


@size_.mistake("the first place is counted twice",
               hint="The window leaves size + 2p − d(k − 1) − 1 inputs free to move over, and one more place to begin.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel_size - 1)) // stride + 1


@size_.mistake("the stride is forgotten", hint="Only every stride-th place gives an output.")
def _(size, kernel_size, stride, padding, dilation):
    return size + 2 * padding - dilation * (kernel_size - 1)


@size_.mistake("dilation and kernel are added",
               hint="Each of the k − 1 gaps between the taps is d long: d·(k − 1), and one more input.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation - kernel_size) // stride + 1


@size_.mistake("the window is not subtracted",
               hint="The first place of the window takes d·(k − 1) + 1 inputs; only the rest is room to move on.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding) // stride + 1


@size_.mistake("d·(k − 1) − 1 is subtracted",
               hint="The window covers one input more than d·(k − 1), not one less. Mind the brackets around it.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel_size - 1) + 1) // stride + 1


@size_.mistake("stride and dilation are exchanged",
               hint="The dilation spreads the taps of a window, the stride leads from one window to the next.")
def _(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - stride * (kernel_size - 1) - 1) // dilation + 1


@size_.mistake("the padding is subtracted", hint="Padding makes the axis longer: size + 2p.")
def _(size, kernel_size, stride, padding, dilation):
    return (size - 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


@size_.mistake("size over stride, whatever the window and the padding",
               hint="That holds for one choice of the padding only. Count the places at which the window can stand.")
def _(size, kernel_size, stride, padding, dilation):
    return -(-size // stride)


@size_.accepted("the places are counted one by one")
def _(size, kernel_size, stride, padding, dilation):
    return len(range(0, size + 2 * padding - dilation * (kernel_size - 1), stride))


@size_.accepted("the last tap is moved until it leaves the input")
def _(size, kernel_size, stride, padding, dilation):
    count, last = 0, dilation * (kernel_size - 1)
    while last < size + 2 * padding:
        count, last = count + 1, last + stride
    return count


# ---- conv2d ----------------------------------------------------------------------------------------------------------

def _layer_cases(rng, turn):
    """Every third output is as wide as it has channels, where a bias may land on the wrong axis without an error."""
    while True:
        (height, k_h, s, p, d), width, k_w = _fitting(rng, (4, 9), (1, 4), 3, 3, 3), *rng.integers([4, 1], [9, 4])
        c_in, c_out = unequal(rng, 1, 5)
        if k_h == k_w or height == width or d * (k_w - 1) + 1 > width + 2 * p or c_in == 1:
            continue
        if turn % 3 == 0:
            c_out = int(geometry.conv_output_size(int(width), int(k_w), s, p, d))
        if c_out in (1, c_in) or c_out > 5:
            continue
        s, d = (2, d) if turn % 4 == 1 else (s, d)
        if turn % 3 == 0 and geometry.conv_output_size(int(width), int(k_w), s, p, d) != c_out:
            continue
        return (numbers(rng, (c_in, height, width)), numbers(rng, (c_out, c_in, k_h, k_w)), numbers(rng, c_out), s, p,
                d)


layer = Question(
    "conv2d", title="The layer in full", points=3, practice=True,
    asks="Write `conv2d(x, w, b, stride, padding, dilation)`: the layer of this section, for one image.",
    reference=lambda x, w, b, stride, padding, dilation: F.conv2d(x[None], w, b, stride, padding, dilation)[0],
    cases=_layer_cases,
    minutes=25, level=2,
    text=r"""
        $$y_{oij} = b_o + \sum_{c}\sum_{u}\sum_{v} w_{ocuv}\; x_{c,\; s i + d u - p,\; s j + d v - p}$$

        where $x$ is 0 outside of the image. `x` is (C_in, H, W), `w` is (C_out, C_in, k_h, k_w) and `b` is (C_out,);
        stride $s$, padding $p$ and dilation $d$ are integers, the same for rows and columns. Neither image nor kernel
        is square. Return (C_out, H_out, W_out), with the sizes of the question before. Loops are fine.
    """,
    hints={
        "Where do I begin?":
            "Pad the rows and columns with `np.pad(x, [(0, 0), (p, p), (p, p)])`; then no index is negative. "
            "Loop over the places (i, j) of the output.",
        "How do I cut out a window with gaps?":
            "A slice has a step: `x[:, top:bottom:d, left:right:d]`. Where does the last tap lie?",
        "How do I multiply with all kernels at once?":
            "The window is (C_in, k_h, k_w) and `w` is (C_out, C_in, k_h, k_w): the product broadcasts. "
            "Which axes are added up, and which one stays?",
    },
)


@layer.solution
def conv2d(x, w, b, stride, padding, dilation):
    """(C_in, H, W), (C_out, C_in, k_h, k_w), (C_out) → (C_out, H_out, W_out)"""
    p, (k_h, k_w) = padding, w.shape[2:]
    x = np.pad(x, [(0, 0), (p, p), (p, p)])
    tops, lefts = [range(0, n - dilation * (k - 1), stride)
                   for n, k in zip(x.shape[1:], w.shape[2:], strict=True)]
    y = np.empty((len(w), len(tops), len(lefts)))
    for i, j in np.ndindex(len(tops), len(lefts)):
        window = x[:, tops[i]::dilation, lefts[j]::dilation][:, :k_h, :k_w]
        y[:, i, j] = np.sum(w * window, axis=(1, 2, 3)) + b
    return y


@layer.mistake("the kernel is flipped", hint="The layers of PyTorch correlate: tap (0, 0) reads the first pixel of the "
                                             "window.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w[:, :, ::-1, ::-1], b, stride, padding, dilation)


@layer.mistake("the bias is missing", hint="Each output channel has a number b[o] that is added at all of its places.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, 0 * b, stride, padding, dilation)


@layer.mistake("the bias is added once for each input channel",
               hint="A filter has one bias, however many channels it reads: add it after the sum over channels.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b * len(x), stride, padding, dilation)


@layer.mistake("one bias for all channels", hint="Channel o of the output gets its own b[o].")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, np.full_like(b, b[0]), stride, padding, dilation)


@layer.mistake("the biases lie along the columns",
               hint="Broadcasting begins at the last axis, which is the columns. The channels are the first axis: "
                    "b[:, None, None].")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, 0 * b, stride, padding, dilation) + b


@layer.mistake("the mean over the channels", hint="The products of all channels are added up, not averaged.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w / len(x), b, stride, padding, dilation)


@layer.mistake("only the first channel is read", hint="Every filter reads all C_in channels.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x[:1], w[:, :1], b, stride, padding, dilation)


@layer.mistake("one plane of weights for all channels",
               hint="A filter has k_h·k_w weights for each input channel, w[o, c], not one plane for all of them.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, np.broadcast_to(w[:, :1], w.shape), b, stride, padding, dilation)


@layer.mistake("the padding is forgotten", hint="p rows and columns of zeros stand around the image before anything "
                                                "else happens.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b, stride, 0, dilation)


@layer.mistake("the border is repeated", hint="Outside of the image are zeros: np.pad(x, …) without a mode.")
def _(x, w, b, stride, padding, dilation):
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)], "edge")
    return layer.reference(padded, w, b, stride, 0, dilation)


@layer.mistake("the window has no gaps", hint="Tap u reads row s·i + d·u of the padded image, not s·i + u.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b, stride, padding, 1)


@layer.mistake("the window has no gaps, in an output of the right size",
               hint="Tap u reads row s·i + d·u of the padded image, not s·i + u.")
def _(x, w, b, stride, padding, dilation):
    height, width = layer.reference(x, w, b, stride, padding, dilation).shape[1:]
    return layer.reference(x, w, b, stride, padding, 1)[:, :height, :width]


@layer.mistake("the window moves by 1", hint="Output i begins at row s·i of the padded image, not at row i.")
def _(x, w, b, stride, padding, dilation):
    height, width = layer.reference(x, w, b, stride, padding, dilation).shape[1:]
    return layer.reference(x, w, b, 1, padding, dilation)[:, :height, :width]


@layer.mistake("the stride is forgotten", hint="Only every s-th place of rows and of columns gives an output.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b, 1, padding, dilation)


@layer.mistake("stride and dilation are exchanged",
               hint="The stride moves the window from output to output, the dilation spreads the taps inside of it.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b, dilation, padding, stride)


@layer.mistake("zeros before the image only", hint="p zeros stand on both sides, before and behind: 2p in all.")
def _(x, w, b, stride, padding, dilation):
    padded = np.pad(x, [(0, 0), (padding, 0), (padding, 0)])
    return layer.reference(padded, w, b, stride, 0, dilation)


@layer.mistake("the bias is subtracted", hint="The bias is added.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, -b, stride, padding, dilation)


@layer.mistake("only the bias is left", hint="Where are the products of window and kernel added up?")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, 0 * w, b, stride, padding, dilation)


@layer.mistake("the mean of the products", hint="The products are added up, not averaged.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w / w[0].size, b, stride, padding, dilation)


@layer.mistake("all filters are added up", hint="Output channel o has its own filter, w[o]: sum over c, u, v only.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, np.broadcast_to(w.sum(0), w.shape), b, stride, padding, dilation)


@layer.mistake("the window moves along the wrong axes",
               hint="i counts rows and j columns: the rows of the window begin at s·i, its columns at s·j.")
def _(x, w, b, stride, padding, dilation):
    p, (k_h, k_w) = padding, w.shape[2:]
    height, width = layer.reference(x, w, b, stride, padding, dilation).shape[1:]
    wide = np.pad(x, [(0, 0), (p, p), (p, p)])
    y = np.empty((len(w), height, width))
    for i, j in np.ndindex(height, width):
        window = wide[:, stride * j::dilation, stride * i::dilation][:, :k_h, :k_w]
        y[:, i, j] = np.sum(w * window, axis=(1, 2, 3)) + b
    return y


@layer.mistake("the window does not move down", hint="The rows of the window begin at s·i.")
def _(x, w, b, stride, padding, dilation):
    y = layer.reference(x, w, b, stride, padding, dilation)
    return np.broadcast_to(y[:, :1], y.shape)


@layer.mistake("the window does not move to the right", hint="The columns of the window begin at s·j.")
def _(x, w, b, stride, padding, dilation):
    y = layer.reference(x, w, b, stride, padding, dilation)
    return np.broadcast_to(y[:, :, :1], y.shape)


@layer.mistake("the channels are padded as well",
               hint="np.pad(x, p) pads every axis, and so moves the channels on. Pad rows and columns only: "
                    "np.pad(x, [(0, 0), (p, p), (p, p)]).")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(np.pad(x, padding)[:len(x)], w, b, stride, 0, dilation)


@layer.mistake("places before the image are read at its other end",
               hint="x[−1] is the last row in Python. Outside of the image are zeros: ask for an index ≥ 0 as well.")
def _(x, w, b, stride, padding, dilation):
    before = np.pad(x, [(0, 0), (padding, 0), (padding, 0)], "wrap")
    return layer.reference(np.pad(before, [(0, 0), (0, padding), (0, padding)]), w, b, stride, 0, dilation)


@layer.mistake("zeros behind the image only", hint="p zeros stand on both sides: the first window begins at row −p.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(np.pad(x, [(0, 0), (0, padding), (0, padding)]), w, b, stride, 0, dilation)


@layer.mistake("2p zeros on each side", hint="p zeros before and p behind: 2p in all.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b, stride, 2 * padding, dilation)


@layer.mistake("the border is mirrored", hint="Outside of the image are zeros: np.pad(x, …) without a mode.")
def _(x, w, b, stride, padding, dilation):
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)], "reflect")
    return layer.reference(padded, w, b, stride, 0, dilation)


@layer.mistake("only the last channel is left",
               hint="Each channel's sum takes the place of the one before. Add them up: += and not =.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x[-1:], w[:, -1:], b, stride, padding, dilation)


@layer.mistake("the bias is added with every product", hint="A filter has one bias: add it once, after all sums.")
def _(x, w, b, stride, padding, dilation):
    return layer.reference(x, w, b * w[0].size, stride, padding, dilation)


@layer.accepted("a loop over the taps")
def _(x, w, b, stride, padding, dilation):
    c_out, _, k_h, k_w = w.shape
    x = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    h = (x.shape[1] - dilation * (k_h - 1) - 1) // stride + 1
    wide = (x.shape[2] - dilation * (k_w - 1) - 1) // stride + 1
    y = np.zeros((c_out, h, wide)) + b[:, None, None]
    for u, v in np.ndindex(k_h, k_w):
        rows, columns = dilation * u + stride * np.arange(h), dilation * v + stride * np.arange(wide)
        y += np.einsum("oc,chw->ohw", w[:, :, u, v], x[:, rows][:, :, columns])
    return y


@layer.accepted("six loops, without padding the image")
def _(x, w, b, stride, padding, dilation):
    (_, height, width), (c_out, c_in, k_h, k_w) = x.shape, w.shape
    h = (height + 2 * padding - dilation * (k_h - 1) - 1) // stride + 1
    wide = (width + 2 * padding - dilation * (k_w - 1) - 1) // stride + 1
    y = [[[float(b[o]) for _ in range(wide)] for _ in range(h)] for o in range(c_out)]
    for i, j, c, u, v in np.ndindex(h, wide, c_in, k_h, k_w):
        row, column = stride * i + dilation * u - padding, stride * j + dilation * v - padding
        if 0 <= row < height and 0 <= column < width:
            for o in range(c_out):
                y[o][i][j] += float(w[o, c, u, v]) * float(x[c, row, column])
    return y


# ---- count_layer -----------------------------------------------------------------------------------------------------

def _count(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    weights = c_out * (c_in // groups) * k_h * k_w
    return np.array([weights + c_out, weights * h_out * w_out, c_out * h_out * w_out])


def _count_cases(rng):
    """Several groups, which divide both numbers of channels."""
    groups = int(rng.choice([1, 2, 3, 4]))
    c_in, c_out = unequal(rng, 1, 9)
    return groups * c_in, groups * c_out, *unequal(rng, 1, 6), groups, *unequal(rng, 3, 30)


count = Question(
    "count_layer", title="What a layer costs", points=2, kind="predict",
    asks="Write `count_layer(c_in, c_out, k_h, k_w, groups, h_out, w_out)`: how many parameters a convolutional layer "
         "has, how many multiply-adds it does for one image, and how many numbers it hands on, in this order.",
    reference=_count, cases=_count_cases, tolerance=1e-9,
    minutes=12, level=2,
    text=r"""
        The output has `c_out` channels of `h_out` × `w_out` pixels. Each filter has `k_h` × `k_w` taps for each of the
        channels that it reads, and one bias. With groups, the input channels and the filters are divided into as many
        equal parts, and a filter reads the channels of its own part only; `groups` divides `c_in` and `c_out`.
        A multiply-add is one product that is added to a sum; the biases are no products. Return three integers.
    """,
    hints={
        "All three are too large when there are groups":
            "How many input channels does one filter read? The number of filters does not change.",
        "The parameters are a little off":
            "How many biases are there: one for the layer, or one for each filter?",
        "The multiply-adds are twice as many":
            "A product and its sum are counted as one here. FLOPs count them as two.",
    },
)


@count.solution
def count_layer(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    """→ (parameters, multiply-adds, numbers of the output)"""
    weights = c_out * (c_in // groups) * k_h * k_w
    pixels = h_out * w_out
    return weights + c_out, weights * pixels, c_out * pixels


@count.mistake("the groups are forgotten", hint="With groups a filter reads c_in / groups channels.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    return _count(c_in, c_out, k_h, k_w, 1, h_out, w_out)


@count.mistake("the filters are divided by the groups twice",
               hint="A filter reads c_in / groups channels, but there are c_out filters in all, however many groups.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    weights = c_out * c_in * k_h * k_w // groups**2
    return weights + c_out, weights * h_out * w_out, c_out * h_out * w_out


@count.mistake("one bias for the layer", hint="Each of the c_out filters has its own bias.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    weights, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return weights - c_out + 1, macs, numbers_


@count.mistake("no biases", hint="Each filter has one more parameter than it has weights.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters - c_out, macs, numbers_


@count.mistake("a bias for each channel that a filter reads",
               hint="The bias is added after the sum over the channels: one for each filter.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters - c_out + c_out * (c_in // groups), macs, numbers_


@count.mistake("the biases are counted as multiply-adds",
               hint="A bias is added, and nothing is multiplied by it: leave it out of the multiply-adds.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, _, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters, parameters * h_out * w_out, numbers_


@count.mistake("FLOPs instead of multiply-adds", hint="Count a product and its sum as one.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters, 2 * macs, numbers_


@count.mistake("the input channels are left out",
               hint="A filter has k_h·k_w taps for each channel that it reads, not k_h·k_w in all.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    return _count(1, c_out, k_h, k_w, 1, h_out, w_out)


@count.mistake("one channel is handed on", hint="The output has c_out channels of h_out × w_out numbers.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, _ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters, macs, h_out * w_out


@count.mistake("the multiply-adds of one place", hint="Each filter is laid on every one of the h_out·w_out places.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters, macs // (h_out * w_out), numbers_


@count.mistake("height and width of the output are added",
               hint="The output is a plane of h_out rows and w_out columns: their product.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    return _count(c_in, c_out, k_h, k_w, groups, 1, h_out + w_out)


@count.mistake("one filter",
               hint="Each of the c_out filters has weights of its own, and each is laid on every place.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return (parameters - c_out) // c_out + c_out, macs // c_out, numbers_


@count.mistake("the groups are forgotten in the parameters",
               hint="The multiply-adds are right. With groups a filter has weights for c_in / groups channels only.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    _, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return c_out * (c_in * k_h * k_w + 1), macs, numbers_


@count.mistake("the groups are forgotten in the multiply-adds",
               hint="The parameters are right. With groups an output is a sum over c_in / groups channels only.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters, macs * groups, numbers_


@count.mistake("the biases are divided by the groups", hint="There are c_out filters in all groups together, and each "
                                                            "has a bias.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters - c_out + c_out // groups, macs, numbers_


@count.mistake("the output is divided by the groups", hint="All groups together hand on c_out channels.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters, macs, numbers_ = _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)
    return parameters, macs, numbers_ // groups


@count.mistake("the cost of one group only", hint="There are as many such parts as groups: count the filters of all.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    return _count(c_in // groups, c_out // groups, k_h, k_w, 1, h_out, w_out)


@count.mistake("multiply-adds before parameters", hint="The parameters come first, then the multiply-adds.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    return _count(c_in, c_out, k_h, k_w, groups, h_out, w_out)[[1, 0, 2]]


@count.mistake("bytes instead of numbers", hint="How many numbers are handed on, not how many bytes they take.")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    return _count(c_in, c_out, k_h, k_w, groups, h_out, w_out) * [1, 1, 4]


@count.accepted("group by group")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    parameters = macs = outputs = 0
    for _ in range(groups):
        filters, channels = c_out // groups, c_in // groups
        parameters += filters * (channels * k_h * k_w + 1)
        macs += filters * channels * k_h * k_w * h_out * w_out
        outputs += filters * h_out * w_out
    return [parameters, macs, outputs]


@count.accepted("from the shape of the weight")
def _(c_in, c_out, k_h, k_w, groups, h_out, w_out):
    weight = np.prod((c_out, c_in // groups, k_h, k_w), dtype=np.int64)
    return np.array([weight + c_out, weight * h_out * w_out, c_out * h_out * w_out])


# ---- dilated_windows -------------------------------------------------------------------------------------------------

def _windows(x, k, stride, dilation):
    count_ = geometry.conv_output_size(len(x), k, stride, 0, dilation)
    return np.stack([x[stride * i:stride * i + dilation * (k - 1) + 1:dilation] for i in range(count_)])


def _windows_cases(rng, turn):
    """Dilations 1, 2, 3 take turns; half of the signals end where their last window does."""
    dilation = turn % 3 + 1
    while True:
        k, stride = int(rng.integers(2, 5)), int(rng.integers(1, 4))
        n = dilation * (k - 1) + 1 + stride * int(rng.integers(1, 4)) + int(rng.integers(0, stride)) * (turn % 2)
        if k != stride or dilation == 1:
            return numbers(rng, n), k, stride, dilation


windows = Question(
    "dilated_windows", title="Windows with gaps", points=2, kind="mend",
    asks="Mend `dilated_windows(x, k, stride, dilation)`: all windows of a signal, one in each row.",
    reference=_windows, cases=_windows_cases,
    minutes=12, level=2,
    text=r"""
        Row i is to hold the $k$ numbers $x_{s i},\, x_{s i + d},\, \dots,\, x_{s i + d (k-1)}$, with stride $s$ and
        dilation $d$, for every i for which all of them exist. `x` has n numbers and room for at least two windows;
        k is at least 2. For dilation 1 the function is right, and for some lengths of the signal with dilation 2 as
        well. There is no padding.
    """,
    hints={
        "All rows are right, but some are missing":
            "Draw the places that a window of 3 taps with dilation 2 reads. How many numbers lie from the first of "
            "them to the last, both counted?",
        "NumPy complains of rows of different lengths":
            "A row that is too short begins too late: you count more windows than there are.",
    },
)


@windows.solution
def dilated_windows(x, k, stride, dilation):
    """(n,)  →  (number of windows, k)"""
    starts = range(0, len(x) - dilation * (k - 1), stride)
    return np.stack([x[i::dilation][:k] for i in starts])


@windows.given("a window of dilation · k is asked to fit",
               hint="The last tap lies d·(k − 1) behind the first. What would follow it is not read, so it need not be "
                    "there.")
def _(x, k, stride, dilation):
    length = dilation * k
    count = (len(x) - length) // stride + 1
    rows = [x[stride * i:stride * i + length:dilation] for i in range(count)]
    return np.array(rows).reshape(-1, k)


@windows.mistake("the windows have no gaps", hint="Neighbours in a row stand d apart in the signal.")
def _(x, k, stride, dilation):
    return _windows(x, k, stride, 1)


@windows.mistake("the windows have no gaps, and there are as many as with them",
                 hint="Neighbours in a row stand d apart in the signal: a slice has a step.")
def _(x, k, stride, dilation):
    return _windows(x, k, stride, 1)[:len(_windows(x, k, stride, dilation))]


@windows.mistake("the stride is forgotten", hint="Row i begins at stride · i.")
def _(x, k, stride, dilation):
    return _windows(x, k, 1, dilation)


@windows.mistake("the windows move by 1", hint="There are as many rows as there should be, but row i begins at "
                                               "stride · i, not at i.")
def _(x, k, stride, dilation):
    return _windows(x, k, 1, dilation)[:len(_windows(x, k, stride, dilation))]


@windows.mistake("the windows move by stride · dilation",
                 hint="The dilation spreads the taps within a window. It does not change where the next one begins.")
def _(x, k, stride, dilation):
    return _windows(x, k, stride * dilation, dilation)


@windows.mistake("stride and dilation are exchanged",
                 hint="The stride leads from row to row, the dilation from number to number in a row.")
def _(x, k, stride, dilation):
    return _windows(x, k, dilation, stride)


@windows.mistake("the last window is missing", hint="Count the places: the steps that are possible, and one to begin.")
def _(x, k, stride, dilation):
    return _windows(x, k, stride, dilation)[:-1]


@windows.mistake("rows and columns are exchanged: one window in each column", hint="A window is a row.")
def _(x, k, stride, dilation):
    return _windows(x, k, stride, dilation).T


@windows.mistake("all rows are the first window", hint="Row i begins at stride · i.")
def _(x, k, stride, dilation):
    rows = _windows(x, k, stride, dilation)
    return np.broadcast_to(rows[:1], rows.shape)


@windows.mistake("the first window is missing", hint="Row 0 begins at place 0.")
def _(x, k, stride, dilation):
    return _windows(x[1:], k, stride, dilation)


@windows.accepted("a table of indices")
def _(x, k, stride, dilation):
    count_ = len(range(0, len(x) - dilation * (k - 1), stride))
    return x[stride * np.arange(count_)[:, None] + dilation * np.arange(k)]


@windows.accepted("rows are added while there are any")
def _(x, k, stride, dilation):
    rows, first = [], 0
    while first + dilation * (k - 1) < len(x):
        rows.append([x[first + dilation * u] for u in range(k)])
        first += stride
    return rows


@windows.accepted("the length of a window is counted first")
def _(x, k, stride, dilation):
    length = dilation * (k - 1) + 1
    return [x[i * stride:i * stride + length:dilation] for i in range((len(x) - length) // stride + 1)]


@windows.accepted("NumPy's sliding windows")
def _(x, k, stride, dilation):
    return np.lib.stride_tricks.sliding_window_view(x, dilation * (k - 1) + 1)[::stride, ::dilation]


# ---- same_zeros ------------------------------------------------------------------------------------------------------

def _zeros_cases(rng, turn):
    """A third needs no zeros, since the window is shorter than the step; a third at stride 1."""
    kind = turn % 3
    stride = 1 if kind == 1 else int(rng.integers(2, 5))
    k, dilation = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    if kind == 0:
        stride, k, dilation = int(rng.integers(4, 6)), int(rng.integers(1, 4)), 1
    return int(rng.integers(5, 30)), k, stride, dilation


zeros_ = Question(
    "same_zeros", title="Where TensorFlow puts its zeros", points=2, kind="predict",
    asks="Write `same_zeros(size, kernel_size, stride, dilation)`: how many zeros stand before and behind one axis by "
         "the rule that TensorFlow calls SAME, as `(before, behind)`.",
    reference=lambda size, kernel_size, stride, dilation: np.array(
        geometry.same_padding(kernel_size, dilation, stride, size)),
    cases=_zeros_cases, tolerance=1e-9,
    minutes=15, level=2,
    text=r"""
        The output is to have ⌈size / stride⌉ places, the first of them at the first number of the padded axis. As many
        zeros are added as the last window needs, and no more: none at all where it ends within the input. They are
        shared between both sides; if their number is odd, the side *behind* gets one more.
    """,
    hints={
        "Where do I begin?":
            "With the last of the ⌈size / stride⌉ windows. Where does it begin, and where does it end?",
        "Some numbers are negative":
            "Where the stride is longer than the window, the last window can end before the input does. What then?",
        "It is right for odd kernels and stride 1 only":
            "Half of d·(k − 1) on both sides is the rule of another library. Count from the last window.",
    },
)


@zeros_.solution
def same_zeros(size, kernel_size, stride, dilation):
    """→ (zeros before, zeros behind)"""
    places = -(-size // stride)
    end = (places - 1) * stride + dilation * (kernel_size - 1) + 1
    zeros = max(end - size, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("the odd zero stands before",
                hint="If the number of zeros is odd, the side behind gets one more. PyTorch's padding='same' agrees.")
def _(size, kernel_size, stride, dilation):
    return zeros_.reference(size, kernel_size, stride, dilation)[::-1]


@zeros_.mistake("the number of zeros is negative",
                hint="Where the last window ends within the input, no zeros are needed: 0, not fewer.")
def _(size, kernel_size, stride, dilation):
    zeros = (-(-size // stride) - 1) * stride + dilation * (kernel_size - 1) + 1 - size
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("the stride is forgotten",
                hint="d·(k − 1) zeros keep the size at stride 1. With a stride the last window begins elsewhere, and "
                     "the zeros depend on the size.")
def _(size, kernel_size, stride, dilation):
    return zeros_.reference(size, kernel_size, 1, dilation)


@zeros_.mistake("half of the window on both sides",
                hint="This symmetric padding gives the right number of places for odd kernels, but not the fewest "
                     "zeros: what does the last window need?")
def _(size, kernel_size, stride, dilation):
    return dilation * (kernel_size - 1) // 2, dilation * (kernel_size - 1) // 2


@zeros_.mistake("half of the kernel on both sides",
                hint="⌊k/2⌋ keeps the size for odd kernels and stride 1, undilated. Count what the last window needs.")
def _(size, kernel_size, stride, dilation):
    return kernel_size // 2, kernel_size // 2


@zeros_.mistake("the dilation is forgotten", hint="The window covers d·(k − 1) + 1 places.")
def _(size, kernel_size, stride, dilation):
    return zeros_.reference(size, kernel_size, stride, 1)


@zeros_.mistake("the window is dilation · kernel_size long",
                hint="k taps at distance d cover d·(k − 1) + 1 places.")
def _(size, kernel_size, stride, dilation):
    zeros = max((-(-size // stride) - 1) * stride + dilation * kernel_size - size, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("the size is divided and rounded down",
                hint="There are ⌈size / stride⌉ places: one also for the rest that does not fill a step.")
def _(size, kernel_size, stride, dilation):
    zeros = max((size // stride - 1) * stride + dilation * (kernel_size - 1) + 1 - size, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("all zeros stand behind", hint="They are shared between both sides.")
def _(size, kernel_size, stride, dilation):
    return 0, sum(zeros_.reference(size, kernel_size, stride, dilation))


@zeros_.mistake("one window more than there are",
                hint="The first window begins at 0 and the last one (places − 1) strides later.")
def _(size, kernel_size, stride, dilation):
    zeros = max(-(-size // stride) * stride + dilation * (kernel_size - 1) + 1 - size, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("the last window ends one place too early",
                hint="d·(k − 1) + 1 places are covered, from the first tap to the last, both counted.")
def _(size, kernel_size, stride, dilation):
    zeros = max((-(-size // stride) - 1) * stride + dilation * (kernel_size - 1) - size, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("all zeros on both sides", hint="The zeros are shared: half of them on each side.")
def _(size, kernel_size, stride, dilation):
    zeros = sum(zeros_.reference(size, kernel_size, stride, dilation))
    return zeros, zeros


@zeros_.mistake("half of an odd number is not rounded",
                hint="There are no half zeros: one side gets the smaller half, the side behind the larger one.")
def _(size, kernel_size, stride, dilation):
    zeros = sum(zeros_.reference(size, kernel_size, stride, dilation))
    return zeros / 2, zeros / 2


@zeros_.mistake("all zeros before, and half of them behind",
                hint="The zeros before and those behind are together as many as are needed.")
def _(size, kernel_size, stride, dilation):
    before, behind = zeros_.reference(size, kernel_size, stride, dilation)
    return before + behind, behind


@zeros_.mistake("half before, and all of them behind",
                hint="The zeros before and those behind are together as many as are needed.")
def _(size, kernel_size, stride, dilation):
    before, behind = zeros_.reference(size, kernel_size, stride, dilation)
    return before, before + behind


@zeros_.mistake("none behind", hint="The side behind gets the other half, and the odd zero.")
def _(size, kernel_size, stride, dilation):
    return zeros_.reference(size, kernel_size, stride, dilation)[0], 0


@zeros_.mistake("the length of the padded axis is split",
                hint="What stands beside the input are only the places that it lacks: subtract its size.")
def _(size, kernel_size, stride, dilation):
    end = (-(-size // stride) - 1) * stride + dilation * (kernel_size - 1) + 1
    return end // 2, end - end // 2


@zeros_.mistake("at least one zero", hint="Where the last window ends within the input, there are none.")
def _(size, kernel_size, stride, dilation):
    zeros = max(sum(zeros_.reference(size, kernel_size, stride, dilation)), 1)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("the odd zero is lost",
                hint="Twice the smaller half is one too few where their number is odd: the side behind gets that one.")
def _(size, kernel_size, stride, dilation):
    before, _ = zeros_.reference(size, kernel_size, stride, dilation)
    return before, before


@zeros_.mistake("the larger half on both sides",
                hint="Twice the larger half is one too many where their number is odd: only the side behind gets it.")
def _(size, kernel_size, stride, dilation):
    _, behind = zeros_.reference(size, kernel_size, stride, dilation)
    return behind, behind


@zeros_.mistake("negative numbers of zeros have become positive",
                hint="Where the last window ends within the input, no zeros are needed: max(…, 0), not the modulus.")
def _(size, kernel_size, stride, dilation):
    zeros = abs((-(-size // stride) - 1) * stride + dilation * (kernel_size - 1) + 1 - size)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("one window too many where the stride divides the size",
                hint="⌈size / stride⌉ is not ⌊size / stride⌋ + 1: where the stride divides, there is no rest.")
def _(size, kernel_size, stride, dilation):
    zeros = max(dilation * (kernel_size - 1) + 1 - size % stride, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.mistake("the size has no effect",
                hint="window − stride is right where the stride divides the size. Else the last window begins later: "
                     "at (⌈size / stride⌉ − 1)·stride.")
def _(size, kernel_size, stride, dilation):
    zeros = max(dilation * (kernel_size - 1) + 1 - stride, 0)
    return zeros // 2, zeros - zeros // 2


@zeros_.accepted("one zero after the other, on both sides in turn")
def _(size, kernel_size, stride, dilation):
    places, before, behind = -(-size // stride), 0, 0
    while (places - 1) * stride + dilation * (kernel_size - 1) >= size + before + behind:
        if behind > before:
            before += 1
        else:
            behind += 1
    return [before, behind]


@zeros_.accepted("by the remainder of the size")
def _(size, kernel_size, stride, dilation):
    rest = size % stride
    zeros = max(dilation * (kernel_size - 1) + 1 - (rest if rest else stride), 0)
    return zeros // 2, (zeros + 1) // 2


# ---- design_stem -----------------------------------------------------------------------------------------------------

def _stem(height, width, channels, field, budget):
    """Two strided 3×3 layers, and as many 3×3 layers behind them as the field asks for."""
    more = max(0, -(-(field - 7) // 8))
    widths = [8] * (1 + more) + [channels]
    strides = [2, 2] + [1] * more
    return np.array([(c, 3, s, 1) for c, s in zip(widths, strides, strict=True)])


def _walk(rows, height, width):
    """→ (channels, height, width, receptive field, multiply-adds) behind the layers."""
    c_in, field, jump, macs = 3, 1, 1, 0
    for c_out, k, s, p in rows.tolist():
        if k > min(height, width) + 2 * p:
            raise ValueError(f"the layers must fit: a kernel of {k} is larger than {height} × {width} with padding {p}")
        height, width = ((side + 2 * p - k) // s + 1 for side in (height, width))
        macs += height * width * c_out * c_in * k * k
        field, jump, c_in = field + (k - 1) * jump, jump * s, c_out
    return c_in, height, width, field, macs


def _stem_case(rng):
    """The budget lies a tenth above the plain stack, far below a layer at full size or one large kernel."""
    h, w = unequal(rng, 4, 12)
    channels, field = int(rng.integers(12, 25)), int(rng.integers(8, 32))
    macs = _walk(_stem(4 * h, 4 * w, channels, field, 0), 4 * h, 4 * w)[-1]
    return 4 * h, 4 * w, channels, field, macs * 11 // 10


def _stem_properties(answer, height, width, channels, field, budget):
    if answer.ndim != 2 or answer.shape[1] != 4 or not 1 <= len(answer) <= 12:
        raise ValueError("the answer must have a row of 4 numbers for each layer, and 1 to 12 layers; its shape is "
                         f"{answer.shape}")
    if not np.array_equal(answer, np.round(answer)) or np.abs(answer).max() > 1000:
        raise ValueError("the numbers must be whole, and none above 1000")
    if answer[:, :3].min() < 1 or answer[:, 3].min() < 0:
        raise ValueError("channels, kernel sizes and strides must be at least 1, paddings at least 0")
    out, h, w, reached, macs = _walk(answer.astype(np.int64), height, width)
    return {"the output has as many channels as asked": float(out == channels),
            "the output has a quarter of height and width": float((4 * h, 4 * w) == (height, width)),
            "each layer has at least 8 channels": float(answer[:, 0].min() >= 8),
            "the receptive field is large enough": float(reached >= field),
            "the multiply-adds are within the budget": float(macs <= budget)}


stem = Question(
    "design_stem", title="See far, pay little", points=3, kind="design",
    asks="Design `design_stem(height, width, channels, field, budget)`: convolutional layers that shrink a colour "
         "image to a quarter of its height and width, with a receptive field of at least `field` pixels, in at most "
         "`budget` multiply-adds.",
    reference=_stem, cases=_stem_case, measure=_stem_properties,
    minutes=25, level=3,
    text=r"""
        The image has 3 channels and `height` × `width` pixels, different multiples of 4. Return an array with a row
        for each layer, in order,

        `output channels, kernel size, stride, padding`

        kernels are square, without dilation and groups, and biases cost nothing. Behind the last layer there are
        `channels` channels (12 to 24) of height/4 × width/4 pixels; every layer has at least 8 channels; a pixel of the
        output depends on a square of at least `field` × `field` pixels of the padded image (8 to 31). Any such layers
        are right. There may be at most 12. The receptive field follows a simple rule: a kernel of size
        $k$ adds $(k - 1)$ times the product of all strides before it.
    """,
    hints={
        "The field is too small":
            "How much does one more 3 × 3 layer add to it, at full size and behind two strides of 2?",
        "It costs too much":
            "A layer costs height · width of its *output*. Where in the stack is a pixel cheapest, and where do a few "
            "channels suffice?",
        "The size is off by one":
            "For kernel 3 and stride 2 a padding of 1 halves an even size exactly.",
    },
)


@stem.solution
def design_stem(height, width, channels, field, budget):
    """→ (number of layers, 4): output channels, kernel size, stride, padding"""
    layers = [(8, 3, 2, 1), (8, 3, 2, 1)]
    reached = 7
    while reached < field:
        layers.append((8, 3, 1, 1))
        reached += 8
    layers[-1] = (channels, *layers[-1][1:])
    return np.array(layers)


@stem.mistake("two layers for every field", hint="Two 3 × 3 layers with stride 2 see 7 pixels. Ask for `field`.")
def _(height, width, channels, field, budget):
    return [(8, 3, 2, 1), (channels, 3, 2, 1)]


@stem.mistake("all is right but the size of the output",
              hint="A 3 × 3 layer without padding shortens both sides by two; with padding 1 it keeps them, or halves "
                   "them at stride 2. Count the outputs layer by layer.")
def _(height, width, channels, field, budget):
    return [*_stem(height, width, channels, field, budget).tolist()[:-1], (channels, 3, 1, 0)]


@stem.mistake("all is right but the channels of the output", hint="The last layer must have `channels` channels.")
def _(height, width, channels, field, budget):
    return [*_stem(height, width, channels, field, budget).tolist()[:-1], (8, 3, 1, 1)]


@stem.mistake("all is right but the least number of channels", hint="Every layer must have at least 8 channels.")
def _(height, width, channels, field, budget):
    return [(7, 3, 2, 1), *_stem(height, width, channels, field, budget).tolist()[1:]]


@stem.mistake("size and field are missed",
              hint="Begin with the size: two layers with stride 2 and padding 1 make a quarter. Then add layers that "
                   "keep it until the field is large enough.")
def _(height, width, channels, field, budget):
    return [(8, 2, 3, 1), (channels, 3, 2, 1)]


@stem.mistake("size and price are missed",
              hint="Begin with the size: two layers with stride 2 and padding 1 make a quarter, and at a quarter of "
                   "the size a layer costs a sixteenth.")
def _(height, width, channels, field, budget):
    return [(8, 3, 1, 1), *_stem(height, width, channels, field, budget).tolist()[1:]]


@stem.mistake("too expensive: the budget is the only thing missed",
              hint="Everything is right but the price. Only the last layer needs all channels; the others may have 8. "
                   "At full size each layer costs sixteen times as much as at a quarter. And a layer more than the "
                   "field asks for is not paid for.")
def _(height, width, channels, field, budget):
    return [(channels, k, s, p) for _, k, s, p in _stem(height, width, channels, field, budget).tolist()]


@stem.mistake("the field is too small for most fields",
              hint="The taps of a layer lie on the map in front of it: its own stride does not spread them. Two 3 × 3 "
                   "layers with stride 2 see 1 + 2 + 4 = 7 pixels, not 1 + 4 + 8.")
def _(height, width, channels, field, budget):
    layers = [(8, 3, 2, 1), (8, 3, 2, 1), *[(8, 3, 1, 1)] * max(0, -(-(field - 13) // 8))]
    return [*layers[:-1], (channels, *layers[-1][1:])]


@stem.accepted("a second kernel of 4 × 4, where the budget allows it")
def _(height, width, channels, field, budget):
    layers = _stem(height, width, channels, field, budget).tolist()
    other = [(8, 3, 2, 1), (8, 4, 2, 1), *layers[2:]]
    other[-1] = (channels, *other[-1][1:])
    return other if _walk(np.array(other), height, width)[-1] <= budget else layers


@stem.accepted("as a list, the first kernel 2 × 2 where the field allows it")
def _(height, width, channels, field, budget):
    other = _stem(height, width, channels, field, budget).tolist()
    other[0] = [8, 2, 2, 0]
    return other if _walk(np.array(other), height, width)[3] >= field else _stem(height, width, channels, field, 0)


QUESTIONS = [size_, layer, count, windows, zeros_, stem]
