"""Activations give PyTorch's numbers and gradients."""

import numpy as np
import pytest
import torch
from parity import Case, assert_case, assert_errors, assert_grad_output_is_checked, assert_gradients, assert_samples

from cnnlib.scratch import functional as F

CASES = [
    Case("relu", [(2, 3, 5)]),
    Case("leaky_relu", [(2, 3, 5)], negative_slope=0.2),
    Case("sigmoid", [(2, 3, 5)]),
]
# function, arguments, keywords, what the message must hold
BAD = [
    (F.relu, ([1.0],), {}, "relu: input must be a NumPy array, got list"),
    (F.leaky_relu, (np.ones(3, int),), {}, "leaky_relu: input must be float32 or float64, got int64"),
    (F.sigmoid, (np.ones(3, int),), {}, "sigmoid: input must be float32 or float64"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch(case, dtype):
    assert_case(case, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid"])
def test_equals_torch_on_its_own_samples(name, dtype):
    assert_samples(name, dtype=dtype)


@pytest.mark.parametrize(("name", "count"), [("relu", 0)])
def test_what_torch_refuses_is_refused(name, count):
    assert_errors(name, count)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_backward_agrees_with_finite_differences(case):
    assert_gradients(case)
    assert_grad_output_is_checked(case)


@pytest.mark.parametrize(("function", "args", "kwargs", "message"), BAD)
def test_bad_input_is_named(function, args, kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        function(*args, **kwargs)
