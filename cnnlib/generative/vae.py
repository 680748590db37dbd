"""The variational autoencoder: an encoder that says how sure it is, a decoder, and the bound that trains both."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ..blocks import TransposedUpsample
from ..checks import NonNegativeNumber, Positive, check_multiple, checked, kind, require
from ..tensors import Floats, check_input, check_range, check_shape

__all__ = ["VAE", "gaussian_kl", "reparameterize", "vae_loss"]


def _check_gaussian(name, mean, log_variance):
    """Mean and log-variance (N, D) of one shape; more axes in front are allowed."""
    check_shape(name, mean, "*", "N", "D")
    require(name, log_variance.shape == mean.shape, f"log_variance must have the shape of mean, {tuple(mean.shape)}, "
                                                    f"got {tuple(log_variance.shape)}")


@checked
def gaussian_kl(mean: Floats, log_variance: Floats):
    """How far each code's Gaussian is from the prior N(0, I), in nats.

    KL = ½ Σ_d (μ_d² + σ_d² − log σ_d² − 1)                              log_variance = log σ², not log σ

    mean, log_variance: (*, N, D)  →  (*, N), each ≥ 0.  Raises TypeError or ValueError naming the argument.
    Source: Kingma & Welling (2014), appendix B.
    """
    _check_gaussian("gaussian_kl", mean, log_variance)
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(-1)


@checked
def reparameterize(mean: Floats, log_variance: Floats, noise: Floats | None = None):
    """A draw from N(μ, diag σ²) through which gradients pass:  z = μ + σ ε,   σ = exp(½ log σ²)

    mean, log_variance: (*, N, D).  noise: ε, of that shape; None draws it from N(0, 1), a number for each code and
    coordinate.  → (*, N, D).  Raises TypeError or ValueError naming the argument.  Source: Kingma & Welling (2014).
    """
    _check_gaussian("reparameterize", mean, log_variance)
    noise = torch.randn_like(mean) if noise is None else noise
    require("reparameterize", noise.shape == mean.shape, f"noise must have the shape of mean, {tuple(mean.shape)}, "
                                                         f"got {tuple(noise.shape)}")
    return mean + (0.5 * log_variance).exp() * noise


@checked
def vae_loss(logits: Floats, images: Floats, mean: Floats, log_variance: Floats, beta: NonNegativeNumber = 1.0):
    """Minus the evidence lower bound, in nats an image, in its two parts.

    reconstruction = mean over n of  Σ_pixels −x log p − (1 − x) log(1 − p)          p = sigmoid(logits)
    kl             = mean over n of  β · gaussian_kl                                 summed over coordinates

    logits, images: (N, C, H, W), images in [0, 1].  mean, log_variance: (N, D).  beta: 1 is the bound; another weight
    is not (Higgins et al. 2017).  Sums over pixels and coordinates, means over the batch: an average over pixels would
    multiply beta by C·H·W.
    → {"reconstruction": (), "kl": ()}, losses by name, as `cnnlib.training.train` takes them from its step.
    Raises TypeError or ValueError naming the argument.
    """
    check_shape("vae_loss", logits, "N", "C", "H", "W")
    require("vae_loss", images.shape == logits.shape, f"images must have the shape of logits, {tuple(logits.shape)}, "
                                                      f"got {tuple(images.shape)}")
    check_range("vae_loss", 0, 1, images=images)
    require("vae_loss", len(mean) == len(logits), f"mean must have a row for each of {len(logits)} images, "
                                                  f"got shape {tuple(mean.shape)}")
    pixels = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return {"reconstruction": pixels.flatten(1).sum(1).mean(), "kl": beta * gaussian_kl(mean, log_variance).mean()}


@checked
class VAE(nn.Module):
    """A convolutional variational autoencoder of small square images (Kingma & Welling 2014).

    encode: (N, channels, size, size)  →  mean and log_variance (N, latent) of q(z|x)
    decode: (N, latent)                →  logits (N, channels, size, size)
    forward: x → the logits of one draw of z from q(z|x), mean, log_variance: what `vae_loss` takes with x

    Two convolutions of stride 2 and a linear layer; back with `TransposedUpsample`, whose taps are equally many.
    size: of a side, a multiple of 4.  width: channels of the first convolution.
    noisy: False makes forward decode the mean, a plain autoencoder.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and for inputs of another shape.
    """

    def __init__(self, latent: Positive = 16, width: Positive = 32, size: kind(int, check_multiple, 4) = 28,
                 channels: Positive = 1, noisy: Literal[True, False] = True):
        super().__init__()
        self.latent, self.channels, self.size, self.noisy = latent, channels, size, noisy
        small, deep = size // 4, 2 * width
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.SiLU(),
            nn.Conv2d(width, deep, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(deep), nn.SiLU(),
            nn.Flatten(), nn.Linear(deep * small**2, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, deep * small**2), nn.Unflatten(1, (deep, small, small)),
            nn.BatchNorm2d(deep), nn.SiLU(),
            TransposedUpsample(deep, width), nn.BatchNorm2d(width), nn.SiLU(),
            TransposedUpsample(width, channels),
        )

    def encode(self, x):
        check_input(self, x, self.channels, exactly=(self.size, self.size))
        return self.encoder(x).chunk(2, 1)

    def decode(self, z):
        check_shape(self, z, "N", self.latent)
        return self.decoder(z)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        z = reparameterize(mean, log_variance) if self.noisy else mean
        return self.decode(z), mean, log_variance
