"""Week 4: the questions of the notebook `memory_and_precision`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- accumulate ------------------------------------------------------------------------------------------------------

def _accumulate_cases(rng):
    """Three to five parts of unequal sizes, the last of which is never the largest."""
    while True:
        parts, parameters = unequal(rng, 3, 8)
        sizes = rng.integers(1, 10, parts)
        if parts <= 5 and len(set(sizes.tolist())) > 1 and sizes[-1] < sizes.max() and sizes.sum() != parts ** 2:
            return numbers(rng, (parts, parameters)), sizes.tolist()


accumulate_parts = Question(
    "accumulate", title="A batch in unequal parts", points=1,
    asks="Write `accumulate(grads, sizes)`: the gradient of a whole batch, from those of its parts.",
    reference=lambda grads, sizes: np.average(grads, axis=0, weights=sizes), cases=_accumulate_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        A batch was cut into K parts. `sizes` is a list of K ints, how many images each part has, and row k of `grads`
        (K, P) is the gradient of the **mean** loss of part k by the P parameters. Return the gradient, (P,), of the
        mean loss over all images of the batch.
    """,
    hints={
        "Right only where the parts are equal":
            "What does one image count in the mean over the batch, and what in the mean over its part?",
        "Too large by a factor that differs from case to case":
            "Write the sum over all images first: a part's mean times its size. Then divide once, by all images.",
    },
)


@accumulate_parts.solution
def accumulate(grads, sizes):
    """(K, P), a list of K ints  →  (P,)"""
    total = np.zeros(grads.shape[1])
    for grad, size in zip(grads, sizes, strict=True):
        total += size * grad                   # the sum over the part's images
    return total / sum(sizes)


def _accumulate_mistake(name, hint, answer):
    accumulate_parts.mistake(name, hint=hint)(lambda grads, sizes: answer(grads, np.array(sizes)))


_accumulate_mistake("the gradients are added as they are",
                    "Each is a mean already. Their sum is as many times too large as there are parts.",
                    lambda grads, sizes: grads.sum(0))
_accumulate_mistake("divided by the number of parts",
                    "That gives every part the same say. An image of a small part then counts more than one of a large "
                    "part.", lambda grads, sizes: grads.mean(0))
_accumulate_mistake("weighted by size, and not divided", "This is the sum over the images; the mean is asked for.",
                    lambda grads, sizes: sizes @ grads)
_accumulate_mistake("weighted by size, and divided by the number of parts",
                    "Divide by the number of images, the sum of the sizes.",
                    lambda grads, sizes: sizes @ grads / len(sizes))
_accumulate_mistake("divided by the sizes", "A part's mean, times its size, is the sum over its images.",
                    lambda grads, sizes: (grads / sizes[:, None]).sum(0))
_accumulate_mistake("the sum, divided by all images", "A part's gradient is a mean: multiply by its size first.",
                    lambda grads, sizes: grads.sum(0) / sizes.sum())
_accumulate_mistake("weighted by size, and divided by the largest", "Divide by the sum of the sizes.",
                    lambda grads, sizes: sizes @ grads / sizes.max())
_accumulate_mistake("only the last part is left", "`=` replaced what was there: add up with `+=`.",
                    lambda grads, sizes: sizes[-1] * grads[-1] / sizes.sum())
_accumulate_mistake("the last part alone", "All parts belong to the batch.", lambda grads, sizes: grads[-1])
_accumulate_mistake("the sign is turned", "Add up the parts: nothing is subtracted here.",
                    lambda grads, sizes: -(sizes @ grads) / sizes.sum())
_accumulate_mistake("size and gradient are added", "A part's mean, times its size, is the sum over its images.",
                    lambda grads, sizes: (grads + sizes[:, None]).sum(0) / sizes.sum())
_accumulate_mistake("the size alone, without the gradient", "Multiply each row by its size.",
                    lambda grads, sizes: np.ones(grads.shape[1]))
_accumulate_mistake("multiplied by the number of images", "Divide by it.",
                    lambda grads, sizes: sizes @ grads * sizes.sum())
_accumulate_mistake("divided by the mean size", "Divide by the sum of the sizes.",
                    lambda grads, sizes: sizes @ grads / sizes.mean())

_accumulate_mistake("it does not begin at 0", "Begin with zeros, and add up.",
                    lambda grads, sizes: (1 + sizes @ grads) / sizes.sum())

accumulate_parts.accepted("shares")(lambda grads, sizes: np.array(sizes) / sum(sizes) @ grads)
accumulate_parts.accepted("each row as often as it has images")(
    lambda grads, sizes: np.repeat(grads, sizes, axis=0).mean(axis=0))
accumulate_parts.accepted("NumPy's average")(lambda grads, sizes: np.average(grads, axis=0, weights=sizes))


# ---- peak_kept -------------------------------------------------------------------------------------------------------

def _segments(sizes, starts):
    """Of each segment: the bytes of its checkpoint, and of what else its layers keep."""
    return [(sizes[s], sum(sizes[s + 1:e])) for s, e in zip(starts, [*starts[1:], len(sizes)], strict=True)]


def _peak(sizes, starts):
    kept = peak = 0
    for checkpoint, inside in _segments(sizes, starts):
        kept += checkpoint
        peak = max(peak, kept + inside)
    return int(peak)


def _peak_cases(rng, turn):
    """Five to eleven layers in two to four segments; the segment of the peak is in turn the first, a middle, the last.

    The largest segment is not always that of the peak.
    """
    while True:
        count = int(rng.integers(5, 12))
        sizes = [int(size) for size in rng.permutation(np.arange(3, 40))[:count]]
        inner = sorted(int(s) for s in rng.choice(np.arange(1, count), int(rng.integers(1, 4)), replace=False))
        starts = [0, *inner]
        each = _segments(sizes, starts)
        totals = [sum(c for c, _ in each[:i + 1]) + inside for i, (_, inside) in enumerate(each)]
        at, largest = int(np.argmax(totals)), int(np.argmax([inside for _, inside in each]))
        if turn % 4 == 3 and at == largest:
            continue
        if [at == 0, 0 < at < len(each) - 1, at == len(each) - 1, True][turn % 4] and min(i for _, i in each[:-1]) > 0:
            return sizes, starts


peak = Question(
    "peak_kept", title="What checkpointing keeps", points=2,
    asks="Predict with `peak_kept(sizes, starts)` how many bytes checkpointing holds at the moment it holds most.",
    reference=_peak, cases=_peak_cases,
    kind="predict", minutes=15, level=2, practice=True,
    text=r"""
        Layer $l$ needs its input again in the backward pass; `sizes[l]` are the bytes of this input. `starts` are the
        numbers, rising from 0, of the layers at which a segment begins; a segment ends where the next one begins, the
        last one at the last layer.

        - Forward, only the inputs of the layers in `starts` are kept: the checkpoints.
        - Backward, segment by segment from the last to the first: the inputs of its other layers are computed again and
          kept, all of them, until the segment is done. Then they and its checkpoint are dropped.

        Count inputs only, and return an int.
    """,
    hints={
        "Too large by one layer": "The first input of a segment is its checkpoint, and is there already.",
        "Right where the last segment is the largest":
            "When an earlier segment is at work, the checkpoints of later ones are gone. Ask segment by segment: which "
            "checkpoints are still there?",
    },
)


@peak.solution
def peak_kept(sizes, starts):
    """a list of ints, a list of ints  →  int"""
    kept, peak = 0, 0
    for s, e in zip(starts, [*starts[1:], len(sizes)], strict=True):
        kept += sizes[s]                       # the checkpoints up to this one
        peak = max(peak, kept + sum(sizes[s + 1:e]))
    return peak


def _peak_mistake(name, hint, answer):
    peak.mistake(name, hint=hint)(lambda sizes, starts: answer(_segments(sizes, starts)))


_peak_mistake("no checkpoint is ever dropped",
              "When an earlier segment is at work, the checkpoints of the later ones are gone.",
              lambda each: sum(c for c, _ in each) + max(i for _, i in each))
_peak_mistake("no checkpoint is ever dropped, and one is counted twice",
              "The first input of a segment is its checkpoint: it is there already.",
              lambda each: sum(c for c, _ in each) + max(c + i for c, i in each))
_peak_mistake("the checkpoint of the segment is counted twice",
              "The first input of a segment is its checkpoint: it is there already.",
              lambda each: max(sum(c for c, _ in each[:n + 1]) + c + i for n, (c, i) in enumerate(each)))
_peak_mistake("the checkpoints alone", "A segment that is at work keeps the inputs of all its layers too.",
              lambda each: sum(c for c, _ in each))
_peak_mistake("nothing is saved", "Only one segment at a time keeps the inputs of all its layers.",
              lambda each: sum(c + i for c, i in each))
_peak_mistake("the largest segment alone", "The checkpoints of the segments before it are there too.",
              lambda each: max(c + i for c, i in each))
_peak_mistake("the largest segment without its checkpoint", "The checkpoints are there too.",
              lambda each: max(i for _, i in each))
_peak_mistake("only the moment of the last segment", "It may be most at an earlier segment: take the largest of all.",
              lambda each: sum(c for c, _ in each) + each[-1][1])
_peak_mistake("only the moment of the first segment", "It may be most at a later segment: take the largest of all.",
              lambda each: sum(each[0]))
_peak_mistake("the checkpoints of later segments, not of earlier ones",
              "Backward goes from the last segment to the first: the later ones are done, the earlier are to come.",
              lambda each: max(sum(c for c, _ in each[n:]) + i for n, (_, i) in enumerate(each)))
_peak_mistake("at the segment of most bytes, whether or not the peak is there",
              "A smaller segment with more checkpoints before it may hold more: take the largest of all sums.",
              lambda each: max((i, sum(c for c, _ in each[:n + 1]) + i) for n, (_, i) in enumerate(each))[1])
_peak_mistake("the segment that holds least", "The most is asked for: the largest of all, not the smallest.",
              lambda each: min(sum(c for c, _ in each[:n + 1]) + i for n, (_, i) in enumerate(each)))
_peak_mistake("the checkpoint at work is not counted", "It is there too, until its segment is done.",
              lambda each: max(sum(c for c, _ in each[:n]) + i for n, (_, i) in enumerate(each)))


@peak.mistake("the last layer of each segment is missing", hint="A slice ends before its end: `sizes[s + 1:e]`.")
def _(sizes, starts):
    ends = [*starts[1:], len(sizes)]
    return max(sum(sizes[s] for s in starts[:n + 1]) + sum(sizes[s + 1:e - 1])
               for n, (s, e) in enumerate(zip(starts, ends, strict=True)))


@peak.mistake("layers are counted, not bytes", hint="Inputs differ in size: add up `sizes`.")
def _(sizes, starts):
    return _peak([1] * len(sizes), starts)


@peak.mistake("the last segment is left out", hint="The last segment ends at the last layer, `len(sizes)`.")
def _(sizes, starts):
    return max(sum(sizes[s] for s in starts[:n + 1]) + sum(sizes[s + 1:e])
               for n, (s, e) in enumerate(zip(starts[:-1], starts[1:], strict=True)))


@peak.accepted("played through, backward")
def _(sizes, starts):
    held, most, end = {s: sizes[s] for s in starts}, 0, len(sizes)
    for s in reversed(starts):
        segment = {layer: sizes[layer] for layer in range(s, end)}
        most, end = max(most, sum((held | segment).values())), s
        del held[s]
    return most


@peak.accepted("running sums")
def _(sizes, starts):
    at = np.cumsum([0, *sizes])
    ends = np.array([*starts[1:], len(sizes)])
    begin = np.array(starts)
    return int(np.max(np.cumsum(np.array(sizes)[begin]) + at[ends] - at[begin + 1]))


# ---- round_bfloat16 --------------------------------------------------------------------------------------------------

def _to_bits(x, significant=8, turn=np.rint):
    """Numbers of so many significant bits, rounded by `turn` to whole ones."""
    m, e = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(turn(m * 2.0**significant), e - significant)


def _half_up(m):
    return np.sign(m) * np.floor(np.abs(m) + 0.5)


def _bfloat16_cases(rng, turn):
    """Both signs, sizes from 1 to 2^15, ties to both sides, one just above a tie, one rounded up to a power of two."""
    count = int(rng.integers(7, 12))
    whole = rng.integers(128, 255, count)
    rest = rng.choice([0, 5, 13, 21, 29], count) / 32
    rest[:2] = 0.5                                           # ties: one to be lowered, one to be raised
    whole[0], whole[1] = 2 * rng.integers(64, 127), 2 * rng.integers(64, 127) + 1
    rest[2], rest[3], whole[2], whole[3] = 13 / 32, 21 / 32, 200 + turn % 7, 255
    rest[4], whole[4] = 17 / 32, 2 * rng.integers(64, 127)   # float16 makes a tie of it, which goes the other way
    sign = rng.permutation([-1, 1] * 6)[:count]
    powers = rng.integers(-7, 8, count).astype(float)
    order = rng.permutation(count)
    return ((sign * (whole + rest) * 2.0**powers)[order],)


bfloat16 = Question(
    "round_bfloat16", title="A number in bfloat16", points=2,
    asks="Write `round_bfloat16(x)`: each number of x as bfloat16 would hold it, without the type.",
    reference=_to_bits, cases=_bfloat16_cases,
    minutes=25, level=3, forbids=("bfloat16", "ml_dtypes", "torch"),
    text=r"""
        `x` (n,) holds floats that float32 holds exactly. bfloat16 is the upper half of a float32: 1 bit of sign, 8 of
        exponent, 7 of fraction. So a number has eight significant bits, the leading 1 and seven more. Return for each
        number of x the **nearest** one of eight significant bits; of two that are equally near, the one whose last bit
        is 0. The result is an array of floats, (n,). All numbers here lie far from the ends of the range.
    """,
    hints={
        "All results are too small in size": "The bits that are dropped decide which neighbour is nearer. Cutting them "
                                             "off rounds towards 0.",
        "One or two are off by one in the last bit":
            "These are the ties: to the even one. `np.rint` does it for whole numbers; in the bits of an integer, add "
            "a little less than half, plus the last bit that stays.",
        "Where to begin":
            "Either `np.frexp` and `np.ldexp`, which take a number apart; or `.view(np.uint32)`, the bits of a "
            "float32.",
    },
)


@bfloat16.solution
def round_bfloat16(x):
    """(n,)  →  (n,)"""
    bits = x.astype(np.float32).view(np.uint32)
    last = (bits >> 16) & 1                    # of the bits that stay
    bits = (bits + 0x7FFF + last) & 0xFFFF0000
    return bits.view(np.float32)


_TIES = "Of two that are equally near take the one whose last bit is 0."
bfloat16.mistake("cut off, not rounded", "Dropping the bits rounds towards 0. Ask which neighbour is nearer.",
                 lambda x: _to_bits(x, 8, np.trunc))
bfloat16.mistake("ties go away from 0", _TIES, lambda x: _to_bits(x, 8, _half_up))
bfloat16.mistake("ties go towards 0", _TIES, lambda x: _to_bits(x, 8, lambda m: np.sign(m) * np.ceil(abs(m) - 0.5)))
bfloat16.mistake("ties go to the odd one", _TIES, lambda x: _to_bits(
   x, 8, lambda m: np.where(m % 1 == 0.5, 2 * np.floor(m / 2) + 1, np.rint(m))))
bfloat16.mistake("ties go up", _TIES, lambda x: _to_bits(x, 8, lambda m: np.floor(m + 0.5)))
bfloat16.mistake("rounded away from 0", "Ask which neighbour is nearer.",
                 lambda x: _to_bits(x, 8, lambda m: np.sign(m) * np.ceil(np.abs(m))))
bfloat16.mistake("rounded down", "Ask which neighbour is nearer.", lambda x: _to_bits(x, 8, np.floor))
bfloat16.mistake("rounded up", "Ask which neighbour is nearer.", lambda x: _to_bits(x, 8, np.ceil))
bfloat16.mistake("seven significant bits", "Seven are stored; the leading 1 is not, and counts too.",
                 lambda x: _to_bits(x, 7))
bfloat16.mistake("nine significant bits", "The leading 1 and seven more: eight.", lambda x: _to_bits(x, 9))
bfloat16.mistake("float16, not bfloat16", "float16 has 11 significant bits and ends at 65,504.",
                 lambda x: x.astype(np.float16).astype(float))
bfloat16.mistake("rounded twice, first to float16",
                 "float16 makes ties where there were none. Round once, from the number itself.",
                 lambda x: _to_bits(x.astype(np.float16)))
bfloat16.mistake("nothing is rounded", "Only eight significant bits stay.", lambda x: x)
bfloat16.mistake("rounded to whole numbers", "To eight significant bits, wherever the point is.", np.rint)
bfloat16.mistake("to a grid of 1/128 everywhere", "The grid is relative: its steps grow with the number.",
                 lambda x: np.rint(x * 128) / 128)
bfloat16.mistake("half is added, and the dropped bits are still there",
                 "After adding, set the lower 16 bits to 0: `& 0xFFFF0000`.",
                 lambda x: (x.astype(np.float32).view(np.uint32) + np.uint32(0x7FFF)).view(np.float32))
bfloat16.mistake("the bits as an integer, not as a float", "Look at the bits as a float32 again: `.view(np.float32)`.",
                 lambda x: _to_bits(x).astype(np.float32).view(np.uint32).astype(float))


@bfloat16.accepted("taken apart and put together")
def _(x):
    m, e = np.frexp(x)
    return np.ldexp(np.rint(m * 256) / 256, e)


@bfloat16.accepted("the two neighbours, and the nearer one")
def _(x):
    step = 2.0 ** (np.floor(np.log2(np.abs(x))) - 7)
    return np.round(x / step) * step


# ---- loss_scale ------------------------------------------------------------------------------------------------------

_ALLOWED = 0.001


def _scale_properties(answer, g):
    """What becomes of the gradient in float16 under this scale."""
    if answer.shape != () or not np.isfinite(answer):
        raise ValueError(f"one finite number was asked for; this has shape {answer.shape}")
    scale = float(answer)
    if scale <= 0:
        raise ValueError(f"a scale is a positive number; this is {scale:g}")
    with np.errstate(over="ignore", under="ignore"):
        half = (g.astype(np.float64) * scale).astype(np.float16)
    flushed = int(np.sum((half == 0) & (g != 0)))
    return {"power of two (1 is yes)": float(np.frexp(scale)[0] == 0.5), "infinite": float(np.sum(np.isinf(half))),
            "flushed to 0 beyond one in a thousand": float(max(0, flushed - int(_ALLOWED * np.sum(g != 0))))}


def _scale_reference(g):
    return 2.0 ** np.floor(np.log2(65504 / np.abs(g).max()))


def _scale_cases(rng, turn):
    """Sizes over 22 or 38 powers of two, around a place that moves; the largest is negative, and some are exactly 0.

    No fixed scale serves them all, and one is below 1. Every third has an outlier that may be lost. The largest is 1.7
    or 1.2 times a power of two: of the exponents of S, one is rounded down by less than a half, and one by more.
    """
    rows, columns = unequal(rng, 34, 40)
    width, top = (22, 35)[turn % 2], int((-6, -31, 20, -18, -39)[turn % 5]) + int(rng.integers(0, 3))
    g = np.exp2(top - width * rng.random((rows, columns))) * rng.choice([-1, 1], (rows, columns))
    g[rng.random(g.shape) < 0.1] = 0
    place = rng.permutation(g.size)[:3]
    g.flat[place[0]] = -(1.7, 1.2)[turn // 2 % 2] * 2.0**top
    g = np.where(g > 2.0 ** (top - 3), g / 8, g)             # so the largest positive one is far below
    if turn % 3 == 0:
        g.flat[place[1]] = 2.0 ** (top - 60)                 # the one in a thousand
    return (g.astype(np.float32),)


scale_of = Question(
    "loss_scale", title="A scale for this loss", points=2,
    asks="Design `loss_scale(g)`: the factor for a loss by which its gradient comes through float16.",
    reference=_scale_reference, cases=_scale_cases, measure=_scale_properties,
    kind="design", minutes=20, level=2,
    text=r"""
        `g` (H, W) is a gradient in float32, with some numbers that are exactly 0. The loss is multiplied by a number S,
        and so is the gradient, before float16 holds it. Return an S for which

        - S is a power of two, below or above 1;
        - no number becomes infinite;
        - of the numbers of g that are not 0, at most one in a thousand becomes 0.

        There are several such S, and each of them passes.
    """,
    hints={
        "Where to begin": "float16 ends at 65,504. What may S be, for the largest number in size?",
        "Some become infinite": "The largest in size may be negative: `np.abs` first. And round the exponent down.",
        "Too many become 0": "There is room above: S may be as large as the largest number allows.",
    },
)


@scale_of.solution
def loss_scale(g):
    """(H, W)  →  a number"""
    most = 65504 / np.abs(g).max()
    return 2.0 ** np.floor(np.log2(most))


_FIXED = "No fixed scale serves every gradient: look at the largest number of g."
scale_of.mistake("no scale", "The numbers below 6e-8 become 0. Lift them all.", lambda g: 1.0)
scale_of.mistake("always 1,024", _FIXED, lambda g: 1024.0)
scale_of.mistake("always 65,536", _FIXED, lambda g: 65536.0)
scale_of.mistake("not a power of two", "Only a power of two leaves the digits as they are: round its exponent down.",
                 lambda g: 65504 / np.abs(g).max())
scale_of.mistake("the largest is taken with its sign", "The largest in size may be negative: `np.abs`.",
                 lambda g: 2.0 ** np.floor(np.log2(65504 / g.max())))
scale_of.mistake("the exponent is rounded up", "Then the largest number is beyond 65,504. Round down.",
                 lambda g: 2.0 ** np.ceil(np.log2(65504 / np.abs(g).max())))
scale_of.mistake("the exponent is rounded to the nearest",
                 "Where that is up, the largest is beyond 65,504. Round down.",
                 lambda g: 2.0 ** np.round(np.log2(65504 / np.abs(g).max())))
scale_of.mistake("the exponent is rounded towards 0", "`int` rounds a negative exponent up. Use `np.floor`.",
                 lambda g: 2.0 ** np.trunc(np.log2(65504 / np.abs(g).max())))
scale_of.mistake("the largest is brought to 1",
                 "Below 1 float16 has 24 powers of two, above it 16 more, which are not used so.",
                 lambda g: 2.0 ** -np.ceil(np.log2(np.abs(g).max())))
scale_of.mistake("the smallest is brought to where float16 begins",
                 "Look at the large end: one that becomes infinite spoils the step, a few that become 0 do not.",
                 lambda g: 2.0 ** np.ceil(np.log2(2.0**-14 / np.abs(g[g != 0]).min())))
scale_of.mistake("the exponent, not the power", "S is 2 to this power.",
                 lambda g: np.abs(np.floor(np.log2(65504 / np.abs(g).max()))) + 1)
scale_of.mistake("the mean is brought to 1", "The mean says nothing about the largest number.",
                 lambda g: 2.0 ** -np.round(np.log2(np.abs(g).mean())))
scale_of.mistake("the inverse", "The gradient is multiplied by S.",
                 lambda g: 2.0 ** np.ceil(np.log2(np.abs(g).max() / 65504)))

scale_of.mistake("always 65,504", _FIXED + " And it is to be a power of two.", lambda g: 65504.0)
scale_of.mistake("the largest number of g", "It is what must stay below 65,504 when it is multiplied by S.",
                 lambda g: np.abs(g).max())
scale_of.mistake("the largest number, divided by 65,504", "The other way round: S times the largest is at most 65,504.",
                 lambda g: np.abs(g).max() / 65504)
scale_of.mistake("always 2", _FIXED, lambda g: 2.0)
scale_of.mistake("multiplied by the largest, not divided", "S times the largest is at most 65,504: divide.",
                 lambda g: 2.0 ** np.floor(np.log2(65504 * np.abs(g).max())))
scale_of.mistake("65,504 does not come in", "S times the largest may be as large as 65,504.",
                 lambda g: 2.0 ** np.floor(np.log2(np.abs(g).max())))
scale_of.mistake("a square in place of the size", "`np.abs`: the largest in size, not its square.",
                 lambda g: 2.0 ** np.floor(np.log2(65504 / np.square(g).max())))
scale_of.mistake("twice the exponent", "S is 2 to the power of the exponent, not times it.",
                 lambda g: 2.0 * abs(np.floor(np.log2(65504 / np.abs(g).max()))))
scale_of.mistake("another base than 2", "The exponent was taken with base 2: so is the power.",
                 lambda g: 3.0 ** np.floor(np.log2(65504 / np.abs(g).max())))

scale_of.accepted("half of the largest")(lambda g: 2.0 ** (np.floor(np.log2(65504 / np.abs(g).max())) - 1))


@scale_of.accepted("doubled as long as nothing is infinite")
def _(g):
    scale = 2.0**-40
    while np.abs(g.astype(float)).max() * scale * 2 <= 65504:
        scale *= 2
    return scale


# ---- place_checkpoints -----------------------------------------------------------------------------------------------

def _place(sizes, bound):
    """Starts of segments that keep within the bound, with the least bytes of checkpoints; None if there are none.

    From a checkpoint at s the next may stand at any e that the bound allows; the fewer bytes up to it, the better.
    """
    count = len(sizes)
    kept, before = [None] * (count + 1), [None] * (count + 1)
    kept[0] = sizes[0]
    for s in range(count):
        if kept[s] is None:
            continue
        held = kept[s]
        for e in range(s + 1, count + 1):
            if held > bound:
                break
            total = kept[s] + (sizes[e] if e < count else 0)
            if kept[e] is None or total < kept[e]:
                kept[e], before[e] = total, s
            held += sizes[e] if e < count else 0
    if kept[count] is None:
        return None
    starts, at = [], count
    while at:
        at = before[at]
        starts.append(at)
    return starts[::-1]


def _equal(count, segments):
    """Starts of segments of nearly one length."""
    return sorted({int(s) for s in np.linspace(0, count, segments, endpoint=False)})


def _least_bound(sizes):
    low, high = max(sizes), sum(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _place(sizes, middle) else (middle + 1, high)
    return low


def _choices(count):
    """All lists of starts."""
    for chosen in range(2 ** (count - 1)):
        yield [0, *(i for i in range(1, count) if chosen >> (i - 1) & 1)]


def _place_cases(rng, turn):
    """Seven to fifteen layers, larger at the front in two of three; segments of equal length do not keep the bound.

    In one of four every choice that keeps it has a last segment that meets it exactly.
    """
    while True:
        count = int(rng.integers(7, 16))
        sizes = [int(size) for size in rng.integers(4, 65, count)]
        if turn % 3:
            sizes = [max(3, size * (count - i) // count) for i, size in enumerate(sizes)]
        best = _least_bound(sizes)
        bound = best + (turn % 4) // 2                       # the best there is, or one byte more
        if any(_peak(sizes, _equal(count, k)) <= bound for k in range(1, count + 1)):
            continue
        if turn % 4 == 0 and _place([*sizes, 1], bound):     # the last segment could hold one byte more
            continue
        return sizes, bound


def _place_properties(answer, sizes, bound):
    if answer.ndim != 1 or not np.array_equal(answer, answer.astype(np.int64)):
        raise ValueError("a list of whole numbers was asked for, the layers at which segments begin")
    starts = [int(s) for s in answer]
    if not starts or starts[0] != 0:
        raise ValueError("the first segment begins at layer 0")
    if starts != sorted(set(starts)) or starts[-1] >= len(sizes):
        raise ValueError(f"the numbers of layers must rise, and be below {len(sizes)}")
    return {"bytes above the bound": float(max(0, _peak(sizes, starts) - bound))}


place = Question(
    "place_checkpoints", title="Checkpoints under a bound", points=3,
    asks="Design `place_checkpoints(sizes, bound)`: the layers whose inputs to keep, so that memory stays in a bound.",
    reference=_place, cases=_place_cases, measure=_place_properties,
    kind="design", minutes=30, level=3,
    text=r"""
        `sizes[l]` are the bytes of the input of layer $l$, which its backward pass needs; the sizes are unequal, as in
        most networks. Return `starts`, a list of layers at which a segment begins, rising and from 0, for which the
        peak that `peak_kept` counts is **at most `bound`**: at any segment its inputs and the checkpoints of the
        segments before it. For segments of equal length the bound is too tight, however many they are; some choice
        keeps it, and there may be several. Each of them passes.
    """,
    hints={
        "Where to begin":
            "Fifteen layers have 2^14 choices of starts: try them all, with your `peak_kept`. For a faster way ask: if "
            "two ways lead to a checkpoint at layer e, which of them is better?",
        "Equal segments do not do": "A checkpoint is cheap where the input is small. Before a late segment all "
                                    "checkpoints lie in memory, before the first none but its own.",
    },
)


@place.solution
def place_checkpoints(sizes, bound):
    """a list of ints, int  →  a list of ints"""
    ways = [(sizes[0], [0])]                   # bytes of checkpoints, starts
    for e in range(1, len(sizes)):
        found = []
        for kept, starts in ways:
            if kept + sum(sizes[starts[-1] + 1:e]) <= bound:
                found.append((kept + sizes[e], [*starts, e]))
        if found:
            ways.append(min(found))            # the fewest bytes is the best
    for kept, starts in ways:
        if kept + sum(sizes[starts[-1] + 1:]) <= bound:
            return starts


def _by_bytes(sizes, bound, share):
    """A new segment as soon as the one that runs would hold more than a share of the bound."""
    starts, held = [0], 0
    for layer in range(1, len(sizes)):
        if held + sizes[layer] > share * bound:
            starts, held = [*starts, layer], 0
        else:
            held += sizes[layer]
    return starts


place.mistake("√n segments of equal length", "That is best where all inputs are equal. Here they are not.",
              lambda sizes, bound: _equal(len(sizes), max(1, round(len(sizes)**0.5))))
place.mistake("√n segments, rounded down", "That is best where all inputs are equal. Here they are not.",
              lambda sizes, bound: list(range(0, len(sizes), max(1, int(len(sizes)**0.5)))))
place.mistake("everything is kept",
              "One segment alone keeps all its inputs, and checkpoints at all layers are all inputs. Take some.",
              lambda sizes, bound: [0])
place.mistake("two halves", "More segments, and not of equal length.", lambda sizes, bound: [0, len(sizes) // 2])
place.mistake("a new segment when the one that runs alone reaches the bound",
              "The checkpoints before it take their share of the bound too.",
              lambda sizes, bound: _by_bytes(sizes, bound, 1))
place.mistake("segments of half the bound", "What the checkpoints take differs from segment to segment.",
              lambda sizes, bound: _by_bytes(sizes, bound, 0.5))
place.mistake("the largest inputs are the checkpoints", "A checkpoint is cheap where the input is small.",
              lambda sizes, bound: sorted({0, *(int(i) for i in np.argsort(sizes)[-int(len(sizes)**0.5):])}))
place.mistake("the smallest inputs are the checkpoints",
              "They are cheap, but a segment between them may be long. Both count.",
              lambda sizes, bound: sorted({0, *(int(i) for i in np.argsort(sizes)[:int(len(sizes)**0.5)])}))


def _first_fit(sizes, bound):
    """As late as the bound allows, whatever the checkpoint costs."""
    starts, kept, held = [0], sizes[0], 0
    for layer in range(1, len(sizes)):
        if kept + held + sizes[layer] > bound:
            starts, kept, held = [*starts, layer], kept + sizes[layer], 0
        else:
            held += sizes[layer]
    return starts


place.mistake("each segment as long as the bound allows",
              "A segment that ends earlier, before a small input, makes a cheaper checkpoint for all that follow.",
              _first_fit)


def _ways(sizes, bound, fits, last=None):
    """The solution, with another rule for what fits: fits(bytes of checkpoints, bytes inside of the segment)."""
    ways = [(sizes[0], [0])]
    for e in range(1, len(sizes)):
        found = [(kept + sizes[e], [*starts, e]) for kept, starts in ways
                 if fits(kept, sum(sizes[starts[-1] + 1:e])) <= bound]
        ways += [min(found)] if found else []
    return next(starts for kept, starts in ways if (last or fits)(kept, sum(sizes[starts[-1] + 1:])) <= bound)


_CHECKPOINTS = "While a segment is at work, the checkpoints before it are in memory too."
place.mistake("the checkpoints are not counted", _CHECKPOINTS,
              lambda sizes, bound: _ways(sizes, bound, lambda kept, inside: inside))
place.mistake("the checkpoints are not counted, but at the last segment", _CHECKPOINTS,
              lambda sizes, bound: _ways(sizes, bound, lambda kept, inside: inside,
                                         lambda kept, inside: kept + inside))
place.mistake("the checkpoints before the last segment are not counted", _CHECKPOINTS,
              lambda sizes, bound: _ways(sizes, bound, lambda kept, inside: kept + inside,
                                         lambda kept, inside: inside))
place.mistake("what lies inside a segment is not counted, but in the last",
              "A segment at work keeps the inputs of all its layers.",
              lambda sizes, bound: _ways(sizes, bound, lambda kept, inside: kept, lambda kept, inside: kept + inside))


@place.accepted("all choices, one by one")
def _(sizes, bound):
    return next(starts for starts in _choices(len(sizes)) if _peak(sizes, starts) <= bound)


place.accepted("the way of least peak")(
    lambda sizes, bound: _place(sizes, _least_bound(sizes)))


# ---- mixed_steps -----------------------------------------------------------------------------------------------------

def _mixed(w, x, y, scale, limit, lr, steps, form=lambda g, scale, limit: g / scale * min(
        1, limit / np.linalg.norm(g / scale))):
    for _ in range(steps):
        w = w - lr * form(scale * x.T @ (x @ w - y) / len(y), scale, limit)
    return w


def _mixed_cases(rng, turn):
    """The limit is met in two of three cases; in the third it is a hundred times the gradient. One scale is below 1."""
    while True:
        n, features = unequal(rng, 3, 8)
        w, x, y = numbers(rng, (features,)), numbers(rng, (n, features)), numbers(rng, (n,))
        g = x.T @ (x @ w - y) / n
        steps, norm = 1 + turn % 3, np.linalg.norm(g)
        limit = float(np.float32(norm * ((0.3, 0.6, 100)[(turn // 2) % 3])))
        if norm > 2:
            return w, x, y, float((8, 64, 0.25, 1024, 16)[turn % 5]), limit, 0.0625, steps


mixed = Question(
    "mixed_steps", title="Shortened to nothing", points=2,
    asks="Mend `mixed_steps(w, x, y, scale, limit, lr, steps)`: its result must not depend on the scale of the loss.",
    reference=_mixed, cases=_mixed_cases,
    kind="mend", minutes=15, level=2,
    text=r"""
        It fits a linear model by gradient descent. In every step the loss, half of the mean squared error, is
        multiplied by `scale`, as for float16; the gradient is unscaled before the weights take it; and a gradient that
        is longer than `limit` is shortened to that length, its direction kept. `limit` is meant for the gradient of the
        loss itself. With `scale` = 1 all is well. With 1,024 the network hardly learns.
    """,
    hints={
        "Where to look": "Print the length of what is subtracted from w, for scales 1 and 1,024.",
        "It is right for small gradients only": "At what moment is the gradient compared with the limit?",
    },
)


@mixed.solution
def mixed_steps(w, x, y, scale, limit, lr, steps):
    """(P,), (N, P), (N,), four numbers  →  (P,)"""
    for _ in range(steps):
        grad = scale * (x.T @ (x @ w - y)) / len(y)
        grad = grad / scale
        norm = np.linalg.norm(grad)
        if norm > limit:
            grad = grad * limit / norm
        w = w - lr * grad
    return w


@mixed.given("shortened before it is unscaled",
             "The scaled gradient is compared with a limit that is meant for the gradient itself. Unscale first.")
def mixed_steps(w, x, y, scale, limit, lr, steps):          # noqa: F811
    """(P,), (N, P), (N,), four numbers  →  (P,)"""
    for _ in range(steps):
        grad = scale * (x.T @ (x @ w - y)) / len(y)
        norm = np.linalg.norm(grad)
        if norm > limit:
            grad = grad * limit / norm
        w = w - lr * grad / scale
    return w


def _mixed_mistake(name, hint, form):
    mixed.mistake(name, hint=hint)(lambda *case: _mixed(*case, form))


def _shortened(g, limit):
    return g * min(1, limit / np.linalg.norm(g))


_mixed_mistake("never shortened", "A gradient longer than the limit is to be shortened, after it is unscaled.",
               lambda g, scale, limit: g / scale)
_mixed_mistake("not unscaled", "The weights take the gradient of the loss itself: divide by the scale.",
               lambda g, scale, limit: g)
_mixed_mistake("shortened, and not unscaled", "Divide by the scale, and then compare with the limit.",
               lambda g, scale, limit: _shortened(g, limit))
_mixed_mistake("unscaled twice", "Once is enough.", lambda g, scale, limit: _shortened(g / scale, limit) / scale)
_mixed_mistake("multiplied by the scale once more", "Unscale: divide by it.",
               lambda g, scale, limit: _shortened(g * scale, limit))
_mixed_mistake("each number is clipped, not the length", "The direction must stay: shorten all by one factor.",
               lambda g, scale, limit: np.clip(g / scale, -limit, limit))
_mixed_mistake("stretched to the limit where it is shorter", "A gradient below the limit stays as it is.",
               lambda g, scale, limit: g / np.linalg.norm(g) * limit)
_mixed_mistake("shortened only where it is short", "It is to be shortened where the norm is *above* the limit.",
               lambda g, scale, limit: g / scale * max(1, limit / np.linalg.norm(g / scale)))
_mixed_mistake("divided by its length, whatever the limit", "Its new length is the limit, not 1.",
               lambda g, scale, limit: g / scale / max(1, np.linalg.norm(g / scale)))
_mixed_mistake("the square of the length", "The length is the root of the sum of squares.",
               lambda g, scale, limit: g / scale * min(1, limit / np.sum((g / scale)**2)))
_mixed_mistake("uphill", "Against the gradient: w − lr·grad.", lambda g, scale, limit: -_shortened(g / scale, limit))
_mixed_mistake("shortened, with the length not divided out", "Multiply by limit and divide by the norm.",
               lambda g, scale, limit: g / scale * (limit if np.linalg.norm(g / scale) > limit else 1))


_mixed_mistake("its new length is 1, not the limit", "Multiply by the limit, too.",
               lambda g, scale, limit: g / scale / (np.linalg.norm(g / scale)
                                                    if np.linalg.norm(g / scale) > limit else 1))
_mixed_mistake("multiplied by its length", "To have length 1 it is divided by its length.",
               lambda g, scale, limit: g / scale * (limit * np.linalg.norm(g / scale)
                                                    if np.linalg.norm(g / scale) > limit else 1))
_mixed_mistake("divided by the scale once too often", "The loss was multiplied by the scale once.",
               lambda g, scale, limit: _shortened(g / scale**2, limit))
_mixed_mistake("the weights do not change", "w − lr·grad, in every step.", lambda g, scale, limit: 0 * g)


def _mixed_residual(name, hint, residual):
    def answer(w, x, y, scale, limit, lr, steps):
        for _ in range(steps):
            w = w - lr * _shortened(x.T @ residual(x @ w, y) / len(y), limit)
        return w
    mixed.mistake(name, hint=hint)(answer)


_mixed_residual("the target is added", "The error is prediction minus target.", lambda z, y: z + y)
_mixed_residual("the target is left out", "The error is prediction minus target.", lambda z, y: z)
_mixed_residual("the prediction is left out", "The error is prediction minus target.", lambda z, y: y)


@mixed.mistake("the step replaces the weights", hint="It is subtracted from them.")
def _(w, x, y, scale, limit, lr, steps):
    for _ in range(steps):
        w = lr * _shortened(x.T @ (x @ w - y) / len(y), limit)
    return w


@mixed.mistake("the weights are subtracted from the step", hint="w − lr·grad.")
def _(w, x, y, scale, limit, lr, steps):
    for _ in range(steps):
        w = lr * _shortened(x.T @ (x @ w - y) / len(y), limit) - w
    return w


@mixed.mistake("summed over the examples, not averaged", hint="The mean: divide by `len(y)`.")
def _(w, x, y, scale, limit, lr, steps):
    return _mixed(w, x, y, scale * len(y), limit, lr, steps, lambda g, s, limit: _shortened(g / scale, limit))


@mixed.mistake("multiplied by the number of examples", hint="The mean: divide by `len(y)`.")
def _(w, x, y, scale, limit, lr, steps):
    return _mixed(w, x, y, scale, limit, lr, steps, lambda g, s, limit: _shortened(g / s * len(y)**2, limit))


@mixed.mistake("the learning rate is added to the gradient", hint="w − lr·grad.")
def _(w, x, y, scale, limit, lr, steps):
    for _ in range(steps):
        w = w - (lr + _shortened(x.T @ (x @ w - y) / len(y), limit))
    return w


@mixed.mistake("only one step", hint="There are `steps` of them: the weights change in the loop.")
def _(w, x, y, scale, limit, lr, steps):
    return _mixed(w, x, y, scale, limit, lr, 1)


@mixed.mistake("the learning rate is left out", hint="w − lr·grad.")
def _(w, x, y, scale, limit, lr, steps):
    return _mixed(w, x, y, scale, limit, 1, steps)


@mixed.accepted("the limit is scaled, too")
def _(w, x, y, scale, limit, lr, steps):
    return _mixed(w, x, y, scale, limit, lr, steps, lambda g, scale, limit: _shortened(g, limit * scale) / scale)


@mixed.accepted("never scaled at all")
def _(w, x, y, scale, limit, lr, steps):
    return _mixed(w, x, y, 1.0, limit, lr, steps)


QUESTIONS = [accumulate_parts, peak, bfloat16, scale_of, place, mixed]
