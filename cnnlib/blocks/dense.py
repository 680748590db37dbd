"""Dense blocks: each layer sees what all layers before it have found (Huang et al. 2017)."""

import torch
from torch import nn

from ..checks import Positive, checked
from .residual import NormActConv

__all__ = ["DenseBlock", "DenseLayer", "Transition"]


@checked
class DenseLayer(nn.Module):
    """growth_rate new channels beside those that come in (Huang et al. 2017).

    out = [x, H(x)]        H: norm, ReLU, 1×1 to bottleneck · growth_rate channels, norm, ReLU, 3×3 to growth_rate

    (N, in_channels, H, W)  →  (N, in_channels + growth_rate, H, W)
    The 1×1 keeps the 3×3 cheap however many channels come in.  bottleneck: None leaves the 1×1 out.
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels: Positive, growth_rate: Positive, bottleneck: Positive | None = 4):
        super().__init__()
        if bottleneck is None:
            self.branch = NormActConv(in_channels, growth_rate, 3)
        else:
            width = bottleneck * growth_rate
            self.branch = nn.Sequential(NormActConv(in_channels, width, 1), NormActConv(width, growth_rate, 3))

    def forward(self, x):
        return torch.cat([x, self.branch(x)], 1)


@checked
class DenseBlock(nn.Sequential):
    """layers times `DenseLayer`, each of which sees what all before it have added (Huang et al. 2017).

    Layer l = 0, 1, … sees k₀ + k·l channels        k₀ = in_channels, k = growth_rate

    (N, in_channels, H, W)  →  (N, in_channels + layers · growth_rate, H, W);  bottleneck: as in `DenseLayer`.
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels: Positive, growth_rate: Positive, layers: Positive,
                 bottleneck: Positive | None = 4):
        super().__init__(*(DenseLayer(in_channels + l * growth_rate, growth_rate, bottleneck) for l in range(layers)))


@checked
class Transition(nn.Sequential):
    """Fewer channels and half the size between dense blocks: norm, ReLU, 1×1, mean of 2×2 (Huang et al. 2017).

    (N, in_channels, H, W)  →  (N, out_channels, ⌊H/2⌋, ⌊W/2⌋); out_channels is ⌊in_channels/2⌋ in DenseNet-BC.
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive):
        super().__init__(*NormActConv(in_channels, out_channels, 1), nn.AvgPool2d(2))
