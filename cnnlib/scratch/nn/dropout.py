"""Dropout, of numbers and of whole channels: it acts in training mode only."""

from .. import functional as F
from ..tensor.autograd import apply
from .module import FunctionLayer

__all__ = ["Dropout", "Dropout2d"]


class Dropout(FunctionLayer):
    """In training, 0 with probability p, else x / (1 − p): (*)  →  (*); see `functional.dropout`."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__(p=p, inplace=inplace)

    def forward(self, input):
        return apply(F.dropout, input, training=self.training, **self.options())


class Dropout2d(FunctionLayer):
    """Dropout of whole channels: (N, C, H, W)  →  (N, C, H, W); see `functional.dropout2d`."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__(p=p, inplace=inplace)

    def forward(self, input):
        return apply(F.dropout2d, input, training=self.training, **self.options())
