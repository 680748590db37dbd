"""Week 3: the questions of the notebook `efficient_networks`."""

import itertools

import numpy as np

from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import numbers, unequal

# ---- count_inverted_residual -----------------------------------------------------------------------------------------

def _counts(c_in, c_out, expansion, k):
    width = expansion * c_in
    return {"widen": c_in * width, "depthwise": k * k * width, "narrow": width * c_out,
            "norms": 2 * (width + width + c_out)}


def _weights(c_in, c_out, expansion, k):
    return sum(_counts(c_in, c_out, expansion, k).values())


count = Question(
    "count_inverted_residual", title="What is in an inverted residual", points=2, kind="predict", practice=True,
    asks="Write `count_inverted_residual(c_in, c_out, expansion, k)`: how many parameters an inverted residual block "
         "has.",
    reference=_weights,
    cases=lambda rng: (*unequal(rng, 3, 40), int(rng.integers(2, 7)), int(rng.choice([3, 5, 7]))), tolerance=1e-9,
    minutes=12, level=1,
    text=r"""
        The block has three convolutions, none with a bias: a 1 × 1 layer from `c_in` to `expansion` · `c_in`
        channels; a depthwise layer, k × k; a 1 × 1 layer to `c_out` channels. Behind each stands a batch norm,
        which has a scale and a shift for each of its channels. `expansion` is at least 2.
    """,
    hints={
        "Where do I begin?": "Write down the shape of each weight: (out, in/groups, k, k).",
        "It is a little too small": "Three batch norms: how many channels does each have?",
    },
)


@count.solution
def count_inverted_residual(c_in, c_out, expansion, k):
    """→ a whole number"""
    width = expansion * c_in
    convolutions = c_in * width + k * k * width + width * c_out
    norms = 2 * (width + width + c_out)
    return convolutions + norms


def _changed(**parts):
    """The sum with some parts replaced: part=function(c_in, c_out, expansion, k)."""
    def answer(c_in, c_out, expansion, k):
        counts = _counts(c_in, c_out, expansion, k)
        counts |= {name: part(c_in, c_out, expansion, k) for name, part in parts.items()}
        return sum(counts.values())
    return answer


count.mistake("the norms are forgotten", hint="Each batch norm has a scale and a shift for each channel.")(
    _changed(norms=lambda c, o, t, k: 0))
count.mistake("one number for each channel of a norm", hint="A scale and a shift: two numbers.")(
    _changed(norms=lambda c, o, t, k: 2 * t * c + o))
count.mistake("the norm behind the depthwise layer is "
              "forgotten", hint="There are three norms, two of the wide channels.")(
    _changed(norms=lambda c, o, t, k: 2 * (t * c + o)))
count.mistake("the norms have c_in channels", hint="A norm has as many channels as the layer before it gives.")(
    _changed(norms=lambda c, o, t, k: 2 * (c + t * c + o)))
count.mistake("the last norm is forgotten", hint="Behind the narrowing layer stands a norm too, of c_out channels.")(
    _changed(norms=lambda c, o, t, k: 4 * t * c))
count.mistake("the last norm is wide", hint="The last norm has c_out channels.")(
    _changed(norms=lambda c, o, t, k: 6 * t * c))
count.mistake("running statistics are counted", hint="Mean and variance are buffers: no gradient reaches them.")(
    _changed(norms=lambda c, o, t, k: 4 * (2 * t * c + o)))
count.mistake("biases are counted", hint="The convolutions have no bias; the norm's shift does its work.")(
    _changed(norms=lambda c, o, t, k: 3 * (2 * t * c + o)))
count.mistake("the middle layer is not depthwise", hint="Each of its channels has one k × k kernel of its own.")(
    _changed(depthwise=lambda c, o, t, k: k * k * (t * c) ** 2))
count.mistake("the depthwise layer works on c_in channels", hint="It stands in the wide middle.")(
    _changed(depthwise=lambda c, o, t, k: k * k * c))
count.mistake("the depthwise layer is forgotten", hint="Between the two 1 × 1 layers stands a k × k one.")(
    _changed(depthwise=lambda c, o, t, k: 0))
count.mistake("k for k²", hint="A kernel of k × k has k² taps.")(_changed(depthwise=lambda c, o, t, k: k * t * c))
count.mistake("2k for k²", hint="A kernel of k × k has k² taps.")(_changed(depthwise=lambda c, o, t, k: 2 * k * t * c))
count.mistake("the widening layer is forgotten", hint="The first 1 × 1 layer leads from c_in to the wide channels.")(
    _changed(widen=lambda c, o, t, k: 0))
count.mistake("the narrowing layer is forgotten", hint="The last 1 × 1 layer leads from the wide channels to c_out.")(
    _changed(narrow=lambda c, o, t, k: 0))
count.mistake("the narrowing layer begins at c_in", hint="It reads the wide channels.")(
    _changed(narrow=lambda c, o, t, k: c * o))
count.mistake("the widening layer has c_in · expansion weights",
              hint="It has a weight for each pair of a channel that it reads and one that it gives.")(
    _changed(widen=lambda c, o, t, k: t * c))
count.mistake("the 1 × 1 layers are counted with k²", hint="A 1 × 1 kernel has one tap.")(
    _changed(widen=lambda c, o, t, k: k * k * t * c * c, narrow=lambda c, o, t, k: k * k * t * c * o))
count.mistake("not wide at all", hint="The inside has expansion · c_in channels.")(
    lambda c, o, t, k: _weights(c, o, 1, k))
count.mistake("wide is expansion · c_out", hint="The width follows from the input: expansion · c_in.")(
    lambda c, o, t, k: c * t * o + k * k * t * o + t * o * o + 2 * (2 * t * o + o))
count.mistake("k is always 3", hint="k is an argument: EfficientNet has kernels of 5 × 5 too.")(
    lambda c, o, t, k: _weights(c, o, t, 3))
count.mistake("expansion is always 6", hint="expansion is an argument. It is 6 in most blocks of MobileNet v2.")(
    lambda c, o, t, k: _weights(c, o, 6, k))
count.mistake("expansion is added", hint="The inside is expansion times as wide.")(
    lambda c, o, t, k: c * (c + t) + k * k * (c + t) + (c + t) * o + 2 * (2 * (c + t) + o))
count.mistake("only the norms", hint="The convolutions have most of the parameters.")(
    lambda c, o, t, k: _counts(c, o, t, k)["norms"])
count.mistake("the norms are subtracted", hint="They have parameters too: add them.")(
    _changed(norms=lambda c, o, t, k: -2 * (2 * t * c + o)))
count.mistake("1 × 1 weights are added, not multiplied",
              hint="A 1 × 1 layer has a weight for each pair of channels: in · out.")(
    _changed(widen=lambda c, o, t, k: c + t * c, narrow=lambda c, o, t, k: t * c + o))
for _name, _hint, _parts in [
        ("the widening layer: channels added", "A weight for each pair of channels: in · out.",
         {"widen": lambda c, o, t, k: c + t * c}),
        ("the narrowing layer: channels added", "A weight for each pair of channels: in · out.",
         {"narrow": lambda c, o, t, k: t * c + o}),
        ("the narrowing layer has one filter", "It has c_out filters.", {"narrow": lambda c, o, t, k: t * c}),
        ("the narrowing layer reads one channel", "Each of its filters reads all wide channels.",
         {"narrow": lambda c, o, t, k: o}),
        ("the widening layer has one filter", "It has as many filters as there are wide channels.",
         {"widen": lambda c, o, t, k: c}),
        ("one depthwise kernel for all channels", "Each wide channel has a k × k kernel of its own.",
         {"depthwise": lambda c, o, t, k: k * k}),
        ("depthwise kernels of one tap", "Each wide channel has a kernel of k × k taps.",
         {"depthwise": lambda c, o, t, k: t * c}),
        ("depthwise: taps and channels added", "k × k taps for each channel: a product.",
         {"depthwise": lambda c, o, t, k: k * k + t * c}),
        ("only the last norm", "Behind each of the three layers stands a norm.", {"norms": lambda c, o, t, k: 2 * o}),
        ("only the first norm", "Behind each of the three layers stands a "
                                "norm.", {"norms": lambda c, o, t, k: 2 * t * c}),
        ("one of the narrow norm's numbers is missing", "A scale and a shift for each of its channels.",
         {"norms": lambda c, o, t, k: 4 * t * c + o})]:
    count.mistake(_name, hint=_hint)(_changed(**_parts))
count.accepted("one formula")(lambda c, o, t, k: t * c * (c + k * k + o) + 2 * (2 * t * c + o))


@count.accepted("layer by layer")
def _(c_in, c_out, expansion, k):
    total, wide = 0, c_in * expansion
    for c_read, c_written, kernel_size, groups in [(c_in, wide, 1, 1), (wide, wide, k, wide), (wide, c_out, 1, 1)]:
        total += c_written * c_read // groups * kernel_size**2 + 2 * c_written
    return total


# ---- scaled_up -------------------------------------------------------------------------------------------------------

def _grown(phi, alpha, beta, gamma):
    return np.array([alpha**phi, beta**phi, gamma**phi, (alpha * beta**2 * gamma**2) ** phi])


def _grow_case(rng):
    return float(rng.choice([0.5, 1.5, 2, 3, 1])), *(float(1 + n / 20) for n in rng.choice(np.arange(1, 9), 3, False))


grow = Question(
    "scaled_up", title="Deeper, wider, finer at once", points=1, practice=True,
    asks="Write `scaled_up(phi, alpha, beta, gamma)`: by how much depth, width, resolution and work grow in compound "
         "scaling.",
    reference=_grown, cases=_grow_case, tolerance=1e-6,
    minutes=8, level=1,
    text=r"""
        A network gets $\alpha^\phi$ times as many layers, $\beta^\phi$ times as many channels everywhere, and
        images with $\gamma^\phi$ times as many rows and columns. Return an array of these three factors, and a
        fourth one: how many times as many multiply-adds its convolutions then do.
    """,
    hints={
        "What does the work depend on?":
            "A layer from C to C channels on H × W pixels does H·W·C·C·k² multiply-adds; the network is a sum of such "
            "layers.",
    },
)


@grow.solution
def scaled_up(phi, alpha, beta, gamma):
    """→ (4,): depth, width, resolution, work"""
    depth, width, resolution = alpha**phi, beta**phi, gamma**phi
    work = depth * width**2 * resolution**2
    return np.array([depth, width, resolution, work])


def _work(change):
    """The first three right, the work of another formula."""
    def answer(phi, alpha, beta, gamma):
        depth, width, resolution, _ = _grown(phi, alpha, beta, gamma)
        return np.array([depth, width, resolution, change(depth, width, resolution)])
    return answer


for _name, _hint, _wrong in [
        ("the width counts once", "A layer joins C channels to C channels: twice the width, four times the work.",
         lambda d, w, r: d * w * r**2),
        ("the resolution counts once", "Twice the rows and twice the columns: four times the pixels.",
         lambda d, w, r: d * w**2 * r),
        ("width and resolution count once", "Both are squared: C·C pairs of channels, H·W pixels.",
         lambda d, w, r: d * w * r),
        ("the depth is squared", "Twice as many layers do twice the work.", lambda d, w, r: d**2 * w**2 * r**2),
        ("the depth is forgotten", "More layers, more work.", lambda d, w, r: w**2 * r**2),
        ("the width is forgotten", "More channels, more work.", lambda d, w, r: d * r**2),
        ("the resolution is forgotten", "More pixels, more work.", lambda d, w, r: d * w**2),
        ("the factors are added", "The work is a product of depth, width² and resolution².",
         lambda d, w, r: d + w**2 + r**2),
        ("the work is that of the depth alone", "Width and resolution cost too, squared.", lambda d, w, r: d),
        ("the width counts three times", "C_in · C_out: squared.", lambda d, w, r: d * w**3 * r**2),
        ("the resolution counts three times", "H · W: squared.", lambda d, w, r: d * w**2 * r**3),
        ("depth and width are exchanged in the work", "The width is squared, the depth is not.",
         lambda d, w, r: d**2 * w * r**2),
        ("depth and resolution are exchanged in the work", "The resolution is squared, the depth is not.",
         lambda d, w, r: d**2 * w**2 * r)]:
    grow.mistake(_name, hint=_hint)(_work(_wrong))
grow.mistake("2^φ for the work", hint="αβ²γ² is near 2 for the published numbers only. Compute it from those given.")(
    lambda phi, alpha, beta, gamma: np.array([*_grown(phi, alpha, beta, gamma)[:3], 2.0**phi]))
grow.mistake("φ times the factor", hint="The factors are powers: α to the φ.")(
    lambda phi, alpha, beta, gamma: np.array([phi * alpha, phi * beta, phi * gamma,
                                              phi**5 * alpha * beta**2 * gamma**2]))
grow.mistake("φ is not used", hint="The factors are powers: α to the φ.")(
    lambda phi, alpha, beta, gamma: _grown(1, alpha, beta, gamma))
grow.mistake("α stands for the width and β for the depth", hint="α is for depth, β for width, γ for resolution.")(
    lambda phi, alpha, beta, gamma: _grown(phi, beta, alpha, gamma))
grow.mistake("β and γ are exchanged", hint="β is for width, γ for resolution.")(
    lambda phi, alpha, beta, gamma: _grown(phi, alpha, gamma, beta))
grow.mistake("width before depth", hint="The order is depth, width, resolution, work.")(
    lambda phi, alpha, beta, gamma: _grown(phi, alpha, beta, gamma)[[1, 0, 2, 3]])
grow.mistake("the work stands first", hint="The order is depth, width, resolution, work.")(
    lambda phi, alpha, beta, gamma: _grown(phi, alpha, beta, gamma)[[3, 0, 1, 2]])
grow.mistake("the logarithms", hint="Factors are asked for, by which each grows.")(
    lambda phi, alpha, beta, gamma: np.log(_grown(phi, alpha, beta, gamma)))
grow.accepted("the base of the work first")(
    lambda phi, alpha, beta, gamma: [alpha**phi, beta**phi, gamma**phi, (alpha * beta * beta * gamma * gamma) ** phi])
grow.accepted("by logarithms")(
    lambda phi, alpha, beta, gamma: np.exp(phi * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 2, 2]])
                                           @ np.log([alpha, beta, gamma])))


# ---- inverted_residual -----------------------------------------------------------------------------------------------

def _relu6(x):
    return np.clip(x, 0, 6)


def _branch(x, widen, depthwise, narrow, stride, first=_relu6, second=_relu6, last=lambda x: x, pad=None):
    k = depthwise.shape[-1]
    wide = first(np.einsum("oc,cij->oij", widen, x))
    pad = k // 2 if pad is None else pad
    filtered = second(F.conv2d(wide[None], depthwise[:, None], None, stride, pad, 1, len(wide))[0])
    return last(np.einsum("oc,cij->oij", narrow, filtered))


def _inverted(x, widen, depthwise, narrow, stride, **options):
    y = _branch(x, widen, depthwise, narrow, stride, **options)
    return x + y if y.shape == x.shape and stride in (1, (1, 1)) else y


def _inverted_case(rng, turn):
    """The input is added in every second case; strides of 2, also where the channels are as many, between them."""
    c_in = int(rng.integers(2, 4))
    c_out = c_in if turn % 4 != 1 else c_in + 1
    stride, width, k = [1, 1, 1, 2][turn % 4], int(rng.integers(4, 7)), [3, 5][turn // 4 % 2]
    return (numbers(rng, (c_in, *unequal(rng, 4, 7))), numbers(rng, (width, c_in)), numbers(rng, (width, k, k)),
            numbers(rng, (c_out, width)), stride)


block = Question(
    "inverted_residual", title="Wide in the middle, added at the narrow ends", points=3,
    asks="Write `inverted_residual(x, widen, depthwise, narrow, stride)`: the block of MobileNet v2, without its "
         "norms.",
    reference=_inverted, cases=_inverted_case,
    minutes=25, level=2,
    text=r"""
        `x` is (C_in, H, W). `widen` is (E, C_in), a 1 × 1 layer, and ReLU6 follows, which limits numbers to 0 …
        6. `depthwise` is (E, k, k) with an odd k: each channel is correlated with its own kernel, with `stride`
        1 or 2 and k // 2 zeros on each side, and ReLU6 follows. `narrow` is (C_out, E), a 1 × 1 layer without
        activation. The input is added if the stride is 1 and C_in = C_out.
    """,
    hints={
        "A 1 × 1 layer?": "At each pixel the vector of channels is multiplied by the matrix.",
        "When is the input added?": "With stride 2 the shapes differ; with other channels too.",
    },
)


@block.solution
def inverted_residual(x, widen, depthwise, narrow, stride):
    """(C_in, H, W), (E, C_in), (E, k, k), (C_out, E)
    →  (C_out, ⌈H/stride⌉, ⌈W/stride⌉)"""
    k = depthwise.shape[1]
    wide = np.clip(np.tensordot(widen, x, 1), 0, 6)      # (E, H, W)
    frame = [(0, 0), (k // 2,) * 2, (k // 2,) * 2]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(wide, frame), (k, k), (1, 2))[:, ::stride, ::stride]
    filtered = np.einsum("eijuv,euv->eij", windows, depthwise)
    y = np.tensordot(narrow, np.clip(filtered, 0, 6), 1)
    return x + y if x.shape == y.shape and stride == 1 else y


def _slip(**options):
    return lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, depthwise, narrow, stride, **options)


def _nothing(x):
    return x


def _relu(x):
    return np.maximum(x, 0)


block.mistake("ReLU6 behind the narrow layer too", hint="The narrow end is linear: there nothing may be cut away.")(
    _slip(last=_relu6))
block.mistake("ReLU behind the narrow layer", hint="The narrow end is linear: there nothing may be cut away.")(
    _slip(last=_relu))
block.mistake("no activation behind the widening layer", hint="ReLU6 follows the widening layer.")(
    _slip(first=_nothing))
block.mistake("no activation behind the depthwise layer", hint="ReLU6 follows the depthwise layer.")(
    _slip(second=_nothing))
block.mistake("no activation at all", hint="ReLU6 follows the widening and the depthwise layer.")(
    _slip(first=_nothing, second=_nothing))
block.mistake("ReLU for ReLU6", hint="ReLU6 also limits from above: min(max(x, 0), 6).")(
    _slip(first=_relu, second=_relu))
block.mistake("ReLU for ReLU6 behind the widening layer", hint="ReLU6 also limits from above.")(_slip(first=_relu))
block.mistake("ReLU for ReLU6 behind the depthwise layer", hint="ReLU6 also limits from above.")(_slip(second=_relu))
block.mistake("only the upper limit", hint="ReLU6 limits to 0 … 6 on both sides.")(
    _slip(first=lambda x: np.minimum(x, 6), second=lambda x: np.minimum(x, 6)))
block.mistake("the input is never added", hint="With stride 1 and as many channels, x is added.")(_branch)
block.mistake("the kernels are flipped", hint="Correlation: tap (0, 0) reads above to the left.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, depthwise[:, ::-1, ::-1], narrow, stride))
block.mistake("one kernel for all channels", hint="Channel e has the kernel depthwise[e].")(
    lambda x, widen, depthwise, narrow, stride: _inverted(
        x, widen, np.broadcast_to(depthwise[:1], depthwise.shape), narrow, stride))
block.mistake("the stride is not used", hint="The depthwise layer moves by `stride`.")(
    lambda x, widen, depthwise, narrow, stride: _branch(x, widen, depthwise, narrow, 1) + (
        x if stride == 1 and len(x) == len(narrow) else 0))
block.mistake("the stride is used for the rows only", hint="The depthwise layer moves by `stride` along both axes.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, depthwise, narrow, (stride, 1)))
block.mistake("the stride is used for the columns only", hint="The depthwise layer moves by `stride` along both axes.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, depthwise, narrow, (1, stride)))
block.mistake("the stride is taken in the widening layer",
              hint="The widening layer sees all pixels; the depthwise layer moves by `stride`.")(
    lambda x, widen, depthwise, narrow, stride: _branch(x[:, ::stride, ::stride], widen, depthwise, narrow, 1) + (
        x if stride == 1 and len(x) == len(narrow) else 0))
block.mistake("no zeros around", hint="k // 2 zeros on each side.")(
    lambda x, widen, depthwise, narrow, stride: _branch(x, widen, depthwise, narrow, stride, pad=0))
block.mistake("one zero on each side, whatever k is", hint="k // 2 zeros on each side.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, depthwise, narrow, stride, pad=1))
block.mistake("k zeros on each side", hint="k // 2 zeros on each side.")(
    lambda x, widen, depthwise, narrow, stride: _branch(x, widen, depthwise, narrow, stride, pad=depthwise.shape[-1]))
block.mistake("two zeros on each side, whatever k is", hint="k // 2 zeros on each side.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, depthwise, narrow, stride, pad=2))
for _name, _limits in [("ReLU6 begins at 1", (1, 6)), ("ReLU6 begins at −1", (-1, 6)), ("ReLU6 ends at 7", (0, 7)),
                       ("ReLU6 ends at 5", (0, 5)), ("ReLU6 ends at 1", (0, 1))]:
    _cut = {"first": lambda x, limits=_limits: np.clip(x, *limits)}
    block.mistake(f"{_name}, behind the widening layer", hint="ReLU6 limits to 0 … 6.")(_slip(**_cut))
    _cut = {"second": lambda x, limits=_limits: np.clip(x, *limits)}
    block.mistake(f"{_name}, behind the depthwise layer", hint="ReLU6 limits to 0 … 6.")(_slip(**_cut))
block.mistake("the ReLU6 of the sum", hint="The sum goes on as it is: no activation behind it.")(
    lambda x, widen, depthwise, narrow, stride: _relu6(_inverted(x, widen, depthwise, narrow, stride)))
block.mistake("the input is multiplied", hint="The input is added to what the branch gives.")(
    lambda x, widen, depthwise, narrow, stride: x * _branch(x, widen, depthwise, narrow, stride)
    if stride == 1 and len(x) == len(narrow) else _branch(x, widen, depthwise, narrow, stride))
block.mistake("the branch is subtracted", hint="x + branch.")(
    lambda x, widen, depthwise, narrow, stride: x - _branch(x, widen, depthwise, narrow, stride)
    if stride == 1 and len(x) == len(narrow) else _branch(x, widen, depthwise, narrow, stride))
block.mistake("the input itself", hint="The block adds what its branch computes.")(
    lambda x, widen, depthwise, narrow, stride: x if stride == 1 and len(x) == len(narrow)
    else _branch(x, widen, depthwise, narrow, stride))
block.mistake("the sums of the kernels are used", hint="The depthwise layer looks around: each tap at its place.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, _summed(depthwise), narrow, stride))
block.mistake("the depthwise layer is left out", hint="Between the two 1 × 1 layers each channel is filtered.")(
    lambda x, widen, depthwise, narrow, stride: _inverted(x, widen, _summed(depthwise, ones=True), narrow, stride))


def _summed(kernels, ones=False):
    """Kernels with one tap in the middle: the sum of their taps, or 1."""
    middle, k = np.zeros_like(kernels), kernels.shape[-1] // 2
    middle[:, k, k] = 1 if ones else kernels.sum((1, 2))
    return middle


@block.accepted("the layers of the library")
def _(x, widen, depthwise, narrow, stride):
    wide = F.relu6(F.conv2d(x[None], widen[:, :, None, None]))
    wide = F.relu6(F.conv2d(wide, depthwise[:, None], stride=stride, padding=depthwise.shape[-1] // 2,
                            groups=len(widen)))
    y = F.conv2d(wide, narrow[:, :, None, None])[0]
    return x + y if stride == 1 and len(x) == len(narrow) else y


@block.accepted("loops over pixels and channels")
def _(x, widen, depthwise, narrow, stride):
    (width, k, _), (_, height, breadth) = depthwise.shape, x.shape
    reach, wide = k // 2, np.zeros((width, height + k - 1, breadth + k - 1))
    for e in range(width):
        mixed = np.sum(widen[e][:, None, None] * x, axis=0)
        wide[e, reach:reach + height, reach:reach + breadth] = np.clip(mixed, 0, 6)
    rows, columns = range(0, height, stride), range(0, breadth, stride)
    y = np.zeros((len(narrow), len(rows), len(columns)))
    for (i, top), (j, left) in itertools.product(enumerate(rows), enumerate(columns)):
        pixel = [min(max(np.sum(depthwise[e] * wide[e, top:top + k, left:left + k]), 0), 6) for e in range(width)]
        y[:, i, j] = narrow @ np.array(pixel)
    return x + y if stride == 1 and len(narrow) == len(x) else y


# ---- round_channels --------------------------------------------------------------------------------------------------

def _rounded(channels, divisor):
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def _round_case(rng, turn):
    """Seven kinds take turns: a little more than a tenth would be lost, and a little less; half a step (from an even
    multiple and from an odd one), a little less and more than that, where the rule of the tenth plays no part; less
    than one multiple; and a few multiples, of which much would be lost or won.
    """
    divisor = [8, 4, 16, 8][(turn + turn // 7) % 4]
    limit = int(rng.integers(1, 4)) * divisor * 16 / 0.9                 # in sixteenths
    steps, few = 6 + 2 * int(rng.integers(0, 10)) + turn // 7 % 2, int(rng.integers(1, 3))
    return float([
        np.ceil(limit) / 16, np.floor(limit) / 16, (steps + 0.5) * divisor, (steps + 0.5) * divisor - 0.25,
        (steps + [0.75, 0.25, 0.5625][turn // 7 % 3]) * divisor, rng.choice([0.25, 1.5, divisor / 2]),
        (few + [0.25, 0.625, 0.5][turn // 7 % 3]) * divisor,
    ][turn % 7]), divisor


rounding = Question(
    "round_channels", title="Channels that a processor likes", points=1, kind="mend",
    asks="Mend `round_channels(channels, divisor)`: the number of channels of a widened layer, a multiple of "
         "`divisor`.",
    reference=_rounded, cases=_round_case, tolerance=1e-9,
    minutes=10, level=2,
    text=r"""
        `channels` is a number above 0, such as 1.4 · 32 = 44.8. Wanted is the nearest multiple of `divisor`;
        half a step goes up; it is at least `divisor`. But a layer must not lose more than a tenth of its
        channels: a multiple below 0.9 · `channels` is replaced by the next larger one.
    """,
    hints={"Which case is wrong?": "Try 11 with a divisor of 8. How much of 11 is 8?"},
)


@rounding.solution
def round_channels(channels, divisor):
    """→ a multiple of divisor"""
    nearest = int((channels + divisor / 2) // divisor) * divisor
    nearest = max(divisor, nearest)
    if nearest < 0.9 * channels:
        nearest += divisor
    return nearest


@rounding.given("a tenth and more may be lost",
                hint="11 becomes 8, which is less than 0.9 · 11 = 9.9. Then the next multiple is taken, 16.")
def _(channels, divisor):
    nearest = int((channels + divisor / 2) // divisor) * divisor
    return max(divisor, nearest)


rounding.mistake("always down", hint="The nearest multiple: also upwards.")(
    lambda channels, divisor: max(divisor, int(channels // divisor) * divisor))
rounding.mistake("always up", hint="The nearest multiple: also downwards, if no more than a tenth is lost.")(
    lambda channels, divisor: int(-(-channels // divisor)) * divisor)
rounding.mistake("down, then the rule of the tenth", hint="First the nearest multiple, which may lie above.")(
    lambda channels, divisor: _tenth(max(divisor, int(channels // divisor) * divisor), channels, divisor))
rounding.mistake("half a step goes down", hint="What lies in the middle of two multiples goes up.")(
    lambda channels, divisor: _tenth(max(divisor, int(np.ceil(channels / divisor - 0.5)) * divisor), channels, divisor))
rounding.mistake("half a step goes to the even multiple", hint="Python's `round` does that: round(6.5) is 6. Half a "
                                                              "step goes up.")(
    lambda channels, divisor: _tenth(max(divisor, round(channels / divisor) * divisor), channels, divisor))
rounding.mistake("channels are rounded first", hint="Only once: to a multiple of `divisor`, from `channels` as it is.")(
    lambda channels, divisor: _rounded(round(channels), divisor))
rounding.mistake("channels are cut to a whole number first",
                 hint="Compare with nine tenths of `channels` as it is, not of its integer part.")(
    lambda channels, divisor: _rounded(int(channels), divisor))
rounding.mistake("it may be 0", hint="At least `divisor`.")(
    lambda channels, divisor: int((channels + divisor / 2) // divisor) * divisor)
rounding.mistake("not rounded", hint="A multiple of `divisor` is wanted.")(lambda channels, divisor: channels)
rounding.mistake("the next whole number", hint="A multiple of `divisor` is wanted.")(
    lambda channels, divisor: round(channels))
rounding.mistake("the limit of a tenth is on the other side",
                 hint="A multiple below 0.9 · channels is too small. One above 1.1 · channels may stay.")(
    lambda channels, divisor: _nearest(channels, divisor) - divisor * (_nearest(channels, divisor) > 1.1 * channels))
rounding.mistake("one multiple more in all cases", hint="Only where the nearest is below 0.9 · channels.")(
    lambda channels, divisor: _nearest(channels, divisor) + divisor)
rounding.mistake("the number of multiples", hint="Multiply by `divisor` again.")(
    lambda channels, divisor: _rounded(channels, divisor) // divisor)



def _nearest(channels, divisor):
    return max(divisor, int((channels + divisor / 2) // divisor) * divisor)


def _tenth(multiple, channels, divisor):
    return multiple + divisor if multiple < 0.9 * channels else multiple


@rounding.accepted("all multiples, one by one")
def _(channels, divisor):
    multiple = divisor
    while multiple + divisor / 2 <= channels:
        multiple += divisor
    return multiple if multiple >= 0.9 * channels else multiple + divisor


@rounding.accepted("floor and ceiling")
def _(channels, divisor):
    steps = np.floor(channels / divisor + 0.5)
    steps = 1 if steps < 1 else steps
    return divisor * (steps + 1 if divisor * steps < 0.9 * channels else steps)


# ---- not_dominated ---------------------------------------------------------------------------------------------------

def _front(accuracy, cost):
    better = ((accuracy[:, None] >= accuracy) & (cost[:, None] <= cost)
              & ((accuracy[:, None] > accuracy) | (cost[:, None] < cost)))            # (other, this)
    return 1.0 - better.any(0)


def _front_case(rng, turn):
    """Ties in one of the two numbers, and in every third case two equal networks."""
    n = int(rng.integers(5, 9))
    accuracy, cost = rng.integers(70, 80, n) / 4, rng.integers(1, 9, n) / 4
    if turn % 3 == 0:
        accuracy[1], cost[1] = accuracy[0], cost[0]
    if turn % 3 == 1:
        accuracy[2] = accuracy[0] = accuracy.max()
        cost[2], cost[0] = 0.25, 0.75
    if turn % 3 == 2:
        cost[3] = cost[1] = cost.min()
        accuracy[3], accuracy[1] = 19.25, 19.75
    return accuracy, cost


front = Question(
    "not_dominated", title="Which networks are worth a look?", points=2,
    asks="Write `not_dominated(accuracy, cost)`: which of several networks no other one beats.",
    reference=_front, cases=_front_case,
    minutes=15, level=2,
    text=r"""
        `accuracy` and `cost` are arrays (n,): the larger the one and the smaller the other, the better. A
        network is beaten by another one that is at least as accurate and costs at most as much, and is strictly
        better in at least one of the two. Return an array of n numbers: 1 for those that are not beaten, 0
        for the others.
    """,
    hints={
        "Two equal networks": "Neither beats the other, since neither is strictly better in anything.",
        "Ties": "With equal accuracy, the cheaper one beats the other.",
    },
)


@front.solution
def not_dominated(accuracy, cost):
    """(n,), (n,)  →  (n,) of 1 and 0"""
    keep = np.ones(len(accuracy))
    for i, j in np.ndindex(len(accuracy), len(accuracy)):       # does j beat i?
        as_good = accuracy[j] >= accuracy[i] and cost[j] <= cost[i]
        better = accuracy[j] > accuracy[i] or cost[j] < cost[i]
        if as_good and better:
            keep[i] = 0
    return keep


def _wrong(name, hint):
    """A mistake whose truth values are made numbers."""
    return lambda answer: front.mistake(name, hint=hint)(
        lambda accuracy, cost: np.asarray(answer(accuracy, cost), float))


def _beaten(by):
    """Those that by(accuracy of the other, its cost, accuracy of this, its cost) is never true of."""
    return lambda accuracy, cost: ~by(accuracy[:, None], cost[:, None], accuracy, cost).any(0)


_wrong("ties do not count", hint="Equal in one of the two and better in the other: that beats.")(
    _beaten(lambda a, c, b, d: (a > b) & (c < d)))
_wrong("equal networks beat each other", hint="At least one of the two numbers has to be strictly better.")(
    lambda accuracy, cost: np.array([not any(accuracy[o] >= accuracy[t] and cost[o] <= cost[t]
                                             for o in range(len(cost)) if o != t) for t in range(len(cost))]))
_wrong("a tie in the cost does not count", hint="Equal cost and a larger accuracy: that beats.")(
    _beaten(lambda a, c, b, d: (a >= b) & (c < d)))
_wrong("a tie in the accuracy does not count", hint="Equal accuracy and a smaller cost: that beats.")(
    _beaten(lambda a, c, b, d: (a > b) & (c <= d)))
_wrong("the beaten ones", hint="1 for those that are not beaten.")(
    lambda accuracy, cost: 1 - _front(accuracy, cost))
_wrong("of equal networks only the first is kept", hint="Neither of two equal networks beats the other: both stay.")(
    lambda accuracy, cost: _front(accuracy, cost) * [
        not np.any((accuracy[:i] == accuracy[i]) & (cost[:i] == cost[i])) for i in range(len(cost))])
_wrong("a large cost is good", hint="The smaller the cost, the better.")(
    lambda accuracy, cost: _front(accuracy, -cost))
_wrong("a small accuracy is good", hint="The larger the accuracy, the better.")(
    lambda accuracy, cost: _front(-accuracy, cost))
_wrong("small accuracy and large cost are good",
              hint="The larger the accuracy and the smaller the cost, the better.")(
    lambda accuracy, cost: _front(-accuracy, -cost))
_wrong("beaten in one of the two", hint="Another network has to be at least as good in both.")(
    _beaten(lambda a, c, b, d: (a > b) | (c < d)))
_wrong("only the most accurate", hint="A cheaper network that is less accurate is not beaten by it.")(
    lambda accuracy, cost: accuracy == accuracy.max())
_wrong("only the cheapest", hint="A more accurate network that costs more is not beaten by it.")(
    lambda accuracy, cost: cost == cost.min())
_wrong("the best ratio of accuracy and cost",
              hint="No ratio: a network is out if another one is as good in both.")(
    lambda accuracy, cost: accuracy / cost == (accuracy / cost).max())
_wrong("nobody is left out", hint="A network that another one beats is out.")(
    lambda accuracy, cost: np.ones(len(cost), bool))


@front.accepted("sorted by cost, keep what raises the accuracy")
def _(accuracy, cost):
    keep, best = np.zeros(len(cost), bool), -np.inf
    for price in np.unique(cost):
        here = cost == price
        top = accuracy[here].max()
        if top > best:
            keep |= here & (accuracy == top)
            best = top
    return keep.astype(float)


@front.accepted("all pairs at once")
def _(accuracy, cost):
    good = (accuracy[:, None] >= accuracy[None]) & (cost[:, None] <= cost[None])
    return 1 - (good & ~good.T).any(axis=0)


# ---- design_stages ---------------------------------------------------------------------------------------------------

def _follow(rows, c_in, side):
    """→ field, weights, multiply-adds, side of the last map"""
    field, jump, weights, work = 1, 1, 0, 0
    for expansion, channels, stride in rows:
        width = expansion * c_in
        before = side
        side = -(-side // stride)
        field += 2 * jump
        jump *= stride
        weights += width * (c_in + 9 + channels)
        work += before**2 * c_in * width + side**2 * width * (9 + channels)
        c_in = channels
    return field, weights, work, side


def _plan(c_in, channels, field, seen=1, add=lambda jump: 2 * jump, strides=lambda jump: 2 if jump < 4 else 1,
          last=-1):
    """Widths double where the stride is 2; narrow blocks of expansion 1 go on until the field is large enough.

    For mistakes: another field to begin with, another count of what a block adds, other strides, or `channels` in
    another row.
    """
    rows, jump, width = [], 1, c_in
    while seen < field:
        stride = strides(jump)
        width = min(channels, 2 * width) if stride == 2 else width
        rows.append([1, width, stride])
        seen += add(jump)
        jump *= stride
    rows[last][1] = channels
    return rows


def _design_case(rng, turn):
    c_in, channels, side = int(rng.choice([4, 6, 8])), int(rng.choice([16, 20, 24])), int(rng.choice([28, 32, 40]))
    field = int(rng.choice([31, 39, 47])) if turn % 2 else int(rng.integers(27, 50))
    _, weights, work, _ = _follow(_plan(c_in, channels, field), c_in, side)
    return c_in, channels, side, field, int(1.15 * weights), int(1.15 * work)


def _design_properties(rows, c_in, channels, side, field, weights, work):
    if rows.ndim != 2 or rows.shape[1] != 3 or not 1 <= len(rows) <= 40:
        raise ValueError("the answer must have a row of 3 numbers for each block, and 1 to 40 blocks; its shape is "
                         f"{rows.shape}")
    if not np.array_equal(rows, np.round(rows)) or rows.min() < 1 or rows.max() > 500:
        raise ValueError("the numbers must be whole, from 1 to 500")
    seen, used, done, left = _follow(rows.astype(int).tolist(), c_in, side)
    return {"the field is large enough": float(seen >= field), "the last map has the channels": float(
                rows[-1, 1] == channels), "the map has at least 5 rows": float(left >= 5),
            "the weights are within the budget": float(used <= weights),
            "the multiply-adds are within the budget": float(done <= work)}


design = Question(
    "design_stages", title="A stack of blocks on a budget", points=3, kind="design",
    asks="Design `design_stages(c_in, channels, side, field, weights, work)`: inverted residual blocks that see at "
         "least `field` pixels and end with `channels` channels, within a budget of weights and multiply-adds.",
    reference=lambda c_in, channels, side, field, weights, work: _plan(c_in, channels, field),
    cases=_design_case, measure=_design_properties,
    minutes=25, level=3,
    text=r"""
        The input has `c_in` channels and `side` × `side` pixels. Return an array with a row (expansion,
        channels, stride) for each block, the first one first. A block is a 1 × 1 layer to expansion · (channels
        before) channels, which is counted for expansion 1 too, a depthwise 3 × 3 layer with the stride, and a 1
        × 1 layer to its channels; its map has ⌈side/stride⌉ rows and columns. Norms and biases are not counted.
        One pixel of the last map shall see at least `field` × `field` pixels of the input, and that map shall
        have at least 5 rows. `weights` and `work` must not be exceeded; `work` is the multiply-adds for one
        image. Any such blocks are right; there may be at most 40.
    """,
    hints={
        "Too many multiply-adds":
            "A block with stride 2 early makes all later blocks four times cheaper, and lets each see twice as far.",
        "Too many weights": "Most weights are in the 1 × 1 layers: expansion · c · (c + c'). Stay narrow, widen at "
                            "the end.",
        "The map is too small": "Two strides of 2 divide the side by 4.",
    },
)


@design.solution
def design_stages(c_in, channels, side, field, weights, work):
    """→ (number of blocks, 3): expansion, channels, stride"""
    rows, seen, jump, width = [], 1, 1, c_in
    while seen < field:
        stride = 2 if jump < 4 else 1                   # two early strides
        if stride == 2:
            width = min(channels, 2 * width)
        rows.append([1, width, stride])
        seen += 2 * jump
        jump *= stride
    rows[-1][1] = channels
    return np.array(rows)


def _but(change):
    def answer(c_in, channels, side, field, weights, work):
        return change(_plan(c_in, channels, field))
    return answer


design.mistake("the field is too small",
               hint="Each block adds 2 · jump; the jump is the product of the strides before.")(
    _but(lambda rows: [*rows[:-2], rows[-1]]))
design.mistake("the last map has other channels", hint="The last row ends with `channels`.")(
    _but(lambda rows: [*rows[:-1], [1, rows[-1][1] - 1, rows[-1][2]]]))
design.mistake("too many weights and multiply-adds",
               hint="An expansion of 6 makes all of it six times dearer: use 1 where the budget is small.")(
    _but(lambda rows: [[6, c, s] for _, c, s in rows]))
design.mistake("the map is too small", hint="At least 5 rows: two strides of 2 are enough.")(
    _but(lambda rows: [[e, c, 2] for e, c, _ in rows[:6]] + [[1, rows[-1][1], 1]]))
design.mistake("the multiply-adds are too many", hint="Stride 2 in the first blocks, not in the last.")(
    lambda c_in, channels, side, field, weights, work: _late(c_in, channels, field))
design.mistake("two blocks fewer, and other channels",
               hint="The last row ends with `channels`, and each block adds 2 · jump to the field.")(
    _but(lambda rows: [[1, 1, s] for _, _, s in rows[:-2]]))


def _late(c_in, channels, field):
    """All blocks at full size, as narrow as the input."""
    count = -(-(field - 1) // 2)
    return np.array([(1, c_in, 1)] * (count - 1) + [(1, channels, 1)])


def _planned(**changes):
    return lambda c_in, channels, side, field, weights, work: _plan(c_in, channels, field, **changes)


design.mistake("stride 2 in all blocks",
               hint="Two strides of 2 are enough; with more the last map has fewer than 5 rows.")(
    _planned(strides=lambda jump: 2))
design.mistake("three strides of 2",
               hint="Three strides of 2 divide the side by 8: fewer than 5 rows are left of some.")(
    _planned(strides=lambda jump: 2 if jump < 8 else 1))
design.mistake("the channels stand in the row before the last", hint="The last row ends with `channels`.")(
    _planned(last=-2))
design.mistake("the channels stand in the first row", hint="The last row ends with `channels`.")(_planned(last=0))
design.mistake("the field is one too small now and then", hint="Before all blocks a unit sees 1 pixel: itself.")(
    _planned(seen=2))
design.mistake("a block too many where the field is just reached",
               hint="Before all blocks a unit sees 1 pixel: itself. Stop as soon as `field` is reached.")(
    _planned(seen=0))
design.mistake("each block is counted with jump + 2", hint="Three taps have two gaps of one jump each: 2 · jump.")(
    _planned(add=lambda jump: 2 + jump))


@design.accepted("one block more, within the budget")
def _(c_in, channels, side, field, weights, work):
    rows = _plan(c_in, channels, field)
    longer = [*rows[:2], [1, rows[1][1], 1], *rows[2:]]
    _, used, done, _ = _follow(longer, c_in, side)
    return longer if used <= weights and done <= work else rows


@design.accepted("as narrow as the input until the last block")
def _(c_in, channels, side, field, weights, work):
    rows = _plan(c_in, channels, field)
    return [*([expansion, c_in, stride] for expansion, _, stride in rows[:-1]), rows[-1]]


QUESTIONS = [count, grow, block, rounding, front, design]
