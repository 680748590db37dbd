"""The dense layer, and the layer that does nothing."""

import math

import numpy as np

from cnnlib.checks import per_axis

from .. import functional as F
from ..tensor.autograd import apply
from .initialization import uniform_
from .module import Module, Parameter

__all__ = ["Identity", "Linear"]


class Identity(Module):
    """Nothing: (*)  →  (*). Any arguments of the constructor are taken and forgotten. Raises nothing.

    Source: `torch.nn.Identity`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    """out = x · weightᵀ + bias: (*, in_features)  →  (*, out_features).

    weight (out, in) and bias (out,) are uniform from −1/√in to 1/√in.
    Raises TypeError or ValueError naming the argument; else see `functional.linear`.  Source: `torch.nn.Linear`.
    """

    def __init__(self, in_features, out_features, bias=True, dtype=np.float32):
        super().__init__()
        self.in_features, = per_axis("Linear", "in_features", in_features, 1, minimum=0)
        self.out_features, = per_axis("Linear", "out_features", out_features, 1, minimum=0)
        bound = 1 / math.sqrt(max(1, in_features))
        self.weight = Parameter(uniform_(np.empty((out_features, in_features), dtype), -bound, bound))
        bias = Parameter(uniform_(np.empty(out_features, dtype), -bound, bound)) if bias else None
        self.register_parameter("bias", bias)

    def forward(self, input):
        return apply(F.linear, input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
