"""Week 3: the questions of the notebook `segmentation`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

# ---- soft_dice -------------------------------------------------------------------------------------------------------

def _dice(p, t, smooth, *, axes=(1, 2), over=None, below=None, shared=lambda p, t: p * t, size=lambda p, t: p + t,
          twice=2):
    """1 − the soft Dice coefficient, with what may be wrong about it."""
    p, t = np.asarray(p, np.float64), np.asarray(t, np.float64)
    over, below = (smooth if given is None else given for given in (over, below))
    return 1 - (twice * shared(p, t).sum(axes) + over) / (size(p, t).sum(axes) + below)


def _dice_cases(rng, turn):
    """Images of different sizes of the thing; in every second case one without it, in every third one found exactly."""
    n, (height, width) = int(rng.integers(2, 5)), unequal(rng, 3, 7)
    t = (rng.random((n, height, width)) < rng.uniform(0.15, 0.6, n)[:, None, None]).astype(float)
    t[:, 0, 0], t[:, -1, -1] = 1, 0
    p = rng.integers(1, 16, t.shape) / 16
    if turn % 2 == 0:
        t[0] = 0
    if turn % 3 == 0:
        p[-1] = t[-1]
    return p, t, float(rng.choice([0.5, 1.0, 2.0]))


dice = Question(
    "soft_dice", title="A loss made of a quotient", points=2,
    asks="Write `soft_dice(p, t, smooth)`: the Dice loss of each image.",
    reference=lambda p, t, smooth: _dice(p, t, smooth),
    cases=_dice_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        `p` (N, H, W) are probabilities that a pixel belongs to the thing, `t` (N, H, W) is 1 where it does and 0
        elsewhere. For each image, with sums over **its** pixels,

        $$\mathcal L = 1 - \frac{2 \sum p\,t + \varepsilon}{\sum p + \sum t + \varepsilon} ,$$

        where $\varepsilon$ is `smooth`. It stands above and below, so that an empty mask that was found empty costs
        nothing. Return (N,), one loss for each image.
    """,
    hints={
        "One number comes out, and N are asked for":
            "Over which axes are the sums? The axis of images is not one of them.",
        "A mask that was found exactly costs something":
            "Then above and below do not agree: is 2 in front of the shared sum, and smooth on both sides?",
        "The better the prediction, the larger the number":
            "The coefficient is 1 for the best prediction; a loss has to be 0 there.",
    },
)


@dice.solution
def soft_dice(p, t, smooth):
    """(N, H, W), (N, H, W), a number  →  (N,)"""
    both = np.sum(p * t, axis=(1, 2))
    total = np.sum(p + t, axis=(1, 2))
    return 1 - (2 * both + smooth) / (total + smooth)


def _dice_mistake(name, hint, **how):
    dice.mistake(name, hint=hint)(lambda p, t, smooth: _dice(p, t, smooth, **how))


dice.mistake("the sums are over the whole batch, and one number comes out",
             hint="Sum over rows and columns only. Over the batch a large thing outweighs every small one.")(
    lambda p, t, smooth: _dice(p, t, smooth, axes=None))
dice.mistake("each image has the loss of the whole batch",
             hint="Sum over rows and columns only. Over the batch a large thing outweighs every small one.")(
    lambda p, t, smooth: np.full(len(p), _dice(p, t, smooth, axes=None)))
dice.mistake("the mean over the images", hint="One loss for each image is asked for.")(
    lambda p, t, smooth: _dice(p, t, smooth).mean())
dice.mistake("this is the coefficient, not the loss", hint="The loss is one minus it: 0 where all is right.")(
    lambda p, t, smooth: 1 - _dice(p, t, smooth))
_dice_mistake("smooth stands below only", "Then a small mask that was found exactly still costs something: add it "
              "above too.", over=0)
_dice_mistake("smooth stands above only", "Then an empty mask may cost less than nothing: add it below too.", below=0)
_dice_mistake("smooth is left out", "Then an empty mask costs 1, or 0/0 comes out: add it above and below.", over=0,
              below=0)
dice.mistake("smooth is subtracted above", hint="It is added, above and below.")(
    lambda p, t, smooth: _dice(p, t, smooth, over=-smooth))
dice.mistake("smooth is subtracted below", hint="It is added, above and below.")(
    lambda p, t, smooth: _dice(p, t, smooth, below=-smooth))
_dice_mistake("the 2 is missing", "What is shared stands once above and twice below; with the 2 a perfect mask has 1.",
              twice=1)
_dice_mistake("the shared sum is multiplied by 3", "The factor is 2.", twice=3)
_dice_mistake("this is intersection over union, with the 2", "The shared sum is subtracted below for IoU, and IoU has "
              "no 2 above.", size=lambda p, t: p + t - p * t)
_dice_mistake("this is intersection over union", "IoU divides by the union. Dice divides by the sum of both sizes, and "
              "has a 2 above.", size=lambda p, t: p + t - p * t, twice=1)
_dice_mistake("the sizes are sums of squares", "That is the form of V-Net: Σp² + Σt². Here Σp + Σt is asked for.",
              size=lambda p, t: p**2 + t)
_dice_mistake("the size of the mask is missing below", "Below stand both sums, of p and of t.", size=lambda p, t: p)
_dice_mistake("the size of the prediction is missing below", "Below stand both sums, of p and of t.",
              size=lambda p, t: t)
dice.mistake("the quotient is added to 1", hint="It is subtracted: a loss has to be 0 where all is right.")(
    lambda p, t, smooth: 2 - _dice(p, t, smooth))
dice.mistake("the quotient is upside down", hint="What is shared stands above, the sizes below.")(
    lambda p, t, smooth: 1 - 1 / (1 - _dice(p, t, smooth)))
dice.mistake("multiplied, not divided", hint="What is shared is divided by the sizes.")(
    lambda p, t, smooth: 1 - (2 * (p * t).sum((1, 2)) + smooth) * ((p + t).sum((1, 2)) + smooth))
dice.mistake("nothing is divided", hint="What is shared is divided by the sizes.")(
    lambda p, t, smooth: 1 - (2 * (p * t).sum((1, 2)) + smooth))
_dice_mistake("the product is summed below", "Below stands the sum of the sizes.", size=lambda p, t: p * t)
_dice_mistake("above stands the sum of both", "Above stands what is shared: Σ p·t.", shared=lambda p, t: p + t)
_dice_mistake("above stands the prediction alone", "Above stands what is shared: Σ p·t.", shared=lambda p, t: p)
_dice_mistake("above stands the mask alone", "Above stands what is shared: Σ p·t.", shared=lambda p, t: t)
dice.mistake("the mean of the shared product, and a sum below", hint="Both are sums, or both are means with another "
             "smooth.")(lambda p, t, smooth: _dice(p, t, smooth, twice=2 / p[0].size))
dice.mistake("means above and below, with the same smooth",
             hint="smooth is added to sums: next to a mean it is as large as the whole image.")(
    lambda p, t, smooth: _dice(p, t, smooth, over=smooth * p[0].size, below=smooth * p[0].size))
dice.mistake("the prediction is rounded to 0 and 1", hint="A rounded p has no gradient. The sums take p as it is.")(
    lambda p, t, smooth: _dice(np.round(p), t, smooth))
dice.mistake("background counts as the thing", hint="p and t are of the thing. What is both 0 does not count.")(
    lambda p, t, smooth: _dice(1 - p, 1 - t, smooth))
dice.mistake("one loss for each row of each image", hint="Sum over the columns too.")(
    lambda p, t, smooth: _dice(p, t, smooth, axes=2))
dice.mistake("the mean of the losses of the rows", hint="Sum over rows and columns first, and divide then.")(
    lambda p, t, smooth: _dice(p, t, smooth, axes=2).mean(1))


@dice.accepted("a loop over the images, with flat rows")
def _(p, t, smooth):
    return [1 - (2 * a.ravel() @ b.ravel() + smooth) / (a.sum() + b.sum() + smooth) for a, b in zip(p, t, strict=True)]


@dice.accepted("by true and false positives and negatives")
def _(p, t, smooth):
    p, t = p.reshape(len(p), -1), t.reshape(len(t), -1)
    hit, false, missed = (p * t).sum(1), (p * (1 - t)).sum(1), ((1 - p) * t).sum(1)
    return (false + missed) / (2 * hit + false + missed + smooth)


# ---- valid_unet_side -------------------------------------------------------------------------------------------------

def _valid_side(side, depth, *, convs=4, bottom=4, up=4, odd=lambda side: side % 2, halve=lambda side: side // 2,
                poolings=0, ups=0, twice=2):
    for _ in range(depth + poolings):
        side -= convs
        if odd(side):
            return 0
        side = halve(side)
    side -= bottom
    for _ in range(depth + ups):
        side = twice * side - up
    return side


def _side_cases(rng, turn):
    """Two of three fit; of the others some fail at the first pooling, and some, which are deep, only at the last."""
    depth = int(rng.integers(3, 6) if turn % 6 == 5 else rng.integers(2, 6))
    step = 2**depth
    side = step * int(rng.integers(13, 32)) - 4
    if turn % 6 == 2:
        side += int(rng.integers(1, step))
    if turn % 6 == 5:
        side += step // 2
    return side, depth


side = Question(
    "valid_unet_side", title="What a U-Net without padding gives back", points=1, kind="predict",
    asks="Predict with `valid_unet_side(side, depth)` how many pixels the output of a U-Net without padding has along "
         "a side.",
    reference=lambda side, depth: _valid_side(side, depth),
    cases=_side_cases,
    minutes=10, level=1, practice=True,
    text=r"""
        At each resolution stand two 3 × 3 convolutions **without padding**. After those of each of the first `depth`
        resolutions comes a pooling 2 × 2 of stride 2; the coarsest resolution has its two convolutions and no pooling.
        On the way up, each of `depth` steps doubles the side and has two convolutions again; the skip, which is
        larger, is cropped and changes nothing. The paper's net is of depth 4 and makes 388 of 572.

        If a pooling meets an odd side, a row would be left over: return 0 then. The side is always large enough for
        something to be left.
    """,
    hints={
        "Where to begin":
            "How many pixels do two 3 × 3 convolutions without padding take from a side, both ends together?",
        "It is right for 572, and gives a number where 0 is asked for":
            "The side that a pooling meets is not that of the image: convolutions come before it, at each resolution.",
        "It is too large by 8, or by a multiple":
            "Count the convolutions again: two at each resolution down, two at the bottom, two at each step up.",
    },
)


@side.solution
def valid_unet_side(side, depth):
    """int, int  →  int"""
    for _ in range(depth):
        side = side - 4
        if side % 2 == 1:
            return 0
        side = side // 2
    side = side - 4
    for _ in range(depth):
        side = 2 * side - 4
    return side


def _side_mistake(name, hint, **how):
    side.mistake(name, hint=hint)(lambda side, depth: _valid_side(side, depth, **how))


side.mistake("the side stays as it is", hint="That is the net with padding. Here each convolution takes 2 pixels.")(
    lambda side, depth: side)
side.mistake("184 pixels less, whatever the depth",
             hint="That is right for depth 4. Follow the side through the net for depth 2.")(
    lambda side, depth: side - 184)
side.mistake("184 pixels less or 0, whatever the depth",
             hint="That is right for depth 4. Follow the side through the net for depth 2.")(
    lambda side, depth: side - 184 if _valid_side(side, depth) else 0)
_side_mistake("a pooling of an odd side rounds down", "It leaves a row over, and 0 is asked for then.",
              odd=lambda side: False)
_side_mistake("a pooling of an odd side rounds up", "It leaves a row over, and 0 is asked for then.",
              odd=lambda side: False, halve=lambda side: -(-side // 2))
_side_mistake("an odd side gives a number with a fraction", "It leaves a row over, and 0 is asked for then.",
              odd=lambda side: False, halve=lambda side: side / 2)
_side_mistake("0 for a side that fits", "Follow 572 through a net of depth 4: which sides do the poolings meet?",
              odd=lambda side: side % 2 == 0)
side.mistake("the side of the image itself must be divisible",
             hint="A pooling meets a side from which convolutions have taken pixels: 572 is no multiple of 16.")(
    lambda side, depth: 0 if side % 2**depth else _valid_side(side, depth, odd=lambda side: False))
side.mistake("only the first pooling is watched", hint="Each pooling may meet an odd side.")(
    lambda side, depth: 0 if side % 2 else _valid_side(side, depth, odd=lambda side: False))
side.mistake("one number of poolings is taken for all",
             hint="That is the rule of depth 4. Follow the side through the net for another depth.")(
    lambda side, depth: _valid_side(side, depth, odd=lambda side: False) if side % 16 == 12 else 0)
_side_mistake("two pixels at each resolution", "A convolution takes one at either end: 2 of a side, 4 for two of them.",
              convs=2, bottom=2, up=2, odd=lambda side: False)
_side_mistake("a resolution takes 8 pixels", "Two convolutions take 2 each.", convs=8, bottom=8, up=8)
_side_mistake("no convolutions on the way down", "Two stand at each resolution, before the pooling.", convs=0)
_side_mistake("no convolutions at the bottom", "The coarsest resolution has two as well.", bottom=0)
_side_mistake("no convolutions on the way up", "Two follow each doubling.", up=0)
_side_mistake("convolutions on the way down add pixels", "Without padding they take pixels away.", convs=-4)
_side_mistake("convolutions at the bottom add pixels", "Without padding they take pixels away.", bottom=-4)
_side_mistake("convolutions on the way up add pixels", "Without padding they take pixels away.", up=-4)
_side_mistake("one pooling too many", "Of depth + 1 resolutions the coarsest has no pooling.", poolings=1,
              odd=lambda side: False)
_side_mistake("one pooling too few", "Each of the first `depth` resolutions ends with a pooling.", poolings=-1)
_side_mistake("one step up too few", "There are as many steps up as poolings.", ups=-1)
_side_mistake("one step up too many", "There are as many steps up as poolings.", ups=1)
_side_mistake("nothing is doubled on the way up", "Each step up doubles the side, and then the convolutions come.",
              twice=1)
_side_mistake("the side is tripled on the way up", "Each step up doubles the side.", twice=3)
side.mistake("the way up is missing", hint="This is the side at the bottom. `depth` steps up follow.")(
    lambda side, depth: _valid_side(side, depth, ups=-depth))
_side_mistake("5 pixels in place of 4 on the way up", "Two 3 × 3 convolutions take 4 pixels of a side.", up=5)
_side_mistake("3 pixels in place of 4 on the way up", "Two 3 × 3 convolutions take 4 pixels of a side.", up=3)
_side_mistake("5 pixels in place of 4 at the bottom", "Two 3 × 3 convolutions take 4 pixels of a side.", bottom=5)
_side_mistake("3 pixels in place of 4 at the bottom", "Two 3 × 3 convolutions take 4 pixels of a side.", bottom=3)
side.mistake("the convolutions are doubled with the side", hint="First the side is doubled, then 4 pixels go.")(
    lambda side, depth: _valid_side(side, depth, up=8))


@side.accepted("in closed form")
def _(side, depth):
    step = 2**depth
    return 0 if (side + 4) % step else side - 12 * step + 8


@side.accepted("one resolution after the other, from within")
def _(side, depth):
    if depth == 0:
        return side - 4
    if side % 2:
        return 0
    inner = valid_unet_side((side - 4) // 2, depth - 1)
    return 2 * inner - 4 if inner else 0


# ---- focal_map -------------------------------------------------------------------------------------------------------

def _log_softmax(logits, axis=0):
    z = np.asarray(logits, np.float64)
    z = z - z.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def _at(values, target):
    return np.take_along_axis(values, np.array(target)[None], 0)[0]


def _focal(logits, target, alpha, gamma, *, weight=lambda alpha, target: alpha[target],
           easy=lambda log_p, gamma: (1 - np.exp(log_p))**gamma, axis=0, sign=-1):
    log_p = _at(_log_softmax(logits, axis), target)
    return sign * weight(np.asarray(alpha, np.float64), np.array(target)) * easy(log_p, gamma) * log_p


def _focal_cases(rng, turn):
    """Three to five classes, all weights different; in every third case logits whose exponentials overflow, and in
    every third one a target may have a probability that is 0 in float32.
    """
    classes, (height, width) = int(rng.integers(3, 6)), unequal(rng, 2, 6)
    logits = numbers(rng, (classes, height, width))
    if turn % 3 == 2:
        logits = logits + 400 * rng.choice([-1, 1], (height, width))
    if turn % 3 == 1:
        logits = logits * rng.choice([1, 8, 100], (height, width))
    target = rng.integers(0, classes, (height, width))
    target[0, :2] = 0, classes - 1
    alpha = rng.permutation(np.arange(1, 9))[:classes] / 8
    return logits, tuple(tuple(map(int, row)) for row in target), alpha, float(rng.choice([0.5, 1.5, 2.0, 3.0]))


focal = Question(
    "focal_map", title="What each pixel costs", points=3,
    asks="Write `focal_map(logits, target, alpha, gamma)`: the focal loss of each pixel, for more than two classes.",
    reference=lambda logits, target, alpha, gamma: _focal(logits, target, alpha, gamma),
    cases=_focal_cases,
    minutes=25, level=2,
    text=r"""
        `logits` is (C, H, W). `target` is a tuple of H tuples of W classes from 0 to C − 1, and `alpha` (C,) has a
        weight for each class. With $p_t$, the probability that a softmax over the classes gives to **the pixel's own
        target** $t$, a pixel costs

        $$\mathcal L = -\alpha_t \,(1 - p_t)^{\gamma}\, \log p_t .$$

        Return (H, W). Some logits are so large that their exponentials overflow. The loss is finite all the same.
    """,
    hints={
        "Some numbers are infinite, or not numbers":
            "The softmax does not change when one number is subtracted from all classes of a pixel. And the logarithm "
            "of the softmax need not be computed from the softmax.",
        "Everything is off by a factor that differs from pixel to pixel":
            "Which weight belongs to a pixel: the one of its target. And the weight must not enter p_t.",
        "It is right for two classes and wrong for three":
            "1 − p_t is what all other classes have together. There is no second formula for them.",
    },
)


@focal.solution
def focal_map(logits, target, alpha, gamma):
    """(C, H, W), H tuples of W classes, (C,), a number  →  (H, W)"""
    target = np.array(target)
    z = logits - logits.max(axis=0)
    log_p = z - np.log(np.sum(np.exp(z), axis=0))
    right = np.take_along_axis(log_p, target[None], axis=0)[0]
    return -alpha[target] * (1 - np.exp(right))**gamma * right


def _focal_mistake(name, hint, **how):
    focal.mistake(name, hint=hint)(lambda logits, target, alpha, gamma: _focal(logits, target, alpha, gamma, **how))


_focal_mistake("the sign is missing", "log p_t is negative, and a loss is not: −log p_t.", sign=1)
_focal_mistake("the weights of the classes are left out", "alpha has a weight for each class: that of the target.",
               weight=lambda alpha, target: 1)
_focal_mistake("the weight is 1 − alpha", "In this form each class has its own weight. 1 − α is for the second of two.",
               weight=lambda alpha, target: 1 - alpha[target])
_focal_mistake("every pixel has the weight of the first class", "Take alpha at the pixel's target.",
               weight=lambda alpha, target: alpha[0])
_focal_mistake("every pixel has the mean weight", "Take alpha at the pixel's target.",
               weight=lambda alpha, target: alpha.mean())
_focal_mistake("the weights are in reverse order", "alpha[c] belongs to class c.",
               weight=lambda alpha, target: alpha[::-1][target])
_focal_mistake("this is cross-entropy with weights", "The factor (1 − p_t)^γ is missing.",
               easy=lambda log_p, gamma: 1)
_focal_mistake("p_t in place of 1 − p_t", "What is right already is to count little: (1 − p_t)^γ.",
               easy=lambda log_p, gamma: np.exp(gamma * log_p))
_focal_mistake("gamma multiplies", "It is an exponent.", easy=lambda log_p, gamma: (1 - np.exp(log_p)) * gamma)
_focal_mistake("gamma is left out as an exponent", "(1 − p_t) is raised to the power γ.",
               easy=lambda log_p, gamma: 1 - np.exp(log_p))
_focal_mistake("1 + p_t in place of 1 − p_t", "The factor is to be near 0 where p_t is near 1.",
               easy=lambda log_p, gamma: (1 + np.exp(log_p))**gamma)
_focal_mistake("2 − p_t in place of 1 − p_t", "The factor is to be near 0 where p_t is near 1.",
               easy=lambda log_p, gamma: (2 - np.exp(log_p))**gamma)
_focal_mistake("the softmax is along the rows", "The axis of classes is the first.", axis=1)
_focal_mistake("the softmax is along the columns", "The axis of classes is the first.", axis=2)
_focal_mistake("the softmax is over classes and pixels together", "Each pixel has a softmax of its own.",
               axis=(0, 1, 2))


@focal.mistake("p_t comes from the cross-entropy with weights",
               hint="exp(−loss) is p_t for the plain cross-entropy only. Multiply by alpha at the end.")
def _(logits, target, alpha, gamma):
    cost = -alpha[np.array(target)] * _at(_log_softmax(logits), target)
    return (1 - np.exp(-cost))**gamma * cost


@focal.mistake("small probabilities are replaced by a larger one",
               hint="A p_t far below the bound costs more than the bound does. Compute the logarithm from the logits.")
def _(logits, target, alpha, gamma):
    log_p = np.maximum(_at(_log_softmax(logits), target), np.log(1e-7))
    return -alpha[np.array(target)] * (1 - np.exp(log_p))**gamma * log_p


@focal.mistake("p_t comes from the mean cross-entropy",
               hint="Each pixel has its own p_t. Take no mean before the factor.")
def _(logits, target, alpha, gamma):
    cost = -_at(_log_softmax(logits), target)
    return alpha[np.array(target)] * (1 - np.exp(-cost.mean()))**gamma * cost


@focal.mistake("one number, the mean", hint="The loss of each pixel is asked for: (H, W).")
def _(logits, target, alpha, gamma):
    return _focal(logits, target, alpha, gamma).mean()


@focal.mistake("the likeliest class is taken for the target",
               hint="p_t belongs to the target, however unlikely it is.")
def _(logits, target, alpha, gamma):
    return _focal(logits, np.argmax(logits, 0), alpha, gamma)


@focal.mistake("a sigmoid for each class in place of a softmax",
               hint="The classes exclude each other: their probabilities sum to 1.")
def _(logits, target, alpha, gamma):
    z = np.asarray(_at(logits, target), np.float64)
    log_p = -np.logaddexp(0, -z)
    return -alpha[np.array(target)] * (1 - np.exp(log_p))**gamma * log_p


@focal.mistake("the loss of all classes",
               hint="Only the class of the target counts: pick it, and (H, W) is left.")
def _(logits, target, alpha, gamma):
    log_p = _log_softmax(logits)
    return -np.asarray(alpha)[:, None, None] * (1 - np.exp(log_p))**gamma * log_p


@focal.accepted("with one-hot targets and a stable logarithm of the sum")
def _(logits, target, alpha, gamma):
    z = np.moveaxis(np.asarray(logits, np.float64), 0, -1)
    hot = np.eye(z.shape[-1])[np.array(target)]
    right = (z * hot).sum(-1) - np.logaddexp.reduce(z, -1)
    return -(hot @ alpha) * (-np.expm1(right))**gamma * right


@focal.accepted("pixel by pixel")
def _(logits, target, alpha, gamma):
    out = np.zeros(logits.shape[1:])
    for i, row in enumerate(target):
        for j, t in enumerate(row):
            differences = np.exp(np.float64(logits[:, i, j]) - logits[t, i, j])
            out[i, j] = alpha[t] * (1 - 1 / differences.sum())**gamma * np.log(differences.sum())
    return out


# ---- dataset_miou ----------------------------------------------------------------------------------------------------

def _counts(predicted, target, classes, ignore=True):
    """Intersection, union, predicted and true pixels of each class of each image: four of (N, C)"""
    rows = [np.reshape(given, (len(given), -1, 1)) == np.arange(classes) for given in (predicted, target)]
    if ignore:
        rows[0] &= np.reshape(target, (len(target), -1, 1)) >= 0
    p, t = rows
    return [(np.sum(a, 1)).astype(float) for a in (p & t, p | t, p, t)]


def _ratios(above, below, empty=np.nan):
    return np.where(below > 0, above / np.maximum(below, 1), empty)


def _miou(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return np.nanmean(_ratios(both.sum(0), union.sum(0)))


def _miou_cases(rng, turn):
    """Always a class in neither mask, one that is only predicted, in most cases one that is never predicted, and pixels
    without a label, which are not all of class 0 in the prediction; things are larger in one image than in another. In
    every second case the class of neither mask is predicted where nobody labelled.
    """
    n, (height, width) = int(rng.integers(2, 4)), unequal(rng, 4, 8)
    classes = int(rng.integers(5, 8))
    absent, false, missed, *present = rng.permutation(np.arange(1, classes)).tolist()
    if turn % 3 == 0:                            # background may be absent too
        absent, present = 0, [*present, absent]
    elif turn % 3 == 2:                          # or never predicted
        missed, present = 0, [*present, missed]
    else:
        present = [*present, 0]
    true = [*present, missed] if turn % 4 else present
    while True:
        share = rng.dirichlet(np.full(len(true), 0.8), n)
        target = np.stack([rng.choice(true, (height, width), p=row) for row in share])
        predicted = np.where((rng.random(target.shape) < 0.7) & (target != missed), target,
                             rng.choice([*present, false], target.shape))
        target = np.where(rng.random(target.shape) < 0.15, -1, target)
        seen = set(target.ravel().tolist()) - {-1}
        known = target >= 0
        if seen == set(true) and false in predicted[known] and len(set(predicted[~known].tolist())) > 1:
            break
    if turn % 4 == 0:                            # one pixel is all that a class has
        wrong = np.flatnonzero((predicted == false) & known)[1:]
        predicted.flat[wrong] = target.flat[wrong]
    if turn % 2:
        predicted.flat[rng.choice(np.flatnonzero(~known))] = absent
    return predicted.astype(float), target.astype(float), classes


miou = Question(
    "dataset_miou", title="One score for a whole data set", points=3,
    asks="Write `dataset_miou(predicted, target, classes)`: the mean IoU of all images together.",
    reference=_miou, cases=_miou_cases,
    minutes=25, level=2,
    text=r"""
        `predicted` and `target` (N, H, W) hold whole numbers, the classes from 0 to `classes` − 1; **a target of −1
        says that nobody labelled this pixel, and it counts nowhere.** For each class add up the pixels that both masks
        have (the intersection), and the pixels that at least one of them has (the union), **over all images**; the IoU
        of the class is the quotient of the two sums. Return the mean over classes, class 0 among them.

        A class that neither mask has in any image is left out of the mean. A class that is only predicted, or only in
        the target, is not left out.
    """,
    hints={
        "It is right for one image and wrong for two":
            "Sum first and divide then. The mean of quotients is another number.",
        "It is too small":
            "Does a class that occurs nowhere count as 0? Do predictions at pixels without a label enter a union?",
        "It is too large":
            "A class that was predicted and does not occur has an empty intersection and a union: its IoU is 0.",
    },
)


@miou.solution
def dataset_miou(predicted, target, classes):
    """(N, H, W), (N, H, W), int  →  a number"""
    known = target >= 0
    scores = []
    for c in range(classes):
        p = (predicted == c) & known
        t = target == c
        union = np.sum(p | t)
        if union > 0:
            scores.append(np.sum(p & t) / union)
    return np.mean(scores)


@miou.mistake("the mean over images comes first",
              hint="Add up the pixels of all images, and divide then. A small thing in one image is not a data set.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return np.mean([np.nanmean(row) for row in _ratios(both, union)])


@miou.mistake("for each class the mean of the quotients of its images",
              hint="Add up the pixels of all images, and divide then.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    rows = _ratios(both, union)[:, union.sum(0) > 0]
    return np.nanmean(np.nanmean(rows, 0))


@miou.mistake("a class that occurs nowhere counts as 0", hint="Leave it out of the mean: there was nothing to find.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return _ratios(both.sum(0), union.sum(0), 0).mean()


@miou.mistake("a class that occurs nowhere counts as 1", hint="Leave it out of the mean: there was nothing to find.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return _ratios(both.sum(0), union.sum(0), 1).mean()


@miou.mistake("a class that is only predicted is left out",
              hint="Its union is not empty: it has IoU 0. Else a false class would cost nothing of its own.")
def _(predicted, target, classes):
    both, union, _, t = _counts(predicted, target, classes)
    return _ratios(both.sum(0), union.sum(0))[t.sum(0) > 0].mean()


@miou.mistake("a class that is never predicted is left out",
              hint="Its union is not empty: it has IoU 0. Else a class that is missed whole would cost nothing.")
def _(predicted, target, classes):
    both, union, p, _ = _counts(predicted, target, classes)
    return _ratios(both.sum(0), union.sum(0))[p.sum(0) > 0].mean()


@miou.mistake("only classes that are true and predicted count",
              hint="A class of one mask alone has a union that is not empty: it has IoU 0, and counts.")
def _(predicted, target, classes):
    both, union, p, t = _counts(predicted, target, classes)
    return _ratios(both.sum(0), union.sum(0))[(p.sum(0) > 0) & (t.sum(0) > 0)].mean()


@miou.mistake("a class that is predicted only where nobody labelled counts as 0",
              hint="Pixels without a label count nowhere, not in the list of classes either: leave them out first.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    listed = np.isin(np.arange(classes), [predicted, target])
    return _ratios(both.sum(0), union.sum(0), 0)[listed].mean()


@miou.mistake("pixels without a label count in the unions",
              hint="What was predicted where nobody labelled is neither right nor wrong: leave these pixels out first.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes, ignore=False)
    return np.nanmean(_ratios(both.sum(0), union.sum(0)))


@miou.mistake("two faults: the mean over images comes first, and pixels without a label count",
              hint="Add up over all images and divide then; and leave out pixels without a label.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes, ignore=False)
    return np.mean([np.nanmean(row) for row in _ratios(both, union)])


@miou.mistake("two faults: absent classes count as 0, and pixels without a label count",
              hint="Leave out classes that occur nowhere, and pixels without a label.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes, ignore=False)
    return _ratios(both.sum(0), union.sum(0), 0).mean()


@miou.mistake("background is left out", hint="Class 0 is a class as the others are.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return np.nanmean(_ratios(both.sum(0), union.sum(0))[1:])


def _scores(predicted, target, classes, score, *, known=lambda target: target >= 0, occurs=np.logical_or):
    """The mean of score(p, t) over the classes of which something occurs: p, t masks of all images."""
    found = []
    for c in range(classes):
        p, t = (predicted == c) & known(target), target == c
        if occurs(p, t).any():
            found.append(score(p, t))
    return np.mean(found)


def _quotient(p, t):
    return (p & t).sum() / (p | t).sum()


@miou.mistake("background is taken for pixels without a label", hint="Those have −1, and class 0 counts.")
def _(predicted, target, classes):
    return _miou(predicted, np.where(target == 0, -1, target), classes)


@miou.mistake("predictions where the target is background do not count",
              hint="Without a label are the pixels of −1. Class 0 has a label.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, _quotient, known=lambda target: target > 0)


@miou.mistake("this is the recall, and a class that is only predicted is left out",
              hint="Divide by the union, in which false pixels are too.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, lambda p, t: (p & t).sum() / t.sum(), occurs=lambda p, t: t)


@miou.mistake("the intersections, not divided", hint="Divide by the union of the class.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, lambda p, t: (p & t).sum())


@miou.mistake("the unions", hint="The intersection of the class is divided by them.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, lambda p, t: (p | t).sum())


@miou.mistake("multiplied, not divided", hint="The intersection is divided by the union.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, lambda p, t: (p & t).sum() * (p | t).sum())


@miou.mistake("predicted pixels over the union", hint="The intersection is divided by the union.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, lambda p, t: p.sum() / (p | t).sum())


@miou.mistake("true pixels over the union", hint="The intersection is divided by the union.")
def _(predicted, target, classes):
    return _scores(predicted, target, classes, lambda p, t: t.sum() / (p | t).sum())


@miou.mistake("only the unlabelled pixels count", hint="It is the other way round: they are left out.")
def _(predicted, target, classes):
    p, t = (given[..., None] == np.arange(classes) for given in (predicted, target))
    p &= (target < 0)[..., None]
    union = (p | t).sum((0, 1, 2))
    return np.mean(((p & t).sum((0, 1, 2)) / np.maximum(union, 1))[union > 0])


@miou.mistake("the last class is left out", hint="`classes` is their number: 0 to classes − 1.")
def _(predicted, target, classes):
    return _miou(predicted, target, classes - 1)


@miou.mistake("this is the Dice coefficient", hint="IoU divides by the union, what is shared counts once.")
def _(predicted, target, classes):
    both, _, p, t = (given.sum(0) for given in _counts(predicted, target, classes))
    return np.nanmean(_ratios(2 * both, p + t))


@miou.mistake("what is shared is not subtracted from the union",
              hint="The sizes of both masks count it twice. The union counts it once.")
def _(predicted, target, classes):
    both, _, p, t = (given.sum(0) for given in _counts(predicted, target, classes))
    return np.nanmean(_ratios(both, p + t))


@miou.mistake("this is the recall", hint="Divide by the union, in which false pixels are too.")
def _(predicted, target, classes):
    both, union, _, t = (given.sum(0) for given in _counts(predicted, target, classes))
    return np.mean((both / np.maximum(t, 1))[union > 0])


@miou.mistake("this is the precision", hint="Divide by the union, in which missed pixels are too.")
def _(predicted, target, classes):
    both, union, p, _ = (given.sum(0) for given in _counts(predicted, target, classes))
    return np.mean((both / np.maximum(p, 1))[union > 0])


@miou.mistake("this is the accuracy", hint="Where one class fills the picture, accuracy sees no other.")
def _(predicted, target, classes):
    return np.mean((predicted == target)[target >= 0])


@miou.mistake("the classes are summed too", hint="Each class has its quotient, and the mean over classes follows.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return both.sum() / union.sum()


@miou.mistake("classes are weighted by how many pixels they have", hint="Each class counts alike.")
def _(predicted, target, classes):
    both, union, _, t = (given.sum(0) for given in _counts(predicted, target, classes))
    return np.sum(_ratios(both, union, 0) * t) / t.sum()


@miou.mistake("the sum over classes, not their mean", hint="Divide by how many classes took part.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    return np.nansum(_ratios(both.sum(0), union.sum(0)))


@miou.mistake("one IoU for each class", hint="Their mean is asked for, one number.")
def _(predicted, target, classes):
    both, union, _, _ = _counts(predicted, target, classes)
    scores = _ratios(both.sum(0), union.sum(0))
    return scores[~np.isnan(scores)]


@miou.accepted("from a confusion matrix")
def _(predicted, target, classes):
    known = target >= 0
    pairs = target[known].astype(int) * classes + predicted[known].astype(int)
    matrix = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    union = matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    return (np.diag(matrix)[union > 0] / union[union > 0]).mean()


@miou.accepted("one-hot, with 0/0 left out")
def _(predicted, target, classes):
    known = (target >= 0).ravel()
    p, t = (given.ravel()[known] == np.arange(classes)[:, None] for given in (predicted, target))
    with np.errstate(invalid="ignore"):
        return np.nanmean((p & t).sum(1) / (p | t).sum(1))


# ---- up_and_join -----------------------------------------------------------------------------------------------------

def _repeat(x):
    return np.repeat(np.repeat(x, 2, 1), 2, 2)


def _middle(skip, height, width):
    top, left = (skip.shape[1] - height) // 2, (skip.shape[2] - width) // 2
    return skip[:, top:top + height, left:left + width]


def _corner(skip, height, width):
    return skip[:, :height, :width]


def _join(skip, x, *, enlarge=_repeat, crop=_middle, skip_first=True):
    big = enlarge(np.asarray(x))
    part = crop(np.asarray(skip), *big.shape[1:])
    return np.concatenate([part, big] if skip_first else [big, part])


def _join_cases(rng, turn):
    """By how much a skip is larger differs along rows and columns: 2 to 7, and an odd number in most cases."""
    height, width = unequal(rng, 2, 5)
    x = numbers(rng, (int(rng.integers(1, 4)), height, width))
    while True:
        above, aside = unequal(rng, 2, 8)
        if abs(above // 2 - aside // 2) > 0 and (above % 2 or aside % 2 or turn % 4 == 0):
            break
    return numbers(rng, (int(rng.integers(1, 4)), 2 * height + above, 2 * width + aside)), x


join = Question(
    "up_and_join", title="A step up that joins the wrong pixels", points=2, kind="mend",
    asks="Mend `up_and_join(skip, x)`: one step up of a U-Net without padding, up to its convolutions.",
    reference=lambda skip, x: _join(skip, x), cases=_join_cases,
    minutes=20, level=2,
    text=r"""
        `x` (C₂, H, W) comes from the coarser resolution. Each of its pixels becomes a square of 2 × 2 equal ones.
        `skip` (C₁, H₁, W₁) comes from the way down and is larger. Of it the middle is kept, of the same size: with
        $m$ rows too many, $\lfloor m/2 \rfloor$ are cut above and the rest below, and likewise left and right. Return
        (C₁ + C₂, 2H, 2W), **the channels of the skip first**. Three things are wrong with the function. None of
        them raises an error, and a network trains on what comes out.
    """,
    hints={
        "Where to begin":
            "Print the function's answer for one channel, x = [[1, 2], [3, 4]] and a skip of 5 × 6 different numbers.",
        "The picture stands there four times":
            "What is repeated: pixels, or the whole picture?",
        "The skip is off by some pixels":
            "The middle is asked for. How many rows are cut above, how many below?",
    },
)


@join.given("as given: all three faults are there",
            hint="Which pixels of x become neighbours, which part of the skip is kept, and whose channels come first?")
def _(skip, x):
    """(C1, H1, W1), (C2, H, W)  →  (C1 + C2, 2H, 2W)"""
    big = np.tile(x, (1, 2, 2))
    height, width = big.shape[1:]
    part = skip[:, :height, :width]
    return np.concatenate([big, part])


@join.solution
def up_and_join(skip, x):
    """(C1, H1, W1), (C2, H, W)  →  (C1 + C2, 2H, 2W)"""
    big = x.repeat(2, axis=1).repeat(2, axis=2)
    height, width = big.shape[1:]
    top = (skip.shape[1] - height) // 2
    left = (skip.shape[2] - width) // 2
    part = skip[:, top:top + height, left:left + width]
    return np.concatenate([part, big])


def _tile(x):
    return np.tile(x, (1, 2, 2))


def _join_mistake(name, hint, **how):
    join.mistake(name, hint=hint)(lambda skip, x: _join(skip, x, **how))


_join_mistake("only the enlarging is mended", "Two faults are left: the part of the skip, and the order of channels.",
              crop=_corner, skip_first=False)
_join_mistake("only the part of the skip is mended", "Two faults are left: how x is enlarged, and the order of the "
              "channels.", enlarge=_tile, skip_first=False)
_join_mistake("only the order of the channels is mended", "Two faults are left: how x is enlarged, and which part of "
              "the skip is kept.", enlarge=_tile, crop=_corner)
_join_mistake("x is still laid side by side with itself", "`np.tile` repeats the picture. Each pixel becomes four.",
              enlarge=_tile)
_join_mistake("the corner of the skip is still kept", "Its middle lies over x: cut half of the rest on either side.",
              crop=_corner)
_join_mistake("the channels of x still come first", "The skip's come first: the weights that follow know the order.",
              skip_first=False)
_join_mistake("the lower right corner of the skip is kept", "Its middle is asked for.",
              crop=lambda skip, h, w: skip[:, skip.shape[1] - h:, skip.shape[2] - w:])
_join_mistake("the odd row is cut above", "With an odd number one row more is cut below, and one column more on the "
              "right: round down.", crop=lambda skip, h, w: _middle(skip[:, ::-1, ::-1], h, w)[:, ::-1, ::-1])
_join_mistake("rows are cut in the middle, columns at the end", "The columns have a middle too.",
              crop=lambda skip, h, w: _middle(skip, h, skip.shape[2])[:, :, :w])
_join_mistake("columns are cut in the middle, rows at the end", "The rows have a middle too.",
              crop=lambda skip, h, w: _middle(skip, skip.shape[1], w)[:, :h])
def _cut(rows, columns):
    """A crop by how many rows and columns are cut in front, of how many are too many."""
    def crop(skip, height, width):
        top, left = rows(skip.shape[1] - height), columns(skip.shape[2] - width)
        return skip[:, top:top + height, left:left + width]
    return crop


def _half(many):
    return many // 2


_join_mistake("all rows too many are cut above", "Half of them are, and the rest below.", crop=_cut(int, _half))
_join_mistake("all columns too many are cut on the left", "Half of them are, and the rest on the right.",
              crop=_cut(_half, int))
_join_mistake("a third of the rows too many is cut above", "Half of them are.",
              crop=_cut(lambda many: many // 3, _half))
_join_mistake("a third of the columns too many is cut on the left", "Half of them are.",
              crop=_cut(_half, lambda many: many // 3))
_join_mistake("two rows are cut above, whatever the sizes", "Half of the rows that are too many.",
              crop=_cut(lambda many: 2, _half))
_join_mistake("two columns are cut on the left, whatever the sizes", "Half of the columns that are too many.",
              crop=_cut(_half, lambda many: 2))
_join_mistake("one row is cut above, whatever the sizes", "Half of the rows that are too many.",
              crop=_cut(lambda many: 1, _half))
_join_mistake("one column is cut on the left, whatever the sizes", "Half of the columns that are too many.",
              crop=_cut(_half, lambda many: 1))
_join_mistake("how many rows are cut depends on the columns", "Of rows, half of the rows too many; of columns, half of "
              "the columns.",
              crop=lambda skip, h, w: _cut(lambda many: max(skip.shape[2] - h, 0) // 2, _half)(skip, h, w))
_join_mistake("how many columns are cut depends on the rows", "Of columns, half of the columns too many; of rows, half "
              "of the rows.",
              crop=lambda skip, h, w: _cut(_half, lambda many: max(skip.shape[1] - w, 0) // 2)(skip, h, w))
_join_mistake("the crop begins at half of its own height", "It begins at half of the rows that are too many.",
              crop=lambda skip, h, w: _cut(lambda many: h // 2, _half)(skip, h, w))
_join_mistake("the crop begins at half of its own width", "It begins at half of the columns that are too many.",
              crop=lambda skip, h, w: _cut(_half, lambda many: w // 2)(skip, h, w))
_join_mistake("the skip is sampled, not cropped", "Resized skips lie beside the pixels of x, whose borders were eaten "
              "by the convolutions. Crop the middle.",
              crop=lambda skip, h, w: skip[:, np.arange(h) * skip.shape[1] // h][:, :, np.arange(w)
                                           * skip.shape[2] // w])
_join_mistake("x is enlarged with zeros between its pixels", "Each pixel becomes a square of four equal ones.",
              enlarge=lambda x: np.kron(x, np.array([[[1, 0], [0, 0]]])))
_join_mistake("rows of x are repeated, columns laid side by side", "Repeat pixels along both axes.",
              enlarge=lambda x: np.tile(np.repeat(x, 2, 1), (1, 1, 2)))
_join_mistake("columns of x are repeated, rows laid side by side", "Repeat pixels along both axes.",
              enlarge=lambda x: np.tile(np.repeat(x, 2, 2), (1, 2, 1)))
_join_mistake("the skip is left out", "Its channels come first, then those of x.",
              crop=lambda skip, h, w: skip[:0, :h, :w])
join.mistake("the skip alone", hint="The channels of x follow those of the skip.")(
    lambda skip, x: _middle(skip, 2 * x.shape[1], 2 * x.shape[2]))
join.mistake("both are cropped to x, and x is not enlarged", hint="First each pixel of x becomes four.")(
    lambda skip, x: np.concatenate([_middle(skip, *x.shape[1:]), x]))
join.mistake("only the rows of x are repeated", hint="The columns too: (C, 2H, 2W).")(
    lambda skip, x: _join(skip, x, enlarge=lambda x: np.repeat(x, 2, 1)))
join.mistake("only the columns of x are repeated", hint="The rows too: (C, 2H, 2W).")(
    lambda skip, x: _join(skip, x, enlarge=lambda x: np.repeat(x, 2, 2)))
join.mistake("each pixel of x becomes 3 × 3", hint="The side is doubled.")(
    lambda skip, x: np.concatenate([_middle(np.pad(skip, ((0, 0), (9, 9), (9, 9))), 3 * x.shape[1], 3 * x.shape[2]),
                                    np.repeat(np.repeat(x, 3, 1), 3, 2)]))


@join.accepted("indices halved, and slices from both ends")
def _(skip, x):
    rows, columns = np.arange(2 * x.shape[1]) // 2, np.arange(2 * x.shape[2]) // 2
    big = x[:, rows[:, None], columns]
    above, aside = (np.array(skip.shape) - big.shape)[1:]
    part = skip[:, above // 2:skip.shape[1] - (above + 1) // 2, aside // 2:skip.shape[2] - (aside + 1) // 2]
    return np.vstack([part, big])


@join.accepted("a Kronecker product, and an array that is filled")
def _(skip, x):
    big = np.kron(x, np.ones((1, 2, 2)))
    out = np.empty((len(skip) + len(x), *big.shape[1:]))
    out[len(skip):] = big
    for i, j in np.ndindex(*big.shape[1:]):
        out[:len(skip), i, j] = skip[:, i + (skip.shape[1] - big.shape[1]) // 2,
                                     j + (skip.shape[2] - big.shape[2]) // 2]
    return out


# ---- focal_settings --------------------------------------------------------------------------------------------------

_EASY = np.log(0.9) / np.log(0.5)


def _settings(share, easy, keep):
    return np.array([1 - 0.95 * share, (np.log(_EASY / easy) / np.log(5) - np.log2(keep)) / 2])


def _settings_case(rng):
    """From half a percent to a tenth of the pixels; γ may lie between two numbers that are .2 to .6 apart."""
    share = float(rng.choice([0.005, 0.01, 0.02, 0.05, 0.1]))
    least = float(rng.uniform(0.8, 2.6))
    return share, float(_EASY * 0.2**least), float(0.5**(least + rng.uniform(0.2, 0.6)))


def _blind(alpha, gamma, share):
    """What a network says that says the same everywhere, and at the least cost."""
    p = 1 / (1 + np.exp(-np.linspace(-12, 12, 4801)))
    cost = -share * alpha * (1 - p)**gamma * np.log(p) - (1 - share) * (1 - alpha) * p**gamma * np.log(1 - p)
    return p[np.argmin(cost)]


def _settings_properties(answer, share, easy, keep):
    if answer.shape != (2,):
        raise ValueError(f"the answer must be two numbers, alpha and gamma; its shape is {answer.shape}")
    alpha, gamma = answer.astype(float)
    if not (0 <= alpha <= 1 and 0 <= gamma <= 50):
        raise ValueError(f"alpha must be from 0 to 1 and gamma from 0 to 50, got {alpha:g} and {gamma:g}")
    said = _blind(alpha, gamma, share)
    return {"who sees nothing does not say background": float(said >= 0.499),
            "nor does it say foreground with more than 0.6": float(said <= 0.601),
            "a pixel that is right with 0.9 costs little enough": float(_EASY * 0.2**gamma <= easy * (1 + 1e-6)),
            "an unsure pixel keeps enough of its cross-entropy": float(0.5**gamma >= keep * (1 - 1e-6))}


design = Question(
    "focal_settings", title="A loss at which all background is no way out", points=3, kind="design",
    asks="Design `focal_settings(share, easy, keep)`: α and γ of a focal loss at which a network that sees nothing "
         "does not say background.",
    reference=_settings, cases=_settings_case, measure=_settings_properties,
    minutes=25, level=3,
    text=r"""
        A share `share` of all pixels is foreground. A pixel of foreground to which a network gives the probability
        $p$ costs $-\alpha (1 - p)^\gamma \log p$, and one of background $-(1 - \alpha)\, p^\gamma \log(1 - p)$. A
        network that sees nothing says the same $p$ everywhere, the one of the least mean cost. Return an array of two
        numbers, α from 0 to 1 and γ ≥ 0, such that

        1. this $p$ is at least 0.5 and at most 0.6;
        2. a pixel that is right with probability 0.9 costs at most `easy` times what an unsure pixel costs, one with
           0.5;
        3. the factor $(1 - p)^\gamma$ of an unsure pixel is at least `keep`.

        There is always an answer, and more than one.
    """,
    hints={
        "Where to begin":
            "Conditions 2 and 3 speak of γ alone: of one pixel α cancels, or does not occur. Which γ do they allow?",
        "The network still says background":
            "What must α be so that both kinds of pixels weigh alike in all? At p = 0.5, do the factors differ?",
        "It is right for one share and wrong for another":
            "α depends on the share. The rarer the foreground, the closer to 1.",
    },
)


@design.solution
def focal_settings(share, easy, keep):
    """→ (2,): alpha and gamma"""
    alpha = 1 - share                                 # both kinds weigh alike
    ratio = np.log(0.9) / np.log(0.5)                 # for gamma = 0
    least = np.log(ratio / easy) / np.log(5)
    most = np.log(keep) / np.log(0.5)
    return np.array([alpha, (least + most) / 2])


def _design_mistake(name, hint, alpha=lambda share: 1 - share, gamma=None):
    def wrong(share, easy, keep):
        right = _settings(share, easy, keep)
        return [alpha(share), right[1] if gamma is None else gamma]
    design.mistake(name, hint=hint)(wrong)


# of a design only its properties are seen: the names say which are missed, the hints what that usually means
_design_mistake("who sees nothing says background", "α weighs foreground, 1 − α background. Foreground is rare: α has "
                "to be close to 1, and 1 − share makes both weigh alike.", alpha=lambda share: share)
_design_mistake("who sees nothing says foreground", "α is too close to 1, or is 1: then background costs nothing.",
                alpha=lambda share: 1)
_design_mistake("an easy pixel costs too much", "γ is too small: with each 1 of γ an easy pixel costs a fifth, "
                "compared with an unsure one.", gamma=0.2)
_design_mistake("an unsure pixel keeps too little", "γ is too large: an unsure pixel keeps 0.5^γ.", gamma=9)
design.mistake("who sees nothing says background, and gamma fits some cases only",
               hint="0.25 and 2, the usual numbers, were found for one detector. α depends on the share, γ on what "
                    "easy and unsure pixels may cost.")(lambda share, easy, keep: [0.25, 2.0])
design.mistake("alpha does what it should, and gamma fits some cases only",
               hint="Conditions 2 and 3 bound γ from below and from above: solve both for γ.")(
    lambda share, easy, keep: [1 - share, 2.0])
_design_mistake("who sees nothing says background, and an easy pixel costs too much",
                "This is near cross-entropy: α is to be close to 1, and γ larger.", alpha=lambda share: 0.5, gamma=0)
_design_mistake("who sees nothing says background, and an unsure pixel keeps too little",
                "γ is too large, and no γ helps against rare foreground: α has to be close to 1.",
                alpha=lambda share: share, gamma=9)
_design_mistake("who sees nothing says foreground, and an easy pixel costs too much",
                "α is too close to 1, and γ too small.", alpha=lambda share: 1, gamma=0)
_design_mistake("who sees nothing says foreground, and an unsure pixel keeps too little",
                "α is too close to 1, and γ too large.", alpha=lambda share: 1, gamma=9)


@design.accepted("the largest gamma, and weights that are inverse to the shares")
def _(share, easy, keep):
    weights = np.array([1 / share, 1 / (1 - share)])
    return [weights[0] / weights.sum(), -np.log2(keep)]


@design.accepted("tried out")
def _(share, easy, keep):
    for gamma in np.linspace(0, 5, 501):
        cheap = (0.1**gamma * np.log(0.9)) / (0.5**gamma * np.log(0.5)) <= easy
        if cheap and 0.5**gamma >= keep:
            p = np.linspace(0.001, 0.999, 999)
            for alpha in 1 - share * np.array([0.2, 0.5, 0.8, 0.9, 0.97]):
                cost = -share * alpha * (1 - p)**gamma * np.log(p) - (1 - share) * (1 - alpha) * p**gamma * np.log1p(-p)
                if 0.51 < p[np.argmin(cost)] < 0.59:
                    return [alpha, gamma]


QUESTIONS = [dice, side, focal, miou, join, design]
