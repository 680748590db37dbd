"""A residual block on the tape. The other blocks of `cnnlib.blocks` become NumPy by `from_torch`.

Nothing here has a backward of its own: the shortcut is an addition, and an addition hands its gradient to both sides.
"""

from cnnlib.checks import per_axis

from .. import nn

__all__ = ["BasicBlock"]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around both (He et al. 2016a): `cnnlib.blocks.BasicBlock`, with its names.

    out = ReLU(branch(x) + shortcut(x))        shortcut(x) = x, or a 1×1 convolution of x where shapes change
    dx = branch'(x)ᵀ g + g                     g: the gradient of the sum; for a convolution shortcut'(x)ᵀ g, not g

    However small the branch makes its part of dx, the part "+ g" arrives as it started, through any number of blocks.
    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    Raises TypeError or ValueError unless all three are ints of at least 1.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels), ("stride", stride)):
            per_axis("BasicBlock", name, value, 1, minimum=1)
        self.branch = nn.Sequential(
            nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
                          nn.BatchNorm2d(out_channels), nn.ReLU()),
            nn.Sequential(nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
                          nn.BatchNorm2d(out_channels)),
        )
        if stride == 1 and in_channels == out_channels:
            self.shortcut = nn.Identity()
        else:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                                          nn.BatchNorm2d(out_channels))
        self.activation = nn.ReLU()

    def forward(self, x):
        return self.activation(self.branch(x) + self.shortcut(x))
