"""The variational autoencoder: its parts against torch.distributions, Monte Carlo and a model whose bound is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from cnnlib.generative import VAE, gaussian_kl, reparameterize, vae_loss
from cnnlib.testing import assert_close
from cnnlib.training import set_seed, train

codes, images = torch.zeros(3, 2), torch.zeros(3, 1, 4, 8)

BAD = [
    (gaussian_kl, ([0.0], codes), {}, "gaussian_kl: mean must be a tensor of floats"),
    (gaussian_kl, (codes, codes.long()), {}, "gaussian_kl: log_variance must be a tensor of floats"),
    (gaussian_kl, (codes, codes[:2]), {}, r"log_variance must have the shape of mean, \(3, 2\), got \(2, 2\)"),
    (gaussian_kl, (codes[0], codes[0]), {}, r"gaussian_kl: input must be \(\*, N, D\), got shape \(2,\)"),
    (reparameterize, (codes, codes[:, :1]), {}, r"log_variance must have the shape of mean, \(3, 2\), got \(3, 1\)"),
    (reparameterize, (codes, codes, codes[:1]), {}, r"noise must have the shape of mean, \(3, 2\), got \(1, 2\)"),
    (reparameterize, (codes, codes, 1.0), {}, "reparameterize: noise must be a tensor of floats"),
    (vae_loss, (images, images[:2], codes, codes), {}, r"images must have the shape of logits, \(3, 1, 4, 8\)"),
    (vae_loss, (images, images + 2, codes, codes), {}, r"vae_loss: images must lie in \[0, 1\], got 2 … 2"),
    (vae_loss, (images[0], images[0], codes, codes), {}, r"vae_loss: input must be \(N, C, H, W\)"),
    (vae_loss, (images, images, codes[:2], codes[:2]), {}, "mean must have a row for each of 3 images"),
    (vae_loss, (images, images, codes, codes[:2]), {}, "gaussian_kl: log_variance must have the shape of mean"),
    (vae_loss, (images, images, codes, codes, -1), {}, "vae_loss: beta must be at least 0, got -1"),
    (VAE, (0,), {}, "VAE: latent must be at least 1, got 0"),
    (VAE, (2, 4, 10), {}, "VAE: size must divide by 4, got 10"),
    (VAE, (), {"noisy": "yes"}, "VAE: noisy must be True or False, got 'yes'"),
    (VAE(2, 3, 8), (torch.zeros(2, 1, 8, 12),), {}, r"VAE: input must be \(N, 1, 8, 8\)"),
    (VAE(2, 3, 8).decode, (torch.zeros(2, 3),), {}, r"VAE: input must be \(N, 2\), got shape \(2, 3\)"),
]


def some(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 7), (1, 1)])
def test_the_divergence_is_torchs(shape):
    mean, log_variance = some(*shape), some(*shape, seed=1)
    code = Normal(mean, (log_variance / 2).exp())
    assert_close(gaussian_kl(mean, log_variance), kl_divergence(code, Normal(0.0, 1.0)).sum(-1))
    assert gaussian_kl(torch.zeros(shape), torch.zeros(shape)).abs().max() == 0


def test_the_divergence_is_the_mean_of_log_q_minus_log_p():
    mean, log_variance = some(1, 3), some(1, 3, seed=1)
    z = reparameterize(mean.expand(40_000, 3), log_variance.expand(40_000, 3), some(40_000, 3, seed=2))
    inside = (Normal(mean, (log_variance / 2).exp()).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1)
    error = inside.std() / math.sqrt(len(inside))
    assert abs(inside.mean() - gaussian_kl(mean, log_variance)[0]) < 5 * error < 0.1


def test_a_draw_has_mean_and_deviation_and_lets_gradients_through():
    mean, log_variance, noise = some(6, 3).requires_grad_(), some(6, 3, seed=1).requires_grad_(), some(6, 3, seed=2)
    sigma = (log_variance / 2).exp()
    z = reparameterize(mean, log_variance, noise)
    assert_close(z, mean + sigma * noise)
    to_mean, to_log_variance = torch.autograd.grad(z.sum(), (mean, log_variance))
    assert_close(to_mean, torch.ones(6, 3, dtype=torch.float64))
    assert_close(to_log_variance, sigma * noise / 2)
    torch.manual_seed(0)
    wide = reparameterize(torch.full((4_000, 2), 3.0), torch.full((4_000, 2), math.log(0.25)))
    assert abs(wide.mean() - 3) < 0.05 and abs(wide.std() - 0.5) < 0.05
    assert abs(torch.corrcoef(wide.T)[0, 1]) < 0.1                       # each coordinate has noise of its own


@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_the_loss_is_minus_log_p_and_the_divergence(beta):
    logits, x = some(5, 2, 3, 4), torch.sigmoid(some(5, 2, 3, 4, seed=1))
    mean, log_variance = some(5, 3), some(5, 3, seed=1)
    loss = vae_loss(logits, x, mean, log_variance, beta)
    p = Independent(Bernoulli(logits=logits, validate_args=False), 3)
    assert_close(loss["reconstruction"], -p.log_prob(x).mean())
    assert_close(loss["kl"], beta * gaussian_kl(mean, log_variance).mean())
    more = vae_loss(logits.repeat(2, 1, 1, 1), x.repeat(2, 1, 1, 1), mean.repeat(2, 1), log_variance.repeat(2, 1), beta)
    assert_close(more["reconstruction"], loss["reconstruction"])         # a mean over the batch


def test_the_bound_of_a_linear_model_is_exact_at_its_posterior_and_below_elsewhere():
    """x = w z + noise of variance v: log p(x) is known, and log p(x) − ELBO = KL(q ‖ posterior)."""
    w, v, x = 1.5, 0.4, some(7, 1)
    truth = Normal(0.0, math.sqrt(w**2 + v)).log_prob(x).sum(1)
    variance = v / (w**2 + v)
    mean, log_variance = x * w / (w**2 + v), torch.full_like(x, math.log(variance))

    def bound(mean, log_variance):
        expected = Normal(w * mean, math.sqrt(v)).log_prob(x) - w**2 * log_variance.exp() / (2 * v)
        return expected.sum(1) - gaussian_kl(mean, log_variance)
    assert_close(bound(mean, log_variance), truth, 1e-6)
    off = Normal(mean + 0.3, (log_variance / 2 - 0.2).exp())
    gap = kl_divergence(off, Normal(mean, math.sqrt(variance))).sum(1)
    assert_close(truth - bound(mean + 0.3, log_variance - 0.4), gap, 1e-6)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (12, 3), (28, 1)])
def test_shapes_and_modes(size, channels):
    net = VAE(5, 3, size, channels)
    logits, mean, log_variance = net(torch.rand(4, channels, size, size))
    assert logits.shape == (4, channels, size, size) and mean.shape == log_variance.shape == (4, 5)
    net.eval()
    x = torch.rand(2, channels, size, size)
    assert not torch.equal(net(x)[0], net(x)[0])                         # it draws
    net.noisy = False
    assert_close(net(x)[0], net.decode(net.encode(x)[0]))


def test_it_learns_to_tell_two_bars_apart():
    set_seed(0)
    which = torch.randint(2, (64,))
    x = torch.zeros(64, 1, 8, 8)
    x[which == 0, :, 1:3], x[which == 1, :, :, 5:7] = 1.0, 1.0
    net = VAE(2, 4, 8)

    def step(batch):
        logits, mean, log_variance = net(batch[0])
        return vae_loss(logits, batch[0], mean, log_variance)
    history = train(step, x, torch.optim.Adam(net.parameters(), 1e-2), steps=120, batch_size=32)
    assert history["loss"].iloc[-5:].mean() < 0.25 * history["loss"].iloc[0]
    with torch.no_grad():
        net.eval()
        assert F.mse_loss(net.decode(net.encode(x)[0]).sigmoid(), x) < 0.02
