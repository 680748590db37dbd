"""Networks in few bits: a copy that computes as if its weights, and its activations, were small integers.

The integers themselves, and layers that count in them, stand in `cnnlib.scratch.quantization`; here they are imitated
in floating point ("fake quantisation"), as is usual to try out what a network would lose (Jacob et al. 2018).
"""

import copy
import functools
import math

import numpy as np
import torch
from torch import nn

from .checks import check_type, checked, is_int, is_number
from .tensors import Net

__all__ = ["fake_quantize", "model_size", "quantize_activations", "quantize_weights"]

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)       # where nearly all weights and products are


def fake_quantize(x, bits=8, axis=None, symmetric=False, *, low=None, high=None):
    """x rounded to 2^bits steps, with the straight-through gradient: 1 where nothing is clipped, else 0.

    x̂ = scale · (clip(round(x / scale) + zero_point) − zero_point)

    scale and zero_point: as in `cnnlib.scratch.quantization.quantization_scale`, from the least and the largest of x,
    of each channel along axis, or from low and high, numbers that x may also exceed.  x: (*), finite  →  (*);
    bits: 1 … 16, symmetric from 2 on.  A half is rounded to the even integer.
    Raises TypeError or ValueError naming the argument.
    """
    name = "fake_quantize"
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"{name}: x must be a tensor of floats, got {getattr(x, 'dtype', type(x).__name__)}")
    bits = _check_bits(name, bits, symmetric)
    if not x.isfinite().all():
        raise ValueError(f"{name}: x must hold finite numbers")
    if axis is not None and not (is_int(axis) and -x.ndim <= axis < x.ndim):
        raise ValueError(f"{name}: axis must be None or an axis of {tuple(x.shape)}, got {axis!r}")
    for end, value in {"low": low, "high": high}.items():
        if value is not None and not (is_number(value) and math.isfinite(value)):
            raise TypeError(f"{name}: {end} must be None or a finite number, got {value!r}")
    if (low is None) != (high is None) or (low is not None and (axis is not None or not low <= high)):
        raise ValueError(f"{name}: low and high must both be given, low ≤ high and without axis, or neither; "
                         f"got {low}, {high} and axis {axis}")
    if x.numel() == 0:
        return x
    if low is None:
        flat = x.detach().reshape(1, -1) if axis is None else x.detach().movedim(axis, 0).flatten(1)
        low, high = flat.amin(1), flat.amax(1)                           # (1,) or (C,)
    low, high = (torch.as_tensor(end, dtype=torch.float64, device=x.device).reshape(-1) for end in (low, high))
    low, high = low.clamp_max(0), high.clamp_min(0)
    lowest, highest = -2 ** (bits - 1) + bool(symmetric), 2 ** (bits - 1) - 1
    scale = torch.maximum(-low, high) / highest if symmetric else (high - low) / (highest - lowest)
    scale = torch.where(high == low, 1.0, scale.clamp_min(torch.finfo(torch.float32).tiny)).float()
    zero_point = torch.zeros_like(low) if symmetric else (lowest - (low / scale).round()).clamp(lowest, highest)
    zero_point = zero_point.int()
    if axis is None:
        return torch.fake_quantize_per_tensor_affine(x, scale[0], zero_point[0], lowest, highest)
    return torch.fake_quantize_per_channel_affine(x, scale, zero_point, int(axis) % x.ndim, lowest, highest)


@checked
def quantize_weights(net: Net, bits=8, per_channel=True, symmetric=True):
    """A copy of net whose convolutions and linear layers have weights of so many bits.

    per_channel: a scale for each output channel, else one for each layer.  symmetric: see `fake_quantize`.
    Biases and norms stay as they are, as is usual: they are few.
    Raises TypeError or ValueError naming the argument, or a layer whose weight is computed anew, as by weight_norm.
    """
    _check_bits("quantize_weights", bits, symmetric)
    net = copy.deepcopy(net)
    for layer in _weighted("quantize_weights", net):
        axis = int(isinstance(layer, TRANSPOSED)) if per_channel else None                   # (in, out, …) there
        with torch.no_grad():
            layer.weight.copy_(fake_quantize(layer.weight, bits, axis, symmetric))
    return net


@checked
def quantize_activations(net: Net, x, bits=8):
    """A copy of net in which what enters each convolution and linear layer is rounded to so many bits, affine.

    The range of each is calibrated: the least and the largest number that enters while net looks at x, (N, …), in
    `eval()`; later numbers beyond are clipped. With `quantize_weights` before, all products are of small integers:
        quantize_activations(quantize_weights(net), x[:200])
    Raises TypeError or ValueError naming the argument.
    """
    bits = _check_bits("quantize_activations", bits, False)
    check_type("quantize_activations", (np.ndarray, torch.Tensor, list, tuple), "an array or a tensor", x=x)
    x = torch.as_tensor(x)
    if x.numel() == 0:
        raise ValueError(f"quantize_activations: x must hold at least one example, got shape {tuple(x.shape)}")
    ranges = {}

    def watching(name):
        def hook(layer, inputs):
            low, high = (end.item() for end in inputs[0].aminmax())
            if not (math.isfinite(low) and math.isfinite(high)):
                raise ValueError(f"quantize_activations: what x sends into layer {name!r} is not finite")
            before = ranges.get(name, (low, high))                       # a layer may be called several times
            ranges[name] = min(low, before[0]), max(high, before[1])
        return hook

    watched, net = copy.deepcopy(net).eval(), copy.deepcopy(net)
    for name, layer in _layers(watched):
        layer.register_forward_pre_hook(watching(name))
    with torch.no_grad():
        watched(x)
    for name, layer in _layers(net):
        if name in ranges:
            low, high = ranges[name]
            layer.register_forward_pre_hook(functools.partial(_round_input, bits=bits, low=low, high=high))
    return net


@checked
def model_size(net: Net, bits=32, per_channel=True):
    """How many bytes net takes with weights of so many bits.

    The weights of convolutions and linear layers take bits each, filled up to whole bytes for each layer; below 32 bits
    also 4 bytes for every scale. Everything else, biases, norms and their statistics, takes what it takes now.
    Raises TypeError or ValueError naming the argument, or as `quantize_weights` a layer.
    """
    if not is_int(bits) or not 1 <= bits <= 32:
        raise ValueError(f"model_size: bits must be an int from 1 to 32, got {bits!r}")
    bits = int(bits)
    size = sum(tensor.numel() * tensor.element_size() for tensor in [*net.parameters(), *net.buffers()])
    if bits == 32:
        return size
    for weight, channels in {layer.weight: layer.weight.shape[isinstance(layer, TRANSPOSED)]
                             for layer in _weighted("model_size", net)}.items():        # a shared weight is there once
        size -= weight.numel() * weight.element_size()
        size += math.ceil(weight.numel() * bits / 8) + 4 * (channels if per_channel else 1)
    return size


def _layers(net):
    return [(name, module) for name, module in net.named_modules() if isinstance(module, LAYERS)]


def _weighted(function, net):
    """The layers, each of which has a weight of its own."""
    for name, layer in _layers(net):
        if "weight" not in dict(layer.named_parameters(recurse=False)):
            raise ValueError(f"{function}: the weight of layer {name!r} is computed from others; "
                             "call torch.nn.utils.parametrize.remove_parametrizations(layer, \"weight\") first")
    return [layer for _, layer in _layers(net)]


def _round_input(layer, inputs, bits, low, high):
    """A hook; a function of the file, not a local one, so that a network that has it can be saved."""
    return (fake_quantize(inputs[0], bits, low=low, high=high), *inputs[1:])


def _check_bits(name, bits, symmetric):
    least = 2 if symmetric else 1
    if not is_int(bits) or not least <= bits <= 16:
        raise ValueError(f"{name}: bits must be an int from {least} to 16{', if symmetric' * bool(symmetric)}, "
                         f"got {bits!r}")
    return int(bits)
