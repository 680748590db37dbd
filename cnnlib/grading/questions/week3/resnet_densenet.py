"""Week 3: the questions of the notebook `resnet_densenet`."""

import numpy as np

from ...question import Question
from ..cases import numbers


def _sizes(rng, count, low, high):
    """`count` different sizes in [low, high)."""
    return tuple(int(n) for n in rng.choice(np.arange(low, high), count, replace=False))


def _relu(x):
    return np.maximum(x, 0)


# ---- residual_sum ----------------------------------------------------------------------------------------------------

def _sum_cases(rng, turn):
    """Strides 1 to 3 take turns; some blocks keep their channels, most get new ones."""
    stride = turn % 3 + 1
    n, c, h, w = _sizes(rng, 4, 2, 8)
    more = 0 if turn % 4 == 3 else int(rng.integers(1, 4))
    x = numbers(rng, (n, c, h, w))
    return x, numbers(rng, (n, c + more, -(-h // stride), -(-w // stride))), stride


def _shortcut(x, branch, stride, first=0, front=False):
    kept = x[:, :, first::stride, first::stride]
    rows, columns = branch.shape[2:]
    kept = np.pad(kept, ((0, 0), (0, 0), (0, rows - kept.shape[2]), (0, columns - kept.shape[3])))
    new = branch.shape[1] - x.shape[1]
    return np.pad(kept, ((0, 0), (new, 0) if front else (0, new), (0, 0), (0, 0)))


def _window_mean(x, stride, reduce=np.mean):
    n, c, h, w = x.shape
    rows, columns = -(-h // stride), -(-w // stride)
    return np.array([[[[reduce(x[a, b, i * stride:(i + 1) * stride, j * stride:(j + 1) * stride])
                        for j in range(columns)] for i in range(rows)] for b in range(c)] for a in range(n)])


summed = Question(
    "residual_sum", title="The sum at the end of a block", points=2, practice=True,
    asks="Write `residual_sum(x, branch, stride)`: what a residual block returns, given its input and what its branch "
         "made of it.",
    reference=lambda x, branch, stride: _relu(branch + _shortcut(x, branch, stride)),
    cases=_sum_cases,
    minutes=15, level=1,
    text=r"""
        $$y = \mathrm{ReLU}(\mathrm{branch} + \mathrm{shortcut}(x))$$

        `x` is (N, C, H, W) and `branch` is (N, C′, H′, W′), with C′ ≥ C, H′ = ⌈H / stride⌉ and W′ = ⌈W / stride⌉. The
        shortcut has no parameters: it takes rows and columns 0, stride, 2·stride, … of `x`, and the C′ − C new
        channels, which come last, are zeros.
    """,
    hints={
        "NumPy says that shapes cannot be broadcast":
            "Slice the rows and columns of `x` with a step first. Then only its channels are too few: `np.pad`, or an "
            "array of zeros that you fill in part.",
        "The first channels are right and the last are not":
            "Where the shortcut has no channels it adds 0, and the branch is still there. Is it?",
        "Negative numbers come out, or too many zeros":
            "There is one ReLU, and it comes after the sum.",
    },
)


@summed.solution
def residual_sum(x, branch, stride):
    """(N, C, H, W), (N, C′, H′, W′), int  →  (N, C′, H′, W′)"""
    shortcut = np.zeros(branch.shape)
    shortcut[:, :x.shape[1]] = x[:, :, ::stride, ::stride]
    return np.maximum(branch + shortcut, 0)


@summed.mistake("ReLU comes before the sum",
                hint="A branch that ends in a ReLU can only add to its input, never take away. Add first.")
def _(x, branch, stride):
    return _relu(branch) + _shortcut(x, branch, stride)


@summed.mistake("both parts get a ReLU before the sum", hint="One ReLU, after the sum.")
def _(x, branch, stride):
    return _relu(branch) + _relu(_shortcut(x, branch, stride))


@summed.mistake("the shortcut gets a ReLU of its own",
                hint="The shortcut passes x on as it is, negative numbers too. The only ReLU comes after the sum.")
def _(x, branch, stride):
    return _relu(branch + _relu(_shortcut(x, branch, stride)))


@summed.mistake("ReLU is missing", hint="The sum is right. This block has a ReLU after it.")
def _(x, branch, stride):
    return branch + _shortcut(x, branch, stride)


@summed.mistake("the shortcut is missing", hint="This is a plain block: add the shortcut before the ReLU.")
def _(x, branch, stride):
    return _relu(branch)


@summed.mistake("the branch is missing", hint="This is the shortcut alone. Add what the branch made.")
def _(x, branch, stride):
    return _relu(_shortcut(x, branch, stride))


@summed.mistake("the shortcut is subtracted", hint="The branch learns what to add to x: branch + shortcut.")
def _(x, branch, stride):
    return _relu(branch - _shortcut(x, branch, stride))


@summed.mistake("the branch is subtracted", hint="The branch learns what to add to x: branch + shortcut.")
def _(x, branch, stride):
    return _relu(_shortcut(x, branch, stride) - branch)


@summed.mistake("the two are multiplied", hint="Multiplying is gating, as in squeeze-and-excitation. Here it is a sum.")
def _(x, branch, stride):
    return _relu(branch * _shortcut(x, branch, stride))


@summed.mistake("the new channels come first",
                hint="The channels of x meet the first channels of the branch; the zeros come after them.")
def _(x, branch, stride):
    return _relu(branch + _shortcut(x, branch, stride, front=True))


@summed.mistake("the new channels lie on both sides",
                hint="Some programs put half of the zeros in front. Here all new channels come last.")
def _(x, branch, stride):
    front = (branch.shape[1] - x.shape[1]) // 2
    return _relu(branch + np.roll(_shortcut(x, branch, stride), front, 1))


@summed.mistake("the shortcut averages its windows",
                hint="It takes every stride-th pixel, as a 1×1 convolution with this stride does, and averages none.")
def _(x, branch, stride):
    return _relu(branch + _shortcut(_window_mean(x, stride), branch, 1))


@summed.mistake("the shortcut takes the largest of its windows",
                hint="It takes every stride-th pixel; nothing is pooled.")
def _(x, branch, stride):
    return _relu(branch + _shortcut(_window_mean(x, stride, np.max), branch, 1))


@summed.mistake("it begins with pixel 1", hint="Rows and columns 0, stride, 2·stride: x[:, :, ::stride, ::stride].")
def _(x, branch, stride):
    return _relu(branch + _shortcut(x, branch, stride, first=1 % stride))


@summed.mistake("the corner of x is taken, not every stride-th pixel",
                hint="Slice with a step: x[:, :, ::stride, ::stride] looks at the whole image.")
def _(x, branch, stride):
    return _relu(branch + _shortcut(x[:, :, :branch.shape[2], :branch.shape[3]], branch, 1))


@summed.mistake("the new channels hold the shortcut only",
                hint="Where x has no channel the shortcut adds 0, but the branch stays.")
def _(x, branch, stride):
    total = _relu(branch + _shortcut(x, branch, stride))
    total[:, x.shape[1]:] = 0
    return total


@summed.mistake("the new channels have no ReLU", hint="The ReLU is for all channels, new ones too.")
def _(x, branch, stride):
    total = branch + _shortcut(x, branch, stride)
    total[:, :x.shape[1]] = _relu(total[:, :x.shape[1]])
    return total


@summed.mistake("negative numbers are kept, positive ones are not", hint="ReLU is the larger of the number and 0.")
def _(x, branch, stride):
    return np.minimum(branch + _shortcut(x, branch, stride), 0)


@summed.mistake("the first channels hold the shortcut only", hint="Add to the branch: +=, not =.")
def _(x, branch, stride):
    total = branch.copy()
    total[:, :x.shape[1]] = _shortcut(x, branch, stride)[:, :x.shape[1]]
    return _relu(total)


@summed.mistake("the new channels of the shortcut hold ones", hint="Where x has no channel the shortcut adds 0.")
def _(x, branch, stride):
    shortcut = _shortcut(x, branch, stride)
    shortcut[:, x.shape[1]:] = 1
    return _relu(branch + shortcut)


@summed.mistake("what is negative becomes 1", hint="ReLU is max(0, y).")
def _(x, branch, stride):
    return np.maximum(branch + _shortcut(x, branch, stride), 1)


@summed.mistake("what is below −1 becomes −1", hint="ReLU is max(0, y).")
def _(x, branch, stride):
    return np.maximum(branch + _shortcut(x, branch, stride), -1)


@summed.accepted("zeros around x")
def _(x, branch, stride):
    kept = x[:, :, ::stride, ::stride]
    kept = np.pad(kept, ((0, 0), (0, branch.shape[1] - x.shape[1]), (0, 0), (0, 0)))
    return (kept + branch) * (kept + branch > 0)


@summed.accepted("a 1×1 convolution that copies")
def _(x, branch, stride):
    copies = np.eye(branch.shape[1], x.shape[1])
    return np.clip(np.einsum("oc,nchw->nohw", copies, x[..., ::stride, ::stride]) + branch, 0, None)


# ---- dense_channels --------------------------------------------------------------------------------------------------

def _channels(k0, k, depths, share, block=lambda c, k, layers: c + k * layers, cut=np.floor):
    counts = [k0]
    for number, layers in enumerate(depths):
        if number:
            counts.append(int(cut(share * counts[-1])))
        counts.append(block(counts[-1], k, layers))
    return np.array(counts)


def _channel_cases(rng, turn):
    """Three or four blocks; odd counts, so that halves are cut; other shares than a half."""
    share = [0.5, 0.25, 0.75, 0.5, 1.0][turn % 5]
    k0, k = int(rng.integers(5, 40)), int(rng.integers(3, 20))
    return k0, k, tuple(int(n) for n in rng.integers(2, 9, 3 + turn % 2)), share


channels = Question(
    "dense_channels", title="How many channels a DenseNet carries", points=1, kind="predict", practice=True,
    asks="Write `dense_channels(k0, k, depths, share)`: the channels behind the stem, behind each dense block and "
         "behind each transition, in the order in which an image meets them.",
    reference=_channels, cases=_channel_cases, tolerance=1e-9,
    minutes=10, level=1,
    text=r"""
        The stem makes `k0` channels. `depths` is a tuple with the layers of each dense block; each layer keeps what it
        was given and adds `k` channels. Between two blocks stands a transition, which leaves the integer part of
        `share` times its channels; behind the last block there is none. Return a list of 2·len(depths) integers.
    """,
    hints={
        "How to check it by hand":
            "k0 = 6, k = 5, depths (2, 3), share 0.5: 6, then 16, then 8, then 23.",
        "Its length is one too large":
            "After the last block comes the classifier, not a transition.",
    },
)


@channels.solution
def dense_channels(k0, k, depths, share):
    """int, int, tuple of ints, number  →  list of ints"""
    counts = [k0]
    for layers in depths:
        counts.append(counts[-1] + k * layers)
        counts.append(int(share * counts[-1]))
    return counts[:-1]


channels.mistake("one layer too many in each block", hint="A block of L layers adds L·k channels, no more.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c + k * (n + 1)))
channels.mistake("one layer too few in each block",
                 hint="k₀ + k·(L − 1) is what the last layer sees. Its own k channels come out of the block too.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c + k * (n - 1)))
channels.mistake("the layers add to nothing", hint="A layer keeps its input and adds k channels: both count.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: k * n))
channels.mistake("the channels do not grow", hint="Sums keep the channels. A dense block concatenates: + k a layer.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c))
channels.mistake("each block adds k channels, not each layer", hint="Each of the L layers adds k channels.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c + k))
channels.mistake("a layer count is added for L·k", hint="Each of the L layers adds k channels: L·k.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c + k + n))
channels.mistake("the layers are added without k", hint="Each of the L layers adds k channels: L·k.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c + n))
channels.mistake("the layers take channels away", hint="A layer adds channels to those it was given.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c - k * n))
channels.mistake("each layer doubles what it has", hint="A layer adds k channels, however many come in.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, lambda c, k, n: c * 2**n))
channels.mistake("a transition rounds up", hint="The integer part is asked for: 0.5 of 23 are 11.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, cut=np.ceil))
channels.mistake("a transition rounds to the nearest number", hint="The integer part is asked for: 0.75 of 9 are 6.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, share, cut=np.round))
channels.mistake("every transition halves", hint="The share is an argument. It is 0.5 in DenseNet-BC only.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, 0.5))
channels.mistake("the transitions change nothing", hint="It leaves the integer part of share times its channels.")(
    lambda k0, k, depths, share: _channels(k0, k, depths, 1))


@channels.mistake("a transition divides by the share", hint="Multiply by the share: 0.5 leaves a half.")
def _(k0, k, depths, share):
    return _channels(k0, k, depths, 1, cut=lambda c: int(c / share))


@channels.mistake("a transition leaves halves of channels", hint="Cut to an integer: int(share * channels).")
def _(k0, k, depths, share):
    counts = [k0]
    for layers in depths:
        counts += [counts[-1] + k * layers, share * (counts[-1] + k * layers)]
    return counts[:-1]


@channels.mistake("there is a transition behind the last block", hint="After the last block comes the classifier.")
def _(k0, k, depths, share):
    counts = _channels(k0, k, depths, share)
    return np.append(counts, int(share * counts[-1]))


@channels.mistake("the stem is left out", hint="The list begins with k0, the channels behind the stem.")
def _(k0, k, depths, share):
    return _channels(k0, k, depths, share)[1:]


@channels.mistake("the transitions are left out of the list", hint="Behind each transition a number is asked for too.")
def _(k0, k, depths, share):
    counts = _channels(k0, k, depths, share)
    return [counts[0], *counts[1::2]]


@channels.mistake("the layers of earlier blocks are counted again",
                  hint="Each block starts from what the transition left.")
def _(k0, k, depths, share):
    counts = [k0]
    for number, layers in enumerate(np.cumsum(depths)):
        if number:
            counts.append(int(share * counts[-1]))
        counts.append(counts[-1] + k * int(layers))
    return counts


@channels.mistake("the transition cuts what came into the block",
                  hint="The transition sees the channels behind the block: counts[-1], the newest.")
def _(k0, k, depths, share):
    counts = [k0]
    for layers in depths:
        before = counts[-1]
        counts += [before + k * layers, int(share * before)]
    return counts[:-1]


@channels.mistake("the last number is missing", hint="The last block's channels are asked for too.")
def _(k0, k, depths, share):
    return _channels(k0, k, depths, share)[:-1]


@channels.mistake("growth and stem are exchanged", hint="The stem makes k0 channels, each layer adds k.")
def _(k0, k, depths, share):
    return _channels(k, k0, depths, share)


@channels.accepted("one number that goes on")
def _(k0, k, depths, share):
    found, now = [k0], k0
    for number, layers in enumerate(depths, 1):
        for _ in range(layers):
            now += k
        found.append(now)
        if number < len(depths):
            now = int(np.floor(now * share))
            found.append(now)
    return np.array(found)


@channels.accepted("by recursion")
def _(k0, k, depths, share):
    def follow(c, depths):
        c2 = c + k * depths[0]
        return [c, c2] if len(depths) == 1 else [c, c2, *follow(int(share * c2), depths[1:])][:]
    return follow(k0, depths)


# ---- dense_block_parameters ------------------------------------------------------------------------------------------

def _layer_parameters(c, k, width):
    return 2 * c + c * width + 2 * width + 9 * width * k


def _count_dense(k0, k, layers, bottleneck, count=_layer_parameters, seen=lambda k0, k, l: k0 + k * l):
    return sum(count(seen(k0, k, l), k, bottleneck * k) for l in range(layers))


def _dense_cases(rng, turn):
    k0, k = _sizes(rng, 2, 5, 40)
    return k0, k, int(rng.integers(3, 13)), 2 + turn % 4


dense_count = Question(
    "dense_block_parameters", title="What a dense block costs", points=2, kind="predict",
    asks="Write `dense_block_parameters(k0, k, layers, bottleneck)`: the number of parameters of a dense block.",
    reference=lambda k0, k, layers, bottleneck: np.array(_count_dense(k0, k, layers, bottleneck)),
    cases=_dense_cases, tolerance=1e-9,
    minutes=15, level=2,
    text=r"""
        `k0` channels come in, each of the `layers` layers adds `k`. A layer is: batch norm, ReLU, a 1×1 convolution to
        `bottleneck`·k channels, batch norm, ReLU, a 3×3 convolution to k channels. The convolutions have no bias, a
        batch norm has two parameters for each channel that it normalises. Return one integer.
    """,
    hints={
        "Where do I begin?":
            "With one layer that is given c channels. List its four parts that have parameters, and what each sees.",
        "It is right for one layer only":
            "The next layer is given k channels more. Only the parts that see all of them grow.",
    },
)


@dense_count.solution
def dense_block_parameters(k0, k, layers, bottleneck):
    """int, int, int, int  →  int"""
    total, width = 0, bottleneck * k
    for l in range(layers):
        c = k0 + k * l
        narrow = 2 * c + c * width
        total += narrow + 2 * width + width * k * 9
    return total


def _counted(count=_layer_parameters, seen=lambda k0, k, l: k0 + k * l):
    return lambda k0, k, layers, bottleneck: _count_dense(k0, k, layers, bottleneck, count, seen)


dense_count.mistake("all layers see k₀ channels", hint="Layer l is given what all layers before it have added.")(
    _counted(seen=lambda k0, k, l: k0))
dense_count.mistake("every layer sees one layer too much",
                    hint="The first layer is given k₀ channels, not k₀ + k: count layers from 0.")(
    _counted(seen=lambda k0, k, l: k0 + k * (l + 1)))
dense_count.mistake("k₀ is forgotten", hint="The block's input stays part of what every layer is given.")(
    _counted(seen=lambda k0, k, l: k * l))
dense_count.mistake("every layer sees the one before it only",
                    hint="A layer is given all that came before it, concatenated, not only the last k channels.")(
    _counted(seen=lambda k0, k, l: k0 if l == 0 else k))
dense_count.mistake("the channels double with each layer", hint="Each layer adds k channels.")(
    _counted(seen=lambda k0, k, l: k0 * 2**l))
dense_count.mistake("k and l are added", hint="l layers have added k channels each: k·l.")(
    _counted(seen=lambda k0, k, l: k0 + k + l))
dense_count.mistake("a layer adds one channel", hint="Each layer adds k channels.")(
    _counted(seen=lambda k0, k, l: k0 + l))
dense_count.mistake("a layer takes channels away", hint="Each layer adds k channels.")(
    _counted(seen=lambda k0, k, l: k0 - k * l))
dense_count.mistake("k₀ multiplies", hint="k₀ channels come in, k·l are added to them.")(
    _counted(seen=lambda k0, k, l: k0 * k * l))
dense_count.mistake("the batch norms are forgotten", hint="Each batch norm has a scale and a shift for each channel.")(
    _counted(lambda c, k, width: c * width + 9 * width * k))
dense_count.mistake("a batch norm has one parameter a channel", hint="It has two: γ and β.")(
    _counted(lambda c, k, width: c + c * width + width + 9 * width * k))
dense_count.mistake("the first batch norm is forgotten", hint="It normalises all channels that come in: 2·c.")(
    _counted(lambda c, k, width: c * width + 2 * width + 9 * width * k))
dense_count.mistake("the second batch norm is forgotten", hint="It normalises what the 1×1 made: 2·bottleneck·k.")(
    _counted(lambda c, k, width: 2 * c + c * width + 9 * width * k))
dense_count.mistake("the norms stand behind their convolutions",
                    hint="In a dense layer the norm comes first: it normalises what the convolution is given.")(
    _counted(lambda c, k, width: c * width + 2 * width + 9 * width * k + 2 * k))
dense_count.mistake("the convolutions have biases", hint="They have none.")(
    _counted(lambda c, k, width: _layer_parameters(c, k, width) + width + k))
dense_count.mistake("the running statistics are counted", hint="They are not parameters: nothing trains them.")(
    _counted(lambda c, k, width: 4 * c + c * width + 4 * width + 9 * width * k))
dense_count.mistake("the 3×3 has one tap", hint="A 3×3 kernel has 9 taps for each pair of channels.")(
    _counted(lambda c, k, width: 2 * c + c * width + 2 * width + width * k))
dense_count.mistake("the 1×1 has nine taps", hint="A 1×1 kernel has one tap for each pair of channels.")(
    _counted(lambda c, k, width: 2 * c + 9 * c * width + 2 * width + 9 * width * k))
dense_count.mistake("the 1×1 is forgotten", hint="It maps c channels to bottleneck·k.")(
    _counted(lambda c, k, width: 2 * c + 2 * width + 9 * width * k))
dense_count.mistake("the 3×3 is forgotten", hint="It maps bottleneck·k channels to k, with 9 taps each.")(
    _counted(lambda c, k, width: 2 * c + c * width + 2 * width))
dense_count.mistake("there is no bottleneck", hint="The 3×3 sees the bottleneck·k channels of the 1×1, not all c.")(
    _counted(lambda c, k, width: 2 * c + 9 * c * k))
dense_count.mistake("the 1×1 makes `bottleneck` channels", hint="It makes bottleneck·k channels.")(
    _counted(lambda c, k, width: _layer_parameters(c, k, width // k)))
dense_count.mistake("the 1×1 makes bottleneck + k channels", hint="It makes bottleneck·k channels.")(
    _counted(lambda c, k, width: _layer_parameters(c, k, width // k + k)))
dense_count.mistake("the 1×1 makes k channels", hint="It makes bottleneck·k channels.")(
    _counted(lambda c, k, width: _layer_parameters(c, k, k)))
dense_count.mistake("the 3×3 keeps its width", hint="The 3×3 gives k channels, the new ones.")(
    _counted(lambda c, k, width: 2 * c + c * width + 2 * width + 9 * width * width))
dense_count.mistake("the 1×1 adds its channels where it should multiply",
                    hint="A 1×1 convolution has a weight for each pair of channels: c·width.")(
    _counted(lambda c, k, width: 2 * c + c + width + 2 * width + 9 * width * k))
dense_count.mistake("the 3×3 has weights for one channel only", hint="It has 9 weights for each pair: 9·width·k.")(
    _counted(lambda c, k, width: 2 * c + c * width + 2 * width + 9 * width))
dense_count.mistake("of the 3×3 and the 1×1 only the 3×3 is counted, without norms",
                    hint="The 1×1 in front and both norms have parameters too.")(
    _counted(lambda c, k, width: 9 * width * k))
dense_count.mistake("only one layer is counted", hint="Add up all layers: total +=.")(
    lambda k0, k, layers, bottleneck: _layer_parameters(k0 + k * (layers - 1), k, bottleneck * k))
dense_count.mistake("the sum is subtracted", hint="Add up all layers: total +=.")(
    lambda *a: -_count_dense(*a))
dense_count.mistake("bottleneck is always 4", hint="bottleneck is an argument. It is 4 in the paper.")(
    lambda k0, k, layers, bottleneck: _count_dense(k0, k, layers, 4))


@dense_count.mistake("all layers are as the last one", hint="Each layer is given k channels more than the one before.")
def _(k0, k, layers, bottleneck):
    return layers * _layer_parameters(k0 + k * (layers - 1), k, bottleneck * k)


@dense_count.accepted("in closed form")
def _(k0, k, layers, bottleneck):
    width = bottleneck * k
    return (2 + width) * (layers * k0 + k * layers * (layers - 1) // 2) + layers * width * (2 + 9 * k)


@dense_count.accepted("with arrays")
def _(k0, k, layers, bottleneck):
    c = k0 + k * np.arange(layers)
    shapes = np.array([np.full(layers, 2), np.full(layers, bottleneck * k)])
    return (shapes * c).sum() + layers * bottleneck * k * (9 * k + 2)


# ---- dense_block -----------------------------------------------------------------------------------------------------

def _forward_dense(x, w, activate=_relu, order=1, before=True):
    for l in range(len(w)):
        seen = activate(x) if before else x
        new = np.einsum("oc,nchw->nohw", w[l][:, :x.shape[1]], seen)
        new = new if before else activate(new)
        x = np.concatenate([x, new][::order], axis=1)
    return x


def _forward_cases(rng):
    n, k, k0, layers = _sizes(rng, 4, 2, 6)
    h, w = _sizes(rng, 2, 2, 5)
    layers = min(layers, 4)
    x = numbers(rng, (n, k0, h, w))
    return x, numbers(rng, (layers, k, k0 + k * (layers - 1))) / 2


dense_forward = Question(
    "dense_block", title="A dense block, run", points=2,
    asks="Write `dense_block(x, w)`: the output of a dense block of 1×1 convolutions.",
    reference=_forward_dense, cases=_forward_cases,
    minutes=15, level=2,
    text=r"""
        `x` is (N, k₀, H, W). `w` holds the kernels of L layers, (L, k, k₀ + k·(L − 1)): layer l = 0, 1, … computes ReLU
        of all channels that it is given, then a 1×1 convolution with `w[l]`, of which it uses as many columns, from the
        left, as it is given channels; the rest of the row is left over. Its k new channels come behind those it was
        given, which go on as they are, without the ReLU. Return (N, k₀ + k·L, H, W).
    """,
    hints={
        "The last channels are right in the first layer only":
            "Each layer is given everything: the block's input and what all layers before it have made, in this order.",
        "The first channels have no negative numbers":
            "ReLU belongs to the branch. What goes on to the next layer is what came in, untouched.",
        "How do I write a 1×1 convolution?":
            "At each pixel it is a matrix times the vector of channels: `np.einsum(\"oc,nchw->nohw\", …)`.",
    },
)


@dense_forward.solution
def dense_block(x, w):
    """(N, k₀, H, W), (L, k, k₀ + k·(L − 1))  →  (N, k₀ + k·L, H, W)"""
    for kernel in w:
        given = x.shape[1]
        new = np.einsum("oc,nchw->nohw", kernel[:, :given], np.maximum(x, 0))
        x = np.concatenate([x, new], axis=1)
    return x


@dense_forward.mistake("ReLU comes after the convolution",
                       hint="The order is that of pre-activation: ReLU, then the convolution. New channels can be "
                            "negative.")
def _(x, w):
    return _forward_dense(x, w, before=False)


@dense_forward.mistake("ReLU is missing", hint="Each layer computes ReLU of what it is given before its convolution.")
def _(x, w):
    return _forward_dense(x, w, lambda x: x)


@dense_forward.mistake("the ReLU changes what goes on",
                       hint="What is given to the next layers is x itself. ReLU belongs to the branch: write its "
                            "result to a new array.")
def _(x, w):
    for l in range(len(w)):
        x = _relu(x)
        x = np.concatenate([x, np.einsum("oc,nchw->nohw", w[l][:, :x.shape[1]], x)], 1)
    return x


@dense_forward.mistake("the new channels come first", hint="New channels come behind those that were given.")
def _(x, w):
    return _forward_dense(x, w, order=-1)


@dense_forward.mistake("each layer sees the one before it only",
                       hint="A layer is given all channels so far, not only the last k. That is the dense part.")
def _(x, w):
    parts = [x]
    for l in range(len(w)):
        seen = parts[-1]
        parts.append(np.einsum("oc,nchw->nohw", w[l][:, :seen.shape[1]], _relu(seen)))
    return np.concatenate(parts, 1)


@dense_forward.mistake("each layer sees the block's input only",
                       hint="A layer is also given what all layers before it have made.")
def _(x, w):
    seen = x.shape[1]
    return np.concatenate([x, *(np.einsum("oc,nchw->nohw", one[:, :seen], _relu(x)) for one in w)], 1)


@dense_forward.mistake("the block's input is not part of the output",
                       hint="The output holds k₀ + k·L channels: x comes first.")
def _(x, w):
    return _forward_dense(x, w)[:, x.shape[1]:]


@dense_forward.mistake("only the last layer's channels come out",
                       hint="The output holds the input and the channels of all layers.")
def _(x, w):
    return _forward_dense(x, w)[:, -w.shape[1]:]


@dense_forward.mistake("the columns are taken from the right",
                       hint="Of w[l] the first columns are used, as many as there are channels.")
def _(x, w):
    for one in w:
        new = np.einsum("oc,nchw->nohw", one[:, one.shape[1] - x.shape[1]:], _relu(x))
        x = np.concatenate([x, new], 1)
    return x


@dense_forward.mistake("all layers use the same kernel", hint="Layer l has its own kernel, w[l].")
def _(x, w):
    return _forward_dense(x, [w[0]] * len(w))


@dense_forward.mistake("the last kernel is used first", hint="Layer l has the kernel w[l], counted from 0.")
def _(x, w):
    return _forward_dense(x, w[::-1])


@dense_forward.mistake("the new channels are added, not concatenated",
                       hint="A residual block adds; a dense block puts the new channels beside the old ones.")
def _(x, w):
    k = w.shape[1]
    for one in w:
        new = np.einsum("oc,nchw->nohw", one[:, :x.shape[1]], _relu(x))
        x = x.copy()
        x[:, :k] = x[:, :k] + new[:, :x.shape[1]]
    return x


@dense_forward.mistake("negative numbers are kept, positive ones are not", hint="ReLU is the larger of x and 0.")
def _(x, w):
    return _forward_dense(x, w, lambda x: np.minimum(x, 0))


@dense_forward.mistake("what is below 1 becomes 1", hint="ReLU is max(0, x).")
def _(x, w):
    return _forward_dense(x, w, lambda x: np.maximum(x, 1))


@dense_forward.mistake("what is below −1 becomes −1", hint="ReLU is max(0, x).")
def _(x, w):
    return _forward_dense(x, w, lambda x: np.maximum(x, -1))


@dense_forward.accepted("a list of all that was made, and a loop over the channels")
def _(x, w):
    maps = list(np.moveaxis(x, 1, 0))
    for kernel in w:
        active = [np.clip(one, 0, None) for one in maps]
        maps += [sum(row[c] * one for c, one in enumerate(active)) for row in kernel]
    return np.stack(maps, 1)


@dense_forward.accepted("an array made in advance, channels last")
def _(x, w):
    layers, k, _ = w.shape
    k0 = x.shape[1]
    out = np.zeros((*x.shape[:1], *x.shape[2:], k0 + k * layers))
    out[..., :k0] = x.transpose(0, 2, 3, 1)
    for l in range(layers):
        c = k0 + k * l
        seen = out[..., :c]
        out[..., c:c + k] = (seen * (seen > 0)) @ w[l, :, :c].T
    return out.transpose(0, 3, 1, 2)


# ---- preact_block ----------------------------------------------------------------------------------------------------

def _mix(w, x):
    return np.einsum("oc,nchw->nohw", w, x)


def _preact(x, w1, w2, scale, shift):
    activated = _relu(scale[:, None, None] * x + shift[:, None, None])
    return x + _mix(w2, _relu(_mix(w1, activated)))


def _preact_cases(rng):
    n, c, width, h, w = _sizes(rng, 5, 2, 7)
    return (numbers(rng, (n, c, h, w)), numbers(rng, (width, c)) / 2, numbers(rng, (c, width)) / 2, numbers(rng, c),
            numbers(rng, c))


preact = Question(
    "preact_block", title="A block that spoils its own shortcut", points=2, kind="mend",
    asks="Mend `preact_block(x, w1, w2, scale, shift)`: a residual block with pre-activation, whose shortcut is its "
         "input.",
    reference=_preact, cases=_preact_cases,
    minutes=15, level=2,
    text=r"""
        $$y = x + W_2\,\mathrm{ReLU}\bigl(W_1\,\mathrm{ReLU}(\mathrm{scale}\cdot x + \mathrm{shift})\bigr)$$

        `x` is (N, C, H, W). `scale` and `shift` hold a number for each channel: a batch norm in evaluation mode. `w1`
        is the matrix (M, C) of a 1×1 convolution, `w2` that of another, (C, M). Nothing comes after the sum. The given
        function raises no error, its output has the right shape, and networks of such blocks do learn.
    """,
    hints={
        "Where do I look?":
            "Print `x` before and after a call. What does the shortcut add?",
        "Which lines write into an array, and which make a new one?":
            "`x *= 2` writes into x, `x = 2 * x` makes a new array and gives it the old name. `out=` writes as well.",
        "It is still wrong, and x is no longer changed":
            "There may be two names for one array, or one name for two: the sum needs the x of the first line.",
    },
)


@preact.solution
def preact_block(x, w1, w2, scale, shift):
    """(N, C, H, W), (M, C), (C, M), (C,), (C,)  →  (N, C, H, W)"""
    branch = scale[:, None, None] * x + shift[:, None, None]
    branch = np.maximum(branch, 0)
    branch = np.einsum("mc,nchw->nmhw", w1, branch)
    branch = np.maximum(branch, 0)
    branch = np.einsum("cm,nmhw->nchw", w2, branch)
    return x + branch


@preact.given("the shortcut takes the activated input",
              hint="The branch has written over x: *=, += and out= change the array that the shortcut adds. Its sum is "
                   "ReLU(scale·x + shift) + branch, where x + branch was asked for.")
def _(x, w1, w2, scale, shift):
    branch = x
    branch *= scale[:, None, None]
    branch += shift[:, None, None]
    np.maximum(branch, 0, out=branch)
    branch = np.einsum("mc,nchw->nmhw", w1, branch)
    np.maximum(branch, 0, out=branch)
    branch = np.einsum("cm,nmhw->nchw", w2, branch)
    return x + branch


def _block(activate=lambda x, scale, shift: _relu(scale * x + shift), shortcut=lambda x, scale, shift: x,
           middle=_relu, end=lambda y: y):
    def answer(x, w1, w2, scale, shift):
        scale, shift = scale[:, None, None], shift[:, None, None]
        branch = _mix(w2, middle(_mix(w1, activate(x, scale, shift))))
        return end(shortcut(x, scale, shift) + branch)
    return answer


preact.mistake("the shortcut takes the normalised input",
               hint="scale·x + shift is the norm of the branch. The shortcut adds x as it came: is x written over by "
                    "*= or +=?")(_block(shortcut=lambda x, scale, shift: scale * x + shift))
preact.mistake("the shortcut takes the scaled input",
               hint="The shortcut adds x as it came. Is x written over by *=?")(
    _block(shortcut=lambda x, scale, shift: scale * x))
preact.mistake("the shortcut takes ReLU of the input",
               hint="The shortcut adds x as it came, negative numbers too: is there an out=x?")(
    _block(shortcut=lambda x, scale, shift: _relu(x)))
preact.mistake("the shortcut takes the shifted input", hint="The shortcut adds x as it came. Is x written over by +=?")(
    _block(shortcut=lambda x, scale, shift: x + shift))
preact.mistake("the shortcut is missing", hint="Add x at the end.")(_block(shortcut=lambda x, scale, shift: 0 * x))
preact.mistake("the branch is missing", hint="Add the branch to x.")(_block(middle=lambda h: 0 * h))
preact.mistake("ReLU comes after the sum", hint="Nothing comes after the sum: that is what pre-activation is for.")(
    _block(end=_relu))
preact.mistake("the first ReLU is missing", hint="ReLU comes before each of the two convolutions.")(
    _block(lambda x, scale, shift: scale * x + shift))
preact.mistake("the second ReLU is missing", hint="ReLU comes before each of the two convolutions.")(
    _block(middle=lambda h: h))
preact.mistake("the norm is missing", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(x)))
preact.mistake("ReLU comes before the norm", hint="First scale·x + shift, then ReLU.")(
    _block(lambda x, scale, shift: scale * _relu(x) + shift))
preact.mistake("the shift is missing", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(scale * x)))
preact.mistake("the scale is missing", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(x + shift)))
preact.mistake("the shift is subtracted", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(scale * x - shift)))
preact.mistake("the scale is added", hint="The branch begins with scale·x + shift: scale multiplies.")(
    _block(lambda x, scale, shift: _relu(scale + x + shift)))
preact.mistake("the branch is subtracted", hint="The branch is added to x.")(
    lambda x, *rest: 2 * x - _preact(x, *rest))
preact.mistake("the branch does not see x", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(0 * x + shift)))
preact.mistake("the branch sees the scale only", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(scale + 0 * x)))
preact.mistake("the branch sees scale and shift only", hint="The branch begins with scale·x + shift.")(
    _block(lambda x, scale, shift: _relu(scale + shift + 0 * x)))
preact.mistake("the first ReLU keeps what is negative", hint="ReLU is the larger of the number and 0.")(
    _block(lambda x, scale, shift: np.minimum(scale * x + shift, 0)))
preact.mistake("the second ReLU keeps what is negative", hint="ReLU is the larger of the number and 0.")(
    _block(middle=lambda h: np.minimum(h, 0)))
preact.mistake("what is below 1 becomes 1 in the first ReLU", hint="ReLU is max(0, y).")(
    _block(lambda x, scale, shift: np.maximum(scale * x + shift, 1)))
preact.mistake("what is below −1 becomes −1 in the first ReLU", hint="ReLU is max(0, y).")(
    _block(lambda x, scale, shift: np.maximum(scale * x + shift, -1)))
preact.mistake("what is below −1 becomes −1 in the second ReLU", hint="ReLU is max(0, y).")(
    _block(middle=lambda h: np.maximum(h, -1)))
preact.mistake("what is below 1 becomes 1 in the second ReLU", hint="ReLU is max(0, y).")(
    _block(middle=lambda h: np.maximum(h, 1)))


@preact.accepted("a copy, and then in place")
def _(x, w1, w2, scale, shift):
    a = x.copy()
    a *= scale.reshape(-1, 1, 1)
    a += shift.reshape(-1, 1, 1)
    a[a < 0] = 0
    h = np.tensordot(w1, a, (1, 1))
    h = h * (h > 0)
    return x + np.tensordot(w2, h, (1, 0)).swapaxes(0, 1)


@preact.accepted("channels last")
def _(x, w1, w2, scale, shift):
    pixels = x.transpose(0, 2, 3, 1)
    branch = np.clip(pixels * scale + shift, 0, None) @ w1.T
    return (pixels + np.clip(branch, 0, None) @ w2.T).transpose(0, 3, 1, 2)


# ---- branch_scales ---------------------------------------------------------------------------------------------------

def _run(scales, x, w, v):
    """The inputs of all blocks and the output, and what each branch gave before its scale."""
    inputs, branches = [x], []
    for scale, first, second in zip(scales, w, v, strict=True):
        branch = second @ _relu(first @ inputs[-1])
        branches.append(branch)
        inputs.append(inputs[-1] + scale * branch)
    return inputs, branches


def _gradients(scales, x, w, v, grad):
    """Of the input of every block, the last output's first."""
    inputs, _ = _run(scales, x, w, v)
    found = [grad]
    for scale, first, second, given in zip(scales[::-1], w[::-1], v[::-1], inputs[-2::-1], strict=True):
        inner = (first @ given > 0) * (second.T @ found[-1])
        found.append(found[-1] + scale * (first.T @ inner))
    return found


def _wide(*arrays):
    return [np.asarray(a, np.float64) for a in arrays]


def _scale_reference(x, w, v, grad):
    x, w, v = _wide(x, w, v)
    scales = []
    for first, second in zip(w, v, strict=True):
        branch = second @ _relu(first @ x)
        scales.append(0.2 * np.linalg.norm(x) / np.linalg.norm(branch))
        x = x + scales[-1] * branch
    return np.array(scales)


def _scale_properties(scales, x, w, v, grad):
    if scales.shape != (len(w),):
        raise ValueError(f"there must be one scale for each of {len(w)} blocks, the shape is {scales.shape}")
    if not np.abs(scales).max() < 1e6:
        raise ValueError("the scales must be numbers below 1,000,000 in size")
    x, w, v, grad = _wide(x, w, v, grad)
    with np.errstate(all="ignore"):
        inputs, branches = _run(scales, x, w, v)
        sizes = np.array([np.linalg.norm(a) for a in inputs])
        steps = np.array([np.linalg.norm(a) for a in branches]) * np.abs(scales) / sizes[:-1]
        slopes = np.array([np.linalg.norm(a) for a in _gradients(scales, x, w, v, grad)])
    return {
        "each block changes its input by a sixth or more (1 yes, 0 no)": float(np.nanmin(steps) >= 0.1666),
        "each block changes its input by a fifth or less (1 yes, 0 no)": float(np.nanmax(steps) <= 0.2001),
        "the sizes of x_0 … x_L are within a factor of 3 (1 yes, 0 no)": float(sizes.max() <= 3.001 * sizes.min()),
        "their gradients are within a factor of 3 (1 yes, 0 no)":
            float(slopes.max() <= 3.001 * slopes.min()),
    }


def _scale_cases(rng, turn):
    """20 to 24 blocks; the branches are of very different strength, weak ones in every second case too."""
    blocks, c, m = int(rng.integers(20, 25)), int(rng.integers(24, 29)), int(rng.integers(40, 49))
    strength = 2.0 ** rng.uniform(-3 if turn % 2 else 1, 3 if turn % 2 else 4, blocks)
    w = rng.normal(size=(blocks, m, c)) * np.sqrt(2 / c)
    v = rng.normal(size=(blocks, c, m)) * np.sqrt(1 / m) * strength[:, None, None]
    return rng.normal(size=c), w, v, rng.normal(size=c)


scales_of = Question(
    "branch_scales", title="Twenty blocks that neither fade nor explode", points=3, kind="design",
    asks="Design `branch_scales(x, w, v, grad)`: one number for each residual block by which its branch is multiplied, "
         "so that neither the features nor the gradients grow or shrink much, and every block still does something.",
    reference=_scale_reference, cases=_scale_cases, measure=_scale_properties,
    minutes=30, level=3,
    text=r"""
        Block l computes $x_{l+1} = x_l + b_l\, V_l\, \mathrm{ReLU}(W_l\, x_l)$, and `b` is what you return: L numbers.
        `x` is the first input, (C,); `w` is (L, M, C) and `v` (L, C, M); `grad` is the gradient of the loss with
        respect to the last output, (C,). The weights are random and given, L is 20 to 24, and the branches differ much
        in strength. Wanted:

        - each block changes its input by a sixth to a fifth of its size:
          ‖x_l‖ / 6 ≤ ‖b_l V_l ReLU(W_l x_l)‖ ≤ ‖x_l‖ / 5;
        - the sizes ‖x_0‖, …, ‖x_L‖ differ by a factor of at most 3;
        - so do the sizes of the gradients of the loss with respect to x_0, …, x_L.

        The shortcut stays the identity: only the branches may be scaled. Any numbers with these properties are right.
    """,
    hints={
        "With all scales 1 it explodes":
            "How large is a branch beside its input? Measure it for the first block, with its own weights, and choose "
            "the first scale. Then you know the next input.",
        "The sizes are right and some block does too little":
            "One scale for all blocks is not enough where branches differ in strength: each needs its own.",
        "What has it to do with the gradient?":
            "It passes through the same blocks, in the other direction, and each changes it by about the same share.",
    },
)


@scales_of.solution
def branch_scales(x, w, v, grad):
    """(C,), (L, M, C), (L, C, M), (C,)  →  (L,)"""
    scales = []
    for l in range(len(w)):
        branch = v[l] @ np.maximum(w[l] @ x, 0)
        scale = 0.18 * np.linalg.norm(x) / np.linalg.norm(branch)
        x = x + scale * branch
        scales.append(scale)
    return np.array(scales)


def _planned(scale):
    """Scales from what the solution measures: scale(size of x, size of the branch, L)."""
    def answer(x, w, v, grad):
        x, w, v = _wide(x, w, v)
        found = []
        for first, second in zip(w, v, strict=True):
            branch = second @ _relu(first @ x)
            found.append(scale(np.linalg.norm(x), np.linalg.norm(branch), len(w)))
            x = x + found[-1] * branch
        return np.array(found)
    return answer


# of a design only its properties are seen: the names say which are missed, and in which cases; the hints say why
scales_of.mistake("every block does too much, in all cases",
                  hint="Changes as large as x itself pile up over 20 blocks: sizes and gradients explode. A fifth of "
                       "the input is enough.")(_planned(lambda size, branch, blocks: size / branch))
scales_of.mistake("it does too much or too little where a network with all scales 1 does",
                  hint="The branches differ much in strength, so each needs a scale of its own, a strong one a "
                       "small scale: measure it beside its input.")(lambda x, w, v, grad: np.ones(len(w)))
scales_of.mistake("some block does too little, in all cases",
                  hint="Sizes and gradients are fine, as they are where nothing happens. Measure each branch beside "
                       "its input, the newest x: the change has to be a sixth of it at least.")(
    lambda x, w, v, grad: np.full(len(w), 1e-3))
scales_of.mistake("it does too much or too little where a network with all scales 1/√L does",
                  hint="1/√L would be right if every branch gave as much as it gets. These do not: divide by what the "
                       "branch gives.")(lambda x, w, v, grad: np.full(len(w), len(w) ** -0.5))
scales_of.mistake("it does too much or too little where a network with all scales 1/L does",
                  hint="1/L does not know how strong a branch is: measure each, and divide by it.")(
    lambda x, w, v, grad: np.full(len(w), 1 / len(w)))
scales_of.mistake("it does too much or too little where the first branch's scale, given to all, does",
                  hint="The branches differ much in strength: measure each of them.")(
    lambda x, w, v, grad: np.full(len(w), _scale_reference(x, w, v, grad)[0]))
scales_of.mistake("some blocks do too little and some too much, in all cases",
                  hint="Measure each branch beside its own input, the newest x: after each block add to x what the "
                       "branch gives, times its scale.")(
    lambda x, w, v, grad: np.array([
        0.18 * np.linalg.norm(x) / np.linalg.norm(second @ _relu(first @ x)) for first, second in zip(w, v, strict=True)
    ]))


@scales_of.accepted("a share of 1/√L")
def _(x, w, v, grad):
    return _planned(lambda size, branch, blocks: 0.86 * size / branch / np.sqrt(blocks))(x, w, v, grad)


@scales_of.accepted("alternating signs")
def _(x, w, v, grad):
    scales, x = [], np.array(x, float)
    for l in range(len(w)):
        branch = v[l] @ (np.maximum(w[l] @ x, 0))
        scales.append((-1) ** l * 0.17 * np.sqrt((x @ x) / (branch @ branch)))
        x = x + scales[-1] * branch
    return scales


QUESTIONS = [summed, channels, dense_count, dense_forward, preact, scales_of]
