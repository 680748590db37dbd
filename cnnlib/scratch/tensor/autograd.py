"""A Tensor and its tape: reverse-mode differentiation over the pairs NAME, NAME_backward.

Each operation on tensors that ask for gradients leaves a Node: which tensors went in, and the function that turns the
gradient of the output into the gradients of those inputs. `Tensor.backward` walks the nodes from the last to the first.
"""

import contextlib
import functools
import inspect
import math
import operator
import sys

import numpy as np

from cnnlib.checks import axes_of

from .. import functional as F
from . import arithmetic

__all__ = ["Node", "Tensor", "apply", "cat", "maximum", "minimum", "no_grad", "stack", "where"]

_recording = True
_OPERATORS = {np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.divide: operator.truediv,
              np.power: operator.pow, np.matmul: operator.matmul}         # what NumPy does for array + tensor
_replaced = {}                  # a function → the one that runs in its place, and the backward of that


@contextlib.contextmanager
def no_grad():
    """Within `with no_grad():` nothing is recorded: no tape, nothing saved, no gradients."""
    global _recording
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


@contextlib.contextmanager
def replacing(functions):
    """Within `with replacing({F.relu: (mine, mine_backward)}):` `apply` runs `mine` where F.relu is asked for."""
    global _replaced
    before, _replaced = _replaced, functions
    try:
        yield
    finally:
        _replaced = before


class Node:
    """One step of the tape: the inputs (None where there was no array) and gradient of the output → their gradients."""

    def __init__(self, name, inputs, backward):
        self.name, self.inputs, self.backward = name, inputs, backward


def apply(forward, *args, backward=None, **kwargs):
    """Run a function of arrays on tensors, and record how to go back.

    forward(*args, **kwargs) is called with arrays in place of tensors. backward(grad_output, *args, **kwargs) returns a
    gradient for each array argument; default: the function NAME_backward that stands beside `forward`. Arrays are
    positional arguments; None holds the place of one that is left out.
    → a Tensor, or a tuple of the tensors that forward returns, of which the first has the gradient.
    Raises TypeError for a tensor among the keywords, and when forward has no backward and one is needed.
    """
    if forward in _replaced:
        forward, backward = _replaced[forward]
    for name, value in kwargs.items():
        if isinstance(value, Tensor):
            raise TypeError(f"apply: {forward.__name__} must get the tensor {name} as a positional argument")
    arrays = [arg.data if isinstance(arg, Tensor) else arg for arg in args]
    inputs = [arg for arg in args if arg is None or isinstance(arg, (Tensor, np.ndarray))]
    needed = tuple(isinstance(arg, Tensor) and arg.requires_grad for arg in inputs)
    if not (_recording and any(needed)):
        return _as_tensors(forward(*arrays, **kwargs))

    if backward is None:
        backward = getattr(sys.modules[forward.__module__], f"{forward.__name__}_backward", None)
        if backward is None:
            raise TypeError(f"apply: {forward.__name__} has no {forward.__name__}_backward beside it")
    if _takes(forward, "saved") and _takes(backward, "saved"):
        kwargs["saved"] = {}                                            # what the forward knew, kept for the backward
    result = _as_tensors(forward(*arrays, **kwargs))
    if _takes(backward, "needs_input_grad"):
        kwargs["needs_input_grad"] = needed
    first = result[0] if isinstance(result, tuple) else result
    first.requires_grad = True
    first._node = Node(forward.__name__, [arg if need else None for arg, need in zip(inputs, needed, strict=True)],
                       lambda grad_output: backward(grad_output, *arrays, **kwargs))
    return result


class Tensor:
    """An array that knows where it came from.

    data: the NumPy array (Python numbers become float32, as in torch).  grad: a Tensor of the same shape, or None.
    requires_grad: whether `backward` should reach it; only for float32 and float64.
    Operations have torch's names and meaning, and are not done in place: they are one line each, below `backward`.
    Raises TypeError for anything but an array of numbers, and for a gradient of integers.
    """

    __hash__ = object.__hash__      # although == compares element by element

    def __init__(self, data, requires_grad=False):
        if isinstance(data, Tensor):
            data = data.data
        array = np.asarray(data)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"Tensor: data must be numbers, got {type(data).__name__} of dtype {array.dtype}")
        if array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic)):
            array = array.astype(np.float32)
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(f"Tensor: only floating-point tensors have gradients, got dtype {array.dtype}")
        self.data, self.requires_grad, self.grad = array, requires_grad, None
        self._node, self._retains_grad = None, False

    def backward(self, gradient=None):
        """Add d(self)/d(leaf), times `gradient`, to the .grad of every leaf that asks for it.

        The chain rule, from the last node to the first: a tensor's gradient is complete when all that used it have
        been passed, so the nodes are taken in an order in which users come before what they used.
        gradient: shape of self; default 1 for a tensor of one element.  The tape is spent afterwards.
        Raises ValueError for another shape, a tensor without a tape, and a second walk over a spent tape; TypeError or
        ValueError when the backward of an operation returns what cannot be the gradients of its inputs.
        """
        if not self.requires_grad:
            raise ValueError("backward: this tensor has no tape: nothing it was made of has requires_grad=True")
        if gradient is None:
            if self.data.size != 1:
                raise ValueError(f"backward: a tensor of shape {self.shape} needs a gradient; only one of one element "
                                 "has 1 for default")
            gradient = np.ones_like(self.data)
        gradient = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient, dtype=self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"backward: gradient must have shape {self.shape}, got {gradient.shape}")

        gradients = {id(self): gradient}
        for tensor in _users_first(self):
            gradient = gradients.pop(id(tensor), None)
            if gradient is None:
                continue
            if tensor._node is None or tensor._retains_grad:             # never in place: the array may be shared
                tensor.grad = Tensor(gradient if tensor.grad is None else tensor.grad.data + gradient)
            if tensor._node is None:
                continue
            if tensor._node.backward is None:
                raise ValueError(f"backward: the tape of {tensor._node.name} was spent by an earlier backward; "
                                 "run the forward again")
            for source, part in zip(tensor._node.inputs, _checked(tensor._node, gradient), strict=False):
                if source is not None and part is not None:
                    earlier = gradients.get(id(source))
                    gradients[id(source)] = part if earlier is None else earlier + part
            tensor._node.backward = None                                 # lets go of what the forward kept

    def retain_grad(self):
        """Keep the gradient of this tensor too, although it is not a leaf. Raises ValueError without a tape."""
        if not self.requires_grad:
            raise ValueError("retain_grad: this tensor has no gradient: requires_grad is False")
        self._retains_grad = True

    def requires_grad_(self, requires_grad=True):
        """Ask for a gradient from now on, or no more. Raises TypeError for integers, ValueError unless it is a leaf."""
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(f"requires_grad_: only floating-point tensors have gradients, got dtype {self.dtype}")
        if not requires_grad and not self.is_leaf:
            raise ValueError("requires_grad_: this tensor was made of others that ask for a gradient; use detach()")
        self.requires_grad = requires_grad
        return self

    def zero_(self):
        """Fill with zeros (a new array: the old one may be shared). Raises TypeError while the tape is recorded."""
        if self.requires_grad and _recording:
            raise TypeError("zero_: a tensor with requires_grad=True is changed only within no_grad()")
        self.data = np.zeros_like(self.data)
        return self

    # ---- what it is

    shape = property(lambda self: self.data.shape, doc="The number of elements along each axis, a tuple.")
    dtype = property(lambda self: self.data.dtype, doc="NumPy's dtype of the elements.")
    ndim = property(lambda self: self.data.ndim, doc="The number of axes.")
    is_leaf = property(lambda self: self._node is None, doc="Whether it was made by hand, not by recorded operations.")
    T = property(lambda self: self.permute(tuple(reversed(range(self.ndim)))), doc="The axes in reverse order.")

    def size(self, dim=None): return self.shape if dim is None else self.shape[dim]
    def dim(self): return self.ndim
    def numel(self): return self.data.size
    def item(self): return self.data.item()
    def tolist(self): return self.data.tolist()
    def numpy(self): return self.data
    def detach(self): return Tensor(self.data)
    def cpu(self): return self
    def contiguous(self): return self
    def __array__(self, dtype=None, copy=None): return np.array(self.data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        """array + tensor is a tensor; np.exp(tensor) is an array, and refused where it would lose the tape."""
        if method == "__call__" and ufunc in _OPERATORS and not options:
            return _OPERATORS[ufunc](*(Tensor(v) if isinstance(v, np.ndarray) else
                                       v.item() if isinstance(v, np.generic) else v for v in inputs))
        if any(isinstance(value, Tensor) and value.requires_grad for value in inputs):
            raise TypeError(f"np.{ufunc.__name__} of a tensor that has a gradient would lose it: use the tensor's own "
                            "methods, or detach() it")
        return getattr(ufunc, method)(*(v.data if isinstance(v, Tensor) else v for v in inputs), **options)

    def __array_function__(self, function, types, args, options):
        """np.stack([tensor, tensor]) is an array too, and refused where it would lose the tape."""
        found = []

        def without(value):
            if isinstance(value, Tensor):
                found.append(value)
                return value.data
            if isinstance(value, (tuple, list)):
                return type(value)(map(without, value))
            return {key: without(item) for key, item in value.items()} if isinstance(value, dict) else value
        args, options = without(args), without(options)
        if any(tensor.requires_grad for tensor in found):
            raise TypeError(f"np.{function.__name__} of a tensor that has a gradient would lose it: use the tensor's "
                            "own methods, cat, stack or where, or detach() it")
        return function(*args, **options)

    def __len__(self): return len(self.data)
    def __iter__(self): return (self[i] for i in range(len(self)))
    def __bool__(self): return bool(self.data)
    def __int__(self): return int(self.data)
    def __float__(self): return float(self.data)

    def __repr__(self):
        numbers = np.array2string(self.data, separator=", ", prefix="tensor(", precision=4, threshold=200)
        dtype = "" if self.dtype in (np.float32, np.int64, bool) else f", dtype={self.dtype}"
        tape = f", from {self._node.name}" if self._node else ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({numbers}{dtype}{tape})"

    # ---- arithmetic with tensors, arrays and numbers on either side

    def __add__(self, other): return _operate(arithmetic.add, self, other)
    def __radd__(self, other): return _operate(arithmetic.add, other, self)
    def __sub__(self, other): return _operate(arithmetic.sub, self, other)
    def __rsub__(self, other): return _operate(arithmetic.sub, other, self)
    def __mul__(self, other): return _operate(arithmetic.mul, self, other)
    def __rmul__(self, other): return _operate(arithmetic.mul, other, self)
    def __truediv__(self, other): return _operate(arithmetic.div, self, other)
    def __rtruediv__(self, other): return _operate(arithmetic.div, other, self)
    def __pow__(self, other): return _operate(arithmetic.pow, self, other)
    def __rpow__(self, other): return _operate(arithmetic.pow, other, self)
    def __matmul__(self, other): return _operate(arithmetic.matmul, self, other)
    def __rmatmul__(self, other): return _operate(arithmetic.matmul, other, self)
    def __neg__(self): return apply(arithmetic.neg, self)
    def __abs__(self): return apply(arithmetic.abs, self)
    def matmul(self, other): return self @ other

    # ---- comparisons: tensors of bool, without tape

    def __eq__(self, other): return _compare(np.equal, self, other)
    def __ne__(self, other): return _compare(np.not_equal, self, other)
    def __lt__(self, other): return _compare(np.less, self, other)
    def __le__(self, other): return _compare(np.less_equal, self, other)
    def __gt__(self, other): return _compare(np.greater, self, other)
    def __ge__(self, other): return _compare(np.greater_equal, self, other)
    def __and__(self, other): return _compare(np.bitwise_and, self, other)
    def __or__(self, other): return _compare(np.bitwise_or, self, other)
    def __invert__(self): return Tensor(~self.data)

    # ---- element by element

    def exp(self): return apply(arithmetic.exp, self)
    def log(self): return apply(arithmetic.log, self)
    def sqrt(self): return apply(arithmetic.sqrt, self)
    def sin(self): return apply(arithmetic.sin, self)
    def cos(self): return apply(arithmetic.cos, self)
    def abs(self): return apply(arithmetic.abs, self)
    def pow(self, exponent): return self ** exponent
    def clamp(self, min=None, max=None): return apply(arithmetic.clamp, self, min=min, max=max)
    def clip(self, min=None, max=None): return self.clamp(min, max)

    def masked_fill(self, mask, value):
        value = value if isinstance(value, Tensor) else Tensor(value)
        return where(mask, value.to(self.dtype), self)

    def relu(self): return apply(F.relu, self)
    def sigmoid(self): return apply(F.sigmoid, self)
    def tanh(self): return apply(F.tanh, self)
    def softmax(self, dim): return apply(F.softmax, self, dim=dim)
    def log_softmax(self, dim): return apply(F.log_softmax, self, dim=dim)
    def to(self, dtype): return apply(arithmetic.cast, self, dtype=dtype)
    def float(self): return self.to(np.float32)
    def double(self): return self.to(np.float64)

    # ---- many numbers to one

    def sum(self, dim=None, keepdim=False): return apply(arithmetic.sum, self, dim=dim, keepdim=keepdim)
    def mean(self, dim=None, keepdim=False): return apply(arithmetic.mean, self, dim=dim, keepdim=keepdim)
    def amax(self, dim=None, keepdim=False): return apply(arithmetic.amax, self, dim=dim, keepdim=keepdim)
    def amin(self, dim=None, keepdim=False): return apply(arithmetic.amin, self, dim=dim, keepdim=keepdim)
    def max(self): return self.amax()
    def min(self): return self.amin()
    def argmax(self, dim=None, keepdim=False): return Tensor(np.argmax(self.data, dim, keepdims=keepdim))
    def argmin(self, dim=None, keepdim=False): return Tensor(np.argmin(self.data, dim, keepdims=keepdim))

    def var(self, dim=None, correction=1, keepdim=False):
        return apply(arithmetic.var, self, dim=dim, correction=correction, keepdim=keepdim)

    def std(self, dim=None, correction=1, keepdim=False):
        return apply(arithmetic.std, self, dim=dim, correction=correction, keepdim=keepdim)

    # ---- the same numbers in another shape or order

    def __getitem__(self, index): return apply(arithmetic.index, self, index=_without_tensors(index))
    def reshape(self, *shape): return apply(arithmetic.reshape, self, shape=_one_tuple(shape))
    def view(self, *shape): return self.reshape(*shape)
    def permute(self, *dims): return apply(arithmetic.permute, self, dims=_one_tuple(dims))
    def transpose(self, dim0, dim1): return apply(arithmetic.transpose, self, dim0=dim0, dim1=dim1)
    def expand(self, *sizes): return apply(arithmetic.expand, self, sizes=_one_tuple(sizes))
    def roll(self, shifts, dims=None): return apply(arithmetic.roll, self, shifts=shifts, dims=dims)
    def flip(self, *dims): return apply(arithmetic.flip, self, dims=_one_tuple(dims))
    def chunk(self, chunks, dim=0): return self.split(-(-self.shape[dim] // chunks), dim)

    def flatten(self, start_dim=0, end_dim=-1):
        """One axis in place of those from start_dim to end_dim."""
        (start,), (end,) = (axes_of("flatten", dim, max(self.ndim, 1)) for dim in (start_dim, end_dim))
        return self.reshape(*self.shape[:start], math.prod(self.shape[start:end + 1]), *self.shape[end + 1:])

    def unflatten(self, dim, sizes):
        """Several axes in place of one; a −1 among their sizes stands for what is left."""
        dim, = axes_of("unflatten", dim, self.ndim)
        return self.reshape(*self.shape[:dim], *sizes, *self.shape[dim + 1:])

    def squeeze(self, dim=None):
        """Without the axes of size 1, or only without those of dim whose size is 1."""
        dims = axes_of("squeeze", dim, self.ndim)
        return self.reshape(*(size for axis, size in enumerate(self.shape) if size != 1 or axis not in dims))

    def unsqueeze(self, dim):
        """With a new axis of size 1 at dim."""
        dim, = axes_of("unsqueeze", dim, self.ndim + 1)
        return self.reshape(*self.shape[:dim], 1, *self.shape[dim:])

    def repeat(self, *sizes):
        """Tiles: sizes says how often along each axis, new ones in front first."""
        sizes = _one_tuple(sizes)
        shape = (1,) * (len(sizes) - self.ndim) + self.shape
        tiles = self.reshape(*(part for size in shape for part in (1, size)))
        tiles = tiles.expand(*(part for pair in zip(sizes, shape, strict=True) for part in pair))
        return tiles.reshape(*(times * size for times, size in zip(sizes, shape, strict=True)))

    def split(self, split_size, dim=0):
        """Stretches along dim, a tuple: of split_size each (the last has what is left), or of the sizes in a list."""
        axis, = axes_of("split", dim, self.ndim)
        length, before = self.shape[axis], (slice(None),) * axis
        sizes = split_size if isinstance(split_size, (tuple, list)) else [split_size] * -(-length // split_size)
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        if isinstance(split_size, (tuple, list)) and sum(sizes) != length:
            raise ValueError(f"split: sizes must add up to {length}, the size of axis {dim}, got {sizes}")
        return tuple(self[(*before, slice(start, start + size))] for start, size in zip(starts, sizes, strict=True))

    # ---- what would change an array that the tape still needs

    def __setitem__(self, index, value): _refuse("x[i] = y", "x = where(mask, y, x), or cat the parts")
    def __iadd__(self, other): _refuse("x += y", "x = x + y")
    def __isub__(self, other): _refuse("x -= y", "x = x - y, or x.data -= y for a parameter")
    def __imul__(self, other): _refuse("x *= y", "x = x * y")
    def __itruediv__(self, other): _refuse("x /= y", "x = x / y")
    def __ipow__(self, other): _refuse("x **= y", "x = x ** y")
    def __imatmul__(self, other): _refuse("x @= y", "x = x @ y")


def cat(tensors, dim=0):
    """Tensors one behind the other along an axis that they have. Raises what `arithmetic.cat` raises."""
    return apply(arithmetic.cat, *tensors, dim=dim)


def stack(tensors, dim=0):
    """Tensors of one shape side by side along a new axis. Raises what `arithmetic.stack` raises."""
    return apply(arithmetic.stack, *tensors, dim=dim)


def where(condition, input, other):
    """input where the condition (of bool) holds, else other; numbers allowed. Raises what `arithmetic.where` raises."""
    beside = input if isinstance(input, (Tensor, np.ndarray)) else other
    return apply(arithmetic.where, condition, _operand(input, beside), _operand(other, beside))


def maximum(input, other):
    """The larger of each pair of elements; numbers allowed. Raises what `arithmetic.maximum` raises."""
    return _operate(arithmetic.maximum, input, other)


def minimum(input, other):
    """The smaller of each pair of elements; numbers allowed. Raises what `arithmetic.minimum` raises."""
    return _operate(arithmetic.minimum, input, other)


def _checked(node, gradient):
    """The gradients of a node's inputs: a tuple, long enough, of the shapes and dtypes of the inputs.

    Backwards are written by hand, and a wrong one would else be noticed only far away.
    """
    parts = node.backward(gradient)
    if not isinstance(parts, tuple):
        raise TypeError(f"backward: the backward of {node.name} must return a tuple, got {type(parts).__name__}")
    for number, source in enumerate(node.inputs):
        if source is None:
            continue
        if number >= len(parts):
            raise ValueError(f"backward: the backward of {node.name} returned {len(parts)} gradients, none for input "
                             f"number {number + 1}")
        part = parts[number]
        if part is not None and (part.shape != source.shape or part.dtype != source.dtype):
            raise ValueError(f"backward: the backward of {node.name} returned a gradient of shape {part.shape} and "
                             f"dtype {part.dtype} for input number {number + 1}, of shape {source.shape} and "
                             f"{source.dtype}")
    return parts


def _users_first(last):
    """All tensors under `last`, each before those it was made of (a topological order, without recursion)."""
    order, seen, stack = [], set(), [(last, False)]
    while stack:
        tensor, done = stack.pop()
        if done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            if tensor._node is not None:
                stack.extend((source, False) for source in tensor._node.inputs if source is not None)
    return reversed(order)


def _as_tensors(result):
    return tuple(map(Tensor, result)) if isinstance(result, tuple) else Tensor(result)


@functools.cache
def _takes(function, keyword):
    """Whether a function has this keyword; one that cannot be asked has not."""
    try:
        return keyword in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _operate(function, left, right):
    """Apply a function of two arrays, of which at least one comes as a tensor."""
    beside = left if isinstance(left, Tensor) else right
    if function is arithmetic.div:                                       # it makes floats, of a number too
        left, right = (float(value) if isinstance(value, int) else value for value in (left, right))
    left, right = _operand(left, beside), _operand(right, beside)
    if left is NotImplemented or right is NotImplemented:
        return NotImplemented
    return apply(function, left, right)


def _operand(value, beside):
    """A number becomes an array without axes, of the dtype beside it if that is of its kind or a higher one.

    Else of torch's own dtype: beside bools an int counts as int64, beside bools and integers a float as float32.
    """
    if isinstance(value, (Tensor, np.ndarray)):
        return value
    if not isinstance(value, (bool, int, float, np.generic)):
        return NotImplemented
    dtype = getattr(beside, "dtype", np.dtype(np.float32))
    if dtype.kind != "f" and isinstance(value, (float, np.floating)):
        dtype = np.float32
    elif dtype.kind == "b" and not isinstance(value, (bool, np.bool_)):
        dtype = np.int64
    return np.asarray(value).astype(dtype)                               # wraps round, as in torch: 300 is 44 in int8


def _compare(function, tensor, other):
    other = _operand(other, tensor)
    if other is NotImplemented:
        return NotImplemented
    return Tensor(function(tensor.data, other.data if isinstance(other, Tensor) else other))


def _without_tensors(index):
    if isinstance(index, tuple):
        return tuple(map(_without_tensors, index))
    return index.data if isinstance(index, Tensor) else index


def _one_tuple(values):
    """(2, 3) from f(2, 3) as from f((2, 3))."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def _refuse(what, instead):
    raise TypeError(f"Tensor: {what} would change numbers that the tape may still need; write {instead}")
