"""What the functions and methods of torch mean on our tensors."""

import inspect
import math
import operator
from collections import namedtuple

import numpy as np

from cnnlib.checks import axes_of

from .. import functional as F
from ..tensor.autograd import Tensor, apply, cat, maximum, minimum, stack, where
from .torchvision_parts import TORCHVISION

# {function of torch's tensors: the same function of NumPy arrays, which has its backward beside it}: for functions that
# torch.fx.wrap keeps in one piece. Empty here: whoever writes both enters them.
TWINS = {}


def meaning(function, name):
    """What a function called by the network means on our tensors, or None.

    name: its name, without the underscore of those that work in place.
    """
    import torch

    if isinstance(function, type) and issubclass(function, tuple):       # a namedtuple
        return function
    if function is getattr:
        return _attribute
    if function in (getattr(operator, name, None), getattr(math, name, None)):
        return function
    if (function.__module__ or "").startswith("torchvision."):
        return TORCHVISION.get(name)
    if function in TWINS:
        return on_tensors(TWINS[function])
    ours = {getattr(torch.nn.functional, name, None): name for name in F.__all__}
    if function in ours:
        return on_tensors(getattr(F, ours[function]))
    known = (getattr(library, function.__name__, None) for library in (torch, torch.nn.functional))
    return OPERATIONS.get(name) if any(function is one for one in known) else None


def on_tensors(function):
    """A function of arrays as one of tensors, which may also be given by name."""
    signature = inspect.signature(function)

    def call(*args, **options):
        given = signature.bind(*args, **options)
        given.apply_defaults()
        return apply(function, *given.args, **given.kwargs)

    call.__signature__ = signature
    return call


def same(value):
    """What comes in."""
    return value


def _add(input, other, alpha=1): return input + (other if alpha == 1 else other * alpha)
def _sub(input, other, alpha=1): return input - (other if alpha == 1 else other * alpha)
def _div(input, other): return input / other
def _square(input): return input * input
def _rsqrt(input): return 1 / input.sqrt()
def _reciprocal(input): return 1 / input
def _t(input): return input.T
def _permute(input, *axes, dims=()): return input.permute(*(axes or dims))
def _flip(input, *axes, dims=()): return input.flip(*(axes or dims))
def _reshape(input, *sizes, shape=()): return input.reshape(*(sizes or shape))
def _expand_as(input, other): return input.expand(*other.shape)
def _reshape_as(input, other): return input.reshape(*other.shape)
def _unbind(input, dim=0): return tuple(part.squeeze(dim) for part in input.split(1, dim))
def _full(input, size, value): return Tensor(np.full(size, value, input.dtype))
def _zeros_like(input): return _full(input, input.shape, 0)
def _ones_like(input): return _full(input, input.shape, 1)
def _new_zeros(input, *size): return _full(input, size[0] if isinstance(size[0], (tuple, list)) else size, 0)
def _new_ones(input, *size): return _full(input, size[0] if isinstance(size[0], (tuple, list)) else size, 1)


def _attribute(input, name):
    if isinstance(input, Tensor) and name in ("data", "mT", "device"):
        return input.detach() if name == "data" else input.transpose(-2, -1) if name == "mT" else "cpu"
    return getattr(input, name)


def _to(input, *args, dtype=None, **ignored):
    """Another dtype, given by itself or by a tensor that has it; there is one device."""
    dtypes = [getattr(arg, "dtype", arg) for arg in (dtype, *args) if isinstance(arg, (np.dtype, Tensor))]
    return input.to(dtypes[0]) if dtypes else input


def _spread(function):
    """var or std: `unbiased`, which is torch's older word for correction=1, may come second."""
    def call(input, dim=None, unbiased=None, *, correction=1, keepdim=False):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        return function(input, dim, correction if unbiased is None else int(unbiased), keepdim)
    return call


_Extreme = namedtuple("_Extreme", "values indices")


def _extreme(pairwise, overall, places):
    """max or min: of two tensors, of all numbers, or along an axis, with the places."""
    def call(input, dim=None, keepdim=False):
        if isinstance(dim, Tensor):
            return pairwise(input, dim)
        if dim is None:
            return overall(input)
        axis, = axes_of("max", dim, input.ndim)
        indices = places(input, axis, keepdim=True)
        grid = list(np.ogrid[tuple(map(slice, input.shape))])
        grid[axis] = indices.data
        values = input[tuple(grid)]                                      # the gradient goes to the first of equals
        return _Extreme(*(value if keepdim else value.squeeze(axis) for value in (values, indices)))
    return call


def _assert(condition, message=""):
    if not condition:
        raise ValueError(f"from_torch: the network expects: {message}")


# torch.NAME(x, …), x.NAME(…) and x.NAME_(…): nothing is done in place here; see `_follow_changes` of `tracing`.
OPERATIONS = {
    **{name: getattr(Tensor, name) for name in """
        abs amax amin argmax argmin chunk clamp clip contiguous cos cpu detach dim double exp expand flatten float item
        log masked_fill matmul mean numel pow relu repeat roll sigmoid sin size split sqrt squeeze sum tanh transpose
        unflatten unsqueeze view
    """.split()},
    **{name: getattr(operator, name) for name in ("eq", "ge", "gt", "le", "lt", "mul", "ne", "neg")},
    **{name: on_tensors(getattr(F, name)) for name in ("log_softmax", "softmax")},
    "_assert": _assert, "add": _add, "bmm": Tensor.matmul, "cat": cat, "clone": same, "concat": cat,
    "concatenate": cat, "div": _div, "divide": _div, "expand_as": _expand_as, "flip": _flip,
    "max": _extreme(maximum, Tensor.max, Tensor.argmax), "maximum": maximum,
    "min": _extreme(minimum, Tensor.min, Tensor.argmin), "minimum": minimum, "mm": Tensor.matmul,
    "multiply": operator.mul, "new_ones": _new_ones, "new_zeros": _new_zeros, "ones_like": _ones_like,
    "permute": _permute, "reciprocal": _reciprocal, "reshape": _reshape, "reshape_as": _reshape_as, "rsqrt": _rsqrt,
    "square": _square, "stack": stack, "std": _spread(Tensor.std), "sub": _sub, "subtract": _sub,
    "swapaxes": Tensor.transpose, "swapdims": Tensor.transpose, "t": _t, "to": _to, "true_divide": _div,
    "type_as": _to, "unbind": _unbind, "var": _spread(Tensor.var), "view_as": _reshape_as, "where": where,
    "zeros_like": _zeros_like,
}
# Those whose result may be a view of their input in torch, or the input itself.
VIEWS = set("""
    chunk contiguous cpu detach double dropout dropout2d expand expand_as flatten float getattr getitem permute reshape
    reshape_as split squeeze stochastic_depth swapaxes swapdims t to transpose type_as unbind unflatten unsqueeze view
    view_as
""".split())
