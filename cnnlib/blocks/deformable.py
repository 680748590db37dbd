"""Deformable convolution: where a kernel looks is computed from the image itself."""

import torch
import torch.fx
import torch.nn.functional as F
from torch import nn

from .arguments import check_divisible, check_input, check_positive, pair

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
    Raises ValueError or TypeError for sizes that are no ints in range, channels that do not divide by groups or
    offset_groups, and an input of another shape.
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 offset_groups=1, modulated=False):
        name = "DeformConv2d"
        kernel_size, stride, padding, dilation = _geometry(
            name, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
        check_positive(name, out_channels=out_channels)
        check_divisible(name, in_channels=in_channels, groups=groups)
        check_divisible(name, out_channels=out_channels, groups=groups)
        check_divisible(name, in_channels=in_channels, offset_groups=offset_groups)
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
        check_input("DeformConv2d", x, self.in_channels, self.least)
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


def _geometry(name, **options):
    """Each option as a pair of ints, padding from 0 on, the others from 1 on."""
    return [pair(name, argument, value, least=0 if argument == "padding" else 1) for argument, value in options.items()]


def _check(input, offset, weight, bias, stride, padding, dilation, mask):
    """→ stride, padding, dilation as pairs.  Raises TypeError or ValueError naming the argument."""
    name = "deform_conv2d"
    given = {"input": input, "offset": offset, "weight": weight, "bias": bias, "mask": mask}
    given = {key: value for key, value in given.items() if value is not None or key not in ("bias", "mask")}
    for argument, tensor in given.items():
        axes = 1 if argument == "bias" else 4
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name}: {argument} must be a tensor, got {type(tensor).__name__}")
        if tensor.ndim != axes or 0 in tensor.shape[1:]:
            raise ValueError(f"{name}: {argument} must have {axes} axes, not empty, got shape {tuple(tensor.shape)}")
        if not tensor.is_floating_point() or tensor.dtype != input.dtype:
            raise TypeError(f"{name}: all tensors must be floats of one dtype, got {argument} {tensor.dtype} and input "
                            f"{input.dtype}")
    stride, padding, dilation = _geometry(name, stride=stride, padding=padding, dilation=dilation)
    channels, kernel = input.shape[1], weight.shape[2:]
    if channels % weight.shape[1] or len(weight) % (channels // weight.shape[1]):
        raise ValueError(f"{name}: input of {channels} channels does not fit weight (O, C/groups, kH, kW) = "
                         f"{tuple(weight.shape)}")
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(f"{name}: bias must have shape ({len(weight)},), got {tuple(bias.shape)}")
    size = [(n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(input.shape[2:], padding, dilation, kernel, stride, strict=True)]
    if min(size) < 1:
        raise ValueError(f"{name}: kernel {tuple(kernel)} with dilation {dilation} is larger than the input "
                         f"{tuple(input.shape[2:])} with padding {padding}")
    taps = kernel.numel()
    parts = offset.shape[1] // (2 * taps)
    if offset.shape[1] % (2 * taps) or parts == 0 or channels % parts:
        raise ValueError(f"{name}: offset must have D·{2 * taps} channels, where D divides the {channels} channels of "
                         f"input, got {offset.shape[1]}")
    for argument, tensor, count in (("offset", offset, offset.shape[1]), ("mask", mask, parts * taps)):
        if tensor is not None and tensor.shape != (len(input), count, *size):
            raise ValueError(f"{name}: {argument} must have shape {(len(input), count, *size)}, "
                             f"got {tuple(tensor.shape)}")
    return stride, padding, dilation
