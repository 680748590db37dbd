"""Compare our operations with PyTorch's; a failure says which case, which index, what came, what was expected."""

import inspect
import itertools
import warnings

import numpy as np
import torch
import torch.nn.functional as T
from torch.testing._internal.common_methods_invocations import op_db

from cnnlib.scratch import functional as F
from cnnlib.testing import assert_close

TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 2e-5}


class Case:
    """A function's name, its array arguments, and its other arguments. A new case is one line.

    An array is given by its shape (then it is normal noise) or by a function of a generator and a dtype; one that is
    passed by keyword by such a function.  within: the module that holds NAME and NAME_backward.  reference: the same in
    PyTorch, if torch.nn.functional has no NAME.
    """

    def __init__(self, name, arrays, *, within=F, reference=None, **options):
        self.name, self.makers, self.options = name, arrays, options
        self.forward, self.backward = getattr(within, name), getattr(within, f"{name}_backward")
        self.reference = reference or getattr(T, name, None)

    def __str__(self):
        def text(value):
            return value.__name__ if callable(value) else str(value)
        options = ",".join(f"{key}={text(value)}" for key, value in self.options.items())
        arrays = ",".join(map(text, self.makers))
        return f"{self.name}[{arrays}]{options}".replace(" ", "")

    def arrays(self, dtype, seed=0):
        rng = np.random.default_rng(seed)
        values = [maker(rng, dtype) if callable(maker) else rng.normal(size=maker).astype(dtype)
                  for maker in self.makers]
        return [np.asarray(value) if isinstance(value, np.generic) else value for value in values]

    def keywords(self, dtype, seed=0):
        rng = np.random.default_rng(seed + 1000)
        return {key: value(rng, dtype) if callable(value) else value for key, value in self.options.items()}

    def bound(self, dtype, seed=0):
        """All arguments by their names, those that are left out too."""
        return bind(self.forward, self.arrays(dtype, seed), self.keywords(dtype, seed))


def bind(function, args, kwargs):
    """Arguments by the names that they have in the function's signature, with its defaults."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def array_places(arguments):
    """The names of the arguments to which the gradients of a NAME_backward belong, in order, and maybe some more.

    It is what the tape goes by: an array, or None, which holds the place of one that is left out.
    """
    return [name for name, value in arguments.items() if value is None or isinstance(value, np.ndarray)]


def classes(number, *shape):
    """Class numbers from 0 to number − 1."""
    def targets(rng, dtype):
        return rng.integers(number, size=shape)
    return targets


def given(value):
    """What is no array but stands among them in the signature: None, a number of groups, a shape."""
    def given(rng, dtype):
        return value
    given.__name__ = str(value)
    return given


def probabilities(*shape):
    """Numbers from 0.05 to 0.95."""
    def probabilities(rng, dtype):
        return rng.uniform(0.05, 0.95, size=shape).astype(dtype)
    return probabilities


def normal(*shape):
    """Normal noise, for an array that is passed by keyword."""
    def normal(rng, dtype):
        return rng.normal(size=shape).astype(dtype)
    return normal


def constants(*shape):
    """Numbers from 0.5 to 1.5 of which torch cannot give a gradient: read-only, so that `to_torch` asks for none."""
    def constants(rng, dtype):
        array = rng.uniform(0.5, 1.5, size=shape).astype(dtype)
        array.flags.writeable = False
        return array
    return constants


def assert_case(case, dtype):
    """Forward and backward of one case equal PyTorch's, and the arguments stay what they were. → number of gradients"""
    return assert_equals_torch(str(case), case.forward, case.backward, case.reference, case.arrays(dtype),
                               case.keywords(dtype))


def samples(name, variant="", dtype=torch.float64):
    """PyTorch's own samples of an operation: (what it is, its function, arguments, keywords)."""
    found = {op.name: op for op in op_db if op.variant_test_name == variant}
    op = found.get(f"nn.functional.{name}") or found[name]
    torch.manual_seed(0)
    for number, sample in enumerate(op.sample_inputs("cpu", dtype, requires_grad=True)):
        yield f"{op.name} {variant} sample {number}", op.op, (sample.input, *sample.args), sample.kwargs


def error_samples(name):
    """What PyTorch itself says must raise: (arguments, keywords, its message)."""
    for op in op_db:
        if op.name == f"nn.functional.{name}" and op.error_inputs_func is not None:
            for error in op.error_inputs("cpu"):
                sample = error.sample_input
                yield to_numpy((sample.input, *sample.args)), to_numpy(sample.kwargs), error.error_regex


def assert_samples(name, variant="", dtype=torch.float64):
    """All of PyTorch's samples give PyTorch's answers, forward and backward. → numbers of gradients, of each sample"""
    ours, backward = getattr(F, name), getattr(F, f"{name}_backward")
    numbers = []
    for label, theirs, args, kwargs in samples(name, variant, dtype):
        label = f"{label}: {describe(args)} {describe(kwargs)}"
        numbers.append(assert_equals_torch(label, ours, backward, theirs, args, kwargs))
    assert numbers, f"PyTorch has no samples of {name} {variant}"
    return numbers


def assert_errors(name, count):
    """All of PyTorch's error inputs raise here too, in our words. count: how many there must at least be."""
    seen = 0
    for args, kwargs, regex in error_samples(name):
        seen += 1
        try:
            getattr(F, name)(*args, **kwargs)
        except (ValueError, TypeError) as error:
            assert str(error).startswith(f"{name}: "), f"{name} raises {error!r}, which does not begin with its name"
        else:
            raise AssertionError(f"{name} takes {describe(args)} {describe(kwargs)}, for which PyTorch says: {regex}")
    assert seen >= count, f"{seen} error inputs of {name} were found, expected {count}"


def assert_equals_torch(label, ours, backward, theirs, args, kwargs):
    """args, kwargs: NumPy arrays or tensors among other things; theirs gets tensors, ours gets arrays.

    → the number of gradients that backward returns
    """
    args, kwargs = to_torch(args), to_torch(kwargs)
    bound = bind(ours, args, kwargs)
    running = {"running_mean", "running_var"} & set(bound)
    for name in running:
        if bound[name] is not None:
            bound[name].requires_grad_(False)    # torch takes none that asks for a gradient
    array_args, array_kwargs = to_numpy(args), to_numpy(kwargs)
    before = to_numpy(args), to_numpy(kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # running statistics are updated in place, on both sides: torch gets its own copies
        want = theirs(*map(_own, args), **{key: _own(value) for key, value in kwargs.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)                     # of shapes that broadcast, as torch's
        got = ours(*array_args, **array_kwargs)
    try:
        _assert_same(got, want)
    except AssertionError as error:
        raise AssertionError(f"{label}: forward: {error}") from None

    leaves = {name: value for name, value in bound.items() if isinstance(value, torch.Tensor) and value.requires_grad}
    first = want[0] if isinstance(want, tuple) else want
    grad_output = torch.randn(first.shape, dtype=first.dtype, generator=torch.Generator().manual_seed(1))
    if leaves and first.requires_grad:
        expected = dict(zip(leaves, torch.autograd.grad(first, list(leaves.values()), grad_output, allow_unused=True),
                            strict=True))
    else:
        expected = {}
    grads = backward(np.asarray(grad_output.numpy()), *array_args, **array_kwargs)
    ours_bound = bind(ours, array_args, array_kwargs)
    places = array_places(ours_bound)
    assert isinstance(grads, tuple) and len(grads) <= len(places), f"{label}: backward returns {grads} for {places}"
    for name, grad in itertools.zip_longest(places, grads):
        wanted = expected.get(name)
        try:
            if wanted is None:
                assert grad is None or ours_bound[name] is not None, "a gradient of what was not given"
                if name in leaves:
                    assert grad is None or not np.any(grad), "torch has no gradient here"
            else:
                assert grad is not None, "the gradient is missing"
                _assert_same(grad, wanted)
        except AssertionError as error:
            raise AssertionError(f"{label}: gradient of {name}: {error}") from None
    moves = [ours_bound[name] for name in running]                       # these are changed in place
    for part, original in zip((array_args, array_kwargs.values()), (before[0], before[1].values()), strict=True):
        for value, old in zip(part, original, strict=True):
            if isinstance(value, np.ndarray) and not any(value is array for array in moves):
                np.testing.assert_array_equal(value, old, err_msg=f"{label} changes an argument")
    return len(grads)


def assert_gradients(case, seed=0):
    """Backward agrees with central differences in float64, with no other library's help.

    Σ g·f(x + h·d) − Σ g·f(x − h·d) ≈ 2h Σ dx·d       for a random direction d
    """
    arguments, rng, step = case.bound(np.float64, seed), np.random.default_rng(seed + 1), 1e-6

    def value(**moved):
        return first(case.forward(**{**arguments, **moved}))

    grad_output = rng.normal(size=np.shape(value()))
    grads = case.backward(np.asarray(grad_output), **arguments)
    for name, grad in zip(array_places(arguments), grads, strict=False):
        array = arguments[name]
        if grad is None or array.dtype.kind != "f":
            continue
        direction = rng.normal(size=array.shape)
        ends = [value(**{name: array + sign * step * direction}) for sign in (1, -1)]
        numeric = np.sum(grad_output * (ends[0] - ends[1])) / (2 * step)
        assert_close(np.sum(grad * direction), numeric, tolerance=1e-6)


def assert_grad_output_is_checked(case):
    """A gradient of the wrong shape, and one of the wrong dtype, are refused by name."""
    arguments = case.bound(np.float64)
    out = first(case.forward(**arguments))
    for wrong in (np.ones((*np.shape(out), 2)), np.ones(np.shape(out), np.float32)):
        try:
            case.backward(wrong, **arguments)
        except (ValueError, TypeError) as error:
            assert f"{case.name}_backward: grad_output must" in str(error), str(error)
        else:
            raise AssertionError(f"{case.name}_backward takes a grad_output of {wrong.shape} {wrong.dtype}")


def assert_saved_changes_nothing(case):
    """With what the forward saved the backward gives the same numbers, to the last bit; and saving changes none."""
    arguments, saved = case.bound(np.float64), {}
    plain, kept = case.forward(**arguments), case.forward(**{**arguments, "saved": saved})
    for ours, theirs in zip(kept, plain, strict=True) if isinstance(plain, tuple) else [(kept, plain)]:
        np.testing.assert_array_equal(ours, theirs)
    grad_output = np.random.default_rng(1).normal(size=np.shape(first(plain)))
    grads = case.backward(grad_output, **arguments)
    for ours, theirs in zip(case.backward(grad_output, **{**arguments, "saved": saved}), grads, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)


def uses_what_is_saved(case):
    """Whether the backward computes something else from zeros in place of what was saved."""
    arguments, saved = case.bound(np.float64), {}
    grad_output = np.ones_like(first(case.forward(**{**arguments, "saved": saved})))
    zeros = {key: np.zeros_like(value) for key, value in saved.items()}
    with np.errstate(all="ignore"):
        true, other = (case.backward(grad_output, **{**arguments, "saved": kept}) for kept in (saved, zeros))
    return any(not np.array_equal(a, b) for a, b in zip(true, other, strict=True) if a is not None)


def first(output):
    """The output that has a gradient: the first, if there are several."""
    return output[0] if isinstance(output, tuple) else output


def to_numpy(value):
    """Tensors within tuples, lists and dicts → arrays of their own; dtypes too."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().copy()
    if isinstance(value, torch.dtype):
        return torch.empty(0, dtype=value).numpy().dtype.type
    return _within(to_numpy, value)


def to_torch(value):
    """Arrays within tuples, lists and dicts → tensors, which ask for a gradient if writeable and of floats."""
    if isinstance(value, np.ndarray):
        tensor = torch.from_numpy(value.copy())
        return tensor.requires_grad_(tensor.is_floating_point() and value.flags.writeable)
    return _within(to_torch, value)


def describe(value):
    """The same with shapes in place of arrays, to print."""
    return tuple(value.shape) if isinstance(value, (torch.Tensor, np.ndarray)) else _within(describe, value)


def _within(function, value):
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    return type(value)(map(function, value)) if type(value) in (tuple, list) else value


def _own(value):
    return value.clone() if isinstance(value, torch.Tensor) else value


def _assert_same(got, want):
    pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
    for ours, theirs in itertools.chain(pairs):
        dtype = theirs.detach().numpy().dtype
        assert ours.dtype == dtype, f"dtype {ours.dtype}, expected {dtype}"
        # equal_nan through NumPy: where torch has NaN or ∞, so have we
        finite = np.isfinite(theirs.detach().numpy())
        assert ours.shape == tuple(theirs.shape), f"shape {ours.shape}, expected {tuple(theirs.shape)}"
        np.testing.assert_array_equal(ours[~finite], theirs.detach().numpy()[~finite])
        ours, theirs = np.where(finite, ours, 0), np.where(finite, theirs.detach().numpy(), 0)
        if dtype == np.float32:                  # a sum's rounding goes with its largest terms, not with its own size
            scale = np.float32(max(1, np.abs(theirs).max(initial=0)))
            ours, theirs = ours / scale, theirs / scale
        assert_close(ours, theirs, TOLERANCE.get(dtype, 0))
