"""What one number of a network sees of the image, followed through the operations of torch, one axis at a time.

Why not by the gradient through positive weights, as the tests do for small stacks? It was tried:
- Fields reach beyond the image, so the image must grow; LeNet-5 and ViT take no other size (layer C5 of LeNet-5 sees 32
  pixels of 28), and adaptive pooling sees more of a larger image (AlexNet's avgpool 195 pixels at 224, 259 at 448).
- Each layer needs a backward of its own. With a single channel in place of all and without weights that took, on one
  core, 11 s for VGG-16, 28 s for ResNet-18 and 182 s for ResNet-50, of which this file takes 0.04, 0.06 and 0.2 s.
- Max pooling, softmax, norms and activations each need a substitute, lest a gradient be 0 where something is seen.
`cnnlib.geometry.receptive_field` is the formula for a plain stack; this file follows branches, views, and layers that
see differently much from place to place.
"""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import torch


@dataclass
class Axis:
    """Along one axis of the image: the first and last pixel that each position of a tensor may depend on.

    dims: the axes of the tensor along which this axis of the image runs.  first, last: (n,) for the n positions of that
    one axis, ∞ and −∞ where a position sees nothing; (1,) when a view has mixed it with others, and then only their
    distance counts.  None: sees all of it.  jump: how many pixels of the image lie between two positions.
    before: when a view has mixed it with others, (sizes of those axes, which of them this was, this axis as it was), so
    that a view back finds it again.
    """

    dims: set = field(default_factory=set)
    first: np.ndarray = None
    last: np.ndarray = None
    jump: Fraction = Fraction(1)
    before: tuple = None

    @classmethod
    def of_input(cls, dim, n):
        """Each pixel of the image sees itself."""
        return cls({dim}, np.arange(n) * 1.0, np.arange(n) * 1.0)

    @property
    def whole(self):
        return self.first is None

    def size(self):
        return math.inf if self.whole else int(max(0, np.max(self.last - self.first) + 1))

    def looking_at(self, taps, stride=Fraction(1), reached=True):
        """The axis of a tensor whose position o looks at the positions taps[u, o] of this one, for all u.

        Beyond the border, where padding is, this axis goes on as it does inside.  stride: how many positions of this
        one lie between two of the new one.  reached: False where tap u reaches nothing, (taps, n) as taps.
        """
        n, period = len(self.first), self.jump.denominator               # after so many positions all repeats itself
        inside = np.where(taps < 0, taps % period, np.where(taps >= n, n - 1 - (n - 1 - taps) % period, taps))
        inside = np.clip(inside, 0, n - 1)
        moved = (taps - inside) // period * self.jump.numerator
        first = np.where(reached, self.first[inside] + moved, np.inf)
        last = np.where(reached, self.last[inside] + moved, -np.inf)
        return Axis(self.dims, first.min(0), last.max(0), self.jump * stride)

    def blurred(self, dims):
        """Only its extent is known."""
        return self if self.whole else Axis(dims, np.zeros(1), np.array([self.size() - 1.0]), self.jump)

    def known(self, shape):
        """Whether each position along an axis of a tensor of this shape is known."""
        return not self.whole and len(self.dims) == 1 and shape[min(self.dims)] == len(self.first)


WHOLE = Axis()


def receptive_field(name, arguments, inputs, output):
    """What the positions of an operation's output see: an `Axis` for each axis of the image.

    name: of the operation in `torch.ops.aten`.  arguments: a dict of them.  inputs: pairs (tensor, its axes) of those
    that come from the image, the others are parameters.  What is not known sees all.
    """
    source, axes = inputs[0]
    if all(axis.whole for _, axes in inputs for axis in axes):
        return [WHOLE] * len(axes)
    name = name.strip("_")
    if name in FACTORS:
        return _product(*(arguments[factor] for factor in FACTORS[name]), inputs)
    if name == "cat":
        return _end_to_end(arguments["dim"] % output.ndim, inputs, output)
    family = next((family for family in TAPS if name.startswith(family)), None)
    if family is not None:
        return [_look(TAPS[family], axis, source, output, arguments) for axis in axes]
    if name in RULES:
        return [axis if axis.whole else RULES[name](axis, source, output, arguments) for axis in axes]
    if torch.broadcast_shapes(*(tensor.shape for tensor, _ in inputs)) == output.shape:
        return _side_by_side(inputs, output)                             # number by number, or a normalisation
    return [WHOLE] * len(axes)


# ---- several tensors -------------------------------------------------------------------------------------------------

def _side_by_side(inputs, output):
    """Tensors that are broadcast: each position sees what it sees in any of them."""
    def moved(tensor, axis):
        return axis if axis.whole else replace(axis, dims={dim + output.ndim - tensor.ndim for dim in axis.dims})
    return [_union(axes) for axes in zip(*([moved(tensor, axis) for axis in axes] for tensor, axes in inputs),
                                         strict=True)]


def _union(axes):
    if any(axis.whole for axis in axes):
        return WHOLE
    if len(axes) == 1:
        return axes[0]
    if len({(len(axis.first), frozenset(axis.dims)) for axis in axes}) > 1:          # not position by position
        axes = [axis.blurred(set.union(*(a.dims for a in axes))) for axis in axes]
    return Axis(axes[0].dims, np.min([axis.first for axis in axes], axis=0),
                np.max([axis.last for axis in axes], axis=0), max(axis.jump for axis in axes))


def _end_to_end(dim, inputs, output):
    """cat: along dim positions follow each other, along other axes tensors lie side by side."""
    joined = []
    for axes in zip(*(axes for _, axes in inputs), strict=True):
        known = [axis.known(tensor.shape) for axis, (tensor, _) in zip(axes, inputs, strict=True)]
        if any(axis.whole for axis in axes) or not any(dim in axis.dims for axis in axes):
            joined.append(_union(axes))
        elif all(known) and sum(len(axis.first) for axis in axes) == output.shape[dim]:
            joined.append(Axis({dim}, np.concatenate([axis.first for axis in axes]),
                               np.concatenate([axis.last for axis in axes]), axes[0].jump))
        else:                                                            # a class token before the patches, say
            joined.append(_union([axis.blurred(axis.dims) for axis in axes]))
    return joined


FACTORS = {"mm": ("self", "mat2"), "addmm": ("mat1", "mat2"), "bmm": ("self", "mat2"), "baddbmm": ("batch1", "batch2")}


def _product(left, right, inputs):
    """A matrix product (…, L, K) (…, K, M): an axis that runs along K is seen whole by every result."""
    axes_of = {id(tensor): axes for tensor, axes in inputs}
    ours, theirs = axes_of.get(id(left)), axes_of.get(id(right))
    if ours is None or theirs is None:                                   # the other holds parameters
        axes, summed = (ours, left.ndim - 1) if theirs is None else (theirs, right.ndim - 2)
        return [WHOLE if axis.whole or summed in axis.dims else axis for axis in axes]
    inner = {left.ndim - 2, left.ndim - 1}
    return [WHOLE if a.whole or b.whole or (a.dims | b.dims) & inner else _union([a, b])
            for a, b in zip(ours, theirs, strict=True)]


# ---- where each position looks ---------------------------------------------------------------------------------------
# Rules for the n positions along axis `dim` of the source: → the arguments of `Axis.looking_at` for the m of the
# output, or None for all.

def _look(rule, axis, source, output, arguments):
    if not axis.known(source.shape):
        return WHOLE
    dim = min(axis.dims)
    seen = rule(source.shape[dim], output.shape[dim], dim, source.ndim, arguments)
    return WHOLE if seen is None else axis.looking_at(*seen)


def _window(n, m, dim, ndim, arguments):
    """Convolution and pooling: tap u of position o looks at o·s − p + d·u."""
    if dim < 2:
        return None

    def along(key, default):
        values = arguments.get(key) or [default]                         # one for all axes, or one for each
        return values[dim - 2] if len(values) > 1 else values[0]
    kernel_size = arguments["weight"].shape[dim] if "weight" in arguments else along("kernel_size", None)
    stride, padding, dilation = along("stride", kernel_size), along("padding", 0), along("dilation", 1)
    o, u = np.arange(m), np.arange(kernel_size)[:, None]
    if arguments.get("transposed"):                                      # tap u comes from (o + p − d·u)/s, if whole
        i, rest = np.divmod(o + padding - dilation * u, stride)
        return i, Fraction(1, stride), (rest == 0) & (i >= 0) & (i < n)
    return o * stride - padding + dilation * u, stride


def _adaptive(n, m, dim, ndim, arguments):
    """Window o is [⌊o·n/m⌋, ⌈(o + 1)·n/m⌉)."""
    if m == 1 and n > 1:
        return None
    o = np.arange(m)
    return np.stack([o * n // m, -(-(o + 1) * n // m) - 1]), Fraction(n, m)


def _nearest_or_linear(n, m, dim, ndim, arguments):
    """Nearest: position o looks at ⌊o·n/m⌋; linear: at the pixels on both sides of `_middle`."""
    if "align_corners" not in arguments:
        return (np.arange(m) * n // m)[None], Fraction(n, m)
    middle = _middle(n, m, arguments)
    seen = np.stack([np.floor(middle + 1e-9), np.ceil(middle - 1e-9)])   # on a pixel the other one weighs nothing
    return np.clip(seen, 0, n - 1).astype(int), Fraction(n, m)


def _bicubic(n, m, dim, ndim, arguments):
    """Four pixels along each axis instead of two."""
    seen = np.floor(_middle(n, m, arguments) + 1e-9) + np.arange(-1, 3)[:, None]
    return np.clip(seen, 0, n - 1).astype(int), Fraction(n, m)


def _middle(n, m, arguments):
    """Where position o lies among n pixels: at o·(n − 1)/(m − 1) with align_corners, else at (o + ½)·n/m − ½."""
    o = np.arange(m)
    return o * (n - 1) / max(m - 1, 1) if arguments["align_corners"] else (o + 0.5) * n / m - 0.5


def _padded(n, m, dim, ndim, arguments):
    pad = arguments.get("pad") or arguments["padding"]                   # (before, after) of the last axis first
    place = 2 * (ndim - 1 - dim)
    return np.arange(m)[None] - (pad[place] if place < len(pad) else 0),


def _shuffled(n, m, dim, ndim, arguments):
    r = arguments["upscale_factor"]
    return (np.arange(m) // r)[None], Fraction(1, r)


def _unshuffled(n, m, dim, ndim, arguments):
    r = arguments["downscale_factor"]
    return np.arange(m) * r + np.arange(r)[:, None], r


TAPS = {                                                                 # by how the operation's name begins
    "convolution": _window, "max_pool": _window, "avg_pool": _window, "adaptive": _adaptive,
    "upsample_bicubic": _bicubic, "upsample": _nearest_or_linear, "pixel_shuffle": _shuffled,
    "pixel_unshuffle": _unshuffled, "constant_pad": _padded, "reflection_pad": _padded, "replication_pad": _padded,
}


# ---- where an axis goes ----------------------------------------------------------------------------------------------

def _reduced(axis, source, output, arguments):
    """mean, sum, softmax …: WHOLE if it runs along this axis."""
    dims = arguments.get("dim")
    dims = range(source.ndim) if dims in (None, []) else dims if isinstance(dims, (list, tuple)) else [dims]
    dims = {dim % source.ndim for dim in dims}
    if axis.dims & dims:
        return WHOLE
    return axis if source.ndim == output.ndim else _without(axis, dims)


def _without(axis, gone):
    """The same in a tensor without some axes."""
    return replace(axis, dims={dim - sum(other < dim for other in gone) for dim in axis.dims})


def _permuted(axis, source, output, arguments):
    order = [dim % source.ndim for dim in arguments["dims"]]
    return replace(axis, dims={order.index(dim) for dim in axis.dims})


def _transposed(axis, source, output, arguments):
    i, j = arguments.get("dim0", 0) % source.ndim, arguments.get("dim1", -1) % source.ndim
    return replace(axis, dims={{i: j, j: i}.get(dim, dim) for dim in axis.dims})


def _viewed(axis, source, output, arguments):
    """A view keeps an axis where it stays one; where it is mixed with others only its extent is known."""
    for old, new in _groups(source.shape, output.shape):
        if axis.dims & old:
            old = [dim for dim in sorted(old) if source.shape[dim] > 1 or dim in axis.dims]
            to = [dim for dim in sorted(new) if output.shape[dim] > 1] or sorted(new)[:1]
            if len(old) == len(to) == 1:
                return replace(axis, dims=set(to))
            if axis.before and axis.before[0] == tuple(output.shape[dim] for dim in to):
                return replace(axis.before[2], dims={to[axis.before[1]]})
            mixed = axis.blurred(new)
            if axis.known(source.shape) and len(to) == 1:
                mixed.before = tuple(source.shape[dim] for dim in old), old.index(min(axis.dims)), axis
            return mixed
    return WHOLE


def _groups(old, new):
    """(2, 6, 5) seen as (2, 2, 3, 5): [({0}, {0}), ({1}, {1, 2}), ({2}, {3})], the axes that hold the same numbers."""
    groups, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        here, there, n, m = set(), set(), 1, 1
        while (not here and not there) or n != m or (i < len(old) and old[i] == 1) or (j < len(new) and new[j] == 1):
            if i < len(old) and (n < m or old[i] == 1 or (n == m and not here)):
                n, i = n * old[i], i + 1
                here.add(i - 1)
            elif j < len(new):
                m, j = m * new[j], j + 1
                there.add(j - 1)
            else:
                break
        groups.append((here, there))
    return groups


def _selected(axis, source, output, arguments):
    dim = arguments["dim"] % source.ndim
    return axis.blurred(set()) if dim in axis.dims else _without(axis, {dim})


def _sliced(axis, source, output, arguments):
    dim = arguments["dim"] % source.ndim
    if axis.dims != {dim} or not axis.known(source.shape):
        return axis
    n, step = source.shape[dim], arguments.get("step") or 1
    start = arguments.get("start") or 0
    start = min(start + n if start < 0 else start, n)
    some = slice(start, start + step * output.shape[dim], step)
    return replace(axis, first=axis.first[some], last=axis.last[some], jump=axis.jump * step)


def _split(axis, source, output, arguments):
    dim = arguments["dim"] % source.ndim
    return axis.blurred({dim}) if dim in axis.dims else axis


def _indexed(axis, source, output, arguments):
    """x[:, numbers]: an axis stays where one other is picked from by a list of numbers."""
    picked = [dim for dim, numbers in enumerate(arguments["indices"]) if numbers is not None]
    alone = len(picked) == 1 and arguments["indices"][picked[0]].ndim == 1
    return axis if alone and picked[0] not in axis.dims else WHOLE


def _expanded(axis, source, output, arguments):
    return replace(axis, dims={dim + output.ndim - source.ndim for dim in axis.dims})


def _turned(axis, source, output, arguments):
    """roll, flip: every number is still there, somewhere else."""
    return axis.blurred(axis.dims)


def _same(axis, source, output, arguments):
    return axis


def _everywhere(axis, source, output, arguments):
    return WHOLE


RULES = {
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std", "softmax", "safe_softmax",
                     "log_softmax", "cumsum", "linalg_vector_norm", "norm"), _reduced),
    **dict.fromkeys(("view", "unsafe_view", "unsqueeze", "squeeze"), _viewed),
    "permute": _permuted, "transpose": _transposed, "t": _transposed, "expand": _expanded, "slice": _sliced,
    "select": _selected, "unbind": _selected, "split": _split, "split_with_sizes": _split, "index": _indexed,
    "roll": _turned, "flip": _turned,
    **dict.fromkeys(("im2col", "grid_sampler_2d", "gather", "stack"), _everywhere),
    **dict.fromkeys(("clone", "alias", "detach", "copy", "native_layer_norm", "native_group_norm",
                     "native_batch_norm"), _same),
}
