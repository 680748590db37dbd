"""Week 3: the questions of the notebook `generalization`."""

import numpy as np

from ...question import Question
from ..cases import numbers

# ---- spatial_dropout -------------------------------------------------------------------------------------------------


def _spatial_case(rng, turn):
    """Draws and p are eighths, so that some draws are p itself; every fifth time nothing is to be dropped."""
    n, c, h, w = (int(size) for size in rng.choice(np.arange(2, 7), 4, replace=False))
    p = 0.0 if turn % 5 == 4 else float(rng.choice([0.125, 0.25, 0.375, 0.625, 0.75]))
    draws = rng.integers(0, 8, (n, c)) / 8
    draws[0, 0], draws[-1, -1] = p, 0.875
    draws[0, -1], draws[-1, 0] = 0.0, p
    return numbers(rng, (n, c, h, w)), draws, p


def _spatial(x, draws, p, scale=lambda kept, p: 1 / (1 - p), kept=lambda draws, p: draws >= p):
    kept = kept(draws, p)
    return x * (kept * scale(kept, p))[:, :, None, None]


spatial = Question(
    "spatial_dropout", title="Dropout of whole channels", points=1,
    asks="Write `spatial_dropout(x, draws, p)`: what spatial dropout returns in training mode, once its chances are "
         "drawn.",
    reference=lambda x, draws, p: _spatial(x, draws, p), cases=_spatial_case,
    minutes=10, level=1, practice=True,
    text=r"""
        `x` is a batch (N, C, H, W). `draws` (N, C) holds one number for each channel of each image, uniform between 0
        and 1. Where it is below `p`, that channel of that image is dropped: all its numbers become 0. What is kept is
        scaled, so that the mean over many draws is `x` itself; `p` is below 1. Return an array as large as `x`.
    """,
    hints={
        "NumPy says that shapes cannot be broadcast":
            "Shapes are matched from the last axis on. Give the mask the shape (N, C, 1, 1).",
        "The right channels are 0 and the others are too small":
            "A channel is kept with probability 1 − p. By what do you divide, so that its mean is x again?",
    },
)


@spatial.solution
def spatial_dropout(x, draws, p):
    """(N, C, H, W), (N, C), a number  →  (N, C, H, W)"""
    kept = draws >= p
    return x * kept[:, :, None, None] / (1 - p)


def _other_dropout(name, hint, **parts):
    @spatial.mistake(name, hint=hint)
    def _(x, draws, p):
        return _spatial(x, draws, p, **parts)


_other_dropout("what is kept is not scaled",
               "The mean over draws is (1 − p)·x then. Divide by 1 − p here: evaluation mode then has nothing to do.",
               scale=lambda kept, p: 1.0)
_other_dropout("what is kept is scaled down", "It has to make up for what is dropped: divide by 1 − p.",
               scale=lambda kept, p: 1 - p)
_other_dropout("it is divided by p",
               "p is the share that is dropped, as in PyTorch; papers call p what is kept. Divide by 1 − p.",
               scale=lambda kept, p: 1 / p if p else 1.0)
_other_dropout("it is divided by 1 + p", "A channel is kept with probability 1 − p.", scale=lambda kept, p: 1 / (1 + p))
_other_dropout("1 + 1/(1 − p) is too much", "Multiply what is kept by 1/(1 − p) alone.",
               scale=lambda kept, p: 1 + 1 / (1 - p))
_other_dropout("the factor is negative", "Divide by 1 − p, not by p − 1.", scale=lambda kept, p: 1 / (p - 1))
_other_dropout("it is divided by the share that happened to be kept",
               "The factor is the same in every draw: 1/(1 − p). With the share of this batch an image would depend "
               "on its neighbours.", scale=lambda kept, p: 1 / kept.mean())
_other_dropout("p is taken for the probability to keep", "Where the draw is below p the channel is dropped.",
               kept=lambda draws, p: draws < p, scale=lambda kept, p: 1 / p if p else 1.0)
_other_dropout("what should be kept is dropped", "Where the draw is below p the channel is dropped.",
               kept=lambda draws, p: draws < p)
_other_dropout("a draw that is p itself is dropped",
               "Dropped is what lies below p. The draws reach from 0 on, so that with p = 0 nothing is dropped.",
               kept=lambda draws, p: draws > p)
_other_dropout("nothing is dropped", "Where the draw is below p, all numbers of that channel become 0.",
               kept=lambda draws, p: np.ones(draws.shape, bool))
_other_dropout("all images lose the same channels", "Each image has draws of its own: a row of `draws`.",
               kept=lambda draws, p: np.broadcast_to(draws[:1] >= p, draws.shape))
_other_dropout("all channels of an image share one draw", "Each channel has a draw of its own.",
               kept=lambda draws, p: np.broadcast_to(draws[:, :1] >= p, draws.shape))


@spatial.mistake("the draws themselves are multiplied", hint="Compare them with p: a channel is kept or not.")
def _(x, draws, p):
    return x * draws[:, :, None, None] / (1 - p)


@spatial.mistake("the mask is added", hint="Multiply by the mask: 0 where the channel is dropped.")
def _(x, draws, p):
    return x + (draws >= p)[:, :, None, None] / (1 - p)


@spatial.accepted("channel by channel")
def _(x, draws, p):
    out = np.zeros(x.shape)
    for n, c in np.ndindex(*draws.shape):
        if not draws[n, c] < p:
            out[n, c] = x[n, c] / (1 - p)
    return out


@spatial.accepted("by einsum, with a mask of the factors")
def _(x, draws, p):
    return np.einsum("nchw,nc->nchw", x, np.where(draws < p, 0, 1 / (1 - p)))


# ---- macro_f1 --------------------------------------------------------------------------------------------------------

def _matrix_case(rng, turn):
    """Classes of different sizes. Every third time one is never predicted, every third time one is not there at all."""
    classes = 3 + turn % 4
    matrix = rng.integers(0, 6, (classes, classes)) + np.diag(rng.integers(1, 30, classes))
    matrix[0, -1] += 9                                                   # not symmetric
    if turn % 3 == 1:
        matrix[:, 1] = 0
        matrix[1, 0] += 2
    elif turn % 3 == 2:
        matrix[:, 1] = matrix[1] = 0
    return (matrix.astype(float),)


def _ratio(top, bottom):
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


def _parts(matrix):
    """Hits, predicted, actual of each class."""
    matrix = np.asarray(matrix, np.float64)
    return np.diag(matrix), matrix.sum(0), matrix.sum(1)


def _f1s(matrix):
    hits, predicted, actual = _parts(matrix)
    return _ratio(2 * hits, predicted + actual)


macro = Question(
    "macro_f1", title="F1 that counts every class alike", points=2,
    asks="Write `macro_f1(matrix)`: the macro-averaged F1 of a classifier, from its confusion matrix.",
    reference=lambda matrix: np.mean(_f1s(matrix)), cases=_matrix_case,
    minutes=15, level=1, practice=True,
    text=r"""
        `matrix` (C, C) holds counts: entry [i, j] says how often class i was taken for class j. The F1 of a class is
        the harmonic mean of its precision and its recall,

        $$F_1 = \frac{2\, \text{TP}}{2\, \text{TP} + \text{FP} + \text{FN}} ,$$

        and macro F1 is the mean of the F1 of all C classes. The F1 of a class that neither occurs nor is ever
        predicted counts as 0. Return a number.
    """,
    hints={
        "What are TP, FP and FN of class c?":
            "TP stands on the diagonal. The rest of column c was taken for c and is not, FP; the rest of row c "
            "is c and was not found, FN.",
        "It is close, and a little too large":
            "Precision and recall are averaged over the classes last: first each class gets an F1 of its own.",
        "NumPy warns of a division by zero":
            "Of a class that was never predicted the precision is 0/0, while its F1 is 0. By the formula above only "
            "a class without row and column makes trouble.",
    },
)


@macro.solution
def macro_f1(matrix):
    """(C, C), rows are the truth  →  a number"""
    hits = np.diag(matrix)
    both = matrix.sum(axis=0) + matrix.sum(axis=1)       # predicted + actual
    f1 = 2 * hits / np.where(both > 0, both, 1)
    return f1.mean()


def _other_f1(name, hint):
    return macro.mistake(name, hint=hint)


@_other_f1("it is the F1 of mean precision and mean recall",
           "First the F1 of each class, then the mean over the classes. The other order is no mean of F1 at all, and "
           "can be larger than every one of them.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    p, r = _ratio(hits, predicted).mean(), _ratio(hits, actual).mean()
    return 2 * p * r / (p + r)


@_other_f1("that is micro F1, the accuracy",
           "Summed over the classes first, large classes count more. Macro gives each class its own F1, and the same "
           "weight.")
def _(matrix):
    return np.trace(matrix) / np.sum(matrix)


@_other_f1("the classes are weighted by how often they occur",
           "That is the weighted F1. In macro F1 a rare class counts as much as a frequent one.")
def _(matrix):
    return np.average(_f1s(matrix), weights=np.sum(matrix, 1))


@_other_f1("classes that do not occur are left out", "Their F1 counts as 0: divide by all C classes.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    return _f1s(matrix)[predicted + actual > 0].mean()


@_other_f1("classes that are never predicted are left out", "Their F1 is 0: divide by all C classes.")
def _(matrix):
    return _f1s(matrix)[np.sum(matrix, 0) > 0].mean()


@_other_f1("that is the mean precision", "F1 has the false negatives too: the rest of the row.")
def _(matrix):
    hits, predicted, _ = _parts(matrix)
    return _ratio(hits, predicted).mean()


@_other_f1("that is the mean recall", "F1 has the false positives too: the rest of the column.")
def _(matrix):
    hits, _, actual = _parts(matrix)
    return _ratio(hits, actual).mean()


@_other_f1("precision and recall are averaged as they are",
           "F1 is their harmonic mean: it is near the smaller of the two.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    return (_ratio(hits, predicted) + _ratio(hits, actual)).mean() / 2


@_other_f1("that is the mean IoU", "In F1 the hits count twice, above and below.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    return _ratio(hits, predicted + actual - hits).mean()


@_other_f1("the hits are counted once above", "2·TP stands above.")
def _(matrix):
    return _f1s(matrix).mean() / 2


@_other_f1("the hits are counted twice below, and once more in FP and FN",
           "A row or a column holds TP too: predicted + actual is already 2·TP + FP + FN.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    return _ratio(2 * hits, 2 * hits + predicted + actual).mean()


@_other_f1("the hits above are counted three times", "2·TP stands above.")
def _(matrix):
    return _f1s(matrix).mean() * 1.5


@_other_f1("false positives are forgotten", "Below stands 2·TP + FP + FN: what was taken for the class counts as well.")
def _(matrix):
    hits, _, actual = _parts(matrix)
    return _ratio(2 * hits, actual).mean()


@_other_f1("false negatives are forgotten", "Below stands 2·TP + FP + FN: what was not found counts as well.")
def _(matrix):
    hits, predicted, _ = _parts(matrix)
    return _ratio(2 * hits, predicted).mean()


@_other_f1("everything counts as predicted", "FP is the rest of a column, not of the whole matrix.")
def _(matrix):
    hits, _, actual = _parts(matrix)
    return np.mean(2 * hits / (actual.sum() + actual))


@_other_f1("everything counts as actual", "FN is the rest of a row, not of the whole matrix.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    return np.mean(2 * hits / (actual.sum() + predicted))


@_other_f1("all of the matrix is divided", "Only its diagonal holds hits.")
def _(matrix):
    _, predicted, actual = _parts(matrix)
    both = predicted + actual
    return np.mean(2 * matrix / np.where(both > 0, both, 1))


@_other_f1("it is not divided at all", "Divide 2·TP by 2·TP + FP + FN.")
def _(matrix):
    return np.mean(2 * np.diag(matrix))


@_other_f1("it is the sum over the classes", "Divide by the number of classes.")
def _(matrix):
    return _f1s(matrix).sum()


@_other_f1("each class has an F1", "Their mean was asked for.")
def _(matrix):
    return _f1s(matrix)


@_other_f1("the median is no mean", "Macro F1 is the mean of the F1 of all classes.")
def _(matrix):
    return np.median(_f1s(matrix))


@_other_f1("it is the largest F1", "Macro F1 is the mean of the F1 of all classes.")
def _(matrix):
    return _f1s(matrix).max()


@_other_f1("actual is subtracted from predicted", "2·TP + FP + FN is predicted + actual.")
def _(matrix):
    hits, predicted, actual = _parts(matrix)
    return np.mean(2 * hits / np.where(predicted - actual > 0, predicted - actual, 1))


@macro.accepted("class by class, from precision and recall")
def _(matrix):
    total = 0.0
    for c in range(len(matrix)):
        hits, predicted, actual = matrix[c, c], sum(matrix[:, c]), sum(matrix[c])
        if hits:
            precision, recall = hits / predicted, hits / actual
            total += 2 * precision * recall / (precision + recall)
    return total / len(matrix)


@macro.accepted("from false positives and false negatives")
def _(matrix):
    hits = np.einsum("ii->i", matrix)
    wrong = matrix - np.diag(hits)
    return np.mean([2 * t / max(2 * t + f, 1e-12) for t, f in zip(hits, wrong.sum(0) + wrong.sum(1), strict=True)])


# ---- top_k_share -----------------------------------------------------------------------------------------------------

def _scores_case(rng, turn):
    """Scores from few levels, so that many tie; every fourth time one image has the same score for every class."""
    classes = int(rng.integers(4, 9))
    n = int(rng.choice([n for n in range(3, 9) if n != classes]))
    scores = rng.integers(0, 4, (n, classes)) / 2 - 0.5
    if turn % 4 == 3:
        scores[0] = 0.5
    else:
        scores[0, :3] = 0.0, 0.5, 1.0
    labels = tuple(int(label) for label in rng.integers(0, classes, n))
    return scores, labels, 1 if turn % 5 == 2 else int(rng.integers(2, classes))


def _places(scores, labels):
    """Of each image: its own score, how many are above it, and how many are equal to it, with itself."""
    own = scores[np.arange(len(scores)), list(labels)][:, None]
    return own, (scores > own).sum(1), (scores == own).sum(1)


def _top_k(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above) / tied, 0, 1).mean()


top_k = Question(
    "top_k_share", title="Top-k accuracy, when scores tie", points=2,
    asks="Write `top_k_share(scores, labels, k)`: the share of images whose right class is among the k largest scores, "
         "as it is to be expected when ties are broken by chance.",
    reference=_top_k, cases=_scores_case,
    minutes=20, level=2,
    text=r"""
        `scores` (N, C) holds a score for each image and class, `labels` the N right classes, a tuple of ints, and `k`
        is less than C. Where classes have equal scores, every order of them is equally likely; return the expected
        value over all orders, a number. So a network that gives every class the same score gets k/C, as guessing
        does. Libraries let the later class win, or the first, and that can make a constant network look perfect.
    """,
    hints={
        "Which numbers of a row count?":
            "How many scores are larger than that of the right class, and how many are equal to it?",
        "Ties are half right":
            "If two classes are above and four tie, one of them the right one, then k = 3 leaves one place for the "
            "four.",
        "Some shares are above 1 or below 0":
            "More free places than classes that tie are no more than certain; fewer than none are impossible.",
    },
)


@top_k.solution
def top_k_share(scores, labels, k):
    """(N, C), a tuple of N ints, int  →  a number"""
    own = scores[np.arange(len(scores)), list(labels)][:, None]
    above = (scores > own).sum(axis=1)
    tied = (scores == own).sum(axis=1)                   # with itself
    return np.clip((k - above) / tied, 0, 1).mean()


def _other_top(name, hint):
    return top_k.mistake(name, hint=hint)


@_other_top("a tie is a hit", "Of four that tie for one place only one gets it: the right one in a quarter of orders.")
def _(scores, labels, k):
    _, above, _ = _places(scores, labels)
    return np.mean(above < k)


@_other_top("a tie is a miss", "Of four that tie for one place one gets it: the right one in a quarter of orders.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.mean(above + tied <= k)


@_other_top("of equal scores the later class wins", "Every order of the classes that tie is equally likely.")
def _(scores, labels, k):
    best = np.argsort(scores, axis=1, kind="stable")[:, -k:]
    return np.mean((best == np.array(labels)[:, None]).any(1))


@_other_top("of equal scores the first class wins", "Every order of the classes that tie is equally likely.")
def _(scores, labels, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.mean((best == np.array(labels)[:, None]).any(1))


@_other_top("it is the k smallest scores that count", "Sorting is ascending: the largest stand last.")
def _(scores, labels, k):
    return _top_k(-scores, labels, k)


@_other_top("it is k + 1 classes that count", "above < k is enough: the right class itself takes one of the k places.")
def _(scores, labels, k):
    return _top_k(scores, labels, k + 1)


@_other_top("it is k − 1 classes that count", "The right class itself takes one of the k places.")
def _(scores, labels, k):
    return _top_k(scores, labels, k - 1)


@_other_top("it is the accuracy, whatever k", "The right class may stand in any of the k first places.")
def _(scores, labels, k):
    return _top_k(scores, labels, 1)


@_other_top("it is what guessing gives", "k/C is right only where all scores of an image are the same.")
def _(scores, labels, k):
    return k / scores.shape[1]


@_other_top("the right class is not counted among those that tie",
            "Four that tie are four, the right one included: the free places are shared by all four.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above) / np.maximum(tied - 1, 1), 0, 1).mean()


@_other_top("a tie counts half", "How many places are free, and how many classes tie for them?")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.mean(((above < k) + (above + tied <= k)) / 2)


@_other_top("a share may not be above 1", "With more free places than ties the right class has one for certain: 1.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.maximum((k - above) / tied, 0).mean()


@_other_top("a share may not be below 0", "Where k or more are above, no place is free: 0.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.minimum((k - above) / tied, 1).mean()


@_other_top("the shares are not bounded", "A share lies between 0, no place is free, and 1, there is one for each.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return ((k - above) / tied).mean()


@_other_top("those that tie count as being above", "Above is what is larger; what is equal shares the places left.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above - tied) / tied, 0, 1).mean()


@_other_top("those that are above do not count", "Each class above takes one of the k places.")
def _(scores, labels, k):
    return np.clip(k / _places(scores, labels)[2], 0, 1).mean()


@_other_top("those that are above add places", "Each class above takes one of the k places: k − above are left.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k + above) / tied, 0, 1).mean()


@_other_top("nothing is bounded from above but 2", "A share is at most 1: the right class has a place for certain.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above) / tied, 0, 2).mean()


@_other_top("places below 0 count down to −1", "Where k or more are above, no place is free: 0.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above) / tied, -1, 1).mean()


@_other_top("the difference is the wrong way round", "k places less those that are above: k − above.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((above - k) / tied, 0, 1).mean()


@_other_top("the quotient is the wrong way round", "The free places are divided by those that tie for them.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    with np.errstate(divide="ignore"):
        return np.clip(tied / (k - above), 0, 1).mean()


@_other_top("k does not count", "k places, less those that are above.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip(above / tied, 0, 1).mean()


@_other_top("every image counts as right", "The share is that of the free places among those that tie.")
def _(scores, labels, k):
    return np.ones(())


@_other_top("those that are not equal count as ties", "Those tie whose score is equal to that of the right class.")
def _(scores, labels, k):
    own, above, _ = _places(scores, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip((k - above) / (scores != own).sum(1), 0, 1).mean()


@_other_top("the share of those above is taken for their number", "Count them: k is a number of classes.")
def _(scores, labels, k):
    own, _, tied = _places(scores, labels)
    return np.clip((k - (scores > own).mean(1)) / tied, 0, 1).mean()


@_other_top("the ties of all images are counted together", "Each image has ties of its own: sum along its row.")
def _(scores, labels, k):
    own, above, tied = _places(scores, labels)
    return np.clip((k - above) / tied.sum(), 0, 1).mean()


@_other_top("each image has a share", "Their mean was asked for.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above) / tied, 0, 1)


@_other_top("it is a sum over the images", "Divide by the number of images.")
def _(scores, labels, k):
    _, above, tied = _places(scores, labels)
    return np.clip((k - above) / tied, 0, 1).sum()


@_other_top("it is the share of the misses", "Count the images whose right class is among the k.")
def _(scores, labels, k):
    return 1 - _top_k(scores, labels, k)


@top_k.accepted("place by place, the mean of the first k")
def _(scores, labels, k):
    total = 0.0
    for row, label in zip(scores, labels, strict=True):
        order = np.sort(row)[::-1]
        taken = np.flatnonzero(order == row[label])      # the places that those who tie take
        total += np.mean(taken < k)
    return total / len(scores)


@top_k.accepted("the mean over each class that could be the right one of those that tie")
def _(scores, labels, k):
    hits = []
    for row, label in zip(scores, labels, strict=True):
        best = np.argsort(-row, kind="stable")[:k]
        hits.append(np.isin(np.flatnonzero(row == row[label]), best).mean())
    return np.mean(hits)


# ---- hidden_share ----------------------------------------------------------------------------------------------------

def _cutout_case(rng, turn):
    """Images that are not square; squares from two pixels to larger than a side, and than both twice."""
    height, width = (int(n) for n in rng.choice(np.arange(5, 20), 2, replace=False))
    least = min(height, width)
    size = [int(rng.integers(2, least)), int(2 * rng.integers(1, least // 2 + 1)), least + int(rng.integers(1, 4)),
            int(2 * rng.integers(1, least // 2) + 1)][turn % 4]
    if turn % 8 == 6:
        size = 2 * max(height, width) + int(rng.integers(1, 5))
    return height, width, size


def _ends(length, size, before=None):
    """Of each centre: where the covered part begins and ends."""
    first = np.arange(length) - (size // 2 if before is None else before)
    return np.maximum(first, 0), np.minimum(first + size, length)


def _covered(length, size, before=None):
    begin, end = _ends(length, size, before)
    return np.mean(end - begin)


hidden = Question(
    "hidden_share", title="How much of an image does cutout hide?", points=2, kind="predict",
    asks="Predict `hidden_share(height, width, size)`: the share of an image that cutout covers, in the mean.",
    reference=lambda height, width, size: _covered(height, size) * _covered(width, size) / (height * width),
    cases=_cutout_case,
    minutes=20, level=2,
    text=r"""
        A square of `size` × `size` pixels is laid around a pixel of an image of `height` × `width`, and every pixel is
        equally likely to be its centre. Around row r the square takes the rows from r − ⌊size/2⌋ to
        r − ⌊size/2⌋ + size − 1, and so with the columns. What lies outside the image covers nothing. Return the
        expected share of the image's pixels that are covered, a number from 0 to 1.
    """,
    hints={
        "Where to begin":
            "Rows and columns are drawn independently, so the expected area is a product of two expected lengths.",
        "It is too much":
            "A square around a pixel of the border reaches over it, and is cut off.",
        "It is right for odd sizes only":
            "A square of 4 reaches two pixels back and one ahead.",
    },
)


@hidden.solution
def hidden_share(height, width, size):
    """three ints  →  a number"""
    share = 1.0
    for length in (height, width):
        first = np.arange(length) - size // 2
        last = np.minimum(first + size, length)
        share *= np.mean(last - np.maximum(first, 0)) / length
    return share


def _product(height, width, length):
    return length(height) * length(width) / (height * width)


def _begun(length, size, first):
    """The mean covered length of squares that begin there; it may be negative where they miss the image."""
    return np.mean(np.minimum(first + size, length) - np.maximum(first, 0))


def _other_share(name, hint, change=None):
    """A wrong share; change(covered length of an axis, given its length and the size)."""
    def register(function):
        @hidden.mistake(name, hint=hint)
        def _(height, width, size):
            return _product(height, width, lambda length: function(length, size))
    return register if change is None else register(change)


_other_share("the border is forgotten", "Near the border a part of the square lies outside, and covers nothing.",
             lambda length, size: min(size, length))
_other_share("the border is forgotten, also where the square is larger than the image",
             "What lies outside the image covers nothing.", lambda length, size: size)
_other_share("the square is cut off on one side only", "Count both borders: the first row and the last.",
             lambda length, size: np.mean(np.minimum(np.arange(length) - size // 2 + size, length)
                                          - np.arange(length) + size // 2))
_other_share("the square is cut off at the first border only", "Count both borders: the first row and the last.",
             lambda length, size: np.mean(size + np.minimum(np.arange(length) - size // 2, 0)))
_other_share("the square is symmetric", "Around row r it has `size` rows, one fewer ahead than behind if that is even.",
             lambda length, size: _covered(length, 2 * (size // 2) + 1))
_other_share("a square of one pixel less", "From r − ⌊size/2⌋ to r − ⌊size/2⌋ + size − 1 are `size` rows.",
             lambda length, size: np.mean(np.diff(_ends(length, size - 1, size // 2), axis=0)))
_other_share("a square of one pixel more", "From r − ⌊size/2⌋ to r − ⌊size/2⌋ + size − 1 are `size` rows.",
             lambda length, size: np.mean(np.diff(_ends(length, size + 1, size // 2), axis=0)))
_other_share("the pixel is a corner of the square", "It is its centre: the square begins ⌊size/2⌋ rows before it.",
             lambda length, size: _covered(length, size, 0))
_other_share("the square begins after its centre", "It begins ⌊size/2⌋ rows before it.",
             lambda length, size: _begun(length, size, np.arange(length) + size // 2))
_other_share("the square begins a whole size before", "It begins ⌊size/2⌋ rows before its centre.",
             lambda length, size: _begun(length, size, np.arange(length) - size))
_other_share("the square begins a third of its size before", "It begins ⌊size/2⌋ rows before its centre.",
             lambda length, size: _begun(length, size, np.arange(length) - size // 3))
_other_share("the square begins between two pixels", "⌊size/2⌋ is a whole number.",
             lambda length, size: _begun(length, size, np.arange(length) - size / 2))
_other_share("the square begins two pixels before its centre, whatever its size", "It begins ⌊size/2⌋ rows before.",
             lambda length, size: _begun(length, size, np.arange(length) - 2))
_other_share("the square is always at the first border", "Its centre is drawn from all pixels of the image.",
             lambda length, size: _begun(length, size, np.array([size // 2])))
_other_share("the centre counts the wrong way", "Around row r the square begins at r − ⌊size/2⌋.",
             lambda length, size: _begun(length, size, size // 2 - np.arange(length)))
_other_share("the square is always at the last border", "Its centre is drawn from all pixels of the image.",
             lambda length, size: _begun(length, size, np.array([length - size // 2])))
_other_share("the first row of the image never counts", "Rows are counted from 0.",
             lambda length, size: np.mean(np.diff([np.maximum(_ends(length, size)[0], 1), _ends(length, size)[1]],
                                                  axis=0)))
_other_share("a row before the image counts", "Rows are counted from 0.",
             lambda length, size: np.mean(_ends(length, size)[1] - np.maximum(np.arange(length) - size // 2, -1)))
_other_share("it is where the square ends", "How many rows are there from its first to its last?",
             lambda length, size: np.mean(_ends(length, size)[1]))
_other_share("it is where the square begins", "How many rows are there from its first to its last?",
             lambda length, size: np.mean(_ends(length, size)[0]))
_other_share("beginning and end are added", "How many rows are there from the first to the last? Subtract.",
             lambda length, size: np.sum(_ends(length, size)) / length)
_other_share("the square may begin anywhere where it touches the image",
             "It is the centre that is drawn, from the pixels of the image alone.",
             lambda length, size: size * length / (length + size - 1))
_other_share("it is the least that can be covered", "The mean over all centres was asked for.",
             lambda length, size: np.diff(_ends(length, size), axis=0).min())
_other_share("it is the median", "The mean over all centres was asked for.",
             lambda length, size: np.median(np.diff(_ends(length, size), axis=0)))


_other_share("what is cut off is counted, also beyond the image",
             "A square reaches over a border by more than the image is long: no row can cover less than nothing.",
             lambda length, size: size - (size // 2 * (size // 2 + 1) + (size - size // 2) * (size - size // 2 - 1))
             / 2 / length)


@hidden.mistake("it is a number of pixels", hint="Divide by the pixels of the image: a share was asked for.")
def _(height, width, size):
    return _covered(height, size) * _covered(width, size)


@hidden.mistake("it is the share that stays", hint="The share that is covered was asked for.")
def _(height, width, size):
    return 1 - _product(height, width, lambda length: _covered(length, size))


@hidden.mistake("only the rows are counted", hint="A square covers columns too: multiply both shares.")
def _(height, width, size):
    return _covered(height, size) / height


@hidden.mistake("only the columns are counted", hint="A square covers rows too: multiply both shares.")
def _(height, width, size):
    return _covered(width, size) / width


@hidden.mistake("the two shares are averaged", hint="A pixel is covered where its row and its column are: multiply.")
def _(height, width, size):
    return (_covered(height, size) / height + _covered(width, size) / width) / 2


@hidden.mistake("the two shares are added", hint="A pixel is covered where its row and its column are: multiply.")
def _(height, width, size):
    return _covered(height, size) / height + _covered(width, size) / width


@hidden.mistake("height and width are mixed up", hint="Each axis has its own length: the height, then the width.")
def _(height, width, size):
    return (_covered(width, size) / width) ** 2


@hidden.mistake("the width is taken for the height", hint="Each axis has its own length, the second the width.")
def _(height, width, size):
    return (_covered(height, size) / height) ** 2


@hidden.accepted("every centre, every pixel")
def _(height, width, size):
    covered = 0
    for r, c in np.ndindex(height, width):
        image = np.zeros((height, width))
        top, left = r - size // 2, c - size // 2
        image[max(top, 0):max(top + size, 0), max(left, 0):max(left + size, 0)] = 1
        covered += image.mean()
    return covered / (height * width)


@hidden.accepted("how often each pixel is covered")
def _(height, width, size):
    def often(length):
        row, centre = np.arange(length)[:, None], np.arange(length)
        return ((row - centre >= -(size // 2)) & (row - centre < size - size // 2)).mean()
    return often(height) * often(width)


# ---- cutmix_targets --------------------------------------------------------------------------------------------------

def _cutmix_case(rng, turn):
    """Boxes in the middle and over each border and corner; sides that are exact; every fifth time no smoothing."""
    n, classes = (int(size) for size in rng.choice(np.arange(3, 8), 2, replace=False))
    height, width = (int(size) for size in rng.choice(np.arange(8, 20), 2, replace=False))
    labels = rng.integers(0, classes, n)
    labels[:2] = 0, classes - 1
    order = np.roll(np.arange(n), 1 + turn % (n - 1))
    share = 1 - float(rng.choice([0.25, 0.375, 0.5, 0.625, 0.75])) ** 2
    row, column = ([0, height // 2, height - 1][turn % 3], [0, width // 2, width - 1][(turn // 3) % 3])
    smoothing = 0.0 if turn % 5 == 4 else float(rng.choice([0.125, 0.25]))
    return np.eye(classes)[labels], tuple(map(int, order)), height, width, share, row, column, smoothing


def _begin(centre, side):
    return centre - side // 2


def _end(first, side, length):
    return min(first + side, length)


def _part(height, width, share, row, column, root=lambda share: np.sqrt(1 - share), begin=_begin, end=_end,
          start=lambda first: max(first, 0), sides=lambda sides: sides, whole=int):
    """What the box really covers of the image."""
    part = 1.0
    for length, centre in sides(((height, row), (width, column))):
        side = whole(root(share) * length)
        first = begin(centre, side)
        part *= (end(first, side, length) - start(first)) / length
    return part


def _cutmix(targets, order, height, width, share, row, column, smoothing, *, part=None, smooth=None, other=None,
            mix=None, **box):
    covered = _part(height, width, share, row, column, **box)
    covered = covered if part is None else part(covered, height, width, share)
    others = targets[list(order)] if other is None else other(targets, order)
    mixed = (1 - covered) * targets + covered * others if mix is None else mix(covered, targets, others)
    classes = targets.shape[1]
    return (1 - smoothing) * mixed + smoothing / classes if smooth is None else smooth(mixed, smoothing, classes)


def _over_others(mixed, smoothing, classes):
    return (1 - smoothing) * mixed + smoothing / (classes - 1) * (1 - mixed)


_UNCLIPPED = {"end": lambda first, side, length: first + side, "start": lambda first: first}
_OTHERS = {"smooth": _over_others}
_EXCHANGED = {"mix": lambda part, own, others: part * own + (1 - part) * others}

mended = Question(
    "cutmix_targets", title="CutMix that labels what it does not show", points=2, kind="mend",
    asks="Mend `cutmix_targets(targets, order, height, width, share, row, column, eps)`: the targets of a batch "
         "after CutMix and label smoothing.",
    reference=lambda *arguments: _cutmix(*arguments), cases=_cutmix_case,
    minutes=20, level=2,
    text=r"""
        CutMix copies a box of another image into each image. The box is ⌊`height`·√(1 − `share`)⌋ high and
        ⌊`width`·√(1 − `share`)⌋ wide, lies around (`row`, `column`) as cutout's square does, and ends at the border of
        the image. Image n gets it from image `order[n]`. `targets` (N, K) are those of the images; the new ones are
        mixed by the pixels that are really to be seen of each. Then they are smoothed as PyTorch does it in
        `cross_entropy(…, label_smoothing=ε)`: a part ε of each target, `eps`, is replaced by the uniform distribution
        over all K classes.

        The function runs, and its rows add up to 1. It has three faults. Return an array (N, K).
    """,
    hints={
        "Which image is to be seen where?":
            "In the box stands the other image, around it the image itself. A small box leaves most of the target.",
        "Some cases are right and others are not":
            "Where is (`row`, `column`) in those that are wrong? The box ends at the border.",
        "The right class is too large by a little":
            "The uniform distribution gives the right class its part too: each of the K classes gets ε/K.",
    },
)


@mended.given("as given: all three faults are there",
              hint="Which image fills the box, and which the rest? What of the box lies in the image? Over how many "
                   "classes is ε spread?")
def _(targets, order, height, width, share, row, column, eps):
    """(N, K), a tuple of N ints, …  →  (N, K)"""
    box = 1.0
    for length, centre in ((height, row), (width, column)):
        side = int(np.sqrt(1 - share) * length)
        first = centre - side // 2
        last = first + side
        box *= (last - first) / length
    mixed = box * targets + (1 - box) * targets[list(order)]
    classes = targets.shape[1]
    return (1 - eps) * mixed + eps / (classes - 1) * (1 - mixed)


@mended.solution
def cutmix_targets(targets, order, height, width, share, row, column, eps):
    """(N, K), a tuple of N ints, …  →  (N, K)"""
    box = 1.0
    for length, centre in ((height, row), (width, column)):
        side = int(np.sqrt(1 - share) * length)
        first = centre - side // 2
        last = min(first + side, length)
        box *= (last - max(first, 0)) / length
    mixed = (1 - box) * targets + box * targets[list(order)]
    classes = targets.shape[1]
    return (1 - eps) * mixed + eps / classes


def _still(name, hint, **parts):
    @mended.mistake(name, hint=hint)
    def _(*arguments):
        return _cutmix(*arguments, **parts)


_still("only the order of the images is mended", "Two faults are left: the border, and the smoothing.",
       **_UNCLIPPED, **_OTHERS)
_still("only the border is mended", "Two faults are left: who fills the box, and the smoothing.",
       **_EXCHANGED, **_OTHERS)
_still("only the smoothing is mended", "Two faults are left: who fills the box, and the border.",
       **_EXCHANGED, **_UNCLIPPED)
_still("the order of the images is left", "In the box stands the other image: it gets the part of the box.",
       **_EXCHANGED)
_still("the border is left", "What of the box lies outside the image shows nothing: cut it at all four borders.",
       **_UNCLIPPED)
_still("the smoothing is left", "The uniform distribution covers all K classes, the right one too: ε/K for each.",
       **_OTHERS)
_still("the part that was drawn is taken",
       "`share` decides how large the box is to be. Rounding and the border change it: count the pixels.",
       part=lambda part, height, width, share: 1 - share)
_still("the smoothing is added on top", "A part ε of the target is replaced: multiply the rest by 1 − ε.",
       smooth=lambda mixed, smoothing, classes: mixed + smoothing / classes)
_still("there is no smoothing", "Replace a part ε of each target by the uniform distribution.",
       smooth=lambda mixed, smoothing, classes: mixed)
_still("ε goes to every class", "ε is spread over the K classes: ε/K for each.",
       smooth=lambda mixed, smoothing, classes: (1 - smoothing) * mixed + smoothing)
_still("ε/(K − 1) goes to every class", "The uniform distribution over K classes is 1/K.",
       smooth=lambda mixed, smoothing, classes: (1 - smoothing) * mixed + smoothing / (classes - 1))
_still("the target shrinks, and nothing replaces it", "The part ε becomes the uniform distribution.",
       smooth=lambda mixed, smoothing, classes: (1 - smoothing) * mixed)
_still("only the uniform distribution is left", "A part 1 − ε of the target stays.",
       smooth=lambda mixed, smoothing, classes: smoothing / classes + 0 * mixed)
_still("the parts of target and uniform distribution are exchanged", "1 − ε of the target stays.",
       smooth=lambda mixed, smoothing, classes: smoothing * mixed + (1 - smoothing) / classes)
_still("ε is subtracted", "Add ε/K to every class.",
       smooth=lambda mixed, smoothing, classes: (1 - smoothing) * mixed - smoothing / classes)
_still("the target grows by ε", "1 − ε of it stays.",
       smooth=lambda mixed, smoothing, classes: (1 + smoothing) * mixed + smoothing / classes)
_still("ε is multiplied by K", "It is spread over the K classes: divide.",
       smooth=lambda mixed, smoothing, classes: (1 - smoothing) * mixed + smoothing * classes)
_still("the other image is the image itself", "Image n gets the box from image order[n].",
       other=lambda targets, order: targets)
_still("the order is taken the wrong way round", "Image n gets the box from image order[n]: `targets[list(order)]`.",
       other=lambda targets, order: targets[np.argsort(order)])
_still("the box adds a target and takes none away", "What the box covers is no longer to be seen: 1 − box.",
       mix=lambda part, own, others: own + part * others)
_still("the box shows nothing", "In the box stands the other image.", mix=lambda part, own, others: (1 - part) * own)
_still("all that is left is what the box shows", "Around the box stands the image itself.",
       mix=lambda part, own, others: part * others)
_still("the own part is 1 + box", "What the box covers is no longer to be seen: 1 − box.",
       mix=lambda part, own, others: (1 + part) * own + part * others)
_still("the other target is subtracted", "Both targets add up.",
       mix=lambda part, own, others: (1 - part) * own - part * others)
_still("the box is a number of pixels", "Divide by the pixels of the image.",
       part=lambda part, height, width, share: part * height * width)
_still("the sides are shares of the area", "An area of 1 − share has sides of its root.", root=lambda share: 1 - share)
_still("the box is as large as what should stay", "The box covers 1 − share, so its sides are √(1 − share).",
       root=np.sqrt)
_still("the box is too large by the root of its share", "Its sides are √(1 − share).",
       root=lambda share: np.sqrt(1 + share))
_still("the sides are not rounded", "The box has ⌊height·√(1 − share)⌋ rows: pixels are whole.", whole=float)
_still("the sides are rounded to the nearest", "⌊height·√(1 − share)⌋: round down.", whole=lambda side: int(side + 0.5))
_still("row and column are exchanged", "`row` goes with the height, `column` with the width.",
       sides=lambda sides: ((sides[0][0], sides[1][1]), (sides[1][0], sides[0][1])))
_still("the box begins at its centre", "It lies around (row, column).", begin=lambda centre, side: centre)
_still("the box begins after its centre", "It lies around (row, column): it begins half a box before.",
       begin=lambda centre, side: centre + side // 2)
_still("the box begins a whole box before its centre", "It begins half a box before it.",
       begin=lambda centre, side: centre - side)
_still("the box begins a third of a box before its centre", "It begins half a box before it.",
       begin=lambda centre, side: centre - side // 3)
_still("the box begins between two pixels", "⌊side/2⌋ is a whole number.", begin=lambda centre, side: centre - side / 2)
_still("the box does not depend on its centre", "It lies around (row, column).", begin=lambda centre, side: side // 2)
_still("the centre is counted the wrong way", "It begins at centre − side // 2.",
       begin=lambda centre, side: side // 2 - centre)
_still("the box begins two pixels before its centre, whatever its size", "It begins half a box before it.",
       begin=lambda centre, side: centre - 2)
_still("the box is cut off at the first border only", "It ends at the last row and the last column too.",
       end=lambda first, side, length: first + side)
_still("the box is cut off at the last border only", "It begins at row 0 and column 0 at the earliest.",
       start=lambda first: first)
_still("the first row and column of the image never count", "They are counted from 0.",
       start=lambda first: max(first, 1))
_still("a row and a column before the image count", "They are counted from 0.", start=lambda first: max(first, -1))
_still("the box ends where it begins", "It ends `side` rows after its first.",
       end=lambda first, side, length: min(first, length))
_still("the box ends as if it began at 0", "It ends `side` rows after its first.",
       end=lambda first, side, length: min(side, length))
_still("the beginning of the box is 0", "How many rows are there from the first to the last?", start=lambda first: 0)
_still("the beginning is added to the end", "How many rows are there from the first to the last? Subtract.",
       start=lambda first: -max(first, 0))
_still("the width of the box does not count", "Rows and columns: multiply both shares.",
       sides=lambda sides: sides[:1])
_still("the height of the box does not count", "Rows and columns: multiply both shares.",
       sides=lambda sides: sides[1:])
_still("only what the box covers counts, twice", "The image's own target keeps 1 − box.",
       mix=lambda part, own, others: part * own + part * others)
_still("the own part is negative", "The image's own target keeps 1 − box.",
       mix=lambda part, own, others: (part - 1) * own + part * others)
_still("the other target counts whole", "The box covers a part of the image: box times the other target.",
       mix=lambda part, own, others: (1 - part) * own + others)
_still("the own part is 2 − box", "The image's own target keeps 1 − box.",
       mix=lambda part, own, others: (2 - part) * own + part * others)


@mended.accepted("the pixels counted on a mask")
def _(targets, order, height, width, share, row, column, smoothing):
    box = np.zeros((height, width))
    h, w = (int(np.sqrt(1 - share) * side) for side in (height, width))
    rows, columns = np.arange(height) - row + h // 2, np.arange(width) - column + w // 2
    box[np.ix_((rows >= 0) & (rows < h), (columns >= 0) & (columns < w))] = 1
    mixed = targets + box.mean() * (targets[list(order)] - targets)
    return mixed + smoothing * (1 / targets.shape[1] - mixed)


@mended.accepted("smoothed first, then mixed")
def _(targets, order, height, width, share, row, column, smoothing):
    smooth = (1 - smoothing) * targets + smoothing * np.ones(targets.shape) / targets.shape[1]
    part = 1.0
    for length, centre in ((height, row), (width, column)):
        side = int((1 - share) ** 0.5 * length)
        part *= np.diff(np.clip([centre - side // 2, centre - side // 2 + side], 0, length))[0] / length
    return np.stack([(1 - part) * smooth[n] + part * smooth[m] for n, m in enumerate(order)])


# ---- design_cutout ---------------------------------------------------------------------------------------------------

def _places_of(height, width, size):
    """The squares side by side from the corner on: where they may begin, (rows, columns) of 0 and 1."""
    tiles = np.zeros((height + size - 1, width + size - 1))
    tiles[size - 1::size, size - 1::size] = 1
    return tiles


def _rates(height, width, size):
    """How often a pixel is hidden when all places are equally likely, and when squares lie side by side."""
    tiles = _places_of(height, width, size)
    return size**2 / tiles.size, 1 / tiles.sum()


def _design(height, width, size, rate):
    tiles, (low, high) = _places_of(height, width, size), _rates(height, width, size)
    part = (rate - low) / (high - low)
    return part * tiles / tiles.sum() + (1 - part) / tiles.size


def _design_case(rng, turn):
    """Squares that fit into a side or not; every fourth time the highest rate that is possible."""
    while True:
        size = int(rng.integers(2, 6))
        height, width = (int(n) for n in rng.choice(np.arange(size + 2, 15), 2, replace=False))
        low, high = _rates(height, width, size)
        if high > 1.05 * low:                                            # they are equal for sides k·size + 1
            break
    return height, width, size, float(low + (1.0 if turn % 4 == 1 else float(rng.choice([0.25, 0.5, 0.75])))
                                      * (high - low))


def _design_properties(answer, height, width, size, rate):
    shape = (height + size - 1, width + size - 1)
    if answer.shape != shape:
        raise ValueError(f"the answer must have the shape {shape}, one number for each place of the square; its shape "
                         f"is {answer.shape}")
    if not np.isfinite(answer).all() or np.abs(answer).max() > 1e3:
        raise ValueError("probabilities must be finite numbers, and not huge")
    windows = np.lib.stride_tricks.sliding_window_view(answer.astype(float), (size, size))
    often = windows.sum((2, 3))                                          # (height, width)
    return {"no probability is below 0": float(answer.min() >= -1e-9),
            "they add up to 1": float(abs(answer.sum() - 1) < 1e-6),
            "every pixel is hidden equally often": float(np.ptp(often) < 1e-6),
            "a pixel is hidden as often as was asked": float(abs(often.mean() - rate) < 1e-6)}


design = Question(
    "design_cutout", title="Cutout that is fair to every pixel", points=3, kind="design",
    asks="Design `design_cutout(height, width, size, rate)`: how likely each place of cutout's square is to be, so "
         "that every pixel of the image is hidden with the same probability, `rate`.",
    reference=_design, cases=_design_case, measure=_design_properties,
    minutes=35, level=3,
    text=r"""
        The square has `size` × `size` pixels, and may lie over the border, where it hides nothing; but it touches the
        image. With a centre drawn from the pixels of the image, a pixel in the corner is hidden less often than one in
        the middle. You are to draw the place of the square in another way.

        Return an array (`height` + `size` − 1, `width` + `size` − 1). Its entry [i, j] is the probability that the
        square's first row is i − `size` + 1 and its first column j − `size` + 1, counted in the image: at [0, 0] it
        hides the pixel in the corner only. `size` is less than both sides, and `rate` is more than you get when all
        places are equally likely, and never more than is possible. There is more than one right answer, and each of
        them passes.
    """,
    hints={
        "Where to begin":
            "By which entries is pixel (a, c) hidden? It is a window of your array, of `size` × `size` entries; every "
            "such window must have the same sum, `rate`.",
        "How can a pixel be hidden more often?":
            "When all places are equally likely, many squares hide little, because they hang over the border. Which "
            "places hide every pixel exactly once, with as few squares as possible?",
        "The rate lies between what two answers give":
            "If two arrays are fair, each mixture of them is fair as well.",
    },
)


@design.solution
def design_cutout(height, width, size, rate):
    """→ (height + size − 1, width + size − 1)"""
    tiles = np.zeros((height + size - 1, width + size - 1))
    tiles[size - 1::size, size - 1::size] = 1            # side by side
    low, high = size**2 / tiles.size, 1 / tiles.sum()    # the rates of the two
    part = (rate - low) / (high - low)
    return part * tiles / tiles.sum() + (1 - part) / tiles.size


def _too_much(height, width, size, rate):
    """Every window of what is added sums to 0, and so does all of it."""
    answer = _design(height, width, size, rate)
    answer[::size, 0] += 1
    answer[::size, 1] -= 1
    answer[1::size, 0] -= 1
    answer[1::size, 1] += 1
    return answer


def _unfair(height, width, size, rate):
    """All the weight on two places, of which one hides much and one little."""
    answer = np.zeros((height + size - 1, width + size - 1))
    pixels = height * width * rate                       # to be hidden in the mean: at most size²
    full = (pixels - 1) / (size**2 - 1)
    answer[size - 1, size - 1], answer[0, 0] = full, 1 - full
    return answer


# of a design only its properties are seen: the names say which are missed, the hints what that usually means
design.mistake("it is fair, and hides too little or too much",
               hint="All places equally likely is fair, with the rate size²/places; squares side by side are fair, "
                    "with the rate 1/squares. Mix them so that the rate is the one that was asked for.")(
    lambda height, width, size, rate: np.full((height + size - 1, width + size - 1),
                                              1 / ((height + size - 1) * (width + size - 1))))
design.mistake("it is fair, and hides the right share only where that is the largest possible",
               hint="Squares side by side give the largest rate. Mix them with places that are all equally likely.")(
    lambda height, width, size, rate: _places_of(height, width, size) / _places_of(height, width, size).sum())
design.mistake("some pixels are hidden more often than others, and the mean is not right either",
               hint="Every window of size × size entries must have the same sum. Look at the corners: which entries "
                    "hide them?")(
    lambda height, width, size, rate: np.pad(
        np.full((height - size + 1, width - size + 1), 1 / ((height - size + 1) * (width - size + 1))), size - 1))
design.mistake("they do not add up to 1, and hide the right share",
               hint="The entries are probabilities: one of the places is drawn each time. Is the rate reached by "
                    "scaling all of them? Then it is no longer certain that a square is laid at all.")(
    lambda height, width, size, rate: np.full((height + size - 1, width + size - 1), rate / size**2))
design.mistake("some probabilities are below 0",
               hint="A mixture of two fair answers needs parts that are not below 0. Are the squares side by side as "
                    "few as possible?")(
    _too_much)
design.mistake("they neither add up to 1 nor hide the right share",
               hint="Each of the two arrays must add up to 1 before they are mixed, and their parts too.")(
    lambda height, width, size, rate: np.full((height + size - 1, width + size - 1), 1.0))
design.mistake("the sum is 1 and the rate right in the mean, but not for every pixel",
               hint="Every window of size × size entries must have the same sum, not only their mean.")(
    _unfair)


@design.accepted("each axis by itself")
def _(height, width, size, rate):
    axes = []
    for length in (height, width):
        uniform = np.full(length + size - 1, 1 / (length + size - 1))
        tiles = np.zeros(length + size - 1)
        tiles[size - 1::size] = 1
        axes.append((uniform, tiles / tiles.sum()))
    low, high = 0.0, 1.0                                 # the same part of both, by bisection
    for _ in range(60):
        part = (low + high) / 2
        rows, columns = ((1 - part) * u + part * t for u, t in axes)
        if rows[:size].sum() * columns[:size].sum() < rate:
            low = part
        else:
            high = part
    return np.outer(rows, columns)


@design.accepted("the squares counted from the other corner")
def _(height, width, size, rate):
    tiles = np.zeros((height + size - 1, width + size - 1))
    tiles[height - 1::-size, width - 1::-size] = 1
    count, places = np.count_nonzero(tiles), tiles.size
    part = (rate * places - size**2) / (places / count - size**2)
    return np.where(tiles > 0, part / count, 0) + (1 - part) / places


QUESTIONS = [spatial, macro, top_k, hidden, mended, design]
