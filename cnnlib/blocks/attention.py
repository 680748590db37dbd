"""Layers that look at the whole image, or a part of it, to decide what counts."""

from torch import nn

from .arguments import check_positive

__all__ = ["SqueezeExcitation"]


class SqueezeExcitation(nn.Module):
    """Reweigh channels by what the whole image holds (Hu et al. 2018).  (N, C, H, W) → (N, C, H, W)

    out = x · σ(W₂ δ(W₁ mean_{H,W}(x) + b₁) + b₂)         δ: activation, σ: sigmoid, one number for each channel

    hidden: the channels between the two 1×1 convolutions, channels // 16 unless given.
    Raises ValueError or TypeError when channels or hidden is no int ≥ 1.
    """

    def __init__(self, channels, hidden=None, activation=nn.ReLU):
        super().__init__()
        check_positive("SqueezeExcitation", channels=channels)
        hidden = max(1, channels // 16) if hidden is None else hidden
        check_positive("SqueezeExcitation", hidden=hidden)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(nn.Conv2d(channels, hidden, 1), activation(),
                                    nn.Conv2d(hidden, channels, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.excite(self.squeeze(x))
