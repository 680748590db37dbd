"""Two networks against each other: DCGAN's generator and discriminator, the papers' losses, and the loop of two steps.

Everywhere the discriminator gives logits: no network here ends with a sigmoid, the losses apply it.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ..blocks.normalization import spectral_norm
from ..checks import NonNegativeNumber, Positive, PositiveNumber, Seed, Share, checked, require
from ..tensors import Floats, Net, check_input, check_shape
from ..training import EMA, History

__all__ = ["DCGANDiscriminator", "DCGANGenerator", "discriminator_loss", "generator_loss", "gradient_penalty",
           "sample_latents", "train_gan"]

Loss = Literal["non_saturating", "saturating", "hinge", "wasserstein"]


def _check_size(name, size):
    require(name, size >= 8 and size & (size - 1) == 0, f"size must be a power of 2 and at least 8, got {size}")


@checked
class DCGANGenerator(nn.Sequential):
    """Noise → images, by transposed convolutions (Radford et al. 2016).  (N, latent) → (N, channels, size, size)

    A dense layer makes 4×4 pixels, each 4×4 transposed convolution of stride 2 doubles them and halves the channels,
    down to `width`; batch norm and ReLU follow each layer but the last, which ends with tanh: values in [−1, 1].
    size: a power of 2 from 8 on.  Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, latent: Positive = 64, width: Positive = 32, channels: Positive = 1, size: Positive = 16):
        _check_size(self, size)
        self.latent = int(latent)
        before, side = width * size // 8, 4
        layers = [nn.Unflatten(1, (self.latent, 1, 1)), nn.ConvTranspose2d(self.latent, before, 4, bias=False)]
        while side < size:
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
            side, after = 2 * side, before // 2 if 2 * side < size else channels
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, padding=1, bias=side == size))
            before = after
        super().__init__(*layers, nn.Tanh())

    def forward(self, z):
        check_shape(self, z, "N", self.latent)
        return super().forward(z)


@checked
class DCGANDiscriminator(nn.Sequential):
    """Images → one logit each, real above 0, by strided convolutions (Radford, Metz & Chintala 2016).

    (N, channels, size, size) → (N,).  Each 4×4 convolution of stride 2 halves the image, from `width` channels on
    doubling them, down to 4×4 pixels, which one 4×4 convolution reads; LeakyReLU of slope .2 between.
    norm: "batch" as in the paper, on all layers but the first and the last; "spectral" on all layers (Miyato et al.
    2018); None.  size: a power of 2 from 8 on.  Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, width: Positive = 32, channels: Positive = 1, size: Positive = 16,
                 norm: Literal["batch", "spectral"] | None = "batch"):
        _check_size(self, size)
        self.channels, self.size = int(channels), int(size)
        bound = spectral_norm if norm == "spectral" else lambda layer: layer
        layers, before, side = [], channels, size
        while side > 4:
            after, between = width * size // side, norm == "batch" and side < size
            layers.append(bound(nn.Conv2d(before, after, 4, 2, padding=1, bias=not between)))
            layers += [nn.BatchNorm2d(after)] * between + [nn.LeakyReLU(0.2)]
            before, side = after, side // 2
        super().__init__(*layers, bound(nn.Conv2d(before, 1, 4)), nn.Flatten(0))

    def forward(self, x):
        check_input(self, x, self.channels, exactly=(self.size, self.size))
        return super().forward(x)


# ---- losses ----------------------------------------------------------------------------------------------------------

@checked
def discriminator_loss(real: Floats, fake: Floats, loss: Loss = "non_saturating"):
    """What the discriminator minimises, from its logits for real and for made images, of any shapes; → a scalar tensor.

    non_saturating, saturating   mean softplus(−real) + mean softplus(fake) = −mean log p(real) − mean log(1 − p(fake))
    hinge                        mean relu(1 − real) + mean relu(1 + fake)
    wasserstein                  mean fake − mean real, of a critic whose slope `gradient_penalty` keeps near 1
    Sources: Goodfellow et al. (2014); Lim & Ye (2017); Arjovsky et al. (2017).  Raises TypeError or ValueError.
    """
    if loss == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if loss == "wasserstein":
        return fake.mean() - real.mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


@checked
def generator_loss(fake: Floats, loss: Loss = "non_saturating"):
    """What the generator minimises, from the discriminator's logits for its images, of any shape; → a scalar tensor.

    non_saturating        mean softplus(−fake) = −mean log p        saturating   −mean softplus(fake) = mean log(1 − p)
    hinge, wasserstein    −mean fake
    Sources as in `discriminator_loss`.  Raises TypeError or ValueError.
    """
    if loss == "non_saturating":
        return F.softplus(-fake).mean()
    return -F.softplus(fake).mean() if loss == "saturating" else -fake.mean()


@checked
def gradient_penalty(net: Net, real: Floats, fake: Floats, length: NonNegativeNumber = 1.0, generator=None):
    """Mean of (‖∂ net(x) / ∂x‖ − length)² at points between real and made images (Gulrajani et al. 2017).

    x_n = t_n · real_n + (1 − t_n) · fake_n, t_n uniform in [0, 1], one for each image. The norm is of all numbers of
    an image.  net: gives one logit for each image, without batch norm, which would mix their gradients.
    real, fake: (N, …) of one shape; no gradient goes through them.  generator: torch's, of t.
    → a scalar tensor, to be multiplied by its weight and added to the discriminator's loss.
    Raises TypeError or ValueError naming the argument.
    """
    require("gradient_penalty", real.shape == fake.shape and real.ndim > 1,
            f"real and fake must have one shape (N, …), got {tuple(real.shape)} and {tuple(fake.shape)}")
    t = torch.rand(len(real), *[1] * (real.ndim - 1), generator=generator, dtype=real.dtype, device=real.device)
    x = torch.lerp(fake.detach(), real.detach(), t).requires_grad_()
    slope, = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - length).square().mean()


# ---- the loop --------------------------------------------------------------------------------------------------------

@checked
def descend(optimizer, loss: Floats):
    """One step of one network's optimiser down the gradient of loss, one number; gradients that were there count for
    nothing.  Raises TypeError or ValueError.
    """
    require("descend", loss.numel() == 1, f"loss must be one number, got shape {tuple(loss.shape)}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@checked
def sample_latents(count: Positive, latent: Positive, seed: Seed = 0):
    """What a generator starts from: (count, latent) numbers of N(0, 1), by seed.  Raises TypeError or ValueError."""
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(int(seed)))


@checked
def train_gan(generator: Net, discriminator: Net, images: Floats, steps: Positive, *, latent: Positive = 64,
              batch_size: Positive = 32, lr: PositiveNumber = 2e-3, discriminator_lr: PositiveNumber | None = None,
              betas=(0.5, 0.999), loss: Loss = "non_saturating", generator_steps: Positive = 1,
              discriminator_steps: Positive = 1, penalty: NonNegativeNumber = 0.0, length: NonNegativeNumber = 1.0,
              decay=True, ema_decay: Share = 0.99, seed: Seed = 0, after_step=None):
    """Train two networks against each other, in place.  → history, a table, and the `EMA` of the generator.

    generator: (N, latent) → as images.  discriminator: → logits (N,).  images: (n, …), real, in the range of the
    generator's outputs; rows are drawn with replacement.  steps: rows of the history. Each is discriminator_steps steps
    of the discriminator, every one with new real and new made images, then generator_steps of the generator.
    lr, discriminator_lr: of two Adams with these betas; None: the same for both.  decay: lr falls to 0 on a line.
    loss: as in `generator_loss`.  penalty: weight of `gradient_penalty`, whose slope has the given length.
    ema_decay: of the copy of the generator that follows.  seed: of all that is drawn here.
    after_step: after_step(row), a dict with the number of the step, may add numbers to it.
    The columns: step, discriminator, generator (their losses before the last step of each), real, fake (shares of
    the logits above 0, and below 0, that is of the images that the discriminator told rightly).
    Both networks are in training mode, before and after.  Raises TypeError or ValueError naming the argument.
    """
    require("train_gan", images.ndim > 1 and len(images), f"images must be (n, …), got {tuple(images.shape)}")
    chance = torch.Generator().manual_seed(int(seed))
    g = torch.optim.Adam(generator.parameters(), lr, betas, fused=True)
    d = torch.optim.Adam(discriminator.parameters(), discriminator_lr or lr, betas, fused=True)
    ema = EMA(generator, ema_decay)
    schedules = [torch.optim.lr_scheduler.LinearLR(o, 1, 0, steps) for o in (g, d)] if decay else []
    generator.train()
    discriminator.train()

    def made():
        return generator(torch.randn(int(batch_size), int(latent), generator=chance))

    with History(steps) as history:
        for _ in range(steps):
            for _ in range(discriminator_steps):
                real = images[torch.randint(len(images), (int(batch_size),), generator=chance)]
                with torch.no_grad():                                    # no gradient for the generator: not its step
                    fake = made()
                on_real, on_fake = discriminator(real), discriminator(fake)
                loss_d = discriminator_loss(on_real, on_fake, loss)
                if penalty:
                    loss_d = loss_d + penalty * gradient_penalty(discriminator, real, fake, length, chance)
                descend(d, loss_d)
            discriminator.requires_grad_(False)                          # here its gradients are nobody's
            for _ in range(generator_steps):
                loss_g = generator_loss(discriminator(made()), loss)
                descend(g, loss_g)
            discriminator.requires_grad_(True)
            ema.update()
            for schedule in schedules:
                schedule.step()
            row = history.add(discriminator=loss_d, generator=loss_g, real=(on_real > 0).float().mean(),
                              fake=(on_fake < 0).float().mean())
            if after_step is not None:
                after_step(row)
    return history.table(), ema
