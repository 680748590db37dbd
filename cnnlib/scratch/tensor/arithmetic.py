"""The elementary operations, forward and backward: arithmetic, reductions, matrix products, and moving numbers about.

Names and arguments are those of `torch`; a few are also names of Python's own (`arithmetic.sum`, `arithmetic.abs`), so
import the module, not the names. dy stands for the gradient of the output, dx for that of the input.
"""

import math

import numpy as np

from cnnlib.checks import axes_of, check_float, check_grad_output, is_int

__all__ = [
    "abs", "abs_backward", "add", "add_backward", "amax", "amax_backward", "amin", "amin_backward", "cast",
    "cast_backward", "cat", "cat_backward", "clamp", "clamp_backward", "cos", "cos_backward", "div", "div_backward",
    "exp", "exp_backward", "expand", "expand_backward", "flip", "flip_backward", "index", "index_backward", "log",
    "log_backward", "matmul", "matmul_backward", "maximum", "maximum_backward", "mean", "mean_backward", "minimum",
    "minimum_backward", "mul", "mul_backward", "neg", "neg_backward", "permute", "permute_backward", "pow",
    "pow_backward", "reshape", "reshape_backward", "roll", "roll_backward", "sin", "sin_backward", "sqrt",
    "sqrt_backward", "stack", "stack_backward", "std", "std_backward", "sub", "sub_backward", "sum", "sum_backward",
    "sum_to_shape", "transpose", "transpose_backward", "var", "var_backward", "where", "where_backward",
]

_KINDS = ["b", "i", "f"]                                                 # NumPy's, unsigned ones apart
NUMBERS = "?" + np.typecodes["AllInteger"] + "fd"                        # bool, integers, float32, float64


def sum_to_shape(grad, shape):
    """Undo broadcasting: what was copied along an axis gets the sum of the gradients of its copies.

    grad: (*broadcast)  →  shape, which broadcasts to it.  Raises ValueError when it does not.
    """
    if grad.shape == tuple(shape):
        return grad
    new = grad.ndim - len(shape)                                         # axes that broadcasting put in front
    if new < 0 or any(size not in (1, wide) for size, wide in zip(shape, grad.shape[new:], strict=True)):
        raise ValueError(f"sum_to_shape: shape {tuple(shape)} does not broadcast to that of grad, {grad.shape}")
    copied = tuple(range(new)) + tuple(new + i for i, size in enumerate(shape) if size == 1)
    return grad.sum(axis=copied).reshape(shape)


# ---- two arrays, element by element ----------------------------------------------------------------------------------

def add(input, other):
    """out = x + y, with broadcasting.

    input, other: shapes that broadcast; numbers of one dtype (beside floats, integers become floats)  →  (*)
    Raises TypeError for other types and for float32 beside float64, ValueError for shapes that do not broadcast.
    Source: `torch.add`.
    """
    input, other = _pair("add", input, other)
    return input + other


def add_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy, dother = dy; each summed over the axes in which it was copied."""
    input, other, grad_output, to_input, to_other = _with_gradient("add_backward", grad_output, input, other)
    return _each(needs_input_grad, lambda: to_input(grad_output),
                 lambda: to_other(grad_output))


def sub(input, other):
    """out = x − y, with broadcasting.  Shapes: see `add`.  Raises what `add` raises.  Source: `torch.sub`."""
    input, other = _pair("sub", input, other)
    return input - other


def sub_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy, dother = −dy."""
    input, other, grad_output, to_input, to_other = _with_gradient("sub_backward", grad_output, input, other)
    return _each(needs_input_grad, lambda: to_input(grad_output),
                 lambda: to_other(-grad_output))


def mul(input, other):
    """out = x · y, with broadcasting.  Shapes: see `add`.  Raises what `add` raises.  Source: `torch.mul`."""
    input, other = _pair("mul", input, other)
    return input * other


def mul_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy · other, dother = dy · x."""
    input, other, grad_output, to_input, to_other = _with_gradient("mul_backward", grad_output, input, other)
    return _each(needs_input_grad, lambda: to_input(grad_output * other),
                 lambda: to_other(grad_output * input))


def div(input, other):
    """out = x / y, with broadcasting; integers give float32.

    Shapes: see `add`.  Raises what `add` raises.  Source: `torch.div`.
    """
    input, other = _pair("div", input, other)
    return input / other if input.dtype.kind == "f" else np.true_divide(input, other).astype(np.float32)


def div_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy / other, dother = −dy · x / other²."""
    input, other, grad_output, to_input, to_other = _with_gradient("div_backward", grad_output, input, other)
    return _each(needs_input_grad, lambda: to_input(grad_output / other),
                 lambda: to_other(-grad_output * (input / other) / other))


def pow(input, exponent):
    """out = x ^ exponent, with broadcasting.

    input: (*), exponent: a number or an array  →  (*).  Raises what `add` raises.  Source: `torch.pow`.
    """
    if isinstance(exponent, (int, float)) and not isinstance(exponent, np.generic):
        input = _numbers("pow", "input", input)
    else:
        input, exponent = _pair("pow", input, exponent, "exponent")
    if np.ndim(exponent) == 0 and exponent == 3:
        return input * input * input                                     # 50 × faster; for 2 NumPy does so itself
    return input ** exponent


def pow_backward(grad_output, input, exponent, *, needs_input_grad=None):
    """dx = dy · e · xᵉ⁻¹ (0 for e = 0), dexponent = dy · xᵉ · log x (0 for x = 0 ≤ e)."""
    number = not isinstance(exponent, (np.ndarray, np.generic))
    input, exponent, grad_output, back_to_input, back_to_exponent = _with_gradient(
        "pow_backward", grad_output, input, np.asarray(exponent, input.dtype) if number else exponent, "exponent")

    def to_input():
        with np.errstate(divide="ignore", invalid="ignore"):
            grad = grad_output * (exponent * pow(input, exponent - 1))
        return back_to_input(grad if exponent.all() else np.where(exponent == 0, 0, grad))

    def to_exponent():
        with np.errstate(divide="ignore", invalid="ignore"):
            grad = grad_output * (pow(input, exponent) * np.log(input))
        return back_to_exponent(np.where((input == 0) & (exponent >= 0), 0, grad))

    return _each((True, False) if number else needs_input_grad, to_input, to_exponent)


def maximum(input, other):
    """out = the larger of x and y, with broadcasting.

    Shapes: see `add`.  Raises what `add` raises.  Source: `torch.maximum`.
    """
    input, other = _pair("maximum", input, other)
    return np.maximum(input, other)


def maximum_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy where x > other, dother = dy where other > x; half to each where they are equal."""
    input, other, grad_output, to_input, to_other = _with_gradient("maximum_backward", grad_output, input, other)
    return _each(needs_input_grad, lambda: to_input(_to_larger(grad_output, input, other)),
                 lambda: to_other(_to_larger(grad_output, other, input)))


def minimum(input, other):
    """out = the smaller of x and y, with broadcasting.

    Shapes: see `add`.  Raises what `add` raises.  Source: `torch.minimum`.
    """
    input, other = _pair("minimum", input, other)
    return np.minimum(input, other)


def minimum_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy where x < other, dother = dy where other < x; half to each where they are equal."""
    input, other, grad_output, to_input, to_other = _with_gradient("minimum_backward", grad_output, input, other)
    return _each(needs_input_grad, lambda: to_input(_to_larger(grad_output, other, input)),
                 lambda: to_other(_to_larger(grad_output, input, other)))


def where(condition, input, other):
    """out = x where the condition holds, else y; all three are broadcast.

    condition: bool (*), input, other: shapes that broadcast  →  (*)
    Raises TypeError for a condition that is not bool; else see `add`.  Source: `torch.where`.
    """
    condition = _condition("where", condition)
    input, other = _pair("where", input, other)
    try:
        return np.where(condition, input, other)
    except ValueError:
        raise ValueError(f"where: condition of shape {condition.shape} does not broadcast with input and other of "
                         f"shapes {input.shape}, {other.shape}") from None


def where_backward(grad_output, condition, input, other, *, needs_input_grad=None):
    """dx = dy where the condition holds, dother = dy where it does not; none for the condition."""
    condition = _condition("where_backward", condition)
    to_input, to_other = _back_to(input), _back_to(other)
    input, other = _pair("where_backward", input, other)
    shape = np.broadcast_shapes(condition.shape, input.shape, other.shape)
    grad_output = check_grad_output("where_backward", grad_output, shape, input.dtype)
    return (None, *_each(needs_input_grad and needs_input_grad[1:],
                         lambda: to_input(np.where(condition, grad_output, 0)),
                         lambda: to_other(np.where(condition, 0, grad_output))))


# ---- one array, element by element -----------------------------------------------------------------------------------

def neg(input):
    """out = −x.

    input: (*)  →  (*).  Raises TypeError for anything but an array of numbers.  Source: `torch.neg`.
    """
    input = _numbers("neg", "input", input)
    return -input


def neg_backward(grad_output, input):
    """dx = −dy."""
    return (-check_grad_output("neg_backward", grad_output, np.shape(input), input.dtype),)


def exp(input, *, saved=None):
    """out = eˣ.

    input: (*)  →  (*).  saved: a dict in which the forward leaves its output for the backward.
    Raises TypeError for other dtypes than float32 and float64.  Source: `torch.exp`.
    """
    input, = check_float("exp", input=input)
    out = np.exp(input)
    if saved is not None:
        saved["out"] = out
    return out


def exp_backward(grad_output, input, *, saved=None):
    """dx = dy · eˣ."""
    grad_output = check_grad_output("exp_backward", grad_output, np.shape(input), input.dtype)
    return (grad_output * (saved["out"] if saved else exp(input)),)


def log(input):
    """out = ln x.

    input: (*)  →  (*).  Raises TypeError for other dtypes than float32 and float64.  Source: `torch.log`.
    """
    input, = check_float("log", input=input)
    return np.log(input)


def log_backward(grad_output, input):
    """dx = dy / x."""
    return (check_grad_output("log_backward", grad_output, np.shape(input), input.dtype) / input,)


def sqrt(input, *, saved=None):
    """out = √x.

    input: (*)  →  (*).  saved: a dict in which the forward leaves its output for the backward.
    Raises TypeError for other dtypes than float32 and float64.  Source: `torch.sqrt`.
    """
    input, = check_float("sqrt", input=input)
    out = np.sqrt(input)
    if saved is not None:
        saved["out"] = out
    return out


def sqrt_backward(grad_output, input, *, saved=None):
    """dx = dy / (2√x)."""
    grad_output = check_grad_output("sqrt_backward", grad_output, np.shape(input), input.dtype)
    return (grad_output / (2 * (saved["out"] if saved else sqrt(input))),)


def sin(input):
    """out = sin x.

    input: (*)  →  (*).  Raises TypeError for other dtypes than float32 and float64.  Source: `torch.sin`.
    """
    input, = check_float("sin", input=input)
    return np.sin(input)


def sin_backward(grad_output, input):
    """dx = dy · cos x."""
    grad_output = check_grad_output("sin_backward", grad_output, np.shape(input), input.dtype)
    return (grad_output * np.cos(input),)


def cos(input):
    """out = cos x.

    input: (*)  →  (*).  Raises TypeError for other dtypes than float32 and float64.  Source: `torch.cos`.
    """
    input, = check_float("cos", input=input)
    return np.cos(input)


def cos_backward(grad_output, input):
    """dx = −dy · sin x."""
    grad_output = check_grad_output("cos_backward", grad_output, np.shape(input), input.dtype)
    return (-grad_output * np.sin(input),)


def abs(input):
    """out = |x|.

    input: (*)  →  (*).  Raises TypeError for anything but an array of numbers.  Source: `torch.abs`.
    """
    input = _numbers("abs", "input", input)
    return np.abs(input)


def abs_backward(grad_output, input):
    """dx = dy · sign x, and sign 0 = 0."""
    return (check_grad_output("abs_backward", grad_output, np.shape(input), input.dtype) * np.sign(input),)


def clamp(input, min=None, max=None):
    """Keep x between two numbers: out = min(max(x, lower), upper).

    input: (*), min, max: numbers, or None for no bound  →  (*)
    Raises TypeError for other bounds, and when both are None.  Source: `torch.clamp`.
    """
    input = _numbers("clamp", "input", input)
    return np.clip(input, *_bounds("clamp", min, max))


def clamp_backward(grad_output, input, min=None, max=None):
    """dx = dy where min ≤ x ≤ max, else 0."""
    grad_output = check_grad_output("clamp_backward", grad_output, np.shape(input), input.dtype)
    lower, upper = _bounds("clamp_backward", min, max)
    inside = np.ones_like(input, bool) if lower is None else input >= lower
    return (np.where(inside if upper is None else inside & (input <= upper), grad_output, 0),)


def cast(input, dtype):
    """The same numbers in another dtype.

    input: (*)  →  (*).  Raises TypeError for anything but a dtype of numbers.  Source: `torch.Tensor.to`.
    """
    input = _numbers("cast", "input", input)
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise TypeError(f"cast: dtype must be one of numbers, got {dtype}")
    return input.astype(dtype, copy=False)


def cast_backward(grad_output, input, dtype):
    """dx = dy in the dtype of x."""
    grad_output = check_grad_output("cast_backward", grad_output, np.shape(input), np.dtype(dtype))
    return (grad_output.astype(input.dtype),)


# ---- many numbers to one ---------------------------------------------------------------------------------------------

def sum(input, dim=None, keepdim=False):
    """out = Σ x over the axes dim (None: over all); keepdim leaves them with size 1.

    input: (*), dim: None, an int or ints  →  input's shape without dim.  Bools and integers give integers.
    Raises TypeError for anything but an array of numbers and an axis, ValueError for an axis that is not there.
    Source: `torch.sum`.
    """
    input = _numbers("sum", "input", input)
    return input.sum(axis=axes_of("sum", dim, input.ndim), keepdims=keepdim)


def sum_backward(grad_output, input, dim=None, keepdim=False):
    """dx = dy for every x that was added."""
    grad_output = _reduced_gradient("sum_backward", grad_output, input, dim, keepdim)
    return (np.broadcast_to(grad_output, input.shape),)


def mean(input, dim=None, keepdim=False):
    """out = 1/n Σ x over the axes dim, which hold n numbers.

    Shapes: see `sum`.  Raises TypeError for other dtypes than float32 and float64; else see `sum`.
    Source: `torch.mean`.
    """
    input, = check_float("mean", input=input)
    axes = axes_of("mean", dim, input.ndim)
    with np.errstate(divide="ignore", invalid="ignore"):                 # the mean of no numbers is NaN, as in torch
        return input.sum(axis=axes, keepdims=keepdim) / input.dtype.type(_count(input, axes))


def mean_backward(grad_output, input, dim=None, keepdim=False):
    """dx = dy / n."""
    grad_output = _reduced_gradient("mean_backward", grad_output, input, dim, keepdim)
    n = _count(input, axes_of("mean_backward", dim, input.ndim))
    return (np.broadcast_to(grad_output / input.dtype.type(max(n, 1)), input.shape),)


def var(input, dim=None, correction=1, keepdim=False):
    """out = 1/(n − correction) Σ (x − x̄)² over the axes dim, which hold n numbers.

    correction: 1 for the estimate from a sample, 0 for the variance of the numbers themselves.
    Shapes: see `sum`.  Raises TypeError for other dtypes than float32 and float64; else see `sum`.
    Source: `torch.var`.
    """
    input, = check_float("var", input=input)
    axes = axes_of("var", dim, input.ndim)
    n = _count(input, axes)
    with np.errstate(divide="ignore", invalid="ignore"):                 # n ≤ correction gives NaN or ∞, as in torch
        centred = input - input.sum(axis=axes, keepdims=True) / input.dtype.type(n)
        return (centred * centred).sum(axis=axes, keepdims=keepdim) / input.dtype.type(max(n - correction, 0))


def var_backward(grad_output, input, dim=None, correction=1, keepdim=False):
    """dx = dy · 2 (x − x̄) / (n − correction); what flows through x̄ adds up to 0."""
    grad_output = _reduced_gradient("var_backward", grad_output, input, dim, keepdim)
    axes = axes_of("var_backward", dim, input.ndim)
    n = _count(input, axes)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = input - input.sum(axis=axes, keepdims=True) / input.dtype.type(n)
        return (grad_output * (2 * centred / input.dtype.type(max(n - correction, 0))),)


def std(input, dim=None, correction=1, keepdim=False):
    """out = σ, the root of `var`.  Shapes, and what is raised: see `var`.  Source: `torch.std`."""
    return np.sqrt(var(input, dim, correction, keepdim))


def std_backward(grad_output, input, dim=None, correction=1, keepdim=False):
    """dx = dy · (x − x̄) / ((n − correction) σ), and 0 where σ = 0, as in torch: all numbers are equal there."""
    sigma = std(input, dim, correction, True)
    grad_output = _reduced_gradient("std_backward", grad_output, input, dim, keepdim)
    with np.errstate(divide="ignore", invalid="ignore"):
        return var_backward(np.where(sigma == 0, 0, grad_output / (2 * sigma)), input, dim, correction, True)


def amax(input, dim=None, keepdim=False):
    """The largest number over the axes dim.

    Shapes: see `sum`.  Raises ValueError when there is none, as those axes are empty; else see `sum`.
    Source: `torch.amax`.
    """
    return _extreme("amax", np.max, input, dim, keepdim)


def amax_backward(grad_output, input, dim=None, keepdim=False):
    """dx = dy / (how many are the largest) where x is the largest, else 0."""
    return _extreme_backward("amax_backward", np.max, grad_output, input, dim, keepdim)


def amin(input, dim=None, keepdim=False):
    """The smallest number over the axes dim.  Shapes: see `amax`.  Raises what `amax` raises.  Source: `torch.amin`."""
    return _extreme("amin", np.min, input, dim, keepdim)


def amin_backward(grad_output, input, dim=None, keepdim=False):
    """dx = dy / (how many are the smallest) where x is the smallest, else 0."""
    return _extreme_backward("amin_backward", np.min, grad_output, input, dim, keepdim)


# ---- matrix products -------------------------------------------------------------------------------------------------

def matmul(input, other):
    """The matrix product: out[…, i, j] = Σ_k x[…, i, k] · y[…, k, j].

    input: (*, I, K), other: (*, K, J); the axes * are broadcast  →  (*, I, J)
    An array with one axis is a row on the left, (K,), and a column on the right; its axis is missing in the result.
    Raises TypeError for other dtypes than float32 and float64, ValueError for shapes that do not fit.
    Source: `torch.matmul`.
    """
    input, other = check_float("matmul", input=input, other=other)
    _product_shape("matmul", input.shape, other.shape)
    if input.ndim > 2 and other.ndim == 2:                               # one product for the whole batch
        return (_rows(input) @ other).reshape(*input.shape[:-1], other.shape[1])
    return input @ other


def matmul_backward(grad_output, input, other, *, needs_input_grad=None):
    """dx = dy otherᵀ, dother = xᵀ dy; each summed over the axes in which it was copied."""
    input, other = check_float("matmul_backward", input=input, other=other)
    shape = _product_shape("matmul_backward", input.shape, other.shape)
    grad_output = check_grad_output("matmul_backward", grad_output, shape, input.dtype)
    left = input[None] if input.ndim == 1 else input                     # (*, I, K)
    right = other[:, None] if other.ndim == 1 else other                 # (*, K, J)
    if other.ndim == 1:
        grad_output = grad_output[..., None]
    if input.ndim == 1:
        grad_output = grad_output[..., None, :]                          # (*, I, J)

    def to_other():
        if right.ndim == 2:                                              # one product for the whole batch
            return (_rows(left).T @ _rows(grad_output)).reshape(other.shape)
        return sum_to_shape(left.swapaxes(-1, -2) @ grad_output, right.shape).reshape(other.shape)

    return _each(needs_input_grad,
                 lambda: sum_to_shape(matmul(grad_output, right.swapaxes(-1, -2)), left.shape).reshape(input.shape),
                 to_other)


# ---- moving numbers about --------------------------------------------------------------------------------------------

def reshape(input, shape):
    """The same numbers, read in order, in another shape; one −1 stands for what is left.

    input: (*)  →  shape.  Raises ValueError for a shape of another number of elements.  Source: `torch.reshape`.
    """
    input = _numbers("reshape", "input", input)
    try:
        return input.reshape(shape)
    except ValueError:
        raise ValueError(f"reshape: an input of shape {input.shape} cannot get shape {tuple(shape)}") from None


def reshape_backward(grad_output, input, shape):
    """dx = dy in the shape of x."""
    shape = reshape(input, shape).shape
    return (check_grad_output("reshape_backward", grad_output, shape, input.dtype).reshape(input.shape),)


def permute(input, dims):
    """The axes in another order: axis i of the output is axis dims[i] of the input.

    input: (*)  →  input.shape[dims[0]], input.shape[dims[1]], …
    Raises ValueError unless dims names every axis once.  Source: `torch.permute`.
    """
    input = _numbers("permute", "input", input)
    return input.transpose(_order("permute", dims, input.ndim))


def permute_backward(grad_output, input, dims):
    """dx = dy with the axes put back."""
    order = _order("permute_backward", dims, input.ndim)
    shape = [input.shape[axis] for axis in order]
    return (check_grad_output("permute_backward", grad_output, shape, input.dtype).transpose(np.argsort(order)),)


def transpose(input, dim0, dim1):
    """Two axes change places.

    input: (*)  →  (*).  Raises ValueError for an axis that is not there.  Source: `torch.transpose`.
    """
    input = _numbers("transpose", "input", input)
    first, second = (axes_of("transpose", dim, input.ndim) for dim in (dim0, dim1))
    return input.swapaxes(*first, *second) if input.ndim else input


def transpose_backward(grad_output, input, dim0, dim1):
    """dx = dy with the two axes put back."""
    shape = transpose(input, dim0, dim1).shape
    return (transpose(check_grad_output("transpose_backward", grad_output, shape, input.dtype), dim0, dim1),)


def expand(input, sizes):
    """Copy along the axes of size 1, and along new axes in front; −1 leaves an axis as it is.

    input: (*)  →  sizes, a view that cannot be written to.
    Raises ValueError for sizes to which the input does not broadcast.  Source: `torch.Tensor.expand`.
    """
    input = _numbers("expand", "input", input)
    sizes = tuple(sizes)
    new = len(sizes) - input.ndim
    shape = tuple(input.shape[i - new] if size == -1 and i >= new else size for i, size in enumerate(sizes))
    try:
        return np.broadcast_to(input, shape)
    except ValueError:
        raise ValueError(f"expand: an input of shape {input.shape} does not broadcast to {sizes}") from None


def expand_backward(grad_output, input, sizes):
    """dx = the sum of dy over the copies."""
    grad_output = check_grad_output("expand_backward", grad_output, expand(input, sizes).shape, input.dtype)
    return (sum_to_shape(grad_output, input.shape),)


def index(input, index):
    """out = x[index], as NumPy understands it: ints, slices, None, …, arrays of ints, arrays of bools.

    input: (*)  →  as in `numpy`: a view for ints and slices, else a copy.
    Raises TypeError for anything but an array of numbers; IndexError, NumPy's own, for an index that does not fit.
    """
    input = _numbers("index", "input", input)
    return input[index]


def index_backward(grad_output, input, index):
    """dx[index] += dy: every element gets the sum over all places where it went, 0 if there is none."""
    grad_output = check_grad_output("index_backward", grad_output, np.shape(input[index]), input.dtype)
    grad = np.zeros(input.shape, input.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (list, np.ndarray)) and np.asarray(part).dtype != bool for part in parts):
        np.add.at(grad, index, grad_output)                              # these may name an element twice
    else:
        grad[index] = grad_output
    return (grad,)


def cat(*tensors, dim=0):
    """Put arrays one behind the other along an axis that they have.

    tensors: (*, n₁, *), (*, n₂, *), …  →  (*, n₁ + n₂ + …, *).  An array (0,) has the other axes too, unlike in torch.
    Raises TypeError or ValueError without arrays, for shapes that differ in another axis, dtypes that differ.
    Source: `torch.cat`.
    """
    tensors, axis = _several("cat", tensors, dim, extra=0)
    return np.concatenate(tensors, axis)


def cat_backward(grad_output, *tensors, dim=0):
    """dx₁, dx₂, … = the stretches of dy."""
    tensors, axis = _several("cat_backward", tensors, dim, extra=0)
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])
    shape = (*tensors[0].shape[:axis], int(ends[-1]), *tensors[0].shape[axis + 1:])
    grad_output = check_grad_output("cat_backward", grad_output, shape, tensors[0].dtype)
    return tuple(np.split(grad_output, ends[:-1], axis))


def stack(*tensors, dim=0):
    """Put arrays of one shape side by side along a new axis.

    tensors: k arrays (*)  →  (*, k, *), where axis dim is new
    Raises TypeError or ValueError without arrays, and for shapes or dtypes that differ.  Source: `torch.stack`.
    """
    tensors, axis = _several("stack", tensors, dim, extra=1)
    return np.stack(tensors, axis)


def stack_backward(grad_output, *tensors, dim=0):
    """dx₁, dx₂, … = the slices of dy."""
    tensors, axis = _several("stack_backward", tensors, dim, extra=1)
    shape = (*tensors[0].shape[:axis], len(tensors), *tensors[0].shape[axis:])
    grad_output = check_grad_output("stack_backward", grad_output, shape, tensors[0].dtype)
    return tuple(np.moveaxis(grad_output, axis, 0))


def roll(input, shifts, dims=None):
    """Shift along axes; what leaves at the end comes back at the start.

    out[…, i, …] = x[…, (i − shift) mod n, …].  dims None: shift the array read in order.
    input: (*), shifts: an int, or one for each of dims  →  (*)
    Raises TypeError or ValueError for other shifts and axes that are not there.  Source: `torch.roll`.
    """
    input = _numbers("roll", "input", input)
    return np.roll(input, *_shifts("roll", shifts, dims, input.ndim))


def roll_backward(grad_output, input, shifts, dims=None):
    """dx = dy shifted back."""
    grad_output = check_grad_output("roll_backward", grad_output, np.shape(input), input.dtype)
    shifts, axes = _shifts("roll_backward", shifts, dims, input.ndim)
    return (np.roll(grad_output, [-shift for shift in shifts] if axes is not None else -shifts, axes),)


def flip(input, dims):
    """Turn axes round: out[…, i, …] = x[…, n − 1 − i, …].

    input: (*), dims: an int or ints  →  (*).  Raises TypeError or ValueError for an axis that is not there.
    Source: `torch.flip`.
    """
    input = _numbers("flip", "input", input)
    return np.flip(input, () if dims in ((), []) else axes_of("flip", dims, input.ndim))


def flip_backward(grad_output, input, dims):
    """dx = dy turned round again."""
    grad_output = check_grad_output("flip_backward", grad_output, np.shape(input), input.dtype)
    return (flip(grad_output, dims),)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _numbers(name, argument, array):
    """An array of bools, integers, float32 or float64."""
    if isinstance(array, np.generic):                                    # what NumPy makes of an array without axes
        array = np.asarray(array)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name}: {argument} must be a NumPy array, got {type(array).__name__}")
    if array.dtype.char not in NUMBERS:
        raise TypeError(f"{name}: {argument} must be bool, integer, float32 or float64, got {array.dtype}")
    return array


def _pair(name, input, other, second="other"):
    """Two arrays that broadcast, of one dtype. As in torch, an array without axes changes no dtype of its own kind.

    Kinds: bool, integers, floats; beside floats, the others become floats. float32 beside float64 is refused.
    """
    input, other = _numbers(name, "input", input), _numbers(name, second, other)
    if input.dtype != other.dtype:
        kinds = [_KINDS.index(array.dtype.kind.replace("u", "i")) for array in (input, other)]
        if kinds[0] != kinds[1]:                                         # the higher kind decides
            dtype = (input if kinds[0] > kinds[1] else other).dtype
        elif (input.ndim == 0) != (other.ndim == 0):                     # the one with axes decides
            dtype = (other if input.ndim == 0 else input).dtype
        else:
            if input.dtype.kind == "f":
                check_float(name, **{"input": input, second: other})
            dtype = np.result_type(input, other)
        input, other = input.astype(dtype, copy=False), other.astype(dtype, copy=False)
    try:
        np.broadcast(input, other)
    except ValueError:
        raise ValueError(f"{name}: input of shape {input.shape} and {second} of shape {other.shape} do not broadcast"
                         ) from None
    return input, other


def _with_gradient(name, grad_output, input, other, second="other"):
    """→ the two arrays as `_pair` gives them, the gradient, and what brings their gradients back to each of them."""
    back = _back_to(input), _back_to(other)
    input, other = _pair(name, input, other, second)
    return input, other, check_grad_output(name, grad_output, np.broadcast(input, other).shape, input.dtype), *back


def _back_to(array):
    """Undoes the broadcasting of an array, and its change of dtype."""
    return lambda grad: sum_to_shape(grad, array.shape).astype(array.dtype, copy=False)


def _each(needed, *gradients):
    """The gradients that are needed, None for the others."""
    return tuple(gradient() if needed is None or needed[i] else None for i, gradient in enumerate(gradients))


def _to_larger(grad_output, one, other):
    """What of the gradient goes to `one`: all where it is larger (or NaN), half where both are equal."""
    return np.where(one < other, 0, np.where(one == other, grad_output / 2, grad_output))


def _condition(name, condition):
    if not isinstance(condition, (np.ndarray, np.bool_)) or condition.dtype != bool:
        got = getattr(condition, "dtype", type(condition).__name__)
        raise TypeError(f"{name}: condition must be an array of bool, got {got}")
    return np.asarray(condition)


def _bounds(name, lower, upper):
    """Python's own numbers, which do not change the array's dtype."""
    for bound in (lower, upper):
        if bound is not None and not isinstance(bound, (int, float, np.integer, np.floating)):
            raise TypeError(f"{name}: min and max must be numbers or None, got {type(bound).__name__}")
    if lower is None and upper is None:
        raise TypeError(f"{name}: min and max must not both be None")
    return (bound.item() if isinstance(bound, np.generic) else bound for bound in (lower, upper))


def _count(input, axes):
    return math.prod(input.shape[axis] for axis in axes)


def _reduced_gradient(name, grad_output, input, dim, keepdim):
    """The gradient of what was reduced, checked, with size 1 where the axes were."""
    axes = axes_of(name, dim, input.ndim)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(input.shape))
    shape = kept if keepdim else tuple(size for axis, size in enumerate(input.shape) if axis not in axes)
    return check_grad_output(name, grad_output, shape, input.dtype).reshape(kept)


def _extreme(name, function, input, dim, keepdim):
    input = _numbers(name, "input", input)
    axes = axes_of(name, dim, input.ndim)
    if _count(input, axes) == 0:
        raise ValueError(f"{name}: the axes {axes} of an input of shape {input.shape} hold no number")
    return function(input, axis=axes, keepdims=keepdim)


def _extreme_backward(name, function, grad_output, input, dim, keepdim):
    grad_output = _reduced_gradient(name, grad_output, input, dim, keepdim)
    axes = axes_of(name, dim, input.ndim)
    reached = input == function(input, axis=axes, keepdims=True)
    return (np.where(reached, grad_output / reached.sum(axis=axes, keepdims=True).astype(input.dtype), 0),)


def _rows(x):
    """(*, K) → (all rows, K)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _product_shape(name, left, right):
    """The shape of a matrix product."""
    if not left or not right:
        raise ValueError(f"{name}: input and other need at least one axis, got shapes {left} and {right}")
    if left[-1] != right[max(len(right) - 2, 0)]:
        raise ValueError(f"{name}: rows of {left[-1]} numbers do not fit columns of {right[max(len(right) - 2, 0)]}: "
                         f"shapes {left} and {right}")
    try:
        batch = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        raise ValueError(f"{name}: all axes but the last two must broadcast, got shapes {left} and {right}") from None
    return (*batch, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def _order(name, dims, ndim):
    order = axes_of(name, dims, ndim)
    if len(order) != ndim:
        raise ValueError(f"{name}: dims must name each of {ndim} axes, got {dims}")
    return order


def _several(name, tensors, dim, extra):
    """The arrays, checked, and the axis as a number from 0 on; extra: how many axes the result has more."""
    if not tensors:
        raise TypeError(f"{name}: there must be at least one array")
    tensors = [np.asarray(tensor) if isinstance(tensor, np.generic) else tensor for tensor in tensors]
    for tensor in tensors:
        if not isinstance(tensor, np.ndarray):
            raise TypeError(f"{name}: tensors must be NumPy arrays, got {type(tensor).__name__}; "
                            "they are given one by one, not as a list")
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise TypeError(f"{name}: all arrays must have one dtype, got {', '.join(str(t.dtype) for t in tensors)}")
    shapes = [tensor.shape for tensor in tensors]
    ndim = len(shapes[0]) + extra
    if ndim == 0:
        raise ValueError(f"{name}: arrays without axes cannot be put one behind the other; stack them")
    axis, = axes_of(name, dim, ndim)
    others = {(*shape[:axis], *shape[axis + 1:]) if not extra else shape for shape in shapes}
    if len(others) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"{name}: shapes must agree{'' if extra else f' except in axis {axis}'}, "
                         f"got {', '.join(map(str, shapes))}")
    return tensors, axis


def _shifts(name, shifts, dims, ndim):
    if dims is None or dims == ():
        if not is_int(shifts):
            raise TypeError(f"{name}: shifts must be an int when dims is None, got {shifts!r}")
        return shifts, None
    shifts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    axes = axes_of(name, dims, ndim)
    if not all(map(is_int, shifts)) or len(shifts) != len(axes):
        raise ValueError(f"{name}: shifts must be one int for each of dims {dims}, got {shifts}")
    return shifts, axes
