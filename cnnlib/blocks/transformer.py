"""What a vision transformer is made of, and the time that a diffusion model is told."""

import math

import torch
from torch import nn

from ..checks import Positive, check_divisible, checked, pair, require
from ..tensors import Maker, check_input, check_shape
from .attention import TokenAttention

__all__ = ["PatchEmbedding", "TimeEmbedding", "TransformerBlock"]


@checked
class PatchEmbedding(nn.Module):
    """Cut the image into patches, map each by one linear map (Dosovitskiy et al. 2021).  (N, C, H, W) → (N, T, D)

    out[n, t] = W·patch_t + b: the patches do not overlap, so it is a convolution whose stride is its kernel's size.

    patch_size: int or (h, w), which must divide H and W.  T = H/h · W/w patches, row by row; D = out_channels.
    Cost: T·h·w·C·D multiply-adds.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and for an input of another shape.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, patch_size):
        super().__init__()
        self.patch_size = pair(self, "patch_size", patch_size)
        self.conv = nn.Conv2d(in_channels, out_channels, self.patch_size, stride=self.patch_size)

    def forward(self, x):
        check_input(self, x, self.conv.in_channels, multiple_of=self.patch_size)
        return self.conv(x).flatten(2).transpose(1, 2)                   # (N, D, H/h, W/w) → (N, T, D)


@checked
class TransformerBlock(nn.Module):
    """Tokens look at each other, then each is mapped by itself (Vaswani et al. 2017).  (*, T, C) → (*, T, C)

    x ← x + attention(norm₁(x)),  then  x ← x + mlp(norm₂(x))        mlp: C → hidden → C with GELU in between

    The norms stand before the branches, so that the residual path is free from end to end (pre-norm; Vaswani et al.
    have them after the sums). hidden: 4·C unless given.  activation: makes a layer of nothing, or None.
    eps: of the layer norms.
    attention_weights(x): (*, heads, T, T).  Cost: T·(4·C² + 2·C·hidden) + 2·T²·C multiply-adds.
    Raises ValueError or TypeError when channels do not divide by heads, or for an input of another shape.
    """

    def __init__(self, channels, heads, hidden: Positive | None = None, activation: Maker | None = nn.GELU, eps=1e-5):
        super().__init__()
        check_divisible(self, channels=channels, heads=heads)
        hidden = 4 * channels if hidden is None else hidden
        self.channels = channels
        self.norm1 = nn.LayerNorm(channels, eps)
        self.attention = TokenAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps)
        between = [] if activation is None else [activation()]
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), *between, nn.Linear(hidden, channels))

    def attention_weights(self, x):
        check_shape(self, x, "*", "T", self.channels)
        return self.attention.attention_weights(self.norm1(x))

    def forward(self, x):
        check_shape(self, x, "*", "T", self.channels)
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


@checked
class TimeEmbedding(nn.Module):
    """A time as waves of many frequencies, then a small network, as in DDPM (Ho et al. 2020).  (N,) → (N, out_channels)

    wave(t) = [sin ω₀t, …, sin ω_{m−1}t, cos ω₀t, …, cos ω_{m−1}t]      ω_i = 10000^(−i/m),  m = channels/2
    out = W₂ SiLU(W₁ wave(t) + b₁) + b₂

    The frequencies are those of Vaswani et al. (2017), who put sin and cos of each beside each other; here all sines
    stand before all cosines, as in Ho et al. (who divide i by m − 1).
    t: ints or real numbers. The slowest wave takes 2π·10000^(1 − 1/m), the fastest 2π: made for steps 0 … 1000, so a
    time from 0 to 1 is best multiplied by 1000 first.
    Raises TypeError or ValueError unless sizes are ints of at least 1, channels even, and the input (N,).
    """

    def __init__(self, channels: Positive, out_channels: Positive):
        super().__init__()
        require(self, channels % 2 == 0, f"channels must be even, got {channels}")
        self.m = channels // 2
        self.register_buffer("index", torch.arange(self.m), persistent=False)    # ints: .bfloat16() leaves them alone
        self.mlp = nn.Sequential(nn.Linear(channels, out_channels), nn.SiLU(), nn.Linear(out_channels, out_channels))

    def wave(self, t):
        """(N,) → (N, channels), each number in −1 … 1"""
        check_shape(self, t, "N", floats=False)
        # float64 whatever the network is in: in bfloat16 999 is 1000, another place on the fastest waves
        frequencies = torch.exp(self.index.to(torch.float64) * (-math.log(10000) / self.m))
        angles = t.unsqueeze(1).to(torch.float64) * frequencies                               # (N, m)
        return torch.cat([torch.sin(angles), torch.cos(angles)], 1).to(self.mlp[0].weight.dtype)

    def forward(self, t):
        return self.mlp(self.wave(t))
