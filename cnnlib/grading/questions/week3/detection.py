"""Week 3: the questions of the notebook `detection`."""

from functools import partial

import numpy as np

from ...question import Question


def _iou(a, b):
    """Intersection over union: (n, 4), (m, 4)  →  (n, m)"""
    both, first, second = _areas(a, b)
    return both / (first + second - both)


def _sides(a, b):
    """Width and height of what boxes share, below 0 where they are apart: (n, m, 2)"""
    a, b = (np.asarray(boxes, np.float64) for boxes in (a, b))
    return np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])


def _areas(a, b):
    """What each pair shares (n, m), the areas of the first (n, 1) and of the second (1, m)"""
    first, second = (np.prod(np.subtract(boxes[:, 2:], boxes[:, :2], dtype=np.float64), 1) for boxes in (a, b))
    return np.maximum(_sides(a, b), 0).prod(2), first[:, None], second[None]


def _boxes(rng, count, width=16, height=10):
    """Boxes with corners on quarters, x up to `width` and y up to `height`: (count, 4)"""
    size = rng.integers(4, 33, (count, 2)) / 4
    size[:, 1] = np.minimum(size[:, 1], height - 1)
    start = np.floor(rng.random((count, 2)) * (4 * (np.array([width, height]) - size) + 1)) / 4
    return np.concatenate([start, start + size], 1)


# ---- pairwise_iou ----------------------------------------------------------------------------------------------------

def _iou_cases(rng, turn):
    """Always a pair that is apart in x and in y, one that is apart in one of them, and one that overlaps; in every
    third case a box within another, in every third the same box twice.
    """
    n, m = [(2, 3), (4, 2), (3, 5), (1, 4), (5, 3)][turn % 5]
    while True:
        a, b = _boxes(rng, n), _boxes(rng, m)
        if turn % 3 == 0:
            b[0] = a[0] + [-0.5, -0.25, 0.75, 1]
        elif turn % 3 == 1:
            b[0] = a[0]
        apart = (_sides(a, b) < 0).sum(2)
        both = (_sides(a, b) > 0).all(2) & (a[:, None] != b).any(2)
        if (apart == 2).any() and (apart == 1).any() and both.any():
            return a, b


iou = Question(
    "pairwise_iou", title="How much two boxes overlap", points=2,
    asks="Write `pairwise_iou(boxes, others)`: the intersection over union of every box with every other.",
    reference=lambda boxes, others: _iou(boxes, others),
    cases=_iou_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        `boxes` is (n, 4), `others` (m, 4), rows of $(x_1, y_1, x_2, y_2)$ with $x_1 < x_2$ and $y_1 < y_2$. Two boxes
        share the box from the larger of the $x_1$ to the smaller of the $x_2$, and likewise in y, if there is anything
        between. With the area $|a \cap b|$ of that

        $$\operatorname{IoU}(a, b) = \frac{|a \cap b|}{|a| + |b| - |a \cap b|} .$$

        Return (n, m), a row for each of `boxes`. **Boxes that lie apart have IoU 0**, in whichever direction they are
        apart. No loop is needed: `boxes[:, None]` and `others[None]` broadcast to (n, m, 4).
    """,
    hints={
        "Pairs that do not touch have an IoU above 0":
            "The shared width and the shared height are both negative there, and their product is positive. Which of "
            "the three numbers must not fall below 0?",
        "Some numbers are below 0":
            "One of the two sides is negative. Boxes that are apart share nothing.",
        "A box with itself has not 1":
            "What both share is counted twice in the sum of the areas. And is a width x2 − x1?",
    },
)


@iou.solution
def pairwise_iou(boxes, others):
    """(n, 4), (m, 4)  →  (n, m)"""
    def area(low, high):
        return np.prod(np.maximum(high - low, 0), axis=-1)

    a, b = boxes[:, None], others[None]               # (n, 1, 4), (1, m, 4)
    both = area(np.maximum(a[..., :2], b[..., :2]),
                np.minimum(a[..., 2:], b[..., 2:]))   # (n, m)
    areas = area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:])
    return both / (areas - both)


def _unclamped(both, a, b):
    _, first, second = _areas(a, b)
    return both / (first + second - both)


@iou.mistake("boxes apart in x and in y share something",
             hint="Where boxes are apart in both directions, both sides are negative and their product is positive. "
                  "Let no side fall below 0, before you multiply.")
def _(a, b):
    return _unclamped(np.maximum(_sides(a, b).prod(2), 0), a, b)


@iou.mistake("nothing keeps the shared sides from being negative",
             hint="Width and height of what is shared are negative where boxes are apart. Let neither fall below 0.")
def _(a, b):
    return _unclamped(_sides(a, b).prod(2), a, b)


@iou.mistake("what is shared is not subtracted from the union",
             hint="The sum of the areas counts twice what both share. Subtract it once.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both / (first + second)


@iou.mistake("what is shared is added to the union", hint="The sum counts it twice already: subtract it once.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both / (first + second + both)


@iou.mistake("this is the Dice coefficient",
             hint="Twice what is shared over the sum of the areas is Dice, D = 2J / (1 + J). IoU divides by the union.")
def _(a, b):
    both, first, second = _areas(a, b)
    return 2 * both / (first + second)


@iou.mistake("it is divided by the smaller area",
             hint="Then a small box within a large one would have 1. Divide by the area of the union.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both / np.minimum(first, second)


@iou.mistake("it is divided by the larger area", hint="Divide by the area of the union, which is larger still.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both / np.maximum(first, second)


@iou.mistake("it is divided by the area of the first box",
             hint="That is the share of the first box that is covered. IoU treats both alike: divide by the union.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both / (first + 0 * second)


@iou.mistake("it is divided by the area of the second box",
             hint="That is the share of the second box that is covered. IoU treats both alike: divide by the union.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both / (second + 0 * first)


def _hull(a, b):
    return (np.maximum(a[:, None, 2:], b[None, :, 2:]) - np.minimum(a[:, None, :2], b[None, :, :2])).prod(2)


@iou.mistake("it is divided by the box around both",
             hint="The smallest box around both holds corners that belong to neither. The union is the sum of the "
                  "areas less what is shared.")
def _(a, b):
    return _areas(a, b)[0] / _hull(a, b)


@iou.mistake("this is the generalised IoU", hint="It subtracts the empty share of the hull, and is negative for boxes "
                                                 "that are apart. Plain IoU is 0 there.")
def _(a, b):
    both, first, second = _areas(a, b)
    union, hull = first + second - both, _hull(a, b)
    return both / union - (hull - union) / hull


@iou.mistake("the area that is shared, not divided", hint="An area has the unit of pixels². Divide it by the union.")
def _(a, b):
    return _areas(a, b)[0]


@iou.mistake("the union alone", hint="The union belongs below the line; what is shared, above it.")
def _(a, b):
    both, first, second = _areas(a, b)
    return first + second - both


@iou.mistake("a width is x2 − x1 + 1",
             hint="That belongs to boxes whose x2 names the last pixel inside. Here x2 is where the box ends: the "
                  "width is x2 − x1.")
def _(a, b):
    one = [0, 0, 1, 1]
    return _iou(a + one, b + one)


def _as_centres(boxes):
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


@iou.mistake("the boxes are read as centre and size",
             hint="Here a row is (x1, y1, x2, y2), two corners. (cx, cy, w, h) is another form.")
def _(a, b):
    return _iou(_as_centres(a), _as_centres(b))


@iou.mistake("the boxes are read as corner and size",
             hint="Here a row is (x1, y1, x2, y2), two corners. (x, y, w, h) is another form.")
def _(a, b):
    return _iou(*(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1) for boxes in (a, b)))


@iou.mistake("rows and columns of the result are exchanged",
             hint="A row for each of `boxes`, a column for each of `others`: the new axis of `boxes` is the second.")
def _(a, b):
    return _iou(a, b).T


@iou.mistake("only the width is kept from being negative", hint="The same may happen to the height.")
def _(a, b):
    sides = _sides(a, b)
    return _unclamped(np.maximum(sides[..., 0], 0) * sides[..., 1], a, b)


@iou.mistake("only the height is kept from being negative", hint="The same may happen to the width.")
def _(a, b):
    sides = _sides(a, b)
    return _unclamped(sides[..., 0] * np.maximum(sides[..., 1], 0), a, b)


def _by_area(area):
    """IoU with another rule for all three areas, of a low and a high corner."""
    def wrong(a, b):
        a, b = (np.asarray(boxes, np.float64) for boxes in (a[:, None], b[None]))
        both = area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
        return both / (area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:]) - both)
    return wrong


iou.mistake("a side of a box is the sum of its two ends", hint="From x1 to x2 it is x2 − x1.")(
    _by_area(lambda low, high: np.prod(np.maximum(high + low, 0), 2)))
iou.mistake("the area is that from 0 to the far corner", hint="From x1 to x2 it is x2 − x1: subtract the near corner.")(
    _by_area(lambda low, high: np.prod(np.maximum(high, 0), 2)))
iou.mistake("every shared side is at least 1", hint="Boxes that are apart share nothing: 0 is the bound.")(
    _by_area(lambda low, high: np.prod(np.maximum(high - low, 1), 2)))
iou.mistake("a shared side may be −1", hint="Boxes that are apart share nothing: 0 is the bound.")(
    _by_area(lambda low, high: np.prod(np.maximum(high - low, -1), 2)))


@iou.mistake("what is shared times the union, not divided by it", hint="Divide by the union.")
def _(a, b):
    both, first, second = _areas(a, b)
    return both * (first + second - both)


@iou.mistake("the shared width and height are added", hint="The area of a box is width times height.")
def _(a, b):
    _, first, second = _areas(a, b)
    both = np.maximum(_sides(a, b), 0).sum(2)
    return both / (first + second - both)


@iou.mistake("the shared sides are the wrong way round",
             hint="The shared box ends at the smaller of the x2 and begins at the larger of the x1: end minus begin.")
def _(a, b):
    return _unclamped(np.maximum(-_sides(a, b), 0).prod(2), a, b)


@iou.accepted("two loops")
def _(a, b):
    out = np.zeros((len(a), len(b)))
    for i, j in np.ndindex(out.shape):
        (ax, ay, az, aw), (bx, by, bz, bw) = a[i], b[j]
        width, height = min(az, bz) - max(ax, bx), min(aw, bw) - max(ay, by)
        if width > 0 and height > 0:
            out[i, j] = width * height / ((az - ax) * (aw - ay) + (bz - bx) * (bw - by) - width * height)
    return out


@iou.accepted("from the lengths: what is shared along an axis is what both sum to, less the hull")
def _(a, b):
    ends, begins = np.maximum(a[:, None, 2:], b[:, 2:]), np.minimum(a[:, None, :2], b[:, :2])
    lengths = (a[:, 2:] - a[:, :2])[:, None] + b[:, 2:] - b[:, :2]
    both = np.clip(lengths - (ends - begins), 0, None).prod(2)
    first, second = (np.prod(boxes[:, 2:] - boxes[:, :2], 1) for boxes in (a, b))
    return both / (np.add.outer(first, second) - both)


@iou.accepted("counted on a fine grid, where corners are quarters")
def _(a, b):
    middle = np.arange(-7.875, 24, 0.25)
    inside = [(((middle > box[:, :1]) & (middle < box[:, 2:3]))[:, None] & ((middle > box[:, 1:2])
              & (middle < box[:, 3:]))[:, :, None]).reshape(len(box), -1).astype(int)
              for box in (np.asarray(a), np.asarray(b))]
    both = inside[0] @ inside[1].T
    return both / (inside[0].sum(1)[:, None] + inside[1].sum(1) - both)


# ---- average_precision -----------------------------------------------------------------------------------------------

def _ap(scores, right, objects, each=lambda hits, rank, n: hits / rank):
    hit = np.array(right)[np.argsort(-np.asarray(scores, np.float64))]
    return np.sum(each(np.cumsum(hit), np.arange(1, len(hit) + 1), len(hit)) * hit) / objects


def _ap_cases(rng, turn):
    """Scores in no order; all objects found in every fourth case, some missed in the others; nothing right in one."""
    n = int(rng.integers(5, 10))
    scores = rng.permutation(np.arange(1, 33))[:n] / 32
    while True:
        right = rng.random(n) < 0.55
        if 2 <= right.sum() < n and not right[np.argsort(-scores)][:right.sum()].all():
            break
    if turn % 11 == 7:
        right[:] = False
    missed = 0 if turn % 4 == 0 and right.any() else int(rng.integers(1, 5))
    return scores, tuple(int(hit) for hit in right), int(right.sum()) + missed


average = Question(
    "average_precision", title="Average precision of a list of finds", points=2,
    asks="Write `average_precision(scores, right, objects)`: one number for a list of found boxes, of which some are "
         "right.",
    reference=lambda scores, right, objects: _ap(scores, right, objects),
    cases=_ap_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        Go down the list from the highest score. After $m$ boxes, of which $h_m$ were right, the **precision** is
        $P_m = h_m / m$ and the **recall** $h_m$ / objects. Recall grows only at a right box, each time by
        1 / objects; so the area under the steps of precision over recall is

        $$\mathrm{AP} = \frac{1}{\text{objects}} \sum_{m:\; \text{box } m \text{ is right}} P_m .$$

        `scores` (n,) are all different, in no order; `right` is a tuple of n numbers, 1 for a right box and 0 for a
        wrong one; `objects` says how many objects there are, **also those that no box has found**. Nothing is
        interpolated. Return one number, 0 if no box is right.
    """,
    hints={
        "It is right for one list and wrong for the same list in another order":
            "The list must be sorted by score first, and `right` must follow. What does `np.argsort` sort by?",
        "It is too large when objects are missed":
            "Divide by all objects, not by those that were found.",
        "It is too small":
            "Only right boxes enter the sum, and only objects are divided by; a wrong box costs by making P smaller.",
    },
)


@average.solution
def average_precision(scores, right, objects):
    """(n,), n of 0 and 1, int  →  a number"""
    order = np.argsort(-scores)
    hit = np.array(right)[order]
    precision = np.cumsum(hit) / (np.arange(len(hit)) + 1)
    return np.sum(precision * hit) / objects


@average.mistake("from the lowest score up", hint="`np.argsort` sorts upwards. The surest box comes first.")
def _(scores, right, objects):
    return _ap(-scores, right, objects)


@average.mistake("the boxes are not sorted by score", hint="Precision is counted from the highest score down: sort.")
def _(scores, right, objects):
    return _ap(-np.arange(len(scores)), right, objects)


@average.mistake("the sum is divided by the objects that were found",
                 hint="An object that no box has found must cost something: divide by all objects.")
def _(scores, right, objects):
    return _ap(scores, right, max(sum(right), 1))


@average.mistake("the sum is divided by the boxes", hint="Recall counts objects. Divide by how many of them there are.")
def _(scores, right, objects):
    return _ap(scores, right, len(scores))


@average.mistake("wrong boxes are in the sum as well",
                 hint="Recall does not grow at a wrong box, so there is no area there. Only right boxes count.")
def _(scores, right, objects):
    hit = np.array(right)[np.argsort(-scores)]
    return np.sum(np.cumsum(hit) / np.arange(1, len(hit) + 1)) / objects


@average.mistake("the mean of all precisions",
                 hint="The sum is over the right boxes alone, and it is divided by the number of objects.")
def _(scores, right, objects):
    hit = np.array(right)[np.argsort(-scores)]
    return np.mean(np.cumsum(hit) / np.arange(1, len(hit) + 1))


@average.mistake("the precision of the whole list", hint="P is taken after each box, not only at the end of the list.")
def _(scores, right, objects):
    return sum(right) / len(right)


@average.mistake("the recall of the whole list", hint="That is the share of the objects found. The order must count.")
def _(scores, right, objects):
    return sum(right) / objects


@average.mistake("the box itself is not counted in its precision",
                 hint="After m boxes, h_m counts those up to box m, which is one of them.")
def _(scores, right, objects):
    return _ap(scores, right, objects, lambda hits, rank, n: (hits - 1) / rank)


@average.mistake("ranks are counted from 0, with a 1 for the first",
                 hint="After the first box m is 1, after the second 2.")
def _(scores, right, objects):
    return _ap(scores, right, objects, lambda hits, rank, n: hits / np.maximum(rank - 1, 1))


@average.mistake("ranks are one too large", hint="After the first box m is 1: `np.arange(n)` begins at 0, add 1.")
def _(scores, right, objects):
    return _ap(scores, right, objects, lambda hits, rank, n: hits / (rank + 1))


@average.mistake("the hits are not added up: each right box has 1/m",
                 hint="h_m is how many were right among the first m boxes: a running sum.")
def _(scores, right, objects):
    return _ap(scores, right, objects, lambda hits, rank, n: 1 / rank)


@average.mistake("hits are divided by all boxes", hint="P_m divides by m, the boxes so far.")
def _(scores, right, objects):
    return _ap(scores, right, objects, lambda hits, rank, n: hits / n)


@average.mistake("the hits are added up, and not divided by the rank", hint="P_m = h_m / m.")
def _(scores, right, objects):
    return _ap(scores, right, objects, lambda hits, rank, n: hits)


@average.mistake("the sum is not divided", hint="Each step of the recall is 1 / objects.")
def _(scores, right, objects):
    return _ap(scores, right, 1)


@average.mistake("the sum is multiplied by the objects", hint="Each step of the recall is 1 / objects.")
def _(scores, right, objects):
    return _ap(scores, right, 1 / objects)


def _interpolated(scores, right):
    hit = np.array(right)[np.argsort(-scores)]
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1], hit


@average.mistake("the precision is the best one from here on",
                 hint="That is the interpolated curve of PASCAL VOC. Here P_m itself is asked for.")
def _(scores, right, objects):
    precision, hit = _interpolated(scores, right)
    return np.sum(precision * hit) / objects


@average.mistake("eleven recalls, as PASCAL VOC had it until 2009",
                 hint="The mean of the best precision at the recalls 0, 0.1, … 1 is another number. Sum all the steps.")
def _(scores, right, objects):
    precision, hit = _interpolated(scores, right)
    recall = np.cumsum(hit) / objects
    return np.mean([precision[recall >= r - 1e-9].max(initial=0) for r in np.arange(11) / 10])


@average.mistake("trapezia in place of steps",
                 hint="Between two points of the curve nothing is drawn straight: each right box adds P_m · 1/objects.")
def _(scores, right, objects):
    hit = np.array(right)[np.argsort(-scores)]
    precision = np.append(1, np.cumsum(hit) / np.arange(1, len(hit) + 1))
    return np.sum((precision[1:] + precision[:-1]) / 2 * hit) / objects


@average.mistake("scores are weights",
                 hint="Scores decide the order, and nothing else. A find of score 0.9 counts as one of 0.3.")
def _(scores, right, objects):
    order = np.argsort(-scores)
    hit = np.array(right)[order]
    return np.sum(np.cumsum(hit) / np.arange(1, len(hit) + 1) * hit * scores[order]) / objects


@average.accepted("a loop down the list")
def _(scores, right, objects):
    total, hits = 0, 0
    for rank, (_, hit) in enumerate(sorted(zip(scores, right, strict=True), reverse=True), 1):
        hits += hit
        total += hit * hits / rank
    return total / objects


@average.accepted("the area under the steps, from the two curves")
def _(scores, right, objects):
    hits = np.cumsum(np.array(right)[np.argsort(scores)[::-1]])
    recall = np.append(0, hits / objects)
    return np.sum(np.diff(recall) * hits / np.arange(1, len(hits) + 1))


@average.accepted("for each right box: how many right ones, and how many boxes, score at least as much")
def _(scores, right, objects):
    right = np.array(right) == 1
    return sum((scores[right] >= s).sum() / (scores >= s).sum() for s in scores[right]) / objects


# ---- nms_per_class ---------------------------------------------------------------------------------------------------

def _suppress(iou, scores, labels, threshold, *, descending=True, classes=True, kept_only=True, rule=np.less_equal):
    scores = np.asarray(scores, np.float64)
    order = np.argsort(-scores if descending else scores, kind="stable")
    kept = []
    for rank, i in enumerate(order):
        rivals = [j for j in (kept if kept_only else order[:rank]) if not classes or labels[j] == labels[i]]
        if all(rule(np.float64(iou[i, j]), threshold) for j in rivals):
            kept.append(int(i))
    return np.array(kept, np.int64)


def _nms_cases(rng, turn):
    """Boxes in a few heaps, of two or three classes. Always a chain in which the middle box is removed and the third
    stays, neighbours of two classes, and in every third case an IoU that is exactly the threshold.
    """
    while True:
        heaps = np.repeat(_boxes(rng, 3, 24, 16), 3, 0)
        along = np.round(1.2 * (heaps[:, 2] - heaps[:, 0])) / 4 * np.tile([0, 1, 2], 3)      # a chain: each on the next
        boxes = heaps + rng.integers(-2, 3, heaps.shape) / 4 + along[:, None] * [1, 0, 1, 0]
        boxes = boxes[:int(rng.integers(6, 9))]
        if (boxes[:, :2] >= boxes[:, 2:]).any():
            continue
        n, threshold = len(boxes), float(rng.choice([0.25, 0.375, 0.5]))
        overlap = _iou(boxes, boxes)
        if turn % 3 == 1:
            pairs = np.argwhere(np.triu((np.abs(overlap - threshold) < 0.12), 1))
            if not len(pairs):
                continue
            i, j = pairs[0]
            overlap[i, j] = overlap[j, i] = threshold
        near = np.abs(overlap - threshold) < 0.002
        if (near & (overlap != threshold)).any():
            continue
        scores = rng.permutation(np.arange(1, 33))[:n] / 32
        labels = tuple(int(c) for c in rng.integers(0, 2 + turn % 2, n))
        given = overlap, scores, labels, threshold
        right = _suppress(*given).tolist()
        ways = [dict(descending=False), dict(classes=False), dict(kept_only=False), dict(rule=np.less)]
        if len(right) < n and right != sorted(right) and all(
                _suppress(*given, **way).tolist() != right for way in ways[:4 if turn % 3 == 1 else 3]):
            return given


suppression = Question(
    "nms_per_class", title="Non-maximum suppression that keeps the wrong boxes", points=2, kind="mend",
    asks="Mend `nms_per_class(iou, scores, labels, threshold)`: of the boxes of one class that overlap much, only the "
         "one of the highest score stays.",
    reference=lambda iou, scores, labels, threshold: _suppress(iou, scores, labels, threshold),
    cases=_nms_cases,
    minutes=20, level=2,
    text=r"""
        `iou` (n, n) holds the IoU of every box with every other, `scores` (n,) are all different, `labels` is a tuple
        of n classes. **From the highest score down, a box is kept unless its IoU with a box of its own class that was
        kept before is above the threshold.** Boxes of other classes do not matter, and neither do boxes that were
        removed. Return the places of the boxes kept, the best first. Three things are wrong with the function.
    """,
    hints={
        "Where to begin":
            "Two boxes that overlap, of one class, with scores 0.9 and 0.2: which one stays?",
        "A digit that stands close to another one is lost":
            "Are the two of one class? If not, they are no rivals.",
        "In a chain of three boxes only the first is kept":
            "The first overlaps the second, and the second the third. The second is removed: may it still remove?",
    },
)


@suppression.given("as given: all three faults are there",
                   hint="With which score does it begin? Are boxes of two classes rivals? May a box that has been "
                        "removed remove another one?")
def _(iou, scores, labels, threshold):
    """(n, n), (n,), n classes, a number  →  places of the boxes kept"""
    order = np.argsort(scores)
    kept = []
    for rank, i in enumerate(order):
        rivals = order[:rank]
        if all(iou[i, j] <= threshold for j in rivals):
            kept.append(i)
    return kept


@suppression.solution
def nms_per_class(iou, scores, labels, threshold):
    """(n, n), (n,), n classes, a number  →  places of the boxes kept"""
    order = np.argsort(-scores)
    kept = []
    for i in order:
        rivals = [j for j in kept if labels[j] == labels[i]]
        if all(iou[i, j] <= threshold for j in rivals):
            kept.append(i)
    return kept


def _nms_mistake(name, hint, **how):
    suppression.mistake(name, hint=hint)(
        lambda iou, scores, labels, threshold: _suppress(iou, scores, labels, threshold, **how))


_nms_mistake("only the order is mended", "Two faults are left: boxes of other classes are no rivals, and neither are "
             "boxes that were removed.", classes=False, kept_only=False)
_nms_mistake("only the classes are mended", "Two faults are left: `np.argsort` sorts upwards, and a box that was "
             "removed is no rival.", descending=False, kept_only=False)
_nms_mistake("only the rivals are mended: those that were kept", "Two faults are left: `np.argsort` sorts upwards, and "
             "a box of another class is no rival.", descending=False, classes=False)
_nms_mistake("still from the lowest score up", "`np.argsort` sorts upwards: the worst box comes first, and removes "
             "better ones.", descending=False)
_nms_mistake("a box of another class is still a rival", "A 3 that overlaps a 5 may be right, and so may the 5. Compare "
             "within a class.", classes=False)
_nms_mistake("a box that was removed still removes", "Compare with the boxes that were kept, not with all better ones.",
             kept_only=False)
_nms_mistake("an IoU that is exactly the threshold removes", "Removed is what is *above* the threshold.", rule=np.less)
_nms_mistake("what does not overlap is removed", "The comparison is the wrong way round: keep a box if its IoU with "
             "each rival is at most the threshold.", rule=np.greater)
_nms_mistake("only what does not overlap by the threshold is removed", "The comparison is the wrong way round: keep a "
             "box if its IoU with each rival is at most the threshold.", rule=np.greater_equal)


@suppression.mistake("the places kept are sorted by place", hint="The best first: in the order in which they are kept.")
def _(iou, scores, labels, threshold):
    return np.sort(_suppress(iou, scores, labels, threshold))


@suppression.mistake("the worst comes first", hint="What is kept is right; return it with the best first.")
def _(iou, scores, labels, threshold):
    return _suppress(iou, scores, labels, threshold)[::-1]


@suppression.mistake("nothing is removed", hint="Every box is kept. With which boxes is it compared?")
def _(iou, scores, labels, threshold):
    return np.argsort(-scores)


@suppression.mistake("nothing is removed, and the worst comes first",
                     hint="Every box is kept. With which boxes is it compared, and where does the list begin?")
def _(iou, scores, labels, threshold):
    return np.argsort(scores)


@suppression.mistake("only boxes of other classes are rivals",
                     hint="The other way round: those of the same class are rivals.")
def _(iou, scores, labels, threshold):
    kept = []
    for i in np.argsort(-scores):
        if all(iou[i, j] <= threshold for j in kept if labels[j] != labels[i]):
            kept.append(i)
    return np.array(kept)


@suppression.mistake("one box of each class",
                     hint="A class may occur several times. Only boxes that overlap much are rivals.")
def _(iou, scores, labels, threshold):
    order = np.argsort(-scores)
    return np.array([i for rank, i in enumerate(order) if labels[i] not in [labels[j] for j in order[:rank]]])


@suppression.mistake("the ranks of the boxes kept, not their places",
                     hint="A box is named by its place in `scores`, not by its place in the sorted list.")
def _(iou, scores, labels, threshold):
    return np.argsort(np.argsort(-scores))[_suppress(iou, scores, labels, threshold)]


@suppression.mistake("1 for a box that is kept and 0 for the others",
                     hint="Return the places of the boxes kept, the best first.")
def _(iou, scores, labels, threshold):
    return np.isin(np.arange(len(scores)), _suppress(iou, scores, labels, threshold)).astype(int)


@suppression.mistake("it is compared with the last box kept and no other",
                     hint="A box must be compared with every box that was kept before it.")
def _(iou, scores, labels, threshold):
    kept = []
    for i in np.argsort(-scores):
        if not kept or labels[kept[-1]] != labels[i] or iou[i, kept[-1]] <= threshold:
            kept.append(i)
    return np.array(kept)


@suppression.mistake("one rival that is far away is enough to be kept",
                     hint="`any` asks for one rival. Each of them must overlap by no more than the threshold.")
def _(iou, scores, labels, threshold):
    kept = []
    for i in np.argsort(-scores):
        rivals = [j for j in kept if labels[j] == labels[i]]
        if not rivals or any(iou[i, j] <= threshold for j in rivals):
            kept.append(i)
    return np.array(kept)


@suppression.accepted("from the best down, strike out what overlaps it")
def _(iou, scores, labels, threshold):
    left, kept = list(np.argsort(-scores)), []
    while left:
        best, *rest = left
        kept.append(best)
        left = [i for i in rest if labels[i] != labels[best] or iou[i, best] <= threshold]
    return kept


@suppression.accepted("each class by itself, then sorted by score")
def _(iou, scores, labels, threshold):
    kept = []
    for label in set(labels):
        mine = []
        for i in sorted(np.flatnonzero(np.array(labels) == label), key=lambda i: -scores[i]):
            if not mine or iou[i, mine].max() <= threshold:
                mine.append(i)
        kept += mine
    return sorted(kept, key=lambda i: scores[i], reverse=True)


@suppression.accepted("the overlap of two classes set to 0")
def _(iou, scores, labels, threshold):
    same = np.equal.outer(labels, labels)
    close = (iou > threshold) & same
    alive = np.ones(len(scores), bool)
    order = np.argsort(-scores)
    for rank, i in enumerate(order):
        if alive[i]:
            alive[[j for j in order[rank + 1:] if close[i, j]]] = False
    return order[alive[order]]


# ---- assign_points ---------------------------------------------------------------------------------------------------

def _assign(size, stride, boxes, low, high, *, half=0.5, up=True, pick=np.argmin, of="furthest", inside=np.greater,
            more=np.greater, less=np.less_equal, key=None, swapped=False):
    rows, columns = (-(-side // stride) if up else side // stride for side in size)
    boxes = np.asarray(boxes, np.float64)
    y, x = (np.arange(rows)[:, None] + half) * stride, (np.arange(columns) + half) * stride
    if swapped:
        y, x = x, y
    x1, y1, x2, y2 = boxes.T[:, :, None, None]
    distances = np.stack(np.broadcast_arrays(x - x1, y - y1, x2 - x, y2 - y))                # (4, n, rows, columns)
    measured = {"furthest": distances.max(0), "nearest": distances.min(0), "mean": distances.mean(0),
                "side": (distances[:2] + distances[2:]).max(0)}[of]
    fits = inside(distances.min(0), 0) & more(measured, low) & less(measured, high)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) if key is None else key(boxes)
    worst = np.inf if pick is np.argmin else -np.inf
    best = pick(np.where(fits, area[:, None, None], worst), 0)
    return np.where(fits.any(0), best, -1)


def _told(given, right, **way):
    return (_assign(*given, **way) != right).any()


def _assign_cases(rng, turn):
    """Sizes that the stride does not divide. Boxes overlap, and edges may run through points; the range has an end
    that is exactly a furthest distance in two of three cases. The area decides otherwise than the order, the width,
    the height or their sum would, each of them in some cases.
    """
    stride = [4, 8, 2, 6][turn % 4]
    while True:
        rows, columns = rng.choice(np.arange(4, 8), 2, replace=False)
        size = int(rows * stride - rng.integers(1, stride)), int(columns * stride - rng.integers(1, stride))
        n = int(rng.integers(3, 5))
        ends = 2 * np.array([columns, rows])                             # in half strides; a side has three or more
        first = rng.integers(0, ends - 2, (n, 2))
        boxes = np.concatenate([first, rng.integers(first + 3, ends + 1)], 1) * stride / 2
        boxes += rng.choice([0, 0, 0.25, 0.5, stride / 4], (n, 4)) * [-1, -1, 1, 1]
        if len(np.unique((boxes[:, 2:] - boxes[:, :2]).prod(1))) < n:
            continue
        low, high = np.sort(rng.integers(2, 10, 2)) * stride / 2
        if low == high:
            continue
        if turn % 8 == 7:
            low = 0                                                      # no lower end
        given = size, stride, boxes, float(low), float(high)
        right = _assign(*given)
        if len(np.unique(right)) < 3 or (right >= 0).all():
            continue
        ways = [dict(pick=np.argmax), dict(key=lambda b: np.arange(len(b))), dict(key=lambda b: -np.arange(len(b))),
                dict(more=np.greater_equal), dict(less=np.less), dict(inside=np.greater_equal),
                dict(of="nearest"), dict(less=lambda a, b: a < np.inf)]
        keys = [lambda b: b[:, 2] - b[:, 0], lambda b: b[:, 3] - b[:, 1], lambda b: (b[:, 2:] - b[:, :2]).sum(1)]
        told = partial(_told, given, right)
        if (told(**ways[turn % len(ways)]) and (turn % 2 or told(key=keys[turn % 3]))
                and sum(told(**way) for way in ways) >= 4):
            return given


assign = Question(
    "assign_points", title="Which point answers for which box", points=3,
    asks="Write `assign_points(size, stride, boxes, low, high)`: for every point of one map of a detector the number "
         "of the box that it is to find.",
    reference=lambda size, stride, boxes, low, high: _assign(size, stride, boxes, low, high),
    cases=_assign_cases,
    minutes=30, level=3,
    text=r"""
        `size` is (H, W), in pixels. The map has ⌈H/stride⌉ rows and ⌈W/stride⌉ columns; its points stand in the middle
        of cells of stride × stride pixels, the first at x = y = stride/2. `boxes` (n, 4) holds rows of
        $(x_1, y_1, x_2, y_2)$ in pixels, which may overlap and reach beyond the image. A point can answer for a box if

        1. it lies inside: its distances to the four edges are all **above** 0;
        2. the largest of the four is **above** `low` and **at most** `high`, the regression range of this map.

        If there are several, it takes the box of the smallest area (all areas differ). Return an array of integers,
        a row for each row of the map: the number of the box, counted from 0, or −1 for background. Nothing else counts
        here: there is no radius around the middle of a box.
    """,
    hints={
        "The result has one row or one column too few":
            "A part of a cell at the border has a point too: round up. `-(-a // b)` is ⌈a/b⌉.",
        "Everything is moved by half a cell":
            "Points stand in the middle of the cells.",
        "Boxes are found where they should not be, or the other way round":
            "x belongs to columns and y to rows. Try one box that is wide and flat.",
        "A small box within a large one is lost":
            "If the large one is written last, it covers the small one. In which order do you go through them?",
    },
)


@assign.solution
def assign_points(size, stride, boxes, low, high):
    """(H, W), int, (n, 4), a number, a number  →  (rows, columns)"""
    y, x = ((np.arange(-(-side // stride)) + 0.5) * stride for side in size)
    points = np.stack(np.meshgrid(x, y), axis=2)      # (rows, columns, 2)
    which = np.full(points.shape[:2], -1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for n in np.argsort(-areas):          # the smallest is written last
        edges = np.dstack([points - boxes[n, :2], boxes[n, 2:] - points])
        nearest, furthest = edges.min(axis=2), edges.max(axis=2)
        which[(nearest > 0) & (furthest > low) & (furthest <= high)] = n
    return which


def _assign_mistake(name, hint, **how):
    assign.mistake(name, hint=hint)(lambda *arguments: _assign(*arguments, **how))


_assign_mistake("of several boxes the largest is taken", "A small box within a large one would never be found. Take "
                "the smallest.", pick=np.argmax)
_assign_mistake("of several boxes the first is taken", "Take the one of the smallest area, wherever it stands.",
                key=lambda boxes: np.arange(len(boxes)))
_assign_mistake("of several boxes the last is taken", "Take the one of the smallest area, wherever it stands: a later "
                "box must not write over a smaller one.", key=lambda boxes: -np.arange(len(boxes)))
_assign_mistake("points stand in the corners of the cells", "The first point is at stride/2, in the middle of its "
                "cell.", half=0)
_assign_mistake("points stand at the far corners of the cells", "The first point is at stride/2, in the middle of its "
                "cell.", half=1)
_assign_mistake("the map is rounded down", "A cell that the image fills in part has a point as well: round up.",
                up=False)
_assign_mistake("a point on an edge counts as inside", "All four distances must be above 0.",
                inside=np.greater_equal)
_assign_mistake("points outside of a box answer for it", "All four distances must be above 0.",
                inside=lambda a, b: a > -np.inf)
_assign_mistake("low itself is within the range", "Above `low`, and at most `high`: else two maps would answer for one "
                "box.", more=np.greater_equal)
_assign_mistake("high itself is outside of the range", "Above `low`, and at most `high`: else no map would answer for "
                "some boxes.", less=np.less)
_assign_mistake("low belongs to the range and high does not", "It is the other way round: above `low`, and at most "
                "`high`.", more=np.greater_equal, less=np.less)
_assign_mistake("the range is judged by the nearest edge", "The furthest of the four edges decides.", of="nearest")
_assign_mistake("the range is judged by the mean distance", "The furthest of the four edges decides.", of="mean")
_assign_mistake("the range is judged by the longer side of the box", "The furthest of the four edges decides, seen "
                "from the point.", of="side")
_assign_mistake("the range has no effect", "The furthest edge must be above `low` and at most `high` pixels away.",
                more=lambda a, b: a > -np.inf, less=lambda a, b: a < np.inf)
_assign_mistake("the range has no upper end", "Larger boxes belong to a coarser map: at most `high`.",
                less=lambda a, b: a < np.inf)
_assign_mistake("the range has no lower end", "Smaller boxes belong to a finer map: above `low`.",
                more=lambda a, b: a > -np.inf)
_assign_mistake("the least width decides in place of the area", "The area is width times height.",
                key=lambda boxes: boxes[:, 2] - boxes[:, 0])
_assign_mistake("the least height decides in place of the area", "The area is width times height.",
                key=lambda boxes: boxes[:, 3] - boxes[:, 1])
_assign_mistake("the sum of the sides decides in place of the area", "The area is width times height.",
                key=lambda boxes: boxes[:, 2] - boxes[:, 0] + boxes[:, 3] - boxes[:, 1])


_assign_mistake("points stand half a cell before their cells", "The first point is at stride/2: add a half, do not "
                "subtract it.", half=-0.5)
_assign_mistake("points stand half a cell behind their cells", "The first point is at stride/2.", half=1.5)
_assign_mistake("points must lie more than a pixel inside", "Above 0 is enough.", inside=lambda a, b: a > 1)
_assign_mistake("points up to a pixel outside of a box answer for it", "All four distances must be above 0.",
                inside=lambda a, b: a > -1)
_assign_mistake("areas are taken from 0 to the far corner", "A side is x2 − x1.",
                key=lambda boxes: boxes[:, 2] * boxes[:, 3])
_assign_mistake("areas are taken from 0 to the near corner", "A side is x2 − x1.",
                key=lambda boxes: boxes[:, 0] * boxes[:, 1])
_assign_mistake("areas are made of sums of ends", "A side is x2 − x1.",
                key=lambda boxes: (boxes[:, 2] + boxes[:, 0]) * (boxes[:, 3] + boxes[:, 1]))


@assign.mistake("points stand only half a pixel inside their cells",
                hint="The middle of a cell is half a *cell* inside: (j + 0.5) · stride, with brackets.")
def _(size, stride, boxes, low, high):
    return _assign(size, stride, boxes, low, high, half=0.5 / stride)


@assign.mistake("points stand half a pixel before the middle of their cells",
                hint="(stride − 1)/2 is the middle of pixels that are counted by their centres. Here coordinates count "
                     "edges, and the first point is at stride/2.")
def _(size, stride, boxes, low, high):
    return _assign(size, stride, boxes, low, high, half=0.5 - 0.5 / stride)


@assign.mistake("the smallest box around a point is taken before the range is looked at",
                hint="A point whose smallest box is out of the range may answer for a larger one: the range first.")
def _(size, stride, boxes, low, high):
    smallest = _assign(size, stride, boxes, -1, np.inf)
    fits = np.array([_assign(size, stride, box[None], low, high) for box in boxes]) == 0
    return np.where(np.take_along_axis(fits, np.maximum(smallest, 0)[None], 0)[0], smallest, -1)


@assign.mistake("background is −2", hint="Background is −1.")
def _(*arguments):
    got = _assign(*arguments)
    return np.where(got < 0, -2, got)


@assign.mistake("background is 1, as the second box", hint="1 is the second box. Background is −1.")
def _(*arguments):
    got = _assign(*arguments)
    return np.where(got < 0, 1, got)


@assign.mistake("only the distances to the left and the upper edge count", hint="A box has four edges.")
def _(size, stride, boxes, low, high):
    return _two_edges(size, stride, boxes, low, high, 0)


@assign.mistake("only the distances to the right and the lower edge count", hint="A box has four edges.")
def _(size, stride, boxes, low, high):
    return _two_edges(size, stride, boxes, low, high, 1)


def _two_edges(size, stride, boxes, low, high, far):
    boxes = np.asarray(boxes, np.float64)
    y, x = ((np.arange(-(-side // stride)) + 0.5) * stride for side in size)
    points = np.stack(np.meshgrid(x, y), 2)[:, :, None]
    edges = boxes[:, 2:] - points if far else points - boxes[:, :2]
    fits = (edges.min(3) > 0) & (edges.max(3) > low) & (edges.max(3) <= high)
    area = np.where(fits, np.prod(boxes[:, 2:] - boxes[:, :2], 1), np.inf)
    return np.where(np.isfinite(area.min(2)), area.argmin(2), -1)


@assign.mistake("x and y are exchanged", hint="x1 and x2 belong to the columns, y1 and y2 to the rows.")
def _(size, stride, boxes, low, high):
    return _assign(size, stride, boxes[:, [1, 0, 3, 2]], low, high)


@assign.mistake("the result is transposed", hint="size is (H, W): rows come from H.")
def _(size, stride, boxes, low, high):
    return _assign(size, stride, boxes, low, high).T


@assign.mistake("boxes are counted from 1 and background is 0", hint="Boxes are counted from 0, and background is −1.")
def _(*arguments):
    return _assign(*arguments) + 1


@assign.mistake("background is 0, as the first box", hint="0 is the first box. Background is −1.")
def _(*arguments):
    return np.maximum(_assign(*arguments), 0)


@assign.mistake("there is a 1 wherever a box is to be found", hint="Return which box it is: its number.")
def _(*arguments):
    return np.where(_assign(*arguments) >= 0, 1, -1)


@assign.mistake("everything is background",
                hint="No point answers for any box. Is the range turned round, or an edge? Look at one large box.")
def _(*arguments):
    return np.full_like(_assign(*arguments), -1)


@assign.mistake("only points near the middle of a box answer for it",
                hint="There is no radius here: every point inside counts.")
def _(size, stride, boxes, low, high):
    rows, columns = (-(-side // stride) for side in size)
    y, x = (np.arange(rows)[:, None] + 0.5) * stride, (np.arange(columns) + 0.5) * stride
    out, best = np.full((rows, columns), -1), np.full((rows, columns), np.inf)
    for n, box in enumerate(np.asarray(boxes, np.float64)):
        one = _assign(size, stride, box[None], low, high) == 0
        one &= np.maximum(abs(x - (box[0] + box[2]) / 2), abs(y - (box[1] + box[3]) / 2)) < 1.5 * stride
        area = (box[2] - box[0]) * (box[3] - box[1])
        one &= area < best
        out[one], best[one] = n, area
    return out


@assign.accepted("loops over points and boxes")
def _(size, stride, boxes, low, high):
    rows, columns = int(np.ceil(size[0] / stride)), int(np.ceil(size[1] / stride))
    out = np.full((rows, columns), -1)
    for i in range(rows):
        for j in range(columns):
            best = np.inf
            for n, (x1, y1, x2, y2) in enumerate(boxes):
                x, y = j * stride + stride / 2, i * stride + stride / 2
                distances = [x - x1, y - y1, x2 - x, y2 - y]
                area = (x2 - x1) * (y2 - y1)
                if min(distances) > 0 and low < max(distances) <= high and area < best:
                    best, out[i, j] = area, n
    return out


@assign.accepted("all points and boxes at once")
def _(size, stride, boxes, low, high):
    y, x = (np.arange(stride / 2, -(-side // stride) * stride, stride) for side in size)
    xy = np.stack(np.meshgrid(x, y), -1)[:, :, None]                     # (rows, columns, 1, 2)
    d = np.concatenate([xy - boxes[:, :2], boxes[:, 2:] - xy], -1)
    fits = (d.min(-1) > 0) & (d.max(-1) > low) & (d.max(-1) <= high)
    area = np.where(fits, np.prod(boxes[:, 2:] - boxes[:, :2], 1), np.inf)
    return np.where(np.isfinite(area.min(-1)), area.argmin(-1), -1)


# ---- ap_of_doubles ---------------------------------------------------------------------------------------------------

def _doubles(objects, found, copies, precision=lambda m, k: m / ((m - 1) * k + 1), over=lambda objects, found: objects):
    m = np.arange(1, found + 1)
    return np.sum(precision(m, copies)) / over(objects, found)


def _doubles_cases(rng, turn):
    """Some objects are missed in three of four cases."""
    found = int(rng.integers(2, 9))
    return found + (0 if turn % 4 == 0 else int(rng.integers(1, 5))), found, int(rng.integers(2, 6))


doubles = Question(
    "ap_of_doubles", title="What it costs to leave out the suppression", points=2, kind="predict",
    asks="Write `ap_of_doubles(objects, found, copies)`: the average precision of a detector that reports every "
         "object it finds several times.",
    reference=lambda objects, found, copies: _doubles(objects, found, copies),
    cases=_doubles_cases,
    minutes=15, level=2,
    text=r"""
        There are `objects` objects of one class. The detector finds `found` of them and misses the others, and it
        reports each one that it finds `copies` times: all copies are good enough boxes, with IoU above the threshold.
        An object can be taken only once, so the first of its copies is right and the others are wrong. Sorted by
        score the list begins with all copies of one object; then come all copies of a second one, and so on. There are
        no other boxes.

        Return the average precision of the list as one number: the sum of the precisions at the right boxes, divided
        by the number of objects. `1 ≤ found ≤ objects`, `copies ≥ 1`, integers.
    """,
    hints={
        "Where to begin":
            "Write down the list for 2 objects and 3 copies: right, wrong, wrong, right, wrong, wrong. At which "
            "places are the right ones?",
        "It is right for one object and wrong for two":
            "Before the second object's first box stand all copies of the first object, not only the wrong ones.",
    },
)


@doubles.solution
def ap_of_doubles(objects, found, copies):
    """int, int, int  →  a number"""
    m = np.arange(found) + 1                          # the m-th right box …
    place = (m - 1) * copies + 1                      # … stands here
    return np.sum(m / place) / objects


def _doubles_mistake(name, hint, **how):
    doubles.mistake(name, hint=hint)(lambda objects, found, copies: _doubles(objects, found, copies, **how))


_doubles_mistake("missed objects cost nothing", "The sum is divided by all objects, also those that were missed.",
                 over=lambda objects, found: found)
_doubles_mistake("the copies cost nothing", "A second box on an object is wrong, and every wrong box before a right "
                 "one lowers its precision.", precision=lambda m, k: m / m)
_doubles_mistake("the right box is the last of its copies", "The first of the copies takes the object; the others "
                 "come after it.", precision=lambda m, k: m / (m * k))
_doubles_mistake("every copy is right", "An object can be taken only once.",
                 precision=lambda m, k: k * m / m)
_doubles_mistake("the wrong copies before a right box are counted, and not the right ones",
                 "Before the m-th object stand all copies of the m − 1 before it.",
                 precision=lambda m, k: m / ((m - 1) * (k - 1) + 1))
_doubles_mistake("there is one copy more than said", "`copies` counts all boxes on an object, the first as well.",
                 precision=lambda m, k: m / ((m - 1) * (k + 1) + 1))
_doubles_mistake("the right box is not counted among the boxes so far", "At the first right box one box has been seen.",
                 precision=lambda m, k: m / np.maximum((m - 1) * k, 1))
_doubles_mistake("one place too far", "(m − 1) · copies boxes stand before the m-th right one, so its place is one "
                 "more than that, not two.", precision=lambda m, k: m / ((m - 1) * k + 2))
_doubles_mistake("a whole object too far", "Before the first right box stands none; before the m-th stand the copies "
                 "of m − 1 objects.", precision=lambda m, k: m / (m * k + 1))
_doubles_mistake("each right box has 1 over its place", "The precision at the m-th right box is m over its place.",
                 precision=lambda m, k: 1 / ((m - 1) * k + 1))
_doubles_mistake("the right boxes before it are counted, and not the right box itself",
                 "At the m-th right box m boxes were right.", precision=lambda m, k: (m - 1) / ((m - 1) * k + 1))
_doubles_mistake("the sum is not divided by the objects", "Each step of the recall is 1 / objects.",
                 over=lambda objects, found: 1)
_doubles_mistake("the sum is multiplied by the objects", "Each step of the recall is 1 / objects.",
                 over=lambda objects, found: 1 / objects)


@doubles.mistake("the sum is divided by the boxes of the list", hint="Each step of the recall is 1 / objects.")
def _(objects, found, copies):
    return _doubles(objects, found, copies) * objects / (found * copies)


_doubles_mistake("the right boxes are numbered from 0", "The first right box is m = 1: its precision is 1.",
                 precision=lambda m, k: (m - 1) / ((m - 2) * k + 1))
_doubles_mistake("the right boxes are numbered from 2", "The first right box is m = 1: its precision is 1.",
                 precision=lambda m, k: (m + 1) / (m * k + 1))
_doubles_mistake("the precisions are turned over", "Right boxes above the line, all boxes so far below it.",
                 precision=lambda m, k: ((m - 1) * k + 1) / m)
_doubles_mistake("the right boxes are summed up, and not divided by their places",
                 "Precision is right boxes over all boxes so far.", precision=lambda m, k: m)
_doubles_mistake("the places are summed up, without the right boxes", "Precision is right boxes over all boxes so far.",
                 precision=lambda m, k: (m - 1) * k + 1)
_doubles_mistake("right boxes times their places", "Precision divides by the place.",
                 precision=lambda m, k: m * ((m - 1) * k + 1))
_doubles_mistake("only one object's copies stand before each right box",
                 "Before the m-th right box stand the copies of all m − 1 objects before it.",
                 precision=lambda m, k: m / (k + 1))
_doubles_mistake("copies are added where they multiply", "m − 1 objects with so many copies each: a product.",
                 precision=lambda m, k: m / (m + k))


@doubles.mistake("the mean over the objects that were found, divided by the objects once more",
                 hint="One division is enough: by all objects.")
def _(objects, found, copies):
    return _doubles(objects, found, copies) / found


@doubles.mistake("the precision of the whole list", hint="Average precision depends on the order, and on missed "
                                                         "objects: sum the precisions at the right boxes.")
def _(objects, found, copies):
    return 1 / copies


@doubles.accepted("the list written down, and gone through")
def _(objects, found, copies):
    right = ([1] + [0] * (copies - 1)) * found
    hits = np.cumsum(right)
    return sum(hits[i] / (i + 1) for i in range(len(right)) if right[i]) / objects


@doubles.accepted("step by step")
def _(objects, found, copies):
    total, seen = 0.0, 0
    for hits in range(1, found + 1):
        total += hits / (seen + 1)
        seen += copies
    return total / objects


# ---- anchor_sides ----------------------------------------------------------------------------------------------------

def _least(low, high, iou):
    return int(np.ceil(np.log(high / low) / np.log(1 / iou)))


def _anchors(low, high, iou):
    count = _least(low, high, iou)
    return low * (high / low) ** ((np.arange(count) + 0.5) / count)


def _anchor_properties(answer, low, high, iou):
    if answer.ndim != 1 or not 1 <= len(answer) <= 1000:
        raise ValueError(f"the sides must be a list of at least one number, got shape {answer.shape}")
    if not (np.isfinite(answer).all() and (answer > 0).all() and (answer < 1e6).all()):
        raise ValueError("sides must be numbers above 0 and below 1,000,000")
    sides = np.sort(answer.astype(np.float64))
    between = np.sqrt(sides[1:] * sides[:-1])                            # where two anchors fit equally well
    tried = np.concatenate([np.geomspace(low, high, 500), between[(between > low) & (between < high)]])
    ratio = tried[:, None] / sides
    best = (np.minimum(ratio, 1 / ratio) ** 2).max(1)
    good = best >= iou - 1e-6
    return {
        "anchors": len(sides),
        "the smallest box fits one (1 yes, 0 no)": good[0],
        "the largest box fits one (1 yes, 0 no)": good[499],
        "every other box fits one (1 yes, 0 no)": np.delete(good, [0, 499]).all(),
    }


def _anchor_cases(rng, turn):
    """From 2 to 8 anchors, with some room: a count that is nearly one more or one less is not asked for."""
    iou = [0.5, 0.6, 0.7, 0.75][turn % 4]
    while True:
        low = int(rng.integers(6, 33))
        high = int(low * iou ** -(rng.integers(2, 8) + rng.uniform(0.05, 0.95)))
        wanted = np.log(high / low) / np.log(1 / iou)
        if 0.3 < wanted % 1 < 0.8 and 1 < wanted < 8:
            return low, high, iou


anchors = Question(
    "anchor_sides", title="As few anchors as possible", points=3, kind="design",
    asks="Write `anchor_sides(low, high, iou)`: the sides of as few square anchors as possible, so that every square "
         "box from `low` to `high` fits one of them.",
    reference=_anchors, cases=_anchor_cases, measure=_anchor_properties,
    minutes=25, level=2,
    text=r"""
        An **anchor** is a box of fixed size around a point of the map; an anchor detector learns how the true box
        differs from it. A square box with sides of $b$ pixels *fits* a square anchor with sides of $a$ pixels if
        their IoU is at least `iou` when both have the same middle. Return a list of sides, numbers above 0, such that
        each box with low ≤ b ≤ high, b any real number, fits at least one anchor. **No list that does this may be
        shorter than yours.** Your list is judged by this alone: it is right whichever sides it holds.
    """,
    hints={
        "Where to begin":
            "The smaller square lies within the larger: what is their IoU, in terms of a and b? Which boxes does one "
            "anchor fit, from where to where?",
        "There are about twice as many as necessary":
            "An anchor fits boxes larger than itself, and smaller ones. Let it stand in the middle of those it is "
            "for, and mind that the middle is one of ratios.",
        "Some boxes in between fit none":
            "Equal differences leave gaps among the small boxes. What has to be equal from one anchor to the next?",
    },
)


@anchors.solution
def anchor_sides(low, high, iou):
    """int, int, a number  →  (k,), the sides of the anchors"""
    count = int(np.ceil(np.log(high / low) / np.log(1 / iou)))
    ratio = (high / low) ** (1 / count)               # at most 1 / iou
    return low * ratio ** (np.arange(count) + 0.5)


@anchors.mistake("as many as necessary, but the largest box fits none",
                 hint="An anchor fits boxes on both sides of it: from a·√iou to a/√iou. Where must the first one "
                      "stand, so that it is not spent on boxes below low?")
def _(low, high, iou):
    count = _least(low, high, iou)
    return low * (high / low) ** (np.arange(count) / count)


@anchors.mistake("as many as necessary, but the smallest box fits none",
                 hint="An anchor fits boxes on both sides of it: from a·√iou to a/√iou. Where must the last one stand, "
                      "so that it is not spent on boxes above high?")
def _(low, high, iou):
    count = _least(low, high, iou)
    return low * (high / low) ** ((np.arange(count) + 1) / count)


@anchors.mistake("both ends fit, but there are gaps in between",
                 hint="From one anchor to the next the ratio may be 1/iou at most: there the box between them, at "
                      "the middle of the ratios, fits both exactly. Do not spend anchors on the very ends, and "
                      "step in ratios, not in pixels.")
def _(low, high, iou):
    return np.geomspace(low, high, _least(low, high, iou))


@anchors.mistake("one anchor too many, though all boxes fit",
                 hint="All boxes fit, but one anchor can be spared. How wide is the range of boxes that one fits?")
def _(low, high, iou):
    count = _least(low, high, iou) + 1
    return low * (high / low) ** ((np.arange(count) + 0.5) / count)


@anchors.mistake("one anchor too few",
                 hint="One anchor fits boxes from a·√iou to a/√iou, a ratio of 1/iou. Round the number of them up.")
def _(low, high, iou):
    count = max(_least(low, high, iou) - 1, 1)
    return low * (1 / iou) ** (np.arange(count) + 0.5)


@anchors.mistake("twice as many as necessary: the ratio from one to the next is 1/√iou",
                 hint="The next anchor is needed only where the range of this one ends and its own begins: at "
                      "a/√iou = a′·√iou.")
def _(low, high, iou):
    count = int(np.ceil(2 * np.log(high / low) / np.log(1 / iou)))
    return low * (high / low) ** ((np.arange(count) + 0.5) / count)


@anchors.mistake("the IoU of squares is taken as the ratio of their sides",
                 hint="Areas go with the square of the sides: the IoU of squares with one middle is (a/b)².")
def _(low, high, iou):
    count = int(np.ceil(np.log(high / low) / np.log(1 / iou) / 2))
    return low * (high / low) ** ((np.arange(count) + 0.5) / count)


@anchors.mistake("one anchor, in the middle",
                 hint="It fits only boxes from a·√iou to a/√iou. Larger and smaller ones need anchors of their own.")
def _(low, high, iou):
    return [np.sqrt(low * high)]


@anchors.mistake("as many as necessary, but neither the smallest nor the largest box fits one",
                 hint="Sides are in pixels. Which boxes does one anchor fit, from where to where?")
def _(low, high, iou):
    return low / 100 + np.arange(_least(low, high, iou)) / 100


@anchors.mistake("an anchor for every whole number of pixels", hint="All boxes fit, but far fewer will do.")
def _(low, high, iou):
    return np.arange(low, high + 1)


@anchors.accepted("from below, each as large as it may be")
def _(low, high, iou):
    sides, reached = [], low
    while reached < high:
        sides.append(reached * iou**-0.5)
        reached = sides[-1] * iou**-0.5
    return sides


@anchors.accepted("from above, each as small as it may be")
def _(low, high, iou):
    sides, reached = [], float(high)
    while reached > low:
        sides.append(reached * np.sqrt(iou))
        reached *= iou
    return sides


@anchors.accepted("the middles of equal pieces of the logarithm")
def _(low, high, iou):
    edges = np.linspace(np.log(low), np.log(high), int(-(np.log(high / low) // np.log(iou))) + 1)
    return np.exp((edges[1:] + edges[:-1]) / 2)


QUESTIONS = [iou, average, suppression, assign, doubles, anchors]
