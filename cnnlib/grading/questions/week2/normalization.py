"""Week 2: the questions of the notebook `normalization`."""

import numpy as np

from ...question import Question
from ..cases import numbers, unequal

EPS = 1e-2                   # of the cases: large enough to be seen


def _normalize(x, axes, eps, less=0, outside=False):
    """(x − mean) / √(variance + eps) over these axes; less: of the number that the variance is divided by."""
    x = np.asarray(x, np.float64)
    count = np.prod([x.shape[a] for a in axes]) - less
    centred = x - x.mean(axes, keepdims=True)
    variance = (centred**2).sum(axes, keepdims=True) / count
    return centred / (np.sqrt(variance) + eps if outside else np.sqrt(variance + eps))


def _affine(x, gamma, beta):
    return x * gamma[:, None, None] + beta[:, None, None]


def _batch(rng, turn, channels=(2, 5)):
    """A small batch; each channel has its own brightness and contrast, and sometimes hardly any."""
    n, c = int(rng.integers(2, 5)), int(rng.integers(*channels))
    height, width = unequal(rng, 2, 5)
    x = numbers(rng, (n, c, height, width)) * rng.choice([0.25, 1, 2], c)[:, None, None]
    x = x + numbers(rng, c)[:, None, None]
    return x, numbers(rng, c), numbers(rng, c), EPS


# ---- batch_norm ------------------------------------------------------------------------------------------------------

batch = Question(
    "batch_norm", title="One channel, the whole batch", points=2, practice=True,
    asks="Write `batch_norm(x, gamma, beta, eps)`: what a batch-normalisation layer gives in training mode.",
    reference=lambda x, gamma, beta, eps: _affine(_normalize(x, (0, 2, 3), eps), gamma, beta),
    cases=_batch,
    minutes=15, level=1,
    text=r"""
        $$y_{ncij} = \gamma_c\, \frac{x_{ncij} - \mu_c}{\sqrt{\sigma_c^2 + \varepsilon}} + \beta_c$$

        `x` is (N, C, H, W); `gamma` and `beta` are (C,). $\mu_c$ is the mean of channel c over all images and places,
        and $\sigma_c^2$ the mean of the squared distances from it, divided by their number N·H·W. `eps` is a number.
    """,
    hints={
        "Which axes?": "All but the one that is kept: each channel has one mean. `x.mean(axis=(0, 2, 3))`.",
        "The shapes do not broadcast":
            "A mean of shape (C,) lies along the last axis, the columns. `keepdims=True` keeps it on its own axis.",
        "It is a little too large everywhere": "Which number divides the sum of squares, and where does ε stand?",
    },
)


@batch.solution
def batch_norm(x, gamma, beta, eps):
    """(N, C, H, W), (C,), (C,), number  →  (N, C, H, W)"""
    mean = np.mean(x, axis=(0, 2, 3), keepdims=True)
    variance = np.var(x, axis=(0, 2, 3), keepdims=True)
    normalized = (x - mean) / np.sqrt(variance + eps)
    return gamma[:, None, None] * normalized + beta[:, None, None]


def _wrong_norm(question, right_axes, split=None):
    """The mistakes that every normalisation knows, registered for a question with arguments (x, gamma, "
    "beta, eps, …)."""
    def register(name, hint, change):
        question.mistake(name, hint=hint)(
            lambda x, gamma, beta, eps, *groups: change(x, gamma, beta, eps, *groups))

    def core(x, eps, groups, **options):
        if split is None:
            return _normalize(x, right_axes, eps, **options)
        n, c, h, w = x.shape
        return _normalize(split(x, *groups), right_axes, eps, **options).reshape(n, c, h, w)

    register("the variance is divided by one less than its number",
             "Here it is the plain mean of the squares, divided by m. m − 1 belongs to the running variance.",
             lambda x, g, b, eps, *k: _affine(core(x, eps, k, less=1), g, b))
    register("ε is added to the standard deviation", "ε stands under the root: √(σ² + ε).",
             lambda x, g, b, eps, *k: _affine(core(x, eps, k, outside=True), g, b))
    register("ε is forgotten", "Add ε to the variance, under the root.",
             lambda x, g, b, eps, *k: _affine(core(x, 0, k), g, b))
    register("γ and β are exchanged", "γ multiplies and β is added.",
             lambda x, g, b, eps, *k: _affine(core(x, eps, k), b, g))
    register("γ and β are forgotten", "After the normalisation: times γ, plus β, one pair for each channel.",
             lambda x, g, b, eps, *k: core(x, eps, k))
    register("β is forgotten", "After γ the shift β is added.",
             lambda x, g, b, eps, *k: _affine(core(x, eps, k), g, 0 * b))
    register("γ is forgotten", "Before β is added, each channel is multiplied by its γ.",
             lambda x, g, b, eps, *k: _affine(core(x, eps, k), 1 + 0 * g, b))
    register("β is subtracted", "β is added.", lambda x, g, b, eps, *k: _affine(core(x, eps, k), g, -b))
    register("only β is left", "Where does the normalised x come in?",
             lambda x, g, b, eps, *k: _affine(0 * x, g, b))
    register("the difference from the mean is the wrong way round", "x − μ, not μ − x.",
             lambda x, g, b, eps, *k: _affine(core(x, eps, k), -g, b))
    register("γ is added", "γ multiplies what is normalised; β is added.",
             lambda x, g, b, eps, *k: core(x, eps, k) + (g + b)[:, None, None])
    register("x is gone: only γ and β are left", "Where does the normalised x come in?",
             lambda x, g, b, eps, *k: _affine(1 + 0 * x, g, b))
    register("γ and β lie along the rows", "The channels are axis 1: γ[:, None, None] puts γ there.",
             lambda x, g, b, eps, *k: core(x, eps, k) * g[:, None] + b[:, None])
    register("γ and β lie along the columns", "Broadcasting begins at the last axis. γ[:, None, None] is on axis 1.",
             lambda x, g, b, eps, *k: core(x, eps, k) * g + b)
    register("divided by the variance", "The root of the variance has the unit of x: divide by √(σ² + ε).",
             lambda x, g, b, eps, *k: _affine(_rescaled(core, x, eps, k, right_axes, 2), g, b))
    register("multiplied by the root", "Divide by √(σ² + ε).",
             lambda x, g, b, eps, *k: _affine(_rescaled(core, x, eps, k, right_axes, -1), g, b))
    register("nothing is divided", "After the mean is subtracted, divide by √(σ² + ε).",
             lambda x, g, b, eps, *k: _affine(_rescaled(core, x, eps, k, right_axes, 0), g, b))


def _rescaled(core, x, eps, groups, axes, power):
    """Centred x over (σ² + ε)^(power/2), by way of the normalised one."""
    rows = np.asarray(x, np.float64)
    rows = rows.reshape(len(x), groups[0], -1) if groups else rows
    scale = np.sqrt(rows.var(axes, keepdims=True) + eps) ** (1 - power)
    return (core(x, eps, groups).reshape(rows.shape) * scale).reshape(x.shape)


_wrong_norm(batch, (0, 2, 3))


@batch.mistake("the mean is not subtracted", hint="Subtract the channel's mean before you divide.")
def _(x, gamma, beta, eps):
    return _affine(x / np.sqrt(x.var((0, 2, 3), keepdims=True) + eps), gamma, beta)


@batch.mistake("the mean is added", hint="The mean is subtracted.")
def _(x, gamma, beta, eps):
    mean = x.mean((0, 2, 3), keepdims=True)
    return _affine((x + mean) / np.sqrt(x.var((0, 2, 3), keepdims=True) + eps), gamma, beta)


for _axes, _name, _hint in [
        ((2, 3), "each image by itself", "That is instance normalisation. Here the images of the batch share a mean."),
        ((0,), "each place by itself", "The mean goes over the places too: axes 0, 2 and 3."),
        ((1, 2, 3), "all channels of an image together", "That is group normalisation with one group."),
        ((0, 1, 2, 3), "one mean for everything", "Each channel has a mean of its own: keep axis 1."),
        ((1,), "over the channels of each pixel", "Axis 1 is the one that stays: each channel has a mean of its own.")]:
    batch.mistake(_name, hint=_hint)(
        lambda x, gamma, beta, eps, axes=_axes: _affine(_normalize(x, axes, eps), gamma, beta))


@batch.accepted("channel by channel")
def _(x, gamma, beta, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = gamma[c] * (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + eps) + beta[c]
    return y


@batch.accepted("as a table with a row for each number of a channel")
def _(x, gamma, beta, eps):
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    rows = rows - rows.mean(0)
    rows = rows / np.sqrt((rows**2).mean(0) + eps) * gamma + beta
    return np.moveaxis(rows.reshape(x.shape[0], *x.shape[2:], -1), -1, 1)


# ---- group_norm ------------------------------------------------------------------------------------------------------

def _group_cases(rng, turn):
    groups, each = [(2, 2), (2, 3), (3, 2), (1, 3), (4, 1)][turn % 5]
    return *_batch(rng, turn, (groups * each, groups * each + 1)), groups


def _split(x, groups):
    return np.asarray(x).reshape(len(x), groups, -1)


def _group(x, gamma, beta, eps, groups, **options):
    return _affine(_normalize(_split(x, groups), (2,), eps, **options).reshape(x.shape), gamma, beta)


group = Question(
    "group_norm", title="Some channels, one image", points=2, practice=True,
    asks="Write `group_norm(x, gamma, beta, eps, groups)`: what a group-normalisation layer gives.",
    reference=_group, cases=_group_cases,
    minutes=15, level=2,
    text=r"""
        The C channels of each image are divided into `groups` parts of neighbours: of 6 channels and 2 groups the first
        has channels 0, 1, 2. Each part of each image is normalised by its own mean and variance over its channels and
        places, $(x - \mu)/\sqrt{\sigma^2 + \varepsilon}$, the variance divided by the number of its numbers. Then each
        **channel** is multiplied by its $\gamma_c$, and $\beta_c$ is added. `x` is (N, C, H, W), `gamma` and `beta` are
        (C,), and `groups` divides C.
    """,
    hints={
        "How do I get at the groups?": "`reshape` can divide the axis of channels into two: groups, and "
        "channels of each.",
        "γ has the wrong length": "Shape the array back to (N, C, H, W) first: γ and β belong to channels.",
    },
)


@group.solution
def group_norm(x, gamma, beta, eps, groups):
    """(N, C, H, W), (C,), (C,), number, int  →  (N, C, H, W)"""
    parts = x.reshape(len(x), groups, -1)
    mean = np.mean(parts, axis=2, keepdims=True)
    variance = np.var(parts, axis=2, keepdims=True)
    normalized = ((parts - mean) / np.sqrt(variance + eps)).reshape(x.shape)
    return gamma[:, None, None] * normalized + beta[:, None, None]


_wrong_norm(group, (2,), _split)


@group.mistake("every groups-th channel is in a group",
               hint="A group is made of neighbours: channels 0, 1, 2 and then 3, 4, 5, not 0, 2, 4 and 1, 3, 5.")
def _(x, gamma, beta, eps, groups):
    n, c, h, w = x.shape
    parts = x.reshape(n, c // groups, groups, h * w).swapaxes(1, 2)
    parts = _normalize(parts, (2, 3), eps).swapaxes(1, 2)
    return _affine(parts.reshape(x.shape), gamma, beta)


@group.mistake("the batch shares a mean", hint="Each image has means of its own: the batch is not averaged over.")
def _(x, gamma, beta, eps, groups):
    return _affine(_normalize(_split(x, groups), (0, 2), eps).reshape(x.shape), gamma, beta)


@group.mistake("groups channels in each group",
               hint="`groups` is the number of groups, not of the channels in one.")
def _(x, gamma, beta, eps, groups):
    return _group(x, gamma, beta, eps, x.shape[1] // groups)


@group.mistake("each channel by itself", hint="That is instance normalisation: here a group shares a mean.")
def _(x, gamma, beta, eps, groups):
    return _group(x, gamma, beta, eps, x.shape[1])


@group.mistake("all channels together", hint="That is one group. Divide the channels into `groups` parts.")
def _(x, gamma, beta, eps, groups):
    return _group(x, gamma, beta, eps, 1)


@group.mistake("the mean is not subtracted", hint="Subtract the group's mean before you divide.")
def _(x, gamma, beta, eps, groups):
    parts = _split(x, groups)
    return _affine((parts / np.sqrt(parts.var(2, keepdims=True) + eps)).reshape(x.shape), gamma, beta)


@group.mistake("the mean is added", hint="The mean is subtracted.")
def _(x, gamma, beta, eps, groups):
    parts = _split(x, groups)
    mean, variance = parts.mean(2, keepdims=True), parts.var(2, keepdims=True)
    return _affine(((parts + mean) / np.sqrt(variance + eps)).reshape(x.shape), gamma, beta)


@group.mistake("γ and β of the group's number",
               hint="γ and β belong to channels: channel c has γ[c], whatever group it is in.")
def _(x, gamma, beta, eps, groups):
    number = np.arange(x.shape[1]) // (x.shape[1] // groups)
    return _group(x, gamma[number], beta[number], eps, groups)


@group.accepted("image by image, group by group")
def _(x, gamma, beta, eps, groups):
    y, size = np.empty_like(x), x.shape[1] // groups
    for n in range(len(x)):
        for first in range(0, x.shape[1], size):
            part = x[n, first:first + size]
            y[n, first:first + size] = (part - part.mean()) / np.sqrt(part.var() + eps)
    return gamma[:, None, None] * y + beta[:, None, None]


@group.accepted("five axes")
def _(x, gamma, beta, eps, groups):
    n, c, h, w = x.shape
    return _affine(_normalize(x.reshape(n, groups, c // groups, h, w), (2, 3, 4), eps).reshape(x.shape), gamma, beta)


# ---- running_statistics ----------------------------------------------------------------------------------------------

def _running(x, momentum, new=None, less=1, start=(0.0, 1.0)):
    """x: (steps, m).  → (mean, variance) as the layer has kept them behind all steps."""
    mean, variance = start
    for batch_ in np.asarray(x, np.float64):
        share = momentum if new is None else new(momentum)
        mean = (1 - share) * mean + share * batch_.mean()
        variance = (1 - share) * variance + share * ((batch_ - batch_.mean())**2).sum() / (len(batch_) - less)
    return np.array([mean, variance])


running = Question(
    "running_statistics", title="What the layer remembers", points=2, kind="predict",
    asks="Write `running_statistics(x, momentum)`: the running mean and the running variance that PyTorch's batch "
         "normalisation has stored after some steps of training, as `(mean, variance)`.",
    reference=_running,
    cases=lambda rng, turn: (numbers(rng, unequal(rng, 2, 6)), [0.1, 0.25, 0.5, 0.9][turn % 4]),
    minutes=12, level=2,
    text=r"""
        `x` is (steps, m): in each step the layer, of one channel, sees the m numbers of one row. It begins with mean 0
        and variance 1. After each batch

        $$\text{stored} \leftarrow (1 - \text{momentum}) \cdot \text{stored} + \text{momentum} \cdot \text{of this
        batch}$$

        for both. The variance that is stored is an estimate for numbers that were not seen: the sum of the squared
        distances from the batch's mean, divided by m − 1. (The batch itself is normalised with m.)
    """,
    hints={
        "The variance is a little too small": "What does it divide by?",
        "The last batch counts too much, or too little":
            "In PyTorch momentum is the share of the new batch. In other libraries, and for optimisers, it is that of "
            "the old one.",
    },
)


@running.solution
def running_statistics(x, momentum):
    """(steps, m), number  →  (mean, variance)"""
    stored = np.array([0.0, 1.0])
    for row in x:
        new = np.array([np.mean(row), np.var(row, ddof=1)])
        stored = (1 - momentum) * stored + momentum * new
    return stored


running.mistake("the variance is divided by m",
                hint="What is stored is divided by m − 1; only what normalises the batch is divided by m.")(
    lambda x, momentum: _running(x, momentum, less=0))
running.mistake("momentum is taken for the share of what was stored",
                hint="In PyTorch momentum is the share of the new batch.")(
    lambda x, momentum: _running(x, momentum, lambda share: 1 - share))
running.mistake("it begins with the first batch", hint="It begins with mean 0 and variance 1.")(
    lambda x, momentum: _running(x[1:], momentum, start=(x[0].mean(), x[0].var(ddof=1))))
running.mistake("the variance begins with 0", hint="It begins with mean 0 and variance 1.")(
    lambda x, momentum: _running(x, momentum, start=(0.0, 0.0)))
running.mistake("the mean begins with 1", hint="It begins with mean 0 and variance 1.")(
    lambda x, momentum: _running(x, momentum, start=(1.0, 1.0)))
running.mistake("only the last batch is left", hint="Each step keeps a part of what was stored before.")(
    lambda x, momentum: _running(x[-1:], 1.0))
running.mistake("the last batch alone is mixed in", hint="Every step changes what is stored: loop over all rows.")(
    lambda x, momentum: _running(x[-1:], momentum))
running.mistake("the first batch alone is mixed in", hint="Every step changes what is stored: loop over all rows.")(
    lambda x, momentum: _running(x[:1], momentum))


@running.mistake("the standard deviation is stored", hint="PyTorch stores the variance, the square of it.")
def _(x, momentum):
    mean, deviation = 0.0, 1.0
    for row in x.astype(np.float64):
        mean = (1 - momentum) * mean + momentum * row.mean()
        deviation = (1 - momentum) * deviation + momentum * row.std(ddof=1)
    return mean, deviation


@running.mistake("the mean of all batches", hint="It is no plain mean: each step multiplies what was stored by "
                                                 "1 − momentum.")
def _(x, momentum):
    return x.mean(), x.var(1, ddof=1).mean()


@running.mistake("the old part is kept whole", hint="What was stored is multiplied by 1 − momentum first.")
def _(x, momentum):
    return momentum * x.mean(1).sum(), 1 + momentum * x.var(1, ddof=1).sum()


@running.mistake("the distances are from the stored mean",
                 hint="The variance of a batch is taken about the batch's own mean.")
def _(x, momentum):
    mean, variance = 0.0, 1.0
    for row in x.astype(np.float64):
        mean = (1 - momentum) * mean + momentum * row.mean()
        variance = (1 - momentum) * variance + momentum * ((row - mean)**2).sum() / (len(row) - 1)
    return mean, variance


@running.mistake("mean and variance are exchanged", hint="The mean comes first.")
def _(x, momentum):
    return _running(x, momentum)[::-1]


def _stored(step):
    """stored ← step(stored, new, momentum), from (0, 1)."""
    def answer(x, momentum):
        stored = np.array([0.0, 1.0])
        for row in x.astype(np.float64):
            stored = step(stored, np.array([row.mean(), row.var(ddof=1)]), momentum)
        return stored
    return answer


running.mistake("the new batch counts whole", hint="The batch's part is multiplied by momentum.")(
    _stored(lambda old, new, share: (1 - share) * old + new))
running.mistake("both parts have the same share", hint="The old part gets 1 − momentum, the new one momentum.")(
    _stored(lambda old, new, share: share * old + share * new))
running.mistake("what was stored is forgotten", hint="The old values keep the share 1 − momentum.")(
    _stored(lambda old, new, share: share * new))
running.mistake("no batch comes in", hint="Each batch adds momentum times its own mean and variance.")(
    _stored(lambda old, new, share: (1 - share) * old))
running.mistake("the batch is subtracted", hint="The two parts are added.")(
    _stored(lambda old, new, share: (1 - share) * old - share * new))
running.mistake("the old part grows", hint="Its share is 1 − momentum, not 1 + momentum.")(
    _stored(lambda old, new, share: (1 + share) * old + share * new))
running.mistake("the old part changes its sign", hint="Its share is 1 − momentum.")(
    _stored(lambda old, new, share: (share - 1) * old + share * new))


@running.accepted("as a weighted sum of all batches")
def _(x, momentum):
    steps = len(x)
    shares = momentum * (1 - momentum) ** np.arange(steps - 1, -1, -1)
    start = (1 - momentum) ** steps
    return [float(shares @ x.mean(1)), float(start + shares @ x.var(1, ddof=1))]


@running.accepted("mean and variance apart")
def _(x, momentum):
    mean, variance = 0.0, 1.0
    for row in x:
        mean = (1 - momentum) * mean + momentum * row.mean()
        variance = (1 - momentum) * variance + momentum * row.var(ddof=1)
    return mean, variance


@running.accepted("the difference is added")
def _(x, momentum):
    stored = np.array([0.0, 1.0])
    for row in x:
        stored += momentum * (np.array([row.mean(), row.var() * len(row) / (len(row) - 1)]) - stored)
    return stored


# ---- adaptive_instance_norm ------------------------------------------------------------------------------------------

def _style_cases(rng):
    """Two images of other sizes."""
    channels = int(rng.integers(2, 4))
    content, style = (numbers(rng, (channels, *unequal(rng, 2, 6))) for _ in range(2))
    return content, 2 * style + numbers(rng, channels)[:, None, None], EPS


def _adain(content, style, eps, less=0, outside=False, deviation=None):
    def root(x):
        variance = ((x - x.mean((1, 2), keepdims=True))**2).sum((1, 2), keepdims=True) / (x[0].size - less)
        return np.sqrt(variance) + eps if outside else np.sqrt(variance + eps)

    content, style = np.asarray(content, np.float64), np.asarray(style, np.float64)
    normalized = (content - content.mean((1, 2), keepdims=True)) / root(content)
    return (deviation or root)(style) * normalized + style.mean((1, 2), keepdims=True)


adain = Question(
    "adaptive_instance_norm", title="The contrast of another picture", points=3,
    asks="Write `adaptive_instance_norm(content, style, eps)`: the content, with each channel's mean and standard "
         "deviation taken from the style.",
    reference=_adain, cases=_style_cases,
    minutes=15, level=2,
    text=r"""
        $$y_c = \sigma(s_c)\, \frac{x_c - \mu(x_c)}{\sigma(x_c)} + \mu(s_c)$$

        for each channel c of the content $x$ and the style $s$. `content` is (C, H, W) and `style` is (C, H′, W′), of
        another size. $\mu$ is the mean over the places of one channel and $\sigma = \sqrt{\text{variance} +
        \varepsilon}$, the variance divided by the number of places, for both images. The answer is as large as the
        content.
    """,
    hints={
        "The shapes do not broadcast": "Four numbers for each channel are needed, (C, 1, 1) each: `keepdims=True`.",
        "Only the brightness is off": "The content loses its own mean before it gets that of the style.",
    },
)


@adain.solution
def adaptive_instance_norm(content, style, eps):
    """(C, H, W), (C, H′, W′), number  →  (C, H, W)"""
    def statistics(x):
        mean = np.mean(x, axis=(1, 2), keepdims=True)
        return mean, np.sqrt(np.var(x, axis=(1, 2), keepdims=True) + eps)

    own_mean, own_deviation = statistics(content)
    mean, deviation = statistics(style)
    return deviation * (content - own_mean) / own_deviation + mean


adain.mistake("the variance is divided by one less than its number",
              hint="Divide by the number of places, not by one less; on small maps the difference shows.")(
    lambda content, style, eps: _adain(content, style, eps, less=1))
adain.mistake("ε is added to the standard deviation", hint="ε stands under the root.")(
    lambda content, style, eps: _adain(content, style, eps, outside=True))
adain.mistake("ε is forgotten", hint="Both standard deviations have ε under the root.")(
    lambda content, style, eps: _adain(content, style, 0))
adain.mistake("ε is missing for the style", hint="σ is defined in the same way for both images.")(
    lambda content, style, eps: _adain(content, style, eps, deviation=lambda s: s.std((1, 2), keepdims=True)))
adain.mistake("the style's variance in place of its deviation", hint="σ is the root of the variance, for both.")(
    lambda content, style, eps: _adain(content, style, eps, deviation=lambda s: s.var((1, 2), keepdims=True) + eps))
adain.mistake("the style's deviation is forgotten", hint="The normalised content is multiplied by σ of the style.")(
    lambda content, style, eps: _adain(content, style, eps, deviation=lambda s: 1.0))
adain.mistake("divided by the style's deviation", hint="The content's σ divides, the style's multiplies.")(
    lambda content, style, eps: _adain(content, style, eps,
                                       deviation=lambda s: 1 / np.sqrt(s.var((1, 2), keepdims=True) + eps)))


@adain.mistake("content and style are exchanged", hint="What keeps its picture is the content.")
def _(content, style, eps):
    return _adain(style, content, eps)


@adain.mistake("the channels share their statistics", hint="Each channel has its own mean and σ: axes 1 and 2 only.")
def _(content, style, eps):
    def statistics(x):
        return x.mean(), np.sqrt(x.var() + eps)
    (own, own_deviation), (mean, deviation) = statistics(content), statistics(style)
    return deviation * (content - own) / own_deviation + mean


@adain.mistake("the style's mean is forgotten", hint="At the end μ of the style is added.")
def _(content, style, eps):
    return _adain(content, style, eps) - style.mean((1, 2), keepdims=True)


@adain.mistake("the content's own mean comes back", hint="At the end μ of the style is added, not that of the content.")
def _(content, style, eps):
    return _adain(content, style, eps) + content.mean((1, 2), keepdims=True) - style.mean((1, 2), keepdims=True)


@adain.mistake("the style's mean is subtracted", hint="It is added.")
def _(content, style, eps):
    return _adain(content, style, eps) - 2 * style.mean((1, 2), keepdims=True)


@adain.mistake("the content keeps its contrast", hint="The content is divided by its own σ first.")
def _(content, style, eps):
    shown = _adain(content, style, eps) - style.mean((1, 2), keepdims=True)
    return shown * np.sqrt(content.var((1, 2), keepdims=True) + eps) + style.mean((1, 2), keepdims=True)


@adain.mistake("the content keeps its mean", hint="Subtract the content's own mean before you divide and multiply.")
def _(content, style, eps):
    ratio = np.sqrt((style.var((1, 2), keepdims=True) + eps) / (content.var((1, 2), keepdims=True) + eps))
    return _adain(content, style, eps) + ratio * content.mean((1, 2), keepdims=True)


@adain.mistake("only the style's mean is left", hint="Where does the content come in?")
def _(content, style, eps):
    return 0 * content + style.mean((1, 2), keepdims=True)


@adain.mistake("multiplied by the content's deviation", hint="The content's own σ divides.")
def _(content, style, eps):
    mean = style.mean((1, 2), keepdims=True)
    return (_adain(content, style, eps) - mean) * (content.var((1, 2), keepdims=True) + eps) + mean


@adain.mistake("the content is upside down: dark for bright", hint="x − μ, not μ − x.")
def _(content, style, eps):
    return 2 * style.mean((1, 2), keepdims=True) - _adain(content, style, eps)


@adain.mistake("the content's mean is added", hint="Its own mean is subtracted from the content.")
def _(content, style, eps):
    ratio = np.sqrt((style.var((1, 2), keepdims=True) + eps) / (content.var((1, 2), keepdims=True) + eps))
    return _adain(content, style, eps) + 2 * ratio * content.mean((1, 2), keepdims=True)


@adain.mistake("variances in place of deviations", hint="σ is the root of the variance, for both images.")
def _(content, style, eps):
    mean = style.mean((1, 2), keepdims=True)
    ratio = np.sqrt((style.var((1, 2), keepdims=True) + eps) / (content.var((1, 2), keepdims=True) + eps))
    return (_adain(content, style, eps) - mean) * ratio + mean


@adain.accepted("channel by channel")
def _(content, style, eps):
    y = []
    for x, s in zip(content, style, strict=True):
        y.append((x - x.mean()) * np.sqrt((s.var() + eps) / (x.var() + eps)) + s.mean())
    return np.array(y)


@adain.accepted("as one scale and one shift")
def _(content, style, eps):
    axes = (1, 2)
    scale = np.sqrt((style.var(axes) + eps) / (content.var(axes) + eps))
    shift = style.mean(axes) - scale * content.mean(axes)
    return scale[:, None, None] * content + shift[:, None, None]


# ---- layer_norm ------------------------------------------------------------------------------------------------------

layer = Question(
    "layer_norm", title="Every pixel by itself", points=2, kind="mend",
    asks="Mend `layer_norm(x, gamma, beta, eps)`: the layer norm that Transformers and ConvNeXt use, where each pixel "
         "of each image is normalised over its channels.",
    reference=lambda x, gamma, beta, eps: _affine(_normalize(x, (1,), eps), gamma, beta),
    cases=lambda rng, turn: _batch(rng, turn, (3, 6)),
    minutes=10, level=2,
    text=r"""
        `x` is (N, C, H, W), and `gamma` and `beta` are (C,). At each pixel the C numbers are normalised by their own
        mean and variance, $(x - \mu)/\sqrt{\sigma^2 + \varepsilon}$ with the variance divided by C; then each channel
        is multiplied by its $\gamma_c$, and $\beta_c$ is added. For images of a single pixel the function is right.
    """,
    hints={
        "What is wrong with it?": "How many means does it compute for one image, and how many should there be?",
        "The shapes do not fit any more": "The mean of each pixel has the shape (N, 1, H, W): keep the axis.",
    },
)


@layer.solution
def layer_norm(x, gamma, beta, eps):
    """(N, C, H, W), (C,), (C,), number  →  (N, C, H, W)"""
    mean = np.mean(x, axis=1, keepdims=True)
    variance = np.var(x, axis=1, keepdims=True)
    normalized = (x - mean) / np.sqrt(variance + eps)
    return gamma[:, None, None] * normalized + beta[:, None, None]


@layer.given("the places of an image share a mean",
             hint="One mean and one variance are computed for each image, over channels and places: that is group "
                  "normalisation with one group. Each pixel should have its own: average over the channels alone.")
def _(x, gamma, beta, eps):
    mean = np.mean(x, axis=(1, 2, 3), keepdims=True)
    variance = np.var(x, axis=(1, 2, 3), keepdims=True)
    normalized = (x - mean) / np.sqrt(variance + eps)
    return gamma[:, None, None] * normalized + beta[:, None, None]


_wrong_norm(layer, (1,))
for _axes, _name, _hint in [
        ((2, 3), "each channel by itself", "That is instance normalisation. Here a pixel has its mean."),
        ((0, 2, 3), "each channel of the batch", "That is batch normalisation. Here a pixel has its mean."),
        ((0, 1), "the batch shares a mean", "Each image has its own: average over axis 1 alone."),
        ((3,), "over the last axis", "The channels are axis 1 here. In (N, H, W, C) they would be the last one."),
        ((0,), "over the images", "The channels are axis 1.")]:
    layer.mistake(_name, hint=_hint)(
        lambda x, gamma, beta, eps, axes=_axes: _affine(_normalize(x, axes, eps), gamma, beta))


@layer.mistake("the mean is not subtracted", hint="Subtract the pixel's mean before you divide.")
def _(x, gamma, beta, eps):
    return _affine(x / np.sqrt(x.var(1, keepdims=True) + eps), gamma, beta)


@layer.mistake("the mean is added", hint="The mean is subtracted.")
def _(x, gamma, beta, eps):
    return _affine((x + x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps), gamma, beta)


@layer.accepted("with the channels as the last axis")
def _(x, gamma, beta, eps):
    x = x.transpose(0, 2, 3, 1)
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * gamma + beta
    return y.transpose(0, 3, 1, 2)


@layer.accepted("pixel by pixel")
def _(x, gamma, beta, eps):
    y = np.empty_like(x)
    for n, i, j in np.ndindex(len(x), *x.shape[2:]):
        pixel = x[n, :, i, j]
        y[n, :, i, j] = gamma * (pixel - pixel.mean()) / np.sqrt(pixel.var() + eps) + beta
    return y


QUESTIONS = [batch, group, running, adain, layer]
