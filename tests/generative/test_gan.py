"""GANs: the losses against torch's, the penalty against a critic of known gradient, the nets' shapes, the loop."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.generative import gan
from cnnlib.testing import assert_close
from cnnlib.training import set_seed

real, fake = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4
points = torch.zeros(9, 2)
G, D = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))

BAD = [
    (gan.DCGANGenerator, (64, 32, 1, 12), {}, "DCGANGenerator: size must be a power of 2 and at least 8, got 12"),
    (gan.DCGANGenerator, (0,), {}, "DCGANGenerator: latent must be at least 1, got 0"),
    (gan.DCGANGenerator(5, 2), (torch.zeros(3, 4),), {}, r"DCGANGenerator: input must be \(N, 5\), got shape \(3, 4\)"),
    (gan.DCGANDiscriminator, (8, 1, 4), {}, "DCGANDiscriminator: size must be a power of 2 and at least 8, got 4"),
    (gan.DCGANDiscriminator, (8,), {"norm": "layer"}, 'norm must be "batch" or "spectral", got \'layer\''),
    (gan.DCGANDiscriminator(2), (torch.zeros(3, 1, 8, 16),), {}, r"must be \(N, 1, 16, 16\), got shape \(3, 1, 8, 1"),
    (gan.discriminator_loss, (real, fake, "lsgan"), {}, "discriminator_loss: loss must be .*, got 'lsgan'"),
    (gan.discriminator_loss, (real, [1.0]), {}, "discriminator_loss: fake must be a tensor of floats, got list"),
    (gan.generator_loss, (fake, "logistic"), {}, "generator_loss: loss must be .*, got 'logistic'"),
    (gan.generator_loss, (torch.arange(3),), {}, "generator_loss: fake must be a tensor of floats, got torch.int64"),
    (gan.gradient_penalty, (D, points, points[:4]), {}, r"one shape \(N, …\), got \(9, 2\) and \(4, 2\)"),
    (gan.gradient_penalty, (D, points, points, -1.0), {}, "gradient_penalty: length must be at least 0, got -1.0"),
    (gan.descend, (None, 1.0), {}, "descend: loss must be a tensor of floats, got float"),
    (gan.descend, (None, torch.zeros(3)), {}, r"descend: loss must be one number, got shape \(3,\)"),
    (gan.sample_latents, (0, 3), {}, "sample_latents: count must be at least 1, got 0"),
    (gan.train_gan, (G, D, points, 0), {}, "train_gan: steps must be at least 1, got 0"),
    (gan.train_gan, (G, D, points[0], 3), {}, r"train_gan: images must be \(n, …\), got \(2,\)"),
    (gan.train_gan, (G, D, points, 3), {"loss": "lsgan"}, "train_gan: loss must be .*, got 'lsgan'"),
    (gan.train_gan, (G, D, points, 3), {"lr": 0}, "train_gan: lr"),
]


# ---- losses ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("loss", ["non_saturating", "saturating"])
def test_the_cross_entropies_are_torchs(loss):
    ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
    assert_close(gan.discriminator_loss(real, fake, loss), F.binary_cross_entropy_with_logits(real, ones)
                 + F.binary_cross_entropy_with_logits(fake, zeros), 1e-12)
    wanted = (F.binary_cross_entropy_with_logits(fake, ones) if loss == "non_saturating"
              else -F.binary_cross_entropy_with_logits(fake, zeros))
    assert_close(gan.generator_loss(fake, loss), wanted, 1e-12)


def test_hinge_and_wasserstein_are_the_papers():
    assert_close(gan.discriminator_loss(real, fake, "hinge"),
                 -torch.minimum(real - 1, 0 * real).mean() - torch.minimum(-fake - 1, 0 * fake).mean(), 1e-12)
    assert_close(gan.discriminator_loss(real, fake, "wasserstein"), fake.mean() - real.mean(), 1e-12)
    for loss in ("hinge", "wasserstein"):
        assert_close(gan.generator_loss(fake, loss), -fake.mean(), 1e-12)


def test_at_chance_and_far_out():
    zero = torch.zeros(4)
    assert_close(gan.discriminator_loss(zero, zero), 2 * math.log(2), 1e-6)
    far = torch.tensor([-1e4, 1e4])
    for loss in ("non_saturating", "saturating"):
        assert torch.isfinite(gan.generator_loss(far, loss)) and torch.isfinite(gan.discriminator_loss(far, far, loss))


@pytest.mark.parametrize("length", [1.0, 0.0])
def test_the_penalty_of_a_critic_with_a_known_gradient(length):
    w = torch.randn(2, 3, 5, dtype=torch.float64)

    def critic(x):                                                       # gradient w · x, number by number
        return (w * x**2).sum((1, 2, 3)) / 2

    net = nn.Module()
    net.forward = critic
    a, b = torch.randn(2, 6, 2, 3, 5, dtype=torch.float64)
    found = gan.gradient_penalty(net, a, b, length, torch.Generator().manual_seed(3))
    t = torch.rand(6, 1, 1, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    lengths = (w * (t * a + (1 - t) * b)).square().sum((1, 2, 3)).sqrt()
    assert_close(found, ((lengths - length)**2).mean(), 1e-12)


def test_the_penalty_reaches_the_critics_weights_only():
    net, a = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(5, 2, requires_grad=True)
    gan.gradient_penalty(net, torch.randn(5, 2), a).backward()
    assert net[0].weight.grad.abs().sum() > 0 and a.grad is None


# ---- networks --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("norm", ["batch", "spectral", None])
def test_shapes(size, norm):
    g, d = gan.DCGANGenerator(7, 4, 3, size), gan.DCGANDiscriminator(4, 3, size, norm)
    images = g(torch.randn(3, 7))
    assert images.shape == (3, 3, size, size) and images.abs().max() <= 1
    assert d(images).shape == (3,)
    kinds = [type(layer) for layer in d]
    assert (nn.BatchNorm2d in kinds) == (norm == "batch" and size > 8) and nn.Sigmoid not in kinds
    convs = [layer for layer in d if isinstance(layer, nn.Conv2d)]
    assert all(hasattr(conv, "parametrizations") == (norm == "spectral") for conv in convs)


def test_the_papers_form_at_its_size():
    g = gan.DCGANGenerator(100, 128, 3, 64)
    widths = [layer.out_channels for layer in g if isinstance(layer, nn.ConvTranspose2d)]
    assert widths == [1024, 512, 256, 128, 3]
    assert [layer.out_channels for layer in gan.DCGANDiscriminator(128, 3, 64) if isinstance(layer, nn.Conv2d)] == [
        128, 256, 512, 1024, 1]


# ---- the loop --------------------------------------------------------------------------------------------------------

def setting(**options):
    set_seed(0)
    g, d = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0))
    data = torch.randn(50, 2) + torch.tensor([3.0, -2.0])
    return g, d, *gan.train_gan(g, d, data, latent=3, batch_size=16, seed=1, **options)


def test_the_history_and_the_same_again():
    seen = []
    g, d, table, ema = setting(steps=5, after_step=lambda row: seen.append(row["step"]))
    assert list(table.columns) == ["step", "discriminator", "generator", "real", "fake"] and seen == [1, 2, 3, 4, 5]
    again = setting(steps=5)
    assert_close(again[0].weight.detach(), g.weight.detach(), 0)
    assert_close(again[2].to_numpy(), table.to_numpy(), 0)
    assert all(p.requires_grad for p in d.parameters()) and not torch.equal(ema.module.weight, g.weight)


def test_a_step_by_hand():
    """One step of each, written out, with torch's Adam: D first, then G against the new D."""
    set_seed(0)
    g, d = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0))
    data = torch.randn(50, 2) + torch.tensor([3.0, -2.0])
    chance = torch.Generator().manual_seed(1)
    for_g, for_d = (torch.optim.Adam(net.parameters(), 2e-3, (0.5, 0.999)) for net in (g, d))
    rows = torch.randint(50, (16,), generator=chance)
    made = g(torch.randn(16, 3, generator=chance)).detach()
    (F.softplus(-d(data[rows])).mean() + F.softplus(d(made)).mean()).backward()
    for_d.step()
    F.softplus(-d(g(torch.randn(16, 3, generator=chance)))).mean().backward()
    for_g.step()
    ours, theirs, *_ = setting(steps=1, decay=False)
    assert_close(ours.weight.detach(), g.weight.detach(), 1e-6)
    assert_close(theirs[0].weight.detach(), d[0].weight.detach(), 1e-6)


def test_it_finds_where_the_points_are():
    g, *_ = setting(steps=400, lr=2e-2)
    with torch.no_grad():
        made = g(gan.sample_latents(500, 3))
    assert (made.mean(0) - torch.tensor([3.0, -2.0])).norm() < 1.0
