"""U-Net: down to see what is there, up to say where, and skips that carry the detail across."""

from torch import cat, nn

from cnnlib.checks import Ints, Positive, checked, require
from cnnlib.tensors import check_input

__all__ = ["UNet", "small_unet"]


@checked
class DoubleConv(nn.Sequential):
    """Two 3×3 convolutions with ReLU.  (N, in_channels, H, W) → (N, out_channels, H, W), or H − 4, W − 4 unpadded.

    norm: makes a layer of a number of channels, or None.  Raises TypeError or ValueError unless channels are
    ints of at least 1.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, padded, norm=None):
        layers = []
        for channels in (in_channels, out_channels):
            layers.append(nn.Conv2d(channels, out_channels, 3, padding=int(padded), bias=norm is None))
            if norm is not None:
                layers.append(norm(out_channels))
            layers.append(nn.ReLU())
        super().__init__(*layers)


@checked
class UNet(nn.Module):
    """A class for every pixel (Ronneberger, Fischer & Brox 2015).  (N, in_channels, H, W) → (N, num_classes, H', W')

    widths: the channels at each resolution, d + 1 of them for d poolings; the paper's are the default.
    padded: False as in the paper. Each convolution removes a pixel on every side, and of what a skip carries only the
    middle is used: H' = H − 12·2^d + 8, 572 → 388, the middle of the input. H + 4 and W + 4 must be multiples of 2^d
    and at least 12·2^d, so that no pooling leaves a row over: 188, 204, … 572.  True: H' = H, W' = W, both multiples of
    2^d. Other sizes are refused: pad or crop the image where it is loaded.
    skips: False leaves them out, and the detail with them.  norm: makes a layer of a number of channels, or None.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and widths at least two.
    """

    def __init__(self, in_channels: Positive = 1, num_classes: Positive = 2, widths: Ints = (64, 128, 256, 512, 1024),
                 padded=False, skips=True, norm=None):
        super().__init__()
        require(self, len(widths) >= 2, f"widths must be at least two numbers of channels, got {widths!r}")
        self.in_channels, self.padded, self.skips, self.depth = in_channels, padded, skips, len(widths) - 1
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(DoubleConv(before, width, padded, norm)
                                  for before, width in zip((in_channels, *widths), widths, strict=False))
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for deep, width in zip(widths[:0:-1], widths[-2::-1], strict=True):
            self.enlarge.append(nn.ConvTranspose2d(deep, width, 2, stride=2))
            self.up.append(DoubleConv(2 * width if skips else width, width, padded, norm))
        self.classify = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, x):
        step = 2**self.depth
        if self.padded:
            check_input(self, x, self.in_channels, least=(step, step), multiple_of=step)
        else:
            least = 12 * step - 4
            check_input(self, x, self.in_channels, least=(least, least), multiple_of=step, remainder=-4 % step)

        kept = []
        for down in self.down[:-1]:
            x = down(x)
            kept.append(x)
            x = self.pool(x)
        x = self.down[-1](x)

        crop = 0                                                         # pixels that a skip is larger, on each side
        for enlarge, up in zip(self.enlarge, self.up, strict=True):
            x, skip = enlarge(x), kept.pop()
            crop = 0 if self.padded else 2 * crop + 8 if crop else 4     # 4, 16, 40, 88
            if self.skips:
                _, _, height, width = skip.shape
                x = cat([skip[:, :, crop:height - crop, crop:width - crop], x], 1)
            x = up(x)
        return self.classify(x)


def small_unet(num_classes=2, in_channels=1, skips=True):
    """A padded U-Net of four resolutions for `cnnlib.data.scenes`.  (N, in_channels, H, W) → (N, num_classes, H, W)

    With batch normalisation, which the paper of 2015 did not have yet; H and W must be multiples of 8.
    Raises what `UNet` raises.
    """
    return UNet(in_channels, num_classes, widths=(16, 32, 64, 128), padded=True, skips=skips, norm=nn.BatchNorm2d)
