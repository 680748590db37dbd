"""A network of PyTorch's on this engine."""

from .tracing import from_torch

__all__ = ["from_torch"]
