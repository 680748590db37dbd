"""The operations that stand beside their derivatives give PyTorch's numbers and gradients, all by the same few tests.

A file of `cnnlib/scratch/functional` or `cnnlib/scratch/ops` with a NAME and a NAME_backward has beside it, in the same
folder of the tests, a file test_… with tables:

CASES    what is compared with PyTorch, forward and backward
SMOOTH   where finite differences exist
DRAWN    what draws, from a seed: PyTorch draws other numbers
SAMPLES  (name, variant) of which PyTorch has samples of its own
REFUSED  name: how many error inputs PyTorch has of it at least
BAD      bad input, for tests/test_errors.py

A new operation fails here until it has its lines. What is an operation's alone is tested in its file.
"""

import functools
import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import torch
import torch.nn.functional as T

from cnnlib import scratch
from cnnlib.scratch import functional, ops
from cnnlib.scratch.tensor import arithmetic
from tests.parity import (
    Case,
    assert_case,
    assert_errors,
    assert_grad_output_is_checked,
    assert_gradients,
    assert_samples,
    assert_saved_changes_nothing,
    first,
    op_db,
    probabilities,
    uses_what_is_saved,
)

pytestmark = pytest.mark.filterwarnings("error:overflow:RuntimeWarning", "error:divide by zero:RuntimeWarning")


def families():
    """The files of operations that have derivatives, each with the tests beside it."""
    for package in (functional, ops):
        for _, name, _ in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{name}")
            if any(key.endswith("_backward") for key in getattr(module, "__all__", [])):
                folder = package.__name__.rpartition(".")[2]
                yield module, importlib.import_module(f"tests.scratch.{folder}.test_{name}")


FAMILIES = list(families())


def rows(table):
    return [row for _, tests in FAMILIES for row in getattr(tests, table, [])]


def unique(items):
    return list(dict.fromkeys(items))


def takes_saved(function):
    return "saved" in inspect.signature(function).parameters


CASES, SMOOTH, DRAWN = rows("CASES"), rows("SMOOTH"), rows("DRAWN")
REFUSED = [item for _, tests in FAMILIES for item in getattr(tests, "REFUSED", {}).items()]
EVERY = unique(CASES + SMOOTH + DRAWN)
SAVING = [case for case in EVERY if takes_saved(case.forward)]
# what is compared with PyTorch in tensor/test_arithmetic.py, through a Tensor's methods
SAVING += [Case("exp", [(2, 3, 5)], within=arithmetic), Case("sqrt", [probabilities(2, 3, 5)], within=arithmetic)]
# what stands in its own file: distillation_loss has no gradient for a target that is not given; samples that draw, or
# have other arguments
OWN = {"distillation_loss"}
OWN_SAMPLES = {"dropout", "dropout2d", "embedding", "fractional_max_pool2d", "scaled_dot_product_attention"}


def pairs(module):
    """The operations of a file that have a derivative."""
    names = [name.removesuffix("_backward") for name in module.__all__ if name.endswith("_backward")]
    return [getattr(module, name) for name in names if name not in OWN]


@functools.cache
def arrays_of(function):
    """The names of the arguments that are an array in some case, in order; not those that stand for chance."""
    found = {name for case in EVERY if case.forward is function
             for name, value in case.bound(np.float64).items() if isinstance(value, np.ndarray)}
    return [name for name in inspect.signature(function).parameters if name in found and not name.startswith("_")]


# ---- no table is forgotten -------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("module", "tests"), FAMILIES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_operation_stands_in_the_tables_beside_it(module, tests):
    for table, what in (("CASES", "comparison with PyTorch"), ("SMOOTH", "finite differences")):
        cases = getattr(tests, table) + getattr(tests, "DRAWN", []) * (table == "SMOOTH")
        missing = {function.__name__ for function in pairs(module)} - {case.name for case in cases}
        assert not missing, f"{tests.__file__}: no {what} in {table} for {sorted(missing)}"


def test_all_of_torchs_samples_are_taken():
    theirs = {op.name.removeprefix("nn.functional.") for op in op_db} & set(functional.__all__)
    missing = theirs - {name for name, _ in rows("SAMPLES")} - OWN_SAMPLES
    assert not missing, f"PyTorch has samples of {sorted(missing)}"


def test_every_pair_that_saves_is_found():
    """Whatever takes `saved` in the whole of scratch, wherever it stands."""
    found = set()
    for info in pkgutil.walk_packages(scratch.__path__, "cnnlib.scratch."):
        module = importlib.import_module(info.name)
        found |= {function for name, function in vars(module).items() if not name.startswith("_")
                  and inspect.isfunction(function) and hasattr(module, f"{name}_backward") and takes_saved(function)}
    missing = found - {case.forward for case in SAVING}
    assert len(found) >= 26 and not missing, f"no case tests what is saved by {missing}"
    for function in found:
        backward = getattr(importlib.import_module(function.__module__), f"{function.__name__}_backward")
        assert takes_saved(backward), f"{function.__name__} saves and its backward does not take it"


# ---- PyTorch ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch(case, dtype):
    assert assert_case(case, dtype) == len(arrays_of(case.forward)), "one gradient for each array"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "variant"), rows("SAMPLES"))
def test_equals_torch_on_its_own_samples(name, variant, dtype):
    assert set(assert_samples(name, variant, dtype)) == {len(arrays_of(getattr(functional, name)))}


@pytest.mark.parametrize(("name", "count"), REFUSED)
def test_what_torch_refuses_is_refused(name, count):
    assert_errors(name, count)


# ---- what is not finite ----------------------------------------------------------------------------------------------

# grid_sample: at the edge of an image bicubic samples meet a frame of zeros, which torch leaves out.
LOCAL = [case for case in CASES if case.forward.__module__.rpartition(".")[2] in (
    "activation", "convolution", "normalization", "pooling", "resampling")
    and hasattr(T, case.name) and case.options.get("mode") != "bicubic" and case.name != "affine_grid"
    and case.options.get("value") != np.inf and np.size(case.arrays(np.float32)[0]) >= 4]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("case", LOCAL, ids=str)
def test_one_number_that_is_not_finite_reaches_what_it_reaches_in_torch(case, bad):
    """No fast form lets a pixel reach an output whose window does not contain it; so it is with the gradients."""
    with np.errstate(all="ignore"):
        inputs, options = case.arrays(np.float32), case.keywords(np.float32)
        theirs = functools.partial(getattr(T, case.name), **_constant(options))
        spoilt = [inputs[0].copy(), *inputs[1:]]
        spoilt[0].flat[inputs[0].size // 2] = bad
        assert_same_places(first(case.forward(*spoilt, **options)), first(theirs(*_constant(spoilt))))
        leaf, *others = _constant(inputs)
        out = first(theirs(leaf.requires_grad_(), *others))
        if out.numel() == 0:
            return
        grad_output = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
        grad_output.view(-1)[out.numel() // 2] = bad
        want, = torch.autograd.grad(out, leaf, grad_output)
        assert_same_places(case.backward(grad_output.numpy(), *inputs, **options)[0], want)


def _constant(value):
    """Arrays as tensors that ask for no gradient."""
    if isinstance(value, dict):
        return {key: _constant(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_constant(item) for item in value]
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def assert_same_places(ours, theirs):
    np.testing.assert_array_equal(np.isfinite(ours), torch.isfinite(theirs).detach().numpy())


# ---- the derivative --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("case", SMOOTH + DRAWN, ids=str)
def test_backward_agrees_with_finite_differences(case):
    assert_gradients(case)


@pytest.mark.parametrize("case", [case for case in EVERY if "textbook" not in case.name], ids=str)
def test_grad_output_is_checked(case):
    """But by the textbook forms, which show a formula and nothing else."""
    assert_grad_output_is_checked(case)


@pytest.mark.parametrize("case", SAVING, ids=str)
def test_what_is_saved_changes_no_number(case):
    assert_saved_changes_nothing(case)


@pytest.mark.parametrize("name", unique(case.name for case in SAVING))
def test_what_is_saved_is_used(name):
    assert any(uses_what_is_saved(case) for case in SAVING if case.name == name)
