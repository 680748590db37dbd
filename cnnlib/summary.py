"""What each layer of a network makes, costs and sees, in a table; and how much each pixel counts in what it sees."""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from .training import in_mode

__all__ = ["Summary", "effective_receptive_field", "summary"]

TEXT = ["layer", "kind"]                         # the columns that hold no numbers


def summary(net, input_shape):
    """A table of a network: for each layer its output, parameters, multiply-adds, receptive field and memory.

    net: a torch.nn.Module of one input; it is run in eval mode without numbers (on torch's device "meta"), and left as
    it was.  input_shape: that of one image without the batch, (C, H, W); (C, L) for sequences, (C, T, H, W) for video.
    → a `Summary`, which shows itself as HTML in a notebook and as text elsewhere.

    Rows are layers in the order in which they run, and the operations between them ("add", "cat", "bmm"); views are
    left out. A layer that runs twice has its parameters counted once, one that never runs stands at the end.
    multiply-adds: of convolutions and matrix products, without bias: for each output C_in/groups · k_h · k_w.
    receptive field: the longest stretch of the input, along each axis, that one output may depend on; it may reach
    beyond the image. "whole": attention, global pooling and dense layers see all. The statistics of a normalisation
    are not counted, and windows of attention count as whole.
    memory: bytes of what the layer computes, in the dtype of the network; what works in place adds none.
    Raises TypeError or ValueError for what is no network or no shape; what the network raises for that shape is passed
    on.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"summary: net must be a torch.nn.Module, got {type(net).__name__}")
    if not isinstance(input_shape, (tuple, list)) or not all(type(n) is int and n > 0 for n in input_shape):
        raise TypeError(f"summary: input_shape must be a tuple of ints ≥ 1, got {input_shape!r}")
    if len(input_shape) < 1:
        raise ValueError("summary: input_shape needs at least one axis, (C, H, W) for images")
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    dtype = next((t.dtype for t in tensors.values() if t.is_floating_point()), torch.float32)
    recorder = _Recorder()
    hooks = [hook for name, module in net.named_modules() for hook in (
        module.register_forward_pre_hook(lambda module, _, name=name: recorder.enter(name, module)),
        module.register_forward_hook(lambda *_: recorder.leave()))]
    try:
        with in_mode(net, training=False), torch.no_grad(), torch.device("meta"):
            image = torch.empty(1, *input_shape, dtype=dtype)
            recorder.start(image)
            empty = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
            with recorder:
                torch.func.functional_call(net, empty, (image,))
    finally:
        for hook in hooks:
            hook.remove()
    return Summary(_table(net, recorder.rows), type(net).__name__, tuple(input_shape))


def effective_receptive_field(net, x):
    """How much each pixel of the input moves the output in the middle (Luo et al. 2016).

    E[i, j] = mean over images of Σ_channels |∂(Σ_channels y[⌊H'/2⌋, ⌊W'/2⌋]) / ∂x[i, j]|

    net: (N, C, H, W) → (N, C', H', W').  x: the images to measure with, real ones or noise, (N, C, H, W) floats.
    → array (H, W), 0 outside of the theoretical receptive field.  net runs as in `eval()` and stays as it was.
    Raises TypeError for what is no network or no tensor of floats, ValueError for an output of other than 4 axes.
    """
    name = "effective_receptive_field"
    if not isinstance(net, nn.Module):
        raise TypeError(f"{name}: net must be a torch.nn.Module, got {type(net).__name__}")
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim != 4:
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise TypeError(f"{name}: x must be a tensor of floats (N, C, H, W), got {got}")
    x = x.detach().clone().requires_grad_()
    with in_mode(net, training=False):
        y = net(x)
    if not isinstance(y, torch.Tensor) or y.ndim != 4:
        got = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
        raise ValueError(f"{name}: net must give (N, C, H, W), got {got}")
    middle = y[:, :, y.shape[2] // 2, y.shape[3] // 2].sum()
    slope, = torch.autograd.grad(middle, x)
    return slope.abs().sum(1).mean(0).cpu().numpy()


@dataclass
class Summary:
    """What `summary` returns.

    table: a pandas.DataFrame, one row a layer: layer, kind, output (tuple), parameters, multiply_adds,
    receptive_field (tuple of ints, ∞ for "whole"), memory (bytes).  parameters, multiply_adds, memory: their sums.
    """

    table: pd.DataFrame
    name: str
    input_shape: tuple

    @property
    def parameters(self):
        return int(self.table["parameters"].sum())

    @property
    def multiply_adds(self):
        return int(self.table["multiply_adds"].sum())

    @property
    def memory(self):
        return int(self.table["memory"].sum())

    def __str__(self):
        shown = self._shown()
        for column in TEXT:                                              # left, numbers right
            width = shown[column].str.len().max()
            shown[column] = shown[column].str.ljust(width)
        return f"{shown.to_string(index=False)}\n{self._totals()}"

    def _repr_html_(self):
        shown = self._shown()
        style = shown.style.hide(axis="index").set_properties(**{"text-align": "right", "white-space": "nowrap"})
        style = style.set_properties(subset=TEXT, **{"text-align": "left"})
        return f'<div style="overflow-x: auto">{style.to_html()}</div><p>{self._totals()}</p>'

    def _totals(self):
        return (f"{self.name} on {_times(self.input_shape)}: {self.parameters:,} parameters, "
                f"{self.multiply_adds:,} multiply-adds, {self.memory / 2**20:.1f} MiB of activations")

    def _shown(self):
        """The table as strings that people read."""
        return pd.DataFrame({
            "layer": self.table["layer"].replace("", "–"), "kind": self.table["kind"],
            "output": self.table["output"].map(_times), "parameters": self.table["parameters"].map("{:,}".format),
            "multiply-adds": self.table["multiply_adds"].map("{:,}".format),
            "receptive field": self.table["receptive_field"].map(_field_text),
            "memory (KiB)": (self.table["memory"] / 1024).map("{:,.1f}".format),
        })


def _times(sizes):
    return " × ".join(map(str, sizes)) or "–"


def _field_text(sizes):
    if sizes and all(map(math.isinf, sizes)):
        return "whole"
    return _times("whole" if math.isinf(size) else size for size in sizes)


@dataclass
class _Row:
    layer: str
    kind: str
    module: nn.Module
    output: tuple = ()
    multiply_adds: int = 0
    receptive_field: tuple = ()
    memory: int = 0
    leaf: bool = False


def _table(net, rows):
    """The rows with their parameters, each tensor counted where its module first runs."""
    counted, records = set(), []
    for row in rows:
        new = [p for p in row.module.parameters(recurse=row.leaf) if p not in counted]
        counted.update(new)
        records.append((row, sum(p.numel() for p in new)))
    for name, module in net.named_modules():
        new = [p for p in module.parameters(recurse=False) if p not in counted]
        counted.update(new)
        if new:
            records.append((_Row(name, f"{type(module).__name__} (does not run)", module), sum(p.numel() for p in new)))
    return pd.DataFrame({
        "layer": [row.layer for row, _ in records], "kind": [row.kind for row, _ in records],
        "output": [row.output for row, _ in records], "parameters": [count for _, count in records],
        "multiply_adds": [row.multiply_adds for row, _ in records],
        "receptive_field": [row.receptive_field for row, _ in records], "memory": [row.memory for row, _ in records],
    })


# ---- what runs -------------------------------------------------------------------------------------------------------

# Operations that make no numbers: they look at those that are there in another order, or check something.
VIEWS = {"view", "_unsafe_view", "reshape", "t", "transpose", "permute", "unsqueeze", "squeeze", "expand", "select",
         "slice", "split", "split_with_sizes", "unbind", "alias", "detach", "as_strided_", "as_strided", "clone",
         "copy_", "lift_fresh", "unfold"}


class _Recorder(TorchDispatchMode):
    """Sees every operation of torch that runs, with the module in which it does."""

    def __init__(self):
        super().__init__()
        self.rows, self.stack, self.fields, self.kept = [], [], {}, []

    def start(self, image):
        self.shape = tuple(image.shape[2:])
        self.note(image, [_Axis({dim}, np.arange(n) * 1.0, np.arange(n) * 1.0)
                          for dim, n in enumerate(image.shape[2:], 2)])

    def enter(self, name, module):
        if self.stack and self.stack[-1][2]:        # a part of a layer: the norm of its weight
            self.stack.append(self.stack[-1])
            return
        leaf = all(part == "parametrizations" for part, _ in module.named_children())
        self.stack.append((name, module, leaf))
        if leaf:
            self.rows.append(_Row(name, type(module).__name__.removeprefix("Parametrized"), module, leaf=True))

    def leave(self):
        self.stack.pop()

    def note(self, tensor, axes):
        self.fields[id(tensor)] = axes
        self.kept.append(tensor)                    # as long as it lives no other tensor has its id

    def field_of(self, tensor):
        return self.fields.get(id(tensor))

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        inputs = [a for a in _flat([args, kwargs or {}]) if isinstance(a, torch.Tensor) and self.field_of(a)]
        outputs = [o for o in _flat(out) if isinstance(o, torch.Tensor)]
        if not inputs or not outputs:               # a constant, or an operation on parameters alone
            return out
        arguments = _Arguments(function, args, kwargs or {})
        for place, output in enumerate(outputs):
            self.note(output, _see(name, arguments, output, place, self.field_of))
        layer, module, leaf = self.stack[-1]
        if leaf:
            row = self.rows[-1]
        elif name.strip("_") in VIEWS or name in VIEWS:
            return out
        else:
            row = _Row(layer, name.strip("_"), module)
            self.rows.append(row)
        row.output = tuple(outputs[0].shape[1:])
        row.receptive_field = tuple(axis.size() for axis in self.field_of(outputs[0]))
        row.multiply_adds += _multiply_adds(name, arguments, outputs[0])
        if name not in VIEWS and not name.endswith("_"):
            row.memory += outputs[0].numel() * outputs[0].element_size()
        return out


def _flat(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [x for item in value for x in _flat(item)] if isinstance(value, (list, tuple)) else [value]


class _Arguments:
    """The arguments of an operation by name, with its defaults."""

    def __init__(self, function, args, kwargs):
        names = [a.name for a in function._schema.arguments]
        self.values = {a.name: a.default_value for a in function._schema.arguments if a.has_default_value()}
        self.values |= dict(zip(names, args, strict=False)) | kwargs

    def __getattr__(self, name):
        return self.values[name]

    def tensors(self):
        return [value for value in _flat(self.values) if isinstance(value, torch.Tensor)]


def _multiply_adds(name, arguments, output):
    if name == "convolution":
        per_position = math.prod(arguments.weight.shape[1:])             # (C_out, C_in/groups, *k), or (C_in, …)
        return (arguments.input if arguments.transposed else output).numel() * per_position
    if name in ("mm", "bmm"):
        return output.numel() * arguments.self.shape[-1]
    if name == "addmm":
        return output.numel() * arguments.mat1.shape[-1]
    if name == "baddbmm":
        return output.numel() * arguments.batch1.shape[-1]
    return 0


# ---- what one number sees --------------------------------------------------------------------------------------------

@dataclass
class _Axis:
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

    @property
    def whole(self):
        return self.first is None

    def size(self):
        return math.inf if self.whole else int(max(0, np.max(self.last - self.first) + 1))

    def through(self, taps, jump, reached=True):
        """The axis of a tensor whose position o looks at the positions taps[u, o] of this one, for all u.

        Beyond the border, where padding is, this axis goes on as it does inside.  reached: False where tap u reaches
        nothing, (taps, n) as taps.
        """
        n, period = len(self.first), self.jump.denominator               # after so many positions all repeats itself
        inside = np.where(taps < 0, taps % period, np.where(taps >= n, n - 1 - (n - 1 - taps) % period, taps))
        inside = np.clip(inside, 0, n - 1)
        moved = (taps - inside) // period * (self.jump.numerator)
        first = np.where(reached, self.first[inside] + moved, np.inf)
        last = np.where(reached, self.last[inside] + moved, -np.inf)
        return _Axis(self.dims, first.min(0), last.max(0), jump)

    def blurred(self, dims):
        return self if self.whole else _Axis(dims, np.zeros(1), np.array([self.size() - 1.0]), self.jump)

    def known(self, shape):
        """Whether each position along an axis of a tensor of this shape is known."""
        return not self.whole and len(self.dims) == 1 and shape[min(self.dims)] == len(self.first)


WHOLE = _Axis()


def _see(name, arguments, output, place, field_of):
    """The axes of an operation's output, from those of its inputs; WHOLE where the operation is not known."""
    inputs = [(tensor, field_of(tensor)) for tensor in arguments.tensors() if field_of(tensor)]
    source, axes = inputs[0]
    if all(axis.whole for _, axes in inputs for axis in axes):
        return [WHOLE] * len(axes)
    plain = name.strip("_")
    if plain in ("mm", "addmm", "bmm", "baddbmm"):
        names = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2")}.get(plain, ("self", "mat2"))
        return _product(*[(t, field_of(t)) for t in map(arguments.values.get, names)], output)
    if plain in ("cat", "stack"):
        return _joined_end_to_end(arguments, output, field_of) if plain == "cat" else [WHOLE] * len(axes)
    rule = RULES.get(plain) or next((RULES[start] for start in FAMILIES if plain.startswith(start)), None)
    if rule is not None:
        return [axis if axis.whole else rule(axis, arguments, source, output, place) for axis in axes]
    if torch.broadcast_shapes(*(tensor.shape for tensor, _ in inputs)) == output.shape:
        return _side_by_side(inputs, output.ndim)                        # number by number, or a normalisation
    return [WHOLE] * len(axes)


def _side_by_side(inputs, ndim):
    """Tensors that are broadcast: each position sees what it sees in any of them."""
    joined = []
    for axes in zip(*(axes for _, axes in inputs), strict=True):
        shifted = [axis if axis.whole else replace(axis, dims={dim + ndim - tensor.ndim for dim in axis.dims})
                   for axis, (tensor, _) in zip(axes, inputs, strict=True)]
        joined.append(_union(shifted))
    return joined


def _union(axes):
    if any(axis.whole for axis in axes):
        return WHOLE
    if len(axes) == 1:
        return axes[0]
    if len({(len(axis.first), frozenset(axis.dims)) for axis in axes}) > 1:          # not position by position
        axes = [axis.blurred(set.union(*(a.dims for a in axes))) for axis in axes]
    return _Axis(axes[0].dims, np.min([axis.first for axis in axes], axis=0),
                 np.max([axis.last for axis in axes], axis=0), max(axis.jump for axis in axes))


def _joined_end_to_end(arguments, output, field_of):
    tensors = [tensor for tensor in arguments.tensors() if field_of(tensor)]
    dim = arguments.dim % output.ndim
    joined = []
    for axes in zip(*map(field_of, tensors), strict=True):
        along = [not axis.whole and dim in axis.dims for axis in axes]
        if not any(along):
            joined.append(_union(axes))
        elif any(axis.whole for axis in axes):
            joined.append(WHOLE)
        elif all(axis.known(t.shape) for axis, t in zip(axes, tensors, strict=True)) and \
                sum(len(axis.first) for axis in axes) == output.shape[dim]:
            joined.append(_Axis({dim}, np.concatenate([axis.first for axis in axes]),
                                np.concatenate([axis.last for axis in axes]), axes[0].jump))
        else:                                                            # a class token before the patches, say
            joined.append(_union([axis.blurred(axis.dims) for axis in axes]))
    return joined


def _product(left, right, output):
    """A matrix product (…, L, K) (…, K, M): whoever runs along K is seen whole by every result."""
    (a, left_axes), (b, right_axes) = left, right
    if left_axes is None or right_axes is None:                          # one of them holds parameters
        tensor, axes, summed = (a, left_axes, a.ndim - 1) if right_axes is None else (b, right_axes, b.ndim - 2)
        return [WHOLE if axis.whole or summed in axis.dims else axis for axis in axes]
    joined = []
    for one, two in zip(left_axes, right_axes, strict=True):
        inner = {a.ndim - 2, a.ndim - 1}
        apart = not one.whole and not two.whole and ((one.dims | two.dims) & inner)
        joined.append(WHOLE if one.whole or two.whole or apart else _union([one, two]))
    return joined


def _per_axis(value, n):
    value = list(value)
    return value * n if len(value) == 1 else value


def _window(axis, arguments, source, output, place):
    """Convolution and pooling: tap u of position o looks at o·s − p + d·u."""
    values, n = arguments.values, source.ndim - 2
    if not axis.known(source.shape) or min(axis.dims) < 2:
        return WHOLE
    spatial = min(axis.dims) - 2
    kernel = values["weight"].shape[2:] if "weight" in values else values["kernel_size"]
    kernel = _per_axis(kernel, n)[spatial]
    stride, padding, dilation = (
        _per_axis(values.get(key) or [default], n)[spatial]
        for key, default in (("stride", 0), ("padding", 0), ("dilation", 1)))
    stride = stride or kernel                                            # a pool's default
    o, u = np.arange(output.shape[spatial + 2]), np.arange(kernel)[:, None]
    if values.get("transposed"):                                         # tap u comes from (o + p − d·u)/s, if whole
        i, rest = np.divmod(o + padding - dilation * u, stride)
        return axis.through(i, axis.jump / stride, (rest == 0) & (i >= 0) & (i < len(axis.first)))
    return axis.through(o * stride - padding + dilation * u, axis.jump * stride)


def _adaptive(axis, arguments, source, output, place):
    """Window o is [⌊o·in/out⌋, ⌈(o + 1)·in/out⌉)."""
    if not axis.known(source.shape):
        return WHOLE
    dim = min(axis.dims)
    n, m = source.shape[dim], output.shape[dim]
    if m == 1 and n > 1:
        return WHOLE
    o = np.arange(m)
    ends = np.stack([o * n // m, -(-(o + 1) * n // m) - 1])
    return axis.through(ends, axis.jump * n / m)


def _resized(axis, arguments, source, output, place, taps=(0, 1)):
    """Nearest: position o looks at ⌊o·in/out⌋; bilinear: at the pixels on both sides of (o + ½)·in/out − ½."""
    if not axis.known(source.shape):
        return WHOLE
    dim = min(axis.dims)
    n, m = source.shape[dim], output.shape[dim]
    o, jump = np.arange(m), axis.jump * n / m
    if "align_corners" not in arguments.values:
        return axis.through((o * n // m)[None], jump)
    if arguments.align_corners:
        middle = o * (n - 1) / max(m - 1, 1)
    else:
        middle = (o + 0.5) * n / m - 0.5
    below = np.floor(middle + 1e-9)
    if taps == (0, 1):                                                   # on a pixel the other one weighs nothing
        seen = np.stack([below, np.ceil(middle - 1e-9)])
    else:
        seen = np.stack([below + tap for tap in taps])
    return axis.through(np.clip(seen, 0, n - 1).astype(int), jump)


def _bicubic(axis, arguments, source, output, place):
    """Four pixels along each axis instead of two."""
    return _resized(axis, arguments, source, output, place, taps=(-1, 0, 1, 2))


def _padded(axis, arguments, source, output, place):
    if not axis.known(source.shape):
        return WHOLE
    dim = min(axis.dims)
    pad = arguments.values.get("pad") or arguments.values["padding"]
    before = pad[2 * (source.ndim - 1 - dim)] if 2 * (source.ndim - 1 - dim) < len(pad) else 0
    return axis.through(np.arange(output.shape[dim])[None] - before, axis.jump)


def _shuffled(axis, arguments, source, output, place):
    if not axis.known(source.shape):
        return WHOLE
    r, o = arguments.upscale_factor, np.arange(output.shape[min(axis.dims)])
    return axis.through((o // r)[None], axis.jump / r)


def _unshuffled(axis, arguments, source, output, place):
    if not axis.known(source.shape):
        return WHOLE
    r, o = arguments.downscale_factor, np.arange(output.shape[min(axis.dims)])
    return axis.through(o * r + np.arange(r)[:, None], axis.jump * r)


def _reduced(axis, arguments, source, output, place):
    """mean, sum, softmax …: WHOLE if it runs along this axis."""
    dims = arguments.values.get("dim")
    dims = range(source.ndim) if dims in (None, []) else dims if isinstance(dims, (list, tuple)) else [dims]
    dims = {dim % source.ndim for dim in dims}
    if axis.dims & dims:
        return WHOLE
    if source.ndim == output.ndim:
        return axis
    return replace(axis, dims={dim - sum(d < dim for d in dims) for dim in axis.dims})


def _moved(order):
    def rule(axis, arguments, source, output, place):
        to = {old: new for new, old in enumerate(order(arguments, source.ndim))}
        return replace(axis, dims={to[dim] for dim in axis.dims})
    return rule


def _swap(arguments, ndim):
    order = list(range(ndim))
    i, j = (0, ndim - 1) if "dim0" not in arguments.values else (arguments.dim0 % ndim, arguments.dim1 % ndim)
    order[i], order[j] = order[j], order[i]
    return order


def _viewed(axis, arguments, source, output, place):
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


def _selected(axis, arguments, source, output, place):
    dim = arguments.dim % source.ndim
    if dim in axis.dims:
        return axis.blurred(set())
    return replace(axis, dims={d - (d > dim) for d in axis.dims})


def _sliced(axis, arguments, source, output, place):
    dim = arguments.dim % source.ndim
    if axis.dims != {dim} or not axis.known(source.shape):
        return axis
    start, step = arguments.values.get("start") or 0, arguments.values.get("step") or 1
    start = min(start + source.shape[dim] if start < 0 else start, source.shape[dim])
    some = slice(start, start + step * output.shape[dim], step)
    return replace(axis, first=axis.first[some], last=axis.last[some], jump=axis.jump * step)


def _indexed(axis, arguments, source, output, place):
    """x[:, numbers]: an axis stays where one other is picked from by a list of numbers."""
    picked = [dim for dim, numbers in enumerate(arguments.indices) if numbers is not None]
    alone = len(picked) == 1 and arguments.indices[picked[0]].ndim == 1
    return axis if alone and picked[0] not in axis.dims else WHOLE


def _split(axis, arguments, source, output, place):
    dim = arguments.dim % source.ndim
    return axis.blurred({dim}) if dim in axis.dims else axis


def _expanded(axis, arguments, source, output, place):
    return replace(axis, dims={dim + output.ndim - source.ndim for dim in axis.dims})


def _turned(axis, arguments, source, output, place):
    """roll, flip: every number is still there, somewhere else."""
    return axis.blurred(axis.dims)


def _same(axis, arguments, source, output, place):
    return axis


def _everywhere(axis, arguments, source, output, place):
    return WHOLE


RULES = {
    "convolution": _window, "im2col": _everywhere,
    "pixel_shuffle": _shuffled, "pixel_unshuffle": _unshuffled, "constant_pad_nd": _padded,
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std", "softmax", "safe_softmax",
                     "log_softmax", "cumsum", "linalg_vector_norm", "norm"), _reduced),
    **dict.fromkeys(("view", "unsafe_view", "unsqueeze", "squeeze"), _viewed),
    "permute": _moved(lambda arguments, ndim: [dim % ndim for dim in arguments.dims]),
    "transpose": _moved(_swap), "t": _moved(_swap), "expand": _expanded, "select": _selected, "slice": _sliced,
    "split": _split, "split_with_sizes": _split, "roll": _turned, "flip": _turned,
    "grid_sampler_2d": _everywhere, "index": _indexed, "gather": _everywhere, "unbind": _selected,
    **dict.fromkeys(("clone", "alias", "detach", "native_layer_norm", "native_group_norm", "native_batch_norm",
                     "copy"), _same),
}
FAMILIES = {"max_pool": _window, "avg_pool": _window, "adaptive": _adaptive, "_adaptive": _adaptive,
            "upsample_bicubic": _bicubic, "upsample": _resized, "reflection_pad": _padded, "replication_pad": _padded}
RULES |= FAMILIES
