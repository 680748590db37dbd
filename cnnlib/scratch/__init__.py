"""The NumPy engine: what the course derives, written by hand. Imports NumPy only.

Arrays: `functional` (torch.nn.functional, with a backward for each function), `signal`, `groups`.
Tensors with a tape: `Tensor`, `no_grad`, `apply`, layers in `nn`, optimisers in `optim`; `manual_seed` for chance.
"""

from . import functional, groups, nn, optim, signal
from .autograd import Tensor, apply, no_grad
from .random import manual_seed
from .tracing import from_torch

__all__ = ["Tensor", "apply", "from_torch", "functional", "groups", "manual_seed", "nn", "no_grad", "optim", "signal"]
