"""Week 2: the questions of the notebook `normalization`."""

import numpy as np

from cnnlib.scratch import functional as F
from cnnlib.scratch import ops

from ...question import Question
from ..cases import numbers


def _sizes(rng, count, low, high):
    """`count` different sizes in [low, high)."""
    return tuple(int(n) for n in rng.choice(np.arange(low, high), count, replace=False))


def _norm(x, axes, eps, ddof=0, inside=True):
    """x minus its mean, divided by its spread; both over these axes."""
    var = x.var(axis=axes, ddof=ddof, keepdims=True)
    spread = np.sqrt(var + eps) if inside else np.sqrt(var) + eps
    return (x - x.mean(axis=axes, keepdims=True)) / spread


def _affine(x, gamma, beta):
    """γ and β of each channel."""
    return gamma[:, None, None] * x + beta[:, None, None]


def _mean_of(x, axes):
    return x.mean(axis=axes, keepdims=True)


def _spread_of(x, axes, eps):
    return np.sqrt(x.var(axis=axes, keepdims=True) + eps)


# ---- batch_norm ------------------------------------------------------------------------------------------------------

def _batch_cases(rng, turn):
    """Every fifth batch has one image, every fifth maps of one pixel, every fifth numbers near 0 and a small eps."""
    n, c, h, w = _sizes(rng, 4, 2, 6)
    eps = float(rng.choice([0.0625, 0.25, 0.5]))
    kind = turn % 5
    if kind == 1:
        n = 1
    elif kind == 2:
        h = w = 1
    x = numbers(rng, (n, c, h, w)) + numbers(rng, (1, c, 1, 1))
    while not x.var((0, 2, 3)).all():
        x = numbers(rng, x.shape)
    if kind == 3:
        x, eps = x / 512, 1e-5
    return x, numbers(rng, c), numbers(rng, c), eps


def _batch(x, gamma, beta, eps, axes=(0, 2, 3), **how):
    return _affine(_norm(x, axes, eps, **how), gamma, beta)


batch = Question(
    "batch_norm", title="Batch norm, as it trains", points=2,
    asks="Write `batch_norm(x, gamma, beta, eps)`: what a batch norm layer returns in training mode.",
    reference=lambda x, gamma, beta, eps: F.batch_norm(x, None, None, gamma, beta, True, eps=eps),
    cases=_batch_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        $$y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$

        `x` is a batch (N, C, H, W), `gamma` and `beta` hold one number for each channel, (C,), and `eps` is a number.
        Each channel has its own μ and σ², over all images and all pixels: the mean of its m = N·H·W numbers, and the
        mean of their squared distances from μ (divided by m, not by m − 1). Return an array as large as `x`.
    """,
    hints={
        "NumPy says that shapes cannot be broadcast":
            "Shapes are matched from the last axis on, so (C,) meets W. Give `gamma` and `beta` the shape (C, 1, 1), "
            "and keep the axes of the mean with `keepdims=True`.",
        "The shape is right but every number is off":
            "Which numbers of `x` share one mean? Name the axes that it runs over: all but that of the channels.",
        "The numbers are right for large arrays and wrong for small variances":
            "Look at where eps stands: under the root, with σ².",
    },
)


@batch.solution
def batch_norm(x, gamma, beta, eps):
    """(N, C, H, W), (C,), (C,), a number  →  (N, C, H, W)"""
    mean = x.mean(axis=(0, 2, 3), keepdims=True)                 # (1, C, 1, 1)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    normal = (x - mean) / np.sqrt(var + eps)
    return gamma[:, None, None] * normal + beta[:, None, None]


@batch.mistake("each image has statistics of its own",
               hint="That is instance norm. In batch norm all images of the batch share the mean of a channel: axis 0 "
                    "belongs to the average too.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, (2, 3))


@batch.mistake("each pixel has statistics of its own",
               hint="Averaged over the images only, every place keeps a mean of its own. A channel has one mean, over "
                    "images, rows and columns.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, 0)


@batch.mistake("all channels share their statistics",
               hint="The mean runs over images, rows and columns, not over the channels: each keeps its own.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, None)


@batch.mistake("the average runs over the channels of one image",
               hint="That is layer norm. Batch norm averages over the images and keeps the channels apart.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, (1, 2, 3))


@batch.mistake("the average runs over channels and images",
               hint="The channels are axis 1. They are the only axis that the mean does not run over.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, (0, 1))


@batch.mistake("the variance is divided by m − 1",
               hint="In training mode the batch is divided by its own spread, whose variance has 1/m. "
                    "1/(m − 1) is what PyTorch stores for evaluation mode.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, ddof=1)


@batch.mistake("eps stands outside of the root",
               hint="√σ² + ε is not √(σ² + ε). Where σ is small the difference is large.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, inside=False)


@batch.mistake("eps is left out", hint="eps is an argument: it is added to the variance, under the root.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, 0.0)


@batch.mistake("the variance stands without its root",
               hint="Divide by the standard deviation: the root of the variance plus eps.")
def _(x, gamma, beta, eps):
    spread = x.var(axis=(0, 2, 3), keepdims=True) + eps
    return _affine((x - x.mean(axis=(0, 2, 3), keepdims=True)) / spread, gamma, beta)


@batch.mistake("the spread takes the place of the variance",
               hint="Under the root stands the variance, the square of the standard deviation: np.var, not np.std.")
def _(x, gamma, beta, eps):
    spread = np.sqrt(x.std(axis=(0, 2, 3), keepdims=True) + eps)
    return _affine((x - x.mean(axis=(0, 2, 3), keepdims=True)) / spread, gamma, beta)


@batch.mistake("it is multiplied by the spread, not divided",
               hint="A channel with a large spread is made smaller: divide by √(σ² + ε).")
def _(x, gamma, beta, eps):
    spread = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
    return _affine((x - x.mean(axis=(0, 2, 3), keepdims=True)) * spread, gamma, beta)


@batch.mistake("the mean is not subtracted", hint="First subtract the mean of the channel, then divide.")
def _(x, gamma, beta, eps):
    return _affine(x / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps), gamma, beta)


@batch.mistake("the mean is added", hint="The mean of the channel is subtracted, so that the result is centred on β.")
def _(x, gamma, beta, eps):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    return _affine((x + mean) / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps), gamma, beta)


@batch.mistake("scale and shift are left out",
               hint="After the division each channel is multiplied by its γ, and its β is added.")
def _(x, gamma, beta, eps):
    return _norm(x, (0, 2, 3), eps)


@batch.mistake("the shift is left out", hint="β of the channel is added at the end.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, 0 * beta, eps)


@batch.mistake("the scale is left out", hint="The normalised channel is multiplied by its γ before β is added.")
def _(x, gamma, beta, eps):
    return _batch(x, np.ones_like(gamma), beta, eps)


@batch.mistake("the scale is added", hint="γ multiplies, β is added.")
def _(x, gamma, beta, eps):
    return _batch(x, np.ones_like(gamma), beta + gamma, eps)


@batch.mistake("scale and shift are exchanged", hint="γ multiplies, β is added; the arguments come in this order.")
def _(x, gamma, beta, eps):
    return _batch(x, beta, gamma, eps)


@batch.mistake("the shift is subtracted", hint="β is added.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, -beta, eps)


@batch.mistake("the shift is multiplied by the scale", hint="γ·(x̂ + β) is another function. Multiply first, then add.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, gamma * beta, eps)


@batch.mistake("the scale is one too large", hint="γ is the whole scale here, not its difference from 1.")
def _(x, gamma, beta, eps):
    return _batch(x, 1 + gamma, beta, eps)


@batch.mistake("the mean, but not the variance, is that of all channels",
               hint="Mean and variance run over the same m numbers, those of one channel.")
def _(x, gamma, beta, eps):
    return _affine((x - x.mean()) / _spread_of(x, (0, 2, 3), eps), gamma, beta)


@batch.mistake("the variance, but not the mean, is that of all channels",
               hint="Mean and variance run over the same m numbers, those of one channel.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / _spread_of(x, None, eps), gamma, beta)


@batch.mistake("the mean is that of each image",
               hint="Mean and variance run over the same m numbers, those of one channel in all images.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (1, 2, 3))) / _spread_of(x, (0, 2, 3), eps), gamma, beta)


@batch.mistake("the variance is that of each image",
               hint="Mean and variance run over the same m numbers, those of one channel in all images.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / _spread_of(x, (1, 2, 3), eps), gamma, beta)


@batch.mistake("the sum is subtracted, not the mean",
               hint="Divide the sum of the channel by m, the number of its elements.")
def _(x, gamma, beta, eps):
    return _affine((x - x.sum(axis=(0, 2, 3), keepdims=True)) / _spread_of(x, (0, 2, 3), eps), gamma, beta)


@batch.mistake("the sign is reversed before the scale", hint="It is x minus the mean, not the mean minus x.")
def _(x, gamma, beta, eps):
    return _batch(x, -gamma, beta, eps)


@batch.mistake("it is not divided by the spread",
               hint="Only the mean is subtracted. Divide by the root of the variance plus eps.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / 1, gamma, beta)


@batch.mistake("only eps stands under the root", hint="The variance of the channel belongs under the root too.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / np.sqrt(eps), gamma, beta)


@batch.mistake("nothing but the shift is left",
               hint="The normalised channel has vanished: is x subtracted from itself, or the product left out?")
def _(x, gamma, beta, eps):
    return _batch(x, 0 * gamma, beta, eps)


@batch.mistake("the scale meets the columns",
               hint="Shapes are matched from the last axis on: (C,) meets W. Give gamma the shape (C, 1, 1).")
def _(x, gamma, beta, eps):
    return gamma * _norm(x, (0, 2, 3), eps) + beta[:, None, None]


@batch.mistake("the shift meets the columns",
               hint="Shapes are matched from the last axis on: (C,) meets W. Give beta the shape (C, 1, 1).")
def _(x, gamma, beta, eps):
    return gamma[:, None, None] * _norm(x, (0, 2, 3), eps) + beta


@batch.mistake("scale and shift meet the columns",
               hint="Shapes are matched from the last axis on: (C,) meets W. Give both the shape (C, 1, 1).")
def _(x, gamma, beta, eps):
    return gamma * _norm(x, (0, 2, 3), eps) + beta


@batch.mistake("the mean meets the columns", hint="Without keepdims=True the means have the shape (C,), which meets W.")
def _(x, gamma, beta, eps):
    return _affine((x - x.mean(axis=(0, 2, 3))) / _spread_of(x, (0, 2, 3), eps), gamma, beta)


@batch.mistake("the spread meets the columns",
               hint="Without keepdims=True the variances have the shape (C,), which meets W.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / np.sqrt(x.var(axis=(0, 2, 3)) + eps), gamma, beta)


@batch.mistake("mean and spread meet the columns",
               hint="Without keepdims=True they have the shape (C,), which meets W.")
def _(x, gamma, beta, eps):
    return _affine((x - x.mean(axis=(0, 2, 3))) / np.sqrt(x.var(axis=(0, 2, 3)) + eps), gamma, beta)


@batch.mistake("the scale meets the rows",
               hint="Give gamma the shape (C, 1, 1): rows and columns come after the channels.")
def _(x, gamma, beta, eps):
    return gamma[:, None] * _norm(x, (0, 2, 3), eps) + beta[:, None, None]


@batch.mistake("the shift meets the rows",
               hint="Give beta the shape (C, 1, 1): rows and columns come after the channels.")
def _(x, gamma, beta, eps):
    return gamma[:, None, None] * _norm(x, (0, 2, 3), eps) + beta[:, None]


@batch.mistake("mean 0 and variance 1 of a new layer's memory are used",
               hint="That is evaluation mode before any training. In training mode μ and σ² are those of the batch.")
def _(x, gamma, beta, eps):
    return _affine(x / np.sqrt(1 + eps), gamma, beta)


@batch.mistake("only scale and shift are left", hint="First subtract the mean of the channel and divide by its spread.")
def _(x, gamma, beta, eps):
    return _affine(x, gamma, beta)


@batch.mistake("eps is added to the spread as its root",
               hint="√σ² + √ε is not √(σ² + ε): add first, then take the root.")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / (_spread_of(x, (0, 2, 3), 0.0) + np.sqrt(eps)), gamma, beta)


@batch.mistake("the squares are averaged without the mean being subtracted",
               hint="σ² is the mean of (x − μ)², not of x².")
def _(x, gamma, beta, eps):
    return _affine((x - _mean_of(x, (0, 2, 3))) / np.sqrt(_mean_of(x**2, (0, 2, 3)) + eps), gamma, beta)


@batch.mistake("the squares are added up, not averaged", hint="Divide the sum of the squares by m.")
def _(x, gamma, beta, eps):
    m = x[:, 0].size
    return _affine((x - _mean_of(x, (0, 2, 3))) / np.sqrt(m * x.var((0, 2, 3), keepdims=True) + eps), gamma, beta)


@batch.mistake("the variance is the mean of the images' variances",
               hint="The images differ in their means too: all m numbers of a channel share one μ and one σ².")
def _(x, gamma, beta, eps):
    var = x.var((2, 3), keepdims=True).mean(0, keepdims=True)
    return _affine((x - _mean_of(x, (0, 2, 3))) / np.sqrt(var + eps), gamma, beta)


@batch.mistake("eps is squared", hint="Under the root stands σ² + ε, with ε as it is.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps**2)


@batch.mistake("it is divided by the scale", hint="The normalised channel is multiplied by γ.")
def _(x, gamma, beta, eps):
    return _batch(x, 1 / gamma, beta, eps)


@batch.mistake("each row has statistics of its own", hint="The mean runs over the rows too: axes 0, 2 and 3.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, (0, 3))


@batch.mistake("each column has statistics of its own", hint="The mean runs over the columns too: axes 0, 2 and 3.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, (0, 2))


@batch.mistake("the last axis is taken for the channels",
               hint="PyTorch's order is (N, C, H, W): the channels are axis 1, and the mean runs over 0, 2 and 3.")
def _(x, gamma, beta, eps):
    return _batch(x, gamma, beta, eps, (0, 1, 2))


@batch.accepted("a loop over the channels")
def _(x, gamma, beta, eps):
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        out[:, c] = gamma[c] * (x[:, c] - np.mean(x[:, c])) / np.sqrt(np.var(x[:, c]) + eps) + beta[c]
    return out


@batch.accepted("one scale and one shift for each channel, and channels last")
def _(x, gamma, beta, eps):
    rows = np.moveaxis(x, 1, -1)
    mean = rows.reshape(-1, x.shape[1]).mean(0)
    scale = gamma / np.sqrt(((rows - mean) ** 2).mean((0, 1, 2)) + eps)
    return np.moveaxis(rows * scale + (beta - mean * scale), -1, 1)


# ---- group_norm ------------------------------------------------------------------------------------------------------

def _group_cases(rng, turn):
    """Several groups of several channels; every fifth has one group, every fifth groups of one channel."""
    n, h, w = _sizes(rng, 3, 1, 5)
    groups, each = _sizes(rng, 2, 2, 4)
    eps = float(rng.choice([0.0625, 0.25, 0.5]))
    kind = turn % 5
    if kind == 1:
        groups, each = 1, int(rng.integers(3, 6))
    elif kind == 2:
        groups, each = int(rng.integers(3, 6)), 1
    if h * w == 1 or (each == 1 and h * w < 4):
        h, w = 2, 3
    c = groups * each
    x = numbers(rng, (n, c, h, w)) + numbers(rng, (n, c, 1, 1))
    if kind == 3:
        x, eps = x / 512, 1e-5
    return x, groups, numbers(rng, c), numbers(rng, c), eps


def _group(x, groups, gamma, beta, eps, axes=2, interleaved=False, **how):
    n, c, h, w = x.shape
    if interleaved:
        parts = x.reshape(n, c // groups, groups, h, w).swapaxes(1, 2).reshape(n, groups, -1)
        normal = _norm(parts, axes, eps, **how).reshape(n, groups, c // groups, h, w).swapaxes(1, 2)
    else:
        normal = _norm(x.reshape(n, groups, -1), axes, eps, **how)
    return _affine(normal.reshape(x.shape), gamma, beta)


def _grouped(x, groups, gamma, beta, normalize):
    """With the rows of the groups, (N, groups, m), normalised by this function."""
    return _affine(normalize(x.reshape(len(x), groups, -1)).reshape(x.shape), gamma, beta)


group = Question(
    "group_norm", title="Group norm", points=2,
    asks="Write `group_norm(x, groups, gamma, beta, eps)`: each image's channels, normalised in groups of neighbours.",
    reference=lambda x, groups, gamma, beta, eps: F.group_norm(x, groups, gamma, beta, eps),
    cases=_group_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        $$y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$

        `x` is a batch (N, C, H, W), `gamma` and `beta` hold one number for each **channel**, (C,). The C channels
        divide into `groups` groups of C / groups neighbours: the first C / groups channels are the first group. Each
        group of each image has its own μ and σ², over its channels, rows and columns; the variance is divided by m.
        Return an array as large as `x`.
    """,
    hints={
        "How to reach the groups without a loop":
            "`x.reshape(N, groups, -1)` puts all m numbers of one group of one image into one row. "
            "Reshape back before γ and β.",
        "It works for one group and for groups of one channel, but not between":
            "Neighbouring channels belong together: 0, 1, 2 and then 3, 4, 5, not 0, 2, 4 and 1, 3, 5.",
        "Each image is right alone, and wrong in a batch":
            "Then the mean runs over the images. In group norm no image knows of another.",
    },
)


@group.solution
def group_norm(x, groups, gamma, beta, eps):
    """(N, C, H, W), int, (C,), (C,), a number  →  (N, C, H, W)"""
    rows = x.reshape(len(x), groups, -1)            # (N, groups, m)
    mean = rows.mean(axis=2, keepdims=True)
    var = rows.var(axis=2, keepdims=True)
    normal = ((rows - mean) / np.sqrt(var + eps)).reshape(x.shape)
    return gamma[:, None, None] * normal + beta[:, None, None]


@group.mistake("the groups are interleaved",
               hint="With 6 channels in 2 groups, the first is 0, 1, 2 and the second 3, 4, 5. Yours are 0, 2, 4 and "
                    "1, 3, 5: what does the reshape put side by side?")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, beta, eps, interleaved=True)


@group.mistake("the number of groups is taken for the channels in a group",
               hint="`groups` says how many groups there are; each has C / groups channels.")
def _(x, groups, gamma, beta, eps):
    return _group(x, x.shape[1] // groups, gamma, beta, eps)


@group.mistake("the images share their statistics",
               hint="The mean runs over the images too. Group norm treats each image as if it were alone.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, beta, eps, (0, 2))


@group.mistake("all channels are one group", hint="The channels are split first, and each part has its own mean.")
def _(x, groups, gamma, beta, eps):
    return _group(x, 1, gamma, beta, eps)


@group.mistake("each channel is a group of its own",
               hint="That is instance norm. The mean of a group runs over its channels as well.")
def _(x, groups, gamma, beta, eps):
    return _group(x, x.shape[1], gamma, beta, eps)


@group.mistake("it is batch norm", hint="The mean runs over the images, and each channel has its own. Here each image "
                                        "has its own, and the channels of a group share it.")
def _(x, groups, gamma, beta, eps):
    return _batch(x, gamma, beta, eps)


@group.mistake("each pixel has statistics of its own",
               hint="The mean runs over the channels of a group, and over rows and columns too.")
def _(x, groups, gamma, beta, eps):
    n, c, h, w = x.shape
    return _affine(_norm(x.reshape(n, groups, -1, h, w), 2, eps).reshape(x.shape), gamma, beta)


@group.mistake("a mean for the group, but a spread for each of its rows",
               hint="Mean and variance run over the same m numbers: the channels of the group, all rows, all columns.")
def _(x, groups, gamma, beta, eps):
    parts = x.reshape(len(x), groups, -1, *x.shape[2:])
    spread = np.sqrt(parts.var(axis=(2, 4), keepdims=True) + eps)
    return _affine(((parts - parts.mean(axis=(2, 3, 4), keepdims=True)) / spread).reshape(x.shape), gamma, beta)


@group.mistake("the variance is divided by m − 1", hint="A norm divides by m. np.var does so; torch.var does not.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, beta, eps, ddof=1)


@group.mistake("eps stands outside of the root", hint="√σ² + ε is not √(σ² + ε).")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, beta, eps, inside=False)


@group.mistake("eps is left out", hint="eps is an argument: it is added to the variance, under the root.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, beta, 0.0)


@group.mistake("the variance stands without its root", hint="Divide by the root of the variance plus eps.")
def _(x, groups, gamma, beta, eps):
    rows = x.reshape(len(x), groups, -1)
    normal = (rows - _mean_of(rows, 2)) / (rows.var(2, keepdims=True) + eps)
    return _affine(normal.reshape(x.shape), gamma, beta)


@group.mistake("the spread takes the place of the variance",
               hint="Under the root stands the variance: np.var, not np.std.")
def _(x, groups, gamma, beta, eps):
    rows = x.reshape(len(x), groups, -1)
    normal = (rows - _mean_of(rows, 2)) / np.sqrt(rows.std(2, keepdims=True) + eps)
    return _affine(normal.reshape(x.shape), gamma, beta)


@group.mistake("it is multiplied by the spread, not divided", hint="Divide by √(σ² + ε).")
def _(x, groups, gamma, beta, eps):
    rows = x.reshape(len(x), groups, -1)
    normal = (rows - _mean_of(rows, 2)) * _spread_of(rows, 2, eps)
    return _affine(normal.reshape(x.shape), gamma, beta)


@group.mistake("the mean is not subtracted", hint="First subtract the mean of the group, then divide.")
def _(x, groups, gamma, beta, eps):
    rows = x.reshape(len(x), groups, -1)
    return _affine((rows / _spread_of(rows, 2, eps)).reshape(x.shape), gamma, beta)


@group.mistake("the mean is added", hint="The mean of the group is subtracted.")
def _(x, groups, gamma, beta, eps):
    rows = x.reshape(len(x), groups, -1)
    normal = (rows + _mean_of(rows, 2)) / _spread_of(rows, 2, eps)
    return _affine(normal.reshape(x.shape), gamma, beta)


@group.mistake("each group has one scale and one shift",
               hint="The channels of a group share μ and σ², but γ and β belong to channels: there are C of each.")
def _(x, groups, gamma, beta, eps):
    each = x.shape[1] // groups
    return _group(x, groups, np.repeat(gamma[:groups], each), np.repeat(beta[:groups], each), eps)


@group.mistake("scale and shift are left out", hint="At the end each channel is multiplied by its γ, and β is added.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, np.ones_like(gamma), 0 * beta, eps)


@group.mistake("the shift is left out", hint="β of the channel is added at the end.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, 0 * beta, eps)


@group.mistake("the scale is left out", hint="The normalised channel is multiplied by its γ before β is added.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, np.ones_like(gamma), beta, eps)


@group.mistake("the scale is added", hint="γ multiplies, β is added.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, np.ones_like(gamma), beta + gamma, eps)


@group.mistake("scale and shift are exchanged", hint="γ multiplies, β is added.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, beta, gamma, eps)


@group.mistake("the shift is subtracted", hint="β is added.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, -beta, eps)


@group.mistake("the mean, but not the variance, is that of the whole batch",
               hint="Mean and variance run over the same m numbers, those of one group of one image.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - rows.mean()) / _spread_of(rows, 2, eps))


@group.mistake("the variance, but not the mean, is that of the whole batch",
               hint="Mean and variance run over the same m numbers, those of one group of one image.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 2)) / np.sqrt(rows.var() + eps))


@group.mistake("the mean runs over the groups",
               hint="After the reshape to (N, groups, m) the m numbers of a group are the last axis.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 1)) / _spread_of(rows, 2, eps))


@group.mistake("the variance runs over the groups",
               hint="After the reshape to (N, groups, m) the m numbers of a group are the last axis.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 2)) / _spread_of(rows, 1, eps))


@group.mistake("mean and variance run over the groups",
               hint="After the reshape to (N, groups, m) the m numbers of a group are the last axis.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, beta, eps, 1)


@group.mistake("the sum is subtracted, not the mean",
               hint="Divide the sum of the group by m, the number of its elements.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - rows.sum(2, keepdims=True)) / _spread_of(rows, 2, eps))


@group.mistake("the sign is reversed before the scale", hint="It is x minus the mean, not the mean minus x.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, -gamma, beta, eps)


@group.mistake("it is not divided by the spread",
               hint="Only the mean is subtracted. Divide by the root of the variance plus eps.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 2)) / 1)


@group.mistake("only eps stands under the root", hint="The variance of the group belongs under the root too.")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 2)) / np.sqrt(eps))


@group.mistake("nothing but the shift is left",
               hint="The normalised group has vanished: is x subtracted from itself, or the product left out?")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, 0 * gamma, beta, eps)


@group.mistake("the scale meets the columns",
               hint="Shapes are matched from the last axis on: (C,) meets W. Give gamma the shape (C, 1, 1).")
def _(x, groups, gamma, beta, eps):
    return gamma * _group(x, groups, 1 + 0 * gamma, 0 * beta, eps) + beta[:, None, None]


@group.mistake("the shift meets the columns",
               hint="Shapes are matched from the last axis on: (C,) meets W. Give beta the shape (C, 1, 1).")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, 0 * beta, eps) + beta


@group.mistake("scale and shift meet the columns",
               hint="Shapes are matched from the last axis on: (C,) meets W. Give both the shape (C, 1, 1).")
def _(x, groups, gamma, beta, eps):
    return gamma * _group(x, groups, 1 + 0 * gamma, 0 * beta, eps) + beta


@group.mistake("the scales and shifts of one group are used for all",
               hint="Every channel has its own γ and β: do not shorten them to the size of a group.")
def _(x, groups, gamma, beta, eps):
    each = x.shape[1] // groups
    return _group(x, groups, np.tile(gamma[:each], groups), np.tile(beta[:each], groups), eps)


def _five(x, groups, gamma, beta, eps, axes):
    """With the groups on an axis of their own: (N, groups, C / groups, H, W)."""
    return _affine(_norm(x.reshape(len(x), groups, -1, *x.shape[2:]), axes, eps).reshape(x.shape), gamma, beta)


@group.mistake("each column has statistics of its own", hint="The mean runs over channels, rows *and* columns.")
def _(x, groups, gamma, beta, eps):
    return _five(x, groups, gamma, beta, eps, (2, 3))


@group.mistake("each row has statistics of its own", hint="The mean runs over channels, rows *and* columns.")
def _(x, groups, gamma, beta, eps):
    return _five(x, groups, gamma, beta, eps, (2, 4))


@group.mistake("the mean runs over the groups and not over their channels",
               hint="After the reshape to (N, groups, C / groups, H, W) the mean runs over the last three axes.")
def _(x, groups, gamma, beta, eps):
    return _five(x, groups, gamma, beta, eps, (1, 3, 4))


@group.mistake("the whole batch has one mean and one spread", hint="Each group of each image has its own.")
def _(x, groups, gamma, beta, eps):
    return _affine(_norm(x, None, eps), gamma, beta)


@group.mistake("the shift is multiplied by the scale", hint="γ·(x̂ + β) is another function. Multiply first, then add.")
def _(x, groups, gamma, beta, eps):
    return _group(x, groups, gamma, gamma * beta, eps)


@group.mistake("the squares are averaged without the mean being subtracted",
               hint="σ² is the mean of (x − μ)², not of x².")
def _(x, groups, gamma, beta, eps):
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 2)) / np.sqrt(
        _mean_of(rows**2, 2) + eps))


@group.mistake("the variance is the mean of the channels' variances",
               hint="The channels differ in their means too: all m numbers of a group share one μ and one σ².")
def _(x, groups, gamma, beta, eps):
    var = x.var((2, 3)).reshape(len(x), groups, -1).mean(2, keepdims=True)
    return _grouped(x, groups, gamma, beta, lambda rows: (rows - _mean_of(rows, 2)) / np.sqrt(var + eps))


@group.accepted("a loop over images and groups")
def _(x, groups, gamma, beta, eps):
    out, each = np.empty_like(x), x.shape[1] // groups
    for n in range(len(x)):
        for g in range(groups):
            part = x[n, g * each:(g + 1) * each]
            out[n, g * each:(g + 1) * each] = (part - part.mean()) / np.sqrt(part.var() + eps)
    return out * gamma[None, :, None, None] + beta[None, :, None, None]


@group.accepted("five axes")
def _(x, groups, gamma, beta, eps):
    n, c, h, w = x.shape
    parts = x.reshape(n, groups, c // groups, h, w)
    centred = parts - parts.mean((2, 3, 4), keepdims=True)
    parts = centred / np.sqrt((centred ** 2).mean((2, 3, 4), keepdims=True) + eps)
    return np.einsum("nchw,c->nchw", parts.reshape(x.shape), gamma) + beta.reshape(-1, 1, 1)


# ---- running_statistics ----------------------------------------------------------------------------------------------

def _running(x, momentum, ddof=1, mean=0.0, var=1.0, kept=None, new=None, plus=0.0, sums=False):
    kept, new = 1 - momentum if kept is None else kept, momentum if new is None else new
    mean, var = np.full(x.shape[2], mean), np.full(x.shape[2], var)
    for one in np.asarray(x, np.float64):
        mean = kept * mean + new * (one.sum((0, 2, 3)) if sums else one.mean((0, 2, 3))) + plus
        var = kept * var + new * one.var((0, 2, 3), ddof=ddof) + plus
    return np.stack([mean, var])


def _exchanged(x, momentum):
    stored = np.stack([np.zeros(x.shape[2]), np.ones(x.shape[2])])
    for one in x:
        stored = (1 - momentum) * stored + momentum * np.stack([one.var((0, 2, 3), ddof=1), one.mean((0, 2, 3))])
    return stored


def _added(x, momentum):
    stored = np.stack([np.zeros(x.shape[2]), np.ones(x.shape[2])])
    for one in x:
        stored = 1 - momentum + stored + momentum * np.stack([one.mean((0, 2, 3)), one.var((0, 2, 3), ddof=1)])
    return stored


def _running_cases(rng, turn):
    """One to four batches, of few numbers; every third of one image."""
    n, c, h, w = _sizes(rng, 4, 1, 5)
    if turn % 3 == 1:
        n = 1
    if n * h * w < 4:
        h = 4
    x = numbers(rng, (1 + turn % 4, n, c, h, w)) + numbers(rng, (1 + turn % 4, 1, c, 1, 1))
    return x, float(rng.choice([0.1, 0.125, 0.25, 0.3, 0.75]))


running = Question(
    "running_statistics", title="What a batch norm layer remembers", points=2, kind="predict",
    asks="Write `running_statistics(x, momentum)`: the running mean and the running variance of a batch norm layer of "
         "PyTorch after it has seen the batches x[0], x[1], … in training mode, once each and in this order.",
    reference=_running, cases=_running_cases,
    minutes=15, level=2,
    text=r"""
        `x` (B, N, C, H, W) holds B batches. A new layer begins with mean 0 and variance 1 for each channel. Every batch
        moves both a bit towards its own, by PyTorch's convention for `momentum`, and with the variance that PyTorch
        stores. Return an array (2, C), the means in the first row.
    """,
    hints={
        "The means are right and the variances are not":
            "For which m numbers is the variance to stand, those of the batch or all that the batch was drawn from? "
            "And with which number does it begin?",
        "The statistics are almost those of the last batch":
            "In PyTorch a momentum of 0.1 means that one tenth is new.",
        "It is right for one batch and wrong for several":
            "Begin each turn with what the turn before has left.",
    },
)


@running.solution
def running_statistics(x, momentum):
    """(B, N, C, H, W), a number  →  (2, C)"""
    stored = np.zeros((2, x.shape[2]))
    stored[1] = 1
    for batch in x:
        mean = batch.mean(axis=(0, 2, 3))
        var = batch.var(axis=(0, 2, 3), ddof=1)
        stored = (1 - momentum) * stored + momentum * np.stack([mean, var])
    return stored


@running.mistake("the variance is divided by m",
                 hint="That is the variance with which the batch itself is normalised. PyTorch stores another, which "
                      "is to stand for images that were not in the batch.")
def _(x, momentum):
    return _running(x, momentum, ddof=0)


@running.mistake("momentum is the part that stays",
                 hint="In PyTorch momentum is the part that is new. Optimisers use the word the other way round.")
def _(x, momentum):
    return _running(x, 1 - momentum)


@running.mistake("momentum is the part that stays, and the variance is divided by m",
                 hint="In PyTorch momentum is the part that is new; and the variance that it stores has m − 1.")
def _(x, momentum):
    return _running(x, 1 - momentum, ddof=0)


@running.mistake("both begin at zero",
                 hint="A new layer has mean 0 and variance 1: until it has seen a batch it changes nothing.")
def _(x, momentum):
    return _running(x, momentum, var=0.0)


@running.mistake("both begin at one", hint="The variance begins at 1, the mean at 0.")
def _(x, momentum):
    return _running(x, momentum, mean=1.0)


@running.mistake("mean and variance begin the wrong way round", hint="The mean begins at 0 and the variance at 1.")
def _(x, momentum):
    return _running(x, momentum, mean=1.0, var=0.0)


@running.mistake("they begin with the first batch",
                 hint="The layer begins with 0 and 1, and the first batch moves it only by momentum.")
def _(x, momentum):
    mean, var = x[0].mean((0, 2, 3)), x[0].var((0, 2, 3), ddof=1)
    return _running(x[1:], momentum, mean=mean, var=var)


@running.mistake("only the last batch counts", hint="Each batch moves what the batches before have left.")
def _(x, momentum):
    return _running(x[-1:], momentum)


@running.mistake("only the first batch counts", hint="All batches are used, one after the other.")
def _(x, momentum):
    return _running(x[:1], momentum)


@running.mistake("the statistics of the last batch themselves",
                 hint="They are an average over the past: of each batch only the part `momentum` goes in.")
def _(x, momentum):
    return np.stack([x[-1].mean((0, 2, 3)), x[-1].var((0, 2, 3), ddof=1)])


@running.mistake("all batches count the same",
                 hint="The plain mean over the batches is what PyTorch takes for momentum=None. "
                      "With a number, older batches fade.")
def _(x, momentum):
    return np.stack([x.mean((0, 1, 3, 4)), x.var((1, 3, 4), ddof=1).mean(0)])


@running.mistake("the batches come in the opposite order", hint="x[0] comes first, so it has faded most at the end.")
def _(x, momentum):
    return _running(x[::-1], momentum)


@running.mistake("the old statistics do not fade", hint="Old and new have weights that add up to 1.")
def _(x, momentum):
    return _running(x, momentum, kept=1.0)


@running.mistake("the spread is stored", hint="It is the variance that is averaged, not its root.")
def _(x, momentum):
    mean, var = np.zeros(x.shape[2]), np.ones(x.shape[2])
    for one in x:
        mean = (1 - momentum) * mean + momentum * one.mean((0, 2, 3))
        var = (1 - momentum) * var + momentum * one.std((0, 2, 3), ddof=1)
    return np.stack([mean, var])


@running.mistake("the root of the variance at the end", hint="The running variance is asked for, not its root.")
def _(x, momentum):
    mean, var = _running(x, momentum)
    return np.stack([mean, np.sqrt(var)])


@running.mistake("the variance stands in the first row", hint="The means first, then the variances.")
def _(x, momentum):
    return _running(x, momentum)[::-1]


@running.mistake("the new part is subtracted", hint="Old and new are added, with weights that add up to 1.")
def _(x, momentum):
    return _running(x, -momentum, kept=1 - momentum)


@running.mistake("nothing new goes in", hint="Each batch adds momentum times its own mean and variance.")
def _(x, momentum):
    return np.stack([np.zeros(x.shape[2]), np.full(x.shape[2], (1 - momentum) ** len(x))])


@running.mistake("the past is forgotten", hint="The old statistics are kept with the weight 1 − momentum.")
def _(x, momentum):
    return _running(x[-1:], momentum, var=0.0)


@running.mistake("the old statistics grow",
                 hint="Old and new have weights that add up to 1: 1 − momentum and momentum.")
def _(x, momentum):
    return _running(x, momentum, kept=1 + momentum)


@running.mistake("both parts have the same weight",
                 hint="Old and new have weights that add up to 1: 1 − momentum and momentum.")
def _(x, momentum):
    return _running(x, momentum, kept=momentum)


@running.mistake("the old statistics change their sign",
                 hint="The weight of the past is 1 − momentum, not momentum − 1.")
def _(x, momentum):
    return _running(x, momentum, kept=momentum - 1)


@running.mistake("the new part has the weight 1", hint="A batch goes in with the weight momentum only.")
def _(x, momentum):
    return _running(x, momentum, kept=1 - momentum, new=1.0)


@running.mistake("the variance is divided by m − 2", hint="One is subtracted from m, not two.")
def _(x, momentum):
    return _running(x, momentum, ddof=2)


@running.mistake("the sum of the batch takes the place of its mean", hint="Divide the sum of a channel by m.")
def _(x, momentum):
    return _running(x, momentum, sums=True)


@running.mistake("the average runs over the channels",
                 hint="One number for each channel: the mean runs over images, rows and columns.")
def _(x, momentum):
    return _running(x.swapaxes(1, 2), momentum)


@running.mistake("mean and variance of the batch are exchanged",
                 hint="The first row moves towards the mean of the batch, the second towards its variance.")
def _(x, momentum):
    return _exchanged(x, momentum)


@running.mistake("1 − momentum is added, not multiplied", hint="The old statistics are multiplied by 1 − momentum.")
def _(x, momentum):
    return _added(x, momentum)


@running.mistake("momentum is added to the batch, not multiplied", hint="Each batch goes in with the weight momentum.")
def _(x, momentum):
    return _running(x, momentum, kept=1 - momentum, new=1.0, plus=momentum)


@running.mistake("the variance begins at 2", hint="The running variance of a new layer is 1.")
def _(x, momentum):
    return _running(x, momentum, var=2.0)


@running.mistake("the variance is the mean of the variances of the maps",
                 hint="All m numbers of a channel in the batch share one variance.")
def _(x, momentum):
    stored = np.stack([np.zeros(x.shape[2]), np.ones(x.shape[2])])
    for one in x:
        fresh = np.stack([one.mean((0, 2, 3)), one.var((2, 3)).mean(0)])
        stored = (1 - momentum) * stored + momentum * fresh
    return stored


@running.mistake("all batches are taken as one",
                 hint="The layer is moved once for each batch, not once by all of them together.")
def _(x, momentum):
    return _running(x.reshape(1, -1, *x.shape[2:]), momentum)


@running.mistake("both begin at zero, and the variance is divided by m",
                 hint="A new layer has mean 0 and variance 1; and the variance that it stores has m − 1.")
def _(x, momentum):
    return _running(x, momentum, ddof=0, var=0.0)


@running.mistake("every image moves the statistics", hint="The layer is moved once for each batch of N images.")
def _(x, momentum):
    stored = np.stack([np.zeros(x.shape[2]), np.ones(x.shape[2])])
    for one in x.reshape(-1, 1, *x.shape[2:]):
        spread = one.var((0, 2, 3), ddof=1) if one[0, 0].size > 1 else np.zeros(x.shape[2])
        stored = (1 - momentum) * stored + momentum * np.stack([one.mean((0, 2, 3)), spread])
    return stored


@running.mistake("the variance is taken around the running mean",
                 hint="The variance of a batch is taken around the batch's own mean.")
def _(x, momentum):
    mean, var = np.zeros(x.shape[2]), np.ones(x.shape[2])
    for one in x:
        mean = (1 - momentum) * mean + momentum * one.mean((0, 2, 3))
        var = (1 - momentum) * var + momentum * ((one - mean[:, None, None])**2).mean((0, 2, 3))
    return np.stack([mean, var])


@running.mistake("m is the number of images", hint="m counts all numbers of a channel in the batch: N·H·W, not N.")
def _(x, momentum):
    n = max(x.shape[1], 2)
    mean, var = _running(x, momentum, ddof=0, var=0.0)
    return np.stack([mean, var * n / (n - 1) + (1 - momentum) ** len(x)])


@running.mistake("all channels share their statistics", hint="Each channel has a running mean and variance of its own.")
def _(x, momentum):
    stored = np.stack([np.zeros(x.shape[2]), np.ones(x.shape[2])])
    for one in x:
        stored = (1 - momentum) * stored + momentum * np.array([[one.mean()], [one.var(ddof=1)]])
    return stored


@running.mistake("momentum is 0.1, whatever is given", hint="momentum is an argument.")
def _(x, momentum):
    return _running(x, 0.1)


@running.accepted("each batch with the weight that it has at the end")
def _(x, momentum):
    steps = np.arange(len(x))[::-1]
    weights = momentum * (1 - momentum) ** steps
    m = x[0, :, 0].size
    mean = weights @ x.mean((1, 3, 4))
    var = weights @ x.var((1, 3, 4)) * m / (m - 1) + (1 - momentum) ** len(x)
    return np.stack([mean, var])


@running.accepted("it moves towards the batch")
def _(x, momentum):
    mean, var = np.zeros(x.shape[2]), np.ones(x.shape[2])
    for one in x:
        rows = np.moveaxis(one, 1, 0).reshape(x.shape[2], -1)
        mean += momentum * (rows.mean(1) - mean)
        var += momentum * (np.cov(rows).reshape(len(rows), -1).diagonal() - var)
    return [list(mean), list(var)]


# ---- adaptive_instance_norm ------------------------------------------------------------------------------------------

def _adaptive_cases(rng, turn):
    """Content and style of different sizes; every fourth time numbers near 0 and a small eps."""
    n, c, h, w = _sizes(rng, 4, 2, 6)
    content = numbers(rng, (n, c, h, w)) * 2 + numbers(rng, (n, c, 1, 1))
    style = numbers(rng, (n, c, *_sizes(rng, 2, 1, 5))) + numbers(rng, (n, c, 1, 1))
    if style[0, 0].size < 3:
        style = numbers(rng, (n, c, 3, 2))
    if turn % 4 == 2:
        return content / 512, style, 1e-5
    return content, style, float(rng.choice([0.0625, 0.25, 0.5]))


def _adaptive(content, style, eps, axes=(2, 3), ddof=0, inside=True):
    var = style.var(axis=axes, ddof=ddof, keepdims=True)
    spread = np.sqrt(var + eps) if inside else np.sqrt(var) + eps
    return spread * _norm(content, axes, eps, ddof, inside) + style.mean(axis=axes, keepdims=True)


def _spread(x, eps):
    return np.sqrt(x.var(axis=(2, 3), keepdims=True) + eps)


def _mean(x):
    return x.mean(axis=(2, 3), keepdims=True)


adaptive = Question(
    "adaptive_instance_norm", title="The statistics of one image on another", points=2,
    asks="Write `adaptive_instance_norm(content, style, eps)`: each channel of each content image with the mean and "
         "the spread of the same channel of the style image with the same number.",
    reference=lambda content, style, eps: ops.adaptive_instance_norm(content, style, eps),
    cases=_adaptive_cases,
    minutes=15, level=2,
    text=r"""
        $$y = \sqrt{\sigma_\text{style}^2 + \varepsilon}\;
        \frac{x - \mu_\text{content}}{\sqrt{\sigma_\text{content}^2 + \varepsilon}} + \mu_\text{style}$$

        `content` is (N, C, H, W) and `style` (N, C, H', W'): as many images and channels, but other sizes. Every
        channel of every image has its own μ and σ², over rows and columns; variances are divided by the number of
        pixels, and **both** roots hold `eps`. Return an array as large as `content`.
    """,
    hints={
        "NumPy says that shapes cannot be broadcast":
            "Pixels of the two images never meet; only means and spreads, (N, C, 1, 1), do. Use `keepdims=True`.",
        "The result looks like the style image":
            "Which of the two is normalised, and which gives its two numbers?",
        "It is right for one pair and wrong for a batch":
            "Every image has statistics of its own: axis 0 does not belong to the average.",
    },
)


@adaptive.solution
def adaptive_instance_norm(content, style, eps):
    """(N, C, H, W), (N, C, H', W'), a number  →  (N, C, H, W)"""
    def statistics(x):
        mean = x.mean(axis=(2, 3), keepdims=True)
        return mean, np.sqrt(x.var(axis=(2, 3), keepdims=True) + eps)

    mean, spread = statistics(content)
    style_mean, style_spread = statistics(style)
    return style_spread * (content - mean) / spread + style_mean


@adaptive.mistake("content and style are exchanged",
                  hint="The content image keeps its pixels; of the style image only mean and spread are used.")
def _(content, style, eps):
    return _adaptive(style, content, eps)


@adaptive.mistake("the variances are divided by one less",
                  hint="torch.std divides by m − 1 unless it is told otherwise; a norm divides by m.")
def _(content, style, eps):
    return _adaptive(content, style, eps, ddof=1)


@adaptive.mistake("all images share their statistics",
                  hint="Image n of the style belongs to image n of the content: the mean does not run over axis 0.")
def _(content, style, eps):
    return _adaptive(content, style, eps, (0, 2, 3))


@adaptive.mistake("all channels share their statistics",
                  hint="Each channel is matched with its own: the mean runs over rows and columns only.")
def _(content, style, eps):
    return _adaptive(content, style, eps, (1, 2, 3))


@adaptive.mistake("the first style is used for all images",
                  hint="Image n of the style belongs to image n of the content.")
def _(content, style, eps):
    return _adaptive(content, np.repeat(style[:1], len(style), 0), eps)


@adaptive.mistake("the mean of the style is not added", hint="The spread is moved, the mean too: add it.")
def _(content, style, eps):
    return _adaptive(content, style - _mean(style), eps)


@adaptive.mistake("the mean of the style is subtracted", hint="The mean of the style is added at the end.")
def _(content, style, eps):
    return _adaptive(content, style, eps) - 2 * _mean(style)


@adaptive.mistake("the mean of the content is put back",
                  hint="The content's own mean is subtracted, and the style's takes its place.")
def _(content, style, eps):
    return _adaptive(content, style - _mean(style), eps) + _mean(content)


@adaptive.mistake("the mean of the content is not subtracted", hint="First subtract the content's own mean.")
def _(content, style, eps):
    return _spread(style, eps) * content / _spread(content, eps) + _mean(style)


@adaptive.mistake("the mean of the content is added", hint="The content's own mean is subtracted.")
def _(content, style, eps):
    return _spread(style, eps) * (content + _mean(content)) / _spread(content, eps) + _mean(style)


@adaptive.mistake("the mean of the style is subtracted from the content", hint="The content loses its own mean.")
def _(content, style, eps):
    return _spread(style, eps) * (content - _mean(style)) / _spread(content, eps) + _mean(style)


@adaptive.mistake("the spread of the style is not used",
                  hint="The normalised content is multiplied by the spread of the style before its mean is added.")
def _(content, style, eps):
    return _norm(content, (2, 3), eps) + _mean(style)


@adaptive.mistake("the spread of the style is added", hint="The spread multiplies, the mean is added.")
def _(content, style, eps):
    return _norm(content, (2, 3), eps) + _spread(style, eps) + _mean(style)


@adaptive.mistake("the content is not divided by its spread", hint="Divide by the content's own spread first.")
def _(content, style, eps):
    return _spread(style, eps) * (content - _mean(content)) + _mean(style)


@adaptive.mistake("the content is multiplied by its spread", hint="The content is divided by its own spread.")
def _(content, style, eps):
    return _spread(style, eps) * (content - _mean(content)) * _spread(content, eps) + _mean(style)


@adaptive.mistake("the ratio of the spreads is upside down",
                  hint="Divide by the spread of the content, multiply by that of the style.")
def _(content, style, eps):
    return _spread(content, eps) / _spread(style, eps) * (content - _mean(content)) + _mean(style)


@adaptive.mistake("mean and spread of the style are exchanged", hint="The spread multiplies, the mean is added.")
def _(content, style, eps):
    return _mean(style) * _norm(content, (2, 3), eps) + _spread(style, eps)


@adaptive.mistake("variances stand in the place of spreads",
                  hint="Divide and multiply by roots: of the variance plus eps.")
def _(content, style, eps):
    return _spread(style, eps)**2 * (content - _mean(content)) / _spread(content, eps)**2 + _mean(style)


@adaptive.mistake("eps stands outside of the roots", hint="√σ² + ε is not √(σ² + ε).")
def _(content, style, eps):
    return _adaptive(content, style, eps, inside=False)


@adaptive.mistake("eps is missing under the root of the style",
                  hint="Both spreads are made in the same way, with eps under the root.")
def _(content, style, eps):
    return _spread(style, 0) * _norm(content, (2, 3), eps) + _mean(style)


@adaptive.mistake("eps is missing under the root of the content",
                  hint="Both spreads are made in the same way, with eps under the root.")
def _(content, style, eps):
    return _spread(style, eps) * _norm(content, (2, 3), 0.0) + _mean(style)


@adaptive.mistake("eps is left out", hint="Both spreads have eps under the root.")
def _(content, style, eps):
    return _adaptive(content, style, 0.0)


@adaptive.mistake("standard deviations stand under the roots",
                  hint="Under the root stands the variance: np.var, not np.std.")
def _(content, style, eps):
    s, t = (np.sqrt(x.std(axis=(2, 3), keepdims=True) + eps) for x in (content, style))
    return t * (content - _mean(content)) / s + _mean(style)


@adaptive.mistake("one mean for the whole batch", hint="Every channel of every image has a mean of its own.")
def _(content, style, eps):
    return _spread(style, eps) * (content - content.mean()) / _spread(content, eps) + style.mean()


@adaptive.mistake("one spread for the whole batch", hint="Every channel of every image has a spread of its own.")
def _(content, style, eps):
    return np.sqrt(style.var() + eps) * (content - _mean(content)) / np.sqrt(content.var() + eps) + _mean(style)


@adaptive.mistake("only the mean of the style is left",
                  hint="The content has vanished: is it subtracted from itself, or left out?")
def _(content, style, eps):
    return 0 * content + _mean(style)


@adaptive.mistake("the sign of the content is reversed",
                  hint="It is the content minus its mean, not the other way round.")
def _(content, style, eps):
    return 2 * _mean(style) - _adaptive(content, style, eps)


@adaptive.mistake("the variance of the style is divided by one less",
                  hint="Both variances are divided by the number of pixels.")
def _(content, style, eps):
    spread = np.sqrt(style.var(axis=(2, 3), ddof=1, keepdims=True) + eps)
    return spread * _norm(content, (2, 3), eps) + _mean(style)


@adaptive.mistake("the variance of the content is divided by one less",
                  hint="Both variances are divided by the number of pixels.")
def _(content, style, eps):
    return _spread(style, eps) * _norm(content, (2, 3), eps, 1) + _mean(style)


@adaptive.mistake("the variance of the style stands without its root",
                  hint="Multiply by the root of the style's variance plus eps.")
def _(content, style, eps):
    return _spread(style, eps)**2 * _norm(content, (2, 3), eps) + _mean(style)


@adaptive.mistake("the variance of the content stands without its root",
                  hint="Divide by the root of the content's variance plus eps.")
def _(content, style, eps):
    return _spread(style, eps) * (content - _mean(content)) / _spread(content, eps)**2 + _mean(style)


@adaptive.mistake("the style's mean is added before the style's spread multiplies",
                  hint="Multiply by the spread first, then add the mean.")
def _(content, style, eps):
    return _spread(style, eps) * (_norm(content, (2, 3), eps) + _mean(style))


@adaptive.mistake("all styles share their statistics", hint="Image n of the style belongs to image n of the content.")
def _(content, style, eps):
    return _spread_of(style, (0, 2, 3), eps) * _norm(content, (2, 3), eps) + _mean_of(style, (0, 2, 3))


@adaptive.mistake("all contents share their statistics", hint="Every content image loses its own mean and spread.")
def _(content, style, eps):
    return _spread(style, eps) * _norm(content, (0, 2, 3), eps) + _mean(style)


@adaptive.mistake("eps is missing under the root of the style, and stands outside of that of the content",
                  hint="Both spreads are made in the same way, with eps under the root.")
def _(content, style, eps):
    return _spread(style, 0) * _norm(content, (2, 3), eps, inside=False) + _mean(style)


@adaptive.mistake("the content as it was", hint="Each channel of it gets the mean and the spread of the style.")
def _(content, style, eps):
    return content


@adaptive.mistake("what falls outside of 0 to 1 is cut", hint="The formula has no cut: that is for showing a picture.")
def _(content, style, eps):
    return _adaptive(content, style, eps).clip(0, 1)


@adaptive.accepted("a loop over images and channels")
def _(content, style, eps):
    out = np.empty_like(content)
    for n, c in np.ndindex(*content.shape[:2]):
        a, b = content[n, c], style[n, c]
        out[n, c] = (a - a.mean()) * np.sqrt((b.var() + eps) / (a.var() + eps)) + b.mean()
    return out


@adaptive.accepted("one scale and one shift for each channel")
def _(content, style, eps):
    a, b = (x.reshape(*x.shape[:2], -1) for x in (content, style))
    scale = np.sqrt(b.var(2) + eps) / np.sqrt(a.var(2) + eps)
    shift = b.mean(2) - scale * a.mean(2)
    return np.einsum("nchw,nc->nchw", content, scale) + shift[:, :, None, None]


# ---- layer_norm ------------------------------------------------------------------------------------------------------

def _layer_cases(rng, turn):
    """Every third time numbers near 0 and a small eps; else an eps that is seen. Images differ in mean and spread."""
    n, c, h, w = _sizes(rng, 4, 1, 5)
    if c * h * w < 6:
        c, w = 3, 2
    x = numbers(rng, (n, c, h, w)) * rng.integers(1, 4, (n, 1, 1, 1)) + numbers(rng, (n, c, 1, 1))
    eps = float(rng.choice([0.0625, 0.25, 0.5]))
    if turn % 3 == 1:
        x, eps = x / 512, 1e-5
    return x, numbers(rng, (c, h, w)), numbers(rng, (c, h, w)), eps


def _layer(x, gamma, beta, eps, axes=(1, 2, 3), mean_axes=None, **how):
    moved = x - x.mean(axis=mean_axes or axes, keepdims=True)
    var = x.var(axis=axes, ddof=how.get("ddof", 0), keepdims=True)
    return gamma * moved / (np.sqrt(var + eps) if how.get("inside", True) else np.sqrt(var) + eps) + beta


layer = Question(
    "layer_norm", title="Layer norm with three faults", points=2, kind="mend",
    asks="Mend `layer_norm(x, gamma, beta, eps)`: layer norm of images over all their channels and pixels, as "
         "`torch.nn.LayerNorm((C, H, W))` has it.",
    reference=lambda x, gamma, beta, eps: F.layer_norm(x, x.shape[1:], gamma, beta, eps),
    cases=_layer_cases,
    minutes=15, level=1,
    text=r"""
        $$y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$

        `x` is a batch (N, C, H, W). Each **image** has one μ and one σ², over its m = C·H·W numbers, and the variance
        is divided by m. Here γ and β are as large as an image, (C, H, W): a pair for each number. The function that is
        given has three faults. For large arrays whose variance is near 1 two of them can hardly be seen.
    """,
    hints={
        "Where to begin":
            "Try an array whose numbers are all about 0.001, and one that holds two numbers in all. "
            "Compare with the formula by hand.",
        "One image alone is right, two are not":
            "Does the result for the first image change when the second one does? It must not.",
        "The numbers are right to a few digits":
            "Then it is the variance: by what is it divided, and where does eps stand?",
    },
)


@layer.given("as given: all three faults are there",
             hint="Which axes does the average run over, and is the batch one of them? By what is the variance "
                  "divided? What stands under the root?")
def _(x, gamma, beta, eps):
    """(N, C, H, W), (C, H, W), (C, H, W), a number  →  (N, C, H, W)"""
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    spread = x.std(axis=(0, 2, 3), ddof=1, keepdims=True) + eps
    return gamma * (x - mean) / spread + beta


@layer.solution
def layer_norm(x, gamma, beta, eps):
    """(N, C, H, W), (C, H, W), (C, H, W), a number  →  (N, C, H, W)"""
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    var = x.var(axis=(1, 2, 3), keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


@layer.mistake("the axes are mended, eps and the divisor are not",
               hint="Two faults are left: the variance is divided by m − 1, and eps stands outside of the root.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, ddof=1, inside=False)


@layer.mistake("eps is still outside of the root", hint="Two faults are mended. √σ² + ε is not √(σ² + ε).")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, inside=False)


@layer.mistake("the variance is still divided by m − 1", hint="Two faults are mended. What does `ddof` do?")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, ddof=1)


@layer.mistake("only the axes are wrong: those of batch norm",
               hint="These are the axes of batch norm. Layer norm does not average over the images, but over the "
                    "channels.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (0, 2, 3))


@layer.mistake("the axes and the divisor are not mended",
               hint="eps is where it belongs. The axes are those of batch norm, and the variance has m − 1.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (0, 2, 3), ddof=1)


@layer.mistake("the axes and eps are not mended",
               hint="The variance is right. The axes are those of batch norm, and eps stands outside of the root.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (0, 2, 3), inside=False)


@layer.mistake("only the axes of the mean are mended",
               hint="Mean and variance run over the same m numbers, all those of one image.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (0, 2, 3), (1, 2, 3))


@layer.mistake("only the axes of the variance are mended",
               hint="Mean and variance run over the same m numbers, all those of one image.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (1, 2, 3), (0, 2, 3))


@layer.mistake("each channel has statistics of its own",
               hint="That is instance norm. Layer norm averages over the channels as well.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (2, 3))


@layer.mistake("each pixel has statistics of its own",
               hint="Averaged over the channels only, each pixel is normalised alone, as in ConvNeXt. Here the mean "
                    "runs over the pixels too.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, 1)


@layer.mistake("all images share their statistics", hint="Each image has its own mean: axis 0 stays out of it.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (0, 1, 2, 3))


@layer.mistake("eps is left out", hint="eps is an argument: it is added to the variance, under the root.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, 0.0)


@layer.mistake("the variance stands without its root", hint="Divide by the root of the variance plus eps.")
def _(x, gamma, beta, eps):
    spread = x.var(axis=(1, 2, 3), keepdims=True) + eps
    return gamma * (x - x.mean(axis=(1, 2, 3), keepdims=True)) / spread + beta


@layer.mistake("the spread takes the place of the variance",
               hint="Under the root stands the variance: np.var, not np.std.")
def _(x, gamma, beta, eps):
    spread = np.sqrt(x.std(axis=(1, 2, 3), keepdims=True) + eps)
    return gamma * (x - x.mean(axis=(1, 2, 3), keepdims=True)) / spread + beta


@layer.mistake("the shift is multiplied by the scale", hint="γ·(x̂ + β) is another function. Multiply first, then add.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, gamma * beta, eps)


@layer.mistake("the shift is subtracted", hint="β is added.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, -beta, eps)


@layer.mistake("the shift is left out", hint="β is added at the end.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, 0 * beta, eps)


@layer.mistake("the mean is not subtracted", hint="First subtract the mean of the image.")
def _(x, gamma, beta, eps):
    return gamma * x / np.sqrt(x.var(axis=(1, 2, 3), keepdims=True) + eps) + beta


@layer.mistake("the mean, but not the variance, is that of all images",
               hint="Mean and variance run over the same m numbers, those of one image.")
def _(x, gamma, beta, eps):
    return gamma * (x - x.mean()) / _spread_of(x, (1, 2, 3), eps) + beta


@layer.mistake("the variance, but not the mean, is that of all images",
               hint="Mean and variance run over the same m numbers, those of one image.")
def _(x, gamma, beta, eps):
    return gamma * (x - _mean_of(x, (1, 2, 3))) / np.sqrt(x.var() + eps) + beta


@layer.mistake("the mean is added", hint="The mean of the image is subtracted.")
def _(x, gamma, beta, eps):
    return gamma * (x + _mean_of(x, (1, 2, 3))) / _spread_of(x, (1, 2, 3), eps) + beta


@layer.mistake("the sum is subtracted, not the mean",
               hint="Divide the sum of the image by m, the number of its elements.")
def _(x, gamma, beta, eps):
    return gamma * (x - x.sum(axis=(1, 2, 3), keepdims=True)) / _spread_of(x, (1, 2, 3), eps) + beta


@layer.mistake("the sign is reversed before the scale", hint="It is x minus the mean, not the mean minus x.")
def _(x, gamma, beta, eps):
    return _layer(x, -gamma, beta, eps)


@layer.mistake("it is not divided by the spread",
               hint="Only the mean is subtracted. Divide by the root of the variance plus eps.")
def _(x, gamma, beta, eps):
    return gamma * (x - _mean_of(x, (1, 2, 3))) / 1 + beta


@layer.mistake("it is multiplied by the spread, not divided", hint="Divide by the root of the variance plus eps.")
def _(x, gamma, beta, eps):
    return gamma * (x - _mean_of(x, (1, 2, 3))) * _spread_of(x, (1, 2, 3), eps) + beta


@layer.mistake("only eps stands under the root", hint="The variance of the image belongs under the root too.")
def _(x, gamma, beta, eps):
    return gamma * (x - _mean_of(x, (1, 2, 3))) / np.sqrt(eps) + beta


@layer.mistake("nothing but the shift is left",
               hint="The normalised image has vanished: is x subtracted from itself, or the product left out?")
def _(x, gamma, beta, eps):
    return 0 * x + beta


@layer.mistake("the scale is left out", hint="The normalised image is multiplied by γ before β is added.")
def _(x, gamma, beta, eps):
    return _layer(x, 1, beta, eps)


@layer.mistake("the scale is added", hint="γ multiplies, β is added.")
def _(x, gamma, beta, eps):
    return _layer(x, 1, beta + gamma / _spread_of(x, (1, 2, 3), eps), eps)


@layer.mistake("the mean meets the columns", hint="Without keepdims=True the means have the shape (N,), which meets W.")
def _(x, gamma, beta, eps):
    return gamma * (x - x.mean(axis=(1, 2, 3))) / _spread_of(x, (1, 2, 3), eps) + beta


@layer.mistake("the spread meets the columns",
               hint="Without keepdims=True the variances have the shape (N,), which meets W.")
def _(x, gamma, beta, eps):
    return gamma * (x - _mean_of(x, (1, 2, 3))) / np.sqrt(x.var(axis=(1, 2, 3)) + eps) + beta


@layer.mistake("scale and shift are exchanged", hint="γ multiplies, β is added.")
def _(x, gamma, beta, eps):
    return _layer(x, beta, gamma, eps)


@layer.mistake("scale and shift are left out", hint="At the end multiply by γ and add β.")
def _(x, gamma, beta, eps):
    return _layer(x, 1, 0, eps)


@layer.mistake("each column has statistics of its own", hint="The mean runs over the columns too: axes 1, 2 and 3.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (1, 2))


@layer.mistake("each row has statistics of its own", hint="The mean runs over the rows too: axes 1, 2 and 3.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps, (1, 3))


@layer.mistake("eps is squared", hint="Under the root stands σ² + ε, with ε as it is.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, eps**2)


@layer.mistake("eps is added to the spread as its root",
               hint="√σ² + √ε is not √(σ² + ε): add first, then take the root.")
def _(x, gamma, beta, eps):
    return _layer(x, gamma, beta, np.sqrt(eps), inside=False)


@layer.accepted("a loop over the images")
def _(x, gamma, beta, eps):
    return [gamma * (one - one.mean()) / np.sqrt(np.var(one) + eps) + beta for one in x]


@layer.accepted("rows, and the variance by hand")
def _(x, gamma, beta, eps):
    rows = x.reshape(len(x), -1)
    rows = rows - rows.mean(1)[:, None]
    rows = rows * ((rows ** 2).mean(1)[:, None] + eps) ** -0.5
    return rows.reshape(x.shape) * gamma + beta


# ---- two norms leave it as it is, the third does not -----------------------------------------------------------------

def _offsets(count):
    """Numbers between −1 and 1 whose sum is 0, none of them near it."""
    u = np.array([1.0, -1.0] * (count // 2))
    return u if count % 2 == 0 else np.append(u[:-2], [1.0, -0.5, -0.5])


def _planes(means, spreads, height, width):
    """Maps with these means and spreads, (N, C) both: one pixel stands out of each."""
    m = height * width
    plane = np.zeros(m)
    plane[0] = 1
    plane = (plane - plane.mean()) / plane.std()
    return means[:, :, None, None] + spreads[:, :, None, None] * plane.reshape(height, width)


def _means(n, c, groups):
    return 0.8 * np.outer(_offsets(n), np.tile(_offsets(c // groups), groups))


def _told_apart(n, c, height, width, groups):
    return _balanced(_means(n, c, groups), height, width)


def _design_properties(answer, n, c, height, width, groups):
    if answer.shape != (n, c, height, width):
        raise ValueError(f"the batch must have the shape {(n, c, height, width)}, got {answer.shape}")
    x = answer.astype(np.float64)
    if not np.abs(x).max() < 1e6:
        raise ValueError("the batch must hold numbers between -1,000,000 and 1,000,000")
    parts = x.reshape(n, groups, -1)
    means = np.abs(x.mean((2, 3)))
    off = 1e-4
    return {
        "every mean of batch norm is 0 (1 yes, 0 no)": float(np.abs(x.mean((0, 2, 3))).max() < off),
        "every variance of batch norm is 1 (1 yes, 0 no)": float(np.abs(x.var((0, 2, 3)) - 1).max() < 3 * off),
        "every mean of group norm is 0 (1 yes, 0 no)": float(np.abs(parts.mean(2)).max() < off),
        "every variance of group norm is 1 (1 yes, 0 no)": float(np.abs(parts.var(2) - 1).max() < 3 * off),
        "every mean of instance norm is at least 0.1 away from 0 (1 yes, 0 no)": float(means.min() >= 0.1 - off),
    }


def _design_cases(rng, turn):
    """Even and odd counts of images and of channels in a group; one group, and several."""
    n, each = [(2, 3), (3, 2), (4, 2), (2, 5), (5, 3), (3, 4), (4, 5)][turn % 7]
    groups = int(rng.integers(1, 4))
    return n, each * groups, *_sizes(rng, 2, 1, 5), groups


apart = Question(
    "tell_norms_apart", title="Nothing to do for two norms, much for a third", points=3, kind="design",
    asks="Write `tell_norms_apart(n, c, height, width, groups)`: a batch that batch norm and group norm leave as it "
         "is, but in which instance norm has something to subtract from every channel of every image.",
    reference=_told_apart, cases=_design_cases, measure=_design_properties,
    minutes=30, level=3,
    text=r"""
        Return an array (n, c, height, width) of numbers below a million in size. Both norms are taken without eps, with
        γ = 1 and β = 0, so they leave alone what has mean 0 and variance 1 already. Wanted:

        - each channel has mean 0 and variance 1 over all images and pixels (batch norm);
        - each group of c / groups neighbouring channels of each image has mean 0 and variance 1 over its channels and
          pixels (group norm, with `groups` groups);
        - each channel of each image has a mean, over its pixels, of at least 0.1 in size (instance norm).

        Means count as 0 up to 0.0001, variances as 1 up to 0.0003. There are at least 2 images, at least 2 channels
        in a group and at least 2 pixels; n and c / groups may be odd. The batch is judged by these properties: any
        other one that has them is right too.
    """,
    hints={
        "Where to begin":
            "Forget the pixels and choose only the means of the maps, a table of n rows and c columns. What do the two "
            "norms ask of its columns, and of its rows?",
        "The means are right, the variances are not":
            "The variance over several maps is the mean of their variances plus the variance of their means. How "
            "large must the spread inside of a map be, if its mean is 0.6?",
        "It works where n and c / groups are even, and not where one is odd":
            "+1 and −1 in turn do not add up to 0 when their number is odd. "
            "Which three numbers, none of them 0, do?",
    },
)


@apart.solution
def tell_norms_apart(n, c, height, width, groups):
    """int, int, int, int, int  →  (n, c, height, width)"""
    def zero_sum(count):
        numbers = np.ones(count)
        numbers[count // 2:] = -(count // 2) / (count - count // 2)
        return numbers

    means = np.outer(zero_sum(n), np.tile(zero_sum(c // groups), groups)) / 2
    spreads = np.sqrt(1 - means**2)
    plane = np.arange(height * width, dtype=float).reshape(height, width)
    plane = (plane - plane.mean()) / plane.std()
    return means[:, :, None, None] + spreads[:, :, None, None] * plane


def _noise(shape):
    return np.random.default_rng(0).normal(size=shape) + np.random.default_rng(1).normal(size=(*shape[:2], 1, 1))


def _group_normal(x, groups):
    return _norm(x.reshape(len(x), groups, -1), 2, 0.0).reshape(x.shape)


def _balanced(means, height, width):
    """Maps with these means and the spreads that make each second moment 1."""
    return _planes(means, np.sqrt(1 - means ** 2), height, width)


@apart.mistake("all means are 0 and the variances are not 1",
               hint="Zeros, or maps that are centred and not scaled: both variances have to be 1, and the means "
                    "of the maps have to differ from 0.")
def _(n, c, height, width, groups):
    return np.zeros((n, c, height, width))


@apart.mistake("both norms leave it as it is, but some map has a mean near 0",
               hint="Mean 0 and variance 1 in each map pleases all three norms. The means of the maps have to "
                    "differ from 0, every one of them, and cancel over the images and over the channels of a "
                    "group.")
def _(n, c, height, width, groups):
    return _planes(np.zeros((n, c)), np.ones((n, c)), height, width)


@apart.mistake("the means are right, the variances are not",
               hint="The variance over several maps is the mean of their variances plus the variance of their "
                    "means, so each map needs a variance below 1: how much below?")
def _(n, c, height, width, groups):
    return _planes(_means(n, c, groups), np.ones((n, c)), height, width)


@apart.mistake("batch norm leaves it as it is, group norm does not",
               hint="Over the images each channel has mean 0 and variance 1. Over the channels of a group, in one "
                    "image, it is not so.")
def _(n, c, height, width, groups):
    means = np.outer(_offsets(n), 1 + np.arange(c))
    return _norm(_planes(means, np.ones((n, c)), height, width), (0, 2, 3), 0.0)


@apart.mistake("group norm leaves it as it is, batch norm does not",
               hint="In each image the groups have mean 0 and variance 1. Over the images a channel has not.")
def _(n, c, height, width, groups):
    means = np.outer(1 + np.arange(n), np.tile(_offsets(c // groups), groups))
    return _group_normal(_planes(means, np.ones((n, c)), height, width), groups)


@apart.mistake("the means cancel over the images, but not in a group",
               hint="Each channel has mean 0 over the images. The channels of a group in one image have to cancel "
                    "too.")
def _(n, c, height, width, groups):
    return _planes(np.outer(_offsets(n), np.ones(c)), np.ones((n, c)), height, width)


@apart.mistake("the means cancel in each group, but not over the images",
               hint="Each group has mean 0. A channel has to have mean 0 over the images too.")
def _(n, c, height, width, groups):
    return _planes(np.outer(np.ones(n), np.tile(_offsets(c // groups), groups)), np.ones((n, c)), height, width)


@apart.mistake("no mean and no variance is right",
               hint="Choose the means of the maps first: a table whose columns add up to 0, and whose rows do so "
                    "within each group.")
def _(n, c, height, width, groups):
    return 3 + _planes(np.ones((n, c)), np.full((n, c), 2.0), height, width)


@apart.mistake("plus and minus in turn: right only where both counts are even",
               hint="With an odd number of images, or of channels in a group, +a and −a in turn leave one a over.")
def _(n, c, height, width, groups):
    return _planes(0.6 * np.outer((-1.0) ** np.arange(n), (-1.0) ** np.arange(c)), np.full((n, c), 0.8), height, width)


@apart.mistake("the means cancel over all channels, not in each group",
               hint="Each group of neighbouring channels needs mean 0 of its own.")
def _(n, c, height, width, groups):
    return _balanced(0.8 * np.outer(_offsets(n), np.sort(_offsets(c))), height, width)


@apart.mistake("no mean is 0, some are near it, and no variance is 1",
               hint="Random numbers have mean 0 and variance 1 only about. Choose the means of the maps first.")
def _(n, c, height, width, groups):
    return _noise((n, c, height, width))


@apart.accepted("other means, a checkerboard inside of the maps")
def _(n, c, height, width, groups):
    u, v = np.ones(n), np.ones(c // groups)
    u[-1], v[0] = 1 - n, 1 - len(v)
    means = np.outer(u, np.tile(v, groups)) / np.abs(u).max() / np.abs(v).max() * 0.95
    means = np.where(np.abs(means).min() < 0.1, _means(n, c, groups), means)
    plane = (-1.0) ** np.add.outer(np.arange(height), np.arange(width))
    plane = (plane - plane.mean()) / plane.std()
    return means[:, :, None, None] + np.sqrt(1 - means ** 2)[:, :, None, None] * plane


@apart.accepted("the two norms in turn, from planned means")
def _(n, c, height, width, groups):
    x = _told_apart(n, c, height, width, groups)
    x = x + 0.05 * np.random.default_rng(3).normal(size=x.shape)
    for _ in range(60):
        x = _group_normal(_norm(x, (0, 2, 3), 0.0), groups)
    return x


QUESTIONS = [batch, group, running, adaptive, layer, apart]
