"""What attribution and visualization both ask of a network: the logits of classes, and what a layer gives."""

import contextlib

import torch

from ..checks import require
from ..tensors import describe


def check_images(name, net, x, target):
    """The classes that are asked for, a tensor of N ints.  Raises TypeError or ValueError naming the argument."""
    require(name, x.ndim == 4 and x.numel() > 0, f"x must be (N, C, H, W) with N ≥ 1, got shape {tuple(x.shape)}")
    target = torch.as_tensor(target)
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"{name}: target must be a class or classes (N,), ints, got {describe(target)}")
    require(name, target.ndim == 0 or target.shape == (len(x),),
            f"target must be a class or classes ({len(x)},), got shape {tuple(target.shape)}")
    return target.expand(len(x)).to(x.device).long()


def logits_of(name, net, x, target):
    """z_target of each image, (N,).  Raises ValueError unless net gives (N, classes), the targets among them."""
    z = net(x)
    got = tuple(z.shape) if isinstance(z, torch.Tensor) else type(z).__name__
    require(name, isinstance(z, torch.Tensor) and z.ndim == 2 and len(z) == len(x),
            f"net must give logits (N, classes), got {got}")
    low, high = int(target.min()), int(target.max())
    require(name, 0 <= low and high < z.shape[1],
            f"target must be from 0 to {z.shape[1] - 1}, got {low if low < 0 else high}")
    return z.gather(1, target[:, None])[:, 0]


@contextlib.contextmanager
def output_of(name, net, layer):
    """Within it, what `layer` of net gives is kept in the list that it yields.  Raises ValueError if it is not in net.

    The network goes on with a copy, so that a layer that works in place does not overwrite what is kept.
    """
    require(name, any(module is layer for module in net.modules()), "layer must be a module of net")
    kept = []

    def keep(module, inputs, output):
        kept.append(output)
        return output.clone() if isinstance(output, torch.Tensor) else output

    handle = layer.register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()


def only(name, kept):
    """The one output (N, K, h, w) of a layer.  Raises ValueError for another shape, or unless the layer ran once."""
    require(name, len(kept) == 1, f"layer must run once, it ran {len(kept)} times")
    output, = kept
    got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    require(name, isinstance(output, torch.Tensor) and output.ndim == 4, f"layer must give (N, K, h, w), got {got}")
    return output
