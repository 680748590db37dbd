"""The networks of the papers, made of `cnnlib.blocks`; `small_…` are their forms for 28×28 digits."""

from .weights import *  # noqa: F403
