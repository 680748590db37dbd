"""Linear maps of the last axis, forward and backward: dense layers, and tables of vectors to look up."""

import math

import numpy as np

from cnnlib.checks import check_float, check_grad_output, is_int

__all__ = ["embedding", "embedding_backward", "linear", "linear_backward"]


def linear(input, weight, bias=None):
    """A dense layer: every output is a weighted sum of all inputs.

    out[…, o] = Σ_i input[…, i] · weight[o, i] + bias[o]

    input: (*, in)   weight: (out, in)   bias: (out,) or None  →  (*, out)
    weight may be (in,) and bias (); then → (*).
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.linear`.
    """
    input, weight, bias = _check_linear("linear", input, weight, bias)
    rows = input.reshape(math.prod(input.shape[:-1]), input.shape[-1])   # one product, not one for each matrix
    out = rows @ weight.T
    if bias is not None:
        out += bias
    return out.reshape(input.shape[:-1] + weight.shape[:-1])


def linear_backward(grad_output, input, weight, bias=None, *, needs_input_grad=None):
    """With X and dY as matrices of rows, Y = X Wᵀ + b:  dX = dY W, dW = dYᵀ X, db = Σ_rows dY."""
    input, weight, bias = _check_linear("linear_backward", input, weight, bias)
    shape = input.shape[:-1] + weight.shape[:-1]
    grad_output = check_grad_output("linear_backward", grad_output, shape, input.dtype)
    needs_input_grad = needs_input_grad or (True, True, True)
    matrix = weight.reshape(math.prod(weight.shape[:-1]), weight.shape[-1])                  # (out, in), also for (in,)
    x = input.reshape(math.prod(input.shape[:-1]), input.shape[-1])      # (rows, in)
    dy = grad_output.reshape(len(x), len(matrix))                        # (rows, out)
    dinput = (dy @ matrix).reshape(input.shape) if needs_input_grad[0] else None
    dweight = (dy.T @ x).reshape(weight.shape) if needs_input_grad[1] else None
    dbias = dy.sum(axis=0).reshape(bias.shape) if needs_input_grad[2] and bias is not None else None
    return dinput, dweight, dbias


def embedding(input, weight, padding_idx=None, *, scale_grad_by_freq=False):
    """Look up rows of a table: `linear` of one-hot vectors, without the zeros.

    out[…, :] = weight[input[…], :]

    input: (*), integers   weight: (V, D)  →  (*, D)
    padding_idx: the row that gets no gradient, from −V to V − 1. scale_grad_by_freq: the gradient of each row is
    divided by how often it was looked up. Not here are torch's max_norm, which changes weight, and sparse gradients.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.embedding`.
    """
    input, weight, _ = _check_embedding("embedding", input, weight, padding_idx)
    return np.take(weight, input, axis=0)


def embedding_backward(grad_output, input, weight, padding_idx=None, *, scale_grad_by_freq=False):
    """dweight[v] = Σ dy over the places where v was looked up; indices have no gradient.  → (None, dweight)"""
    name = "embedding_backward"
    input, weight, padding_idx = _check_embedding(name, input, weight, padding_idx)
    grad_output = check_grad_output(name, grad_output, input.shape + weight.shape[1:], weight.dtype)
    rows, size = input.reshape(-1, 1).astype(np.intp), weight.shape[1]
    dy = grad_output.reshape(len(rows), size)
    if scale_grad_by_freq:
        dy = dy / np.bincount(rows[:, 0])[rows].astype(dy.dtype)
    # dweight[rows] += dy would count a repeated row once. On a flat array add.at is four times as fast as on rows.
    dweight = np.zeros(weight.size, weight.dtype)
    np.add.at(dweight, (rows * size + np.arange(size)).reshape(-1), dy.reshape(-1))
    dweight = dweight.reshape(weight.shape)
    if padding_idx is not None:
        dweight[padding_idx] = 0
    return None, dweight


def _check_linear(name, input, weight, bias):
    input, weight, bias = check_float(name, input=input, weight=weight, bias=bias)
    if input.ndim < 1 or weight.ndim not in (1, 2) or input.shape[-1] != weight.shape[-1]:
        raise ValueError(f"{name}: input must be (*, in) and weight (out, in) or (in,), got {input.shape} and "
                         f"{weight.shape}")
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ValueError(f"{name}: bias must have shape {weight.shape[:-1]}, a number for each output, "
                         f"got {bias.shape}")
    return input, weight, bias


def _check_embedding(name, input, weight, padding_idx):
    """→ input, weight, padding_idx"""
    weight, = check_float(name, weight=weight)
    if weight.ndim != 2:
        raise ValueError(f"{name}: weight must be 2-D (V, D), got shape {weight.shape}")
    if isinstance(input, np.generic):
        input = np.asarray(input)
    if not isinstance(input, np.ndarray) or input.dtype.kind not in "iu":
        raise TypeError(f"{name}: input must be a NumPy array of integers, "
                        f"got {getattr(input, 'dtype', type(input).__name__)}")
    if input.size and (input.min() < 0 or input.max() >= len(weight)):
        raise ValueError(f"{name}: input must be from 0 to {len(weight) - 1}, the rows of weight, got numbers from "
                         f"{input.min()} to {input.max()}")
    if padding_idx is not None:
        if not is_int(padding_idx):
            raise TypeError(f"{name}: padding_idx must be None or an int, got {padding_idx!r}")
        if not -len(weight) <= padding_idx < len(weight):
            raise ValueError(f"{name}: padding_idx must be from {-len(weight)} to {len(weight) - 1}, got {padding_idx}")
    return input, weight, padding_idx
