"""Diffusion models: noise is added in many small steps, and a network learns to take it away again.

Times are whole numbers: x₀ is the image, x_T almost pure noise. A schedule is a tensor ᾱ of T + 1 numbers, alpha_bar[t]
for t = 0 … T, and alpha_bar[0] = 1: so the index is the time, as in the papers. Images lie in [−1, 1].
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..blocks import (
    ConditionalGroupNorm,
    MultiHeadSelfAttention,
    ResizeUpsample,
    SqueezeExcitation,
    TimeEmbedding,
)
from ..checks import Number, Positive, Share, check_divisible, check_int, checked, require
from ..modes import in_mode
from ..tensors import Floats, Net, check_floats, check_input

__all__ = ["DiffusionBlock", "DiffusionUNet", "add_noise", "cosine_schedule", "ddim", "ddim_step", "ddpm", "ddpm_step",
           "guided_noise", "linear_schedule", "noise_loss", "predict_image", "sampling_times"]


# ---- the forward process ---------------------------------------------------------------------------------------------

@checked
def linear_schedule(steps: Positive = 1000, first: Share = 1e-4, last: Share = 0.02):
    """ᾱ_t = Π_{i ≤ t} (1 − β_i) with β_1 … β_T from first to last in equal steps (Ho et al. 2020).

    → (steps + 1,), float64, from ᾱ_0 = 1 on.  first, last: made for 1,000 steps; fewer leave more of the image.
    Raises TypeError or ValueError naming the argument.
    """
    return _alpha_bar(torch.linspace(first, last, int(steps), dtype=torch.float64))


@checked
def cosine_schedule(steps: Positive = 1000, offset: Share = 0.008, largest: Share = 0.999):
    """ᾱ_t = f(t)/f(0),  f(t) = cos²(π/2 · (t/T + offset)/(1 + offset)), no β above largest (Nichol & Dhariwal 2021).

    → (steps + 1,), float64, from ᾱ_0 = 1 on.  Raises TypeError or ValueError naming the argument.
    """
    t = torch.arange(int(steps) + 1, dtype=torch.float64) / steps
    f = torch.cos((t + offset) / (1 + offset) * (math.pi / 2)) ** 2
    return _alpha_bar((1 - f[1:] / f[:-1]).clamp(max=largest))


@checked
def add_noise(images: Floats, t, noise: Floats, alpha_bar: Floats):
    """All steps of the forward process at once:  x_t = √ᾱ_t · x₀ + √(1 − ᾱ_t) · ε  (Ho et al. 2020, eq. 4).

    images, noise: (N, C, H, W), the noise standard normal.  t: (N,) ints from 0 to T, or one for all.
    alpha_bar: a schedule (T + 1,).  → (N, C, H, W).  Raises TypeError or ValueError naming the argument.
    """
    require("add_noise", noise.shape == images.shape,
            f"noise must have the shape of images, {tuple(images.shape)}, got {tuple(noise.shape)}")
    a = _at("add_noise", alpha_bar, t, images)
    return _sum((a.sqrt(), images), ((1 - a).sqrt(), noise))


# ---- the way back ----------------------------------------------------------------------------------------------------

@checked
def predict_image(x: Floats, noise: Floats, t, alpha_bar: Floats):
    """The image that x_t would be if this were its noise:  x̂₀ = (x_t − √(1 − ᾱ_t) · ε̂) / √ᾱ_t

    x, noise: (N, C, H, W).  t: (N,) ints from 0 to T, or one for all.  → (N, C, H, W), not clipped.
    Raises TypeError or ValueError naming the argument.
    """
    a = _at("predict_image", alpha_bar, t, x)
    return _sum((1 / a.sqrt(), x), (-((1 - a) / a).sqrt(), noise))


@checked
def ddpm_step(x: Floats, noise: Floats, t, s, alpha_bar: Floats, fresh: Floats, clip=True):
    """From time t to an earlier s, by a draw from q(x_s | x_t, x̂₀) (Ho et al. 2020, eqs. 6 and 7, for any s < t).

    α = ᾱ_t/ᾱ_s:   x_s = [√ᾱ_s (1 − α) x̂₀ + √α (1 − ᾱ_s) x_t] / (1 − ᾱ_t) + √β̃ · fresh,   β̃ = (1 − α)(1 − ᾱ_s)/(1 − ᾱ_t)

    x, noise: x_t and what the network takes for its noise (N, C, H, W).  fresh: new noise of the same shape; at s = 0
    its factor is 0.  clip: keep x̂₀ in [−1, 1].  Raises TypeError or ValueError naming the argument.
    """
    x0, a_t, a_s = _before("ddpm_step", x, noise, t, s, alpha_bar, clip)
    alpha = a_t / a_s
    return _sum((a_s.sqrt() * (1 - alpha) / (1 - a_t), x0), (alpha.sqrt() * (1 - a_s) / (1 - a_t), x),
                (((1 - alpha) * (1 - a_s) / (1 - a_t)).sqrt(), fresh))


@checked
def ddim_step(x: Floats, noise: Floats, t, s, alpha_bar: Floats, clip=True):
    """From time t to an earlier s without chance (Song, Meng & Ermon 2021, eq. 12 with σ = 0).

    x_s = √ᾱ_s · x̂₀ + √(1 − ᾱ_s) · ε̂         after clipping, ε̂ is what noise is left between x_t and √ᾱ_t · x̂₀

    x, noise: as in `ddpm_step`.  Raises TypeError or ValueError naming the argument.
    """
    x0, a_t, a_s = _before("ddim_step", x, noise, t, s, alpha_bar, clip)
    noise = _sum((1 / (1 - a_t).sqrt(), x), (-(a_t / (1 - a_t)).sqrt(), x0))
    return _sum((a_s.sqrt(), x0), ((1 - a_s).sqrt(), noise))


@checked
def guided_noise(net: Net, x: Floats, t, labels=None, scale: Number = 1):
    """Classifier-free guidance:  ε̂ = ε̂(x, no class) + scale · (ε̂(x, y) − ε̂(x, no class))  (Ho & Salimans 2021).

    net: net(x, t, labels) → noise.  scale: 0 forgets the class, 1 is the conditional model, above 1 goes beyond it;
    this is 1 + w for the w of the paper.  labels: (N,), or None: no class, whatever the scale.
    → (N, C, H, W); two passes of the network unless scale is 0 or 1.  Raises TypeError or ValueError.
    """
    if labels is None or scale == 0:
        return net(x, t, None)
    if scale == 1:
        return net(x, t, labels)
    with_class, without = net(x, t, labels), net(x, t, None)
    return without + scale * (with_class - without)


@checked
def sampling_times(last: Positive, steps: Positive):
    """The times that a sampler visits, from `last` down to 0: steps + 1 whole numbers, as evenly as can be.

    A step goes from an entry to the next one, which need not be one less.  Raises TypeError or ValueError.
    """
    require("sampling_times", steps <= last, f"steps must be at most {last}, got {steps}")
    return [last - (i * last + steps // 2) // steps for i in range(steps)] + [0]


@checked
def ddpm(net: Net, noise: Floats, alpha_bar: Floats, labels=None, *, scale: Number = 1, steps: Positive | None = None,
         clip=True, change=None, generator=None):
    """Ancestral sampling, a little fresh noise at each step: x_T (N, C, H, W) → images (Ho et al. 2020, algorithm 2).

    labels, scale: as in `guided_noise`.  steps: all T unless given.  clip: as in `ddpm_step`.
    change: change(x, s) → x after each step, to look at the chain or to paint into it.  generator: torch's.
    → (N, C, H, W), clipped to [−1, 1] where clip.  Raises TypeError or ValueError naming the argument.
    """
    def step(x, predicted, t, s):
        fresh = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return ddpm_step(x, predicted, t, s, alpha_bar, fresh.to(x.device), clip)
    return _sample("ddpm", net, noise, alpha_bar, labels, scale, steps, change, step)


@checked
def ddim(net: Net, noise: Floats, alpha_bar: Floats, labels=None, *, scale: Number = 1, steps: Positive | None = 30,
         clip=True, change=None):
    """The same without chance: the image is a function of x_T (Song, Meng & Ermon 2021).

    Arguments, the result and what is raised: see `ddpm`.
    """
    def step(x, predicted, t, s):
        return ddim_step(x, predicted, t, s, alpha_bar, clip)
    return _sample("ddim", net, noise, alpha_bar, labels, scale, steps, change, step)


# ---- the network -----------------------------------------------------------------------------------------------------

@checked
class DiffusionBlock(nn.Module):
    """A residual block that is told the time: (N, in_channels, H, W), (N, features) → (N, out_channels, H, W)

    out = shortcut(x) + SE(conv(SiLU(norm(conv(SiLU(norm(x)))))))      the second norm's scale and shift come from time

    GroupNorm, for a batch holds images of all noise levels. The last convolution begins at 0, and the block as its
    shortcut. As in Ho et al. (2020) and Dhariwal & Nichol (2021); squeeze-and-excitation (Hu et al. 2018) is added.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and channels divide by groups, and for other
    inputs.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, features: Positive, groups: Positive = 8):
        super().__init__()
        check_divisible(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        self.norm1 = nn.GroupNorm(groups, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = ConditionalGroupNorm(out_channels, features, groups)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.squeeze = SqueezeExcitation(out_channels, max(1, out_channels // 4))
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, features):
        check_input(self, x, self.norm1.num_channels)
        branch = self.conv1(F.silu(self.norm1(x)))
        branch = self.conv2(F.silu(self.norm2(branch, features)))
        return self.shortcut(x) + self.squeeze(branch)


@checked
class DiffusionUNet(nn.Module):
    """The noise in noisy digits: images (N, 1, H, W), times (N,), labels (N,) → noise (N, 1, H, W)

    A U-Net at half and at a quarter of the size: the image's 2×2 squares become 4 channels first, and pixels again at
    the end. Blocks are `DiffusionBlock`s; at the quarter each pixel looks at all (attention, 4 heads).
    num_classes: labels are 0 … num_classes − 1, and num_classes stands for no class; labels=None: no class for all.
    widths: channels at the half and at the quarter.  skips: False cuts the two skip connections.
    H and W: multiples of 4.  Raises TypeError or ValueError naming the argument, also for inputs of another shape.
    """

    def __init__(self, num_classes: Positive = 10, widths=(32, 64), features: Positive = 128, skips=True):
        super().__init__()
        require(self, len(widths) == 2, f"widths must be two numbers of channels, got {widths!r}")
        check_int(self, 1, **{f"widths[{i}]": width for i, width in enumerate(widths)})
        (half, quarter), self.skips, self.num_classes = widths, skips, num_classes
        self.time = TimeEmbedding(64, features)
        self.label = nn.Embedding(num_classes + 1, features)
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, half, 3, padding=1))
        self.down1 = DiffusionBlock(half, half, features)
        self.shrink = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.down2 = DiffusionBlock(quarter, quarter, features)
        self.look = _Attention(quarter)
        self.middle = DiffusionBlock(quarter, quarter, features)
        self.up2 = DiffusionBlock(2 * quarter if skips else quarter, quarter, features)
        self.enlarge = ResizeUpsample(quarter, half, kernel_size=1)
        self.up1 = DiffusionBlock(2 * half if skips else half, half, features)
        self.head = nn.Sequential(nn.GroupNorm(8, half), nn.SiLU(), nn.Conv2d(half, 4, 3, padding=1),
                                  nn.PixelShuffle(2))
        nn.init.zeros_(self.head[2].weight)
        nn.init.zeros_(self.head[2].bias)

    def forward(self, x, t, labels=None):
        check_input(self, x, 1, multiple_of=4)
        if labels is None:
            labels = torch.full((len(x),), self.num_classes, device=x.device)
        told = F.silu(self.time(torch.as_tensor(t, device=x.device).expand(len(x))) + self.label(labels))

        fine = self.down1(self.stem(x), told)                            # (N, half, H/2, W/2)
        coarse = self.down2(self.shrink(fine), told)                     # (N, quarter, H/4, W/4)
        x = self.middle(self.look(coarse), told)
        x = self.up2(self._join(x, coarse), told)
        x = self.up1(self._join(self.enlarge(x), fine), told)
        return self.head(x)

    def _join(self, x, skip):
        return torch.cat([x, skip], 1) if self.skips else x


class _Attention(nn.Module):
    """x + attention(norm(x)), which begins as x."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.attention = MultiHeadSelfAttention(channels, 4)
        nn.init.zeros_(self.attention.attention.out.weight)

    def forward(self, x):
        return x + self.attention(self.norm(x))


@checked
def noise_loss(net: Net, images: Floats, labels, alpha_bar: Floats, drop: Share = 0.15):
    """What a diffusion model learns by: the mean of (ε̂(x_t, t, y) − ε)² over random times (Ho et al. 2020, eq. 14).

    images: (N, 1, H, W) in [−1, 1].  labels: (N,).  drop: the share of images that lose their class, each by its own
    draw, so that the same network learns to do without.  Each image has its own time; the N times are stratified, one
    from each N-th part of 1 … T, which makes the loss less noisy.  Draws come from torch's own generator.
    → a scalar.  Raises TypeError or ValueError naming the argument.
    """
    last = len(alpha_bar) - 1
    place = (torch.arange(len(images)) + torch.rand(len(images))) / len(images)
    t = (1 + (place * last).long()).clamp(max=last).to(images.device)
    labels = torch.where(torch.rand(len(images)).to(images.device) < drop, net.num_classes, labels)
    noise = torch.randn_like(images)
    return F.mse_loss(net(add_noise(images, t, noise, alpha_bar), t, labels), noise)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _alpha_bar(beta):
    return torch.cat([torch.ones(1, dtype=beta.dtype), torch.cumprod(1 - beta, 0)])


def _at(name, alpha_bar, t, like):
    """ᾱ at the times t, in the shape that multiplies images."""
    require(name, alpha_bar.ndim == 1, f"alpha_bar must be (T + 1,), got shape {tuple(alpha_bar.shape)}")
    t = torch.as_tensor(t)
    require(name, not t.is_floating_point() and t.shape in ((), (len(like),)),
            f"t must be an int or {len(like)} ints, one for each image, got {t.dtype} of shape {tuple(t.shape)}")
    if t.numel():
        least, most = int(t.min()), int(t.max())
        require(name, least >= 0 and most < len(alpha_bar),
                f"t must be from 0 to {len(alpha_bar) - 1}, got {least} to {most}")
    return alpha_bar.to(like.device)[t.to(like.device)].reshape(-1, *[1] * (like.ndim - 1))


def _sum(*terms):
    """Σ factor · image: the factors are computed in float64, where 1 − ᾱ_t/ᾱ_s keeps its digits, and rounded once."""
    return sum(factor.to(image.dtype) * image for factor, image in terms)


def _before(name, x, noise, t, s, alpha_bar, clip):
    """x̂₀, ᾱ_t and ᾱ_s"""
    require(name, noise.shape == x.shape, f"noise must have the shape of x, {tuple(x.shape)}, got {tuple(noise.shape)}")
    require(name, bool((torch.as_tensor(s) < torch.as_tensor(t)).all()), f"s must be before t, got {s} and {t}")
    x0 = predict_image(x, noise, t, alpha_bar)
    return x0.clamp(-1, 1) if clip else x0, _at(name, alpha_bar, t, x), _at(name, alpha_bar, s, x)


@torch.no_grad()
def _sample(name, net, x, alpha_bar, labels, scale, steps, change, step):
    check_floats(name, noise=x, alpha_bar=alpha_bar)
    last = len(alpha_bar) - 1
    times = sampling_times(last, last if steps is None else steps)
    with in_mode(net, training=False):
        for t, s in zip(times, times[1:], strict=False):
            x = step(x, guided_noise(net, x, torch.tensor(t), labels, scale), t, s)
            x = x if change is None else change(x, s)
    return x
