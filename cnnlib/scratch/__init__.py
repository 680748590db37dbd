"""The NumPy engine: what the course derives, written by hand. Imports NumPy only."""

from . import functional, groups, signal

__all__ = ["functional", "groups", "signal"]
