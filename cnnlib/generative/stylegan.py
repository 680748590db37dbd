"""A generator that grows and is told its style: progressive GANs and StyleGAN, at the size of 16×16 digits.

A style w is what the mapping network makes of noise z. Each layer of the generator has its own: (N, layers, features).
Sources: Karras et al. (2018), progressive growing; (2019), StyleGAN; (2020), StyleGAN2. Images lie around [−1, 1].
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import NonNegativeNumber, Number, Positive, PositiveNumber, Seed, Share, check_int, checked, require
from ..tensors import Floats, Net, check_input, check_shape
from ..training import EMA, History
from .gan import descend, discriminator_loss, generator_loss, sample_latents
from .scores import resized

__all__ = ["EqualizedConv2d", "EqualizedLinear", "MappingNetwork", "MinibatchStd", "StyleConv2d", "StyleDiscriminator",
           "StyleGenerator", "fade_in", "mean_style", "mix_styles", "modulated_conv2d", "r1_penalty", "train_stylegan",
           "truncate"]

GAIN = math.sqrt(2)                                                      # what a ReLU takes from the mean square


# ---- functions -------------------------------------------------------------------------------------------------------

@checked
def fade_in(old: Floats, new: Floats, alpha: Share):
    """(1 − α) · up(old) + α · new,  up: bilinear to the size of new (Karras et al. 2018, figure 2).

    old: (N, C, H, W), what was there before the growth.  new: (N, C, 2H, 2W).  → (N, C, 2H, 2W), at α = 0 up(old)
    itself, at α = 1 new itself.  Raises TypeError or ValueError naming the argument.
    """
    check_input("fade_in", old)
    n, c, height, width = old.shape
    require("fade_in", new.shape == (n, c, 2 * height, 2 * width),
            f"new must be {(n, c, 2 * height, 2 * width)}, twice as high and wide as old, got {tuple(new.shape)}")
    return torch.lerp(_enlarged(old), new, float(alpha))


@checked
def modulated_conv2d(x: Floats, weight: Floats, style: Floats, demodulate=True, eps: PositiveNumber = 1e-8):
    """A convolution, without bias, whose kernel each image makes its own (Karras et al. 2020, section 2.2).

    w'[n, o, i, k] = style[n, i] · weight[o, i, k]               modulated: the style scales input channels
    w"[n, o, i, k] = w'[n, o, i, k] / √(Σ_i,k w'[n, o, i, k]² + eps)                             demodulated

    No kernel is built: scaling what comes in by the style and what goes out by the root is the same.
    x: (N, C_in, H, W).  weight: (C_out, C_in, K, K), K odd; the padding keeps H and W.  style: (N, C_in).
    → (N, C_out, H, W).  Raises TypeError or ValueError naming the argument.
    """
    name = "modulated_conv2d"
    check_input(name, x)
    require(name, weight.ndim == 4 and weight.shape[1] == x.shape[1] and weight.shape[2] == weight.shape[3]
            and weight.shape[2] % 2 == 1,
            f"weight must be (C_out, {x.shape[1]}, K, K) with odd K, got {tuple(weight.shape)}")
    require(name, style.shape == x.shape[:2], f"style must be {tuple(x.shape[:2])}, one number for each channel of "
                                              f"each image, got {tuple(style.shape)}")
    out = F.conv2d(x * style[:, :, None, None], weight, padding=weight.shape[2] // 2)
    if demodulate:
        energy = style.square() @ weight.square().sum((2, 3)).T                          # (N, C_out)
        out = out * torch.rsqrt(energy + eps)[:, :, None, None]
    return out


@checked
def mix_styles(first: Floats, second: Floats, crossover):
    """The layers before the crossover have the first style, the others the second (Karras et al. 2019, section 3.1).

    first, second: (N, layers, features).  crossover: an int from 0 to layers, or N of them, one for each image.
    → (N, layers, features).  Raises TypeError or ValueError naming the argument.
    """
    check_shape("mix_styles", first, "N", "layers", "features")
    require("mix_styles", second.shape == first.shape,
            f"second must have the shape of first, {tuple(first.shape)}, got {tuple(second.shape)}")
    n, layers = first.shape[:2]
    crossover = torch.as_tensor(crossover)
    require("mix_styles", not crossover.is_floating_point() and crossover.shape in ((), (n,)),
            f"crossover must be an int or {n} ints, got {crossover.dtype} of shape {tuple(crossover.shape)}")
    require("mix_styles", crossover.min() >= 0 and crossover.max() <= layers,
            f"crossover must be from 0 to {layers}, got {int(crossover.min())} to {int(crossover.max())}")
    return torch.where((torch.arange(layers) < crossover.reshape(-1, 1))[..., None], first, second)


@checked
def truncate(style: Floats, mean: Floats, psi: Number):
    """w̄ + ψ · (w − w̄): styles drawn nearer to their mean, or beyond for ψ > 1 (Karras et al. 2019, appendix B).

    style: (*, features).  mean: (features,), of `mean_style`, by the network that made the styles.
    Raises TypeError or ValueError naming the argument.
    """
    check_shape("truncate", style, "*", "features")
    check_shape("truncate", mean, style.shape[-1])
    return torch.lerp(mean.expand_as(style), style, float(psi))


@checked
@torch.no_grad()
def mean_style(mapping: Net, latent: Positive = 64, count: Positive = 10_000, seed: Seed = 0):
    """w̄, the mean of what the mapping network makes of `count` latents.  → (features,).

    It is not the style of the mean latent.  Raises TypeError or ValueError naming the argument.
    """
    return mapping(sample_latents(count, latent, seed)).mean(0)


@checked
def r1_penalty(logits: Floats, images: Floats):
    """Mean over images of ‖∂ logit_n / ∂ image_n‖², real images only (Mescheder, Geiger & Nowozin 2018).

    images: (N, …), which require gradients and led to logits: (N,).  γ / 2 times this is added to the discriminator's
    loss.  → a scalar tensor that has a gradient itself.  Raises TypeError or ValueError naming the argument.
    """
    require("r1_penalty", images.requires_grad, "images must require gradients, before the logits are computed")
    require("r1_penalty", logits.shape == (len(images),),
            f"logits must be one for each of {len(images)} images, got shape {tuple(logits.shape)}")
    slope, = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


# ---- layers ----------------------------------------------------------------------------------------------------------

@checked
class EqualizedLinear(nn.Module):
    """A dense layer of equalised learning rate: (*, in_features) → (*, out_features)  (Karras et al. 2018, 4.1).

    out = x · (c · weight)ᵀ + m · bias,  c = m / √in_features; the weights are drawn from N(0, 1/m²).
    m is lr_multiplier: the layer learns as if the learning rate were m times that of the others.
    bias: its first value, c · weight's opposite number of the outside: what is added at the start.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, in_features: Positive, out_features: Positive, bias: Number = 0.0,
                 lr_multiplier: PositiveNumber = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias / lr_multiplier))
        self.scale, self.lr_multiplier = lr_multiplier / math.sqrt(in_features), lr_multiplier

    def forward(self, x):
        check_shape(self, x, "*", self.weight.shape[1])
        return F.linear(x, self.weight * self.scale, self.bias * self.lr_multiplier)


@checked
class EqualizedConv2d(nn.Module):
    """A convolution of equalised learning rate: (N, in_channels, H, W) → (N, out_channels, H, W)

    The weights are drawn from N(0, 1) and multiplied, each time, by c = 1 / √(in_channels · K²).  kernel_size K: odd.
    stride: 2 halves H and W, if they are even.  Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Positive = 3, stride: Positive = 1):
        super().__init__()
        require(self, kernel_size % 2 == 1, f"kernel_size must be odd, got {kernel_size}")
        self.stride = int(stride)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)

    def forward(self, x):
        check_input(self, x, self.weight.shape[1])
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.weight.shape[2] // 2)


@checked
class StyleConv2d(nn.Module):
    """A layer of the generator: (N, in_channels, H, W) and styles (N, features) → (N, out_channels, H, W)

    x = modulated_conv2d(x, weight, A(style)) + strength · noise + bias, then LeakyReLU of slope .2, times √2.
    A: a dense layer, learned, of bias 1 at the start.  up: H and W are doubled, bilinearly, before the noise comes.
    noise: None, or torch's generator, to draw (N, 1, H, W) from; one number, 0 at the start, says how much of it.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, features: Positive, up=False):
        super().__init__()
        self.up = up
        self.affine = EqualizedLinear(features, in_channels, bias=1.0)
        self.conv = EqualizedConv2d(in_channels, out_channels)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x, style, noise=None):
        x = modulated_conv2d(x, self.conv.weight * self.conv.scale, self.affine(style))
        if self.up:
            x = _enlarged(x)
        if noise is not None:
            x = x + self.strength * torch.randn(len(x), 1, *x.shape[2:], generator=noise, dtype=x.dtype)
        return F.leaky_relu(x + self.conv.bias[:, None, None], 0.2) * GAIN


class MinibatchStd(nn.Module):
    """One more channel: how much the images of the batch differ, one number everywhere (Karras et al. 2018, section 3).

    The deviation over the batch of each feature at each pixel, and the mean of all of them.  (N, C, H, W) →
    (N, C + 1, H, W).
    """

    def forward(self, x):
        check_input(self, x)
        spread = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, spread.expand(len(x), 1, *x.shape[2:])], 1)


# ---- networks --------------------------------------------------------------------------------------------------------

@checked
class MappingNetwork(nn.Sequential):
    """Noise → style: (N, latent) → (N, features), dense layers of a tenth of the learning rate (Karras et al. 2019).

    z is divided by the root of its mean square first.  LeakyReLU of slope .2 after each layer, times √2.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, latent: Positive = 64, features: Positive = 64, depth: Positive = 3):
        sizes = [latent] + [features] * int(depth)
        super().__init__(*(EqualizedLinear(a, b, lr_multiplier=0.1) for a, b in zip(sizes, sizes[1:], strict=False)))
        self.latent = int(latent)

    def forward(self, z):
        check_shape(self, z, "N", self.latent)
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self:
            x = F.leaky_relu(layer(x), 0.2) * GAIN
        return x


def _check_widths(name, widths):
    require(name, len(widths) > 0, "widths must have at least one number")
    check_int(name, 1, **{f"widths[{i}]": width for i, width in enumerate(widths)})


@checked
class StyleGenerator(nn.Module):
    """Styles → images: (N, layers, features) → (N, channels, S, S), S = 4 · 2^(stages − 1)

    It begins with a learned constant at 4×4 and one `StyleConv2d`; two more for each next size, the first enlarges.
    At each size a 1×1 convolution makes an image, and the result is the sum of all of them, enlarged.
    widths: channels at 4×4, 8×8, …; they say how far it can grow.  `mapping`: its mapping network.
    stages: how far it has grown, None: wholly.  alpha: of the last stage, as in `fade_in`.
    noise: None: without; torch's generator, to draw it from.  styles: (N, features) is one for all layers.
    Nothing holds the values in [−1, 1].  Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, latent: Positive = 64, widths=(64, 48, 32), channels: Positive = 1, features: Positive = 64):
        super().__init__()
        _check_widths(self, widths)
        self.latent, self.features, self.stages = int(latent), int(features), len(widths)
        self.mapping = MappingNetwork(latent, features)
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.layers = nn.ModuleList([StyleConv2d(widths[0], widths[0], features)])
        for before, after in zip(widths, widths[1:], strict=False):
            self.layers += [StyleConv2d(before, after, features, up=True), StyleConv2d(after, after, features)]
        self.to_image = nn.ModuleList(EqualizedConv2d(width, channels, 1) for width in widths)

    def forward(self, styles, stages: Positive | None = None, alpha=1.0, noise=None):
        stages = self.stages if stages is None else stages
        require(self, 1 <= stages <= self.stages, f"stages must be from 1 to {self.stages}, got {stages}")
        if styles.ndim == 2:
            styles = self.spread(styles)
        check_shape(self, styles, "N", len(self.layers), self.features)
        x = self.constant.expand(len(styles), -1, -1, -1)
        for stage in range(stages):
            for number in range(max(0, 2 * stage - 1), 2 * stage + 1):
                x = self.layers[number](x, styles[:, number], noise)
            new = self.to_image[stage](x)
            if stage == 0:
                image = new
            else:                                # fade_in(image, up(image) + new, α) = up(image) + α · new
                image = _enlarged(image) + (new if stage < stages - 1 else alpha * new)
        return image

    def spread(self, style):
        """(N, features) → (N, layers, features): the same for all layers."""
        check_shape(self, style, "N", self.features)
        return style[:, None].expand(-1, len(self.layers), -1)


@checked
class StyleDiscriminator(nn.Module):
    """Images → one logit each, real above 0: (N, channels, S, S) → (N,), S = 4, 8, … as far as widths go.

    A 1×1 convolution reads the image at its own size; two 3×3 convolutions, the second of stride 2, for each size down
    to 4×4, where `MinibatchStd`, a convolution and two dense layers end it. LeakyReLU of slope .2, times √2.
    alpha: at 0 the images are read at half their size, at 1 at their own, as in `fade_in`.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, widths=(64, 48, 32), channels: Positive = 1):
        super().__init__()
        _check_widths(self, widths)
        self.channels, self.stages = int(channels), len(widths)
        self.from_image = nn.ModuleList(EqualizedConv2d(channels, width, 1) for width in widths)
        self.blocks = nn.ModuleList(nn.ModuleList([EqualizedConv2d(own, own), EqualizedConv2d(own, below, stride=2)])
                                    for below, own in zip(widths, widths[1:], strict=False))
        self.spread = MinibatchStd()
        self.last = EqualizedConv2d(widths[0] + 1, widths[0])
        self.dense = EqualizedLinear(widths[0] * 16, widths[0])
        self.head = EqualizedLinear(widths[0], 1)

    def forward(self, x, alpha=1.0):
        sides = [4 * 2**stage for stage in range(self.stages)]
        check_input(self, x, self.channels)
        require(self, x.shape[2] == x.shape[3] and x.shape[2] in sides,
                f"H and W of the input must be alike and one of {sides}, got shape {tuple(x.shape)}")
        stage = sides.index(x.shape[2])
        features = _rectified(self.from_image[stage](x))
        for number in range(stage, 0, -1):
            for conv in self.blocks[number - 1]:
                features = _rectified(conv(features))
            if number == stage and alpha < 1:
                smaller = _rectified(self.from_image[stage - 1](F.avg_pool2d(x, 2)))
                features = torch.lerp(smaller, features, float(alpha))
        features = _rectified(self.last(self.spread(features)))
        return self.head(_rectified(self.dense(features.flatten(1)))).flatten()


# ---- training --------------------------------------------------------------------------------------------------------

@checked
def train_stylegan(generator: Net, discriminator: Net, images: Floats, steps=(250, 750, 8000), *,
                   batch_size: Positive = 32, lr: PositiveNumber = 2e-3, r1: NonNegativeNumber = 0.3,
                   r1_every: Positive = 8, mixing: Share = 0.5, fade: Share = 0.25, decay: Share = 0.3,
                   ema_decay: Share = 0.998, seed: Seed = 0, after_step=None):
    """Train a `StyleGenerator` against a `StyleDiscriminator`, in place, while both grow.  → a table, and the `EMA`.

    images: (n, C, S, S), S the generator's largest size; they are made smaller for the stages before.
    steps: one number for each stage, (0, 0, 5000) does not grow; a step is one of the discriminator, then one of the
    generator for the same images.  fade: the share of a stage in which α rises from 0 to 1.
    r1: γ; every r1_every steps the discriminator's loss has r1_every · γ / 2 · `r1_penalty` more.
    mixing: the share of the images that have two styles, with a crossover drawn for each.
    decay: the share of all steps, at the end, in which the learning rate falls to 0.  Adam with betas 0 and .99.
    ema_decay: of the copy of the generator that follows.  seed: of all that is drawn here.
    after_step: after_step(row), a dict with the number of the step, may add numbers to it.
    The columns: step, stage, alpha, discriminator, generator (losses), real, fake (shares that are told rightly).
    Raises TypeError or ValueError naming the argument.
    """
    name, batch_size, size = "train_stylegan", int(batch_size), 4 * 2 ** (generator.stages - 1)
    check_shape(name, images, "n", "C", size, size)
    require(name, len(steps) == generator.stages, f"steps must be {generator.stages} numbers, got {steps!r}")
    check_int(name, 0, **{f"steps[{i}]": count for i, count in enumerate(steps)})
    total = sum(steps)
    require(name, total, "steps must not all be 0")
    chance = torch.Generator().manual_seed(int(seed))
    g, d = (torch.optim.Adam(net.parameters(), lr, (0.0, 0.99), fused=True) for net in (generator, discriminator))
    ema = EMA(generator, ema_decay)

    def factor(step):
        return min(1.0, (1 - step / total) / decay) if decay else 1.0
    schedules = [torch.optim.lr_scheduler.LambdaLR(optimizer, factor) for optimizer in (g, d)]

    def made(stage, alpha):
        first, second = (generator.spread(generator.mapping(z)) for z in
                         torch.randn(2, batch_size, generator.latent, generator=chance))
        layers = 2 * stage + 1                                           # those that there are by now
        crossover = torch.randint(1, max(2, layers), (batch_size,), generator=chance)
        one_style = torch.rand(batch_size, generator=chance) >= mixing
        crossover[one_style] = len(generator.layers)
        return generator(mix_styles(first, second, crossover), stage + 1, alpha, noise=chance)

    with History(total) as history:
        for stage, count in enumerate(steps):
            reals = resized(images, 4 * 2**stage)
            for step in range(count):
                alpha = min(1.0, (step + 1) / (fade * count)) if stage and fade else 1.0
                penalised = r1 > 0 and len(history.rows) % r1_every == 0
                real = reals[torch.randint(len(reals), (batch_size,), generator=chance)].requires_grad_(penalised)
                fake = made(stage, alpha)
                on_real, on_fake = discriminator(real, alpha), discriminator(fake.detach(), alpha)
                loss_d = discriminator_loss(on_real, on_fake)
                with_penalty = loss_d + r1_every * r1 / 2 * r1_penalty(on_real, real) if penalised else loss_d
                descend(d, with_penalty)
                discriminator.requires_grad_(False)
                loss_g = generator_loss(discriminator(fake, alpha))
                descend(g, loss_g)
                discriminator.requires_grad_(True)
                ema.update()
                for schedule in schedules:
                    schedule.step()
                row = history.add(stage=stage, alpha=alpha, discriminator=loss_d, generator=loss_g,
                                  real=(on_real > 0).float().mean(), fake=(on_fake < 0).float().mean())
                if after_step is not None:
                    after_step(row)
    return history.table(), ema


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _enlarged(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _rectified(x):
    return F.leaky_relu(x, 0.2) * GAIN
