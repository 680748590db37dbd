"""Deformable convolution: where a kernel looks is computed from the image itself."""

import torch
import torch.fx
import torch.nn.functional as F
from torch import nn

from ..checks import check_divisible, check_type, pair, require
from ..tensors import check_input

__all__ = ["DeformConv2d", "deform_conv2d"]


@torch.fx.wrap           # one step when torch.fx writes a network down, which `cnnlib.scratch.ops` has too
def deform_conv2d(input, offset, weight, bias=None, stride=1, padding=0, dilation=1, mask=None):
    """A convolution whose taps each move by an offset of their own, at each pixel (Dai et al. 2017).

    out[n, o, i, j] = bias[o] + Σ_{c,u,v} weight[o, c, u, v] · m · input[n, c, s·i − p + d·u + Δy, s·j − p + d·v + Δx]

    with Δy, Δx, m for each n, u, v, i, j and each of D groups of channels.
    input: (N, C, H, W)  weight: (O, C/groups, kH, kW)  bias: (O,)  →  (N, O, H_out, W_out), as for `F.conv2d`.
    offset: (N, D·kH·kW·2, H_out, W_out), in pixels: for each group, for each tap row by row, Δy and then Δx.
    mask: m, (N, D·kH·kW, H_out, W_out), or None for 1 (Zhu et al. 2019).  stride, padding, dilation: int or (H, W).
    Between pixels the input is bilinear, outside it is 0; at a pixel its slope is the one towards the next pixel.
    groups follows from the channels of input and weight, D from those of offset.
    Raises TypeError or ValueError naming the argument.  Order and meaning: `torchvision.ops.deform_conv2d`.
    """
    stride, padding, dilation = _check(input, offset, weight, bias, stride, padding, dilation, mask)
    batch, channels, height, width = input.shape
    kernel, size = weight.shape[2:], offset.shape[2:]
    parts = offset.shape[1] // (2 * kernel.numel())                      # D; each image is N·D images from here on

    # where a convolution looks: start of the window + tap, and then the offset
    row, column = (torch.arange(n, device=input.device) * s - p for n, s, p in zip(size, stride, padding, strict=True))
    u, v = (torch.arange(k, device=input.device) * d for k, d in zip(kernel, dilation, strict=True))
    dy, dx = offset.unflatten(1, (parts, *kernel, 2)).unbind(4)          # (N, D, kH, kW, H_out, W_out) each
    y = dy + u[:, None, None, None] + row[:, None]
    x = dx + v[:, None, None] + column

    images = input.reshape(batch * parts, channels // parts, height, width)
    samples = _bilinear(images, y.flatten(0, 1).flatten(1), x.flatten(0, 1).flatten(1))
    if mask is not None:
        samples = samples * mask.reshape(batch * parts, 1, samples.shape[2])
    # the windows side by side, each kH × kW pixels of a large image: a convolution with stride = kernel reads them
    samples = samples.view(batch, channels, *kernel, *size).permute(0, 1, 4, 2, 5, 3)
    samples = samples.reshape(batch, channels, size[0] * kernel[0], size[1] * kernel[1])
    return F.conv2d(samples, weight, bias, stride=kernel, groups=channels // weight.shape[1])


class DeformConv2d(nn.Conv2d):
    """`nn.Conv2d` whose taps move where another convolution of the same input says (Dai et al. 2017).

    out = deform_conv2d(x, offset(x), weight, bias), and when modulated times a mask σ(…) at each tap (Zhu et al. 2019)

    (N, in_channels, H, W)  →  (N, out_channels, H_out, W_out).  The arguments are those of `nn.Conv2d`; offset_groups
    groups of channels have offsets of their own. The convolution of the offsets starts with zeros: at first this is a
    plain convolution, modulated half of one beside the bias: σ(0) = 1/2 stands at the taps.
    Raises TypeError or ValueError unless sizes are ints in range and channels divide by groups and offset_groups, and
    for an input of another shape.
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 offset_groups=1, modulated=False):
        kernel_size, stride = pair(self, "kernel_size", kernel_size), pair(self, "stride", stride)
        padding, dilation = pair(self, "padding", padding, least=0), pair(self, "dilation", dilation)
        check_divisible(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        check_divisible(self, in_channels=in_channels, offset_groups=offset_groups)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.moves = 2 * offset_groups * kernel_size[0] * kernel_size[1]                     # channels that are offsets
        self.modulated = modulated
        self.least = tuple(max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in
                           zip(dilation, kernel_size, padding, strict=True))
        self.offset = nn.Conv2d(in_channels, self.moves * 3 // 2 if modulated else self.moves, kernel_size, stride,
                                padding, dilation)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)
        self.offset.starts_at_zero = True                # `cnnlib.initialization` leaves it so: no tap moves at first

    def forward(self, x):
        check_input(self, x, self.in_channels, self.least)
        # under autocast x and offset may come in half precision, which is too coarse for places in an image
        offset, mask = self.offset(x).to(self.weight.dtype), None
        x = x.to(self.weight.dtype)
        if self.modulated:
            offset, mask = offset[:, :self.moves], offset[:, self.moves:].sigmoid()
        return deform_conv2d(x, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask)


def _bilinear(images, y, x):
    """images: (N, C, H, W) at the places y, x: (N, P)  →  (N, C, P): the four pixels around, by how near they are."""
    _, channels, height, width = images.shape
    top, left = y.floor(), x.floor()
    out = 0
    for i, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for j, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            # what is not finite has no pixel, and makes the share NaN
            pixel = i.nan_to_num().clamp(0, height - 1).long() * width + j.nan_to_num().clamp(0, width - 1).long()
            corner = images.flatten(2).gather(2, pixel[:, None].expand(-1, channels, -1))
            out = out + corner * (share_y * share_x * inside)[:, None]
    return out


def _check(input, offset, weight, bias, stride, padding, dilation, mask):
    """→ stride, padding, dilation as pairs.  Raises TypeError or ValueError naming the argument."""
    name = "deform_conv2d"
    given = {"input": input, "offset": offset, "weight": weight, "bias": bias, "mask": mask}
    given = {key: value for key, value in given.items() if value is not None or key not in ("bias", "mask")}
    for argument, tensor in given.items():
        axes = 1 if argument == "bias" else 4
        check_type(name, torch.Tensor, "a tensor", **{argument: tensor})
        require(name, tensor.ndim == axes and 0 not in tensor.shape[1:],
                f"{argument} must have {axes} axes, not empty, got shape {tuple(tensor.shape)}")
        if not tensor.is_floating_point() or tensor.dtype != input.dtype:
            raise TypeError(f"{name}: all tensors must be floats of one dtype, got {argument} {tensor.dtype} and input "
                            f"{input.dtype}")
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    padding = pair(name, "padding", padding, least=0)
    channels, kernel = input.shape[1], weight.shape[2:]
    require(name, channels % weight.shape[1] == 0 and len(weight) % (channels // weight.shape[1]) == 0,
            f"input of {channels} channels does not fit weight (O, C/groups, kH, kW) = {tuple(weight.shape)}")
    size = [(n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(input.shape[2:], padding, dilation, kernel, stride, strict=True)]
    require(name, min(size) >= 1, f"kernel {tuple(kernel)} with dilation {dilation} is larger than the input "
                                  f"{tuple(input.shape[2:])} with padding {padding}")
    taps = kernel.numel()
    parts = offset.shape[1] // (2 * taps)
    require(name, offset.shape[1] == parts * 2 * taps > 0 and channels % parts == 0,
            f"offset must have D·{2 * taps} channels, where D divides the {channels} channels of input, "
            f"got {offset.shape[1]}")
    shapes = {"bias": (len(weight),), "offset": (len(input), offset.shape[1], *size),
              "mask": (len(input), parts * taps, *size)}
    for argument, shape in shapes.items():
        tensor = given.get(argument)
        require(name, tensor is None or tensor.shape == shape,
                f"{argument} must have shape {shape}, got {tensor is not None and tuple(tensor.shape)}")
    return stride, padding, dilation
