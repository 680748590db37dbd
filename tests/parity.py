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

# The parameters that hold arrays: NAME_backward returns one gradient for each of them, in the order of the signature.
ARRAYS = {"input", "weight", "bias", "target", "running_mean", "running_var", "pos_weight", "query", "key", "value",
          "attn_mask", "grid", "theta", "content", "style", "g", "u", "v"}
TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 2e-5}


class Case:
    """A function's name, its array arguments, and its other arguments. A new case is one line.

    An array is given by its shape (then it is normal noise) or by a function of a generator and a dtype; one that is
    passed by keyword by such a function.  within: the module that holds NAME and NAME_backward, if torch has no NAME.
    """

    def __init__(self, name, arrays, *, within=F, **options):
        self.name, self.makers, self.options = name, arrays, options
        self.forward, self.backward = getattr(within, name), getattr(within, f"{name}_backward")

    def __str__(self):
        def text(value):
            return value.__name__ if callable(value) else str(value)
        options = ",".join(f"{key}={text(value)}" for key, value in self.options.items())
        arrays = ",".join(map(text, self.makers))
        return f"{self.name}[{arrays}]{options}".replace(" ", "")

    def arrays(self, dtype, seed=0):
        rng = np.random.default_rng(seed)
        return [maker(rng, dtype) if callable(maker) else rng.normal(size=maker).astype(dtype)
                for maker in self.makers]

    def keywords(self, dtype, seed=0):
        rng = np.random.default_rng(seed + 1000)
        return {key: value(rng, dtype) if callable(value) else value for key, value in self.options.items()}


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
    """Forward and backward of one case equal PyTorch's, and the arguments stay what they were."""
    assert_equals_torch(str(case), case.forward, case.backward, getattr(T, case.name), case.arrays(dtype),
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
    """All of PyTorch's samples give PyTorch's answers, forward and backward; there must be some."""
    ours, backward, count = getattr(F, name), getattr(F, f"{name}_backward"), 0
    for count, (label, theirs, args, kwargs) in enumerate(samples(name, variant, dtype), 1):           # noqa: B007
        assert_equals_torch(f"{label}: {describe(args)} {describe(kwargs)}", ours, backward, theirs, args, kwargs)
    assert count > 0, f"PyTorch has no samples of {name} {variant}"


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
    """args, kwargs: NumPy arrays or tensors among other things; theirs gets tensors, ours gets arrays."""
    args, kwargs = to_torch(args), to_torch(kwargs)
    bound = inspect.signature(ours).bind(*args, **kwargs).arguments
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
    got = ours(*array_args, **array_kwargs)
    try:
        _assert_same(got, want)
    except AssertionError as error:
        raise AssertionError(f"{label}: forward: {error}") from None

    names = [name for name in inspect.signature(ours).parameters if name in ARRAYS
             and (ours.__name__, name) != ("pad", "value")]      # which is a number
    leaves = {name: bound[name] for name in names if isinstance(bound.get(name), torch.Tensor)
              and bound[name].requires_grad}
    first = want[0] if isinstance(want, tuple) else want
    grad_output = torch.randn(first.shape, dtype=first.dtype, generator=torch.Generator().manual_seed(1))
    if leaves and first.requires_grad:
        expected = dict(zip(leaves, torch.autograd.grad(first, list(leaves.values()), grad_output, allow_unused=True),
                            strict=True))
    else:
        expected = {}
    grads = backward(np.asarray(grad_output.numpy()), *array_args, **array_kwargs)
    assert isinstance(grads, tuple) and len(grads) == len(names), \
        f"{label}: backward returns {len(grads)} gradients for the arrays {names}"
    for name, grad in zip(names, grads, strict=True):
        wanted = expected.get(name)
        try:
            if wanted is None:
                if name in leaves:
                    assert grad is None or not np.any(grad), "torch has no gradient here"
            else:
                assert grad is not None, "the gradient is missing"
                _assert_same(grad, wanted)
        except AssertionError as error:
            raise AssertionError(f"{label}: gradient of {name}: {error}") from None
    ours_bound = inspect.signature(ours).bind(*array_args, **array_kwargs).arguments
    moves = [ours_bound[name] for name in running]                       # these are changed in place
    for part, original in zip((array_args, array_kwargs.values()), (before[0], before[1].values()), strict=True):
        for value, old in zip(part, original, strict=True):
            if isinstance(value, np.ndarray) and not any(value is array for array in moves):
                np.testing.assert_array_equal(value, old, err_msg=f"{label} changes an argument")


def assert_gradients(case, seed=0):
    """Backward agrees with central differences in float64, with no other library's help.

    Σ g·f(x + h·d) − Σ g·f(x − h·d) ≈ 2h Σ dx·d       for a random direction d
    """
    arrays, options = case.arrays(np.float64, seed), case.keywords(np.float64, seed)
    forward, backward = case.forward, case.backward
    rng = np.random.default_rng(seed + 1)

    def value(moved):
        out = forward(*moved, **options)
        return out[0] if isinstance(out, tuple) else out

    grad_output = rng.normal(size=np.shape(value(arrays)))
    grads = backward(np.asarray(grad_output), *arrays, **options)
    step = 1e-6
    places = [i for i, array in enumerate(arrays) if array is None or isinstance(array, np.ndarray)]
    for i, grad in zip(places, grads, strict=False):
        array = arrays[i]
        if grad is None or array.dtype.kind != "f":
            continue
        direction = rng.normal(size=array.shape)
        ends = [value([a + sign * step * direction if j == i else a for j, a in enumerate(arrays)])
                for sign in (1, -1)]
        numeric = np.sum(grad_output * (ends[0] - ends[1])) / (2 * step)
        assert_close(np.sum(grad * direction), numeric, tolerance=1e-6)


def assert_grad_output_is_checked(case):
    """A gradient of the wrong shape, and one of the wrong dtype, are refused by name."""
    arrays, options = case.arrays(np.float64), case.keywords(np.float64)
    out = case.forward(*arrays, **options)
    out = out[0] if isinstance(out, tuple) else out
    for wrong in (np.ones((*np.shape(out), 2)), np.ones(np.shape(out), np.float32)):
        try:
            case.backward(wrong, *arrays, **options)
        except (ValueError, TypeError) as error:
            assert f"{case.name}_backward: grad_output must" in str(error), str(error)
        else:
            raise AssertionError(f"{case.name}_backward takes a grad_output of {wrong.shape} {wrong.dtype}")


def to_numpy(value):
    """Tensors within tuples, lists and dicts → arrays of their own; dtypes too."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().copy()
    if isinstance(value, torch.dtype):
        return torch.empty(0, dtype=value).numpy().dtype.type
    return _within(to_numpy, value)


def to_torch(value):
    """Arrays within tuples, lists and dicts → tensors, which ask for a gradient if writeable and of floats."""
    if isinstance(value, (np.ndarray, np.generic)):
        tensor = torch.from_numpy(np.array(value))
        return tensor.requires_grad_(tensor.is_floating_point() and (np.isscalar(value) or value.flags.writeable))
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
