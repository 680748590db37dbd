"""PyTorch building blocks."""

from .p4 import P4Conv2d, P4Lift

__all__ = ["P4Conv2d", "P4Lift"]
