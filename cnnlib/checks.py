"""What every operation asks of its arguments, and the words of the errors."""

import numpy as np

FLOATS = (np.float32, np.float64)
NEVER_NONE = {"input", "target", "query", "key", "value"}


def check_float(name, **arrays):
    """The arrays, each float32 or float64 and all of one dtype; None passes for those that may be left out.

    Raises TypeError naming function, argument and dtype.
    """
    checked = []
    for argument, array in arrays.items():
        if array is not None or argument in NEVER_NONE:
            if isinstance(array, np.generic):                            # what NumPy makes of an array without axes
                array = np.asarray(array)
            if not isinstance(array, np.ndarray):
                raise TypeError(f"{name}: {argument} must be a NumPy array, got {type(array).__name__}")
            if array.dtype not in FLOATS:
                raise TypeError(f"{name}: {argument} must be float32 or float64, got {array.dtype}")
        checked.append(array)
    if len({array.dtype for array in checked if array is not None}) > 1:
        listed = ", ".join(f"{argument} {array.dtype}" for argument, array in zip(arrays, checked, strict=True)
                           if array is not None)
        raise TypeError(f"{name}: all arrays must have one dtype, got {listed}")
    return tuple(checked)


def check_grad_output(name, grad_output, shape, dtype):
    """grad_output, which has the shape and dtype of the forward's output.

    Raises TypeError or ValueError naming the function.
    """
    if isinstance(grad_output, np.generic):
        grad_output = np.asarray(grad_output)
    if not isinstance(grad_output, np.ndarray) or grad_output.dtype != dtype:
        got = getattr(grad_output, "dtype", type(grad_output).__name__)
        raise TypeError(f"{name}: grad_output must be a NumPy array of the output's dtype {dtype}, got {got}")
    if grad_output.shape != tuple(shape):
        raise ValueError(f"{name}: grad_output must have the output's shape {tuple(shape)}, got {grad_output.shape}")
    return grad_output


def is_int(value):
    """An int, and not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def per_axis(name, argument, value, n, minimum):
    """An int for every axis, or one for each: → a tuple of n ints. As in torch, a tuple of one int stands for all.

    Raises TypeError or ValueError naming function and argument.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) == 1:
        values *= n
    if len(values) != n or not all(map(is_int, values)):
        raise TypeError(f"{name}: {argument} must be an int or {n} ints, got {value!r}")
    if min(values) < minimum:
        raise ValueError(f"{name}: {argument} must be at least {minimum}, got {value!r}")
    return tuple(int(v) for v in values)


def add_batch(name, input, n):
    """(C, *size) → (1, C, *size), and whether that was needed; n is the number of axes in size.

    Raises ValueError for other ranks.
    """
    if input.ndim not in (n + 1, n + 2):
        raise ValueError(f"{name}: input needs {n + 2} axes (N, C, {n} of size) or {n + 1} without N, "
                         f"got shape {input.shape}")
    return (input[None], True) if input.ndim == n + 1 else (input, False)


def check_choice(name, argument, value, allowed):
    """Raises ValueError unless value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name}: {argument} must be one of {', '.join(map(str, allowed))}; got {value!r}")


def axes_of(name, dim, ndim):
    """dim → a tuple of axes from 0 on; None and () stand for all. As in torch, an array without axes has an axis 0.

    Raises TypeError or ValueError naming the function.
    """
    dims = tuple(dim) if isinstance(dim, (tuple, list)) else () if dim is None else (dim,)
    if not all(map(is_int, dims)):
        raise TypeError(f"{name}: dim must be None, an int or ints, got {dim!r}")
    if not dims:
        return tuple(range(ndim))
    if not all(-max(ndim, 1) <= d < max(ndim, 1) for d in dims):
        raise ValueError(f"{name}: dim must be from {-max(ndim, 1)} to {max(ndim, 1) - 1}, got {dim}")
    axes = tuple(d % max(ndim, 1) for d in dims)
    if len(set(axes)) < len(axes):
        raise ValueError(f"{name}: dim must name an axis once, got {dim}")
    return axes if ndim else ()
