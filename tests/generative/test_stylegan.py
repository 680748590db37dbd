"""StyleGAN: each formula by other means, what growing must leave as it was, the loop, and the shipped weights."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.generative import digit_scores, load_weights, sample_latents, stylegan
from cnnlib.testing import assert_close
from cnnlib.training import set_seed

X, W, S = torch.randn(3, 4, 5, 7), torch.randn(6, 4, 3, 3), torch.randn(3, 4)
STYLES, MEAN = torch.randn(3, 5, 8), torch.randn(8)
SMALL = stylegan.StyleGenerator(6, (4, 3), features=8)
CRITIC = stylegan.StyleDiscriminator((4, 3))
G, D = stylegan.StyleGenerator, stylegan.StyleDiscriminator

BAD = [
    (stylegan.fade_in, (X, X, 0.5), {}, r"new must be \(3, 4, 10, 14\), twice as high and wide as old, got \(3, 4, 5"),
    (stylegan.fade_in, (X, X, 1.5), {}, "fade_in: alpha must be from 0 to 1, got 1.5"),
    (stylegan.fade_in, (X.numpy(), X, 0.5), {}, "fade_in: old must be a tensor of floats, got ndarray"),
    (stylegan.modulated_conv2d, (X, W[:, :3], S), {}, r"weight must be \(C_out, 4, K, K\) with odd K, got \(6, 3, 3"),
    (stylegan.modulated_conv2d, (X, W[..., :2, :2], S), {}, r"with odd K, got \(6, 4, 2, 2\)"),
    (stylegan.modulated_conv2d, (X, W, S[:2]), {}, r"style must be \(3, 4\), one number for each channel of each ima"),
    (stylegan.modulated_conv2d, (X, W, S), {"eps": 0}, "modulated_conv2d: eps must be a number above 0, got 0"),
    (stylegan.mix_styles, (STYLES, STYLES[:2], 1), {}, r"second must have the shape of first, \(3, 5, 8\), got"),
    (stylegan.mix_styles, (STYLES, STYLES, 6), {}, "mix_styles: crossover must be from 0 to 5, got 6 to 6"),
    (stylegan.mix_styles, (STYLES, STYLES, 0.5), {}, "mix_styles: crossover must be an int or 3 ints, got torch.float"),
    (stylegan.truncate, (STYLES, MEAN[:3], 0.5), {}, r"truncate: input must be \(8,\), got shape \(3,\)"),
    (stylegan.truncate, (STYLES, MEAN, "0.5"), {}, "truncate: psi must be a number, got '0.5'"),
    (stylegan.mean_style, (nn.Linear(3, 2), 3, 0), {}, "mean_style: count must be at least 1, got 0"),
    (stylegan.mean_style, ("net",), {}, "mean_style: mapping must be an nn.Module, got str"),
    (stylegan.r1_penalty, (X[:, 0, 0, 0], X), {}, "r1_penalty: images must require gradients, before the logits"),
    (stylegan.r1_penalty, (X[0, 0], X.clone().requires_grad_()), {}, "logits must be one for each of 3 images, got"),
    (stylegan.EqualizedLinear, (0, 3), {}, "EqualizedLinear: in_features must be at least 1, got 0"),
    (stylegan.EqualizedLinear, (2, 3), {"lr_multiplier": 0}, "lr_multiplier must be a number above 0, got 0"),
    (stylegan.EqualizedLinear(2, 3), (X,), {}, r"EqualizedLinear: input must be \(\*, 2\), got shape \(3, 4, 5, 7\)"),
    (stylegan.EqualizedConv2d, (2, 3, 2), {}, "EqualizedConv2d: kernel_size must be odd, got 2"),
    (stylegan.EqualizedConv2d(2, 3), (X,), {}, r"EqualizedConv2d: input must be \(N, 2, H, W\), got shape"),
    (stylegan.StyleConv2d, (2, 3, 0), {}, "StyleConv2d: features must be at least 1, got 0"),
    (stylegan.StyleConv2d(4, 3, 8), (X, STYLES[:, 0, :5]), {}, r"EqualizedLinear: input must be \(\*, 8\), got shape"),
    (stylegan.MinibatchStd(), (MEAN,), {}, r"MinibatchStd: input must be \(N, C, H, W\), got shape \(8,\)"),
    (stylegan.MappingNetwork, (3, 4, 0), {}, "MappingNetwork: depth must be at least 1, got 0"),
    (stylegan.MappingNetwork(3), (S,), {}, r"MappingNetwork: input must be \(N, 3\), got shape \(3, 4\)"),
    (G, (6, ()), {}, "StyleGenerator: widths must have at least one number"),
    (G, (6, (4, 0)), {}, r"StyleGenerator: widths\[1\] must be at least 1, got 0"),
    (SMALL, (STYLES,), {}, r"StyleGenerator: input must be \(N, 3, 8\), got shape \(3, 5, 8\)"),
    (SMALL, (STYLES[:, :3], 3), {}, "StyleGenerator: stages must be from 1 to 2, got 3"),
    (D, ((4, 2.5),), {}, r"StyleDiscriminator: widths\[1\] must be an int, got 2.5"),
    (CRITIC, (torch.zeros(2, 1, 16, 16),), {}, r"must be alike and one of \[4, 8\], got shape \(2, 1, 16, 16\)"),
    (CRITIC, (torch.zeros(2, 1, 4, 8),), {}, r"must be alike and one of \[4, 8\], got shape \(2, 1, 4, 8\)"),
    (stylegan.train_stylegan, (SMALL, CRITIC, torch.zeros(9, 1, 16, 16), (1, 1)), {}, r"must be \(n, C, 8, 8\), got"),
    (stylegan.train_stylegan, (SMALL, CRITIC, torch.zeros(9, 1, 8, 8)), {}, r"steps must be 2 numbers, got \(250, 75"),
    (stylegan.train_stylegan, (SMALL, CRITIC, torch.zeros(9, 1, 8, 8), (0, 0)), {}, "steps must not all be 0"),
    (stylegan.train_stylegan, (SMALL, CRITIC, torch.zeros(9, 1, 8, 8), (1, 1)), {"mixing": 2}, "mixing must be from 0"),
]


# ---- functions -------------------------------------------------------------------------------------------------------

def test_a_modulated_convolution_is_one_of_as_many_groups_as_images():
    x, w, s = X.double(), W.double(), S.double()
    kernels = s[:, None, :, None, None] * w
    for demodulate in (False, True):
        if demodulate:
            kernels = F.normalize(kernels.flatten(2), dim=2).reshape(kernels.shape)
        grouped = F.conv2d(x.reshape(1, -1, 5, 7), kernels.flatten(0, 1), padding=1, groups=3).reshape(3, 6, 5, 7)
        assert_close(stylegan.modulated_conv2d(x, w, s, demodulate), grouped, 1e-7)


def test_demodulation_gives_variance_one_and_forgets_the_length_of_the_style():
    x = torch.randn(3, 4, 60, 70, generator=torch.Generator().manual_seed(0))
    out = stylegan.modulated_conv2d(x, W, S)[..., 1:-1, 1:-1]
    assert_close(out.var((2, 3)), torch.ones(3, 6), 0.1)
    assert_close(stylegan.modulated_conv2d(x, W, 3 * S)[..., 1:-1, 1:-1], out, 1e-5)


def test_fading_begins_as_the_old_and_ends_as_the_new():
    new = torch.randn(3, 4, 10, 14)
    up = nn.Upsample(scale_factor=2, mode="bilinear")(X)
    for alpha in (0.0, 0.3, 1.0):
        assert_close(stylegan.fade_in(X, new, alpha), (1 - alpha) * up + alpha * new, 1e-6)
    assert torch.equal(stylegan.fade_in(X, new, 0), up)


def test_mixing_with_one_crossover_and_with_one_for_each():
    other = STYLES + 1
    for cuts in ([2, 2, 2], [0, 3, 5]):
        mixed = stylegan.mix_styles(STYLES, other, torch.tensor(cuts))
        for n, cut in enumerate(cuts):
            assert torch.equal(mixed[n], torch.cat([STYLES[n, :cut], other[n, cut:]]))
    assert torch.equal(stylegan.mix_styles(STYLES, other, 2), stylegan.mix_styles(STYLES, other, torch.full((3,), 2)))


def test_truncation_and_its_mean():
    assert_close(stylegan.truncate(STYLES, MEAN, 0.7), 0.7 * STYLES + 0.3 * MEAN, 1e-6)
    mapping = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with torch.no_grad():
        mapping[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 2, 0]]))
        mapping[0].bias.zero_()
    expected = torch.tensor([1.0, 2.0]) / math.sqrt(2 * math.pi)         # E relu(z) = 1 / √(2π)
    assert_close(stylegan.mean_style(mapping, 3, 40_000), expected, 0.02)


def test_r1_of_a_critic_with_a_known_gradient():
    w, x = torch.randn(2, 3, 5, 7, dtype=torch.float64).split(1), torch.randn(4, 3, 5, 7, dtype=torch.float64)
    x.requires_grad_()
    penalty = stylegan.r1_penalty((w[0] * x**2).sum((1, 2, 3)) / 2, x)
    assert_close(penalty.detach(), (w[0] * x).square().sum((1, 2, 3)).mean().detach(), 1e-12)
    assert penalty.requires_grad


# ---- layers ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("multiplier", [1.0, 0.1])
def test_equalized_layers_scale_when_they_run(multiplier):
    set_seed(0)
    layer = stylegan.EqualizedLinear(300, 200, 0.5, multiplier)
    assert layer.weight.std().item() == pytest.approx(1 / multiplier, rel=0.02)
    x = torch.randn(4, 300)
    assert_close(layer(x).detach(), F.linear(x, layer.weight * multiplier / 300**0.5).detach() + 0.5, 1e-5)
    assert layer(torch.randn(500, 300)).std().item() == pytest.approx(1, rel=0.05)


def test_an_equalized_convolution_keeps_the_variance_and_strides():
    set_seed(0)
    layer = stylegan.EqualizedConv2d(30, 40)
    assert layer(torch.randn(9, 30, 20, 24))[..., 1:-1, 1:-1].var().item() == pytest.approx(1, rel=0.06)
    assert stylegan.EqualizedConv2d(4, 2, stride=2)(torch.randn(3, 4, 6, 8)).shape == (3, 2, 3, 4)


def test_a_style_layer_written_out():
    layer, style = stylegan.StyleConv2d(4, 6, 8), STYLES[:, 0]
    x = stylegan.modulated_conv2d(X, layer.conv.weight * layer.conv.scale, layer.affine(style))
    with torch.no_grad():
        layer.strength.fill_(0.5)
    noise = torch.randn(3, 1, 5, 7, generator=torch.Generator().manual_seed(1))
    assert_close(layer(X, style, torch.Generator().manual_seed(1)).detach(),
                 (F.leaky_relu(x + 0.5 * noise, 0.2) * 2**0.5).detach(), 1e-5)
    assert stylegan.StyleConv2d(4, 6, 8, up=True)(X, style).shape == (3, 6, 10, 14)


def test_minibatch_std_sees_copies():
    out = stylegan.MinibatchStd()(X)
    assert out.shape == (3, 5, 5, 7)
    assert_close(out[:, 4], torch.full((3, 5, 7), float(X.numpy().std(0).mean())), 1e-5)
    assert stylegan.MinibatchStd()(X[:1].expand(3, -1, -1, -1))[:, 4].max() < 2e-4


# ---- networks --------------------------------------------------------------------------------------------------------

def test_growing_changes_nothing_at_first():
    set_seed(0)
    g, d = G(6, (8, 6, 4), features=5), D((8, 6, 4))
    style, images = torch.randn(3, 5), torch.randn(3, 1, 16, 16)
    with torch.no_grad():
        for stages in (2, 3):
            small, grown = g(style, stages - 1), g(style, stages)
            assert torch.equal(g(style, stages, 0.0), F.interpolate(small, scale_factor=2, mode="bilinear"))
            assert_close(g(style, stages, 0.3), stylegan.fade_in(small, grown, 0.3), 1e-5)
            assert not torch.allclose(grown, g(style, stages, 0.5), atol=1e-3)
            x = images[..., : 2 * 2**stages, : 2 * 2**stages]
            assert torch.equal(d(x, 0.0), d(F.avg_pool2d(x, 2)))
    assert grown.shape == (3, 1, 16, 16) and d(images).shape == (3,)


def test_each_layer_has_its_own_style():
    set_seed(0)
    g = G(6, (8, 6), features=5)
    styles = torch.randn(2, 3, 5)
    with torch.no_grad():
        assert torch.equal(g(styles[:, :1].expand(-1, 3, -1)), g(styles[:, 0]))
        for layer in range(3):
            changed = styles.clone()
            changed[0, layer] += 1
            difference = (g(changed) - g(styles)).abs().flatten(1).amax(1)
            assert difference[0] > 1e-3 and difference[1] == 0
        quiet, one, two = g(styles), *(g(styles, noise=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        assert torch.equal(quiet, one)                                   # strengths are 0 at the start
        g.layers[1].strength.fill_(1)
        one, two = (g(styles, noise=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        assert not torch.allclose(one, two, atol=1e-3)


def test_the_mapping_does_not_see_the_length_of_z():
    mapping, z = stylegan.MappingNetwork(6, 8), torch.randn(3, 6)
    assert_close(mapping(5 * z).detach(), mapping(z).detach(), 1e-5)


# ---- the loop --------------------------------------------------------------------------------------------------------

def setting(**options):
    set_seed(0)
    g, d = G(6, (8, 6), features=5), D((8, 6))
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    return g, d, *stylegan.train_stylegan(g, d, images, (3, 4), batch_size=4, r1_every=2, fade=0.5, seed=1, **options)


def test_the_history_and_the_same_again():
    seen = []
    g, d, table, ema = setting(after_step=lambda row: seen.append(row["step"]))
    assert list(table.columns) == ["step", "stage", "alpha", "discriminator", "generator", "real", "fake"]
    assert seen == list(range(1, 8)) and table.stage.tolist() == [0, 0, 0, 1, 1, 1, 1]
    np.testing.assert_allclose(table.alpha, [1, 1, 1, 0.5, 1, 1, 1])
    again = setting()
    assert torch.equal(again[0].constant, g.constant) and torch.equal(again[1].head.weight, d.head.weight)
    assert not torch.equal(ema.module.constant, g.constant) and all(p.requires_grad for p in d.parameters())


def test_the_penalty_changes_the_discriminator():
    with_penalty, without = setting(), setting(r1=0)
    assert not torch.equal(with_penalty[1].head.weight, without[1].head.weight)


def test_the_weights_of_the_course_draw_digits():
    net = load_weights(G(), "stylegan")
    with torch.no_grad():
        samples = net(net.mapping(sample_latents(1000, net.latent)))
    scores = digit_scores(samples.clamp(-1, 1) / 2 + 0.5)
    assert scores["confident"] > 0.7 and scores["entropy"] > 0.98 and scores["distance"] < 20
