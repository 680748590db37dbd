"""Activations, forward and backward: functions of each element, and softmax."""

import numpy as np

from .arguments import check_float, check_grad_output

__all__ = ["leaky_relu", "leaky_relu_backward", "relu", "relu_backward", "sigmoid", "sigmoid_backward"]


def relu(input, inplace=False):
    """The positive part.

    out = max(0, x)

    input: (*)  →  (*).  inplace: accepted as in torch; the input is never changed.
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.relu`.
    """
    input, = check_float("relu", input=input)
    return np.maximum(input, 0)


def relu_backward(grad_output, input, inplace=False):
    """dx = dy where x > 0, else 0."""
    input, = check_float("relu_backward", input=input)
    grad_output = check_grad_output("relu_backward", grad_output, input.shape, input.dtype)
    return (grad_output * (input > 0),)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """The positive part, and a little of the negative (Maas et al. 2013).

    out = x where x > 0, else negative_slope · x

    input: (*)  →  (*).  inplace: accepted as in torch; the input is never changed.
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.leaky_relu`.
    """
    input, = check_float("leaky_relu", input=input)
    return np.where(input > 0, input, input * input.dtype.type(negative_slope))


def leaky_relu_backward(grad_output, input, negative_slope=0.01, inplace=False):
    """dx = dy where x > 0, else negative_slope · dy."""
    input, = check_float("leaky_relu_backward", input=input)
    grad_output = check_grad_output("leaky_relu_backward", grad_output, input.shape, input.dtype)
    return (np.where(input > 0, grad_output, grad_output * input.dtype.type(negative_slope)),)


def sigmoid(input, *, memory=None):
    """Squash to (0, 1).

    out = 1 / (1 + exp(−x))

    input: (*)  →  (*).  memory: a dict in which the forward leaves its output for the backward.
    Raises TypeError for other dtypes.  Source: `torch.sigmoid`.
    """
    input, = check_float("sigmoid", input=input)
    out = np.negative(input, out=np.empty_like(input))
    with np.errstate(over="ignore"):                                     # exp(−x) = ∞ gives 1/∞ = 0, as it should
        np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)
    if memory is not None:
        memory["out"] = out
    return out


def sigmoid_backward(grad_output, input, *, memory=None):
    """dx = dy · σ(x) · (1 − σ(x))."""
    input, = check_float("sigmoid_backward", input=input)
    grad_output = check_grad_output("sigmoid_backward", grad_output, input.shape, input.dtype)
    out = memory["out"] if memory else sigmoid(input)
    return (grad_output * (out * (1 - out)),)
