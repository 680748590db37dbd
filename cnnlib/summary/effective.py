"""How much each pixel counts in what an output sees."""

import torch
from torch import nn

from ..checks import check_type
from ..modes import in_mode
from ..tensors import describe

__all__ = ["effective_receptive_field"]


def effective_receptive_field(net, x):
    """How much each pixel of the input moves the output in the middle (Luo et al. 2016).

    E[i, j] = mean over images of Σ_channels |∂(Σ_channels y[⌊H'/2⌋, ⌊W'/2⌋]) / ∂x[i, j]|

    net: (N, C, H, W) → (N, C', H', W').  x: the images to measure with, real ones or noise, (N, C, H, W) floats.
    → array (H, W), 0 outside of the theoretical receptive field.  net runs in eval mode and stays as it was.
    Raises TypeError unless net is a module and x a tensor of floats, ValueError for an output of other than 4 axes.
    """
    name = "effective_receptive_field"
    check_type(name, nn.Module, "a torch.nn.Module", net=net)
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim != 4:
        raise TypeError(f"{name}: x must be a tensor of floats (N, C, H, W), got {describe(x)}")
    x = x.detach().clone().requires_grad_()
    with in_mode(net, training=False):
        y = net(x)
    if not isinstance(y, torch.Tensor) or y.ndim != 4:
        got = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
        raise ValueError(f"{name}: net must give (N, C, H, W), got {got}")
    middle = y[:, :, y.shape[2] // 2, y.shape[3] // 2].sum()
    slope, = torch.autograd.grad(middle, x)
    return slope.abs().sum(1).mean(0).cpu().numpy()
