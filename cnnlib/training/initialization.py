"""First weights of a whole network, and what they do to the size of what flows through it."""

import copy
import math
from typing import Literal

import pandas as pd
import torch
from torch import nn

from ..checks import Number, check_choice, check_type, checked

__all__ = ["activation_statistics", "fans", "initialize"]

METHODS = ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal")


def fans(weight):
    """(fan_in, fan_out): how many numbers one output is made of, and into how many outputs one number goes.

    fan_in = in · kernel size,  fan_out = out · kernel size      for a weight (out, in, *kernel)

    As in torch, the fan_out of a grouped convolution counts the outputs of all groups.
    Raises TypeError or ValueError for another weight.
    """
    check_type("fans", torch.Tensor, "a tensor", weight=weight)
    if weight.ndim < 2 or 0 in weight.shape:
        raise ValueError(f"fans: weight must be (out, in, *kernel), none of them 0, got shape {tuple(weight.shape)}")
    kernel = math.prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


@checked
@torch.no_grad()
def initialize(net, method="he_normal", mode: Literal["fan_in", "fan_out"] = "fan_in", negative_slope: Number = 0.0,
               generator=None):
    """Draw the weights of all convolutions and linear layers anew, in place; their biases become 0.

    Var w = 2 / (fan_in + fan_out)         "glorot_…", for activations that are linear around 0 (Glorot & Bengio 2010)
    Var w = 2 / ((1 + s²) · fan)           "he_…", for ReLU, which loses half (He et al. 2015)

    method: these with "normal", or with "uniform", which is ±√(3 · Var w) at most.  mode: "fan_in" keeps the size of
    He's activations, "fan_out" that of the gradients.  negative_slope: s, for leaky ReLU.  generator: torch's, or None.
    Everything else stays as it is: norms, transposed convolutions (see `icnr_` of `cnnlib.blocks`), parameters of
    attention, and layers with a true attribute `starts_at_zero`, as that for the offsets of `DeformConv2d`.  → net.
    Raises TypeError or ValueError naming the argument, also where there is no such layer, or one whose weight is
    computed anew from others, as by weight_norm.
    """
    check_type("initialize", nn.Module, "a torch.nn.Module", net=net)
    check_choice("initialize", "method", method, METHODS)
    check_type("initialize", (torch.Generator, type(None)), "None or a torch.Generator", generator=generator)
    layers = {name: layer for name, layer in net.named_modules()
              if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear))
              and not getattr(layer, "starts_at_zero", False)}
    if not layers:
        raise ValueError("initialize: net has no convolution and no linear layer")
    for name, layer in layers.items():
        if "weight" not in dict(layer.named_parameters(recurse=False)):
            raise ValueError(f"initialize: the weight of layer {name!r} is computed from others, and would not stay "
                             "as drawn; call torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight') first")
    for layer in layers.values():
        fan_in, fan_out = fans(layer.weight)
        if method.startswith("glorot"):
            variance = 2 / (fan_in + fan_out)
        else:
            variance = 2 / ((1 + negative_slope**2) * (fan_in if mode == "fan_in" else fan_out))
        if method.endswith("normal"):
            layer.weight.normal_(0, math.sqrt(variance), generator=generator)
        else:
            bound = math.sqrt(3 * variance)
            layer.weight.uniform_(-bound, bound, generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    return net


@torch.no_grad()
def activation_statistics(net, x):
    """How large what flows through a network is: a table with a row for each layer, in the order in which x meets them.

    x: what net takes.  → pandas.DataFrame of the columns layer (its name in net), kind (its class), shape (of its
    output), mean, variance (over all of it, divided by its number) and zeros (the share of exact 0, as behind ReLU).
    Layers are the modules without modules in them that give one tensor; one used twice has two rows. The mode, train or
    eval, is that of net; a copy of net runs, so that nothing of net changes, running statistics neither.
    Raises TypeError unless net is a network.
    """
    check_type("activation_statistics", nn.Module, "a torch.nn.Module", net=net)
    net, rows = copy.deepcopy(net), []

    def note(name):
        def hook(module, inputs, out):
            if isinstance(out, torch.Tensor):
                values = out.double()
                rows.append({"layer": name, "kind": type(module).__name__, "shape": tuple(out.shape),
                             "mean": values.mean().item(), "variance": values.var(correction=0).item(),
                             "zeros": (values == 0).double().mean().item()})
        return hook

    for name, module in net.named_modules():
        if not list(module.children()):
            module.register_forward_hook(note(name))
    net(x)
    return pd.DataFrame(rows)
