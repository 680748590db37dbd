"""Activations: (*)  →  (*)."""

import numpy as np

from cnnlib.checks import per_axis

from .. import functional as F
from ..tensor.autograd import apply
from .module import FunctionLayer, Module, Parameter

__all__ = [
    "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU",
    "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
]


class _Activation(FunctionLayer):
    """How activations are printed: `inplace` only if it is set, which changes nothing here."""

    def extra_repr(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items() if name != "inplace" or value)


class _InPlace(_Activation):
    """Those whose only option is `inplace`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)


class ReLU(_InPlace):
    """max(0, x): (*)  →  (*); see `functional.relu`."""

    function = F.relu


class ReLU6(_InPlace):
    """min(max(0, x), 6): (*)  →  (*); see `functional.relu6`."""

    function = F.relu6


class LeakyReLU(_Activation):
    """x, or negative_slope · x below 0: (*)  →  (*); see `functional.leaky_relu`."""

    function = F.leaky_relu

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__(negative_slope=negative_slope, inplace=inplace)


class ELU(_Activation):
    """x, or alpha (eˣ − 1) below 0: (*)  →  (*); see `functional.elu`."""

    function = F.elu

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__(alpha=alpha, inplace=inplace)


class SELU(_InPlace):
    """ELU with the two constants that keep mean 0 and variance 1: (*)  →  (*); see `functional.selu`."""

    function = F.selu


class GELU(_Activation):
    """x Φ(x), Φ the normal distribution: (*)  →  (*); see `functional.gelu`."""

    function = F.gelu

    def __init__(self, approximate="none"):
        super().__init__(approximate=approximate)


class SiLU(_InPlace):
    """x σ(x): (*)  →  (*); see `functional.silu`."""

    function = F.silu


class Mish(_InPlace):
    """x tanh(ln(1 + eˣ)): (*)  →  (*); see `functional.mish`."""

    function = F.mish


class Softplus(_Activation):
    """ln(1 + e^(beta x)) / beta: (*)  →  (*); see `functional.softplus`."""

    function = F.softplus

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__(beta=beta, threshold=threshold)


class Sigmoid(_Activation):
    """1 / (1 + e⁻ˣ): (*)  →  (*); see `functional.sigmoid`."""

    function = F.sigmoid


class Tanh(_Activation):
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ): (*)  →  (*); see `functional.tanh`."""

    function = F.tanh


class LogSigmoid(_Activation):
    """ln σ(x): (*)  →  (*); see `functional.logsigmoid`."""

    function = F.logsigmoid


class Hardswish(_InPlace):
    """x min(max(0, x + 3), 6) / 6: (*)  →  (*); see `functional.hardswish`."""

    function = F.hardswish


class Hardsigmoid(_InPlace):
    """min(max(0, x + 3), 6) / 6: (*)  →  (*); see `functional.hardsigmoid`."""

    function = F.hardsigmoid


class Hardtanh(_Activation):
    """min(max(min_val, x), max_val): (*)  →  (*); see `functional.hardtanh`."""

    function = F.hardtanh

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)


class Softmax(FunctionLayer):
    """eˣ divided by its sum along dim: (*)  →  (*); see `functional.softmax`."""

    function = F.softmax

    def __init__(self, dim=None):
        super().__init__(dim=dim)


class LogSoftmax(FunctionLayer):
    """x − ln Σ eˣ along dim: (*)  →  (*); see `functional.log_softmax`."""

    function = F.log_softmax

    def __init__(self, dim=None):
        super().__init__(dim=dim)


class PReLU(Module):
    """ReLU whose slope below 0 is learned, one for all or one for each channel: (N, C, *)  →  (N, C, *).

    Raises TypeError or ValueError naming the argument; else see `functional.prelu`.  Source: `torch.nn.PReLU`.
    """

    def __init__(self, num_parameters=1, init=0.25, dtype=np.float32):
        super().__init__()
        self.num_parameters, = per_axis("PReLU", "num_parameters", num_parameters, 1, minimum=1)
        self.weight = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, input):
        return apply(F.prelu, input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"
