"""What the package asks of its arguments, and the words of the errors.  NumPy only; `cnnlib.tensors` asks of tensors.

An argument is described in the signature, and `checked` looks at it before the function runs:

    @checked
    class SqueezeExcitation(nn.Module):
        def __init__(self, channels: Positive, hidden: Positive | None = None): ...

What depends on several arguments is a line of the body: check_divisible(self, channels=channels, heads=heads).
Each check takes the name with which its errors begin, or an object, whose class then has that name, and the values
under the names of their arguments.
"""

import functools
import inspect
import math
import types
from typing import Annotated, Literal, Union, get_args, get_origin

import numpy as np

FLOATS = (np.float32, np.float64)
NEVER_NONE = {"input", "target", "query", "key", "value"}


# ---- in the signature ------------------------------------------------------------------------------------------------

def checked(function):
    """Decorate a function, or a class for its `__init__`: what it is called with is checked as its annotations say.

    Annotations that count are the kinds below, `Literal`, and either of them | None. Others are left alone, and so are
    defaults. Errors begin with the name of the function, or of the class of the object that is made.
    """
    is_class = inspect.isclass(function)
    call = function.__init__ if is_class else function
    parameters = inspect.signature(call).parameters
    arguments, optional = {}, set()                                      # of each kind; those that may be None
    for argument, parameter in parameters.items():
        asked = parameter.annotation
        if get_origin(asked) in (Union, types.UnionType):
            asked = next(one for one in get_args(asked) if one is not types.NoneType)
            optional.add(argument)
        if get_origin(asked) in (Annotated, Literal):
            arguments.setdefault(asked, []).append(argument)
    checks = [(_check_literal, (get_args(asked),), names) if get_origin(asked) is Literal else
              (*asked.__metadata__, names) for asked, names in arguments.items()]

    @functools.wraps(call)                                               # `inspect.signature` sees the original
    def checked_call(*args, **kwargs):
        name = args[0] if is_class else call.__name__
        given = dict(zip(parameters, args, strict=False)) | kwargs
        for argument in optional:
            if given.get(argument, ...) is None:
                del given[argument]
        for check, options, names in checks:     # one call for each kind: 3 µs in all for five arguments of two kinds
            check(name, *options, **{argument: given[argument] for argument in names if argument in given})
        return call(*args, **kwargs)

    if not is_class:
        return checked_call
    function.__init__ = checked_call
    return function


def kind(python_type, check, *options):
    """An annotation, for a reader as good as python_type: what check(name, *options, argument=value) lets pass."""
    return Annotated[python_type, check, options]


def _check_literal(name, allowed, /, **values):
    words = [f'"{word}"' if isinstance(word, str) else str(word) for word in allowed]
    for argument, value in values.items():
        require(name, value in allowed, f"{argument} must be {', '.join(words[:-1])} or {words[-1]}, got {value!r}")


# ---- what is called, and what must hold ------------------------------------------------------------------------------

def called(name):
    """The name with which an error begins: as given, or of the class of an object."""
    return name if isinstance(name, str) else type(name).__name__


def require(name, condition, message):
    """Raises ValueError with this message unless the condition holds: for what arguments must be to each other."""
    if not condition:
        raise ValueError(f"{called(name)}: {message}")


def check_type(name, classes, wanted, /, **values):
    """Raises TypeError unless each value is of a class: check_type("fans", torch.Tensor, "a tensor", weight=weight).

    classes: one or several, as for `isinstance`.
    """
    for argument, value in values.items():
        if not isinstance(value, classes):
            raise TypeError(f"{called(name)}: {argument} must be {wanted}, got {type(value).__name__}")


def check_choice(name, argument, value, allowed):
    """Raises ValueError unless value is one of those allowed."""
    require(name, value in allowed, f"{argument} must be one of {', '.join(map(str, allowed))}; got {value!r}")


# ---- numbers ---------------------------------------------------------------------------------------------------------

def is_int(value):
    """An int, Python's or NumPy's, and not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def is_number(value):
    """A real number, Python's or NumPy's, and not a bool."""
    return is_int(value) or isinstance(value, (float, np.floating))


def check_int(name, least=None, most=None, /, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least `least` and at most `most`."""
    for argument, value in values.items():
        if not is_int(value):
            raise TypeError(f"{called(name)}: {argument} must be an int, got {value!r}")
        if least is not None and value < least:
            raise ValueError(f"{called(name)}: {argument} must be at least {least}, got {value}")
        if most is not None and value > most:
            raise ValueError(f"{called(name)}: {argument} must be at most {most}, got {value}")


def check_positive(name, /, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least 1."""
    check_int(name, 1, **values)


def check_odd(name, /, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least 1 and odd, as kernels are."""
    check_int(name, 1, **values)
    for argument, value in values.items():
        require(name, value % 2, f"{argument} must be odd, got {value}")


def check_multiple(name, divisor, /, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least 1 and divides by divisor."""
    check_int(name, 1, **values)
    for argument, value in values.items():
        require(name, value % divisor == 0, f"{argument} must divide by {divisor}, got {value}")


def check_divisible(name, /, **values):
    """Raises ValueError unless all values divide by the last: check_divisible(self, channels=64, heads=4).

    Raises TypeError or ValueError unless all are ints of at least 1.
    """
    check_int(name, 1, **values)
    *wholes, (part, divisor) = values.items()
    for whole, n in wholes:
        require(name, n % divisor == 0, f"{whole} must divide by {part}, got {whole} {n} and {part} {divisor}")


def check_number(name, least=None, most=None, /, **values):
    """Raises TypeError unless each value is a number, ValueError unless it is from `least` to `most`, where given."""
    for argument, value in values.items():
        if not is_number(value):
            raise TypeError(f"{called(name)}: {argument} must be a number, got {value!r}")
        if least is not None and not least <= value <= (math.inf if most is None else most):        # nan is not either
            limits = f"at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"{called(name)}: {argument} must be {limits}, got {value}")


def check_factors(name, /, **factors):
    """Raises ValueError unless each is a number above 0, and finite."""
    for argument, value in factors.items():
        require(name, is_number(value) and 0 < value < math.inf, f"{argument} must be a number above 0, got {value!r}")


# ---- tuples of ints --------------------------------------------------------------------------------------------------

def check_sequence(name, empty=False, /, **sequences):
    """Raises TypeError unless each is a tuple or list of ints: check_sequence(self, widths=(64, 128)).

    Raises ValueError for one that is empty, unless `empty`, or holds an int below 1, which it names: widths[1].
    """
    for argument, values in sequences.items():
        if not isinstance(values, (tuple, list)):
            raise TypeError(f"{called(name)}: {argument} must be a tuple or list of ints, got {values!r}")
        require(name, values or empty, f"{argument} must hold at least one int, got {values!r}")
        check_int(name, 1, **{f"{argument}[{i}]": value for i, value in enumerate(values)})


def check_count(name, count, wanted, /, **sequences):
    """Raises ValueError unless each is a tuple or list of so many: check_count(self, 5, "five ints", widths=widths)."""
    for argument, values in sequences.items():
        require(name, isinstance(values, (tuple, list)) and len(values) == count,
                f"{argument} must be {wanted}, got {values!r}")


def check_rows(name, argument, rows, /, *columns):
    """Raises TypeError or ValueError unless rows are tuples of ints of at least 1, one for each column."""
    wanted = f"{argument} must be a tuple or list of rows ({', '.join(columns)})"
    if not isinstance(rows, (tuple, list)):
        raise TypeError(f"{called(name)}: {wanted}, got {rows!r}")
    require(name, rows, f"{wanted}, got none")
    for i, row in enumerate(rows):
        require(name, isinstance(row, (tuple, list)) and len(row) == len(columns),
                f"{wanted}, got {row!r} as {argument}[{i}]")
        check_int(name, 1, **{f"{column} of {argument}[{i}]": value
                              for column, value in zip(columns, row, strict=True)})


def pair(name, argument, value, least=1):
    """An int for both axes, or (H, W): → (H, W).  Raises TypeError or ValueError unless they are ints ≥ least."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    require(name, len(values) == 2, f"{argument} must be an int or (H, W), got {value!r}")
    for one in values:
        check_int(name, least, **{argument: one})
    return values


# ---- kinds, for signatures -------------------------------------------------------------------------------------------

Int = kind(int, check_int)
Positive = kind(int, check_int, 1)
NonNegative = kind(int, check_int, 0)
Seed = kind(int, check_int, 0, 2**32 - 1)                                # what NumPy takes
Odd = kind(int, check_odd)
Ints = kind(tuple, check_sequence)                                       # ints of at least 1, and at least one of them
Number = kind(float, check_number)
NonNegativeNumber = kind(float, check_number, 0)
PositiveNumber = kind(float, check_factors)
Share = kind(float, check_number, 0, 1)


# ---- arrays ----------------------------------------------------------------------------------------------------------

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
