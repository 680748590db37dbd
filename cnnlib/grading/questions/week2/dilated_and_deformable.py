"""Week 2: the questions of the notebook `dilated_and_deformable`."""

import itertools

import numpy as np

from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import image, numbers, unequal

# ---- pixels_read -----------------------------------------------------------------------------------------------------

def _sums(rates, k):
    places = {0}
    for rate in rates:
        places = {place + rate * tap for place in places for tap in range(k)}
    return places


def _rates_case(rng, turn):
    """Stacks with a common factor, with other holes, and without holes take turns."""
    k = [3, 2, 3, 5][turn % 4]
    count = int(rng.integers(2, 5))
    if turn % 3 == 0:
        return tuple(2 * int(r) for r in rng.integers(1, 5, count)), k
    if turn % 3 == 1:
        return tuple(int(r) for r in rng.integers(1, 12, count)), k
    return tuple(int(r) for r in rng.integers(1, 3, count)), k


reads = Question(
    "pixels_read", title="How many pixels are read?", points=1, kind="predict", practice=True,
    asks="Write `pixels_read(rates, k)`: how many different pixels of a row one output of a dilated stack reads.",
    reference=lambda rates, k: len(_sums(rates, k)),
    cases=_rates_case, tolerance=1e-9,
    minutes=12, level=1,
    text=r"""
        The stack works along one axis. Each layer has `k` taps and stride 1; layer $l$ has the dilation `rates[l]`, and
        `rates` is a tuple. A pixel that is read on many ways counts once. The row is long: nothing hangs over its ends.
    """,
    hints={
        "Where do I begin?":
            "With one layer, the output at 0 reads the pixels 0, d, 2d, …. A second layer reads each of these outputs.",
        "My number is too large": "Two ways can lead to the same pixel. A `set` keeps each number once.",
        "My number is the size of the receptive field": "Between the first and the last pixel there can be holes.",
    },
)


@reads.solution
def pixels_read(rates, k):
    """→ a whole number"""
    places = {0}
    for rate in rates:
        places = {place + rate * tap for place in places for tap in range(k)}
    return len(places)


def _field(rates, k):
    return 1 + (k - 1) * sum(rates)


reads.mistake("the receptive field",
              hint="The field is what lies between the first and the last pixel. Some of it may be read by no tap.")(
    _field)
reads.mistake("each way is counted", hint="k taps in each of L layers make k^L ways; several lead to one pixel.")(
    lambda rates, k: k ** len(rates))
reads.mistake("the taps are counted",
              hint="k·L weights can read more than k·L pixels: each layer reads each output of the one before.")(
    lambda rates, k: k * len(rates))
reads.mistake("the layers are treated as one kernel", hint="Layers come one behind the other: their offsets add up.")(
    lambda rates, k: len({rate * tap for rate in rates for tap in range(k)}))
reads.mistake("the pixels that are not read", hint="That is the number of holes. Count the others.")(
    lambda rates, k: _field(rates, k) - len(_sums(rates, k)))
reads.mistake("the dilation is d·k wide", hint="k taps have k − 1 gaps between them.")(
    lambda rates, k: 1 + k * sum(rates))
reads.mistake("the dilations are not used", hint="Tap t of layer l is `rates[l]` · t pixels away.")(
    lambda rates, k: 1 + (k - 1) * len(rates))
reads.mistake("only the last layer", hint="All layers of the stack, one behind the other.")(lambda rates, k: k)
reads.mistake("a layer is left out", hint="The stack has a layer for every number in `rates`.")(
    lambda rates, k: len(_sums(rates[:-1], k)))
reads.mistake("the first layer is left out", hint="The stack has a layer for every number in `rates`.")(
    lambda rates, k: len(_sums(rates[1:], k)))
reads.mistake("taps on both sides of the centre, k on each",
              hint="A kernel of k taps has k offsets in all: 0 to k − 1, or as many around the centre.")(
    lambda rates, k: len({sum(c) for c in itertools.product(*[[r * t for t in range(-k + 1, k)] for r in rates])}))
reads.mistake("one tap too few", hint="range(k) already ends at k − 1.")(
    lambda rates, k: len(_sums(rates, k - 1)))
reads.mistake("one tap too many", hint="k taps have the offsets 0 to k − 1.")(
    lambda rates, k: len(_sums(rates, k + 1)))
reads.mistake("the dilations are multiplied", hint="Only strides multiply. Offsets of layers add up.")(
    lambda rates, k: len({int(np.prod(c)) for c in itertools.product(*[[r * t for t in range(k)] for r in rates])}))


reads.mistake("the way from the first to the last pixel",
              hint="From pixel 0 to pixel 4 there are five pixels, and some of them may be read by no tap.")(
    lambda rates, k: (k - 1) * sum(rates))
reads.mistake("only a common divisor makes holes",
              hint="A rate that is larger than the field of the smaller ones makes holes too: try 1, 9.")(
    lambda rates, k: 1 + (k - 1) * sum(rates) // int(np.gcd.reduce(rates)))
reads.mistake("the field of the largest rate", hint="All layers of the stack, one behind the other.")(
    lambda rates, k: 1 + (k - 1) * max(rates))
reads.mistake("each rate is multiplied by those before it", hint="Strides multiply. Dilations do not.")(
    lambda rates, k: len(_sums(np.cumprod(rates).tolist(), k)))
reads.mistake("the taps are rate + 1 pixels apart", hint="Tap t of layer l is `rates[l]` · t pixels away.")(
    lambda rates, k: len(_sums([rate + 1 for rate in rates], k)))


@reads.accepted("all combinations of taps")
def _(rates, k):
    return len({sum(c) for c in itertools.product(*[[r * t for t in range(k)] for r in rates])})


@reads.accepted("a row of ones, filled layer by layer")
def _(rates, k):
    row = np.ones(1)
    for rate in rates:
        kernel = np.zeros(rate * (k - 1) + 1)
        kernel[::rate] = 1
        row = np.convolve(row, kernel)
    return int(np.count_nonzero(row > 0.5))


# ---- bilinear_sample -------------------------------------------------------------------------------------------------

_KINDS = [("inside", "inside"), ("before", "inside"), ("inside", "behind"), ("whole", "inside"), ("behind", "whole"),
          ("inside", "before"), ("whole", "whole"), ("out", "inside"), ("behind", "inside"), ("inside", "whole")]


def _place(rng, size, kind):
    part = float(rng.choice([0.125, 0.25, 0.375, 0.625, 0.75, 0.875]))
    whole = int(rng.integers(0, size - 1))
    return {"inside": whole + part, "whole": float(whole), "before": part - 1, "behind": size - 1 + part,
            "out": size + part}[kind]


def _sample_case(rng, turn):
    pixels = image(rng, 3, 7)
    kinds = _KINDS[turn % len(_KINDS)]
    return pixels, *(_place(rng, size, kind) for size, kind in zip(pixels.shape, kinds, strict=True))


def _corner(pixels, i, j):
    inside = 0 <= i < pixels.shape[0] and 0 <= j < pixels.shape[1]
    return float(pixels[int(i), int(j)]) if inside else 0.0


def _clamped(pixels, i, j):
    return float(pixels[int(np.clip(i, 0, pixels.shape[0] - 1)), int(np.clip(j, 0, pixels.shape[1] - 1))])


def _wrapped(pixels, i, j):
    return float(pixels[int(i) % pixels.shape[0], int(j) % pixels.shape[1]])


def _blend(pixels, y, x, corner=_corner, floor=np.floor):
    top, left = floor(y), floor(x)
    below, right = y - top, x - left
    return ((1 - below) * (1 - right) * corner(pixels, top, left)
            + (1 - below) * right * corner(pixels, top, left + 1)
            + below * (1 - right) * corner(pixels, top + 1, left)
            + below * right * corner(pixels, top + 1, left + 1))


sample = Question(
    "bilinear_sample", title="Between the pixels", points=2, practice=True,
    asks="Write `bilinear_sample(image, y, x)`: the value of an image at a place between its pixels.",
    reference=_blend, cases=_sample_case,
    minutes=15, level=2,
    text=r"""
        `image` is (H, W); `y` counts rows and `x` columns, in pixels, and both may be fractions. The place lies in the
        square of four pixels. Each counts by how near it is: with $i = \lfloor y \rfloor$, $j = \lfloor x \rfloor$,
        $a = y - i$ and $b = x - j$, the pixels $(i, j)$, $(i, j+1)$, $(i+1, j)$ and $(i+1, j+1)$ have the shares
        $(1-a)(1-b)$, $(1-a)\,b$, $a\,(1-b)$ and $a\,b$. A pixel outside of the image is 0. Return one number.
    """,
    hints={
        "IndexError at the last row": "There the pixels (i + 1, …) lie outside. Their value is 0.",
        "It is wrong just above or left of the image":
            "For y = −0.3 the row above is −1. `int` rounds towards 0; `np.floor` rounds down. And an index of −1 is "
            "the last row for NumPy.",
        "It is 0 where y or x is whole": "`np.ceil` of a whole number is that number. The next row is floor + 1.",
    },
)


@sample.solution
def bilinear_sample(image, y, x):
    """(H, W), two numbers  →  a number"""
    height, width = image.shape
    rows = np.maximum(0, 1 - abs(np.arange(height) - y))     # 1 − a, a, else 0
    columns = np.maximum(0, 1 - abs(np.arange(width) - x))
    return rows @ image @ columns


sample.mistake("the border goes on outside",
               hint="Pixels outside are 0. Yours have the value of the nearest pixel of the border.")(
    lambda pixels, y, x: _blend(pixels, y, x, _clamped))
sample.mistake("the image goes on at the other side",
               hint="The index −1 is the last row for NumPy. Pixels outside are 0.")(
    lambda pixels, y, x: _blend(pixels, y, x, _wrapped))
sample.mistake("a place outside is 0 as a whole",
               hint="Just outside of the image some of the four pixels still lie inside, and count by their shares.")(
    lambda pixels, y, x: _blend(pixels, y, x)
    if 0 <= y <= pixels.shape[0] - 1 and 0 <= x <= pixels.shape[1] - 1 else 0.0)
sample.mistake("the nearest pixel", hint="Four pixels count, each by how near it is.")(
    lambda pixels, y, x: _corner(pixels, round(y), round(x)))
sample.mistake("the pixel above to the left", hint="Four pixels count, each by how near it is.")(
    lambda pixels, y, x: _corner(pixels, np.floor(y), np.floor(x)))
sample.mistake("the mean of the four pixels", hint="The nearer a pixel, the larger its share.")(
    lambda pixels, y, x: np.mean([_corner(pixels, np.floor(y) + i, np.floor(x) + j) for i in (0, 1) for j in (0, 1)]))
sample.mistake("rounded towards zero", hint="int(−0.3) is 0, but the row above is −1: use np.floor.")(
    lambda pixels, y, x: _blend(pixels, y, x, floor=np.trunc))
sample.mistake("the shares are exchanged", hint="The upper row counts by 1 − a: the larger a, the farther it is.")(
    lambda pixels, y, x: _blend(pixels, 2 * np.floor(y) + 1 - y, 2 * np.floor(x) + 1 - x))
sample.mistake("the shares of the columns are exchanged", hint="The left column counts by 1 − b.")(
    lambda pixels, y, x: _blend(pixels, y, 2 * np.floor(x) + 1 - x))
sample.mistake("the shares of the rows are exchanged", hint="The upper row counts by 1 − a.")(
    lambda pixels, y, x: _blend(pixels, 2 * np.floor(y) + 1 - y, x))
sample.mistake("y and x are exchanged", hint="y counts rows, the first axis of the array.")(
    lambda pixels, y, x: _blend(pixels, x, y))
sample.mistake("y and x are exchanged in the shares only",
               hint="a = y − i belongs to the rows, b = x − j to the columns.")(
    lambda pixels, y, x: _blend(pixels, np.floor(y) + x - np.floor(x), np.floor(x) + y - np.floor(y)))
sample.mistake("the last row and column are left out", hint="The last pixel has the index H − 1, and lies inside.")(
    lambda pixels, y, x: _blend(np.pad(pixels[:-1, :-1], ((0, 1), (0, 1))), y, x))
sample.mistake("the first row and column are left out", hint="The first pixel has the index 0, and lies inside.")(
    lambda pixels, y, x: _blend(np.pad(pixels[1:, 1:], ((1, 0), (1, 0))), y, x))
sample.mistake("between rows only", hint="Blend between the columns as well.")(
    lambda pixels, y, x: _blend(pixels, y, np.floor(x)))
sample.mistake("between columns only", hint="Blend between the rows as well.")(
    lambda pixels, y, x: _blend(pixels, np.floor(y), x))
sample.mistake("what lies inside is stretched to a share of 1",
               hint="Do not divide by the shares that lie inside: the pixels outside count, as zeros.")(
    lambda pixels, y, x: _blend(pixels, y, x) / max(_blend(np.ones_like(pixels), y, x), 1e-9))


@sample.mistake("zero at whole numbers",
                hint="There ceil and floor are the same, and both shares become 0. The next row is floor + 1.")
def _(pixels, y, x):
    i, j, below, right = np.floor(y), np.floor(x), np.ceil(y), np.ceil(x)
    return ((below - y) * ((right - x) * _corner(pixels, i, j) + (x - j) * _corner(pixels, i, right))
            + (y - i) * ((right - x) * _corner(pixels, below, j) + (x - j) * _corner(pixels, below, right)))


sample.mistake("outside is 0 below and right, but the other side above and left",
               hint="The index −1 raises no IndexError: it is the last row for NumPy. Ask whether 0 ≤ i < H.")(
    lambda pixels, y, x: _blend(pixels, y, x, lambda p, i, j: _wrapped(p, i, j)
                                if i < p.shape[0] and j < p.shape[1] else 0.0))
sample.mistake("the border goes on below and right",
               hint="A pixel with the index H or W is 0, not the last one: no np.minimum(i + 1, H − 1).")(
    lambda pixels, y, x: _blend(pixels, y, x, lambda p, i, j: _corner(
        p, min(i, p.shape[0] - 1), min(j, p.shape[1] - 1))))
sample.mistake("the centre of a pixel lies half a pixel further",
               hint="Here pixel (i, j) stands at y = i and x = j, not at i + 1/2.")(
    lambda pixels, y, x: _blend(pixels, y - 0.5, x - 0.5))
sample.mistake("pixels are counted from 1", hint="The first pixel stands at y = 0 and x = 0.")(
    lambda pixels, y, x: _blend(pixels, y - 1, x - 1))
sample.mistake("height and width are exchanged in the test for outside", hint="Row i lies inside if 0 ≤ i < H.")(
    lambda pixels, y, x: _blend(pixels, y, x, lambda p, i, j: _corner(p, i, j)
                                if i < p.shape[1] and j < p.shape[0] else 0.0))


@sample.mistake("a step down and a step to the right, each from the first pixel",
                hint="The fourth pixel is missing: the step to the right differs from row to row.")
def _(pixels, y, x):
    p, q, r, _ = _four(pixels, y, x)
    return p + (y - np.floor(y)) * (r - p) + (x - np.floor(x)) * (q - p)


sample.mistake("the four pixels are added up",
               hint="Each pixel counts by its share, and the four shares are 1 together.")(
    lambda pixels, y, x: sum(_corner(pixels, np.floor(y) + i, np.floor(x) + j) for i in (0, 1) for j in (0, 1)))
sample.mistake("the shares themselves", hint="Multiply each share by the value of its pixel.")(
    lambda pixels, y, x: _blend(np.ones_like(pixels), y, x))
sample.mistake("the last pixel only", hint="Add up the four products.")(
    lambda pixels, y, x: (y - np.floor(y)) * (x - np.floor(x)) * _corner(pixels, np.floor(y) + 1, np.floor(x) + 1))
sample.mistake("the shares of the rows are added to those of the columns", hint="Multiply both shares.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: 1 - d + 1 - e))
sample.mistake("the columns have no shares",
               hint="The share is the product of one for the row and one for the column.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: 1 - d))
sample.mistake("the rows have no shares", hint="The share is the product of one for the row and one for the column.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: 1 - e))
sample.mistake("the upper row only", hint="The row below counts too: by a.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: (1 - d) * (1 - e), rows=(0,)))
sample.mistake("the lower row only", hint="The row above counts too: by 1 − a.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: (1 - d) * (1 - e), rows=(1,)))
sample.mistake("the left column only", hint="The column to the right counts too: by b.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: (1 - d) * (1 - e), columns=(0,)))
sample.mistake("the right column only", hint="The column to the left counts too: by 1 − b.")(
    lambda pixels, y, x: _shared(pixels, y, x, lambda d, e: (1 - d) * (1 - e), columns=(1,)))


def _shared(pixels, y, x, share, rows=(0, 1), columns=(0, 1)):
    """The pixels around times share(distance of the row, distance of the column)."""
    places = [(np.floor(y) + i, np.floor(x) + j) for i in rows for j in columns]
    return float(sum(share(abs(y - i), abs(x - j)) * _corner(pixels, i, j) for i, j in places))


# who writes the shares of all rows at once, as a hat over the place, slips here
_HATS = {
    "every pixel counts": ("Farther than 1 the share is 0, not negative: np.maximum(0, …).", lambda d: 1 - abs(d)),
    "the shares grow with the distance": ("The nearer, the larger: 1 − distance.",
                                          lambda d: np.maximum(0, 1 + abs(d))),
    "the distance is the share": ("The nearer, the larger: 1 − distance.", lambda d: np.maximum(0, abs(d))),
    "the hat is upside down": ("1 − distance, not distance − 1.", lambda d: np.maximum(0, abs(d) - 1)),
    "the hat is two pixels wide": ("At a distance of 1 the share is 0.", lambda d: np.maximum(0, 2 - abs(d))),
    "the distance has a sign": ("Take its absolute value: both sides count alike.", lambda d: np.maximum(0, 1 - d)),
    "the share is at least 1": ("It is at least 0, and 1 at the place itself.", lambda d: np.maximum(1, 1 - abs(d))),
    "the share may be −1": ("It is at least 0.", lambda d: np.maximum(-1, 1 - abs(d))),
}


def _hat(d):
    return np.maximum(0, 1 - abs(d))


def _distances(pixels, y, x):
    return np.arange(pixels.shape[0]) - y, np.arange(pixels.shape[1]) - x


def _with_hats(rows, columns):
    def answer(pixels, y, x):
        down, right = _distances(pixels, y, x)
        return rows(down) @ pixels @ columns(right)
    return answer


for _name, (_hint, _wrong) in _HATS.items():
    sample.mistake(f"rows: {_name}", hint=_hint)(_with_hats(_wrong, _hat))
    sample.mistake(f"columns: {_name}", hint=_hint)(_with_hats(_hat, _wrong))
    sample.mistake(f"rows and columns: {_name}", hint=_hint)(_with_hats(_wrong, _wrong))


@sample.accepted("first between the columns, then between the rows")
def _(pixels, y, x):
    frame = np.pad(pixels.astype(np.float64), 3)
    y, x = min(max(y, -2), pixels.shape[0] + 1) + 3, min(max(x, -2), pixels.shape[1] + 1) + 3
    i, j = int(y), int(x)
    rows = frame[i:i + 2, j] + (x - j) * (frame[i:i + 2, j + 1] - frame[i:i + 2, j])
    return rows[0] + (y - i) * (rows[1] - rows[0])


@sample.accepted("four pixels, each if it lies inside")
def _(pixels, y, x):
    value = 0.0
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            if row in range(pixels.shape[0]) and column in range(pixels.shape[1]):
                value += (1 - abs(y - row)) * (1 - abs(x - column)) * pixels[row, column]
    return value


# ---- atrous_same -----------------------------------------------------------------------------------------------------

def _framed(x, w, rate, top, left):
    """Dilated correlation with a frame that keeps the size, of which `top` and `left` lie before the image."""
    reach = [rate * (n - 1) for n in w.shape]
    frame = np.pad(x, ((top, reach[0] - top), (left, reach[1] - left)))
    return F.conv2d(frame[None, None], w[None, None], dilation=rate)[0, 0]


def _atrous(x, w, rate):
    return _framed(x, w, rate, *(rate * (n // 2) for n in w.shape))


def _atrous_case(rng, turn):
    k_h, k_w = [(3, 5), (5, 3), (3, 1), (1, 3), (3, 3)][turn % 5]
    return numbers(rng, unequal(rng, 5, 9)), numbers(rng, (k_h, k_w)), [2, 1, 3, 2][turn % 4]


atrous = Question(
    "atrous_same", title="A frame that fits the rate", points=2, kind="mend",
    asks="Mend `atrous_same(x, w, rate)`: a dilated correlation whose output is as large as its input.",
    reference=_atrous, cases=_atrous_case,
    minutes=12, level=2,
    text=r"""
        `x` is (H, W) and `w` is (k_h, k_w), both odd. The middle tap of the kernel lies on the pixel of the output, and
        its neighbours are `rate` pixels apart; outside of the image there are zeros. For rate 1 the function is right.
    """,
    hints={
        "The size is right. What is wrong?":
            "Give it an image with one white pixel, and a kernel with a 1 in the middle. Does the pixel stay?",
    },
)


@atrous.solution
def atrous_same(x, w, rate):
    """(H, W), (k_h, k_w)  →  (H, W)"""
    (height, width), (k_h, k_w) = x.shape, w.shape
    top, left = rate * (k_h // 2), rate * (k_w // 2)
    frame = np.zeros((height + rate * (k_h - 1), width + rate * (k_w - 1)))
    frame[top:top + height, left:left + width] = x
    y = np.zeros((height, width))
    for u in range(k_h):
        for v in range(k_w):
            y += w[u, v] * frame[u * rate:, v * rate:][:height, :width]
    return y


@atrous.given("the image stands too far up and left in its frame",
              hint="Half of what is added lies before the image. What is added is rate · (k − 1) rows.")
def _(x, w, rate):
    (height, width), (k_h, k_w) = x.shape, w.shape
    top, left = k_h // 2, k_w // 2
    frame = np.zeros((height + rate * (k_h - 1), width + rate * (k_w - 1)))
    frame[top:top + height, left:left + width] = x
    y = np.zeros((height, width))
    for u in range(k_h):
        for v in range(k_w):
            y += w[u, v] * frame[u * rate:, v * rate:][:height, :width]
    return y


atrous.mistake("the columns are not mended", hint="The frame has a left side too.")(
    lambda x, w, rate: _framed(x, w, rate, rate * (w.shape[0] // 2), w.shape[1] // 2))
atrous.mistake("the rows are not mended", hint="The frame has an upper side too.")(
    lambda x, w, rate: _framed(x, w, rate, w.shape[0] // 2, rate * (w.shape[1] // 2)))
atrous.mistake("no frame above and left", hint="The middle tap, not the first one, lies on the pixel of the output.")(
    lambda x, w, rate: _framed(x, w, rate, 0, 0))
atrous.mistake("the whole frame lies above and left", hint="Half of it belongs below and right.")(
    lambda x, w, rate: _framed(x, w, rate, *(rate * (n - 1) for n in w.shape)))
atrous.mistake("the kernel is flipped", hint="The first tap reads what lies above and left: correlation.")(
    lambda x, w, rate: _atrous(x, w[::-1, ::-1], rate))
atrous.mistake("the rate is not used", hint="Neighbouring taps are `rate` pixels apart.")(
    lambda x, w, rate: _atrous(x, w, 1))
atrous.mistake("the taps are rate + 1 pixels apart", hint="Between two taps lie rate − 1 pixels that are not read.")(
    lambda x, w, rate: _atrous(x, w, rate + 1))
atrous.mistake("the frame goes round", hint="Outside of the image there are zeros, not its other side.")(
    lambda x, w, rate: sum(w[u, v] * np.roll(x, (rate * (w.shape[0] // 2 - u), rate * (w.shape[1] // 2 - v)), (0, 1))
                           for u, v in np.ndindex(*w.shape)))
atrous.mistake("the frame repeats the border", hint="Outside of the image there are zeros.")(
    lambda x, w, rate: F.conv2d(np.pad(x, [(rate * (n // 2),) * 2 for n in w.shape], mode="edge")[None, None],
                                w[None, None], dilation=rate)[0, 0])
atrous.mistake("height and width of the kernel are exchanged in the frame",
               hint="Rows above the image follow from k_h, columns left of it from k_w.")(
    lambda x, w, rate: _framed(x, w, rate, min(rate * (w.shape[1] // 2), rate * (w.shape[0] - 1)),
                               min(rate * (w.shape[0] // 2), rate * (w.shape[1] - 1))))
atrous.mistake("the taps are applied in one column",
               hint="Tap (u, v) reads u · rate rows down and v · rate columns right.")(
    lambda x, w, rate: _atrous(x, np.concatenate([w.sum(1, keepdims=True), np.zeros((w.shape[0], w.shape[1] - 1))], 1),
                               rate))
atrous.mistake("the taps are applied in one row",
               hint="Tap (u, v) reads u · rate rows down and v · rate columns right.")(
    lambda x, w, rate: _atrous(x, np.concatenate([w.sum(0, keepdims=True), np.zeros((w.shape[0] - 1, w.shape[1]))], 0),
                               rate))

atrous.mistake("the frame is one rate wide", hint="A kernel of 5 taps reaches 2 · rate up: rate · (k // 2).")(
    lambda x, w, rate: _far(x, w, rate, rate * (w.shape[0] > 1), rate * (w.shape[1] > 1)))
atrous.mistake("half of rate · k lies before the image",
               hint="`rate * k // 2` is computed from left to right. The middle tap has the number k // 2.")(
    lambda x, w, rate: _far(x, w, rate, *(rate * n // 2 for n in w.shape)))
atrous.mistake("the rate is added to the frame", hint="The frame grows rate times: rate · (k // 2).")(
    lambda x, w, rate: _far(x, w, rate, *(rate + n // 2 for n in w.shape)))
atrous.mistake("only pixels at which no tap hangs over the border",
               hint="Outside of the image there are zeros, and the taps inside still count.")(
    lambda x, w, rate: _atrous(x, w, rate) * (_atrous(np.ones_like(x), np.ones_like(w), rate) > w.size - 0.5))
atrous.mistake("the taps are spread over the columns only", hint="Tap (u, v) reads u · rate rows down.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (u, v * rate)))
atrous.mistake("the taps are spread over the rows only", hint="Tap (u, v) reads v · rate columns right.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (u * rate, v)))
atrous.mistake("the taps do not go down", hint="Tap (u, v) reads u · rate rows down.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (0, v * rate)))
atrous.mistake("the taps do not go to the right", hint="Tap (u, v) reads v · rate columns right.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (u * rate, 0)))
atrous.mistake("all taps read the same pixels", hint="Tap (u, v) reads u · rate rows down and v · rate columns right.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (0, 0)))
atrous.mistake("the rate is added to the rows", hint="Tap (u, v) reads u · rate rows down: a product.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (u + rate, v * rate)))
atrous.mistake("the rate is added to the columns", hint="Tap (u, v) reads v · rate columns right: a product.")(
    lambda x, w, rate: _spread(x, w, rate, lambda u, v: (u * rate, v + rate)))
atrous.mistake("the weights are not used", hint="Each tap multiplies what it reads by its weight.")(
    lambda x, w, rate: _atrous(x, np.ones_like(w), rate))
atrous.mistake("weights and pixels are added", hint="Each tap multiplies what it reads by its weight.")(
    lambda x, w, rate: _atrous(x, np.ones_like(w), rate) + w.sum())
atrous.mistake("only the last tap", hint="Add up what all taps give.")(
    lambda x, w, rate: _atrous(x, _corner_only(w), rate))
atrous.mistake("the first row of taps is left out", hint="u runs over all k_h rows of the kernel.")(
    lambda x, w, rate: _atrous(x, np.concatenate([0 * w[:1], w[1:]]), rate))
atrous.mistake("the first column of taps is left out", hint="v runs over all k_w columns of the kernel.")(
    lambda x, w, rate: _atrous(x, np.concatenate([0 * w[:, :1], w[:, 1:]], 1), rate))
atrous.mistake("the last row of taps is left out", hint="u runs over all k_h rows of the kernel.")(
    lambda x, w, rate: _atrous(x, np.concatenate([w[:-1], 0 * w[-1:]]), rate))
atrous.mistake("the last column of taps is left out", hint="v runs over all k_w columns of the kernel.")(
    lambda x, w, rate: _atrous(x, np.concatenate([w[:, :-1], 0 * w[:, -1:]], 1), rate))


def _far(x, w, rate, top, left):
    """Correlation in a frame of any size, of which `top` and `left` lie before the image."""
    frame = np.pad(x, ((top, rate * w.shape[0]), (left, rate * w.shape[1])))
    return F.conv2d(frame[None, None], w[None, None], dilation=rate)[0, 0][:x.shape[0], :x.shape[1]]


def _corner_only(w):
    last = np.zeros_like(w)
    last[-1, -1] = w[-1, -1]
    return last


def _spread(x, w, rate, where):
    """Tap (u, v) reads where(u, v) rows and columns behind the upper left of the frame."""
    top, left = (rate * (n // 2) for n in w.shape)
    frame = np.pad(x, ((top, 4 * rate + 5), (left, 4 * rate + 5)))
    y = np.zeros(x.shape)
    for u, v in np.ndindex(*w.shape):
        i, j = where(u, v)
        y = y + w[u, v] * frame[i:i + x.shape[0], j:j + x.shape[1]]
    return y


@atrous.accepted("the layer of the library")
def _(x, w, rate):
    padding = tuple(rate * (n // 2) for n in w.shape)
    return F.conv2d(x[None, None], w[None, None], padding=padding, dilation=rate)[0, 0]


@atrous.accepted("zeros between the taps, then an ordinary correlation")
def _(x, w, rate):
    holes = np.zeros([rate * (n - 1) + 1 for n in w.shape])
    holes[::rate, ::rate] = w
    return _atrous(x.astype(np.float64), holes, 1)


# ---- taps_inside -----------------------------------------------------------------------------------------------------

def _mean_taps(size, k, rate, hit=lambda size, away: max(0, size - away)):
    return sum(hit(size, abs(t) * rate) for t in range(-(k // 2), k // 2 + 1)) / size


def _taps_case(rng, turn):
    """Rates up to beyond the map; now and then the rate is the side, or one less."""
    height, width = unequal(rng, 5, 20)
    rate = [int(rng.integers(1, 6)), int(rng.integers(6, 24)), width, height - 1][turn % 4]
    return height, width, [3, 5, 3][turn % 3], rate


taps = Question(
    "taps_inside", title="How many taps see the map?", points=2, kind="predict",
    asks="Write `taps_inside(height, width, k, rate)`: how many of its k × k taps a dilated kernel has inside of the "
         "map, averaged over all pixels.",
    reference=lambda height, width, k, rate: _mean_taps(height, k, rate) * _mean_taps(width, k, rate),
    cases=_taps_case, tolerance=1e-6,
    minutes=15, level=2,
    text=r"""
        `k` is odd, and the layer keeps the size: its middle tap lies on each of the height × width pixels in turn, its
        neighbours are `rate` pixels apart, and what lies outside of the map is padding. Return the mean number of taps
        that do not lie on padding: k² for a large map and a small rate, nearly 1 for a very large rate.
    """,
    hints={
        "Two axes at once are hard": "A tap lies inside if its row does and its column does. Count along one axis "
                                     "first.",
        "How many places along one axis have a tap inside that is m pixels away?":
            "Draw a row of 7 pixels and a tap 3 pixels to the right. And 9 pixels to the right?",
    },
)


@taps.solution
def taps_inside(height, width, k, rate):
    """→ a number between 1 and k²"""
    def along(size):
        offsets = rate * np.arange(-(k // 2), k // 2 + 1)
        return np.maximum(size - np.abs(offsets), 0).sum() / size
    return along(height) * along(width)


taps.mistake("all taps, always", hint="Near the border, taps lie on padding.")(
    lambda height, width, k, rate: float(k * k))
taps.mistake("taps far outside count as less than none",
             hint="With a rate larger than the map, size − rate is negative: at least 0 pixels have the tap inside.")(
    lambda height, width, k, rate: np.prod([_mean_taps(n, k, rate, lambda n, away: n - away)
                                            for n in (height, width)]))
taps.mistake("one axis only",
             hint="A tap must lie inside by its row and by its column: multiply the means of both axes.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate))
taps.mistake("columns only",
             hint="A tap must lie inside by its row and by its column: multiply the means of both axes.")(
    lambda height, width, k, rate: _mean_taps(width, k, rate))
taps.mistake("the means of the axes are added", hint="A tap lies inside if its row and its column do: multiply.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) + _mean_taps(width, k, rate))
taps.mistake("a square map", hint="Rows and columns have sizes of their own.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) ** 2)
taps.mistake("a square map of the width", hint="Rows and columns have sizes of their own.")(
    lambda height, width, k, rate: _mean_taps(width, k, rate) ** 2)
taps.mistake("the sum over all pixels", hint="A mean: divide by the number of pixels.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) * _mean_taps(width, k, rate) * height * width)
taps.mistake("the share of the taps", hint="Return how many taps, not which part of them.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) * _mean_taps(width, k, rate) / k**2)
taps.mistake("the taps on padding", hint="Count the taps that lie inside.")(
    lambda height, width, k, rate: k**2 - _mean_taps(height, k, rate) * _mean_taps(width, k, rate))
taps.mistake("taps on one side only", hint="A kernel has taps on both sides of its middle.")(
    lambda height, width, k, rate: np.prod([sum(max(0, n - t * rate) for t in range(k // 2 + 1)) / n
                                            for n in (height, width)]))
taps.mistake("the first tap lies on the pixel",
             hint="The middle tap does: taps are at −(k // 2) … k // 2 times the rate.")(
    lambda height, width, k, rate: np.prod([sum(max(0, n - t * rate) for t in range(k)) / n
                                            for n in (height, width)]))
taps.mistake("only pixels with all taps inside", hint="A pixel that has some of its taps inside counts these.")(
    lambda height, width, k, rate: k**2 * np.prod([max(0, n - (k - 1) * rate) / n for n in (height, width)]))
taps.mistake("the rate is not used", hint="Tap t is |t| · rate pixels away from the middle.")(
    lambda height, width, k, rate: _mean_taps(height, k, 1) * _mean_taps(width, k, 1))
taps.mistake("all taps are one rate away", hint="The outer taps of a larger kernel are 2 rates away, and more.")(
    lambda height, width, k, rate: np.prod([(n + (k - 1) * max(0, n - rate)) / n for n in (height, width)]))
taps.mistake("the pixel in the middle of the map", hint="Average over all pixels of the map.")(
    lambda height, width, k, rate: np.prod([sum(0 <= n // 2 + t * rate < n for t in range(-(k // 2), k // 2 + 1))
                                            for n in (height, width)]))
taps.mistake("the pixel in the corner", hint="Average over all pixels of the map.")(
    lambda height, width, k, rate: np.prod([sum(0 <= t * rate < n for t in range(-(k // 2), k // 2 + 1))
                                            for n in (height, width)]))

taps.mistake("outer taps count as one at least",
             hint="A tap that is farther away than the map is large lies inside at no pixel.")(
    lambda height, width, k, rate: np.prod([_mean_taps(n, k, rate, lambda n, away: max(1, n - away))
                                            for n in (height, width)]))
taps.mistake("taps to one side gain pixels",
             hint="A tap m pixels away has m pixels fewer, to either side: use its distance, not its offset.")(
    lambda height, width, k, rate: np.prod([sum(max(0, n - t * rate) for t in range(-(k // 2), k // 2 + 1)) / n
                                            for n in (height, width)]))
taps.mistake("the last tap is left out", hint="The taps are −(k // 2) … k // 2, both ends included.")(
    lambda height, width, k, rate: np.prod([sum(max(0, n - abs(t) * rate) for t in range(-(k // 2), k // 2)) / n
                                            for n in (height, width)]))
taps.mistake("one tap too many", hint="The taps are −(k // 2) … k // 2, both ends included.")(
    lambda height, width, k, rate: np.prod([sum(max(0, n - abs(t) * rate) for t in range(-(k // 2), k // 2 + 2)) / n
                                            for n in (height, width)]))
taps.mistake("the taps that lie outside", hint="size − distance pixels have the tap inside.")(
    lambda height, width, k, rate: np.prod([sum(min(n, abs(t) * rate) for t in range(-(k // 2), k // 2 + 1)) / n
                                            for n in (height, width)]))
taps.mistake("the mean of rows by that of columns", hint="Multiply the two means.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) / _mean_taps(width, k, rate))


taps.mistake("the taps on the diagonal", hint="k × k taps: each row of taps has k of them.")(
    lambda height, width, k, rate: sum(max(0, height - abs(t) * rate) * max(0, width - abs(t) * rate)
                                       for t in range(-(k // 2), k // 2 + 1)) / (height * width))
taps.mistake("the taps of a cross", hint="k × k taps: those in the corners count too. Multiply both means.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) + _mean_taps(width, k, rate) - 1)
taps.mistake("the middle tap is left out", hint="The middle tap lies inside at every pixel.")(
    lambda height, width, k, rate: (_mean_taps(height, k, rate) - 1) * (_mean_taps(width, k, rate) - 1))
taps.mistake("all but the middle tap", hint="The middle tap lies inside at every pixel: the mean is at least 1.")(
    lambda height, width, k, rate: _mean_taps(height, k, rate) * _mean_taps(width, k, rate) - 1)
taps.mistake("rounded to a whole number", hint="A mean need not be whole.")(
    lambda height, width, k, rate: float(round(_mean_taps(height, k, rate) * _mean_taps(width, k, rate))))
taps.mistake("one pixel too few for each outer tap",
             hint="In a row of 7 pixels a tap 3 to the right lies inside at 7 − 3 = 4 of them.")(
    lambda height, width, k, rate: np.prod([_mean_taps(n, k, rate, lambda size, away: max(
        0, size - away - (away > 0))) for n in (height, width)]))
taps.mistake("the best pixel", hint="Average over all pixels of the map.")(
    lambda height, width, k, rate: np.prod([max(sum(0 <= i + t * rate < n for t in range(-(k // 2), k // 2 + 1))
                                                for i in range(n)) for n in (height, width)]))


@taps.accepted("counted by a convolution of ones")
def _(height, width, k, rate):
    ones = np.ones((1, 1, height, width))
    return F.conv2d(ones, np.ones((1, 1, k, k)), padding=rate * (k // 2), dilation=rate).mean()


@taps.accepted("place by place")
def _(height, width, k, rate):
    offsets = rate * np.arange(-(k // 2), k // 2 + 1)
    means = []
    for size in (height, width):
        places = np.arange(size)[:, None] + offsets
        means.append(((places >= 0) & (places < size)).sum(1).mean())
    return means[0] * means[1]


# ---- turned_offsets --------------------------------------------------------------------------------------------------

def _grid(k_h, k_w):
    """(k_h, k_w, 2): row and column of each tap, from the centre."""
    return np.stack(np.meshgrid(np.arange(k_h) - (k_h - 1) / 2, np.arange(k_w) - (k_w - 1) / 2, indexing="ij"), -1)


def _rotated(places, angle):
    c, s = np.cos(angle), np.sin(angle)
    return places @ np.array([[c, -s], [s, c]]).T


def _offsets(k_h, k_w, angle, scale):
    return scale * _rotated(_grid(k_h, k_w), angle) - _grid(k_h, k_w)


def _turned_case(rng, turn):
    k_h, k_w = [(3, 5), (5, 3), (1, 3), (3, 2), (4, 3)][turn % 5]
    return k_h, k_w, float(rng.integers(1, 25)) / 4 - 3.125, [1.0, 2.0, 0.5, 1.5][turn % 4]


turned = Question(
    "turned_offsets", title="Offsets that turn a kernel", points=2,
    asks="Write `turned_offsets(k_h, k_w, angle, scale)`: the offsets with which a deformable layer turns and "
         "stretches its kernel about the centre.",
    reference=_offsets, cases=_turned_case,
    minutes=15, level=2,
    text=r"""
        Without offsets the taps of the kernel stand in a grid, one pixel apart. A tap $a$ rows below and $b$
        columns right of the kernel's centre (for an even side the centre lies between two taps) shall read the place
        $s\,(a\cos\varphi - b\sin\varphi)$ rows below and $s\,(a\sin\varphi + b\cos\varphi)$ columns right of it, with
        $\varphi$ = `angle` in radians and $s$ = `scale`. Return an array (k_h, k_w, 2): for each tap Δy and then Δx, in
        the order of the layer.
    """,
    hints={
        "With angle 0 and scale 1 it is not 0": "An offset is the way from where the tap stands to where it shall "
                                                "read.",
        "Where is the centre?": "Of taps 0 … k − 1 it is (k − 1)/2, whether k is odd or not.",
    },
)


@turned.solution
def turned_offsets(k_h, k_w, angle, scale):
    """→ (k_h, k_w, 2): Δy, Δx"""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    centre = (np.array([k_h, k_w]) - 1) / 2
    offsets = np.zeros((k_h, k_w, 2))
    for u, v in np.ndindex(k_h, k_w):
        a, b = np.array([u, v]) - centre
        offsets[u, v] = c * a - s * b - a, s * a + c * b - b
    return offsets


turned.mistake("Δx before Δy", hint="The order is (Δy, Δx): rows first.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, angle, scale)[..., ::-1])
turned.mistake("the places, not the offsets", hint="Subtract the place at which the tap stands.")(
    lambda k_h, k_w, angle, scale: scale * _rotated(_grid(k_h, k_w), angle))
turned.mistake("the offsets point backwards", hint="New place minus old place.")(
    lambda k_h, k_w, angle, scale: -_offsets(k_h, k_w, angle, scale))
turned.mistake("turned the other way", hint="Compare the signs of the two sines with the formula.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, -angle, scale))
turned.mistake("turned about the first tap", hint="a and b are counted from the centre of the kernel.")(
    lambda k_h, k_w, angle, scale: scale * _rotated(_grid(k_h, k_w) - _grid(k_h, k_w)[0, 0], angle)
    - _grid(k_h, k_w) + _grid(k_h, k_w)[0, 0])
turned.mistake("the centre of an even side lies on a tap",
               hint="The centre is (k − 1)/2: for an even side it lies between two taps.")(
    lambda k_h, k_w, angle, scale: scale * _rotated(_whole(k_h, k_w), angle) - _whole(k_h, k_w))
for _name, _hint, _centre in [
        ("twice the centre", "Of the taps 0 … k − 1 the middle is (k − 1)/2.", lambda n: n - 1),
        ("the centre is k/2", "Of the taps 0 … k − 1 the middle is (k − 1)/2.", lambda n: n / 2),
        ("the centre is (k + 1)/2", "Taps are counted from 0: the middle of 0 … k − 1 is (k − 1)/2.",
         lambda n: (n + 1) / 2),
        ("the centre of an even side lies on the tap before", "The centre is (k − 1)/2, a fraction for an even side: "
         "divide by / and not by //.", lambda n: (n - 1) // 2),
        ("the centre is k/2 − 1", "Of the taps 0 … k − 1 the middle is (k − 1)/2.", lambda n: n / 2 - 1),
        ("the centre is added", "Subtract the centre from the place of the tap.", lambda n: (1 - n) / 2)]:
    turned.mistake(_name, hint=_hint)(lambda k_h, k_w, angle, scale, centre=_centre: _about(
        k_h, k_w, angle, scale, centre(k_h), centre(k_w)))
turned.mistake("the centre of rows and columns are exchanged", hint="Rows have the middle (k_h − 1)/2.")(
    lambda k_h, k_w, angle, scale: _about(k_h, k_w, angle, scale, (k_w - 1) / 2, (k_h - 1) / 2))
turned.mistake("the place in the kernel minus the tap's number",
               hint="Both places must be counted from the same point: new (from the centre) minus a and b.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, angle, scale) + _grid(k_h, k_w) - _numbered(k_h, k_w))
turned.mistake("the places, counted from the first tap", hint="An offset is the new place minus the old one.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, angle, scale) + _numbered(k_h, k_w))
turned.mistake("not stretched", hint="Multiply the turned place by `scale`.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, angle, 1))
turned.mistake("not turned", hint="Turn the place by `angle`.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, 0, scale))
turned.mistake("the offsets are stretched",
               hint="`scale` stretches the place at which the tap reads, not the way there.")(
    lambda k_h, k_w, angle, scale: scale * _offsets(k_h, k_w, angle, 1))
turned.mistake("the angle in degrees", hint="`angle` is in radians, as np.cos takes it.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, np.deg2rad(angle), scale))
turned.mistake("squeezed where it shall be stretched", hint="Multiply by `scale`, do not divide.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, angle, 1 / scale))
turned.mistake("rows and columns of the kernel are exchanged", hint="The array is (k_h, k_w, 2): rows first.")(
    lambda k_h, k_w, angle, scale: _offsets(k_w, k_h, angle, scale))
turned.mistake("mirrored as well", hint="One of the two sines has a minus, not both.")(
    lambda k_h, k_w, angle, scale: scale * _rotated(_grid(k_h, k_w) * [1, -1], angle) - _grid(k_h, k_w))
turned.mistake("the new row is used for the column", hint="Compute both from the old a and b.")(
    lambda k_h, k_w, angle, scale: _in_turn(k_h, k_w, angle, scale))
turned.mistake("sine and cosine are exchanged",
               hint="For the angle 0 the place does not change: cos 0 = 1, sin 0 = 0.")(
    lambda k_h, k_w, angle, scale: _offsets(k_h, k_w, np.pi / 2 - angle, scale))


def _numbered(k_h, k_w):
    return np.moveaxis(np.indices((k_h, k_w)), 0, -1)


def _about(k_h, k_w, angle, scale, row, column):
    """Turned about another centre."""
    places = np.stack(np.meshgrid(np.arange(k_h) - row, np.arange(k_w) - column, indexing="ij"), -1)
    return scale * _rotated(places, angle) - places


def _moved(change):
    """Offsets from change(a, b, cosine, sine) → (Δy, Δx), both stretched."""
    def answer(k_h, k_w, angle, scale):
        a, b = np.moveaxis(_grid(k_h, k_w), -1, 0)
        return np.stack(np.broadcast_arrays(*change(a, b, scale * np.cos(angle), scale * np.sin(angle))), -1)
    return answer


turned.mistake("turned the other way in the rows only", hint="The row is s·(a cos φ − b sin φ): compare the signs.")(
    _moved(lambda a, b, c, s: (c * a + s * b - a, s * a + c * b - b)))
turned.mistake("turned the other way in the columns only",
               hint="The column is s·(a sin φ + b cos φ): compare the signs.")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, c * b - s * a - b)))
turned.mistake("Δy is a place, not an offset", hint="Subtract a, the row at which the tap stands.")(
    _moved(lambda a, b, c, s: (c * a - s * b, s * a + c * b - b)))
turned.mistake("Δx is a place, not an offset", hint="Subtract b, the column at which the tap stands.")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, s * a + c * b)))
turned.mistake("Δy: the old place is added", hint="New place minus old place.")(
    _moved(lambda a, b, c, s: (c * a - s * b + a, s * a + c * b - b)))
turned.mistake("Δx: the old place is added", hint="New place minus old place.")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, s * a + c * b + b)))
turned.mistake("the row does not depend on the column", hint="In a turn the new row depends on both a and b.")(
    _moved(lambda a, b, c, s: (c * a - a, s * a + c * b - b)))
turned.mistake("the column does not depend on the row", hint="In a turn the new column depends on both a and b.")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, c * b - b)))
turned.mistake("Δx is right, Δy forgets the old row", hint="The new row has a part of the old one: a cos φ.")(
    _moved(lambda a, b, c, s: (-s * b - a, s * a + c * b - b)))
turned.mistake("Δy is right, Δx forgets the old column", hint="The new column has a part of the old one: b cos φ.")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, s * a - b)))
turned.mistake("cosine and sine of the rows are exchanged", hint="The row is s·(a cos φ − b sin φ).")(
    _moved(lambda a, b, c, s: (s * a - c * b - a, s * a + c * b - b)))
turned.mistake("cosine and sine of the columns are exchanged", hint="The column is s·(a sin φ + b cos φ).")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, c * a + s * b - b)))
turned.mistake("Δy backwards", hint="New place minus old place, for the rows too.")(
    _moved(lambda a, b, c, s: (a - c * a + s * b, s * a + c * b - b)))
turned.mistake("Δx backwards", hint="New place minus old place, for the columns too.")(
    _moved(lambda a, b, c, s: (c * a - s * b - a, b - s * a - c * b)))
turned.mistake("a and b are exchanged in Δy", hint="a counts rows and b columns.")(
    _moved(lambda a, b, c, s: (c * b - s * a - a, s * a + c * b - b)))
turned.mistake("the cosine is not stretched", hint="`scale` stands before both, cosine and sine.")(
    lambda k_h, k_w, angle, scale: _moved(lambda a, b, c, s: (c / scale * a - s * b - a, s * a + c / scale * b - b))(
        k_h, k_w, angle, scale))
turned.mistake("the sine is not stretched", hint="`scale` stands before both, cosine and sine.")(
    lambda k_h, k_w, angle, scale: _moved(lambda a, b, c, s: (c * a - s / scale * b - a, s / scale * a + c * b - b))(
        k_h, k_w, angle, scale))


def _whole(k_h, k_w):
    return np.stack(np.meshgrid(np.arange(k_h) - k_h // 2, np.arange(k_w) - k_w // 2, indexing="ij"), -1).astype(float)


def _in_turn(k_h, k_w, angle, scale):
    a, b = np.moveaxis(_grid(k_h, k_w), -1, 0)
    row = a * np.cos(angle) - b * np.sin(angle)
    return np.stack([scale * row - a, scale * (row * np.sin(angle) + b * np.cos(angle)) - b], -1)


@turned.accepted("a matrix for all taps at once")
def _(k_h, k_w, angle, scale):
    taps_ = np.indices((k_h, k_w)).reshape(2, -1) - (np.array([[k_h], [k_w]]) - 1) / 2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((turn - np.eye(2)) @ taps_).T.reshape(k_h, k_w, 2)


@turned.accepted("complex numbers")
def _(k_h, k_w, angle, scale):
    z = (np.arange(k_h) - (k_h - 1) / 2)[:, None] + 1j * (np.arange(k_w) - (k_w - 1) / 2)
    moved = scale * np.exp(1j * angle) * z - z
    return np.stack([moved.real, moved.imag], -1)


# ---- offset_gradient -------------------------------------------------------------------------------------------------

def _slopes(pixels, y, x, corner=_corner, floor=np.floor):
    i, j = floor(y), floor(x)
    a, b = y - i, x - j
    p, q, r, s = (corner(pixels, i + u, j + v) for u, v in ((0, 0), (0, 1), (1, 0), (1, 1)))
    return np.array([(1 - b) * (r - p) + b * (s - q), (1 - a) * (q - p) + a * (s - r)])


def _slope_case(rng, turn):
    """Never on a whole number, where the slope jumps."""
    pixels = image(rng, 3, 7)
    kinds = [("inside", "inside"), ("before", "inside"), ("inside", "behind"), ("inside", "inside"),
             ("behind", "before"), ("inside", "before"), ("behind", "inside"), ("out", "inside")][turn % 8]
    y, x = (_place(rng, size, kind) for size, kind in zip(pixels.shape, kinds, strict=True))
    return pixels, y, x, float(rng.choice([-2, -0.5, 0.5, 3]))


gradient = Question(
    "offset_gradient", title="Where should the tap move?", points=3,
    asks="Write `offset_gradient(image, y, x, upstream)`: the gradient of the loss with respect to the place (y, x) at "
         "which a tap reads.",
    reference=lambda pixels, y, x, upstream: upstream * _slopes(pixels, y, x), cases=_slope_case,
    minutes=20, level=3,
    text=r"""
        The tap reads the bilinear value $S(y, x)$ of `image`, (H, W), which is 0 outside; y and x are not whole.
        `upstream` is $\partial L/\partial S$. Return an array of two numbers, $\partial L/\partial y$ and
        $\partial L/\partial x$: by these an offset is learned. The slopes are exact, not estimated from pixel to pixel.
    """,
    hints={
        "Where do I begin?":
            "Write S as the sum of four pixels times (1 − a)(1 − b), (1 − a) b, a (1 − b) and a b, where a = y − ⌊y⌋. "
            "Derive by a. Between whole numbers ∂a/∂y = 1.",
        "∂S/∂y is right for x near a whole number only":
            "Each column has a slope of its own. They are blended by how near the columns are.",
    },
)


@gradient.solution
def offset_gradient(image, y, x, upstream):
    """(H, W), three numbers  →  (2,): by y, by x"""
    down, right = np.arange(image.shape[0]) - y, np.arange(image.shape[1]) - x
    rows, columns = np.maximum(0, 1 - abs(down)), np.maximum(0, 1 - abs(right))
    by_y = (np.sign(down) * (abs(down) < 1)) @ image @ columns
    by_x = rows @ image @ (np.sign(right) * (abs(right) < 1))
    return upstream * np.array([by_y, by_x])


def _with(change):
    """A wrong slope, times the upstream gradient."""
    return lambda pixels, y, x, upstream: upstream * np.asarray(change(pixels, y, x))


def _four(pixels, y, x):
    i, j = np.floor(y), np.floor(x)
    return [_corner(pixels, i + u, j + v) for u, v in ((0, 0), (0, 1), (1, 0), (1, 1))]


gradient.mistake("by x before by y", hint="The order is (y, x).")(_with(lambda p, y, x: _slopes(p, y, x)[::-1]))
gradient.mistake("the sign is reversed", hint="With growing y the lower row counts more: lower minus upper.")(
    _with(lambda p, y, x: -_slopes(p, y, x)))
gradient.mistake("the sign of y is reversed", hint="With growing y the lower row counts more: lower minus upper.")(
    _with(lambda p, y, x: _slopes(p, y, x) * [-1, 1]))
gradient.mistake("the sign of x is reversed", hint="With growing x the right column counts more: right minus left.")(
    _with(lambda p, y, x: _slopes(p, y, x) * [1, -1]))
gradient.mistake("the border goes on outside", hint="Pixels outside are 0.")(
    _with(lambda p, y, x: _slopes(p, y, x, _clamped)))
gradient.mistake("the image goes on at the other side",
                 hint="The index −1 is the last row for NumPy; pixels outside are 0.")(
    _with(lambda p, y, x: _slopes(p, y, x, _wrapped)))
gradient.mistake("outside is 0 below and right, but the other side above and left",
                 hint="The index −1 raises no IndexError: it is the last row for NumPy. Ask whether 0 ≤ i < H.")(
    _with(lambda p, y, x: _slopes(p, y, x, lambda p, i, j: _wrapped(p, i, j)
                                  if i < p.shape[0] and j < p.shape[1] else 0.0)))
gradient.mistake("the border goes on below and right", hint="A pixel with the index H or W is 0, not the last one.")(
    _with(lambda p, y, x: _slopes(p, y, x, lambda p, i, j: _corner(
        p, min(i, p.shape[0] - 1), min(j, p.shape[1] - 1)))))
gradient.mistake("a place outside has no slope",
                 hint="Just outside of the image some of the four pixels still lie inside, and the value changes.")(
    _with(lambda p, y, x: _slopes(p, y, x)
          if 0 <= y <= p.shape[0] - 1 and 0 <= x <= p.shape[1] - 1 else np.zeros(2)))
gradient.mistake("rounded towards zero", hint="int(−0.3) is 0, but the row above is −1: use np.floor.")(
    _with(lambda p, y, x: _slopes(p, y, x, floor=np.trunc)))
gradient.mistake("the slopes at the pixels, read between them",
                 hint="np.gradient estimates from the pixels on both sides. Derive the formula of S instead.")(
    _with(lambda p, y, x: [_blend(slope, y, x) for slope in np.gradient(p)]))
gradient.mistake("the upstream gradient is added", hint="The chain rule: ∂L/∂y = ∂L/∂S · ∂S/∂y.")(
    lambda pixels, y, x, upstream: _slopes(pixels, y, x) + upstream)
gradient.mistake("only the size of the upstream gradient", hint="∂L/∂S has a sign, and it belongs to the answer.")(
    lambda pixels, y, x, upstream: _slopes(pixels, y, x) * abs(upstream))
gradient.mistake("the slope of S²/2", hint="L is any loss: all that is needed of it is `upstream`.")(
    _with(lambda p, y, x: _slopes(p, y, x) * _blend(p, y, x)))
gradient.mistake("1 − b and 1 − a stand before both differences", hint="One of the two has the share b, or a.")(
    _with(lambda p, y, x: 2 * _slopes(p, np.floor(y) + 0.5, np.floor(x) + 0.5) * [
        1 - x + np.floor(x), 1 - y + np.floor(y)]))
gradient.mistake("the upstream gradient is forgotten", hint="The chain rule: ∂L/∂y = ∂L/∂S · ∂S/∂y.")(
    lambda pixels, y, x, upstream: _slopes(pixels, y, x))
gradient.mistake("the shares are exchanged", hint="The left column's slope counts by 1 − b, the right one's by b.")(
    _with(lambda p, y, x: _slopes(p, 2 * np.floor(y) + 1 - y, 2 * np.floor(x) + 1 - x)))
gradient.mistake("a and b are exchanged", hint="The slope along y is blended between the columns: by b.")(
    _with(lambda p, y, x: _slopes(p, np.floor(y) + x - np.floor(x), np.floor(x) + y - np.floor(y))))
gradient.mistake("the slope of the first row and column only",
                 hint="Each column has a slope of its own, and so has each row: blend both.")(
    _with(lambda p, y, x: _slopes(p, np.floor(y), np.floor(x))))
gradient.mistake("the mean of both slopes", hint="The nearer column counts more.")(
    _with(lambda p, y, x: _slopes(p, np.floor(y) + 0.5, np.floor(x) + 0.5)))
gradient.mistake("the sum of both slopes", hint="The slopes of the columns have the shares 1 − b and b.")(
    _with(lambda p, y, x: 2 * _slopes(p, np.floor(y) + 0.5, np.floor(x) + 0.5)))
gradient.mistake("the value itself", hint="Asked is how the value changes when the tap moves.")(
    _with(lambda p, y, x: [_blend(p, y, x)] * 2))
gradient.mistake("a step of one pixel", hint="From pixel to pixel the slope changes. Derive the formula by y.")(
    _with(lambda p, y, x: [_blend(p, y + 1, x) - _blend(p, y, x), _blend(p, y, x + 1) - _blend(p, y, x)]))
gradient.mistake("a step of one pixel to both sides",
                 hint="From pixel to pixel the slope changes. Derive the formula.")(
    _with(lambda p, y, x: [(_blend(p, y + 1, x) - _blend(p, y - 1, x)) / 2,
                           (_blend(p, y, x + 1) - _blend(p, y, x - 1)) / 2]))
gradient.mistake("the slopes are divided by a and b", hint="The way between two rows is one pixel.")(
    _with(lambda p, y, x: _slopes(p, y, x) / [y - np.floor(y), x - np.floor(x)]))
gradient.mistake("the slopes are multiplied by a and b", hint="∂a/∂y = 1: no a is left in the slope along y.")(
    _with(lambda p, y, x: _slopes(p, y, x) * [y - np.floor(y), x - np.floor(x)]))
gradient.mistake("the pixels' values are added, not subtracted", hint="A slope is a difference: lower minus upper.")(
    _with(lambda p, y, x: [(1 - (x - np.floor(x))) * (_four(p, y, x)[2] + _four(p, y, x)[0])
                           + (x - np.floor(x)) * (_four(p, y, x)[3] + _four(p, y, x)[1]),
                           (1 - (y - np.floor(y))) * (_four(p, y, x)[1] + _four(p, y, x)[0])
                           + (y - np.floor(y)) * (_four(p, y, x)[3] + _four(p, y, x)[2])]))


def _summed(by_y, by_x):
    """Slopes that are sums over the four pixels: (row − y, column − x, value) → a product each."""
    def slopes(pixels, y, x):
        around = [(np.floor(y) + u - y, np.floor(x) + v - x, _corner(pixels, np.floor(y) + u, np.floor(x) + v))
                  for u in (0, 1) for v in (0, 1)]
        return [sum(by(dy, dx, value) for dy, dx, value in around) for by in (by_y, by_x)]
    return _with(slopes)


def _near(d):
    """The slope of the hat: −1 before the place, 1 behind it."""
    return np.sign(d) * (abs(d) < 1)


def _summed_hats(slope, rows=_hat, columns=_hat, of="yx"):
    """Slopes by y with `columns` as shares and by x with `rows`; `slope` stands in those named by `of`."""
    def slopes(pixels, y, x):
        down, right = _distances(pixels, y, x)
        right_slope = [slope if axis in of else _near for axis in "yx"]
        return [right_slope[0](down) @ pixels @ columns(right), rows(down) @ pixels @ right_slope[1](right)]
    return _with(slopes)


def _right_y(dy, dx, value):
    return np.sign(dy) * (1 - abs(dx)) * value


def _right_x(dy, dx, value):
    return np.sign(dx) * (1 - abs(dy)) * value


for _name, (_hint, _wrong) in _HATS.items():
    gradient.mistake(f"by y, the shares of the columns: {_name}", hint=_hint)(
        _summed_hats(_near, columns=_wrong))
    gradient.mistake(f"by x, the shares of the rows: {_name}", hint=_hint)(
        _summed_hats(_near, rows=_wrong))
for _name, _hint, _slope in [
        ("all pixels have a part", "Only the pixels around the place, nearer than 1, have a part.", np.sign),
        ("pixels on one side all have a part", "Only pixels nearer than 1 have a part: |distance| < 1.",
         lambda d: np.sign(d) * (d < 1)),
        ("pixels up to 2 away have a part", "Only pixels nearer than 1 have a part.",
         lambda d: np.sign(d) * (abs(d) < 2))]:
    gradient.mistake(f"by y: {_name}", hint=_hint)(_summed_hats(_slope, of="y"))
    gradient.mistake(f"by x: {_name}", hint=_hint)(_summed_hats(_slope, of="x"))

for _which, _name in enumerate(("y", "x")):
    def _one(wrong, which=_which):
        """Wrong in one of the two numbers: wrong(distance along this axis, distance along the other, value)."""
        def changed(dy, dx, value):
            return wrong(dy, dx, value) if which == 0 else wrong(dx, dy, value)
        return _summed(changed, _right_x) if which == 0 else _summed(_right_y, changed)

    gradient.mistake(f"by {_name}: the shares of the other axis are missing",
                     hint="The slope is blended: each of the two differences counts by how near it is.")(
        _one(lambda d, e, value: np.sign(d) * value))
    gradient.mistake(f"by {_name}: the shares are exchanged", hint="The nearer difference counts more: 1 − distance.")(
        _one(lambda d, e, value: np.sign(d) * abs(e) * value))
    gradient.mistake(f"by {_name}: the distance stands where a sign belongs",
                     hint="The share changes by 1 for each pixel, up or down: −1 or +1, not the distance.")(
        _one(lambda d, e, value: d * (1 - abs(e)) * value))
    gradient.mistake(f"by {_name}: the value's formula", hint="Derive (1 − distance) along this axis: it becomes −1 or "
                                                              "+1.")(
        _one(lambda d, e, value: (1 - abs(d)) * (1 - abs(e)) * value))
    gradient.mistake(f"by {_name}: the pixels are added", hint="A slope is a difference: the pixels count with −1 and "
                                                               "+1.")(
        _one(lambda d, e, value: (1 - abs(e)) * value))
    gradient.mistake(f"by {_name}: the axis of the shares is the axis of the slope",
                     hint="The slope along one axis is blended by the distance along the other.")(
        _one(lambda d, e, value: np.sign(d) * (1 - abs(d)) * value))
    gradient.mistake(f"by {_name}: the sign is of the other axis", hint="∂a/∂y = 1 and ∂b/∂y = 0.")(
        _one(lambda d, e, value: np.sign(e) * (1 - abs(e)) * value))
    gradient.mistake(f"by {_name}: the pixels' values are missing", hint="The slope is that of the image: use its "
                                                                         "values.")(
        _one(lambda d, e, value: np.sign(d) * (1 - abs(e)) * (value != 0)))
    gradient.mistake(f"by {_name}: one share for both differences", hint="The shares are 1 − distance, for each of the "
                                                                         "two.")(
        _one(lambda d, e, value: np.sign(d) * (1 + abs(e)) * value))
    gradient.mistake(f"by {_name}: only the far pixel", hint="Four pixels have a part in the slope.")(
        _one(lambda d, e, value: np.sign(d) * (1 - abs(e)) * value * (d > 0) * (e > 0)))


@gradient.accepted("differences with a small step")
def _(pixels, y, x, upstream):
    h = 2.0**-10
    return upstream * np.array([(_blend(pixels, y + h, x) - _blend(pixels, y - h, x)) / (2 * h),
                                (_blend(pixels, y, x + h) - _blend(pixels, y, x - h)) / (2 * h)])


@gradient.accepted("the four pixels by name")
def _(pixels, y, x, upstream):
    frame = np.zeros((pixels.shape[0] + 4, pixels.shape[1] + 4))
    frame[2:-2, 2:-2] = pixels
    i, j = int(np.floor(y)), int(np.floor(x))
    a, b = y - i, x - j
    (p, q), (r, s) = frame[i + 2:i + 4, j + 2:j + 4]
    return upstream * np.array([(1 - b) * (r - p) + b * (s - q), (1 - a) * (q - p) + a * (s - r)])


QUESTIONS = [reads, sample, atrous, taps, turned, gradient]
