"""The reader's own functions in place of those of `functional`."""

import difflib
import functools
import inspect

import numpy as np

from .. import functional as F
from ..tensor.autograd import replacing

ONE_FOR_ALL_AXES = {"kernel_size", "stride", "padding", "dilation", "output_padding"}


def replacements(functions):
    """{name: function} → {function of `functional`: (the reader's, its backward)}

    Raises ValueError for a name that `functional` does not have, TypeError for anything but a function.
    """
    for name, function in functions.items():
        if name not in F.__all__:
            near = difflib.get_close_matches(name, F.__all__, n=5)
            raise ValueError(f"from_torch: functional has no {name}{'; near it are ' * bool(near)}{', '.join(near)}")
        if not callable(function):
            raise TypeError(f"from_torch: {name} must be a function, got {type(function).__name__}")
    own = {name: _plainly(name, function) for name, function in functions.items()}
    names = {name.removesuffix("_backward") for name in functions}
    return {getattr(F, name): tuple(own.get(key, getattr(F, key)) for key in (name, f"{name}_backward"))
            for name in names}


def _plainly(name, function):
    """The reader's function, called with (3, 3) as 3 and without arguments that have their default."""
    signature = inspect.signature(getattr(F, name))

    @functools.wraps(function)
    def call(*args, **options):
        named = {key: value for key, value in options.items() if key not in signature.parameters}    # saved, perhaps
        given = signature.bind(*args, **{key: value for key, value in options.items() if key not in named})
        given.apply_defaults()
        positional, plain = [], True
        for key, parameter in reversed(signature.parameters.items()):
            value = given.arguments[key]
            if key in ONE_FOR_ALL_AXES and isinstance(value, (tuple, list)) and len(set(value)) == 1:
                value = value[0]
            default = key == "inplace" or (not isinstance(value, np.ndarray) and value == parameter.default)
            if parameter.kind is parameter.KEYWORD_ONLY:
                named |= {} if default else {key: value}
            elif not (default and plain):                                # only the last ones can be left out
                positional.insert(0, value)
                plain = False
        return function(*positional, **named)

    return call


def run_with(replaced, forward, *inputs, **options):
    """forward(*inputs, **options) on the reader's functions."""
    with replacing(replaced):
        return forward(*inputs, **options)
