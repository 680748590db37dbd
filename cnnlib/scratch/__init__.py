"""The NumPy engine: what the course derives, written by hand. Imports NumPy only.

Arrays: `functional` (torch.nn.functional, with a backward for each function), `ops` (what torch does not have),
`signal`, `groups`, `augmentation`, `quantization`; `fast` holds the fast forms of convolution.
Tensors with a tape: `Tensor`, `no_grad`, `apply` of `tensor`, layers in `nn`, optimisers in `optim`; `from_torch` makes
a twin of a network of PyTorch's. `manual_seed` for chance.
"""

from . import augmentation, functional, groups, nn, ops, optim, quantization, signal
from .from_torch import from_torch
from .functional.random import manual_seed
from .tensor.autograd import Tensor, apply, no_grad

__all__ = [
    "Tensor", "apply", "augmentation", "from_torch", "functional", "groups", "manual_seed", "nn", "no_grad", "ops",
    "optim", "quantization", "signal",
]
