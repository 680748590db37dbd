"""Convolutions along time: causal ones over a sequence, and over video in three axes or in two and one."""

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import Odd, Positive, checked
from ..tensors import Maker, check_input

__all__ = ["CausalConv1d", "Conv2Plus1d", "Conv3dNormAct", "WaveNetBlock", "WaveNetStack"]


@checked
class CausalConv1d(nn.Module):
    """Convolution that does not see the future: what it pads, it pads in front (van den Oord et al. 2016).

    out[n, o, t] = b[o] + Σ_{c, u} weight[o, c, u] · input[n, c, t − dilation·(kernel_size − 1 − u)]     0 before t = 0

    (N, in_channels, L)  →  (N, out_channels, L).  Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Positive = 2,
                 dilation: Positive = 1):
        super().__init__()
        self.past = dilation * (kernel_size - 1)
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, dilation=dilation)

    def forward(self, x):
        check_input(self, x, self.conv.in_channels, (1,))
        return self.conv(F.pad(x, (self.past, 0)))


@checked
class WaveNetBlock(nn.Module):
    """Gated causal convolution with a residual and a skip output (van den Oord et al. 2016, figure 4).

    z = tanh(W_f ⋆ x) · σ(W_g ⋆ x)        residual = x + V_r z,  skip = V_s z           ⋆ causal, dilated; V: 1 × 1

    (N, channels, L)  →  residual (N, channels, L), skip (N, skip_channels, L).
    last: True for the last block of a stack, whose residual nobody reads: it has no V_r and gives x itself, for
    weights without a gradient would only be counted.
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, channels: Positive, skip_channels: Positive, kernel_size=2, dilation=1, last=False):
        super().__init__()
        self.filter_and_gate = CausalConv1d(channels, 2 * channels, kernel_size, dilation)
        self.residual = None if last else nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip_channels, 1)

    def forward(self, x):
        value, gate = self.filter_and_gate(x).chunk(2, 1)
        z = torch.tanh(value) * torch.sigmoid(gate)
        residual = x if self.residual is None else x + self.residual(z)
        return residual, self.skip(z)


@checked
class WaveNetStack(nn.Module):
    """Blocks of kernel_size 2 and dilations 1, 2, 4, …: each doubles what is seen (van den Oord et al. 2016).

    (N, channels, L)  →  (N, skip_channels, L), the sum of all skips; output t depends on inputs t − 2^layers + 1 to t.
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, channels: Positive, skip_channels: Positive, layers: Positive):
        super().__init__()
        self.blocks = nn.ModuleList(WaveNetBlock(channels, skip_channels, dilation=2**l, last=l == layers - 1)
                                    for l in range(layers))
        self.receptive_field = 2**layers

    def forward(self, x):
        total = 0
        for block in self.blocks:
            x, skip = block(x)
            total = total + skip
        return total


@checked
class Conv3dNormAct(nn.Sequential):
    """3-D convolution, normalisation, activation: a kernel that spans time as well (Tran et al. 2015).

    (N, in_channels, T, H, W)  →  (N, out_channels, ⌈T/stride⌉, ⌈H/stride⌉, ⌈W/stride⌉)
    norm: makes a layer of a number of channels, or None, and then the convolution has a bias.  activation: makes a
    layer of nothing, or None.  Raises TypeError or ValueError unless sizes are ints of at least 1, kernel_size is odd,
    and norm and activation make layers.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Odd = 3, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm3d, activation: Maker | None = nn.ReLU):
        layers = [nn.Conv3d(in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2, bias=norm is None)]
        if norm is not None:
            layers.append(norm(out_channels))
        if activation is not None:
            layers.append(activation())
        super().__init__(*layers)


@checked
class Conv2Plus1d(nn.Sequential):
    """A 3-D convolution in two steps, over space, then over time: (2+1)-D (Tran et al. 2018).

    (N, in_channels, T, H, W)  →  (N, out_channels, ⌈T/stride⌉, ⌈H/stride⌉, ⌈W/stride⌉)

    Between the two are M = ⌊t·d²·in·out / (d²·in + t·out)⌋ channels, d = t = kernel_size: so the weights are as many as
    those of the t × d × d kernel, M·(d²·in + t·out) ≈ t·d²·in·out, with a norm and an activation in the middle.
    M is at least 1.  norm, activation: as in `Conv3dNormAct`; norm=None gives both convolutions a bias.
    Raises what `Conv3dNormAct` raises.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Odd = 3, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm3d, activation: Maker | None = nn.ReLU):
        k, padding = kernel_size, (kernel_size - 1) // 2
        middle = max(1, k**3 * in_channels * out_channels // (k**2 * in_channels + k * out_channels))
        bias = norm is None
        super().__init__(
            nn.Conv3d(in_channels, middle, (1, k, k), (1, stride, stride), (0, padding, padding), bias=bias),
            *([] if norm is None else [norm(middle)]),
            *([] if activation is None else [activation()]),
            nn.Conv3d(middle, out_channels, (k, 1, 1), (stride, 1, 1), (padding, 0, 0), bias=bias),
        )
